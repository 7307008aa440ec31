//! The corpus of programs, one per ambiguity: the grammar accepts `ok/` and `authors/` and refuses `no/`, and reads each as
//! its first line says.

#![allow(clippy::disallowed_methods, reason = "tests read files and start processes")]
#![allow(missing_docs, clippy::print_stdout, clippy::print_stderr)]

use std::path::{Path, PathBuf};

use flow_grammar::{FlowParser, Rule};
use pest::Parser;
use pest::iterators::Pair;

fn corpus() -> Option<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared");
    if root.exists() {
        return Some(root.join("corpus/grammar"));
    }
    eprintln!(
        "SKIPPED: there is no {} on this machine, so the grammar was not held against its corpus",
        root.display()
    );
    None
}

fn programs(folder: &Path) -> Vec<(String, String)> {
    let mut found: Vec<_> = std::fs::read_dir(folder)
        .unwrap_or_else(|e| panic!("{}: {e}", folder.display()))
        .map(|entry| entry.expect("a folder can be listed").path())
        .filter(|path| path.extension().is_some_and(|e| e == "flow"))
        .map(|path| (path.display().to_string(), std::fs::read_to_string(&path).expect("a program is UTF-8")))
        .collect();
    found.sort();
    assert!(!found.is_empty(), "no programs in {}", folder.display());
    found
}

fn count(pair: Pair<'_, Rule>, rule: &str, n: &mut usize) {
    *n += usize::from(format!("{:?}", pair.as_rule()) == rule);
    pair.into_inner().for_each(|inner| count(inner, rule, n));
}

/// The rules of this grammar that a word in a head line counts; comments are pairs here, so theirs is left out.
fn counted(word: &str) -> Vec<&str> {
    match word {
        "COMMENT" => vec![],
        "bare_step" => vec!["bare_step", "bare_compound"],
        rule => vec![rule],
    }
}

#[test]
fn accepts_what_is_right() {
    let Some(root) = corpus() else { return };
    let mut wrong = Vec::new();
    for folder in ["ok", "authors"] {
        for (path, text) in programs(&root.join(folder)) {
            match FlowParser::parse(Rule::file, &text) {
                Err(e) => wrong.push(format!("{path}\n{e}")),
                Ok(pairs) => {
                    let expected =
                        text.lines().next().and_then(|l| l.strip_prefix("// tree: ")).unwrap_or("");
                    for (rule, n) in expected.split_whitespace().filter_map(|e| e.split_once('=')) {
                        let rules = counted(rule);
                        let mut found = 0;
                        for pair in pairs.clone() {
                            rules.iter().for_each(|rule| count(pair.clone(), rule, &mut found));
                        }
                        if !rules.is_empty() && found.to_string() != n {
                            wrong.push(format!("{path}: {rule} occurs {found} times, not {n}"));
                        }
                    }
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{} wrong\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn refuses_what_is_wrong() {
    let Some(root) = corpus() else { return };
    let accepted: Vec<_> = programs(&root.join("no"))
        .into_iter()
        .filter(|(_, text)| FlowParser::parse(Rule::file, text).is_ok())
        .map(|(path, _)| path)
        .collect();
    assert!(accepted.is_empty(), "accepted: {accepted:#?}");
}
