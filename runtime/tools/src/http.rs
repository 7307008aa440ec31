//! Requests of HTTP tools.

use std::time::{SystemTime, UNIX_EPOCH};

use async_trait::async_trait;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use flow_runtime_api::{Failure, HttpAnswer, HttpRequest, Kind, Scrubber, Secret, Time, Tool, fill_marks};
use percent_encoding::{NON_ALPHANUMERIC, percent_encode};
use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use reqwest::{Method, StatusCode};
use url::Url;

use crate::client::Clients;
use crate::guard::{is_allowed, is_reserved, shown};

/// More redirects than these lead nowhere.
const REDIRECTS_MAX: usize = 10;
/// Of what a server says about an error, so many characters are passed on.
const SAID_CHARS_MAX: usize = 300;
/// Of an error's body so much is read.
const ERROR_BYTES_MAX: usize = 16 * 1024;
/// A server's wish to wait is believed up to a day.
const RETRY_AFTER_MS_MAX: u64 = 24 * 3600 * 1000;

/// Carries out requests. Holds the connections that are kept open; they belong to the executor on which it is used.
#[derive(Default)]
pub struct HttpTool {
    clients: Clients,
    scrubber: Scrubber,
}

/// A request that is ready to be sent, and again after a redirect.
struct Sending<'a> {
    method: Method,
    url: Url,
    headers: HeaderMap,
    /// The headers that hold secrets: they go nowhere but to the host that they are for.
    private: Vec<HeaderName>,
    body: Option<Vec<u8>>,
    request: &'a HttpRequest,
    secrets: &'a [(String, Secret)],
    scrubber: &'a Scrubber,
}

impl HttpTool {
    /// Returns a tool. What it says of servers' words is scrubbed of every secret that `scrubber` knows, and of those of
    /// the request. Makes no connection yet.
    pub fn new(scrubber: Scrubber) -> HttpTool {
        HttpTool { clients: Clients::default(), scrubber }
    }
}

#[async_trait]
impl Tool for HttpTool {
    async fn http(&self, request: &HttpRequest, secrets: &[(String, Secret)]) -> Result<HttpAnswer, Failure> {
        secrets.iter().for_each(|(_, value)| self.scrubber.learn(value));
        let mut sending = Sending::new(request, secrets, &self.scrubber)?;
        for _ in 0..=REDIRECTS_MAX {
            if !is_allowed(&sending.url, &request.allow) {
                let host = sending.url.host_str().unwrap_or_default();
                let message = format!(
                    "the host `{}` isn't in `allow`: `net(\"{0}\")` would permit it",
                    sending.clean(host)
                );
                return Err(Failure::new(Kind::ToolFailed, message));
            }
            let response = sending.send(&self.clients).await?;
            let Some(next) = sending.redirect(&response)? else { return sending.answer(response).await };
            sending.follow(response.status(), next);
        }
        let message = format!(
            "more than {REDIRECTS_MAX} redirects, the last one to {}",
            sending.clean(&shown(&sending.url))
        );
        Err(Failure::new(Kind::ToolFailed, message))
    }
}

impl<'a> Sending<'a> {
    fn new(
        request: &'a HttpRequest,
        secrets: &'a [(String, Secret)],
        scrubber: &'a Scrubber,
    ) -> Result<Sending<'a>, Failure> {
        let refuse = |message: String| Failure::new(Kind::ToolFailed, message);
        let method = Method::from_bytes(request.method.as_bytes())
            .map_err(|_| refuse(format!("`{}` is no HTTP method", request.method)))?;
        let body = match &request.body {
            Some(encoded) => {
                Some(STANDARD.decode(encoded).map_err(|_| refuse(String::from("the body is no base64")))?)
            }
            None => None,
        };
        let mut sending = Sending {
            method,
            url: url(request, secrets).map_err(|message| refuse(scrub_all(scrubber, secrets, &message)))?,
            headers: HeaderMap::new(),
            private: Vec::new(),
            body,
            request,
            secrets,
            scrubber,
        };
        for (name, text) in &request.headers {
            sending.header(name, text)?;
        }
        if let Some(kind) = &request.content_type {
            sending.header("content-type", kind)?;
        }
        if let Some(key) = &request.idempotency_key {
            sending.header("idempotency-key", key)?;
        }
        Ok(sending)
    }

    /// Sets a header, its secrets in their places.
    fn header(&mut self, name: &str, text: &str) -> Result<(), Failure> {
        let refuse = |message: &str| {
            let shown: String = name.chars().filter(|c| !c.is_control()).take(64).collect();
            Failure::new(Kind::ToolFailed, format!("the header `{shown}` {message}"))
        };
        let known = HeaderName::from_bytes(name.as_bytes()).map_err(|_| refuse("has no valid name"))?;
        if is_reserved(name) {
            return Err(refuse("is set by the client itself"));
        }
        let value = fill_marks(text, self.secrets)
            .map_err(|secret| refuse(&format!("needs the secret {secret}, which has no value")))?;
        let has_secret = self
            .secrets
            .iter()
            .any(|(_, secret)| !secret.expose().is_empty() && value.contains(secret.expose()));
        let mut value = HeaderValue::from_str(&value)
            .map_err(|_| refuse("holds a line break or another control character"))?;
        value.set_sensitive(has_secret);
        if has_secret && !self.private.contains(&known) {
            self.private.push(known.clone());
        }
        self.headers.append(known, value);
        Ok(())
    }

    async fn send(&self, clients: &Clients) -> Result<reqwest::Response, Failure> {
        let client = clients.of(&self.url).map_err(|error| Failure::new(Kind::Unavailable, error))?;
        let mut builder = client.request(self.method.clone(), self.url.clone()).headers(self.headers.clone());
        if let Some(body) = &self.body {
            builder = builder.body(body.clone());
        }
        builder.send().await.map_err(|error| {
            let url = self.clean(&shown(&self.url));
            let cause = self.clean(&root_cause(&error));
            if error.is_builder() {
                return Failure::new(Kind::ToolFailed, format!("{url} can't be called: {cause}"));
            }
            if error.is_connect() {
                return Failure::missing(format!("{url} can't be reached: {cause}"));
            }
            self.lost(format!("{url} closed the connection without an answer: {cause}"))
        })
    }

    /// The request was sent and its outcome isn't known.
    fn lost(&self, message: String) -> Failure {
        let kind = if self.request.repeatable { Kind::Unavailable } else { Kind::Uncertain };
        Failure::new(kind, message)
    }

    /// Returns where an answer sends the request, if it does.
    fn redirect(&self, response: &reqwest::Response) -> Result<Option<Url>, Failure> {
        if !matches!(response.status().as_u16(), 301 | 302 | 303 | 307 | 308) {
            return Ok(None);
        }
        let Some(location) = response.headers().get("location") else { return Ok(None) };
        let fail = |what: &str| {
            let from = self.clean(&shown(&self.url));
            Failure::new(Kind::ToolFailed, format!("{from} redirects {what}"))
        };
        let location = location.to_str().map_err(|_| fail("to what is no URL"))?;
        let next = self.url.join(location).map_err(|_| fail("to what is no URL"))?;
        if !matches!(next.scheme(), "http" | "https")
            || !next.username().is_empty()
            || next.password().is_some()
        {
            return Err(fail("to what may not be called"));
        }
        if !is_allowed(&next, &self.request.allow) {
            let host = self.clean(next.host_str().unwrap_or_default());
            return Err(fail(&format!("to `{host}`, which isn't in `allow`")));
        }
        if next.origin() != self.url.origin() && self.holds_secret(next.as_str()) {
            return Err(fail("to another server with a secret in the URL"));
        }
        Ok(Some(next))
    }

    /// Whether a URL holds the value of a secret, as it is or encoded.
    fn holds_secret(&self, url: &str) -> bool {
        let plain = percent_encoding::percent_decode_str(url).decode_utf8_lossy().replace('+', " ");
        self.secrets.iter().map(|(_, secret)| secret.expose()).any(|secret| {
            !secret.is_empty() && (url.contains(secret) || plain.contains(&secret.replace('+', " ")))
        })
    }

    /// Turns to where an answer points: as a GET without a body where the status says so, without secrets where it is
    /// another server.
    fn follow(&mut self, status: StatusCode, next: Url) {
        let becomes_get = match status.as_u16() {
            303 => self.method != Method::HEAD,
            301 | 302 => self.method == Method::POST,
            _ => false,
        };
        if becomes_get {
            self.method = Method::GET;
            self.body = None;
            for name in ["content-type", "content-encoding", "content-language", "idempotency-key"] {
                self.headers.remove(name);
            }
        }
        if next.origin() != self.url.origin() {
            for name in self.private.drain(..) {
                self.headers.remove(name);
            }
            for name in ["authorization", "cookie"] {
                self.headers.remove(name);
            }
        }
        self.url = next;
        self.url.set_fragment(None);
    }

    async fn answer(&self, mut response: reqwest::Response) -> Result<HttpAnswer, Failure> {
        let status = response.status();
        if !status.is_success() {
            return Err(self.refused(response).await);
        }
        let content_type = response
            .headers()
            .get("content-type")
            .and_then(|kind| kind.to_str().ok())
            .unwrap_or_default()
            .to_owned();
        let limit = usize::try_from(self.request.limit_bytes).unwrap_or(usize::MAX);
        let mut body = Vec::new();
        loop {
            let piece = response.chunk().await.map_err(|error| {
                let url = self.clean(&shown(&self.url));
                let cause = self.clean(&root_cause(&error));
                self.lost(format!("{url} broke off in the middle of its answer: {cause}"))
            })?;
            let Some(piece) = piece else { break };
            if body.len() + piece.len() > limit {
                let message =
                    format!("{} answers with more than {limit} bytes", self.clean(&shown(&self.url)));
                return Err(Failure::new(Kind::Exhausted, message));
            }
            body.extend_from_slice(&piece);
        }
        Ok(HttpAnswer { status: status.as_u16(), content_type, body })
    }

    /// A status other than success, with what the server says.
    async fn refused(&self, mut response: reqwest::Response) -> Failure {
        let status = response.status().as_u16();
        let retry_at = retry_at(response.headers());
        let mut said = Vec::new();
        while said.len() < ERROR_BYTES_MAX {
            let Ok(Some(piece)) = response.chunk().await else { break };
            said.extend_from_slice(&piece[..piece.len().min(ERROR_BYTES_MAX - said.len())]);
        }
        let kind = match status {
            401 | 403 => Kind::Refused,
            408 | 504 => Kind::Timeout,
            429 => Kind::RateLimited,
            500.. => Kind::Unavailable,
            _ => Kind::ToolFailed,
        };
        let said = self.clean(&String::from_utf8_lossy(&said));
        let colon = if said.is_empty() { "" } else { ": " };
        let url = self.clean(&shown(&self.url));
        let mut failure = Failure::new(kind, format!("{url} answers with status {status}{colon}{said}"));
        failure.retry_at = retry_at.filter(|_| kind.is_transient());
        failure
    }

    /// Makes words fit to be shown: without control characters and secrets, cut.
    fn clean(&self, text: &str) -> String {
        scrub_all(self.scrubber, self.secrets, text)
    }
}

fn scrub_all(scrubber: &Scrubber, secrets: &[(String, Secret)], text: &str) -> String {
    let printable: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    let mut clean = scrubber.scrub(&printable).into_owned();
    for (_, secret) in secrets {
        // Shorter values would mask ordinary words; the scrubber leaves them too.
        if secret.expose().len() >= 4 {
            clean = clean.replace(secret.expose(), "***");
            let encoded = percent_encode(secret.expose().as_bytes(), NON_ALPHANUMERIC).to_string();
            clean = clean.replace(&encoded, "***");
        }
    }
    let words = clean.split_whitespace().collect::<Vec<_>>().join(" ");
    match words.char_indices().nth(SAID_CHARS_MAX) {
        Some((at, _)) => format!("{}…", &words[..at]),
        None => words,
    }
}

/// Returns the URL with its query, secrets in their places: nowhere but in the query.
fn url(request: &HttpRequest, secrets: &[(String, Secret)]) -> Result<Url, String> {
    let missing = |name: String| format!("the URL needs the secret {name}, which has no value");
    let (path, query) = match request.url.split_once('?') {
        Some((path, query)) => (path, Some(query)),
        None => (request.url.as_str(), None),
    };
    let mut text = fill_marks(path, &[])
        .map_err(|name| format!("the secret {name} may stand in a URL's query, nowhere else in it"))?;
    if let Some(query) = query {
        // What stands in the query as written is encoded already, but for the secrets.
        let encoded: Vec<(String, Secret)> = secrets
            .iter()
            .map(|(name, value)| {
                let value = percent_encode(value.expose().as_bytes(), NON_ALPHANUMERIC).to_string();
                (name.clone(), Secret::new(value))
            })
            .collect();
        text.push('?');
        text.push_str(&fill_marks(query, &encoded).map_err(missing)?);
    }
    if text.contains(|c: char| c.is_control() || c.is_whitespace() || c == '\\') {
        return Err(String::from("the URL holds a space, a backslash or a control character"));
    }
    let mut url = Url::parse(&text)
        .map_err(|error| format!("`{}` is no URL: {error}", path.chars().take(200).collect::<String>()))?;
    if !matches!(url.scheme(), "http" | "https") || url.host_str().is_none() {
        return Err(format!("a URL begins with `https://` or `http://`, not with `{}:`", url.scheme()));
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(String::from("a URL may hold no user name or password; use a header"));
    }
    url.set_fragment(None);
    if !request.query.is_empty() {
        let mut pairs = url.query_pairs_mut();
        for (name, value) in &request.query {
            pairs.append_pair(name, &fill_marks(value, secrets).map_err(missing)?);
        }
    }
    Ok(url)
}

/// Reads when a server wants to be asked again: seconds or a date.
fn retry_at(headers: &HeaderMap) -> Option<Time> {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let now = Time(i64::try_from(since.as_millis()).unwrap_or(i64::MAX));
    let text = headers.get("retry-after")?.to_str().ok()?.trim();
    let ms = match text.parse::<f64>() {
        Ok(seconds) if seconds.is_finite() && seconds >= 0.0 => (seconds * 1000.0).ceil() as u64,
        Ok(_) => return None,
        Err(_) => {
            let date = jiff::fmt::rfc2822::parse(text).ok()?.timestamp();
            Time(date.as_millisecond()).since(now)
        }
    };
    Some(now.after_ms(ms.min(RETRY_AFTER_MS_MAX)))
}

fn root_cause(error: &dyn std::error::Error) -> String {
    let mut cause = error;
    while let Some(source) = cause.source() {
        cause = source;
    }
    cause.to_string()
}
