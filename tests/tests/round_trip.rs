//! Any file comes back from its tree, byte for byte: the suite, the examples, generated and changed programs.
//! `FLOW_PROGRAMS` says how many are generated.

#![allow(
    missing_docs,
    clippy::print_stdout,
    clippy::disallowed_methods,
    reason = "a test reads its environment"
)]

use flow_source::FileId;
use flow_tests::generate::{Dice, Grammar, mutated};
use flow_tests::{programs, unparse};

fn number(name: &str, otherwise: u64) -> u64 {
    std::env::var(name).ok().and_then(|n| n.parse().ok()).unwrap_or(otherwise)
}

/// Prints a text from its tree; returns whether it has no problem of syntax.
fn comes_back(text: &str) -> bool {
    let (file, problems) = flow_syntax::parse(FileId(0), text);
    let printed =
        unparse::print(&file, &problems).unwrap_or_else(|wrong| panic!("{wrong}\nin\n{text}\n{problems:#?}"));
    // A file that isn't text has no items, and keeps nothing.
    if !file.text.is_empty() {
        assert_eq!(printed, text);
    }
    problems.is_empty()
}

#[test]
fn programs_that_there_are_come_back() {
    let texts = programs::all();
    assert!(texts.len() > 300, "{}", texts.len());
    texts.iter().for_each(|text| {
        comes_back(text);
    });
}

#[test]
fn generated_programs_come_back() {
    let grammar = Grammar::new();
    let mut dice = Dice::new(number("PROPTEST_RNG_SEED", 20_261_122));
    let (count, mut right) = (number("FLOW_PROGRAMS", 400), 0);
    for _ in 0..count {
        let text = grammar.program(&mut dice);
        right += u64::from(comes_back(&text));
    }
    println!("{right} of {count} generated programs are right");
    assert!(right > count / 6, "{right} of {count} generated programs are right");
}

#[test]
fn changed_programs_come_back() {
    let grammar = Grammar::new();
    let texts = programs::all();
    let mut dice = Dice::new(number("PROPTEST_RNG_SEED", 20_261_122) ^ 1);
    for _ in 0..number("FLOW_PROGRAMS", 400) {
        let text = match dice.one_in(3) {
            true => grammar.program(&mut dice),
            false => texts[dice.below(texts.len())].clone(),
        };
        comes_back(&mutated(&text, &mut dice));
    }
}
