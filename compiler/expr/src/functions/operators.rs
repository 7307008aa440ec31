//! `+ - * / % ! -x in [ ]`: overflow and division by zero are errors, numbers never mix.

use std::sync::Arc;

use flow_ir::Value;

use super::Sig::*;
use super::Style::Operator;
use super::{
    LIST_V0, MAP_V0_V1, Overload, V0, V1, bool, bytes, duration, equal, float, int, list, no_overload, row,
    string, timestamp, uint,
};
use crate::{Env, Error, values};

#[cold]
fn overflow() -> Error {
    Error::value("integer overflow")
}

#[cold]
fn by_zero() -> Error {
    Error::value("division by zero")
}

pub(super) const ROWS: &[Overload] = &[
    row("add_int", "_+_", Operator, &[Int, Int], Int, "the sum; overflow is an error", |_, a| {
        int(a, 0)?.checked_add(int(a, 1)?).map(Value::Int).ok_or_else(overflow)
    }),
    row("add_uint", "_+_", Operator, &[Uint, Uint], Uint, "the sum; overflow is an error", |_, a| {
        uint(a, 0)?.checked_add(uint(a, 1)?).map(Value::Uint).ok_or_else(overflow)
    }),
    row("add_float", "_+_", Operator, &[Float, Float], Float, "the sum", |_, a| {
        Ok(Value::Float(float(a, 0)? + float(a, 1)?))
    }),
    row("add_string", "_+_", Operator, &[String, String], String, "one text after the other", |env, a| {
        let (left, right) = (string(a, 0)?, string(a, 1)?);
        env.meter.bytes(left.len() + right.len())?;
        Ok(Value::String([&**left, &**right].concat().into()))
    }),
    row("add_bytes", "_+_", Operator, &[Bytes, Bytes], Bytes, "the one after the other", |env, a| {
        let (left, right) = (bytes(a, 0)?, bytes(a, 1)?);
        env.meter.bytes(left.len() + right.len())?;
        Ok(Value::Bytes([&**left, &**right].concat().into()))
    }),
    row("add_list", "_+_", Operator, &[LIST_V0, LIST_V0], LIST_V0, "one list after the other", |env, a| {
        let (left, right) = (list(a, 0)?, list(a, 1)?);
        env.meter.elements(left.len() + right.len())?;
        Ok(Value::list([&left[..], &right[..]].concat()))
    }),
    row("add_duration", "_+_", Operator, &[Duration, Duration], Duration, "the sum", |_, a| {
        duration(a, 0)?.checked_add(duration(a, 1)?).map(Value::Duration).ok_or_else(overflow)
    }),
    row(
        "add_timestamp_duration",
        "_+_",
        Operator,
        &[Timestamp, Duration],
        Timestamp,
        "later by a duration",
        |_, a| shift(timestamp(a, 0)?, duration(a, 1)? as i128),
    ),
    row(
        "add_duration_timestamp",
        "_+_",
        Operator,
        &[Duration, Timestamp],
        Timestamp,
        "later by a duration",
        |_, a| shift(timestamp(a, 1)?, duration(a, 0)? as i128),
    ),
    row("subtract_int", "_-_", Operator, &[Int, Int], Int, "the difference; overflow is an error", |_, a| {
        int(a, 0)?.checked_sub(int(a, 1)?).map(Value::Int).ok_or_else(overflow)
    }),
    row(
        "subtract_uint",
        "_-_",
        Operator,
        &[Uint, Uint],
        Uint,
        "the difference; below 0 is an error",
        |_, a| uint(a, 0)?.checked_sub(uint(a, 1)?).map(Value::Uint).ok_or_else(overflow),
    ),
    row("subtract_float", "_-_", Operator, &[Float, Float], Float, "the difference", |_, a| {
        Ok(Value::Float(float(a, 0)? - float(a, 1)?))
    }),
    row("subtract_duration", "_-_", Operator, &[Duration, Duration], Duration, "the difference", |_, a| {
        duration(a, 0)?.checked_sub(duration(a, 1)?).map(Value::Duration).ok_or_else(overflow)
    }),
    row(
        "subtract_timestamp_duration",
        "_-_",
        Operator,
        &[Timestamp, Duration],
        Timestamp,
        "earlier by a duration",
        |_, a| shift(timestamp(a, 0)?, -(duration(a, 1)? as i128)),
    ),
    row(
        "subtract_timestamp",
        "_-_",
        Operator,
        &[Timestamp, Timestamp],
        Duration,
        "the time between",
        |_, a| {
            let nanos = timestamp(a, 0)?.as_nanosecond() - timestamp(a, 1)?.as_nanosecond();
            i64::try_from(nanos).map(Value::Duration).map_err(|_| overflow())
        },
    ),
    row("multiply_int", "_*_", Operator, &[Int, Int], Int, "the product; overflow is an error", |_, a| {
        int(a, 0)?.checked_mul(int(a, 1)?).map(Value::Int).ok_or_else(overflow)
    }),
    row(
        "multiply_uint",
        "_*_",
        Operator,
        &[Uint, Uint],
        Uint,
        "the product; overflow is an error",
        |_, a| uint(a, 0)?.checked_mul(uint(a, 1)?).map(Value::Uint).ok_or_else(overflow),
    ),
    row("multiply_float", "_*_", Operator, &[Float, Float], Float, "the product", |_, a| {
        Ok(Value::Float(float(a, 0)? * float(a, 1)?))
    }),
    row(
        "divide_int",
        "_/_",
        Operator,
        &[Int, Int],
        Int,
        "the quotient, cut towards 0; by 0 is an error",
        |_, a| match (int(a, 0)?, int(a, 1)?) {
            (_, 0) => Err(by_zero()),
            (left, right) => left.checked_div(right).map(Value::Int).ok_or_else(overflow),
        },
    ),
    row(
        "divide_uint",
        "_/_",
        Operator,
        &[Uint, Uint],
        Uint,
        "the quotient, cut; by 0 is an error",
        |_, a| uint(a, 0)?.checked_div(uint(a, 1)?).map(Value::Uint).ok_or_else(by_zero),
    ),
    row(
        "divide_float",
        "_/_",
        Operator,
        &[Float, Float],
        Float,
        "the quotient; by 0 is an infinity",
        |_, a| Ok(Value::Float(float(a, 0)? / float(a, 1)?)),
    ),
    row(
        "remainder_int",
        "_%_",
        Operator,
        &[Int, Int],
        Int,
        "what a division leaves; by 0 is an error",
        |_, a| match (int(a, 0)?, int(a, 1)?) {
            (_, 0) => Err(by_zero()),
            (left, right) => left.checked_rem(right).map(Value::Int).ok_or_else(overflow),
        },
    ),
    row(
        "remainder_uint",
        "_%_",
        Operator,
        &[Uint, Uint],
        Uint,
        "what a division leaves; by 0 is an error",
        |_, a| uint(a, 0)?.checked_rem(uint(a, 1)?).map(Value::Uint).ok_or_else(by_zero),
    ),
    row("negate_int", "-_", Operator, &[Int], Int, "the opposite number; overflow is an error", |_, a| {
        int(a, 0)?.checked_neg().map(Value::Int).ok_or_else(overflow)
    }),
    row("negate_float", "-_", Operator, &[Float], Float, "the opposite number", |_, a| {
        Ok(Value::Float(-float(a, 0)?))
    }),
    row("negate_duration", "-_", Operator, &[Duration], Duration, "the opposite duration", |_, a| {
        duration(a, 0)?.checked_neg().map(Value::Duration).ok_or_else(overflow)
    }),
    row("not", "!_", Operator, &[Bool], Bool, "true if it is false", |_, a| Ok(Value::Bool(!bool(a, 0)?))),
    row("in_list", "_in_", Operator, &[V0, LIST_V0], Bool, "whether an element equals it", in_list),
    row("in_map", "_in_", Operator, &[V0, MAP_V0_V1], Bool, "whether it is a key", |env, a| match a {
        [key, Value::Map(map)] => {
            values::hashed(env.meter, key)?;
            Ok(Value::Bool(values::entry(map, key).is_some()))
        }
        _ => Err(no_overload(a)),
    }),
    row(
        "in_json",
        "_in_",
        Operator,
        &[Any, Json],
        Bool,
        "whether it is an element or a key",
        |env, a| match a {
            [_, Value::List(_)] => in_list(env, a),
            [key, Value::Map(map)] => {
                values::hashed(env.meter, key)?;
                Ok(Value::Bool(values::entry(map, key).is_some()))
            }
            [Value::String(key), Value::Record(record)] => Ok(Value::Bool(record.get(key).is_some())),
            _ => Err(no_overload(a)),
        },
    ),
    row("index_list", "_[_]_", Operator, &[LIST_V0, Int], V0, "the element at an index from 0", index),
    row("index_map", "_[_]_", Operator, &[MAP_V0_V1, V0], V1, "the value of a key", index),
    row(
        "index_json",
        "_[_]_",
        Operator,
        &[Json, Any],
        Json,
        "the element or value at an index or key",
        index,
    ),
];

fn index(env: &Env<'_>, args: &[&Value]) -> Result<Value, Error> {
    match args {
        [of, key] => {
            values::hashed(env.meter, key)?;
            values::index(of, key).cloned()
        }
        _ => Err(no_overload(args)),
    }
}

fn in_list(env: &Env<'_>, args: &[&Value]) -> Result<Value, Error> {
    let items: &Arc<Vec<Value>> = list(args, 1)?;
    for item in items.iter() {
        env.meter.charge(1)?;
        if equal(env.meter, args[0], item)? {
            return Ok(Value::Bool(true));
        }
    }
    Ok(Value::Bool(false))
}

/// Moves a timestamp; CEL's end at the years 1 and 9999.
fn shift(at: jiff::Timestamp, nanos: i128) -> Result<Value, Error> {
    values::timestamp_of_nanos(at.as_nanosecond() + nanos)
}
