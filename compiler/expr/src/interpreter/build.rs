//! Lists, maps, records and enum values.

use std::sync::Arc;

use indexmap::IndexMap;

use flow_ir::expr::{Entry, Item};
use flow_ir::value::{EnumShape, EnumValue, Key, RecordValue, Shape};
use flow_ir::{Expr, Value};

use super::{First, Machine, key};
use crate::{Env, Error, rules, values};

impl Machine<'_> {
    #[inline(never)]
    pub(super) fn list(&mut self, items: &[Item]) -> Result<Value, Error> {
        self.env.meter.elements(items.len())?;
        let mut out = Vec::with_capacity(items.len());
        for item in items {
            match (self.eval(&item.value)?, item.optional) {
                (value, false) => out.push(value),
                (Value::Optional(value), true) => out.extend(value.map(|value| (*value).clone())),
                (other, true) => return Err(no_optional(&other)),
            }
        }
        Ok(Value::list(out))
    }

    #[inline(never)]
    pub(super) fn map(&mut self, entries: &[Entry]) -> Result<Value, Error> {
        self.env.meter.elements(entries.len())?;
        let mut out = IndexMap::with_capacity(entries.len());
        let mut spread = false;
        for entry in entries {
            match entry {
                Entry::Pair { key: name, value, optional } => {
                    let name = self.eval(name)?;
                    let name = key(self.env.meter, &name)?;
                    let value = match (self.eval(value)?, optional) {
                        (value, false) => value,
                        (Value::Optional(Some(value)), true) => (*value).clone(),
                        (Value::Optional(None), true) => continue,
                        (other, true) => return Err(no_optional(&other)),
                    };
                    put_entry(&mut out, name, value, spread)?;
                }
                Entry::Spread(map) => {
                    spread = true;
                    self::spread(self.env, &mut out, &self.eval(map)?)?;
                }
            }
        }
        Ok(Value::Map(Arc::new(out)))
    }

    #[inline(never)]
    pub(super) fn record(&mut self, shape: &Arc<Shape>, slots: &[Expr]) -> Result<Value, Error> {
        self.env.meter.elements(slots.len())?;
        let mut out = Vec::with_capacity(slots.len());
        for slot in slots {
            out.push(self.eval(slot)?);
        }
        self.made(RecordValue { shape: shape.clone(), slots: out })
    }

    #[inline(never)]
    pub(super) fn update(
        &mut self,
        of: &Expr,
        shape: &Arc<Shape>,
        slots: &[(u32, Expr)],
        first: First,
    ) -> Result<Value, Error> {
        let of = self.first(of, first)?;
        let Value::Record(record) = &of else {
            return Err(Error::value(format!("{} is no record", values::brief(&of))));
        };
        self.env.meter.elements(record.slots.len())?;
        let mut out = record.slots.clone();
        for (index, value) in slots {
            let value = self.eval(value)?;
            match out.get_mut(*index as usize) {
                Some(slot) => *slot = value,
                None => return Err(Error::value(format!("{} has no such field", values::brief(&of)))),
            }
        }
        self.made(RecordValue { shape: shape.clone(), slots: out })
    }

    /// A record that satisfies the rule of its type.
    pub(crate) fn made(&mut self, record: RecordValue) -> Result<Value, Error> {
        let rule = record.shape.name.as_ref().and_then(|name| rules::rule_of(self.env.types, name));
        let value = Value::Record(Arc::new(record));
        match rule {
            Some(rule) if !rules::holds(rule, &value, self.env, self.depth)? => {
                Err(Error::value(format!("{} must satisfy `{}`", values::brief(&value), rule.text)))
            }
            _ => Ok(value),
        }
    }

    #[inline(never)]
    pub(super) fn enum_value(
        &mut self,
        shape: &Arc<EnumShape>,
        of: &Expr,
        first: First,
    ) -> Result<Value, Error> {
        let value = self.first(of, first)?;
        enum_value(shape, &value)
    }
}

/// Puts an entry into a map. Written twice is an error, written over a spread is its purpose.
pub(crate) fn put_entry(
    map: &mut IndexMap<Key, Value>,
    name: Key,
    value: Value,
    spread: bool,
) -> Result<(), Error> {
    if !values::insert(map, name, value) && !spread {
        return Err(Error::value("a key occurs twice in a map"));
    }
    Ok(())
}

/// `...of` in a map.
pub(crate) fn spread(env: &Env<'_>, map: &mut IndexMap<Key, Value>, of: &Value) -> Result<(), Error> {
    match of {
        Value::Map(of) => {
            env.meter.elements(of.len())?;
            map.extend(of.iter().map(|(key, value)| (key.clone(), value.clone())));
        }
        Value::Record(record) => {
            env.meter.elements(record.slots.len())?;
            let names = record.shape.fields.iter().map(|name| Key::String(name.as_str().into()));
            map.extend(names.zip(record.slots.iter().cloned()));
        }
        other => return Err(Error::value(format!("{} is no map", values::brief(other)))),
    }
    Ok(())
}

/// Returns the value of an enum that a text names.
pub(crate) fn enum_value(shape: &Arc<EnumShape>, value: &Value) -> Result<Value, Error> {
    let index = value.as_str().and_then(|text| shape.values.iter().position(|name| name == text));
    match index {
        Some(index) => Ok(Value::Enum(EnumValue { shape: shape.clone(), index: index as u32 })),
        None => Err(Error::shape(format!("{} is none of {}", values::brief(value), shape.values.join(", ")))),
    }
}

#[cold]
pub(crate) fn no_optional(value: &Value) -> Error {
    Error::value(format!("{} is no optional", values::brief(value)))
}
