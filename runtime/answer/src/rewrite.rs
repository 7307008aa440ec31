//! What the rewriting of schemas has in common.

use serde_json::{Map, Value, json};

/// Moves keywords into the description, where a model may read them: `maxLength: 40.`
pub(crate) fn into_description(map: &mut Map<String, Value>, moves: impl Fn(&str, &Value) -> bool) {
    let moved: Vec<String> =
        map.iter().filter(|(key, value)| moves(key, value)).map(|(key, _)| key.clone()).collect();
    for key in moved {
        let Some(value) = map.shift_remove(&key) else { continue };
        let value = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        let said = match map.get("description").and_then(Value::as_str) {
            Some(text) if text.ends_with(['.', '!', '?']) => format!("{text} {key}: {value}."),
            Some(text) => format!("{text}. {key}: {value}."),
            None => format!("{key}: {value}."),
        };
        map.insert(String::from("description"), Value::String(said));
    }
}

/// Whether null is among the values of a schema, as far as it says so itself.
pub(crate) fn is_nullable(schema: &Value) -> bool {
    let is_null = |value: &Value| value.as_str() == Some("null");
    let by_type = match schema.get("type") {
        Some(Value::Array(types)) => types.iter().any(is_null),
        Some(ty) => is_null(ty),
        None => false,
    };
    let by_values =
        schema.get("enum").and_then(Value::as_array).is_some_and(|all| all.contains(&Value::Null));
    let by_choice = ["anyOf", "oneOf"]
        .iter()
        .filter_map(|key| schema.get(key)?.as_array())
        .any(|choices| choices.iter().any(is_nullable));
    by_type && (by_values || schema.get("enum").is_none())
        || by_values && schema.get("type").is_none()
        || by_choice
}

/// Adds null to the values of a schema.
pub(crate) fn make_nullable(schema: &mut Value) {
    let Some(map) = schema.as_object_mut() else { return };
    if let Some(Value::Array(choices)) = map.get_mut("anyOf") {
        choices.push(json!({"type": "null"}));
        return;
    }
    let simple = !["enum", "const", "$ref", "oneOf"].iter().any(|key| map.contains_key(*key));
    if let (true, Some(ty @ Value::String(_))) = (simple, map.get_mut("type")) {
        *ty = json!([ty.take(), "null"]);
        return;
    }
    let description = map.shift_remove("description");
    let mut wrapped = json!({"anyOf": [std::mem::take(map), {"type": "null"}]});
    if let (Some(description), Some(outer)) = (description, wrapped.as_object_mut()) {
        outer.insert(String::from("description"), description);
    }
    *schema = wrapped;
}
