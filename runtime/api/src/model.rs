use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use flow_ir::Name;
use flow_ir::plan::{Cache, Thinking};

use crate::{Failure, Kind, Message, Secret, Usage};

/// A model of a provider, with everything that a call needs to reach it. Keys are secrets: never written anywhere.
#[derive(Clone, Debug, Default)]
pub struct ResolvedModel {
    /// `openai`, `ollama`.
    pub provider: Name,
    /// `gpt-4.1-mini`.
    pub model: Name,
    /// Which of the provider's APIs, `chat`, where the program says so.
    pub api: Option<Name>,
    /// Another server than the provider's own.
    pub base_url: Option<String>,
    /// Another version of the provider's API than the usual one: `v1`.
    pub api_version: Option<String>,
    /// The key, if there is one.
    pub api_key: Option<Secret>,
    /// More headers.
    pub headers: Vec<(String, Secret)>,
}

/// One question to a model, independent of its wire.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Call {
    /// `provider/model`, for fingerprints and messages.
    pub model: Name,
    /// The conversation.
    pub messages: Vec<Message>,
    /// The shape of the answer; none for text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub schema: Option<Schema>,
    /// What the model may call.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tools: Vec<ToolSpec>,
    /// Whether the model may call them.
    #[serde(default, skip_serializing_if = "ToolChoice::is_auto")]
    pub tool_choice: ToolChoice,
    /// Sampling.
    pub sampling: Sampling,
    /// Whether the provider may keep the beginning; it changes no answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cache: Option<Cache>,
    /// Whether `sampling.max_tokens` is the model's own limit, and not set by the program.
    #[serde(skip)]
    pub has_own_limit: bool,
}

impl Call {
    /// Returns what is asked, as fingerprints and tapes have it. What a provider keeps changes what a call costs, and not
    /// what it asks; the model's own limit isn't the program's, so that a newer table of models makes no run diverge.
    pub fn asked(&self) -> serde_json::Value {
        let mut json = serde_json::to_value(self).unwrap_or_default();
        if let Some(call) = json.as_object_mut() {
            call.shift_remove("cache");
        }
        if self.has_own_limit
            && let Some(sampling) = json.get_mut("sampling").and_then(serde_json::Value::as_object_mut)
        {
            sampling.shift_remove("max_tokens");
        }
        json
    }
}

/// Whether a model may call the tools that it is given.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ToolChoice {
    /// As it likes.
    #[default]
    Auto,
    /// No more: they are declared because the conversation has calls of them.
    None,
}

impl ToolChoice {
    fn is_auto(&self) -> bool {
        *self == ToolChoice::Auto
    }
}

/// The shape of an answer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Schema {
    /// A name for the wire: the type's, in `[a-zA-Z0-9_-]`, 64 at most.
    pub name: String,
    /// JSON Schema of the type as the language means it; each provider rewrites it to what it accepts.
    pub json: serde_json::Value,
}

/// A tool as a model sees it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ToolSpec {
    /// Its name.
    pub name: String,
    /// Its doc comment.
    pub description: String,
    /// JSON Schema of its arguments.
    pub parameters: serde_json::Value,
}

/// A model's wish to call a tool.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ToolCall {
    /// The provider's id, or one made from the position.
    pub id: String,
    /// The tool's name.
    pub name: String,
    /// The arguments as the model wrote them.
    pub arguments: String,
}

/// How an answer is drawn.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Sampling {
    /// 0 to 2.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub temperature: Option<f64>,
    /// 0 to 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub top_p: Option<f64>,
    /// Output tokens at most; always sent when known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_tokens: Option<u64>,
    /// The seed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seed: Option<i64>,
    /// Texts that end the answer.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub stop: Vec<String>,
    /// How much the model may think.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub thinking: Option<Thinking>,
}

/// A whole answer.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Answer {
    /// The text.
    pub text: String,
    /// Tools that the model asks for.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tool_calls: Vec<ToolCall>,
    /// Parts to send back as they came.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub opaque: Vec<crate::Part>,
    /// Why it ended.
    pub finish: FinishReason,
    /// What it took; `None` if the provider didn't say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub usage: Option<Usage>,
}

impl Answer {
    /// Returns its parts, as a message to be sent back has them: what is a provider's own, the text, the calls. Where
    /// those stood among each other is told by what is the provider's own.
    pub fn into_parts(self) -> Vec<crate::Part> {
        let text = (!self.text.is_empty()).then_some(crate::Part::Text(self.text));
        let calls = self.tool_calls.into_iter().map(crate::Part::ToolCall);
        self.opaque.into_iter().chain(text).chain(calls).collect()
    }
}

/// Why an answer ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FinishReason {
    /// The model was done.
    #[default]
    Stop,
    /// The output limit.
    Length,
    /// It asks for tools.
    ToolCalls,
    /// A content filter or a refusal.
    Refused,
}

/// A piece of an answer while it is written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Delta {
    /// Text of the answer.
    Text(String),
    /// Text of the model's reasoning.
    Reasoning(String),
}

/// Where pieces go; must return at once.
pub trait Deltas: Send {
    /// Takes a piece.
    fn delta(&mut self, delta: Delta);
}

impl<F: FnMut(Delta) + Send> Deltas for F {
    fn delta(&mut self, delta: Delta) {
        self(delta)
    }
}

/// A model as a provider lists it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ModelInfo {
    /// Its name at the provider.
    pub name: String,
}

/// Vectors of texts.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Embeddings {
    /// One for each text, in the texts' order, all of the same length.
    pub vectors: Vec<Vec<f32>>,
    /// What it took; `None` if the provider didn't say.
    pub usage: Option<Usage>,
}

/// An LLM API. Dropping a future closes its connection.
#[async_trait]
pub trait Provider: Send + Sync {
    /// Returns its name in programs: `openai`.
    fn name(&self) -> &'static str;

    /// Asks; the pieces of the answer go to `deltas` as they come. A failure carries the usage that was counted up to it.
    async fn ask(
        &self,
        model: &ResolvedModel,
        call: &Call,
        deltas: &mut dyn Deltas,
    ) -> Result<Answer, (Failure, Option<Usage>)>;

    /// Makes vectors of texts; a provider without such models refuses.
    async fn embed(&self, model: &ResolvedModel, texts: &[String]) -> Result<Embeddings, Failure> {
        let _ = (model, texts);
        Err(Failure::new(Kind::Refused, format!("{} makes no vectors", self.name())))
    }

    /// Lists the models that the server has.
    async fn models(&self, model: &ResolvedModel) -> Result<Vec<ModelInfo>, Failure>;
}
