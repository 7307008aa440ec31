//! Gemini's own API: `streamGenerateContent`, `batchEmbedContents` and the list of models.

mod embed;
mod errors;
mod family;
mod listing;
mod reading;
mod request;

use std::sync::Arc;

use async_trait::async_trait;
use flow_ir::catalogue;
use flow_ir::plan::Cache;
use flow_runtime_api::{
    Answer, Call, Deltas, Embeddings, Failure, Kind, ModelInfo, Part, Provider, ResolvedModel, ToolChoice,
    Usage,
};

pub(crate) use errors::refine;

use crate::http::{Body, Form, Http, now};
use crate::peer::Peer;
use crate::reading::{Broken, Reading};
use crate::stream::{Events, Lines};
use reading::Turn;

/// Its name in programs.
pub(crate) const NAME: &str = "gemini";
/// The version of the API that is asked unless the model says another: all models are there, previews too.
const VERSION: &str = "v1beta";
/// Ids that the server hasn't given begin so; it never sees them.
const MADE_UP: &str = "gemini_call_";
/// Of a body that isn't streamed.
const BODY_BYTES_MAX: usize = 64 * 1024 * 1024;
/// Of lines of a stream that are no events: an error may come as plain JSON.
const BARE_BYTES_MAX: usize = 1024 * 1024;

pub(crate) struct Gemini {
    http: Arc<Http>,
    info: &'static catalogue::Provider,
}

impl Gemini {
    pub fn new(http: Arc<Http>) -> Gemini {
        let info = catalogue::provider(NAME).expect("the table of providers has it");
        Gemini { http, info }
    }
}

#[async_trait]
impl Provider for Gemini {
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
        let mut body = self.send(&peer, call).await.map_err(|failure| (failure, None))?;
        let mut reading = Reading::default();
        let mut turn = Turn::new(calls_before(call));
        let read = match body.form(&peer).await {
            Ok(Form::Events) => read_events(&peer, body, &mut turn, &mut reading, deltas).await,
            Ok(Form::Json) => read_whole(&peer, body, &mut turn, &mut reading, deltas).await,
            Ok(Form::Html) => Err(peer.html(200)),
            Err(failure) => Err(failure),
        };
        let usage = turn.usage(&reading);
        let concluded = read.and_then(|()| turn.conclude(&peer, &mut reading));
        let may_call = !call.tools.is_empty() && call.tool_choice == ToolChoice::Auto;
        reading.usage = usage;
        let mut answer =
            concluded.and_then(|()| reading.answer(&peer, may_call)).map_err(|failure| (failure, usage))?;
        answer.opaque.extend(turn.opaque(&model.model, &answer));
        Ok(answer)
    }

    async fn embed(&self, model: &ResolvedModel, texts: &[String]) -> Result<Embeddings, Failure> {
        let peer = Peer::new(self.info, model, &self.http.scrubber);
        peer.check_key()?;
        embed::embed(&self.http, &peer, texts).await
    }

    async fn models(&self, model: &ResolvedModel) -> Result<Vec<ModelInfo>, Failure> {
        let peer = Peer::new(self.info, model, &self.http.scrubber);
        peer.check_key()?;
        listing::models(&self.http, &peer).await
    }
}

impl Gemini {
    async fn send(&self, peer: &Peer<'_>, call: &Call) -> Result<Body, Failure> {
        peer.check_key()?;
        if let Some(Cache::For(_)) = call.cache {
            let message =
                "Gemini keeps the beginnings of prompts by itself, as long as it likes: write `cache: true`";
            return Err(Failure::new(Kind::Refused, message));
        }
        let path = format!("{}:streamGenerateContent?alt=sse", model_path(peer)?);
        let body = request::body(&peer.model.model, call);
        self.http.post(peer, &path, body.to_string().into_bytes()).await
    }
}

/// Counts the calls of tools in a conversation.
fn calls_before(call: &Call) -> usize {
    let parts = call.messages.iter().flat_map(|message| &message.parts);
    parts.filter(|part| matches!(part, Part::ToolCall(_))).count()
}

/// Returns the version of the API that a model is asked by.
fn version(model: &ResolvedModel) -> &str {
    model.api_version.as_deref().unwrap_or(VERSION)
}

/// Returns where the API begins at its server: `/v1beta`, or nothing where the server's address ends so.
fn root(peer: &Peer<'_>) -> String {
    let root = format!("/{}", encode(version(peer.model), ""));
    if peer.base_url.ends_with(&root) { String::new() } else { root }
}

/// Returns where a model is: `/v1beta/models/gemini-2.5-flash`. A name with a slash, `tunedModels/mine`, is a whole one.
fn model_path(peer: &Peer<'_>) -> Result<String, Failure> {
    let name = peer.model.model.as_str();
    if name.is_empty() || name.split('/').any(|part| matches!(part, "" | "." | "..")) {
        let message = format!("`{}` is no name of a model", peer.clean(name));
        return Err(Failure::new(Kind::Refused, message));
    }
    Ok(format!("{}/{}", root(peer), encode(&resource(name), "/")))
}

/// Returns the full name of a model.
fn resource(name: &str) -> String {
    if name.contains('/') { String::from(name) } else { format!("models/{name}") }
}

/// Writes a text as a part of a URL; what is `kept` stays besides letters, digits and `-._~`.
fn encode(text: &str, kept: &str) -> String {
    use std::fmt::Write;
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        let plain =
            byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) || kept.as_bytes().contains(&byte);
        if plain {
            out.push(char::from(byte));
        } else {
            let _ = write!(out, "%{byte:02X}");
        }
    }
    out
}

/// Reads a stream to its end: pieces before the last may say that they are the end, too.
async fn read_events(
    peer: &Peer<'_>,
    mut body: Body,
    turn: &mut Turn,
    reading: &mut Reading,
    deltas: &mut dyn Deltas,
) -> Result<(), Failure> {
    let (mut lines, mut events) = (Lines::default(), Events::default());
    let mut bare = String::new();
    let mut take = |line: &str, turn: &mut Turn, reading: &mut Reading| {
        if is_bare(line) && bare.len() + line.len() < BARE_BYTES_MAX {
            bare.push_str(line);
            bare.push('\n');
        }
        events.line(line, |data| reading::event(data, turn, reading, deltas))
    };
    while let Some(bytes) = body.next(peer).await? {
        lines.feed(&bytes, |line| take(line, turn, reading)).map_err(|broken| failure(peer, broken))?;
    }
    lines
        .finish(|line| take(line, turn, reading))
        .and_then(|()| events.dispatch(|data| reading::event(data, turn, reading, deltas)))
        .and_then(|()| match bare.trim_start().starts_with(['{', '[']) {
            true => reading::document(&bare, turn, reading, deltas),
            false => Ok(()),
        })
        .map_err(|broken| failure(peer, broken))
}

/// Whether a line of a stream is none of an event's.
fn is_bare(line: &str) -> bool {
    let fields = ["data:", "event:", "id:", "retry:", ":", "\u{feff}"];
    !line.is_empty() && !fields.iter().any(|field| line.starts_with(field))
}

/// Reads an answer that came in one piece, from a server that doesn't stream.
async fn read_whole(
    peer: &Peer<'_>,
    body: Body,
    turn: &mut Turn,
    reading: &mut Reading,
    deltas: &mut dyn Deltas,
) -> Result<(), Failure> {
    let bytes = body.whole(peer, BODY_BYTES_MAX).await?;
    let text = std::str::from_utf8(&bytes).map_err(|_| peer.gibberish("sent bytes that are not UTF-8"))?;
    if text.trim().is_empty() {
        return Ok(());
    }
    reading::document(text, turn, reading, deltas).map_err(|broken| failure(peer, broken))?;
    reading.done = reading.begun;
    Ok(())
}

fn failure(peer: &Peer<'_>, broken: Broken) -> Failure {
    match broken {
        Broken::Reported(error) => errors::streamed(peer, &error, now()),
        broken => broken.failure(peer),
    }
}

#[cfg(test)]
mod tests;
