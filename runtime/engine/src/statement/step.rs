//! Steps: arguments, what is made of the result, `catch`.

use flow_ir::plan::{Step, Target};
use flow_ir::{Plan, Value};
use flow_runtime_api::{Event, Failure, Kind};

use super::flow::leave_step;
use crate::effect::{Stage, StepState, agent_of, step_of};
use crate::engine::Run;
use crate::json::describe;
use crate::task::{Control, Outcome, Task, Turn};

impl Run {
    pub(crate) fn step(&mut self, plan: &Plan, task: &mut Task, step: &Step) -> Result<Turn, Outcome> {
        task.push(Some(&step.segment), Control::Step(Box::default()));
        let args = self.arguments(plan, task, &task.frame, step);
        self.call(plan, task, step, args)
    }

    /// Makes the call of the innermost step.
    pub(super) fn call(
        &mut self,
        plan: &Plan,
        task: &mut Task,
        step: &Step,
        args: Result<Vec<Value>, Outcome>,
    ) -> Result<Turn, Outcome> {
        let coordinate = task.coordinate();
        let args = match args {
            Ok(args) => args,
            Err(outcome) => return Err(self.before_the_call(step, task, outcome)),
        };
        if self.probe.is_some() {
            let params = match step.target {
                Target::Node(id) => &plan.nodes[id as usize].params,
                Target::Flow(id) => &plan.flows[id as usize].params,
            };
            self.probe_arguments(plan, &coordinate.0, params.iter().zip(&args));
        }
        match step.target {
            Target::Flow(id) => {
                self.register_undo(task, step);
                self.note_waiting(&coordinate, task.id);
                set_state(task, StepState { stage: Stage::Calling, coordinate, ..StepState::default() });
                if let Some(timeout_ms) = step.with.timeout_ms {
                    self.limit_flow(task, timeout_ms);
                }
                match self.is_tested {
                    true => Ok(self.ask_stand_in(task, step.target, args)),
                    false => self.enter_flow(plan, task, id, args),
                }
            }
            Target::Node(node) if agent_of(plan, node).is_some() => {
                self.register_undo(task, step);
                self.note_waiting(&coordinate, task.id);
                set_state(
                    task,
                    StepState { stage: Stage::Calling, node, coordinate, ..StepState::default() },
                );
                if let Some(timeout_ms) = self.agent_timeout(plan, step, node) {
                    self.limit_flow(task, timeout_ms);
                }
                match self.is_tested {
                    true => Ok(self.ask_stand_in(task, step.target, args)),
                    false => self.enter_agent(plan, task, step, node, args),
                }
            }
            Target::Node(node) => {
                let mut state = StepState { node, args, coordinate, ..StepState::default() };
                (state.candidates, state.choices) = self.candidates(plan, step, node, None);
                match self.prepare(plan, step, &state) {
                    Ok(prepared) => {
                        self.probe_request(&state.coordinate.0, &prepared);
                        state.prepared = Some(Box::new(prepared));
                    }
                    Err(failure) => {
                        let outcome = Outcome::Fail(Box::new(failure));
                        return Err(self.before_the_call(step, task, outcome));
                    }
                }
                self.register_undo(task, step);
                self.note_waiting(&state.coordinate, task.id);
                set_state(task, state);
                self.starting.push_back(task.id);
                Ok(Turn::Wait)
            }
        }
    }

    /// Computes the arguments and holds them against the parameters.
    pub(super) fn arguments(
        &self,
        plan: &Plan,
        task: &Task,
        frame: &dyn flow_expr::Frame,
        step: &Step,
    ) -> Result<Vec<Value>, Outcome> {
        let params = match step.target {
            Target::Node(id) => &plan.nodes[id as usize].params,
            Target::Flow(id) => &plan.flows[id as usize].params,
        };
        let mut args = Vec::with_capacity(step.args.len());
        for (arg, param) in step.args.iter().zip(params) {
            let value = self.compute(plan, frame, arg).map_err(|error| self.pure_failure(task, error))?;
            let value = self.conform(plan, value, &param.ty).map_err(|violations| {
                let message = format!("argument `{}`: {}", param.name, describe(&violations));
                self.failure(task, Kind::BadShape, message)
            })?;
            args.push(value);
        }
        Ok(args)
    }

    /// A step that fails before its call is on record as failed all the same.
    fn before_the_call(&mut self, step: &Step, task: &mut Task, outcome: Outcome) -> Outcome {
        let Outcome::Fail(mut failure) = outcome else { return outcome };
        let coordinate = task.coordinate();
        failure.step = Some(coordinate.clone());
        if let Some(Control::Step(state)) = task.stack.last_mut().map(|scope| &mut scope.control) {
            state.stage = Stage::Over;
        }
        if matches!(step.target, Target::Node(_)) {
            self.emit(Event::StepFailed {
                step: coordinate,
                failure: Failure::clone(&failure),
                usage: Default::default(),
                cost: Default::default(),
                duration_ms: 0,
            });
        }
        Outcome::Fail(failure)
    }

    /// Called with the result of the effect or flow, and after an arm of `catch`.
    pub(crate) fn on_step(
        &mut self,
        plan: &Plan,
        task: &mut Task,
        outcome: Outcome,
    ) -> Result<Turn, Outcome> {
        let depth = task.stack.len() - 1;
        let (Some(step), Some(Control::Step(state))) =
            (step_of(plan, task), task.stack.last().map(|scope| &scope.control))
        else {
            return leave_step(self, task, outcome);
        };
        if state.turn.is_some() {
            return self.on_turn(plan, task, outcome);
        }
        if depth.checked_sub(1).is_some_and(|at| matches!(task.stack[at].control, Control::Tool(_))) {
            let outcome = match outcome {
                Outcome::Interrupt(interrupt) if interrupt.depth == Some(depth) => {
                    Outcome::Fail(interrupt.failure)
                }
                outcome => outcome,
            };
            return leave_step(self, task, outcome);
        }
        let is_catching = matches!(state.stage, Stage::Catching);
        if !is_catching {
            self.drop_undo(task, step, &outcome);
        }
        let outcome = match outcome {
            Outcome::Yield(value) if is_catching && step.into.is_some() => {
                return self.step_done(task, step, value);
            }
            outcome if is_catching => return leave_step(self, task, outcome),
            Outcome::Return(value) => match self.extract(plan, task, step, value) {
                Ok(value) => {
                    self.tell_undo(task, step, &value);
                    return self.step_done(task, step, value);
                }
                Err(outcome) => outcome,
            },
            Outcome::Interrupt(interrupt) if interrupt.depth == Some(depth) => {
                Outcome::Fail(interrupt.failure)
            }
            outcome => outcome,
        };
        self.forget_waiting(task);
        match self.enter_catch(task, Some(&step.segment), step.catch.as_ref(), outcome) {
            Ok(arm) => {
                if let Some(Control::Step(state)) = task.stack.last_mut().map(|scope| &mut scope.control) {
                    state.stage = Stage::Catching;
                    state.args = Vec::new();
                    if let Some(timer) = state.timer.take() {
                        self.clear_timer(timer);
                    }
                }
                task.enter(arm.block);
                Ok(Turn::Go(Outcome::Next))
            }
            Err(outcome) => leave_step(self, task, outcome),
        }
    }

    /// Takes the result apart; what fails here is the step's failure.
    fn extract(&mut self, plan: &Plan, task: &mut Task, step: &Step, value: Value) -> Result<Value, Outcome> {
        match &step.extract {
            Some(extract) => {
                task.frame.set(extract.raw, Some(value));
                self.eval(plan, task, &extract.value)
            }
            None => Ok(value),
        }
    }

    fn step_done(&mut self, task: &mut Task, step: &Step, value: Value) -> Result<Turn, Outcome> {
        if let Some(slot) = step.into {
            task.frame.set(slot, Some(value));
        }
        leave_step(self, task, Outcome::Next)
    }
}

fn set_state(task: &mut Task, state: StepState) {
    if let Some(Control::Step(place)) = task.stack.last_mut().map(|scope| &mut scope.control) {
        **place = state;
    }
}
