//! The schema of an answer as OpenAI's strict mode takes it, and as servers of the same wire do.

use std::borrow::Cow;

use serde_json::{Map, Value, json};

use crate::rewrite::{into_description, is_nullable, make_nullable};

/// What a server of the wire accepts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dialect {
    /// OpenAI's own: refuses keywords that it doesn't enforce.
    Vendor,
    /// A compatible server: most enforce sizes and ignore what they don't know.
    Compatible,
}

/// A schema ready for `response_format`.
#[derive(Clone, Debug, PartialEq)]
pub struct Rewritten {
    /// An object at its root.
    pub schema: Value,
    /// Whether the server is to enforce it; not for types with free keys, which strict mode can't say.
    pub strict: bool,
    /// Whether the answer stands under [`WRAPPER`], since its type is no record; [`unwrap`] takes it out.
    pub wrapped: bool,
}

/// The only field of the object around an answer whose type is no record.
pub const WRAPPER: &str = "value";

/// Rewrites the schema of a type: every field required, absent ones null, closed objects, an object at the root;
/// what the server doesn't accept moves into the description and is checked afterwards.
pub fn rewrite(schema: &Value, dialect: Dialect) -> Rewritten {
    let mut root = schema.clone();
    let defs = root.as_object_mut().and_then(|map| map.shift_remove("$defs"));
    if let Some(target) = definition(&root, defs.as_ref()) {
        root = target;
    }
    let wrapped = root.get("type").and_then(Value::as_str) != Some("object");
    if wrapped {
        root = json!({
            "type": "object",
            "properties": {WRAPPER: root},
            "required": [WRAPPER],
            "additionalProperties": false,
        });
    }
    if let (Some(defs), Some(map)) = (defs, root.as_object_mut()) {
        map.insert(String::from("$defs"), defs);
    }
    let strict = !is_open(&root);
    if strict {
        strengthen(&mut root, dialect);
    }
    Rewritten { schema: root, strict, wrapped }
}

/// Takes an answer out of its wrapper; one that has none stays as it is, since not every server keeps to the schema.
pub fn unwrap(text: &str) -> Cow<'_, str> {
    match serde_json::from_str::<Map<String, Value>>(text) {
        Ok(map) if map.len() == 1 && map.contains_key(WRAPPER) => Cow::Owned(map[WRAPPER].to_string()),
        _ => Cow::Borrowed(text),
    }
}

/// Takes out of a tool's arguments the nulls that stand for what is absent: strict mode asks for every field, also for
/// those that the tool's own schema leaves out. `None` if there are none.
pub fn drop_absent(arguments: &str, schema: &Value) -> Option<String> {
    if !arguments.contains("null") {
        return None;
    }
    let mut value: Value = serde_json::from_str(arguments).ok()?;
    drop_in(&mut value, schema, schema.get("$defs")).then(|| value.to_string())
}

fn drop_in(value: &mut Value, schema: &Value, defs: Option<&Value>) -> bool {
    let target = definition(schema, defs);
    let schema = target.as_ref().unwrap_or(schema);
    let mut dropped = false;
    match value {
        Value::Object(fields) => {
            let required = schema.get("required").and_then(Value::as_array);
            let is_required = |name: &str| required.is_some_and(|all| all.iter().any(|own| own == name));
            let known = schema.get("properties").and_then(Value::as_object);
            for (name, own) in known.into_iter().flatten() {
                let own = definition(own, defs).unwrap_or_else(|| own.clone());
                if fields.get(name).is_some_and(Value::is_null) && !is_required(name) && !is_nullable(&own) {
                    fields.shift_remove(name);
                    dropped = true;
                } else if let Some(field) = fields.get_mut(name) {
                    dropped |= drop_in(field, &own, defs);
                }
            }
        }
        Value::Array(items) => {
            if let Some(own) = schema.get("items") {
                for item in items {
                    dropped |= drop_in(item, own, defs);
                }
            }
        }
        _ => {}
    }
    dropped
}

/// Follows a root that only names a definition.
fn definition(root: &Value, defs: Option<&Value>) -> Option<Value> {
    let name = root.get("$ref")?.as_str()?.strip_prefix("#/$defs/")?;
    defs?.get(name).cloned()
}

/// Whether a schema leaves keys or values free, or says what strict mode has no words for.
fn is_open(schema: &Value) -> bool {
    let Some(map) = schema.as_object() else { return true };
    if map.keys().any(|key| {
        matches!(
            key.as_str(),
            "allOf"
                | "not"
                | "if"
                | "then"
                | "else"
                | "patternProperties"
                | "dependentRequired"
                | "prefixItems"
        )
    }) {
        return true;
    }
    let says_something =
        ["type", "$ref", "anyOf", "oneOf", "enum", "const"].iter().any(|key| map.contains_key(*key));
    let free_keys = match map.get("additionalProperties") {
        Some(Value::Bool(false)) => false,
        Some(_) => true,
        None => map.get("type").and_then(Value::as_str) == Some("object") && !map.contains_key("properties"),
    };
    let free_items = map.get("type").and_then(Value::as_str) == Some("array") && !map.contains_key("items");
    !says_something || free_keys || free_items || children(map).any(is_open)
}

/// Returns the schemas directly inside a schema.
fn children(map: &Map<String, Value>) -> impl Iterator<Item = &Value> {
    let named = ["properties", "$defs"].into_iter().filter_map(|key| map.get(key)?.as_object());
    let listed = ["anyOf", "oneOf"].into_iter().filter_map(|key| map.get(key)?.as_array());
    named.flat_map(Map::values).chain(listed.flatten()).chain(map.get("items"))
}

fn strengthen(schema: &mut Value, dialect: Dialect) {
    let Some(map) = schema.as_object_mut() else { return };
    if let Some(any) = map.shift_remove("oneOf") {
        map.insert(String::from("anyOf"), any);
    }
    if let Some(value) = map.shift_remove("const") {
        map.insert(String::from("enum"), json!([value]));
    }
    if map.contains_key("$ref") && map.len() > 1 && !map.contains_key("$defs") {
        // No word may stand beside a `$ref`.
        let target = map.shift_remove("$ref");
        map.insert(String::from("anyOf"), json!([{"$ref": target}]));
    }
    if map.contains_key("properties") {
        require_all(map);
    }
    into_description(map, |key, value| refused(key, value, dialect));
    for key in ["properties", "$defs"] {
        if let Some(Value::Object(inner)) = map.get_mut(key) {
            inner.values_mut().for_each(|schema| strengthen(schema, dialect));
        }
    }
    if let Some(Value::Array(inner)) = map.get_mut("anyOf") {
        inner.iter_mut().for_each(|schema| strengthen(schema, dialect));
    }
    if let Some(items) = map.get_mut("items") {
        strengthen(items, dialect);
    }
}

/// Makes every field required; one that could be absent can be null instead.
fn require_all(map: &mut Map<String, Value>) {
    let required: Vec<Value> = match map.get("required") {
        Some(Value::Array(names)) => names.clone(),
        _ => Vec::new(),
    };
    let Some(Value::Object(fields)) = map.get_mut("properties") else { return };
    for (name, field) in fields.iter_mut() {
        if !required.iter().any(|known| known.as_str() == Some(name)) && !is_nullable(field) {
            make_nullable(field);
        }
    }
    let all = fields.keys().cloned().map(Value::String).collect();
    map.insert(String::from("required"), Value::Array(all));
    map.insert(String::from("additionalProperties"), Value::Bool(false));
}

/// Whether the server has no use for a keyword.
fn refused(key: &str, value: &Value, dialect: Dialect) -> bool {
    match key {
        "default" | "examples" | "uniqueItems" | "minProperties" | "maxProperties" | "propertyNames"
        | "contentEncoding" | "contentMediaType" => true,
        "minLength" | "maxLength" => dialect == Dialect::Vendor,
        "format" => !matches!(
            value.as_str(),
            Some(
                "date-time" | "time" | "date" | "duration" | "email" | "hostname" | "ipv4" | "ipv6" | "uuid"
            )
        ),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_field_is_required_and_an_absent_one_is_null() {
        let schema = json!({
            "type": "object",
            "properties": {
                "title": {"type": "string", "maxLength": 40, "description": "Its title."},
                "note": {"type": "string"},
                "kind": {"$ref": "#/$defs/Kind", "description": "What it is."},
            },
            "required": ["title"],
            "additionalProperties": false,
            "$defs": {"Kind": {"enum": ["a", "b"]}},
        });
        let vendor = rewrite(&schema, Dialect::Vendor);
        assert_eq!(
            vendor,
            Rewritten {
                schema: json!({
                    "type": "object",
                    "properties": {
                        "title": {"type": "string", "description": "Its title. maxLength: 40."},
                        "note": {"type": ["string", "null"]},
                        "kind": {
                            "anyOf": [{"$ref": "#/$defs/Kind"}, {"type": "null"}],
                            "description": "What it is.",
                        },
                    },
                    "required": ["title", "note", "kind"],
                    "additionalProperties": false,
                    "$defs": {"Kind": {"enum": ["a", "b"]}},
                }),
                strict: true,
                wrapped: false,
            }
        );
        let compatible = rewrite(&schema, Dialect::Compatible);
        assert_eq!(compatible.schema["properties"]["title"]["maxLength"], 40);
    }

    #[test]
    fn what_is_no_record_is_wrapped_and_taken_out() {
        let schema = json!({"type": "array", "items": {"const": 3}});
        let rewritten = rewrite(&schema, Dialect::Vendor);
        assert!(rewritten.wrapped && rewritten.strict);
        assert_eq!(rewritten.schema["properties"]["value"], json!({"type": "array", "items": {"enum": [3]}}));
        assert_eq!(unwrap(r#" {"value": [1, 2.0, "a"]} "#), r#"[1,2.0,"a"]"#);
        for same in ["[1]", r#"{"value": 1, "more": 2}"#, r#"{"value": "#, "text", ""] {
            assert_eq!(unwrap(same), same);
        }
    }

    #[test]
    fn a_union_at_the_root_is_wrapped_and_a_name_is_followed() {
        let defs = json!({"A": {"type": "object", "properties": {}, "additionalProperties": false}});
        let union = rewrite(&json!({"oneOf": [{"$ref": "#/$defs/A"}], "$defs": defs}), Dialect::Vendor);
        assert!(union.wrapped);
        assert_eq!(union.schema["properties"]["value"], json!({"anyOf": [{"$ref": "#/$defs/A"}]}));
        assert!(union.schema["$defs"]["A"].is_object());
        let named = rewrite(&json!({"$ref": "#/$defs/A", "$defs": defs}), Dialect::Vendor);
        assert!(!named.wrapped && named.strict);
        assert_eq!(named.schema["type"], "object");
    }

    #[test]
    fn a_null_that_stands_for_nothing_is_taken_out_of_arguments() {
        let schema = json!({
            "type": "object",
            "properties": {
                "city": {"type": "string"},
                "days": {"type": "integer"},
                "note": {"anyOf": [{"type": "string"}, {"type": "null"}]},
                "at": {"$ref": "#/$defs/Place"},
                "more": {"type": "array", "items": {"$ref": "#/$defs/Place"}},
            },
            "required": ["city", "at"],
            "$defs": {"Place": {"type": "object", "properties": {"x": {"type": "integer"}}, "required": []}},
        });
        let given = r#"{"city":null,"days":null,"note":null,"at":{"x":null},"more":[{"x":null},{"x":1}]}"#;
        let left = r#"{"city":null,"note":null,"at":{},"more":[{},{"x":1}]}"#;
        assert_eq!(drop_absent(given, &schema).as_deref(), Some(left));
        for same in [left, r#"{"city":"a null"}"#, "{\"city\": nul", "null", "[null]"] {
            assert_eq!(drop_absent(same, &schema), None, "{same}");
        }
    }

    #[test]
    fn free_keys_are_not_strict() {
        for open in [
            json!({"type": "object", "additionalProperties": {"type": "string"}}),
            json!({"type": "object", "properties": {"x": {}}, "additionalProperties": false}),
            json!({"type": "object", "properties": {"x": {"type": "array"}}, "additionalProperties": false}),
        ] {
            let rewritten = rewrite(&open, Dialect::Vendor);
            assert!(!rewritten.strict, "{open}");
            assert_eq!(rewritten.schema, open);
        }
    }
}
