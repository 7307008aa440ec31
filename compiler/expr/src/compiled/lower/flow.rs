//! Conditions and choices.

use cranelift_codegen::ir::{Block, InstBuilder, types};

use flow_ir::expr::{LocalId, MacroOp, MatchArm, Pattern};
use flow_ir::{Expr, Type, Value};

use super::calls::{Op, op};
use super::operand::{Operand, Place};
use super::{Lower, Tag, Unfit};
use crate::interpreter;

impl<'a> Lower<'a, '_> {
    /// Whether an expression is written as a branch.
    pub(super) fn is_test(&self, expr: &Expr) -> bool {
        match expr {
            Expr::And(..) | Expr::Or(..) => true,
            Expr::Macro { op: MacroOp::All | MacroOp::Exists, .. } => true,
            Expr::Call { .. } => test_op(expr).is_some(),
            _ => false,
        }
    }

    /// Writes a condition as a value.
    pub(super) fn test_as_value(&mut self, expr: &'a Expr, error: Block) -> Result<Operand<'a>, Unfit> {
        let (yes, no, join) = (self.block(), self.block(), self.block());
        let result = self.b.append_block_param(join, types::I8);
        self.branch(expr, yes, no, error)?;
        for (block, value) in [(yes, 1), (no, 0)] {
            self.b.switch_to_block(block);
            let value = self.b.ins().iconst(types::I8, value);
            self.b.ins().jump(join, &[value.into()]);
        }
        self.b.switch_to_block(join);
        Ok(Operand::Scalar(Tag::Bool, result))
    }

    /// Goes to `yes` or `no`, or to `error`: also if the condition is no bool.
    pub(super) fn branch(
        &mut self,
        expr: &'a Expr,
        yes: Block,
        no: Block,
        error: Block,
    ) -> Result<(), Unfit> {
        match expr {
            Expr::And(left, right) => return self.connect(left, right, false, (yes, no), error),
            Expr::Or(left, right) => return self.connect(left, right, true, (yes, no), error),
            Expr::Macro { op: op @ (MacroOp::All | MacroOp::Exists), over, vars, bodies } => {
                let [body] = &bodies[..] else { return Err(Unfit) };
                self.nodes += 1;
                return self.quantified(over, vars, body, *op == MacroOp::Exists, (yes, no), error);
            }
            _ => {}
        }
        let condition = match (test_op(expr), expr) {
            (Some(Op::Not), Expr::Call { args, .. }) => return self.branch(&args[0], no, yes, error),
            (Some(op), Expr::Call { args, .. }) => {
                self.nodes += 1;
                self.depth += 1;
                let operands = self.operands(args, error)?;
                self.depth -= 1;
                let &[left, right] = &operands[..] else { return Err(Unfit) };
                if let Op::Equal(same) = op
                    && self.branch_on_text(left, right, if same { (yes, no) } else { (no, yes) })?
                {
                    return Ok(());
                }
                self.compare(op, &[left, right], error)?
            }
            _ => {
                let operand = self.expr(expr, error)?;
                self.scalar(operand, Tag::Bool, error)
            }
        };
        self.b.ins().brif(condition, yes, &[], no, &[]);
        Ok(())
    }

    /// `&&` and `||`: either side decides, whatever the other's error.
    fn connect(
        &mut self,
        left: &'a Expr,
        right: &'a Expr,
        is_or: bool,
        (yes, no): (Block, Block),
        error: Block,
    ) -> Result<(), Unfit> {
        self.nodes += 1;
        let (goes_on, failed) = (self.block(), self.cold());
        let loaded = self.memo.len();
        match is_or {
            true => self.branch(left, yes, goes_on, failed)?,
            false => self.branch(left, goes_on, no, failed)?,
        }
        if !self.can_fail(failed) {
            self.b.switch_to_block(goes_on);
            return self.apart(|lower| lower.branch(right, yes, no, error));
        }
        // The right side is written once, and told whether the left one failed.
        self.memo.truncate(loaded);
        let again = self.block();
        let has_failed = self.b.append_block_param(again, types::I8);
        for (block, flag) in [(goes_on, 0), (failed, 1)] {
            self.b.switch_to_block(block);
            let flag = self.b.ins().iconst(types::I8, flag);
            self.b.ins().jump(again, &[flag.into()]);
        }
        self.b.switch_to_block(again);
        let undecided = self.block();
        self.apart(|lower| match is_or {
            true => lower.branch(right, yes, undecided, error),
            false => lower.branch(right, undecided, no, error),
        })?;
        self.b.switch_to_block(undecided);
        self.failing_at(error);
        self.b.ins().brif(has_failed, error, &[], if is_or { no } else { yes }, &[]);
        Ok(())
    }

    pub(super) fn choose(
        &mut self,
        test: &'a Expr,
        then: &'a Expr,
        otherwise: &'a Expr,
        error: Block,
    ) -> Result<Operand<'a>, Unfit> {
        let (yes, no) = (self.block(), self.block());
        self.branch(test, yes, no, error)?;
        let mut ways = Vec::with_capacity(2);
        for (block, expr) in [(yes, then), (no, otherwise)] {
            self.b.switch_to_block(block);
            ways.push(self.apart(|lower| {
                let operand = lower.expr(expr, error)?;
                Ok(lower.land(operand))
            })?);
        }
        self.join(ways, error)
    }

    /// `a ?? b`.
    pub(super) fn coalesce(
        &mut self,
        left: &'a Expr,
        right: &'a Expr,
        error: Block,
    ) -> Result<Operand<'a>, Unfit> {
        let left = self.expr(left, error)?;
        let Operand::Cell(_) = left else { return Ok(left) };
        let place = self.place(left, error)?;
        let layout = self.whole.layout;
        let (absent, present) = (self.block(), self.block());
        let is_null = self.has_tag(&place, Tag::Null);
        self.b.ins().brif(is_null, absent, &[], present, &[]);
        self.b.switch_to_block(present);
        let (optional, plain) = (self.block(), self.block());
        let is_optional = self.has_tag(&place, Tag::Optional);
        self.b.ins().brif(is_optional, optional, &[], plain, &[]);
        self.b.switch_to_block(plain);
        let ty: Option<&'a Type> = place.ty.map(|ty| match ty {
            Type::Nullable(of) | Type::Optional(of) => &**of,
            other => other,
        });
        let inner = self.typed(place.at, place.offset, ty);
        let plain = self.land(Operand::Cell(inner));
        self.b.switch_to_block(optional);
        let shared = self.load(place.at, place.offset + layout.optional_at);
        let some = self.block();
        self.b.ins().brif(shared, some, &[], absent, &[]);
        self.b.switch_to_block(some);
        let inner = self.typed(shared, layout.optional_data, ty);
        let some = self.land(Operand::Cell(inner));
        self.b.switch_to_block(absent);
        let other = self.apart(|lower| {
            let operand = lower.expr(right, error)?;
            Ok(lower.land(operand))
        })?;
        self.join(vec![plain, some, other], error)
    }

    pub(super) fn bind(
        &mut self,
        local: LocalId,
        value: &'a Expr,
        body: &'a Expr,
        error: Block,
    ) -> Result<Operand<'a>, Unfit> {
        let value = self.set(value, error)?;
        self.with(&[(local, value)], |lower| lower.expr(body, error))
    }

    /// What a variable is set to: there is a value.
    pub(super) fn set(&mut self, value: &'a Expr, error: Block) -> Result<Operand<'a>, Unfit> {
        match self.expr(value, error)? {
            cell @ Operand::Cell(_) => Ok(Operand::Cell(self.place(cell, error)?)),
            other => Ok(other),
        }
    }

    pub(super) fn matched(
        &mut self,
        value: &'a Expr,
        local: LocalId,
        arms: &'a [MatchArm],
        otherwise: Option<&'a Expr>,
        error: Block,
    ) -> Result<Operand<'a>, Unfit> {
        let value = self.set(value, error)?;
        let mut ways = Vec::with_capacity(arms.len() + 1);
        self.with(&[(local, value)], |lower| {
            for arm in arms {
                let (found, next) = (lower.block(), lower.block());
                for pattern in &arm.patterns {
                    let other = lower.block();
                    let fits = lower.apart(|lower| lower.fits(pattern, value, error))?;
                    lower.b.ins().brif(fits, found, &[], other, &[]);
                    lower.b.switch_to_block(other);
                }
                lower.b.ins().jump(next, &[]);
                lower.b.switch_to_block(found);
                let way = lower.apart(|lower| lower.arm(arm, value, next, error))?;
                ways.push(way);
                lower.b.switch_to_block(next);
            }
            let last = match otherwise {
                Some(otherwise) => lower.apart(|lower| lower.expr(otherwise, error))?,
                None => {
                    lower.jump_to(error);
                    Operand::Never
                }
            };
            let last = lower.land(last);
            ways.push(last);
            Ok(())
        })?;
        self.join(ways, error)
    }

    fn fits(
        &mut self,
        pattern: &'a Pattern,
        value: Operand<'a>,
        error: Block,
    ) -> Result<cranelift_codegen::ir::Value, Unfit> {
        match pattern {
            Pattern::Value(expected) => {
                let expected = self.constant(expected);
                self.equal(expected, value, error)
            }
            Pattern::Variant(variant) => self.is_variant(value, variant, error),
        }
    }

    /// An arm whose pattern fits; if its guard doesn't hold the next one's turn comes.
    fn arm(
        &mut self,
        arm: &'a MatchArm,
        value: Operand<'a>,
        next: Block,
        error: Block,
    ) -> Result<(Block, Operand<'a>), Unfit> {
        let mut bound = Vec::with_capacity(arm.binds.len());
        for (slot, local) in &arm.binds {
            let Operand::Cell(place) = value else { return Err(Unfit) };
            let record = Place { likely: Some(Tag::Record), ..place };
            bound.push((*local, self.field_of(Operand::Cell(record), *slot, false, error)?));
        }
        self.with(&bound, |lower| {
            if let Some(guard) = &arm.guard {
                let yes = lower.block();
                lower.branch(guard, yes, next, error)?;
                lower.b.switch_to_block(yes);
            }
            let operand = lower.expr(&arm.value, error)?;
            Ok(lower.land(operand))
        })
    }
}

/// The operator that an expression is written as a branch of.
pub(super) fn test_op(expr: &Expr) -> Option<Op> {
    let Expr::Call { function, args } = expr else { return None };
    let row = match interpreter::overload(function) {
        Some(row) => op(row.id).filter(|_| row.takes(args.len()))?,
        None if function.id() == "!_" && args.len() == 1 => Op::Not,
        None => return None,
    };
    matches!(row, Op::Order(..) | Op::Mixed(..) | Op::Equal(_) | Op::Not).then_some(row)
}

/// An optional that is absent.
pub(super) const ABSENT: &Value = &Value::Optional(None);
