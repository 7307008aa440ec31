//! What is known of a value before it is there: how many bytes, elements and parts it has.

use std::ops::Add;
use std::sync::Arc;

use flow_ir::types::{Literal, Size, TypeBody};
use flow_ir::value::{Key, MediaSource};
use flow_ir::{Type, TypeDefs, Value};

/// A number of at least `min`, and of at most `max` if that is known.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Range {
    pub(super) min: u64,
    pub(super) max: Option<u64>,
}

impl Range {
    pub(super) const ZERO: Range = Range::exactly(0);
    pub(super) const ANY: Range = Range { min: 0, max: None };

    pub(super) const fn exactly(number: u64) -> Range {
        Range { min: number, max: Some(number) }
    }

    pub(super) fn up_to(max: Option<u64>) -> Range {
        Range { min: 0, max }
    }

    pub(super) fn times(self, other: Range) -> Range {
        let max = match (self.max, other.max) {
            // Nothing is nothing, however often.
            (Some(0), _) | (_, Some(0)) => Some(0),
            (Some(left), Some(right)) => left.checked_mul(right),
            _ => None,
        };
        Range { min: self.min.saturating_mul(other.min), max }
    }

    pub(super) fn by(self, factor: u64) -> Range {
        self.times(Range::exactly(factor))
    }

    pub(super) fn over(self, divisor: u64) -> Range {
        Range { min: self.min / divisor, max: self.max.map(|max| max / divisor) }
    }

    pub(super) fn plus(self, number: u64) -> Range {
        self + Range::exactly(number)
    }

    /// One or the other.
    pub(super) fn or(self, other: Range) -> Range {
        Range { min: self.min.min(other.min), max: self.max.zip(other.max).map(|(a, b)| a.max(b)) }
    }

    /// The smaller of the two.
    pub(super) fn least(self, other: Range) -> Range {
        let max = match (self.max, other.max) {
            (Some(a), Some(b)) => Some(a.min(b)),
            (a, b) => a.or(b),
        };
        Range { min: self.min.min(other.min), max }
    }

    pub(super) fn or_less(self) -> Range {
        Range { min: 0, ..self }
    }
}

impl Add for Range {
    type Output = Range;

    fn add(self, other: Range) -> Range {
        let max = self.max.zip(other.max).and_then(|(a, b)| a.checked_add(b));
        Range { min: self.min.saturating_add(other.min), max }
    }
}

/// What kind of value it is, as far as charges differ.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// Anything.
    Unknown,
    /// A number, a bool, an enum's value: found by its hash where values are told apart.
    Keyed,
    /// Another scalar of no size.
    Scalar,
    /// A string.
    Text,
    /// Bytes.
    Bytes,
    List,
    Map,
    Record,
}

/// What is known of a value.
#[derive(Clone, Debug)]
pub(super) struct Shape {
    pub(super) kind: Kind,
    /// Bytes of a string, or of bytes.
    pub(super) bytes: Range,
    /// Elements of a list, entries of a map.
    pub(super) count: Range,
    /// What each element or value is.
    pub(super) of: Option<Arc<Shape>>,
    /// What each field of a record is.
    pub(super) fields: Option<Arc<[Shape]>>,
    /// The ends of an int.
    pub(super) number: (i64, i64),
    /// Values in it, itself included, as often as they occur.
    pub(super) nodes: Range,
    /// Bytes of all texts in it, but for keys and names.
    pub(super) text: Range,
}

const ANY_NUMBER: (i64, i64) = (i64::MIN, i64::MAX);

impl Shape {
    pub(super) fn unknown() -> Shape {
        Shape {
            kind: Kind::Unknown,
            bytes: Range::ANY,
            count: Range::ANY,
            of: None,
            fields: None,
            number: ANY_NUMBER,
            nodes: Range { min: 1, max: None },
            text: Range::ANY,
        }
    }

    pub(super) fn scalar(kind: Kind) -> Shape {
        let (bytes, count, nodes) = (Range::ZERO, Range::ZERO, Range::exactly(1));
        Shape { kind, bytes, count, nodes, text: Range::ZERO, ..Shape::unknown() }
    }

    pub(super) fn int(min: i64, max: i64) -> Shape {
        Shape { number: (min, max), ..Shape::scalar(Kind::Keyed) }
    }

    /// An enum's value, whose name has so many bytes: that counts where it is written only.
    fn enum_value(bytes: Range) -> Shape {
        Shape { bytes, ..Shape::scalar(Kind::Keyed) }
    }

    pub(super) fn text(bytes: Range) -> Shape {
        Shape { bytes, text: bytes, ..Shape::scalar(Kind::Text) }
    }

    pub(super) fn raw(bytes: Range) -> Shape {
        Shape { bytes, text: bytes, ..Shape::scalar(Kind::Bytes) }
    }

    pub(super) fn list(count: Range, of: Shape) -> Shape {
        let nodes = count.times(of.nodes).plus(1);
        let text = count.times(of.text);
        Shape { kind: Kind::List, count, nodes, text, of: Some(Arc::new(of)), ..Shape::scalar(Kind::List) }
    }

    /// A map, whose keys have so many bytes together.
    pub(super) fn map(count: Range, keys: Range, of: Shape) -> Shape {
        let list = Shape::list(count, of);
        Shape { kind: Kind::Map, text: list.text + keys, ..list }
    }

    pub(super) fn record(fields: Vec<Shape>) -> Shape {
        let nodes = fields.iter().fold(Range::exactly(1), |sum, field| sum + field.nodes);
        let text = fields.iter().fold(Range::ZERO, |sum, field| sum + field.text);
        let count = Range::exactly(fields.len() as u64);
        Shape {
            kind: Kind::Record,
            count,
            nodes,
            text,
            fields: Some(fields.into()),
            ..Shape::scalar(Kind::Record)
        }
    }

    /// The value of an optional or a nullable: absent, or of this shape.
    pub(super) fn maybe(self) -> Shape {
        Shape {
            nodes: Range { min: 1, max: self.nodes.max.and_then(|max| max.checked_add(1)) },
            text: self.text.or_less(),
            ..self
        }
    }

    pub(super) fn element(&self) -> Shape {
        self.of.as_deref().cloned().unwrap_or_else(Shape::unknown)
    }

    pub(super) fn is_composite(&self) -> bool {
        matches!(self.kind, Kind::Unknown | Kind::List | Kind::Map | Kind::Record)
    }

    /// The bytes of a scalar that is written: of a number, a time or a bool at most 64.
    pub(super) fn written(&self) -> Range {
        match self.kind {
            Kind::Text => self.bytes,
            Kind::Keyed | Kind::Scalar => Range { min: 0, max: self.bytes.max.map(|max| max.max(64)) },
            _ => Range::ANY,
        }
    }

    /// Its number, where what is below 0 counts as 0.
    pub(super) fn natural(&self) -> Range {
        let from_zero = |number: i64| u64::try_from(number).unwrap_or(0);
        let max = from_zero(self.number.1);
        Range { min: from_zero(self.number.0), max: (self.number.1 < i64::MAX).then_some(max) }
    }

    /// A value of the one shape or of the other.
    pub(super) fn or(&self, other: &Shape, depth: usize) -> Shape {
        let of = match (&self.of, &other.of) {
            (Some(a), Some(b)) if Arc::ptr_eq(a, b) => Some(a.clone()),
            (Some(a), Some(b)) if depth > 0 => Some(Arc::new(a.or(b, depth - 1))),
            _ => None,
        };
        let fields = match (&self.fields, &other.fields) {
            (Some(a), Some(b)) if Arc::ptr_eq(a, b) => Some(a.clone()),
            _ => None,
        };
        Shape {
            kind: if self.kind == other.kind { self.kind } else { Kind::Unknown },
            bytes: self.bytes.or(other.bytes),
            count: self.count.or(other.count),
            of,
            fields,
            number: (self.number.0.min(other.number.0), self.number.1.max(other.number.1)),
            nodes: self.nodes.or(other.nodes),
            text: self.text.or(other.text),
        }
    }

    /// The shape of a value that is there.
    pub(super) fn of_value(value: &Value, depth: usize) -> Shape {
        match value {
            Value::Int(number) => Shape::int(*number, *number),
            Value::Bool(_) | Value::Uint(_) => Shape::scalar(Kind::Keyed),
            Value::Enum(value) => Shape::enum_value(Range::exactly(value.name().len() as u64)),
            Value::Null | Value::Float(_) | Value::Duration(_) | Value::Timestamp(_) | Value::Type(_) => {
                Shape::scalar(Kind::Scalar)
            }
            Value::String(text) => Shape::text(Range::exactly(text.len() as u64)),
            Value::Bytes(bytes) => Shape::raw(Range::exactly(bytes.len() as u64)),
            Value::Media(media) => Shape::raw(Range::exactly(match &media.source {
                MediaSource::Bytes(bytes) => bytes.len() as u64,
                MediaSource::Url(url) => url.len() as u64,
            })),
            Value::Optional(None) => {
                Shape { bytes: Range::ANY, count: Range::ANY, ..Shape::scalar(Kind::Unknown) }
            }
            _ if depth == 0 => Shape::unknown(),
            Value::Optional(Some(value)) => Shape::of_value(value, depth - 1).maybe(),
            Value::List(items) => {
                let shapes = items.iter().map(|item| Shape::of_value(item, depth - 1));
                let of = shapes.reduce(|a, b| a.or(&b, depth - 1)).unwrap_or_else(Shape::nothing);
                Shape::list(Range::exactly(items.len() as u64), of)
            }
            Value::Map(map) => {
                let shapes = map.values().map(|value| Shape::of_value(value, depth - 1));
                let of = shapes.reduce(|a, b| a.or(&b, depth - 1)).unwrap_or_else(Shape::nothing);
                let keys = map.keys().map(|key| match key {
                    Key::String(text) => text.len() as u64,
                    _ => 0,
                });
                Shape::map(Range::exactly(map.len() as u64), Range::exactly(keys.sum()), of)
            }
            Value::Record(record) => {
                Shape::record(record.slots.iter().map(|slot| Shape::of_value(slot, depth - 1)).collect())
            }
        }
    }

    /// The element of an empty list: there is none, so anything is true of it.
    pub(super) fn nothing() -> Shape {
        Shape::scalar(Kind::Keyed)
    }

    /// The shape of every value of a type.
    pub(super) fn of_type(ty: &Type, types: &TypeDefs, depth: usize) -> Shape {
        if depth == 0 {
            return Shape::unknown();
        }
        let of = |ty: &Type| Shape::of_type(ty, types, depth - 1);
        match ty {
            Type::Bool | Type::Uint => Shape::scalar(Kind::Keyed),
            Type::Int(range) => Shape::int(range.min.unwrap_or(i64::MIN), range.max.unwrap_or(i64::MAX)),
            Type::Null | Type::Float(_) | Type::Duration | Type::Timestamp | Type::Type => {
                Shape::scalar(Kind::Scalar)
            }
            // A code point takes one to four bytes.
            Type::String(size) => {
                Shape::text(Range { max: size.max.and_then(|max| max.checked_mul(4)), ..sized(*size) })
            }
            Type::Bytes | Type::Media(_) => Shape::raw(Range::ANY),
            Type::List(item, size) => Shape::list(sized(*size), of(item)),
            Type::Map(_, value) => Shape::map(Range::ANY, Range::ANY, of(value)),
            Type::Nullable(inner) | Type::Optional(inner) => of(inner).maybe().uncertain(),
            Type::Literals(all) => {
                let shapes = all.iter().map(|literal| match literal {
                    Literal::String(text) => Shape::text(Range::exactly(text.len() as u64)),
                    Literal::Int(number) => Shape::int(*number, *number),
                    Literal::Bool(_) => Shape::scalar(Kind::Keyed),
                });
                shapes.reduce(|a, b| a.or(&b, 1)).unwrap_or_else(Shape::unknown)
            }
            Type::Record(record) => Shape::record(record.fields.iter().map(|field| of(&field.ty)).collect()),
            Type::Where(rule) => of(&rule.base),
            Type::Named(name) => match types.get(name).map(|def| &def.body) {
                Some(TypeBody::Record { record, .. }) => {
                    Shape::record(record.fields.iter().map(|field| of(&field.ty)).collect())
                }
                Some(TypeBody::Enum { values }) => {
                    let names = values.iter().map(|value| Range::exactly(value.name.len() as u64));
                    Shape::enum_value(names.reduce(Range::or).unwrap_or(Range::ZERO))
                }
                Some(TypeBody::Alias { ty }) => of(ty),
                _ => Shape::unknown(),
            },
            Type::Error | Type::Never | Type::Json => Shape::unknown(),
        }
    }

    /// The same where null may stand for it: what it is at least holds no longer, nor what kind it is.
    fn uncertain(self) -> Shape {
        Shape {
            kind: if matches!(self.kind, Kind::Keyed | Kind::Scalar) { Kind::Scalar } else { Kind::Unknown },
            ..self
        }
    }
}

fn sized(size: Size) -> Range {
    Range { min: size.min.unwrap_or(0), max: size.max }
}
