//! Jinja braces in a text, which would be sent as they stand: `{{ name }}` and `{% if c %}`.

use flow_diagnostics::{Code, Diagnostic, Edit};
use flow_source::Span;

use super::Builder;
use crate::tree::{Expr, ExprKind, Member, Name};

/// The most characters that are looked through for the braces that close.
const BRACES_CHARS_MAX: usize = 256;

/// Braces that look like Jinja's.
pub(super) struct Braces {
    pub(super) span: Span,
    /// What they hold, if it is a name or a field of one.
    pub(super) value: Expr,
    /// What is written instead, if that can be told.
    instead: Option<String>,
    directive: bool,
}

impl Builder<'_> {
    /// Reports the braces of one text, all together.
    pub(super) fn jinja(&mut self, braces: &[Braces]) {
        let Some(first) = braces.first() else { return };
        // A directive is closed by another: all of them can be written, or none.
        let directives = braces.iter().all(|b| !b.directive || b.instead.is_some());
        let edits: Vec<Edit> = braces
            .iter()
            .filter(|b| directives || !b.directive)
            .filter_map(|b| Some(Edit { at: self.at(b.span), text: b.instead.clone()? }))
            .collect();
        let message = "Jinja braces mean nothing here: they are sent as they stand";
        let diagnostic = Diagnostic::new(Code::UnexpectedToken, self.at(first.span), message);
        let diagnostic = if braces.iter().any(|b| b.directive) {
            diagnostic.help(
                "in a `\"\"\"` text, on lines of their own, stand `${for x in xs}`, `${if c}`, `${else}` and `${end}`",
            )
        } else {
            diagnostic.help("write `${name}`; a text that needs the braces themselves is `'…'` or `r\"…\"`")
        };
        self.diagnostics.push(if edits.is_empty() {
            diagnostic
        } else {
            diagnostic.fix_all("write `${…}`", edits)
        });
    }
}

/// The Jinja braces of a string, with its quotes; `string` is where it stands.
pub(super) fn find(text: &str, string: Span) -> Vec<Braces> {
    let mut found = Vec::new();
    let mut from = 0;
    while let Some(n) = text[from..].find('{') {
        let at = from + n;
        let braces = match text.as_bytes().get(at + 1) {
            Some(b'{') => value(text, at, string),
            Some(b'%') => directive(text, at, string),
            _ => None,
        };
        from = match &braces {
            Some(b) => (b.span.end - string.start) as usize,
            None => at + 1,
        };
        found.extend(braces);
    }
    // What a directive binds is known to Jinja alone.
    if found.iter().any(|b: &Braces| b.directive) {
        found.iter_mut().for_each(|b| b.value.kind = ExprKind::Error);
    }
    found
}

/// `{{ name }}`, `{{ a.b | upper }}`; `{{"a": 1}}` and `{{a: 1}}` are none.
fn value(text: &str, at: usize, string: Span) -> Option<Braces> {
    let inner = line_until(&text[at + 2..], "}}")?;
    let trimmed = inner.trim_matches('-').trim();
    let length = path(trimmed);
    let rest = trimmed[length..].trim_start();
    let filter = rest.strip_prefix('|').is_some_and(|r| path(r.trim_start()) > 0);
    if length == 0 || !(rest.is_empty() || filter) {
        return None;
    }
    let start = at + 2 + (trimmed.as_ptr() as usize - inner.as_ptr() as usize);
    let span = |from: usize, to: usize| Span::new(string.start + from as u32, string.start + to as u32);
    let mut end = start;
    let mut expr: Option<Expr> = None;
    for word in trimmed[..length].split('.') {
        let at = span(end, end + word.len());
        end += word.len() + 1;
        expr = Some(match expr.take() {
            None => Expr { kind: ExprKind::Name(word.into()), span: at },
            Some(object) => {
                let span = object.span.to(at);
                let name = Name { text: word.into(), span: at };
                Expr { kind: ExprKind::Member(Box::new(Member { object, name, optional: false })), span }
            }
        });
    }
    let instead = rest.is_empty().then(|| format!("${{{trimmed}}}"));
    Some(Braces { span: span(at, at + 4 + inner.len()), value: expr?, instead, directive: false })
}

/// `{% for x in xs %}`, `{% endif %}`
fn directive(text: &str, at: usize, string: Span) -> Option<Braces> {
    let inner = line_until(&text[at + 2..], "%}")?;
    let trimmed = inner.trim_matches(['-', '+']).trim();
    let word = &trimmed[..path(trimmed)];
    let rest = trimmed[word.len()..].trim();
    if word.is_empty() {
        return None;
    }
    let end = at + 4 + inner.len();
    let alone = text.starts_with("\"\"\"")
        && text[..at].rsplit_once('\n').is_some_and(|(_, before)| before.trim().is_empty())
        && text[end..].split_once('\n').is_some_and(|(after, _)| after.trim().is_empty());
    let plain = !rest.contains(['|', '{', '}', '"', '\''])
        && !rest.split_whitespace().any(|w| matches!(w, "and" | "or" | "not" | "is"));
    let instead = match word {
        "for" | "if" if plain && !rest.is_empty() => Some(format!("${{{word} {rest}}}")),
        "elif" if plain && !rest.is_empty() => Some(format!("${{else if {rest}}}")),
        "else" if rest.is_empty() => Some("${else}".to_owned()),
        "endfor" | "endif" if rest.is_empty() => Some("${end}".to_owned()),
        _ => None,
    };
    let span = Span::new(string.start + at as u32, string.start + end as u32);
    let value = Expr { kind: ExprKind::Error, span };
    Some(Braces { span, value, instead: instead.filter(|_| alone), directive: true })
}

/// The text before `end`, if that follows soon and on the same line.
fn line_until<'a>(text: &'a str, end: &str) -> Option<&'a str> {
    let near = text.char_indices().nth(BRACES_CHARS_MAX).map_or(text, |(n, _)| &text[..n]);
    let line = near.find('\n').map_or(near, |n| &near[..n]);
    line.find(end).map(|n| &line[..n])
}

/// The length of the name, or the field of one, at the head of a text: `a.b`.
fn path(text: &str) -> usize {
    let mut length = 0;
    for word in text.split('.') {
        let n = word.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(word.len());
        if !word.starts_with(|c: char| c.is_ascii_lowercase() || c == '_') {
            return length;
        }
        length += n + usize::from(length > 0);
        if n < word.len() {
            return length;
        }
    }
    length
}
