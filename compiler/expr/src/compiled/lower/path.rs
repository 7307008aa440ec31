//! Slots, fields, indices and `has`.

use cranelift_codegen::ir::{Block, InstBuilder, condcodes::IntCC};

use flow_ir::expr::RunValue;
use flow_ir::{Expr, Name, Type, TypeName, Value};

use super::operand::{Operand, Place};
use super::{Lower, Site, Tag, Unfit, VALUE_BYTES, at, is_path, kinds};
use crate::compiled::machine::Helper;

impl<'a> Lower<'a, '_> {
    pub(super) fn run_value(&mut self, value: RunValue, error: Block) -> Result<Operand<'a>, Unfit> {
        let which = self.word(i64::from(value == RunValue::StartedAt));
        self.helper(Helper::run(), &[which], error);
        Ok(self.made())
    }

    pub(super) fn field(
        &mut self,
        of: &'a Expr,
        index: u32,
        optional: bool,
        error: Block,
    ) -> Result<Operand<'a>, Unfit> {
        let of = self.expr(of, error)?;
        self.field_of(of, index, optional, error)
    }

    pub(super) fn field_of(
        &mut self,
        of: Operand<'a>,
        index: u32,
        optional: bool,
        error: Block,
    ) -> Result<Operand<'a>, Unfit> {
        let Operand::Cell(place) = of else { return self.any_field(of, index, optional, error) };
        let is_record = place.tag.or(place.likely) == Some(Tag::Record);
        if optional || index > 1_000_000 || !is_record && place.likely.is_some() {
            return self.any_field(of, index, optional, error);
        }
        let ty = place.ty.and_then(|ty| kinds::field(ty, index, self.whole.types));
        let offset = index as i32 * VALUE_BYTES;
        if is_record {
            let leave = self.leave;
            let (slots, len) = self.slots_of(&place, leave);
            let is_outside = self.b.ins().icmp_imm_u(IntCC::UnsignedLessThanOrEqual, len, i64::from(index));
            self.leave_if(is_outside, leave);
            return Ok(Operand::Cell(self.typed(slots, offset, ty)));
        }
        // It may be an optional, behind which a field is an optional too.
        let other = self.cold();
        let direct = self.apart(|lower| {
            let (slots, len) = lower.slots_of(&place, other);
            let is_outside = lower.b.ins().icmp_imm_u(IntCC::UnsignedLessThanOrEqual, len, i64::from(index));
            lower.leave_if(is_outside, other);
            let field = lower.typed(slots, offset, ty);
            Ok(lower.land(Operand::Cell(field)))
        })?;
        self.b.switch_to_block(other);
        let slow = self.apart(|lower| {
            let operand = lower.any_field(of, index, optional, error)?;
            Ok(lower.land(operand))
        })?;
        let joined = self.join(vec![direct, slow], error)?;
        Ok(match joined {
            Operand::Cell(joined) => {
                let likely = ty.and_then(|ty| Tag::of_type(ty, self.whole.types));
                Operand::Cell(Place { ty, likely, ..joined })
            }
            other => other,
        })
    }

    fn any_field(
        &mut self,
        of: Operand<'a>,
        index: u32,
        optional: bool,
        error: Block,
    ) -> Result<Operand<'a>, Unfit> {
        let of = self.argument(0, of, error)?;
        let site = self.site(Site::Field { index, optional });
        self.helper(Helper::field(), &[of, site], error);
        Ok(self.made())
    }

    pub(super) fn index(
        &mut self,
        of: &'a Expr,
        key: &'a Expr,
        optional: bool,
        error: Block,
    ) -> Result<Operand<'a>, Unfit> {
        let of = self.expr(of, error)?;
        let (elements, values) = self.elements_of(&of);
        let element: Option<&'a Type> = values.or(elements);
        let key_value = match key {
            Expr::Const(value) => Some(value),
            _ => None,
        };
        if !optional && let Some(Value::String(_)) = key_value {
            let of = self.argument(0, of, error)?;
            let site = self.site(Site::Key(key_value.cloned().unwrap_or(Value::Null)));
            self.helper(Helper::key(), &[of, site], error);
            let at = self.borrowed();
            return Ok(Operand::Cell(self.typed(at, 0, element)));
        }
        let of = if is_path(key) { of } else { self.settled(of, error)? };
        let key = self.expr(key, error)?;
        if !optional && key.likely() == Some(Tag::Int) && of.likely() == Some(Tag::List) {
            let leave = self.leave;
            let (items, len) = self.items_of(of, leave);
            let index = self.scalar(key, Tag::Int, leave);
            // A negative one is a very large one.
            let is_outside = self.b.ins().icmp(IntCC::UnsignedGreaterThanOrEqual, index, len);
            self.leave_if(is_outside, error);
            let distance = self.b.ins().imul_imm_s(index, i64::from(VALUE_BYTES));
            let at = self.b.ins().iadd(items, distance);
            return Ok(Operand::Cell(self.typed(at, 0, elements)));
        }
        let of = self.argument(0, of, error)?;
        let key = self.argument(1, key, error)?;
        let flag = self.word(i64::from(optional));
        self.helper(Helper::index(), &[of, key, flag], error);
        let at = self.borrowed();
        let ty = element.filter(|_| !optional);
        Ok(Operand::Cell(self.typed(at, 0, ty)))
    }

    /// The address of what a helper found; it may have made it.
    fn borrowed(&mut self) -> cranelift_codegen::ir::Value {
        self.made += 1;
        self.load(self.context, at::OUT)
    }

    pub(super) fn has(&mut self, of: &'a Expr, key: &'a Name, error: Block) -> Result<Operand<'a>, Unfit> {
        let of = self.expr(of, error)?;
        let of = self.argument(0, of, error)?;
        let site = self.site(Site::Has(key.clone()));
        self.helper(Helper::has(), &[of, site], error);
        Ok(Operand::Scalar(Tag::Bool, self.flag()))
    }

    pub(super) fn is(
        &mut self,
        of: &'a Expr,
        variant: &'a TypeName,
        error: Block,
    ) -> Result<Operand<'a>, Unfit> {
        let of = self.expr(of, error)?;
        Ok(Operand::Scalar(Tag::Bool, self.is_variant(of, variant, error)?))
    }

    pub(super) fn is_variant(
        &mut self,
        of: Operand<'a>,
        variant: &'a TypeName,
        error: Block,
    ) -> Result<cranelift_codegen::ir::Value, Unfit> {
        let of = self.argument(0, of, error)?;
        let site = self.site(Site::Variant(variant.clone()));
        self.helper(Helper::is(), &[of, site], error);
        Ok(self.flag())
    }

    /// The bool that a helper left.
    pub(super) fn flag(&mut self) -> cranelift_codegen::ir::Value {
        let word = self.load(self.context, at::OUT);
        self.b.ins().ireduce(cranelift_codegen::ir::types::I8, word)
    }
}
