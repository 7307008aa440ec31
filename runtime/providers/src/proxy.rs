//! The proxies that the environment names: `HTTPS_PROXY`, `HTTP_PROXY`, `ALL_PROXY`, but for what `NO_PROXY` lists.

use std::sync::LazyLock;

use flow_ir::catalogue;
use flow_runtime_api::{Scrubber, public_url, url_secrets};
use hyper_util::client::proxy::matcher::Matcher;

/// Where a proxy is named; each also in lower case.
const VARIABLES: [&str; 3] = ["HTTPS_PROXY", "HTTP_PROXY", "ALL_PROXY"];

/// As the client reads them: once, when they are first needed.
static MATCHER: LazyLock<Matcher> = LazyLock::new(Matcher::from_env);

/// Returns the proxy through which a server is asked, as it may be shown; `None` if it is asked directly.
pub(crate) fn through(base_url: &str) -> Option<String> {
    if catalogue::is_loopback(base_url) {
        return None;
    }
    let taken = MATCHER.intercept(&base_url.parse().ok()?)?;
    Some(public_url(taken.uri().to_string().trim_end_matches('/')))
}

/// Makes users and passwords of proxies known, since proxies echo them as servers do.
pub(crate) fn learn(scrubber: &Scrubber) {
    for name in VARIABLES {
        for name in [name.to_owned(), name.to_ascii_lowercase()] {
            let Ok(value) = std::env::var(name) else { continue };
            url_secrets(&value).iter().for_each(|secret| scrubber.learn(secret));
        }
    }
}
