//! Lists, maps and records, and the macros that gather what their turns yield.

use std::mem::ManuallyDrop;
use std::sync::Arc;

use indexmap::IndexMap;

use flow_ir::Value;
use flow_ir::value::{Key, RecordValue};

use super::Site;
use super::context::Context;
use crate::interpreter::{self, Machine};
use crate::{Error, values};

/// What is being built.
pub(super) enum Builder {
    Map { map: IndexMap<Key, Value>, key: Option<Key>, spread: bool },
    Macro(interpreter::Gather),
    Text(String),
}

fn wrong() -> Error {
    Error::value("something else is being built")
}

/// Takes the values that stand one after the other at an address. They belong to somebody else.
pub(super) fn borrowed<'a>(items: *const Value, count: usize) -> &'a [Value] {
    if count == 0 {
        return &[];
    }
    // SAFETY: the code generator wrote `count` values there, bit copies of values that outlive the call, and only
    // references to them are made.
    unsafe { std::slice::from_raw_parts(items, count) }
}

/// Lays the turns of a macro out: `out` is where the first variable of each turn stands, `out_2` how many there are,
/// `out_3` where the second does. With one variable (`two` is 0) that is the element, or a map's key.
pub(super) extern "C" fn turns(context: &mut Context<'_>, over: &Value, two: u64) -> i64 {
    context.run(|context| match over {
        Value::List(items) => {
            context.out_2 = items.len() as u64;
            context.out_3 = items.as_ptr() as u64;
            context.out = match two {
                0 => context.out_3,
                _ => copied(context, (0..items.len()).map(|index| Value::Int(index as i64)))?,
            };
            Ok(())
        }
        Value::Map(map) => {
            context.out_2 = map.len() as u64;
            // SAFETY: a key's text and enum are shared; the copy is never dropped, and the map outlives the turns.
            let key = |key: &Key| unsafe {
                match key {
                    Key::String(text) => Value::String(std::ptr::read(text)),
                    Key::Enum(value) => Value::Enum(std::ptr::read(value)),
                    other => other.to_value(),
                }
            };
            context.out = copied(context, map.keys().map(key))?;
            context.out_3 = match two {
                0 => context.out,
                // SAFETY: as above.
                _ => copied(context, map.values().map(|value| unsafe { std::ptr::read(value) }))?,
            };
            Ok(())
        }
        other => Err(Error::value(format!("{} is no list or map", values::brief(other)))),
    })
}

/// Writes values to room, whence they are not dropped.
fn copied(context: &mut Context<'_>, values: impl ExactSizeIterator<Item = Value>) -> Result<u64, Error> {
    let start = context.room(values.len() * size_of::<Value>())?;
    let mut place = start.cast::<ManuallyDrop<Value>>();
    for value in values {
        // SAFETY: there is room for all of them; rooms are made of words, which is a value's alignment.
        unsafe {
            place.write(ManuallyDrop::new(value));
            place = place.add(1);
        }
    }
    Ok(start as u64)
}

/// A list of the values at an address.
pub(super) extern "C" fn list(context: &mut Context<'_>, items: *const Value, count: usize, _: u64) -> i64 {
    context.run(|context| {
        let items = borrowed(items, count);
        context.give(Value::list(items.to_vec()));
        Ok(())
    })
}

/// The same, where some are optionals and absent ones are left out.
pub(super) extern "C" fn list_of_options(
    context: &mut Context<'_>,
    items: *const Value,
    count: usize,
    site: &Site,
) -> i64 {
    context.run(|context| {
        let Site::Items(optional) = site else { return Err(wrong()) };
        let mut out = Vec::with_capacity(count);
        for (item, optional) in borrowed(items, count).iter().zip(optional) {
            match (item, optional) {
                (value, false) => out.push(value.clone()),
                (Value::Optional(value), true) => out.extend(value.as_deref().cloned()),
                (other, true) => return Err(interpreter::no_optional(other)),
            }
        }
        context.give(Value::list(out));
        Ok(())
    })
}

/// A record of the values at an address; it has been charged for.
pub(super) extern "C" fn record(
    context: &mut Context<'_>,
    items: *const Value,
    count: usize,
    site: &Site,
) -> i64 {
    context.run(|context| {
        let Site::Record { shape, depth } = site else { return Err(wrong()) };
        let slots = borrowed(items, count).to_vec();
        let value = Machine::new(context.env, *depth).made(RecordValue { shape: shape.clone(), slots })?;
        context.give(value);
        Ok(())
    })
}

/// A record with some slots replaced by the values at an address. With none of them (`items` is null): charges for it.
pub(super) extern "C" fn update(
    context: &mut Context<'_>,
    of: &Value,
    items: *const Value,
    site: &Site,
) -> i64 {
    context.run(|context| {
        let Site::Update { shape, indices, depth } = site else { return Err(wrong()) };
        let Value::Record(record) = of else {
            return Err(Error::value(format!("{} is no record", values::brief(of))));
        };
        if items.is_null() {
            return context.env.meter.elements(record.slots.len());
        }
        let mut slots = record.slots.clone();
        for (index, value) in indices.iter().zip(borrowed(items, indices.len())) {
            match slots.get_mut(*index as usize) {
                Some(slot) => *slot = value.clone(),
                None => return Err(Error::value(format!("{} has no such field", values::brief(of)))),
            }
        }
        let value = Machine::new(context.env, *depth).made(RecordValue { shape: shape.clone(), slots })?;
        context.give(value);
        Ok(())
    })
}

/// Begins a map; it has been charged for.
pub(super) extern "C" fn map(context: &mut Context<'_>, count: usize) -> i64 {
    context.run(|context| {
        let map = IndexMap::with_capacity(count);
        context.out = context.begin(Builder::Map { map, key: None, spread: false });
        Ok(())
    })
}

/// The key of the next entry.
pub(super) extern "C" fn map_key(context: &mut Context<'_>, number: usize, name: &Value) -> i64 {
    let env = context.env;
    context.run(|context| match context.builder(number)? {
        Builder::Map { key, .. } => {
            *key = Some(interpreter::key(env.meter, name)?);
            Ok(())
        }
        _ => Err(wrong()),
    })
}

/// The value of the next entry; an optional one is left out if it is absent.
pub(super) extern "C" fn map_value(
    context: &mut Context<'_>,
    number: usize,
    value: &Value,
    optional: u64,
) -> i64 {
    context.run(|context| {
        let Builder::Map { map, key, spread } = context.builder(number)? else { return Err(wrong()) };
        let value = match (value, optional != 0) {
            (value, false) => value.clone(),
            (Value::Optional(Some(value)), true) => (**value).clone(),
            (Value::Optional(None), true) => return Ok(()),
            (other, true) => return Err(interpreter::no_optional(other)),
        };
        interpreter::put_entry(map, key.take().ok_or_else(wrong)?, value, *spread)
    })
}

/// `...m`.
pub(super) extern "C" fn map_spread(context: &mut Context<'_>, number: usize, of: &Value) -> i64 {
    context.run(|context| {
        let env = context.env;
        let Builder::Map { map, spread, .. } = context.builder(number)? else { return Err(wrong()) };
        *spread = true;
        interpreter::spread(env, map, of)
    })
}

/// Takes what a turn of a macro yields. Without an element (its address is 0) it begins one: `out` is its number.
pub(super) extern "C" fn gather(
    context: &mut Context<'_>,
    number: usize,
    site: &Site,
    element: *const Value,
    value: *const Value,
) -> i64 {
    context.run(|context| {
        let Site::Macro(op) = site else { return Err(wrong()) };
        if element.is_null() {
            context.out = context.begin(Builder::Macro(interpreter::Gather::new(*op)));
            return Ok(());
        }
        let env = context.env;
        let Builder::Macro(gather) = context.builder(number)? else { return Err(wrong()) };
        let (element, value) = (&borrowed(element, 1)[0], &borrowed(value, 1)[0]);
        gather.add(env, element, value)
    })
}

/// Ends what was built and makes a value of it.
pub(super) extern "C" fn gathered(context: &mut Context<'_>, number: usize, turns: usize) -> i64 {
    context.run(|context| {
        let value = match context.built(number).ok_or_else(wrong)? {
            Builder::Map { map, .. } => Value::Map(Arc::new(map)),
            Builder::Macro(gather) => gather.finish(context.env, turns)?,
            Builder::Text(text) => Value::String(text.into()),
        };
        context.give(value);
        Ok(())
    })
}
