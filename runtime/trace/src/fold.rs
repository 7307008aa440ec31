//! The one fold from records to what is shown of a run.

use indexmap::IndexMap;
use serde::{Deserialize, Serialize};

use flow_ir::Name;
use flow_runtime_api::{
    Coordinate, Cost, Event, Failure, Question, Record, ReplayOf, RunId, RunStatus, Simulation, Time, Usage,
};

use crate::{EventKind, RunEvent, Stamp};

/// A run as its journal tells it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Trace {
    /// The run.
    pub run: RunId,
    /// The started flow; empty until the first record.
    pub flow: Name,
    /// The hash of its plan.
    pub plan: String,
    /// Its inputs by name.
    pub inputs: serde_json::Map<String, serde_json::Value>,
    /// Models by their name in the plan, resolved: `provider/model`.
    pub models: serde_json::Map<String, serde_json::Value>,
    /// What is simulated; usage and cost of such a run are estimates, not spend.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub simulate: Option<Simulation>,
    /// The run that results are taken from instead of asking.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub replay_of: Option<ReplayOf>,
    /// When it was moved to another program, each time; `plan` is the last one's.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub moves: Vec<Move>,
    /// Where it stands.
    pub status: RunStatus,
    /// When its first record was appended.
    pub started_at: Time,
    /// When its last record was appended.
    pub updated_at: Time,
    /// When it was being executed.
    pub active: Vec<Stretch>,
    /// Active time, without suspensions and interruptions, in milliseconds.
    pub duration_ms: u64,
    /// Steps in the order in which they started.
    pub steps: Vec<StepTrace>,
    /// What the flows have emitted, in order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub emitted: Vec<EmittedTrace>,
    /// Over all attempts of all steps.
    pub usage: Usage,
    /// Over all attempts of all steps.
    pub cost: Cost,
    /// What the run waits for, while it is suspended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub waits_for: Option<String>,
    /// When a suspended run is due by itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub due_at: Option<Time>,
    /// Why a part of the run isn't on record, if so: what the store said when it failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unrecorded: Option<String>,
    /// The flow's result.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub result: Option<serde_json::Value>,
    /// Why it failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failure: Option<Failure>,
}

impl Trace {
    /// Returns how many steps have a result.
    pub fn finished_steps(&self) -> usize {
        self.steps.iter().filter(|step| step.status == StepStatus::Succeeded).count()
    }

    /// Returns the steps whose outcome somebody has to tell.
    pub fn uncertain(&self) -> impl Iterator<Item = &StepTrace> {
        self.steps.iter().filter(|step| step.status == StepStatus::Uncertain)
    }

    /// Returns the steps that wait for a person, or for something to happen outside.
    pub fn asked(&self) -> impl Iterator<Item = &StepTrace> {
        self.steps.iter().filter(|step| step.status == StepStatus::Waiting && step.question.is_some())
    }

    /// Returns the step of a coordinate.
    pub fn step(&self, coordinate: &str) -> Option<&StepTrace> {
        self.steps.iter().find(|step| step.step.0 == coordinate)
    }
}

/// A time in which a run was being executed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stretch {
    /// When it was begun or gone on with.
    pub from: Time,
    /// When it ended; none while it goes on, or if nobody has gone on after a crash.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<Time>,
}

/// A run was moved to another program.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Move {
    /// When.
    pub at: Time,
    /// The hash of the plan that it went by before.
    pub from: String,
}

/// A value that a flow handed out before it was done.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct EmittedTrace {
    /// Its coordinate.
    pub step: Coordinate,
    /// When.
    pub at: Time,
    /// What.
    pub value: serde_json::Value,
}

/// A step as the journal tells it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct StepTrace {
    /// Its coordinate.
    pub step: Coordinate,
    /// The node that it calls.
    pub node: Name,
    /// `prompt`, `agent` (a turn of one), `http`, `human`, `event`, `wait`, `code`, `built_in`.
    pub kind: Name,
    /// `provider/model` of the last attempt.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model: Option<Name>,
    /// Where it stands.
    pub status: StepStatus,
    /// Whether its outcome is another run's; then nothing was asked and nothing spent.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub replayed: bool,
    /// How often it was asked, repairs and starts after a crash included.
    pub attempts: u32,
    /// How many of those were repairs.
    pub repairs: u32,
    /// When it was first asked.
    pub started_at: Time,
    /// When it ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub finished_at: Option<Time>,
    /// Over all attempts, pauses between them left out, in milliseconds.
    pub duration_ms: u64,
    /// Over all attempts.
    pub usage: Usage,
    /// Over all attempts.
    pub cost: Cost,
    /// When a wait, or the time for an answer, ends.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<Time>,
    /// What a person is asked, or what is waited for outside.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub question: Option<Box<Question>>,
    /// Its result.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub result: Option<serde_json::Value>,
    /// Why it, or its last attempt, failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failure: Option<Failure>,
}

/// Where a step stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StepStatus {
    /// Being asked, or cut off by a crash.
    Running,
    /// Between two attempts.
    Retrying,
    /// A `wait` that isn't over, or a person or an event that is waited for.
    Waiting,
    /// A writer that was sent when the process ended: somebody has to tell how it went, or to repeat it.
    Uncertain,
    /// It has its result.
    Succeeded,
    /// It failed for good.
    Failed,
    /// It was stopped.
    Cancelled,
}

impl StepStatus {
    /// Whether the step hasn't ended.
    pub fn is_open(self) -> bool {
        matches!(
            self,
            StepStatus::Running | StepStatus::Retrying | StepStatus::Waiting | StepStatus::Uncertain
        )
    }
}

/// Folds records into a [`Trace`].
#[derive(Clone, Debug)]
pub struct Fold {
    trace: Trace,
    /// Positions in `trace.steps`.
    steps: IndexMap<Coordinate, usize>,
    /// Number of the attempt and of the repair that each of them is at, once it was asked.
    tries: Vec<Option<(u32, u32)>>,
    /// Whether the attempt may be made again, for each of them that has one in flight.
    flight: Vec<Option<bool>>,
    /// The models that cost nothing, as `provider/model`.
    free: Vec<Name>,
    /// When the active stretch began; `None` while suspended or interrupted.
    active_since: Option<Time>,
    /// The active time before it.
    active_ms: u64,
    begun: bool,
}

impl Fold {
    /// Returns the fold of no records.
    pub fn new(run: RunId) -> Fold {
        Fold {
            trace: Trace {
                run,
                flow: Name::default(),
                plan: String::new(),
                inputs: serde_json::Map::new(),
                models: serde_json::Map::new(),
                simulate: None,
                replay_of: None,
                moves: Vec::new(),
                status: RunStatus::Running,
                started_at: Time(0),
                updated_at: Time(0),
                active: Vec::new(),
                duration_ms: 0,
                steps: Vec::new(),
                emitted: Vec::new(),
                usage: Usage::default(),
                cost: Cost::ZERO,
                waits_for: None,
                due_at: None,
                unrecorded: None,
                result: None,
                failure: None,
            },
            steps: IndexMap::new(),
            tries: Vec::new(),
            flight: Vec::new(),
            free: Vec::new(),
            active_since: None,
            active_ms: 0,
            begun: false,
        }
    }

    /// Folds all of a run's records.
    pub fn of<'a>(run: RunId, records: impl IntoIterator<Item = &'a Record>) -> Trace {
        let mut fold = Fold::new(run);
        for record in records {
            fold.apply(record);
        }
        fold.into_trace()
    }

    /// Returns the trace so far.
    pub fn trace(&self) -> &Trace {
        &self.trace
    }

    /// Returns the trace.
    pub fn into_trace(self) -> Trace {
        self.trace
    }

    /// Returns the trace of a run that nobody executes although it was left running: what was in flight is cut off.
    pub fn into_cut_off(mut self) -> Trace {
        if self.active_since.is_some() {
            self.cut_off();
            self.end_stretch(self.trace.updated_at);
        }
        self.trace
    }

    /// Takes the next record and returns what is shown of it.
    pub fn apply(&mut self, record: &Record) -> RunEvent {
        let at = record.at;
        if !self.begun {
            self.begun = true;
            self.trace.started_at = at;
            self.active_since = Some(at);
            self.trace.active.push(Stretch { from: at, until: None });
        }
        let mut shown = RunEvent::new(EventKind::Resumed, self.trace.run.clone(), at);
        shown.seq = Some(record.seq);
        match &record.event {
            Event::RunStarted { .. } => self.run_started(&record.event, &mut shown),
            Event::StepStarted { .. } => self.step_started(&record.event, at, &mut shown),
            Event::AttemptFailed { .. } => self.attempt_failed(&record.event, &mut shown),
            Event::StepFinished { step, result, usage, cost, duration_ms } => {
                shown.event = EventKind::StepFinished;
                self.tell_attempt(step, *usage, *cost, *duration_ms, &mut shown);
                shown.result = Some(result.clone());
                let entry = self.entry(step, at);
                entry.status = StepStatus::Succeeded;
                entry.finished_at = Some(at);
                entry.result = Some(result.clone());
                entry.failure = None;
            }
            Event::StepReplayed { .. } => self.step_replayed(&record.event, at, &mut shown),
            Event::RoundRobin { step, choices } => {
                shown.event = EventKind::ModelChosen;
                shown.step = Some(step.clone());
                shown.choices.clone_from(choices);
            }
            Event::ProgramChanged { plan } => {
                shown.event = EventKind::ProgramChanged;
                shown.plan = Some(plan.clone());
                let from = std::mem::replace(&mut self.trace.plan, plan.clone());
                self.trace.moves.push(Move { at, from });
            }
            Event::StepFailed { step, failure, usage, cost, duration_ms } => {
                shown.event = EventKind::StepFailed;
                self.tell_attempt(step, *usage, *cost, *duration_ms, &mut shown);
                shown.error = Some(failure.into());
                self.end(step, at, StepStatus::Failed, Some(failure));
            }
            Event::StepCancelled { step, usage, cost } => {
                shown.event = EventKind::Cancelled;
                self.tell_attempt(step, *usage, *cost, 0, &mut shown);
                shown.duration_ms = None;
                self.end(step, at, StepStatus::Cancelled, None);
            }
            Event::UndoRegistered { step } => {
                shown.event = EventKind::UndoRegistered;
                shown.step = Some(step.clone());
            }
            Event::UndoDropped { step } => {
                shown.event = EventKind::UndoDropped;
                shown.step = Some(step.clone());
            }
            Event::WaitStarted { step, until } => {
                shown.event = EventKind::StepStarted;
                shown.until = Some(Stamp(*until));
                let entry = self.entry(step, at);
                entry.kind = Name::new_static("wait");
                entry.status = StepStatus::Waiting;
                entry.until = Some(*until);
                self.name_step(step, &mut shown);
            }
            Event::WaitFinished { step } => {
                shown.event = EventKind::StepFinished;
                self.end(step, at, StepStatus::Succeeded, None);
                let entry = self.entry(step, at);
                entry.duration_ms = at.since(entry.started_at);
                shown.duration_ms = Some(entry.duration_ms);
                self.name_step(step, &mut shown);
            }
            Event::RaceWon { step, arm } => {
                shown.event = EventKind::Branch;
                shown.step = Some(step.clone());
                shown.arm = Some(*arm);
            }
            Event::Emitted { step, value } => {
                shown.event = EventKind::Emitted;
                shown.step = Some(step.clone());
                shown.result = Some(value.clone());
                self.trace.emitted.push(EmittedTrace { step: step.clone(), at, value: value.clone() });
            }
            Event::Asked { step, node, kind, until, question, .. } => {
                shown.event = EventKind::StepStarted;
                shown.until = Some(Stamp(*until));
                shown.question = Some(question.clone());
                let entry = self.entry(step, at);
                entry.node = node.clone();
                entry.kind = kind.clone();
                entry.status = StepStatus::Waiting;
                entry.attempts += 1;
                entry.until = Some(*until);
                entry.question = Some(question.clone());
                self.name_step(step, &mut shown);
            }
            Event::Delivered { node, body } => {
                shown.event = EventKind::Delivered;
                shown.node = Some(node.clone());
                shown.result = Some(body.clone());
            }
            Event::TimedOut { step } => {
                shown.event = EventKind::StepFailed;
                shown.step = Some(step.clone());
                shown.error = Some(crate::EventError {
                    kind: Name::new_static("timeout"),
                    message: String::from("the step took longer than its timeout allows"),
                    step: Some(step.clone()),
                });
            }
            Event::BudgetRefused { step, message } => {
                shown.event = EventKind::StepFailed;
                shown.step = Some(step.clone());
                let failure = Failure {
                    step: Some(step.clone()),
                    ..Failure::new(flow_runtime_api::Kind::Budget, message.clone())
                };
                shown.error = Some((&failure).into());
                self.end(step, at, StepStatus::Failed, Some(&failure));
            }
            Event::Suspended { reason, until } => {
                shown.event = EventKind::Suspended;
                shown.status = Some(RunStatus::Suspended);
                shown.reason = Some(reason.clone());
                shown.until = until.map(Stamp);
                self.pause(at, RunStatus::Suspended);
                self.trace.waits_for = Some(reason.clone());
                self.trace.due_at = *until;
            }
            Event::Interrupted {} => {
                shown.event = EventKind::Suspended;
                shown.status = Some(RunStatus::Interrupted);
                shown.reason = Some(String::from("interrupted"));
                self.cut_off();
                self.pause(at, RunStatus::Interrupted);
            }
            Event::Resumed {} => {
                shown.flow = Some(self.trace.flow.clone());
                shown.simulation = self.trace.simulate;
                self.cut_off();
                self.resumed(at);
            }
            Event::CancelRequested { .. } => shown.event = EventKind::Cancelled,
            Event::Unrecorded { reason } => {
                shown.event = EventKind::Unrecorded;
                shown.reason = Some(reason.clone());
                self.trace.status = RunStatus::Unrecorded;
                self.trace.unrecorded = Some(reason.clone());
            }
            Event::RunFinished { status, result, failure, .. } => {
                self.run_finished(*status, result.as_ref(), failure.as_ref(), at, &mut shown);
            }
        }
        // A move is made while nobody executes the run; `resumed` needs the last time before.
        if !matches!(record.event, Event::Resumed {} | Event::ProgramChanged { .. }) {
            self.trace.updated_at = at;
        }
        self.trace.duration_ms =
            self.active_ms + self.active_since.map_or(0, |since| self.trace.updated_at.since(since));
        if shown.event == EventKind::RunFinished {
            shown.duration_ms = Some(self.trace.duration_ms);
        }
        shown.simulated = self.trace.simulate.is_some();
        shown
    }

    /// Returns the line for a piece of an answer; it isn't part of the trace.
    pub fn delta(
        &self,
        step: &Coordinate,
        text: Option<String>,
        reasoning: Option<String>,
        at: Time,
    ) -> RunEvent {
        let mut shown = RunEvent::new(EventKind::Delta, self.trace.run.clone(), at);
        shown.text = text;
        shown.reasoning = reasoning;
        shown.simulated = self.trace.simulate.is_some();
        self.name_step(step, &mut shown);
        shown
    }

    /// Returns the line for a taken arm; it isn't part of the trace.
    pub fn branch(&self, step: &Coordinate, at: Time) -> RunEvent {
        let mut shown = RunEvent::new(EventKind::Branch, self.trace.run.clone(), at);
        shown.step = Some(step.clone());
        shown.simulated = self.trace.simulate.is_some();
        shown
    }

    fn run_started(&mut self, event: &Event, shown: &mut RunEvent) {
        let Event::RunStarted { plan, flow, inputs, models, simulate, resolved, replay_of, .. } = event
        else {
            return;
        };
        shown.event = EventKind::RunStarted;
        shown.flow = Some(flow.clone());
        shown.plan = Some(plan.clone());
        shown.inputs = Some(inputs.clone());
        shown.simulation = *simulate;
        self.trace.flow = flow.clone();
        self.trace.plan = plan.clone();
        self.trace.inputs = inputs.clone();
        self.trace.models = models.clone();
        self.trace.simulate = *simulate;
        self.trace.replay_of.clone_from(replay_of);
        shown.replay_of.clone_from(replay_of);
        let is_free = |name: &str| {
            resolved.facts.get(name).is_some_and(|facts| facts.price == Some(flow_ir::catalogue::Price::FREE))
        };
        let (free, priced): (Vec<_>, Vec<_>) = models.iter().partition(|(name, _)| is_free(name));
        let free = free.into_iter().filter(|(_, model)| !priced.iter().any(|(_, other)| other == model));
        self.free = free.filter_map(|(_, model)| model.as_str().map(Name::from)).collect();
    }

    fn step_started(&mut self, event: &Event, at: Time, shown: &mut RunEvent) {
        let Event::StepStarted { step, node, kind, attempt, repair, model, repeatable, .. } = event else {
            return;
        };
        shown.event = EventKind::StepStarted;
        let entry = self.entry(step, at);
        entry.node = node.clone();
        entry.kind = kind.clone();
        entry.model = model.clone();
        entry.status = StepStatus::Running;
        entry.attempts += 1;
        entry.repairs = entry.repairs.max(*repair);
        if let Some(&index) = self.steps.get(step) {
            self.tries[index] = Some((*attempt, *repair));
            self.flight[index] = Some(*repeatable);
        }
        self.name_step(step, shown);
    }

    fn step_replayed(&mut self, event: &Event, at: Time, shown: &mut RunEvent) {
        let Event::StepReplayed { step, node, kind, model, result, failure, .. } = event else { return };
        let entry = self.entry(step, at);
        entry.node = node.clone();
        entry.kind = kind.clone();
        entry.model = model.clone();
        entry.replayed = true;
        entry.finished_at = Some(at);
        entry.failure.clone_from(failure);
        if failure.is_none() {
            entry.status = StepStatus::Succeeded;
            entry.result = Some(result.clone());
            shown.event = EventKind::StepFinished;
            shown.result = Some(result.clone());
        } else {
            entry.status = StepStatus::Failed;
            shown.event = EventKind::StepFailed;
            shown.error = failure.as_ref().map(Into::into);
        }
        self.name_step(step, shown);
        shown.replayed = true;
    }

    fn attempt_failed(&mut self, event: &Event, shown: &mut RunEvent) {
        let Event::AttemptFailed {
            step, attempt, repair, failure, usage, cost, duration_ms, next_at, ..
        } = event
        else {
            return;
        };
        shown.event = EventKind::AttemptFailed;
        self.tell_attempt(step, *usage, *cost, *duration_ms, shown);
        shown.attempt = Some(*attempt);
        shown.repair = (*repair > 0).then_some(*repair);
        shown.error = Some(failure.into());
        shown.next_at = Some(Stamp(*next_at));
        if let Some(&index) = self.steps.get(step) {
            self.trace.steps[index].status = StepStatus::Retrying;
            self.trace.steps[index].failure = Some(failure.clone());
        }
    }

    /// What was in flight when the process ended: what its calls have taken isn't known, and of a writer not even
    /// whether it did its work.
    fn cut_off(&mut self) {
        for (step, flight) in self.trace.steps.iter_mut().zip(&mut self.flight) {
            let Some(repeatable) = flight.take() else { continue };
            if !repeatable {
                step.status = StepStatus::Uncertain;
            }
            let costs = step.model.as_ref().is_some_and(|model| !self.free.contains(model));
            if costs && self.trace.simulate.is_none() {
                step.cost += Cost::UNKNOWN;
                self.trace.cost += Cost::UNKNOWN;
            }
        }
    }

    fn resumed(&mut self, at: Time) {
        // After a crash the last record before is the last that is known to be active.
        if let Some(since) = self.active_since {
            self.active_ms += self.trace.updated_at.since(since);
            self.end_stretch(self.trace.updated_at);
        }
        self.active_since = Some(at);
        self.trace.active.push(Stretch { from: at, until: None });
        self.trace.updated_at = at;
        self.trace.status = RunStatus::Running;
        self.trace.waits_for = None;
        self.trace.due_at = None;
    }

    fn run_finished(
        &mut self,
        status: RunStatus,
        result: Option<&serde_json::Value>,
        failure: Option<&Failure>,
        at: Time,
        shown: &mut RunEvent,
    ) {
        shown.event = EventKind::RunFinished;
        shown.unrecorded = self.trace.unrecorded.is_some();
        shown.status = Some(status);
        shown.result = match (status, result) {
            (_, Some(result)) => Some(result.clone()),
            (RunStatus::Succeeded, None) => Some(serde_json::Value::Null),
            _ => None,
        };
        shown.error = failure.map(Into::into);
        shown.usage = Some(self.trace.usage);
        shown.cost_usd = Some(self.trace.cost.usd());
        shown.cost_complete = (!self.trace.cost.complete).then_some(false);
        self.pause(at, status);
        self.trace.result = result.cloned();
        self.trace.failure = failure.cloned();
        for step in &mut self.trace.steps {
            if matches!(step.status, StepStatus::Running | StepStatus::Retrying | StepStatus::Waiting) {
                step.status = StepStatus::Cancelled;
                step.finished_at = Some(at);
            }
        }
    }

    /// Adds what an attempt took to its step and to the run, and tells it.
    fn tell_attempt(
        &mut self,
        step: &Coordinate,
        usage: Usage,
        cost: Cost,
        duration_ms: u64,
        shown: &mut RunEvent,
    ) {
        self.name_step(step, shown);
        shown.duration_ms = Some(duration_ms);
        if shown.model.is_some() {
            shown.usage = Some(usage);
            shown.cost_usd = Some(cost.usd());
            shown.cost_complete = (!cost.complete).then_some(false);
        }
        self.trace.usage += usage;
        self.trace.cost += cost;
        if let Some(&index) = self.steps.get(step) {
            self.flight[index] = None;
            let entry = &mut self.trace.steps[index];
            entry.usage += usage;
            entry.cost += cost;
            entry.duration_ms = entry.duration_ms.saturating_add(duration_ms);
        }
    }

    fn name_step(&self, step: &Coordinate, shown: &mut RunEvent) {
        shown.step = Some(step.clone());
        if let Some(&index) = self.steps.get(step) {
            let entry = &self.trace.steps[index];
            shown.node = (!entry.node.is_empty()).then(|| entry.node.clone());
            shown.kind = (!entry.kind.is_empty()).then(|| entry.kind.clone());
            shown.model = entry.model.clone();
            shown.attempt = self.tries[index].map(|(attempt, _)| attempt);
            shown.repair = self.tries[index].map(|(_, repair)| repair).filter(|repair| *repair > 0);
        }
    }

    fn end(&mut self, step: &Coordinate, at: Time, status: StepStatus, failure: Option<&Failure>) {
        let entry = self.entry(step, at);
        entry.status = status;
        entry.finished_at = Some(at);
        entry.failure = failure.cloned();
    }

    fn end_stretch(&mut self, at: Time) {
        if let Some(last) = self.trace.active.last_mut() {
            last.until.get_or_insert(at);
        }
    }

    fn pause(&mut self, at: Time, status: RunStatus) {
        if let Some(since) = self.active_since.take() {
            self.active_ms += at.since(since);
            self.end_stretch(at);
        }
        self.trace.status = status;
    }

    fn entry(&mut self, step: &Coordinate, at: Time) -> &mut StepTrace {
        let (steps, tries, flight) = (&mut self.trace.steps, &mut self.tries, &mut self.flight);
        let index = *self.steps.entry(step.clone()).or_insert_with(|| {
            tries.push(None);
            flight.push(None);
            steps.push(StepTrace {
                step: step.clone(),
                node: Name::default(),
                kind: Name::default(),
                model: None,
                status: StepStatus::Running,
                replayed: false,
                attempts: 0,
                repairs: 0,
                started_at: at,
                finished_at: None,
                duration_ms: 0,
                usage: Usage::default(),
                cost: Cost::ZERO,
                until: None,
                question: None,
                result: None,
                failure: None,
            });
            steps.len() - 1
        });
        &mut steps[index]
    }
}

#[cfg(test)]
mod tests;
