//! The data library: what workflows do with texts and records all day.

use flow_ir::Value;

use super::Sig::*;
use super::Style::{Both, Method};
use super::{LIST_STRING, Overload, int, no_overload, row, string, strings, text};
use crate::{Env, Error};

pub(super) const ROWS: &[Overload] = &[
    row("to_json", "to_json", Both, &[Any], String, "compact JSON", |env, a| match a {
        [value] => json_text(env, value),
        _ => Err(no_overload(a)),
    }),
    row(
        "slug",
        "slug",
        Method,
        &[String],
        String,
        "lower-case ASCII letters and digits, joined by hyphens",
        {
            |env, a| {
                env.meter.bytes(string(a, 0)?.len())?;
                text(env, slug(string(a, 0)?))
            }
        },
    ),
    row("lines", "lines", Method, &[String], LIST_STRING, "its lines, without their ends", |env, a| {
        strings::scanned(env, string(a, 0)?)?;
        pieces(env, string(a, 0)?.lines())
    }),
    row("words", "words", Method, &[String], LIST_STRING, "what white space separates", |env, a| {
        strings::scanned(env, string(a, 0)?)?;
        pieces(env, string(a, 0)?.split_whitespace())
    }),
    row(
        "truncate",
        "truncate",
        Method,
        &[String, Int],
        String,
        "at most n code points, the last `…` if it was cut",
        {
            |env, a| {
                let (subject, max) = (string(a, 0)?, usize::try_from(int(a, 1)?).unwrap_or(0));
                strings::scanned(env, subject)?;
                if strings::count(subject) <= max {
                    return Ok(a[0].clone());
                }
                let kept: std::string::String = subject.chars().take(max.saturating_sub(1)).collect();
                text(env, if max == 0 { kept } else { kept.trim_end().to_owned() + "…" })
            }
        },
    ),
    row(
        "pieces",
        "pieces",
        Method,
        &[String, Int],
        LIST_STRING,
        "texts of at most n code points, cut at lines or spaces",
        {
            |env, a| {
                let size = usize::try_from(int(a, 1)?).ok().filter(|size| *size > 0);
                let size = size.ok_or_else(|| Error::value("pieces of less than 1 character"))?;
                strings::scanned(env, string(a, 0)?)?;
                pieces(env, Cuts { rest: string(a, 0)?, size })
            }
        },
    ),
];

fn pieces<'a>(env: &Env<'_>, parts: impl Iterator<Item = &'a str>) -> Result<Value, Error> {
    let mut out = Vec::new();
    for part in parts {
        env.meter.elements(1)?;
        out.push(text(env, part)?);
    }
    Ok(Value::list(out))
}

/// Compact JSON of a value by its own kind: records by their fields, a member of a union with its `type`.
pub(crate) fn json_text(env: &Env<'_>, value: &Value) -> Result<Value, Error> {
    crate::values::measure(value, env.meter)?;
    let json = flow_ir::json::untyped(value).map_err(|violation| Error::value(violation.to_string()))?;
    text(env, json.to_string())
}

fn slug(text: &str) -> std::string::String {
    let mut out = std::string::String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            'a'..='z' | '0'..='9' => out.push(c),
            'A'..='Z' => out.push(c.to_ascii_lowercase()),
            '\'' | '’' => {}
            _ if out.is_empty() || out.ends_with('-') => {}
            _ => out.push('-'),
        }
    }
    while out.ends_with('-') {
        out.pop();
    }
    out
}

/// Cuts a text into pieces: at the last blank line that fits, else the last line, else the last space, else anywhere.
struct Cuts<'a> {
    rest: &'a str,
    size: usize,
}

impl<'a> Iterator for Cuts<'a> {
    type Item = &'a str;

    fn next(&mut self) -> Option<&'a str> {
        self.rest = self.rest.trim_start();
        if self.rest.is_empty() {
            return None;
        }
        let Some((end, _)) = self.rest.char_indices().nth(self.size) else {
            return Some(std::mem::take(&mut self.rest).trim_end());
        };
        let window = &self.rest[..end];
        let next_is_space = self.rest[end..].starts_with(char::is_whitespace);
        let cut = if next_is_space {
            end
        } else {
            ["\n\n", "\n"]
                .iter()
                .find_map(|separator| window.rfind(separator))
                .or_else(|| window.rfind(char::is_whitespace))
                .filter(|cut| *cut > 0)
                .unwrap_or(end)
        };
        let (piece, rest) = self.rest.split_at(cut);
        self.rest = rest;
        Some(piece.trim_end())
    }
}
