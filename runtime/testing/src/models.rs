//! What the engine is told of models in a test: names and prices, nothing of where they are.

use flow_engine::ModelFacts;
use flow_ir::catalogue::{self, Price};
use flow_ir::plan::{ModelKind, Plan};

/// The model of prompts that name none, where nothing sets one.
const UNNAMED: &str = "test/model";

/// What the project says of models.
#[derive(Clone, Debug, Default)]
pub struct Models {
    /// The model of prompts that name none: `provider/model`.
    pub default: Option<String>,
    /// Prices that go before the table's.
    pub prices: Vec<(String, Price)>,
}

impl Models {
    /// Returns what is known of the declared models.
    pub(crate) fn declared(&self, plan: &Plan) -> Vec<Option<ModelFacts>> {
        let facts = plan.models.iter().map(|model| match &model.kind {
            ModelKind::Provider { provider, model: name } => {
                Some(self.facts(provider, name, model.settings.base_url.as_deref()))
            }
            ModelKind::Fallback(_) | ModelKind::RoundRobin(_) => None,
        });
        facts.collect()
    }

    /// Returns what is known of the default model.
    pub(crate) fn default(&self) -> ModelFacts {
        let name = self.default.as_deref().unwrap_or(UNNAMED);
        let (provider, model) = name.split_once('/').unwrap_or(("test", name));
        self.facts(provider, model, None)
    }

    fn facts(&self, provider: &str, model: &str, base_url: Option<&str>) -> ModelFacts {
        let written = format!("{provider}/{model}");
        let provider = catalogue::provider(provider).map_or(provider, |known| known.name);
        let name = format!("{provider}/{model}");
        let given = self.prices.iter().find(|(known, _)| *known == name || *known == written);
        let price = catalogue::price_at(provider, model, base_url, given.map(|(_, price)| *price));
        let output_tokens_max = catalogue::limits(provider, model).output_tokens;
        // Nothing is asked, so a budget has no reason to refuse a model whose price nobody knows.
        ModelFacts { name: name.into(), price: price.or(Some(Price::FREE)), output_tokens_max }
    }
}
