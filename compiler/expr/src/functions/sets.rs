//! Lists as sets: CEL's `sets`. Elements are compared by the language's equality, numbers across kinds.

use flow_ir::Value;

use super::Sig::*;
use super::Style::Global;
use super::{LIST_V0, Overload, list, lists::Seen, row};
use crate::{Env, Error};

pub(super) const ROWS: &[Overload] = &[
    row(
        "sets_contains",
        "sets.contains",
        Global,
        &[LIST_V0, LIST_V0],
        Bool,
        "whether the first list holds every element of the second",
        |env, a| holds_all(env, list(a, 0)?, list(a, 1)?).map(Value::Bool),
    ),
    row(
        "sets_equivalent",
        "sets.equivalent",
        Global,
        &[LIST_V0, LIST_V0],
        Bool,
        "whether each list holds every element of the other",
        |env, a| {
            let (left, right) = (list(a, 0)?, list(a, 1)?);
            Ok(Value::Bool(holds_all(env, left, right)? && holds_all(env, right, left)?))
        },
    ),
    row(
        "sets_intersects",
        "sets.intersects",
        Global,
        &[LIST_V0, LIST_V0],
        Bool,
        "whether an element of one list is in the other",
        |env, a| {
            let all = set(env, list(a, 0)?)?;
            env.meter.elements(list(a, 1)?.len())?;
            for item in list(a, 1)?.iter() {
                if all.contains(env.meter, item)? {
                    return Ok(Value::Bool(true));
                }
            }
            Ok(Value::Bool(false))
        },
    ),
];

fn set(env: &Env<'_>, items: &[Value]) -> Result<Seen, Error> {
    env.meter.elements(items.len())?;
    let mut all = Seen::default();
    for item in items {
        all.insert(env.meter, item)?;
    }
    Ok(all)
}

fn holds_all(env: &Env<'_>, items: &[Value], wanted: &[Value]) -> Result<bool, Error> {
    let all = set(env, items)?;
    env.meter.elements(wanted.len())?;
    for item in wanted {
        if !all.contains(env.meter, item)? {
            return Ok(false);
        }
    }
    Ok(true)
}
