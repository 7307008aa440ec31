//! `emit v`: a value for the caller, on record before anything that follows.

use flow_ir::{Expr, Plan, Type};
use flow_runtime_api::{Event, Failure, Kind};
use serde_json::Value as Json;

use super::group::leave;
use crate::engine::Run;
use crate::json::{describe, encode};
use crate::task::{Control, Outcome, Task, Turn};

/// Bytes of an emitted value that count as much as a statement: what one input leads to is held in memory until it is
/// committed.
const BYTES_PER_FUEL: usize = 64;

impl Run {
    pub(crate) fn emit_value(
        &mut self,
        plan: &Plan,
        task: &mut Task,
        segment: &str,
        value: &Expr,
    ) -> Result<Turn, Outcome> {
        task.push(Some(segment), Control::Emit(Box::default()));
        let value = self.emitted(plan, task, value)?;
        let step = task.coordinate();
        // What the journal doesn't tell of hasn't happened: it ends before this, or the run was stopped on the way here.
        if self.replay.as_mut().is_some_and(|replay| replay.holds_emit(&step, task.id)) {
            if let Some(Control::Emit(held)) = task.stack.last_mut().map(|scope| &mut scope.control) {
                **held = value;
            }
            return Ok(Turn::Wait);
        }
        self.hand_out(task, value);
        task.pop();
        Ok(Turn::Go(Outcome::Next))
    }

    /// Computes the value and holds it against what the flow emits.
    fn emitted(&self, plan: &Plan, task: &Task, value: &Expr) -> Result<Json, Outcome> {
        let value = self.eval(plan, task, value)?;
        let ty = plan.flows[task.flow as usize].emits.as_ref().unwrap_or(&Type::Null);
        let value = self
            .conform(plan, value, ty)
            .map_err(|violations| self.failure(task, Kind::BadShape, describe(&violations)))?;
        encode(plan, &value, ty)
            .map_err(|failure| Outcome::Fail(Box::new(Failure { step: Some(task.coordinate()), ..failure })))
    }

    fn hand_out(&mut self, task: &Task, value: Json) {
        let fuel = u32::try_from(weight(&value) / BYTES_PER_FUEL).unwrap_or(u32::MAX);
        self.fuel = self.fuel.saturating_sub(fuel);
        self.emit(Event::Emitted { step: task.coordinate(), value });
    }

    /// Called when a value that was held back while the journal was read may go out, and when the task is stopped.
    pub(crate) fn on_emit(&mut self, task: &mut Task, outcome: Outcome) -> Result<Turn, Outcome> {
        if let (Outcome::Next, Some(Control::Emit(held))) =
            (&outcome, task.stack.last_mut().map(|scope| &mut scope.control))
        {
            let value = std::mem::take(&mut **held);
            self.hand_out(task, value);
        }
        leave(task, outcome)
    }
}

/// Estimates the bytes of a value.
fn weight(value: &Json) -> usize {
    let mut open = vec![value];
    let mut sum = 0;
    while let Some(value) = open.pop() {
        sum += 16;
        match value {
            Json::String(text) => sum += text.len(),
            Json::Array(items) => open.extend(items),
            Json::Object(entries) => {
                sum += entries.keys().map(String::len).sum::<usize>();
                open.extend(entries.values());
            }
            _ => {}
        }
    }
    sum
}
