//! The one table of the fields of declarations: which kinds have them, and what they accept.

use flow_diagnostics::{Code, Diagnostic};
use flow_ir::{Expr, Type, Value};
use flow_source::Span;
use flow_syntax::tree::{self, ExprKind, FieldValue};
use smol_str::SmolStr;

use crate::cx::Cx;
use crate::hash::HashSet;

/// A kind of declaration with fields, and `with {…}` of a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// `prompt`.
    Prompt,
    /// `agent`.
    Agent,
    /// `tool`.
    Tool,
    /// `human`.
    Human,
    /// `event`.
    Event,
    /// `model`.
    Model,
    /// `budget`.
    Budget,
    /// `memory`.
    Memory,
    /// `trigger`.
    Trigger,
    /// `tool x = mcp(…)`.
    Server,
    /// `eval`.
    Eval,
    /// `with` of a prompt or agent.
    WithModel,
    /// `with` of a tool.
    WithTool,
    /// `with` of a human, event or flow.
    WithTime,
}

impl Kind {
    /// How a message calls it.
    pub fn as_str(self) -> &'static str {
        match self {
            Kind::Prompt => "a prompt",
            Kind::Agent => "an agent",
            Kind::Tool => "a tool",
            Kind::Human => "a human",
            Kind::Event => "an event",
            Kind::Model => "a model",
            Kind::Budget => "a budget",
            Kind::Memory => "a memory",
            Kind::Trigger => "a trigger",
            Kind::Server => "a server",
            Kind::Eval => "an eval",
            Kind::WithModel => "`with` of a prompt",
            Kind::WithTool => "`with` of a tool",
            Kind::WithTime => "`with` of this step",
        }
    }
}

/// What a field accepts.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Accepts {
    /// A text, with splices.
    Text,
    /// A text with splices and secrets.
    SecretText,
    /// A record of texts with secrets.
    SecretTexts,
    /// A whole number within bounds.
    Int(i64, i64),
    /// A number within bounds.
    Float(f64, f64),
    /// A duration above zero.
    Duration,
    /// A number of bytes.
    Size,
    /// A list of constant texts.
    Texts,
    /// A model's name, or a provider string.
    Model,
    /// One of these words.
    Word(&'static [&'static str]),
    /// Any value.
    Any,
    /// Something with a grammar of its own.
    Special,
}

/// A row of the table.
#[derive(Clone, Copy, Debug)]
pub struct Setting {
    /// The word before the colon.
    pub name: &'static str,
    /// Who has it.
    pub kinds: &'static [Kind],
    /// What it accepts.
    pub accepts: Accepts,
    /// What it does: one line.
    pub doc: &'static str,
}

const fn row(name: &'static str, kinds: &'static [Kind], accepts: Accepts, doc: &'static str) -> Setting {
    Setting { name, kinds, accepts, doc }
}

use Accepts::*;
use Kind::*;

/// All fields of all kinds.
pub static SETTINGS: &[Setting] = &[
    row("model", &[Prompt, Agent, WithModel], Accepts::Model, "which model is asked"),
    row("system", &[Prompt, Agent], Text, "the system message"),
    row("user", &[Prompt, Agent], Text, "the user's message"),
    row("assistant", &[Prompt, Agent], Text, "the beginning of the answer"),
    row("history", &[Prompt, Agent], Any, "earlier messages: a list of `{role, content}`"),
    row(
        "repair",
        &[Prompt, Agent, WithModel],
        Int(0, 10),
        "how often an answer of the wrong type is asked again",
    ),
    row("retry", &[Prompt, Agent, Tool, Kind::Model, WithModel, WithTool], Int(0, 20), "additional tries"),
    row(
        "timeout",
        &[Prompt, Agent, Tool, Human, Event, Kind::Model, Server, WithModel, WithTool, WithTime],
        Duration,
        "how long an attempt may take",
    ),
    row("temperature", &[Prompt, Agent, Kind::Model], Float(0.0, 2.0), "how much chance is in the answer"),
    row("top_p", &[Prompt, Agent, Kind::Model], Float(0.0, 1.0), "how much of the probability is drawn from"),
    row("max_tokens", &[Prompt, Agent, Kind::Model], Int(1, 10_000_000), "the longest answer, in tokens"),
    row("seed", &[Prompt, Agent, Kind::Model], Int(i64::MIN, i64::MAX), "the seed of the model's draws"),
    row("stop", &[Prompt, Agent, Kind::Model], Texts, "texts that end the answer"),
    row("thinking", &[Prompt, Agent, Kind::Model], Special, "how much the model may think"),
    row("cache", &[Prompt, Agent, Kind::Model], Special, "whether the provider may cache the beginning"),
    row("api", &[Kind::Model], Special, "which of the provider's APIs is asked"),
    row("base_url", &[Kind::Model], Text, "another server that speaks the provider's language"),
    row("api_version", &[Kind::Model], Text, "the version of Gemini's API, `v1beta` without it"),
    row("api_key", &[Kind::Model], SecretText, "the key, if not from the provider's own variable"),
    row("headers", &[Kind::Model, Tool, Server], SecretTexts, "more headers of each request"),
    row("tools", &[Agent], Special, "the tools the model may call"),
    row("max_turns", &[Agent], Int(1, 1_000), "the most turns"),
    row("finish", &[Agent], Text, "what is said before one last turn without tools"),
    row("on_error", &[Agent], Word(&["show", "fail"]), "whether a failed tool is shown to the model"),
    row("get", &[Tool], SecretText, "the URL of a GET request"),
    row("post", &[Tool], SecretText, "the URL of a POST request"),
    row("put", &[Tool], SecretText, "the URL of a PUT request"),
    row("patch", &[Tool], SecretText, "the URL of a PATCH request"),
    row("delete", &[Tool], SecretText, "the URL of a DELETE request"),
    row("query", &[Tool], SecretTexts, "the query of the URL"),
    row("body", &[Tool], Any, "the body of the request"),
    row("decode", &[Tool], Word(&["json", "text", "bytes", "xml", "rss", "csv"]), "how the answer is read"),
    row("idempotent", &[Tool], Special, "`by x`: calls with the same `x` happen once"),
    row("limit", &[Tool], Size, "the longest answer, in bytes"),
    row("run", &[Tool], Special, "a program and its arguments"),
    row("stdin", &[Tool], Text, "what the program reads"),
    row("cwd", &[Tool], Text, "where the program runs"),
    row("env", &[Tool, Server], SecretTexts, "the program's environment"),
    row("exit", &[Tool], Special, "the exit codes that are no failure"),
    row("mcp", &[Tool], Text, "a tool of an MCP server"),
    row("python", &[Tool], Special, "a sandboxed Python function body"),
    row("limits", &[Tool], Special, "what the sandbox may use"),
    row("runtime", &[Tool], Special, "which Python runs it"),
    row("via", &[Human, Event], Special, "where the person or the event is"),
    row("message", &[Human], Text, "what the person is shown"),
    row("match", &[Event], Special, "which delivery is meant"),
    row("verify", &[Event, Trigger], Special, "how a delivery proves where it comes from"),
    row("usd", &[Budget], Float(0.0, 1e9), "dollars at most"),
    row("time", &[Budget], Duration, "active time at most"),
    row("tokens", &[Budget], Int(1, i64::MAX), "input and output tokens at most"),
    row("scope", &[Memory], Word(&["project", "flow", "node", "agent"]), "who shares it"),
    row("ttl", &[Memory], Duration, "how long an entry lives"),
    row("embed", &[Memory], Accepts::Model, "the model that embeds"),
    row("dedupe", &[Trigger], Special, "the key of equal deliveries"),
    row("reply", &[Trigger], Word(&["accepted", "result"]), "what is answered"),
    row("token", &[Trigger], Special, "the channel's token"),
    row("timezone", &[Trigger], Text, "the time zone of a schedule"),
    row("overlap", &[Trigger], Word(&["skip", "queue", "allow"]), "what happens when one is still running"),
    row("cases", &[Eval], Text, "the file of cases"),
    row("repeat", &[Eval], Int(1, 1_000), "how often each case runs"),
    row("jobs", &[Eval], Int(1, 1_000), "how many run at once"),
];

/// Returns the row of a field.
pub fn setting(kind: Kind, name: &str) -> Option<&'static Setting> {
    SETTINGS.iter().find(|row| row.name == name && row.kinds.contains(&kind))
}

/// The fields of a declaration that its kind has, each once.
pub(crate) struct Fields<'t> {
    found: Vec<(&'static Setting, &'t tree::Field)>,
}

impl<'t> Fields<'t> {
    /// Returns a field.
    pub fn get(&self, name: &str) -> Option<&'t tree::Field> {
        self.found.iter().find(|(row, _)| row.name == name).map(|(_, field)| *field)
    }

    /// Returns the expression of a field.
    pub fn expr(&self, name: &str) -> Option<&'t tree::Expr> {
        match &self.get(name)?.value {
            FieldValue::Expr(expr) => Some(expr),
            _ => None,
        }
    }

    /// All of them, in written order.
    pub fn iter(&self) -> impl Iterator<Item = (&'static Setting, &'t tree::Field)> + '_ {
        self.found.iter().copied()
    }
}

impl Cx<'_> {
    /// Takes the fields that a kind has; reports the others and those given twice.
    pub fn fields<'t>(&mut self, kind: Kind, fields: &'t [tree::Field]) -> Fields<'t> {
        let mut found: Vec<(&'static Setting, &'t tree::Field)> = Vec::new();
        let given: HashSet<&str> = fields.iter().map(|field| field.key.as_str()).collect();
        for field in fields {
            // A `gate` or `measure` that could not be read looks like a field.
            if kind == Kind::Eval && !self.text(field.span).contains(':') {
                continue;
            }
            let Some(row) = setting(kind, &field.key.text) else {
                self.unknown_setting_beside(kind, &field.key, &given);
                self.names_of(&field.value);
                continue;
            };
            if let Some((_, first)) = found.iter().find(|(own, _)| own.name == row.name) {
                let (at, first) = (self.at(field.key.span), self.at(first.key.span));
                self.report(crate::program::duplicate(&field.key.text, at, first));
                self.names_of(&field.value);
                continue;
            }
            let word = match field.value {
                FieldValue::By(_) if row.name != "idempotent" => Some("by"),
                FieldValue::Trusted(_) if row.name != "via" => Some("trusted"),
                _ => None,
            };
            if let Some(word) = word {
                let diagnostic = self
                    .error(Code::BadSetting, field.span, format!("`{}` takes no `{word}`", row.name))
                    .help(format!("it is {}", row.doc));
                self.report(diagnostic);
                self.names_of(&field.value);
            }
            // One that isn't what its row takes stands there all the same: nothing is missing.
            found.push((row, field));
        }
        Fields { found }
    }

    /// Marks what a field names as used: of one that can't be judged nothing more is said.
    fn names_of(&mut self, value: &tree::FieldValue) {
        match value {
            FieldValue::Expr(expr) | FieldValue::By(expr) | FieldValue::Trusted(expr) => self.use_names(expr),
            FieldValue::Tools(tools) => {
                for tool in tools {
                    self.use_names(&tool.tool);
                    tool.max.iter().for_each(|max| self.use_names(max));
                }
            }
            FieldValue::Python(text) => self.use_words(&text.text),
            FieldValue::Error => {}
        }
    }

    /// Marks the names of an expression that isn't checked as used.
    pub fn use_names(&mut self, expr: &tree::Expr) {
        match &expr.kind {
            ExprKind::Name(name) | ExprKind::TypeName(name) => self.use_words(name),
            ExprKind::Call(call) => self.use_words(&call.name.text),
            _ => {}
        }
        crate::sig::children(expr, &mut |child| self.use_names(child));
    }

    /// Marks the names that stand in a text as used.
    pub fn use_words(&mut self, text: &str) {
        for word in text.split(|c: char| !c.is_alphanumeric() && c != '_') {
            if let Some(&id) = self.visible.get(word) {
                self.bindings[id as usize].read = true;
            }
            if self.module.scope.contains_key(word) {
                self.used.insert(SmolStr::from(word));
            }
        }
    }

    /// Reports a field that its kind doesn't have.
    pub fn unknown_setting(&mut self, kind: Kind, key: &tree::Name) {
        self.unknown_setting_beside(kind, key, &HashSet::default());
    }

    /// Reports a field that its kind doesn't have. What is `given` beside it can't have been meant.
    fn unknown_setting_beside(&mut self, kind: Kind, key: &tree::Name, given: &HashSet<&str>) {
        let names: Vec<&str> = SETTINGS
            .iter()
            .filter(|row| row.kinds.contains(&kind) && !given.contains(row.name))
            .map(|row| row.name)
            .collect();
        let owner = SETTINGS.iter().find(|row| row.name == key.text);
        let mut diagnostic = self
            .error(Code::UnknownSetting, key.span, format!("{} has no setting `{}`", kind.as_str(), key.text))
            .here("no such setting");
        if matches!(key.as_str(), "description" | "desc" | "doc" | "docs" | "comment") {
            diagnostic = diagnostic.help("write it as a doc comment above the declaration: `/// …`");
            self.report(diagnostic);
            return;
        }
        let habit = super::habits::setting(kind, &key.text);
        let near = habit
            .filter(|habit| names.contains(habit))
            .or_else(|| self.nearest(&key.text, names.iter().copied()));
        diagnostic = match (near, owner) {
            (Some(near), _) => diagnostic.similar("setting", &key.text, near, self.at(key.span)),
            (None, Some(owner)) => {
                let kinds: Vec<&str> = owner.kinds.iter().map(|kind| kind.as_str()).collect();
                diagnostic.help(format!("take it out: `{}` belongs to {}", key.text, kinds.join(", ")))
            }
            (None, None) => {
                let names: Vec<SmolStr> = names.into_iter().map(SmolStr::from).collect();
                diagnostic.help(format!(
                    "take `{}` out, or write one of its settings: {}",
                    key.text,
                    crate::expr::list_of(&names)
                ))
            }
        };
        self.report(diagnostic);
    }

    /// Reports a field that is needed and isn't there.
    /// A setting with an unknown name is most likely the missing one.
    pub fn missing_setting(&mut self, span: Span, what: &str, name: &str, help: &str) {
        if self.diagnostics.iter().any(|diagnostic| diagnostic.code == Code::UnknownSetting) {
            return;
        }
        // What it would have used isn't unused as well.
        self.bindings.iter_mut().for_each(|binding| binding.read = true);
        let diagnostic = self
            .error(Code::MissingSetting, span, format!("{what} needs `{name}`"))
            .here(format!("has no `{name}`"))
            .help(help);
        self.report(diagnostic);
    }

    /// Adds the edit that puts `line` behind the last field of a declaration that has one.
    pub fn with_field(&self, diagnostic: Diagnostic, fields: &[tree::Field], line: &str) -> Diagnostic {
        let Some(last) = fields.last() else { return diagnostic };
        let start = self.item.text[..last.span.start as usize].rfind('\n').map_or(0, |at| at + 1);
        let before = &self.item.text[start..last.span.start as usize];
        let text = if before.trim().is_empty() { format!("\n{before}{line}") } else { format!("  {line}") };
        diagnostic.fix(format!("add `{line}`"), self.at(Span::at(last.span.end)), text)
    }

    /// Reports a setting with a value that it can't have.
    pub fn bad_setting(&mut self, span: Span, name: &str, help: impl Into<String>) {
        let diagnostic =
            self.error(Code::BadSetting, span, format!("this is no value of `{name}`")).help(help);
        self.report(diagnostic);
    }

    /// Evaluates a constant setting.
    fn constant_setting(&mut self, expr: &tree::Expr, ty: &Type, name: &str) -> Option<Value> {
        let before = self.diagnostics.len();
        let visible = std::mem::replace(&mut self.constant_only, true);
        let typed = self.expr(expr, Some(ty));
        self.constant_only = visible;
        if self.diagnostics.len() > before || matches!(typed.ty, Type::Error) {
            return None;
        }
        if let (Some(Value::String(text)), Type::Int(_) | Type::Float(_) | Type::Duration) =
            (typed.constant(), ty)
            && matches!(expr.kind, ExprKind::Literal(_))
        {
            self.quoted(expr.span, &text.clone(), ty, name);
            return None;
        }
        let number = matches!(ty, Type::Float(_)) && matches!(typed.constant(), Some(Value::Int(_)));
        if !number && crate::fit::fit(self.program, &typed.ty, ty) > crate::fit::Fit::Same {
            let diagnostic = self
                .error(Code::TypeMismatch, expr.span, format!("`{name}` takes `{ty}`, found `{}`", typed.ty))
                .here(format!("not a value of `{name}`"))
                .help(format!("write a value of type `{ty}`{}", example(ty)));
            self.report(diagnostic);
            return None;
        }
        if matches!(typed.expr, Expr::Const(_)) {
            return typed.constant().cloned();
        }
        match flow_expr::constant(&typed.expr, &[], &self.program.types) {
            Ok(value) if self.uses.list.is_empty() || is_closed(&typed.expr) => Some(value),
            _ => {
                self.bad_setting(expr.span, name, format!("`{name}` takes a constant"));
                None
            }
        }
    }

    /// Reports a text where a number or a duration stands without quotes.
    fn quoted(&mut self, span: Span, text: &str, ty: &Type, name: &str) {
        let bare = text.trim();
        let fits = match ty {
            Type::Int(_) if matches!(name, "limit" | "memory") => super::habits::is_size(bare),
            Type::Int(_) => bare.parse::<i64>().is_ok(),
            Type::Float(_) => {
                bare.parse::<f64>().is_ok() && bare.bytes().all(|b| b.is_ascii_digit() || b == b'.')
            }
            _ => super::habits::is_duration(bare),
        };
        let mut diagnostic = self
            .error(Code::TypeMismatch, span, format!("`{name}` takes `{ty}`, found `string`"))
            .here("a text");
        diagnostic = match fits {
            true => {
                diagnostic.help("write it without quotes").fix(format!("write `{bare}`"), self.at(span), bare)
            }
            false if matches!(ty, Type::Duration) => diagnostic.help("write a duration, such as `30s`"),
            false => diagnostic.help("write a number"),
        };
        self.report(diagnostic);
    }

    /// Reads a whole number.
    pub fn int_setting(&mut self, expr: &tree::Expr, row: &Setting) -> Option<i64> {
        let (min, max) = match row.accepts {
            Int(min, max) => (min, max),
            _ => (0, i64::MAX),
        };
        match self.constant_setting(expr, &Type::INT, row.name)? {
            Value::Int(number) if (min..=max).contains(&number) => {
                self.counts.insert(expr.span, u64::try_from(number).unwrap_or(0));
                Some(number)
            }
            _ => {
                let upper = if max == i64::MAX { String::new() } else { format!(" to {max}") };
                self.bad_setting(
                    expr.span,
                    row.name,
                    format!("`{}` is a whole number from {min}{upper}", row.name),
                );
                None
            }
        }
    }

    /// Reads a number.
    pub fn float_setting(&mut self, expr: &tree::Expr, row: &Setting) -> Option<f64> {
        let (min, max) = match row.accepts {
            Float(min, max) => (min, max),
            _ => (f64::MIN, f64::MAX),
        };
        let number = match self.constant_setting(expr, &Type::FLOAT, row.name)? {
            Value::Int(number) => number as f64,
            Value::Float(number) => number,
            _ => return None,
        };
        if number.is_finite() && number >= min && number <= max {
            return Some(number);
        }
        self.bad_setting(expr.span, row.name, format!("`{}` is a number from {min} to {max}", row.name));
        None
    }

    /// Reads a duration, in milliseconds.
    pub fn duration_setting(&mut self, expr: &tree::Expr, name: &str) -> Option<u64> {
        if let ExprKind::Literal(tree::Literal::Int(number)) = &expr.kind {
            let mut diagnostic = self
                .error(Code::TypeMismatch, expr.span, format!("`{name}` takes `duration`, found `int`"))
                .here("a number without a unit");
            diagnostic = match *number > 0 {
                true => diagnostic.help(format!("write a duration: `{number}s`")).fix(
                    format!("write `{number}s`"),
                    self.at(expr.span),
                    format!("{number}s"),
                ),
                false => diagnostic.help("write a duration above zero, such as `30s`"),
            };
            self.report(diagnostic);
            return None;
        }
        match self.constant_setting(expr, &Type::Duration, name)? {
            Value::Duration(nanos) if nanos > 0 => Some((nanos as u64).div_ceil(1_000_000)),
            // `5s2m` is reported where it was read.
            _ if matches!(expr.kind, ExprKind::Literal(_))
                && self.text(expr.span).contains(|c: char| ('1'..='9').contains(&c)) =>
            {
                None
            }
            _ => {
                self.bad_setting(
                    expr.span,
                    name,
                    format!("`{name}` is a duration above zero, such as `30s`"),
                );
                None
            }
        }
    }

    /// Reads a word: `decode: json`.
    pub fn word_setting(&mut self, expr: &tree::Expr, row: &Setting) -> Option<&'static str> {
        let Word(words) = row.accepts else { return None };
        let written = match &expr.kind {
            ExprKind::Name(name) => name.clone(),
            ExprKind::Literal(tree::Literal::String(text)) => text.clone(),
            ExprKind::Error => return None,
            _ => SmolStr::default(),
        };
        let found = words.iter().find(|word| **word == written).copied();
        if found.is_none() {
            let listed: Vec<SmolStr> = words.iter().map(|word| SmolStr::from(*word)).collect();
            self.bad_setting(expr.span, row.name, format!("it is one of {}", crate::expr::list_of(&listed)));
        }
        found
    }

    /// Reads a list of constant texts.
    pub fn texts_setting(&mut self, expr: &tree::Expr, row: &Setting) -> Vec<String> {
        match self.constant_setting(expr, &Type::list(Type::STRING), row.name) {
            Some(Value::List(items)) => {
                items.iter().filter_map(|item| item.as_str().map(String::from)).collect()
            }
            _ => Vec::new(),
        }
    }

    /// Reads a constant text.
    pub fn text_setting(&mut self, expr: &tree::Expr, name: &str) -> Option<String> {
        match self.constant_setting(expr, &Type::STRING, name)? {
            Value::String(text) => Some(text.to_string()),
            _ => None,
        }
    }

    /// Reads a number of bytes.
    pub fn size_setting(&mut self, expr: &tree::Expr, row: &Setting) -> Option<u64> {
        match self.constant_setting(expr, &Type::INT, row.name)? {
            Value::Int(bytes) if (1..=1 << 30).contains(&bytes) => Some(bytes as u64),
            _ => {
                self.bad_setting(expr.span, row.name, "a size from 1 byte to 1 GB, such as `64KB`");
                None
            }
        }
    }
}

/// An example for who doesn't know how values of a type are written.
fn example(ty: &Type) -> &'static str {
    match ty {
        Type::Duration => ", such as `30s`",
        Type::Int(_) => ", such as `3`",
        Type::Float(_) => ", such as `0.5`",
        Type::String(_) => ", such as `\"a\"`",
        Type::List(..) => ", such as `[\"a\", \"b\"]`",
        _ => "",
    }
}

fn is_closed(expr: &Expr) -> bool {
    let mut closed = !matches!(expr, Expr::Slot(_) | Expr::Local(_) | Expr::Code { .. } | Expr::Run(_));
    expr.children(&mut |child| closed = closed && is_closed(child));
    closed
}
