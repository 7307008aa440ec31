//! Effects: requests, attempts, repairs, models in turn, HTTP.

mod common;

use common::build::*;
use common::world::*;
use flow_ir::plan::*;
use flow_ir::types::{IntRange, Type};
use flow_ir::{Expr, Plan, Value};
use flow_runtime_api::*;
use serde_json::json;

/// `flow f() { a = NODE("x")  return a }`
fn one(node: Node) -> Plan {
    let mut f = FlowBuilder::new("f", vec![]);
    let a = f.slot("a");
    plan(vec![f.done(vec![ask("a", 0, text("x"), a), ret(slot(a))])], vec![node])
}

fn failing(kind: Kind, times: u32) -> impl Fn(&Asked) -> Result<String, Failure> {
    move |asked| match asked.before < times {
        true => Err(Failure::new(kind, "no")),
        false => Ok("fine".into()),
    }
}

fn kinds(played: &Played) -> Vec<&'static str> {
    let name = |record: &Record| match &record.event {
        Event::RunStarted { .. } => "run",
        Event::StepStarted { .. } => "start",
        Event::AttemptFailed { .. } => "attempt failed",
        Event::StepFinished { .. } => "finish",
        Event::StepFailed { .. } => "fail",
        Event::RunFinished { .. } => "end",
        _ => "other",
    };
    played.records.iter().map(name).collect()
}

#[test]
fn transient_failures_are_retried_with_growing_pauses() {
    let mut node = prompt("p", Type::STRING);
    node.retry = Some(3);
    let played = World::new(one(node.clone())).policy(failing(Kind::Unavailable, 3)).play();
    assert_eq!(played.result, Some(json!("fine")));
    let tries: Vec<_> = played.asked.iter().map(|asked| asked.tries).collect();
    assert_eq!(tries, [(0, 0), (1, 0), (2, 0), (3, 0)]);
    let pauses: Vec<u64> = played
        .records
        .iter()
        .filter_map(|record| match &record.event {
            Event::AttemptFailed { next_at, .. } => Some(next_at.since(record.at)),
            _ => None,
        })
        .collect();
    assert!((250..=500).contains(&pauses[0]), "{pauses:?}");
    assert!((500..=1_000).contains(&pauses[1]) && (1_000..=2_000).contains(&pauses[2]), "{pauses:?}");
    let again = World::new(one(node)).policy(failing(Kind::Unavailable, 3)).play();
    assert_eq!(again.now, played.now, "the jitter is the same in every execution");
}

#[test]
fn other_failures_are_final() {
    let mut node = prompt("p", Type::STRING);
    node.retry = Some(3);
    let played = World::new(one(node)).policy(failing(Kind::Refused, 1)).play();
    assert_eq!(kinds(&played), ["run", "start", "fail", "end"]);
    assert_eq!(played.failure.unwrap().step.unwrap().to_string(), "f/a");
}

#[test]
fn a_server_that_asks_for_patience_gets_it() {
    let mut node = prompt("p", Type::STRING);
    node.retry = Some(1);
    let played = World::new(one(node))
        .policy(|asked| match asked.before {
            0 => Err(Failure {
                retry_at: Some(Time(1_100_000)),
                ..Failure::new(Kind::RateLimited, "slow down")
            }),
            _ => Ok("fine".into()),
        })
        .play();
    assert_eq!(played.now, Time(1_100_010));
}

#[test]
fn a_wrong_answer_is_repaired() {
    let mut node = prompt("p", Type::Int(IntRange { min: Some(1), max: Some(5) }));
    let NodeKind::Prompt(prompt) = &mut node.kind else { unreachable!() };
    prompt.repair = 2;
    prompt.system = Some(text("be brief"));
    let answers = |asked: &Asked| {
        Ok(match asked.tries.1 {
            0 => "nine".into(),
            1 => "9".into(),
            _ => String::from("4"),
        })
    };
    let played = World::new(one(node.clone())).policy(answers).play();
    assert_eq!(played.result, Some(json!(4)));
    assert_eq!(
        kinds(&played),
        ["run", "start", "attempt failed", "start", "attempt failed", "start", "finish", "end"]
    );
    let last = &played.asked[2].messages;
    let roles: Vec<Role> = last.iter().map(|message| message.role).collect();
    use Role::*;
    assert_eq!(roles, [System, User, Assistant, User, Assistant, User]);
    assert_eq!(last[4].parts, [Part::Text("9".into())]);
    assert!(matches!(&last[5].parts[0], Part::Text(text) if text.contains('5')), "{last:?}");
    let Event::RunFinished { usage, .. } = &played.records.last().unwrap().event else { unreachable!() };
    assert_eq!((usage.input_tokens, usage.output_tokens), (30, 15), "every attempt is counted");

    let NodeKind::Prompt(prompt) = &mut node.kind else { unreachable!() };
    prompt.repair = 1;
    let played = World::new(one(node)).policy(answers).play();
    assert_eq!(played.failure.unwrap().kind, "bad_answer");
}

#[test]
fn a_fallback_moves_on_after_its_retries() {
    let mut node = prompt("p", Type::STRING);
    node.retry = Some(1);
    let mut plan = one(node);
    plan.models.push(Model {
        name: "both".into(),
        kind: ModelKind::Fallback(vec![0, 1]),
        ..model("c", "p/c")
    });
    let NodeKind::Prompt(prompt) = &mut plan.nodes[0].kind else { unreachable!() };
    prompt.model = ModelRef::Model(2);
    let played = World::new(plan.clone()).policy(failing(Kind::RateLimited, 2)).play();
    let asked: Vec<_> = played.asked.iter().map(|asked| (asked.model.as_str(), asked.tries.0)).collect();
    assert_eq!(asked, [("p/a", 0), ("p/a", 1), ("p/b", 2)]);
    assert_eq!(played.result, Some(json!("fine")));
    let played = World::new(plan).policy(failing(Kind::Refused, 2)).play();
    assert_eq!(played.asked.len(), 1, "a refusal isn't answered by another model");
}

#[test]
fn round_robin_takes_turns() {
    let mut f = FlowBuilder::new("f", vec![]);
    let (a, x) = (f.slot("a"), f.slot("x"));
    let body = f.block(vec![ask("a", 0, text("x"), a)]);
    let flow = f.done(vec![Statement::For {
        segment: "x".into(),
        over: ints(1..=4),
        max: None,
        index: None,
        item: x,
        body,
        counters: Counters::default(),
    }]);
    let mut plan = plan(vec![flow], vec![prompt("p", Type::STRING)]);
    plan.models.push(Model {
        name: "rr".into(),
        kind: ModelKind::RoundRobin(vec![0, 1]),
        ..model("c", "p/c")
    });
    let NodeKind::Prompt(prompt) = &mut plan.nodes[0].kind else { unreachable!() };
    prompt.model = ModelRef::Model(2);
    let played = World::new(plan).play();
    let asked: Vec<_> = played.asked.iter().map(|asked| asked.model.as_str()).collect();
    assert_eq!(asked, ["p/a", "p/b", "p/a", "p/b"]);
    let choices: Vec<_> = played
        .records
        .iter()
        .filter_map(|record| match &record.event {
            Event::RoundRobin { choices, .. } => Some((choices[0].turn, choices[0].chosen.as_str())),
            _ => None,
        })
        .collect();
    assert_eq!(choices, [(0, "a"), (1, "b"), (2, "a"), (3, "b")], "each choice is on record");
}

#[test]
fn a_step_may_have_a_policy_of_its_own() {
    let mut f = FlowBuilder::new("f", vec![]);
    let a = f.slot("a");
    let mut call = step("a", Target::Node(0), vec![text("x")], Some(a));
    call.with = With { model: Some(ModelRef::Default), retry: Some(1), timeout_ms: Some(77), repair: None };
    let plan = plan(
        vec![f.done(vec![Statement::Step(Box::new(call)), ret(slot(a))])],
        vec![prompt("p", Type::STRING)],
    );
    let played = World::new(plan).policy(failing(Kind::Timeout, 1)).play();
    let asked: Vec<_> = played.asked.iter().map(|asked| (asked.model.as_str(), asked.timeout_ms)).collect();
    assert_eq!(asked, [("p/default", 77), ("p/default", 77)]);
}

/// What a node says goes before its model, also where it says the language's default.
#[test]
fn a_node_goes_before_its_model() {
    for (own, tries) in [(None, 6), (Some(2), 3)] {
        let mut node = prompt("p", Type::STRING);
        node.retry = own;
        let NodeKind::Prompt(fields) = &mut node.kind else { unreachable!() };
        fields.model = ModelRef::Model(0);
        let mut plan = one(node);
        let mut patient = model("m", "p/a");
        patient.settings.retry = Some(5);
        plan.models = vec![patient];
        let played = World::new(plan).policy(failing(Kind::Unavailable, 100)).play();
        assert_eq!(played.asked.len(), tries);
    }
}

/// A tool whose URL, query, headers and body are built from what it is given.
fn posting(change: impl FnOnce(&mut Http)) -> Node {
    let mut node = tool("t", "POST");
    let NodeKind::Http(http) = &mut node.kind else { unreachable!() };
    change(http);
    node
}

fn request_of(node: Node, arg: &str) -> Result<HttpRequest, Failure> {
    let mut f = FlowBuilder::new("f", vec![]);
    let a = f.slot("a");
    let plan = plan(vec![f.done(vec![ask("a", 0, text(arg), a), ret(slot(a))])], vec![node]);
    let played = World::new(plan).play();
    match played.asked.first() {
        Some(asked) => Ok(asked.request.clone().unwrap()),
        None => Err(played.failure.unwrap()),
    }
}

#[test]
fn what_is_spliced_into_a_url_is_one_component() {
    let request = request_of(tool("t", "GET"), "a/b?c=d&e#f ü%").unwrap();
    assert_eq!(request.url, "https://api.test/x/a%2Fb%3Fc%3Dd%26e%23f%20%C3%BC%25");
    assert_eq!(request.allow, ["api.test"]);
    for dots in [".", ".."] {
        assert_eq!(request_of(tool("t", "GET"), dots).unwrap_err().kind, "bad_value");
    }
    let host = posting(|http| {
        http.url = SecretText(vec![
            SecretPiece::Text("https://".into()),
            SecretPiece::Expr(Expr::Slot(0)),
            SecretPiece::Text("/x".into()),
        ])
    });
    assert_eq!(request_of(host.clone(), "api.test").unwrap().url, "https://api.test/x");
    assert_eq!(request_of(host, "evil@api.test").unwrap_err().kind, "bad_value");
}

#[test]
fn headers_hold_no_line_break_and_nobody_asks_for_a_secret() {
    let node = posting(|http| {
        http.headers = vec![
            (
                "authorization".into(),
                SecretText(vec![SecretPiece::Text("Bearer ".into()), SecretPiece::Secret("KEY".into())]),
            ),
            ("x-text".into(), SecretText(vec![SecretPiece::Expr(Expr::Slot(0))])),
        ];
        http.query = vec![
            ("q".into(), SecretText(vec![SecretPiece::Expr(Expr::Slot(0))])),
            ("none".into(), SecretText(vec![SecretPiece::Expr(Expr::Const(Value::Null))])),
            ("many".into(), SecretText(vec![SecretPiece::Expr(ints([1, 2]))])),
        ];
    });
    let request = request_of(node.clone(), "plain").unwrap();
    assert_eq!(request.headers[0].1, "Bearer ${secret.KEY}");
    let pair = |name: &str, value: &str| (name.to_string(), value.to_string());
    assert_eq!(request.query, [pair("q", "plain"), pair("many", "1"), pair("many", "2")]);
    assert_eq!(request_of(node.clone(), "a\r\nb").unwrap_err().kind, "bad_value");
    let request = request_of(node, "${secret.KEY}").unwrap();
    let secrets = [(String::from("KEY"), Secret::new("s3cret"))];
    assert_eq!(fill_marks(&request.headers[1].1, &secrets).unwrap(), "${secret.KEY}");
    assert_eq!(fill_marks(&request.query[0].1, &secrets).unwrap(), "${secret.KEY}");
}

#[test]
fn a_body_is_text_or_json() {
    let body = |body: Expr, ty: Type| {
        let request = request_of(posting(|http| http.body = Some((body, ty))), "x").unwrap();
        (request.body.unwrap(), request.content_type.unwrap())
    };
    let (bytes, kind) = body(Expr::Slot(0), Type::STRING);
    assert_eq!((bytes.as_str(), kind.as_str()), ("eA==", "text/plain; charset=utf-8"));
    let (bytes, kind) = body(ints([1]), Type::list(Type::INT));
    assert_eq!((bytes.as_str(), kind.as_str()), ("WzFd", "application/json"));
}

#[test]
fn idempotency_keys_are_of_the_step_or_of_what_the_program_says() {
    let key = |node: Node, arg: &str| request_of(node, arg).unwrap().idempotency_key;
    assert_eq!(key(tool("t", "GET"), "x"), None);
    let plain = key(tool("t", "POST"), "x").unwrap();
    assert_eq!(key(tool("t", "POST"), "y").unwrap(), plain, "of run and coordinate");
    let by = || posting(|http| http.idempotent = Some(Expr::Slot(0)));
    assert_ne!(key(by(), "x"), key(by(), "y"));
}

#[test]
fn a_writer_without_an_answer_is_uncertain() {
    let mut node = tool("t", "POST");
    node.retry = Some(2);
    let played = World::new(one(node.clone())).policy(failing(Kind::Timeout, 1)).play();
    assert_eq!((played.failure.unwrap().kind.as_str(), played.asked.len()), ("uncertain", 1));
    let played = World::new(one(node)).policy(failing(Kind::RateLimited, 1)).play();
    assert_eq!(played.result, Some(json!("fine")));
    let mut reader = tool("t", "GET");
    reader.retry = Some(2);
    let played = World::new(one(reader)).policy(failing(Kind::Timeout, 1)).play();
    assert_eq!(played.result, Some(json!("fine")));
}

#[test]
fn an_answer_is_read_by_the_declared_type() {
    let mut node = tool("t", "GET");
    let NodeKind::Http(http) = &mut node.kind else { unreachable!() };
    http.decode = Decode::Json;
    node.returns = Type::list(Type::INT);
    let played =
        |answer: &'static str| World::new(one(node.clone())).policy(move |_| Ok(answer.into())).play();
    assert_eq!(played("[1, 2]").result, Some(json!([1, 2])));
    for wrong in ["[\"a\"]", "<html>", ""] {
        assert_eq!(played(wrong).failure.unwrap().kind, "bad_shape", "{wrong}");
    }
}

#[test]
fn the_fingerprint_is_of_what_is_asked() {
    let fingerprint = |node: Node, run: &str| {
        let _ = run;
        let played = World::new(one(node)).play();
        match &played.records[1].event {
            Event::StepStarted { fingerprint, .. } => fingerprint.clone(),
            other => panic!("{other:?}"),
        }
    };
    let base = fingerprint(prompt("p", Type::STRING), "a");
    assert_eq!(base.len(), 64);
    assert_eq!(fingerprint(prompt("other_name", Type::STRING), "b"), base);
    assert_ne!(fingerprint(prompt("p", Type::INT), "a"), base);
    let mut warmer = prompt("p", Type::STRING);
    let NodeKind::Prompt(fields) = &mut warmer.kind else { unreachable!() };
    fields.settings.temperature = Some(0.5);
    assert_ne!(fingerprint(warmer, "a"), base);
}

#[test]
fn what_belongs_to_nothing_is_ignored() {
    use flow_engine::{AttemptId, Command, Engine, Input, TimerId};
    let world = World::new(one(prompt("p", Type::STRING)));
    let mut engine = Engine::start(world.plan.clone(), world.settings(), world.inputs.clone()).unwrap();
    let junk = |attempt: u64| {
        let attempt = AttemptId(attempt);
        vec![
            Input::Due { timer: TimerId(77) },
            Input::Settle { step: Coordinate("f/a".into()), answer: None },
            Input::Settle { step: Coordinate("elsewhere".into()), answer: Some(json!(1)) },
            Input::Answered { attempt, result: Ok(Answer::default()), usage: None, duration_ms: 0 },
            Input::Fetched { attempt, result: Err(Failure::new(Kind::Timeout, "x")), duration_ms: 0 },
            Input::Simulated { attempt, result: Ok(json!({})) },
        ]
    };
    for input in junk(1) {
        assert!(engine.apply(input, Time(1)).is_empty(), "nothing happens before the start");
    }
    let commands = engine.apply(Input::Start, Time(1));
    let [Command::Append(_), Command::Ask { attempt, .. }] = commands.as_slice() else {
        panic!("{commands:?}")
    };
    for input in junk(attempt.0 + 1) {
        assert!(engine.apply(input, Time(2)).is_empty());
    }
    assert!(engine.apply(Input::Start, Time(2)).is_empty(), "a run starts once");
    let answer = Answer { text: "fine".into(), ..Answer::default() };
    let input = Input::Answered { attempt: *attempt, result: Ok(answer), usage: None, duration_ms: 1 };
    let commands = engine.apply(input, Time(0));
    assert!(matches!(commands.last(), Some(Command::Finish { status: RunStatus::Succeeded, .. })));
    for input in junk(attempt.0) {
        assert!(engine.apply(input, Time(3)).is_empty(), "nothing happens after the end");
    }
    assert!(engine.apply(Input::Cancel, Time(3)).is_empty());
}

#[test]
fn refused_and_cut_answers_are_final() {
    use flow_engine::{Command, Engine, Input};
    let finish = |node: Node, text: &str, finish: FinishReason| {
        let world = World::new(one(node));
        let mut engine = Engine::start(world.plan.clone(), world.settings(), world.inputs.clone()).unwrap();
        let commands = engine.apply(Input::Start, Time(1));
        let Some(Command::Ask { attempt, .. }) = commands.last() else { panic!("{commands:?}") };
        let answer = Answer { text: text.into(), finish, ..Answer::default() };
        let input = Input::Answered { attempt: *attempt, result: Ok(answer), usage: None, duration_ms: 1 };
        match engine.apply(input, Time(2)).pop() {
            Some(Command::Finish { failure, result, .. }) => failure
                .map_or_else(|| result.unwrap_or_default().to_string(), |failure| failure.kind.to_string()),
            other => panic!("{other:?}"),
        }
    };
    let text = || prompt("p", Type::STRING);
    let number = || prompt("p", Type::list(Type::INT));
    assert_eq!(finish(text(), "no", FinishReason::Refused), "refused");
    assert_eq!(finish(text(), "once upon", FinishReason::Length), "truncated");
    assert_eq!(finish(number(), "[1, 2", FinishReason::Refused), "refused");
    assert_eq!(finish(number(), "[1, 2]", FinishReason::Length), "[1,2]", "what is whole is taken");
    assert_eq!(finish(number(), "[1, \"a\"", FinishReason::Length), "truncated");
    assert_eq!(finish(text(), "whole", FinishReason::Stop), "\"whole\"");
}
