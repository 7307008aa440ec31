//! An answer while it is put together: its pieces, bounded, whichever the wire.

use flow_runtime_api::{
    Answer, Call, Delta, Deltas, Failure, FinishReason, Kind, Part, ToolCall, ToolChoice, Usage,
};

use crate::peer::Peer;
use crate::stream::Fault;

/// Of an answer: text, reasoning and arguments of tools together. A value is no larger either.
const ANSWER_BYTES_MAX: usize = 16 * 1024 * 1024;
/// More calls of tools than these in one answer are no answer.
const TOOL_CALLS_MAX: usize = 1024;

/// Why an answer can't be put together.
#[derive(Debug)]
pub(crate) enum Broken {
    /// The stream can't be taken apart.
    Stream(Fault),
    /// It isn't what the wire says.
    Gibberish(String),
    /// It passes a limit.
    TooLarge(String),
    /// The server reports an error inside its answer.
    Reported(serde_json::Value),
}

impl From<Fault> for Broken {
    fn from(fault: Fault) -> Broken {
        Broken::Stream(fault)
    }
}

impl Broken {
    pub fn failure(self, peer: &Peer<'_>) -> Failure {
        match self {
            Broken::Stream(fault) => peer.fault(fault),
            Broken::Gibberish(what) => peer.gibberish(peer.clean(&what)),
            Broken::TooLarge(what) => Failure::new(Kind::Exhausted, format!("{} sent {what}", peer.name())),
            Broken::Reported(error) => peer.streamed(&error),
        }
    }
}

/// Whether calls of tools are an answer to a call.
pub(crate) fn may_call(call: &Call) -> bool {
    !call.tools.is_empty() && call.tool_choice == ToolChoice::Auto
}

/// The pieces so far.
#[derive(Default)]
pub(crate) struct Reading {
    pub text: String,
    pub refusal: String,
    pub calls: Vec<ToolCall>,
    /// What is sent back as it came.
    pub opaque: Vec<Part>,
    pub finish: Option<FinishReason>,
    pub usage: Option<Usage>,
    /// Whether the server said that all is sent.
    pub done: bool,
    /// Whether anything of an answer came at all.
    pub begun: bool,
    bytes: usize,
}

impl Reading {
    /// Takes text of the answer.
    pub fn text(&mut self, text: &str, deltas: &mut dyn Deltas) -> Result<(), Broken> {
        if text.is_empty() {
            return Ok(());
        }
        self.count(text)?;
        self.text.push_str(text);
        deltas.delta(Delta::Text(text.to_owned()));
        Ok(())
    }

    /// Takes text of the model's reasoning, which is shown and not kept.
    pub fn reasoning(&mut self, text: &str, deltas: &mut dyn Deltas) -> Result<(), Broken> {
        if text.is_empty() {
            return Ok(());
        }
        self.count(text)?;
        deltas.delta(Delta::Reasoning(text.to_owned()));
        Ok(())
    }

    /// Takes text of a refusal.
    pub fn refusal(&mut self, text: &str) -> Result<(), Broken> {
        self.count(text)?;
        self.refusal.push_str(text);
        Ok(())
    }

    /// Returns the call of a tool at a position, which is the next one at most; the arguments may come in pieces.
    pub fn call(&mut self, index: usize) -> Result<&mut ToolCall, Broken> {
        self.begun = true;
        if index > self.calls.len() || index >= TOOL_CALLS_MAX {
            return Err(Broken::Gibberish(format!("numbered its call of a tool {index}, out of order")));
        }
        if index == self.calls.len() {
            self.calls.push(ToolCall { id: String::new(), name: String::new(), arguments: String::new() });
        }
        Ok(&mut self.calls[index])
    }

    /// Counts bytes against the limit.
    pub fn count(&mut self, text: &str) -> Result<(), Broken> {
        self.begun = true;
        self.bytes = self.bytes.saturating_add(text.len());
        if self.bytes > ANSWER_BYTES_MAX {
            return Err(Broken::TooLarge(format!(
                "an answer of more than {} MiB",
                ANSWER_BYTES_MAX / 1024 / 1024
            )));
        }
        Ok(())
    }

    /// Returns the answer, if the stream came to its end and holds one; `has_tools` says whether calls of tools are one.
    pub fn answer(mut self, peer: &Peer<'_>, has_tools: bool) -> Result<Answer, Failure> {
        if !self.begun && self.finish.is_none() {
            return Err(peer.gibberish("sent an empty answer"));
        }
        if self.finish.is_none() && !self.done {
            let chars = self.text.chars().count();
            let what = format!("ended its answer in the middle, after {chars} characters");
            return Err(peer.gibberish(what));
        }
        if self.text.is_empty() && self.refusal.is_empty() && self.ended_well() {
            match (self.calls.is_empty(), has_tools) {
                (false, true) => {}
                (false, false) => return Err(peer.gibberish("asked for a tool where it has none")),
                (true, _) => return Err(peer.gibberish("sent an empty answer")),
            }
        }
        if !has_tools {
            // Beside a text, calls of tools that there aren't change nothing.
            self.calls.clear();
            self.finish = self.finish.map(|finish| match finish {
                FinishReason::ToolCalls => FinishReason::Stop,
                finish => finish,
            });
        }
        for (index, call) in self.calls.iter_mut().enumerate() {
            if call.id.is_empty() {
                call.id = format!("call_{index}");
            }
        }
        let finish = match self.finish.unwrap_or_default() {
            _ if !self.refusal.is_empty() => FinishReason::Refused,
            // Some servers say `stop` where they mean tools.
            FinishReason::Stop if !self.calls.is_empty() => FinishReason::ToolCalls,
            finish => finish,
        };
        let text = if self.refusal.is_empty() { self.text } else { self.refusal };
        Ok(Answer { text, tool_calls: self.calls, opaque: self.opaque, finish, usage: self.usage })
    }

    /// Whether the model says that it was done, and not that something stopped it.
    fn ended_well(&self) -> bool {
        matches!(self.finish.unwrap_or_default(), FinishReason::Stop | FinishReason::ToolCalls)
    }
}
