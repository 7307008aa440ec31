//! Triggers: `trigger t = webhook("/tickets", body: Ticket) => triage(body) { verify: hmac(secret.KEY) }`.

use std::sync::Arc;

use flow_diagnostics::{Code, Diagnostic};
use flow_ir::Type;
use flow_ir::types::{Field, Record};
use flow_source::{FileSpan, Span};
use flow_syntax::tree::{self, Arg, ExprKind, FieldValue, ItemKind, Literal, Primitive, TypeKind};
use smol_str::SmolStr;

use super::cron;
use super::settings::{Fields, Kind};
use crate::cx::{BindingKind, Cx, Place, Use};
use crate::expr::Param;
use crate::hash::HashMap;
use crate::program::{CallKind, Sig};

/// Where a trigger listens.
struct Source {
    name: &'static str,
    /// How it is written.
    form: &'static str,
    /// The settings that it has.
    settings: &'static [&'static str],
}

const SOURCES: [Source; 4] = [
    Source { name: "webhook", form: "webhook(\"/path\", body: T)", settings: &["verify", "dedupe", "reply"] },
    Source { name: "cron", form: "cron(\"0 6 * * 1\")", settings: &["timezone", "overlap"] },
    Source { name: "telegram", form: "telegram", settings: &["token", "verify", "dedupe", "reply"] },
    Source { name: "whatsapp", form: "whatsapp", settings: &["token", "verify", "dedupe", "reply"] },
];

impl Cx<'_> {
    /// Checks a trigger.
    pub fn trigger(&mut self, trigger: &tree::Trigger) {
        let source = self.source(&trigger.source);
        match &trigger.target {
            Some(target) => self.started(target),
            None if self.lost => {}
            None => {
                let diagnostic = self
                    .error(Code::MissingSetting, trigger.name.span, "a trigger needs a flow to start")
                    .here("starts nothing")
                    .help("write `=> flow(…)` behind its source");
                self.report(diagnostic);
            }
        }
        let all: Vec<tree::Field> = trigger.source_fields.iter().chain(&trigger.fields).cloned().collect();
        let fields = self.fields(Kind::Trigger, &all);
        self.trigger_fields(source, &fields);
    }

    // What it listens to.

    /// Reads the source and makes visible what it gives.
    fn source(&mut self, source: &tree::Expr) -> Option<&'static Source> {
        let (name, span, args) = match &source.kind {
            ExprKind::Name(name) => (name, source.span, None),
            ExprKind::Call(call) => (&call.name.text, call.name.span, Some(call.args.as_slice())),
            kind => {
                if matches!(kind, ExprKind::Error) {
                    self.lost = true;
                } else {
                    let diagnostic = self
                        .error(Code::BadSetting, source.span, "this is nothing that a trigger listens to")
                        .help(format!("sources are {}", forms()));
                    self.report(diagnostic);
                }
                self.gives("body", Type::Error, source.span);
                self.gives("message", Type::Error, source.span);
                return None;
            }
        };
        let Some(known) = SOURCES.iter().find(|source| source.name == name) else {
            self.unknown_source(name, span);
            self.gives("body", Type::Error, span);
            self.gives("message", Type::Error, span);
            return None;
        };
        match known.name {
            "webhook" => self.webhook(args, span),
            "cron" => self.cron(args, span),
            _ => {
                if let Some(first) = args.unwrap_or_default().first() {
                    let diagnostic = self
                        .error(Code::UnknownArgument, first.value.span, format!("`{name}` takes nothing"))
                        .here("one too many")
                        .help(format!("write `{name} {{ token: secret.NAME }} => …`"));
                    self.report(diagnostic);
                }
                self.gives("message", message_type(), span);
            }
        }
        Some(known)
    }

    fn gives(&mut self, name: &str, ty: Type, span: Span) {
        let slot = self.slot(SmolStr::from(name), ty.clone());
        let name = tree::Name { text: SmolStr::from(name), span };
        self.bind_unchecked(&name, ty, BindingKind::Implied, Place::Slot(slot));
    }

    fn unknown_source(&mut self, name: &SmolStr, span: Span) {
        let habit = match name.as_str() {
            "schedule" | "every" | "timer" | "interval" => Some("cron"),
            "http" | "post" | "url" | "endpoint" => Some("webhook"),
            _ => None,
        };
        let near = habit.or_else(|| self.nearest(name, SOURCES.iter().map(|source| source.name)));
        let mut diagnostic = self
            .error(Code::UnknownName, span, format!("a trigger can't listen to `{name}`"))
            .here("no such source");
        diagnostic = match SOURCES.iter().find(|source| Some(source.name) == near) {
            Some(source) if habit.is_some() => diagnostic.help(format!("write `{}`", source.form)),
            Some(source) => diagnostic.help(format!("did you mean `{}`?", source.name)).fix(
                format!("replace `{name}` by `{}`", source.name),
                self.at(span),
                source.name,
            ),
            None => diagnostic.help(format!("sources are {}", forms())),
        };
        self.report(diagnostic);
    }

    fn webhook(&mut self, args: Option<&[Arg]>, span: Span) {
        let mut path = None;
        let mut body = None;
        for (position, arg) in args.unwrap_or_default().iter().enumerate() {
            match arg.name.as_ref().map(tree::Name::as_str) {
                None if position == 0 => path = Some(&arg.value),
                Some("path") if path.is_none() => path = Some(&arg.value),
                Some("body") if body.is_none() => body = Some(&arg.value),
                name => {
                    let at = arg.name.as_ref().map_or(arg.value.span, |name| name.span);
                    let message = match name {
                        Some(name @ ("path" | "body")) => format!("`{name}` is given twice"),
                        Some(name) => format!("`webhook` has no parameter `{name}`"),
                        None => "`webhook` takes a path and a `body`".to_string(),
                    };
                    let near = name.and_then(|name| self.nearest(name, ["path", "body"]));
                    let mut diagnostic = self.error(Code::UnknownArgument, at, message);
                    diagnostic = match near {
                        Some(near) => {
                            diagnostic.here("no such parameter").help(format!("did you mean `{near}`?")).fix(
                                format!("replace `{}` by `{near}`", name.unwrap_or_default()),
                                self.at(at),
                                near,
                            )
                        }
                        None => diagnostic.here("one too many").help(
                            "write `webhook(\"/path\", body: T)`: `body` is the type of what is delivered",
                        ),
                    };
                    self.report(diagnostic);
                }
            }
        }
        match path {
            Some(path) => {
                self.webhook_path(path);
            }
            None => {
                let diagnostic = self
                    .error(Code::MissingArgument, span, "`webhook` needs a path")
                    .here("listens nowhere")
                    .help("write `webhook(\"/path\", body: T)`");
                self.report(diagnostic);
            }
        }
        let ty = match body {
            Some(body) => self.body_type(body),
            None => Type::Json,
        };
        self.gives("body", ty, span);
    }

    fn webhook_path(&mut self, expr: &tree::Expr) {
        let Some(path) = self.text_setting(expr, "webhook") else { return };
        let wrong = |c: char| c.is_whitespace() || c.is_control() || matches!(c, '?' | '#' | '\\');
        let whole = path.contains("://");
        if path.starts_with('/') && !path.starts_with("//") && !path.contains(wrong) {
            return;
        }
        let mut diagnostic = self
            .error(Code::BadSetting, expr.span, format!("`{path}` is no path"))
            .here("where the server listens");
        let slashed = format!("\"/{path}\"");
        diagnostic = match whole || path.contains(wrong) || path.is_empty() || path.starts_with('/') {
            false => diagnostic.help("a path starts with `/`").fix(
                format!("write `{slashed}`"),
                self.at(expr.span),
                slashed,
            ),
            true => diagnostic
                .help("write the path alone, such as `\"/tickets\"`: without host, query and spaces"),
        };
        self.report(diagnostic);
    }

    /// Reads the type in `body: [Ticket]`, which the grammar takes for an expression.
    fn body_type(&mut self, expr: &tree::Expr) -> Type {
        let Some(written) = type_of(expr) else {
            if matches!(expr.kind, ExprKind::Error) {
                self.lost = true;
                return Type::Error;
            }
            let diagnostic = self
                .error(Code::BadType, expr.span, "`body` takes a type")
                .here("a value")
                .help("name the type of what is delivered: `body: Ticket`, `body: [Ticket]` or `body: json`");
            self.report(diagnostic);
            return Type::Error;
        };
        self.read_type(|reader| reader.read(&written))
    }

    fn cron(&mut self, args: Option<&[Arg]>, span: Span) {
        let [one] = args.unwrap_or_default() else {
            let diagnostic = match args.unwrap_or_default().get(1) {
                None => self.error(Code::MissingArgument, span, "`cron` needs a schedule").here("when?"),
                Some(more) => self
                    .error(Code::UnknownArgument, more.value.span, "`cron` takes one schedule")
                    .here("one too many"),
            };
            self.report(diagnostic.help(
                "write minute, hour, day, month and weekday: `cron(\"0 6 * * 1\")` is Mondays at six; a time zone is a setting",
            ));
            return;
        };
        if let Some(name) = &one.name {
            let diagnostic = self
                .error(Code::UnknownArgument, name.span, format!("`cron` has no parameter `{}`", name.text))
                .help("write `cron(\"0 6 * * 1\")`");
            self.report(diagnostic);
            return;
        }
        let expr = &one.value;
        let Some(text) = self.text_setting(expr, "cron") else { return };
        if let Err(fault) = cron::check(&text) {
            let mut diagnostic =
                self.error(Code::BadSetting, expr.span, format!("`{text}` is no schedule")).here(fault.why);
            diagnostic = match fault.instead {
                Some(instead) => diagnostic.help(format!("write `{instead}`")).fix(
                    format!("write `{instead}`"),
                    self.at(expr.span),
                    format!("\"{instead}\""),
                ),
                None => diagnostic.help(
                    "write minute, hour, day, month and weekday, such as `0 6 * * 1` for Mondays at six",
                ),
            };
            self.report(diagnostic);
        }
    }

    // What it starts.

    fn started(&mut self, target: &tree::Expr) {
        let (name, span, args) = match &target.kind {
            ExprKind::Call(call) => (&call.name.text, call.name.span, Some(call.args.as_slice())),
            ExprKind::Name(name) => (name, target.span, None),
            ExprKind::Error => {
                self.lost = true;
                return;
            }
            _ => {
                self.use_names(target);
                let diagnostic = self
                    .error(Code::TypeMismatch, target.span, "a trigger starts a flow")
                    .here("no call of a flow")
                    .help("write `=> flow(…)`");
                self.report(diagnostic);
                return;
            }
        };
        let called = self.callable(name);
        let Some((symbol, sig)) = called.filter(|(_, sig)| sig.kind == CallKind::Flow) else {
            for arg in args.unwrap_or_default() {
                let found = self.diagnostics.len();
                self.expr(&arg.value, None);
                self.diagnostics.truncate(found);
            }
            self.no_flow(name, span);
            return;
        };
        self.uses.add(Use::Flow(symbol), span);
        match args {
            Some(args) => self.inputs(&sig.params_of(), args, name, span),
            None => {
                let diagnostic = self
                    .error(Code::TypeMismatch, span, format!("`{name}` is a flow, and isn't called"))
                    .here("a name alone")
                    .help(format!("write `{name}(…)`"))
                    .fix("call it", self.at(Span::at(span.end)), "()");
                self.report(diagnostic);
            }
        }
    }

    /// Checks the inputs of the flow. They are held against its parameters when it starts, like all inputs of a run, so a
    /// narrower parameter needs no `as`; a constant that can't fit is reported now.
    fn inputs(&mut self, params: &[Param], args: &[Arg], name: &SmolStr, span: Span) {
        let found = self.diagnostics.len();
        self.arguments(params, args, name, span);
        let strict = self.diagnostics.split_off(found);
        if strict.is_empty() {
            return;
        }
        let wide: Vec<Param> = params
            .iter()
            .map(|param| Param {
                name: param.name.clone(),
                ty: widest(&param.ty),
                default: param.default.clone(),
            })
            .collect();
        self.arguments(&wide, args, name, span);
        self.diagnostics.extend(strict.into_iter().filter(|one| one.code == Code::BadRefinement));
    }

    fn no_flow(&mut self, name: &SmolStr, span: Span) {
        if self.is_broken(name) {
            return;
        }
        let flows: Vec<&str> = self
            .steps_like(name)
            .filter(|name| matches!(self.sig_of(name), Some(Sig::Call(sig)) if sig.kind == CallKind::Flow))
            .collect();
        let diagnostic = match self.sig_of(name) {
            Some(Sig::Call(sig)) => self
                .error(Code::UnknownNode, span, format!("`{name}` is no flow"))
                .here(format!("declared as `{}`", sig.kind.as_str()))
                .help(format!("a trigger starts a flow: let one call `{name}`")),
            _ => {
                let diagnostic = self
                    .error(Code::UnknownNode, span, format!("unknown flow `{name}`"))
                    .here("not declared or imported in this file");
                match self.nearest(name, flows.iter().copied()) {
                    Some(near) => {
                        self.used.insert(SmolStr::from(near));
                        diagnostic.similar("flow", name, near, self.at(span))
                    }
                    None => diagnostic.help(format!(
                        "declare it, such as `flow {name}() {{ … }}`, or import it: `import {{ {name} }} from \"./other.flow\"`"
                    )),
                }
            }
        };
        self.report(diagnostic);
    }

    // Its settings.

    fn trigger_fields(&mut self, source: Option<&'static Source>, fields: &Fields) {
        for (row, field) in fields.iter() {
            if let Some(source) = source.filter(|source| !source.settings.contains(&row.name)) {
                let owners: Vec<String> = SOURCES
                    .iter()
                    .filter(|source| source.settings.contains(&row.name))
                    .map(|source| format!("`{}`", source.name))
                    .collect();
                let diagnostic = self
                    .error(
                        Code::UnknownSetting,
                        field.key.span,
                        format!("a `{}` trigger has no setting `{}`", source.name, row.name),
                    )
                    .here("no such setting")
                    .help(format!("`{}` belongs to {}", row.name, owners.join(", ")));
                self.report(diagnostic);
                continue;
            }
            if row.name == "verify" {
                self.verify(field);
                continue;
            }
            let FieldValue::Expr(expr) = &field.value else { continue };
            match row.name {
                "dedupe" => self.dedupe(expr),
                "token" => {
                    self.secret_setting(expr, "token");
                }
                "timezone" => self.timezone(expr),
                _ => {
                    self.word_setting(expr, row);
                }
            }
        }
    }

    fn dedupe(&mut self, expr: &tree::Expr) {
        let typed = self.expr(expr, None);
        match typed.ty.base() {
            Type::Error | Type::Never | Type::String(_) | Type::Int(_) => {}
            Type::Named(name) if self.program.enum_values(&name).is_some() => {}
            Type::Nullable(_) | Type::Optional(_) | Type::Null => {
                self.may_be_null(&typed.ty, expr.span, "`dedupe`");
            }
            _ => {
                let diagnostic = self
                    .error(Code::TypeMismatch, expr.span, format!("`dedupe` does not take `{}`", typed.ty))
                    .here("what makes two deliveries the same one")
                    .help(match typed.ty {
                        Type::Json => "read it with `as string`, or declare the type of `body`",
                        _ => "name a text or an int of the delivery, such as `body.id`",
                    });
                self.report(diagnostic);
            }
        }
    }

    fn timezone(&mut self, expr: &tree::Expr) {
        let Some(name) = self.text_setting(expr, "timezone") else { return };
        if !flow_expr::functions::is_time_zone(&name) {
            let diagnostic =
                self.error(Code::BadSetting, expr.span, format!("there is no time zone `{name}`")).help(
                    "write a name such as `\"Europe/Paris\"`, `\"UTC\"`, or an offset such as `\"+02:00\"`",
                );
            self.report(diagnostic);
        }
    }
}

fn forms() -> String {
    let forms: Vec<String> = SOURCES.iter().map(|source| format!("`{}`", source.form)).collect();
    forms.join(", ")
}

/// A type without refinements, inside of lists and maps too.
fn widest(ty: &Type) -> Type {
    match ty {
        Type::Nullable(of) => widest(of).nullable(),
        Type::List(of, _) => Type::list(widest(of)),
        Type::Map(key, of) => Type::map(widest(key), widest(of)),
        Type::Where(rule) => widest(&rule.base),
        Type::Named(_) | Type::Record(_) => ty.clone(),
        other => other.base(),
    }
}

/// What a chat gives: the same for every channel.
fn message_type() -> Type {
    let field = |name: &str, ty: Type| Field { name: name.into(), ty, trust: None, doc: String::new() };
    let record = |fields: Vec<Field>| Type::Record(Arc::new(Record { fields }));
    record(vec![
        field("id", Type::STRING),
        field("text", Type::STRING),
        field("chat", record(vec![field("id", Type::STRING)])),
        field("from", record(vec![field("id", Type::STRING), field("name", Type::STRING)])),
        field("at", Type::Timestamp),
    ])
}

/// Reads an expression as the type that it is written like.
fn type_of(expr: &tree::Expr) -> Option<tree::TypeExpr> {
    let kind = match &expr.kind {
        ExprKind::TypeName(name) => TypeKind::Named(tree::Name { text: name.clone(), span: expr.span }),
        ExprKind::Name(name) => {
            TypeKind::Primitive(Primitive::ALL.into_iter().find(|primitive| primitive.as_str() == name)?)
        }
        ExprKind::List(elements) => match elements.as_slice() {
            [one] if !one.optional => TypeKind::List(Box::new(type_of(&one.value)?)),
            _ => return None,
        },
        _ => return None,
    };
    Some(tree::TypeExpr { trust: None, kind, range: None, nullable: false, span: expr.span })
}

/// Reports paths that two webhooks of a file listen to.
pub(crate) fn paths(file: &tree::File, diagnostics: &mut Vec<Diagnostic>) {
    let mut first: HashMap<&SmolStr, FileSpan> = HashMap::default();
    for item in &file.items {
        let ItemKind::Trigger(trigger) = &item.kind else { continue };
        let ExprKind::Call(call) = &trigger.source.kind else { continue };
        let path = call.args.first().map(|arg| &arg.value);
        let Some(tree::Expr { kind: ExprKind::Literal(Literal::String(path)), span }) = path else {
            continue;
        };
        if call.name.text != "webhook" {
            continue;
        }
        let at = item.locate(file.file, *span);
        match first.get(path) {
            Some(first) => diagnostics.push(
                Diagnostic::new(Code::DuplicateName, at, format!("two webhooks listen at `{path}`"))
                    .here("the second one")
                    .label(*first, "the first one")
                    .help("give each a path of its own"),
            ),
            None => {
                first.insert(path, at);
            }
        }
    }
}
