//! Graphs, races and emitted values, where the suite can't reach: plans made by hand, long computations that are cut, records
//! that were changed, crashes around a win.

mod common;

use std::collections::BTreeMap;
use std::sync::Arc;

use common::build::*;
use common::world::*;
use flow_engine::{Command, Engine, Input};
use flow_ir::plan::*;
use flow_ir::types::Type;
use flow_ir::{Expr, Plan, Value};
use flow_runtime_api::*;
use serde_json::{Value as Json, json};

fn nodes() -> Vec<Node> {
    vec![prompt("p", Type::STRING)]
}

fn emit(name: &str, value: Expr) -> Statement {
    Statement::Emit { segment: name.into(), value }
}

fn wait_s(name: &str, seconds: i64) -> Statement {
    let value = Expr::Const(Value::Duration(seconds * 1_000_000_000));
    Statement::Wait { segment: name.into(), value, until: false }
}

fn arm(block: BlockId, own: (u32, u32), writes: Vec<u32>, body: BlockId) -> RaceArm {
    RaceArm { step: Branch { block, own, writes }, body }
}

fn failure_of(played: &Played) -> (String, String) {
    let failure = played.failure.as_ref().expect("a failure");
    (failure.kind.to_string(), failure.message.clone())
}

#[test]
fn a_goto_that_leads_nowhere_ends_the_run() {
    let mut f = FlowBuilder::new("f", vec![]);
    let body = f.block(vec![Statement::Goto { stage: 9, args: vec![int(1)] }]);
    let graph = Graph {
        segment: "g".into(),
        max: int(3),
        stages: vec![Stage { name: "a".into(), params: Vec::new(), body }],
        otherwise: None,
        into: None,
    };
    let outside = Statement::Goto { stage: 0, args: Vec::new() };
    let plan = plan(vec![f.done(vec![Statement::Graph(Box::new(graph)), outside])], nodes());
    let played = World::new(plan).play();
    assert_eq!(failure_of(&played), ("bad_value".into(), "there is no graph around this `goto`".into()));
}

#[test]
fn a_graph_whose_max_is_no_count_fails() {
    let mut f = FlowBuilder::new("f", vec![]);
    let body = f.block(vec![Statement::Break]);
    let graph = Graph {
        segment: "g".into(),
        max: int(0),
        stages: vec![Stage { name: "a".into(), params: Vec::new(), body }],
        otherwise: None,
        into: None,
    };
    let played = World::new(plan(vec![f.done(vec![Statement::Graph(Box::new(graph))])], nodes())).play();
    assert_eq!(failure_of(&played), ("bad_value".into(), "`max` of `g` is below 1".into()));
}

#[test]
fn broken_plans_are_refused() {
    let race = |arms| Statement::Race(Box::new(Race { segment: None, arms, into: None, catch: None }));
    let graph = |stages, otherwise| {
        Statement::Graph(Box::new(Graph { segment: "g".into(), max: int(1), stages, otherwise, into: None }))
    };
    let stage = |params, body| Stage { name: "a".into(), params, body };
    for statement in [
        race(vec![]),
        race(vec![arm(0, (0, 99), vec![], 0)]),
        race(vec![arm(0, (0, 0), vec![99], 0)]),
        race(vec![arm(0, (0, 0), vec![], 99)]),
        graph(vec![], None),
        graph(vec![stage(vec![0], 0)], None),
        graph(vec![stage(vec![], 99)], None),
        graph(vec![stage(vec![], 0), stage(vec![99], 0)], None),
        graph(vec![stage(vec![], 0)], Some(99)),
        emit("e", text("the flow emits nothing")),
    ] {
        let mut f = FlowBuilder::new("f", vec![]);
        f.slot("x");
        f.block(vec![]);
        let played = World::new(plan(vec![f.done(vec![statement])], nodes())).play();
        let (kind, message) = failure_of(&played);
        assert!(kind == "bad_value" && message.starts_with("the plan is broken"), "{message}");
    }
}

/// A loop that emits a megabyte forty times, with clean-up behind it.
fn flood() -> Arc<Plan> {
    let mut f = FlowBuilder::new("f", vec![]);
    let x = f.slot("x");
    let turn = f.block(vec![emit("e", text(&"x".repeat(1 << 20)))]);
    let otherwise = f.block(vec![]);
    let body = f.block(vec![Statement::Loop {
        segment: "l".into(),
        max: int(40),
        test: LoopTest::None,
        body: turn,
        otherwise: Some(otherwise),
        counters: Counters::default(),
    }]);
    let finally = f.block(vec![ask("tidy", 0, text("tidy"), x)]);
    f.flow.emits = Some(Type::STRING);
    Arc::new(plan(
        vec![f.done(vec![Statement::Try { body, catch: None, finally: Some(finally) }, ret(slot(x))])],
        nodes(),
    ))
}

fn emitted(records: &[Record]) -> usize {
    records.iter().filter(|record| matches!(record.event, Event::Emitted { .. })).count()
}

/// Adds what is appended, and returns the bytes of the largest commit.
fn keep(records: &mut Vec<Record>, commands: Vec<Command>) -> usize {
    let mut largest = 0;
    for command in commands {
        if let Command::Append(events) = command {
            largest =
                largest.max(events.iter().map(|event| serde_json::to_string(event).unwrap().len()).sum());
            for event in events {
                records.push(Record { seq: records.len() as u64, at: Time(1_000_000), event });
            }
        }
    }
    largest
}

#[test]
fn what_one_input_emits_is_bounded() {
    let plan = flood();
    let world = World::new(Plan::clone(&plan));
    let mut engine = Engine::start(plan, world.settings(), Default::default()).unwrap();
    let mut records = Vec::new();
    let mut next = Some(Input::Start);
    while let Some(input) = next.take() {
        let commands = engine.apply(input, Time(1_000_000));
        next = commands.iter().find_map(|command| match command {
            Command::SetTimer(timer, _) => Some(Input::Due { timer: *timer }),
            _ => None,
        });
        assert!(keep(&mut records, commands) < 16 << 20);
    }
    assert_eq!(emitted(&records), 40);
}

#[test]
fn what_was_not_emitted_before_a_cancel_is_not_emitted_after_a_crash() {
    let plan = flood();
    let world = World::new(Plan::clone(&plan));
    let mut engine = Engine::start(plan.clone(), world.settings(), Default::default()).unwrap();
    let mut records = Vec::new();
    keep(&mut records, engine.apply(Input::Start, Time(1_000_000)));
    keep(&mut records, engine.apply(Input::Cancel, Time(1_000_000)));
    let before = emitted(&records);
    assert!((1..40).contains(&before));
    // The clean-up was in flight when the process died.
    let played = world.go_on(records);
    assert_eq!(played.status, Some(RunStatus::Cancelled));
    assert_eq!(played.asked.iter().map(|asked| asked.step.as_str()).collect::<Vec<_>>(), ["f/finally/tidy"]);
    assert_eq!(emitted(&played.records), before);
}

/// Where a long computation was when it was cancelled is on record: clean-up that was cut off by a crash goes on from
/// there, whatever the computation would have come to.
#[test]
fn a_computation_that_is_cancelled_in_the_middle_is_read_back_as_far_as_it_came() {
    let mut f = FlowBuilder::new("f", vec![]);
    let (a, count, x) = (f.slot("a"), f.slot("count"), f.slot("x"));
    let turn = f.block(vec![set(count, call("add_int", vec![slot(count), int(1)]))]);
    let otherwise = f.block(vec![]);
    let body = f.block(vec![
        ask("a", 0, text("a"), a),
        set(count, int(0)),
        Statement::Loop {
            segment: "l".into(),
            max: int(500_000),
            test: LoopTest::None,
            body: turn,
            otherwise: Some(otherwise),
            counters: Counters::default(),
        },
        // Were it read back further than it came, this would stand where the clean-up is on record.
        ask("after", 0, text("after"), a),
    ]);
    let finally = f.block(vec![
        ask("tidy", 0, joined(vec![text("tidy "), slot(count)]), x),
        ask("more", 0, joined(vec![text("more "), slot(x)]), x),
    ]);
    let done = f.done(vec![Statement::Try { body, catch: None, finally: Some(finally) }, ret(slot(x))]);
    let plan = Arc::new(plan(vec![done], nodes()));
    let world = World::new(Plan::clone(&plan));
    let mut engine = Engine::start(plan, world.settings(), Default::default()).unwrap();
    let mut records = Vec::new();
    let mut asked = None;
    let mut apply = |input: Input| {
        let commands = engine.apply(input, Time(1_000_000));
        let timer = commands.iter().find_map(|command| match command {
            Command::SetTimer(timer, at) if *at == Time(1_000_000) => Some(*timer),
            _ => None,
        });
        asked = commands.iter().find_map(|command| match command {
            Command::Ask { attempt, .. } => Some(*attempt),
            _ => None,
        });
        keep(&mut records, commands);
        (timer, asked)
    };
    let (_, attempt) = apply(Input::Start);
    let answer = Answer { text: String::from("a"), ..Answer::default() };
    let answered =
        Input::Answered { attempt: attempt.unwrap(), result: Ok(answer), usage: None, duration_ms: 1 };
    let (timer, _) = apply(answered);
    apply(Input::Due { timer: timer.expect("the computation takes several slices") });
    apply(Input::Cancel);
    assert!(records.iter().any(|record| matches!(record.event, Event::CancelRequested { after: Some(_) })));
    let fingerprint = |records: &[Record]| {
        let started = records.iter().rev().find_map(|record| match &record.event {
            Event::StepStarted { step, fingerprint, .. } if step.0 == "f/finally/tidy" => Some(fingerprint),
            _ => None,
        });
        started.cloned().expect("clean-up asks")
    };
    let before = fingerprint(&records);
    let played = world.go_on(records);
    assert_eq!(played.status, Some(RunStatus::Cancelled), "{:?}", played.failure);
    assert_eq!(fingerprint(&played.records), before);
    let asked: Vec<_> = played.asked.iter().map(|asked| asked.step.as_str()).collect();
    assert_eq!(asked, ["f/finally/tidy", "f/finally/more"]);
}

/// Branches that race an answer against another, and a `wait`; each arm emits, and tidies up.
fn races(branches: i64) -> Plan {
    let mut f = FlowBuilder::new("f", vec![]);
    let (item, won) = (f.slot("x"), f.slot("won"));
    let (a, b, t, u, v) = (f.slot("a"), f.slot("b"), f.slot("t"), f.slot("u"), f.slot("v"));
    let tried = f.block(vec![
        emit("begins", text("a begins")),
        ask("a", 0, joined(vec![text("a"), slot(item)]), a),
        emit("ends", slot(a)),
        set(won, slot(a)),
    ]);
    let tidy = f.block(vec![ask("tidy", 0, text("tidy"), t)]);
    let one = f.block(vec![Statement::Try { body: tried, catch: None, finally: Some(tidy) }]);
    let two = f.block(vec![
        ask("b", 0, joined(vec![text("b"), slot(item)]), b),
        ask("c", 0, slot(b), u),
        set(won, slot(u)),
    ]);
    let three = f.block(vec![wait_s("w", 1), set(won, text("late"))]);
    let after = |f: &mut FlowBuilder, arm: i64| {
        let yielded = list(vec![int(arm), slot(won)]);
        f.block(vec![
            emit("won", text("won")),
            ask("d", 0, text("after"), v),
            Statement::Yield { value: yielded },
        ])
    };
    let bodies = [after(&mut f, 0), after(&mut f, 1), after(&mut f, 2)];
    let race = Statement::Race(Box::new(Race {
        segment: Some("r".into()),
        arms: vec![
            arm(one, (a, t + 1), vec![won], bodies[0]),
            arm(two, (b, v), vec![won], bodies[1]),
            arm(three, (v, v), vec![won], bodies[2]),
        ],
        into: Some(v),
        catch: None,
    }));
    let block = f.block(vec![race, Statement::Yield { value: slot(v) }]);
    let all = f.slot("all");
    let each = parallel_for("y", ints(0..branches), item, block, (item, all), Some(all));
    f.flow.emits = Some(Type::STRING);
    plan(vec![f.done(vec![Statement::ParallelFor(Box::new(each)), ret(slot(all))])], nodes())
}

/// The arm that has won each race, and that each has won one once.
fn winners(records: &[Record]) -> BTreeMap<String, u32> {
    let mut winners = BTreeMap::new();
    for record in records {
        if let Event::RaceWon { step, arm } = &record.event {
            assert_eq!(winners.insert(step.to_string(), *arm), None, "`{step}` is won twice");
        }
    }
    winners
}

#[test]
fn wherever_a_run_is_cut_off_its_races_have_one_winner_and_nothing_is_emitted_twice() {
    for seed in 0..12 {
        let mut world = World::new(races(3));
        (world.seed, world.takes_ms) = (seed, if seed % 3 == 0 { 700 } else { 10 });
        let whole = world.play();
        assert_eq!(whole.status, Some(RunStatus::Succeeded), "{:?}", whole.failure);
        for commit in 1..=whole.commits {
            for before in [true, false] {
                let crashes = [commit, commit + 2].into();
                (world.crash_before, world.crash_after) =
                    if before { (crashes, [].into()) } else { ([].into(), crashes) };
                let played = world.play();
                assert_eq!(played.status, Some(RunStatus::Succeeded), "{:?}", played.failure);
                let won = winners(&played.records);
                let Some(Json::Array(values)) = &played.result else { panic!("{:?}", played.result) };
                for (branch, value) in values.iter().enumerate() {
                    let arm = won[&format!("f/y[{branch}]/r")];
                    let said = match arm {
                        0 => format!("<a{branch}>"),
                        1 => format!("<<b{branch}>>"),
                        _ => String::from("late"),
                    };
                    assert_eq!(*value, json!([arm, said]));
                }
                let mut told = BTreeMap::<&str, u32>::new();
                for record in &played.records {
                    if let Event::Emitted { step, .. } = &record.event {
                        *told.entry(&step.0).or_default() += 1;
                    }
                }
                assert!(told.values().all(|count| *count == 1), "{told:?}");
                assert!((0..3).all(|branch| told.contains_key(format!("f/y[{branch}]/r/won").as_str())));
            }
        }
    }
}

#[test]
fn a_journal_that_tells_of_another_winner_or_value_is_another_run() {
    let world = World::new(races(1));
    let whole = world.play().records;
    let at = |is: &dyn Fn(&Event) -> bool| whole.iter().position(|record| is(&record.event)).unwrap();
    let check = |at: usize, event: Event, message: &str| {
        let mut records = whole[..=at].to_vec();
        records[at].event = event;
        let played = world.go_on(records);
        assert_eq!(failure_of(&played), ("diverged".into(), message.into()));
    };
    let won = at(&|event| matches!(event, Event::RaceWon { .. }));
    let step = Coordinate("f/y[0]/r".into());
    check(
        won,
        Event::RaceWon { step: step.clone(), arm: 2 },
        "`f/y[0]/r` was won by an arm that doesn't succeed now",
    );
    check(won, Event::RaceWon { step, arm: 99 }, "`f/y[0]/r` was won by an arm that doesn't succeed now");
    let begun = at(&|event| matches!(event, Event::Emitted { .. }));
    let Event::Emitted { step, .. } = &whole[begun].event else { unreachable!() };
    check(
        begun,
        Event::Emitted { step: step.clone(), value: json!("another") },
        "`f/y[0]/r/begins` emitted what it doesn't emit now",
    );
    let elsewhere = Coordinate("f/y[0]/r/other".into());
    check(
        begun,
        Event::Emitted { step: elsewhere, value: json!("a begins") },
        "`f/y[0]/r/other` emitted what it doesn't emit now",
    );
}

#[test]
fn a_win_whose_record_is_lost_is_decided_again_by_what_was_kept() {
    let world = World::new(races(1));
    let whole = world.play().records;
    let won = whole.iter().position(|record| matches!(record.event, Event::RaceWon { .. })).unwrap();
    let Event::RaceWon { arm, .. } = &whole[won].event else { unreachable!() };
    let played = world.go_on(whole[..won].to_vec());
    assert_eq!(played.status, Some(RunStatus::Succeeded));
    assert_eq!(winners(&played.records).into_values().collect::<Vec<_>>(), [*arm]);
}
