//! Habits of other languages: what is said, and that the fix makes a program of it.
#![allow(missing_docs, clippy::print_stdout, clippy::print_stderr)]

mod common;

use common::{errors, mended, parse, shown};

#[test]
fn fixes_make_programs() {
    let flows = [
        "return n + 1;",
        "while n < 3 { g() }",
        "loop { g() }",
        "loop polish { g() }",
        "loop polish 3 { g() }",
        "route k { a => g() else => h() }",
        "route k { when a => g() default => h() }",
        "route k { when a => g() _ => h() }",
        "route { case a > 1 => g() else => h() }",
        "route { when a > 1 => g() else if a > 0 => h() else => i() }",
        "route k { when a => g() h() else => i() }",
        "route k { when a -> g() else => i() }",
        "let x = a and b",
        "let x = a or b",
        "let x = not a",
        "if not a { g() }",
        "if a == 1 and b == 2 { g() }",
        "if a = 1 { g() }",
        "if a === 1 { g() }",
        "x = = 3",
        "let x => 1",
        "let x = g (y)",
        "let x = xs [0]",
        "let x = Stop {why: \"x\"}",
        "if x == Stop{ g() }",
        "let x = f\"{y}\"",
        "let x = !v is Stop",
        "let x = None",
        "let x = True",
        "let x = a == False",
        "x = g() if c",
        "g(x) if c\n h()",
        "wait 3s if c",
        "wait 5min",
        "let s = “x”",
        "let a = b & c # why",
    ];
    let mut wrong = Vec::new();
    for step in flows {
        let text = format!("flow f(a: int) -> int {{\n  before()\n  {step}\n  after()\n}}\n");
        check(&text, &mut wrong);
    }
    let items = [
        "enum Kind { Billing HowTo }",
        "type T { a: int ? }",
        "type T { a: integer }",
        "type review { a: int }",
        "type T { a = int }",
        "model m = \"a/b\" { retry = 3 }",
        "code c(x: int) : int = x",
        "const a = \"\\d\"",
    ];
    items.iter().for_each(|text| check(text, &mut wrong));
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
}

/// Applies first fixes until none is left; each must leave fewer errors, and the last none.
fn check(text: &str, wrong: &mut Vec<String>) {
    println!("{text}\n{}\n", shown(text));
    let mut now = text.to_owned();
    for _ in 0..3 {
        let (_, diagnostics) = parse(&now);
        if errors(&diagnostics) == 0 {
            break;
        }
        if diagnostics.iter().all(|d| d.fixes.is_empty()) {
            break;
        }
        now = mended(&now);
    }
    let (_, diagnostics) = parse(&now);
    if errors(&diagnostics) > 0 || now == text {
        wrong.push(format!("{text}\n{}\nbecame\n{now}\n{}", shown(text), shown(&now)));
    }
}
