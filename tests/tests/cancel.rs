//! `flowc runs cancel`, and whatever else stops what is in flight: how soon the server sees its connection close, what is
//! cleaned up, what is left after a crash.

#![allow(
    clippy::disallowed_methods,
    clippy::print_stdout,
    reason = "tests read files, start processes and tell times"
)]

use std::io::{BufRead, BufReader, Read};
use std::net::TcpStream;
use std::process::{Child, ChildStdout, Stdio};
use std::sync::{Arc, Condvar, Mutex};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use flow_tests::program::{Place, Ran, finish, wait};
use flow_tests::server::{Server, respond};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value as Json;

/// How long anything here may take before it counts as hanging.
const PATIENCE: Duration = Duration::from_secs(30);
/// From what stops a call to the end of its connection, in milliseconds.
const CLOSES_WITHIN_MS: i64 = 100;
/// From the command to its end.
const CANCELS_WITHIN: Duration = Duration::from_millis(1_100);
/// Other work on the machine may hold up a try or two. What is always slow fails.
const TRIES: usize = 6;

/// A server whose paths say what it does: `/hang/…` never answers, `/book/…` and `/drop/…` do, `/fail/…` does once something
/// hangs, as `/late/…` answers then, `/hold/…` hangs the first time.
struct Slow {
    server: Server,
    seen: Arc<(Mutex<Seen>, Condvar)>,
}

#[derive(Default)]
struct Seen {
    /// Calls that hang, and when their connection was closed.
    hanging: Vec<(String, Option<i64>)>,
    holds: bool,
}

impl Slow {
    fn start() -> Slow {
        let seen: Arc<(Mutex<Seen>, Condvar)> = Arc::default();
        let kept = seen.clone();
        let server = Server::start(move |request, stream| {
            let hangs = match request.path.split('/').nth(1) {
                Some("hang") => true,
                Some("hold") => !std::mem::replace(&mut kept.0.lock().unwrap().holds, true),
                Some("fail") => {
                    await_that(&kept, |seen| !seen.hanging.is_empty());
                    return respond(stream, "404 Not Found", "text/plain", "", b"gone");
                }
                Some("late") => {
                    await_that(&kept, |seen| !seen.hanging.is_empty());
                    false
                }
                _ => false,
            };
            if hangs {
                hang(&kept, &request.path, stream)
            } else {
                respond(stream, "200 OK", "application/json", "", b"true")
            }
        });
        Slow { server, seen }
    }

    fn place(&self, program: &str) -> Place {
        let url = self.server.url();
        let head = format!(
            r#"allow [net("127.0.0.1")]
tool hang(id: string) -> string {{ get: "{url}/hang/${{id}}" retry: 0 }}
tool hold(id: string) -> bool {{ post: "{url}/hold/${{id}}" body: {{id: id}} idempotent: by id }}
tool fails(id: string) -> string {{ get: "{url}/fail/${{id}}" retry: 0 }}
tool late(id: string) -> string {{ get: "{url}/late/${{id}}" retry: 0 }}
tool book(id: string) -> bool {{ post: "{url}/book/${{id}}" body: {{id: id}} idempotent: by id }}
tool drop(id: string) -> bool {{ post: "{url}/drop/${{id}}" body: {{id: id}} idempotent: by id }}
"#
        );
        let place = Place::new();
        place.file("main.flow", format!("{head}\n{program}"));
        place.file("flow.toml", "[project]\nname = \"cancel\"\n");
        place
    }

    /// Waits until so many calls hang, or have hung.
    fn hang(&self, count: usize) {
        await_that(&self.seen, |seen| seen.hanging.len() >= count);
    }

    /// Waits until all connections of calls that hang are closed; returns when the last one was.
    fn closed(&self) -> i64 {
        await_that(&self.seen, |seen| seen.hanging.iter().all(|(_, closed)| closed.is_some()));
        self.seen.0.lock().unwrap().hanging.iter().filter_map(|(_, closed)| *closed).max().unwrap()
    }

    fn paths(&self) -> Vec<String> {
        self.server.requests().into_iter().map(|request| request.path).collect()
    }
}

fn await_that(seen: &(Mutex<Seen>, Condvar), is_so: impl Fn(&Seen) -> bool) {
    let held = seen.0.lock().unwrap();
    let (_held, timeout) = seen.1.wait_timeout_while(held, PATIENCE, |seen| !is_so(seen)).unwrap();
    assert!(!timeout.timed_out(), "the server waits in vain");
}

/// Never answers, and notes when the other side has gone.
fn hang(seen: &(Mutex<Seen>, Condvar), path: &str, stream: &mut TcpStream) {
    let index = {
        let mut seen = seen.0.lock().unwrap();
        seen.hanging.push((path.to_owned(), None));
        seen.hanging.len() - 1
    };
    seen.1.notify_all();
    let _ = stream.read(&mut [0]);
    seen.0.lock().unwrap().hanging[index].1 = Some(now_ms());
    seen.1.notify_all();
}

fn now_ms() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis() as i64
}

/// A process that doesn't outlive its test.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        self.0.kill().ok();
        self.0.wait().ok();
    }
}

impl Running {
    fn signal(&self, signal: Signal) {
        let pid = Pid::from_raw(self.0.id().cast_signed()).expect("a child has an id");
        kill_process(pid, signal).expect("a child can be signalled");
    }

    fn ends(&mut self) -> Option<i32> {
        wait(&mut self.0, PATIENCE).expect("it ends")
    }
}

/// Starts a run, and returns when something hangs in it.
fn start(place: &Place, slow: &Slow) -> (Running, String, BufReader<ChildStdout>) {
    let mut command = place.command(["run", ".", "text=x", "--json"]);
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
    let mut running = Running(command.spawn().expect("flowc starts"));
    let mut events = BufReader::new(running.0.stdout.take().expect("stdout is a pipe"));
    let mut line = String::new();
    events.read_line(&mut line).expect("stdout can be read");
    let event: Json = serde_json::from_str(&line).expect("the run begins");
    slow.hang(1);
    (running, event["run"].as_str().expect("an event names its run").to_owned(), events)
}

/// The journal of the only run: when, and what.
fn journal(place: &Place) -> Vec<(i64, Json)> {
    let db = rusqlite::Connection::open(place.path().join(".flow/flow.db")).expect("the store can be opened");
    let mut rows = db.prepare("SELECT at, event FROM events ORDER BY id").expect("it has events");
    let rows =
        rows.query_map([], |row| Ok((row.get(0)?, row.get::<_, String>(1)?))).expect("they can be read");
    rows.map(|row| row.expect("a row can be read"))
        .map(|(at, text)| (at, serde_json::from_str(&text).expect("an event is JSON")))
        .collect()
}

fn names(journal: &[(i64, Json)]) -> Vec<String> {
    let name = |event: &Json| match event["step"].as_str() {
        Some(step) => format!("{} {step}", event["event"].as_str().unwrap_or_default()),
        None => event["event"].as_str().unwrap_or_default().to_owned(),
    };
    journal.iter().map(|(_, event)| name(event)).collect()
}

/// Tries until the server has seen its connection close soon enough after the record that says why.
fn closes_in_time(program: &str, cause: &str, run: impl Fn(&Place, &Slow)) {
    let mut lags = Vec::new();
    while lags.len() < TRIES {
        let slow = Slow::start();
        let place = slow.place(program);
        run(&place, &slow);
        let closed = slow.closed();
        let journal = journal(&place);
        let at = names(&journal).iter().position(|name| name == cause);
        let at = at.unwrap_or_else(|| panic!("no `{cause}` in {:#?}", names(&journal)));
        let lag = closed - journal[at].0;
        lags.push(lag);
        if lag <= CLOSES_WITHIN_MS {
            println!("{cause}: closed after {lags:?} ms");
            return;
        }
    }
    panic!("{cause}: closed after {lags:?} ms, and {CLOSES_WITHIN_MS} were allowed");
}

fn to_its_end(place: &Place, _: &Slow) {
    place.run(["run", ".", "text=x"]).expect(3);
}

#[test]
fn the_timeout_of_an_attempt_closes_its_connection() {
    let program =
        "flow main(text: string) -> string {\n  let a = hang(text) with {timeout: 200ms}\n  return a\n}\n";
    closes_in_time(program, "step_failed main/a", to_its_end);
}

#[test]
fn so_does_the_timeout_of_a_flow() {
    let program = "flow main(text: string) -> string {\n  let a = slow(text) with {timeout: 200ms}\n  return a\n}\n\
        flow slow(text: string) -> string {\n  let b = hang(text)\n  return b\n}\n";
    closes_in_time(program, "timed_out main/a", to_its_end);
}

#[test]
fn so_does_a_sibling_that_fails() {
    let program = "flow main(text: string) -> string {\n  parallel {\n    let a = hang(text)\n    let b = fails(text)\n  }\n\
        \x20 return \"${a} ${b}\"\n}\n";
    closes_in_time(program, "step_failed main/b", to_its_end);
}

#[test]
fn so_does_another_arm_of_a_race() {
    let program = "flow main(text: string) -> string {\n  let first = race {\n    when let a = hang(text) => yield a\n    \
        when let b = late(text) => yield b\n  }\n  return first\n}\n";
    closes_in_time(program, "race_won main/first", |place, _| {
        place.run(["run", ".", "text=x"]).expect(0);
    });
}

#[test]
fn so_does_a_budget_of_time() {
    let program = "flow main(text: string) -> string {\n  budget { time: 200ms }\n  let a = hang(text)\n  return a\n}\n";
    closes_in_time(program, "step_failed main/a", to_its_end);
}

const HANGS: &str = "flow main(text: string) -> string {\n  let a = hang(text)\n  return a\n}\n";

#[test]
fn so_does_ctrl_c_and_the_run_can_be_resumed() {
    closes_in_time(HANGS, "interrupted", |place, slow| {
        let (mut running, _, events) = start(place, slow);
        running.signal(Signal::INT);
        events.lines().for_each(drop);
        assert_eq!(running.ends(), Some(130));
    });
}

#[test]
fn so_does_runs_cancel_and_it_takes_a_second() {
    let took = Mutex::new(Vec::new());
    for _ in 0..TRIES {
        closes_in_time(HANGS, "cancel_requested", |place, slow| {
            let (mut running, run, events) = start(place, slow);
            let began = Instant::now();
            let ran = place.run(["runs", "cancel", &run]).expect(0);
            took.lock().unwrap().push(began.elapsed());
            ran.prints(&[&run, "the run was cancelled"]);
            let last = events.lines().map_while(Result::ok).last().expect("it says how it ended");
            let last: Json = serde_json::from_str(&last).expect("an event is JSON");
            assert_eq!(
                (&last["event"], &last["status"]),
                (&Json::from("run_finished"), &Json::from("cancelled"))
            );
            assert_eq!(running.ends(), Some(3));
        });
        let took = took.lock().unwrap();
        if took.last().is_some_and(|took| *took <= CANCELS_WITHIN) {
            println!("cancelled within {took:?}");
            return;
        }
    }
    panic!("cancelled within {took:?}, and {CANCELS_WITHIN:?} were allowed");
}

/// Books, then hangs.
const SAGA: &str = "flow main(text: string) -> string {\n  saga {\n    book(\"a\") as first undo drop(\"a\")\n    \
    book(\"b\") as second undo hold(\"b\")\n    let c = hang(text)\n    return c\n  }\n}\n";

#[test]
fn who_executes_the_run_cleans_up() {
    let slow = Slow::start();
    let place = slow.place(&SAGA.replace("hold(\"b\")", "drop(\"b\")"));
    let (mut running, run, _events) = start(&place, &slow);
    place.run(["runs", "cancel", &run]).expect(0);
    assert_eq!(running.ends(), Some(3));
    assert_eq!(slow.paths(), ["/book/a", "/book/b", "/hang/x", "/drop/b", "/drop/a"]);
    // What is over stays so.
    place.run(["runs", "cancel", &run]).expect(2).says(&["the run is over: cancelled"]);
    place.run(["resume", &run]).expect(2).says(&["the run is over: cancelled"]);
    assert_eq!(slow.paths().len(), 5);
}

#[test]
fn where_nobody_executes_it_the_command_cleans_up() {
    let slow = Slow::start();
    let place = slow.place(&SAGA.replace("let c = hang(text)", "wait 1h").replace("return c", "return text"));
    let place = place.set("FLOW_RUN_CLEAN_UP_S", "60");
    let ran = place.run(["run", ".", "text=x", "--json"]).expect(4).json_lines();
    let run = ran[0]["run"].as_str().expect("an event names its run").to_owned();
    let mut cancel = place.command(["runs", "cancel", &run]);
    let mut first =
        Running(cancel.stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("flowc starts"));
    slow.hang(1);
    // The process that cleans up dies. What goes on then is the clean-up, and that only.
    first.signal(Signal::KILL);
    first.ends();
    place.run(["resume", &run]).expect(3).says(&["the run was cancelled"]);
    assert_eq!(slow.paths(), ["/book/a", "/book/b", "/hold/b", "/hold/b", "/drop/a"]);
    let names = names(&journal(&place));
    assert_eq!(names.iter().filter(|name| *name == "cancel_requested").count(), 1, "{names:#?}");
    assert_eq!(
        names.iter().filter(|name| name.contains("step_finished") && name.contains("undo")).count(),
        2
    );
}

#[test]
fn what_a_dead_process_had_in_flight_is_not_sent_again() {
    let slow = Slow::start();
    let place = slow.place(&SAGA.replace("hold(\"b\")", "drop(\"b\")"));
    let (mut running, run, _events) = start(&place, &slow);
    running.signal(Signal::KILL);
    running.ends();
    place.run(["runs", "cancel", &run]).expect(0);
    assert_eq!(slow.paths(), ["/book/a", "/book/b", "/hang/x", "/drop/b", "/drop/a"]);
}

#[test]
fn clean_up_has_an_end_and_a_second_request_changes_nothing() {
    let slow = Slow::start();
    let place = slow.place(SAGA).set("FLOW_RUN_CLEAN_UP_S", "1");
    let (mut running, run, _events) = start(&place, &slow);
    let cancel = || {
        let command = place.command(["runs", "cancel", &run]);
        std::thread::spawn(move || finish(command, b""))
    };
    let first = cancel();
    slow.hang(2);
    let second = cancel();
    let told = |ran: Ran| {
        ran.expect(3).says(&[
            "undo_failed",
            "clean-up was stopped after 1 s",
            "`main/second/undo`, `main/first/undo`",
        ])
    };
    told(first.join().expect("no panic"));
    told(second.join().expect("no panic"));
    assert_eq!(running.ends(), Some(3));
    assert_eq!(slow.paths(), ["/book/a", "/book/b", "/hang/x", "/hold/b"]);
    let names = names(&journal(&place));
    assert_eq!(names.iter().filter(|name| *name == "cancel_requested").count(), 1, "{names:#?}");
    slow.closed();
}

#[test]
fn ctrl_c_while_it_cleans_up_leaves_a_run_whose_clean_up_can_be_resumed() {
    let slow = Slow::start();
    let place = slow.place(SAGA).set("FLOW_RUN_CLEAN_UP_S", "60");
    let (mut running, run, _events) = start(&place, &slow);
    let command = place.command(["runs", "cancel", &run]);
    let cancel = std::thread::spawn(move || finish(command, b""));
    slow.hang(2);
    running.signal(Signal::INT);
    assert_eq!(running.ends(), Some(130));
    // Who has asked takes the clean-up over.
    cancel.join().expect("no panic").expect(0);
    assert_eq!(slow.paths(), ["/book/a", "/book/b", "/hang/x", "/hold/b", "/hold/b", "/drop/a"]);
    place.run(["resume", &run]).expect(2).says(&["the run is over: cancelled"]);
}
