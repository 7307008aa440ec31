//! Moving a run to another program (C9).

use std::sync::Arc;

use flow_ir::Plan;
use flow_runtime_api::{Event, Failure, Kind, Record};

use crate::engine::Engine;
use crate::port::{Command, Input, RunSettings};

impl Engine {
    /// Tells whether a run can go on by another plan: whether its records, read under that plan, meet all that it
    /// computes, each with the kind of node, the fingerprint and a result of the type. The failure names the first
    /// difference. Nothing comes of it but that.
    pub fn meets(plan: Arc<Plan>, settings: RunSettings, mut records: Vec<Record>) -> Result<(), Failure> {
        let now = records.last().map_or(settings.started_at, |record| record.at);
        let seq = records.len() as u64;
        records.push(Record { seq, at: now, event: Event::ProgramChanged { plan: plan.hash() } });
        let mut engine = Engine::resume(plan, settings, records)?;
        let commands = engine.apply(Input::Start, now);
        let ended = commands.into_iter().find_map(|command| match command {
            Command::Finish { failure, .. } => failure,
            _ => None,
        });
        match ended {
            Some(failure) if failure.built_in() == Some(Kind::Diverged) => Err(failure),
            _ => Ok(()),
        }
    }
}

/// Returns the hash of the plan that a run goes by.
pub(crate) fn current_plan(records: &[Record]) -> Option<&str> {
    records.iter().rev().find_map(|record| match &record.event {
        Event::ProgramChanged { plan } | Event::RunStarted { plan, .. } => Some(plan.as_str()),
        _ => None,
    })
}
