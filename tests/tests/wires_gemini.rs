//! Gemini's wire against aimock, which nobody here wrote, and as users meet it at the command line.

#![allow(clippy::disallowed_methods, reason = "tests start processes")]

use std::io::{Read as _, Write as _};
use std::net::{Shutdown, TcpListener, TcpStream};

use anyhow::Result;
use flow_providers::Registry;
use flow_runtime_api::{
    Call, Delta, FinishReason, Message, Part, ResolvedModel, Role, Schema, Scrubber, Usage,
};
use flow_tests::peers;
use flow_tests::program::{Place, Ran};
use flow_tests::questions::{question, weather};
use serde_json::{Value, json};

#[tokio::test]
async fn aimock_answers() -> Result<()> {
    let Some(peer) = peers::aimock(None, &[])? else {
        peers::skip("aimock");
        return Ok(());
    };
    let provider = Registry::new(Scrubber::default()).provider("gemini").unwrap();
    let model = ResolvedModel {
        model: "gemini-2.5-flash".into(),
        base_url: Some(peer.url.clone()),
        ..ResolvedModel::default()
    };
    let ask = async |call: Call| {
        let mut deltas = Vec::new();
        let asked = provider.ask(&model, &call, &mut |delta| deltas.push(delta)).await;
        (asked.map_err(|(failure, _)| failure), deltas)
    };

    let (answer, deltas) = ask(question("hello")).await;
    let answer = answer?;
    assert_eq!(
        (answer.text.as_str(), answer.finish),
        ("Hello! How can I help you today?", FinishReason::Stop)
    );
    assert!(deltas.len() > 1, "it came in one piece");
    let (answer, _) = ask(question("unicode")).await;
    assert_eq!(answer?.text, "héllo ✓ 日本語 👩‍👩‍👧 \u{2028} \"q\" \\ end");
    let (answer, deltas) = ask(question("think")).await;
    assert_eq!(answer?.text, "42");
    assert_eq!(deltas.first(), Some(&Delta::Reasoning("First I consider...".into())));
    let (answer, _) = ask(question("usage")).await;
    assert_eq!(answer?.usage, Some(Usage { input_tokens: 11, output_tokens: 7, ..Usage::default() }));
    let (answer, _) = ask(question("length")).await;
    assert_eq!(answer?.finish, FinishReason::Length);

    let title = json!({"type": "object", "properties": {"title": {"type": "string"}}, "required": ["title"]});
    let schema = Some(Schema { name: String::from("Title"), json: title });
    let (answer, _) = ask(Call { schema, ..question("extract") }).await;
    assert_eq!(answer?.text, r#"{"title":"T","score":7}"#);

    let (answer, _) = ask(Call { tools: vec![weather()], ..question("weather") }).await;
    let answer = answer?;
    assert_eq!((answer.text.as_str(), answer.finish), ("Let me check.", FinishReason::ToolCalls));
    let call = &answer.tool_calls[0];
    assert_eq!((call.name.as_str(), call.arguments.as_str()), ("get_weather", r#"{"city":"Oslo"}"#));
    let mut told = Call { tools: vec![weather()], ..question("weather") };
    let said =
        answer.opaque.iter().cloned().chain([Part::Text(answer.text.clone()), Part::ToolCall(call.clone())]);
    told.messages.push(Message { role: Role::Assistant, parts: said.collect() });
    let result = Part::ToolResult {
        id: call.id.clone(),
        name: call.name.clone(),
        content: "4C".into(),
        failed: false,
    };
    told.messages.push(Message { role: Role::Tool, parts: vec![result] });
    assert_eq!(ask(told).await.0?.text, "It is 4C in Oslo.");
    let (answer, _) = ask(Call { tools: vec![weather()], ..question("two tools") }).await;
    let calls = answer?.tool_calls;
    assert_eq!(calls.iter().map(|call| call.name.as_str()).collect::<Vec<_>>(), ["get_weather", "get_time"]);
    assert_ne!(calls[0].id, calls[1].id);

    for (text, kind) in
        [("rate limit", "rate_limited"), ("server error", "unavailable"), ("cut me off", "unavailable")]
    {
        let failure = ask(question(text)).await.0.expect_err("this is a fault");
        assert_eq!(failure.kind, kind, "{text}: {failure}");
    }
    Ok(())
}

const REPLY: &str = "prompt reply() -> string { user: \"hello\" }\n\
                     flow main() -> string {\n  let said = reply()\n  return said\n}\n";

/// Runs a flow that asks a model of a server; `more` are further settings of it.
fn run(place: &Place, url: &str, more: &str, text: &str) -> Ran {
    place.file(
        "main.flow",
        format!(
            "allow [secret(\"HOUSE_KEY\")]\n\
             model default = \"gemini/gemini-2.5-flash\" {{ base_url: \"{url}\"  retry: 0{more} }}\n\
             type Title {{ title: string(..40)  score: int }}\n\
             prompt extract(text: string) -> Title {{ user: \"${{text}}\" }}\n\
             prompt reply(text: string) -> string {{ user: \"${{text}}\" }}\n\
             flow main(text: string) -> json {{\n  \
               let said = reply(text)\n  \
               let found = extract(\"extract\")\n  \
               return [said, found]\n\
             }}\n"
        ),
    );
    place.run(["run", "main.flow", &format!("text={text}")])
}

#[test]
fn a_flow_runs_on_it() -> Result<()> {
    let Some(peer) = peers::aimock(None, &[])? else {
        peers::skip("aimock");
        return Ok(());
    };
    let place = Place::new().set("HOUSE_KEY", "house-canary-012345");
    let ran = run(&place, &peer.url, "  api_key: secret.HOUSE_KEY", "hello").expect(0);
    assert_eq!(ran.json(), json!(["Hello! How can I help you today?", {"title": "T", "score": 7}]));
    let journal: Value = serde_json::from_str(&get(&peer.url, "/__aimock/journal")?)?;
    let requests = journal.as_array().or_else(|| journal["entries"].as_array()).expect("a list of requests");
    assert_eq!(requests.len(), 2, "{journal}");
    for request in requests {
        assert_eq!(request["path"], "/v1beta/models/gemini-2.5-flash:streamGenerateContent?alt=sse");
    }
    // The user's own key and server, as Google's clients read them.
    let place = Place::new()
        .set("GEMINI_API_KEY", "house-canary-012345")
        .set("GOOGLE_GEMINI_BASE_URL", peer.url.clone());
    place.file("main.flow", REPLY);
    let ran = place.run(["run", "main.flow", "--model", "google/gemini-2.5-flash"]).expect(0);
    assert_eq!(ran.json(), json!("Hello! How can I help you today?"));
    // aimock speaks one version only.
    let place = Place::new().set("HOUSE_KEY", "house-canary-012345");
    let ran = run(&place, &peer.url, "  api_key: secret.HOUSE_KEY  api_version: \"v7\"", "hello").expect(3);
    ran.says(&["status 404", "is there an API version `v7`?"]);
    Ok(())
}

/// Answers every request with these bytes.
fn serve(answer: String) -> Result<String> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let url = format!("http://{}", listener.local_addr()?);
    std::thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let mut request = vec![0; 64 * 1024];
            let _ = stream.read(&mut request);
            let _ = stream.write_all(answer.as_bytes());
            // What the other side still sends is read, lest the answer be lost in a reset.
            let _ = stream.shutdown(Shutdown::Write);
            while matches!(stream.read(&mut request), Ok(count) if count > 0) {}
        }
    });
    Ok(url)
}

fn response(status: &str, kind: &str, body: &str) -> String {
    format!(
        "HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
        body.len()
    )
}

#[test]
fn what_goes_wrong_is_said() -> Result<()> {
    let key = "house-canary-012345";
    let wrong_key = format!(
        r#"{{"error":{{"code":400,"message":"API key not valid. Please pass a valid API key. {key}","status":"INVALID_ARGUMENT","details":[{{"reason":"API_KEY_INVALID"}}]}}}}"#
    );
    let no_model = r#"{"error":{"code":404,"message":"models/gemini-2.5-flash is not found for API version v1beta.","status":"NOT_FOUND"}}"#;
    let blocked = "data: {\"promptFeedback\": {\"blockReason\": \"SAFETY\"}}\n\n";
    let stopped = "data: {\"candidates\":[{\"content\":{\"parts\":[{\"text\":\"Well\"}]},\"finishReason\":\"RECITATION\"}]}\n\n";
    for (answer, words) in [
        (response("400 Bad Request", "application/json", &wrong_key), "refuses the key in GEMINI_API_KEY"),
        (response("404 Not Found", "application/json", no_model), "has no model `gemini-2.5-flash`"),
        (response("200 OK", "text/event-stream", blocked), "the prompt was blocked (SAFETY)"),
        (response("200 OK", "text/event-stream", stopped), "the answer was stopped (RECITATION)"),
    ] {
        let place = Place::new().set("HOUSE_KEY", key);
        let ran = run(&place, &serve(answer)?, "  api_key: secret.HOUSE_KEY", "hello").expect(3);
        assert!(!ran.stderr.contains(key) && !ran.stdout.contains(key), "{}", ran.stderr);
        ran.says(&["refused", words]);
    }
    let place = Place::new();
    place.file("main.flow", REPLY);
    let ran = place.run(["run", "main.flow", "--model", "google/gemini-2.5-flash"]).expect(5);
    ran.says(&["no key for Gemini", "GEMINI_API_KEY or GOOGLE_API_KEY is not set"]);
    Ok(())
}

fn get(url: &str, path: &str) -> Result<String> {
    let mut stream = TcpStream::connect(url.trim_start_matches("http://"))?;
    write!(stream, "GET {path} HTTP/1.0\r\nHost: 127.0.0.1\r\n\r\n")?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    Ok(answer.split_once("\r\n\r\n").map_or(String::new(), |(_, body)| body.to_owned()))
}
