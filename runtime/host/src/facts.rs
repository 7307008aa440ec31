//! What is there and what is missing on this machine, as plain data.

use std::time::Duration;

use flow_ir::Name;
use flow_ir::catalogue::{self, Provider};
use flow_runtime_api::{ResolvedModel, RunFilter, SecretSource, public_url};
use flow_storage::{SqliteOptions, Store};

use crate::models::host_url;
use crate::{Host, HostError};

/// A server on this machine answers at once, or isn't there.
const LOCAL_TIMEOUT: Duration = Duration::from_secs(2);
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
    /// Looks at the store, the default model, the providers and the folder of secrets. Asks servers of this machine
    /// only, and never shows a key.
    pub async fn doctor(&self) -> Vec<Fact> {
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
        let wanted = default.and_then(|model| model.split_once('/')).map(|(provider, _)| provider);
        for provider in catalogue::PROVIDERS.iter().filter(|provider| !provider.simulated) {
            let is_wanted =
                wanted.is_some_and(|name| name == provider.name || provider.aliases.contains(&name));
            let missing = if is_wanted { FactStatus::Missing } else { FactStatus::Warn };
            facts.push(self.provider_fact(provider, missing).await);
        }
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

    async fn provider_fact(&self, provider: &'static Provider, missing: FactStatus) -> Fact {
        let Some(asks) = (self.parts.providers)(provider.name) else {
            return fact(provider.name, missing, "this flowc can't ask it");
        };
        let key = provider.key_variables.iter().find_map(|name| Some((name, self.secrets.secret(name)?)));
        let named = host_url(provider, &self.settings.environment);
        let url = named.unwrap_or_else(|| String::from(provider.base_url));
        let shown = public_url(&url);
        if provider.needs_key && provider.is_vendor(&url) {
            let names = provider.key_variables.join(" or ");
            return match key {
                Some((name, _)) => fact(provider.name, FactStatus::Ok, format!("its key is in {name}")),
                None => fact(provider.name, missing, format!("no key; set {names}")),
            };
        }
        if !catalogue::is_loopback(&url) {
            return fact(provider.name, FactStatus::Ok, format!("at {shown}, not asked"));
        }
        let model = ResolvedModel {
            provider: Name::new_static(provider.name),
            base_url: Some(url.clone()),
            api_key: key.map(|(_, key)| key),
            ..ResolvedModel::default()
        };
        match tokio::time::timeout(LOCAL_TIMEOUT, asks.models(&model)).await {
            Ok(Ok(models)) => {
                let count = models.len();
                let text = format!("at {shown}, {count} model{}", if count == 1 { "" } else { "s" });
                match count {
                    0 => fact(provider.name, missing, format!("{text}; get one with `ollama pull llama3.2`")),
                    _ => fact(provider.name, FactStatus::Ok, text),
                }
            }
            Ok(Err(failure)) => fact(provider.name, missing, failure.message),
            Err(_) => fact(provider.name, missing, format!("at {shown}, no answer")),
        }
    }
}

fn fact(name: &str, status: FactStatus, text: impl Into<String>) -> Fact {
    Fact { name: String::from(name), status, text: text.into() }
}
