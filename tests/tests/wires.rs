//! The wires against what they are for: recorded answers of the real servers, and real programs that speak them.

#![allow(clippy::disallowed_methods, reason = "tests read files and start processes")]

use std::sync::Arc;

use anyhow::{Context as _, Result};
use flow_ir::plan::{Cache, Effort, Thinking};
use flow_providers::Registry;
use flow_runtime_api::{
    Answer, Call, Delta, Failure, FinishReason, Message, Part, Provider, ResolvedModel, Role, Sampling,
    Schema, Scrubber, Secret, ToolCall, Usage,
};
use flow_tests::peers;
use flow_tests::questions::{question, title_and_score, weather};
use serde_json::{Value, json};

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

#[tokio::test]
async fn aimock_speaks_these_wires() -> Result<()> {
    let Some(peer) = peers::aimock(None, &[])? else {
        peers::skip("aimock");
        return Ok(());
    };
    for (wire, api, base_url, name) in [
        ("openai", Some("chat"), format!("{}/v1", peer.url), "gpt-4o-mini"),
        ("openai", Some("responses"), format!("{}/v1", peer.url), "gpt-4o-mini"),
        ("ollama", None, peer.url.clone(), "llama3.2"),
    ] {
        let provider = provider(wire);
        let model = ResolvedModel { api: api.map(Into::into), ..model(name, &base_url) };
        let wire = api.unwrap_or(wire);
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
    for api in ["chat", "responses"] {
        let model =
            ResolvedModel { api: Some(api.into()), ..model("gpt-4o-mini", &format!("{}/v1", peer.url)) };
        let (asked, _) = ask(&*provider("openai"), &model, &question("usage")).await;
        let usage = asked.map_err(|(failure, _)| failure)?.usage;
        assert_eq!(usage, Some(Usage { input_tokens: 11, output_tokens: 7, ..Usage::default() }), "{api}");
        let (asked, _) = ask(&*provider("openai"), &model, &question("length")).await;
        assert_eq!(asked.map_err(|(failure, _)| failure)?.finish, FinishReason::Length, "{api}");
    }
    // What a model thought goes back, sealed, with what came of its calls.
    let thinks =
        ResolvedModel { api: Some("responses".into()), ..model("gpt-5", &format!("{}/v1", peer.url)) };
    let sampling = Sampling { thinking: Some(Thinking::Effort(Effort::Low)), ..Sampling::default() };
    let call = Call { sampling, tools: vec![weather()], ..question("weather") };
    let (asked, _) = ask(&*provider("openai"), &thinks, &call).await;
    let answer = asked.map_err(|(failure, _)| failure)?;
    let kept = answer.opaque.first().context("what was thought is kept")?;
    assert!(
        matches!(kept, Part::Opaque { provider, json } if provider == "openai" && json["encrypted_content"].is_string())
    );
    Ok(())
}

#[tokio::test]
async fn llama_answers_by_schema_and_streams() -> Result<()> {
    let Some(peer) = peers::llama()? else {
        peers::skip("llama.cpp");
        return Ok(());
    };
    let provider = provider("openai");
    let model = &model("m", &format!("{}/v1", peer.url));
    let sampling = Sampling { max_tokens: Some(300), seed: Some(1), ..Sampling::default() };

    let call = Call { schema: Some(title_and_score()), sampling: sampling.clone(), ..question("hi") };
    let (asked, deltas) = ask(&*provider, model, &call).await;
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
        ask(&*provider, model, &Call { schema, sampling: sampling.clone(), ..question("hi") }).await;
    let colours: Vec<String> = serde_json::from_str(&asked.map_err(|(failure, _)| failure)?.text)?;
    assert!((2..=3).contains(&colours.len()), "{colours:?}");

    let sampling = Sampling { max_tokens: Some(5), ..sampling };
    let (asked, _) = ask(&*provider, model, &Call { sampling, ..question("hi") }).await;
    let answer = asked.map_err(|(failure, _)| failure)?;
    assert_eq!(answer.finish, FinishReason::Length);
    assert_eq!(answer.usage.map(|usage| usage.output_tokens), Some(5));

    // Its responses know no schemas, but stream.
    let model = &ResolvedModel { api: Some("responses".into()), ..model.clone() };
    let sampling = Sampling { max_tokens: Some(16), ..Sampling::default() };
    let (asked, deltas) = ask(&*provider, model, &Call { sampling, ..question("hi") }).await;
    let answer = asked.map_err(|(failure, _)| failure)?;
    assert_eq!(text_of(&deltas), answer.text);
    assert!(deltas.len() > 1, "it came in {} pieces", deltas.len());
    assert!(answer.usage.is_some_and(|usage| (1..=16).contains(&usage.output_tokens)), "{:?}", answer.usage);
    assert!(!provider.models(model).await?.is_empty());
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
            thinking: Some(Thinking::Effort(Effort::High)),
        },
        cache: Some(Cache::For(90_000)),
        ..Call::default()
    };
    let quiet = Sampling { thinking: Some(Thinking::Off), ..Sampling::default() };
    for call in [question("hello"), everything, Call { sampling: quiet, ..question("hello") }] {
        let (asked, _) = ask(&*provider, &model, &call).await;
        let answer = asked.map_err(|(failure, _)| failure)?;
        assert_eq!(answer.text, "Hello! How can I help you today?");
        assert_eq!(answer.usage.map(|usage| (usage.input_tokens, usage.output_tokens)), Some((11, 18)));
    }
    assert!(!provider.models(&model).await?.is_empty());
    let vectors = provider.embed(&model, &[String::from("a text")]).await;
    // Prism answers with the same example whatever is asked; what counts is that the request is one.
    if let Err(failure) = vectors {
        assert!(failure.message.contains("vectors for 1 texts"), "{failure}");
    }
    Ok(())
}
