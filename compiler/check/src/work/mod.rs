//! What an item does, as little as is needed to put a whole program together: what may fail in it, what catches that,
//! what it calls and how often. It is made with the item and names others by symbol; [`crate::kinds`] and
//! [`crate::bounds`] fold it over the program.

mod build;
mod node;
mod pure;

use flow_source::Span;
use smol_str::SmolStr;

use crate::hash::HashSet;
use crate::items::Items;
use crate::program::Symbol;

pub(crate) use build::flow;
pub(crate) use node::{MODEL_RETRY, model, node, table};
pub(crate) use pure::ANY as PURE;

/// What a piece of an item does.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum Work {
    /// Nothing that can fail or that is counted.
    #[default]
    Nothing,
    /// One after the other, or at the same time: all of it happens.
    All(Vec<Work>),
    /// One of these: arms.
    OneOf(Vec<Work>),
    /// A body that happens several times.
    Times(Box<Times>),
    /// A call of a node or flow.
    Call(Box<Call>),
    /// `wait` and `emit`: a step that calls nothing.
    Step,
    /// May fail with built-in kinds here.
    Raises(BuiltIn),
    /// `fail rejected("…")`.
    Fails(SmolStr),
    /// `fail e`: the error that an arm has caught, by its number; `None` may be any.
    PassesOn(Option<u32>),
    /// `catch`, also that of `try`.
    Catches(Box<Catches>),
    /// What `collect` makes a value of: its errors go nowhere.
    Kept(Box<Work>),
    /// `undo`: runs once if a failure leaves its saga; what fails in it is `undo_failed` there.
    Undo(Box<Work>),
    /// A flow with `on error`.
    OnError(Box<OnError>),
    /// What a prompt, tool or agent does.
    Node(Box<Node>),
    /// A model: which are asked.
    Model(Model),
    /// What couldn't be read: anything may fail in it.
    Unknown,
}

/// Built-in kinds of errors, a bit each, in the order of [`KINDS`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct BuiltIn(pub u32);

/// The built-in kinds of error that can be caught.
pub(crate) const KINDS: [&str; 14] = [
    "timeout",
    "rate_limited",
    "refused",
    "truncated",
    "bad_answer",
    "bad_shape",
    "bad_value",
    "exhausted",
    "denied",
    "unavailable",
    "uncertain",
    "tool_failed",
    "code_failed",
    "undo_failed",
];

/// The built-in kinds that nothing catches.
pub(crate) const UNCAUGHT: [&str; 3] = ["budget", "cancelled", "diverged"];

impl BuiltIn {
    /// No kind.
    pub const NONE: BuiltIn = BuiltIn(0);
    /// `timeout`.
    pub const TIMEOUT: BuiltIn = BuiltIn(1);
    /// `rate_limited`.
    pub const RATE_LIMITED: BuiltIn = BuiltIn(1 << 1);
    /// `refused`.
    pub const REFUSED: BuiltIn = BuiltIn(1 << 2);
    /// `truncated`.
    pub const TRUNCATED: BuiltIn = BuiltIn(1 << 3);
    /// `bad_answer`.
    pub const BAD_ANSWER: BuiltIn = BuiltIn(1 << 4);
    /// `bad_shape`.
    pub const BAD_SHAPE: BuiltIn = BuiltIn(1 << 5);
    /// `bad_value`.
    pub const BAD_VALUE: BuiltIn = BuiltIn(1 << 6);
    /// `exhausted`.
    pub const EXHAUSTED: BuiltIn = BuiltIn(1 << 7);
    /// `denied`.
    pub const DENIED: BuiltIn = BuiltIn(1 << 8);
    /// `unavailable`.
    pub const UNAVAILABLE: BuiltIn = BuiltIn(1 << 9);
    /// `uncertain`.
    pub const UNCERTAIN: BuiltIn = BuiltIn(1 << 10);
    /// `tool_failed`.
    pub const TOOL_FAILED: BuiltIn = BuiltIn(1 << 11);
    /// `code_failed`.
    pub const CODE_FAILED: BuiltIn = BuiltIn(1 << 12);
    /// `undo_failed`.
    pub const UNDO_FAILED: BuiltIn = BuiltIn(1 << 13);

    /// Both together.
    pub const fn and(self, other: BuiltIn) -> BuiltIn {
        BuiltIn(self.0 | other.0)
    }

    /// Returns a kind by its name.
    pub fn named(name: &str) -> Option<BuiltIn> {
        KINDS.iter().position(|kind| *kind == name).map(|at| BuiltIn(1 << at))
    }

    /// The names of the kinds.
    pub fn names(self) -> impl Iterator<Item = &'static str> {
        KINDS.iter().enumerate().filter(move |(at, _)| self.0 & (1 << at) != 0).map(|(_, kind)| *kind)
    }

    /// The work that may fail with these kinds.
    pub(crate) fn work(self) -> Work {
        if self == BuiltIn::NONE { Work::Nothing } else { Work::Raises(self) }
    }
}

/// What is counted of a repetition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Turn {
    /// A turn of `loop`, `for`, `parallel for`.
    Turn,
    /// An entry of a stage of a `graph`.
    Visit,
}

/// A body that happens several times.
#[derive(Clone, Debug, PartialEq)]
pub struct Times {
    /// `polish`; for a walk the name of its variable, or of what takes its values.
    pub name: SmolStr,
    /// How often at most; `u64::MAX` if no bound could be found, which is reported.
    pub most: u64,
    /// What one time is.
    pub turn: Turn,
    /// What happens.
    pub body: Work,
    /// Where the bound stands.
    pub span: Span,
}

/// What is called.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Callee {
    /// A declared node, flow or code.
    Declared(Symbol),
    /// A tool of an MCP server.
    Server,
    /// An operation of a memory: a step that asks no model and no tool.
    Memory,
    /// `now()`, `random()`, `uuid()`: tools that never fail.
    Ambient,
}

/// A call of a node or flow.
#[derive(Clone, Debug, PartialEq)]
pub struct Call {
    /// What is called.
    pub callee: Callee,
    /// As written: `jira.search`.
    pub name: SmolStr,
    /// `with {…}`.
    pub with: With,
}

/// What of `with {…}` matters here.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct With {
    /// `retry: 3`.
    pub retry: Option<u64>,
    /// `repair: 2`.
    pub repair: Option<u64>,
    /// `model: best`.
    pub model: Option<ModelUse>,
    /// Whether there is a `timeout`.
    pub timeout: bool,
}

/// A model that is asked.
#[derive(Clone, Debug, PartialEq)]
pub enum ModelUse {
    /// A declared one.
    Declared(Symbol),
    /// One named by its provider, or the run's default.
    Plain,
}

/// A declared model.
#[derive(Clone, Debug, PartialEq)]
pub enum Model {
    /// Of a provider, with the `retry` it declares.
    One(Option<u64>),
    /// All of them, one after the other.
    Fallback(Vec<ModelUse>),
    /// One of them.
    RoundRobin(Vec<ModelUse>),
}

/// `catch`, also that of `try`.
#[derive(Clone, Debug, PartialEq)]
pub struct Catches {
    /// What may fail.
    pub body: Work,
    /// In written order.
    pub arms: Vec<Arm>,
}

/// An arm of a `catch`.
#[derive(Clone, Debug, PartialEq)]
pub struct Arm {
    /// The kinds it names; `None` takes all: `else`, and `catch v`.
    pub kinds: Option<Vec<(SmolStr, Span)>>,
    /// Its number in the flow, for [`Work::PassesOn`].
    pub id: u32,
    /// What it does.
    pub work: Work,
}

/// A flow with `on error`.
#[derive(Clone, Debug, PartialEq)]
pub struct OnError {
    /// The flow's own work.
    pub body: Work,
    /// Its number, as if it were an arm that takes all.
    pub id: u32,
    /// What it does.
    pub work: Work,
    /// Whether every way through it leaves: then no error of the body goes on.
    pub leaves: bool,
}

/// What a node does.
#[derive(Clone, Debug, PartialEq)]
pub struct Node {
    /// What it may fail with.
    pub raises: BuiltIn,
    /// What sort it is.
    pub sort: Sort,
}

/// What sort a node is, and how often it does what it does.
#[derive(Clone, Debug, PartialEq)]
pub enum Sort {
    /// A prompt.
    Prompt {
        /// Which model.
        model: ModelUse,
        /// Additional tries, where it says so.
        retry: Option<u64>,
        /// Further tries after answers of the wrong type.
        repair: u64,
    },
    /// A tool.
    Tool {
        /// Additional tries.
        retry: u64,
    },
    /// An agent.
    Agent(Agent),
    /// A person.
    Human,
    /// Something outside that is waited for.
    Event,
}

/// An agent.
#[derive(Clone, Debug, PartialEq)]
pub struct Agent {
    /// Which model.
    pub model: ModelUse,
    /// Additional tries of a turn, where it says so.
    pub retry: Option<u64>,
    /// Further tries after answers of the wrong type.
    pub repair: u64,
    /// Turns, and calls of tools, at most.
    pub max_turns: u64,
    /// Whether there is one more turn, without tools.
    pub finish: bool,
    /// Whether a failed tool fails it.
    pub fails_with_tools: bool,
    /// The tools it may call, each with the most calls of it.
    pub tools: Vec<(Call, Option<u64>)>,
}

impl Work {
    /// Puts pieces together; nothing is left out but what does nothing.
    pub(crate) fn all(pieces: impl IntoIterator<Item = Work>) -> Work {
        let mut out: Vec<Work> = Vec::new();
        for piece in pieces {
            match (piece, out.last_mut()) {
                (Work::Nothing, _) => {}
                (Work::All(more), _) => out.extend(more),
                (Work::Raises(kinds), Some(Work::Raises(before))) => *before = before.and(kinds),
                (piece, _) => out.push(piece),
            }
        }
        match out.len() {
            0 => Work::Nothing,
            1 => out.remove(0),
            _ => Work::All(out),
        }
    }

    /// One of these.
    pub(crate) fn one_of(pieces: impl IntoIterator<Item = Work>) -> Work {
        let mut out: Vec<Work> = pieces.into_iter().filter(|piece| *piece != Work::Nothing).collect();
        match out.len() {
            0 => Work::Nothing,
            1 => out.remove(0),
            _ => Work::OneOf(out),
        }
    }

    /// Visits what it calls, directly.
    pub(crate) fn callees<'w>(&'w self, visit: &mut dyn FnMut(&'w Symbol)) {
        match self {
            Work::All(pieces) | Work::OneOf(pieces) => {
                pieces.iter().for_each(|piece| piece.callees(visit));
            }
            Work::Times(times) => times.body.callees(visit),
            Work::Kept(body) | Work::Undo(body) => body.callees(visit),
            Work::Catches(catches) => {
                catches.body.callees(visit);
                catches.arms.iter().for_each(|arm| arm.work.callees(visit));
            }
            Work::OnError(handled) => {
                handled.body.callees(visit);
                handled.work.callees(visit);
            }
            Work::Call(call) => call.callees(visit),
            Work::Node(node) => match &node.sort {
                Sort::Agent(agent) => agent.tools.iter().for_each(|(call, _)| call.callees(visit)),
                Sort::Prompt { .. } | Sort::Tool { .. } | Sort::Human | Sort::Event => {}
            },
            Work::Nothing
            | Work::Step
            | Work::Raises(_)
            | Work::Fails(_)
            | Work::PassesOn(_)
            | Work::Model(_)
            | Work::Unknown => {}
        }
    }
}

impl Call {
    fn callees<'w>(&'w self, visit: &mut dyn FnMut(&'w Symbol)) {
        if let Callee::Declared(symbol) = &self.callee {
            visit(symbol);
        }
    }
}

/// Returns the items of a program in an order in which what an item calls stands before it; circles, which are
/// reported elsewhere, are cut somewhere.
pub(crate) fn callees_first(items: &Items) -> Vec<&Symbol> {
    let mut order = Vec::with_capacity(items.len());
    let mut seen: HashSet<&Symbol> = HashSet::with_capacity_and_hasher(items.len(), Default::default());
    let callees = |symbol: &Symbol| {
        let mut all = Vec::new();
        if let Some(checked) = items.get(symbol) {
            checked.work.callees(&mut |callee| all.push(callee));
        }
        all
    };
    let mut roots: Vec<&Symbol> = items.keys().collect();
    roots.sort_unstable();
    for root in roots {
        if !seen.insert(root) {
            continue;
        }
        let mut path = vec![(root, callees(root))];
        while let Some((at, open)) = path.last_mut() {
            match open.pop() {
                Some(callee) => {
                    if items.contains_key(callee) && seen.insert(callee) {
                        path.push((callee, callees(callee)));
                    }
                }
                None => {
                    order.push(*at);
                    path.pop();
                }
            }
        }
    }
    order
}
