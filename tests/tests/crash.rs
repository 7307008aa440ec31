//! Kills `flowc run` with `kill -9` between its first and its last event, resumes it, and holds the result and the calls
//! that a server saw against the undisturbed run. Every other one that goes on is killed, too. Beside that, a process
//! ends by itself right before, and right after, each of its commits.
//!
//! Sixty instants in every test run, over seven hundred with `FLOW_LONG=1`; a fixed seed spreads them over six flows.

#![allow(
    clippy::disallowed_methods,
    clippy::print_stdout,
    reason = "tests read files, start processes and count"
)]

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use flow_host::{Environment, Host, HostError, HostSettings, ResumeOptions, RunOptions, Settle, StoreUrl};
use flow_runtime_api::{Fence, Journal, Record, RunFilter, RunId, RunSummary, StoreError, Time};
use flow_storage::{SqliteOptions, Store};
use flow_tests::program::{Place, finish, wait};
use flow_tests::server::{Request, Server, respond, respond_json, say};
use flow_trace::StepStatus;
use serde_json::{Value as Json, json};

/// How long the server takes for an answer.
const DELAY: Duration = Duration::from_millis(8);

/// One call after the other: models and a tool.
const SEQUENTIAL: &str = r#"
flow main(topic: string) -> string {
  let a = ask("a ${topic}")
  let b = page("b")
  let c = ask("c ${a} ${b}")
  let d = ask("d ${c}")
  let e = page("e")
  let f = ask("f ${d} ${e}")
  let g = ask("g ${f}")
  return ask("h ${g}")
}
"#;

/// Branches, four at a time, and two more beside each other.
const PARALLEL: &str = r#"
flow main(topic: string) -> string {
  state { log: [string] = [] merge append }
  let all = parallel for i in [1, 2, 3, 4, 5, 6] by i jobs 4 {
    let found = page("${i}")
    let said = ask("${topic} ${i} ${found}")
    log += ["${i}"]
    yield said
  }
  parallel {
    let left = ask("left ${all.size()}")
    let right = ask("right ${log.join(",")}")
  }
  return "${all.join(" ")} ${left} ${right}"
}
"#;

/// A loop whose next turn depends on the last one's answer.
const LOOP: &str = r#"
flow main(topic: string) -> string {
  state { text: string = topic  turns: int = 0 }
  loop polish max 9 until turns >= 6 {
    let found = page("${turns}")
    text = ask("turn ${turns} ${found} ${text.size()}")
    turns += 1
    if turns % 2 == 0 {
      text += ask("extra ${turns}") as extra
    }
  } else {
    fail not_converged(text)
  }
  return text
}
"#;

/// Steps of other kinds: writers that may and may not be repeated, waits, a flow, what catches and what comes at last.
const WRITERS: &str = r#"
flow copy(text: string) -> string {
  let kept = write("in ${text}")
  wait 15ms
  return "(${kept})"
}

flow main(topic: string) -> string {
  state { log: string = "" }
  let a = write("one")
  let b = save("two ${a}")
  wait 15ms as pause
  let c = copy("three ${b}")
  try {
    let d = ask("four ${topic} ${c}")
    log += d
    let no = broken("five")
    log += no
  } catch {
    else as e => { log += e.kind }
  } finally {
    let last = write("six")
    log += last
  }
  return "${a} ${b} ${c} ${log}"
}
"#;

/// A race, a graph, a saga that fails and takes back what it did, and values that are emitted.
const FORMS: &str = r#"
flow main(topic: string) -> string emits string {
  state { log: string = ""  text: string = "" }
  let found = race {
    when let quick = page("quick") => quick
    when wait 30s as late => "late"
  }
  emit found
  graph desk max 4 {
    stage draft {
      text = ask("draft ${topic} ${found}")
      goto check("check")
    }
    stage check(what: string) {
      let fine = page(what)
      text += fine
      break
    }
  }
  try {
    saga {
      let first = save("one") undo drop("first")
      let second = write("two") undo drop("second ${first}")
      let no = broken("three")
      log += "${second} ${no}"
    }
  } catch {
    else as e => { log += e.kind }
  }
  emit log as last
  return "${text} ${log}"
}
"#;

/// A person and an event are waited for while other branches go on; once they have answered, more follows.
const PEOPLE: &str = r#"
human approve(text: string) -> string { message: "publish ${text}?" timeout: 8h }

event paid(order: string) -> {order: string, cents: int} {
  via: webhook("/bank")
  match: body.order == order
  timeout: 3d
}

flow main(topic: string) -> string {
  let a = ask("a ${topic}")
  parallel {
    let fine = approve(a)
    let payment = paid("A1")
    do {
      let b = page("b")
      let c = ask("c ${b}")
    }
  }
  let d = ask("d ${fine} ${payment.cents}")
  let e = write("kept ${d}")
  let again = approve(e)
  return ask("f ${again} ${e}")
}
"#;

const HEAD: &str = r#"
allow [net("127.0.0.1")]

model default = "openai/local"

prompt ask(text: string) -> string { user: text retry: 0 }
"#;

/// The calls of a run: one for each step.
struct Flow {
    name: &'static str,
    text: &'static str,
    steps: usize,
}

const FLOWS: [Flow; 6] = [
    Flow { name: "sequential", text: SEQUENTIAL, steps: 8 },
    Flow { name: "parallel", text: PARALLEL, steps: 14 },
    Flow { name: "loop", text: LOOP, steps: 15 },
    Flow { name: "writers", text: WRITERS, steps: 6 },
    Flow { name: "forms", text: FORMS, steps: 8 },
    Flow { name: "people", text: PEOPLE, steps: 6 },
];

/// What a writer that may not be repeated answers; its path holds what it was given.
fn written(path: &str) -> String {
    format!("wrote {}", answer(path))
}

fn server() -> Server {
    Server::start(|request, stream| {
        std::thread::sleep(DELAY);
        match request.path.split('/').nth(1) {
            Some("pages") => respond_json(stream, &json!(format!("page {}", request.path))),
            Some("writes" | "saves" | "drops") => {
                respond(stream, "200 OK", "text/plain", "", written(&request.path).as_bytes());
            }
            Some("broken") => respond(stream, "500 Internal Server Error", "text/plain", "", b"broken"),
            _ => say(request, stream, &answer(&request.question())),
        }
    })
}

/// An answer that depends on the whole question, so that a lost or a wrong value changes the result.
fn answer(question: &str) -> String {
    let sum = question.bytes().fold(7u32, |sum, byte| sum.wrapping_mul(31).wrapping_add(u32::from(byte)));
    format!("{sum:08x}")
}

fn place(flow: &Flow, server: &Server) -> Place {
    let url = server.url();
    let place = Place::new().set("OPENAI_API_KEY", "test-key").set("OPENAI_BASE_URL", format!("{url}/v1"));
    place.file("main.flow", program(flow, &url));
    place.file("flow.toml", "[project]\nname = \"crash\"\n");
    place
}

fn program(flow: &Flow, url: &str) -> String {
    let tools = [
        format!("tool page(id: string) -> string {{ get: \"{url}/pages/${{id}}\" retry: 0 }}"),
        format!("tool write(id: string) -> string {{ post: \"{url}/writes/${{id}}\" }}"),
        format!(
            "tool save(id: string) -> string {{ post: \"{url}/saves/${{id}}\" idempotent: by id retry: 0 }}"
        ),
        format!(
            "tool drop(id: string) -> string {{ delete: \"{url}/drops/${{id}}\" idempotent: by id retry: 0 }}"
        ),
        format!("tool broken(id: string) -> string {{ get: \"{url}/broken/${{id}}\" retry: 0 }}"),
    ];
    let used = tools.iter().filter(|tool| {
        let name = tool["tool ".len()..].split('(').next().expect("a tool has a name");
        flow.text.contains(&format!("{name}("))
    });
    format!("{HEAD}\n{}\n{}", used.cloned().collect::<Vec<_>>().join("\n"), flow.text)
}

/// What a request asks for, whoever repeats it.
fn asked(request: &Request) -> String {
    match request.path.starts_with("/v1/") {
        true => request.question(),
        false => request.path.clone(),
    }
}

/// Whether it may not be made twice.
fn is_unsafe(asked: &str) -> bool {
    asked.starts_with("/writes/")
}

fn counted(requests: &[Request]) -> BTreeMap<String, usize> {
    let mut counts = BTreeMap::new();
    requests.iter().for_each(|request| *counts.entry(asked(request)).or_default() += 1);
    counts
}

/// A run that is under way, its first event read.
struct Started {
    child: Child,
    id: String,
    since: Instant,
    events: BufReader<std::process::ChildStdout>,
}

fn start(place: &Place) -> Started {
    let mut command = place.command(["run", ".", "topic=tides", "--json"]);
    let mut child = command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("flowc starts");
    let mut events = BufReader::new(child.stdout.take().expect("stdout is a pipe"));
    let mut line = String::new();
    events.read_line(&mut line).expect("stdout can be read");
    let since = Instant::now();
    let Ok(first) = serde_json::from_str::<Json>(&line) else {
        let ran = child.wait_with_output().expect("flowc ends");
        panic!("no first event but `{line}`: {}", String::from_utf8_lossy(&ran.stderr));
    };
    assert_eq!(first["event"], "run_started", "{first}");
    let id = first["run"].as_str().expect("an event names its run").to_owned();
    Started { child, id, since, events }
}

/// The undisturbed run: its result, and the time from its first to its last event.
fn undisturbed(place: &Place) -> (Json, Duration) {
    let Started { mut child, since, events, .. } = start(place);
    let mut last = Json::Null;
    let mut took = Duration::ZERO;
    for line in events.lines() {
        last = serde_json::from_str(&line.expect("stdout can be read")).expect("an event is JSON");
        took = since.elapsed();
    }
    match wait(&mut child, Duration::from_secs(10)) {
        Some(Some(0)) => {
            assert_eq!(last["event"], "run_finished", "{last}");
            (last["result"].clone(), took)
        }
        // It waits for somebody: what follows is the work of other processes.
        Some(Some(4)) => (resumed(place, last["run"].as_str().expect("an event names its run")), took),
        ended => panic!("{ended:?}: {last}"),
    }
}

/// Kills a run, and returns its id and what was in flight at that instant, as its journal tells; `None` if it was over.
fn killed(place: &Place, after: Duration) -> Option<(String, usize)> {
    let Started { mut child, id, since, events } = start(place);
    // The pipe must not fill up while nobody reads it.
    let reader = std::thread::spawn(move || events.lines().count());
    std::thread::sleep(after.saturating_sub(since.elapsed()));
    child.kill().expect("a child can be killed");
    let status = child.wait().expect("a child can be waited for");
    reader.join().expect("reading doesn't panic");
    if status.code().is_some() {
        return None;
    }
    let in_flight = in_flight(place, &id)?;
    Some((id, in_flight))
}

/// Steps that are started and have no end; `None` if the run is over.
fn in_flight(place: &Place, id: &str) -> Option<usize> {
    let events = place.run(["runs", "events", id, "--json"]).expect(0).json_lines();
    let mut open = Vec::new();
    for event in &events {
        let step = event["step"].as_str().unwrap_or_default().to_owned();
        match event["event"].as_str().unwrap_or_default() {
            "step_started" => open.push(step),
            "step_finished" | "step_failed" => open.retain(|other| *other != step),
            "run_finished" => return None,
            _ => {}
        }
    }
    open.sort();
    open.dedup();
    Some(open.len())
}

/// Goes on with a run to its end. Of a writer whose outcome nobody knows, somebody tells that it was done; who is asked
/// answers.
fn resumed(place: &Place, id: &str) -> Json {
    let mut ran = finish(place.command(["resume", id]), b"");
    for _ in 0..16 {
        if ran.code != Some(4) {
            return ran.expect(0).json();
        }
        let (step, answer) = wanted(place, id).expect("a run that is suspended waits for an answer");
        ran = finish(place.command(["resume", id, "--answer", &answer, "--step", &step]), b"");
    }
    panic!("run {id} isn't over after sixteen answers")
}

/// What a run waits for that no process has: a step, and the answer that it gets here.
fn wanted(place: &Place, id: &str) -> Option<(String, String)> {
    let shown = place.run(["runs", "show", id, "--json"]).expect(0).json();
    let steps = shown["steps"].as_array().expect("a run has steps");
    let find = |status: &str| steps.iter().find(|step| step["status"] == status);
    let name = |step: &Json| step["step"].as_str().expect("a step has a name").to_owned();
    if let Some(step) = find("uncertain") {
        assert_eq!(step["node"], "write", "only a writer may not be repeated: {step}");
        let name = name(step);
        let answer = json!(written(&path_of(place, id, &name))).to_string();
        return Some((name, answer));
    }
    // A timer waits, too, and for nobody.
    let step = steps.iter().find(|step| {
        step["status"] == "waiting" && matches!(step["kind"].as_str(), Some("human" | "event"))
    })?;
    let answer = told(step["node"].as_str().expect("a step has a node"), &name(step));
    Some((name(step), answer.to_string()))
}

/// What is answered where a node waits.
fn told(node: &str, step: &str) -> Json {
    match node {
        "approve" => json!(format!("fine, {step}")),
        "paid" => json!({"order": "A1", "cents": 7}),
        other => panic!("nobody answers for {other}"),
    }
}

/// The path that a writer of the flow asks for, as the undisturbed run asked it.
fn path_of(place: &Place, id: &str, step: &str) -> String {
    let events = place.run(["runs", "events", id, "--json"]).expect(0).json_lines();
    let result = |step: &str| {
        let is_it = |event: &&Json| event["event"] == "step_finished" && event["step"] == step;
        events.iter().find(is_it).and_then(|event| event["result"].as_str()).unwrap_or_default().to_owned()
    };
    let given = match step {
        "main/a" => String::from("one"),
        "main/c/kept" => format!("in three {}", result("main/b")),
        "main/finally/last" => String::from("six"),
        "main/second" => String::from("two"),
        "main/e" => format!("kept {}", result("main/d")),
        other => panic!("no writer stands at {other}"),
    };
    format!("/writes/{}", given.replace(' ', "%20"))
}

/// A generator of numbers from 0 to 1 that is the same on every machine.
struct Numbers(u64);

impl Numbers {
    fn next(&mut self) -> f64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 11) as f64 / (1u64 << 53) as f64
    }
}

fn is_long() -> bool {
    std::env::var_os("FLOW_LONG").is_some_and(|value| value == "1")
}

/// What the undisturbed run comes to, how long it takes, and what it asks.
struct Whole {
    result: Json,
    took: Duration,
    once: BTreeMap<String, usize>,
}

impl Whole {
    fn of(flow: &Flow, place: &Place, server: &Server) -> Whole {
        // The first run pays for everything cold.
        undisturbed(place);
        server.forget();
        let (result, took) = undisturbed(place);
        let once = counted(&server.requests());
        assert_eq!(once.values().sum::<usize>(), flow.steps, "{once:?}");
        Whole { result, took, once }
    }

    /// Goes on with a run to its end, and holds what came of it against the undisturbed one.
    fn holds(&self, place: &Place, server: &Server, id: &str, in_flight_sum: usize, name: &str) {
        if in_flight(place, id).is_some() {
            assert_eq!(resumed(place, id), self.result, "{name}");
        }
        let calls = counted(&server.requests());
        let (sum, steps) = (calls.values().sum::<usize>(), self.once.values().sum::<usize>());
        assert!(
            sum <= steps + in_flight_sum,
            "{name}: {sum} calls for {steps} steps and {in_flight_sum} in flight: {calls:?}"
        );
        for (asked, count) in &calls {
            assert!(self.once.contains_key(asked), "{name}: `{asked}` is asked by no undisturbed run");
            assert!(!is_unsafe(asked) || *count == 1, "{name}: `{asked}` was made {count} times");
        }
        for asked in self.once.keys() {
            // A writer that was about to be sent is uncertain, too.
            assert!(is_unsafe(asked) || calls.contains_key(asked), "{name}: `{asked}` was never asked");
        }
    }
}

fn survives(flow: &Flow) {
    let instants = if is_long() { 120 } else { 10 };
    let server = server();
    let place = place(flow, &server);
    let whole = Whole::of(flow, &place, &server);
    let mut numbers = Numbers(0x5eed + flow.steps as u64);
    let mut second_kills = 0;
    for instant in 0..instants {
        let mut share = (f64::from(instant) + numbers.next()) / f64::from(instants);
        let (id, mut in_flight_sum) = loop {
            server.forget();
            match killed(&place, whole.took.mul_f64(share)) {
                Some(run) => break run,
                // It was over: this machine is faster now than it was before.
                None => share *= 0.8,
            }
        };
        // Every other time the process that goes on is killed, too.
        if instant % 2 == 1 {
            let answered = wanted(&place, &id);
            let answered = answered.iter().flat_map(|(step, answer)| ["--answer", answer, "--step", step]);
            let words: Vec<&str> = ["resume", &id, "--json"].into_iter().chain(answered).collect();
            let mut child = place
                .command(words)
                .stdin(Stdio::null())
                .stdout(Stdio::piped())
                .stderr(Stdio::null())
                .spawn()
                .expect("flowc starts");
            // It goes on from its first event; what is left of the run takes no more than this.
            let mut events = BufReader::new(child.stdout.take().expect("stdout is a pipe"));
            events.read_line(&mut String::new()).expect("stdout can be read");
            std::thread::sleep(whole.took.mul_f64((1.0 - share) * 0.6 * numbers.next()));
            child.kill().expect("a child can be killed");
            let ended = child.wait().expect("a child can be waited for");
            if ended.code().is_none() {
                second_kills += 1;
            }
            in_flight_sum += in_flight(&place, &id).unwrap_or(0);
        }
        let name = format!("{}, killed at {:.0} % of {:?}", flow.name, share * 100.0, whole.took);
        whole.holds(&place, &server, &id, in_flight_sum, &name);
    }
    println!("{}: {instants} runs were killed, {second_kills} of them once more", flow.name);
    assert!(second_kills * 3 >= instants / 2, "only {second_kills} of {} second kills landed", instants / 2);
}

// A crash at each commit

/// Says in a process of its own which commit to end at: `before 3`, `after 3`.
const CHILD: &str = "FLOW_CRASH_AT";

/// A journal whose process ends at one of its commits.
struct Ends {
    inner: Arc<dyn Journal>,
    before: bool,
    at: usize,
    commits: AtomicUsize,
}

#[async_trait::async_trait]
impl Journal for Ends {
    async fn put_plan(&self, hash: &str, plan: &str) -> Result<(), StoreError> {
        self.inner.put_plan(hash, plan).await
    }

    async fn plan(&self, hash: &str) -> Result<String, StoreError> {
        self.inner.plan(hash).await
    }

    async fn append(&self, run: &RunId, fence: Fence, records: Vec<Record>) -> Result<(), StoreError> {
        let is_it = self.commits.fetch_add(1, Ordering::SeqCst) == self.at;
        if is_it && self.before {
            std::process::abort();
        }
        self.inner.append(run, fence, records).await?;
        if is_it {
            std::process::abort();
        }
        Ok(())
    }

    async fn read(&self, run: &RunId, seq: u64, limit: u32) -> Result<Vec<Record>, StoreError> {
        self.inner.read(run, seq, limit).await
    }

    async fn runs(&self, filter: &RunFilter) -> Result<Vec<RunSummary>, StoreError> {
        self.inner.runs(filter).await
    }

    async fn due(&self, now: Time, until: Time, limit: u32) -> Result<Vec<(RunId, Time)>, StoreError> {
        self.inner.due(now, until, limit).await
    }

    async fn find(&self, prefix: &str) -> Result<Vec<RunId>, StoreError> {
        self.inner.find(prefix).await
    }

    async fn delete(&self, runs: &[RunId], now: Time) -> Result<Vec<RunId>, StoreError> {
        self.inner.delete(runs, now).await
    }

    async fn size(&self) -> Result<(u64, u64), StoreError> {
        self.inner.size().await
    }
}

/// Runs the program of this folder until the commit at which the process is to end.
fn run_until(at: &str) {
    let (side, at) = at.split_once(' ').expect("a side and a number");
    let text = std::fs::read("main.flow").expect("the program is there");
    let plan = flow_tests::compile::plan(&[(String::from("main.flow"), text)]).expect("it is right");
    let url = StoreUrl::parse("sqlite:.flow/flow.db", None).expect("a store");
    let mut store = Store::open(&url, SqliteOptions::default());
    store.journal = Arc::new(Ends {
        inner: store.journal,
        before: side == "before",
        at: at.parse().expect("a number"),
        commits: AtomicUsize::new(0),
    });
    let host = Host::over(HostSettings::new(url, Environment::process()), store);
    let inputs = serde_json::Map::from_iter([(String::from("topic"), json!("tides"))]);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let ended = runtime.block_on(async {
        let handle = host.start((*plan).clone(), inputs, RunOptions::default()).await?;
        let run = handle.run().clone();
        let mut ended = handle.finish().await;
        while matches!(ended, Err(HostError::Suspended { .. })) {
            let trace = host.trace(&run).await?;
            let step = trace.steps.iter().find(|step| step.status == StepStatus::Waiting);
            let step = step.expect("a run that is suspended waits for somebody");
            let name = step.step.0.to_string();
            let settle = Settle::Answer { result: Some(told(&step.node, &name)), step: Some(name) };
            let options = ResumeOptions { settle: Some(settle), ..ResumeOptions::default() };
            ended = host.resume(&run.0, options).await?.finish().await;
        }
        ended
    });
    ended.expect("a run that isn't ended succeeds");
}

/// Ends processes before and after each commit of a run; returns how many there were.
fn survives_each_commit(flow: &Flow, test: &str) {
    if let Ok(at) = std::env::var(CHILD) {
        return run_until(&at);
    }
    let server = server();
    let place = place(flow, &server);
    let whole = Whole::of(flow, &place, &server);
    for side in ["before", "after"] {
        for at in 0.. {
            server.forget();
            std::fs::remove_dir_all(place.path().join(".flow")).expect("the store can be removed");
            let status = Command::new(std::env::current_exe().expect("this test is a program"))
                .args([test, "--exact"])
                .current_dir(place.path())
                .env(CHILD, format!("{side} {at}"))
                .env("OPENAI_API_KEY", "test-key")
                .env("OPENAI_BASE_URL", format!("{}/v1", server.url()))
                .stdin(Stdio::null())
                .stdout(Stdio::null())
                .stderr(Stdio::null())
                .status()
                .expect("this test can be started");
            if status.success() {
                assert!(at >= flow.steps, "only {at} commits");
                break;
            }
            assert_eq!(status.code(), None, "{side} {at}: it ends by its own hand");
            let name = format!("{}, ended {side} commit {at}", flow.name);
            let lines = place.run(["runs", "--json"]).expect(0).json_lines();
            let Some(id) = lines.first().and_then(|line| line["run"].as_str()) else {
                assert_eq!((side, at), ("before", 0), "{name}: it isn't on record");
                assert!(server.requests().is_empty(), "{name}: something was asked that isn't on record");
                continue;
            };
            let open = in_flight(&place, id).unwrap_or(0);
            // Before its end is on record, a step that is answered is in flight, too.
            whole.holds(&place, &server, id, open, &name);
        }
    }
}

#[test]
fn a_sequential_flow_survives_an_end_at_each_commit() {
    survives_each_commit(&FLOWS[0], "a_sequential_flow_survives_an_end_at_each_commit");
}

#[test]
fn a_parallel_flow_survives_an_end_at_each_commit() {
    survives_each_commit(&FLOWS[1], "a_parallel_flow_survives_an_end_at_each_commit");
}

#[test]
fn writers_survive_an_end_at_each_commit() {
    survives_each_commit(&FLOWS[3], "writers_survive_an_end_at_each_commit");
}

#[test]
fn forms_survive_an_end_at_each_commit() {
    survives_each_commit(&FLOWS[4], "forms_survive_an_end_at_each_commit");
}

#[test]
fn a_loop_survives_an_end_at_each_commit() {
    survives_each_commit(&FLOWS[2], "a_loop_survives_an_end_at_each_commit");
}

#[test]
fn people_survive_an_end_at_each_commit() {
    survives_each_commit(&FLOWS[5], "people_survive_an_end_at_each_commit");
}

#[test]
fn people_survive_being_killed() {
    survives(&FLOWS[5]);
}

#[test]
fn writers_survive_being_killed() {
    survives(&FLOWS[3]);
}

#[test]
fn forms_survive_being_killed() {
    survives(&FLOWS[4]);
}

#[test]
fn a_sequential_flow_survives_being_killed() {
    survives(&FLOWS[0]);
}

#[test]
fn a_parallel_flow_survives_being_killed() {
    survives(&FLOWS[1]);
}

#[test]
fn a_loop_survives_being_killed() {
    survives(&FLOWS[2]);
}
