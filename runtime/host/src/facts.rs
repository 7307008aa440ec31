//! What is there and what is missing on this machine, as plain data.

use std::time::Duration;

use flow_ir::catalogue::{self, PROVIDERS};
use flow_ir::plan::{Model, ModelKind, ModelSettings, Plan};
use flow_runtime_api::{RunFilter, public_url};
use flow_storage::{SqliteOptions, Store};

use crate::models::Models;
use crate::servers::{Listed, Server};
use crate::{Host, HostError};

/// Runs hold the store for milliseconds; who holds it longer is another program.
const STORE_BUSY_MS: u64 = 2_000;

/// One thing that was looked at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fact {
    /// `store`, `openai`.
    pub name: String,
    /// Whether it is there.
    pub status: FactStatus,
    /// What was found, and what to do.
    pub text: String,
}

/// Whether something is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FactStatus {
    /// It is there.
    Ok,
    /// It isn't, and may not be needed.
    Warn,
    /// It isn't, and runs need it.
    Missing,
}

impl Host {
    /// Looks at the store, the default model, what computes expressions, the proxies, each provider, the servers that the program's models name, and
    /// the folder of secrets. Asks every server that is set up for its models, all at once, for `timeout_ms` at most; never
    /// shows a key.
    pub async fn doctor(&self, plan: Option<&Plan>, timeout_ms: u64) -> Vec<Fact> {
        let mut facts = vec![self.store_fact().await];
        let default = self.settings.default_model.as_deref();
        facts.push(match default {
            Some(model) => fact("model", FactStatus::Ok, format!("{model}, for prompts that name none")),
            None => fact(
                "model",
                FactStatus::Warn,
                "no default model; programs that name none need `--model` or `[models] default` in flow.toml",
            ),
        });
        facts.push(expressions_fact());
        facts.extend(self.proxy_fact());
        let timeout = Duration::from_millis(timeout_ms);
        facts.extend(self.provider_facts(plan, timeout).await);
        if let Some(dir) = &self.settings.secrets_dir {
            facts.push(match dir.is_dir() {
                true => fact("secrets", FactStatus::Ok, format!("{}", dir.display())),
                false => fact(
                    "secrets",
                    FactStatus::Warn,
                    format!("{} is no folder; make it, or change `[secrets] dir`", dir.display()),
                ),
            });
        }
        facts
    }

    /// Tells through what requests to other machines go.
    fn proxy_fact(&self) -> Option<Fact> {
        let variables = ["HTTPS_PROXY", "HTTP_PROXY", "ALL_PROXY", "NO_PROXY"];
        let set = variables.iter().filter_map(|name| {
            let lower = name.to_ascii_lowercase();
            let value = |name: &str| self.settings.environment.get(name).filter(|value| !value.is_empty());
            let (name, value) = match value(name) {
                Some(value) => (*name, value),
                None => (lower.as_str(), value(&lower)?),
            };
            Some(format!("{name} {}", public_url(value)))
        });
        let set: Vec<String> = set.collect();
        let text = format!("{}; servers on this machine are asked directly", set.join(", "));
        (!set.is_empty()).then(|| fact("proxy", FactStatus::Ok, text))
    }

    async fn provider_facts(&self, plan: Option<&Plan>, timeout: Duration) -> Vec<Fact> {
        let default = self.settings.default_model.as_deref().and_then(|model| model.split_once('/'));
        let of_plan = plan.into_iter().flat_map(|plan| &plan.models).filter_map(|model| match &model.kind {
            ModelKind::Provider { provider, .. } if model.settings.base_url.is_none() => {
                Some(provider.as_str())
            }
            _ => None,
        });
        let wanted: Vec<&str> = default.iter().map(|(provider, _)| *provider).chain(of_plan).collect();
        let mut facts = Vec::new();
        let mut asked: Vec<(Server, FactStatus, String)> = Vec::new();
        for server in self.servers() {
            let provider = server.provider;
            let is_wanted =
                wanted.iter().any(|name| *name == provider.name || provider.aliases.contains(name));
            let missing = if is_wanted || server.is_set_up { FactStatus::Missing } else { FactStatus::Warn };
            let name = String::from(provider.name);
            if server.lacks_key() {
                let names = provider.key_variables.join(" or ");
                let status = if is_wanted { FactStatus::Missing } else { FactStatus::Warn };
                facts.push((provider.name, fact(&name, status, format!("no key; set {names}"))));
            } else {
                asked.push((server, missing, name));
            }
        }
        for model in plan.into_iter().flat_map(|plan| plan.models.iter().map(move |model| (plan, model))) {
            match self.model_server(model.0, model.1) {
                Some(Ok(server)) => asked.push((server, FactStatus::Missing, model.1.name.to_string())),
                Some(Err(text)) => facts.push(("", fact(&model.1.name, FactStatus::Missing, text))),
                None => {}
            }
        }
        let servers: Vec<Server> = asked.iter().map(|(server, ..)| server.clone()).collect();
        let lists = self.lists(&servers, timeout).await;
        for ((server, missing, name), listed) in asked.into_iter().zip(lists) {
            let own = name == server.provider.name;
            let of_default = default.filter(|(provider, _)| own && *provider == server.provider.name);
            let wanted = match of_default {
                Some((_, model)) => Some(model),
                None => Some(server.model.model.as_str()).filter(|model| !model.is_empty()),
            };
            let (status, text) = told(&server, listed, wanted, missing);
            facts.push((if own { server.provider.name } else { "" }, fact(&name, status, text)));
        }
        // As the table has them; those of the program's own models come after.
        let place = |name: &str| PROVIDERS.iter().position(|provider| provider.name == name);
        facts.sort_by_key(|(name, _)| place(name).unwrap_or(PROVIDERS.len()));
        facts.into_iter().map(|(_, fact)| fact).collect()
    }

    /// Returns the server that a model of a program names, with its own key and headers.
    fn model_server(&self, plan: &Plan, model: &Model) -> Option<Result<Server, String>> {
        let ModelKind::Provider { provider, .. } = &model.kind else { return None };
        let ModelSettings { base_url, api_key, headers, .. } = &model.settings;
        if base_url.is_none() && api_key.is_none() && headers.is_empty() {
            return None;
        }
        let provider = catalogue::provider(provider).filter(|provider| !provider.simulated)?;
        match Models::one(plan, model, &self.settings, &self.secrets) {
            Ok(model) => Some(Ok(Server { provider, model, key_place: None, is_set_up: true })),
            Err(error) => {
                let help = error.help().map_or_else(String::new, |help| format!("; {help}"));
                Some(Err(format!("{error}{help}")))
            }
        }
    }

    async fn store_fact(&self) -> Fact {
        let url = &self.settings.store;
        let (asked, options) =
            (url.clone(), SqliteOptions { busy_ms: STORE_BUSY_MS, ..SqliteOptions::default() });
        let probed = tokio::task::spawn_blocking(move || Store::probe(&asked, &options)).await;
        let runs = match probed.unwrap_or(Ok(())) {
            Ok(()) => self.store.journal.runs(&RunFilter { limit: 1, ..RunFilter::default() }).await,
            Err(error) => Err(error),
        };
        match runs {
            Ok(runs) if runs.is_empty() => fact("store", FactStatus::Ok, format!("{url}, without runs")),
            Ok(_) => fact("store", FactStatus::Ok, url.to_string()),
            Err(error) => {
                let error = HostError::of_store(error, None);
                let help = error.help().map_or_else(String::new, |help| format!("; {help}"));
                fact("store", FactStatus::Missing, format!("{error}{help}"))
            }
        }
    }
}

/// Says what a server has, or what is wrong with it; `wanted` is a model that it should have.
fn told(server: &Server, listed: Listed, wanted: Option<&str>, missing: FactStatus) -> (FactStatus, String) {
    let models = match listed {
        Ok(models) => models,
        Err(text) => return (missing, text),
    };
    let count = models.len();
    let key = server.key_place.as_ref().map(|place| format!("; its key is in {place}")).unwrap_or_default();
    let has = format!("{} has {count} model{}", server.address(), if count == 1 { "" } else { "s" });
    let pull = |model: &str| match server.provider.name {
        "ollama" => format!("; get it with `ollama pull {model}`"),
        _ => String::new(),
    };
    // Ollama's names end with `:latest` where nothing else is said.
    let is_there = |model: &str| {
        models.iter().any(|known| known.name == model || known.name.strip_suffix(":latest") == Some(model))
    };
    match wanted {
        Some(model) if !is_there(model) => {
            let status = if count == 0 { missing } else { FactStatus::Warn };
            (status, format!("{has}, and `{model}` isn't among them{}{key}", pull(model)))
        }
        None if count == 0 => (missing, format!("{has}{}", pull("llama3.2"))),
        _ => (FactStatus::Ok, format!("{has}{key}")),
    }
}

/// Tells what computes expressions: where a machine grants no executable memory, the interpreter does.
fn expressions_fact() -> Fact {
    match flow_expr::compiled::probe() {
        Ok(()) => fact("expressions", FactStatus::Ok, "machine code, once a program is hot"),
        Err(refused) => fact(
            "expressions",
            FactStatus::Warn,
            format!("{refused}; the interpreter computes them: the same results, slower in hot loops"),
        ),
    }
}

fn fact(name: &str, status: FactStatus, text: impl Into<String>) -> Fact {
    Fact { name: String::from(name), status, text: text.into() }
}
