//! Walks the tables: what the language has is shown in the suite, and what the suite shows is so.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use flow_diagnostics::{Code, Page, Severity};
use flow_project::settings::{KEYS, Settings};
use flow_source::FileId;
use flow_tests::case::{self, Case};
use flow_tests::{compile, forms};

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("suite")
}

fn cases() -> Vec<Case> {
    case::read_all(&folder()).expect("the suite is of the form")
}

fn none(gaps: Vec<String>) {
    assert!(gaps.is_empty(), "\n{}\n", gaps.join("\n"));
}

/// The codes that a case expects.
fn expected(case: &Case) -> Vec<Code> {
    let lines = case.block("diagnostics").map(|block| block.text.as_str()).unwrap_or_default();
    lines.lines().filter_map(|line| Code::find(line.split(' ').next()?)).collect()
}

#[test]
fn every_code_has_a_file_with_a_wrong_program_and_a_near_miss() {
    let cases = cases();
    let mut gaps = Vec::new();
    for &code in Code::ALL {
        let info = code.info();
        let path = folder().join(format!("diagnostics/{}-{}.md", info.code, info.name));
        let of_code: Vec<_> = cases.iter().filter(|case| case.path == path).collect();
        if !of_code.iter().any(|case| expected(case) == [code]) {
            gaps.push(format!("{}: no program that raises {} and nothing else", path.display(), info.code));
        }
        let near = |case: &&&Case| case.block("diagnostics").is_some() && !expected(case).contains(&code);
        if !of_code.iter().any(|case| near(&case)) {
            gaps.push(format!("{}: no near miss", path.display()));
        }
    }
    none(gaps);
}

/// Pages are about the language: what this version can't run yet may stand on them.
fn raised_on_page(code: Code, files: &[(String, Vec<u8>)]) -> Vec<compile::Found> {
    let mut found = compile::check(files);
    found.retain(|one| one.code != Code::NotRunnable || code == Code::NotRunnable);
    found
}

/// The rules of the language that are held before a run: grammar, types, statements, coordinates, maps and names.
const RULES: &[&str] = &[
    "G1", "G2", "G3", "G4", "G5", "G6", "G7", "G8", "G9", "G10", "G11", "G12", "G13", "T1", "T2", "T3", "T4",
    "T5", "T6", "S1", "S2", "S3", "S4", "S5", "S6", "S7", "S8", "S9", "S10", "S11", "S12", "C1", "C8", "F1",
    "F4",
];

#[test]
fn every_rule_has_a_right_and_a_wrong_program() {
    let cases = cases();
    let mut gaps = Vec::new();
    for rule in RULES {
        let of_rule = || {
            let own = |case: &&Case| {
                case.title.rsplit(" / ").next().and_then(|own| own.split(' ').next()) == Some(rule)
            };
            let checked =
                |case: &&Case| ["diagnostics", "plan", "trace"].iter().any(|kind| case.block(kind).is_some());
            cases.iter().filter(own).filter(checked)
        };
        // What a right program of a form that this version can't run yet raises isn't about the rule.
        let wrong = |case: &Case| expected(case).iter().any(|code| *code != Code::NotRunnable);
        if !of_rule().any(|case| !wrong(case)) {
            gaps.push(format!("{rule}: no right program"));
        }
        if !of_rule().any(wrong) {
            gaps.push(format!("{rule}: no wrong program"));
        }
    }
    none(gaps);
}

#[test]
fn every_page_tells_the_truth() {
    let mut wrong = Vec::new();
    for &code in Code::ALL {
        let page = Page::of(code);
        let files = |files: &[flow_diagnostics::PageFile]| -> Vec<(String, Vec<u8>)> {
            files.iter().map(|file| (file.name.to_owned(), file.text.clone().into_bytes())).collect()
        };
        if !page.wrong.is_empty() {
            let found = raised_on_page(code, &files(&page.wrong));
            if found.iter().map(|one| one.code).collect::<Vec<_>>() != [code] {
                let found = compile::listed(&found);
                wrong.push(format!("{}: the wrong program raises\n{found}", code.info().code));
            }
        }
        let found = raised_on_page(code, &files(&page.right));
        if !found.is_empty() {
            wrong.push(format!(
                "{}: the right program raises\n{}",
                code.info().code,
                compile::listed(&found)
            ));
        }
    }
    none(wrong);
}

#[test]
fn every_form_of_statement_is_planned_and_run_in_the_suite() {
    let mut planned = BTreeSet::new();
    let mut run = BTreeSet::new();
    for case in cases() {
        let of_plan = case.block("plan").is_some();
        let of_trace = case.block("trace").is_some();
        if !of_plan && !of_trace {
            continue;
        }
        let plan = compile::plan(&case.files())
            .unwrap_or_else(|error| panic!("{}: {}: {error:#}", case.path.display(), case.title));
        let found = forms::of(&plan);
        planned.extend(found.iter().copied().filter(|_| of_plan));
        run.extend(found.iter().copied().filter(|_| of_trace));
    }
    let gap = |seen: &BTreeSet<&str>, what: &str| {
        let missing = forms::ALL.iter().filter(|form| !seen.contains(**form));
        missing.map(|form| format!("no {what} shows `{form}`")).collect::<Vec<_>>()
    };
    none([gap(&planned, "plan"), gap(&run, "trace")].concat());
}

/// Programs with one error each, joined into one project, report exactly what they report alone.
#[test]
fn errors_of_one_file_leave_other_files_alone() {
    let mut files: Vec<(String, Vec<u8>)> = Vec::new();
    let mut alone = Vec::new();
    for (number, case) in cases().iter().enumerate() {
        let codes = expected(case);
        let error = codes.len() == 1 && codes[0].info().severity == Severity::Error;
        // What is decided for the started flow, or by the entry's `allow`, isn't there in another file.
        let of_a_file = !matches!(
            codes.first(),
            Some(Code::NotRunnable | Code::BadProjectFile | Code::MissingAuthority | Code::UnusedAuthority)
        );
        let standard = case.files().iter().any(|(name, _)| name.starts_with("std/"));
        if !error || !of_a_file || standard || case.block("toml").is_some() {
            continue;
        }
        let folder = format!("case{number}");
        for found in compile::check(&case.files()) {
            alone.push(compile::Found { file: format!("{folder}/{}", found.file), ..found });
        }
        files.extend(case.files().into_iter().map(|(name, bytes)| (format!("{folder}/{name}"), bytes)));
    }
    assert!(alone.len() > 80, "only {} programs with one error", alone.len());
    files.push((String::from("flow.toml"), b"[project]\nname = \"joined\"\n".to_vec()));
    files.push((String::from("main.flow"), b"flow main(n: int) -> int {\n  return n\n}\n".to_vec()));
    let mut together = compile::check(&files);
    alone.sort();
    together.sort();
    let (alone, together) = (compile::listed(&alone), compile::listed(&together));
    assert!(alone == together, "alone (-), together (+)\n{}", only_changes(&case::diff(&alone, &together)));
}

fn only_changes(diff: &str) -> String {
    diff.lines().filter(|line| !line.starts_with("    ")).map(|line| format!("{line}\n")).collect()
}

/// Each setting can be read, under its own name only, and by its variable where it has one.
#[test]
fn every_setting_is_read() {
    let mut gaps = Vec::new();
    let mut by_section = BTreeMap::<String, Vec<String>>::new();
    for key in KEYS {
        let section = key.section.replace('*', "\"openai/local\"");
        by_section.entry(section).or_default().push(key.key.to_owned());
        if let Some(variable) = key.variable() {
            let mut settings = Settings::default();
            let refused = settings.apply_environment([(variable.as_str(), "\u{1}")]).is_err();
            if !refused && settings == Settings::default() {
                gaps.push(format!("{variable} changes nothing"));
            }
        }
    }
    for (section, keys) in by_section {
        for key in keys {
            // A price is given whole; the key that is probed is not among the others.
            let is_needed = ["input", "output", "long_above", "long_input", "long_output"];
            let others: String = is_needed
                .iter()
                .filter(|other| section.starts_with("prices") && **other != key)
                .map(|other| format!("{other} = 1\n"))
                .collect();
            // A value of no key's type: it must be refused for its value, not for its name.
            let text = format!("[{section}]\n{others}{key} = [[1]]\n");
            let (_, wrong) = Settings::parse(FileId(0), &text);
            let told: Vec<_> = wrong.iter().map(|one| one.message.as_str()).collect();
            if told.len() != 1 || told[0].contains("unknown") || told[0].contains("no key") {
                gaps.push(format!("{section}.{key}: {told:?}"));
            }
            let whole = format!("[{section}]\n{others}{key}_ = 1\n");
            let (_, wrong) = Settings::parse(FileId(0), &whole);
            // Without the key itself, a price is also half a price.
            let half = usize::from(section.starts_with("prices") && is_needed.contains(&key.as_str()));
            if wrong.len() != 1 + half || !wrong[0].message.contains("no key") {
                gaps.push(format!("{section}.{key}_ is taken"));
            }
        }
    }
    none(gaps);
}
