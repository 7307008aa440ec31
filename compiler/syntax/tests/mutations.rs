//! Texts near right ones: no panic, every byte kept, spans within their item, and an end in time.

#![allow(clippy::disallowed_methods, reason = "tests read files and start processes")]
#![allow(missing_docs, clippy::print_stdout, clippy::print_stderr)]

mod common;
#[path = "../../../tests/src/pieces.rs"]
mod pieces;

use std::time::{Duration, Instant};

use common::{corpus, parse};
use pieces::PIECES;
use proptest::prelude::*;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};

#[derive(Clone, Debug)]
enum Change {
    Delete(f64, usize),
    Insert(f64, usize),
    Repeat(f64, usize),
    Move(f64, f64, usize),
}

fn change() -> impl Strategy<Value = Change> {
    let at = 0.0..1.0f64;
    prop_oneof![
        (at.clone(), 1usize..12).prop_map(|(a, n)| Change::Delete(a, n)),
        (at.clone(), 0..PIECES.len()).prop_map(|(a, n)| Change::Insert(a, n)),
        (at.clone(), 1usize..40).prop_map(|(a, n)| Change::Repeat(a, n)),
        (at.clone(), at, 1usize..40).prop_map(|(a, b, n)| Change::Move(a, b, n)),
    ]
}

fn place(text: &str, at: f64) -> usize {
    text.floor_char_boundary((at * text.len() as f64) as usize)
}

fn apply(text: &mut String, change: &Change) {
    let cut = |text: &str, at: f64, n: usize| {
        let from = place(text, at);
        from..text.ceil_char_boundary((from + n).min(text.len()))
    };
    match *change {
        Change::Delete(at, n) => text.replace_range(cut(text, at, n), ""),
        Change::Insert(at, n) => text.insert_str(place(text, at), PIECES[n]),
        Change::Repeat(at, n) => {
            let piece = text[cut(text, at, n)].to_owned();
            text.insert_str(place(text, at), &piece);
        }
        Change::Move(from, to, n) => {
            let range = cut(text, from, n);
            let piece = text[range.clone()].to_owned();
            text.replace_range(range, "");
            text.insert_str(place(text, to), &piece);
        }
    }
}

#[test]
fn mutated_programs_are_read() {
    let mut programs: Vec<String> = vec![include_str!("../benches/program.flow").to_owned()];
    programs.extend(["ok", "no", "authors"].iter().filter_map(|f| corpus(f)).flatten().map(|(_, text)| text));
    let config = Config { cases: 2_000, failure_persistence: None, ..Config::default() };
    let mut runner = TestRunner::new_with_rng(config, TestRng::deterministic_rng(RngAlgorithm::ChaCha));
    let strategy = (0..programs.len(), prop::collection::vec(change(), 1..5));
    runner
        .run(&strategy, |(n, changes)| {
            let mut text = programs[n].clone();
            changes.iter().for_each(|c| apply(&mut text, c));
            let started = Instant::now();
            let (file, diagnostics) = parse(&text);
            prop_assert!(started.elapsed() < Duration::from_secs(20), "{text}");
            let mut printed = 0;
            for item in &file.items {
                prop_assert!(item.start as usize >= printed);
                prop_assert_eq!(
                    &text[item.start as usize..item.start as usize + item.text.len()],
                    &*item.text
                );
                printed = item.start as usize + item.text.len();
                prop_assert!(item.text.get(item.span.range()).is_some());
            }
            if !text.contains('\0') {
                prop_assert_eq!(&*file.text, &*text);
            }
            let tokens: String = flow_syntax::tokens(&text).iter().map(|t| &text[t.span.range()]).collect();
            prop_assert_eq!(&tokens, &text);
            for diagnostic in &diagnostics {
                prop_assert!(
                    text.get(diagnostic.primary.at.span.range()).is_some(),
                    "{diagnostic:?}\n{text}"
                );
                for edit in diagnostic.fixes.iter().flat_map(|f| &f.edits) {
                    prop_assert!(text.get(edit.at.span.range()).is_some(), "{diagnostic:?}\n{text}");
                }
            }
            // An error node never comes without a diagnostic.
            let tree = format!("{:?}", file.items);
            let lost = ["kind: Error", "value: Error", "head: Error", "body: Error"]
                .iter()
                .any(|e| tree.contains(e));
            prop_assert!(!lost || !diagnostics.is_empty(), "{text}");
            Ok(())
        })
        .unwrap_or_else(|e| panic!("{e}"));
}
