//! Which back end computes the expressions of a plan: the interpreter until the plan is hot, then machine code.
//!
//! Compiling costs about as much as some hundred evaluations by the interpreter, so a plan that computes little is never
//! compiled, and one that computes much pays at most twice. A plan is compiled as one unit, where its expressions stand.

use std::cell::Cell;
use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, OnceLock};

use flow_ir::plan::Plan;
use flow_ir::types::{Type, Where};
use flow_ir::{Expr, Value};

use crate::compiled::{BackEnd, Program, Unit};
use crate::{Env, Error, eval};

/// A plan isn't looked at before it has had so much work.
const WARM: u64 = 4_096;
/// It is hot once it has had so much work for each of its expressions: about what compiling one of them costs.
const HOT_PER_EXPRESSION: u64 = 400;
/// So many units of the meter are as much work as an evaluation of a small expression.
const UNITS_PER_WORK: u64 = 16;

/// A plan whose expressions are computed, and what was made of them. Runs of the same plan share it.
pub struct Hot {
    /// The addresses below are of its expressions, so it must live as long.
    plan: Arc<Plan>,
    /// Evaluations, and larger ones as several.
    work: AtomicU64,
    /// At how much work is looked again.
    look_at: AtomicU64,
    code: OnceLock<Option<Code>>,
}

/// Counts how often each back end has computed an expression.
#[derive(Debug, Default)]
pub struct Counter {
    compiled: Cell<u64>,
    interpreted: Cell<u64>,
}

impl Counter {
    /// Counts one more.
    #[inline]
    pub fn count(&self, by: BackEnd) {
        let of = match by {
            BackEnd::Compiled => &self.compiled,
            BackEnd::Interpreted => &self.interpreted,
        };
        of.set(of.get() + 1);
    }

    /// Returns how often as machine code.
    pub fn compiled(&self) -> u64 {
        self.compiled.get()
    }

    /// Returns how often by the interpreter.
    pub fn interpreted(&self) -> u64 {
        self.interpreted.get()
    }
}

struct Code {
    program: Program,
    units: HashMap<usize, usize, BuildHasherDefault<AddressHasher>>,
}

impl Hot {
    /// Returns a plan that is cold.
    pub fn new(plan: Arc<Plan>) -> Hot {
        Hot { plan, work: AtomicU64::new(0), look_at: AtomicU64::new(WARM), code: OnceLock::new() }
    }

    /// Returns the plan. Only expressions of it, not of a copy, are found.
    pub fn plan(&self) -> &Arc<Plan> {
        &self.plan
    }

    /// Whether there is machine code.
    pub fn is_compiled(&self) -> bool {
        matches!(self.code.get(), Some(Some(_)))
    }

    /// Computes an expression of the plan, and tells which back end did.
    pub fn eval(&self, expr: &Expr, env: &Env<'_>) -> (Result<Value, Error>, BackEnd) {
        match self.code.get() {
            Some(Some(code)) => match code.units.get(&address(expr)) {
                Some(unit) => code.program.eval(*unit, expr, env),
                None => (eval(expr, env), BackEnd::Interpreted),
            },
            Some(None) => (eval(expr, env), BackEnd::Interpreted),
            None => {
                let before = env.meter.left();
                let result = eval(expr, env);
                self.heat(1 + (before - env.meter.left()) / UNITS_PER_WORK);
                (result, BackEnd::Interpreted)
            }
        }
    }

    /// Computes a condition of the plan, and tells which back end did.
    pub fn test(&self, expr: &Expr, env: &Env<'_>) -> (Result<bool, Error>, BackEnd) {
        if let Some(Some(code)) = self.code.get()
            && let Some(unit) = code.units.get(&address(expr))
        {
            return code.program.test(*unit, expr, env);
        }
        let (result, by) = self.eval(expr, env);
        let result = result.and_then(|value| match value {
            Value::Bool(value) => Ok(value),
            _ => Err(Error::value("a condition is neither true nor false")),
        });
        (result, by)
    }

    /// Notes work of the interpreter; compiles once there was enough.
    fn heat(&self, work: u64) {
        let work = self.work.fetch_add(work, Relaxed) + work;
        if work >= self.look_at.load(Relaxed) {
            self.look(work);
        }
    }

    #[cold]
    fn look(&self, work: u64) {
        let mut count = 0;
        self.units(&mut |_, _| count += 1);
        let enough = WARM.max(HOT_PER_EXPRESSION * count);
        self.look_at.store(enough, Relaxed);
        if work >= enough {
            self.compile();
        }
    }

    /// Compiles the plan now, however cold it is. Returns whether there is machine code: not where the machine refuses
    /// executable memory.
    pub fn compile(&self) -> bool {
        self.code.get_or_init(|| self.compiled()).is_some()
    }

    fn compiled(&self) -> Option<Code> {
        let mut found: Vec<(*const Expr, Vec<Type>)> = Vec::new();
        let mut exprs: Vec<&Expr> = Vec::new();
        self.units(&mut |expr, slots| {
            found.push((expr, slots.to_vec()));
            exprs.push(expr);
        });
        let units: Vec<Unit<'_>> =
            exprs.iter().zip(&found).map(|(expr, (_, slots))| Unit { expr, slots }).collect();
        let program = Program::compile(&units, &self.plan.codes, &self.plan.types).ok()?;
        let units = exprs.iter().enumerate().map(|(unit, expr)| (address(expr), unit)).collect();
        Some(Code { program, units })
    }

    /// Visits what is compiled: expressions of flows and nodes, and the rules of types. Constants are told apart by
    /// whoever computes them.
    fn units<'a>(&'a self, visit: &mut dyn FnMut(&'a Expr, &[Type])) {
        self.plan.expressions(&mut |expr, slots| {
            if !matches!(expr, Expr::Const(_)) {
                visit(expr, slots);
            }
        });
        self.plan.rules(&mut |rule: &'a Where, slots| visit(&rule.rule, slots));
    }
}

impl std::fmt::Debug for Hot {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(out, "Hot({}, {} units of work)", self.plan.entry, self.work.load(Relaxed))
    }
}

fn address(expr: &Expr) -> usize {
    std::ptr::from_ref(expr).addr()
}

/// Addresses are spread well enough by one multiplication, and nobody from outside chooses them.
#[derive(Default)]
struct AddressHasher(u64);

impl Hasher for AddressHasher {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        bytes.iter().for_each(|byte| self.write_usize(usize::from(*byte)));
    }

    fn write_usize(&mut self, address: usize) {
        self.0 = (self.0 ^ address as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15).rotate_left(29);
    }
}
