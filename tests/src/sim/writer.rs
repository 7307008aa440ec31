//! Writes the flows of a program, statement by statement, with the names and types that are in sight.

use std::fmt::Write as _;

use super::program::Order;
use crate::forms;
use crate::generate::Dice;

/// Statements of a program at most.
const STATEMENTS_MAX: u32 = 26;
/// Blocks inside each other at most.
const DEPTH_MAX: u32 = 5;

/// The types of values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ty {
    Text,
    Int,
    Bool,
    Kind,
    Review,
    Action,
    Texts,
}

impl Ty {
    const ALL: [Ty; 7] = [Ty::Text, Ty::Int, Ty::Bool, Ty::Kind, Ty::Review, Ty::Action, Ty::Texts];

    fn name(self) -> &'static str {
        match self {
            Ty::Text => "string",
            Ty::Int => "int",
            Ty::Bool => "bool",
            Ty::Kind => "Kind",
            Ty::Review => "Review",
            Ty::Action => "Action",
            Ty::Texts => "[string]",
        }
    }
}

/// A name in sight.
#[derive(Clone, Debug)]
struct Var {
    name: String,
    ty: Ty,
    /// How it is written here, if at all.
    write: Write,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Write {
    No,
    Assign,
    /// By `+=`, under this rule.
    Merge(&'static str),
}

/// A flow that may be called.
#[derive(Clone, Debug)]
struct Sub {
    name: String,
    ty: Ty,
    fails: bool,
    forks: bool,
    tight: bool,
}

/// What is allowed where a statement stands.
#[derive(Clone, Debug, Default)]
pub(super) struct Place {
    depth: u32,
    in_loop: bool,
    yields: Option<Ty>,
    returns: Option<Ty>,
    /// Whether values are emitted here.
    emits: bool,
    may_fail: bool,
    in_branch: bool,
    /// Whether branches may be made: not where a limit lies near, as their order would tell who meets it.
    may_fork: bool,
    /// The error that an arm has bound.
    error: Option<String>,
}

impl Place {
    fn inside(&self) -> Place {
        Place { depth: self.depth + 1, ..self.clone() }
    }
}

/// How a block ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    Open,
    Yield(Ty),
    Return(Ty),
}

/// Writes a program.
pub(super) struct Writer {
    dice: Dice,
    order: Order,
    out: String,
    indent: usize,
    names: u32,
    left: u32,
    vars: Vec<Var>,
    subs: Vec<Sub>,
    /// Whether the flow that is being written calls one whose limit lies near.
    calls_tight: bool,
}

impl Writer {
    pub(super) fn new(dice: Dice, order: Order) -> Writer {
        Writer {
            dice,
            order,
            out: String::new(),
            indent: 0,
            names: 0,
            left: 0,
            vars: Vec::new(),
            subs: Vec::new(),
            calls_tight: false,
        }
    }

    /// Returns the flows of a program: some that are called, and `main`.
    pub(super) fn program(mut self) -> String {
        for _ in 0..self.dice.below(4) {
            self.left = STATEMENTS_MAX / 4;
            self.flow(false);
        }
        self.left = 6 + self.dice.below(STATEMENTS_MAX as usize - 6) as u32;
        self.flow(true);
        self.out
    }

    fn flow(&mut self, is_main: bool) {
        let name = if is_main { String::from("main") } else { self.name("flow") };
        let ty = if is_main { Ty::Texts } else { self.ty() };
        let tight = self.dice.one_in(6);
        let free = self.order == Order::Free;
        let fails = is_main || tight || !free || self.dice.one_in(2);
        let may_fork = !(tight && free);
        self.calls_tight = false;
        self.vars = vec![
            Var { name: String::from("a"), ty: Ty::Text, write: Write::No },
            Var { name: String::from("n"), ty: Ty::Int, write: Write::No },
        ];
        let defaults = if is_main { [" = \"a\"", " = 3"] } else { ["", ""] };
        let emits = forms::ALL.contains(&"emit") && self.dice.one_in(3);
        let told = if emits { " emits string" } else { "" };
        self.open(&format!(
            "flow {name}(a: string{}, n: int{}) -> {}{told}",
            defaults[0],
            defaults[1],
            ty.name()
        ));
        self.budget(tight);
        let place = Place { returns: Some(ty), emits, may_fail: fails, may_fork, ..Place::default() };
        self.state(true);
        let at_head = self.vars.len();
        // A flow that asks something fails in ways that its callers can name.
        self.ask(&place, false);
        self.rest(&place, if is_main { End::Open } else { End::Return(ty) });
        if is_main {
            self.summary();
        }
        if self.dice.one_in(3) {
            self.vars.truncate(at_head);
            let error = self.name("e");
            self.open(&format!("on error as {error}"));
            self.vars.push(Var { name: format!("{error}.message"), ty: Ty::Text, write: Write::No });
            let place = Place { depth: DEPTH_MAX, may_fail: fails, ..Place::default() };
            self.statements(&place);
            if self.dice.one_in(2) {
                let value = self.expr(ty);
                self.line(&format!("return {value}"));
            }
            self.close("");
        }
        self.close("");
        let tight = tight || self.calls_tight;
        self.subs.push(Sub { name, ty, fails, forks: may_fork, tight });
    }

    fn budget(&mut self, tight: bool) {
        let tight_tokens = 10 + 15 * self.dice.below(8);
        let limit = match (tight, self.order, self.dice.below(6)) {
            (true, Order::Matters, 0 | 1) => format!("time: {}s", 1 + self.dice.below(20)),
            (true, Order::Matters, 2) => format!("usd: 0.0000{}", 1 + self.dice.below(9)),
            (true, ..) => format!("tokens: {tight_tokens}"),
            (false, _, 0) => String::from("usd: 100.0, tokens: 9000000"),
            (false, _, 1) => String::from("time: 900h"),
            _ => return,
        };
        self.line(&format!("budget {{ {limit} }}"));
    }

    /// What `main` gives: everything that is in sight at its end.
    fn summary(&mut self) {
        let shown: Vec<String> = self.vars.iter().map(|var| shown(&var.name, var.ty)).collect();
        self.line(&format!("return [{}]", shown.join(", ")));
    }

    // Text

    fn name(&mut self, prefix: &str) -> String {
        self.names += 1;
        format!("{prefix}{}", self.names)
    }

    fn line(&mut self, text: &str) {
        let _ = writeln!(self.out, "{}{text}", "  ".repeat(self.indent));
    }

    fn open(&mut self, head: &str) {
        self.line(&format!("{head} {{"));
        self.indent += 1;
    }

    fn close(&mut self, tail: &str) {
        self.indent -= 1;
        self.line(&format!("}}{tail}"));
    }

    /// Writes the lines of a block whose head is written; names that it binds are gone afterwards.
    fn inside(&mut self, place: &Place, end: End) {
        self.inside_after(&[], place, end);
    }

    /// The same; some lines come first, behind the block's state.
    fn inside_after(&mut self, lead: &[String], place: &Place, end: End) {
        let before = self.vars.len();
        if self.dice.one_in(8) {
            self.state(false);
        }
        lead.iter().for_each(|line| self.line(line));
        self.rest(place, end);
        self.vars.truncate(before);
    }

    fn rest(&mut self, place: &Place, end: End) {
        if self.statements(place) {
            return;
        }
        match end {
            End::Open => {}
            End::Yield(ty) => self.give("yield", ty, place),
            End::Return(ty) => self.give("return", ty, place),
        }
    }

    /// Writes `yield` or `return` with a value or a call.
    fn give(&mut self, word: &str, ty: Ty, place: &Place) {
        if self.dice.one_in(3)
            && let Some(call) = self.call_of(ty, place)
        {
            let name = self.name("s");
            return self.line(&format!("{word} {call} as {name}"));
        }
        let value = self.expr(ty);
        self.line(&format!("{word} {value}"));
    }

    /// Writes some statements; returns whether the last one leaves.
    fn statements(&mut self, place: &Place) -> bool {
        let count = 1 + self.dice.below(if place.depth == 0 { 9 } else { 3 });
        (0..count).any(|_| self.statement(place))
    }

    fn statement(&mut self, place: &Place) -> bool {
        if place.depth >= DEPTH_MAX || self.left == 0 {
            match self.dice.below(4) {
                0 => self.write(place),
                1 if place.depth < DEPTH_MAX + 2 => self.wait(),
                _ => self.ask(place, false),
            }
            return false;
        }
        self.left -= 1;
        match self.dice.below(46) {
            40..=41 if forms::ALL.contains(&"graph") => self.graph(place),
            42..=43 if place.may_fork && forms::ALL.contains(&"race") => self.race(place),
            44 if place.emits => self.emit(),
            45 if forms::ALL.contains(&"saga") => self.saga(place),
            0..=6 => self.ask(place, true),
            7..=9 => self.write(place),
            10..=11 => self.choose(place),
            12..=13 => self.route(place),
            14..=15 => self.value_route(place),
            16..=18 => self.turns(place),
            19..=20 => self.walk(place),
            21..=23 if place.may_fork => self.fork(place),
            24..=27 if place.may_fork => self.fan_out(place),
            28..=29 => self.group(place),
            30..=32 => self.attempt(place),
            33..=34 if place.may_fail => return self.failing(place),
            35 => self.wait(),
            36..=37 => self.call(place),
            _ => return self.jump(place),
        }
        false
    }

    // Expressions

    fn ty(&mut self) -> Ty {
        Ty::ALL[self.dice.below(Ty::ALL.len())]
    }

    fn var(&mut self, ty: Ty) -> Option<String> {
        let all: Vec<&Var> = self.vars.iter().filter(|var| var.ty == ty).collect();
        match all.is_empty() {
            true => None,
            false => Some(all[self.dice.below(all.len())].name.clone()),
        }
    }

    /// A pure expression that doesn't fail, and whose value is no longer than what it is made of.
    fn expr(&mut self, ty: Ty) -> String {
        if self.dice.one_in(2)
            && let Some(name) = self.var(ty)
        {
            return name;
        }
        match ty {
            Ty::Text => self.text(),
            Ty::Int => self.int(),
            Ty::Bool => self.bool(),
            Ty::Kind => format!("Kind.{}", ["billing", "bug", "spam"][self.dice.below(3)]),
            Ty::Review => {
                let (kind, note) = (self.expr(Ty::Kind), self.text());
                format!("Review{{score: {}, kind: {kind}, note: {note}}}", 1 + self.dice.below(5))
            }
            Ty::Action if self.dice.one_in(2) => format!("Reply{{text: {}}}", self.text()),
            Ty::Action => format!("Stop{{why: {}, code: {}}}", self.text(), self.int()),
            Ty::Texts => match self.dice.below(3) {
                0 => format!("[{}]", self.text()),
                1 => format!("[{}, {}]", self.text(), self.text()),
                _ => match self.var(Ty::Texts) {
                    Some(name) => format!("({name} + [{}]).take(3)", self.text()),
                    None => String::from("[\"p\", \"q\", \"r\"]"),
                },
            },
        }
    }

    fn text(&mut self) -> String {
        let letter = ["u", "v", "w"][self.dice.below(3)];
        match self.dice.below(6) {
            0 => format!("\"{letter}\""),
            1 => match self.var(Ty::Int) {
                Some(name) => format!("\"{letter}${{{name}}}\""),
                None => format!("\"{letter}\""),
            },
            2 => match self.var(Ty::Review) {
                Some(name) => format!("clip({name}.note)"),
                None => format!("\"{letter}{letter}\""),
            },
            3 => match self.var(Ty::Kind) {
                Some(name) => format!("string({name})"),
                None => format!("\"{letter}\""),
            },
            4 => {
                let (test, name) = (self.bool(), self.var(Ty::Text).unwrap_or_default());
                match name.is_empty() {
                    true => format!("({test} ? \"y\" : \"{letter}\")"),
                    false => format!("({test} ? clip({name}) : \"{letter}\")"),
                }
            }
            _ => match self.var(Ty::Text) {
                Some(name) => format!("\"{letter} ${{clip({name})}}\""),
                None => format!("\"{letter}\""),
            },
        }
    }

    /// A small int.
    fn int(&mut self) -> String {
        match self.dice.below(6) {
            0 => format!("{}", self.dice.below(5)),
            1 => match self.var(Ty::Texts) {
                Some(name) => format!("{name}.size()"),
                None => String::from("2"),
            },
            2 => match self.var(Ty::Review) {
                Some(name) => format!("{name}.score"),
                None => String::from("1"),
            },
            3 => match self.var(Ty::Text) {
                Some(name) => format!("{name}.size()"),
                None => String::from("4"),
            },
            4 => format!("twice({})", self.dice.below(4)),
            _ => match self.var(Ty::Int) {
                Some(name) => format!("{name} % 7"),
                None => String::from("3"),
            },
        }
    }

    fn bool(&mut self) -> String {
        let compare = ["<", ">", "==", "!=", ">="][self.dice.below(5)];
        match self.dice.below(5) {
            0 => match self.var(Ty::Bool) {
                Some(name) => name,
                None => String::from("a.size() > 2"),
            },
            1 => match self.var(Ty::Kind) {
                Some(name) => format!("{name} == Kind.bug"),
                None => String::from("n > 1"),
            },
            2 => match self.var(Ty::Action) {
                Some(name) => format!("({name} is Reply)"),
                None => String::from("a != \"v\""),
            },
            3 => match self.var(Ty::Text) {
                Some(name) => format!("{name}.size() {compare} {}", self.dice.below(4)),
                None => String::from("n < 3"),
            },
            _ => match self.var(Ty::Int) {
                Some(name) => format!("{name} % 3 {compare} {}", self.dice.below(3)),
                None => String::from("n < 3"),
            },
        }
    }

    // Steps

    /// What a call asks. Never begins with `!`, which the outside takes for an order to fail.
    fn question(&mut self) -> String {
        let letter = ["k", "l", "m"][self.dice.below(3)];
        match (self.var(Ty::Text), self.var(Ty::Int)) {
            (Some(text), Some(int)) if self.dice.one_in(2) => {
                format!("\"{letter} ${{clip({text})}} ${{{int}}}\"")
            }
            (Some(text), _) => format!("\"{letter} ${{clip({text})}}\""),
            _ => format!("\"{letter}\""),
        }
    }

    /// A call whose result has a type.
    fn call_of(&mut self, ty: Ty, _place: &Place) -> Option<String> {
        let question = self.question();
        Some(match ty {
            Ty::Text => match self.dice.below(9) {
                0 | 1 => format!("look({question})"),
                2 | 3 => format!("pay({question})"),
                4 => format!("confirm({question})"),
                5 => format!("arrived({question}).place"),
                _ => format!("say({question})"),
            },
            Ty::Int => match self.dice.below(3) {
                0 => format!("send({question})"),
                1 => format!("judge({question}).score"),
                _ => format!("count({question})"),
            },
            Ty::Kind => format!("sort({question})"),
            Ty::Review => match self.dice.below(2) {
                0 => format!("grade({question}, {})", self.dice.below(9)),
                _ => format!("judge({question}, {})", self.dice.below(9)),
            },
            Ty::Action => format!("decide({question})"),
            Ty::Texts => format!("words({question})"),
            Ty::Bool => return None,
        })
    }

    /// A step that asks something, bound, assigned or alone.
    fn ask(&mut self, place: &Place, with_clauses: bool) {
        let ty = match self.ty() {
            Ty::Bool => Ty::Text,
            ty => ty,
        };
        let Some(call) = self.call_of(ty, place) else { return };
        let with = match with_clauses && self.dice.one_in(3) {
            true => self.with_of(&call),
            false => String::new(),
        };
        let catch = match with_clauses && self.dice.one_in(4) {
            true => self.catch_of(ty, place),
            false => String::new(),
        };
        // Not drawn: what is drawn after it stays as it was.
        let agent = if self.names.is_multiple_of(2) { "dig(" } else { "strict(" };
        let call = match with.is_empty() && self.names.is_multiple_of(3) {
            true => call.replacen("judge(", agent, usize::from(call.starts_with("judge("))),
            false => call,
        };
        self.bind(ty, &call, &format!("{with}{catch}"));
    }

    /// Writes a call as a `let`, an assignment or alone.
    fn bind(&mut self, ty: Ty, call: &str, clauses: &str) {
        let name = self.name("s");
        let targets: Vec<_> =
            self.vars.iter().filter(|var| var.ty == ty && var.write == Write::Assign).cloned().collect();
        if !targets.is_empty() && self.dice.one_in(3) {
            let target = &targets[self.dice.below(targets.len())].name;
            let op = if ty == Ty::Int && self.dice.one_in(3) { "+=" } else { "=" };
            self.line(&format!("{target} {op} {call} as {name}{clauses}"));
        } else if self.dice.one_in(5) {
            self.line(&format!("{call} as {name}{clauses}"));
        } else {
            self.line(&format!("let {name}: {} = {call}{clauses}", ty.name()));
            self.vars.push(Var { name, ty, write: Write::No });
        }
    }

    fn with_of(&mut self, call: &str) -> String {
        let timeout = 20 + self.dice.below(40);
        if call.starts_with("confirm") || call.starts_with("arrived") {
            return String::from(" with {timeout: 1d}");
        }
        let of_prompt = !["look", "grade", "send", "pay"].iter().any(|tool| call.starts_with(tool));
        match self.dice.below(4) {
            0 => format!(" with {{timeout: {timeout}s}}"),
            _ if call.starts_with("send") => format!(" with {{timeout: {timeout}s}}"),
            1 if of_prompt => format!(" with {{repair: {}}}", 1 + self.dice.below(2)),
            2 if of_prompt => {
                format!(" with {{model: {}, retry: 1}}", ["one", "two", "both"][self.dice.below(3)])
            }
            _ => format!(" with {{retry: {}, timeout: {timeout}s}}", 1 + self.dice.below(3)),
        }
    }

    fn catch_of(&mut self, ty: Ty, place: &Place) -> String {
        match self.dice.below(3) {
            0 => format!(" catch {}", self.expr(ty)),
            1 => match self.call_of(ty, place) {
                Some(call) => format!(" catch {call}"),
                None => format!(" catch {}", self.expr(ty)),
            },
            _ => {
                let (first, other, name) = (self.expr(ty), self.call_of(ty, place), self.name("s"));
                let other = match other {
                    Some(call) => format!("{call} as {name}"),
                    None => self.expr(ty),
                };
                format!(" catch {{ when timeout | unavailable => {first} else as {name}e => {other} }}")
            }
        }
    }

    /// A call of a flow.
    fn call(&mut self, place: &Place) {
        let fits = |sub: &&Sub| {
            let is_safe = !sub.tight || place.may_fail && !place.in_branch;
            (is_safe || self.order == Order::Matters) && (place.may_fork || !sub.forks)
        };
        let subs: Vec<Sub> = self.subs.iter().filter(fits).cloned().collect();
        if subs.is_empty() {
            return self.ask(place, true);
        }
        let sub = subs[self.dice.below(subs.len())].clone();
        self.calls_tight |= sub.tight;
        let timed = self.dice.one_in(3);
        let call = format!("{}({}, {})", sub.name, self.question(), self.int());
        let with = match (timed, self.order) {
            (false, _) => String::new(),
            (true, Order::Matters) if self.dice.one_in(2) => {
                format!(" with {{timeout: {}s}}", 1 + self.dice.below(20))
            }
            (true, _) => String::from(" with {timeout: 12h}"),
        };
        let must_catch = (sub.fails || timed) && !place.may_fail;
        let catch = match must_catch || self.dice.one_in(3) {
            true => format!(" catch {}", self.expr(sub.ty)),
            false => String::new(),
        };
        self.bind(sub.ty, &call, &format!("{with}{catch}"));
    }

    // State

    /// Declares state at the head of a block.
    fn state(&mut self, at_head: bool) {
        let mut parts = Vec::new();
        for _ in 0..=self.dice.below(if at_head { 3 } else { 2 }) {
            let (name, ty) = (self.name("v"), self.ty());
            parts.push(format!("{name}: {} = {}", ty.name(), self.expr(ty)));
            self.vars.push(Var { name, ty, write: Write::Assign });
        }
        for _ in 0..self.dice.below(if at_head { 4 } else { 2 }) {
            let name = self.name("t");
            let (ty, rule) = [
                (Ty::Texts, "append"),
                (Ty::Texts, "append"),
                (Ty::Texts, "union"),
                (Ty::Int, "sum"),
                (Ty::Int, "min"),
                (Ty::Int, "max"),
            ][self.dice.below(6)];
            let first = if ty == Ty::Int { "0" } else { "[\"o\"]" };
            parts.push(format!("{name}: {} = {first} merge {rule}", ty.name()));
            self.vars.push(Var { name, ty, write: Write::Merge(rule) });
        }
        self.line(&format!("state {{ {} }}", parts.join("  ")));
    }

    fn write(&mut self, place: &Place) {
        let all: Vec<Var> = self.vars.iter().filter(|var| var.write != Write::No).cloned().collect();
        if all.is_empty() {
            return self.ask(place, false);
        }
        let var = all[self.dice.below(all.len())].clone();
        let text = match (var.write, var.ty) {
            (Write::Merge(_), Ty::Texts) => format!("{} += [{}]", var.name, self.text()),
            (Write::Merge(_), _) => format!("{} += {}", var.name, self.int()),
            (_, Ty::Int | Ty::Text) if self.dice.one_in(2) => {
                let added = if var.ty == Ty::Int { self.int() } else { self.text() };
                format!("{} += {added}", var.name)
            }
            (_, ty) => format!("{} = {}", var.name, self.expr(ty)),
        };
        self.line(&text);
    }

    // Choices

    fn choose(&mut self, place: &Place) {
        let test = self.bool();
        self.open(&format!("if {test}"));
        self.inside(&place.inside(), End::Open);
        match self.dice.below(3) {
            0 => self.close(""),
            other => {
                if other == 1 {
                    let test = self.bool();
                    self.close(&format!(" else if {test} {{"));
                    self.indent += 1;
                    self.inside(&place.inside(), End::Open);
                }
                self.close(" else {");
                self.indent += 1;
                self.inside(&place.inside(), End::Open);
                self.close("");
            }
        }
    }

    /// Writes the arms of a route: over a kind, an action, an int, or conditions.
    fn arms(&mut self, head: &str, place: &Place, end: End) {
        let at = self.dice.below(4);
        let mut patterns: Vec<(String, Vec<Var>)> = Vec::new();
        let plain = |text: String| (text, Vec::new());
        let subject = match at {
            0 => {
                patterns.push(plain(String::from("when billing | bug")));
                patterns.push(plain(String::from("when spam")));
                self.expr(Ty::Kind)
            }
            1 => {
                let (text, code) = (self.name("x"), self.name("x"));
                let var = |name: &String, ty| Var { name: name.clone(), ty, write: Write::No };
                patterns.push((format!("when Reply{{text: {text}}}"), vec![var(&text, Ty::Text)]));
                patterns.push((format!("when Stop{{code: {code}}}"), vec![var(&code, Ty::Int)]));
                self.var(Ty::Action).unwrap_or_default()
            }
            2 => {
                patterns.push(plain(String::from("when 0 | 1")));
                let guard = self.bool();
                patterns.push(plain(format!("when 2 if {guard}")));
                patterns.push(plain(String::from("else")));
                self.var(Ty::Int).unwrap_or_default()
            }
            _ => String::new(),
        };
        if subject.is_empty() || subject.starts_with("Kind.") {
            patterns.clear();
            let (first, second) = (self.bool(), self.bool());
            patterns.push(plain(format!("when {first}")));
            patterns.push(plain(format!("when {second}")));
            patterns.push(plain(String::from("else")));
            self.open(format!("{head}route").trim_end());
        } else {
            self.open(&format!("{head}route {subject}"));
        }
        for (pattern, vars) in patterns {
            let before = self.vars.len();
            self.vars.extend(vars);
            match end {
                End::Yield(ty) if self.dice.one_in(2) => {
                    let value = self.expr(ty);
                    self.line(&format!("{pattern} => {value}"));
                }
                end => {
                    self.open(&format!("{pattern} =>"));
                    self.inside(&place.inside(), end);
                    self.close("");
                }
            }
            self.vars.truncate(before);
        }
        self.close("");
    }

    fn route(&mut self, place: &Place) {
        self.arms("", place, End::Open);
    }

    fn value_route(&mut self, place: &Place) {
        let (name, ty) = (self.name("s"), self.ty());
        let place = Place { yields: Some(ty), ..place.clone() };
        self.arms(&format!("let {name}: {} = ", ty.name()), &place, End::Yield(ty));
        self.vars.push(Var { name, ty, write: Write::No });
    }
}

mod blocks;
mod ways;

/// An expression that shows a value as a text.
fn shown(name: &str, ty: Ty) -> String {
    match ty {
        Ty::Text => name.to_owned(),
        Ty::Int | Ty::Bool | Ty::Kind => format!("string({name})"),
        Ty::Review | Ty::Action | Ty::Texts => format!("\"${{{name}}}\""),
    }
}
