//! What is said where the grammar refuses a text: what was found, what is expected there in the words of the language, and
//! how to mend the commonest habits of other languages.

mod arms;
mod declarations;
mod fault;
mod foreign;
mod habits;
mod help;
mod operators;
mod rules;
mod statements;
mod switch;
mod types;
mod values;

use flow_diagnostics::{Code, Diagnostic};
use flow_source::{FileId, FileSpan, Span};

use crate::lexer::TokenKind;
use crate::outline::{BlockKind, Outline, Region, is_reserved};

pub(crate) use fault::{fault, instead, stray_doc, too_deep, unclosed};
pub(crate) use habits::{as_meant, offered};

/// Where reading stopped.
pub(crate) struct Place<'a> {
    file: FileId,
    base: u32,
    outline: &'a Outline<'a>,
    /// The token at which reading stopped; the number of tokens at the end.
    at: usize,
    region: Option<Region>,
}

impl<'a> Place<'a> {
    fn span(&self, first: usize, end: usize) -> FileSpan {
        self.outline.span(first, end).shift(self.base).within(self.file)
    }

    /// The place right after a token.
    fn after(&self, i: usize) -> FileSpan {
        let end = self.outline.tokens.get(i).map_or(0, |t| t.span.end);
        Span::at(end).shift(self.base).within(self.file)
    }

    /// The place right before a token.
    fn before(&self, i: usize) -> FileSpan {
        let start = self.outline.tokens.get(i).map_or(self.outline.text.len() as u32, |t| t.span.start);
        Span::at(start).shift(self.base).within(self.file)
    }

    fn word(&self, i: usize) -> &'a str {
        self.outline.word(i)
    }

    /// The token before the one at which reading stopped.
    fn last(&self) -> &'a str {
        self.at.checked_sub(1).map_or("", |i| self.word(i))
    }

    fn kind(&self) -> Option<BlockKind> {
        self.region.map(|r| self.outline.blocks[r.block].kind)
    }

    /// The tokens of the region.
    fn tokens(&self) -> std::ops::Range<usize> {
        self.region.map_or(0..0, |r| r.first..r.end)
    }

    fn text(&self, first: usize, end: usize) -> &'a str {
        &self.outline.text[self.outline.span(first, end).range()]
    }

    fn error(&self, at: FileSpan, message: impl Into<String>) -> Diagnostic {
        Diagnostic::new(Code::UnexpectedToken, at, message)
    }
}

/// The diagnostic of an item that the grammar refuses at a token.
pub(crate) fn refused(
    file: FileId,
    base: u32,
    outline: &Outline<'_>,
    at: usize,
    region: Option<Region>,
) -> Diagnostic {
    let place = Place { file, base, outline, at, region };
    habits::find(&place).unwrap_or_else(|| general(&place))
}

/// The diagnostic of a lone expression that the grammar refuses at a token.
pub(crate) fn expression(file: FileId, outline: &Outline<'_>, at: usize) -> Diagnostic {
    let place = Place { file, base: 0, outline, at, region: None };
    if let Some(found) = habits::in_expression(&place) {
        return found;
    }
    let expected = match at.checked_sub(1) {
        None => "an expression".to_owned(),
        Some(before) if !outline.ends_operand(before) => {
            format!("a value after `{}`", clipped(place.word(before)))
        }
        Some(_) => match innermost_open(&place).map(|i| place.word(i)) {
            Some("(") => "`,` or `)`".to_owned(),
            Some("[") => "`,` or `]`".to_owned(),
            Some(_) => "`,` or `}`".to_owned(),
            None => "an operator or the end".to_owned(),
        },
    };
    let diagnostic = unexpected(&place, &expected);
    match what_to_write(&place, &expected) {
        Some(help) => diagnostic.help(help),
        None => diagnostic,
    }
}

/// The diagnostic of text that starts no item.
pub(crate) fn no_item(file: FileId, base: u32, outline: &Outline<'_>) -> Diagnostic {
    let place = Place { file, base, outline, at: 0, region: None };
    let first = place.word(0);
    let at = place.span(0, 1);
    if let Some(found) = other_declaration(&place) {
        return found;
    }
    let likely = match first {
        "def" | "fn" | "func" | "function" | "async" => {
            Some("`flow` declares steps, `code` a pure function: `code double(n: int) -> int = n * 2`")
        }
        "struct" | "class" | "interface" | "record" | "schema" => {
            Some("`type Name { field: string }` declares a record")
        }
        "let" | "var" | "val" => {
            Some("at the top of a file stands `const name = value`; `let` stands in flows")
        }
        "use" | "from" | "include" | "require" => Some("write `import { name } from \"./file.flow\"`"),
        "import" => Some("write `import { name } from \"./file.flow\"`"),
        "allow" => Some("write `allow [net(\"api.example.com\")]`"),
        "test" => Some("write `test \"what it shows\" { … }`"),
        "model" => Some("write `model default = \"provider/model\"`"),
        "prompt" | "agent" | "tool" | "human" | "event" | "code" | "flow" => Some(
            "a name in lower case follows, then the parameters: `flow main(topic: string) -> string { … }`",
        ),
        "workflow" | "pipeline" | "main" | "task" | "job" => Some("write `flow name() -> T { … }`"),
        "llm" | "template" => Some("write `prompt name(…) -> T { user: \"…\" }`"),
        _ => None,
    };
    let message = format!("expected a declaration, found {}", found(&place, 0));
    let diagnostic = place.error(at, message);
    match likely.map(str::to_owned).or_else(|| similar_keyword(first)) {
        Some(help) => diagnostic.help(help),
        None => diagnostic.help("a file holds `flow`, `prompt`, `agent`, `tool`, `human`, `event`, `code`, `type`, `enum`, `model`, `const`, `memory`, `trigger`, `import`, `allow`, `test` and `eval`"),
    }
}

/// `struct Review { … }`, `function f() { … }`, `export flow f() { … }`, `let limit = 3`: what is meant is told and read.
fn other_declaration(place: &Place<'_>) -> Option<Diagnostic> {
    let first = place.word(0);
    let lone = |word: &str| matches!(word, "export" | "public" | "private" | "pub" | "async" | "static");
    let keyword = usize::from(lone(first));
    let at = place.span(0, keyword + 1);
    let end = place.outline.tokens.len();
    let braces = (keyword..end).any(|i| place.word(i) == "{");
    let named = place.outline.kind(keyword + 1);
    let (instead, help) = match place.word(keyword) {
        "" if keyword == 1 => ("", "what a file declares can be imported by others as it stands"),
        "struct" | "class" | "interface" | "record" | "schema" | "dataclass"
            if named == Some(TokenKind::TypeWord) && braces =>
        {
            ("type", "`type Name { field: string }` declares a record")
        }
        "fn" | "func" | "function" | "workflow" | "pipeline" | "def" | "task" | "job"
            if named == Some(TokenKind::Word) && braces =>
        {
            ("flow", "`flow` declares steps, `code` a pure function: `code double(n: int) -> int = n * 2`")
        }
        "let" | "var" | "val" | "const" | "final" if named == Some(TokenKind::Word) => {
            ("const", "at the top of a file stands `const name = value`; `let` stands in flows")
        }
        "test" if keyword == 0 && named == Some(TokenKind::Word) && place.word(2) == "{" => {
            let title = format!("\"{}\"", place.word(1));
            return Some(
                place
                    .error(place.span(1, 2), "the title of a test stands in quotes")
                    .help(format!("write `test {title} {{ … }}`"))
                    .fix("add the quotes", place.span(1, 2), title),
            );
        }
        "allow" if keyword == 0 && named == Some(TokenKind::Word) => {
            return Some(
                place
                    .error(place.span(0, 1), "what is allowed stands in a list")
                    .help("write `allow [net(\"api.example.com\")]`")
                    .fix_all(
                        "add the brackets",
                        vec![place.insert_before(1, "["), place.insert_after(end - 1, "]")],
                    ),
            );
        }
        "model" if keyword == 0 && named == Some(TokenKind::QuoteOpen) => {
            return Some(
                place
                    .error(place.span(0, 1), "this model has no name")
                    .help("the one named `default` is taken where no other is named: `model default = \"provider/model\"`")
                    .fix("name it `default`", place.before(1), "default = "),
            );
        }
        word if keyword == 0 => {
            let meant = near_keyword(word, |keyword| keyword != word && starts_as(place, keyword))?;
            let message = format!("expected a declaration, found {}", found(place, 0));
            return Some(
                place
                    .error(at, message)
                    .help(format!("a declaration with a similar name exists: `{meant}`"))
                    .fix(format!("write `{meant}`"), at, meant),
            );
        }
        _ => return None,
    };
    let mut edits = vec![place.edit(0, keyword + 1, instead)];
    if keyword == 1 && instead.is_empty() {
        edits = vec![place.edit(0, 1, "")];
    }
    // `function f(n: number): number {`
    let params =
        (keyword + 2 < end && place.word(keyword + 2) == "(").then(|| place.closing(keyword + 2)).flatten();
    if let Some(close) = params.filter(|&close| place.word(close + 1) == ":" && instead == "flow") {
        if !(close + 2..end).any(|i| place.word(i) == "{") {
            return None;
        }
        edits.push(place.edit(close + 1, close + 2, " ->"));
    }
    let title = if instead.is_empty() { format!("take `{first}` out") } else { format!("write `{instead}`") };
    let message = format!("expected a declaration, found {}", found(place, 0));
    Some(place.error(at, message).help(help).fix_all(title, edits))
}

fn similar_keyword(word: &str) -> Option<String> {
    near_keyword(word, |keyword| keyword != word)
        .map(|k| format!("a declaration with a similar name exists: `{k}`"))
}

/// The keyword of a declaration that a word is near to, of those that fit.
pub(crate) fn near_keyword(word: &str, fits: impl Fn(&str) -> bool) -> Option<&'static str> {
    let keywords = [
        "import", "const", "model", "type", "enum", "prompt", "agent", "tool", "human", "event", "code",
        "flow", "memory", "trigger", "allow", "test", "eval", "variant",
    ];
    let lower = word.to_ascii_lowercase();
    keywords.into_iter().find(|k| distance(k, &lower) <= 1 + k.len() / 6 && fits(k))
}

/// Whether what follows the first word of a text is what follows the keyword of a declaration.
fn starts_as(place: &Place<'_>, keyword: &str) -> bool {
    let next = place.word(2);
    match keyword {
        "import" => place.word(1) == "{",
        "allow" => place.word(1) == "[",
        "test" => place.outline.kind(1) == Some(TokenKind::QuoteOpen),
        "type" | "enum" => place.outline.kind(1) == Some(TokenKind::TypeWord) && matches!(next, "{" | "="),
        "const" => place.is_name(1) && matches!(next, "=" | ":"),
        "model" | "trigger" => place.is_name(1) && next == "=",
        "memory" => place.is_name(1) && next == ":",
        "eval" | "variant" => place.is_name(1) && next == "of",
        _ => place.is_name(1) && next == "(",
    }
}

/// The edit distance of two short words, swaps of neighbours counted as one.
fn distance(a: &str, b: &str) -> usize {
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().take(32).collect(), b.chars().take(32).collect());
    let mut rows = vec![vec![0; b.len() + 1]; a.len() + 1];
    for (i, row) in rows.iter_mut().enumerate() {
        row[0] = i;
    }
    for (j, cell) in rows[0].iter_mut().enumerate() {
        *cell = j;
    }
    for i in 1..=a.len() {
        for j in 1..=b.len() {
            let change = rows[i - 1][j - 1] + usize::from(a[i - 1] != b[j - 1]);
            let mut best = change.min(rows[i - 1][j] + 1).min(rows[i][j - 1] + 1);
            if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                best = best.min(rows[i - 2][j - 2] + 1);
            }
            rows[i][j] = best;
        }
    }
    rows[a.len()][b.len()]
}

fn general(place: &Place<'_>) -> Diagnostic {
    let outline = place.outline;
    let element_start = place.region.map(|r| r.first);
    // An element that is no step at all stands before the token at which reading stopped.
    if place.kind() == Some(BlockKind::Steps)
        && let Some(first) = element_start
        && first < place.at
        && outline.kind(first) == Some(TokenKind::Word)
        && !is_reserved(place.word(first))
        && !matches!(place.word(first), "mock" | "expect")
        && (place.region.is_some_and(|r| place.at >= r.end)
            || !matches!(place.word(first + 1), "=" | "+=" | "(" | "."))
        && (first + 1..place.at).all(|i| !matches!(place.word(i), "(" | "{" | "="))
    {
        let end = place.region.map_or(first + 1, |r| r.end.min(place.at));
        let text = place.text(first, end);
        return place.error(place.span(first, end), format!("`{}` is no step", clipped(text))).help(format!(
            "take `{0}` out, or make it a step: a call, `{1}(…)`, an assignment, `{1} = …`, or `return {0}`",
            clipped(text),
            place.word(first)
        ));
    }
    let expected = expected(place);
    let diagnostic = unexpected(place, &expected);
    if expected == "`{`" && place.kind() == Some(BlockKind::Steps) {
        return diagnostic.help("the steps stand in braces: `if c { … }`, `for x in xs { … }`");
    }
    match help::of(place).or_else(|| what_to_write(place, &expected)) {
        Some(help) => diagnostic.help(help),
        None => diagnostic,
    }
}

/// Says what is written where something else stands, by what the language expects there.
fn what_to_write(place: &Place<'_>, expected: &str) -> Option<String> {
    let found = clipped(place.word(place.at));
    let (what, out) = match place.outline.kind(place.at) {
        None => ("the end".to_owned(), "complete it".to_owned()),
        Some(TokenKind::QuoteOpen | TokenKind::Plain | TokenKind::Text | TokenKind::QuoteClose) => {
            ("the text".to_owned(), "take the text out".to_owned())
        }
        Some(_) => (format!("`{found}`"), format!("take `{found}` out")),
    };
    let instead = match expected {
        "a pattern" => {
            Some("a value to match, then `=>`: `when \"done\" => …`, or of an enum `when billing => …`")
        }
        "a condition" => Some("what must hold: `expect text == \"done\"`"),
        "a type" | "a type after `=`" | "a type after `|`" => {
            Some("a type: `string`, `int`, `float`, `bool`, a list `[string]`, or one of your own")
        }
        "a name" | "a name in lower case" => Some("a name, a word in lower case such as `found`"),
        "a name that starts with a capital letter" => {
            Some("a name that starts with a capital letter, such as `Review`")
        }
        "a field or a function" => Some("the name of a field, or a function such as `size()`"),
        "`->` and a type, or `{`" => Some("what the flow gives, `-> int`, and then `{`"),
        "`->` and the type it returns" => Some("`->` and the type of what it gives: `-> string`"),
        _ if expected.starts_with("a value") => {
            Some("a value: a name, a number such as `3`, a text such as `\"a\"`, or a call")
        }
        _ => None,
    };
    if let Some(instead) = instead {
        return Some(match place.outline.kind(place.at) {
            None => format!("write here {instead}"),
            Some(_) => format!("write instead of {what} {instead}"),
        });
    }
    let example = match expected {
        "a declaration" => "`flow main(topic: string) -> string { return topic }` declares a flow",
        "`{` or `if`" => {
            "after `else` stand steps in braces, `else { … }`, or another test, `else if c { … }`"
        }
        "`{`" => "what belongs to it stands in braces: `{ … }`",
        "`,` or `)`" => "values are parted by `,`, and the list ends with `)`: `f(a, b)`",
        "`,` or `]`" => "values are parted by `,`, and the list ends with `]`: `[a, b]`",
        "`,` or `}`" => "entries are parted by `,`, and end with `}`: `{a: 1, b: 2}`",
        "`}` at the end of the splice" => "a splice ends with `}`: `${name}`",
        "its parameters: `(…)`" => {
            "behind the name stand its parameters, if only `()`: `name(text: string)`"
        }
        "`{` and its fields" => "fields stand in braces: `{ user: \"…\" }`",
        "`|` or the end of this declaration" => {
            "fields of a record stand in braces, `type Review { score: int }`; members of a union are parted by `|`"
        }
        "`=` or `:`" => "a value follows behind `=`: `name = value`",
        "`=>` and the answer" => "a mock is a node and its answer: `mock draft => \"text\"`",
        "`=>`" => "behind what an arm matches stands `=>`, then what it does: `when billing => …`",
        "`:`" => "a field is a name, `:` and a value: `name: value`",
        "a step or `}`" => {
            "a step is a call, `f(x)`, an assignment, `total = 3`, or starts with a keyword: `return total`"
        }
        "a field (`name: value`) or `}`" => "a field is a name, `:` and one value: `timeout: 30s`",
        "a field (`name: type`) or `}`" => "a field is a name, `:` and a type: `score: int`",
        "an arm (`when … => …` or `else => …`) or `}`" => {
            "an arm is `when billing => f(x)` or `else => f(x)`; several steps stand in braces"
        }
        "a value in lower case or `}`" => {
            "values of an enum are words in lower case: `enum Kind { billing bug }`"
        }
        "a stage (`stage name { … }`) or `}`" => "in a graph stand stages only: `stage start { … }`",
        "a parameter (`name: type`) or `)`" => "a parameter is a name, `:` and a type: `text: string`",
        "the end of this declaration" => {
            "nothing more belongs to this declaration; the next one starts with a keyword, such as `flow`"
        }
        _ => return Some(format!("{out}, or complete what stands before it")),
    };
    Some(format!("{out}: {example}"))
}

fn unexpected(place: &Place<'_>, expected: &str) -> Diagnostic {
    // "expected a step or `}`, found `}`" would help nobody: something before it isn't complete.
    let found_word = format!("or `{}`", place.word(place.at));
    let expected = if expected.ends_with(&found_word) { "the rest of this" } else { expected };
    // What is missing at the end of a line is missing there, not where the next one starts.
    let dangling = place.at.checked_sub(1).filter(|&before| {
        place.at < place.outline.tokens.len()
            && place.outline.starts_line(place.at)
            && matches!(place.outline.kind(before), Some(TokenKind::Punct | TokenKind::Word))
            && !place.outline.ends_operand(before)
            && place.word(before) != ","
    });
    let at = if let Some(before) = dangling {
        place.span(before, before + 1)
    } else if place.at < place.outline.tokens.len() {
        place.span(place.at, place.at + 1)
    } else {
        place.after(place.outline.tokens.len().saturating_sub(1))
    };
    place.error(at, format!("expected {expected}, found {}", found(place, place.at)))
}

/// What stands at a token, in words.
fn found(place: &Place<'_>, i: usize) -> String {
    match place.outline.kind(i) {
        None => "the end".to_owned(),
        Some(TokenKind::QuoteOpen | TokenKind::Plain | TokenKind::Text | TokenKind::QuoteClose) => {
            "a string".to_owned()
        }
        Some(TokenKind::Word) if is_reserved(place.word(i)) => format!("the keyword `{}`", place.word(i)),
        Some(_) => format!("`{}`", clipped(place.word(i))),
    }
}

fn clipped(text: &str) -> String {
    let line = text.lines().next().unwrap_or("");
    match line.char_indices().nth(40) {
        Some((n, _)) => format!("{}…", &line[..n]),
        None if line.len() < text.trim_end().len() => format!("{line}…"),
        None => line.to_owned(),
    }
}

/// What the language expects at a place, in its words.
fn expected(place: &Place<'_>) -> String {
    let outline = place.outline;
    let Some(before) = place.at.checked_sub(1) else { return "a declaration".to_owned() };
    let last = place.word(before);
    let header = place.region.is_none();
    match last {
        "let" | "goto" | "fail" | "stage" | "for" => return "a name".to_owned(),
        "flow" | "prompt" | "agent" | "tool" | "human" | "event" | "code" | "model" | "const" | "memory"
        | "trigger"
            if before == 0 =>
        {
            return "a name in lower case".to_owned();
        }
        "type" | "enum" if before == 0 => return "a name that starts with a capital letter".to_owned(),
        "->" | "emits" => return "a type".to_owned(),
        ":" if matches!(place.kind(), Some(BlockKind::Slots | BlockKind::Params)) => {
            return "a type".to_owned();
        }
        "=" | "|" if place.word(0) == "type" && place.region.is_none() => {
            return format!("a type after `{last}`");
        }
        "." => return "a field or a function".to_owned(),
        "else" => return "`{` or `if`".to_owned(),
        "when" => return "a pattern".to_owned(),
        "expect" => return "a condition".to_owned(),
        "catch" => return "a value, a call or arms: `catch { when timeout => …  else => … }`".to_owned(),
        "do" | "try" | "saga" | "finally" => return "`{`".to_owned(),
        _ => {}
    }
    if !outline.ends_operand(before) {
        let opens = outline.kind(before) == Some(TokenKind::Open);
        return match place.region.map(|r| (&outline.blocks[r.block], r)) {
            Some((block, _)) if opens && block.open == before => element(block.kind),
            _ if last == ":" || last == "=" || !opens => format!("{} after `{}`", "a value", clipped(last)),
            _ => "a value".to_owned(),
        };
    }
    // After something complete: what closes the innermost bracket, or what may follow.
    let open = innermost_open(place);
    if let Some(i) = open {
        let bracket = place.word(i);
        let block = outline.blocks.iter().find(|b| b.open == i).map(|b| b.kind);
        return match (bracket, block) {
            ("(", _) => "`,` or `)`".to_owned(),
            ("[", _) => "`,` or `]`".to_owned(),
            ("${", _) => "`}` at the end of the splice".to_owned(),
            (_, None) => "`,` or `}`".to_owned(),
            (_, Some(kind)) => in_block(place, kind),
        };
    }
    if header {
        return match place.word(0) {
            "flow" if before > 1 => "`->` and a type, or `{`".to_owned(),
            "prompt" | "agent" | "human" | "event" | "code" | "tool" if last == ")" => {
                "`->` and the type it returns".to_owned()
            }
            "prompt" | "agent" | "tool" | "human" | "event" | "flow" | "code" if before == 1 => {
                "its parameters: `(…)`".to_owned()
            }
            "prompt" | "agent" | "tool" | "human" | "event"
                if (0..place.at).any(|i| place.word(i) == "->") =>
            {
                "`{` and its fields".to_owned()
            }
            "import" if before == 0 => "`{`: write `import { name } from \"./file.flow\"`".to_owned(),
            "type" => "`|` or the end of this declaration".to_owned(),
            "const" | "model" | "trigger" | "memory" if before == 1 => "`=` or `:`".to_owned(),
            _ => "the end of this declaration".to_owned(),
        };
    }
    "the end of this declaration".to_owned()
}

fn in_block(place: &Place<'_>, kind: BlockKind) -> String {
    let first = place.region.map_or(place.at, |r| r.first);
    match place.word(first) {
        "mock" if !(first..place.at).any(|i| place.word(i) == "=>") => "`=>` and the answer".to_owned(),
        "gate" => "`else warn`, `else fail` or `else block`".to_owned(),
        "let" if place.at == first + 2 => "`=` or `:`".to_owned(),
        "if" | "for" | "loop" | "graph" | "route" if !(first..place.at).any(|i| place.word(i) == "{") => {
            "`{`".to_owned()
        }
        _ if matches!(kind, BlockKind::Fields | BlockKind::Slots) && place.at == first + 1 => {
            "`:`".to_owned()
        }
        _ if kind == BlockKind::Arms && !(first..place.at).any(|i| place.word(i) == "=>") => {
            "`=>`".to_owned()
        }
        _ => element(kind),
    }
}

/// What may stand in a block, in words.
fn element(kind: BlockKind) -> String {
    match kind {
        BlockKind::Steps => "a step or `}`",
        BlockKind::Fields => "a field (`name: value`) or `}`",
        BlockKind::Slots => "a field (`name: type`) or `}`",
        BlockKind::Arms => "an arm (`when … => …` or `else => …`) or `}`",
        BlockKind::Values => "a value in lower case or `}`",
        BlockKind::Stages => "a stage (`stage name { … }`) or `}`",
        BlockKind::Params => "a parameter (`name: type`) or `)`",
    }
    .to_owned()
}

/// The innermost bracket that is open before the token at which reading stopped.
fn innermost_open(place: &Place<'_>) -> Option<usize> {
    let mut open = Vec::new();
    for i in 0..place.at.min(place.outline.tokens.len()) {
        match place.outline.kind(i) {
            Some(TokenKind::Open | TokenKind::SpliceOpen) => open.push(i),
            Some(TokenKind::Close | TokenKind::SpliceClose) => {
                open.pop();
            }
            _ => {}
        }
    }
    open.pop()
}
