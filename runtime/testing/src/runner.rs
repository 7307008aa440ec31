//! The one scheduler: what is due first happens first, and of what is due at one time, what stands first in the program.

use std::collections::{BTreeMap, HashMap, HashSet, VecDeque};
use std::sync::Arc;

use flow_engine::{AttemptId, Command, Engine, Input, RunSettings, TimerId};
use flow_ir::plan::{NodeId, NodeKind, Target};
use flow_ir::test::{Subject, Test};
use flow_ir::{Name, Type, Value, json};
use flow_providers::tape::{Asked as OnTape, Entry, Stale, Tape};
use flow_runtime_api::{
    Answer, Coordinate, Event, Failure, HttpAnswer, Kind, Question, RunId, RunStatus, Scrubber, Time,
};
use serde_json::Value as Json;

use crate::mocks::{Asked, Mocks};
use crate::models::Models;
use crate::trace::{Calls, shorten, show};
use crate::{Fault, Report};

/// `run.id` of every test.
pub(crate) const RUN: &str = "00000000-0000-7000-8000-000000000000";
/// `run.started_at` of every test: 2026-01-01T00:00:00Z.
const START: Time = Time(1_767_225_600_000);
/// Branches of a `parallel for` without `jobs` at a time.
const JOBS: u32 = 8;
/// Things that happen in a test at most: one that takes more doesn't come to an end worth waiting for.
const TURNS_MAX: u32 = 2_000_000;

pub(crate) fn started_at() -> jiff::Timestamp {
    jiff::Timestamp::from_millisecond(START.0).unwrap_or(jiff::Timestamp::UNIX_EPOCH)
}

/// What is due: when, where its branch stands, and in which order it was asked for.
type Key = (Time, Vec<u32>, u64);

pub(crate) struct Runner<'a> {
    pub test: &'a Test,
    tape: Option<&'a Tape>,
    pub engine: Engine,
    nodes: HashMap<Name, NodeId>,
    pub mocks: Mocks,
    pub calls: Calls,
    /// How the calls of `fails` ended that the expectation at this place has made.
    pub failures: Vec<(flow_source::Span, Option<String>)>,
    pub held: u32,
    trace: Vec<String>,
    queue: BTreeMap<Key, Input>,
    commands: VecDeque<Command>,
    /// The coordinates of waits.
    waited: HashSet<String>,
    /// Calls that the test itself makes: where they stand for the engine.
    roots: Vec<String>,
    count: u64,
    now: Time,
    end: Option<Result<(), Box<Fault>>>,
}

impl<'a> Runner<'a> {
    /// The failure says what is wrong with the plan.
    pub(crate) fn new(test: &'a Test, models: &Models, tape: Option<&'a Tape>) -> Result<Runner<'a>, Fault> {
        let plan = Arc::new(test.plan.clone());
        let settings = RunSettings {
            run: RunId(RUN.into()),
            started_at: START,
            simulate: None,
            default_model: Some(models.default()),
            models: models.declared(&plan),
            prices: String::from("test"),
            jobs_default: JOBS,
            concurrency: BTreeMap::new(),
            requests_per_minute: BTreeMap::new(),
            secrets_dir: None,
        };
        let nodes =
            plan.nodes.iter().enumerate().map(|(id, node)| (node.name.clone(), id as NodeId)).collect();
        let engine = Engine::start(plan, settings, serde_json::Map::new())
            .map_err(|failure| fault("error", format!("the test can't be started: {}", failure.message)))?;
        Ok(Runner {
            test,
            tape,
            engine: engine.pinned_to(String::new()).under_test(),
            nodes,
            mocks: Mocks::default(),
            calls: Calls::default(),
            failures: Vec::new(),
            held: 0,
            trace: Vec::new(),
            queue: BTreeMap::new(),
            commands: VecDeque::new(),
            waited: HashSet::new(),
            roots: Vec::new(),
            count: 0,
            now: START,
            end: None,
        })
    }

    pub(crate) fn run(mut self) -> Report {
        self.tell(Input::Start);
        for _ in 0..TURNS_MAX {
            if self.end.is_some() {
                break;
            }
            if let Some(command) = self.commands.pop_front() {
                self.carry_out(command);
            } else if let Some(((at, ..), input)) = self.queue.pop_first() {
                self.now = self.now.max(at);
                self.tell(input);
            } else {
                self.stuck();
            }
        }
        let fault = match self.end.take() {
            Some(Ok(())) => None,
            Some(Err(fault)) => Some(*fault),
            None => Some(fault("stuck", format!("the test isn't over after {TURNS_MAX} turns"))),
        };
        let notes = match (&fault, self.tape) {
            (None, Some(tape)) => {
                let unused = tape.report().unused;
                // How long a wait took says nothing here.
                let unused = unused.iter().filter(|key| !self.waited.contains(&key.coordinate));
                unused.map(|key| format!("the tape's entry for {key} is never asked for")).collect()
            }
            _ => Vec::new(),
        };
        Report { fault, held: self.held, virtual_ms: self.now.since(START), trace: self.trace, notes }
    }

    fn tell(&mut self, input: Input) {
        let commands = self.engine.apply(input, self.now);
        self.commands.extend(commands);
    }

    fn fail(&mut self, fault: Fault) {
        self.end.get_or_insert(Err(Box::new(fault)));
    }

    fn push(&mut self, after_ms: u64, branch: Vec<u32>, input: Input) {
        self.push_at(self.now.after_ms(after_ms), branch, input);
    }

    fn push_at(&mut self, at: Time, branch: Vec<u32>, input: Input) {
        self.count += 1;
        self.queue.insert((at.max(self.now), branch, self.count), input);
    }

    fn carry_out(&mut self, command: Command) {
        match command {
            Command::Append(events) => events.iter().for_each(|event| self.note(event)),
            Command::StandIn { attempt, step, target } => self.stand_in(attempt, &step, target),
            Command::Ask { attempt, step, node, call, timeout_ms, tries, fingerprint, .. } => {
                let request = self.asked(|| call.asked());
                let kind = "prompt";
                let effect = Effect { attempt, step, node, tries, timeout_ms, fingerprint, kind, request };
                self.effect(&effect);
            }
            Command::Fetch {
                attempt, step, node, request, timeout_ms, attempt_number, fingerprint, ..
            } => {
                let (tries, kind) = ((attempt_number, 0), "http");
                let request = self.asked(|| request.asked());
                let effect = Effect { attempt, step, node, tries, timeout_ms, fingerprint, kind, request };
                self.effect(&effect);
            }
            Command::Draw { attempt, step, node, fingerprint, .. } => {
                let (tries, timeout_ms, kind, request) = ((0, 0), u64::MAX, "built_in", Json::Null);
                let effect = Effect { attempt, step, node, tries, timeout_ms, fingerprint, kind, request };
                self.effect(&effect);
            }
            Command::Put { step, node, kind, question, fingerprint } => {
                self.question(&step, &node, &kind, &fingerprint, &question);
            }
            Command::Abort(gone) => self.queue.retain(|_, input| match input {
                Input::Answered { attempt, .. }
                | Input::Fetched { attempt, .. }
                | Input::Simulated { attempt, .. }
                | Input::StoodIn { attempt, .. } => *attempt != gone,
                _ => true,
            }),
            Command::SetTimer(timer, at) => {
                let branch = self.engine.branch_of_timer(timer);
                self.push_at(at, branch, Input::Due { timer });
            }
            Command::ClearTimer(gone) => self.queue.retain(|_, input| !is_timer(input, gone)),
            Command::Show(_) | Command::Idle { .. } => {}
            Command::Finish { status, failure, .. } => self.finish(status, failure),
        }
    }

    fn asked(&self, request: impl FnOnce() -> Json) -> Json {
        if self.tape.is_some() { request() } else { Json::Null }
    }

    /// Keeps what happened.
    fn note(&mut self, event: &Event) {
        let line = match event {
            Event::StepFinished { step, result, .. } => {
                self.calls.end(&step.0);
                format!("{} = {}", self.normal(&step.0), shorten(&result.to_string()))
            }
            Event::StepFailed { step, failure, .. } => {
                self.calls.end(&step.0);
                format!("{} ! {}: {}", self.normal(&step.0), failure.kind, shorten(&failure.message))
            }
            Event::StepCancelled { step, .. } => {
                self.calls.end(&step.0);
                format!("{} cancelled", self.normal(&step.0))
            }
            Event::AttemptFailed { step, failure, .. } => {
                format!("{} ! {}, tried again", self.normal(&step.0), failure.kind)
            }
            Event::WaitStarted { step, .. } => {
                let step = self.normal(&step.0);
                let line = format!("{step} waits");
                self.waited.insert(step);
                line
            }
            Event::WaitFinished { step } => format!("{} goes on", self.normal(&step.0)),
            Event::RaceWon { step, arm } => format!("{} won by arm {arm}", self.normal(&step.0)),
            Event::Emitted { step, value } => {
                format!("{} emits {}", self.normal(&step.0), shorten(&value.to_string()))
            }
            Event::TimedOut { step } => format!("{} timed out", self.normal(&step.0)),
            Event::BudgetRefused { step, message } => format!("{} refused: {message}", self.normal(&step.0)),
            Event::UndoRegistered { step } => format!("{} can be undone", self.normal(&step.0)),
            _ => return,
        };
        self.trace.push(format!("{:>8} ms  {line}", self.now.since(START)));
    }

    /// A coordinate as a run of its flow would have it: a test calls flows from its own blocks.
    pub(crate) fn normal(&self, raw: &str) -> String {
        let beneath = |root: &&String| {
            raw == root.as_str() || raw.strip_prefix(root.as_str()).is_some_and(|rest| rest.starts_with('/'))
        };
        let above = match self.roots.iter().find(beneath) {
            Some(root) => root.rfind('/'),
            None => raw.rfind('/'),
        };
        raw[above.map_or(0, |at| at + 1)..].to_owned()
    }

    fn stand_in(&mut self, attempt: AttemptId, step: &Coordinate, target: Target) {
        let branch = self.engine.branch_of(attempt);
        let args = self.engine.arguments(attempt).to_vec();
        if let Target::Flow(flow) = target
            && let Some(number) = flow.checked_sub(self.test.first_ask)
        {
            let test = self.test;
            let Some(ask) = test.asks.get(number as usize) else { return };
            match self.answer(ask, &args) {
                Ok(value) => {
                    let result = Some(Ok(json::untyped(&value).unwrap_or_default()));
                    self.push(0, branch, Input::StoodIn { attempt, result });
                }
                Err(fault) => self.fail(fault),
            }
            return;
        }
        if !self.roots.iter().any(|root| {
            step.0.strip_prefix(root.as_str()).is_some_and(|rest| rest.starts_with('/') || rest.is_empty())
        }) {
            self.roots.push(step.0.to_string());
        }
        let (of, returns) = match target {
            Target::Flow(id) => (Subject::Flow(id), &self.test.plan.flows[id as usize].returns),
            Target::Node(id) => (Subject::Node(id), &self.test.plan.nodes[id as usize].returns),
        };
        let coordinate = self.begin(&of, &step.0, &args);
        let mocked = self.mocks.take(&Asked { of: &of, coordinate: &coordinate, args: &args });
        match (mocked, target) {
            (Some((outcome, after_ms)), _) => {
                let result = Some(self.written(outcome, returns));
                self.push(after_ms, branch, Input::StoodIn { attempt, result });
            }
            (None, Target::Node(id)) if self.tape.is_none() => {
                self.unmocked(&of, &coordinate, id);
            }
            (None, _) => self.push(0, branch, Input::StoodIn { attempt, result: None }),
        }
    }

    /// A call begins; returns its coordinate.
    fn begin(&mut self, of: &Subject, raw: &str, args: &[Value]) -> String {
        let coordinate = self.normal(raw);
        let plan = &self.test.plan;
        let params = match of {
            Subject::Node(id) => &plan.nodes[*id as usize].params,
            Subject::Flow(id) => &plan.flows[*id as usize].params,
            Subject::At(_) => return coordinate,
        };
        let name = self.name(of);
        let args: Vec<String> =
            params.iter().zip(args).map(|(param, arg)| format!("{}: {}", param.name, show(arg))).collect();
        let shown = format!("{}({})", name.trim_matches('`'), shorten(&args.join(", ")));
        self.trace.push(format!("{:>8} ms  {coordinate}: {shown}", self.now.since(START)));
        self.calls.begin(of.clone(), coordinate.clone(), raw, shown);
        coordinate
    }

    /// Writes what a mock answers as the node's type has it.
    fn written(&self, outcome: Result<Value, Failure>, returns: &Type) -> Result<Json, Failure> {
        let value = outcome?;
        let typed = json::encode(&value, returns, &self.test.plan.types);
        typed
            .or_else(|_| json::untyped(&value))
            .map_err(|violation| Failure::new(Kind::Exhausted, violation.to_string()))
    }

    fn effect(&mut self, effect: &Effect) {
        let Some(&id) = self.nodes.get(&effect.node) else { return };
        let branch = self.engine.branch_of(effect.attempt);
        let args = self.engine.arguments(effect.attempt).to_vec();
        let of = Subject::Node(id);
        let attempt = effect.attempt;
        let is_turn = matches!(self.test.plan.nodes[id as usize].kind, NodeKind::Agent(_));
        let coordinate = match effect.tries {
            (0, 0) if !is_turn => self.begin(&of, &effect.step.0, &args),
            _ => self.normal(&effect.step.0),
        };
        let asked = Asked { of: &of, coordinate: &coordinate, args: &args };
        let mocked = if is_turn { None } else { self.mocks.take(&asked) };
        if let Some((outcome, after_ms)) = mocked {
            let result = match after_ms >= effect.timeout_ms {
                true => Err(timeout(effect.timeout_ms)),
                false => self.written(outcome, &self.test.plan.nodes[id as usize].returns),
            };
            let after_ms = after_ms.min(effect.timeout_ms);
            self.push(after_ms, branch, Input::Simulated { attempt, result });
            return;
        }
        let Some(tape) = self.tape else { return self.unmocked(&of, &coordinate, id) };
        let (kind, fingerprint, tries) = (effect.kind, effect.fingerprint.as_str(), effect.tries);
        let request = || effect.request.clone();
        let asked = OnTape { coordinate: &coordinate, tries, kind, fingerprint, request: &request };
        let entry = match tape.take(&asked, &Scrubber::default()) {
            Ok(entry) => entry,
            Err(stale) => return self.stale(&coordinate, &stale),
        };
        if is_open(&entry) {
            let result = Err(timeout(effect.timeout_ms));
            return self.push(effect.timeout_ms, branch, Input::Simulated { attempt, result });
        }
        let usage = entry.usage;
        let input = match kind {
            "prompt" => Input::Answered { attempt, result: entry.answer::<Answer>(), usage, duration_ms: 0 },
            "http" => Input::Fetched { attempt, result: entry.answer::<HttpAnswer>(), duration_ms: 0 },
            _ => Input::Simulated { attempt, result: entry.answer::<Json>() },
        };
        self.push(0, branch, input);
    }

    fn question(
        &mut self,
        step: &Coordinate,
        node: &Name,
        kind: &Name,
        fingerprint: &str,
        question: &Question,
    ) {
        let Some(&id) = self.nodes.get(node) else { return };
        let branch = self.engine.branch_of_question(step);
        let args = self.engine.question_arguments(step).to_vec();
        let of = Subject::Node(id);
        let coordinate = self.begin(&of, &step.0, &args);
        let returns = &self.test.plan.nodes[id as usize].returns;
        let mocked = self.mocks.take(&Asked { of: &of, coordinate: &coordinate, args: &args });
        let (result, after_ms) = match (mocked, self.tape) {
            (Some((outcome, after_ms)), _) => (self.written(outcome, returns), after_ms),
            (None, Some(tape)) => {
                let request = || serde_json::to_value(question).unwrap_or_default();
                let asked =
                    OnTape { coordinate: &coordinate, tries: (0, 0), kind, fingerprint, request: &request };
                match tape.take(&asked, &Scrubber::default()) {
                    Err(stale) => return self.stale(&coordinate, &stale),
                    // Nobody answered it then either: its time runs out.
                    Ok(entry) if is_open(&entry) => return,
                    Ok(entry) => (entry.answer::<Json>(), 0),
                }
            }
            (None, None) => return self.unmocked(&of, &coordinate, id),
        };
        self.push(after_ms, branch, Input::Replied { step: step.clone(), result });
    }

    /// An effect that nothing answers ends the test: no `catch` of the program sees it.
    fn unmocked(&mut self, of: &Subject, coordinate: &str, id: NodeId) {
        let node = &self.test.plan.nodes[id as usize];
        let shown = self.calls.all.last().map(|call| call.shown.clone()).unwrap_or_default();
        let sample = flow_sample(&node.returns);
        let mut notes = vec![format!("it was called as {shown}")];
        if self.mocks.knows(of) {
            notes.push(String::from("its mocks are for other arguments"));
        }
        let help = format!(
            "add `mock {} => {sample}`, or `mock \"{coordinate}\" => {sample}` for this step alone",
            node.name
        );
        self.fail(Fault {
            step: Some((coordinate.to_owned(), self.place(coordinate))),
            notes,
            help: Some(help),
            ..fault("unmocked", format!("`{}` is called and not mocked", node.name))
        });
    }

    fn stale(&mut self, coordinate: &str, stale: &Stale) {
        let told =
            |value: &Option<Json>| value.as_ref().map_or_else(|| String::from("nothing"), Json::to_string);
        let notes = stale.changes.iter().map(|change| {
            format!(
                "{}: was {}, is {}",
                change.part,
                shorten(&told(&change.was)),
                shorten(&told(&change.now))
            )
        });
        let notes = notes.collect();
        self.fail(Fault {
            step: Some((coordinate.to_owned(), self.place(coordinate))),
            notes,
            help: Some(String::from("record what is stale anew: `flowc run … --tape FILE --update`")),
            ..fault("stale", stale.to_string())
        });
    }

    /// Where a step is written.
    fn place(&self, coordinate: &str) -> Option<String> {
        let place = Coordinate(coordinate.into()).place();
        let mut rest = place.as_str();
        // A flow's steps are kept under its own name, wherever it is called.
        loop {
            if let Some(at) = self.test.plan.places.steps.get(rest) {
                return Some(at.clone());
            }
            rest = &rest[rest.find('/')? + 1..];
        }
    }

    fn finish(&mut self, status: RunStatus, failure: Option<Failure>) {
        let end = match (status, failure) {
            (RunStatus::Succeeded, _) => Ok(()),
            (_, failure) => {
                let failure = failure.unwrap_or_else(|| Failure::new(Kind::Cancelled, "the run was stopped"));
                let step = failure.step.as_ref().map(|step| self.normal(&step.0));
                let notes = self.happened();
                Err(Box::new(Fault {
                    step: step.map(|step| {
                        let place = self.place(&step);
                        (step, place)
                    }),
                    notes,
                    help: Some(format!("if that is right, expect it: `expect fails(…, {})`", failure.kind)),
                    ..fault("error", format!("{}: {}", failure.kind, failure.message))
                }))
            }
        };
        self.end.get_or_insert(end);
    }

    fn stuck(&mut self) {
        let notes = self.happened();
        self.fail(Fault {
            notes,
            ..fault("stuck", String::from("nothing goes on any more, and the test isn't over"))
        });
    }
}

/// An effect that is to be answered.
struct Effect {
    attempt: AttemptId,
    step: Coordinate,
    node: Name,
    tries: (u32, u32),
    timeout_ms: u64,
    fingerprint: String,
    kind: &'static str,
    /// What is asked; nothing where no tape is read.
    request: Json,
}

fn is_timer(input: &Input, gone: TimerId) -> bool {
    matches!(input, Input::Due { timer } if *timer == gone)
}

/// Whether nobody waited for the end of what a tape's entry tells.
fn is_open(entry: &Entry) -> bool {
    entry.error.as_ref().is_some_and(|failure| failure.built_in() == Some(Kind::Cancelled))
}

fn timeout(after_ms: u64) -> Failure {
    Failure::new(Kind::Timeout, format!("no answer within {after_ms} ms"))
}

fn fault(kind: &'static str, message: String) -> Fault {
    Fault { kind, message, span: None, parts: Vec::new(), step: None, notes: Vec::new(), help: None }
}

/// Shows what a mock of a type may look like.
fn flow_sample(ty: &Type) -> &'static str {
    match ty.non_null() {
        Type::String(_) => "\"…\"",
        Type::Bool => "true",
        Type::Int(_) => "1",
        Type::Float(_) => "0.5",
        Type::List(..) => "[…]",
        Type::Timestamp => "timestamp(\"2026-01-01T00:00:00Z\")",
        Type::Duration => "1s",
        _ => "…",
    }
}
