//! A conversation as the wire has it: the instructions apart, and two roles that take turns.

use base64::Engine as _;
use flow_runtime_api::{Call, Failure, Kind, Message, Part, Role, ToolCall};
use serde_json::{Map, Value, json};

use super::NAME;

/// A conversation.
pub(super) struct History {
    /// Blocks of instructions.
    pub system: Vec<Value>,
    /// Messages, by turns.
    pub messages: Vec<Value>,
}

/// Writes a conversation for a model.
pub(super) fn write(call: &Call, model: &str) -> Result<History, Failure> {
    let mut system = Vec::new();
    let mut turns: Vec<(&str, Vec<Value>)> = Vec::new();
    for message in &call.messages {
        let (role, blocks) = match message.role {
            Role::System => {
                system.extend(message.parts.iter().filter_map(|part| match part {
                    Part::Text(said) => Some(said.as_str()).filter(|said| !said.trim().is_empty()).map(text),
                    _ => None,
                }));
                continue;
            }
            Role::User | Role::Tool => ("user", user(message)?),
            Role::Assistant => ("assistant", assistant(&message.parts, model)),
        };
        match turns.last_mut() {
            Some((last, all)) if *last == role => all.extend(blocks),
            _ if blocks.is_empty() => {}
            _ => turns.push((role, blocks)),
        }
    }
    if turns.is_empty() {
        return Err(Failure::new(Kind::Refused, "there is nothing to ask: the prompt is empty"));
    }
    // Results of tools go before whatever else is said in the same turn.
    for (_, blocks) in &mut turns {
        blocks.sort_by_key(|block| block["type"] != "tool_result");
    }
    if let Some(("assistant", blocks)) = turns.last_mut() {
        trim_end(blocks);
    }
    let messages = turns.into_iter().map(|(role, blocks)| json!({"role": role, "content": blocks})).collect();
    Ok(History { system, messages })
}

/// Returns a block of text.
pub(super) fn text(said: &str) -> Value {
    json!({"type": "text", "text": said})
}

/// Whether a turn that a tool's result belongs to begins without a thought, so that it can't be gone on with in thought.
pub(super) fn lacks_thoughts(messages: &[Value]) -> bool {
    let [.., said, results] = messages else { return false };
    let is_thought = |kind: &Value| kind == "thinking" || kind == "redacted_thinking";
    results["content"][0]["type"] == "tool_result" && !is_thought(&said["content"][0]["type"])
}

/// A beginning of an answer may not end in white space.
fn trim_end(blocks: &mut [Value]) {
    if let Some(Value::String(last)) = blocks.last_mut().and_then(|block| block.get_mut("text")) {
        last.truncate(last.trim_end().len());
    }
}

fn user(message: &Message) -> Result<Vec<Value>, Failure> {
    let mut blocks = Vec::new();
    for part in &message.parts {
        match part {
            Part::Text(said) if said.trim().is_empty() => {}
            Part::Text(said) => blocks.push(text(said)),
            Part::Media { mime, data, url } => blocks.push(media(mime, data.as_deref(), url.as_deref())?),
            Part::ToolResult { id, content, failed, .. } => {
                let mut block = json!({"type": "tool_result", "tool_use_id": plain(id)});
                if !content.is_empty() {
                    block["content"] = json!(content);
                }
                if *failed {
                    block["is_error"] = json!(true);
                }
                blocks.push(block);
            }
            Part::ToolCall(_) | Part::Opaque { .. } => {}
        }
    }
    Ok(blocks)
}

/// Writes what a model has said: text and calls of tools, and between them, where they stood, the blocks that are sent
/// back as they came. Another model can't read this one's thoughts.
pub(super) fn assistant(parts: &[Part], model: &str) -> Vec<Value> {
    let (mut said, mut calls, mut kept) = (String::new(), Vec::new(), Vec::new());
    for part in parts {
        match part {
            Part::Text(text) => said.push_str(text),
            Part::ToolCall(call) => calls.push(tool_use(call)),
            Part::Opaque { provider, json } if provider == NAME => kept.extend(Kept::read(json, model)),
            Part::Opaque { .. } | Part::Media { .. } | Part::ToolResult { .. } => {}
        }
    }
    let mut blocks = Vec::new();
    let (mut text_at, mut call_at) = (0, 0);
    let end = Kept { text: said.len(), calls: calls.len(), block: Value::Null };
    for Kept { text: text_to, calls: call_to, block } in kept.into_iter().chain([end]) {
        let mut text_to = text_to.clamp(text_at, said.len());
        while !said.is_char_boundary(text_to) {
            text_to -= 1;
        }
        let call_to = call_to.clamp(call_at, calls.len());
        let piece = &said[text_at..text_to.max(text_at)];
        if !piece.trim().is_empty() {
            blocks.push(text(piece));
            text_at = text_to;
        }
        blocks.extend_from_slice(&calls[call_at..call_to]);
        call_at = call_to;
        if !block.is_null() {
            blocks.push(block);
        }
    }
    blocks
}

/// A block that is sent back as it came.
pub(super) struct Kept {
    /// After so many bytes of text.
    pub text: usize,
    /// After so many calls of tools.
    pub calls: usize,
    /// As it came.
    pub block: Value,
}

impl Kept {
    /// Writes it as a part.
    pub fn part(self, model: &str) -> Part {
        let mut json = Map::new();
        json.insert(String::from("model"), json!(model));
        for (key, count) in [("text", self.text), ("calls", self.calls)] {
            if count > 0 {
                json.insert(String::from(key), json!(count));
            }
        }
        json.insert(String::from("block"), self.block);
        Part::Opaque { provider: String::from(NAME), json: Value::Object(json) }
    }

    /// Reads it from a part; `None` for a thought of another model.
    fn read(json: &Value, model: &str) -> Option<Kept> {
        let block = json.get("block")?;
        let is_thought = matches!(block["type"].as_str()?, "thinking" | "redacted_thinking");
        let is_own = json.get("model").and_then(Value::as_str) == Some(model);
        let count = |key: &str| {
            json.get(key).and_then(Value::as_u64).and_then(|count| usize::try_from(count).ok()).unwrap_or(0)
        };
        (is_own || !is_thought).then(|| Kept {
            text: count("text"),
            calls: count("calls"),
            block: block.clone(),
        })
    }
}

fn tool_use(call: &ToolCall) -> Value {
    // What isn't an object can't be sent; the model still sees what it wrote.
    let input = match serde_json::from_str::<Map<String, Value>>(&call.arguments) {
        Ok(input) => Value::Object(input),
        Err(_) if call.arguments.trim().is_empty() => json!({}),
        Err(_) => json!({"INVALID_JSON": call.arguments}),
    };
    json!({"type": "tool_use", "id": plain(&call.id), "name": call.name, "input": input})
}

/// Makes an id, which may be another provider's, one that is taken here.
fn plain(id: &str) -> String {
    let plain = |c: char| if c.is_ascii_alphanumeric() || c == '_' || c == '-' { c } else { '_' };
    let id: String = id.chars().map(plain).collect();
    if id.is_empty() { String::from("_") } else { id }
}

fn media(mime: &str, data: Option<&str>, url: Option<&str>) -> Result<Value, Failure> {
    let kind = mime.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    let source = |kind: &str| match (data, url) {
        (Some(data), _) => json!({"type": "base64", "media_type": kind, "data": data}),
        (None, url) => json!({"type": "url", "url": url.unwrap_or_default()}),
    };
    match (kind.as_str(), data) {
        ("image/jpg", _) => Ok(json!({"type": "image", "source": source("image/jpeg")})),
        ("image/png" | "image/jpeg" | "image/gif" | "image/webp", _) => {
            Ok(json!({"type": "image", "source": source(&kind)}))
        }
        ("application/pdf", _) => Ok(json!({"type": "document", "source": source(&kind)})),
        (text, Some(data)) if text.starts_with("text/") => {
            let bytes = base64::engine::general_purpose::STANDARD.decode(data).ok();
            let text = bytes.and_then(|bytes| String::from_utf8(bytes).ok());
            let text = text.ok_or_else(|| refused(format!("a file of {kind} is not UTF-8")))?;
            Ok(
                json!({"type": "document", "source": {"type": "text", "media_type": "text/plain", "data": text}}),
            )
        }
        _ => {
            let shown: String = kind.chars().filter(|c| !c.is_control()).take(80).collect();
            Err(refused(format!(
                "Anthropic's models take images (PNG, JPEG, GIF, WebP), PDF and text, and no {shown}"
            )))
        }
    }
}

fn refused(message: String) -> Failure {
    Failure::new(Kind::Refused, message)
}
