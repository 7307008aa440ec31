//! Values that a rule speaks of: most rules compare with a constant or with another field.

use std::sync::Arc;

use flow_ir::value::RecordValue;
use flow_ir::{Expr, Value};

use super::random::Random;

/// So many constants of a rule are kept.
const CONSTANTS_MAX: usize = 32;

/// Returns the constants in a rule.
pub(super) fn constants(rule: &Expr) -> Vec<Value> {
    let mut out = Vec::new();
    collect(rule, &mut out);
    out
}

fn collect(expr: &Expr, out: &mut Vec<Value>) {
    if out.len() >= CONSTANTS_MAX {
        return;
    }
    match expr {
        Expr::Const(Value::List(items)) => out.extend(items.iter().take(CONSTANTS_MAX).cloned()),
        Expr::Const(value) => out.push(value.clone()),
        Expr::List(items) => items.iter().for_each(|item| collect(&item.value, out)),
        other => other.children(&mut |child| collect(child, out)),
    }
}

/// Returns a value changed towards a constant of the rule, or one field made like another. The result need not be of the
/// base type: the caller checks.
pub(super) fn bend(random: &mut Random, value: Value, constants: &[Value]) -> Value {
    let Value::Record(record) = &value else { return bent(random, value, constants) };
    let mut slots = record.slots.clone();
    if slots.is_empty() {
        return value;
    }
    let at = random.below(slots.len() as u64) as usize;
    let others: Vec<Value> =
        slots.iter().enumerate().filter(|(index, _)| *index != at).map(|(_, slot)| slot.clone()).collect();
    let slot = std::mem::replace(&mut slots[at], Value::Null);
    slots[at] =
        if random.below(2) == 0 { bent(random, slot, &others) } else { bent(random, slot, constants) };
    Value::Record(Arc::new(RecordValue { shape: record.shape.clone(), slots }))
}

/// Returns a scalar at, beside or made of one of the others of its kind.
fn bent(random: &mut Random, value: Value, others: &[Value]) -> Value {
    let same: Vec<&Value> = others
        .iter()
        .filter(|other| std::mem::discriminant(*other) == std::mem::discriminant(&value))
        .collect();
    let Some(other) = random.pick(&same) else { return value };
    match (&value, other) {
        (Value::Int(drawn), Value::Int(number)) => Value::Int(match random.below(5) {
            0 => *number,
            1 => number.saturating_add(1),
            2 => number.saturating_sub(1),
            // A multiple, for rules on remainders.
            3 => number.saturating_mul(drawn % 50),
            _ => number.saturating_add(drawn % 10),
        }),
        (Value::Float(drawn), Value::Float(number)) => Value::Float(match random.below(4) {
            0 => *number,
            1 => number + 0.5,
            2 => number - 0.5,
            _ => number + drawn / 100.0,
        }),
        (Value::String(drawn), Value::String(text)) => match random.below(4) {
            0 => Value::String(text.clone()),
            1 => Value::string(format!("{text}{drawn}")),
            2 => Value::string(format!("{drawn}{text}")),
            _ => Value::string(format!("{drawn} {text} {drawn}")),
        },
        (Value::Timestamp(_), Value::Timestamp(at)) => {
            let seconds = random.between(-7_200, 7_200);
            at.checked_add(jiff::SignedDuration::from_secs(seconds)).map_or(value.clone(), Value::Timestamp)
        }
        (Value::Duration(_), Value::Duration(nanos)) => {
            Value::Duration(nanos.saturating_add(random.between(-60, 60) * 1_000_000_000))
        }
        (_, other) => (*other).clone(),
    }
}
