//! A word where a type stands that names none.

use flow_diagnostics::{Code, Diagnostic, Edit};

use super::{Place, declarations, distance, innermost_open};
use crate::lexer::TokenKind;
use crate::outline::BlockKind;
use crate::patch::POISON;

/// The built-in types, as they are written.
const BUILT_IN: [&str; 11] =
    ["string", "int", "float", "bool", "bytes", "duration", "timestamp", "json", "image", "audio", "file"];

/// `type review { … }`, `x: review`, `-> str`, `[sting]`
pub(super) fn lower_type(place: &Place<'_>) -> Option<Diagnostic> {
    let i = place.at;
    if place.outline.kind(i) != Some(TokenKind::Word) {
        return None;
    }
    let word = place.word(i);
    let at = place.span(i, i + 1);
    if i == 1 && matches!(place.word(0), "type" | "enum") {
        let target = camel(word);
        return Some(
            place
                .error(at, format!("the name of this {} starts with a small letter", place.word(0)))
                .help(format!("names of types start with a capital letter: `{target}`"))
                .fix(format!("write `{target}`"), at, target.clone()),
        );
    }
    if BUILT_IN.contains(&word) || !type_stands(place, i, 0) || crate::outline::is_reserved(word) {
        return None;
    }
    let diagnostic = Diagnostic::new(Code::UnknownType, at, format!("there is no type `{word}`"));
    if matches!(word, "list" | "array") {
        return Some(diagnostic.help("a list of `T` is written `[T]`"));
    }
    if word == "number" {
        return Some(diagnostic.help("write `int` for whole numbers, `float` for others"));
    }
    let near = || BUILT_IN.into_iter().find(|known| distance(known, word) <= 1 + known.len() / 6);
    let (target, help) = match (declarations::type_named(word), near()) {
        (Some(known), _) => (known.to_owned(), format!("write `{known}`")),
        (None, Some(known)) => (known.to_owned(), format!("a type with a similar name exists: `{known}`")),
        (None, None) => {
            let target = camel(word);
            let help = format!("names of types start with a capital letter: `{target}`");
            (target, help)
        }
    };
    Some(diagnostic.help(help).fix(format!("write `{target}`"), at, target.clone()))
}

/// What is read in the place of a type that isn't known: one of which nothing more is told.
pub(super) fn lost(diagnostic: &Diagnostic) -> Vec<Edit> {
    vec![Edit { at: diagnostic.primary.at, text: POISON.to_string() }]
}

/// Whether a type stands at a token, and nothing else.
fn type_stands(place: &Place<'_>, i: usize, depth: usize) -> bool {
    let Some(before) = i.checked_sub(1) else { return false };
    let declared = matches!(place.kind(), Some(BlockKind::Slots | BlockKind::Params));
    let inside = |bracket: &str| {
        depth < 16
            && open_before(place, i)
                .is_some_and(|open| place.word(open) == bracket && type_stands(place, open, depth + 1))
    };
    match place.word(before) {
        "->" => !place.outline.attached(before) || !place.outline.attached(i),
        "emits" => place.is_word(before),
        "trusted" | "untrusted" => depth < 16 && type_stands(place, before, depth + 1),
        "|" => declared || place.word(0) == "type",
        "=" => i == 3 && place.word(0) == "type",
        "[" => inside("["),
        ":" => {
            declared
                || i >= 3 && place.word(i - 3) == "let"
                || i == 3 && matches!(place.word(0), "const" | "memory")
                || i == 4 && place.word(0) == "trusted"
                || inside("[")
                || inside("{")
        }
        _ => false,
    }
}

/// The bracket that is open at a token.
fn open_before(place: &Place<'_>, i: usize) -> Option<usize> {
    let at =
        Place { file: place.file, base: place.base, outline: place.outline, at: i, region: place.region };
    innermost_open(&at)
}

/// `how_to` as `HowTo`.
fn camel(word: &str) -> String {
    word.split('_').filter(|p| !p.is_empty()).map(|p| p[..1].to_ascii_uppercase() + &p[1..]).collect()
}
