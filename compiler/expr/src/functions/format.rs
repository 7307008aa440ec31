//! `"%s is %.2f".format([name, share])`: printf as CEL's string extension has it.

use flow_ir::Value;

use super::Sig::*;
use super::Style::Method;
use super::{Overload, Sig, duration_text, list, row, string};
use crate::env::{VALUE_BYTES_MAX, too_large};
use crate::{Env, Error, values};

/// More digits than this nobody reads; a float has no more than 1,100.
const PRECISION_MAX: usize = 1_000;
const PRECISION: usize = 6;

pub(super) const ROWS: &[Overload] = &[row(
    "format_string",
    "format",
    Method,
    &[String, Sig::List(&Any)],
    String,
    "with its clauses %s %d %f %e %x %X %o %b replaced by the elements, in order",
    |env, a| {
        let (pattern, args) = (string(a, 0)?, list(a, 1)?);
        env.meter.bytes(pattern.len())?;
        let mut out = Out { text: std::string::String::with_capacity(pattern.len()), env };
        format(pattern, args, &mut out)?;
        Ok(Value::string(out.text))
    },
)];

/// A text that grows within the limits.
struct Out<'a> {
    text: std::string::String,
    env: &'a Env<'a>,
}

impl Out<'_> {
    fn push(&mut self, part: &str) -> Result<(), Error> {
        if self.text.len() + part.len() > VALUE_BYTES_MAX {
            return Err(too_large());
        }
        self.env.meter.bytes(part.len())?;
        self.text.push_str(part);
        Ok(())
    }

    /// Puts a part of the pattern itself, which has been charged.
    fn literal(&mut self, part: &str) -> Result<(), Error> {
        if self.text.len() + part.len() > VALUE_BYTES_MAX {
            return Err(too_large());
        }
        self.text.push_str(part);
        Ok(())
    }
}

fn format(pattern: &str, args: &[Value], out: &mut Out<'_>) -> Result<(), Error> {
    let mut args = args.iter();
    let mut rest = pattern;
    while let Some(at) = rest.find('%') {
        out.literal(&rest[..at])?;
        rest = &rest[at + 1..];
        if let Some(after) = rest.strip_prefix('%') {
            out.literal("%")?;
            rest = after;
            continue;
        }
        let mut precision = PRECISION;
        if let Some(digits) = rest.strip_prefix('.') {
            let end = digits.find(|c: char| !c.is_ascii_digit()).unwrap_or(digits.len());
            precision = digits[..end]
                .parse()
                .ok()
                .filter(|precision| *precision <= PRECISION_MAX)
                .ok_or_else(|| Error::value(format!("a precision of no number up to {PRECISION_MAX}")))?;
            rest = &digits[end..];
        }
        let mut chars = rest.chars();
        let clause = chars.next().ok_or_else(|| Error::value("a format that ends within a clause"))?;
        rest = chars.as_str();
        if !matches!(clause, 's' | 'd' | 'f' | 'e' | 'x' | 'X' | 'o' | 'b') {
            return Err(Error::value(format!("no clause of a format: %{clause}")));
        }
        let arg = args.next().ok_or_else(|| Error::value("a format of more clauses than values"))?;
        write(clause, precision, arg, out)?;
    }
    out.literal(rest)
}

fn write(clause: char, precision: usize, arg: &Value, out: &mut Out<'_>) -> Result<(), Error> {
    let written = match (clause, arg) {
        ('s', arg) => {
            // What nests deeper than a value may is refused before it is walked.
            values::measure(arg, out.env.meter)?;
            return plain(arg, out);
        }
        ('d', Value::Int(number)) => number.to_string(),
        ('d', Value::Uint(number)) => number.to_string(),
        ('d', Value::Float(number)) => decimal(*number),
        ('f' | 'e', Value::Int(number)) => real(clause, precision, *number as f64),
        ('f' | 'e', Value::Uint(number)) => real(clause, precision, *number as f64),
        ('f' | 'e', Value::Float(number)) => real(clause, precision, *number),
        ('b', Value::Bool(value)) => u8::from(*value).to_string(),
        ('b' | 'o' | 'x' | 'X', Value::Int(number)) => {
            let sign = if *number < 0 { "-" } else { "" };
            format!("{sign}{}", whole(clause, number.unsigned_abs()))
        }
        ('b' | 'o' | 'x' | 'X', Value::Uint(number)) => whole(clause, *number),
        ('x' | 'X', Value::String(text)) => return hex(clause, text.as_bytes(), out),
        ('x' | 'X', Value::Bytes(bytes)) => return hex(clause, bytes, out),
        (clause, other) => {
            return Err(Error::value(format!("%{clause} does not write {}", values::kind_name(other))));
        }
    };
    out.push(&written)
}

fn whole(clause: char, number: u64) -> std::string::String {
    match clause {
        'b' => format!("{number:b}"),
        'o' => format!("{number:o}"),
        'x' => format!("{number:x}"),
        _ => format!("{number:X}"),
    }
}

fn hex(clause: char, bytes: &[u8], out: &mut Out<'_>) -> Result<(), Error> {
    if bytes.len() > VALUE_BYTES_MAX / 2 {
        return Err(too_large());
    }
    out.env.meter.bytes(bytes.len() * 2)?;
    let digits: &[u8; 16] = if clause == 'x' { b"0123456789abcdef" } else { b"0123456789ABCDEF" };
    let mut written = std::string::String::with_capacity(bytes.len() * 2);
    for byte in bytes {
        written.push(char::from(digits[usize::from(byte >> 4)]));
        written.push(char::from(digits[usize::from(byte & 15)]));
    }
    out.push(&written)
}

/// NaN and the infinities by name, whatever the clause.
fn special(number: f64) -> Option<&'static str> {
    match number {
        number if number.is_nan() => Some("NaN"),
        f64::INFINITY => Some("Infinity"),
        f64::NEG_INFINITY => Some("-Infinity"),
        _ => None,
    }
}

fn real(clause: char, precision: usize, number: f64) -> std::string::String {
    if let Some(name) = special(number) {
        return name.into();
    }
    if clause == 'f' {
        return format!("{number:.precision$}");
    }
    let written = format!("{number:.precision$e}");
    let (mantissa, exponent) = written.split_once('e').unwrap_or((&written, "0"));
    let (sign, digits) = exponent.strip_prefix('-').map_or(('+', exponent), |digits| ('-', digits));
    format!("{mantissa}e{sign}{digits:0>2}")
}

/// All digits that tell a float from its neighbours, and no exponent.
fn decimal(number: f64) -> std::string::String {
    special(number).map_or_else(|| number.to_string(), Into::into)
}

/// Writes a value as `%s` does.
fn plain(value: &Value, out: &mut Out<'_>) -> Result<(), Error> {
    match value {
        Value::Null => out.push("null"),
        Value::Float(number) => out.push(&decimal(*number)),
        Value::Bytes(bytes) => lossy(bytes, out),
        Value::Duration(nanos) => out.push(&duration_text(*nanos)),
        Value::Type(name) => out.push(name),
        Value::List(items) => {
            out.push("[")?;
            for (index, item) in items.iter().enumerate() {
                if index > 0 {
                    out.push(", ")?;
                }
                plain(item, out)?;
            }
            out.push("]")
        }
        Value::Map(map) => entries(map.iter().map(|(key, value)| (key.text(), value)).collect(), out),
        Value::Record(record) => {
            let names = record.shape.fields.iter().map(ToString::to_string);
            entries(names.zip(&record.slots).collect(), out)
        }
        other => match super::scalar_text(other) {
            Some(text) => out.push(&text),
            None => Err(Error::value(format!("%s does not write {}", values::kind_name(other)))),
        },
    }
}

/// In the order of their keys as texts, so that equal maps are written alike.
fn entries(mut all: Vec<(std::string::String, &Value)>, out: &mut Out<'_>) -> Result<(), Error> {
    all.sort_by(|(left, _), (right, _)| left.cmp(right));
    out.push("{")?;
    for (index, (key, value)) in all.into_iter().enumerate() {
        if index > 0 {
            out.push(", ")?;
        }
        out.push(&key)?;
        out.push(": ")?;
        plain(value, out)?;
    }
    out.push("}")
}

/// Bytes as UTF-8, each run of what is none as one replacement character.
fn lossy(bytes: &[u8], out: &mut Out<'_>) -> Result<(), Error> {
    let mut after_invalid = false;
    for chunk in bytes.utf8_chunks() {
        if !chunk.valid().is_empty() {
            out.push(chunk.valid())?;
            after_invalid = false;
        }
        if !chunk.invalid().is_empty() && !after_invalid {
            out.push("\u{fffd}")?;
            after_invalid = true;
        }
    }
    Ok(())
}
