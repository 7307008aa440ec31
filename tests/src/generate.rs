//! Programs made from the grammar itself, and programs with a few changes.

use std::collections::HashMap;

use pest_meta::ast::Expr;

use crate::pieces::PIECES;

/// The grammar's own text.
const GRAMMAR: &str = include_str!("../../grammar/flow.pest");
/// Rules inside each other from which on the shortest way out is taken.
const DEPTH_MAX: usize = 22;
/// Bytes of one item from which on the shortest way out is taken.
const BYTES_MAX: usize = 1_500;

/// A fixed sequence of choices: splitmix64.
#[derive(Clone, Debug)]
pub struct Dice(u64);

impl Dice {
    /// Starts a sequence.
    pub fn new(seed: u64) -> Dice {
        Dice(seed)
    }

    /// A number below `n`.
    pub fn below(&mut self, n: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        ((z ^ (z >> 31)) % n.max(1) as u64) as usize
    }

    /// Whether something of one in `n` comes true.
    pub fn one_in(&mut self, n: usize) -> bool {
        self.below(n) == 0
    }

    fn of<'a>(&mut self, all: &[&'a str]) -> &'a str {
        all[self.below(all.len())]
    }
}

/// The rules of the grammar, and how many rules each needs at least.
pub struct Grammar {
    rules: HashMap<String, Expr>,
    least: HashMap<String, usize>,
}

/// Rules whose text is taken from a list: what they exclude by looking ahead can't be read off them.
fn leaf(rule: &str) -> Option<&'static [&'static str]> {
    Some(match rule {
        "ident" => {
            &["topic", "text", "draft", "review", "n", "xs", "item", "kind", "g", "send", "_x", "pick"]
        }
        "word" => &["score", "title", "if", "for", "when", "model", "user", "retry", "max", "Name", "get"],
        "type_name" => &["Review", "Kind", "Refund", "Reply", "Stop", "T"],
        "value_word" => &["billing", "bug", "loop", "if", "how_to", "a"],
        "quoted_word" => &["`Content-Type`", "`if`"],
        "number" => &["0", "1", "42", "1_000", "0x1F", "3u", "2.5", "1e9", ".5", "9223372036854775807"],
        "duration" => &["30s", "1h30m", "500ms", "2d"],
        "size" => &["64MB", "2KB", "1B"],
        "numeral" => &["0", "3", "17", "2.5", "30s", "64MB"],
        "infix" => &["==", "&&", "+", "||", "!=", "-", "<=", ">=", "<", ">", "??", "*", "/", "%", "in"],
        "plain_string" => &["'abc'", "'it\"s'", r#"r"\d+""#, r#"b"\x00""#, r#"R"""a"b""""#, "''"],
        "python_text" => &["\"return 1\"", "\"\"\"\n    return {\"a\": 1}\n    \"\"\"", "'x = 1'"],
        "boolean" => &["true", "false"],
        "nothing" => &["null"],
        "loop_value" => &["loop.index", "loop.last"],
        "prefix" => &["-", "-", "!"],
        "literal_type" => &["\"a\"", "\"b c\"", "-1", "7", "true"],
        "assign_op" => &["=", "+="],
        "arg_name" => &["text:", "n :", "if:"],
        _ => return None,
    })
}

impl Default for Grammar {
    fn default() -> Self {
        Self::new()
    }
}

impl Grammar {
    /// Reads the grammar.
    ///
    /// # Panics
    /// It isn't one that pest reads.
    pub fn new() -> Grammar {
        let pairs = pest_meta::parser::parse(pest_meta::parser::Rule::grammar_rules, GRAMMAR);
        let rules = pest_meta::parser::consume_rules(pairs.expect("the grammar is one"));
        let rules: HashMap<String, Expr> =
            rules.expect("its rules are complete").into_iter().map(|r| (r.name, r.expr)).collect();
        let mut grammar = Grammar { rules, least: HashMap::new() };
        // What each rule needs at least grows smaller until nothing changes.
        loop {
            let found: HashMap<String, usize> = grammar
                .rules
                .iter()
                .map(|(name, expr)| (name.clone(), grammar.least_rule(name, expr)))
                .collect();
            if found == grammar.least {
                return grammar;
            }
            grammar.least = found;
        }
    }

    fn least_rule(&self, name: &str, expr: &Expr) -> usize {
        match name {
            "poison" => usize::MAX,
            "s" | "comma" | "string" => 0,
            _ if leaf(name).is_some() => 0,
            _ => self.least(expr).saturating_add(1),
        }
    }

    fn least(&self, expr: &Expr) -> usize {
        match expr {
            Expr::Ident(name) => match self.rules.contains_key(name) {
                true => self.least.get(name).copied().unwrap_or(usize::MAX),
                false => 0,
            },
            Expr::Seq(a, b) => self.least(a).max(self.least(b)),
            Expr::Choice(a, b) => self.least(a).min(self.least(b)),
            Expr::RepOnce(e) | Expr::RepExact(e, _) | Expr::RepMin(e, _) => self.least(e),
            _ => 0,
        }
    }

    /// A program of one to four items, right by the grammar most of the time.
    pub fn program(&self, dice: &mut Dice) -> String {
        let mut out = String::new();
        for _ in 0..=dice.below(4) {
            out.push_str(&self.item(dice));
            out.push_str(dice.of(&["\n", "\n\n", "\n\n// between\n\n"]));
        }
        out
    }

    /// One item.
    pub fn item(&self, dice: &mut Dice) -> String {
        let mut writer =
            Writer { grammar: self, dice, out: String::new(), depth: 0, in_line: 0, rules: Vec::new() };
        if writer.dice.one_in(6) {
            writer.out.push_str("/// What it is.\n");
        }
        let rule = writer.dice.of(&[
            "flow",
            "flow",
            "flow",
            "flow",
            "node",
            "node",
            "type_decl",
            "enumeration",
            "code",
            "server",
            "import",
            "constant",
            "model",
            "memory",
            "trigger",
            "authority",
            "test",
            "evaluation",
            "alternative",
        ]);
        writer.rule(rule);
        writer.out
    }
}

struct Writer<'a> {
    grammar: &'a Grammar,
    dice: &'a mut Dice,
    out: String,
    depth: usize,
    /// Inside how many `"…"`, which end on their line.
    in_line: usize,
    /// The rules around.
    rules: Vec<String>,
}

impl Writer<'_> {
    fn full(&self) -> bool {
        self.depth > DEPTH_MAX || self.out.len() > BYTES_MAX
    }

    fn rule(&mut self, name: &str) {
        if let Some(all) = leaf(name) {
            let text = self.dice.of(all);
            let multi = text.contains('\n') && self.in_line > 0;
            self.out.push_str(if multi { "\"return 1\"" } else { text });
            return;
        }
        match name {
            "s" => self.space(),
            "comma" => {
                if self.dice.one_in(3) {
                    self.out.push(',');
                }
                self.space();
            }
            "string" => self.string(),
            // An expression that is a call at its root.
            "bare_step" => {
                self.rule("ident");
                self.rule("args");
                if self.dice.one_in(3) {
                    self.rule("clauses");
                }
            }
            "SOI" | "EOI" => {}
            "ANY" => self.out.push('x'),
            "ASCII_DIGIT" | "ASCII_HEX_DIGIT" => self.out.push('7'),
            _ => {
                let Some(expr) = self.grammar.rules.get(name) else { return };
                self.depth += 1;
                self.rules.push(name.to_owned());
                self.expr(expr);
                self.rules.pop();
                self.depth -= 1;
            }
        }
    }

    fn space(&mut self) {
        let text = match self.in_line {
            0 => self.dice.of(&[
                " ",
                " ",
                " ",
                " ",
                "\n  ",
                "\n",
                "  ",
                " // note\n  ",
                "\n  // why it's so\n  ",
                "\r\n  ",
            ]),
            _ => " ",
        };
        self.out.push_str(text);
    }

    fn string(&mut self) {
        let texts = [
            "Write ", "about: ", "it's, ", "é… ", "{x} ", "50% ", "(", "a // b ", "\\n", "\\\"", "\\${no} ",
            "$5 ",
        ];
        // Read before anything runs: nothing is spliced.
        let constant = ["import", "test", "gate", "mock", "type_field", "pattern", "part"];
        if self.rules.last().is_some_and(|rule| constant.contains(&rule.as_str())) {
            let text = self.dice.of(&["\"a b\"", "\"./x.flow\"", "\"Content-Type\"", "\"\""]);
            self.out.push_str(text);
            return;
        }
        if self.in_line == 0 && self.dice.one_in(4) && !self.full() {
            self.block();
            return;
        }
        self.out.push('"');
        self.in_line += 1;
        for _ in 0..self.dice.below(3) {
            let text = self.dice.of(&texts);
            self.out.push_str(text);
            if self.dice.one_in(3) && !self.full() {
                self.out.push_str("${");
                self.rule("expr");
                self.out.push('}');
            }
        }
        self.in_line -= 1;
        self.out.push('"');
    }

    /// A `"""` text with directives that are closed.
    fn block(&mut self) {
        self.out.push_str("\"\"\"\n");
        let mut open = 0;
        for _ in 0..self.dice.below(5) {
            match self.dice.below(6) {
                0 => {
                    self.out.push_str("    ${for x in xs}\n");
                    open += 1;
                }
                1 => {
                    self.out.push_str("    ${if n > 1}\n    yes\n");
                    open += 1;
                    if self.dice.one_in(2) {
                        self.out.push_str("    ${else}\n    no\n");
                    }
                }
                2 if open > 0 => {
                    self.out.push_str("    ${end}\n");
                    open -= 1;
                }
                3 => {
                    self.out.push_str("    A line: ${");
                    self.rule("expr");
                    self.out.push_str("}\n");
                }
                _ => self.out.push_str("    plain text, \"quoted\"\n\n"),
            }
        }
        self.out.push_str(&"    ${end}\n".repeat(open));
        self.out.push_str("    \"\"\"");
    }

    fn expr(&mut self, expr: &Expr) {
        match expr {
            Expr::Str(text) | Expr::Insens(text) => {
                if text == "\u{1}" {
                    return;
                }
                self.out.push_str(text);
            }
            Expr::Range(from, _) => self.out.push_str(from),
            Expr::Ident(name) => self.rule(name),
            Expr::Seq(a, b) => {
                self.expr(a);
                self.expr(b);
            }
            Expr::Choice(..) => {
                let mut all = Vec::new();
                alternatives(expr, &mut all);
                all.retain(|e| self.grammar.least(e) < usize::MAX);
                if self.full() {
                    let least = all.iter().map(|e| self.grammar.least(e)).min().unwrap_or(0);
                    all.retain(|e| self.grammar.least(e) == least);
                }
                if !all.is_empty() {
                    let chosen = all[self.dice.below(all.len())];
                    self.expr(chosen);
                }
            }
            Expr::Opt(e) => {
                let taken = !self.full() && self.dice.one_in(3) && self.grammar.least(e) < usize::MAX;
                if taken {
                    self.expr(e);
                }
            }
            Expr::Rep(e) => {
                if self.grammar.least(e) == usize::MAX {
                    return;
                }
                let most = if self.full() { 0 } else { 3 };
                for _ in 0..self.dice.below(most + 1) {
                    self.expr(e);
                }
            }
            Expr::RepOnce(e) | Expr::RepMin(e, _) => {
                self.expr(e);
                if !self.full() && self.dice.one_in(2) {
                    self.expr(e);
                }
            }
            Expr::RepExact(e, n) => (0..*n).for_each(|_| self.expr(e)),
            _ => {}
        }
    }
}

fn alternatives<'e>(expr: &'e Expr, all: &mut Vec<&'e Expr>) {
    match expr {
        Expr::Choice(a, b) => {
            alternatives(a, all);
            alternatives(b, all);
        }
        one => all.push(one),
    }
}

/// A text with one to four changes: pieces taken out, put in, repeated, moved.
pub fn mutated(text: &str, dice: &mut Dice) -> String {
    let mut text = text.to_owned();
    for _ in 0..=dice.below(4) {
        let most = if dice.one_in(8) { 200 } else { 14 };
        let from = text.floor_char_boundary(dice.below(text.len() + 1));
        let to = text.ceil_char_boundary((from + 1 + dice.below(most)).min(text.len()));
        match dice.below(5) {
            0 => text.replace_range(from..to, ""),
            1 | 2 => text.insert_str(from, dice.of(&PIECES)),
            3 => {
                let piece = text[from..to].to_owned();
                text.insert_str(from, &piece);
            }
            _ => {
                let piece = text[from..to].to_owned();
                text.replace_range(from..to, "");
                let at = text.floor_char_boundary(dice.below(text.len() + 1));
                text.insert_str(at, &piece);
            }
        }
    }
    text
}
