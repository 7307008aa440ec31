//! Models: declared ones, and those that a field names.

use flow_diagnostics::{Code, Diagnostic};
use flow_ir::catalogue::{self, Feature, Lack};
use flow_ir::plan::{
    Cache, Effort, Model, ModelKind, ModelRef, ModelSettings, SecretPiece, SecretText, Thinking,
};
use flow_source::Span;
use flow_syntax::tree::{self, ExprKind, Literal};
use smol_str::SmolStr;

use super::settings::{Accepts, Fields, Kind, Setting, setting};
use crate::cx::{Cx, Use};
use crate::program::{Entry, ModelSig, Sig};

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
        let mut settings = settings;
        if let ModelKind::Provider { provider, .. } = &kind {
            settings.api = fields.expr("api").and_then(|expr| self.api(provider, expr));
        }
        if let Some(sig) = model_sig(model) {
            self.supported(&sig, &fields, &settings);
        }
        Model { name: model.name.text.clone(), kind, settings }
    }

    /// Reads `api: chat`.
    fn api(&mut self, provider: &str, expr: &tree::Expr) -> Option<SmolStr> {
        let apis = catalogue::provider(provider).map_or(&[][..], |known| known.apis);
        if apis.is_empty() {
            let diagnostic = self
                .error(Code::UnsupportedByProvider, expr.span, format!("`{provider}` has one API"))
                .here("nothing to choose")
                .help("remove it");
            self.report(diagnostic);
            return None;
        }
        let written = word(expr)?;
        if !apis.contains(&written.as_str()) {
            let listed: Vec<SmolStr> = apis.iter().map(|api| SmolStr::from(*api)).collect();
            self.bad_setting(expr.span, "api", format!("it is one of {}", crate::expr::list_of(&listed)));
            return None;
        }
        Some(written)
    }

    /// Reports the settings that a provider's wire, or the model there, doesn't have.
    fn supported(&mut self, sig: &ModelSig, fields: &Fields, settings: &ModelSettings) {
        for (row, field) in fields.iter() {
            let feature = match row.name {
                "temperature" => Feature::Temperature,
                "top_p" => Feature::TopP,
                "max_tokens" => Feature::MaxTokens,
                "seed" => Feature::Seed,
                "stop" => Feature::Stop,
                "thinking" => match settings.thinking {
                    Some(Thinking::Tokens(_)) => Feature::ThinkingTokens,
                    Some(Thinking::On | Thinking::Effort(_)) => Feature::Thinking,
                    // A model that doesn't think is told nothing.
                    Some(Thinking::Off) | None => continue,
                },
                "cache" => match settings.cache {
                    Some(Cache::For(_)) => Feature::CacheTime,
                    Some(Cache::On) => Feature::Cache,
                    Some(Cache::Off) | None => continue,
                },
                "api_version" if sig.provider != "gemini" => {
                    let diagnostic = self
                        .error(
                            Code::UnsupportedByProvider,
                            field.span,
                            format!("`{}` has no `api_version`", sig.provider),
                        )
                        .here("would be ignored")
                        .help("remove it");
                    self.report(diagnostic);
                    continue;
                }
                _ => continue,
            };
            self.lacks(sig, feature, field.span);
        }
    }

    /// Reports something that is asked of a model and can't be had there; tells whether it did.
    pub fn lacks(&mut self, sig: &ModelSig, feature: Feature, span: Span) -> bool {
        let (provider, api) = (sig.provider.as_str(), sig.api.as_deref());
        let Some(lack) = catalogue::lacks(provider, api, sig.model.as_deref(), feature) else { return false };
        let what = feature.title();
        let message = match (lack, api, &sig.model) {
            (Lack::Model, _, Some(model)) => format!("`{provider}/{model}` has no {what}"),
            (Lack::Wire, Some(api), _) => format!("the API `{api}` of `{provider}` has no {what}"),
            _ => format!("`{provider}` has no {what}"),
        };
        let help = match (lack, feature) {
            (_, Feature::ThinkingTokens) => {
                String::from("say how much it may think in a word: `thinking: high`")
            }
            (Lack::Model, _) => {
                String::from("remove it, or choose another model: `flowc models` shows what each can")
            }
            (Lack::Wire, _) if api.is_some() && catalogue::lacks(provider, None, None, feature).is_none() => {
                String::from("remove it, or choose another `api`")
            }
            (Lack::Wire, _) => String::from("remove it, or choose a model of another provider"),
        };
        let diagnostic =
            self.error(Code::UnsupportedByProvider, span, message).here("can't be had there").help(help);
        self.report(diagnostic);
        true
    }

    /// Reports the settings of a prompt that the model which it asks doesn't have.
    pub fn supported_by_model(
        &mut self,
        model: Option<&tree::Expr>,
        fields: &Fields,
        settings: &ModelSettings,
    ) {
        if let Some(sig) = self.model_named(model) {
            self.supported(&sig, fields, settings);
        }
    }

    /// Returns what is known of the model that a `model:` field names, without one of the file's default.
    pub fn model_named(&self, model: Option<&tree::Expr>) -> Option<ModelSig> {
        let name = match model.map(|expr| &expr.kind) {
            Some(ExprKind::Literal(Literal::String(text))) => {
                let (provider, model) = text.split_once('/')?;
                let known = catalogue::provider(provider)?;
                return Some(ModelSig { provider: known.name.into(), model: Some(model.into()), api: None });
            }
            Some(ExprKind::Name(name)) => name.as_str(),
            Some(_) => return None,
            None => "default",
        };
        match self.sig_of(name) {
            Some(Sig::Model(sig)) => sig.clone(),
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
                "thinking" => settings.thinking = self.thinking(expr),
                "cache" => settings.cache = self.cache(expr),
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
        let text = self.secret_text(expr, name);
        // A program is kept in git and its plan in the store.
        if text.0.iter().all(|piece| matches!(piece, SecretPiece::Text(_))) && !text.0.is_empty() {
            let diagnostic = self
                .error(Code::BadSetting, expr.span, format!("`{name}` stands in the program as it is"))
                .here("everybody who reads the program knows it")
                .help(format!(
                    "put it into the environment or a secrets file, and name it: `{name}: secret.NAME`"
                ));
            self.report(diagnostic);
            return None;
        }
        Some(text)
    }

    /// Reads `thinking: high`, `thinking: false`, `thinking: 4000` (tokens).
    fn thinking(&mut self, expr: &tree::Expr) -> Option<Thinking> {
        const TOKENS_MAX: i64 = 1_000_000;
        let of_word = |word: &str| {
            Some(match word {
                "off" => Thinking::Off,
                "minimal" => Thinking::Effort(Effort::Minimal),
                "low" => Thinking::Effort(Effort::Low),
                "medium" => Thinking::Effort(Effort::Medium),
                "high" => Thinking::Effort(Effort::High),
                "max" => Thinking::Effort(Effort::Max),
                _ => return None,
            })
        };
        let found = match &expr.kind {
            ExprKind::Error => return None,
            ExprKind::Literal(Literal::Bool(false)) => Some(Thinking::Off),
            ExprKind::Literal(Literal::Bool(true)) => Some(Thinking::On),
            ExprKind::Literal(Literal::String(text)) => of_word(text),
            ExprKind::Name(name) if self.sig_of(name).is_none() => of_word(name),
            ExprKind::Literal(Literal::Int(_)) | ExprKind::Name(_) => {
                let row = setting(Kind::Model, "max_tokens")?;
                let row = Setting { name: "thinking", accepts: Accepts::Int(1, TOKENS_MAX), ..*row };
                return self.int_setting(expr, &row).map(|tokens| Thinking::Tokens(tokens as u64));
            }
            _ => None,
        };
        if found.is_none() {
            self.bad_setting(
                expr.span,
                "thinking",
                "it is `true`, `false`, `off`, `minimal`, `low`, `medium`, `high`, `max`, or a number of tokens",
            );
        }
        found
    }

    /// Reads `cache: true`, `cache: 1h`.
    fn cache(&mut self, expr: &tree::Expr) -> Option<Cache> {
        let found = match &expr.kind {
            ExprKind::Error => return None,
            ExprKind::Literal(Literal::Bool(true)) => Some(Cache::On),
            ExprKind::Literal(Literal::Bool(false)) => Some(Cache::Off),
            ExprKind::Literal(Literal::Duration(nanos)) if *nanos > 0 => {
                Some(Cache::For((*nanos as u64).div_ceil(1_000_000)))
            }
            _ => None,
        };
        if found.is_none() {
            self.bad_setting(expr.span, "cache", "it is `true`, `false`, or how long: `5m`");
        }
        found
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

/// What others see of a declared model; `None` if it is made of others.
pub(crate) fn model_sig(model: &tree::Model) -> Option<ModelSig> {
    let ExprKind::Literal(Literal::String(text)) = &model.source.kind else { return None };
    let field = |name: &str| model.fields.iter().find(|field| field.key.text == name);
    let (provider, name) = text.split_once('/')?;
    let known = catalogue::provider(provider);
    let api = match field("api").map(|field| &field.value) {
        Some(tree::FieldValue::Expr(expr)) => word(expr),
        _ => None,
    };
    Some(ModelSig {
        provider: known.map_or(provider, |known| known.name).into(),
        model: field("base_url").is_none().then(|| name.into()),
        // One that the provider doesn't have is reported with the model.
        api: api.filter(|api| known.is_some_and(|known| known.apis.contains(&api.as_str()))),
    })
}

/// Reads a word, with quotes or without.
fn word(expr: &tree::Expr) -> Option<SmolStr> {
    match &expr.kind {
        ExprKind::Name(name) => Some(name.clone()),
        ExprKind::Literal(Literal::String(text)) => Some(text.clone()),
        ExprKind::Error => None,
        _ => Some(SmolStr::default()),
    }
}

fn is_model(item: &tree::Item) -> bool {
    matches!(item.kind, tree::ItemKind::Model(_))
}
