//! Timestamps and durations: getters, and how they are read and written. Time zones are embedded.

use flow_ir::Value;

use super::Sig::*;
use super::Style::{Both, Method};
use super::strings::scanned;
use super::{Overload, duration, row, string, text, timestamp};
use crate::{Env, Error};

/// A getter of a timestamp, in UTC and in a zone.
macro_rules! getter {
    ($id:literal $zoned:literal $name:literal $doc:literal, $of:expr) => {
        [
            row($id, $name, Method, &[Timestamp], Int, $doc, |env, a| part(env, a, $of)),
            row($zoned, $name, Method, &[Timestamp, String], Int, $doc, |env, a| part(env, a, $of)),
        ]
    };
}

const GETTERS: [[Overload; 2]; 10] = [
    getter!("get_full_year" "get_full_year_zone" "getFullYear" "the year", |at| at.year().into()),
    getter!("get_month" "get_month_zone" "getMonth" "the month, from 0", |at| i64::from(at.month()) - 1),
    getter!("get_day_of_month" "get_day_of_month_zone" "getDayOfMonth" "the day of the month, from 0", |at| {
        i64::from(at.day()) - 1
    }),
    getter!("get_date" "get_date_zone" "getDate" "the day of the month, from 1", |at| at.day().into()),
    getter!("get_day_of_year" "get_day_of_year_zone" "getDayOfYear" "the day of the year, from 0", |at| {
        i64::from(at.day_of_year()) - 1
    }),
    getter!("get_day_of_week" "get_day_of_week_zone" "getDayOfWeek" "the day of the week, Sunday is 0", |at| {
        at.weekday().to_sunday_zero_offset().into()
    }),
    getter!("get_hours" "get_hours_zone" "getHours" "the hour", |at| at.hour().into()),
    getter!("get_minutes" "get_minutes_zone" "getMinutes" "the minute", |at| at.minute().into()),
    getter!("get_seconds" "get_seconds_zone" "getSeconds" "the second", |at| at.second().into()),
    getter!("get_milliseconds" "get_milliseconds_zone" "getMilliseconds" "the millisecond", |at| {
        at.millisecond().into()
    }),
];

const fn flat() -> [Overload; 20] {
    let mut rows = [GETTERS[0][0]; 20];
    let mut index = 0;
    while index < 20 {
        rows[index] = GETTERS[index / 2][index % 2];
        index += 1;
    }
    rows
}

pub(super) const ROWS: &[Overload] = &flat();

pub(super) const DURATION_ROWS: &[Overload] = &[
    row("duration_hours", "getHours", Method, &[Duration], Int, "all of it in whole hours", |_, a| {
        Ok(Value::Int(duration(a, 0)? / 3_600_000_000_000))
    }),
    row("duration_minutes", "getMinutes", Method, &[Duration], Int, "all of it in whole minutes", |_, a| {
        Ok(Value::Int(duration(a, 0)? / 60_000_000_000))
    }),
    row("duration_seconds", "getSeconds", Method, &[Duration], Int, "all of it in whole seconds", |_, a| {
        Ok(Value::Int(duration(a, 0)? / 1_000_000_000))
    }),
    row(
        "duration_milliseconds",
        "getMilliseconds",
        Method,
        &[Duration],
        Int,
        "its milliseconds beyond seconds",
        |_, a| Ok(Value::Int(duration(a, 0)? / 1_000_000 % 1_000)),
    ),
    row(
        "format_time_utc",
        "format_time",
        Both,
        &[Timestamp, String],
        String,
        "written by a strftime pattern, in UTC",
        format_time,
    ),
    row(
        "format_time_zone",
        "format_time",
        Both,
        &[Timestamp, String, String],
        String,
        "written by a strftime pattern, in a time zone",
        format_time,
    ),
];

fn part(env: &Env<'_>, args: &[&Value], of: fn(&jiff::Zoned) -> i64) -> Result<Value, Error> {
    let zone = if args.len() > 1 { Some(&**string(args, 1)?) } else { None };
    scanned(env, zone.unwrap_or_default())?;
    Ok(Value::Int(of(&timestamp(args, 0)?.to_zoned(time_zone(zone)?))))
}

/// Whether a text names a time zone: `Europe/Berlin`, `UTC`, or a fixed offset like `+02:00`.
pub fn is_time_zone(name: &str) -> bool {
    time_zone(Some(name)).is_ok()
}

/// Reads `Europe/Berlin`, `UTC` and fixed offsets like `+02:00`.
fn time_zone(name: Option<&str>) -> Result<jiff::tz::TimeZone, Error> {
    let Some(name) = name else { return Ok(jiff::tz::TimeZone::UTC) };
    fixed_offset(name)
        .map(jiff::tz::TimeZone::fixed)
        .or_else(|| jiff::tz::TimeZone::get(name).ok())
        .ok_or_else(|| {
            Error::value(format!("no such time zone: {}", crate::values::brief(&Value::string(name))))
        })
}

fn fixed_offset(name: &str) -> Option<jiff::tz::Offset> {
    let (sign, digits) = match name.strip_prefix('-') {
        Some(digits) => (-1, digits),
        None => (1, name.strip_prefix('+').unwrap_or(name)),
    };
    let (hours, minutes) = digits.split_once(':')?;
    let two =
        |text: &str| text.parse::<i32>().ok().filter(|_| text.len() == 2 && !text.starts_with(['+', '-']));
    let (hours, minutes) = (two(hours)?, two(minutes).filter(|minutes| *minutes < 60)?);
    jiff::tz::Offset::from_seconds(sign * (hours * 3600 + minutes * 60)).ok()
}

fn format_time(env: &Env<'_>, args: &[&Value]) -> Result<Value, Error> {
    let pattern = string(args, 1)?;
    let zone = if args.len() > 2 { Some(&**string(args, 2)?) } else { None };
    scanned(env, zone.unwrap_or_default())?;
    // A conversion writes at most some dozens of bytes; widths like %255Y are bounded by a byte.
    env.meter.bytes(pattern.len().saturating_mul(128))?;
    let at = timestamp(args, 0)?.to_zoned(time_zone(zone)?);
    let mut out = std::string::String::new();
    jiff::fmt::strtime::BrokenDownTime::from(&at)
        .format(pattern.as_bytes(), &mut out)
        .map_err(|_| Error::value(format!("no time pattern: {}", crate::values::brief(args[1]))))?;
    text(env, out)
}

/// Writes a timestamp in RFC 3339, UTC, with as many digits of a second as it needs.
pub(crate) fn timestamp_text(at: jiff::Timestamp) -> std::string::String {
    at.to_string()
}

/// Reads a timestamp as RFC 3339 has it, `2026-01-31T12:00:00.5+02:00`: no part may be left out. Digits beyond a nanosecond
/// are cut.
pub(crate) fn parse_timestamp(text: &str) -> Option<jiff::Timestamp> {
    let bytes = text.as_bytes();
    let is_like = |part: &[u8], form: &[u8]| {
        part.len() == form.len()
            && part.iter().zip(form).all(|(c, form)| match form {
                b'0' => c.is_ascii_digit(),
                form => c == form,
            })
    };
    let (second, rest) = bytes.split_at_checked(19)?;
    // A minute has 60 seconds: a leap second has no place in the count.
    if !is_like(second, b"0000-00-00T00:00:00") || second[17] > b'5' {
        return None;
    }
    let digits = match rest.strip_prefix(b".") {
        Some(digits) => digits.iter().take_while(|c| c.is_ascii_digit()).count(),
        None => 0,
    };
    let zone = if digits == 0 { rest } else { &rest[digits + 1..] };
    if !(zone == b"Z" || is_like(zone, b"+00:00") || is_like(zone, b"-00:00")) {
        return None;
    }
    if digits <= 9 {
        return text.parse().ok();
    }
    let zone = 19 + 1 + digits;
    format!("{}{}", &text[..19 + 1 + 9], &text[zone..]).parse().ok()
}

/// Writes a duration as CEL does: seconds with `s`, `90s`, `-0.25s`.
pub fn duration_text(nanos: i64) -> std::string::String {
    flow_ir::json::duration_text(nanos)
}

/// Reads `1h30m`, `1.5s`, `-2ms`, `100us`, `3ns`, `2d`.
pub(crate) fn parse_duration(text: &str) -> Option<i64> {
    flow_ir::json::parse_duration(text)
}
