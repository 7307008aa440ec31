//! One run being executed: the engine decides, this carries out.
//!
//! One task per run. What the engine commands is done in order, and an append is committed before what follows it.
//! Effects are tasks of their own; aborting one drops its future, which closes its connection.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use flow_engine::{AttemptId, Command, Engine, Input, Notice};
use flow_providers::tape::Entry;
use flow_runtime_api::{
    Coordinate, Delta, Evaluations, Event, Failure, Kind, Record, RunId, RunStatus, Scrubber, StoreError,
    Time,
};
use flow_trace::{EventKind, Fold, RunEvent};
use serde_json::Value as Json;
use tokio::sync::{mpsc, watch};
use tokio::task::{AbortHandle, Id, JoinSet};

use crate::HostError;
use crate::cancel::Watched;
use crate::draw::Draw;
use crate::handle::Outcome;
use crate::lease::Keeper;
use crate::outside::{Ask, Fetch, Outside, Put};
use crate::recording::{LAST_WORD, Recording};
use crate::time::{RunClock, Timers};

/// Timers that are taken in a row before other runs have their turn.
const AT_ONCE_MAX: u32 = 32;

/// What decides: takes what happened, says what to do.
pub(crate) trait Machine: Send {
    fn apply(&mut self, input: Input, now: Time) -> Vec<Command>;

    /// How often each back end has computed an expression.
    fn evaluations(&self) -> Evaluations {
        Evaluations::default()
    }
}

impl Machine for Engine {
    fn apply(&mut self, input: Input, now: Time) -> Vec<Command> {
        Engine::apply(self, input, now)
    }

    fn evaluations(&self) -> Evaluations {
        Engine::evaluations(self)
    }
}

/// A run that is being executed.
pub(crate) struct Executor {
    pub(crate) run: RunId,
    pub(crate) machine: Box<dyn Machine>,
    pub(crate) outside: Arc<Outside>,
    pub(crate) recording: Recording,
    pub(crate) scrubber: Scrubber,
    pub(crate) keeper: Keeper,
    pub(crate) clock: RunClock,
    pub(crate) fold: Fold,
    pub(crate) events: mpsc::UnboundedSender<RunEvent>,
    pub(crate) interrupted: watch::Receiver<bool>,
    pub(crate) stream: bool,
    /// Whether somebody looks at events.
    pub(crate) is_watched: bool,
    pub(crate) wait_max_ms: u64,
    /// Tells when somebody asks for the run to be cancelled.
    pub(crate) requests: Watched,
    /// How long clean-up may take then.
    pub(crate) clean_up_ms: u64,
    /// When that time is over, once the run is being cancelled.
    pub(crate) clean_up_until: Option<Time>,
    /// It is over.
    pub(crate) has_given_up: bool,
    /// What the engine is told before anything else that happens.
    pub(crate) told: VecDeque<Input>,
    /// Questions that are open, where a tape is recorded.
    pub(crate) open: HashMap<Coordinate, Put>,
}

/// What is in flight.
struct Flight {
    tasks: JoinSet<Result<Input, HostError>>,
    by_attempt: HashMap<AttemptId, (AbortHandle, Option<Entry>)>,
    by_task: HashMap<Id, (AttemptId, bool)>,
    timers: Timers,
    deltas: mpsc::UnboundedSender<(Coordinate, Delta)>,
}

/// Why the loop ends.
enum End {
    /// The run is over.
    Finished { status: RunStatus, result: Option<Json>, failure: Option<Failure> },
    /// Nothing more will happen soon.
    Idle { until: Option<Time>, reason: String },
}

impl Executor {
    /// Executes the run until it is over, waits, or is stopped.
    pub(crate) async fn execute(mut self) -> Result<Outcome, HostError> {
        let (deltas, mut pieces) = mpsc::unbounded_channel();
        let mut flight = Flight {
            tasks: JoinSet::new(),
            by_attempt: HashMap::new(),
            by_task: HashMap::new(),
            timers: Timers::default(),
            deltas,
        };
        let ended = self.drive(&mut flight, &mut pieces).await;
        // Whatever is still in flight ends before the last word is written: no connection outlives it.
        flight.tasks.shutdown().await;
        self.end(ended).await
    }

    async fn drive(
        &mut self,
        flight: &mut Flight,
        pieces: &mut mpsc::UnboundedReceiver<(Coordinate, Delta)>,
    ) -> Result<End, Stop> {
        let mut interrupted = self.interrupted.clone();
        let mut asked = self.requests.asked();
        let mut input = Some(Input::Start);
        let mut at_once = 0;
        loop {
            let now = self.clock.now();
            if let Some(told) = input.take() {
                let end = self.apply(flight, told, now).await?;
                if !matches!(end, Some(End::Finished { .. })) && !self.told.is_empty() {
                    input = self.told.pop_front();
                    continue;
                }
                if let Some(end) = end {
                    return Ok(end);
                }
                if self.has_given_up {
                    // Somebody has to tell how a step ended before the run can.
                    let reason =
                        String::from("its clean-up has had its time, and the outcome of a step is uncertain");
                    return Ok(End::Idle { until: None, reason });
                }
            }
            let mut pause = flight.timers.pause(now);
            if let Some(until) = self.clean_up_until {
                if until <= now {
                    self.has_given_up = true;
                    input = Some(Input::GiveUp { after_ms: self.clean_up_ms });
                    continue;
                }
                pause = pause.min(Duration::from_millis(until.since(now)));
            }
            let is_quiet = flight.tasks.is_empty()
                && pieces.is_empty()
                && !*interrupted.borrow()
                && (!*asked.borrow() || self.clean_up_until.is_some())
                && !self.keeper.may_be_lost();
            if pause.is_zero() && is_quiet && at_once < AT_ONCE_MAX {
                at_once += 1;
                input = flight.timers.take(now).map(|timer| Input::Due { timer });
                continue;
            }
            at_once = 0;
            tokio::select! {
                biased;
                error = self.keeper.lost() => self.outlive(error, now)?,
                // The sender goes only with its handle, which interrupts first.
                _ = interrupted.wait_for(|stop| *stop) => return Err(Stop::Interrupted),
                // What watches lives as long as this.
                _ = asked.wait_for(|asked| *asked), if self.clean_up_until.is_none() => {
                    self.clean_up_until = Some(self.clock.now().after_ms(self.clean_up_ms));
                    input = Some(Input::Cancel);
                }
                Some((step, delta)) = pieces.recv() => self.show_delta(&step, delta),
                Some(done) = flight.tasks.join_next_with_id() => {
                    // What an effect has streamed is shown before what came of it.
                    while let Ok((step, delta)) = pieces.try_recv() {
                        self.show_delta(&step, delta);
                    }
                    input = flight.done(done)?;
                }
                () = rest(pause) => {
                    let now = self.clock.now();
                    input = flight.timers.take(now).map(|timer| Input::Due { timer });
                }
            }
        }
    }

    /// Tells the engine something, and does what it commands.
    async fn apply(&mut self, flight: &mut Flight, input: Input, now: Time) -> Result<Option<End>, Stop> {
        let mut branches = Vec::new();
        for command in self.machine.apply(input, now) {
            match command {
                Command::Append(events) => self.append(events, std::mem::take(&mut branches), now).await?,
                Command::Ask { attempt, step, node, model, call, timeout_ms, tries, fingerprint } => {
                    let ask = Ask { attempt, step, node, model, call, timeout_ms, tries, fingerprint };
                    flight.ask(self.outside.clone(), ask, self.stream);
                }
                Command::Fetch {
                    attempt,
                    step,
                    node,
                    request,
                    secrets,
                    timeout_ms,
                    attempt_number,
                    fingerprint,
                } => {
                    let fetch = Fetch {
                        attempt,
                        step,
                        node,
                        request,
                        secrets,
                        timeout_ms,
                        attempt_number,
                        fingerprint,
                    };
                    flight.fetch(self.outside.clone(), fetch);
                }
                Command::Draw { attempt, step, node, what, fingerprint } => {
                    let draw = Draw { attempt, step, node, what, fingerprint };
                    flight.draw(self.outside.clone(), draw, now);
                }
                Command::Put { step, node, kind, question, fingerprint } => {
                    self.put(Put { step, node, kind, question, fingerprint });
                }
                // Only tests have something that stands in for a flow.
                Command::StandIn { .. } => {}
                Command::Abort(attempt) => {
                    if let Some(entry) = flight.abort(attempt) {
                        self.outside.record_entry(entry).map_err(Stop::Host)?;
                    }
                }
                Command::SetTimer(timer, at) => flight.timers.set(timer, at),
                Command::ClearTimer(timer) => flight.timers.clear(timer),
                Command::Show(Notice::Branch { step, after }) => {
                    branches.push((after, self.fold.branch(&step, now)));
                }
                Command::Idle { until, reason } => {
                    branches.drain(..).for_each(|(_, branch)| self.show(branch));
                    // Who has no journal can't come back later.
                    // Clean-up has its own limit.
                    let waits_on = self.recording.is_lost() || self.clean_up_until.is_some();
                    let patience = if waits_on { u64::MAX } else { self.wait_max_ms };
                    let waits = !self.has_given_up && until.is_some_and(|until| until.since(now) <= patience);
                    if !waits {
                        return Ok(Some(End::Idle { until, reason }));
                    }
                }
                Command::Finish { status, result, failure } => {
                    return Ok(Some(End::Finished { status, result, failure }));
                }
            }
        }
        branches.into_iter().for_each(|(_, branch)| self.show(branch));
        Ok(None)
    }

    /// Answers a question if no person has to.
    fn put(&mut self, put: Put) {
        self.told.extend(self.outside.reply(&put));
        if self.outside.records() {
            self.open.insert(put.step.clone(), put);
        }
    }

    /// Writes on the tape how questions ended.
    fn record_replies(&mut self, records: &[Record]) -> Result<(), Stop> {
        for record in records {
            let (step, result) = match &record.event {
                Event::StepFinished { step, result, .. } => (step, Ok(result.clone())),
                Event::StepFailed { step, failure, .. } => (step, Err(failure.clone())),
                Event::StepCancelled { step, .. } => {
                    (step, Err(Failure::new(Kind::Cancelled, "nobody waits for it any more")))
                }
                _ => continue,
            };
            if let Some(put) = self.open.remove(step) {
                self.outside.record_reply(&put, &result).map_err(Stop::Host)?;
            }
        }
        Ok(())
    }

    /// Commits events, and shows them; `branches` are shown between, each after so many of them.
    async fn append(
        &mut self,
        events: Vec<Event>,
        branches: Vec<(usize, RunEvent)>,
        now: Time,
    ) -> Result<(), Stop> {
        let records: Vec<_> = events
            .into_iter()
            .zip(self.recording.next_seq()..)
            .map(|(event, seq)| Record { seq, at: now, event: self.scrub(event) })
            .collect();
        if !self.open.is_empty() {
            self.record_replies(&records)?;
        }
        let shown = self.commit(records, now).await?;
        let mut branches = branches.into_iter().peekable();
        for (before, mut event) in shown {
            if event.event == EventKind::RunFinished {
                event.expressions = Some(self.machine.evaluations());
            }
            while let Some((_, branch)) = branches.next_if(|(after, _)| *after <= before) {
                self.show(branch);
            }
            self.show(event);
        }
        branches.for_each(|(_, branch)| self.show(branch));
        Ok(())
    }

    /// Commits records and returns what is shown of them; goes on without the store if it fails and that is allowed.
    async fn commit(&mut self, records: Vec<Record>, now: Time) -> Result<Vec<(usize, RunEvent)>, Stop> {
        if !self.recording.outlives_its_store() {
            // What is shown is worked out first, and sent only once it is on record; if that fails, so does the run.
            let shown = self.fold_all(&records);
            self.recording.append(records).await.map_err(Stop::Store)?;
            return Ok(shown);
        }
        if let Err(error) = self.recording.append(records.clone()).await {
            self.outlive(error, now)?;
            self.recording.append(records.clone()).await.map_err(Stop::Store)?;
        }
        let mut shown = self.fold_all(&records);
        if self.recording.is_lost() {
            shown.iter_mut().for_each(|(_, event)| event.seq = None);
        }
        Ok(shown)
    }

    /// Takes records into the trace, and returns what is shown of them, each with its place among them.
    fn fold_all(&mut self, records: &[Record]) -> Vec<(usize, RunEvent)> {
        let shown = records.iter().map(|record| self.fold.apply(record)).enumerate();
        shown.filter(|(_, event)| is_shown(self.is_watched, event)).collect()
    }

    /// Goes on though the store has failed, or stops.
    fn outlive(&mut self, error: StoreError, now: Time) -> Result<(), Stop> {
        if !self.recording.survives(&error) {
            return Err(Stop::Store(error));
        }
        if !self.recording.is_lost() {
            let event = self.recording.lose(&error, now);
            let mut shown = self.fold.apply(&Record { seq: 0, at: now, event });
            shown.seq = None;
            self.show(shown);
        }
        Ok(())
    }

    fn scrub(&self, event: Event) -> Event {
        if self.scrubber.is_empty() {
            return event;
        }
        let Ok(mut json) = serde_json::to_value(&event) else { return event };
        self.scrubber.scrub_json(&mut json);
        serde_json::from_value(json).unwrap_or(event)
    }

    fn show(&self, event: RunEvent) {
        if is_shown(self.is_watched, &event) {
            // Whoever doesn't listen misses nothing that isn't on record.
            let _ = self.events.send(event);
        }
    }

    fn show_delta(&mut self, step: &Coordinate, delta: Delta) {
        let now = self.clock.now();
        let (text, reasoning) = match delta {
            Delta::Text(text) => (Some(text), None),
            Delta::Reasoning(text) => (None, Some(text)),
        };
        self.show(self.fold.delta(step, text, reasoning, now));
    }

    /// Writes the last word of this execution, gives the lease back, and says how it ended.
    async fn end(mut self, ended: Result<End, Stop>) -> Result<Outcome, HostError> {
        let now = self.clock.now();
        let ended = match ended {
            Ok(End::Idle { reason, .. }) if self.recording.is_lost() => {
                Err(Stop::Host(HostError::environment(
                    format!("{reason}, and without its record nobody can go on with the run later"),
                    "start it anew once the store is well",
                )))
            }
            Ok(End::Idle { until, reason }) => {
                let event = Event::Suspended { reason: reason.clone(), until };
                self.append(vec![event], Vec::new(), now).await.map(|()| End::Idle { until, reason })
            }
            Err(Stop::Interrupted) => {
                self.append(vec![Event::Interrupted {}], Vec::new(), now).await.and(Err(Stop::Interrupted))
            }
            other => other,
        };
        let trace = Box::new(self.fold.into_trace());
        let run = self.run.clone();
        let is_begun = self.recording.next_seq() > 0;
        let is_lost = self.recording.is_lost();
        let ended = match (ended, self.outside.finish_tape()) {
            (Ok(_), Err(error)) => Err(Stop::Host(error)),
            (ended, _) => ended,
        };
        self.recording.close().await;
        if matches!(&ended, Err(Stop::Store(StoreError::Fenced(_)))) {
            drop(self.keeper);
        } else {
            // A lease that can't be given back runs out; what matters is on record.
            let release = self.keeper.release();
            let _ = match is_lost {
                true => tokio::time::timeout(LAST_WORD, release).await.unwrap_or(Ok(())),
                false => release.await,
            };
        }
        match ended {
            Ok(End::Finished { status: RunStatus::Succeeded, result, .. }) => {
                Ok(Outcome { run, result: result.unwrap_or(Json::Null), trace: *trace })
            }
            Ok(End::Finished { failure, .. }) => {
                let failure =
                    failure.unwrap_or_else(|| Failure::new(Kind::Cancelled, "the run was cancelled"));
                Err(HostError::Failed { run, failure: Box::new(failure), trace })
            }
            Ok(End::Idle { until, reason }) => Err(HostError::Suspended { run, reason, until, trace }),
            Err(Stop::Interrupted) => Err(HostError::Interrupted { run, trace }),
            // A run that isn't on record can't be gone on with.
            Err(Stop::Store(error)) => Err(HostError::of_store(error, is_begun.then_some(&run))),
            Err(Stop::Host(error)) if !is_begun || is_lost => Err(error),
            Err(Stop::Host(error)) => Err(error.of_run(&run)),
        }
    }
}

/// Why a run stops without being over.
enum Stop {
    Interrupted,
    Store(StoreError),
    Host(HostError),
}

/// Whether an event is sent to whoever follows the run.
fn is_shown(is_watched: bool, event: &RunEvent) -> bool {
    use EventKind::{Emitted, Resumed, RunStarted, Unrecorded};
    // What a flow emits is told wherever its result is.
    is_watched || matches!(event.event, RunStarted | Resumed | Unrecorded | Emitted)
}

/// Waits for a timer. What is due already isn't slept for, as a sleep takes a millisecond at least.
async fn rest(pause: Duration) {
    match pause.is_zero() {
        true => tokio::task::yield_now().await,
        false => tokio::time::sleep(pause).await,
    }
}

impl Flight {
    fn ask(&mut self, outside: Arc<Outside>, ask: Ask, stream: bool) {
        let (attempt, step, deltas) = (ask.attempt, ask.step.clone(), self.deltas.clone());
        let cut = outside.records().then(|| ask.cut());
        let scrubber = outside.scrubber.clone();
        let handle = self.tasks.spawn(async move {
            let (mut text, mut reasoning) = (scrubber.stream(), scrubber.stream());
            let send = |delta| {
                let (Delta::Text(piece) | Delta::Reasoning(piece)) = &delta;
                if stream && !piece.is_empty() {
                    // The executor outlives its effects.
                    let _ = deltas.send((step.clone(), delta));
                }
            };
            let mut tell = |delta| {
                send(match delta {
                    Delta::Text(piece) => Delta::Text(text.push(&piece)),
                    Delta::Reasoning(piece) => Delta::Reasoning(reasoning.push(&piece)),
                });
            };
            let answered = outside.ask(ask, &mut tell).await;
            send(Delta::Reasoning(reasoning.finish()));
            send(Delta::Text(text.finish()));
            answered
        });
        self.keep(attempt, true, handle, cut);
    }

    fn fetch(&mut self, outside: Arc<Outside>, fetch: Fetch) {
        let attempt = fetch.attempt;
        let cut = outside.records().then(|| fetch.cut());
        let handle = self.tasks.spawn(async move { outside.fetch(fetch).await });
        self.keep(attempt, false, handle, cut);
    }

    fn draw(&mut self, outside: Arc<Outside>, draw: Draw, now: Time) {
        let attempt = draw.attempt;
        let handle = self.tasks.spawn(async move { outside.draw(draw, now).await });
        self.keep(attempt, false, handle, None);
    }

    /// Keeps what belongs to an effect: `cut` is what a tape tells of it if it is aborted.
    fn keep(&mut self, attempt: AttemptId, is_model: bool, handle: AbortHandle, cut: Option<Entry>) {
        self.by_task.insert(handle.id(), (attempt, is_model));
        self.by_attempt.insert(attempt, (handle, cut));
    }

    fn abort(&mut self, attempt: AttemptId) -> Option<Entry> {
        let (handle, cut) = self.by_attempt.remove(&attempt)?;
        self.by_task.remove(&handle.id());
        handle.abort();
        cut
    }

    /// Returns what the engine is told of an effect that ended; nothing if it was aborted.
    fn done(
        &mut self,
        done: Result<(Id, Result<Input, HostError>), tokio::task::JoinError>,
    ) -> Result<Option<Input>, Stop> {
        let id = match &done {
            Ok((id, _)) => *id,
            Err(error) => error.id(),
        };
        let Some((attempt, is_model)) = self.by_task.remove(&id) else { return Ok(None) };
        self.by_attempt.remove(&attempt);
        match done {
            Ok((_, Ok(input))) => Ok(Some(input)),
            Ok((_, Err(error))) => Err(Stop::Host(error)),
            Err(_) => {
                let failure = Failure::new(
                    Kind::Unavailable,
                    "what asks the server failed inside; this is a fault of flowc",
                );
                Ok(Some(match is_model {
                    true => Input::Answered { attempt, result: Err(failure), usage: None, duration_ms: 0 },
                    false => Input::Fetched { attempt, result: Err(failure), duration_ms: 0 },
                }))
            }
        }
    }
}

#[cfg(test)]
mod tests;
