//! What only a file can suffer: several processes, damage, a lack of space, foreign locks, other schemas.

#![allow(clippy::disallowed_methods, reason = "tests read files and start processes")]

use std::path::Path;
use std::process::Command;

use flow_runtime_api::{
    Blobs, Coordinate, Cost, Event, Journal, Leases, Record, RunFilter, RunId, StoreError, Time, Usage,
};
use flow_storage::{OnWait, SCHEMA_VERSION, SqliteOptions, SqliteStore, Store, StoreUrl, this_process};

const CHILD: &str = "FLOW_STORAGE_TEST_CHILD";

fn store(path: &Path) -> SqliteStore {
    SqliteStore::new(path.to_owned(), SqliteOptions::default())
}

fn impatient(path: &Path) -> SqliteStore {
    SqliteStore::new(path.to_owned(), SqliteOptions { busy_ms: 50, ..SqliteOptions::default() })
}

fn record(seq: u64, event: Event) -> Record {
    Record { seq, at: Time(seq as i64), event }
}

fn started() -> Event {
    Event::RunStarted {
        plan: String::from("hash"),
        flow: "f".into(),
        inputs: serde_json::Map::new(),
        models: serde_json::Map::new(),
        prices: String::new(),
        simulate: None,
        resolved: Default::default(),
        replay_of: None,
    }
}

fn finished(index: u64, size: usize) -> Event {
    Event::StepFinished {
        step: Coordinate(format!("f/x[{index}]").into()),
        result: serde_json::json!(format!("{index}").repeat(size)),
        usage: Usage::default(),
        cost: Cost::ZERO,
        duration_ms: 1,
    }
}

fn block_on<T>(work: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(work)
}

/// Starts this test's binary again to run only `test`, with `argument` in the environment.
fn child(test: &str, argument: &str) -> std::process::Child {
    Command::new(std::env::current_exe().unwrap())
        .args([test, "--exact", "--nocapture"])
        .env(CHILD, argument)
        .stdin(std::process::Stdio::piped())
        .stdout(std::process::Stdio::null())
        .spawn()
        .unwrap()
}

async fn write_run(path: &Path, run: &RunId, steps: u64) {
    let store = store(path);
    let fence = store.acquire(run, &this_process(), Time(0), 15_000).await.unwrap().fence;
    store.append(run, fence, vec![record(0, started())]).await.unwrap();
    for seq in 1..=steps {
        store.append(run, fence, vec![record(seq, finished(seq, 1))]).await.unwrap();
    }
}

/// Steps of a run among others: 1,000 with `FLOW_LONG=1`.
fn steps() -> u64 {
    if std::env::var_os("FLOW_LONG").is_some_and(|value| value == "1") { 1_000 } else { 100 }
}

#[test]
fn eight_processes_write_one_file() {
    if let Ok(argument) = std::env::var(CHILD) {
        let (path, run) = argument.split_once('|').unwrap();
        return block_on(write_run(Path::new(path), &RunId(run.into()), steps()));
    }
    let folder = tempfile::tempdir().unwrap();
    // No process finds the file there: all create and migrate it at once.
    let path = folder.path().join("new/flow.db");
    let mut children: Vec<_> = (0..8)
        .map(|index| child("eight_processes_write_one_file", &format!("{}|run-{index}", path.display())))
        .collect();
    for child in &mut children {
        assert!(child.wait().unwrap().success(), "a process failed to write");
    }
    block_on(async {
        let store = store(&path);
        assert_eq!(store.runs(&RunFilter::default()).await.unwrap().len(), 8);
        for index in 0..8 {
            let records = store.read(&RunId(format!("run-{index}").into()), 0, 10_000).await.unwrap();
            let expected = (1..=steps()).map(|seq| finished(seq, 1));
            assert!(records.into_iter().skip(1).map(|record| record.event).eq(expected), "run {index}");
        }
    });
}

#[test]
fn first_uses_at_the_same_moment_wait_for_each_other() {
    for _ in 0..10 {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("flow.db");
        let start = std::sync::Barrier::new(12);
        std::thread::scope(|scope| {
            for index in 0..12 {
                let (path, start) = (&path, &start);
                scope.spawn(move || {
                    start.wait();
                    match index % 2 {
                        0 => block_on(write_run(path, &RunId(format!("run-{index}").into()), 2)),
                        _ => drop(block_on(store(path).runs(&RunFilter::default())).unwrap()),
                    }
                });
            }
        });
        assert_eq!(block_on(store(&path).runs(&RunFilter::default())).unwrap().len(), 6);
    }
}

#[tokio::test]
async fn a_store_that_had_no_room_to_be_created_is_finished_later() {
    for pages in 1..40 {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("flow.db");
        let options = SqliteOptions { pages_max: Some(pages), ..SqliteOptions::default() };
        let first = SqliteStore::new(path.clone(), options).put_plan("h", "p").await;
        if let Err(error) = &first {
            assert!(
                matches!(error, StoreError::Unavailable(message) if message.contains("is full")),
                "{error}"
            );
        }
        assert!(pages > 1 || first.is_err());
        Store::probe(&StoreUrl::Sqlite(path.clone()), &SqliteOptions::default()).unwrap();
        assert!(store(&path).runs(&RunFilter::default()).await.unwrap().is_empty());
        store(&path).put_plan("h", "p").await.unwrap();
    }
}

#[tokio::test]
async fn a_file_of_ours_that_is_half_made_is_finished() {
    let halves = [
        "",
        "PRAGMA journal_mode = WAL",
        "VACUUM",
        "CREATE TABLE refinery_schema_history (version INT4 PRIMARY KEY, name VARCHAR(255))",
    ];
    for half in halves {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("flow.db");
        let db = rusqlite::Connection::open(&path).unwrap();
        db.execute_batch(half).unwrap();
        drop(db);
        // Who reads first finishes it just as who writes first does.
        assert!(store(&path).runs(&RunFilter::default()).await.unwrap().is_empty(), "{half}");
        write_run(&path, &RunId("r".into()), 1).await;
        assert_eq!(store(&path).read(&RunId("r".into()), 0, 10).await.unwrap().len(), 2);
    }
}

#[tokio::test]
async fn where_no_store_could_be_made_is_known_before() {
    let folder = tempfile::tempdir().unwrap();
    let probe = |path: &Path| Store::probe(&StoreUrl::Sqlite(path.to_owned()), &SqliteOptions::default());
    let path = folder.path().join("a/b/flow.db");
    probe(&path).unwrap();
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0, "looking leaves nothing behind");
    std::fs::write(folder.path().join("a"), "a file").unwrap();
    assert!(probe(&path).is_err());
    #[cfg(target_os = "linux")]
    assert!(probe(Path::new("/proc/x.db")).is_err());
    let other = folder.path().join("other.db");
    rusqlite::Connection::open(&other).unwrap().execute_batch("CREATE TABLE a (x)").unwrap();
    assert!(probe(&other).unwrap_err().to_string().contains("another program"));
}

#[cfg(unix)]
#[tokio::test]
async fn a_file_that_was_taken_away_is_noticed() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("flow.db");
    let store = store(&path);
    let run = RunId("r".into());
    let lease = store.acquire(&run, &this_process(), Time(0), 15_000).await.unwrap();
    store.append(&run, lease.fence, vec![record(0, started())]).await.unwrap();
    let kept = folder.path().join("kept");
    std::fs::rename(&path, &kept).unwrap();
    for put_another in [false, true] {
        if put_another {
            std::fs::write(&path, "").unwrap();
        }
        for error in [
            store.append(&run, lease.fence, vec![record(1, finished(1, 1))]).await.unwrap_err(),
            store.renew(&lease, Time(1), 15_000).await.unwrap_err(),
        ] {
            assert!(matches!(&error, StoreError::Corrupt(message) if message.contains("deleted")), "{error}");
        }
    }
    std::fs::rename(&kept, &path).unwrap();
    store.append(&run, lease.fence, vec![record(1, finished(1, 1))]).await.unwrap();
}

#[cfg(target_os = "linux")]
#[test]
fn the_lease_of_a_killed_process_is_free_at_once() {
    if let Ok(path) = std::env::var(CHILD) {
        return block_on(async {
            write_run(Path::new(&path), &RunId("r".into()), 3).await;
            std::fs::write(format!("{path}.ready"), "").unwrap();
            std::future::pending::<()>().await;
        });
    }
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("flow.db");
    let mut holder = child("the_lease_of_a_killed_process_is_free_at_once", path.to_str().unwrap());
    let ready = folder.path().join("flow.db.ready");
    while !ready.exists() {
        assert!(holder.try_wait().unwrap().is_none(), "the holder ended early");
        std::thread::yield_now();
    }
    block_on(async {
        let store = store(&path);
        let run = RunId("r".into());
        let me = this_process();
        let take = || store.acquire(&run, &me, Time(1), 15_000);
        let Err(StoreError::Fenced(who)) = take().await else { panic!("a held run was taken") };
        assert!(who.contains(&holder.id().to_string()), "{who}");
        holder.kill().unwrap();
        holder.wait().unwrap();
        let lease = take().await.unwrap();
        // Nothing that the dead process had acknowledged is lost.
        assert_eq!(store.read(&run, 0, 10).await.unwrap().len(), 4);
        store.append(&run, lease.fence, vec![record(4, Event::Resumed {})]).await.unwrap();
    });
}

#[cfg(unix)]
#[tokio::test]
async fn only_the_owner_can_read_it() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a/b/flow.db");
    let store = store(&path);
    store.put_plan("h", "p").await.unwrap();
    let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&path), 0o600);
    assert_eq!(mode(&folder.path().join("a/b/flow.db-wal")), 0o600);
    assert_eq!(mode(&folder.path().join("a")), 0o700);
}

#[tokio::test]
async fn reading_creates_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a/flow.db");
    assert!(store(&path).runs(&RunFilter::default()).await.unwrap().is_empty());
    assert!(!folder.path().join("a").exists());
}

#[tokio::test]
async fn what_a_run_writes_alone_is_copied_into_the_file_while_it_goes_on() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("flow.db");
    let (store, run) = (store(&path), RunId("run".into()));
    let fence = store.acquire(&run, &this_process(), Time(0), 15_000).await.unwrap().fence;
    store.append(&run, fence, vec![record(0, started())]).await.unwrap();
    let steps = 2_000;
    for seq in 1..=steps {
        store.append(&run, fence, vec![record(seq, finished(seq, 1))]).await.unwrap();
    }
    // A step writes two pages at least; without being copied the log would hold over 16 MB.
    let wal = std::fs::metadata(folder.path().join("flow.db-wal")).unwrap().len();
    assert!(wal < 8 << 20, "{wal}");
    let records = store.read(&run, 0, 10_000).await.unwrap();
    assert_eq!(records.len() as u64, steps + 1);
    assert_eq!(records.last().unwrap().event, finished(steps, 1));
    // A reader of its own sees the same.
    let other = SqliteStore::new(path, SqliteOptions::default());
    assert_eq!(other.read(&run, 0, 10_000).await.unwrap(), records);
}

#[tokio::test]
async fn closing_leaves_one_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("flow.db");
    write_run(&path, &RunId("r".into()), 3).await;
    assert!(!folder.path().join("flow.db-wal").exists());
    assert_eq!(store(&path).read(&RunId("r".into()), 0, 10).await.unwrap().len(), 4);
}

#[tokio::test]
async fn what_is_no_database_is_said_and_kept() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("flow.db");
    let text = "this is a letter, and no database at all\n".repeat(200);
    std::fs::write(&path, &text).unwrap();
    let error = store(&path).put_plan("h", "p").await.unwrap_err();
    assert!(
        matches!(&error, StoreError::Corrupt(message) if message.contains("is not a run store")),
        "{error}"
    );
    let error = store(&path).runs(&RunFilter::default()).await.unwrap_err();
    assert!(matches!(&error, StoreError::Corrupt(message) if message.contains("flow.db")), "{error}");
    assert_eq!(std::fs::read_to_string(&path).unwrap(), text);
}

#[tokio::test]
async fn another_programs_database_is_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("other.db");
    let other = rusqlite::Connection::open(&path).unwrap();
    other.execute_batch("CREATE TABLE a (x); CREATE TABLE b (x);").unwrap();
    drop(other);
    let before = std::fs::read(&path).unwrap();
    let error = store(&path).put_plan("h", "p").await.unwrap_err();
    assert!(matches!(&error, StoreError::Corrupt(message) if message.contains("another program")), "{error}");
    assert_eq!(std::fs::read(&path).unwrap(), before);
}

#[tokio::test]
async fn a_newer_schema_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("flow.db");
    write_run(&path, &RunId("r".into()), 1).await;
    let db = rusqlite::Connection::open(&path).unwrap();
    db.pragma_update(None, "user_version", SCHEMA_VERSION + 1).unwrap();
    drop(db);
    for error in [
        store(&path).put_plan("h", "p").await.unwrap_err(),
        store(&path).runs(&RunFilter::default()).await.unwrap_err(),
    ] {
        assert!(
            matches!(&error, StoreError::Unavailable(message) if message.contains("newer flowc")),
            "{error}"
        );
    }
}

#[tokio::test]
async fn a_damaged_file_is_said_without_a_panic() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("flow.db");
    write_run(&path, &RunId("r".into()), 300).await;
    let mut bytes = std::fs::read(&path).unwrap();
    assert!(bytes.len() > 40_000);
    bytes[4096..].fill(0xA5);
    std::fs::write(&path, &bytes).unwrap();
    let damaged = store(&path);
    for error in [
        damaged.read(&RunId("r".into()), 0, 1000).await.unwrap_err(),
        damaged.acquire(&RunId("r".into()), &this_process(), Time(0), 1).await.unwrap_err(),
    ] {
        assert!(matches!(&error, StoreError::Corrupt(message) if message.contains(".recover")), "{error}");
    }
}

#[tokio::test]
async fn a_foreign_lock_is_waited_for_and_then_named() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("flow.db");
    write_run(&path, &RunId("r".into()), 1).await;
    let other = rusqlite::Connection::open(&path).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    let store = impatient(&path);
    let error = store.put_plan("h", "p").await.unwrap_err();
    assert!(matches!(&error, StoreError::Locked(message) if message.contains("locked by another program")));
    // Readers don't wait for a writer, and the store goes on when the lock is gone.
    assert_eq!(store.read(&RunId("r".into()), 0, 10).await.unwrap().len(), 2);
    other.execute_batch("ROLLBACK").unwrap();
    store.put_plan("h", "p").await.unwrap();
}

#[tokio::test]
async fn an_exclusive_holder_of_the_file_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("flow.db");
    write_run(&path, &RunId("r".into()), 1).await;
    let other = rusqlite::Connection::open(&path).unwrap();
    other.execute_batch("PRAGMA locking_mode = EXCLUSIVE; BEGIN EXCLUSIVE; COMMIT;").unwrap();
    let error = impatient(&path).read(&RunId("r".into()), 0, 1).await.unwrap_err();
    assert!(matches!(&error, StoreError::Locked(message) if message.contains("locked")), "{error}");
}

#[tokio::test]
async fn a_full_store_keeps_what_it_acknowledged() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("flow.db");
    let options = SqliteOptions { pages_max: Some(60), ..SqliteOptions::default() };
    let full = SqliteStore::new(path.clone(), options);
    let run = RunId("r".into());
    let fence = full.acquire(&run, &this_process(), Time(0), 15_000).await.unwrap().fence;
    full.append(&run, fence, vec![record(0, started())]).await.unwrap();
    let mut acknowledged = 1;
    let error = loop {
        match full.append(&run, fence, vec![record(acknowledged, finished(acknowledged, 500))]).await {
            Ok(()) => acknowledged += 1,
            Err(error) => break error,
        }
        assert!(acknowledged < 10_000, "the store never filled");
    };
    assert!(matches!(&error, StoreError::Unavailable(message) if message.contains("is full")), "{error}");
    // What is too large fails for itself: a smaller neighbour of the same batch is committed.
    let (large, small) = tokio::join!(full.put(vec![1; 1 << 20]), full.put(vec![2; 10]));
    assert!(large.is_err());
    small.unwrap();
    assert_eq!(full.read(&run, 0, u32::MAX).await.unwrap().len() as u64, acknowledged);
    drop(full);
    // With space again, the run goes on where it stopped.
    let store = store(&path);
    store.append(&run, fence, vec![record(acknowledged, finished(acknowledged, 500))]).await.unwrap();
}

#[cfg(unix)]
#[tokio::test]
async fn a_file_that_may_not_be_written_is_named() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("flow.db");
    write_run(&path, &RunId("r".into()), 1).await;
    let blocked = path.join("flow.db");
    let error = store(&blocked).put_plan("h", "p").await.unwrap_err();
    assert!(matches!(&error, StoreError::Unavailable(_)), "{error}");
    let error = store(folder.path()).put_plan("h", "p").await.unwrap_err();
    assert!(matches!(&error, StoreError::Unavailable(message) if message.contains("is a folder")), "{error}");
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o400)).unwrap();
    // Root may write anything, so only others see the refusal.
    if std::fs::File::options().write(true).open(&path).is_err() {
        let error = store(&path).put_plan("h", "p").await.unwrap_err();
        assert!(
            matches!(&error, StoreError::Unavailable(message) if message.contains("read-only")),
            "{error}"
        );
    }
}

#[tokio::test]
async fn many_runs_of_one_process_share_commits() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("flow.db");
    let store = std::sync::Arc::new(store(&path));
    let tasks: Vec<_> = (0..50)
        .map(|index| {
            let store = store.clone();
            tokio::spawn(async move {
                let run = RunId(format!("r{index}").into());
                let fence = store.acquire(&run, &this_process(), Time(0), 15_000).await.unwrap().fence;
                store.append(&run, fence, vec![record(0, started())]).await.unwrap();
                for seq in 1..20 {
                    store.append(&run, fence, vec![record(seq, finished(seq, 1))]).await.unwrap();
                }
            })
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
    let lines = store.runs(&RunFilter::default()).await.unwrap();
    assert_eq!(lines.len(), 50);
    assert!(lines.iter().all(|line| line.steps == 19));
}

#[tokio::test]
async fn equal_results_are_stored_once() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("flow.db");
    let run = RunId("r".into());
    {
        let store = store(&path);
        let fence = store.acquire(&run, &this_process(), Time(0), 15_000).await.unwrap().fence;
        store.append(&run, fence, vec![record(0, started())]).await.unwrap();
        for seq in 1..20 {
            let event = Event::StepFinished {
                step: Coordinate(format!("f/x[{seq}]").into()),
                result: serde_json::json!("y".repeat(500_000)),
                usage: Usage::default(),
                cost: Cost::ZERO,
                duration_ms: 1,
            };
            store.append(&run, fence, vec![record(seq, event)]).await.unwrap();
        }
    }
    assert!(std::fs::metadata(&path).unwrap().len() < 800_000);
    assert_eq!(store(&path).read(&run, 0, 100).await.unwrap().len(), 20);
}

#[cfg(target_os = "linux")]
#[test]
fn who_locks_the_store_for_long_is_named_while_it_is_waited_for() {
    if let Ok(path) = std::env::var(CHILD) {
        let other = rusqlite::Connection::open(&path).unwrap();
        other.execute_batch("BEGIN IMMEDIATE").unwrap();
        std::fs::write(format!("{path}.ready"), "").unwrap();
        // Until whoever started it lets go.
        std::io::read_to_string(std::io::stdin()).unwrap();
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("flow.db");
    block_on(write_run(&path, &RunId("r".into()), 1));
    let mut holder =
        child("who_locks_the_store_for_long_is_named_while_it_is_waited_for", path.to_str().unwrap());
    while !folder.path().join("flow.db.ready").exists() {
        assert!(holder.try_wait().unwrap().is_none(), "the holder ended early");
        std::thread::yield_now();
    }
    let told = std::sync::Arc::new(std::sync::Mutex::new(Vec::new()));
    let heard = told.clone();
    let options = SqliteOptions {
        busy_ms: 1_500,
        on_wait: Some(OnWait::new(move |line: &str| heard.lock().unwrap().push(line.to_owned()))),
        ..SqliteOptions::default()
    };
    let store = SqliteStore::new(path, options);
    let error = block_on(store.put_plan("h", "p")).unwrap_err();
    let who = format!("locked by process {} (", holder.id());
    assert!(matches!(&error, StoreError::Locked(message) if message.contains(&who)), "{error}");
    let lines = std::mem::take(&mut *told.lock().unwrap());
    assert!(matches!(lines.as_slice(), [line] if line.contains(&who)), "{lines:?}");
    holder.kill().unwrap();
    holder.wait().unwrap();
    block_on(store.put_plan("h", "p")).unwrap();
    assert!(told.lock().unwrap().is_empty());
}

/// Whatever bit flips, what is read is what was written, or the store says that it is damaged.
#[tokio::test]
async fn no_flipped_bit_is_read_as_another_result() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("flow.db");
    let run = RunId("r".into());
    write_run(&path, &run, 60).await;
    let whole = store(&path).read(&run, 0, 1000).await.unwrap();
    let bytes = std::fs::read(&path).unwrap();
    let (mut same, mut said) = (0, 0);
    // Every byte of the header and of its page, then one in 31, and in turn each bit.
    for at in (0..4096).step_by(7).chain((4096..bytes.len()).step_by(31)) {
        let damaged = folder.path().join("damaged.db");
        let mut changed = bytes.clone();
        changed[at] ^= 1 << (at % 8);
        std::fs::write(&damaged, &changed).unwrap();
        match store(&damaged).read(&run, 0, 1000).await {
            Ok(records) => {
                assert!(records == whole, "byte {at}: other records were read");
                same += 1;
            }
            // The run's own name may be hit.
            Err(StoreError::Corrupt(_) | StoreError::Unavailable(_) | StoreError::Missing(_)) => said += 1,
            Err(error) => panic!("byte {at}: {error}"),
        }
        for suffix in ["", "-wal", "-shm"] {
            let _ = std::fs::remove_file(folder.path().join(format!("damaged.db{suffix}")));
        }
    }
    assert!(same > 10 && said > 100, "{same} read on, {said} said");
}

#[tokio::test]
async fn a_truncated_store_is_said() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("flow.db");
    let run = RunId("r".into());
    write_run(&path, &run, 300).await;
    let bytes = std::fs::read(&path).unwrap();
    for length in [1, 99, 100, 512, 4095, 4096, 8192, bytes.len() / 2, bytes.len() - 4096, bytes.len() - 1] {
        let cut = folder.path().join(format!("{length}.db"));
        std::fs::write(&cut, &bytes[..length]).unwrap();
        let error = store(&cut).read(&run, 0, 1000).await.unwrap_err();
        assert!(matches!(error, StoreError::Corrupt(_)), "{length}: {error:?}");
        let error = store(&cut).acquire(&RunId("new".into()), &this_process(), Time(1), 1).await.err();
        assert!(matches!(error, None | Some(StoreError::Corrupt(_))), "{length}: {error:?}");
    }
}
