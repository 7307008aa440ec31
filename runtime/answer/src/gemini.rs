//! The schema of an answer, and of a tool's arguments, as Gemini's `responseJsonSchema` and `parametersJsonSchema` take it.
//!
//! Of JSON Schema they know `$defs`, `$ref`, `type` (a list of types too), `format`, `title`, `description`, `enum` of texts and
//! numbers, `items`, `prefixItems`, `minItems`, `maxItems`, `minimum`, `maximum`, `anyOf`, `properties`,
//! `additionalProperties` and `required`; nothing may stand beside a `$ref`, and what leads back to itself only in
//! fields that may be absent.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value, json};

use crate::rewrite::into_description;

const PREFIX: &str = "#/$defs/";

/// A schema ready for the wire.
#[derive(Clone, Debug, PartialEq)]
pub struct Rewritten {
    /// What Gemini has no word for stands in descriptions, and is checked afterwards.
    pub schema: Value,
    /// Whether the server can be held to it; not where a part leaves the type open, which the prompt has to say.
    pub is_closed: bool,
}

/// Rewrites the schema of a type.
pub fn rewrite(schema: &Value) -> Rewritten {
    let mut schema = schema.clone();
    let loops = Loops::of(&schema);
    if let Some(Value::Object(defs)) = schema.get_mut("$defs") {
        for (name, def) in defs.iter_mut() {
            simplify(def, &loops, Some(name));
        }
    }
    simplify(&mut schema, &loops, None);
    let is_closed = !is_open(&schema);
    Rewritten { schema, is_closed }
}

/// Which definitions lead to which.
struct Loops {
    reach: BTreeMap<String, BTreeSet<String>>,
}

impl Loops {
    fn of(schema: &Value) -> Loops {
        let mut reach: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        for (name, def) in schema.get("$defs").and_then(Value::as_object).into_iter().flatten() {
            let mut named = BTreeSet::new();
            names(def, &mut named);
            reach.insert(name.clone(), named);
        }
        // Until nothing new is reached: each round makes the ways twice as long.
        loop {
            let mut grown = false;
            for name in reach.keys().cloned().collect::<Vec<_>>() {
                let further: BTreeSet<String> =
                    reach[&name].iter().filter_map(|next| reach.get(next)).flatten().cloned().collect();
                let own = reach.entry(name).or_default();
                let before = own.len();
                own.extend(further);
                grown |= own.len() > before;
            }
            if !grown {
                return Loops { reach };
            }
        }
    }

    /// Whether a field of a definition leads back to it.
    fn leads_back(&self, field: &Value, definition: &str) -> bool {
        let mut named = BTreeSet::new();
        names(field, &mut named);
        named.iter().any(|name| {
            name == definition || self.reach.get(name).is_some_and(|further| further.contains(definition))
        })
    }
}

/// Collects the definitions that a schema names, itself.
fn names(schema: &Value, out: &mut BTreeSet<String>) {
    match schema {
        Value::Object(map) => {
            let target =
                map.get("$ref").and_then(Value::as_str).and_then(|target| target.strip_prefix(PREFIX));
            out.extend(target.map(str::to_owned));
            map.iter().filter(|(key, _)| *key != "$defs").for_each(|(_, value)| names(value, out));
        }
        Value::Array(items) => items.iter().for_each(|item| names(item, out)),
        _ => {}
    }
}

/// Rewrites a schema in place; `within` is the definition that it is a part of.
fn simplify(schema: &mut Value, loops: &Loops, within: Option<&str>) {
    let Some(map) = schema.as_object_mut() else { return };
    if let Some(any) = map.shift_remove("oneOf") {
        map.insert(String::from("anyOf"), any);
    }
    if let Some(value) = map.shift_remove("const") {
        map.insert(String::from("enum"), json!([value]));
    }
    if let Some(within) = within {
        free_loops(map, loops, within);
    }
    into_description(map, refused);
    let has_more = map.keys().any(|key| !key.starts_with('$'));
    if has_more && let Some(target) = map.shift_remove("$ref") {
        map.insert(String::from("anyOf"), json!([{"$ref": target}]));
    }
    enumerate(map);
    if let Some(Value::Object(inner)) = map.get_mut("properties") {
        inner.values_mut().for_each(|schema| simplify(schema, loops, within));
    }
    for key in ["anyOf", "prefixItems"] {
        if let Some(Value::Array(inner)) = map.get_mut(key) {
            inner.iter_mut().for_each(|schema| simplify(schema, loops, within));
        }
    }
    for key in ["items", "additionalProperties"] {
        if let Some(inner) = map.get_mut(key) {
            simplify(inner, loops, within);
        }
    }
}

/// Lets fields be absent that lead back to their own definition, and says in words that they may not.
fn free_loops(map: &mut Map<String, Value>, loops: &Loops, within: &str) {
    let Some(Value::Object(fields)) = map.get_mut("properties") else { return };
    let mut freed = Vec::new();
    for (name, field) in fields.iter_mut().filter(|(_, field)| loops.leads_back(field, within)) {
        freed.push(name.clone());
        if let Some(field) = field.as_object_mut() {
            let said = match field.get("description").and_then(Value::as_str) {
                Some(text) => format!("{text} Never absent."),
                None => String::from("Never absent."),
            };
            field.insert(String::from("description"), Value::String(said));
        }
    }
    let Some(Value::Array(required)) = map.get_mut("required") else { return };
    required.retain(|name| !freed.iter().any(|freed| name.as_str() == Some(freed)));
}

/// Whether Gemini has no use for a keyword.
fn refused(key: &str, value: &Value) -> bool {
    match key {
        "$ref"
        | "$defs"
        | "$id"
        | "$anchor"
        | "type"
        | "title"
        | "description"
        | "enum"
        | "items"
        | "prefixItems"
        | "minItems"
        | "maxItems"
        | "minimum"
        | "maximum"
        | "anyOf"
        | "properties"
        | "additionalProperties"
        | "required" => false,
        "format" => !matches!(value.as_str(), Some("date-time" | "date" | "time")),
        _ => true,
    }
}

/// Says values that aren't texts or numbers in other words: null as a type beside them, booleans in the description.
fn enumerate(map: &mut Map<String, Value>) {
    let Some(Value::Array(values)) = map.get("enum") else { return };
    if values.iter().all(|value| value.is_string() || value.is_number()) {
        return;
    }
    if values.iter().all(|value| value.is_string() || value.is_number() || value.is_null()) {
        let values: Vec<Value> = values.iter().filter(|value| !value.is_null()).cloned().collect();
        let description = map.shift_remove("description");
        let mut inner = std::mem::take(map);
        if let Some(Value::Array(types)) = inner.get_mut("type") {
            types.retain(|ty| ty.as_str() != Some("null"));
            if let [only] = &types[..] {
                let only = only.clone();
                inner.insert(String::from("type"), only);
            }
        }
        inner.insert(String::from("enum"), Value::Array(values));
        map.insert(String::from("anyOf"), json!([inner, {"type": "null"}]));
        if let Some(description) = description {
            map.insert(String::from("description"), description);
        }
        return;
    }
    into_description(map, |key, _| key == "enum");
}

/// Whether a schema leaves anything open: it then says nothing that an answer could be held to.
fn is_open(schema: &Value) -> bool {
    let Some(map) = schema.as_object() else { return schema.as_bool() != Some(false) };
    let says_something = ["type", "$ref", "anyOf", "enum"].iter().any(|key| map.contains_key(*key));
    let is = |ty: &str| map.get("type").and_then(Value::as_str) == Some(ty);
    let free_items = is("array") && !map.contains_key("items") && !map.contains_key("prefixItems");
    let free_keys =
        is("object") && !map.contains_key("properties") && !map.contains_key("additionalProperties");
    let named = ["properties", "$defs"].into_iter().filter_map(|key| map.get(key)?.as_object());
    let listed = ["anyOf", "prefixItems"].into_iter().filter_map(|key| map.get(key)?.as_array());
    let single = ["items", "additionalProperties"].into_iter().filter_map(|key| map.get(key));
    let mut inner = named.flat_map(Map::values).chain(listed.flatten()).chain(single);
    !says_something || free_items || free_keys || inner.any(is_open)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn closed(schema: Value) -> Value {
        let rewritten = rewrite(&schema);
        assert!(rewritten.is_closed, "{schema}");
        rewritten.schema
    }

    #[test]
    fn what_gemini_enforces_stays_and_the_rest_moves_into_the_description() {
        let schema = json!({
            "type": "object",
            "properties": {
                "title": {"type": "string", "minLength": 1, "maxLength": 40, "description": "Its title."},
                "at": {"type": "string", "format": "date-time"},
                "id": {"type": "string", "format": "uuid", "pattern": "^a+$"},
                "tags": {"type": "array", "items": {"type": "string"}, "minItems": 1, "maxItems": 3},
                "score": {"type": "number", "minimum": 0, "maximum": 1},
                "count": {"type": ["integer", "null"]},
                "by_name": {"type": "object", "additionalProperties": {"type": "integer"}, "propertyNames": {"maxLength": 3}},
            },
            "required": ["title", "at", "id", "tags", "score", "by_name"],
            "additionalProperties": false,
        });
        assert_eq!(
            closed(schema),
            json!({
                "type": "object",
                "properties": {
                    "title": {"type": "string", "description": "Its title. minLength: 1. maxLength: 40."},
                    "at": {"type": "string", "format": "date-time"},
                    "id": {"type": "string", "description": "format: uuid. pattern: ^a+$."},
                    "tags": {"type": "array", "items": {"type": "string"}, "minItems": 1, "maxItems": 3},
                    "score": {"type": "number", "minimum": 0, "maximum": 1},
                    "count": {"type": ["integer", "null"]},
                    "by_name": {
                        "type": "object",
                        "additionalProperties": {"type": "integer"},
                        "description": "propertyNames: {\"maxLength\":3}.",
                    },
                },
                "required": ["title", "at", "id", "tags", "score", "by_name"],
                "additionalProperties": false,
            })
        );
    }

    #[test]
    fn values_are_texts_and_numbers() {
        assert_eq!(closed(json!({"type": "string", "const": "a"})), json!({"type": "string", "enum": ["a"]}));
        assert_eq!(
            closed(json!({"type": ["string", "null"], "enum": ["a", "b", null], "description": "Which."})),
            json!({
                "anyOf": [{"type": "string", "enum": ["a", "b"]}, {"type": "null"}],
                "description": "Which.",
            })
        );
        assert_eq!(
            closed(json!({"type": "boolean", "enum": [true]})),
            json!({"type": "boolean", "description": "enum: [true]."})
        );
    }

    #[test]
    fn a_name_stands_alone() {
        let schema = json!({
            "type": "object",
            "properties": {"kind": {"$ref": "#/$defs/Kind", "description": "What it is."}},
            "required": ["kind"],
            "$defs": {"Kind": {"oneOf": [{"type": "string", "enum": ["a"]}, {"type": "null"}]}},
        });
        let written = closed(schema);
        assert_eq!(
            written["properties"]["kind"],
            json!({"description": "What it is.", "anyOf": [{"$ref": "#/$defs/Kind"}]})
        );
        assert_eq!(
            written["$defs"]["Kind"],
            json!({"anyOf": [{"type": "string", "enum": ["a"]}, {"type": "null"}]})
        );
    }

    #[test]
    fn what_leads_back_may_be_absent() {
        let node = json!({
            "type": "object",
            "properties": {
                "value": {"type": "integer"},
                "children": {"type": "array", "items": {"$ref": "#/$defs/Node"}, "description": "Below it."},
                "owner": {"$ref": "#/$defs/Owner"},
                "label": {"$ref": "#/$defs/Label"},
            },
            "required": ["value", "children", "owner", "label"],
        });
        let owner =
            json!({"type": "object", "properties": {"of": {"$ref": "#/$defs/Node"}}, "required": ["of"]});
        let schema = json!({
            "type": "object",
            "properties": {"root": {"$ref": "#/$defs/Node"}},
            "required": ["root"],
            "$defs": {"Node": node, "Owner": owner, "Label": {"type": "string"}},
        });
        let written = closed(schema);
        assert_eq!(written["required"], json!(["root"]));
        let node = &written["$defs"]["Node"];
        assert_eq!(node["required"], json!(["value", "label"]));
        assert_eq!(node["properties"]["children"]["description"], "Below it. Never absent.");
        assert_eq!(
            node["properties"]["owner"],
            json!({"description": "Never absent.", "anyOf": [{"$ref": "#/$defs/Owner"}]})
        );
        assert_eq!(written["$defs"]["Owner"]["required"], json!([]));
    }

    #[test]
    fn what_is_open_is_left_to_the_prompt() {
        for open in [
            json!({}),
            json!({"type": "array"}),
            json!({"type": "object"}),
            json!({"type": "object", "properties": {"x": {}}}),
            json!({"type": "object", "additionalProperties": {}}),
            json!({"type": "array", "items": {"not": {}}}),
            json!({"anyOf": [{"type": "null"}, {"$ref": "#/$defs/A"}], "$defs": {"A": {"type": "array"}}}),
        ] {
            assert!(!rewrite(&open).is_closed, "{open}");
        }
    }
}
