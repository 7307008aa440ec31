//! What to type at a place of which its block, and the word that stands there, say what was meant.

use flow_diagnostics::Diagnostic;

use super::Place;
use crate::lexer::TokenKind;
use crate::outline::BlockKind;

/// `gate "cheap" cost.p95 <= 0.10`, `gate "cheap" cost.p95 <= 0.10 else stop`
pub(super) fn gate(place: &Place<'_>) -> Option<Diagnostic> {
    if place.word(0) != "eval" || place.at == 0 {
        return None;
    }
    let help = "write `else warn`, `else fail` or `else block` after the condition";
    let first = (1..place.at).rev().find(|&i| {
        place.word(i) == "gate" && place.is_word(i) && place.outline.kind(i + 1) == Some(TokenKind::QuoteOpen)
    })?;
    let other = (first + 1..place.at).find(|&i| place.word(i) == "else");
    match other {
        Some(other) if other + 1 == place.at => {
            let at = place.span(place.at, place.at + 1);
            Some(place.error(at, "a gate has no such outcome").help(help))
        }
        None if place.outline.ends_operand(place.at - 1)
            && (place.outline.starts_line(place.at) || place.word(place.at) == "}")
            && (first + 1..place.at).any(|i| place.outline.kind(i) == Some(TokenKind::QuoteClose)) =>
        {
            Some(place.error(place.span(first, place.at), "this gate has no outcome").help(help))
        }
        _ => None,
    }
}

/// `mock f => 1`, `expect n < 4` in a flow.
pub(super) fn of_tests(place: &Place<'_>) -> Option<Diagnostic> {
    let first = place.steps()?;
    let word = place.word(first);
    if !matches!(word, "mock" | "expect")
        || !place.is_word(first)
        || matches!(place.word(0), "test" | "variant")
        || matches!(place.word(first + 1), "=" | "+=" | "(" | ".")
        || place.outline.starts_line(first + 1)
    {
        return None;
    }
    let help = if word == "mock" {
        "write it in a test: `test \"…\" { mock draft => \"first\" … }`"
    } else {
        "write it in a test; a flow ends with an error by `fail wrong(\"…\") if n >= 4`"
    };
    let at = place.span(first, first + 1);
    Some(place.error(at, format!("`{word}` stands in tests only")).help(help))
}

/// `enum Kind { "billing" "bug" }`
pub(super) fn enum_texts(place: &Place<'_>) -> Option<Diagnostic> {
    if place.kind() != Some(BlockKind::Values) || place.word(0) != "enum" {
        return None;
    }
    let block = &place.outline.blocks[place.region?.block];
    let quote = |i: usize| matches!(place.outline.kind(i), Some(TokenKind::QuoteOpen | TokenKind::Plain));
    let first = [place.at, place.at.wrapping_sub(1), place.at.wrapping_sub(2), place.at.wrapping_sub(3)]
        .into_iter()
        .find(|&i| i > block.open && quote(i))?;
    let mut edits = Vec::new();
    let mut i = block.open + 1;
    while i < block.close && i < place.outline.tokens.len() {
        if quote(i) {
            let plain = place.outline.kind(i) == Some(TokenKind::Plain);
            let last = if plain {
                i
            } else {
                (i..block.close).find(|&j| place.outline.kind(j) == Some(TokenKind::QuoteClose))?
            };
            let text = place.text(i, last + 1).trim_matches(['"', '\'']);
            let name = text.starts_with(|c: char| c.is_ascii_lowercase())
                && text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_')
                && !crate::outline::is_reserved(text);
            if !name {
                edits.clear();
                break;
            }
            edits.push(place.edit(i, last + 1, text));
            i = last;
        }
        i += 1;
    }
    let diagnostic = place
        .error(place.span(first, first + 1), "the values of an enum are names, not texts")
        .help("write `enum Kind { billing bug }`; literal texts are a type: `type Kind = \"a\" | \"b\"`");
    Some(if edits.is_empty() { diagnostic } else { diagnostic.fix_all("take the quotes out", edits) })
}

/// What to type at a place, where the word that stands there says what was meant.
pub(super) fn of(place: &Place<'_>) -> Option<String> {
    let (at, word) = (place.at, place.word(place.at));
    let text = matches!(place.outline.kind(at), Some(TokenKind::QuoteOpen | TokenKind::Plain));
    let type_word = place.outline.kind(at) == Some(TokenKind::TypeWord);
    let fixed = match (place.kind(), word) {
        (Some(BlockKind::Slots), "=") => {
            "a field of a type has no default: give the value where a record is made, or let it be missing with `T?`"
        }
        (Some(BlockKind::Slots), _) if text && place.last() == "(" => {
            "a text is bounded by its length: `string(..80)`; a number by its values: `int(1..5)`"
        }
        (Some(BlockKind::Params), _) if type_word => "names of parameters are in lower case: `text: string`",
        (Some(BlockKind::Slots | BlockKind::Fields), _) if type_word => {
            "names of fields are in lower case: `text: …`"
        }
        (Some(BlockKind::Arms), "else") => {
            "`else` is the last arm of a `route` or `catch`; a `race` has none: a limit is an arm, `when wait 30s => …`"
        }
        (Some(BlockKind::Arms), "if") => {
            "what an arm does is one step without `if`, or a block: `=> { if c { … } }`"
        }
        (Some(BlockKind::Arms), _) if crate::outline::is_reserved(word) => {
            "an arm has one step; several stand in a block: `=> { … }`"
        }
        (Some(BlockKind::Steps), "=") => {
            "`==` compares; `name = value` as a step assigns to a name that `state { … }` declares"
        }
        (None, "import") => "write `import { name } from \"./file.flow\"`",
        _ => return None,
    };
    Some(fixed.to_owned())
}
