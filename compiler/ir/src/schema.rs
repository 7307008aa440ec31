//! JSON Schema (2020-12) of a type: what models and tools are told. Doc comments are descriptions, refinements are
//! bounds, members of a union carry `"type"` as a constant, and what JSON Schema can't say stands in the description.

use indexmap::IndexSet;
use serde_json::{Map, Value as Json, json};

use crate::types::{EnumValue, Field, IntRange, Literal, Size, TypeBody, Where};
use crate::{Type, TypeDefs, TypeName};

/// The dialect that the schemas are of.
pub const DIALECT: &str = "https://json-schema.org/draft/2020-12/schema";

/// Returns the schema of a type. Named types stand in its `$defs`, each once, so that recursive ones end; the root
/// itself stands in place unless it refers to itself.
pub fn schema(ty: &Type, types: &TypeDefs) -> Json {
    let mut writer = Writer { types, named: IndexSet::new() };
    let root = writer.schema(ty);
    let mut defs = Map::new();
    let mut done = 0;
    while let Some((name, is_member)) = writer.named.get_index(done).cloned() {
        done += 1;
        let schema = writer.definition(&name, is_member);
        defs.insert(def_key(&name, is_member), schema);
    }
    let mut root =
        match root.get("$ref").and_then(Json::as_str).and_then(|target| target.strip_prefix(PREFIX)) {
            // The root in place of a reference to it, if nothing else needs the definition.
            Some(key) if root.as_object().is_some_and(|root| root.len() == 1) => {
                let key = key.to_owned();
                let schema = defs.get(&key).cloned().unwrap_or(root);
                if !defs.values().any(|schema| refers_to(schema, &key)) {
                    defs.remove(&key);
                }
                schema
            }
            _ => root,
        };
    if let (Some(object), false) = (root.as_object_mut(), defs.is_empty()) {
        object.insert("$defs".into(), Json::Object(defs));
    }
    root
}

/// Returns the schema of a record of parameters, as a tool's input: an object with a property for each.
pub fn schema_of_fields(fields: &[Field], types: &TypeDefs) -> Json {
    let record = crate::types::Record { fields: fields.to_vec() };
    schema(&Type::Record(std::sync::Arc::new(record)), types)
}

const PREFIX: &str = "#/$defs/";

struct Writer<'a> {
    types: &'a TypeDefs,
    /// The named types met so far, in order, and whether as a member of a union: only then it has a `"type"`.
    named: IndexSet<(TypeName, bool)>,
}

impl Writer<'_> {
    fn schema(&mut self, ty: &Type) -> Json {
        match ty {
            Type::Error | Type::Json | Type::Type => json!({}),
            Type::Never => json!({"not": {}}),
            Type::Null => json!({"type": "null"}),
            Type::Bool => json!({"type": "boolean"}),
            Type::Int(range) => integer(range),
            Type::Uint => json!({"type": "integer", "minimum": 0}),
            Type::Float(range) => {
                let mut out = json!({"type": "number"});
                put(&mut out, "minimum", range.min.map(Json::from));
                put(&mut out, "maximum", range.max.map(Json::from));
                out
            }
            Type::String(size) => {
                let mut out = json!({"type": "string"});
                sizes(&mut out, size, "minLength", "maxLength");
                out
            }
            Type::Bytes => json!({"type": "string", "contentEncoding": "base64"}),
            Type::Duration => json!({"type": "string", "description": "A duration like 90s or 1h30m."}),
            Type::Timestamp => json!({"type": "string", "format": "date-time"}),
            Type::Media(_) => json!({
                "type": "object",
                "properties": {"mime": {"type": "string"}, "data": {"type": "string", "contentEncoding": "base64"}},
                "required": ["mime", "data"],
                "additionalProperties": false,
            }),
            Type::List(of, size) => {
                let mut out = json!({"type": "array", "items": self.schema(of)});
                sizes(&mut out, size, "minItems", "maxItems");
                out
            }
            Type::Map(key, of) => self.map(key, of),
            Type::Nullable(of) | Type::Optional(of) => nullable(self.schema(of)),
            Type::Literals(literals) => literal_union(literals),
            Type::Record(record) => self.record(&record.fields, None),
            Type::Named(name) => self.named(name, false),
            Type::Where(rule) => {
                let mut out = self.schema(&rule.base);
                describe(&mut out, &rule_text(rule));
                out
            }
        }
    }

    fn named(&mut self, name: &TypeName, is_member: bool) -> Json {
        match self.types.get(name).map(|def| &def.body) {
            Some(TypeBody::Alias { .. } | TypeBody::Enum { .. }) => self.definition(name, false),
            Some(_) => {
                self.named.insert((name.clone(), is_member));
                json!({"$ref": format!("{PREFIX}{}", def_key(name, is_member))})
            }
            None => json!({}),
        }
    }

    fn definition(&mut self, name: &TypeName, is_member: bool) -> Json {
        let types = self.types;
        let Some(def) = types.get(name) else { return json!({}) };
        let mut out = match &def.body {
            TypeBody::Alias { ty } => self.schema(ty),
            TypeBody::Enum { values } => enumeration(values),
            TypeBody::Record { record, rule } => {
                let mut out = self.record(&record.fields, is_member.then_some(def.name.as_str()));
                if let Some(rule) = rule {
                    describe(&mut out, &rule_text(rule));
                }
                out
            }
            TypeBody::Union { members } => {
                let members: Vec<Json> = members.iter().map(|member| self.named(member, true)).collect();
                json!({"anyOf": members})
            }
        };
        prepend(&mut out, &def.doc);
        out
    }

    fn record(&mut self, fields: &[Field], tag: Option<&str>) -> Json {
        let mut properties = Map::new();
        let mut required = Vec::new();
        if let Some(tag) = tag {
            properties.insert("type".into(), json!({"type": "string", "const": tag}));
            required.push(Json::from("type"));
        }
        for field in fields {
            let mut schema = self.schema(&field.ty);
            prepend(&mut schema, &field.doc);
            properties.insert(field.name.to_string(), schema);
            if !self.allows_null(&field.ty) {
                required.push(Json::from(field.name.as_str()));
            }
        }
        json!({"type": "object", "properties": properties, "required": required, "additionalProperties": false})
    }

    fn map(&mut self, key: &Type, of: &Type) -> Json {
        let mut out = json!({"type": "object", "additionalProperties": self.schema(of)});
        let names = match key {
            Type::String(size) if size.min.is_none() && size.max.is_none() => None,
            Type::Int(_) => Some(json!({"pattern": "^-?[0-9]+$"})),
            Type::Bool => Some(json!({"enum": ["true", "false"]})),
            other => {
                let mut schema = self.schema(other);
                if let Some(object) = schema.as_object_mut() {
                    object.remove("type");
                }
                Some(schema)
            }
        };
        put(&mut out, "propertyNames", names);
        out
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
}

/// Returns the key of a named type under `$defs`: plain characters, since some providers accept no others.
fn def_key(name: &TypeName, is_member: bool) -> String {
    let plain = |c: char| if c.is_ascii_alphanumeric() || c == '_' { c } else { '_' };
    let key: String = name.chars().map(plain).collect();
    if is_member { key + "_member" } else { key }
}

fn integer(range: &IntRange) -> Json {
    let mut out = json!({"type": "integer"});
    put(&mut out, "minimum", range.min.map(Json::from));
    put(&mut out, "maximum", range.max.map(Json::from));
    out
}

fn enumeration(values: &[EnumValue]) -> Json {
    let names: Vec<Json> = values.iter().map(|value| Json::from(value.name.as_str())).collect();
    let mut out = json!({"type": "string", "enum": names});
    let docs: Vec<String> = values
        .iter()
        .filter(|value| !value.doc.is_empty())
        .map(|value| format!("{}: {}", value.name, value.doc))
        .collect();
    describe(&mut out, &docs.join("\n"));
    out
}

fn literal_union(literals: &[Literal]) -> Json {
    let values: Vec<Json> = literals
        .iter()
        .map(|literal| match literal {
            Literal::String(text) => Json::from(text.as_str()),
            Literal::Int(number) => Json::from(*number),
            Literal::Bool(value) => Json::from(*value),
        })
        .collect();
    let kind = match literals.first() {
        Some(Literal::Int(_)) => "integer",
        Some(Literal::Bool(_)) => "boolean",
        _ => "string",
    };
    json!({"type": kind, "enum": values})
}

fn nullable(schema: Json) -> Json {
    let Json::Object(mut object) = schema else { return schema };
    if object.is_empty() {
        return Json::Object(object);
    }
    match object.get("type").and_then(Json::as_str).map(str::to_owned) {
        Some(kind) => {
            object.insert("type".into(), json!([kind, "null"]));
            if let Some(Json::Array(values)) = object.get_mut("enum") {
                values.push(Json::Null);
            }
            Json::Object(object)
        }
        None => json!({"anyOf": [object, {"type": "null"}]}),
    }
}

fn sizes(out: &mut Json, size: &Size, min: &str, max: &str) {
    put(out, min, size.min.map(Json::from));
    put(out, max, size.max.map(Json::from));
}

fn put(out: &mut Json, key: &str, value: Option<Json>) {
    if let (Some(object), Some(value)) = (out.as_object_mut(), value) {
        object.insert(key.into(), value);
    }
}

fn rule_text(rule: &Where) -> String {
    format!("Must satisfy: {}", rule.text)
}

/// Adds a text after the description that is there.
fn describe(out: &mut Json, text: &str) {
    if text.is_empty() {
        return;
    }
    let joined = match out.get("description").and_then(Json::as_str) {
        Some(before) => format!("{before}\n{text}"),
        None => text.to_owned(),
    };
    put(out, "description", Some(Json::from(joined)));
}

/// Adds a doc comment before the description that is there.
fn prepend(out: &mut Json, doc: &str) {
    let doc = doc.trim();
    if doc.is_empty() {
        return;
    }
    let joined = match out.get("description").and_then(Json::as_str) {
        Some(after) => format!("{doc}\n{after}"),
        None => doc.to_owned(),
    };
    put(out, "description", Some(Json::from(joined)));
}

fn refers_to(schema: &Json, key: &str) -> bool {
    match schema {
        Json::Object(object) => object.iter().any(|(name, value)| {
            name == "$ref" && value.as_str().is_some_and(|target| target.strip_prefix(PREFIX) == Some(key))
                || refers_to(value, key)
        }),
        Json::Array(items) => items.iter().any(|item| refers_to(item, key)),
        _ => false,
    }
}
