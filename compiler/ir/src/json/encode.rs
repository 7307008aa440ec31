//! Values to JSON.

use base64::prelude::*;
use serde_json::{Map, Value as Json};

use super::{BYTES_MAX, DEPTH_MAX, duration_text, timestamp_text};
use crate::types::{Field, TypeBody};
use crate::value::{MediaSource, MediaValue, RecordValue, Violation};
use crate::{Type, TypeDefs, Value};

/// Writes a value of a type: members of a union with `"type"` first, bytes in base64, timestamps in RFC 3339, durations
/// as CEL writes them, absent fields as null. A float that isn't finite, and a value of more than 16 MiB or nested
/// deeper than 128, is refused.
pub fn encode(value: &Value, ty: &Type, types: &TypeDefs) -> Result<Json, Violation> {
    Encoder { types: Some(types), left: BYTES_MAX, path: "$".into() }.value(value, Some(ty), DEPTH_MAX)
}

/// Writes a value by its own kind: for `json`, `to_json` and messages. A member of a union has its `"type"`.
pub fn untyped(value: &Value) -> Result<Json, Violation> {
    Encoder { types: None, left: BYTES_MAX, path: "$".into() }.value(value, None, DEPTH_MAX)
}

struct Encoder<'a> {
    types: Option<&'a TypeDefs>,
    /// Bytes that may still be written.
    left: usize,
    path: String,
}

/// What a type says about the parts of a value.
enum Parts<'t> {
    Unknown,
    Elements(&'t Type),
    Fields(&'t [Field], bool),
}

impl<'a> Encoder<'a> {
    fn value(&mut self, value: &Value, ty: Option<&'a Type>, depth: usize) -> Result<Json, Violation> {
        self.take(8)?;
        Ok(match value {
            Value::Null => Json::Null,
            Value::Bool(value) => Json::Bool(*value),
            Value::Int(number) => match ty.map(Type::non_null) {
                Some(Type::Float(_)) => Json::from(*number as f64),
                _ => Json::from(*number),
            },
            Value::Uint(number) => Json::from(*number),
            Value::Float(number) => serde_json::Number::from_f64(*number)
                .map(Json::Number)
                .ok_or_else(|| self.violation("must be a finite number", &number.to_string()))?,
            Value::String(text) => {
                self.take(text.len())?;
                Json::from(&**text)
            }
            Value::Bytes(bytes) => {
                self.take(bytes.len() / 3 * 4 + 4)?;
                Json::from(BASE64_STANDARD.encode(bytes))
            }
            Value::Duration(nanos) => Json::from(duration_text(*nanos)),
            Value::Timestamp(at) => Json::from(timestamp_text(*at)),
            Value::Enum(value) => Json::from(value.name().as_str()),
            Value::Type(name) => Json::from(name.as_str()),
            Value::Media(media) => self.media(media)?,
            Value::Optional(None) => Json::Null,
            Value::Optional(Some(value)) => {
                let of = match ty {
                    Some(Type::Optional(of) | Type::Nullable(of)) => Some(&**of),
                    other => other,
                };
                let depth = self.deeper(depth)?;
                self.value(value, of, depth)?
            }
            Value::List(items) => {
                let depth = self.deeper(depth)?;
                let of = match self.parts(ty, value) {
                    Parts::Elements(of) => Some(of),
                    _ => None,
                };
                let mut out = Vec::with_capacity(items.len());
                for (index, item) in items.iter().enumerate() {
                    let at = self.path.len();
                    if !is_scalar(item) {
                        self.path.push_str(&format!("[{index}]"));
                    }
                    out.push(self.value(item, of, depth)?);
                    self.path.truncate(at);
                }
                Json::Array(out)
            }
            Value::Map(map) => {
                let depth = self.deeper(depth)?;
                let of = match self.parts(ty, value) {
                    Parts::Elements(of) => Some(of),
                    _ => None,
                };
                let mut out = Map::with_capacity(map.len());
                for (key, item) in map.iter() {
                    let name = key.text();
                    self.take(name.len() + 4)?;
                    let encoded = self.within(&name, item, of, depth)?;
                    out.insert(name, encoded);
                }
                Json::Object(out)
            }
            Value::Record(record) => {
                let depth = self.deeper(depth)?;
                self.record(record, value, ty, depth)?
            }
        })
    }

    fn record(
        &mut self,
        record: &RecordValue,
        value: &Value,
        ty: Option<&'a Type>,
        depth: usize,
    ) -> Result<Json, Violation> {
        let (fields, tagged) = match self.parts(ty, value) {
            Parts::Fields(fields, tagged) => (fields, tagged),
            _ => (&[][..], true),
        };
        let mut out = Map::with_capacity(record.slots.len() + 1);
        if let Some(tag) = record.shape.tag.as_ref().filter(|_| tagged) {
            self.take(tag.len() + 12)?;
            out.insert("type".into(), Json::from(tag.as_str()));
        }
        for (index, (name, slot)) in record.shape.fields.iter().zip(&record.slots).enumerate() {
            self.take(name.len() + 4)?;
            let of = match fields.get(index) {
                Some(field) if field.name == *name => Some(&field.ty),
                _ => fields.iter().find(|field| field.name == *name).map(|field| &field.ty),
            };
            let encoded = self.within(name, slot, of, depth)?;
            out.insert(name.to_string(), encoded);
        }
        Ok(Json::Object(out))
    }

    fn within(
        &mut self,
        name: &str,
        value: &Value,
        of: Option<&'a Type>,
        depth: usize,
    ) -> Result<Json, Violation> {
        let at = self.path.len();
        self.path.push('.');
        self.path.push_str(name);
        let encoded = self.value(value, of, depth);
        self.path.truncate(at);
        encoded
    }

    fn media(&mut self, media: &MediaValue) -> Result<Json, Violation> {
        let mut out = Map::new();
        out.insert("mime".into(), Json::from(media.mime.as_str()));
        match &media.source {
            MediaSource::Bytes(bytes) => {
                self.take(bytes.len() / 3 * 4 + 4)?;
                out.insert("data".into(), Json::from(BASE64_STANDARD.encode(bytes)));
            }
            MediaSource::Url(url) => {
                self.take(url.len())?;
                out.insert("url".into(), Json::from(&**url));
            }
        }
        Ok(Json::Object(out))
    }

    /// Returns what the type says about the value's parts, through names, `?` and `where`.
    fn parts(&self, ty: Option<&'a Type>, value: &Value) -> Parts<'a> {
        let mut ty = match ty {
            Some(ty) => ty,
            None => return Parts::Unknown,
        };
        for _ in 0..DEPTH_MAX {
            match ty {
                Type::Nullable(of) | Type::Optional(of) => ty = of,
                Type::Where(rule) => ty = &rule.base,
                Type::List(of, _) | Type::Map(_, of) => return Parts::Elements(of),
                Type::Record(record) => return Parts::Fields(&record.fields, false),
                Type::Named(name) => {
                    match self.types.and_then(|types| types.get(name)).map(|def| &def.body) {
                        Some(TypeBody::Alias { ty: of }) => ty = of,
                        Some(TypeBody::Record { record, .. }) => return Parts::Fields(&record.fields, false),
                        Some(TypeBody::Union { .. }) => return self.member(value),
                        _ => return Parts::Unknown,
                    }
                }
                _ => return Parts::Unknown,
            }
        }
        Parts::Unknown
    }

    fn member(&self, value: &Value) -> Parts<'a> {
        let Value::Record(record) = value else { return Parts::Unknown };
        let def = record.shape.name.as_ref().and_then(|name| self.types?.get(name));
        match def.map(|def| &def.body) {
            Some(TypeBody::Record { record, .. }) => Parts::Fields(&record.fields, true),
            _ => Parts::Unknown,
        }
    }

    fn take(&mut self, bytes: usize) -> Result<(), Violation> {
        match self.left.checked_sub(bytes) {
            Some(left) => {
                self.left = left;
                Ok(())
            }
            None => Err(self.violation("must be at most 16 MiB", "more")),
        }
    }

    fn deeper(&self, depth: usize) -> Result<usize, Violation> {
        depth.checked_sub(1).ok_or_else(|| {
            let mut violation = self.violation("must not nest deeper than 128", "more");
            violation.path = "$".into();
            violation
        })
    }

    fn violation(&self, rule: &str, got: &str) -> Violation {
        Violation { path: self.path.clone(), rule: rule.into(), got: got.into() }
    }
}

fn is_scalar(value: &Value) -> bool {
    matches!(value, Value::Null | Value::Bool(_) | Value::Int(_) | Value::String(_) | Value::Enum(_))
}
