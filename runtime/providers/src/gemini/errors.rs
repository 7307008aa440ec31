//! What Google's errors mean: `{"error": {"code", "message", "status", "details": […]}}`, alone, in a list, or in a stream.

use flow_runtime_api::{Failure, Kind, Time};
use serde_json::Value;

use crate::peer::Peer;

/// A server's wish to wait is believed up to a day.
const RETRY_DELAY_MS_MAX: u64 = 24 * 3600 * 1000;

/// Says what Google means by an error, where its status alone says less or another thing.
pub(crate) fn refine(peer: &Peer<'_>, status: u16, body: &[u8], now: Time, failure: &mut Failure) {
    let json = serde_json::from_slice::<Value>(body).ok();
    let told = json.as_ref().and_then(Told::read);
    // What isn't there Google names; a version of the API that isn't there is a page.
    let model = peer.model.model.as_str();
    let is_named = |told: &Told<'_>| !told.status.is_empty() || told.message.contains(model);
    if status == 404 && !told.as_ref().is_some_and(is_named) {
        let version = peer.clean(super::version(peer.model));
        failure.message = format!("{}; is there an API version `{version}`?", failure.message);
    }
    let Some(told) = told else { return };
    if let Some(message) = told.about_key(peer) {
        *failure = Failure::new(Kind::Refused, message);
    } else if told.status == "RESOURCE_EXHAUSTED" {
        failure.kind = told.kind().name().into();
    }
    told.wait(now, failure);
}

/// Reads an error that came inside an answer.
pub(super) fn streamed(peer: &Peer<'_>, error: &Value, now: Time) -> Failure {
    let Some(told) = Told::read(error) else { return peer.streamed(error) };
    if let Some(message) = told.about_key(peer) {
        return Failure::new(Kind::Refused, message);
    }
    let status =
        if told.status.is_empty() { String::new() } else { format!(" ({})", peer.clean(told.status)) };
    let said = peer.clean(told.message);
    let message = format!("{} reports an error inside its answer{status}: {said}", peer.name());
    let mut failure = Failure::new(told.kind(), message);
    told.wait(now, &mut failure);
    failure
}

/// An error, taken apart.
#[derive(Debug, Default, PartialEq)]
struct Told<'a> {
    code: u16,
    /// `INVALID_ARGUMENT`.
    status: &'a str,
    message: &'a str,
    /// `API_KEY_INVALID`.
    reason: &'a str,
    retry_ms: Option<u64>,
}

impl<'a> Told<'a> {
    fn read(json: &'a Value) -> Option<Told<'a>> {
        let json = json.as_array().and_then(|list| list.first()).unwrap_or(json);
        let error = json.get("error").unwrap_or(json).as_object()?;
        let text = |key: &str| error.get(key).and_then(Value::as_str).unwrap_or_default();
        if text("message").is_empty() && text("status").is_empty() {
            return None;
        }
        let details = || error.get("details").and_then(Value::as_array).into_iter().flatten();
        Some(Told {
            code: error
                .get("code")
                .and_then(Value::as_u64)
                .and_then(|code| u16::try_from(code).ok())
                .unwrap_or(0),
            status: text("status"),
            message: text("message"),
            reason: details().find_map(|detail| detail.get("reason")?.as_str()).unwrap_or_default(),
            retry_ms: details().find_map(|detail| delay_ms(detail.get("retryDelay")?.as_str()?)),
        })
    }

    fn kind(&self) -> Kind {
        match (self.status, self.code) {
            ("RESOURCE_EXHAUSTED", _) => Kind::RateLimited,
            (
                "UNAVAILABLE" | "INTERNAL" | "DEADLINE_EXCEEDED" | "ABORTED" | "CANCELLED" | "UNKNOWN"
                | "DATA_LOSS",
                _,
            ) => Kind::Unavailable,
            (
                "INVALID_ARGUMENT"
                | "FAILED_PRECONDITION"
                | "OUT_OF_RANGE"
                | "UNAUTHENTICATED"
                | "PERMISSION_DENIED"
                | "NOT_FOUND"
                | "ALREADY_EXISTS"
                | "UNIMPLEMENTED",
                _,
            ) => Kind::Refused,
            (_, 429) => Kind::RateLimited,
            (_, 400..=407 | 410..=424 | 426..=498) => Kind::Refused,
            _ => Kind::Unavailable,
        }
    }

    /// Says what is wrong with the key, if that is it: a wrong one is a 400 here, none at all a 403.
    fn about_key(&self, peer: &Peer<'_>) -> Option<String> {
        let (name, keys, said) = (peer.name(), peer.key_names(), peer.clean(self.message));
        let none = peer.model.api_key.is_none()
            && (self.status == "UNAUTHENTICATED" || self.message.contains("unregistered callers"));
        let wrong = self.reason.starts_with("API_KEY_")
            || self.reason == "CONSUMER_INVALID"
            || self.status == "UNAUTHENTICATED"
            || self.message.contains("API key not valid")
            || self.message.contains("API key expired")
            || self.message.contains("API key was reported");
        match (none, wrong) {
            (true, _) => Some(format!("{name} wants a key: set {keys}: {said}")),
            (false, true) => Some(format!("{name} refuses the key in {keys}: {said}")),
            (false, false) => None,
        }
    }

    /// Notes when to ask again, if the server says so and asking again may help.
    fn wait(&self, now: Time, failure: &mut Failure) {
        let may = failure.built_in().is_some_and(Kind::is_transient);
        if let (true, None, Some(ms)) = (may, failure.retry_at, self.retry_ms) {
            failure.retry_at = Some(now.after_ms(ms));
        }
    }
}

/// Reads a duration as Google writes it, `34.07s`, in milliseconds, rounded up.
fn delay_ms(text: &str) -> Option<u64> {
    let seconds: f64 = text.strip_suffix('s')?.parse().ok()?;
    (seconds.is_finite() && seconds >= 0.0)
        .then(|| ((seconds * 1000.0).ceil() as u64).min(RETRY_DELAY_MS_MAX))
}

#[cfg(test)]
mod tests {
    use super::*;
    use flow_ir::catalogue;
    use flow_runtime_api::{ResolvedModel, Scrubber, Secret};
    use serde_json::json;

    fn refined(status: u16, body: &Value, key: Option<&str>) -> Failure {
        let model =
            ResolvedModel { model: "m".into(), api_key: key.map(Secret::new), ..ResolvedModel::default() };
        let scrubber = Scrubber::default();
        let peer = Peer::new(catalogue::provider("gemini").unwrap(), &model, &scrubber);
        let body = body.to_string();
        let mut failure = peer.status(status, body.as_bytes(), false, None);
        refine(&peer, status, body.as_bytes(), Time(1_000), &mut failure);
        failure
    }

    #[test]
    fn a_wrong_key_is_told_as_one() {
        let body = json!({"error": {"code": 400, "message": "API key not valid. Please pass a valid API key.",
            "status": "INVALID_ARGUMENT", "details": [{"reason": "API_KEY_INVALID"}]}});
        let failure = refined(400, &body, Some("AIza-canary"));
        assert_eq!(failure.kind, "refused");
        assert_eq!(
            failure.message,
            "Gemini refuses the key in GEMINI_API_KEY, GOOGLE_API_KEY or the model's `api_key`: API key not valid. \
             Please pass a valid API key."
        );
        let body = json!([{"error": {"code": 403, "message": "Method doesn't allow unregistered callers (callers \
            without established identity).", "status": "PERMISSION_DENIED"}}]);
        assert!(refined(403, &body, None).message.starts_with("Gemini wants a key: set GEMINI_API_KEY"));
        let body = json!({"error": {"code": 403, "message": "Requests from referer <empty> are blocked.",
            "status": "PERMISSION_DENIED", "details": [{"reason": "API_KEY_HTTP_REFERRER_BLOCKED"}]}});
        assert!(refined(403, &body, Some("AIza-canary")).message.starts_with("Gemini refuses the key"));
    }

    #[test]
    fn a_wish_to_wait_stands_in_the_body() {
        let told = |status: u16, word: &str, delay: &str| {
            let body = json!({"error": {"code": status, "message": "quota", "status": word,
                "details": [{"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": delay}]}});
            let failure = refined(status, &body, Some("AIza-canary"));
            (failure.kind.to_string(), failure.retry_at.map(|at| at.0))
        };
        let limited = || String::from("rate_limited");
        assert_eq!(told(429, "RESOURCE_EXHAUSTED", "34.0701s"), (limited(), Some(35_071)));
        assert_eq!(told(429, "RESOURCE_EXHAUSTED", "0s"), (limited(), Some(1_000)));
        for nonsense in ["-1s", "soon", "NaNs", "infs", "5", ""] {
            assert_eq!(told(429, "RESOURCE_EXHAUSTED", nonsense), (limited(), None), "{nonsense}");
        }
        assert_eq!(told(503, "UNAVAILABLE", "2s"), (String::from("unavailable"), Some(3_000)));
        assert_eq!(told(400, "INVALID_ARGUMENT", "2s"), (String::from("refused"), None));
    }

    #[test]
    fn an_error_inside_an_answer_has_its_kind() {
        let model = ResolvedModel::default();
        let scrubber = Scrubber::default();
        let peer = Peer::new(catalogue::provider("gemini").unwrap(), &model, &scrubber);
        for (error, kind) in [
            (json!({"code": 503, "message": "overloaded", "status": "UNAVAILABLE"}), "unavailable"),
            (json!({"code": 500, "message": "oops"}), "unavailable"),
            (json!({"code": 429, "message": "later", "status": "RESOURCE_EXHAUSTED"}), "rate_limited"),
            (json!({"message": "no", "status": "INVALID_ARGUMENT"}), "refused"),
            (json!({"code": 403, "message": "no"}), "refused"),
            (json!({"message": "what"}), "unavailable"),
            (json!("text"), "unavailable"),
        ] {
            assert_eq!(streamed(&peer, &error, Time(0)).kind, kind, "{error}");
        }
    }
}
