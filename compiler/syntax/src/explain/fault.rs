//! What the pre-scan found.

use flow_diagnostics::{Code, Diagnostic};
use flow_source::{FileId, Span};

use crate::balance::Repair;
use crate::scan::{ELSE_IFS_MAX, EXPRESSION_BYTES_MAX, Fault, FaultKind, NESTING_MAX, OPERATORS_MAX};

/// The diagnostic of a fault; its span is one of the file's.
pub(crate) fn fault(file: FileId, text: &str, fault: Fault) -> Diagnostic {
    let at = fault.span.within(file);
    let found = text.get(fault.span.range()).unwrap_or("");
    match fault.kind {
        FaultKind::OpenString { block: false } => {
            Diagnostic::new(Code::UnclosedDelimiter, at, "this string isn't closed on its line")
                .help("close it with the quote that opens it; a text of several lines stands in `\"\"\"`")
        }
        FaultKind::OpenString { block: true } => {
            Diagnostic::new(Code::UnclosedDelimiter, at, "this `\"\"\"` is never closed")
                .help("close it with `\"\"\"`")
        }
        FaultKind::OpenSplice => {
            Diagnostic::new(Code::UnclosedDelimiter, at, "this `${` isn't closed on its line").help(
                "close it with `}`; a `//` inside it starts a comment; only `\"\"\"` may break inside `${}`",
            )
        }
        FaultKind::OpenBracket { found } => {
            let closing = text.get(found as usize..found as usize + 1).unwrap_or("");
            let opening = text.get(fault.span.range()).unwrap_or("");
            let span = Span::new(found, found + 1).within(file);
            Diagnostic::new(Code::UnclosedDelimiter, at, format!("`{opening}` isn't closed"))
                .label(span, format!("`{closing}` closes what stands further out"))
                .help(format!("add `{}`", closing_of(opening)))
        }
        FaultKind::OpenItem { next } => {
            let diagnostic =
                Diagnostic::new(Code::UnclosedDelimiter, at, format!("`{found}` is never closed"))
                    .help(format!("add `{}`", closing_of(found)));
            if (next as usize) < text.len() {
                diagnostic.label(Span::at(next).within(file), "the next declaration starts here")
            } else {
                diagnostic
            }
        }
        FaultKind::StrayClose => Diagnostic::new(
            Code::UnclosedDelimiter,
            at,
            format!("`{}` closes nothing", super::clipped(found)),
        )
        .help("take it out, or add the bracket that it should close")
        .fix(format!("take `{}` out", super::clipped(found)), at, ""),
        FaultKind::TooDeep => too_deep(file, fault.span),
        FaultKind::TooLong => Diagnostic::new(
            Code::TooLarge,
            at,
            format!("this expression is longer than {} KiB", EXPRESSION_BYTES_MAX >> 10),
        )
        .help("split it with `let` or `const`; large data belongs in a file that a tool reads"),
        FaultKind::TooManyOperators => Diagnostic::new(
            Code::TooLarge,
            at,
            format!("this expression has more than {OPERATORS_MAX} operators and links"),
        )
        .help("split it with `let`, or use a list and `sum`, `join` or `all`"),
        FaultKind::TooManyElseIfs => {
            Diagnostic::new(Code::TooLarge, at, format!("more than {ELSE_IFS_MAX} `else if`"))
                .help("use `route` over a value")
        }
        FaultKind::Division => {
            Diagnostic::new(Code::CommentAfterValue, at, "`//` starts a comment: was a division meant?")
                .help("write `/` to divide; two ints divide to an int")
        }
        FaultKind::Await => Diagnostic::new(Code::UnexpectedToken, at, "there is no `await`")
            .help("a call is awaited as it stands; `parallel { let a = f()  let b = g() }` runs several together")
            .fix("take `await` out", at, ""),
        FaultKind::CountingFor => Diagnostic::new(Code::UnexpectedToken, at, "a `for` walks a list, it doesn't count")
            .help("write `for x in xs { … }`, or `loop max 10 { … loop.index … }`, where `loop.index` counts from 0"),
        FaultKind::Dashes => {
            let sign = Span::new(at.span.start, at.span.start + 1).within(at.file);
            // `messages:` and a list of roles
            let key = text[..fault.span.start as usize].trim_end().strip_suffix(':').unwrap_or("");
            let word = key.len() - key.bytes().rev().take_while(|b| b.is_ascii_alphanumeric() || *b == b'_').count();
            if found.contains("role:") && word < key.len() {
                return Diagnostic::new(
                    Code::UnexpectedToken,
                    Span::from(word..key.len()).within(at.file),
                    "a prompt has no list of roles",
                )
                .help("each role is a field: `system: \"…\"`, `user: \"…\"`, `assistant: \"…\"`");
            }
            let diagnostic =
                Diagnostic::new(Code::UnexpectedToken, sign, "a list has no dashes").help("write `[a, b]`");
            match as_list(found) {
                Some(list) => diagnostic.fix("write a list", at, list),
                None => diagnostic,
            }
        }
        FaultKind::Unknown => unknown(at, found, text[fault.span.end as usize..].lines().next()),
    }
}

/// The diagnostic of something that is never closed, in the item at `base`; `next` is where the next item starts.
pub(crate) fn unclosed(
    file: FileId,
    text: &str,
    base: u32,
    repair: &Repair,
    next: Option<u32>,
) -> Diagnostic {
    let at = repair.open.shift(base).within(file);
    let opening = text.get(repair.open.range()).unwrap_or("");
    let closing = repair.text.trim();
    if let Some(other) = repair.instead_of {
        let word = text.get(other.range()).unwrap_or("");
        let other = other.shift(base).within(file);
        return Diagnostic::new(Code::UnclosedDelimiter, at, format!("`{opening}` is closed by `{word}`"))
            .label(other, format!("`{closing}` belongs here"))
            .help(format!("write `{closing}`"))
            .fix(format!("write `{closing}`"), other, repair.text.clone());
    }
    let before = match (repair.found, next) {
        (Some(found), _) => format!(" before the `{}`", text.get(found.range()).unwrap_or("")),
        (None, Some(_)) => String::from(" before the next declaration"),
        (None, None) => String::new(),
    };
    let diagnostic = Diagnostic::new(Code::UnclosedDelimiter, at, format!("`{opening}` is never closed"))
        .help(format!("add `{closing}`{before}"))
        .fix(format!("add `{closing}`"), Span::at(repair.at).shift(base).within(file), repair.text.clone());
    match (repair.found, next) {
        (Some(found), _) => {
            let word = text.get(found.range()).unwrap_or("");
            diagnostic
                .label(found.shift(base).within(file), format!("`{word}` closes what stands further out"))
        }
        (None, Some(next)) => {
            diagnostic.label(Span::at(next).within(file), "the next declaration starts here")
        }
        (None, None) => diagnostic,
    }
}

/// What is read in the place of a character that the language doesn't use.
pub(crate) fn instead(text: &str, fault: Fault) -> Option<String> {
    let found = text.get(fault.span.range())?;
    match fault.kind {
        FaultKind::Await => return Some(" ".repeat(found.len())),
        FaultKind::Dashes => return as_list(found),
        FaultKind::CountingFor => return None,
        _ => {}
    }
    Some(match found {
        ";" => " ".to_owned(),
        "&" => "&&".to_owned(),
        "‘" | "’" => "'".to_owned(),
        "≤" | "≥" | "≠" | "×" | "÷" | "−" | "–" | "≔" => typographic(found).to_owned(),
        _ if found.starts_with('#') => format!("//{}", &found[1..]),
        _ if found.starts_with("/*") => {
            as_line_comments(found, text[fault.span.end as usize..].lines().next())
                .unwrap_or_else(|| " ".to_owned())
        }
        _ if found.starts_with(['“', '”', '„']) => {
            format!("\"{}\"", found.trim_matches(['“', '”', '„']))
        }
        _ => return None,
    })
}

fn typographic(sign: &str) -> &'static str {
    match sign {
        "≤" => "<=",
        "≥" => ">=",
        "≠" => "!=",
        "×" => "*",
        "÷" => "/",
        "≔" => "=",
        _ => "-",
    }
}

/// `- a` and `- b` on lines of their own as `[a, b]`.
fn as_list(found: &str) -> Option<String> {
    let element = |line: &str| {
        let text = line.trim().strip_prefix("- ")?.trim();
        let comment = text.split("//").next().unwrap_or("").trim();
        (!text.contains(": ") && text == comment && !text.is_empty()).then(|| text.to_owned())
    };
    let elements: Option<Vec<String>> = found.lines().map(element).collect();
    elements.map(|e| format!("[{}]", e.join(", ")))
}

/// `/* … */` as `// …` lines, if nothing but blank space follows it on its line.
fn as_line_comments(found: &str, rest: Option<&str>) -> Option<String> {
    let inner = found.strip_prefix("/*")?.strip_suffix("*/")?;
    if rest.is_some_and(|rest| !rest.trim().is_empty()) {
        return None;
    }
    let inner = inner.trim_start_matches('*').trim_end_matches('*');
    let line = |line: &str| {
        let text = line.trim().trim_start_matches('*').trim();
        if text.is_empty() { "//".to_owned() } else { format!("// {text}") }
    };
    let lines: Vec<String> = inner.trim().lines().map(line).collect();
    Some(if lines.is_empty() { "//".to_owned() } else { lines.join("\n") })
}

fn unknown(at: flow_source::FileSpan, found: &str, rest: Option<&str>) -> Diagnostic {
    let diagnostic = match found.chars().next() {
        Some(c) if c.is_control() => {
            return Diagnostic::new(
                Code::UnexpectedToken,
                at,
                format!("a control character, U+{:04X}", c as u32),
            )
            .help("take it out")
            .fix("take it out", at, "");
        }
        _ => Diagnostic::new(
            Code::UnexpectedToken,
            at,
            format!("the language has no `{}`", super::clipped(found)),
        ),
    };
    match found {
        ";" => Diagnostic::new(Code::UnexpectedToken, at, "a `;` isn't needed")
            .help("nothing separates steps: each starts with a keyword or a name")
            .fix("take `;` out", at, ""),
        _ if found.starts_with('#') => {
            let sign = Span::new(at.span.start, at.span.start + 1).within(at.file);
            Diagnostic::new(Code::UnexpectedToken, sign, "a comment doesn't start with `#`")
                .help("a comment starts with `//`")
                .fix("write `//`", sign, "//")
        }
        _ if found.starts_with("/*") => {
            let sign = Span::new(at.span.start, at.span.start + 2).within(at.file);
            let diagnostic = Diagnostic::new(Code::UnexpectedToken, sign, "there are no `/* … */` comments")
                .help("a comment starts with `//` and ends with its line");
            match as_line_comments(found, rest) {
                Some(lines) => diagnostic.fix("write `//`", at, lines),
                None => diagnostic,
            }
        }
        "&" => diagnostic.help("`&&` means and").fix("write `&&`", at, "&&"),
        _ if found.starts_with(['“', '”', '„']) => {
            let inner = found.trim_matches(['“', '”', '„']);
            Diagnostic::new(Code::UnexpectedToken, at, "strings stand in straight quotes").fix(
                "write straight quotes",
                at,
                format!("\"{inner}\""),
            )
        }
        "≤" | "≥" | "≠" | "×" | "÷" | "−" | "–" | "≔" => {
            let right = typographic(found);
            Diagnostic::new(Code::UnexpectedToken, at, format!("`{found}` is written `{right}`")).fix(
                format!("write `{right}`"),
                at,
                right,
            )
        }
        "‘" | "’" => diagnostic.help("strings stand in straight quotes").fix("write `'`", at, "'"),
        "@" => diagnostic
            .help("there are no decorators: settings are fields and clauses, such as `with {retry: 3}`"),
        "$" => diagnostic.help("`${x}` stands in strings only; in an expression write `x`"),
        _ => {
            diagnostic.help("names have the letters a to z, digits and `_`; any other text stands in strings")
        }
    }
}

/// The diagnostic of brackets beyond the limit.
pub(crate) fn too_deep(file: FileId, span: Span) -> Diagnostic {
    Diagnostic::new(
        Code::NestingTooDeep,
        span.within(file),
        format!("more than {NESTING_MAX} brackets inside each other"),
    )
    .help("split it: `let` for values, `flow` for steps, `type` for types")
}

/// The diagnostic of docs that document nothing.
pub(crate) fn stray_doc(file: FileId, span: Span) -> Diagnostic {
    let slashes = Span::new(span.start, span.start + 3).within(file);
    Diagnostic::new(Code::StrayDoc, span.within(file), "these docs document nothing")
        .help("`///` stands before a declaration, field, parameter, variant, stage or enum value; other comments start with `//`")
        .fix("make it a plain comment", slashes, "//")
}

fn closing_of(opening: &str) -> &'static str {
    match opening {
        "(" => ")",
        "[" => "]",
        _ => "}",
    }
}
