//! `do`, `try … catch … finally`.

use flow_ir::Plan;
use flow_ir::plan::{BlockId, Statement};
use flow_runtime_api::Kind;

use super::saga::take_over;
use crate::engine::Run;
use crate::run::statement_of;
use crate::task::{CleanUp, Control, Outcome, Phase, Task, Turn};

impl Run {
    pub(crate) fn enter_do(&mut self, task: &mut Task, segment: Option<&str>, block: BlockId) -> Turn {
        task.push(segment, Control::Do(Phase::Body));
        task.enter(block);
        Turn::Go(Outcome::Next)
    }

    pub(crate) fn on_do(&mut self, plan: &Plan, task: &mut Task, outcome: Outcome) -> Result<Turn, Outcome> {
        let Some(Statement::Do { segment, into, catch, .. }) = statement_of(plan, task) else {
            return leave(task, outcome);
        };
        let is_body = matches!(task.stack.last().map(|scope| &scope.control), Some(Control::Do(Phase::Body)));
        let target = if is_body { *into } else { catch.as_ref().and_then(|catch| catch.into) };
        match outcome {
            Outcome::Yield(value) if target.is_some() => {
                task.pop();
                if let Some(slot) = target {
                    task.frame.set(slot, Some(value));
                }
                Ok(Turn::Go(Outcome::Next))
            }
            Outcome::Fail(_) if is_body => {
                match self.enter_catch(task, segment.as_deref(), catch.as_ref(), outcome) {
                    Ok(arm) => {
                        if let Some(scope) = task.stack.last_mut() {
                            scope.control = Control::Do(Phase::Catching);
                        }
                        task.enter(arm.block);
                        Ok(Turn::Go(Outcome::Next))
                    }
                    Err(outcome) => leave(task, outcome),
                }
            }
            outcome => leave(task, outcome),
        }
    }

    pub(crate) fn enter_try(&mut self, task: &mut Task, body: BlockId) -> Turn {
        task.push(None, Control::Try(Phase::Body));
        task.enter(body);
        Turn::Go(Outcome::Next)
    }

    pub(crate) fn on_try(&mut self, plan: &Plan, task: &mut Task, outcome: Outcome) -> Result<Turn, Outcome> {
        let Some(Statement::Try { catch, finally, .. }) = statement_of(plan, task) else {
            return leave(task, outcome);
        };
        let Some(Control::Try(phase)) = task.stack.last_mut().map(|scope| &mut scope.control) else {
            return Err(outcome);
        };
        match (std::mem::replace(phase, Phase::Catching), outcome) {
            (Phase::Finally(clean_up), outcome) => {
                task.pop();
                task.exempt = clean_up.exempt;
                // What fails in `finally` replaces what was pending; a request to stop stays.
                let outcome = match (outcome, clean_up.outcome) {
                    (outcome, mut pending @ Outcome::Interrupt(_)) => {
                        take_over(&mut pending, outcome);
                        pending
                    }
                    (Outcome::Fail(failure), _) => Outcome::Fail(failure),
                    (_, pending) => pending,
                };
                Err(self.after_clean_up(task, outcome))
            }
            (Phase::Body, outcome @ Outcome::Fail(_)) => {
                match self.enter_catch(task, None, catch.as_ref(), outcome) {
                    Ok(arm) => {
                        task.enter(arm.block);
                        Ok(Turn::Go(Outcome::Next))
                    }
                    Err(outcome) => self.enter_finally(task, *finally, outcome),
                }
            }
            (Phase::Catching, Outcome::Yield(value))
                if catch.as_ref().is_some_and(|catch| catch.into.is_some()) =>
            {
                if let Some(slot) = catch.as_ref().and_then(|catch| catch.into) {
                    task.frame.set(slot, Some(value));
                }
                self.enter_finally(task, *finally, Outcome::Next)
            }
            (_, outcome) => self.enter_finally(task, *finally, outcome),
        }
    }

    fn enter_finally(
        &mut self,
        task: &mut Task,
        finally: Option<BlockId>,
        outcome: Outcome,
    ) -> Result<Turn, Outcome> {
        let Some(block) = finally else { return leave(task, outcome) };
        let exempt = task.exempt;
        if is_uncatchable(&outcome) {
            task.exempt = Some(task.meter);
        }
        task.repath(Some("finally"));
        if let Some(scope) = task.stack.last_mut() {
            scope.control = Control::Try(Phase::Finally(Box::new(CleanUp { outcome, exempt })));
        }
        task.enter(block);
        Ok(Turn::Go(Outcome::Next))
    }
}

/// Leaves the innermost scope with an outcome.
pub(super) fn leave(task: &mut Task, outcome: Outcome) -> Result<Turn, Outcome> {
    task.pop();
    Err(outcome)
}

/// Whether what runs now is clean-up after a spent budget or a request to stop, which no budget may refuse.
pub(super) fn is_uncatchable(outcome: &Outcome) -> bool {
    match outcome {
        Outcome::Interrupt(_) => true,
        Outcome::Fail(failure) => failure.built_in().is_some_and(|kind: Kind| !kind.can_be_caught()),
        _ => false,
    }
}
