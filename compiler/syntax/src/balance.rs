//! Closes what an item leaves open, where its layout says that it was to be closed, so that all the rest of it is read.

use flow_source::Span;

use crate::lexer::{Flaw, Lexer, TokenKind};
use crate::outline::Outline;
use crate::patch::Patch;
use crate::scan::Fields;

/// The most brackets of one item that are closed; one with more is given up.
const OPEN_MAX: usize = 8;

/// Something that was never closed.
#[derive(Clone, Debug)]
pub(crate) struct Repair {
    /// What opens it.
    pub(crate) open: Span,
    /// What closes further out, if that is how it was found.
    pub(crate) found: Option<Span>,
    /// Where it is closed, and by what.
    pub(crate) at: u32,
    pub(crate) text: String,
    /// The bracket of another kind that stands in the place of the right one.
    pub(crate) instead_of: Option<Span>,
}

/// A bracket that is open, by its token.
#[derive(Clone, Copy)]
struct Open {
    token: usize,
    /// The blank space before the first token of its line, and its line.
    indent: usize,
    line: usize,
}

/// A bracket that is never closed: its opening, and the token that closes one further out.
type Unclosed = (Open, usize);

/// What closes all that is open in the text of an item, in order; `None` if nothing is or too much.
pub(crate) fn balance(text: &str) -> Option<(Patch, Vec<Repair>)> {
    let mut repairs: Vec<Repair> = Vec::new();
    let mut patch = Patch::default();
    let mut closed = text.to_owned();
    if let Some(open) = open_block(text) {
        let (at, indent) = block_end(text, open);
        let ending = format!("\n{}\"\"\"", " ".repeat(indent));
        patch.replace(Span::at(at), ending.clone());
        closed = patch.apply(text);
        let open = Span::new(open, open + 3);
        repairs.push(Repair { open, found: None, at, text: ending, instead_of: None });
    }
    let outline = Outline::new(&closed);
    let lines = Lines::new(&outline);
    let plain = unclosed(&outline, &lines, false);
    let by_layout = unclosed(&outline, &lines, true);
    let same = by_layout.0.len() == plain.0.len() && by_layout.1.len() == plain.1.len();
    let mut chosen = if same { by_layout } else { plain };
    if chosen.0.len() > OPEN_MAX || (chosen.0.is_empty() && repairs.is_empty()) {
        return None;
    }
    let mut found: Vec<Repair> = Vec::new();
    for &(open, limit) in &chosen.0 {
        // `[1, 2)`: the one that closes nothing was to close it.
        let right = if outline.word(open.token) == "(" { ")" } else { "]" };
        let other = chosen.1.iter().position(|&i| {
            outline.word(i) != right
                && i > open.token
                && i < limit
                && lines.line(i) == open.line
                && outline.word(open.token) != "{"
        });
        found.push(match other.map(|n| chosen.1.remove(n)) {
            Some(i) => {
                let span = outline.tokens[i].span;
                let text = if outline.word(open.token) == "(" { ")" } else { "]" };
                let open = outline.tokens[open.token].span;
                Repair { open, found: None, at: span.start, text: text.to_owned(), instead_of: Some(span) }
            }
            None => close(&outline, &lines, open, limit),
        });
    }
    // Where several are closed at one place, the innermost is first.
    found.sort_by_key(|r| (r.at, std::cmp::Reverse(r.open.start)));
    for mut repair in found {
        repair.open = patch.span_back(repair.open);
        repair.found = repair.found.map(|span| patch.span_back(span));
        repair.at = patch.back(repair.at, true);
        repair.instead_of = repair.instead_of.map(|span| patch.span_back(span));
        repairs.push(repair);
    }
    let mut whole = Patch::default();
    for repair in &repairs {
        let at = repair.instead_of.unwrap_or(Span::at(repair.at));
        if !whole.replace(at, repair.text.clone()) {
            return None;
        }
    }
    repairs.sort_by_key(|r| r.open.start);
    Some((whole, repairs))
}

/// Where a `"""` opens that is never closed.
fn open_block(text: &str) -> Option<u32> {
    let mut lexer = Lexer::new(text, 0);
    let mut fields = Fields::default();
    let mut open = None;
    while let Some(token) = lexer.next_token() {
        if let Some(Flaw::OpenString { at, block: true }) = lexer.flaw {
            open = Some(at);
        }
        fields.see(&mut lexer, token);
    }
    if let Some(Flaw::OpenString { at, block: true }) = lexer.flaw {
        open = Some(at);
    }
    open
}

/// Where a block of text ends by its layout, before the first line that isn't indented deeper than the one that opens it;
/// and its indentation.
fn block_end(text: &str, open: u32) -> (u32, usize) {
    let start = text[..open as usize].rfind('\n').map_or(0, |n| n + 1);
    let indent = indent_of(&text[start..]);
    let mut end = text.len();
    let mut at = text[open as usize..].find('\n').map_or(text.len(), |n| open as usize + n + 1);
    let mut inner = indent + 2;
    let mut first = true;
    while at < text.len() {
        let line = &text[at..text[at..].find('\n').map_or(text.len(), |n| at + n)];
        if !line.trim().is_empty() {
            if indent_of(line) <= indent {
                end = at;
                break;
            }
            if std::mem::take(&mut first) {
                inner = indent_of(line);
            }
        }
        at += line.len() + 1;
    }
    (text[..end].trim_end().len().max(open as usize + 3) as u32, inner)
}

fn indent_of(line: &str) -> usize {
    line.len() - line.trim_start_matches([' ', '\t']).len()
}

/// The line and the indentation of each token.
struct Lines(Vec<(usize, usize)>);

impl Lines {
    fn new(outline: &Outline<'_>) -> Self {
        let (mut line, mut indent, mut done) = (0, 0, 0);
        let mut all = Vec::with_capacity(outline.tokens.len());
        for (i, token) in outline.tokens.iter().enumerate() {
            let start = token.span.start as usize;
            line += outline.text[done..start].bytes().filter(|b| *b == b'\n').count();
            done = start;
            if outline.starts_line(i) {
                indent = indent_of(&outline.text[outline.text[..start].rfind('\n').map_or(0, |n| n + 1)..]);
            }
            all.push((line, indent));
        }
        Self(all)
    }

    fn line(&self, i: usize) -> usize {
        self.0.get(i).map_or(usize::MAX, |l| l.0)
    }

    fn indent(&self, i: usize) -> usize {
        self.0.get(i).map_or(0, |l| l.1)
    }
}

/// The brackets that are never closed, and how many closing ones close nothing. By layout a brace at the head of its line
/// closes the one whose line is indented as it is.
fn unclosed(outline: &Outline<'_>, lines: &Lines, by_layout: bool) -> (Vec<Unclosed>, Vec<usize>) {
    let mut open: Vec<Open> = Vec::new();
    let mut found: Vec<Unclosed> = Vec::new();
    let mut stray = Vec::new();
    for i in 0..outline.tokens.len() {
        match outline.kind(i) {
            Some(TokenKind::Open | TokenKind::SpliceOpen) => {
                open.push(Open { token: i, indent: lines.indent(i), line: lines.line(i) });
            }
            Some(TokenKind::SpliceClose) => {
                if let Some(n) = open.iter().rposition(|o| outline.word(o.token) == "${") {
                    found.extend(open.drain(n..).skip(1).map(|o| (o, i)));
                }
            }
            Some(TokenKind::Close) => {
                let opening = match outline.word(i) {
                    ")" => "(",
                    "]" => "[",
                    _ => "{",
                };
                let floor = open.iter().rposition(|o| outline.word(o.token) == "${").map_or(0, |n| n + 1);
                let matches = |o: &Open| outline.word(o.token) == opening;
                let plain = open[floor..].iter().rposition(matches);
                let laid_out = (by_layout && opening == "{" && outline.starts_line(i))
                    .then(|| {
                        open[floor..].iter().rposition(|o| {
                            matches(o) && o.indent == lines.indent(i) && o.line < lines.line(i)
                        })
                    })
                    .flatten();
                match laid_out.or(plain) {
                    Some(n) => found.extend(open.drain(floor + n..).skip(1).map(|o| (o, i))),
                    None => stray.push(i),
                }
            }
            // A string that its line ends takes the brackets of its line with it.
            Some(TokenKind::QuoteOpen) if !closes_on_its_line(outline, i) => {
                while open.last().is_some_and(|o| o.line == lines.line(i) && outline.word(o.token) != "{") {
                    open.pop();
                }
            }
            _ => {}
        }
    }
    found.extend(open.into_iter().map(|o| (o, outline.tokens.len())));
    (found, stray)
}

fn closes_on_its_line(outline: &Outline<'_>, i: usize) -> bool {
    if outline.word(i) == "\"\"\"" {
        return true;
    }
    // The text of a `"…"` and its quotes are neighbours; of one with splices the lexer has told already.
    match outline.kind(i + 1) {
        Some(TokenKind::Text) => {
            matches!(outline.kind(i + 2), Some(TokenKind::QuoteClose | TokenKind::SpliceOpen))
        }
        Some(TokenKind::QuoteClose | TokenKind::SpliceOpen) => true,
        _ => false,
    }
}

/// Where a bracket was to be closed: before the line that is no deeper than its own, or where its own line ends.
fn close(outline: &Outline<'_>, lines: &Lines, open: Open, limit: usize) -> Repair {
    let opening = outline.word(open.token);
    let brace = opening == "{";
    let mut depth = 0usize;
    let mut stop = limit;
    for i in open.token + 1..limit {
        let starts = outline.starts_line(i);
        if depth == 0 && starts && lines.indent(i) <= open.indent {
            stop = i;
            break;
        }
        if depth == 0 && !brace {
            let before = outline.ends_operand(i - 1);
            let next_step = starts && before && outline.kind(i) == Some(TokenKind::Word);
            let block = outline.word(i) == "{" && before && !outline.attached(i);
            if next_step || block || matches!(outline.word(i), "->" | "=>") {
                stop = i;
                break;
            }
        }
        match outline.kind(i) {
            Some(TokenKind::Open | TokenKind::SpliceOpen) => depth += 1,
            Some(TokenKind::Close | TokenKind::SpliceClose) => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    let last = outline.tokens[stop.saturating_sub(1).max(open.token)].span;
    let text = match opening {
        "(" => ")".to_owned(),
        "[" => "]".to_owned(),
        _ if lines.line(stop) != open.line && (stop < limit || lines.line(stop - 1) != open.line) => {
            format!("\n{}}}", " ".repeat(open.indent))
        }
        _ => " }".to_owned(),
    };
    let found = outline.tokens.get(limit).map(|t| t.span);
    Repair { open: outline.tokens[open.token].span, found, at: last.end, text, instead_of: None }
}

#[cfg(test)]
mod tests {
    use super::balance;

    fn closed(text: &str) -> String {
        balance(text).map_or_else(|| text.to_owned(), |(mut patch, _)| patch.apply(text))
    }

    #[test]
    fn the_layout_tells_what_is_open() {
        assert_eq!(
            closed("flow a() {\n  if x {\n    g()\n  h()\n}"),
            "flow a() {\n  if x {\n    g()\n  }\n  h()\n}"
        );
        assert_eq!(closed("flow a() {\n  if x {\n    g()\n}"), "flow a() {\n  if x {\n    g()\n  }\n}");
        assert_eq!(closed("flow a() {\n  g()"), "flow a() {\n  g()\n}");
        assert_eq!(closed("flow a(x: int -> int { g() }"), "flow a(x: int) -> int { g() }");
        assert_eq!(closed("flow a() {\n  g([1, 2)\n  h(\n}"), "flow a() {\n  g([1, 2])\n  h()\n}");
        assert_eq!(
            closed("flow a() {\n  let x = [1,\n    2\n  g(x)\n}"),
            "flow a() {\n  let x = [1,\n    2]\n  g(x)\n}"
        );
    }

    #[test]
    fn a_block_of_text_ends_with_its_indentation() {
        assert_eq!(
            closed("prompt a() -> string {\n  user: \"\"\"\n    Hi\n  retry: 2\n}"),
            "prompt a() -> string {\n  user: \"\"\"\n    Hi\n    \"\"\"\n  retry: 2\n}"
        );
    }
}
