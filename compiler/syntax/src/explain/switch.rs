//! `switch` and `match`, which are `route` here.

use flow_diagnostics::Diagnostic;

use super::Place;
use crate::lexer::TokenKind;
use crate::outline::BlockKind;

/// An arm of a `switch` or `match`.
struct Arm {
    /// `None` for the one that takes all the rest.
    patterns: Option<String>,
    /// The tokens of its body.
    body: (usize, usize),
}

/// `switch (x) { case a: g() break  default: h() }`, `match x { a => g(), _ => h() }`
pub(super) fn switch(place: &Place<'_>) -> Option<Diagnostic> {
    let region = place.tokens();
    if !matches!(place.kind(), Some(BlockKind::Steps | BlockKind::Arms)) {
        return None;
    }
    let i = (region.start..region.end).find(|&i| {
        matches!(place.word(i), "switch" | "match")
            && place.is_word(i)
            && (i == region.start || matches!(place.word(i - 1), "=" | "return" | "yield" | "=>" | "+="))
            && !matches!(place.word(i + 1), "=" | "+=" | ".")
            && !(place.word(i + 1) == "("
                && place.outline.attached(i + 1)
                && place.word(place.closing(i + 1).unwrap_or(i) + 1) != "{")
    })?;
    let word = place.word(i);
    let diagnostic = place
        .error(place.span(i, i + 1), format!("there is no `{word}` here"))
        .help("write `route value { when a => …  else => … }`");
    Some(match rewritten(place, i) {
        Some((end, text)) => diagnostic.fix("write `route`", place.span(i, end), text),
        None => diagnostic,
    })
}

/// The `route` that means the same, and where it ends.
fn rewritten(place: &Place<'_>, i: usize) -> Option<(usize, String)> {
    let open = (i + 1..place.outline.tokens.len().min(i + 60))
        .find(|&j| place.word(j) == "{" && place.outline.ends_operand(j - 1))?;
    let close = place.closing(open)?;
    let subject = place.text(i + 1, open);
    let whole = place.word(i + 1) == "(" && place.closing(i + 1) == Some(open - 1);
    let subject = if whole { place.text(i + 2, open - 1) } else { subject };
    let arms = arms(place, open + 1, close)?;
    let value = i != place.tokens().start;
    let mut out = format!("route {} {{", subject.trim());
    let indent = " ".repeat(place.indent(i) + 2);
    for arm in arms {
        let (mut first, mut end) = arm.body;
        while end > first
            && (matches!(place.word(end - 1), ";" | ",")
                || place.word(end - 1) == "break" && place.is_word(end - 1))
        {
            end -= 1;
        }
        if first < end && place.word(first) == "{" && place.closing(first) == Some(end - 1) {
            first += 1;
            end -= 1;
            while end > first && (place.word(end - 1) == ";" || place.word(end - 1) == "break") {
                end -= 1;
            }
        }
        let separated = (first..end).any(|j| place.outline.kind(j) == Some(TokenKind::Unknown));
        let body = if first < end { place.text(first, end) } else { "" };
        let body = &body.replace(';', "");
        if separated && body.contains(['"', '\'']) {
            return None;
        }
        let simple = value || place.word(first + 1) == "(" && place.is_operand(first, end);
        let body = match (body.is_empty(), simple) {
            (true, _) => "{}".to_owned(),
            (_, true) => body.clone(),
            _ => format!("{{ {body} }}"),
        };
        match arm.patterns {
            Some(patterns) => out += &format!("\n{indent}when {patterns} => {body}"),
            None => out += &format!("\n{indent}else => {body}"),
        }
    }
    out += &format!("\n{}}}", &indent[2..]);
    Some((close + 1, out))
}

fn arms(place: &Place<'_>, from: usize, close: usize) -> Option<Vec<Arm>> {
    let mut arms: Vec<Arm> = Vec::new();
    let mut pending: Vec<String> = Vec::new();
    let mut i = from;
    while i < close {
        if matches!(place.word(i), "," | ";") {
            i += 1;
            continue;
        }
        let rest = matches!(place.word(i), "default" | "_" | "else");
        let start = if place.word(i) == "case" { i + 1 } else { i };
        let arrow = (start..close).find(|&j| matches!(place.word(j), ":" | "=>" | "->"))?;
        if rest && arrow != i + 1 || !rest && arrow == start {
            return None;
        }
        let wild = place.word(start) == "_" && arrow == start + 1;
        if !rest && !wild {
            pending.push(patterns(place, start, arrow)?);
        }
        let end = body_end(place, i, arrow + 1, close);
        if end == arrow + 1 && place.word(i) == "case" && end < close {
            // `case a: case b: …`
            i = end;
            continue;
        }
        let patterns = (!rest && !wild).then(|| pending.join(" | "));
        pending.clear();
        arms.push(Arm { patterns, body: (arrow + 1, end) });
        i = end;
    }
    (!arms.is_empty() && pending.is_empty()).then_some(arms)
}

/// Where the body of an arm ends: before the next `case` or `default`, or the next pattern.
fn body_end(place: &Place<'_>, head: usize, from: usize, close: usize) -> usize {
    let cases = matches!(place.word(head), "case" | "default");
    let mut depth = 0usize;
    let mut i = from;
    while i < close {
        match place.outline.kind(i) {
            Some(TokenKind::Open | TokenKind::SpliceOpen) => depth += 1,
            Some(TokenKind::Close | TokenKind::SpliceClose) => {
                depth = depth.saturating_sub(1);
                if depth == 0 && !cases && place.word(from) == "{" {
                    return i + 1;
                }
            }
            _ if depth == 0 && cases && matches!(place.word(i), "case" | "default") && place.is_word(i) => {
                return i;
            }
            _ if depth == 0 && !cases && place.word(i) == "," => return i,
            _ if depth == 0 && !cases && i > from && place.outline.starts_line(i) => return i,
            _ => {}
        }
        i += 1;
    }
    close
}

/// `a, b` and `a | b` as `a | b`, of what can be a pattern here.
fn patterns(place: &Place<'_>, from: usize, end: usize) -> Option<String> {
    let mut out = String::new();
    for i in from..end {
        let word = place.word(i);
        match place.outline.kind(i)? {
            TokenKind::Word | TokenKind::TypeWord | TokenKind::Number | TokenKind::Plain => out += word,
            TokenKind::QuoteOpen | TokenKind::Text | TokenKind::QuoteClose => out += word,
            TokenKind::Punct if matches!(word, "," | "|") => out += " | ",
            TokenKind::Punct if matches!(word, "." | "-") => out += word,
            _ => return None,
        }
    }
    Some(out)
}
