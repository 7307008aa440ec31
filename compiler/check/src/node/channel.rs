//! Where people and events are: `via: webhook("/carrier")`, `verify: hmac(secret.KEY)`.

use flow_diagnostics::Code;
use flow_ir::plan::{self, Grant};
use flow_ir::{Expr, Name, Type, Value};
use flow_source::Span;
use flow_syntax::tree::{self, ExprKind, FieldValue, Literal};
use smol_str::SmolStr;

use super::settings::Kind;
use crate::cx::Cx;

/// What a channel takes in its brackets, and who has it.
struct Channel {
    name: &'static str,
    /// An example of what stands in the brackets; none for a channel without any.
    takes: Option<&'static str>,
    kinds: &'static [Kind],
}

const CHANNELS: [Channel; 4] = [
    Channel { name: "dashboard", takes: None, kinds: &[Kind::Human] },
    Channel { name: "webhook", takes: Some("\"…\""), kinds: &[Kind::Human, Kind::Event] },
    Channel { name: "telegram", takes: Some("chat"), kinds: &[Kind::Human, Kind::Event] },
    Channel { name: "whatsapp", takes: Some("number"), kinds: &[Kind::Human, Kind::Event] },
];

impl Cx<'_> {
    /// Reads `via: dashboard`, `via: trusted telegram(chat)`.
    pub fn via(&mut self, field: &tree::Field, kind: Kind) -> Option<plan::Channel> {
        let expr = match &field.value {
            FieldValue::Expr(expr) => expr,
            FieldValue::Trusted(expr) if kind == Kind::Human => expr,
            FieldValue::Trusted(expr) => {
                let diagnostic = self
                    .error(Code::BadSetting, field.span, "only a person's channel is marked `trusted`")
                    .help("label what the event gives instead: `-> trusted T`");
                self.report(diagnostic);
                expr
            }
            _ => return None,
        };
        match &expr.kind {
            ExprKind::Name(name) => self.channel(name, expr.span, None, expr.span, kind),
            ExprKind::Call(call) => {
                self.channel(&call.name.text, call.name.span, Some(&call.args), expr.span, kind)
            }
            ExprKind::Literal(Literal::String(text)) => {
                self.quoted_channel(text, expr.span, kind);
                None
            }
            ExprKind::Error => None,
            _ => {
                self.use_names(expr);
                self.bad_setting(expr.span, "via", self.channels_of(kind));
                None
            }
        }
    }

    fn channels_of(&self, kind: Kind) -> String {
        let forms: Vec<String> = CHANNELS
            .iter()
            .filter(|channel| channel.kinds.contains(&kind))
            .map(|channel| match channel.takes {
                Some(takes) => format!("`{}({takes})`", channel.name),
                None => format!("`{}`", channel.name),
            })
            .collect();
        format!("it is one of {}", forms.join(", "))
    }

    fn quoted_channel(&mut self, text: &SmolStr, span: Span, kind: Kind) {
        let bare = CHANNELS
            .iter()
            .any(|channel| channel.name == text && channel.takes.is_none() && channel.kinds.contains(&kind));
        let mut diagnostic = self.error(Code::BadSetting, span, "this is no value of `via`");
        diagnostic = match bare {
            true => diagnostic.here("a text").help("write it without quotes").fix(
                format!("write `{text}`"),
                self.at(span),
                text.as_str(),
            ),
            false if text.starts_with('/') && kind == Kind::Event => diagnostic
                .here("a path alone")
                .help("say what listens there: `webhook(\"/…\")`")
                .fix("write `webhook(…)`", self.at(span), format!("webhook({})", self.text(span))),
            false => diagnostic.help(self.channels_of(kind)),
        };
        self.report(diagnostic);
    }

    fn channel(
        &mut self,
        name: &SmolStr,
        name_span: Span,
        args: Option<&[tree::Arg]>,
        span: Span,
        kind: Kind,
    ) -> Option<plan::Channel> {
        let known = CHANNELS.iter().find(|channel| channel.name == name);
        let Some(channel) = known.filter(|channel| channel.kinds.contains(&kind)) else {
            args.into_iter().flatten().for_each(|arg| {
                self.expr(&arg.value, None);
            });
            let names = CHANNELS.iter().filter(|channel| channel.kinds.contains(&kind));
            let diagnostic = match known {
                Some(_) => self
                    .error(Code::BadSetting, name_span, format!("{} has no `{name}`", kind.as_str()))
                    .help(self.channels_of(kind)),
                None => {
                    let diagnostic =
                        self.error(Code::BadSetting, name_span, format!("there is no channel `{name}`"));
                    match self.nearest(name, names.map(|channel| channel.name)) {
                        Some(near) => diagnostic.similar("channel", name, near, self.at(name_span)),
                        None => diagnostic.help(self.channels_of(kind)),
                    }
                }
            };
            self.report(diagnostic);
            return None;
        };
        match (channel.takes, args) {
            (None, None) => return Some(plan::Channel::Dashboard),
            (None, Some(args)) => {
                args.iter().for_each(|arg| {
                    self.expr(&arg.value, None);
                });
                let diagnostic = self
                    .error(Code::BadSetting, span, format!("`{name}` takes nothing"))
                    .help(format!("write `{name}`"))
                    .fix(format!("write `{name}`"), self.at(span), name.as_str());
                self.report(diagnostic);
            }
            (Some(takes), None) => self.channel_needs(name, span, takes),
            (Some(takes), Some([])) => self.channel_needs(name, span, takes),
            (Some(_), Some([one])) if one.name.is_none() => {
                let address = self.address(channel.name, &one.value, kind);
                return Some(match channel.name {
                    "webhook" => plan::Channel::Webhook(address),
                    "telegram" => plan::Channel::Telegram(address),
                    _ => plan::Channel::Whatsapp(address),
                });
            }
            (Some(takes), Some(args)) => {
                args.iter().for_each(|arg| {
                    self.expr(&arg.value, None);
                });
                let wrong = args.iter().find(|arg| arg.name.is_some()).or(args.get(1));
                let at = wrong.map_or(span, |arg| arg.name.as_ref().map_or(arg.value.span, |name| name.span));
                let diagnostic = self
                    .error(Code::UnknownArgument, at, format!("`{name}` takes one value"))
                    .help(format!("write `{name}({takes})`"));
                self.report(diagnostic);
            }
        }
        None
    }

    fn channel_needs(&mut self, name: &str, span: Span, takes: &str) {
        let diagnostic = self
            .error(Code::MissingArgument, span, format!("`{name}` of what?"))
            .here("says not where")
            .help(format!("write `{name}({takes})`"));
        self.report(diagnostic);
    }

    /// Checks what stands in a channel's brackets.
    fn address(&mut self, channel: &str, expr: &tree::Expr, kind: Kind) -> Expr {
        if channel == "webhook" && kind == Kind::Event {
            let path = self.text_setting(expr, "webhook");
            if path.as_ref().is_some_and(|path| !path.starts_with('/') || path.contains(char::is_whitespace))
            {
                let diagnostic = self
                    .error(Code::BadSetting, expr.span, "this is no path")
                    .here("deliveries come to a path of this server")
                    .help("write a path that starts with `/`: `webhook(\"/carrier\")`");
                self.report(diagnostic);
            }
            return Expr::text(&path.unwrap_or_default());
        }
        let typed = self.expr(expr, None);
        let empty = matches!(typed.constant(), Some(Value::String(text)) if text.trim().is_empty());
        let fits = match typed.ty.base() {
            Type::Error => true,
            Type::Nullable(_) | Type::Optional(_) | Type::Null => {
                self.may_be_null(&typed.ty, expr.span, &format!("`{channel}`"));
                true
            }
            Type::String(_) => !empty,
            Type::Int(_) => channel != "webhook",
            _ => false,
        };
        if !fits {
            let needed = if channel == "webhook" { "a URL" } else { "a text or a number" };
            let diagnostic = self
                .error(Code::BadSetting, expr.span, format!("`{channel}` does not reach `{}`", typed.ty))
                .help(format!("it takes {needed}"));
            self.report(diagnostic);
        }
        typed.expr
    }

    /// Reads `verify: hmac(secret.KEY)`, and returns the secret's name.
    pub fn verify(&mut self, field: &tree::Field) -> Option<Name> {
        let FieldValue::Expr(expr) = &field.value else { return None };
        let secret = match &expr.kind {
            ExprKind::Error => return None,
            ExprKind::Call(call) if call.name.text == "hmac" => match call.args.as_slice() {
                [tree::Arg { name: None, value }] => Some(value),
                _ => None,
            },
            _ => None,
        };
        let form = "write `verify: hmac(secret.NAME)`";
        let Some(secret) = secret else {
            let mut diagnostic =
                self.error(Code::BadSetting, expr.span, "this is no value of `verify`").help(form);
            if let Some(name) = super::tool::secret_name(expr) {
                let text = format!("hmac(secret.{name})");
                diagnostic = diagnostic.fix(format!("write `{text}`"), self.at(expr.span), text);
            }
            self.use_names(expr);
            self.report(diagnostic);
            return None;
        };
        match super::tool::secret_name(secret) {
            Some(name) => {
                self.needs.push((Grant::Secret(name.to_string()), secret.span));
                Some(name.clone())
            }
            None if matches!(secret.kind, ExprKind::Error) => None,
            None => {
                self.use_names(secret);
                let diagnostic = self
                    .error(Code::BadSetting, secret.span, "`hmac` takes a secret")
                    .here("anyone who reads the file could sign")
                    .help(form);
                self.report(diagnostic);
                None
            }
        }
    }
}
