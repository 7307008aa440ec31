//! Schedules: the five fields of cron.

/// A field of a schedule: what it counts, its bounds, and the names of its values from the least on.
struct Part {
    name: &'static str,
    min: u32,
    max: u32,
    names: &'static [&'static str],
}

const MONTHS: [&str; 12] =
    ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];
const DAYS: [&str; 7] = ["sun", "mon", "tue", "wed", "thu", "fri", "sat"];

const PARTS: [Part; 5] = [
    Part { name: "minute", min: 0, max: 59, names: &[] },
    Part { name: "hour", min: 0, max: 23, names: &[] },
    Part { name: "day of the month", min: 1, max: 31, names: &[] },
    Part { name: "month", min: 1, max: 12, names: &MONTHS },
    Part { name: "day of the week", min: 0, max: 7, names: &DAYS },
];

/// What can be written in place of a shorthand.
const SHORTHANDS: [(&str, &str); 7] = [
    ("@yearly", "0 0 1 1 *"),
    ("@annually", "0 0 1 1 *"),
    ("@monthly", "0 0 1 * *"),
    ("@weekly", "0 0 * * 0"),
    ("@daily", "0 0 * * *"),
    ("@midnight", "0 0 * * *"),
    ("@hourly", "0 * * * *"),
];

/// What is wrong with a schedule, and what was probably meant.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Fault {
    pub why: String,
    pub instead: Option<&'static str>,
}

/// Reads a schedule: `minute hour day month weekday`, each `*`, a value, a range, a step or a list of these.
pub(crate) fn check(text: &str) -> Result<(), Fault> {
    if let Some((_, instead)) = SHORTHANDS.iter().find(|(short, _)| *short == text.trim()) {
        return Err(Fault { why: "a shorthand".into(), instead: Some(instead) });
    }
    let fields: Vec<&str> = text.split_ascii_whitespace().collect();
    if fields.len() != PARTS.len() {
        let why = match fields.len() {
            6 | 7 => "there are no seconds and no years: a schedule has five fields".to_string(),
            1 => "one field of five".to_string(),
            count => format!("{count} fields of five"),
        };
        return Err(Fault { why, instead: None });
    }
    let mut days: Option<Vec<u32>> = None;
    let mut months: Vec<u32> = Vec::new();
    for (field, part) in fields.iter().zip(&PARTS) {
        let values = values(field, part).map_err(|why| Fault { why, instead: None })?;
        match part.name {
            "day of the month" => days = (*field != "*").then_some(values),
            "month" => months = values,
            _ => {}
        }
    }
    // A day of the week is due by itself, so only a day of the month alone can fall into no month.
    if let Some(days) = days
        && fields[4] == "*"
        && !months.iter().any(|month| days.iter().any(|day| *day <= longest(*month)))
    {
        return Err(Fault { why: "no month has such a day: it is never due".into(), instead: None });
    }
    Ok(())
}

fn longest(month: u32) -> u32 {
    match month {
        2 => 29,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// Returns the values that a field lists.
fn values(field: &str, part: &Part) -> Result<Vec<u32>, String> {
    let mut all = Vec::new();
    for item in field.split(',') {
        let (range, step) = match item.split_once('/') {
            Some((range, step)) => {
                let step: u32 = step.parse().map_err(|_| format!("`{item}` has no number of steps"))?;
                if step == 0 || step > part.max {
                    return Err(format!("`{item}`: steps of the {} are from 1 to {}", part.name, part.max));
                }
                (range, step)
            }
            None => (item, 1),
        };
        let (from, to) = match range.split_once('-') {
            _ if range == "*" => (part.min, part.max),
            Some((from, to)) => (value(from, part)?, value(to, part)?),
            // `5/15` counts on from 5.
            None if item.contains('/') => (value(range, part)?, part.max),
            None => {
                let value = value(range, part)?;
                (value, value)
            }
        };
        // Sunday is 0 and 7.
        let to = if part.name == "day of the week" && to == 0 && from > 0 { 7 } else { to };
        if from > to {
            return Err(format!("`{range}` ends before it begins"));
        }
        all.extend((from..=to).step_by(step as usize));
    }
    Ok(all)
}

fn value(text: &str, part: &Part) -> Result<u32, String> {
    let named = part.names.iter().position(|name| text.eq_ignore_ascii_case(name));
    let number = match named {
        Some(index) => Some(part.min + index as u32),
        None => text.parse::<u32>().ok().filter(|_| text.bytes().all(|b| b.is_ascii_digit())),
    };
    match number {
        Some(number) if (part.min..=part.max).contains(&number) => Ok(number),
        Some(_) => Err(format!("`{text}` is no {}: they are from {} to {}", part.name, part.min, part.max)),
        None if text.is_empty() => Err(format!("the {} lacks a value", part.name)),
        None => Err(format!("`{text}` is no {}", part.name)),
    }
}

#[cfg(test)]
mod tests {
    use super::check;

    #[test]
    fn reads_schedules() {
        for text in [
            "0 6 * * 1",
            "*/5 * * * *",
            "30 2 1,15 * *",
            "0 9-17/2 * * MON-FRI",
            "5/15 * * jan,JUL sun",
            "0 0 29 2 *",
            "0 0 31 2 1",
            "0 0 * * 5-7",
            "0 0 * * fri-sun",
            "  0  6 * * *  ",
        ] {
            assert_eq!(check(text), Ok(()), "{text}");
        }
    }

    #[test]
    fn says_what_is_wrong() {
        for (text, why) in [
            ("", "0 fields of five"),
            ("6", "one field of five"),
            ("0 6 * *", "4 fields of five"),
            ("0 0 6 * * 1", "no seconds"),
            ("60 6 * * 1", "`60` is no minute"),
            ("0 24 * * 1", "`24` is no hour"),
            ("0 6 0 * *", "`0` is no day of the month"),
            ("0 6 * 13 *", "`13` is no month"),
            ("0 6 * * 8", "`8` is no day of the week"),
            ("0 6 * * funday", "`funday` is no day of the week"),
            ("0 17-9 * * *", "ends before it begins"),
            ("*/0 6 * * *", "steps of the minute"),
            ("*/x 6 * * *", "no number of steps"),
            ("0 6 30 feb *", "never due"),
            ("0 6 31 4,6 *", "never due"),
            ("0 6 1, * *", "lacks a value"),
            ("0 6 ? * *", "`?` is no day of the month"),
            ("0 +6 * * *", "`+6` is no hour"),
            ("@daily", "a shorthand"),
        ] {
            let found = check(text).expect_err(text).why;
            assert!(found.contains(why), "{text}: {found}");
        }
    }
}
