//! Plans: a checked flow and all it reaches, as versioned, hashed data. A run is pinned to one.
//!
//! A flow's frame is an array of slots: parameters first, then every `let`, state and loop variable of the flow, each
//! with a slot of its own (numbered in written order, so that what a block declares is a contiguous range). Blocks stand
//! in an arena and are named by index; what leaves a block goes to the frame that it names.

use indexmap::IndexMap;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::expr::{Code, Pattern, SlotId};
use crate::{Expr, Name, Type, TypeDefs};

/// The version of the form below. Version 1 knew fewer statements, so its plans are plans of this form, too; a plan of
/// another version is refused by name.
pub const VERSION: u32 = 2;

/// Whether this program runs plans of a version.
pub const fn is_known_version(version: u32) -> bool {
    matches!(version, 1 | VERSION)
}

/// The index of a block in its flow.
pub type BlockId = u32;
/// The index of a flow in the plan.
pub type FlowId = u32;
/// The index of a node in the plan.
pub type NodeId = u32;
/// The index of a model in the plan.
pub type ModelId = u32;

/// What a run executes: the started flow and everything it reaches, nothing else.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Plan {
    /// [`VERSION`], or an older one that [`is_known_version`].
    pub version: u32,
    /// The started flow; it is flow 0.
    pub entry: Name,
    /// Named types, by a name that is unique in the plan.
    pub types: TypeDefs,
    /// Pure code.
    pub codes: Vec<Code>,
    /// Declared models.
    pub models: Vec<Model>,
    /// Nodes.
    pub nodes: Vec<Node>,
    /// Flows.
    pub flows: Vec<Flow>,
    /// What the program may reach.
    pub allow: Vec<Grant>,
    /// Where things stand in the sources: for messages only, not part of the hash.
    #[serde(default)]
    pub places: Places,
}

/// Where things stand, for messages; keyed by coordinate without indices, `write_article/polish/text`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Places {
    /// `article.flow:31`, by the coordinate of the step with its indices blanked.
    pub steps: IndexMap<String, String>,
}

/// An entry of `allow`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Grant {
    /// `net("api.example.com")`: host, or host:port; `*.example.com` is every host beneath.
    Net(String),
    /// `secret("STRIPE_KEY")`.
    Secret(String),
    /// `fs.read("./data/**")`.
    Read(String),
    /// `fs.write("./out/**")`.
    Write(String),
    /// `exec("git")`.
    Exec(String),
    /// `mcp("jira")`.
    Mcp(String),
}

/// A declared model.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Model {
    /// Its declared name; the provider string for one that is named inline.
    pub name: Name,
    /// What it is.
    pub kind: ModelKind,
    /// Its settings.
    pub settings: ModelSettings,
}

/// What a model is.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ModelKind {
    /// `"ollama/llama3.2"`.
    Provider {
        /// `openai`, `ollama`.
        provider: Name,
        /// `llama3.2`.
        model: Name,
    },
    /// `fallback(a, b)`: the next one after retries of `rate_limited`, `timeout` or `unavailable`.
    Fallback(Vec<ModelId>),
    /// `round_robin(a, b)`.
    RoundRobin(Vec<ModelId>),
}

/// The fields of a model; what isn't written is the provider's default.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ModelSettings {
    /// 0 to 2.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub temperature: Option<f64>,
    /// 0 to 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub top_p: Option<f64>,
    /// Output tokens at most.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_tokens: Option<u64>,
    /// The seed sent to the provider.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seed: Option<i64>,
    /// Texts that end an answer.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub stop: Vec<String>,
    /// Per attempt, in milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timeout_ms: Option<u64>,
    /// Additional tries.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry: Option<u32>,
    /// Another server of the same wire.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub base_url: Option<String>,
    /// The key, if not the provider's own environment variable.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub api_key: Option<SecretText>,
    /// More headers.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub headers: Vec<(String, SecretText)>,
}

/// A text with secrets in it, by name: `"Bearer ${secret.KEY}"`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SecretText(pub Vec<SecretPiece>);

/// A piece of a text with secrets.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SecretPiece {
    /// Text as it stands.
    Text(String),
    /// A string expression over the node's parameters.
    Expr(Expr),
    /// `${secret.NAME}`.
    Secret(Name),
}

/// Which model a prompt asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ModelRef {
    /// The run's default: `--model`, else `flow.toml`.
    Default,
    /// A model of the plan.
    Model(ModelId),
}

/// A parameter of a node or flow.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Param {
    /// Its name.
    pub name: Name,
    /// Its type with refinements.
    pub ty: Type,
    /// Its default: a constant expression.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub default: Option<Expr>,
    /// Its doc comment.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub doc: String,
}

/// A declared node that is a step when called.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Node {
    /// Its declared name, unique in the plan.
    pub name: Name,
    /// Its doc comment.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub doc: String,
    /// Its parameters are slots 0, 1, … of its expressions.
    pub params: Vec<Param>,
    /// Its result.
    pub returns: Type,
    /// Per attempt, in milliseconds, where the node says so; else the model's, else [`NodeKind::timeout_ms`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timeout_ms: Option<u64>,
    /// Additional tries after a transport error or a rate limit, where the node says so; else the model's, else
    /// [`NodeKind::retry`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry: Option<u32>,
    /// What it does.
    pub kind: NodeKind,
}

/// What a node does.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NodeKind {
    /// One model call.
    Prompt(Prompt),
    /// One HTTP request.
    Http(Http),
    /// A question to a person.
    Human(Human),
    /// Something outside that is waited for.
    Event(Delivery),
}

impl NodeKind {
    /// Returns the time of an attempt, in milliseconds, where neither node nor model says one (C4).
    pub const fn timeout_ms(&self) -> u64 {
        match self {
            NodeKind::Prompt(_) => 120_000,
            NodeKind::Http(_) => 30_000,
            // People and events have to state one; a plan made by hand may not.
            NodeKind::Human(_) | NodeKind::Event(_) => 86_400_000,
        }
    }

    /// Returns the additional tries where neither node nor model says how many.
    pub const fn retry(&self) -> u32 {
        match self {
            NodeKind::Prompt(_) => 2,
            NodeKind::Http(_) | NodeKind::Human(_) | NodeKind::Event(_) => 0,
        }
    }
}

/// A prompt's fields: each a string expression over its parameters.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Prompt {
    /// Which model.
    pub model: ModelRef,
    /// `system:`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub system: Option<Expr>,
    /// `history:`: a list of `{role, content}` records.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub history: Option<Expr>,
    /// `user:`.
    pub user: Expr,
    /// `assistant:`: the beginning of the answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub assistant: Option<Expr>,
    /// Re-asks after an answer that isn't of the type.
    pub repair: u32,
    /// `temperature` and the like, written at the prompt; they go before the model's.
    #[serde(default)]
    pub settings: ModelSettings,
}

/// An HTTP tool.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Http {
    /// `GET`, `POST`, `PUT`, `PATCH`, `DELETE`.
    pub method: Name,
    /// The URL: splices after the host are percent-encoded, each as one component.
    pub url: SecretText,
    /// A record or map of query parameters; nulls are left out, lists repeat the name.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub query: Vec<(String, SecretText)>,
    /// `query: expression`, when it isn't a record literal.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub query_map: Option<Expr>,
    /// Headers.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub headers: Vec<(String, SecretText)>,
    /// `body:` with its static type: a string or bytes are sent as they are, anything else as JSON.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub body: Option<(Expr, Type)>,
    /// How the answer is read.
    pub decode: Decode,
    /// `idempotent: by x`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub idempotent: Option<Expr>,
    /// The body at most, in bytes.
    pub limit_bytes: u64,
}

/// A question to a person.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Human {
    /// Over what the person is asked.
    pub via: Channel,
    /// What is asked: a string expression over the parameters. Without it the node's doc comment says it, and the
    /// parameters are shown as they are.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<Expr>,
    /// What the form is filled in with beforehand.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub form: Option<Form>,
}

/// What a person's form is filled in with beforehand.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Form {
    /// A parameter of the result's type.
    Whole(SlotId),
    /// Fields of the result's record, each with the parameter of its name and type.
    Fields(Vec<(Name, SlotId)>),
}

/// Something outside that is waited for.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Delivery {
    /// Where deliveries come in.
    pub via: Channel,
    /// `match:`, a bool over the parameters and, in the slot after them, the delivery as `json`; without it every
    /// delivery is meant.
    #[serde(default, rename = "match", skip_serializing_if = "Option::is_none")]
    pub matches: Option<Expr>,
    /// `verify: hmac(secret.KEY)`: with what deliveries over a network are signed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub verify: Option<Name>,
}

/// Over what people are asked and events come in. The expressions are over the node's parameters.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Channel {
    /// `dashboard`.
    Dashboard,
    /// `webhook("…")`: a URL that a question is sent to, or a path that deliveries come to.
    Webhook(Expr),
    /// `telegram(chat)`: a text or a number.
    Telegram(Expr),
    /// `whatsapp(number)`: a text or a number.
    Whatsapp(Expr),
}

impl Channel {
    /// Returns its name.
    pub const fn name(&self) -> &'static str {
        match self {
            Channel::Dashboard => "dashboard",
            Channel::Webhook(_) => "webhook",
            Channel::Telegram(_) => "telegram",
            Channel::Whatsapp(_) => "whatsapp",
        }
    }

    /// Returns what stands in its brackets.
    pub const fn address(&self) -> Option<&Expr> {
        match self {
            Channel::Dashboard => None,
            Channel::Webhook(address) | Channel::Telegram(address) | Channel::Whatsapp(address) => {
                Some(address)
            }
        }
    }

    /// The same, to be changed.
    pub const fn address_mut(&mut self) -> Option<&mut Expr> {
        match self {
            Channel::Dashboard => None,
            Channel::Webhook(address) | Channel::Telegram(address) | Channel::Whatsapp(address) => {
                Some(address)
            }
        }
    }
}

/// How a tool's answer is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Decode {
    /// JSON by the declared type.
    Json,
    /// UTF-8 text, for a string.
    Text,
    /// For bytes.
    Bytes,
}

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

impl Plan {
    /// Returns the flow that is started.
    pub fn main(&self) -> &Flow {
        &self.flows[0]
    }

    /// Returns the SHA-256 of the canonical form, in hex: sorted keys, without places.
    pub fn hash(&self) -> String {
        crate::text::with_stack(|| {
            let mut json = serde_json::to_value(self).expect("a plan is plain data");
            json["places"] = serde_json::to_value(Places::default()).expect("places are plain data");
            hex(&Sha256::digest(canonical(&json).as_bytes()))
        })
    }
}

/// Writes JSON with sorted keys and no spaces: what is hashed must not depend on an order.
pub fn canonical(json: &serde_json::Value) -> String {
    fn write(json: &serde_json::Value, out: &mut String) {
        match json {
            serde_json::Value::Object(map) => {
                let mut entries: Vec<_> = map.iter().collect();
                entries.sort_by_key(|entry| entry.0);
                out.push('{');
                for (index, (key, value)) in entries.into_iter().enumerate() {
                    if index > 0 {
                        out.push(',');
                    }
                    out.push_str(&serde_json::Value::from(key.as_str()).to_string());
                    out.push(':');
                    write(value, out);
                }
                out.push('}');
            }
            serde_json::Value::Array(items) => {
                out.push('[');
                for (index, item) in items.iter().enumerate() {
                    if index > 0 {
                        out.push(',');
                    }
                    write(item, out);
                }
                out.push(']');
            }
            scalar => out.push_str(&scalar.to_string()),
        }
    }
    let mut out = String::new();
    write(json, &mut out);
    out
}

/// Writes bytes in lower-case hex.
pub fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write;
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut out, byte| {
        let _ = write!(out, "{byte:02x}");
        out
    })
}
