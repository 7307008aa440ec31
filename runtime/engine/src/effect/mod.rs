//! Effects: what a step asks of the outside, attempt by attempt. A file per kind, and one for what follows a failure.

mod ask;
mod http;
mod place;
mod prompt;
mod retry;
mod stand;
mod turn;

use flow_ir::plan::{BuiltIn, ModelRef, NodeId, NodeKind, Statement, Step};
use flow_ir::{Name, Plan, Value};
use flow_runtime_api::{
    Answer, Call, Choice, Coordinate, Cost, Event, Failure, HttpAnswer, HttpRequest, Kind, Question, Time,
    Usage,
};
use serde_json::Value as Json;

use crate::engine::Run;
use crate::json::{describe, encode};
use crate::port::{AttemptId, Command, ModelFacts, TimerId};
use crate::run::statement_at;
use crate::task::{Control, Outcome, Task, TaskId};

pub(crate) use prompt::repaired;
pub(crate) use turn::{Said, TurnState, agent_of};

/// Starts without an end after which a step isn't started again (C6).
const STARTS_MAX: u32 = 3;

/// A step that runs.
#[derive(Debug, Default)]
pub(crate) struct StepState {
    pub stage: Stage,
    pub coordinate: Coordinate,
    pub node: NodeId,
    /// Kept for further attempts.
    pub args: Vec<Value>,
    /// Number of the attempt, and of the repair.
    pub attempt: u32,
    pub repair: u32,
    /// Starts of this attempt without an end.
    pub starts: u32,
    /// Whether a start is on record, so that an end has to be.
    pub is_begun: bool,
    pub since: Time,
    /// The models that may be asked, in order.
    pub candidates: Vec<ModelRef>,
    /// What `round_robin` chose on the way to them.
    pub choices: Vec<Choice>,
    /// The one that is asked now, and how many attempts it has had.
    pub candidate: usize,
    pub tries: u32,
    /// Answers that weren't of the type, and what was said about them.
    pub repairs: Vec<(String, String)>,
    /// The request of the attempt that is about to start.
    pub prepared: Option<Box<Prepared>>,
    /// The timeout of a flow step.
    pub timer: Option<TimerId>,
    /// Whether an attempt may have happened that has ended without a result.
    pub in_doubt: bool,
    /// Of a turn of an agent.
    pub turn: Option<Box<TurnState>>,
}

/// Where a step stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Stage {
    /// An attempt is about to be made.
    #[default]
    Starting,
    /// An attempt is in flight; while the journal is read, no effect belongs to it.
    Sent(Option<AttemptId>),
    /// An attempt was in flight when the process ended.
    Orphan,
    /// The same, and it can't be made again: somebody has to tell how it ended.
    Uncertain,
    /// The next attempt waits for its time.
    Retry(TimerId),
    /// A person or an event is waited for, until a time.
    Asked(TimerId),
    /// Whether something stands in for the flow or agent isn't known yet.
    StoodIn(AttemptId),
    /// A flow runs.
    Calling,
    /// An arm of `catch` runs.
    Catching,
    /// It has its result.
    Over,
}

/// A request, ready to be sent.
#[derive(Debug)]
pub(crate) struct Prepared {
    pub request: Request,
    pub fingerprint: String,
    /// `provider/model`.
    pub model: Option<Name>,
    /// Whether it may be sent again when its outcome isn't known.
    pub repeatable: bool,
}

/// What is asked.
#[derive(Debug)]
pub(crate) enum Request {
    Ask(Box<Call>, ModelRef),
    Fetch(Box<HttpRequest>, Vec<Name>),
    Put(Box<Question>),
    /// Pure code: computed in place.
    Compute,
    Draw(BuiltIn),
}

/// What an attempt came to.
pub(super) enum Verdict {
    /// The result, and its JSON.
    Good(Value, Json),
    /// An answer that isn't of the type, and what is to be said about it.
    Wrong(String, String),
    Failed(Failure),
}

impl Default for Verdict {
    fn default() -> Self {
        Verdict::Failed(Failure::new(Kind::Unavailable, "no answer"))
    }
}

impl Run {
    /// Renders the request of a step's next attempt.
    pub(crate) fn prepare(
        &mut self,
        plan: &Plan,
        step: &Step,
        state: &StepState,
    ) -> Result<Prepared, Failure> {
        let node = &plan.nodes[state.node as usize];
        match &node.kind {
            NodeKind::Prompt(prompt) => self.prepare_prompt(plan, node, prompt, state),
            NodeKind::Agent(agent) => self.prepare_prompt(plan, node, &agent.ask, state),
            NodeKind::Http(http) => self.prepare_http(plan, node, http, step, state),
            NodeKind::Human(human) => self.prepare_human(plan, node, human, state),
            NodeKind::Event(event) => self.prepare_event(plan, node, event, state),
            NodeKind::Code(_) => self.prepare_code(plan, node, state),
            NodeKind::BuiltIn(built_in) => Ok(place::prepare_draw(*built_in)),
        }
    }

    /// Makes the attempt that is due, unless a budget refuses it.
    pub(crate) fn start_attempt(&mut self, plan: &Plan, id: TaskId) {
        let Some(mut task) = self.tasks.get_mut(id as usize).and_then(Option::take) else { return };
        if task.wake.is_none()
            && let Some(step) = step_of(plan, &task)
        {
            self.start_step(plan, &mut task, step);
            return self.put_back(task);
        }
        self.tasks[id as usize] = Some(task);
    }

    fn start_step(&mut self, plan: &Plan, task: &mut Task, step: &Step) {
        let (id, meter, exempt) = (task.id, task.meter, task.exempt);
        if task.step_mut().is_none_or(|state| state.stage != Stage::Starting) {
            return;
        }
        if self.reel.is_some() && self.is_taken_over(plan, task, step) {
            return;
        }
        let Some(state) = task.step_mut() else { return };
        // Decided here, one step after the other, so that the first failure can stop the others.
        if state.starts >= STARTS_MAX {
            let message = format!("started {STARTS_MAX} times without an end");
            let failure = Failure::new(Kind::Unavailable, message);
            return self.fail_step(task, failure, Usage::default(), Cost::ZERO, 0);
        }
        let facts = self.facts(state.candidates.get(state.candidate).copied());
        if let Some(message) = self.refusal(plan, meter, exempt, state.node, facts) {
            let step = state.coordinate.clone();
            state.stage = Stage::Over;
            self.emit(Event::BudgetRefused { step: step.clone(), message: message.clone() });
            let failure = Failure { step: Some(step), ..Failure::new(Kind::Budget, message) };
            task.wake = Some(Outcome::Fail(Box::new(failure)));
            return;
        }
        let prepared = match state.prepared.take() {
            Some(prepared) => Ok(*prepared),
            None => self.prepare(plan, step, state),
        };
        let prepared = match prepared {
            Ok(prepared) => prepared,
            // It was rendered before: only a plan made by hand gets here.
            Err(failure) => return self.fail_step(task, failure, Usage::default(), Cost::ZERO, 0),
        };
        let node = &plan.nodes[state.node as usize];
        let coordinate = state.coordinate.clone();
        if let Request::Put(question) = prepared.request {
            self.note_asked(&coordinate);
            return self.put_question(plan, task, step, question, prepared.fingerprint);
        }
        let attempt = self.new_attempt(id);
        state.stage = Stage::Sent(Some(attempt));
        state.starts += 1;
        state.is_begun = true;
        state.since = self.now;
        // They are on record once, with the first start.
        let choices = std::mem::take(&mut state.choices);
        let (tries, coordinate) = ((state.attempt, state.repair), state.coordinate.clone());
        let timeout_ms = self.timeout(plan, step, state);
        let timeout_ms = match self.spend.time_left(meter, exempt, self.now) {
            Some(left) => timeout_ms.min(left.max(1)),
            None => timeout_ms,
        };
        self.spend.begin(meter, self.now);
        if !choices.is_empty() {
            self.emit(Event::RoundRobin { step: coordinate.clone(), choices });
        }
        self.note_asked(&coordinate);
        self.emit(Event::StepStarted {
            step: coordinate.clone(),
            node: node.name.clone(),
            kind: Name::new_static(kind_name(&node.kind)),
            attempt: tries.0,
            repair: tries.1,
            fingerprint: prepared.fingerprint.clone(),
            model: prepared.model,
            repeatable: prepared.repeatable,
        });
        if let Request::Compute = prepared.request {
            self.attempts.remove(&attempt);
            let verdict = task.step_mut().map(|state| self.compute_code(plan, state)).unwrap_or_default();
            return self.judge(plan, task, step, verdict, Usage::default(), Cost::ZERO, 0);
        }
        let (step, node, fingerprint) = (coordinate, node.name.clone(), prepared.fingerprint);
        self.command(match prepared.request {
            Request::Ask(call, model) => {
                Command::Ask { attempt, step, node, model, call: *call, timeout_ms, tries, fingerprint }
            }
            Request::Fetch(request, secrets) => Command::Fetch {
                attempt,
                step,
                node,
                request: *request,
                secrets,
                timeout_ms,
                attempt_number: tries.0,
                fingerprint,
            },
            Request::Draw(what) => Command::Draw { attempt, step, node, what, fingerprint },
            // These were done above.
            Request::Put(_) | Request::Compute => return,
        });
    }

    /// Returns why a budget refuses the next call.
    fn refusal(
        &self,
        plan: &Plan,
        meter: crate::spend::MeterId,
        exempt: Option<crate::spend::MeterId>,
        node: NodeId,
        facts: Option<&ModelFacts>,
    ) -> Option<String> {
        let is_model = plan.nodes[node as usize].kind.ask().is_some();
        let price = facts.and_then(|facts| facts.price);
        if is_model && price.is_none() && self.spend.limits_money(meter, exempt) {
            let name = facts.map_or("the model", |facts| facts.name.as_str());
            return Some(format!(
                "the price of `{name}` isn't known, and the budget limits money; `[prices.\"{name}\"]` in flow.toml gives one"
            ));
        }
        let free = !is_model || price == Some(flow_ir::catalogue::Price::FREE);
        self.spend.refusal(meter, exempt, free, self.now)
    }

    /// A model has answered, or not.
    pub(crate) fn answered(
        &mut self,
        plan: &Plan,
        attempt: AttemptId,
        result: Result<Answer, Failure>,
        usage: Option<Usage>,
        duration_ms: u64,
    ) {
        let Some((mut task, step)) = self.take_attempt(plan, attempt) else { return };
        let usage = usage.or_else(|| result.as_ref().ok().and_then(|answer| answer.usage));
        let price = task.step_mut().and_then(|state| {
            self.facts(state.candidates.get(state.candidate).copied()).and_then(|facts| facts.price)
        });
        let cost = match (&usage, price, &result) {
            (Some(usage), price, _) => Cost::of(price.as_ref(), usage),
            (None, Some(flow_ir::catalogue::Price::FREE), _) => Cost::ZERO,
            // Nothing was read or written, so nothing is billed.
            (None, _, Err(failure)) if failure.built_in() != Some(Kind::Timeout) => Cost::ZERO,
            (None, ..) => Cost::UNKNOWN,
        };
        let usage = usage.unwrap_or_default();
        let verdict = match (result, task.step_mut()) {
            (Ok(answer), Some(state)) if state.turn.is_some() => self.read_turn(plan, state, answer),
            (Ok(answer), Some(state)) => self.read_answer(plan, state, answer),
            (Err(failure), _) => Verdict::Failed(failure),
            (_, None) => Verdict::default(),
        };
        self.judge(plan, &mut task, step, verdict, usage, cost, duration_ms);
        self.put_back(task);
    }

    /// A tool has answered, or not.
    pub(crate) fn fetched(
        &mut self,
        plan: &Plan,
        attempt: AttemptId,
        result: Result<HttpAnswer, Failure>,
        duration_ms: u64,
    ) {
        let Some((mut task, step)) = self.take_attempt(plan, attempt) else { return };
        let verdict = match (result, task.step_mut()) {
            (Ok(answer), Some(state)) => self.read_http(plan, state, answer),
            (Err(failure), _) => Verdict::Failed(failure),
            (_, None) => Verdict::default(),
        };
        self.judge(plan, &mut task, step, verdict, Usage::default(), Cost::ZERO, duration_ms);
        self.put_back(task);
    }

    /// A simulated effect has its result.
    pub(crate) fn simulated(&mut self, plan: &Plan, attempt: AttemptId, result: Result<Json, Failure>) {
        let Some((mut task, step)) = self.take_attempt(plan, attempt) else { return };
        let verdict = match (result, task.step_mut()) {
            (Ok(json), Some(state)) => self.read_json(plan, state, json),
            (Err(failure), _) => Verdict::Failed(failure),
            (_, None) => Verdict::default(),
        };
        let duration_ms = task.step_mut().map_or(0, |state| self.now.since(state.since));
        self.judge(plan, &mut task, step, verdict, Usage::default(), Cost::ZERO, duration_ms);
        self.put_back(task);
    }

    /// Reads JSON by the node's type.
    fn read_json(&self, plan: &Plan, state: &StepState, json: Json) -> Verdict {
        let returns = &plan.nodes[state.node as usize].returns;
        match self.decode(plan, &json, returns) {
            Ok(value) => good(plan, value, returns),
            Err(violations) => Verdict::Failed(Failure::new(Kind::BadShape, describe(&violations))),
        }
    }

    /// Takes a result that is on record; `None` if it isn't of its type now.
    pub(crate) fn on_record(&self, plan: &Plan, state: &mut StepState, result: &Json) -> Option<Value> {
        match state.turn {
            Some(_) => self.turn_on_record(plan, state, result),
            None => self.decode(plan, result, &plan.nodes[state.node as usize].returns).ok(),
        }
    }

    /// Records what an attempt came to, and goes on accordingly.
    #[allow(clippy::too_many_arguments)]
    fn judge(
        &mut self,
        plan: &Plan,
        task: &mut Task,
        step: &Step,
        verdict: Verdict,
        usage: Usage,
        cost: Cost,
        duration_ms: u64,
    ) {
        self.spend.end(task.meter, self.now);
        self.charge(task, &usage, &cost);
        match self.worsened(plan, task, step, verdict) {
            Verdict::Good(value, result) => {
                let Some(state) = task.step_mut() else { return };
                state.stage = Stage::Over;
                let step = state.coordinate.clone();
                self.emit(Event::StepFinished { step, result, usage, cost, duration_ms });
                task.wake = Some(Outcome::Return(value));
            }
            Verdict::Wrong(answer, complaint) => {
                self.wrong_answer(plan, task, step, (answer, complaint), usage, cost, duration_ms)
            }
            Verdict::Failed(failure) => {
                self.attempt_failed(plan, task, step, failure, usage, cost, duration_ms)
            }
        }
    }

    /// Whether a node may be called again when the outcome of a call isn't known. What is simulated has none.
    pub(super) fn is_repeatable(&self, plan: &Plan, node: NodeId) -> bool {
        match &plan.nodes[node as usize].kind {
            NodeKind::Http(http) => http::is_repeatable(http) || self.skips_effects(),
            NodeKind::Prompt(_)
            | NodeKind::Agent(_)
            | NodeKind::Human(_)
            | NodeKind::Event(_)
            | NodeKind::Code(_)
            | NodeKind::BuiltIn(_) => true,
        }
    }

    /// Adds to the sums of the run and of all flows around.
    pub(crate) fn charge(&mut self, task: &Task, usage: &Usage, cost: &Cost) {
        self.count(usage, cost);
        self.spend.charge(task.meter, usage, cost);
    }

    /// Ends a step with a failure.
    pub(crate) fn fail_step(
        &mut self,
        task: &mut Task,
        failure: Failure,
        usage: Usage,
        cost: Cost,
        duration_ms: u64,
    ) {
        let Some(state) = task.step_mut() else { return };
        state.stage = Stage::Over;
        let step = state.coordinate.clone();
        let failure = Failure { step: Some(step.clone()), ..failure };
        self.emit(Event::StepFailed { step, failure: failure.clone(), usage, cost, duration_ms });
        task.wake = Some(Outcome::Fail(Box::new(failure)));
    }

    /// Takes the task of an effect in flight out of its place.
    pub(super) fn take_attempt<'p>(
        &mut self,
        plan: &'p Plan,
        attempt: AttemptId,
    ) -> Option<(Box<Task>, &'p Step)> {
        let id = self.attempts.remove(&attempt)?;
        let task = self.tasks.get_mut(id as usize)?.take()?;
        match step_of(plan, &task) {
            Some(step) => Some((task, step)),
            None => {
                self.tasks[id as usize] = Some(task);
                None
            }
        }
    }

    /// Puts a task back, and lets it run if it was told what it goes on with.
    pub(crate) fn put_back(&mut self, task: Box<Task>) {
        let id = task.id;
        if task.wake.is_some() {
            self.queue(id);
        }
        self.tasks[id as usize] = Some(task);
    }

    /// Returns what an attempt costs that is cut off: unknown, unless it costs nothing anyway.
    pub(crate) fn cost_of_cut(&self, state: &StepState) -> Cost {
        let facts = self.facts(state.candidates.get(state.candidate).copied());
        let is_free = facts.and_then(|facts| facts.price) == Some(flow_ir::catalogue::Price::FREE);
        match state.candidates.is_empty() || is_free || self.settings.simulate.is_some() {
            true => Cost::ZERO,
            false => Cost::UNKNOWN,
        }
    }

    /// Stops a step on its way.
    pub(crate) fn stop_step(&mut self, task: &mut Task, stage: Stage) {
        let Some(state) = task.step_mut() else { return };
        let step = state.coordinate.clone();
        let mut cost = Cost::ZERO;
        match stage {
            Stage::Starting if !state.is_begun => return,
            Stage::Calling | Stage::Catching | Stage::Over => return,
            Stage::Sent(attempt) => {
                cost = self.cost_of_cut(state);
                state.in_doubt = true;
                if let Some(attempt) = attempt {
                    self.abort(attempt);
                }
                self.spend.end(task.meter, self.now);
            }
            Stage::Retry(timer) => self.clear_timer(timer),
            Stage::Asked(timer) => self.unask(task.id, timer),
            Stage::StoodIn(attempt) => return self.abort(attempt),
            Stage::Starting | Stage::Orphan | Stage::Uncertain => {}
        }
        if self.replay.is_none() {
            self.count(&Usage::default(), &cost);
        }
        self.emit(Event::StepCancelled { step, usage: Usage::default(), cost });
    }

    /// Somebody tells how an uncertain step ended, or lets it run again.
    pub(crate) fn settle_step(&mut self, plan: &Plan, step: &Coordinate, answer: Option<Json>) {
        let id = self.uncertain().find(|task| task.path == *step.0);
        let Some(id) = id.map(|task| task.id) else { return };
        let Some(mut task) = self.tasks[id as usize].take() else { return };
        let Some(state) = task.step_mut() else { return };
        match answer {
            Some(json) => {
                if let Verdict::Good(value, result) = self.read_json(plan, state, json) {
                    state.stage = Stage::Over;
                    let (usage, cost) = (Usage::default(), Cost::ZERO);
                    self.emit(Event::StepFinished {
                        step: step.clone(),
                        result,
                        usage,
                        cost,
                        duration_ms: 0,
                    });
                    task.wake = Some(Outcome::Return(value));
                }
            }
            None => {
                state.stage = Stage::Starting;
                state.starts = 0;
                self.starting.push_back(id);
            }
        }
        self.put_back(task);
        self.strike_late();
    }

    /// Goes on with the steps that were in flight when the process ended.
    pub(crate) fn take_up_orphans(&mut self, plan: &Plan) {
        for id in 0..self.tasks.len() as TaskId {
            let Some(mut task) = self.tasks[id as usize].take() else { continue };
            let is_orphan = task.step_mut().is_some_and(|state| state.stage == Stage::Orphan);
            if !is_orphan || task.wake.is_some() {
                self.tasks[id as usize] = Some(task);
                continue;
            }
            let repeatable = |node: NodeId| self.is_repeatable(plan, node);
            if let Some(state) = task.step_mut() {
                if !repeatable(state.node) {
                    state.stage = Stage::Uncertain;
                    self.uncertain.push(id);
                } else {
                    state.stage = Stage::Starting;
                    self.starting.push_back(id);
                }
            }
            self.put_back(task);
        }
    }
}

/// Returns a good verdict, unless the value is too large to be recorded.
fn good(plan: &Plan, value: Value, returns: &flow_ir::Type) -> Verdict {
    match encode(plan, &value, returns) {
        Ok(json) => Verdict::Good(value, json),
        Err(failure) => Verdict::Failed(failure),
    }
}

/// Returns the name of a kind of node, as events give it.
pub(crate) fn kind_name(kind: &NodeKind) -> &'static str {
    match kind {
        NodeKind::Prompt(_) => "prompt",
        NodeKind::Http(_) => "http",
        NodeKind::Human(_) => "human",
        NodeKind::Event(_) => "event",
        NodeKind::Agent(_) => "agent",
        NodeKind::Code(_) => "code",
        NodeKind::BuiltIn(_) => "built_in",
    }
}

/// Returns the statement of the step that a task waits for.
pub(crate) fn step_of<'p>(plan: &'p Plan, task: &Task) -> Option<&'p Step> {
    step_at(plan, task, task.stack.len().checked_sub(1)?)
}

/// Returns the statement of the step at a depth of the stack. That of an agent's turn is the one that calls the agent.
fn step_at<'p>(plan: &'p Plan, task: &Task, depth: usize) -> Option<&'p Step> {
    let Control::Step(_) = task.stack.get(depth)?.control else { return None };
    match &task.stack.get(depth.checked_sub(1)?)?.control {
        Control::Saga(saga) => saga.step(plan, task.flow),
        Control::Tool(run) => run.step(plan),
        Control::Agent(_) => step_at(plan, task, depth.checked_sub(2)?),
        _ => match statement_at(plan, task, depth) {
            Some(Statement::Step(step)) => Some(step),
            _ => None,
        },
    }
}
