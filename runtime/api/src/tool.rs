use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use std::borrow::Cow;

use crate::{Failure, Secret};

/// How a secret's place begins in a text that is sent later.
const MARK: &str = "${secret.";

/// One HTTP request of a tool, rendered. Secrets stand in it by name until it is sent.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct HttpRequest {
    /// `GET`.
    pub method: String,
    /// Everything but the query.
    pub url: String,
    /// Pairs of the query, unescaped.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub query: Vec<(String, String)>,
    /// Headers.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub headers: Vec<(String, String)>,
    /// The body: base64 of its bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub body: Option<String>,
    /// Its content type.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub content_type: Option<String>,
    /// The header by which a server knows a repeated request.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub idempotency_key: Option<String>,
    /// Whether it may be sent again when its outcome isn't known: it only reads, or is declared `idempotent`.
    #[serde(default)]
    pub repeatable: bool,
    /// Hosts that may be reached, also by redirects: `host` at any port, `host:port`, `*.host` for every host beneath.
    pub allow: Vec<String>,
    /// The answer's body at most, in bytes.
    pub limit_bytes: u64,
}

impl HttpRequest {
    /// Returns what is asked, as fingerprints and tapes have it: what the program makes of its fields and arguments, without
    /// what is of this run only or limits where it may be sent.
    pub fn asked(&self) -> serde_json::Value {
        let mut json = serde_json::to_value(self).unwrap_or_default();
        if let Some(request) = json.as_object_mut() {
            for key in ["idempotency_key", "repeatable", "allow", "limit_bytes"] {
                request.shift_remove(key);
            }
        }
        json
    }
}

/// The answer to a tool's request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HttpAnswer {
    /// 200.
    pub status: u16,
    /// Of its content.
    pub content_type: String,
    /// The body, decompressed.
    pub body: Vec<u8>,
}

/// What carries out a tool's request. An answer is one of success; any other status is a failure. Dropping a future closes its connection.
#[async_trait]
pub trait Tool: Send + Sync {
    /// Sends a request. `secrets` holds a value for each [`mark`] in the URL's query and the headers; bodies have none.
    async fn http(&self, request: &HttpRequest, secrets: &[(String, Secret)]) -> Result<HttpAnswer, Failure>;
}

/// Returns the place of a secret in a rendered text: `${secret.NAME}`.
pub fn mark(name: &str) -> String {
    format!("{MARK}{name}}}")
}

/// Returns a text so that nothing in it reads as the place of a secret; almost every text stays as it is.
///
/// For all that stands between two places as one text: `Bearer ` before `${secret.KEY}`, a whole spliced value with its
/// surroundings. Else somebody's text could ask for a secret by writing `${secret.KEY}` itself.
pub fn escape_marks(text: &str) -> Cow<'_, str> {
    if text.contains(MARK) {
        Cow::Owned(text.replace(MARK, "${secret.}secret."))
    } else {
        Cow::Borrowed(text)
    }
}

/// Puts the values of secrets in their places and takes escapes back; `Err` names a secret that has no value.
///
/// ```
/// use flow_runtime_api::{Secret, escape_marks, fill_marks, mark};
/// let secrets = [(String::from("KEY"), Secret::new("s3cret"))];
/// let text = format!("{} {}", escape_marks("${secret.KEY}"), mark("KEY"));
/// assert_eq!(fill_marks(&text, &secrets).unwrap(), "${secret.KEY} s3cret");
/// ```
pub fn fill_marks(text: &str, secrets: &[(String, Secret)]) -> Result<String, String> {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find(MARK) {
        out.push_str(&rest[..at]);
        let after = &rest[at + MARK.len()..];
        let Some(end) = after.find('}') else {
            rest = &rest[at..];
            break;
        };
        match &after[..end] {
            "" => out.push_str("${"),
            name => match secrets.iter().find(|(known, _)| known == name) {
                Some((_, value)) => out.push_str(value.expose()),
                None => return Err(String::from(name)),
            },
        }
        rest = &after[end + 1..];
    }
    out.push_str(rest);
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_writes_the_place_of_a_secret() {
        let secrets = [(String::from("KEY"), Secret::new("value"))];
        for text in [
            "",
            "$",
            "${",
            "${secret.",
            "${secret.KEY}",
            "$${secret.KEY}}",
            "${secret.}secret.",
            "${secret.}",
        ] {
            assert_eq!(fill_marks(&escape_marks(text), &secrets).unwrap(), text);
            let around = format!("{}{}{}", escape_marks(text), mark("KEY"), escape_marks(text));
            assert_eq!(fill_marks(&around, &secrets).unwrap(), format!("{text}value{text}"));
        }
        assert_eq!(fill_marks("x${secret.OTHER}", &secrets), Err(String::from("OTHER")));
    }
}
