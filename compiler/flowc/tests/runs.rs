//! The run store as its users meet it: what is listed, shown, watched, cleared away, moved and replayed.

#![allow(clippy::disallowed_methods, reason = "tests start processes and write files")]

mod common;

use std::process::Stdio;

use common::*;
use serde_json::Value as Json;

#[test]
fn runs_are_listed_shown_and_found_by_prefix() {
    let folder = Folder::with(DOUBLE);
    assert!(folder.run(&["runs"]).ends_with(0).err.contains("no runs"));
    folder.run(&["run", ".", "n=1"]).ends_with(0);
    folder.run(&["run", ".", "n=2", "--simulate"]).ends_with(0);
    let runs = folder.run(&["runs", "--json"]).ends_with(0).lines();
    assert_eq!(runs.len(), 2);
    assert_eq!((&runs[0]["simulated"], &runs[1]["simulated"]), (&true.into(), &false.into()));
    let id = runs[1]["run"].as_str().expect("an id");
    assert_eq!((&runs[1]["cost_usd"], &runs[1]["cost_complete"]), (&0.0.into(), &true.into()));
    assert!(
        runs[1]["started_at"].as_str().is_some_and(|at| at.ends_with('Z'))
            && runs[1]["updated_at"].is_string()
    );
    assert!(runs[1].get("cost").is_none());
    assert!(folder.run(&["runs", "list"]).ends_with(0).out.contains(id));
    let shown = folder.run(&["runs", "show", id]).ends_with(0).out;
    assert!(shown.contains("n=1") && shown.contains("result\n2"), "{shown}");
    let shown = folder.run(&["runs", "show", id, "--json"]).ends_with(0).json();
    assert_eq!((&shown["result"], &shown["cost_usd"]), (&2.into(), &0.0.into()));
    assert!(shown["started_at"].is_string() && shown["status"] == "succeeded", "{shown}");
    let events = folder.run(&["runs", "events", id, "--json"]).ends_with(0).lines();
    assert_eq!(events[0]["event"], "run_started");
    folder.run(&["runs", "events", &id[..id.len() - 1]]).ends_with(0);
    folder.run(&["runs", "show", "ffff"]).ends_with(2);
    // Both ids begin with the same hour.
    folder.run(&["runs", "show", &id[..4]]).ends_with(2);
    folder.run(&["resume", id]).ends_with(2);
}

#[test]
fn a_step_is_shown_with_what_went_in_and_what_was_known_after_it() {
    let folder = Folder::with(
        "model default = \"ollama/llama3.2\"\n\
         prompt tag(text: string, n: int) -> string { user: \"Tag ${n} of ${text}\" }\n\
         flow label(text: string) -> [string] {\n  let ns = lists.range(30)\n\
         \x20 return parallel for n in ns max 30 {\n    let one = tag(text, n)\n    yield one\n  }\n}\n\
         flow main(text: string) -> [string] {\n  let tags = label(text)\n  return tags\n}\n",
    );
    folder.run(&["run", ".", "text=tides", "--simulate"]).ends_with(0);
    let id =
        folder.run(&["runs", "--json"]).ends_with(0).lines()[0]["run"].as_str().expect("an id").to_owned();
    let show = |more: &[&str]| folder.run(&[&["runs", "show", &id], more].concat());
    let step = show(&["--step", "n[7]/one", "--json"]).ends_with(0).json();
    assert_eq!(step["arguments"], serde_json::json!({"text": "tides", "n": 7}));
    assert_eq!(step["request"]["messages"][0]["parts"][0]["text"], "Tag 7 of tides");
    assert_eq!((&step["state"]["n"], &step["state"]["one"]), (&7.into(), &step["result"]));
    assert_eq!(step["tries"].as_array().map(Vec::len), Some(1));
    let text = show(&["--step", "main/tags/n[7]/one"]).ends_with(0).out;
    assert!(text.contains("\nn = 7\n") && text.contains("Tag 7 of tides"), "{text}");
    // A flow that was called is a step, too.
    let flow = show(&["--step", "main/tags", "--json"]).ends_with(0).json();
    assert_eq!(flow["arguments"], serde_json::json!({"text": "tides"}));
    assert_eq!(flow["state"]["tags"].as_array().map(Vec::len), Some(30));
    let many = show(&["--step", "one"]).ends_with(2).err;
    assert!(many.contains("30 steps end with `one`"), "{many}");
    show(&["--step", "n[7]/on"]).ends_with(2);
    show(&["--step", "one", "--watch"]).ends_with(2);
    // A pipe has a line for each step, folded or not, and a run that is over is followed to its end at once.
    assert_eq!(
        show(&[])
            .ends_with(0)
            .out
            .lines()
            .filter(|line| line.contains("/one ") && line.contains(" done "))
            .count(),
        30
    );
    let watched = show(&["--watch"]).ends_with(0).out;
    assert!(watched.lines().count() == 31 && watched.contains("succeeded in"), "{watched}");
    assert_eq!(
        show(&["--watch", "--json"]).ends_with(0).lines().last().expect("a line")["event"],
        "run_finished"
    );
    let whole = show(&["--json"]).ends_with(0).json();
    assert_eq!(whole["steps"].as_array().map(Vec::len), Some(30));
    assert!(whole["active"][0]["from"].is_string(), "{whole}");
}

#[test]
fn a_run_is_watched_while_another_process_executes_it() {
    let (folder, server) = hanging();
    let mut child = start_hanging(&folder, &server);
    let id =
        folder.run(&["runs", "--json"]).ends_with(0).lines()[0]["run"].as_str().expect("an id").to_owned();
    let watch = folder
        .command(&["runs", "show", &id, "--watch", "--json"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("flowc starts");
    let shown = folder.run(&["runs", "show", &id]).ends_with(0).out;
    assert!(shown.contains("running"), "{shown}");
    child.kill().expect("killed");
    child.wait().expect("ended");
    // Nobody executes it any more, so there is nothing to wait for.
    let watched = Ran::of(watch.wait_with_output().expect("ended")).ends_with(0).lines();
    assert_eq!(watched[0]["event"], "run_started");
    let shown = folder.run(&["runs", "show", &id]).ends_with(0).out;
    assert!(shown.contains("cut off") || shown.contains("uncertain"), "{shown}");
}

#[test]
fn runs_are_chosen_by_time_and_written_as_csv() {
    let folder = Folder::with(
        "flow main(n: int) -> int {\n  fail odd(\"=1+1, \\\"n\\\" is ${n}\") if n % 2 == 1\n  return n\n}\n\
         flow other(n: int) -> int {\n  return n\n}\n",
    );
    folder.run(&["run", ".", "n=1"]).ends_with(3);
    folder.run(&["run", ".", "n=2"]).ends_with(0);
    folder.run(&["run", ".", "other", "n=2"]).ends_with(0);
    let count = |more: &[&str]| folder.run(&[&["runs", "--json"], more].concat()).ends_with(0).lines().len();
    assert_eq!((count(&[]), count(&["--flow", "main"]), count(&["--status", "failed"])), (3, 2, 1));
    assert_eq!((count(&["--since", "1h"]), count(&["--since", "2999-01-01"])), (3, 0));
    assert_eq!((count(&["--until", "1h"]), count(&["--until", "2999-01-01T00:00:00Z"])), (0, 3));
    assert_eq!(count(&["--limit", "2"]), 2);
    folder.run(&["runs", "--since", "yesterday"]).ends_with(2);
    folder.run(&["runs", "--csv", "--json"]).ends_with(2);
    let csv = folder.run(&["runs", "--csv", "--flow", "main"]).ends_with(0).out;
    let lines: Vec<_> = csv.split_terminator("\r\n").collect();
    assert_eq!(lines.len(), 3, "{csv}");
    assert!(lines[0].starts_with("run,flow,status,") && lines[1].contains(",main,succeeded,false,"), "{csv}");
    assert!(lines[2].contains(",\"odd: =1+1, \"\"n\"\" is 1\","), "{csv}");
}

#[test]
fn old_runs_are_deleted_and_those_that_can_go_on_are_kept() {
    let folder = Folder::with(
        "flow main(n: int) -> int {\n  fail odd(\"odd\") if n % 2 == 1\n  wait 2h\n  return n\n}\n\
         flow done() -> [int] {\n  return lists.range(20_000)\n}\n",
    );
    folder.run(&["run", ".", "main", "n=1"]).ends_with(3);
    folder.run(&["run", ".", "main", "n=2", "--wait-max", "0s"]).ends_with(4);
    for _ in 0..3 {
        folder.run(&["run", ".", "done"]).ends_with(0);
    }
    let count = || folder.run(&["runs", "--json"]).ends_with(0).lines().len();
    assert!(folder.run(&["runs", "gc"]).ends_with(0).out.starts_with("0 runs"), "30 days are kept");
    let dry = folder.run(&["runs", "gc", "--older-than", "0s", "--dry-run"]).ends_with(0).out;
    assert!(dry.starts_with("4 runs that ended before") && dry.ends_with("would be deleted\n"), "{dry}");
    assert_eq!(count(), 5);
    let gone = folder.run(&["runs", "gc", "--older-than", "0s", "--status", "failed"]).ends_with(0).out;
    assert!(gone.starts_with("1 run ") && count() == 4, "{gone}");
    let gone = folder.run(&["runs", "gc", "--older-than", "0s", "--json"]).ends_with(0).json();
    assert_eq!(gone["runs"], 3);
    assert!(gone["freed_bytes"].as_u64().is_some_and(|bytes| bytes > 50_000), "{gone}");
    let left = folder.run(&["runs", "--json"]).ends_with(0).lines();
    assert_eq!((left.len(), &left[0]["status"]), (1, &"suspended".into()));
    folder.run(&["resume", left[0]["run"].as_str().expect("an id"), "--wait-max", "0s"]).ends_with(4);
    folder.run(&["runs", "gc", "--status", "suspended"]).ends_with(2);
}

/// A run of two prompts with a long wait between them, suspended there, and its id.
fn waiting(first: &str, last: &str) -> String {
    format!(
        "model default = \"ollama/llama3.2\"\n\
         prompt draft(topic: string) -> string {{ user: \"{first} ${{topic}}\" }}\n\
         prompt check(text: string) -> string {{ user: \"{last} ${{text}}\" }}\n\
         flow main(topic: string) -> string {{\n  let text = draft(topic)\n  wait 2h\n\
         \x20 let seen = check(text)\n  return seen\n}}\n"
    )
}

fn newest(folder: &Folder) -> String {
    folder.run(&["runs", "--json"]).ends_with(0).lines()[0]["run"].as_str().expect("an id").to_owned()
}

#[test]
fn a_run_is_moved_to_a_program_that_meets_its_records() {
    let folder = Folder::with(&waiting("Write about", "Check"));
    let args = ["run", ".", "topic=tides", "--simulate=models", "--wait-max", "0s"];
    folder.run(&args).ends_with(4);
    let id = newest(&folder);
    let resume = |path: &str| folder.run(&["resume", &id, "--with", path, "--wait-max", "0s"]);
    let events = || folder.run(&["runs", "events", &id, "--json"]).ends_with(0).lines();
    let before = events();
    // What was asked would be asked otherwise: nothing changes.
    folder.write("other.flow", waiting("Sing of", "Check"));
    let refused = resume("other.flow").ends_with(1).err;
    assert!(refused.contains("`main/text` asks something else"), "{refused}");
    let gone = waiting("Write about", "Check").replace("  wait 2h\n", "");
    folder.write("gone.flow", gone);
    assert!(resume("gone.flow").ends_with(1).err.contains("`main/wait` waited, but isn't reached now"));
    let typed = waiting("Write about", "Check")
        .replace("draft(topic: string) -> string", "draft(topic: string) -> string(..1)");
    folder.write("typed.flow", typed);
    let refused = resume("typed.flow").ends_with(1).err;
    assert!(refused.contains("`main/text` has a result that isn't of its type now"), "{refused}");
    folder.write(
        "wider.flow",
        waiting("Write about", "Check").replace("main(topic: string)", "main(topic: string, n: int)"),
    );
    assert!(resume("wider.flow").ends_with(1).err.contains("input `n` is missing"));
    folder.write("wrong.flow", "flow main() -> int {\n");
    resume("wrong.flow").ends_with(1);
    assert_eq!(events(), before, "nothing has changed");
    // What comes later may be another.
    folder.write("later.flow", waiting("Write about", "Check twice"));
    resume("later.flow").ends_with(4);
    let names: Vec<_> =
        events().iter().map(|event| event["event"].as_str().expect("named").to_owned()).collect();
    assert_eq!(names[names.len() - 3..], ["program_changed", "resumed", "suspended"]);
    // From here on the run goes by the new program, wherever the old one lies.
    folder.run(&["resume", &id, "--wait-max", "0s"]).ends_with(4);
    assert!(folder.run(&["runs", "show", &id]).ends_with(0).out.contains("to another program"));
    let shown = folder.run(&["runs", "show", &id, "--json"]).ends_with(0).json();
    assert_eq!(shown["moves"][0]["from"], before[0]["plan"]);
    assert_ne!(shown["plan"], before[0]["plan"]);
    // The same program again is no move.
    resume("later.flow").ends_with(4);
    let moves =
        folder.run(&["runs", "show", &id, "--json"]).ends_with(0).json()["moves"].as_array().map(Vec::len);
    assert_eq!(moves, Some(1));
}

#[test]
fn a_replay_asks_only_what_is_new() {
    let folder = Folder::with(
        "model a = \"ollama/a\"\nmodel b = \"ollama/b\"\nmodel default = round_robin(a, b)\n\
         prompt one(text: string) -> string { user: \"One ${text}\" }\n\
         prompt two(text: string, n: int) -> string { user: \"Two ${text} ${n}\" }\n\
         flow main(topic: string, n: int = 3) -> [string] {\n  let x = one(topic)\n  wait 1ms\n\
         \x20 let y = two(x, n)\n  let z = one(y)\n  return [x, y, z]\n}\n",
    );
    folder.run(&["run", ".", "topic=tides", "--simulate=models"]).ends_with(0);
    let old = newest(&folder);
    let shown = |id: &str| folder.run(&["runs", "show", id, "--json"]).ends_with(0).json();
    let replayed = |trace: &Json| -> Vec<String> {
        let steps = trace["steps"].as_array().expect("steps").iter();
        let steps = steps.filter(|step| step["replayed"] == true);
        steps.map(|step| step["step"].as_str().expect("named").to_owned()).collect()
    };
    let first = shown(&old);
    // Nothing is asked: the same results, no tokens.
    folder.run(&["replay", &old]).ends_with(0);
    let all = shown(&newest(&folder));
    assert_eq!(replayed(&all), ["main/x", "main/y", "main/z"]);
    assert_eq!((&all["result"], &all["usage"]["input_tokens"]), (&first["result"], &0.into()));
    assert_eq!((&all["replay_of"]["run"], &all["simulate"]), (&old.as_str().into(), &first["simulate"]));
    // A step is asked anew; what it leads to is too, if it asks something else.
    folder.run(&["replay", &old, "--from", "y"]).ends_with(0);
    let some = shown(&newest(&folder));
    assert_eq!(replayed(&some)[0], "main/x");
    assert!(!replayed(&some).contains(&String::from("main/y")));
    assert!(some["usage"]["input_tokens"].as_u64() > Some(0));
    // Another input: what depends on it is asked.
    folder.run(&["replay", &old, "--set", "n=4"]).ends_with(0);
    let other = shown(&newest(&folder));
    assert_eq!((replayed(&other), &other["inputs"]["n"]), (vec![String::from("main/x")], &4.into()));
    folder.run(&["replay", &old, "--set", "m=4"]).ends_with(2);
    folder.run(&["replay", &old, "--from", "q"]).ends_with(2);
    // A replay of a replay has the same results to take.
    let again = folder.run(&["replay", &newest(&folder)]).ends_with(0).err;
    assert!(again.contains("replays"), "{again}");
    assert_eq!(replayed(&shown(&newest(&folder))).len(), 3);
    let view = folder.run(&["runs", "show", &newest(&folder)]).ends_with(0).out;
    assert!(
        view.contains("replays  ")
            && view.lines().any(|line| line.starts_with("main/x ") && line.contains(" replayed ")),
        "{view}"
    );
}

#[test]
fn a_replay_goes_on_where_the_old_run_failed_and_after_a_stop() {
    let folder = Folder::with(
        "model default = \"ollama/llama3.2\"\n\
         prompt draft(topic: string) -> string { user: \"Write about ${topic}\" }\n\
         prompt count(text: string) -> int { user: \"Count ${text}\" }\n\
         flow main(topic: string, least: int = 0) -> int {\n  let text = draft(topic)\n  let n = count(text)\n\
         \x20 fail too_few(\"only ${n}\") if n < least\n  wait 2h\n  let m = count(\"${text} again\")\n  return n + m\n}\n",
    );
    let args = ["run", ".", "topic=tides", "least=1000000", "--simulate=models", "--wait-max", "0s"];
    folder.run(&args).ends_with(3);
    let old = newest(&folder);
    folder.run(&["replay", &old, "--wait-max", "0s"]).ends_with(3);
    folder.run(&["replay", &old, "--set", "least=0", "--wait-max", "0s"]).ends_with(4);
    let new = newest(&folder);
    // It was stopped on its way: what it takes over is found again.
    folder.run(&["resume", &new, "--wait-max", "0s"]).ends_with(4);
    let shown = folder.run(&["runs", "show", &new, "--json"]).ends_with(0).json();
    let marks: Vec<_> =
        shown["steps"].as_array().expect("steps").iter().map(|step| step["replayed"] == true).collect();
    assert_eq!(marks, [true, true, false]);
    folder.run(&["runs", "gc", "--older-than", "0s"]).ends_with(0);
    let gone = folder.run(&["resume", &new, "--wait-max", "0s"]).ends_with(5).err;
    assert!(gone.contains("the run that it replays is gone"), "{gone}");
}
