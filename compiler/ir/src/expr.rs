//! Typed expressions. Every name is resolved: to a slot of the frame, a local of the expression, a function by its
//! overload. The type of a node follows from its children and its own fields, so a back end that keeps typed slots
//! needs no annotations beyond those that stand here.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};

use serde::{Deserialize, Serialize};

use crate::types::{Type, TypeName};
use crate::value::{EnumShape, Shape};
use crate::{Name, Value};

/// The index of a slot in a frame: a flow's frame, a node's parameters, a rule's `it`.
pub type SlotId = u32;

/// The index of a variable that the expression itself binds: of a macro, or a `let` in a block of code.
/// Numbered from 0 in each expression (in each body of code, its parameters first); never reused in nested scopes.
pub type LocalId = u32;

/// A typed expression: pure, total but for the errors of the language, metered. A long chain of them is written as a list.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", remote = "Self")]
pub enum Expr {
    /// A constant, folded.
    Const(#[serde(with = "crate::value::tagged")] Value),
    /// A slot of the frame: a parameter, `let`, state, loop variable.
    Slot(SlotId),
    /// A variable of the expression.
    Local(LocalId),
    /// `run.id` and `run.started_at`.
    Run(RunValue),
    /// `r.f` of a record: its slot. With `optional` (`r.?f`) an optional, absent if the field is null.
    Field {
        /// The record.
        of: Box<Expr>,
        /// The slot.
        index: u32,
        /// `.?`.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        optional: bool,
    },
    /// `m.f`, `m["f"]`, `xs[0]`, on a map, a list or `json`. With `optional` an optional instead of an error.
    Index {
        /// The collection.
        of: Box<Expr>,
        /// The key or index.
        key: Box<Expr>,
        /// `.?f`, `[?i]`.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        optional: bool,
    },
    /// `has(m.f)` on a map or `json`. (On a record it is a comparison with null.)
    Has {
        /// The map.
        of: Box<Expr>,
        /// The key.
        key: Name,
    },
    /// `[a, b, ?c]`.
    List(Vec<Item>),
    /// `{"a": 1, [k]: v, ?o: x, ...m}` as a map.
    Map(Vec<Entry>),
    /// `Review{score: 1}` or `{a: 1}` where a record is expected: a value for each slot, defaults and nulls filled in.
    Record {
        /// Its shape.
        shape: Arc<Shape>,
        /// A value for each slot.
        slots: Vec<Expr>,
    },
    /// `{...r, a: 1}` and `R{...r, a: 1}`: a record with some slots replaced.
    Update {
        /// The record.
        of: Box<Expr>,
        /// The shape of the result; the same fields.
        shape: Arc<Shape>,
        /// The replaced slots, in written order.
        slots: Vec<(u32, Expr)>,
    },
    /// A value of an enum is a constant; this names the enum for `Kind(x)`-like casts from strings.
    Enum {
        /// The enum.
        shape: Arc<EnumShape>,
        /// A string.
        of: Box<Expr>,
    },
    /// A function or operator of the language, by the id of its overload in `flow-expr`'s table.
    Call {
        /// `add_int`, `size_string`, `split_string`.
        function: Function,
        /// The receiver, if it has one, first.
        args: Vec<Expr>,
    },
    /// A `code` of the program, by its index in the plan.
    Code {
        /// The index in [`crate::Plan::codes`].
        code: u32,
        /// An argument for each parameter, defaults filled in.
        args: Vec<Expr>,
    },
    /// `a && b`: absorbs errors (F3).
    And(Box<Expr>, Box<Expr>),
    /// `a || b`: absorbs errors (F3).
    Or(Box<Expr>, Box<Expr>),
    /// `c ? a : b`.
    If {
        /// A bool.
        test: Box<Expr>,
        /// If true.
        then: Box<Expr>,
        /// If false.
        otherwise: Box<Expr>,
    },
    /// `a ?? b`: of a nullable or an optional.
    Coalesce(Box<Expr>, Box<Expr>),
    /// A macro over a list or a map.
    Macro {
        /// Which.
        op: MacroOp,
        /// The list or map.
        over: Box<Expr>,
        /// The one variable, or index (key) and value.
        vars: Vec<LocalId>,
        /// The bodies: predicate, then transform where there are two.
        bodies: Vec<Expr>,
    },
    /// `let x = v` in a block of code, or a binding that lowering makes.
    Let {
        /// The variable.
        local: LocalId,
        /// Its value.
        value: Box<Expr>,
        /// Where it is seen.
        body: Box<Expr>,
    },
    /// A value-`route`.
    Match {
        /// What is taken apart; its value is bound to `local`.
        value: Box<Expr>,
        /// The variable of the value.
        local: LocalId,
        /// In written order.
        arms: Vec<MatchArm>,
        /// The last arm, if the patterns leave something over.
        otherwise: Option<Box<Expr>>,
    },
    /// `x is Stop`: the tag of a union's value.
    Is {
        /// A union's value, maybe null.
        of: Box<Expr>,
        /// The member.
        variant: TypeName,
    },
    /// `x as T`, checked: reads `json` by T3, narrows a base type; fails with `bad_shape`.
    Cast {
        /// What is cast.
        of: Box<Expr>,
        /// Its static type.
        from: Type,
        /// The target.
        to: Type,
    },
    /// A conversion that can't fail: int literal or list to float, anything to `json`, a value to its optional or back to
    /// its nullable (F2), record literal to a record with more nullable fields.
    Widen {
        /// What is widened.
        of: Box<Expr>,
        /// Its static type.
        from: Type,
        /// The target.
        to: Type,
    },
    /// `"…${e}…"` and the directives of a block: makes a string.
    Template(Vec<Piece>),
    /// An error of the language when reached: what folding proved to fail.
    Fail {
        /// `bad_value`, `exhausted`.
        kind: Name,
        /// What happened.
        message: String,
    },
}

/// The overload that a call names: its id, and room for the place that an evaluator found it at, so that a look-up by
/// text happens once per call in the program and not once per evaluation. Equal, and written, by the id alone.
#[derive(Debug, Serialize, Deserialize)]
#[serde(from = "Name", into = "Name")]
pub struct Function {
    id: Name,
    row: AtomicU32,
}

impl Function {
    /// What [`Function::row`] holds until it is set.
    pub const UNKNOWN: u32 = u32::MAX;

    /// Returns the id of the overload.
    pub fn id(&self) -> &Name {
        &self.id
    }

    /// Returns the remembered row of the evaluator's table, or [`Function::UNKNOWN`].
    pub fn row(&self) -> u32 {
        self.row.load(Relaxed)
    }

    /// Remembers the row; it must be the same in the whole process.
    pub fn remember(&self, row: u32) {
        self.row.store(row, Relaxed);
    }
}

impl From<Name> for Function {
    fn from(id: Name) -> Self {
        Function { id, row: AtomicU32::new(Self::UNKNOWN) }
    }
}
impl From<&str> for Function {
    fn from(id: &str) -> Self {
        Name::new(id).into()
    }
}
impl From<Function> for Name {
    fn from(function: Function) -> Name {
        function.id
    }
}
impl Clone for Function {
    fn clone(&self) -> Self {
        Function { id: self.id.clone(), row: AtomicU32::new(self.row()) }
    }
}
impl PartialEq for Function {
    fn eq(&self, other: &Self) -> bool {
        self.id == other.id
    }
}
impl PartialEq<str> for Function {
    fn eq(&self, other: &str) -> bool {
        self.id == other
    }
}

/// A value of the run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RunValue {
    /// `run.id`: a string.
    Id,
    /// `run.started_at`: a timestamp.
    StartedAt,
}

/// An element of a list.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Item {
    /// Its value; an optional if `optional`.
    pub value: Expr,
    /// `?e`: left out when absent.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub optional: bool,
}

/// An entry of a map.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Entry {
    /// `k: v`, `?k: v`.
    Pair {
        /// The key.
        key: Expr,
        /// The value; an optional if `optional`.
        value: Expr,
        /// `?k`: left out when absent.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        optional: bool,
    },
    /// `...m`: later entries win.
    Spread(Expr),
}

/// The macros. Those with keys walk a map by its keys, or with two variables by key and value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MacroOp {
    /// `xs.all(x, p)`: absorbs errors.
    All,
    /// `xs.exists(x, p)`: absorbs errors.
    Exists,
    /// `xs.exists_one(x, p)`.
    ExistsOne,
    /// `xs.map(x, f)`, `xs.map(x, p, f)`.
    Map,
    /// `xs.filter(x, p)`.
    Filter,
    /// `xs.transformList(i, x, f)`, with a predicate too.
    TransformList,
    /// `m.transformMap(k, v, f)`, with a predicate too.
    TransformMap,
    /// `m.transformMapEntry(k, v, e)`, with a predicate too.
    TransformMapEntry,
    /// `xs.sort_by(x, key)`: stable.
    SortBy,
    /// `xs.distinct_by(x, key)`: keeps the first.
    DistinctBy,
    /// `xs.group_by(x, key)`: a map from key to list, in order of first occurrence.
    GroupBy,
    /// `xs.min_by(x, key)`: an optional.
    MinBy,
    /// `xs.max_by(x, key)`: an optional.
    MaxBy,
    /// `xs.find(x, p)`: an optional.
    Find,
}

/// An arm of a value-`route`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct MatchArm {
    /// One of them must match.
    pub patterns: Vec<Pattern>,
    /// The variables that a variant's fields are bound to: slot and variable.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub binds: Vec<(u32, LocalId)>,
    /// `if c`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub guard: Option<Expr>,
    /// Its value.
    pub value: Expr,
}

/// What a `route` arm matches.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Pattern {
    /// An enum's value, string, number, bool or null, by equality.
    Value(#[serde(with = "crate::value::tagged")] Value),
    /// A member of a union.
    Variant(TypeName),
}

/// A piece of a template.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Piece {
    /// Text as it stands.
    Text(String),
    /// `${e}`: scalars as `string(e)`, enums as their name, records and lists as compact JSON of their static type.
    Splice {
        /// What is spliced.
        value: Expr,
        /// Its static type.
        ty: Type,
    },
    /// `${for i, x in xs}` … `${end}`.
    For {
        /// The list or map.
        over: Expr,
        /// Index (key) of each turn, if asked for.
        index: Option<LocalId>,
        /// The element.
        item: LocalId,
        /// What is repeated.
        body: Vec<Piece>,
    },
    /// `${if c}` … `${else}` … `${end}`; an `else if` is an `If` in `otherwise`.
    If {
        /// A bool.
        test: Expr,
        /// If true.
        then: Vec<Piece>,
        /// If false.
        otherwise: Vec<Piece>,
    },
}

/// A body of pure `code`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Code {
    /// Its declared name.
    pub name: Name,
    /// How many parameters: they are locals 0, 1, ….
    pub params: u32,
    /// How many locals it has in all.
    pub locals: u32,
    /// Its value.
    pub body: Expr,
    /// Its parameters' types.
    pub param_types: Vec<Type>,
    /// Its result's type.
    pub returns: Type,
}

impl Expr {
    /// Returns the constant `true`.
    pub fn truth() -> Expr {
        Expr::Const(Value::Bool(true))
    }

    /// Returns the constant string.
    pub fn text(text: &str) -> Expr {
        Expr::Const(Value::string(text))
    }

    /// Calls `visit` with each direct child, in order of evaluation.
    pub fn children<'a>(&'a self, visit: &mut dyn FnMut(&'a Expr)) {
        fn pieces<'a>(all: &'a [Piece], visit: &mut dyn FnMut(&'a Expr)) {
            for piece in all {
                match piece {
                    Piece::Text(_) => {}
                    Piece::Splice { value, .. } => visit(value),
                    Piece::For { over, body, .. } => {
                        visit(over);
                        pieces(body, visit);
                    }
                    Piece::If { test, then, otherwise } => {
                        visit(test);
                        pieces(then, visit);
                        pieces(otherwise, visit);
                    }
                }
            }
        }
        match self {
            Expr::Const(_) | Expr::Slot(_) | Expr::Local(_) | Expr::Run(_) | Expr::Fail { .. } => {}
            Expr::Field { of, .. }
            | Expr::Has { of, .. }
            | Expr::Enum { of, .. }
            | Expr::Is { of, .. }
            | Expr::Cast { of, .. }
            | Expr::Widen { of, .. } => visit(of),
            Expr::Index { of, key, .. } => {
                visit(of);
                visit(key);
            }
            Expr::List(items) => items.iter().for_each(|item| visit(&item.value)),
            Expr::Map(entries) => entries.iter().for_each(|entry| match entry {
                Entry::Pair { key, value, .. } => {
                    visit(key);
                    visit(value);
                }
                Entry::Spread(map) => visit(map),
            }),
            Expr::Record { slots, .. } => slots.iter().for_each(visit),
            Expr::Update { of, slots, .. } => {
                visit(of);
                slots.iter().for_each(|(_, value)| visit(value));
            }
            Expr::Call { args, .. } | Expr::Code { args, .. } => args.iter().for_each(visit),
            Expr::And(left, right) | Expr::Or(left, right) | Expr::Coalesce(left, right) => {
                visit(left);
                visit(right);
            }
            Expr::If { test, then, otherwise } => {
                visit(test);
                visit(then);
                visit(otherwise);
            }
            Expr::Macro { over, bodies, .. } => {
                visit(over);
                bodies.iter().for_each(visit);
            }
            Expr::Let { value, body, .. } => {
                visit(value);
                visit(body);
            }
            Expr::Match { value, arms, otherwise, .. } => {
                visit(value);
                for arm in arms {
                    arm.guard.iter().for_each(&mut *visit);
                    visit(&arm.value);
                }
                otherwise.iter().for_each(|value| visit(value));
            }
            Expr::Template(all) => pieces(all, visit),
        }
    }
}
