//! A fix makes a program that checks: each is applied, and what is left is told.

use std::path::Path;

use flow_diagnostics::Severity;
use flow_project::{MemoryWorld, Project};

const PRELUDE: &str = r#"model default = "ollama/llama3.2"
prompt ask(text: string) -> string { user: "${text}" }
"#;

/// Applies every first fix of a program's errors at once. `expected` stands in the result, which has no error.
fn fixed(program: &str, expected: &str) {
    let mut text = format!("{program}\n{PRELUDE}");
    let mut edits = Vec::new();
    let world = MemoryWorld::new([("/p/main.flow", text.as_str())]);
    let project = Project::open(&world, Path::new("/p/main.flow")).expect("the file is there");
    for diagnostic in project.check().iter().filter(|one| one.severity() == Severity::Error) {
        edits.extend(diagnostic.fixes.iter().take(1).flat_map(|fix| fix.edits.clone()));
    }
    edits.sort_by_key(|edit| std::cmp::Reverse((edit.at.span.start, edit.at.span.end)));
    assert!(!edits.is_empty(), "nothing is mended: {:#?}", project.check());
    for edit in edits {
        text.replace_range(edit.at.span.range(), &edit.text);
    }
    assert!(text.contains(expected), "`{expected}` isn't in\n{text}");
    let world = MemoryWorld::new([("/p/main.flow", text.as_str())]);
    let project = Project::open(&world, Path::new("/p/main.flow")).expect("the file is there");
    let left: Vec<_> = project.check().iter().filter(|one| one.severity() == Severity::Error).collect();
    assert!(left.is_empty(), "{text}\n{left:#?}");
}

/// Checks that an error has no fix, and that its help holds a text.
fn only_help(program: &str, expected: &str) {
    let text = format!("{program}\n{PRELUDE}");
    let world = MemoryWorld::new([("/p/main.flow", text.as_str())]);
    let project = Project::open(&world, Path::new("/p/main.flow")).expect("the file is there");
    let found = project.check();
    assert!(found.iter().all(|one| one.fixes.is_empty()), "{program}\n{found:#?}");
    let told = found.iter().any(|one| one.help.as_deref().is_some_and(|help| help.contains(expected)));
    assert!(told, "{program}\n{found:#?}");
}

const TOOLS: &str = r#"
tool one() -> string { get: "https://api.example.com/" }
tool two() -> string { get: "https://api.example.com/two" }
tool three() -> string { get: "https://www.example.com/" }
flow main() -> string {
  let a = one()
  let b = two()
  let c = three()
  return a + b + c
}
"#;

#[test]
fn authority() {
    let both = r#"net("api.example.com"), net("www.example.com")"#;
    fixed(TOOLS, &format!("allow [{both}]\n"));
    fixed(&format!("allow []\n{TOOLS}"), &format!("allow [{both}]\n"));
    fixed(&format!("allow [net(\"a.com\")]\n{TOOLS}"), &format!("allow [net(\"a.com\"), {both}]\n"));
    fixed(
        &format!("allow [\n  net(\"a.com\"), // c, d]\n]\n{TOOLS}"),
        &format!("allow [\n  net(\"a.com\"), {both}, // c, d]\n]\n"),
    );
    fixed(
        &format!("allow [\n  net(\"a.com\") // c\n]\n{TOOLS}"),
        &format!("allow [\n  net(\"a.com\"), {both} // c\n]\n"),
    );
    fixed(
        "allow [net(\"https://api.example.com\")]\ntool one() -> string { get: \"https://api.example.com/\" }\nflow main() -> string {\n  let a = one()\n  return a\n}",
        "allow [net(\"api.example.com\")]",
    );
}

#[test]
fn calls_in_expressions() {
    fixed(
        "flow main() -> string {\n  return ask(\"x\") + \"y\"\n}",
        "let ask = ask(\"x\")\n  return ask + \"y\"",
    );
    fixed(
        "flow main() -> string {\n  let a = \"y\" + ask(\"x\")\n  return ask(a)\n}",
        "let ask_2 = ask(\"x\")\n  let a = \"y\" + ask_2",
    );
    only_help(
        "flow main() -> [string] {\n  let x = [1, 2].map(v, ask(\"${v}\"))\n  return x\n}",
        "parallel for",
    );
    only_help(
        "code twice(x: string) -> string {\n  let a = ask(x)\n  return a\n}\nflow main() -> string { return twice(\"x\") }",
        "call `ask` in the flow",
    );
}

#[test]
fn casts() {
    fixed("type Even = int where it % 2 == 0\nflow main(n: int) -> Even { return n }", "return n as Even");
    fixed("type Even = int where it % 2 == 0\nflow main(n: int) -> Even? { return n }", "return n as Even");
    fixed("flow main(n: int) -> int(1..5) { return n }", "return n as int(1..5)");
}

#[test]
fn routes() {
    let kind = "enum Kind { billing bug }\n";
    fixed(
        &format!("{kind}flow main(k: Kind) -> int {{\n  let n = route k {{ when bug => 2 }}\n  return n\n}}"),
        "else => fail unhandled(\"\")",
    );
    only_help(
        &format!(
            "{kind}code of(k: Kind) -> int = route k {{ when bug => 2 }}\nflow main(k: Kind) -> int {{ return of(k) }}"
        ),
        "add an arm before the last `}`: `when billing => 2`",
    );
}

#[test]
fn kinds_of_error() {
    let arms =
        |arms: &str| format!("flow main(t: string) -> string {{\n  return ask(t) catch {{ {arms} }}\n}}");
    fixed(&arms("when timeot => t"), "when timeout => t");
    fixed(&arms("when timeout => t  when rate_limit | refussed => t"), "when rate_limited | refused => t");
    fixed(&arms("when denied | timeout => t"), "when timeout => t");
    fixed(&arms("when timeout | denied => t"), "when timeout => t");
    fixed(
        &arms("when denied | uncertain | timeout | tool_failed | refused | undo_failed => t"),
        "when timeout | refused => t",
    );
    only_help(&arms("when denied => t"), "remove the arm: only `timeout`, `rate_limited`");
    only_help(&arms("when timeout => t  when timeot => t"), "remove the arm");
    let sub = "flow sub(n: int) -> int {\n  fail too_small(\"\") if n < 3\n  return n\n}\n";
    let main = |kind: &str| {
        format!("{sub}flow main(n: int) -> int {{\n  return sub(n) catch {{ when {kind} => 0 }}\n}}")
    };
    fixed(&main("too_smal"), "when too_small => 0");
    only_help(&main("too_large_by_far"), "only `too_small` can come from here");
}
