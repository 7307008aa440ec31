//! An answer of Gemini's, in pieces or whole.

use flow_runtime_api::{Answer, Deltas, Failure, FinishReason, Kind, Part, Usage};
use serde::de::{IgnoredAny, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::{Map, Value, json};

use super::{MADE_UP, NAME};
use crate::peer::Peer;
use crate::reading::{Broken, Reading};

/// What is read besides text, calls and reasoning, which stand in [`Reading`].
#[derive(Default)]
pub(super) struct Turn {
    /// The model's parts as they came, to be sent back.
    said: Vec<Said>,
    /// Whether they must be: there are signatures, or parts that nothing else stands for.
    keeps: bool,
    /// The media type of something that is no text.
    media: Option<String>,
    /// Why it ended, as the wire has it; what isn't `STOP` stays.
    reason: Option<String>,
    message: Option<String>,
    /// Why the question was blocked.
    blocked: Option<String>,
    counts: Option<Counts>,
    /// Numbers of calls that the server gives no id begin here.
    calls_before: usize,
}

/// A part of what the model said.
enum Said {
    /// So many bytes of the answer's text.
    Text(usize),
    /// Anything else, and text that is signed.
    Part(Value),
}

/// Reads one event of a stream.
pub(super) fn event(
    data: &str,
    turn: &mut Turn,
    reading: &mut Reading,
    deltas: &mut dyn Deltas,
) -> Result<(), Broken> {
    match data.trim() {
        "" | "[DONE]" => Ok(()),
        data => document(data, turn, reading, deltas),
    }
}

/// Reads an answer, a piece of one, or a list of pieces, as servers send them that don't stream events.
pub(super) fn document(
    text: &str,
    turn: &mut Turn,
    reading: &mut Reading,
    deltas: &mut dyn Deltas,
) -> Result<(), Broken> {
    let text = text.trim();
    if text.starts_with('[') {
        let chunks: Vec<Chunk> = serde_json::from_str(text).map_err(|error| not_json(&error, text))?;
        return chunks.into_iter().try_for_each(|chunk| chunk.read(text, turn, reading, deltas));
    }
    let chunk: Chunk = serde_json::from_str(text).map_err(|error| not_json(&error, text))?;
    chunk.read(text, turn, reading, deltas)
}

fn not_json(error: &serde_json::Error, text: &str) -> Broken {
    if error.is_eof() {
        let shown: String = text.chars().take(120).collect();
        return Broken::Gibberish(format!("cut its answer off inside {shown}"));
    }
    no_answer(text)
}

fn no_answer(text: &str) -> Broken {
    let shown: String = text.chars().take(120).collect();
    Broken::Gibberish(format!("sent something that isn't an answer: {shown}"))
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Chunk {
    #[serde(default)]
    candidates: Option<Vec<Candidate>>,
    #[serde(default)]
    prompt_feedback: Option<Feedback>,
    #[serde(default)]
    usage_metadata: Option<Counts>,
    #[serde(default)]
    error: Option<Value>,
    #[serde(default)]
    response_id: Option<IgnoredAny>,
    #[serde(default)]
    model_version: Option<IgnoredAny>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Candidate {
    #[serde(default)]
    index: Option<i64>,
    #[serde(default)]
    content: Option<Content>,
    #[serde(default)]
    finish_reason: Option<String>,
    #[serde(default)]
    finish_message: Option<String>,
}

#[derive(Deserialize)]
struct Content {
    #[serde(default)]
    parts: Option<Vec<Piece>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Feedback {
    #[serde(default)]
    block_reason: Option<String>,
    #[serde(default)]
    block_reason_message: Option<String>,
}

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Counts {
    #[serde(default)]
    prompt_token_count: Option<u64>,
    #[serde(default)]
    tool_use_prompt_token_count: Option<u64>,
    #[serde(default)]
    cached_content_token_count: Option<u64>,
    #[serde(default)]
    candidates_token_count: Option<u64>,
    #[serde(default)]
    thoughts_token_count: Option<u64>,
    #[serde(default)]
    total_token_count: Option<u64>,
}

/// A part, its text apart and everything else as it came: most parts are text alone.
#[derive(Default)]
struct Piece {
    text: Option<String>,
    thought: bool,
    others: Map<String, Value>,
}

impl<'de> Deserialize<'de> for Piece {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Piece, D::Error> {
        struct Parts;
        impl<'de> Visitor<'de> for Parts {
            type Value = Piece;

            fn expecting(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                out.write_str("a part of a message")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Piece, A::Error> {
                let mut piece = Piece::default();
                while let Some(key) = map.next_key::<std::borrow::Cow<'_, str>>()? {
                    match &*key {
                        "text" => piece.text = map.next_value()?,
                        "thought" => piece.thought = map.next_value::<Option<bool>>()?.unwrap_or_default(),
                        _ => drop(piece.others.insert(key.into_owned(), map.next_value()?)),
                    }
                }
                Ok(piece)
            }
        }
        deserializer.deserialize_map(Parts)
    }
}

impl Chunk {
    fn read(
        self,
        text: &str,
        turn: &mut Turn,
        reading: &mut Reading,
        deltas: &mut dyn Deltas,
    ) -> Result<(), Broken> {
        turn.counts = self.usage_metadata.or(turn.counts);
        if let Some(error) = self.error.filter(|error| !error.is_null()) {
            return Err(Broken::Reported(json!({"error": error})));
        }
        let says_something = self.candidates.is_some()
            || self.prompt_feedback.is_some()
            || self.usage_metadata.is_some()
            || self.response_id.is_some()
            || self.model_version.is_some();
        if !says_something {
            return Err(no_answer(text));
        }
        if let Some(feedback) = self.prompt_feedback
            && (feedback.block_reason.is_some() || feedback.block_reason_message.is_some())
        {
            turn.blocked =
                Some(why(feedback.block_reason.as_deref(), feedback.block_reason_message.as_deref()));
        }
        // Of several answers the first is the answer; one is all that is ever asked for.
        let first = |candidate: &Candidate| candidate.index.unwrap_or(0) == 0;
        let Some(candidate) = self.candidates.into_iter().flatten().find(first) else { return Ok(()) };
        for piece in candidate.content.and_then(|content| content.parts).into_iter().flatten() {
            piece.read(turn, reading, deltas)?;
        }
        if let Some(reason) = candidate.finish_reason.filter(|reason| reason != "FINISH_REASON_UNSPECIFIED") {
            reading.begun = true;
            if turn.reason.as_deref().is_none_or(|reason| reason == "STOP") {
                turn.reason = Some(reason);
            }
        }
        turn.message = candidate.finish_message.or(turn.message.take());
        Ok(())
    }
}

impl Piece {
    fn read(self, turn: &mut Turn, reading: &mut Reading, deltas: &mut dyn Deltas) -> Result<(), Broken> {
        let text = self.text.unwrap_or_default();
        if self.others.is_empty() {
            if self.thought {
                return reading.reasoning(&text, deltas);
            }
            match turn.said.last_mut() {
                Some(Said::Text(bytes)) => *bytes += text.len(),
                _ if text.is_empty() => {}
                _ => turn.said.push(Said::Text(text.len())),
            }
            return reading.text(&text, deltas);
        }
        let mut part = self.others;
        for value in part.values() {
            reading.count(&value.to_string())?;
        }
        turn.keeps |= part.keys().any(|key| key != "functionCall");
        if let Some(blob) = part.get("inlineData").or_else(|| part.get("fileData")) {
            turn.media = Some(String::from(blob["mimeType"].as_str().unwrap_or("file")));
        }
        match (self.thought, part.get("functionCall")) {
            // A draft of a thought is none that is carried out.
            (true, _) => {
                reading.reasoning(&text, deltas)?;
                part.insert(String::from("thought"), Value::Bool(true));
            }
            (false, Some(call)) => {
                reading.text(&text, deltas)?;
                let number = turn.calls_before + reading.calls.len();
                let own = reading.call(reading.calls.len())?;
                own.name = String::from(call["name"].as_str().unwrap_or_default());
                own.id = match call["id"].as_str() {
                    Some(id) if !id.is_empty() => String::from(id),
                    _ => format!("{MADE_UP}{number}"),
                };
                own.arguments = match &call["args"] {
                    Value::Null => String::from("{}"),
                    arguments => arguments.to_string(),
                };
            }
            (false, None) => reading.text(&text, deltas)?,
        }
        // A signature may come on an empty text, and goes back on one.
        if self.thought || !text.is_empty() || part.keys().all(|key| key == "thoughtSignature") {
            part.insert(String::from("text"), Value::String(text));
        }
        turn.said.push(Said::Part(Value::Object(part)));
        Ok(())
    }
}

impl Turn {
    /// Begins one in a conversation with so many calls of tools.
    pub(super) fn new(calls_before: usize) -> Turn {
        Turn { calls_before, ..Turn::default() }
    }

    /// Returns the tokens so far; `None` where the server hasn't said how many it wrote.
    pub(super) fn usage(&self, reading: &Reading) -> Option<Usage> {
        let counts = self.counts?;
        let written = [counts.candidates_token_count, counts.thoughts_token_count];
        // What is zero is left out, and so is what isn't known yet: only at the end the total tells which.
        let wrote = !reading.text.is_empty() || !reading.calls.is_empty();
        let is_told = self.reason.is_some() && counts.total_token_count.is_some();
        if wrote && !is_told && written.iter().all(Option::is_none) {
            return None;
        }
        let sum = |counts: [Option<u64>; 2]| counts.into_iter().flatten().fold(0, u64::saturating_add);
        Some(Usage {
            input_tokens: sum([Some(counts.prompt_token_count?), counts.tool_use_prompt_token_count]),
            output_tokens: sum(written),
            cached_tokens: counts.cached_content_token_count.unwrap_or(0),
            reasoning_tokens: counts.thoughts_token_count.unwrap_or(0),
            ..Usage::default()
        })
    }

    /// Tells why the answer ended; fails if that isn't an end that an answer has.
    pub(super) fn conclude(&self, peer: &Peer<'_>, reading: &mut Reading) -> Result<(), Failure> {
        if let Some(why) = &self.blocked {
            return refuse(peer, reading, &format!("the prompt was blocked ({why})"));
        }
        let Some(reason) = self.reason.as_deref() else { return Ok(()) };
        let why = peer.clean(&why(Some(reason), self.message.as_deref()));
        reading.finish = Some(match reason {
            "STOP" => FinishReason::Stop,
            "MAX_TOKENS" | "CONTINUATION" => FinishReason::Length,
            "SAFETY"
            | "RECITATION"
            | "LANGUAGE"
            | "BLOCKLIST"
            | "PROHIBITED_CONTENT"
            | "SPII"
            | "IMAGE_SAFETY"
            | "IMAGE_PROHIBITED_CONTENT"
            | "IMAGE_RECITATION"
            | "MODEL_ARMOR"
            | "ESCALATION"
            | "PUP_LIMITED_DISABLED" => {
                return refuse(peer, reading, &format!("the answer was stopped ({why})"));
            }
            "MISSING_THOUGHT_SIGNATURE" => {
                let message =
                    format!("{} misses a thought's signature in the conversation ({why})", peer.name());
                return Err(Failure::new(Kind::Refused, message));
            }
            "MALFORMED_FUNCTION_CALL" | "UNEXPECTED_TOOL_CALL" | "TOO_MANY_TOOL_CALLS" => {
                return Err(
                    peer.gibberish(format_args!("asked for a tool in a way that can't be read ({why})"))
                );
            }
            "OTHER" | "MALFORMED_RESPONSE" | "NO_IMAGE" | "IMAGE_OTHER" => {
                return Err(peer.gibberish(format_args!("broke its answer off ({why})")));
            }
            // Calls are whole when they come; of a text nobody knows.
            _ if !reading.calls.is_empty() => FinishReason::ToolCalls,
            _ => {
                return Err(
                    peer.gibberish(format_args!("ended its answer for a reason that isn't known ({why})"))
                );
            }
        });
        if let (Some(mime), true, true) = (&self.media, reading.text.is_empty(), reading.calls.is_empty()) {
            let message = format!("{} sent {} where a text was asked", peer.name(), peer.clean(mime));
            return Err(Failure::new(Kind::BadAnswer, message));
        }
        Ok(())
    }

    /// Returns what must be sent back with this answer as it came.
    pub(super) fn opaque(self, model: &str, answer: &Answer) -> Option<Part> {
        // A refusal stands in the text's place, and nothing follows it.
        if !self.keeps || answer.finish == FinishReason::Refused {
            return None;
        }
        let text = answer.text.as_str();
        let mut at = 0;
        let mut parts = Vec::with_capacity(self.said.len());
        for said in self.said {
            match said {
                Said::Text(bytes) => {
                    parts.push(json!({"text": text.get(at..at + bytes)?}));
                    at += bytes;
                }
                Said::Part(part) => {
                    if part.get("thought").is_none() {
                        at += part["text"].as_str().map_or(0, str::len);
                    }
                    parts.push(part);
                }
            }
        }
        Some(Part::Opaque { provider: String::from(NAME), json: json!({"model": model, "parts": parts}) })
    }
}

/// Marks an answer as refused.
fn refuse(peer: &Peer<'_>, reading: &mut Reading, why: &str) -> Result<(), Failure> {
    reading.finish = Some(FinishReason::Refused);
    reading.refusal(&peer.clean(why)).map_err(|broken| broken.failure(peer))
}

/// Puts a reason and its words together: `SAFETY: too loud`.
fn why(reason: Option<&str>, message: Option<&str>) -> String {
    match (reason, message.filter(|message| !message.is_empty())) {
        (Some(reason), Some(message)) => format!("{reason}: {message}"),
        (one, other) => String::from(one.or(other).unwrap_or("no reason is given")),
    }
}
