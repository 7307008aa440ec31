//! Arms of `route` and `catch`.

use flow_diagnostics::{Diagnostic, Edit};

use super::Place;
use crate::lexer::TokenKind;
use crate::outline::BlockKind;

/// `a => g()`, `else if c => …`, `default => …`, `_ => …`
pub(super) fn of_route(place: &Place<'_>) -> Option<Diagnostic> {
    if place.kind() != Some(BlockKind::Arms) {
        return None;
    }
    let region = place.tokens();
    let first = region.start;
    let word = place.word(first);
    let at = place.span(first, first + 1);
    match word {
        "else" if place.word(first + 1) == "if" => {
            let both = place.span(first, first + 2);
            let diagnostic = place.error(both, "an arm takes no `else if`");
            let open = place.region.map_or(0, |region| place.outline.blocks[region.block].open);
            Some(if open > 0 && place.word(open - 1) == "route" {
                diagnostic.help("write `when`; only `if` has `else if`").fix("write `when`", both, "when")
            } else {
                diagnostic.help("an arm compares with a pattern: `when billing => …`; conditions take `route { when c => …  else => … }`")
            })
        }
        "else" if place.word(first + 1) == "when" => {
            let both = place.span(first, first + 2);
            Some(place.error(both, "an arm starts with `when` or `else`, not with both").fix(
                "write `when`",
                both,
                "when",
            ))
        }
        "else" if place.word(first + 1) == "as" => Some(
            place
                .error(place.span(first + 1, first + 3), "only an arm of `catch` names its error")
                .help("take `as` and the name out"),
        ),
        "when" => in_arm(place, region),
        "else" => arrow_of_else(place, first),
        "case" => {
            let diagnostic = place.error(at, "an arm starts with `when`").help("write `when … => …`");
            Some(
                diagnostic.fix_all(
                    "write `when`",
                    with_arrow(place, place.edit(first, first + 1, "when"), first + 1),
                ),
            )
        }
        "default" | "_" | "otherwise" => {
            let diagnostic = place.error(at, "the last arm starts with `else`").help("write `else => …`");
            Some(
                diagnostic.fix_all(
                    "write `else`",
                    with_arrow(place, place.edit(first, first + 1, "else"), first + 1),
                ),
            )
        }
        _ if (region.start..region.end).take(12).any(|i| matches!(place.word(i), "=>" | ":" | "->")) => {
            let diagnostic =
                place.error(at, "this arm has no `when`").help("an arm is `when … => …` or `else => …`");
            Some(
                diagnostic
                    .fix_all("add `when`", with_arrow(place, place.insert_before(first, "when "), first)),
            )
        }
        _ => None,
    }
}

/// An edit of an arm's first word, and one that makes an arrow of what stands in its place.
fn with_arrow(place: &Place<'_>, head: Edit, from: usize) -> Vec<Edit> {
    let arrow =
        (from..place.tokens().end.min(from + 12)).find(|&i| matches!(place.word(i), "=>" | ":" | "->" | "{"));
    match arrow.map(|i| (i, place.word(i))) {
        Some((i, ":")) => vec![head, place.edit(i, i + 1, " =>")],
        Some((i, "->")) => vec![head, place.edit(i, i + 1, "=>")],
        _ => vec![head],
    }
}

/// `else: g()`, `else -> g()`, `else g()`
fn arrow_of_else(place: &Place<'_>, first: usize) -> Option<Diagnostic> {
    let next = first + 1;
    if place.at != next || matches!(place.word(next), "=>" | "as") {
        return None;
    }
    let at = place.span(next, next + 1);
    Some(match place.word(next) {
        ":" | "->" => place.error(at, "an arm takes `=>`").help("write `else => …`").fix(
            "write `=>`",
            at,
            if place.outline.attached(next) { " =>" } else { "=>" },
        ),
        _ => place.error(place.span(first, next), "this arm has no `=>`").help("write `else => …`").fix(
            "add `=>`",
            place.after(first),
            " =>",
        ),
    })
}

fn in_arm(place: &Place<'_>, region: std::ops::Range<usize>) -> Option<Diagnostic> {
    let arrow = region.clone().find(|&i| place.word(i) == "=>").filter(|&a| a < place.at);
    let open = place.region.map_or(0, |r| place.outline.blocks[r.block].open);
    let holder = open.checked_sub(1).map_or("", |i| place.word(i));
    match (arrow, place.word(place.at)) {
        (None, "," | "||" | "or") if place.outline.ends_operand(place.at.wrapping_sub(1)) => {
            let at = place.span(place.at, place.at + 1);
            let text = if place.word(place.at) == "," { " |" } else { "|" };
            Some(place.error(at, "patterns are joined by `|`").help("write `when a | b => …`").fix(
                "write `|`",
                at,
                text,
            ))
        }
        (None, word) if (word == "as" || place.last() == "as") && holder != "catch" => {
            let i = if word == "as" { place.at } else { place.at - 1 };
            Some(
                place
                    .error(place.span(i, i + 1), "only an arm of `catch` names its error")
                    .help("take `as` and the name out"),
            )
        }
        (None, _)
            if holder == "race"
                && place.is_name(region.start + 1)
                && !matches!(place.word(region.start + 2), "(" | "." | "=" | "+=" | "=>") =>
        {
            let end = region.clone().find(|&i| place.word(i) == "=>").unwrap_or(place.at + 1);
            Some(place.error(place.span(region.start + 1, end), "what races is a step").help(
                "write a call, `let x = f()` or `wait 3s`; conditions are arms of `route { when c => … }`",
            ))
        }
        (None, "then") => {
            let at = place.span(place.at, place.at + 1);
            Some(place.error(at, "an arm takes `=>`").fix("write `=>`", at, "=>"))
        }
        (None, "->" | ":") => {
            let at = place.span(place.at, place.at + 1);
            Some(place.error(at, "an arm takes `=>`").fix("write `=>`", at, "=>"))
        }
        (Some(arrow), _) if place.at > arrow + 1 && place.at <= region.end => {
            second_step(place, arrow, region.end)
        }
        (None, "{")
            if place.at > 0
                && place.word(place.at - 1).starts_with(|c: char| c.is_ascii_uppercase())
                && place.word(place.at - 2) == ":" =>
        {
            Some(
                place
                    .error(place.span(place.at - 1, place.at + 1), "patterns don't nest")
                    .help("bind the field and use `route` on it inside the arm"),
            )
        }
        (None, word) if word.starts_with(|c: char| c.is_ascii_uppercase()) && place.last() == ":" => Some(
            place
                .error(place.span(place.at, place.at + 1), "patterns don't nest")
                .help("bind the field and use `route` on it inside the arm"),
        ),
        (None, "as") => {
            let end = if place.is_name(place.at + 1) { place.at + 2 } else { place.at + 1 };
            Some(
                place
                    .error(place.span(place.at, end), "an arm of `route` names no value")
                    .help("take `as` and the name out: the fields of a member are bound in braces, `when Done{reply} => …`, and in the arm the value itself has the member's type"),
            )
        }
        (None, _)
            if place.at == region.start + 2
                && place.outline.ends_operand(region.start + 1)
                && (place.word(place.at) == "{"
                    || place.is_word(place.at) && !matches!(place.word(place.at), "if" | "or" | "and")) =>
        {
            Some(
                place
                    .error(place.span(region.start, place.at), "this arm has no `=>`")
                    .help("an arm is `when … => …` or `else => …`")
                    .fix("add `=>`", place.after(place.at - 1), " =>"),
            )
        }
        (_, "if") if place.at > region.start && arrow.is_none_or(|a| place.at < a) => Some(
            place
                .error(place.span(place.at, place.at + 1), "this arm takes no guard")
                .help("only an arm of `route value` takes `if c`; test inside the arm's body"),
        ),
        _ => None,
    }
}

/// `when a => g() h()`
fn second_step(place: &Place<'_>, arrow: usize, end: usize) -> Option<Diagnostic> {
    let next = [place.at, place.at.checked_sub(1)?, place.at.checked_sub(2)?]
        .into_iter()
        .filter(|&i| i > arrow + 1 && i < end)
        .find(|&i| {
            place.outline.kind(i) == Some(TokenKind::Word)
                && place.outline.ends_operand(i - 1)
                && place.word(i - 1) != "."
                // A prefix of a string is told as that.
                && !(place.outline.attached(i + 1)
                    && matches!(place.outline.kind(i + 1), Some(TokenKind::QuoteOpen | TokenKind::Plain)))
        })?;
    let step = place.outline.starts_line(next)
        && matches!(
            place.word(next),
            "return" | "let" | "fail" | "break" | "continue" | "yield" | "goto" | "emit"
        );
    if crate::outline::is_reserved(place.word(next)) && !step || place.word(arrow + 1) == "{" {
        return None;
    }
    let body = place.text(arrow + 1, end);
    Some(
        place
            .error(place.span(next, next + 1), "an arm has one step")
            .help("several stand in a block: `=> { … }`")
            .fix("put the steps in a block", place.span(arrow + 1, end), format!("{{ {body} }}")),
    )
}

/// `catch { h() }`, `catch as e { … }`, `try { … } catch as e { … }`
pub(super) fn of_catch(place: &Place<'_>) -> Option<Diagnostic> {
    let near = [place.at, place.at.wrapping_sub(1), place.at.wrapping_sub(2), place.at.wrapping_sub(3)];
    let i = near
        .into_iter()
        .find(|&i| place.word(i) == "catch" && place.outline.kind(i) == Some(TokenKind::Word))?;
    let next = place.word(i + 1);
    if next == "as" || next == "(" && !place.outline.attached(i + 1) && place.word(i.wrapping_sub(1)) == "}" {
        return Some(
            place.error(place.span(i, i + 2), "`catch` takes arms").help("write `catch { else as e => … }`"),
        );
    }
    if next == "{" && place.word(i + 2) == "}" {
        return Some(
            place
                .error(place.span(i, i + 3), "this `catch` has no arms")
                .help("write `catch { else as e => … }`"),
        );
    }
    let block = next == "{" && !matches!(place.word(i + 2), "when" | "else" | "}");
    block.then(|| {
        place
            .error(place.span(i, i + 2), "a brace after `catch` opens arms or a record")
            .help("write `catch { else => … }`, or a value: `catch null`")
    })
}
