//! What came of tests, for people: a line a test, then each failure drawn.

use std::fmt::Write;
use std::time::Duration;

use flow_diagnostics::{escape, render};
use flow_project::Project;

use super::report::{time, what};
use super::{Ended, Problem, picture};
use crate::terminal::{BOLD, DIM, GREEN, RED, Stream, YELLOW, unicode};
use crate::text;
use unicode_width::UnicodeWidthStr;

/// Columns that titles are padded to at most: what stands behind them is then still found.
const TITLE_MAX: usize = 72;

pub fn told(ended: &[Ended], project: &Project, took: Duration, trace: bool) -> String {
    let width = Stream::Out.width().unwrap_or(100);
    let mut out = String::new();
    if ended.is_empty() {
        let _ = writeln!(out, "there are no tests; write one: `test \"what it shows\" {{ … }}`");
        return out;
    }
    let (good, bad) = if unicode() { ("✓", "✗") } else { ("ok", "FAILED") };
    for file in ended.chunk_by(|a, b| a.at.at.file == b.at.at.file) {
        let name = project.sources().name(file[0].at.at.file);
        let _ = writeln!(out, "{BOLD}{}{BOLD:#}", escape(name));
        let widest =
            file.iter().map(|one| UnicodeWidthStr::width(&*escape(&one.at.title))).max().unwrap_or(0);
        let column = widest.min(TITLE_MAX).min(width.saturating_sub(16));
        for one in file {
            let title = escape(&one.at.title).into_owned();
            let shown = text::fit(&title, width.saturating_sub(16).max(12));
            let gap = " ".repeat(column.saturating_sub(UnicodeWidthStr::width(&*shown)));
            let mark = match one.passed() {
                true => format!("{GREEN}{good}{GREEN:#}"),
                false => format!("{RED}{bad}{RED:#}"),
            };
            let _ = writeln!(out, "  {mark} {shown}{gap}  {DIM}{:>8}{DIM:#}", time(one.took_us));
            if let Ok(report) = &one.result {
                if trace {
                    report.trace.iter().for_each(|line| {
                        let _ = writeln!(out, "    {DIM}{}{DIM:#}", escape(line));
                    });
                }
                for note in &report.notes {
                    let _ = writeln!(out, "    {YELLOW}note{YELLOW:#}: {}", escape(note));
                }
            }
        }
    }
    for one in ended.iter().filter(|one| !one.passed()) {
        out.push('\n');
        out.push_str(&failed(one, project, width));
    }
    out.push('\n');
    out.push_str(&summary(ended, took));
    out
}

fn failed(one: &Ended, project: &Project, width: usize) -> String {
    match &one.result {
        Ok(report) => {
            report.fault.as_ref().map_or_else(String::new, |fault| picture::drawn(fault, one, project, width))
        }
        Err(Problem::Diagnostics(diagnostics)) => {
            let mut diagnostics = diagnostics.clone();
            render::sort(&mut diagnostics, project.sources());
            let head = picture::head(one, None, project);
            format!("{head}\n{}", render::human(&diagnostics, project.sources(), &Stream::Out.look()))
        }
        Err(problem) => format!("{}\n  {}\n", picture::head(one, None, project), what(problem)),
    }
}

fn summary(ended: &[Ended], took: Duration) -> String {
    let failed = ended.iter().filter(|one| !one.passed()).count();
    let passed = ended.len() - failed;
    let took = time(took.as_micros() as u64);
    match failed {
        0 => format!("{GREEN}{BOLD}{passed} passed{BOLD:#}{GREEN:#} in {took}\n"),
        _ => format!("{RED}{BOLD}{failed} failed{BOLD:#}{RED:#}, {passed} passed in {took}\n"),
    }
}
