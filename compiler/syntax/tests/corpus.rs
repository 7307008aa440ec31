//! The corpus through the parser: what is right gives no error, what is wrong gives one.
#![allow(missing_docs, clippy::print_stdout, clippy::print_stderr)]

mod common;

use common::{corpus, errors, parse, show};

#[test]
fn right_programs_have_no_errors() {
    for folder in ["ok", "authors"] {
        for (name, text) in corpus(folder).into_iter().flatten() {
            let (_, diagnostics) = parse(&text);
            let shown: Vec<_> = diagnostics.iter().map(|d| show(&text, d)).collect();
            assert_eq!(errors(&diagnostics), 0, "{name}: {shown:#?}");
        }
    }
}

#[test]
fn wrong_programs_have_one_error() {
    let mut wrong = Vec::new();
    for (name, text) in corpus("no").into_iter().flatten() {
        let (_, diagnostics) = parse(&text);
        let shown: Vec<_> = diagnostics.iter().map(|d| show(&text, d)).collect();
        println!("{name}\n{text}\n{}\n", shown.join("\n"));
        if diagnostics.len() != 1 {
            wrong.push(format!("{name}: {shown:#?}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn the_tree_keeps_every_byte() {
    for folder in ["ok", "authors", "no"] {
        for (name, text) in corpus(folder).into_iter().flatten() {
            let (file, _) = parse(&text);
            assert_eq!(printed(&file), text, "{name}");
            let tokens: String = flow_syntax::tokens(&text).iter().map(|t| &text[t.span.range()]).collect();
            assert_eq!(tokens, text, "{name}");
        }
    }
}

/// A file from its items and what stands between them.
fn printed(file: &flow_syntax::tree::File) -> String {
    let mut out = String::new();
    for item in &file.items {
        out += &file.text[out.len()..item.start as usize];
        out += &item.text;
    }
    out += &file.text[out.len()..];
    out
}
