//! The machine: what it holds, and how an input becomes commands.

use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use std::sync::Arc;

use flow_expr::{Counter, Hot};
use flow_ir::plan::{FlowId, ModelId, NodeId, NodeKind};
use flow_ir::{Name, Plan, Value};
use flow_runtime_api::{
    Coordinate, Cost, Evaluations, Event, Failure, Kind, Record, RecordedModel, Resolved, RunStatus, Schema,
    Simulation, Time, ToolSpec, Usage,
};
use serde_json::Value as Json;

use crate::frame::Frame;
use crate::inspect::Probe;
use crate::moved::current_plan;
use crate::port::{AttemptId, Command, DEFAULT_MODEL, Input, ModelFacts, Notice, RunSettings, TimerId};
use crate::reel::Reel;
use crate::replay::Replay;
use crate::spend::{MeterId, Spend};
use crate::task::{Call, Control, Outcome, Task, TaskId};
use crate::worst::Worst;
use crate::{inputs, validate};

/// Statements that one input may run before the host is asked to come back, so that it stays able to cancel.
const SLICE: u32 = 200_000;
/// Branches that wait or run at a time.
const TASKS_MAX: usize = 200_000;

/// A run.
pub struct Engine {
    plan: Arc<Plan>,
    pub(crate) run: Run,
}

impl Engine {
    /// Prepares a new run. `inputs` are checked against the flow's parameters, and defaults are filled in; the failure
    /// says what is wrong with inputs (`bad_shape`) or with the plan (`bad_value`).
    pub fn start(
        plan: Arc<Plan>,
        settings: RunSettings,
        inputs: serde_json::Map<String, Json>,
    ) -> Result<Engine, Failure> {
        validate::plan(&plan)?;
        let mut run = Run::new(settings);
        run.hot = Some(Arc::new(Hot::new(plan.clone())));
        let (args, inputs) = inputs::read(&run, &plan, inputs)?;
        run.args = args;
        run.inputs = inputs;
        Ok(Engine { plan, run })
    }

    /// Has every call of a flow or an agent ask first whether something stands in for it ([`Command::StandIn`]).
    pub fn under_test(mut self) -> Engine {
        self.run.is_tested = true;
        self
    }

    /// Tells the hash of the plan, where it is known, so that it isn't worked out again.
    pub fn pinned_to(mut self, hash: String) -> Engine {
        self.run.plan_hash = Some(hash);
        self
    }

    /// Prepares to go on with a run whose records are all at hand, in order. What was in flight is treated by its kind
    /// at [`Input::Start`]. The failure says that plan or records aren't what they should be (`diverged`).
    pub fn resume(plan: Arc<Plan>, settings: RunSettings, records: Vec<Record>) -> Result<Engine, Failure> {
        validate::plan(&plan)?;
        let diverged = |message: &str| Failure::new(Kind::Diverged, message);
        let Some(Record { at, event: Event::RunStarted { inputs, models, simulate, resolved, .. }, .. }) =
            records.first()
        else {
            return Err(diverged("the records don't begin with the start of the run"));
        };
        if current_plan(&records) != Some(plan.hash().as_str()) {
            return Err(diverged("the run goes by another plan"));
        }
        let mut settings = RunSettings { started_at: *at, simulate: *simulate, ..settings };
        pin_default_model(&mut settings, models.get(DEFAULT_MODEL).and_then(Json::as_str));
        pin_facts(&mut settings, &plan, models, &resolved.facts);
        let mut run = Run::new(settings);
        run.hot = Some(Arc::new(Hot::new(plan.clone())));
        let (args, inputs) = inputs::read(&run, &plan, inputs.clone())?;
        run.args = args;
        run.inputs = inputs;
        run.replay = Some(Replay::new(records));
        Ok(Engine { plan, run })
    }

    /// Takes what happened, and returns what is to be done about it. `now` never goes back by more than the wall clock
    /// does; what comes for an effect or timer that is over is ignored, and so is everything after the run's end.
    pub fn apply(&mut self, input: Input, now: Time) -> Vec<Command> {
        let plan = self.plan.clone();
        self.run.apply(&plan, input, now)
    }

    /// Holds an answer for [`Input::Settle`] against the type of the node that the step calls; the failure says what is
    /// wrong with it.
    pub fn check_answer(&self, node: &str, answer: &Json) -> Result<(), Failure> {
        let node = self.plan.nodes.iter().find(|known| known.name == node);
        let Some(node) = node else { return Err(Failure::new(Kind::BadValue, "there is no such node")) };
        let read = self.run.decode(&self.plan, answer, &node.returns);
        read.map(drop).map_err(|violations| Failure::new(Kind::BadShape, crate::json::describe(&violations)))
    }

    /// Has a run that goes on stop for good before anything of it does: as [`Input::Cancel`], but what was in flight
    /// isn't taken up first.
    pub fn cancel_first(&mut self) {
        self.run.cancel_first = true;
    }

    /// Whether the plan has an event of this name.
    pub fn has_event(&self, name: &str) -> bool {
        self.plan.nodes.iter().any(|node| node.name == name && matches!(node.kind, NodeKind::Event(_)))
    }

    /// Holds an answer or a delivery against what the run waits for, once it has begun: [`Input::Answer`] and
    /// [`Input::Deliver`] that it refuses change nothing, and the failure says what is wrong with them. Other inputs are
    /// not looked at.
    pub fn check_reply(&self, input: &Input) -> Result<(), Failure> {
        match input {
            Input::Answer { step, answer: Ok(answer) } => self.run.check_answer(&self.plan, step, answer),
            Input::Answer { step, answer: Err(_) } => self.run.check_asked(step),
            Input::Deliver { event, body } => self.run.check_delivery(&self.plan, event, body),
            _ => Ok(()),
        }
    }

    /// Whether the run is over: nothing more will come of any input.
    pub fn is_over(&self) -> bool {
        self.run.is_over
    }

    /// Shares machine code with other runs of the plan. It is that of the very plan that the engine was made with, else
    /// nothing changes.
    pub fn sharing(mut self, hot: &Arc<Hot>) -> Engine {
        if Arc::ptr_eq(hot.plan(), &self.plan) {
            self.run.hot = Some(hot.clone());
        }
        self
    }

    /// Returns how often each back end has computed an expression in this execution of the run. It is never recorded:
    /// which one did is no part of what a run does.
    pub fn evaluations(&self) -> Evaluations {
        Evaluations { compiled: self.run.computed.compiled(), interpreted: self.run.computed.interpreted() }
    }

    /// Returns what the run took so far, over all attempts.
    pub fn spent(&self) -> (Usage, Cost) {
        (self.run.usage, self.run.cost)
    }
}

impl std::fmt::Debug for Engine {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.debug_struct("Engine").field("run", &self.run.settings.run).finish_non_exhaustive()
    }
}

/// The default model is the one that the run was started with.
fn pin_default_model(settings: &mut RunSettings, recorded: Option<&str>) {
    let current = settings.default_model.as_ref().map(|facts| facts.name.as_str());
    if current != recorded {
        settings.default_model =
            recorded.map(|name| ModelFacts { name: Name::new(name), ..ModelFacts::default() });
    }
}

/// What was known of the models when the run was started still holds, wherever the run goes on.
fn pin_facts(
    settings: &mut RunSettings,
    plan: &Plan,
    models: &serde_json::Map<String, Json>,
    recorded: &BTreeMap<String, RecordedModel>,
) {
    let pin = |facts: &mut ModelFacts, name: &str| {
        // A run that was moved may know another model by this name.
        if models.get(name).and_then(Json::as_str) != Some(facts.name.as_str()) {
            return;
        }
        let Some(known) = recorded.get(name) else { return };
        facts.price = known.price.or(facts.price);
        facts.output_tokens_max = known.output_tokens_max.or(facts.output_tokens_max);
    };
    for (facts, model) in settings.models.iter_mut().zip(&plan.models) {
        if let Some(facts) = facts {
            pin(facts, &model.name);
        }
    }
    if let Some(facts) = &mut settings.default_model {
        pin(facts, DEFAULT_MODEL);
    }
}

/// What a timer is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum TimerUse {
    /// The next attempt of a step.
    Retry,
    /// The end of a `wait`.
    Wait,
    /// The end of the time for an answer.
    Answer,
    /// The timeout of the flow step at this depth of the task's stack.
    FlowTimeout(usize),
    /// Going on with a long computation.
    Slice,
}

/// The state of a run.
pub(crate) struct Run {
    pub settings: RunSettings,
    pub started: jiff::Timestamp,
    /// The plan's hash, where it was told.
    plan_hash: Option<String>,
    /// Whether calls of flows and agents may be stood in for.
    pub is_tested: bool,
    /// Arguments of the first flow, and the inputs as they are recorded.
    args: Vec<Value>,
    inputs: serde_json::Map<String, Json>,
    pub now: Time,
    pub tasks: Vec<Option<Box<Task>>>,
    free: Vec<TaskId>,
    /// Tasks that can go on, in the order in which they could.
    ready: VecDeque<TaskId>,
    /// Steps that are about to be made. Entries may be stale: the step's own phase tells.
    pub starting: VecDeque<TaskId>,
    /// Tasks whose step was found uncertain. Entries may be stale: the step's own stage tells.
    pub uncertain: Vec<TaskId>,
    /// Flow steps and agents whose time is over, and that wait for such a step.
    pub late: Vec<(TaskId, usize, TimerId)>,
    pub attempts: HashMap<AttemptId, TaskId>,
    attempts_made: u64,
    timers: HashMap<TimerId, (TaskId, TimerUse, Time)>,
    due: BTreeSet<(Time, TimerId)>,
    /// Of a run in which waits are simulated: those that nothing has come before, by the time that they would end.
    waits: BTreeSet<(Time, TimerId)>,
    /// And the end of the last one that is over.
    simulated_now: Time,
    timers_made: u64,
    pub spend: Spend,
    pub usage: Usage,
    pub cost: Cost,
    /// How often a `round_robin` was asked to choose.
    pub turns: HashMap<ModelId, u64>,
    pub schemas: HashMap<u32, Option<Arc<Schema>>>,
    /// What each agent's model is told of its tools.
    pub tools: HashMap<NodeId, Arc<Vec<ToolSpec>>>,
    /// Deliveries that no step has waited for yet, by event.
    pub kept: Vec<(NodeId, Json)>,
    /// The tasks whose step waits for a person or an event.
    pub asked: BTreeSet<TaskId>,
    events: Vec<Event>,
    commands: Vec<Command>,
    inbox: VecDeque<Input>,
    pub replay: Option<Replay>,
    /// The results of another run.
    pub reel: Option<Box<Reel>>,
    /// What is looked for in the records.
    pub probe: Option<Box<Probe>>,
    /// What computes the plan's expressions; none before it is known.
    pub hot: Option<Arc<Hot>>,
    /// How often each back end did.
    pub computed: Counter,
    /// Of a run that takes the worst case: what it chooses. Found when it is first asked for.
    worst: Option<Box<Worst>>,
    /// Statements left in this slice.
    pub fuel: u32,
    /// Statements that were executed since everything waited.
    pub executed: u64,
    /// How many of them are executed again before the run was asked to stop.
    pub stops_after: Option<u64>,
    is_started: bool,
    /// How the first flow ended.
    pub end: Option<End>,
    /// Whether it was asked to stop for good.
    pub is_cancelled: bool,
    /// Whether that is to happen before anything else goes on.
    pub cancel_first: bool,
    is_over: bool,
}

/// How a run ends.
pub(crate) struct End {
    pub status: RunStatus,
    pub result: Option<Json>,
    pub failure: Option<Failure>,
}

impl Run {
    fn new(settings: RunSettings) -> Run {
        let started = jiff::Timestamp::from_millisecond(settings.started_at.0).unwrap_or_default();
        Run {
            started,
            now: settings.started_at,
            settings,
            plan_hash: None,
            is_tested: false,
            args: Vec::new(),
            inputs: serde_json::Map::new(),
            tasks: Vec::new(),
            free: Vec::new(),
            ready: VecDeque::new(),
            starting: VecDeque::new(),
            uncertain: Vec::new(),
            late: Vec::new(),
            attempts: HashMap::new(),
            attempts_made: 0,
            timers: HashMap::new(),
            due: BTreeSet::new(),
            waits: BTreeSet::new(),
            simulated_now: Time::default(),
            timers_made: 0,
            spend: Spend::default(),
            usage: Usage::default(),
            cost: Cost::ZERO,
            turns: HashMap::new(),
            schemas: HashMap::new(),
            tools: HashMap::new(),
            kept: Vec::new(),
            asked: BTreeSet::new(),
            events: Vec::new(),
            commands: Vec::new(),
            inbox: VecDeque::new(),
            replay: None,
            reel: None,
            probe: None,
            hot: None,
            computed: Counter::default(),
            worst: None,
            fuel: SLICE,
            executed: 0,
            stops_after: None,
            is_started: false,
            end: None,
            is_cancelled: false,
            cancel_first: false,
            is_over: false,
        }
    }

    fn apply(&mut self, plan: &Plan, input: Input, now: Time) -> Vec<Command> {
        if self.is_over {
            return Vec::new();
        }
        self.now = now;
        self.fuel = SLICE;
        match input {
            Input::Start if !self.is_started => {
                self.is_started = true;
                if self.replay.is_some() {
                    self.replay_all(plan, now);
                } else {
                    self.begin(plan);
                }
            }
            Input::Start => {}
            _ if !self.is_started => return Vec::new(),
            Input::Cancel => self.cancel(),
            Input::GiveUp { after_ms } => self.give_up(after_ms),
            // What arrives while a long computation goes on has to wait for its end, else the order of what happened
            // would depend on the speed of the machine.
            other => self.inbox.push_back(other),
        }
        self.settle(plan);
        self.flush(plan)
    }

    /// Records the start and makes the first task.
    fn begin(&mut self, plan: &Plan) {
        let declared = plan.models.iter().zip(&self.settings.models);
        let declared = declared.filter_map(|(model, facts)| Some((model.name.to_string(), facts.as_ref()?)));
        let default = self.settings.default_model.iter().map(|facts| (String::from(DEFAULT_MODEL), facts));
        let known: Vec<_> = declared.chain(default).collect();
        let models = known.iter().map(|(name, facts)| (name.clone(), Json::from(facts.name.as_str())));
        let facts = known.iter().map(|(name, facts)| {
            let ModelFacts { price, output_tokens_max, .. } = **facts;
            (name.clone(), RecordedModel { price, output_tokens_max })
        });
        let event = Event::RunStarted {
            plan: self.plan_hash.take().unwrap_or_else(|| plan.hash()),
            flow: plan.main().name.clone(),
            inputs: self.inputs.clone(),
            models: models.collect(),
            prices: self.settings.prices.clone(),
            simulate: self.settings.simulate,
            resolved: Resolved {
                facts: facts.collect(),
                concurrency: self.settings.concurrency.clone(),
                requests_per_minute: self.settings.requests_per_minute.clone(),
                secrets_dir: self.settings.secrets_dir.clone(),
            },
            replay_of: self.replay_of(),
        };
        self.emit(event);
        self.first_task(plan);
    }

    /// Makes the task of the first flow.
    pub(crate) fn first_task(&mut self, plan: &Plan) {
        let flow = plan.main();
        let meter = self.spend.open(None, flow.budget);
        let frame = Frame::of_flow(std::mem::take(&mut self.args), flow.slots.len());
        let id = self.spawn(None, 0, frame, meter, None, String::new(), 0);
        if let Some(task) = &mut self.tasks[id as usize] {
            task.push(Some(&flow.name), Control::Call(Box::new(Call { caller: None, on_error: None })));
            task.enter(flow.body);
        }
    }

    /// Makes a task, ready to run; its stack is the caller's to fill.
    #[allow(clippy::too_many_arguments)]
    pub(crate) fn spawn(
        &mut self,
        parent: Option<(TaskId, u32)>,
        flow: FlowId,
        frame: Frame,
        meter: MeterId,
        exempt: Option<MeterId>,
        path: String,
        stack: usize,
    ) -> TaskId {
        let id = self.free.pop().unwrap_or_else(|| {
            self.tasks.push(None);
            (self.tasks.len() - 1) as TaskId
        });
        self.tasks[id as usize] = Some(Box::new(Task {
            id,
            parent,
            flow,
            frame,
            meter,
            exempt,
            path,
            stack: Vec::with_capacity(stack),
            pending: None,
            stopped: false,
            wake: Some(Outcome::Next),
        }));
        self.ready.push_back(id);
        id
    }

    /// Whether another branch may be made.
    pub(crate) fn has_room(&self) -> bool {
        self.tasks.len() - self.free.len() < TASKS_MAX
    }

    /// Lets a task run that has been told what it goes on with.
    pub(crate) fn queue(&mut self, id: TaskId) {
        self.ready.push_back(id);
    }

    /// The same, before all others.
    pub(crate) fn queue_first(&mut self, id: TaskId) {
        self.ready.push_front(id);
    }

    /// Goes on with a task.
    pub(crate) fn wake(&mut self, id: TaskId, outcome: Outcome) {
        if let Some(task) = self.tasks.get_mut(id as usize).and_then(Option::as_mut) {
            let is_queued = task.wake.replace(outcome).is_some();
            if !is_queued {
                self.ready.push_back(id);
            }
        }
    }

    /// Runs all that can run, then starts what is about to start, until everything waits.
    pub(crate) fn settle(&mut self, plan: &Plan) {
        while self.end.is_none() {
            if let Some(id) = self.ready.pop_front() {
                if self.slice_is_over() {
                    self.ready.push_front(id);
                    if self.replay.is_none() {
                        self.set_timer(id, TimerUse::Slice, self.now);
                    }
                    return;
                }
                self.run_task(plan, id);
            } else if self.replay.is_some() {
                return;
            } else if let Some(id) = self.next_start() {
                self.executed = 0;
                self.start_attempt(plan, id);
            } else if let Some(input) = self.inbox.pop_front() {
                self.executed = 0;
                self.take(plan, input);
            } else {
                self.release_wait();
                return;
            }
        }
    }

    /// Whether what computes has to stop for now: the host is asked to come back, or, while records are read again, this
    /// is how far it came.
    pub(crate) fn slice_is_over(&self) -> bool {
        match self.replay {
            Some(_) => self.stops_after.is_some_and(|count| self.executed >= count),
            None => self.fuel == 0,
        }
    }

    /// Whether it was stopped in the middle of a computation.
    pub(crate) fn computes(&self) -> bool {
        !self.ready.is_empty()
    }

    /// Takes an input when everything waits.
    fn take(&mut self, plan: &Plan, input: Input) {
        match input {
            Input::Answered { attempt, result, usage, duration_ms } => {
                self.answered(plan, attempt, result, usage, duration_ms)
            }
            Input::Fetched { attempt, result, duration_ms } => {
                self.fetched(plan, attempt, result, duration_ms)
            }
            Input::Simulated { attempt, result } => self.simulated(plan, attempt, result),
            Input::StoodIn { attempt, result } => self.stood_in(plan, attempt, result),
            Input::Due { timer } => self.timer_due(plan, timer),
            Input::Settle { step, answer } => self.settle_step(plan, &step, answer),
            Input::Answer { step, answer } => self.answer(plan, &step, answer),
            Input::Replied { step, result } => self.replied(plan, &step, result),
            Input::Deliver { event, body } => self.deliver(plan, &event, body),
            Input::Start | Input::Cancel | Input::GiveUp { .. } => {}
        }
    }

    /// Writes down how the first flow ended.
    pub(crate) fn finish(&mut self, plan: &Plan, outcome: Outcome) {
        let end = match outcome {
            Outcome::Return(value) => match crate::json::encode(plan, &value, &plan.main().returns) {
                Ok(result) => End { status: RunStatus::Succeeded, result: Some(result), failure: None },
                Err(failure) => End { status: RunStatus::Failed, result: None, failure: Some(failure) },
            },
            // Who asked it to stop has to know what wasn't taken back.
            Outcome::Interrupt(interrupt) if interrupt.failure.built_in() == Some(Kind::UndoFailed) => {
                End { status: RunStatus::Failed, result: None, failure: Some(*interrupt.failure) }
            }
            Outcome::Interrupt(interrupt) => {
                End { status: RunStatus::Cancelled, result: None, failure: Some(*interrupt.failure) }
            }
            Outcome::Fail(failure) if failure.built_in() == Some(Kind::Cancelled) => {
                End { status: RunStatus::Cancelled, result: None, failure: Some(*failure) }
            }
            Outcome::Fail(failure) => {
                End { status: RunStatus::Failed, result: None, failure: Some(*failure) }
            }
            // A flow that ends without `return` has no result.
            _ => End { status: RunStatus::Succeeded, result: Some(Json::Null), failure: None },
        };
        self.end.get_or_insert(end);
    }

    /// Ends the run at once: it no longer takes the way that its journal tells.
    pub(crate) fn diverge(&mut self, step: Option<&Coordinate>, message: String) {
        let failure = Failure { step: step.cloned(), ..Failure::new(Kind::Diverged, message) };
        self.end = Some(End { status: RunStatus::Failed, result: None, failure: Some(failure) });
        self.replay = None;
    }

    /// Frees a task that has ended.
    pub(crate) fn release(&mut self, id: TaskId) {
        self.free.push(id);
    }

    /// Records an event, unless it is being read back.
    pub(crate) fn emit(&mut self, event: Event) {
        match &mut self.replay {
            Some(replay) => replay.expect(&event),
            None => self.events.push(event),
        }
    }

    /// Records an event that isn't being read back.
    pub(crate) fn emit_live(&mut self, event: Event) {
        self.events.push(event);
    }

    /// Adds what an attempt took to the run's sum.
    pub(crate) fn count(&mut self, usage: &Usage, cost: &Cost) {
        self.usage += *usage;
        self.cost += *cost;
    }

    pub(crate) fn command(&mut self, command: Command) {
        if self.replay.is_none() {
            self.commands.push(command);
        }
    }

    pub(crate) fn show_branch(&mut self, task: &Task) {
        if self.replay.is_none() {
            let step = task.coordinate();
            self.commands.push(Command::Show(Notice::Branch { step, after: self.events.len() }));
        }
    }

    pub(crate) fn new_attempt(&mut self, id: TaskId) -> AttemptId {
        self.attempts_made += 1;
        let attempt = AttemptId(self.attempts_made);
        self.attempts.insert(attempt, id);
        attempt
    }

    pub(crate) fn set_timer(&mut self, id: TaskId, what: TimerUse, due: Time) -> TimerId {
        self.timers_made += 1;
        let timer = TimerId(self.timers_made);
        self.timers.insert(timer, (id, what, due));
        self.due.insert((due, timer));
        self.command(Command::SetTimer(timer, due));
        timer
    }

    pub(crate) fn clear_timer(&mut self, timer: TimerId) {
        let Some((_, _, due)) = self.timers.remove(&timer) else { return };
        if !self.waits.remove(&(due, timer)) {
            self.due.remove(&(due, timer));
            self.command(Command::ClearTimer(timer));
        }
    }

    /// Sets the timer of a `wait`. A simulated one takes no time: it ends when nothing else goes on, in the order of the
    /// times that all would end at, so that a race with a `wait` is won by what it waits for.
    pub(crate) fn set_wait(&mut self, id: TaskId, due: Time) -> TimerId {
        if !self.skips_effects() {
            return self.set_timer(id, TimerUse::Wait, due);
        }
        self.timers_made += 1;
        let timer = TimerId(self.timers_made);
        self.timers.insert(timer, (id, TimerUse::Wait, due));
        self.waits.insert((due, timer));
        timer
    }

    /// Returns the time that waits are counted from.
    pub(crate) fn wait_from(&self) -> Time {
        if self.skips_effects() { self.now.max(self.simulated_now) } else { self.now }
    }

    /// Notes that a `wait` is over.
    pub(crate) fn pass_wait(&mut self, timer: TimerId) {
        if let Some((.., due)) = self.timers.get(&timer).filter(|_| self.skips_effects()) {
            self.simulated_now = self.simulated_now.max(*due);
        }
    }

    /// Lets the simulated `wait` end that would end first, if nothing else goes on.
    fn release_wait(&mut self) {
        let is_quiet = self.attempts.is_empty() && self.due.first().is_none_or(|(due, _)| *due > self.now);
        if let Some(&(due, timer)) = self.waits.first().filter(|_| is_quiet) {
            self.pass_wait(timer);
            self.waits.remove(&(due, timer));
            if let Some(entry) = self.timers.get_mut(&timer) {
                entry.2 = self.now;
            }
            self.due.insert((self.now, timer));
            self.command(Command::SetTimer(timer, self.now));
        }
    }

    /// Moves a timer that hasn't been set for the host yet.
    pub(crate) fn move_timer(&mut self, timer: TimerId, due: Time) {
        if let Some(entry) = self.timers.get_mut(&timer) {
            let all = if self.waits.remove(&(entry.2, timer)) { &mut self.waits } else { &mut self.due };
            all.remove(&(entry.2, timer));
            entry.2 = due;
            all.insert((due, timer));
        }
    }

    /// Tells the host of all timers: they were only noted while the journal was read.
    pub(crate) fn set_all_timers(&mut self) {
        let timers = self.due.iter().map(|(due, timer)| Command::SetTimer(*timer, *due));
        self.commands.extend(timers);
    }

    /// Returns the task that a timer is set for.
    pub(crate) fn task_of_timer(&self, timer: TimerId) -> Option<TaskId> {
        self.timers.get(&timer).map(|(id, ..)| *id)
    }

    /// Returns when a timer is due that is set.
    pub(crate) fn due_at(&self, timer: TimerId) -> Option<Time> {
        self.timers.get(&timer).map(|(_, _, due)| *due)
    }

    fn timer_due(&mut self, plan: &Plan, timer: TimerId) {
        let Some((id, what, due)) = self.timers.remove(&timer) else { return };
        self.due.remove(&(due, timer));
        match what {
            TimerUse::Retry => self.retry_due(id),
            TimerUse::Wait => self.wait_due(id),
            TimerUse::Answer => self.answer_due(plan, id),
            // How an uncertain step in it ended has to be told first.
            TimerUse::FlowTimeout(depth) if self.is_uncertain_within(id) => {
                self.late.push((id, depth, timer));
            }
            TimerUse::FlowTimeout(depth) => self.flow_timed_out(id, depth),
            TimerUse::Slice => {}
        }
    }

    /// Whether tools are simulated too, and waits end at once.
    pub(crate) fn skips_effects(&self) -> bool {
        matches!(self.settings.simulate, Some(Simulation { models_only: false, .. }))
    }

    /// Returns what the worst case chooses, in a run that takes it.
    pub(crate) fn worst(&mut self, plan: &Plan) -> Option<&Worst> {
        if !self.settings.simulate.is_some_and(|how| how.worst) {
            return None;
        }
        Some(self.worst.get_or_insert_with(|| Box::new(Worst::of(plan))))
    }

    /// Returns the commands of one input, the events first.
    fn flush(&mut self, plan: &Plan) -> Vec<Command> {
        if self.is_over {
            return std::mem::take(&mut self.commands);
        }
        if let Some(end) = self.end.take() {
            return self.close(end);
        }
        let mut out = self.notices_and_events();
        out.append(&mut self.commands);
        // What is due already isn't waited for.
        let is_due = self.due.first().is_some_and(|(due, _)| *due <= self.now);
        if self.attempts.is_empty() && self.ready.is_empty() && !is_due {
            out.push(self.idle(plan));
        }
        out
    }

    /// Takes what is shown, then the events that it stands between; the other commands are left.
    fn notices_and_events(&mut self) -> Vec<Command> {
        let commands = std::mem::take(&mut self.commands);
        let (mut out, rest): (Vec<_>, Vec<_>) =
            commands.into_iter().partition(|command| matches!(command, Command::Show(_)));
        self.commands = rest;
        if !self.events.is_empty() {
            out.push(Command::Append(std::mem::take(&mut self.events)));
        }
        out
    }

    /// Ends the run: nothing is in flight any more but what a divergence left.
    fn close(&mut self, end: End) -> Vec<Command> {
        self.is_over = true;
        let mut attempts: Vec<AttemptId> = self.attempts.drain().map(|(attempt, _)| attempt).collect();
        attempts.sort();
        self.commands.extend(attempts.into_iter().map(Command::Abort));
        for (_, timer) in std::mem::take(&mut self.due) {
            self.commands.push(Command::ClearTimer(timer));
        }
        self.events.push(Event::RunFinished {
            status: end.status,
            result: end.result.clone(),
            failure: end.failure.clone(),
            usage: self.usage,
            cost: self.cost,
        });
        let mut out = self.notices_and_events();
        out.append(&mut self.commands);
        out.push(Command::Finish { status: end.status, result: end.result, failure: end.failure });
        out
    }

    /// Ends a run whose end is on record already.
    pub(crate) fn close_again(&mut self, status: RunStatus, result: Option<Json>, failure: Option<Failure>) {
        self.is_over = true;
        self.replay = None;
        self.end = None;
        self.commands.push(Command::Finish { status, result, failure });
    }

    /// Returns the tasks that wait for somebody to tell the outcome of a step.
    pub(crate) fn uncertain(&self) -> impl Iterator<Item = &Task> {
        let tasks = self.uncertain.iter().filter_map(|id| self.tasks.get(*id as usize)?.as_deref());
        tasks.filter(|task| task.is_uncertain())
    }

    /// Whether such a task is this one, or a branch of it.
    pub(crate) fn is_uncertain_within(&self, id: TaskId) -> bool {
        self.uncertain().any(|task| {
            let mut own = Some(task);
            while let Some(task) = own.filter(|task| task.id != id) {
                own = task.parent.and_then(|(parent, _)| self.tasks.get(parent as usize)?.as_deref());
            }
            own.is_some()
        })
    }

    fn idle(&self, plan: &Plan) -> Command {
        let next = self.due.first();
        let uncertain = self
            .uncertain()
            .next()
            .map(|task| format!("`{}` was sent and not answered: its outcome is uncertain", task.path));
        let reason = match (uncertain.or_else(|| self.open_questions(plan)), next) {
            (Some(reason), _) => reason,
            (None, Some((due, timer))) => {
                let step = self.timers.get(timer).and_then(|(id, ..)| self.tasks.get(*id as usize)?.as_ref());
                match step {
                    Some(task) => format!("`{}` goes on at {}", task.path, due.rfc3339()),
                    None => format!("goes on at {}", due.rfc3339()),
                }
            }
            (None, None) => String::from("nothing is due"),
        };
        Command::Idle { until: next.map(|(due, _)| *due), reason }
    }
}
