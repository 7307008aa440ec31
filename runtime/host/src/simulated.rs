//! Effects that are made up, so that nothing leaves the machine: believable values of the type that is asked for, the
//! same for the same seed, step and question.

use flow_expr::WhereRules;
use flow_ir::plan::{Decode, Node, NodeKind};
use flow_ir::{Name, json};
use flow_runtime_api::{
    Answer, Call, Delta, Deltas, Failure, FinishReason, HttpAnswer, Kind, Part, Simulation, Usage,
};
use serde_json::Value as Json;
use sha2::{Digest, Sha256};

use crate::outside::{Ask, Asked, Fetch, Outside};

/// An estimate, where no tokenizer is known: so many bytes make a token.
const BYTES_PER_TOKEN: usize = 4;
/// What a message costs besides its text.
const TOKENS_PER_MESSAGE: usize = 4;
/// An answer is streamed in pieces of so many characters.
const PIECE_CHARS: usize = 16;

impl Outside {
    /// Answers as a model would; usage is estimated.
    pub(crate) fn simulated_answer(&self, ask: &Ask, simulate: Simulation, deltas: &mut dyn Deltas) -> Asked {
        let json = match self.made_up(&ask.node, seed(simulate, &ask.step.0, &ask.fingerprint)) {
            Ok(json) => json,
            Err(failure) => return (Err(failure), None),
        };
        let text = match (json, &ask.call.schema) {
            (Json::String(text), None) => text,
            (json, _) => json.to_string(),
        };
        let characters: Vec<char> = text.chars().collect();
        characters.chunks(PIECE_CHARS).for_each(|piece| deltas.delta(Delta::Text(piece.iter().collect())));
        let usage = Usage {
            input_tokens: tokens(question_bytes(&ask.call))
                + (TOKENS_PER_MESSAGE * ask.call.messages.len()) as u64,
            output_tokens: tokens(text.len()),
            ..Usage::default()
        };
        let answer = Answer { text, finish: FinishReason::Stop, usage: Some(usage), ..Answer::default() };
        (Ok(answer), Some(usage))
    }

    /// Answers as a tool would, already read.
    pub(crate) fn simulated_value(&self, fetch: &Fetch, simulate: Simulation) -> Result<Json, Failure> {
        self.made_up(&fetch.node, seed(simulate, &fetch.step.0, &fetch.fingerprint))
    }

    /// Returns the answer of a server that a simulated value could have been read from, for a tape.
    pub(crate) fn as_page(&self, node: &Name, json: &Json) -> HttpAnswer {
        let decode = self.node(node).and_then(|node| match &node.kind {
            NodeKind::Http(http) => Some(http.decode),
            NodeKind::Prompt(_) => None,
        });
        let (content_type, text) = match (decode, json) {
            (Some(Decode::Text), Json::String(text)) => ("text/plain", text.clone()),
            (Some(Decode::Bytes), _) => ("application/octet-stream", json.to_string()),
            _ => ("application/json", json.to_string()),
        };
        HttpAnswer { status: 200, content_type: String::from(content_type), body: text.into_bytes() }
    }

    fn made_up(&self, node: &Name, seed: u64) -> Result<Json, Failure> {
        let plan = &self.plan;
        let Some(node) = self.node(node) else {
            return Err(Failure::new(Kind::BadValue, format!("the plan has no node `{node}`")));
        };
        let rules = WhereRules::new(&plan.types, &plan.codes);
        flow_answer::generate(&node.returns, &plan.types, &rules, seed, &node.name)
            .and_then(|value| json::encode(&value, &node.returns, &plan.types).ok())
            .ok_or_else(|| {
                Failure::new(
                    Kind::BadAnswer,
                    format!(
                        "no value of the type of `{}` could be made up; its rules are too narrow",
                        node.name
                    ),
                )
            })
    }

    fn node(&self, name: &Name) -> Option<&Node> {
        self.plan.nodes.iter().find(|node| node.name == *name)
    }
}

fn seed(simulate: Simulation, step: &str, fingerprint: &str) -> u64 {
    let digest = Sha256::digest(format!("{}\n{step}\n{fingerprint}", simulate.seed).as_bytes());
    let bytes = digest.first_chunk::<8>().copied().unwrap_or_default();
    u64::from_be_bytes(bytes)
}

fn question_bytes(call: &Call) -> usize {
    let parts = call.messages.iter().flat_map(|message| &message.parts);
    let texts = parts.map(|part| match part {
        Part::Text(text) => text.len(),
        Part::ToolResult { content, .. } => content.len(),
        Part::ToolCall(call) => call.arguments.len(),
        Part::Media { .. } | Part::Opaque { .. } => 0,
    });
    let schema = call.schema.as_ref().map_or(0, |schema| schema.json.to_string().len());
    texts.sum::<usize>() + schema
}

fn tokens(bytes: usize) -> u64 {
    bytes.div_ceil(BYTES_PER_TOKEN) as u64
}
