//! The blocks of an item and what stands in each, read from its tokens alone, so that they are known where the grammar fails.

use flow_source::Span;

use crate::lexer::{Token, TokenKind};

/// What stands in a block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum BlockKind {
    /// Steps, of a flow, a test or a block.
    Steps,
    /// `key: value`
    Fields,
    /// `name: type`, of a type or of `state`
    Slots,
    /// `when … => …`
    Arms,
    /// Values of an enum.
    Values,
    /// `stage …`
    Stages,
    /// Parameters, in parentheses.
    Params,
}

/// A block: its brackets and what is in it, as indices into [`Outline::tokens`].
#[derive(Debug)]
pub(crate) struct Block {
    pub(crate) kind: BlockKind,
    pub(crate) open: usize,
    /// The closing bracket, or the number of tokens.
    pub(crate) close: usize,
    /// Where its elements start.
    pub(crate) elements: Vec<usize>,
    pub(crate) parent: Option<usize>,
}

/// The tokens of an item without trivia, and its blocks.
pub(crate) struct Outline<'a> {
    pub(crate) text: &'a str,
    pub(crate) tokens: Vec<Token>,
    /// For each token whether it is the first on its line.
    first_on_line: Vec<bool>,
    pub(crate) blocks: Vec<Block>,
}

/// An element of a block, or several tokens of it that can be given up together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Region {
    pub(crate) block: usize,
    /// The first token.
    pub(crate) first: usize,
    /// The token after the last.
    pub(crate) end: usize,
}

const STATEMENTS: [&str; 18] = [
    "let", "if", "loop", "for", "parallel", "route", "race", "graph", "do", "saga", "try", "return", "yield",
    "break", "continue", "goto", "fail", "emit",
];

impl<'a> Outline<'a> {
    pub(crate) fn new(text: &'a str) -> Self {
        let all = crate::lexer::tokens(text);
        let mut tokens = Vec::with_capacity(all.len());
        let mut first_on_line = Vec::with_capacity(all.len());
        let mut line_break = true;
        for token in all {
            match token.kind {
                TokenKind::Space => line_break |= text[token.span.range()].contains('\n'),
                kind if kind.is_trivia() => {}
                // A separator of other languages is told and passed over.
                TokenKind::Unknown if &text[token.span.range()] == ";" => {}
                _ => {
                    tokens.push(token);
                    first_on_line.push(std::mem::take(&mut line_break));
                }
            }
        }
        let mut outline = Self { text, tokens, first_on_line, blocks: Vec::new() };
        outline.find_blocks();
        outline
    }

    /// The text of a token; empty past the end.
    pub(crate) fn word(&self, i: usize) -> &'a str {
        self.tokens.get(i).map_or("", |t| &self.text[t.span.range()])
    }

    pub(crate) fn kind(&self, i: usize) -> Option<TokenKind> {
        self.tokens.get(i).map(|t| t.kind)
    }

    pub(crate) fn starts_line(&self, i: usize) -> bool {
        self.first_on_line.get(i).copied().unwrap_or(false)
    }

    /// Whether a token follows the one before it without a space.
    pub(crate) fn attached(&self, i: usize) -> bool {
        i > 0 && i < self.tokens.len() && self.tokens[i - 1].span.end == self.tokens[i].span.start
    }

    /// The first token that ends after a byte; the number of tokens at the end.
    pub(crate) fn token_at(&self, offset: u32) -> usize {
        self.tokens.partition_point(|t| t.span.end <= offset)
    }

    /// Whether an expression may end with a token.
    pub(crate) fn ends_operand(&self, i: usize) -> bool {
        match self.kind(i) {
            Some(TokenKind::Word) => {
                !is_reserved(self.word(i))
                    || matches!(
                        self.word(i),
                        "true" | "false" | "null" | "break" | "continue" | "return" | "yield"
                    )
                    || (i > 0 && self.word(i - 1) == ".")
            }
            Some(
                TokenKind::TypeWord
                | TokenKind::Number
                | TokenKind::Plain
                | TokenKind::QuoteClose
                | TokenKind::QuotedWord
                | TokenKind::Close
                | TokenKind::SpliceClose,
            ) => true,
            Some(TokenKind::Punct) => self.word(i) == "?" && self.attached(i),
            _ => false,
        }
    }

    /// The span from one token to another, the last included.
    pub(crate) fn span(&self, first: usize, end: usize) -> Span {
        let last = end.max(first + 1).min(self.tokens.len()).saturating_sub(1);
        match (self.tokens.get(first), self.tokens.get(last)) {
            (Some(a), Some(b)) => a.span.to(b.span),
            _ => Span::at(self.text.len() as u32),
        }
    }

    /// The innermost block around a token; its closing bracket is in it.
    pub(crate) fn block_around(&self, i: usize) -> Option<usize> {
        self.blocks
            .iter()
            .enumerate()
            .filter(|(_, b)| b.open < i && i <= b.close)
            .max_by_key(|(_, b)| b.open)
            .map(|(n, _)| n)
    }

    /// The element that is to blame when reading stops at a token.
    pub(crate) fn region(&self, i: usize) -> Option<Region> {
        self.region_around(i, true)
    }

    /// The element that a token belongs to.
    pub(crate) fn element_of(&self, i: usize) -> Option<Region> {
        self.region_around(i, false)
    }

    fn region_around(&self, i: usize, stopped: bool) -> Option<Region> {
        let (mut n, mut i) = (self.block_around(i)?, i);
        loop {
            if let Some(region) = self.region_in(n, i, stopped) {
                return Some(region);
            }
            // An empty block is part of the element around it.
            i = self.blocks[n].open;
            n = self.blocks[n].parent?;
        }
    }

    /// Reading may stop right behind a keyword although the keyword itself is what can't stand there: after an operator, or as
    /// the body of an arm. Returns the token to blame.
    pub(crate) fn keyword_in_the_way(&self, at: usize) -> usize {
        let Some(before) = at.checked_sub(2) else { return at };
        let word = self.word(at - 1);
        let value = |r: Region| self.blocks[r.block].kind == BlockKind::Values && r.first == at - 1;
        if matches!(word, "else" | "when" | "true" | "false" | "null")
            && self.region(at - 1).is_some_and(value)
        {
            return at - 1;
        }
        let asks = matches!(self.word(before), "wait" | "emit" | "if" | "while" | "in" | "expect")
            && self.kind(before) == Some(TokenKind::Word);
        let after_sign = self.kind(before) == Some(TokenKind::Punct);
        if self.kind(at - 1) != Some(TokenKind::Word)
            || !is_reserved(word)
            || !(asks && word != "until" || after_sign)
        {
            return at;
        }
        let value =
            matches!(word, "do" | "race" | "route" | "graph" | "parallel" | "true" | "false" | "null");
        let clause = matches!(
            word,
            "else" | "when" | "catch" | "finally" | "as" | "with" | "undo" | "until" | "while" | "in" | "is"
        );
        let loop_value = word == "loop" && self.word(at) == ".";
        let blame = match self.word(before) {
            "." | "," | ":" => false,
            "=>" => clause,
            "?" if self.ends_operand(before) => false,
            _ if asks => !(matches!(word, "true" | "false" | "null") || loop_value),
            _ => !(value || loop_value),
        };
        if blame { at - 1 } else { at }
    }

    /// The closing brace of the item's own block, if more tokens follow it.
    pub(crate) fn early_close(&self) -> Option<usize> {
        let block = self.blocks.iter().find(|b| b.parent.is_none() && b.kind == BlockKind::Steps)?;
        (block.close + 1 < self.tokens.len()).then_some(block.close)
    }

    /// The token that closes the parameters of the item, and the one that its body starts with.
    pub(crate) fn header(&self) -> Option<(usize, usize)> {
        let params = self.blocks.iter().find(|b| b.kind == BlockKind::Params && b.open == 2)?;
        let body = self.blocks.iter().find(|b| b.parent.is_none() && b.open > params.close).map(|b| b.open);
        let body = match self.word(0) {
            "code" => {
                (params.close..body.unwrap_or(self.tokens.len())).find(|&i| self.word(i) == "=").or(body)?
            }
            _ => body?,
        };
        Some((params.close, body))
    }

    /// The element around a region.
    pub(crate) fn wider(&self, region: Region) -> Option<Region> {
        let block = &self.blocks[region.block];
        let parent = block.parent?;
        self.region_in(parent, block.open, true)
            .map(|r| Region { end: r.end.max(block.close + 1).min(self.tokens.len()), ..r })
    }

    fn region_in(&self, n: usize, i: usize, stopped: bool) -> Option<Region> {
        let block = &self.blocks[n];
        let at = block.elements.partition_point(|&start| start <= i.min(block.close.saturating_sub(1)));
        let mut element = at.checked_sub(1)?;
        // Reading that stops where an element may well start was stopped by the one before, which isn't complete.
        if stopped
            && element > 0
            && block.elements[element] == i
            && i < block.close
            && self.may_start(block.kind, i)
        {
            element -= 1;
        }
        let first = block.elements[element];
        let end = block.elements.get(element + 1).copied().unwrap_or(block.close);
        let end = if end > first + 1 && self.word(end - 1) == "," { end - 1 } else { end };
        Some(Region { block: n, first, end })
    }

    fn may_start(&self, kind: BlockKind, i: usize) -> bool {
        let word = self.word(i);
        match kind {
            BlockKind::Steps => {
                self.kind(i) == Some(TokenKind::Word)
                    && (!is_reserved(word) || STATEMENTS.contains(&word) || word == "wait")
                    && !matches!(
                        word,
                        "elif" | "elsif" | "switch" | "match" | "and" | "or" | "not" | "state" | "budget"
                    )
            }
            BlockKind::Arms => matches!(word, "when" | "else"),
            BlockKind::Stages => word == "stage",
            BlockKind::Values => false,
            BlockKind::Fields => self.word(i + 1) == ":" || matches!(word, "measure" | "gate"),
            BlockKind::Slots => self.word(i + 1) == ":",
            BlockKind::Params => true,
        }
    }

    fn find_blocks(&mut self) {
        /// An open bracket, and the block it opens if it opens one.
        struct Open {
            block: Option<usize>,
            /// The last word of the current element that says what a brace after it holds.
            head: &'static str,
            at: usize,
        }
        let item = self.word(0);
        let item = if item == "trusted" { "memory" } else { item };
        let broken = self.unclosed();
        let mut open = vec![Open { block: None, head: "", at: usize::MAX }];
        for i in 0..self.tokens.len() {
            // A bracket that is never closed is taken to end with its line.
            while self.starts_line(i) && open.last().is_some_and(|o| broken.contains(&o.at)) {
                if let Some(n) = open.pop().and_then(|o| o.block) {
                    self.blocks[n].close = i;
                }
            }
            let depth = open.len();
            let current = open.last().and_then(|o| o.block);
            if let Some(n) = current
                && self.starts_element(n, i, open[depth - 1].head)
            {
                self.blocks[n].elements.push(i);
                open[depth - 1].head = "";
            }
            match self.tokens[i].kind {
                TokenKind::Word if i == 0 || self.word(i - 1) != "." => {
                    if let Some(head) = HEADS.iter().find(|h| **h == self.word(i)) {
                        open[depth - 1].head = head;
                    }
                }
                TokenKind::Open | TokenKind::SpliceOpen => {
                    let kind = self.block_kind(i, item, depth, current, open[depth - 1].head);
                    let parent = open.iter().rev().find_map(|o| o.block);
                    let block = kind.map(|kind| {
                        self.blocks.push(Block {
                            kind,
                            open: i,
                            close: self.tokens.len(),
                            elements: Vec::new(),
                            parent,
                        });
                        self.blocks.len() - 1
                    });
                    open.push(Open { block, head: "", at: i });
                }
                TokenKind::Close | TokenKind::SpliceClose => {
                    let Some(n) = open.iter().rposition(|o| self.closes(o.at, i)) else {
                        continue;
                    };
                    for closed in open.drain(n..).filter_map(|o| o.block) {
                        self.blocks[closed].close = i;
                    }
                }
                _ => {}
            }
        }
    }

    /// Whether a closing bracket closes one that opens.
    fn closes(&self, open: usize, close: usize) -> bool {
        let splice = self.kind(close) == Some(TokenKind::SpliceClose);
        matches!(
            (self.word(open), self.word(close), splice),
            ("(", ")", _) | ("[", "]", _) | ("{", "}", false) | ("${", "}", true)
        )
    }

    /// The parentheses and square brackets that what is around them closes.
    fn unclosed(&self) -> Vec<usize> {
        let (mut open, mut found) = (Vec::new(), Vec::new());
        for i in 0..self.tokens.len() {
            match self.tokens[i].kind {
                TokenKind::Open | TokenKind::SpliceOpen => open.push(i),
                TokenKind::Close | TokenKind::SpliceClose => {
                    if let Some(n) = open.iter().rposition(|&o| self.closes(o, i)) {
                        found.extend(open.drain(n..).skip(1));
                    }
                }
                _ => {}
            }
        }
        found.extend(open);
        found.retain(|&i| matches!(self.word(i), "(" | "[" | "${"));
        found
    }

    fn block_kind(
        &self,
        i: usize,
        item: &str,
        depth: usize,
        current: Option<usize>,
        head: &str,
    ) -> Option<BlockKind> {
        if self.word(i) == "(" {
            let declares = i == 2 && depth == 1 && !matches!(item, "const" | "model" | "trigger" | "memory");
            let stage = i >= 2 && self.word(i - 2) == "stage";
            return (declares || stage).then_some(BlockKind::Params);
        }
        if self.word(i) != "{" {
            return None;
        }
        let before = i.checked_sub(1)?;
        let type_word = self.kind(before) == Some(TokenKind::TypeWord);
        if depth == 1 {
            return match item {
                "type" => (type_word || self.word(before) == "{").then_some(BlockKind::Slots),
                "enum" => Some(BlockKind::Values),
                "flow" | "test" | "code" if self.ends_operand(before) && !(type_word && self.attached(i)) => {
                    Some(BlockKind::Steps)
                }
                "import" | "const" | "flow" | "test" | "code" | "allow" => None,
                _ if self.ends_operand(before) && !(type_word && self.attached(i)) => Some(BlockKind::Fields),
                _ => None,
            };
        }
        let current = self.blocks[current?].kind;
        if !matches!(current, BlockKind::Steps | BlockKind::Arms | BlockKind::Stages)
            || (type_word && self.attached(i))
        {
            return None;
        }
        match self.word(before) {
            "=>" => return (!self.keyed(i)).then_some(BlockKind::Steps),
            "catch" => return (!self.keyed(i)).then_some(BlockKind::Arms),
            "with" | "return" | "yield" | "emit" | "in" | "as" | "=" | "+=" | ":" | "," | "??" | "->" => {
                return None;
            }
            "state" => return Some(BlockKind::Slots),
            "budget" => return Some(BlockKind::Fields),
            "route" | "race" => return Some(BlockKind::Arms),
            "do" | "else" | "try" | "saga" | "parallel" | "finally" => return Some(BlockKind::Steps),
            _ => {}
        }
        match head {
            "route" | "race" | "catch" => Some(BlockKind::Arms),
            "graph" => Some(BlockKind::Stages),
            _ if self.ends_operand(before) || self.starts_line(i) => Some(BlockKind::Steps),
            _ => None,
        }
    }

    /// Whether the brace at a token opens a record (G4).
    fn keyed(&self, i: usize) -> bool {
        match self.word(i + 1) {
            "..." | "[" | "?" => true,
            "when" | "else" if self.word(i + 2) != ":" => false,
            _ if self.kind(i + 1) == Some(TokenKind::QuoteOpen) => self.word(i + 4) == ":",
            _ => self.word(i + 2) == ":",
        }
    }

    fn starts_element(&self, n: usize, i: usize, head: &str) -> bool {
        let block = &self.blocks[n];
        let word = self.word(i);
        if matches!(self.kind(i), Some(TokenKind::Close)) {
            return false;
        }
        if i == block.open + 1 {
            return true;
        }
        let after = self.ends_operand(i - 1) || self.word(i - 1) == ",";
        match block.kind {
            BlockKind::Values => true,
            BlockKind::Params => self.word(i - 1) == ",",
            BlockKind::Stages => word == "stage" || (self.starts_line(i) && after && word != "else"),
            BlockKind::Fields => {
                let own = matches!(word, "measure" | "gate")
                    && self.word(0) == "eval"
                    && self.starts_line(i)
                    && self.word(i + 1) != ":";
                own || after
                    && (self.word(i + 1) == ":"
                        || (self.kind(i) == Some(TokenKind::QuoteOpen) && self.word(i + 3) == ":")
                        || (matches!(word, "measure" | "gate") && self.kind(i) == Some(TokenKind::Word))
                        || (self.starts_line(i)
                            && self.kind(i) == Some(TokenKind::Word)
                            && !matches!(word, "in" | "is" | "as" | "max" | "else")))
            }
            BlockKind::Slots => {
                let named = self.word(i + 1) == ":"
                    || (self.kind(i) == Some(TokenKind::QuoteOpen) && self.word(i + 3) == ":");
                let plain = self.starts_line(i) && self.kind(i) == Some(TokenKind::Word);
                let other = self.word(i - 1) == "," && self.kind(i) == Some(TokenKind::Word);
                after && (named || other || plain && !matches!(word, "in" | "is" | "as" | "where" | "merge"))
            }
            BlockKind::Arms => {
                let next = self.word(i + 1);
                match word {
                    "when" => self.word(i - 1) != "else",
                    "else" if matches!(next, "=>" | "as") => true,
                    "else" if next == "if" => self.arrow_before_brace(i),
                    // In the place of an arm, unless the arm before it holds an `if`.
                    "else" => {
                        let from = block.elements.last().copied().unwrap_or(block.open);
                        after && (from..i).all(|j| !matches!(self.word(j), "if" | "loop" | "graph"))
                    }
                    "case" | "default" if after && self.starts_line(i) && next != "(" => true,
                    _ => after && (next == "=>" || self.starts_line(i) && self.lone_head(i)) && head != "as",
                }
            }
            BlockKind::Steps => {
                let keyword = self.kind(i) == Some(TokenKind::Word) && !(i > 0 && self.word(i - 1) == ".");
                // Whatever is before it, no value starts with one of these.
                let opens = matches!(
                    word,
                    "let"
                        | "return"
                        | "loop"
                        | "for"
                        | "break"
                        | "continue"
                        | "goto"
                        | "fail"
                        | "emit"
                        | "wait"
                        | "try"
                        | "saga"
                );
                let opens = opens || (word == "if" && !after && self.kind(i - 1) == Some(TokenKind::Punct));
                if keyword
                    && opens
                    && self.starts_line(i)
                    && !matches!(self.word(i - 1), "=>" | "when" | "parallel")
                    && self.word(i + 1) != "."
                {
                    return true;
                }
                if !after || !keyword {
                    return after
                        && self.starts_line(i)
                        && !matches!(self.kind(i), Some(TokenKind::Punct))
                        && !matches!(word, "(" | "[");
                }
                match word {
                    "if" => self.starts_line(i) || matches!(self.word(i - 1), "}"),
                    "else" | "catch" | "finally" | "with" | "undo" | "as" | "in" | "is" | "when" => false,
                    // Operators and clauses of other languages.
                    "and" | "or" | "then" | "instanceof" if !self.starts_line(i) => false,
                    "not" if self.word(i + 1) == "in" => false,
                    _ if !self.starts_line(i)
                        && matches!(
                            self.word(i - 1),
                            "match" | "switch" | "typeof" | "lambda" | "new" | "not"
                        )
                        && self.kind(i - 1) == Some(TokenKind::Word) =>
                    {
                        false
                    }
                    "while" | "until" => self.starts_line(i) && head != "loop" && head != "wait",
                    "max" | "by" | "jobs" | "collect" if matches!(head, "loop" | "for" | "graph") => false,
                    "before" | "after" | "merge" if !matches!(self.word(i + 1), "(" | "." | "=" | "+=") => {
                        false
                    }
                    "for" => self.word(i - 1) != "parallel",
                    "error" if self.word(i - 1) == "on" => false,
                    // `switch x {`: what follows belongs to the word that starts no step.
                    _ if !self.starts_line(i)
                        && block.elements.last() == Some(&(i - 1))
                        && self.kind(i - 1) == Some(TokenKind::Word)
                        && !is_reserved(self.word(i - 1)) =>
                    {
                        false
                    }
                    // `v as trusted T`
                    _ if matches!(self.word(i - 1), "trusted" | "untrusted")
                        && i >= 2
                        && self.word(i - 2) == "as" =>
                    {
                        false
                    }
                    // `for x xs`: the word that `in` was forgotten before.
                    _ if i >= 2 && self.word(i - 2) == "for" => false,
                    _ if matches!(self.word(i - 1), "mock" | "expect") && !self.starts_line(i) => false,
                    _ if matches!(self.word(i - 1), "return" | "yield" | "break" | "continue")
                        && !self.starts_line(i) =>
                    {
                        STATEMENTS.contains(&word)
                            && !matches!(word, "do" | "race" | "route" | "graph" | "parallel")
                    }
                    _ => !matches!(self.word(i - 1), "return" | "yield") || self.starts_line(i),
                }
            }
        }
    }

    /// Whether `else if` heads an arm, as nothing does, and not the branch of an `if`.
    fn arrow_before_brace(&self, i: usize) -> bool {
        (i..self.tokens.len()).take(40).map(|j| self.word(j)).find(|w| matches!(*w, "=>" | "{")) == Some("=>")
    }

    /// Whether a word at the start of a line heads an arm without `when`: an arrow follows before the line ends.
    fn lone_head(&self, i: usize) -> bool {
        (i + 1..self.tokens.len())
            .take_while(|&j| !self.starts_line(j))
            .take(12)
            .any(|j| self.word(j) == "=>")
            || self.kind(i) == Some(TokenKind::Word) && matches!(self.word(i + 1), ":" | "->")
    }
}

/// Words that say what a brace after them holds.
const HEADS: [&str; 12] =
    ["route", "race", "catch", "graph", "loop", "for", "wait", "if", "stage", "else", "on", "parallel"];

/// The words that can't name a value (G7).
pub(crate) fn is_reserved(word: &str) -> bool {
    STATEMENTS.contains(&word)
        || matches!(
            word,
            "else"
                | "when"
                | "while"
                | "until"
                | "catch"
                | "finally"
                | "wait"
                | "undo"
                | "in"
                | "is"
                | "as"
                | "with"
                | "true"
                | "false"
                | "null"
        )
}
