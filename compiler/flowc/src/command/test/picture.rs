//! A failure, drawn: the condition, and beneath it the values of its parts.
//!
//! ```text
//! expect calls(critique) == 3 && article.score > 4
//!        │                    ╰ false  ╰ 3     ╰ false
//! ```

use std::fmt::Write;

use flow_diagnostics::escape;
use flow_project::Project;
use flow_testing::{Fault, Shown};

use super::Ended;
use crate::terminal::{BOLD, CYAN, DIM, RED, YELLOW, unicode};
use crate::text;
use unicode_width::UnicodeWidthStr;

/// Columns of a value that stands under its part.
const VALUE_MAX: usize = 40;

/// The head of a failure: where, and of which test.
pub fn head(one: &Ended, fault: Option<&Fault>, project: &Project) -> String {
    let file = one.at.at.file;
    let start = fault.and_then(|fault| fault.span).map_or(one.at.at.span.start, |span| span.start);
    let line = project.sources().position(file, start).line;
    let name = project.sources().name(file);
    let title = escape(&one.at.title);
    format!("{RED}{BOLD}{title}{BOLD:#}{RED:#}  {DIM}{}:{line}{DIM:#}", escape(name))
}

/// Draws a failure with colours, for so many columns.
pub fn drawn(fault: &Fault, one: &Ended, project: &Project, width: usize) -> String {
    let mut out = format!("{}\n", head(one, Some(fault), project));
    out += &source(fault, one, project, width);
    let _ = writeln!(out, "  {RED}{}{RED:#}", escape(&fault.message));
    if let Some((step, place)) = &fault.step {
        let at = place.as_ref().map_or_else(String::new, |place| format!(", {}", escape(place)));
        let _ = writeln!(out, "  {DIM}at{DIM:#} {}{at}", escape(step));
    }
    for note in &fault.notes {
        let _ = writeln!(out, "  {DIM}{}{DIM:#}", text::fit(&escape(note), width.saturating_sub(2)));
    }
    if let Some(help) = &fault.help {
        let _ = writeln!(out, "  {CYAN}help{CYAN:#}: {}", escape(help));
    }
    out
}

/// Draws a failure without colours.
pub fn plain(fault: &Fault, one: &Ended, project: &Project) -> String {
    let drawn = drawn(fault, one, project, 100);
    anstream::adapter::strip_str(&drawn).to_string()
}

/// The text of the part of the test that the failure is about, with values.
fn source(fault: &Fault, one: &Ended, project: &Project, width: usize) -> String {
    let Some(span) = fault.span else { return String::new() };
    let text = project.sources().text(one.at.at.file);
    let written = text.get(span.start as usize..span.end as usize).unwrap_or_default();
    let (indent, bar) = ("  ", if unicode() { "│" } else { "|" });
    let mut out = String::new();
    for line in written.lines() {
        let _ = writeln!(out, "{indent}{}", escape(line));
    }
    let slice = |part: &Shown| {
        let part = text.get(part.span.start as usize..part.span.end as usize).unwrap_or_default();
        part.split_whitespace().collect::<Vec<_>>().join(" ")
    };
    let columns: Option<Vec<(usize, String)>> = match written.contains('\n') || written.contains('\t') {
        true => None,
        false => columns(fault, span.start, text, written, width.saturating_sub(indent.len())),
    };
    match columns {
        Some(columns) => {
            for row in rows(columns, bar) {
                let _ = writeln!(out, "{indent}{YELLOW}{row}{YELLOW:#}");
            }
        }
        None => {
            for part in &fault.parts {
                let line = format!("{} = {}", slice(part), part.value);
                let shown = text::fit(&escape(&line), width.saturating_sub(4).max(20)).to_string();
                let _ = writeln!(out, "    {YELLOW}{shown}{YELLOW:#}");
            }
        }
    }
    out
}

/// The column of each value beneath the condition, if all fit.
fn columns(
    fault: &Fault,
    start: u32,
    text: &str,
    written: &str,
    width: usize,
) -> Option<Vec<(usize, String)>> {
    if UnicodeWidthStr::width(written) > width {
        return None;
    }
    let mut columns: Vec<(usize, String)> = Vec::with_capacity(fault.parts.len());
    for part in &fault.parts {
        let before = text.get(start as usize..part.anchor.start as usize)?;
        let column = UnicodeWidthStr::width(before);
        let value = escape(&part.value).into_owned();
        let value = text::fit(&value, VALUE_MAX.max(width / 2)).to_string();
        if column + UnicodeWidthStr::width(value.as_str()) > width {
            return None;
        }
        // Of two that stand at one place the outer one is told.
        if columns.iter().all(|(known, _)| *known != column) {
            columns.push((column, value));
        }
    }
    columns.sort_by_key(|(column, _)| *column);
    Some(columns)
}

/// Lays values out beneath their columns, the last ones first, as many in a row as have room.
fn rows(columns: Vec<(usize, String)>, bar: &str) -> Vec<String> {
    let mut rows = Vec::new();
    if columns.is_empty() {
        return rows;
    }
    rows.push(row(columns.iter().map(|(column, _)| (*column, bar))));
    let mut open = columns;
    while !open.is_empty() {
        let mut shown: Vec<(usize, String)> = Vec::new();
        let mut left: Vec<(usize, String)> = Vec::new();
        let mut room = usize::MAX;
        for (column, value) in open.into_iter().rev() {
            let end = column + UnicodeWidthStr::width(value.as_str());
            if end < room {
                room = column;
                shown.push((column, value));
            } else {
                room = column;
                shown.push((column, bar.to_owned()));
                left.push((column, value));
            }
        }
        shown.reverse();
        left.reverse();
        rows.push(row(shown.iter().map(|(column, value)| (*column, value.as_str()))));
        open = left;
    }
    rows
}

fn row<'s>(parts: impl Iterator<Item = (usize, &'s str)>) -> String {
    let mut out = String::new();
    let mut at = 0;
    for (column, part) in parts {
        out.push_str(&" ".repeat(column.saturating_sub(at)));
        out.push_str(part);
        at = column.max(at) + UnicodeWidthStr::width(part);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_stand_beneath_their_parts() {
        let columns = vec![(0, "2".to_owned()), (10, "false".to_owned()), (13, "{\"a\":1}".to_owned())];
        let drawn = rows(columns, "|").join("\n");
        assert_eq!(drawn, "|         |  |\n2         |  {\"a\":1}\n          false");
    }
}
