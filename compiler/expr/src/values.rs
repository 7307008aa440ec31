//! Look-ups and limits that operators, macros and paths share.

use indexmap::IndexMap;

use flow_ir::Value;
use flow_ir::value::Key;

use crate::Error;
use crate::env::{Meter, VALUE_BYTES_MAX, too_large};

/// Values nest at most so deep, so that none is too deep to compare, write or drop.
const DEPTH_MAX: usize = 128;

/// Returns the name of a value's kind, for messages and `type(x)`.
pub(crate) fn kind_name(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "bool",
        Value::Int(_) => "int",
        Value::Uint(_) => "uint",
        Value::Float(_) => "float",
        Value::String(_) => "string",
        Value::Bytes(_) => "bytes",
        Value::Duration(_) => "duration",
        Value::Timestamp(_) => "timestamp",
        Value::List(_) => "list",
        Value::Map(_) => "map",
        Value::Record(_) => "record",
        Value::Enum(_) => "enum",
        Value::Media(_) => "media",
        Value::Optional(_) => "optional",
        Value::Type(_) => "type",
    }
}

/// Charges for hashing a value that is a key: a long text is read.
#[inline]
pub(crate) fn hashed(meter: &Meter, key: &Value) -> Result<(), Error> {
    match key {
        Value::String(text) => meter.charge(text.len() as u64 / 64),
        _ => Ok(()),
    }
}

/// Returns a map's value; numeric keys compare across kinds.
pub(crate) fn entry<'a>(map: &'a IndexMap<Key, Value>, key: &Value) -> Option<&'a Value> {
    let key = Key::from_value(key)?;
    let other = match &key {
        Key::Int(number) => u64::try_from(*number).ok().map(Key::Uint),
        _ => None,
    };
    map.get(&key).or_else(|| map.get(&other?))
}

/// Puts an entry into a map; returns whether its key is new. `1` and `1u` are one key.
pub(crate) fn insert(map: &mut IndexMap<Key, Value>, key: Key, value: Value) -> bool {
    let other = match &key {
        Key::Int(number) => u64::try_from(*number).ok().map(Key::Uint),
        Key::Uint(number) => i64::try_from(*number).ok().map(Key::Int),
        _ => None,
    };
    match other.and_then(|other| map.get_mut(&other)) {
        Some(place) => {
            *place = value;
            false
        }
        None => map.insert(key, value).is_none(),
    }
}

/// Returns `of[key]` of a list, a map or `json`.
pub(crate) fn index<'a>(of: &'a Value, key: &Value) -> Result<&'a Value, Error> {
    match of {
        Value::List(items) => position(key)?
            .and_then(|index| items.get(index))
            .ok_or_else(|| Error::value(format!("index {} outside of {} elements", brief(key), items.len()))),
        Value::Map(map) => entry(map, key).ok_or_else(|| no_key(key)),
        Value::Record(record) => match key {
            Value::String(name) => record.get(name).ok_or_else(|| no_key(key)),
            _ => Err(no_key(key)),
        },
        other => Err(Error::value(format!("{} has no elements", kind_name(other)))),
    }
}

/// Returns `of[?key]`: absent is what a list or map doesn't have. What has no elements, and a key that can be none, fail.
pub(crate) fn find<'a>(of: &'a Value, key: &Value) -> Result<Option<&'a Value>, Error> {
    match of {
        Value::List(items) => Ok(position(key)?.and_then(|index| items.get(index))),
        Value::Map(map) => Ok(entry(map, key)),
        Value::Record(record) => Ok(key.as_str().and_then(|name| record.get(name))),
        other => Err(Error::value(format!("{} has no elements", kind_name(other)))),
    }
}

/// Returns the list index that a number is; `None` if it is negative or too large.
fn position(key: &Value) -> Result<Option<usize>, Error> {
    match key {
        Value::Int(number) => Ok(usize::try_from(*number).ok()),
        Value::Uint(number) => Ok(usize::try_from(*number).ok()),
        Value::Float(number) if number.fract() == 0.0 => {
            Ok((0.0..9e15).contains(number).then_some(*number as usize))
        }
        other => Err(Error::value(format!("a list has no index {}", brief(other)))),
    }
}

#[cold]
pub(crate) fn no_key(key: &Value) -> Error {
    Error::value(format!("no such key: {}", brief(key)))
}

/// Writes a scalar for a message, cut to 80 characters.
pub(crate) fn brief(value: &Value) -> String {
    match value {
        Value::String(text) => {
            let mut cut: String = text.chars().take(80).collect();
            if cut.len() < text.len() {
                cut.push('…');
            }
            format!("{cut:?}")
        }
        Value::List(items) => format!("a list of {}", items.len()),
        Value::Map(map) => format!("a map of {}", map.len()),
        Value::Record(record) => match &record.shape.name {
            Some(name) => format!("a {}", name.rsplit("::").next().unwrap_or(name)),
            None => "a record".into(),
        },
        other => crate::functions::scalar_text(other).unwrap_or_else(|| kind_name(other).into()),
    }
}

/// Returns a timestamp within CEL's range: the years 1 to 9999.
pub(crate) fn timestamp_of_nanos(nanos: i128) -> Result<Value, Error> {
    const FIRST: i128 = -62_135_596_800 * 1_000_000_000;
    const LAST: i128 = 253_402_300_800 * 1_000_000_000 - 1;
    if !(FIRST..=LAST).contains(&nanos) {
        return Err(Error::value("a timestamp outside of the years 1 to 9999"));
    }
    jiff::Timestamp::from_nanosecond(nanos)
        .map(Value::Timestamp)
        .map_err(|_| Error::value("a timestamp outside of its range"))
}

/// Fails with `exhausted` if a value is larger than 16 MiB or nested deeper than 128. Shared parts count as often as
/// they occur, because that is what writing the value out would cost.
pub(crate) fn measure(value: &Value, meter: &Meter) -> Result<(), Error> {
    let mut left = VALUE_BYTES_MAX;
    let mut units = 0;
    let result = walk(value, DEPTH_MAX, &mut left, &mut units);
    meter.charge(units / 64)?;
    result
}

fn walk(value: &Value, depth: usize, left: &mut usize, units: &mut u64) -> Result<(), Error> {
    let bytes = match value {
        Value::String(text) => text.len() + 8,
        Value::Bytes(bytes) => bytes.len() + 8,
        Value::Media(media) => match &media.source {
            flow_ir::value::MediaSource::Bytes(bytes) => bytes.len() + 8,
            flow_ir::value::MediaSource::Url(url) => url.len() + 8,
        },
        _ => 8,
    };
    *left = left.checked_sub(bytes).ok_or_else(too_large)?;
    *units += 1;
    let below = || depth.checked_sub(1).ok_or_else(|| Error::exhausted("a value nested deeper than 128"));
    match value {
        Value::List(items) => {
            let depth = below()?;
            items.iter().try_for_each(|item| walk(item, depth, left, units))
        }
        Value::Map(map) => {
            let depth = below()?;
            map.iter().try_for_each(|(key, value)| {
                if let Key::String(text) = key {
                    *left = left.checked_sub(text.len()).ok_or_else(too_large)?;
                }
                walk(value, depth, left, units)
            })
        }
        Value::Record(record) => {
            let depth = below()?;
            record.slots.iter().try_for_each(|slot| walk(slot, depth, left, units))
        }
        Value::Optional(Some(value)) => walk(value, below()?, left, units),
        _ => Ok(()),
    }
}
