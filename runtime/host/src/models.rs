//! Models of a plan, resolved to servers, keys and prices before the first step.

use flow_engine::ModelFacts;
use flow_ir::Name;
use flow_ir::catalogue;
use flow_ir::plan::{Model, ModelKind, ModelRef, ModelSettings, Plan, Statement};
use flow_runtime_api::{ResolvedModel, SecretSource};

use crate::secrets::Secrets;
use crate::{Environment, HostError, HostSettings};

/// What a run may ask, in the plan's order.
#[derive(Clone, Debug, Default)]
pub(crate) struct Models {
    declared: Vec<Option<Resolved>>,
    default: Option<Resolved>,
}

/// A model, and what is known of it.
#[derive(Clone, Debug)]
pub(crate) struct Resolved {
    pub(crate) model: ResolvedModel,
    pub(crate) facts: ModelFacts,
}

impl Models {
    /// Resolves all that the plan can ask. `live` says that models are asked for real, so that keys must be there.
    pub(crate) fn resolve(
        plan: &Plan,
        default: Option<&str>,
        settings: &HostSettings,
        secrets: &Secrets,
        live: bool,
    ) -> Result<Models, HostError> {
        let resolver = Resolver { plan, settings, secrets, live };
        let declared = plan.models.iter().map(|model| resolver.declared(model)).collect::<Result<_, _>>()?;
        let default = default.map(|name| resolver.default(name)).transpose()?;
        if default.is_none() && asks_default(plan) {
            return Err(HostError::environment(
                "no model is set for prompts that name none",
                "give one with `--model provider/model`, in flow.toml as `[models] default`, or try `--simulate`",
            ));
        }
        Ok(Models { declared, default: default.filter(|_| asks_default(plan)) })
    }

    /// Resolves one model that a plan declares, with key and headers.
    pub(crate) fn one(
        plan: &Plan,
        model: &Model,
        settings: &HostSettings,
        secrets: &Secrets,
    ) -> Result<ResolvedModel, HostError> {
        let resolver = Resolver { plan, settings, secrets, live: true };
        Ok(resolver.declared(model)?.map(|resolved| resolved.model).unwrap_or_default())
    }

    /// Knows only a default model.
    #[cfg(test)]
    pub(crate) fn of_default(default: Resolved) -> Models {
        Models { declared: Vec::new(), default: Some(default) }
    }

    /// Returns what a command means by its model.
    pub(crate) fn get(&self, model: ModelRef) -> Option<&Resolved> {
        match model {
            ModelRef::Default => self.default.as_ref(),
            ModelRef::Model(id) => self.declared.get(id as usize)?.as_ref(),
        }
    }

    /// Returns the providers that may be asked.
    pub(crate) fn providers(&self) -> impl Iterator<Item = &Name> {
        self.declared.iter().flatten().chain(&self.default).map(|resolved| &resolved.model.provider)
    }

    /// Returns what the engine is told of the declared models.
    pub(crate) fn facts(&self) -> Vec<Option<ModelFacts>> {
        self.declared.iter().map(|model| model.as_ref().map(|model| model.facts.clone())).collect()
    }

    /// Returns what the engine is told of the default model.
    pub(crate) fn default_facts(&self) -> Option<ModelFacts> {
        self.default.as_ref().map(|model| model.facts.clone())
    }
}

struct Resolver<'a> {
    plan: &'a Plan,
    settings: &'a HostSettings,
    secrets: &'a Secrets,
    live: bool,
}

impl Resolver<'_> {
    fn declared(&self, model: &Model) -> Result<Option<Resolved>, HostError> {
        match &model.kind {
            ModelKind::Provider { provider, model: name } => {
                self.provider(provider, name, &model.settings).map(Some)
            }
            ModelKind::Fallback(_) | ModelKind::RoundRobin(_) => Ok(None),
        }
    }

    fn default(&self, name: &str) -> Result<Resolved, HostError> {
        let Some((provider, model)) = name.split_once('/').filter(|(a, b)| !a.is_empty() && !b.is_empty())
        else {
            return Err(HostError::usage(
                format!("`{name}` is no model"),
                "write `provider/model`, as in `ollama/llama3.2`",
            ));
        };
        self.provider(provider, model, &ModelSettings::default())
    }

    fn provider(&self, provider: &str, model: &str, settings: &ModelSettings) -> Result<Resolved, HostError> {
        let Some(known) = catalogue::provider(provider) else {
            let names: Vec<_> = catalogue::PROVIDERS.iter().map(|provider| provider.name).collect();
            return Err(HostError::usage(
                format!("there is no provider `{provider}` for the model `{provider}/{model}`"),
                format!("the providers are {}", names.join(", ")),
            ));
        };
        let base_url = settings.base_url.clone().or_else(|| host_url(known, &self.settings.environment));
        let at_vendor = base_url.as_deref().is_none_or(|url| known.is_vendor(url));
        let mut resolved = ResolvedModel {
            provider: Name::new_static(known.name),
            model: Name::new(model),
            api: settings.api.clone(),
            base_url: base_url.clone(),
            api_version: settings.api_version.clone(),
            api_key: None,
            headers: Vec::new(),
        };
        if self.live {
            resolved.api_key = match &settings.api_key {
                Some(text) => Some(self.secrets.text(self.plan, text)?),
                // The user's key is for the provider's own server and for the one that the user has named, never for
                // one that a program names.
                None if at_vendor || settings.base_url.is_none() => {
                    known.key_variables.iter().find_map(|name| self.secrets.secret(name))
                }
                None => None,
            };
            if resolved.api_key.is_none() && known.needs_key && at_vendor {
                let names = known.key_variables.join(" or ");
                return Err(HostError::environment(
                    format!(
                        "no key for {}, which the model `{provider}/{model}` needs: {names} is not set",
                        known.title
                    ),
                    format!("set {names}, or try `--simulate`"),
                ));
            }
            for (name, text) in &settings.headers {
                resolved.headers.push((name.clone(), self.secrets.text(self.plan, text)?));
            }
        }
        let name = format!("{}/{model}", known.name);
        let given = self
            .settings
            .prices
            .get(name.as_str())
            .or_else(|| self.settings.prices.get(format!("{provider}/{model}").as_str()));
        let facts = ModelFacts {
            price: catalogue::price_at(known.name, model, base_url.as_deref(), given.copied()),
            output_tokens_max: catalogue::limits(known.name, model).output_tokens,
            name: Name::new(name),
        };
        Ok(Resolved { model: resolved, facts })
    }
}

/// Returns the server that a provider's variable names.
pub(crate) fn host_url(provider: &catalogue::Provider, environment: &Environment) -> Option<String> {
    let host = environment.get(provider.host_variable?)?.trim();
    let url = match provider.name {
        // Ollama's may be a bare host or port.
        "ollama" => flow_providers::ollama_base_url(host),
        _ => String::from(host.trim_end_matches('/')),
    };
    (!host.is_empty()).then_some(url)
}

/// Whether any prompt of the plan, or step, asks the default model.
fn asks_default(plan: &Plan) -> bool {
    let by_node =
        plan.nodes.iter().any(|node| node.kind.ask().is_some_and(|ask| ask.model == ModelRef::Default));
    by_node
        || plan.flows.iter().flat_map(|flow| &flow.blocks).flat_map(|block| &block.body).any(|statement| {
            matches!(statement, Statement::Step(step) if step.with.model == Some(ModelRef::Default))
        })
}
