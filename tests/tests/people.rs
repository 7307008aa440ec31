//! People and events at the command line: what a run says while it waits, who may answer, and runs that are due.

#![allow(clippy::disallowed_methods, reason = "tests start processes")]

use std::collections::BTreeSet;

use flow_tests::program::{Place, finish};
use serde_json::json;

const ORDER: &str = r#"
type Refund { usd: float customer: string }

human approve(refund: Refund) -> Refund {
  message: "Refund ${refund.usd} USD to ${refund.customer}?"
  timeout: 8h
}

event paid(order: string) -> {order: string, cents: int} {
  via: webhook("/bank")
  match: body.order == order
  timeout: 3d
}

flow main(order: string) -> json {
  let refund = approve(Refund{usd: 12.5, customer: "Ann"}) catch { when denied as e => fail kept(e.message) }
  let payment = paid(order)
  return [refund.usd, payment.cents]
}
"#;

/// A place with a run that waits, and its id.
fn waiting() -> (Place, String) {
    let place = Place::new();
    place.file("main.flow", ORDER);
    let ran = place.run(["run", "main.flow", "order=A1", "--json"]).expect(4);
    let id = ran.json_lines()[0]["run"].as_str().expect("an event names its run").to_owned();
    (place, id)
}

fn resume<'a>(id: &'a str, args: &[&'a str]) -> Vec<&'a str> {
    [&["resume", id], args].concat()
}

#[test]
fn a_run_says_what_it_waits_for_and_how_to_answer() {
    let place = Place::new();
    place.file("main.flow", ORDER);
    let ran = place.run(["run", "main.flow", "order=A1"]).expect(4);
    ran.says(&[
        "waits: `main/refund` waits for an answer",
        "Refund 12.5 USD to Ann?",
        "--answer JSON",
        "as it stands, {\"usd\":12.5,\"customer\":\"Ann\"}",
        "--deny WHY",
    ]);
}

#[test]
fn a_wrong_answer_is_told_and_nothing_is_recorded() {
    let (place, id) = waiting();
    let before = place.run(["runs", "events", &id, "--json"]).expect(0).json_lines().len();
    place.run(resume(&id, &["--answer", "3"])).expect(2).says(&["must be an object", "nothing was recorded"]);
    place.run(resume(&id, &["--answer", "{"])).expect(2).says(&["no JSON"]);
    place.run(resume(&id, &["--answer", "1", "--step", "main/x"])).expect(2).says(&["`main/refund`"]);
    place.run(resume(&id, &["--answer", "{}", "--step", "paid"])).expect(2);
    assert_eq!(place.run(["runs", "events", &id, "--json"]).expect(0).json_lines().len(), before);
}

#[test]
fn the_form_is_answered_as_it_stands_or_with_what_differs() {
    let (place, id) = waiting();
    place.run(resume(&id, &["--answer"])).expect(4).says(&["waits for the event `paid`", "order=\"A1\""]);
    place
        .run(resume(&id, &["--answer", "{}", "--step", "main/refund"]))
        .expect(2)
        .says(&["has its answer already"]);
    place.run(resume(&id, &["--deny", "no"])).expect(2).says(&["asks nobody who could refuse"]);
    place.run(resume(&id, &["--answer", r#"{"order":"B2","cents":1}"#])).expect(2).says(&["`match` says no"]);
    let ran = place.run(resume(&id, &["--answer", r#"{"order":"A1","cents":3}"#])).expect(0);
    assert_eq!(ran.json(), json!([12.5, 3]));
    place.run(resume(&id, &["--answer", "1"])).expect(2).says(&["the run is over"]);

    let (place, id) = waiting();
    let early = r#"{"order":"A1","cents":7}"#;
    place.run(resume(&id, &["--answer", early, "--step", "paid"])).expect(4).says(&["main/refund"]);
    let ran = place.run(resume(&id, &["--answer", r#"{"usd":1}"#])).expect(0);
    assert_eq!(ran.json(), json!([1.0, 7]));
}

#[test]
fn who_refuses_fails_the_step() {
    let (place, id) = waiting();
    place.run(resume(&id, &["--deny", "too much"])).expect(3).says(&["kept: too much"]);
}

#[test]
fn simulated_runs_ask_nobody_and_a_tape_holds_what_was_answered() {
    let place = Place::new();
    place.file("main.flow", ORDER);
    let first =
        place.run(["run", "main.flow", "order=A1", "--simulate", "--record", "a.tape"]).expect(0).json();
    assert_eq!(place.run(["run", "main.flow", "order=A1", "--tape", "a.tape"]).expect(0).json(), first);
    place.run(["run", "main.flow", "order=B2", "--tape", "a.tape"]).expect(3).says(&["main/payment"]);
}

/// Two processes drive what is due; each run is driven by one of them, to its end.
#[test]
fn due_runs_are_shared_by_processes() {
    let place = Place::new();
    place.file("main.flow", "flow main(n: int) -> int {\n  wait 3s\n  return n\n}\n");
    place.file("long.flow", "flow main() -> int {\n  wait 3d\n  return 1\n}\n");
    place.run(["run", "long.flow"]).expect(4);
    let count = 12;
    for n in 0..count {
        place.run(["run", "main.flow", &format!("n={n}"), "--wait-max", "0s"]).expect(4);
    }
    // A process that finds nothing due ends, however long the first took to begin.
    let lines = |ran: flow_tests::program::Ran| ran.stdout.lines().map(str::to_owned).collect::<Vec<_>>();
    let mut told = Vec::new();
    while told.len() < count {
        let (one, other) = std::thread::scope(|scope| {
            let drive = || scope.spawn(|| finish(place.command(["resume", "--due"]), b"").expect(0));
            let (one, other) = (drive(), drive());
            (one.join().expect("it ends"), other.join().expect("it ends"))
        });
        told.extend(lines(one).into_iter().chain(lines(other)));
    }
    let results: BTreeSet<_> =
        told.iter().filter_map(|line| line.rsplit_once(" done ")).map(|(_, n)| n).collect();
    assert_eq!((told.len(), results.len()), (count, count), "{told:?}");
    let runs = place.run(["runs", "--json"]).expect(0).json_lines();
    let of = |status: &str| runs.iter().filter(|run| run["status"] == status).count();
    assert_eq!((of("succeeded"), of("suspended")), (count, 1));
}
