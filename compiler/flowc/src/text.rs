//! Numbers, times and money as people read them, and texts that fit.

use std::borrow::Cow;

use flow_runtime_api::{Cost, Time, Usage};
use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

/// `0.3s`, `12.0s`, `2m03s`, `1h04m`, `3d02h`.
pub fn duration(ms: u64) -> String {
    let seconds = ms / 1000;
    match seconds {
        0..60 => format!("{}.{}s", seconds, ms % 1000 / 100),
        60..3600 => format!("{}m{:02}s", seconds / 60, seconds % 60),
        3600..86_400 => format!("{}h{:02}m", seconds / 3600, seconds / 60 % 60),
        _ => format!("{}d{:02}h", seconds / 86_400, seconds / 3600 % 24),
    }
}

/// `just now`, `3m ago`, `2d ago`.
pub fn ago(at: Time, now: Time) -> String {
    let seconds = now.since(at) / 1000;
    match seconds {
        0..10 => "just now".into(),
        10..60 => format!("{seconds}s ago"),
        60..3600 => format!("{}m ago", seconds / 60),
        3600..86_400 => format!("{}h ago", seconds / 3600),
        _ => format!("{}d ago", seconds / 86_400),
    }
}

/// `1,234`.
pub fn number(n: u64) -> String {
    let digits = n.to_string();
    let mut out = String::with_capacity(digits.len() + digits.len() / 3);
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// `312 in, 45 out`; empty if nothing was counted.
pub fn tokens(usage: &Usage) -> String {
    match (usage.input_tokens, usage.output_tokens) {
        (0, 0) => String::new(),
        (input, output) => format!("{} in, {} out", number(input), number(output)),
    }
}

/// `$0.0123`, `at least $0.50`, `cost unknown`. Small sums keep two digits that say something.
pub fn cost(cost: &Cost) -> String {
    match (cost.nanodollars, cost.complete) {
        (0, false) => "cost unknown".into(),
        (nanodollars, true) => dollars(nanodollars),
        (nanodollars, false) => format!("at least {}", dollars(nanodollars)),
    }
}

/// `$0`, `$0.000042`, `$1.25`.
pub fn dollars(nanodollars: u64) -> String {
    let usd = nanodollars as f64 / 1e9;
    match nanodollars {
        0 => "$0".into(),
        1..1_000 => "under $0.000001".into(),
        1_000..100_000 => format!("${usd:.6}"),
        100_000..10_000_000 => format!("${usd:.5}"),
        10_000_000..1_000_000_000 => format!("${usd:.4}"),
        _ => format!("${usd:.2}"),
    }
}

/// Reads a duration as the language writes it, `1h30m`, `250ms`: units fall from large to small. In nanoseconds.
pub fn parse_duration(text: &str) -> Result<i64, String> {
    const UNITS: [(&str, i64); 6] = [
        ("d", 86_400_000_000_000),
        ("h", 3_600_000_000_000),
        ("m", 60_000_000_000),
        ("s", 1_000_000_000),
        ("ms", 1_000_000),
        ("us", 1_000),
    ];
    let wrong = || format!("`{text}` is no duration: write it as `90s`, `1h30m` or `250ms`");
    let mut rest = text.trim();
    let (mut total, mut next) = (0f64, 0);
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit() && c != '.' && c != '_').unwrap_or(rest.len());
        let amount: f64 = rest[..digits].replace('_', "").parse().map_err(|_| wrong())?;
        rest = &rest[digits..];
        let letters = rest.find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(rest.len());
        let unit = UNITS.iter().position(|(name, _)| *name == &rest[..letters]).ok_or_else(wrong)?;
        if unit < next {
            return Err(wrong());
        }
        total += amount * UNITS[unit].1 as f64;
        next = unit + 1;
        rest = &rest[letters..];
    }
    if next == 0 || total > i64::MAX as f64 { Err(wrong()) } else { Ok(total.round() as i64) }
}

/// Reads a duration, in milliseconds.
pub fn parse_duration_ms(text: &str) -> Result<u64, String> {
    parse_duration(text).map(|nanos| nanos.unsigned_abs() / 1_000_000)
}

/// Cuts a text on the right to so many columns; `…` stands for what is gone.
pub fn fit(text: &str, width: usize) -> Cow<'_, str> {
    if text.width() <= width {
        return Cow::Borrowed(text);
    }
    let mut used = 0;
    let kept: String = text
        .chars()
        .take_while(|c| {
            used += c.width().unwrap_or(0);
            used < width
        })
        .collect();
    Cow::Owned(if width == 0 { String::new() } else { kept + "…" })
}

/// Cuts a coordinate on the left, where it says least: `…/polish[0]/critique`.
pub fn fit_left(text: &str, width: usize) -> Cow<'_, str> {
    if text.width() <= width {
        return Cow::Borrowed(text);
    }
    let mut used = 0;
    let mut kept: Vec<char> = text
        .chars()
        .rev()
        .take_while(|c| {
            used += c.width().unwrap_or(0);
            used < width
        })
        .collect();
    kept.reverse();
    Cow::Owned(if width == 0 { String::new() } else { std::iter::once('…').chain(kept).collect() })
}

/// Breaks a text between words into lines of at most `width` columns; a longer word stands on a line of its own.
pub fn wrap(text: &str, width: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    for word in text.split_whitespace() {
        let line = lines.last_mut().expect("there is always one");
        if line.is_empty() {
            line.push_str(word);
        } else if line.width() + 1 + word.width() <= width {
            line.push(' ');
            line.push_str(word);
        } else {
            lines.push(word.into());
        }
    }
    lines
}

/// Returns the candidate that is most like a misspelt name, if one is close.
pub fn similar<'a>(name: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let limit = (name.chars().count() / 3).clamp(1, 3);
    candidates
        .into_iter()
        .map(|candidate| (distance(name, candidate), candidate))
        .filter(|(distance, _)| *distance <= limit)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

/// Levenshtein's distance of two short names.
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().take(100).collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.chars().take(100).enumerate() {
        let mut corner = row[0];
        row[0] = i + 1;
        for (j, y) in b.iter().enumerate() {
            let changed = corner + usize::from(x != *y);
            corner = row[j + 1];
            row[j + 1] = changed.min(corner + 1).min(row[j] + 1);
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_short() {
        let all = [0, 90, 999, 59_999, 60_000, 3_599_000, 3_600_000, 86_400_000 * 3 + 7_200_000];
        let shown: Vec<_> = all.map(duration).into();
        assert_eq!(shown, ["0.0s", "0.0s", "0.9s", "59.9s", "1m00s", "59m59s", "1h00m", "3d02h"]);
    }

    #[test]
    fn durations_are_read_as_the_language_writes_them() {
        assert_eq!(parse_duration("1h30m"), Ok(5_400_000_000_000));
        assert_eq!(parse_duration("1.5s"), Ok(1_500_000_000));
        assert_eq!(parse_duration("250ms"), Ok(250_000_000));
        for wrong in ["", "60", "30s1m", "1x", "s", "1s1s", "-1s", "1e9s", "999999999999d"] {
            assert!(parse_duration(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn money_says_what_is_unknown() {
        assert_eq!(cost(&Cost::ZERO), "$0");
        assert_eq!(cost(&Cost::UNKNOWN), "cost unknown");
        assert_eq!(cost(&Cost { nanodollars: 1_250_000_000, complete: true }), "$1.25");
        assert_eq!(cost(&Cost { nanodollars: 420_000, complete: false }), "at least $0.00042");
    }

    #[test]
    fn texts_are_cut_where_they_say_least() {
        assert_eq!(fit("abcdef", 4), "abc…");
        assert_eq!(fit_left("a/b[0]/c", 5), "…0]/c");
        assert_eq!(fit("世界世界", 5), "世界…");
        assert_eq!(fit("abc", 0), "");
        assert_eq!(number(1_234_567), "1,234,567");
    }

    #[test]
    fn a_misspelt_name_has_a_neighbour() {
        assert_eq!(similar("topc", ["rounds", "topic"]), Some("topic"));
        assert_eq!(similar("x", ["rounds", "topic"]), None);
    }
}
