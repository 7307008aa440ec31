//! Where a request may go, and what may be written into one.

use url::Url;

/// Headers that the client sets, or that would let a request be taken for another.
const RESERVED_HEADERS: &[&str] = &[
    "host",
    "content-length",
    "transfer-encoding",
    "connection",
    "keep-alive",
    "upgrade",
    "te",
    "trailer",
    "expect",
    "proxy-authorization",
    "proxy-connection",
];

/// Whether a URL's host is among those that a program may reach: `host` at any port, `host:port`, `*.host` for every
/// host beneath and not itself.
///
/// ```
/// let allow = [String::from("api.example.com"), String::from("*.example.org:8443")];
/// let url = |text: &str| url::Url::parse(text).unwrap();
/// assert!(flow_tools::is_allowed(&url("https://API.example.com/x"), &allow));
/// assert!(flow_tools::is_allowed(&url("https://a.b.example.org:8443"), &allow));
/// assert!(!flow_tools::is_allowed(&url("https://example.org:8443"), &allow));
/// assert!(!flow_tools::is_allowed(&url("https://api.example.com.evil.example"), &allow));
/// ```
pub fn is_allowed(url: &Url, allow: &[String]) -> bool {
    let Some(host) = url.host_str() else { return false };
    let host = host.trim_end_matches('.').to_ascii_lowercase();
    allow.iter().any(|entry| {
        let (name, port) = split_port(entry.trim());
        if port.is_some_and(|port| Some(port) != url.port_or_known_default()) {
            return false;
        }
        match name.strip_prefix("*.") {
            Some(parent) => {
                host.strip_suffix(&normal(parent)).is_some_and(|rest| rest.len() > 1 && rest.ends_with('.'))
            }
            None => host == normal(name),
        }
    })
}

/// Whether a program may set a header by this name.
pub(crate) fn is_reserved(header: &str) -> bool {
    RESERVED_HEADERS.iter().any(|reserved| reserved.eq_ignore_ascii_case(header))
}

/// Returns a URL as messages show it: without its query, which may hold secrets.
pub(crate) fn shown(url: &Url) -> String {
    let mut url = url.clone();
    url.set_query(None);
    url.set_fragment(None);
    url.to_string()
}

fn split_port(entry: &str) -> (&str, Option<u16>) {
    match entry.rsplit_once(':') {
        Some((name, port)) if !port.contains(']') => match port.parse() {
            Ok(port) => (name, Some(port)),
            Err(_) => (entry, None),
        },
        _ => (entry, None),
    }
}

/// Writes a host as URLs have it: lower case, in ASCII, addresses in their one form.
fn normal(host: &str) -> String {
    let host = host.trim_end_matches('.');
    url::Host::parse(host).map_or_else(|_| host.to_ascii_lowercase(), |host| host.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(url: &str, entry: &str, expected: bool) {
        let url = Url::parse(url).unwrap();
        assert_eq!(is_allowed(&url, &[entry.to_owned()]), expected, "{url} by {entry}");
    }

    #[test]
    fn hosts_are_compared_whole_and_in_one_form() {
        check("http://127.0.0.1:8123/", "127.0.0.1", true);
        check("http://127.0.0.1:8123/", "127.0.0.1:8123", true);
        check("http://127.0.0.1:8123/", "127.0.0.1:80", false);
        check("http://2130706433/", "127.0.0.1", true);
        check("http://0x7f.1/", "10.0.0.1", false);
        check("http://[::1]:80/", "[::1]", true);
        check("http://[::1]:81/", "[::1]:80", false);
        check("https://example.com./", "example.com", true);
        check("https://EXAMPLE.com/", "Example.COM", true);
        check("https://bücher.example/", "bücher.example", true);
        check("https://example.com/", "https://example.com", false);
        check("https://evilexample.com/", "*.example.com", false);
        check("https://a.example.com/", "*.example.com", true);
        check("https://.example.com/", "*.example.com", false);
        check("https://user@evil.example/", "user", false);
        check("https://example.com/", "*", false);
        check("https://example.com/", "", false);
    }
}
