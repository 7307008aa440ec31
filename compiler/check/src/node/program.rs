//! Tools that are no HTTP request: programs, tools of MCP servers, Python.

use flow_diagnostics::Code;
use flow_ir::plan::Grant;
use flow_ir::{Type, Value};
use flow_syntax::tree::{self, Entry, ExprKind, FieldValue, Key, Literal};
use smol_str::SmolStr;

use super::settings::{Fields, Kind, Setting, setting};
use crate::cx::Cx;

/// The fields that belong to one way of doing something.
const OWN: [(&str, &[&str]); 3] =
    [("run", &["stdin", "cwd", "env", "exit", "decode"]), ("mcp", &[]), ("python", &["limits", "runtime"])];

/// Fields that not every tool has, and who has them.
const OWNERS: [(&str, &str); 10] = [
    ("query", "an HTTP tool"),
    ("headers", "an HTTP tool"),
    ("body", "an HTTP tool"),
    ("decode", "an HTTP tool or a program"),
    ("stdin", "a program (`run`)"),
    ("cwd", "a program (`run`)"),
    ("env", "a program (`run`)"),
    ("exit", "a program (`run`)"),
    ("limits", "a `python` tool"),
    ("runtime", "a `python` tool"),
];

impl Cx<'_> {
    /// Reports fields that a tool which does `kind` doesn't have.
    pub fn own_fields(&mut self, kind: &str, fields: &Fields) {
        let own: &[&str] = match OWN.iter().find(|(name, _)| *name == kind) {
            Some((_, own)) => own,
            None => &["query", "headers", "body", "decode"],
        };
        for (row, field) in fields.iter() {
            let Some((_, owner)) = OWNERS.iter().find(|(name, _)| *name == row.name) else { continue };
            if own.contains(&row.name) {
                continue;
            }
            if let FieldValue::Expr(expr) = &field.value {
                self.use_names(expr);
            }
            let diagnostic = self
                .error(Code::BadSetting, field.key.span, format!("`{}` belongs to {owner}", row.name))
                .here(format!("this tool does `{kind}`"))
                .help("remove it");
            self.report(diagnostic);
        }
    }

    /// Checks a tool that does `run`, `mcp` or `python`.
    pub fn other_tool(&mut self, node: &tree::Node, kind: &'static str, fields: &Fields) {
        self.own_fields(kind, fields);
        match kind {
            "run" => self.program(node, fields),
            "mcp" => self.mcp_tool(fields),
            _ => self.python(fields),
        }
        if let Some(expr) = fields.expr("timeout") {
            self.duration_setting(expr, "timeout");
        }
        if let (Some(expr), Some(row)) = (fields.expr("limit"), setting(Kind::Tool, "limit")) {
            self.size_setting(expr, row);
        }
        if let Some(field) = fields.get("idempotent") {
            self.idempotent(field);
        }
        let retry = self.count_field(fields.expr("retry"), "retry");
        let writes = kind != "python" && !crate::sig::says_idempotent(&node.fields);
        if writes && retry.is_some_and(|count| count > 0) {
            let span = fields.get("retry").map_or(node.name.span, |field| field.span);
            self.unsafe_retry(&node.name.text, span);
        }
        self.not_runnable.push((node.name.span, format!("the `{kind}` tool `{}`", node.name.text)));
    }

    fn program(&mut self, node: &tree::Node, fields: &Fields) {
        if let Some(expr) = fields.expr("run") {
            self.run_line(expr);
        }
        for name in ["stdin", "cwd"] {
            if let Some(expr) = fields.expr(name) {
                self.text_field(expr, name);
            }
        }
        if let Some(expr) = fields.expr("env") {
            self.secret_texts(expr, "env");
        }
        if let Some(expr) = fields.expr("exit") {
            self.exit_codes(expr);
        }
        let returns = self.read_type_again(&node.returns);
        self.decode(fields, &returns, node);
    }

    /// Reads `run: ["git", "blame", "--", path]`.
    fn run_line(&mut self, expr: &tree::Expr) {
        let words = match &expr.kind {
            ExprKind::List(words) => words,
            ExprKind::Error => return,
            ExprKind::Literal(Literal::String(text)) => {
                let plain = |c: char| c.is_ascii_alphanumeric() || "-_./=:@,+ ".contains(c);
                let mut diagnostic = self
                    .error(
                        Code::TypeMismatch,
                        expr.span,
                        "`run` is a program and its arguments, not a line of a shell",
                    )
                    .help("write a list: `run: [\"git\", \"status\"]`");
                if text.chars().all(plain) && !text.trim().is_empty() {
                    let words: Vec<String> =
                        text.split_ascii_whitespace().map(|word| format!("\"{word}\"")).collect();
                    let list = format!("[{}]", words.join(", "));
                    diagnostic = diagnostic.fix(format!("write `{list}`"), self.at(expr.span), list);
                }
                self.report(diagnostic);
                return;
            }
            _ => {
                self.use_names(expr);
                let diagnostic = self
                    .error(Code::TypeMismatch, expr.span, "`run` takes a list")
                    .help("write a program and its arguments: `run: [\"git\", \"status\"]`");
                self.report(diagnostic);
                return;
            }
        };
        let Some(first) = words.first() else {
            self.bad_setting(expr.span, "run", "name the program first: `run: [\"git\", \"status\"]`");
            return;
        };
        let found = self.diagnostics.len();
        let typed = self.expr(&first.value, Some(&Type::STRING));
        match typed.constant() {
            Some(Value::String(program)) if !program.trim().is_empty() => {
                self.needs.push((Grant::Exec(program.to_string()), first.value.span));
            }
            _ if self.diagnostics.len() > found || matches!(typed.ty, Type::Error) => {}
            _ => {
                let diagnostic = self
                    .error(Code::BadSetting, first.value.span, "the program is no constant")
                    .here("anyone could say what runs")
                    .help("name the program as a text: `run: [\"git\", …]`");
                self.report(diagnostic);
            }
        }
        for word in &words[1..] {
            self.spliced(&word.value, "run");
        }
    }

    /// Reads `exit: [0, 1]`.
    fn exit_codes(&mut self, expr: &tree::Expr) {
        let help = "list the codes that are no failure: `exit: [0]`";
        let words = match &expr.kind {
            ExprKind::List(words) if !words.is_empty() => words,
            ExprKind::Error => return,
            ExprKind::Literal(Literal::Int(code)) if (0..=255).contains(code) => {
                let diagnostic = self
                    .error(Code::TypeMismatch, expr.span, "`exit` takes `[int]`, found `int`")
                    .help(help)
                    .fix(format!("write `[{code}]`"), self.at(expr.span), format!("[{code}]"));
                self.report(diagnostic);
                return;
            }
            _ => {
                self.use_names(expr);
                let diagnostic =
                    self.error(Code::TypeMismatch, expr.span, "`exit` takes a list of numbers").help(help);
                self.report(diagnostic);
                return;
            }
        };
        for word in words {
            self.int_setting(&word.value, &EXIT_CODE);
        }
    }

    /// Reads `mcp: "jira/create_issue"`.
    fn mcp_tool(&mut self, fields: &Fields) {
        // Its parameters are the tool's arguments.
        self.bindings.iter_mut().for_each(|binding| binding.read = true);
        let Some(expr) = fields.expr("mcp") else { return };
        let Some(path) = self.text_setting(expr, "mcp") else { return };
        let parts = path.split_once('/').filter(|(server, tool)| {
            !server.is_empty() && !tool.is_empty() && !path.contains(char::is_whitespace)
        });
        let Some((server, _)) = parts else {
            self.bad_setting(expr.span, "mcp", "name a server and its tool: `mcp: \"jira/create_issue\"`");
            return;
        };
        // A server that isn't declared in sight may be declared elsewhere, unless it is the slip of one that is.
        let servers = self.servers_like(server);
        if servers.contains(&server) {
            self.used.insert(SmolStr::from(server));
        } else if self.nearest(server, servers.iter().copied()).is_some() {
            self.unknown_server(&SmolStr::from(server), expr.span);
            return;
        }
        self.needs.push((Grant::Mcp(server.to_string()), expr.span));
    }

    fn python(&mut self, fields: &Fields) {
        match fields.get("python").map(|field| &field.value) {
            Some(FieldValue::Python(text)) => {
                if text.text.trim().is_empty() {
                    self.bad_setting(
                        text.span,
                        "python",
                        "write the body of a function that ends with `return …`",
                    );
                }
                // Its parameters are variables of the text.
                self.use_params(&text.text.clone());
            }
            Some(FieldValue::Expr(expr)) if !matches!(expr.kind, ExprKind::Error) => {
                self.use_names(expr);
                self.bad_setting(
                    expr.span,
                    "python",
                    "write the text itself, `python: \"\"\"…\"\"\"`: it is no expression",
                );
            }
            _ => {}
        }
        if let Some(expr) = fields.expr("limits") {
            self.limits(expr);
        }
        if let Some(expr) = fields.expr("runtime") {
            let fine = match &expr.kind {
                ExprKind::Name(_) | ExprKind::Error => true,
                ExprKind::Literal(Literal::String(text)) => !text.trim().is_empty(),
                _ => false,
            };
            if !fine {
                self.use_names(expr);
                self.bad_setting(expr.span, "runtime", "name the Python that runs it");
            }
        }
    }

    /// Marks the parameters whose names stand in a text as read.
    fn use_params(&mut self, text: &str) {
        let all = ["locals(", "globals(", "vars(", "eval("].iter().any(|word| text.contains(word));
        let words: std::collections::HashSet<&str> =
            text.split(|c: char| !c.is_alphanumeric() && c != '_').collect();
        for binding in &mut self.bindings {
            binding.read |= all || words.contains(binding.name.as_str());
        }
    }

    /// Reads `limits: low`, `limits: {cpu: 1s, memory: 64MB, wall: 2s}`.
    fn limits(&mut self, expr: &tree::Expr) {
        const WORDS: [&str; 4] = ["low", "medium", "high", "max"];
        let help = "it is `low`, `medium`, `high`, `max`, or `{cpu: 1s, memory: 64MB, wall: 2s}`";
        match &expr.kind {
            ExprKind::Error => {}
            ExprKind::Name(name) if WORDS.contains(&name.as_str()) => {}
            ExprKind::Record(record) if record.name.is_none() && !record.entries.is_empty() => {
                let mut seen: Vec<(&SmolStr, flow_source::Span)> = Vec::new();
                for entry in &record.entries {
                    let Entry::Pair { optional: false, key: Key::Name(key), value } = entry else {
                        self.bad_setting(expr.span, "limits", help);
                        continue;
                    };
                    if let Some((_, first)) = seen.iter().find(|(name, _)| *name == &key.text) {
                        let (at, first) = (self.at(key.span), self.at(*first));
                        self.report(crate::program::duplicate(&key.text, at, first));
                        continue;
                    }
                    seen.push((&key.text, key.span));
                    match key.as_str() {
                        "cpu" | "wall" => {
                            self.duration_setting(value, &key.text);
                        }
                        "memory" => {
                            self.size_setting(value, &MEMORY);
                        }
                        _ => self.unknown_limit(key),
                    }
                }
            }
            ExprKind::Name(name) => {
                let mut diagnostic =
                    self.error(Code::BadSetting, expr.span, "this is no value of `limits`").help(help);
                if let Some(near) = self.nearest(name, WORDS) {
                    diagnostic = diagnostic.fix(format!("write `{near}`"), self.at(expr.span), near);
                }
                self.report(diagnostic);
            }
            ExprKind::Literal(Literal::String(text)) if WORDS.contains(&text.as_str()) => {
                let diagnostic = self
                    .error(Code::BadSetting, expr.span, "this is no value of `limits`")
                    .help("write it without quotes")
                    .fix(format!("write `{text}`"), self.at(expr.span), text.as_str());
                self.report(diagnostic);
            }
            _ => {
                self.use_names(expr);
                self.bad_setting(expr.span, "limits", help);
            }
        }
    }

    fn unknown_limit(&mut self, key: &tree::Name) {
        let mut diagnostic = self
            .error(Code::UnknownSetting, key.span, format!("`limits` has no `{}`", key.text))
            .here("no such limit")
            .help("limits are `cpu`, `memory` and `wall`");
        if let Some(near) = self.nearest(&key.text, ["cpu", "memory", "wall"]) {
            diagnostic =
                diagnostic.fix(format!("replace `{}` by `{near}`", key.text), self.at(key.span), near);
        }
        self.report(diagnostic);
    }
}

const EXIT_CODE: Setting = Setting {
    name: "exit",
    kinds: &[Kind::Tool],
    accepts: super::settings::Accepts::Int(0, 255),
    doc: "an exit code that is no failure",
};

const MEMORY: Setting = Setting {
    name: "memory",
    kinds: &[Kind::Tool],
    accepts: super::settings::Accepts::Size,
    doc: "how much memory the sandbox may use",
};
