//! Anthropic's messages, and every server that speaks the same wire.

mod cache;
mod history;
mod incoming;
mod request;
mod thinking;

use std::sync::Arc;

use async_trait::async_trait;
use flow_answer::openai::unwrap;
use flow_ir::catalogue;
use flow_runtime_api::{
    Answer, Call, Deltas, Embeddings, Failure, FinishReason, Kind, ModelInfo, Provider, ResolvedModel, Usage,
};
use serde::Deserialize;

use self::incoming::Incoming;
use self::request::Request;
use crate::http::{Body, Form, Http};
use crate::peer::Peer;
use crate::reading::Broken;
use crate::stream::{Events, Lines};

/// Its name in programs.
pub(crate) const NAME: &str = "anthropic";
/// Of the API: what it takes and gives stays the same under it.
pub(crate) const VERSION: &str = "2023-06-01";
/// Of a body that isn't streamed, and of a list of models.
const BODY_BYTES_MAX: usize = 64 * 1024 * 1024;
/// A model may pause so often in one answer, while the server runs tools of its own.
const PAUSES_MAX: usize = 16;
/// Models are listed in so many pages at most.
const PAGES_MAX: usize = 20;

pub(crate) struct Anthropic {
    http: Arc<Http>,
    info: &'static catalogue::Provider,
}

impl Anthropic {
    pub fn new(http: Arc<Http>) -> Anthropic {
        let info = catalogue::provider(NAME).expect("the table of providers has it");
        Anthropic { http, info }
    }

    /// Reads one message into `incoming`.
    async fn turn(
        &self,
        peer: &Peer<'_>,
        request: &Request,
        incoming: &mut Incoming<'_>,
        deltas: &mut dyn Deltas,
    ) -> Result<(), Failure> {
        let mut body = self.http.post(peer, &path(peer, "/messages"), request.bytes()).await?;
        match body.form(peer).await? {
            Form::Events => read_events(peer, body, incoming, deltas).await,
            Form::Json => read_whole(peer, body, incoming, deltas).await,
            Form::Html => Err(peer.html(200)),
        }
    }
}

#[async_trait]
impl Provider for Anthropic {
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
        peer.check_key().map_err(|failure| (failure, None))?;
        let mut request = Request::new(&peer, call).map_err(|failure| (failure, None))?;
        let answer_tool = request.answer_tool.clone();
        let mut incoming = Incoming::new(&model.model, answer_tool.as_deref());
        for _ in 0..PAUSES_MAX {
            let read = self.turn(&peer, &request, &mut incoming, deltas).await;
            read.map_err(|failure| (failure, incoming.usage()))?;
            if !incoming.is_paused() {
                let usage = incoming.usage();
                let mut answer = incoming.answer(&peer, call).map_err(|failure| (failure, usage))?;
                if request.wrapped && answer.finish == FinishReason::Stop {
                    answer.text = unwrap(&answer.text).into_owned();
                }
                return Ok(answer);
            }
            request.go_on(incoming.so_far());
        }
        let message = format!("{} paused its answer {PAUSES_MAX} times", peer.name());
        Err((Failure::new(Kind::Exhausted, message), incoming.usage()))
    }

    async fn models(&self, model: &ResolvedModel) -> Result<Vec<ModelInfo>, Failure> {
        let peer = Peer::new(self.info, model, &self.http.scrubber);
        peer.check_key()?;
        let mut models = Vec::new();
        let mut path = path(&peer, "/models?limit=1000");
        let first = path.len();
        for _ in 0..PAGES_MAX {
            let mut body = self.http.get(&peer, &path).await?;
            if body.form(&peer).await? == Form::Html {
                return Err(peer.html(200));
            }
            let bytes = body.whole(&peer, BODY_BYTES_MAX).await?;
            let page: ModelList = serde_json::from_slice(&bytes)
                .map_err(|_| peer.gibberish("sent something else than a list of models"))?;
            models.extend(page.data.into_iter().map(|entry| ModelInfo { name: entry.id }));
            let Some(last) = page.last_id.filter(|_| page.has_more) else { break };
            path.truncate(first);
            path.push_str("&after_id=");
            path.extend(url::form_urlencoded::byte_serialize(last.as_bytes()));
        }
        Ok(models)
    }

    async fn embed(&self, _: &ResolvedModel, _: &[String]) -> Result<Embeddings, Failure> {
        let message =
            format!("{} makes no vectors of texts: another provider's model must be asked", self.info.title);
        Err(Failure::new(Kind::Refused, message))
    }
}

#[derive(Deserialize)]
struct ModelList {
    data: Vec<ModelEntry>,
    #[serde(default)]
    has_more: bool,
    #[serde(default)]
    last_id: Option<String>,
}

#[derive(Deserialize)]
struct ModelEntry {
    id: String,
}

/// Returns a path of the API beneath a base URL, which may hold its version or not.
fn path(peer: &Peer<'_>, path: &str) -> String {
    let version = if peer.base_url.ends_with("/v1") { "" } else { "/v1" };
    format!("{version}{path}")
}

async fn read_events(
    peer: &Peer<'_>,
    mut body: Body,
    incoming: &mut Incoming<'_>,
    deltas: &mut dyn Deltas,
) -> Result<(), Failure> {
    let (mut lines, mut events) = (Lines::default(), Events::default());
    while let Some(bytes) = body.next(peer).await? {
        lines
            .feed(&bytes, |line| events.line(line, |data| incoming.event(data, deltas)))
            .map_err(|broken: Broken| broken.failure(peer))?;
        if incoming.is_done() {
            body.drain().await;
            return Ok(());
        }
    }
    lines
        .finish(|line| events.line(line, |data| incoming.event(data, deltas)))
        .and_then(|()| events.dispatch(|data| incoming.event(data, deltas)))
        .map_err(|broken: Broken| broken.failure(peer))
}

/// Reads an answer that came in one piece, from a server that doesn't stream.
async fn read_whole(
    peer: &Peer<'_>,
    body: Body,
    incoming: &mut Incoming<'_>,
    deltas: &mut dyn Deltas,
) -> Result<(), Failure> {
    let bytes = body.whole(peer, BODY_BYTES_MAX).await?;
    let text = std::str::from_utf8(&bytes).map_err(|_| peer.gibberish("sent bytes that are not UTF-8"))?;
    if text.trim().is_empty() {
        return Ok(());
    }
    incoming.whole(text, deltas).map_err(|broken| broken.failure(peer))
}
#[cfg(test)]
mod tests;
