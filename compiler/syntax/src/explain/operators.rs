//! Operators, choices and numbers as other languages write them.

use flow_diagnostics::{Code, Diagnostic, Edit};
use flow_grammar::{FlowParser, Rule};
use pest::Parser;

use super::Place;
use crate::lexer::TokenKind;
use crate::outline::BlockKind;

/// `a and b`, `a or b`, `not a`
pub(super) fn word_operator(place: &Place<'_>) -> Option<Diagnostic> {
    if place.kind() == Some(BlockKind::Arms)
        && !(place.tokens().start..place.at).any(|i| place.word(i) == "=>")
    {
        return None;
    }
    let candidates = [place.tokens().start, place.at, place.at.wrapping_sub(1), place.at.wrapping_sub(2)];
    let i = candidates.into_iter().find(|&i| {
        matches!(place.word(i), "and" | "or" | "not")
            && place.outline.kind(i) == Some(TokenKind::Word)
            && i + 1 < place.outline.tokens.len()
            && !matches!(place.word(i + 1), "=" | "+=" | ":" | "." | "," | ")" | "=>")
            && !(place.word(i + 1) == "(" && place.outline.attached(i + 1) && place.word(i) != "not")
            && (place.word(i) == "not" || (i > 0 && place.outline.ends_operand(i - 1)))
    })?;
    let symbol_of = |word: &str| match word {
        "and" => "&&",
        "or" => "||",
        _ => "!",
    };
    let edit = |i: usize| {
        let word = place.word(i);
        // `not x` loses its space: `!x`.
        let at = if word == "not" {
            flow_source::FileSpan::new(place.file, place.span(i, i + 1).span.to(place.before(i + 1).span))
        } else {
            place.span(i, i + 1)
        };
        Edit { at, text: symbol_of(word).to_owned() }
    };
    // Those of the same step are the same mistake.
    let region = place.tokens();
    let others = (region.start..region.end).filter(|&j| {
        j != i
            && matches!(place.word(j), "and" | "or" | "not")
            && place.is_word(j)
            && j > 0
            && place.word(j - 1) != "."
            && !matches!(place.word(j + 1), "=" | "+=" | ":" | "." | "," | ")" | "=>" | "in")
            && (place.word(j) == "not" || place.outline.ends_operand(j - 1))
            && !(place.word(j) == "not" && place.word(j - 1) == "is")
    });
    let mut edits: Vec<Edit> = others.map(edit).collect();
    edits.push(edit(i));
    edits.sort_by_key(|e| e.at.span.start);
    let (word, symbol) = (place.word(i), symbol_of(place.word(i)));
    Some(
        place
            .error(place.span(i, i + 1), format!("`{word}` is written `{symbol}`"))
            .help(format!("write `{symbol}`"))
            .fix_all(format!("write `{symbol}`"), edits),
    )
}

/// `if a = b`, `a === b`, `x = = 3`
pub(super) fn equals(place: &Place<'_>) -> Option<Diagnostic> {
    if place.word(place.at) != "=" || place.at == 0 {
        return None;
    }
    let last = place.last();
    let at = place.span(place.at, place.at + 1);
    match last {
        "==" | "!=" => Some(
            place
                .error(place.span(place.at - 1, place.at + 1), format!("`{last}=` is written `{last}`"))
                .fix(format!("write `{last}`"), at, ""),
        ),
        "=" => {
            let both = place.span(place.at - 1, place.at + 1);
            Some(place.error(both, "two `=` after each other").help("`=` assigns, `==` compares").fix(
                "write `=`",
                both,
                "=",
            ))
        }
        _ => {
            let first = place.tokens().start;
            let asks = place.region.is_none()
                || matches!(
                    place.word(first),
                    "if" | "when" | "return" | "loop" | "let" | "expect" | "emit" | "yield"
                )
                || (first..place.at).any(|i| place.word(i) == "if" && place.is_word(i));
            (place.outline.ends_operand(place.at - 1) && asks && place.kind() != Some(BlockKind::Fields))
                .then(|| {
                    place.error(at, "`=` assigns, it compares nothing").help("`==` compares").fix(
                        "write `==`",
                        at,
                        "==",
                    )
                })
        }
    }
}

/// `a ? b ? 1 : 2 : 3`
pub(super) fn nested_ternary(place: &Place<'_>) -> Option<Diagnostic> {
    let nested = place.word(place.at) == "?"
        && place.at > 0
        && place.outline.ends_operand(place.at - 1)
        && !place.outline.attached(place.at)
        && matches!(place.kind(), None | Some(BlockKind::Steps | BlockKind::Arms | BlockKind::Fields))
        && (place.tokens().start..place.at).any(|i| place.word(i) == "?");
    nested.then(|| {
        place
            .error(place.span(place.at, place.at + 1), "a choice inside a choice needs parentheses")
            .help("write `a ? (b ? 1 : 2) : 3`; in the last place none are needed: `a ? 1 : b ? 2 : 3`")
    })
}

/// `if x == Stop{ … }`
pub(super) fn attached_block(place: &Place<'_>) -> Option<Diagnostic> {
    let region = place.tokens();
    if !matches!(place.word(region.start), "if" | "loop" | "for" | "route" | "parallel") {
        return None;
    }
    let i = (region.start + 1..region.end.min(place.at + 1)).find(|&i| {
        place.word(i) == "{"
            && place.outline.attached(i)
            && place.outline.kind(i - 1) == Some(TokenKind::TypeWord)
    })?;
    let name = place.word(i - 1);
    Some(
        place
            .error(place.span(i - 1, i + 1), format!("`{name}{{` starts a record"))
            .help("a space before the brace makes it the block")
            .fix("add a space", place.before(i), " "),
    )
}

/// `1..5` outside a refinement
pub(super) fn range_outside(place: &Place<'_>) -> Option<Diagnostic> {
    (place.word(place.at) == "..").then(|| {
        place
            .error(place.span(place.at, place.at + 1), "`..` stands in refinements only")
            .help("in a type write `int(1..5)`; to count write `loop max 5 { … loop.index … }`")
    })
}

/// `q ? 1`
pub(super) fn half_ternary(place: &Place<'_>) -> Option<Diagnostic> {
    let asks = |i: usize| place.word(i) == "?" && !place.outline.attached(i) && place.word(i - 1) != "(";
    let start = place.tokens().start;
    let i = (start.max(1)..place.at).rev().find(|&i| asks(i))?;
    let ends = place.outline.ends_operand(place.at.checked_sub(1)?);
    let answered = (i..place.at).any(|j| place.word(j) == ":");
    (ends
        && !answered
        && i + 1 < place.at
        && matches!(place.kind(), None | Some(BlockKind::Steps | BlockKind::Arms)))
    .then(|| {
        place.error(place.span(i, i + 1), "this choice has no `:`").help("write `condition ? value : other`")
    })
}

/// The unit that is meant by a word behind a number.
fn unit_named(word: &str) -> Option<&'static str> {
    Some(match word {
        "d" | "day" | "days" => "d",
        "h" | "hr" | "hrs" | "hour" | "hours" => "h",
        "m" | "min" | "mins" | "minute" | "minutes" => "m",
        "s" | "sec" | "secs" | "second" | "seconds" => "s",
        "ms" | "millis" | "milliseconds" => "ms",
        "us" | "micros" | "microseconds" => "us",
        "k" | "kb" | "KB" => "KB",
        "M" | "mb" | "MB" => "MB",
        "G" | "gb" | "GB" => "GB",
        _ => return None,
    })
}

/// `5 s`, `30 seconds`
pub(super) fn spaced_unit(place: &Place<'_>) -> Option<Diagnostic> {
    let near = [place.at, place.at.wrapping_sub(1), place.tokens().start];
    let i = near.into_iter().find(|&i| {
        i > 0
            && place.outline.kind(i - 1) == Some(TokenKind::Number)
            && matches!(place.outline.kind(i), Some(TokenKind::Word | TokenKind::TypeWord))
            && !place.outline.starts_line(i)
            && !matches!(place.word(i + 1), "(" | "=" | "+=" | "." | ":")
    })?;
    let unit = unit_named(place.word(i))?;
    let amount = place.word(i - 1);
    amount.bytes().all(|b| b.is_ascii_digit() || matches!(b, b'.' | b'_')).then(|| {
        let gap = flow_source::FileSpan::new(place.file, place.after(i - 1).span.to(place.after(i).span));
        place
            .error(place.span(i, i + 1), "a unit attaches to its number")
            .help(format!("write `{amount}{unit}`"))
            .fix(format!("write `{amount}{unit}`"), gap, unit)
    })
}

/// `12abc`, `5min`
pub(super) fn bad_number(place: &Place<'_>) -> Option<Diagnostic> {
    let i = [place.at, place.at.wrapping_sub(1)].into_iter().find(|&i| {
        place.outline.kind(i) == Some(TokenKind::Number)
            && place.word(i).bytes().any(|b| b.is_ascii_alphabetic())
            && !is_number(place.word(i))
    })?;
    let word = place.word(i);
    let at = place.span(i, i + 1);
    let digits = word.find(|c: char| c.is_ascii_alphabetic()).unwrap_or(word.len());
    let (amount, unit) = word.split_at(digits);
    let diagnostic = Diagnostic::new(Code::BadNumber, at, format!("`{word}` is no number"));
    let zero = if amount.starts_with('.') { "0" } else { "" };
    let right = unit_named(unit).map(|unit| format!("{zero}{amount}{unit}")).filter(|right| is_number(right));
    Some(match right {
        Some(right) => {
            diagnostic.help(format!("write `{right}`")).fix(format!("write `{right}`"), at, right.clone())
        }
        None => diagnostic
            .help("durations have the units `d h m s ms us`, sizes `B KB MB GB`; names start with a letter"),
    })
}

/// Whether a word is a number, a duration or a size.
fn is_number(word: &str) -> bool {
    FlowParser::parse(Rule::signed, word).is_ok_and(|read| read.as_str().len() == word.len())
}

/// `loop.foo`
pub(super) fn loop_value(place: &Place<'_>) -> Option<Diagnostic> {
    let i = [place.at, place.at.wrapping_sub(1), place.at.wrapping_sub(2)]
        .into_iter()
        .find(|&i| place.word(i) == "loop" && place.word(i + 1) == ".")?;
    Some(
        place
            .error(place.span(i, i + 3), format!("a loop has no `{}`", place.word(i + 2)))
            .help("it has `loop.index`, from 0, and `loop.last`"),
    )
}
