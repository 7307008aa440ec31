//! `flowc doctor` and `flowc models` against servers with every fault: a line that says what to do, and no hang.

#![allow(clippy::disallowed_methods, reason = "tests start processes")]

use std::net::{SocketAddr, TcpListener, TcpStream};
use std::time::{Duration, Instant};

use flow_tests::kept::{Kept, Proxy, authority};
use flow_tests::program::{Place, Ran};
use flow_tests::server::{Request, Server, respond};
use serde_json::{Value as Json, json};

const KEY: &str = "sk-canary-of-the-doctor";

/// A place whose OpenAI stands somewhere else.
fn at(url: &str) -> Place {
    Place::new().set("OPENAI_API_KEY", KEY).set("OPENAI_BASE_URL", url)
}

/// The address of a port on which nobody listens.
fn nobody() -> String {
    let port =
        TcpListener::bind("127.0.0.1:0").and_then(|socket| socket.local_addr()).expect("a port").port();
    format!("http://127.0.0.1:{port}")
}

/// What the doctor says of OpenAI.
#[track_caller]
fn of_openai(ran: &Ran) -> String {
    let line = ran.stdout.lines().find(|line| line.contains(" openai "));
    line.unwrap_or_else(|| panic!("nothing about OpenAI:\n{}", ran.stdout)).to_owned()
}

/// The doctor finds OpenAI's fault, in a line that holds these.
#[track_caller]
fn finds(place: &Place, parts: &[&str]) {
    let ran = place.run(["doctor", "--timeout", "5s"]).expect(5);
    let line = of_openai(&ran);
    assert!(line.starts_with(['✗', 'x']), "{line}");
    for part in parts {
        assert!(line.contains(part), "no `{part}` in: {line}");
    }
}

fn answering(
    status: &'static str,
    content_type: &'static str,
    headers: &'static str,
    body: &'static str,
) -> Server {
    Server::start(move |_, stream: &mut TcpStream| {
        respond(stream, status, content_type, headers, body.as_bytes())
    })
}

fn list(_: &Request) -> (&'static str, Vec<u8>) {
    let models = json!({"object": "list", "data": [{"id": "gpt-4.1"}, {"id": "own-model"}]});
    ("application/json", models.to_string().into_bytes())
}

#[test]
fn no_key() {
    let place = Place::new();
    let ran = place.run(["doctor"]).expect(0);
    assert!(of_openai(&ran).contains("! openai     no key; set OPENAI_API_KEY"), "{}", ran.stdout);
    // Where the project needs it, it is missing.
    place.file("flow.toml", "[models]\ndefault = \"openai/gpt-4.1\"\n");
    finds(&place, &["no key; set OPENAI_API_KEY"]);
}

#[test]
fn a_wrong_key() {
    let body = r#"{"error":{"message":"Incorrect API key provided: sk-canary-of-the-doctor.","code":"invalid_api_key"}}"#;
    let server = answering("401 Unauthorized", "application/json", "", body);
    finds(&at(&server.url()), &["refuses the key in OPENAI_API_KEY", "Incorrect API key provided: ***"]);
    let server = answering("403 Forbidden", "application/json", "", r#"{"error":{"message":"no"}}"#);
    finds(&at(&server.url()), &["forbids this call (status 403): no"]);
}

#[test]
fn a_server_that_is_not_there() {
    finds(&at(&nobody()), &["can't be reached", "refused", "is the server running there?"]);
}

#[test]
fn a_wrong_address() {
    let server = answering("404 Not Found", "application/json", "", r#"{"detail":"Not Found"}"#);
    finds(&at(&server.url()), &["(status 404)", "is `base_url` right?", "Not Found"]);
    let server = answering("200 OK", "text/html", "", "<html>Welcome</html>");
    finds(&at(&server.url()), &["an HTML page", "the address of its API?"]);
    let server = answering("200 OK", "application/json", "", r#"{"hello":"world"}"#);
    finds(&at(&server.url()), &["something else than a list of models"]);
    let server = answering("301 Moved", "text/html", "location: https://elsewhere.invalid/v1\r\n", "");
    finds(&at(&server.url()), &["redirects to https://elsewhere.invalid/v1", "set `base_url`"]);
    let server = answering("503 Busy", "text/plain", "", "down for repairs");
    finds(&at(&server.url()), &["an error of its own (status 503): down for repairs"]);
}

#[test]
fn a_server_that_hangs() {
    let silent = TcpListener::bind("127.0.0.1:0").expect("a port");
    let slow = Server::start(|_, stream| {
        let head = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 100000\r\n\r\n";
        let _ = std::io::Write::write_all(stream, head.as_bytes());
        while std::io::Write::write_all(stream, b" ").is_ok() {
            std::thread::sleep(Duration::from_millis(50));
        }
    });
    for url in [format!("http://{}", silent.local_addr().expect("bound")), slow.url()] {
        let begun = Instant::now();
        let ran = at(&url).run(["doctor", "--timeout", "300ms"]).expect(5);
        assert!(of_openai(&ran).contains("doesn't answer within 0.3 s"), "{}", ran.stdout);
        assert!(begun.elapsed() < Duration::from_secs(20));
    }
}

#[test]
fn a_proxy_that_is_not_there_or_wants_a_password() {
    let gone = nobody().replace("http://", "http://user:canary-of-the-proxy@");
    let place = at("http://models.invalid/v1").set("HTTP_PROXY", &*gone);
    finds(&place, &["through the proxy http://127.0.0.1:", "NO_PROXY"]);
    let ran = place.run(["doctor"]);
    assert!(!format!("{ran:?}").contains("canary-of-the-proxy"), "{ran:?}");
    assert!(ran.stdout.contains("HTTP_PROXY http://***@127.0.0.1:"), "{}", ran.stdout);
    let refusing = answering("407 Proxy Authentication Required", "text/plain", "", "who are you?");
    finds(
        &at("http://models.invalid/v1").set("HTTP_PROXY", refusing.url()),
        &["wants a user and a password"],
    );
    let place = at("https://models.invalid/v1").set("HTTPS_PROXY", refusing.url());
    finds(&place, &["through the proxy", "models.invalid"]);
}

#[test]
fn a_certificate_that_nobody_knows() {
    let server = Kept::start_tls(list);
    finds(&at(&server.url()), &["certificate", "SSL_CERT_FILE"]);
    assert!(server.requests().is_empty(), "the key went to a server that isn't trusted");
    let place = at(&server.url()).set("SSL_CERT_FILE", authority().to_string_lossy());
    let ran = place.run(["doctor"]).expect(0);
    assert!(of_openai(&ran).contains("has 2 models; its key is in OPENAI_API_KEY"), "{}", ran.stdout);
    let place = at(&server.url()).set("SSL_CERT_FILE", "/nowhere.pem");
    finds(&place, &["SSL_CERT_FILE /nowhere.pem can't be read"]);
    // Neither side of a wrong scheme hangs.
    let plain = TcpListener::bind("127.0.0.1:0").expect("a port");
    let url = format!("https://{}", plain.local_addr().expect("bound"));
    std::thread::spawn(move || {
        for mut stream in plain.incoming().flatten() {
            let _ = std::io::Write::write_all(&mut stream, b"HTTP/1.1 400 Bad Request\r\n\r\n");
            // What the other side still sends is read, lest the answer be lost in a reset.
            let _ = std::io::copy(&mut stream, &mut std::io::sink());
        }
    });
    finds(&at(&url), &["is it `http://` rather than `https://`?"]);
    let place = at(&server.url().replace("https:", "http:"));
    finds(&place, &["127.0.0.1"]);
}

#[test]
fn a_server_that_is_well() {
    let server = Kept::start(list);
    let place = at(&server.url());
    place.file("flow.toml", "[models]\ndefault = \"openai/own-model\"\n");
    let ran = place.run(["doctor"]).expect(0);
    assert!(of_openai(&ran).contains(&format!("{} has 2 models", server.url())), "{}", ran.stdout);
    assert_eq!(server.requests()[0].header("authorization"), Some(format!("Bearer {KEY}").as_str()));
    place.file("flow.toml", "[models]\ndefault = \"openai/other\"\n");
    let ran = place.run(["doctor"]).expect(0);
    assert!(of_openai(&ran).contains("`other` isn't among them"), "{}", ran.stdout);
}

#[test]
fn each_fact_is_an_object() {
    let server = Kept::start(list);
    let place = at(&server.url()).set("OLLAMA_HOST", nobody());
    let facts = place.run(["doctor", "--json"]).expect(5).json_lines();
    let fact = |name: &str| facts.iter().find(|fact| fact["name"] == name).cloned().unwrap_or_default();
    assert_eq!(fact("openai")["status"], "ok", "{facts:?}");
    assert_eq!(fact("ollama")["status"], "missing", "its server is named: {facts:?}");
    assert_eq!(fact("model")["status"], "warn");
    assert!(fact("store")["text"].is_string());
}

#[test]
fn servers_that_the_projects_models_name_are_asked() {
    let server = Kept::start(list);
    let place = Place::new().set("HOUSE_KEY", "sk-canary-of-the-house");
    place.file("flow.toml", "");
    let program = |url: &str| {
        format!(
            "allow [secret(\"HOUSE_KEY\")]\nmodel house = \"openai/own-model\" {{ base_url: \"{url}\", api_key: secret.HOUSE_KEY }}\nprompt ask() -> string {{ model: house  user: \"hi\" }}\nflow main() -> string {{\n  return ask()\n}}\n"
        )
    };
    place.file("main.flow", program(&server.url()));
    let ran = place.run(["doctor"]).expect(0);
    let line =
        |ran: &Ran| ran.stdout.lines().find(|line| line.contains(" house ")).unwrap_or_default().to_owned();
    assert!(line(&ran).contains("has 2 models"), "{}", ran.stdout);
    assert_eq!(server.requests()[0].header("authorization"), Some("Bearer sk-canary-of-the-house"));
    place.file("main.flow", program(&nobody()));
    let ran = place.run(["doctor"]).expect(5);
    assert!(line(&ran).contains("can't be reached"), "{}", ran.stdout);
}

#[test]
fn models_tell_what_servers_have() {
    let server = Kept::start(list);
    let place = at(&server.url());
    place.file("flow.toml", "[prices.\"openai/priced-here\"]\ninput = 1.5\noutput = 3\nlong_above = 9\nlong_input = 4\nlong_output = 5\n");
    let models = place.run(["models", "--json"]).expect(0).json_lines();
    let find = |name: &str| models.iter().find(|model| model["model"] == name).cloned().unwrap_or(Json::Null);
    let known = find("openai/gpt-4.1");
    assert_eq!((&known["listed"], &known["key_present"]), (&json!(true), &json!(true)));
    assert_eq!(known["cached_input_usd_per_million"], 0.5);
    assert_eq!((&known["can"]["tools"], &known["can"]["audio"]), (&json!(true), &json!(false)));
    assert_eq!(find("openai/gpt-5")["listed"], false);
    let own = find("openai/own-model");
    assert_eq!((&own["listed"], &own["can"], &own["price_source"]), (&json!(true), &Json::Null, &Json::Null));
    let priced = find("openai/priced-here");
    assert_eq!(
        (&priced["price_source"], &priced["long"]["input_usd_per_million"]),
        (&json!("flow.toml"), &json!(4.0))
    );
    assert_eq!(find("anthropic/claude-haiku-5-5")["listed"], Json::Null, "it wasn't asked");
    // Every text of the filter must be there.
    let ran = place.run(["models", "OPENAI/", "own"]).expect(0);
    assert_eq!(ran.stdout.lines().count(), 2, "{}", ran.stdout);
    ran.says(&["key in OPENAI_API_KEY", "has 2 models", "no key: set ANTHROPIC_API_KEY"]);
}

#[test]
fn models_ask_others_only_when_told_to() {
    let server = Kept::start(list);
    let proxy = Proxy::start(server.address());
    let address: SocketAddr = proxy.address();
    let place = at("http://models.invalid/v1").set("HTTP_PROXY", format!("http://{address}"));
    place.run(["models", "--json", "gpt-4.1"]).expect(0);
    assert!(proxy.heads().is_empty(), "{:?}", proxy.heads());
    let models = place.run(["models", "--json", "--ask", "own-model"]).expect(0).json_lines();
    assert_eq!(models[0]["listed"], true);
    assert!(proxy.heads()[0].starts_with("GET http://models.invalid/v1/models "), "{:?}", proxy.heads());
}
