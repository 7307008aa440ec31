//! Hostile texts: each gives one clear diagnostic, in time and without a panic (G13).
#![allow(missing_docs, clippy::print_stdout, clippy::print_stderr)]

mod common;

use common::{parse, shown};
use flow_source::FileId;

/// The only diagnostic of a text, by its code's name.
fn only(text: &str) -> &'static str {
    let (_, diagnostics) = parse(text);
    let names: Vec<_> = diagnostics.iter().map(|d| d.code.info().name).collect();
    assert_eq!(names.len(), 1, "{} bytes: {names:?} {}", text.len(), shown(&text[..text.len().min(300)]));
    names[0]
}

fn in_flow(step: &str) -> String {
    format!("flow f() {{\n  {step}\n}}\n")
}

#[test]
fn brackets_are_counted() {
    for (open, close) in [("(", ")"), ("[", "]"), ("{a: ", "}"), ("f(", ")"), ("\"${", "}\"")] {
        let nested = |n: usize| in_flow(&format!("let a = {}1{}", open.repeat(n), close.repeat(n)));
        assert_eq!(shown(&nested(127)), "", "{open}");
        assert_eq!(only(&nested(128)), "nesting-too-deep", "{open}");
        assert_eq!(only(&nested(100_000)), "nesting-too-deep", "{open}");
        assert_eq!(
            only(&in_flow(&format!("let a = {}", open.repeat(100_000)))),
            "nesting-too-deep",
            "{open}"
        );
    }
    let blocks = |n: usize| in_flow(&format!("{} g() {}", "if q { ".repeat(n), "}".repeat(n)));
    assert_eq!(shown(&blocks(126)), "");
    assert_eq!(only(&blocks(127)), "nesting-too-deep");
    assert_eq!(only(&format!("type T = {}int{}", "[".repeat(200), "]".repeat(200))), "nesting-too-deep");
    assert_eq!(only(&"(".repeat(100_000)), "nesting-too-deep");
    assert!(shown(&")".repeat(100_000)).lines().count() <= 2);
}

#[test]
fn routes_inside_arms_take_no_time() {
    let nested = |n: usize, core: &str| {
        in_flow(&format!("{}{core}{}", "route a { when b => ".repeat(n), " }".repeat(n)))
    };
    assert_eq!(shown(&nested(100, "g()")), "");
    assert_eq!(shown(&nested(100, "= =")).lines().count(), 1);
    let catches = format!("let a = {} 1{}", "g() catch { else => ".repeat(100), " }".repeat(100));
    assert_eq!(shown(&in_flow(&catches)), "");
    assert_eq!(shown(&in_flow(&catches.replacen("=>  1", "=> ?", 1))).lines().count(), 1);
}

#[test]
fn operators_are_counted() {
    let chain = |n: usize, link: &str| in_flow(&format!("let a = b{}", link.repeat(n)));
    for link in [" + b", ".c", "[0]", ".c()", " ?? b", " || b"] {
        assert_eq!(shown(&chain(490, link)), "", "{link}");
        assert_eq!(only(&chain(1_001, link)), "too-large", "{link}");
        assert_eq!(only(&chain(100_000, link)), "too-large", "{link}");
    }
    assert_eq!(only(&in_flow(&format!("let a = {}b", "!".repeat(1_001)))), "too-large");
    assert_eq!(shown(&in_flow(&format!("let a = {}b", "!".repeat(900)))), "");
    // What commas and steps separate isn't one chain.
    assert_eq!(shown(&in_flow(&format!("let a = [{}]", "-b.c, ".repeat(3_000)))), "");
    assert_eq!(shown(&in_flow(&"g(a.b.c + 1)\n".repeat(3_000))), "");
    assert_eq!(shown(&in_flow(&"x = a.b ".repeat(3_000))), "");
    assert_eq!(shown(&format!("model m = \"a/b\" {{ {} }}", "x: a.b ".repeat(3_000))), "");
}

#[test]
fn expressions_have_a_length() {
    assert_eq!(shown(&in_flow(&format!("let a = \"{}\"", "x".repeat(60_000)))), "");
    assert_eq!(only(&in_flow(&format!("let a = \"{}\"", "x".repeat(70_000)))), "too-large");
    assert_eq!(only(&format!("const a = [{}]", "123, ".repeat(20_000))), "too-large");
    assert_eq!(only(&in_flow(&format!("send({}1)", "1, ".repeat(30_000)))), "too-large");
}

#[test]
fn else_ifs_are_counted() {
    let chain = |n: usize| in_flow(&format!("if a {{ g() }}{}", " else if b { h() }".repeat(n)));
    assert_eq!(shown(&chain(1_000)), "");
    assert_eq!(only(&chain(1_001)), "too-large");
    assert_eq!(only(&chain(100_000)), "too-large");
}

#[test]
fn directives_are_counted() {
    let nested = |n: usize| {
        format!(
            "prompt p(c: bool) -> string {{\n user: \"\"\"\n{}{}  \"\"\"\n}}",
            "${if c}\n".repeat(n),
            "${end}\n".repeat(n)
        )
    };
    assert_eq!(shown(&nested(128)), "");
    assert!(shown(&nested(129)).starts_with("E0104"));
    assert!(!shown(&nested(5_000)).is_empty());
}

#[test]
fn files_have_a_size() {
    assert_eq!(only(&" ".repeat(50 << 20)), "too-large");
    let large = flow_syntax::decode(FileId(0), vec![b' '; 50 << 20]).expect_err("it is too large");
    assert_eq!(large.code.info().name, "too-large");
    assert_eq!(shown(&"// a comment\n".repeat(400_000)), "");
}

#[test]
fn files_are_text() {
    let broken = flow_syntax::decode(FileId(0), b"flow f() {}\n\xff".to_vec()).expect_err("it isn't UTF-8");
    assert_eq!((broken.code.info().name, broken.primary.at.span.start), ("not-text", 12));
    assert_eq!(only("flow f() {}\0"), "not-text");
    assert_eq!(shown("\u{feff}flow f() {}"), "", "a byte order mark is passed over");
    assert_eq!(shown("flow f() {\r\n  g()\r\n}\r\n"), "");
    assert_eq!(only("flow f() { g()\u{1} }"), "unexpected-token");
    assert_eq!(shown(&in_flow("let a = \"\u{1}\"")), "");
}

#[test]
fn one_large_item_is_read_in_time() {
    let steps = "  let a = g(x, y: \"text ${z}\") catch null\n".repeat(20_000);
    assert_eq!(shown(&format!("flow f() {{\n{steps}}}")), "");
    // Many faults in it: the first are told apart, and then the item is given up.
    let faults = "  let a = = 1\n".repeat(20_000);
    assert!(shown(&format!("flow f() {{\n{faults}}}")).lines().count() <= 64);
}
