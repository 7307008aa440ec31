//! `&&` and `||`: either side decides, whatever the other's error (F3); only `exhausted` passes through.

use flow_ir::{Expr, Value};

use super::{First, Machine, no_bool};
use crate::Error;

impl Machine<'_> {
    #[inline(never)]
    pub(super) fn and(&mut self, left: &Expr, right: &Expr, first: First) -> Result<Value, Error> {
        match self.first_test(left, first) {
            Ok(false) => Ok(Value::Bool(false)),
            Ok(true) => self.test(right).map(Value::Bool),
            Err(error) => self.absorb(error, right, false),
        }
    }

    #[inline(never)]
    pub(super) fn or(&mut self, left: &Expr, right: &Expr, first: First) -> Result<Value, Error> {
        match self.first_test(left, first) {
            Ok(true) => Ok(Value::Bool(true)),
            Ok(false) => self.test(right).map(Value::Bool),
            Err(error) => self.absorb(error, right, true),
        }
    }

    #[inline]
    fn first_test(&mut self, left: &Expr, first: First) -> Result<bool, Error> {
        match first {
            None => self.test(left),
            Some(Ok(Value::Bool(value))) => Ok(value),
            Some(Ok(other)) => Err(no_bool(&other)),
            Some(Err(error)) => Err(error),
        }
    }

    /// The left side failed: the right side's `decisive` is the result, anything else leaves the failure.
    #[cold]
    fn absorb(&mut self, error: Error, right: &Expr, decisive: bool) -> Result<Value, Error> {
        if !error.is_absorbed() {
            return Err(error);
        }
        match self.test(right) {
            Ok(value) if value == decisive => Ok(Value::Bool(value)),
            Err(other) if !other.is_absorbed() => Err(other),
            _ => Err(error),
        }
    }
}
