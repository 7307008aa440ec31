//! The attempts of one step.

use flow_ir::Name;
use flow_runtime_api::{Cost, Event, Failure, Record, Time, Usage};
use serde::{Deserialize, Serialize};

/// One try of a step.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Attempt {
    /// From 0.
    pub attempt: u32,
    /// From 0.
    pub repair: u32,
    /// When it was made.
    pub started_at: Time,
    /// When it ended; an attempt that was cut off has no end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub finished_at: Option<Time>,
    /// `provider/model`, for models.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model: Option<Name>,
    /// SHA-256 of what was asked.
    pub fingerprint: String,
    /// Whether the outcome is another run's; then nothing was asked.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub replayed: bool,
    /// Whether it was stopped.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub cancelled: bool,
    /// In milliseconds.
    pub duration_ms: u64,
    /// What it took.
    pub usage: Usage,
    /// What that cost.
    pub cost: Cost,
    /// Why it failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failure: Option<Failure>,
    /// The answer that wasn't of the type, where a repair followed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub answer: Option<String>,
}

/// Returns the attempts of a step, in order.
pub fn attempts(records: &[Record], step: &str) -> Vec<Attempt> {
    let mut all: Vec<Attempt> = Vec::new();
    for record in records {
        let at = record.at;
        match &record.event {
            Event::StepStarted { step: this, attempt, repair, fingerprint, model, .. } if this.0 == step => {
                all.push(begun(at, (*attempt, *repair), fingerprint, model));
            }
            Event::StepReplayed { step: this, fingerprint, model, failure, .. } if this.0 == step => {
                let failure = failure.clone();
                let begun = begun(at, (0, 0), fingerprint, model);
                all.push(Attempt { finished_at: Some(at), replayed: true, failure, ..begun });
            }
            Event::AttemptFailed { step: this, failure, usage, cost, duration_ms, answer, .. }
                if this.0 == step =>
            {
                end(&mut all, at, (*usage, *cost, *duration_ms), Some(failure));
                if let Some(last) = all.last_mut() {
                    last.answer.clone_from(answer);
                }
            }
            Event::StepFinished { step: this, usage, cost, duration_ms, .. } if this.0 == step => {
                end(&mut all, at, (*usage, *cost, *duration_ms), None);
            }
            Event::StepFailed { step: this, failure, usage, cost, duration_ms } if this.0 == step => {
                end(&mut all, at, (*usage, *cost, *duration_ms), Some(failure));
            }
            Event::StepCancelled { step: this, usage, cost } if this.0 == step => {
                end(&mut all, at, (*usage, *cost, 0), None);
                if let Some(last) = all.last_mut() {
                    last.cancelled = true;
                }
            }
            _ => {}
        }
    }
    all
}

fn begun(at: Time, tries: (u32, u32), fingerprint: &str, model: &Option<Name>) -> Attempt {
    Attempt {
        attempt: tries.0,
        repair: tries.1,
        started_at: at,
        finished_at: None,
        model: model.clone(),
        fingerprint: fingerprint.to_owned(),
        replayed: false,
        cancelled: false,
        duration_ms: 0,
        usage: Usage::default(),
        cost: Cost::ZERO,
        failure: None,
        answer: None,
    }
}

fn end(all: &mut [Attempt], at: Time, took: (Usage, Cost, u64), failure: Option<&Failure>) {
    let Some(last) = all.last_mut().filter(|last| last.finished_at.is_none()) else { return };
    last.finished_at = Some(at);
    (last.usage, last.cost, last.duration_ms) = took;
    last.failure = failure.cloned();
}
