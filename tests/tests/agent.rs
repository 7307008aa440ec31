//! The agent example over each wire: a tool that answers, one that fails and one that hangs; and killed in its third turn.

#![allow(clippy::disallowed_methods, reason = "tests read files and start processes")]

use std::io::Read as _;
use std::process::Stdio;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, mpsc};
use std::time::Duration;

use flow_tests::models::{Say, Wire};
use flow_tests::program::{Place, Ran, workspace};
use flow_tests::server::{Request, Server, respond, respond_json};
use serde_json::{Value as Json, json};

/// Each wire with its provider, what stands after a server's address, and the variable of the key.
const WIRES: [(&str, Wire, &str, &str); 4] = [
    ("openai", Wire::OpenAi, "/v1", "OPENAI_API_KEY"),
    ("ollama", Wire::Ollama, "", "OLLAMA_API_KEY"),
    ("anthropic", Wire::Anthropic, "", "ANTHROPIC_API_KEY"),
    ("gemini", Wire::Gemini, "", "GEMINI_API_KEY"),
];

fn finding() -> Json {
    json!({
        "answer": "The kettle was paid back on Monday already; where the parcel is we could not find out.",
        "refunded": 0,
        "needs_person": true,
    })
}

/// What the model says in a turn.
fn script(turn: usize) -> Say {
    match turn {
        0 => Say::Calls(vec![("charges", json!({})), ("track", json!({"parcel": "P-900"}))]),
        1 => Say::Calls(vec![("refund", json!({"cents": 4200}))]),
        _ => Say::Text(finding().to_string()),
    }
}

/// The shop, the carrier that hangs, and the refund that is refused; `false` if the request isn't for them.
fn shop(request: &Request, stream: &mut std::net::TcpStream) -> bool {
    match request.path.split('/').next_back() {
        Some("charges") => respond_json(stream, &json!([{"id": "ch-31", "cents": 4200, "note": "a kettle"}])),
        // It says nothing until nobody listens any more.
        Some("P-900") => drop(stream.read(&mut [0])),
        Some("refunds") => {
            respond(stream, "409 Conflict", "application/json", "", b"\"paid back on Monday\"");
        }
        _ => return false,
    }
    true
}

/// The turns that were asked for, each with what the tools before it were said to have given.
type Seen = Arc<Mutex<Vec<(usize, Vec<String>)>>>;

/// A server for all of them. In the third turn it says so, and answers only when `waits` is over.
fn world(told: mpsc::Sender<()>, waits: Arc<AtomicBool>, seen: Seen) -> Server {
    let told = Mutex::new(told);
    Server::start(move |request, stream| {
        if shop(request, stream) {
            return;
        }
        let Some(wire) = Wire::of(request) else {
            return respond(stream, "404 Not Found", "text/plain", "", b"no such place");
        };
        let (turn, shown) = wire.turn(request);
        seen.lock().expect("no thread panicked with it").push((turn, shown));
        if turn == 2 {
            told.lock().expect("no thread panicked with it").send(()).ok();
            while waits.load(Ordering::Relaxed) {
                std::thread::sleep(Duration::from_millis(2));
            }
        }
        wire.say(request, stream, &script(turn));
    })
}

struct Setting {
    place: Place,
    server: Server,
    third: mpsc::Receiver<()>,
    waits: Arc<AtomicBool>,
    seen: Seen,
}

fn setting((provider, _, path, key): (&str, Wire, &str, &str), waits: bool) -> Setting {
    let (told, third) = mpsc::channel();
    let waits = Arc::new(AtomicBool::new(waits));
    let seen = Arc::new(Mutex::new(Vec::new()));
    let server = world(told, waits.clone(), seen.clone());
    let place = Place::new().set(key, "test-key");
    let folder = workspace().join("examples/complaint");
    let settings = std::fs::read(folder.join("flow.toml")).expect("a file can be read");
    place.file("flow.toml", settings);
    let program = std::fs::read_to_string(folder.join("main.flow")).expect("a file can be read");
    let model = format!("model default = \"{provider}/local\" {{ base_url: \"{}{path}\" }}\n", server.url());
    place.file("main.flow", format!("{program}\n{model}"));
    Setting { place, server, third, waits, seen }
}

fn args(server: &Server) -> Vec<String> {
    let all = ["run", ".", "order=A-1042", "complaint=P-900 never came", "--json"];
    let mut all: Vec<String> = all.map(String::from).to_vec();
    all.push(format!("server={}", server.url()));
    all
}

/// The requests for tools, by path, in order.
fn tool_requests(server: &Server) -> Vec<String> {
    let mut paths: Vec<_> = server
        .requests()
        .iter()
        .filter(|request| Wire::of(request).is_none())
        .map(|request| format!("{} {}", request.method, request.path))
        .collect();
    paths.sort();
    paths
}

const TOOL_REQUESTS: [&str; 3] =
    ["GET /orders/A-1042/charges", "GET /parcels/P-900", "POST /orders/A-1042/refunds"];

#[track_caller]
fn is_answered(ran: &Ran, provider: &str) {
    let last = ran.json_lines().pop().expect("a run has events");
    assert_eq!((&last["status"], &last["result"]), (&json!("succeeded"), &finding()), "{provider}: {last}");
}

/// Whether this program asks models of a provider.
fn speaks((provider, _, _, key): (&str, Wire, &str, &str)) -> bool {
    let place = Place::new().set(key, "test-key");
    // Nobody listens there.
    let model =
        format!("model default = \"{provider}/local\" {{ base_url: \"http://127.0.0.1:9\"  retry: 0 }}\n");
    let flow = "prompt p(x: string) -> string { user: x }\nflow main(x: string) -> string { return p(x) }\n";
    place.file("main.flow", format!("{model}{flow}"));
    let ran = place.run(["run", "main.flow", "x=1", "--store", "memory:"]);
    assert!(ran.code != Some(0) && !ran.stderr.contains("error[") && !ran.stderr.contains("E0"), "{ran:?}");
    !ran.stderr.contains("can't ask models of")
}

#[test]
fn it_is_carried_out_over_each_wire() {
    for wire in WIRES.into_iter().filter(|wire| speaks(*wire)) {
        let (provider, kind, ..) = wire;
        let Setting { place, server, seen, .. } = setting(wire, false);
        let ran = place.run(args(&server)).expect(0);
        is_answered(&ran, provider);
        assert_eq!(tool_requests(&server), TOOL_REQUESTS, "{provider}");

        let seen = seen.lock().expect("no thread panicked with it").clone();
        assert_eq!(seen.iter().map(|(turn, _)| *turn).collect::<Vec<_>>(), [0, 1, 2], "{provider}");
        let [charges, track] = seen[1].1.as_slice() else { panic!("{provider}: {seen:?}") };
        assert!(charges.contains("ch-31"), "{provider}: {charges}");
        assert!(track.contains("timeout: no answer within 1 s"), "{provider}: {track}");
        let [refund] = seen[2].1.as_slice() else { panic!("{provider}: {seen:?}") };
        assert!(refund.contains("409") && refund.contains("paid back on Monday"), "{provider}: {refund}");

        // What is bound is nobody's to see.
        let first = server.requests().into_iter().find(|request| Wire::of(request).is_some());
        let first = first.expect("the model was asked");
        // Some servers hold an answer to its type as the arguments of one tool more.
        let mut tools = kind.tools(&first);
        tools.truncate(3);
        let names: Vec<_> = tools.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(names, ["charges", "track", "refund"], "{provider}");
        for (name, schema) in &tools {
            let text = schema.to_string();
            assert!(!text.contains("server") && !text.contains("order"), "{provider} {name}: {text}");
        }
        assert!(tools[1].1.to_string().contains("Its number, such as P-900."), "{provider}: {:?}", tools[1]);

        let events = ran.json_lines();
        let ends = |kind: &str| -> Vec<String> {
            let ends = events.iter().filter(|event| event["event"] == kind);
            ends.map(|event| event["step"].as_str().unwrap_or_default().to_owned()).collect()
        };
        assert_eq!(
            ends("step_finished"),
            [
                "handle/finding/turn[0]",
                "handle/finding/turn[0]/tool[0]",
                "handle/finding/turn[1]",
                "handle/finding/turn[2]"
            ],
            "{provider}"
        );
        assert_eq!(
            ends("step_failed"),
            ["handle/finding/turn[0]/tool[1]", "handle/finding/turn[1]/tool[0]"],
            "{provider}"
        );
        let last = events.last().expect("a run has events");
        assert_eq!(last["usage"]["input_tokens"], 30, "{provider}: {last}");
        assert_eq!(last["usage"]["output_tokens"], 15, "{provider}: {last}");
        place
            .run(["runs", "show", events[0]["run"].as_str().unwrap_or_default()])
            .expect(0)
            .prints(&["turn[0]", "turn[2]", "track", "charges"]);
    }
}

#[test]
fn killed_in_its_third_turn_it_repeats_no_finished_call() {
    for wire in WIRES.into_iter().filter(|wire| speaks(*wire)) {
        let provider = wire.0;
        let Setting { place, server, third, waits, seen } = setting(wire, true);
        let mut command = place.command(args(&server));
        let mut child = command
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("the command can be started");
        third.recv_timeout(Duration::from_secs(60)).expect("the third turn is asked");
        // This is `kill -9`.
        child.kill().expect("it runs");
        child.wait().expect("it was started");
        waits.store(false, Ordering::Relaxed);

        let listed = place.run(["runs", "--json"]).expect(0).json_lines();
        let id = listed[0]["run"].as_str().expect("a run has a name").to_owned();
        let ran = place.run(["resume", &id, "--json"]).expect(0);
        is_answered(&ran, provider);
        assert_eq!(tool_requests(&server), TOOL_REQUESTS, "{provider}: a finished call was repeated");
        let seen = seen.lock().expect("no thread panicked with it").clone();
        let turns: Vec<_> = seen.iter().map(|(turn, _)| *turn).collect();
        assert_eq!(turns, [0, 1, 2, 2], "{provider}: only the turn that was cut off is asked again");
        assert_eq!(seen[2].1, seen[3].1, "{provider}: it is shown the same");
    }
}

#[test]
fn its_tape_tells_it_again() {
    let place = Place::new();
    place.copy(&workspace().join("examples/complaint"));
    let tape = "complaint/complaint.tape";
    let input = ["run", "complaint", "order=A-1042", "complaint=P-900 never came"];
    let ran = place.run([&input[..], &["--json", "--tape", tape]].concat()).expect(0);
    is_answered(&ran, "tape");
    // Another question is stale in its first turn.
    let ran = place.run(["run", "complaint", "order=A-1042", "complaint=Hello", "--tape", tape]).expect(3);
    ran.says(&["handle/finding/turn[0]"]);
}
