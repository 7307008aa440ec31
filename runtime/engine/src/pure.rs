//! `+=` and the merges of state: the only computing that isn't an expression (S2, S10).

use std::cmp::Ordering;
use std::collections::HashSet;
use std::sync::Arc;

use flow_expr::{Error, VALUE_BYTES_MAX};
use flow_ir::Value;
use flow_ir::plan::{Add, Merge};
use flow_ir::value::{Key, MediaSource};

/// Longer lists are compared by hash where their elements have one.
const LINEAR_MAX: usize = 32;
/// Additions larger than this are measured at once, smaller ones when the whole has doubled.
const MEASURED_BYTES: usize = 64 << 10;

/// Returns `current += value`. What has no value yet takes the value itself.
pub(crate) fn add(
    how: Add,
    merge: Option<Merge>,
    current: Option<Value>,
    value: Value,
) -> Result<Value, Error> {
    match (how, merge) {
        (Add::Number, _) | (Add::Merge, Some(Merge::Sum)) => sum(current, value),
        (Add::Text, _) => text(current, value),
        (Add::List, _) | (Add::Merge, Some(Merge::Append)) => append(current, value),
        (Add::Entries, _) => entries(current, value, false),
        (Add::Merge, Some(Merge::Entries)) => entries(current, value, true),
        (Add::Merge, Some(Merge::Union)) => union(current, vec![value]),
        (Add::Merge, Some(Merge::Min)) => extreme(current, value, Ordering::Less),
        (Add::Merge, Some(Merge::Max)) => extreme(current, value, Ordering::Greater),
        (Add::Merge, None) => Err(Error::value("a state without a merge rule can't be merged")),
    }
}

/// Applies all additions of a join, in written order.
pub(crate) fn merge_all(
    merge: Merge,
    mut current: Option<Value>,
    added: Vec<Value>,
) -> Result<Option<Value>, Error> {
    if merge == Merge::Union {
        return union(current, added).map(Some);
    }
    for value in added {
        current = Some(add(Add::Merge, Some(merge), current, value)?);
    }
    Ok(current)
}

fn sum(current: Option<Value>, value: Value) -> Result<Value, Error> {
    let overflow = || Error::value("the sum is out of range");
    match (current.unwrap_or(Value::Null), value) {
        (Value::Null, value) => Ok(value),
        (Value::Int(a), Value::Int(b)) => a.checked_add(b).map(Value::Int).ok_or_else(overflow),
        (Value::Uint(a), Value::Uint(b)) => a.checked_add(b).map(Value::Uint).ok_or_else(overflow),
        (Value::Duration(a), Value::Duration(b)) => {
            a.checked_add(b).map(Value::Duration).ok_or_else(overflow)
        }
        (Value::Float(a), Value::Float(b)) => finite(a + b),
        (Value::Float(a), Value::Int(b)) => finite(a + b as f64),
        _ => Err(Error::value("these can't be added")),
    }
}

fn finite(sum: f64) -> Result<Value, Error> {
    if sum.is_finite() { Ok(Value::Float(sum)) } else { Err(Error::value("the sum is out of range")) }
}

fn text(current: Option<Value>, value: Value) -> Result<Value, Error> {
    match (current.unwrap_or(Value::Null), value) {
        (Value::Null, value) => Ok(value),
        (Value::String(a), Value::String(b)) => {
            limit(a.len() + b.len())?;
            Ok(Value::String([&*a, &*b].concat().into()))
        }
        (Value::Bytes(a), Value::Bytes(b)) => {
            limit(a.len() + b.len())?;
            Ok(Value::Bytes([&*a, &*b].concat().into()))
        }
        _ => Err(Error::value("these can't be joined")),
    }
}

fn append(current: Option<Value>, value: Value) -> Result<Value, Error> {
    match (current.unwrap_or(Value::Null), value) {
        (Value::Null, value) => Ok(value),
        (Value::List(mut list), Value::List(more)) => {
            let doubled = (list.len() + more.len()).leading_zeros() != list.len().leading_zeros();
            let is_large = doubled || size(more.iter(), MEASURED_BYTES).is_none();
            Arc::make_mut(&mut list).extend(more.iter().cloned());
            if is_large && size(list.iter(), VALUE_BYTES_MAX).is_none() {
                return Err(too_large());
            }
            Ok(Value::List(list))
        }
        _ => Err(Error::value("these can't be joined")),
    }
}

fn entries(current: Option<Value>, value: Value, strict: bool) -> Result<Value, Error> {
    match (current.unwrap_or(Value::Null), value) {
        (Value::Null, value) => Ok(value),
        (Value::Map(mut map), Value::Map(more)) => {
            let count = map.len() + more.len();
            let doubled = count.leading_zeros() != map.len().leading_zeros();
            let is_large = doubled || size(more.values(), MEASURED_BYTES).is_none();
            let entries = Arc::make_mut(&mut map);
            for (key, value) in more.iter() {
                match entries.get(key) {
                    Some(before) if strict && before != value => {
                        return Err(Error::value(format!("unequal entries for the key {:?}", brief(key))));
                    }
                    Some(_) if strict => {}
                    _ => {
                        entries.insert(key.clone(), value.clone());
                    }
                }
            }
            if is_large && size(entries.values(), VALUE_BYTES_MAX).is_none() {
                return Err(too_large());
            }
            Ok(Value::Map(map))
        }
        _ => Err(Error::value("these can't be joined")),
    }
}

fn brief(key: &Key) -> String {
    key.text().chars().take(80).collect()
}

/// Adds the elements that aren't there yet, in order.
fn union(current: Option<Value>, added: Vec<Value>) -> Result<Value, Error> {
    let mut list = match current {
        None | Some(Value::Null) => Arc::new(Vec::new()),
        Some(Value::List(list)) => list,
        Some(_) => return Err(Error::value("these can't be united")),
    };
    let mut more = Vec::new();
    for value in &added {
        match value {
            Value::List(items) => more.extend(items.iter()),
            _ => return Err(Error::value("these can't be united")),
        }
    }
    // An int and the float of its value are equal and one key; other numbers have no key and are compared one by one.
    let key = |value: &Value| match value {
        Value::Bool(_) | Value::Int(_) | Value::String(_) | Value::Enum(_) => Key::from_value(value),
        _ => None,
    };
    let items = Arc::make_mut(&mut list);
    let all = items.iter().chain(more.iter().copied());
    let seen: Option<HashSet<Key>> =
        match items.len() + more.len() > LINEAR_MAX && all.clone().all(|item| key(item).is_some()) {
            true => Some(items.iter().filter_map(key).collect()),
            false => None,
        };
    match seen {
        Some(mut seen) => {
            items.extend(
                more.into_iter().filter(|item| key(item).is_some_and(|key| seen.insert(key))).cloned(),
            );
        }
        None => {
            for item in more {
                if !items.contains(item) {
                    items.push(item.clone());
                }
            }
        }
    }
    if size(items.iter(), VALUE_BYTES_MAX).is_none() {
        return Err(too_large());
    }
    Ok(Value::List(list))
}

fn extreme(current: Option<Value>, value: Value, wanted: Ordering) -> Result<Value, Error> {
    let Some(current) = current.filter(|current| !current.is_null()) else { return Ok(value) };
    match compare(&value, &current) {
        Some(order) if order == wanted => Ok(value),
        Some(_) => Ok(current),
        None => Err(Error::value("these can't be compared")),
    }
}

fn compare(a: &Value, b: &Value) -> Option<Ordering> {
    match (a, b) {
        (Value::Int(a), Value::Int(b)) => Some(a.cmp(b)),
        (Value::Float(a), Value::Float(b)) => a.partial_cmp(b),
        (Value::Int(a), Value::Float(b)) => (*a as f64).partial_cmp(b),
        (Value::Float(a), Value::Int(b)) => a.partial_cmp(&(*b as f64)),
        (Value::String(a), Value::String(b)) => Some(a.cmp(b)),
        (Value::Duration(a), Value::Duration(b)) => Some(a.cmp(b)),
        (Value::Timestamp(a), Value::Timestamp(b)) => Some(a.cmp(b)),
        (Value::Enum(a), Value::Enum(b)) => Some(a.index.cmp(&b.index)),
        _ => None,
    }
}

fn limit(bytes: usize) -> Result<(), Error> {
    if bytes > VALUE_BYTES_MAX { Err(too_large()) } else { Ok(()) }
}

fn too_large() -> Error {
    Error::exhausted("a value of more than 16 MiB")
}

/// Returns what is left of so many bytes after these values; `None` if they need more.
fn size<'a>(values: impl Iterator<Item = &'a Value>, left: usize) -> Option<usize> {
    let mut left = left;
    for value in values {
        left = left.checked_sub(8)?;
        left = match value {
            Value::String(text) => left.checked_sub(text.len())?,
            Value::Bytes(bytes) => left.checked_sub(bytes.len())?,
            Value::List(items) => size(items.iter(), left)?,
            Value::Map(map) => size(map.values(), left)?,
            Value::Record(record) => size(record.slots.iter(), left)?,
            Value::Media(media) => match &media.source {
                MediaSource::Bytes(bytes) => left.checked_sub(bytes.len())?,
                MediaSource::Url(url) => left.checked_sub(url.len())?,
            },
            _ => left,
        };
    }
    Some(left)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ints(items: &[i64]) -> Value {
        Value::list(items.iter().map(|item| Value::Int(*item)).collect())
    }

    #[test]
    fn merges() {
        let check = |merge, current: Value, added: &[Value], expected: Result<Value, &str>| {
            let merged = merge_all(merge, Some(current), added.to_vec());
            match expected {
                Ok(value) => assert_eq!(merged.unwrap(), Some(value)),
                Err(message) => assert_eq!(merged.unwrap_err().message, message),
            }
        };
        let map = |entries: &[(&str, i64)]| {
            let entries = entries.iter().map(|(key, value)| (Key::String((*key).into()), Value::Int(*value)));
            Value::Map(Arc::new(entries.collect()))
        };
        check(Merge::Append, ints(&[1]), &[ints(&[2, 1]), ints(&[3])], Ok(ints(&[1, 2, 1, 3])));
        check(Merge::Union, ints(&[1]), &[ints(&[2, 1]), ints(&[3, 2])], Ok(ints(&[1, 2, 3])));
        check(Merge::Sum, Value::Int(1), &[Value::Int(2), Value::Int(3)], Ok(Value::Int(6)));
        check(Merge::Sum, Value::Int(i64::MAX), &[Value::Int(1)], Err("the sum is out of range"));
        check(Merge::Min, Value::Int(4), &[Value::Int(2), Value::Int(3)], Ok(Value::Int(2)));
        check(Merge::Max, Value::Float(0.5), &[Value::Float(0.25)], Ok(Value::Float(0.5)));
        check(
            Merge::Entries,
            map(&[("a", 1)]),
            &[map(&[("b", 2), ("a", 1)])],
            Ok(map(&[("a", 1), ("b", 2)])),
        );
        check(
            Merge::Entries,
            map(&[("a", 1)]),
            &[map(&[("a", 2)])],
            Err("unequal entries for the key \"a\""),
        );
        let many: Vec<i64> = (0..100).collect();
        check(Merge::Union, ints(&many), &[ints(&[99, 100, 100])], Ok(ints(&(0..101).collect::<Vec<_>>())));
    }

    #[test]
    fn a_list_stays_below_its_limit() {
        let block = Value::list(vec![Value::string("x".repeat(1 << 20))]);
        let mut list = Some(Value::list(vec![]));
        for turn in 0..40 {
            match add(Add::List, None, list.take(), block.clone()) {
                Ok(value) => list = Some(value),
                Err(error) => {
                    assert_eq!(error.kind, flow_expr::ErrorKind::Exhausted);
                    assert_eq!(turn, 15);
                    return;
                }
            }
        }
        panic!("no limit");
    }
}
