//! Flows: slots, blocks, and the statements in them.

use serde::{Deserialize, Serialize};

use super::{BlockId, FlowId, ModelRef, NodeId, Param};
use crate::expr::{Pattern, SlotId};
use crate::{Expr, Name, Type};

/// A flow.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Flow {
    /// Its declared name, unique in the plan.
    pub name: Name,
    /// Its doc comment.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub doc: String,
    /// Parameters are slots 0, 1, ….
    pub params: Vec<Param>,
    /// Its result.
    pub returns: Type,
    /// What it hands out before it is done, if it does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub emits: Option<Type>,
    /// Its limits.
    pub budget: Budget,
    /// Every slot of its frame.
    pub slots: Vec<Slot>,
    /// Its blocks.
    pub blocks: Vec<Block>,
    /// Where it starts.
    pub body: BlockId,
    /// `on error as e { … }`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub on_error: Option<OnError>,
}

/// `on error as e { … }`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct OnError {
    /// The slot of `e`.
    pub bind: Option<SlotId>,
    /// What runs; `return v` in it is the flow's result.
    pub block: BlockId,
}

/// A flow's limits.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Budget {
    /// Nano-dollars.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub nanodollars: Option<u64>,
    /// Active time in milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub time_ms: Option<u64>,
    /// Input and output tokens together.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tokens: Option<u64>,
}

/// A slot of a frame.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Slot {
    /// The name as written; hidden ones start with `$`.
    pub name: Name,
    /// Its type with refinements.
    pub ty: Type,
    /// The rule by which branches write it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub merge: Option<Merge>,
}

/// `merge append` and the others (S10).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Merge {
    /// Lists, one after the other.
    Append,
    /// Lists, equal elements once.
    Union,
    /// Numbers.
    Sum,
    /// The least.
    Min,
    /// The greatest.
    Max,
    /// Map entries; unequal values for a key are `bad_value`.
    Entries,
}

/// A block: its state is initialised on entry, then its statements run.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Block {
    /// The block's state with initial values, in written order. State without one is unset until assigned.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub state: Vec<(SlotId, Option<Expr>)>,
    /// In written order.
    pub body: Vec<Statement>,
}

/// A statement.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Statement {
    /// `let x = e`, `x = e`, without an effect.
    Set {
        /// Where to.
        slot: SlotId,
        /// A value of the slot's type.
        value: Expr,
    },
    /// `x += e`.
    Add {
        /// Where to.
        slot: SlotId,
        /// What is added.
        value: Expr,
        /// How.
        how: Add,
    },
    /// An effect.
    Step(Box<Step>),
    /// `do { … yield v }` and other groups: `try`less, catching `yield` when it has a target.
    Do {
        /// Its segment; unnamed ones add none.
        segment: Option<Name>,
        /// What runs; ends in `yield` if `into` is given.
        block: BlockId,
        /// Where the yielded value goes.
        into: Option<SlotId>,
        /// `catch`.
        catch: Option<Catch>,
    },
    /// `if`, and `route { when c => … }`: the first arm whose test is true.
    If {
        /// The name of the `let` that takes its value, else none.
        segment: Option<Name>,
        /// In written order.
        arms: Vec<TestArm>,
        /// Where a value that an arm yields goes; without it, a `yield` in an arm is for a block further out.
        into: Option<SlotId>,
    },
    /// `route v { … }`: the first arm that matches.
    Route {
        /// The name of the `let` that takes its value, else none.
        segment: Option<Name>,
        /// What is taken apart.
        value: Expr,
        /// Where it is kept while arms are tried.
        bind: SlotId,
        /// In written order; `else` is an arm without patterns.
        arms: Vec<RouteArm>,
        /// Where a value that an arm yields goes; without it, a `yield` in an arm is for a block further out.
        into: Option<SlotId>,
    },
    /// `loop name max n while c { … } else { … }`.
    Loop {
        /// `polish`, or `loop`.
        segment: Name,
        /// Turns at most: an int of at least 1.
        max: Expr,
        /// `while` or `until`.
        test: LoopTest,
        /// One turn.
        body: BlockId,
        /// What runs when the turns run out; without it the step fails with `exhausted`.
        otherwise: Option<BlockId>,
        /// The slots of `loop.index` and `loop.last`.
        counters: Counters,
    },
    /// `for i, x in xs max n { … }`.
    For {
        /// The name of the variable.
        segment: Name,
        /// A list, or a map that is walked by its keys (with two variables, key and value).
        over: Expr,
        /// Elements at most; more fail with `exhausted` before the first turn.
        max: Option<Expr>,
        /// The slot of the index or key.
        index: Option<SlotId>,
        /// The slot of the element.
        item: SlotId,
        /// One turn.
        body: BlockId,
        /// The slots of `loop.index` and `loop.last`.
        counters: Counters,
    },
    /// `parallel { … }`: the first failure cancels the rest.
    Parallel {
        /// In written order.
        branches: Vec<Branch>,
    },
    /// `parallel for x in xs by k max n jobs j collect { … }`.
    ParallelFor(Box<ParallelFor>),
    /// `try { … } catch { … } finally { … }`.
    Try {
        /// What is tried.
        body: BlockId,
        /// The arms.
        catch: Option<Catch>,
        /// What runs however it ends.
        finally: Option<BlockId>,
    },
    /// `saga { … }`: what its steps have registered with `undo` runs if a failure leaves it.
    Saga {
        /// What runs.
        block: BlockId,
    },
    /// `fail kind("…")`.
    Fail {
        /// The kind.
        kind: Name,
        /// A string.
        message: Expr,
    },
    /// `fail e`: an error record, with its kind, message and step.
    Rethrow {
        /// An error record.
        error: Expr,
    },
    /// `wait 10m`, `wait until t`.
    Wait {
        /// `wait`, or its `as` name.
        segment: Name,
        /// A duration, or with `until` a timestamp.
        value: Expr,
        /// Whether it is a point in time.
        until: bool,
    },
    /// `return v`.
    Return {
        /// Null for a flow without a result.
        value: Option<Expr>,
    },
    /// `yield v`: to the nearest block with a target.
    Yield {
        /// The value.
        value: Expr,
    },
    /// `break`: leaves the nearest loop, `for` or graph.
    Break,
    /// `continue`.
    Continue,
    /// `graph name max n { stage a { … goto b(x) } stage b(x: T) { … } } else { … }`.
    Graph(Box<Graph>),
    /// `goto b(x)`: to a stage of the nearest graph.
    Goto {
        /// Its index.
        stage: u32,
        /// An argument for each of its parameters, in order, defaults filled in. Not computed when the entries have run out.
        args: Vec<Expr>,
    },
    /// `race { when let a = f(x) => …  when wait 3s => … }`: the first arm whose step succeeds goes on.
    Race(Box<Race>),
    /// `emit v`: a value of the flow's [`Flow::emits`], for its caller.
    Emit {
        /// `emit`, or its `as` name.
        segment: Name,
        /// The value.
        value: Expr,
    },
}

/// How `+=` adds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Add {
    /// Numbers, checked for overflow; durations too.
    Number,
    /// Strings.
    Text,
    /// Lists.
    List,
    /// Map entries.
    Entries,
    /// The slot's merge rule.
    Merge,
}

/// The slots of `loop.index` and `loop.last`, where they are read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counters {
    /// An int, from 0.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub index: Option<SlotId>,
    /// A bool: this is the last turn that `max` or the list allows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last: Option<SlotId>,
}

/// When a loop ends by itself.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LoopTest {
    /// Only by `max` or `break`.
    None,
    /// Tested before each turn.
    While(Expr),
    /// Tested after each turn, in the body's scope; `continue` goes there.
    Until(Expr),
}

/// An arm of `if` or of a condition `route`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TestArm {
    /// `route:true`, `route:0`, `route:else`.
    pub segment: Name,
    /// A bool; none for `else`.
    pub test: Option<Expr>,
    /// What runs.
    pub block: BlockId,
}

/// An arm of `route v`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RouteArm {
    /// `route:accept`, `route:else`.
    pub segment: Name,
    /// One of them must match; none for `else`.
    pub patterns: Vec<Pattern>,
    /// The slots that a variant's fields are bound to: field and slot.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub binds: Vec<(u32, SlotId)>,
    /// `if c`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub guard: Option<Expr>,
    /// What runs.
    pub block: BlockId,
}

/// A branch of `parallel`. It starts from the frame at the fork and sees it and its own writes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Branch {
    /// What runs: one statement.
    pub block: BlockId,
    /// The slots that only this branch uses: from, and up to.
    pub own: (SlotId, SlotId),
    /// What it may write of the frame outside, its `let` included: copied at the join, merged where the slot merges.
    pub writes: Vec<SlotId>,
}

/// `let ys = parallel for x in xs by x.id max 50 jobs 8 collect { … yield y }`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ParallelFor {
    /// The `let` or, without one, the variable.
    pub segment: Name,
    /// A list, or a map.
    pub over: Expr,
    /// `by`: over `item` and `index`; string, int or enum. Without it the index is the key.
    pub key: Option<Expr>,
    /// Elements at most.
    pub max: Option<Expr>,
    /// Branches at a time; without it the runtime's default.
    pub jobs: Option<Expr>,
    /// Whether a failed item leaves the others running; the result is then `{ok, failed}`.
    pub collect: bool,
    /// The slot of the index or key.
    pub index: Option<SlotId>,
    /// The slot of the element.
    pub item: SlotId,
    /// One branch; ends in `yield` if `into` is given.
    pub block: BlockId,
    /// The slots that each branch has of its own: from, and up to.
    pub own: (SlotId, SlotId),
    /// Merged state outside that a branch writes with `+=`.
    pub writes: Vec<SlotId>,
    /// Where the list of yielded values goes, or the record of `collect`.
    pub into: Option<SlotId>,
    /// The type of `into`'s value: a list, or the record of `collect`.
    pub result: Type,
    /// The slots of `loop.index` and `loop.last`.
    pub counters: Counters,
    /// `catch`.
    pub catch: Option<Catch>,
}

/// `graph name max n { … } else { … }`: stages that lead to each other by `goto`; the first is the entry.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Graph {
    /// `desk`, the `let` that takes its value, or `graph`.
    pub segment: Name,
    /// Entries of stages at most, the first included: an int of at least 1.
    pub max: Expr,
    /// At least one.
    pub stages: Vec<Stage>,
    /// What runs instead of the entry that would be one too many; without it the graph fails with `exhausted`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub otherwise: Option<BlockId>,
    /// Where the value that a stage or `else` yields goes; without it, a `yield` in there is for a block further out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub into: Option<SlotId>,
}

/// A stage of a graph.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Stage {
    /// Its name.
    pub name: Name,
    /// The slots of its parameters; the entry has none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub params: Vec<SlotId>,
    /// What runs; every way through it leaves it.
    pub body: BlockId,
}

/// `race { … }`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Race {
    /// The name of the `let` that takes its value; unnamed ones add none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub segment: Option<Name>,
    /// In written order.
    pub arms: Vec<RaceArm>,
    /// Where the value that the winner's body yields goes; without it, a `yield` in there is for a block further out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub into: Option<SlotId>,
    /// `catch`: for a race that all arms have lost, and for the winner's body.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub catch: Option<Catch>,
}

/// An arm of a race.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RaceArm {
    /// What races. Of the writes only the winner's are copied.
    pub step: Branch,
    /// What runs once it has won.
    pub body: BlockId,
}

/// The arms of a `catch`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Catch {
    /// In written order. What no arm lists passes on.
    pub arms: Vec<CatchArm>,
    /// Where a value that an arm yields goes.
    pub into: Option<SlotId>,
}

/// An arm of a `catch`. `catch v` is one arm for every kind, whose block yields `v`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CatchArm {
    /// `catch:timeout`, `catch:else`; none for `catch value` and `catch call()`.
    pub segment: Option<Name>,
    /// Kinds; empty is every kind that can be caught.
    pub kinds: Vec<Name>,
    /// The slot of `as e`.
    pub bind: Option<SlotId>,
    /// What runs.
    pub block: BlockId,
}

/// One call of a node or a flow.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Step {
    /// Its segment of the coordinate.
    pub segment: Name,
    /// What is called.
    pub target: Target,
    /// An argument for each parameter, in order, defaults filled in.
    pub args: Vec<Expr>,
    /// `with {…}`.
    #[serde(default)]
    pub with: With,
    /// Where the result goes.
    pub into: Option<SlotId>,
    /// What is made of the result before it goes there, over the slot `raw`: fields, indices, `as T`. Its failure is the
    /// step's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub extract: Option<Extract>,
    /// `catch`; its `into` is the step's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub catch: Option<Catch>,
    /// What takes the step back; there is a saga around it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub undo: Option<Box<Undo>>,
}

/// `undo void_payment(order.id)`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Undo {
    /// The call, of the segment `undo`, whose result nobody takes. It reads what was known before the step, and `result`.
    pub call: Step,
    /// The slot of `result`: what the step gave, or null if that isn't known.
    pub result: SlotId,
}

/// `.field`, `[i]`, `as T` after a call.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Extract {
    /// The slot that the raw result is put in.
    pub raw: SlotId,
    /// What is made of it.
    pub value: Expr,
}

/// What a step calls.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Target {
    /// A node of the plan.
    Node(NodeId),
    /// A flow of the plan.
    Flow(FlowId),
}

/// `with {retry: 3, timeout: 20s, model: best, repair: 1}`: constants.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct With {
    /// Instead of the node's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model: Option<ModelRef>,
    /// Instead of the node's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry: Option<u32>,
    /// Per attempt for a node, of the whole for a flow; in milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timeout_ms: Option<u64>,
    /// Instead of the prompt's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub repair: Option<u32>,
}
