//! Steps as other languages write them.

use flow_diagnostics::{Diagnostic, Edit};

use super::Place;
use crate::lexer::TokenKind;
use crate::outline::{BlockKind, is_reserved};

impl Place<'_> {
    pub(super) fn edit(&self, first: usize, end: usize, text: impl Into<String>) -> Edit {
        Edit { at: self.span(first, end), text: text.into() }
    }

    /// An insertion right after a token.
    pub(super) fn insert_after(&self, i: usize, text: impl Into<String>) -> Edit {
        Edit { at: self.after(i), text: text.into() }
    }

    /// An insertion right before a token.
    pub(super) fn insert_before(&self, i: usize, text: impl Into<String>) -> Edit {
        Edit { at: self.before(i), text: text.into() }
    }

    pub(super) fn is_word(&self, i: usize) -> bool {
        self.outline.kind(i) == Some(TokenKind::Word)
    }

    /// Whether a token is a lower-case name.
    pub(super) fn is_name(&self, i: usize) -> bool {
        self.is_word(i) && !is_reserved(self.word(i))
    }

    /// The token after the last one on the line of a token.
    pub(super) fn line_end(&self, i: usize) -> usize {
        (i + 1..self.outline.tokens.len())
            .find(|&j| self.outline.starts_line(j))
            .unwrap_or(self.outline.tokens.len())
    }

    /// The bracket that closes the one at a token.
    pub(super) fn closing(&self, open: usize) -> Option<usize> {
        let mut depth = 0usize;
        for i in open..self.outline.tokens.len() {
            match self.outline.kind(i) {
                Some(TokenKind::Open | TokenKind::SpliceOpen) => depth += 1,
                Some(TokenKind::Close | TokenKind::SpliceClose) => {
                    depth = depth.checked_sub(1)?;
                    if depth == 0 {
                        return Some(i);
                    }
                }
                _ => {}
            }
        }
        None
    }

    /// The first token of the operand that ends with a token: `a.b(c)[0]`.
    pub(super) fn operand_start(&self, last: usize) -> usize {
        let mut i = last;
        loop {
            if let Some(TokenKind::Close | TokenKind::SpliceClose | TokenKind::QuoteClose) =
                self.outline.kind(i)
            {
                let mut depth = 0usize;
                while i > 0 {
                    match self.outline.kind(i) {
                        Some(TokenKind::Close | TokenKind::SpliceClose | TokenKind::QuoteClose) => depth += 1,
                        Some(TokenKind::Open | TokenKind::SpliceOpen | TokenKind::QuoteOpen) => {
                            depth = depth.saturating_sub(1)
                        }
                        _ => {}
                    }
                    if depth == 0 {
                        break;
                    }
                    i -= 1;
                }
                let callee = i > 0
                    && self.outline.attached(i)
                    && self.outline.ends_operand(i - 1)
                    && self.outline.kind(i) == Some(TokenKind::Open);
                if callee {
                    i -= 1;
                    continue;
                }
            }
            if i >= 2 && self.word(i - 1) == "." {
                i -= 2;
                continue;
            }
            return i;
        }
    }

    /// Whether the tokens are one operand, of which a call, a member or `!` can be made.
    pub(super) fn is_operand(&self, first: usize, end: usize) -> bool {
        end > first && self.operand_start(end - 1) == first && self.outline.ends_operand(end - 1)
    }

    pub(super) fn steps(&self) -> Option<usize> {
        (self.kind() == Some(BlockKind::Steps)).then(|| self.tokens().start)
    }

    /// The first `{` of the region that opens a block, and what closes it.
    fn body(&self, from: usize) -> Option<(usize, usize)> {
        let open = (from..self.tokens().end).find(|&i| {
            self.word(i) == "{" && i > 0 && self.outline.ends_operand(i - 1) && !self.outline.attached(i)
        })?;
        Some((open, self.closing(open)?))
    }
}

/// `x++`, `x -= 1`, `x ||= y`
pub(super) fn compound_assignment(place: &Place<'_>) -> Option<Diagnostic> {
    let first = place.steps()?;
    let op = (first + 1..place.line_end(first))
        .find(|&i| !matches!(place.outline.kind(i), Some(TokenKind::Word)) && place.word(i) != ".")?;
    if !place.is_name(first) || !place.is_operand(first, op) {
        return None;
    }
    let (sign, next) = (place.word(op), place.word(op + 1));
    let name = place.text(first, op);
    if matches!(sign, "+" | "-")
        && next == sign
        && place.outline.attached(op + 1)
        && place.line_end(op) == op + 2
    {
        let text = if sign == "+" { format!("{name} += 1") } else { format!("{name} = {name} - 1") };
        return Some(
            place
                .error(place.span(op, op + 2), format!("there is no `{sign}{sign}`"))
                .help(format!("write `{text}`"))
                .fix(format!("write `{text}`"), place.span(first, op + 2), text.clone()),
        );
    }
    let assigns = matches!(sign, "-" | "*" | "/" | "%" | "||" | "&&" | "??")
        && next == "="
        && place.outline.attached(op + 1);
    if !assigns {
        return None;
    }
    let (from, end) = (op + 2, place.tokens().end);
    let value = place.text(from, end);
    let value =
        if place.is_operand(from, end) || end == from + 1 { value.to_owned() } else { format!("({value})") };
    let text = format!("{name} = {name} {sign} {value}");
    let diagnostic = place
        .error(place.span(op, op + 2), format!("there is no `{sign}=`"))
        .help(format!("write `x = x {sign} …`; only `+=` joins two"));
    Some(if end > from {
        diagnostic.fix(format!("write `{name} = {name} {sign} …`"), place.span(first, end), text)
    } else {
        diagnostic
    })
}

/// `x := 1`, `let x := 1`, `let x == 1`
pub(super) fn colon_equals(place: &Place<'_>) -> Option<Diagnostic> {
    let first = if place.region.is_some() { place.steps()? } else { 0 };
    let declares = matches!(place.word(first), "let" | "const" | "var");
    let name = if declares { first + 1 } else { first };
    if !place.is_name(name) {
        return None;
    }
    let (sign, next) = (place.word(name + 1), place.word(name + 2));
    let (end, shown) = match (sign, next) {
        (":", "=") => (name + 3, ":="),
        ("==", _) if declares => (name + 2, "=="),
        _ => return None,
    };
    let at = place.span(name + 1, end);
    let diagnostic = place.error(at, format!("there is no `{shown}` here"));
    Some(if declares {
        diagnostic.help("write `=`").fix("write `=`", at, "=")
    } else {
        let text = format!("let {} =", place.word(name));
        diagnostic.help("`let name = value` binds a name; `name = value` assigns state").fix(
            "write `let`",
            place.span(name, end),
            text,
        )
    })
}

/// `int x = 1`, `let x int = 1`, `let x 1`
pub(super) fn typed_otherwise(place: &Place<'_>) -> Option<Diagnostic> {
    let first = place.steps()?;
    let (a, b, c) = (place.word(first), place.word(first + 1), place.word(first + 2));
    if place.outline.starts_line(first + 1) {
        return None;
    }
    let is_type = |i: usize| {
        place.outline.kind(i) == Some(TokenKind::TypeWord)
            || super::declarations::type_named(place.word(i)).is_some()
    };
    if is_type(first) && place.is_name(first + 1) && c == "=" {
        let ty = super::declarations::type_named(a).unwrap_or(a);
        let text = format!("let {b}: {ty}");
        return Some(
            place
                .error(place.span(first, first + 2), "a name stands before its type")
                .help(format!("write `{text} = …`"))
                .fix(format!("write `{text}`"), place.span(first, first + 2), text.clone()),
        );
    }
    if a != "let" || !place.is_name(first + 1) || place.outline.starts_line(first + 2) {
        return None;
    }
    if is_type(first + 2) && place.word(first + 3) == "=" {
        return Some(
            place
                .error(place.span(first + 2, first + 3), "a type stands after `:`")
                .help(format!("write `let {b}: {c} = …`"))
                .fix("add `:`", place.after(first + 1), ":"),
        );
    }
    let value = match place.outline.kind(first + 2)? {
        TokenKind::Number | TokenKind::QuoteOpen | TokenKind::Plain => true,
        TokenKind::Word => matches!(c, "true" | "false" | "null") || place.word(first + 3) == "(",
        _ => false,
    };
    value.then(|| {
        place
            .error(place.span(first + 2, first + 3), "this `let` has no `=`")
            .help("write `let name = value`")
            .fix("add `=`", place.after(first + 1), " =")
    })
}

/// `let x`, `let x: int`
pub(super) fn no_value(place: &Place<'_>) -> Option<Diagnostic> {
    let first = place.steps()?;
    if place.word(first) != "let" || !place.is_name(first + 1) || place.outline.starts_line(first + 1) {
        return None;
    }
    let end = place.line_end(first);
    let bare = end == first + 2 || place.word(first + 2) == ":" && end > first + 3;
    let has_value = (first..end).any(|i| place.word(i) == "=");
    (bare && !has_value && place.word(end) != "=").then(|| {
        let name = place.word(first + 1);
        place.error(place.span(first, end), "this `let` binds no value").help(format!(
            "give it a value, `let {name} = …`; what is assigned later is declared at the head of the block instead: `state {{ {name}: string }}`, or another type"
        ))
    })
}

/// `let (a, b) = f()`, `let {a} = f()`, `a, b = f()`
pub(super) fn several_names(place: &Place<'_>) -> Option<Diagnostic> {
    let first = place.steps()?;
    let declares = place.word(first) == "let";
    let name = if declares { first + 1 } else { first };
    let bracket = declares && matches!(place.word(name), "(" | "[" | "{");
    let comma = place.is_name(name)
        && place.word(name + 1) == ","
        && place.is_name(name + 2)
        && !place.outline.starts_line(name + 2)
        && place.word(name + 3) == "=";
    (bracket || comma).then(|| {
        place
            .error(place.span(name, name + 1), "a value is bound to one name")
            .help("bind the record, `let r = f()`, and read its fields: `r.a`, `r.b`")
    })
}

/// `if c: g()`, `for x in xs:`, `else:`, `if (c) g()`, `if c then g() end`
pub(super) fn block_without_braces(place: &Place<'_>) -> Option<Diagnostic> {
    let first = place.steps()?;
    let at = place.at;
    let head = (first..at).rev().find(|&i| {
        matches!(
            place.word(i),
            "if" | "for" | "loop" | "else" | "try" | "do" | "finally" | "parallel" | "saga" | "while"
        ) && place.is_word(i)
            && (i == 0 || place.word(i - 1) != ".")
    })?;
    let closes = |i: usize| place.outline.kind(i) == Some(TokenKind::Close) && place.word(i) == "}";
    if (head..at).any(|i| place.word(i) == "{" || closes(i)) || at <= head {
        return None;
    }
    let complete = match place.word(head) {
        "if" | "for" | "while" => place.outline.ends_operand(at - 1) && at > head + 1,
        "loop" => place.outline.ends_operand(at - 1) && at > head + 2,
        _ => at == head + 1,
    };
    if !complete {
        return None;
    }
    let help = format!(
        "the steps stand in braces: `{} {{ … }}`",
        match place.word(head) {
            "if" => "if c",
            "for" => "for x in xs",
            "loop" | "while" => "loop max 10",
            word => word,
        }
    );
    let end = place.line_end(at - 1);
    let word = place.word(at);
    if word == "then" && place.is_word(at) {
        let close = (at + 1..place.outline.tokens.len().min(at + 400))
            .take_while(|&i| place.word(i) != "then")
            .find(|&i| matches!(place.word(i), "end" | "fi") && place.is_word(i));
        let diagnostic = place.error(place.span(at, at + 1), "a block has no `then`").help(help);
        return Some(match close {
            Some(close) => diagnostic.fix_all(
                "write braces",
                vec![place.edit(at, at + 1, "{"), place.edit(close, close + 1, "}")],
            ),
            None => diagnostic,
        });
    }
    if word == ":" {
        let diagnostic = place.error(place.span(at, at + 1), "a block doesn't start with `:`").help(help);
        let body = at + 1;
        if end > body {
            return Some(diagnostic.fix_all(
                "write braces",
                vec![place.edit(at, at + 1, " {"), place.insert_after(end - 1, " }")],
            ));
        }
        let indent = place.indent(head);
        let last = (body..place.outline.tokens.len())
            .take_while(|&i| !place.outline.starts_line(i) || place.indent(i) > indent)
            .take_while(|&i| place.word(i) != "}" || place.indent(i) > indent)
            .last();
        return Some(match last.filter(|&l| l >= body) {
            Some(last) => diagnostic.fix_all(
                "write braces",
                vec![
                    place.edit(at, at + 1, " {"),
                    place.insert_after(last, format!("\n{}}}", " ".repeat(indent))),
                ],
            ),
            None => diagnostic,
        });
    }
    let step = matches!(place.outline.kind(at), Some(TokenKind::Word))
        && !matches!(word, "with" | "catch" | "undo" | "as" | "when" | "and" | "or" | "not" | "in" | "is");
    if step && place.outline.starts_line(at) && place.word(head) != "loop" {
        // The block is the lines that are indented deeper.
        let indent = place.indent(head);
        let deeper = (at..place.outline.tokens.len())
            .take_while(|&i| !place.outline.starts_line(i) || place.indent(i) > indent)
            .take_while(|&i| place.word(i) != "}" || place.indent(i) > indent)
            .last();
        let diagnostic = place
            .error(place.span(head, at), format!("the block of this `{}` has no braces", place.word(head)))
            .help(help);
        return Some(match deeper {
            Some(last) => diagnostic.fix_all(
                "add the braces",
                vec![
                    place.insert_after(at - 1, " {"),
                    place.insert_after(last, format!("\n{}}}", " ".repeat(indent))),
                ],
            ),
            None => diagnostic,
        });
    }
    if !step
        || place.outline.starts_line(at)
        || (at..end).any(|i| matches!(place.word(i), "{" | "}" | "else"))
    {
        return None;
    }
    Some(
        place
            .error(place.span(at, at + 1), format!("expected `{{`, found `{}`", super::clipped(word)))
            .help(help)
            .fix_all("write braces", vec![place.insert_before(at, "{ "), place.insert_after(end - 1, " }")]),
    )
}

impl Place<'_> {
    /// The blank space before the first token of the line of a token.
    pub(super) fn indent(&self, i: usize) -> usize {
        let start = self.outline.tokens.get(i).map_or(0, |t| t.span.start as usize);
        let line = self.outline.text[..start].rfind('\n').map_or(0, |n| n + 1);
        let text = &self.outline.text[line..];
        text.len() - text.trim_start_matches([' ', '\t']).len()
    }
}

/// `unless c { … }`, `until c { … }`, `repeat 3 { … }`, `do { … } while (c)`
pub(super) fn other_loop(place: &Place<'_>) -> Option<Diagnostic> {
    let first = place.steps()?;
    let word = place.word(first);
    let at = place.span(first, first + 1);
    if !place.is_word(first) {
        return None;
    }
    match word {
        "unless" => {
            let diagnostic = place.error(at, "there is no `unless`").help("write `if !(…) { … }`");
            let (open, _) = place.body(first + 2)?;
            let condition = place.text(first + 1, open);
            let text = if place.is_operand(first + 1, open) {
                format!("if !{condition}")
            } else {
                format!("if !({condition})")
            };
            Some(diagnostic.fix("write `if`", place.span(first, open), text))
        }
        "repeat" => {
            let diagnostic = place.error(at, "there is no `repeat`").help("write `loop max 3 { … }`");
            let number = place.outline.kind(first + 1) == Some(TokenKind::Number) || place.is_name(first + 1);
            Some(if number && place.word(first + 2) == "{" {
                diagnostic.fix("write `loop max`", at, "loop max")
            } else if number && place.word(first + 2) == "times" && place.word(first + 3) == "{" {
                let text = format!("loop max {}", place.word(first + 1));
                diagnostic.fix("write `loop max`", place.span(first, first + 3), text)
            } else {
                diagnostic
            })
        }
        "do" if place.word(first + 1) == "{" => {
            let close = place.closing(first + 1)?;
            let test = place.word(close + 1);
            if !matches!(test, "while" | "until") || place.at < close + 1 {
                return None;
            }
            let end = place.line_end(close + 1).min(place.outline.tokens.len());
            let at = place.span(close + 1, close + 2);
            let diagnostic = place
                .error(at, format!("there is no `do … {test}`"))
                .help("write `loop max 10 until … { … }`: it is tested after each turn");
            if end <= close + 2 {
                return Some(diagnostic);
            }
            let condition = place.text(close + 2, end);
            let until = match (test, place.is_operand(close + 2, end)) {
                ("until", _) => condition.to_owned(),
                (_, true) => format!("!{condition}"),
                _ => format!("!({condition})"),
            };
            Some(diagnostic.fix_all(
                "write `loop`",
                vec![
                    place.edit(first, first + 1, format!("loop max 10 until {until}")),
                    Edit {
                        at: flow_source::FileSpan::new(
                            place.file,
                            place.after(close).span.to(place.after(end - 1).span),
                        ),
                        text: String::new(),
                    },
                ],
            ))
        }
        _ => None,
    }
}

/// `throw new Error("x")`, `raise ValueError("x")`, `throw "x"`
pub(super) fn throw(place: &Place<'_>) -> Option<Diagnostic> {
    let first = place.steps()?;
    let word = place.word(first);
    if !matches!(word, "throw" | "raise")
        || !place.is_word(first)
        || matches!(place.word(first + 1), "=" | "+=" | "." | "(")
    {
        return None;
    }
    let diagnostic = place
        .error(place.span(first, first + 1), format!("there is no `{word}` here"))
        .help("write `fail kind(\"message\")`");
    let name = if place.word(first + 1) == "new" { first + 2 } else { first + 1 };
    let call = place.word(name + 1) == "(" && place.outline.attached(name + 1);
    let fixed = match place.outline.kind(name) {
        Some(TokenKind::TypeWord) if call => {
            let kind = super::habits::snake(place.word(name));
            let kind =
                if matches!(kind.as_str(), "error" | "exception") { "failed".to_owned() } else { kind };
            Some((name + 1, format!("fail {kind}")))
        }
        Some(TokenKind::Word) if call => Some((name + 1, format!("fail {}", place.word(name)))),
        Some(TokenKind::Word) if !is_reserved(place.word(name)) && place.line_end(first) == name + 1 => {
            Some((name + 1, format!("fail {}", place.word(name))))
        }
        Some(TokenKind::QuoteOpen) => {
            let close = (name..place.outline.tokens.len())
                .find(|&i| place.outline.kind(i) == Some(TokenKind::QuoteClose))?;
            Some((close + 1, format!("fail failed({})", place.text(name, close + 1))))
        }
        _ => None,
    };
    Some(match fixed {
        Some((end, text)) => diagnostic.fix("write `fail`", place.span(first, end), text),
        None => diagnostic,
    })
}

/// `catch (e) { … }`, `catch e { … }`, `except X as e { … }`, `catch { h() }`
pub(super) fn catch_block(place: &Place<'_>) -> Option<Diagnostic> {
    let near = [
        place.at,
        place.at.wrapping_sub(1),
        place.at.wrapping_sub(2),
        place.at.wrapping_sub(3),
        place.tokens().start,
    ];
    let i = near.into_iter().find(|&i| {
        matches!(place.word(i), "catch" | "except" | "rescue")
            && place.is_word(i)
            && i > 0
            && place.word(i - 1) != "."
    })?;
    let open = (i + 1..place.outline.tokens.len().min(i + 8)).find(|&j| place.word(j) == "{")?;
    let head: Vec<&str> = (i + 1..open).map(|j| place.word(j)).filter(|w| !matches!(*w, "(" | ")")).collect();
    let names = |w: &str| w.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_') && !is_reserved(w);
    let binding = match head[..] {
        [] => None,
        [name] if name.starts_with(|c: char| c.is_ascii_uppercase()) => None,
        [name] if names(name) => Some(name),
        ["as", name] if names(name) => Some(name),
        [kind, "as", name] if names(kind) && names(name) => Some(name),
        [name, ":", _] if names(name) => Some(name),
        _ => return None,
    };
    let ours = place.word(i) == "catch";
    if ours
        && head.is_empty()
        && (matches!(place.word(open + 1), "when" | "else" | "}" | "...") || place.word(open + 2) == ":")
    {
        return None;
    }
    let close = place.closing(open)?;
    if let Some(diagnostic) = arms_of_catch(place, i, open, close) {
        return Some(diagnostic);
    }
    let text = match binding {
        Some(name) => format!("catch {{ else as {name} => {{"),
        None => "catch { else => {".to_owned(),
    };
    let message =
        if ours { "`catch` takes arms".to_owned() } else { format!("there is no `{}` here", place.word(i)) };
    Some(
        place
            .error(place.span(i, open + 1), message)
            .help("write `catch { when timeout => …  else as e => … }`")
            .fix_all("make it an arm", vec![place.edit(i, open + 1, text), place.insert_after(close, " }")]),
    )
}

/// `except { when timeout => … }`, `catch { denied => … }`: the block holds arms already.
fn arms_of_catch(place: &Place<'_>, i: usize, open: usize, close: usize) -> Option<Diagnostic> {
    let mut depth = 0usize;
    let mut edits = Vec::new();
    let (mut arms, mut guess) = (false, open > i + 1);
    for j in open..close {
        match place.outline.kind(j) {
            Some(TokenKind::Open | TokenKind::SpliceOpen) => depth += 1,
            Some(TokenKind::Close | TokenKind::SpliceClose) => depth = depth.saturating_sub(1),
            _ if depth == 1 && place.word(j) == "=>" => {
                arms = true;
                // Back over `a | b` and `as e`.
                let mut first = j - 1;
                while matches!(place.word(first - 1), "|" | "as") && first > open + 2 {
                    first -= 2;
                }
                let head = place.word(first);
                match place.word(first - 1) {
                    "when" => {}
                    _ if head == "else" => {}
                    _ if place.is_name(first) && head != "_" && head != "default" => {
                        edits.push(place.insert_before(first, "when "));
                    }
                    _ => guess = true,
                }
            }
            _ => {}
        }
    }
    if !arms {
        return None;
    }
    if place.word(i) != "catch" {
        edits.insert(0, place.edit(i, i + 1, "catch"));
    }
    let diagnostic = if place.word(i) == "catch" {
        place.error(place.span(i, open + 1), "an arm of `catch` starts with `when` or `else`")
    } else {
        place.error(place.span(i, open + 1), format!("there is no `{}` here", place.word(i)))
    }
    .help("write `catch { when timeout => …  else as e => … }`");
    Some(if guess || edits.is_empty() {
        diagnostic
    } else {
        diagnostic.fix_all("write the arms of a `catch`", edits)
    })
}

/// `pass`
pub(super) fn no_op(place: &Place<'_>) -> Option<Diagnostic> {
    let first = place.steps()?;
    let alone = place.is_word(first)
        && matches!(place.word(first), "pass" | "noop")
        && !place.outline.attached(first + 1)
        && place.line_end(first) == first + 1;
    let last = place.word(first + 1) == "}" && place.is_word(first) && place.word(first) == "pass";
    (alone || last).then(|| {
        let at = place.span(first, first + 1);
        place
            .error(at, format!("there is no `{}`", place.word(first)))
            .help("a block may be empty: `{}`")
            .fix("take it out", at, "")
    })
}

/// `else g()`, `else => g()` of an `if`
pub(super) fn on_error_moved(place: &Place<'_>) -> Option<Diagnostic> {
    let region = place.region?;
    let first = region.first;
    if place.kind() != Some(BlockKind::Steps)
        || place.word(first) != "on"
        || place.word(first + 1) != "error"
        || place.outline.blocks[region.block].parent.is_some()
    {
        return None;
    }
    let block = &place.outline.blocks[region.block];
    let open = (first..region.end).find(|&i| place.word(i) == "{")?;
    let close = place.closing(open)?;
    if place.at <= close || close + 1 >= block.close || place.word(block.close) != "}" {
        return None;
    }
    let text = place.text(first, close + 1);
    let moved =
        flow_source::FileSpan::new(place.file, place.before(first).span.to(place.before(close + 1).span));
    Some(
        place
            .error(place.span(first, first + 2), "`on error` stands at the end of its flow")
            .help("move it behind the last step; it covers every step all the same")
            .fix_all(
                "move it to the end",
                vec![
                    Edit { at: moved, text: String::new() },
                    place.insert_after(
                        block.close - 1,
                        format!("\n{}{text}", " ".repeat(place.indent(first))),
                    ),
                ],
            ),
    )
}

/// `state x: int = 0`, `state: { … }`, `with retry: 3`, `loop max: 3 { … }`
pub(super) fn clause_form(place: &Place<'_>) -> Option<Diagnostic> {
    let first = place.steps()?;
    let word = place.word(first);
    if matches!(word, "state" | "budget") && place.word(first + 1) == ":" && place.word(first + 2) == "{" {
        let at = place.span(first + 1, first + 2);
        return Some(
            place.error(at, format!("`{word}` takes no `:`")).help(format!("write `{word} {{ … }}`")).fix(
                "take `:` out",
                at,
                "",
            ),
        );
    }
    if word == "state" && place.is_name(first + 1) && place.word(first + 2) == ":" {
        let end = place.line_end(first);
        return Some(
            place
                .error(place.span(first, first + 2), "`state` takes braces")
                .help("write `state { name: type = value }` at the head of the block")
                .fix_all(
                    "write braces",
                    vec![place.insert_before(first + 1, "{ "), place.insert_after(end - 1, " }")],
                ),
        );
    }
    let bound = place.tokens().find(|&i| {
        place.word(i) == "max" && place.is_word(i) && matches!(place.word(i + 1), ":" | "=") && i > first
    });
    if let Some(i) = bound
        && matches!(word, "loop" | "for" | "graph" | "parallel")
        && place.at <= i + 2
    {
        let at = place.span(i + 1, i + 2);
        return Some(
            place.error(at, format!("`max` takes no `{}`", place.word(i + 1))).help("write `max 3`").fix(
                "take it out",
                at,
                if place.outline.attached(i + 2) { " " } else { "" },
            ),
        );
    }
    let with = place.tokens().find(|&i| {
        place.word(i) == "with"
            && place.is_word(i)
            && place.is_name(i + 1)
            && matches!(place.word(i + 2), ":" | "=")
    })?;
    let end = place.line_end(with);
    let assigns = place.word(with + 2) == "=";
    if place.at < with
        || place.at > with + 2
        || (with..end).any(|i| matches!(place.word(i), "{" | "catch" | "undo"))
    {
        return None;
    }
    let mut edits = vec![place.insert_before(with + 1, "{")];
    if assigns {
        edits.push(place.edit(with + 2, with + 3, ":"));
    }
    edits.push(place.insert_after(end - 1, "}"));
    Some(
        place
            .error(place.span(with, with + 2), "`with` takes a record")
            .help("write `with {retry: 3, timeout: 20s}`")
            .fix_all("write braces", edits),
    )
}

/// A value at the end of a body that is to be returned: `code f(n: int) -> int { n * 2 }`
pub(super) fn implicit_return(place: &Place<'_>) -> Option<Diagnostic> {
    let region = place.region?;
    let block = &place.outline.blocks[region.block];
    let first = place.steps()?;
    let returns = (0..block.open).any(|i| place.word(i) == "->");
    let last = block.elements.last() == Some(&first)
        && (place.outline.starts_line(first) || first == block.open + 1);
    let value = match place.outline.kind(first)? {
        TokenKind::Word => {
            !is_reserved(place.word(first)) || matches!(place.word(first), "true" | "false" | "null")
        }
        TokenKind::TypeWord | TokenKind::Number | TokenKind::QuoteOpen | TokenKind::Plain => true,
        _ => false,
    };
    let end = region.end;
    let lone = end == first + 1
        || !(place.is_word(first)
            && place.is_word(first + 1)
            && !matches!(place.word(first + 1), "in" | "is" | "as"));
    let plain = (first..end).all(|i| !matches!(place.word(i), "=" | "{" | ";" | "+=" | "=>" | ":"))
        && place.outline.ends_operand(end - 1);
    (block.parent.is_none() && returns && last && value && plain && lone).then(|| {
        place.error(place.span(first, end), "a value alone is no step").help("write `return` before it").fix(
            "add `return`",
            place.before(first),
            "return ",
        )
    })
}
