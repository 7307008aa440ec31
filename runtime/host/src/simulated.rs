//! Effects that are made up, so that nothing leaves the machine.

use std::sync::Mutex;

use flow_engine::Worst;
use flow_expr::WhereRules;
use flow_ir::Name;
use flow_ir::plan::{Decode, Node, NodeKind, Plan};
use flow_providers::simulate::{self, Offered, Question};
use flow_runtime_api::{Coordinate, Deltas, Failure, HttpAnswer, Kind, Simulation};
use serde_json::Value as Json;

use crate::draw::Draw;
use crate::outside::{Answered, Ask, Fetch, Outside, Put};

impl Outside {
    /// Answers as a model would; usage is estimated.
    pub(crate) fn simulated_answer(&self, ask: &Ask, how: Simulation, deltas: &mut dyn Deltas) -> Answered {
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

    /// Gives what every program has, made up.
    pub(crate) fn simulated_draw(&self, draw: &Draw, how: Simulation) -> Result<Json, Failure> {
        self.about(&draw.node, &draw.step, how, 0, |question| simulate::tool(question, &draw.fingerprint))
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
            _ => None,
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
        let tools = offered(plan, node, step);
        // Found once for the run, where it is asked for.
        let worst = how.worst.then(|| self.worst.get_or_init(|| Mutex::new(Worst::of(plan))));
        let mut worst = worst.map(|worst| worst.lock().unwrap_or_else(|poison| poison.into_inner()));
        let (mut wishes, mut calls, mut first) = (Vec::new(), Vec::new(), 1);
        if let Some(worst) = &mut worst {
            let id = plan.nodes.iter().position(|known| known.name == node.name).unwrap_or(usize::MAX);
            wishes = worst.wishes(id as u32).to_vec();
            if let NodeKind::Agent(agent) = &node.kind {
                calls = worst.tools(plan, agent);
                // The last turn can only answer, yet a call of a tool belongs to each turn.
                first = if agent.finish.is_some() { 1 } else { 2 };
            }
        }
        drop(worst);
        let member =
            |path: &[u32]| wishes.iter().find(|wish| wish.path == path).map(|wish| wish.variant.clone());
        make(&Question {
            worst: how.worst.then_some(simulate::Worst { member: &member, calls: &calls, first }),
            seed: how.seed,
            step: &step.0,
            node: &node.name,
            repair,
            returns: &node.returns,
            types: &plan.types,
            rules: &WhereRules::new(&plan.types, &plan.codes),
            tools: &tools,
        })
    }

    fn node(&self, name: &Name) -> Option<&Node> {
        self.plan.nodes.iter().find(|node| node.name == *name)
    }
}

/// Returns what may be called in a turn of an agent; nothing in the last one, since no answer could follow.
fn offered(plan: &Plan, node: &Node, step: &Coordinate) -> Vec<Offered> {
    let NodeKind::Agent(agent) = &node.kind else { return Vec::new() };
    let turn =
        step.0.rsplit_once("/turn[").and_then(|(_, index)| index.strip_suffix(']')?.parse::<u32>().ok());
    if agent.finish.is_none() && turn.is_none_or(|turn| turn + 1 >= agent.max_turns) {
        return Vec::new();
    }
    let tools = agent.tools.iter();
    tools.map(|tool| Offered { name: tool.name.to_string(), fields: tool.fields(plan) }).collect()
}
