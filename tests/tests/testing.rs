//! `flowc test`: the rules of tests (E1), each as a test that holds and one that doesn't, through the built program.

#![allow(clippy::disallowed_methods, reason = "tests read files and start processes")]

use flow_tests::program::Place;
use serde_json::Value as Json;

/// What every case may call.
const PROGRAM: &str = r#"
model default = "ollama/llama3.2"
allow [net("shop.example.com"), secret("CANARY")]
enum Verdict { accept revise reject }
type Review { score: int(1..5)  verdict: Verdict  fixes: [string](..6) }
prompt draft(topic: string) -> string { user: "Write about ${topic}." }
prompt critique(text: string) -> Review { user: "Review this: ${text}"  retry: 1  timeout: 20s }
prompt judge(review: Review, hint: string = "") -> int { user: "${review.score} ${hint}" }
tool charge(id: trusted string) -> {id: string} {
  post: "https://shop.example.com/charges"
  headers: {authorization: "Bearer ${secret.CANARY}"}
  body: {id: id}
  idempotent: by id
}
human approve(text: string) -> {ok: bool} { via: dashboard  message: "ok? ${text}"  timeout: 1h }
event delivered(id: string) -> {id: string} { via: webhook("/in")  match: body.id == id  timeout: 3d }
agent look(question: string) -> string { user: question  tools: [draft]  max_turns: 3 }
flow polish(topic: string) -> string {
  state { text: string  review: Review }
  text = draft(topic)
  loop turn max 2 {
    review = critique(text)
    route review.verdict {
      when accept => break
      when revise => text = draft(text)
      when reject => fail rejected("no good")
    }
  } else { fail not_converged("still ${review.score}") }
  return text
}
flow outer(topic: string) -> string { let inner = polish(topic) with {timeout: 1m}  return inner }
flow ask(text: string) -> string {
  let who = race {
    when let a = approve(text) => string(a.ok)
    when wait 10m => "late"
  }
  return who
}
flow order(id: trusted string) -> string { let paid = charge(id)  let came = delivered(paid.id)  return came.id }
flow agents(q: string) -> string { let found = look(q)  return found }
flow first(topic: string) -> string {
  let won = race {
    when let a = draft(topic) => "draft"
    when let b = critique(topic) => "critique"
  }
  return won
}
flow many(xs: [string](..5)) -> [string] {
  let all = parallel for x in xs by x { let t = draft(x)  let r = critique(t)  yield "${t}${r.score}" }
  return all
}
flow spends(topic: string) -> string { budget { time: 1s }  let a = draft(topic)  let b = draft(a)  return b }
flow told() -> string { return "${run.id} ${run.started_at}" }
"#;

const ACCEPT: &str = "Review{score: 5, verdict: Verdict.accept, fixes: []}";
const REVISE: &str = "Review{score: 2, verdict: Verdict.revise, fixes: []}";

/// Runs one test with this body; returns what is told of it, by program.
fn test(body: &str) -> Json {
    let place = Place::new();
    let body = body.replace("ACCEPT", ACCEPT).replace("REVISE", REVISE);
    place.file("main.flow", format!("{PROGRAM}\ntest \"case\" {{\n{body}\n}}\n"));
    let ran = place.run(["test", "main.flow", "--json"]);
    ran.json_lines().into_iter().next().unwrap_or_default()
}

fn holds(body: &str) {
    let told = test(body);
    assert_eq!(told["passed"], true, "{body}\n{told:#}");
}

/// The test fails, and what is told of it holds all these texts.
fn fails(kind: &str, body: &str, says: &[&str]) {
    let told = test(body);
    assert_eq!(told["fault"]["kind"], kind, "{body}\n{told:#}");
    let text = told.to_string();
    for part in says {
        assert!(text.contains(part), "{part:?} is missing\n{told:#}");
    }
}

#[test]
fn mocks_are_taken_in_order_and_the_last_repeats() {
    holds(
        r#"mock draft => "a"  mock draft => "b"
           let x = draft("1")  let y = draft("2")  let z = draft("3")
           expect [x, y, z] == ["a", "b", "b"] && calls(draft) == 3"#,
    );
    holds(
        r#"mock draft => "a"
           let x = draft("1")
           mock draft => "${x}!"
           let y = draft("2")
           expect y == "a!""#,
    );
}

#[test]
fn a_coordinate_goes_before_arguments_and_those_before_the_name() {
    holds(
        r#"mock draft => "plain"  mock draft(topic: "x") => "by argument"  mock "polish/text" => "by coordinate"
           mock critique => ACCEPT
           let a = draft("y")  let b = draft("x")  let c = polish("x")
           expect [a, b, c] == ["plain", "by argument", "by coordinate"]"#,
    );
    holds(
        r#"mock draft => "t"  mock critique => REVISE  mock "polish/turn[1]/review" => ACCEPT
           let t = polish("x")
           expect calls(critique) == 2 && calls("polish/turn/review") == 2 && calls("polish/turn[1]/review") == 1"#,
    );
    holds(
        r#"mock judge(review: {score: 5}) => 1  mock judge(review: {verdict: Verdict.revise}, hint: "h") => 2
           let a = judge(ACCEPT)  let b = judge(REVISE, hint: "h")
           expect a == 1 && b == 2"#,
    );
    fails(
        "unmocked",
        r#"mock draft(topic: "x") => "a"
           let t = draft("y")"#,
        &["draft", "for other arguments"],
    );
}

#[test]
fn what_is_not_mocked_ends_the_test_and_nothing_catches_it() {
    fails(
        "unmocked",
        r#"mock draft => "a"
           let t = polish("x") catch "caught""#,
        &["`critique` is called and not mocked", "polish/turn[0]/review", "main.flow:"],
    );
    for (call, name) in [
        ("order(\"1\")", "charge"),
        ("ask(\"x\")", "approve"),
        ("agents(\"x\")", "look"),
        ("delivered(\"1\")", "delivered"),
    ] {
        fails("unmocked", &format!("let t = {call}"), &[&format!("`{name}` is called and not mocked")]);
    }
}

#[test]
fn flows_agents_people_and_events_can_be_mocked() {
    holds(
        r#"mock polish => "whole"  let t = outer("x")  expect t == "whole" && calls(draft) == 0 && calls(polish) == 1"#,
    );
    holds(r#"mock "outer/inner" => "whole"  let t = outer("x")  expect t == "whole""#);
    holds(
        r#"mock look(question: "q") => "found"  let t = agents("q")  expect t == "found" && calls(look) == 1"#,
    );
    holds(
        r#"mock charge => {id: "7"}  mock delivered(id: "7") => {id: "7"} after 2d  let t = order("1")  expect t == "7""#,
    );
    holds(r#"mock approve => {ok: true} after 9m  let t = ask("x")  expect t == "true""#);
}

#[test]
fn time_is_virtual() {
    holds(r#"mock approve => {ok: true} after 11m  let t = ask("x")  expect t == "late""#);
    holds(r#"mock approve => {ok: true} after 2h  expect fails(approve("x"), timeout)"#);
    holds(r#"mock critique => ACCEPT after 30s  expect fails(critique("x"), timeout)"#);
    holds(r#"mock polish => "late" after 2m  expect fails(outer("x"), timeout)"#);
    holds(r#"mock draft => "a" after 2s  expect fails(spends("x"), budget)"#);
    let told = test("wait 400d\nlet x = run.started_at\nexpect x == timestamp(\"2026-01-01T00:00:00Z\")");
    assert_eq!(
        (&told["passed"], &told["virtual_ms"]),
        (&Json::Bool(true), &Json::from(400 * 86_400_000_u64))
    );
}

#[test]
fn a_race_is_won_by_the_first_arm_unless_mocks_say_so() {
    holds(r#"mock draft => "a"  mock critique => ACCEPT  let t = first("x")  expect t == "draft""#);
    holds(
        r#"mock draft => "a" after 2s  mock critique => ACCEPT  let t = first("x")  expect t == "critique""#,
    );
    holds(
        r#"mock draft => fail timeout("slow")  mock critique => ACCEPT  let t = first("x")  expect t == "critique""#,
    );
}

#[test]
fn branches_advance_in_written_order() {
    holds(
        r#"mock draft => "a"  mock draft => "b"  mock draft => "c"  mock critique => ACCEPT
           let t = many(["x", "y", "z"])
           expect t == ["a5", "b5", "c5"]"#,
    );
}

#[test]
fn mocks_fail_and_are_tried_again() {
    holds(
        r#"mock critique => fail rate_limited("busy")  mock critique => ACCEPT
           let r = critique("x")
           expect r.score == 5 && calls(critique) == 1"#,
    );
    holds(
        r#"mock draft => fail my_own("no")  expect fails(polish("x"), my_own) && !fails(polish("x"), timeout)"#,
    );
    fails(
        "expectation",
        r#"mock draft => fail timeout("no")  expect fails(polish("x"), denied)"#,
        &["the call failed with `timeout`"],
    );
    fails("error", r#"mock draft => fail denied("no")  let t = polish("x")"#, &["denied: no", "polish/text"]);
}

#[test]
fn several_flows_and_steps_around_them() {
    holds(
        r#"mock draft => "a"  mock critique => ACCEPT  mock look => "l"
           parallel { let a = polish("x")  let b = agents("q") }
           let c = do { let d = polish("y")  yield "${d}!" }
           expect [a, b, c] == ["a", "l", "a!"] && calls("polish/text") == 2"#,
    );
}

#[test]
fn an_order_of_steps() {
    holds(
        r#"mock draft => "a"  mock critique => ACCEPT  let t = polish("x")  expect steps(draft) before steps(critique)"#,
    );
    fails(
        "expectation",
        r#"mock draft => "a"  mock critique => ACCEPT  let t = polish("x")  expect steps(critique) before steps(draft)"#,
        &["began before"],
    );
    fails("expectation", r#"expect steps(draft) before steps(critique)"#, &["no step of `draft` was made"]);
}

#[test]
fn a_picture_shows_the_values_of_the_parts() {
    fails(
        "expectation",
        r#"mock draft => "a"
           let t = draft("x")
           expect t.size() == 2 && calls(draft) == 1"#,
        &[r#"{"source":"t.size()","value":"1"}"#, r#"{"source":"t","value":"\"a\""}"#],
    );
}

#[test]
fn it_is_drawn_for_people_and_written_for_programs() {
    let place = Place::new();
    let body = "mock draft => \"a\"\n  let t = draft(\"x\")\n  expect t == \"b\"\n";
    place.file(
        "main.flow",
        format!("{PROGRAM}test \"good\" {{ expect 1 == 1 }}\ntest \"bad\" {{\n  {body}}}\n"),
    );
    let ran = place.run(["test", "main.flow", "--junit", "out.xml"]).expect(1);
    ran.prints(&[
        "✓ good",
        "✗ bad",
        "  expect t == \"b\"\n         │\n         \"a\"\n",
        "1 failed, 1 passed",
    ]);
    let xml = std::fs::read_to_string(place.path().join("out.xml")).expect("written");
    assert!(
        xml.contains("<testsuites tests=\"2\" failures=\"1\"")
            && xml.contains("<failure type=\"expectation\"")
    );
    place.run(["test", "main.flow", "--filter", "good"]).expect(0).prints(&["1 passed"]);
    place
        .run(["test", "main.flow", "--filter", "ugly"])
        .expect(2)
        .says(&["no test's title or file holds `ugly`"]);
    place.file("main.flow", "flow main() -> string { return x }\ntest \"t\" { expect 1 == 1 }\n");
    place.run(["test", "main.flow"]).expect(1).says(&["unknown name"]);
}

#[test]
fn a_tape_answers_and_is_told_to_be_stale() {
    let place = Place::new();
    let program = "model default = \"ollama/llama3.2\"\nprompt greet(name: string) -> string { user: \"Greet ${name}.\" }\nflow main(name: string) -> string { let said = greet(name)  return said }\n";
    let test =
        "test \"as recorded\" replay \"main.tape\" { let said = main(\"Ada\")  expect said.size() > 0 }\n";
    place.file("main.flow", format!("{program}{test}"));
    place.run(["run", "main.flow", "main", "name=Ada", "--simulate", "--record", "main.tape"]).expect(0);
    place.run(["test", "main.flow"]).expect(0).prints(&["1 passed"]);
    place.file("main.flow", format!("{}{test}", program.replace("Greet ${name}.", "Hail ${name}.")));
    place.run(["test", "main.flow"]).expect(1).prints(&["is stale", "main/said"]);
    place.file("main.flow", format!("{program}{}", test.replace("main.tape", "../main.tape")));
    place.run(["test", "main.flow"]).expect(1).prints(&["the tape `../main.tape`"]);
}

/// A test can't reach what it doesn't name: a server, a folder and a variable that would show it see nothing.
#[test]
fn a_test_touches_nothing() {
    let server = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    server.set_nonblocking(true).expect("it is a socket");
    let address = server.local_addr().expect("an address");
    let place = Place::new()
        .set("CANARY", "canary-value-of-a-secret")
        .set("OLLAMA_HOST", address.to_string())
        .set("HTTPS_PROXY", format!("http://{address}"))
        .set("FLOW_STORAGE_URL", "sqlite:canary.db");
    let bodies = [
        r#"mock charge => {id: "1"}  mock delivered => {id: "1"}  let t = order("1")  expect t == "1""#,
        r#"let t = order("1") catch "x"  expect t == "x""#,
        r#"let t = draft("x")"#,
    ];
    let tests: Vec<String> =
        bodies.iter().enumerate().map(|(n, body)| format!("test \"{n}\" {{ {body} }}\n")).collect();
    place.file("main.flow", format!("{PROGRAM}{}", tests.concat()));
    let before = flow_tests::program::files(place.path());
    let ran = place.run(["test", "main.flow", "--trace"]).expect(1);
    ran.prints(&["2 failed, 1 passed"]);
    assert_eq!(flow_tests::program::files(place.path()), before, "a file was made");
    assert!(server.accept().is_err(), "somebody was called");
}

#[test]
fn a_test_has_one_trace() {
    let place = Place::new();
    let body = r#"mock draft => "a"  mock draft => "b" after 3s  mock critique => REVISE  mock critique => ACCEPT
        let t = many(["x", "y", "z", "u", "v"])  let f = first("x") catch "none"  let p = polish("q") catch "no"
        expect t.size() == 5"#;
    let tests: Vec<String> = (0..250)
        .map(|n| format!("test \"{n}\" {{ {} }}\n", body.replace("ACCEPT", ACCEPT).replace("REVISE", REVISE)))
        .collect();
    for file in ["a.flow", "b.flow"] {
        place.file(file, format!("{PROGRAM}{}", tests.concat()));
    }
    place.file("flow.toml", "[project]\nname = \"many\"\n");
    let mut traces = std::collections::BTreeSet::new();
    for cores in ["0", "0,1"] {
        let mut command = std::process::Command::new("taskset");
        let tested = place.command(["test", ".", "--trace", "--json"]);
        command
            .args(["-c", cores])
            .arg(tested.get_program())
            .args(tested.get_args())
            .current_dir(place.path());
        // Where nothing pins a process, all runs have all cores.
        let output = command.output().unwrap_or_else(|_| {
            place.command(["test", ".", "--trace", "--json"]).output().expect("flowc starts")
        });
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
        for line in String::from_utf8_lossy(&output.stdout).lines() {
            let told: Json = serde_json::from_str(line).expect("JSON");
            if told["test"].is_string() {
                traces.insert(told["trace"].to_string());
            }
        }
    }
    assert_eq!(traces.len(), 1, "1,000 runs of one test");
    assert!(traces.first().is_some_and(|trace| trace.len() > 100));
}

#[test]
fn the_run_is_the_same_in_every_test() {
    holds(r#"let t = told()  expect t == "00000000-0000-7000-8000-000000000000 2026-01-01T00:00:00Z""#);
}
