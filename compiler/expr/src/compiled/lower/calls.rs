//! Calls: operators in place where both sides are scalars, rows by a helper.

use cranelift_codegen::ir::condcodes::{FloatCC, IntCC};
use cranelift_codegen::ir::{Block, InstBuilder, MemFlagsData, Value as V, types};

use flow_ir::expr::Function;
use flow_ir::{Expr, Type, Value};

use super::operand::{Operand, Place};
use super::{DEPTH_MAX, Lower, Site, Tag, Unfit, at, extent, flags, is_path};
use crate::compiled::machine::Helper;
use crate::functions::{self, Overload};
use crate::interpreter;

/// A longer text is compared by a helper, which charges for it.
const TEXT_BYTES_MAX: usize = 64;

/// So many bytes of a constant text are compared in place.
const INLINE_BYTES_MAX: usize = 32;

/// A body of code of more nodes or nesting is called by the interpreter, and so is code inside of code inside of code.
const CODE_NODES_MAX: usize = 2_000;
pub(super) const CODE_NESTING_MAX: usize = 200;
pub(super) const CODE_CALLS_MAX: usize = 4;

/// An operator that is done in place, and the kind of its operands.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum Op {
    /// By how two ints compare; floats likewise.
    Order(IntCC, Tag),
    /// Of an int and a float, compared as floats.
    Mixed(IntCC, Tag, Tag),
    /// `==`, or `!=`.
    Equal(bool),
    Add(Tag),
    Subtract(Tag),
    Multiply(Tag),
    Divide(Tag),
    Remainder(Tag),
    Negate(Tag),
    Not,
    /// The number of a list's elements.
    Size,
}

/// Returns what a row does in place.
pub(super) fn op(id: &str) -> Option<Op> {
    match id {
        "equals" => return Some(Op::Equal(true)),
        "not_equals" => return Some(Op::Equal(false)),
        "not" => return Some(Op::Not),
        "size_list" => return Some(Op::Size),
        _ => {}
    }
    const ORDERS: [(&str, IntCC); 4] = [
        ("less_equal_", IntCC::SignedLessThanOrEqual),
        ("less_", IntCC::SignedLessThan),
        ("greater_equal_", IntCC::SignedGreaterThanOrEqual),
        ("greater_", IntCC::SignedGreaterThan),
    ];
    if let Some((kind, order)) =
        ORDERS.iter().find_map(|(name, order)| Some((id.strip_prefix(name)?, *order)))
    {
        return Some(match kind {
            "int_float" => Op::Mixed(order, Tag::Int, Tag::Float),
            "float_int" => Op::Mixed(order, Tag::Float, Tag::Int),
            kind => Op::Order(order, scalar(kind)?),
        });
    }
    let (name, kind) = id.split_once('_')?;
    let kind = scalar(kind)?;
    Some(match (name, kind) {
        (_, Tag::Bool) => return None,
        ("add", kind) => Op::Add(kind),
        ("subtract", kind) => Op::Subtract(kind),
        ("negate", kind) => Op::Negate(kind),
        (_, Tag::Duration) => return None,
        ("multiply", kind) => Op::Multiply(kind),
        ("divide", kind) => Op::Divide(kind),
        ("remainder", kind @ (Tag::Int | Tag::Uint)) => Op::Remainder(kind),
        _ => return None,
    })
}

fn scalar(kind: &str) -> Option<Tag> {
    Some(match kind {
        "int" => Tag::Int,
        "uint" => Tag::Uint,
        "float" => Tag::Float,
        "bool" => Tag::Bool,
        "duration" => Tag::Duration,
        _ => return None,
    })
}

fn of_floats(order: IntCC) -> FloatCC {
    match order {
        IntCC::Equal => FloatCC::Equal,
        IntCC::NotEqual => FloatCC::NotEqual,
        IntCC::SignedLessThan => FloatCC::LessThan,
        IntCC::SignedLessThanOrEqual => FloatCC::LessThanOrEqual,
        IntCC::SignedGreaterThan => FloatCC::GreaterThan,
        _ => FloatCC::GreaterThanOrEqual,
    }
}

/// A value of a kind, to ask which row takes it.
fn sample(tag: Tag) -> Value {
    match tag {
        Tag::Bool => Value::Bool(false),
        Tag::Int => Value::Int(0),
        Tag::Uint => Value::Uint(0),
        Tag::Float => Value::Float(0.0),
        Tag::Duration => Value::Duration(0),
        _ => Value::Null,
    }
}

/// The scalar that all rows of a name return.
fn common_scalar(name: &str, count: usize) -> Option<Tag> {
    let mut rows = functions::rows(name).filter(|row| row.takes(count));
    let tag = Tag::of_sig(&rows.next()?.result).filter(|tag| tag.is_scalar())?;
    rows.all(|row| Tag::of_sig(&row.result) == Some(tag)).then_some(tag)
}

impl<'a> Lower<'a, '_> {
    pub(super) fn call(
        &mut self,
        function: &'a Function,
        args: &'a [Expr],
        error: Block,
    ) -> Result<Operand<'a>, Unfit> {
        let row = interpreter::overload(function);
        if row.is_some_and(|row| !row.takes(args.len())) {
            return Err(Unfit);
        }
        let operands = self.operands(args, error)?;
        if operands.iter().any(|operand| matches!(operand, Operand::Never)) {
            return Ok(Operand::Never);
        }
        match row {
            Some(row) => self.row(row, &operands, error),
            None => self.named(function, &operands, error),
        }
    }

    /// Evaluates arguments. A slot without a value is noticed before what follows it is evaluated and charged for.
    pub(super) fn operands(&mut self, args: &'a [Expr], error: Block) -> Result<Vec<Operand<'a>>, Unfit> {
        let mut operands = Vec::with_capacity(args.len());
        for (index, arg) in args.iter().enumerate() {
            let operand = self.expr(arg, error)?;
            let is_followed = args[index + 1..].iter().any(|arg| !is_path(arg));
            operands.push(if is_followed { self.settled(operand, error)? } else { operand });
        }
        Ok(operands)
    }

    /// An operand that is sure to have a value.
    pub(super) fn settled(&mut self, operand: Operand<'a>, error: Block) -> Result<Operand<'a>, Unfit> {
        let Operand::Cell(place) = operand else { return Ok(operand) };
        if !place.may_be_none {
            return Ok(operand);
        }
        match place.likely.filter(|tag| tag.is_scalar()) {
            Some(tag) => {
                let leave = self.leave;
                Ok(Operand::Scalar(tag, self.scalar(operand, tag, leave)))
            }
            None => Ok(Operand::Cell(self.place(operand, error)?)),
        }
    }

    fn row(
        &mut self,
        row: &'static Overload,
        operands: &[Operand<'a>],
        error: Block,
    ) -> Result<Operand<'a>, Unfit> {
        if let Some(op) = op(row.id) {
            return self.apply(op, operands, error);
        }
        let values = self.arguments(operands, error)?;
        let result = Tag::of_sig(&row.result);
        let want = result.filter(|tag| tag.is_scalar());
        let site = self.site(Site::Row { row, count: operands.len(), want });
        self.helper(Helper::row(), &[site, values], error);
        Ok(self.result(want, result))
    }

    /// What a helper left: a scalar's bits or a value.
    fn result(&mut self, want: Option<Tag>, likely: Option<Tag>) -> Operand<'a> {
        match want {
            Some(Tag::Bool) => Operand::Scalar(Tag::Bool, self.flag()),
            Some(Tag::Float) => {
                let bits = self.b.ins().load(types::F64, flags(), self.context, at::OUT);
                Operand::Scalar(Tag::Float, bits)
            }
            Some(tag) => Operand::Scalar(tag, self.load(self.context, at::OUT)),
            None => match self.made() {
                Operand::Cell(place) => Operand::Cell(Place { likely, ..place }),
                other => other,
            },
        }
    }

    /// A function that the values choose.
    fn named(
        &mut self,
        function: &'a Function,
        operands: &[Operand<'a>],
        error: Block,
    ) -> Result<Operand<'a>, Unfit> {
        let name = function.id().as_str();
        let tags: Option<Vec<Tag>> = operands
            .iter()
            .map(|operand| match operand {
                Operand::Scalar(tag, _) => Some(*tag),
                _ => None,
            })
            .collect();
        // All kinds are known: so is the row.
        if let Some(tags) = &tags {
            let samples: Vec<Value> = tags.iter().map(|tag| sample(*tag)).collect();
            if let Some(row) = functions::row_for(name, &samples.iter().collect::<Vec<_>>()) {
                return self.row(row, operands, error);
            }
        }
        if let ("_==_" | "_!=_", &[left, right]) = (name, operands) {
            let same = self.equal(left, right, error)?;
            return Ok(Operand::Scalar(Tag::Bool, self.negated(same, name == "_!=_")));
        }
        if let [left, right] = operands
            && let Some(fast) = self.guessed(name, *left, *right)
        {
            return self.dynamic(function, fast, operands, error);
        }
        self.by_name(function, operands, error)
    }

    fn by_name(
        &mut self,
        function: &'a Function,
        operands: &[Operand<'a>],
        error: Block,
    ) -> Result<Operand<'a>, Unfit> {
        let values = self.arguments(operands, error)?;
        let want = common_scalar(function.id(), operands.len());
        let site = self.site(Site::Name { id: function.id().clone(), count: operands.len(), want });
        self.helper(Helper::name(), &[site, values], error);
        Ok(self.result(want, None))
    }

    /// The operator in place that two values, not both known, probably choose.
    fn guessed(&self, name: &str, left: Operand<'a>, right: Operand<'a>) -> Option<Op> {
        let known = |operand: Operand<'a>| operand.likely().filter(|tag| tag.is_scalar());
        let is_scalar = |operand: Operand<'a>| operand.likely().is_none_or(Tag::is_scalar);
        if !is_scalar(left) || !is_scalar(right) {
            return None;
        }
        let kind = known(left).or(known(right)).unwrap_or(Tag::Int);
        let sample = sample(kind);
        op(functions::row_for(name, &[&sample, &sample])?.id)
            .filter(|op| matches!(op, Op::Order(..) | Op::Add(_) | Op::Subtract(_) | Op::Multiply(_)))
    }

    /// An operator in place if the values are of the expected kind, else the function by its name.
    fn dynamic(
        &mut self,
        function: &'a Function,
        fast: Op,
        operands: &[Operand<'a>],
        error: Block,
    ) -> Result<Operand<'a>, Unfit> {
        let (Op::Order(_, kind) | Op::Add(kind) | Op::Subtract(kind) | Op::Multiply(kind)) = fast else {
            return self.by_name(function, operands, error);
        };
        let slow = self.cold();
        let direct = self.apart(|lower| {
            let mut bits = Vec::new();
            for operand in operands {
                let word = lower.scalar(*operand, kind, slow);
                bits.push(Operand::Scalar(kind, word));
            }
            let result = lower.apply(fast, &bits, error)?;
            Ok(lower.land(result))
        })?;
        self.b.switch_to_block(slow);
        let slow = self.apart(|lower| {
            let result = lower.by_name(function, operands, error)?;
            Ok(lower.land(result))
        })?;
        self.join(vec![direct, slow], error)
    }

    /// Does an operator in place.
    fn apply(&mut self, op: Op, operands: &[Operand<'a>], error: Block) -> Result<Operand<'a>, Unfit> {
        let leave = self.leave;
        let bool_of = |value| Ok(Operand::Scalar(Tag::Bool, value));
        match (op, operands) {
            (Op::Order(..) | Op::Mixed(..) | Op::Equal(_) | Op::Not, _) => {
                let result = self.compare(op, operands, error)?;
                bool_of(result)
            }
            (Op::Negate(tag), &[of]) => {
                let bits = self.scalar(of, tag, leave);
                if tag == Tag::Float {
                    return Ok(Operand::Scalar(tag, self.b.ins().fneg(bits)));
                }
                let is_least = self.b.ins().icmp_imm_s(IntCC::Equal, bits, i64::MIN);
                self.leave_if(is_least, error);
                Ok(Operand::Scalar(tag, self.b.ins().ineg(bits)))
            }
            (Op::Size, &[of]) => {
                let (_, len) = self.items_of(of, leave);
                Ok(Operand::Scalar(Tag::Int, len))
            }
            (
                Op::Add(tag) | Op::Subtract(tag) | Op::Multiply(tag) | Op::Divide(tag) | Op::Remainder(tag),
                &[left, right],
            ) => {
                let (left, right) = (self.scalar(left, tag, leave), self.scalar(right, tag, leave));
                Ok(Operand::Scalar(tag, self.arithmetic(op, tag, left, right, error)))
            }
            _ => Err(Unfit),
        }
    }

    pub(super) fn arithmetic(&mut self, op: Op, tag: Tag, left: V, right: V, error: Block) -> V {
        if tag == Tag::Float {
            return match op {
                Op::Add(_) => self.b.ins().fadd(left, right),
                Op::Subtract(_) => self.b.ins().fsub(left, right),
                Op::Multiply(_) => self.b.ins().fmul(left, right),
                _ => self.b.ins().fdiv(left, right),
            };
        }
        let is_uint = tag == Tag::Uint;
        let (result, overflow) = match (op, is_uint) {
            (Op::Add(_), false) => self.b.ins().sadd_overflow(left, right),
            (Op::Add(_), true) => self.b.ins().uadd_overflow(left, right),
            (Op::Subtract(_), false) => self.b.ins().ssub_overflow(left, right),
            (Op::Subtract(_), true) => self.b.ins().usub_overflow(left, right),
            (Op::Multiply(_), false) => self.b.ins().smul_overflow(left, right),
            (Op::Multiply(_), true) => self.b.ins().umul_overflow(left, right),
            _ => return self.division(op, is_uint, left, right, error),
        };
        self.leave_if(overflow, error);
        result
    }

    fn division(&mut self, op: Op, is_uint: bool, left: V, right: V, error: Block) -> V {
        let is_zero = self.b.ins().icmp_imm_s(IntCC::Equal, right, 0);
        self.leave_if(is_zero, error);
        let divides = matches!(op, Op::Divide(_));
        if is_uint {
            return if divides { self.b.ins().udiv(left, right) } else { self.b.ins().urem(left, right) };
        }
        let is_least = self.b.ins().icmp_imm_s(IntCC::Equal, left, i64::MIN);
        let is_minus_one = self.b.ins().icmp_imm_s(IntCC::Equal, right, -1);
        let overflows = self.b.ins().band(is_least, is_minus_one);
        self.leave_if(overflows, error);
        if divides { self.b.ins().sdiv(left, right) } else { self.b.ins().srem(left, right) }
    }

    /// Compares in place; the result is 0 or 1.
    pub(super) fn compare(&mut self, op: Op, operands: &[Operand<'a>], error: Block) -> Result<V, Unfit> {
        let leave = self.leave;
        match (op, operands) {
            (Op::Order(order, tag), &[left, right]) => {
                let (left, right) = (self.scalar(left, tag, leave), self.scalar(right, tag, leave));
                Ok(match tag {
                    Tag::Float => self.b.ins().fcmp(of_floats(order), left, right),
                    Tag::Int | Tag::Duration => self.b.ins().icmp(order, left, right),
                    _ => self.b.ins().icmp(order.unsigned(), left, right),
                })
            }
            (Op::Mixed(order, left_tag, right_tag), &[left, right]) => {
                let (left, right) =
                    (self.scalar(left, left_tag, leave), self.scalar(right, right_tag, leave));
                let mut float = |bits: V, tag: Tag| match tag {
                    Tag::Int => self.b.ins().fcvt_from_sint(types::F64, bits),
                    _ => bits,
                };
                let (left, right) = (float(left, left_tag), float(right, right_tag));
                Ok(self.b.ins().fcmp(of_floats(order), left, right))
            }
            (Op::Equal(same), &[left, right]) => {
                let result = self.equal(left, right, error)?;
                Ok(self.negated(result, !same))
            }
            // What is no bool is an error.
            (Op::Not, &[of]) => {
                let value = self.scalar(of, Tag::Bool, error);
                Ok(self.negated(value, true))
            }
            _ => Err(Unfit),
        }
    }

    pub(super) fn negated(&mut self, value: V, negate: bool) -> V {
        if negate { self.b.ins().bxor_imm_u(value, 1) } else { value }
    }

    /// Whether two operands are equal in the language: 0 or 1.
    pub(super) fn equal(&mut self, left: Operand<'a>, right: Operand<'a>, error: Block) -> Result<V, Unfit> {
        if let (Operand::Never, _) | (_, Operand::Never) = (left, right) {
            return Ok(self.zero(Tag::Bool));
        }
        let is_null = |operand: Operand<'a>| operand.certain() == Some(Tag::Null);
        match (left, right) {
            (other, null) | (null, other) if is_null(null) => {
                let Operand::Cell(_) = other else { return Ok(self.zero(Tag::Bool)) };
                let place = self.place(other, error)?;
                return Ok(self.has_tag(&place, Tag::Null));
            }
            _ => {}
        }
        let scalar = |operand: Operand<'a>| operand.likely().filter(|tag| tag.is_scalar());
        let is_known = |operand: Operand<'a>| matches!(operand, Operand::Scalar(..));
        match (scalar(left), scalar(right)) {
            // One is known, or both are of one type: the other is tested.
            (Some(tag), Some(other)) if tag == other => return self.equal_scalars(tag, left, right, error),
            (Some(tag), None) if is_known(left) => return self.equal_scalars(tag, left, right, error),
            (None, Some(tag)) if is_known(right) => return self.equal_scalars(tag, left, right, error),
            _ => {}
        }
        if let (Operand::Cell(left_place), Operand::Cell(right_place)) = (left, right) {
            let is_short = |text: &&str| text.len() <= TEXT_BYTES_MAX;
            if let Some(text) = right.text().filter(is_short) {
                return self.equal_text(left_place, text, true, (left, right), error);
            }
            if let Some(text) = left.text().filter(is_short) {
                return self.equal_text(right_place, text, false, (left, right), error);
            }
            if left.likely() == Some(Tag::String) && right.likely() == Some(Tag::String) {
                return Ok(self.equal_texts(left_place, right_place));
            }
        }
        self.equal_by_helper(left, right, error)
    }

    fn equal_by_helper(&mut self, left: Operand<'a>, right: Operand<'a>, error: Block) -> Result<V, Unfit> {
        let left = self.argument(0, left, error)?;
        let right = self.argument(1, right, error)?;
        self.sure(Helper::equal(), &[left, right]);
        Ok(self.flag())
    }

    fn equal_scalars(
        &mut self,
        tag: Tag,
        left: Operand<'a>,
        right: Operand<'a>,
        error: Block,
    ) -> Result<V, Unfit> {
        let compare = |lower: &mut Self, miss: Block| {
            let (left, right) = (lower.scalar(left, tag, miss), lower.scalar(right, tag, miss));
            match tag {
                Tag::Float => lower.b.ins().fcmp(FloatCC::Equal, left, right),
                _ => lower.b.ins().icmp(IntCC::Equal, left, right),
            }
        };
        if left.likely() == right.likely() {
            let leave = self.leave;
            return Ok(compare(self, leave));
        }
        let slow = self.cold();
        let join = self.block();
        let result = self.b.append_block_param(join, types::I8);
        self.apart(|lower| {
            let same = compare(lower, slow);
            lower.b.ins().jump(join, &[same.into()]);
            Ok(())
        })?;
        self.slow_equal(slow, join, (left, right), error)?;
        Ok(result)
    }

    /// Compares by the helper where the values aren't what was expected.
    fn slow_equal(
        &mut self,
        slow: Block,
        join: Block,
        (left, right): (Operand<'a>, Operand<'a>),
        error: Block,
    ) -> Result<(), Unfit> {
        if self.can_fail(slow) {
            self.b.switch_to_block(slow);
            let same = self.apart(|lower| lower.equal_by_helper(left, right, error))?;
            self.b.ins().jump(join, &[same.into()]);
        }
        self.b.switch_to_block(join);
        Ok(())
    }

    /// Compares with a short constant text.
    fn equal_text(
        &mut self,
        place: Place<'a>,
        text: &str,
        is_left: bool,
        both: (Operand<'a>, Operand<'a>),
        error: Block,
    ) -> Result<V, Unfit> {
        let slow = self.cold();
        let join = self.block();
        let result = self.b.append_block_param(join, types::I8);
        let is_typed = place.tag.or(place.likely) == Some(Tag::String);
        let miss = if is_typed { self.leave } else { slow };
        let loaded = self.memo.len();
        let (bytes, len) = self.text_of(&place, miss);
        let (same_len, other_len) = (self.block(), self.block());
        let is_same_len = self.b.ins().icmp_imm_u(IntCC::Equal, len, text.len() as i64);
        self.b.ins().brif(is_same_len, same_len, &[], other_len, &[]);
        self.b.switch_to_block(other_len);
        let no = self.zero(Tag::Bool);
        if is_left {
            self.charge_text(len);
        }
        self.b.ins().jump(join, &[no.into()]);
        self.b.switch_to_block(same_len);
        let same = self.same_bytes(bytes, text, both)?;
        self.b.ins().jump(join, &[same.into()]);
        if !is_typed {
            self.memo.truncate(loaded);
        }
        self.slow_equal(slow, join, both, error)?;
        Ok(result)
    }

    /// Goes to `yes` if a text is a short constant one, else to `no`; false if that isn't what is compared.
    pub(super) fn branch_on_text(
        &mut self,
        left: Operand<'a>,
        right: Operand<'a>,
        (yes, no): (Block, Block),
    ) -> Result<bool, Unfit> {
        let (place, text, is_left) = match (left, right) {
            (Operand::Cell(place), other) if other.text().is_some() => (place, other.text(), true),
            (other, Operand::Cell(place)) => (place, other.text(), false),
            _ => return Ok(false),
        };
        let Some(text) = text.filter(|text| text.len() <= INLINE_BYTES_MAX) else { return Ok(false) };
        if place.tag.or(place.likely) != Some(Tag::String) {
            return Ok(false);
        }
        let leave = self.leave;
        let (bytes, len) = self.text_of(&place, leave);
        let (same_len, other_len) = (self.block(), self.block());
        let is_same_len = self.b.ins().icmp_imm_u(IntCC::Equal, len, text.len() as i64);
        self.b.ins().brif(is_same_len, same_len, &[], other_len, &[]);
        self.b.switch_to_block(other_len);
        if is_left {
            self.charge_text(len);
        }
        self.b.ins().jump(no, &[]);
        self.b.switch_to_block(same_len);
        let same = self.same_bytes(bytes, text, (left, right))?;
        self.b.ins().brif(same, yes, &[], no, &[]);
        Ok(true)
    }

    /// Compares as many bytes as a constant text has.
    fn same_bytes(
        &mut self,
        bytes: V,
        text: &str,
        (left, right): (Operand<'a>, Operand<'a>),
    ) -> Result<V, Unfit> {
        if text.len() > INLINE_BYTES_MAX {
            let constant = if left.text().is_some() { left } else { right };
            let Operand::Cell(place) = constant else { return Err(Unfit) };
            let (expected, len) = self.text_of(&place, self.leave);
            let same = self.raw_call(Helper::same_bytes(), &[bytes, expected, len]);
            return Ok(self.b.ins().ireduce(types::I8, same));
        }
        let unaligned = MemFlagsData::new().with_notrap();
        let mut differs: Option<V> = None;
        let mut done = 0;
        let text = text.as_bytes();
        while done < text.len() {
            let (width, ty) = match text.len() - done {
                8.. => (8, types::I64),
                4.. => (4, types::I32),
                2.. => (2, types::I16),
                _ => (1, types::I8),
            };
            let mut word = [0; 8];
            word[..width].copy_from_slice(&text[done..done + width]);
            let own = self.b.ins().load(ty, unaligned, bytes, done as i32);
            let own = if width == 8 { own } else { self.b.ins().uextend(types::I64, own) };
            let other = self.b.ins().bxor_imm_u(own, i64::from_le_bytes(word));
            differs = Some(match differs {
                None => other,
                Some(differs) => self.b.ins().bor(differs, other),
            });
            done += width;
        }
        Ok(match differs {
            Some(differs) => self.b.ins().icmp_imm_u(IntCC::Equal, differs, 0),
            None => self.b.ins().iconst(types::I8, 1),
        })
    }

    fn equal_texts(&mut self, left: Place<'a>, right: Place<'a>) -> V {
        let leave = self.leave;
        let join = self.block();
        let result = self.b.append_block_param(join, types::I8);
        let (left_bytes, left_len) = self.text_of(&left, leave);
        let (right_bytes, right_len) = self.text_of(&right, leave);
        self.charge_text(left_len);
        let same_len = self.block();
        let is_same_len = self.b.ins().icmp(IntCC::Equal, left_len, right_len);
        let no = self.zero(Tag::Bool);
        self.b.ins().brif(is_same_len, same_len, &[], join, &[no.into()]);
        self.b.switch_to_block(same_len);
        let same = self.raw_call(Helper::same_bytes(), &[left_bytes, right_bytes, left_len]);
        let same = self.b.ins().ireduce(types::I8, same);
        self.b.ins().jump(join, &[same.into()]);
        self.b.switch_to_block(join);
        result
    }

    /// Charges for a long text on the left of a comparison.
    fn charge_text(&mut self, len: V) {
        let (long, next) = (self.cold(), self.block());
        let is_long = self.b.ins().icmp_imm_u(IntCC::UnsignedGreaterThan, len, TEXT_BYTES_MAX as i64);
        self.b.ins().brif(is_long, long, &[], next, &[]);
        self.b.switch_to_block(long);
        let units = self.b.ins().ushr_imm_u(len, 6);
        self.charge_value(units);
        self.b.ins().jump(next, &[]);
        self.b.switch_to_block(next);
    }

    /// Code is written in place, unless it is large.
    pub(super) fn code(&mut self, code: u32, args: &'a [Expr], error: Block) -> Result<Operand<'a>, Unfit> {
        let called = self.whole.codes.get(code as usize).ok_or(Unfit)?;
        if self.calls.contains(&code) {
            return Err(Unfit);
        }
        let extent = extent(&called.body)?;
        // Code has no frame but its arguments.
        if extent.reads {
            return Err(Unfit);
        }
        self.charge(1);
        let mut operands = Vec::with_capacity(args.len());
        for arg in args {
            operands.push(self.set(arg, error)?);
        }
        let is_large = extent.nodes > CODE_NODES_MAX || extent.nesting > CODE_NESTING_MAX;
        if is_large || self.calls.len() >= CODE_CALLS_MAX {
            let values = self.arguments(&operands, error)?;
            let site = self.site(Site::Code { code, count: operands.len(), depth: self.interpreter_depth() });
            self.helper(Helper::code(), &[site, values], error);
            return Ok(self.made());
        }
        let mut bound = Vec::with_capacity(operands.len());
        for (index, operand) in operands.into_iter().enumerate() {
            let ty: Option<&'a Type> = called.param_types.get(index);
            bound.push((index as u32, self.retyped(operand, ty)));
        }
        self.depth_max += extent.depth;
        if self.depth_max > DEPTH_MAX {
            return Err(Unfit);
        }
        let caller = std::mem::take(&mut self.locals);
        self.calls.push(code);
        let result = self.with(&bound, |lower| lower.expr(&called.body, error));
        self.calls.pop();
        self.depth_max -= extent.depth;
        self.locals = caller;
        result
    }

    /// Gives a value a static type, if it has none.
    fn retyped(&mut self, operand: Operand<'a>, ty: Option<&'a Type>) -> Operand<'a> {
        match operand {
            Operand::Cell(place) if place.ty.is_none() => {
                let likely = place.likely.or(ty.and_then(|ty| Tag::of_type(ty, self.whole.types)));
                Operand::Cell(Place { ty, likely, ..place })
            }
            other => other,
        }
    }
}
