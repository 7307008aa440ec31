use flow_source::{FileSpan, Span};
use insta::assert_snapshot;
use proptest::prelude::*;

use super::*;
use crate::{Code, Diagnostic};

const TRIAGE: &str = "\
enum Kind { billing bug how_to spam }

flow main(kind: Kind) -> string {
  let team = route kind {
    when billing => \"finance\"
  }
  return team
}
";

fn one(text: &str) -> (Sources, flow_source::FileId) {
    let mut sources = Sources::new();
    let file = sources.add("triage.flow", text);
    (sources, file)
}

fn at(file: flow_source::FileId, text: &str, what: &str) -> FileSpan {
    let start = text.find(what).expect("the text holds it");
    FileSpan::new(file, Span::from(start..start + what.len()))
}

fn route() -> (Sources, Vec<Diagnostic>) {
    let (sources, file) = one(TRIAGE);
    let missing = Diagnostic::new(
        Code::NonExhaustiveRoute,
        at(file, TRIAGE, "route"),
        "this route does not handle every `Kind`",
    )
    .here("no arm for `bug`, `how_to`, `spam`")
    .label(at(file, TRIAGE, "kind {"), "`Kind` is billing | bug | how_to | spam")
    .label(at(file, TRIAGE, "Kind { b"), "declared here")
    .help("add the missing arm, or `else => …`")
    .fix(
        "add `else => fail unhandled(\"…\")`",
        at(file, TRIAGE, "\n  }"),
        "\n    else => fail unhandled(\"…\")\n  }",
    );
    let unused = Diagnostic::new(Code::UnusedBinding, at(file, TRIAGE, "team"), "`team` is never read");
    (sources, vec![missing, unused])
}

fn drawn(width: usize, color: bool, unicode: bool) -> String {
    let (sources, diagnostics) = route();
    human(&diagnostics, &sources, &Look { width, color, unicode })
}

#[test]
fn drawn_for_people() {
    assert_snapshot!(drawn(100, false, true));
}

#[test]
fn drawn_in_ascii_for_a_narrow_terminal() {
    assert_snapshot!(drawn(40, false, false));
}

#[test]
fn drawn_in_colour() {
    assert_snapshot!(drawn(80, true, true).replace('\u{1b}', "ESC"));
}

#[test]
fn labels_in_other_files_are_drawn_below() {
    let mut sources = Sources::new();
    let (main, note) = ("import { Note } from \"./note.flow\"\n", "type Note { text: string }\n");
    let (a, b) = (sources.add("main.flow", main), sources.add("note.flow", note));
    let diagnostic = Diagnostic::new(Code::DuplicateName, at(a, main, "Note"), "`Note` is declared twice")
        .here("imported here")
        .label(at(b, note, "Note"), "declared here")
        .help("rename one: `import { Note as Card }`");
    assert_snapshot!(human(std::slice::from_ref(&diagnostic), &sources, &Look::default()));
    assert_snapshot!(json(&[diagnostic], &sources));
}

#[test]
fn hostile_text_is_shown_harmless() {
    let text = format!("let a = \"\u{1b}[2J\u{202e}{}\" oops {}\n", "x".repeat(3000), "y".repeat(3000));
    let (sources, file) = one(&text);
    let diagnostic =
        Diagnostic::new(Code::UnexpectedToken, at(file, &text, "oops"), "unexpected `\u{1b}]0;title\u{7}`")
            .here("here\u{9b}31m")
            .label(at(file, &text, "a ="), "after\nthis");
    let shown = human(std::slice::from_ref(&diagnostic), &sources, &Look { width: 60, ..Look::default() });
    assert!(!shown.chars().any(|c| c != '\n' && crate::escape::is_hostile(c)), "{shown:?}");
    assert_snapshot!(shown);
    assert_snapshot!(short(&[diagnostic], &sources));
}

#[test]
fn places_at_the_edges_are_drawn() {
    let text = "one\n\ttwo\n";
    let (sources, file) = one(text);
    let place = |start: u32, end: u32| {
        Diagnostic::new(Code::UnexpectedToken, FileSpan::new(file, Span::new(start, end)), "here")
    };
    let all = [place(3, 3), place(4, 8), place(9, 9), place(0, 9), place(70, 90), place(5, 2)];
    assert_snapshot!(human(&all, &sources, &Look::default()));
    assert_snapshot!(short(&all, &sources));
}

#[test]
fn a_tall_label_is_drawn_at_its_first_line() {
    let text = "flow f() {\n".to_string() + &"  g()\n".repeat(50) + "}\n";
    let (sources, file) = one(&text);
    let tall = Diagnostic::new(
        Code::MissingReturn,
        FileSpan::new(file, Span::from(0..text.len())),
        "no way returns",
    )
    .here("this flow");
    assert_snapshot!(human(&[tall], &sources, &Look::default()));
}

#[test]
fn one_line_each() {
    let (sources, mut diagnostics) = route();
    sort(&mut diagnostics, &sources);
    assert_snapshot!(short(&diagnostics, &sources));
}

#[test]
fn an_object_each() {
    let (sources, diagnostics) = route();
    assert_snapshot!(json(&diagnostics, &sources));
}

#[test]
fn counted() {
    let (_, diagnostics) = route();
    assert_eq!(summary(&diagnostics).as_deref(), Some("1 error and 1 warning in 1 file"));
    assert_eq!(summary(&[]), None);
}

proptest! {
    #[test]
    fn no_text_and_no_span_can_panic(
        text in "(?s).{0,60}",
        spans in proptest::collection::vec((0u32..80, 0u32..80), 1..5),
        width in 0usize..90,
    ) {
        let (sources, file) = one(&text);
        let place = |&(start, end): &(u32, u32)| FileSpan::new(file, Span::new(start, end));
        let mut diagnostic = Diagnostic::new(Code::UnexpectedToken, place(&spans[0]), &text).here("here").help(&text);
        for span in &spans[1..] {
            diagnostic = diagnostic.label(place(span), "there");
        }
        let all = [diagnostic];
        let shown = human(&all, &sources, &Look { width, color: false, unicode: true });
        prop_assert!(!shown.chars().any(|c| c != '\n' && crate::escape::is_hostile(c)));
        prop_assert_eq!(short(&all, &sources).lines().count(), 1);
        prop_assert_eq!(json(&all, &sources).lines().count(), 1);
    }
}
