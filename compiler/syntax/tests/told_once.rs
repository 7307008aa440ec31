//! What newcomers write: told once, and the rest is read as it was meant.
#![allow(missing_docs, clippy::print_stdout, clippy::print_stderr)]

mod common;

use common::{errors, mended, parse, shown};
use flow_syntax::tree::{Binary, ExprKind, ItemKind, StepKind, UnaryOp, ValueKind};

/// The texts with the one diagnostic that each has; steps stand in a flow.
const STEPS: &[&str] = &[
    "return k > 1 and k < 3 ? \"a\" : \"b\"",
    "if not a { g() }",
    "if !r is Reply { g() }",
    "for x of xs { g(x) }",
    "let x = f\"a {k}\"",
    "var y = k",
    "const y: int = k",
    "let mut y = k",
    "for (x in xs) { g(x) }",
    "if k > 1 { g() } elif k > 2 { g() } else { h() }",
    "foreach x in xs { g(x) }",
    "raise broken(\"x\")",
    "let x = if k > 1 { 1 } else { 2 }",
    "let x = if k > 1 { g() } else { h() }",
    "let ys = parallel for x in xs jobs 2 max 3 { yield g(x) }",
    "parallel for x in xs collect max 3 by x.id { g(x) }",
    "fail \"a ${k}\"",
    "fail 'a'",
    "let my-value = 3",
    "let x = xs.map(v => v + 1)",
    "let x = `a ${k}`",
    "let x = f\"a {k.name} {{b}} {xs[0]}\"",
];

#[test]
fn a_habit_is_told_once_and_its_fix_makes_a_program() {
    let mut wrong = Vec::new();
    for step in STEPS {
        let text = format!("flow f(k: int) -> string {{\n  before()\n  {step}\n  after()\n}}\n");
        once(&text, &mut wrong);
    }
    for text in ITEMS {
        once(text, &mut wrong);
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
}

const ITEMS: &[&str] = &[
    "enum K = a | b",
    "model m = openai/gpt-4o",
    "model m = openai/gpt-4o { temperature: 0.2 }",
    "prompt my-prompt(x: int) -> string { user: \"${x}\" }",
    "type T { a: string[]  b: int }",
    "flow f(xs: string[]) { g() }",
    "flow f(xs: List<string>) { g() }",
    "flow f(ys: Optional<int>) { g() }",
    "flow f(zs: Map<string, int>) { g() }",
    "code f(xs: List[string]) -> int = 1",
    "prompt p(q: string) -> string { user: \"Say {{ q }} and {{q.name}}\" }",
    "prompt p(q: [string]) -> string {\n  user: \"\"\"\n    {% for x in q %}\n    - {{ x }}\n    {% endfor %}\n    \"\"\"\n}",
    "flow f() {\n  let a = g()\n  state { n: int = 0 }\n  n += a\n}",
    "flow f() {\n  state { m: int = 0 }\n  let a = g()\n  state {\n    n: int = d ? b : c\n  }\n  n += a\n}",
    "flow f() {\n  budget { usd: 1.0 }\n  let a = g()\n  state { n: int = 0 }\n  n += a\n}",
];

fn once(text: &str, wrong: &mut Vec<String>) {
    println!("{text}\n{}\n", shown(text));
    let (_, diagnostics) = parse(text);
    if diagnostics.len() != 1 || diagnostics[0].fixes.is_empty() {
        wrong.push(format!("{text}\n{}", shown(text)));
        return;
    }
    let now = mended(text);
    println!("{now}\n");
    if errors(&parse(&now).1) > 0 {
        wrong.push(format!("{text}\n{}\nbecame\n{now}\n{}", shown(text), shown(&now)));
    }
}

/// Told once, with help, where no edit is sure to be meant.
const WITHOUT_FIX: &[(&str, &str)] = &[
    ("flow f(k: K) {\n  switch k {\n    case a: g()\n    default: h()\n  }\n  g()\n}", "`route value"),
    ("flow f(k: K) {\n  match k {\n    a => g()\n    _ => h()\n  }\n  g()\n}", "`route value"),
    ("flow f() {\n  let a = g()\n  state { n: int = a }\n  n += a\n}", "before the first step"),
    ("flow if(k: int) { g() }", "another name"),
    ("flow f() {\n  on error { g() }\n  let a = h()\n}", "behind the last step"),
    ("flow f() {\n  let a = parallel { let b = g() }\n  g()\n}", "parallel for"),
    ("flow f() {\n  if c g()\n  h()\n}", "braces"),
];

#[test]
fn a_habit_without_a_fix_has_a_help() {
    let wrong: Vec<_> = WITHOUT_FIX
        .iter()
        .filter(|(text, help)| {
            let (_, diagnostics) = parse(text);
            diagnostics.len() != 1 || !diagnostics[0].help.as_ref().is_some_and(|h| h.contains(help))
        })
        .map(|(text, _)| format!("{text}\n{}", shown(text)))
        .collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
}

#[test]
fn braces_that_are_data_pass() {
    for text in ["{{\\\"a\\\": 1}}", "{{a: 1}}", "{{}}", "{{ 1 }}", "a { b } c", "{%", "{{ a", "100 {% off"] {
        let text = format!("prompt p(q: string) -> string {{ user: \"{text}${{q}}\" }}");
        assert_eq!(shown(&text), "", "{text}");
    }
    let text = "prompt p(q: string) -> string { user: '{{ name }}' }";
    assert_eq!(shown(text), "", "a text that doesn't interpolate holds what it holds");
}

#[test]
fn a_misplaced_state_declares_its_names() {
    let (file, _) =
        parse("flow f() {\n  let a = g()\n  state { n: int = a ? b : c  m: {x: int} }\n  n += a\n}");
    let ItemKind::Flow(flow) = &file.items[0].kind else { panic!("a flow") };
    assert_eq!(flow.state.iter().map(|s| s.name.as_str()).collect::<Vec<_>>(), ["n", "m"]);
    assert_eq!(flow.steps.len(), 3);
}

/// The value of the first step's `let`.
fn value(text: &str) -> ExprKind {
    let (file, _) = parse(&format!("flow f() {{\n  let x = {text}\n}}"));
    let ItemKind::Flow(flow) = &file.items[0].kind else { panic!("a flow") };
    let StepKind::Let(step) = &flow.steps[0].kind else { panic!("a let") };
    let ValueKind::Expr(expr) = &step.value.kind else { panic!("an expression") };
    expr.kind.clone()
}

#[test]
fn what_is_meant_is_read() {
    let ExprKind::Unary(UnaryOp::Not, inner) = value("!v is Stop") else { panic!("a `!`") };
    assert!(matches!(inner.kind, ExprKind::Is(..)));
    let ExprKind::Binary(binary) = value("a and b") else { panic!("an `&&`") };
    let Binary { left, right, .. } = *binary;
    assert!(
        matches!((left.kind, right.kind), (ExprKind::Name(a), ExprKind::Name(b)) if a == "a" && b == "b")
    );
}

#[test]
fn the_least_int_in_parentheses_keeps_its_sign() {
    assert!(matches!(value("-(-9223372036854775808)"), ExprKind::Unary(UnaryOp::Negate, _)));
    assert!(matches!(value("-9223372036854775808"), ExprKind::Literal(_)));
    assert!(matches!(value("-(-5)"), ExprKind::Literal(_)));
}
