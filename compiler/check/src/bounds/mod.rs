//! How much a flow does at most (C1): calls of models and tools, turns, visits of stages, people asked, steps. Every
//! program that passes the check has these bounds; they hold for each run, crashes aside (a step that was in flight is
//! started again, three times at most).

mod explain;
mod number;

use flow_source::FileSpan;
use smol_str::SmolStr;

use crate::CheckedProgram;
use crate::hash::HashMap;
use crate::program::Symbol;
use crate::work::{
    Agent, Call, Callee, MODEL_RETRY, Model, ModelUse, Node, Sort, Turn, With, Work, callees_first,
};

pub use number::{Most, SHOWN_MAX};

/// Models within models; more is a circle.
const MODEL_DEPTH_MAX: usize = 16;

/// What is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum What {
    /// Calls of models: attempts, further models of a `fallback` and repairs included.
    ModelCalls,
    /// Calls of tools: attempts included.
    ToolCalls,
    /// Turns of loops and walks, and of agents.
    Turns,
    /// Entries of the stages of graphs.
    Visits,
    /// Questions to people.
    People,
    /// Steps: calls, waits, emitted values.
    Steps,
}

impl What {
    /// Everything that is counted, in the order in which it is shown.
    pub const ALL: [What; 6] =
        [What::ModelCalls, What::ToolCalls, What::Turns, What::Visits, What::People, What::Steps];

    /// Its name in JSON: `model_calls`.
    pub fn name(self) -> &'static str {
        match self {
            What::ModelCalls => "model_calls",
            What::ToolCalls => "tool_calls",
            What::Turns => "turns",
            What::Visits => "visits",
            What::People => "people",
            What::Steps => "steps",
        }
    }

    /// Its name for people: `model calls`.
    pub fn title(self) -> &'static str {
        match self {
            What::ModelCalls => "model calls",
            What::ToolCalls => "tool calls",
            What::Turns => "turns",
            What::Visits => "visits",
            What::People => "people asked",
            What::Steps => "steps",
        }
    }

    /// So many of it: `1 model call`, `1_200 steps`.
    pub fn told(self, most: Most) -> String {
        let one = match self {
            What::ModelCalls => "model call",
            What::ToolCalls => "tool call",
            What::Turns => "turn",
            What::Visits => "visit",
            What::People => "person asked",
            What::Steps => "step",
        };
        let title = if most == Most::new(1) { one } else { self.title() };
        format!("{most} {title}")
    }
}

/// The most of everything that is counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts([Most; What::ALL.len()]);

impl Counts {
    /// Returns the most of one thing.
    pub fn of(&self, what: What) -> Most {
        self.0[what as usize]
    }

    fn one(what: What, most: u64) -> Counts {
        let mut counts = Counts::default();
        counts.0[what as usize] = Most::new(most);
        counts
    }

    fn plus(mut self, other: Counts) -> Counts {
        for (own, other) in self.0.iter_mut().zip(other.0) {
            *own = own.plus(other);
        }
        self
    }

    fn times(mut self, factor: Most) -> Counts {
        for own in &mut self.0 {
            *own = own.times(factor);
        }
        self
    }

    /// The larger of each.
    fn larger(mut self, other: Counts) -> Counts {
        for (own, other) in self.0.iter_mut().zip(other.0) {
            *own = (*own).max(other);
        }
        self
    }
}

/// How much a flow does at most.
#[derive(Clone, Debug)]
pub struct Bound {
    /// The flow.
    pub flow: Symbol,
    /// Where its name stands.
    pub at: FileSpan,
    /// How much.
    pub counts: Counts,
    /// For each count that isn't zero, how it comes about: `outline 4 + polish 5 × (critique 5 + rewrite 4)`.
    pub because: Vec<(What, String)>,
    /// The largest factor behind the calls of models, else of tools, else behind the steps.
    pub largest: Option<Factor>,
}

/// What makes a count large.
#[derive(Clone, Debug)]
pub struct Factor {
    /// The loop, walk, graph or agent.
    pub name: SmolStr,
    /// How often.
    pub times: Most,
    /// The flow or agent that it stands in.
    pub within: Symbol,
    /// Where its bound stands.
    pub at: FileSpan,
}

/// Returns the bounds of every flow of a program without errors, in the order of files and places; those of the standard
/// library aside, which count where they are called.
pub fn bounds(checked: &CheckedProgram) -> Vec<Bound> {
    let mut all = Bounds { checked, known: HashMap::default(), factors: HashMap::default() };
    for symbol in callees_first(&checked.items) {
        if let Some(item) = checked.items.get(symbol)
            && !matches!(item.work, Work::Model(_))
        {
            let counts = all.of(&item.work, &With::default());
            all.known.insert(symbol, counts);
            let factors = MAIN.map(|what| explain::largest(&all, symbol, what));
            all.factors.insert(symbol, factors);
        }
    }
    let mut bounds: Vec<Bound> = checked
        .items
        .iter()
        .filter(|(_, item)| matches!(item.body, crate::Body::Flow(_)))
        .filter_map(|(symbol, item)| {
            let (module, written) = checked.program.item(symbol)?;
            if module.is_standard() {
                return None;
            }
            let at = written.locate(module.file, written.kind.name()?.span);
            let counts = *all.known.get(symbol)?;
            let shown = What::ALL.into_iter().filter(|what| counts.of(*what) > Most::ZERO);
            let because = shown.map(|what| (what, explain::sum(&all, &item.work, what))).collect();
            let main = MAIN.iter().position(|what| counts.of(*what) > Most::ZERO);
            let largest = main.and_then(|at| all.factors.get(symbol)?[at].clone());
            Some(Bound { flow: symbol.clone(), at, counts, because, largest })
        })
        .collect();
    bounds.sort_by_key(|bound| bound.at);
    bounds
}

/// What the largest factor is told of: the first of these that isn't zero.
const MAIN: [What; 3] = [What::ModelCalls, What::ToolCalls, What::Steps];

/// The bounds of what stands before an item in the order of calls.
struct Bounds<'a> {
    checked: &'a CheckedProgram,
    known: HashMap<&'a Symbol, Counts>,
    /// The largest factor behind each of [`MAIN`].
    factors: HashMap<&'a Symbol, [Option<Factor>; MAIN.len()]>,
}

impl Bounds<'_> {
    /// Returns the counts of a piece of work; `with` is the policy of the step that a node's work is done for.
    fn of(&self, work: &Work, with: &With) -> Counts {
        let none = With::default();
        match work {
            Work::Nothing
            | Work::Raises(_)
            | Work::Fails(_)
            | Work::PassesOn(_)
            | Work::Model(_)
            | Work::Unknown => Counts::default(),
            Work::All(pieces) => {
                pieces.iter().map(|piece| self.of(piece, &none)).fold(Counts::default(), Counts::plus)
            }
            Work::OneOf(pieces) => {
                pieces.iter().map(|piece| self.of(piece, &none)).fold(Counts::default(), Counts::larger)
            }
            Work::Times(times) => {
                let what = match times.turn {
                    Turn::Turn => What::Turns,
                    Turn::Visit => What::Visits,
                };
                Counts::one(what, 1).plus(self.of(&times.body, &none)).times(Most::new(times.most))
            }
            Work::Call(call) => self.call(call),
            Work::Step => Counts::one(What::Steps, 1),
            Work::Catches(catches) => {
                let arms = catches.arms.iter().map(|arm| self.of(&arm.work, &none));
                self.of(&catches.body, &none).plus(arms.fold(Counts::default(), Counts::larger))
            }
            Work::Kept(body) | Work::Undo(body) => self.of(body, &none),
            Work::OnError(handled) => self.of(&handled.body, &none).plus(self.of(&handled.work, &none)),
            Work::Node(node) => self.node(node, with),
        }
    }

    /// Returns the counts of a step.
    fn call(&self, call: &Call) -> Counts {
        let step = Counts::one(What::Steps, 1);
        match &call.callee {
            Callee::Server => step.plus(tool(call.with.retry.unwrap_or(0))),
            // `now()` and the others are tools that come with the language (C7).
            Callee::Ambient => step.plus(tool(0)),
            Callee::Memory => step,
            Callee::Declared(symbol) => {
                let node = match self.checked.items.get(symbol).map(|item| &item.work) {
                    Some(Work::Node(node)) if call.with != With::default() => Some(node),
                    _ => None,
                };
                step.plus(match node {
                    Some(node) => self.node(node, &call.with),
                    None => self.known.get(symbol).copied().unwrap_or_default(),
                })
            }
        }
    }

    fn node(&self, node: &Node, with: &With) -> Counts {
        match &node.sort {
            Sort::Prompt { model, retry, repair } => {
                let asked = self.tries(with.model.as_ref().unwrap_or(model), with.retry.or(*retry));
                Counts::one(What::ModelCalls, asked.saturating_add(with.repair.unwrap_or(*repair)))
            }
            Sort::Tool { retry } => tool(with.retry.unwrap_or(*retry)),
            Sort::Agent(agent) => self.agent(agent, with),
            Sort::Human => Counts::one(What::People, 1),
            Sort::Event => Counts::default(),
        }
    }

    /// Each turn is a call of its own, with its own retries and repairs; all calls of tools together are as many as
    /// turns at most (C3).
    fn agent(&self, agent: &Agent, with: &With) -> Counts {
        let tries = self.tries(with.model.as_ref().unwrap_or(&agent.model), with.retry.or(agent.retry));
        let turn = tries.saturating_add(with.repair.unwrap_or(agent.repair));
        let turns = Most::new(agent.max_turns).plus(Most::new(u64::from(agent.finish)));
        let asked = Counts::one(What::Turns, 1).plus(Counts::one(What::ModelCalls, turn)).times(turns);
        let mut tools = Counts::default();
        for what in What::ALL {
            tools.0[what as usize] = self.tools(agent, what);
        }
        asked.plus(tools)
    }

    /// Returns the most that an agent's tools come to, when the dearest are called as often as they may be.
    fn tools(&self, agent: &Agent, what: What) -> Most {
        let mut each: Vec<(Most, u64)> = agent
            .tools
            .iter()
            .map(|(call, most)| (self.call(call).of(what), most.unwrap_or(u64::MAX)))
            .collect();
        each.sort_unstable_by(|a, b| b.cmp(a));
        let mut left = agent.max_turns;
        let mut sum = Most::ZERO;
        for (cost, most) in each {
            let calls = most.min(left);
            left -= calls;
            sum = sum.plus(cost.times(Most::new(calls)));
        }
        sum
    }

    /// Returns how often models are asked for one answer, repairs aside. `retry` is that of the step or node, which goes
    /// before that of the model.
    fn tries(&self, model: &ModelUse, retry: Option<u64>) -> u64 {
        self.tries_within(model, retry, MODEL_DEPTH_MAX)
    }

    fn tries_within(&self, model: &ModelUse, retry: Option<u64>, depth: usize) -> u64 {
        let one = |own: Option<u64>| retry.or(own).unwrap_or(MODEL_RETRY).saturating_add(1);
        let declared = match model {
            ModelUse::Declared(symbol) => self.checked.items.get(symbol).map(|item| &item.work),
            ModelUse::Plain => None,
        };
        let Some(depth) = depth.checked_sub(1) else { return 0 };
        match declared {
            Some(Work::Model(Model::One(own))) => one(*own),
            Some(Work::Model(Model::Fallback(all))) => {
                all.iter().map(|model| self.tries_within(model, retry, depth)).fold(0, u64::saturating_add)
            }
            Some(Work::Model(Model::RoundRobin(all))) => {
                all.iter().map(|model| self.tries_within(model, retry, depth)).max().unwrap_or(0)
            }
            _ => one(None),
        }
    }
}

fn tool(retry: u64) -> Counts {
    Counts::one(What::ToolCalls, retry.saturating_add(1))
}
