//! What machine code rests on: the layout of values, the memory of one evaluation, the functions it calls, and entering
//! it. All that the compiler of Rust can't check for this crate stands in here.
//!
//! What must stay true: machine code reads a part of a value only behind a test of that value's tag; what a function
//! returns to it by pointer lives until the evaluation ends or the turn of a macro that made it does; no function that
//! it calls unwinds into it.
#![allow(unsafe_code, reason = "machine code reads and writes values by address")]

mod build;
mod calls;
mod code;
mod context;
mod layout;
mod text;

pub use code::{Evaluator, Prepared};
pub(super) use code::{Exit, Machinery, Memory, Routine, exit};
pub use context::Scratch;
pub(super) use layout::{Layout, VALUE_BYTES, layout};

use std::sync::Arc;

use flow_ir::expr::MacroOp;
use flow_ir::value::{EnumShape, Shape};
use flow_ir::{Name, Type, TypeName, Value};

use super::kinds::Tag;
use crate::functions::Overload;
use context::Context;

/// What a call in machine code is about, kept by the program as long as its code.
#[derive(Debug)]
pub(super) enum Site {
    /// A row, how many arguments it gets, and the scalar that it returns in a register.
    Row { row: &'static Overload, count: usize, want: Option<Tag> },
    /// A function that is found by the values it is given.
    Name { id: Name, count: usize, want: Option<Tag> },
    /// A constant key.
    Key(Value),
    /// A field, and whether it is taken with `.?`.
    Field { index: u32, optional: bool },
    /// A field by name.
    Has(Name),
    /// A record of a shape, made at a depth.
    Record { shape: Arc<Shape>, depth: usize },
    /// Replaced slots of a record.
    Update { shape: Arc<Shape>, indices: Vec<u32>, depth: usize },
    /// An enum.
    Enum(Arc<EnumShape>),
    /// A type to cast or widen to, or of what is spliced.
    Type { ty: Type, depth: usize },
    /// A member of a union.
    Variant(TypeName),
    /// A macro that gathers.
    Macro(MacroOp),
    /// Which items of a list are optionals.
    Items(Vec<bool>),
    /// Text as it stands.
    Text(String),
    /// Code that is called and not a part of the calling code.
    Code { code: u32, count: usize, depth: usize },
}

/// A function that machine code calls: its address and how many words it takes besides the context.
#[derive(Clone, Copy, Debug)]
pub(super) struct Helper {
    pub address: usize,
    pub words: usize,
}

macro_rules! helpers {
    ($($name:ident = $path:path, $words:literal;)*) => {
        /// The functions that machine code calls. Each returns a [`Status`], and what it makes in the context.
        #[allow(non_upper_case_globals, reason = "they are named as the functions are")]
        impl Helper {
            $(pub(super) fn $name() -> Helper {
                Helper { address: $path as *const () as usize, words: $words }
            })*
        }
    };
}

helpers! {
    row = calls::row, 2;
    name = calls::name, 2;
    equal = calls::equal, 2;
    field = calls::field, 2;
    index = calls::index, 3;
    key = calls::key, 2;
    has = calls::has, 2;
    is = calls::is, 2;
    cast = calls::cast, 2;
    widen = calls::widen, 2;
    enumerated = calls::enumerated, 2;
    run = calls::run, 1;
    code = calls::code, 2;
    same_bytes = calls::same_bytes, 3;
    bump = context::bump, 1;
    reset = context::reset, 3;
    keep = context::keep, 4;
    turns = build::turns, 2;
    list = build::list, 3;
    list_of_options = build::list_of_options, 3;
    record = build::record, 3;
    update = build::update, 3;
    map = build::map, 1;
    map_key = build::map_key, 2;
    map_value = build::map_value, 3;
    map_spread = build::map_spread, 2;
    gather = build::gather, 4;
    gathered = build::gathered, 2;
    text = text::text, 0;
    put = text::put, 2;
    splice = text::splice, 3;
    told = text::told, 1;
}

/// What a helper tells the code that called it.
pub(super) mod status {
    /// It is done.
    pub(crate) const DONE: i64 = 0;
    /// An error that `&&`, `||`, `all` and `exists` may absorb.
    pub(crate) const ERROR: i64 = 1;
    /// The evaluation ends: nothing absorbs it, or machine code is no match for these values.
    pub(crate) const LEAVE: i64 = 2;
}

/// Offsets of what machine code reads and writes of the context.
pub(super) mod at {
    use std::mem::offset_of;

    use super::Context;

    pub(crate) const OUT: i32 = offset_of!(Context<'static>, out) as i32;
    pub(crate) const OUT_2: i32 = offset_of!(Context<'static>, out_2) as i32;
    pub(crate) const OUT_3: i32 = offset_of!(Context<'static>, out_3) as i32;
    pub(crate) const TOP: i32 = offset_of!(Context<'static>, top) as i32;
    pub(crate) const END: i32 = offset_of!(Context<'static>, end) as i32;
    pub(crate) const KEPT: i32 = offset_of!(Context<'static>, kept) as i32;
}
