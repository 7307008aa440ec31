/// A provider of models: where it stands and where its key comes from.
#[derive(Debug, PartialEq, Eq)]
pub struct Provider {
    /// Its name in programs: `openai`.
    pub name: &'static str,
    /// Other names that programs may use.
    pub aliases: &'static [&'static str],
    /// How people write it.
    pub title: &'static str,
    /// Environment variables with the key, the first one that is set counts; empty if it needs none.
    pub key_variables: &'static [&'static str],
    /// Whether a call without a key is bound to fail at the provider's own server.
    pub needs_key: bool,
    /// The environment variable that names another server.
    pub host_variable: Option<&'static str>,
    /// Its own server, without a slash at the end.
    pub base_url: &'static str,
    /// Its APIs, as `api` of a model names them, the one that is taken first; empty where there is nothing to choose.
    pub apis: &'static [&'static str],
    /// Whether a server on this machine costs nothing.
    pub free_on_loopback: bool,
    /// Whether its answers are made up, and nothing leaves the machine.
    pub simulated: bool,
}

/// Every provider that a program can name.
pub const PROVIDERS: &[Provider] = &[
    Provider {
        name: "openai",
        aliases: &[],
        title: "OpenAI",
        key_variables: &["OPENAI_API_KEY"],
        needs_key: true,
        host_variable: Some("OPENAI_BASE_URL"),
        base_url: "https://api.openai.com/v1",
        apis: &["responses", "chat"],
        free_on_loopback: false,
        simulated: false,
    },
    Provider {
        name: "anthropic",
        aliases: &[],
        title: "Anthropic",
        key_variables: &["ANTHROPIC_API_KEY"],
        needs_key: true,
        host_variable: Some("ANTHROPIC_BASE_URL"),
        base_url: "https://api.anthropic.com",
        apis: &[],
        free_on_loopback: false,
        simulated: false,
    },
    Provider {
        name: "gemini",
        aliases: &["google"],
        title: "Gemini",
        key_variables: &["GEMINI_API_KEY", "GOOGLE_API_KEY"],
        needs_key: true,
        host_variable: Some("GOOGLE_GEMINI_BASE_URL"),
        base_url: "https://generativelanguage.googleapis.com",
        apis: &[],
        free_on_loopback: false,
        simulated: false,
    },
    Provider {
        name: "ollama",
        aliases: &[],
        title: "Ollama",
        key_variables: &["OLLAMA_API_KEY"],
        needs_key: false,
        host_variable: Some("OLLAMA_HOST"),
        base_url: "http://127.0.0.1:11434",
        apis: &[],
        free_on_loopback: true,
        simulated: false,
    },
    Provider {
        name: "simulate",
        aliases: &[],
        title: "the simulator",
        key_variables: &[],
        needs_key: false,
        host_variable: None,
        base_url: "http://127.0.0.1",
        apis: &[],
        free_on_loopback: true,
        simulated: true,
    },
];

/// Finds a provider by its name or alias.
pub fn provider(name: &str) -> Option<&'static Provider> {
    PROVIDERS.iter().find(|provider| provider.name == name || provider.aliases.contains(&name))
}

impl Provider {
    /// Whether a URL is the provider's own server: the same scheme and host, whatever the path.
    pub fn is_vendor(&self, url: &str) -> bool {
        authority(url).is_some_and(|(scheme, host, port)| {
            authority(self.base_url).is_some_and(|(own_scheme, own_host, own_port)| {
                scheme == own_scheme && host.eq_ignore_ascii_case(own_host) && port == own_port
            })
        })
    }
}

/// Whether a URL leads to this machine: `localhost`, `127.…`, `[::1]`, or the address of all interfaces.
pub fn is_loopback(url: &str) -> bool {
    let Some((_, host, _)) = authority(url) else { return false };
    if let Some(v6) = host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
        return v6.parse::<std::net::Ipv6Addr>().is_ok_and(|ip| {
            ip.is_loopback() || ip.is_unspecified() || ip.to_ipv4_mapped().is_some_and(|ip| ip.is_loopback())
        });
    }
    match host.parse::<std::net::Ipv4Addr>() {
        Ok(ip) => ip.is_loopback() || ip.is_unspecified(),
        Err(_) => {
            let host = host.trim_end_matches('.').to_ascii_lowercase();
            host == "localhost" || host.ends_with(".localhost")
        }
    }
}

/// Returns scheme, host and port of a URL; the port is the scheme's own where none is written.
fn authority(url: &str) -> Option<(&str, &str, u16)> {
    let (scheme, rest) = url.split_once("://")?;
    let end = rest.find(['/', '?', '#', '\\']).unwrap_or(rest.len());
    let authority = &rest[..end];
    let host_port = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
    let own_port = match scheme {
        "http" => 80,
        "https" => 443,
        _ => return None,
    };
    let (host, port) = match host_port.rfind(':') {
        Some(at) if !host_port[at..].contains(']') => {
            let written = &host_port[at + 1..];
            (&host_port[..at], if written.is_empty() { own_port } else { written.parse().ok()? })
        }
        _ => (host_port, own_port),
    };
    (!host.is_empty()).then_some((scheme, host, port))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalogue::{Price, price_at};

    #[test]
    fn names_and_aliases_are_unique() {
        let mut names: Vec<&str> =
            PROVIDERS.iter().flat_map(|p| std::iter::once(p.name).chain(p.aliases.iter().copied())).collect();
        let count = names.len();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), count);
        assert_eq!(provider("google").unwrap().name, "gemini");
        assert_eq!(provider("nobody"), None);
    }

    #[test]
    fn loopback_is_this_machine_only() {
        for url in [
            "http://127.0.0.1:8090/v1",
            "http://localhost",
            "https://LOCALHOST:1/x",
            "http://[::1]:11434",
            "http://0.0.0.0:11434",
            "http://api.localhost/",
            "http://127.9.9.9/?x",
        ] {
            assert!(is_loopback(url), "{url}");
        }
        for url in [
            "http://localhost.example.com",
            "http://127.0.0.1.example.com",
            "http://127.0.0.1@example.com/",
            "https://api.openai.com/v1",
            "http://10.0.0.1",
            "127.0.0.1",
            "",
        ] {
            assert!(!is_loopback(url), "{url}");
        }
    }

    #[test]
    fn a_price_belongs_to_the_vendor() {
        let own = price_at("openai", "gpt-4.1", None, None);
        assert_eq!(own.unwrap().output, 8_000_000_000);
        assert_eq!(price_at("openai", "gpt-4.1", Some("https://api.openai.com/v1/"), None), own);
        for url in
            ["http://api.openai.com/v1", "https://api.openai.com.evil.example/v1", "https://x@evil.example"]
        {
            assert_eq!(price_at("openai", "gpt-4.1", Some(url), None), None, "{url}");
        }
        assert_eq!(price_at("openai", "gpt-99", None, None), None);
        let given = Price { input: 1, output: 2, ..Price::FREE };
        assert_eq!(price_at("openai", "local", Some("http://127.0.0.1:1/v1"), Some(given)), Some(given));
        assert_eq!(price_at("ollama", "llama3.2", None, None), Some(Price::FREE));
        assert_eq!(price_at("ollama", "llama3.2", Some("http://gpu.example:11434"), None), None);
        assert_eq!(price_at("google", "gemini-2.5-pro", None, None).unwrap().input, 1_250_000_000);
    }
}
