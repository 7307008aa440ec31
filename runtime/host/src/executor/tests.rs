//! The executor under a scripted engine and providers that are only here.

use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use flow_engine::TimerId;
use flow_ir::plan::{ModelRef, Places, Plan};
use flow_ir::{Name, TypeDefs};
use flow_runtime_api::{
    Answer, Call, Clock, Cost, Deltas, Fence, HttpAnswer, HttpRequest, Lease, ModelInfo, Provider,
    ResolvedModel, Secret, Tool, Usage,
};
use flow_storage::{MemoryStore, SqliteOptions, SqliteStore, Store, StoreUrl, this_process};
use flow_trace::EventKind;
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Notify;

use super::*;
use crate::host::Manner;
use crate::models::{Models, Resolved};
use crate::outside::Parts;
use crate::{Environment, Host, HostSettings, ProviderLimit, RunHandle};

/// An engine that does what a test says.
struct Script<F>(F);

impl<F: FnMut(Input, Time) -> Vec<Command> + Send> Machine for Script<F> {
    fn apply(&mut self, input: Input, now: Time) -> Vec<Command> {
        (self.0)(input, now)
    }
}

/// A provider that does what a test says.
struct Says<F>(F);

#[async_trait]
impl<F> Provider for Says<F>
where
    F: AsyncSays,
{
    fn name(&self) -> &'static str {
        "fake"
    }

    async fn ask(
        &self,
        _: &ResolvedModel,
        _: &Call,
        deltas: &mut dyn Deltas,
    ) -> Result<Answer, (Failure, Option<Usage>)> {
        self.0.says(deltas).await
    }

    async fn models(&self, _: &ResolvedModel) -> Result<Vec<ModelInfo>, Failure> {
        Ok(Vec::new())
    }
}

#[async_trait]
trait AsyncSays: Send + Sync + 'static {
    async fn says(&self, deltas: &mut dyn Deltas) -> Result<Answer, (Failure, Option<Usage>)>;
}

struct NoTool;

#[async_trait]
impl Tool for NoTool {
    async fn http(&self, _: &HttpRequest, _: &[(String, Secret)]) -> Result<HttpAnswer, Failure> {
        Err(Failure::new(Kind::ToolFailed, "no tool here"))
    }
}

/// Connects, asks, and waits for an answer that never comes.
struct Hangs(std::net::SocketAddr);

#[async_trait]
impl AsyncSays for Hangs {
    async fn says(&self, _: &mut dyn Deltas) -> Result<Answer, (Failure, Option<Usage>)> {
        let mut stream = TcpStream::connect(self.0).await.unwrap();
        stream.write_all(b"ask").await.unwrap();
        let mut byte = [0];
        let _ = stream.read(&mut byte).await;
        Ok(Answer::default())
    }
}

/// Answers with a text, in two pieces.
struct Answers(&'static str);

#[async_trait]
impl AsyncSays for Answers {
    async fn says(&self, deltas: &mut dyn Deltas) -> Result<Answer, (Failure, Option<Usage>)> {
        let (head, tail) = self.0.split_at(self.0.len() / 2);
        deltas.delta(Delta::Text(String::from(head)));
        deltas.delta(Delta::Text(String::from(tail)));
        Ok(Answer { text: String::from(self.0), ..Answer::default() })
    }
}

fn store() -> Store {
    Store::of(MemoryStore::new())
}

fn host(store: &Store, provider: impl AsyncSays, change: impl FnOnce(&mut HostSettings)) -> Host {
    let mut settings = HostSettings::new(StoreUrl::Memory, Environment::default());
    change(&mut settings);
    let provider: Arc<dyn Provider> = Arc::new(Says(provider));
    let parts = Parts { providers: Arc::new(move |_| Some(provider.clone())), tool: Arc::new(NoTool) };
    Host::of(settings, store.clone(), parts, Scrubber::default())
}

fn plan() -> Arc<Plan> {
    Arc::new(Plan {
        version: flow_ir::plan::VERSION,
        entry: Name::new("f"),
        types: TypeDefs::default(),
        codes: Vec::new(),
        models: Vec::new(),
        nodes: Vec::new(),
        flows: Vec::new(),
        allow: Vec::new(),
        places: Places::default(),
    })
}

async fn begin(
    host: &Host,
    store: &Store,
    script: impl FnMut(Input, Time) -> Vec<Command> + Send + 'static,
) -> (RunHandle, Lease) {
    let run = RunId(Name::new("r"));
    let now = host.clock.now();
    let lease = store.leases.acquire(&run, &this_process(), now, host.settings.lease_ttl_ms).await.unwrap();
    let model = ResolvedModel { provider: Name::new("fake"), ..ResolvedModel::default() };
    let models = Models::of_default(Resolved { model, facts: Default::default() });
    let outside = host.outside_of(plan(), models);
    let manner = Manner {
        stream: true,
        events: true,
        wait_max_ms: 200,
        told: None,
        cleans_up: false,
        not_before: Time(0),
    };
    let handle = host.execute(Box::new(Script(script)), outside, lease.clone(), Fold::new(run), 0, manner);
    (handle, lease)
}

fn started() -> Event {
    Event::RunStarted {
        plan: String::from("p"),
        flow: Name::new("f"),
        inputs: serde_json::Map::new(),
        models: serde_json::Map::new(),
        prices: String::new(),
        simulate: None,
        resolved: Default::default(),
        replay_of: None,
    }
}

fn step(name: &str) -> Coordinate {
    Coordinate(Name::new(name))
}

fn step_started(name: &str) -> Event {
    Event::StepStarted {
        step: step(name),
        node: Name::new("n"),
        kind: Name::new("prompt"),
        attempt: 0,
        repair: 0,
        fingerprint: String::new(),
        model: Some(Name::new("fake/m")),
        repeatable: true,
    }
}

fn step_finished(name: &str, result: Json) -> Event {
    Event::StepFinished {
        step: step(name),
        result,
        usage: Usage::default(),
        cost: Cost::ZERO,
        duration_ms: 1,
    }
}

fn finished() -> Event {
    Event::RunFinished {
        status: RunStatus::Succeeded,
        result: Some(json!("end")),
        failure: None,
        usage: Usage::default(),
        cost: Cost::ZERO,
    }
}

fn finish() -> Vec<Command> {
    vec![
        Command::Append(vec![finished()]),
        Command::Finish { status: RunStatus::Succeeded, result: Some(json!("end")), failure: None },
    ]
}

fn ask(attempt: u64, timeout_ms: u64) -> Command {
    Command::Ask {
        attempt: AttemptId(attempt),
        step: step(&format!("f/{attempt}")),
        node: Name::new("n"),
        model: ModelRef::Default,
        call: Call::default(),
        timeout_ms,
        tries: (0, 0),
        fingerprint: String::new(),
    }
}

async fn events_of(handle: &mut RunHandle) -> Vec<RunEvent> {
    let mut events = Vec::new();
    while let Some(event) = handle.next().await {
        events.push(event);
    }
    events
}

async fn on_record(store: &Store) -> Vec<Event> {
    let records = store.journal.read(&RunId(Name::new("r")), 0, 1000).await.unwrap();
    records.into_iter().map(|record| record.event).collect()
}

/// A server that takes one connection, says when it was asked, and when the connection was closed.
async fn listener() -> (std::net::SocketAddr, Arc<Notify>, tokio::task::JoinHandle<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let asked = Arc::new(Notify::new());
    let tell = asked.clone();
    let closed = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut bytes = [0; 3];
        stream.read_exact(&mut bytes).await.unwrap();
        tell.notify_one();
        // The end of the stream, or a reset: closed either way.
        assert!(!matches!(stream.read(&mut bytes).await, Ok(1..)));
    });
    (address, asked, closed)
}

async fn soon<T>(work: impl Future<Output = T>) -> T {
    tokio::time::timeout(Duration::from_secs(20), work).await.expect("what was waited for never came")
}

#[tokio::test]
async fn a_run_goes_from_start_to_result() {
    let store = store();
    let host = host(&store, Answers("hello"), |_| ());
    let (mut handle, _) = begin(&host, &store, |input, _| match input {
        Input::Start => vec![Command::Append(vec![started(), step_started("f/1")]), ask(1, 1000)],
        Input::Answered { result, .. } => {
            let text = result.unwrap().text;
            // Shown between the two events.
            let branch = Notice::Branch { step: step("f/route:a"), after: 1 };
            let mut commands = vec![Command::Show(branch)];
            commands.push(Command::Append(vec![step_finished("f/1", json!(text)), finished()]));
            commands.extend(finish().pop());
            commands
        }
        other => panic!("{other:?}"),
    })
    .await;
    let kinds: Vec<_> = events_of(&mut handle).await.iter().map(|event| event.event).collect();
    use EventKind::*;
    assert_eq!(kinds, [RunStarted, StepStarted, Delta, Delta, StepFinished, Branch, RunFinished]);
    let outcome = handle.finish().await.unwrap();
    assert_eq!(outcome.result, json!("end"));
    assert_eq!(outcome.trace.step("f/1").unwrap().result, Some(json!("hello")));
    assert_eq!(on_record(&store).await.len(), 4);
    // The lease was given back.
    assert!(!host.alive(&outcome.run).await.unwrap());
}

#[tokio::test]
async fn interrupting_closes_connections_and_can_be_resumed() {
    let (address, asked, closed) = listener().await;
    let store = store();
    let host = host(&store, Hangs(address), |_| ());
    let (handle, _) = begin(&host, &store, |input, _| match input {
        Input::Start => vec![Command::Append(vec![started(), step_started("f/1")]), ask(1, 60_000)],
        other => panic!("{other:?}"),
    })
    .await;
    soon(asked.notified()).await;
    handle.interrupter().interrupt();
    let error = soon(handle.finish()).await.unwrap_err();
    assert!(matches!(error, HostError::Interrupted { .. }));
    assert_eq!(error.exit_code(), 130);
    soon(closed).await.unwrap();
    assert_eq!(on_record(&store).await.last(), Some(&Event::Interrupted {}));
    assert!(!host.alive(&RunId(Name::new("r"))).await.unwrap());
}

#[tokio::test]
async fn dropping_the_handle_interrupts() {
    let (address, asked, closed) = listener().await;
    let store = store();
    let host = host(&store, Hangs(address), |_| ());
    let (handle, _) =
        begin(&host, &store, |_, _| vec![Command::Append(vec![started()]), ask(1, 60_000)]).await;
    soon(asked.notified()).await;
    drop(handle);
    soon(closed).await.unwrap();
}

#[tokio::test]
async fn an_abort_closes_the_connection_at_once() {
    let (address, asked, closed) = listener().await;
    let store = store();
    let host = host(&store, Hangs(address), |_| ());
    let (handle, _) = begin(&host, &store, move |input, now| match input {
        Input::Start => vec![
            Command::Append(vec![started()]),
            ask(1, 60_000),
            Command::SetTimer(TimerId(1), now.after_ms(u64::MAX)),
            Command::SetTimer(TimerId(2), now.after_ms(200)),
        ],
        Input::Due { timer: TimerId(2) } => {
            vec![Command::Abort(AttemptId(1)), Command::ClearTimer(TimerId(1))]
        }
        other => panic!("{other:?}"),
    })
    .await;
    soon(asked.notified()).await;
    soon(closed).await.unwrap();
    // The run still goes on; what was aborted is not told to the engine.
    handle.interrupter().interrupt();
    assert!(matches!(soon(handle.finish()).await, Err(HostError::Interrupted { .. })));
}

#[tokio::test]
async fn an_attempt_that_takes_too_long_is_closed_and_fails() {
    let (address, asked, closed) = listener().await;
    let store = store();
    let host = host(&store, Hangs(address), |_| ());
    let (handle, _) = begin(&host, &store, |input, _| match input {
        Input::Start => vec![Command::Append(vec![started()]), ask(1, 2000)],
        Input::Answered { result: Err(failure), duration_ms, usage: None, .. } => {
            assert_eq!(failure.to_string(), "timeout: no answer within 2 s");
            assert!(duration_ms >= 2000);
            finish()
        }
        other => panic!("{other:?}"),
    })
    .await;
    soon(asked.notified()).await;
    soon(handle.finish()).await.unwrap();
    soon(closed).await.unwrap();
}

#[tokio::test]
async fn a_lost_lease_stops_the_run_without_a_word() {
    let (address, asked, closed) = listener().await;
    let store = store();
    let host = host(&store, Hangs(address), |settings| settings.lease_ttl_ms = 60);
    let (handle, lease) =
        begin(&host, &store, |_, _| vec![Command::Append(vec![started()]), ask(1, 60_000)]).await;
    soon(asked.notified()).await;
    // Another process takes the run over, as after a long stop of this one.
    let later = Time(i64::MAX / 2);
    let taken = store.leases.acquire(&lease.run, &this_process(), later, 1000).await.unwrap();
    assert!(taken.fence > lease.fence);
    let error = soon(handle.finish()).await.unwrap_err();
    assert_eq!(error.exit_code(), 5);
    assert!(error.to_string().contains("another process has taken the run over"), "{error}");
    soon(closed).await.unwrap();
    assert_eq!(on_record(&store).await, [started()]);
    // The lease of the other one stands.
    store.leases.renew(&taken, later, 1000).await.unwrap();
}

#[tokio::test]
async fn a_kept_lease_outlives_its_first_term() {
    let store = store();
    let host = host(&store, Answers("x"), |settings| settings.lease_ttl_ms = 300);
    let (handle, lease) = begin(&host, &store, |input, now| match input {
        Input::Start => {
            vec![Command::Append(vec![started()]), Command::SetTimer(TimerId(1), now.after_ms(1000))]
        }
        Input::Due { .. } => finish(),
        other => panic!("{other:?}"),
    })
    .await;
    let mut renewed = false;
    while !renewed {
        tokio::time::sleep(Duration::from_millis(10)).await;
        let after = lease.until.after_ms(1);
        renewed = store.leases.holder(&lease.run, after).await.unwrap().is_some();
    }
    soon(handle.finish()).await.unwrap();
}

#[tokio::test]
async fn short_waits_are_waited_for_and_long_ones_suspend() {
    let store = store();
    let host = host(&store, Answers("x"), |_| ());
    let waits = std::cell::Cell::new(0);
    let (handle, _) = begin(&host, &store, move |input, now| match input {
        Input::Start => {
            let until = now.after_ms(30);
            vec![
                Command::Append(vec![started()]),
                Command::SetTimer(TimerId(1), until),
                Command::Idle { until: Some(until), reason: String::from("a moment") },
            ]
        }
        Input::Due { .. } => {
            waits.set(waits.get() + 1);
            let until = now.after_ms(3_600_000);
            vec![Command::Idle { until: Some(until), reason: String::from("an hour") }]
        }
        other => panic!("{other:?}"),
    })
    .await;
    let error = soon(handle.finish()).await.unwrap_err();
    assert_eq!(error.exit_code(), 4);
    let HostError::Suspended { reason, until: Some(_), .. } = error else { panic!("{error:?}") };
    assert_eq!(reason, "an hour");
    assert!(matches!(on_record(&store).await.last(), Some(Event::Suspended { .. })));
    assert!(!host.alive(&RunId(Name::new("r"))).await.unwrap());
}

#[tokio::test]
async fn what_is_due_is_not_slept_for() {
    let store = store();
    let host = host(&store, Answers("x"), |_| ());
    let mut left = 5_000;
    let begun = std::time::Instant::now();
    let (handle, _) = begin(&host, &store, move |input, now| {
        left -= 1;
        match input {
            _ if left == 0 => finish(),
            Input::Start => {
                vec![Command::Append(vec![started()]), Command::SetTimer(TimerId(left), now)]
            }
            // A time in the past is as good as now.
            _ => vec![Command::SetTimer(TimerId(left), Time(now.0 - 1_000))],
        }
    })
    .await;
    soon(handle.finish()).await.unwrap();
    // Sleeps would add up to five seconds at least.
    assert!(begun.elapsed() < Duration::from_secs(4));
}

#[tokio::test]
async fn a_full_store_stops_the_run_before_the_next_effect() {
    let folder = tempfile::tempdir().unwrap();
    let options = SqliteOptions { pages_max: Some(40), ..SqliteOptions::default() };
    let store = Store::of(SqliteStore::new(folder.path().join("flow.db"), options));
    let host = host(&store, Answers("x"), |_| ());
    let asked = Arc::new(AtomicUsize::new(0));
    let count = asked.clone();
    let (handle, _) = begin(&host, &store, move |input, _| match input {
        Input::Start => vec![Command::Append(vec![started()]), ask(0, 1000)],
        Input::Answered { attempt, .. } => {
            let next = attempt.0 + 1;
            count.store(next as usize, Ordering::Relaxed);
            let result = json!(format!("{next}").repeat(1000));
            vec![Command::Append(vec![step_finished(&format!("f/{next}"), result)]), ask(next, 1000)]
        }
        other => panic!("{other:?}"),
    })
    .await;
    let error = soon(handle.finish()).await.unwrap_err();
    let HostError::Environment { message, run: Some(_), .. } = &error else { panic!("{error:?}") };
    assert!(message.contains("is full; the run stopped, and every step shown as done"), "{message}");
    assert!(error.help().unwrap().contains("flowc resume r"));
    assert_eq!(error.exit_code(), 5);
    // Every step that was acknowledged is on record; the one that wasn't is the last that was asked.
    assert_eq!(on_record(&store).await.len(), asked.load(Ordering::Relaxed));
}

#[tokio::test]
async fn a_run_that_is_not_on_record_is_not_offered_to_be_resumed() {
    let folder = tempfile::tempdir().unwrap();
    let options = SqliteOptions { pages_max: Some(40), ..SqliteOptions::default() };
    let store = Store::of(SqliteStore::new(folder.path().join("flow.db"), options));
    let host = host(&store, Answers("x"), |_| ());
    let too_large = step_finished("f/1", json!("x".repeat(1 << 20)));
    let (handle, _) = begin(&host, &store, move |_, _| vec![Command::Append(vec![too_large.clone()])]).await;
    let error = soon(handle.finish()).await.unwrap_err();
    assert_eq!(error.exit_code(), 5);
    assert!(error.to_string().ends_with("is full"), "{error}");
    assert_eq!(error.help().as_deref(), Some("free space on its disk"));
}

#[tokio::test]
async fn secrets_leave_in_no_way() {
    struct Echoes;
    #[async_trait]
    impl AsyncSays for Echoes {
        async fn says(&self, deltas: &mut dyn Deltas) -> Result<Answer, (Failure, Option<Usage>)> {
            for piece in ["key s", "k-very", "-secret! sk-", "very"] {
                deltas.delta(Delta::Text(String::from(piece)));
                deltas.delta(Delta::Reasoning(String::from(piece)));
            }
            Err((Failure::new(Kind::Refused, "bad key sk-very-secret"), None))
        }
    }
    let store = store();
    let host = host(&store, Echoes, |settings| {
        settings.environment = Environment::of([("K", "sk-very-secret")]);
    });
    use flow_runtime_api::SecretSource;
    assert!(host.secrets.secret("K").is_some());
    let (mut handle, _) = begin(&host, &store, |input, _| match input {
        Input::Start => vec![Command::Append(vec![started(), step_started("f/1")]), ask(1, 1000)],
        Input::Answered { result: Err(failure), .. } => {
            assert_eq!(failure.message, "bad key ***");
            let mut commands = vec![Command::Append(vec![
                step_finished("f/1", json!({"sk-very-secret": ["sk-very-secret"]})),
                finished(),
            ])];
            commands.extend(finish().pop());
            commands
        }
        other => panic!("{other:?}"),
    })
    .await;
    let events = events_of(&mut handle).await;
    let texts: String = events.iter().filter_map(|event| event.text.as_deref()).collect();
    let reasonings: String = events.iter().filter_map(|event| event.reasoning.as_deref()).collect();
    assert_eq!((texts.as_str(), reasonings.as_str()), ("key ***! sk-very", "key ***! sk-very"));
    let lines: String = events.iter().map(RunEvent::to_line).collect();
    assert!(!lines.contains("very-secret"), "{lines}");
    assert!(!format!("{:?}", on_record(&store).await).contains("very-secret"));
    let trace = handle.finish().await.unwrap().trace;
    assert!(!format!("{trace:?}").contains("very-secret"));
}

#[tokio::test]
async fn calls_of_a_provider_are_limited() {
    struct Counts(AtomicUsize, Arc<Mutex<usize>>);
    #[async_trait]
    impl AsyncSays for Counts {
        async fn says(&self, _: &mut dyn Deltas) -> Result<Answer, (Failure, Option<Usage>)> {
            let now = self.0.fetch_add(1, Ordering::SeqCst) + 1;
            let highest = self.1.clone();
            let highest_so_far = *highest.lock().unwrap();
            *highest.lock().unwrap() = highest_so_far.max(now);
            tokio::task::yield_now().await;
            self.0.fetch_sub(1, Ordering::SeqCst);
            Ok(Answer::default())
        }
    }
    let store = store();
    let highest = Arc::new(Mutex::new(0));
    let host = host(&store, Counts(AtomicUsize::new(0), highest.clone()), |settings| {
        settings
            .limits
            .insert(Name::new("fake"), ProviderLimit { concurrency: Some(3), requests_per_minute: None });
    });
    let mut left = 20;
    let (handle, _) = begin(&host, &store, move |input, _| match input {
        Input::Start => {
            std::iter::once(Command::Append(vec![started()])).chain((0..20).map(|n| ask(n, 1000))).collect()
        }
        Input::Answered { .. } => {
            left -= 1;
            if left == 0 { finish() } else { Vec::new() }
        }
        other => panic!("{other:?}"),
    })
    .await;
    soon(handle.finish()).await.unwrap();
    assert_eq!(*highest.lock().unwrap(), 3);
}

#[tokio::test]
async fn a_fault_of_a_provider_is_a_failure_of_the_step() {
    struct Panics;
    #[async_trait]
    impl AsyncSays for Panics {
        async fn says(&self, _: &mut dyn Deltas) -> Result<Answer, (Failure, Option<Usage>)> {
            panic!("a fault");
        }
    }
    let store = store();
    let host = host(&store, Panics, |_| ());
    let (handle, _) = begin(&host, &store, |input, _| match input {
        Input::Start => vec![Command::Append(vec![started()]), ask(1, 1000)],
        Input::Answered { result: Err(failure), .. } => {
            assert_eq!(failure.built_in(), Some(Kind::Unavailable));
            finish()
        }
        other => panic!("{other:?}"),
    })
    .await;
    soon(handle.finish()).await.unwrap();
}

#[tokio::test]
async fn a_failed_run_says_so() {
    let store = store();
    let host = host(&store, Answers("x"), |_| ());
    let ends = [
        (Failure::new(Kind::Timeout, "no"), 3),
        (Failure::new(Kind::Unavailable, "status 500"), 3),
        (Failure::missing("no server is there"), 5),
    ];
    for (failure, code) in ends {
        let (handle, lease) = begin(&host, &store, move |_, _| {
            let failure = Some(failure.clone());
            vec![Command::Finish { status: RunStatus::Failed, result: None, failure }]
        })
        .await;
        assert_eq!(soon(handle.finish()).await.unwrap_err().exit_code(), code);
        assert!(lease.fence > Fence(0));
    }
}

/// A clock that a test sets.
struct Hand(std::sync::atomic::AtomicI64);

impl Clock for Hand {
    fn now(&self) -> Time {
        Time(self.0.load(Ordering::Relaxed))
    }
}

#[tokio::test]
async fn a_clock_that_is_set_back_changes_neither_owner_nor_order() {
    const HOUR_MS: i64 = 3_600_000;
    let store = store();
    let mut host = host(&store, Answers("x"), |settings| settings.lease_ttl_ms = 300);
    let hand = Arc::new(Hand((100 * HOUR_MS).into()));
    host.clock = hand.clone();
    let set = hand.clone();
    let (handle, lease) = begin(&host, &store, move |input, now| match input {
        Input::Start => {
            set.0.store(99 * HOUR_MS, Ordering::Relaxed);
            vec![Command::Append(vec![started()]), Command::SetTimer(TimerId(1), now.after_ms(700))]
        }
        Input::Due { .. } => finish(),
        other => panic!("{other:?}"),
    })
    .await;
    // Renewed under the other clock, it is still held, and only as long as it is renewed.
    tokio::time::sleep(Duration::from_millis(400)).await;
    let me = this_process();
    let take = |at: i64| store.leases.acquire(&lease.run, &me, Time(at), 300);
    assert!(matches!(take(99 * HOUR_MS + 200).await, Err(StoreError::Fenced(_))));
    soon(handle.finish()).await.unwrap();
    take(99 * HOUR_MS).await.unwrap();
    let records = store.journal.read(&lease.run, 0, 10).await.unwrap();
    let times: Vec<_> = records.iter().map(|record| record.at).collect();
    assert!(times.is_sorted() && times[0] >= Time(100 * HOUR_MS), "{times:?}");
    // The timer struck after its time, not after an hour more.
    assert!(times[1].since(times[0]) >= 700, "{times:?}");
}
