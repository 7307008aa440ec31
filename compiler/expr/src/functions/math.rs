//! `math.*`.

use std::cmp::Ordering;

use flow_ir::Value;

use super::Sig::*;
use super::Style::Global;
use super::{LIST_O0, O0, Overload, float, int, list, no_overload, order, row, uint};
use crate::{Env, Error};

macro_rules! rounding {
    ($id:literal, $name:literal, $doc:literal, $of:expr) => {
        row($id, $name, Global, &[Float], Float, $doc, |_, a| {
            let of: fn(f64) -> f64 = $of;
            Ok(Value::Float(of(float(a, 0)?)))
        })
    };
}

macro_rules! bits {
    ($int_id:literal, $uint_id:literal, $name:literal, $doc:literal, $op:tt) => {
        [
            row($int_id, $name, Global, &[Int, Int], Int, $doc, |_, a| Ok(Value::Int(int(a, 0)? $op int(a, 1)?))),
            row($uint_id, $name, Global, &[Uint, Uint], Uint, $doc, |_, a| {
                Ok(Value::Uint(uint(a, 0)? $op uint(a, 1)?))
            }),
        ]
    };
}

const AND: [Overload; 2] = bits!("bit_and_int", "bit_and_uint", "math.bitAnd", "the bits set in both", &);
const OR: [Overload; 2] = bits!("bit_or_int", "bit_or_uint", "math.bitOr", "the bits set in either", |);
const XOR: [Overload; 2] =
    bits!("bit_xor_int", "bit_xor_uint", "math.bitXor", "the bits set in one of them", ^);

pub(super) const ROWS: &[Overload] = &[
    row("abs_int", "math.abs", Global, &[Int], Int, "without its sign; overflow is an error", |_, a| {
        int(a, 0)?.checked_abs().map(Value::Int).ok_or_else(|| Error::value("integer overflow"))
    }),
    row("abs_uint", "math.abs", Global, &[Uint], Uint, "itself", |_, a| uint(a, 0).map(Value::Uint)),
    rounding!("abs_float", "math.abs", "without its sign", f64::abs),
    rounding!("ceil_float", "math.ceil", "the next whole number upwards", f64::ceil),
    rounding!("floor_float", "math.floor", "the next whole number downwards", f64::floor),
    rounding!("round_float", "math.round", "the nearest whole number; halves away from 0", f64::round),
    rounding!("trunc_float", "math.trunc", "its whole part", f64::trunc),
    row("sign_int", "math.sign", Global, &[Int], Int, "-1, 0 or 1", |_, a| {
        Ok(Value::Int(int(a, 0)?.signum()))
    }),
    row("sign_uint", "math.sign", Global, &[Uint], Uint, "0 or 1", |_, a| {
        Ok(Value::Uint(uint(a, 0)?.min(1)))
    }),
    rounding!("sign_float", "math.sign", "-1.0, 0.0 or 1.0; of NaN NaN", |number| {
        if number == 0.0 { 0.0 } else { number.signum() }
    }),
    row(
        "sqrt_float",
        "math.sqrt",
        Global,
        &[Float],
        Float,
        "the square root; of a negative number NaN",
        root,
    ),
    row("sqrt_int", "math.sqrt", Global, &[Int], Float, "the square root; of a negative number NaN", root),
    row("sqrt_uint", "math.sqrt", Global, &[Uint], Float, "the square root", root),
    row("is_nan_float", "math.isNaN", Global, &[Float], Bool, "whether it is no number", |_, a| {
        Ok(Value::Bool(float(a, 0)?.is_nan()))
    }),
    row("is_inf_float", "math.isInf", Global, &[Float], Bool, "whether it is infinite", |_, a| {
        Ok(Value::Bool(float(a, 0)?.is_infinite()))
    }),
    row(
        "is_finite_float",
        "math.isFinite",
        Global,
        &[Float],
        Bool,
        "whether it is a finite number",
        |_, a| Ok(Value::Bool(float(a, 0)?.is_finite())),
    ),
    row(
        "least_list",
        "math.least",
        Global,
        &[LIST_O0],
        O0,
        "the least element; of an empty list an error",
        |env, a| best_of_list(env, a, Ordering::Less),
    ),
    row("least_of", "math.least", Global, &[O0], O0, "the least of its arguments", |env, a| {
        best(env, a.iter().copied(), Ordering::Less)
    })
    .variadic(),
    row(
        "greatest_list",
        "math.greatest",
        Global,
        &[LIST_O0],
        O0,
        "the greatest element; of an empty list an error",
        |env, a| best_of_list(env, a, Ordering::Greater),
    ),
    row("greatest_of", "math.greatest", Global, &[O0], O0, "the greatest of its arguments", |env, a| {
        best(env, a.iter().copied(), Ordering::Greater)
    })
    .variadic(),
    AND[0],
    AND[1],
    OR[0],
    OR[1],
    XOR[0],
    XOR[1],
    row("bit_not_int", "math.bitNot", Global, &[Int], Int, "every bit turned", |_, a| {
        Ok(Value::Int(!int(a, 0)?))
    }),
    row("bit_not_uint", "math.bitNot", Global, &[Uint], Uint, "every bit turned", |_, a| {
        Ok(Value::Uint(!uint(a, 0)?))
    }),
    row(
        "shift_left_int",
        "math.bitShiftLeft",
        Global,
        &[Int, Int],
        Int,
        "moved n bits up; 64 and more is 0",
        |_, a| Ok(Value::Int(int(a, 0)?.checked_shl(bits(a)?).unwrap_or(0))),
    ),
    row(
        "shift_left_uint",
        "math.bitShiftLeft",
        Global,
        &[Uint, Int],
        Uint,
        "moved n bits up; 64 and more is 0",
        |_, a| Ok(Value::Uint(uint(a, 0)?.checked_shl(bits(a)?).unwrap_or(0))),
    ),
    row(
        "shift_right_int",
        "math.bitShiftRight",
        Global,
        &[Int, Int],
        Int,
        "moved n bits down, zeros from above",
        |_, a| Ok(Value::Int((int(a, 0)? as u64).checked_shr(bits(a)?).unwrap_or(0) as i64)),
    ),
    row("shift_right_uint", "math.bitShiftRight", Global, &[Uint, Int], Uint, "moved n bits down", |_, a| {
        Ok(Value::Uint(uint(a, 0)?.checked_shr(bits(a)?).unwrap_or(0)))
    }),
];

fn root(_: &Env<'_>, args: &[&Value]) -> Result<Value, Error> {
    match args {
        [Value::Float(number)] => Ok(Value::Float(number.sqrt())),
        [Value::Int(number)] => Ok(Value::Float((*number as f64).sqrt())),
        [Value::Uint(number)] => Ok(Value::Float((*number as f64).sqrt())),
        _ => Err(no_overload(args)),
    }
}

fn bits(args: &[&Value]) -> Result<u32, Error> {
    let count = int(args, 1)?;
    if count < 0 {
        return Err(Error::value("a shift by less than 0 bits"));
    }
    Ok(u32::try_from(count).unwrap_or(u32::MAX))
}

fn best_of_list(env: &Env<'_>, args: &[&Value], wanted: Ordering) -> Result<Value, Error> {
    let items = list(args, 0)?;
    best(env, items.iter(), wanted)
}

fn best<'a>(
    env: &Env<'_>,
    values: impl Iterator<Item = &'a Value>,
    wanted: Ordering,
) -> Result<Value, Error> {
    let mut best: Option<&Value> = None;
    for value in values {
        env.meter.charge(1)?;
        let better = match best {
            None => true,
            Some(best) => {
                super::compared(env.meter, value, best)?;
                order(value, best).ok_or_else(|| super::lists::incomparable(value, best))? == wanted
            }
        };
        if better {
            best = Some(value);
        }
    }
    best.cloned().ok_or_else(|| Error::value("an empty list"))
}
