//! Expressions as other languages write them.

use flow_diagnostics::{Diagnostic, Edit};

use super::{Place, innermost_open};
use crate::lexer::TokenKind;
use crate::outline::BlockKind;

/// `let x = 1 if c else 2`, `return 1 if c else 2`
pub(super) fn python_choice(place: &Place<'_>) -> Option<Diagnostic> {
    let region = place.tokens();
    let i = (region.start + 1..region.end).find(|&i| {
        place.word(i) == "if"
            && place.is_word(i)
            && place.outline.ends_operand(i - 1)
            && !place.outline.starts_line(i)
    })?;
    let mut depth = 0isize;
    let mut other = None;
    for j in i + 1..region.end {
        match place.outline.kind(j) {
            Some(TokenKind::Open | TokenKind::SpliceOpen) => depth += 1,
            Some(TokenKind::Close | TokenKind::SpliceClose) => depth -= 1,
            Some(TokenKind::Word) if depth == 0 && place.word(j) == "else" => {
                other = Some(j);
                break;
            }
            _ => {}
        }
        if depth < 0 {
            break;
        }
    }
    let other = other?;
    if matches!(place.word(other + 1), "{" | "if" | "=>" | "as") || other == i + 1 {
        return None;
    }
    // The value starts after what asks for one.
    let mut depth = 0isize;
    let start = (region.start..i).rev().find(|&j| {
        match place.outline.kind(j) {
            Some(TokenKind::Close | TokenKind::SpliceClose) => depth += 1,
            Some(TokenKind::Open | TokenKind::SpliceOpen) => depth -= 1,
            _ => {}
        }
        depth < 0
            || depth == 0
                && matches!(place.word(j), "=" | "+=" | "return" | "yield" | "," | ":" | "=>" | "emit")
    })? + 1;
    let mut depth = 0isize;
    let end = (other + 1..region.end)
        .find(|&j| {
            match place.outline.kind(j) {
                Some(TokenKind::Open | TokenKind::SpliceOpen) => depth += 1,
                Some(TokenKind::Close | TokenKind::SpliceClose) => depth -= 1,
                _ => {}
            }
            depth < 0 || depth == 0 && place.word(j) == ","
        })
        .unwrap_or(region.end);
    let (then, condition, otherwise) =
        (place.text(start, i), place.text(i + 1, other), place.text(other + 1, end));
    let diagnostic = place
        .error(place.span(i, i + 1), "a choice isn't written with `if`")
        .help("write `condition ? value : other`");
    if end <= other + 1
        || start >= i
        || [then, condition, otherwise].iter().any(|t| t.contains(" if ") || t.contains('?'))
    {
        return Some(diagnostic);
    }
    let text = format!("{condition} ? {then} : {otherwise}");
    Some(diagnostic.fix("write `? :`", place.span(start, end), text))
}

/// `[f(y) for y in ys if c]`
pub(super) fn comprehension(place: &Place<'_>) -> Option<Diagnostic> {
    let region = place.tokens();
    let i = (region.start.max(1)..region.end.max(place.at + 1)).find(|&i| {
        place.word(i) == "for"
            && place.is_word(i)
            && place.word(i - 1) != "parallel"
            && place.outline.ends_operand(i - 1)
            && !place.outline.starts_line(i)
            && matches!(place.word(i + 2), "in" | ",")
    })?;
    let inner = Place { at: i, ..*place };
    let open = innermost_open(&inner)?;
    let close = place.closing(open)?;
    if !matches!(place.word(open), "[" | "(" | "{") || place.outline.blocks.iter().any(|b| b.open == open) {
        return None;
    }
    let diagnostic = place
        .error(place.span(i, i + 1), "a list isn't made with `for`")
        .help("write `ys.map(y, …)`, `ys.filter(y, c)`, or both: `ys.filter(y, c).map(y, …)`");
    if place.word(open) != "[" || place.word(i + 2) != "in" {
        return Some(diagnostic);
    }
    let name = place.word(i + 1);
    let test = (i + 3..close).find(|&j| place.word(j) == "if" && place.is_word(j));
    let list_end = test.unwrap_or(close);
    if list_end <= i + 3 || (i + 3..close).any(|j| place.word(j) == "for") {
        return Some(diagnostic);
    }
    let list = place.text(i + 3, list_end);
    let list = if place.is_operand(i + 3, list_end) { list.to_owned() } else { format!("({list})") };
    let filter = test.map_or(String::new(), |t| format!(".filter({name}, {})", place.text(t + 1, close)));
    let value = place.text(open + 1, i);
    let map = if value == name { String::new() } else { format!(".map({name}, {value})") };
    Some(diagnostic.fix(
        "write `map` and `filter`",
        place.span(open, close + 1),
        format!("{list}{filter}{map}"),
    ))
}

/// `lambda y: y + 1`, `(y) => y + 1`, `|y| y + 1` as an argument
pub(super) fn function_value(place: &Place<'_>) -> Option<Diagnostic> {
    let near = place.at.saturating_sub(4)..(place.at + 1).min(place.outline.tokens.len());
    let (first, name, body) = near.clone().rev().find_map(|i| match place.word(i) {
        "lambda" if place.is_name(i + 1) && place.word(i + 2) == ":" => Some((i, i + 1, i + 3)),
        "(" if place.is_name(i + 1)
            && place.word(i + 2) == ")"
            && matches!(place.word(i + 3), "=>" | "->") =>
        {
            Some((i, i + 1, i + 4))
        }
        "|" if place.is_name(i + 1)
            && place.word(i + 2) == "|"
            && i > 0
            && matches!(place.word(i - 1), "(" | ",") =>
        {
            Some((i, i + 1, i + 3))
        }
        _ => None,
    })?;
    let diagnostic = place
        .error(place.span(first, body), "there are no function values")
        .help("the variable stands first, then what is made of it: `xs.map(x, x + 1)`; other functions are declared with `code`");
    let argument = first > 0
        && place.word(first - 1) == "("
        && place.outline.attached(first - 1)
        && place.word(body) != "{";
    Some(if argument {
        let text = format!("{}, ", place.word(name));
        let at = flow_source::FileSpan::new(place.file, place.before(first).span.to(place.before(body).span));
        diagnostic.fix("write the variable first", at, text)
    } else {
        diagnostic
    })
}

/// `a?.b`, `xs?.[0]`, `a!.b`, `a!`
pub(super) fn null_marks(place: &Place<'_>) -> Option<Diagnostic> {
    let near = place.at.saturating_sub(2)..place.at + 1;
    let i = near.into_iter().find(|&i| {
        i > 0
            && matches!(place.word(i), "?" | "!")
            && place.outline.attached(i)
            && place.outline.ends_operand(i - 1)
            && !matches!(place.kind(), Some(BlockKind::Slots | BlockKind::Params))
    })?;
    if place.word(i) == "!" {
        return (place.word(i + 1) != "=").then(|| {
            place
                .error(place.span(i, i + 1), "there is no `!` after a value")
                .help("give a value for null, `a ?? other`, or test it: `if a != null { … }`")
        });
    }
    (place.word(i + 1) == "." && place.outline.attached(i + 1)).then(|| {
        let at = place.span(i, i + 2);
        let start = place.operand_start(i - 1);
        let object = place.text(start, i);
        let diagnostic = place.error(at, "there is no `?.`").help(format!(
            "write `{object} == null ? null : {object}.…`, or test it before: `if {object} != null {{ … }}`"
        ));
        let mut end = i + 2;
        while place.is_word(end) && place.word(end + 1) == "." && place.outline.attached(end + 1) {
            end += 2;
        }
        let field = place.is_word(end) && place.outline.attached(end);
        let asks = start > 0 && matches!(place.word(start - 1), "=" | "return" | "yield" | ":" | "(" | ",");
        let ends = end + 1 >= place.tokens().end || matches!(place.word(end + 1), ")" | "," | "]" | "}");
        let plain = !object.contains('(') && field && ends && !(i + 2..=end).any(|j| place.word(j) == "?");
        if plain && asks && place.word(start - 1) != ":" {
            let text = format!("{object} == null ? null : {object}.{}", place.text(i + 2, end + 1));
            diagnostic.fix("test it", place.span(start, end + 1), text)
        } else {
            diagnostic
        }
    })
}

/// `a <> b`, `a ** b`, `a << b`, `a | b`
pub(super) fn other_operators(place: &Place<'_>) -> Option<Diagnostic> {
    let at = place.at;
    let i = at.checked_sub(1)?;
    let attached = place.outline.attached(at);
    match (place.word(i), place.word(at)) {
        ("<", ">") if attached => {
            let both = place.span(i, at + 1);
            Some(place.error(both, "`<>` is written `!=`").help("write `!=`").fix("write `!=`", both, "!="))
        }
        ("*", "*") if attached => {
            Some(place.error(place.span(i, at + 1), "there is no `**`").help("multiply: `a * a`"))
        }
        ("<", "<") | (">", ">") if attached => Some(
            place
                .error(place.span(i, at + 1), format!("there is no `{0}{0}`", place.word(i)))
                .help("multiply or divide by a power of two"),
        ),
        (_, "|")
            if place.outline.ends_operand(i)
                && !matches!(
                    place.kind(),
                    Some(BlockKind::Slots | BlockKind::Params | BlockKind::Arms | BlockKind::Values)
                )
                && place.region.is_some()
                && !(place.tokens().start..at).any(|j| place.word(j) == "as") =>
        {
            let one = place.span(at, at + 1);
            Some(place.error(one, "`|` stands between types and patterns").help("`||` means or").fix(
                "write `||`",
                one,
                "||",
            ))
        }
        (":", ":") if attached && i > 0 && place.outline.ends_operand(i - 1) => double_colon(place, i),
        (_, "->")
            if place.outline.ends_operand(i)
                && place.outline.attached(at)
                && place.is_word(at + 1)
                && place.kind() == Some(BlockKind::Steps) =>
        {
            let one = place.span(at, at + 1);
            Some(place.error(one, "`->` stands before a type").help("a field is read with `.`").fix(
                "write `.`",
                one,
                ".",
            ))
        }
        _ if place.word(at) == ":"
            && place.word(at + 1) == ":"
            && place.outline.attached(at + 1)
            && place.outline.ends_operand(i) =>
        {
            double_colon(place, at)
        }
        _ => None,
    }
}

/// `if kind == Kind::bug { … }`
pub(super) fn two_colons(place: &Place<'_>) -> Option<Diagnostic> {
    let i = [place.at, place.at.checked_sub(1)?].into_iter().find(|&i| {
        i > 0 && place.word(i) == ":" && place.word(i + 1) == ":" && place.outline.attached(i + 1)
    })?;
    place.outline.ends_operand(i - 1).then(|| double_colon(place, i)).flatten()
}

fn double_colon(place: &Place<'_>, i: usize) -> Option<Diagnostic> {
    let both = place.span(i, i + 2);
    let diagnostic = place.error(both, "there is no `::`").help("write `.`: `Kind.billing`");
    let call = place.word(i + 3) == "(";
    Some(if place.is_word(i + 2) && !call { diagnostic.fix("write `.`", both, ".") } else { diagnostic })
}

/// `xs[1:2]`
pub(super) fn slice(place: &Place<'_>) -> Option<Diagnostic> {
    let open = innermost_open(place)?;
    let index = place.word(open) == "["
        && open > 0
        && place.outline.attached(open)
        && place.outline.ends_operand(open - 1);
    (index && matches!(place.word(place.at), ":" | ".." | "..=")).then(|| {
        let diagnostic = place
            .error(place.span(place.at, place.at + 1), "an index is one number")
            .help("a part of a list is `xs.slice(1, 3)`; `xs.take(3)` and `xs.last()` are there too");
        match place.closing(open) {
            Some(close) if close > place.at + 1 && place.at > open + 1 => {
                let text = format!(
                    ".slice({}, {})",
                    place.text(open + 1, place.at),
                    place.text(place.at + 1, close)
                );
                diagnostic.fix("write `slice`", place.span(open, close + 1), text)
            }
            _ => diagnostic,
        }
    })
}

/// `a is null`, `a is not null`, `a is not Stop`, `a not in xs`, `a instanceof T`
pub(super) fn word_tests(place: &Place<'_>) -> Option<Diagnostic> {
    let near = place.at.saturating_sub(2)..place.at + 2;
    let i = near.into_iter().find(|&i| {
        i > 0
            && place.is_word(i)
            && place.outline.ends_operand(i - 1)
            && match place.word(i) {
                "is" => matches!(place.word(i + 1), "null" | "not" | "None" | "nil"),
                "not" => place.word(i + 1) == "in",
                "instanceof" => place.outline.kind(i + 1) == Some(TokenKind::TypeWord),
                _ => false,
            }
    })?;
    let start = place.operand_start(i - 1);
    let left = place.text(start, i);
    let both = place.span(i, i + 2);
    let nothing = |i: usize| matches!(place.word(i), "null" | "None" | "nil");
    Some(match (place.word(i), place.word(i + 1)) {
        ("instanceof", _) => {
            let at = place.span(i, i + 1);
            place.error(at, "`instanceof` is written `is`").help("write `value is Type`").fix(
                "write `is`",
                at,
                "is",
            )
        }
        ("is", "not") if nothing(i + 2) => {
            let at = place.span(i, i + 3);
            place.error(at, "null is compared").help("write `!= null`").fix("write `!= null`", at, "!= null")
        }
        ("is", "not") => {
            let diagnostic =
                place.error(both, "there is no `is not`").help(format!("write `!({left} is …)`"));
            match place.outline.kind(i + 2) {
                Some(TokenKind::TypeWord) => {
                    let text = format!("!({left} is {})", place.word(i + 2));
                    diagnostic.fix(format!("write `{text}`"), place.span(start, i + 3), text.clone())
                }
                _ => diagnostic,
            }
        }
        ("not", _) => {
            let mut end = i + 3;
            while end < place.outline.tokens.len()
                && (place.word(end) == "."
                    || matches!(place.word(end), "(" | "[") && place.outline.attached(end))
            {
                end = if place.word(end) == "." {
                    end + 2
                } else {
                    place.closing(end).map_or(end + 1, |c| c + 1)
                };
            }
            let end = if matches!(place.word(i + 2), "[" | "(" | "{") {
                place.closing(i + 2).map_or(end, |c| c + 1)
            } else {
                end
            };
            let text = format!("!({left} in {})", place.text(i + 2, end));
            place.error(both, "there is no `not in`").help(format!("write `{text}`")).fix(
                format!("write `{text}`"),
                place.span(start, end),
                text.clone(),
            )
        }
        _ => place.error(both, "null is compared").help("write `== null`").fix(
            "write `== null`",
            both,
            "== null",
        ),
    })
}

/// `f(name=x)`, `{a = 1}`
pub(super) fn equals_in_brackets(place: &Place<'_>) -> Option<Diagnostic> {
    let i = place.at;
    if place.word(i) != "=" || i < 2 {
        return None;
    }
    let open = innermost_open(place)?;
    let own = !place.outline.blocks.iter().any(|b| b.open == open);
    let key = matches!(place.outline.kind(i - 1), Some(TokenKind::Word | TokenKind::QuoteClose))
        && (open + 1 == i - 1
            || place.word(i - 2) == ","
            || place.outline.kind(i - 1) == Some(TokenKind::QuoteClose));
    let call = place.word(open) == "(" && open > 0 && place.outline.attached(open) && place.is_word(open - 1);
    (own && key && (call || place.word(open) == "{")).then(|| {
        let at = place.span(i, i + 1);
        let what = if call { "an argument" } else { "an entry" };
        let gap = flow_source::FileSpan::new(place.file, place.after(i - 1).span.to(at.span));
        let space = if place.outline.attached(i + 1) { " " } else { "" };
        place.error(at, format!("{what} is named with `:`")).help("write `name: value`").fix(
            "write `:`",
            gap,
            format!(":{space}"),
        )
    })
}

/// `f(*xs)`, `{**r}`
pub(super) fn stars(place: &Place<'_>) -> Option<Diagnostic> {
    let i = place.at;
    let open = innermost_open(place)?;
    let first = matches!(place.word(i.checked_sub(1)?), "(" | "[" | "{" | ",");
    if !first || !matches!(place.word(i), "*" | "...") {
        return None;
    }
    if place.word(open) == "{" && place.word(i) == "*" && place.word(i + 1) == "*" {
        let both = place.span(i, i + 2);
        return Some(place.error(both, "`**` is written `...`").help("write `{...r, a: 1}`").fix(
            "write `...`",
            both,
            "...",
        ));
    }
    let what = if place.word(open) == "[" {
        "lists are joined with `+`: `xs + [y]`"
    } else {
        "pass each argument by itself, `f(a, name: b)`"
    };
    Some(
        place
            .error(place.span(i, i + 1), format!("nothing is spread with `{}` here", place.word(i)))
            .help(what),
    )
}

/// `[1 2]`, `f(a b)`, `{a: 1 b: 2}`, `f(a: int b: int)`, `"a" "b"`
pub(super) fn missing_comma(place: &Place<'_>) -> Option<Diagnostic> {
    let i = place.at;
    let before = i.checked_sub(1)?;
    let starts = matches!(
        place.outline.kind(i)?,
        TokenKind::Word | TokenKind::TypeWord | TokenKind::Number | TokenKind::QuoteOpen | TokenKind::Plain
    ) && !super::is_reserved(place.word(i));
    if !starts || !place.outline.ends_operand(before) {
        return None;
    }
    let quoted = |i: usize| {
        matches!(place.outline.kind(i), Some(TokenKind::QuoteOpen | TokenKind::QuoteClose | TokenKind::Plain))
    };
    if place.outline.kind(before) == Some(TokenKind::Plain) && place.outline.attached(i) {
        return None;
    }
    let open = innermost_open(place)?;
    let block = place.outline.blocks.iter().find(|b| b.open == open).map(|b| b.kind);
    let pair = place.word(i + 1) == ":" || place.outline.kind(i) == Some(TokenKind::QuoteOpen);
    let fits = match (place.word(open), block) {
        ("(", Some(BlockKind::Params)) => place.word(i + 1) == ":",
        ("(", None) => {
            open > 0
                && place.outline.attached(open)
                && place.is_word(open - 1)
                && !place.is_name_after_word(i)
        }
        // `[search mx 3]` has a slip in its `max`.
        ("[", None) => {
            !(place.is_name(before)
                && place.is_name(i)
                && place.outline.kind(i + 1) == Some(TokenKind::Number))
        }
        ("{", None) => pair,
        _ => false,
    };
    if fits {
        // Those of the same brackets are the same mistake.
        let close = place.closing(open).unwrap_or(i + 1);
        let mut depth = 0usize;
        let mut edits = vec![place.insert_after(before, ",")];
        for j in i..close {
            let operand = matches!(
                place.outline.kind(j),
                Some(
                    TokenKind::Word
                        | TokenKind::TypeWord
                        | TokenKind::Number
                        | TokenKind::QuoteOpen
                        | TokenKind::Plain
                )
            ) && !super::is_reserved(place.word(j));
            let next =
                block != Some(BlockKind::Params) && place.word(open) != "{" || place.word(j + 1) == ":";
            if depth == 0
                && j > i
                && operand
                && next
                && place.outline.ends_operand(j - 1)
                && !place.outline.attached(j)
            {
                edits.push(place.insert_after(j - 1, ","));
            }
            match place.outline.kind(j) {
                Some(TokenKind::Open | TokenKind::SpliceOpen | TokenKind::QuoteOpen) => depth += 1,
                Some(TokenKind::Close | TokenKind::SpliceClose | TokenKind::QuoteClose) => {
                    depth = depth.saturating_sub(1);
                }
                _ => {}
            }
        }
        return Some(
            place
                .error(
                    place.span(i, i + 1),
                    format!("a comma is missing before `{}`", super::clipped(place.word(i))),
                )
                .help("commas stand between elements, arguments and entries")
                .fix_all("add `,`", edits),
        );
    }
    (quoted(before)
        && quoted(i)
        && place.word(open) == "{"
        && block == Some(BlockKind::Steps)
        && !place.outline.starts_line(i))
    .then(|| {
        place
            .error(place.span(i, i + 1), "two strings side by side aren't joined")
            .help("write `+` between them, or one string")
            .fix("add `+`", place.after(before), " +")
    })
}

impl Place<'_> {
    /// Whether a name stands right behind another one, as no argument does that only lacks its comma.
    fn is_name_after_word(&self, i: usize) -> bool {
        matches!(self.word(i - 1), "lambda" | "new" | "function" | "await" | "async" | "not" | "typeof")
    }
}

/// `Foo(a: 1)`, `new Foo(…)`
pub(super) fn constructor(place: &Place<'_>) -> Option<Diagnostic> {
    let near = [place.at, place.at.wrapping_sub(1), place.at.wrapping_sub(2)];
    let new = near.into_iter().find(|&i| {
        place.word(i) == "new" && place.is_word(i) && place.outline.kind(i + 1) == Some(TokenKind::TypeWord)
    });
    let name = match new {
        Some(i) => i + 1,
        None => {
            let open = near.into_iter().find(|&i| {
                place.word(i) == "("
                    && i > 0
                    && place.outline.attached(i)
                    && place.outline.kind(i - 1) == Some(TokenKind::TypeWord)
            })?;
            if matches!(place.kind(), Some(BlockKind::Slots | BlockKind::Params)) {
                return None;
            }
            open - 1
        }
    };
    let ty = place.word(name);
    let first = new.unwrap_or(name);
    let diagnostic = place
        .error(place.span(first, name + 1), format!("a record isn't made by a call of `{ty}`"))
        .help(format!("write `{ty}{{field: value}}`"));
    let open = name + 1;
    let named = place.word(open) == "(" && (place.word(open + 1) == ")" || place.word(open + 2) == ":");
    match place.closing(open).filter(|_| named) {
        Some(close) => {
            let mut edits = vec![place.edit(open, open + 1, "{"), place.edit(close, close + 1, "}")];
            if let Some(i) = new {
                let at =
                    flow_source::FileSpan::new(place.file, place.before(i).span.to(place.before(name).span));
                edits.insert(0, Edit { at, text: String::new() });
            }
            Some(diagnostic.fix_all("write braces", edits))
        }
        None => Some(diagnostic),
    }
}
