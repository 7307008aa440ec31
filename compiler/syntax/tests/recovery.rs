//! Several faults in one file: one diagnostic for each, and everything else is read.
#![allow(missing_docs, clippy::print_stdout, clippy::print_stderr)]

mod common;

use common::{parse, shown};
use flow_syntax::tree::{ItemKind, StepKind};

/// The place of each diagnostic: `line:column`.
fn places(text: &str) -> Vec<String> {
    shown(text).lines().map(|l| l.split(' ').nth(1).unwrap_or("").to_owned()).collect()
}

const THREE: &str = r#"
type Review {
  score: int (1..5)
  verdict: Verdict
}

prompt critique(text: string) -> Review {
  user: "Review ${text}"
  retry = 3
  repair: 2
}

flow main(n: int) -> int {
  let a = first(n)
  let b = a +
  loop polish max 3 {
    let c = second(b) if a > 1
    third(c)
  }
  return b
}
"#;

#[test]
fn independent_faults_are_reported_once_each() {
    assert_eq!(places(THREE), ["3:10", "9:9", "15:13", "17:23"], "{}", shown(THREE));
    let (file, _) = parse(THREE);
    let ItemKind::Type(review) = &file.items[0].kind else { panic!("a type") };
    let flow_syntax::tree::TypeBody::Record(record) = &review.body else { panic!("a record") };
    let names: Vec<_> = record.fields.iter().map(|f| f.name.as_str()).collect();
    assert_eq!(names, ["score", "verdict"], "a lost field keeps its name");
    let ItemKind::Node(node) = &file.items[1].kind else { panic!("a prompt") };
    let keys: Vec<_> = node.fields.iter().map(|f| f.key.as_str()).collect();
    assert_eq!(keys, ["user", "retry", "repair"]);
    let ItemKind::Flow(flow) = &file.items[2].kind else { panic!("a flow") };
    assert_eq!(flow.steps.len(), 4);
    assert!(
        matches!(&flow.steps[1].kind, StepKind::Let(b) if b.name.as_str() == "b"),
        "a lost `let` binds its name"
    );
    let StepKind::Loop(polish) = &flow.steps[2].kind else { panic!("a loop") };
    assert_eq!(polish.body.steps.len(), 2);
}

#[test]
fn a_lost_item_keeps_its_name() {
    let text = "flow first(x: int -> int { return x }\n\nflow second() { first(1) }\n";
    let (file, diagnostics) = parse(text);
    assert_eq!(diagnostics.len(), 1, "{}", shown(text));
    let names: Vec<_> =
        file.items.iter().filter_map(|i| i.kind.name()).map(|n| n.as_str().to_owned()).collect();
    assert_eq!(names, ["first", "second"]);
}

#[test]
fn a_lost_parameter_keeps_its_name() {
    let text = "flow f(a: int, b string, c: int) -> int { return b }";
    let (file, _) = parse(text);
    assert_eq!(places(text), ["1:18"], "{}", shown(text));
    let ItemKind::Flow(flow) = &file.items[0].kind else { panic!("{}", shown(text)) };
    assert_eq!(flow.params.iter().map(|p| p.name.as_str()).collect::<Vec<_>>(), ["a", "b", "c"]);
}

#[test]
fn an_unclosed_item_ends_where_the_next_starts() {
    let text = "flow a() {\n  if x {\n    g()\n}\n\nflow b() { g() }\n\nprompt c() -> int { user: \"x\" }\n";
    let (file, diagnostics) = parse(text);
    assert_eq!((file.items.len(), diagnostics.len()), (3, 1), "{}", shown(text));
}

#[test]
fn words_that_start_no_item_hide_nothing() {
    let text = "flow a() { g() }\n\ndef b() { h() }\n\nflow c() { g() }\n";
    let (file, diagnostics) = parse(text);
    assert_eq!((file.items.len(), diagnostics.len()), (3, 1), "{}", shown(text));
    assert!(shown(text).contains("`flow` declares steps"), "{}", shown(text));
    assert!(shown("flwo a() { g() }").contains("`flow`"), "{}", shown("flwo a() { g() }"));
}

#[test]
fn arms_are_recovered() {
    let text = "flow f() {\n  route k {\n    when a => g(\n    b => h()\n    when c -> i()\n    else => j()\n  }\n  k()\n}";
    let (file, _) = parse(text);
    let ItemKind::Flow(flow) = &file.items[0].kind else { panic!("{}", shown(text)) };
    assert_eq!(flow.steps.len(), 2, "{}", shown(text));
    assert!(places(text).len() <= 3, "{}", shown(text));
}

#[test]
fn an_item_that_only_moved_is_the_same_value() {
    let (before, _) = parse("flow f() { g() }");
    let (after, _) = parse("// a comment\n\nflow f() { g() }");
    assert_eq!(before.items[0], after.items[0]);
    assert_eq!(before.items[0].kind, after.items[0].kind);
    assert_ne!(before.items[0].start, after.items[0].start);
}

#[test]
fn docs_are_attached_or_reported() {
    let text = "/// One.\n///   Two.\nflow f(\n  /// What x is.\n  x: int,\n) {\n  /// nothing\n  g()\n}\n/// at the end\n";
    let (file, _) = parse(text);
    assert_eq!(file.items[0].docs.as_ref().map(|d| d.text.as_str()), Some("One.\n  Two."));
    let ItemKind::Flow(flow) = &file.items[0].kind else { panic!("a flow") };
    assert_eq!(flow.params[0].docs.as_ref().map(|d| d.text.as_str()), Some("What x is."));
    assert_eq!(places(text), ["7:3", "10:1"], "{}", shown(text));
    assert_eq!(places("/// alone\n"), ["1:1"]);
}

#[test]
fn divisions_are_asked_about() {
    assert_eq!(places("code half(n: int) -> int = n // 2\n"), ["1:30"]);
    assert_eq!(places("code half(n: int) -> int = n //(2 + 1)\n"), ["1:30"]);
    assert_eq!(places("flow f() {\n  g() // 3 times\n  // 2\n  h() // (why)!\n}\n"), Vec::<String>::new());
}

/// One fault in nearly every line.
const MANY: &str = r#"flow main(name: string) -> string {
  if a {
    b()
  } else if {
    bar()
  }
  let x = foo(1, 2,, 3)
  let y = {a: 1, b 2}
  g(x, y: )
  emit
  let = 3
  for x xs { g() }
  parallel for x in xs jobs { g() }
  try { g() } catch { }
  wait
  route a { }
  fail "boom"
  x.y = 3
  return return
}
model a = "x" { temperature 0.2 }
allow ["x"
const q = 3
import {a} from "b"
import a from "b"
agent a(q: string) -> string {
  tools: [a, b
  user: "x"
}
trigger t = cron("x") -> f()
test "x" {
  mock a = 1
  expect
  let a = f()
}
eval q of f {
  gate "x" a > 1
}
enum K { a | b }
type U = A { x: int } B { y: int }
"#;

#[test]
fn each_of_many_faults_is_reported() {
    let lines: Vec<_> =
        places(MANY).iter().map(|p| p.split(':').next().unwrap_or("").parse().unwrap_or(0)).collect();
    let expected = [4, 7, 8, 9, 10, 11, 12, 13, 14, 15, 17, 21, 22, 25, 27, 30, 32, 34, 37, 39, 40];
    assert_eq!(lines, expected, "{}", shown(MANY));
}
