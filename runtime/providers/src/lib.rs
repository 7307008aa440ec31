//! Models behind their wires: one file per API of a provider, and what stands in for one.
//!
//! In: a [`Call`](flow_runtime_api::Call) and a model resolved to server and key. Out: an answer with its usage, the
//! pieces of it as they come, or one failure whose kind says what to do next. It must not know flows, runs or plans:
//! retries, timeouts and budgets belong to those who call. [`simulate`] makes answers up, [`tape`] keeps and replays them.

#![allow(clippy::disallowed_methods, reason = "it stands outside: servers are asked here")]

mod anthropic;
mod gemini;
mod http;
mod ollama;
mod openai;
mod peer;
mod proxy;
mod reading;
pub mod simulate;
mod stream;
pub mod tape;

use std::sync::Arc;

use flow_runtime_api::{Provider, Scrubber};

pub use ollama::base_url as ollama_base_url;

/// The providers that this program can talk to. Holds the connections that are kept open; they belong to the executor on
/// which the calls are made.
#[derive(Clone)]
pub struct Registry {
    providers: Arc<[Arc<dyn Provider>]>,
}

impl Registry {
    /// Returns all providers. What they say of servers' words is scrubbed of every secret that `scrubber` knows, and of
    /// the keys of the call. Makes no connection yet.
    pub fn new(scrubber: Scrubber) -> Registry {
        proxy::learn(&scrubber);
        let http = Arc::new(http::Http::new(scrubber));
        Registry {
            providers: Arc::new([
                Arc::new(openai::OpenAi::new(http.clone())) as Arc<dyn Provider>,
                Arc::new(anthropic::Anthropic::new(http.clone())),
                Arc::new(gemini::Gemini::new(http.clone())),
                Arc::new(ollama::Ollama::new(http)),
            ]),
        }
    }

    /// Finds a provider by its name or alias; `None` for one without a wire here, `simulate` among them.
    pub fn provider(&self, name: &str) -> Option<Arc<dyn Provider>> {
        let name = flow_ir::catalogue::provider(name)?.name;
        self.providers.iter().find(|provider| provider.name() == name).cloned()
    }
}
