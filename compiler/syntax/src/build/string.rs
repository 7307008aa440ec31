//! Strings: dedenting, escapes, splices, and the nesting of directives (G8, G10).

use flow_diagnostics::Code;
use flow_grammar::Rule;
use flow_source::Span;
use pest::iterators::Pair;
use smol_str::SmolStr;

use super::{Builder, Cursor, span_of};
use crate::tree::{Expr, ExprKind, Literal, Name, Piece, Template, TemplateFor, TemplateIf};

/// The most directives inside each other.
const DIRECTIVES_MAX: usize = 128;

/// How the lines of a block are cut: where its text starts and ends, and how much blank space each line loses.
struct Layout {
    content: Span,
    indent: usize,
}

/// The text of a string as it is gone through, line by line.
struct Writer {
    out: String,
    indent: usize,
    at_line_start: bool,
    /// The line break that ends a directive's line belongs to the directive.
    skip_break: bool,
}

/// A directive that is open.
enum Frame {
    For { index: Option<Name>, item: Name, over: Expr, span: Span },
    If { done: Vec<(Expr, Vec<Piece>)>, condition: Option<Expr>, span: Span },
}

impl Builder<'_> {
    /// `string`: a literal, or a template if it has splices or directives.
    pub(super) fn string(&mut self, pair: Pair<'_, Rule>) -> ExprKind {
        self.template(pair, false)
    }

    fn template(&mut self, pair: Pair<'_, Rule>, constant: bool) -> ExprKind {
        let (text, span) = (pair.as_str(), span_of(&pair));
        let layout = layout(text, span);
        let mut writer = Writer {
            out: String::new(),
            indent: layout.indent,
            at_line_start: layout.indent > 0,
            skip_break: false,
        };
        let mut at = layout.content.start;
        let mut pieces = Pieces { frames: Vec::new(), bodies: vec![Vec::new()] };
        let mut braces = if constant { Vec::new() } else { super::jinja::find(text, span) };
        if !braces.is_empty() {
            let parts: Vec<Span> = pair
                .clone()
                .into_inner()
                .filter(|part| matches!(part.as_rule(), Rule::splice | Rule::directive))
                .map(|part| span_of(&part))
                .collect();
            braces.retain(|b| {
                let next = parts.partition_point(|part| part.end <= b.span.start);
                parts.get(next).is_none_or(|part| b.span.end <= part.start)
            });
        }
        if !braces.is_empty() {
            self.jinja(&braces);
        }
        let mut braces = braces.into_iter().peekable();
        for part in pair.into_inner() {
            let part_span = span_of(&part);
            let (is_splice, is_directive) =
                (part.as_rule() == Rule::splice, part.as_rule() == Rule::directive);
            if !is_splice && !is_directive {
                continue;
            }
            // What Jinja braces hold is read as if it were spliced.
            while let Some(brace) = braces.next_if(|b| b.span.end <= part_span.start) {
                self.write(&mut writer, text, span, at, brace.span.start);
                at = at.max(brace.span.end);
                pieces.text(&mut writer.out);
                pieces.push(Piece::Splice(brace.value));
            }
            self.write(&mut writer, text, span, at, part_span.start);
            at = part_span.end;
            if is_splice {
                writer.at_line_start = false;
                pieces.text(&mut writer.out);
                let expr = self.inner_expr(part);
                pieces.push(Piece::Splice(expr));
            } else {
                // The line break before it ends the line before, unless that is a directive's or the opening one.
                if !std::mem::take(&mut writer.skip_break) && part_span.start >= layout.content.start {
                    writer.out.push('\n');
                }
                writer.skip_break = true;
                pieces.text(&mut writer.out);
                self.directive(Cursor::new(part).take(), part_span, &mut pieces);
            }
        }
        for brace in braces {
            self.write(&mut writer, text, span, at, brace.span.start);
            at = at.max(brace.span.end);
            pieces.text(&mut writer.out);
            pieces.push(Piece::Splice(brace.value));
        }
        self.write(&mut writer, text, span, at, layout.content.end);
        if pieces.frames.is_empty() && pieces.bodies.len() == 1 && pieces.bodies[0].is_empty() {
            return ExprKind::Literal(Literal::String(writer.out.into()));
        }
        pieces.text(&mut writer.out);
        while let Some(frame) = pieces.frames.last() {
            let (what, at) = match frame {
                Frame::For { span, .. } => ("for", *span),
                Frame::If { span, .. } => ("if", *span),
            };
            self.report(
                Code::BadDirective,
                trimmed(self.text, at),
                format!("`${{{what}}}` has no `${{end}}`"),
            )
            .help = Some("close it with `${end}` on a line of its own".to_owned());
            pieces.end(at);
        }
        ExprKind::Template(Template { pieces: pieces.bodies.pop().unwrap_or_default() })
    }

    /// A string that must be constant.
    pub(super) fn constant_string(&mut self, pair: Pair<'_, Rule>) -> SmolStr {
        let span = span_of(&pair);
        match self.template(pair, true) {
            ExprKind::Literal(Literal::String(text)) => text,
            _ => {
                self.report(Code::UnexpectedToken, span, "a string here can't hold `${}`").help =
                    Some("it is read before anything runs: write the text itself".to_owned());
                SmolStr::default()
            }
        }
    }

    fn directive(&mut self, pair: Pair<'_, Rule>, span: Span, pieces: &mut Pieces) {
        let at = trimmed(self.text, span);
        if pieces.frames.len() >= DIRECTIVES_MAX && matches!(pair.as_rule(), Rule::for_open | Rule::if_open) {
            if pieces.frames.len() == DIRECTIVES_MAX {
                self.report(
                    Code::NestingTooDeep,
                    at,
                    format!("more than {DIRECTIVES_MAX} directives inside each other"),
                );
            }
            return;
        }
        let mut cursor = Cursor::new(pair.clone());
        match pair.as_rule() {
            Rule::for_open => {
                let binding = self.binding(cursor.take());
                pieces.open(Frame::For {
                    index: binding.index,
                    item: binding.item,
                    over: binding.over,
                    span,
                });
            }
            Rule::if_open => {
                let condition = Some(self.expr(cursor.take()));
                pieces.open(Frame::If { done: Vec::new(), condition, span });
            }
            Rule::else_if | Rule::else_open => {
                let next = cursor.next().map(|pair| self.expr(pair));
                let body = pieces.bodies.last_mut().map(std::mem::take).unwrap_or_default();
                match pieces.frames.last_mut() {
                    Some(Frame::If { done, condition, .. }) if condition.is_some() => {
                        done.extend(condition.take().map(|c| (c, body)));
                        *condition = next;
                    }
                    _ => {
                        if let Some(last) = pieces.bodies.last_mut() {
                            *last = body;
                        }
                        self.report(Code::BadDirective, at, "`${else}` belongs to no `${if}`").help = Some(
                            "an `${if}` has at most one `${else}`, as its last branch; a `${for}` has none"
                                .to_owned(),
                        );
                    }
                }
            }
            _ if pieces.frames.is_empty() => {
                self.report(Code::BadDirective, at, "`${end}` closes nothing").help =
                    Some("take it out; a value named `end` is written `${(end)}`".to_owned());
            }
            _ => pieces.end(span),
        }
    }

    /// Writes the raw text between two bytes: dedented, line breaks as `\n`, escapes resolved.
    fn write(&mut self, writer: &mut Writer, text: &str, string: Span, from: u32, to: u32) {
        if from >= to {
            return;
        }
        let raw = &text[(from - string.start) as usize..(to - string.start) as usize];
        let mut rest = raw;
        while let Some(c) = rest.chars().next() {
            let at = from + (raw.len() - rest.len()) as u32;
            if writer.at_line_start && writer.indent > 0 {
                let blank =
                    rest.bytes().take(writer.indent).take_while(|b| matches!(b, b' ' | b'\t')).count();
                writer.at_line_start = false;
                if blank > 0 {
                    rest = &rest[blank..];
                    continue;
                }
            }
            match c {
                '\r' if rest[1..].starts_with('\n') => rest = &rest[1..],
                '\n' => {
                    if !std::mem::take(&mut writer.skip_break) {
                        writer.out.push('\n');
                    }
                    writer.at_line_start = true;
                    rest = &rest[1..];
                }
                ' ' | '\t' if writer.skip_break => rest = &rest[1..],
                '\\' => {
                    let taken = self.escape(&mut writer.out, rest, at);
                    rest = &rest[taken..];
                }
                _ => {
                    let plain = rest.find(['\n', '\r', '\\']).unwrap_or(rest.len()).max(c.len_utf8());
                    writer.out.push_str(&rest[..plain]);
                    rest = &rest[plain..];
                }
            }
        }
    }

    /// Resolves the escape at the head of `rest`; returns its length in bytes.
    fn escape(&mut self, out: &mut String, rest: &str, at: u32) -> usize {
        match unescape(rest, false) {
            Some((Unit::Char(c), taken)) => {
                out.push(c);
                taken
            }
            _ => {
                let taken = rest.char_indices().nth(2).map_or(rest.len(), |(n, _)| n);
                self.bad_escape(&rest[..taken], Span::new(at, at + taken as u32));
                taken
            }
        }
    }

    fn bad_escape(&mut self, text: &str, span: Span) {
        let file_span = self.at(span);
        let doubled = format!("\\{text}");
        let diagnostic = self.report(Code::BadEscape, span, format!("no string knows the escape `{text}`"));
        diagnostic.help =
            Some("a backslash itself is `\\\\`; `r\"…\"` takes backslashes as they are".to_owned());
        diagnostic.fixes.push(flow_diagnostics::Fix {
            title: "double the backslash".to_owned(),
            edits: vec![flow_diagnostics::Edit { at: file_span, text: doubled }],
        });
    }

    /// `plain_string`: `'…'`, `r"…"`, `b"…"`
    pub(super) fn plain_string(&mut self, pair: &Pair<'_, Rule>) -> ExprKind {
        let (text, span) = (pair.as_str(), span_of(pair));
        let quote = text.find(['"', '\'']).unwrap_or(0);
        let prefix = text[..quote].to_ascii_lowercase();
        let (raw, bytes) = (prefix.contains('r'), prefix.contains('b'));
        let block = ["\"\"\"", "'''"].iter().any(|mark| text[quote..].starts_with(mark));
        let marks = if block { 3 } else { 1 };
        let body =
            &text[(quote + marks).min(text.len())..text.len().saturating_sub(marks).max(quote + marks)];
        let start = span.start + (quote + marks) as u32;
        let mut chars = String::new();
        let mut data = Vec::new();
        let mut rest = body;
        while let Some(c) = rest.chars().next() {
            let at = start + (body.len() - rest.len()) as u32;
            let (unit, taken) = match c {
                '\\' if !raw => match unescape(rest, bytes) {
                    Some(found) => found,
                    None => {
                        let taken = rest.char_indices().nth(2).map_or(rest.len(), |(n, _)| n);
                        self.bad_escape(&rest[..taken], Span::new(at, at + taken as u32));
                        (Unit::Char(' '), taken)
                    }
                },
                '\r' if rest[1..].starts_with('\n') => (Unit::Char('\n'), 2),
                _ => (Unit::Char(c), c.len_utf8()),
            };
            match unit {
                Unit::Char(c) if bytes => data.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes()),
                Unit::Char(c) => chars.push(c),
                Unit::Byte(b) => data.push(b),
            }
            rest = &rest[taken..];
        }
        ExprKind::Literal(if bytes { Literal::Bytes(data.into()) } else { Literal::String(chars.into()) })
    }
}

/// The pieces of a template while its directives are open: one body per open directive, and the outermost.
struct Pieces {
    frames: Vec<Frame>,
    bodies: Vec<Vec<Piece>>,
}

impl Pieces {
    fn push(&mut self, piece: Piece) {
        if let Some(body) = self.bodies.last_mut() {
            body.push(piece);
        }
    }

    fn text(&mut self, out: &mut String) {
        if !out.is_empty() {
            self.push(Piece::Text(std::mem::take(out).into()));
        }
    }

    fn open(&mut self, frame: Frame) {
        self.frames.push(frame);
        self.bodies.push(Vec::new());
    }

    fn end(&mut self, end: Span) {
        let (Some(frame), Some(body)) = (self.frames.pop(), self.bodies.pop()) else { return };
        self.push(match frame {
            Frame::For { index, item, over, span } => {
                Piece::For(Box::new(TemplateFor { index, item, over, body, span: span.to(end) }))
            }
            Frame::If { mut done, condition, span } => {
                let otherwise = match condition {
                    Some(condition) => {
                        done.push((condition, body));
                        None
                    }
                    None => Some(body),
                };
                Piece::If(TemplateIf { branches: done, otherwise, span: span.to(end) })
            }
        });
    }
}

/// A directive's span without the line break and blank space before it.
fn trimmed(text: &str, span: Span) -> Span {
    let skipped = text[span.range()].find('$').unwrap_or(0) as u32;
    Span::new(span.start + skipped, span.end)
}

fn layout(text: &str, span: Span) -> Layout {
    if !text.starts_with("\"\"\"") {
        return Layout { content: Span::new(span.start + 1, (span.end - 1).max(span.start + 1)), indent: 0 };
    }
    let body = &text[3..text.len() - 3];
    let (from, to, indent) = block_layout(body);
    let start = span.start + 3;
    Layout { content: Span::new(start + from as u32, start + to as u32), indent }
}

/// Where the text of a block starts and ends, and its indentation. It is dedented only if a line break follows its opening:
/// by the blank space before the closing quotes if they stand alone on their line, else by the least of its lines.
fn block_layout(body: &str) -> (usize, usize, usize) {
    let from = if body.starts_with('\n') {
        1
    } else if body.starts_with("\r\n") {
        2
    } else {
        return (0, body.len(), 0);
    };
    let last = body.rfind('\n').unwrap_or(0);
    let tail = &body[last + 1..];
    if tail.bytes().all(|b| matches!(b, b' ' | b'\t')) {
        let to = if body[..last].ends_with('\r') { last - 1 } else { last };
        return (from, to.max(from), tail.len());
    }
    let least = body[from..]
        .split('\n')
        .filter(|line| !line.trim().is_empty())
        .map(|line| line.len() - line.trim_start_matches([' ', '\t']).len())
        .min();
    (from, body.len(), least.unwrap_or(0))
}

/// A raw block without its quotes, dedented as a template is.
fn dedent(body: &str) -> String {
    let (from, to, indent) = block_layout(body);
    let lines = body[from..to].split('\n').map(|line| {
        let line = line.strip_suffix('\r').unwrap_or(line);
        let blank = line.bytes().take(indent).take_while(|b| matches!(b, b' ' | b'\t')).count();
        &line[blank..]
    });
    lines.collect::<Vec<_>>().join("\n")
}

/// The text of `python:` without its quotes.
pub(super) fn python_text(text: &str) -> SmolStr {
    match text.strip_prefix("\"\"\"").and_then(|t| t.strip_suffix("\"\"\"")) {
        Some(body) => dedent(body).into(),
        None => text.get(1..text.len() - 1).unwrap_or("").into(),
    }
}

enum Unit {
    Char(char),
    Byte(u8),
}

/// What the escape at the head of `rest` stands for, and its length. `\x` and octal escapes are bytes in bytes.
fn unescape(rest: &str, bytes: bool) -> Option<(Unit, usize)> {
    let c = rest[1..].chars().next()?;
    let simple = match c {
        'a' => '\x07',
        'b' => '\x08',
        'f' => '\x0c',
        'n' => '\n',
        'r' => '\r',
        't' => '\t',
        'v' => '\x0b',
        '\\' | '?' | '"' | '\'' | '`' => c,
        '$' if !bytes => '$',
        _ => {
            let (from, digits, radix) = match c {
                'x' | 'X' => (2, 2, 16),
                'u' if !bytes => (2, 4, 16),
                'U' if !bytes => (2, 8, 16),
                '0'..='3' => (1, 3, 8),
                _ => return None,
            };
            let code = rest.get(from..from + digits)?;
            if !code.chars().all(|c| c.is_digit(radix)) {
                return None;
            }
            let value = u32::from_str_radix(code, radix).ok()?;
            let unit = if bytes {
                Unit::Byte(u8::try_from(value).ok()?)
            } else {
                Unit::Char(char::from_u32(value)?)
            };
            return Some((unit, from + digits));
        }
    };
    Some((Unit::Char(simple), 2))
}

#[cfg(test)]
mod tests {
    use super::dedent;

    #[test]
    fn blocks_lose_the_indentation_of_their_closing_quotes() {
        assert_eq!(dedent("\n    a\n      b\n\n    "), "a\n  b\n");
        assert_eq!(dedent("\n    a\n    b\n    "), "a\nb");
        assert_eq!(dedent("a\n  b"), "a\n  b", "no line break after the opening");
        assert_eq!(dedent("\n  a\n   b"), "a\n b");
        assert_eq!(dedent("\r\n  a\r\n  "), "a");
    }
}
