//! The functions, operators and macros of the language: one table for the checker, the interpreter and the reference.
//!
//! A row is one overload. The checker looks rows up by name and picks the first whose parameters fit the arguments; the
//! interpreter runs a row by its id. An `Expr::Call` whose function is a *name* of the table instead of an id is resolved
//! by its arguments when it runs, which is how dynamic values are served.

mod compare;
mod convert;
mod data;
mod format;
pub mod forms;
mod lists;
mod macros;
mod math;
mod operators;
mod optionals;
mod re2;
mod regex;
mod sets;
mod strings;
mod time;

use std::collections::HashMap;
use std::sync::LazyLock;

use flow_ir::Value;

pub(crate) use compare::compared;
pub use compare::{equal, order};
pub(crate) use convert::scalar_text;
pub use forms::{FORMS, FormRow};
pub(crate) use lists::{Seen, incomparable, sort_indices};
pub use macros::{MACROS, MacroRow, Over, macros};
pub use time::{duration_text, is_time_zone};

use crate::{Env, Error};

/// An overload of a function or operator.
#[derive(Clone, Copy, Debug)]
pub struct Overload {
    /// Its unique id, as in the plan: `add_int`.
    pub id: &'static str,
    /// Its name: `size`, `math.abs`, `_+_`.
    pub name: &'static str,
    /// How it is written.
    pub style: Style,
    /// Its parameters, a receiver first.
    pub params: &'static [Sig],
    /// Whether the last parameter may be repeated.
    pub variadic: bool,
    /// What it returns; its variables are bound by the arguments.
    pub result: Sig,
    /// What it does: one line.
    pub doc: &'static str,
    /// Computes it. The arguments have the types of `params`; others are an error, not a panic.
    pub eval: Eval,
    /// What the interpreter may do by itself where both operands are ints or both are floats.
    pub(crate) quick: Quick,
}

/// The operators that conditions and sums are made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Quick {
    No,
    Equal,
    NotEqual,
    Less,
    LessEqual,
    Greater,
    GreaterEqual,
    Add,
    Subtract,
    Multiply,
}

/// Computes an overload.
pub type Eval = fn(&Env<'_>, &[&Value]) -> Result<Value, Error>;

/// How an overload is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Style {
    /// An operator: `a + b`, `!a`, `xs[0]`.
    Operator,
    /// `f(x)`, `math.abs(x)`.
    Global,
    /// `x.f()`.
    Method,
    /// `f(x)` and `x.f()`.
    Both,
}

/// The type of a parameter or result.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Sig {
    /// `null`.
    Null,
    /// `bool`.
    Bool,
    /// `int`.
    Int,
    /// `uint`.
    Uint,
    /// `float`.
    Float,
    /// `string`.
    String,
    /// `bytes`.
    Bytes,
    /// `duration`.
    Duration,
    /// `timestamp`.
    Timestamp,
    /// `json`.
    Json,
    /// A type value.
    Type,
    /// A value of any enum.
    Enum,
    /// Any value at all.
    Any,
    /// A variable: the same type wherever it occurs in the row.
    Var(u8),
    /// A variable whose type has an order: bool, numbers, string, bytes, duration, timestamp, enum.
    Ordered(u8),
    /// `[T]`.
    List(&'static Sig),
    /// `[K: V]`.
    Map(&'static Sig, &'static Sig),
    /// `T?`.
    Nullable(&'static Sig),
    /// A CEL optional.
    Optional(&'static Sig),
}

/// The types most rows are written in.
pub(crate) const V0: Sig = Sig::Var(0);
pub(crate) const V1: Sig = Sig::Var(1);
pub(crate) const O0: Sig = Sig::Ordered(0);
pub(crate) const LIST_V0: Sig = Sig::List(&V0);
pub(crate) const LIST_O0: Sig = Sig::List(&O0);
pub(crate) const LIST_INT: Sig = Sig::List(&Sig::Int);
pub(crate) const LIST_UINT: Sig = Sig::List(&Sig::Uint);
pub(crate) const LIST_FLOAT: Sig = Sig::List(&Sig::Float);
pub(crate) const LIST_STRING: Sig = Sig::List(&Sig::String);
pub(crate) const LIST_DURATION: Sig = Sig::List(&Sig::Duration);
pub(crate) const MAP_V0_V1: Sig = Sig::Map(&V0, &V1);
pub(crate) const OPTIONAL_V0: Sig = Sig::Optional(&V0);

/// Writes a row: `row("add_int", "_+_", Operator, &[Int, Int], Int, "…", |env, a| …)`.
pub(crate) const fn row(
    id: &'static str,
    name: &'static str,
    style: Style,
    params: &'static [Sig],
    result: Sig,
    doc: &'static str,
    eval: Eval,
) -> Overload {
    Overload { id, name, style, params, variadic: false, result, doc, eval, quick: quick(id) }
}

/// Finds the operator in an id: `less_int`, `add_float`.
const fn quick(id: &str) -> Quick {
    const NAMES: [(&str, Quick); 9] = [
        ("equals", Quick::Equal),
        ("not_equals", Quick::NotEqual),
        ("less_equal_", Quick::LessEqual),
        ("less_", Quick::Less),
        ("greater_equal_", Quick::GreaterEqual),
        ("greater_", Quick::Greater),
        ("add_", Quick::Add),
        ("subtract_", Quick::Subtract),
        ("multiply_", Quick::Multiply),
    ];
    let mut index = 0;
    while index < NAMES.len() {
        let (name, quick) = NAMES[index];
        if starts_with(id.as_bytes(), name.as_bytes()) {
            return quick;
        }
        index += 1;
    }
    Quick::No
}

const fn starts_with(text: &[u8], start: &[u8]) -> bool {
    let mut index = 0;
    while index < start.len() {
        if index >= text.len() || text[index] != start[index] {
            return false;
        }
        index += 1;
    }
    true
}

impl Overload {
    pub(crate) const fn variadic(mut self) -> Overload {
        self.variadic = true;
        self
    }

    /// Whether it may be written so.
    pub fn is_written(&self, receiver: bool) -> bool {
        match self.style {
            Style::Operator | Style::Both => true,
            Style::Global => !receiver,
            Style::Method => receiver,
        }
    }

    /// Whether it takes so many arguments, a receiver included.
    pub fn takes(&self, count: usize) -> bool {
        if self.variadic { count >= self.params.len() } else { count == self.params.len() }
    }

    /// Returns the type of the nth parameter.
    pub fn param(&self, index: usize) -> Option<&'static Sig> {
        match self.params.get(index) {
            None if self.variadic => self.params.last(),
            param => param,
        }
    }
}

/// Returns the overloads of a name: those for `x.f(…)` if `receiver`, else those for `f(…)`. Operators are names too
/// (`_+_`, `!_`, `-_`, `_in_`, `_[_]_`) and have no receiver. Earlier rows go before later ones.
pub fn lookup(name: &str, receiver: bool) -> impl Iterator<Item = &'static Overload> {
    let rows = TABLE.by_name.get(name).map(Vec::as_slice).unwrap_or_default();
    rows.iter().copied().filter(move |overload| overload.is_written(receiver))
}

/// Returns an overload by its id.
pub fn overload(id: &str) -> Option<&'static Overload> {
    row_of(id).and_then(at_row)
}

/// Returns all overloads, operators first.
pub fn overloads() -> impl Iterator<Item = &'static Overload> {
    ROWS.iter()
}

/// Returns the names of all functions, operators left out, without repetition: for suggestions and completion.
pub fn names() -> impl Iterator<Item = &'static str> {
    TABLE.names.iter().copied()
}

pub(crate) fn row_of(id: &str) -> Option<u32> {
    TABLE.by_id.get(id).copied()
}

#[inline]
pub(crate) fn at_row(row: u32) -> Option<&'static Overload> {
    ROWS.get(row as usize)
}

const FAMILIES: [&[Overload]; 13] = [
    operators::ROWS,
    compare::ROWS,
    strings::ROWS,
    format::ROWS,
    regex::ROWS,
    convert::ROWS,
    lists::ROWS,
    sets::ROWS,
    math::ROWS,
    time::ROWS,
    time::DURATION_ROWS,
    optionals::ROWS,
    data::ROWS,
];

const ROWS_COUNT: usize = {
    let (mut count, mut family) = (0, 0);
    while family < FAMILIES.len() {
        count += FAMILIES[family].len();
        family += 1;
    }
    count
};

/// All rows in one place, so that a call finds its own by an index.
static ROWS: [Overload; ROWS_COUNT] = {
    let mut rows = [FAMILIES[0][0]; ROWS_COUNT];
    let (mut next, mut family) = (0, 0);
    while family < FAMILIES.len() {
        let mut index = 0;
        while index < FAMILIES[family].len() {
            rows[next] = FAMILIES[family][index];
            next += 1;
            index += 1;
        }
        family += 1;
    }
    rows
};

struct Table {
    by_id: HashMap<&'static str, u32>,
    by_name: HashMap<&'static str, Vec<&'static Overload>>,
    names: Vec<&'static str>,
}

static TABLE: LazyLock<Table> = LazyLock::new(|| {
    let mut table = Table { by_id: HashMap::new(), by_name: HashMap::new(), names: Vec::new() };
    for (index, overload) in ROWS.iter().enumerate() {
        table.by_id.insert(overload.id, index as u32);
        let same = table.by_name.entry(overload.name).or_default();
        if same.is_empty() && overload.style != Style::Operator {
            table.names.push(overload.name);
        }
        same.push(overload);
    }
    table
});

/// Runs the first overload of a name that takes these values: for calls whose types are known only now.
pub(crate) fn call_by_name(name: &str, env: &Env<'_>, args: &[&Value]) -> Result<Value, Error> {
    for row in rows(name).filter(|row| row.takes(args.len())) {
        let mut fits = true;
        for (index, arg) in args.iter().enumerate() {
            fits = match row.param(index) {
                Some(sig) => fits && sig.accepts_within(arg, env.meter)?,
                None => false,
            };
        }
        if fits {
            return (row.eval)(env, args);
        }
    }
    Err(no_overload(args))
}

/// Returns all overloads of a name, however it is written.
pub(crate) fn rows(name: &str) -> impl Iterator<Item = &'static Overload> {
    TABLE.by_name.get(name).map(Vec::as_slice).unwrap_or_default().iter().copied()
}

/// Returns the first overload of a name that takes these values.
pub(crate) fn row_for(name: &str, args: &[&Value]) -> Option<&'static Overload> {
    rows(name).find(|row| {
        row.takes(args.len())
            && args
                .iter()
                .enumerate()
                .all(|(index, arg)| row.param(index).is_some_and(|sig| sig.accepts(arg)))
    })
}

impl Sig {
    /// Whether every value has this type.
    pub(crate) fn is_any(&self) -> bool {
        matches!(self, Sig::Any | Sig::Var(_) | Sig::Json)
    }

    /// The same as [`Sig::accepts`], a unit for each element that is looked at.
    fn accepts_within(&self, value: &Value, meter: &crate::Meter) -> Result<bool, Error> {
        let (Sig::List(of), Value::List(items)) = (self, value) else { return Ok(self.accepts(value)) };
        if of.is_any() {
            return Ok(true);
        }
        for item in items.iter() {
            meter.charge(1)?;
            if !of.accepts_within(item, meter)? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Whether a value has this type, looking at the value alone and not into collections.
    pub fn accepts(&self, value: &Value) -> bool {
        match (self, value) {
            (Sig::Any | Sig::Var(_) | Sig::Json, _)
            | (Sig::Null, Value::Null)
            | (Sig::Bool, Value::Bool(_))
            | (Sig::Int, Value::Int(_))
            | (Sig::Uint, Value::Uint(_))
            | (Sig::Float, Value::Float(_))
            | (Sig::String, Value::String(_))
            | (Sig::Bytes, Value::Bytes(_))
            | (Sig::Duration, Value::Duration(_))
            | (Sig::Timestamp, Value::Timestamp(_))
            | (Sig::Type, Value::Type(_))
            | (Sig::Enum, Value::Enum(_))
            | (Sig::Map(..), Value::Map(_))
            | (Sig::Optional(_), Value::Optional(_))
            | (Sig::Nullable(_), Value::Null) => true,
            (Sig::List(of), Value::List(items)) => of.is_any() || items.iter().all(|item| of.accepts(item)),
            (Sig::Nullable(of), value) => of.accepts(value),
            (Sig::Ordered(_), value) => !matches!(
                value,
                Value::Null | Value::List(_) | Value::Map(_) | Value::Record(_) | Value::Media(_)
            ),
            _ => false,
        }
    }
}

/// Says which types no overload takes.
#[cold]
pub(crate) fn no_overload(args: &[&Value]) -> Error {
    let kinds: Vec<_> = args.iter().map(|arg| crate::values::kind_name(arg)).collect();
    Error::value(format!("no such overload for ({})", kinds.join(", ")))
}

/// Takes an argument of a kind, or says that there is no such overload.
macro_rules! take {
    ($name:ident, $variant:ident, $of:ty, $pattern:ident => $result:expr) => {
        #[inline]
        #[allow(clippy::needless_lifetimes, reason = "one form for what is copied and what is borrowed")]
        pub(crate) fn $name<'a>(args: &[&'a Value], index: usize) -> Result<$of, Error> {
            match args.get(index) {
                Some(Value::$variant($pattern)) => Ok($result),
                _ => Err(no_overload(args)),
            }
        }
    };
}
take!(bool, Bool, bool, value => *value);
take!(int, Int, i64, value => *value);
take!(uint, Uint, u64, value => *value);
take!(float, Float, f64, value => *value);
take!(string, String, &'a std::sync::Arc<str>, value => value);
take!(bytes, Bytes, &'a std::sync::Arc<[u8]>, value => value);
take!(duration, Duration, i64, value => *value);
take!(timestamp, Timestamp, jiff::Timestamp, value => *value);
take!(list, List, &'a std::sync::Arc<Vec<Value>>, value => value);

/// Returns a string, charged.
pub(crate) fn text(env: &Env<'_>, text: impl AsRef<str>) -> Result<Value, Error> {
    env.meter.bytes(text.as_ref().len())?;
    Ok(Value::string(text))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_unique_and_no_name() {
        let mut seen = std::collections::HashSet::new();
        for overload in overloads() {
            assert!(seen.insert(overload.id), "{} twice", overload.id);
            // An id that is also a name must mean the same.
            let named = TABLE.by_name.get(overload.id).map_or(0, Vec::len);
            assert!(named <= 1, "{} is an id and a name of several", overload.id);
            assert!(!overload.doc.is_empty() && !overload.doc.ends_with('.'), "{}", overload.id);
        }
    }

    #[test]
    fn result_variables_are_bound_by_parameters() {
        fn variables(sig: &Sig, out: &mut Vec<u8>) {
            match sig {
                Sig::Var(n) | Sig::Ordered(n) => out.push(*n),
                Sig::List(of) | Sig::Nullable(of) | Sig::Optional(of) => variables(of, out),
                Sig::Map(key, value) => {
                    variables(key, out);
                    variables(value, out);
                }
                _ => {}
            }
        }
        for overload in overloads().filter(|overload| overload.id != "optional_none") {
            let (mut bound, mut used) = (Vec::new(), Vec::new());
            overload.params.iter().for_each(|sig| variables(sig, &mut bound));
            variables(&overload.result, &mut used);
            assert!(used.iter().all(|variable| bound.contains(variable)), "{}", overload.id);
        }
    }
}
