//! JSON, and dynamic values, to values of a type.

use std::collections::HashMap;
use std::fmt::Write;
use std::sync::Arc;

use base64::prelude::*;
use indexmap::IndexMap;
use serde_json::Value as Json;

use super::{DEPTH_MAX, Rules, VIOLATIONS_MAX, enum_shape, parse_duration, record_shape};
use crate::types::{Field, Literal, Media, Size, TypeBody, Where};
use crate::value::{EnumShape, EnumValue, Key, MediaSource, MediaValue, RecordValue, Shape, Violation};
use crate::{Name, Type, TypeDefs, TypeName, Value};

/// Characters of an offending value that a violation shows.
const SHOWN_MAX: usize = 200;

/// What is read: JSON, or a value that may be dynamic.
pub(super) trait Source: Sized {
    /// Returns what it is.
    fn view(&self) -> View<'_, Self>;
    /// Returns a field.
    fn field(&self, name: &str) -> Option<&Self>;
    /// Calls `visit` with each entry, in order, until it returns false.
    fn entries<'a>(&'a self, visit: &mut dyn FnMut(&str, &'a Self) -> bool);
    /// Returns the typed value that it already is, if it is one.
    fn typed(&self) -> Option<&Value>;
}

/// What a source is.
pub(super) enum View<'a, S> {
    Null,
    Bool(bool),
    Int(i64),
    /// A number beyond 64 bits.
    Beyond,
    Float(f64),
    Text(&'a str),
    List(&'a [S]),
    Object,
    /// A typed scalar: only [`Source::typed`] tells more.
    Scalar,
}

impl Source for Json {
    fn view(&self) -> View<'_, Json> {
        match self {
            Json::Null => View::Null,
            Json::Bool(value) => View::Bool(*value),
            Json::Number(number) => match (number.as_i64(), number.as_u64()) {
                (Some(number), _) => View::Int(number),
                (None, Some(_)) => View::Beyond,
                _ => number.as_f64().filter(|number| number.is_finite()).map_or(View::Beyond, View::Float),
            },
            Json::String(text) => View::Text(text),
            Json::Array(items) => View::List(items),
            Json::Object(_) => View::Object,
        }
    }

    fn field(&self, name: &str) -> Option<&Json> {
        self.as_object()?.get(name)
    }

    fn entries<'a>(&'a self, visit: &mut dyn FnMut(&str, &'a Json) -> bool) {
        if let Json::Object(map) = self {
            for (key, value) in map {
                if !visit(key, value) {
                    return;
                }
            }
        }
    }

    fn typed(&self) -> Option<&Value> {
        None
    }
}

impl Source for Value {
    fn view(&self) -> View<'_, Value> {
        match self {
            Value::Null | Value::Optional(None) => View::Null,
            Value::Optional(Some(value)) => value.view(),
            Value::Bool(value) => View::Bool(*value),
            Value::Int(number) => View::Int(*number),
            Value::Uint(number) => i64::try_from(*number).map_or(View::Beyond, View::Int),
            Value::Float(number) if number.is_finite() => View::Float(*number),
            Value::Float(_) => View::Beyond,
            Value::String(text) => View::Text(text),
            Value::List(items) => View::List(items),
            Value::Map(_) | Value::Record(_) => View::Object,
            Value::Enum(value) => View::Text(value.name()),
            Value::Bytes(_) | Value::Duration(_) | Value::Timestamp(_) | Value::Media(_) | Value::Type(_) => {
                View::Scalar
            }
        }
    }

    fn field(&self, name: &str) -> Option<&Value> {
        match self {
            Value::Optional(Some(value)) => value.field(name),
            // A union's member has its tag as a field too, but only as text; see `Decoder::union`.
            other => other.get(name),
        }
    }

    fn entries<'a>(&'a self, visit: &mut dyn FnMut(&str, &'a Value) -> bool) {
        match self {
            Value::Map(map) => {
                for (key, value) in map.iter() {
                    let more = match key {
                        Key::String(text) => visit(text, value),
                        other => visit(&other.text(), value),
                    };
                    if !more {
                        return;
                    }
                }
            }
            Value::Record(record) => {
                for (name, value) in record.shape.fields.iter().zip(&record.slots) {
                    if !visit(name, value) {
                        return;
                    }
                }
            }
            Value::Optional(Some(value)) => value.entries(visit),
            _ => {}
        }
    }

    fn typed(&self) -> Option<&Value> {
        match self {
            Value::Optional(Some(value)) => value.typed(),
            other => Some(other),
        }
    }
}

/// Reads one document. What is wrong is noted and reading goes on, so that all of it is reported at once.
pub(super) struct Decoder<'a> {
    types: &'a TypeDefs,
    rules: &'a dyn Rules,
    path: String,
    violations: Vec<Violation>,
    shapes: HashMap<TypeName, Option<Arc<Shape>>>,
    enums: HashMap<TypeName, Option<Arc<EnumShape>>>,
}

impl<'a> Decoder<'a> {
    pub(super) fn new(types: &'a TypeDefs, rules: &'a dyn Rules) -> Self {
        let (shapes, enums) = (HashMap::new(), HashMap::new());
        Decoder { types, rules, path: "$".into(), violations: Vec::new(), shapes, enums }
    }

    pub(super) fn run<S: Source>(mut self, source: &S, ty: &Type) -> Result<Value, Vec<Violation>> {
        let value = self.value(source, ty, DEPTH_MAX);
        match value {
            Some(value) if self.violations.is_empty() => Ok(value),
            _ => Err(self.violations),
        }
    }

    /// Returns the value, or `None` after noting a violation.
    fn value<S: Source>(&mut self, source: &S, ty: &Type, depth: usize) -> Option<Value> {
        let Some(depth) = depth.checked_sub(1) else {
            return self.wrong("must not nest deeper than 128", source);
        };
        let view = source.view();
        match (ty, view) {
            (Type::Nullable(_) | Type::Optional(_) | Type::Null, View::Null) => Some(Value::Null),
            (Type::Nullable(of) | Type::Optional(of), _) => self.value(source, of, depth),
            (Type::Bool, View::Bool(value)) => Some(Value::Bool(value)),
            (Type::Int(range), View::Int(number)) if range.contains(number) => Some(Value::Int(number)),
            (Type::Int(range), View::Float(number)) => {
                match whole(number).filter(|number| range.contains(*number)) {
                    Some(number) => Some(Value::Int(number)),
                    None => self.mismatch(ty, source),
                }
            }
            (Type::Uint, View::Int(number)) if number >= 0 => Some(Value::Uint(number as u64)),
            (Type::Float(range), View::Int(number)) if range.contains(number as f64) => {
                Some(Value::Float(number as f64))
            }
            (Type::Float(range), View::Float(number)) if range.contains(number) => Some(Value::Float(number)),
            (Type::String(size), View::Text(text)) if fits(size, text) && !is_enum(source) => {
                Some(keep(source, || Value::string(text)))
            }
            (Type::Bytes, View::Text(text)) => match decode_base64(text) {
                Some(bytes) => Some(Value::Bytes(bytes.into())),
                None => self.mismatch(ty, source),
            },
            (Type::Duration, View::Text(text)) => match parse_duration(text) {
                Some(nanos) => Some(Value::Duration(nanos)),
                None => self.mismatch(ty, source),
            },
            (Type::Timestamp, View::Text(text)) => match parse_timestamp(text) {
                Some(at) => Some(Value::Timestamp(at)),
                None => self.mismatch(ty, source),
            },
            (Type::Bytes | Type::Duration | Type::Timestamp | Type::Media(_), View::Scalar) => {
                self.scalar(source, ty)
            }
            (Type::Media(kind), View::Text(_) | View::Object) => self.media(source, *kind),
            (Type::Json | Type::Error, _) => self.dynamic(source, depth),
            (Type::List(of, size), View::List(items)) => {
                if !size.contains(items.len() as u64) {
                    return self.wrong(&size_rule("elements", size), source);
                }
                self.list(items, of, depth)
            }
            (Type::Map(key, of), View::Object) => self.map(source, key, of, depth),
            (Type::Literals(literals), view) => {
                match literals.iter().find_map(|literal| literal_value(literal, &view)) {
                    Some(value) if !is_enum(source) => Some(value),
                    _ => self.mismatch(ty, source),
                }
            }
            (Type::Record(record), View::Object) => {
                let shape = Arc::new(Shape {
                    name: None,
                    tag: None,
                    fields: record.fields.iter().map(|field| field.name.clone()).collect(),
                });
                self.record(source, &record.fields, shape, depth)
            }
            (Type::Where(rule), _) => {
                let before = self.violations.len();
                let value = self.value(source, &rule.base, depth)?;
                if self.violations.len() == before { self.rule(rule, value, source) } else { None }
            }
            (Type::Named(name), _) => self.named(source, name, ty, depth),
            _ => self.mismatch(ty, source),
        }
    }

    fn named<S: Source>(&mut self, source: &S, name: &TypeName, ty: &Type, depth: usize) -> Option<Value> {
        let types = self.types;
        let Some(def) = types.get(name) else { return self.wrong("must be of a known type", source) };
        match (&def.body, source.view()) {
            (TypeBody::Alias { ty }, _) => self.value(source, ty, depth),
            (TypeBody::Record { record, rule }, View::Object) => {
                // A record of this very type has passed its checks when it was made.
                if let Some(value @ Value::Record(known)) = source.typed()
                    && known.shape.name.as_ref() == Some(name)
                {
                    return Some(value.clone());
                }
                let shape = self.shapes.entry(name.clone()).or_insert_with(|| record_shape(types, name));
                let shape = shape.clone()?;
                let before = self.violations.len();
                let value = self.record(source, &record.fields, shape, depth)?;
                match rule {
                    Some(rule) if self.violations.len() == before => self.rule(rule, value, source),
                    _ => Some(value),
                }
            }
            (TypeBody::Enum { .. }, View::Text(text)) => {
                let shape =
                    self.enums.entry(name.clone()).or_insert_with(|| enum_shape(types, name)).clone()?;
                if let Some(Value::Enum(value)) = source.typed()
                    && value.shape.name != shape.name
                {
                    return self.mismatch(ty, source);
                }
                match shape.values.iter().position(|value| value == text) {
                    Some(index) => Some(Value::Enum(EnumValue { shape, index: index as u32 })),
                    None => self.mismatch(ty, source),
                }
            }
            (TypeBody::Union { members }, View::Object) => self.union(source, members, depth),
            _ => self.mismatch(ty, source),
        }
    }

    fn union<S: Source>(&mut self, source: &S, members: &[TypeName], depth: usize) -> Option<Value> {
        if let Some(value @ Value::Record(known)) = source.typed()
            && let Some(name) = &known.shape.name
            && members.contains(name)
        {
            return Some(value.clone());
        }
        let types = self.types;
        let tag = match source.field("type").map(Source::view) {
            Some(View::Text(tag)) => {
                members.iter().find(|member| types.get(*member).is_some_and(|def| def.name == tag))
            }
            _ => None,
        };
        match tag {
            Some(member) => self.named(source, member, &Type::Named(member.clone()), depth),
            None => {
                let names: Vec<_> = members
                    .iter()
                    .filter_map(|member| types.get(member))
                    .map(|def| format!("\"{}\"", def.name))
                    .collect();
                let rule = format!("must be {}", names.join(" or "));
                match source.field("type") {
                    Some(found) => self.inside(".type", |this| this.wrong(&rule, found)),
                    None => self.wrong(&format!("must have a field \"type\" that {}", &rule), source),
                }
            }
        }
    }

    fn record<S: Source>(
        &mut self,
        source: &S,
        fields: &[Field],
        shape: Arc<Shape>,
        depth: usize,
    ) -> Option<Value> {
        let mut slots = Vec::with_capacity(fields.len());
        for field in fields {
            let slot = match source.field(&field.name) {
                Some(found) => self.inside(&step(&field.name), |this| this.value(found, &field.ty, depth)),
                None if self.allows_null(&field.ty) => Some(Value::Null),
                None => self.inside(&step(&field.name), |this| {
                    this.note("must not be missing".into(), "nothing".into());
                    None
                }),
            };
            slots.extend(slot);
        }
        (slots.len() == fields.len()).then(|| Value::Record(Arc::new(RecordValue { shape, slots })))
    }

    fn list<S: Source>(&mut self, items: &[S], of: &Type, depth: usize) -> Option<Value> {
        let mut out = Vec::with_capacity(items.len());
        for (index, item) in items.iter().enumerate() {
            let at = self.path.len();
            let _ = write!(self.path, "[{index}]");
            out.extend(self.value(item, of, depth));
            self.path.truncate(at);
            if self.violations.len() >= VIOLATIONS_MAX {
                return None;
            }
        }
        (out.len() == items.len()).then(|| Value::list(out))
    }

    fn map<S: Source>(&mut self, source: &S, key: &Type, of: &Type, depth: usize) -> Option<Value> {
        let mut out = IndexMap::new();
        let mut whole = true;
        source.entries(&mut |name, item| {
            let entry = self.inside(&step(name), |this| {
                let key = this.key(name, key)?;
                Some((key, this.value(item, of, depth)?))
            });
            match entry {
                Some((key, value)) => {
                    out.insert(key, value);
                }
                None => whole = false,
            }
            self.violations.len() < VIOLATIONS_MAX
        });
        whole.then(|| Value::Map(Arc::new(out)))
    }

    /// Reads a key of a map from its text.
    fn key(&mut self, text: &str, ty: &Type) -> Option<Key> {
        let source = match ty.base() {
            Type::Int(_) => text.parse::<i64>().map_or_else(|_| Json::from(text), Json::from),
            Type::Bool => match text {
                "true" => Json::Bool(true),
                "false" => Json::Bool(false),
                _ => Json::from(text),
            },
            _ => Json::from(text),
        };
        let value = self.value(&source, ty, DEPTH_MAX)?;
        let key = Key::from_value(&value);
        if key.is_none() {
            return self.wrong("must be a key: a string, an int, a bool or an enum's value", &source);
        }
        key
    }

    fn rule<S: Source>(&mut self, rule: &Where, value: Value, source: &S) -> Option<Value> {
        match self.rules.holds(rule, &value) {
            Ok(true) => Some(value),
            Ok(false) => self.wrong(&format!("must satisfy `{}`", rule.text), source),
            Err(error) => self.wrong(&format!("must satisfy `{}` ({error})", rule.text), source),
        }
    }

    fn scalar<S: Source>(&mut self, source: &S, ty: &Type) -> Option<Value> {
        match (ty, source.typed()) {
            (Type::Bytes, Some(value @ Value::Bytes(_)))
            | (Type::Duration, Some(value @ Value::Duration(_)))
            | (Type::Timestamp, Some(value @ Value::Timestamp(_))) => Some(value.clone()),
            (Type::Media(kind), Some(value @ Value::Media(media))) if media.kind == *kind => {
                Some(value.clone())
            }
            _ => self.mismatch(ty, source),
        }
    }

    /// Reads `{"mime": "image/png", "data": "…"}`, `{"mime": …, "url": …}`, a `data:` URL or an `https:` URL.
    fn media<S: Source>(&mut self, source: &S, kind: Media) -> Option<Value> {
        let text = |name: &str| match source.field(name).map(Source::view) {
            Some(View::Text(text)) => Some(text),
            _ => None,
        };
        let parts = match source.view() {
            View::Text(url) => match url.strip_prefix("data:").and_then(|rest| rest.split_once(";base64,")) {
                Some((mime, data)) => decode_base64(data).map(|data| (mime, MediaSource::Bytes(data.into()))),
                None if url.starts_with("https://") || url.starts_with("http://") => {
                    Some(("application/octet-stream", MediaSource::Url(url.into())))
                }
                None => None,
            },
            _ => match (text("mime"), text("data"), text("url")) {
                (Some(mime), Some(data), _) => {
                    decode_base64(data).map(|data| (mime, MediaSource::Bytes(data.into())))
                }
                (mime, None, Some(url)) => {
                    Some((mime.unwrap_or("application/octet-stream"), MediaSource::Url(url.into())))
                }
                _ => None,
            },
        };
        match parts {
            Some((mime, source)) => {
                Some(Value::Media(Arc::new(MediaValue { kind, mime: Name::new(mime), source })))
            }
            None => self.mismatch(&Type::Media(kind), source),
        }
    }

    /// Keeps what it is, as `json`: numbers as written, objects as maps.
    fn dynamic<S: Source>(&mut self, source: &S, depth: usize) -> Option<Value> {
        let Some(depth) = depth.checked_sub(1) else {
            return self.wrong("must not nest deeper than 128", source);
        };
        match source.view() {
            View::Null => Some(Value::Null),
            View::Bool(value) => Some(Value::Bool(value)),
            View::Int(number) => Some(Value::Int(number)),
            View::Float(number) => Some(Value::Float(number)),
            View::Beyond => self.wrong("must be a finite number of 64 bits", source),
            View::Text(text) => Some(Value::string(text)),
            View::Scalar => match source.typed().map(super::untyped) {
                Some(Ok(json)) => self.dynamic(&json, depth),
                _ => self.wrong("must be JSON", source),
            },
            View::List(items) => self.list(items, &Type::Json, depth),
            View::Object => {
                let mut out = IndexMap::new();
                let mut whole = true;
                if let Some(Value::Record(record)) = source.typed()
                    && let Some(tag) = &record.shape.tag
                {
                    out.insert(Key::String("type".into()), Value::string(tag));
                }
                source.entries(&mut |name, item| {
                    match self.inside(&step(name), |this| this.dynamic(item, depth)) {
                        Some(value) => {
                            out.insert(Key::String(name.into()), value);
                        }
                        None => whole = false,
                    }
                    self.violations.len() < VIOLATIONS_MAX
                });
                whole.then(|| Value::Map(Arc::new(out)))
            }
        }
    }

    fn allows_null(&self, ty: &Type) -> bool {
        match ty {
            Type::Named(name) => match self.types.get(name).map(|def| &def.body) {
                Some(TypeBody::Alias { ty }) => ty.allows_null(),
                _ => false,
            },
            other => other.allows_null(),
        }
    }

    fn inside<T>(&mut self, step: &str, run: impl FnOnce(&mut Self) -> T) -> T {
        let at = self.path.len();
        self.path.push_str(step);
        let result = run(self);
        self.path.truncate(at);
        result
    }

    fn mismatch<S: Source, T>(&mut self, ty: &Type, source: &S) -> Option<T> {
        let rule = type_rule(ty, self.types);
        self.wrong(&rule, source)
    }

    fn wrong<S: Source, T>(&mut self, rule: &str, source: &S) -> Option<T> {
        let mut got = String::new();
        show(source, &mut got, DEPTH_MAX);
        if got.chars().count() > SHOWN_MAX {
            got = got.chars().take(SHOWN_MAX).chain(['…']).collect();
        }
        self.note(rule.into(), got);
        None
    }

    fn note(&mut self, rule: String, got: String) {
        if self.violations.len() < VIOLATIONS_MAX {
            let path: String = if self.path.len() > 1_000 {
                self.path.chars().take(SHOWN_MAX).chain(['…']).collect()
            } else {
                self.path.clone()
            };
            self.violations.push(Violation { path, rule, got });
        }
    }
}

/// Writes a step of a path: `.name`, or `["a b"]` where the name isn't plain.
fn step(name: &str) -> String {
    let plain =
        !name.is_empty() && name.len() <= 100 && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
    if plain {
        format!(".{name}")
    } else {
        let cut: String = name.chars().take(100).collect();
        format!("[{cut:?}]")
    }
}

/// Says what a type asks for, without its fields: "must be an int from 1 to 5".
fn type_rule(ty: &Type, types: &TypeDefs) -> String {
    fn range<T: std::fmt::Display>(min: Option<T>, max: Option<T>) -> String {
        match (min, max) {
            (Some(min), Some(max)) => format!(" from {min} to {max}"),
            (Some(min), None) => format!(" of at least {min}"),
            (None, Some(max)) => format!(" of at most {max}"),
            (None, None) => String::new(),
        }
    }
    match ty {
        Type::Nullable(of) | Type::Optional(of) => format!("{} or null", type_rule(of, types)),
        Type::Null => "must be null".into(),
        Type::Bool => "must be true or false".into(),
        Type::Int(bounds) => format!("must be an int{}", range(bounds.min, bounds.max)),
        Type::Uint => "must be an int of at least 0".into(),
        Type::Float(bounds) => format!("must be a number{}", range(bounds.min, bounds.max)),
        Type::String(size) if size.min.is_some() || size.max.is_some() => size_rule("characters", size),
        Type::String(_) => "must be a string".into(),
        Type::Bytes => "must be bytes in base64".into(),
        Type::Duration => "must be a duration like \"90s\"".into(),
        Type::Timestamp => "must be a timestamp like \"2026-01-31T12:00:00Z\"".into(),
        Type::List(_, _) => "must be a list".into(),
        Type::Map(_, _) | Type::Record(_) => "must be an object".into(),
        Type::Literals(literals) => {
            let texts: Vec<_> = literals
                .iter()
                .map(|literal| match literal {
                    Literal::String(text) => format!("{text:?}"),
                    Literal::Int(number) => number.to_string(),
                    Literal::Bool(value) => value.to_string(),
                })
                .collect();
            format!("must be {}", texts.join(" or "))
        }
        Type::Named(name) => match types.get(name).map(|def| (&def.name, &def.body)) {
            Some((name, TypeBody::Enum { values })) => {
                let names: Vec<_> = values.iter().map(|value| value.name.as_str()).collect();
                format!("must be a {name}: one of {}", names.join(", "))
            }
            Some((name, TypeBody::Alias { ty })) => format!("{} ({name})", type_rule(ty, types)),
            Some((name, _)) => format!("must be an object ({name})"),
            None => "must be of a known type".into(),
        },
        other => format!("must be of type {other}"),
    }
}

fn size_rule(of: &str, size: &Size) -> String {
    match (size.min, size.max) {
        (Some(min), Some(max)) => format!("must have {min} to {max} {of}"),
        (Some(min), None) => format!("must have at least {min} {of}"),
        (None, Some(max)) => format!("must have at most {max} {of}"),
        (None, None) => format!("must have {of}"),
    }
}

fn fits(size: &Size, text: &str) -> bool {
    size.min.is_none() && size.max.is_none() || size.contains(text.chars().count() as u64)
}

/// An enum's value reads as text, but is no string (T2).
fn is_enum<S: Source>(source: &S) -> bool {
    matches!(source.typed(), Some(Value::Enum(_)))
}

/// Shares a text that is a value already.
fn keep<S: Source>(source: &S, make: impl FnOnce() -> Value) -> Value {
    match source.typed() {
        Some(value @ Value::String(_)) => value.clone(),
        _ => make(),
    }
}

fn whole(number: f64) -> Option<i64> {
    let in_range = (-9_223_372_036_854_775_808.0..9_223_372_036_854_775_808.0).contains(&number);
    (number.fract() == 0.0 && in_range).then_some(number as i64)
}

fn literal_value<S>(literal: &Literal, view: &View<'_, S>) -> Option<Value> {
    match (literal, view) {
        (Literal::String(text), View::Text(found)) if text == found => Some(Value::string(text)),
        (Literal::Int(number), View::Int(found)) if number == found => Some(Value::Int(*number)),
        (Literal::Int(number), View::Float(found)) if whole(*found) == Some(*number) => {
            Some(Value::Int(*number))
        }
        (Literal::Bool(value), View::Bool(found)) if value == found => Some(Value::Bool(*value)),
        _ => None,
    }
}

fn decode_base64(text: &str) -> Option<Vec<u8>> {
    BASE64_STANDARD.decode(text).or_else(|_| BASE64_STANDARD_NO_PAD.decode(text)).ok()
}

/// Reads a point in time of the years 1 to 9999.
fn parse_timestamp(text: &str) -> Option<jiff::Timestamp> {
    let at: jiff::Timestamp = text.parse().ok()?;
    (-62_135_596_800..253_402_300_800).contains(&at.as_second()).then_some(at)
}

/// Writes the beginning of a source as JSON; stops some characters after what is shown.
fn show<S: Source>(source: &S, out: &mut String, depth: usize) {
    if out.len() > SHOWN_MAX * 4 || depth == 0 {
        return;
    }
    match source.view() {
        View::Null => out.push_str("null"),
        View::Bool(value) => {
            let _ = write!(out, "{value}");
        }
        View::Int(number) => {
            let _ = write!(out, "{number}");
        }
        View::Float(number) => {
            let _ = write!(out, "{number:?}");
        }
        View::Beyond => out.push_str("a number beyond 64 bits"),
        View::Text(text) => {
            let cut: String = text.chars().take(SHOWN_MAX + 1).collect();
            out.push_str(&Json::from(cut).to_string());
        }
        View::Scalar => match source.typed() {
            Some(Value::Duration(nanos)) => out.push_str(&super::duration_text(*nanos)),
            Some(Value::Timestamp(at)) => out.push_str(&super::timestamp_text(*at)),
            Some(Value::Bytes(bytes)) => {
                let _ = write!(out, "{} bytes", bytes.len());
            }
            _ => out.push_str("media"),
        },
        View::List(items) => {
            out.push('[');
            for (index, item) in items.iter().enumerate().take(SHOWN_MAX) {
                if index > 0 {
                    out.push(',');
                }
                show(item, out, depth - 1);
            }
            out.push(']');
        }
        View::Object => {
            out.push('{');
            let mut first = true;
            source.entries(&mut |name, item| {
                if !std::mem::take(&mut first) {
                    out.push(',');
                }
                out.push_str(&Json::from(name.chars().take(SHOWN_MAX).collect::<String>()).to_string());
                out.push(':');
                show(item, out, depth - 1);
                out.len() <= SHOWN_MAX * 4
            });
            out.push('}');
        }
    }
}
