//! pest's pairs to the tree.
//!
//! The grammar has said what the text is; here every rule becomes its node, and what the grammar can't say is checked: escapes,
//! numbers, the nesting of directives, strings that must be constant.

mod expr;
mod item;
mod jinja;
mod number;
mod step;
mod string;
mod types;

use flow_diagnostics::{Code, Diagnostic};
use flow_grammar::Rule;
use flow_source::{FileId, FileSpan, Span};
use pest::iterators::{Pair, Pairs};
use smol_str::SmolStr;

use crate::patch::Patch;
use crate::tree::{Docs, Name, Text};

/// Builds the nodes of one item.
pub(crate) struct Builder<'a> {
    /// The item's text, as the parser saw it.
    text: &'a str,
    /// The item's text before what was reported was mended and poisoned, and how that was done.
    unpatched: &'a str,
    patch: &'a Patch,
    file: FileId,
    /// Where the item stands in its file.
    base: u32,
    pub(crate) diagnostics: Vec<Diagnostic>,
    /// The `///` lines that are attached to something, by their first byte in the item.
    pub(crate) docs: Vec<u32>,
    /// Whether something that could not be read has left no node.
    pub(crate) lost: bool,
}

impl<'a> Builder<'a> {
    pub(crate) fn new(text: &'a str, unpatched: &'a str, patch: &'a Patch, file: FileId, base: u32) -> Self {
        Self { text, unpatched, patch, file, base, diagnostics: Vec::new(), docs: Vec::new(), lost: false }
    }

    /// What poison stands over, and where that starts in the text as the parser saw it.
    fn poisoned(&self, span: Span) -> &'a str {
        self.unpatched.get(self.patch.span_back(span).range()).unwrap_or("")
    }

    fn at(&self, span: Span) -> FileSpan {
        span.shift(self.base).within(self.file)
    }

    fn report(&mut self, code: Code, span: Span, message: impl Into<String>) -> &mut Diagnostic {
        self.diagnostics.push(Diagnostic::new(code, self.at(span), message));
        self.diagnostics.last_mut().expect("one was just pushed")
    }

    /// The docs of lines with these spans.
    pub(crate) fn docs(&mut self, lines: &[Span]) -> Option<Docs> {
        let (first, last) = (lines.first()?, lines.last()?);
        let mut text = String::new();
        for line in lines {
            let line_text = self.text[line.range()].trim_start_matches("///").trim_end();
            if !text.is_empty() {
                text.push('\n');
            }
            text.push_str(line_text.strip_prefix(' ').unwrap_or(line_text));
            self.docs.push(line.start);
        }
        Some(Docs { text: text.into(), span: first.to(*last) })
    }

    /// A string that must be constant.
    fn text(&mut self, pair: Pair<'_, Rule>) -> Text {
        let span = span_of(&pair);
        let text = self.constant_string(pair);
        Text { text, span }
    }
}

fn span_of(pair: &Pair<'_, Rule>) -> Span {
    let span = pair.as_span();
    Span::new(span.start() as u32, span.end() as u32)
}

fn name(pair: &Pair<'_, Rule>) -> Name {
    Name { text: SmolStr::new(pair.as_str()), span: span_of(pair) }
}

/// The pairs inside a pair, without comments; docs are kept until the next pair has been taken.
struct Cursor<'i> {
    pairs: Pairs<'i, Rule>,
    next: Option<Pair<'i, Rule>>,
    /// The `///` lines directly before `next`.
    ahead: Vec<Span>,
    /// The `///` lines directly before what was taken last.
    docs: Vec<Span>,
}

impl<'i> Cursor<'i> {
    fn new(pair: Pair<'i, Rule>) -> Self {
        let mut cursor = Self { pairs: pair.into_inner(), next: None, ahead: Vec::new(), docs: Vec::new() };
        cursor.advance();
        cursor
    }

    fn advance(&mut self) {
        loop {
            self.next = self.pairs.next();
            match &self.next {
                Some(pair) if pair.as_rule() == Rule::comment => {
                    let text = pair.as_str();
                    if text.starts_with("///") && !text.starts_with("////") {
                        self.ahead.push(span_of(pair));
                    }
                }
                _ => return,
            }
        }
    }

    /// Takes the next pair, if there is one.
    fn next(&mut self) -> Option<Pair<'i, Rule>> {
        self.next.as_ref()?;
        let pair = self.next.take();
        self.docs = std::mem::take(&mut self.ahead);
        self.advance();
        pair
    }

    /// Takes the next pair, which the grammar says is there.
    fn take(&mut self) -> Pair<'i, Rule> {
        self.next().expect("the grammar has this pair")
    }

    /// Takes the next pair if it is of this rule.
    fn take_if(&mut self, rule: Rule) -> Option<Pair<'i, Rule>> {
        if self.peek() == Some(rule) { self.next() } else { None }
    }

    fn peek(&self) -> Option<Rule> {
        self.next.as_ref().map(Pair::as_rule)
    }

    /// Where the next pair starts.
    fn peek_start(&self) -> Option<u32> {
        self.next.as_ref().map(|pair| pair.as_span().start() as u32)
    }
}
