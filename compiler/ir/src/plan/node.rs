//! Models and nodes: what a step asks of the outside.

use serde::{Deserialize, Serialize};

use super::{Agent, BuiltIn, ModelId};
use crate::expr::SlotId;
use crate::{Expr, Name, Type};

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
    /// How much it may think.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub thinking: Option<Thinking>,
    /// Whether the beginning of a question may be kept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cache: Option<Cache>,
    /// Per attempt, in milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timeout_ms: Option<u64>,
    /// Additional tries.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry: Option<u32>,
    /// Which of the provider's APIs, `chat`, where it has several.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub api: Option<Name>,
    /// Another server of the same wire.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub base_url: Option<String>,
    /// The version of the provider's API, `v1beta`, if not the usual one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub api_version: Option<String>,
    /// The key, if not the provider's own environment variable.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub api_key: Option<SecretText>,
    /// More headers.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub headers: Vec<(String, SecretText)>,
}

/// How much a model may think before it answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Thinking {
    /// Not at all, or as little as the model can.
    Off,
    /// As much as the model likes.
    On,
    /// About so much.
    Effort(Effort),
    /// So many tokens at most.
    Tokens(u64),
}

/// How much a model may think, as providers name it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Effort {
    /// Hardly.
    Minimal,
    /// A little.
    Low,
    /// Some.
    Medium,
    /// Much.
    High,
    /// As much as the model can.
    Max,
}

/// Whether a provider may keep the beginning of a question, so that the next one that begins alike is cheaper.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Cache {
    /// No.
    Off,
    /// As long as the provider keeps it.
    On,
    /// So long, in milliseconds.
    For(u64),
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
#[allow(clippy::large_enum_variant, reason = "a plan has few nodes, and most are the largest")]
pub enum NodeKind {
    /// One model call.
    Prompt(Prompt),
    /// One HTTP request.
    Http(Http),
    /// A question to a person.
    Human(Human),
    /// Something outside that is waited for.
    Event(Delivery),
    /// A model with tools.
    Agent(Box<Agent>),
    /// Pure code that a model calls: a value over the parameters.
    Code(Expr),
    /// A tool that every program has.
    BuiltIn(BuiltIn),
}

impl NodeKind {
    /// Returns the time of an attempt, and of an agent as a whole, in milliseconds, where neither node nor model says
    /// one (C4).
    pub const fn timeout_ms(&self) -> u64 {
        match self {
            NodeKind::Prompt(_) => 120_000,
            NodeKind::Http(_) => 30_000,
            // People and events have to state one; a plan made by hand may not.
            NodeKind::Human(_) | NodeKind::Event(_) => 86_400_000,
            // Of the whole; a turn has that of a prompt.
            NodeKind::Agent(_) => 600_000,
            NodeKind::Code(_) | NodeKind::BuiltIn(_) => 10_000,
        }
    }

    /// Returns what a model is asked, where one is.
    pub fn ask(&self) -> Option<&Prompt> {
        match self {
            NodeKind::Prompt(prompt) => Some(prompt),
            NodeKind::Agent(agent) => Some(&agent.ask),
            _ => None,
        }
    }

    /// Returns the additional tries where neither node nor model says how many.
    pub const fn retry(&self) -> u32 {
        match self {
            NodeKind::Prompt(_) | NodeKind::Agent(_) => 2,
            NodeKind::Http(_)
            | NodeKind::Human(_)
            | NodeKind::Event(_)
            | NodeKind::Code(_)
            | NodeKind::BuiltIn(_) => 0,
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
