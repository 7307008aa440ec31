//! What the tests of all wires ask, so that answers can be held against each other.

use flow_runtime_api::{Call, Message, Role, Schema, ToolSpec};
use serde_json::json;

/// A question without anything else.
pub fn question(text: &str) -> Call {
    Call { messages: vec![Message::text(Role::User, text)], ..Call::default() }
}

/// A tool that takes a city.
pub fn weather() -> ToolSpec {
    ToolSpec {
        name: String::from("get_weather"),
        description: String::from("The weather in a city."),
        parameters: json!({"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}),
    }
}

/// A record of a short text and a number up to ten.
pub fn title_and_score() -> Schema {
    let json = json!({
        "type": "object",
        "properties": {"title": {"type": "string", "maxLength": 12}, "score": {"type": "integer", "minimum": 0, "maximum": 10}},
        "required": ["title", "score"],
        "additionalProperties": false,
    });
    Schema { name: String::from("Review"), json }
}
