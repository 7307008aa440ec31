//! `== != < <= > >=`: numbers compare across kinds, NaN with nothing.

use std::cmp::Ordering;

use flow_ir::Value;

use super::Sig::*;
use super::Style::Operator;
use super::{Overload, Sig, V0, no_overload, row};
use crate::env::Meter;
use crate::{Env, Error};

/// One row per order operator and pair of kinds.
macro_rules! ordered {
    ($($id:literal $name:literal $left:expr, $right:expr, $doc:literal, $test:expr;)*) => {
        [$(row($id, $name, Operator, &[$left, $right], Bool, $doc, |env, a| compare(env.meter, a, $test))),*]
    };
}

macro_rules! order_rows {
    ($less:literal $less_equal:literal $greater:literal $greater_equal:literal, $left:expr, $right:expr) => {
        ordered! {
            $less "_<_" $left, $right, "whether it is less", |order| order == Ordering::Less;
            $less_equal "_<=_" $left, $right, "whether it is at most", |order| order != Ordering::Greater;
            $greater "_>_" $left, $right, "whether it is greater", |order| order == Ordering::Greater;
            $greater_equal "_>=_" $left, $right, "whether it is at least", |order| order != Ordering::Less;
        }
    };
}

const PAIRS: usize = 15;
const ORDERS: [[Overload; 4]; PAIRS] = [
    order_rows!("less_int" "less_equal_int" "greater_int" "greater_equal_int", Int, Int),
    order_rows!("less_float" "less_equal_float" "greater_float" "greater_equal_float", Float, Float),
    order_rows!("less_string" "less_equal_string" "greater_string" "greater_equal_string", Sig::String, Sig::String),
    order_rows!("less_uint" "less_equal_uint" "greater_uint" "greater_equal_uint", Uint, Uint),
    order_rows!("less_bool" "less_equal_bool" "greater_bool" "greater_equal_bool", Bool, Bool),
    order_rows!("less_bytes" "less_equal_bytes" "greater_bytes" "greater_equal_bytes", Bytes, Bytes),
    order_rows!("less_duration" "less_equal_duration" "greater_duration" "greater_equal_duration", Duration, Duration),
    order_rows!("less_timestamp" "less_equal_timestamp" "greater_timestamp" "greater_equal_timestamp", Timestamp, Timestamp),
    order_rows!("less_enum" "less_equal_enum" "greater_enum" "greater_equal_enum", Enum, Enum),
    order_rows!("less_int_float" "less_equal_int_float" "greater_int_float" "greater_equal_int_float", Int, Float),
    order_rows!("less_float_int" "less_equal_float_int" "greater_float_int" "greater_equal_float_int", Float, Int),
    order_rows!("less_int_uint" "less_equal_int_uint" "greater_int_uint" "greater_equal_int_uint", Int, Uint),
    order_rows!("less_uint_int" "less_equal_uint_int" "greater_uint_int" "greater_equal_uint_int", Uint, Int),
    order_rows!("less_uint_float" "less_equal_uint_float" "greater_uint_float" "greater_equal_uint_float", Uint, Float),
    order_rows!("less_float_uint" "less_equal_float_uint" "greater_float_uint" "greater_equal_float_uint", Float, Uint),
];

const fn flat() -> [Overload; PAIRS * 4 + 2] {
    let mut rows = [equals(true); PAIRS * 4 + 2];
    rows[1] = equals(false);
    let mut index = 0;
    while index < PAIRS * 4 {
        rows[index + 2] = ORDERS[index / 4][index % 4];
        index += 1;
    }
    rows
}

const fn equals(same: bool) -> Overload {
    if same {
        row(
            "equals",
            "_==_",
            Operator,
            &[V0, V0],
            Bool,
            "whether they are equal; numbers compare across kinds",
            |env, a| are_equal(env, a).map(Value::Bool),
        )
    } else {
        row("not_equals", "_!=_", Operator, &[V0, V0], Bool, "whether they differ", |env, a| {
            are_equal(env, a).map(|same| Value::Bool(!same))
        })
    }
}

pub(super) const ROWS: &[Overload] = &flat();

#[inline]
fn are_equal(env: &Env<'_>, args: &[&Value]) -> Result<bool, Error> {
    match args {
        [left, right] => equal(env.meter, left, right),
        _ => Err(no_overload(args)),
    }
}

#[inline]
fn compare(meter: &Meter, args: &[&Value], test: fn(Ordering) -> bool) -> Result<Value, Error> {
    let &[left, right] = args else { return Err(no_overload(args)) };
    // NaN is neither less nor greater, nor at most, nor at least.
    match (left, right) {
        (Value::Int(left), Value::Int(right)) => Ok(Value::Bool(test(left.cmp(right)))),
        (Value::Float(left), Value::Float(right)) => {
            Ok(Value::Bool(left.partial_cmp(right).is_some_and(test)))
        }
        _ if is_nan(left) || is_nan(right) => Ok(Value::Bool(false)),
        _ => {
            compared(meter, left, right)?;
            order(left, right).map(|order| Value::Bool(test(order))).ok_or_else(|| no_overload(args))
        }
    }
}

fn is_nan(value: &Value) -> bool {
    matches!(value, Value::Float(number) if number.is_nan())
}

/// Charges for a comparison of two texts, which reads the shorter one at most.
#[inline]
pub(crate) fn compared(meter: &Meter, left: &Value, right: &Value) -> Result<(), Error> {
    match (left, right) {
        (Value::String(left), Value::String(right)) => meter.charge(left.len().min(right.len()) as u64 / 64),
        (Value::Bytes(left), Value::Bytes(right)) => meter.charge(left.len().min(right.len()) as u64 / 64),
        _ => Ok(()),
    }
}

/// Returns the order of two scalars of kinds that compare; `None` for others and for NaN.
pub fn order(left: &Value, right: &Value) -> Option<Ordering> {
    use Value::*;
    match (left, right) {
        (Int(a), Int(b)) => Some(a.cmp(b)),
        (Uint(a), Uint(b)) => Some(a.cmp(b)),
        (Float(a), Float(b)) => a.partial_cmp(b),
        (Int(a), Uint(b)) => Some(int_uint(*a, *b)),
        (Uint(a), Int(b)) => Some(int_uint(*b, *a).reverse()),
        (Int(a), Float(b)) => int_float(*a as i128, *b),
        (Float(a), Int(b)) => int_float(*b as i128, *a).map(Ordering::reverse),
        (Uint(a), Float(b)) => int_float(*a as i128, *b),
        (Float(a), Uint(b)) => int_float(*b as i128, *a).map(Ordering::reverse),
        (Bool(a), Bool(b)) => Some(a.cmp(b)),
        (String(a), String(b)) => Some(a.cmp(b)),
        (Bytes(a), Bytes(b)) => Some(a.cmp(b)),
        (Duration(a), Duration(b)) => Some(a.cmp(b)),
        (Timestamp(a), Timestamp(b)) => Some(a.cmp(b)),
        (Enum(a), Enum(b)) => Some(a.cmp(b)),
        _ => None,
    }
}

fn int_uint(left: i64, right: u64) -> Ordering {
    u64::try_from(left).map_or(Ordering::Less, |left| left.cmp(&right))
}

/// Compares as floats, as CEL does: beyond 2^53 an int is rounded first.
fn int_float(left: i128, right: f64) -> Option<Ordering> {
    (left as f64).partial_cmp(&right)
}

/// Whether two values are equal in the language, charged per element.
#[inline]
pub fn equal(meter: &Meter, left: &Value, right: &Value) -> Result<bool, Error> {
    match (left, right) {
        (Value::Int(a), Value::Int(b)) => Ok(a == b),
        (Value::String(a), Value::String(b)) => {
            if a.len() > 64 {
                meter.charge(a.len() as u64 / 64)?;
            }
            Ok(a == b)
        }
        (Value::Bytes(a), Value::Bytes(b)) => {
            meter.charge(a.len().min(b.len()) as u64 / 64)?;
            Ok(a == b)
        }
        (Value::Media(a), Value::Media(b)) => {
            if let flow_ir::value::MediaSource::Bytes(bytes) = &a.source {
                meter.charge(bytes.len() as u64 / 64)?;
            }
            Ok(a == b)
        }
        (Value::List(_) | Value::Map(_) | Value::Record(_) | Value::Optional(_), _) => {
            deep(meter, left, right)
        }
        _ => Ok(left == right),
    }
}

fn deep(meter: &Meter, left: &Value, right: &Value) -> Result<bool, Error> {
    match (left, right) {
        (Value::List(a), Value::List(b)) => {
            if a.len() != b.len() {
                return Ok(false);
            }
            all(meter, a.iter().zip(b.iter()))
        }
        (Value::Map(a), Value::Map(b)) => {
            if a.len() != b.len() {
                return Ok(false);
            }
            for (key, value) in a.iter() {
                meter.charge(1)?;
                let key = key.to_value();
                crate::values::hashed(meter, &key)?;
                match crate::values::entry(b, &key) {
                    Some(other) if equal(meter, value, other)? => {}
                    _ => return Ok(false),
                }
            }
            Ok(true)
        }
        (Value::Record(a), Value::Record(b)) => {
            let same_shape = std::sync::Arc::ptr_eq(&a.shape, &b.shape)
                || a.shape.name == b.shape.name && a.shape.fields == b.shape.fields;
            if !same_shape || a.slots.len() != b.slots.len() {
                return Ok(false);
            }
            all(meter, a.slots.iter().zip(b.slots.iter()))
        }
        // A record as `json` is compared with a map by its fields.
        (Value::Record(a), Value::Map(b)) | (Value::Map(b), Value::Record(a)) => {
            if a.slots.len() != b.len() {
                return Ok(false);
            }
            for (name, value) in a.shape.fields.iter().zip(&a.slots) {
                meter.charge(1)?;
                match b.get(&flow_ir::value::Key::String(name.as_str().into())) {
                    Some(other) if equal(meter, value, other)? => {}
                    _ => return Ok(false),
                }
            }
            Ok(true)
        }
        (Value::Optional(a), Value::Optional(b)) => match (a, b) {
            (Some(a), Some(b)) => equal(meter, a, b),
            _ => Ok(a.is_none() && b.is_none()),
        },
        _ => Ok(false),
    }
}

fn all<'a>(meter: &Meter, pairs: impl Iterator<Item = (&'a Value, &'a Value)>) -> Result<bool, Error> {
    for (left, right) in pairs {
        meter.charge(1)?;
        if !equal(meter, left, right)? {
            return Ok(false);
        }
    }
    Ok(true)
}
