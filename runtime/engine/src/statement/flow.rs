//! Calls of flows: a new frame on the same task, `on error`, the timeout of the whole.

use flow_ir::plan::{Budget, FlowId};
use flow_ir::{Plan, Value};
use flow_runtime_api::{Event, Failure, Kind};

use super::group::{is_uncatchable, leave};
use super::saga::take_over;
use crate::engine::{Run, TimerUse};
use crate::frame::Frame;
use crate::json::error_value;
use crate::task::{Call, Caller, CleanUp, Control, Interrupt, Outcome, Task, TaskId, Turn};

/// Calls within calls; programs can't recurse, so only a plan made by hand gets there.
const CALLS_MAX: usize = 256;

impl Run {
    /// Enters a flow on behalf of the innermost step.
    pub(crate) fn enter_flow(
        &mut self,
        plan: &Plan,
        task: &mut Task,
        id: FlowId,
        args: Vec<Value>,
    ) -> Result<Turn, Outcome> {
        let calls = task.stack.iter().filter(|scope| matches!(scope.control, Control::Call(_))).count();
        if calls >= CALLS_MAX {
            return Err(self.failure(task, Kind::Exhausted, "flows are called too deep"));
        }
        let flow = &plan.flows[id as usize];
        let meter = match flow.budget == Budget::default() {
            true => task.meter,
            false => self.spend.open(Some(task.meter), flow.budget),
        };
        let frame = Frame::of_flow(args, flow.slots.len());
        let caller = Caller {
            flow: std::mem::replace(&mut task.flow, id),
            frame: std::mem::replace(&mut task.frame, frame),
            meter: std::mem::replace(&mut task.meter, meter),
        };
        task.push(None, Control::Call(Box::new(Call { caller: Some(Box::new(caller)), on_error: None })));
        task.enter(flow.body);
        Ok(Turn::Go(Outcome::Next))
    }

    /// Called when the body of a flow or its `on error` has ended.
    pub(crate) fn on_call(
        &mut self,
        plan: &Plan,
        task: &mut Task,
        outcome: Outcome,
    ) -> Result<Turn, Outcome> {
        let Some(Control::Call(call)) = task.stack.last_mut().map(|scope| &mut scope.control) else {
            return Err(outcome);
        };
        if let Some(clean_up) = call.on_error.take() {
            task.exempt = clean_up.exempt;
            let outcome = after_on_error(outcome, clean_up.outcome);
            self.leave_flow(task);
            return Err(self.after_clean_up(task, outcome));
        }
        let failure = match &outcome {
            Outcome::Fail(failure) => Some(failure.as_ref()),
            Outcome::Interrupt(interrupt) => Some(interrupt.failure.as_ref()),
            _ => None,
        };
        let flow = &plan.flows[task.flow as usize];
        let (Some(failure), Some(on_error)) = (failure, &flow.on_error) else {
            let outcome = match outcome {
                // A flow without a result ends by itself.
                Outcome::Next => Outcome::Return(Value::Null),
                other => other,
            };
            self.leave_flow(task);
            return Err(outcome);
        };
        if let Some(slot) = on_error.bind {
            // What stops the flow from outside is `cancelled` to the flow itself, whatever its caller gets.
            let error = match &outcome {
                Outcome::Interrupt(_) => error_value(&Failure::new(Kind::Cancelled, "the flow was stopped")),
                _ => error_value(failure),
            };
            task.frame.set(slot, Some(error));
        }
        let exempt = task.exempt;
        if is_uncatchable(&outcome) {
            task.exempt = Some(task.meter);
        }
        call.on_error = Some(Box::new(CleanUp { outcome, exempt }));
        task.push_path("on_error");
        task.enter(on_error.block);
        Ok(Turn::Go(Outcome::Next))
    }

    /// Puts the caller's side back.
    fn leave_flow(&mut self, task: &mut Task) {
        if let Some(Control::Call(call)) = task.pop()
            && let Some(caller) = call.caller
        {
            task.flow = caller.flow;
            task.frame = caller.frame;
            let meter = std::mem::replace(&mut task.meter, caller.meter);
            if meter != task.meter {
                self.spend.close(meter);
            }
        }
    }

    /// The timeout of a flow step struck.
    pub(crate) fn flow_timed_out(&mut self, id: TaskId, depth: usize) {
        let Some(task) = self.tasks.get_mut(id as usize).and_then(Option::as_mut) else { return };
        let Some(Control::Step(state)) = task.stack.get_mut(depth).map(|scope| &mut scope.control) else {
            return;
        };
        let timer = state.timer.take();
        let step = state.coordinate.clone();
        let is_stopped = task.stopped;
        let is_agent =
            task.stack.get(depth + 1).is_some_and(|scope| matches!(scope.control, Control::Agent(_)));
        if let Some(timer) = timer {
            self.clear_timer(timer);
        }
        if is_stopped {
            return;
        }
        self.emit(Event::TimedOut { step: step.clone() });
        let failure = Failure {
            step: Some(step),
            ..Failure::new(
                Kind::Timeout,
                match is_agent {
                    true => "the agent didn't end in the time allowed",
                    false => "the flow didn't end in the time allowed",
                },
            )
        };
        self.interrupt(id, Interrupt { depth: Some(depth), failure: Box::new(failure) });
    }

    /// Ends what was over its time while an uncertain step waited to be settled, unless it has ended by then.
    pub(crate) fn strike_late(&mut self) {
        for (id, depth, timer) in std::mem::take(&mut self.late) {
            if self.is_uncertain_within(id) {
                self.late.push((id, depth, timer));
                continue;
            }
            let task = self.tasks.get(id as usize).and_then(Option::as_ref);
            let is_it = task.and_then(|task| task.stack.get(depth)).is_some_and(
                |scope| matches!(&scope.control, Control::Step(state) if state.timer == Some(timer)),
            );
            if is_it {
                self.flow_timed_out(id, depth);
            }
        }
    }

    /// Sets the timeout of the flow step at the top of the stack.
    pub(crate) fn limit_flow(&mut self, task: &mut Task, timeout_ms: u64) {
        let depth = task.stack.len() - 1;
        let timer = self.set_timer(task.id, TimerUse::FlowTimeout(depth), self.now.after_ms(timeout_ms));
        if let Some(Control::Step(state)) = task.stack.last_mut().map(|scope| &mut scope.control) {
            state.timer = Some(timer);
        }
    }
}

/// Decides between how `on error` ended and what it ran for.
fn after_on_error(outcome: Outcome, mut pending: Outcome) -> Outcome {
    let is_cancelled = match &pending {
        Outcome::Interrupt(_) => true,
        Outcome::Fail(failure) => failure.built_in() == Some(Kind::Cancelled),
        _ => false,
    };
    match outcome {
        outcome if is_cancelled => {
            take_over(&mut pending, outcome);
            pending
        }
        Outcome::Return(value) => Outcome::Return(value),
        Outcome::Fail(failure) => Outcome::Fail(failure),
        _ => pending,
    }
}

/// Leaves the innermost step: nothing strikes it any more.
pub(super) fn leave_step(run: &mut Run, task: &mut Task, outcome: Outcome) -> Result<Turn, Outcome> {
    if let Some(Control::Step(state)) = task.stack.last_mut().map(|scope| &mut scope.control)
        && let Some(timer) = state.timer.take()
    {
        run.clear_timer(timer);
    }
    run.forget_waiting(task);
    leave(task, outcome)
}
