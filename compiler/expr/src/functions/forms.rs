//! Calls that no row can be, because they evaluate an argument only where it counts, or with a variable: what they become.
//!
//! `optional.or` and `orValue` leave their right side alone where the left one is present, `optMap` and `optFlatMap`
//! theirs where it is absent, `cel.bind` names a value. Checkers make them of nodes that every back end has.

use flow_ir::expr::LocalId;
use flow_ir::{Expr, Value};

/// A form, as the reference lists it.
#[derive(Clone, Copy, Debug)]
pub struct FormRow {
    /// Its name.
    pub name: &'static str,
    /// How it is written.
    pub written: &'static str,
    /// What it does: one line.
    pub doc: &'static str,
}

/// All forms.
pub static FORMS: &[FormRow] = &[
    FormRow {
        name: "has",
        written: "has(m.f)",
        doc: "whether a map has the key, a record the field and not null",
    },
    FormRow {
        name: "cel.bind",
        written: "cel.bind(x, value, body)",
        doc: "the body, in which `x` is the value",
    },
    FormRow {
        name: "optMap",
        written: "o.optMap(x, value)",
        doc: "an optional of what is made of the value, if there is one",
    },
    FormRow {
        name: "optFlatMap",
        written: "o.optFlatMap(x, optional)",
        doc: "the optional that is made of the value, if there is one",
    },
];

fn call(function: &str, args: Vec<Expr>) -> Expr {
    Expr::Call { function: function.into(), args }
}

fn none() -> Expr {
    Expr::Const(Value::Optional(None))
}

/// What is no optional is told as such: the row takes nothing else.
fn checked(optional: Expr) -> Expr {
    call("optional_or", vec![optional, none()])
}

/// `Let local = of; local.hasValue() ? present : absent`.
fn choice(local: LocalId, of: Expr, present: Expr, absent: Expr) -> Expr {
    let test = call("optional_has", vec![Expr::Local(local)]);
    bind(local, of, Expr::If { test: test.into(), then: present.into(), otherwise: absent.into() })
}

/// `left.or(right)`: `local` is a variable of the expression that nothing else has.
pub fn or(local: LocalId, left: Expr, right: Expr) -> Expr {
    choice(local, left, Expr::Local(local), checked(right))
}

/// `left.orValue(right)`.
pub fn or_value(local: LocalId, left: Expr, right: Expr) -> Expr {
    choice(local, left, call("optional_value", vec![Expr::Local(local)]), right)
}

/// `of.optMap(variable, body)`; `local` and `variable` are two variables of the expression.
pub fn opt_map(local: LocalId, variable: LocalId, of: Expr, body: Expr) -> Expr {
    let value = call("optional_value", vec![Expr::Local(local)]);
    choice(local, of, call("optional_of", vec![bind(variable, value, body)]), none())
}

/// `of.optFlatMap(variable, body)`, whose body is an optional.
pub fn opt_flat_map(local: LocalId, variable: LocalId, of: Expr, body: Expr) -> Expr {
    let value = call("optional_value", vec![Expr::Local(local)]);
    choice(local, of, checked(bind(variable, value, body)), none())
}

/// `cel.bind(local, value, body)`.
pub fn bind(local: LocalId, value: Expr, body: Expr) -> Expr {
    Expr::Let { local, value: value.into(), body: body.into() }
}
