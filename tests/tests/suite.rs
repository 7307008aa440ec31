//! Runs the Markdown cases beneath `suite/`. `UPDATE_SUITE=1` writes what came out into the expected blocks.

#![allow(clippy::disallowed_methods, reason = "tests read files and start processes")]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use flow_ir::Plan;
use flow_project::bounds::Most;
use flow_tests::case::{self, Block, Case};
use flow_tests::script::Script;
use flow_tests::{compile, drive};
use libtest_mimic::{Arguments, Failed, Trial};

/// New texts of blocks, by file.
type Changes = Mutex<BTreeMap<PathBuf, Vec<(std::ops::Range<usize>, String)>>>;

fn main() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("suite");
    let cases = case::read_all(&folder).expect("the suite is of the form");
    let update = std::env::var_os("UPDATE_SUITE").is_some_and(|value| value == "1");
    let changes = Arc::new(Changes::default());
    let trials = cases
        .into_iter()
        .map(|case| {
            let file = case.path.strip_prefix(&folder).unwrap_or(&case.path).display().to_string();
            let changes = changes.clone();
            Trial::test(format!("{file}: {}", case.title), move || judge(&case, update, &changes))
        })
        .collect();
    let conclusion = libtest_mimic::run(&Arguments::from_args(), trials);
    for (path, changes) in std::mem::take(&mut *changes.lock().expect("no test panicked with it")) {
        case::rewrite(&path, changes).expect("the suite can be written");
    }
    conclusion.exit();
}

fn judge(case: &Case, update: bool, changes: &Changes) -> Result<(), Failed> {
    let mut wrong = String::new();
    for block in &case.blocks {
        let actual = match block.kind.as_str() {
            "diagnostics" if block.words.iter().any(|word| word == "alone") => {
                compile::listed(&compile::check_alone(&case.files()))
            }
            "diagnostics" => compile::listed(&compile::check(&case.files())),
            "plan" => {
                flow_lower::print(&*compile::plan(&case.files()).map_err(|error| format!("{error:#}"))?)
            }
            "trace" => trace(case)?,
            "bounds" => compile::bounds(&case.files()).map_err(|error| format!("{error:#}"))?,
            _ => continue,
        };
        if agrees(block, &actual) {
            continue;
        }
        if update {
            let mut changes = changes.lock().expect("no test panicked with it");
            changes.entry(case.path.clone()).or_default().push((block.lines.clone(), actual));
        } else {
            wrong.push_str(&format!(
                "{}:{}: the {} are not as expected (- expected, + actual)\n{}",
                case.path.display(),
                block.lines.start + 1,
                block.kind,
                case::diff(&block.text, &actual)
            ));
        }
    }
    if wrong.is_empty() { Ok(()) } else { Err(wrong.into()) }
}

fn agrees(block: &Block, actual: &str) -> bool {
    block.text == actual
}

/// Runs a case's program, then again from each record on as if the process had died there: every run ends alike.
fn trace(case: &Case) -> Result<String, Failed> {
    let plan = compile::plan(&case.files()).map_err(|error| format!("{error:#}"))?;
    let script = Script::parse(case.block("script").map_or("", |block| &block.text))
        .map_err(|error| format!("{error:#}"))?;
    let outcome = drive::run(&plan, &script).map_err(|error| format!("{error:#}"))?;
    within_bounds(case, &plan, &outcome)?;
    for kept in 1..outcome.records.len() {
        let resumed = drive::resume(&plan, &script, &outcome.records[..kept])
            .map_err(|error| format!("resumed after record {kept}: {error:#}"))?;
        if let Some(resumed) = resumed
            && resumed.end != outcome.end
        {
            return Err(format!(
                "resumed after record {kept} it ends with {:?}, else with {:?}",
                resumed.end, outcome.end
            )
            .into());
        }
    }
    Ok(outcome.trace())
}

/// Holds what a run did against what its flow does at most.
fn within_bounds(case: &Case, plan: &Plan, outcome: &drive::Outcome) -> Result<(), Failed> {
    let bounds = compile::all_bounds(&case.files()).map_err(|error| format!("{error:#}"))?;
    let main = bounds.iter().find(|bound| bound.flow.name == plan.entry);
    let Some(bound) = main else { return Err(format!("no bounds of `{}`", plan.entry).into()) };
    for (what, done) in outcome.counts(plan) {
        let most = bound.counts.of(what);
        if most < Most::new(done) {
            return Err(format!("{done} {}, at most {most} by the bounds", what.title()).into());
        }
    }
    Ok(())
}
