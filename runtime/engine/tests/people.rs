//! Questions to people and events that are waited for: what is refused, what comes too late, what a crash leaves open.

mod common;

use std::sync::Arc;

use common::build::*;
use flow_engine::{Command, Engine, Input, RunSettings};
use flow_ir::plan::*;
use flow_ir::types::Type;
use flow_ir::{Expr, Plan};
use flow_runtime_api::{Coordinate, Event, Failure, Kind, Record, RunId, RunStatus, Time};
use serde_json::{Value as Json, json};

const START: Time = Time(1_000_000);
const HOUR: i64 = 3_600_000;

/// A run without a host.
struct Desk {
    plan: Arc<Plan>,
    engine: Engine,
    records: Vec<Record>,
    now: Time,
    last: Vec<Command>,
}

fn settings() -> RunSettings {
    RunSettings {
        run: RunId("r".into()),
        started_at: START,
        simulate: None,
        default_model: None,
        models: vec![None, None],
        prices: String::new(),
        jobs_default: 8,
        concurrency: Default::default(),
        requests_per_minute: Default::default(),
        secrets_dir: None,
    }
}

impl Desk {
    fn new(plan: Plan) -> Desk {
        let plan = Arc::new(plan);
        let engine =
            Engine::start(plan.clone(), settings(), Default::default()).expect("the inputs are right");
        let mut desk = Desk { plan, engine, records: Vec::new(), now: START, last: Vec::new() };
        desk.tell(Input::Start);
        desk
    }

    /// The same run in another process.
    fn again(&self, at: Time) -> Desk {
        self.again_after(self.records.len(), at)
    }

    /// The same, of which only the first records are left.
    fn again_after(&self, kept: usize, at: Time) -> Desk {
        let (plan, records) = (self.plan.clone(), self.records[..kept].to_vec());
        let engine = Engine::resume(plan.clone(), settings(), records.clone()).expect("it goes on");
        let mut desk = Desk { plan, engine, records, now: at, last: Vec::new() };
        desk.tell(Input::Start);
        desk
    }

    fn tell(&mut self, input: Input) {
        self.last = self.engine.apply(input, self.now);
        for command in &self.last {
            if let Command::Append(events) = command {
                for event in events {
                    let seq = self.records.len() as u64;
                    self.records.push(Record { seq, at: self.now, event: event.clone() });
                }
            }
        }
    }

    fn check(&self, input: &Input) -> String {
        self.engine.check_reply(input).err().map(|failure| failure.to_string()).unwrap_or_default()
    }

    fn status(&self) -> Option<(RunStatus, Option<Json>)> {
        self.last.iter().find_map(|command| match command {
            Command::Finish { status, result, .. } => Some((*status, result.clone())),
            _ => None,
        })
    }

    fn idle(&self) -> (Option<Time>, String) {
        match self.last.last() {
            Some(Command::Idle { until, reason }) => (*until, reason.clone()),
            other => panic!("{other:?}"),
        }
    }

    fn puts(&self) -> usize {
        self.last.iter().filter(|command| matches!(command, Command::Put { .. })).count()
    }
}

fn answer(step: &str, answer: Json) -> Input {
    Input::Answer { step: Coordinate(step.into()), answer: Ok(answer) }
}

fn deny(step: &str) -> Input {
    Input::Answer { step: Coordinate(step.into()), answer: Err(Failure::new(Kind::Denied, "no")) }
}

fn deliver(body: Json) -> Input {
    Input::Deliver { event: "paid".into(), body }
}

/// `human approve(text: string) -> int { message: text  timeout: 1h }`
fn human() -> Node {
    let kind = NodeKind::Human(Human { via: Channel::Dashboard, message: Some(Expr::Slot(0)), form: None });
    Node { timeout_ms: Some(HOUR as u64), retry: None, kind, ..prompt("approve", Type::INT) }
}

/// `event paid(text: string) -> int { via: webhook("/x")  match: text == "yes"  timeout: 1h }`
fn event(matches: Option<Expr>) -> Node {
    let kind = NodeKind::Event(Delivery { via: Channel::Webhook(text("/x")), matches, verify: None });
    Node { timeout_ms: Some(HOUR as u64), retry: None, kind, ..prompt("paid", Type::INT) }
}

/// `flow f() -> json { let a = NODE("Shall we?")  return a }`
fn one(node: Node) -> Plan {
    let mut flow = FlowBuilder::new("f", Vec::new());
    let a = flow.slot("a");
    plan(vec![flow.done(vec![ask("a", 0, text("Shall we?"), a), ret(slot(a))])], vec![node])
}

#[test]
fn a_wrong_answer_is_told_and_records_nothing() {
    let mut desk = Desk::new(one(human()));
    assert_eq!(desk.idle(), (Some(START.after_ms(HOUR as u64)), String::from("`f/a` waits for an answer")));
    let before = desk.records.len();
    assert!(desk.check(&answer("f/a", json!("x"))).starts_with("bad_shape: "));
    assert_eq!(desk.check(&answer("f/b", json!(1))), "bad_value: `f/b` doesn't wait for an answer");
    for wrong in [answer("f/a", json!("x")), answer("f/b", json!(1)), deny("f/b"), deliver(json!(1))] {
        assert!(!desk.check(&wrong).is_empty(), "{wrong:?}");
        desk.tell(wrong);
        assert_eq!(desk.records.len(), before);
    }
    assert_eq!(desk.check(&answer("f/a", json!(3))), "");
    desk.tell(answer("f/a", json!(3)));
    assert_eq!(desk.status(), Some((RunStatus::Succeeded, Some(json!(3)))));
}

#[test]
fn an_answer_after_its_time_is_too_late_though_nobody_was_there_to_say_so() {
    let desk = Desk::new(one(human()));
    let mut late = desk.again(Time(START.0 + HOUR));
    assert!(late.check(&answer("f/a", json!(3))).contains("the time to answer `f/a` is over"));
    let before = late.records.len();
    late.tell(answer("f/a", json!(3)));
    assert_eq!(late.records.len(), before);
    let (timer, due) = match late.again(Time(START.0 + HOUR)).last.iter().find_map(|command| match command {
        Command::SetTimer(timer, due) => Some((*timer, *due)),
        _ => None,
    }) {
        Some(found) => found,
        None => panic!("its timer is set again"),
    };
    assert_eq!(due, Time(START.0 + HOUR), "the deadline is on record");
    late.tell(Input::Due { timer });
    assert_eq!(late.status().map(|(status, _)| status), Some(RunStatus::Failed));
}

#[test]
fn a_question_is_asked_once_and_put_again_by_each_process() {
    let desk = Desk::new(one(human()));
    assert_eq!(desk.puts(), 1);
    let mut again = desk.again(START.after_ms(5)).again(START.after_ms(9));
    assert_eq!(again.puts(), 1);
    let asked = again.records.iter().filter(|record| matches!(record.event, Event::Asked { .. })).count();
    assert_eq!(asked, 1);
    again.tell(deny("f/a"));
    assert_eq!(again.status().map(|(status, _)| status), Some(RunStatus::Failed));
    let over = again.again(START.after_ms(10));
    assert!(matches!(over.last.as_slice(), [Command::Finish { status: RunStatus::Failed, .. }]));
}

#[test]
fn another_question_than_the_recorded_one_diverges() {
    let mut desk = Desk::new(one(human()));
    for record in &mut desk.records {
        if let Event::Asked { fingerprint, .. } = &mut record.event {
            fingerprint.push('0');
        }
    }
    let again = desk.again(START.after_ms(5));
    let finish = again.last.iter().find_map(|command| match command {
        Command::Finish { failure: Some(failure), .. } => Some(failure.kind.to_string()),
        _ => None,
    });
    assert_eq!(finish.as_deref(), Some("diverged"));
}

#[test]
fn a_cancelled_run_asks_nobody_any_more() {
    let mut desk = Desk::new(one(human()));
    desk.tell(Input::Cancel);
    assert_eq!(desk.status().map(|(status, _)| status), Some(RunStatus::Cancelled));
    assert!(desk.records.iter().any(|record| matches!(record.event, Event::StepCancelled { .. })));
}

#[test]
fn deliveries_that_nobody_waits_for_are_kept_up_to_a_bound() {
    let mut desk = Desk::new(one(event(Some(Expr::Const(flow_ir::Value::Bool(false))))));
    assert!(desk.check(&deliver(json!("x"))).starts_with("bad_shape: "));
    for number in 0..1_000 {
        assert_eq!(desk.check(&deliver(json!(number))), "");
        desk.tell(deliver(json!(number)));
    }
    let kept = desk.records.len();
    assert!(desk.check(&deliver(json!(1))).starts_with("exhausted: "));
    desk.tell(deliver(json!(1)));
    assert_eq!(desk.records.len(), kept);
    assert!(desk.check(&answer("f/a", json!(1))).contains("`match` says no"));
}

#[test]
fn a_kept_delivery_is_used_once_however_often_the_run_is_gone_on_with() {
    let mut flow = FlowBuilder::new("f", Vec::new());
    let (a, b) = (flow.slot("a"), flow.slot("b"));
    let wait = Statement::Wait {
        segment: "wait".into(),
        value: Expr::Const(flow_ir::Value::Duration(HOUR * 1_000_000)),
        until: false,
    };
    let body = vec![wait, ask("a", 0, text("x"), a), ask("b", 0, text("x"), b), ret(slot(b))];
    let mut desk = Desk::new(plan(vec![flow.done(body)], vec![event(None)]));
    let timer = desk.last.iter().find_map(|command| match command {
        Command::SetTimer(timer, _) => Some(*timer),
        _ => None,
    });
    desk.tell(deliver(json!(7)));
    desk.now = Time(START.0 + HOUR);
    desk.tell(Input::Due { timer: timer.expect("the wait has a timer") });
    assert_eq!(desk.idle().1, "`f/b` waits for the event `paid`", "the first was kept for `a`");
    for kept in 1..=desk.records.len() {
        let mut again = desk.again_after(kept, desk.now);
        let timer = again.last.iter().find_map(|command| match command {
            Command::SetTimer(timer, due) if *due == desk.now => Some(*timer),
            _ => None,
        });
        if !again.records.iter().any(|record| matches!(record.event, Event::Delivered { .. })) {
            again.tell(deliver(json!(7)));
        }
        if let Some(timer) = timer {
            again.tell(Input::Due { timer });
        }
        let finished: Vec<_> = again
            .records
            .iter()
            .filter_map(|record| match &record.event {
                Event::StepFinished { step, result, .. } => Some((step.0.to_string(), result.clone())),
                _ => None,
            })
            .collect();
        assert_eq!(finished, [(String::from("f/a"), json!(7))], "after {kept} records");
        again.tell(deliver(json!(8)));
        assert_eq!(again.status(), Some((RunStatus::Succeeded, Some(json!(8)))), "after {kept} records");
    }
}
