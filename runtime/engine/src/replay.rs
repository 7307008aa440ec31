//! Going on with a run: its records are read in order, each at its time, by the same machine that wrote them. What they
//! tell is taken for granted; what the program computes must meet them, else it has diverged (C5).

use std::collections::{HashMap, HashSet, VecDeque};

use indexmap::IndexMap;

use flow_ir::{Name, Plan};
use flow_runtime_api::{Choice, Coordinate, Cost, Event, Failure, Kind, Record, Repair, Time, Usage};
use serde_json::Value as Json;

use crate::effect::{Stage, kind_name, step_of};
use crate::engine::Run;
use crate::task::{Control, Outcome, Task, TaskId};

/// What is known while records are read.
#[derive(Debug, Default)]
pub(crate) struct Replay {
    records: Vec<Record>,
    /// What waits for a record, by its coordinate.
    waiting: HashMap<Coordinate, TaskId>,
    /// What the program has failed, stopped or begun by itself, so that a record of it should follow.
    expected: IndexMap<(Own, Coordinate), (u64, Event)>,
    /// How many were expected so far.
    count: u64,
    /// Where the records tell that something was emitted.
    emitted: HashSet<Coordinate>,
    /// Tasks that would emit what no record tells of: they wait until all are read.
    held: Vec<TaskId>,
    /// The arms that have won, by the race's coordinate, in order; those that are met are taken out.
    winners: HashMap<Coordinate, VecDeque<u32>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Own {
    Failed,
    Cancelled,
    Waiting,
    Registered,
    Dropped,
    Emitted,
    /// Races without a name of their own may stand at one place: a number tells them apart.
    Won {
        arm: u32,
        nth: u32,
    },
}

/// Why records and program don't meet.
type Mismatch = (Coordinate, &'static str);

impl Replay {
    pub(crate) fn new(records: Vec<Record>) -> Replay {
        let mut replay = Replay::default();
        for record in &records {
            match &record.event {
                Event::Emitted { step, .. } => {
                    replay.emitted.insert(step.clone());
                }
                Event::RaceWon { step, arm } => {
                    replay.winners.entry(step.clone()).or_default().push_back(*arm);
                }
                _ => {}
            }
        }
        Replay { records, ..replay }
    }

    /// Whether an arm that has succeeded wins: no record names another.
    pub(crate) fn is_winner(&mut self, step: &Coordinate, arm: u32) -> bool {
        let Some(winners) = self.winners.get_mut(step) else { return true };
        match winners.front() {
            Some(winner) if *winner != arm => false,
            _ => {
                winners.pop_front();
                true
            }
        }
    }

    /// Whether a task has to wait with what it emits: no record tells of it.
    pub(crate) fn holds_emit(&mut self, step: &Coordinate, id: TaskId) -> bool {
        let holds = !self.emitted.contains(step);
        if holds {
            self.held.push(id);
        }
        holds
    }

    /// Notes an event that the program makes again by itself.
    pub(crate) fn expect(&mut self, event: &Event) {
        let key = match event {
            Event::StepFailed { step, .. } => (Own::Failed, step.clone()),
            Event::StepCancelled { step, .. } => (Own::Cancelled, step.clone()),
            Event::WaitStarted { step, .. } => (Own::Waiting, step.clone()),
            Event::UndoRegistered { step } => (Own::Registered, step.clone()),
            Event::UndoDropped { step } => (Own::Dropped, step.clone()),
            Event::Emitted { step, .. } => (Own::Emitted, step.clone()),
            Event::RaceWon { step, arm } => {
                (Own::Won { arm: *arm, nth: self.wins(step, *arm) }, step.clone())
            }
            _ => return,
        };
        self.count += 1;
        self.expected.insert(key, (self.count, event.clone()));
    }

    /// Returns how many wins of an arm at a place no record was met for yet.
    fn wins(&self, step: &Coordinate, arm: u32) -> u32 {
        let is_known = |nth: &u32| self.expected.contains_key(&(Own::Won { arm, nth: *nth }, step.clone()));
        (0..).take_while(is_known).count() as u32
    }

    fn meets_win(&mut self, step: &Coordinate, arm: u32) -> bool {
        let last = self.wins(step, arm).checked_sub(1);
        last.is_some_and(|nth| self.meets(Own::Won { arm, nth }, step))
    }

    /// Whether the program has emitted the same there.
    fn meets_emit(&mut self, step: &Coordinate, recorded: &Json) -> bool {
        match self.expected.swap_remove(&(Own::Emitted, step.clone())) {
            // A number may be another after it was written and read: both are.
            Some((_, Event::Emitted { value, .. })) => {
                serde_json::from_str::<Json>(&value.to_string()).is_ok_and(|value| value == *recorded)
            }
            _ => false,
        }
    }

    fn meets(&mut self, own: Own, step: &Coordinate) -> bool {
        self.expected.swap_remove(&(own, step.clone())).is_some()
    }
}

/// Finds the record after which a computation was under way when the run was asked to stop, and how many of its statements
/// had executed by then.
fn cut_off(records: &[Record]) -> Option<(usize, u64)> {
    let (at, count) = records.iter().enumerate().find_map(|(at, record)| match record.event {
        Event::CancelRequested { after } => Some((at, after?)),
        _ => None,
    })?;
    let is_own = |record: &Record| {
        matches!(
            record.event,
            Event::StepFailed { .. }
                | Event::StepCancelled { .. }
                | Event::WaitStarted { .. }
                | Event::UndoRegistered { .. }
                | Event::UndoDropped { .. }
                | Event::Emitted { .. }
                | Event::RaceWon { .. }
        )
    };
    let cause = records[..at].iter().rposition(|record| !is_own(record))?;
    Some((cause, count))
}

impl Run {
    /// Reads all records, then goes on where they end.
    pub(crate) fn replay_all(&mut self, plan: &Plan, now: Time) {
        let records =
            self.replay.as_mut().map(|replay| std::mem::take(&mut replay.records)).unwrap_or_default();
        let mut last = self.settings.started_at;
        self.now = last;
        self.first_task(plan);
        let cut_off = cut_off(&records);
        self.stops_after = cut_off.filter(|(cause, _)| *cause == 0).map(|(_, count)| count);
        self.settle(plan);
        for (at, record) in records.into_iter().enumerate().skip(1) {
            self.now = record.at;
            if let Event::RunFinished { status, result, failure, usage, cost } = record.event {
                (self.usage, self.cost) = (usage, cost);
                return self.close_again(status, result, failure);
            }
            if let Err((step, what)) = self.reread(plan, record.event, last) {
                self.now = now;
                self.emit_live(Event::Resumed {});
                return self.diverge(Some(&step), format!("`{step}` {what}"));
            }
            if let Some((_, count)) = cut_off.filter(|(cause, _)| *cause == at) {
                (self.executed, self.stops_after) = (0, Some(count));
            }
            self.settle(plan);
            last = record.at;
        }
        let Replay { expected: missing, held, .. } = self.replay.take().unwrap_or_default();
        let mut missing: Vec<_> = missing.into_values().collect();
        missing.sort_by_key(|(made, _)| *made);
        self.now = now;
        self.emit(Event::Resumed {});
        // A store that lost the end of a commit has lost these: they follow from what it kept.
        for (_, event) in missing {
            if let Event::StepCancelled { usage, cost, .. } = &event {
                self.count(usage, cost);
            }
            self.emit(event);
        }
        self.orphan_all(last);
        while self.settle_race(None) {}
        for id in held {
            let is_held =
                |task: &Task| matches!(task.stack.last().map(|scope| &scope.control), Some(Control::Emit(_)));
            if self.tasks[id as usize].as_deref().is_some_and(is_held) {
                self.wake(id, Outcome::Next);
            }
        }
        if self.cancel_first {
            self.cancel();
        }
        // What was about to start comes before what has to start again, as it did before.
        let mut starting = std::mem::take(&mut self.starting);
        starting.retain(|id| self.is_starting(*id));
        self.starting = starting;
        self.take_up_orphans(plan);
        self.put_questions_again(plan);
        self.set_all_timers();
    }

    fn is_starting(&self, id: TaskId) -> bool {
        let task = self.tasks.get(id as usize).and_then(Option::as_ref);
        match task.and_then(|task| task.stack.last()).map(|scope| &scope.control) {
            Some(Control::Step(state)) => state.stage == Stage::Starting,
            _ => false,
        }
    }

    fn reread(&mut self, plan: &Plan, event: Event, last: Time) -> Result<(), Mismatch> {
        match event {
            Event::RunStarted { .. } => Err((Coordinate::default(), "the run starts twice")),
            Event::StepStarted { step, kind, attempt, repair, fingerprint, .. } => {
                self.note_asked(&step);
                self.reread_start(plan, step, &kind, (attempt, repair), &fingerprint)
            }
            Event::RoundRobin { step, choices } => self.reread_choices(plan, step, &choices),
            Event::StepReplayed { step, kind, fingerprint, model, result, failure, repairs, .. } => {
                self.reread_start(plan, step.clone(), &kind, (0, 0), &fingerprint)?;
                self.reread_conversation(plan, &step, model, repairs);
                self.reread_replayed(plan, step, &result, failure)
            }
            Event::AttemptFailed { step, failure, usage, cost, next_at, answer, complaint, .. } => {
                let mut task = self.take_sent(&step, &usage, &cost)?;
                if let Some(statement) = step_of(plan, &task) {
                    match answer {
                        Some(answer) => {
                            self.plan_repair(&mut task, answer, complaint.unwrap_or(failure.message))
                        }
                        None => self.plan_attempt(plan, &mut task, statement, &failure, next_at),
                    }
                }
                self.put_back(task);
                Ok(())
            }
            Event::StepFinished { step, result, usage, cost, .. } => {
                self.reread_result(plan, step, &result, &usage, &cost)
            }
            Event::StepFailed { step, failure, usage, cost, .. } => {
                if !self.is_waiting(&step) && self.meets(Own::Failed, &step) {
                    self.count(&usage, &cost);
                    return Ok(());
                }
                let mut task = self.take_sent(&step, &usage, &cost)?;
                task.wake = Some(Outcome::Fail(Box::new(failure)));
                self.put_back(task);
                Ok(())
            }
            Event::StepCancelled { step, usage, cost } => {
                self.count(&usage, &cost);
                match self.meets(Own::Cancelled, &step) {
                    true => Ok(()),
                    false => Err((step, "was stopped, but nothing stops it now")),
                }
            }
            Event::Asked { step, until, fingerprint, .. } => {
                let unreached = (step.clone(), "was asked, but isn't reached now");
                let id = self.waiting_task(&step).map(|task| task.id).ok_or(unreached.clone())?;
                let mut task = self.tasks[id as usize].take().ok_or(unreached)?;
                let result = self.ask_again(plan, &mut task, until, &fingerprint);
                self.tasks[id as usize] = Some(task);
                result.map_err(|what| (step, what))
            }
            Event::Delivered { node, body } => self
                .keep_again(plan, &node, body)
                .map_err(|_| (Coordinate(node), "was delivered, but there is no such event now")),
            Event::WaitStarted { step, until } => {
                let timer = self.waiting_task(&step).and_then(|task| match task.stack.last()?.control {
                    Control::Wait(timer) => Some(timer),
                    _ => None,
                });
                match (timer, self.meets(Own::Waiting, &step)) {
                    (Some(timer), _) => self.move_timer(timer, until),
                    // It began, and a sibling that failed at the same moment has stopped it.
                    (None, true) => {}
                    (None, false) => return Err((step, "waited, but isn't reached now")),
                }
                Ok(())
            }
            Event::UndoRegistered { step } => match self.meets(Own::Registered, &step) {
                true => Ok(()),
                false => Err((step, "was to be taken back, but isn't reached now")),
            },
            Event::UndoDropped { step } => match self.meets(Own::Dropped, &step) {
                true => Ok(()),
                false => Err((step, "had nothing to take back, but has now")),
            },
            Event::WaitFinished { step } => {
                let found = self.waiting_task(&step).and_then(|task| match task.stack.last()?.control {
                    Control::Wait(timer) => Some((task.id, timer)),
                    _ => None,
                });
                let (id, timer) = found.ok_or((step, "waited, but isn't reached now"))?;
                self.pass_wait(timer);
                self.clear_timer(timer);
                self.wake(id, Outcome::Next);
                Ok(())
            }
            Event::RaceWon { step, arm } => {
                let is_met = self.replay.as_mut().is_some_and(|replay| replay.meets_win(&step, arm));
                if is_met {
                    return Ok(());
                }
                if let Some(replay) = &mut self.replay {
                    replay.is_winner(&step, arm);
                }
                match self.settle_race(Some((&step, arm))) {
                    true => Ok(()),
                    false => Err((step, "was won by an arm that doesn't succeed now")),
                }
            }
            Event::Emitted { step, value } => {
                match self.replay.as_mut().is_some_and(|replay| replay.meets_emit(&step, &value)) {
                    true => Ok(()),
                    false => Err((step, "emitted what it doesn't emit now")),
                }
            }
            Event::TimedOut { step } => {
                let found = self.waiting_task(&step).and_then(|task| {
                    let is_it = |control: &Control| {
                        matches!(control, Control::Step(state) if state.coordinate == step)
                    };
                    Some((task.id, task.stack.iter().position(|scope| is_it(&scope.control))?))
                });
                let (id, depth) = found.ok_or((step, "timed out, but isn't reached now"))?;
                self.flow_timed_out(id, depth);
                Ok(())
            }
            Event::BudgetRefused { step, message } => {
                let id = self.waiting_task(&step).map(|task| task.id);
                let id = id.ok_or((step.clone(), "was refused, but isn't reached now"))?;
                let failure = Failure { step: Some(step), ..Failure::new(Kind::Budget, message) };
                if let Some(state) = self.tasks[id as usize].as_mut().and_then(|task| task.step_mut()) {
                    state.stage = Stage::Over;
                }
                self.wake(id, Outcome::Fail(Box::new(failure)));
                Ok(())
            }
            Event::CancelRequested { .. } => {
                self.stops_after = None;
                self.stop_all();
                Ok(())
            }
            Event::Resumed {} => {
                self.orphan_all(last);
                Ok(())
            }
            Event::Interrupted {} => {
                self.end_starts();
                Ok(())
            }
            Event::Suspended { .. }
            | Event::ProgramChanged { .. }
            | Event::Unrecorded { .. }
            | Event::RunFinished { .. } => Ok(()),
        }
    }

    /// The models that were chosen are asked again, whatever would be chosen now.
    fn reread_choices(&mut self, plan: &Plan, step: Coordinate, choices: &[Choice]) -> Result<(), Mismatch> {
        let unreached = || (step.clone(), "was made, but isn't reached now");
        let id = self.waiting_task(&step).map(|task| task.id).ok_or_else(unreached)?;
        let mut task = self.tasks[id as usize].take().ok_or_else(unreached)?;
        let statement = step_of(plan, &task);
        if let (Some(statement), Some(node)) = (statement, task.step_mut().map(|state| state.node)) {
            let (candidates, _) = self.candidates(plan, statement, node, Some(choices));
            if let Some(state) = task.step_mut() {
                // What was rendered is for the model that would be chosen now.
                state.prepared = None;
                state.candidates = candidates;
                state.choices = Vec::new();
            }
        }
        self.tasks[id as usize] = Some(task);
        Ok(())
    }

    /// What a conversation goes on with of a step that has taken over another run's outcome.
    fn reread_conversation(
        &mut self,
        plan: &Plan,
        step: &Coordinate,
        model: Option<Name>,
        repairs: Vec<Repair>,
    ) {
        let Some(id) = self.waiting_task(step).map(|task| task.id) else { return };
        let Some(mut task) = self.tasks[id as usize].take() else { return };
        if let Some(state) = task.step_mut() {
            self.go_on_from(plan, state, model.as_ref(), repairs);
        }
        self.tasks[id as usize] = Some(task);
    }

    /// A step has taken over another run's outcome.
    fn reread_replayed(
        &mut self,
        plan: &Plan,
        step: Coordinate,
        result: &Json,
        failure: Option<Failure>,
    ) -> Result<(), Mismatch> {
        let (usage, cost) = (Usage::default(), Cost::ZERO);
        match failure {
            None => self.reread_result(plan, step, result, &usage, &cost),
            Some(failure) => {
                let mut task = self.take_sent(&step, &usage, &cost)?;
                task.wake = Some(Outcome::Fail(Box::new(failure)));
                self.put_back(task);
                Ok(())
            }
        }
    }

    /// An attempt was made: the one that the program is about to make, with the same request.
    fn reread_start(
        &mut self,
        plan: &Plan,
        step: Coordinate,
        kind: &str,
        tries: (u32, u32),
        fingerprint: &str,
    ) -> Result<(), Mismatch> {
        let unreached = (step.clone(), "was made, but isn't reached now");
        let id = self.waiting_task(&step).map(|task| task.id).ok_or(unreached.clone())?;
        let mut task = self.tasks[id as usize].take().ok_or(unreached.clone())?;
        let result = self.start_again(plan, &mut task, kind, tries, fingerprint);
        self.tasks[id as usize] = Some(task);
        result.map_err(|what| (step, what))
    }

    fn start_again(
        &mut self,
        plan: &Plan,
        task: &mut Task,
        kind: &str,
        tries: (u32, u32),
        fingerprint: &str,
    ) -> Result<(), &'static str> {
        let (meter, statement) = (task.meter, step_of(plan, task).ok_or("was made, but isn't reached now")?);
        let state = task.step_mut().ok_or("was made, but isn't reached now")?;
        match state.stage {
            Stage::Starting | Stage::Orphan => {}
            Stage::Retry(timer) => self.clear_timer(timer),
            _ => return Err("was made while it was under way"),
        }
        if kind_name(&plan.nodes[state.node as usize].kind) != kind {
            return Err("is of another kind now");
        }
        if (state.attempt, state.repair) != tries {
            return Err("was tried more or less often than the program tries it now");
        }
        let prepared = match state.prepared.take() {
            Some(prepared) => *prepared,
            None => self.prepare(plan, statement, state).map_err(|_| "can't be rendered any more")?,
        };
        if prepared.fingerprint != fingerprint {
            return Err("asks something else than the record tells");
        }
        state.stage = Stage::Sent(None);
        state.choices = Vec::new();
        state.starts += 1;
        state.is_begun = true;
        state.since = self.now;
        self.spend.begin(meter, self.now);
        Ok(())
    }

    fn reread_result(
        &mut self,
        plan: &Plan,
        step: Coordinate,
        result: &Json,
        usage: &Usage,
        cost: &Cost,
    ) -> Result<(), Mismatch> {
        let mut task = self.take_sent(&step, usage, cost)?;
        self.use_kept(plan, &task);
        let value = task.step_mut().and_then(|state| self.on_record(plan, state, result));
        let is_good = value.is_some();
        if let Some(value) = value {
            task.wake = Some(Outcome::Return(value));
        }
        self.put_back(task);
        match is_good {
            true => Ok(()),
            false => Err((step, "has a result that isn't of its type now")),
        }
    }

    /// Takes the task of a step whose attempt has ended out of its place, with what that took.
    fn take_sent(&mut self, step: &Coordinate, usage: &Usage, cost: &Cost) -> Result<Box<Task>, Mismatch> {
        let unreached = || (step.clone(), "ended, but isn't under way now");
        let id = self.waiting_task(step).map(|task| task.id).ok_or_else(unreached)?;
        let Some(mut task) = self.tasks[id as usize].take() else { return Err(unreached()) };
        let Some(state) = task.step_mut() else {
            self.tasks[id as usize] = Some(task);
            return Err(unreached());
        };
        match std::mem::replace(&mut state.stage, Stage::Over) {
            Stage::Sent(_) => self.spend.end(task.meter, self.now),
            Stage::Asked(timer) => self.unask(task.id, timer),
            _ => {}
        }
        self.charge(&task, usage, cost);
        Ok(task)
    }

    /// What is in flight was stopped in an orderly way: that is an end, and no crash.
    fn end_starts(&mut self) {
        for state in self.tasks.iter_mut().flatten().filter_map(|task| task.step_mut()) {
            if matches!(state.stage, Stage::Sent(_)) {
                state.starts = state.starts.saturating_sub(1);
            }
        }
    }

    /// Between two executions nothing runs. What the calls that were cut off have taken isn't told.
    fn orphan_all(&mut self, last: Time) {
        let mut cut = Cost::ZERO;
        for id in 0..self.tasks.len() {
            let Some(mut task) = self.tasks[id].take() else { continue };
            let meter = task.meter;
            if let Some(state) = task.step_mut()
                && matches!(state.stage, Stage::Sent(_))
            {
                state.stage = Stage::Orphan;
                state.in_doubt = true;
                cut += self.cost_of_cut(state);
                self.spend.end(meter, last);
            }
            self.tasks[id] = Some(task);
        }
        self.count(&Usage::default(), &cut);
    }

    /// Remembers what waits for a record.
    pub(crate) fn note_waiting(&mut self, step: &Coordinate, id: TaskId) {
        if let Some(replay) = &mut self.replay {
            replay.waiting.insert(step.clone(), id);
        }
    }

    /// Forgets that the innermost step or wait of a task waits for a record.
    pub(crate) fn forget_waiting(&mut self, task: &Task) {
        let Some(replay) = &mut self.replay else { return };
        let step = match task.stack.last().map(|scope| &scope.control) {
            Some(Control::Step(state)) => state.coordinate.clone(),
            _ => task.coordinate(),
        };
        if replay.waiting.get(&step) == Some(&task.id) {
            replay.waiting.remove(&step);
        }
    }

    fn is_waiting(&self, step: &Coordinate) -> bool {
        self.waiting_task(step).is_some()
    }

    fn waiting_task(&self, step: &Coordinate) -> Option<&Task> {
        let id = self.replay.as_ref()?.waiting.get(step)?;
        self.tasks.get(*id as usize)?.as_deref()
    }

    fn meets(&mut self, own: Own, step: &Coordinate) -> bool {
        self.replay.as_mut().is_some_and(|replay| replay.meets(own, step))
    }
}
