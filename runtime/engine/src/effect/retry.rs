//! What follows a failed attempt: another, another model, a repair, or the end of the step.

use flow_ir::plan::{ModelRef, ModelSettings, NodeKind, Step};
use flow_ir::{Name, Plan};
use flow_runtime_api::{Cost, Event, Failure, Kind, Time, Usage};
use sha2::{Digest, Sha256};

use super::{Stage, StepState, Verdict};
use crate::engine::{Run, TimerUse};
use crate::port::ModelFacts;
use crate::statement::saga::says_not_done;
use crate::task::{Task, TaskId};

/// The first pause; each further one is twice as long.
const PAUSE_MS: u64 = 500;
/// A pause of our own is never longer.
const PAUSE_MS_MAX: u64 = 30_000;
/// A server that asks for more patience than a day isn't obeyed further.
const SERVER_PAUSE_MS_MAX: u64 = 24 * 60 * 60 * 1_000;

/// A turn of an agent has as long as a prompt.
const TURN_MS: u64 = 120_000;

/// What follows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Next {
    /// The same again, at a time.
    Again(Time),
    /// The next model of a `fallback`, at once.
    OtherModel,
    End,
}

impl Run {
    /// Decides what follows a failure.
    pub(crate) fn next_after(&self, plan: &Plan, step: &Step, state: &StepState, failure: &Failure) -> Next {
        let Some(kind) = failure.built_in().filter(|kind| kind.is_transient()) else { return Next::End };
        // A writer that was refused for its rate did nothing; of any other failure that isn't known.
        if !self.is_repeatable(plan, state.node) && kind != Kind::RateLimited {
            return Next::End;
        }
        if state.tries < self.retries(plan, step, state) {
            return Next::Again(self.pause(state, failure));
        }
        match state.candidate + 1 < state.candidates.len() {
            true => Next::OtherModel,
            false => Next::End,
        }
    }

    /// Returns when the next attempt is due: exponential, with a jitter that is the same in every execution.
    fn pause(&self, state: &StepState, failure: &Failure) -> Time {
        if self.settings.simulate.is_some_and(|how| how.worst) {
            return self.now;
        }
        let full = PAUSE_MS.saturating_mul(1 << state.tries.min(16)).min(PAUSE_MS_MAX);
        let digest = Sha256::digest(format!("{}#{}#{}", state.coordinate, state.attempt, state.repair));
        let jitter = u64::from(u16::from_be_bytes([digest[0], digest[1]]));
        let own = self.now.after_ms(full / 2 + full / 2 * jitter / u64::from(u16::MAX));
        match failure.retry_at {
            Some(asked) => own.max(asked.min(self.now.after_ms(SERVER_PAUSE_MS_MAX))),
            None => own,
        }
    }

    #[allow(clippy::too_many_arguments)]
    pub(super) fn attempt_failed(
        &mut self,
        plan: &Plan,
        task: &mut Task,
        step: &Step,
        failure: Failure,
        usage: Usage,
        cost: Cost,
        duration_ms: u64,
    ) {
        let Some(state) = task.step_mut() else { return };
        let next_at = match self.next_after(plan, step, state, &failure) {
            Next::Again(at) => at,
            Next::OtherModel => self.now,
            Next::End => {
                let failure = self.last_failure(plan, state, failure);
                return self.fail_step(task, failure, usage, cost, duration_ms);
            }
        };
        let event = Event::AttemptFailed {
            step: state.coordinate.clone(),
            attempt: state.attempt,
            repair: state.repair,
            failure: failure.clone(),
            usage,
            cost,
            duration_ms,
            next_at,
            answer: None,
            complaint: None,
        };
        self.emit(event);
        self.plan_attempt(plan, task, step, &failure, next_at);
    }

    /// In a run that takes the worst case, a good answer is only the last one that there may be: each try before it fails,
    /// then each repair is needed; and where an arm of `catch` is dearer than what follows, the step fails at last.
    pub(super) fn worsened(
        &mut self,
        plan: &Plan,
        task: &mut Task,
        step: &Step,
        verdict: Verdict,
    ) -> Verdict {
        let flow = task.flow;
        let (Verdict::Good(_, result), Some(state)) = (&verdict, task.step_mut()) else { return verdict };
        let node = &plan.nodes[state.node as usize];
        if self.worst(plan).is_none() || node.kind.ask().is_none() && !matches!(node.kind, NodeKind::Http(_))
        {
            return verdict;
        }
        let failure = Failure::new(Kind::Unavailable, "simulated: every try but the last one fails");
        if self.next_after(plan, step, state, &failure) != Next::End {
            return Verdict::Failed(failure);
        }
        let repairs = node.kind.ask().map_or(0, |ask| step.with.repair.unwrap_or(ask.repair));
        if state.repair < repairs {
            let complaint = "Simulated.\n- every answer but the last one is wrong\nAnswer again.";
            return Verdict::Wrong(result.to_string(), complaint.into());
        }
        let is_turn = state.turn.is_some();
        let catch = step.catch.as_ref().filter(|_| !is_turn);
        match catch.and_then(|catch| self.worst(plan)?.failure(flow, catch)) {
            Some(kind) => {
                let message = String::from("simulated: what catches it is dearer than a result");
                Verdict::Failed(Failure { kind, ..Failure::new(Kind::Unavailable, message) })
            }
            None => verdict,
        }
    }

    /// A writer without an answer may have done its work.
    fn last_failure(&self, plan: &Plan, state: &StepState, failure: Failure) -> Failure {
        match failure.built_in() {
            Some(Kind::Timeout) if !self.is_repeatable(plan, state.node) => Failure {
                kind: Name::new_static(Kind::Uncertain.name()),
                message: format!("it was sent and not answered: {}", failure.message),
                ..failure
            },
            _ => failure,
        }
    }

    /// Sets a step up for the attempt after a failed one.
    pub(crate) fn plan_attempt(
        &mut self,
        plan: &Plan,
        task: &mut Task,
        step: &Step,
        failure: &Failure,
        next_at: Time,
    ) {
        let id = task.id;
        let Some(state) = task.step_mut() else { return };
        let next = self.next_after(plan, step, state, failure);
        state.attempt += 1;
        state.in_doubt |= !says_not_done(failure);
        state.starts = 0;
        state.prepared = None;
        if next == Next::OtherModel {
            state.candidate += 1;
            state.tries = 0;
            state.stage = Stage::Starting;
            self.starting.push_back(id);
        } else {
            state.tries += 1;
            state.stage = Stage::Retry(self.set_timer(id, TimerUse::Retry, next_at));
        }
    }

    /// The pause before the next attempt is over.
    pub(crate) fn retry_due(&mut self, id: TaskId) {
        let state = self.tasks.get_mut(id as usize).and_then(Option::as_mut).and_then(|task| task.step_mut());
        if let Some(state) = state
            && matches!(state.stage, Stage::Retry(_))
        {
            state.stage = Stage::Starting;
            self.starting.push_back(id);
        }
    }

    /// An answer isn't of the type: the model is told what is wrong, as often as `repair` allows.
    #[allow(clippy::too_many_arguments)]
    pub(super) fn wrong_answer(
        &mut self,
        plan: &Plan,
        task: &mut Task,
        step: &Step,
        (answer, complaint): (String, String),
        usage: Usage,
        cost: Cost,
        duration_ms: u64,
    ) {
        let Some(state) = task.step_mut() else { return };
        let asks = plan.nodes[state.node as usize].kind.ask();
        let allowed = asks.map_or(0, |ask| step.with.repair.unwrap_or(ask.repair));
        // What people read isn't what the model is told.
        let failure = Failure::new(Kind::BadAnswer, in_short(&complaint));
        if state.repair >= allowed {
            return self.fail_step(task, failure, usage, cost, duration_ms);
        }
        let event = Event::AttemptFailed {
            step: state.coordinate.clone(),
            attempt: state.attempt,
            repair: state.repair,
            failure,
            usage,
            cost,
            duration_ms,
            next_at: self.now,
            answer: Some(answer.clone()),
            // A resumed run asks with the very words.
            complaint: Some(complaint.clone()),
        };
        self.emit(event);
        self.plan_repair(task, answer, complaint);
    }

    /// Sets a step up for a repair.
    pub(crate) fn plan_repair(&mut self, task: &mut Task, answer: String, complaint: String) {
        let id = task.id;
        let Some(state) = task.step_mut() else { return };
        state.repairs.push((answer, complaint));
        state.repair += 1;
        state.in_doubt = true;
        state.starts = 0;
        state.prepared = None;
        state.stage = Stage::Starting;
        self.starting.push_back(id);
    }

    /// Returns what is known of a model.
    pub(crate) fn facts(&self, model: Option<ModelRef>) -> Option<&ModelFacts> {
        match model? {
            ModelRef::Default => self.settings.default_model.as_ref(),
            ModelRef::Model(id) => self.settings.models.get(id as usize)?.as_ref(),
        }
    }

    /// Returns how many retries the model or tool has that is asked now.
    fn retries(&self, plan: &Plan, step: &Step, state: &StepState) -> u32 {
        let node = &plan.nodes[state.node as usize];
        let of = |settings: &ModelSettings| settings.retry;
        step.with.retry.or(node.retry).or_else(|| setting(plan, state, of)).unwrap_or(node.kind.retry())
    }

    /// Returns the time that an attempt has, in milliseconds.
    pub(super) fn timeout(&self, plan: &Plan, step: &Step, state: &StepState) -> u64 {
        let node = &plan.nodes[state.node as usize];
        let of = |settings: &ModelSettings| settings.timeout_ms;
        // What an agent says of time is of the whole.
        if state.turn.is_some() {
            return setting(plan, state, of).unwrap_or(TURN_MS);
        }
        let own = step.with.timeout_ms.or(node.timeout_ms);
        own.or_else(|| setting(plan, state, of)).unwrap_or(node.kind.timeout_ms())
    }
}

/// Returns a setting of the prompt, else of the model that is asked.
pub(super) fn setting<T>(
    plan: &Plan,
    state: &StepState,
    of: impl Fn(&ModelSettings) -> Option<T>,
) -> Option<T> {
    let prompt = plan.nodes[state.node as usize].kind.ask()?;
    of(&prompt.settings).or_else(|| match state.candidates.get(state.candidate)? {
        ModelRef::Default => None,
        ModelRef::Model(id) => of(&plan.models.get(*id as usize)?.settings),
    })
}

/// Says in a line what a complaint to a model says in several.
fn in_short(complaint: &str) -> String {
    let wrong: Vec<_> = complaint.lines().filter_map(|line| line.strip_prefix("- ")).collect();
    match wrong.as_slice() {
        [] => String::from("the answer was empty"),
        wrong => format!("the answer isn't of its type: {}", wrong.join("; ")),
    }
}
