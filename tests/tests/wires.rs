//! The wires against what they are for: recorded answers of the real servers, and real programs that speak them.

#![allow(clippy::disallowed_methods, reason = "tests read files and start processes")]

use std::path::Path;
use std::sync::Arc;

use anyhow::{Context as _, Result, ensure};
use flow_providers::Registry;
use flow_runtime_api::{
    Answer, Call, Delta, Failure, FinishReason, Message, Part, Provider, ResolvedModel, Role, Sampling,
    Schema, Scrubber, Secret, ToolCall, ToolSpec, Usage,
};
use flow_tests::peers;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

fn provider(name: &str) -> Arc<dyn Provider> {
    Registry::new(Scrubber::default()).provider(name).unwrap()
}

fn model(name: &str, base_url: &str) -> ResolvedModel {
    ResolvedModel {
        provider: "openai".into(),
        model: name.into(),
        base_url: Some(base_url.to_owned()),
        api_key: Some(Secret::new("test-key")),
        ..ResolvedModel::default()
    }
}

fn question(text: &str) -> Call {
    Call { messages: vec![Message::text(Role::User, text)], ..Call::default() }
}

type Asked = Result<Answer, (Failure, Option<Usage>)>;

async fn ask(provider: &dyn Provider, model: &ResolvedModel, call: &Call) -> (Asked, Vec<Delta>) {
    let mut deltas = Vec::new();
    let asked = provider.ask(model, call, &mut |delta| deltas.push(delta)).await;
    (asked, deltas)
}

fn text_of(deltas: &[Delta]) -> String {
    let text = |delta: &Delta| match delta {
        Delta::Text(text) => Some(text.clone()),
        Delta::Reasoning(_) => None,
    };
    deltas.iter().filter_map(text).collect()
}

/// Serves one recorded body to each request.
async fn serve(content_type: &'static str, body: Vec<u8>) -> Result<String> {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    let url = format!("http://{}", listener.local_addr()?);
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut request = vec![0; 64 * 1024];
            let _ = stream.read(&mut request).await;
            let head = format!(
                "HTTP/1.1 200 OK\r\nContent-Type: {content_type}\r\nContent-Length: {}\r\n\r\n",
                body.len()
            );
            let _ = stream.write_all(head.as_bytes()).await;
            let _ = stream.write_all(&body).await;
            let _ = stream.shutdown().await;
        }
    });
    Ok(url)
}

/// What a recorded answer holds, read without any of our own code: first choice only.
#[derive(Default)]
struct Expected {
    text: String,
    refusal: String,
    calls: Vec<(String, String, String)>,
    finish: String,
    usage: Option<(u64, u64)>,
}

impl Expected {
    fn add(&mut self, chunk: &Value) {
        if let Some(usage) = chunk.get("usage").filter(|usage| !usage.is_null()) {
            self.usage = Some((
                usage["prompt_tokens"].as_u64().unwrap_or_default(),
                usage["completion_tokens"].as_u64().unwrap_or_default(),
            ));
        }
        for choice in chunk["choices"].as_array().into_iter().flatten().filter(|choice| choice["index"] == 0)
        {
            let piece = choice.get("delta").or_else(|| choice.get("message")).cloned().unwrap_or_default();
            self.text += piece["content"].as_str().unwrap_or_default();
            self.refusal += piece["refusal"].as_str().unwrap_or_default();
            for (position, call) in piece["tool_calls"].as_array().into_iter().flatten().enumerate() {
                let index = call["index"].as_u64().map_or(position, |index| index as usize);
                if index >= self.calls.len() {
                    self.calls.resize(index + 1, Default::default());
                }
                let (id, name, arguments) = &mut self.calls[index];
                *id += call["id"].as_str().unwrap_or_default();
                *name += call["function"]["name"].as_str().unwrap_or_default();
                *arguments += call["function"]["arguments"].as_str().unwrap_or_default();
            }
            if let Some(reason) = choice["finish_reason"].as_str() {
                self.finish = reason.to_owned();
            }
        }
    }
}

#[tokio::test]
async fn recorded_answers_of_openai_are_read() -> Result<()> {
    let Some(shared) = peers::shared() else {
        peers::skip("recorded answers");
        return Ok(());
    };
    let mut count = 0;
    for entry in std::fs::read_dir(shared.join("corpus/wire/openai"))? {
        let path = entry?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        // Bodies of the responses API belong to another wire.
        if name.starts_with("test_responses") {
            continue;
        }
        recorded(&path).await.with_context(|| name)?;
        count += 1;
    }
    ensure!(count >= 25, "only {count} recorded answers");
    Ok(())
}

async fn recorded(path: &Path) -> Result<()> {
    let body = std::fs::read(path)?;
    let streamed = path.extension().is_some_and(|extension| extension == "sse");
    let mut expected = Expected::default();
    if streamed {
        for data in
            std::str::from_utf8(&body)?.split('\n').filter_map(|line| line.trim_end().strip_prefix("data: "))
        {
            if data != "[DONE]" {
                expected.add(&serde_json::from_str(data)?);
            }
        }
    } else {
        expected.add(&serde_json::from_slice(&body)?);
    }
    let tools = if expected.calls.is_empty() { Vec::new() } else { vec![weather()] };
    let call = Call { tools, ..question("hi") };
    let url = serve(if streamed { "text/event-stream" } else { "application/json" }, body).await?;
    let (asked, deltas) = ask(&*provider("openai"), &model("m", &url), &call).await;
    let answer = asked.map_err(|(failure, _)| failure)?;
    let finish = match expected.finish.as_str() {
        _ if !expected.refusal.is_empty() => FinishReason::Refused,
        "length" => FinishReason::Length,
        "tool_calls" => FinishReason::ToolCalls,
        "stop" if !expected.calls.is_empty() => FinishReason::ToolCalls,
        "stop" => FinishReason::Stop,
        other => anyhow::bail!("the test knows no reason `{other}`"),
    };
    assert_eq!(answer.finish, finish);
    assert_eq!(answer.text, if expected.refusal.is_empty() { &*expected.text } else { &*expected.refusal });
    assert_eq!(text_of(&deltas), expected.text);
    let calls: Vec<_> =
        answer.tool_calls.into_iter().map(|call| (call.id, call.name, call.arguments)).collect();
    assert_eq!(calls, expected.calls);
    assert_eq!(answer.usage.map(|usage| (usage.input_tokens, usage.output_tokens)), expected.usage);
    Ok(())
}

fn weather() -> ToolSpec {
    ToolSpec {
        name: String::from("get_weather"),
        description: String::from("The weather in a city."),
        parameters: json!({"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}),
    }
}

fn title_and_score() -> Schema {
    let json = json!({
        "type": "object",
        "properties": {"title": {"type": "string", "maxLength": 12}, "score": {"type": "integer", "minimum": 0, "maximum": 10}},
        "required": ["title", "score"],
        "additionalProperties": false,
    });
    Schema { name: String::from("Review"), json }
}

#[tokio::test]
async fn aimock_speaks_both_wires() -> Result<()> {
    let Some(peer) = peers::aimock(None, &[])? else {
        peers::skip("aimock");
        return Ok(());
    };
    for (wire, base_url, name) in
        [("openai", format!("{}/v1", peer.url), "gpt-4o-mini"), ("ollama", peer.url.clone(), "llama3.2")]
    {
        let provider = provider(wire);
        let model = model(name, &base_url);
        let ask = async |call: Call| ask(&*provider, &model, &call).await;

        let (asked, deltas) = ask(question("hello")).await;
        let answer = asked.map_err(|(failure, _)| failure)?;
        assert_eq!(answer.text, "Hello! How can I help you today?", "{wire}");
        assert_eq!((text_of(&deltas), answer.finish), (answer.text, FinishReason::Stop));
        assert!(deltas.len() > 1, "{wire}: it came in one piece");

        let (asked, _) = ask(question("unicode")).await;
        let expected = "héllo ✓ 日本語 👩‍👩‍👧 \u{2028} \"q\" \\ end";
        assert_eq!(asked.map_err(|(failure, _)| failure)?.text, expected, "{wire}");

        let (asked, _) = ask(question("think")).await;
        assert_eq!(asked.map_err(|(failure, _)| failure)?.text, "42", "{wire}");

        let (asked, _) = ask(Call { schema: Some(title_and_score()), ..question("extract") }).await;
        assert_eq!(asked.map_err(|(failure, _)| failure)?.text, r#"{"title":"T","score":7}"#, "{wire}");

        let (asked, _) = ask(Call { tools: vec![weather()], ..question("weather") }).await;
        let answer = asked.map_err(|(failure, _)| failure)?;
        assert_eq!(answer.finish, FinishReason::ToolCalls, "{wire}");
        let [call] = &answer.tool_calls[..] else { panic!("{wire}: {answer:?}") };
        assert_eq!(call.name, "get_weather");
        assert_eq!(serde_json::from_str::<Value>(&call.arguments)?, json!({"city": "Oslo"}));
        let mut told = Call { tools: vec![weather()], ..question("weather") };
        told.messages.push(Message { role: Role::Assistant, parts: vec![Part::ToolCall(call.clone())] });
        let result = Part::ToolResult {
            id: call.id.clone(),
            name: call.name.clone(),
            content: "4C".into(),
            failed: false,
        };
        told.messages.push(Message { role: Role::Tool, parts: vec![result] });
        let (asked, _) = ask(told).await;
        assert_eq!(asked.map_err(|(failure, _)| failure)?.text, "It is 4C in Oslo.", "{wire}");

        let (asked, _) = ask(Call { tools: vec![weather()], ..question("two tools") }).await;
        let names: Vec<String> = asked
            .map_err(|(failure, _)| failure)?
            .tool_calls
            .into_iter()
            .map(|ToolCall { name, .. }| name)
            .collect();
        assert_eq!(names, ["get_weather", "get_time"], "{wire}");

        for (text, kind) in
            [("rate limit", "rate_limited"), ("server error", "unavailable"), ("cut me off", "unavailable")]
        {
            let (asked, _) = ask(question(text)).await;
            let (failure, _) = asked.expect_err("this is a fault");
            assert_eq!(failure.kind, kind, "{wire}, {text}: {}", failure.message);
        }
        let (asked, _) = ask(question("nothing is prepared for this")).await;
        assert!(asked.is_err(), "{wire}");
        assert!(!provider.models(&model).await?.is_empty(), "{wire}");
    }
    let (asked, _) =
        ask(&*provider("openai"), &model("gpt-4o-mini", &format!("{}/v1", peer.url)), &question("usage"))
            .await;
    let usage = asked.map_err(|(failure, _)| failure)?.usage;
    assert_eq!(usage, Some(Usage { input_tokens: 11, output_tokens: 7, ..Usage::default() }));
    let (asked, _) =
        ask(&*provider("openai"), &model("gpt-4o-mini", &format!("{}/v1", peer.url)), &question("length"))
            .await;
    assert_eq!(asked.map_err(|(failure, _)| failure)?.finish, FinishReason::Length);
    Ok(())
}

#[tokio::test]
async fn llama_answers_by_schema_and_streams() -> Result<()> {
    let Some(peer) = peers::llama()? else {
        peers::skip("llama.cpp");
        return Ok(());
    };
    let provider = provider("openai");
    let model = model("m", &format!("{}/v1", peer.url));
    let sampling = Sampling { max_tokens: Some(300), seed: Some(1), ..Sampling::default() };

    let call = Call { schema: Some(title_and_score()), sampling: sampling.clone(), ..question("hi") };
    let (asked, deltas) = ask(&*provider, &model, &call).await;
    let answer = asked.map_err(|(failure, _)| failure)?;
    assert_eq!(answer.finish, FinishReason::Stop, "{}", answer.text);
    let review: Value = serde_json::from_str(&answer.text).context(answer.text.clone())?;
    assert!(review["title"].as_str().is_some_and(|title| title.chars().count() <= 12), "{review}");
    assert!(review["score"].is_i64() && review.as_object().is_some_and(|map| map.len() == 2), "{review}");
    assert!(deltas.len() > 3, "it came in {} pieces", deltas.len());
    let usage = answer.usage.context("llama.cpp says what it took")?;
    assert!(usage.input_tokens > 0 && usage.output_tokens > 0);

    // A type that is no record stands in a wrapper on the wire and not in the answer.
    let list = json!({"type": "array", "items": {"enum": ["red", "green"]}, "minItems": 2, "maxItems": 3});
    let schema = Some(Schema { name: String::from("Colours"), json: list });
    let (asked, _) =
        ask(&*provider, &model, &Call { schema, sampling: sampling.clone(), ..question("hi") }).await;
    let colours: Vec<String> = serde_json::from_str(&asked.map_err(|(failure, _)| failure)?.text)?;
    assert!((2..=3).contains(&colours.len()), "{colours:?}");

    let sampling = Sampling { max_tokens: Some(5), ..sampling };
    let (asked, _) = ask(&*provider, &model, &Call { sampling, ..question("hi") }).await;
    let answer = asked.map_err(|(failure, _)| failure)?;
    assert_eq!(answer.finish, FinishReason::Length);
    assert_eq!(answer.usage.map(|usage| usage.output_tokens), Some(5));
    assert!(!provider.models(&model).await?.is_empty());
    Ok(())
}

#[tokio::test]
async fn every_request_is_one_that_ollama_describes() -> Result<()> {
    let Some(peer) = peers::ollama_contract()? else {
        peers::skip("Prism");
        return Ok(());
    };
    let provider = provider("ollama");
    let model = model("llama3.2", &peer.url);
    let tool_call =
        ToolCall { id: "c1".into(), name: "get_weather".into(), arguments: r#"{"city":"Oslo"}"#.into() };
    let result =
        Part::ToolResult { id: "c1".into(), name: "get_weather".into(), content: "4C".into(), failed: false };
    let image = Part::Media { mime: "image/png".into(), data: Some("iVBORw0KGgo=".into()), url: None };
    let everything = Call {
        messages: vec![
            Message::text(Role::System, "Be brief."),
            Message { role: Role::User, parts: vec![Part::Text("see".into()), image] },
            Message { role: Role::Assistant, parts: vec![Part::ToolCall(tool_call)] },
            Message { role: Role::Tool, parts: vec![result] },
        ],
        schema: Some(title_and_score()),
        tools: vec![weather()],
        sampling: Sampling {
            temperature: Some(0.5),
            top_p: Some(0.9),
            max_tokens: Some(10),
            seed: Some(1),
            stop: vec!["END".into()],
            thinking: None,
        },
        ..Call::default()
    };
    for call in [question("hello"), everything] {
        let (asked, _) = ask(&*provider, &model, &call).await;
        let answer = asked.map_err(|(failure, _)| failure)?;
        assert_eq!(answer.text, "Hello! How can I help you today?");
        assert_eq!(answer.usage.map(|usage| (usage.input_tokens, usage.output_tokens)), Some((11, 18)));
    }
    assert!(!provider.models(&model).await?.is_empty());
    Ok(())
}
