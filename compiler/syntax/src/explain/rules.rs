//! What the rules of the grammar refuse and people try all the same: a block as a value, a label in a cast, a step between
//! stages, a `max` behind the condition.

use flow_diagnostics::{Code, Diagnostic, Edit};

use super::{Place, innermost_open};
use crate::lexer::TokenKind;
use crate::outline::{BlockKind, is_reserved};

/// `let m = { note(n)  yield n }`
pub(super) fn block_as_value(place: &Place<'_>) -> Option<Diagnostic> {
    let open = innermost_open(place)?;
    let first = open + 1;
    let close = place.closing(open)?;
    let yields = (first..close).any(|i| place.word(i) == "yield" && place.is_word(i));
    let steps = is_reserved(place.word(first)) && place.word(first + 1) != ":"
        || place.is_name(first) && (place.word(first + 1) == "(" || yields && place.word(first + 1) != ":");
    let value = matches!(place.word(open.checked_sub(1)?), "=" | "+=" | "return" | "yield")
        && !place.outline.blocks.iter().any(|b| b.open == open);
    if place.word(open) != "{" || !steps || !value || !place.is_word(first) {
        return None;
    }
    let diagnostic = place
        .error(place.span(open, open + 1), "a block is no value")
        .help("`do { … yield v }` groups steps into a value");
    Some(if yields { diagnostic.fix("write `do`", place.before(open), "do ") } else { diagnostic })
}

/// `v as trusted T`
pub(super) fn labelled_cast(place: &Place<'_>) -> Option<Diagnostic> {
    let from = place.at.saturating_sub(8).max(place.tokens().start + 1);
    let i = (from..=place.at).rev().find(|&i| {
        matches!(place.word(i), "trusted" | "untrusted") && place.is_word(i) && place.word(i - 1) == "as"
    })?;
    let typed =
        matches!(place.outline.kind(i + 1), Some(TokenKind::TypeWord | TokenKind::Word | TokenKind::Open));
    if !typed || place.outline.starts_line(i + 1) {
        return None;
    }
    let gap = flow_source::FileSpan::new(place.file, place.before(i).span.to(place.before(i + 1).span));
    Some(
        place
            .error(place.span(i, i + 1), format!("a cast makes nothing `{}`", place.word(i)))
            .help("`endorse(x, \"why\")` makes a value trusted, `as` only reads its shape")
            .fix("take the label out", gap, ""),
    )
}

/// `v as json as T`
pub(super) fn second_cast(place: &Place<'_>) -> Option<Diagnostic> {
    let near = [place.at, place.at.wrapping_sub(1)];
    let i = near.into_iter().find(|&i| place.word(i) == "as" && place.is_word(i))?;
    let start = place.tokens().start;
    let first = (start..i).rev().take(16).find(|&j| place.word(j) == "as" && place.is_word(j))?;
    let typed = first + 1 < i
        && (first + 1..i).all(|j| {
            matches!(place.outline.kind(j), Some(TokenKind::TypeWord | TokenKind::Open | TokenKind::Close))
                || place.is_word(j) && !is_reserved(place.word(j))
                || matches!(place.word(j), "?" | ":")
        });
    if !typed || first == start {
        return None;
    }
    let operand = place.operand_start(first - 1);
    Some(
        place
            .error(place.span(i, i + 1), "a value takes one cast")
            .help("put the first one in parentheses: `(v as A) as B`")
            .fix_all(
                "add the parentheses",
                vec![place.insert_before(operand, "("), place.insert_after(i - 1, ")")],
            ),
    )
}

/// A step between the stages of a graph.
pub(super) fn between_stages(place: &Place<'_>) -> Option<Diagnostic> {
    let open = innermost_open(place)?;
    let stages = place.outline.blocks.iter().any(|b| b.open == open && b.kind == BlockKind::Stages);
    let starts = place.is_word(place.at) && place.word(place.at) != "stage";
    (stages && starts && (place.at == open + 1 || place.word(place.at - 1) == "}")).then(|| {
        place
            .error(
                place.span(place.at, place.at + 1),
                format!("a graph holds stages only, not `{}`", super::clipped(place.word(place.at))),
            )
            .help("put the step into a stage; what stages share is declared in the `state { … }` of the block around the graph")
    })
}

/// `loop x until c max 3 { … }`
pub(super) fn max_behind(place: &Place<'_>) -> Option<Diagnostic> {
    if place.kind() != Some(BlockKind::Steps) {
        return None;
    }
    let region = place.tokens();
    let head = (region.start..region.end.min(region.start + 4)).find(|&i| place.word(i) == "loop")?;
    let test = [head + 1, head + 2].into_iter().find(|&i| matches!(place.word(i), "until" | "while"))?;
    let line = place.line_end(head);
    let max =
        (test + 2..line).find(|&i| place.word(i) == "max" && place.is_word(i) && place.word(i - 1) != ".")?;
    let open = (max + 2..line).find(|&i| place.word(i) == "{" && !place.outline.attached(i))?;
    let bound = place.text(max, open);
    let gap =
        flow_source::FileSpan::new(place.file, place.after(max - 1).span.to(place.after(open - 1).span));
    let word = place.word(test);
    Some(
        Diagnostic::new(
            Code::UnexpectedToken,
            place.span(max, open),
            format!("`max` stands before `{word}`"),
        )
        .help(format!("write `loop {bound} {word} … {{ … }}`"))
        .fix_all(
            format!("move it before `{word}`"),
            vec![place.insert_before(test, format!("{bound} ")), Edit { at: gap, text: String::new() }],
        ),
    )
}

/// `gate "short" c`, `gate "short" c else stop`
pub(super) fn gate(place: &Place<'_>) -> Option<Diagnostic> {
    let first = place.tokens().start;
    if place.kind() != Some(BlockKind::Fields) || place.word(0) != "eval" || place.word(first) != "gate" {
        return None;
    }
    let help = "say what happens where it doesn't hold: `else warn`, `else fail` or `else block`";
    if place.last() == "else" {
        let word = place.word(place.at);
        return Some(
            place
                .error(place.span(place.at, place.at + 1), format!("a gate has no outcome `{word}`"))
                .help(help),
        );
    }
    let next = place.at >= place.tokens().end || place.word(place.at) == "}";
    (next && place.at > first + 2 && place.outline.ends_operand(place.at - 1))
        .then(|| place.error(place.span(first, first + 1), "this gate has no `else`").help(help))
}

/// `- user: text` among fields, as in YAML
pub(super) fn dashed_field(place: &Place<'_>) -> Option<Diagnostic> {
    let dashed = |i: usize| {
        place.word(i) == "-"
            && place.outline.starts_line(i)
            && place.is_word(i + 1)
            && place.word(i + 2) == ":"
    };
    let open = innermost_open(place)?;
    let fields = place.outline.blocks.iter().find(|b| b.open == open && b.kind == BlockKind::Fields)?;
    let near = [place.at, place.at.wrapping_sub(1), place.at.wrapping_sub(2)];
    let i = near.into_iter().find(|&i| dashed(i))?;
    let edits = (fields.open + 1..fields.close)
        .filter(|&j| dashed(j))
        .map(|j| Edit {
            at: flow_source::FileSpan::new(place.file, place.before(j).span.to(place.before(j + 1).span)),
            text: String::new(),
        })
        .collect();
    Some(
        place
            .error(place.span(i, i + 1), "a field has no dash")
            .help("fields stand in braces as they are: `user: \"…\"`")
            .fix_all("take the dashes out", edits),
    )
}

/// `enum Kind { "billing" "bug" }`
pub(super) fn quoted_values(place: &Place<'_>) -> Option<Diagnostic> {
    let region = place.region.filter(|_| place.kind() == Some(BlockKind::Values))?;
    let block = &place.outline.blocks[region.block];
    let mut edits = Vec::new();
    let mut first = None;
    let mut sure = true;
    let mut i = block.open + 1;
    while i < block.close {
        let end = match place.outline.kind(i) {
            Some(TokenKind::QuoteOpen) => {
                (i + 1..block.close).find(|&j| place.outline.kind(j) == Some(TokenKind::QuoteClose))? + 1
            }
            Some(TokenKind::Plain) => i + 1,
            _ => {
                i += 1;
                continue;
            }
        };
        let value = place.text(i, end).trim_matches(['"', '\'']);
        let plain = value.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_')
            && value.starts_with(|c: char| c.is_ascii_lowercase() || c == '_')
            && !matches!(value, "else" | "when" | "true" | "false" | "null");
        sure &= plain;
        first = first.or(Some((i, end)));
        let space = if place.outline.attached(end) && place.outline.kind(end) == Some(TokenKind::QuoteOpen) {
            " "
        } else {
            ""
        };
        edits.push(place.edit(i, end, format!("{value}{space}")));
        i = end;
    }
    let (start, end) = first?;
    if place.at < start {
        return None;
    }
    let diagnostic = place
        .error(place.span(start, end), "the values of an enum have no quotes")
        .help("write `enum Kind { first second }`; literal texts are a type: `type Kind = \"a\" | \"b\"`");
    Some(if sure { diagnostic.fix_all("take the quotes out", edits) } else { diagnostic })
}
