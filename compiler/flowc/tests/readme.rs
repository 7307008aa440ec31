//! The README keeps its word: its program checks, its command prints what it shows, its mistake is reported as shown.

#![allow(clippy::disallowed_methods, reason = "tests start processes and write files")]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::Value as Json;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().expect("the workspace")
}

/// Returns the blocks of the README that are fenced as `kind`.
fn blocks(kind: &str) -> Vec<String> {
    let text = fs::read_to_string(root().join("README.md")).expect("the README");
    let opening = format!("```{kind}\n");
    text.split(&opening).skip(1).map(|rest| rest.split("```").next().unwrap_or_default().to_owned()).collect()
}

fn flowc(folder: &Path, words: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_flowc"));
    command.args(words).current_dir(folder).env_clear().env("LANG", "C.UTF-8");
    command.env("FLOW_STORAGE_URL", "memory:").output().expect("flowc starts")
}

fn text(bytes: Vec<u8>) -> String {
    String::from_utf8(bytes).expect("UTF-8")
}

#[test]
fn its_program_checks_and_its_mistake_is_reported() {
    let folder = tempfile::tempdir().expect("a folder");
    let program = blocks("flow").remove(0);
    let write = |text: &str| fs::write(folder.path().join("improve.flow"), text).expect("written");
    write(&program);
    let output = flowc(folder.path(), &["check", "improve.flow", "--deny", "warnings"]);
    assert!(output.status.success(), "{}", text(output.stdout));
    let wrong = program.replace("accept revise reject }", "accept revise reject rewrite }");
    assert_ne!(wrong, program);
    write(&wrong);
    let output = flowc(folder.path(), &["check", "improve.flow"]);
    let shown =
        blocks("console").into_iter().find(|block| block.contains("flowc check")).expect("an example");
    let shown = shown.split_once('\n').expect("a command, then what it prints").1;
    assert_eq!(text(output.stdout) + &text(output.stderr), shown);
}

#[test]
fn its_command_prints_what_it_shows() {
    let shown = blocks("console").into_iter().find(|block| block.contains("flowc run")).expect("an example");
    let topic = shown.split('"').nth(1).expect("a topic");
    let topic = format!("topic={topic}");
    let run = ["run", "examples/article-writer", &topic, "--simulate"];
    let output = flowc(&root(), &run);
    assert!(output.status.success());
    let result: Json = serde_json::from_slice(&output.stdout).expect("JSON");
    let from = shown.find("\n{").expect("a result");
    let to = shown.rfind("\n}").expect("its end") + 2;
    assert_eq!(serde_json::from_str::<Json>(&shown[from..to]).expect("JSON"), result);
    // Steps in the same order, with the same tokens; the run's id and the times are its own. In a pipe progress is quiet,
    // so they are taken from the events.
    let lines = shown.lines().filter(|line| line.starts_with('✓'));
    let shown: Vec<String> =
        lines.map(|line| line.split_whitespace().skip(2).collect::<Vec<_>>().join(" ")).collect();
    let events = text(flowc(&root(), &[&run[..], &["--json"]].concat()).stdout);
    let events = events.lines().map(|line| serde_json::from_str::<Json>(line).expect("JSON"));
    let steps: Vec<String> = events
        .filter(|event| event["event"] == "step_finished")
        .map(|event| {
            let word = |key: &str| event[key].as_str().unwrap_or_default().to_owned();
            let (input, output) = (&event["usage"]["input_tokens"], &event["usage"]["output_tokens"]);
            let cost = event["cost_usd"].as_f64().expect("known");
            format!("{} {} {input} in, {output} out ${cost}", word("step"), word("model"))
        })
        .collect();
    assert_eq!(shown, steps);
}

#[test]
fn its_first_command_is_the_one_that_sets_up() {
    let setup = blocks("sh");
    assert!(
        setup[0].starts_with("cargo run --release -q -p flowc -- run examples/article-writer "),
        "{}",
        setup[0]
    );
    assert_eq!(setup[1], "tests/run\n");
    assert!(root().join("tests/run").is_file());
}
