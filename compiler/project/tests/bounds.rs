//! How much flows do at most, in programs that are too large or too odd for the suite.

use std::fmt::Write;
use std::path::Path;

use flow_project::bounds::{Bound, What};
use flow_project::{MemoryWorld, Project};

const PRELUDE: &str = "model default = \"ollama/llama3.2\"\nprompt ask(text: string) -> string { user: \"${text}\" retry: 0 repair: 0 }\n";

fn bounds(program: &str) -> Option<Vec<Bound>> {
    let text = format!("{PRELUDE}{program}");
    let world = MemoryWorld::new([("/p/main.flow", text.as_str())]);
    Project::open(&world, Path::new("/p/main.flow")).expect("the file is there").bounds()
}

/// Returns the bounds of the last flow of a program.
fn last(program: &str) -> Bound {
    bounds(program).expect("the program is right").pop().expect("it has a flow")
}

fn because(bound: &Bound, what: What) -> &str {
    &bound.because.iter().find(|(of, _)| *of == what).expect("it isn't zero").1
}

#[test]
fn a_long_sum_is_cut() {
    let mut program = String::new();
    for number in 0..20 {
        _ = writeln!(program, "flow sub{number}(t: string) {{ ask(t) }}");
    }
    program.push_str("flow main(t: string) {\n");
    for number in 0..20 {
        _ = writeln!(program, "  sub{number}(t)");
    }
    program.push_str("}\n");
    let bound = last(&program);
    assert_eq!(bound.counts.of(What::ModelCalls).get(), Some(20));
    assert_eq!(
        because(&bound, What::ModelCalls),
        "sub0 1 + sub1 1 + sub2 1 + sub3 1 + sub4 1 + sub5 1 + sub6 1 + sub7 1 + 12 more"
    );
    assert!(bound.largest.is_none());
    // The largest piece is always among them.
    let program = program.replace("sub19(t)\n}", "loop last max 9 { sub19(t) } else {}\n}");
    assert!(because(&last(&program), What::ModelCalls).ends_with(" + last 9 × sub19 1 + 12 more"));
}

#[test]
fn the_largest_factor_may_stand_in_a_flow_that_is_called() {
    let bound = last(
        "flow sub(xs: [string](..70)) {\n  for x in xs { ask(x) }\n}\nflow main(xs: [string](..70)) {\n  loop few max 3 { sub(xs) } else {}\n}",
    );
    let largest = bound.largest.expect("there is one");
    assert_eq!((largest.name.as_str(), largest.times.get()), ("x", Some(70)));
    assert_eq!(largest.within.name, "sub");
}

#[test]
fn deep_repetitions_are_cut() {
    let bound = last(
        "flow main(t: string) {\n  loop a max 2 { loop b max 2 { loop c max 2 { loop d max 2 { loop e max 2 { ask(t) } else {} } else {} } else {} } else {} } else {}\n}",
    );
    assert_eq!(bound.counts.of(What::ModelCalls).get(), Some(32));
    assert_eq!(because(&bound, What::ModelCalls), "a 2 × b 2 × c 2 × d 2 × … 2");
    assert_eq!(because(&bound, What::Turns), "a 2 × (1 + b 2 × (1 + c 2 × (1 + d 2 × (1 + … 2))))");
}

#[test]
fn a_chain_of_flows_that_doubles_ends_beyond_what_is_told() {
    let mut program = String::from("flow f0(t: string) { ask(t) }\n");
    for number in 1..2_000 {
        let before = number - 1;
        _ = writeln!(program, "flow f{number}(t: string) {{\n  f{before}(t) as a\n  f{before}(t) as b\n}}");
    }
    let bound = last(&program);
    assert_eq!(bound.counts.of(What::ModelCalls).get(), None);
    assert_eq!(because(&bound, What::ModelCalls), "f1998 more than 10^18");
}

#[test]
fn circles_end() {
    assert!(
        bounds("flow a(t: string) { b(t) }\nflow b(t: string) { a(t) catch { when odd => ask(t) } }")
            .is_none()
    );
    let agent = "/// Asks.\nagent a(t: string) -> string { user: \"${t}\" tools: [b] max_turns: 3 on_error: fail }\n/// Asks too.\nflow b(t: string) -> string { return a(t) catch { when odd => t } }";
    assert!(bounds(agent).is_none());
}

#[test]
fn very_many_kinds_are_any() {
    let mut program = String::from("flow sub(n: int) {\n");
    for number in 0..300 {
        _ = writeln!(program, "  fail k{number}(\"\") if n == {number}");
    }
    program.push_str("}\nflow main(n: int) { sub(n) catch { when k7 | other => ask(\"\") } }");
    assert!(bounds(&program).is_some());
}
