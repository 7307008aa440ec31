//! `parallel`, `parallel for`: branches run as tasks of their own over the frame at the fork, and are joined in written
//! order.

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

use flow_ir::expr::SlotId;
use flow_ir::plan::{Branch, ParallelFor, Statement};
use flow_ir::types::Type;
use flow_ir::value::{Key, Shape};
use flow_ir::{Name, Plan, Value};
use flow_runtime_api::{Failure, Kind};

use super::group::leave;
use super::repeat::{count, element};
use super::saga::take_over;
use crate::coordinate::key_text;
use crate::engine::Run;
use crate::frame::Frame;
use crate::json::{error_value, record, shape};
use crate::pure;
use crate::run::statement_of;
use crate::task::{BranchEnd, Control, Fork, Interrupt, Outcome, Task, TaskId, Turn};

impl Run {
    pub(crate) fn fork(
        &mut self,
        plan: &Plan,
        task: &mut Task,
        branches: &[Branch],
    ) -> Result<Turn, Outcome> {
        self.enter_fork(plan, task, Value::Null, Vec::new(), branches.len(), branches.len())
    }

    pub(crate) fn fork_for(
        &mut self,
        plan: &Plan,
        task: &mut Task,
        parallel: &ParallelFor,
    ) -> Result<Turn, Outcome> {
        let prepared = self.prepare_fork(plan, task, parallel);
        match prepared {
            Ok((over, keys, width)) => {
                let total = count(&over).unwrap_or(0);
                self.enter_fork(plan, task, over, keys, total, width)
            }
            // What fails before the first branch is caught as a branch's failure is.
            Err(outcome) => {
                let frame = Arc::new(std::mem::take(&mut task.frame));
                let mut fork = Fork::new(frame, Value::Null, Vec::new(), 0, 0);
                fork.leaving = Some(outcome);
                task.push(None, Control::Fork(Box::new(fork)));
                Ok(Turn::Go(Outcome::Next))
            }
        }
    }

    /// Computes the elements, their keys, and how many branches run at a time.
    fn prepare_fork(
        &mut self,
        plan: &Plan,
        task: &mut Task,
        parallel: &ParallelFor,
    ) -> Result<(Value, Vec<Value>, usize), Outcome> {
        let over = self.elements(plan, task, &parallel.segment, &parallel.over, parallel.max.as_ref())?;
        let width = match &parallel.jobs {
            Some(jobs) => match self.eval(plan, task, jobs)? {
                Value::Int(jobs) => usize::try_from(jobs).unwrap_or(0),
                _ => 0,
            },
            None => self.settings.jobs_default as usize,
        };
        let Some(by) = &parallel.key else { return Ok((over, Vec::new(), width.max(1))) };
        let total = count(&over).unwrap_or(0);
        let mut keys = Vec::with_capacity(total);
        let mut seen = HashSet::with_capacity(total);
        for at in 0..total {
            set_element(&mut task.frame, parallel, &over, at);
            let key = self.eval(plan, task, by)?;
            let Some(known) = Key::from_value(&key) else {
                return Err(self.failure(
                    task,
                    Kind::BadValue,
                    "`by` gives neither a string, an int nor an enum",
                ));
            };
            if !seen.insert(known) {
                let message =
                    format!("two elements of `{}` have the key `{}`", parallel.segment, key_text(&key));
                return Err(self.failure(task, Kind::BadValue, message));
            }
            keys.push(key);
        }
        Ok((over, keys, width.max(1)))
    }

    fn enter_fork(
        &mut self,
        plan: &Plan,
        task: &mut Task,
        over: Value,
        keys: Vec<Value>,
        total: usize,
        width: usize,
    ) -> Result<Turn, Outcome> {
        let frame = Arc::new(std::mem::take(&mut task.frame));
        task.push(None, Control::Fork(Box::new(Fork::new(frame, over, keys, total, width))));
        self.start_branches(plan, task);
        match fork_of(task) {
            Some(fork) if fork.live.is_empty() => Ok(Turn::Go(Outcome::Next)),
            _ => Ok(Turn::Wait),
        }
    }

    /// Starts branches, in written order, as long as there is room.
    fn start_branches(&mut self, plan: &Plan, task: &mut Task) {
        let statement = statement_of(plan, task);
        let (id, flow, meter, exempt) = (task.id, task.flow, task.meter, task.exempt);
        let path = task.path.clone();
        let Some(fork) = fork_of(task) else { return };
        while fork.leaving.is_none() && fork.next < fork.count && fork.live.len() < fork.width {
            if !self.has_room() {
                if fork.live.is_empty() {
                    let failure = Failure::new(Kind::Exhausted, "the run has too many branches at a time");
                    fork.leaving = Some(Outcome::Fail(Box::new(failure)));
                }
                return;
            }
            let at = fork.next;
            fork.next += 1;
            let (block, frame, path) = match statement {
                Some(Statement::Parallel { branches }) => {
                    let Some(branch) = branches.get(at) else { return };
                    (branch.block, Frame::branch(&fork.frame, branch.own), path.clone())
                }
                Some(Statement::ParallelFor(parallel)) => {
                    let mut frame = Frame::branch(&fork.frame, parallel.own);
                    set_element(&mut frame, parallel, &fork.over, at);
                    if let Some(slot) = parallel.counters.index {
                        frame.set(slot, Some(Value::Int(at as i64)));
                    }
                    if let Some(slot) = parallel.counters.last {
                        frame.set(slot, Some(Value::Bool(at + 1 == fork.count)));
                    }
                    let key = fork.keys.get(at).map_or_else(|| at.to_string(), key_text);
                    (parallel.block, frame, format!("{path}/{}[{key}]", parallel.segment))
                }
                _ => return,
            };
            let child = self.spawn(Some((id, at as u32)), flow, frame, meter, exempt, path, 4);
            if let Some(child) = self.tasks.get_mut(child as usize).and_then(Option::as_mut) {
                child.enter(block);
            }
            fork.live.insert(at as u32, child);
        }
    }

    /// A branch has ended: its parent remembers how, starts another, stops the rest or goes on.
    pub(crate) fn branch_ended(
        &mut self,
        plan: &Plan,
        parent: TaskId,
        branch: u32,
        frame: Frame,
        outcome: Outcome,
    ) {
        let Some(mut task) = self.tasks.get_mut(parent as usize).and_then(Option::take) else { return };
        let collects = match statement_of(plan, &task) {
            Some(Statement::ParallelFor(parallel)) => parallel.collect,
            _ => false,
        };
        let mut stopped = Vec::new();
        if let Some(fork) = fork_of(&mut task) {
            fork.live.remove(&branch);
            match &mut fork.leaving {
                Some(leaving) => take_over(leaving, outcome),
                None => match branch_end(outcome, frame, collects) {
                    Ok(end) => fork.ends[branch as usize] = Some(end),
                    Err(outcome) => {
                        fork.leaving = Some(outcome);
                        stopped = fork.live.values().copied().collect();
                    }
                },
            }
        }
        self.start_branches(plan, &mut task);
        let is_over = fork_of(&mut task).is_none_or(|fork| fork.live.is_empty());
        self.tasks[parent as usize] = Some(task);
        for child in stopped {
            let failure = Failure::new(Kind::Cancelled, "another branch failed");
            self.interrupt(child, Interrupt { depth: None, failure: Box::new(failure) });
        }
        if is_over {
            self.wake(parent, Outcome::Next);
        }
    }

    /// Called when all branches have ended, and after an arm of `catch`.
    pub(crate) fn on_fork(
        &mut self,
        plan: &Plan,
        task: &mut Task,
        outcome: Outcome,
    ) -> Result<Turn, Outcome> {
        let statement = statement_of(plan, task);
        let Some(fork) = fork_of(task) else { return Err(outcome) };
        if fork.catching {
            return after_catch(statement, task, outcome);
        }
        let frame = std::mem::take(&mut fork.frame);
        let leaving = fork.leaving.take();
        let ends = std::mem::take(&mut fork.ends);
        let keys = std::mem::take(&mut fork.keys);
        task.frame = Arc::try_unwrap(frame).unwrap_or_else(|shared| Frame::clone(&shared));
        let outcome = match (outcome, leaving) {
            (Outcome::Next, Some(leaving)) => leaving,
            (Outcome::Next, None) => match self.join(plan, task, statement, ends, keys) {
                Ok(()) => return leave(task, Outcome::Next),
                Err(outcome) => outcome,
            },
            (outcome, _) => outcome,
        };
        let (segment, catch) = match statement {
            Some(Statement::ParallelFor(parallel)) => (Some(&*parallel.segment), parallel.catch.as_ref()),
            _ => (None, None),
        };
        match self.enter_catch(task, segment, catch, outcome) {
            Ok(arm) => {
                if let Some(fork) = fork_of(task) {
                    fork.catching = true;
                }
                task.enter(arm.block);
                Ok(Turn::Go(Outcome::Next))
            }
            Err(outcome) => leave(task, outcome),
        }
    }

    /// Applies what the branches wrote, all or nothing, and sets the block's value.
    fn join(
        &mut self,
        plan: &Plan,
        task: &mut Task,
        statement: Option<&Statement>,
        ends: Vec<Option<BranchEnd>>,
        keys: Vec<Value>,
    ) -> Result<(), Outcome> {
        let slots = &plan.flows[task.flow as usize].slots;
        let merge_of = |slot: SlotId| slots.get(slot as usize).and_then(|slot| slot.merge);
        let mut values = Vec::with_capacity(ends.len());
        let mut added: BTreeMap<SlotId, Vec<Value>> = BTreeMap::new();
        let mut set = Vec::new();
        for (at, end) in ends.into_iter().enumerate() {
            match end {
                Some(BranchEnd::Done(value, writes)) => {
                    values.push(Ok(value));
                    for (slot, value) in writes.added {
                        added.entry(slot).or_default().push(value);
                    }
                    if let Some(Statement::Parallel { branches }) = statement {
                        let allowed = &branches[at].writes;
                        set.extend(
                            writes
                                .set
                                .into_iter()
                                .filter(|(slot, _)| merge_of(*slot).is_none() && allowed.contains(slot)),
                        );
                    }
                }
                Some(BranchEnd::Failed(failure)) => {
                    let key = keys.get(at).cloned().unwrap_or(Value::Int(at as i64));
                    values.push(Err((key, failure)));
                }
                None => {}
            }
        }
        let mut merged = Vec::with_capacity(added.len());
        for (slot, values) in &added {
            let Some(merge) = merge_of(*slot) else { continue };
            let current = flow_expr::Frame::slot(&task.frame, *slot).cloned();
            let value = pure::merge_all(merge, current, values.clone())
                .map_err(|error| self.pure_failure(task, error))?;
            merged.push((*slot, value));
        }
        for (slot, value) in set.into_iter().chain(merged) {
            task.frame.set(slot, value);
        }
        for (slot, values) in added {
            if task.frame.is_outside(slot) {
                values.into_iter().for_each(|value| task.frame.note_added(slot, value));
            }
        }
        if let Some(Statement::ParallelFor(parallel)) = statement
            && let Some(slot) = parallel.into
        {
            task.frame.set(slot, Some(result(parallel, values)));
        }
        Ok(())
    }
}

impl Fork {
    fn new(frame: Arc<Frame>, over: Value, keys: Vec<Value>, count: usize, width: usize) -> Fork {
        let mut ends = Vec::new();
        ends.resize_with(count, || None);
        Fork {
            frame,
            over,
            keys,
            count,
            next: 0,
            width,
            live: BTreeMap::new(),
            ends,
            leaving: None,
            catching: false,
        }
    }
}

fn fork_of(task: &mut Task) -> Option<&mut Fork> {
    match task.stack.last_mut().map(|scope| &mut scope.control) {
        Some(Control::Fork(fork)) => Some(fork),
        _ => None,
    }
}

/// Sets what a branch is about.
fn set_element(frame: &mut Frame, parallel: &ParallelFor, over: &Value, at: usize) {
    let Some((key, value)) = element(over, at, parallel.index.is_some()) else { return };
    if let Some(slot) = parallel.index {
        frame.set(slot, Some(key));
    }
    frame.set(parallel.item, Some(value));
}

/// Returns what a branch left, or why the whole ends.
fn branch_end(outcome: Outcome, frame: Frame, collects: bool) -> Result<BranchEnd, Outcome> {
    match outcome {
        Outcome::Fail(failure) => {
            let can_be_caught = failure.built_in().is_none_or(Kind::can_be_caught);
            match collects && can_be_caught {
                true => Ok(BranchEnd::Failed(failure)),
                false => Err(Outcome::Fail(failure)),
            }
        }
        Outcome::Interrupt(interrupt) => Err(Outcome::Fail(interrupt.failure)),
        Outcome::Yield(value) => Ok(BranchEnd::Done(value, frame.into_writes())),
        _ => Ok(BranchEnd::Done(Value::Null, frame.into_writes())),
    }
}

fn after_catch(statement: Option<&Statement>, task: &mut Task, outcome: Outcome) -> Result<Turn, Outcome> {
    let into = match statement {
        Some(Statement::ParallelFor(parallel)) => parallel.catch.as_ref().and_then(|catch| catch.into),
        _ => None,
    };
    match (outcome, into) {
        (Outcome::Yield(value), Some(slot)) => {
            task.pop();
            task.frame.set(slot, Some(value));
            Ok(Turn::Go(Outcome::Next))
        }
        (outcome, _) => leave(task, outcome),
    }
}

/// Returns the list of values, or the record of `collect`.
fn result(parallel: &ParallelFor, values: Vec<Result<Value, (Value, Box<Failure>)>>) -> Value {
    if !parallel.collect {
        return Value::list(values.into_iter().filter_map(Result::ok).collect());
    }
    let failed_shape = shape(&["key", "error"]);
    let mut ok = Vec::new();
    let mut failed = Vec::new();
    for value in values {
        match value {
            Ok(value) => ok.push(value),
            Err((key, failure)) => failed.push(record(&failed_shape, vec![key, error_value(&failure)])),
        }
    }
    let (whole, swapped) = collect_shape(&parallel.result);
    let (ok, failed) = (Value::list(ok), Value::list(failed));
    record(&whole, if swapped { vec![failed, ok] } else { vec![ok, failed] })
}

/// Returns the shape of `{ok, failed}` in the order that the type has it, and whether that is the other way round.
fn collect_shape(ty: &Type) -> (Arc<Shape>, bool) {
    let swapped = match ty {
        Type::Record(fields) => {
            fields.fields.first().is_some_and(|field| field.name == Name::new_static("failed"))
        }
        _ => false,
    };
    (shape(if swapped { &["failed", "ok"] } else { &["ok", "failed"] }), swapped)
}
