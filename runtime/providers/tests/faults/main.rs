//! Every fault of a server, on every wire: the right kind of failure, a message that helps, no key in it.

#![allow(clippy::disallowed_methods, reason = "tests read files and start processes")]

#[path = "../server/mod.rs"]
mod server;
#[path = "../wire/mod.rs"]
mod wire;

use std::sync::Arc;

use flow_providers::Registry;
use flow_runtime_api::{
    Answer, Call, Delta, Failure, FinishReason, Message, Provider, ResolvedModel, Role, Scrubber, Secret,
    Usage,
};
use server::{Server, chunked, http};
use wire::{OLLAMA, OPENAI_CHAT, WIRES, Wire};

const KEY: &str = "sk-canary-0123456789";

fn provider(wire: &Wire) -> Arc<dyn Provider> {
    Registry::new(Scrubber::default()).provider(wire.provider).unwrap()
}

fn whole(wire: &Wire, text: &str) -> Vec<u8> {
    chunked(wire.content_type, &[&wire.answer(text)])
}

fn model(wire: &Wire, url: &str) -> ResolvedModel {
    ResolvedModel {
        model: "m".into(),
        api: wire.api.map(Into::into),
        base_url: Some(format!("{url}{}", wire.base)),
        api_key: Some(Secret::new(KEY)),
        ..ResolvedModel::default()
    }
}

fn call() -> Call {
    Call { messages: vec![Message::text(Role::User, "hi")], ..Call::default() }
}

impl std::fmt::Display for Wire {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.write_str(self.name)
    }
}

type Asked = Result<Answer, (Failure, Option<Usage>)>;

async fn ask(wire: &Wire, url: &str) -> Asked {
    provider(wire).ask(&model(wire, url), &call(), &mut |_| {}).await
}

/// Asks a server that gives this answer, whole, and closes; returns the kind and the message.
async fn fault(wire: &Wire, answer: impl Into<Vec<u8>>) -> (String, String, Failure) {
    let server = Server::once(answer.into()).await;
    let asked = ask(wire, &server.url()).await;
    let (failure, _) = asked.expect_err("this is a fault");
    assert!(!failure.message.contains(KEY), "{}", failure.message);
    assert!(!failure.message.chars().any(char::is_control), "{}", failure.message);
    assert!(failure.message.chars().count() < 600, "{}", failure.message);
    (failure.kind.to_string(), failure.message.clone(), failure)
}

#[tokio::test]
async fn an_answer_comes_whole_and_in_pieces() {
    for wire in WIRES {
        let pieces = [wire.piece("a\u{2028}"), (wire.text)("\"é\""), wire.end.to_owned()].concat();
        // A byte at a time: no boundary of the network is one of the wire.
        let server = Server::once(server::chunked_bytes(wire.content_type, pieces.as_bytes(), 1)).await;
        let mut deltas = Vec::new();
        let answer = provider(wire)
            .ask(&model(wire, &server.url()), &call(), &mut |delta| deltas.push(delta))
            .await
            .unwrap();
        assert_eq!(answer.text, "a\u{2028}é");
        assert_eq!(answer.finish, FinishReason::Stop);
        assert_eq!(answer.usage, Some(Usage { input_tokens: 5, output_tokens: 2, ..Usage::default() }));
        assert_eq!(deltas, [Delta::Text("a\u{2028}".into()), Delta::Text("é".into())]);
    }
}

#[tokio::test]
async fn connections_are_used_again() {
    for wire in WIRES {
        let server = Server::answering(move |_, _| whole(wire, "hi")).await;
        let asked = provider(wire);
        for _ in 0..3 {
            asked.ask(&model(wire, &server.url()), &call(), &mut |_| {}).await.unwrap();
        }
        assert_eq!((server.requests().len(), server.connections()), (3, 1), "{wire}");
        let request = &server.requests()[0];
        assert!(request.contains(KEY), "{request}");
    }
}

#[tokio::test]
async fn a_connection_that_was_closed_meanwhile_is_not_the_callers_trouble() {
    for wire in WIRES {
        // The second request is lost with its connection, the third comes instead of it.
        let server =
            Server::answering(move |number, _| if number == 1 { Vec::new() } else { whole(wire, "hi") })
                .await;
        let asked = provider(wire);
        for _ in 0..2 {
            assert_eq!(
                asked.ask(&model(wire, &server.url()), &call(), &mut |_| {}).await.unwrap().text,
                "hi"
            );
        }
        assert_eq!((server.requests().len(), server.connections()), (3, 2), "{wire}");
        // On a connection of its own it is the server's fault, and nothing is sent twice.
        let server = Server::answering(|_, _| Vec::new()).await;
        ask(wire, &server.url()).await.unwrap_err();
        assert_eq!(server.requests().len(), 1);
    }
}

#[tokio::test]
async fn no_server() {
    for wire in WIRES {
        let url = server::nobody().await;
        let (failure, usage) = ask(wire, &url).await.unwrap_err();
        assert_eq!((failure.kind.as_str(), usage), ("unavailable", None));
        assert!(failure.message.contains(&url) && failure.message.contains("refused"), "{}", failure.message);
        let (failure, _) = ask(wire, "not a url").await.unwrap_err();
        assert_eq!(failure.kind, "refused");
        assert!(failure.message.contains("`not a url"), "{}", failure.message);
    }
    let (failure, _) = ask(&OLLAMA, &server::nobody().await).await.unwrap_err();
    assert!(failure.message.contains("`ollama serve`"), "{}", failure.message);
}

#[tokio::test]
async fn a_missing_key_is_named_before_anything_is_sent() {
    let model = ResolvedModel { model: "gpt-4.1".into(), ..ResolvedModel::default() };
    let (failure, _) = provider(&OPENAI_CHAT).ask(&model, &call(), &mut |_| {}).await.unwrap_err();
    assert_eq!(failure.message, "OpenAI needs a key: set OPENAI_API_KEY or the model's `api_key`");
}

#[tokio::test]
async fn statuses_have_their_kinds() {
    for wire in WIRES {
        for (status, kind, word) in [
            ("400 Bad Request", "refused", "status 400"),
            ("401 Unauthorized", "refused", "_API_KEY"),
            ("403 Forbidden", "refused", "forbids"),
            ("404 Not Found", "refused", "no model `m`"),
            ("408 Request Timeout", "unavailable", "status 408"),
            ("429 Too Many Requests", "rate_limited", "later"),
            ("500 Internal Server Error", "unavailable", "status 500"),
            ("503 Service Unavailable", "unavailable", "status 503"),
            ("529 Overloaded", "unavailable", "status 529"),
        ] {
            let said =
                format!("{{\"error\":{{\"message\":\"model 'm': {KEY} \\u0007said\",\"code\":\"x\"}}}}");
            let (told, message, failure) = fault(wire, http(status, "application/json", "", &said)).await;
            assert_eq!(told, kind, "{wire} {status}");
            assert!(
                message.contains(word) && message.contains("said") && message.contains("***"),
                "{message}"
            );
            assert_eq!(failure.retry_at, None);
        }
        let (kind, message, _) =
            fault(wire, http("404 Not Found", "text/plain", "", "404 page not found")).await;
        assert!(kind == "refused" && message.contains("`base_url`"), "{message}");
        let (kind, message, _) =
            fault(wire, http("502 Bad Gateway", "text/html", "", "<html><body>bad</body></html>")).await;
        assert!(kind == "unavailable" && message.contains("an HTML page"), "{message}");
        let long = "x".repeat(100_000);
        let (_, message, _) = fault(wire, http("500 Oops", "text/plain", "", &long)).await;
        assert!(message.ends_with("x…"), "{message}");
    }
}

#[tokio::test]
async fn a_wish_to_wait_is_passed_on() {
    for wire in WIRES {
        for header in [
            "Retry-After: 7\r\n",
            "Retry-After: Fri, 31 Dec 2100 23:59:59 GMT\r\n",
            "retry-after-ms: 7000\r\n",
        ] {
            for status in ["429 Too Many Requests", "503 Service Unavailable"] {
                let (_, _, failure) = fault(wire, http(status, "application/json", header, "{}")).await;
                assert!(failure.retry_at.is_some(), "{status} {header}");
            }
        }
        let (_, _, failure) =
            fault(wire, http("401 No", "application/json", "Retry-After: 7\r\n", "{}")).await;
        assert_eq!(failure.retry_at, None);
    }
}

#[tokio::test]
async fn what_is_no_answer_is_unavailable() {
    for wire in WIRES {
        let kind = wire.content_type;
        let half = wire.piece("half of it");
        let inside = &half[..half.len() - 10];
        for (answer, word) in [
            (http("200 OK", "text/html; charset=utf-8", "", "<!doctype html><p>hi"), "HTML page"),
            (http("200 OK", "", "", "<!doctype html><p>hi"), "HTML page"),
            (http("200 OK", "text/plain", "", "all is well"), "instead of JSON: all is well"),
            (http("200 OK", kind, "", ""), "empty answer"),
            (http("200 OK", "", "", ""), "empty answer"),
            (http("200 OK", kind, "", &half), "in the middle, after 10 characters"),
            (http("200 OK", kind, "", inside), "cut its answer off"),
            (http("200 OK", "application/json", "", "[1, 2]"), "isn't an answer"),
            (http("200 OK", "application/json", "", "{\"choices\": 3, \"message\": 3}"), "isn't an answer"),
            (chunked(kind, &["data: {\"x\": \u{0}\n\n"]), "isn't an answer"),
        ] {
            let (told, message, _) = fault(wire, answer).await;
            assert_eq!(told, "unavailable", "{wire} {message}");
            assert!(message.contains(word), "{wire}: {word}: {message}");
        }
        let mut cut = chunked(kind, &[&wire.piece("a")]);
        cut.truncate(cut.len() - "0\r\n\r\n".len());
        let (told, message, _) = fault(wire, cut).await;
        assert!(told == "unavailable" && message.contains("broke off in the middle"), "{message}");
        let mut bytes = half.clone().into_bytes();
        let at = bytes.iter().position(|b| *b == b'h').unwrap();
        bytes[at] = 0xff;
        let (told, message, _) = fault(wire, server::chunked_bytes(kind, &bytes, 4096)).await;
        assert!(told == "unavailable" && message.contains("UTF-8"), "{message}");
        let (told, message, _) = fault(wire, "HTTP/1.1 abc\r\n\r\n").await;
        assert!(told == "unavailable", "{message}");
        let (told, message, _) = fault(wire, "").await;
        assert!(told == "unavailable" && message.contains("without an answer"), "{message}");
    }
}

#[tokio::test]
async fn an_answer_that_holds_nothing_is_none() {
    for wire in WIRES {
        let (told, message, _) = fault(wire, chunked(wire.content_type, &[wire.begin, wire.end])).await;
        assert!(told == "unavailable" && message.contains("sent an empty answer"), "{message}");
        let (told, message, _) =
            fault(wire, chunked(wire.content_type, &[wire.begin, wire.tool, wire.end])).await;
        assert!(told == "unavailable" && message.contains("a tool where it has none"), "{message}");
        // Beside a text they change nothing.
        let pieces = chunked(wire.content_type, &[&wire.piece("text"), wire.tool, wire.end]);
        let answer = ask(wire, &Server::once(pieces).await.url()).await.unwrap();
        assert_eq!((answer.text.as_str(), answer.finish), ("text", FinishReason::Stop));
        assert!(answer.tool_calls.is_empty());
    }
}

#[tokio::test]
async fn an_error_inside_an_answer_is_told() {
    for wire in WIRES {
        let error = &(wire.error)("engine fell over");
        let (kind, message, _) = fault(wire, chunked(wire.content_type, &[&wire.piece("a"), error])).await;
        assert!(kind == "unavailable" && message.contains("engine fell over"), "{message}");
        let error = (wire.error)("Rate limit reached");
        let (kind, ..) = fault(wire, chunked(wire.content_type, &[&error])).await;
        assert_eq!(kind, "rate_limited");
    }
}

#[tokio::test]
async fn a_wrong_content_type_is_no_reason_to_refuse_an_answer() {
    for wire in WIRES {
        let body = format!("\n{}{}", wire.piece("hi"), wire.end);
        for kind in ["text/plain", "application/octet-stream", ""] {
            let server = Server::once(http("200 OK", kind, "", &body)).await;
            assert_eq!(ask(wire, &server.url()).await.unwrap().text, "hi", "{wire} {kind}");
        }
    }
    let body = r#"{"choices":[{"message":{"content":"whole"},"finish_reason":"length"}],"usage":{"prompt_tokens":1,"completion_tokens":2}}"#;
    let server = Server::once(http("200 OK", "application/json", "", body)).await;
    let answer = ask(&OPENAI_CHAT, &server.url()).await.unwrap();
    assert_eq!((answer.text.as_str(), answer.finish), ("whole", FinishReason::Length));
}

#[tokio::test]
async fn usage_counts_although_the_answer_broke() {
    for wire in WIRES.iter().filter(|wire| !wire.usage.is_empty()) {
        let server = Server::once(chunked(wire.content_type, &[&wire.piece("a"), wire.usage])).await;
        let (failure, usage) = ask(wire, &server.url()).await.unwrap_err();
        assert_eq!(failure.kind, "unavailable", "{wire}");
        assert_eq!(usage, Some(Usage { input_tokens: 5, output_tokens: 2, ..Usage::default() }), "{wire}");
    }
}

#[tokio::test]
async fn answers_without_end_are_cut_off() {
    for wire in WIRES {
        // One line of 9 MiB without an end; then 17 MiB of text in small pieces.
        let line = "x".repeat(9 * 1024 * 1024);
        let (kind, message, _) = fault(wire, chunked(wire.content_type, &[&line])).await;
        assert!(kind == "exhausted" && message.contains("8 MiB"), "{message}");
        let piece = (wire.text)(&format!("\"{}\"", "x".repeat(1024 * 1024)));
        let (kind, message, _) = fault(wire, chunked(wire.content_type, &[piece.as_str(); 17])).await;
        assert!(kind == "exhausted" && message.contains("16 MiB"), "{message}");
    }
}

#[tokio::test]
async fn a_redirect_carries_no_key_anywhere() {
    for wire in WIRES {
        let other = Server::answering(move |_, _| whole(wire, "stolen")).await;
        let location = format!("Location: {}/x\r\n", other.url());
        let (kind, message, _) =
            fault(wire, http("307 Temporary Redirect", "text/plain", &location, "")).await;
        assert!(kind == "unavailable" && message.contains(&other.url()), "{message}");
        assert_eq!(other.requests().len(), 0);
    }
}

#[tokio::test]
async fn dropping_the_call_closes_the_connection() {
    for wire in WIRES {
        // Before the head of the answer, and inside the answer.
        let mut open = chunked(wire.content_type, &[&wire.piece("a")]);
        open.truncate(open.len() - "0\r\n\r\n".len());
        for beginning in [Vec::new(), open] {
            let waits_for_text = !beginning.is_empty();
            let server = Server::holding(beginning).await;
            let (sent, mut seen) = tokio::sync::mpsc::unbounded_channel();
            let url = server.url();
            let asking = tokio::spawn(async move {
                let _ = provider(wire)
                    .ask(&model(wire, &url), &call(), &mut |delta| drop(sent.send(delta)))
                    .await;
            });
            server.has_request().await;
            if waits_for_text {
                assert_eq!(seen.recv().await, Some(Delta::Text("a".into())));
            }
            asking.abort();
            server.saw_end().await;
        }
    }
}

#[tokio::test]
async fn models_are_listed() {
    for wire in WIRES {
        let (path, body) = wire.models;
        let server = Server::once(http("200 OK", "application/json", "", body)).await;
        let models = provider(wire).models(&model(wire, &server.url())).await.unwrap();
        assert_eq!(models.iter().map(|m| m.name.as_str()).collect::<Vec<_>>(), ["a", "b"]);
        assert!(server.requests()[0].starts_with(path));
        let server = Server::once(http("200 OK", "text/html", "", "<html>")).await;
        let failure = provider(wire).models(&model(wire, &server.url())).await.unwrap_err();
        assert!(failure.message.contains("HTML page"), "{}", failure.message);
    }
}

#[tokio::test]
async fn vectors_come_in_the_order_of_their_texts() {
    let openai = r#"{"data":[{"index":1,"embedding":[3,4]},{"index":0,"embedding":[1,2]}],"usage":{"prompt_tokens":4}}"#;
    let ollama = r#"{"embeddings":[[1,2],[3,4]],"prompt_eval_count":4}"#;
    let texts = [String::from("a"), String::from("b")];
    for (wire, path, body, short) in [
        (&OPENAI_CHAT, "POST /v1/embeddings ", openai, r#"{"data":[{"index":0,"embedding":[1,2]}]}"#),
        (&OLLAMA, "POST /api/embed ", ollama, r#"{"embeddings":[[1,2]]}"#),
    ] {
        let server = Server::once(http("200 OK", "application/json", "", body)).await;
        let made = provider(wire).embed(&model(wire, &server.url()), &texts).await.unwrap();
        assert_eq!(made.vectors, [vec![1.0, 2.0], vec![3.0, 4.0]], "{wire}");
        assert_eq!(made.usage, Some(Usage { input_tokens: 4, ..Usage::default() }), "{wire}");
        assert!(server.requests()[0].starts_with(path), "{wire}");
        for (wrong, word) in
            [(short, "vectors"), ("{}", "something else than vectors"), ("<html>", "something else")]
        {
            let server = Server::once(http("200 OK", "application/json", "", wrong)).await;
            let failure = provider(wire).embed(&model(wire, &server.url()), &texts).await.unwrap_err();
            assert!(failure.kind == "unavailable" && failure.message.contains(word), "{wire}: {failure}");
        }
    }
}

#[tokio::test]
async fn keys_that_cannot_be_sent_are_refused_without_being_shown() {
    for wire in WIRES {
        let mut model = model(wire, "http://127.0.0.1:9");
        model.api_key = Some(Secret::new("sk-line\nbreak"));
        let (failure, _) = provider(wire).ask(&model, &call(), &mut |_| {}).await.unwrap_err();
        assert_eq!(failure.kind, "refused");
        assert!(failure.message.contains("can't be sent") && !failure.message.contains("sk-line"));
    }
}

/// Runs as a process of its own, started by the test below with a proxy in its environment.
#[tokio::test]
#[ignore = "needs the environment that `proxies_are_for_the_outside` gives it"]
async fn behind_a_proxy() {
    let url = std::env::var("FLOW_TEST_URL").unwrap();
    match ask(&OPENAI_CHAT, &url).await {
        Ok(answer) => assert_eq!(answer.text, std::env::var("FLOW_TEST_TEXT").unwrap()),
        Err((failure, _)) => panic!("{failure}"),
    }
}

#[tokio::test]
async fn proxies_are_for_the_outside() {
    let local = Server::answering(|_, _| whole(&OPENAI_CHAT, "local")).await;
    let proxy = Server::answering(|_, _| whole(&OPENAI_CHAT, "proxied")).await;
    for (url, text) in [(local.url(), "local"), (String::from("http://models.example"), "proxied")] {
        let output = tokio::process::Command::new(std::env::current_exe().unwrap())
            .args(["--ignored", "--exact", "behind_a_proxy"])
            .envs([("HTTP_PROXY", proxy.url()), ("http_proxy", proxy.url()), ("FLOW_TEST_URL", url)])
            .env("FLOW_TEST_TEXT", text)
            .env_remove("NO_PROXY")
            .env_remove("no_proxy")
            .output()
            .await
            .unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
    }
    assert_eq!((local.requests().len(), proxy.requests().len()), (1, 1));
    assert!(proxy.requests()[0].starts_with("POST http://models.example/v1/chat/completions "));
}
