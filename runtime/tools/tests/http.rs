//! Requests of tools against a server that says what each test wants.

#[path = "../../providers/tests/server/mod.rs"]
mod server;

use base64::Engine as _;
use flow_runtime_api::{Failure, HttpAnswer, HttpRequest, Scrubber, Secret, Tool, escape_marks, mark};
use flow_tools::HttpTool;
use server::{Server, http};

const KEY: &str = "s3cret+canary/0123";

fn get(url: &str) -> HttpRequest {
    HttpRequest {
        method: String::from("GET"),
        url: url.to_owned(),
        query: Vec::new(),
        headers: Vec::new(),
        body: None,
        content_type: None,
        idempotency_key: None,
        repeatable: true,
        allow: vec![String::from("127.0.0.1")],
        limit_bytes: 1024 * 1024,
    }
}

fn post(url: &str) -> HttpRequest {
    HttpRequest {
        method: String::from("POST"),
        body: Some(base64::engine::general_purpose::STANDARD.encode("{\"a\":1}")),
        content_type: Some(String::from("application/json")),
        idempotency_key: Some(String::from("k1")),
        repeatable: false,
        ..get(url)
    }
}

async fn send(request: &HttpRequest) -> Result<HttpAnswer, Failure> {
    let secrets = [(String::from("KEY"), Secret::new(KEY))];
    let result = HttpTool::new(Scrubber::default()).http(request, &secrets).await;
    if let Err(failure) = &result {
        assert!(!failure.message.contains(KEY) && !failure.message.contains("s3cret"), "{}", failure.message);
        assert!(!failure.message.chars().any(char::is_control), "{}", failure.message);
    }
    result
}

async fn failure(request: &HttpRequest) -> (String, String) {
    let failure = send(request).await.expect_err("this fails");
    (failure.kind.to_string(), failure.message)
}

#[tokio::test]
async fn a_request_is_sent_with_its_secrets_in_their_places() {
    let server = Server::once(http("200 OK", "application/json", "", "{}")).await;
    let mut request = post(&format!("{}/a%20b?x={}&y=1", server.url(), mark("KEY")));
    request.query = vec![
        (String::from("q"), format!("{} & {}", mark("KEY"), escape_marks("${secret.KEY}"))),
        (String::from("q"), String::from("é")),
    ];
    request.headers = vec![(String::from("Authorization"), format!("Bearer {}", mark("KEY")))];
    let answer = send(&request).await.unwrap();
    assert_eq!(
        (answer.status, answer.content_type.as_str(), &*answer.body),
        (200, "application/json", &b"{}"[..])
    );
    let sent = &server.requests()[0];
    let first = sent.lines().next().unwrap();
    assert_eq!(
        first,
        "POST /a%20b?x=s3cret%2Bcanary%2F0123&y=1&q=s3cret%2Bcanary%2F0123+%26+%24%7Bsecret.KEY%7D&q=%C3%A9 HTTP/1.1"
    );
    for line in
        [&format!("authorization: Bearer {KEY}"), "content-type: application/json", "idempotency-key: k1"]
    {
        assert!(sent.lines().any(|sent| sent == line), "{line} in {sent}");
    }
    assert!(sent.ends_with("\r\n\r\n{\"a\":1}"));
}

#[tokio::test]
async fn statuses_have_their_kinds() {
    for (status, kind) in [
        ("400 Bad", "tool_failed"),
        ("401 No", "refused"),
        ("403 No", "refused"),
        ("404 Gone", "tool_failed"),
        ("304 Same", "tool_failed"),
        ("429 Later", "rate_limited"),
        ("500 Oops", "unavailable"),
        ("502 Oops", "unavailable"),
        ("503 Oops", "unavailable"),
        ("504 Late", "timeout"),
    ] {
        let said = if status.starts_with("304") {
            String::new()
        } else {
            format!("no {KEY}\u{7} {}", "x".repeat(1000))
        };
        let server = Server::once(http(status, "text/plain", "Retry-After: 5\r\n", &said)).await;
        let failure = send(&get(&format!("{}/p?token=abc", server.url()))).await.unwrap_err();
        assert_eq!(failure.kind, kind, "{status}");
        assert!(
            failure.message.contains(&status[..3]) && !failure.message.contains("token"),
            "{}",
            failure.message
        );
        assert!(failure.message.chars().count() < 420);
        assert_eq!(
            failure.retry_at.is_some(),
            matches!(kind, "rate_limited" | "unavailable" | "timeout"),
            "{status}"
        );
    }
}

#[tokio::test]
async fn a_host_that_is_not_allowed_is_never_reached() {
    let server = Server::once(http("200 OK", "", "", "x")).await;
    let mut request = get(&server.url());
    request.allow = vec![String::from("api.example.com"), String::from("127.0.0.1:1")];
    let (kind, message) = failure(&request).await;
    assert!(kind == "tool_failed" && message.contains("net(\"127.0.0.1\")"), "{message}");
    // Nor by a redirect.
    let other = server.url().replace("127.0.0.1", "localhost");
    let redirect = Server::once(http("302 Found", "", &format!("Location: {other}/x\r\n"), "")).await;
    let (kind, message) = failure(&get(&redirect.url())).await;
    assert!(kind == "tool_failed" && message.contains("`localhost`, which isn't in `allow`"), "{message}");
    assert_eq!(server.connections(), 0);
}

#[tokio::test]
async fn redirects_keep_secrets_to_their_server() {
    let target = Server::answering(|_, _| http("200 OK", "", "", "there")).await;
    for (status, method) in
        [("302 Found", "GET"), ("303 See Other", "GET"), ("307 Temporary", "POST"), ("308 Permanent", "POST")]
    {
        let header = format!("Location: {}/to\r\n", target.url());
        let from = Server::once(http(status, "", &header, "")).await;
        let mut request = post(&format!("{}/?k={}", from.url(), mark("KEY")));
        request.headers =
            vec![(String::from("x-key"), mark("KEY")), (String::from("x-plain"), String::from("1"))];
        assert_eq!(send(&request).await.unwrap().body, b"there");
        let sent = target.requests().pop().unwrap();
        assert!(sent.starts_with(&format!("{method} /to HTTP/1.1")), "{sent}");
        assert!(!sent.contains("s3cret") && !sent.contains("x-key") && sent.contains("x-plain: 1"), "{sent}");
        assert_eq!(sent.contains("{\"a\":1}"), method == "POST", "{sent}");
    }
    // The same server gets them again.
    let same = Server::answering(|number, _| {
        if number == 0 {
            http("307 T", "", "Location: /again\r\n", "")
        } else {
            http("200 OK", "", "", "there")
        }
    })
    .await;
    let mut request = get(&same.url());
    request.headers = vec![(String::from("x-key"), mark("KEY"))];
    send(&request).await.unwrap();
    assert!(same.requests()[1].contains(&format!("x-key: {KEY}")));
    // A server that echoes a secret into a redirect doesn't get rid of it that way.
    let header = format!("Location: {}/?k=s3cret%2Bcanary%2F0123\r\n", target.url());
    let from = Server::once(http("302 Found", "", &header, "")).await;
    let (_, message) = failure(&get(&from.url())).await;
    assert!(message.contains("with a secret in the URL"), "{message}");
    // And circles end.
    let circle = Server::answering(|_, _| http("302 Found", "", "Location: /\r\n", "")).await;
    let (_, message) = failure(&get(&circle.url())).await;
    assert!(message.contains("more than 10 redirects"), "{message}");
}

#[tokio::test]
async fn bodies_are_limited_while_they_come() {
    let body = "x".repeat(2000);
    for answer in [http("200 OK", "text/plain", "", &body), server::chunked("text/plain", &[&body])] {
        let server = Server::once(answer).await;
        let mut request = get(&server.url());
        request.limit_bytes = 2000;
        assert_eq!(send(&request).await.unwrap().body.len(), 2000);
        request.limit_bytes = 1999;
        let (kind, message) = failure(&request).await;
        assert!(kind == "exhausted" && message.contains("1999 bytes"), "{message}");
    }
}

/// 200,000 times `a`, gzipped.
const GZIP: &str = "H4sIAAAAAAACA+3BMQEAAADCoKzrX8IM/kABAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAK8Bm1Np4EANAwA=";

#[tokio::test]
async fn what_is_packed_is_unpacked_within_the_limit() {
    let packed = base64::engine::general_purpose::STANDARD.decode(GZIP).unwrap();
    let head = format!(
        "HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Type: text/plain\r\nContent-Length: {}\r\n\r\n",
        packed.len()
    );
    let server = Server::once([head.into_bytes(), packed].concat()).await;
    let mut request = get(&server.url());
    assert_eq!(send(&request).await.unwrap().body, "a".repeat(200_000).into_bytes());
    request.limit_bytes = 100_000;
    assert_eq!(failure(&request).await.0, "exhausted");
}

#[tokio::test]
async fn what_was_sent_and_not_answered_is_uncertain() {
    let mut cut = http("200 OK", "text/plain", "", "whole");
    cut.truncate(cut.len() - 2);
    for answer in [Vec::new(), cut] {
        let server = Server::once(answer).await;
        assert_eq!(failure(&get(&server.url())).await.0, "unavailable");
        assert_eq!(failure(&post(&server.url())).await.0, "uncertain");
    }
    let nobody = server::nobody().await;
    let (kind, message) = failure(&post(&nobody)).await;
    assert!(kind == "unavailable" && message.contains(&nobody) && message.contains("refused"), "{message}");
}

#[tokio::test]
async fn unsafe_requests_are_refused_before_anything_is_sent() {
    let server = Server::once(http("200 OK", "", "", "x")).await;
    let base = server.url();
    for url in [
        format!("{base}/a\r\nX: 1"),
        format!("{base}/a b"),
        base.replace("http://", "http://user:pass@"),
        base.replace("http://", "ftp://"),
        base.replace("http://", "http:\\\\"),
        format!("{base}/{}", mark("KEY")),
        format!("{base}/?k={}", mark("OTHER")),
        String::from("nonsense"),
        String::new(),
    ] {
        assert_eq!(failure(&get(&url)).await.0, "tool_failed", "{url}");
    }
    for (name, value) in [
        ("x-a", "a\r\nb: c"),
        ("x a", "b"),
        ("Host", "other.example"),
        ("Content-Length", "3"),
        ("transfer-encoding", "chunked"),
        ("x-a", "${secret.OTHER}"),
    ] {
        let mut request = get(&base);
        request.headers = vec![(name.to_owned(), value.to_owned())];
        assert_eq!(failure(&request).await.0, "tool_failed", "{name}: {value}");
    }
    assert_eq!(server.connections(), 0);
}

#[tokio::test]
async fn dropping_a_request_closes_its_connection() {
    let server = Server::holding(Vec::new()).await;
    let request = get(&server.url());
    let sending = tokio::spawn(async move { send(&request).await });
    server.has_request().await;
    sending.abort();
    server.saw_end().await;
}
