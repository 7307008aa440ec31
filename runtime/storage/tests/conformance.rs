//! What every store must do, run on each.

use flow_runtime_api::{
    Blobs, Coordinate, Cost, Event, Failure, Fence, Holder, Journal, Kind, Leases, Record, RunFilter, RunId,
    RunStatus, StoreError, Time, Usage,
};
use flow_storage::{MemoryStore, SqliteOptions, SqliteStore, this_process};

trait Store: Journal + Blobs + Leases {}
impl<S: Journal + Blobs + Leases> Store for S {}

macro_rules! on_every_store {
    ($($test:ident)*) => {
        mod memory {
            $(#[tokio::test]
            async fn $test() {
                super::$test(&super::MemoryStore::new()).await;
            })*
        }
        mod sqlite {
            $(#[tokio::test]
            async fn $test() {
                let folder = tempfile::tempdir().unwrap();
                let path = folder.path().join("below/flow.db");
                super::$test(&super::SqliteStore::new(path, super::SqliteOptions::default())).await;
            })*
        }
    };
}

on_every_store! {
    an_empty_store_has_nothing
    records_come_back_as_they_were
    pages_of_records
    gaps_and_rewrites_are_refused
    an_old_fence_writes_nothing
    a_run_is_held_by_one
    a_lease_runs_out
    a_dead_holder_frees_at_once
    a_lease_is_renewed_and_given_back
    a_request_to_cancel_lasts_until_it_is_on_record
    the_line_of_a_run_is_the_fold_of_its_records
    runs_are_listed_newest_first_and_filtered
    prefixes_find_runs
    plans_are_stored_once
    blobs_are_stored_by_content
    large_results_come_back
    an_append_is_all_or_nothing
    a_deleted_run_is_gone_with_what_only_it_named
    a_held_run_is_not_deleted
    runs_are_due_until_they_are_over_or_wait_for_something_else
    a_plan_of_a_run_that_is_just_starting_stays
}

fn id(text: &str) -> RunId {
    RunId(text.into())
}

fn record(seq: u64, event: Event) -> Record {
    Record { seq, at: Time(1000 + seq as i64), event }
}

fn started(flow: &str) -> Event {
    Event::RunStarted {
        plan: String::from("hash"),
        flow: flow.into(),
        inputs: serde_json::Map::from_iter([(String::from("n"), serde_json::json!(3))]),
        models: serde_json::Map::new(),
        prices: String::from("2026-11"),
        simulate: None,
        resolved: Default::default(),
        replay_of: None,
    }
}

fn finished(step: &str, result: serde_json::Value) -> Event {
    Event::StepFinished {
        step: Coordinate(step.into()),
        result,
        usage: Usage {
            input_tokens: 10,
            output_tokens: 5,
            cached_tokens: 2,
            cache_write_tokens: 3,
            cache_write_1h_tokens: 2,
            reasoning_tokens: 1,
        },
        cost: Cost { nanodollars: 7, complete: true },
        duration_ms: 4,
    }
}

fn ended(status: RunStatus) -> Event {
    Event::RunFinished {
        status,
        result: None,
        failure: (status == RunStatus::Failed).then(|| Failure::new(Kind::Timeout, "too slow")),
        usage: Usage::default(),
        cost: Cost::ZERO,
    }
}

async fn take(store: &dyn Store, run: &RunId) -> Fence {
    store.acquire(run, &this_process(), Time(0), 15_000).await.unwrap().fence
}

async fn an_empty_store_has_nothing(store: &dyn Store) {
    assert!(matches!(store.read(&id("x"), 0, 10).await, Err(StoreError::Missing(_))));
    assert!(matches!(store.plan("x").await, Err(StoreError::Missing(_))));
    assert!(matches!(store.get(&"0".repeat(64)).await, Err(StoreError::Missing(_))));
    assert!(matches!(store.get("é").await, Err(StoreError::Missing(_))));
    assert!(store.runs(&RunFilter::default()).await.unwrap().is_empty());
    assert!(store.find("").await.unwrap().is_empty());
    assert_eq!(store.holder(&id("x"), Time(0)).await.unwrap(), None);
    assert!(matches!(
        store.append(&id("x"), Fence(1), vec![record(0, started("f"))]).await,
        Err(StoreError::Missing(_))
    ));
}

async fn records_come_back_as_they_were(store: &dyn Store) {
    let run = id("r");
    let fence = take(store, &run).await;
    let step = || Coordinate("f/été[0]/a".into());
    let failure =
        || Failure { step: Some(step()), retry_at: Some(Time(9)), ..Failure::new(Kind::Timeout, "\0") };
    let (usage, cost) = (Usage::default(), Cost::UNKNOWN);
    let events = vec![
        started("f"),
        Event::StepStarted {
            step: step(),
            node: "a".into(),
            kind: "prompt".into(),
            attempt: 2,
            repair: 1,
            fingerprint: String::from("ff"),
            model: Some("openai/x".into()),
            repeatable: true,
        },
        Event::AttemptFailed {
            step: step(),
            attempt: 0,
            repair: 0,
            failure: failure(),
            usage,
            cost,
            duration_ms: 1,
            next_at: Time(-5),
            answer: Some(String::from("{\"a\":")),
            complaint: None,
        },
        finished("f/a", serde_json::json!({"b": [1, 2.5, null, "\u{2028}"], "a": {}})),
        Event::StepFailed { step: step(), failure: failure(), usage, cost, duration_ms: u64::MAX },
        Event::StepCancelled { step: step(), usage, cost },
        Event::WaitStarted { step: step(), until: Time(i64::MAX) },
        Event::WaitFinished { step: step() },
        Event::RaceWon { step: step(), arm: 1 },
        Event::Emitted { step: step(), value: serde_json::Value::from("v") },
        Event::TimedOut { step: step() },
        Event::BudgetRefused { step: step(), message: String::from("m") },
        Event::Suspended { reason: String::from("r"), until: None },
        Event::Resumed {},
        Event::Interrupted {},
        Event::UndoRegistered { step: step() },
        Event::UndoDropped { step: step() },
        Event::CancelRequested { after: Some(7) },
        Event::Unrecorded { reason: String::from("r") },
        ended(RunStatus::Failed),
    ];
    let records: Vec<_> =
        events.into_iter().enumerate().map(|(seq, event)| record(seq as u64, event)).collect();
    let (first, rest) = records.split_at(1);
    store.append(&run, fence, first.to_vec()).await.unwrap();
    store.append(&run, fence, rest.to_vec()).await.unwrap();
    store.append(&run, fence, Vec::new()).await.unwrap();
    assert_eq!(store.read(&run, 0, 100).await.unwrap(), records);
}

async fn pages_of_records(store: &dyn Store) {
    let (a, b) = (id("a"), id("b"));
    for run in [&a, &b] {
        let fence = take(store, run).await;
        let records = (0..10).map(|seq| record(seq, if seq == 0 { started("f") } else { Event::Resumed {} }));
        store.append(run, fence, records.collect()).await.unwrap();
    }
    let seqs = |records: Vec<Record>| records.into_iter().map(|record| record.seq).collect::<Vec<_>>();
    assert_eq!(seqs(store.read(&a, 0, 4).await.unwrap()), [0, 1, 2, 3]);
    assert_eq!(seqs(store.read(&a, 8, 4).await.unwrap()), [8, 9]);
    assert!(store.read(&a, 10, 4).await.unwrap().is_empty());
    assert!(store.read(&a, u64::MAX, 4).await.unwrap().is_empty());
    assert_eq!(seqs(store.read(&b, 9, u32::MAX).await.unwrap()), [9]);
}

async fn gaps_and_rewrites_are_refused(store: &dyn Store) {
    let run = id("r");
    let fence = take(store, &run).await;
    let refused = |seq| store.append(&run, fence, vec![record(seq, Event::Resumed {})]);
    assert!(matches!(refused(1).await, Err(StoreError::Corrupt(_))));
    store.append(&run, fence, vec![record(0, started("f"))]).await.unwrap();
    assert!(matches!(refused(0).await, Err(StoreError::Corrupt(_))));
    assert!(matches!(refused(2).await, Err(StoreError::Corrupt(_))));
    refused(1).await.unwrap();
    assert_eq!(store.read(&run, 0, 10).await.unwrap().len(), 2);
}

async fn an_old_fence_writes_nothing(store: &dyn Store) {
    let run = id("r");
    let old = store.acquire(&run, &this_process(), Time(0), 10).await.unwrap();
    let new = store.acquire(&run, &this_process(), Time(20), 10).await.unwrap();
    assert!(new.fence > old.fence);
    let append = |fence| store.append(&run, fence, vec![record(0, started("f"))]);
    assert!(matches!(append(old.fence).await, Err(StoreError::Fenced(_))));
    assert!(matches!(append(Fence(new.fence.0 + 1)).await, Err(StoreError::Fenced(_))));
    assert!(matches!(store.renew(&old, Time(21), 10).await, Err(StoreError::Fenced(_))));
    store.release(&old).await.unwrap();
    assert!(store.holder(&run, Time(21)).await.unwrap().is_some());
    append(new.fence).await.unwrap();
}

async fn a_run_is_held_by_one(store: &dyn Store) {
    let run = id("r");
    let lease = store.acquire(&run, &this_process(), Time(0), 15_000).await.unwrap();
    assert_eq!(lease.until, Time(15_000));
    let Err(StoreError::Fenced(who)) = store.acquire(&run, &this_process(), Time(14_999), 15_000).await
    else {
        panic!("a held run was taken");
    };
    assert!(who.contains(&std::process::id().to_string()), "{who}");
    assert_eq!(store.holder(&run, Time(1)).await.unwrap(), Some(this_process()));
    // Nothing is on record yet, so there is nothing to list.
    assert!(store.runs(&RunFilter::default()).await.unwrap().is_empty());
}

async fn a_lease_runs_out(store: &dyn Store) {
    let run = id("r");
    let elsewhere = Holder { host: String::from("elsewhere"), ..this_process() };
    store.acquire(&run, &elsewhere, Time(0), 15_000).await.unwrap();
    assert!(store.acquire(&run, &this_process(), Time(14_999), 15_000).await.is_err());
    assert_eq!(store.holder(&run, Time(15_000)).await.unwrap(), None);
    store.acquire(&run, &this_process(), Time(15_000), 15_000).await.unwrap();
}

async fn a_dead_holder_frees_at_once(store: &dyn Store) {
    if this_process().boot_id.is_empty() {
        return;
    }
    let run = id("r");
    let dead = Holder { started: this_process().started + 1, ..this_process() };
    store.acquire(&run, &dead, Time(0), 15_000).await.unwrap();
    assert_eq!(store.holder(&run, Time(1)).await.unwrap(), None);
    store.acquire(&run, &this_process(), Time(1), 15_000).await.unwrap();
    assert_eq!(store.holder(&run, Time(2)).await.unwrap(), Some(this_process()));
}

async fn a_lease_is_renewed_and_given_back(store: &dyn Store) {
    let run = id("r");
    let lease = store.acquire(&run, &this_process(), Time(0), 15_000).await.unwrap();
    let lease = store.renew(&lease, Time(5_000), 15_000).await.unwrap();
    assert_eq!(lease.until, Time(20_000));
    assert!(store.acquire(&run, &this_process(), Time(16_000), 15_000).await.is_err());
    store.release(&lease).await.unwrap();
    assert!(store.renew(&lease, Time(16_000), 15_000).await.is_err());
    let next = store.acquire(&run, &this_process(), Time(16_000), 15_000).await.unwrap();
    assert!(next.fence > lease.fence);
}

async fn a_request_to_cancel_lasts_until_it_is_on_record(store: &dyn Store) {
    let run = id("r");
    assert!(matches!(store.request_cancel(&run, Time(0)).await, Err(StoreError::Missing(_))));
    let lease = store.acquire(&run, &this_process(), Time(0), 15_000).await.unwrap();
    // Nothing is on record of it yet.
    assert!(matches!(store.request_cancel(&run, Time(0)).await, Err(StoreError::Missing(_))));
    store.append(&run, lease.fence, vec![record(0, started("f"))]).await.unwrap();
    assert_eq!(store.cancel_requests().await, Ok(vec![]));
    assert_eq!(store.request_cancel(&run, Time(1)).await, Ok(RunStatus::Running));
    assert_eq!(store.request_cancel(&run, Time(2)).await, Ok(RunStatus::Running));
    store.append(&run, lease.fence, vec![record(1, Event::Interrupted {})]).await.unwrap();
    store.release(&lease).await.unwrap();
    assert_eq!(store.cancel_requests().await, Ok(vec![run.clone()]));
    let lease = store.acquire(&run, &this_process(), Time(3), 15_000).await.unwrap();
    assert_eq!(store.cancel_requests().await, Ok(vec![run.clone()]));
    store
        .append(
            &run,
            lease.fence,
            vec![record(2, Event::Resumed {}), record(3, Event::CancelRequested { after: None })],
        )
        .await
        .unwrap();
    assert_eq!(store.cancel_requests().await, Ok(vec![]));
    // Asked again while it cleans up: the end of the run is the end of that, too.
    assert_eq!(store.request_cancel(&run, Time(4)).await, Ok(RunStatus::Running));
    let end = Event::RunFinished {
        status: RunStatus::Cancelled,
        result: None,
        failure: None,
        usage: Usage::default(),
        cost: Cost::ZERO,
    };
    store.append(&run, lease.fence, vec![record(4, end)]).await.unwrap();
    assert_eq!(store.cancel_requests().await, Ok(vec![]));
    assert_eq!(store.request_cancel(&run, Time(5)).await, Ok(RunStatus::Cancelled));
    assert_eq!(store.cancel_requests().await, Ok(vec![]));
}

async fn the_line_of_a_run_is_the_fold_of_its_records(store: &dyn Store) {
    let run = id("r");
    let fence = take(store, &run).await;
    let line = async || store.runs(&RunFilter::default()).await.unwrap().remove(0);
    store.append(&run, fence, vec![record(0, started("f"))]).await.unwrap();
    assert_eq!(line().await.status, RunStatus::Running);
    let results = [finished("f/a", serde_json::json!(1)), finished("f/b", serde_json::json!(2))];
    for (seq, event) in results.into_iter().enumerate() {
        store.append(&run, fence, vec![record(1 + seq as u64, event)]).await.unwrap();
    }
    store.append(&run, fence, vec![record(3, ended(RunStatus::Failed))]).await.unwrap();
    let line = line().await;
    assert_eq!((line.run, line.flow.as_str(), line.steps), (run, "f", 2));
    assert_eq!(
        line.usage,
        Usage {
            input_tokens: 20,
            output_tokens: 10,
            cached_tokens: 4,
            cache_write_tokens: 6,
            cache_write_1h_tokens: 4,
            reasoning_tokens: 2
        }
    );
    assert_eq!(line.cost, Cost { nanodollars: 14, complete: true });
    assert_eq!((line.started_at, line.updated_at), (Time(1000), Time(1003)));
    assert_eq!((line.status, line.failure.as_deref()), (RunStatus::Failed, Some("timeout: too slow")));
    assert_eq!((line.plan.as_str(), line.simulated), ("hash", false));
}

async fn runs_are_listed_newest_first_and_filtered(store: &dyn Store) {
    for (index, flow) in ["f", "g", "f"].into_iter().enumerate() {
        let run = id(&format!("r{index}"));
        let fence = take(store, &run).await;
        let at = Time(10 * index as i64);
        store.append(&run, fence, vec![Record { seq: 0, at, event: started(flow) }]).await.unwrap();
    }
    let names = async |filter: RunFilter| {
        let lines = store.runs(&filter).await.unwrap();
        lines.into_iter().map(|line| line.run.to_string()).collect::<Vec<_>>()
    };
    let all = RunFilter::default;
    assert_eq!(names(all()).await, ["r2", "r1", "r0"]);
    assert_eq!(names(RunFilter { limit: 1, ..all() }).await, ["r2"]);
    assert_eq!(names(RunFilter { flow: Some(String::from("f")), ..all() }).await, ["r2", "r0"]);
    assert_eq!(names(RunFilter { since: Some(Time(10)), ..all() }).await, ["r2", "r1"]);
    assert_eq!(names(RunFilter { until: Some(Time(10)), ..all() }).await, ["r0"]);
    let ended = RunFilter { ended_before: Some(Time(1_000)), ..all() };
    assert!(names(ended).await.is_empty(), "none is over");
    assert!(names(RunFilter { status: Some(RunStatus::Failed), ..all() }).await.is_empty());
    assert_eq!(names(RunFilter { status: Some(RunStatus::Running), ..all() }).await.len(), 3);
}

async fn prefixes_find_runs(store: &dyn Store) {
    for name in ["abc", "abd", "b%c"] {
        let run = id(name);
        let fence = take(store, &run).await;
        store.append(&run, fence, vec![record(0, started("f"))]).await.unwrap();
    }
    let found = async |prefix: &str| store.find(prefix).await.unwrap();
    assert_eq!(found("ab").await, [id("abc"), id("abd")]);
    assert_eq!(found("abc").await, [id("abc")]);
    assert_eq!(found("b%").await, [id("b%c")]);
    assert!(found("%").await.is_empty());
    assert_eq!(found("").await.len(), 3);
}

async fn plans_are_stored_once(store: &dyn Store) {
    store.put_plan("h", "{\"a\":1}").await.unwrap();
    store.put_plan("h", "other").await.unwrap();
    assert_eq!(store.plan("h").await.unwrap(), "{\"a\":1}");
}

async fn blobs_are_stored_by_content(store: &dyn Store) {
    let bytes = vec![7_u8; 100_000];
    let hash = store.put(bytes.clone()).await.unwrap();
    assert_eq!(store.put(bytes.clone()).await.unwrap(), hash);
    assert_eq!(hash.len(), 64);
    assert_eq!(store.get(&hash).await.unwrap(), bytes);
    let empty = store.put(Vec::new()).await.unwrap();
    assert!(store.get(&empty).await.unwrap().is_empty());
}

async fn large_results_come_back(store: &dyn Store) {
    let run = id("r");
    let fence = take(store, &run).await;
    let large = serde_json::json!({"text": "ü".repeat(1_000_000)});
    let records = vec![
        record(0, started("f")),
        record(1, finished("f/a", large.clone())),
        record(2, finished("f/b", large.clone())),
        record(
            3,
            Event::RunFinished {
                status: RunStatus::Succeeded,
                result: Some(large),
                failure: None,
                usage: Usage::default(),
                cost: Cost::ZERO,
            },
        ),
    ];
    store.append(&run, fence, records.clone()).await.unwrap();
    assert_eq!(store.read(&run, 0, 10).await.unwrap(), records);
}

async fn an_append_is_all_or_nothing(store: &dyn Store) {
    let run = id("r");
    let fence = take(store, &run).await;
    let gap = vec![record(0, started("f")), record(2, Event::Resumed {})];
    assert!(matches!(store.append(&run, fence, gap).await, Err(StoreError::Corrupt(_))));
    assert!(matches!(store.read(&run, 0, 10).await, Err(StoreError::Missing(_))));
}

async fn a_deleted_run_is_gone_with_what_only_it_named(store: &dyn Store) {
    let large = |letter: &str| serde_json::json!(letter.repeat(100_000));
    let of_plan = |of: &str| {
        let mut event = started("f");
        if let Event::RunStarted { plan, .. } = &mut event {
            *plan = of.to_owned();
        }
        event
    };
    for (name, plan, letter) in [("a", "p", "x"), ("b", "q", "x"), ("c", "q", "y")] {
        store.put_plan(plan, "{}").await.unwrap();
        let run = id(name);
        let lease = store.acquire(&run, &this_process(), Time(0), 15_000).await.unwrap();
        let records = vec![
            record(0, of_plan(plan)),
            record(1, finished("f/a", large(letter))),
            record(2, finished("f/b", large("z"))),
        ];
        store.append(&run, lease.fence, records).await.unwrap();
        store.release(&lease).await.unwrap();
    }
    let gone = store.delete(&[id("a"), id("none")], Time(1)).await.unwrap();
    assert_eq!(gone, [id("a")]);
    assert!(matches!(store.read(&id("a"), 0, 10).await, Err(StoreError::Missing(_))));
    assert!(matches!(store.plan("p").await, Err(StoreError::Missing(_))));
    // What others name stays: their plan, the large values that were equal.
    store.plan("q").await.unwrap();
    assert_eq!(store.read(&id("b"), 1, 1).await.unwrap()[0].event, finished("f/a", large("x")));
    assert_eq!(store.read(&id("c"), 2, 1).await.unwrap()[0].event, finished("f/b", large("z")));
    assert_eq!(store.delete(&[id("b"), id("c")], Time(1)).await.unwrap(), [id("b"), id("c")]);
    assert!(matches!(store.plan("q").await, Err(StoreError::Missing(_))));
    assert!(store.runs(&RunFilter::default()).await.unwrap().is_empty());
    assert!(store.delete(&[], Time(1)).await.unwrap().is_empty());
    // A new run in the place of an old one has none of its records.
    let fence = take(store, &id("a")).await;
    store.append(&id("a"), fence, vec![record(0, started("f"))]).await.unwrap();
    assert_eq!(store.read(&id("a"), 0, 10).await.unwrap().len(), 1);
}

async fn runs_are_due_until_they_are_over_or_wait_for_something_else(store: &dyn Store) {
    let suspended = |until| Event::Suspended { reason: String::new(), until };
    let due = async |now, until, limit| -> Vec<String> {
        let found = store.due(Time(now), Time(until), limit).await.unwrap();
        found.into_iter().map(|(run, at)| format!("{run} {}", at.0)).collect()
    };
    assert!(due(0, i64::MAX, 9).await.is_empty());
    for (name, until) in [("late", Some(Time(900))), ("soon", Some(Time(500))), ("asks", None)] {
        let lease = store.acquire(&id(name), &this_process(), Time(0), 100).await.unwrap();
        let records = vec![record(0, started("f")), record(1, suspended(until))];
        store.append(&id(name), lease.fence, records).await.unwrap();
    }
    assert!(due(50, i64::MAX, 9).await.is_empty(), "they are held");
    assert_eq!(due(100, i64::MAX, 9).await, ["soon 500", "late 900"]);
    assert_eq!(due(100, i64::MAX, 1).await, ["soon 500"]);
    assert!(due(499, 499, 9).await.is_empty());
    assert_eq!(due(500, 500, 9).await, ["soon 500"]);

    // Who goes on with it and dies leaves it due.
    let lease = store.acquire(&id("soon"), &this_process(), Time(500), 100).await.unwrap();
    store.append(&id("soon"), lease.fence, vec![record(2, Event::Resumed {})]).await.unwrap();
    assert!(due(599, 500, 9).await.is_empty());
    assert_eq!(due(600, 500, 9).await, ["soon 500"]);
    store.append(&id("soon"), lease.fence, vec![record(3, suspended(Some(Time(700))))]).await.unwrap();
    assert_eq!(due(800, 800, 9).await, ["soon 700"]);
    store.append(&id("soon"), lease.fence, vec![record(4, suspended(None))]).await.unwrap();
    assert!(due(800, 800, 9).await.is_empty());
}

async fn a_held_run_is_not_deleted(store: &dyn Store) {
    let run = id("r");
    let lease = store.acquire(&run, &this_process(), Time(0), 15_000).await.unwrap();
    store.append(&run, lease.fence, vec![record(0, started("f"))]).await.unwrap();
    assert!(store.delete(std::slice::from_ref(&run), Time(14_999)).await.unwrap().is_empty());
    assert_eq!(store.read(&run, 0, 10).await.unwrap().len(), 1);
    assert_eq!(store.delete(std::slice::from_ref(&run), Time(15_000)).await.unwrap(), [run]);
    // Whoever held it writes nothing any more.
    assert!(matches!(
        store.append(&lease.run, lease.fence, vec![record(1, Event::Resumed {})]).await,
        Err(StoreError::Missing(_))
    ));
}

async fn a_plan_of_a_run_that_is_just_starting_stays(store: &dyn Store) {
    let old = id("old");
    let lease = store.acquire(&old, &this_process(), Time(0), 10).await.unwrap();
    store.append(&old, lease.fence, vec![record(0, started("f"))]).await.unwrap();
    store.put_plan("hash", "{}").await.unwrap();
    // It has its lease and its plan, and no record yet.
    store.acquire(&id("new"), &this_process(), Time(100), 15_000).await.unwrap();
    assert_eq!(store.delete(std::slice::from_ref(&old), Time(101)).await.unwrap(), [old]);
    store.plan("hash").await.unwrap();
    // It never began: its lease ran out.
    assert!(store.delete(&[id("other")], Time(100_000)).await.unwrap().is_empty());
    assert!(matches!(store.plan("hash").await, Err(StoreError::Missing(_))));
}
