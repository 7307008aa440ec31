//! Responses: OpenAI's newer API. What is asked and answered are items; a stream tells of each as it grows.

use std::collections::HashMap;

use flow_answer::openai::rewrite;
use flow_ir::plan::Thinking;
use flow_runtime_api::{Call, Deltas, Failure, FinishReason, Kind, Message, Part, Role, ToolChoice, Usage};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::events::{self, json};
use super::usage::{InputCounts, OutputCounts, usage};
use super::{Request, cache, dialect, effort, file_name, function, thinks};
use crate::peer::Peer;
use crate::reading::{Broken, Reading};

/// More items than these in one answer are no answer.
const ITEMS_MAX: usize = 4096;

/// Returns the body of a call.
pub(super) fn request(peer: &Peer<'_>, call: &Call) -> Result<Request, Failure> {
    let mut input = Vec::with_capacity(call.messages.len());
    for message in &call.messages {
        items(message, &mut input)?;
    }
    let mut body = Map::new();
    let mut set = |key: &str, value: Option<Value>| {
        if let Some(value) = value {
            body.insert(key.to_owned(), value);
        }
    };
    set("model", Some(json!(peer.model.model)));
    set("input", Some(Value::Array(input)));
    set("stream", Some(json!(true)));
    // The journal keeps what was said; the server need not.
    set("store", Some(json!(false)));
    set("temperature", call.sampling.temperature.map(|number| json!(number)));
    set("top_p", call.sampling.top_p.map(|number| json!(number)));
    set("max_output_tokens", call.sampling.max_tokens.map(|count| json!(count)));
    set("reasoning", effort(peer, call)?.map(|word| json!({"effort": word})));
    let mut wrapped = false;
    if let Some(schema) = &call.schema {
        let rewritten = rewrite(&schema.json, dialect(peer));
        wrapped = rewritten.wrapped;
        let format = json!({
            "type": "json_schema",
            "name": schema.name,
            "strict": rewritten.strict,
            "schema": rewritten.schema,
        });
        set("text", Some(json!({"format": format})));
    }
    if !call.tools.is_empty() {
        let tools = call.tools.iter().map(|tool| {
            let mut function = function(peer, tool);
            function["type"] = json!("function");
            // Without a word on it this API takes every tool for strict.
            if function.get("strict").is_none() {
                function["strict"] = json!(false);
            }
            function
        });
        set("tools", Some(tools.collect()));
        set("tool_choice", (call.tool_choice == ToolChoice::None).then(|| json!("none")));
        // What was thought before a call of a tool goes back with its result; models that don't think refuse to be asked.
        set("include", reasons(peer, call).then(|| json!(["reasoning.encrypted_content"])));
    }
    cache(call, &mut body);
    Ok(Request { body: Value::Object(body), wrapped })
}

/// Whether what the model thinks can be had back, sealed.
fn reasons(peer: &Peer<'_>, call: &Call) -> bool {
    match call.sampling.thinking {
        Some(Thinking::Off) => false,
        Some(_) => true,
        None => peer.is_vendor() && thinks(peer),
    }
}

/// Adds a message as items: what was thought, what was said, calls of tools and their results.
fn items(message: &Message, out: &mut Vec<Value>) -> Result<(), Failure> {
    let (mut content, mut calls) = (Vec::new(), Vec::new());
    for part in &message.parts {
        match part {
            Part::Text(text) => content.push(match message.role {
                Role::Assistant => json!({"type": "output_text", "text": text}),
                _ => json!({"type": "input_text", "text": text}),
            }),
            Part::Media { mime, data, url } => content.push(media(mime, data.as_deref(), url.as_deref())?),
            Part::ToolCall(call) => calls.push(json!({
                "type": "function_call",
                "call_id": call.id,
                "name": call.name,
                "arguments": call.arguments,
            })),
            Part::ToolResult { id, content, .. } => {
                out.push(json!({"type": "function_call_output", "call_id": id, "output": content}));
            }
            // It stands before what it led to.
            Part::Opaque { provider, json } if provider == "openai" => out.push(json.clone()),
            Part::Opaque { .. } => {}
        }
    }
    if !content.is_empty() {
        let role = match message.role {
            Role::System => "system",
            Role::Assistant => "assistant",
            Role::User | Role::Tool => "user",
        };
        out.push(json!({"type": "message", "role": role, "content": content}));
    }
    out.append(&mut calls);
    Ok(())
}

fn media(mime: &str, data: Option<&str>, url: Option<&str>) -> Result<Value, Failure> {
    let data = data.unwrap_or_default();
    Ok(match (mime.split_once('/').map_or(mime, |(kind, _)| kind), url) {
        ("audio", _) => return Err(Failure::new(Kind::Refused, "OpenAI's responses take no audio")),
        ("image", Some(url)) => json!({"type": "input_image", "image_url": url, "detail": "auto"}),
        ("image", None) => {
            json!({"type": "input_image", "image_url": format!("data:{mime};base64,{data}"), "detail": "auto"})
        }
        (_, Some(url)) => json!({"type": "input_file", "file_url": url}),
        (_, None) => json!({
            "type": "input_file",
            "filename": file_name(mime),
            "file_data": format!("data:{mime};base64,{data}"),
        }),
    })
}

/// The items of an answer, by their places in it.
#[derive(Default)]
pub(super) struct Items {
    known: HashMap<u64, Item>,
}

/// What has come of an item so far.
#[derive(Default)]
struct Item {
    /// Its text came in pieces.
    has_text: bool,
    /// Its refusal came in pieces.
    has_refusal: bool,
    /// What was thought came in pieces.
    has_thought: bool,
    /// It is this call of a tool.
    call: Option<usize>,
    /// All of it has come.
    done: bool,
}

impl Items {
    /// Reads one event of a stream, or a whole answer.
    pub fn take(&mut self, data: &str, reading: &mut Reading, deltas: &mut dyn Deltas) -> Result<(), Broken> {
        let event: Event = json(data)?;
        let at = event.output_index.unwrap_or(0);
        let piece = match &event.delta {
            Some(Value::String(text)) => text.as_str(),
            _ => "",
        };
        match event.kind.as_deref() {
            Some("response.output_text.delta") => {
                self.item(at)?.has_text = true;
                reading.text(piece, deltas)
            }
            Some("response.refusal.delta") => {
                self.item(at)?.has_refusal = true;
                reading.refusal(piece)
            }
            Some("response.reasoning_summary_text.delta" | "response.reasoning_text.delta") => {
                self.item(at)?.has_thought = true;
                reading.reasoning(piece, deltas)
            }
            Some("response.function_call_arguments.delta") => {
                reading.count(piece)?;
                if let Some(index) = self.item(at)?.call {
                    reading.call(index)?.arguments.push_str(piece);
                }
                Ok(())
            }
            Some("response.output_item.added") => {
                reading.begun = true;
                match &event.item {
                    Some(item) if item["type"] == "function_call" => self.call(at, item, reading).map(drop),
                    _ => Ok(()),
                }
            }
            Some("response.output_item.done") => match event.item {
                Some(item) => self.finish(at, item, reading, deltas),
                None => Ok(()),
            },
            Some("error") => Err(Broken::Reported(
                event.error.unwrap_or_else(|| json!({"code": event.code, "message": event.message})),
            )),
            Some("response.completed" | "response.incomplete" | "response.failed") => match event.response {
                Some(response) => self.end(response, reading, deltas),
                None => Err(Broken::Gibberish(String::from("ended its answer without saying how"))),
            },
            // The beginning, and what goes on around items.
            Some(_) => Ok(()),
            None => {
                let response: Response = json(data)?;
                if response.status.is_none() && response.output.is_none() && response.error.is_none() {
                    return Err(events::no_answer(data));
                }
                self.end(response, reading, deltas)
            }
        }
    }

    fn item(&mut self, at: u64) -> Result<&mut Item, Broken> {
        if self.known.len() >= ITEMS_MAX && !self.known.contains_key(&at) {
            return Err(Broken::Gibberish(format!("sent more than {ITEMS_MAX} items in one answer")));
        }
        Ok(self.known.entry(at).or_default())
    }

    /// Begins a call of a tool, unless it has begun.
    fn call(&mut self, at: u64, item: &Value, reading: &mut Reading) -> Result<usize, Broken> {
        let text = |key: &str| item[key].as_str().unwrap_or_default().to_owned();
        if let Some(index) = self.item(at)?.call {
            return Ok(index);
        }
        let index = reading.calls.len();
        let call = reading.call(index)?;
        (call.id, call.name) = (text("call_id"), text("name"));
        self.item(at)?.call = Some(index);
        Ok(index)
    }

    /// Takes an item as a whole: what has come of it in pieces isn't taken again.
    fn finish(
        &mut self,
        at: u64,
        item: Value,
        reading: &mut Reading,
        deltas: &mut dyn Deltas,
    ) -> Result<(), Broken> {
        reading.begun = true;
        let known = self.item(at)?;
        if std::mem::replace(&mut known.done, true) {
            return Ok(());
        }
        let (has_text, has_refusal, has_thought) = (known.has_text, known.has_refusal, known.has_thought);
        match item["type"].as_str() {
            Some("message") => {
                for part in item["content"].as_array().into_iter().flatten() {
                    match (part["type"].as_str(), part["text"].as_str(), part["refusal"].as_str()) {
                        (Some("output_text"), Some(text), _) if !has_text => reading.text(text, deltas)?,
                        (Some("refusal"), _, Some(text)) if !has_refusal => reading.refusal(text)?,
                        _ => {}
                    }
                }
            }
            Some("function_call") => {
                let index = self.call(at, &item, reading)?;
                if let Some(arguments) = item["arguments"].as_str() {
                    // The whole is what counts, whatever came in pieces.
                    if reading.call(index)?.arguments != arguments {
                        reading.count(arguments)?;
                        reading.call(index)?.arguments = arguments.to_owned();
                    }
                }
            }
            Some("reasoning") => {
                for list in ["summary", "content"] {
                    for part in item[list].as_array().into_iter().flatten().filter(|_| !has_thought) {
                        reading.reasoning(part["text"].as_str().unwrap_or_default(), deltas)?;
                    }
                }
                // Without its content the server would have to have kept it.
                if let Some(content) = item["encrypted_content"].as_str().filter(|text| !text.is_empty()) {
                    reading.count(content)?;
                    reading.opaque.push(Part::Opaque { provider: String::from("openai"), json: item });
                }
            }
            _ => {}
        }
        Ok(())
    }

    fn end(
        &mut self,
        response: Response,
        reading: &mut Reading,
        deltas: &mut dyn Deltas,
    ) -> Result<(), Broken> {
        if let Some(usage) = response.usage.and_then(Counts::usage) {
            reading.usage = Some(usage);
        }
        let error = response.error.filter(|error| !error.is_null());
        match (response.status.as_deref(), error) {
            (_, Some(error)) => return Err(Broken::Reported(json!({ "error": error }))),
            (Some("failed" | "cancelled"), None) => {
                return Err(Broken::Reported(json!({"message": "it failed, and doesn't say why"})));
            }
            _ => {}
        }
        for (at, item) in response.output.into_iter().flatten().enumerate() {
            self.finish(at as u64, item, reading, deltas)?;
        }
        reading.finish = match response.status.as_deref() {
            Some("completed") => Some(FinishReason::Stop),
            Some("incomplete") => {
                match response.incomplete_details.and_then(|details| details.reason).as_deref() {
                    Some("content_filter") => Some(FinishReason::Refused),
                    _ => Some(FinishReason::Length),
                }
            }
            _ => None,
        };
        reading.done = reading.finish.is_some();
        Ok(())
    }
}

/// An event of a stream; without a type it is a whole answer.
#[derive(Deserialize)]
struct Event {
    #[serde(default, rename = "type")]
    kind: Option<String>,
    #[serde(default)]
    output_index: Option<u64>,
    #[serde(default)]
    delta: Option<Value>,
    #[serde(default)]
    item: Option<Value>,
    #[serde(default)]
    response: Option<Response>,
    #[serde(default)]
    code: Option<Value>,
    #[serde(default)]
    message: Option<Value>,
    #[serde(default)]
    error: Option<Value>,
}

/// An answer as it is at its end.
#[derive(Deserialize)]
struct Response {
    #[serde(default)]
    status: Option<String>,
    #[serde(default)]
    output: Option<Vec<Value>>,
    #[serde(default)]
    usage: Option<Counts>,
    #[serde(default)]
    error: Option<Value>,
    #[serde(default)]
    incomplete_details: Option<Incomplete>,
}

#[derive(Deserialize)]
struct Incomplete {
    #[serde(default)]
    reason: Option<String>,
}

#[derive(Deserialize)]
struct Counts {
    #[serde(default)]
    input_tokens: Option<u64>,
    #[serde(default)]
    output_tokens: Option<u64>,
    #[serde(default)]
    input_tokens_details: Option<InputCounts>,
    #[serde(default)]
    output_tokens_details: Option<OutputCounts>,
}

impl Counts {
    fn usage(self) -> Option<Usage> {
        usage(self.input_tokens, self.output_tokens, self.input_tokens_details, self.output_tokens_details)
    }
}

#[cfg(test)]
mod tests;
