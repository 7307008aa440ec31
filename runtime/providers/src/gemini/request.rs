//! A call as Gemini has it.

use flow_answer::gemini::rewrite;
use flow_answer::schema_prompt;
use flow_runtime_api::{Call, Message, Part, Role, Sampling, ToolChoice, ToolSpec};
use serde_json::{Map, Value, json};

use super::family::{self, Family};
use super::{MADE_UP, NAME};

/// Stands for the signature of a thought that another model has had: a call of a tool without one is refused.
const NO_SIGNATURE: &str = "skip_thought_signature_validator";

/// Returns the body of a call.
pub(super) fn body(model: &str, call: &Call) -> Value {
    let family = family::of(model);
    let mut system = Vec::new();
    let mut contents = Vec::new();
    for message in &call.messages {
        if message.role == Role::System {
            system.extend(parts(message, model, family));
        } else {
            content(message, model, family, &mut contents);
        }
    }
    let mut config = config(&call.sampling, family);
    if let Some(schema) = &call.schema {
        let rewritten = rewrite(&schema.json);
        let is_alone = call.tools.is_empty() || family.has_tools_beside_schema();
        if is_alone {
            config.insert(String::from("responseMimeType"), json!("application/json"));
        }
        match is_alone && rewritten.is_closed {
            true => drop(config.insert(String::from("responseJsonSchema"), rewritten.schema)),
            false => system.push(json!({"text": schema_prompt(&schema.json)})),
        }
    }
    let mut body = Map::new();
    let mut set = |key: &str, value: Value| drop(body.insert(key.to_owned(), value));
    if !system.is_empty() {
        set("systemInstruction", json!({"parts": system}));
    }
    set("contents", Value::Array(contents));
    if !call.tools.is_empty() {
        let tools: Vec<Value> = call.tools.iter().map(tool).collect();
        set("tools", json!([{"functionDeclarations": tools}]));
        let mode = match call.tool_choice {
            ToolChoice::Auto => "AUTO",
            ToolChoice::None => "NONE",
        };
        set("toolConfig", json!({"functionCallingConfig": {"mode": mode}}));
    }
    if !config.is_empty() {
        set("generationConfig", Value::Object(config));
    }
    Value::Object(body)
}

fn config(sampling: &Sampling, family: Family) -> Map<String, Value> {
    let mut config = Map::new();
    let mut set = |key: &str, value: Option<Value>| {
        if let Some(value) = value {
            config.insert(key.to_owned(), value);
        }
    };
    set("temperature", sampling.temperature.map(|number| json!(number)));
    set("topP", sampling.top_p.map(|number| json!(number)));
    set("maxOutputTokens", sampling.max_tokens.map(|count| json!(count)));
    set("seed", sampling.seed.map(|seed| json!(narrow(seed))));
    set("stopSequences", (!sampling.stop.is_empty()).then(|| json!(sampling.stop)));
    set("thinkingConfig", sampling.thinking.map(|thinking| family.thinking(thinking)));
    config
}

/// Returns a seed as the wire has it, in 32 bits: itself where it fits, else one that is always the same for it.
fn narrow(seed: i64) -> i32 {
    i32::try_from(seed).unwrap_or((seed ^ (seed >> 32)) as i32)
}

fn tool(tool: &ToolSpec) -> Value {
    let mut out = json!({"name": tool.name, "description": tool.description});
    let takes_something =
        tool.parameters.get("properties").and_then(Value::as_object).is_some_and(|p| !p.is_empty());
    if takes_something {
        out["parametersJsonSchema"] = rewrite(&tool.parameters).schema;
    }
    out
}

/// Adds a message. All results of one turn's calls stand together, as the wire wants them.
fn content(message: &Message, model: &str, family: Family, contents: &mut Vec<Value>) {
    let parts = parts(message, model, family);
    if parts.is_empty() {
        return;
    }
    let answers_calls = |parts: &[Value]| parts.iter().all(|part| part.get("functionResponse").is_some());
    if answers_calls(&parts)
        && let Some(Value::Array(before)) = contents.last_mut().and_then(|last| last.get_mut("parts"))
        && answers_calls(before)
    {
        before.extend(parts);
        return;
    }
    let role = if message.role == Role::Assistant { "model" } else { "user" };
    contents.push(json!({"role": role, "parts": parts}));
}

fn parts(message: &Message, model: &str, family: Family) -> Vec<Value> {
    if let Some(said) = verbatim(message, model) {
        return said;
    }
    // A part without a text is refused; a question without one is for the server to judge.
    let is_question = message.role == Role::User;
    let mut has_call = false;
    let mut parts = Vec::with_capacity(message.parts.len());
    for part in &message.parts {
        match part {
            Part::Text(text) if text.is_empty() && (!is_question || message.parts.len() > 1) => {}
            Part::Text(text) => parts.push(json!({"text": text})),
            Part::Media { mime, data: Some(data), .. } => {
                parts.push(json!({"inlineData": {"mimeType": mime, "data": data}}));
            }
            Part::Media { mime, data: None, url } => {
                parts.push(json!({"fileData": {"mimeType": mime, "fileUri": url}}));
            }
            Part::ToolCall(call) => {
                let mut part = json!({"functionCall": function_call(&call.id, &call.name, &call.arguments)});
                // Of several calls at once only the first has one.
                if family.wants_signatures() && !std::mem::replace(&mut has_call, true) {
                    part["thoughtSignature"] = json!(NO_SIGNATURE);
                }
                parts.push(part);
            }
            Part::ToolResult { id, name, content, failed } => {
                parts.push(json!({"functionResponse": function_response(id, name, content, *failed)}));
            }
            // Another provider's.
            Part::Opaque { .. } => {}
        }
    }
    parts
}

/// Returns what this model has said as it said it, with its signatures in their places, if it must be sent back so.
/// Calls that aren't in the message any more are left out.
fn verbatim(message: &Message, model: &str) -> Option<Vec<Value>> {
    let said = message.parts.iter().find_map(|part| match part {
        Part::Opaque { provider, json } if provider == NAME => Some(json),
        _ => None,
    })?;
    // A signature opens only to the model that has made it.
    let parts = said.get("parts")?.as_array().filter(|_| said["model"] == model)?;
    let calls: Vec<_> = message
        .parts
        .iter()
        .filter_map(|part| match part {
            Part::ToolCall(call) => Some(call),
            _ => None,
        })
        .collect();
    let mut taken = vec![false; calls.len()];
    let mut out = Vec::with_capacity(parts.len());
    for part in parts {
        if let Some(said) = part.get("functionCall") {
            let same = |at: &usize| {
                let call = calls[*at];
                let id = said["id"].as_str();
                !taken[*at] && said["name"] == call.name.as_str() && (own_id(&call.id) == id)
            };
            let Some(at) = (0..calls.len()).find(same) else { continue };
            taken[at] = true;
        }
        out.push(part.clone());
    }
    // One that Gemini hasn't said can only be sent without it.
    taken.iter().all(|taken| *taken).then_some(out)
}

/// Returns an id that the server has given; the others mean nothing to it.
fn own_id(id: &str) -> Option<&str> {
    (!id.starts_with(MADE_UP) && !id.is_empty()).then_some(id)
}

fn function_call(id: &str, name: &str, arguments: &str) -> Value {
    let arguments = match serde_json::from_str::<Value>(arguments) {
        Ok(Value::Object(map)) => Value::Object(map),
        Ok(Value::Null) => json!({}),
        Err(_) if arguments.trim().is_empty() => json!({}),
        // What a model wrote although it is no object; the wire takes nothing else.
        _ => json!({"arguments": arguments}),
    };
    let mut call = json!({"name": name, "args": arguments});
    if let Some(id) = own_id(id) {
        call["id"] = json!(id);
    }
    call
}

fn function_response(id: &str, name: &str, content: &str, failed: bool) -> Value {
    let response = match failed {
        true => json!({"error": content}),
        false => {
            let read = serde_json::from_str::<Value>(content).unwrap_or_else(|_| json!(content));
            json!({"output": read})
        }
    };
    let mut out = json!({"name": name, "response": response});
    if let Some(id) = own_id(id) {
        out["id"] = json!(id);
    }
    out
}
