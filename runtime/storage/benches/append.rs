//! What a durable step costs: two records a step, one append each, on one file.

#![allow(clippy::disallowed_methods, reason = "it measures")]

use std::sync::Arc;

use flow_runtime_api::{Coordinate, Cost, Event, Fence, Holder, Journal, Leases, Record, RunId, Time, Usage};
use flow_storage::{MemoryStore, SqliteOptions, SqliteStore, Synchronous, this_process};

const STEPS: u64 = 1000;

fn main() {
    divan::main();
    sizes();
}

fn step(index: u64) -> [Record; 2] {
    let step = Coordinate(format!("work/turn[{index}]/answer").into());
    let record = |offset, event| Record { seq: index * 2 + offset, at: Time(1_763_800_000_000), event };
    [
        record(
            0,
            Event::StepStarted {
                step: step.clone(),
                node: "answer".into(),
                kind: "prompt".into(),
                attempt: 0,
                repair: 0,
                fingerprint: "0123456789abcdef".repeat(4),
                model: Some("openai/gpt-4.1-mini".into()),
                repeatable: true,
            },
        ),
        record(
            1,
            Event::StepFinished {
                step,
                result: serde_json::json!("done, and nothing to add"),
                usage: Usage { input_tokens: 120, output_tokens: 12, ..Usage::default() },
                cost: Cost { nanodollars: 67_200, complete: true },
                duration_ms: 312,
            },
        ),
    ]
}

async fn run<S: Journal + Leases>(store: Arc<S>, name: String, steps: u64) {
    let run = RunId(name.into());
    let holder: Holder = this_process();
    let fence: Fence = store.acquire(&run, &holder, Time(0), 1_000_000).await.expect("a new run").fence;
    for index in 0..steps {
        for record in step(index) {
            store.append(&run, fence, vec![record]).await.expect("an append");
        }
    }
}

async fn runs<S: Journal + Leases + 'static>(store: Arc<S>, runs: u64) {
    let tasks: Vec<_> = (0..runs)
        .map(|index| tokio::spawn(run(store.clone(), format!("run-{index}"), STEPS / runs)))
        .collect();
    for task in tasks {
        task.await.expect("a task");
    }
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().build().expect("a runtime")
}

fn sqlite(folder: &tempfile::TempDir, synchronous: Synchronous) -> Arc<SqliteStore> {
    let options = SqliteOptions { synchronous, ..SqliteOptions::default() };
    Arc::new(SqliteStore::new(folder.path().join("flow.db"), options))
}

/// 1,000 steps over so many concurrent runs; commits survive a crash of the process.
#[divan::bench(args = [1, 10, 100], sample_count = 5)]
fn sqlite_normal(bencher: divan::Bencher<'_, '_>, count: u64) {
    bencher.with_inputs(|| tempfile::tempdir().expect("a folder")).bench_refs(|folder| {
        runtime().block_on(runs(sqlite(folder, Synchronous::Normal), count));
    });
}

/// 1,000 steps over so many concurrent runs; commits survive a crash of the machine.
#[divan::bench(args = [1, 10, 100], sample_count = 3)]
fn sqlite_full(bencher: divan::Bencher<'_, '_>, count: u64) {
    bencher.with_inputs(|| tempfile::tempdir().expect("a folder")).bench_refs(|folder| {
        runtime().block_on(runs(sqlite(folder, Synchronous::Full), count));
    });
}

/// 1,000 steps over so many concurrent runs.
#[divan::bench(args = [1, 100], sample_count = 5)]
fn memory(bencher: divan::Bencher<'_, '_>, count: u64) {
    bencher.bench(|| runtime().block_on(runs(Arc::new(MemoryStore::new()), count)));
}

/// Prints CPU time and bytes of database a step.
#[allow(clippy::print_stdout, reason = "a benchmark's output")]
fn sizes() {
    let cpu_us = || {
        let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
        let fields: Vec<u64> = stat
            .rsplit(')')
            .next()
            .unwrap_or_default()
            .split_ascii_whitespace()
            .filter_map(|field| field.parse().ok())
            .collect();
        // utime and stime are fields 14 and 15; the letter of the state isn't a number, so they are 10 and 11 here.
        (fields.get(10).unwrap_or(&0) + fields.get(11).unwrap_or(&0)) * 10_000
    };
    for count in [1, 100] {
        let folder = tempfile::tempdir().expect("a folder");
        let before = cpu_us();
        for round in 0..20 {
            let store = sqlite(&folder, Synchronous::Normal);
            runtime().block_on(async {
                let tasks: Vec<_> = (0..count)
                    .map(|index| tokio::spawn(run(store.clone(), format!("{round}-{index}"), STEPS / count)))
                    .collect();
                for task in tasks {
                    task.await.expect("a task");
                }
            });
        }
        let spent = cpu_us() - before;
        let size = std::fs::metadata(folder.path().join("flow.db")).map_or(0, |file| file.len());
        println!(
            "{count} runs at once: {:.1} us CPU and {} bytes a step",
            spent as f64 / (20 * STEPS) as f64,
            size / (20 * STEPS)
        );
    }
}
