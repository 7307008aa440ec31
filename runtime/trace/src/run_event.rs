//! The lines of `run --json`: flat, versioned, every field where it applies.

use serde::{Deserialize, Serialize};

use flow_ir::Name;
use flow_runtime_api::{
    Choice, Coordinate, Evaluations, Failure, Question, ReplayOf, RunId, RunStatus, Simulation, Time, Usage,
};

macro_rules! kinds {
    ($($(#[$doc:meta])* $variant:ident $name:literal)*) => {
        /// What a line tells. This is the one table of display events.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
        #[serde(rename_all = "snake_case")]
        pub enum EventKind { $($(#[$doc])* $variant),* }

        impl EventKind {
            /// Every kind.
            pub const ALL: &'static [EventKind] = &[$(EventKind::$variant),*];

            /// Returns its name on the wire.
            pub const fn name(self) -> &'static str {
                match self { $(EventKind::$variant => $name),* }
            }
        }
    };
}

kinds! {
    /// The run began: `flow`, `inputs`, `plan`.
    RunStarted "run_started"
    /// An attempt is made: `step`, `node`, `kind`, `attempt`, `model`. A wait begins: `until`. A person is asked, or
    /// something outside is waited for: `question`, `until`.
    StepStarted "step_started"
    /// An attempt failed and another follows at `next_at`.
    AttemptFailed "attempt_failed"
    /// A piece of a model's answer: `text`, or `reasoning`.
    Delta "delta"
    /// A step has its `result`.
    StepFinished "step_finished"
    /// A step failed for good: `error`.
    StepFailed "step_failed"
    /// `step` will be taken back if a failure leaves its saga; that is a step of its own then, `STEP/undo`.
    UndoRegistered "undo_registered"
    /// `step` is known not to have happened, so there is nothing to take back.
    UndoDropped "undo_dropped"
    /// A value that the flow emits: `result`.
    Emitted "emitted"
    /// What an event (`node`) brings has come before a step waits for it, and is kept: `result`.
    Delivered "delivered"
    /// An arm was taken; for display only. With `arm`: this one has won the race that stands at `step`.
    Branch "branch"
    /// The run waits (`reason`, `until`), or was stopped from outside (`status` is then `interrupted`): it can be resumed.
    Suspended "suspended"
    /// The run goes on.
    Resumed "resumed"
    /// From here on the run goes by another `plan`.
    ProgramChanged "program_changed"
    /// Which models `round_robin` chose for a step: `choices`.
    ModelChosen "model_chosen"
    /// A step in flight was stopped: `step`. Without one, the run was asked to stop for good.
    Cancelled "cancelled"
    /// The store failed (`reason`), and the run goes on without it: nothing that follows is on record, and it can't be
    /// resumed.
    Unrecorded "unrecorded"
    /// The run ended: `status`, `result` or `error`, totals.
    RunFinished "run_finished"
}

/// A time that is written as RFC 3339 in UTC, with milliseconds. It is written when somebody reads it: most events of most
/// runs are looked at by nobody.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Stamp(pub Time);

impl std::fmt::Display for Stamp {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.write_str(&self.0.rfc3339())
    }
}

impl Serialize for Stamp {
    fn serialize<S: serde::Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Stamp {
    fn deserialize<D: serde::Deserializer<'de>>(from: D) -> Result<Stamp, D::Error> {
        let text = String::deserialize(from)?;
        let read = Time::read_rfc3339(&text);
        read.map(Stamp).ok_or_else(|| serde::de::Error::custom(format!("`{text}` is no time")))
    }
}

/// One line of `run --json`. Serialises to one flat object; what doesn't apply is left out.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RunEvent {
    /// The version of this form: 1.
    pub v: u32,
    /// What happened.
    pub event: EventKind,
    /// The run.
    pub run: RunId,
    /// When.
    pub time: Stamp,
    /// The position in the journal; display-only events have none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seq: Option<u64>,
    /// The coordinate.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub step: Option<Coordinate>,
    /// From 0.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub attempt: Option<u32>,
    /// From 0.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub repair: Option<u32>,
    /// The node that the step calls.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub node: Option<Name>,
    /// `prompt`, `agent` (a turn of one), `http`, `human`, `event`, `wait`, `code`, `built_in`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kind: Option<Name>,
    /// `provider/model`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model: Option<Name>,
    /// The started flow.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub flow: Option<Name>,
    /// The hash of the plan.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub plan: Option<String>,
    /// The inputs by name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub inputs: Option<serde_json::Map<String, serde_json::Value>>,
    /// A piece of an answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
    /// A piece of a model's reasoning.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reasoning: Option<String>,
    /// Of the attempt; in `run_finished`, of all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub usage: Option<Usage>,
    /// US dollars; `null` when no part of it is known. Of the attempt; in `run_finished`, of all.
    #[serde(default, skip_serializing_if = "Option::is_none", with = "known")]
    pub cost_usd: Option<Option<f64>>,
    /// `false` when a part of the cost isn't known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cost_complete: Option<bool>,
    /// Of the attempt; in `run_finished`, of the run without suspensions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub duration_ms: Option<u64>,
    /// How the run ended, or why it stopped.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<RunStatus>,
    /// The step's or the run's result, or what is emitted; present, and maybe `null`, in `step_finished`, `emitted` and a
    /// successful `run_finished`.
    #[serde(default, skip_serializing_if = "Option::is_none", with = "known")]
    pub result: Option<serde_json::Value>,
    /// Of a race: which arm has won, from 0, as written.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub arm: Option<u32>,
    /// Why it failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<EventError>,
    /// When the next attempt is due.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_at: Option<Stamp>,
    /// When the wait, or the time for an answer, ends.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<Stamp>,
    /// What a person is asked, or what is waited for outside.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub question: Option<Box<Question>>,
    /// What is waited for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// In `run_finished`, true when a part of the run isn't on record.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub unrecorded: bool,
    /// Present in every event of a simulated run, and then true.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub simulated: bool,
    /// What is simulated; in `run_started`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub simulation: Option<Simulation>,
    /// The run that results are taken from; in `run_started`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub replay_of: Option<ReplayOf>,
    /// The step has the outcome that it had in that run; nothing was asked.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub replayed: bool,
    /// In `run_finished`: how often expressions were computed as machine code and by the interpreter, in this execution of
    /// the run. It isn't on record, and differs between executions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expressions: Option<Evaluations>,
    /// What `round_robin` chose, in the order of the choices.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub choices: Vec<Choice>,
}

/// Keeps `null` apart from absence: an absent field is `None`, `null` is `Some` of nothing.
mod known {
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    pub(super) fn serialize<T: Serialize, S: Serializer>(
        value: &Option<T>,
        to: S,
    ) -> Result<S::Ok, S::Error> {
        value.serialize(to)
    }

    pub(super) fn deserialize<'de, T: Deserialize<'de>, D: Deserializer<'de>>(
        from: D,
    ) -> Result<Option<T>, D::Error> {
        T::deserialize(from).map(Some)
    }
}

/// `{kind, message}` of a failure, and the step where it began.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct EventError {
    /// `timeout`, `bad_answer`, or one of the program's own.
    pub kind: Name,
    /// For people.
    pub message: String,
    /// The coordinate where it began.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub step: Option<Coordinate>,
}

impl From<&Failure> for EventError {
    fn from(failure: &Failure) -> EventError {
        EventError {
            kind: failure.kind.clone(),
            message: failure.message.clone(),
            step: failure.step.clone(),
        }
    }
}

impl RunEvent {
    /// Returns a line that tells only what happened, to which run, and when.
    pub fn new(event: EventKind, run: RunId, at: Time) -> RunEvent {
        RunEvent {
            v: 1,
            event,
            run,
            time: Stamp(at),
            seq: None,
            step: None,
            attempt: None,
            repair: None,
            node: None,
            kind: None,
            model: None,
            flow: None,
            plan: None,
            inputs: None,
            text: None,
            reasoning: None,
            usage: None,
            cost_usd: None,
            cost_complete: None,
            duration_ms: None,
            status: None,
            result: None,
            arm: None,
            error: None,
            next_at: None,
            until: None,
            question: None,
            reason: None,
            unrecorded: false,
            simulated: false,
            simulation: None,
            replay_of: None,
            replayed: false,
            expressions: None,
            choices: Vec::new(),
        }
    }

    /// Writes the line, without its end of line.
    pub fn to_line(&self) -> String {
        serde_json::to_string(self).expect("a run event is plain data with string keys")
    }
}
