//! The body of a call.

use flow_answer::{anthropic, schema_prompt};
use flow_ir::catalogue::{self, Claude};
use flow_runtime_api::{Call, Failure, Kind, Part, Role, Schema, ToolChoice};
use serde_json::{Map, Value, json};

use super::history::{self, History};
use super::thinking::{self, Thought};
use super::{cache, thinking::Sampled};
use crate::peer::Peer;

/// Sent for a model that nothing is known of.
const OUTPUT_TOKENS: u64 = 4_096;
/// A tool whose arguments are the answer, for servers that hold only those to a schema.
const ANSWER_TOOL: &str = "answer";

/// The body of a call, and how its answer is to be read.
pub(super) struct Request {
    body: Map<String, Value>,
    /// Whether the answer stands in a wrapper.
    pub wrapped: bool,
    /// The tool whose arguments are the answer.
    pub answer_tool: Option<String>,
}

/// How the shape of an answer is asked for.
enum Shape {
    /// Any text.
    Free,
    /// The server holds the answer to a schema.
    Native(anthropic::Rewritten),
    /// The answer is what a tool is called with.
    Tool(anthropic::Rewritten),
    /// The model is told of it.
    Told,
}

impl Request {
    /// Writes a call; what the model can't take is a failure, before anything is sent.
    pub fn new(peer: &Peer<'_>, call: &Call) -> Result<Request, Failure> {
        let claude = Claude::of(&peer.model.model);
        let max_tokens = call.sampling.max_tokens.unwrap_or_else(|| output_tokens(peer, claude));
        let begins = begins(call);
        if begins && claude.is_some_and(|claude| !claude.takes_beginning()) {
            let message = format!(
                "`{}` can't be given the beginning of its answer, as `assistant` is",
                peer.model.model
            );
            return Err(Failure::new(Kind::Refused, message));
        }
        let mut thought = thinking::thinking(peer, claude, call.sampling.thinking, max_tokens)?;
        let Sampled { temperature, top_p } = thinking::sampling(peer, claude, &call.sampling, &thought)?;
        let shape = shape(peer, claude, call, begins, &thought);
        let History { mut system, messages } = history::write(call, &peer.model.model)?;
        if thought.needs_thoughts && history::lacks_thoughts(&messages) {
            thought = Thought::default();
        }
        if let (Shape::Told, Some(schema)) = (&shape, &call.schema) {
            system.push(history::text(&schema_prompt(&schema.json)));
        }
        let mut tools: Vec<Value> = call.tools.iter().map(tool).collect();
        let mut tool_choice = match call.tool_choice {
            ToolChoice::None if !tools.is_empty() => Some(json!({"type": "none"})),
            _ => None,
        };
        let mut answer_tool = None;
        if let (Shape::Tool(rewritten), Some(schema)) = (&shape, &call.schema) {
            let mut name = String::from(ANSWER_TOOL);
            while call.tools.iter().any(|tool| tool.name == name) {
                name.push('_');
            }
            let alone = tools.is_empty() || tool_choice.is_some();
            tool_choice =
                Some(if alone { json!({"type": "tool", "name": name}) } else { json!({"type": "any"}) });
            tools.push(json!({
                "name": name,
                "description": format!("Gives the answer, a {}.", schema.name),
                "input_schema": rewritten.schema,
            }));
            answer_tool = Some(name);
        }

        let mut body = Map::new();
        let mut set = |key: &str, value: Option<Value>| {
            if let Some(value) = value {
                body.insert(key.to_owned(), value);
            }
        };
        set("model", Some(json!(peer.model.model)));
        set("max_tokens", Some(json!(max_tokens)));
        set("stream", Some(json!(true)));
        set("tools", (!tools.is_empty()).then(|| Value::Array(tools)));
        set("tool_choice", tool_choice);
        set("system", (!system.is_empty()).then(|| Value::Array(system)));
        set("messages", Some(Value::Array(messages)));
        set("temperature", temperature.map(|number| json!(number)));
        set("top_p", top_p.map(|number| json!(number)));
        set("stop_sequences", (!call.sampling.stop.is_empty()).then(|| json!(call.sampling.stop)));
        set("thinking", thought.thinking);
        let mut output = Map::new();
        if let Some(effort) = thought.effort {
            output.insert(String::from("effort"), json!(effort));
        }
        if let Shape::Native(rewritten) = &shape {
            let format = json!({"type": "json_schema", "schema": rewritten.schema});
            output.insert(String::from("format"), format);
        }
        set("output_config", (!output.is_empty()).then_some(Value::Object(output)));
        cache::mark(&mut body, call.cache);
        let wrapped = match &shape {
            Shape::Native(rewritten) | Shape::Tool(rewritten) => rewritten.wrapped,
            Shape::Free | Shape::Told => false,
        };
        Ok(Request { body, wrapped, answer_tool })
    }

    /// Returns the body as it is sent.
    pub fn bytes(&self) -> Vec<u8> {
        serde_json::to_vec(&self.body).expect("JSON can be written")
    }

    /// Adds what the model has said of an answer that it goes on with.
    pub fn go_on(&mut self, said: Vec<Value>) {
        let said = json!({"role": "assistant", "content": said});
        let Some(Value::Array(messages)) = self.body.get_mut("messages") else { return };
        match messages.last_mut().filter(|last| last["role"] == "assistant") {
            Some(last) => *last = said,
            None => messages.push(said),
        }
    }

    #[cfg(test)]
    pub fn json(&self) -> Value {
        Value::Object(self.body.clone())
    }
}

/// Returns the most that a model can write, as far as it is known.
fn output_tokens(peer: &Peer<'_>, claude: Option<Claude>) -> u64 {
    let known = catalogue::limits(peer.info.name, &peer.model.model).output_tokens;
    known.or(claude.map(Claude::output_tokens)).unwrap_or(OUTPUT_TOKENS)
}

/// Whether the call gives the beginning of the answer.
fn begins(call: &Call) -> bool {
    call.messages.last().is_some_and(|message| {
        let says = |part: &Part| matches!(part, Part::Text(text) if !text.trim().is_empty());
        message.role == Role::Assistant && message.parts.iter().any(says)
    })
}

fn shape(peer: &Peer<'_>, claude: Option<Claude>, call: &Call, begins: bool, thought: &Thought) -> Shape {
    let Some(Schema { json, .. }) = &call.schema else { return Shape::Free };
    let native = claude.map_or(peer.is_vendor(), Claude::takes_schema);
    match anthropic::rewrite(json) {
        // What a schema is held against is the whole answer, and it has begun already.
        _ if begins => Shape::Told,
        Some(rewritten) if native => Shape::Native(rewritten),
        None if native => Shape::Told,
        // While it thinks, a model can't be made to call a tool.
        _ if thought.is_on => Shape::Told,
        _ => Shape::Tool(anthropic::with_object_root(json)),
    }
}

fn tool(tool: &flow_runtime_api::ToolSpec) -> Value {
    let mut out = json!({"name": tool.name});
    if !tool.description.trim().is_empty() {
        out["description"] = json!(tool.description);
    }
    out["input_schema"] = anthropic::with_object_root(&tool.parameters).schema;
    out
}
