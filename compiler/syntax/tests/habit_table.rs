//! The table of habits, `habits.txt`: each wrong text has exactly its one diagnostic, at its line, and the fix leaves none.
#![allow(missing_docs)]

mod common;

use common::{mended, parse, shown};

const TABLE: &str = include_str!("habits.txt");
/// What stands around a step.
const BEFORE: &str = "flow f(a: int, b: bool) -> int {\n  before()\n";
const AFTER: &str = "\n  after()\n}\n";

/// What stands in place of the mended text where no edit is certain: there is help, and no fix.
const NO_FIX: &str = "(help alone)";

struct Row<'t> {
    is_step: bool,
    name: &'t str,
    line: usize,
    wrong: &'t str,
    right: &'t str,
}

fn rows() -> Vec<Row<'static>> {
    let row = |text: &'static str| {
        let (head, rest) = text.trim_start_matches('\n').split_once("\n<<<\n")?;
        let (wrong, right) = rest.split_once("\n>>>\n")?;
        let mut words = head.split(' ');
        let is_step = words.next()? == "step";
        let name = words.next()?;
        let line = words.next()?.strip_prefix('@')?.parse().ok()?;
        Some(Row { is_step, name, line, wrong, right })
    };
    let table = TABLE.split_once("\n\n").map_or("", |(_, rows)| rows);
    table
        .split("\n===\n")
        .filter(|r| !r.trim().is_empty())
        .map(|r| row(r).expect("a row of the form"))
        .collect()
}

fn whole(row: &Row<'_>, text: &str) -> String {
    if row.is_step { format!("{BEFORE}{text}{AFTER}") } else { format!("{text}\n") }
}

#[test]
fn each_habit_is_told_once_at_its_line_and_mended() {
    let rows = rows();
    assert!(rows.len() >= 100, "{}", rows.len());
    let mut wrong = Vec::new();
    for row in &rows {
        let text = whole(row, row.wrong);
        let (_, found) = parse(&text);
        let line = |at: u32| text[..at as usize].matches('\n').count() + 1 - if row.is_step { 2 } else { 0 };
        let as_told = match &found[..] {
            [one] => one.code.info().name == row.name && line(one.primary.at.span.start) == row.line,
            _ => false,
        };
        if !as_told {
            wrong.push(format!("{}\n{}", row.wrong, shown(&text)));
            continue;
        }
        if row.right == NO_FIX {
            if !found[0].fixes.is_empty() || found[0].help.is_none() {
                wrong.push(format!("{}: help alone is due\n{}", row.wrong, shown(&text)));
            }
            continue;
        }
        if found[0].fixes.is_empty() {
            wrong.push(format!("no fix for {}\n{}", row.wrong, shown(&text)));
            continue;
        }
        let now = mended(&text);
        let expected = whole(row, row.right);
        let blank = |t: &str| t.lines().map(str::trim_end).collect::<Vec<_>>().join("\n");
        if blank(&now) != blank(&expected) || !shown(&now).is_empty() {
            wrong.push(format!("{}\nbecame\n{now}\n{}", row.wrong, shown(&now)));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
}
