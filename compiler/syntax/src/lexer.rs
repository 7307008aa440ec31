//! Tokens: the one place that knows where strings, splices, comments and brackets begin and end.
//!
//! The pre-scan walks them without keeping them; recovery, the formatter and fixes keep those of one item. They cover the
//! text without a gap, so printing them prints the text.

use flow_source::Span;

/// A piece of the text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Token {
    /// What it is.
    pub kind: TokenKind,
    /// Where it stands.
    pub span: Span,
}

/// What a token is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum TokenKind {
    /// Blank space and line breaks.
    Space,
    /// `// …`, `//// …`, `//! …`
    Comment,
    /// `/// …`
    Doc,
    /// `topic`, `let`
    Word,
    /// `Review`
    TypeWord,
    /// `3`, `1h30m`, `64MB`, and what starts like one
    Number,
    /// A string that doesn't interpolate: `'…'`, `r"…"`, `b"…"`, the text of `python:`
    Plain,
    /// The quotes that open `"…"` or `"""…"""`
    QuoteOpen,
    /// Text between the quotes
    Text,
    /// `${`
    SpliceOpen,
    /// The `}` of a splice
    SpliceClose,
    /// The quotes that close
    QuoteClose,
    /// `` `Content-Type` ``
    QuotedWord,
    /// `(`, `[`, `{`
    Open,
    /// `)`, `]`, `}`
    Close,
    /// `=>`, `+`, `,` and the like
    Punct,
    /// A character that the language doesn't use.
    Unknown,
}

impl TokenKind {
    /// Whether it is blank space or a comment.
    pub fn is_trivia(self) -> bool {
        matches!(self, Self::Space | Self::Comment | Self::Doc)
    }
}

/// Returns the tokens of a text, one after the other without a gap.
pub fn tokens(text: &str) -> Vec<Token> {
    let mut lexer = Lexer::new(text, 0);
    let mut scan = crate::scan::Fields::default();
    std::iter::from_fn(|| {
        let token = lexer.next_token()?;
        scan.see(&mut lexer, token);
        Some(token)
    })
    .collect()
}

/// What is open at a place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Open {
    pub(crate) kind: OpenKind,
    pub(crate) at: u32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum OpenKind {
    Bracket(u8),
    Splice { block: bool },
}

/// What is wrong with a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Flaw {
    /// A string that its line or the file ends; it opens here.
    OpenString { at: u32, block: bool },
    /// A splice of a `"…"` string that its line ends; it opens here.
    OpenSplice(u32),
    /// This bracket is never closed; what stands at the token closes one further out.
    OpenBracket { at: u32, bracket: u8 },
    /// A closing bracket that nothing opens.
    StrayClose,
}

pub(crate) struct Lexer<'a> {
    pub(crate) text: &'a str,
    bytes: &'a [u8],
    at: usize,
    pub(crate) open: Vec<Open>,
    /// Inside an interpolating string: where it opens, and whether it is a block.
    string: Option<(u32, bool)>,
    /// The strings around the splices that are open.
    outer: Vec<u32>,
    /// The next string is raw: it is the text of `python:`.
    pub(crate) raw_next: bool,
    /// Whether the head of an item at the start of a line ends a `"""` text: see [`ends_block`](crate::scan::ends_block).
    pub(crate) items_end_strings: bool,
    /// Nothing closes a `'''` from here on.
    no_triple: bool,
    pub(crate) flaw: Option<Flaw>,
}

impl<'a> Lexer<'a> {
    pub(crate) fn new(text: &'a str, at: usize) -> Self {
        Self {
            text,
            bytes: text.as_bytes(),
            at,
            open: Vec::new(),
            string: None,
            outer: Vec::new(),
            raw_next: false,
            items_end_strings: false,
            no_triple: false,
            flaw: None,
        }
    }

    pub(crate) fn byte(&self, at: usize) -> u8 {
        self.bytes.get(at).copied().unwrap_or(0)
    }

    pub(crate) fn next_token(&mut self) -> Option<Token> {
        self.flaw = None;
        if self.at >= self.bytes.len() {
            if let Some((at, block)) = self.string.take() {
                self.flaw = Some(Flaw::OpenString { at, block });
            }
            return None;
        }
        let start = self.at;
        let kind = match self.string {
            Some((open, block)) => self.in_string(open, block),
            None => self.in_code(),
        };
        debug_assert!(self.at > start);
        self.at = self.at.min(self.bytes.len());
        Some(Token { kind, span: Span::from(start..self.at) })
    }

    fn in_string(&mut self, open: u32, block: bool) -> TokenKind {
        let start = self.at;
        while self.at < self.bytes.len() {
            match self.bytes[self.at] {
                b'\\' if self.byte(self.at + 1) != b'\n' => self.at += 2,
                b'$' if self.byte(self.at + 1) == b'{' => {
                    if self.at > start {
                        return TokenKind::Text;
                    }
                    self.open.push(Open { kind: OpenKind::Splice { block }, at: self.at as u32 });
                    self.outer.push(open);
                    self.string = None;
                    self.at += 2;
                    return TokenKind::SpliceOpen;
                }
                b'"' if !block || self.bytes[self.at..].starts_with(b"\"\"\"") => {
                    if self.at > start {
                        return TokenKind::Text;
                    }
                    self.string = None;
                    self.at += if block { 3 } else { 1 };
                    return TokenKind::QuoteClose;
                }
                b'\n'
                    if block && self.items_end_strings && crate::scan::ends_block(self.text, self.at + 1) =>
                {
                    self.string = None;
                    self.outer.clear();
                    self.open.clear();
                    self.flaw = Some(Flaw::OpenString { at: open, block });
                    self.at += 1;
                    return TokenKind::Text;
                }
                b'\n' if !block => {
                    self.string = None;
                    // Inside a splice of this line it is the splice that was to be closed.
                    let splice = self.open.iter().find(|o| o.kind == OpenKind::Splice { block: false });
                    self.flaw =
                        Some(splice.map_or(Flaw::OpenString { at: open, block }, |s| Flaw::OpenSplice(s.at)));
                    self.drop_brackets_of_line();
                    if self.at == start {
                        return self.space();
                    }
                    return TokenKind::Text;
                }
                _ => self.at += 1,
            }
        }
        TokenKind::Text
    }

    /// A string that its line ends takes the closing brackets of the line with it.
    fn drop_brackets_of_line(&mut self) {
        let line = self.bytes[..self.at].iter().rposition(|b| *b == b'\n').map_or(0, |n| n + 1) as u32;
        while self.open.last().is_some_and(|o| o.at >= line && o.kind != OpenKind::Bracket(b'{')) {
            if let Some(Open { kind: OpenKind::Splice { .. }, .. }) = self.open.pop() {
                self.outer.pop();
            }
        }
    }

    fn space(&mut self) -> TokenKind {
        while matches!(self.byte(self.at), b' ' | b'\t' | b'\r' | b'\n') {
            if self.bytes[self.at] == b'\n'
                && let Some(n) = self.open.iter().position(|o| o.kind == OpenKind::Splice { block: false })
            {
                self.flaw = Some(Flaw::OpenSplice(self.open[n].at));
                let splices =
                    self.open[n..].iter().filter(|o| matches!(o.kind, OpenKind::Splice { .. })).count();
                self.outer.truncate(self.outer.len() - splices);
                self.open.truncate(n);
                self.drop_brackets_of_line();
            }
            self.at += 1;
        }
        TokenKind::Space
    }

    fn in_code(&mut self) -> TokenKind {
        let c = self.bytes[self.at];
        match c {
            b' ' | b'\t' | b'\r' | b'\n' => self.space(),
            b'/' if self.byte(self.at + 1) == b'/' => {
                let doc = self.byte(self.at + 2) == b'/' && self.byte(self.at + 3) != b'/';
                while self.at < self.bytes.len() && self.bytes[self.at] != b'\n' {
                    self.at += 1;
                }
                if doc { TokenKind::Doc } else { TokenKind::Comment }
            }
            b'#' => {
                self.at = self.line_end();
                TokenKind::Unknown
            }
            b'/' if self.byte(self.at + 1) == b'*' => {
                let close = self.text[self.at + 2..].find("*/");
                self.at = close.map_or_else(|| self.line_end(), |n| self.at + n + 4);
                TokenKind::Unknown
            }
            b'\'' if !self.raw_next && self.triple(self.at, false) => TokenKind::Plain,
            b'"' if self.raw_next => self.plain(self.at, true),
            b'"' => {
                let block = self.bytes[self.at..].starts_with(b"\"\"\"");
                self.string = Some((self.at as u32, block));
                self.at += if block { 3 } else { 1 };
                TokenKind::QuoteOpen
            }
            b'\'' => self.plain(self.at, self.raw_next),
            b'`' => {
                self.plain(self.at, true);
                TokenKind::QuotedWord
            }
            b'(' | b'[' | b'{' => {
                self.open.push(Open { kind: OpenKind::Bracket(c), at: self.at as u32 });
                self.at += 1;
                TokenKind::Open
            }
            b')' | b']' | b'}' => self.close(c),
            b'0'..=b'9' => self.number(),
            b'.' if self.byte(self.at + 1).is_ascii_digit() && !self.after_operand() => self.number(),
            _ if c.is_ascii_alphabetic() || c == b'_' => {
                let end = word_end(self.bytes, self.at);
                let prefix = &self.bytes[self.at..end];
                if matches!(self.byte(end), b'"' | b'\'') && is_string_prefix(prefix) {
                    let raw = prefix.iter().any(|b| b.eq_ignore_ascii_case(&b'r'));
                    return if self.triple(end, raw) { TokenKind::Plain } else { self.plain(end, raw) };
                }
                self.at = end;
                if c.is_ascii_uppercase() { TokenKind::TypeWord } else { TokenKind::Word }
            }
            _ => self.punct(c),
        }
    }

    fn line_end(&self) -> usize {
        self.text[self.at..].find('\n').map_or(self.bytes.len(), |n| self.at + n)
    }

    fn after_operand(&self) -> bool {
        self.at > 0
            && (is_word_byte(self.bytes[self.at - 1])
                || matches!(self.bytes[self.at - 1], b')' | b']' | b'}' | b'.'))
    }

    fn number(&mut self) -> TokenKind {
        let hex = self.bytes[self.at..].starts_with(b"0x");
        while self.at < self.bytes.len() {
            match self.bytes[self.at] {
                b'.' if self.byte(self.at + 1).is_ascii_digit() => self.at += 1,
                b'+' | b'-'
                    if !hex
                        && matches!(self.bytes[self.at - 1], b'e' | b'E')
                        && self.byte(self.at + 1).is_ascii_digit() =>
                {
                    self.at += 1;
                }
                b if is_word_byte(b) => self.at += 1,
                _ => break,
            }
        }
        TokenKind::Number
    }

    fn punct(&mut self, c: u8) -> TokenKind {
        let rest = &self.bytes[self.at..];
        let long = [&b"..."[..], b"..", b"=>", b"->", b"==", b"!=", b"<=", b">=", b"&&", b"||", b"??", b"+="];
        if let Some(p) = long.iter().find(|p| rest.starts_with(p)) {
            self.at += p.len();
            return TokenKind::Punct;
        }
        if c.is_ascii_punctuation() {
            self.at += 1;
            return if matches!(c, b'$' | b'@' | b'\\' | b'^' | b'~' | b';' | b'&') {
                TokenKind::Unknown
            } else {
                TokenKind::Punct
            };
        }
        let byte_order_mark = self.at == 0 && self.text.starts_with('\u{feff}');
        self.at += self.text[self.at..].chars().next().map_or(1, char::len_utf8);
        // Typographic quotes and what stands between them are one mistake.
        let rest = &self.text[self.at..];
        let line = &rest[..rest.find('\n').unwrap_or(rest.len())];
        if let Some(close) =
            self.text[..self.at].ends_with(['“', '„']).then(|| line.find(['”', '“'])).flatten()
        {
            self.at += close + '”'.len_utf8();
        }
        if byte_order_mark { TokenKind::Space } else { TokenKind::Unknown }
    }

    fn close(&mut self, c: u8) -> TokenKind {
        let opens = if c == b')' { b'(' } else { c - 2 };
        self.at += 1;
        match self.open.last().map(|o| o.kind) {
            Some(OpenKind::Bracket(b)) if b == opens => {
                self.open.pop();
                TokenKind::Close
            }
            Some(OpenKind::Splice { block }) if c == b'}' => {
                self.open.pop();
                self.string = self.outer.pop().map(|open| (open, block));
                TokenKind::SpliceClose
            }
            _ => {
                let splice = self.open.iter().rposition(|o| matches!(o.kind, OpenKind::Splice { .. }));
                let found = self.open.iter().rposition(|o| o.kind == OpenKind::Bracket(opens));
                match (found, splice) {
                    (Some(n), splice) if splice.is_none_or(|s| s < n) => {
                        let Open { kind, at } = self.open[n + 1];
                        let bracket = if let OpenKind::Bracket(b) = kind { b } else { b'{' };
                        self.flaw = Some(Flaw::OpenBracket { at, bracket });
                        self.open.truncate(n);
                        TokenKind::Close
                    }
                    (_, Some(s)) if c == b'}' => {
                        let Open { kind, at } = self.open[s + 1];
                        let bracket = if let OpenKind::Bracket(b) = kind { b } else { b'{' };
                        self.flaw = Some(Flaw::OpenBracket { at, bracket });
                        let OpenKind::Splice { block } = self.open[s].kind else { return TokenKind::Close };
                        self.open.truncate(s);
                        self.string = self.outer.pop().map(|open| (open, block));
                        TokenKind::SpliceClose
                    }
                    _ => {
                        self.flaw = Some(Flaw::StrayClose);
                        TokenKind::Close
                    }
                }
            }
        }
    }

    /// A string without splices whose quotes open at `quote`.
    /// Reads over `'''…'''`, if that is what stands here and it is closed.
    fn triple(&mut self, quote: usize, raw: bool) -> bool {
        if self.no_triple || !self.bytes[quote..].starts_with(b"'''") {
            return false;
        }
        let mut at = quote + 3;
        while at < self.bytes.len() {
            match self.bytes[at] {
                b'\\' if !raw => at += 2,
                b'\'' if self.bytes[at..].starts_with(b"'''") => {
                    self.at = at + 3;
                    return true;
                }
                _ => at += 1,
            }
        }
        // Where one is never closed, the next needn't look to the end again.
        self.no_triple = true;
        false
    }

    fn plain(&mut self, quote: usize, raw: bool) -> TokenKind {
        let mark = self.bytes[quote];
        let block = self.bytes[quote..].starts_with(b"\"\"\"");
        self.at = quote + if block { 3 } else { 1 };
        while self.at < self.bytes.len() {
            match self.bytes[self.at] {
                b'\\' if !raw && self.byte(self.at + 1) != b'\n' => self.at += 2,
                b'\n' if !block => break,
                b'\n' if self.items_end_strings && crate::scan::ends_block(self.text, self.at + 1) => {
                    self.open.clear();
                    break;
                }
                b if b == mark && !block => {
                    self.at += 1;
                    return TokenKind::Plain;
                }
                b'"' if block && self.bytes[self.at..].starts_with(b"\"\"\"") => {
                    self.at += 3;
                    return TokenKind::Plain;
                }
                _ => self.at += 1,
            }
        }
        self.flaw = Some(Flaw::OpenString { at: quote as u32, block });
        if !block {
            self.at = self.at.min(self.bytes.len());
            self.drop_brackets_of_line();
        }
        TokenKind::Plain
    }
}

fn is_string_prefix(word: &[u8]) -> bool {
    match word {
        [a] => matches!(a, b'r' | b'R' | b'b' | b'B'),
        [a, b] => matches!((a.to_ascii_lowercase(), b.to_ascii_lowercase()), (b'r', b'b') | (b'b', b'r')),
        _ => false,
    }
}

pub(crate) fn is_word_byte(b: u8) -> bool {
    b.is_ascii_alphanumeric() || b == b'_'
}

pub(crate) fn word_end(bytes: &[u8], mut at: usize) -> usize {
    while at < bytes.len() && is_word_byte(bytes[at]) {
        at += 1;
    }
    at
}

/// The first byte after `at` that is neither blank space nor in a comment.
pub(crate) fn skip_gap(bytes: &[u8], mut at: usize) -> usize {
    loop {
        while at < bytes.len() && bytes[at].is_ascii_whitespace() {
            at += 1;
        }
        if !bytes[at.min(bytes.len())..].starts_with(b"//") {
            return at;
        }
        while at < bytes.len() && bytes[at] != b'\n' {
            at += 1;
        }
    }
}
