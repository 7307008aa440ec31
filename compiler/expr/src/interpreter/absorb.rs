//! `&&` and `||`: either side decides, whatever the other's error (F3); only `exhausted` passes through.

use flow_ir::{Expr, Value};

use super::{First, Machine, no_bool};
use crate::Error;

impl Machine<'_> {
    #[inline(never)]
    pub(super) fn and(&mut self, left: &Expr, right: &Expr, first: First) -> Result<Value, Error> {
        match self.first(left, first) {
            Ok(Value::Bool(false)) => Ok(Value::Bool(false)),
            Ok(Value::Bool(true)) => self.last(right),
            other => self.absorb(other, right, false),
        }
    }

    #[inline(never)]
    pub(super) fn or(&mut self, left: &Expr, right: &Expr, first: First) -> Result<Value, Error> {
        match self.first(left, first) {
            Ok(Value::Bool(true)) => Ok(Value::Bool(true)),
            Ok(Value::Bool(false)) => self.last(right),
            other => self.absorb(other, right, true),
        }
    }

    /// The other side decides alone.
    fn last(&mut self, right: &Expr) -> Result<Value, Error> {
        match self.eval(right)? {
            value @ Value::Bool(_) => Ok(value),
            other => Err(no_bool(&other)),
        }
    }

    /// The left side failed: the right side's `decisive` is the result, anything else leaves the failure.
    #[cold]
    fn absorb(&mut self, left: Result<Value, Error>, right: &Expr, decisive: bool) -> Result<Value, Error> {
        let error = match left {
            Ok(value) => no_bool(&value),
            Err(error) => error,
        };
        if !error.is_absorbed() {
            return Err(error);
        }
        match self.eval(right) {
            Ok(Value::Bool(value)) if value == decisive => Ok(Value::Bool(value)),
            Err(other) if !other.is_absorbed() => Err(other),
            _ => Err(error),
        }
    }
}
