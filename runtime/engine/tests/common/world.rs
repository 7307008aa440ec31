//! A world that is played to the engine.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use flow_engine::{AttemptId, Command, Engine, Input, ModelFacts, Reel, RunSettings, TimerId};
use flow_ir::Plan;
use flow_ir::catalogue::Price;
use flow_runtime_api::*;
use serde_json::{Map, Value as Json};

/// What comes of an effect: `Ok` text, or a failure.
pub type Policy = dyn Fn(&Asked) -> Result<String, Failure>;

/// An effect that was asked for.
#[derive(Clone, Debug)]
pub struct Asked {
    pub step: String,
    pub node: String,
    pub model: String,
    /// The last message, or the URL.
    pub text: String,
    pub messages: Vec<Message>,
    pub request: Option<HttpRequest>,
    pub tries: (u32, u32),
    /// How often this very step was asked before, in all executions.
    pub before: u32,
    pub timeout_ms: u64,
}

/// How a run is played.
pub struct World {
    pub plan: Arc<Plan>,
    pub inputs: Map<String, Json>,
    pub policy: Box<Policy>,
    /// Decides the order of completion; 0 is first come, first served.
    pub seed: u64,
    /// After these commits (counted from 1 over all executions) the process dies: what followed in the same batch of
    /// commands is lost.
    pub crash_after: BTreeSet<u64>,
    /// Before these commits it dies: the events are lost too.
    pub crash_before: BTreeSet<u64>,
    /// How long each effect takes.
    pub takes_ms: u64,
    pub price: Option<Price>,
    pub usage: Usage,
    /// Cancel after this many inputs.
    pub cancel_after: Option<u64>,
    pub simulate: Option<Simulation>,
    pub jobs: u32,
    /// The run that is replayed.
    pub replays: Option<(ReplayOf, Vec<Record>)>,
}

/// What came of it.
#[derive(Debug)]
pub struct Played {
    pub status: Option<RunStatus>,
    pub result: Option<Json>,
    pub failure: Option<Failure>,
    pub records: Vec<Record>,
    /// Effects in the order in which they were sent.
    pub asked: Vec<Asked>,
    pub aborted: usize,
    pub commits: u64,
    /// Why the run waits, if it did when nothing could go on.
    pub idle: Option<String>,
    pub now: Time,
}

impl World {
    pub fn new(plan: Plan) -> World {
        World {
            plan: Arc::new(plan),
            inputs: Map::new(),
            policy: Box::new(|asked| Ok(format!("<{}>", asked.text))),
            seed: 0,
            crash_after: BTreeSet::new(),
            crash_before: BTreeSet::new(),
            takes_ms: 10,
            price: Some(Price::FREE),
            usage: Usage { input_tokens: 10, output_tokens: 5, ..Usage::default() },
            cancel_after: None,
            simulate: None,
            jobs: 8,
            replays: None,
        }
    }

    pub fn policy(mut self, policy: impl Fn(&Asked) -> Result<String, Failure> + 'static) -> World {
        self.policy = Box::new(policy);
        self
    }

    pub fn settings(&self) -> RunSettings {
        let facts =
            |name: &str| ModelFacts { name: name.into(), price: self.price, output_tokens_max: Some(1_000) };
        RunSettings {
            run: RunId("run-1".into()),
            started_at: Time(1_000_000),
            simulate: self.simulate,
            default_model: Some(facts("p/default")),
            models: vec![Some(facts("p/a")), Some(facts("p/b"))],
            prices: "test".into(),
            jobs_default: self.jobs,
            concurrency: Default::default(),
            requests_per_minute: Default::default(),
            secrets_dir: None,
        }
    }

    /// Plays until the run ends, or nothing can go on.
    pub fn play(&self) -> Played {
        self.go_on(Vec::new())
    }

    /// The same, after these records.
    pub fn go_on(&self, records: Vec<Record>) -> Played {
        let mut player = Player::new(self, records);
        while player.execute() {}
        Played {
            status: player.status,
            result: player.result,
            failure: player.failure,
            records: player.records,
            asked: player.asked,
            aborted: player.aborted,
            commits: player.commits,
            idle: player.idle,
            now: player.now,
        }
    }
}

struct Player<'w> {
    world: &'w World,
    random: u64,
    now: Time,
    records: Vec<Record>,
    asked: Vec<Asked>,
    counts: HashMap<String, u32>,
    finished: BTreeSet<String>,
    commits: u64,
    aborted: usize,
    status: Option<RunStatus>,
    result: Option<Json>,
    failure: Option<Failure>,
    idle: Option<String>,
    inputs: u64,
}

impl<'w> Player<'w> {
    fn new(world: &'w World, records: Vec<Record>) -> Player<'w> {
        let now = records.last().map_or(Time(1_000_000), |record| record.at.after_ms(500));
        let mut player = Player {
            world,
            random: world.seed,
            now,
            records: Vec::new(),
            asked: Vec::new(),
            counts: HashMap::new(),
            finished: BTreeSet::new(),
            commits: 0,
            aborted: 0,
            status: None,
            result: None,
            failure: None,
            idle: None,
            inputs: 0,
        };
        for record in records {
            player.note(&record.event);
            player.records.push(record);
        }
        player
    }

    fn note(&mut self, event: &Event) {
        if let Event::StepFinished { step, .. } | Event::StepFailed { step, .. } = event {
            assert!(self.finished.insert(step.to_string()), "`{step}` ended twice");
        }
    }

    /// One execution; returns whether the process died and another has to follow.
    fn execute(&mut self) -> bool {
        let world = self.world;
        let engine = match self.records.is_empty() {
            true => Engine::start(world.plan.clone(), world.settings(), world.inputs.clone()),
            false => Engine::resume(world.plan.clone(), world.settings(), self.records.clone()),
        };
        let mut engine = match engine {
            Ok(engine) => engine,
            Err(failure) => {
                self.failure = Some(failure);
                return false;
            }
        };
        let mut flying: Vec<(AttemptId, Asked, bool, Time)> = Vec::new();
        let mut timers: BTreeMap<(Time, TimerId), ()> = BTreeMap::new();
        if let Some((of, records)) = &world.replays {
            engine = engine.replaying(Reel::read(of.clone(), records.clone()));
        }
        let mut next = Some(Input::Start);
        loop {
            let Some(input) = next.take() else { return false };
            self.inputs += 1;
            self.idle = None;
            for command in engine.apply(input, self.now) {
                match command {
                    Command::Append(events) => {
                        self.commits += 1;
                        if world.crash_before.contains(&self.commits) {
                            self.now = self.now.after_ms(1_000);
                            return true;
                        }
                        for event in events {
                            self.note(&event);
                            // What is stored is JSON.
                            let text = serde_json::to_string(&event).unwrap();
                            let event = serde_json::from_str(&text).unwrap();
                            self.records.push(Record { seq: self.records.len() as u64, at: self.now, event });
                        }
                        if world.crash_after.contains(&self.commits) {
                            self.now = self.now.after_ms(1_000);
                            return true;
                        }
                    }
                    Command::Ask { attempt, step, node, call, timeout_ms, tries, .. } => {
                        let asked = Asked {
                            step: step.to_string(),
                            node: node.to_string(),
                            model: call.model.to_string(),
                            text: match &call.messages.last().unwrap().parts[0] {
                                Part::Text(text) => text.clone(),
                                other => panic!("{other:?}"),
                            },
                            messages: call.messages,
                            request: None,
                            tries,
                            before: self.before(&step.0),
                            timeout_ms,
                        };
                        self.send(asked.clone());
                        flying.push((attempt, asked, false, self.now.after_ms(world.takes_ms)));
                    }
                    Command::Fetch { attempt, step, node, request, timeout_ms, attempt_number, .. } => {
                        let asked = Asked {
                            step: step.to_string(),
                            node: node.to_string(),
                            model: String::new(),
                            text: request.url.clone(),
                            messages: Vec::new(),
                            request: Some(request),
                            tries: (attempt_number, 0),
                            before: self.before(&step.0),
                            timeout_ms,
                        };
                        self.send(asked.clone());
                        flying.push((attempt, asked, true, self.now.after_ms(world.takes_ms)));
                    }
                    Command::Abort(attempt) => {
                        let before = flying.len();
                        flying.retain(|(flying, ..)| *flying != attempt);
                        assert_eq!(flying.len() + 1, before, "what is aborted was in flight");
                        self.aborted += 1;
                    }
                    Command::SetTimer(timer, due) => {
                        timers.insert((due, timer), ());
                    }
                    Command::ClearTimer(timer) => timers.retain(|(_, set), _| *set != timer),
                    Command::Put { .. } => panic!("nobody answers in this world"),
                    Command::Draw { .. } => panic!("there is no chance in this world"),
                    Command::StandIn { .. } => panic!("nothing here is under test"),
                    Command::Show(_) => {}
                    Command::Idle { reason, until } => {
                        assert!(flying.is_empty(), "idle with effects in flight");
                        assert_eq!(until, timers.keys().next().map(|(due, _)| *due));
                        self.idle = Some(reason);
                    }
                    Command::Finish { status, result, failure } => {
                        assert!(flying.is_empty(), "finished with effects in flight");
                        (self.status, self.result, self.failure) = (Some(status), result, failure);
                        return false;
                    }
                }
            }
            if world.cancel_after == Some(self.inputs) {
                next = Some(Input::Cancel);
                continue;
            }
            next = self.next_input(&mut flying, &mut timers);
        }
    }

    /// Chooses what happens next: an effect that ends, else the next timer.
    fn next_input(
        &mut self,
        flying: &mut Vec<(AttemptId, Asked, bool, Time)>,
        timers: &mut BTreeMap<(Time, TimerId), ()>,
    ) -> Option<Input> {
        let due = timers.keys().next().copied();
        let is_timer = match (due, flying.first()) {
            (Some((due, _)), Some((.., ends))) => due < *ends,
            (Some(_), None) => true,
            (None, _) => false,
        };
        if is_timer {
            let (at, timer) = due?;
            timers.remove(&(at, timer));
            self.now = self.now.max(at);
            return Some(Input::Due { timer });
        }
        if flying.is_empty() {
            return None;
        }
        let chosen = match self.world.seed {
            0 => 0,
            _ => (self.random() % flying.len() as u64) as usize,
        };
        let (attempt, asked, is_tool, ends) = flying.remove(chosen);
        self.now = self.now.max(ends);
        let result = (self.world.policy)(&asked);
        let duration_ms = self.world.takes_ms;
        Some(if is_tool {
            let result = result.map(|text| HttpAnswer {
                status: 200,
                content_type: "text/plain".into(),
                body: text.into_bytes(),
            });
            Input::Fetched { attempt, result, duration_ms }
        } else {
            let result = result.map(|text| Answer { text, ..Answer::default() });
            let usage = result.is_ok().then_some(self.world.usage);
            Input::Answered { attempt, result, usage, duration_ms }
        })
    }

    fn send(&mut self, asked: Asked) {
        assert!(!self.finished.contains(&asked.step), "`{}` is finished and asked again", asked.step);
        let is_start = |record: &Record| {
            matches!(&record.event, Event::StepStarted { step, attempt, repair, .. }
                if *step.0 == *asked.step && (*attempt, *repair) == (asked.tries.0, asked.tries.1))
        };
        // Looked for only in small journals: it takes time.
        let started = self.records.len() > 1_000 || self.records.iter().rev().any(is_start);
        assert!(started, "`{}` was sent before it was on record", asked.step);
        self.asked.push(asked);
    }

    fn before(&mut self, step: &str) -> u32 {
        let count = self.counts.entry(step.into()).or_default();
        *count += 1;
        *count - 1
    }

    fn random(&mut self) -> u64 {
        // xorshift*: any good mixing does.
        self.random ^= self.random >> 12;
        self.random ^= self.random << 25;
        self.random ^= self.random >> 27;
        self.random.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 11
    }
}
