//! Where the parts of a value lie in memory. Rust doesn't promise it, so it is looked up once per process on values that
//! are known, and checked against how Rust reads what machine code would write. If anything is not as expected there is
//! no machine code in this process.

use std::mem::{offset_of, size_of, transmute_copy};
use std::sync::{Arc, LazyLock};

use flow_ir::value::{EnumShape, EnumValue, MediaSource, MediaValue, RecordValue, Shape};
use flow_ir::{Name, Value, types};

use super::super::kinds::Tag;

/// The size of a value: slots, elements and cells are so far apart.
pub(crate) const VALUE_BYTES: i32 = size_of::<Value>() as i32;

/// Offsets in bytes.
#[derive(Debug)]
pub(crate) struct Layout {
    /// The first byte of a value of each kind.
    tags: [u8; 16],
    /// The first byte of an `Option<Value>` that is `None`.
    pub none: u8,
    pub bool_at: i32,
    pub int_at: i32,
    pub uint_at: i32,
    pub float_at: i32,
    pub duration_at: i32,
    /// A string's pointer and length in its value, and from what the pointer points at to the bytes.
    pub text_at: i32,
    pub text_len_at: i32,
    pub text_data: i32,
    /// A list's pointer in its value; from what it points at to the pointer and the number of its elements.
    pub list_at: i32,
    pub items_at: i32,
    pub items_len_at: i32,
    /// The same of a record and its slots.
    pub record_at: i32,
    pub slots_at: i32,
    pub slots_len_at: i32,
    /// An optional's pointer in its value, 0 if absent; from what it points at to the value.
    pub optional_at: i32,
    pub optional_data: i32,
}

static LAYOUT: LazyLock<Option<Layout>> = LazyLock::new(probe);

/// Returns the layout, if it is one that machine code can read.
pub(crate) fn layout() -> Option<&'static Layout> {
    LAYOUT.as_ref()
}

impl Layout {
    pub(crate) fn tag(&self, tag: Tag) -> u8 {
        self.tags[tag as usize]
    }

    /// Where the payload of a scalar lies.
    pub(crate) fn scalar_at(&self, tag: Tag) -> i32 {
        match tag {
            Tag::Bool => self.bool_at,
            Tag::Int => self.int_at,
            Tag::Uint => self.uint_at,
            Tag::Float => self.float_at,
            _ => self.duration_at,
        }
    }
}

/// How far a part lies behind the start of the whole.
fn offset<T, U>(whole: &T, part: &U) -> Option<i32> {
    let distance = (part as *const U as usize).checked_sub(whole as *const T as usize)?;
    (distance + size_of::<U>() <= size_of::<T>()).then_some(distance as i32)
}

fn first_byte<T>(value: &T) -> u8 {
    // SAFETY: only called for `Value` and `Option<Value>`, whose first byte is their discriminant, so it is initialised:
    // the checks in `probe` fail if it were padding or a payload.
    unsafe { *std::ptr::from_ref(value).cast::<u8>() }
}

/// From what a shared pointer points at to its content.
fn shared<T>(of: &Arc<T>) -> Option<i32> {
    // SAFETY: an `Arc` of a sized type is one non-null pointer.
    let word: usize = unsafe { transmute_copy(of) };
    i32::try_from((Arc::as_ptr(of) as usize).checked_sub(word)?).ok()
}

/// Where a vector's pointer and length lie in it.
fn vector<T>(of: &Vec<T>) -> Option<(i32, i32)> {
    if size_of::<Vec<T>>() != 24 || of.capacity() == of.len() {
        return None;
    }
    // SAFETY: a vector is three initialised words: pointer, length and capacity, in an order that is found here.
    let words: [usize; 3] = unsafe { transmute_copy(of) };
    let at = |word: usize| words.iter().position(|other| *other == word).map(|index| index as i32 * 8);
    Some((at(of.as_ptr() as usize)?, at(of.len())?))
}

/// The words of a string's value: where its pointer, its length lie, and how far its bytes are behind what it points at.
fn text(value: &Value) -> Option<(i32, i32, i32)> {
    let Value::String(text) = value else { return None };
    let at = offset(value, text)?;
    if size_of::<Arc<str>>() != 16 {
        return None;
    }
    // SAFETY: an `Arc<str>` is a pointer and a length.
    let words: [usize; 2] = unsafe { transmute_copy(text) };
    let data = (text.as_ptr() as usize).checked_sub(words[0])?;
    (words[1] == text.len()).then_some((at, at + 8, data as i32))
}

fn samples() -> [Value; 16] {
    let shape = Arc::new(Shape { name: None, tag: None, fields: Arc::from([Name::new("a")]) });
    let kinds = Arc::new(EnumShape { name: Name::new("K"), values: Arc::from([Name::new("a")]) });
    let mut slots = Vec::with_capacity(5);
    slots.push(Value::Int(1));
    let mut items = Vec::with_capacity(7);
    items.extend([Value::Int(1), Value::Null]);
    let media = MediaValue {
        kind: types::Media::Image,
        mime: Name::new("image/png"),
        source: MediaSource::Url("https://example.com".into()),
    };
    [
        Value::Null,
        Value::Bool(true),
        Value::Int(-2),
        Value::Uint(3),
        Value::Float(0.5),
        Value::string("text"),
        Value::Bytes(Arc::from(*b"raw")),
        Value::Duration(4),
        Value::Timestamp(jiff::Timestamp::UNIX_EPOCH),
        Value::List(Arc::new(items)),
        Value::Map(Arc::default()),
        Value::Record(Arc::new(RecordValue { shape, slots })),
        Value::Enum(EnumValue { shape: kinds, index: 0 }),
        Value::Media(Arc::new(media)),
        Value::Optional(Some(Arc::new(Value::Null))),
        Value::Type(Name::new("int")),
    ]
}

fn probe() -> Option<Layout> {
    if size_of::<usize>() != 8
        || cfg!(target_endian = "big")
        || size_of::<Option<Value>>() != size_of::<Value>()
    {
        return None;
    }
    let samples = samples();
    let sample = |tag: Tag| &samples[tag as usize];
    let mut tags = [0; 16];
    for (index, value) in samples.iter().enumerate() {
        if Tag::of(value) as usize != index {
            return None;
        }
        tags[index] = first_byte(value);
    }
    let (text_at, text_len_at, text_data) = text(sample(Tag::String))?;
    let (list_at, items) = match sample(Tag::List) {
        list @ Value::List(items) => (offset(list, items)?, items),
        _ => return None,
    };
    let (record_at, record) = match sample(Tag::Record) {
        value @ Value::Record(record) => (offset(value, record)?, record),
        _ => return None,
    };
    let (optional_at, inner) = match sample(Tag::Optional) {
        value @ Value::Optional(Some(inner)) => (offset(value, inner)?, inner),
        _ => return None,
    };
    let (items_ptr, items_len) = vector(items)?;
    let (slots_ptr, slots_len) = vector(&record.slots)?;
    let (items_data, record_data) = (shared(items)?, shared(record)?);
    let slots = offset_of!(RecordValue, slots) as i32;
    let scalar = |tag: Tag| match sample(tag) {
        whole @ Value::Bool(part) => offset(whole, part),
        whole @ (Value::Int(part) | Value::Duration(part)) => offset(whole, part),
        whole @ Value::Uint(part) => offset(whole, part),
        whole @ Value::Float(part) => offset(whole, part),
        _ => None,
    };
    let layout = Layout {
        tags,
        none: first_byte(&None::<Value>),
        bool_at: scalar(Tag::Bool)?,
        int_at: scalar(Tag::Int)?,
        uint_at: scalar(Tag::Uint)?,
        float_at: scalar(Tag::Float)?,
        duration_at: scalar(Tag::Duration)?,
        text_at,
        text_len_at,
        text_data,
        list_at,
        items_at: items_data + items_ptr,
        items_len_at: items_data + items_len,
        record_at,
        slots_at: record_data + slots + slots_ptr,
        slots_len_at: record_data + slots + slots_len,
        optional_at,
        optional_data: shared(inner)?,
    };
    (is_unambiguous(&layout, &samples) && reads_back(&layout)).then_some(layout)
}

/// Whether the first byte tells the kinds apart, whatever a value holds.
fn is_unambiguous(layout: &Layout, samples: &[Value; 16]) -> bool {
    let known = &layout.tags[..Tag::Type as usize];
    let distinct = (0..known.len()).all(|index| !known[..index].contains(&known[index]));
    // A type value's first byte belongs to its name: of any length, and shared ones.
    let names = (0..40).map(|len| Value::Type(Name::new("n".repeat(len))));
    let mut types = names.chain([Value::Type(Name::new_static("static"))]);
    let others = [
        Value::Bool(false),
        Value::Int(i64::MIN),
        Value::Uint(u64::MAX),
        Value::Float(f64::NAN),
        Value::Duration(-1),
        Value::Optional(None),
        Value::string(""),
        Value::Timestamp(jiff::Timestamp::MAX),
    ];
    distinct
        && !known.contains(&layout.none)
        && types.all(|value| !known.contains(&first_byte(&value)))
        && types_differ_from_none(layout)
        && others.iter().all(|value| first_byte(value) == layout.tag(Tag::of(value)))
        && samples.iter().all(|value| first_byte(&Some(value.clone())) == first_byte(value))
        && first_byte(&Value::Optional(None)) == layout.tag(Tag::Optional)
}

fn types_differ_from_none(layout: &Layout) -> bool {
    (0..40).all(|len| first_byte(&Some(Value::Type(Name::new("n".repeat(len))))) != layout.none)
}

/// Whether Rust reads scalars that are written as machine code writes them: a tag and a payload, the rest as it was.
fn reads_back(layout: &Layout) -> bool {
    let cell = |tag: Tag, payload: &[u8], at: i32| {
        let mut bytes = [0xA5_u8; size_of::<Value>()];
        bytes[0] = layout.tag(tag);
        bytes[at as usize..at as usize + payload.len()].copy_from_slice(payload);
        bytes
    };
    let reads = |bytes: [u8; size_of::<Value>()], expected: &Value| {
        #[repr(align(8))]
        struct Cell([u8; size_of::<Value>()]);
        let cell = Cell(bytes);
        // SAFETY: the tag was found on a value of this kind, and the payload of these kinds is plain data; it is only read.
        let value: &Value = unsafe { &*cell.0.as_ptr().cast::<Value>() };
        Tag::of(value) == Tag::of(expected) && value == expected
    };
    reads(cell(Tag::Null, &[], 0), &Value::Null)
        && reads(cell(Tag::Bool, &[1], layout.bool_at), &Value::Bool(true))
        && reads(cell(Tag::Int, &(-7_i64).to_le_bytes(), layout.int_at), &Value::Int(-7))
        && reads(cell(Tag::Uint, &7_u64.to_le_bytes(), layout.uint_at), &Value::Uint(7))
        && reads(cell(Tag::Float, &0.5_f64.to_le_bytes(), layout.float_at), &Value::Float(0.5))
        && reads(cell(Tag::Duration, &9_i64.to_le_bytes(), layout.duration_at), &Value::Duration(9))
}

#[cfg(test)]
mod tests {
    #[test]
    fn values_lie_as_machine_code_reads_them() {
        let layout = super::layout().expect("this compiler lays values out in a way that can be read");
        assert_eq!(super::VALUE_BYTES, 24, "{layout:?}");
    }
}
