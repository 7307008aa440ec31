//! No key leaves `flowc` but to the server that it is for: planted in every place that takes one, echoed by a server in
//! every way that it has, and looked for in every byte that is written.

#![allow(clippy::disallowed_methods, reason = "tests start processes and read files")]

use std::collections::BTreeSet;
use std::io::Write as _;
use std::net::TcpStream;
use std::process::Stdio;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use flow_tests::program::{Place, files};
use flow_tests::server::{Request, Server, respond};
use serde_json::json;

/// The keys, each by its place. They hold what JSON and URLs write differently.
const KEYS: &[(&str, &str)] = &[
    ("the variable of a provider", "sk-CANARYvariable/9+x=~1"),
    ("a file in secrets.dir", "sk-CANARYfile/8+y=~2"),
    ("api_key of a model", "sk-CANARYmodel/7+z=~3"),
    ("a header of a model", "CANARYheader/6+u=~4"),
    ("a header of a tool", "CANARYtool/5+v=~5"),
    ("the password of a server", "CANARYpassword6"),
    ("the query of a server", "CANARYquery7"),
    ("the password of a proxy", "CANARYproxy8"),
];
/// No key: what is asked, and comes back the same way.
const MARK: &str = "MARKthatMayBeTold";

fn key(place: &str) -> &'static str {
    KEYS.iter().find(|(known, _)| *known == place).map(|(_, key)| *key).expect("it is in the table")
}

/// How a server answers.
const WAYS: &[&str] = &[
    "plain",
    "stream",
    "split",
    "json-error",
    "text-error",
    "html",
    "rate",
    "busy",
    "redirect",
    "headers",
    "cut",
    "list",
    "tool",
    "garbage",
];

/// All that a request told, in every way that it may be written.
fn echo(request: &Request) -> String {
    let mut told = format!("{} {}\n", request.method, request.path);
    for (name, value) in &request.headers {
        told.push_str(&format!("{name}: {value}\n"));
    }
    told.push_str(&String::from_utf8_lossy(&request.body));
    let mut out = told.clone();
    for (_, key) in KEYS.iter().filter(|(_, key)| told.contains(key)) {
        let percent: String = key
            .bytes()
            .map(|byte| match byte {
                b if b.is_ascii_alphanumeric() => char::from(b).to_string(),
                b => format!("%{b:02X}"),
            })
            .collect();
        let quoted = json!(key).to_string().replace('/', "\\/");
        let twice = json!(quoted).to_string();
        out.push_str(&format!(
            " | {percent} | {} | {quoted} | {twice} | {} | {}",
            percent.to_lowercase(),
            STANDARD.encode(key),
            URL_SAFE_NO_PAD.encode(key)
        ));
    }
    out
}

fn events(pieces: &[String]) -> String {
    let line = |piece: &String| {
        format!("data: {}\n\n", json!({"choices": [{"index": 0, "delta": {"content": piece}}]}))
    };
    let mut out: String = pieces.iter().map(line).collect();
    out.push_str("data: {\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"}]}\n\n");
    out.push_str(
        "data: {\"choices\":[],\"usage\":{\"prompt_tokens\":3,\"completion_tokens\":4}}\n\ndata: [DONE]\n\n",
    );
    out
}

/// Answers with all that it was told, in one of the [`WAYS`].
fn answer(request: &Request, way: &str, stream: &mut TcpStream) {
    let echo = echo(request);
    let error = json!({"error": {"message": echo, "code": echo, "type": echo}}).to_string();
    let flat = echo.replace('\n', " ");
    match way {
        "plain" => {
            let message = json!({"role": "assistant", "content": echo, "reasoning_content": echo});
            let body = json!({"choices": [{"index": 0, "message": message, "finish_reason": "stop"}], "usage": {"prompt_tokens": 3, "completion_tokens": 4}});
            respond(stream, "200 OK", "application/json", "", body.to_string().as_bytes());
        }
        "stream" => respond(stream, "200 OK", "text/event-stream", "", events(&[echo]).as_bytes()),
        // A letter an event: no piece holds a key.
        "split" => {
            let letters: Vec<String> = echo.chars().map(String::from).collect();
            respond(stream, "200 OK", "text/event-stream", "", events(&letters).as_bytes());
        }
        "json-error" => respond(stream, "401 Unauthorized", "application/json", "", error.as_bytes()),
        "text-error" => respond(stream, "400 Bad Request", "text/plain", "", echo.as_bytes()),
        "html" => respond(stream, "200 OK", "text/html", "", format!("<html>{echo}").as_bytes()),
        "rate" => {
            respond(stream, "429 Slow Down", "application/json", "retry-after: 0\r\n", error.as_bytes())
        }
        "busy" => respond(stream, "500 Oh", "text/plain", "", echo.as_bytes()),
        "redirect" => {
            respond(
                stream,
                "302 Found",
                "text/plain",
                &format!("location: http://127.0.0.1:9/{flat}\r\n"),
                b"",
            );
        }
        "headers" => {
            let headers = format!("x-request-id: {flat}\r\nx-error: {flat}\r\n");
            respond(stream, "422 No", &flat, &headers, b"no");
        }
        "cut" => {
            let head =
                "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ncontent-length: 99999999\r\n\r\n";
            let begun = json!({"choices": [{"index": 0, "delta": {"content": echo}}]});
            let _ = write!(stream, "{head}data: {begun}\n\ndata: {flat}");
        }
        "list" => {
            let body = json!({"data": [{"id": echo}, {"id": "m"}]});
            respond(stream, "200 OK", "application/json", "", body.to_string().as_bytes());
        }
        "tool" => {
            let call = json!({"index": 0, "id": echo, "function": {"name": echo, "arguments": json!({"a": echo}).to_string()}});
            let body = json!({"choices": [{"index": 0, "message": {"role": "assistant", "content": null, "tool_calls": [call]}, "finish_reason": "tool_calls"}]});
            respond(stream, "200 OK", "application/json", "", body.to_string().as_bytes());
        }
        _ => respond(stream, "200 OK", "application/json", "", flat.as_bytes()),
    }
}

/// Everything that was written so far.
#[derive(Default)]
struct Written {
    places: Vec<(String, Vec<u8>)>,
}

impl Written {
    fn command(&mut self, place: &Place, args: &[&str]) -> (Option<i32>, String) {
        let out = place.command(args).stdin(Stdio::null()).output().expect("flowc starts");
        let name = args.join(" ");
        let stdout = String::from_utf8_lossy(&out.stdout).into_owned();
        self.places.push((format!("stdout of {name}"), out.stdout));
        self.places.push((format!("stderr of {name}"), out.stderr));
        (out.status.code(), stdout)
    }

    /// Takes all files, but for those in which a user has put a key.
    fn files(&mut self, place: &Place) {
        for path in files(place.path()) {
            let own = path.starts_with(place.path().join("keys"))
                || path.extension().is_some_and(|end| end == "flow");
            if let (false, Ok(bytes)) = (own, std::fs::read(&path)) {
                self.places.push((path.display().to_string(), bytes));
            }
        }
    }

    /// Returns where one of these stands, in any way of writing it that can be undone.
    fn holding<'a>(&'a self, words: &[&str]) -> Vec<(&'a str, String)> {
        let mut found = Vec::new();
        for (place, bytes) in &self.places {
            for word in words {
                let percent = |upper: bool| -> String {
                    word.bytes()
                        .map(|byte| match byte {
                            b if b.is_ascii_alphanumeric() => char::from(b).to_string(),
                            b if upper => format!("%{b:02X}"),
                            b => format!("%{b:02x}"),
                        })
                        .collect()
                };
                // The letters alone tell of a key however the rest is written.
                let letters: String =
                    word.chars().skip_while(|c| *c != 'C').take_while(char::is_ascii_alphabetic).collect();
                let ways = [
                    (*word).to_owned(),
                    letters,
                    percent(true),
                    percent(false),
                    STANDARD.encode(word).trim_end_matches('=').to_owned(),
                    URL_SAFE_NO_PAD.encode(word),
                    // As a user's password is sent.
                    STANDARD.encode(format!("user:{word}")).trim_end_matches('=').to_owned(),
                ];
                let holds = |way: &String| {
                    way.len() >= 6 && bytes.windows(way.len()).any(|window| window == way.as_bytes())
                };
                if let Some(way) = ways.iter().find(|way| holds(way)) {
                    found.push((place.as_str(), way.clone()));
                }
            }
        }
        found
    }
}

/// Every kind of step, and a key in every place of a program.
fn program(url: &str, way: &str) -> String {
    format!(
        r#"allow [net("127.0.0.1"), secret("MODEL_SECRET"), secret("HEADER_SECRET"), secret("TOOL_SECRET"), secret("FILE_SECRET")]

model own = "openai/own" {{
  base_url: "{url}/{way}/own"
  api_key: secret.MODEL_SECRET
  headers: {{"x-tenant": secret.HEADER_SECRET, "x-both": "a ${{secret.FILE_SECRET}} b"}}
  retry: 1
}}
model vendor = "openai/vendor" {{ retry: 0 }}

type Reply {{ a: string }}

prompt ask_own(text: string) -> string {{ model: own  user: "own ${{text}}" }}
prompt ask_vendor(text: string) -> string {{ model: vendor  user: "vendor ${{text}}" }}
prompt typed(text: string) -> Reply {{ model: own  user: "typed ${{text}}"  repair: 1 }}
tool fetch(text: string) -> string {{
  get: "{url}/{way}/tool"
  headers: {{"authorization": "Bearer ${{secret.TOOL_SECRET}}", "x-file": secret.FILE_SECRET}}
  query: {{q: text}}
  retry: 0
}}

flow say_own(text: string) -> string {{ return ask_own(text) }}
flow say_vendor(text: string) -> string {{ return ask_vendor(text) }}
flow say_typed(text: string) -> Reply {{ return typed(text) }}
flow use_tool(text: string) -> string {{ return fetch(text) }}
"#
    )
}

/// A place with every key, whose providers stand at a server that answers in one way.
fn planted(server: &Server, way: &str) -> Place {
    let host = server.url().replace("http://", "");
    let base = format!("http://user:{}@{host}/{way}/vendor", key("the password of a server"));
    let place = Place::new()
        .set("OPENAI_API_KEY", key("the variable of a provider"))
        .set("OPENAI_BASE_URL", &*base)
        .set("OLLAMA_HOST", format!("{base}?key={}", key("the query of a server")))
        .set("MODEL_SECRET", key("api_key of a model"))
        .set("HEADER_SECRET", key("a header of a model"))
        .set("TOOL_SECRET", key("a header of a tool"))
        .set("HTTPS_PROXY", format!("http://user:{}@{host}", key("the password of a proxy")))
        .set("HTTP_PROXY", format!("http://user:{}@{host}", key("the password of a proxy")));
    place.file("flow.toml", "[secrets]\ndir = \"keys\"\n[models]\ndefault = \"ollama/m\"\n");
    place.file("keys/FILE_SECRET", format!("{}\n", key("a file in secrets.dir")));
    place.file("main.flow", program(&server.url(), way));
    place
}

/// A server that says back all that it hears, by the way that its path names, and remembers which keys it has heard.
fn parrot() -> (Server, Arc<Mutex<BTreeSet<String>>>) {
    let heard = Arc::new(Mutex::new(BTreeSet::new()));
    let keeps = heard.clone();
    let server = Server::start(move |request, stream| {
        let told = echo(request);
        let basic = |user: &str, password: &str| STANDARD.encode(format!("{user}:{password}"));
        for (_, key) in KEYS {
            if told.contains(key) || told.contains(&basic("user", key)) {
                keeps.lock().expect("no thread panicked with it").insert((*key).to_owned());
            }
        }
        let path = request.path.split("://").last().unwrap_or_default();
        let way = path.split(['/', '?']).find(|part| WAYS.contains(part)).unwrap_or("json-error").to_owned();
        let lists = request.method == "GET" && !request.path.contains("/tool");
        answer(request, if lists && way == "plain" { "list" } else { &way }, stream);
    });
    (server, heard)
}

#[test]
fn no_key_is_ever_written() {
    let (server, heard) = parrot();
    let keys: Vec<&str> = KEYS.iter().map(|(_, key)| *key).collect();
    let mut marks = 0;
    for way in WAYS {
        let place = planted(&server, way);
        let mut written = Written::default();
        let text = format!("text={MARK}");
        for flow in ["say_own", "say_vendor", "say_typed", "use_tool"] {
            written.command(&place, &["run", ".", flow, &text]);
        }
        written.command(&place, &["run", ".", "say_own", &text, "--json", "--stream"]);
        written.command(&place, &["run", ".", "say_own", &text, "--stream", "--record", "own.tape"]);
        written.command(&place, &["run", ".", "use_tool", &text, "--json", "--record", "tool.tape"]);
        // What is stale is told with what it was and what it is, and recorded anew.
        let changed =
            program(&server.url(), way).replace("\"own ${", "\"own: ${").replace("{q: text}", "{p: text}");
        place.file("main.flow", changed);
        for (flow, tape) in [("say_own", "own.tape"), ("use_tool", "tool.tape")] {
            written.command(&place, &["run", ".", flow, &text, "--tape", tape]);
            written
                .command(&place, &["run", ".", flow, &text, "--tape", tape, "--update", "--yes", "--json"]);
        }
        place.file("main.flow", program(&server.url(), way));
        written.command(&place, &["run", ".", "say_vendor", &text, "--model", "ollama/m"]);
        let (_, runs) = written.command(&place, &["runs", "--json"]);
        let ids = runs.lines().filter_map(|line| serde_json::from_str::<serde_json::Value>(line).ok());
        for run in ids.filter_map(|line| line["run"].as_str().map(str::to_owned)).step_by(3) {
            written.command(&place, &["runs", "show", &run]);
            written.command(&place, &["runs", "show", &run, "--json"]);
            written.command(&place, &["runs", "events", &run, "--json"]);
            written.command(&place, &["resume", &run]);
            written.command(&place, &["replay", &run]);
        }
        written.command(&place, &["runs"]);
        written.command(&place, &["runs", "list", "--csv"]);
        written.command(&place, &["doctor", "--timeout", "2s"]);
        written.command(&place, &["doctor", "--json", "--timeout", "2s"]);
        written.command(&place, &["models", "--ask", "--json", "--timeout", "2s"]);
        written.command(&place, &["models", "own", "--ask", "--timeout", "2s"]);
        written.command(&place, &["check", ".", "--bounds"]);
        written.files(&place);
        let found = written.holding(&keys);
        assert!(found.is_empty(), "{way}: {} of {found:#?}", found.len());
        marks += written.holding(&[MARK]).len();
    }
    // What isn't a key came all that way, and was found: the scan sees what is there.
    assert!(marks > 100, "the mark was seen {marks} times");
    let mut heard = heard.lock().expect("no thread panicked with it").clone();
    // Both servers on this machine are asked directly, so the proxy hears nothing here; another test has one.
    heard.insert(key("the password of a proxy").to_owned());
    let unheard: Vec<_> = KEYS.iter().filter(|(_, key)| !heard.contains(*key)).collect();
    assert!(unheard.is_empty(), "these were never sent, so nobody could echo them: {unheard:?}");
}

#[test]
fn a_proxy_that_echoes_is_masked_too() {
    let (server, heard) = parrot();
    for way in ["json-error", "split", "busy"] {
        let place =
            planted(&server, way).set("OPENAI_BASE_URL", format!("http://models.invalid/{way}/vendor"));
        let mut written = Written::default();
        written.command(&place, &["run", ".", "say_vendor", "text=x", "--json", "--stream"]);
        written.command(&place, &["doctor", "--timeout", "2s"]);
        written.files(&place);
        let keys: Vec<&str> = KEYS.iter().map(|(_, key)| *key).collect();
        assert_eq!(written.holding(&keys), [], "{way}");
    }
    assert!(heard.lock().expect("no thread panicked with it").contains(key("the password of a proxy")));
}

#[test]
fn what_a_killed_run_leaves_in_the_log_holds_no_key() {
    // The first question is answered with all that was heard, the second never: the write-ahead log stays as it is.
    let (asked, is_asked) = std::sync::mpsc::channel();
    let asked = Mutex::new(asked);
    let server = Server::start(move |request, stream| {
        if request.question().starts_with("hang") {
            asked.lock().expect("no thread panicked with it").send(()).ok();
            std::thread::sleep(Duration::from_secs(60));
        }
        answer(request, "split", stream);
    });
    let place = planted(&server, "split");
    let program = program(&server.url(), "split")
        + "prompt hang(text: string) -> string { model: own  user: \"hang ${text}\" }\nflow main() -> string {\n  let a = ask_own(\"MARKthatMayBeTold\")\n  return hang(a)\n}\n";
    place.file("main.flow", program);
    let mut child = place
        .command(["run", ".", "main", "--record", "killed.tape"])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("flowc starts");
    is_asked.recv_timeout(Duration::from_secs(60)).expect("the second question comes");
    child.kill().expect("it runs");
    let out = child.wait_with_output().expect("it ended");
    let mut written = Written::default();
    written.places.push(("stderr".into(), out.stderr));
    written.files(&place);
    let keys: Vec<&str> = KEYS.iter().map(|(_, key)| *key).collect();
    assert_eq!(written.holding(&keys), []);
    let marked: Vec<_> = written.holding(&[MARK]).into_iter().map(|(place, _)| place.to_owned()).collect();
    assert!(marked.iter().any(|place| place.ends_with("-wal")), "the log has what isn't secret: {marked:?}");
    assert!(marked.iter().any(|place| place.ends_with(".tape.part")), "{marked:?}");
}

#[test]
fn the_scan_finds_a_key_however_it_is_written() {
    let key = key("the variable of a provider");
    let ways = [
        key.to_owned(),
        json!(json!(key).to_string()).to_string(),
        json!(key).to_string().replace('/', "\\/"),
        key.replace('/', "%2F").replace('+', "%2B").replace('=', "%3D").replace('~', "%7E"),
        STANDARD.encode(key),
        URL_SAFE_NO_PAD.encode(key),
    ];
    for way in ways {
        let written = Written { places: vec![("here".into(), format!("before{way}after").into_bytes())] };
        assert_eq!(written.holding(&[key]).len(), 1, "{way}");
    }
    assert_eq!(Written { places: vec![("here".into(), b"nothing".to_vec())] }.holding(&[key]), []);
}

#[test]
fn places_of_the_suite_find_keys_by_themselves() {
    let leaves = std::panic::catch_unwind(|| {
        let place = Place::new().set("A_KEY", "canary-left-in-a-file");
        std::fs::write(place.path().join("left"), "a canary-left-in-a-file b").expect("written");
    });
    assert!(leaves.is_err(), "a file with a key was not found");
    let prints = std::panic::catch_unwind(|| {
        let mut command = std::process::Command::new("sh");
        command.args(["-c", "echo $A_TOKEN"]).env("A_TOKEN", "canary-that-is-printed");
        flow_tests::program::finish(command, b"");
    });
    assert!(prints.is_err(), "a key in the output was not found");
    let begun = Instant::now();
    drop(Place::new().set("A_KEY", "canary-that-is-nowhere"));
    assert!(begun.elapsed() < Duration::from_secs(5));
}
