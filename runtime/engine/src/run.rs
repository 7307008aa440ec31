//! How a task runs: the innermost scope takes an outcome and makes the next, until the task waits or ends.

use flow_ir::plan::{Catch, CatchArm, Statement};
use flow_ir::{Expr, Plan, Value};
use flow_runtime_api::{Event, Failure, Kind};

use crate::effect::Stage;
use crate::engine::Run;
use crate::port::Command;
use crate::statement::saga::take_over;
use crate::task::{Control, Interrupt, Outcome, Task, TaskId, Turn};

impl Run {
    /// Runs a task until it waits or ends.
    pub(crate) fn run_task(&mut self, plan: &Plan, id: TaskId) {
        let Some(mut task) = self.tasks.get_mut(id as usize).and_then(Option::take) else { return };
        let mut outcome = task.wake.take().unwrap_or(Outcome::Next);
        loop {
            if task.stack.is_empty() {
                return self.task_ended(plan, *task, outcome);
            }
            if self.slice_is_over() {
                task.wake = Some(outcome);
                self.tasks[id as usize] = Some(task);
                // It goes on first when the host comes back.
                self.queue_first(id);
                return;
            }
            match self.turn(plan, &mut task, outcome) {
                Ok(Turn::Go(next)) | Err(next) => outcome = next,
                Ok(Turn::Wait) => {
                    self.tasks[id as usize] = Some(task);
                    return;
                }
            }
        }
    }

    fn turn(&mut self, plan: &Plan, task: &mut Task, outcome: Outcome) -> Result<Turn, Outcome> {
        match task.stack.last().map(|scope| &scope.control) {
            None => Err(outcome),
            Some(Control::Block { .. }) => self.block(plan, task, outcome),
            Some(Control::Do(_)) => self.on_do(plan, task, outcome),
            Some(Control::Arm) => self.on_arm(plan, task, outcome),
            Some(Control::Loop(_)) => self.on_loop(plan, task, outcome),
            Some(Control::For(_)) => self.on_for(plan, task, outcome),
            Some(Control::Fork(_)) => self.on_fork(plan, task, outcome),
            Some(Control::Try(_)) => self.on_try(plan, task, outcome),
            Some(Control::Wait(_) | Control::Step(_)) if self.probe.is_some() => {
                self.probed(plan, task, outcome)
            }
            Some(Control::Saga(_)) => self.on_saga(plan, task, outcome),
            Some(Control::Graph(_)) => self.on_graph(plan, task, outcome),
            Some(Control::Race(_)) => self.on_race(plan, task, outcome),
            Some(Control::Emit(_)) => self.on_emit(task, outcome),
            Some(Control::Wait(_)) => self.on_wait(task, outcome),
            Some(Control::Step(_)) => self.on_step(plan, task, outcome),
            Some(Control::Call(_)) => self.on_call(plan, task, outcome),
            Some(Control::Agent(_)) => self.on_agent(plan, task, outcome),
            Some(Control::Tool(_)) => self.on_tool(plan, task, outcome),
        }
    }

    /// A block goes on with its next statement, or ends.
    fn block(&mut self, plan: &Plan, task: &mut Task, outcome: Outcome) -> Result<Turn, Outcome> {
        if !matches!(outcome, Outcome::Next) {
            task.pop();
            return Err(outcome);
        }
        let blocks = &plan.flows[task.flow as usize].blocks;
        loop {
            let Some(Control::Block { block, next }) = task.stack.last_mut().map(|scope| &mut scope.control)
            else {
                return Ok(Turn::Go(Outcome::Next));
            };
            let current = &blocks[*block as usize];
            let index = *next as usize;
            *next += 1;
            self.fuel = self.fuel.saturating_sub(1);
            self.executed += 1;
            if index == 0 {
                for (slot, value) in &current.state {
                    let value = match value {
                        Some(value) => Some(self.eval(plan, task, value)?),
                        None => None,
                    };
                    task.frame.set(*slot, value);
                }
            }
            let Some(statement) = current.body.get(index) else {
                task.pop();
                return Ok(Turn::Go(Outcome::Next));
            };
            if !self.is_simple(plan, task, statement)? {
                return self.statement(plan, task, statement);
            }
            if self.fuel == 0 || self.stops_after.is_some() && self.slice_is_over() {
                return Ok(Turn::Go(Outcome::Next));
            }
        }
    }

    /// Executes a statement that can neither wait nor leave; returns false for all others.
    fn is_simple(&mut self, plan: &Plan, task: &mut Task, statement: &Statement) -> Result<bool, Outcome> {
        match statement {
            Statement::Set { slot, value } => self.set(plan, task, *slot, value)?,
            Statement::Add { slot, value, how } => self.add(plan, task, *slot, value, *how)?,
            _ => return Ok(false),
        }
        Ok(true)
    }

    fn statement(&mut self, plan: &Plan, task: &mut Task, statement: &Statement) -> Result<Turn, Outcome> {
        match statement {
            Statement::Set { .. } | Statement::Add { .. } => Ok(Turn::Go(Outcome::Next)),
            Statement::Step(step) => self.step(plan, task, step),
            Statement::Do { segment, block, .. } => Ok(self.enter_do(task, segment.as_deref(), *block)),
            Statement::If { segment, arms, .. } => self.choose(plan, task, segment.as_deref(), arms),
            Statement::Route { segment, value, bind, arms, .. } => {
                self.route(plan, task, segment.as_deref(), value, *bind, arms)
            }
            Statement::Loop { segment, max, .. } => self.enter_loop(plan, task, segment, max),
            Statement::For { segment, over, max, .. } => {
                self.enter_for(plan, task, segment, over, max.as_ref())
            }
            Statement::Parallel { branches } => self.fork(plan, task, branches),
            Statement::ParallelFor(parallel) => self.fork_for(plan, task, parallel),
            Statement::Try { body, .. } => Ok(self.enter_try(task, *body)),
            Statement::Saga { block } => Ok(self.enter_saga(task, *block)),
            Statement::Fail { kind, message } => self.fail(plan, task, kind, message),
            Statement::Rethrow { error } => self.rethrow(plan, task, error),
            Statement::Wait { segment, value, until } => self.wait(plan, task, segment, value, *until),
            Statement::Return { value } => Err(Outcome::Return(match value {
                Some(value) => self.eval(plan, task, value)?,
                None => Value::Null,
            })),
            Statement::Yield { value } => Err(Outcome::Yield(self.eval(plan, task, value)?)),
            Statement::Break => Err(Outcome::Break),
            Statement::Continue => Err(Outcome::Continue),
            Statement::Graph(graph) => self.enter_graph(plan, task, graph),
            Statement::Goto { stage, args } => self.goto(plan, task, *stage, args),
            Statement::Race(race) => Ok(self.enter_race(task, race)),
            Statement::Emit { segment, value } => self.emit_value(plan, task, segment, value),
        }
    }

    /// Computes an expression over a task's frame; its failure is that of where the task stands.
    pub(crate) fn eval(&self, plan: &Plan, task: &Task, expr: &Expr) -> Result<Value, Outcome> {
        if let Expr::Const(value) = expr {
            return Ok(value.clone());
        }
        self.compute(plan, &task.frame, expr).map_err(|error| self.pure_failure(task, error))
    }

    /// Computes an expression over any frame.
    pub(crate) fn compute(
        &self,
        plan: &Plan,
        frame: &dyn flow_expr::Frame,
        expr: &Expr,
    ) -> Result<Value, flow_expr::Error> {
        self.within(plan, frame, |env| match &self.hot {
            Some(hot) => {
                let (result, by) = hot.eval(expr, env);
                self.computed.count(by);
                result
            }
            None => flow_expr::eval(expr, env),
        })
    }

    /// Renders a message of a user.
    pub(crate) fn say(
        &self,
        plan: &Plan,
        frame: &dyn flow_expr::Frame,
        expr: &Expr,
    ) -> Result<flow_expr::Said, flow_expr::Error> {
        self.within(plan, frame, |env| flow_expr::say(expr, env))
    }

    fn within<T>(
        &self,
        plan: &Plan,
        frame: &dyn flow_expr::Frame,
        compute: impl FnOnce(&flow_expr::Env<'_>) -> T,
    ) -> T {
        let meter = flow_expr::Meter::default();
        compute(&flow_expr::Env {
            frame,
            codes: &plan.codes,
            types: &plan.types,
            run_id: &self.settings.run.0,
            started_at: self.started,
            meter: &meter,
        })
    }

    /// Computes a bool.
    pub(crate) fn test(&self, plan: &Plan, task: &Task, expr: &Expr) -> Result<bool, Outcome> {
        let tested = self.within(plan, &task.frame, |env| match (&self.hot, expr) {
            (Some(hot), expr) if !matches!(expr, Expr::Const(_)) => {
                let (result, by) = hot.test(expr, env);
                self.computed.count(by);
                result
            }
            _ => flow_expr::eval(expr, env).and_then(|value| match value {
                Value::Bool(value) => Ok(value),
                _ => Err(flow_expr::Error::value("a condition is neither true nor false")),
            }),
        });
        tested.map_err(|error| self.pure_failure(task, error))
    }

    /// Returns the failure that an error of the language is, at the place where a task stands.
    pub(crate) fn pure_failure(&self, task: &Task, error: flow_expr::Error) -> Outcome {
        Outcome::Fail(Box::new(Failure {
            kind: flow_ir::Name::new_static(error.kind.name()),
            message: error.message,
            step: Some(task.coordinate()),
            retry_at: None,
            missing: false,
        }))
    }

    /// Returns a built-in failure at the place where a task stands.
    pub(crate) fn failure(&self, task: &Task, kind: Kind, message: impl Into<String>) -> Outcome {
        Outcome::Fail(Box::new(Failure { step: Some(task.coordinate()), ..Failure::new(kind, message) }))
    }

    /// Enters the arm of a `catch` that takes an outcome, or hands the outcome back. The steps of an arm stand beneath
    /// `segment`, the name of what failed.
    pub(crate) fn enter_catch<'p>(
        &mut self,
        task: &mut Task,
        segment: Option<&str>,
        catch: Option<&'p Catch>,
        outcome: Outcome,
    ) -> Result<&'p CatchArm, Outcome> {
        let Outcome::Fail(failure) = outcome else { return Err(outcome) };
        let Some(arm) = catch.and_then(|catch| arm_of(catch, &failure)) else {
            return Err(Outcome::Fail(failure));
        };
        if let Some(slot) = arm.bind {
            task.frame.set(slot, Some(crate::json::error_value(&failure)));
        }
        task.repath(segment);
        if let Some(segment) = &arm.segment {
            task.push_path(segment);
        }
        Ok(arm)
    }

    /// A task has nothing left to do.
    fn task_ended(&mut self, plan: &Plan, task: Task, outcome: Outcome) {
        self.release(task.id);
        match task.parent {
            None => self.finish(plan, outcome),
            Some((parent, branch)) if self.is_racing(parent) => {
                self.arm_ended(parent, branch, task.frame, outcome)
            }
            Some((parent, branch)) if self.is_agent(parent) => self.call_ended(plan, parent, branch, outcome),
            Some((parent, branch)) => self.branch_ended(plan, parent, branch, task.frame, outcome),
        }
    }

    /// Asks a task to stop. Clean-up that runs already goes on to its end; clean-up above `depth` still runs.
    pub(crate) fn interrupt(&mut self, id: TaskId, interrupt: Interrupt) {
        let mut work = vec![(id, interrupt)];
        while let Some((id, interrupt)) = work.pop() {
            let whole = interrupt.whole();
            let children = self.interrupt_one(id, interrupt);
            work.extend(children.into_iter().rev().map(|child| (child, whole.whole())));
        }
    }

    /// Asks one task to stop, and returns the branches that have to stop first.
    fn interrupt_one(&mut self, id: TaskId, interrupt: Interrupt) -> Vec<TaskId> {
        let Some(mut task) = self.tasks.get_mut(id as usize).and_then(Option::take) else {
            return Vec::new();
        };
        let again = task.stopped;
        task.stopped |= interrupt.depth.is_none();
        let mut children = Vec::new();
        if again {
            // It is on its way out already.
        } else if task.is_shielded(interrupt.above()) {
            let outer = |pending: &Interrupt| pending.above() <= interrupt.above();
            if !task.pending.as_ref().is_some_and(outer) {
                task.pending = Some(interrupt);
            }
        } else {
            // A task that is queued waits for nothing any more.
            children = if task.wake.is_none() { self.stop_waiting(&mut task) } else { Vec::new() };
            match task.stack.last_mut().map(|scope| &mut scope.control) {
                Some(Control::Fork(fork)) if !children.is_empty() => {
                    let mut leaving = Outcome::Interrupt(interrupt);
                    take_over(&mut leaving, fork.leaving.take().unwrap_or(Outcome::Next));
                    fork.leaving = Some(leaving);
                }
                Some(Control::Race(race)) if !children.is_empty() => {
                    let mut leaving = Outcome::Interrupt(interrupt);
                    take_over(&mut leaving, race.leaving.take().unwrap_or(Outcome::Next));
                    race.leaving = Some(leaving);
                }
                Some(Control::Agent(agent)) if !children.is_empty() => {
                    let mut leaving = Outcome::Interrupt(interrupt);
                    take_over(&mut leaving, agent.leaving_mut().take().unwrap_or(Outcome::Next));
                    *agent.leaving_mut() = Some(leaving);
                }
                _ => {
                    let is_queued = task.wake.replace(Outcome::Interrupt(interrupt)).is_some();
                    if !is_queued {
                        self.queue(id);
                    }
                }
            }
        }
        self.tasks[id as usize] = Some(task);
        children
    }

    /// Stops what a task waits for. Returns the branches that have to stop first.
    pub(crate) fn stop_waiting(&mut self, task: &mut Task) -> Vec<TaskId> {
        match task.stack.last_mut().map(|scope| &mut scope.control) {
            Some(Control::Fork(fork)) if !fork.catching => fork.live.values().copied().collect(),
            Some(Control::Race(race)) => race.live.values().copied().collect(),
            Some(Control::Agent(agent)) => agent.live().collect(),
            Some(Control::Wait(timer)) => {
                let timer = *timer;
                let step = task.coordinate();
                self.clear_timer(timer);
                self.emit(Event::StepCancelled { step, usage: Default::default(), cost: Default::default() });
                Vec::new()
            }
            Some(Control::Step(state)) => {
                let stage = std::mem::replace(&mut state.stage, Stage::Over);
                self.stop_step(task, stage);
                Vec::new()
            }
            _ => Vec::new(),
        }
    }

    /// After clean-up: the request to stop that had waited for it, if nothing else has to be waited for.
    pub(crate) fn after_clean_up(&mut self, task: &mut Task, outcome: Outcome) -> Outcome {
        match task.pending.take() {
            Some(pending) if task.is_shielded(pending.above()) => {
                task.pending = Some(pending);
                outcome
            }
            Some(pending) => {
                let mut leaving = Outcome::Interrupt(pending);
                take_over(&mut leaving, outcome);
                leaving
            }
            None => outcome,
        }
    }

    /// Stops an effect in flight.
    pub(crate) fn abort(&mut self, attempt: crate::AttemptId) {
        self.attempts.remove(&attempt);
        self.command(Command::Abort(attempt));
    }
}

/// Returns the arm that takes a failure. One that can't be caught is taken only by an arm that names it, and only tests
/// have such arms.
fn arm_of<'p>(catch: &'p Catch, failure: &Failure) -> Option<&'p CatchArm> {
    let can_be_caught = failure.built_in().is_none_or(Kind::can_be_caught);
    catch.arms.iter().find(|arm| match arm.kinds.is_empty() {
        true => can_be_caught,
        false => arm.kinds.contains(&failure.kind),
    })
}

/// Returns the statement that the innermost scope belongs to.
pub(crate) fn statement_of<'p>(plan: &'p Plan, task: &Task) -> Option<&'p Statement> {
    statement_at(plan, task, task.stack.len().checked_sub(1)?)
}

/// Returns the statement that a scope belongs to.
pub(crate) fn statement_at<'p>(plan: &'p Plan, task: &Task, depth: usize) -> Option<&'p Statement> {
    let beneath = depth.checked_sub(1)?;
    let Control::Block { block, next } = &task.stack[beneath].control else { return None };
    let block = plan.flows.get(task.flow as usize)?.blocks.get(*block as usize)?;
    block.body.get((*next as usize).checked_sub(1)?)
}
