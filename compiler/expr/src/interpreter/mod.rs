//! The tree walk: the oracle of every other back end, what folding uses, and what runs where there is no machine code.
//!
//! The stack stays bounded. Brackets nest at most 128 deep in a file, so only chains are long: those to the right
//! (`c ? a : d ? b : …`, `a ?? b ?? …`, `let` after `let`) are loops in [`Machine::node`], those to the left
//! (`a + b + …`, `a && b && …`, `x.f().g()…`) are taken apart on the heap once the walk is [`SPINE_FROM`] deep.

mod absorb;
mod build;
mod cast;
mod gather;
mod locals;
mod macros;
mod path;
mod quick;
mod template;

use flow_ir::expr::{Expr, Function, LocalId, MatchArm, Pattern, RunValue};
use flow_ir::value::Key;
use flow_ir::{TypeName, Value};

use locals::Locals;

pub use template::{Said, say};

pub(crate) use build::{enum_value, no_optional, put_entry, spread};
pub(crate) use gather::Gather;
pub(crate) use path::{field, has, index};

use crate::functions::{self, Overload};
use crate::{Env, Error, values};

/// From this depth on, chains to the left are taken apart on the heap.
pub(crate) const SPINE_FROM: usize = 24;

/// Calls of code inside of code may add up to no more than this depth.
const DEPTH_MAX: usize = 320;

/// An expression binds at most so many variables.
const LOCALS_MAX: usize = 65_536;

/// Evaluates an expression. The result is at most 16 MiB and nests at most 128 deep.
pub fn eval(expr: &Expr, env: &Env<'_>) -> Result<Value, Error> {
    let mut machine = Machine::new(env, 0);
    // What only points into the frame has been measured when it was made.
    if let Some(value) = machine.peek(expr) {
        return Ok(value.clone());
    }
    let value = machine.eval(expr)?;
    if matches!(value, Value::List(_) | Value::Map(_) | Value::Record(_) | Value::Optional(_)) {
        values::measure(&value, env.meter)?;
    }
    Ok(value)
}

/// One evaluation.
pub(crate) struct Machine<'e> {
    env: &'e Env<'e>,
    /// The variables of this expression and of the code that called it.
    locals: Locals,
    /// Where the variables of this body of code begin.
    base: usize,
    depth: usize,
    /// What isn't text, where a message may hold it.
    media: Option<Vec<(usize, std::sync::Arc<flow_ir::value::MediaValue>)>>,
}

/// What a leftmost child was evaluated to, if it has been already.
type First = Option<Result<Value, Error>>;

impl<'e> Machine<'e> {
    pub(crate) fn new(env: &'e Env<'e>, depth: usize) -> Machine<'e> {
        Machine { env, locals: Locals::default(), base: 0, depth, media: None }
    }

    /// Evaluates an expression at the next depth.
    pub(crate) fn eval(&mut self, expr: &Expr) -> Result<Value, Error> {
        if let Some(value) = self.peek(expr) {
            return Ok(value.clone());
        }
        self.depth += 1;
        let result = match expr {
            Expr::Call { function, args } if self.depth <= SPINE_FROM => self.shallow_call(function, args),
            _ if self.depth <= SPINE_FROM => self.node(expr, None),
            _ => self.spine(expr),
        };
        self.depth -= 1;
        result
    }

    /// A call of one or two arguments, which most are; without what a chain needs.
    #[inline]
    fn shallow_call(&mut self, function: &Function, args: &[Expr]) -> Result<Value, Error> {
        let (Some(overload @ Overload { params: [_, _], .. }), [left, right]) = (overload(function), args)
        else {
            return self.call(function, args, None);
        };
        if let Some(value) = self.peek(left) {
            if let Some(right) = self.peek(right) {
                return binary(self.env, overload, value, right);
            }
            let left = value.clone();
            return self.right(overload, &left, right);
        }
        let left = self.eval(left)?;
        self.right(overload, &left, right)
    }

    /// Evaluates a chain to the left from its far end.
    #[inline(never)]
    fn spine(&mut self, expr: &Expr) -> Result<Value, Error> {
        if self.depth > DEPTH_MAX {
            return Err(Error::exhausted("code that calls code too deeply"));
        }
        let mut links = vec![expr];
        let mut last = expr;
        while let Some(first) = first_child(last) {
            links.push(first);
            last = first;
        }
        let mut value = None;
        while let Some(link) = links.pop() {
            value = Some(self.node(link, value.take()));
        }
        value.unwrap_or_else(|| Err(Error::value("an empty expression")))
    }

    /// Evaluates a node, whose leftmost child may have been evaluated already. Chains to the right are turns of the loop.
    fn node(&mut self, expr: &Expr, first: First) -> Result<Value, Error> {
        let mut expr = expr;
        loop {
            return match expr {
                Expr::Const(value) => Ok(value.clone()),
                Expr::Slot(slot) => self.slot(*slot),
                Expr::Local(local) => self.local(*local),
                Expr::Call { function, args } => self.call(function, args, first),
                Expr::And(left, right) => self.and(left, right, first),
                Expr::Or(left, right) => self.or(left, right, first),
                Expr::Field { of, index, optional } => self.field(of, *index, *optional, first),
                Expr::Index { of, key, optional } => self.index(of, key, *optional, first),
                Expr::Has { of, key } => self.has(of, key, first),
                Expr::Macro { op, over, vars, bodies } => self.macro_call(*op, over, vars, bodies, first),
                Expr::If { test, then, otherwise } => {
                    expr = if self.test(test)? { then } else { otherwise };
                    continue;
                }
                Expr::Coalesce(left, right) => match self.eval(left)? {
                    Value::Null | Value::Optional(None) => {
                        expr = right;
                        continue;
                    }
                    Value::Optional(Some(value)) => Ok((*value).clone()),
                    value => Ok(value),
                },
                Expr::Let { local, value, body } => {
                    let value = self.eval(value)?;
                    self.set(*local, value)?;
                    expr = body;
                    continue;
                }
                Expr::Match { value, local, arms, otherwise } => {
                    let value = self.eval(value)?;
                    self.set(*local, value.clone())?;
                    match (self.arm(&value, arms)?, otherwise) {
                        (Some(arm), _) => expr = &arm.value,
                        (None, Some(otherwise)) => expr = otherwise,
                        (None, None) => return Err(unmatched(&value)),
                    }
                    continue;
                }
                Expr::Is { of, variant } => self.is(of, variant, first),
                Expr::Cast { of, to, .. } => self.cast(of, to, first),
                Expr::Widen { of, to, .. } => self.widen(of, to, first),
                Expr::Enum { shape, of } => self.enum_value(shape, of, first),
                Expr::Update { of, shape, slots } => self.update(of, shape, slots, first),
                Expr::List(items) => self.list(items),
                Expr::Map(entries) => self.map(entries),
                Expr::Record { shape, slots } => self.record(shape, slots),
                Expr::Template(pieces) => self.template(pieces),
                Expr::Code { code, args } => self.code(*code, args),
                Expr::Run(RunValue::Id) => Ok(Value::string(self.env.run_id)),
                Expr::Run(RunValue::StartedAt) => Ok(Value::Timestamp(self.env.started_at)),
                Expr::Fail { kind, message } => Err(failure(kind, message)),
            };
        }
    }

    /// Returns a value without copying it, if it only has to be pointed at.
    #[inline]
    fn peek<'a>(&'a self, expr: &'a Expr) -> Option<&'a Value> {
        match expr {
            Expr::Const(value) => Some(value),
            Expr::Slot(slot) => self.env.frame.slot(*slot),
            Expr::Local(local) => self.locals.get(self.base + *local as usize),
            Expr::Field { of, index, optional: false } => match self.peek_path(of)? {
                Value::Record(record) => record.slots.get(*index as usize),
                _ => None,
            },
            _ => None,
        }
    }

    /// The same behind a dot.
    fn peek_path<'a>(&'a self, expr: &'a Expr) -> Option<&'a Value> {
        self.peek(expr)
    }

    #[inline]
    fn slot(&self, slot: u32) -> Result<Value, Error> {
        self.env.frame.slot(slot).cloned().ok_or_else(|| Error::value("a name that has no value yet"))
    }

    #[inline]
    fn local(&self, local: LocalId) -> Result<Value, Error> {
        let value = self.locals.get(self.base + local as usize);
        value.cloned().ok_or_else(|| Error::value("a variable that has no value yet"))
    }

    #[inline]
    fn set(&mut self, local: LocalId, value: Value) -> Result<(), Error> {
        if local as usize >= LOCALS_MAX {
            return Err(Error::exhausted("more than 65,536 variables"));
        }
        self.locals.set(self.base + local as usize, value);
        Ok(())
    }

    /// Evaluates a condition; comparisons of what can be pointed at without making a value.
    #[inline]
    fn test(&mut self, expr: &Expr) -> Result<bool, Error> {
        match expr {
            Expr::Call { function, args } => {
                if let [left, right] = &args[..]
                    && let Some(overload) = overload(function)
                    && let (Some(left), Some(right)) = (self.peek(left), self.peek(right))
                    && let Some(outcome) = quick::test(overload.quick, left, right)
                {
                    return Ok(outcome);
                }
            }
            _ => {
                if let Some(Value::Bool(value)) = self.peek(expr) {
                    return Ok(*value);
                }
            }
        }
        match self.eval(expr)? {
            Value::Bool(value) => Ok(value),
            other => Err(no_bool(&other)),
        }
    }

    /// Returns the leftmost child's value.
    #[inline]
    fn first(&mut self, expr: &Expr, first: First) -> Result<Value, Error> {
        match first {
            Some(result) => result,
            None => self.eval(expr),
        }
    }

    #[inline(never)]
    fn call(&mut self, function: &Function, args: &[Expr], first: First) -> Result<Value, Error> {
        let Some(overload) = overload(function) else { return self.call_by_name(function, args, first) };
        if !overload.takes(args.len()) {
            return Err(Error::value(format!("{} arguments for {}", args.len(), overload.id)));
        }
        match (args, first) {
            ([left, right], first) => {
                let left = self.first(left, first)?;
                self.right(overload, &left, right)
            }
            ([of], first) => {
                if first.is_none()
                    && let Some(of) = self.peek(of)
                {
                    return (overload.eval)(self.env, &[of]);
                }
                let of = self.first(of, first)?;
                (overload.eval)(self.env, &[&of])
            }
            (args, first) => {
                let args = self.args(args, first)?;
                (overload.eval)(self.env, &args.iter().collect::<Vec<_>>())
            }
        }
    }

    #[inline]
    fn right(&mut self, overload: &'static Overload, left: &Value, right: &Expr) -> Result<Value, Error> {
        if let Some(right) = self.peek(right) {
            return binary(self.env, overload, left, right);
        }
        let right = self.eval(right)?;
        binary(self.env, overload, left, &right)
    }

    #[inline(never)]
    fn call_by_name(&mut self, function: &Function, args: &[Expr], first: First) -> Result<Value, Error> {
        let args = self.args(args, first)?;
        functions::call_by_name(function.id(), self.env, &args.iter().collect::<Vec<_>>())
    }

    fn args(&mut self, args: &[Expr], mut first: First) -> Result<Vec<Value>, Error> {
        args.iter().map(|arg| self.first(arg, first.take())).collect()
    }

    #[inline(never)]
    fn code(&mut self, code: u32, args: &[Expr]) -> Result<Value, Error> {
        let env = self.env;
        let code =
            env.codes.get(code as usize).ok_or_else(|| Error::value("code that the plan doesn't have"))?;
        env.meter.charge(1)?;
        let args = self.args(args, None)?;
        self.called(&code.body, args.into_iter())
    }

    /// Evaluates a body of code with its arguments.
    pub(crate) fn called(&mut self, body: &Expr, args: impl Iterator<Item = Value>) -> Result<Value, Error> {
        let (caller, base) = (self.base, self.locals.len());
        for (index, arg) in args.enumerate() {
            self.locals.set(base + index, arg);
        }
        self.base = base;
        let result = self.eval(body);
        self.locals.truncate(base);
        self.base = caller;
        result
    }

    #[inline(never)]
    fn arm<'a>(&mut self, value: &Value, arms: &'a [MatchArm]) -> Result<Option<&'a MatchArm>, Error> {
        for arm in arms {
            let mut found = false;
            for pattern in &arm.patterns {
                found = match pattern {
                    Pattern::Value(expected) => functions::equal(self.env.meter, expected, value)?,
                    Pattern::Variant(variant) => is_variant(value, variant),
                };
                if found {
                    break;
                }
            }
            if !found {
                continue;
            }
            for (slot, local) in &arm.binds {
                let bound = match value {
                    Value::Record(record) => record.slots.get(*slot as usize).cloned(),
                    _ => None,
                };
                self.set(*local, bound.ok_or_else(|| unmatched(value))?)?;
            }
            match &arm.guard {
                Some(guard) if !self.test(guard)? => continue,
                _ => return Ok(Some(arm)),
            }
        }
        Ok(None)
    }

    #[inline(never)]
    fn is(&mut self, of: &Expr, variant: &TypeName, first: First) -> Result<Value, Error> {
        if first.is_none()
            && let Some(value) = self.peek(of)
        {
            return Ok(Value::Bool(is_variant(value, variant)));
        }
        self.first(of, first).map(|value| Value::Bool(is_variant(&value, variant)))
    }
}

/// Runs a row on values of which there are as many as it takes.
#[inline]
pub(crate) fn apply(env: &Env<'_>, overload: &Overload, args: &[&Value]) -> Result<Value, Error> {
    match args {
        [left, right] => binary(env, overload, left, right),
        args => (overload.eval)(env, args),
    }
}

#[inline]
fn binary(env: &Env<'_>, overload: &Overload, left: &Value, right: &Value) -> Result<Value, Error> {
    match quick::apply(overload.quick, left, right) {
        Some(value) => Ok(value),
        None => (overload.eval)(env, &[left, right]),
    }
}

/// Returns the child that is evaluated first, of a node that can go on from its result.
pub(crate) fn first_child(expr: &Expr) -> Option<&Expr> {
    match expr {
        Expr::Call { args, .. } => args.first(),
        Expr::Field { of, .. }
        | Expr::Index { of, .. }
        | Expr::Has { of, .. }
        | Expr::Is { of, .. }
        | Expr::Cast { of, .. }
        | Expr::Widen { of, .. }
        | Expr::Enum { of, .. }
        | Expr::Update { of, .. }
        | Expr::Macro { over: of, .. }
        | Expr::And(of, _)
        | Expr::Or(of, _) => Some(of),
        _ => None,
    }
}

#[inline]
pub(crate) fn overload(function: &Function) -> Option<&'static Overload> {
    if let Some(overload) = functions::at_row(function.row()) {
        return Some(overload);
    }
    let row = functions::row_of(function.id())?;
    function.remember(row);
    functions::at_row(row)
}

pub(crate) fn is_variant(value: &Value, variant: &TypeName) -> bool {
    matches!(value, Value::Record(record) if record.shape.name.as_ref() == Some(variant))
}

#[cold]
pub(crate) fn no_bool(value: &Value) -> Error {
    Error::value(format!("{} is no bool", values::brief(value)))
}

#[cold]
fn unmatched(value: &Value) -> Error {
    Error::value(format!("no arm for {}", values::brief(value)))
}

#[cold]
fn failure(kind: &str, message: &str) -> Error {
    match kind {
        "bad_shape" => Error::shape(message),
        "exhausted" => Error::exhausted(message),
        _ => Error::value(message),
    }
}

/// Returns the key that a value is, or says that it is none.
pub(crate) fn key(meter: &crate::Meter, value: &Value) -> Result<Key, Error> {
    values::hashed(meter, value)?;
    Key::exact(value).ok_or_else(|| Error::value(format!("{} is no key of a map", values::brief(value))))
}
