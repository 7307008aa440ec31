//! The engine's two sides: what goes in and what comes out.

use std::collections::BTreeMap;

use flow_ir::Name;
use flow_ir::catalogue::Price;
use flow_ir::plan::{BuiltIn, ModelRef, Target};
use flow_runtime_api::{
    Answer, Call, Coordinate, Event, Failure, HttpAnswer, HttpRequest, Question, RunId, RunStatus,
    Simulation, Time, Usage,
};

/// An effect in flight, unique in this execution of the run; never stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct AttemptId(pub u64);

/// A timer, unique in this execution of the run; never stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TimerId(pub u64);

/// What a run is started with, besides plan and inputs. Recorded in `RunStarted`; a resumed run gets the same again,
/// and where the record says otherwise, the record holds.
#[derive(Clone, Debug)]
pub struct RunSettings {
    /// The run.
    pub run: RunId,
    /// `run.started_at`: the time of the first record.
    pub started_at: Time,
    /// What is simulated.
    pub simulate: Option<Simulation>,
    /// The default model, if one is set.
    pub default_model: Option<ModelFacts>,
    /// By [`flow_ir::plan::ModelId`]: each declared model that a provider answers. `fallback` and `round_robin` have
    /// none, nor has a model that the host knows nothing of: that one has no price.
    pub models: Vec<Option<ModelFacts>>,
    /// Version of the price table.
    pub prices: String,
    /// Width of a `parallel for` without `jobs`; at least 1.
    pub jobs_default: u32,
    /// Calls in flight at most, by provider: the host's to keep, here to be recorded.
    pub concurrency: BTreeMap<String, u32>,
    /// Calls that begin within any minute, by provider: likewise.
    pub requests_per_minute: BTreeMap<String, u32>,
    /// The folder of secrets, absolute: the host's to read, here to be recorded.
    pub secrets_dir: Option<String>,
}

/// What the host knows of a model that a run may ask.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ModelFacts {
    /// `provider/model`.
    pub name: Name,
    /// What it costs where it is asked; none if that isn't known.
    pub price: Option<Price>,
    /// Output tokens at most: sent where the program sets no `max_tokens`.
    pub output_tokens_max: Option<u64>,
}

/// The name under which `RunStarted` records the default model, which no declared model can have.
pub const DEFAULT_MODEL: &str = "$default";

/// What the host tells the engine.
#[derive(Debug)]
pub enum Input {
    /// Begin, or after a crash go on.
    Start,
    /// A model's answer, or why there is none. A per-attempt timeout is the host's, and comes as a failure `timeout`.
    Answered {
        /// The effect.
        attempt: AttemptId,
        /// What came of it.
        result: Result<Answer, Failure>,
        /// What it took, also when it failed.
        usage: Option<Usage>,
        /// How long it took.
        duration_ms: u64,
    },
    /// A tool's answer, or why there is none.
    Fetched {
        /// The effect.
        attempt: AttemptId,
        /// What came of it.
        result: Result<HttpAnswer, Failure>,
        /// How long it took.
        duration_ms: u64,
    },
    /// A simulated result of a tool, or what every program has: a JSON document of the node's type.
    Simulated {
        /// The effect.
        attempt: AttemptId,
        /// What came of it.
        result: Result<serde_json::Value, Failure>,
    },
    /// What stands in for a flow or an agent, or that nothing does: then it runs.
    StoodIn {
        /// The call.
        attempt: AttemptId,
        /// Its whole result as JSON of its type, or why it failed.
        result: Option<Result<serde_json::Value, Failure>>,
    },
    /// A timer is due.
    Due {
        /// Which.
        timer: TimerId,
    },
    /// The outcome of an uncertain step, or leave to take it again.
    Settle {
        /// Which step.
        step: Coordinate,
        /// Its result as JSON of the node's type, else nothing changes; none to run it again.
        answer: Option<serde_json::Value>,
    },
    /// What a person answers, or what comes for the event that a step waits for. What
    /// [`Engine::check_reply`](crate::Engine::check_reply) refuses changes nothing.
    Answer {
        /// The step that waits.
        step: Coordinate,
        /// Its result as JSON of the node's type; of a person, what differs from the form that was filled in. Or why there
        /// is none: `denied`.
        answer: Result<serde_json::Value, Failure>,
    },
    /// How a question ended, as a simulation or a tape has it: neither `match` nor a form is looked at.
    Replied {
        /// The step that waits.
        step: Coordinate,
        /// Its whole result as JSON of the node's type, or why there is none.
        result: Result<serde_json::Value, Failure>,
    },
    /// A delivery for an event, whichever step waits for it; one that none waits for is kept.
    Deliver {
        /// The event, as the plan names it.
        event: Name,
        /// What came.
        body: serde_json::Value,
    },
    /// Stop for good: run clean-up, then end as cancelled. Asked again it does nothing.
    Cancel,
    /// The clean-up of a cancelled run has had its time: end it as it stands.
    GiveUp {
        /// How much that was.
        after_ms: u64,
    },
}

/// What the engine tells the host. Carried out in order; what follows an `Append` waits until it is committed.
#[derive(Debug)]
pub enum Command {
    /// Commit these in one transaction, each with the time of the input as its `at`. An input makes at most one of it,
    /// before all other commands but `Show`.
    Append(Vec<Event>),
    /// Ask a model.
    Ask {
        /// To be fed back.
        attempt: AttemptId,
        /// Which step.
        step: Coordinate,
        /// The node.
        node: Name,
        /// Which model of the plan; the host knows keys and servers.
        model: ModelRef,
        /// The question.
        call: Call,
        /// For the whole attempt.
        timeout_ms: u64,
        /// Number of the attempt and of the repair, for tapes.
        tries: (u32, u32),
        /// SHA-256 of what is asked, for tapes.
        fingerprint: String,
    },
    /// Send a tool's request.
    Fetch {
        /// To be fed back.
        attempt: AttemptId,
        /// Which step.
        step: Coordinate,
        /// The node.
        node: Name,
        /// The request; secrets stand in it as `${secret.NAME}`.
        request: HttpRequest,
        /// The names of the secrets in it.
        secrets: Vec<Name>,
        /// For the whole attempt.
        timeout_ms: u64,
        /// Number of the attempt, for tapes.
        attempt_number: u32,
        /// SHA-256 of what is asked, for tapes.
        fingerprint: String,
    },
    /// Give what every program has: the time, a random number, a UUID. Answered by [`Input::Simulated`], also where it is
    /// real.
    Draw {
        /// To be fed back.
        attempt: AttemptId,
        /// Which step.
        step: Coordinate,
        /// The node.
        node: Name,
        /// What.
        what: BuiltIn,
        /// SHA-256 of what is asked, for tapes.
        fingerprint: String,
    },
    /// A question is open, on record: whoever can answer it does so with [`Input::Answer`], whenever that is. It is put
    /// again when the run is gone on with.
    Put {
        /// Which step.
        step: Coordinate,
        /// The node.
        node: Name,
        /// `human`, `event`.
        kind: Name,
        /// What is asked.
        question: Box<Question>,
        /// SHA-256 of it, for tapes.
        fingerprint: String,
    },
    /// In a run under test: a flow or an agent is called. Answered by [`Input::StoodIn`].
    StandIn {
        /// To be fed back.
        attempt: AttemptId,
        /// Which step.
        step: Coordinate,
        /// What is called.
        target: Target,
    },
    /// Stop an effect: close its connection.
    Abort(AttemptId),
    /// Call back at a time.
    SetTimer(TimerId, Time),
    /// Forget a timer.
    ClearTimer(TimerId),
    /// For display only; never stored. Comes before the `Append` whose events it stands between.
    Show(Notice),
    /// Nothing is in flight and the next thing is due later: the host waits or suspends, as it likes. To suspend, it
    /// appends `Suspended` itself and drops the engine; so too with `Interrupted`, in any state.
    Idle {
        /// When the next timer is due.
        until: Option<Time>,
        /// What is waited for.
        reason: String,
    },
    /// The run is over; its last event is appended.
    Finish {
        /// How it ended.
        status: RunStatus,
        /// The flow's result as JSON.
        result: Option<serde_json::Value>,
        /// Why it failed.
        failure: Option<Failure>,
    },
}

/// Something worth showing that isn't an event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Notice {
    /// An arm was taken.
    Branch {
        /// The coordinate of the route, and the arm.
        step: Coordinate,
        /// After how many of the events that the same input appends.
        after: usize,
    },
}
