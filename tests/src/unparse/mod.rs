//! An item from its tree: the tokens that each node stands for, held against the text, so that whatever a printer needs is
//! either in the tree or in the gap between two of its tokens.

mod exprs;
mod items;
mod steps;
mod types;

use flow_diagnostics::{Diagnostic, Severity};
use flow_source::Span;
use flow_syntax::tree::*;
use flow_syntax::{Token, TokenKind, tokens};

/// Prints a file from its trees and what stands between their tokens. An item with a problem was read as it was meant, not as
/// it stands, and is printed as it stands.
///
/// # Errors
/// Says which token of which item the tree doesn't account for.
pub fn print(file: &File, problems: &[Diagnostic]) -> Result<String, String> {
    let mut out = String::with_capacity(file.text.len());
    for item in &file.items {
        let start = item.start as usize;
        let gap = file.text.get(out.len()..start).ok_or("an item starts before the one before it ends")?;
        out.push_str(gap);
        let own = Span::new(item.start, item.start + item.text.len() as u32);
        let wrong = |p: &Diagnostic| p.severity() == Severity::Error && own.touches(p.primary.at.span.start);
        let whole = item.lost.is_empty() && !item.broken && !problems.iter().any(wrong);
        match whole {
            true => out.push_str(&Printer::new(item).item()?),
            false => out.push_str(&item.text),
        }
    }
    out.push_str(file.text.get(out.len()..).ok_or("an item ends after its file")?);
    Ok(out)
}

struct Printer<'t> {
    item: &'t Item,
    tokens: Vec<Token>,
    at: usize,
    out: String,
    wrong: Option<String>,
}

impl<'t> Printer<'t> {
    fn new(item: &'t Item) -> Self {
        Self { item, tokens: tokens(&item.text), at: 0, out: String::new(), wrong: None }
    }

    fn fail(&mut self, expected: &str) {
        if self.wrong.is_none() {
            let found = self.tokens.get(self.at).map_or("the end", |t| self.item.slice(t.span));
            self.wrong = Some(format!(
                "the tree has `{expected}`, the text `{found}` at byte {} of\n{}",
                self.out.len(),
                self.item.text
            ));
        }
    }

    fn kind(&self) -> Option<TokenKind> {
        self.tokens.get(self.at).map(|t| t.kind)
    }

    fn text(&self) -> &'t str {
        self.tokens.get(self.at).map_or("", |t| self.item.slice(t.span))
    }

    /// Copies the token at hand.
    fn copy(&mut self) {
        if let Some(token) = self.tokens.get(self.at) {
            self.out.push_str(self.item.slice(token.span));
            self.at += 1;
        }
    }

    fn trivia(&mut self) {
        while self.kind().is_some_and(TokenKind::is_trivia) {
            self.copy();
        }
    }

    /// Copies blank space, comments, and what the tree leaves to layout: commas, and parentheses around expressions.
    fn gap(&mut self, wanted: &str) {
        loop {
            self.trivia();
            let word = self.text();
            if word == wanted || !matches!(word, "," | "(" | ")") {
                return;
            }
            self.copy();
        }
    }

    /// A keyword or sign, written from what the tree says.
    fn word(&mut self, word: &str) {
        self.gap(word);
        if self.text() == word {
            self.out.push_str(word);
            self.at += 1;
        } else {
            self.fail(word);
        }
    }

    /// A sign that leaves no trace: the first `|` of a union, the braces of no fields.
    fn perhaps(&mut self, words: &[&str]) {
        let (at, length) = (self.at, self.out.len());
        for word in words {
            self.gap(word);
            if self.text() != *word {
                self.at = at;
                self.out.truncate(length);
                return;
            }
            self.copy();
        }
    }

    /// The tokens of a span.
    fn leaf(&mut self, span: Span) {
        loop {
            self.trivia();
            match self.tokens.get(self.at) {
                Some(token) if token.span.start < span.start && matches!(self.text(), "," | "(" | ")") => {
                    self.copy();
                }
                _ => break,
            }
        }
        if self.tokens.get(self.at).is_none_or(|t| t.span.start != span.start) {
            self.fail(self.item.slice(span));
            return;
        }
        while self.tokens.get(self.at).is_some_and(|t| t.span.end <= span.end) {
            self.copy();
        }
        if self.out.len() != span.end as usize {
            self.fail(self.item.slice(span));
        }
    }

    fn name(&mut self, name: &Name) {
        let written = self.item.slice(name.span);
        if written != name.as_str() && !written.starts_with(['"', '`', '\'', 'r', 'R']) {
            self.fail(&name.text);
        }
        self.leaf(name.span);
    }

    /// A node's span starts and ends with a token.
    fn node(&mut self, span: Span) {
        let starts = self.tokens.binary_search_by_key(&span.start, |t| t.span.start).is_ok();
        let ends = self.tokens.binary_search_by_key(&span.end, |t| t.span.end).is_ok();
        if !starts || !ends {
            self.fail(&format!("a node at {span:?}"));
        }
    }
}
