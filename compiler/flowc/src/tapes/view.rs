//! A stale entry as people read it: which step, and each part that is another now, as what it was and what it is.

use flow_diagnostics::escape;
use flow_host::tape::{Change, Stale, Why};
use serde_json::Value;
use unicode_width::UnicodeWidthStr;

use crate::terminal::{BOLD, CYAN, DIM, GREEN, RED};
use crate::text;

/// Lines of one part at most, and of all parts of an entry.
const PART_LINES_MAX: usize = 14;
const LINES_MAX: usize = 60;
/// Lines of a text beyond which its lines are no longer held against each other one by one.
const COMPARED_MAX: usize = 400;
/// How much stands before what differs where a line is too long, as a part of the width.
const BEFORE: usize = 3;

/// One line of a difference.
enum Line<'a> {
    Same(&'a str),
    Was(&'a str),
    Now(&'a str),
}

/// Draws an entry in lines of at most `width` columns.
pub fn view(stale: &Stale, width: usize) -> String {
    let width = width.max(28);
    let name = stale.key.to_string().replace('`', "");
    let why = match stale.why {
        Why::Missing => " has no entry",
        Why::Kind => " is of another kind",
        Why::Changed if stale.changes.is_empty() => " has another fingerprint",
        Why::Changed => " asks something else",
    };
    let name = escape(&name).into_owned();
    let mut out = match 2 + name.width() + why.width() <= width {
        true => format!("  {BOLD}{name}{BOLD:#}{why}\n"),
        false => format!("  {BOLD}{}{BOLD:#}\n   {why}\n", text::fit_left(&name, width - 2)),
    };
    let mut left = LINES_MAX;
    for (at, change) in stale.changes.iter().enumerate() {
        let lines = part(change, width);
        if lines.len() > left {
            out.push_str(&format!("    {DIM}and {} more parts{DIM:#}\n", stale.changes.len() - at));
            break;
        }
        left -= lines.len();
        lines.iter().for_each(|line| out.push_str(&format!("{line}\n")));
    }
    out
}

/// Draws one part: on a line if both fit, else one above the other.
fn part(change: &Change, width: usize) -> Vec<String> {
    let (was, now) = (shown(change.was.as_ref()), shown(change.now.as_ref()));
    let name = escape(&change.part).into_owned();
    let is_short = |text: &str| !text.contains('\n');
    let columns = 4 + name.width() + 2 + was.width() + 3 + now.width();
    if is_short(&was) && is_short(&now) && columns <= width.min(80) {
        return vec![format!("    {CYAN}{name}{CYAN:#}: {RED}{was}{RED:#} → {GREEN}{now}{GREEN:#}")];
    }
    let mut lines = vec![format!("    {CYAN}{}{CYAN:#}", text::fit_left(&name, width - 4))];
    let compared = compare(&was, &now);
    let total = compared.len();
    let is_cut = total > PART_LINES_MAX;
    let room = width - 6;
    for (at, line) in compared.iter().enumerate().take(if is_cut { PART_LINES_MAX - 1 } else { total }) {
        lines.push(match line {
            Line::Same(text) => format!("    {DIM}  {}{DIM:#}", text::fit(text, room)),
            Line::Was(text) => {
                format!("    {RED}- {}{RED:#}", around(text, differs(&compared, at), room))
            }
            Line::Now(text) => {
                format!("    {GREEN}+ {}{GREEN:#}", around(text, differs(&compared, at), room))
            }
        });
    }
    if is_cut {
        lines.push(format!("    {DIM}  … {} more lines{DIM:#}", total - (PART_LINES_MAX - 1)));
    }
    lines
}

/// Returns a value as text: strings as they are, all else as JSON; control characters are shown.
fn shown(value: Option<&Value>) -> String {
    match value {
        None => String::from("nothing"),
        Some(Value::String(text)) => text.split('\n').map(escape).collect::<Vec<_>>().join("\n"),
        Some(json) => escape(&json.to_string()).into_owned(),
    }
}

/// Returns the lines of two texts that differ, each change with a line before and behind it.
fn compare<'a>(was: &'a str, now: &'a str) -> Vec<Line<'a>> {
    let (was, now): (Vec<&str>, Vec<&str>) = (was.split('\n').collect(), now.split('\n').collect());
    let begin = was.iter().zip(&now).take_while(|(one, other)| one == other).count();
    let (was_rest, now_rest) = (&was[begin..], &now[begin..]);
    let end =
        was_rest.iter().rev().zip(now_rest.iter().rev()).take_while(|(one, other)| one == other).count();
    let (was_rest, now_rest) = (&was_rest[..was_rest.len() - end], &now_rest[..now_rest.len() - end]);
    let mut lines = Vec::new();
    lines.extend(begin.checked_sub(1).map(|at| Line::Same(was[at])));
    match was_rest.len() <= COMPARED_MAX && now_rest.len() <= COMPARED_MAX {
        true => common(was_rest, now_rest, &mut lines),
        false => {
            lines.extend(was_rest.iter().map(|line| Line::Was(line)));
            lines.extend(now_rest.iter().map(|line| Line::Now(line)));
        }
    }
    lines.extend((end > 0).then(|| Line::Same(was[was.len() - end])));
    lines
}

/// Holds lines against each other by the longest sequence that both have; what is the same in between is one line.
fn common<'a>(was: &[&'a str], now: &[&'a str], lines: &mut Vec<Line<'a>>) {
    let columns = now.len() + 1;
    let mut longest = vec![0u16; (was.len() + 1) * columns];
    for i in (0..was.len()).rev() {
        for j in (0..now.len()).rev() {
            longest[i * columns + j] = match was[i] == now[j] {
                true => longest[(i + 1) * columns + j + 1] + 1,
                false => longest[(i + 1) * columns + j].max(longest[i * columns + j + 1]),
            };
        }
    }
    let (mut i, mut j) = (0, 0);
    while i < was.len() || j < now.len() {
        if i < was.len() && j < now.len() && was[i] == now[j] {
            if !matches!(lines.last(), Some(Line::Same(_))) {
                lines.push(Line::Same(was[i]));
            }
            (i, j) = (i + 1, j + 1);
        } else if i < was.len()
            && (j == now.len() || longest[(i + 1) * columns + j] >= longest[i * columns + j + 1])
        {
            lines.push(Line::Was(was[i]));
            i += 1;
        } else {
            lines.push(Line::Now(now[j]));
            j += 1;
        }
    }
}

/// Returns in which character a line first differs from the one that it is held against: in a block of changes, the one
/// with the same place among the other kind.
fn differs(lines: &[Line<'_>], at: usize) -> usize {
    let is_was = |line: &Line<'_>| matches!(line, Line::Was(_));
    let is_now = |line: &Line<'_>| matches!(line, Line::Now(_));
    let text = |at: usize| match lines.get(at) {
        Some(Line::Was(text) | Line::Now(text)) => *text,
        _ => "",
    };
    let back = |from: usize, of: &dyn Fn(&Line<'_>) -> bool| {
        lines[..from].iter().rev().take_while(|line| of(line)).count()
    };
    let other = if is_was(&lines[at]) {
        let first = at - back(at, &is_was);
        let count = lines[first..].iter().take_while(|line| is_was(line)).count();
        let found = first + count + (at - first);
        lines.get(first + count..=found).filter(|block| block.iter().all(is_now)).map(|_| found)
    } else {
        let first = at - back(at, &is_now);
        let before = first - back(first, &is_was);
        Some(before + (at - first)).filter(|found| *found < first)
    };
    match other {
        Some(other) => {
            text(at).chars().zip(text(other).chars()).take_while(|(one, other)| one == other).count()
        }
        None => 0,
    }
}

/// Cuts a line to a width so that what differs is seen.
fn around(line: &str, differs: usize, width: usize) -> String {
    if line.width() <= width {
        return line.to_owned();
    }
    let from = differs.saturating_sub(width / BEFORE).min((line.chars().count() + 1).saturating_sub(width));
    if from < 2 {
        return text::fit(line, width).into_owned();
    }
    let rest: String = line.chars().skip(from).collect();
    format!("…{}", text::fit(&rest, width - 1))
}

#[cfg(test)]
mod tests {
    use flow_host::tape::Key;
    use serde_json::json;

    use super::*;

    fn stale(changes: &[(&str, Value, Value)]) -> Stale {
        let changes = changes.iter().map(|(part, was, now)| Change {
            part: (*part).to_owned(),
            was: Some(was.clone()).filter(|value| !value.is_null()),
            now: Some(now.clone()).filter(|value| !value.is_null()),
        });
        Stale {
            key: Key {
                coordinate: String::from("write_article/polish[0]/route:revise/text"),
                attempt: 0,
                repair: 1,
            },
            kind: String::from("prompt"),
            why: Why::Changed,
            changes: changes.collect(),
        }
    }

    fn plain(stale: &Stale, width: usize) -> String {
        let drawn = anstream::adapter::strip_str(&view(stale, width)).to_string();
        for line in drawn.lines() {
            assert!(line.width() <= width, "{line}");
        }
        drawn
    }

    fn sample() -> Stale {
        let was = "You are an editor.\nBe brief.\nOne\nTwo\nThree\nName the three weakest sentences of the draft, and say of each of them why it is weak and how it could be better.\nEnd.";
        let now = was.replace("how it could be", "what would make it").replace("Two\n", "");
        stale(&[
            ("user", json!(was), json!(now)),
            ("temperature", json!(0.2), json!(0.7)),
            ("seed", Value::Null, json!(7)),
            ("schema score.maximum", json!(5), json!(10)),
            (
                "tool search",
                json!({"name": "search", "description": "Looks things up on the web, and in the archive."}),
                Value::Null,
            ),
        ])
    }

    #[test]
    fn it_is_drawn_on_narrow_and_wide_terminals() {
        insta::assert_snapshot!(plain(&sample(), 40));
        insta::assert_snapshot!(plain(&sample(), 120));
    }

    #[test]
    fn it_is_bounded_whatever_changed() {
        let long = |n: usize| {
            json!((0..n).map(|line| format!("{line}{}", "x\u{7}".repeat(500))).collect::<Vec<_>>().join("\n"))
        };
        let many: Vec<_> = (0..40).map(|_| ("user", long(3), long(5_000))).collect();
        let drawn = plain(&stale(&many), 40);
        assert!(drawn.lines().count() <= LINES_MAX + 4, "{}", drawn.lines().count());
        assert!(!drawn.contains('\u{7}'));
        assert!(drawn.contains("more lines") && drawn.contains("more parts"), "{drawn}");
        plain(&stale(&[("user", json!("日本".repeat(50)), json!("日本".repeat(49) + "語"))]), 28);
    }

    #[test]
    fn what_differs_in_a_long_line_is_seen() {
        let line = |word: &str| json!(format!("{} {word} {}", "a".repeat(300), "b".repeat(300)));
        let drawn = plain(&stale(&[("url", line("was"), line("now"))]), 40);
        assert!(drawn.contains("was") && drawn.contains("now"), "{drawn}");
    }
}
