//! Effects that are made up, so that nothing leaves the machine.

use flow_expr::WhereRules;
use flow_ir::Name;
use flow_ir::plan::{Decode, Node, NodeKind};
use flow_providers::simulate::{self, Question};
use flow_runtime_api::{Coordinate, Deltas, Failure, HttpAnswer, Kind, Simulation};
use serde_json::Value as Json;

use crate::outside::{Ask, Asked, Fetch, Outside, Put};

impl Outside {
    /// Answers as a model would; usage is estimated.
    pub(crate) fn simulated_answer(&self, ask: &Ask, how: Simulation, deltas: &mut dyn Deltas) -> Asked {
        let answer = self.about(&ask.node, &ask.step, how, ask.tries.1, |question| {
            simulate::answer(question, &ask.call, deltas)
        });
        let usage = answer.as_ref().ok().and_then(|answer| answer.usage);
        (answer, usage)
    }

    /// Answers as a tool would, already read.
    pub(crate) fn simulated_value(&self, fetch: &Fetch, how: Simulation) -> Result<Json, Failure> {
        self.about(&fetch.node, &fetch.step, how, 0, |question| simulate::tool(question, &fetch.fingerprint))
    }

    /// Answers as a person would, or gives what an event would bring.
    pub(crate) fn simulated_reply(&self, put: &Put, how: Simulation) -> Result<Json, Failure> {
        let made =
            self.about(&put.node, &put.step, how, 0, |question| simulate::tool(question, &put.fingerprint));
        made.map_err(|failure| Failure::new(Kind::Unavailable, failure.message))
    }

    /// Returns the answer of a server that a simulated value could have been read from, for a tape.
    pub(crate) fn as_page(&self, node: &Name, json: &Json) -> HttpAnswer {
        let decode = self.node(node).and_then(|node| match &node.kind {
            NodeKind::Http(http) => Some(http.decode),
            NodeKind::Prompt(_) | NodeKind::Human(_) | NodeKind::Event(_) => None,
        });
        let (content_type, text) = match (decode, json) {
            (Some(Decode::Text), Json::String(text)) => ("text/plain", text.clone()),
            _ => ("application/json", json.to_string()),
        };
        HttpAnswer { status: 200, content_type: String::from(content_type), body: text.into_bytes() }
    }

    fn about<T>(
        &self,
        node: &Name,
        step: &Coordinate,
        how: Simulation,
        repair: u32,
        make: impl FnOnce(&Question<'_>) -> Result<T, Failure>,
    ) -> Result<T, Failure> {
        let plan = &self.plan;
        let Some(node) = self.node(node) else {
            return Err(Failure::new(Kind::BadValue, format!("the plan has no node `{node}`")));
        };
        make(&Question {
            seed: how.seed,
            step: &step.0,
            node: &node.name,
            repair,
            returns: &node.returns,
            types: &plan.types,
            rules: &WhereRules::new(&plan.types, &plan.codes),
        })
    }

    fn node(&self, name: &Name) -> Option<&Node> {
        self.plan.nodes.iter().find(|node| node.name == *name)
    }
}
