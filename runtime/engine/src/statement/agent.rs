//! Agents: turn by turn, and the calls of a turn as branches of their own (C3).
//!
//! What the model says in a turn, and what each call gives, is on record; the conversation is put together from that.

use std::collections::BTreeMap;
use std::sync::Arc;

use flow_ir::plan::{Agent, AgentTool, ModelRef, NodeId, NodeKind, Statement, Step, Target, bytes_max};
use flow_ir::types::{Record, Type};
use flow_ir::value::Violation;
use flow_ir::{Plan, Value};
use flow_runtime_api::{
    Choice, Coordinate, Cost, Event, Failure, Kind, Message, Part, Role, ToolCall, Usage,
};

use super::group::{is_uncatchable, leave};
use super::saga::take_over;
use crate::effect::{Said, StepState, TurnState, agent_of, repaired, step_of};
use crate::engine::Run;
use crate::frame::Frame;
use crate::json::encode;
use crate::task::{Control, Interrupt, Outcome, Task, TaskId, Turn};

/// Agents within agents; programs can't recurse, so only a plan made by hand gets there.
const AGENTS_MAX: usize = 32;
/// Of a result of unknown size, the model is shown so many bytes (C3).
const SHOWN_BYTES_MAX: usize = 16 << 10;
/// Violations of one call that the model is told of.
const VIOLATIONS_MAX: usize = 20;

/// A running agent.
#[derive(Debug)]
pub(crate) struct AgentState {
    node: NodeId,
    /// For each turn.
    args: Vec<Value>,
    /// The models that may be asked, from the one that answered last.
    candidates: Vec<ModelRef>,
    candidate: usize,
    /// What `round_robin` chose on the way to them; on record with the first turn.
    choices: Vec<Choice>,
    /// The conversation from the first answer on.
    so_far: Arc<Vec<Message>>,
    /// The turn that runs, or comes next.
    turn: u32,
    /// Calls at most, of each tool that is limited by itself.
    limits: Vec<Option<i64>>,
    /// Calls that were made of each tool.
    made: Vec<i64>,
    /// What the last turn asked for, and what came of each.
    asked: Vec<(ToolCall, Option<Shown>)>,
    /// The calls that run.
    live: BTreeMap<u32, TaskId>,
    /// Why the whole ends early.
    leaving: Option<Outcome>,
}

/// What the model is shown of a call.
#[derive(Debug)]
struct Shown {
    content: String,
    failed: bool,
}

/// A call that a model makes, at the bottom of a branch.
#[derive(Debug)]
pub(crate) struct ToolRun {
    agent: NodeId,
    tool: u32,
    /// Taken when it begins.
    args: Option<Result<Vec<Value>, Outcome>>,
}

impl ToolRun {
    /// Returns the call.
    pub(crate) fn step<'p>(&self, plan: &'p Plan) -> Option<&'p Step> {
        Some(&agent_of(plan, self.agent)?.tools.get(self.tool as usize)?.call)
    }
}

impl AgentState {
    /// Returns the calls that run.
    pub(crate) fn live(&self) -> impl Iterator<Item = TaskId> {
        self.live.values().copied()
    }

    /// Returns why the whole ends early, to be changed.
    pub(crate) fn leaving_mut(&mut self) -> &mut Option<Outcome> {
        &mut self.leaving
    }
}

impl Run {
    /// Enters an agent on behalf of the innermost step.
    pub(crate) fn enter_agent(
        &mut self,
        plan: &Plan,
        task: &mut Task,
        step: &Step,
        node: NodeId,
        args: Vec<Value>,
    ) -> Result<Turn, Outcome> {
        let Some(agent) = agent_of(plan, node) else { return Err(Outcome::Next) };
        if self.agents_around(task) >= AGENTS_MAX {
            return Err(self.failure(task, Kind::Exhausted, "agents are called too deep"));
        }
        let mut limits = Vec::with_capacity(agent.tools.len());
        for tool in &agent.tools {
            limits.push(match &tool.max {
                None => None,
                Some(max) => match self.compute(plan, &flow_expr::Slots(&args), max) {
                    Ok(Value::Int(max)) => Some(max),
                    Ok(_) => Some(0),
                    Err(error) => return Err(self.pure_failure(task, error)),
                },
            });
        }
        let (candidates, choices) = self.candidates(plan, step, node, None);
        let state = AgentState {
            node,
            args,
            candidates,
            candidate: 0,
            choices,
            so_far: Arc::default(),
            turn: 0,
            made: vec![0; limits.len()],
            limits,
            asked: Vec::new(),
            live: BTreeMap::new(),
            leaving: None,
        };
        task.push(None, Control::Agent(Box::new(state)));
        self.next_turn(plan, task)
    }

    /// Returns how many agents run around a task.
    fn agents_around(&self, task: &Task) -> usize {
        let own = |task: &Task| {
            task.stack.iter().filter(|scope| matches!(scope.control, Control::Agent(_))).count()
        };
        let mut count = own(task);
        let mut parent = task.parent;
        while let Some(around) = parent.and_then(|(id, _)| self.tasks.get(id as usize)?.as_deref()) {
            count += own(around);
            parent = around.parent;
        }
        count
    }

    /// Asks the model once more.
    fn next_turn(&mut self, plan: &Plan, task: &mut Task) -> Result<Turn, Outcome> {
        let Some((node, turn)) = agent_in(task).map(|state| (state.node, state.turn)) else {
            return Err(Outcome::Next);
        };
        let Some(agent) = agent_of(plan, node) else { return Err(Outcome::Next) };
        let is_last = turn >= agent.max_turns;
        if is_last {
            let Some(finish) = &agent.finish else { return Err(self.out_of_turns(plan, task, node)) };
            let args = agent_in(task).map(|state| state.args.clone()).unwrap_or_default();
            let text = match self.compute(plan, &flow_expr::Slots(&args), finish) {
                Ok(Value::String(text)) => text.to_string(),
                Ok(_) => String::new(),
                Err(error) => return Err(self.pure_failure(task, error)),
            };
            if let Some(state) = agent_in(task) {
                Arc::make_mut(&mut state.so_far).push(Message::text(Role::User, text));
            }
        }
        let Some(state) = agent_in(task) else { return Err(Outcome::Next) };
        let mut turn_state = StepState {
            node,
            args: state.args.clone(),
            candidates: state.candidates.clone(),
            candidate: state.candidate,
            choices: std::mem::take(&mut state.choices),
            turn: Some(Box::new(TurnState { so_far: state.so_far.clone(), is_last, said: None })),
            ..StepState::default()
        };
        task.push(Some(&format!("turn[{turn}]")), Control::Step(Box::default()));
        turn_state.coordinate = task.coordinate();
        let prepared = match step_of(plan, task) {
            Some(step) => self.prepare(plan, step, &turn_state),
            None => Err(Failure::new(Kind::BadValue, "the plan has no such step")),
        };
        match prepared {
            Ok(prepared) => {
                self.probe_request(&turn_state.coordinate.0, &prepared);
                turn_state.prepared = Some(Box::new(prepared));
            }
            Err(failure) => {
                let failure = Failure { step: Some(turn_state.coordinate.clone()), ..failure };
                self.emit_unmade(turn_state.coordinate, failure.clone());
                task.pop();
                return Err(Outcome::Fail(Box::new(failure)));
            }
        }
        self.note_waiting(&turn_state.coordinate, task.id);
        if let Some(place) = task.step_mut() {
            *place = turn_state;
        }
        self.starting.push_back(task.id);
        Ok(Turn::Wait)
    }

    fn out_of_turns(&self, plan: &Plan, task: &Task, node: NodeId) -> Outcome {
        let (name, turns) = match &plan.nodes[node as usize] {
            node @ flow_ir::plan::Node { kind: NodeKind::Agent(agent), .. } => (&node.name, agent.max_turns),
            node => (&node.name, 0),
        };
        let turns = if turns == 1 { String::from("its turn") } else { format!("its {turns} turns") };
        self.failure(task, Kind::Exhausted, format!("`{name}` has no answer after {turns}"))
    }

    /// Called with what came of a turn.
    pub(super) fn on_turn(
        &mut self,
        plan: &Plan,
        task: &mut Task,
        outcome: Outcome,
    ) -> Result<Turn, Outcome> {
        self.forget_waiting(task);
        let Some(Control::Step(mut turn)) = task.pop() else { return Err(outcome) };
        let Outcome::Return(value) = outcome else { return Err(outcome) };
        let said = turn.turn.take().and_then(|turn| turn.said).unwrap_or_default();
        if said.answer.is_some() || said.tool_calls.is_empty() {
            task.pop();
            return Err(Outcome::Return(value));
        }
        let Some(state) = agent_in(task) else { return Err(Outcome::Next) };
        // The model that has answered goes on with its conversation: what it thought is its own.
        state.candidates = turn.candidates;
        state.candidate = turn.candidate;
        let so_far = Arc::make_mut(&mut state.so_far);
        for (answer, complaint) in turn.repairs {
            so_far.extend(repaired(&answer, &complaint));
        }
        let calls = said.tool_calls.clone();
        so_far.push(Said { answer: None, ..said }.message());
        state.turn += 1;
        let (node, turn) = (state.node, state.turn);
        let Some(agent) = agent_of(plan, node) else { return Err(Outcome::Next) };
        // Nobody would read what they give.
        if turn >= agent.max_turns && agent.finish.is_none() {
            return Err(self.out_of_turns(plan, task, node));
        }
        self.start_calls(plan, task, agent, calls)
    }

    /// Makes the calls of a turn, side by side; those that can't be made are answered at once.
    fn start_calls(
        &mut self,
        plan: &Plan,
        task: &mut Task,
        agent: &Agent,
        calls: Vec<ToolCall>,
    ) -> Result<Turn, Outcome> {
        let (id, flow, meter, exempt) = (task.id, task.flow, task.meter, task.exempt);
        let Some(state) = agent_in(task) else { return Err(Outcome::Next) };
        let node = state.node;
        let turn = state.turn.saturating_sub(1);
        let path = format!("{}/turn[{turn}]", task.path);
        let mut asked = Vec::with_capacity(calls.len());
        let mut live = BTreeMap::new();
        for (at, call) in calls.into_iter().enumerate() {
            let at = at as u32;
            let made =
                agent_in(task).map(|state| (state.made.clone(), state.limits.clone())).unwrap_or_default();
            match self.judge_call(plan, agent, &call, &made) {
                Ok((tool, values)) => {
                    let args = self.tool_args(plan, task, &agent.tools[tool], values);
                    if let Some(state) = agent_in(task) {
                        state.made[tool] += 1;
                    }
                    let parent = Some((id, at));
                    let child = self.spawn(parent, flow, Frame::default(), meter, exempt, path.clone(), 4);
                    if let Some(child) = self.tasks.get_mut(child as usize).and_then(Option::as_mut) {
                        let run = ToolRun { agent: node, tool: tool as u32, args: Some(args) };
                        child.push(None, Control::Tool(Box::new(run)));
                    }
                    live.insert(at, child);
                    asked.push((call, None));
                }
                Err(failure) => {
                    let content = failure.message.clone();
                    let step = Coordinate(format!("{path}/tool[{at}]").into());
                    self.emit_unmade(step.clone(), Failure { step: Some(step), ..failure });
                    asked.push((call, Some(Shown { content, failed: true })));
                }
            }
        }
        let waits = !live.is_empty();
        if let Some(state) = agent_in(task) {
            (state.asked, state.live) = (asked, live);
        }
        match waits {
            true => Ok(Turn::Wait),
            false => Ok(Turn::Go(Outcome::Next)),
        }
    }

    /// Records that a step was refused before anything was done.
    fn emit_unmade(&mut self, step: Coordinate, failure: Failure) {
        let (usage, cost) = (Usage::default(), Cost::ZERO);
        self.emit(Event::StepFailed { step, failure, usage, cost, duration_ms: 0 });
    }

    /// Finds the tool that a call means and reads the arguments that the model gives; the failure is for the model.
    fn judge_call(
        &self,
        plan: &Plan,
        agent: &Agent,
        call: &ToolCall,
        (made, limits): &(Vec<i64>, Vec<Option<i64>>),
    ) -> Result<(usize, Vec<Value>), Failure> {
        let Some(at) = agent.tools.iter().position(|tool| tool.name == call.name) else {
            let names: Vec<_> = agent.tools.iter().map(|tool| format!("`{}`", tool.name)).collect();
            let known = match names.as_slice() {
                [] => String::from("there is none"),
                names => format!("there is {}", names.join(", ")),
            };
            let name: String = call.name.chars().take(100).collect();
            return Err(Failure::new(Kind::BadValue, format!("there is no tool `{name}`; {known}")));
        };
        let tool = &agent.tools[at];
        let given = self
            .given(plan, tool, call)
            .map_err(|violations| Failure::new(Kind::BadShape, complaint(&tool.name, &violations)))?;
        let exhausted = |message: String| Err(Failure::new(Kind::Exhausted, message));
        if limits[at].is_some_and(|limit| made[at] >= limit) {
            let (name, times) = (&tool.name, times(made[at]));
            return exhausted(format!("`{name}` was called {times}, and may not be called again"));
        }
        let all: i64 = made.iter().sum();
        if all >= i64::from(agent.max_turns) {
            return exhausted(format!(
                "tools were called {}, and may not be called again: answer now",
                times(all)
            ));
        }
        if !self.has_room() {
            return exhausted(String::from("the run has too many branches at a time"));
        }
        Ok((at, given))
    }

    /// Reads the arguments that a model writes.
    fn given(&self, plan: &Plan, tool: &AgentTool, call: &ToolCall) -> Result<Vec<Value>, Vec<Violation>> {
        let fields = tool.fields(plan);
        let text = call.arguments.trim();
        let wrong = |rule: &str| {
            let got: String = text.chars().take(200).collect();
            vec![Violation { path: String::from("$"), rule: rule.into(), got }]
        };
        let json = match text {
            "" => serde_json::Value::Object(Default::default()),
            text => serde_json::from_str(text)
                .map_err(|error| wrong(&format!("must be a JSON object ({error})")))?,
        };
        // Some models write null for no arguments.
        let json = if json.is_null() { serde_json::Value::Object(Default::default()) } else { json };
        let serde_json::Value::Object(members) = &json else { return Err(wrong("must be a JSON object")) };
        let unknown =
            members.iter().filter(|(name, _)| !fields.iter().any(|field| field.name == name.as_str()));
        let unknown: Vec<_> = unknown
            .map(|(name, value)| Violation {
                path: format!("$.{}", name.chars().take(100).collect::<String>()),
                rule: String::from("must be left out: there is no such argument"),
                got: value.to_string().chars().take(200).collect(),
            })
            .collect();
        if !unknown.is_empty() {
            return Err(unknown);
        }
        let count = fields.len();
        let record = Type::Record(Arc::new(Record { fields }));
        let read = self.decode(plan, &json, &record)?;
        let Value::Record(read) = read else { return Err(wrong("must be a JSON object")) };
        let params = tool.params(plan);
        let mut values = Vec::with_capacity(count);
        for (value, at) in read.slots.iter().zip(&tool.given) {
            let default = params.get(*at as usize).and_then(|param| param.default.as_ref());
            values.push(match (value, default) {
                (Value::Null, Some(default)) => {
                    self.compute(plan, &flow_expr::Slots(&[]), default).map_err(|error| {
                        wrong(&format!("has a default that can't be computed ({})", error.message))
                    })?
                }
                (value, _) => value.clone(),
            });
        }
        Ok(values)
    }

    /// Puts bound arguments and those that the model gives together.
    fn tool_args(
        &self,
        plan: &Plan,
        task: &Task,
        tool: &AgentTool,
        given: Vec<Value>,
    ) -> Result<Vec<Value>, Outcome> {
        let own = match task.stack.last().map(|scope| &scope.control) {
            Some(Control::Agent(state)) => state.args.clone(),
            _ => Vec::new(),
        };
        let frame: Vec<Value> = own.into_iter().chain(given).collect();
        self.arguments(plan, task, &flow_expr::Slots(&frame), &tool.call)
    }

    /// Called when the calls of a turn have ended, and when a turn has failed.
    pub(crate) fn on_agent(
        &mut self,
        plan: &Plan,
        task: &mut Task,
        outcome: Outcome,
    ) -> Result<Turn, Outcome> {
        let Some(state) = agent_in(task) else { return Err(outcome) };
        let outcome = match (outcome, state.leaving.take()) {
            (Outcome::Next, None) => {
                let results = std::mem::take(&mut state.asked).into_iter().map(|(call, shown)| {
                    let shown = shown.unwrap_or(Shown { content: String::new(), failed: true });
                    Part::ToolResult {
                        id: call.id,
                        name: call.name,
                        content: shown.content,
                        failed: shown.failed,
                    }
                });
                let message = Message { role: Role::Tool, parts: results.collect() };
                Arc::make_mut(&mut state.so_far).push(message);
                match self.next_turn(plan, task) {
                    Ok(turn) => return Ok(turn),
                    Err(outcome) => outcome,
                }
            }
            (Outcome::Next, Some(leaving)) => leaving,
            (outcome, _) => outcome,
        };
        leave(task, outcome)
    }

    /// Whether a task waits for calls that its model has made.
    pub(crate) fn is_agent(&self, id: TaskId) -> bool {
        let task = self.tasks.get(id as usize).and_then(Option::as_ref);
        matches!(task.and_then(|task| task.stack.last()).map(|scope| &scope.control), Some(Control::Agent(_)))
    }

    /// A call has ended: its result, or its failure, is kept for the model, unless that ends the agent.
    pub(crate) fn call_ended(&mut self, plan: &Plan, parent: TaskId, at: u32, outcome: Outcome) {
        let Some(mut task) = self.tasks.get_mut(parent as usize).and_then(Option::take) else { return };
        let mut stopped = Vec::new();
        let mut is_over = true;
        if let Some(state) = agent_in(&mut task) {
            state.live.remove(&at);
            match &mut state.leaving {
                Some(leaving) => take_over(leaving, outcome),
                None => match shown(plan, state, at, outcome) {
                    Ok(shown) => {
                        if let Some((_, place)) = state.asked.get_mut(at as usize) {
                            *place = Some(shown);
                        }
                    }
                    Err(outcome) => {
                        state.leaving = Some(outcome);
                        stopped = state.live.values().copied().collect();
                    }
                },
            }
            is_over = state.live.is_empty();
        }
        self.tasks[parent as usize] = Some(task);
        for call in stopped {
            let failure = Failure::new(Kind::Cancelled, "another tool of the agent failed");
            self.interrupt(call, Interrupt { depth: None, failure: Box::new(failure) });
        }
        if is_over {
            self.wake(parent, Outcome::Next);
        }
    }

    /// Begins a call at the bottom of its branch, and hands on how it ended.
    pub(crate) fn on_tool(
        &mut self,
        plan: &Plan,
        task: &mut Task,
        outcome: Outcome,
    ) -> Result<Turn, Outcome> {
        let at = task.parent.map_or(0, |(_, at)| at);
        let Some(Control::Tool(run)) = task.stack.last_mut().map(|scope| &mut scope.control) else {
            return Err(outcome);
        };
        match (outcome, run.args.take(), run.step(plan)) {
            (Outcome::Next, Some(args), Some(step)) => {
                task.push(Some(&format!("tool[{at}]")), Control::Step(Box::default()));
                self.call(plan, task, step, args)
            }
            (outcome, ..) => leave(task, outcome),
        }
    }

    /// Returns the time that an agent has as a whole, where one is said; else the usual one, unless it may wait for people
    /// or for something outside, who have times of their own.
    pub(super) fn agent_timeout(&self, plan: &Plan, step: &Step, node: NodeId) -> Option<u64> {
        let own = &plan.nodes[node as usize];
        let said = step.with.timeout_ms.or(own.timeout_ms);
        said.or_else(|| {
            let mut left = 10_000;
            (!waits(plan, Target::Node(node), &mut left)).then(|| own.kind.timeout_ms())
        })
    }
}

fn agent_in(task: &mut Task) -> Option<&mut AgentState> {
    match task.stack.last_mut().map(|scope| &mut scope.control) {
        Some(Control::Agent(state)) => Some(state),
        _ => None,
    }
}

/// Returns what the model is shown of a call, or how the agent ends by it.
fn shown(plan: &Plan, state: &AgentState, at: u32, outcome: Outcome) -> Result<Shown, Outcome> {
    let agent = agent_of(plan, state.node);
    let called = state.asked.get(at as usize).map(|(call, _)| call.name.as_str()).unwrap_or_default();
    let tool = agent.and_then(|agent| agent.tools.iter().find(|tool| tool.name == called));
    match outcome {
        Outcome::Interrupt(interrupt) => Err(Outcome::Fail(interrupt.failure)),
        outcome @ Outcome::Fail(_) if is_uncatchable(&outcome) => Err(outcome),
        Outcome::Fail(failure) => {
            // Whether a writer did its work, and what stands half taken back, no model can settle.
            let is_open = matches!(failure.built_in(), Some(Kind::Uncertain | Kind::UndoFailed));
            if is_open || agent.is_some_and(|agent| agent.fails_with_tools) {
                return Err(Outcome::Fail(failure));
            }
            let content = format!("{}: {}", failure.kind, failure.message);
            Ok(Shown { content: cut(content, SHOWN_BYTES_MAX), failed: true })
        }
        Outcome::Return(value) => {
            let returns = tool.map_or(&Type::Error, |tool| tool.returns(plan));
            let content = match &value {
                Value::String(text) => text.to_string(),
                Value::Null if matches!(returns, Type::Null) => String::from("done"),
                value => match encode(plan, value, returns) {
                    // A time, or the value of an enum.
                    Ok(serde_json::Value::String(text)) => text,
                    Ok(json) => json.to_string(),
                    Err(failure) => {
                        let content = format!("{}: {}", failure.kind, failure.message);
                        return Ok(Shown { content, failed: true });
                    }
                },
            };
            let most = bytes_max(returns, &plan.types).and_then(|bytes| usize::try_from(bytes).ok());
            Ok(Shown { content: cut(content, most.unwrap_or(SHOWN_BYTES_MAX)), failed: false })
        }
        _ => Ok(Shown { content: String::from("done"), failed: false }),
    }
}

fn times(count: i64) -> String {
    if count == 1 { String::from("once") } else { format!("{count} times") }
}

/// Cuts what a model is shown, visibly.
fn cut(mut text: String, most: usize) -> String {
    if text.len() > most {
        let whole = text.len();
        let end = (0..=most).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0);
        text.truncate(end);
        text.push_str(&format!("\n[cut here: {end} of {whole} bytes are shown]"));
    }
    text
}

/// Tells a model what is wrong with its arguments: each with its path, the rule and the value.
fn complaint(tool: &str, violations: &[Violation]) -> String {
    let mut out = format!("`{tool}` was not called, since its arguments are wrong:");
    for Violation { path, rule, got } in violations.iter().take(VIOLATIONS_MAX) {
        let path = path.strip_prefix("$.").unwrap_or(path);
        match path {
            "$" => out.push_str(&format!("\n- they {rule}, but are {got}")),
            path => out.push_str(&format!("\n- {path} {rule}, but it is {got}")),
        }
    }
    if violations.len() > VIOLATIONS_MAX {
        out.push_str(&format!("\n- and {} more", violations.len() - VIOLATIONS_MAX));
    }
    out.push_str("\nCall it again with the right ones, or go on without it.");
    out
}

/// Whether what is called may wait for a person, for something outside, or for a time. What is too large to be looked
/// through may.
fn waits(plan: &Plan, target: Target, left: &mut u32) -> bool {
    let Some(next) = left.checked_sub(1) else { return true };
    *left = next;
    match target {
        Target::Node(id) => match plan.nodes.get(id as usize).map(|node| &node.kind) {
            Some(NodeKind::Human(_) | NodeKind::Event(_)) => true,
            Some(NodeKind::Agent(agent)) => {
                agent.tools.iter().any(|tool| waits(plan, tool.call.target, left))
            }
            _ => false,
        },
        Target::Flow(id) => {
            let Some(flow) = plan.flows.get(id as usize) else { return false };
            flow.blocks.iter().flat_map(|block| &block.body).any(|statement| match statement {
                Statement::Wait { .. } => true,
                Statement::Step(step) => {
                    waits(plan, step.target, left)
                        || step.undo.as_ref().is_some_and(|undo| waits(plan, undo.call.target, left))
                }
                _ => false,
            })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_too_long_is_cut_visibly_and_at_a_character() {
        assert_eq!(cut(String::from("short"), 5), "short");
        let cut_text = cut("ü".repeat(10), 5);
        assert_eq!(cut_text, "üü\n[cut here: 4 of 20 bytes are shown]");
    }

    #[test]
    fn a_complaint_has_place_rule_and_value() {
        let wrong = |path: &str, rule: &str, got: &str| Violation {
            path: path.into(),
            rule: rule.into(),
            got: got.into(),
        };
        let told = complaint("pay", &[wrong("$.cents", "must be an int from 1 to 5", "9")]);
        assert!(
            told.contains("`pay` was not called")
                && told.contains("\n- cents must be an int from 1 to 5, but it is 9"),
            "{told}"
        );
        let told = complaint("pay", &[wrong("$", "must be a JSON object", "[]")]);
        assert!(told.contains("\n- they must be a JSON object, but are []"), "{told}");
        let many: Vec<_> = (0..30).map(|at| wrong(&format!("$.a{at}"), "must be right", "0")).collect();
        assert!(complaint("pay", &many).contains("and 10 more"));
    }
}
