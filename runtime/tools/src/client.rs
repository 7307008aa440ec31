//! The clients: their connections are kept open and used again.

use std::sync::OnceLock;
use std::time::Duration;

use flow_ir::catalogue;

/// To connect, TLS included. The time for the whole request belongs to the caller.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(15);

#[derive(Default)]
pub(crate) struct Clients {
    outside: OnceLock<Result<reqwest::Client, String>>,
    local: OnceLock<Result<reqwest::Client, String>>,
    local_tls: OnceLock<Result<reqwest::Client, String>>,
}

impl Clients {
    /// Returns the client for a URL; a server on this machine is never behind a proxy.
    pub fn of(&self, url: &url::Url) -> Result<&reqwest::Client, String> {
        // Reading the roots of trust takes a millisecond, which a local server need not wait for.
        let client = match (catalogue::is_loopback(url.as_str()), url.scheme() == "https") {
            (true, false) => self.local.get_or_init(|| build(true, false)),
            (true, true) => self.local_tls.get_or_init(|| build(true, true)),
            (false, _) => self.outside.get_or_init(|| build(false, true)),
        };
        client.as_ref().map_err(String::clone)
    }
}

/// Builds a client that follows no redirect by itself: each is held against `allow` first.
fn build(local: bool, tls: bool) -> Result<reqwest::Client, String> {
    let mut builder = reqwest::Client::builder()
        .redirect(reqwest::redirect::Policy::none())
        .connect_timeout(CONNECT_TIMEOUT)
        .retry(reqwest::retry::never())
        .user_agent(concat!("flow/", env!("CARGO_PKG_VERSION")))
        .tls_certs_only(if tls { roots()? } else { Vec::new() });
    if local {
        builder = builder.no_proxy();
    }
    builder.build().map_err(|error| format!("the HTTP client can't be made: {error}"))
}

/// Returns the roots of trust: Mozilla's, embedded, and those that `SSL_CERT_FILE` names.
fn roots() -> Result<Vec<reqwest::Certificate>, String> {
    let mut roots = webpki_root_certs::TLS_SERVER_ROOT_CERTS
        .iter()
        .filter_map(|root| reqwest::Certificate::from_der(root).ok())
        .collect::<Vec<_>>();
    if let Some(path) = std::env::var_os("SSL_CERT_FILE").map(std::path::PathBuf::from) {
        let pem = std::fs::read(&path)
            .map_err(|error| format!("SSL_CERT_FILE {} can't be read: {error}", path.display()))?;
        let more = reqwest::Certificate::from_pem_bundle(&pem)
            .map_err(|_| format!("SSL_CERT_FILE {} holds no certificates", path.display()))?;
        roots.extend(more);
    }
    Ok(roots)
}
