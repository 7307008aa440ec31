//! Chat completions: OpenAI's older API, and the one that compatible servers speak.

use flow_answer::openai::rewrite;
use flow_runtime_api::{Call, Deltas, Failure, FinishReason, Kind, Message, Part, Role, ToolChoice, Usage};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::events::json;
use super::usage::{InputCounts, OutputCounts, usage};
use super::{Request, cache, data_of, dialect, effort, file_name, function};
use crate::peer::Peer;
use crate::reading::{Broken, Reading};

/// Returns the body of a call.
pub(super) fn request(peer: &Peer<'_>, call: &Call) -> Result<Request, Failure> {
    let vendor = peer.is_vendor();
    let mut all = Vec::with_capacity(call.messages.len());
    for message in &call.messages {
        messages(message, &mut all)?;
    }
    let mut body = Map::new();
    let mut set = |key: &str, value: Option<Value>| {
        if let Some(value) = value {
            body.insert(key.to_owned(), value);
        }
    };
    set("model", Some(json!(peer.model.model)));
    set("messages", Some(Value::Array(all)));
    set("stream", Some(json!(true)));
    set("stream_options", Some(json!({"include_usage": true})));
    set("temperature", call.sampling.temperature.map(|number| json!(number)));
    set("top_p", call.sampling.top_p.map(|number| json!(number)));
    // OpenAI's newer models take only the new name, compatible servers often only the old one.
    let max_tokens = if vendor { "max_completion_tokens" } else { "max_tokens" };
    set(max_tokens, call.sampling.max_tokens.map(|count| json!(count)));
    set("seed", call.sampling.seed.map(|seed| json!(seed)));
    set("stop", (!call.sampling.stop.is_empty()).then(|| json!(call.sampling.stop)));
    set("reasoning_effort", effort(peer, call)?.map(|word| json!(word)));
    let mut wrapped = false;
    if let Some(schema) = &call.schema {
        let rewritten = rewrite(&schema.json, dialect(peer));
        wrapped = rewritten.wrapped;
        let format = json!({
            "type": "json_schema",
            "json_schema": {"name": schema.name, "strict": rewritten.strict, "schema": rewritten.schema},
        });
        set("response_format", Some(format));
    }
    if !call.tools.is_empty() {
        let tools =
            call.tools.iter().map(|tool| json!({"type": "function", "function": function(peer, tool)}));
        set("tools", Some(tools.collect()));
        set("tool_choice", (call.tool_choice == ToolChoice::None).then(|| json!("none")));
    }
    cache(call, &mut body);
    Ok(Request { body: Value::Object(body), wrapped })
}

/// Adds a message as the wire has it; each result of a tool is a message of its own.
fn messages(message: &Message, out: &mut Vec<Value>) -> Result<(), Failure> {
    let (mut content, mut calls) = (Vec::new(), Vec::new());
    for part in &message.parts {
        match part {
            Part::Text(text) => content.push(json!({"type": "text", "text": text})),
            Part::Media { mime, data, url } => content.push(media(mime, data, url)?),
            Part::ToolCall(call) => calls.push(json!({
                "id": call.id,
                "type": "function",
                "function": {"name": call.name, "arguments": call.arguments},
            })),
            Part::ToolResult { id, content, .. } => {
                out.push(json!({"role": "tool", "tool_call_id": id, "content": content}));
            }
            // Chat completions have no parts of their own that must be sent back.
            Part::Opaque { .. } => {}
        }
    }
    if content.is_empty() && calls.is_empty() {
        return Ok(());
    }
    let role = match message.role {
        Role::System => "system",
        Role::User => "user",
        Role::Assistant => "assistant",
        Role::Tool => "tool",
    };
    let content = match &mut content[..] {
        [] => Value::Null,
        // Most compatible servers know text only as a string.
        [only] if only["type"] == "text" => only["text"].take(),
        _ => Value::Array(content),
    };
    let mut said = json!({"role": role, "content": content});
    if !calls.is_empty() {
        said["tool_calls"] = Value::Array(calls);
    }
    out.push(said);
    Ok(())
}

fn media(mime: &str, data: &Option<String>, url: &Option<String>) -> Result<Value, Failure> {
    Ok(match mime.split_once('/') {
        Some(("audio", kind)) => {
            let format = match kind {
                "mpeg" | "mp3" => "mp3",
                "wav" | "x-wav" | "wave" | "vnd.wave" => "wav",
                _ => {
                    let message = format!("chat completions hear WAV and MP3, not `{mime}`");
                    return Err(Failure::new(Kind::Refused, message));
                }
            };
            let data = data_of("audio", data)?;
            json!({"type": "input_audio", "input_audio": {"data": data, "format": format}})
        }
        Some(("image", _)) => {
            let url = match (url, data) {
                (Some(url), _) => url.clone(),
                (None, data) => format!("data:{mime};base64,{}", data_of("images", data)?),
            };
            json!({"type": "image_url", "image_url": {"url": url}})
        }
        _ => {
            let data = format!("data:{mime};base64,{}", data_of("files", data)?);
            json!({"type": "file", "file": {"filename": file_name(mime), "file_data": data}})
        }
    })
}

/// Reads one event of a stream, or a whole answer.
pub(super) fn take(data: &str, reading: &mut Reading, deltas: &mut dyn Deltas) -> Result<(), Broken> {
    json::<Chunk>(data)?.read(reading, deltas)
}

/// A piece of a stream, or a whole answer: they differ in `delta` and `message`.
#[derive(Deserialize)]
struct Chunk {
    #[serde(default)]
    choices: Option<Vec<Choice>>,
    #[serde(default)]
    usage: Option<Counts>,
    #[serde(default)]
    error: Option<Value>,
}

#[derive(Deserialize)]
struct Choice {
    #[serde(default)]
    index: u32,
    #[serde(default)]
    delta: Option<Piece>,
    #[serde(default)]
    message: Option<Piece>,
    #[serde(default)]
    finish_reason: Option<String>,
}

#[derive(Deserialize)]
struct Piece {
    #[serde(default)]
    content: Option<String>,
    #[serde(default)]
    refusal: Option<String>,
    #[serde(default)]
    reasoning_content: Option<String>,
    #[serde(default)]
    reasoning: Option<Value>,
    #[serde(default)]
    tool_calls: Option<Vec<CallPiece>>,
}

#[derive(Deserialize)]
struct CallPiece {
    #[serde(default)]
    index: Option<usize>,
    #[serde(default)]
    id: Option<String>,
    #[serde(default)]
    function: Option<FunctionPiece>,
}

#[derive(Deserialize)]
struct FunctionPiece {
    #[serde(default)]
    name: Option<String>,
    #[serde(default)]
    arguments: Option<String>,
}

#[derive(Deserialize)]
struct Counts {
    #[serde(default)]
    prompt_tokens: Option<u64>,
    #[serde(default)]
    completion_tokens: Option<u64>,
    #[serde(default)]
    prompt_tokens_details: Option<InputCounts>,
    #[serde(default)]
    completion_tokens_details: Option<OutputCounts>,
}

impl Counts {
    fn usage(self) -> Option<Usage> {
        usage(
            self.prompt_tokens,
            self.completion_tokens,
            self.prompt_tokens_details,
            self.completion_tokens_details,
        )
    }
}

impl Chunk {
    fn read(self, reading: &mut Reading, deltas: &mut dyn Deltas) -> Result<(), Broken> {
        if let Some(usage) = self.usage.and_then(Counts::usage) {
            reading.usage = Some(usage);
        }
        if let Some(error) = self.error.filter(|error| !error.is_null()) {
            return Err(Broken::Reported(error));
        }
        // Of several choices the first is the answer; one is all that is ever asked for.
        let Some(choice) = self.choices.into_iter().flatten().find(|choice| choice.index == 0) else {
            return Ok(());
        };
        if let Some(piece) = choice.delta.or(choice.message) {
            piece.read(reading, deltas)?;
        }
        if let Some(reason) = choice.finish_reason {
            reading.begun = true;
            reading.finish = Some(match reason.as_str() {
                "length" => FinishReason::Length,
                "tool_calls" | "function_call" => FinishReason::ToolCalls,
                "content_filter" => FinishReason::Refused,
                _ => FinishReason::Stop,
            });
        }
        Ok(())
    }
}

impl Piece {
    fn read(self, reading: &mut Reading, deltas: &mut dyn Deltas) -> Result<(), Broken> {
        // Servers name it in two ways, some in both at once.
        match (&self.reasoning_content, &self.reasoning) {
            (Some(text), _) | (None, Some(Value::String(text))) => reading.reasoning(text, deltas)?,
            _ => {}
        }
        if let Some(text) = self.content {
            reading.text(&text, deltas)?;
        }
        if let Some(text) = self.refusal.filter(|text| !text.is_empty()) {
            reading.refusal(&text)?;
        }
        for piece in self.tool_calls.into_iter().flatten() {
            // Without a number, an id begins the next call and anything else goes on with the last one.
            let index = piece.index.unwrap_or(match (&piece.id, reading.calls.len()) {
                (Some(_), count) => count,
                (None, count) => count.saturating_sub(1),
            });
            let function = piece.function;
            let arguments = function.as_ref().and_then(|f| f.arguments.as_deref()).unwrap_or_default();
            reading.count(arguments)?;
            let call = reading.call(index)?;
            call.arguments.push_str(arguments);
            if let Some(id) = piece.id.filter(|_| call.id.is_empty()) {
                call.id = id;
            }
            if let Some(name) = function.and_then(|f| f.name).filter(|_| call.name.is_empty()) {
                call.name = name;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
