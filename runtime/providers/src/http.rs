//! Sending a question and reading bodies, whichever the wire.

use std::collections::HashSet;
use std::sync::{Mutex, OnceLock, PoisonError};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use flow_ir::catalogue;
use flow_runtime_api::{Failure, Kind, Scrubber, Time};
use reqwest::header::{self, HeaderMap, HeaderName, HeaderValue};

use crate::peer::{Peer, retry_at};

/// To connect, TLS included. The time for the whole call belongs to the caller.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(15);
/// Of an answer's bytes on the wire; its text is bounded more tightly.
const STREAM_BYTES_MAX: u64 = 512 * 1024 * 1024;
/// Of an error's body.
const ERROR_BYTES_MAX: usize = 64 * 1024;
/// A connection that was closed long ago says so within a round trip; later it was the server that died on the request.
const STALE: Duration = Duration::from_secs(1);
/// Of so many servers it is remembered that they have answered.
const SERVERS_MAX: usize = 1024;
/// A stream that has said all may still have to be closed; a connection that takes longer isn't kept.
const DRAIN: Duration = Duration::from_millis(50);

/// The clients: their connections are kept open and used again.
pub(crate) struct Http {
    outside: OnceLock<Result<reqwest::Client, String>>,
    local: OnceLock<Result<reqwest::Client, String>>,
    local_tls: OnceLock<Result<reqwest::Client, String>>,
    /// Servers that have answered.
    reached: Mutex<HashSet<String>>,
    pub scrubber: Scrubber,
}

impl Http {
    pub fn new(scrubber: Scrubber) -> Http {
        Http {
            outside: OnceLock::new(),
            local: OnceLock::new(),
            local_tls: OnceLock::new(),
            reached: Mutex::default(),
            scrubber,
        }
    }

    /// Posts JSON; an answer that isn't a success is a failure.
    pub async fn post(&self, peer: &Peer<'_>, path: &str, json: Vec<u8>) -> Result<Body, Failure> {
        let url = format!("{}{path}", peer.base_url);
        let request = self
            .client(peer)?
            .post(&url)
            .headers(headers(peer)?)
            .header(header::CONTENT_TYPE, HeaderValue::from_static("application/json"))
            .header(header::ACCEPT, HeaderValue::from_static("text/event-stream, application/json"))
            .body(json);
        self.send(peer, request).await
    }

    /// Gets something; an answer that isn't a success is a failure.
    pub async fn get(&self, peer: &Peer<'_>, path: &str) -> Result<Body, Failure> {
        let request = self.client(peer)?.get(format!("{}{path}", peer.base_url)).headers(headers(peer)?);
        self.send(peer, request).await
    }

    async fn send(&self, peer: &Peer<'_>, request: reqwest::RequestBuilder) -> Result<Body, Failure> {
        let again = if self.may_be_stale(peer) { request.try_clone() } else { None };
        let begun = Instant::now();
        let mut sent = request.send().await;
        if let (Err(error), Some(again)) = (&sent, again) {
            let closed = !error.is_builder() && !error.is_connect();
            if closed && begun.elapsed() < STALE {
                sent = again.send().await;
            }
        }
        let response = sent.map_err(|error| {
            if error.is_builder() {
                let url = peer.address();
                return Failure::new(Kind::Refused, format!("`{url}` is not a URL that can be called"));
            }
            peer.unreachable(&error)
        })?;
        self.answered(peer);
        let status = response.status();
        let body = Body::new(response);
        if status.is_success() {
            return Ok(body);
        }
        let retry_at = retry_at(body.response.headers(), now());
        let location = body.header(header::LOCATION);
        let is_html = body.is_html();
        let said = body.beginning(ERROR_BYTES_MAX).await;
        let mut failure = peer.status(status.as_u16(), &said, is_html, location.as_deref());
        failure.retry_at = retry_at.filter(|_| failure.built_in().is_some_and(Kind::is_transient));
        if peer.info.name == crate::gemini::NAME {
            crate::gemini::refine(peer, status.as_u16(), &said, now(), &mut failure);
        }
        Err(failure)
    }

    /// Whether a connection to the server may have been kept open that it has closed since. Some servers say that they
    /// keep one and close it at once; what is sent on it is lost, and then sent again on another.
    fn may_be_stale(&self, peer: &Peer<'_>) -> bool {
        self.reached.lock().unwrap_or_else(PoisonError::into_inner).contains(&peer.base_url)
    }

    fn answered(&self, peer: &Peer<'_>) {
        let mut reached = self.reached.lock().unwrap_or_else(PoisonError::into_inner);
        if !reached.contains(&peer.base_url) && reached.len() < SERVERS_MAX {
            reached.insert(peer.base_url.clone());
        }
    }

    fn client(&self, peer: &Peer<'_>) -> Result<&reqwest::Client, Failure> {
        // A server on this machine is never behind a proxy.
        // Reading the roots of trust takes a millisecond, which a local model need not wait for.
        let client = match (catalogue::is_loopback(&peer.base_url), peer.base_url.starts_with("https:")) {
            (true, false) => self.local.get_or_init(|| build(true, false)),
            (true, true) => self.local_tls.get_or_init(|| build(true, true)),
            (false, _) => self.outside.get_or_init(|| build(false, true)),
        };
        client.as_ref().map_err(|error| Failure::missing(error.clone()))
    }
}

/// Builds a client that follows no redirect, so that a key goes nowhere but to the server it is for.
fn build(local: bool, tls: bool) -> Result<reqwest::Client, String> {
    let mut builder = reqwest::Client::builder()
        .redirect(reqwest::redirect::Policy::none())
        .connect_timeout(CONNECT_TIMEOUT)
        .gzip(false)
        .tcp_nodelay(true)
        .retry(reqwest::retry::never())
        .user_agent(concat!("flow/", env!("CARGO_PKG_VERSION")))
        .tls_certs_only(if tls { roots()? } else { Vec::new() });
    if local {
        builder = builder.no_proxy();
    }
    builder.build().map_err(|error| format!("the HTTP client can't be made: {error}"))
}

/// Returns the roots of trust: Mozilla's, embedded, so that a bare container needs none; and those that `SSL_CERT_FILE`
/// names, as a company's proxy wants them.
fn roots() -> Result<Vec<reqwest::Certificate>, String> {
    let mut roots = webpki_root_certs::TLS_SERVER_ROOT_CERTS
        .iter()
        .filter_map(|root| reqwest::Certificate::from_der(root).ok())
        .collect::<Vec<_>>();
    if let Some(path) = std::env::var_os("SSL_CERT_FILE") {
        let path = std::path::PathBuf::from(path);
        let pem = std::fs::read(&path)
            .map_err(|error| format!("SSL_CERT_FILE {} can't be read: {error}", path.display()))?;
        let more = reqwest::Certificate::from_pem_bundle(&pem)
            .map_err(|_| format!("SSL_CERT_FILE {} holds no certificates", path.display()))?;
        roots.extend(more);
    }
    Ok(roots)
}

/// Returns the headers of a call: the key, and what the model says.
fn headers(peer: &Peer<'_>) -> Result<HeaderMap, Failure> {
    let mut headers = HeaderMap::new();
    let secret = |value: &str, whose: &str| {
        let mut value = HeaderValue::from_str(value).map_err(|_| {
            Failure::new(
                Kind::Refused,
                format!("{whose} holds a character that can't be sent, a line break perhaps"),
            )
        })?;
        value.set_sensitive(true);
        Ok::<_, Failure>(value)
    };
    if let Some(key) = &peer.model.api_key {
        let whose = format!("the key of {}", peer.info.title);
        match peer.info.name {
            crate::gemini::NAME => {
                let name = HeaderName::from_static("x-goog-api-key");
                headers.insert(name, secret(key.expose(), &whose)?);
            }
            crate::anthropic::NAME => {
                headers.insert(HeaderName::from_static("x-api-key"), secret(key.expose(), &whose)?);
            }
            _ => {
                let bearer = format!("Bearer {}", key.expose());
                headers.insert(header::AUTHORIZATION, secret(&bearer, &whose)?);
            }
        }
    }
    if peer.info.name == crate::anthropic::NAME {
        let version = HeaderValue::from_static(crate::anthropic::VERSION);
        headers.insert(HeaderName::from_static("anthropic-version"), version);
    }
    for (name, value) in &peer.model.headers {
        let shown = peer.clean(name);
        let name = HeaderName::from_bytes(name.as_bytes())
            .map_err(|_| Failure::new(Kind::Refused, format!("`{shown}` is no name of a header")))?;
        headers.insert(name, secret(value.expose(), &format!("the header `{shown}`"))?);
    }
    Ok(headers)
}

pub(crate) fn now() -> Time {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Time(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
}

/// How a body is to be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    /// Server-sent events.
    Events,
    /// JSON, one document or one a line.
    Json,
    /// A page.
    Html,
}

/// The body of an answer, bounded.
pub(crate) struct Body {
    pub response: reqwest::Response,
    first: Option<Bytes>,
    bytes: u64,
}

impl Body {
    fn new(response: reqwest::Response) -> Body {
        Body { response, first: None, bytes: 0 }
    }

    fn header(&self, name: HeaderName) -> Option<String> {
        Some(self.response.headers().get(name)?.to_str().ok()?.to_owned())
    }

    fn is_html(&self) -> bool {
        self.header(header::CONTENT_TYPE).is_some_and(|kind| kind.to_ascii_lowercase().contains("html"))
    }

    /// Tells the body's form, by its type, and where that says nothing by its beginning.
    pub async fn form(&mut self, peer: &Peer<'_>) -> Result<Form, Failure> {
        let kind = self.header(header::CONTENT_TYPE).unwrap_or_default().to_ascii_lowercase();
        if kind.starts_with("text/event-stream") {
            return Ok(Form::Events);
        }
        if kind.contains("json") {
            return Ok(Form::Json);
        }
        let beginning = loop {
            match self.next(peer).await? {
                Some(bytes) if bytes.trim_ascii_start().is_empty() => {}
                Some(bytes) => break bytes,
                None => return Err(peer.gibberish("sent an empty answer")),
            }
        };
        let text = beginning.trim_ascii_start();
        let text = text.strip_prefix("\u{feff}".as_bytes()).unwrap_or(text);
        let form = match text.first() {
            Some(b'{' | b'[') => Some(Form::Json),
            Some(b'<') => Some(Form::Html),
            _ if [b"data:".as_slice(), b"event:", b"id:", b":"].iter().any(|mark| text.starts_with(mark)) => {
                Some(Form::Events)
            }
            _ => None,
        };
        let shown = peer.clean(&String::from_utf8_lossy(&text[..text.len().min(1000)]));
        self.first = Some(beginning);
        form.ok_or_else(|| {
            let kind = if kind.is_empty() { String::from("nothing") } else { peer.clean(&kind) };
            peer.gibberish(format_args!("sent {kind} instead of JSON: {shown}"))
        })
    }

    /// Returns the next bytes; `None` at the end.
    pub async fn next(&mut self, peer: &Peer<'_>) -> Result<Option<Bytes>, Failure> {
        if let Some(first) = self.first.take() {
            return Ok(Some(first));
        }
        let Some(bytes) = self.response.chunk().await.map_err(|error| peer.broken(&error))? else {
            return Ok(None);
        };
        self.bytes = self.bytes.saturating_add(bytes.len() as u64);
        if self.bytes > STREAM_BYTES_MAX {
            let message = format!("{} sent more than {} MiB", peer.name(), STREAM_BYTES_MAX / 1024 / 1024);
            return Err(Failure::new(Kind::Exhausted, message));
        }
        Ok(Some(bytes))
    }

    /// Returns the whole body, `bytes_max` at most.
    pub async fn whole(mut self, peer: &Peer<'_>, bytes_max: usize) -> Result<Vec<u8>, Failure> {
        let mut whole = Vec::new();
        while let Some(bytes) = self.next(peer).await? {
            if whole.len() + bytes.len() > bytes_max {
                let message = format!("{} sent more than {} MiB", peer.name(), bytes_max / 1024 / 1024);
                return Err(Failure::new(Kind::Exhausted, message));
            }
            whole.extend_from_slice(&bytes);
        }
        Ok(whole)
    }

    /// Reads to the end of a stream that has said all, so that its connection can be used again.
    pub async fn drain(mut self) {
        let rest = async { while let Ok(Some(_)) = self.response.chunk().await {} };
        // A server that doesn't end its stream costs a new connection, nothing else.
        let _ = tokio::time::timeout(DRAIN, rest).await;
    }

    /// Returns the beginning of a body, as far as it comes.
    async fn beginning(mut self, bytes_max: usize) -> Vec<u8> {
        let mut out = Vec::new();
        while out.len() < bytes_max {
            let Ok(Some(bytes)) = self.response.chunk().await else { break };
            out.extend_from_slice(&bytes[..bytes.len().min(bytes_max - out.len())]);
        }
        out
    }
}
