//! What is known of models: by the table, by the project, and by the servers that can be asked.

use std::collections::BTreeMap;
use std::time::Duration;

use flow_ir::catalogue::{self, Capability, Limits, Price};

use crate::Host;
use crate::servers::Server;

/// Which servers are asked for their models.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reach {
    /// Those on this machine.
    Local,
    /// Also those of providers with a key, or that the environment names.
    All,
}

/// All that is known.
#[derive(Clone, Debug, Default)]
pub struct Known {
    /// By name.
    pub models: Vec<KnownModel>,
    /// In the order of the table of providers.
    pub servers: Vec<KnownServer>,
}

/// A model.
#[derive(Clone, Debug, PartialEq)]
pub struct KnownModel {
    /// `openai/gpt-4.1-mini`.
    pub name: String,
    /// `openai`.
    pub provider: &'static str,
    /// `chat`, `responses`, `completion`, `embedding`; unknown for one that only a server lists.
    pub mode: Option<&'static str>,
    /// What it takes and gives at most.
    pub limits: Limits,
    /// What a call costs; unknown is unknown.
    pub price: Option<Price>,
    /// Whether the price is the project's.
    pub is_priced_here: bool,
    /// What the table says that it can; empty also where it says nothing.
    pub capabilities: Vec<Capability>,
    /// Whether its server lists it; `None` if that wasn't asked, or didn't answer.
    pub listed: Option<bool>,
}

/// A provider's server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KnownServer {
    /// `openai`.
    pub provider: &'static str,
    /// Where it is, without what opens it.
    pub address: String,
    /// Where its key is from: a variable or a file; the key itself is never told.
    pub key_place: Option<String>,
    /// Whether a call needs a key that isn't there.
    pub lacks_key: bool,
    /// How many models it lists, or why that isn't known; `None` if it wasn't asked.
    pub listed: Option<Result<usize, String>>,
}

impl Host {
    /// Returns every model that the table, the project's prices or a server knows. A server that isn't reached within the
    /// time counts as not asked, and says why.
    pub async fn known(&self, reach: Reach, timeout_ms: u64) -> Known {
        let mut known = Known::default();
        let mut models: BTreeMap<String, KnownModel> = BTreeMap::new();
        for model in catalogue::models() {
            let mut known = self.model(model.provider, model.name);
            known.mode = Some(model.mode);
            known.capabilities = Capability::ALL.into_iter().filter(|can| model.can(*can)).collect();
            models.insert(known.name.clone(), known);
        }
        for name in self.settings.prices.keys() {
            let Some((provider, model)) = name.split_once('/') else { continue };
            let Some(provider) = catalogue::provider(provider) else { continue };
            let known = self.model(provider.name, model);
            models.entry(known.name.clone()).or_insert(known);
        }
        let servers = self.servers();
        let is_asked = |server: &Server| {
            !server.lacks_key() && (server.is_local() || reach == Reach::All && server.is_set_up)
        };
        let asked: Vec<Server> = servers.iter().filter(|server| is_asked(server)).cloned().collect();
        let lists = self.lists(&asked, Duration::from_millis(timeout_ms)).await;
        let mut lists =
            asked.iter().map(|server| server.provider.name).zip(lists).collect::<BTreeMap<_, _>>();
        for server in servers {
            let provider = server.provider.name;
            let listed = lists.remove(provider);
            if let Some(Ok(list)) = &listed {
                let of_provider = |model: &&mut KnownModel| model.provider == provider;
                models.values_mut().filter(of_provider).for_each(|model| model.listed = Some(false));
                for info in list {
                    let known = self.model(provider, &info.name);
                    models.entry(known.name.clone()).or_insert(known).listed = Some(true);
                }
            }
            known.servers.push(KnownServer {
                provider,
                address: server.address(),
                lacks_key: server.lacks_key(),
                key_place: server.key_place,
                // Nobody expects a server that nobody has set up.
                listed: listed
                    .filter(|listed| listed.is_ok() || server.is_set_up)
                    .map(|listed| listed.map(|list| list.len())),
            });
        }
        known.models = models.into_values().collect();
        known
    }

    fn model(&self, provider: &'static str, model: &str) -> KnownModel {
        let name = format!("{provider}/{model}");
        let given = self.settings.prices.get(name.as_str()).copied();
        KnownModel {
            provider,
            mode: None,
            limits: catalogue::limits(provider, model),
            price: catalogue::price_at(provider, model, None, given),
            is_priced_here: given.is_some(),
            capabilities: Vec::new(),
            listed: None,
            name,
        }
    }
}
