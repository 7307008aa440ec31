//! Crashes: wherever a run is cut off, it goes on to the same end, and nothing that has ended is done again.

mod common;

use std::collections::BTreeSet;
use std::sync::Arc;

use common::build::*;
use common::world::*;
use flow_engine::Engine;
use flow_ir::expr::Pattern;
use flow_ir::plan::*;
use flow_ir::types::{IntRange, Type};
use flow_ir::{Expr, Plan, Value};
use flow_runtime_api::*;
use serde_json::json;

fn nodes() -> Vec<Node> {
    let mut flaky = prompt("flaky", Type::STRING);
    flaky.retry = Some(2);
    let mut number = prompt("number", Type::Int(IntRange { min: Some(1), max: Some(5) }));
    let NodeKind::Prompt(fields) = &mut number.kind else { unreachable!() };
    fields.repair = 2;
    let mut other = prompt("turns", Type::STRING);
    let NodeKind::Prompt(fields) = &mut other.kind else { unreachable!() };
    fields.model = ModelRef::Model(2);
    vec![prompt("p", Type::STRING), flaky, number, tool("get", "GET"), other]
}

/// Depends on nothing but what is asked, so that it is the same after a crash.
fn answer(asked: &Asked) -> Result<String, Failure> {
    let first = &asked.messages.first().map(|message| format!("{message:?}")).unwrap_or_default();
    match asked.node.as_str() {
        "flaky" if asked.tries.0 < 2 => Err(Failure::new(Kind::Unavailable, "not yet")),
        "number" if asked.tries.1 == 0 => Ok("nothing".into()),
        "number" => Ok(format!("{}", 1 + first.len() % 5)),
        _ if asked.text.starts_with("fail ") => {
            Err(Failure::new(Kind::find(&asked.text[5..]).unwrap(), "as told"))
        }
        "turns" => Ok(format!("{} {}", asked.model, asked.text)),
        _ => Ok(format!("<{}>", asked.text)),
    }
}

fn of(flows: Vec<Flow>) -> Plan {
    let mut plan = plan(flows, nodes());
    plan.models.push(Model {
        name: "rr".into(),
        kind: ModelKind::RoundRobin(vec![0, 1]),
        ..model("c", "p/c")
    });
    plan
}

fn wait_s(name: &str, seconds: i64) -> Statement {
    let value = Expr::Const(Value::Duration(seconds * 1_000_000_000));
    Statement::Wait { segment: name.into(), value, until: false }
}

fn sequential() -> Plan {
    let mut f = FlowBuilder::new("f", vec![]);
    let (a, b, c, d, e) = (f.slot("a"), f.slot("b"), f.slot("c"), f.slot("d"), f.slot("e"));
    of(vec![f.done(vec![
        ask("a", 0, text("x"), a),
        ask("b", 1, slot(a), b),
        wait_s("wait", 60),
        ask("c", 2, slot(b), c),
        ask("d", 3, slot(b), d),
        ask("e", 4, slot(d), e),
        ask("g", 4, slot(d), d),
        ret(list(vec![slot(a), slot(b), slot(c), slot(d), slot(e)])),
    ])])
}

fn looping() -> Plan {
    let mut f = FlowBuilder::new("f", vec![]);
    let (a, x, log) = (f.slot("a"), f.slot("x"), f.slot("log"));
    let inner = f.block(vec![
        ask("b", 0, joined(vec![slot(x), slot(a)]), a),
        Statement::Add { slot: log, value: list(vec![slot(a)]), how: Add::List },
    ]);
    let body = f.block(vec![
        ask("a", 1, slot(a), a),
        Statement::For {
            segment: "x".into(),
            over: ints([1, 2]),
            max: None,
            index: None,
            item: x,
            body: inner,
            counters: Counters::default(),
        },
    ]);
    let otherwise = f.block(vec![ask("out", 0, text("out"), a)]);
    of(vec![f.done_with(
        vec![(a, Some(text(""))), (log, Some(ints([])))],
        vec![
            Statement::Loop {
                segment: "l".into(),
                max: int(2),
                test: LoopTest::None,
                body,
                otherwise: Some(otherwise),
                counters: Counters::default(),
            },
            ret(list(vec![slot(a), slot(log)])),
        ],
    )])
}

/// Failures, caught and not, with clean-up, in a sub-flow that has `on error`.
fn trying(what: &'static str) -> Plan {
    let mut f = FlowBuilder::new("f", vec![]);
    let (a, b, e) = (f.slot("a"), f.slot("b"), f.slot("e"));
    let mut call = step("a", Target::Flow(1), vec![], Some(a));
    let caught = f.block(vec![ask("c", 0, text("caught"), a), Statement::Yield { value: slot(a) }]);
    call.catch = Some(catch(&["timeout"], caught, Some(a)));
    let block = f.block(vec![ask("e", 0, text("error"), b), ret(list(vec![slot(b), slot(e)]))]);
    let mut f = f.done(vec![Statement::Step(Box::new(call)), ask("b", 0, text("after"), b), ret(slot(a))]);
    f.on_error = Some(OnError { bind: Some(e), block });
    let mut g = FlowBuilder::new("g", vec![]);
    let (x, y) = (g.slot("x"), g.slot("y"));
    let body = g.block(vec![ask("x", 0, text(what), x), ask("y", 0, text("more"), y)]);
    let finally = g.block(vec![ask("z", 1, text("end"), y)]);
    let g = g.done(vec![
        Statement::Try { body, catch: None, finally: Some(finally) },
        ret(list(vec![slot(x), slot(y)])),
    ]);
    of(vec![f, g])
}

fn parallel() -> Plan {
    let mut f = FlowBuilder::new("f", vec![]);
    let log = f.merged("log", Some(Merge::Append));
    let (a, b, c) = (f.slot("a"), f.slot("b"), f.slot("c"));
    let one = f.block(vec![ask("a", 1, text("x"), a), add(log, list(vec![slot(a)]))]);
    let two = f.block(vec![wait_s("wait", 5), ask("b", 4, text("y"), b), add(log, list(vec![slot(b)]))]);
    let three = f.block(vec![ask("c", 2, text("z"), c), ask("c2", 0, text("zz"), c)]);
    let branch = |block, out: u32| Branch { block, own: (0, 0), writes: vec![out, 0] };
    of(vec![f.done_with(
        vec![(log, Some(ints([])))],
        vec![
            Statement::Parallel { branches: vec![branch(one, a), branch(two, b), branch(three, c)] },
            ask("d", 0, joined(vec![slot(a), slot(c)]), a),
            ret(list(vec![slot(a), slot(b), slot(c), slot(log)])),
        ],
    )])
}

/// `parallel for x in XS collect { parallel for y in [1, 2] { … } }` with merges, and one that fails.
fn fanning(fails: bool, collect: bool) -> Plan {
    let mut f = FlowBuilder::new("f", vec![]);
    let log = f.merged("log", Some(Merge::Append));
    let ys = f.slot("ys");
    let (x, y, a) = (f.slot("x"), f.slot("y"), f.slot("a"));
    let route = RouteArm {
        segment: "route:2".into(),
        patterns: vec![Pattern::Value(Value::Int(if fails { 2 } else { -1 }))],
        binds: vec![],
        guard: None,
        block: f.block(vec![ask("bad", 0, text("fail refused"), a)]),
    };
    let inner = f.block(vec![ask("a", 0, joined(vec![slot(x), slot(y)]), a), add(log, list(vec![slot(a)]))]);
    let mut inner_for = parallel_for("y", ints([1, 2]), y, inner, (y, a + 1), None);
    inner_for.writes = vec![log];
    let block = f.block(vec![
        ask("first", 1, joined(vec![slot(x)]), a),
        Statement::Route { segment: None, value: slot(x), bind: y, arms: vec![route], into: None },
        Statement::ParallelFor(Box::new(inner_for)),
        Statement::Yield { value: slot(x) },
    ]);
    let mut outer = parallel_for("ys", ints([1, 2, 3]), x, block, (x, a + 1), Some(ys));
    outer.writes = vec![log];
    outer.jobs = Some(int(2));
    outer.collect = collect;
    let caught = f.block(vec![ask("c", 0, text("caught"), ys), Statement::Yield { value: slot(ys) }]);
    outer.catch = Some(catch(&["refused"], caught, Some(ys)));
    of(vec![f.done_with(
        vec![(log, Some(ints([])))],
        vec![Statement::ParallelFor(Box::new(outer)), ret(list(vec![slot(ys), slot(log)]))],
    )])
}

/// A flow step whose time runs out in the middle of a parallel block with clean-up.
fn timing_out() -> Plan {
    let mut f = FlowBuilder::new("f", vec![]);
    let a = f.slot("a");
    let mut call = step("a", Target::Flow(1), vec![], Some(a));
    call.with.timeout_ms = Some(200);
    let caught = f.block(vec![ask("c", 0, text("late"), a), Statement::Yield { value: slot(a) }]);
    call.catch = Some(catch(&["timeout"], caught, Some(a)));
    let f = f.done(vec![Statement::Step(Box::new(call)), ret(slot(a))]);
    let mut g = FlowBuilder::new("g", vec![]);
    let (x, y) = (g.slot("x"), g.slot("y"));
    let long = g.block(vec![wait_s("wait", 3_600), ask("x", 0, text("never"), x)]);
    let finally = g.block(vec![ask("end", 1, text("end"), x)]);
    let one = g.block(vec![Statement::Try { body: long, catch: None, finally: Some(finally) }]);
    let two = g.block(vec![ask("y", 0, text("quick"), y), wait_s("other", 3_600)]);
    let branch = |block, out: u32| Branch { block, own: (0, 0), writes: vec![out] };
    let g = g.done(vec![Statement::Parallel { branches: vec![branch(one, x), branch(two, y)] }]);
    of(vec![f, g])
}

fn limited() -> Plan {
    let mut plan = trying("x");
    plan.flows[0].budget.tokens = Some(40);
    plan
}

fn all() -> Vec<(&'static str, Plan)> {
    vec![
        ("sequential", sequential()),
        ("looping", looping()),
        ("trying, well", trying("x")),
        ("trying, caught", trying("fail timeout")),
        ("trying, failed", trying("fail refused")),
        ("parallel", parallel()),
        ("fanning, well", fanning(false, false)),
        ("fanning, failed", fanning(true, false)),
        ("fanning, collected", fanning(true, true)),
        ("timing out", timing_out()),
        ("limited", limited()),
    ]
}

fn world(plan: &Plan) -> World {
    World::new(plan.clone()).policy(answer)
}

/// What a run came to, without the moment of it.
fn end(played: &Played) -> (Option<RunStatus>, Option<serde_json::Value>, Option<Failure>) {
    (played.status, played.result.clone(), played.failure.clone())
}

#[test]
fn a_run_that_is_cut_off_at_any_commit_comes_to_the_same_end() {
    for (name, plan) in all() {
        let whole = world(&plan).play();
        assert!(whole.status.is_some(), "{name}: {whole:#?}");
        for seed in [0, 5] {
            for at in 1..=whole.commits {
                for (after, before) in [(Some(at), None), (None, Some(at))] {
                    let mut world = world(&plan);
                    world.seed = seed;
                    world.crash_after.extend(after);
                    world.crash_before.extend(before);
                    let played = world.play();
                    assert_eq!(
                        end(&played),
                        end(&whole),
                        "{name}, seed {seed}, after {after:?}, before {before:?}: {played:#?}"
                    );
                }
            }
        }
    }
}

#[test]
fn the_ends_are_as_the_programs_say() {
    let error =
        |kind: &str, message: &str, step: &str| json!({"kind": kind, "message": message, "step": step});
    let refused = error("refused", "as told", "f/a/x");
    let collected = error("refused", "as told", "f/ys[1]/route:2/bad");
    let spent = error("budget", "45 of 40 tokens are used", "f/b");
    let url = "https://api.test/x/%3C%3Cx%3E%3E";
    let (first, second) = (format!("p/a <{url}>"), format!("p/b <{url}>"));
    let expected = [
        json!(["<x>", "<<x>>", 2, second, first]),
        json!(["<out>", ["<1<>>", "<2<1<>>>", "<1<<2<1<>>>>>", "<2<1<<2<1<>>>>>>"]]),
        json!(["<x>", "<end>"]),
        json!("<caught>"),
        json!(["<error>", refused]),
        json!(["<<x><zz>>", "p/a y", "<zz>", ["<x>", "p/a y"]]),
        json!([[1, 2, 3], ["<11>", "<12>", "<21>", "<22>", "<31>", "<32>"]]),
        json!(["<caught>", []]),
        json!([{"ok": [1, 3], "failed": [{"key": 1, "error": collected}]}, ["<11>", "<12>", "<31>", "<32>"]]),
        json!("<late>"),
        json!(["<error>", spent]),
    ];
    for ((name, plan), expected) in all().into_iter().zip(expected) {
        assert_eq!(world(&plan).play().result, Some(expected), "{name}");
    }
}

#[test]
fn a_store_that_lost_the_end_of_a_commit_does_no_harm() {
    for (name, plan) in all() {
        let whole = world(&plan).play();
        for kept in 1..whole.records.len() {
            let played = world(&plan).go_on(whole.records[..kept].to_vec());
            assert_eq!(end(&played), end(&whole), "{name}, {kept} records: {played:#?}");
            let began = |step: &Coordinate| {
                let is_it = |record: &Record| matches!(&record.event, Event::WaitStarted { step: other, .. } if other == step);
                played.records.iter().filter(|record| is_it(record)).count() == 1
            };
            for record in &played.records {
                if let Event::WaitFinished { step } = &record.event {
                    assert!(began(step), "{name}, {kept} records: `{step}`");
                }
            }
        }
    }
}

#[test]
fn two_crashes_are_no_worse() {
    for (name, plan) in all() {
        let whole = world(&plan).play();
        for first in 1..=whole.commits {
            for gap in 1..=3 {
                let mut world = world(&plan);
                world.crash_after.extend([first, first + gap]);
                let played = world.play();
                assert_eq!(end(&played), end(&whole), "{name}, {first} and {gap} later: {played:#?}");
            }
        }
    }
}

#[test]
fn the_order_of_completion_does_not_matter() {
    for (name, plan) in all() {
        let whole = world(&plan).play();
        for seed in 1..60 {
            let mut world = world(&plan);
            world.seed = seed;
            assert_eq!(end(&world.play()), end(&whole), "{name}, seed {seed}");
        }
    }
}

#[test]
fn a_cancelled_run_finishes_its_clean_up_after_a_crash() {
    for (name, plan) in all() {
        let whole = world(&plan).play();
        for cancel in 1..whole.commits {
            let mut world = world(&plan);
            world.cancel_after = Some(cancel);
            let cancelled = world.play();
            assert!(cancelled.status.is_some(), "{name}, {cancel}");
            let is_request = |record: &Record| matches!(record.event, Event::CancelRequested { .. });
            let Some(request) = cancelled.records.iter().position(is_request) else { continue };
            for at in request + 1..cancelled.records.len() {
                let at = batch_end(&cancelled.records, at);
                let played = World::new(plan.clone()).policy(answer).go_on(cancelled.records[..at].to_vec());
                assert_eq!(played.status, Some(RunStatus::Cancelled), "{name}, {cancel}, {at}: {played:#?}");
            }
        }
    }
}

/// A commit is whole or not there: goes on to the end of the records of one time.
fn batch_end(records: &[Record], from: usize) -> usize {
    let at = records[from - 1].at;
    from + records[from..].iter().take_while(|record| record.at == at).count()
}

#[test]
fn a_finished_run_tells_its_end_again() {
    for (name, plan) in all() {
        let whole = world(&plan).play();
        let again = world(&plan).go_on(whole.records.clone());
        assert_eq!(end(&again), end(&whole), "{name}");
        assert_eq!((again.asked.len(), again.records.len()), (0, whole.records.len()));
    }
}

#[test]
fn three_starts_without_an_end_are_enough() {
    let mut world = world(&sequential());
    // The commit of the first start, and those of the two resumptions.
    world.crash_after.extend([1, 2, 3]);
    let played = world.play();
    let failure = played.failure.unwrap();
    assert_eq!((failure.kind.as_str(), failure.step.unwrap().to_string().as_str()), ("unavailable", "f/a"));
    assert!(played.asked.is_empty(), "each crash came between the record and the call");
}

#[test]
fn of_several_steps_without_an_end_the_first_fails_and_stops_the_others() {
    let plan = parallel();
    let mut crashing = world(&plan);
    crashing.crash_after.extend([1, 2, 3]);
    let played = crashing.play();
    assert_eq!(played.failure.as_ref().unwrap().step.as_ref().unwrap().to_string(), "f/a");
    let is_failure = |record: &Record| matches!(record.event, Event::StepFailed { .. });
    assert_eq!(played.records.iter().filter(|record| is_failure(record)).count(), 1);
    let failed = played.records.iter().position(is_failure).unwrap();
    for kept in failed + 1..=played.records.len() {
        let again = world(&plan).go_on(played.records[..kept].to_vec());
        assert_eq!(end(&again), end(&played), "resumed after {kept} records");
    }
}

#[test]
fn an_orderly_interruption_is_no_crash_and_makes_the_cost_incomplete() {
    use flow_engine::{Command, Engine, Input};
    let mut world = world(&sequential());
    world.price = Some(flow_ir::catalogue::Price { input: 1_000, ..flow_ir::catalogue::Price::FREE });
    let mut records = world.play().records;
    records.truncate(2);
    for _ in 0..5 {
        let seq = records.len() as u64;
        records.push(Record { seq, at: Time(2_000_000), event: Event::Interrupted {} });
        let mut engine = Engine::resume(world.plan.clone(), world.settings(), records.clone()).unwrap();
        let commands = engine.apply(Input::Start, Time(2_000_000));
        let [Command::Append(events), Command::Ask { .. }] = commands.as_slice() else {
            panic!("{commands:?}");
        };
        let made = events.iter().zip(seq + 1..);
        records.extend(made.map(|(event, seq)| Record { seq, at: Time(2_000_000), event: event.clone() }));
        assert!(!engine.spent().1.complete, "a call was cut off");
    }
}

#[test]
fn what_people_read_of_a_wrong_answer_is_not_what_the_model_is_told() {
    let played = world(&sequential()).play();
    let wrong = played.records.iter().find_map(|record| match &record.event {
        Event::AttemptFailed { failure, complaint: Some(complaint), .. } => Some((failure, complaint)),
        _ => None,
    });
    let (failure, complaint) = wrong.expect("an answer is repaired");
    assert_eq!(failure.kind, "bad_answer");
    assert!(!failure.message.contains('\n') && failure.message.starts_with("the answer"), "{failure}");
    assert!(complaint.lines().count() > 1, "{complaint}");
}

#[test]
fn a_price_that_was_known_at_the_start_holds() {
    let mut world = world(&sequential());
    let mut plan = (*world.plan).clone();
    plan.flows[0].budget.nanodollars = Some(1_000_000_000);
    world.plan = plan.into();
    world.price = Some(flow_ir::catalogue::Price { input: 1_000_000, ..flow_ir::catalogue::Price::FREE });
    let mut records = world.play().records;
    records.truncate(2);
    world.price = None;
    let played = world.go_on(records);
    assert_eq!((played.status, played.failure), (Some(RunStatus::Succeeded), None));
}

/// `a = post("x")  b = p(a)  return b`, cut off while the writer is in flight.
fn uncertain() -> (World, Played) {
    let mut f = FlowBuilder::new("f", vec![]);
    let (a, b) = (f.slot("a"), f.slot("b"));
    let flow = f.done(vec![ask("a", 0, text("x"), a), ask("b", 1, slot(a), b), ret(slot(b))]);
    let plan = plan(vec![flow], vec![tool("post", "POST"), prompt("p", Type::STRING)]);
    let mut world = world(&plan);
    world.crash_after.insert(1);
    let played = world.play();
    (world, played)
}

#[test]
fn a_writer_in_flight_is_uncertain_and_never_repeated() {
    let (_, played) = uncertain();
    assert_eq!(played.status, None);
    assert!(played.asked.is_empty(), "it isn't sent again");
    assert!(played.idle.unwrap().contains("`f/a`"));
}

#[test]
fn an_uncertain_step_is_settled_by_an_answer_or_run_again() {
    use flow_engine::{Command, Engine, Input};
    let (world, played) = uncertain();
    for answer in [Some(json!("told")), None] {
        let records = played.records.clone();
        let mut engine =
            Engine::resume(world.plan.clone(), world.settings(), records).expect("it can be resumed");
        let now = Time(9_000_000);
        engine.apply(Input::Start, now);
        let step = Coordinate("f/a".into());
        let commands = engine.apply(Input::Settle { step, answer: answer.clone() }, now);
        match (&answer, commands.as_slice()) {
            (Some(_), [Command::Append(events), Command::Ask { call, .. }]) => {
                assert!(matches!(&events[0], Event::StepFinished { result, .. } if *result == json!("told")));
                assert_eq!(call.messages[0], Message::text(Role::User, "told"));
            }
            (None, [Command::Append(_), Command::Fetch { step, .. }]) => assert_eq!(&*step.0, "f/a"),
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn a_run_that_takes_another_way_has_diverged() {
    let whole = world(&sequential()).play();
    let cut = whole.records[..6].to_vec();
    type Change = fn(&mut Event);
    let changes: [(usize, Change); 3] = [
        (1, |event| {
            let Event::StepStarted { fingerprint, .. } = event else { panic!() };
            *fingerprint = "0".repeat(64);
        }),
        (1, |event| {
            let Event::StepStarted { step, .. } = event else { panic!() };
            *step = Coordinate("f/elsewhere".into());
        }),
        (2, |event| {
            let Event::StepFinished { result, .. } = event else { panic!("{event:?}") };
            *result = json!(3);
        }),
    ];
    for (at, change) in changes {
        let mut records = cut.clone();
        change(&mut records[at].event);
        let played = world(&sequential()).go_on(records);
        assert_eq!(played.failure.unwrap().kind, "diverged");
        assert!(played.asked.is_empty());
    }
}

/// Replays a run in a world that answers otherwise, so that whatever is asked shows.
fn replayed(plan: &Plan, from: Option<&str>, records: &[Record]) -> World {
    let of = ReplayOf { run: RunId("old".into()), from: from.map(|step| Coordinate(step.into())) };
    let mut world = world(plan);
    world.replays = Some((of, records.to_vec()));
    world
}

#[test]
fn a_replay_comes_to_the_same_end_and_asks_nothing() {
    for (name, plan) in all() {
        let old = world(&plan).play();
        let again = replayed(&plan, None, &old.records);
        let new = again.play();
        // Under a budget nothing is spent now, so nothing is refused.
        if name == "limited" {
            continue;
        }
        assert_eq!(end(&new), end(&old), "{name}");
        if old.status == Some(RunStatus::Succeeded) && name != "timing out" {
            assert!(new.asked.is_empty(), "{name}: {:?}", new.asked);
            assert!(new.now.0 - 1_000_000 < 1_000, "{name}: waits that were over are over");
        }
        // Cut off anywhere, it goes on to the same end.
        for count in 1..new.records.len() {
            let cut = again.go_on(new.records[..count].to_vec());
            assert_eq!(end(&cut), end(&old), "{name} after {count}");
        }
    }
}

#[test]
fn a_replay_asks_one_step_anew_and_what_follows_from_it() {
    let plan = sequential();
    let old = world(&plan).play();
    let mut again = replayed(&plan, Some("f/b"), &old.records);
    again = again.policy(|asked| match asked.node.as_str() {
        "number" => Ok(String::from("3")),
        _ => Ok(String::from("other")),
    });
    let new = again.play();
    let asked: Vec<_> = new.asked.iter().map(|asked| asked.step.as_str()).collect();
    assert_eq!(asked, ["f/b", "f/c", "f/d", "f/e", "f/g"], "`a` has its result");
    let same = replayed(&plan, Some("f/b"), &old.records).play();
    let asked: BTreeSet<_> = same.asked.iter().map(|asked| asked.step.as_str()).collect();
    assert_eq!(asked.into_iter().collect::<Vec<_>>(), ["f/b"], "what asks the same has its result");
    assert_eq!(end(&same), end(&old));
}

#[test]
fn a_run_meets_its_own_plan_wherever_it_stands_and_no_other() {
    for (name, plan) in all() {
        let old = world(&plan);
        let records = old.play().records;
        let plan = Arc::new(plan);
        for count in 1..records.len() {
            let met = Engine::meets(plan.clone(), old.settings(), records[..count].to_vec());
            assert_eq!(met, Ok(()), "{name} after {count}");
        }
    }
    let (mut other, records) = (sequential(), world(&sequential()).play().records);
    let NodeKind::Prompt(prompt) = &mut other.nodes[0].kind else { unreachable!() };
    prompt.system = Some(text("be brief"));
    let met = Engine::meets(Arc::new(other), world(&sequential()).settings(), records[..3].to_vec());
    assert!(met.is_err_and(|failure| failure.message.contains("`f/a` asks something else")));
}

#[test]
fn another_plan_is_refused() {
    let whole = world(&sequential()).play();
    let played = world(&looping()).go_on(whole.records[..4].to_vec());
    assert_eq!(played.failure.unwrap().kind, "diverged");
    assert_eq!(played.records.len(), 4, "nothing is recorded");
}

#[test]
fn a_start_that_was_interrupted_and_not_made_again_has_an_end() {
    let mut f = FlowBuilder::new("f", vec![]);
    let (a, b) = (f.slot("a"), f.slot("b"));
    let branches = [("a", a), ("b", b)].map(|(name, slot)| {
        let block = f.block(vec![ask(name, 0, text(name), slot)]);
        Branch { block, own: (2, 2), writes: vec![slot] }
    });
    f.flow.budget.time_ms = Some(5);
    let world = World::new(of(vec![f.done(vec![Statement::Parallel { branches: branches.into() }])]));
    let mut records = world.play().records;
    records.truncate(3);
    let at = records[2].at.after_ms(10);
    records.push(Record { seq: 3, at, event: Event::Interrupted {} });
    let played = world.go_on(records);
    assert_eq!(played.failure.unwrap().kind, "budget");
    let ended = played.records.iter().filter_map(|record| match &record.event {
        Event::BudgetRefused { step, .. } | Event::StepCancelled { step, .. } => Some(step.to_string()),
        _ => None,
    });
    assert_eq!(ended.collect::<Vec<_>>(), ["f/a", "f/b"]);
}
