//! How servers are reached: keys from every place, proxies, certificates, and connections that are used again.

#![allow(clippy::disallowed_methods, reason = "tests start processes")]

use flow_tests::kept::{Kept, Proxy, Said, authority};
use flow_tests::program::Place;
use flow_tests::server::{Request, stream_events};

const ASK: &str = "prompt ask(n: int) -> string { user: \"say ${n}\" }\n";
const TWENTY: &str = "model default = \"openai/local\"\nprompt ask(n: int) -> string { user: \"say ${n}\" }\nflow main(xs: [int](..20)) -> [string] {\n  let ys = parallel for x in xs jobs 1 {\n    let y = ask(x)\n    yield y\n  }\n  return ys\n}\n";

/// A program that asks a model once.
fn once(model: &str) -> String {
    format!("{model}\n{ASK}flow main() -> string {{\n  return ask(1)\n}}\n")
}

fn say(_: &Request) -> Said {
    ("text/event-stream", stream_events("hello").concat().into_bytes())
}

fn bearer(request: &Request) -> Option<&str> {
    request.header("authorization").and_then(|value| value.strip_prefix("Bearer "))
}

#[test]
fn twenty_calls_take_one_connection() {
    for server in [Kept::start(say), Kept::start_tls(say)] {
        let place = Place::new()
            .set("OPENAI_API_KEY", "sk-canary-twenty")
            .set("OPENAI_BASE_URL", server.url())
            .set("SSL_CERT_FILE", authority().to_string_lossy());
        place.file("main.flow", TWENTY);
        let xs: Vec<usize> = (1..=20).collect();
        let ran = place.run(["run", "main.flow", &format!("xs={xs:?}")]).expect(0);
        assert_eq!(ran.json().as_array().map(Vec::len), Some(20));
        assert_eq!((server.requests().len(), server.connections()), (20, 1), "{}", server.url());
    }
}

#[test]
fn a_key_is_the_variables_else_the_files() {
    let server = Kept::start(say);
    let place = Place::new().set("OPENAI_BASE_URL", server.url());
    place.file("flow.toml", "[secrets]\ndir = \"keys\"\n");
    place.file("keys/OPENAI_API_KEY", "sk-canary-of-a-file\n");
    place.file("main.flow", once("model default = \"openai/local\""));
    place.run(["run", "."]).expect(0);
    assert_eq!(bearer(&server.requests()[0]), Some("sk-canary-of-a-file"));
    let place = place.set("OPENAI_API_KEY", "sk-canary-of-a-variable");
    place.run(["run", "."]).expect(0);
    assert_eq!(bearer(&server.requests()[1]), Some("sk-canary-of-a-variable"));
}

#[test]
fn a_programs_server_gets_the_programs_key_and_no_other() {
    let server = Kept::start(say);
    let place = Place::new()
        .set("OPENAI_API_KEY", "sk-canary-of-the-vendor")
        .set("HOUSE_KEY", "sk-canary-of-the-house")
        .set("TENANT_KEY", "canary-of-the-tenant");
    let url = server.url();
    place.file(
        "main.flow",
        once(&format!(
            "allow [secret(\"HOUSE_KEY\"), secret(\"TENANT_KEY\")]\nmodel default = \"openai/local\" {{ base_url: \"{url}\", api_key: secret.HOUSE_KEY, headers: {{\"x-tenant\": \"t-${{secret.TENANT_KEY}}\"}} }}"
        )),
    );
    place.run(["run", "main.flow"]).expect(0);
    let request = &server.requests()[0];
    assert_eq!(bearer(request), Some("sk-canary-of-the-house"));
    assert_eq!(request.header("x-tenant"), Some("t-canary-of-the-tenant"));
    place.file("main.flow", once(&format!("model default = \"openai/local\" {{ base_url: \"{url}\" }}")));
    place.run(["run", "main.flow"]).expect(0);
    assert_eq!(bearer(&server.requests()[1]), None);
}

#[test]
fn proxies_of_the_environment_are_used() {
    for (name, user) in
        [("HTTP_PROXY", "me:canary-proxy@"), ("http_proxy", ""), ("ALL_PROXY", ""), ("all_proxy", "")]
    {
        let server = Kept::start(say);
        let proxy = Proxy::start(server.address());
        let place = Place::new()
            .set("OPENAI_API_KEY", "sk-canary-proxied")
            .set("OPENAI_BASE_URL", "http://models.invalid/v1")
            .set(name, format!("http://{user}{}", proxy.address()));
        place.file("main.flow", once("model default = \"openai/local\""));
        place.run(["run", "main.flow"]).expect(0);
        let head = proxy.heads().concat().to_ascii_lowercase();
        assert!(head.starts_with("post http://models.invalid/v1/chat/completions "), "{name}: {head}");
        assert_eq!(head.contains("proxy-authorization: basic "), !user.is_empty(), "{head}");
    }
}

#[test]
fn tls_goes_through_a_proxy_unread() {
    for name in ["HTTPS_PROXY", "https_proxy", "ALL_PROXY"] {
        let server = Kept::start_tls(say);
        let proxy = Proxy::start(server.address());
        let place = Place::new()
            .set("OPENAI_API_KEY", "sk-canary-tunnel")
            .set("OPENAI_BASE_URL", "https://models.invalid/v1")
            .set("SSL_CERT_FILE", authority().to_string_lossy())
            .set(name, format!("http://{}", proxy.address()));
        place.file("main.flow", once("model default = \"openai/local\""));
        place.run(["run", "main.flow"]).expect(0);
        let head = proxy.heads().concat();
        assert!(head.starts_with("CONNECT models.invalid:443 "), "{name}: {head}");
        assert!(!head.contains("canary"), "{head}");
        assert_eq!(bearer(&server.requests()[0]), Some("sk-canary-tunnel"));
    }
}

#[test]
fn what_no_proxy_lists_and_what_is_on_this_machine_is_asked_directly() {
    let server = Kept::start(say);
    let proxy = Proxy::start(server.address());
    let proxied = |url: &str| {
        let through = format!("http://{}", proxy.address());
        let place = Place::new().set("OPENAI_API_KEY", "sk-canary-direct").set("OPENAI_BASE_URL", url);
        let place = place.set("HTTP_PROXY", &*through).set("ALL_PROXY", &*through);
        place.file("main.flow", once("model default = \"openai/local\" { retry: 0 }"));
        place
    };
    proxied(&server.url()).run(["run", "main.flow"]).expect(0);
    assert_eq!((server.requests().len(), proxy.heads().len()), (1, 0));
    let place = proxied("http://models.invalid/v1").set("NO_PROXY", "example.com, .invalid");
    place.run(["run", "main.flow"]).expect(5).says(&["can't be reached"]);
    assert!(proxy.heads().is_empty(), "{:?}", proxy.heads());
}

#[test]
fn a_certificate_that_nobody_knows_is_refused_before_the_key_is_sent() {
    let server = Kept::start_tls(say);
    let place = Place::new().set("OPENAI_API_KEY", "sk-canary-tls").set("OPENAI_BASE_URL", server.url());
    place.file("main.flow", once("model default = \"openai/local\" { retry: 0 }"));
    place.run(["run", "main.flow"]).expect(5).says(&["certificate", "SSL_CERT_FILE"]);
    assert!(server.requests().is_empty());
    // The right authority, but the certificate is for another name.
    let url = server.url().replace("127.0.0.1", "0.0.0.0");
    let place = Place::new()
        .set("OPENAI_API_KEY", "sk-canary-tls")
        .set("OPENAI_BASE_URL", url)
        .set("SSL_CERT_FILE", authority().to_string_lossy());
    place.file("main.flow", once("model default = \"openai/local\" { retry: 0 }"));
    place.run(["run", "main.flow"]).expect(5).says(&["certificate"]);
    assert!(server.requests().is_empty());
}
