use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use crate::{Failure, Secret};

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
    /// Hosts that may be reached, also by redirects: `host` or `host:port`, `*.host`.
    pub allow: Vec<String>,
    /// The answer's body at most, in bytes.
    pub limit_bytes: u64,
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

/// What carries out a tool's request. Dropping a future closes its connection.
#[async_trait]
pub trait Tool: Send + Sync {
    /// Sends a request. `secrets` holds a value for each `${secret.NAME}` in URL query, headers and body.
    async fn http(&self, request: &HttpRequest, secrets: &[(String, Secret)]) -> Result<HttpAnswer, Failure>;
}
