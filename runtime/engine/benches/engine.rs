//! What the engine itself costs: no network, no store, answers at once.
//!
//! Goals: a no-op step at most 5 µs; a branch among 10,000 at most 1.5 times one among 1,000.

use std::collections::VecDeque;
use std::sync::Arc;

use divan::Bencher;
use divan::counter::ItemsCount;
use flow_engine::{Command, Engine, Input, ModelFacts, RunSettings};
use flow_ir::catalogue::Price;
use flow_ir::plan::*;
use flow_ir::types::Type;
use flow_ir::{Expr, Plan, Value};
use flow_runtime_api::{Answer, RunId, RunStatus, Time};

fn main() {
    divan::main();
}

/// A flow `f` of these slots and blocks, the last of which is its body, over `prompt p(text: string) -> string`.
fn plan(slots: &[&str], blocks: Vec<Block>) -> Arc<Plan> {
    let slot = |name: &&str| Slot { name: (*name).into(), ty: Type::Json, merge: None };
    let prompt = Prompt {
        model: ModelRef::Model(0),
        system: None,
        history: None,
        user: Expr::Slot(0),
        assistant: None,
        repair: 0,
        settings: ModelSettings::default(),
    };
    Arc::new(Plan {
        version: VERSION,
        entry: "f".into(),
        types: Default::default(),
        codes: Vec::new(),
        models: vec![Model {
            name: "m".into(),
            kind: ModelKind::Provider { provider: "p".into(), model: "m".into() },
            settings: ModelSettings::default(),
        }],
        nodes: vec![Node {
            name: "p".into(),
            doc: String::new(),
            params: vec![Param { name: "text".into(), ty: Type::STRING, default: None, doc: String::new() }],
            returns: Type::STRING,
            timeout_ms: Some(60_000),
            retry: Some(0),
            kind: NodeKind::Prompt(prompt),
        }],
        flows: vec![Flow {
            name: "f".into(),
            doc: String::new(),
            params: vec![],
            returns: Type::Json,
            budget: Budget::default(),
            slots: slots.iter().map(slot).collect(),
            body: (blocks.len() - 1) as BlockId,
            blocks,
            emits: None,
            on_error: None,
        }],
        allow: vec![],
        places: Places::default(),
    })
}

fn block(body: Vec<Statement>) -> Block {
    Block { state: vec![], body }
}

fn ask(into: u32) -> Statement {
    Statement::Step(Box::new(Step {
        segment: "a".into(),
        target: Target::Node(0),
        args: vec![Expr::text("hello")],
        with: With::default(),
        into: Some(into),
        extract: None,
        catch: None,
        undo: None,
    }))
}

fn numbers(count: usize) -> Expr {
    Expr::Const(Value::list((0..count as i64).map(Value::Int).collect()))
}

/// `for x in [0, 1, …] { a = p("hello") }`
fn walking(count: usize) -> Arc<Plan> {
    let walk = Statement::For {
        segment: "x".into(),
        over: numbers(count),
        max: None,
        index: None,
        item: 0,
        body: 0,
        counters: Counters::default(),
    };
    plan(&["x", "a"], vec![block(vec![ask(1)]), block(vec![walk])])
}

/// `let ys = parallel for x in [0, 1, …] jobs COUNT { let a = p("hello")  yield a }`
fn fanning(count: usize) -> Arc<Plan> {
    let parallel = ParallelFor {
        segment: "ys".into(),
        over: numbers(count),
        key: None,
        max: None,
        jobs: Some(Expr::Const(Value::Int(count as i64))),
        collect: false,
        index: None,
        item: 1,
        block: 0,
        own: (1, 3),
        writes: vec![],
        into: Some(0),
        result: Type::list(Type::STRING),
        counters: Counters::default(),
        catch: None,
    };
    let branch = block(vec![ask(2), Statement::Yield { value: Expr::Slot(2) }]);
    plan(&["ys", "x", "a"], vec![branch, block(vec![Statement::ParallelFor(Box::new(parallel))])])
}

fn engine(plan: Arc<Plan>) -> Engine {
    let facts = ModelFacts { name: "p/m".into(), price: Some(Price::FREE), output_tokens_max: Some(100) };
    let settings = RunSettings {
        run: RunId("run".into()),
        started_at: Time(0),
        simulate: None,
        default_model: None,
        models: vec![Some(facts)],
        prices: String::new(),
        jobs_default: 8,
        concurrency: Default::default(),
        requests_per_minute: Default::default(),
        secrets_dir: None,
    };
    Engine::start(plan, settings, Default::default()).expect("a plan that runs")
}

/// Answers everything at once.
fn drive(mut engine: Engine) {
    let mut inputs = VecDeque::from([Input::Start]);
    let mut now = 0;
    while let Some(input) = inputs.pop_front() {
        now += 1;
        for command in engine.apply(input, Time(now)) {
            match command {
                Command::Ask { attempt, .. } => inputs.push_back(Input::Answered {
                    attempt,
                    result: Ok(Answer { text: "fine".into(), ..Answer::default() }),
                    usage: Some(Default::default()),
                    duration_ms: 1,
                }),
                Command::SetTimer(timer, _) => inputs.push_back(Input::Due { timer }),
                Command::Finish { status, .. } => assert_eq!(status, RunStatus::Succeeded),
                other => drop(divan::black_box(other)),
            }
        }
    }
    assert!(engine.is_over());
}

#[divan::bench(args = [1_000])]
fn step(bencher: Bencher, count: usize) {
    let plan = walking(count);
    bencher.counter(ItemsCount::new(count)).with_inputs(|| engine(plan.clone())).bench_values(drive);
}

#[divan::bench(args = [1_000, 10_000])]
fn branch(bencher: Bencher, count: usize) {
    let plan = fanning(count);
    bencher.counter(ItemsCount::new(count)).with_inputs(|| engine(plan.clone())).bench_values(drive);
}
