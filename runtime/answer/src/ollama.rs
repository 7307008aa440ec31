//! The schema of an answer as Ollama's `format` takes it: it becomes a grammar, of which the model sees nothing.

use serde_json::{Value, json};

use crate::rewrite::into_description;

/// Rewrites the schema of a type: keywords that no grammar is made of move into the description, and are checked
/// afterwards.
pub fn rewrite(schema: &Value) -> Value {
    let mut schema = schema.clone();
    simplify(&mut schema);
    schema
}

fn simplify(schema: &mut Value) {
    let Some(map) = schema.as_object_mut() else { return };
    if let Some(value) = map.shift_remove("const") {
        map.insert(String::from("enum"), json!([value]));
    }
    into_description(map, |key, _| {
        matches!(
            key,
            "pattern"
                | "format"
                | "default"
                | "examples"
                | "uniqueItems"
                | "minProperties"
                | "maxProperties"
                | "propertyNames"
                | "contentEncoding"
                | "contentMediaType"
        )
    });
    for key in ["properties", "$defs"] {
        if let Some(Value::Object(inner)) = map.get_mut(key) {
            inner.values_mut().for_each(simplify);
        }
    }
    for key in ["anyOf", "oneOf"] {
        if let Some(Value::Array(inner)) = map.get_mut(key) {
            inner.iter_mut().for_each(simplify);
        }
    }
    for key in ["items", "additionalProperties"] {
        if let Some(inner) = map.get_mut(key) {
            simplify(inner);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_makes_no_grammar_moves_into_the_description() {
        let schema = json!({
            "type": "object",
            "properties": {
                "at": {"type": "string", "format": "date-time", "maxLength": 40},
                "kind": {"const": "a"},
            },
            "additionalProperties": {"type": "string", "pattern": "^a+$"},
        });
        assert_eq!(
            rewrite(&schema),
            json!({
                "type": "object",
                "properties": {
                    "at": {"type": "string", "maxLength": 40, "description": "format: date-time."},
                    "kind": {"enum": ["a"]},
                },
                "additionalProperties": {"type": "string", "description": "pattern: ^a+$."},
            })
        );
    }
}
