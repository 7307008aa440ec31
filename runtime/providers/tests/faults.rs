//! Every fault of a server, on every wire: the right kind of failure, a message that helps, no key in it.

#![allow(clippy::disallowed_methods, reason = "tests read files and start processes")]

mod server;

use flow_providers::Registry;
use flow_runtime_api::{
    Answer, Call, Delta, Failure, FinishReason, Message, Provider, ResolvedModel, Role, Scrubber, Secret,
    Usage,
};
use server::{Server, chunked, http};

const KEY: &str = "sk-canary-0123456789";

/// The two wires, as the tests need them.
#[derive(Clone, Copy, PartialEq, Debug)]
enum Wire {
    OpenAi,
    Ollama,
}

const WIRES: [Wire; 2] = [Wire::OpenAi, Wire::Ollama];

impl Wire {
    fn provider(self) -> std::sync::Arc<dyn Provider> {
        let name = if self == Wire::OpenAi { "openai" } else { "ollama" };
        Registry::new(Scrubber::default()).provider(name).unwrap()
    }

    fn content_type(self) -> &'static str {
        if self == Wire::OpenAi { "text/event-stream" } else { "application/x-ndjson" }
    }

    fn piece(self, text: &str) -> String {
        let text = serde_json::to_string(text).unwrap();
        match self {
            Wire::OpenAi => {
                format!("data: {{\"choices\":[{{\"index\":0,\"delta\":{{\"content\":{text}}}}}]}}\n\n")
            }
            Wire::Ollama => format!("{{\"message\":{{\"content\":{text}}},\"done\":false}}\n"),
        }
    }

    fn end(self) -> &'static str {
        match self {
            Wire::OpenAi => {
                "data: {\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"}]}\n\n\
                 data: {\"choices\":[],\"usage\":{\"prompt_tokens\":5,\"completion_tokens\":2}}\n\n\
                 data: [DONE]\n\n"
            }
            Wire::Ollama => {
                "{\"message\":{\"content\":\"\"},\"done\":true,\"done_reason\":\"stop\",\
                 \"prompt_eval_count\":5,\"eval_count\":2}\n"
            }
        }
    }

    fn whole(self, text: &str) -> Vec<u8> {
        chunked(self.content_type(), &[&self.piece(text), self.end()])
    }
}

fn model(base_url: &str) -> ResolvedModel {
    ResolvedModel {
        model: "m".into(),
        base_url: Some(base_url.to_owned()),
        api_key: Some(Secret::new(KEY)),
        ..ResolvedModel::default()
    }
}

fn call() -> Call {
    Call { messages: vec![Message::text(Role::User, "hi")], ..Call::default() }
}

type Asked = Result<Answer, (Failure, Option<Usage>)>;

async fn ask(wire: Wire, base_url: &str) -> Asked {
    wire.provider().ask(&model(base_url), &call(), &mut |_| {}).await
}

/// Asks a server that gives this answer, whole, and closes; returns the kind and the message.
async fn fault(wire: Wire, answer: impl Into<Vec<u8>>) -> (String, String, Failure) {
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
        let pieces = [wire.piece("a\u{2028}"), wire.piece("é"), wire.end().to_owned()].concat();
        // A byte at a time: no boundary of the network is one of the wire.
        let server = Server::once(server::chunked_bytes(wire.content_type(), pieces.as_bytes(), 1)).await;
        let mut deltas = Vec::new();
        let answer = wire
            .provider()
            .ask(&model(&server.url()), &call(), &mut |delta| deltas.push(delta))
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
        let server = Server::answering(move |_, _| wire.whole("hi")).await;
        let provider = wire.provider();
        for _ in 0..3 {
            provider.ask(&model(&server.url()), &call(), &mut |_| {}).await.unwrap();
        }
        assert_eq!((server.requests().len(), server.connections()), (3, 1), "{wire:?}");
        let request = &server.requests()[0];
        assert!(request.contains(&format!("authorization: Bearer {KEY}")), "{request}");
    }
}

#[tokio::test]
async fn a_connection_that_was_closed_meanwhile_is_not_the_callers_trouble() {
    for wire in WIRES {
        // The second request is lost with its connection, the third comes instead of it.
        let server =
            Server::answering(move |number, _| if number == 1 { Vec::new() } else { wire.whole("hi") }).await;
        let provider = wire.provider();
        for _ in 0..2 {
            assert_eq!(provider.ask(&model(&server.url()), &call(), &mut |_| {}).await.unwrap().text, "hi");
        }
        assert_eq!((server.requests().len(), server.connections()), (3, 2), "{wire:?}");
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
        assert!(failure.message.contains("`not a url`"), "{}", failure.message);
    }
    let (failure, _) = ask(Wire::Ollama, &server::nobody().await).await.unwrap_err();
    assert!(failure.message.contains("`ollama serve`"), "{}", failure.message);
}

#[tokio::test]
async fn a_missing_key_is_named_before_anything_is_sent() {
    let model = ResolvedModel { model: "gpt-4.1".into(), ..ResolvedModel::default() };
    let (failure, _) = Wire::OpenAi.provider().ask(&model, &call(), &mut |_| {}).await.unwrap_err();
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
            assert_eq!(told, kind, "{wire:?} {status}");
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
        let kind = wire.content_type();
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
            assert_eq!(told, "unavailable", "{wire:?} {message}");
            assert!(message.contains(word), "{wire:?}: {word}: {message}");
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
        let (told, message, _) = fault(wire, chunked(wire.content_type(), &[wire.end()])).await;
        assert!(told == "unavailable" && message.contains("sent an empty answer"), "{message}");
        let tool = match wire {
            Wire::OpenAi => {
                "data: {\"choices\":[{\"index\":0,\"delta\":{\"tool_calls\":[{\"index\":0,\"id\":\"a\",\"function\":\
                 {\"name\":\"f\",\"arguments\":\"{}\"}}]},\"finish_reason\":\"tool_calls\"}]}\n\n"
            }
            Wire::Ollama => {
                "{\"message\":{\"content\":\"\",\"tool_calls\":[{\"function\":{\"name\":\"f\",\
                 \"arguments\":{}}}]},\"done\":false}\n"
            }
        };
        let (told, message, _) = fault(wire, chunked(wire.content_type(), &[tool, wire.end()])).await;
        assert!(told == "unavailable" && message.contains("a tool where it has none"), "{message}");
        // Beside a text they change nothing.
        let pieces = chunked(wire.content_type(), &[&wire.piece("text"), tool, wire.end()]);
        let answer = ask(wire, &Server::once(pieces).await.url()).await.unwrap();
        assert_eq!((answer.text.as_str(), answer.finish), ("text", FinishReason::Stop));
        assert!(answer.tool_calls.is_empty());
    }
}

#[tokio::test]
async fn an_error_inside_an_answer_is_told() {
    for (wire, error) in [
        (Wire::OpenAi, "data: {\"error\":{\"message\":\"engine fell over\",\"code\":500}}\n\n"),
        (Wire::Ollama, "{\"error\":\"engine fell over\"}\n"),
    ] {
        let (kind, message, _) = fault(wire, chunked(wire.content_type(), &[&wire.piece("a"), error])).await;
        assert!(kind == "unavailable" && message.contains("engine fell over"), "{message}");
        let error = error.replace("engine fell over", "Rate limit reached");
        let (kind, ..) = fault(wire, chunked(wire.content_type(), &[&error])).await;
        assert_eq!(kind, "rate_limited");
    }
}

#[tokio::test]
async fn a_wrong_content_type_is_no_reason_to_refuse_an_answer() {
    for wire in WIRES {
        let body = format!("\n{}{}", wire.piece("hi"), wire.end());
        for kind in ["text/plain", "application/octet-stream", ""] {
            let server = Server::once(http("200 OK", kind, "", &body)).await;
            assert_eq!(ask(wire, &server.url()).await.unwrap().text, "hi", "{wire:?} {kind}");
        }
    }
    let body = r#"{"choices":[{"message":{"content":"whole"},"finish_reason":"length"}],"usage":{"prompt_tokens":1,"completion_tokens":2}}"#;
    let server = Server::once(http("200 OK", "application/json", "", body)).await;
    let answer = ask(Wire::OpenAi, &server.url()).await.unwrap();
    assert_eq!((answer.text.as_str(), answer.finish), ("whole", FinishReason::Length));
}

#[tokio::test]
async fn usage_counts_although_the_answer_broke() {
    let usage = "data: {\"choices\":[],\"usage\":{\"prompt_tokens\":5,\"completion_tokens\":2}}\n\n";
    let server = Server::once(chunked("text/event-stream", &[&Wire::OpenAi.piece("a"), usage])).await;
    let (failure, usage) = ask(Wire::OpenAi, &server.url()).await.unwrap_err();
    assert_eq!(failure.kind, "unavailable");
    assert_eq!(usage.unwrap().input_tokens, 5);
}

#[tokio::test]
async fn answers_without_end_are_cut_off() {
    for wire in WIRES {
        // One line of 9 MiB without an end; then 17 MiB of text in small pieces.
        let line = "x".repeat(9 * 1024 * 1024);
        let (kind, message, _) = fault(wire, chunked(wire.content_type(), &[&line])).await;
        assert!(kind == "exhausted" && message.contains("8 MiB"), "{message}");
        let piece = wire.piece(&"x".repeat(1024 * 1024));
        let (kind, message, _) = fault(wire, chunked(wire.content_type(), &[piece.as_str(); 17])).await;
        assert!(kind == "exhausted" && message.contains("16 MiB"), "{message}");
    }
}

#[tokio::test]
async fn a_redirect_carries_no_key_anywhere() {
    for wire in WIRES {
        let other = Server::answering(move |_, _| wire.whole("stolen")).await;
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
        let mut open = chunked(wire.content_type(), &[&wire.piece("a")]);
        open.truncate(open.len() - "0\r\n\r\n".len());
        for beginning in [Vec::new(), open] {
            let waits_for_text = !beginning.is_empty();
            let server = Server::holding(beginning).await;
            let (sent, mut seen) = tokio::sync::mpsc::unbounded_channel();
            let url = server.url();
            let asking = tokio::spawn(async move {
                let provider = wire.provider();
                let _ = provider.ask(&model(&url), &call(), &mut |delta| drop(sent.send(delta))).await;
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
    for (wire, path, body) in [
        (Wire::OpenAi, "GET /models ", r#"{"data":[{"id":"a"},{"id":"b"}]}"#),
        (Wire::Ollama, "GET /api/tags ", r#"{"models":[{"name":"a","size":1},{"name":"b"}]}"#),
    ] {
        let server = Server::once(http("200 OK", "application/json", "", body)).await;
        let models = wire.provider().models(&model(&server.url())).await.unwrap();
        assert_eq!(models.iter().map(|m| m.name.as_str()).collect::<Vec<_>>(), ["a", "b"]);
        assert!(server.requests()[0].starts_with(path));
        let server = Server::once(http("200 OK", "text/html", "", "<html>")).await;
        let failure = wire.provider().models(&model(&server.url())).await.unwrap_err();
        assert!(failure.message.contains("HTML page"), "{}", failure.message);
    }
}

#[tokio::test]
async fn keys_that_cannot_be_sent_are_refused_without_being_shown() {
    for wire in WIRES {
        let mut model = model("http://127.0.0.1:9");
        model.api_key = Some(Secret::new("sk-line\nbreak"));
        let (failure, _) = wire.provider().ask(&model, &call(), &mut |_| {}).await.unwrap_err();
        assert_eq!(failure.kind, "refused");
        assert!(failure.message.contains("can't be sent") && !failure.message.contains("sk-line"));
    }
}

/// Runs as a process of its own, started by the test below with a proxy in its environment.
#[tokio::test]
#[ignore = "needs the environment that `proxies_are_for_the_outside` gives it"]
async fn behind_a_proxy() {
    let url = std::env::var("FLOW_TEST_URL").unwrap();
    match ask(Wire::OpenAi, &url).await {
        Ok(answer) => assert_eq!(answer.text, std::env::var("FLOW_TEST_TEXT").unwrap()),
        Err((failure, _)) => panic!("{failure}"),
    }
}

#[tokio::test]
async fn proxies_are_for_the_outside() {
    let local = Server::answering(|_, _| Wire::OpenAi.whole("local")).await;
    let proxy = Server::answering(|_, _| Wire::OpenAi.whole("proxied")).await;
    for (url, text) in [(local.url(), "local"), (String::from("http://models.example/v1"), "proxied")] {
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
