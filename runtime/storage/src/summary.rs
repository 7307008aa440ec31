//! The line of a run in `runs`: folded from its records as they are appended.

use flow_runtime_api::{Cost, Event, Record, RunId, RunStatus, RunSummary, Time, Usage};

/// Returns the line of a run without records.
pub(crate) fn empty(run: RunId) -> RunSummary {
    RunSummary {
        run,
        flow: String::new(),
        status: RunStatus::Running,
        started_at: Time(0),
        updated_at: Time(0),
        steps: 0,
        usage: Usage::default(),
        cost: Cost::ZERO,
        simulated: false,
        failure: None,
        plan: String::new(),
    }
}

/// Takes the next record.
pub(crate) fn fold(line: &mut RunSummary, record: &Record) {
    line.updated_at = record.at;
    match &record.event {
        Event::RunStarted { plan, flow, simulate, .. } => {
            line.flow = flow.to_string();
            line.plan.clone_from(plan);
            line.simulated = simulate.is_some();
            line.started_at = record.at;
            line.status = RunStatus::Running;
        }
        Event::StepFinished { usage, cost, .. } => {
            line.steps += 1;
            line.usage += *usage;
            line.cost += *cost;
        }
        Event::AttemptFailed { usage, cost, .. }
        | Event::StepFailed { usage, cost, .. }
        | Event::StepCancelled { usage, cost, .. } => {
            line.usage += *usage;
            line.cost += *cost;
        }
        Event::WaitFinished { .. } => line.steps += 1,
        Event::StepReplayed { failure, .. } => line.steps += u64::from(failure.is_none()),
        Event::ProgramChanged { plan } => line.plan.clone_from(plan),
        Event::Suspended { .. } => line.status = RunStatus::Suspended,
        Event::Interrupted {} => line.status = RunStatus::Interrupted,
        Event::Resumed {} => line.status = RunStatus::Running,
        Event::RunFinished { status, failure, cost, .. } => {
            line.status = *status;
            // Calls that were cut off have no record of their own; the engine's sum knows of them.
            line.cost.complete &= cost.complete;
            line.failure = failure.as_ref().map(ToString::to_string);
        }
        Event::Unrecorded { .. } => line.status = RunStatus::Unrecorded,
        Event::CancelRequested { .. }
        | Event::StepStarted { .. }
        | Event::RoundRobin { .. }
        | Event::UndoRegistered { .. }
        | Event::UndoDropped { .. }
        | Event::WaitStarted { .. }
        | Event::RaceWon { .. }
        | Event::Emitted { .. }
        | Event::Asked { .. }
        | Event::Delivered { .. }
        | Event::TimedOut { .. }
        | Event::BudgetRefused { .. } => {}
    }
}

/// Whether nobody has to be told any more that a run is to be cancelled.
pub(crate) fn ends_cancel_request(record: &Record) -> bool {
    matches!(record.event, Event::CancelRequested { .. } | Event::RunFinished { .. })
}

/// Returns the name of a status in the store.
pub(crate) fn status_name(status: RunStatus) -> &'static str {
    match status {
        RunStatus::Running => "running",
        RunStatus::Interrupted => "interrupted",
        RunStatus::Suspended => "suspended",
        RunStatus::Succeeded => "succeeded",
        RunStatus::Failed => "failed",
        RunStatus::Cancelled => "cancelled",
        RunStatus::Unrecorded => "unrecorded",
    }
}

/// Finds a status by its name in the store.
pub(crate) fn status_of(name: &str) -> Option<RunStatus> {
    [
        RunStatus::Running,
        RunStatus::Interrupted,
        RunStatus::Suspended,
        RunStatus::Succeeded,
        RunStatus::Failed,
        RunStatus::Cancelled,
        RunStatus::Unrecorded,
    ]
    .into_iter()
    .find(|status| status_name(*status) == name)
}
