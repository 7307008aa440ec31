//! Models: declared ones, and those that a field names.

use flow_diagnostics::{Code, Diagnostic};
use flow_ir::catalogue;
use flow_ir::plan::{Model, ModelKind, ModelRef, ModelSettings, SecretText};
use flow_source::Span;
use flow_syntax::tree::{self, ExprKind, Literal};
use smol_str::SmolStr;

use super::settings::{Fields, Kind, setting};
use crate::cx::{Cx, Use};
use crate::program::{Entry, Sig};

/// What a provider's wire has no place for.
const UNSUPPORTED: &[(&str, &str)] = &[("anthropic", "seed")];

impl Cx<'_> {
    /// Checks `model fast = "ollama/llama3.2" { temperature: 0.2 }`.
    pub fn model(&mut self, model: &tree::Model) -> Model {
        let kind = self.model_kind(&model.source);
        let fields = self.fields(Kind::Model, &model.fields);
        let settings = self.model_settings(&fields);
        if let (ModelKind::Fallback(members) | ModelKind::RoundRobin(members), Some((row, field))) =
            (&kind, fields.iter().next())
            && !members.is_empty()
        {
            let diagnostic = self
                .error(
                    Code::BadSetting,
                    field.span,
                    format!("`{}` belongs to one of the models it is made of", row.name),
                )
                .help("give the settings where each model is declared");
            self.report(diagnostic);
        }
        if let ModelKind::Provider { provider, .. } = &kind {
            self.supported(provider, &fields);
        }
        Model { name: model.name.text.clone(), kind, settings }
    }

    /// Reports the settings that a provider doesn't have.
    fn supported(&mut self, provider: &str, fields: &Fields) {
        for (row, field) in fields.iter() {
            let versioned = row.name != "api_version" || provider == "gemini";
            if UNSUPPORTED.contains(&(provider, row.name)) || !versioned {
                let diagnostic = self
                    .error(
                        Code::UnsupportedByProvider,
                        field.span,
                        format!("`{provider}` has no `{}`", row.name),
                    )
                    .here("would be ignored")
                    .help("remove it, or choose a model of another provider");
                self.report(diagnostic);
            }
        }
    }

    /// Reports the settings of a prompt that the provider of its model doesn't have.
    pub fn supported_by_model(&mut self, model: Option<&tree::Expr>, fields: &Fields) {
        if let Some((provider, _)) = self.model_named(model) {
            self.supported(&provider, fields);
        }
    }

    /// Returns the provider of what a `model:` field names, without one the file's default, and the model there if it is
    /// known which one it is.
    pub fn model_named(&self, model: Option<&tree::Expr>) -> Option<(SmolStr, Option<SmolStr>)> {
        let name = match model.map(|expr| &expr.kind) {
            Some(ExprKind::Literal(Literal::String(text))) => {
                let (provider, model) = text.split_once('/')?;
                let known = catalogue::provider(provider)?;
                return Some((SmolStr::from(known.name), Some(SmolStr::from(model))));
            }
            Some(ExprKind::Name(name)) => name.as_str(),
            Some(_) => return None,
            None => "default",
        };
        match self.sig_of(name) {
            Some(Sig::Model(Some(sig))) => Some((sig.provider.clone(), sig.model.clone())),
            _ => None,
        }
    }

    fn model_kind(&mut self, source: &tree::Expr) -> ModelKind {
        let unknown = ModelKind::Fallback(Vec::new());
        match &source.kind {
            ExprKind::Literal(Literal::String(text)) => match self.provider(text, source.span) {
                Some((provider, model)) => ModelKind::Provider { provider, model },
                None => unknown,
            },
            ExprKind::Call(call) if matches!(call.name.as_str(), "fallback" | "round_robin") => {
                if let Some(named) = call.args.iter().find_map(|arg| arg.name.as_ref()) {
                    let diagnostic = self
                        .error(
                            Code::UnknownArgument,
                            named.span,
                            format!("`{}` has no named arguments", call.name.text),
                        )
                        .help(format!("give the models in order: `{}(a, b)`", call.name.text));
                    self.report(diagnostic);
                }
                let members: Vec<u32> =
                    call.args.iter().filter_map(|arg| self.model_id(&arg.value)).collect();
                if call.args.is_empty() {
                    let diagnostic = self
                        .error(
                            Code::MissingArgument,
                            source.span,
                            format!("`{}` needs models", call.name.text),
                        )
                        .help(format!("write `{}(a, b)`", call.name.text));
                    self.report(diagnostic);
                }
                match call.name.as_str() {
                    "fallback" => ModelKind::Fallback(members),
                    _ => ModelKind::RoundRobin(members),
                }
            }
            ExprKind::Error => unknown,
            _ => {
                let diagnostic = self
                    .error(Code::BadSetting, source.span, "this is no model")
                    .help("write `\"provider/model\"`, `fallback(a, b)` or `round_robin(a, b)`");
                self.report(diagnostic);
                unknown
            }
        }
    }

    /// Takes `"ollama/llama3.2"` apart.
    pub fn provider(&mut self, text: &str, span: Span) -> Option<(SmolStr, SmolStr)> {
        let Some((provider, model)) = text.split_once('/').filter(|(_, model)| !model.is_empty()) else {
            let mut diagnostic = self
                .error(Code::UnknownModel, span, format!("`{text}` names no provider"))
                .help("write `provider/model`, such as `\"openai/gpt-4.1-mini\"` or `\"ollama/llama3.2\"`");
            let mut homes =
                catalogue::PROVIDERS.iter().filter(|home| catalogue::model(home.name, text).is_some());
            if let (Some(home), None) = (homes.next(), homes.next()) {
                let whole = format!("\"{}/{text}\"", home.name);
                diagnostic = diagnostic.fix(format!("write `{whole}`"), self.at(span), whole);
            }
            self.report(diagnostic);
            return None;
        };
        let Some(known) = catalogue::provider(provider) else {
            let mut diagnostic = self
                .error(Code::UnknownModel, span, format!("unknown provider `{provider}`"))
                .here("no such provider");
            let own = self.text(span);
            let names = catalogue::PROVIDERS.iter().map(|provider| provider.name);
            diagnostic = match self.nearest(provider, names) {
                Some(near) => diagnostic.help(format!("a provider with a similar name exists: `{near}`")).fix(
                    format!("replace `{provider}` by `{near}`"),
                    self.at(span),
                    own.replacen(provider, near, 1),
                ),
                None => diagnostic.help(
                    "providers are `openai` (with `base_url` for compatible servers), `anthropic`, `gemini` and `ollama`",
                ),
            };
            self.report(diagnostic);
            return None;
        };
        Some((SmolStr::from(known.name), SmolStr::from(model)))
    }

    /// Reads the value of a `model:` field.
    fn model_id(&mut self, expr: &tree::Expr) -> Option<u32> {
        match &expr.kind {
            ExprKind::Literal(Literal::String(text)) => {
                self.provider(text, expr.span)?;
                Some(self.uses.add(Use::Inline(text.clone()), expr.span))
            }
            ExprKind::Name(name) => {
                if let (Some(Entry::Value(symbol)), Some(Sig::Model(_))) =
                    (self.module.scope.get(name), self.sig_of(name))
                {
                    let symbol = symbol.clone();
                    self.used.insert(name.clone());
                    return Some(self.uses.add(Use::Model(symbol), expr.span));
                }
                if !self.is_broken(name) {
                    self.unknown_model(name, expr.span);
                }
                None
            }
            ExprKind::Error => None,
            _ => {
                let mut diagnostic = self
                    .error(Code::BadSetting, expr.span, "this is no model")
                    .help("name a declared model, or write `\"provider/model\"`");
                // `model: openai/gpt-4.1` without its quotes.
                let text = self.text(expr.span);
                let provider = text.split_once('/').and_then(|(provider, _)| catalogue::provider(provider));
                if provider.is_some() && !text.contains(['"', '\\', ' ', '\n', '\t']) {
                    diagnostic = diagnostic.here("a model is named by a text").fix(
                        "add the quotes",
                        self.at(expr.span),
                        format!("\"{text}\""),
                    );
                }
                self.report(diagnostic);
                None
            }
        }
    }

    fn unknown_model(&mut self, name: &SmolStr, span: Span) {
        let mut models = self.module.names_like(name);
        models.retain(|own| matches!(self.sig_of(own), Some(Sig::Model(_))));
        let mut diagnostic: Diagnostic = self
            .error(Code::UnknownModel, span, format!("unknown model `{name}`"))
            .here("not declared or imported in this file");
        diagnostic = match self.nearest(name, models.iter().copied()) {
            Some(near) => diagnostic.similar("model", name, near, self.at(span)),
            None => diagnostic.help(format!(
                "declare it, `model {name} = \"provider/model\"`, or write the provider's model as a text: `\"openai/gpt-4.1-mini\"`"
            )),
        };
        self.report(diagnostic);
    }

    /// Reads a `model:` field; without one it is the file's `model default`, else the run's.
    pub fn model_ref(&mut self, expr: Option<&tree::Expr>, span: Span) -> ModelRef {
        let id = match expr {
            Some(expr) => self.model_id(expr),
            None => match (self.module.scope.get("default"), self.sig_of("default")) {
                (Some(Entry::Value(symbol)), Some(Sig::Model(_))) => {
                    let symbol = symbol.clone();
                    self.used.insert(SmolStr::from("default"));
                    Some(self.uses.add(Use::Model(symbol), span))
                }
                _ => None,
            },
        };
        id.map_or(ModelRef::Default, ModelRef::Model)
    }

    /// Reads what models and prompts have in common.
    pub fn model_settings(&mut self, fields: &Fields) -> ModelSettings {
        let mut settings = ModelSettings::default();
        for (row, field) in fields.iter() {
            let tree::FieldValue::Expr(expr) = &field.value else { continue };
            match row.name {
                "temperature" => settings.temperature = self.float_setting(expr, row),
                "top_p" => settings.top_p = self.float_setting(expr, row),
                "max_tokens" => settings.max_tokens = self.int_setting(expr, row).map(|number| number as u64),
                "seed" => settings.seed = self.int_setting(expr, row),
                "stop" => settings.stop = self.texts_setting(expr, row),
                "base_url" => settings.base_url = self.base_url(expr),
                "api_version" => settings.api_version = self.api_version(expr),
                "api_key" => settings.api_key = self.secret_setting(expr, row.name),
                "thinking" => self.thinking(expr, field.span),
                "cache" => self.cache(expr, field.span),
                "headers" if setting(Kind::Model, "headers").is_some() && is_model(self.item) => {
                    settings.headers = self.secret_texts(expr, row.name);
                }
                "timeout" if is_model(self.item) => {
                    settings.timeout_ms = self.duration_setting(expr, row.name)
                }
                "retry" if is_model(self.item) => {
                    settings.retry = self.int_setting(expr, row).map(|number| number as u32);
                }
                _ => {}
            }
        }
        settings
    }

    /// Reads `api_key: secret.KEY`, `token: secret.BOT`.
    pub fn secret_setting(&mut self, expr: &tree::Expr, name: &str) -> Option<SecretText> {
        if matches!(&expr.kind, ExprKind::Literal(literal) if !matches!(literal, Literal::String(_))) {
            self.bad_setting(expr.span, name, format!("name the secret: `{name}: secret.NAME`"));
            return None;
        }
        Some(self.secret_text(expr, name))
    }

    /// Reads `thinking: high`, `thinking: false`, `thinking: 4000` (tokens).
    fn thinking(&mut self, expr: &tree::Expr, span: Span) {
        self.not_runnable.push((span, "the setting `thinking`".into()));
        const WORDS: [&str; 6] = ["off", "minimal", "low", "medium", "high", "max"];
        let fine = match &expr.kind {
            ExprKind::Error | ExprKind::Literal(Literal::Bool(_)) => true,
            ExprKind::Name(name) if self.sig_of(name).is_none() => WORDS.contains(&name.as_str()),
            ExprKind::Literal(Literal::String(text)) => WORDS.contains(&text.as_str()),
            ExprKind::Literal(Literal::Int(tokens)) => (1..=1_000_000).contains(tokens),
            ExprKind::Name(_) => {
                if let Some(row) = setting(Kind::Model, "max_tokens") {
                    self.int_setting(expr, &super::settings::Setting { name: "thinking", ..*row });
                }
                true
            }
            _ => false,
        };
        if !fine {
            self.bad_setting(
                expr.span,
                "thinking",
                "it is `true`, `false`, `off`, `minimal`, `low`, `medium`, `high`, `max`, or a number of tokens",
            );
        }
    }

    /// Reads `cache: true`, `cache: 1h`.
    fn cache(&mut self, expr: &tree::Expr, span: Span) {
        self.not_runnable.push((span, "the setting `cache`".into()));
        match &expr.kind {
            ExprKind::Error | ExprKind::Literal(Literal::Bool(_)) => {}
            ExprKind::Literal(Literal::Duration(nanos)) if *nanos > 0 => {}
            _ => self.bad_setting(expr.span, "cache", "it is `true`, `false`, or how long: `5m`"),
        }
    }

    fn base_url(&mut self, expr: &tree::Expr) -> Option<String> {
        let url = self.text_setting(expr, "base_url")?;
        if !(url.starts_with("http://") || url.starts_with("https://")) {
            let diagnostic = self
                .error(Code::BadSetting, expr.span, "this is no value of `base_url`")
                .help("write a URL that starts with `http://` or `https://`");
            self.report(diagnostic);
            return None;
        }
        Some(url)
    }

    fn api_version(&mut self, expr: &tree::Expr) -> Option<String> {
        let version = self.text_setting(expr, "api_version")?;
        if !is_api_version(&version) {
            self.bad_setting(expr.span, "api_version", "write a version such as `\"v1\"` or `\"v1beta\"`");
            return None;
        }
        Some(version)
    }
}

/// Whether a text is a version of an API: `v1`, `v1beta`, `v1alpha2`.
fn is_api_version(text: &str) -> bool {
    let Some(rest) = text.strip_prefix('v') else { return false };
    let word = rest.trim_start_matches(|c: char| c.is_ascii_digit());
    let number = word.trim_start_matches(|c: char| c.is_ascii_lowercase());
    word.len() < rest.len() && text.len() <= 32 && number.bytes().all(|byte| byte.is_ascii_digit())
}

fn is_model(item: &tree::Item) -> bool {
    matches!(item.kind, tree::ItemKind::Model(_))
}
