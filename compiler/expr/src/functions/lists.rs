//! Lists.

use std::cmp::Ordering;
use std::collections::HashSet;

use flow_ir::Value;
use flow_ir::value::Key;

use super::Sig::*;
use super::Style::{Global, Method};
use super::{
    LIST_DURATION, LIST_FLOAT, LIST_INT, LIST_O0, LIST_STRING, LIST_UINT, LIST_V0, O0, OPTIONAL_V0, Overload,
    Sig, V0, equal, int, list, no_overload, order, row, strings,
};
use crate::env::{Meter, VALUE_BYTES_MAX, too_large};
use crate::{Env, Error};

pub(super) const ROWS: &[Overload] = &[
    row("first_list", "first", Method, &[LIST_V0], OPTIONAL_V0, "the first element, an optional", |_, a| {
        Ok(optional(list(a, 0)?.first()))
    }),
    row("last_list", "last", Method, &[LIST_V0], OPTIONAL_V0, "the last element, an optional", |_, a| {
        Ok(optional(list(a, 0)?.last()))
    }),
    row("take_list", "take", Method, &[LIST_V0, Int], LIST_V0, "the first n elements, or all", |env, a| {
        let items = list(a, 0)?;
        copy(env, &items[..clamp(int(a, 1)?, items.len())])
    }),
    row("skip_list", "skip", Method, &[LIST_V0, Int], LIST_V0, "all but the first n elements", |env, a| {
        let items = list(a, 0)?;
        copy(env, &items[clamp(int(a, 1)?, items.len())..])
    }),
    row(
        "slice_list",
        "slice",
        Method,
        &[LIST_V0, Int, Int],
        LIST_V0,
        "from an index up to, not including, another",
        {
            |env, a| {
                let (items, from, to) = (list(a, 0)?, int(a, 1)?, int(a, 2)?);
                match (usize::try_from(from), usize::try_from(to)) {
                    (Ok(from), Ok(to)) if from <= to && to <= items.len() => copy(env, &items[from..to]),
                    _ => {
                        Err(Error::value(format!("a slice from {from} to {to} of {} elements", items.len())))
                    }
                }
            }
        },
    ),
    row(
        "reverse_list",
        "reverse",
        Method,
        &[LIST_V0],
        LIST_V0,
        "from the last element to the first",
        |env, a| {
            env.meter.elements(list(a, 0)?.len())?;
            Ok(Value::list(list(a, 0)?.iter().rev().cloned().collect()))
        },
    ),
    row("sort_list", "sort", Method, &[LIST_O0], LIST_O0, "in rising order", sort),
    row(
        "distinct_list",
        "distinct",
        Method,
        &[LIST_V0],
        LIST_V0,
        "each element once, the first of equal ones",
        |env, a| distinct(env, list(a, 0)?),
    ),
    row(
        "flatten_list",
        "flatten",
        Method,
        &[Sig::List(&LIST_V0)],
        LIST_V0,
        "the elements of its lists",
        |env, a| flatten(env, list(a, 0)?, 1),
    ),
    row(
        "flatten_json",
        "flatten",
        Method,
        &[Sig::List(&Json)],
        Sig::List(&Json),
        "the elements of its lists, and its other elements",
        |env, a| flatten(env, list(a, 0)?, 1),
    ),
    row(
        "flatten_depth",
        "flatten",
        Method,
        &[Sig::List(&Json), Int],
        Sig::List(&Json),
        "the same for the lists in its lists, n levels deep",
        |env, a| match usize::try_from(int(a, 1)?) {
            Ok(depth) => flatten(env, list(a, 0)?, depth),
            Err(_) => Err(Error::value("a depth below 0")),
        },
    ),
    row(
        "compact_list",
        "compact",
        Method,
        &[Sig::List(&Sig::Nullable(&V0))],
        LIST_V0,
        "without the nulls",
        |env, a| {
            env.meter.elements(list(a, 0)?.len())?;
            Ok(Value::list(list(a, 0)?.iter().filter(|item| !item.is_null()).cloned().collect()))
        },
    ),
    row(
        "groups_list",
        "groups",
        Method,
        &[LIST_V0, Int],
        Sig::List(&LIST_V0),
        "lists of n elements each, the last shorter",
        {
            |env, a| {
                let (items, size) = (list(a, 0)?, int(a, 1)?);
                let size = usize::try_from(size).ok().filter(|size| *size > 0);
                let size = size.ok_or_else(|| Error::value("groups of less than 1 element"))?;
                env.meter.elements(items.len())?;
                Ok(Value::list(items.chunks(size).map(|group| Value::list(group.to_vec())).collect()))
            }
        },
    ),
    row("range_list", "lists.range", Global, &[Int], LIST_INT, "0 up to, not including, n", |env, a| {
        let end = usize::try_from(int(a, 0)?).unwrap_or(0);
        env.meter.elements(end)?;
        Ok(Value::list((0..end as i64).map(Value::Int).collect()))
    }),
    row("sum_int", "sum", Method, &[LIST_INT], Int, "the sum; overflow is an error", |env, a| {
        sum_whole(env, a).and_then(|sum| i64::try_from(sum).map(Value::Int).map_err(|_| overflow()))
    }),
    row("sum_uint", "sum", Method, &[LIST_UINT], Uint, "the sum; overflow is an error", |env, a| {
        sum_whole(env, a).and_then(|sum| u64::try_from(sum).map(Value::Uint).map_err(|_| overflow()))
    }),
    row("sum_float", "sum", Method, &[LIST_FLOAT], Float, "the sum", |env, a| {
        sum_float(env, a).map(Value::Float)
    }),
    row(
        "sum_duration",
        "sum",
        Method,
        &[LIST_DURATION],
        Duration,
        "the sum; overflow is an error",
        |env, a| {
            sum_whole(env, a).and_then(|sum| i64::try_from(sum).map(Value::Duration).map_err(|_| overflow()))
        },
    ),
    row("mean_int", "mean", Method, &[LIST_INT], Float, "the mean; of an empty list an error", |env, a| {
        let count = filled(a)?;
        sum_whole(env, a).map(|sum| Value::Float(sum as f64 / count as f64))
    }),
    row(
        "mean_float",
        "mean",
        Method,
        &[LIST_FLOAT],
        Float,
        "the mean; of an empty list an error",
        |env, a| {
            let count = filled(a)?;
            sum_float(env, a).map(|sum| Value::Float(sum / count as f64))
        },
    ),
    row(
        "mean_duration",
        "mean",
        Method,
        &[LIST_DURATION],
        Duration,
        "the mean; of an empty list an error",
        {
            |env, a| {
                let count = filled(a)? as i128;
                sum_whole(env, a).map(|sum| Value::Duration((sum / count) as i64))
            }
        },
    ),
    row(
        "min_list",
        "min",
        Method,
        &[LIST_O0],
        O0,
        "the least element; of an empty list an error",
        |env, a| extreme(env, a, Ordering::Less),
    ),
    row(
        "max_list",
        "max",
        Method,
        &[LIST_O0],
        O0,
        "the greatest element; of an empty list an error",
        |env, a| extreme(env, a, Ordering::Greater),
    ),
    row("join_list", "join", Method, &[LIST_STRING], String, "one text after the other", |env, a| {
        joined(env, &strings::strings(a, 0)?, "")
    }),
    row(
        "join_separator",
        "join",
        Method,
        &[LIST_STRING, String],
        String,
        "the texts with a separator between",
        |env, a| joined(env, &strings::strings(a, 0)?, super::string(a, 1)?),
    ),
    row(
        "join_scalars",
        "join",
        Method,
        &[LIST_O0, String],
        String,
        "the elements, each as string(x), with a separator between",
        |env, a| {
            let mut parts = Vec::new();
            for item in list(a, 0)?.iter() {
                let part = super::scalar_text(item).ok_or_else(|| no_overload(a))?;
                env.meter.bytes(part.len())?;
                parts.push(part);
            }
            let parts: Vec<&str> = parts.iter().map(|part| part.as_str()).collect();
            joined(env, &parts, super::string(a, 1)?)
        },
    ),
];

fn optional(value: Option<&Value>) -> Value {
    Value::Optional(value.map(|value| std::sync::Arc::new(value.clone())))
}

fn clamp(index: i64, len: usize) -> usize {
    usize::try_from(index.max(0)).unwrap_or(len).min(len)
}

fn copy(env: &Env<'_>, items: &[Value]) -> Result<Value, Error> {
    env.meter.elements(items.len())?;
    Ok(Value::list(items.to_vec()))
}

#[cold]
fn overflow() -> Error {
    Error::value("integer overflow")
}

fn filled(args: &[&Value]) -> Result<usize, Error> {
    match list(args, 0)?.len() {
        0 => Err(Error::value("an empty list")),
        count => Ok(count),
    }
}

fn sum_whole(env: &Env<'_>, args: &[&Value]) -> Result<i128, Error> {
    env.meter.elements(list(args, 0)?.len())?;
    list(args, 0)?.iter().try_fold(0i128, |sum, item| match item {
        Value::Int(number) | Value::Duration(number) => Ok(sum + *number as i128),
        Value::Uint(number) => Ok(sum + *number as i128),
        _ => Err(no_overload(args)),
    })
}

fn sum_float(env: &Env<'_>, args: &[&Value]) -> Result<f64, Error> {
    env.meter.elements(list(args, 0)?.len())?;
    list(args, 0)?.iter().try_fold(0.0, |sum, item| match item {
        Value::Float(number) => Ok(sum + number),
        Value::Int(number) => Ok(sum + *number as f64),
        _ => Err(no_overload(args)),
    })
}

fn extreme(env: &Env<'_>, args: &[&Value], wanted: Ordering) -> Result<Value, Error> {
    filled(args)?;
    let items = list(args, 0)?;
    env.meter.elements(items.len())?;
    let mut best = &items[0];
    for item in &items[1..] {
        super::compared(env.meter, item, best)?;
        if order(item, best).ok_or_else(|| incomparable(item, best))? == wanted {
            best = item;
        }
    }
    Ok(best.clone())
}

#[cold]
pub(crate) fn incomparable(left: &Value, right: &Value) -> Error {
    Error::value(format!("{} and {} have no order", crate::values::brief(left), crate::values::brief(right)))
}

fn sort(env: &Env<'_>, args: &[&Value]) -> Result<Value, Error> {
    let items = list(args, 0)?;
    let mut order: Vec<u32> = (0..items.len() as u32).collect();
    sort_indices(env.meter, &mut order, |index| &items[index as usize])?;
    Ok(Value::list(order.into_iter().map(|index| items[index as usize].clone()).collect()))
}

/// Elements of lists in place of the lists, so many levels deep. Lists within lists are kept on the heap.
fn flatten(env: &Env<'_>, items: &[Value], depth: usize) -> Result<Value, Error> {
    let mut out = Vec::new();
    let mut open = vec![items.iter()];
    while let Some(items) = open.last_mut() {
        match items.next() {
            None => {
                open.pop();
            }
            Some(Value::List(inner)) if open.len() <= depth => {
                env.meter.charge(1)?;
                open.push(inner.iter());
            }
            Some(other) => {
                env.meter.charge(1)?;
                if out.len() >= VALUE_BYTES_MAX / 8 {
                    return Err(too_large());
                }
                out.push(other.clone());
            }
        }
    }
    env.meter.elements(out.len())?;
    Ok(Value::list(out))
}

/// The order of two elements of a list that is sorted: of one kind, as CEL has it. `1` and `2.5` compare, but aren't sorted.
fn order_in_list(left: &Value, right: &Value) -> Option<Ordering> {
    if std::mem::discriminant(left) != std::mem::discriminant(right) {
        return None;
    }
    order(left, right)
}

/// Sorts indices by their keys, stable. Keys without an order among each other are an error.
pub(crate) fn sort_indices<'a>(
    meter: &Meter,
    indices: &mut [u32],
    key: impl Fn(u32) -> &'a Value,
) -> Result<(), Error> {
    let count = indices.len() as u64;
    meter.elements(indices.len())?;
    let rounds = u64::from(count.max(1).ilog2());
    meter.charge(count * rounds)?;
    // Each round of a sort by merging reads each key once at most.
    let bytes: u64 = indices.iter().map(|index| text_bytes(key(*index))).sum();
    meter.charge((bytes / 64).saturating_mul(rounds + 1))?;
    // An element that is alone is compared with nothing else, and has an order or not like any other.
    if let [only] = indices {
        order(key(*only), key(*only)).ok_or_else(|| incomparable(key(*only), key(*only)))?;
    }
    merge_sort(indices, |left, right| {
        order_in_list(key(left), key(right)).ok_or_else(|| incomparable(key(right), key(left)))
    })
}

/// Sorts by merging, stable: the standard library's sort may panic where some elements have no order, like NaN, and can't
/// stop at an error. Every element is compared with another one.
fn merge_sort(
    indices: &mut [u32],
    mut compare: impl FnMut(u32, u32) -> Result<Ordering, Error>,
) -> Result<(), Error> {
    let mut from = indices.to_vec();
    let mut width = 1;
    while width < from.len() {
        for (run, out) in from.chunks(2 * width).zip(indices.chunks_mut(2 * width)) {
            let (mut left, mut right) = run.split_at(width.min(run.len()));
            for place in out {
                let takes_right = match (left, right) {
                    ([first, ..], [second, ..]) => compare(*first, *second)? == Ordering::Greater,
                    (left, _) => left.is_empty(),
                };
                let side = if takes_right { &mut right } else { &mut left };
                if let [first, rest @ ..] = *side {
                    *place = *first;
                    *side = rest;
                }
            }
        }
        from.copy_from_slice(indices);
        width *= 2;
    }
    Ok(())
}

/// The bytes that comparing a value may read.
fn text_bytes(value: &Value) -> u64 {
    match value {
        Value::String(text) => text.len() as u64,
        Value::Bytes(bytes) => bytes.len() as u64,
        _ => 0,
    }
}

fn distinct(env: &Env<'_>, items: &[Value]) -> Result<Value, Error> {
    env.meter.elements(items.len())?;
    let mut seen = Seen::default();
    let mut out = Vec::new();
    for item in items {
        if seen.insert(env.meter, item)? {
            out.push(item.clone());
        }
    }
    Ok(Value::list(out))
}

/// The values met so far: scalars by hash, others one by one, charged.
#[derive(Default)]
pub(crate) struct Seen {
    keys: HashSet<Key>,
    others: Vec<Value>,
}

impl Seen {
    /// Returns whether the value is new.
    pub(crate) fn insert(&mut self, meter: &Meter, value: &Value) -> Result<bool, Error> {
        crate::values::hashed(meter, value)?;
        if let Some(key) = Key::from_value(value) {
            return Ok(self.keys.insert(key));
        }
        for other in &self.others {
            meter.charge(1)?;
            if equal(meter, other, value)? {
                return Ok(false);
            }
        }
        self.others.push(value.clone());
        Ok(true)
    }

    /// Returns whether an equal value has been met.
    pub(crate) fn contains(&self, meter: &Meter, value: &Value) -> Result<bool, Error> {
        crate::values::hashed(meter, value)?;
        if let Some(key) = Key::from_value(value) {
            return Ok(self.keys.contains(&key));
        }
        for other in &self.others {
            meter.charge(1)?;
            if equal(meter, other, value)? {
                return Ok(true);
            }
        }
        Ok(false)
    }
}

fn joined(env: &Env<'_>, parts: &[&str], separator: &str) -> Result<Value, Error> {
    env.meter.elements(parts.len())?;
    let bytes = parts.iter().map(|part| part.len()).sum::<usize>();
    env.meter.bytes(bytes.saturating_add(separator.len().saturating_mul(parts.len())))?;
    Ok(Value::string(parts.join(separator)))
}
