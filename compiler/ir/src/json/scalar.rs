//! How durations and timestamps are written.

/// Units of a duration, the longest first, in nanoseconds.
const UNITS: [(&str, i64); 9] = [
    ("d", 86_400_000_000_000),
    ("h", 3_600_000_000_000),
    ("ms", 1_000_000),
    ("us", 1_000),
    ("µs", 1_000),
    ("μs", 1_000),
    ("ns", 1),
    ("m", 60_000_000_000),
    ("s", 1_000_000_000),
];

/// Writes a duration as CEL does: seconds with `s`, `90s`, `-0.25s`.
pub fn duration_text(nanos: i64) -> String {
    let (sign, size) = if nanos < 0 { ("-", nanos.unsigned_abs()) } else { ("", nanos.unsigned_abs()) };
    let (seconds, rest) = (size / 1_000_000_000, size % 1_000_000_000);
    if rest == 0 {
        return format!("{sign}{seconds}s");
    }
    let digits = format!("{rest:09}");
    format!("{sign}{seconds}.{}s", digits.trim_end_matches('0'))
}

/// Reads a duration, `1h30m`, `1.5s`, `-2ms`, in nanoseconds; `None` if it is none or too long for 64 bits.
pub fn parse_duration(text: &str) -> Option<i64> {
    let (negative, mut rest) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    if rest == "0" {
        return Some(0);
    }
    let mut total: i128 = 0;
    if rest.is_empty() {
        return None;
    }
    while !rest.is_empty() {
        let end = rest.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(rest.len());
        let (number, after) = rest.split_at(end);
        let (unit, nanos) = UNITS.iter().find(|(unit, _)| after.starts_with(unit))?;
        total = total.checked_add(scaled(number, *nanos)?)?;
        rest = &after[unit.len()..];
    }
    i64::try_from(if negative { -total } else { total }).ok()
}

/// Multiplies a decimal with a unit, exactly; digits below a nanosecond are cut.
fn scaled(number: &str, nanos: i64) -> Option<i128> {
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    if whole.is_empty() && fraction.is_empty() || fraction.contains('.') {
        return None;
    }
    let whole: i128 = if whole.is_empty() { 0 } else { whole.parse().ok()? };
    let fraction = &fraction[..fraction.len().min(18)];
    let part: i128 = if fraction.is_empty() { 0 } else { fraction.parse().ok()? };
    let part = part * i128::from(nanos) / 10_i128.pow(fraction.len() as u32);
    whole.checked_mul(i128::from(nanos))?.checked_add(part)
}

/// Writes a timestamp in RFC 3339, UTC, with as many digits of a second as it needs.
pub fn timestamp_text(at: jiff::Timestamp) -> String {
    at.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations() {
        for (text, nanos, written) in [
            ("90s", 90_000_000_000, "90s"),
            ("1h30m", 5_400_000_000_000, "5400s"),
            ("1.5s", 1_500_000_000, "1.5s"),
            ("-250ms", -250_000_000, "-0.25s"),
            ("1d", 86_400_000_000_000, "86400s"),
            ("3us2ns", 3_002, "0.000003002s"),
            ("0", 0, "0s"),
            (".5h", 1_800_000_000_000, "1800s"),
        ] {
            assert_eq!(parse_duration(text), Some(nanos), "{text}");
            assert_eq!(duration_text(nanos), written);
            assert_eq!(parse_duration(written), Some(nanos));
        }
        for text in ["", "s", "5", "1.2.3s", "-", "1h 2m", "9999999999h", "1e3s", "--1s", ".s"] {
            assert_eq!(parse_duration(text), None, "{text}");
        }
        assert_eq!(parse_duration(&duration_text(i64::MIN)), Some(i64::MIN));
    }
}
