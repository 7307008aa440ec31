//! From events to traces.
//!
//! In: the records of a run, one by one, as they were appended or read back. Out: a [`Trace`] (steps in order of their
//! start, with attempts, time, tokens and cost; totals; how it ended) and a [`RunEvent`] per record, the line of
//! `run --json`. It must not know a store, a terminal or the engine: what is shown while a run goes on and what is
//! shown a year later come out of the same fold.

mod attempts;
mod fold;
mod run_event;
mod tree;

pub use attempts::{Attempt, attempts};
pub use fold::{EmittedTrace, Fold, Move, StepStatus, StepTrace, Stretch, Trace};
pub use run_event::{EventError, EventKind, RunEvent, Stamp};
pub use tree::{Axis, Branch, Tree};
