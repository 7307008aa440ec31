//! The operators that conditions and sums are made of, done in place. What isn't two ints, two floats or two short texts
//! is left to the row, and so is every error.

use flow_ir::Value;

use crate::functions::Quick;

/// A longer text is compared by its row, which charges for it.
const TEXT_BYTES_MAX: usize = 64;

/// Returns the outcome of a comparison.
#[inline(always)]
pub(super) fn test(op: Quick, left: &Value, right: &Value) -> Option<bool> {
    match (left, right) {
        (Value::Int(left), Value::Int(right)) => compare(op, left, right),
        (Value::Float(left), Value::Float(right)) => compare(op, left, right),
        (Value::String(left), Value::String(right)) if left.len().max(right.len()) <= TEXT_BYTES_MAX => {
            match op {
                Quick::Equal => Some(left == right),
                Quick::NotEqual => Some(left != right),
                _ => None,
            }
        }
        _ => None,
    }
}

#[inline(always)]
fn compare<T: PartialOrd>(op: Quick, left: &T, right: &T) -> Option<bool> {
    Some(match op {
        Quick::Equal => left == right,
        Quick::NotEqual => left != right,
        Quick::Less => left < right,
        Quick::LessEqual => left <= right,
        Quick::Greater => left > right,
        Quick::GreaterEqual => left >= right,
        _ => return None,
    })
}

/// Returns the outcome of a comparison, sum, difference or product.
#[inline(always)]
pub(super) fn apply(op: Quick, left: &Value, right: &Value) -> Option<Value> {
    match (op, left, right) {
        (Quick::No, ..) => None,
        (Quick::Add, Value::Int(left), Value::Int(right)) => left.checked_add(*right).map(Value::Int),
        (Quick::Subtract, Value::Int(left), Value::Int(right)) => left.checked_sub(*right).map(Value::Int),
        (Quick::Multiply, Value::Int(left), Value::Int(right)) => left.checked_mul(*right).map(Value::Int),
        (Quick::Add, Value::Float(left), Value::Float(right)) => Some(Value::Float(left + right)),
        (Quick::Subtract, Value::Float(left), Value::Float(right)) => Some(Value::Float(left - right)),
        (Quick::Multiply, Value::Float(left), Value::Float(right)) => Some(Value::Float(left * right)),
        _ => test(op, left, right).map(Value::Bool),
    }
}
