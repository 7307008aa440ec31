//! `--simulate=worst` held against the bounds that `flowc check --bounds` proves: never more, and where a program says
//! how often everything is done at most, exactly as much.

#![allow(clippy::disallowed_methods, reason = "tests read files")]

use flow_tests::program::{Place, files, workspace};
use serde_json::{Value as Json, json};

/// What a worst case comes to: calls of models and of tools.
fn made(events: &[Json]) -> (u64, u64) {
    let of = |kinds: &[&str]| {
        let begun = events.iter().filter(|event| event["event"] == "step_started");
        begun.filter(|event| kinds.iter().any(|kind| event["kind"] == *kind)).count() as u64
    };
    (of(&["prompt", "agent"]), of(&["http", "built_in"]))
}

fn bound(place: &Place, path: &str, flow: &str) -> (u64, u64) {
    let told = place.run(["check", "--bounds", "--format", "json", path]).expect(0).json_lines();
    let of = told.iter().find(|line| line["bounds"] == flow).expect("the flow has bounds");
    (of["model_calls"].as_u64().unwrap(), of["tool_calls"].as_u64().unwrap())
}

/// Checks one program: its bounds, what its worst case makes, and how that ends.
fn exact(name: &str, program: &str, inputs: &[&str]) {
    let place = Place::new();
    place.file("main.flow", program);
    let args = ["run", "main.flow", "--simulate=worst", "--json"];
    let ran = place.run(args.iter().chain(inputs)).expect(0);
    assert_eq!(made(&ran.json_lines()), bound(&place, "main.flow", "main"), "{name}: {}", ran.stdout);
}

const HEAD: &str = r#"
allow [net("example.com")]
enum Kind { small large }
type Review { score: int(1..10) kind: Kind why: string(..50) }
type Stop { why: string(..20) }
type Again { topic: string(..20) }
type Action = Stop | Again
prompt rate(text: string) -> Review { model: "openai/gpt-5-mini" retry: 1 repair: 2 user: "Rate ${text}" }
prompt write(topic: string) -> string(..100) { model: "openai/gpt-5-mini" retry: 0 repair: 0 user: "Write ${topic}" }
prompt decide(text: string) -> Action { model: "openai/gpt-5-mini" retry: 0 repair: 0 user: "Decide ${text}" }
tool page(id: string) -> string { get: "https://example.com/${id}" retry: 2 }
"#;

#[test]
fn every_try_every_repair_and_every_turn() {
    let program = r#"
flow main() -> string {
  state { text: string = "a"  review: Review? }
  loop polish max 4 until text.size() > 3 {
    review = rate(text)
    text = write("b")
  }
  return text
}
"#;
    exact("loop", &[HEAD, program].concat(), &[]);
    let program = r#"
flow main(n: int(1..3)) -> int {
  state { count: int = 0 }
  loop polish max n while count < 1 {
    let review = rate("a")
    count += review.score
  }
  return count
}
"#;
    let place = Place::new();
    place.file("main.flow", [HEAD, program].concat());
    let made_with = |n: &str| {
        made(&place.run(["run", "main.flow", n, "--simulate=worst", "--json"]).expect(0).json_lines())
    };
    assert_eq!(made_with("n=3"), bound(&place, "main.flow", "main"));
    assert_eq!(made_with("n=1"), (4, 0), "two tries and two repairs");
}

#[test]
fn the_dearest_arm_whatever_the_answer_says() {
    let routed = r#"
flow main() -> string {
  let review = rate("a")
  route review.kind {
    when small => return "small"
    when large => {
      let first = write("b")
      let second = write(first)
      return second
    }
  }
}
"#;
    exact("an enum", &[HEAD, routed].concat(), &[]);
    let tested = r#"
flow main() -> string {
  let review = rate("a")
  if review.score > 0 { return "as it always is" }
  let first = write("b")
  return first
}
"#;
    exact("a test", &[HEAD, tested].concat(), &[]);
    let union = r#"
flow main() -> string {
  let action = decide("a")
  route action {
    when Stop => return action.why
    when Again => {
      let more = write(action.topic)
      return more
    }
  }
}
"#;
    exact("a union", &[HEAD, union].concat(), &[]);
}

#[test]
fn what_fails_at_last_where_that_is_dearer() {
    let caught = r#"
flow main() -> string {
  let text = page("a") catch {
    when unavailable => write("b")
  }
  return text
}
"#;
    exact("a catch", &[HEAD, caught].concat(), &[]);
    let fallback = r#"
model best = fallback("openai/gpt-5", "anthropic/claude-sonnet-5")
prompt ask(text: string) -> string(..80) { model: best retry: 1 repair: 1 user: "${text}" }
flow main() -> string {
  let text = ask("a")
  return text
}
"#;
    exact("a fallback", &[HEAD, fallback].concat(), &[]);
}

#[test]
fn graphs_lists_flows_and_agents() {
    let graph = r#"
flow main() -> string {
  let text = graph desk max 6 {
    stage first {
      let review = rate("a")
      route review.kind {
        when small => yield "done"
        when large => goto second(review.why)
      }
    }
    stage second(why: string) {
      let review = rate(why)
      if review.score > 3 { yield "done" } else { goto first }
    }
  } else {
    yield "enough"
  }
  return text
}
"#;
    exact("a graph", &[HEAD, graph].concat(), &[]);
    let lists = r#"
prompt plan(topic: string) -> [string(..20)](1..5) { model: "openai/gpt-5-mini" user: "${topic}" }
flow one(topic: string) -> string {
  let text = write(topic)
  return text
}
flow main() -> int {
  let topics = plan("a")
  let texts = parallel for topic in topics by topic {
    let text = one(topic)
    yield text
  }
  return texts.size()
}
"#;
    exact("a list", &[HEAD, lists].concat(), &[]);
    let agent = r#"
agent find(topic: string) -> string(..80) {
  model: "openai/gpt-5-mini"
  user: "${topic}"
  tools: [page max 3]
  max_turns: 4
  finish: "Answer now."
}
flow main() -> string {
  let text = find("a")
  return text
}
"#;
    let place = Place::new();
    place.file("main.flow", [HEAD, agent].concat());
    let ran = place.run(["run", "main.flow", "--simulate=worst", "--json"]).expect(0);
    assert_eq!(made(&ran.json_lines()), bound(&place, "main.flow", "main"));
}

/// Answers are as long as they may be: the limit of the model, and the sizes of the type.
#[test]
fn the_longest_answers() {
    let program = r#"
type Note { title: string(..40)  lines: [string(..10)](..7)  more: string? }
prompt note() -> Note { model: "openai/gpt-5-mini" max_tokens: 500 user: "a" }
prompt text() -> string { model: "openai/gpt-5-mini" max_tokens: 100 user: "a" }
flow main() -> json {
  let note = note()
  let text = text()
  return {note: note, text: text}
}
"#;
    let place = Place::new();
    place.file("main.flow", program);
    let result = place.run(["run", "main.flow", "--simulate=worst"]).expect(0).json();
    let size = |json: &Json| json.as_str().map(|text| text.chars().count());
    assert_eq!((size(&result["text"]), size(&result["note"]["title"])), (Some(400), Some(40)));
    assert_eq!(result["note"]["lines"].as_array().map(Vec::len), Some(7));
    assert!(result["note"]["lines"].as_array().unwrap().iter().all(|line| size(line) == Some(10)));
    let written = result["note"].to_string().len();
    assert!((1_000..=2_000).contains(&written), "{written} of 2,000 characters");
}

#[test]
fn the_examples_stay_within_their_bounds_and_a_run_can_be_gone_on_with() {
    let examples: [(&str, &str, Json); 5] = [
        ("hello", "hello", json!({"name": "Ada"})),
        ("article-writer", "write_article", json!({"topic": "bicycles", "rounds": 5})),
        ("research", "research", json!({"topic": "bicycles"})),
        ("complaint", "handle", json!({"order": "A1", "complaint": "late"})),
        ("order-saga", "sell", json!({"order": {"id": "A1", "item": "kettle", "cents": 4200}})),
    ];
    for (name, flow, inputs) in examples {
        let place = Place::new();
        let example = place.copy(&workspace().join("examples").join(name));
        let path = example.to_str().unwrap();
        let args = ["run", path, "--simulate=worst", "--json", "--input", "-"];
        let ran = place.run_with(args, inputs.to_string().as_bytes());
        assert!(matches!(ran.code, Some(0 | 3)), "{name}: {}", ran.stderr);
        let (models, tools) = made(&ran.json_lines());
        let (models_max, tools_max) = bound(&place, path, flow);
        assert!(models <= models_max && tools <= tools_max, "{name}: {models} {tools}");
        assert!(2 * models >= models_max, "{name}: {models} of {models_max}");
    }
}

#[test]
fn it_is_told_and_not_recorded() {
    let place = Place::new();
    place.file(
        "main.flow",
        [HEAD, "flow main() -> string {\n  let text = write(\"a\")\n  return text\n}\n"].concat(),
    );
    place.run(["run", "main.flow", "--simulate=worst"]).expect(0).says(&["simulated at its worst"]);
    place
        .run(["run", "main.flow", "--simulate=worst", "--record", "a.tape"])
        .expect(2)
        .says(&["a worst case isn't recorded"]);
}

/// Every program of the suite that is right and takes nothing.
#[test]
fn the_suite_stays_within_its_bounds() {
    let suite = workspace().join("tests/suite");
    let (mut tried, mut exact) = (0, 0);
    for file in files(&suite).into_iter().filter(|path| path.extension().is_some_and(|end| end == "md")) {
        let text = std::fs::read_to_string(&file).unwrap();
        let programs = text.split("```flow\n").skip(1).filter_map(|rest| rest.split("```").next());
        for program in programs.filter(|program| program.contains("flow main()")) {
            let place = Place::new();
            place.file("main.flow", program);
            if place.run(["check", "main.flow"]).code != Some(0) {
                continue;
            }
            let ran = place.run(["run", "main.flow", "--simulate=worst", "--json", "--store", "memory:"]);
            assert!(matches!(ran.code, Some(0 | 3)), "{}: {program}\n{}", file.display(), ran.stderr);
            let (models, tools) = made(&ran.json_lines());
            let (models_max, tools_max) = bound(&place, "main.flow", "main");
            assert!(models <= models_max && tools <= tools_max, "{}: {program}", file.display());
            tried += 1;
            exact += u32::from((models, tools) == (models_max, tools_max));
        }
    }
    // A race that is won leaves its other arms behind, and a failure what comes after it.
    assert!(tried > 50 && 3 * exact > 2 * tried, "{exact} of {tried} are met exactly");
}
