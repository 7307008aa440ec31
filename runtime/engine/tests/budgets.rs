//! Budgets, cancellation and clean-up.

mod common;

use common::build::*;
use common::world::*;
use flow_ir::Plan;
use flow_ir::catalogue::Price;
use flow_ir::plan::*;
use flow_ir::types::Type;
use flow_runtime_api::*;
use serde_json::json;

/// A dollar per thousand tokens written: a call of the world costs half a cent.
const PRICE: Price = Price { output: 1_000_000_000_000, ..Price::FREE };

/// `flow f() { BUDGET  try { for x in [1..5] { a = p(x) } } finally { b = p("end") }  return a }`
fn walking(budget: Budget) -> Plan {
    let mut f = FlowBuilder::new("f", vec![]);
    let (a, b, x) = (f.slot("a"), f.slot("b"), f.slot("x"));
    f.flow.budget = budget;
    let turn = f.block(vec![ask("a", 0, joined(vec![slot(x)]), a)]);
    let body = f.block(vec![Statement::For {
        segment: "x".into(),
        over: ints(1..=5),
        max: None,
        index: None,
        item: x,
        body: turn,
        counters: Counters::default(),
    }]);
    let caught = f.block(vec![set(a, text("caught"))]);
    let finally = f.block(vec![ask("b", 0, text("end"), b)]);
    plan(
        vec![f.done(vec![
            Statement::Try { body, catch: Some(catch(&[], caught, None)), finally: Some(finally) },
            ret(slot(a)),
        ])],
        vec![prompt("p", Type::STRING)],
    )
}

fn play(budget: Budget, price: Option<Price>) -> Played {
    let mut world = World::new(walking(budget));
    world.price = price;
    world.play()
}

#[test]
fn measured_spend_stops_the_next_call() {
    let played = play(Budget { nanodollars: Some(12_000_000), ..Budget::default() }, Some(PRICE));
    let failure = played.failure.unwrap();
    assert_eq!(failure.kind, "budget", "nothing catches it");
    assert_eq!(failure.message, "0.015 of 0.012 USD are spent");
    assert_eq!(failure.step.unwrap().to_string(), "f/x[3]/a");
    let asked: Vec<_> = played.asked.iter().map(|asked| asked.step.as_str()).collect();
    assert_eq!(asked, ["f/x[0]/a", "f/x[1]/a", "f/x[2]/a", "f/finally/b"], "clean-up still runs");
    let Event::RunFinished { cost, .. } = &played.records.last().unwrap().event else { unreachable!() };
    assert_eq!(*cost, Cost { nanodollars: 20_000_000, complete: true });
}

#[test]
fn what_has_no_price_is_not_called_under_a_budget_of_money() {
    let played = play(Budget { nanodollars: Some(12_000_000), ..Budget::default() }, None);
    assert_eq!(played.failure.unwrap().kind, "budget");
    assert_eq!(played.asked.len(), 1, "only clean-up");
    let played = play(Budget::default(), None);
    assert_eq!(played.status, Some(RunStatus::Succeeded));
    let Event::RunFinished { cost, .. } = &played.records.last().unwrap().event else { unreachable!() };
    assert!(!cost.complete);
}

#[test]
fn tokens_and_time_are_limited() {
    let played = play(Budget { tokens: Some(30), ..Budget::default() }, None);
    assert_eq!(played.failure.unwrap().message, "30 of 30 tokens are used");
    assert_eq!(played.asked.len(), 3);
    let played = play(Budget { time_ms: Some(25), ..Budget::default() }, None);
    assert_eq!(played.failure.unwrap().message, "30 of 25 ms are used");
    let timeouts: Vec<_> = played.asked.iter().map(|asked| asked.timeout_ms).collect();
    assert_eq!(timeouts, [25, 15, 5, 60_000], "an attempt has no more time than is left");
}

#[test]
fn a_sub_flow_is_held_to_its_own_budget_too() {
    let mut f = FlowBuilder::new("outer", vec![]);
    let a = f.slot("a");
    let call = step("a", Target::Flow(1), vec![], Some(a));
    let outer = f.done(vec![Statement::Step(Box::new(call)), ret(slot(a))]);
    let mut plan = walking(Budget { tokens: Some(30), ..Budget::default() });
    plan.flows.insert(0, outer);
    let played = World::new(plan).play();
    let failure = played.failure.unwrap();
    assert_eq!(
        (failure.kind.as_str(), failure.step.unwrap().to_string().as_str()),
        ("budget", "outer/a/x[2]/a")
    );
}

#[test]
fn cancelling_cleans_up_and_ends() {
    let mut world = World::new(walking(Budget::default()));
    world.cancel_after = Some(2);
    let played = world.play();
    assert_eq!(played.status, Some(RunStatus::Cancelled));
    assert_eq!(played.aborted, 1);
    let asked: Vec<_> = played.asked.iter().map(|asked| asked.step.as_str()).collect();
    assert_eq!(asked, ["f/x[0]/a", "f/x[1]/a", "f/finally/b"]);
    assert!(played.records.iter().any(|record| matches!(record.event, Event::CancelRequested { .. })));
}

#[test]
fn on_error_cannot_turn_a_cancellation_into_a_result() {
    let mut plan = walking(Budget::default());
    let flow = &mut plan.flows[0];
    flow.blocks.push(Block { state: vec![], body: vec![ret(text("saved"))] });
    flow.on_error = Some(OnError { bind: None, block: (flow.blocks.len() - 1) as u32 });
    let mut world = World::new(plan.clone());
    world.cancel_after = Some(2);
    let played = world.play();
    assert_eq!((played.status, played.result), (Some(RunStatus::Cancelled), None));
    let mut world = World::new(plan);
    world.plan = {
        let mut plan = (*world.plan).clone();
        plan.flows[0].budget.tokens = Some(30);
        plan.into()
    };
    assert_eq!(world.play().result, Some(json!("saved")), "after a spent budget it can");
}
