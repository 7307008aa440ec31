//! Another run's results, taken over instead of asking anew (C9): those of every step that asks the same, but for the one
//! that is to be asked anew and the one that had ended that run.

use std::collections::{HashMap, HashSet};

use flow_ir::plan::{ModelRef, Step};
use flow_ir::{Name, Plan};
use flow_runtime_api::{Coordinate, Event, Failure, Record, Repair, ReplayOf};
use serde_json::Value as Json;

use crate::effect::{Stage, StepState, kind_name};
use crate::engine::{Engine, Run};
use crate::task::{Control, Outcome, Task, TaskId};

/// What there is to be taken over.
#[derive(Debug)]
pub struct Reel {
    of: ReplayOf,
    steps: HashMap<Coordinate, Taken>,
    waits: HashSet<Coordinate>,
    /// The steps that this run has asked itself.
    asked: HashSet<Coordinate>,
}

/// The outcome of a step.
#[derive(Debug)]
struct Taken {
    /// Of the first attempt.
    fingerprint: String,
    kind: Name,
    /// Of the last.
    model: Option<Name>,
    /// Before the last answer.
    repairs: Vec<Repair>,
    end: Option<Result<Json, Failure>>,
}

impl Reel {
    /// Returns what a run's records offer.
    pub fn read(of: ReplayOf, records: Vec<Record>) -> Reel {
        let mut reel = Reel { of, steps: HashMap::new(), waits: HashSet::new(), asked: HashSet::new() };
        let mut ended_at = None;
        for record in records {
            match record.event {
                Event::StepStarted { step, kind, attempt, repair, fingerprint, model, .. } => {
                    let taken = reel.steps.entry(step).or_insert(Taken {
                        fingerprint: String::new(),
                        kind: Name::default(),
                        model: None,
                        repairs: Vec::new(),
                        end: None,
                    });
                    if attempt == 0 && repair == 0 {
                        taken.fingerprint = fingerprint;
                    }
                    (taken.kind, taken.model) = (kind, model);
                }
                Event::StepReplayed { step, kind, fingerprint, model, result, failure, repairs, .. } => {
                    let end = Some(failure.map_or(Ok(result), Err));
                    reel.steps.insert(step, Taken { fingerprint, kind, model, repairs, end });
                }
                Event::AttemptFailed { step, answer: Some(answer), complaint, failure, .. } => {
                    if let Some(taken) = reel.steps.get_mut(&step) {
                        let complaint = complaint.unwrap_or(failure.message);
                        taken.repairs.push(Repair { answer, complaint });
                    }
                }
                Event::Asked { step, kind, fingerprint, .. } => {
                    let taken = Taken { fingerprint, kind, model: None, repairs: Vec::new(), end: None };
                    reel.steps.insert(step, taken);
                }
                Event::StepFinished { step, result, .. } => reel.end(&step, Ok(result)),
                Event::StepFailed { step, failure, .. } => reel.end(&step, Err(failure)),
                Event::WaitFinished { step } => drop(reel.waits.insert(step)),
                Event::RunFinished { failure, .. } => ended_at = failure.and_then(|failure| failure.step),
                _ => {}
            }
        }
        // The failure that ended the run is no result: that step is asked again.
        if let Some(step) = ended_at {
            reel.steps.remove(&step);
        }
        let Reel { of, steps, waits, .. } = &mut reel;
        let is_anew = |step: &Coordinate| of.from.as_ref().is_some_and(|from| is_within(&step.0, &from.0));
        steps.retain(|step, taken| taken.end.is_some() && !is_anew(step));
        waits.retain(|step| !is_anew(step));
        reel
    }

    fn end(&mut self, step: &Coordinate, end: Result<Json, Failure>) {
        if let Some(taken) = self.steps.get_mut(step) {
            taken.end = Some(end);
        }
    }

    /// Takes a step's outcome out. What a compensation did counts only if this run has not done anew what it takes back.
    fn take(&mut self, step: &Coordinate) -> Option<Taken> {
        let undone = step.0.strip_suffix("/undo");
        if undone.is_some_and(|undone| self.asked.iter().any(|asked| is_within(&asked.0, undone))) {
            return None;
        }
        self.steps.remove(step)
    }
}

/// Whether a coordinate is another, or stands beneath it.
fn is_within(step: &str, around: &str) -> bool {
    step.strip_prefix(around).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

impl Engine {
    /// Has the run take over another run's results where its steps ask the same.
    pub fn replaying(mut self, reel: Reel) -> Engine {
        self.run.reel = Some(Box::new(reel));
        self
    }
}

impl Run {
    /// Returns which run this one replays.
    pub(crate) fn replay_of(&self) -> Option<ReplayOf> {
        self.reel.as_ref().map(|reel| reel.of.clone())
    }

    /// Notes that a step is asked here.
    pub(crate) fn note_asked(&mut self, step: &Coordinate) {
        if let Some(reel) = &mut self.reel {
            reel.asked.insert(step.clone());
        }
    }

    /// Whether a wait was over in the run that is replayed.
    pub(crate) fn has_waited(&self, path: &str, segment: &str) -> bool {
        self.reel.as_ref().is_some_and(|reel| {
            let step = Coordinate(format!("{path}/{segment}").into());
            reel.waits.contains(&step)
        })
    }

    /// Returns the step to be started next: those that may have an outcome already come first, so that nothing is asked
    /// that they make needless.
    pub(crate) fn next_start(&mut self) -> Option<TaskId> {
        let Some(reel) = self.reel.as_ref().filter(|reel| !reel.steps.is_empty()) else {
            return self.starting.pop_front();
        };
        let known = |id: &TaskId| {
            let task = self.tasks.get(*id as usize).and_then(Option::as_ref);
            task.is_some_and(|task| match task.stack.last().map(|scope| &scope.control) {
                Some(Control::Step(state)) => reel.steps.contains_key(&state.coordinate),
                _ => false,
            })
        };
        let first = self.starting.iter().position(known).unwrap_or(0);
        self.starting.remove(first)
    }

    /// Ends a step that is about to be asked with the outcome that it had in the run that is replayed, if it asks the same.
    pub(crate) fn is_taken_over(&mut self, plan: &Plan, task: &mut Task, step: &Step) -> bool {
        let Some(state) =
            task.step_mut().filter(|state| (state.attempt, state.repair, state.starts) == (0, 0, 0))
        else {
            return false;
        };
        let Some(taken) = self.reel.as_mut().and_then(|reel| reel.take(&state.coordinate)) else {
            return false;
        };
        if state.prepared.is_none() {
            state.prepared = self.prepare(plan, step, state).ok().map(Box::new);
        }
        let node = &plan.nodes[state.node as usize];
        let kind = kind_name(&node.kind);
        let asks = state.prepared.as_ref().map(|prepared| prepared.fingerprint.as_str());
        if asks != Some(taken.fingerprint.as_str()) || taken.kind != kind {
            return false;
        }
        let (result, failure, outcome) = match taken.end {
            Some(Ok(result)) => match self.on_record(plan, state, &result) {
                Some(value) => (result, None, Outcome::Return(value)),
                None => return false,
            },
            Some(Err(failure)) => (Json::Null, Some(failure.clone()), Outcome::Fail(Box::new(failure))),
            None => return false,
        };
        state.stage = Stage::Over;
        state.prepared = None;
        self.go_on_from(plan, state, taken.model.as_ref(), taken.repairs.clone());
        let (coordinate, choices) = (state.coordinate.clone(), std::mem::take(&mut state.choices));
        if !choices.is_empty() {
            self.emit(Event::RoundRobin { step: coordinate.clone(), choices });
        }
        self.emit(Event::StepReplayed {
            step: coordinate,
            node: node.name.clone(),
            kind: taken.kind,
            fingerprint: taken.fingerprint,
            model: taken.model,
            result,
            failure,
            repairs: taken.repairs,
        });
        task.wake = Some(outcome);
        true
    }

    /// Sets a step up as it was when it got the answer that is taken over: a conversation goes on with the model that gave
    /// it, and with the wrong answers before it.
    pub(crate) fn go_on_from(
        &self,
        plan: &Plan,
        state: &mut StepState,
        model: Option<&Name>,
        repairs: Vec<Repair>,
    ) {
        let is_it = |candidate: &ModelRef| {
            model.is_some_and(|model| self.model_name(plan, *candidate).is_ok_and(|name| name == *model))
        };
        state.candidate = state.candidates.iter().position(is_it).unwrap_or(state.candidate);
        state.repairs = repairs.into_iter().map(|Repair { answer, complaint }| (answer, complaint)).collect();
    }
}
