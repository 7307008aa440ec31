//! `wait 10m`, `wait until t`.

use flow_ir::{Expr, Plan, Value};
use flow_runtime_api::{Event, Kind, Time};

use super::group::leave;
use crate::engine::Run;
use crate::task::{Control, Outcome, Task, TaskId, Turn};

const NANOS_PER_MS: i64 = 1_000_000;

impl Run {
    pub(crate) fn wait(
        &mut self,
        plan: &Plan,
        task: &mut Task,
        segment: &str,
        value: &Expr,
        until: bool,
    ) -> Result<Turn, Outcome> {
        let due = match (self.eval(plan, task, value)?, until) {
            (Value::Duration(nanos), false) => {
                // A part of a millisecond is waited for whole.
                let ms = nanos.max(0) / NANOS_PER_MS + i64::from(nanos.max(0) % NANOS_PER_MS > 0);
                self.wait_from().after_ms(ms as u64)
            }
            (Value::Timestamp(at), true) => Time(at.as_millisecond()),
            _ => return Err(self.failure(task, Kind::BadValue, "`wait` takes a duration or a time")),
        };
        let due = if self.has_waited(&task.path, segment) { self.now } else { due };
        let timer = self.set_wait(task.id, due);
        task.push(Some(segment), Control::Wait(timer));
        let step = task.coordinate();
        self.note_waiting(&step, task.id);
        self.emit(Event::WaitStarted { step, until: due });
        Ok(Turn::Wait)
    }

    pub(crate) fn on_wait(&mut self, task: &mut Task, outcome: Outcome) -> Result<Turn, Outcome> {
        self.forget_waiting(task);
        leave(task, outcome)
    }

    /// The time of a `wait` has come.
    pub(crate) fn wait_due(&mut self, id: TaskId) {
        let Some(task) = self.tasks.get(id as usize).and_then(Option::as_ref) else { return };
        let step = task.coordinate();
        self.emit(Event::WaitFinished { step });
        self.wake(id, Outcome::Next);
    }
}
