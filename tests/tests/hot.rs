//! Conditions of hot loops are machine code; what a run yields doesn't depend on which back end computed it.

use flow_tests::program::Place;
use serde_json::{Value as Json, json};

const LOOPS: &str = r#"
type Even = int where it % 2 == 0

flow main(n: int(0..1_000_000)) -> json {
  state { i: int = 0  sum: int = 0  odd: [int] = [] }
  loop count max 1_000_000 while i < n {
    i += 1
    if i % 3 == 0 && (i > 10 || sum < 5) { sum += i }
    route i % 4 {
      when 1 if i < 40 => odd += [i]
      else => sum += 1
    }
  }
  return {sum: sum, odd: odd.size()}
}
"#;

fn finished(events: &[Json]) -> &Json {
    events.iter().find(|event| event["event"] == "run_finished").expect("it says that it is over")
}

#[test]
fn a_hot_loop_runs_as_machine_code() {
    let place = Place::new();
    place.file("main.flow", LOOPS);
    let run = |n: &str| place.run(["run", "main.flow", n, "--json"]).expect(0).json_lines();
    let cold = run("n=50");
    let few = &finished(&cold)["expressions"];
    assert_eq!(few["compiled"], 0, "{few}");
    assert!(few["interpreted"].as_u64().unwrap() > 100, "{few}");

    let hot = run("n=50000");
    assert_eq!(finished(&hot)["result"], json!({"sum": 416_708_308_u64, "odd": 10}));
    let many = &finished(&hot)["expressions"];
    let (compiled, interpreted) = (many["compiled"].as_u64().unwrap(), many["interpreted"].as_u64().unwrap());
    assert!(compiled > 20 * interpreted, "{many}");

    // It isn't on record: another execution may differ.
    let id = hot[0]["run"].as_str().unwrap();
    let recorded = place.run(["runs", "events", id, "--json"]).expect(0).json_lines();
    assert!(recorded.iter().all(|event| event.get("expressions").is_none()));
}

#[test]
fn branches_and_rules_are_computed_as_machine_code_too() {
    let place = Place::new();
    place.file(
        "main.flow",
        r#"
type Even = int where it % 2 == 0

code twice(n: int) -> int {
  return n * 2
}

flow main(xs: [int](..2000)) -> int {
  state { total: int = 0 merge sum }
  parallel for x in xs {
    state { i: int = 0 }
    loop inner max 40 while i < 30 {
      i += 1
      let even = twice(i) as Even
      if even > x { total += 1 }
    }
  }
  return total
}
"#,
    );
    let xs: Vec<u32> = (0..400).collect();
    let input = json!({ "xs": xs }).to_string();
    let ran = place.run_with(["run", "main.flow", "--input", "-", "--json"], input.as_bytes()).expect(0);
    let events = ran.json_lines();
    let expected: usize = xs.iter().map(|x| (1..=30).filter(|i| 2 * i > *x).count()).sum();
    assert_eq!(finished(&events)["result"], expected);
    let many = &finished(&events)["expressions"];
    assert!(many["compiled"].as_u64().unwrap() > many["interpreted"].as_u64().unwrap(), "{many}");
}
