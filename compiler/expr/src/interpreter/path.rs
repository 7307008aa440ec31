//! Fields, indices and `has`, and their optional forms.

use std::sync::Arc;

use flow_ir::{Expr, Name, Value};

use super::{First, Machine};
use crate::{Error, values};

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
        values::hashed(self.env.meter, &key)?;
        match (of, optional) {
            // Behind an absent optional everything is absent.
            (Value::Optional(None), _) => Ok(Value::Optional(None)),
            (Value::Optional(Some(of)), _) => Ok(maybe(values::find(&of, &key)?)),
            (of, true) => Ok(maybe(values::find(&of, &key)?)),
            (of, false) => values::index(&of, &key).cloned(),
        }
    }

    #[inline(never)]
    pub(super) fn has(&mut self, of: &Expr, key: &Name, first: First) -> Result<Value, Error> {
        let value = self.first(of, first)?;
        let value = match &value {
            Value::Optional(None) => return Ok(Value::Bool(false)),
            Value::Optional(Some(value)) => value,
            other => other,
        };
        match value {
            Value::Map(_) => Ok(Value::Bool(value.get(key).is_some())),
            Value::Record(record) => Ok(Value::Bool(record.get(key).is_some_and(|slot| !slot.is_null()))),
            other => Err(Error::value(format!("{} has no fields", values::kind_name(other)))),
        }
    }
}

fn field(of: &Value, index: u32, optional: bool) -> Result<Value, Error> {
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
