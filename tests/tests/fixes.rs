//! Each fix that a program of the suite is offered, applied alone: its problem is gone, and no other comes.

use std::collections::BTreeMap;
use std::path::Path;

use flow_diagnostics::{Code, Severity};
use flow_tests::case::{self, Case};
use flow_tests::compile::{self, Mended, Told};

/// What comes up in a case once a problem is mended, and why it could not be told before.
const UNCOVERED: [(&str, Code, &str); 17] = [
    ("G1 a bracket after a space continues nothing", Code::UnknownNode, "`n (1)` calls no node"),
    ("assignment to a name that is no state", Code::StepNameClash, "the state is assigned by two steps"),
    ("a vector's function on a kv", Code::TypeMismatch, "arguments of no operation have no types"),
    ("a vector's function on a kv", Code::StepNameClash, "the operation is done twice"),
    ("operations, arguments and results are typed", Code::StepNameClash, "the operation is done twice"),
    ("an enum value that doesn't exist, in an arm", Code::UnreachableArm, "two arms take the value"),
    ("T2 patterns are bare names", Code::UnreachableArm, "two arms take the value"),
    ("a name that another file declares", Code::UnknownFunction, "its uses have the slip too"),
    ("a name that the module doesn't have", Code::UnknownNode, "its uses have the slip too"),
    ("settings that an agent can't have", Code::DuplicateName, "the tool is listed twice, once as a text"),
    ("a slip in a word is one fault", Code::UnexpectedToken, "a slip in `trusted` looks like a type"),
    ("values of enums that don't exist", Code::TypeMismatch, "what the function returns is of another type"),
    ("E1 a part of a test that can't be read says nothing of the others", Code::EffectInExpression, "a flow"),
    ("a type that is never closed", Code::TypeMismatch, "values of an unknown type are compared with none"),
    ("everywhere that a type stands", Code::UnknownType, "the type is declared under no such name"),
    ("words of other systems", Code::MissingAuthority, "the tool reaches a host"),
    ("G12 settings of a trigger", Code::MissingAuthority, "the trigger uses a secret"),
];

/// Whether what a fix brings was true before, and hidden by the problem.
fn uncovered(case: &Case, code: Code) -> bool {
    // A use that a fix takes away, or a name that it makes one of the program's, leaves something that nothing uses.
    code.info().severity == Severity::Warning
        || UNCOVERED.iter().any(|(title, own, _)| *own == code && case.title.ends_with(title))
}

#[test]
fn each_fix_of_the_suite_mends_its_problem_and_brings_none() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("suite");
    let cases = case::read_all(&folder).expect("the suite is of the form");
    let half = cases.len() / 2;
    let (first, second) = cases.split_at(half);
    let (left, right) = std::thread::scope(|scope| {
        let other = scope.spawn(|| judged(second));
        (judged(first), other.join().expect("the cases are checked"))
    });
    let (count, wrong) = (left.0 + right.0, left.1 + &right.1);
    assert!(count > 500, "only {count} fixes");
    assert!(wrong.is_empty(), "of {count} fixes:\n{wrong}");
}

/// The number of fixes, and what is wrong with them.
fn judged(cases: &[Case]) -> (usize, String) {
    let (mut count, mut wrong) = (0, String::new());
    for case in cases {
        let files = case.files();
        if !case.blocks.iter().any(|block| block.kind == "diagnostics" && !block.text.is_empty()) {
            continue;
        }
        let all = compile::mended(&files);
        if all.is_empty() {
            continue;
        }
        let before = compile::messages(&files);
        for mended in all {
            count += 1;
            if let Some(fault) = fault(case, &before, &mended) {
                let Mended { problem, title, .. } = &mended;
                wrong += &format!(
                    "{}:{} {}\n  {} {}\n  fix: {title}\n{fault}",
                    case.path.strip_prefix(env!("CARGO_MANIFEST_DIR")).unwrap_or(&case.path).display(),
                    case.line,
                    case.title,
                    problem.found.short(),
                    problem.message,
                );
            }
        }
    }
    (count, wrong)
}

fn fault(case: &Case, before: &[Told], mended: &Mended) -> Option<String> {
    let after = compile::messages(&mended.files);
    let same = |told: &[Told], one: &Told| {
        told.iter().filter(|other| other.found.code == one.found.code && other.message == one.message).count()
    };
    let mut fault = String::new();
    if same(&after, &mended.problem) >= same(before, &mended.problem) {
        fault += "  is still there\n";
    }
    let mut codes: BTreeMap<Code, usize> = BTreeMap::new();
    for told in before {
        *codes.entry(told.found.code).or_default() += 1;
    }
    if let Some(count) = codes.get_mut(&mended.problem.found.code) {
        *count -= 1;
    }
    for told in &after {
        let known = codes.entry(told.found.code).or_default();
        if *known > 0 {
            *known -= 1;
        } else if !uncovered(case, told.found.code) {
            fault += &format!("  brings {} {}\n", told.found.short(), told.message);
        }
    }
    (!fault.is_empty()).then_some(fault)
}
