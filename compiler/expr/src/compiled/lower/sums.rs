//! Sums and products of ints. Where all parts of a longer one are small enough that nothing in it can overflow, which is
//! found out at once for all of them, it is computed without a test after each operation.

use cranelift_codegen::ir::{Block, InstBuilder, Value as V, types};

use flow_ir::{Expr, Value};

use super::calls::{Op, op};
use super::operand::Operand;
use super::{Lower, Tag, Unfit};
use crate::interpreter;

/// From so many operations on.
const OPERATIONS_MIN: usize = 6;

/// Parts are small if they lie within ± 2 to one of these: the largest that fits.
const BITS: [u32; 6] = [44, 40, 36, 32, 28, 24];

/// What a sum is, apart from its parts.
struct Measure {
    operations: usize,
    /// The largest result of an operation.
    largest: f64,
}

impl<'a> Lower<'a, '_> {
    /// Writes a sum or product of many parts that are paths or constants; `None` if it is another expression.
    pub(super) fn sum(&mut self, expr: &'a Expr, error: Block) -> Result<Option<Operand<'a>>, Unfit> {
        if operation(expr).is_none() || self.plain.contains(&std::ptr::from_ref(expr)) {
            return Ok(None);
        }
        let fitting = BITS.into_iter().find(|bits| {
            let mut measure = Measure { operations: 0, largest: 0.0 };
            let bound = 2_f64.powi(*bits as i32);
            magnitude(expr, bound, &mut measure).is_some()
                && measure.operations >= OPERATIONS_MIN
                // Far enough from the end that no rounding of these estimates matters.
                && measure.largest < 2_f64.powi(62)
        });
        let Some(bits) = fitting else {
            // Neither does what it consists of: it isn't asked again at each of its operations.
            let mut open = vec![expr];
            while let Some(expr) = open.pop() {
                if let Some((_, left, right)) = operation(expr) {
                    self.plain.insert(std::ptr::from_ref(expr));
                    open.extend([left, right]);
                }
            }
            return Ok(None);
        };
        let mut parts = Vec::new();
        self.parts(expr, &mut parts, error)?;
        let mut distinct: Vec<V> =
            parts.iter().filter_map(|(part, constant)| (!constant).then_some(*part)).collect();
        distinct.sort_unstable();
        distinct.dedup();
        let mut shifted: Option<V> = None;
        for part in distinct {
            let part = self.b.ins().iadd_imm_s(part, 1_i64 << bits);
            shifted = Some(match shifted {
                None => part,
                Some(others) => self.b.ins().bor(others, part),
            });
        }
        let (fast, slow, join) = (self.block(), self.cold(), self.block());
        let result = self.b.append_block_param(join, types::I64);
        match shifted {
            Some(shifted) => {
                let above = self.b.ins().ushr_imm_u(shifted, i64::from(bits + 1));
                self.b.ins().brif(above, slow, &[], fast, &[]);
            }
            None => {
                self.b.ins().jump(fast, &[]);
            }
        }
        self.b.switch_to_block(fast);
        let sum = self.computed(expr, &mut parts.iter().map(|(part, _)| *part), None)?;
        self.b.ins().jump(join, &[sum.into()]);
        if shifted.is_some() {
            self.b.switch_to_block(slow);
            let sum = self.computed(expr, &mut parts.iter().map(|(part, _)| *part), Some(error))?;
            self.b.ins().jump(join, &[sum.into()]);
        }
        self.b.switch_to_block(join);
        Ok(Some(Operand::Scalar(Tag::Int, result)))
    }

    /// Loads the parts, in order; with each whether it is a constant.
    fn parts(&mut self, expr: &'a Expr, parts: &mut Vec<(V, bool)>, error: Block) -> Result<(), Unfit> {
        match operation(expr) {
            Some((_, left, right)) => {
                self.nodes += 1;
                self.parts(left, parts, error)?;
                self.parts(right, parts, error)
            }
            None => {
                let operand = self.expr(expr, error)?;
                let leave = self.leave;
                let part = self.scalar(operand, Tag::Int, leave);
                parts.push((part, matches!(expr, Expr::Const(_))));
                Ok(())
            }
        }
    }

    /// Computes; with a place for errors each operation is tested.
    fn computed(
        &mut self,
        expr: &'a Expr,
        parts: &mut impl Iterator<Item = V>,
        error: Option<Block>,
    ) -> Result<V, Unfit> {
        let Some((op, left, right)) = operation(expr) else { return parts.next().ok_or(Unfit) };
        let left = self.computed(left, parts, error)?;
        let right = self.computed(right, parts, error)?;
        Ok(match (op, error) {
            (op, Some(error)) => self.arithmetic(op, Tag::Int, left, right, error),
            (Op::Add(_), None) => self.b.ins().iadd(left, right),
            (Op::Subtract(_), None) => self.b.ins().isub(left, right),
            _ => self.b.ins().imul(left, right),
        })
    }
}

/// A sum, difference or product of ints.
fn operation(expr: &Expr) -> Option<(Op, &Expr, &Expr)> {
    let Expr::Call { function, args } = expr else { return None };
    let [left, right] = &args[..] else { return None };
    let op = op(interpreter::overload(function)?.id)?;
    matches!(op, Op::Add(Tag::Int) | Op::Subtract(Tag::Int) | Op::Multiply(Tag::Int))
        .then_some((op, left, right))
}

/// Returns how large an expression can be if no path in it is larger than `bound`; `None` if it has other parts.
fn magnitude(expr: &Expr, bound: f64, measure: &mut Measure) -> Option<f64> {
    if let Some((op, left, right)) = operation(expr) {
        let left = magnitude(left, bound, measure)?;
        let right = magnitude(right, bound, measure)?;
        let result = if op == Op::Multiply(Tag::Int) { left * right } else { left + right };
        measure.operations += 1;
        measure.largest = measure.largest.max(result);
        return Some(result);
    }
    match expr {
        Expr::Const(Value::Int(number)) => Some(number.unsigned_abs() as f64),
        Expr::Slot(_) | Expr::Local(_) => Some(bound),
        _ => None,
    }
}
