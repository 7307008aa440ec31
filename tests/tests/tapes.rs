//! Tapes, as users have them: which edit makes which entries stale, and what mending one asks for and leaves alone.

#![allow(clippy::disallowed_methods, reason = "tests read and write files")]

use std::collections::BTreeMap;
use std::io::Read as _;

use flow_tests::models::{Say, Wire};
use flow_tests::program::{Place, Ran};
use flow_tests::server::{Server, respond};
use serde_json::{Value as Json, json};

/// Every kind of question that needs nobody; none depends on another's answer but the last, and an agent's turns.
const PROGRAM: &str = r#"/// What is asked.

allow [net("127.0.0.1")]

model own = "openai/own" { base_url: "SERVER/v1"  temperature: 0.2  retry: 1 }

/// What is thought of a topic.
type Review {
  /// From 1 to 5.
  score: int(1..5)
  fix: string(..80)?
}

/// Plans a text.
prompt outline(topic: string) -> string {
  model: own
  system: "You plan short texts."
  user: "Outline a text about ${topic}."
}

prompt review(topic: string) -> Review {
  model: own
  user: "What is to be said of ${topic}?"
}

prompt headline(plan: string) -> string {
  model: own
  user: "Find a title for this: ${plan}"
}

/// Looks a page up.
tool look(
  server: trusted string,
  /// Its title.
  page: string(..80),
) -> string(..400) {
  get: "${server}/pages/${page}"
  headers: {"accept-language": "en"}
  query: {part: "summary"}
  decode: text
  timeout: 5s
}

tool keep(server: trusted string, topic: string) -> string {
  post: "${server}/store"
  body: {topic: topic, times: 1}
  idempotent: by topic
  decode: text
}

agent adviser(server: trusted string, topic: string) -> string {
  model: own
  system: "You look things up before you advise."
  user: "What should be read about ${topic}?"
  tools: [look(server: server) max 2]
  max_turns: 4
}

flow main(topic: string(..80), server: trusted string) -> string {
  let plan = outline(topic)
  let judged = review(topic)
  let page = look(server, topic)
  let kept = keep(server, topic)
  let advice = adviser(server, topic)
  let title = headline(plan)
  return "${title} ${judged.score} ${page} ${kept} ${advice}"
}
"#;

const ALL: [&str; 8] = [
    "main/advice/turn[0]",
    "main/advice/turn[0]/tool[0]",
    "main/advice/turn[1]",
    "main/judged",
    "main/kept",
    "main/page",
    "main/plan",
    "main/title",
];
const MODELS: &[&str] = &["advice/turn[0]", "advice/turn[1]", "judged", "plan", "title"];
const TURNS: &[&str] = &["advice/turn[0]", "advice/turn[1]"];
const PAGES: &[&str] = &["advice/turn[0]/tool[0]", "page"];
const NONE: &[&str] = &[];

/// Each edit: what it is, what it replaces, by what, and which entries it makes stale.
const EDITS: &[(&str, &str, &str, &[&str])] = &[
    ("the wording of a prompt", "Outline a text", "Sketch a text", &["plan"]),
    ("a system prompt", "You plan short texts.", "You plan long texts.", &["plan"]),
    ("another node's prompt", "Find a title", "Find a short title", &["title"]),
    ("a doc comment that is sent with a field", "/// From 1 to 5.", "/// 5 is best.", &["judged"]),
    ("a doc comment that is sent with a tool", "/// Looks a page up.", "/// Finds a page.", TURNS),
    ("a doc comment that is sent with an argument", "/// Its title.", "/// Its exact title.", TURNS),
    ("a doc comment that isn't sent", "/// Plans a text.", "/// Plans any text.", NONE),
    ("a bound of a field", "int(1..5)", "int(1..10)", &["judged"]),
    ("a new field", "fix: string(..80)?", "fix: string(..80)?\n  more: string(..9)?", &["judged"]),
    ("the temperature of a model", "temperature: 0.2", "temperature: 0.9", MODELS),
    ("the temperature of a node", "user: \"Find", "temperature: 0.7  user: \"Find", &["title"]),
    ("a limit on output", "user: \"Find", "max_tokens: 50  user: \"Find", &["title"]),
    ("the name of the model", "\"openai/own\"", "\"openai/other\"", MODELS),
    ("the server of the model", "SERVER/v1", "SERVER/other/v1", NONE),
    ("what a provider may keep", "retry: 1 }", "retry: 1  cache: true }", NONE),
    ("the URL of a tool", "/pages/", "/articles/", PAGES),
    ("a header of a tool", "\"accept-language\": \"en\"", "\"accept-language\": \"de\"", PAGES),
    ("a new header of a tool", "\"en\"}", "\"en\", \"x-more\": \"1\"}", PAGES),
    ("the query of a tool", "part: \"summary\"", "part: \"all\"", PAGES),
    ("the body of a tool", "times: 1", "times: 2", &["kept"]),
    ("the method of a tool", "post:", "put:", &["kept"]),
    ("the name of a tool that an agent has", "look", "find", TURNS),
    ("an agent's instruction", "You look things up", "You always look things up", TURNS),
    ("an agent's limit on calls", "max 2", "max 3", NONE),
    ("a retry", "retry: 1", "retry: 3", NONE),
    ("a timeout", "timeout: 5s", "timeout: 9s", NONE),
    ("a comment", "allow [", "// Only this machine.\nallow [", NONE),
    ("the name of a prompt", "outline", "sketch", NONE),
    ("a type's name", "Review", "Opinion", &["judged"]),
    ("the name of a local", "kept", "saved", &["saved"]),
    ("a step before the others", "  let plan", "  let first = headline(\"x\")\n  let plan", &["first"]),
];

/// Answers every question the same way, whatever is asked, in the shape that is asked for.
fn server() -> Server {
    Server::start(|request, stream| {
        let Some(wire) = Wire::of(request) else {
            return respond(stream, "200 OK", "text/plain", "", b"a page");
        };
        let (turn, _) = wire.turn(request);
        let tools = wire.tools(request);
        let say = match tools.first() {
            Some((name, _)) if turn == 0 => {
                Say::Calls(vec![(&*name.clone().leak(), json!({"page": "Tide"}))])
            }
            _ if request.json().get("response_format").is_some() => {
                Say::Text(json!({"score": 3}).to_string())
            }
            _ => Say::Text(String::from("The same.")),
        };
        wire.say(request, stream, &say);
    })
}

fn place(server: &Server, program: &str) -> Place {
    let place = Place::new().set("OPENAI_API_KEY", "sk-of-the-tapes-test");
    place.file("main.flow", program.replace("SERVER", &server.url()));
    place
}

fn run(place: &Place, server: &Server, more: &[&str]) -> Ran {
    let own = format!("server={}", server.url());
    place.run([&["run", ".", "topic=tides", &own, "--store", "memory:"], more].concat())
}

/// The lines of a tape by coordinate; addresses of servers of other tests stand apart.
fn lines(place: &Place, tape: &str) -> BTreeMap<String, String> {
    let text = std::fs::read_to_string(place.path().join(tape)).expect("a tape is written");
    let entry = |line: &str| {
        let json: Json = serde_json::from_str(line).expect("a line is JSON");
        (json["coordinate"].as_str().expect("it has a coordinate").to_owned(), line.to_owned())
    };
    text.lines().skip(1).map(entry).collect()
}

#[test]
fn an_edit_makes_exactly_the_entries_stale_that_it_touches() {
    let server = server();
    let place = place(&server, PROGRAM);
    run(&place, &server, &["--record", "base.tape"]).expect(0);
    let base = lines(&place, "base.tape");
    assert_eq!(base.keys().collect::<Vec<_>>(), ALL);
    assert!(EDITS.len() >= 20);
    for (edit, from, to, expected) in EDITS {
        assert!(PROGRAM.contains(from), "{edit}");
        place.file("main.flow", PROGRAM.replace(from, to).replace("SERVER", &server.url()));
        std::fs::copy(place.path().join("base.tape"), place.path().join("t.tape")).expect("it is copied");
        let expected: Vec<String> = expected.iter().map(|name| format!("main/{name}")).collect();

        // Without `--update` nothing is asked: the run fails where the first stale entry is, or passes.
        server.forget();
        let ran = run(&place, &server, &["--tape", "t.tape"]).expect(if expected.is_empty() { 0 } else { 3 });
        assert!(expected.is_empty() || ran.stderr.contains("diverged"), "{edit}: {}", ran.stderr);
        assert!(server.requests().is_empty(), "{edit}: a tape never asks");

        run(&place, &server, &["--tape", "t.tape", "--update", "--yes"]).expect(0);
        assert_eq!(server.requests().len(), expected.len(), "{edit}: only what is stale is asked");
        let after = lines(&place, "t.tape");
        let others: Vec<&String> =
            after.iter().filter(|(key, line)| base.get(*key) != Some(*line)).map(|(key, _)| key).collect();
        assert_eq!(others, expected.iter().collect::<Vec<_>>(), "{edit}");

        // What was mended is fresh, and nothing of it is unused.
        server.forget();
        let again = run(&place, &server, &["--tape", "t.tape"]).expect(0);
        assert!(
            server.requests().is_empty() && !again.stderr.contains("not asked for"),
            "{edit}: {}",
            again.stderr
        );
    }
}

#[test]
fn what_is_stale_or_unused_is_told_and_nothing_is_asked_unasked() {
    let server = server();
    let place = place(&server, PROGRAM);
    run(&place, &server, &["--record", "t.tape"]).expect(0);
    let before = std::fs::read(place.path().join("t.tape")).expect("it is there");
    let changed = PROGRAM.replace("temperature: 0.2", "temperature: 0.9").replace("SERVER", &server.url());
    place.file("main.flow", changed);
    server.forget();
    run(&place, &server, &["--tape", "t.tape"]).expect(3).says(&[
        "`main/plan` is stale: the step asks something else now: temperature",
        "temperature: 0.2 → 0.9",
        "--update",
    ]);
    // Nobody can say yes here.
    run(&place, &server, &["--tape", "t.tape", "--update"])
        .expect(2)
        .says(&["--yes", "temperature: 0.2 → 0.9"]);
    run(&place, &server, &["--update"]).expect(2).says(&["--tape"]);
    assert_eq!(std::fs::read(place.path().join("t.tape")).expect("it is there"), before);
    assert!(server.requests().is_empty());

    let fewer = PROGRAM.replace("  let kept = keep(server, topic)\n", "").replace(" ${kept}", "");
    place.file("main.flow", fewer.replace("SERVER", &server.url()));
    run(&place, &server, &["--tape", "t.tape"])
        .expect(0)
        .says(&["1 entry of t.tape was not asked for", "  main/kept"]);
    run(&place, &server, &["--tape", "t.tape", "--update"])
        .expect(0)
        .says(&["7 kept, 1 dropped", "  main/kept"]);
    assert_eq!(lines(&place, "t.tape").len(), 7);
    run(&place, &server, &["--tape", "t.tape", "--update"]).expect(0).says(&["nothing is stale, 7 kept"]);
}

#[test]
fn a_race_ends_from_its_tape_as_it_was_recorded() {
    // Whoever is slow hangs until nobody listens any more.
    let server = Server::start(|request, stream| match Wire::of(request) {
        Some(_) if request.question() == "slow" => drop(stream.read(&mut [0])),
        Some(wire) => wire.say(request, stream, &Say::Text(String::from("fast"))),
        None => respond(stream, "200 OK", "text/plain", "", b"late"),
    });
    let program = r#"allow [net("127.0.0.1")]
model own = "openai/own" { base_url: "SERVER/v1"  retry: 0 }
prompt one(text: string) -> string { model: own  user: text }
flow main(topic: string, server: string) -> string {
  return race {
    when let a = one("slow") => a
    when let b = one("quick") => b
  }
}
"#;
    let place = place(&server, program);
    let recorded = run(&place, &server, &["--record", "t.tape"]).expect(0).stdout;
    let tape = std::fs::read_to_string(place.path().join("t.tape")).expect("it is written");
    assert!(tape.contains("\"cancelled\""), "{tape}");
    for _ in 0..5 {
        assert_eq!(run(&place, &server, &["--tape", "t.tape"]).expect(0).stdout, recorded);
    }
}

#[test]
fn two_recordings_are_one_text() {
    let server = server();
    let program = PROGRAM.replace(
        "  let kept = keep(server, topic)\n",
        "  let kept = parallel for n in [10, 9, 2, 1, 8, 3] { yield outline(\"part ${n}\") }\n",
    );
    let place = place(&server, &program);
    run(&place, &server, &["--record", "a.tape"]).expect(0);
    run(&place, &server, &["--record", "b.tape"]).expect(0);
    let read = |name: &str| std::fs::read_to_string(place.path().join(name)).expect("it is written");
    assert_eq!(read("a.tape"), read("b.tape"));
    let left: Vec<_> = std::fs::read_dir(place.path())
        .expect("it is a folder")
        .flatten()
        .map(|entry| entry.file_name())
        .filter(|name| name.to_string_lossy().contains(".tape"))
        .collect();
    assert_eq!(left.len(), 2, "{left:?}");
}

/// A conversation goes on with the wrong answers in it: a run that takes over its turns asks what was asked, so nothing.
#[test]
fn a_replayed_agent_that_had_to_repair_asks_nothing() {
    let server = Server::start(|request, stream| {
        let Some(wire) = Wire::of(request) else {
            return respond(stream, "200 OK", "text/plain", "", b"a page");
        };
        let messages = request.json()["messages"].as_array().cloned().unwrap_or_default();
        let has = |role: &str| messages.iter().any(|message| message["role"] == role);
        let say = match (has("assistant"), has("tool")) {
            (false, _) => Say::Text(String::from("No JSON at all.")),
            (true, false) => Say::Calls(vec![("look", json!({"page": "Tide"}))]),
            (true, true) => Say::Text(json!({"score": 3}).to_string()),
        };
        wire.say(request, stream, &say);
    });
    let program = r#"allow [net("127.0.0.1")]
model own = "openai/own" { base_url: "SERVER/v1"  retry: 0 }
type Review { score: int(1..5) }
tool look(server: trusted string, page: string(..80)) -> string(..400) { get: "${server}/pages/${page}"  decode: text }
agent judge(server: trusted string, topic: string) -> Review {
  model: own
  user: "How good is what is written about ${topic}?"
  tools: [look(server: server) max 2]
  max_turns: 4
  repair: 1
}
flow main(topic: string, server: trusted string) -> int { return judge(server, topic).score }
"#;
    let place = place(&server, program);
    let own = format!("server={}", server.url());
    let store = ["--store", "sqlite:runs.db", "--json"];
    let first =
        place.run([&["run", ".", "topic=tides", &own, "--record", "t.tape"], &store[..]].concat()).expect(0);
    let asked = server.requests().len();
    assert_eq!(asked, 4, "a wrong answer, a call, the page, an answer");
    let run = |ran: &Ran| ran.json_lines()[0]["run"].as_str().expect("an event names its run").to_owned();
    let again = place.run([&["replay", &run(&first)], &store[..]].concat()).expect(0);
    let replayed_again = place.run([&["replay", &run(&again)], &store[..]].concat()).expect(0);
    assert_eq!(server.requests().len(), asked, "nothing is asked anew");
    for ran in [again, replayed_again] {
        let last = ran.json_lines().pop().expect("a run has events");
        assert_eq!((&last["status"], &last["result"]), (&json!("succeeded"), &json!(3)));
    }
    place.run(["run", ".", "topic=tides", &own, "--store", "memory:", "--tape", "t.tape"]).expect(0);
    assert_eq!(server.requests().len(), asked);
}
