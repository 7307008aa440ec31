//! Expressions that are too large or too deep are told as such by what reads them, and cost little (G13).

use flow_diagnostics::Code;
use flow_project::expression::{Scope, read};

/// Reads on the stack that `flowc expr` has.
fn codes(text: String) -> Vec<Code> {
    let work =
        move || read(&text, &Scope::default()).diagnostics.into_iter().map(|found| found.code).collect();
    std::thread::Builder::new().stack_size(256 << 20).spawn(work).unwrap().join().unwrap()
}

#[test]
fn what_is_too_large_is_refused() {
    let mebibyte = 1 << 20;
    for (what, text) in [
        ("10,000 parentheses", format!("{}1{}", "(".repeat(10_000), ")".repeat(10_000))),
        ("parentheses that nothing closes", "(".repeat(10_000)),
        ("10,000 lists", format!("{}{}", "[".repeat(10_000), "]".repeat(10_000))),
        ("10,000 maps", format!("{}1{}", "{a: ".repeat(10_000), "}".repeat(10_000))),
        ("10,000 calls", format!("{}1{}", "size(".repeat(10_000), ")".repeat(10_000))),
        ("a sum of a megabyte", "1+".repeat(mebibyte / 2) + "1"),
        ("a text of a megabyte", format!("\"{}\"", "a".repeat(mebibyte))),
        ("a name of a megabyte", "a".repeat(mebibyte)),
        ("a number of a megabyte", "1".repeat(mebibyte)),
        ("a list of a megabyte", format!("[{}1]", "1,".repeat(mebibyte / 2))),
        ("a chain of a megabyte", format!("[]{}", ".size()".repeat(mebibyte / 7))),
        ("10,000 negations", "!".repeat(10_000) + "true"),
        ("10,000 signs", "-".repeat(10_000) + "1"),
        ("10,000 conjunctions", "true && ".repeat(10_000) + "true"),
        ("splices in splices", format!("{}1{}", "\"${".repeat(1_000), "}\"".repeat(1_000))),
    ] {
        assert!(!codes(text).is_empty(), "{what}");
    }
}

#[test]
fn what_is_large_enough_is_read() {
    for (what, text) in [
        ("100 parentheses", format!("{}1{}", "(".repeat(100), ")".repeat(100))),
        ("a sum of 1,000", "1+".repeat(999) + "1"),
        ("a conjunction of 1,000", "true&&".repeat(999) + "true"),
        ("a chain", format!("'a'{}", ".trim()".repeat(900))),
        ("a text of 60 KiB", format!("\"{}\"", "a".repeat(60 << 10))),
    ] {
        assert_eq!(codes(text), [], "{what}");
    }
}
