//! The providers as this machine is set up to ask them, and what their servers list.

use std::time::Duration;

use flow_ir::Name;
use flow_ir::catalogue::{self, PROVIDERS, Provider};
use flow_runtime_api::{ModelInfo, ResolvedModel, SecretSource, public_url};
use tokio::task::JoinSet;

use crate::Host;
use crate::models::host_url;

/// A server on this machine answers at once, or isn't there.
pub(crate) const LOCAL_TIMEOUT: Duration = Duration::from_secs(2);

/// A provider's server.
#[derive(Clone, Debug)]
pub(crate) struct Server {
    pub(crate) provider: &'static Provider,
    /// With the key.
    pub(crate) model: ResolvedModel,
    /// Where the key is from: a variable or a file.
    pub(crate) key_place: Option<String>,
    /// Whether somebody has set it up: its key is there, or its server is named.
    pub(crate) is_set_up: bool,
}

/// What a server has, or why that isn't known, in a line.
pub(crate) type Listed = Result<Vec<ModelInfo>, String>;

impl Server {
    /// Returns its address as it may be shown.
    pub(crate) fn address(&self) -> String {
        public_url(self.url())
    }

    /// Whether a call is bound to fail since there is no key.
    pub(crate) fn lacks_key(&self) -> bool {
        self.model.api_key.is_none() && self.provider.needs_key && self.provider.is_vendor(self.url())
    }

    /// Whether it stands on this machine.
    pub(crate) fn is_local(&self) -> bool {
        catalogue::is_loopback(self.url())
    }

    fn url(&self) -> &str {
        self.model.base_url.as_deref().unwrap_or(self.provider.base_url)
    }
}

impl Host {
    /// Returns every provider that can be asked.
    pub(crate) fn servers(&self) -> Vec<Server> {
        PROVIDERS
            .iter()
            .filter(|provider| !provider.simulated)
            .map(|provider| self.server(provider))
            .collect()
    }

    fn server(&self, provider: &'static Provider) -> Server {
        let environment = &self.settings.environment;
        let base_url = host_url(provider, environment);
        let key = provider.key_variables.iter().find_map(|name| Some((*name, self.secrets.secret(name)?)));
        let key_place = key.as_ref().map(|(name, _)| self.secrets.place(name));
        let model = ResolvedModel {
            provider: Name::new_static(provider.name),
            base_url,
            api_key: key.map(|(_, key)| key),
            ..ResolvedModel::default()
        };
        let is_set_up = model.base_url.is_some() || key_place.is_some();
        Server { provider, model, key_place, is_set_up }
    }

    /// Asks servers at the same time what models they have, in their order. One on this machine has two seconds at most.
    pub(crate) async fn lists(&self, servers: &[Server], timeout: Duration) -> Vec<Listed> {
        let mut asked = JoinSet::new();
        for (at, server) in servers.iter().cloned().enumerate() {
            let provider = (self.parts.providers)(server.provider.name);
            let timeout = if server.is_local() { timeout.min(LOCAL_TIMEOUT) } else { timeout };
            asked.spawn(async move {
                let Some(provider) = provider else {
                    return (at, Err(String::from("this flowc can't ask it")));
                };
                let listed = match tokio::time::timeout(timeout, provider.models(&server.model)).await {
                    Ok(Ok(models)) => Ok(models),
                    Ok(Err(failure)) => Err(failure.message),
                    Err(_) => {
                        Err(format!("{} doesn't answer within {} s", server.address(), seconds(timeout)))
                    }
                };
                (at, listed)
            });
        }
        let mut lists = vec![Err(String::from("it couldn't be asked")); servers.len()];
        while let Some(ended) = asked.join_next().await {
            if let Ok((at, listed)) = ended {
                // A server may call its models whatever it likes.
                lists[at] = listed
                    .map(|models| {
                        models
                            .into_iter()
                            .map(|mut model| {
                                model.name = self.secrets.scrub(&model.name);
                                model
                            })
                            .collect()
                    })
                    .map_err(|text| self.secrets.scrub(&text));
            }
        }
        lists
    }
}

fn seconds(time: Duration) -> String {
    let text = format!("{:.1}", time.as_secs_f64());
    text.trim_end_matches(".0").to_owned()
}
