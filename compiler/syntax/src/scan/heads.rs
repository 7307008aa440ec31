//! Where an item starts: by its keyword, by one that is misspelt, or by a declaration of another language.

use flow_source::Span;

use crate::lexer::{Lexer, Open, OpenKind, Token, TokenKind, skip_gap, word_end};

/// Recognises items and the fields whose text is raw.
#[derive(Default)]
pub(crate) struct Fields {
    pub(super) in_fields: bool,
    python: u8,
    at_item: bool,
    last: Option<u32>,
}

impl Fields {
    /// Sees the next token, which `lexer` has just given; returns whether an item starts with it.
    pub(crate) fn see(&mut self, lexer: &mut Lexer<'_>, token: Token) -> bool {
        if token.kind.is_trivia() {
            return false;
        }
        lexer.raw_next = false;
        let word = token.kind == TokenKind::Word;
        let starts = word && {
            let line_start = token.span.start == 0 || lexer.byte(token.span.start as usize - 1) == b'\n';
            let open = !lexer.open.is_empty();
            (!open || line_start) && starts_item(lexer.text, token.span, open)
        };
        // The word after `trusted` in `trusted memory` starts no item of its own.
        let starts = starts && !std::mem::replace(&mut self.at_item, false);
        if starts {
            let keyword = &lexer.text[token.span.range()];
            self.at_item = keyword == "trusted";
            self.in_fields =
                !matches!(keyword, "flow" | "type" | "enum" | "test" | "eval" | "code" | "const");
        }
        let direct = matches!(&lexer.open[..], [Open { kind: OpenKind::Bracket(b'{'), .. }]);
        self.python = match (self.python, token.kind) {
            (_, TokenKind::Word)
                if self.in_fields && direct && &lexer.text[token.span.range()] == "python" =>
            {
                u8::from(self.last != Some(token.span.start))
            }
            (1, TokenKind::Punct) if lexer.byte(token.span.start as usize) == b':' => 2,
            _ => 0,
        };
        lexer.raw_next = self.python == 2;
        // A word right after a dot is a field.
        self.last = (token.kind == TokenKind::Punct && lexer.byte(token.span.start as usize) == b'.')
            .then_some(token.span.end);
        starts
    }
}

/// Two words never stand side by side in an expression, so an item's keyword before a name is an item. Inside brackets more
/// is asked: what must follow that name.
fn starts_item(text: &str, word: Span, inside: bool) -> bool {
    heads_item(text, &text[word.range()], word.end as usize, inside)
}

/// Whether what follows at `end` is what follows the keyword of an item.
fn heads_item(text: &str, keyword: &str, end: usize, inside: bool) -> bool {
    let bytes = text.as_bytes();
    let kind = match keyword {
        "import" => b'{',
        "allow" => b'[',
        "test" => b'"',
        "prompt" | "agent" | "human" | "event" | "code" | "flow" => b'(',
        "tool" | "const" | "model" | "trigger" => b'=',
        "type" | "enum" => b'T',
        "memory" => b':',
        "trusted" => b'm',
        "eval" | "variant" => b'o',
        _ => return false,
    };
    let next = skip_gap(bytes, end);
    let first = bytes.get(next).copied().unwrap_or(0);
    match kind {
        b'{' | b'"' if first == kind => return true,
        b'{' => return !inside && next > end && first.is_ascii_alphabetic(),
        b'"' => return false,
        b'[' => return first == kind && next > end,
        _ if next == end || !(first.is_ascii_alphabetic() || first == b'_') => return false,
        _ => {}
    }
    let name_end = word_end(bytes, next);
    let name = &text[next..name_end];
    if matches!(name, "in" | "is" | "as") {
        return false;
    }
    if kind == b'm' {
        return name == "memory";
    }
    if !inside {
        return true;
    }
    let after = skip_gap(bytes, name_end);
    let then = bytes.get(after).copied().unwrap_or(0);
    match kind {
        b'(' => then == b'(',
        b'=' => then == b'=' && bytes.get(after + 1) != Some(&b'=') || then == b'(' || then == b':',
        b'T' => first.is_ascii_uppercase() && matches!(then, b'{' | b'='),
        b':' => then == b':',
        _ => {
            text[after..].starts_with("of")
                && !bytes.get(after + 2).copied().is_some_and(crate::lexer::is_word_byte)
        }
    }
}

/// Whether an item's head at a byte, at the start of a line, shows that the text around it was to end before: the next `"""`
/// opens another one.
pub(crate) fn ends_block(text: &str, at: usize) -> bool {
    let end = word_end(text.as_bytes(), at);
    if end == at || !starts_item(text, Span::from(at..end), true) {
        return false;
    }
    match text[at..].find("\"\"\"") {
        None => true,
        Some(n) => {
            let line = text[..at + n].rfind('\n').map_or(0, |n| n + 1);
            !text[line..at + n].trim().is_empty()
        }
    }
}

/// Whether a word starts a declaration of another language, at the head of a line.
pub(super) fn foreign_item(word: &str) -> bool {
    matches!(
        word,
        "def"
            | "from"
            | "async"
            | "pub"
            | "public"
            | "private"
            | "fn"
            | "func"
            | "function"
            | "class"
            | "struct"
            | "interface"
            | "let"
            | "var"
            | "export"
            | "use"
    )
}

/// `modeql default = …`: nothing else has such a word before what follows the keyword that is meant.
pub(super) fn misspelt_item(text: &str, word: Span) -> bool {
    let end = word.end as usize;
    crate::explain::near_keyword(&text[word.range()], |keyword| heads_item(text, keyword, end, true))
        .is_some()
}
