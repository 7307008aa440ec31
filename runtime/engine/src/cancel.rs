//! Stopping a run for good: what is in flight is stopped, clean-up runs, and there is an end to that, too.

use flow_runtime_api::{Event, Failure, Kind, RunStatus};

use crate::engine::{End, Run};
use crate::statement::saga::undo_failed;
use crate::task::{Control, Interrupt, TaskId};

/// Steps that a message names, each; of more it tells the number.
const TOLD_MAX: usize = 20;

impl Run {
    /// Stops everything but clean-up; asked again it does nothing.
    pub(crate) fn cancel(&mut self) {
        if !self.is_cancelled {
            let after = self.computes().then_some(self.executed);
            self.emit(Event::CancelRequested { after });
            self.stop_all();
        }
    }

    /// Stops the first task, and with it all others.
    pub(crate) fn stop_all(&mut self) {
        self.is_cancelled = true;
        let failure = Box::new(Failure::new(Kind::Cancelled, "the run was cancelled"));
        let first = self.tasks.iter().flatten().find(|task| task.parent.is_none()).map(|task| task.id);
        if let Some(id) = first {
            self.interrupt(id, Interrupt { depth: None, failure });
        }
    }

    /// Ends a cancelled run in the middle of its clean-up, which has had its time.
    pub(crate) fn give_up(&mut self, after_ms: u64) {
        // How an uncertain step ended has to be told first: then its clean-up goes on.
        if !self.is_cancelled || self.tasks.iter().flatten().any(|task| task.is_uncertain()) {
            return;
        }
        let (mut left, mut failed) = (Vec::new(), Vec::new());
        for id in 0..self.tasks.len() as TaskId {
            let Some(mut task) = self.tasks[id as usize].take() else { continue };
            // The innermost saga is taken back first.
            for scope in task.stack.iter().rev() {
                if let Control::Saga(saga) = &scope.control {
                    left.extend(saga.left());
                    failed.extend(saga.failed().cloned());
                }
            }
            self.stop_waiting(&mut task);
            self.tasks[id as usize] = Some(task);
        }
        let time = match after_ms % 1_000 {
            0 => format!("{} s", after_ms / 1_000),
            _ => format!("{after_ms} ms"),
        };
        let cut = format!("the run was cancelled, and its clean-up was stopped after {time}");
        let (status, failure) = match left.is_empty() && failed.is_empty() {
            true => (RunStatus::Cancelled, Failure::new(Kind::Cancelled, cut)),
            false => {
                let count = left.len() + failed.len();
                let mut message = cut;
                if !left.is_empty() {
                    let names: Vec<_> = left.iter().take(TOLD_MAX).map(|step| format!("`{step}`")).collect();
                    let more = match left.len().checked_sub(TOLD_MAX) {
                        Some(more @ 1..) => format!(" and {more} more"),
                        _ => String::new(),
                    };
                    message = format!("{message}; not done: {}{more}", names.join(", "));
                }
                if !failed.is_empty() {
                    message = format!("{message}; {}", undo_failed(&failed, count, None).message);
                }
                let step = left.first().or(failed.first().map(|(step, _)| step)).cloned();
                (RunStatus::Failed, Failure { step, ..Failure::new(Kind::UndoFailed, message) })
            }
        };
        self.end = Some(End { status, result: None, failure: Some(failure) });
    }
}
