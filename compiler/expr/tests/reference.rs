//! The page of the reference: it lists every function as the table has it, and each of its examples gives what it says.
//!
//! `UPDATE_PAGES=1 cargo test -p flow-expr --test reference` writes the list anew.

#![allow(clippy::disallowed_methods, reason = "tests read files and start processes")]

mod support;

use std::fmt::Write;
use std::path::PathBuf;

use flow_expr::functions::{FORMS, MACROS, Over, Overload, Sig, Style, overloads};

const BEGIN: &str =
    "<!-- functions: written from the table of functions by the test `the_page_lists_every_function` -->\n";
const END: &str = "<!-- end of functions -->";

fn place() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../docs/expressions.md")
}

fn page() -> String {
    std::fs::read_to_string(place()).expect("the page is here")
}

fn sig(of: &Sig) -> String {
    match of {
        Sig::Null => "null".into(),
        Sig::Bool => "bool".into(),
        Sig::Int => "int".into(),
        Sig::Uint => "uint".into(),
        Sig::Float => "float".into(),
        Sig::String => "string".into(),
        Sig::Bytes => "bytes".into(),
        Sig::Duration => "duration".into(),
        Sig::Timestamp => "timestamp".into(),
        Sig::Json => "json".into(),
        Sig::Type => "type".into(),
        Sig::Enum => "enum".into(),
        Sig::Any => "any".into(),
        Sig::Var(0) | Sig::Ordered(0) => "T".into(),
        Sig::Var(_) | Sig::Ordered(_) => "U".into(),
        Sig::List(of) => format!("[{}]", sig(of)),
        Sig::Map(key, value) => format!("[{}: {}]", sig(key), sig(value)),
        Sig::Nullable(of) => format!("{}?", sig(of)),
        Sig::Optional(of) => format!("optional({})", sig(of)),
    }
}

fn written(row: &Overload) -> String {
    let mut params: Vec<String> = row.params.iter().map(sig).collect();
    if row.variadic
        && let Some(last) = params.last_mut()
    {
        last.push('…');
    }
    let result = sig(&row.result);
    match (row.style, &params[..]) {
        (Style::Operator, [of]) => format!("{}{of} -> {result}", row.name.trim_end_matches('_')),
        (Style::Operator, [of, key]) if row.name == "_[_]_" => format!("{of}[{key}] -> {result}"),
        (Style::Operator, [left, right]) => {
            format!("{left} {} {right} -> {result}", row.name.trim_matches('_'))
        }
        (Style::Method | Style::Both, [of, rest @ ..]) => {
            format!("{of}.{}({}) -> {result}", row.name, rest.join(", "))
        }
        _ => format!("{}({}) -> {result}", row.name, params.join(", ")),
    }
}

/// The list as the page has it.
fn listed() -> String {
    let mut out = String::from("\n### Operators and functions\n\n| written | gives |\n|---|---|\n");
    // By name, in the order of the table; orders of two kinds of numbers are told once.
    let mut names: Vec<&str> = Vec::new();
    for row in overloads() {
        if !names.contains(&row.name) {
            names.push(row.name);
        }
    }
    for name in names {
        for row in overloads().filter(|row| row.name == name) {
            let both = if row.style == Style::Both { "; also called as a function" } else { "" };
            writeln!(out, "| `{}` | {}{both} |", written(row).replace('|', "\\|"), row.doc).unwrap();
        }
    }
    out.push_str("\n### Macros\n\n| written | gives |\n|---|---|\n");
    for row in MACROS {
        let over = match row.over {
            Over::List => "xs",
            Over::Map => "m",
            Over::Both if row.vars == 2 => "m",
            Over::Both => "xs",
        };
        let vars = if row.vars == 2 { "k, v" } else { "x" };
        let bodies = if row.bodies == 2 { "condition, e" } else { "e" };
        writeln!(out, "| `{over}.{}({vars}, {bodies})` | {} |", row.name, row.doc).unwrap();
    }
    for row in FORMS {
        writeln!(out, "| `{}` | {} |", row.written, row.doc).unwrap();
    }
    out.push('\n');
    out
}

#[test]
fn the_page_lists_every_function() {
    let page = page();
    let begin = page.find(BEGIN).expect("the list begins") + BEGIN.len();
    let end = page.find(END).expect("the list ends");
    let list = listed();
    if std::env::var_os("UPDATE_PAGES").is_some() {
        std::fs::write(place(), format!("{}{list}{}", &page[..begin], &page[end..])).unwrap();
        return;
    }
    assert!(
        page[begin..end] == list,
        "docs/expressions.md lists other functions than there are; UPDATE_PAGES=1 writes them"
    );
}

#[test]
fn every_example_gives_what_it_says() {
    let page = page();
    let mut count = 0;
    let mut wrong = String::new();
    for block in page.split("```cel\n").skip(1) {
        let block = block.split("```").next().unwrap_or_default();
        for line in block.lines().filter(|line| !line.is_empty()) {
            let (text, expected) = line.split_once("  => ").unwrap_or_else(|| panic!("no result: {line}"));
            let found = support::shown(text);
            count += 1;
            if found != expected {
                writeln!(wrong, "{text}\n  => {found}\n  not {expected}").unwrap();
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
    assert!(count > 35, "only {count} examples");
}
