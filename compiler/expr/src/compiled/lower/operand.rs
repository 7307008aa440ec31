//! What an expression has become: bits in a register, a value in memory, or the elements of a list.

use std::sync::Arc;

use cranelift_codegen::ir::{Block, InstBuilder, StackSlot, Value as V, condcodes::IntCC, types};

use flow_ir::expr::SlotId;
use flow_ir::{Type, Value};

use super::{Loaded, Lower, Tag, Unfit, VALUE_BYTES, flags, kinds};
use crate::compiled::machine::Helper;

/// A frame has fewer slots.
const SLOTS_MAX: SlotId = 1 << 20;

/// Where the result of an expression is.
#[derive(Clone, Copy)]
pub(super) enum Operand<'a> {
    /// Bits: of a bool 8, of a float a float's, else 64.
    Scalar(Tag, V),
    /// A value in memory.
    Cell(Place<'a>),
    /// The elements of a list that a macro or a literal makes: copies of values that live elsewhere. `is_local` if they
    /// stand on the stack of this function.
    Items { at: V, len: V, of: Option<&'a Type>, is_local: bool },
    /// It is never reached.
    Never,
}

/// A value in memory.
#[derive(Clone, Copy)]
pub(super) struct Place<'a> {
    pub at: V,
    pub offset: i32,
    /// Its tag, if that is certain.
    pub tag: Option<Tag>,
    /// Its tag by its type.
    pub likely: Option<Tag>,
    /// Its static type.
    pub ty: Option<&'a Type>,
    /// Whether there may be none: a slot that hasn't been set.
    pub may_be_none: bool,
    /// What it is, if it is a constant.
    pub constant: Option<&'a Value>,
}

impl<'a> Place<'a> {
    pub(super) fn new(at: V, offset: i32) -> Place<'a> {
        Place { at, offset, tag: None, likely: None, ty: None, may_be_none: false, constant: None }
    }
}

impl<'a> Operand<'a> {
    /// Its tag, if that is certain or by its type.
    pub(super) fn likely(&self) -> Option<Tag> {
        match self {
            Operand::Scalar(tag, _) => Some(*tag),
            Operand::Cell(place) => place.tag.or(place.likely),
            Operand::Items { .. } => Some(Tag::List),
            Operand::Never => None,
        }
    }

    /// Its tag, if that is certain.
    pub(super) fn certain(&self) -> Option<Tag> {
        match self {
            Operand::Cell(place) => place.tag,
            other => other.likely(),
        }
    }

    pub(super) fn ty(&self) -> Option<&'a Type> {
        match self {
            Operand::Cell(place) => place.ty,
            _ => None,
        }
    }

    /// The text that it is, if it is a constant one.
    pub(super) fn text(&self) -> Option<&'a str> {
        match self {
            Operand::Cell(place) => place.constant.and_then(Value::as_str),
            _ => None,
        }
    }
}

impl<'a> Lower<'a, '_> {
    /// A value at an address, of a static type.
    pub(super) fn typed(&self, at: V, offset: i32, ty: Option<&'a Type>) -> Place<'a> {
        let likely = ty.and_then(|ty| Tag::of_type(ty, self.whole.types));
        Place { likely, ty, ..Place::new(at, offset) }
    }

    pub(super) fn constant(&mut self, value: &'a Value) -> Operand<'a> {
        match value {
            Value::Bool(value) => {
                Operand::Scalar(Tag::Bool, self.b.ins().iconst(types::I8, i64::from(*value)))
            }
            Value::Int(number) => Operand::Scalar(Tag::Int, self.word(*number)),
            Value::Uint(number) => Operand::Scalar(Tag::Uint, self.word(*number as i64)),
            Value::Duration(nanos) => Operand::Scalar(Tag::Duration, self.word(*nanos)),
            Value::Float(number) => Operand::Scalar(Tag::Float, self.b.ins().f64const(*number)),
            other => {
                let owned = Arc::new(other.clone());
                let address = Arc::as_ptr(&owned) as i64;
                self.constants.push(owned);
                let at = self.word(address);
                Operand::Cell(Place { tag: Some(Tag::of(other)), constant: Some(other), ..Place::new(at, 0) })
            }
        }
    }

    pub(super) fn slot(&mut self, slot: SlotId) -> Result<Operand<'a>, Unfit> {
        if slot >= SLOTS_MAX {
            return Err(Unfit);
        }
        self.reads.push(slot);
        let ty = self.whole.slots.get(slot as usize);
        let place = self.typed(self.slots, slot as i32 * VALUE_BYTES, ty);
        Ok(Operand::Cell(Place { may_be_none: true, ..place }))
    }

    /// Tests a value's tag: 1 if it is the one.
    pub(super) fn has_tag(&mut self, place: &Place<'a>, tag: Tag) -> V {
        let byte = self.tag_byte(place);
        self.b.ins().icmp_imm_u(IntCC::Equal, byte, i64::from(self.whole.layout.tag(tag)))
    }

    fn tag_byte(&mut self, place: &Place<'a>) -> V {
        self.b.ins().load(types::I8, flags(), place.at, place.offset)
    }

    /// Goes to `miss` unless a value has a tag.
    pub(super) fn expect(&mut self, place: &Place<'a>, tag: Tag, miss: Block) {
        match place.tag {
            Some(own) if own == tag => {}
            Some(_) => self.jump_to(miss),
            None => {
                let byte = self.tag_byte(place);
                let differs =
                    self.b.ins().icmp_imm_u(IntCC::NotEqual, byte, i64::from(self.whole.layout.tag(tag)));
                self.leave_if(differs, miss);
            }
        }
    }

    fn loaded(&self, place: &Place<'a>, tag: Tag) -> Option<Loaded> {
        let same = |own: &&Loaded| own.at == place.at && own.offset == place.offset && own.tag == tag;
        self.memo.iter().rev().take(256).find(same).copied()
    }

    fn remember(&mut self, place: &Place<'a>, tag: Tag, word: V, len: V) -> Loaded {
        let loaded = Loaded { at: place.at, offset: place.offset, tag, word, len };
        self.memo.push(loaded);
        loaded
    }

    /// Returns the bits of a scalar; goes to `miss` if it is another kind of value.
    pub(super) fn scalar(&mut self, operand: Operand<'a>, tag: Tag, miss: Block) -> V {
        match operand {
            Operand::Scalar(own, bits) if own == tag => bits,
            Operand::Cell(place) => {
                if let Some(loaded) = self.loaded(&place, tag) {
                    return loaded.word;
                }
                self.expect(&place, tag, miss);
                let ty = scalar_type(tag);
                let offset = place.offset + self.whole.layout.scalar_at(tag);
                let bits = self.b.ins().load(ty, flags(), place.at, offset);
                self.remember(&place, tag, bits, bits).word
            }
            _ => {
                self.jump_to(miss);
                self.zero(tag)
            }
        }
    }

    /// Bits that are never read.
    pub(super) fn zero(&mut self, tag: Tag) -> V {
        match tag {
            Tag::Float => self.b.ins().f64const(0.0),
            tag => self.b.ins().iconst(scalar_type(tag), 0),
        }
    }

    /// Returns where a text's bytes are and how many; goes to `miss` if it is no text.
    pub(super) fn text_of(&mut self, place: &Place<'a>, miss: Block) -> (V, V) {
        let layout = self.whole.layout;
        if let Some(loaded) = self.loaded(place, Tag::String) {
            return (loaded.word, loaded.len);
        }
        self.expect(place, Tag::String, miss);
        let shared = self.load(place.at, place.offset + layout.text_at);
        let len = self.load(place.at, place.offset + layout.text_len_at);
        let bytes = self.b.ins().iadd_imm_s(shared, i64::from(layout.text_data));
        self.remember(place, Tag::String, bytes, len);
        (bytes, len)
    }

    /// Returns where a list's elements are and how many; goes to `miss` if it is no list.
    pub(super) fn items_of(&mut self, operand: Operand<'a>, miss: Block) -> (V, V) {
        match operand {
            Operand::Items { at, len, .. } => (at, len),
            Operand::Cell(place) => {
                let layout = self.whole.layout;
                if let Some(loaded) = self.loaded(&place, Tag::List) {
                    return (loaded.word, loaded.len);
                }
                self.expect(&place, Tag::List, miss);
                let shared = self.load(place.at, place.offset + layout.list_at);
                let items = self.load(shared, layout.items_at);
                let len = self.load(shared, layout.items_len_at);
                self.remember(&place, Tag::List, items, len);
                (items, len)
            }
            _ => {
                self.jump_to(miss);
                let zero = self.word(0);
                (zero, zero)
            }
        }
    }

    /// Returns where a record's slots are and how many; goes to `miss` if it is no record.
    pub(super) fn slots_of(&mut self, place: &Place<'a>, miss: Block) -> (V, V) {
        let layout = self.whole.layout;
        if let Some(loaded) = self.loaded(place, Tag::Record) {
            return (loaded.word, loaded.len);
        }
        self.expect(place, Tag::Record, miss);
        let shared = self.load(place.at, place.offset + layout.record_at);
        let slots = self.load(shared, layout.slots_at);
        let len = self.load(shared, layout.slots_len_at);
        self.remember(place, Tag::Record, slots, len);
        (slots, len)
    }

    /// Writes a scalar as a value.
    pub(super) fn store_scalar(&mut self, tag: Tag, bits: V, to: (V, i32)) {
        let layout = self.whole.layout;
        let byte = self.b.ins().iconst(types::I8, i64::from(layout.tag(tag)));
        self.b.ins().store(flags(), byte, to.0, to.1);
        self.b.ins().store(flags(), bits, to.0, to.1 + layout.scalar_at(tag));
    }

    /// Writes an operand as a value.
    pub(super) fn store(&mut self, operand: Operand<'a>, to: (V, i32), error: Block) -> Result<(), Unfit> {
        match operand {
            Operand::Scalar(tag, bits) => self.store_scalar(tag, bits, to),
            other => {
                let place = self.place(other, error)?;
                self.copy((place.at, place.offset), to);
            }
        }
        Ok(())
    }

    /// Returns an operand as a value in memory.
    pub(super) fn place(&mut self, operand: Operand<'a>, error: Block) -> Result<Place<'a>, Unfit> {
        Ok(match operand {
            Operand::Cell(place) => {
                if place.may_be_none && place.tag.is_none() {
                    let byte = self.tag_byte(&place);
                    let none = i64::from(self.whole.layout.none);
                    let is_none = self.b.ins().icmp_imm_u(IntCC::Equal, byte, none);
                    let leave = self.leave;
                    self.leave_if(is_none, leave);
                }
                Place { may_be_none: false, ..place }
            }
            Operand::Scalar(tag, bits) => {
                let slot = self.stack(VALUE_BYTES as usize)?;
                self.boxed(tag, bits, slot)
            }
            Operand::Items { at, len, of, .. } => {
                let zero = self.word(0);
                self.helper(Helper::list(), &[at, len, zero], error);
                let made = self.made();
                let Operand::Cell(place) = made else { return Err(Unfit) };
                let _ = of;
                Place { likely: Some(Tag::List), ..place }
            }
            Operand::Never => {
                let operand = self.constant(const { &Value::Null });
                let Operand::Cell(place) = operand else { return Err(Unfit) };
                place
            }
        })
    }

    fn boxed(&mut self, tag: Tag, bits: V, slot: StackSlot) -> Place<'a> {
        let at = self.b.ins().stack_addr(types::I64, slot, 0);
        self.store_scalar(tag, bits, (at, 0));
        Place { tag: Some(tag), ..Place::new(at, 0) }
    }

    /// Returns the address of an operand as the nth argument of a call, which must follow before another is written.
    pub(super) fn argument(&mut self, nth: usize, operand: Operand<'a>, error: Block) -> Result<V, Unfit> {
        let place = match operand {
            Operand::Scalar(tag, bits) => {
                while self.boxes.len() <= nth {
                    let slot = self.stack(VALUE_BYTES as usize)?;
                    self.boxes.push(slot);
                }
                let slot = self.boxes[nth];
                self.boxed(tag, bits, slot)
            }
            other => self.place(other, error)?,
        };
        Ok(self.address(&place))
    }

    pub(super) fn address(&mut self, place: &Place<'a>) -> V {
        match place.offset {
            0 => place.at,
            offset => self.b.ins().iadd_imm_s(place.at, i64::from(offset)),
        }
    }

    /// Stores the addresses of arguments one after the other and returns where they stand.
    pub(super) fn arguments(&mut self, operands: &[Operand<'a>], error: Block) -> Result<V, Unfit> {
        let mut addresses = Vec::with_capacity(operands.len());
        for (nth, operand) in operands.iter().enumerate() {
            addresses.push(self.argument(nth, *operand, error)?);
        }
        let count = operands.len().max(1);
        let slot = match self.arguments.iter().find(|(own, _)| *own == count) {
            Some((_, slot)) => *slot,
            None => {
                let slot = self.stack(8 * count)?;
                self.arguments.push((count, slot));
                slot
            }
        };
        let at = self.b.ins().stack_addr(types::I64, slot, 0);
        for (nth, address) in addresses.into_iter().enumerate() {
            self.b.ins().store(flags(), address, at, 8 * nth as i32);
        }
        Ok(at)
    }

    /// The types of a list's elements or a map's keys, and of its values.
    pub(super) fn elements_of(&self, operand: &Operand<'a>) -> (Option<&'a Type>, Option<&'a Type>) {
        match operand {
            Operand::Items { of, .. } => (*of, None),
            other => match other.ty().and_then(|ty| kinds::elements(ty, self.whole.types)) {
                Some((first, second)) => (Some(first), second),
                None => (None, None),
            },
        }
    }
}

pub(super) fn scalar_type(tag: Tag) -> cranelift_codegen::ir::Type {
    match tag {
        Tag::Bool => types::I8,
        Tag::Float => types::F64,
        _ => types::I64,
    }
}
