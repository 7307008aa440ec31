//! Kills `flowc run` with `kill -9` between its first and its last event, resumes it, and holds the result and the calls
//! that a server saw against the undisturbed run.
//!
//! Sixty instants in every test run, six hundred with `FLOW_LONG=1`; a fixed seed spreads them over three flows.

#![allow(clippy::disallowed_methods, reason = "tests read files and start processes")]

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader};
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use flow_tests::program::{Place, finish, wait};
use flow_tests::server::{Request, Server, respond_json, say};
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

const FLOWS: [Flow; 3] = [
    Flow { name: "sequential", text: SEQUENTIAL, steps: 8 },
    Flow { name: "parallel", text: PARALLEL, steps: 14 },
    Flow { name: "loop", text: LOOP, steps: 15 },
];

fn server() -> Server {
    Server::start(|request, stream| {
        std::thread::sleep(DELAY);
        match request.path.strip_prefix("/pages/") {
            Some(page) => respond_json(stream, &json!(format!("page {page}"))),
            None => say(request, stream, &answer(&request.question())),
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
    let tool = format!("tool page(id: string) -> string {{ get: \"{url}/pages/${{id}}\" retry: 0 }}\n");
    place.file("main.flow", format!("{HEAD}\n{tool}\n{}", flow.text));
    place.file("flow.toml", "[project]\nname = \"crash\"\n");
    place
}

/// What a request asks for, whoever repeats it.
fn asked(request: &Request) -> String {
    if request.method == "GET" { request.path.clone() } else { request.question() }
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
    assert_eq!(wait(&mut child, Duration::from_secs(10)), Some(Some(0)), "{last}");
    assert_eq!(last["event"], "run_finished", "{last}");
    (last["result"].clone(), took)
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

fn resumed(place: &Place, id: &str) -> Json {
    finish(place.command(["resume", id]), b"").expect(0).json()
}

/// A generator of numbers from 0 to 1 that is the same on every machine.
struct Numbers(u64);

impl Numbers {
    fn next(&mut self) -> f64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 11) as f64 / (1u64 << 53) as f64
    }
}

fn survives(flow: &Flow) {
    let long = std::env::var_os("FLOW_LONG").is_some_and(|value| value == "1");
    let instants = if long { 200 } else { 20 };
    let server = server();
    let place = place(flow, &server);
    // The first run pays for everything cold.
    undisturbed(&place);
    server.forget();
    let (result, took) = undisturbed(&place);
    let once = counted(&server.requests());
    assert_eq!(once.values().sum::<usize>(), flow.steps, "{once:?}");
    let mut numbers = Numbers(0x5eed + flow.steps as u64);
    for instant in 0..instants {
        let mut share = (f64::from(instant) + numbers.next()) / f64::from(instants);
        let (id, mut in_flight_sum) = loop {
            server.forget();
            match killed(&place, took.mul_f64(share)) {
                Some(run) => break run,
                // It was over: this machine is faster now than it was before.
                None => share *= 0.8,
            }
        };
        // Now and then the process that goes on is killed too.
        if instant % 4 == 3 {
            let mut child = place
                .command(["resume", &id])
                .stdout(Stdio::null())
                .stderr(Stdio::null())
                .spawn()
                .expect("flowc starts");
            std::thread::sleep(took.mul_f64(0.5));
            child.kill().expect("a child can be killed");
            child.wait().expect("a child can be waited for");
            in_flight_sum += in_flight(&place, &id).unwrap_or(0);
        }
        let name = format!("{}, killed at {:.0} % of {took:?}", flow.name, share * 100.0);
        if in_flight(&place, &id).is_some() {
            assert_eq!(resumed(&place, &id), result, "{name}");
        }
        let calls = counted(&server.requests());
        let sum: usize = calls.values().sum();
        assert!(
            sum <= flow.steps + in_flight_sum,
            "{name}: {sum} calls for {} steps and {in_flight_sum} in flight: {calls:?}",
            flow.steps
        );
        assert_eq!(calls.keys().collect::<Vec<_>>(), once.keys().collect::<Vec<_>>(), "{name}");
    }
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
