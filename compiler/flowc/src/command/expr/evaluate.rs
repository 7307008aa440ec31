//! Evaluating checked expressions.

use flow_expr::compiled::{BackEnd, Program, Unit};
use flow_expr::{Env, Error, Meter, eval};
use flow_ir::{Expr, Type, TypeDefs, Value};

/// An expression, and what it reads.
#[derive(Debug)]
pub struct Work {
    pub expr: Expr,
    /// A value for each slot that has one.
    pub frame: Vec<Option<Value>>,
    /// The type of each slot.
    pub slots: Vec<Type>,
}

/// What came of it.
#[derive(Debug)]
pub struct Done {
    pub result: Result<Value, Error>,
    pub back_end: BackEnd,
}

/// Evaluates expressions, each with a meter of its own: as one program of machine code, unless `interpret`. Where there can
/// be no machine code they are interpreted, and so is what is left out of it.
pub fn all(work: &[Work], interpret: bool) -> Vec<Done> {
    let types = TypeDefs::default();
    let units: Vec<Unit<'_>> =
        work.iter().map(|work| Unit { expr: &work.expr, slots: &work.slots }).collect();
    let program = if interpret { None } else { Program::compile(&units, &[], &types).ok() };
    work.iter()
        .enumerate()
        .map(|(unit, work)| {
            let meter = Meter::default();
            let env = Env { frame: &work.frame, ..Env::bare(&types, &meter) };
            let (result, back_end) = match &program {
                Some(program) => program.eval(unit, &work.expr, &env),
                None => (eval(&work.expr, &env), BackEnd::Interpreted),
            };
            Done { result, back_end }
        })
        .collect()
}
