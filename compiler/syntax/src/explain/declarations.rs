//! Declarations, fields and types as other languages write them.

use flow_diagnostics::{Diagnostic, Edit};

use super::Place;
use crate::lexer::TokenKind;
use crate::outline::BlockKind;

/// The type that another language's name of one means.
pub(super) fn type_named(word: &str) -> Option<&'static str> {
    Some(match word {
        "string" | "str" | "text" | "String" | "char" => "string",
        "int" | "integer" | "number" | "long" | "short" | "i64" | "i32" | "u32" | "u64" | "usize"
        | "int32" | "int64" | "Int" | "Integer" => "int",
        "float" | "double" | "decimal" | "f64" | "f32" | "float32" | "float64" | "Float" | "Double" => {
            "float"
        }
        "bool" | "boolean" | "Bool" | "Boolean" => "bool",
        "json" | "any" | "object" | "dict" | "map" | "unknown" | "Any" => "json",
        "timestamp" | "datetime" | "date" | "time" => "timestamp",
        "bytes" => "bytes",
        "duration" | "timedelta" => "duration",
        _ => return None,
    })
}

/// A type as it is written here, of one as Python, TypeScript, Go or Rust write it.
fn translated(text: &str) -> Option<String> {
    let text = text.trim();
    if text.is_empty() || text.len() > 200 || text.contains(['(', '{', '"', '\'']) {
        return None;
    }
    if let Some(inner) = text.strip_suffix('?') {
        return translated(inner).map(|t| format!("{t}?"));
    }
    if let Some(inner) = text.strip_suffix("[]") {
        return translated(inner).map(|t| format!("[{t}]"));
    }
    if let Some(inner) = text.strip_prefix("[]") {
        return translated(inner).map(|t| format!("[{t}]"));
    }
    for nothing in ["None", "null", "undefined"] {
        if let Some(inner) = text.strip_suffix(nothing).and_then(|t| t.trim_end().strip_suffix('|')) {
            return translated(inner).map(|t| format!("{t}?"));
        }
    }
    if let Some(inner) = text.strip_prefix("map[")
        && let Some((key, value)) = inner.split_once(']')
        && !value.is_empty()
    {
        return Some(format!("[{}: {}]", translated(key)?, translated(value)?));
    }
    if let Some(open) = text.find(['<', '[']).filter(|&n| n > 0) {
        let close = if text.as_bytes()[open] == b'<' { '>' } else { ']' };
        let inner = text[open + 1..].strip_suffix(close)?;
        return match text[..open].to_ascii_lowercase().as_str() {
            "list" | "array" | "vec" | "set" | "sequence" | "iterable" => {
                translated(inner).map(|t| format!("[{t}]"))
            }
            "optional" | "option" | "maybe" => translated(inner).map(|t| format!("{t}?")),
            "map" | "dict" | "record" | "hashmap" => {
                let (key, value) = inner.split_once(',')?;
                Some(format!("[{}: {}]", translated(key)?, translated(value)?))
            }
            _ => None,
        };
    }
    if let Some(inner) = text.strip_prefix('[').and_then(|t| t.strip_suffix(']')) {
        return translated(inner).map(|t| format!("[{t}]"));
    }
    let word = text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
    match type_named(text) {
        Some(known) => Some(known.to_owned()),
        None => (word && text.starts_with(|c: char| c.is_ascii_uppercase())).then(|| text.to_owned()),
    }
}

/// `string[]`, `List<string>`, `Dict[str, int]`, `[]string`, `map[string]int`, `string[]?`
pub(super) fn other_types(place: &Place<'_>) -> Option<Diagnostic> {
    let typed = |i: usize| {
        i > 0
            && (place.word(i - 1) == "->"
                || place.word(i - 1) == ":"
                    && matches!(place.kind(), Some(BlockKind::Slots | BlockKind::Params) | None)
                || place.word(i - 1) == ":" && i >= 3 && place.word(i - 3) == "let"
                || place.word(i - 1) == "as"
                || place.word(i - 1) == "=" && place.word(0) == "type" && i == 3)
    };
    let start = (place.at.saturating_sub(12)..=place.at).rev().find(|&i| typed(i))?;
    // A list of a type that nothing has.
    if place.word(start) == "[" && place.is_word(place.at) && place.word(start + 1) != "]" {
        return None;
    }
    // The type ends where no bracket is open and no piece of one follows.
    let (mut end, mut depth) = (start, 0usize);
    while end < place.outline.tokens.len() && end < start + 40 {
        match place.word(end) {
            "<" | "[" => depth += 1,
            ">" | "]" if depth > 0 => depth -= 1,
            "," if depth > 0 => {}
            "?" if end > start && place.outline.attached(end) => {}
            _ if matches!(place.outline.kind(end), Some(TokenKind::Word | TokenKind::TypeWord))
                && (depth > 0
                    || end == start
                    || matches!(place.word(end - 1), "]") && place.outline.attached(end)) => {}
            _ => break,
        }
        end += 1;
        if depth == 0
            && !matches!(place.word(end), "[" | "<" | "?")
            && !(place.word(end - 1) == "]" && place.outline.attached(end))
        {
            break;
        }
    }
    if depth > 0 || end <= start + 1 || !(start..=end).contains(&place.at) {
        return None;
    }
    let text = place.text(start, end);
    let target = translated(text)?;
    if target == text {
        return None;
    }
    let help = match (target.ends_with('?'), target.contains(": "), target.starts_with('[')) {
        (true, ..) => "a value that may be missing is written `T?`",
        (_, true, true) => "a map is written `[K: V]`",
        (_, _, true) => "a list of `T` is written `[T]`",
        _ => "types have lower-case names when they are built in",
    };
    let at = place.span(start, end);
    Some(place.error(at, "this is no type").help(help).fix(format!("write `{target}`"), at, target.clone()))
}

/// `x?: int`
pub(super) fn optional_name(place: &Place<'_>) -> Option<Diagnostic> {
    let near = [place.at, place.at.wrapping_sub(1)];
    let i = near.into_iter().find(|&i| {
        i > 0
            && place.word(i) == "?"
            && place.word(i + 1) == ":"
            && place.outline.attached(i)
            && matches!(place.kind(), Some(BlockKind::Slots | BlockKind::Params))
    })?;
    let diagnostic = place
        .error(place.span(i, i + 1), "`?` stands after the type")
        .help(format!("write `{}: T?`", place.word(i - 1)));
    let mut end = i + 3;
    if place.word(i + 2) == "[" {
        end = place.closing(i + 2)? + 1;
    }
    if place.word(end) == "(" && place.outline.attached(end) {
        end = place.closing(end)? + 1;
    }
    let gap = flow_source::FileSpan::new(place.file, place.before(i).span.to(place.before(i + 1).span));
    let typed =
        matches!(place.outline.kind(i + 2), Some(TokenKind::Word | TokenKind::TypeWord | TokenKind::Open));
    Some(if typed && place.word(end) != "?" {
        diagnostic.fix_all(
            "move the `?`",
            vec![Edit { at: gap, text: String::new() }, place.insert_after(end - 1, "?")],
        )
    } else {
        diagnostic
    })
}

/// `int x` and `x int` where `x: int` is meant; `retry 3` where `retry: 3` is
pub(super) fn no_colon(place: &Place<'_>) -> Option<Diagnostic> {
    let kind = place.kind()?;
    let first = place.tokens().start;
    if place.at > first + 2 || !place.is_word(first) || place.outline.starts_line(first + 1) {
        return None;
    }
    let next = place.outline.kind(first + 1)?;
    let name = place.word(first);
    match kind {
        BlockKind::Slots | BlockKind::Params => {
            let known = type_named(name).is_some();
            if known && place.is_name(first + 1) && type_named(place.word(first + 1)).is_none() {
                let ty = type_named(name)?;
                let text = format!("{}: {ty}", place.word(first + 1));
                return Some(
                    place
                        .error(place.span(first, first + 2), "a name stands before its type")
                        .help(format!("write `{text}`"))
                        .fix(format!("write `{text}`"), place.span(first, first + 2), text.clone()),
                );
            }
            let typed = matches!(next, TokenKind::TypeWord)
                || matches!(next, TokenKind::Word)
                    && (type_named(place.word(first + 1)).is_some()
                        || matches!(
                            place.word(first + 1),
                            "trusted" | "untrusted" | "image" | "audio" | "file"
                        ))
                || place.word(first + 1) == "[" && !place.outline.attached(first + 1);
            let bare = kind == BlockKind::Params && matches!(place.word(first + 1), "," | ")" | "=");
            if bare {
                return Some(
                    place
                        .error(place.span(first, first + 1), format!("the parameter `{name}` has no type"))
                        .help(format!("write `{name}: string`, or another type")),
                );
            }
            typed.then(|| {
                place
                    .error(place.span(first + 1, first + 2), format!("the type of `{name}` stands after `:`"))
                    .help(format!("write `{name}: {}`", super::clipped(place.word(first + 1))))
                    .fix("add `:`", place.after(first), ":")
            })
        }
        BlockKind::Fields => {
            let value = matches!(
                next,
                TokenKind::Word
                    | TokenKind::TypeWord
                    | TokenKind::Number
                    | TokenKind::QuoteOpen
                    | TokenKind::Plain
            ) || matches!(place.word(first + 1), "[" | "{") && !place.outline.attached(first + 1);
            (value && !matches!(name, "measure" | "gate")).then(|| {
                place
                    .error(place.span(first, first + 1), format!("the value of `{name}` stands after `:`"))
                    .help(format!("write `{name}: value`"))
                    .fix("add `:`", place.after(first), ":")
            })
        }
        _ => None,
    }
}

/// `"user": "…"` among fields
pub(super) fn quoted_key(place: &Place<'_>) -> Option<Diagnostic> {
    let first = place.tokens().start;
    let close = match place.outline.kind(first)? {
        TokenKind::QuoteOpen => first + 2,
        TokenKind::Plain => first,
        _ => return None,
    };
    let name = place.text(first, close + 1).trim_matches(['"', '\'']);
    let plain = name.bytes().all(|b| b.is_ascii_lowercase() || b == b'_') && !name.is_empty();
    (place.kind() == Some(BlockKind::Fields) && place.word(close + 1) == ":" && plain).then(|| {
        let at = place.span(first, close + 1);
        place.error(at, "a field's name has no quotes").help(format!("write `{name}: …`")).fix(
            "take the quotes out",
            at,
            name,
        )
    })
}

/// `model: openai/gpt-4o` among fields
pub(super) fn model_path(place: &Place<'_>) -> Option<Diagnostic> {
    let first = place.tokens().start;
    if place.kind() != Some(BlockKind::Fields) || place.word(first) != "model" || place.word(first + 1) != ":"
    {
        return None;
    }
    let end = place.line_end(first + 1);
    let end = if place.word(end - 1) == "}" { end - 1 } else { end };
    let text = place.text(first + 2, end);
    let plain =
        text.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'/' | b'-' | b'.' | b':' | b'_'));
    (end > first + 2 && plain && text.contains('/')).then(|| {
        let at = place.span(first + 2, end);
        place
            .error(at, "a model's name stands in quotes")
            .help(format!("write `\"{text}\"`, or the name of a model that the file declares"))
            .fix("add the quotes", at, format!("\"{text}\""))
    })
}

/// `how-to`, `a = 1` among the values of an enum
pub(super) fn enum_value(place: &Place<'_>) -> Option<Diagnostic> {
    if place.kind() != Some(BlockKind::Values) {
        return None;
    }
    let i = place.at;
    let joined = |i: usize| {
        place.word(i) == "-"
            && place.outline.attached(i)
            && place.outline.attached(i + 1)
            && place.is_word(i + 1)
    };
    if joined(i) && place.is_word(i - 1) {
        let mut end = i;
        while joined(end) {
            end += 2;
        }
        let name = place.text(i - 1, end).replace('-', "_");
        let at = place.span(i - 1, end);
        return Some(place.error(at, "a name has no `-`").help(format!("write `{name}`")).fix(
            format!("write `{name}`"),
            at,
            name.clone(),
        ));
    }
    if matches!(place.word(i), "|" | ";") && i > place.tokens().start {
        let at = place.span(i, i + 1);
        return Some(
            place
                .error(at, format!("no `{}` stands between the values of an enum", place.word(i)))
                .help("write `enum Kind { first second }`, with commas or without")
                .fix("write a comma", at, ","),
        );
    }
    let value = matches!(
        place.outline.kind(i + 1),
        Some(TokenKind::Number | TokenKind::Plain | TokenKind::QuoteOpen)
    );
    if !matches!(place.word(i), "=" | ":") || !value || !place.is_word(i - 1) {
        return None;
    }
    let end = match place.outline.kind(i + 1) {
        Some(TokenKind::QuoteOpen) => {
            (i..place.outline.tokens.len()).find(|&j| place.outline.kind(j) == Some(TokenKind::QuoteClose))?
                + 1
        }
        _ => i + 2,
    };
    let gap = flow_source::FileSpan::new(place.file, place.after(i - 1).span.to(place.after(end - 1).span));
    Some(
        place
            .error(place.span(i, i + 1), "an enum value stands for itself")
            .help(format!("write `{}` alone", place.word(i - 1)))
            .fix("take the rest out", gap, ""),
    )
}

/// `user: |` and lines of text
pub(super) fn yaml_text(place: &Place<'_>) -> Option<Diagnostic> {
    let i = place.at;
    let opens = place.kind() == Some(BlockKind::Fields)
        && place.last() == ":"
        && matches!(place.word(i), "|" | ">")
        && (place.outline.starts_line(i + 1) || matches!(place.word(i + 1), "-" | "+"));
    opens.then(|| {
        place
            .error(place.span(i, i + 1), format!("no text opens with `{}`", place.word(i)))
            .help("a text of several lines stands in `\"\"\"`, on lines of their own")
    })
}

/// `import a from "b"`, `import a`, `import "b"`, `import { a } from b`
pub(super) fn import(place: &Place<'_>) -> Option<Diagnostic> {
    if place.word(0) != "import" {
        return None;
    }
    let help = "write `import { name } from \"./file.flow\"`";
    let from = (1..place.outline.tokens.len()).find(|&i| place.word(i) == "from");
    let quoted = |i: usize| matches!(place.outline.kind(i), Some(TokenKind::QuoteOpen | TokenKind::Plain));
    let diagnostic =
        |first: usize, end: usize, message: &str| place.error(place.span(first, end), message).help(help);
    match (place.word(1), from) {
        ("{", Some(from)) if !quoted(from + 1) && place.at > from => {
            let end = place.outline.tokens.len();
            (end > from + 1).then(|| diagnostic(from + 1, end, "the path of a file stands in quotes"))
        }
        ("{", None) if place.at > 1 => Some(diagnostic(0, 1, "this import says not from where")),
        ("{", _) => None,
        ("*", _) => Some(diagnostic(1, 2, "an import names what it takes")),
        (_, Some(from)) if quoted(from + 1) && from > 1 => {
            let names = place.text(1, from);
            let plain = names.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b',' | b' '));
            let found = diagnostic(1, from, "what is imported stands in braces");
            Some(if plain {
                found.fix("add the braces", place.span(1, from), format!("{{ {names} }}"))
            } else {
                found
            })
        }
        _ => Some(diagnostic(0, 2, "an import names what it takes, and a file")),
    }
}

/// `flow main {`, `flow f(): int {`, `flow f() int {`, `flow f() => int {`, `flow f() -> void {`
pub(super) fn header(place: &Place<'_>) -> Option<Diagnostic> {
    let kind = place.word(0);
    if place.region.is_some()
        || !matches!(kind, "flow" | "prompt" | "agent" | "tool" | "human" | "event" | "code")
    {
        return None;
    }
    if place.at == 2 && place.is_name(1) && matches!(place.word(2), "{" | "->" | ":") {
        return Some(
            place
                .error(place.span(1, 2), format!("this {kind} has no parameters"))
                .help(format!("write `{kind} {}()`", place.word(1)))
                .fix("add `()`", place.after(1), "()"),
        );
    }
    if kind == "code" && place.word(place.at) == "=>" && (0..place.at).any(|i| place.word(i) == "->") {
        let at = place.span(place.at, place.at + 1);
        return Some(
            place
                .error(at, "the value of `code` stands after `=`")
                .help("write `code f(n: int) -> int = n * 2`")
                .fix("write `=`", at, "="),
        );
    }
    if place.last() != ")" {
        return None;
    }
    let at = place.span(place.at, place.at + 1);
    let typed = |i: usize| {
        matches!(place.outline.kind(i), Some(TokenKind::Word | TokenKind::TypeWord)) || place.word(i) == "["
    };
    match place.word(place.at) {
        sign @ (":" | "=>" | "=") if typed(place.at + 1) && (kind != "code" || sign != "=") => Some(
            place
                .error(at, "the type that is returned stands after `->`")
                .help("write `-> T` after the parameters")
                .fix("write `->`", at, " ->"),
        ),
        // `flow main(n: int) in -> int`: what stands before the arrow is something else.
        word if typed(place.at) && word != "emits" && !arrow_follows(place) => Some(
            place
                .error(at, "the type that is returned stands after `->`")
                .help("write `-> T` after the parameters")
                .fix("add `->`", place.after(place.at - 1), " ->"),
        ),
        _ => None,
    }
}

/// Whether an arrow stands between the place and the body.
fn arrow_follows(place: &Place<'_>) -> bool {
    let words = (place.at..place.outline.tokens.len()).map(|i| place.word(i));
    words.take_while(|word| !matches!(*word, "{" | "=")).any(|word| word == "->")
}

/// `-> void`
pub(super) fn void(place: &Place<'_>) -> Option<Diagnostic> {
    let i = place.at;
    let returns = place.last() == "->" && matches!(place.word(i), "void" | "unit" | "nil" | "nothing");
    returns.then(|| {
        let at = place.span(i, i + 1);
        let diagnostic = place.error(at, format!("there is no type `{}`", place.word(i)));
        if place.word(0) == "flow" {
            let gap = flow_source::FileSpan::new(place.file, place.after(i - 2).span.to(at.span));
            diagnostic.help("a flow that returns nothing has no `->`").fix("take it out", gap, "")
        } else {
            diagnostic.help("a prompt and a tool return something: `-> string`")
        }
    })
}

/// `const a 3`, `const a := 3`, `model m "a/b"`, `model "a/b"`
pub(super) fn constant(place: &Place<'_>) -> Option<Diagnostic> {
    let kind = place.word(0);
    if place.region.is_some() || !matches!(kind, "const" | "model" | "trigger") {
        return None;
    }
    let value = |i: usize| {
        matches!(
            place.outline.kind(i),
            Some(
                TokenKind::Number
                    | TokenKind::QuoteOpen
                    | TokenKind::Plain
                    | TokenKind::Word
                    | TokenKind::TypeWord
            )
        ) || matches!(place.word(i), "[" | "{")
    };
    if place.at != 2 || !place.is_name(1) {
        return None;
    }
    if place.word(2) == ":" && kind != "const" {
        let at = place.span(2, 3);
        return Some(
            place
                .error(at, format!("this {kind} has no `=`"))
                .help(format!("write `{kind} {} = …`", place.word(1)))
                .fix("write `=`", at, if place.outline.attached(2) { " =" } else { "=" }),
        );
    }
    (value(2) && !(place.is_word(2) && matches!(place.word(2), "as" | "in"))).then(|| {
        place
            .error(place.span(2, 3), format!("this {kind} has no `=`"))
            .help(format!("write `{kind} {} = …`", place.word(1)))
            .fix("add `=`", place.after(1), " =")
    })
}
