//! Templates.

use cranelift_codegen::ir::{Block, InstBuilder, Value as V};

use flow_ir::Expr;
use flow_ir::expr::Piece;

use super::operand::{Operand, Place};
use super::{Lower, Site, Tag, Unfit, at};
use crate::compiled::machine::Helper;

impl<'a> Lower<'a, '_> {
    pub(super) fn template(&mut self, pieces: &'a [Piece], error: Block) -> Result<Operand<'a>, Unfit> {
        self.helper(Helper::text(), &[], error);
        self.made += 1;
        let number = self.load(self.context, at::OUT);
        self.pieces(pieces, number, error)?;
        self.helper(Helper::told(), &[number], error);
        Ok(match self.made() {
            Operand::Cell(place) => Operand::Cell(Place { likely: Some(Tag::String), ..place }),
            other => other,
        })
    }

    fn pieces(&mut self, pieces: &'a [Piece], number: V, error: Block) -> Result<(), Unfit> {
        for piece in pieces {
            match piece {
                Piece::Text(text) => {
                    let site = self.site(Site::Text(text.clone()));
                    self.helper(Helper::put(), &[number, site], error);
                }
                Piece::Splice { value, ty } => {
                    let value = self.expr(value, error)?;
                    let value = self.argument(0, value, error)?;
                    let site = self.site(Site::Type { ty: ty.clone(), depth: self.interpreter_depth() });
                    self.helper(Helper::splice(), &[number, value, site], error);
                }
                Piece::For { over, index, item, body } => {
                    let mut vars = Vec::from_iter(*index);
                    vars.push(*item);
                    self.repeated(over, &vars, error, |lower, failed| lower.pieces(body, number, failed))?;
                }
                Piece::If { test, then, otherwise } => self.either(test, then, otherwise, number, error)?,
            }
        }
        Ok(())
    }

    fn either(
        &mut self,
        test: &'a Expr,
        then: &'a [Piece],
        otherwise: &'a [Piece],
        number: V,
        error: Block,
    ) -> Result<(), Unfit> {
        let (yes, no, join) = (self.block(), self.block(), self.block());
        self.branch(test, yes, no, error)?;
        for (block, pieces) in [(yes, then), (no, otherwise)] {
            self.b.switch_to_block(block);
            self.apart(|lower| lower.pieces(pieces, number, error))?;
            self.b.ins().jump(join, &[]);
        }
        self.b.switch_to_block(join);
        Ok(())
    }
}
