//! Machine code for expressions, by Cranelift.
//!
//! A program's expressions are compiled together, as one unit. Machine code says what an evaluation yields and what it
//! costs, exactly as the interpreter does; where it meets an error it leaves, the meter is set back, and the interpreter
//! runs once more to say what the error is. The same happens where a value isn't of its static type: types are hints, every
//! load stands behind a test of the value's tag. So no frame, however wrong, can make it read what isn't there.
//!
//! In: expressions, the types of their slots, the program's code and types. Out: a [`Program`]. It must not know steps or
//! engines, nor where its frames come from.

mod kinds;
mod lower;
mod machine;

use std::fmt;
use std::sync::Arc;

use flow_ir::expr::Code;
use flow_ir::{Expr, Type, TypeDefs, Value};

use crate::interpreter::{self, no_bool};
use crate::{Env, Error};
use kinds::Tag;
use machine::{Exit, Layout, Machinery, Memory, Routine, Site};

pub use machine::{Evaluator, Prepared, Scratch};

/// An expression, and the static types of the slots it reads; a missing one is unknown.
#[derive(Clone, Copy, Debug)]
pub struct Unit<'a> {
    /// The expression.
    pub expr: &'a Expr,
    /// The nth is slot n's.
    pub slots: &'a [Type],
}

/// What evaluated an expression.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BackEnd {
    /// Machine code; of an error the words are the interpreter's.
    Compiled,
    /// The interpreter: there is no machine code, or a value wasn't of its static type.
    Interpreted,
}

/// Why there is no machine code at all.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refused {
    /// What the machine said.
    pub message: String,
}

impl fmt::Display for Refused {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.message)
    }
}

impl std::error::Error for Refused {}

/// An expression that is left to the interpreter: too large, too deep, or not as the checker makes them.
#[derive(Clone, Copy, Debug)]
struct Unfit;

/// How machine code hands its result over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Returns {
    /// As its status.
    Test,
    /// A scalar's bits.
    Scalar(Tag),
    /// A copy of a value's words, of a path into the frame or a constant, which need not be measured.
    Path,
    /// A copy of a value's words.
    Cell,
    /// The address and number of values that make a list.
    Items,
}

/// The machine code of a program's expressions. Any number of threads may evaluate at once; dropping it frees its memory.
pub struct Program {
    units: Vec<Option<Routine>>,
    layout: &'static Layout,
    memory: Memory,
    /// What the code points at.
    _sites: Vec<Arc<Site>>,
    _constants: Vec<Arc<Value>>,
}

impl fmt::Debug for Program {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let compiled = self.units.iter().flatten().count();
        let mut out = out.debug_struct("Program");
        out.field("units", &self.units.len()).field("compiled", &compiled);
        out.field("code_bytes", &self.memory.bytes).finish_non_exhaustive()
    }
}

/// Whether this machine runs machine code, tried with an expression.
pub fn probe() -> Result<(), Refused> {
    let (types, meter) = (TypeDefs::default(), crate::Meter::default());
    let expr = Expr::Call { function: "equals".into(), args: vec![Expr::text("a"), Expr::text("a")] };
    let program = Program::compile(&[Unit { expr: &expr, slots: &[] }], &[], &types)?;
    match program.test(0, &expr, &Env::bare(&types, &meter)) {
        (Ok(true), BackEnd::Compiled) => Ok(()),
        _ => Err(Refused { message: String::from("machine code isn't as it should be here") }),
    }
}

impl Program {
    /// Compiles expressions. One that is too large or too deep is left to the interpreter; without executable memory, or on
    /// a machine that there is no code for, all are refused.
    pub fn compile(units: &[Unit<'_>], codes: &[Code], types: &TypeDefs) -> Result<Program, Refused> {
        let refused = |message: String| Refused { message };
        let layout =
            machine::layout().ok_or_else(|| refused("values lie in memory in an unknown way".into()))?;
        let mut machinery = Machinery::new().map_err(refused)?;
        let (mut sites, mut constants) = (Vec::new(), Vec::new());
        let mut made = Vec::with_capacity(units.len());
        for unit in units {
            let whole = lower::Whole { layout, codes, types, slots: unit.slots };
            made.push(lower::unit(unit.expr, whole, &mut machinery, &mut sites, &mut constants).ok());
        }
        let memory = machinery.finish().map_err(refused)?;
        let function = |unit: lower::Made| memory.function(unit.id, unit.returns, unit.reads, unit.makes);
        let units = made.into_iter().map(|unit| unit.map(function)).collect();
        Ok(Program { units, layout, memory, _sites: sites, _constants: constants })
    }

    /// Whether a unit has machine code.
    pub fn is_compiled(&self, unit: usize) -> bool {
        self.units.get(unit).is_some_and(Option::is_some)
    }

    /// Evaluates a unit, whose expression is the one it was compiled from; `env` has the codes and types of the program. The
    /// result is that of [`crate::eval`], and so is what the meter is charged.
    pub fn eval(&self, unit: usize, expr: &Expr, env: &Env<'_>) -> (Result<Value, Error>, BackEnd) {
        let left = env.meter.left();
        match self.routine(unit).map(|routine| routine.eval(env, self.layout)) {
            Some(Ok(value)) => (Ok(value), BackEnd::Compiled),
            Some(Err(exit)) => again(exit, left, env, || interpreter::eval(expr, env)),
            None => (interpreter::eval(expr, env), BackEnd::Interpreted),
        }
    }

    /// Evaluates a condition; a value that is no bool is an error.
    #[inline]
    pub fn test(&self, unit: usize, expr: &Expr, env: &Env<'_>) -> (Result<bool, Error>, BackEnd) {
        let left = env.meter.left();
        match self.routine(unit).map(|routine| routine.test(env, self.layout)) {
            Some(Ok(value)) => (Ok(value), BackEnd::Compiled),
            Some(Err(exit)) => again(exit, left, env, || test(expr, env)),
            None => (test(expr, env), BackEnd::Interpreted),
        }
    }

    /// Evaluates, and shows the elements of a list that a macro made without copying them, as long as the frame and the
    /// scratch memory stay as they are; any other result is shown as one value. Nothing is measured. `None`: machine code
    /// yields no value, [`Program::eval`] tells why; the meter is as it was.
    pub fn view<'s>(&self, unit: usize, env: &Env<'s>, scratch: &'s mut Scratch) -> Option<&'s [Value]> {
        let left = env.meter.left();
        let view = self.routine(unit)?.view(env, self.layout, scratch);
        view.map_err(|_| env.meter.set_back(left)).ok()
    }

    /// Returns a unit to be entered at once, with an [`Evaluator`]: for loops over many frames.
    pub fn prepare(&self, unit: usize) -> Option<Prepared<'_>> {
        self.routine(unit).map(Prepared::new)
    }

    /// Returns what machine code alone makes of an evaluation, for tests: `Ok`, or how it ended, with the meter as it was
    /// then.
    #[doc(hidden)]
    pub fn raw(&self, unit: usize, env: &Env<'_>) -> Option<Result<Value, String>> {
        let outcome = self.routine(unit)?.eval(env, self.layout);
        Some(outcome.map_err(|exit| format!("{exit:?}")))
    }

    /// Returns how many bytes of machine code it is.
    pub fn code_bytes(&self) -> usize {
        self.memory.bytes
    }

    #[inline]
    fn routine(&self, unit: usize) -> Option<&Routine> {
        self.units.get(unit)?.as_ref()
    }
}

fn test(expr: &Expr, env: &Env<'_>) -> Result<bool, Error> {
    match interpreter::eval(expr, env)? {
        Value::Bool(value) => Ok(value),
        other => Err(no_bool(&other)),
    }
}

/// Lets the interpreter say what machine code couldn't.
#[cold]
fn again<T>(
    exit: Exit,
    left: u64,
    env: &Env<'_>,
    interpret: impl FnOnce() -> Result<T, Error>,
) -> (Result<T, Error>, BackEnd) {
    // The work has been done once, and up to the limit: it is not done again.
    if exit == Exit::Exhausted {
        return (Err(env.meter.exhausted()), BackEnd::Compiled);
    }
    env.meter.set_back(left);
    let result = interpret();
    let back_end = match (exit, &result) {
        (Exit::Error | Exit::Fatal, Err(_)) => BackEnd::Compiled,
        _ => BackEnd::Interpreted,
    };
    (result, back_end)
}
