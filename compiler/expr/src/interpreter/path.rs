//! Fields, indices and `has`, and their optional forms.

use std::sync::Arc;

use flow_ir::{Expr, Name, Value};

use super::{First, Machine};
use crate::{Error, Meter, values};

impl Machine<'_> {
    #[inline(never)]
    pub(super) fn field(
        &mut self,
        of: &Expr,
        index: u32,
        optional: bool,
        first: First,
    ) -> Result<Value, Error> {
        if first.is_none()
            && let Some(value) = self.peek_path(of)
        {
            return field(value, index, optional);
        }
        let value = self.first(of, first)?;
        field(&value, index, optional)
    }

    #[inline(never)]
    pub(super) fn index(
        &mut self,
        of: &Expr,
        key: &Expr,
        optional: bool,
        first: First,
    ) -> Result<Value, Error> {
        let of = self.first(of, first)?;
        let key = self.eval(key)?;
        index_of(self.env.meter, of, &key, optional)
    }

    #[inline(never)]
    pub(super) fn has(&mut self, of: &Expr, key: &Name, first: First) -> Result<Value, Error> {
        let value = self.first(of, first)?;
        has(&value, key).map(Value::Bool)
    }
}

/// `of[key]`, `of[?key]`.
pub(crate) fn index(meter: &Meter, of: &Value, key: &Value, optional: bool) -> Result<Value, Error> {
    index_of(meter, of.clone(), key, optional)
}

fn index_of(meter: &Meter, of: Value, key: &Value, optional: bool) -> Result<Value, Error> {
    values::hashed(meter, key)?;
    match (of, optional) {
        // Behind an absent optional everything is absent.
        (Value::Optional(None), _) => Ok(Value::Optional(None)),
        (Value::Optional(Some(of)), _) => Ok(maybe(values::find(&of, key)?)),
        (of, true) => Ok(maybe(values::find(&of, key)?)),
        (of, false) => values::index(&of, key).cloned(),
    }
}

/// `has(of.key)`.
pub(crate) fn has(of: &Value, key: &Name) -> Result<bool, Error> {
    let value = match of {
        Value::Optional(None) => return Ok(false),
        Value::Optional(Some(value)) => value,
        other => other,
    };
    match value {
        Value::Map(_) => Ok(value.get(key).is_some()),
        Value::Record(record) => Ok(record.get(key).is_some_and(|slot| !slot.is_null())),
        other => Err(Error::value(format!("{} has no fields", values::kind_name(other)))),
    }
}

/// `of.f`, `of.?f`.
pub(crate) fn field(of: &Value, index: u32, optional: bool) -> Result<Value, Error> {
    let slot = |of: &Value| match of {
        Value::Record(record) => record.slots.get(index as usize).cloned(),
        _ => None,
    };
    match of {
        Value::Optional(None) => Ok(of.clone()),
        Value::Optional(Some(inner)) => match slot(inner) {
            Some(Value::Null) => Ok(Value::Optional(None)),
            Some(value) => Ok(maybe(Some(&value))),
            None => Err(no_field(inner)),
        },
        _ => match slot(of) {
            Some(value) if !optional => Ok(value),
            Some(Value::Null) => Ok(Value::Optional(None)),
            Some(value) => Ok(Value::Optional(Some(Arc::new(value)))),
            None => Err(no_field(of)),
        },
    }
}

fn maybe(value: Option<&Value>) -> Value {
    Value::Optional(value.map(|value| Arc::new(value.clone())))
}

#[cold]
fn no_field(of: &Value) -> Error {
    Error::value(format!("{} has no such field", values::brief(of)))
}
