//! Calls of rows, look-ups and conversions: what machine code doesn't do by itself. Values come by address.

use flow_ir::value::Key;
use flow_ir::{Expr, Value};

use super::super::kinds::Tag;
use super::Site;
use super::context::Context;
use crate::functions::{self, equal as are_equal};
use crate::interpreter::{self, Machine};
use crate::{Error, values};

/// The most entries that are looked through one by one: that is faster than a hash.
const SCAN_MAX: usize = 12;

/// Returns what a site must be; a wrong one is a fault of the code generator.
fn wrong() -> Error {
    Error::value("a call of another kind")
}

/// Takes the arguments that stand one after the other at an address.
fn args(args: *const &Value, count: usize) -> &[&Value] {
    // SAFETY: the code generator stores `count` addresses of values there before each call, and they outlive it.
    unsafe { std::slice::from_raw_parts(args, count) }
}

/// Hands a result over: in a register if the code expects a scalar.
fn give(context: &mut Context<'_>, value: Value, want: Option<Tag>) -> Result<(), Error> {
    context.out = match (&value, want) {
        (_, None) => {
            context.give(value);
            return Ok(());
        }
        (Value::Bool(value), Some(Tag::Bool)) => u64::from(*value),
        (Value::Int(value), Some(Tag::Int)) | (Value::Duration(value), Some(Tag::Duration)) => *value as u64,
        (Value::Uint(value), Some(Tag::Uint)) => *value,
        (Value::Float(value), Some(Tag::Float)) => value.to_bits(),
        _ => {
            context.mismatch = true;
            return Err(Error::exhausted("a result of another type"));
        }
    };
    Ok(())
}

/// Calls a row.
pub(super) extern "C" fn row(context: &mut Context<'_>, site: &Site, values: *const &Value) -> i64 {
    context.run(|context| {
        let Site::Row { row, count, want } = site else { return Err(wrong()) };
        let value = interpreter::apply(context.env, row, args(values, *count))?;
        give(context, value, *want)
    })
}

/// Calls a function by its name.
pub(super) extern "C" fn name(context: &mut Context<'_>, site: &Site, values: *const &Value) -> i64 {
    context.run(|context| {
        let Site::Name { id, count, want } = site else { return Err(wrong()) };
        let value = functions::call_by_name(id, context.env, args(values, *count))?;
        give(context, value, *want)
    })
}

/// Compares: `out` is 1 if they are equal.
pub(super) extern "C" fn equal(context: &mut Context<'_>, left: &Value, right: &Value) -> i64 {
    context.run(|context| {
        context.out = u64::from(are_equal(context.env.meter, left, right)?);
        Ok(())
    })
}

/// `r.f` of what may be an optional, and `r.?f`.
pub(super) extern "C" fn field(context: &mut Context<'_>, of: &Value, site: &Site) -> i64 {
    context.run(|context| {
        let Site::Field { index, optional } = site else { return Err(wrong()) };
        let value = interpreter::field(of, *index, *optional)?;
        context.give(value);
        Ok(())
    })
}

/// `of[key]`; an element is not copied.
pub(super) extern "C" fn index(context: &mut Context<'_>, of: &Value, key: &Value, optional: u64) -> i64 {
    context.run(|context| {
        if optional == 0 && !matches!(of, Value::Optional(_)) {
            values::hashed(context.env.meter, key)?;
            context.out = values::index(of, key)? as *const Value as u64;
            return Ok(());
        }
        let value = interpreter::index(context.env.meter, of, key, optional != 0)?;
        context.give(value);
        Ok(())
    })
}

/// `of["key"]` with a constant text.
pub(super) extern "C" fn key(context: &mut Context<'_>, of: &Value, site: &Site) -> i64 {
    context.run(|context| {
        let Site::Key(key) = site else { return Err(wrong()) };
        let found = match (of, key) {
            (Value::Map(map), Value::String(text)) if map.len() <= SCAN_MAX => {
                values::hashed(context.env.meter, key)?;
                let mut entries = map.as_slice().iter();
                let is_key = |own: &Key| matches!(own, Key::String(own) if **own == **text);
                entries.find_map(|(own, value)| is_key(own).then_some(value)).ok_or_else(wrong)?
            }
            (Value::Optional(_), _) => {
                let value = interpreter::index(context.env.meter, of, key, false)?;
                context.give(value);
                return Ok(());
            }
            _ => {
                values::hashed(context.env.meter, key)?;
                values::index(of, key)?
            }
        };
        context.out = found as *const Value as u64;
        Ok(())
    })
}

/// `has(of.f)`.
pub(super) extern "C" fn has(context: &mut Context<'_>, of: &Value, site: &Site) -> i64 {
    context.run(|context| {
        let Site::Has(key) = site else { return Err(wrong()) };
        context.out = u64::from(interpreter::has(of, key)?);
        Ok(())
    })
}

/// `of is V`.
pub(super) extern "C" fn is(context: &mut Context<'_>, of: &Value, site: &Site) -> i64 {
    context.run(|context| {
        let Site::Variant(variant) = site else { return Err(wrong()) };
        context.out = u64::from(interpreter::is_variant(of, variant));
        Ok(())
    })
}

/// `of as T`.
pub(super) extern "C" fn cast(context: &mut Context<'_>, of: &Value, site: &Site) -> i64 {
    context.run(|context| {
        let Site::Type { ty, depth } = site else { return Err(wrong()) };
        let value = Machine::new(context.env, *depth).conformed(of, ty)?;
        context.give(value);
        Ok(())
    })
}

/// A conversion that can't fail.
pub(super) extern "C" fn widen(context: &mut Context<'_>, of: &Value, site: &Site) -> i64 {
    context.run(|context| {
        let Site::Type { ty, depth } = site else { return Err(wrong()) };
        let value = Machine::new(context.env, *depth).widened(of.clone(), ty)?;
        context.give(value);
        Ok(())
    })
}

/// A value of an enum from its name.
pub(super) extern "C" fn enumerated(context: &mut Context<'_>, of: &Value, site: &Site) -> i64 {
    context.run(|context| {
        let Site::Enum(shape) = site else { return Err(wrong()) };
        let value = interpreter::enum_value(shape, of)?;
        context.give(value);
        Ok(())
    })
}

/// `run.id` and `run.started_at`.
pub(super) extern "C" fn run(context: &mut Context<'_>, started_at: u64) -> i64 {
    context.run(|context| {
        let value = match started_at {
            0 => Value::string(context.env.run_id),
            _ => Value::Timestamp(context.env.started_at),
        };
        context.give(value);
        Ok(())
    })
}

/// Calls code by the interpreter; the call has been charged for.
pub(super) extern "C" fn code(context: &mut Context<'_>, site: &Site, values: *const &Value) -> i64 {
    context.run(|context| {
        let Site::Code { code, count, depth } = site else { return Err(wrong()) };
        let code = context.env.codes.get(*code as usize).ok_or_else(wrong)?;
        let body: &Expr = &code.body;
        let given = args(values, *count).iter().map(|value| (*value).clone());
        let value = Machine::new(context.env, *depth).called(body, given)?;
        context.give(value);
        Ok(())
    })
}

/// Whether so many bytes are the same; it is the result itself, not a status.
pub(super) extern "C" fn same_bytes(
    _: &mut Context<'_>,
    left: *const u8,
    right: *const u8,
    count: usize,
) -> i64 {
    // SAFETY: both are the bytes of strings of this length, which live in values that outlive the call.
    let (left, right) =
        unsafe { (std::slice::from_raw_parts(left, count), std::slice::from_raw_parts(right, count)) };
    i64::from(left == right)
}
