//! `x as T`, and the conversions that can't fail.

use std::sync::Arc;

use indexmap::IndexMap;

use flow_ir::json::{conform, record_shape};
use flow_ir::types::{Field, TypeBody};
use flow_ir::value::{RecordValue, Shape, Violation};
use flow_ir::{Expr, Type, Value};

use super::{First, Machine};
use crate::rules::Nested;
use crate::{Error, values};

impl Machine<'_> {
    #[inline(never)]
    pub(super) fn cast(&mut self, of: &Expr, to: &Type, first: First) -> Result<Value, Error> {
        let value = self.first(of, first)?;
        self.conformed(&value, to)
    }

    pub(crate) fn conformed(&mut self, value: &Value, to: &Type) -> Result<Value, Error> {
        values::measure(value, self.env.meter)?;
        let rules = Nested::new(self.env, self.depth);
        let result = conform(value, to, self.env.types, &rules);
        // A rule that ran out isn't a shape that is wrong.
        if let Some(exhausted) = rules.exhausted() {
            return Err(exhausted);
        }
        result.map_err(|violations| Error::shape(told(&violations)))
    }

    #[inline(never)]
    pub(super) fn widen(&mut self, of: &Expr, to: &Type, first: First) -> Result<Value, Error> {
        let value = self.first(of, first)?;
        self.widened(value, to)
    }

    pub(crate) fn widened(&mut self, value: Value, to: &Type) -> Result<Value, Error> {
        match (to, value) {
            (Type::Float(_), Value::Int(number)) => Ok(Value::Float(number as f64)),
            (Type::Json, value @ (Value::Null | Value::Bool(_) | Value::Int(_) | Value::String(_))) => {
                Ok(value)
            }
            (Type::Json, value) => self.conformed(&value, &Type::Json),
            (Type::Optional(_), Value::Null | Value::Optional(None)) => Ok(Value::Optional(None)),
            (Type::Optional(of), Value::Optional(Some(value))) => self.present((*value).clone(), of),
            (Type::Optional(of), value) => self.present(value, of),
            (Type::Nullable(_), Value::Null | Value::Optional(None)) => Ok(Value::Null),
            (Type::Nullable(of), Value::Optional(Some(value))) => self.widened((*value).clone(), of),
            (Type::Nullable(of), value) => self.widened(value, of),
            (Type::Where(rule), value) => self.widened(value, &rule.base),
            (Type::List(of, _), Value::List(items)) if self.changes(of) => {
                self.env.meter.elements(items.len())?;
                let items = items.iter().map(|item| self.widened(item.clone(), of));
                Ok(Value::list(items.collect::<Result<_, _>>()?))
            }
            (Type::Map(_, of), Value::Map(map)) if self.changes(of) => {
                self.env.meter.elements(map.len())?;
                let entries =
                    map.iter().map(|(key, value)| Ok((key.clone(), self.widened(value.clone(), of)?)));
                Ok(Value::Map(Arc::new(entries.collect::<Result<IndexMap<_, _>, Error>>()?)))
            }
            (Type::Record(to), Value::Record(record)) => {
                let names = to.fields.iter().map(|field| field.name.clone()).collect();
                let shape = Shape { name: None, tag: None, fields: names };
                self.reshaped(&record, &to.fields, Arc::new(shape))
            }
            (Type::Named(name), Value::Record(record)) if record.shape.name.as_ref() != Some(name) => {
                let types = self.env.types;
                match types.get(name).map(|def| &def.body) {
                    Some(TypeBody::Alias { ty }) => self.widened(Value::Record(record), ty),
                    Some(TypeBody::Record { record: to, .. }) => match record_shape(types, name) {
                        Some(shape) => self.reshaped(&record, &to.fields, shape),
                        None => Ok(Value::Record(record)),
                    },
                    _ => Ok(Value::Record(record)),
                }
            }
            (Type::Named(name), value) => match self.env.types.get(name).map(|def| &def.body) {
                Some(TypeBody::Alias { ty }) => self.widened(value, ty),
                _ => Ok(value),
            },
            (_, value) => Ok(value),
        }
    }

    fn present(&mut self, value: Value, of: &Type) -> Result<Value, Error> {
        Ok(Value::Optional(Some(Arc::new(self.widened(value, of)?))))
    }

    /// A record with the fields of another type, absent ones null.
    fn reshaped(
        &mut self,
        record: &RecordValue,
        fields: &[Field],
        shape: Arc<Shape>,
    ) -> Result<Value, Error> {
        self.env.meter.elements(fields.len())?;
        let mut slots = Vec::with_capacity(fields.len());
        for field in fields {
            let slot = record.get(&field.name).cloned().unwrap_or(Value::Null);
            slots.push(self.widened(slot, &field.ty)?);
        }
        self.made(RecordValue { shape, slots })
    }

    /// Whether elements of this type may have to be widened.
    fn changes(&self, ty: &Type) -> bool {
        !matches!(
            ty,
            Type::Int(_)
                | Type::String(_)
                | Type::Bool
                | Type::Bytes
                | Type::Duration
                | Type::Timestamp
                | Type::Literals(_)
        )
    }
}

/// Tells the first violation, and how many there are.
fn told(violations: &[Violation]) -> String {
    match violations {
        [] => "a value of another shape".into(),
        [only] => only.to_string(),
        [first, more @ ..] => format!("{first} (and {} more)", more.len()),
    }
}
