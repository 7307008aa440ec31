//! A message while it comes in: events of a stream, or one document, put together to an answer.

use std::borrow::Cow;
use std::collections::BTreeMap;

use flow_runtime_api::{Answer, Call, Deltas, Failure, FinishReason, Usage};
use serde::Deserialize;
use serde_json::{Value, json};

use super::history::{self, Kept};
use crate::peer::Peer;
use crate::reading::{Broken, Reading, may_call};

/// More blocks than these in one message are no answer.
const BLOCKS_MAX: usize = 4_096;

/// A message, as far as it has come, and those before it that it goes on with.
pub(super) struct Incoming<'a> {
    model: &'a str,
    /// The tool whose arguments are the answer.
    answer_tool: Option<&'a str>,
    reading: Reading,
    /// The blocks of this message by their numbers.
    blocks: BTreeMap<usize, Block>,
    counts: Counts,
    /// What the messages before took.
    before: Usage,
    paused: bool,
    refusal: Option<StopDetails>,
}

/// A block that has begun.
enum Block {
    Text,
    /// What the answer's own tool is called with.
    Answer,
    /// A call of a tool, by its position, and the arguments that it began with.
    Call(usize, Option<String>),
    /// What is sent back as it came, once it is whole.
    Kept(Box<Keeping>),
}

struct Keeping {
    kept: Kept,
    thinking: String,
    input: String,
    /// Whether something came that this program can't put in its place.
    broken: bool,
}

impl<'a> Incoming<'a> {
    pub fn new(model: &'a str, answer_tool: Option<&'a str>) -> Incoming<'a> {
        Incoming {
            model,
            answer_tool,
            reading: Reading::default(),
            blocks: BTreeMap::new(),
            counts: Counts::default(),
            before: Usage::default(),
            paused: false,
            refusal: None,
        }
    }

    /// Whether the server said that all is sent.
    pub fn is_done(&self) -> bool {
        self.reading.done
    }

    /// Whether the server waits to be asked to go on.
    pub fn is_paused(&self) -> bool {
        self.paused
    }

    /// What all messages took, as far as the server has said.
    pub fn usage(&self) -> Option<Usage> {
        self.reading.usage
    }

    /// Returns what came as blocks, to go on with them, and waits for the next message.
    pub fn so_far(&mut self) -> Vec<Value> {
        self.before = self.reading.usage.unwrap_or_default();
        self.counts = Counts::default();
        self.blocks.clear();
        self.paused = false;
        self.reading.finish = None;
        self.reading.done = false;
        let reading = &self.reading;
        let calls = reading.calls.iter().cloned().map(flow_runtime_api::Part::ToolCall);
        let text = flow_runtime_api::Part::Text(reading.text.clone());
        let parts: Vec<_> =
            std::iter::once(text).chain(calls).chain(reading.opaque.iter().cloned()).collect();
        history::assistant(&parts, self.model)
    }

    /// Reads one event of a stream.
    pub fn event(&mut self, data: &str, deltas: &mut dyn Deltas) -> Result<(), Broken> {
        if data.trim().is_empty() || self.reading.done {
            return Ok(());
        }
        let event: Event<'_> = serde_json::from_str(data).map_err(|error| not_json(&error, data))?;
        if let Some(error) = event.error.filter(|error| !error.is_null()) {
            return Err(Broken::Reported(error));
        }
        let index = event.index.unwrap_or_default();
        match &*event.kind {
            "message_start" => {
                if let Some(message) = event.message {
                    self.count(message.usage);
                }
            }
            "content_block_start" => {
                if let Some(block) = event.content_block {
                    self.begin(index, block, data, deltas)?;
                }
            }
            "content_block_delta" => {
                if let Some(delta) = event.delta {
                    self.delta(index, delta, data, deltas)?;
                }
            }
            "content_block_stop" => self.end(index),
            "message_delta" => {
                if let Some(delta) = event.delta {
                    self.stop(delta.stop_reason.as_deref(), delta.stop_details);
                }
                self.count(event.usage);
            }
            "message_stop" => self.reading.done = true,
            // `ping`, and what there is in later versions.
            _ => {}
        }
        Ok(())
    }

    /// Reads a message that came in one piece.
    pub fn whole(&mut self, text: &str, deltas: &mut dyn Deltas) -> Result<(), Broken> {
        let whole: Whole = serde_json::from_str(text).map_err(|error| not_json(&error, text))?;
        if let Some(error) = whole.error.filter(|error| !error.is_null()) {
            return Err(Broken::Reported(error));
        }
        let Some(blocks) = whole.content else {
            return Err(no_answer("sent something that isn't an answer:", text));
        };
        self.count(whole.usage);
        for (index, block) in blocks.into_iter().enumerate() {
            self.begin(index, block, "", deltas)?;
            self.end(index);
        }
        self.stop(whole.stop_reason.as_deref(), whole.stop_details);
        self.reading.done = true;
        Ok(())
    }

    fn begin(
        &mut self,
        index: usize,
        mut block: Value,
        data: &str,
        deltas: &mut dyn Deltas,
    ) -> Result<(), Broken> {
        if self.blocks.len() >= BLOCKS_MAX {
            return Err(Broken::TooLarge(format!("an answer of more than {BLOCKS_MAX} blocks")));
        }
        let string = |value: &mut Value| match value.take() {
            Value::String(text) => text,
            _ => String::new(),
        };
        let begun = match block["type"].as_str() {
            Some("text") => {
                self.reading.text(&string(&mut block["text"]), deltas)?;
                Block::Text
            }
            Some("tool_use") => {
                let name = string(&mut block["name"]);
                let input = block["input"].as_object().filter(|input| !input.is_empty());
                let input = input.map(|_| block["input"].to_string());
                if self.answer_tool == Some(name.as_str()) {
                    self.reading.text(&input.unwrap_or_default(), deltas)?;
                    Block::Answer
                } else {
                    self.reading.count(input.as_deref().unwrap_or_default())?;
                    let position = self.reading.calls.len();
                    let call = self.reading.call(position)?;
                    call.id = string(&mut block["id"]);
                    call.name = name;
                    Block::Call(position, input)
                }
            }
            Some(_) => {
                // An answer may hold nothing else that is shown; it is one for all that.
                if data.is_empty() {
                    self.reading.count(&block.to_string())?;
                } else {
                    self.reading.count(data)?;
                }
                let kept = Kept { text: self.reading.text.len(), calls: self.reading.calls.len(), block };
                Block::Kept(Box::new(Keeping {
                    kept,
                    thinking: String::new(),
                    input: String::new(),
                    broken: false,
                }))
            }
            None => return Err(Broken::Gibberish(String::from("sent a block of no type"))),
        };
        self.blocks.insert(index, begun);
        Ok(())
    }

    fn delta(
        &mut self,
        index: usize,
        delta: Piece<'_>,
        data: &str,
        deltas: &mut dyn Deltas,
    ) -> Result<(), Broken> {
        let reading = &mut self.reading;
        match (&*delta.kind, self.blocks.get_mut(&index)) {
            // Some servers leave out where a text begins.
            ("text_delta", _) => reading.text(&delta.text, deltas)?,
            ("input_json_delta", Some(Block::Answer)) => reading.text(&delta.partial_json, deltas)?,
            ("input_json_delta", Some(Block::Call(position, _))) => {
                reading.count(&delta.partial_json)?;
                reading.call(*position)?.arguments.push_str(&delta.partial_json);
            }
            (kind, Some(Block::Kept(keeping))) => {
                match kind {
                    "thinking_delta" => {
                        reading.reasoning(&delta.thinking, deltas)?;
                        keeping.thinking.push_str(&delta.thinking);
                        return Ok(());
                    }
                    "input_json_delta" => keeping.input.push_str(&delta.partial_json),
                    "signature_delta" => keeping.kept.block["signature"] = json!(delta.signature),
                    "compaction_delta" => {
                        keeping.kept.block["content"] = delta.content.unwrap_or_default();
                        keeping.kept.block["encrypted_content"] = delta.encrypted_content.unwrap_or_default();
                    }
                    _ => keeping.broken = true,
                }
                reading.count(data)?;
            }
            ("input_json_delta", _) => {
                let what = format!("went on with its block {index}, which takes no arguments");
                return Err(Broken::Gibberish(what));
            }
            _ => {}
        }
        Ok(())
    }

    fn end(&mut self, index: usize) {
        match self.blocks.remove(&index) {
            Some(Block::Call(position, input)) => {
                if let Some(call) = self.reading.calls.get_mut(position) {
                    complete(&mut call.arguments, input);
                }
            }
            Some(Block::Kept(keeping)) => {
                let Keeping { mut kept, thinking, input, broken } = *keeping;
                if !thinking.is_empty() {
                    kept.block["thinking"] = json!(thinking);
                }
                let mut whole = !broken;
                if !input.is_empty() {
                    match serde_json::from_str::<Value>(&input) {
                        Ok(input) => kept.block["input"] = input,
                        Err(_) => whole = false,
                    }
                }
                if whole {
                    self.reading.opaque.push(kept.part(self.model));
                }
            }
            Some(Block::Text | Block::Answer) | None => {}
        }
    }

    fn stop(&mut self, reason: Option<&str>, details: Option<StopDetails>) {
        let Some(reason) = reason else { return };
        self.reading.finish = Some(match reason {
            "tool_use" => FinishReason::ToolCalls,
            "max_tokens" | "model_context_window_exceeded" => FinishReason::Length,
            "refusal" => FinishReason::Refused,
            // `end_turn`, `stop_sequence`, and what there is in later versions.
            _ => FinishReason::Stop,
        });
        self.paused = matches!(reason, "pause_turn" | "compaction");
        if reason == "refusal" {
            self.refusal = Some(details.unwrap_or_default());
        }
    }

    /// Takes counts; later ones replace earlier ones.
    fn count(&mut self, counts: Option<Counts>) {
        let Some(counts) = counts else { return };
        self.counts.update(counts);
        if let Some(usage) = self.counts.usage() {
            let mut sum = self.before;
            sum += usage;
            self.reading.usage = Some(sum);
        }
    }

    /// Returns the answer, if all of it came.
    pub fn answer(mut self, peer: &Peer<'_>, call: &Call) -> Result<Answer, Failure> {
        if let Some(details) = self.refusal.take() {
            self.reading.refusal = peer.clean(&details.said(self.reading.text.chars().count()));
        }
        if self.reading.finish != Some(FinishReason::Length) {
            // Some servers leave out where a call ends. One that was cut off isn't complete.
            for (_, block) in std::mem::take(&mut self.blocks) {
                if let Block::Call(position, input) = block
                    && let Some(call) = self.reading.calls.get_mut(position)
                {
                    complete(&mut call.arguments, input);
                }
            }
        }
        if self.reading.finish == Some(FinishReason::ToolCalls) && self.reading.calls.is_empty() {
            // The answer's own tool was called.
            self.reading.finish = Some(FinishReason::Stop);
        }
        self.reading.answer(peer, may_call(call))
    }
}

/// A tool without parameters is called with nothing.
fn complete(arguments: &mut String, input: Option<String>) {
    if arguments.trim().is_empty() {
        *arguments = input.unwrap_or_else(|| String::from("{}"));
    }
}

fn not_json(error: &serde_json::Error, text: &str) -> Broken {
    no_answer(
        if error.is_eof() { "cut its answer off inside" } else { "sent something that isn't an answer:" },
        text,
    )
}

fn no_answer(what: &str, text: &str) -> Broken {
    let shown: String = text.chars().take(120).collect();
    Broken::Gibberish(format!("{what} {shown}"))
}

#[derive(Deserialize)]
struct Event<'a> {
    #[serde(rename = "type", default, borrow)]
    kind: Cow<'a, str>,
    #[serde(default)]
    index: Option<usize>,
    #[serde(default, borrow)]
    delta: Option<Piece<'a>>,
    #[serde(default)]
    content_block: Option<Value>,
    #[serde(default)]
    message: Option<Start>,
    #[serde(default)]
    usage: Option<Counts>,
    #[serde(default)]
    error: Option<Value>,
}

#[derive(Deserialize)]
struct Start {
    #[serde(default)]
    usage: Option<Counts>,
}

#[derive(Deserialize)]
struct Piece<'a> {
    #[serde(rename = "type", default, borrow)]
    kind: Cow<'a, str>,
    #[serde(default, borrow)]
    text: Cow<'a, str>,
    #[serde(default, borrow)]
    thinking: Cow<'a, str>,
    #[serde(default, borrow)]
    partial_json: Cow<'a, str>,
    #[serde(default, borrow)]
    signature: Cow<'a, str>,
    #[serde(default)]
    content: Option<Value>,
    #[serde(default)]
    encrypted_content: Option<Value>,
    #[serde(default)]
    stop_reason: Option<String>,
    #[serde(default)]
    stop_details: Option<StopDetails>,
}

#[derive(Deserialize)]
struct Whole {
    #[serde(default)]
    content: Option<Vec<Value>>,
    #[serde(default)]
    stop_reason: Option<String>,
    #[serde(default)]
    stop_details: Option<StopDetails>,
    #[serde(default)]
    usage: Option<Counts>,
    #[serde(default)]
    error: Option<Value>,
}

/// Why a model refused.
#[derive(Default, Deserialize)]
struct StopDetails {
    #[serde(default)]
    category: Option<String>,
    #[serde(default)]
    explanation: Option<String>,
}

impl StopDetails {
    fn said(self, chars: usize) -> String {
        let category = self.category.map(|category| format!(" ({category})")).unwrap_or_default();
        match self.explanation.filter(|text| !text.trim().is_empty()) {
            Some(text) => format!("{text}{category}"),
            None if chars > 0 => format!("a safety filter stopped it after {chars} characters{category}"),
            None => format!("a safety filter stopped it{category}"),
        }
    }
}

/// What a message took, as far as it is said. What is read from the cache, and written to it, isn't part of the input.
#[derive(Default, Deserialize)]
struct Counts {
    #[serde(default)]
    input_tokens: Option<u64>,
    #[serde(default)]
    output_tokens: Option<u64>,
    #[serde(default)]
    cache_read_input_tokens: Option<u64>,
    #[serde(default)]
    cache_creation_input_tokens: Option<u64>,
    #[serde(default)]
    cache_creation: Option<WriteCounts>,
    #[serde(default)]
    output_tokens_details: Option<OutputCounts>,
    /// What the parts of the message took, some of which the sums leave out.
    #[serde(default)]
    iterations: Option<Vec<Counts>>,
}

/// What was written to the cache, by how long it is kept there.
#[derive(Clone, Copy, Deserialize)]
struct WriteCounts {
    #[serde(default)]
    ephemeral_1h_input_tokens: Option<u64>,
}

#[derive(Deserialize)]
struct OutputCounts {
    #[serde(default)]
    thinking_tokens: Option<u64>,
}

impl Counts {
    fn update(&mut self, newer: Counts) {
        self.input_tokens = newer.input_tokens.or(self.input_tokens);
        self.output_tokens = newer.output_tokens.or(self.output_tokens);
        self.cache_read_input_tokens = newer.cache_read_input_tokens.or(self.cache_read_input_tokens);
        self.cache_creation_input_tokens =
            newer.cache_creation_input_tokens.or(self.cache_creation_input_tokens);
        self.cache_creation = newer.cache_creation.or(self.cache_creation);
        self.output_tokens_details = newer.output_tokens_details.or(self.output_tokens_details.take());
        self.iterations = newer.iterations.or(self.iterations.take());
    }

    /// Without both counts nothing is known, which isn't the same as nothing.
    fn usage(&self) -> Option<Usage> {
        let reasoning_tokens =
            self.output_tokens_details.as_ref().and_then(|d| d.thinking_tokens).unwrap_or(0);
        let parts = self.iterations.iter().flatten().filter_map(Counts::usage);
        let parts = parts.reduce(|mut sum, part| {
            sum += part;
            sum
        });
        if let Some(sum) = parts {
            return Some(Usage { reasoning_tokens, ..sum });
        }
        let cached_tokens = self.cache_read_input_tokens.unwrap_or(0);
        let cache_write_tokens = self.cache_creation_input_tokens.unwrap_or(0);
        let input_tokens =
            self.input_tokens?.saturating_add(cached_tokens).saturating_add(cache_write_tokens);
        let output_tokens = self.output_tokens?;
        let cache_write_1h_tokens =
            self.cache_creation.and_then(|written| written.ephemeral_1h_input_tokens).unwrap_or(0);
        Some(Usage {
            input_tokens,
            output_tokens,
            cached_tokens,
            cache_write_tokens,
            cache_write_1h_tokens,
            reasoning_tokens,
        })
    }
}
