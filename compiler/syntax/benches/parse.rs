//! How fast texts become trees: `cargo bench -p flow-syntax`. Bytes per second are those of the text.
#![allow(missing_docs)]

use divan::Bencher;
use divan::counter::BytesCount;
use flow_source::FileId;

/// A program of ordinary shape: types, nodes, a flow with loops and routes, templates, a test.
const PROGRAM: &str = include_str!("program.flow");

fn main() {
    divan::main();
}

fn text(copies: usize) -> String {
    PROGRAM.repeat(copies)
}

#[divan::bench(args = [1, 100])]
fn parse(bencher: Bencher<'_, '_>, copies: usize) {
    let text = text(copies);
    bencher
        .counter(BytesCount::of_str(&text))
        .bench(|| flow_syntax::parse(FileId(0), divan::black_box(&text)));
}

#[divan::bench]
fn tokens(bencher: Bencher<'_, '_>) {
    let text = text(100);
    bencher.counter(BytesCount::of_str(&text)).bench(|| flow_syntax::tokens(divan::black_box(&text)));
}

/// One fault in the middle: what recovery costs.
#[divan::bench]
fn recover(bencher: Bencher<'_, '_>) {
    let text = PROGRAM.replacen("let sections = outline(topic)", "let sections = outline(topic", 1);
    bencher
        .counter(BytesCount::of_str(&text))
        .bench(|| flow_syntax::parse(FileId(0), divan::black_box(&text)));
}

#[divan::bench]
fn grammar_only(bencher: Bencher<'_, '_>) {
    use flow_grammar::{FlowParser, Rule};
    use pest::Parser;
    let text = text(20);
    bencher
        .counter(BytesCount::of_str(&text))
        .bench(|| FlowParser::parse(Rule::file, divan::black_box(&text)).map(|p| p.len()));
}
