//! What the pre-scan found.

use flow_diagnostics::{Code, Diagnostic};
use flow_source::{FileId, Span};

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
        FaultKind::Unknown => unknown(at, found),
    }
}

fn unknown(at: flow_source::FileSpan, found: &str) -> Diagnostic {
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
        _ => Diagnostic::new(Code::UnexpectedToken, at, format!("the language has no `{found}`")),
    };
    match found {
        ";" => Diagnostic::new(Code::UnexpectedToken, at, "a `;` isn't needed")
            .help("nothing separates steps: each starts with a keyword or a name")
            .fix("take `;` out", at, ""),
        "#" => diagnostic.help("a comment starts with `//`").fix("write `//`", at, "//"),
        "&" => diagnostic.help("`&&` means and").fix("write `&&`", at, "&&"),
        _ if found.starts_with(['“', '”', '„']) => {
            let inner = found.trim_matches(['“', '”', '„']);
            Diagnostic::new(Code::UnexpectedToken, at, "strings stand in straight quotes").fix(
                "write straight quotes",
                at,
                format!("\"{inner}\""),
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
