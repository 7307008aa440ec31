//! The schema of an answer as Anthropic's structured output takes it, and as its tools do.

use std::collections::HashSet;

use serde_json::{Map, Value, json};

use crate::openai::WRAPPER;
use crate::rewrite::{into_description, is_nullable};

/// A request's schemas may have so many fields that can be absent.
const OPTIONAL_MAX: usize = 24;
/// A request's schemas may have so many places of several types.
const UNIONS_MAX: usize = 16;

/// A schema with an object at its root.
#[derive(Clone, Debug, PartialEq)]
pub struct Rewritten {
    /// The schema.
    pub schema: Value,
    /// Whether the answer stands under [`WRAPPER`], since its type is no record; [`unwrap`](crate::openai::unwrap)
    /// takes it out.
    pub wrapped: bool,
}

/// Rewrites the schema of a type for `output_config.format`: closed objects, an object at the root, a field that can be
/// absent without its null; what isn't accepted moves into the description and is checked afterwards. `None` for a type
/// that can't be said there: free keys or values, one that holds itself, one with too many choices.
pub fn rewrite(schema: &Value) -> Option<Rewritten> {
    let Rewritten { mut schema, wrapped } = with_object_root(schema);
    let defs = schema.as_object_mut()?.shift_remove("$defs");
    let names = defs.as_ref().and_then(Value::as_object);
    if is_open(&schema) || names.is_some_and(|defs| defs.values().any(is_open) || is_recursive(defs)) {
        return None;
    }
    let mut counts = Counts::default();
    strengthen(&mut schema, names, &mut counts);
    if let Some(defs) = names {
        let mut strengthened = Map::new();
        for (name, schema) in defs {
            let mut schema = schema.clone();
            strengthen(&mut schema, names, &mut counts);
            strengthened.insert(name.clone(), schema);
        }
        schema.as_object_mut()?.insert(String::from("$defs"), Value::Object(strengthened));
    }
    let fits = counts.optional <= OPTIONAL_MAX && counts.unions <= UNIONS_MAX;
    fits.then_some(Rewritten { schema, wrapped })
}

/// Puts an object at a schema's root, as the input of a tool must have it, and changes nothing else.
pub fn with_object_root(schema: &Value) -> Rewritten {
    let mut root = schema.clone();
    let defs = root.as_object_mut().and_then(|map| map.shift_remove("$defs"));
    if let Some(target) = definition(&root, defs.as_ref().and_then(Value::as_object)) {
        root = target.clone();
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
    Rewritten { schema: root, wrapped }
}

fn definition<'a>(schema: &Value, defs: Option<&'a Map<String, Value>>) -> Option<&'a Value> {
    defs?.get(reference(schema)?)
}

fn reference(schema: &Value) -> Option<&str> {
    schema.get("$ref")?.as_str()?.strip_prefix("#/$defs/")
}

/// Returns the schemas directly inside a schema.
fn children(map: &Map<String, Value>) -> impl Iterator<Item = &Value> {
    let named = map.get("properties").and_then(Value::as_object).into_iter().flat_map(Map::values);
    let listed = ["anyOf", "oneOf"].into_iter().filter_map(|key| map.get(key)?.as_array()).flatten();
    named.chain(listed).chain(map.get("items"))
}

/// Whether a schema leaves keys or values free, or says what there are no words for.
fn is_open(schema: &Value) -> bool {
    let Some(map) = schema.as_object() else { return true };
    let says_something =
        ["type", "$ref", "anyOf", "oneOf", "enum", "const"].iter().any(|key| map.contains_key(*key));
    let unsayable = ["allOf", "not", "if", "patternProperties", "dependentRequired", "prefixItems"];
    let free = match map.get("type").and_then(Value::as_str) {
        Some("object") => {
            map.get("additionalProperties").is_some_and(|more| *more != Value::Bool(false))
                || !map.contains_key("properties")
        }
        Some("array") => !map.contains_key("items"),
        _ => map.get("additionalProperties").is_some_and(|more| *more != Value::Bool(false)),
    };
    !says_something
        || free
        || unsayable.iter().any(|key| map.contains_key(*key))
        || children(map).any(is_open)
}

/// Whether a definition leads back to itself.
fn is_recursive(defs: &Map<String, Value>) -> bool {
    fn named<'a>(schema: &'a Value, out: &mut Vec<&'a str>) {
        out.extend(reference(schema));
        if let Some(map) = schema.as_object() {
            children(map).for_each(|schema| named(schema, out));
        }
    }
    // Names that nothing unfinished is needed for are taken away until none is left, or only circles.
    let mut needs: Vec<(&str, Vec<&str>)> = defs
        .iter()
        .map(|(name, schema)| {
            let mut out = Vec::new();
            named(schema, &mut out);
            (name.as_str(), out)
        })
        .collect();
    let mut done: HashSet<&str> = HashSet::new();
    loop {
        let before = needs.len();
        needs.retain(|(name, needs)| {
            let ready = needs.iter().all(|need| done.contains(need) || !defs.contains_key(*need));
            if ready {
                done.insert(*name);
            }
            !ready
        });
        match needs.len() {
            0 => return false,
            left if left == before => return true,
            _ => {}
        }
    }
}

#[derive(Default)]
struct Counts {
    optional: usize,
    unions: usize,
}

fn strengthen(schema: &mut Value, defs: Option<&Map<String, Value>>, counts: &mut Counts) {
    inline(schema, defs);
    split(schema);
    let Some(map) = schema.as_object_mut() else { return };
    if let Some(any) = map.shift_remove("oneOf") {
        map.insert(String::from("anyOf"), any);
    }
    if let Some(value) = map.shift_remove("const") {
        map.insert(String::from("enum"), json!([value]));
    }
    if let (Some(values), false) = (map.get("enum"), map.contains_key("type")) {
        // The type is asked for, also beside values that say it.
        if let Some(kind) = values.get(0).and_then(kind) {
            map.insert(String::from("type"), kind.into());
        }
    }
    let required: HashSet<String> = match map.get("required") {
        Some(Value::Array(names)) => names.iter().filter_map(Value::as_str).map(str::to_owned).collect(),
        _ => HashSet::new(),
    };
    if let Some(Value::Object(fields)) = map.get_mut("properties") {
        for (name, field) in fields.iter_mut() {
            if !required.contains(name) {
                counts.optional += 1;
                // Absent says as much as null, and costs no choice.
                drop_null(field);
            }
        }
        map.insert(String::from("additionalProperties"), Value::Bool(false));
    }
    into_description(map, is_refused);
    if let Some(Value::Object(inner)) = map.get_mut("properties") {
        inner.values_mut().for_each(|schema| strengthen(schema, defs, counts));
    }
    if let Some(Value::Array(inner)) = map.get_mut("anyOf") {
        counts.unions += 1;
        inner.iter_mut().for_each(|schema| strengthen(schema, defs, counts));
    }
    if let Some(items) = map.get_mut("items") {
        strengthen(items, defs, counts);
    }
}

/// Puts a definition in place of a reference that has words of its own beside it, since it may have none.
fn inline(schema: &mut Value, defs: Option<&Map<String, Value>>) {
    let Some(target) = definition(schema, defs).and_then(Value::as_object) else { return };
    let Some(map) = schema.as_object_mut().filter(|map| map.len() > 1) else { return };
    map.shift_remove("$ref");
    let mut whole = target.clone();
    whole.extend(std::mem::take(map));
    *map = whole;
}

/// Writes several types as a choice of one each; what describes them all stays outside.
fn split(schema: &mut Value) {
    let Some(map) = schema.as_object_mut() else { return };
    let Some(Value::Array(types)) = map.get("type").cloned() else { return };
    let description = map.shift_remove("description");
    let choices: Vec<Value> = types
        .iter()
        .filter_map(Value::as_str)
        .map(|name| {
            if name == "null" {
                return json!({"type": "null"});
            }
            let mut one = map.clone();
            one.insert(String::from("type"), name.into());
            if let Some(Value::Array(values)) = one.get_mut("enum") {
                values.retain(|value| kind(value) == Some(name) || name == "number" && value.is_number());
            }
            Value::Object(one)
        })
        .collect();
    *schema = match <[Value; 1]>::try_from(choices) {
        Ok([only]) => only,
        Err(choices) => json!({"anyOf": choices}),
    };
    if let (Some(description), Some(map)) = (description, schema.as_object_mut()) {
        map.insert(String::from("description"), description);
    }
}

/// Takes null out of a choice.
fn drop_null(schema: &mut Value) {
    if !is_nullable(schema) {
        return;
    }
    split(schema);
    let Some(map) = schema.as_object_mut() else { return };
    let Some(Value::Array(choices)) = map.get_mut("anyOf") else { return };
    choices.retain(|choice| choice.get("type").and_then(Value::as_str) != Some("null"));
    if let [only] = &mut choices[..] {
        let only = only.take();
        map.shift_remove("anyOf");
        if let Value::Object(only) = only {
            // What the field says of itself goes before what its type says.
            let own = std::mem::replace(map, only);
            map.extend(own);
        }
    }
}

fn kind(value: &Value) -> Option<&'static str> {
    match value {
        Value::String(_) => Some("string"),
        Value::Bool(_) => Some("boolean"),
        Value::Number(number) => Some(if number.is_f64() { "number" } else { "integer" }),
        Value::Null => Some("null"),
        Value::Array(_) | Value::Object(_) => None,
    }
}

/// Whether the server has no use for a keyword.
fn is_refused(key: &str, value: &Value) -> bool {
    match key {
        "type"
        | "enum"
        | "anyOf"
        | "properties"
        | "required"
        | "additionalProperties"
        | "items"
        | "$ref"
        | "$defs"
        | "description"
        | "title" => false,
        "minItems" => !matches!(value.as_u64(), Some(0 | 1)),
        "format" => !matches!(
            value.as_str(),
            Some(
                "date-time"
                    | "time"
                    | "date"
                    | "duration"
                    | "email"
                    | "hostname"
                    | "uri"
                    | "ipv4"
                    | "ipv6"
                    | "uuid"
            )
        ),
        _ => true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn field(schema: Value, required: bool) -> Value {
        let required = if required { json!(["x"]) } else { json!([]) };
        let object = json!({"type": "object", "properties": {"x": schema}, "required": required});
        rewrite(&object).unwrap().schema["properties"]["x"].take()
    }

    #[test]
    fn what_is_not_accepted_moves_into_the_description() {
        for (given, expected) in [
            (
                json!({"type": "string", "minLength": 1, "maxLength": 40, "description": "Its title."}),
                json!({"type": "string", "description": "Its title. minLength: 1. maxLength: 40."}),
            ),
            (
                json!({"type": "integer", "minimum": 0, "maximum": 9}),
                json!({"type": "integer", "description": "minimum: 0. maximum: 9."}),
            ),
            (
                json!({"type": "array", "items": {"type": "string", "pattern": "^a$"}, "minItems": 1, "maxItems": 3}),
                json!({
                    "type": "array",
                    "items": {"type": "string", "description": "pattern: ^a$."},
                    "minItems": 1,
                    "description": "maxItems: 3.",
                }),
            ),
            (
                json!({"type": "array", "items": {"type": "boolean"}, "minItems": 2}),
                json!({"type": "array", "items": {"type": "boolean"}, "description": "minItems: 2."}),
            ),
            (
                json!({"type": "string", "format": "date-time"}),
                json!({"type": "string", "format": "date-time"}),
            ),
            (
                json!({"type": "string", "contentEncoding": "base64"}),
                json!({"type": "string", "description": "contentEncoding: base64."}),
            ),
            (json!({"const": 3}), json!({"type": "integer", "enum": [3]})),
        ] {
            assert_eq!(field(given, true), expected);
        }
    }

    #[test]
    fn a_field_that_can_be_absent_needs_no_null() {
        let choice = json!({"type": ["string", "null"], "enum": ["a", null], "description": "D."});
        assert_eq!(
            field(choice.clone(), true),
            json!({"anyOf": [{"type": "string", "enum": ["a"]}, {"type": "null"}], "description": "D."})
        );
        assert_eq!(field(choice, false), json!({"type": "string", "enum": ["a"], "description": "D."}));
        let reference = json!({"anyOf": [{"$ref": "#/$defs/K"}, {"type": "null"}], "description": "Which."});
        let schema = json!({
            "type": "object",
            "properties": {"kind": reference, "other": {"$ref": "#/$defs/K"}},
            "required": ["other"],
            "additionalProperties": false,
            "$defs": {"K": {"type": "object", "properties": {"x": {"type": "integer"}}, "required": ["x"],
                "additionalProperties": false, "description": "A kind."}},
        });
        let rewritten = rewrite(&schema).unwrap();
        assert!(!rewritten.wrapped);
        // Beside a reference no word may stand, so that what it refers to stands there itself.
        assert_eq!(rewritten.schema["properties"]["kind"]["description"], "Which.");
        assert_eq!(rewritten.schema["properties"]["kind"]["properties"]["x"], json!({"type": "integer"}));
        assert_eq!(rewritten.schema["properties"]["other"], json!({"$ref": "#/$defs/K"}));
        assert_eq!(rewritten.schema["$defs"], schema["$defs"]);
    }

    #[test]
    fn what_is_no_record_is_wrapped() {
        let union = json!({"anyOf": [{"$ref": "#/$defs/A"}], "$defs": {"A": {
            "type": "object",
            "properties": {"type": {"type": "string", "const": "A"}},
            "required": ["type"],
            "additionalProperties": false,
        }}});
        let rewritten = rewrite(&union).unwrap();
        assert!(rewritten.wrapped);
        assert_eq!(rewritten.schema["properties"]["value"], json!({"anyOf": [{"$ref": "#/$defs/A"}]}));
        let tag = &rewritten.schema["$defs"]["A"]["properties"]["type"];
        assert_eq!(*tag, json!({"type": "string", "enum": ["A"]}));
        let named = json!({"$ref": "#/$defs/A", "$defs": union["$defs"]});
        assert!(!rewrite(&named).unwrap().wrapped);
        assert!(!with_object_root(&named).wrapped && with_object_root(&json!({"type": "string"})).wrapped);
    }

    #[test]
    fn what_cannot_be_said_is_not_said() {
        let tree = json!({
            "type": "object",
            "properties": {"child": {"$ref": "#/$defs/B"}},
            "required": [],
            "additionalProperties": false,
        });
        let fields = |count: usize, schema: Value| {
            let all: Map<String, Value> = (0..count).map(|i| (format!("f{i}"), schema.clone())).collect();
            json!({"type": "object", "properties": all, "additionalProperties": false})
        };
        let required = |count: usize| {
            let mut schema = fields(count, json!({"type": ["string", "null"]}));
            schema["required"] = (0..count).map(|i| format!("f{i}")).collect();
            schema
        };
        for unsayable in [
            json!({"type": "object", "additionalProperties": {"type": "string"}}),
            json!({"type": "object", "properties": {"x": {}}, "additionalProperties": false}),
            json!({"not": {}}),
            json!({"$ref": "#/$defs/A", "$defs": {"A": tree, "B": {"$ref": "#/$defs/A"}}}),
            fields(25, json!({"type": "integer"})),
            required(17),
        ] {
            assert_eq!(rewrite(&unsayable), None, "{unsayable}");
        }
        for sayable in [fields(24, json!({"type": "integer"})), required(16)] {
            assert!(rewrite(&sayable).is_some(), "{sayable}");
        }
    }
}
