//! The server of a call as messages speak of it, and what its faults mean.

use flow_ir::catalogue;
use flow_runtime_api::{Failure, Kind, ResolvedModel, Scrubber, Time, public_url, url_secrets};
use serde_json::Value;

use crate::proxy;
use crate::stream::Fault;

/// Of what a server says, so many characters at most are passed on.
const SAID_CHARS_MAX: usize = 300;
/// Errors inside an answer that another attempt meets again, as Anthropic names them.
const NO_USE_AGAIN: [&str; 6] = [
    "invalid_request_error",
    "authentication_error",
    "permission_error",
    "billing_error",
    "not_found_error",
    "request_too_large",
];
/// A server's wish to wait is believed up to a day.
const RETRY_AFTER_MS_MAX: u64 = 24 * 3600 * 1000;

/// The server of one call.
pub(crate) struct Peer<'a> {
    pub info: &'static catalogue::Provider,
    pub model: &'a ResolvedModel,
    /// Without a slash at the end.
    pub base_url: String,
    scrubber: &'a Scrubber,
}

impl<'a> Peer<'a> {
    pub fn new(
        info: &'static catalogue::Provider,
        model: &'a ResolvedModel,
        scrubber: &'a Scrubber,
    ) -> Peer<'a> {
        let base_url = model.base_url.as_deref().unwrap_or(info.base_url);
        for secret in model.api_key.iter().chain(model.headers.iter().map(|(_, value)| value)) {
            scrubber.learn(secret);
        }
        url_secrets(base_url).iter().for_each(|secret| scrubber.learn(secret));
        Peer { info, model, base_url: base_url.trim_end_matches('/').to_owned(), scrubber }
    }

    /// Whether this is the provider's own server.
    pub fn is_vendor(&self) -> bool {
        self.info.is_vendor(&self.base_url)
    }

    /// `OpenAI`, or `http://127.0.0.1:8090/v1` where that says more.
    pub fn name(&self) -> String {
        if self.is_vendor() { self.info.title.to_owned() } else { self.address() }
    }

    /// Where the server is, as it may be shown.
    pub fn address(&self) -> String {
        self.clean(&public_url(&self.base_url))
    }

    /// How a key is given.
    pub fn key_names(&self) -> String {
        match self.info.key_variables {
            [] => String::from("the model's `api_key`"),
            names => format!("{} or the model's `api_key`", names.join(", ")),
        }
    }

    /// Refuses a call to the provider's own server that has no key.
    pub fn check_key(&self) -> Result<(), Failure> {
        if self.model.api_key.is_some() || !self.info.needs_key || !self.is_vendor() {
            return Ok(());
        }
        let message = format!("{} needs a key: set {}", self.info.title, self.key_names());
        Err(Failure::new(Kind::Refused, message))
    }

    /// Makes a server's words fit to be shown: without control characters and secrets, cut.
    pub fn clean(&self, text: &str) -> String {
        let printable: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
        let mut scrubbed = self.scrubber.scrub(&printable).into_owned();
        for secret in self.model.api_key.iter().chain(self.model.headers.iter().map(|(_, value)| value)) {
            // Shorter values would mask ordinary words; the scrubber leaves them too.
            if secret.expose().len() >= 4 && scrubbed.contains(secret.expose()) {
                scrubbed = scrubbed.replace(secret.expose(), "***");
            }
        }
        let words = scrubbed.split_whitespace().collect::<Vec<_>>().join(" ");
        match words.char_indices().nth(SAID_CHARS_MAX) {
            Some((at, _)) => format!("{}…", &words[..at]),
            None => words,
        }
    }

    /// No connection, or none that lasted up to the answer's head.
    pub fn unreachable(&self, error: &reqwest::Error) -> Failure {
        let cause = self.clean(&root_cause(error));
        let url = self.address();
        let what =
            if error.is_connect() { "can't be reached" } else { "closed the connection without an answer" };
        let hint = self.hint(&cause);
        let message = format!("{} at {url} {what}: {cause}{hint}", self.info.title);
        match error.is_connect() {
            true => Failure::missing(message),
            false => Failure::new(Kind::Unavailable, message),
        }
    }

    /// Says what to look at when there is no connection.
    fn hint(&self, cause: &str) -> String {
        // What rustls and hyper say is all there is to tell these by; where they say something else, less is told.
        let is_of = |words: &[&str]| words.iter().any(|word| cause.contains(word));
        if is_of(&["certificate"]) {
            return String::from(
                "; if it is a server or a proxy of your own, name the certificate to trust in SSL_CERT_FILE",
            );
        }
        if is_of(&["InvalidContentType", "corrupt message"]) {
            return String::from("; it doesn't speak TLS: is it `http://` rather than `https://`?");
        }
        if is_of(&["invalid HTTP version"]) && self.base_url.starts_with("http:") {
            return String::from("; it doesn't speak plain HTTP: is it `https://` rather than `http://`?");
        }
        if let Some(proxy) = proxy::through(&self.base_url) {
            let proxy = self.clean(&proxy);
            return format!(
                "; it is asked through the proxy {proxy}: is that right, and is it running? NO_PROXY leaves servers out"
            );
        }
        match (self.info.name, catalogue::is_loopback(&self.base_url)) {
            ("ollama", true) => {
                String::from("; start it with `ollama serve`, or set OLLAMA_HOST to where it runs")
            }
            (_, true) => String::from("; is the server running there?"),
            _ if self.is_vendor() => String::from("; is this machine online, and does it need HTTPS_PROXY?"),
            _ => String::from("; is `base_url` right?"),
        }
    }

    /// The connection broke inside the answer.
    pub fn broken(&self, error: &reqwest::Error) -> Failure {
        let cause = self.clean(&root_cause(error));
        self.gibberish(format_args!("broke off in the middle of an answer: {cause}"))
    }

    /// The answer isn't what the wire says; another attempt may help.
    pub fn gibberish(&self, what: impl std::fmt::Display) -> Failure {
        Failure::new(Kind::Unavailable, format!("{} {what}", self.name()))
    }

    /// The stream can't be taken apart.
    pub fn fault(&self, fault: Fault) -> Failure {
        match fault {
            Fault::LongLine => {
                Failure::new(Kind::Exhausted, format!("{} sent a line of more than 8 MiB", self.name()))
            }
            Fault::NotUtf8 => self.gibberish("sent bytes that are not UTF-8"),
        }
    }

    /// A page instead of an answer.
    pub fn html(&self, status: u16) -> Failure {
        let url = self.address();
        let message = format!(
            "{} answers with an HTML page (status {status}) instead of JSON: is {url} the address of its API?",
            self.name()
        );
        Failure::new(Kind::Unavailable, message)
    }

    /// A status other than success, with what the server said.
    pub fn status(&self, status: u16, body: &[u8], is_html: bool, location: Option<&str>) -> Failure {
        let (said, code) = error_text(body);
        let said = match said {
            Some(text) => self.clean(&text),
            None if is_html => String::from("an HTML page"),
            None => self.clean(&String::from_utf8_lossy(body)),
        };
        let colon = if said.is_empty() { "" } else { ": " };
        let name = self.name();
        let model = self.clean(&self.model.model);
        let (kind, message) = match status {
            300..=399 => {
                let to = location.map(|to| format!(" to {}", self.clean(to))).unwrap_or_default();
                (
                    Kind::Unavailable,
                    format!(
                        "{name} redirects{to} (status {status}), where the key isn't sent: set `base_url` to the right address"
                    ),
                )
            }
            401 if self.model.api_key.is_none() => {
                (Kind::Refused, format!("{name} wants a key: set {}{colon}{said}", self.key_names()))
            }
            401 => (Kind::Refused, format!("{name} refuses the key in {}{colon}{said}", self.key_names())),
            403 => (Kind::Refused, format!("{name} forbids this call (status 403){colon}{said}")),
            404 if !model.is_empty()
                && (code.as_deref() == Some("model_not_found") || said.contains(model.as_str())) =>
            {
                let hint = match self.info.name {
                    "ollama" => format!("; `ollama pull {model}` fetches it"),
                    _ => String::new(),
                };
                (Kind::Refused, format!("{name} has no model `{model}`{colon}{said}{hint}"))
            }
            404 => {
                let and_model = match model.is_empty() {
                    true => String::new(),
                    false => format!(", and is there a model `{model}`"),
                };
                let url = self.address();
                (
                    Kind::Refused,
                    format!(
                        "{name} knows nothing at {url} (status 404); is `base_url` right{and_model}?{colon}{said}"
                    ),
                )
            }
            407 => {
                let proxy =
                    proxy::through(&self.base_url).map(|proxy| self.clean(&proxy)).unwrap_or_default();
                (
                    Kind::Refused,
                    format!(
                        "the proxy {proxy} wants a user and a password (status 407): write them as `http://USER:PASSWORD@…` in its variable"
                    ),
                )
            }
            429 => (Kind::RateLimited, format!("{name} asks to come back later (status 429){colon}{said}")),
            408 | 409 | 425 | 500.. => {
                (Kind::Unavailable, format!("{name} has an error of its own (status {status}){colon}{said}"))
            }
            _ => (Kind::Refused, format!("{name} refuses the request (status {status}){colon}{said}")),
        };
        Failure::new(kind, message)
    }

    /// An error that came inside a stream, after the head said that all is well.
    pub fn streamed(&self, error: &Value) -> Failure {
        let (said, code) = error_fields(error);
        let said = self.clean(&said.unwrap_or_else(|| error.to_string()));
        let code = code.unwrap_or_default();
        let lower = format!("{code} {said}").to_lowercase();
        let kind = if lower.contains("rate_limit") || lower.contains("rate limit") || code == "429" {
            Kind::RateLimited
        } else if lower.contains("content_filter")
            || lower.contains("content_policy")
            || NO_USE_AGAIN.contains(&code.as_str())
        {
            Kind::Refused
        } else {
            Kind::Unavailable
        };
        Failure::new(kind, format!("{} reports an error inside its answer: {said}", self.name()))
    }
}

/// Reads when a server wants to be asked again: `Retry-After-Ms`, `Retry-After` in seconds or as a date.
pub(crate) fn retry_at(headers: &reqwest::header::HeaderMap, now: Time) -> Option<Time> {
    let header = |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).map(str::trim);
    let wait_ms = |number: f64| (number.is_finite() && number >= 0.0).then(|| number.ceil() as u64);
    let ms = header("retry-after-ms").and_then(|text| text.parse().ok()).and_then(wait_ms).or_else(|| {
        let text = header("retry-after")?;
        match text.parse::<f64>() {
            Ok(seconds) => wait_ms(seconds * 1000.0),
            Err(_) => {
                let date = jiff::fmt::rfc2822::parse(text).ok()?.timestamp();
                Some(Time(date.as_millisecond()).since(now))
            }
        }
    })?;
    Some(now.after_ms(ms.min(RETRY_AFTER_MS_MAX)))
}

/// Returns what a JSON body says is wrong, and its code.
fn error_text(body: &[u8]) -> (Option<String>, Option<String>) {
    match serde_json::from_slice::<Value>(body) {
        Ok(json) => error_fields(&json),
        Err(_) => (None, None),
    }
}

/// Finds message and code in the shapes that servers use: `{"error": {"message", "code"}}`, `{"error": "text"}`,
/// `{"message"}`, `{"detail"}`, and a list of such.
fn error_fields(json: &Value) -> (Option<String>, Option<String>) {
    let json = json.as_array().and_then(|list| list.first()).unwrap_or(json);
    let error = json.get("error").filter(|error| !error.is_null()).unwrap_or(json);
    let text = |value: &Value| match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    };
    let message = text(error)
        .or_else(|| ["message", "detail", "msg"].iter().find_map(|key| error.get(key).and_then(text)))
        .or_else(|| error.get("detail").map(Value::to_string));
    let code = ["code", "type"].iter().find_map(|key| error.get(key).and_then(text));
    (message, code)
}

fn root_cause(error: &dyn std::error::Error) -> String {
    let mut cause = error;
    while let Some(source) = cause.source() {
        cause = source;
    }
    cause.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use reqwest::header::{HeaderMap, HeaderName, HeaderValue};

    #[test]
    fn a_wish_to_wait_is_read_in_all_its_forms() {
        let now = Time(784_111_777_000); // 1994-11-06T08:49:37Z
        let at = |name: &'static str, value: &'static str| {
            let mut headers = HeaderMap::new();
            headers.insert(HeaderName::from_static(name), HeaderValue::from_static(value));
            retry_at(&headers, now).map(|at| at.0 - now.0)
        };
        assert_eq!(at("retry-after", "3"), Some(3_000));
        assert_eq!(at("retry-after", "0.25"), Some(250));
        assert_eq!(at("retry-after-ms", "12.5"), Some(13));
        assert_eq!(at("retry-after", "Sun, 06 Nov 1994 08:49:40 GMT"), Some(3_000));
        assert_eq!(at("retry-after", "Sun, 06 Nov 1994 08:00:00 GMT"), Some(0));
        assert_eq!(at("retry-after", "99999999999999"), Some(24 * 3600 * 1000));
        for nonsense in ["-1", "soon", "", "NaN", "inf"] {
            assert_eq!(at("retry-after", nonsense), None, "{nonsense}");
        }
    }

    #[test]
    fn an_address_opens_nothing() {
        let base_url = Some(String::from("http://user:CANARYpw@127.0.0.1:1/v1?key=CANARYkey"));
        let model = ResolvedModel { base_url, ..ResolvedModel::default() };
        let scrubber = Scrubber::default();
        let peer = Peer::new(catalogue::provider("openai").unwrap(), &model, &scrubber);
        for shown in [
            peer.name(),
            peer.html(200).message,
            peer.status(404, b"no user:CANARYpw, no CANARYkey", false, None).message,
        ] {
            assert!(shown.contains("***@127.0.0.1:1/v1?key=***") && !shown.contains("CANARY"), "{shown}");
        }
    }

    #[test]
    fn an_error_inside_an_answer_says_whether_to_try_again() {
        let scrubber = Scrubber::default();
        let model = ResolvedModel::default();
        let peer = Peer::new(catalogue::provider("anthropic").unwrap(), &model, &scrubber);
        for (kind, expected) in [
            ("overloaded_error", "unavailable"),
            ("api_error", "unavailable"),
            ("rate_limit_error", "rate_limited"),
            ("invalid_request_error", "refused"),
            ("permission_error", "refused"),
        ] {
            let failure = peer.streamed(&serde_json::json!({"type": kind, "message": "said"}));
            assert_eq!(failure.kind, expected, "{kind}");
            assert!(failure.message.contains("said"), "{}", failure.message);
        }
    }

    #[test]
    fn errors_are_found_in_every_shape() {
        let said = |body: &str| error_text(body.as_bytes());
        let some = |text: &str| Some(text.to_owned());
        assert_eq!(said(r#"{"error":{"message":"m","code":"c"}}"#), (some("m"), some("c")));
        assert_eq!(said(r#"{"error":"text"}"#), (some("text"), None));
        assert_eq!(said(r#"{"message":"m","type":"t"}"#), (some("m"), some("t")));
        assert_eq!(said(r#"[{"error":{"message":"m","code":400}}]"#), (some("m"), some("400")));
        assert_eq!(said(r#"{"detail":[{"loc":1}]}"#).0, some(r#"[{"loc":1}]"#));
        assert_eq!(said("nonsense"), (None, None));
    }
}
