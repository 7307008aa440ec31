//! What runs cost under the host, on one thread as `flowc` has it: steps of a run alone, branches, and many runs at once.
//! Prints an object a line: what, store, how many, then medians of wall time in seconds and of CPU time in microseconds
//! for each. `cargo bench -p flow-host --bench runs [-- ROUNDS] [WHAT]`.
//!
//! Goals: a step 5 µs in memory, 50 µs in SQLite; a branch of 10,000 at most 1.5 times one of 1,000; 1,000 runs of three
//! steps of 50 ms in 0.3 s in memory, in 1 s in SQLite.

#![allow(clippy::disallowed_methods, reason = "it measures")]

use std::time::{Duration, Instant};

use flow_host::{Environment, Host, HostSettings, RunOptions, StoreUrl};
use flow_ir::plan::*;
use flow_ir::types::Type;
use flow_ir::{Expr, Plan, Value};

fn main() {
    let words: Vec<_> = std::env::args().skip(1).filter(|word| !word.starts_with('-')).collect();
    let rounds = words.iter().find_map(|word| word.parse().ok()).unwrap_or(5);
    let only = words.iter().find(|word| word.parse::<usize>().is_err());
    for store in ["memory", "sqlite"] {
        let each = |what: &str, plan: &Plan, runs: usize, units: usize| {
            if only.is_some_and(|only| only != what) {
                return;
            }
            let mut rows: Vec<_> = (0..rounds).map(|_| measure(store, plan, runs)).collect();
            let mut median = |of: fn(&(Duration, Duration)) -> Duration| {
                rows.sort_by_key(of);
                of(&rows[rows.len() / 2])
            };
            let (wall, cpu) = (median(|row| row.0), median(|row| row.1));
            print(what, store, units, wall, cpu);
        };
        each("step", &turns(5_000), 1, 5_000);
        each("branch", &branches(1_000), 1, 1_000);
        each("branch", &branches(10_000), 1, 10_000);
        each("run", &waits(3, 50), 1_000, 1_000);
    }
}

#[allow(clippy::print_stdout, reason = "a benchmark's output")]
fn print(what: &str, store: &str, units: usize, wall: Duration, cpu: Duration) {
    let line = serde_json::json!({
        "what": what,
        "store": store,
        "count": units,
        "wall_s": wall.as_secs_f64(),
        "cpu_us": cpu.as_secs_f64() * 1e6 / units as f64,
    });
    println!("{line}");
}

/// Wall and CPU time of so many runs, started at once.
fn measure(store: &str, plan: &Plan, runs: usize) -> (Duration, Duration) {
    let folder = tempfile::tempdir().expect("a folder");
    let url = match store {
        "memory" => StoreUrl::Memory,
        _ => StoreUrl::Sqlite(folder.path().join("flow.db")),
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let host = Host::open(HostSettings::new(url, Environment::default())).expect("a host");
    let host = std::sync::Arc::new(host);
    let (begin, cpu) = (Instant::now(), cpu());
    runtime.block_on(async {
        let tasks: Vec<_> = (0..runs)
            .map(|_| {
                let (host, plan) = (host.clone(), plan.clone());
                tokio::spawn(async move {
                    let options = RunOptions { jobs: 100_000, ..RunOptions::default() };
                    let handle = host.start(plan, serde_json::Map::new(), options).await.expect("a start");
                    handle.finish().await.expect("a run that succeeds");
                })
            })
            .collect();
        for task in tasks {
            task.await.expect("a task");
        }
    });
    // The store's thread is still there, so that it is counted.
    (begin.elapsed(), self::cpu() - cpu)
}

/// CPU time of all threads that there are.
fn cpu() -> Duration {
    // A thread that is running is accounted for when it gives way.
    std::thread::yield_now();
    let tasks = std::fs::read_dir("/proc/self/task").into_iter().flatten().flatten();
    let spent = tasks.filter_map(|task| {
        let text = std::fs::read_to_string(task.path().join("schedstat")).ok()?;
        text.split_ascii_whitespace().next()?.parse::<u64>().ok()
    });
    Duration::from_nanos(spent.sum())
}

fn plan(blocks: Vec<Block>, slots: &[&str]) -> Plan {
    let slot = |name: &&str| Slot { name: (*name).into(), ty: Type::Json, merge: None };
    Plan {
        version: VERSION,
        entry: "f".into(),
        types: Default::default(),
        codes: Vec::new(),
        models: Vec::new(),
        nodes: Vec::new(),
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
    }
}

fn block(body: Vec<Statement>) -> Block {
    Block { state: vec![], body }
}

fn wait(name: &str, ms: i64) -> Statement {
    Statement::Wait {
        segment: name.into(),
        value: Expr::Const(Value::Duration(ms * 1_000_000)),
        until: false,
    }
}

/// Waits one after the other.
fn waits(count: usize, ms: i64) -> Plan {
    plan(vec![block((0..count).map(|index| wait(&format!("wait{index}"), ms)).collect())], &[])
}

fn numbers(count: usize) -> Expr {
    Expr::Const(Value::list((0..count as i64).map(Value::Int).collect()))
}

/// `for x in [0, 1, …] { wait 0s }`
fn turns(count: usize) -> Plan {
    let walk = Statement::For {
        segment: "x".into(),
        over: numbers(count),
        max: None,
        index: None,
        item: 0,
        body: 0,
        counters: Counters::default(),
    };
    plan(vec![block(vec![wait("wait", 0)]), block(vec![walk])], &["x"])
}

/// `let ys = parallel for x in [0, 1, …] { wait 0s  yield x }`
fn branches(count: usize) -> Plan {
    let parallel = ParallelFor {
        segment: "ys".into(),
        over: numbers(count),
        key: None,
        max: None,
        jobs: None,
        collect: false,
        index: None,
        item: 1,
        block: 0,
        own: (1, 2),
        writes: vec![],
        into: Some(0),
        result: Type::list(Type::Json),
        counters: Counters::default(),
        catch: None,
    };
    let branch = block(vec![wait("wait", 0), Statement::Yield { value: Expr::Slot(1) }]);
    plan(vec![branch, block(vec![Statement::ParallelFor(Box::new(parallel))])], &["ys", "x"])
}
