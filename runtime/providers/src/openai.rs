//! OpenAI's chat completions, and every server that speaks the same wire.

use std::sync::Arc;

use async_trait::async_trait;
use flow_answer::openai::{Dialect, rewrite, unwrap};
use flow_ir::catalogue;
use flow_runtime_api::{
    Answer, Call, Deltas, Failure, FinishReason, Message, ModelInfo, Part, Provider, ResolvedModel, Role,
    Usage,
};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use crate::http::{Body, Form, Http};
use crate::peer::Peer;
use crate::reading::{Broken, Reading};
use crate::stream::{Events, Lines};

/// Of a body that isn't streamed, and of a list of models.
const BODY_BYTES_MAX: usize = 64 * 1024 * 1024;

pub(crate) struct OpenAi {
    http: Arc<Http>,
    info: &'static catalogue::Provider,
}

impl OpenAi {
    pub fn new(http: Arc<Http>) -> OpenAi {
        let info = catalogue::provider("openai").expect("the table of providers has it");
        OpenAi { http, info }
    }
}

#[async_trait]
impl Provider for OpenAi {
    fn name(&self) -> &'static str {
        self.info.name
    }

    async fn ask(
        &self,
        model: &ResolvedModel,
        call: &Call,
        deltas: &mut dyn Deltas,
    ) -> Result<Answer, (Failure, Option<Usage>)> {
        let peer = Peer::new(self.info, model, &self.http.scrubber);
        peer.check_key().map_err(|failure| (failure, None))?;
        let (body, wrapped) = request(&peer, call);
        let mut body = self
            .http
            .post(&peer, "/chat/completions", body.to_string().into_bytes())
            .await
            .map_err(|failure| (failure, None))?;
        let mut reading = Reading::default();
        let read = match body.form(&peer).await {
            Ok(Form::Events) => read_events(&peer, body, &mut reading, deltas).await,
            Ok(Form::Json) => read_whole(&peer, body, &mut reading, deltas).await,
            Ok(Form::Html) => Err(peer.html(200)),
            Err(failure) => Err(failure),
        };
        let usage = reading.usage;
        let mut answer = read
            .and_then(|()| reading.answer(&peer, !call.tools.is_empty()))
            .map_err(|failure| (failure, usage))?;
        if wrapped && answer.finish == FinishReason::Stop {
            answer.text = unwrap(&answer.text).into_owned();
        }
        Ok(answer)
    }

    async fn models(&self, model: &ResolvedModel) -> Result<Vec<ModelInfo>, Failure> {
        let peer = Peer::new(self.info, model, &self.http.scrubber);
        peer.check_key()?;
        let mut body = self.http.get(&peer, "/models").await?;
        if body.form(&peer).await? == Form::Html {
            return Err(peer.html(200));
        }
        let bytes = body.whole(&peer, BODY_BYTES_MAX).await?;
        let list: ModelList = serde_json::from_slice(&bytes)
            .map_err(|_| peer.gibberish("sent something else than a list of models"))?;
        Ok(list.data.into_iter().map(|entry| ModelInfo { name: entry.id }).collect())
    }
}

#[derive(Deserialize)]
struct ModelList {
    data: Vec<ModelEntry>,
}

#[derive(Deserialize)]
struct ModelEntry {
    id: String,
}

/// Returns the body of a call, and whether its answer stands in a wrapper.
fn request(peer: &Peer<'_>, call: &Call) -> (Value, bool) {
    let vendor = peer.is_vendor();
    let mut body = Map::new();
    let mut set = |key: &str, value: Option<Value>| {
        if let Some(value) = value {
            body.insert(key.to_owned(), value);
        }
    };
    set("model", Some(json!(peer.model.model)));
    set("messages", Some(call.messages.iter().flat_map(messages).collect()));
    set("stream", Some(json!(true)));
    set("stream_options", Some(json!({"include_usage": true})));
    set("temperature", call.sampling.temperature.map(|number| json!(number)));
    set("top_p", call.sampling.top_p.map(|number| json!(number)));
    // OpenAI's newer models take only the new name, compatible servers often only the old one.
    let max_tokens = if vendor { "max_completion_tokens" } else { "max_tokens" };
    set(max_tokens, call.sampling.max_tokens.map(|count| json!(count)));
    set("seed", call.sampling.seed.map(|seed| json!(seed)));
    set("stop", (!call.sampling.stop.is_empty()).then(|| json!(call.sampling.stop)));
    let mut wrapped = false;
    if let Some(schema) = &call.schema {
        let dialect = if vendor { Dialect::Vendor } else { Dialect::Compatible };
        let rewritten = rewrite(&schema.json, dialect);
        wrapped = rewritten.wrapped;
        let format = json!({
            "type": "json_schema",
            "json_schema": {"name": schema.name, "strict": rewritten.strict, "schema": rewritten.schema},
        });
        set("response_format", Some(format));
    }
    if !call.tools.is_empty() {
        let tools = call.tools.iter().map(|tool| {
            json!({
                "type": "function",
                "function": {"name": tool.name, "description": tool.description, "parameters": tool.parameters},
            })
        });
        set("tools", Some(tools.collect()));
    }
    (Value::Object(body), wrapped)
}

/// Returns a message as the wire has it; each result of a tool is a message of its own.
fn messages(message: &Message) -> Vec<Value> {
    let mut out = Vec::new();
    let (mut content, mut calls) = (Vec::new(), Vec::new());
    for part in &message.parts {
        match part {
            Part::Text(text) => content.push(json!({"type": "text", "text": text})),
            Part::Media { mime, data, url } => content.push(media(mime, data.as_deref(), url.as_deref())),
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
        return out;
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
    out
}

fn media(mime: &str, data: Option<&str>, url: Option<&str>) -> Value {
    let data = data.unwrap_or_default();
    match mime.split_once('/') {
        Some(("audio", kind)) => {
            let format = if matches!(kind, "mpeg" | "mp3") { "mp3" } else { "wav" };
            json!({"type": "input_audio", "input_audio": {"data": data, "format": format}})
        }
        Some(("image", _)) => {
            let url = url.map_or_else(|| format!("data:{mime};base64,{data}"), str::to_owned);
            json!({"type": "image_url", "image_url": {"url": url}})
        }
        _ => {
            let name = if mime == "application/pdf" { "file.pdf" } else { "file" };
            json!({
                "type": "file",
                "file": {"filename": name, "file_data": format!("data:{mime};base64,{data}")},
            })
        }
    }
}

async fn read_events(
    peer: &Peer<'_>,
    mut body: Body,
    reading: &mut Reading,
    deltas: &mut dyn Deltas,
) -> Result<(), Failure> {
    let (mut lines, mut events) = (Lines::default(), Events::default());
    while let Some(bytes) = body.next(peer).await? {
        lines
            .feed(&bytes, |line| events.line(line, |data| event(data, reading, deltas)))
            .map_err(|broken: Broken| broken.failure(peer))?;
        if reading.done {
            body.drain().await;
            return Ok(());
        }
    }
    lines
        .finish(|line| events.line(line, |data| event(data, reading, deltas)))
        .and_then(|()| events.dispatch(|data| event(data, reading, deltas)))
        .map_err(|broken: Broken| broken.failure(peer))
}

/// Reads one event of a stream.
fn event(data: &str, reading: &mut Reading, deltas: &mut dyn Deltas) -> Result<(), Broken> {
    if data.trim() == "[DONE]" {
        reading.done = true;
        return Ok(());
    }
    if data.trim().is_empty() || reading.done {
        return Ok(());
    }
    let chunk: Chunk = serde_json::from_str(data).map_err(|error| not_json(&error, data))?;
    chunk.read(reading, deltas)
}

/// Reads an answer that came in one piece, from a server that doesn't stream.
async fn read_whole(
    peer: &Peer<'_>,
    body: Body,
    reading: &mut Reading,
    deltas: &mut dyn Deltas,
) -> Result<(), Failure> {
    let bytes = body.whole(peer, BODY_BYTES_MAX).await?;
    let text = std::str::from_utf8(&bytes).map_err(|_| peer.gibberish("sent bytes that are not UTF-8"))?;
    if text.trim().is_empty() {
        return Ok(());
    }
    let chunk: Chunk = serde_json::from_str(text).map_err(|error| not_json(&error, text).failure(peer))?;
    chunk.read(reading, deltas).map_err(|broken| broken.failure(peer))?;
    reading.done = reading.begun;
    Ok(())
}

fn not_json(error: &serde_json::Error, text: &str) -> Broken {
    let what =
        if error.is_eof() { "cut its answer off inside" } else { "sent something that isn't an answer:" };
    let shown: String = text.chars().take(120).collect();
    Broken::Gibberish(format!("{what} {shown}"))
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

#[derive(Deserialize)]
struct InputCounts {
    #[serde(default)]
    cached_tokens: Option<u64>,
}

#[derive(Deserialize)]
struct OutputCounts {
    #[serde(default)]
    reasoning_tokens: Option<u64>,
}

impl Chunk {
    fn read(self, reading: &mut Reading, deltas: &mut dyn Deltas) -> Result<(), Broken> {
        if let Some(usage) = self.usage {
            // Without both counts nothing is known, which isn't the same as nothing.
            if let (Some(input_tokens), Some(output_tokens)) = (usage.prompt_tokens, usage.completion_tokens)
            {
                reading.usage = Some(Usage {
                    input_tokens,
                    output_tokens,
                    cached_tokens: usage.prompt_tokens_details.and_then(|d| d.cached_tokens).unwrap_or(0),
                    reasoning_tokens: usage
                        .completion_tokens_details
                        .and_then(|d| d.reasoning_tokens)
                        .unwrap_or(0),
                    ..Usage::default()
                });
            }
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
