//! Evaluating checked expressions.

use flow_expr::{Env, Error, Meter, eval};
use flow_ir::{Expr, TypeDefs, Value};

/// An expression, and what it reads.
#[derive(Debug)]
pub struct Work {
    pub expr: Expr,
    /// A value for each slot that has one.
    pub frame: Vec<Option<Value>>,
}

/// Evaluates expressions, each with a meter of its own.
pub fn all(work: &[Work]) -> Vec<Result<Value, Error>> {
    let types = TypeDefs::default();
    work.iter()
        .map(|work| {
            let meter = Meter::default();
            let env = Env { frame: &work.frame, ..Env::bare(&types, &meter) };
            eval(&work.expr, &env)
        })
        .collect()
}
