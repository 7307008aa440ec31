//! Turns of agents: what a model is asked in one, and what it says.

use std::sync::Arc;

use flow_ir::plan::{Agent, AgentTool, NodeId, NodeKind};
use flow_ir::{Plan, Value};
use flow_runtime_api::{Answer, Failure, FinishReason, Kind, Message, Part, Role, ToolCall, ToolSpec};
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

use super::{StepState, Verdict};
use crate::engine::Run;

/// Calls that a model may ask for in one turn; each of them needs a result, made or refused.
const CALLS_MAX: usize = 1_000;
/// What a model that calls tools in its last turn is told, once.
const NO_TOOLS: &str = "Your answer was empty.\n- it must be the answer itself: no tool can be called any more\nAnswer again, without calling a tool.";

/// What a turn needs besides what every step has.
#[derive(Debug)]
pub(crate) struct TurnState {
    /// The conversation before it, from the first answer on.
    pub so_far: Arc<Vec<Message>>,
    /// Whether tools may not be called any more.
    pub is_last: bool,
    /// What the model has said.
    pub said: Option<Said>,
}

/// What a model said in a turn, as it is on record.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Said {
    /// Its text.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub text: String,
    /// What it asks for.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tool_calls: Vec<ToolCall>,
    /// What has to be sent back as it came.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub opaque: Vec<Part>,
    /// The answer as JSON of the agent's type, if it asks for nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub answer: Option<Json>,
}

impl Said {
    /// Returns it as a message of the conversation.
    pub(crate) fn message(self) -> Message {
        let answer =
            Answer { text: self.text, tool_calls: self.tool_calls, opaque: self.opaque, ..Answer::default() };
        Message { role: Role::Assistant, parts: answer.into_parts() }
    }
}

/// Returns the agent that a node is.
pub(crate) fn agent_of(plan: &Plan, node: NodeId) -> Option<&Agent> {
    match &plan.nodes.get(node as usize)?.kind {
        NodeKind::Agent(agent) => Some(agent),
        _ => None,
    }
}

impl Run {
    /// Returns what an agent's model is told of its tools.
    pub(super) fn tool_specs(&mut self, plan: &Plan, node: NodeId) -> Arc<Vec<ToolSpec>> {
        let make = || {
            let tools = agent_of(plan, node).map(|agent| agent.tools.as_slice()).unwrap_or_default();
            let spec = |tool: &AgentTool| ToolSpec {
                name: tool.name.to_string(),
                description: tool.doc(plan).to_owned(),
                parameters: flow_ir::schema::schema_of_fields(&tool.fields(plan), &plan.types),
            };
            Arc::new(tools.iter().map(spec).collect())
        };
        self.tools.entry(node).or_insert_with(make).clone()
    }

    /// Reads what a model says in a turn: an answer of the agent's type, or calls of tools.
    pub(super) fn read_turn(&self, plan: &Plan, state: &mut StepState, answer: Answer) -> Verdict {
        let (Some(turn), Some(agent)) = (&state.turn, agent_of(plan, state.node)) else {
            return Verdict::default();
        };
        let is_last = turn.is_last;
        if answer.finish == FinishReason::Refused || answer.tool_calls.is_empty() {
            return self.read_last(plan, state, answer);
        }
        if is_last && answer.text.trim().is_empty() {
            return Verdict::Wrong(String::new(), String::from(NO_TOOLS));
        }
        if is_last {
            return self.read_last(plan, state, Answer { tool_calls: Vec::new(), ..answer });
        }
        if answer.finish == FinishReason::Length {
            let message = "a call of a tool was cut at the output limit";
            return Verdict::Failed(Failure::new(Kind::Truncated, message));
        }
        let asked = answer.tool_calls.len();
        if asked > CALLS_MAX {
            let message =
                format!("the model asks for {asked} calls of tools at once; {CALLS_MAX} are allowed");
            return Verdict::Failed(Failure::new(Kind::BadAnswer, message));
        }
        let text = self.with_beginning(plan, &agent.ask, state, answer.text);
        let said = Said { text, tool_calls: answer.tool_calls, opaque: answer.opaque, answer: None };
        finished(state, Value::Null, said)
    }

    /// Reads an answer that asks for nothing. What an agent's answer is too large for isn't the program's limit on work.
    fn read_last(&self, plan: &Plan, state: &mut StepState, answer: Answer) -> Verdict {
        let (text, opaque) = (answer.text.clone(), answer.opaque.clone());
        match self.read_answer(plan, state, answer) {
            Verdict::Good(value, json) => {
                finished(state, value, Said { text, tool_calls: Vec::new(), opaque, answer: Some(json) })
            }
            Verdict::Failed(failure) if failure.built_in() == Some(Kind::Exhausted) => {
                Verdict::Failed(Failure::new(Kind::BadAnswer, failure.message))
            }
            verdict => verdict,
        }
    }

    /// Takes what is on record of a turn; `None` if it isn't of the type now.
    pub(crate) fn turn_on_record(&self, plan: &Plan, state: &mut StepState, result: &Json) -> Option<Value> {
        let said = Said::deserialize(result).ok()?;
        let value = match &said.answer {
            Some(json) => self.decode(plan, json, &plan.nodes[state.node as usize].returns).ok()?,
            None => Value::Null,
        };
        state.turn.as_mut()?.said = Some(said);
        Some(value)
    }
}

fn finished(state: &mut StepState, value: Value, said: Said) -> Verdict {
    match serde_json::to_value(&said) {
        Ok(json) => {
            if let Some(turn) = &mut state.turn {
                turn.said = Some(said);
            }
            Verdict::Good(value, json)
        }
        Err(_) => Verdict::default(),
    }
}
