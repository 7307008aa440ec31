//! What is written as another language writes it, where the mend takes more than a word.

use flow_diagnostics::{Diagnostic, Edit};
use flow_source::Span;

use super::Place;
use crate::lexer::TokenKind;
use crate::outline::BlockKind;

/// `f"{x}"`
pub(super) fn f_string(place: &Place<'_>) -> Option<Diagnostic> {
    let i = [place.at, place.at.wrapping_sub(1), place.at.wrapping_sub(2)].into_iter().find(|&i| {
        i > 0
            && matches!(place.outline.kind(i), Some(TokenKind::QuoteOpen | TokenKind::Plain))
            && place.outline.attached(i)
            && matches!(place.outline.kind(i - 1), Some(TokenKind::Word | TokenKind::TypeWord))
    })?;
    let at = place.span(i - 1, i);
    let diagnostic = place
        .error(at, format!("a string takes no prefix `{}`", place.word(i - 1)))
        .help("every `\"…\"` interpolates: `\"Hello ${name}\"`");
    Some(match spliced(place, i) {
        Some(mut edits) => {
            edits.insert(0, Edit { at, text: String::new() });
            let title = if edits.len() > 1 { "write `${…}`" } else { "take the prefix out" };
            diagnostic.fix_all(title, edits)
        }
        None => diagnostic,
    })
}

/// What makes splices of the braces of an f-string; nothing if a brace holds more than a value.
fn spliced(place: &Place<'_>, open: usize) -> Option<Vec<Edit>> {
    let mut edits = Vec::new();
    let mut edit = |from: u32, to: u32, text: &str| {
        edits.push(Edit {
            at: Span::new(from, to).shift(place.base).within(place.file),
            text: text.to_owned(),
        });
    };
    let span = place.outline.tokens.get(open)?.span;
    let plain = place.outline.kind(open) == Some(TokenKind::Plain);
    let mut texts = vec![span];
    if plain {
        let text = place.word(open);
        if !text.starts_with('\'') || text.contains(['"', '\\', '\n']) || text.len() < 2 {
            return (!text.contains('{')).then(Vec::new);
        }
        edit(span.start, span.start + 1, "\"");
        edit(span.end - 1, span.end, "\"");
    } else {
        let end = (open..place.outline.tokens.len())
            .find(|&i| place.outline.kind(i) == Some(TokenKind::QuoteClose))?;
        texts = (open + 1..end)
            .filter(|&i| place.outline.kind(i) == Some(TokenKind::Text))
            .map(|i| place.outline.tokens[i].span)
            .collect();
    }
    for span in texts {
        let text = &place.outline.text[span.range()];
        let mut from = 0;
        while let Some(n) = text[from..].find(['{', '}']) {
            let at = from + n;
            let byte = span.start + at as u32;
            let rest = &text[at..];
            if rest.starts_with("{{") || rest.starts_with("}}") {
                edit(byte, byte + 1, "");
                from = at + 2;
                continue;
            }
            let inner = rest.strip_prefix('{').and_then(|r| r.find('}').map(|end| &r[..end]))?;
            // A format or a conversion, `{x:.2f}`, has no counterpart.
            if inner.trim().is_empty() || inner.contains(['{', ':', '!', '=', '\\', '\n']) {
                return None;
            }
            edit(byte, byte, "$");
            from = at + inner.len() + 2;
        }
    }
    Some(edits)
}

/// `state { … }` after a step.
pub(super) fn late_head(place: &Place<'_>) -> Option<Diagnostic> {
    let region = place.region?;
    let first = region.first;
    let word = place.word(first);
    if place.kind() != Some(BlockKind::Steps)
        || !matches!(word, "state" | "budget")
        || place.word(first + 1) != "{"
        || place.at > first + 2
    {
        return None;
    }
    let block = &place.outline.blocks[region.block];
    let diagnostic = place
        .error(place.span(first, first + 1), format!("`{word}` stands at the head of its block"))
        .help(if word == "state" {
            "move it before the first step of its block: in a flow after `budget`, if there is one"
        } else {
            "move it to the start of the flow: `budget { … }`, then `state { … }`, then the steps"
        });
    let closed = place.word(region.end - 1) == "}";
    if !closed || (word == "budget" && block.parent.is_some()) {
        return Some(diagnostic);
    }
    let head = |word: &str| {
        block
            .elements
            .iter()
            .copied()
            .take(2)
            .find(|&e| e < first && place.word(e) == word && place.word(e + 1) == "{")
    };
    let own = &place.outline.blocks.iter().find(|b| b.open == first + 1)?;
    let (at, text) = if let Some(other) = head(word) {
        // What is declared joins what is declared already.
        let other = place.outline.blocks.iter().find(|b| b.open == other + 1)?;
        if own.close <= own.open + 1 || other.close >= first {
            return Some(diagnostic);
        }
        (place.before(other.close), format!(" {} ", place.text(own.open + 1, own.close)))
    } else {
        let text = place.text(first, region.end);
        let after = head("budget").and_then(|b| place.outline.blocks.iter().find(|o| o.open == b + 1));
        let last = after.map_or(block.open, |b| b.close);
        (place.after(last), format!("\n  {text}"))
    };
    let moved = place.span(first, region.end);
    let line = place.outline.text[..place.outline.tokens[first].span.start as usize].rfind('\n');
    let blank = line.map(|n| n as u32).filter(|&n| {
        place.outline.text[n as usize..place.outline.tokens[first].span.start as usize].trim().is_empty()
    });
    let moved = match blank {
        Some(n) => Span::at(n).shift(place.base).to(moved.span).within(place.file),
        None => moved,
    };
    Some(
        diagnostic
            .fix_all("move it to the head", vec![Edit { at, text }, Edit { at: moved, text: String::new() }]),
    )
}
