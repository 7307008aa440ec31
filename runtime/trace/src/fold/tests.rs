use super::*;
use flow_runtime_api::Kind;

fn name(text: &str) -> Name {
    Name::new(text)
}

fn at(text: &str) -> Coordinate {
    Coordinate(name(text))
}

fn usage(input: u64, output: u64) -> Usage {
    Usage { input_tokens: input, output_tokens: output, ..Usage::default() }
}

fn dollars(nano: u64) -> Cost {
    Cost { nanodollars: nano, complete: true }
}

fn started(simulate: Option<Simulation>) -> Event {
    Event::RunStarted {
        plan: String::from("abc"),
        flow: name("hello"),
        inputs: serde_json::Map::from_iter([(String::from("who"), serde_json::json!("you"))]),
        models: serde_json::Map::new(),
        prices: String::from("2026-11"),
        simulate,
        resolved: Default::default(),
        replay_of: None,
    }
}

fn asked(step: &str, attempt: u32, repair: u32) -> Event {
    Event::StepStarted {
        step: at(step),
        node: name("greet"),
        kind: name("prompt"),
        attempt,
        repair,
        fingerprint: String::from("f"),
        model: Some(name("ollama/llama3.2")),
        repeatable: true,
    }
}

fn fold(events: Vec<(i64, Event)>) -> (Trace, Vec<RunEvent>) {
    let mut fold = Fold::new(RunId(name("r")));
    let shown = events
        .into_iter()
        .enumerate()
        .map(|(seq, (at, event))| fold.apply(&Record { seq: seq as u64, at: Time(at), event }))
        .collect();
    (fold.into_trace(), shown)
}

#[test]
fn usage_and_time_are_summed_over_attempts() {
    let (trace, shown) = fold(vec![
        (0, started(None)),
        (10, asked("hello/greet", 0, 0)),
        (
            40,
            Event::AttemptFailed {
                step: at("hello/greet"),
                attempt: 0,
                repair: 0,
                failure: Failure::new(Kind::BadAnswer, "no"),
                usage: usage(10, 1),
                cost: dollars(100),
                duration_ms: 30,
                next_at: Time(40),
                answer: Some(String::from("{")),
                complaint: None,
            },
        ),
        (41, asked("hello/greet", 0, 1)),
        (
            60,
            Event::StepFinished {
                step: at("hello/greet"),
                result: serde_json::json!("hi"),
                usage: usage(20, 2),
                cost: dollars(200),
                duration_ms: 19,
            },
        ),
        (
            61,
            Event::RunFinished {
                status: RunStatus::Succeeded,
                result: Some(serde_json::json!("hi")),
                failure: None,
                usage: usage(30, 3),
                cost: dollars(300),
            },
        ),
    ]);
    assert_eq!(trace.usage, usage(30, 3));
    assert_eq!(trace.cost, dollars(300));
    assert_eq!(trace.status, RunStatus::Succeeded);
    assert_eq!(trace.duration_ms, 61);
    let step = trace.step("hello/greet").unwrap();
    assert_eq!((step.attempts, step.repairs, step.duration_ms), (2, 1, 49));
    assert_eq!(step.status, StepStatus::Succeeded);
    assert!(step.failure.is_none());
    let kinds: Vec<_> = shown.iter().map(|event| event.event.name()).collect();
    assert_eq!(
        kinds,
        ["run_started", "step_started", "attempt_failed", "step_started", "step_finished", "run_finished"]
    );
    assert_eq!(
        shown[4].to_line(),
        r#"{"v":1,"event":"step_finished","run":"r","time":"1970-01-01T00:00:00.060Z","seq":4,"step":"hello/greet","attempt":0,"repair":1,"node":"greet","kind":"prompt","model":"ollama/llama3.2","usage":{"input_tokens":20,"output_tokens":2,"cached_tokens":0,"reasoning_tokens":0},"cost_usd":2e-7,"duration_ms":19,"result":"hi"}"#
    );
    assert_eq!(serde_json::from_str::<RunEvent>(&shown[5].to_line()).unwrap(), shown[5]);
}

#[test]
fn suspensions_are_no_active_time() {
    let (trace, _) = fold(vec![
        (0, started(None)),
        (5, Event::WaitStarted { step: at("hello/wait"), until: Time(1000) }),
        (7, Event::Suspended { reason: String::from("a timer"), until: Some(Time(1000)) }),
        (1000, Event::Resumed {}),
        (1001, Event::WaitFinished { step: at("hello/wait") }),
        (
            1003,
            Event::RunFinished {
                status: RunStatus::Succeeded,
                result: None,
                failure: None,
                usage: Usage::default(),
                cost: Cost::ZERO,
            },
        ),
    ]);
    assert_eq!(trace.duration_ms, 10);
    assert_eq!(trace.steps[0].duration_ms, 996);
}

#[test]
fn a_crash_ends_active_time_at_the_last_record() {
    let (trace, shown) = fold(vec![
        (0, started(None)),
        (20, asked("hello/greet", 0, 0)),
        (5000, Event::Resumed {}),
        (5001, asked("hello/greet", 0, 0)),
    ]);
    assert_eq!((shown[1].attempt, shown[3].attempt), (Some(0), Some(0)));
    assert_eq!(trace.duration_ms, 21);
    assert_eq!(trace.steps.len(), 1);
    assert_eq!(trace.steps[0].attempts, 2);
}

#[test]
fn a_simulated_run_says_so_in_every_line() {
    let simulate = Some(Simulation { models_only: false, worst: false, seed: 7 });
    let (trace, shown) = fold(vec![(0, started(simulate)), (1, asked("hello/greet", 0, 0))]);
    assert_eq!(trace.simulate, simulate);
    assert!(shown.iter().all(|event| event.simulated));
    assert!(shown[1].to_line().contains(r#""simulated":true"#));
}

#[test]
fn unknown_cost_is_null() {
    let (_, shown) = fold(vec![
        (0, started(None)),
        (1, asked("hello/greet", 0, 0)),
        (
            2,
            Event::StepFinished {
                step: at("hello/greet"),
                result: serde_json::Value::Null,
                usage: usage(1, 1),
                cost: Cost::UNKNOWN,
                duration_ms: 1,
            },
        ),
    ]);
    let line = shown[2].to_line();
    assert!(line.contains(r#""cost_usd":null,"cost_complete":false"#), "{line}");
    assert!(line.contains(r#""result":null"#), "{line}");
}

#[test]
fn what_was_open_at_the_end_is_cancelled() {
    let (trace, shown) = fold(vec![
        (0, started(None)),
        (1, asked("hello/a", 0, 0)),
        (
            2,
            Event::RunFinished {
                status: RunStatus::Cancelled,
                result: None,
                failure: Some(Failure::new(Kind::Cancelled, "by hand")),
                usage: Usage::default(),
                cost: Cost::ZERO,
            },
        ),
    ]);
    assert_eq!(trace.steps[0].status, StepStatus::Cancelled);
    assert_eq!(shown[2].event, EventKind::RunFinished);
    assert_eq!(shown[2].status, Some(RunStatus::Cancelled));
    assert!(shown[2].result.is_none());
}

#[test]
fn what_was_cut_off_makes_the_cost_incomplete_and_a_writer_uncertain() {
    let free = flow_runtime_api::RecordedModel {
        price: Some(flow_ir::catalogue::Price::FREE),
        ..Default::default()
    };
    let begun = |facts: Vec<(String, flow_runtime_api::RecordedModel)>| {
        let mut event = started(None);
        if let Event::RunStarted { models, resolved, .. } = &mut event {
            models.insert(String::from("m"), serde_json::json!("ollama/llama3.2"));
            resolved.facts.extend(facts);
        }
        event
    };
    let mut post = asked("hello/post", 0, 0);
    if let Event::StepStarted { model, repeatable, .. } = &mut post {
        (*model, *repeatable) = (None, false);
    }
    for end in [Event::Interrupted {}, Event::Resumed {}] {
        let events =
            |begun| vec![(0, begun), (10, asked("hello/greet", 0, 0)), (10, post.clone()), (20, end.clone())];
        let (trace, _) = fold(events(begun(Vec::new())));
        assert_eq!((trace.cost, trace.steps[0].cost), (Cost::UNKNOWN, Cost::UNKNOWN));
        assert_eq!(trace.uncertain().map(|step| &*step.step.0).collect::<Vec<_>>(), ["hello/post"]);
        let (trace, _) = fold(events(begun(vec![(String::from("m"), free)])));
        assert_eq!(trace.cost, Cost::ZERO);
    }
}

#[test]
fn a_step_that_runs_again_after_a_crash_has_the_same_number() {
    let (_, shown) = fold(vec![
        (0, started(None)),
        (10, asked("hello/greet", 0, 0)),
        (20, Event::Resumed {}),
        (20, asked("hello/greet", 0, 0)),
        (
            30,
            Event::StepFinished {
                step: at("hello/greet"),
                result: serde_json::json!("hi"),
                usage: usage(1, 1),
                cost: dollars(1),
                duration_ms: 10,
            },
        ),
    ]);
    assert_eq!((shown[3].attempt, shown[4].attempt), (Some(0), Some(0)));
}
