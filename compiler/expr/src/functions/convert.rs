//! Conversions between scalars, and how scalars are written.

use std::sync::Arc;

use flow_ir::Value;

use super::Sig::*;
use super::Style::Global;
use super::strings::scanned;
use super::time::{duration_text, parse_duration, parse_timestamp, timestamp_text};
use super::{Overload, bool, bytes, duration, float, int, no_overload, row, string, text, timestamp, uint};
use crate::{Env, Error, values};

pub(super) const ROWS: &[Overload] = &[
    row("string_string", "string", Global, &[String], String, "itself", same),
    row("string_int", "string", Global, &[Int], String, "in decimal", written),
    row("string_uint", "string", Global, &[Uint], String, "in decimal", written),
    row(
        "string_float",
        "string",
        Global,
        &[Float],
        String,
        "the shortest decimal that reads as the same number",
        written,
    ),
    row("string_bool", "string", Global, &[Bool], String, "true or false", written),
    row(
        "string_bytes",
        "string",
        Global,
        &[Bytes],
        String,
        "read as UTF-8; other bytes are an error",
        |env, a| {
            env.meter.charge(bytes(a, 0)?.len() as u64 / 64)?;
            match std::str::from_utf8(bytes(a, 0)?) {
                Ok(read) => text(env, read),
                Err(_) => Err(Error::value("bytes that are no UTF-8")),
            }
        },
    ),
    row("string_timestamp", "string", Global, &[Timestamp], String, "in RFC 3339, UTC", written),
    row("string_duration", "string", Global, &[Duration], String, "in seconds: 90s, 0.5s", written),
    row("string_enum", "string", Global, &[Enum], String, "its bare name", written),
    row("int_int", "int", Global, &[Int], Int, "itself", same),
    row("int_uint", "int", Global, &[Uint], Int, "the same number; overflow is an error", |_, a| {
        i64::try_from(uint(a, 0)?).map(Value::Int).map_err(|_| range("int"))
    }),
    row(
        "int_float",
        "int",
        Global,
        &[Float],
        Int,
        "cut towards 0; outside of 64 bits is an error",
        |_, a| {
            let number = float(a, 0)?;
            // CEL refuses both ends: -2^63 and 2^63 as floats may have been rounded.
            if number > -9.223_372_036_854_776e18 && number < 9.223_372_036_854_776e18 {
                Ok(Value::Int(number as i64))
            } else {
                Err(range("int"))
            }
        },
    ),
    row("int_string", "int", Global, &[String], Int, "read in decimal", |env, a| {
        scanned(env, string(a, 0)?)?;
        string(a, 0)?.parse().map(Value::Int).map_err(|_| unreadable(a, "int"))
    }),
    row("int_timestamp", "int", Global, &[Timestamp], Int, "seconds since 1970", |_, a| {
        Ok(Value::Int(timestamp(a, 0)?.as_nanosecond().div_euclid(1_000_000_000) as i64))
    }),
    row("int_duration", "int", Global, &[Duration], Int, "whole seconds, cut towards 0", |_, a| {
        Ok(Value::Int(duration(a, 0)? / 1_000_000_000))
    }),
    row("uint_uint", "uint", Global, &[Uint], Uint, "itself", same),
    row("uint_int", "uint", Global, &[Int], Uint, "the same number; below 0 is an error", |_, a| {
        u64::try_from(int(a, 0)?).map(Value::Uint).map_err(|_| range("uint"))
    }),
    row(
        "uint_float",
        "uint",
        Global,
        &[Float],
        Uint,
        "cut; below 0 or outside of 64 bits is an error",
        |_, a| {
            let number = float(a, 0)?;
            if (0.0..18_446_744_073_709_551_616.0).contains(&number) {
                Ok(Value::Uint(number as u64))
            } else {
                Err(range("uint"))
            }
        },
    ),
    row("uint_string", "uint", Global, &[String], Uint, "read in decimal", |env, a| {
        scanned(env, string(a, 0)?)?;
        let digits = string(a, 0)?;
        let read = digits.parse().ok().filter(|_| !digits.starts_with('+'));
        read.map(Value::Uint).ok_or_else(|| unreadable(a, "uint"))
    }),
    row("float_float", "float", Global, &[Float], Float, "itself", same),
    row("float_int", "float", Global, &[Int], Float, "the nearest float", to_float),
    row("float_uint", "float", Global, &[Uint], Float, "the nearest float", to_float),
    row("float_string", "float", Global, &[String], Float, "read in decimal", to_float),
    row("double_float", "double", Global, &[Float], Float, "itself", same),
    row("double_int", "double", Global, &[Int], Float, "the nearest float", to_float),
    row("double_uint", "double", Global, &[Uint], Float, "the nearest float", to_float),
    row("double_string", "double", Global, &[String], Float, "read in decimal", to_float),
    row("bool_bool", "bool", Global, &[Bool], Bool, "itself", |_, a| bool(a, 0).map(Value::Bool)),
    row(
        "bool_string",
        "bool",
        Global,
        &[String],
        Bool,
        "reads true, True, TRUE, t, 1 and their opposites",
        |_, a| match &**string(a, 0)? {
            "true" | "True" | "TRUE" | "t" | "1" => Ok(Value::Bool(true)),
            "false" | "False" | "FALSE" | "f" | "0" => Ok(Value::Bool(false)),
            _ => Err(unreadable(a, "bool")),
        },
    ),
    row("bytes_bytes", "bytes", Global, &[Bytes], Bytes, "itself", same),
    row("bytes_string", "bytes", Global, &[String], Bytes, "as UTF-8", |env, a| {
        env.meter.bytes(string(a, 0)?.len())?;
        Ok(Value::Bytes(string(a, 0)?.as_bytes().into()))
    }),
    row("timestamp_timestamp", "timestamp", Global, &[Timestamp], Timestamp, "itself", same),
    row("timestamp_string", "timestamp", Global, &[String], Timestamp, "read in RFC 3339", |env, a| {
        scanned(env, string(a, 0)?)?;
        let at = parse_timestamp(string(a, 0)?).ok_or_else(|| unreadable(a, "timestamp"))?;
        values::timestamp_of_nanos(at.as_nanosecond())
    }),
    row("timestamp_int", "timestamp", Global, &[Int], Timestamp, "seconds since 1970", |_, a| {
        values::timestamp_of_nanos(int(a, 0)? as i128 * 1_000_000_000)
    }),
    row("duration_duration", "duration", Global, &[Duration], Duration, "itself", same),
    row("duration_string", "duration", Global, &[String], Duration, "reads 1h30m, 1.5s, -2ms", |env, a| {
        scanned(env, string(a, 0)?)?;
        parse_duration(string(a, 0)?).map(Value::Duration).ok_or_else(|| unreadable(a, "duration"))
    }),
    row("duration_int", "duration", Global, &[Int], Duration, "so many seconds", |_, a| {
        int(a, 0)?.checked_mul(1_000_000_000).map(Value::Duration).ok_or_else(|| range("duration"))
    }),
    row("type_of", "type", Global, &[Any], Type, "the type of its value", |_, a| match a {
        [Value::Record(record)] if record.shape.name.is_some() => {
            Ok(Value::Type(record.shape.name.clone().unwrap_or_default()))
        }
        [Value::Enum(value)] => Ok(Value::Type(value.shape.name.clone())),
        [Value::Null] => Ok(Value::Type("null_type".into())),
        [Value::Float(_)] => Ok(Value::Type("double".into())),
        [Value::Timestamp(_)] => Ok(Value::Type("google.protobuf.Timestamp".into())),
        [Value::Duration(_)] => Ok(Value::Type("google.protobuf.Duration".into())),
        [Value::Optional(_)] => Ok(Value::Type("optional_type".into())),
        [Value::Record(_)] => Ok(Value::Type("map".into())),
        [value] => Ok(Value::Type(values::kind_name(value).into())),
        _ => Err(no_overload(a)),
    }),
];

fn same(_: &Env<'_>, args: &[&Value]) -> Result<Value, Error> {
    args.first().map(|value| (*value).clone()).ok_or_else(|| no_overload(args))
}

fn written(env: &Env<'_>, args: &[&Value]) -> Result<Value, Error> {
    match args.first().and_then(|value| scalar_text(value)) {
        Some(written) => text(env, written),
        None => Err(no_overload(args)),
    }
}

fn to_float(env: &Env<'_>, args: &[&Value]) -> Result<Value, Error> {
    match args {
        [Value::Int(number)] => Ok(Value::Float(*number as f64)),
        [Value::Uint(number)] => Ok(Value::Float(*number as f64)),
        [Value::String(digits)] => {
            scanned(env, digits)?;
            let read = digits.parse().ok().filter(|number: &f64| number.is_finite() || is_word(digits));
            read.map(Value::Float).ok_or_else(|| unreadable(args, "float"))
        }
        _ => Err(no_overload(args)),
    }
}

/// Whether a float is written as a word, `NaN` or `-Infinity`, and not by digits that are too many.
fn is_word(text: &str) -> bool {
    !text.contains(|c: char| c.is_ascii_digit())
}

#[cold]
fn range(of: &str) -> Error {
    Error::value(format!("a number outside of the range of {of}"))
}

#[cold]
fn unreadable(args: &[&Value], of: &str) -> Error {
    Error::value(format!("{} is no {of}", args.first().map(|value| values::brief(value)).unwrap_or_default()))
}

/// Writes a scalar as `string(x)` does; `None` for bytes, null and what is no scalar.
pub(crate) fn scalar_text(value: &Value) -> Option<std::string::String> {
    Some(match value {
        Value::Bool(value) => value.to_string(),
        Value::Int(number) => number.to_string(),
        Value::Uint(number) => number.to_string(),
        Value::Float(number) => float_text(*number),
        Value::String(text) => Arc::clone(text).to_string(),
        Value::Timestamp(at) => timestamp_text(*at),
        Value::Duration(nanos) => duration_text(*nanos),
        Value::Enum(value) => value.name().to_string(),
        _ => return None,
    })
}

/// Writes a float in the shortest decimal form that reads back as the same number; beyond 21 digits with an exponent.
pub(crate) fn float_text(number: f64) -> std::string::String {
    let size = number.abs();
    if number.is_nan() {
        "NaN".into()
    } else if number.is_infinite() {
        if number > 0.0 { "+Inf".into() } else { "-Inf".into() }
    } else if size != 0.0 && !(1e-7..1e21).contains(&size) {
        // Two digits of exponent at least, with its sign, as everybody else writes it.
        let written = format!("{number:e}");
        let (mantissa, exponent) = written.split_once('e').unwrap_or((&written, "0"));
        let (sign, digits) = exponent.strip_prefix('-').map_or(('+', exponent), |digits| ('-', digits));
        format!("{mantissa}e{sign}{digits:0>2}")
    } else {
        number.to_string()
    }
}
