//! Runs tests: an engine on a virtual clock, whose effects are answered by mocks or from a tape.
//!
//! In: a test's plan, what is known of models, a tape's text. Out: whether it passed, and if not, why and where. It must
//! not know a clock, a network, an environment, a store or a file: nothing that a test does can reach any of them, since
//! nobody here could. What happens at one time happens in written order, so a test has one trace.

#![allow(clippy::result_large_err, reason = "a fault ends its test, so few are made")]

mod check;
mod mocks;
mod models;
mod runner;
mod trace;

use flow_source::Span;

pub use flow_ir::test::Test;
pub use flow_providers::tape::Tape;
pub use models::Models;

/// What came of a test.
#[derive(Clone, Debug, PartialEq)]
pub struct Report {
    /// Why it failed; none if it passed.
    pub fault: Option<Fault>,
    /// Expectations that held.
    pub held: u32,
    /// What happened, a line each, in order.
    pub trace: Vec<String>,
    /// How long it took on its own clock, in milliseconds.
    pub virtual_ms: u64,
    /// What is worth knowing although it passed: entries of the tape that nothing asked for.
    pub notes: Vec<String>,
}

/// Why a test failed.
#[derive(Clone, Debug, PartialEq)]
pub struct Fault {
    /// What kind of failure it is, for programs: `expectation`, `unmocked`, `stale`, `error`, `stuck`.
    pub kind: &'static str,
    /// One short phrase.
    pub message: String,
    /// The part of the test that it is about.
    pub span: Option<Span>,
    /// The values of parts of a condition, outer ones first.
    pub parts: Vec<Shown>,
    /// Where in the program: a coordinate, and a place if it is known.
    pub step: Option<(String, Option<String>)>,
    /// More facts, a line each.
    pub notes: Vec<String>,
    /// What to do next.
    pub help: Option<String>,
}

/// The value of a part of a condition.
#[derive(Clone, Debug, PartialEq)]
pub struct Shown {
    /// Where the part is written.
    pub span: Span,
    /// Under which of its words the value stands.
    pub anchor: Span,
    /// The value, shortened.
    pub value: String,
}

/// Runs a test to its end.
pub fn run(test: &Test, models: &Models, tape: Option<&Tape>) -> Report {
    match runner::Runner::new(test, models, tape) {
        Ok(runner) => runner.run(),
        Err(fault) => {
            Report { fault: Some(fault), held: 0, trace: Vec::new(), virtual_ms: 0, notes: Vec::new() }
        }
    }
}
