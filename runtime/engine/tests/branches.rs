//! Branches: frames, merges, keys, failures of siblings.

mod common;

use common::build::*;
use common::world::*;
use flow_ir::Plan;
use flow_ir::Value;
use flow_ir::plan::*;
use flow_ir::types::Type;
use flow_runtime_api::{Event, Failure, Kind, RunStatus};
use serde_json::{Value as Json, json};

fn one(flow: Flow) -> Plan {
    plan(vec![flow], vec![prompt("p", Type::STRING)])
}

fn world(plan: Plan) -> World {
    World::new(plan).policy(|asked| match asked.text.strip_prefix("fail ") {
        Some(kind) => Err(Failure::new(Kind::find(kind).unwrap(), "failed")),
        None => Ok(format!("<{}>", asked.text)),
    })
}

/// `state log = [0] merge append  n = 0 merge sum
/// let ys = parallel for x in [1..N] jobs J { let a = p("${x}")  log += [x]  n += x  yield a }`
fn fan_out(count: i64, jobs: i64) -> Plan {
    let mut f = FlowBuilder::new("f", vec![]);
    let log = f.merged("log", Some(Merge::Append));
    let sum = f.merged("n", Some(Merge::Sum));
    let ys = f.slot("ys");
    let (x, a) = (f.slot("x"), f.slot("a"));
    let block = f.block(vec![
        ask("a", 0, joined(vec![slot(x)]), a),
        add(log, list(vec![slot(x)])),
        add(sum, slot(x)),
        add(log, list(vec![slot(sum)])),
        Statement::Yield { value: slot(a) },
    ]);
    let mut parallel = parallel_for("ys", ints(1..=count), x, block, (x, a + 1), Some(ys));
    parallel.jobs = Some(int(jobs));
    parallel.writes = vec![log, sum];
    one(f.done_with(
        vec![(log, Some(ints([0]))), (sum, Some(int(10)))],
        vec![Statement::ParallelFor(Box::new(parallel)), ret(list(vec![slot(ys), slot(log), slot(sum)]))],
    ))
}

#[test]
fn merged_state_does_not_depend_on_the_order_of_completion() {
    let expected = json!([
        ["<1>", "<2>", "<3>", "<4>"],
        // Each branch sees the state at the fork and its own additions.
        [0, 1, 11, 2, 12, 3, 13, 4, 14],
        20
    ]);
    for seed in 0..50 {
        for jobs in 1..=4 {
            let mut world = world(fan_out(4, jobs));
            world.seed = seed;
            assert_eq!(world.play().result, Some(expected.clone()), "seed {seed}, jobs {jobs}");
        }
    }
}

#[test]
fn no_more_branches_run_than_allowed() {
    let played = world(fan_out(5, 2)).play();
    let mut running = 0;
    for record in &played.records {
        match &record.event {
            Event::StepStarted { .. } => running += 1,
            Event::StepFinished { .. } => running -= 1,
            _ => {}
        }
        assert!(running <= 2);
    }
    assert_eq!(played.asked[4].step, "f/ys[4]/a");
}

#[test]
fn an_empty_list_has_no_branches() {
    let played = world(fan_out(0, 2)).play();
    assert_eq!(played.result, Some(json!([[], [0], 10])));
}

/// `parallel for x in XS by x { a = p(x)  yield a }`
fn keyed(keys: Vec<Value>, collect: bool, with_catch: bool) -> Plan {
    let mut f = FlowBuilder::new("f", vec![]);
    let ys = f.slot("ys");
    let (x, a) = (f.slot("x"), f.slot("a"));
    let block = f.block(vec![ask("a", 0, joined(vec![slot(x)]), a), Statement::Yield { value: slot(a) }]);
    let list = flow_ir::Expr::Const(Value::list(keys));
    let mut parallel = parallel_for("ys", list, x, block, (x, a + 1), Some(ys));
    parallel.key = Some(slot(x));
    parallel.collect = collect;
    if with_catch {
        let caught = f.block(vec![Statement::Yield { value: text("caught") }]);
        parallel.catch = Some(catch(&[], caught, Some(ys)));
    }
    one(f.done(vec![Statement::ParallelFor(Box::new(parallel)), ret(slot(ys))]))
}

#[test]
fn keys_are_in_coordinates() {
    let played = world(keyed(vec![Value::string("a/b"), Value::string("c")], false, false)).play();
    let asked: Vec<&str> = played.asked.iter().map(|asked| asked.step.as_str()).collect();
    assert_eq!(asked, ["f/ys[a%2Fb]/a", "f/ys[c]/a"]);
}

#[test]
fn equal_keys_fail_before_any_branch_starts() {
    let keys = || vec![Value::string("a"), Value::string("b"), Value::string("a")];
    let played = world(keyed(keys(), false, false)).play();
    assert_eq!(played.failure.unwrap().kind, "bad_value");
    assert!(played.asked.is_empty());
    let played = world(keyed(keys(), true, false)).play();
    assert_eq!(played.failure.unwrap().kind, "bad_value", "`collect` is for what fails in a branch");
    assert_eq!(world(keyed(keys(), false, true)).play().result, Some(json!("caught")));
}

#[test]
fn the_first_failure_stops_the_others() {
    let keys = vec![Value::string("a"), Value::string("fail refused"), Value::string("c")];
    for seed in 1..20 {
        let mut world = world(keyed(keys.clone(), false, false));
        world.seed = seed;
        let played = world.play();
        let failure = played.failure.unwrap();
        assert_eq!(failure.step.unwrap().to_string(), "f/ys[fail%20refused]/a");
        let cancelled =
            played.records.iter().filter(|r| matches!(r.event, Event::StepCancelled { .. })).count();
        assert_eq!(cancelled, played.aborted);
    }
    assert_eq!(world(keyed(keys, false, true)).play().result, Some(json!("caught")));
}

#[test]
fn collect_keeps_what_went_well() {
    let keys = vec![Value::string("a"), Value::string("fail refused"), Value::string("c")];
    let played = world(keyed(keys, true, false)).play();
    let failed = json!({
        "key": "fail refused",
        "error": {"kind": "refused", "message": "failed", "step": "f/ys[fail%20refused]/a"}
    });
    assert_eq!(played.result, Some(json!({"ok": ["<a>", "<c>"], "failed": [failed]})));
}

/// `state s  parallel { let a = p("x")  do { s = p("y")  FAIL } }  return [a, s]`, with `finally` in the first branch.
fn both(first: &str, second: &str) -> Plan {
    let mut f = FlowBuilder::new("f", vec![]);
    let s = f.slot("s");
    let (a, end) = (f.slot("a"), f.slot("end"));
    let b = f.slot("b");
    let body = f.block(vec![ask("a", 0, text(first), a)]);
    let finally = f.block(vec![ask("end", 0, text("end"), end)]);
    let one_branch = f.block(vec![Statement::Try { body, catch: None, finally: Some(finally) }]);
    let other = f.block(vec![ask("b", 0, text(second), b), set(s, slot(b))]);
    one(f.done_with(
        vec![(s, Some(text("before")))],
        vec![
            Statement::Parallel {
                branches: vec![
                    Branch { block: one_branch, own: (end, end + 1), writes: vec![a] },
                    Branch { block: other, own: (b, b + 1), writes: vec![s] },
                ],
            },
            ret(list(vec![slot(a), slot(s)])),
        ],
    ))
}

#[test]
fn branches_write_what_only_they_write() {
    for seed in 0..10 {
        let mut world = world(both("x", "y"));
        world.seed = seed;
        assert_eq!(world.play().result, Some(json!(["<x>", "<y>"])));
    }
}

#[test]
fn a_stopped_branch_cleans_up() {
    let mut world = world(both("x", "fail timeout"));
    world.seed = 3;
    let played = world.play();
    assert_eq!(played.failure.as_ref().unwrap().kind, "timeout");
    assert_eq!(played.status, Some(RunStatus::Failed));
    assert!(played.asked.iter().any(|asked| asked.step == "f/finally/end"));
}

#[test]
fn nested_branches_merge_into_the_outermost() {
    let mut f = FlowBuilder::new("f", vec![]);
    let log = f.merged("log", Some(Merge::Append));
    let x = f.slot("x");
    let inner_log = f.merged("inner", Some(Merge::Append));
    let y = f.slot("y");
    let a = f.slot("a");
    let inner = f.block(vec![
        ask("a", 0, joined(vec![slot(x), slot(y)]), a),
        add(log, list(vec![slot(a)])),
        add(inner_log, list(vec![slot(y)])),
    ]);
    let mut inner_for = parallel_for("y", ints([1, 2]), y, inner, (y, a + 1), None);
    inner_for.writes = vec![log, inner_log];
    let outer = f.block_with(
        vec![(inner_log, Some(ints([])))],
        vec![
            add(log, list(vec![text("begin")])),
            Statement::ParallelFor(Box::new(inner_for)),
            add(log, list(vec![slot(inner_log)])),
        ],
    );
    let mut outer_for = parallel_for("x", ints([3, 4]), x, outer, (x, a + 1), None);
    outer_for.writes = vec![log];
    let flow = f.done_with(
        vec![(log, Some(ints([])))],
        vec![Statement::ParallelFor(Box::new(outer_for)), ret(slot(log))],
    );
    let expected: Json = json!(["begin", "<31>", "<32>", [1, 2], "begin", "<41>", "<42>", [1, 2]]);
    for seed in 0..20 {
        let mut world = world(one(flow.clone()));
        world.seed = seed;
        assert_eq!(world.play().result, Some(expected.clone()));
    }
}

#[test]
fn unequal_entries_fail_the_join() {
    use flow_ir::expr::Entry;
    let mut f = FlowBuilder::new("f", vec![]);
    let map = f.merged("m", Some(Merge::Entries));
    let x = f.slot("x");
    let entry = Entry::Pair { key: text("k"), value: slot(x), optional: false };
    let block = f.block(vec![add(map, flow_ir::Expr::Map(vec![entry]))]);
    let mut parallel = parallel_for("x", ints([1, 2]), x, block, (x, x + 1), None);
    parallel.writes = vec![map];
    let empty = flow_ir::Expr::Map(vec![]);
    let flow = f.done_with(
        vec![(map, Some(empty))],
        vec![Statement::ParallelFor(Box::new(parallel)), ret(slot(map))],
    );
    assert_eq!(world(one(flow)).play().failure.unwrap().kind, "bad_value");
}

#[test]
fn ten_thousand_branches_run_at_a_time() {
    let mut world = world(fan_out(10_000, 10_000));
    world.jobs = 10_000;
    let played = world.play();
    assert_eq!(played.result.unwrap()[2], json!(10 + 10_000 * 10_001 / 2));
    assert_eq!(played.asked.len(), 10_000);
}

#[test]
fn ten_thousand_branches_are_taken_up_again() {
    let world = world(fan_out(10_000, 10_000));
    let whole = world.play();
    // The start of the run, of all branches, and the end of half of them.
    let played = world.go_on(whole.records[..15_001].to_vec());
    assert_eq!(played.result, whole.result);
    assert_eq!(played.asked.len(), 5_000);
}
