//! OpenAI's two APIs, responses and chat completions, and every server that speaks one of them.
//!
//! OpenAI's own server is asked by responses, which keep what a model thought from turn to turn; a compatible server by
//! chat completions, which all of them speak. What only chat completions take (`seed`, `stop`, audio, an output limit
//! below 16) goes to them at OpenAI, too. A model's `api` decides otherwise.

mod chat;
mod embeddings;
mod events;
mod responses;
mod usage;

use std::sync::Arc;

use async_trait::async_trait;
use flow_answer::openai::{Dialect, drop_absent, unwrap};
use flow_ir::catalogue::{self, Capability};
use flow_ir::plan::{Cache, Effort, Thinking};
use flow_runtime_api::{
    Answer, Call, Deltas, Embeddings, Failure, FinishReason, Kind, ModelInfo, Part, Provider, ResolvedModel,
    Role, ToolSpec, Usage,
};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::http::{Form, Http};
use crate::peer::Peer;
use crate::reading::{Reading, may_call};

/// Of a body that isn't streamed, and of a list of models.
const BODY_BYTES_MAX: usize = 64 * 1024 * 1024;
/// Responses refuse a lower limit of an answer, in tokens.
const RESPONSES_TOKENS_MIN: u64 = 16;

/// Which of the two APIs a call goes by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Api {
    Chat,
    Responses,
}

/// A body that is ready to be sent.
struct Request {
    body: Value,
    /// Whether the answer stands in a wrapper.
    wrapped: bool,
}

pub(crate) struct OpenAi {
    http: Arc<Http>,
    info: &'static catalogue::Provider,
}

impl OpenAi {
    pub fn new(http: Arc<Http>) -> OpenAi {
        let info = catalogue::provider("openai").expect("the table of providers has it");
        OpenAi { http, info }
    }
}

#[async_trait]
impl Provider for OpenAi {
    fn name(&self) -> &'static str {
        self.info.name
    }

    async fn ask(
        &self,
        model: &ResolvedModel,
        call: &Call,
        deltas: &mut dyn Deltas,
    ) -> Result<Answer, (Failure, Option<Usage>)> {
        let peer = Peer::new(self.info, model, &self.http.scrubber);
        let nothing_spent = |failure| (failure, None);
        let in_words = schema_in_words(&peer, call);
        let call = in_words.as_ref().unwrap_or(call);
        peer.check_key().map_err(nothing_spent)?;
        let api = api(&peer, call).map_err(nothing_spent)?;
        let (path, request) = match api {
            Api::Chat => ("/chat/completions", chat::request(&peer, call)),
            Api::Responses => ("/responses", responses::request(&peer, call)),
        };
        let Request { body, wrapped } = request.map_err(nothing_spent)?;
        let mut body =
            self.http.post(&peer, path, body.to_string().into_bytes()).await.map_err(nothing_spent)?;
        let mut reading = Reading::default();
        let mut items = responses::Items::default();
        let mut take = |data: &str, reading: &mut Reading, deltas: &mut dyn Deltas| match api {
            Api::Chat => chat::take(data, reading, deltas),
            Api::Responses => items.take(data, reading, deltas),
        };
        let read = match body.form(&peer).await {
            Ok(Form::Events) => events::read(&peer, body, &mut reading, deltas, &mut take).await,
            Ok(Form::Json) => events::read_whole(&peer, body, &mut reading, deltas, &mut take).await,
            Ok(Form::Html) => Err(peer.html(200)),
            Err(failure) => Err(failure),
        };
        let usage = reading.usage;
        let mut answer =
            read.and_then(|()| reading.answer(&peer, may_call(call))).map_err(|failure| (failure, usage))?;
        if wrapped && answer.finish == FinishReason::Stop {
            answer.text = unwrap(&answer.text).into_owned();
        }
        for asked in &mut answer.tool_calls {
            if let Some(tool) = call.tools.iter().find(|tool| tool.name == asked.name)
                && let Some(arguments) = drop_absent(&asked.arguments, &tool.parameters)
            {
                asked.arguments = arguments;
            }
        }
        Ok(answer)
    }

    async fn models(&self, model: &ResolvedModel) -> Result<Vec<ModelInfo>, Failure> {
        let peer = Peer::new(self.info, model, &self.http.scrubber);
        peer.check_key()?;
        let mut body = self.http.get(&peer, "/models").await?;
        if body.form(&peer).await? == Form::Html {
            return Err(peer.html(200));
        }
        let bytes = body.whole(&peer, BODY_BYTES_MAX).await?;
        let list: ModelList = serde_json::from_slice(&bytes)
            .map_err(|_| peer.gibberish("sent something else than a list of models"))?;
        Ok(list.data.into_iter().map(|entry| ModelInfo { name: entry.id }).collect())
    }

    async fn embed(&self, model: &ResolvedModel, texts: &[String]) -> Result<Embeddings, Failure> {
        let peer = Peer::new(self.info, model, &self.http.scrubber);
        peer.check_key()?;
        embeddings::embed(&self.http, &peer, texts).await
    }
}

#[derive(Deserialize)]
struct ModelList {
    data: Vec<ModelEntry>,
}

#[derive(Deserialize)]
struct ModelEntry {
    id: String,
}

/// Decides by which API a call goes; what the API that the model names has no place for is refused.
fn api(peer: &Peer<'_>, call: &Call) -> Result<Api, Failure> {
    let only_chat = only_chat(call);
    match (peer.model.api.as_deref(), only_chat) {
        (Some("chat"), _) => Ok(Api::Chat),
        (Some("responses"), None) => Ok(Api::Responses),
        (Some("responses"), Some(what)) => Err(Failure::new(
            Kind::Refused,
            format!("OpenAI's responses take no {what}: leave it out, or say `api: chat`"),
        )),
        (Some(other), _) => Err(Failure::new(
            Kind::Refused,
            format!("OpenAI has no API `{}`: it is `responses` or `chat`", peer.clean(other)),
        )),
        (None, Some(what)) if peer.is_vendor() && mode(peer) == Some("responses") => {
            let name = peer.clean(&peer.model.model);
            let message = format!("`openai/{name}` is asked by responses only, which take no {what}");
            Err(Failure::new(Kind::Refused, message))
        }
        (None, None) if peer.is_vendor() && !is_chat_only(&peer.model.model) => Ok(Api::Responses),
        (None, _) => Ok(Api::Chat),
    }
}

/// What the table says that OpenAI's model is asked by.
fn mode(peer: &Peer<'_>) -> Option<&'static str> {
    Some(catalogue::model("openai", &peer.model.model)?.mode)
}

/// Models that hear, and those that search by themselves, know no responses.
fn is_chat_only(model: &str) -> bool {
    model.contains("-audio") || model.contains("-search-")
}

/// Some of OpenAI's models answer by no schema: there it stands in the question.
fn schema_in_words(peer: &Peer<'_>, call: &Call) -> Option<Call> {
    let schema = call.schema.as_ref()?;
    let known = catalogue::model("openai", &peer.model.model).filter(|_| peer.is_vendor())?;
    if known.can(Capability::Schema) {
        return None;
    }
    let mut spoken = Call { schema: None, ..call.clone() };
    let asked = spoken.messages.iter_mut().rev().find(|message| message.role == Role::User)?;
    asked.parts.push(Part::Text(flow_answer::schema_prompt(&schema.json)));
    Some(spoken)
}

/// Returns what of a call only chat completions take.
fn only_chat(call: &Call) -> Option<&'static str> {
    let is_audio = |part: &Part| matches!(part, Part::Media { mime, .. } if mime.starts_with("audio/"));
    if call.sampling.seed.is_some() {
        return Some("`seed`");
    }
    if !call.sampling.stop.is_empty() {
        return Some("`stop`");
    }
    if call.sampling.max_tokens.is_some_and(|most| most < RESPONSES_TOKENS_MIN) {
        return Some("`max_tokens` below 16");
    }
    call.messages.iter().flat_map(|message| &message.parts).any(is_audio).then_some("audio")
}

/// What of a schema the server takes.
fn dialect(peer: &Peer<'_>) -> Dialect {
    if peer.is_vendor() { Dialect::Vendor } else { Dialect::Compatible }
}

/// Returns the declaration of a tool. OpenAI enforces the schema of its arguments where strict mode has words for it;
/// other servers are given it as it stands, since few enforce it.
fn function(peer: &Peer<'_>, tool: &ToolSpec) -> Value {
    let mut function = json!({"name": tool.name, "description": tool.description});
    match dialect(peer) {
        Dialect::Vendor => {
            let rewritten = flow_answer::openai::rewrite(&tool.parameters, Dialect::Vendor);
            // Arguments are an object, which is never wrapped; what is none is sent as it is.
            let strict = rewritten.strict && !rewritten.wrapped;
            function["strict"] = json!(strict);
            function["parameters"] = if strict { rewritten.schema } else { tool.parameters.clone() };
        }
        Dialect::Compatible => function["parameters"] = tool.parameters.clone(),
    }
    function
}

/// Returns the word for how much a model is to think; none where nothing is to be said, since it doesn't think anyway.
fn effort(peer: &Peer<'_>, call: &Call) -> Result<Option<&'static str>, Failure> {
    let name = peer.model.model.as_str();
    Ok(Some(match call.sampling.thinking {
        None => return Ok(None),
        Some(Thinking::Off) => match peer.is_vendor() {
            true if !thinks(peer) => return Ok(None),
            true if name.starts_with("gpt-5") && catalogue::always_thinks("openai", name) => "minimal",
            true if catalogue::always_thinks("openai", name) => "low",
            _ => "none",
        },
        // Some of the models that think don't unless they are told to.
        Some(Thinking::On) => "medium",
        Some(Thinking::Effort(Effort::Minimal)) => "minimal",
        Some(Thinking::Effort(Effort::Low)) => "low",
        Some(Thinking::Effort(Effort::Medium)) => "medium",
        Some(Thinking::Effort(Effort::High)) => "high",
        Some(Thinking::Effort(Effort::Max)) => "xhigh",
        Some(Thinking::Tokens(_)) => {
            let message =
                "OpenAI's models think by effort, not by a number of tokens: write `thinking: high`";
            return Err(Failure::new(Kind::Refused, message));
        }
    }))
}

/// Whether OpenAI's model thinks, as far as is known.
fn thinks(peer: &Peer<'_>) -> bool {
    let name = peer.model.model.as_str();
    match catalogue::model("openai", name) {
        Some(model) => model.can(Capability::Reasoning),
        None => catalogue::thinks_by_its_name("openai", name),
    }
}

/// Adds what concerns the cache of prompts. OpenAI caches the beginnings of long prompts by itself; a key of what calls
/// begin with leads them to the same machine, and a time above an hour asks to keep them for a day.
fn cache(call: &Call, body: &mut serde_json::Map<String, Value>) {
    const HOUR_MS: u64 = 3_600_000;
    let Some(cache @ (Cache::On | Cache::For(_))) = call.cache else { return };
    body.insert(String::from("prompt_cache_key"), json!(cache_key(call)));
    if let Cache::For(ms) = cache {
        let retention = if ms > HOUR_MS { "24h" } else { "in_memory" };
        body.insert(String::from("prompt_cache_retention"), json!(retention));
    }
}

/// Names what a call begins with: its tools, its schema and the messages of the system at its head.
fn cache_key(call: &Call) -> String {
    use sha2::Digest as _;
    let head: Vec<_> = call.messages.iter().take_while(|message| message.role == Role::System).collect();
    let json = json!([call.model, head, call.tools, call.schema]);
    let digest = sha2::Sha256::digest(json.to_string());
    flow_ir::plan::hex(&digest)[..32].to_owned()
}

/// A file's name for the wire, which takes its ending for its type.
fn file_name(mime: &str) -> &'static str {
    match mime {
        "application/pdf" => "file.pdf",
        "application/json" => "file.json",
        "text/html" => "file.html",
        "text/csv" => "file.csv",
        "text/markdown" => "file.md",
        _ if mime.starts_with("text/") => "file.txt",
        _ => "file",
    }
}

/// The data that a call brings along, or a failure where the wire can't fetch it.
fn data_of<'a>(what: &str, data: &'a Option<String>) -> Result<&'a str, Failure> {
    data.as_deref().ok_or_else(|| {
        let message =
            format!("chat completions fetch no {what} from a URL: give its bytes, `{{mime, data}}`");
        Failure::new(Kind::Refused, message)
    })
}

#[cfg(test)]
mod tests;
