//! Runs under test: calls that something may stand in for, and what they were called with.

use flow_ir::plan::Target;
use flow_ir::{Plan, Value};
use flow_runtime_api::{Coordinate, Failure, Kind};
use serde_json::Value as Json;

use super::{Stage, StepState};
use crate::engine::{Engine, Run};
use crate::json::describe;
use crate::port::{AttemptId, Command};
use crate::task::{Outcome, Task, TaskId, Turn};

impl Engine {
    /// Returns the arguments of an effect in flight, or of a call that something may stand in for.
    pub fn arguments(&self, attempt: AttemptId) -> &[Value] {
        let task = self.run.attempts.get(&attempt).and_then(|id| self.run.tasks.get(*id as usize)?.as_ref());
        task.and_then(|task| task.step_state()).map_or(&[], |state| &state.args)
    }

    /// Returns the arguments of a question that is open.
    pub fn question_arguments(&self, step: &Coordinate) -> &[Value] {
        self.run.question(step).map_or(&[], |state| &state.args)
    }

    /// Returns where the branch of an effect in flight stands among all, in written order: the index of each branch on
    /// the way to it, the outermost first. A step before a fork stands before its branches.
    pub fn branch_of(&self, attempt: AttemptId) -> Vec<u32> {
        self.run.attempts.get(&attempt).map_or_else(Vec::new, |id| self.run.branch(*id))
    }

    /// The same of a question that is open.
    pub fn branch_of_question(&self, step: &Coordinate) -> Vec<u32> {
        self.run.question_task(step).map_or_else(Vec::new, |id| self.run.branch(id))
    }

    /// The same of what waits for a timer.
    pub fn branch_of_timer(&self, timer: crate::TimerId) -> Vec<u32> {
        self.run.task_of_timer(timer).map_or_else(Vec::new, |id| self.run.branch(id))
    }
}

impl Run {
    fn branch(&self, id: TaskId) -> Vec<u32> {
        let mut way = Vec::new();
        let mut at = self.tasks.get(id as usize).and_then(Option::as_ref);
        while let Some(task) = at {
            let Some((parent, branch)) = task.parent else { break };
            way.push(branch);
            at = self.tasks.get(parent as usize).and_then(Option::as_ref);
        }
        way.reverse();
        way
    }

    /// Asks whether something stands in for the call of the innermost step.
    pub(crate) fn ask_stand_in(&mut self, task: &mut Task, target: Target, args: Vec<Value>) -> Turn {
        let attempt = self.new_attempt(task.id);
        let Some(state) = task.step_mut() else { return Turn::Wait };
        (state.stage, state.args) = (Stage::StoodIn(attempt), args);
        let step = state.coordinate.clone();
        self.command(Command::StandIn { attempt, step, target });
        Turn::Wait
    }

    /// Something stands in for a call, or nothing does.
    pub(crate) fn stood_in(
        &mut self,
        plan: &Plan,
        attempt: AttemptId,
        result: Option<Result<Json, Failure>>,
    ) {
        let Some((mut task, step)) = self.take_attempt(plan, attempt) else { return };
        let Some(state) = task.step_mut() else { return self.put_back(task) };
        state.stage = Stage::Calling;
        let coordinate = state.coordinate.clone();
        let args = std::mem::take(&mut state.args);
        let outcome = match (result, step.target) {
            (None, Target::Flow(id)) => self.enter_flow(plan, &mut task, id, args),
            (None, Target::Node(id)) => self.enter_agent(plan, &mut task, step, id, args),
            (Some(Ok(json)), target) => Err(self.stand_in_value(plan, target, &json, &coordinate)),
            (Some(Err(failure)), _) => {
                Err(Outcome::Fail(Box::new(Failure { step: Some(coordinate), ..failure })))
            }
        };
        task.wake = match outcome {
            Ok(Turn::Go(next)) | Err(next) => Some(next),
            Ok(Turn::Wait) => None,
        };
        self.put_back(task);
    }

    fn stand_in_value(&self, plan: &Plan, target: Target, json: &Json, step: &Coordinate) -> Outcome {
        let returns = match target {
            Target::Flow(id) => &plan.flows[id as usize].returns,
            Target::Node(id) => &plan.nodes[id as usize].returns,
        };
        match self.decode(plan, json, returns) {
            Ok(value) => Outcome::Return(value),
            Err(violations) => {
                let failure = Failure::new(Kind::BadShape, describe(&violations));
                Outcome::Fail(Box::new(Failure { step: Some(step.clone()), ..failure }))
            }
        }
    }

    fn question(&self, step: &Coordinate) -> Option<&StepState> {
        self.tasks.get(self.question_task(step)? as usize)?.as_ref()?.step_state()
    }

    fn question_task(&self, step: &Coordinate) -> Option<TaskId> {
        self.asked.iter().copied().find(|id| {
            let task = self.tasks.get(*id as usize).and_then(Option::as_ref);
            task.and_then(|task| task.step_state()).is_some_and(|state| state.coordinate == *step)
        })
    }
}
