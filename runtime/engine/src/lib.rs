//! A run as a state machine: `apply(input, now) -> commands`.
//!
//! In: a plan, inputs, what came of effects, the time. Out: events to append, effects to carry out, the result. It must
//! not know a clock, a network, a store or a provider: the host carries commands out, in order, and feeds back what came
//! of them. Everything between two effects is computed, and computed again after a crash from the events alone.

mod cancel;
mod coordinate;
mod effect;
mod engine;
mod frame;
mod inputs;
mod inspect;
mod json;
mod moved;
mod port;
mod pure;
mod reel;
mod replay;
mod run;
mod spend;
mod statement;
mod task;
mod validate;
mod worst;

pub use engine::Engine;
pub use inspect::Inspection;
pub use port::{AttemptId, Command, DEFAULT_MODEL, Input, ModelFacts, Notice, RunSettings, TimerId};
pub use reel::Reel;
pub use worst::{Wish, Worst};
