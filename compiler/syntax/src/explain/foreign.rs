//! What is written as another language writes it, where the mend takes more than a word.

use flow_diagnostics::{Diagnostic, Edit};
use flow_source::Span;

use super::Place;
use crate::lexer::TokenKind;
use crate::outline::{BlockKind, is_reserved};

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
    let head = |word: &str| {
        block
            .elements
            .iter()
            .copied()
            .take(2)
            .take_while(|&e| matches!(place.word(e), "budget" | "state") && place.word(e + 1) == "{")
            .find(|&e| e < first && place.word(e) == word)
    };
    let before = block.elements.partition_point(|e| *e < first);
    let stands = match word {
        "budget" => before == 0 && block.parent.is_none(),
        _ => before == 0 || before == 1 && head("budget").is_some(),
    };
    if stands {
        return None;
    }
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
    let own = &place.outline.blocks.iter().find(|b| b.open == first + 1)?;
    // At the head the names that are bound before it aren't there yet.
    let bound = |name: &str| (block.open..first).any(|i| place.word(i) == "let" && place.word(i + 1) == name);
    if (own.open..own.close).any(|i| bound(place.word(i))) {
        return Some(diagnostic);
    }
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

/// `var y = k`, `const y = k`, `let mut y = k`
pub(super) fn declared_otherwise(place: &Place<'_>) -> Option<Diagnostic> {
    let first = place.tokens().start;
    if place.kind() != Some(BlockKind::Steps) {
        return None;
    }
    let (name, written) = match place.word(first) {
        "let" if matches!(place.word(first + 1), "mut" | "var" | "const") => (first + 2, "let mut"),
        word @ ("var" | "val" | "mut" | "const") => (first + 1, word),
        _ => return None,
    };
    if place.outline.kind(name) != Some(TokenKind::Word) || !matches!(place.word(name + 1), "=" | ":") {
        return None;
    }
    let at = place.span(first, name);
    Some(
        place
            .error(at, format!("there is no `{written}` here"))
            .help("`let` binds once; what changes is declared in `state { name: type = value }`")
            .fix("write `let`", at, "let"),
    )
}

/// `enum K = a | b`
pub(super) fn enum_of_values(place: &Place<'_>) -> Option<Diagnostic> {
    if place.region.is_some() || place.word(0) != "enum" || place.word(2) != "=" || place.at != 2 {
        return None;
    }
    let end = place.outline.tokens.len();
    let diagnostic = place
        .error(place.span(2, 3), "the values of an enum stand in braces")
        .help("write `enum Kind { first second }`; literal texts are a type: `type Kind = \"a\" | \"b\"`");
    let words = || (3..end).filter(|&i| !matches!(place.word(i), "|" | ","));
    if words().next().is_none() || words().any(|i| place.outline.kind(i) != Some(TokenKind::Word)) {
        return Some(diagnostic);
    }
    let values: Vec<&str> = words().map(|i| place.word(i)).collect();
    let text = format!("{{ {} }}", values.join(" "));
    Some(diagnostic.fix("put them in braces", place.span(2, end), text))
}

/// `model m = openai/gpt-4o`
pub(super) fn quotes_missing(place: &Place<'_>) -> Option<Diagnostic> {
    if place.word(0) != "model" || place.word(2) != "=" || place.at < 4 {
        return None;
    }
    let end = (4..place.outline.tokens.len())
        .find(|&i| place.word(i) == "{" || place.outline.starts_line(i))
        .unwrap_or(place.outline.tokens.len());
    let text = place.text(3, end);
    let plain =
        text.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'/' | b'-' | b'.' | b':' | b'_'));
    (text.contains('/') && plain && place.at <= end).then(|| {
        let at = place.span(3, end);
        let quoted = format!("\"{text}\"");
        place.error(at, "a model's name stands in quotes").help(format!("write `{quoted}`")).fix(
            "add the quotes",
            at,
            quoted,
        )
    })
}

/// `prompt my-prompt(…)`, `let my-value = …`
pub(super) fn hyphens(place: &Place<'_>) -> Option<Diagnostic> {
    let i = place.at;
    let joined = |i: usize| {
        place.word(i) == "-"
            && place.outline.attached(i)
            && place.outline.attached(i + 1)
            && matches!(place.outline.kind(i + 1), Some(TokenKind::Word | TokenKind::Number))
    };
    let named = i >= 2
        && joined(i)
        && place.outline.kind(i - 1) == Some(TokenKind::Word)
        && (place.word(i - 2) == "let" || i == 2 && super::habits::ITEMS.contains(&place.word(0)));
    if !named {
        return None;
    }
    let mut end = i;
    while joined(end) {
        end += 2;
    }
    let at = place.span(i - 1, end);
    let name = place.text(i - 1, end).replace('-', "_");
    Some(place.error(at, "a name has no `-`").help(format!("write `{name}`")).fix(
        format!("write `{name}`"),
        at,
        name.clone(),
    ))
}

/// `on error { … }` before the last step, or in an inner block.
pub(super) fn on_error_early(place: &Place<'_>) -> Option<Diagnostic> {
    let region = place.region?;
    let first = region.first;
    if place.kind() != Some(BlockKind::Steps) || place.word(first) != "on" || place.word(first + 1) != "error"
    {
        return None;
    }
    let at = place.span(first, first + 2);
    if place.outline.blocks[region.block].parent.is_some() {
        return Some(
            place
                .error(at, "`on error` belongs to a flow")
                .help("inside a block write `try { … } catch { else as e => … }`"),
        );
    }
    (place.at >= region.end).then(|| {
        place
            .error(at, "`on error` stands at the end of its flow")
            .help("move it behind the last step; it covers every step all the same")
    })
}

/// `parallel for x in xs jobs 2 max 3`
pub(super) fn walk_clauses(place: &Place<'_>) -> Option<Diagnostic> {
    const ORDER: [&str; 4] = ["by", "max", "jobs", "collect"];
    let walk = (0..place.at.min(place.outline.tokens.len()))
        .rev()
        .find(|&i| place.word(i) == "for" && i > 0 && place.word(i - 1) == "parallel")?;
    let mut depth = 0usize;
    let mut clauses: Vec<(usize, usize)> = Vec::new();
    let mut end = walk + 1;
    while end < place.outline.tokens.len() {
        match place.word(end) {
            "{" if depth == 0 && place.outline.ends_operand(end - 1) => break,
            "(" | "[" | "{" => depth += 1,
            ")" | "]" | "}" => depth = depth.checked_sub(1)?,
            word if depth == 0 && place.outline.ends_operand(end - 1) => {
                if let Some(rank) = ORDER.iter().position(|w| *w == word) {
                    clauses.push((rank, end));
                }
            }
            _ => {}
        }
        end += 1;
    }
    let late = clauses.windows(2).find(|pair| pair[0].0 > pair[1].0)?;
    if place.at > end || end == place.outline.tokens.len() {
        return None;
    }
    let (start, at) = (clauses[0].1, late[1].1);
    let until = |i: usize| clauses.iter().map(|c| c.1).find(|&next| next > i).unwrap_or(end);
    let diagnostic = place
        .error(
            place.span(at, at + 1),
            format!("`{}` stands before `{}`", place.word(at), place.word(late[0].1)),
        )
        .help("the clauses have one order: `by key`, `max n`, `jobs n`, `collect`");
    let mut sorted = clauses.clone();
    sorted.sort();
    if sorted.windows(2).any(|pair| pair[0].0 == pair[1].0) {
        return Some(diagnostic);
    }
    let parts: Vec<&str> = sorted.iter().map(|&(_, i)| place.text(i, until(i))).collect();
    Some(diagnostic.fix("put them in order", place.span(start, end), parts.join(" ")))
}

/// `fail "a"`
pub(super) fn fail_text(place: &Place<'_>) -> Option<Diagnostic> {
    let i = place.at;
    let closes = match place.outline.kind(i) {
        Some(TokenKind::Plain) => i,
        Some(TokenKind::QuoteOpen) => {
            (i..place.outline.tokens.len()).find(|&j| place.outline.kind(j) == Some(TokenKind::QuoteClose))?
        }
        _ => return None,
    };
    (place.last() == "fail").then(|| {
        let at = place.span(i, closes + 1);
        place
            .error(at, "`fail` takes a kind of error, then the message")
            .help("the kind is any name in lower case, by which a `catch` tells it: `fail not_found(\"…\")`")
            .fix("name the kind `failed`", at, format!("failed({})", place.text(i, closes + 1)))
    })
}

/// `let x = if c { 1 } else { 2 }`, `let x = parallel { … }`, `let x = try { … }`
pub(super) fn statement_as_value(place: &Place<'_>) -> Option<Diagnostic> {
    let i = [place.at, place.at.checked_sub(1)?].into_iter().find(|&i| {
        matches!(place.word(i), "if" | "for" | "loop" | "try" | "saga" | "parallel")
            && place.outline.kind(i) == Some(TokenKind::Word)
            && i > 0
            && matches!(place.word(i - 1), "=" | "+=" | "(" | "," | ":")
            && place.word(i + 1) != "."
    })?;
    let word = place.word(i);
    if word == "parallel" && place.word(i + 1) != "{" {
        return None;
    }
    let diagnostic = place.error(place.span(i, i + 1), format!("`{word}` has no value")).help(match word {
        "if" => "write `c ? a : b`, or with steps `route { when c => …  else => … }`",
        "parallel" => {
            "its branches bind names, `parallel { let a = f()  let b = g() }`; a list is made by `parallel for x in xs { … yield y }`"
        }
        "for" | "loop" => {
            "a list is made by `xs.map(x, …)` or `parallel for x in xs { … yield y }`; a loop changes state"
        }
        _ => "group steps into a value with `do { … yield v }`; a call that may fail takes `catch`",
    });
    Some(match chosen(place, i) {
        Some((end, text)) => diagnostic.fix("choose the value", place.span(i, end), text),
        None => diagnostic,
    })
}

/// `if c { a } else { b }` as a value, and where it ends.
fn chosen(place: &Place<'_>, i: usize) -> Option<(usize, String)> {
    let block = |open: usize| {
        let block = place.outline.blocks.iter().find(|b| b.open == open)?;
        let value = open + 1..block.close;
        let plain = block.elements.len() == 1
            && !is_reserved(place.word(open + 1))
            && value.clone().all(|i| !matches!(place.word(i), "=" | "+=" | "?"));
        plain.then(|| (block.close, place.text(value.start, value.end)))
    };
    let open = place.outline.blocks.iter().map(|b| b.open).filter(|&o| o > i).min()?;
    let (close, then) = (place.word(i) == "if" && place.word(open) == "{").then(|| block(open))??;
    let (end, other) =
        (place.word(close + 1) == "else" && place.word(close + 2) == "{").then(|| block(close + 2))??;
    let condition = place.text(i + 1, open);
    let text = if then.contains('(') || other.contains('(') || condition.contains('?') {
        format!("route {{ when {condition} => {then}  else => {other} }}")
    } else {
        format!("{condition} ? {then} : {other}")
    };
    Some((end + 1, text))
}

/// `string[]`, `List<string>`, `List[string]`
pub(super) fn list_types(place: &Place<'_>) -> Option<Diagnostic> {
    let i = place.at;
    let name = i.checked_sub(1)?;
    if !matches!(place.outline.kind(name), Some(TokenKind::Word | TokenKind::TypeWord))
        || !place.outline.attached(i)
    {
        return None;
    }
    let word = place.word(name);
    let (end, inner) = match (place.word(i), place.word(i + 1)) {
        ("[", "]") if place.outline.attached(i + 1) => (i + 2, word),
        (open @ ("<" | "["), _)
            if place.outline.kind(name) == Some(TokenKind::TypeWord) || word == "list" =>
        {
            let close = if open == "<" { ">" } else { "]" };
            let end = (i + 1..place.outline.tokens.len().min(i + 24)).find(|&j| place.word(j) == close)?;
            (end + 1, place.text(i + 1, end))
        }
        _ => return None,
    };
    let diagnostic = |help: &str| place.error(place.span(name, end), "this is no type").help(help.to_owned());
    let (help, instead) = match word {
        _ if inner == word => ("a list of `T` is written `[T]`", format!("[{inner}]")),
        "List" | "Array" | "Vec" | "Set" | "Sequence" | "list" => {
            ("a list of `T` is written `[T]`", format!("[{inner}]"))
        }
        "Optional" | "Option" | "Maybe" => {
            ("a value that may be missing is written `T?`", format!("{inner}?"))
        }
        "Map" | "Dict" | "Record" | "HashMap" => {
            ("a map is written `[K: V]`", format!("[{}]", inner.replacen(',', ":", 1)))
        }
        _ => return None,
    };
    let diagnostic = diagnostic(help);
    if inner.contains(['<', '[']) || inner.is_empty() {
        return Some(diagnostic);
    }
    Some(diagnostic.fix(format!("write `{instead}`"), place.span(name, end), instead))
}

/// `xs.map(v => v + 1)`
pub(super) fn lambda(place: &Place<'_>) -> Option<Diagnostic> {
    let i = place.at;
    let passed = matches!(place.word(i), "=>" | "->")
        && i >= 2
        && place.word(i - 2) == "("
        && place.outline.attached(i - 2)
        && place.outline.kind(i - 1) == Some(TokenKind::Word);
    passed.then(|| {
        let at = place.span(i - 1, i + 1);
        let name = place.word(i - 1);
        place
            .error(place.span(i, i + 1), "there are no function values")
            .help("the variable stands first, then what is made of it: `xs.map(x, x + 1)`")
            .fix("write `,`", at, format!("{name},"))
    })
}

/// `` `a ${k}` ``
pub(super) fn backticks(place: &Place<'_>) -> Option<Diagnostic> {
    let i = [place.at, place.at.wrapping_sub(1)]
        .into_iter()
        .find(|&i| place.outline.kind(i) == Some(TokenKind::QuotedWord))?;
    if i > 0 && place.word(i - 1) == "." {
        return None;
    }
    let at = place.span(i, i + 1);
    let diagnostic = place
        .error(at, "backticks quote the name of a field")
        .help("strings stand in `\"…\"`, with `${x}` in them");
    let inner = place.word(i).trim_matches('`');
    Some(if inner.contains(['"', '\\']) {
        diagnostic
    } else {
        diagnostic.fix("write straight quotes", at, format!("\"{inner}\""))
    })
}

/// `for (x in xs) { … }`, `for (const x of xs) { … }`
pub(super) fn for_in_parentheses(place: &Place<'_>) -> Option<Diagnostic> {
    let i = place.tokens().find(|&i| place.word(i) == "for" && place.word(i + 1) == "(")?;
    let name = if matches!(place.word(i + 2), "let" | "const" | "var") { i + 3 } else { i + 2 };
    if place.at > name + 2
        || place.outline.kind(name) != Some(TokenKind::Word)
        || !matches!(place.word(name + 1), "in" | "of")
    {
        return None;
    }
    let close = (name..place.tokens().end)
        .find(|&j| place.word(j) == "{")
        .and_then(|brace| brace.checked_sub(1))
        .filter(|&j| place.word(j) == ")")?;
    let at = place.span(i, close + 1);
    let walk = format!("for {} in {}", place.word(name), place.text(name + 2, close));
    Some(
        place
            .error(place.span(i + 1, i + 2), "a `for` has no parentheses")
            .help("write `for x in xs { … }`")
            .fix("take them out", at, walk),
    )
}
