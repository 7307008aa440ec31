//! `saga { … }` and `undo`: what a step did is taken back if a failure leaves the saga around it (S12).
//!
//! What is registered belongs to the saga's scope, wherever the step stands: in a branch, a loop, a route. So its order is
//! that of the events, over all branches.

use indexmap::IndexMap;

use flow_ir::expr::SlotId;
use flow_ir::plan::{BlockId, FlowId, Statement, Step, Target, Undo};
use flow_ir::{Expr, Plan, Value};
use flow_runtime_api::{Coordinate, Event, Failure, Kind};

use super::group::leave;
use crate::effect::StepState;
use crate::engine::Run;
use crate::spend::MeterId;
use crate::task::{Control, Outcome, Task, TaskId, Turn};

/// Failed compensations that a message tells of, each; of more it tells the number.
const TOLD_MAX: usize = 20;

/// A running saga.
#[derive(Debug, Default)]
pub(crate) struct Saga {
    /// By the step that would be taken back, in the order of the events.
    registered: IndexMap<Coordinate, Compensation>,
    /// How many were registered so far.
    count: u64,
    /// Set while compensations run.
    undoing: Option<Undoing>,
}

/// What takes a step back.
#[derive(Debug)]
struct Compensation {
    /// The step's statement: its block, and the index in it.
    site: (BlockId, usize),
    /// What its arguments read, as that was before the step.
    reads: Reads,
    /// The step is known not to have happened.
    dropped: bool,
    /// How many had been registered before it.
    number: u64,
    /// The branches between the saga and the step: the task that waits for each, and which of its branches it is.
    branches: Vec<(TaskId, u32)>,
}

/// The slots that a compensation reads.
#[derive(Debug)]
struct Reads(Vec<(SlotId, Option<Value>)>);

/// A saga that is taken back.
#[derive(Debug)]
struct Undoing {
    /// What has left the saga, and goes on afterwards.
    outcome: Outcome,
    /// What the task was exempt from before.
    exempt: Option<MeterId>,
    /// The statement of the step that is taken back.
    site: (BlockId, usize),
    /// The compensation that runs.
    current: Coordinate,
    /// How many there are.
    count: usize,
    /// Those that failed.
    failed: Vec<(Coordinate, Failure)>,
}

impl Saga {
    /// Whether compensations run, so that a request to stop has to wait.
    pub(crate) fn is_undoing(&self) -> bool {
        self.undoing.is_some()
    }

    /// Returns the compensation that runs, of a saga of this flow.
    pub(crate) fn step<'p>(&self, plan: &'p Plan, flow: FlowId) -> Option<&'p Step> {
        let undoing = self.undoing.as_ref()?;
        undo_at(plan, flow, undoing.site).map(|undo| &undo.call)
    }

    /// Returns what wasn't taken back yet: what runs now, and what would follow.
    pub(crate) fn left(&self) -> impl Iterator<Item = Coordinate> {
        let current = self.undoing.iter().map(|undoing| undoing.current.clone());
        let waiting = self.registered.iter().filter(|(_, undo)| !undo.dropped);
        current.chain(waiting.rev().map(|(step, _)| beneath(step)))
    }

    /// Returns the compensations that have failed so far.
    pub(crate) fn failed(&self) -> impl Iterator<Item = &(Coordinate, Failure)> {
        self.undoing.iter().flat_map(|undoing| &undoing.failed)
    }
}

impl Reads {
    fn of(frame: &dyn flow_expr::Frame, undo: &Undo) -> Reads {
        fn slots(expr: &Expr, found: &mut Vec<SlotId>) {
            if let Expr::Slot(slot) = expr {
                found.push(*slot);
            }
            expr.children(&mut |child| slots(child, found));
        }
        let mut found = Vec::new();
        undo.call.args.iter().for_each(|arg| slots(arg, &mut found));
        found.sort_unstable();
        found.dedup();
        let value = |slot: SlotId| match slot == undo.result {
            true => Some(Value::Null),
            false => frame.slot(slot).cloned(),
        };
        Reads(found.into_iter().map(|slot| (slot, value(slot))).collect())
    }

    fn set(&mut self, slot: SlotId, value: &Value) {
        if let Some((_, place)) = self.0.iter_mut().find(|(read, _)| *read == slot) {
            *place = Some(value.clone());
        }
    }
}

impl flow_expr::Frame for Reads {
    fn slot(&self, slot: SlotId) -> Option<&Value> {
        self.0.iter().find(|(read, _)| *read == slot)?.1.as_ref()
    }
}

impl Run {
    pub(crate) fn enter_saga(&mut self, task: &mut Task, block: BlockId) -> Turn {
        task.push(None, Control::Saga(Box::default()));
        task.enter(block);
        Turn::Go(Outcome::Next)
    }

    /// Called when the body has ended, and after each compensation.
    pub(crate) fn on_saga(
        &mut self,
        plan: &Plan,
        task: &mut Task,
        outcome: Outcome,
    ) -> Result<Turn, Outcome> {
        let (exempt, meter) = (task.exempt, task.meter);
        let Some(saga) = innermost(task) else { return leave(task, outcome) };
        if let Some(undoing) = &mut saga.undoing {
            let failure = match outcome {
                Outcome::Fail(failure) => Some(failure),
                Outcome::Interrupt(interrupt) => Some(interrupt.failure),
                _ => None,
            };
            undoing.failed.extend(failure.map(|failure| (undoing.current.clone(), *failure)));
            return self.undo_next(plan, task);
        }
        let count = saga.registered.values().filter(|undo| !undo.dropped).count();
        if count == 0 || !matches!(outcome, Outcome::Fail(_) | Outcome::Interrupt(_)) {
            return leave(task, outcome);
        }
        saga.undoing = Some(Undoing {
            outcome,
            exempt,
            site: (0, 0),
            current: Coordinate::default(),
            count,
            failed: Vec::new(),
        });
        // No budget keeps what was done from being taken back.
        task.exempt = Some(meter);
        self.undo_next(plan, task)
    }

    /// Runs the compensation that was registered last, or goes on with what has left the saga.
    fn undo_next(&mut self, plan: &Plan, task: &mut Task) -> Result<Turn, Outcome> {
        let flow = task.flow;
        let Some(saga) = innermost(task) else { return Err(Outcome::Next) };
        let Some(undoing) = &mut saga.undoing else { return Err(Outcome::Next) };
        while let Some((step, compensation)) = saga.registered.pop() {
            let Some(undo) = undo_at(plan, flow, compensation.site).filter(|_| !compensation.dropped) else {
                continue;
            };
            undoing.site = compensation.site;
            undoing.current = beneath(&step);
            let current = undoing.current.clone();
            task.push(None, Control::Step(Box::<StepState>::default()));
            // The step stands somewhere beneath the saga, which adds nothing to the path.
            let inner = current.0.strip_prefix(task.path.as_str()).unwrap_or(&current.0);
            let inner = inner.trim_start_matches('/').to_owned();
            task.push_path(&inner);
            let args = self.arguments(plan, task, &compensation.reads, &undo.call);
            return self.call(plan, task, &undo.call, args);
        }
        let undoing = saga.undoing.take();
        task.pop();
        let Some(Undoing { mut outcome, exempt, count, failed, .. }) = undoing else {
            return Err(Outcome::Next);
        };
        task.exempt = exempt;
        if !failed.is_empty() {
            let failure = undo_failed(&failed, count, cause(&outcome));
            take_over(&mut outcome, Outcome::Fail(Box::new(failure)));
        }
        Err(self.after_clean_up(task, outcome))
    }

    /// Notes, before a step starts, what takes it back.
    pub(super) fn register_undo(&mut self, task: &mut Task, step: &Step) {
        let (Some(undo), Some(site)) = (&step.undo, site_of(task)) else { return };
        let (reads, branches) = (Reads::of(&task.frame, undo), self.branches_in_saga(task));
        let step = task.coordinate();
        let Some(saga) = self.saga_around(task) else { return };
        let compensation = Compensation { site, reads, dropped: false, number: saga.count, branches };
        saga.count += 1;
        saga.registered.insert(step.clone(), compensation);
        self.emit(Event::UndoRegistered { step });
    }

    /// A step has its result: its compensation may read it.
    pub(super) fn tell_undo(&mut self, task: &mut Task, step: &Step, result: &Value) {
        let Some(undo) = &step.undo else { return };
        let slot = undo.result;
        let step = task.coordinate();
        if let Some(undo) = self.saga_around(task).and_then(|saga| saga.registered.get_mut(&step)) {
            undo.reads.set(slot, result);
        }
    }

    /// A step has ended without a result: where it is known not to have happened, there is nothing to take back.
    pub(super) fn drop_undo(&mut self, task: &mut Task, step: &Step, outcome: &Outcome) {
        if step.undo.is_none() || !is_known_not_done(task, step, outcome) {
            return;
        }
        let step = task.coordinate();
        if let Some(undo) = self.saga_around(task).and_then(|saga| saga.registered.get_mut(&step)) {
            undo.dropped = true;
            self.emit(Event::UndoDropped { step });
        }
    }

    /// Returns how many compensations the saga around a task has had registered, if there is one.
    pub(super) fn registered_so_far(&mut self, task: &mut Task) -> u64 {
        self.saga_around(task).map_or(0, |saga| saga.count)
    }

    /// Takes back what the arms of a race have done that have lost, but for `winner`, in a saga around the race; their
    /// compensations are numbered from `since`. Returns nothing if there is nothing to take back.
    pub(super) fn undo_losers(
        &mut self,
        plan: &Plan,
        task: &mut Task,
        winner: u32,
        since: u64,
    ) -> Option<Result<Turn, Outcome>> {
        let (id, exempt, meter) = (task.id, task.exempt, task.meter);
        let saga = self.saga_around(task)?;
        let is_lost = |undo: &Compensation| {
            let lost = |(parent, arm): &(TaskId, u32)| *parent == id && *arm != winner;
            undo.number >= since && undo.branches.iter().any(lost)
        };
        let (lost, kept) =
            std::mem::take(&mut saga.registered).into_iter().partition(|(_, undo)| is_lost(undo));
        let lost: IndexMap<Coordinate, Compensation> = lost;
        saga.registered = kept;
        let count = lost.values().filter(|undo| !undo.dropped).count();
        if count == 0 {
            return None;
        }
        let undoing = Undoing {
            outcome: Outcome::Next,
            exempt,
            site: (0, 0),
            current: Coordinate::default(),
            count,
            failed: Vec::new(),
        };
        task.push(None, Control::Saga(Box::new(Saga { registered: lost, count: 0, undoing: Some(undoing) })));
        task.exempt = Some(meter);
        Some(self.undo_next(plan, task))
    }

    /// Returns the branches that lead from the saga around a task to it.
    fn branches_in_saga(&self, task: &Task) -> Vec<(TaskId, u32)> {
        let mut branches = Vec::new();
        let (mut at, mut parent) = (depth_of_saga(task), task.parent);
        while let (Some(None), Some((id, branch))) = (at, parent) {
            branches.push((id, branch));
            let Some(around) = self.tasks.get(id as usize).and_then(Option::as_deref) else { break };
            (at, parent) = (depth_of_saga(around), around.parent);
        }
        branches
    }

    /// Returns the nearest saga around the innermost scope of a task: its own, or one around the branch that it is.
    fn saga_around<'a>(&'a mut self, task: &'a mut Task) -> Option<&'a mut Saga> {
        if let Some(depth) = depth_of_saga(task)? {
            return saga_at(task, depth);
        }
        let mut parent = task.parent;
        loop {
            let (id, _) = parent?;
            let around = self.tasks.get(id as usize)?.as_deref()?;
            match depth_of_saga(around)? {
                Some(depth) => return saga_at(self.tasks[id as usize].as_deref_mut()?, depth),
                None => parent = around.parent,
            }
        }
    }
}

/// Whether an attempt that failed so did nothing: it was never made, or the other side says that it did not begin.
pub(crate) fn says_not_done(failure: &Failure) -> bool {
    let refused = [Kind::RateLimited, Kind::Budget, Kind::Denied];
    failure.missing || failure.built_in().is_some_and(|kind| refused.contains(&kind))
}

fn is_known_not_done(task: &Task, step: &Step, outcome: &Outcome) -> bool {
    // What a flow did before it failed isn't known here.
    let Target::Node(_) = step.target else { return false };
    let Some(Control::Step(state)) = task.stack.last().map(|scope| &scope.control) else { return false };
    // Nor what an agent did.
    let is_agent = matches!(state.stage, crate::effect::Stage::Calling);
    !state.in_doubt
        && !is_agent
        && match outcome {
            Outcome::Fail(failure) => says_not_done(failure),
            Outcome::Interrupt(_) => true,
            _ => false,
        }
}

/// Makes the failure of compensations the one that goes on: a failure gives way to it, a request to stop brings it along.
pub(crate) fn take_over(outcome: &mut Outcome, other: Outcome) {
    let is_undo = |failure: &Failure| failure.built_in() == Some(Kind::UndoFailed);
    let told = match other {
        Outcome::Fail(failure) => failure,
        Outcome::Interrupt(interrupt) => interrupt.failure,
        _ => return,
    };
    if !is_undo(&told) {
        return;
    }
    match outcome {
        Outcome::Fail(failure) | Outcome::Interrupt(crate::task::Interrupt { failure, .. }) => {
            match is_undo(failure) {
                true => failure.message = format!("{}; {}", failure.message, told.message),
                false => *failure = told,
            }
        }
        other => *other = Outcome::Fail(told),
    }
}

/// Tells which compensations have failed.
pub(crate) fn undo_failed(
    failed: &[(Coordinate, Failure)],
    count: usize,
    cause: Option<&Failure>,
) -> Failure {
    let mut told: Vec<_> =
        failed.iter().take(TOLD_MAX).map(|(step, failure)| format!("`{step}` with {failure}")).collect();
    if failed.len() > TOLD_MAX {
        told.push(format!("and {} more", failed.len() - TOLD_MAX));
    }
    let cause = cause.map(|cause| format!("; the saga was left by {cause}")).unwrap_or_default();
    let message = format!("{} of {count} compensations failed: {}{cause}", failed.len(), told.join(", "));
    Failure { step: failed.first().map(|(step, _)| step.clone()), ..Failure::new(Kind::UndoFailed, message) }
}

fn cause(outcome: &Outcome) -> Option<&Failure> {
    match outcome {
        Outcome::Fail(failure) => Some(failure),
        Outcome::Interrupt(interrupt) => Some(&interrupt.failure),
        _ => None,
    }
}

/// Returns the coordinate of what takes a step back (C8).
fn beneath(step: &Coordinate) -> Coordinate {
    Coordinate(format!("{step}/undo").into())
}

/// Where the statement of the innermost step stands.
fn site_of(task: &Task) -> Option<(BlockId, usize)> {
    let beneath = task.stack.len().checked_sub(2)?;
    match &task.stack[beneath].control {
        Control::Block { block, next } => Some((*block, (*next as usize).checked_sub(1)?)),
        _ => None,
    }
}

fn undo_at(plan: &Plan, flow: FlowId, (block, at): (BlockId, usize)) -> Option<&Undo> {
    match plan.flows.get(flow as usize)?.blocks.get(block as usize)?.body.get(at)? {
        Statement::Step(step) => step.undo.as_deref(),
        _ => None,
    }
}

/// Finds the saga around what runs in a task; `None` at the flow's edge, `Some(None)` if it may stand around the task.
fn depth_of_saga(task: &Task) -> Option<Option<usize>> {
    for (depth, scope) in task.stack.iter().enumerate().rev() {
        match &scope.control {
            Control::Saga(_) => return Some(Some(depth)),
            Control::Call(_) => return None,
            _ => {}
        }
    }
    Some(None)
}

fn saga_at(task: &mut Task, depth: usize) -> Option<&mut Saga> {
    match &mut task.stack.get_mut(depth)?.control {
        Control::Saga(saga) => Some(saga),
        _ => None,
    }
}

fn innermost(task: &mut Task) -> Option<&mut Saga> {
    let depth = task.stack.len().checked_sub(1)?;
    saga_at(task, depth)
}
