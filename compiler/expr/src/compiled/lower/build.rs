//! Lists, maps, records and conversions.

use std::sync::Arc;

use cranelift_codegen::ir::{Block, InstBuilder, types};

use flow_ir::expr::{Entry, Item};
use flow_ir::value::{EnumShape, Shape};
use flow_ir::{Expr, Type};

use super::operand::{Operand, Place};
use super::{Lower, Site, Tag, Unfit, VALUE_BYTES, at};
use crate::compiled::machine::Helper;
use crate::env::VALUE_BYTES_MAX;

/// A list of more items, or a record of more slots, is left to the interpreter.
const ITEMS_MAX: usize = 1_000;

impl<'a> Lower<'a, '_> {
    /// Charges for a list or map of so many elements.
    fn charge_elements(&mut self, count: usize) -> Result<(), Unfit> {
        if count > VALUE_BYTES_MAX / 8 || count > ITEMS_MAX {
            return Err(Unfit);
        }
        self.charge(count as u64 + 1);
        Ok(())
    }

    /// Writes values one after the other on the stack.
    fn row_of(
        &mut self,
        exprs: impl ExactSizeIterator<Item = &'a Expr>,
        error: Block,
    ) -> Result<cranelift_codegen::ir::Value, Unfit> {
        let slot = self.stack(VALUE_BYTES as usize * exprs.len().max(1))?;
        let at = self.b.ins().stack_addr(types::I64, slot, 0);
        for (nth, expr) in exprs.enumerate() {
            let operand = self.expr(expr, error)?;
            self.store(operand, (at, nth as i32 * VALUE_BYTES), error)?;
        }
        Ok(at)
    }

    pub(super) fn list(&mut self, items: &'a [Item], error: Block) -> Result<Operand<'a>, Unfit> {
        self.charge_elements(items.len())?;
        let at = self.row_of(items.iter().map(|item| &item.value), error)?;
        let len = self.word(items.len() as i64);
        if items.iter().all(|item| !item.optional) {
            return Ok(Operand::Items { at, len, of: None, is_local: true });
        }
        let site = self.site(Site::Items(items.iter().map(|item| item.optional).collect()));
        self.helper(Helper::list_of_options(), &[at, len, site], error);
        Ok(self.made())
    }

    pub(super) fn map(&mut self, entries: &'a [Entry], error: Block) -> Result<Operand<'a>, Unfit> {
        self.charge_elements(entries.len())?;
        let count = self.word(entries.len() as i64);
        self.helper(Helper::map(), &[count], error);
        self.made += 1;
        let number = self.load(self.context, at::OUT);
        for entry in entries {
            match entry {
                Entry::Pair { key, value, optional } => {
                    let key = self.expr(key, error)?;
                    let key = self.argument(0, key, error)?;
                    self.helper(Helper::map_key(), &[number, key], error);
                    let value = self.expr(value, error)?;
                    let value = self.argument(0, value, error)?;
                    let optional = self.word(i64::from(*optional));
                    self.helper(Helper::map_value(), &[number, value, optional], error);
                }
                Entry::Spread(of) => {
                    let of = self.expr(of, error)?;
                    let of = self.argument(0, of, error)?;
                    self.helper(Helper::map_spread(), &[number, of], error);
                }
            }
        }
        let zero = self.word(0);
        self.helper(Helper::gathered(), &[number, zero], error);
        Ok(self.made())
    }

    pub(super) fn record(
        &mut self,
        shape: &'a Arc<Shape>,
        slots: &'a [Expr],
        error: Block,
    ) -> Result<Operand<'a>, Unfit> {
        self.charge_elements(slots.len())?;
        let at = self.row_of(slots.iter(), error)?;
        let len = self.word(slots.len() as i64);
        let site = self.site(Site::Record { shape: shape.clone(), depth: self.interpreter_depth() });
        self.helper(Helper::record(), &[at, len, site], error);
        Ok(self.made_record())
    }

    fn made_record(&mut self) -> Operand<'a> {
        match self.made() {
            Operand::Cell(place) => Operand::Cell(Place { likely: Some(Tag::Record), ..place }),
            other => other,
        }
    }

    pub(super) fn update(
        &mut self,
        of: &'a Expr,
        shape: &'a Arc<Shape>,
        slots: &'a [(u32, Expr)],
        error: Block,
    ) -> Result<Operand<'a>, Unfit> {
        if slots.len() > ITEMS_MAX {
            return Err(Unfit);
        }
        let of = self.expr(of, error)?;
        let of = self.place(of, error)?;
        let of = self.address(&of);
        let indices = slots.iter().map(|(index, _)| *index).collect();
        let site = self.site(Site::Update { shape: shape.clone(), indices, depth: self.interpreter_depth() });
        let zero = self.word(0);
        self.helper(Helper::update(), &[of, zero, site], error);
        let at = self.row_of(slots.iter().map(|(_, value)| value), error)?;
        self.helper(Helper::update(), &[of, at, site], error);
        Ok(self.made_record())
    }

    pub(super) fn enumerated(
        &mut self,
        shape: &'a Arc<EnumShape>,
        of: &'a Expr,
        error: Block,
    ) -> Result<Operand<'a>, Unfit> {
        let of = self.expr(of, error)?;
        let of = self.argument(0, of, error)?;
        let site = self.site(Site::Enum(shape.clone()));
        self.helper(Helper::enumerated(), &[of, site], error);
        Ok(self.made())
    }

    pub(super) fn cast(&mut self, of: &'a Expr, to: &'a Type, error: Block) -> Result<Operand<'a>, Unfit> {
        let of = self.expr(of, error)?;
        let of = self.argument(0, of, error)?;
        let site = self.site(Site::Type { ty: to.clone(), depth: self.interpreter_depth() });
        self.helper(Helper::cast(), &[of, site], error);
        Ok(self.made_of(to))
    }

    fn made_of(&mut self, ty: &'a Type) -> Operand<'a> {
        match self.made() {
            Operand::Cell(place) => Operand::Cell(self.typed(place.at, place.offset, Some(ty))),
            other => other,
        }
    }

    pub(super) fn widen(&mut self, of: &'a Expr, to: &'a Type, error: Block) -> Result<Operand<'a>, Unfit> {
        let of = self.expr(of, error)?;
        match (to, of) {
            (_, Operand::Never) => return Ok(of),
            (Type::Float(_), Operand::Scalar(Tag::Int, bits)) => {
                let bits = self.b.ins().fcvt_from_sint(types::F64, bits);
                return Ok(Operand::Scalar(Tag::Float, bits));
            }
            (Type::Json, Operand::Scalar(Tag::Bool | Tag::Int, _))
            | (Type::Bool, Operand::Scalar(..))
            | (Type::Int(_), Operand::Scalar(..))
            | (Type::Float(_), Operand::Scalar(Tag::Float, _)) => return Ok(of),
            (Type::Json, Operand::Cell(place)) if matches!(place.tag, Some(Tag::Null | Tag::String)) => {
                return Ok(of);
            }
            _ => {}
        }
        let of = self.argument(0, of, error)?;
        let site = self.site(Site::Type { ty: to.clone(), depth: self.interpreter_depth() });
        self.helper(Helper::widen(), &[of, site], error);
        Ok(self.made_of(to))
    }
}
