use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use flow_ir::Name;
use flow_ir::catalogue::Price;

use crate::{Coordinate, Cost, Failure, RunId, Time, Usage};

/// A row of a run's journal.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Record {
    /// From 0, without gaps.
    pub seq: u64,
    /// When it was appended.
    pub at: Time,
    /// What happened.
    pub event: Event,
}

/// What happened in a run, as far as it can't be computed again. State is a fold over these; a trace is derived from
/// them. Steps are named by coordinate, values by step.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum Event {
    /// The first record of every run.
    RunStarted {
        /// Of the plan that the run is pinned to.
        plan: String,
        /// The started flow.
        flow: Name,
        /// Its inputs by name, as JSON of their types.
        inputs: serde_json::Map<String, serde_json::Value>,
        /// Models by their name in the plan, resolved: `provider/model`.
        models: serde_json::Map<String, serde_json::Value>,
        /// Version of the price table.
        prices: String,
        /// What is simulated.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        simulate: Option<Simulation>,
        /// What the settings had said, so that a resumed run needs none of them.
        #[serde(default)]
        resolved: Resolved,
        /// The run whose results it takes over.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        replay_of: Option<ReplayOf>,
    },
    /// An attempt is about to be made. Committed before the request is sent.
    StepStarted {
        /// Which step.
        step: Coordinate,
        /// The node that is called.
        node: Name,
        /// `prompt`, `agent` (a turn of one), `http`, `code`, `built_in`.
        kind: Name,
        /// From 0.
        attempt: u32,
        /// From 0.
        repair: u32,
        /// SHA-256 of what is asked.
        fingerprint: String,
        /// `provider/model`, for models.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        model: Option<Name>,
        /// Whether the request may be sent again when its outcome isn't known.
        repeatable: bool,
    },
    /// Which models `round_robin` chose for a step. Stands before its first start.
    RoundRobin {
        /// Which step.
        step: Coordinate,
        /// Each choice, in the order in which they were made.
        choices: Vec<Choice>,
    },
    /// A step has the outcome that it had in another run: nothing was asked, nothing was spent.
    StepReplayed {
        /// Which step.
        step: Coordinate,
        /// The node that is called.
        node: Name,
        /// `prompt`, `agent` (a turn of one), `http`, `code`, `built_in`.
        kind: Name,
        /// SHA-256 of what would be asked.
        fingerprint: String,
        /// `provider/model` that was asked then, for models.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        model: Option<Name>,
        /// Its result, as JSON of the node's type; `null` if it failed.
        result: serde_json::Value,
        /// Why it failed.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        failure: Option<Failure>,
        /// The answers before it that weren't of the type: a conversation goes on with them.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        repairs: Vec<Repair>,
    },
    /// An attempt failed and another follows at `next_at`; or an answer has to be repaired.
    AttemptFailed {
        /// Which step.
        step: Coordinate,
        /// From 0.
        attempt: u32,
        /// From 0.
        repair: u32,
        /// Why.
        failure: Failure,
        /// What it took all the same.
        #[serde(default)]
        usage: Usage,
        /// What that cost.
        #[serde(default)]
        cost: Cost,
        /// How long it took.
        duration_ms: u64,
        /// When the next attempt is due.
        next_at: Time,
        /// For a repair: the answer that was not of the type, to be shown to the model.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        answer: Option<String>,
        /// For a repair: what the model is told is wrong with it; records of older runs have that in `failure`.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        complaint: Option<String>,
    },
    /// A step has its result. It is committed before anything that depends on it starts.
    StepFinished {
        /// Which step.
        step: Coordinate,
        /// Its result, as JSON of the node's type.
        result: serde_json::Value,
        /// Of the last attempt.
        #[serde(default)]
        usage: Usage,
        /// Of the last attempt.
        #[serde(default)]
        cost: Cost,
        /// Of the last attempt.
        duration_ms: u64,
    },
    /// A step failed for good.
    StepFailed {
        /// Which step.
        step: Coordinate,
        /// Why.
        failure: Failure,
        /// Of the last attempt.
        #[serde(default)]
        usage: Usage,
        /// Of the last attempt.
        #[serde(default)]
        cost: Cost,
        /// Of the last attempt.
        duration_ms: u64,
    },
    /// A step in flight was stopped because a sibling failed, a timeout struck or the run ended.
    StepCancelled {
        /// Which step.
        step: Coordinate,
        /// What it had taken.
        #[serde(default)]
        usage: Usage,
        /// What that cost.
        #[serde(default)]
        cost: Cost,
    },
    /// A step that is about to be made is taken back if a failure leaves its saga, unless it is known not to have
    /// happened. What takes it back is a step of its own, beneath it: `STEP/undo`.
    UndoRegistered {
        /// The step that would be taken back.
        step: Coordinate,
    },
    /// The step is known not to have happened: there is nothing to take back.
    UndoDropped {
        /// The step that would have been taken back.
        step: Coordinate,
    },
    /// A `wait` began.
    WaitStarted {
        /// Which step.
        step: Coordinate,
        /// When it ends.
        until: Time,
    },
    /// A `wait` is over.
    WaitFinished {
        /// Which step.
        step: Coordinate,
    },
    /// An arm of a race succeeded before any other. Committed before anything uses that.
    RaceWon {
        /// Where the race stands: its name, or without one the place around it.
        step: Coordinate,
        /// Which arm, from 0, in written order.
        arm: u32,
    },
    /// A flow handed out a value before it was done.
    Emitted {
        /// Which step.
        step: Coordinate,
        /// The value, as JSON of what the flow emits.
        value: serde_json::Value,
    },
    /// A person was asked, or something outside is waited for. Ends with `StepFinished` or `StepFailed`.
    Asked {
        /// Which step.
        step: Coordinate,
        /// The node that is called.
        node: Name,
        /// `human`, `event`.
        kind: Name,
        /// When it is too late: the step then fails with `timeout`.
        until: Time,
        /// SHA-256 of the question.
        fingerprint: String,
        /// What is asked, or waited for.
        question: Box<Question>,
    },
    /// A delivery came that no step waits for yet: it is kept for one that will.
    Delivered {
        /// The event, as the plan names it.
        node: Name,
        /// What came.
        body: serde_json::Value,
    },
    /// The timeout of a flow step struck.
    TimedOut {
        /// Which step.
        step: Coordinate,
    },
    /// A budget stopped the next call.
    BudgetRefused {
        /// The step that was not made.
        step: Coordinate,
        /// Which limit and what was spent.
        message: String,
    },
    /// The run was asked to stop for good: what was in flight is stopped, clean-up follows.
    CancelRequested {
        /// Where the request met the program in the middle of a computation: how many statements that had executed.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        after: Option<u64>,
    },
    /// The run waits for a time, a person or an event; nothing is in flight.
    Suspended {
        /// What it waits for.
        reason: String,
        /// When it is due by itself.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        until: Option<Time>,
    },
    /// From here on the run goes by another plan, which meets all records before.
    ProgramChanged {
        /// The hash of that plan.
        plan: String,
    },
    /// Another process took over, after a crash, an interruption or a suspension.
    Resumed {},
    /// The run was stopped from outside and can be resumed.
    Interrupted {},
    /// The store failed, and the run goes on without it, as its settings allow: what it does from here on isn't on record.
    Unrecorded {
        /// What the store said.
        reason: String,
    },
    /// The last record of a run.
    RunFinished {
        /// `succeeded`, `failed`, `cancelled`.
        status: RunStatus,
        /// The flow's result, as JSON of its type.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        result: Option<serde_json::Value>,
        /// Why it failed.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        failure: Option<Failure>,
        /// Over all attempts.
        usage: Usage,
        /// Over all attempts.
        cost: Cost,
    },
}

/// An answer that wasn't of the type.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Repair {
    /// What the model said.
    pub answer: String,
    /// What it was told is wrong with it.
    pub complaint: String,
}

/// A choice of a `round_robin`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Choice {
    /// The declared name of the `round_robin`.
    pub model: Name,
    /// How many choices it had made before.
    pub turn: u64,
    /// The declared name of the model that was chosen.
    pub chosen: Name,
}

/// Where a run takes results from instead of asking.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReplayOf {
    /// The run.
    pub run: RunId,
    /// The step that is asked anew whatever is on record, and all beneath it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<Coordinate>,
}

/// What a person is asked, or what is waited for outside: the node's fields, rendered.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Question {
    /// `dashboard`, `webhook`, `telegram`, `whatsapp`.
    pub via: Name,
    /// The URL, path, chat or number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub address: Option<String>,
    /// What a person reads.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
    /// What the answer's form is filled in with: JSON of the result's type, or some of its fields.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub form: Option<serde_json::Value>,
    /// The arguments by name: of an event, which one is meant; of a person, what is shown where there is no message.
    #[serde(default, skip_serializing_if = "serde_json::Map::is_empty")]
    pub args: serde_json::Map<String, serde_json::Value>,
}

/// What the settings of a run's start had made of it. Holds no secret; records of older runs have nothing in it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Resolved {
    /// What was known of the models, under their names in `RunStarted.models`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub facts: BTreeMap<String, RecordedModel>,
    /// Calls in flight at most, by provider.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub concurrency: BTreeMap<String, u32>,
    /// Calls that begin within any minute, by provider.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub requests_per_minute: BTreeMap<String, u32>,
    /// The folder of secrets, absolute.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secrets_dir: Option<String>,
}

/// What was known of a model when a run was started.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RecordedModel {
    /// What it costs where it is asked; none if that wasn't known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub price: Option<Price>,
    /// Output tokens at most.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub output_tokens_max: Option<u64>,
}

/// How often expressions were computed, in one execution of a run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Evaluations {
    /// As machine code.
    pub compiled: u64,
    /// By the interpreter.
    pub interpreted: u64,
}

/// What a simulated run leaves real.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Simulation {
    /// Only models are simulated.
    #[serde(default)]
    pub models_only: bool,
    /// The longest answers, the dearest arms, every turn and every try.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub worst: bool,
    /// The seed.
    pub seed: u64,
}

/// Where a run stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RunStatus {
    /// Being executed, or cut off by a crash: whether its lease is alive tells which.
    Running,
    /// Stopped from outside; can be resumed.
    Interrupted,
    /// Waiting; can be resumed.
    Suspended,
    /// Done.
    Succeeded,
    /// Failed.
    Failed,
    /// Cancelled.
    Cancelled,
    /// It went on without its store; how it ended isn't on record.
    Unrecorded,
}

impl RunStatus {
    /// Whether nothing more will happen.
    pub fn is_final(self) -> bool {
        !matches!(self, RunStatus::Running | RunStatus::Interrupted | RunStatus::Suspended)
    }
}
