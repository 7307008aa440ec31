//! Statements: results, and the coordinates of the steps on the way.

mod common;

use common::build::*;
use common::world::*;
use flow_ir::Expr;
use flow_ir::expr::Pattern;
use flow_ir::plan::*;
use flow_ir::types::Type;
use flow_ir::value::Key;
use flow_ir::{Plan, Value};
use flow_runtime_api::{Failure, Kind, RunStatus};
use serde_json::{Value as Json, json};
use std::sync::Arc;

fn one(flow: Flow) -> Plan {
    plan(vec![flow], vec![prompt("p", Type::STRING)])
}

/// Plays a plan; texts that begin with `fail KIND` fail.
fn play(plan: Plan) -> Played {
    World::new(plan)
        .policy(|asked| match asked.text.strip_prefix("fail ") {
            Some(kind) => {
                let kind = Kind::find(kind).unwrap();
                Err(Failure::new(kind, format!("{} failed", asked.node)))
            }
            None => Ok(format!("<{}>", asked.text)),
        })
        .play()
}

#[track_caller]
fn check(plan: Plan, result: Json, steps: &[&str]) {
    let played = play(plan);
    assert_eq!(played.failure, None, "{played:#?}");
    assert_eq!(played.status, Some(RunStatus::Succeeded));
    assert_eq!(played.result, Some(result));
    let asked: Vec<&str> = played.asked.iter().map(|asked| asked.step.as_str()).collect();
    assert_eq!(asked, steps);
}

#[track_caller]
fn check_failure(plan: Plan, kind: &str, step: &str) {
    let played = play(plan);
    assert_eq!(played.status, Some(RunStatus::Failed), "{played:#?}");
    let failure = played.failure.unwrap();
    assert_eq!((failure.kind.as_str(), failure.step.unwrap().to_string().as_str()), (kind, step));
}

#[test]
fn steps_follow_each_other() {
    let mut f = FlowBuilder::new("f", vec![]);
    let (a, b) = (f.slot("a"), f.slot("b"));
    let flow = f.done(vec![ask("a", 0, text("x"), a), ask("b", 0, slot(a), b), ret(slot(b))]);
    check(one(flow), json!("<<x>>"), &["f/a", "f/b"]);
}

#[test]
fn a_flow_without_return_has_no_result() {
    let mut f = FlowBuilder::new("f", vec![]);
    let a = f.slot("a");
    check(one(f.done(vec![set(a, int(1))])), Json::Null, &[]);
}

#[test]
fn state_is_set_and_added_to() {
    let mut f = FlowBuilder::new("f", vec![]);
    let (n, s, l, m) = (f.slot("n"), f.slot("s"), f.slot("l"), f.slot("m"));
    let plus = |slot, value, how| Statement::Add { slot, value, how };
    let map = |key: &str, value: i64| {
        let entries = [(Key::String(key.into()), Value::Int(value))];
        Expr::Const(Value::Map(Arc::new(entries.into_iter().collect())))
    };
    let flow = f.done_with(
        vec![(n, Some(int(1))), (s, Some(text("a"))), (l, Some(ints([1]))), (m, Some(map("a", 1)))],
        vec![
            plus(n, int(2), Add::Number),
            plus(s, text("b"), Add::Text),
            plus(l, ints([2]), Add::List),
            plus(m, map("a", 2), Add::Entries),
            ret(list(vec![slot(n), slot(s), slot(l), slot(m)])),
        ],
    );
    check(one(flow), json!([3, "ab", [1, 2], {"a": 2}]), &[]);
}

#[test]
fn an_overflow_is_a_failure_of_the_place() {
    let mut f = FlowBuilder::new("f", vec![]);
    let n = f.slot("n");
    let flow = f.done(vec![
        set(n, int(i64::MAX)),
        Statement::Add { slot: n, value: int(1), how: Add::Number },
        ret(slot(n)),
    ]);
    check_failure(one(flow), "bad_value", "f");
}

#[test]
fn do_yields_and_catches() {
    for (what, result, steps) in [
        ("x", json!("<x>"), vec!["f/v/a"]),
        ("fail timeout", json!("late"), vec!["f/v/a"]),
        ("fail refused", json!("<other>"), vec!["f/v/a", "f/v/catch:refused/b"]),
    ] {
        let mut f = FlowBuilder::new("f", vec![]);
        let (v, a, b) = (f.slot("v"), f.slot("a"), f.slot("b"));
        let body = f.block(vec![ask("a", 0, text(what), a), Statement::Yield { value: slot(a) }]);
        let late = f.block(vec![Statement::Yield { value: text("late") }]);
        let other = f.block(vec![ask("b", 0, text("other"), b), Statement::Yield { value: slot(b) }]);
        let mut arms = catch(&["timeout"], late, Some(v));
        arms.arms.extend(catch(&["refused"], other, None).arms);
        let flow = f.done(vec![
            Statement::Do { segment: Some("v".into()), block: body, into: Some(v), catch: Some(arms) },
            ret(slot(v)),
        ]);
        check(one(flow), result, &steps);
    }
}

#[test]
fn if_takes_the_first_true_arm() {
    for (n, result) in [(1, "one"), (2, "two"), (3, "more")] {
        let mut f = FlowBuilder::new("f", vec![]);
        let v = f.slot("v");
        let mut arm = |segment: &str, test: Option<Expr>, value: &str| TestArm {
            segment: segment.into(),
            test,
            block: f.block(vec![Statement::Yield { value: text(value) }]),
        };
        let is = |m| Some(call("equal_int", vec![int(n), int(m)]));
        let is = |m| is(m).map(|_| Expr::Const(Value::Bool(n == m)));
        let arms =
            vec![arm("route:0", is(1), "one"), arm("route:1", is(2), "two"), arm("route:else", None, "more")];
        let flow = f.done(vec![Statement::If { segment: None, arms, into: Some(v) }, ret(slot(v))]);
        check(one(flow), json!(result), &[]);
    }
}

#[test]
fn route_matches_and_guards() {
    for (value, result, step) in
        [(1, "<first>", "f/route:1/a"), (2, "<guarded>", "f/route:2/a"), (3, "<rest>", "f/route:else/a")]
    {
        let mut f = FlowBuilder::new("f", vec![]);
        let (a, bound) = (f.slot("a"), f.slot("$v"));
        let mut arm = |segment: &str, patterns: &[i64], guard: Option<bool>, say: &str| RouteArm {
            segment: segment.into(),
            patterns: patterns.iter().map(|n| Pattern::Value(Value::Int(*n))).collect(),
            binds: vec![],
            guard: guard.map(|guard| Expr::Const(Value::Bool(guard))),
            block: f.block(vec![ask("a", 0, text(say), a)]),
        };
        let arms = vec![
            arm("route:1", &[1], None, "first"),
            arm("route:never", &[2, 3], Some(false), "never"),
            arm("route:2", &[2], Some(true), "guarded"),
            arm("route:else", &[], None, "rest"),
        ];
        let flow = f.done(vec![
            Statement::Route { segment: None, value: int(value), bind: bound, arms, into: None },
            ret(slot(a)),
        ]);
        check(one(flow), json!(result), &[step]);
    }
}

/// `loop l max 3 TEST { a = p(a)  i = loop.index  last = loop.last  EXTRA } else { a = "out" }`
fn looping(test: impl Fn(u32) -> LoopTest, extra: Option<Statement>, otherwise: bool) -> Plan {
    let mut f = FlowBuilder::new("f", vec![]);
    let (a, i, last, seen) = (f.slot("a"), f.slot("$i"), f.slot("$last"), f.slot("seen"));
    let mut body = vec![ask("a", 0, slot(a), a)];
    body.push(Statement::Add { slot: seen, value: list(vec![slot(i), slot(last)]), how: Add::List });
    body.extend(extra);
    let body = f.block(body);
    let otherwise = otherwise.then(|| f.block(vec![set(a, text("out"))]));
    let flow = f.done_with(
        vec![(a, Some(text(""))), (seen, Some(ints([])))],
        vec![
            Statement::Loop {
                segment: "l".into(),
                max: int(3),
                test: test(a),
                body,
                otherwise,
                counters: Counters { index: Some(i), last: Some(last) },
            },
            ret(list(vec![slot(a), slot(seen)])),
        ],
    );
    one(flow)
}

fn is_text(slot: u32, wanted: &str) -> Expr {
    let value = Pattern::Value(Value::string(wanted));
    let arm = |patterns, value| flow_ir::expr::MatchArm {
        patterns,
        binds: vec![],
        guard: None,
        value: Expr::Const(Value::Bool(value)),
    };
    Expr::Match {
        value: Box::new(Expr::Slot(slot)),
        local: 0,
        arms: vec![arm(vec![value], true)],
        otherwise: Some(Box::new(Expr::Const(Value::Bool(false)))),
    }
}

#[test]
fn a_loop_runs_out_and_takes_else() {
    check(
        looping(|_| LoopTest::None, None, true),
        json!(["out", [0, false, 1, false, 2, true]]),
        &["f/l[0]/a", "f/l[1]/a", "f/l[2]/a"],
    );
}

#[test]
fn a_loop_without_else_is_exhausted() {
    check_failure(looping(|_| LoopTest::None, None, false), "exhausted", "f/l");
}

#[test]
fn until_ends_a_loop_after_a_turn() {
    check(
        looping(|a| LoopTest::Until(is_text(a, "<<>>")), None, true),
        json!(["<<>>", [0, false, 1, false]]),
        &["f/l[0]/a", "f/l[1]/a"],
    );
    check(
        looping(|a| LoopTest::Until(is_text(a, "<<>>")), Some(Statement::Continue), true),
        json!(["<<>>", [0, false, 1, false]]),
        &["f/l[0]/a", "f/l[1]/a"],
    );
}

#[test]
fn while_ends_a_loop_before_a_turn() {
    check(looping(|a| LoopTest::While(is_text(a, "")), None, true), json!(["<>", [0, false]]), &["f/l[0]/a"]);
    check(looping(|a| LoopTest::While(is_text(a, "no")), None, true), json!(["", []]), &[]);
}

#[test]
fn break_leaves_a_loop() {
    check(
        looping(|_| LoopTest::None, Some(Statement::Break), true),
        json!(["<>", [0, false]]),
        &["f/l[0]/a"],
    );
}

#[test]
fn for_walks_lists_and_maps() {
    let walk = |over: Expr, max: Option<i64>| {
        let mut f = FlowBuilder::new("f", vec![]);
        let (i, x, seen, a) = (f.slot("i"), f.slot("x"), f.slot("seen"), f.slot("a"));
        let body = f.block(vec![
            ask("a", 0, joined(vec![slot(x)]), a),
            Statement::Add { slot: seen, value: list(vec![slot(i), slot(a)]), how: Add::List },
        ]);
        one(f.done_with(
            vec![(seen, Some(ints([])))],
            vec![
                Statement::For {
                    segment: "x".into(),
                    over,
                    max: max.map(int),
                    index: Some(i),
                    item: x,
                    body,
                    counters: Counters::default(),
                },
                ret(slot(seen)),
            ],
        ))
    };
    check(walk(ints([7, 8]), Some(2)), json!([0, "<7>", 1, "<8>"]), &["f/x[0]/a", "f/x[1]/a"]);
    check(walk(ints([]), None), json!([]), &[]);
    check_failure(walk(ints([1, 2, 3]), Some(2)), "exhausted", "f/x");
    let map = [(Key::String("k".into()), Value::Int(1))];
    let map = Expr::Const(Value::Map(Arc::new(map.into_iter().collect())));
    check(walk(map, None), json!(["k", "<1>"]), &["f/x[0]/a"]);
}

/// `try { a = p(WHAT) } catch { when timeout => a = p("caught") } finally { b = p("end") }  return [a, b]`
fn trying(what: &str, in_finally: Option<Statement>) -> Plan {
    let mut f = FlowBuilder::new("f", vec![]);
    let (a, b) = (f.slot("a"), f.slot("b"));
    let body = f.block(vec![ask("a", 0, text(what), a)]);
    let caught = f.block(vec![ask("a", 0, text("caught"), a)]);
    let mut end = vec![ask("b", 0, text("end"), b)];
    end.extend(in_finally);
    let end = f.block(end);
    let statement =
        Statement::Try { body, catch: Some(catch(&["timeout"], caught, None)), finally: Some(end) };
    one(f.done(vec![statement, ret(list(vec![slot(a), slot(b)]))]))
}

#[test]
fn finally_runs_however_it_ends() {
    check(trying("x", None), json!(["<x>", "<end>"]), &["f/a", "f/finally/b"]);
    check(
        trying("fail timeout", None),
        json!(["<caught>", "<end>"]),
        &["f/a", "f/catch:timeout/a", "f/finally/b"],
    );
    let played = play(trying("fail refused", None));
    assert_eq!(played.failure.unwrap().kind, "refused");
    assert_eq!(played.asked.last().unwrap().step, "f/finally/b");
    check_failure(trying("fail refused", Some(fail("own", "x"))), "own", "f/finally");
    check_failure(trying("x", Some(fail("own", "x"))), "own", "f/finally");
}

#[test]
fn return_leaves_through_finally() {
    let mut f = FlowBuilder::new("f", vec![]);
    let (x, b) = (f.slot("x"), f.slot("b"));
    let inner = f.block(vec![ret(text("early"))]);
    let finally = f.block(vec![ask("b", 0, text("end"), b)]);
    let body = f.block(vec![Statement::Try { body: inner, catch: None, finally: Some(finally) }]);
    let flow = f.done(vec![
        Statement::For {
            segment: "x".into(),
            over: ints([1, 2]),
            max: None,
            index: None,
            item: x,
            body,
            counters: Counters::default(),
        },
        ret(text("late")),
    ]);
    check(one(flow), json!("early"), &["f/x[0]/finally/b"]);
}

#[test]
fn an_error_is_bound_and_failed_with_again() {
    let mut f = FlowBuilder::new("f", vec![]);
    let (a, e) = (f.slot("a"), f.slot("e"));
    let body = f.block(vec![ask("a", 0, text("fail refused"), a)]);
    let again = f.block(vec![Statement::Rethrow { error: slot(e) }]);
    let mut arms = catch(&[], again, None);
    arms.arms[0].bind = Some(e);
    let flow = f.done(vec![Statement::Try { body, catch: Some(arms), finally: None }]);
    check_failure(one(flow), "refused", "f/a");
}

#[test]
fn a_step_is_taken_apart_and_caught() {
    let step_with = |what: &str, extract: Expr, raw: u32| {
        let mut f = FlowBuilder::new("f", vec![]);
        let (a, b) = (f.slot("a"), f.slot("raw"));
        assert_eq!(b, raw);
        let caught = f.block(vec![Statement::Yield { value: text("caught") }]);
        let mut arms = catch(&[], caught, Some(a));
        arms.arms[0].segment = None;
        let mut call = step("a", Target::Node(0), vec![text(what)], Some(a));
        call.extract = Some(Extract { raw, value: extract });
        call.catch = Some(arms);
        one(f.done(vec![Statement::Step(Box::new(call)), ret(slot(a))]))
    };
    let upper = joined(vec![text("got "), slot(1)]);
    check(step_with("x", upper.clone(), 1), json!("got <x>"), &["f/a"]);
    check(step_with("fail timeout", upper, 1), json!("caught"), &["f/a"]);
    let broken = Expr::Fail { kind: "bad_value".into(), message: "no".into() };
    check(step_with("x", broken, 1), json!("caught"), &["f/a"]);
}

#[test]
fn an_argument_outside_its_type_fails_the_step_before_the_call() {
    let mut node = prompt("p", Type::STRING);
    node.params[0].ty = Type::String(flow_ir::types::Size { min: None, max: Some(2) });
    let mut f = FlowBuilder::new("f", vec![]);
    let a = f.slot("a");
    let plan = plan(vec![f.done(vec![ask("a", 0, text("long"), a)])], vec![node]);
    let played = play(plan.clone());
    assert!(played.asked.is_empty());
    check_failure(plan, "bad_shape", "f/a");
}

/// `flow f() { a = g("x") TIMEOUT CATCH  return a }  flow g(text) { b = p(text) STATEMENTS  return b }`
fn calling(in_g: impl FnOnce(&mut FlowBuilder) -> Vec<Statement>, timeout_ms: Option<u64>) -> Plan {
    let mut f = FlowBuilder::new("f", vec![]);
    let a = f.slot("a");
    let mut call = step("a", Target::Flow(1), vec![text("x")], Some(a));
    call.with.timeout_ms = timeout_ms;
    let caught = f.block(vec![Statement::Yield { value: text("late") }]);
    call.catch = Some(catch(&["timeout"], caught, Some(a)));
    let f = f.done(vec![Statement::Step(Box::new(call)), ret(slot(a))]);
    let mut g = FlowBuilder::new("g", vec![param("text", Type::STRING)]);
    let body = in_g(&mut g);
    plan(vec![f, g.done(body)], vec![prompt("p", Type::STRING)])
}

#[test]
fn a_flow_is_a_step() {
    let plan = calling(
        |g| {
            let b = g.slot("b");
            vec![ask("b", 0, slot(0), b), ret(slot(b))]
        },
        None,
    );
    check(plan, json!("<x>"), &["f/a/b"]);
}

#[test]
fn a_flow_that_takes_too_long_is_stopped() {
    let plan = calling(
        |g| {
            let b = g.slot("b");
            let body = g.block(vec![
                Statement::Wait { segment: "wait".into(), value: duration_s(10), until: false },
                ret(text("never")),
            ]);
            let finally = g.block(vec![ask("b", 0, text("end"), b)]);
            vec![Statement::Try { body, catch: Some(catch(&[], finally, None)), finally: Some(finally) }]
        },
        Some(500),
    );
    check(plan, json!("late"), &["f/a/finally/b"]);
}

fn duration_s(seconds: i64) -> Expr {
    Expr::Const(Value::Duration(seconds * 1_000_000_000))
}

#[test]
fn on_error_may_return() {
    let with_handler = |handler: Vec<Statement>| {
        let mut f = FlowBuilder::new("f", vec![]);
        let (a, e) = (f.slot("a"), f.slot("e"));
        let block = f.block(handler);
        let mut flow = f.done(vec![ask("a", 0, text("fail refused"), a), ret(slot(a))]);
        flow.on_error = Some(OnError { bind: Some(e), block });
        flow
    };
    check(
        one(with_handler(vec![ask("b", 0, text("y"), 0), ret(slot(0))])),
        json!("<y>"),
        &["f/a", "f/on_error/b"],
    );
    check_failure(one(with_handler(vec![])), "refused", "f/a");
    check_failure(one(with_handler(vec![fail("own", "x")])), "own", "f/on_error");
}

#[test]
fn a_wait_ends_at_its_time() {
    let mut f = FlowBuilder::new("f", vec![]);
    let a = f.slot("a");
    let flow = f.done(vec![
        Statement::Wait { segment: "wait".into(), value: duration_s(60), until: false },
        Statement::Wait {
            segment: "past".into(),
            value: Expr::Const(Value::Timestamp("1970-01-01T00:00:01Z".parse().unwrap())),
            until: true,
        },
        ask("a", 0, text("x"), a),
        ret(slot(a)),
    ]);
    let played = play(one(flow));
    assert_eq!(played.result, Some(json!("<x>")));
    assert_eq!(played.now.0, 1_000_000 + 60_000 + 10);
}

#[test]
fn waits_of_a_simulated_run_end_at_once() {
    let mut f = FlowBuilder::new("f", vec![]);
    let a = f.slot("a");
    let flow = f.done(vec![
        Statement::Wait { segment: "wait".into(), value: duration_s(60), until: false },
        set(a, int(1)),
        ret(slot(a)),
    ]);
    let mut world = World::new(one(flow));
    world.simulate = Some(flow_runtime_api::Simulation { models_only: false, worst: false, seed: 0 });
    let played = world.play();
    assert_eq!((played.result, played.now.0), (Some(json!(1)), 1_000_000));
}

#[test]
fn inputs_are_checked_and_defaults_filled_in() {
    let mut f = FlowBuilder::new("f", vec![param("a", Type::INT), param("b", Type::STRING)]);
    f.flow.params[1].default = Some(text("dear"));
    let plan = one(f.done(vec![ret(list(vec![slot(0), slot(1)]))]));
    let play = |inputs: Json| {
        let mut world = World::new(plan.clone());
        world.inputs = inputs.as_object().unwrap().clone();
        world.play()
    };
    assert_eq!(play(json!({"a": 3})).result, Some(json!([3, "dear"])));
    assert_eq!(play(json!({"a": 3, "b": "x"})).result, Some(json!([3, "x"])));
    for wrong in [json!({}), json!({"a": "3"}), json!({"a": 3, "c": 1})] {
        let played = play(wrong);
        assert_eq!(played.failure.unwrap().kind, "bad_shape");
        assert!(played.records.is_empty());
    }
}

#[test]
fn a_long_computation_lets_the_host_in_between() {
    let mut f = FlowBuilder::new("f", vec![]);
    let n = f.slot("n");
    let body = f.block(vec![Statement::Add { slot: n, value: int(1), how: Add::Number }]);
    let otherwise = f.block(vec![]);
    let flow = f.done_with(
        vec![(n, Some(int(0)))],
        vec![
            Statement::Loop {
                segment: "l".into(),
                max: int(300_000),
                test: LoopTest::None,
                body,
                otherwise: Some(otherwise),
                counters: Counters::default(),
            },
            ret(slot(n)),
        ],
    );
    check(one(flow.clone()), json!(300_000), &[]);
    let mut world = World::new(one(flow));
    world.cancel_after = Some(1);
    assert_eq!(world.play().status, Some(RunStatus::Cancelled));
}

#[test]
fn a_broken_plan_is_refused() {
    let mut f = FlowBuilder::new("f", vec![]);
    let a = f.slot("a");
    let flow = f.done(vec![ask("a", 0, text("x"), a)]);
    type Break = fn(&mut Plan);
    let breaks: [Break; 5] = [
        |plan| plan.version = 99,
        |plan| plan.flows.clear(),
        |plan| plan.nodes.clear(),
        |plan| plan.flows[0].body = 9,
        |plan| plan.flows[0].slots.clear(),
    ];
    for change in breaks {
        let mut plan = one(flow.clone());
        change(&mut plan);
        let failure = flow_engine::Engine::start(
            Arc::new(plan),
            flow_engine::RunSettings {
                run: flow_runtime_api::RunId("r".into()),
                started_at: flow_runtime_api::Time(0),
                simulate: None,
                default_model: None,
                models: vec![],
                prices: String::new(),
                jobs_default: 1,
                concurrency: Default::default(),
                requests_per_minute: Default::default(),
                secrets_dir: None,
            },
            Default::default(),
        );
        assert_eq!(failure.unwrap_err().kind, "bad_value");
    }
}
