//! A run of a program under a seeded scheduler: what happens next, when it happens, and what goes wrong.
//!
//! Time is virtual and whatever is due first happens first, in random order where several things are due at once; how
//! long things take is random. Processes come and go; the journal checks their fences as a store does.

use std::collections::{BTreeMap, HashMap, VecDeque};

use flow_engine::{AttemptId, Command, Engine, Input, TimerId};
use flow_ir::Name;
use flow_ir::plan::{Decode, NodeKind};
use flow_runtime_api::{
    Answer, Coordinate, Event, Failure, HttpAnswer, HttpRequest, Kind, Question, Record, Time, Usage,
};
use serde_json::Value as Json;

use super::faults::{Fault, Faults};
use super::program::Program;
use super::world;
use crate::drive::{End, START, settings};
use crate::generate::Dice;

/// Things that happen at most: a run that takes more goes in a circle.
const TURNS_MAX: u32 = 60_000;
/// Deaths of processes that change nothing: the third start without an end is a failure.
const DEATHS_ABSORBED: u32 = 2;
/// Deaths in a storm.
const DEATHS_MAX: u32 = 12;
const SECOND: i64 = 1_000;
const HOUR: i64 = 3_600 * SECOND;

/// A run that is over.
#[derive(Debug)]
pub struct Played {
    /// Its journal.
    pub records: Vec<Record>,
    /// How it ended.
    pub end: End,
    /// What happened, a line each; nothing unless asked for.
    pub log: Vec<String>,
    /// How many faults struck.
    pub struck: u32,
}

/// Plays a schedule of a program.
///
/// # Errors
/// Something happened that must not; with what had happened before, if that was asked for.
pub fn play(
    program: &Program,
    seed: u64,
    faults: Faults,
    tell: bool,
) -> Result<Played, (String, Vec<String>)> {
    let dice = Dice::new(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) ^ program.seed);
    let mut simulation = Simulation {
        program,
        dice,
        faults,
        tell,
        log: Vec::new(),
        now: START.0,
        skew: 0,
        journal: Vec::new(),
        fence: 0,
        processes: Vec::new(),
        starts_at: Some(START.0),
        deaths: 0,
        struck: 0,
        jumps: 0,
        interrupts: 0,
        cancelled: false,
        promises: Vec::new(),
        writers: HashMap::new(),
        keys: HashMap::new(),
        end: None,
    };
    match simulation.run() {
        Ok(end) => {
            Ok(Played { records: simulation.journal, end, log: simulation.log, struck: simulation.struck })
        }
        Err(wrong) => Err((wrong, simulation.log)),
    }
}

/// What an effect comes to.
#[derive(Clone)]
enum Reply {
    Answer(Result<Answer, Failure>),
    Http(Result<HttpAnswer, Failure>),
    /// Of what every program has.
    Drawn(Json),
}

/// An effect that is under way at the outside.
struct Effect {
    attempt: AttemptId,
    step: Coordinate,
    at: i64,
    took: u64,
    reply: Reply,
    /// The key under which a writer knows it.
    key: Option<String>,
    /// Whether its answer still counts: it wasn't aborted and hasn't answered.
    counts: bool,
}

struct Process {
    engine: Engine,
    fence: u64,
    /// Sequence number of its next record.
    seq: u64,
    commands: VecDeque<(Command, Time)>,
    effects: Vec<Effect>,
    timers: BTreeMap<(Time, TimerId), ()>,
    /// Until when its store takes its time.
    stalled: Option<i64>,
    /// The time it has last read, and when.
    clock: (Time, i64),
    /// What it has been told of what it waits for, while it does nothing else.
    idle: Option<Option<Time>>,
    started: bool,
}

/// What somebody is going to answer, whichever process is there then.
struct Promise {
    step: Coordinate,
    node: Name,
    at: i64,
    answer: Result<Json, Failure>,
}

/// What a writer's server knows of a request.
#[derive(Default)]
struct Writer {
    sent: u32,
    /// Sends that were allowed: the first, one for each refusal that did nothing, one for each time that somebody said so.
    allowed: u32,
}

/// What may happen next.
enum Next {
    Command(usize),
    Effect(usize, usize),
    Timer(usize, TimerId),
    Wake(usize),
    Promise(usize),
    Start,
}

struct Simulation<'p> {
    program: &'p Program,
    dice: Dice,
    faults: Faults,
    tell: bool,
    log: Vec<String>,
    /// Real time, and how far the clock is off.
    now: i64,
    skew: i64,
    journal: Vec<Record>,
    fence: u64,
    /// The last one has the highest fence.
    processes: Vec<Process>,
    /// When the next process starts.
    starts_at: Option<i64>,
    deaths: u32,
    struck: u32,
    jumps: u32,
    interrupts: u32,
    cancelled: bool,
    promises: Vec<Promise>,
    writers: HashMap<String, Writer>,
    /// The idempotency key of each step.
    keys: HashMap<String, String>,
    end: Option<End>,
}

impl Simulation<'_> {
    fn run(&mut self) -> Result<End, String> {
        for _ in 0..TURNS_MAX {
            self.outside()?;
            let Some(next) = self.next()? else { break };
            match next {
                Next::Command(process) => self.command(process)?,
                Next::Effect(process, effect) => self.answer(process, effect)?,
                Next::Timer(process, timer) => {
                    self.processes[process].timers.retain(|(_, known), ()| *known != timer);
                    self.tell_engine(process, Input::Due { timer })?;
                }
                Next::Wake(process) => self.processes[process].stalled = None,
                Next::Promise(at) => self.keep(at)?,
                Next::Start => self.start()?,
            }
        }
        let Some(end) = self.end.take() else { return Err(String::from("the run doesn't end")) };
        self.after_the_end(&end)?;
        Ok(end)
    }

    /// Returns what happens next: a command that is to be carried out, else what is due first.
    fn next(&mut self) -> Result<Option<Next>, String> {
        let busy: Vec<usize> = (0..self.processes.len())
            .filter(|at| {
                let process = &self.processes[*at];
                process.stalled.is_none() && !process.commands.is_empty()
            })
            .collect();
        if !busy.is_empty() {
            return Ok(Some(Next::Command(busy[self.dice.below(busy.len())])));
        }
        let mut due: Vec<(i64, Next)> = Vec::new();
        for (at, process) in self.processes.iter().enumerate() {
            if let Some(until) = process.stalled {
                due.push((until, Next::Wake(at)));
                continue;
            }
            let effects = process.effects.iter().enumerate();
            due.extend(effects.map(|(effect, known)| (known.at, Next::Effect(at, effect))));
            if let Some((time, timer)) = process.timers.keys().next() {
                let now = self.time_of(at);
                let wait = (time.0 - now.0).max(0);
                due.push((self.now + wait, Next::Timer(at, *timer)));
            }
        }
        due.extend(self.starts_at.map(|at| (at, Next::Start)));
        if self.resting().is_some() {
            let promises = self.promises.iter().enumerate();
            due.extend(promises.map(|(at, promise)| (promise.at, Next::Promise(at))));
        }
        let Some(first) = due.iter().map(|(at, _)| (*at).max(self.now)).min() else {
            return match self.end.is_some() {
                true => Ok(None),
                false => Err(String::from("nothing is in flight, nothing is due, and the run isn't over")),
            };
        };
        let mut at_once: Vec<Next> =
            due.into_iter().filter(|(at, _)| (*at).max(self.now) == first).map(|(_, next)| next).collect();
        self.now = first;
        let chosen = self.dice.below(at_once.len());
        Ok(Some(at_once.swap_remove(chosen)))
    }

    /// What a process's clock says: it never goes back while the process lives.
    fn time_of(&self, process: usize) -> Time {
        let (last, read_at) = self.processes[process].clock;
        Time((self.now + self.skew).max(last.0 + (self.now - read_at)))
    }

    /// What comes from outside of the run between any two things.
    fn outside(&mut self) -> Result<(), String> {
        if self.faults.has(Fault::Jump) && self.jumps < 3 && self.dice.one_in(60) {
            self.jumps += 1;
            let jump = (self.dice.below(2 * HOUR as usize)) as i64 - HOUR;
            self.skew += jump;
            self.strike(&format!("the clock jumps by {jump} ms"));
        }
        let fence = self.fence;
        // Whoever has lost the run and is about to do nothing is as good as gone.
        self.processes.retain(|process| {
            process.fence == fence || !process.commands.is_empty() || !process.effects.is_empty()
        });
        let Some(current) = self.current() else { return Ok(()) };
        if self.faults.has(Fault::Takeover) && self.may_die() && self.dice.one_in(60) {
            self.strike("another process takes over");
            self.deaths += 1;
            return self.start();
        }
        if self.may_crash() && self.dice.one_in(80) {
            self.strike("the process dies");
            self.die(current);
            return Ok(());
        }
        let process = &self.processes[current];
        let rests = process.commands.is_empty() && process.stalled.is_none() && process.started;
        if !rests {
            return Ok(());
        }
        if self.faults.has(Fault::Interrupt) && self.interrupts < 4 && self.dice.one_in(40) {
            self.interrupts += 1;
            self.strike("the run is interrupted");
            return self.put_away(current, Event::Interrupted {});
        }
        if self.faults.has(Fault::Cancel) && self.dice.one_in(if self.cancelled { 60 } else { 25 }) {
            self.strike("the run is cancelled");
            self.cancelled = true;
            return self.tell_engine(current, Input::Cancel);
        }
        let Some(until) = self.processes[current].idle else { return Ok(()) };
        if let Some((step, node)) = self.uncertain() {
            return self.settle(current, step, &node);
        }
        let far = until.is_none_or(|until| until.since(self.time_of(current)) > 60_000);
        let is_answered = self.promises.iter().any(|promise| promise.at <= self.now);
        if self.faults.has(Fault::Suspend) && far && until.is_some() && !is_answered {
            let until = until.unwrap_or_default();
            self.strike("the run is put away");
            let wait = (until.0 - self.time_of(current).0).max(0);
            self.put_away(current, Event::Suspended { reason: String::from("as told"), until: Some(until) })?;
            if self.starts_at.is_some() {
                // It is taken up when it is due, or when somebody answers.
                let answer = self.promises.iter().map(|promise| promise.at).min().unwrap_or(i64::MAX);
                let due = self.now + wait + self.dice.below(9_000) as i64;
                self.starts_at = Some(due.min(answer.max(self.now)));
            }
        }
        Ok(())
    }

    /// The process that holds the run, if it isn't about to do anything.
    fn resting(&self) -> Option<usize> {
        self.current().filter(|at| {
            let process = &self.processes[*at];
            process.commands.is_empty() && process.stalled.is_none() && process.started
        })
    }

    /// Somebody is asked: most answer soon, some late or never.
    fn promise(&mut self, step: Coordinate, node: Name, question: &Question) {
        if self.promises.iter().any(|known| known.step == step) {
            return;
        }
        let asked = match &question.message {
            Some(message) => message.clone(),
            None => question.args.get("id").and_then(Json::as_str).unwrap_or_default().to_owned(),
        };
        let answer = world::answer(&node, &step.0, &asked).map_err(world::failure);
        let patience =
            if self.faults.has(Fault::Hard) && self.dice.one_in(3) { 96 * HOUR } else { 60 * SECOND };
        let at = self.now + self.dice.below(patience as usize) as i64;
        self.promises.push(Promise { step, node, at, answer });
    }

    /// Somebody answers, or something comes that is waited for.
    fn keep(&mut self, at: usize) -> Result<(), String> {
        let Promise { step, node, answer, .. } = self.promises.swap_remove(at);
        let Some(process) = self.resting() else { return Ok(()) };
        // A delivery may end another step that waits for the same, so in one run all come as such, or none.
        let delivers = self.program.seed.is_multiple_of(2);
        let input = match answer {
            Ok(body) if node == "arrived" && delivers => Input::Deliver { event: node, body },
            answer => Input::Answer { step, answer },
        };
        self.tell_engine(process, input)
    }

    /// The process that holds the run.
    fn current(&self) -> Option<usize> {
        self.processes.iter().position(|process| process.fence == self.fence)
    }

    fn may_die(&self) -> bool {
        let storm = self.faults.has(Fault::Storm);
        self.deaths < if storm { DEATHS_MAX } else { DEATHS_ABSORBED }
    }

    fn may_crash(&self) -> bool {
        (self.faults.has(Fault::Crash) || self.faults.has(Fault::Storm)) && self.may_die()
    }

    fn strike(&mut self, what: &str) {
        self.struck += 1;
        self.note(|| what.to_owned());
    }

    fn note(&mut self, what: impl FnOnce() -> String) {
        if self.tell {
            let line = format!("{:>9} {}", self.now - START.0, what());
            self.log.push(line);
        }
    }

    /// A process is gone, and with it its connections; the next one starts a little later.
    fn die(&mut self, process: usize) {
        let is_current = self.processes[process].fence == self.fence;
        self.processes.remove(process);
        if is_current {
            self.deaths += 1;
            self.starts_at = Some(self.now + self.dice.below(30_000) as i64);
        }
    }

    /// The host writes a last word and drops the engine.
    fn put_away(&mut self, process: usize, event: Event) -> Result<(), String> {
        let now = self.time_of(process);
        let record = Record { seq: self.processes[process].seq, at: now, event };
        self.store(self.processes[process].fence, vec![record])?;
        self.processes.remove(process);
        self.starts_at = Some(self.now + self.dice.below(30_000) as i64);
        Ok(())
    }

    fn start(&mut self) -> Result<(), String> {
        self.starts_at = None;
        self.fence += 1;
        let (plan, settings) = (self.program.plan.clone(), settings(&self.program.plan));
        let last = self.journal.last().map_or(0, |record| record.at.0);
        let engine = match self.journal.is_empty() {
            true => Engine::start(plan, settings, serde_json::Map::new()),
            false => Engine::resume(plan, settings, self.journal.clone()),
        };
        let mut engine = engine.map_err(|failure| format!("the run can't be taken up: {failure:?}"))?;
        // A program is compiled for its runs, so that only some have the time.
        if (self.fence + self.program.seed).is_multiple_of(4) {
            engine = engine.sharing(self.program.compiled());
        }
        self.note(|| String::from("a process starts"));
        self.processes.push(Process {
            engine,
            fence: self.fence,
            seq: self.journal.len() as u64,
            commands: VecDeque::new(),
            effects: Vec::new(),
            timers: BTreeMap::new(),
            stalled: None,
            clock: (Time(last.max(self.now + self.skew)), self.now),
            idle: None,
            started: false,
        });
        self.tell_engine(self.processes.len() - 1, Input::Start)
    }

    fn tell_engine(&mut self, process: usize, input: Input) -> Result<(), String> {
        if self.tell {
            let line = format!("{input:?}");
            self.note(|| line);
        }
        let now = self.time_of(process);
        let real = self.now;
        let known = &mut self.processes[process];
        known.clock = (now, real);
        known.idle = None;
        known.started = true;
        let commands = known.engine.apply(input, now);
        known.commands.extend(commands.into_iter().map(|command| (command, now)));
        Ok(())
    }

    /// Carries out the next command of a process.
    fn command(&mut self, process: usize) -> Result<(), String> {
        let Some((command, now)) = self.processes[process].commands.pop_front() else { return Ok(()) };
        match command {
            Command::Append(events) => return self.append(process, events, now),
            Command::Ask { attempt, step, node, call, timeout_ms, tries, .. } => {
                self.note(|| format!("asks {step} {tries:?}"));
                let question = world::question_of(&call);
                let is_text = call.schema.is_none();
                let told = self.told(&node, &step, &question, tries.0 == 0, true);
                let is_wrong_now = !is_text
                    && (tries.1 == 0 && self.faults.has(Fault::Shape) && self.dice.one_in(4)
                        || self.faults.has(Fault::Hard) && self.dice.one_in(12));
                let reply = match told {
                    Ok(_) if is_wrong_now => {
                        self.struck += 1;
                        Ok(world::as_answer(&world::wrong(), is_text, None))
                    }
                    Ok(_) if !world::calls(&call, &step.0).is_empty() => Ok(Answer {
                        tool_calls: world::calls(&call, &step.0),
                        ..world::as_answer(&Json::from(""), true, Some(Usage::default()))
                    }),
                    Ok(value) => {
                        let length = value.to_string().len() as u64;
                        let usage =
                            Usage { input_tokens: 4 + length % 3, output_tokens: length, ..Usage::default() };
                        Ok(world::as_answer(&value, is_text, Some(usage)))
                    }
                    Err(failure) => Err(failure),
                };
                self.send(process, attempt, step, timeout_ms, Reply::Answer(reply), None);
            }
            Command::Fetch { attempt, step, node, request, timeout_ms, attempt_number, .. } => {
                self.note(|| format!("sends {step} ({attempt_number})"));
                self.check_request(&step, &request, attempt_number)?;
                let question = world::question_in(&request);
                let told = self.told(&node, &step, &question, attempt_number == 0, request.repeatable);
                let known = self.program.plan.nodes.iter().find(|known| known.name == node);
                let is_text = known.is_some_and(
                    |known| matches!(&known.kind, NodeKind::Http(http) if http.decode != Decode::Json),
                );
                let is_wrong_now = self.faults.has(Fault::Hard) && self.dice.one_in(12);
                let reply = match told {
                    Ok(_) if is_wrong_now => Ok(world::as_http(&world::wrong(), is_text)),
                    Ok(value) => Ok(world::as_http(&value, is_text)),
                    Err(failure) => Err(failure),
                };
                let key = (!request.repeatable).then_some(request.idempotency_key).flatten();
                self.send(process, attempt, step, timeout_ms, Reply::Http(reply), key);
            }
            Command::Draw { attempt, step, what, .. } => {
                self.note(|| format!("draws {step}"));
                let value = world::drawn(what, &step.0);
                self.send(process, attempt, step, u64::MAX, Reply::Drawn(value), None);
            }
            Command::StandIn { .. } => return Err(String::from("nothing here is under test")),
            Command::Abort(attempt) => {
                self.note(|| format!("aborts {attempt:?}"));
                let keeps = self.faults.has(Fault::Late) && self.dice.one_in(2);
                let process = &mut self.processes[process];
                let found = process.effects.iter_mut().find(|effect| effect.attempt == attempt);
                let Some(effect) = found.filter(|effect| effect.counts) else {
                    return Err(format!("{attempt:?} is aborted and isn't under way"));
                };
                effect.counts = false;
                if !keeps {
                    process.effects.retain(|effect| effect.attempt != attempt);
                }
            }
            Command::SetTimer(timer, at) => {
                self.processes[process].timers.insert((at, timer), ());
            }
            Command::ClearTimer(timer) => {
                self.processes[process].timers.retain(|(_, known), ()| *known != timer);
            }
            Command::Put { step, node, question, .. } => {
                self.note(|| format!("puts {step}"));
                self.promise(step, node, &question);
            }
            Command::Show(_) => {}
            Command::Idle { until, reason } => {
                self.note(|| format!("rests: {reason}"));
                let process = &mut self.processes[process];
                if process.effects.iter().any(|effect| effect.counts) {
                    return Err(format!("the engine rests ({reason}) while something is in flight"));
                }
                process.idle = Some(until);
                let is_current = process.fence == self.fence;
                if until.is_none() && is_current && self.uncertain().is_none() {
                    return Err(format!("the engine waits for nothing: {reason}"));
                }
            }
            Command::Finish { status, result, failure } => {
                let end = End { status, result, failure };
                self.note(|| format!("{end:?}"));
                self.finish(process, end)?;
            }
        }
        Ok(())
    }

    /// What the outside says this time.
    fn told(
        &mut self,
        node: &str,
        step: &Coordinate,
        question: &str,
        is_first: bool,
        repeatable: bool,
    ) -> Result<Json, Failure> {
        if self.faults.has(Fault::Transient) && is_first && repeatable && self.dice.one_in(4) {
            self.struck += 1;
            let kind = [Kind::Timeout, Kind::Unavailable, Kind::RateLimited][self.dice.below(3)];
            let retry_at = (kind == Kind::RateLimited && self.dice.one_in(2))
                .then(|| Time(self.now + self.skew + self.dice.below(60_000) as i64));
            return Err(Failure { retry_at, ..world::failure(kind) });
        }
        if self.faults.has(Fault::Hard) && self.dice.one_in(6) {
            self.struck += 1;
            let kinds = [
                Kind::Timeout,
                Kind::Unavailable,
                Kind::RateLimited,
                Kind::Refused,
                Kind::Truncated,
                Kind::BadAnswer,
                Kind::ToolFailed,
                Kind::Exhausted,
            ];
            return Err(world::failure(kinds[self.dice.below(kinds.len())]));
        }
        world::answer(node, &step.0, question).map_err(world::failure)
    }

    /// Notes an effect, and draws how long it takes.
    fn send(
        &mut self,
        process: usize,
        attempt: AttemptId,
        step: Coordinate,
        timeout_ms: u64,
        reply: Reply,
        key: Option<String>,
    ) {
        let is_timeout = match &reply {
            Reply::Answer(Err(failure)) | Reply::Http(Err(failure)) => {
                failure.built_in() == Some(Kind::Timeout)
            }
            _ => false,
        };
        let drawn = match self.dice.below(8) {
            _ if is_timeout => timeout_ms,
            0..=2 => 0,
            3..=5 => self.dice.below(50) as u64,
            _ => self.dice.below(5_000) as u64,
        };
        // Time may be so short that there is no answer.
        let (took, reply) = match (drawn > timeout_ms, reply) {
            (false, reply) => (drawn, reply),
            (true, Reply::Answer(_)) => (timeout_ms, Reply::Answer(Err(world::failure(Kind::Timeout)))),
            (true, Reply::Http(_)) => (timeout_ms, Reply::Http(Err(world::failure(Kind::Timeout)))),
            (true, reply @ Reply::Drawn(_)) => (timeout_ms, reply),
        };
        let at = self.now + took as i64;
        self.processes[process].effects.push(Effect { attempt, step, at, took, reply, key, counts: true });
    }

    /// A writer that isn't idempotent is sent once; what is sent again goes under the same key.
    fn check_request(
        &mut self,
        step: &Coordinate,
        request: &HttpRequest,
        attempt: u32,
    ) -> Result<(), String> {
        let Some(key) = request.idempotency_key.clone() else { return Ok(()) };
        let known = self.keys.entry(step.0.to_string()).or_insert_with(|| key.clone());
        if *known != key {
            return Err(format!("attempt {attempt} of {step} goes under another key"));
        }
        if request.repeatable {
            return Ok(());
        }
        let writer = self.writers.entry(key).or_insert(Writer { sent: 0, allowed: 1 });
        writer.sent += 1;
        match writer.sent > writer.allowed {
            true => Err(format!("{step} mustn't be repeated and is sent {} times", writer.sent)),
            false => Ok(()),
        }
    }

    /// The outside answers.
    fn answer(&mut self, process: usize, effect: usize) -> Result<(), String> {
        let again = self.faults.has(Fault::Late) && self.dice.one_in(6);
        let effects = &mut self.processes[process].effects;
        let (attempt, reply, took) =
            (effects[effect].attempt, effects[effect].reply.clone(), effects[effect].took);
        let did_nothing =
            matches!(&reply, Reply::Http(Err(failure)) if failure.built_in() == Some(Kind::RateLimited));
        let key = effects[effect].key.take();
        effects[effect].counts = false;
        match again {
            true => effects[effect].at += 1 + self.dice.below(3_000) as i64,
            false => drop(effects.swap_remove(effect)),
        }
        if let Some(writer) = key.filter(|_| did_nothing).and_then(|key| self.writers.get_mut(&key)) {
            writer.allowed += 1;
        }
        let input = match reply {
            Reply::Answer(result) => Input::Answered { attempt, result, usage: None, duration_ms: took },
            Reply::Http(result) => Input::Fetched { attempt, result, duration_ms: took },
            Reply::Drawn(value) => Input::Simulated { attempt, result: Ok(value) },
        };
        self.tell_engine(process, input)
    }

    fn append(&mut self, process: usize, events: Vec<Event>, now: Time) -> Result<(), String> {
        if self.faults.has(Fault::Stall) && self.processes[process].stalled.is_none() && self.dice.one_in(12)
        {
            self.strike("the store takes its time");
            self.processes[process].stalled = Some(self.now + self.dice.below(30_000) as i64);
            self.processes[process].commands.push_front((Command::Append(events), now));
            return Ok(());
        }
        let is_current = self.processes[process].fence == self.fence;
        if is_current && self.may_crash() && self.dice.one_in(40) {
            self.strike("the process dies before a commit");
            self.die(process);
            return Ok(());
        }
        let (fence, seq) = (self.processes[process].fence, self.processes[process].seq);
        let mut records: Vec<Record> =
            events.into_iter().zip(seq..).map(|(event, seq)| Record { seq, at: now, event }).collect();
        let torn = self.faults.has(Fault::Torn)
            && is_current
            && self.may_die()
            && !self.journal.is_empty()
            && self.dice.one_in(40);
        if torn {
            records.truncate(self.dice.below(records.len() + 1));
        }
        self.processes[process].seq += records.len() as u64;
        if !self.store(fence, records)? {
            self.note(|| String::from("is fenced off"));
            self.die(process);
        } else if torn {
            self.strike("the process dies in a commit");
            self.die(process);
        } else if self.may_crash() && self.dice.one_in(40) {
            self.strike("the process dies after a commit");
            self.die(process);
        }
        Ok(())
    }

    /// Commits records; returns whether the fence still holds.
    fn store(&mut self, fence: u64, records: Vec<Record>) -> Result<bool, String> {
        if fence != self.fence {
            return Ok(false);
        }
        for record in &records {
            self.note(|| format!("  + {} {:?}", record.seq, record.event));
        }
        for record in records {
            if record.seq != self.journal.len() as u64 {
                return Err(format!("record {} comes after {}", record.seq, self.journal.len()));
            }
            if matches!(self.journal.last(), Some(Record { event: Event::RunFinished { .. }, .. })) {
                return Err(format!("{:?} comes after the end", record.event));
            }
            self.journal.push(record);
        }
        Ok(true)
    }

    /// A writer that was cut off, and of which nobody knows what came of it.
    fn uncertain(&self) -> Option<(Coordinate, String)> {
        let mut open: Vec<(&Coordinate, &str)> = Vec::new();
        for record in &self.journal {
            match &record.event {
                Event::StepStarted { step, node, repeatable: false, .. } => {
                    open.retain(|(open, _)| *open != step);
                    open.push((step, node));
                }
                Event::StepFinished { step, .. }
                | Event::StepFailed { step, .. }
                | Event::AttemptFailed { step, .. }
                | Event::BudgetRefused { step, .. }
                | Event::StepCancelled { step, .. } => open.retain(|(open, _)| *open != step),
                _ => {}
            }
        }
        open.first().map(|(step, node)| ((*step).clone(), (*node).to_owned()))
    }

    /// Somebody says what came of a writer, or lets it be sent again.
    fn settle(&mut self, process: usize, step: Coordinate, node: &str) -> Result<(), String> {
        // Whoever lets it run again makes sure that no other process is about to send it.
        let is_alone = self.processes.len() == 1;
        let answer = world::answer(node, &step.0, "").ok();
        let reruns = is_alone && (answer.is_none() || self.dice.one_in(3));
        if !reruns && answer.is_none() {
            return Ok(());
        }
        self.note(|| format!("{step} is settled: {}", if reruns { "again" } else { "done" }));
        if reruns && let Some(writer) = self.keys.get(&*step.0).and_then(|key| self.writers.get_mut(key)) {
            writer.allowed += 1;
        }
        let answer = answer.filter(|_| !reruns);
        self.tell_engine(process, Input::Settle { step, answer })
    }

    fn finish(&mut self, process: usize, end: End) -> Result<(), String> {
        let known = &self.processes[process];
        if let Some(effect) = known.effects.iter().find(|effect| effect.counts) {
            return Err(format!("the run is over while {} is in flight", effect.step));
        }
        if !known.timers.is_empty() {
            return Err(String::from("the run is over while a timer is set"));
        }
        if !known.engine.is_over() || !known.commands.is_empty() {
            return Err(String::from("the run has ended, and the engine goes on"));
        }
        if !matches!(self.journal.last(), Some(Record { event: Event::RunFinished { .. }, .. })) {
            return Err(String::from("the run has ended, and that isn't on record"));
        }
        if self.end.as_ref().is_some_and(|known| *known != end) {
            return Err(format!("the run ends twice: {:?} and {end:?}", self.end));
        }
        self.end = Some(end);
        self.processes.remove(process);
        Ok(())
    }

    /// Whoever takes up a run that is over learns how it ended, and changes nothing.
    fn after_the_end(&mut self, end: &End) -> Result<(), String> {
        let settings = settings(&self.program.plan);
        let engine = Engine::resume(self.program.plan.clone(), settings, self.journal.clone());
        let mut engine =
            engine.map_err(|failure| format!("a run that is over can't be read: {failure:?}"))?;
        match engine.apply(Input::Start, Time(self.now)).as_slice() {
            [Command::Finish { status, result, failure }]
                if (status, result, failure) == (&end.status, &end.result, &end.failure) =>
            {
                Ok(())
            }
            other => Err(format!("a run that is over goes on: {other:?}")),
        }
    }
}
