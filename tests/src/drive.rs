//! A run without an executor: virtual time, scripted answers, everything in one order.
//!
//! What is due first comes first; of what is due at one time, what was asked first. So a case has one trace.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

use anyhow::{Context, bail, ensure};
use base64::Engine as _;
use flow_engine::{AttemptId, Command, Engine, Input, ModelFacts, RunSettings, TimerId};
use flow_ir::plan::{Decode, ModelKind, NodeKind, Plan};
use flow_ir::{Name, catalogue};
use flow_project::bounds::What;
use flow_runtime_api::{
    Answer, Call, Coordinate, Event, Failure, FinishReason, HttpAnswer, HttpRequest, Message, Part, Question,
    Record, Role, RunId, RunStatus, Time, ToolCall, Usage,
};
use serde_json::Value as Json;

use crate::script::{Reply, ReplyKind, Script};

/// Inputs to the engine at most: a case is small, so more is a run that goes in a circle.
const INPUTS_MAX: usize = 100_000;
/// When every run starts: 2026-01-01T00:00:00Z.
pub(crate) const START: Time = Time(1_767_225_600_000);

/// How a run ended.
#[derive(Clone, Debug, PartialEq)]
pub struct End {
    /// How.
    pub status: RunStatus,
    /// The result.
    pub result: Option<Json>,
    /// Why it failed.
    pub failure: Option<Failure>,
}

/// A run that is over.
#[derive(Debug)]
pub struct Outcome {
    /// Its journal.
    pub records: Vec<Record>,
    /// How it ended.
    pub end: End,
    /// What was asked, by coordinate: a prompt's question, a tool's request.
    asked: HashMap<String, String>,
}

/// Runs a plan to its end.
///
/// # Errors
/// The inputs aren't the flow's, a step has no answer in the script, or the run doesn't end.
pub fn run(plan: &Arc<Plan>, script: &Script) -> anyhow::Result<Outcome> {
    let engine = Engine::start(plan.clone(), settings(plan), script.inputs.clone())?;
    Driver::new(plan, script, engine, Vec::new(), START).drive()
}

/// Goes on with a run of which only the first records are left, as after a crash, and runs it to its end. `None` if it
/// waits for somebody to say what came of a step that mustn't be repeated.
///
/// # Errors
/// See [`run`].
pub fn resume(plan: &Arc<Plan>, script: &Script, records: &[Record]) -> anyhow::Result<Option<Outcome>> {
    let now = records.last().map_or(START, |record| record.at);
    let engine = Engine::resume(plan.clone(), settings(plan), records.to_vec())?;
    match Driver::new(plan, script, engine, records.to_vec(), now).drive() {
        Err(_) if has_uncertain_step(records) => Ok(None),
        outcome => outcome.map(Some),
    }
}

fn has_uncertain_step(records: &[Record]) -> bool {
    let mut open = Vec::new();
    for record in records {
        match &record.event {
            Event::StepStarted { step, repeatable: false, .. } => open.push(step),
            Event::StepFinished { step, .. } | Event::StepFailed { step, .. } => {
                open.retain(|open| *open != step)
            }
            _ => {}
        }
    }
    !open.is_empty()
}

pub(crate) fn settings(plan: &Plan) -> RunSettings {
    let facts = |provider: &str, model: &str, url: Option<&str>| ModelFacts {
        name: format!("{provider}/{model}").into(),
        price: catalogue::price_at(provider, model, url, None),
        output_tokens_max: catalogue::limits(provider, model).output_tokens,
    };
    let models = plan.models.iter().map(|model| match &model.kind {
        ModelKind::Provider { provider, model: name } => {
            Some(facts(provider, name, model.settings.base_url.as_deref()))
        }
        ModelKind::Fallback(_) | ModelKind::RoundRobin(_) => None,
    });
    RunSettings {
        run: RunId("00000000-0000-7000-8000-000000000000".into()),
        started_at: START,
        simulate: None,
        default_model: Some(facts("ollama", "llama3.2", None)),
        models: models.collect(),
        prices: String::from("test"),
        jobs_default: 8,
        concurrency: Default::default(),
        requests_per_minute: Default::default(),
        secrets_dir: None,
    }
}

/// What is due.
enum Due {
    Answered(AttemptId, Result<Answer, Failure>, Option<Usage>, u64),
    Fetched(AttemptId, Result<HttpAnswer, Failure>, u64),
    Drawn(AttemptId, Result<Json, Failure>),
    Timer(TimerId),
    Cancel,
    Answer(Coordinate, Result<Json, Failure>),
    Deliver(Name, Json),
}

struct Driver<'a> {
    plan: &'a Plan,
    script: &'a Script,
    engine: Engine,
    records: Vec<Record>,
    /// How many answers of each coordinate are used.
    used: HashMap<String, usize>,
    asked: HashMap<String, String>,
    /// By time, then by the order of asking.
    queue: BTreeMap<(Time, u64), Due>,
    count: u64,
    now: Time,
    end: Option<End>,
}

impl<'a> Driver<'a> {
    fn new(
        plan: &'a Plan,
        script: &'a Script,
        engine: Engine,
        records: Vec<Record>,
        now: Time,
    ) -> Driver<'a> {
        let mut used = HashMap::<String, usize>::new();
        for record in &records {
            if let Event::AttemptFailed { step, .. }
            | Event::StepFinished { step, .. }
            | Event::StepFailed { step, .. }
            | Event::StepCancelled { step, .. } = &record.event
            {
                *used.entry(step.0.to_string()).or_default() += 1;
            }
        }
        let (asked, mut queue) = (HashMap::new(), BTreeMap::new());
        let is_cancelled = records.iter().any(|record| matches!(record.event, Event::CancelRequested { .. }));
        if let Some(after_ms) = script.cancel_after_ms.filter(|_| !is_cancelled) {
            queue.insert((START.after_ms(after_ms), 0), Due::Cancel);
        }
        let mut driver =
            Driver { plan, script, engine, records, used, asked, queue, count: 0, now, end: None };
        for (event, body, after_ms) in &script.deliveries {
            let at = START.after_ms(*after_ms);
            if !driver.has_come(event, at) {
                driver.count += 1;
                driver.queue.insert((at, driver.count), Due::Deliver(event.into(), body.clone()));
            }
        }
        driver
    }

    /// Whether the records tell of a delivery at that time.
    fn has_come(&self, event: &str, at: Time) -> bool {
        let of_event = |step: &Coordinate| {
            self.records.iter().any(|record| {
                matches!(&record.event, Event::Asked { step: asked, node, .. } if asked == step && node == event)
            })
        };
        at < self.now
            || self.records.iter().any(|record| {
                record.at == at
                    && match &record.event {
                        Event::Delivered { node, .. } => node == event,
                        Event::StepFinished { step, .. } => of_event(step),
                        _ => false,
                    }
            })
    }

    fn drive(mut self) -> anyhow::Result<Outcome> {
        let mut input = Input::Start;
        for _ in 0..INPUTS_MAX {
            let commands = self.engine.apply(input, self.now);
            for command in commands {
                self.carry_out(command)?;
            }
            if let Some(end) = self.end.take() {
                ensure!(self.engine.is_over(), "the run has ended, and the engine says that it goes on");
                return Ok(Outcome { records: self.records, end, asked: self.asked });
            }
            let Some(((at, _), due)) = self.queue.pop_first() else {
                bail!(
                    "nothing is in flight and the run isn't over; its last record: {:?}",
                    self.records.last()
                );
            };
            self.now = self.now.max(at);
            input = match due {
                Due::Answered(attempt, result, usage, duration_ms) => {
                    Input::Answered { attempt, result, usage, duration_ms }
                }
                Due::Fetched(attempt, result, duration_ms) => Input::Fetched { attempt, result, duration_ms },
                Due::Drawn(attempt, result) => Input::Simulated { attempt, result },
                Due::Timer(timer) => Input::Due { timer },
                Due::Cancel => Input::Cancel,
                Due::Answer(step, answer) => {
                    let refused = Input::Answer { step: step.clone(), answer: Err(failure("denied", "")) };
                    let is_open = self.engine.check_reply(&refused).is_ok();
                    let input = Input::Answer { step, answer };
                    if is_open {
                        self.engine.check_reply(&input).context("an answer of the script is refused")?;
                    }
                    input
                }
                Due::Deliver(event, body) => {
                    let input = Input::Deliver { event, body };
                    self.engine.check_reply(&input).context("a delivery of the script is refused")?;
                    input
                }
            };
        }
        bail!("the run doesn't end")
    }

    fn carry_out(&mut self, command: Command) -> anyhow::Result<()> {
        match command {
            Command::Append(events) => {
                for event in events {
                    if let Event::Asked { step, question, .. } = &event {
                        self.asked.extend(put(question).map(|asked| (step.0.to_string(), asked)));
                    }
                    let seq = self.records.len() as u64;
                    self.records.push(Record { seq, at: self.now, event });
                }
            }
            Command::Ask { attempt, step, call, timeout_ms, .. } => {
                ensure!(keeps_thoughts(&call), "{step}: what a model thought isn't sent back");
                self.asked.insert(step.0.to_string(), question(&call));
                let reply = self.reply(&step.0)?;
                let usage = reply.usage.map(|(input_tokens, output_tokens)| Usage {
                    input_tokens,
                    output_tokens,
                    ..Usage::default()
                });
                let result = match (in_time(&reply, timeout_ms), &reply.kind) {
                    (Err(late), _) => Err(late),
                    (_, ReplyKind::Failure(kind, message)) => Err(failure(kind, message)),
                    (_, ReplyKind::Status(status, text)) => {
                        Err(failure("unavailable", &format!("{status}: {text}")))
                    }
                    (_, ReplyKind::Raw(text)) => Ok(answer(text.clone(), usage)),
                    (_, ReplyKind::Value(Json::String(text))) if call.schema.is_none() => {
                        Ok(answer(text.clone(), usage))
                    }
                    (_, ReplyKind::Value(value)) => Ok(answer(value.to_string(), usage)),
                    (_, ReplyKind::Calls(calls)) => Ok(asking(calls, &step.0, usage)),
                };
                let took = reply.after_ms.min(timeout_ms);
                self.push(took, Due::Answered(attempt, result, usage, took));
            }
            Command::Fetch { attempt, step, node, request, timeout_ms, .. } => {
                self.asked.insert(step.0.to_string(), shown(&request)?);
                let reply = self.reply(&step.0)?;
                let node = self.plan.nodes.iter().find(|known| known.name == node);
                let json = node.is_none_or(|node| match &node.kind {
                    NodeKind::Http(http) => http.decode == Decode::Json,
                    _ => true,
                });
                let ok = |status, body: String| {
                    let content_type = if json { "application/json" } else { "text/plain" };
                    Ok(HttpAnswer { status, content_type: content_type.to_owned(), body: body.into_bytes() })
                };
                let result = match (in_time(&reply, timeout_ms), &reply.kind) {
                    (Err(late), _) => Err(late),
                    (_, ReplyKind::Failure(kind, message)) => Err(failure(kind, message)),
                    (_, ReplyKind::Status(status, text)) => ok(*status, text.clone()),
                    (_, ReplyKind::Raw(text)) => ok(200, text.clone()),
                    (_, ReplyKind::Value(Json::String(text))) if !json => ok(200, text.clone()),
                    (_, ReplyKind::Value(value)) => ok(200, value.to_string()),
                    (_, ReplyKind::Calls(_)) => bail!("a server calls no tools"),
                };
                let took = reply.after_ms.min(timeout_ms);
                self.push(took, Due::Fetched(attempt, result, took));
            }
            Command::Draw { attempt, step, what, .. } => {
                self.asked.insert(step.0.to_string(), what.name().to_owned());
                let reply = self.reply(&step.0)?;
                let result = match reply.kind {
                    ReplyKind::Value(value) => Ok(value),
                    ReplyKind::Failure(kind, message) => Err(failure(&kind, &message)),
                    _ => bail!("what every program has is given by `= JSON`"),
                };
                self.push(reply.after_ms, Due::Drawn(attempt, result));
            }
            Command::Put { step, .. } => {
                // A question without an answer in the script stays open.
                if self.script.replies.contains_key(step.0.as_str()) {
                    let reply = self.reply(&step.0)?;
                    let result = match reply.kind {
                        ReplyKind::Value(value) => Ok(value),
                        ReplyKind::Failure(kind, message) => Err(failure(&kind, &message)),
                        _ => bail!("a person or an event gives `= JSON`, or `! denied \"…\"`"),
                    };
                    let asked = self.records.iter().rev().find(
                        |record| matches!(&record.event, Event::Asked { step: asked, .. } if *asked == step),
                    );
                    let at = asked.map_or(self.now, |record| record.at).after_ms(reply.after_ms);
                    self.count += 1;
                    self.queue.insert((at, self.count), Due::Answer(step, result));
                }
            }
            Command::StandIn { .. } => bail!("nothing here is under test"),
            Command::Abort(gone) => self.queue.retain(|_, due| match due {
                Due::Answered(attempt, ..) | Due::Fetched(attempt, ..) | Due::Drawn(attempt, _) => {
                    *attempt != gone
                }
                Due::Timer(_) | Due::Cancel | Due::Answer(..) | Due::Deliver(..) => true,
            }),
            Command::SetTimer(timer, at) => {
                self.count += 1;
                self.queue.insert((at, self.count), Due::Timer(timer));
            }
            Command::ClearTimer(gone) => {
                self.queue.retain(|_, due| !matches!(due, Due::Timer(timer) if *timer == gone));
            }
            Command::Show(_) | Command::Idle { .. } => {}
            Command::Finish { status, result, failure } => self.end = Some(End { status, result, failure }),
        }
        Ok(())
    }

    fn push(&mut self, after_ms: u64, due: Due) {
        self.count += 1;
        self.queue.insert((self.now.after_ms(after_ms), self.count), due);
    }

    fn reply(&mut self, step: &str) -> anyhow::Result<Reply> {
        let used = self.used.entry(step.to_owned()).or_default();
        let reply = self.script.replies.get(step).and_then(|replies| replies.get(*used));
        let Some(reply) = reply else { bail!("the script has no answer number {} for {step}", *used + 1) };
        *used += 1;
        Ok(reply.clone())
    }
}

fn in_time(reply: &Reply, timeout_ms: u64) -> Result<(), Failure> {
    if reply.after_ms <= timeout_ms {
        return Ok(());
    }
    Err(failure("timeout", &format!("no answer within {}", seconds(timeout_ms))))
}

fn failure(kind: &str, message: &str) -> Failure {
    if kind == "missing" {
        return Failure::missing(message);
    }
    Failure { kind: kind.into(), message: message.to_owned(), step: None, retry_at: None, missing: false }
}

fn answer(text: String, usage: Option<Usage>) -> Answer {
    Answer { text, usage, finish: FinishReason::Stop, ..Answer::default() }
}

/// An answer that asks for tools, after a thought.
fn asking(calls: &[(String, String)], step: &str, usage: Option<Usage>) -> Answer {
    let call = |(at, (name, arguments)): (usize, &(String, String))| ToolCall {
        id: format!("{step}#{at}"),
        name: name.clone(),
        arguments: arguments.clone(),
    };
    Answer {
        tool_calls: calls.iter().enumerate().map(call).collect(),
        opaque: vec![thought(&calls.len())],
        finish: FinishReason::ToolCalls,
        ..answer(String::new(), usage)
    }
}

fn thought(calls: &usize) -> Part {
    Part::Opaque { provider: String::from("test"), json: serde_json::json!({ "thought": calls }) }
}

/// Whether each message that asks for tools has the thought that led to it, and each call has its result behind it.
fn keeps_thoughts(call: &Call) -> bool {
    let calls = |message: &Message| -> Vec<String> {
        let ids = message.parts.iter().filter_map(|part| match part {
            Part::ToolCall(call) => Some(call.id.clone()),
            _ => None,
        });
        ids.collect()
    };
    let results = |message: &Message| -> Vec<String> {
        let ids = message.parts.iter().filter_map(|part| match part {
            Part::ToolResult { id, .. } => Some(id.clone()),
            _ => None,
        });
        ids.collect()
    };
    call.messages.iter().enumerate().all(|(at, message)| {
        let asked = calls(message);
        asked.is_empty()
            || message.parts.contains(&thought(&asked.len()))
                && call.messages.get(at + 1).is_some_and(|next| results(next) == asked)
    })
}

/// The last thing that the program says to a model before the model's own words; of a later turn of an agent, what the
/// model is shown of its calls, and what is said after that.
fn question(call: &Call) -> String {
    let last = call.messages.iter().rposition(|message| {
        message.role == Role::Assistant && message.parts.iter().any(|part| matches!(part, Part::ToolCall(_)))
    });
    if let Some(last) = last {
        let parts = call.messages[last + 1..].iter().flat_map(|message| &message.parts);
        let shown = parts.map(|part| match part {
            Part::ToolResult { name, content, failed, .. } => {
                let sign = if *failed { "!" } else { "=" };
                format!("{name} {sign} {}", Json::from(in_short(content)))
            }
            Part::Text(text) => Json::from(text.as_str()).to_string(),
            other => format!("{other:?}"),
        });
        return shown.collect::<Vec<_>>().join(", ");
    }
    let asked = call.messages.iter().find(|message| message.role == Role::User);
    let parts = asked.map(|message| message.parts.as_slice()).unwrap_or_default();
    let text: String = parts
        .iter()
        .filter_map(|part| if let Part::Text(text) = part { Some(text.as_str()) } else { None })
        .collect();
    Json::from(text).to_string()
}

/// Leaves out the middle of a long text.
fn in_short(text: &str) -> String {
    let chars: Vec<char> = text.chars().collect();
    match chars.len() {
        0..=1_000 => text.to_owned(),
        count => {
            let piece = |range: std::ops::Range<usize>| chars[range].iter().collect::<String>();
            format!("{}[{} characters]{}", piece(0..20), count - 80, piece(count - 60..count))
        }
    }
}

/// What a person reads, and what the form is filled in with; of an event, which one is meant.
fn put(question: &Question) -> Option<String> {
    let message = question.message.as_ref().map(|message| Json::from(message.as_str()).to_string());
    let args = (!question.args.is_empty()).then(|| Json::from(question.args.clone()).to_string());
    let form = question.form.as_ref().map(|form| format!("form {form}"));
    let parts: Vec<_> = message.into_iter().chain(args).chain(form).collect();
    (!parts.is_empty()).then(|| parts.join(" "))
}

fn shown(request: &HttpRequest) -> anyhow::Result<String> {
    let mut out = format!("{} {}", request.method, request.url);
    for (index, (name, value)) in request.query.iter().enumerate() {
        out.push_str(&format!("{}{name}={value}", if index == 0 { "?" } else { "&" }));
    }
    if let Some(body) = &request.body {
        let bytes = base64::engine::general_purpose::STANDARD.decode(body)?;
        out.push_str(&format!(" {}", String::from_utf8_lossy(&bytes)));
    }
    Ok(out)
}

fn seconds(ms: u64) -> String {
    if ms.is_multiple_of(1000) { format!("{}s", ms / 1000) } else { format!("{ms}ms") }
}

/// The agents of a run.
pub(crate) struct Agents<'a> {
    /// The coordinates of those that were asked.
    steps: HashSet<&'a str>,
    /// What was begun.
    made: HashSet<&'a str>,
}

impl<'a> Agents<'a> {
    pub(crate) fn of(records: &'a [Record]) -> Agents<'a> {
        let mut agents = Agents { steps: HashSet::new(), made: HashSet::new() };
        for record in records {
            match &record.event {
                Event::StepStarted { step, kind, .. } => {
                    agents.made.insert(&step.0);
                    if *kind == "agent" {
                        agents.steps.extend(step.0.rsplit_once('/').map(|(agent, _)| agent));
                    }
                }
                Event::Asked { step, .. } => drop(agents.made.insert(&step.0)),
                _ => {}
            }
        }
        agents
    }

    /// Whether a coordinate is that of a call, made or not.
    pub(crate) fn is_call(&self, path: &str) -> bool {
        let turn = path.rsplit_once('/').filter(|(_, call)| call.starts_with("tool["));
        turn.and_then(|(turn, _)| turn.rsplit_once('/')).is_some_and(|(agent, _)| self.steps.contains(agent))
    }

    /// Whether it was begun.
    pub(crate) fn is_made(&self, path: &str) -> bool {
        self.made.contains(path)
    }

    /// Returns the step that a coordinate belongs to: the turns of an agent are one.
    pub(crate) fn step<'p>(&self, path: &'p str) -> &'p str {
        match path.rsplit_once('/') {
            Some((agent, turn)) if turn.starts_with("turn[") && self.steps.contains(agent) => agent,
            _ => path,
        }
    }
}

impl Outcome {
    /// Counts what its bounds are about, as far as its journal tells: turns without a step leave no record.
    pub fn counts(&self, plan: &Plan) -> Vec<(What, u64)> {
        let (mut model_calls, mut tool_calls, mut people) = (0, 0, 0);
        let (mut steps, mut turns, mut visits) = (HashSet::new(), HashSet::new(), HashSet::new());
        let agents = Agents::of(&self.records);
        for record in &self.records {
            let step = match &record.event {
                Event::StepStarted { step, node, .. } => {
                    match plan.nodes.iter().find(|known| known.name == *node).map(|node| &node.kind) {
                        Some(NodeKind::Prompt(_) | NodeKind::Agent(_)) => model_calls += 1,
                        // It asks nobody.
                        Some(NodeKind::Code(_)) => {}
                        _ => tool_calls += 1,
                    }
                    step
                }
                Event::Asked { step, kind, .. } => {
                    people += u64::from(*kind == "human");
                    step
                }
                Event::WaitStarted { step, .. }
                | Event::StepFailed { step, .. }
                | Event::Emitted { step, .. } => step,
                _ => continue,
            };
            let path: &str = &step.0;
            // A call that was refused before it was made is none.
            if agents.is_call(path) && !agents.is_made(path) {
                continue;
            }
            steps.insert(agents.step(path).to_owned());
            for (end, _) in path.match_indices(']').filter(|(end, _)| !agents.is_call(&path[..end + 1])) {
                match path[end + 1..].starts_with('.') {
                    true => visits.insert(path[..end].to_owned()),
                    false => turns.insert(path[..end].to_owned()),
                };
            }
        }
        vec![
            (What::ModelCalls, model_calls),
            (What::ToolCalls, tool_calls),
            (What::People, people),
            (What::Turns, turns.len() as u64),
            (What::Visits, visits.len() as u64),
            (What::Steps, steps.len() as u64),
        ]
    }

    /// Prints what happened: a line per end of an attempt, a step or a wait, then the result.
    pub fn trace(&self) -> String {
        let mut lines = Vec::new();
        let mut waits = HashMap::new();
        for record in &self.records {
            let asked =
                |step: &str| self.asked.get(step).map(|asked| format!(" {asked}")).unwrap_or_default();
            match &record.event {
                Event::AttemptFailed { step, failure, .. } => {
                    lines.push(format!("{step}{} => again after {}", asked(&step.0), told(failure)));
                }
                Event::StepFinished { step, result, .. } => {
                    let result = in_short(&said(&step.0, result));
                    lines.push(format!("{step}{} => {result}", asked(&step.0)))
                }
                Event::StepFailed { step, failure, .. } => {
                    lines.push(format!("{step}{} => ! {}", asked(&step.0), told(failure)));
                }
                Event::StepCancelled { step, .. } => {
                    lines.push(format!("{step}{} => cancelled", asked(&step.0)))
                }
                Event::WaitStarted { step, until } => {
                    waits.insert(step, seconds(until.since(record.at)));
                }
                Event::WaitFinished { step } => {
                    lines.push(format!("{step} {} => done", waits.remove(step).unwrap_or_default()));
                }
                Event::UndoRegistered { step } => lines.push(format!("{step} => undo registered")),
                Event::UndoDropped { step } => lines.push(format!("{step} => undo dropped")),
                Event::CancelRequested { .. } => lines.push(String::from("=> cancel")),
                Event::RaceWon { step, arm } => lines.push(format!("{step} won by arm {arm}")),
                Event::Emitted { step, value } => lines.push(format!("{step} emits {value}")),
                Event::Delivered { node, body } => lines.push(format!("{node} kept {body}")),
                Event::TimedOut { step } => lines.push(format!("{step} => timeout")),
                Event::BudgetRefused { step, message } => {
                    lines.push(format!("{step} => no budget: {message}"))
                }
                _ => {}
            }
        }
        lines.push(match (&self.end.failure, &self.end.result) {
            (Some(failure), _) => {
                let step = failure.step.as_ref().map(|step| format!(" at {step}")).unwrap_or_default();
                format!("=> ! {}{step}", told(failure))
            }
            (None, Some(result)) => format!("=> {result}"),
            (None, None) => String::from("=>"),
        });
        lines.join("\n") + "\n"
    }
}

/// What a turn of an agent came to: the calls, or the answer.
fn said(step: &str, result: &Json) -> String {
    let is_turn = step.rsplit_once('/').is_some_and(|(_, last)| last.starts_with("turn["));
    match (result.get("tool_calls").and_then(Json::as_array), result.get("answer")) {
        (Some(calls), _) if is_turn => {
            let text = |call: &Json, key: &str| call[key].as_str().unwrap_or_default().to_owned();
            let calls =
                calls.iter().map(|call| format!("{} {}", text(call, "name"), text(call, "arguments")));
            format!("calls {}", calls.collect::<Vec<_>>().join(", "))
        }
        (None, Some(answer)) if is_turn => answer.to_string(),
        _ => result.to_string(),
    }
}

fn told(failure: &Failure) -> String {
    format!("{}: {}", failure.kind, failure.message.replace('\n', "\\n"))
}
