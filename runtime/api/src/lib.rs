//! The contract of the runtime: what a run records, what an effect is, and the traits behind which the outside stands.
//!
//! In: plans, types and values (`flow-ir`). Out: events, requests and answers, usage and cost, one error type, and the
//! traits [`Provider`], [`Tool`], [`Journal`], [`Blobs`], [`Leases`], [`Clock`]. It must not know any provider, store or
//! client, and it does nothing by itself.

mod cost;
mod error;
mod event;
mod ids;
mod message;
mod model;
mod secret;
mod store;
mod tool;

pub use cost::{Cost, Usage};
pub use error::{Failure, Kind};
pub use event::{
    Choice, Evaluations, Event, Question, Record, RecordedModel, Repair, ReplayOf, Resolved, RunStatus,
    Simulation,
};
pub use ids::{Coordinate, RunId, Time};
pub use message::{Message, Part, Role};
pub use model::{
    Answer, Call, Delta, Deltas, Embeddings, FinishReason, ModelInfo, Provider, ResolvedModel, Sampling,
    Schema, ToolCall, ToolChoice, ToolSpec,
};
pub use secret::{ScrubbedStream, Scrubber, Secret, SecretSource, public_url, url_secrets};
pub use store::{Blobs, Fence, Holder, Journal, Lease, Leases, RunFilter, RunSummary, StoreError};
pub use tool::{HttpAnswer, HttpRequest, Tool, escape_marks, fill_marks, mark};

/// What tells the time. The engine never asks: each input carries its time.
pub trait Clock: Send + Sync {
    /// Returns the wall clock.
    fn now(&self) -> Time;
}
