//! Run stores that are old, broken, full or taken away, and processes that lose their run: each has one clear outcome.

#![allow(clippy::disallowed_methods, reason = "tests read files and start processes")]

use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use flow_tests::program::{Place, Ran, finish, wait, workspace};
use flow_tests::server::{Server, say};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value as Json, json};

/// Four calls of a model, one after the other.
const FOUR: &str = r#"
model default = "openai/local"

prompt ask(text: string) -> string { user: text retry: 0 }

flow main(text: string) -> string {
  let a = ask("a ${text}")
  let b = ask("b ${a}")
  let c = ask("c ${b}")
  return ask("d ${c}")
}
"#;

const FOUR_SAY: &str = "<d <c <b <a x>>>>";

fn place(program: &str, server: &Server) -> Place {
    let place =
        Place::new().set("OPENAI_API_KEY", "test-key").set("OPENAI_BASE_URL", format!("{}/v1", server.url()));
    place.file("main.flow", program);
    place.file("flow.toml", "[project]\nname = \"stores\"\n");
    place
}

fn echo() -> Server {
    Server::start(|request, stream| say(request, stream, &format!("<{}>", request.question())))
}

fn questions(server: &Server) -> Vec<String> {
    server.requests().iter().map(|request| request.question()).collect()
}

fn database(place: &Place) -> PathBuf {
    place.path().join(".flow/flow.db")
}

fn only_run(place: &Place) -> Json {
    let lines = place.run(["runs", "--json"]).expect(0).json_lines();
    assert_eq!(lines.len(), 1, "{lines:?}");
    lines[0].clone()
}

// Older and newer stores

const OLD: &str = "tests/fixtures/stores/schema-1.db";

/// The server that the old runs had, as far as they ask it now.
fn old_place() -> (Place, Server) {
    let server = Server::start(|request, stream| {
        let text = if request.question().starts_with("first") { "x".repeat(10_000) } else { "said".into() };
        say(request, stream, &text);
    });
    let place = place("flow main() {}\n", &server);
    place.file(".flow/flow.db", std::fs::read(workspace().join(OLD)).expect("the fixture is there"));
    (place, server)
}

/// The id of the run that was started with a text.
fn old_run(place: &Place, text: &str) -> String {
    let lines = place.run(["runs", "--json"]).expect(0).json_lines();
    let has_text = |line: &&Json| {
        let id = line["run"].as_str().expect("a line names its run");
        place.run(["runs", "events", id, "--json"]).expect(0).json_lines()[0]["inputs"]["text"] == text
    };
    lines.iter().find(has_text).expect("the run is listed")["run"].as_str().expect("a text").to_owned()
}

#[test]
fn a_store_of_an_older_flowc_is_migrated_and_its_runs_go_on() {
    let (place, server) = old_place();
    let lines = place.run(["runs", "--json"]).expect(0).json_lines();
    let statuses: Vec<_> = lines.iter().map(|line| line["status"].as_str().unwrap_or_default()).collect();
    assert_eq!(statuses, ["succeeded", "suspended", "interrupted", "running"]);
    let done = old_run(&place, "done");
    place.run(["runs", "show", &done]).expect(0).prints(&["main/first", "main/second", "succeeded"]);
    let events = place.run(["runs", "events", &done, "--json"]).expect(0).json_lines();
    let first = events.iter().find(|event| event["event"] == "step_finished").expect("a step is finished");
    assert_eq!(first["result"].as_str().map(str::len), Some(10_000));
    assert_eq!(events.last().expect("a last event")["result"], "said after 10000");
    for (text, asked) in [
        ("waiting", "second waiting 10000"),
        ("stopped", "second stopped 10000"),
        ("cut", "second cut 10000"),
    ] {
        server.forget();
        let run = old_run(&place, text);
        assert_eq!(place.run(["resume", &run]).expect(0).json(), "said after 10000", "{text}");
        // What was answered then isn't asked again.
        assert_eq!(questions(&server), [asked]);
        place.run(["runs", "show", &run]).expect(0).prints(&["succeeded"]);
    }
    place.run(["resume", &done]).expect(2).says(&["the run is over: succeeded"]);
}

#[test]
fn several_processes_migrate_an_old_store_once() {
    let (place, _server) = old_place();
    let children: Vec<_> = (0..6)
        .map(|_| {
            let mut command = place.command(["runs", "--json"]);
            command.stdout(std::process::Stdio::piped()).stderr(std::process::Stdio::piped());
            command.spawn().expect("flowc starts")
        })
        .collect();
    for child in children {
        let out = child.wait_with_output().expect("flowc ends");
        let text = String::from_utf8_lossy(&out.stdout);
        assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
        assert_eq!(text.lines().count(), 4, "{text}");
    }
}

#[test]
fn a_store_of_a_newer_flowc_is_left_alone() {
    let (place, _server) = old_place();
    let mut bytes = std::fs::read(database(&place)).expect("the store can be read");
    // SQLite's `user_version`.
    bytes[60..64].copy_from_slice(&999_u32.to_be_bytes());
    std::fs::write(database(&place), &bytes).expect("the store can be written");
    for args in [&["runs"][..], &["run", "."], &["resume", "01"], &["doctor"]] {
        let ran = place.run(args).expect(5);
        let said = format!("{}{}", ran.stdout, ran.stderr);
        assert!(said.contains("newer flowc (schema 999"), "{args:?}: {said}");
    }
    assert_eq!(std::fs::read(database(&place)).expect("it is there"), bytes);
}

// Stores that break

#[test]
fn what_is_no_store_is_named_with_what_to_do() {
    let server = echo();
    let place = place(FOUR, &server);
    std::fs::create_dir_all(place.path().join("folder.db")).expect("a folder can be made");
    place.file("letter.db", "Dear Madam, this is a letter and no database at all.\n".repeat(100));
    let whole = std::fs::read(workspace().join(OLD)).expect("the fixture is there");
    place.file("cut.db", &whole[..whole.len() / 2]);
    let mut bytes = whole.clone();
    bytes[4096..].fill(0xa5);
    place.file("damaged.db", &bytes);
    for (file, says) in [
        ("folder.db", "is a folder, not a run store"),
        ("letter.db", "is not a run store"),
        ("cut.db", "is damaged"),
        ("damaged.db", "is damaged"),
    ] {
        let store = format!("sqlite:{file}");
        for args in [&["runs"][..], &["run", ".", "text=x"], &["resume", "01"]] {
            let args = args.iter().chain(&["--store", &store]).copied().collect::<Vec<_>>();
            place.run(args).expect(5).says(&[file, says]);
        }
    }
    assert!(questions(&server).is_empty(), "nothing is asked before its run is on record");
}

#[test]
fn a_store_that_can_only_be_read_is_read() {
    let (place, _server) = old_place();
    let done = old_run(&place, "done");
    let folder = database(&place).parent().expect("the store lies in a folder").to_owned();
    let mut command = place.command(["runs", "show", &done]);
    let only_read = |path: &Path, mode| {
        use std::os::unix::fs::PermissionsExt;
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).expect("its owner may");
    };
    if rustix::process::geteuid().is_root() {
        // Root may write anything: somebody else looks.
        use std::os::unix::process::CommandExt;
        command.uid(65_534).gid(65_534);
        [place.path(), &folder].into_iter().for_each(|path| only_read(path, 0o755));
        only_read(&database(&place), 0o644);
    } else {
        only_read(&database(&place), 0o444);
        only_read(&folder, 0o555);
    }
    let ran = finish(command, b"");
    only_read(&folder, 0o755);
    ran.expect(0).prints(&["main/second", "succeeded"]);
}

// A store that fails while a run goes on

/// Takes the store away while `b` is asked, and brings it back while `d` is.
fn away(place: &'static std::sync::OnceLock<PathBuf>, back: bool) -> Server {
    let (gone, here) = (AtomicBool::new(false), AtomicBool::new(false));
    Server::start(move |request, stream| {
        let question = request.question();
        let folder = place.get().expect("the place is known");
        let (store, aside) = (folder.join(".flow"), folder.join(".aside"));
        if question.starts_with('b') && !gone.swap(true, Ordering::SeqCst) {
            std::fs::rename(&store, &aside).expect("a folder can be moved");
        }
        if back && question.starts_with('d') && !here.swap(true, Ordering::SeqCst) {
            std::fs::rename(&aside, &store).expect("a folder can be moved");
            // Long enough for the word that is left every half second.
            std::thread::sleep(Duration::from_millis(1_500));
        }
        say(request, stream, &format!("<{question}>"));
    })
}

#[test]
fn a_run_whose_store_fails_stops_before_anything_more_is_asked() {
    static PLACE: std::sync::OnceLock<PathBuf> = std::sync::OnceLock::new();
    let server = away(&PLACE, false);
    let place = place(FOUR, &server);
    PLACE.set(place.path().to_owned()).expect("it is set once");
    let ran = place.run(["run", ".", "text=x"]).expect(5);
    assert!(ran.stdout.is_empty(), "{}", ran.stdout);
    let ran = ran.says(&["was deleted, moved or replaced", "the run stopped", "flowc resume"]);
    assert!(!ran.stderr.contains("goes on without"), "{}", ran.stderr);
    assert_eq!(questions(&server), ["a x", "b <a x>"]);
    // With its store back it goes on; of `b` nothing is on record, so a model is asked again.
    std::fs::rename(place.path().join(".aside"), place.path().join(".flow")).expect("a folder can be moved");
    let run = only_run(&place)["run"].as_str().expect("it has an id").to_owned();
    assert_eq!(place.run(["resume", &run]).expect(0).json(), FOUR_SAY);
    assert_eq!(questions(&server)[2..], ["b <a x>", "c <b <a x>>", "d <c <b <a x>>>"]);
}

#[test]
fn it_goes_on_without_its_store_where_that_is_set() {
    static PLACE: std::sync::OnceLock<PathBuf> = std::sync::OnceLock::new();
    let server = away(&PLACE, true);
    let place = place(FOUR, &server);
    place.file("flow.toml", "[project]\nname = \"stores\"\n[storage]\non_failure = \"continue\"\n");
    PLACE.set(place.path().to_owned()).expect("it is set once");
    let ran = place.run(["run", ".", "text=x", "--json"]).expect(0);
    let said = ran.stderr.matches("the run goes on without it").count();
    assert_eq!(said, 1, "{}", ran.stderr);
    let events = ran.json_lines();
    let lost: Vec<_> = events.iter().filter(|event| event["event"] == "unrecorded").collect();
    assert_eq!(lost.len(), 1, "{events:?}");
    assert!(lost[0]["reason"].as_str().is_some_and(|reason| reason.contains("moved")), "{}", lost[0]);
    let last = events.last().expect("a run has events");
    assert_eq!(
        (&last["event"], &last["result"], &last["unrecorded"]),
        (&json!("run_finished"), &json!(FOUR_SAY), &json!(true))
    );
    // Only what is on record has a place there.
    let seqs = events.iter().filter(|event| event["step"] == "main/c" || event["event"] == "run_finished");
    assert!(seqs.into_iter().all(|event| event["seq"].is_null()), "{events:?}");
    assert_eq!(questions(&server), ["a x", "b <a x>", "c <b <a x>>", "d <c <b <a x>>>"]);
    // The store that came back knows that it doesn't know all, and nobody does it again.
    let run = last["run"].as_str().expect("an event names its run");
    assert_eq!(only_run(&place)["status"], "succeeded");
    let kinds: Vec<_> = place.run(["runs", "events", run, "--json"]).expect(0).json_lines();
    let kinds: Vec<_> = kinds.iter().map(|event| event["event"].as_str().unwrap_or_default()).collect();
    assert_eq!(kinds[kinds.len() - 2..], ["unrecorded", "run_finished"], "{kinds:?}");
    place.run(["resume", run]).expect(2).says(&["the run is over"]);
}

#[test]
fn a_run_without_its_store_waits_however_long() {
    static PLACE: std::sync::OnceLock<PathBuf> = std::sync::OnceLock::new();
    let server = away(&PLACE, false);
    let program = FOUR.replace("  return ask", "  wait 2s\n  return ask");
    let place = place(&program, &server).set("FLOW_STORAGE_ON_FAILURE", "continue");
    PLACE.set(place.path().to_owned()).expect("it is set once");
    // It can't come back later for a wait that is longer than it was to stay for.
    let ran = place.run(["run", ".", "text=x", "--wait-max", "0s"]).expect(0);
    assert_eq!(ran.json(), FOUR_SAY);
}

/// Runs a program in a store that takes only so much.
fn in_a_full_store(on_failure: &str) -> (Ran, Server) {
    let server = Server::start(|request, stream| {
        let question = request.question();
        say(request, stream, &format!("{}{}", &question[..1], "y".repeat(40_000)));
    });
    let place = place(&FOUR.replace("${a}", "").replace("${b}", "").replace("${c}", ""), &server)
        .set("FLOW_STORAGE_ON_FAILURE", on_failure);
    // Blocks of 512 bytes: beyond the schema there is room for one answer.
    (finish(place.limited("-f 280", ["run", ".", "text=x"]), b""), server)
}

#[test]
fn a_full_disk_stops_a_run_or_not_as_it_is_set() {
    let (ran, server) = in_a_full_store("stop");
    ran.expect(5).says(&["flow.db", "the run stopped", "flowc resume"]);
    assert!(questions(&server).len() < 4, "{:?}", questions(&server));
    let (ran, server) = in_a_full_store("continue");
    let ran = ran.expect(0).says(&["the store failed", "the run goes on without it"]);
    assert_eq!(ran.json().as_str().map(str::len), Some(40_001));
    assert_eq!(questions(&server).len(), 4);
}

#[test]
fn a_run_does_not_begin_in_a_store_that_fails_at_once() {
    let server = echo();
    let place = place(FOUR, &server).set("FLOW_STORAGE_ON_FAILURE", "continue");
    place.file(".flow/flow.db", "no database\n".repeat(1_000));
    place.run(["run", ".", "text=x"]).expect(5).says(&["is not a run store"]);
    assert!(questions(&server).is_empty());
}

// Large values

#[test]
fn an_input_of_almost_16_mib_works_whole_and_a_larger_one_is_refused_at_once() {
    let server = Server::start(|request, stream| {
        let size = request.question().len();
        say(request, stream, &format!("{size}"));
    });
    let place = place(
        "model default = \"openai/local\"\n\
         prompt ask(text: string) -> string { user: text.truncate(10) retry: 0 }\n\
         flow main(text: string) -> string {\n  let a = ask(text)\n  wait 10s\n  return \"${a} of ${text.size()}\"\n}\n",
        &server,
    );
    let limit = 16 << 20;
    let input = |size: usize| json!({"text": "x".repeat(size)}).to_string();
    place.file("over.json", input(limit + 1));
    place.run(["run", ".", "--input", "over.json"]).expect(2).says(&["input `text`: must be at most 16 MiB"]);
    assert!(questions(&server).is_empty());
    place.file("whole.json", input(limit));
    let ran = place.run(["run", ".", "--input", "whole.json", "--wait-max", "0s"]).expect(4);
    let run = only_run(&place)["run"].as_str().expect("it has an id").to_owned();
    assert!(ran.stderr.contains(&run), "{}", ran.stderr);
    // It stands in the store once, and comes back from there whole.
    let again = place.run(["run", ".", "--input", "whole.json", "--wait-max", "0s"]).expect(4);
    let size = std::fs::metadata(database(&place)).expect("it is there").len();
    assert!(size < 18 << 20, "{size}: {}", again.stderr);
    place.run(["resume", &run, "--wait-max", "60s"]).expect(0).prints(&["12 of 16777216"]);
}

// Who executes a run

/// Asks something quick, something slow, and writes at last.
const SLOW: &str = r#"
model default = "openai/local"

prompt ask(text: string) -> string { user: text retry: 0 }

flow main(text: string) -> string {
  let a = ask("quick ${text}")
  let b = ask("slow ${a}")
  return ask("last ${b}")
}
"#;

/// Answers what is slow when it is told to, and notes who has gone away by then.
struct Gate {
    server: Server,
    open: Arc<AtomicBool>,
    closed: Arc<AtomicUsize>,
}

fn gate() -> Gate {
    let (open, closed) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
    let (is_open, count) = (open.clone(), closed.clone());
    let server = Server::start(move |request, stream| {
        let question = request.question();
        if question.starts_with("slow") {
            stream.set_read_timeout(Some(Duration::from_millis(20))).expect("a socket has a timeout");
            while !is_open.load(Ordering::SeqCst) {
                // Nothing more is sent on this connection: the end of the stream is its close.
                match std::io::Read::read(stream, &mut [0]) {
                    Ok(_) => {
                        count.fetch_add(1, Ordering::SeqCst);
                        return;
                    }
                    Err(_) => std::thread::sleep(Duration::from_millis(5)),
                }
            }
        }
        say(request, stream, &format!("<{question}>"));
    });
    Gate { server, open, closed }
}

/// A process that doesn't outlive its test.
struct Running(Child);

impl Running {
    fn signal(&self, signal: Signal) {
        let pid = Pid::from_raw(self.0.id().cast_signed()).expect("a child has an id");
        kill_process(pid, signal).expect("a child can be signalled");
    }

    /// Waits for its end and returns what it said.
    fn end(mut self) -> Ran {
        let code = wait(&mut self.0, Duration::from_secs(60)).expect("it ends");
        let read = |pipe: Option<&mut dyn Read>| {
            let mut text = String::new();
            pipe.map(|pipe| pipe.read_to_string(&mut text).expect("a pipe can be read"));
            text
        };
        let stdout = read(self.0.stdout.as_mut().map(|pipe| pipe as &mut dyn Read));
        let stderr = read(self.0.stderr.as_mut().map(|pipe| pipe as &mut dyn Read));
        Ran { code, stdout, stderr }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.0.kill().ok();
        self.0.wait().ok();
    }
}

fn start(place: &Place, args: &[&str]) -> Running {
    let mut command = place.command(args);
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    Running(command.spawn().expect("flowc starts"))
}

fn soon(what: &str, is_so: impl Fn() -> bool) {
    let began = Instant::now();
    while !is_so() {
        assert!(began.elapsed() < Duration::from_secs(30), "{what} never came");
        std::thread::sleep(Duration::from_millis(5));
    }
}

#[test]
fn a_process_that_stood_still_while_its_run_was_taken_over_stops_without_a_word() {
    let Gate { server, open, closed } = gate();
    let place = place(SLOW, &server).set("FLOW_STORAGE_LEASE_S", "1");
    let first = start(&place, &["run", ".", "text=x"]);
    let asked =
        |count: usize| questions(&server).iter().filter(|one| one.starts_with("slow")).count() == count;
    soon("the slow question", || asked(1));
    first.signal(Signal::STOP);
    let run = only_run(&place)["run"].as_str().expect("it has an id").to_owned();
    // Its lease lives for another second at most; until then it is said who has it.
    let second = loop {
        let second = start(&place, &["resume", &run]);
        soon("an answer", || asked(2) || has_ended(&second));
        if asked(2) {
            break second;
        }
        second.end().expect(5).says(&["held by another process", &first.0.id().to_string()]);
    };
    // The second one is at work when the first one wakes up.
    first.signal(Signal::CONT);
    let first =
        first.end().expect(5).says(&["another process has taken the run over", "records nothing more"]);
    assert!(first.stdout.is_empty(), "{}", first.stdout);
    soon("the close of the first one's connection", || closed.load(Ordering::SeqCst) == 1);
    open.store(true, Ordering::SeqCst);
    assert_eq!(second.end().expect(0).json(), "<last <slow <quick x>>>");
    let all = questions(&server);
    assert_eq!(all, ["quick x", "slow <quick x>", "slow <quick x>", "last <slow <quick x>>"]);
    let events = place.run(["runs", "events", &run, "--json"]).expect(0).json_lines();
    let resumed = events.iter().filter(|event| event["event"] == "resumed").count();
    let finished = events.iter().filter(|event| event["event"] == "step_finished").count();
    assert_eq!((resumed, finished), (1, 3), "{events:?}");
}

/// Whether a process is gone, or waits to be waited for.
fn has_ended(running: &Running) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{}/stat", running.0.id())).unwrap_or_default();
    stat.rsplit(')').next().is_none_or(|rest| rest.trim_start().starts_with('Z') || rest.trim().is_empty())
}

#[test]
fn of_two_processes_that_resume_a_run_at_once_one_wins() {
    let Gate { server, open, .. } = gate();
    let place = place(SLOW, &server);
    let first = start(&place, &["run", ".", "text=x"]);
    soon("the slow question", || questions(&server).iter().any(|one| one.starts_with("slow")));
    let run = only_run(&place)["run"].as_str().expect("it has an id").to_owned();
    drop(first);
    server.forget();
    let racers: Vec<_> = (0..2).map(|_| start(&place, &["resume", &run])).collect();
    soon("the one that lost", || racers.iter().any(has_ended));
    open.store(true, Ordering::SeqCst);
    let pids: Vec<_> = racers.iter().map(|racer| racer.0.id()).collect();
    let ended: Vec<_> = racers.into_iter().map(Running::end).collect();
    let (winner, loser) = if ended[0].code == Some(0) { (0, 1) } else { (1, 0) };
    assert_eq!((ended[winner].code, ended[loser].code), (Some(0), Some(5)), "{ended:?}");
    let who = pids[winner].to_string();
    assert!(ended[loser].stderr.contains("held by another process"), "{}", ended[loser].stderr);
    assert!(ended[loser].stderr.contains(&who), "{}", ended[loser].stderr);
    assert_eq!(ended[winner].json(), "<last <slow <quick x>>>");
    assert_eq!(questions(&server).len(), 2);
}

#[test]
fn a_process_that_is_asked_to_end_gives_its_run_back() {
    let Gate { server, open, .. } = gate();
    let place = place(SLOW, &server);
    let first = start(&place, &["run", ".", "text=x"]);
    soon("the slow question", || questions(&server).iter().any(|one| one.starts_with("slow")));
    let run = only_run(&place)["run"].as_str().expect("it has an id").to_owned();
    first.signal(Signal::TERM);
    first.end().expect(143).says(&["flowc resume"]);
    // Nobody holds it: whatever became of the process, another host could take it now.
    let db = rusqlite::Connection::open(database(&place)).expect("the store can be opened");
    let lease: (Option<String>, i64) = db
        .query_row("SELECT host, lease_until FROM runs", [], |row| Ok((row.get(0)?, row.get(1)?)))
        .expect("the run has a row");
    assert_eq!(lease, (None, 0));
    drop(db);
    assert_eq!(only_run(&place)["status"], "interrupted");
    open.store(true, Ordering::SeqCst);
    assert_eq!(place.run(["resume", &run]).expect(0).json(), "<last <slow <quick x>>>");
}
