//! Runs that are stopped or wait: Ctrl-C, a terminal that closes, a long `wait`. Each can be resumed, none loses a result.

#![allow(clippy::disallowed_methods, reason = "tests read files and start processes")]

use std::io::{BufRead, BufReader};
use std::process::{Child, ChildStdout, Stdio};
use std::time::Duration;

use flow_tests::program::{Place, wait};
use flow_tests::server::{Server, say};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value as Json, json};

const PROGRAM: &str = r#"
model default = "openai/local"

prompt ask(text: string) -> string { user: text retry: 0 }

flow main(text: string) -> string {
  let a = ask("quick ${text}")
  let b = ask("slow ${a}")
  return "${a} ${b}"
}
"#;

/// Answers at once, and what is slow only when it is asked for the second time.
fn server() -> Server {
    let asked = std::sync::atomic::AtomicUsize::new(0);
    Server::start(move |request, stream| {
        let question = request.question();
        if question.starts_with("slow") && asked.fetch_add(1, std::sync::atomic::Ordering::Relaxed) == 0 {
            std::thread::sleep(Duration::from_secs(30));
        }
        say(request, stream, &format!("<{question}>"));
    })
}

fn place(server: &Server) -> Place {
    let place =
        Place::new().set("OPENAI_API_KEY", "test-key").set("OPENAI_BASE_URL", format!("{}/v1", server.url()));
    place.file("main.flow", PROGRAM);
    place.file("flow.toml", "[project]\nname = \"stops\"\n");
    place
}

/// A process that doesn't outlive its test.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        self.0.kill().ok();
        self.0.wait().ok();
    }
}

/// Starts a run and reads events until one is of a kind and a step.
fn until(place: &Place, kind: &str, step: &str) -> (Running, String, BufReader<ChildStdout>) {
    let mut command = place.command(["run", ".", "text=x", "--json"]);
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
    let mut running = Running(command.spawn().expect("flowc starts"));
    let mut events = BufReader::new(running.0.stdout.take().expect("stdout is a pipe"));
    loop {
        let mut line = String::new();
        events.read_line(&mut line).expect("stdout can be read");
        let event: Json = serde_json::from_str(&line).expect("the event comes before the end");
        if event["event"] == kind && event["step"] == step {
            return (running, event["run"].as_str().expect("an event names its run").to_owned(), events);
        }
    }
}

fn signal(child: &Child, signal: Signal) {
    let pid = Pid::from_raw(child.id().cast_signed()).expect("a child has an id");
    kill_process(pid, signal).expect("a child can be signalled");
}

fn stopped_by(stop: Signal, code: i32) {
    let server = server();
    let place = place(&server);
    let (mut running, run, events) = until(&place, "step_started", "main/b");
    signal(&running.0, stop);
    let rest: Vec<Json> = events
        .lines()
        .map(|line| serde_json::from_str(&line.expect("stdout can be read")).expect("an event is JSON"))
        .collect();
    assert_eq!(wait(&mut running.0, Duration::from_secs(10)), Some(Some(code)), "{rest:?}");
    let last = rest.last().expect("it says how it ended");
    assert_eq!((&last["event"], &last["status"]), (&json!("suspended"), &json!("interrupted")), "{last}");
    let runs = place.run(["runs", "--json"]).expect(0).json_lines();
    assert_eq!(runs[0]["status"], "interrupted", "{runs:?}");
    assert_eq!(place.run(["resume", &run]).expect(0).json(), "<quick x> <slow <quick x>>");
    // The quick one was answered before, and is not asked again.
    let quick = server.requests().iter().filter(|request| request.question().starts_with("quick")).count();
    assert_eq!((quick, server.requests().len()), (1, 3));
    // What is done is done.
    let again = place.run(["resume", &run]);
    assert_eq!(server.requests().len(), 3, "{again:?}");
}

#[test]
fn ctrl_c_leaves_a_run_that_can_be_resumed() {
    stopped_by(Signal::INT, 130);
}

#[test]
fn so_does_a_polite_request_to_end() {
    stopped_by(Signal::TERM, 143);
}

#[test]
fn a_long_wait_suspends_the_run_and_says_how_to_go_on() {
    let place = Place::new();
    place.file("flow.toml", "[project]\nname = \"stops\"\n");
    place.file("main.flow", "flow main(n: int) -> int {\n  wait 300ms\n  wait 2s as longer\n  return n\n}\n");
    let ran = place.run(["run", ".", "n=3", "--wait-max", "1s", "--json"]).expect(4);
    let events = ran.json_lines();
    let last = events.last().expect("a run has events");
    assert_eq!((&last["event"], &last["status"]), (&json!("suspended"), &json!("suspended")), "{last}");
    let run = last["run"].as_str().expect("an event names its run");
    let ran = ran.says(&["flowc resume", run]);
    assert!(!ran.stderr.contains("error"), "{}", ran.stderr);
    assert_eq!(place.run(["resume", run]).expect(0).json(), 3);
}

#[test]
fn a_short_wait_is_waited_for() {
    let place = Place::new();
    place.file("main.flow", "flow main(n: int) -> int {\n  wait 50ms\n  return n\n}\n");
    let place = place.set("FLOW_STORAGE_URL", "memory:");
    assert_eq!(place.run(["run", "main.flow", "n=3"]).expect(0).json(), 3);
}

#[test]
fn two_processes_do_not_execute_one_run() {
    let server = server();
    let place = place(&server);
    let (mut running, run, events) = until(&place, "step_started", "main/b");
    place.run(["resume", &run]).expect(5).says(&["held by another process", &running.0.id().to_string()]);
    signal(&running.0, Signal::INT);
    events.lines().for_each(drop);
    wait(&mut running.0, Duration::from_secs(10));
    assert_eq!(server.requests().len(), 2);
}
