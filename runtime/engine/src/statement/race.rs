//! `race`: arms run as branches over the frame at the fork. The first that succeeds is on record before anything uses it;
//! the others are stopped, and what they wrote is dropped. All fail: the race does (S11).

use std::collections::BTreeMap;
use std::sync::Arc;

use flow_ir::plan::{self, Statement};
use flow_ir::{Plan, Value};
use flow_runtime_api::{Coordinate, Event, Failure, Kind};

use super::group::{is_uncatchable, leave};
use super::saga::take_over;
use crate::engine::Run;
use crate::frame::{Frame, Writes};
use crate::run::statement_of;
use crate::task::{ArmEnd, Control, Interrupt, Outcome, Race, RacePhase, Task, TaskId, Turn};

/// Of the message of an arm that has lost, in characters.
const MESSAGE_CHARS_MAX: usize = 300;

impl Run {
    pub(crate) fn enter_race(&mut self, task: &mut Task, race: &plan::Race) -> Turn {
        let registered = self.registered_so_far(task);
        let frame = Arc::new(std::mem::take(&mut task.frame));
        let mut live = BTreeMap::new();
        task.push(
            race.segment.as_deref(),
            Control::Race(Box::new(Race::new(frame.clone(), race.arms.len()))),
        );
        for (at, arm) in race.arms.iter().enumerate() {
            let own = Frame::branch(&frame, arm.step.own);
            let parent = Some((task.id, at as u32));
            let child = self.spawn(parent, task.flow, own, task.meter, task.exempt, task.path.clone(), 4);
            if let Some(child) = self.tasks.get_mut(child as usize).and_then(Option::as_mut) {
                child.enter(arm.step.block);
            }
            live.insert(at as u32, child);
        }
        if let Some(state) = race_of(task) {
            (state.live, state.registered) = (live, registered);
        }
        Turn::Wait
    }

    /// Whether a task waits for the arms of a race.
    pub(crate) fn is_racing(&self, id: TaskId) -> bool {
        let task = self.tasks.get(id as usize).and_then(Option::as_ref);
        matches!(task.and_then(|task| task.stack.last()).map(|scope| &scope.control), Some(Control::Race(_)))
    }

    /// An arm has ended: the first that succeeds wins, and the others are stopped.
    pub(crate) fn arm_ended(&mut self, parent: TaskId, arm: u32, frame: Frame, outcome: Outcome) {
        let Some(mut task) = self.tasks.get_mut(parent as usize).and_then(Option::take) else { return };
        let step = task.coordinate();
        let mut stopped = Vec::new();
        if let Some(race) = race_of(&mut task) {
            race.live.remove(&arm);
            match (&mut race.leaving, race.won) {
                (Some(leaving), _) => take_over(leaving, outcome),
                // What a loser couldn't take back is the race's failure.
                (None, Some(_)) => {
                    let mut told = Outcome::Next;
                    take_over(&mut told, outcome);
                    race.leaving = Some(told).filter(|told| !matches!(told, Outcome::Next));
                }
                (None, None) => stopped = self.judge_arm(race, &step, arm, frame, outcome),
            }
        }
        let is_over = race_of(&mut task).is_none_or(|race| race.live.is_empty() && !race.is_open());
        self.tasks[parent as usize] = Some(task);
        self.stop_arms(stopped);
        if is_over {
            self.wake(parent, Outcome::Next);
        }
    }

    /// Notes how an arm ended; returns the others if they are to be stopped.
    fn judge_arm(
        &mut self,
        race: &mut Race,
        step: &Coordinate,
        arm: u32,
        frame: Frame,
        outcome: Outcome,
    ) -> Vec<TaskId> {
        match outcome {
            outcome @ (Outcome::Fail(_) | Outcome::Interrupt(_)) if stops_race(&outcome) => {
                race.leaving = Some(match outcome {
                    Outcome::Interrupt(interrupt) => Outcome::Fail(interrupt.failure),
                    outcome => outcome,
                });
            }
            Outcome::Fail(failure) => {
                race.ends[arm as usize] = Some(ArmEnd::Failed(failure));
                return Vec::new();
            }
            _ => {
                race.ends[arm as usize] = Some(ArmEnd::Done(frame.into_writes()));
                race.first.get_or_insert(arm);
                if !self.replay.as_mut().is_none_or(|replay| replay.is_winner(step, arm)) {
                    return Vec::new();
                }
                race.won = Some(arm);
                self.emit(Event::RaceWon { step: step.clone(), arm });
            }
        }
        race.live.values().copied().collect()
    }

    fn stop_arms(&mut self, arms: Vec<TaskId>) {
        for arm in arms {
            let failure = Failure::new(Kind::Cancelled, "another arm of the race was first");
            self.interrupt(arm, Interrupt { depth: None, failure: Box::new(failure) });
        }
    }

    /// Lets an arm that has succeeded win: the one that the journal names, or where the journal has ended before that, the
    /// first. Returns whether there is such a race.
    pub(crate) fn settle_race(&mut self, step: Option<(&Coordinate, u32)>) -> bool {
        let mut found = None;
        for task in self.tasks.iter_mut().flatten() {
            let is_it = step.is_none_or(|(step, _)| task.path == *step.0);
            let (id, path) = (task.id, is_it.then(|| task.coordinate()));
            let (Some(path), Some(race)) = (path, race_of(task).filter(|race| race.is_open())) else {
                continue;
            };
            let Some(arm) = step.map_or(race.first, |(_, arm)| Some(arm)) else { continue };
            if !matches!(race.ends.get(arm as usize), Some(Some(ArmEnd::Done(_)))) {
                continue;
            }
            race.won = Some(arm);
            found = Some((id, path, arm, race.live.values().copied().collect::<Vec<_>>()));
            break;
        }
        let Some((id, path, arm, others)) = found else { return false };
        if step.is_none() {
            self.emit(Event::RaceWon { step: path, arm });
        }
        let is_over = others.is_empty();
        self.stop_arms(others);
        if is_over {
            self.wake(id, Outcome::Next);
        }
        true
    }

    /// Called when all arms have ended, and with the outcome of the winner's body or of an arm of `catch`.
    pub(crate) fn on_race(
        &mut self,
        plan: &Plan,
        task: &mut Task,
        outcome: Outcome,
    ) -> Result<Turn, Outcome> {
        let Some(Statement::Race(race)) = statement_of(plan, task) else { return leave(task, outcome) };
        let Some(state) = race_of(task) else { return Err(outcome) };
        let outcome = match state.phase {
            RacePhase::Racing => {
                let frame = std::mem::take(&mut state.frame);
                let (won, leaving, registered) = (state.won, state.leaving.take(), state.registered);
                task.frame = Arc::try_unwrap(frame).unwrap_or_else(|shared| Frame::clone(&shared));
                match (outcome, leaving, won) {
                    (Outcome::Next, Some(leaving), _) => leaving,
                    (Outcome::Next, None, Some(arm)) => {
                        if let Some(state) = race_of(task) {
                            state.phase = RacePhase::TakingBack;
                        }
                        return match self.undo_losers(plan, task, arm, registered) {
                            Some(turn) => turn,
                            None => Ok(win(task, race)),
                        };
                    }
                    (Outcome::Next, None, None) => lost(task),
                    (outcome, ..) => outcome,
                }
            }
            RacePhase::TakingBack => match outcome {
                Outcome::Next => return Ok(win(task, race)),
                outcome => outcome,
            },
            RacePhase::Body => match (outcome, race.into) {
                (Outcome::Yield(value), Some(slot)) => return Ok(done(task, slot, value)),
                (outcome, _) => outcome,
            },
            RacePhase::Catching => {
                return match (outcome, race.catch.as_ref().and_then(|catch| catch.into)) {
                    (Outcome::Yield(value), Some(slot)) => Ok(done(task, slot, value)),
                    (outcome, _) => leave(task, outcome),
                };
            }
        };
        match self.enter_catch(task, race.segment.as_deref(), race.catch.as_ref(), outcome) {
            Ok(arm) => {
                if let Some(state) = race_of(task) {
                    state.phase = RacePhase::Catching;
                }
                task.enter(arm.block);
                Ok(Turn::Go(Outcome::Next))
            }
            Err(outcome) => leave(task, outcome),
        }
    }
}

fn race_of(task: &mut Task) -> Option<&mut Race> {
    match task.stack.last_mut().map(|scope| &mut scope.control) {
        Some(Control::Race(race)) => Some(race),
        _ => None,
    }
}

/// Whether a failure of an arm isn't left to the others: nothing catches it, or what was done stands half taken back.
fn stops_race(outcome: &Outcome) -> bool {
    match outcome {
        Outcome::Fail(failure) if failure.built_in() == Some(Kind::UndoFailed) => true,
        outcome => is_uncatchable(outcome),
    }
}

/// Takes over what the winner wrote.
fn apply(task: &mut Task, arm: &plan::RaceArm, writes: Writes) {
    let allowed = &arm.step.writes;
    for (slot, value) in writes.added {
        if allowed.contains(&slot) && task.frame.is_outside(slot) {
            task.frame.note_added(slot, value);
        }
    }
    for (slot, value) in writes.set {
        if allowed.contains(&slot) {
            task.frame.set(slot, value);
        }
    }
}

fn done(task: &mut Task, slot: flow_ir::expr::SlotId, value: Value) -> Turn {
    task.pop();
    task.frame.set(slot, Some(value));
    Turn::Go(Outcome::Next)
}

/// Goes on with the winner's body.
fn win(task: &mut Task, race: &plan::Race) -> Turn {
    let Some(state) = race_of(task) else { return Turn::Go(Outcome::Next) };
    state.phase = RacePhase::Body;
    let ends = std::mem::take(&mut state.ends);
    let won =
        state.won.and_then(|won| Some((race.arms.get(won as usize)?, ends.into_iter().nth(won as usize)??)));
    if let Some((arm, end)) = won {
        if let ArmEnd::Done(writes) = end {
            apply(task, arm, writes);
        }
        task.enter(arm.body);
    }
    Turn::Go(Outcome::Next)
}

/// Returns the failure of a race that nobody has won: that of the first arm, listing all.
fn lost(task: &mut Task) -> Outcome {
    let ends = race_of(task).map(|state| std::mem::take(&mut state.ends)).unwrap_or_default();
    let mut failures = ends.into_iter().flatten().filter_map(|end| match end {
        ArmEnd::Failed(failure) => Some(failure),
        ArmEnd::Done(_) => None,
    });
    let Some(mut first) = failures.next() else {
        return Outcome::Fail(Box::new(Failure::new(Kind::BadValue, "a race without arms can't be won")));
    };
    for other in failures {
        let at = other.step.map(|step| format!("`{step}` ")).unwrap_or_default();
        let message: String = other.message.chars().take(MESSAGE_CHARS_MAX).collect();
        first.message.push_str(&format!("; and {at}{}: {message}", other.kind));
    }
    Outcome::Fail(first)
}

impl Race {
    fn new(frame: Arc<Frame>, arms: usize) -> Race {
        let mut ends = Vec::new();
        ends.resize_with(arms, || None);
        Race {
            frame,
            live: BTreeMap::new(),
            ends,
            first: None,
            won: None,
            leaving: None,
            registered: 0,
            phase: RacePhase::Racing,
        }
    }

    /// Whether an arm has succeeded, and the journal hasn't told yet who was first.
    fn is_open(&self) -> bool {
        self.phase == RacePhase::Racing
            && self.won.is_none()
            && self.leaving.is_none()
            && self.first.is_some()
    }
}
