//! The lexical pre-scan: finds the items of a file and counts what could exhaust the parser, before the parser runs (G13).
//!
//! It sees strings, splices, comments and `python:` text exactly as the grammar does, because it reads the same tokens.

mod fault;
mod heads;

use flow_source::Span;

use crate::lexer::{Flaw, Lexer, Token, TokenKind, skip_gap, word_end};
pub(crate) use fault::{Fault, FaultKind};
pub(crate) use heads::{Fields, ends_block};
use heads::{foreign_item, misspelt_item};

/// The most brackets inside each other.
pub const NESTING_MAX: usize = 128;
/// The most bytes of a file: 8 MiB.
pub const FILE_BYTES_MAX: usize = 8 << 20;
/// The most bytes of an expression: 64 KiB.
pub const EXPRESSION_BYTES_MAX: usize = 64 << 10;
/// The most operators and links (`.`, `[`) of an expression.
pub const OPERATORS_MAX: u32 = 1_000;
/// The most `else if` of one `if`.
pub const ELSE_IFS_MAX: u32 = 1_000;

/// The most faults of one item that are told apart; one with more is given up.
pub(crate) const FAULTS_MAX: usize = 40;

/// What the pre-scan found.
#[derive(Debug, Default)]
pub(crate) struct Scan {
    pub(crate) items: Vec<Stretch>,
    /// The `///` lines after the last item, by their first byte.
    pub(crate) docs: Vec<u32>,
}

/// The stretch of text of one item, or of text that is no item.
#[derive(Debug)]
pub(crate) struct Stretch {
    /// The item's own text: its docs or its keyword, to its last token.
    pub(crate) span: Span,
    /// Where its keyword stands.
    pub(crate) keyword: u32,
    /// Whether it starts with an item's keyword.
    pub(crate) is_item: bool,
    /// The most brackets inside each other.
    pub(crate) depth: usize,
    /// What is wrong already.
    pub(crate) faults: Vec<Fault>,
    /// The `///` lines in it, by their first byte.
    pub(crate) docs: Vec<u32>,
}

/// Finds the items of a text and what the parser must not see.
pub(crate) fn scan(text: &str) -> Scan {
    let found = scan_once(text, false);
    let open = FaultKind::OpenString { block: true };
    if found.items.iter().any(|item| item.faults.iter().any(|fault| fault.kind == open)) {
        // One that isn't closed takes the next one's opening for its end, and turns everything after it inside out.
        return scan_once(text, true);
    }
    found
}

fn scan_once(text: &str, items_end_strings: bool) -> Scan {
    let mut scanner = Scanner::new(text);
    scanner.lexer.items_end_strings = items_end_strings;
    scanner.run();
    Scan { items: scanner.items, docs: scanner.docs }
}

/// What the last token that is no trivia was.
#[derive(Clone, Copy, PartialEq)]
enum Last {
    /// The start of an item or nothing.
    Start,
    /// A name, constant or closing bracket: what an operator may follow.
    Operand,
    /// `UpperCamel`
    TypeWord,
    /// A reserved word that a value follows: `return`, `in`.
    Asking,
    /// `catch`
    Catch,
    /// Any other reserved word: `do`, `else`.
    Keyword,
    /// `=>`
    Arrow,
    /// `.`
    Dot,
    /// An operator, `=`, a comma, an opening bracket.
    Other,
}

/// The count of the expression at a bracket.
struct Frame {
    /// Whether steps, fields or arms stand in it, not parts of an expression.
    block: bool,
    operators: u32,
    start: u32,
    else_ifs: u32,
}

struct Scanner<'a> {
    lexer: Lexer<'a>,
    fields: Fields,
    items: Vec<Stretch>,
    /// The first `///` line of those directly before the next token.
    docs_start: Option<u32>,
    docs: Vec<u32>,
    last: Last,
    last_end: u32,
    last_word_else: bool,
    last_close_brace: bool,
    frames: Vec<Frame>,
    operators: u32,
    start: u32,
    /// The `for` whose header is being read.
    for_head: Option<Span>,
    /// The last byte of a list of dashes that is told already.
    dashes_end: u32,
}

impl<'a> Scanner<'a> {
    fn new(text: &'a str) -> Self {
        Self {
            lexer: Lexer::new(text, 0),
            fields: Fields::default(),
            items: Vec::new(),
            docs_start: None,
            docs: Vec::new(),
            last: Last::Start,
            last_end: 0,
            last_word_else: false,
            last_close_brace: false,
            frames: Vec::new(),
            operators: 0,
            start: 0,
            for_head: None,
            dashes_end: 0,
        }
    }

    fn run(&mut self) {
        while let Some(token) = self.lexer.next_token() {
            let flaw = self.lexer.flaw;
            self.token(token);
            if let Some(flaw) = flaw {
                self.flaw(flaw, token);
            }
        }
        if let Some(flaw) = self.lexer.flaw {
            let end = self.lexer.text.len() as u32;
            self.flaw(flaw, Token { kind: TokenKind::Space, span: Span::at(end) });
        }
        self.close_item(None);
    }

    fn token(&mut self, token: Token) {
        match token.kind {
            TokenKind::Space => return,
            TokenKind::Doc => {
                self.docs_start.get_or_insert(token.span.start);
                self.docs.push(token.span.start);
                return;
            }
            TokenKind::Comment => {
                if self.last == Last::Operand && asks_division(self.lexer.text, self.last_end, token.span) {
                    self.fault(FaultKind::Division, token.span);
                }
                return;
            }
            _ => {}
        }
        let starts = self.fields.see(&mut self.lexer, token) && !self.in_python_import(token);
        let junk =
            !starts && (self.items.is_empty() || self.lexer.open.is_empty() && self.starts_junk(token));
        if starts || junk {
            self.close_item(Some(token.span.start));
            self.open_item(token, starts);
        } else {
            self.keep_docs();
        }
        self.count(token);
        let end = token.span.end;
        if let Some(item) = self.items.last_mut() {
            item.span.end = end;
            item.depth = item.depth.max(self.lexer.open.len());
        }
        if self.lexer.open.len() > NESTING_MAX {
            self.fault(FaultKind::TooDeep, token.span);
        }
        self.last_end = end;
    }

    /// `from x import y`
    fn in_python_import(&self, token: Token) -> bool {
        self.items.last().is_some_and(|item| {
            let before = &self.lexer.text[item.keyword as usize..token.span.start as usize];
            !item.is_item && before.starts_with("from ") && !before.contains('\n')
        })
    }

    /// After the closing brace of an item a word at the start of a line belongs to the next one, also if it is no keyword.
    fn starts_junk(&self, token: Token) -> bool {
        let at = token.span.start as usize;
        if at > 0 && self.lexer.byte(at - 1) != b'\n' {
            return false;
        }
        if token.kind == TokenKind::Unknown {
            return matches!(self.lexer.byte(at), b'@');
        }
        matches!(token.kind, TokenKind::Word | TokenKind::TypeWord)
            && (self.last_close_brace
                || foreign_item(&self.lexer.text[token.span.range()])
                || misspelt_item(self.lexer.text, token.span))
            && !matches!(
                &self.lexer.text[token.span.range()],
                "where" | "from" | "in" | "is" | "as" | "memory"
            )
    }

    fn open_item(&mut self, token: Token, is_item: bool) {
        let at = token.span.start;
        let start = self.docs_start.take().unwrap_or(at);
        self.items.push(Stretch {
            span: Span::new(start, token.span.end),
            keyword: at,
            is_item,
            depth: 0,
            faults: Vec::new(),
            docs: std::mem::take(&mut self.docs),
        });
        self.last = Last::Start;
        self.frames.clear();
        self.operators = 0;
        self.start = at;
        self.last_end = at;
    }

    fn keep_docs(&mut self) {
        self.docs_start = None;
        if let (Some(item), false) = (self.items.last_mut(), self.docs.is_empty()) {
            item.docs.append(&mut self.docs);
        }
    }

    fn close_item(&mut self, next: Option<u32>) {
        self.reset(self.last_end);
        let opens = std::mem::take(&mut self.lexer.open);
        if let Some(open) = opens.last() {
            let kind = match next {
                Some(next) => FaultKind::OpenItem { next },
                None => FaultKind::OpenItem { next: self.lexer.text.len() as u32 },
            };
            self.fault(kind, Span::new(open.at, open.at + 1));
        }
    }

    fn fault(&mut self, kind: FaultKind, span: Span) {
        if let Some(item) = self.items.last_mut() {
            let known = item.faults.iter().any(|f| f.kind.is_fatal() || f.span.start == span.start);
            // A fatal fault is the one cause; after that nothing is counted.
            if known || item.faults.len() >= FAULTS_MAX {
                return;
            }
            match item.faults.last_mut() {
                // Brackets that close nothing, one after the other, are one fault.
                Some(last)
                    if kind == FaultKind::StrayClose
                        && last.kind == kind
                        && self.lexer.text[last.span.end as usize..span.start as usize].trim().is_empty() =>
                {
                    last.span.end = span.end;
                }
                _ => item.faults.push(Fault { kind, span }),
            }
        }
    }

    fn flaw(&mut self, flaw: Flaw, token: Token) {
        match flaw {
            Flaw::OpenString { at, block } => {
                let end = if block { at + 3 } else { token.span.end.max(at + 1) };
                self.fault(FaultKind::OpenString { block }, Span::new(at, end));
            }
            Flaw::OpenSplice(at) => self.fault(FaultKind::OpenSplice, Span::new(at, at + 2)),
            Flaw::OpenBracket { at, bracket: _ } => {
                self.fault(FaultKind::OpenBracket { found: token.span.start }, Span::new(at, at + 1));
            }
            Flaw::StrayClose => self.fault(FaultKind::StrayClose, token.span),
        }
    }

    /// Ends the expression that is being counted; the next one starts at `at`.
    fn reset(&mut self, at: u32) {
        let inside = self.frames.last().is_some_and(|f| !f.block);
        if !inside {
            if self.last_end.saturating_sub(self.start) as usize > EXPRESSION_BYTES_MAX {
                self.fault(FaultKind::TooLong, Span::new(self.start, self.last_end));
            }
            self.start = at;
        }
        self.operators = match self.frames.last() {
            Some(frame) if !frame.block => frame.operators,
            _ => 0,
        };
    }

    fn operator(&mut self, span: Span) {
        self.operators += 1;
        if self.operators > OPERATORS_MAX {
            self.fault(FaultKind::TooManyOperators, span);
        }
    }

    fn count(&mut self, token: Token) {
        let span = token.span;
        let close_brace = token.kind == TokenKind::Close && self.lexer.byte(span.start as usize) == b'}';
        match token.kind {
            TokenKind::Word => self.word(span),
            TokenKind::TypeWord
            | TokenKind::Number
            | TokenKind::Plain
            | TokenKind::QuotedWord
            | TokenKind::QuoteOpen => {
                if self.last == Last::Operand {
                    self.reset(span.start);
                }
                self.last = if token.kind == TokenKind::TypeWord { Last::TypeWord } else { Last::Operand };
            }
            TokenKind::QuoteClose => self.last = Last::Operand,
            TokenKind::Text => {}
            TokenKind::SpliceOpen => {
                self.frames.push(Frame {
                    block: false,
                    operators: self.operators,
                    start: self.start,
                    else_ifs: 0,
                });
                self.last = Last::Other;
            }
            TokenKind::Open => self.open(span),
            TokenKind::Close | TokenKind::SpliceClose => self.close(),
            TokenKind::Punct => self.punct(span),
            TokenKind::Unknown => {
                match self.for_head {
                    Some(head) if self.lexer.byte(span.start as usize) == b';' => {
                        self.fault(FaultKind::CountingFor, head);
                    }
                    _ => self.fault(FaultKind::Unknown, span),
                }
                self.last = Last::Other;
            }
            TokenKind::Space | TokenKind::Comment | TokenKind::Doc => {}
        }
        self.last_close_brace = close_brace;
    }

    fn word(&mut self, span: Span) {
        let word = &self.lexer.text[span.range()];
        if word == "for" && self.last != Last::Dot {
            self.for_head = Some(span);
        }
        if word == "await" && self.last != Last::Dot {
            let rest = &self.lexer.text[span.end as usize..];
            let blank = rest.len() - rest.trim_start_matches([' ', '\t']).len();
            let next =
                rest[blank..].split(|c: char| !c.is_ascii_alphanumeric() && c != '_').next().unwrap_or("");
            if blank > 0
                && next.starts_with(|c: char| c.is_ascii_lowercase())
                && !matches!(next, "in" | "is" | "as" | "if" | "with" | "catch" | "undo" | "for" | "else")
            {
                self.fault(FaultKind::Await, Span::new(span.start, span.end + blank as u32));
                return;
            }
        }
        let was_else = std::mem::replace(&mut self.last_word_else, false);
        if self.last == Last::Dot {
            self.last = Last::Operand;
            return;
        }
        match word {
            "in" | "is" | "as" => {
                self.operator(span);
                self.last = Last::Asking;
                return;
            }
            "return" | "yield" | "emit" | "with" | "when" | "if" | "while" | "until" => {
                self.last = Last::Asking
            }
            "catch" => self.last = Last::Catch,
            "true" | "false" | "null" => {
                if self.last == Last::Operand {
                    self.reset(span.start);
                }
                self.last = Last::Operand;
                return;
            }
            "do" | "else" | "try" | "saga" | "parallel" | "race" | "finally" | "route" | "let" | "loop"
            | "for" | "graph" | "wait" | "undo" | "break" | "continue" | "goto" | "fail" => {
                self.last = Last::Keyword
            }
            _ => {
                if matches!(self.last, Last::Operand | Last::TypeWord) {
                    self.reset(span.start);
                }
                self.last = Last::Operand;
                return;
            }
        }
        let (is_if, is_else) = (word == "if", word == "else");
        self.reset(span.start);
        self.last_word_else = is_else;
        if let Some(frame) = self.frames.last_mut() {
            if is_if && was_else {
                frame.else_ifs += 1;
                if frame.else_ifs > ELSE_IFS_MAX {
                    self.fault(FaultKind::TooManyElseIfs, span);
                }
            } else if !is_else {
                frame.else_ifs = 0;
            }
        }
    }

    fn open(&mut self, span: Span) {
        if self.lexer.byte(span.start as usize) == b'{' {
            self.for_head = None;
        }
        let attached = self.last_end == span.start;
        let brace = self.lexer.byte(span.start as usize) == b'{';
        let block = brace
            && match self.last {
                Last::TypeWord => !attached,
                Last::Operand | Last::Keyword | Last::Start => true,
                Last::Arrow | Last::Catch => !keyed(self.lexer.text, span.end as usize),
                Last::Asking | Last::Other | Last::Dot => false,
            };
        if self.lexer.byte(span.start as usize) == b'[' && attached && matches!(self.last, Last::Operand) {
            self.operator(span);
        }
        self.frames.push(Frame { block, operators: self.operators, start: self.start, else_ifs: 0 });
        if block {
            // What is before a block has ended; its frame keeps the start, which `close` must not count again.
            self.frames.pop();
            self.reset(span.start);
            self.frames.push(Frame { block, operators: 0, start: span.start, else_ifs: 0 });
            self.operators = 0;
            self.start = span.end;
        }
        self.last = Last::Other;
    }

    fn close(&mut self) {
        if let Some(frame) = self.frames.last()
            && frame.block
        {
            self.reset(self.last_end);
        }
        if let Some(frame) = self.frames.pop()
            && !frame.block
        {
            self.start = frame.start;
        }
        self.last = Last::Operand;
    }

    /// Whether a dash starts a list as YAML writes one: after a colon, each element on a line of its own.
    fn dashes(&mut self, span: Span) -> bool {
        let text = self.lexer.text;
        let line_start = text[..span.start as usize].rfind('\n').map_or(0, |n| n + 1);
        let indent = span.start as usize - line_start;
        let after_colon = text[..self.last_end as usize].ends_with(':');
        if !after_colon || !text[line_start..span.start as usize].trim().is_empty() {
            return false;
        }
        let mut end = line_start;
        let mut count = 0;
        for line in text[line_start..].split_inclusive('\n') {
            let own = line.len() - line.trim_start_matches([' ', '\t']).len();
            if own != indent || !line[own..].starts_with("- ") {
                // A line that stands deeper belongs to the element before it.
                if count == 0 || own <= indent {
                    break;
                }
                end += line.len();
                continue;
            }
            end += line.len();
            count += 1;
        }
        // One alone may be a sign; in a node's fields nothing is negative.
        if count < 2 && !(self.fields.in_fields && self.lexer.open.len() == 1) {
            return false;
        }
        let end = line_start + text[line_start..end].trim_end().len();
        if end <= span.start as usize {
            return false;
        }
        self.dashes_end = end as u32;
        self.fault(FaultKind::Dashes, Span::new(span.start, end as u32));
        true
    }

    fn punct(&mut self, span: Span) {
        let text = &self.lexer.text[span.range()];
        if span.start < self.dashes_end {
            return;
        }
        match text {
            "," => {
                self.reset(span.end);
                self.last = Last::Other;
            }
            "=" | "+=" | ":" => {
                if self.frames.last().is_none_or(|f| f.block) {
                    self.reset(span.end);
                }
                self.last = Last::Other;
            }
            "=>" => {
                self.reset(span.end);
                self.last = Last::Arrow;
            }
            "." => {
                self.operator(span);
                self.last = Last::Dot;
            }
            "-" if self.last == Last::Other && span.start >= self.dashes_end && self.dashes(span) => {}
            ".." | "..." | "->" => self.last = Last::Other,
            "?" if self.last == Last::Dot => {}
            _ => {
                self.operator(span);
                self.last = Last::Other;
            }
        }
    }
}

/// Whether what follows an opening brace makes it a record (G4): a spread, or a key and a colon.
fn keyed(text: &str, at: usize) -> bool {
    let bytes = text.as_bytes();
    let first = skip_gap(bytes, at);
    match bytes.get(first) {
        Some(b'.') => text[first..].starts_with("..."),
        Some(b'[' | b'?') => true,
        Some(b'"') => {
            let end = text[first + 1..].find(['"', '\n']).map_or(text.len(), |n| first + n + 2);
            bytes.get(skip_gap(bytes, end)) == Some(&b':')
        }
        Some(_) => {
            let end = word_end(bytes, first);
            end > first && bytes.get(skip_gap(bytes, end)) == Some(&b':')
        }
        None => false,
    }
}

/// Whether a comment looks like the right side of a division: `a // 2`, `total //(n + 1)`. Prose after the number tells them
/// apart: `retry: 2 // 3 times`.
fn asks_division(text: &str, last_end: u32, comment: Span) -> bool {
    let between = &text[last_end as usize..comment.start as usize];
    let rest = text[comment.range()].trim_start_matches("//").trim();
    if between.contains('\n') || !rest.starts_with(|c: char| c.is_ascii_digit() || c == '(') {
        return false;
    }
    let mut lexer = Lexer::new(rest, 0);
    let mut operand = false;
    while let Some(token) = lexer.next_token() {
        match token.kind {
            TokenKind::Space => {}
            TokenKind::Word | TokenKind::Number if operand => return false,
            TokenKind::Word | TokenKind::Number | TokenKind::Close => operand = true,
            TokenKind::Open => operand = false,
            TokenKind::Punct
                if matches!(&rest[token.span.range()], "+" | "-" | "*" | "/" | "%" | "." | "," | "[") =>
            {
                operand = false
            }
            _ => return false,
        }
    }
    operand && lexer.open.is_empty()
}
