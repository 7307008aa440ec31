//! Ollama's own wire: `/api/chat`, one JSON document a line.

use std::sync::Arc;

use async_trait::async_trait;
use flow_ir::catalogue;
use flow_ir::plan::{Cache, Effort, Thinking};
use flow_runtime_api::{
    Answer, Call, Deltas, Embeddings, Failure, FinishReason, Kind, Message, ModelInfo, Part, Provider,
    ResolvedModel, Role, Usage,
};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use crate::http::{Body, Form, Http};
use crate::peer::Peer;
use crate::reading::{Broken, Reading, may_call};
use crate::stream::Lines;

/// Of a list of models.
const LIST_BYTES_MAX: usize = 16 * 1024 * 1024;
/// Of vectors of texts, written out.
const VECTORS_BYTES_MAX: usize = 256 * 1024 * 1024;
/// So many texts go into one request at most.
const TEXTS_MAX: usize = 512;
/// Where Ollama listens.
const PORT: u16 = 11434;

/// Reads OLLAMA_HOST as Ollama does: a host, a port, both, or a URL.
///
/// ```
/// use flow_providers::ollama_base_url;
/// assert_eq!(ollama_base_url("10.0.0.2"), "http://10.0.0.2:11434");
/// assert_eq!(ollama_base_url(":8000"), "http://127.0.0.1:8000");
/// assert_eq!(ollama_base_url("0.0.0.0:8000"), "http://127.0.0.1:8000");
/// assert_eq!(ollama_base_url("https://ollama.example/"), "https://ollama.example");
/// ```
pub fn base_url(host: &str) -> String {
    let host = host.trim().trim_matches('"').trim_end_matches('/');
    // A URL without a port has its scheme's own, a bare host has Ollama's.
    let (scheme, rest, own_port) = match host.split_once("://") {
        Some((scheme, rest)) => (scheme, rest, None),
        None => ("http", host, Some(PORT)),
    };
    let (authority, path) = rest.find('/').map_or((rest, ""), |at| rest.split_at(at));
    let (name, port) = match authority.rfind(':') {
        Some(at) if !authority[at..].contains(']') => (&authority[..at], Some(&authority[at + 1..])),
        _ => (authority, None),
    };
    // The address of all interfaces is where a server listens, not where one calls.
    let name = match name {
        "" | "0.0.0.0" => "127.0.0.1",
        "[::]" => "[::1]",
        name => name,
    };
    let port =
        port.filter(|port| !port.is_empty()).map(str::to_owned).or(own_port.map(|port| port.to_string()));
    match port {
        Some(port) => format!("{scheme}://{name}:{port}{path}"),
        None => format!("{scheme}://{name}{path}"),
    }
}

pub(crate) struct Ollama {
    http: Arc<Http>,
    info: &'static catalogue::Provider,
}

impl Ollama {
    pub fn new(http: Arc<Http>) -> Ollama {
        let info = catalogue::provider("ollama").expect("the table of providers has it");
        Ollama { http, info }
    }
}

#[async_trait]
impl Provider for Ollama {
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
        let body = request(&peer, call).map_err(|failure| (failure, None))?.to_string().into_bytes();
        let mut body = self.http.post(&peer, "/api/chat", body).await.map_err(|failure| (failure, None))?;
        let mut reading = Reading::default();
        let read = match body.form(&peer).await {
            Ok(Form::Json) => read_lines(&peer, body, &mut reading, deltas).await,
            Ok(Form::Html) => Err(peer.html(200)),
            Ok(Form::Events) => {
                Err(peer.gibberish("sent events, as OpenAI's wire has them, instead of JSON lines"))
            }
            Err(failure) => Err(failure),
        };
        let usage = reading.usage;
        read.and_then(|()| reading.answer(&peer, may_call(call))).map_err(|failure| (failure, usage))
    }

    async fn models(&self, model: &ResolvedModel) -> Result<Vec<ModelInfo>, Failure> {
        let peer = Peer::new(self.info, model, &self.http.scrubber);
        let mut body = self.http.get(&peer, "/api/tags").await?;
        if body.form(&peer).await? == Form::Html {
            return Err(peer.html(200));
        }
        let bytes = body.whole(&peer, LIST_BYTES_MAX).await?;
        let list: ModelList = serde_json::from_slice(&bytes)
            .map_err(|_| peer.gibberish("sent something else than a list of models"))?;
        Ok(list.models)
    }

    async fn embed(&self, model: &ResolvedModel, texts: &[String]) -> Result<Embeddings, Failure> {
        let peer = Peer::new(self.info, model, &self.http.scrubber);
        let mut all = Embeddings::default();
        for texts in texts.chunks(TEXTS_MAX) {
            let body = json!({"model": model.model, "input": texts}).to_string().into_bytes();
            let mut body = self.http.post(&peer, "/api/embed", body).await?;
            if body.form(&peer).await? == Form::Html {
                return Err(peer.html(200));
            }
            let bytes = body.whole(&peer, VECTORS_BYTES_MAX).await?;
            let list: Vectors = serde_json::from_slice(&bytes)
                .map_err(|_| peer.gibberish("sent something else than vectors"))?;
            if list.embeddings.len() != texts.len() || list.embeddings.iter().any(Vec::is_empty) {
                return Err(peer.gibberish(format_args!(
                    "sent {} vectors for {} texts",
                    list.embeddings.len(),
                    texts.len()
                )));
            }
            all.vectors.extend(list.embeddings);
            if let Some(input_tokens) = list.prompt_eval_count {
                *all.usage.get_or_insert_default() += Usage { input_tokens, ..Usage::default() };
            }
        }
        Ok(all)
    }
}

#[derive(Deserialize)]
struct Vectors {
    embeddings: Vec<Vec<f32>>,
    #[serde(default)]
    prompt_eval_count: Option<u64>,
}

#[derive(Deserialize)]
struct ModelList {
    models: Vec<ModelInfo>,
}

fn request(peer: &Peer<'_>, call: &Call) -> Result<Value, Failure> {
    let mut options = Map::new();
    let mut set = |key: &str, value: Option<Value>| {
        if let Some(value) = value {
            options.insert(key.to_owned(), value);
        }
    };
    set("temperature", call.sampling.temperature.map(|number| json!(number)));
    set("top_p", call.sampling.top_p.map(|number| json!(number)));
    set("num_predict", call.sampling.max_tokens.map(|count| json!(count)));
    set("seed", call.sampling.seed.map(|seed| json!(seed)));
    set("stop", (!call.sampling.stop.is_empty()).then(|| json!(call.sampling.stop)));
    let mut all = Vec::with_capacity(call.messages.len());
    for message in &call.messages {
        messages(message, &mut all)?;
    }
    // A format binds all that the model writes, so that it could call nothing: it is told of the schema instead.
    let told = call.schema.as_ref().filter(|_| may_call(call));
    if let Some(schema) = told {
        all.insert(0, json!({"role": "system", "content": flow_answer::schema_prompt(&schema.json)}));
    }
    let mut body = json!({"model": peer.model.model, "messages": all, "stream": true});
    if !options.is_empty() {
        body["options"] = Value::Object(options);
    }
    if let Some(schema) = call.schema.as_ref().filter(|_| told.is_none()) {
        body["format"] = flow_answer::ollama::rewrite(&schema.json);
    }
    if let Some(thinking) = &call.sampling.thinking {
        body["think"] = think(thinking)?;
    }
    // A model stays loaded with what it has read; for how long is all that can be said.
    if let Some(Cache::For(ms)) = call.cache {
        body["keep_alive"] = json!(format!("{}s", ms.div_ceil(1000)));
    }
    // There is no word for "call none of them", and no need of tools in a conversation that has called some.
    if may_call(call) {
        let tools = call.tools.iter().map(|tool| {
            json!({
                "type": "function",
                "function": {"name": tool.name, "description": tool.description, "parameters": tool.parameters},
            })
        });
        body["tools"] = tools.collect();
    }
    Ok(body)
}

/// Models that think know on and off, some of them how much.
fn think(thinking: &Thinking) -> Result<Value, Failure> {
    Ok(match thinking {
        Thinking::Off => json!(false),
        Thinking::On => json!(true),
        Thinking::Effort(Effort::Minimal | Effort::Low) => json!("low"),
        Thinking::Effort(Effort::Medium) => json!("medium"),
        Thinking::Effort(Effort::High) => json!("high"),
        Thinking::Effort(Effort::Max) => json!("max"),
        Thinking::Tokens(_) => {
            return Err(Failure::new(
                Kind::Refused,
                "Ollama's models think by effort, not by a number of tokens: write `thinking: high`",
            ));
        }
    })
}

/// Adds a message as the wire has it; each result of a tool is a message of its own.
fn messages(message: &Message, out: &mut Vec<Value>) -> Result<(), Failure> {
    let (mut text, mut images, mut calls) = (Vec::new(), Vec::new(), Vec::new());
    let mut thought = None;
    for part in &message.parts {
        match part {
            Part::Text(piece) => text.push(piece.as_str()),
            Part::Media { mime, data: Some(data), .. } if mime.starts_with("image/") => {
                images.push(data.as_str())
            }
            Part::Media { mime, .. } => {
                let message = match mime.starts_with("image/") {
                    true => String::from("Ollama fetches no images: give their bytes, `{mime, data}`"),
                    false => format!("Ollama takes images only, not `{mime}`"),
                };
                return Err(Failure::new(Kind::Refused, message));
            }
            Part::ToolCall(call) => {
                // Arguments are an object here; what isn't one was the model's own fault and is shown as it was.
                let arguments = serde_json::from_str::<Map<String, Value>>(&call.arguments)
                    .map_or_else(|_| json!({"arguments": call.arguments}), Value::Object);
                calls.push(json!({"function": {"name": call.name, "arguments": arguments}}));
            }
            Part::ToolResult { name, content, .. } => {
                out.push(json!({"role": "tool", "tool_name": name, "content": content}));
            }
            Part::Opaque { provider, json } if provider == "ollama" => thought = json["thinking"].as_str(),
            Part::Opaque { .. } => {}
        }
    }
    if text.is_empty() && images.is_empty() && calls.is_empty() {
        return Ok(());
    }
    let role = match message.role {
        Role::System => "system",
        Role::User => "user",
        Role::Assistant => "assistant",
        Role::Tool => "tool",
    };
    let mut said = json!({"role": role, "content": text.join("\n")});
    if let Some(thought) = thought {
        said["thinking"] = json!(thought);
    }
    if !images.is_empty() {
        said["images"] = json!(images);
    }
    if !calls.is_empty() {
        said["tool_calls"] = Value::Array(calls);
    }
    out.push(said);
    Ok(())
}

async fn read_lines(
    peer: &Peer<'_>,
    mut body: Body,
    reading: &mut Reading,
    deltas: &mut dyn Deltas,
) -> Result<(), Failure> {
    let (mut lines, mut thought) = (Lines::default(), String::new());
    while let Some(bytes) = body.next(peer).await? {
        lines
            .feed(&bytes, |line| read_line(line, &mut thought, reading, deltas))
            .map_err(|broken: Broken| broken.failure(peer))?;
        if reading.done {
            body.drain().await;
            return Ok(());
        }
    }
    lines.finish(|line| read_line(line, &mut thought, reading, deltas)).map_err(|broken| broken.failure(peer))
}

fn read_line(
    line: &str,
    thought: &mut String,
    reading: &mut Reading,
    deltas: &mut dyn Deltas,
) -> Result<(), Broken> {
    if line.trim().is_empty() || reading.done {
        return Ok(());
    }
    let chunk: Chunk = serde_json::from_str(line).map_err(|error| {
        let what =
            if error.is_eof() { "cut its answer off inside" } else { "sent something that isn't an answer:" };
        let shown: String = line.chars().take(120).collect();
        Broken::Gibberish(format!("{what} {shown}"))
    })?;
    chunk.read(thought, reading, deltas)
}

#[derive(Deserialize)]
struct Chunk {
    #[serde(default)]
    message: Option<Piece>,
    #[serde(default)]
    done: bool,
    #[serde(default)]
    done_reason: Option<String>,
    #[serde(default)]
    prompt_eval_count: Option<u64>,
    #[serde(default)]
    eval_count: Option<u64>,
    #[serde(default)]
    error: Option<Value>,
}

#[derive(Deserialize)]
struct Piece {
    #[serde(default)]
    content: Option<String>,
    #[serde(default)]
    thinking: Option<String>,
    #[serde(default)]
    tool_calls: Option<Vec<CallPiece>>,
}

#[derive(Deserialize)]
struct CallPiece {
    #[serde(default)]
    id: Option<String>,
    function: FunctionPiece,
}

#[derive(Deserialize)]
struct FunctionPiece {
    name: String,
    #[serde(default)]
    arguments: Value,
}

impl Chunk {
    /// `thought` is all that the model thought before.
    fn read(
        self,
        thought: &mut String,
        reading: &mut Reading,
        deltas: &mut dyn Deltas,
    ) -> Result<(), Broken> {
        if let Some(error) = self.error.filter(|error| !error.is_null()) {
            return Err(Broken::Reported(json!({ "error": error })));
        }
        if let Some(piece) = self.message {
            reading.begun = true;
            let thinking = piece.thinking.as_deref().unwrap_or_default();
            reading.reasoning(thinking, deltas)?;
            thought.push_str(thinking);
            reading.text(piece.content.as_deref().unwrap_or_default(), deltas)?;
            for piece in piece.tool_calls.into_iter().flatten() {
                let arguments = match piece.function.arguments {
                    Value::Null => String::from("{}"),
                    Value::String(text) => text,
                    other => other.to_string(),
                };
                reading.count(&arguments)?;
                let call = reading.call(reading.calls.len())?;
                call.id = piece.id.unwrap_or_default();
                call.name = piece.function.name;
                call.arguments = arguments;
            }
        }
        if self.done {
            // What led to calls of tools is shown to the model again with their results.
            if !reading.calls.is_empty() && !thought.is_empty() {
                let json = json!({"thinking": std::mem::take(thought)});
                reading.opaque.push(Part::Opaque { provider: String::from("ollama"), json });
            }
            reading.done = true;
            reading.finish = Some(match self.done_reason.as_deref() {
                Some("length") => FinishReason::Length,
                _ => FinishReason::Stop,
            });
            // A prompt that was in the cache whole isn't counted; the answer's count is there with every answer.
            if self.eval_count.is_some() || self.prompt_eval_count.is_some() {
                reading.usage = Some(Usage {
                    input_tokens: self.prompt_eval_count.unwrap_or(0),
                    output_tokens: self.eval_count.unwrap_or(0),
                    ..Usage::default()
                });
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
