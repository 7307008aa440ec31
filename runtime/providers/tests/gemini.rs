//! Gemini's wire, as far as no other has it: where the key goes, pages of models, vectors, and errors in odd places.

mod server;

use flow_providers::Registry;
use flow_runtime_api::{
    Answer, Call, Failure, Message, Provider, ResolvedModel, Role, Scrubber, Secret, Time, Usage,
};
use server::{Server, chunked, http};

const KEY: &str = "AIza-canary-0123456789";

const ANSWER: &str = "data: {\"candidates\":[{\"content\":{\"parts\":[{\"text\":\"hi\"}]},\"finishReason\":\"STOP\"}],\
                      \"usageMetadata\":{\"promptTokenCount\":5,\"candidatesTokenCount\":2,\"totalTokenCount\":7}}\n\n";

fn provider() -> std::sync::Arc<dyn Provider> {
    Registry::new(Scrubber::default()).provider("google").unwrap()
}

fn model(server: &Server) -> ResolvedModel {
    ResolvedModel {
        model: "gemini-2.5-flash".into(),
        base_url: Some(server.url()),
        api_key: Some(Secret::new(KEY)),
        ..ResolvedModel::default()
    }
}

async fn ask(server: &Server) -> Result<Answer, (Failure, Option<Usage>)> {
    let call = Call { messages: vec![Message::text(Role::User, "hi")], ..Call::default() };
    provider().ask(&model(server), &call, &mut |_| {}).await
}

#[tokio::test]
async fn the_key_stands_in_a_header_and_never_in_the_url() {
    let server = Server::answering(|_, _| chunked("text/event-stream", &[ANSWER])).await;
    assert_eq!(ask(&server).await.unwrap().text, "hi");
    let mut newer = model(&server);
    newer.api_version = Some(String::from("v1"));
    let call = Call { messages: vec![Message::text(Role::User, "hi")], ..Call::default() };
    provider().ask(&newer, &call, &mut |_| {}).await.unwrap();
    let heads: Vec<String> =
        server.requests().iter().map(|request| request.lines().next().unwrap().to_owned()).collect();
    assert_eq!(
        heads,
        [
            "POST /v1beta/models/gemini-2.5-flash:streamGenerateContent?alt=sse HTTP/1.1",
            "POST /v1/models/gemini-2.5-flash:streamGenerateContent?alt=sse HTTP/1.1",
        ]
    );
    for request in server.requests() {
        assert!(request.contains(&format!("x-goog-api-key: {KEY}\r\n")), "{request}");
        assert!(!request.to_ascii_lowercase().contains("authorization:"), "{request}");
    }
}

#[tokio::test]
async fn a_missing_key_is_named_before_anything_is_sent() {
    let model = ResolvedModel { model: "gemini-2.5-flash".into(), ..ResolvedModel::default() };
    let needs = "Gemini needs a key: set GEMINI_API_KEY, GOOGLE_API_KEY or the model's `api_key`";
    let (failure, _) = provider().ask(&model, &Call::default(), &mut |_| {}).await.unwrap_err();
    assert_eq!(failure.message, needs);
    assert_eq!(provider().models(&model).await.unwrap_err().message, needs);
    assert_eq!(provider().embed(&model, &[]).await.unwrap_err().message, needs);
}

#[tokio::test]
async fn a_wish_to_wait_is_read_from_the_body() {
    let body = r#"{"error":{"code":429,"message":"Quota exceeded.","status":"RESOURCE_EXHAUSTED","details":[
        {"@type":"type.googleapis.com/google.rpc.RetryInfo","retryDelay":"7s"}]}}"#;
    let wait = |failure: Failure| {
        assert_eq!(failure.kind, "rate_limited");
        failure.retry_at.unwrap()
    };
    let server = Server::once(http("429 Too Many Requests", "application/json", "", body)).await;
    let at = wait(ask(&server).await.unwrap_err().0);
    // A header goes before it.
    let header = "Retry-After: Fri, 31 Dec 2100 23:59:59 GMT\r\n";
    let server = Server::once(http("429 Too Many Requests", "application/json", header, body)).await;
    assert!(wait(ask(&server).await.unwrap_err().0) > at);
    // And inside an answer that began well.
    let event = format!("data: {}\n\n", body.replace('\n', " "));
    let server = Server::once(chunked("text/event-stream", &[&event])).await;
    let (failure, _) = ask(&server).await.unwrap_err();
    assert!(failure.message.contains("RESOURCE_EXHAUSTED") && failure.message.contains("Quota exceeded"));
    assert!(wait(failure) > Time(at.0 - 1));
}

#[tokio::test]
async fn an_answer_is_found_in_every_form() {
    let json = ANSWER.trim_start_matches("data: ").trim();
    let pretty =
        serde_json::to_string_pretty(&serde_json::from_str::<serde_json::Value>(json).unwrap()).unwrap();
    for (kind, body) in [
        ("application/json", json.to_owned()),
        ("application/json", format!("[{json}\n,\r\n{{\"responseId\":\"x\"}}]")),
        ("text/event-stream", pretty),
        ("", format!("\n{ANSWER}")),
        ("text/event-stream", format!(": ping\r\n\r\nid: 3\r\n{ANSWER}data: [DONE]\n\n")),
    ] {
        let server = Server::once(http("200 OK", kind, "", &body)).await;
        let answer = ask(&server).await.unwrap_or_else(|(failure, _)| panic!("{failure}: {body}"));
        assert_eq!((answer.text.as_str(), answer.usage.unwrap().output_tokens), ("hi", 2), "{body}");
    }
    // An error that breaks into a stream as plain JSON, over several lines.
    let piece = "data: {\"candidates\":[{\"content\":{\"parts\":[{\"text\":\"h\"}]}}]}\n\n";
    let error = "[{\n  \"error\": {\n    \"code\": 503,\n    \"message\": \"overloaded\",\n    \"status\": \"UNAVAILABLE\"\n  }\n}]\n";
    let server = Server::once(chunked("text/event-stream", &[piece, error])).await;
    let (failure, _) = ask(&server).await.unwrap_err();
    assert!(
        failure.kind == "unavailable" && failure.message.contains("(UNAVAILABLE): overloaded"),
        "{failure}"
    );
}

#[tokio::test]
async fn a_version_that_is_not_there_is_told() {
    let server = Server::once(http("404 Not Found", "text/html", "", "<html>404</html>")).await;
    let (failure, _) = ask(&server).await.unwrap_err();
    assert!(failure.message.ends_with("is there an API version `v1beta`?"), "{failure}");
}

#[tokio::test]
async fn models_are_listed_page_by_page() {
    let server = Server::answering(|number, _| {
        let body = match number {
            0 => r#"{"models":[{"name":"models/a","displayName":"A"},{"name":"tunedModels/b"}],"nextPageToken":"p 2&x"}"#,
            1 => r#"{"nextPageToken":"p3"}"#,
            _ => r#"{"models":[{"name":"models/c"}]}"#,
        };
        http("200 OK", "application/json", "", body)
    })
    .await;
    let models = provider().models(&model(&server)).await.unwrap();
    assert_eq!(models.iter().map(|m| m.name.as_str()).collect::<Vec<_>>(), ["a", "tunedModels/b", "c"]);
    let heads: Vec<String> =
        server.requests().iter().map(|request| request.lines().next().unwrap().to_owned()).collect();
    assert_eq!(
        heads,
        [
            "GET /v1beta/models?pageSize=1000 HTTP/1.1",
            "GET /v1beta/models?pageSize=1000&pageToken=p%202%26x HTTP/1.1",
            "GET /v1beta/models?pageSize=1000&pageToken=p3 HTTP/1.1",
        ]
    );
    // A list without an end is left.
    let server = Server::answering(|number, _| {
        let body = format!(r#"{{"models":[{{"name":"models/m{number}"}}],"nextPageToken":"p{number}"}}"#);
        http("200 OK", "application/json", "", &body)
    })
    .await;
    assert_eq!(provider().models(&model(&server)).await.unwrap().len(), 100);
    for (kind, body, word) in [
        ("text/html", "<html>", "HTML page"),
        ("application/json", r#"{"data":[{"id":"a"}]}"#, "something else than a list of models"),
        ("application/json", "[]", "something else than a list of models"),
    ] {
        let server = Server::once(http("200 OK", kind, "", body)).await;
        let failure = provider().models(&model(&server)).await.unwrap_err();
        assert!(failure.message.contains(word), "{failure}");
    }
}

#[tokio::test]
async fn texts_become_vectors_a_hundred_at_a_time() {
    let server = Server::answering(|_, request| {
        let body: serde_json::Value =
            serde_json::from_str(request.split("\r\n\r\n").nth(1).unwrap()).unwrap();
        let made: Vec<serde_json::Value> = body["requests"]
            .as_array()
            .unwrap()
            .iter()
            .map(|request| {
                assert_eq!(request["model"], "models/gemini-embedding-001");
                let text = request["content"]["parts"][0]["text"].as_str().unwrap();
                serde_json::json!({"values": [text.len(), 0.5]})
            })
            .collect();
        let count = made.len();
        let body = serde_json::json!({"embeddings": made, "usageMetadata": {"promptTokenCount": count}});
        http("200 OK", "application/json", "", &body.to_string())
    })
    .await;
    let mut model = model(&server);
    model.model = "gemini-embedding-001".into();
    let texts: Vec<String> = (0..130).map(|number| "x".repeat(number)).collect();
    let made = provider().embed(&model, &texts).await.unwrap();
    assert_eq!(made.vectors.len(), 130);
    assert_eq!(
        (made.vectors[0].as_slice(), made.vectors[129].as_slice()),
        (&[0.0, 0.5][..], &[129.0, 0.5][..])
    );
    assert_eq!(made.usage, Some(Usage { input_tokens: 130, ..Usage::default() }));
    assert_eq!(server.requests().len(), 2);
    assert!(
        server.requests()[0].starts_with("POST /v1beta/models/gemini-embedding-001:batchEmbedContents HTTP")
    );
    assert_eq!(provider().embed(&model, &[]).await.unwrap().vectors.len(), 0);
}

#[tokio::test]
async fn vectors_that_are_none_are_refused() {
    let two = [String::from("a"), String::from("b")];
    for (body, word) in [
        (r#"{"embeddings":[{"values":[1]}]}"#, "1 vectors for 2 texts"),
        (r#"{"embeddings":[{"values":[1]},{"values":[1,2]}]}"#, "different lengths"),
        (r#"{"embeddings":[{"values":[]},{"values":[]}]}"#, "different lengths"),
        (r#"{"embeddings":[{"values":["x"]},{"values":[1]}]}"#, "something else than a list of vectors"),
        (r#"{"candidates":[]}"#, "something else than a list of vectors"),
    ] {
        let server = Server::once(http("200 OK", "application/json", "", body)).await;
        let failure = provider().embed(&model(&server), &two).await.unwrap_err();
        assert!(failure.kind == "unavailable" && failure.message.contains(word), "{failure}");
    }
    let uncounted = r#"{"embeddings":[{"values":[1]},{"values":[2]}]}"#;
    let server = Server::once(http("200 OK", "application/json", "", uncounted)).await;
    assert_eq!(provider().embed(&model(&server), &two).await.unwrap().usage, None);
}
