//! Values: what expressions compute and steps return.

use std::sync::Arc;

use indexmap::IndexMap;
use serde::{Deserialize, Serialize};

use crate::types::{Media, TypeName};
use crate::{Name, Type};

/// A value. Cloning is cheap: what is large is shared.
#[derive(Clone, Debug)]
pub enum Value {
    /// `null`.
    Null,
    /// `true`.
    Bool(bool),
    /// `3`.
    Int(i64),
    /// `3u`: only inside expressions.
    Uint(u64),
    /// `0.5`; NaN and infinities only inside expressions.
    Float(f64),
    /// `"text"`.
    String(Arc<str>),
    /// `b"raw"`.
    Bytes(Arc<[u8]>),
    /// Nanoseconds.
    Duration(i64),
    /// A point in time.
    Timestamp(jiff::Timestamp),
    /// `[a, b]`.
    List(Arc<Vec<Value>>),
    /// `{"a": 1}`: keeps its order; equality ignores it.
    Map(Arc<IndexMap<Key, Value>>),
    /// `Review{score: 3}`, `{a: 1}` where a record is expected: slots in the order of its shape.
    Record(Arc<RecordValue>),
    /// `Kind.billing`.
    Enum(EnumValue),
    /// An image, an audio or a file.
    Media(Arc<MediaValue>),
    /// A CEL optional: only inside expressions.
    Optional(Option<Arc<Value>>),
    /// A type value: only inside expressions.
    Type(Name),
}

/// The key of a map.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Key {
    /// `false`.
    Bool(bool),
    /// `1`.
    Int(i64),
    /// `1u`: equal to the int of its number in look-ups; only inside expressions.
    Uint(u64),
    /// `"a"`.
    String(Arc<str>),
    /// The name of an enum's value.
    Enum(EnumValue),
}

/// The names of a record's slots, shared by all records of a type.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Shape {
    /// The named type, `None` for `{a: 1}`.
    pub name: Option<TypeName>,
    /// The declared name that a union writes as `"type"`.
    pub tag: Option<Name>,
    /// In declared order.
    pub fields: Arc<[Name]>,
}

/// A record: a shape and as many slots.
#[derive(Clone, Debug)]
pub struct RecordValue {
    /// Its names.
    pub shape: Arc<Shape>,
    /// Its values, in the order of the shape.
    pub slots: Vec<Value>,
}

/// A value of an enum.
#[derive(Clone, Debug)]
pub struct EnumValue {
    /// The enum and its names.
    pub shape: Arc<EnumShape>,
    /// Which of them.
    pub index: u32,
}

/// The names of an enum's values, shared by all of them.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct EnumShape {
    /// The enum.
    pub name: TypeName,
    /// In declared order.
    pub values: Arc<[Name]>,
}

/// What a model sees or hears: bytes at hand, or a URL that the provider fetches.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MediaValue {
    /// Image, audio or file.
    pub kind: Media,
    /// Its media type, `image/png`.
    pub mime: Name,
    /// Where it is.
    pub source: MediaSource,
}

/// Where a media value is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MediaSource {
    /// The bytes themselves.
    Bytes(Arc<[u8]>),
    /// A URL.
    Url(Arc<str>),
}

impl Value {
    /// Returns a string value.
    pub fn string(text: impl AsRef<str>) -> Value {
        Value::String(Arc::from(text.as_ref()))
    }

    /// Returns a list value.
    pub fn list(items: Vec<Value>) -> Value {
        Value::List(Arc::new(items))
    }

    /// Returns a record's field, or a map's entry, by name.
    pub fn get(&self, name: &str) -> Option<&Value> {
        match self {
            Value::Record(record) => record.get(name),
            Value::Map(map) => map.get(&Key::String(Arc::from(name))),
            _ => None,
        }
    }

    /// Returns the text of a string.
    pub fn as_str(&self) -> Option<&str> {
        match self {
            Value::String(text) => Some(text),
            _ => None,
        }
    }

    /// Whether it is null.
    pub fn is_null(&self) -> bool {
        matches!(self, Value::Null)
    }
}

impl RecordValue {
    /// Returns a slot by the name of its field.
    pub fn get(&self, name: &str) -> Option<&Value> {
        let index = self.shape.fields.iter().position(|field| field == name)?;
        self.slots.get(index)
    }
}

impl EnumValue {
    /// Returns the bare name.
    pub fn name(&self) -> &Name {
        &self.shape.values[self.index as usize]
    }
}

impl PartialEq for EnumValue {
    fn eq(&self, other: &Self) -> bool {
        self.index == other.index
            && (Arc::ptr_eq(&self.shape, &other.shape) || self.shape.name == other.shape.name)
    }
}
impl Eq for EnumValue {}
impl PartialOrd for EnumValue {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}
impl Ord for EnumValue {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.shape.name.cmp(&other.shape.name).then(self.index.cmp(&other.index))
    }
}
impl std::hash::Hash for EnumValue {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        self.shape.name.hash(state);
        self.index.hash(state);
    }
}

/// Equality of the language: numbers compare across kinds, maps without their order, NaN with nothing.
impl PartialEq for Value {
    fn eq(&self, other: &Self) -> bool {
        use Value::*;
        match (self, other) {
            (Null, Null) => true,
            (Bool(a), Bool(b)) => a == b,
            (Int(a), Int(b)) => a == b,
            (Uint(a), Uint(b)) => a == b,
            (Float(a), Float(b)) => a == b,
            (Int(a), Uint(b)) | (Uint(b), Int(a)) => u64::try_from(*a) == Ok(*b),
            // Equal is what is neither less nor greater: beyond 2^53 a whole number is rounded first, as `<` does it.
            (Int(a), Float(b)) | (Float(b), Int(a)) => *b == *a as f64,
            (Uint(a), Float(b)) | (Float(b), Uint(a)) => *b == *a as f64,
            (String(a), String(b)) => a == b,
            (Bytes(a), Bytes(b)) => a == b,
            (Duration(a), Duration(b)) => a == b,
            (Timestamp(a), Timestamp(b)) => a == b,
            (List(a), List(b)) => Arc::ptr_eq(a, b) && !contains_nan(self) || a == b,
            (Map(a), Map(b)) => a.len() == b.len() && a.iter().all(|(key, value)| b.get(key) == Some(value)),
            (Record(a), Record(b)) => {
                a.slots.len() == b.slots.len()
                    && (Arc::ptr_eq(&a.shape, &b.shape)
                        || a.shape.name == b.shape.name && a.shape.fields == b.shape.fields)
                    && a.slots == b.slots
            }
            (Enum(a), Enum(b)) => a == b,
            (Media(a), Media(b)) => a == b,
            (Optional(a), Optional(b)) => a == b,
            (Type(a), Type(b)) => a == b,
            _ => false,
        }
    }
}

fn contains_nan(value: &Value) -> bool {
    match value {
        Value::Float(number) => number.is_nan(),
        Value::List(items) => items.iter().any(contains_nan),
        Value::Map(map) => map.values().any(contains_nan),
        Value::Record(record) => record.slots.iter().any(contains_nan),
        _ => false,
    }
}

/// Why a JSON document isn't a value of a type: where, which rule, and what stood there.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[error("{path}: {rule}, got {got}")]
pub struct Violation {
    /// `$.items[2].score`.
    pub path: String,
    /// What must hold: "must be an int from 1 to 5".
    pub rule: String,
    /// The offending value as JSON, cut to 200 characters.
    pub got: String,
}

/// A type and the definitions it names, to read and write values of it.
#[derive(Clone, Copy, Debug)]
pub struct Typed<'a> {
    /// The program's named types.
    pub types: &'a crate::TypeDefs,
    /// The type.
    pub ty: &'a Type,
}

/// Values in plans: each with its kind, so that nothing is lost: `{"int":"5"}`, `{"list":[…]}`.
pub mod tagged {
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    use super::*;

    #[derive(Serialize, Deserialize)]
    #[serde(rename_all = "snake_case")]
    enum Tagged {
        Null,
        Bool(bool),
        Int(String),
        Uint(String),
        Float(String),
        String(Arc<str>),
        Bytes(String),
        Duration(i64),
        Timestamp(String),
        List(Vec<Tagged>),
        Map(Vec<(Tagged, Tagged)>),
        Record(Arc<Shape>, Vec<Tagged>),
        Enum(Arc<EnumShape>, u32),
        Media(Media, Name, Result<String, Arc<str>>),
        Optional(Option<Box<Tagged>>),
        Type(Name),
    }

    /// Writes a value.
    pub fn serialize<S: Serializer>(value: &Value, out: S) -> Result<S::Ok, S::Error> {
        write(value).serialize(out)
    }

    /// Reads a value.
    pub fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Value, D::Error> {
        read(Tagged::deserialize(from)?).map_err(serde::de::Error::custom)
    }

    fn write(value: &Value) -> Tagged {
        use base64::prelude::*;
        match value {
            Value::Null => Tagged::Null,
            Value::Bool(value) => Tagged::Bool(*value),
            Value::Int(number) => Tagged::Int(number.to_string()),
            Value::Uint(number) => Tagged::Uint(number.to_string()),
            Value::Float(number) => Tagged::Float(number.to_string()),
            Value::String(text) => Tagged::String(text.clone()),
            Value::Bytes(bytes) => Tagged::Bytes(BASE64_STANDARD.encode(bytes)),
            Value::Duration(nanos) => Tagged::Duration(*nanos),
            Value::Timestamp(at) => Tagged::Timestamp(at.to_string()),
            Value::List(items) => Tagged::List(items.iter().map(write).collect()),
            Value::Map(map) => {
                Tagged::Map(map.iter().map(|(key, value)| (write(&key.to_value()), write(value))).collect())
            }
            Value::Record(record) => {
                Tagged::Record(record.shape.clone(), record.slots.iter().map(write).collect())
            }
            Value::Enum(value) => Tagged::Enum(value.shape.clone(), value.index),
            Value::Media(media) => Tagged::Media(
                media.kind,
                media.mime.clone(),
                match &media.source {
                    MediaSource::Bytes(bytes) => Ok(BASE64_STANDARD.encode(bytes)),
                    MediaSource::Url(url) => Err(url.clone()),
                },
            ),
            Value::Optional(value) => Tagged::Optional(value.as_deref().map(|value| Box::new(write(value)))),
            Value::Type(name) => Tagged::Type(name.clone()),
        }
    }

    fn read(tagged: Tagged) -> Result<Value, String> {
        use base64::prelude::*;
        let bytes = |text: String| {
            BASE64_STANDARD.decode(text).map(Arc::<[u8]>::from).map_err(|error| error.to_string())
        };
        Ok(match tagged {
            Tagged::Null => Value::Null,
            Tagged::Bool(value) => Value::Bool(value),
            Tagged::Int(text) => Value::Int(text.parse().map_err(|error| format!("{error}"))?),
            Tagged::Uint(text) => Value::Uint(text.parse().map_err(|error| format!("{error}"))?),
            Tagged::Float(text) => Value::Float(text.parse().map_err(|error| format!("{error}"))?),
            Tagged::String(text) => Value::String(text),
            Tagged::Bytes(text) => Value::Bytes(bytes(text)?),
            Tagged::Duration(nanos) => Value::Duration(nanos),
            Tagged::Timestamp(text) => Value::Timestamp(text.parse().map_err(|error| format!("{error}"))?),
            Tagged::List(items) => Value::list(items.into_iter().map(read).collect::<Result<_, _>>()?),
            Tagged::Map(entries) => {
                let mut map = IndexMap::with_capacity(entries.len());
                for (key, value) in entries {
                    let key = Key::exact(&read(key)?).ok_or("not a key")?;
                    map.insert(key, read(value)?);
                }
                Value::Map(Arc::new(map))
            }
            Tagged::Record(shape, slots) if shape.fields.len() == slots.len() => {
                Value::Record(Arc::new(RecordValue {
                    shape,
                    slots: slots.into_iter().map(read).collect::<Result<_, _>>()?,
                }))
            }
            Tagged::Record(..) => return Err("a record with too few or too many slots".into()),
            Tagged::Enum(shape, index) if (index as usize) < shape.values.len() => {
                Value::Enum(EnumValue { shape, index })
            }
            Tagged::Enum(..) => return Err("a value that its enum doesn't have".into()),
            Tagged::Media(kind, mime, source) => Value::Media(Arc::new(MediaValue {
                kind,
                mime,
                source: match source {
                    Ok(text) => MediaSource::Bytes(bytes(text)?),
                    Err(url) => MediaSource::Url(url),
                },
            })),
            Tagged::Optional(value) => {
                Value::Optional(value.map(|value| read(*value).map(Arc::new)).transpose()?)
            }
            Tagged::Type(name) => Value::Type(name),
        })
    }
}

impl Key {
    /// Returns the key as a value.
    pub fn to_value(&self) -> Value {
        match self {
            Key::Bool(value) => Value::Bool(*value),
            Key::Int(number) => Value::Int(*number),
            Key::Uint(number) => Value::Uint(*number),
            Key::String(text) => Value::String(text.clone()),
            Key::Enum(value) => Value::Enum(value.clone()),
        }
    }

    /// Returns the key that a value is by itself: of the same kind, so that a float is none.
    pub fn exact(value: &Value) -> Option<Key> {
        match value {
            Value::Uint(number) => Some(Key::Uint(*number)),
            Value::Float(_) => None,
            other => Key::from_value(other),
        }
    }

    /// Returns the key that a value is looked up by: a whole number of any kind is its int where it has one. Kinds that are
    /// no key give none.
    pub fn from_value(value: &Value) -> Option<Key> {
        Some(match value {
            Value::Bool(value) => Key::Bool(*value),
            Value::Int(number) => Key::Int(*number),
            Value::Uint(number) => i64::try_from(*number).map_or(Key::Uint(*number), Key::Int),
            Value::Float(number) if number.fract() == 0.0 => match *number {
                whole if (-9_223_372_036_854_775_808.0..9_223_372_036_854_775_808.0).contains(&whole) => {
                    Key::Int(whole as i64)
                }
                whole if (0.0..18_446_744_073_709_551_616.0).contains(&whole) => Key::Uint(whole as u64),
                _ => return None,
            },
            Value::String(text) => Key::String(text.clone()),
            Value::Enum(value) => Key::Enum(value.clone()),
            _ => return None,
        })
    }

    /// Returns the text that stands for the key in JSON.
    pub fn text(&self) -> String {
        match self {
            Key::Bool(value) => value.to_string(),
            Key::Int(number) => number.to_string(),
            Key::Uint(number) => number.to_string(),
            Key::String(text) => text.to_string(),
            Key::Enum(value) => value.name().to_string(),
        }
    }
}
