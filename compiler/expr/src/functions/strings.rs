//! Texts, by code points. A text that is ASCII is indexed without counting.

use flow_ir::Value;

use super::Sig::*;
use super::Style::{Both, Global, Method};
use super::{LIST_STRING, LIST_V0, MAP_V0_V1, Overload, bytes, int, list, no_overload, row, string, text};
use crate::{Env, Error};

/// Padded or not; bits beyond the last byte are ignored.
const BASE64: base64::engine::GeneralPurpose = base64::engine::GeneralPurpose::new(
    &base64::alphabet::STANDARD,
    base64::engine::GeneralPurposeConfig::new()
        .with_decode_allow_trailing_bits(true)
        .with_decode_padding_mode(base64::engine::DecodePaddingMode::Indifferent),
);

pub(super) const ROWS: &[Overload] = &[
    row("size_string", "size", Both, &[String], Int, "the number of code points", |env, a| {
        scanned(env, string(a, 0)?)?;
        Ok(Value::Int(count(string(a, 0)?) as i64))
    }),
    row("size_bytes", "size", Both, &[Bytes], Int, "the number of bytes", |_, a| {
        Ok(Value::Int(bytes(a, 0)?.len() as i64))
    }),
    row("size_list", "size", Both, &[LIST_V0], Int, "the number of elements", size),
    row("size_map", "size", Both, &[MAP_V0_V1], Int, "the number of entries", size),
    row(
        "size_json",
        "size",
        Both,
        &[Json],
        Int,
        "the number of code points, elements or entries",
        |env, a| match a {
            [Value::String(text)] => {
                scanned(env, text)?;
                Ok(Value::Int(count(text) as i64))
            }
            _ => size(env, a),
        },
    ),
    row("contains_string", "contains", Method, &[String, String], Bool, "whether it occurs", |env, a| {
        scanned(env, string(a, 0)?)?;
        Ok(Value::Bool(string(a, 0)?.contains(&**string(a, 1)?)))
    }),
    row(
        "starts_with_string",
        "startsWith",
        Method,
        &[String, String],
        Bool,
        "whether it begins so",
        |env, a| {
            scanned(env, string(a, 1)?)?;
            Ok(Value::Bool(string(a, 0)?.starts_with(&**string(a, 1)?)))
        },
    ),
    row("ends_with_string", "endsWith", Method, &[String, String], Bool, "whether it ends so", |env, a| {
        scanned(env, string(a, 1)?)?;
        Ok(Value::Bool(string(a, 0)?.ends_with(&**string(a, 1)?)))
    }),
    row("lower_ascii", "lowerAscii", Method, &[String], String, "with A–Z as a–z", |env, a| {
        env.meter.bytes(string(a, 0)?.len())?;
        text(env, string(a, 0)?.to_ascii_lowercase())
    }),
    row("upper_ascii", "upperAscii", Method, &[String], String, "with a–z as A–Z", |env, a| {
        env.meter.bytes(string(a, 0)?.len())?;
        text(env, string(a, 0)?.to_ascii_uppercase())
    }),
    row("trim_string", "trim", Method, &[String], String, "without white space at both ends", |env, a| {
        scanned(env, string(a, 0)?)?;
        text(env, string(a, 0)?.trim())
    }),
    row(
        "reverse_string",
        "reverse",
        Method,
        &[String],
        String,
        "from the last code point to the first",
        |env, a| {
            env.meter.bytes(string(a, 0)?.len())?;
            text(env, string(a, 0)?.chars().rev().collect::<std::string::String>())
        },
    ),
    row(
        "char_at_string",
        "charAt",
        Method,
        &[String, Int],
        String,
        "the code point at an index, \"\" at the end",
        {
            |env, a| {
                let (subject, index) = (string(a, 0)?, int(a, 1)?);
                scanned(env, subject)?;
                let from = byte_at(subject, index).ok_or_else(|| outside(index))?;
                text(env, subject[from..].chars().next().map(std::string::String::from).unwrap_or_default())
            }
        },
    ),
    row(
        "index_of_string",
        "indexOf",
        Method,
        &[String, String],
        Int,
        "where it first occurs, or -1",
        |env, a| index_of(env, string(a, 0)?, string(a, 1)?, 0),
    ),
    row(
        "index_of_offset_string",
        "indexOf",
        Method,
        &[String, String, Int],
        Int,
        "where it first occurs from an index on, or -1",
        |env, a| index_of(env, string(a, 0)?, string(a, 1)?, int(a, 2)?),
    ),
    row(
        "last_index_of_string",
        "lastIndexOf",
        Method,
        &[String, String],
        Int,
        "where it last occurs, or -1",
        {
            |env, a| {
                let subject = string(a, 0)?;
                last_index_of(env, subject, string(a, 1)?, None)
            }
        },
    ),
    row(
        "last_index_of_offset_string",
        "lastIndexOf",
        Method,
        &[String, String, Int],
        Int,
        "where it last occurs at or before an index, or -1",
        |env, a| last_index_of(env, string(a, 0)?, string(a, 1)?, Some(int(a, 2)?)),
    ),
    row(
        "substring_from",
        "substring",
        Method,
        &[String, Int],
        String,
        "from an index to the end",
        |env, a| {
            let (subject, from) = (string(a, 0)?, int(a, 1)?);
            scanned(env, subject)?;
            let from = byte_at(subject, from).ok_or_else(|| outside(from))?;
            text(env, &subject[from..])
        },
    ),
    row(
        "substring_range",
        "substring",
        Method,
        &[String, Int, Int],
        String,
        "from an index up to, not including, another",
        |env, a| {
            let (subject, from, to) = (string(a, 0)?, int(a, 1)?, int(a, 2)?);
            scanned(env, subject)?;
            let start = byte_at(subject, from).ok_or_else(|| outside(from))?;
            let end = byte_at(subject, to).ok_or_else(|| outside(to))?;
            if start > end {
                return Err(Error::value(format!("a substring from {from} to {to}")));
            }
            text(env, &subject[start..end])
        },
    ),
    row(
        "replace_all",
        "replace",
        Method,
        &[String, String, String],
        String,
        "with each occurrence replaced",
        |env, a| replace(env, a, usize::MAX),
    ),
    row(
        "replace_some",
        "replace",
        Method,
        &[String, String, String, Int],
        String,
        "with the first n occurrences replaced; below 0 all",
        |env, a| replace(env, a, usize::try_from(int(a, 3)?).unwrap_or(usize::MAX)),
    ),
    row(
        "split_string",
        "split",
        Method,
        &[String, String],
        LIST_STRING,
        "the texts between a separator",
        |env, a| split(env, string(a, 0)?, string(a, 1)?, usize::MAX),
    ),
    row(
        "split_some",
        "split",
        Method,
        &[String, String, Int],
        LIST_STRING,
        "at most n texts; below 0 all",
        {
            |env, a| {
                split(env, string(a, 0)?, string(a, 1)?, usize::try_from(int(a, 2)?).unwrap_or(usize::MAX))
            }
        },
    ),
    row("quote_string", "strings.quote", Global, &[String], String, "in double quotes, escaped", |env, a| {
        env.meter.bytes(string(a, 0)?.len().saturating_mul(2))?;
        text(env, quote(string(a, 0)?))
    }),
    row("base64_encode", "base64.encode", Global, &[Bytes], String, "in base64", |env, a| {
        use base64::prelude::*;
        env.meter.bytes(bytes(a, 0)?.len() / 3 * 4 + 4)?;
        text(env, BASE64_STANDARD.encode(bytes(a, 0)?))
    }),
    row(
        "base64_decode",
        "base64.decode",
        Global,
        &[String],
        Bytes,
        "the bytes that a base64 text stands for",
        {
            |env, a| {
                use base64::prelude::*;
                let encoded = string(a, 0)?;
                env.meter.bytes(encoded.len())?;
                // Broken into lines or not.
                let decoded = match encoded.contains(['\n', '\r']) {
                    true => BASE64.decode(encoded.replace(['\n', '\r'], "")),
                    false => BASE64.decode(encoded.as_bytes()),
                };
                decoded
                    .map(|raw| Value::Bytes(raw.into()))
                    .map_err(|error| Error::value(format!("no base64: {error}")))
            }
        },
    ),
];

fn size(_: &Env<'_>, args: &[&Value]) -> Result<Value, Error> {
    match args {
        [Value::List(items)] => Ok(Value::Int(items.len() as i64)),
        [Value::Map(map)] => Ok(Value::Int(map.len() as i64)),
        [Value::Record(record)] => Ok(Value::Int(record.slots.len() as i64)),
        _ => Err(no_overload(args)),
    }
}

/// Charges for reading a text.
pub(super) fn scanned(env: &Env<'_>, text: &str) -> Result<(), Error> {
    env.meter.charge(text.len() as u64 / 64)
}

pub(super) fn count(text: &str) -> usize {
    if text.is_ascii() { text.len() } else { text.chars().count() }
}

#[cold]
fn outside(index: i64) -> Error {
    Error::value(format!("index {index} outside of the text"))
}

/// Returns the byte that a code point's index is at; the end is one.
fn byte_at(text: &str, index: i64) -> Option<usize> {
    let index = usize::try_from(index).ok()?;
    if text.is_ascii() {
        return (index <= text.len()).then_some(index);
    }
    text.char_indices().map(|(at, _)| at).chain([text.len()]).nth(index)
}

fn index_of(env: &Env<'_>, subject: &str, part: &str, from: i64) -> Result<Value, Error> {
    scanned(env, subject)?;
    let start = byte_at(subject, from).ok_or_else(|| outside(from))?;
    Ok(Value::Int(match subject[start..].find(part) {
        Some(at) => count(&subject[..start + at]) as i64,
        None => -1,
    }))
}

fn last_index_of(env: &Env<'_>, subject: &str, part: &str, from: Option<i64>) -> Result<Value, Error> {
    scanned(env, subject)?;
    let end = match from {
        None => subject.len(),
        Some(from) => {
            let at = byte_at(subject, from).ok_or_else(|| outside(from))?;
            let end = subject.len().min(at + part.len());
            // An occurrence that starts at the index may end in the middle of another character: then it is none.
            (0..=end).rev().find(|end| subject.is_char_boundary(*end)).unwrap_or(0)
        }
    };
    Ok(Value::Int(match subject[..end].rfind(part) {
        Some(at) => count(&subject[..at]) as i64,
        None => -1,
    }))
}

fn replace(env: &Env<'_>, args: &[&Value], limit: usize) -> Result<Value, Error> {
    let (subject, old, new) = (string(args, 0)?, string(args, 1)?, string(args, 2)?);
    scanned(env, subject)?;
    let found = subject.matches(&**old).take(limit).count();
    env.meter.charge(found as u64)?;
    env.meter.bytes(found.saturating_mul(new.len()).saturating_add(subject.len()))?;
    Ok(Value::string(subject.replacen(&**old, new, limit)))
}

fn split(env: &Env<'_>, subject: &str, separator: &str, limit: usize) -> Result<Value, Error> {
    env.meter.bytes(subject.len())?;
    let parts: Vec<Value> = match (limit, separator) {
        (0, _) => Vec::new(),
        (limit, "") => {
            // Between code points; the last of a limited number takes the rest.
            let mut parts = Vec::new();
            let mut rest = subject;
            while let Some(next) = rest.chars().next() {
                env.meter.charge(1)?;
                let cut = if parts.len() + 1 == limit { rest.len() } else { next.len_utf8() };
                parts.push(Value::string(&rest[..cut]));
                rest = &rest[cut..];
            }
            parts
        }
        (limit, separator) => {
            env.meter.elements(subject.matches(separator).count().min(limit))?;
            subject.splitn(limit, separator).map(Value::string).collect()
        }
    };
    Ok(Value::list(parts))
}

pub(super) fn strings<'a>(args: &[&'a Value], index: usize) -> Result<Vec<&'a str>, Error> {
    list(args, index)?.iter().map(|item| item.as_str().ok_or_else(|| no_overload(args))).collect()
}

fn quote(text: &str) -> std::string::String {
    let mut out = std::string::String::with_capacity(text.len() + 2);
    out.push('"');
    for c in text.chars() {
        match c {
            '\x07' => out.push_str("\\a"),
            '\x08' => out.push_str("\\b"),
            '\x0c' => out.push_str("\\f"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            '\x0b' => out.push_str("\\v"),
            '\\' => out.push_str("\\\\"),
            '"' => out.push_str("\\\""),
            other => out.push(other),
        }
    }
    out.push('"');
    out
}
