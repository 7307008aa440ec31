//! Constant folding.

use flow_ir::expr::{Code, LocalId, MatchArm, Piece};
use flow_ir::rewrite::children;
use flow_ir::{Expr, TypeDefs, Value};

use crate::{Env, Error, Meter, eval, values};

/// Folding may do so much work per expression; what needs more is left to the run.
const UNITS: u64 = 100_000;

/// A folded constant costs at most this much of the meter to walk: it is part of the plan.
const CONSTANT_UNITS: u64 = 4_096;

/// Evaluates a constant expression: what `const`, defaults and bounds are.
pub fn constant(expr: &Expr, codes: &[Code], types: &TypeDefs) -> Result<Value, Error> {
    let meter = Meter::default();
    eval(expr, &Env { codes, ..Env::bare(types, &meter) })
}

/// Replaces every part that depends on nothing by its value, or by the error that it is sure to be.
pub fn fold(mut expr: Expr, codes: &[Code], types: &TypeDefs) -> Expr {
    let folder = Folder { codes, types, meter: Meter::new(UNITS) };
    folder.fold(&mut expr);
    expr
}

struct Folder<'a> {
    codes: &'a [Code],
    types: &'a TypeDefs,
    meter: Meter,
}

impl Folder<'_> {
    fn fold(&self, expr: &mut Expr) {
        if matches!(expr, Expr::Const(_) | Expr::Slot(_) | Expr::Local(_) | Expr::Run(_) | Expr::Fail { .. })
        {
            return;
        }
        if is_closed(expr, &mut Vec::new()) {
            self.replace(expr);
            return;
        }
        if let Some(chosen) = chosen_branch(expr) {
            *expr = chosen;
            return self.fold(expr);
        }
        children(expr, &mut |child| self.fold(child));
        if let Some(chosen) = chosen_branch(expr) {
            *expr = chosen;
        }
    }

    fn replace(&self, expr: &mut Expr) {
        let env = Env { codes: self.codes, ..Env::bare(self.types, &self.meter) };
        match eval(expr, &env) {
            Ok(value) if is_small(&value) => *expr = Expr::Const(value),
            Err(error) if error.is_absorbed() => {
                *expr = Expr::Fail { kind: error.kind.name().into(), message: error.message };
            }
            _ => {}
        }
    }
}

fn is_small(value: &Value) -> bool {
    match value {
        Value::String(text) => text.len() as u64 <= CONSTANT_UNITS * 16,
        Value::Bytes(bytes) => bytes.len() as u64 <= CONSTANT_UNITS * 16,
        other => {
            let meter = Meter::new(CONSTANT_UNITS / 64);
            values::measure(other, &meter).is_ok()
        }
    }
}

/// Returns the branch that a constant test takes.
fn chosen_branch(expr: &mut Expr) -> Option<Expr> {
    match expr {
        Expr::If { test, then, otherwise } => match **test {
            Expr::Const(Value::Bool(true)) => Some(std::mem::replace(then, Expr::truth())),
            Expr::Const(Value::Bool(false)) => Some(std::mem::replace(otherwise, Expr::truth())),
            _ => None,
        },
        _ => None,
    }
}

/// Whether an expression reads no slot, nothing of the run and no variable from outside.
fn is_closed(expr: &Expr, bound: &mut Vec<LocalId>) -> bool {
    match expr {
        Expr::Slot(_) | Expr::Run(_) => return false,
        Expr::Local(local) => return bound.contains(local),
        Expr::Macro { vars, .. } => bound.extend(vars),
        Expr::Let { local, .. } => bound.push(*local),
        Expr::Match { local, arms, .. } => {
            bound.push(*local);
            bound.extend(arms.iter().flat_map(|arm: &MatchArm| arm.binds.iter().map(|(_, local)| *local)));
        }
        Expr::Template(pieces) => bind_pieces(pieces, bound),
        _ => {}
    }
    // Variables are numbered once per expression, so that a name bound anywhere in it is bound where it is read.
    let mut closed = true;
    expr.children(&mut |child| closed = closed && is_closed(child, bound));
    closed
}

fn bind_pieces(pieces: &[Piece], bound: &mut Vec<LocalId>) {
    for piece in pieces {
        match piece {
            Piece::For { index, item, body, .. } => {
                bound.extend(index);
                bound.push(*item);
                bind_pieces(body, bound);
            }
            Piece::If { then, otherwise, .. } => {
                bind_pieces(then, bound);
                bind_pieces(otherwise, bound);
            }
            Piece::Text(_) | Piece::Splice { .. } => {}
        }
    }
}
