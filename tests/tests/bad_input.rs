//! Bad input of every kind ends in a clear error with a remedy and the right exit code; what was done stays on record.

#![allow(clippy::disallowed_methods, reason = "tests read files and start processes")]

use std::io::Write;
use std::net::TcpStream;
use std::time::Duration;

use flow_tests::program::{Place, Ran};
use flow_tests::server::{Server, respond, respond_json, say, stream_events};
use serde_json::{Value as Json, json};

/// The greeting program with a tool that is not used.
const PROGRAM: &str = r#"
model default = "openai/local"

prompt first(text: string) -> string { user: "first ${text}" retry: 0 timeout: 2s }
prompt second(text: string) -> string { user: "second ${text}" retry: 1 timeout: 2s }

/// Says two things.
flow main(
  /// What it is about.
  text: string(1..20),
  /// How often.
  times: int(1..5) = 2,
) -> string {
  let a = first("${text} ${times}")
  let b = second(a)
  return b
}
"#;

fn write(place: &Place) {
    place.file("main.flow", PROGRAM);
    place.file("flow.toml", "[project]\nname = \"bad\"\n");
}

fn check(bytes: impl AsRef<[u8]>) -> Ran {
    let place = Place::new();
    place.file("main.flow", bytes);
    place.run(["check", "main.flow"])
}

// ---- files

#[test]
fn a_file_that_is_no_utf_8() {
    check(b"flow main() -> string {\n  return \"caf\xE9\"\n}\n").expect(1).prints(&[
        "E0106",
        "main.flow:2",
        "UTF-8",
    ]);
}

#[test]
fn a_file_with_a_nul_byte() {
    check(b"flow main() -> string {\n  return \"a\0b\"\n}\n").expect(1).prints(&["E0106", "main.flow:2"]);
}

#[test]
fn lines_that_end_in_cr_lf_and_a_byte_order_mark_are_fine() {
    check(b"\xEF\xBB\xBFflow main(n: int) -> int {\r\n  return n\r\n}\r\n").expect(0);
}

#[test]
fn a_file_of_50_mb() {
    let ran = check("// padding\n".repeat(50 << 20 >> 4).as_bytes().repeat(2));
    ran.expect(1).prints(&["E0105", "larger than", "8388608 bytes"]);
}

#[test]
fn a_hundred_thousand_brackets() {
    for bracket in ["(", "[", "{"] {
        let text = format!("flow main() -> int {{\n  return {}1\n}}\n", bracket.repeat(100_000));
        check(text).expect(1).prints(&["E010"]);
        let closed = match bracket {
            "(" => ")",
            "[" => "]",
            _ => "}",
        };
        let text = format!(
            "flow main() -> int {{\n  return {}1{}\n}}\n",
            bracket.repeat(100_000),
            closed.repeat(100_000)
        );
        check(text).expect(1).prints(&["E0104", "128"]);
    }
}

#[test]
fn files_that_import_each_other() {
    let place = Place::new();
    place.file(
        "main.flow",
        "import { B } from \"./b.flow\"\ntype A { b: B? }\nflow main(a: A) -> A { return a }\n",
    );
    place.file("b.flow", "import { A } from \"./main.flow\"\ntype B { a: A? }\n");
    place.file("flow.toml", "[project]\nname = \"circle\"\n");
    place.run(["check"]).expect(1).prints(&["E0207", "b.flow", "main.flow"]);
    place.run(["run", "."]).expect(1).says(&["E0207"]);
}

#[test]
fn a_path_that_leads_nowhere() {
    let place = Place::new();
    place.run(["check", "missing.flow"]).expect(2).says(&["missing.flow", "no such file"]);
    place.run(["run", "missing.flow"]).expect(2).says(&["missing.flow", "no such file"]);
    place.run(["check", "."]).expect(2).says(&["no `.flow` file"]);
}

#[test]
fn a_project_file_that_is_none() {
    let place = Place::new();
    place.file("main.flow", "flow main(n: int) -> int { return n }\n");
    place.file("flow.toml", "[project\nname = 3\n");
    place.run(["check"]).expect(1).prints(&["E0901", "flow.toml:1"]);
}

// ---- inputs

#[test]
fn wrong_inputs_are_all_told_before_anything_runs() {
    let place = Place::new();
    write(&place);
    let run = |args: &[&str]| place.run([&["run", "main.flow", "--simulate"], args].concat());
    run(&[]).expect(2).says(&["text", "--help"]);
    run(&["text=x", "times=9"]).expect(2).says(&["times", "from 1 to 5"]);
    run(&["text=x", "times=two"]).expect(2).says(&["times"]);
    run(&["text=", "times=0"]).expect(2).says(&["text", "times"]);
    run(&["text=x", "tiems=3"]).expect(2).says(&["tiems", "times"]);
    run(&["text=x", "text=y"]).expect(2).says(&["text"]);
    run(&["--input", "missing.json"]).expect(2).says(&["missing.json"]);
    let stdin = |text: &[u8]| place.run_with(["run", "main.flow", "--simulate", "--input", "-"], text);
    stdin(b"{\"text\": ").expect(2).says(&["stdin", "JSON"]);
    stdin(b"[1]").expect(2).says(&["stdin", "object"]);
    stdin(b"{\"text\": \"\xFF\"}").expect(2).says(&["stdin"]);
    stdin(b"{\"text\": 3}").expect(2).says(&["text"]);
    place.run(["run", "main.flow", "other", "--simulate"]).expect(2).says(&["no flow `other`", "main"]);
    place.run(["run", "main.flow", "--nonsense"]).expect(2).says(&["--nonsense"]);
    assert!(place.run(["runs", "--json"]).expect(0).stdout.is_empty(), "nothing has run");
}

#[test]
fn a_run_that_does_not_exist() {
    let place = Place::new();
    write(&place);
    place.run(["resume", "0190"]).expect(2).says(&["0190"]);
    place.run(["runs", "show", "0190"]).expect(2).says(&["0190"]);
}

// ---- the environment

#[test]
fn a_key_that_is_missing() {
    let place = Place::new();
    write(&place);
    place.run(["run", "main.flow", "text=x"]).expect(5).says(&["OPENAI_API_KEY"]);
    assert!(place.run(["runs", "--json"]).expect(0).stdout.is_empty(), "nothing has run");
}

#[test]
fn a_server_that_is_not_there() {
    // A port that was free a moment ago.
    let port = std::net::TcpListener::bind("127.0.0.1:0")
        .and_then(|socket| socket.local_addr())
        .expect("a port")
        .port();
    let place = Place::new()
        .set("OPENAI_API_KEY", "test-key-123456")
        .set("OPENAI_BASE_URL", format!("http://127.0.0.1:{port}/v1"));
    write(&place);
    let ran = place.run(["run", "main.flow", "text=x"]);
    let ran = ran.expect(5).says(&["unavailable", &port.to_string(), "main/a", "main.flow:14"]);
    assert!(!ran.stderr.contains("test-key-123456"), "the key is told:\n{}", ran.stderr);
}

// ---- providers that misbehave

/// Answers the first prompt well and hands the second to a function. Returns what the run says, and its record.
fn second_answer(
    answer: impl Fn(&flow_tests::server::Request, &mut TcpStream) + Send + Sync + 'static,
) -> (Ran, Json, usize) {
    let server = Server::start(move |request, stream| {
        if request.question().starts_with("first") {
            say(request, stream, "one")
        } else {
            answer(request, stream)
        }
    });
    let place = Place::new()
        .set("OPENAI_API_KEY", "test-key-123456")
        .set("OPENAI_BASE_URL", format!("{}/v1", server.url()));
    write(&place);
    let ran = place.run(["run", "main.flow", "text=x"]);
    for text in [&ran.stdout, &ran.stderr] {
        assert!(!text.contains("test-key-123456"), "the key is told:\n{text}");
    }
    let runs = place.run(["runs", "--json"]).expect(0).json_lines();
    assert_eq!(runs.len(), 1, "one run is on record");
    let id = runs[0]["run"].as_str().or(runs[0]["id"].as_str()).expect("a run has an id").to_owned();
    let trace = place.run(["runs", "show", &id, "--json"]).expect(0).json();
    let events = place.run(["runs", "events", &id, "--json"]).expect(0).stdout;
    assert!(!events.contains("test-key-123456"), "the key is on record:\n{events}");
    (ran, trace, server.requests().len())
}

/// The first step's result is on record, whatever became of the second.
#[track_caller]
fn keeps_the_first(trace: &Json) {
    let steps = trace["steps"].as_array().expect("a trace has steps");
    let first = steps.iter().find(|step| step["step"] == "main/first" || step["step"] == "main/a");
    assert_eq!(first.map(|step| &step["result"]), Some(&json!("one")), "{trace}");
    assert_eq!(trace["status"], "failed", "{trace}");
}

#[test]
fn a_provider_that_hangs() {
    let (ran, trace, calls) = second_answer(|_, _| std::thread::sleep(Duration::from_secs(20)));
    ran.expect(3).says(&["timeout", "main/b"]);
    keeps_the_first(&trace);
    assert_eq!(calls, 3);
}

#[test]
fn a_provider_that_answers_html() {
    let (ran, trace, _) = second_answer(|_, stream| {
        respond(stream, "200 OK", "text/html", "", b"<html><body>Welcome to nginx!</body></html>");
    });
    ran.expect(3).says(&["main/b", "HTML", "address"]);
    keeps_the_first(&trace);
}

#[test]
fn a_stream_that_is_cut_off() {
    let (ran, trace, _) = second_answer(|_, stream| {
        let events = stream_events("a long answer that never ends");
        let head = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n";
        let half = events[..2].concat();
        let _ = write!(stream, "{head}{:x}\r\n{half}\r\n", half.len()).and_then(|()| stream.flush());
    });
    ran.expect(3).says(&["main/b"]);
    keeps_the_first(&trace);
}

#[test]
fn a_stream_that_stops_in_the_middle_and_hangs() {
    let (ran, trace, _) = second_answer(|_, stream| {
        let head = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\r\n";
        let _ = write!(stream, "{head}{}", stream_events("half an answer")[..2].concat())
            .and_then(|()| stream.flush());
        std::thread::sleep(Duration::from_secs(20));
    });
    ran.expect(3).says(&["timeout", "main/b"]);
    keeps_the_first(&trace);
}

#[test]
fn too_many_requests_for_ever() {
    let (ran, trace, calls) = second_answer(|_, stream| {
        let body =
            br#"{"error": {"message": "Rate limit reached for key test-key-123456", "type": "requests"}}"#;
        respond(stream, "429 Too Many Requests", "application/json", "retry-after: 0\r\n", body);
    });
    ran.expect(3).says(&["rate_limited", "main/b"]);
    keeps_the_first(&trace);
    assert_eq!(calls, 3, "one call, one additional try");
}

#[test]
fn json_of_another_shape() {
    let (ran, trace, _) =
        second_answer(|_, stream| respond_json(stream, &json!({"choices": "none", "id": 3})));
    ran.expect(3).says(&["main/b"]);
    keeps_the_first(&trace);
}

#[test]
fn a_key_that_is_refused() {
    let (ran, trace, calls) = second_answer(|_, stream| {
        let body = br#"{"error": {"message": "Incorrect API key provided: test-key-123456."}}"#;
        respond(stream, "401 Unauthorized", "application/json", "", body);
    });
    ran.expect(3).says(&["refused", "main/b"]);
    keeps_the_first(&trace);
    assert_eq!(calls, 2, "another try wouldn't help");
}

#[test]
fn an_answer_without_end() {
    let (ran, trace, _) = second_answer(|_, stream| {
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\r\n");
        let event = &stream_events(&"word ".repeat(20_000))[1];
        while stream.write_all(event.as_bytes()).is_ok() {}
    });
    ran.expect(3).says(&["main/b"]);
    keeps_the_first(&trace);
}

// ---- the store

#[test]
fn a_database_that_is_none() {
    let place = Place::new();
    write(&place);
    place.file(".flow/flow.db", b"this is no database, and never was one ".repeat(200));
    let before = std::fs::read(place.path().join(".flow/flow.db")).expect("it was written");
    place.run(["run", "main.flow", "text=x", "--simulate"]).expect(5).says(&["flow.db"]);
    place.run(["runs"]).expect(5).says(&["flow.db"]);
    let after = std::fs::read(place.path().join(".flow/flow.db")).expect("it is still there");
    assert!(before == after, "the file was changed");
}

#[test]
fn a_database_with_a_damaged_middle() {
    let place = Place::new();
    write(&place);
    place.run(["run", "main.flow", "text=x", "--simulate"]).expect(0);
    let path = place.path().join(".flow/flow.db");
    let mut bytes = std::fs::read(&path).expect("a run left a database");
    for name in ["flow.db-wal", "flow.db-shm"] {
        std::fs::remove_file(place.path().join(".flow").join(name)).ok();
    }
    bytes.iter_mut().skip(100).for_each(|byte| *byte = 0xAA);
    std::fs::write(&path, bytes).expect("it can be written");
    place.run(["run", "main.flow", "text=x", "--simulate"]).expect(5).says(&["flow.db"]);
}

#[test]
fn a_store_that_can_not_be_written() {
    let place = Place::new();
    write(&place);
    // A file where the folder should be: also root can't write through it.
    place.file("blocked", "x");
    let url = format!("sqlite:{}", place.path().join("blocked/flow.db").display());
    place.run(["run", "main.flow", "text=x", "--simulate", "--store", &url]).expect(5).says(&["blocked"]);
    place
        .run(["run", "main.flow", "text=x", "--simulate", "--store", "mongodb://x"])
        .expect(2)
        .says(&["store URL", "sqlite:"]);
}

#[test]
fn a_disk_that_is_full_before_the_run() {
    let place = Place::new();
    write(&place);
    let command = place.limited("-f 8", ["run", "main.flow", "text=x", "--simulate"]);
    flow_tests::program::finish(command, b"").expect(5);
}

#[test]
fn a_disk_that_fills_up_during_the_run_loses_nothing() {
    let place = Place::new();
    place.file("flow.toml", "[project]\nname = \"bad\"\n");
    // Each step's result is a record of some size.
    place.file(
        "main.flow",
        r#"
model default = "openai/local"
prompt ask(text: string) -> string { user: text retry: 0 }
flow main(n: int) -> int {
  state { total: int = 0 }
  loop fill max 60 {
    let said = ask("${n} ${loop.index}")
    total += said.size()
  } else {
    return total
  }
  return total
}
"#,
    );
    // Equal texts would be kept once.
    let server = Server::start(|request, stream| {
        let own = format!("{:0>16}", request.question());
        say(request, stream, &(own + &"0123456789abcdef".repeat(511)));
    });
    let place =
        place.set("OPENAI_API_KEY", "test-key-123456").set("OPENAI_BASE_URL", format!("{}/v1", server.url()));
    let command = place.limited("-f 400", ["run", "main.flow", "n=1", "--json"]);
    let ran = flow_tests::program::finish(command, b"").expect(5);
    let events = ran.json_lines();
    let id = events[0]["run"].as_str().expect("an event names its run").to_owned();
    let told: Vec<&str> = finished(&events);
    assert!(!told.is_empty() && told.len() < 60, "{} steps were told as finished", told.len());
    // With room again, what was told as finished is on record, and the run goes on.
    let kept = place.run(["runs", "events", &id, "--json"]).expect(0).json_lines();
    let kept = finished(&kept);
    assert!(told.iter().all(|step| kept.contains(step)), "told {told:?}, kept {kept:?}");
    let calls = server.requests().len();
    let result = place.run(["resume", &id]).expect(0).json();
    assert_eq!(result, json!(60 * 16 * 512));
    // The step that was cut may be asked again, no other.
    assert!(server.requests().len() <= 61, "{calls} calls, then {}", server.requests().len());
}

fn finished(events: &[Json]) -> Vec<&str> {
    let of = |event: &&Json| event["event"] == "step_finished";
    events.iter().filter(of).filter_map(|event| event["step"].as_str()).collect()
}

#[test]
fn a_database_that_somebody_else_has_locked() {
    let place = Place::new();
    write(&place);
    place.run(["run", "main.flow", "text=x", "--simulate"]).expect(0);
    let path = place.path().join(".flow/flow.db");
    let other = rusqlite::Connection::open(&path).expect("it is a database");
    other.execute_batch("BEGIN EXCLUSIVE").expect("nobody else uses it");
    place.run(["run", "main.flow", "text=x", "--simulate"]).expect(5).says(&["flow.db", "locked"]);
    drop(other);
    place.run(["run", "main.flow", "text=x", "--simulate"]).expect(0);
    assert_eq!(place.run(["runs", "--json"]).expect(0).json_lines().len(), 2, "both runs are on record");
}
