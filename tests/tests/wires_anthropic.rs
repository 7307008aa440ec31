//! Anthropic's wire against what it is for: recorded answers of the real server, and real programs that speak it.

#![allow(clippy::disallowed_methods, reason = "tests read files and start processes")]

use std::path::Path;
use std::sync::Arc;

use anyhow::{Context as _, Result, bail};
use flow_ir::plan::{Effort, Thinking};
use flow_providers::Registry;
use flow_runtime_api::{
    Answer, Call, Delta, Failure, FinishReason, Message, Part, Provider, ResolvedModel, Role, Sampling,
    Scrubber, Secret, ToolCall, ToolSpec, Usage,
};
use flow_tests::peers;
use flow_tests::program::Place;
use flow_tests::questions::{question, title_and_score};
use flow_tests::server::{Server, respond};
use serde_json::{Value, json};

/// A model whose answers can be held to a schema, and whose thinking is given a number of tokens.
const MODEL: &str = "claude-haiku-4-5";

fn provider() -> Arc<dyn Provider> {
    Registry::new(Scrubber::default()).provider("anthropic").expect("a wire of its own")
}

fn model(name: &str, base_url: &str) -> ResolvedModel {
    ResolvedModel {
        provider: "anthropic".into(),
        model: name.into(),
        base_url: Some(base_url.to_owned()),
        api_key: Some(Secret::new("test-key")),
        ..ResolvedModel::default()
    }
}

fn tool(name: &str) -> ToolSpec {
    ToolSpec {
        name: name.to_owned(),
        description: String::new(),
        parameters: json!({"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}),
    }
}

type Asked = Result<Answer, (Failure, Option<Usage>)>;

async fn ask(model: &ResolvedModel, call: &Call) -> (Asked, Vec<Delta>) {
    let mut deltas = Vec::new();
    let asked = provider().ask(model, call, &mut |delta| deltas.push(delta)).await;
    (asked, deltas)
}

async fn answer(model: &ResolvedModel, call: &Call) -> Result<Answer> {
    Ok(ask(model, call).await.0.map_err(|(failure, _)| failure)?)
}

fn said(deltas: &[Delta]) -> (String, String) {
    let (mut text, mut reasoning) = (String::new(), String::new());
    for delta in deltas {
        match delta {
            Delta::Text(piece) => text.push_str(piece),
            Delta::Reasoning(piece) => reasoning.push_str(piece),
        }
    }
    (text, reasoning)
}

fn blocks(opaque: &[Part]) -> Vec<Value> {
    let block = |part: &Part| match part {
        Part::Opaque { json, .. } => json["block"].clone(),
        other => panic!("{other:?}"),
    };
    opaque.iter().map(block).collect()
}

/// What a recorded answer holds.
#[derive(Default)]
struct Expected {
    /// As it is shown while it comes.
    shown: &'static str,
    /// The answer's, where that isn't what was shown.
    text: Option<&'static str>,
    reasoning: &'static str,
    calls: &'static [(&'static str, &'static str, &'static str)],
    finish: FinishReason,
    /// What is sent back, by the names of its kinds.
    kept: &'static [&'static str],
    /// Tokens read, written, and of these thought.
    usage: (u64, u64, u64),
}

const ECLIPSES: &str = " there! Happy to explain.\n\n**Solar eclipses** happen when the Moon passes between the Sun \
    and the Earth, casting a shadow that blocks some or all of the Sun's light for viewers inside it. They're one of the \
    most dramatic sights in the sky.\n\nSome key points:\n\n**The three main types:**\n- Total (the Moon completely \
    covers the Sun's disk)\n- Partial (only part of the Sun is covered)\n- Annular (the famous *ring of fire*)\n\n**Why \
    they're so striking:**\n- Totality can turn day into twilight (for a few minutes), and the Sun's corona becomes \
    visible to the naked eye\n- Temperatures can drop noticeably while the shadow passes over\n- Animals sometimes \
    behave as if night has fallen\n\n**Viewing safely:**\n- **Certified eclipse glasses** are a must for looking at the \
    Sun directly. Ordinary sunglasses are not safe, even very dark ones.\n- A pinhole projector is an easy, safe \
    alternative.\n\n**Why they're rare:**\nThe Moon's shadow traces a (narrow) path across the Earth, so any given spot \
    sees a total eclipse only about once every few centuries. That rarity is a big part of the excitement.\n\nIs there a \
    particular angle you're curious about? For example, I'd be happy to go deeper on the history, the science of \
    totality, safe viewing, or how they're portrayed in fiction. Just let me know what's sparking your interest!";

/// What each recorded answer holds, by its file.
fn expected(file: &str) -> Option<Expected> {
    let hello = Expected { shown: "Hello there!", ..Expected::default() };
    Some(match file {
        "basic_response.txt" => Expected { usage: (11, 6, 0), ..hello },
        "compaction_response.txt" => Expected { kept: &["compaction"], usage: (30, 8, 0), ..hello },
        "fallback_credit_response.txt" => Expected { usage: (25, 8, 0), ..hello },
        "fallback_response.txt" => Expected { kept: &["fallback"], usage: (25, 8, 0), ..hello },
        "incomplete_partial_json_response.txt" => Expected {
            shown: "I'll create a comprehensive tax guide for someone with multiple W2s and save it in a file called \
                    taxes.txt. Let me do that for you now.",
            calls: &[(
                "toolu_01EKqbqmZrGRXy18eN7m9kvY",
                "make_file",
                "{\"filename\": \"taxes.txt\", \"lines_of_text\": [\n\"# COMPREHENSIVE TAX GUIDE FOR INDIVIDUALS WITH \
                 MULTIPLE W-2s\",\n\"\",\n\"## INTRODUCTION\",\n\"\",\n\"Filing taxes",
            )],
            finish: FinishReason::Length,
            usage: (450, 124, 0),
            ..Expected::default()
        },
        "refusal_response.txt" => Expected {
            text: Some("This request was refused due to policy. (cyber)"),
            finish: FinishReason::Refused,
            usage: (20, 0, 0),
            ..Expected::default()
        },
        "stream-a-refusal.sse" => Expected {
            shown: "Hi",
            text: Some("a safety filter stopped it after 2 characters"),
            reasoning: "Simple educational question about what a solar eclipse is. This is benign general knowledge — \
                        definitions are fine. Also the user called me \"claudius\" — I'm Claude. Minor correction or \
                        just roll with it politely.",
            finish: FinishReason::Refused,
            kept: &["thinking"],
            usage: (28, 106, 67),
            ..Expected::default()
        },
        "stream-a-toolrefusal.sse" => Expected {
            shown: "Here's a summary of this year's solar eclipses and how",
            text: Some("a safety filter stopped it after 54 characters"),
            finish: FinishReason::Refused,
            kept: &["server_tool_use", "web_search_tool_result"],
            usage: (28, 106, 67),
            ..Expected::default()
        },
        "stream-b-fallback.sse" => Expected { shown: ECLIPSES, usage: (31, 547, 0), ..Expected::default() },
        "tool_use_response.txt" => Expected {
            shown: "I'll check the current weather in Paris for you.",
            calls: &[("toolu_01NRLabsLyVHZPKxbKvkfSMn", "get_weather", "{\"location\": \"Paris\"}")],
            finish: FinishReason::ToolCalls,
            usage: (377, 65, 0),
            ..Expected::default()
        },
        _ => return None,
    })
}

#[tokio::test]
async fn recorded_answers_are_read() -> Result<()> {
    let Some(shared) = peers::shared() else {
        peers::skip("recorded answers");
        return Ok(());
    };
    let mut count = 0;
    for entry in std::fs::read_dir(shared.join("corpus/wire/anthropic"))? {
        let path = entry?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let Some(expected) = expected(&name) else { bail!("nothing is known of {name}") };
        recorded(&path, expected).await.with_context(|| name)?;
        count += 1;
    }
    assert_eq!(count, 10, "recorded answers are missing");
    Ok(())
}

async fn recorded(path: &Path, expected: Expected) -> Result<()> {
    let body = std::fs::read(path)?;
    let server = Server::start(move |_, stream| {
        respond(stream, "200 OK", "text/event-stream; charset=utf-8", "", &body)
    });
    let call = Call { tools: vec![tool("get_weather"), tool("make_file")], ..question("hi") };
    let (asked, deltas) = ask(&model(MODEL, &server.url()), &call).await;
    let answer = asked.map_err(|(failure, _)| failure)?;
    assert_eq!(said(&deltas), (expected.shown.to_owned(), expected.reasoning.to_owned()));
    assert_eq!(answer.text, expected.text.unwrap_or(expected.shown));
    assert_eq!(answer.finish, expected.finish);
    let calls: Vec<_> =
        answer.tool_calls.iter().map(|c| (c.id.as_str(), c.name.as_str(), c.arguments.as_str())).collect();
    assert_eq!(calls, expected.calls);
    let (input_tokens, output_tokens, reasoning_tokens) = expected.usage;
    let usage = Usage { input_tokens, output_tokens, reasoning_tokens, ..Usage::default() };
    assert_eq!(answer.usage, Some(usage));
    let kept = blocks(&answer.opaque);
    let kinds: Vec<_> = kept.iter().map(|block| block["type"].as_str().unwrap_or_default()).collect();
    assert_eq!(kinds, expected.kept);
    for block in kept {
        match block["type"].as_str() {
            Some("thinking") => {
                assert_eq!(block["thinking"], expected.reasoning);
                let signature = "c3ludGhldGljLXNpZ25hdHVyZS1maXh0dXJlLWEtbm90LWEtcmVhbC1zaWduYXR1cmU=";
                assert_eq!(block["signature"], signature);
            }
            Some("compaction") => {
                assert_eq!(block["content"], "Earlier conversation summarized.");
                assert_eq!(block["encrypted_content"], "EpwBCioIDxgCEAEYASJALd_opaque_compaction_payload");
            }
            Some("server_tool_use") => {
                assert_eq!(block["input"], json!({"query": "solar eclipse viewing safety news 2026"}));
            }
            Some("web_search_tool_result") => {
                assert_eq!(block["content"].as_array().map(Vec::len), Some(2));
            }
            _ => assert_eq!(block["to"]["model"], "claude-sonnet-4-5"),
        }
    }
    Ok(())
}

#[tokio::test]
async fn aimock_speaks_it() -> Result<()> {
    let Some(peer) = peers::aimock(None, &[])? else {
        peers::skip("aimock");
        return Ok(());
    };
    // The version may stand in the address or not.
    for base_url in [peer.url.clone(), format!("{}/v1", peer.url)] {
        let (asked, deltas) = ask(&model(MODEL, &base_url), &question("hello")).await;
        let answer = asked.map_err(|(failure, _)| failure)?;
        assert_eq!(answer.text, "Hello! How can I help you today?");
        assert_eq!((said(&deltas).0, answer.finish), (answer.text, FinishReason::Stop));
        assert!(deltas.len() > 1, "it came in one piece");
    }
    let model = model(MODEL, &peer.url);
    let unicode = answer(&model, &question("unicode")).await?;
    assert_eq!(unicode.text, "héllo ✓ 日本語 👩‍👩‍👧 \u{2028} \"q\" \\ end");
    let usage = answer(&model, &question("usage")).await?.usage;
    assert_eq!(usage, Some(Usage { input_tokens: 11, output_tokens: 7, ..Usage::default() }));
    assert_eq!(answer(&model, &question("length")).await?.finish, FinishReason::Length);
    let review = answer(&model, &Call { schema: Some(title_and_score()), ..question("extract") }).await?;
    assert_eq!(review.text, r#"{"title":"T","score":7}"#);

    let names = answer(&model, &Call { tools: vec![tool("get_weather")], ..question("two tools") }).await?;
    let names: Vec<String> = names.tool_calls.into_iter().map(|ToolCall { name, .. }| name).collect();
    assert_eq!(names, ["get_weather", "get_time"]);

    for (text, kind) in
        [("rate limit", "rate_limited"), ("server error", "unavailable"), ("cut me off", "unavailable")]
    {
        let (failure, _) = ask(&model, &question(text)).await.0.expect_err("this is a fault");
        assert_eq!(failure.kind, kind, "{text}: {}", failure.message);
    }
    assert!(ask(&model, &question("nothing is prepared for this")).await.0.is_err());
    let failure = answer(&model, &question("flaky")).await.unwrap_err().to_string();
    assert!(failure.contains("status 500") && failure.ends_with("try again"), "{failure}");
    assert_eq!(answer(&model, &question("flaky")).await?.text, "recovered");
    assert!(!provider().models(&model).await?.is_empty());
    let failure = provider().embed(&model, &[String::from("text")]).await.unwrap_err();
    assert!(failure.kind == "refused" && failure.message.contains("no vectors"), "{}", failure.message);
    Ok(())
}

/// aimock refuses a conversation with thinking whose turns don't begin with what was thought, signed.
#[tokio::test]
async fn thoughts_are_sent_back_beside_calls_of_tools() -> Result<()> {
    let Some(peer) = peers::aimock(None, &[])? else {
        peers::skip("aimock");
        return Ok(());
    };
    let model = model(MODEL, &peer.url);
    let thinks = |call: Call| {
        let thinking = Some(Thinking::Effort(Effort::Low));
        Call { sampling: Sampling { thinking, ..Sampling::default() }, ..call }
    };
    let (asked, deltas) = ask(&model, &thinks(question("think"))).await;
    let thought = asked.map_err(|(failure, _)| failure)?;
    assert_eq!(thought.text, "42");
    assert_eq!(said(&deltas), (String::from("42"), String::from("First I consider...")));
    assert_eq!(blocks(&thought.opaque)[0]["thinking"], "First I consider...");
    assert!(blocks(&thought.opaque)[0]["signature"].as_str().is_some_and(|signature| !signature.is_empty()));

    let asks = thinks(Call { tools: vec![tool("get_weather")], ..question("weather") });
    let called = answer(&model, &asks).await?;
    assert_eq!((called.text.as_str(), called.finish), ("Let me check.", FinishReason::ToolCalls));
    let [call] = &called.tool_calls[..] else { panic!("{called:?}") };
    assert_eq!(serde_json::from_str::<Value>(&call.arguments)?, json!({"city": "Oslo"}));
    let result = Part::ToolResult {
        id: call.id.clone(),
        name: call.name.clone(),
        content: "4C".into(),
        failed: false,
    };
    let mut told = asks;
    let mut parts = vec![Part::Text(called.text.clone()), Part::ToolCall(call.clone())];
    // Where they are put doesn't matter: they know where they stood.
    parts.extend(thought.opaque);
    told.messages.push(Message { role: Role::Assistant, parts });
    told.messages.push(Message { role: Role::Tool, parts: vec![result] });
    assert_eq!(answer(&model, &told).await?.text, "It is 4C in Oslo.");
    Ok(())
}

/// Its server takes neither a schema nor a forced tool on this wire: what it shows is real inference, streamed.
#[tokio::test]
async fn llama_streams() -> Result<()> {
    let Some(peer) = peers::llama()? else {
        peers::skip("llama.cpp");
        return Ok(());
    };
    let model = model("tiny", &peer.url);
    // Drawn otherwise, an answer may begin within a character, and then the server leaves out how a message starts.
    let sampling = Sampling { max_tokens: Some(40), temperature: Some(0.0), ..Sampling::default() };
    let mut call = Call { sampling, ..question("hi") };
    call.messages.insert(0, Message::text(Role::System, "Be brief."));
    call.messages.push(Message::text(Role::Assistant, "Hello."));
    call.messages.push(Message::text(Role::User, "And?"));
    let (asked, deltas) = ask(&model, &call).await;
    let answered = asked.map_err(|(failure, _)| failure)?;
    assert_eq!(said(&deltas).0, answered.text);
    assert!(deltas.len() > 3, "it came in {} pieces", deltas.len());
    let usage = answered.usage.context("llama.cpp says what it took")?;
    assert!(usage.input_tokens > 0 && (1..=40).contains(&usage.output_tokens), "{usage:?}");
    // What is in its cache is part of what it read.
    let again = answer(&model, &call).await?.usage.context("llama.cpp says what it took")?;
    assert_eq!(again.input_tokens, usage.input_tokens);
    assert!(again.cached_tokens > 0, "{again:?}");

    call.sampling.max_tokens = Some(5);
    let cut = answer(&model, &call).await?;
    assert_eq!(cut.finish, FinishReason::Length);
    assert_eq!(cut.usage.map(|usage| usage.output_tokens), Some(5));
    assert!(!provider().models(&model).await?.is_empty());
    Ok(())
}

const PROGRAM: &str = r#"
type Review { title: string(..12) score: int(0..10) }

prompt review(question: string) -> Review {
  model: "anthropic/claude-haiku-4-5"
  user: "${question}"
}

flow main(question: string) -> Review { return review(question) }
"#;

/// A place whose program asks a server.
fn asking(url: &str) -> Place {
    let place =
        Place::new().set("ANTHROPIC_BASE_URL", url).set("ANTHROPIC_API_KEY", "sk-ant-CANARY0123456789");
    place.file("main.flow", PROGRAM);
    place
}

#[test]
fn a_program_asks_it() -> Result<()> {
    let Some(peer) = peers::aimock(None, &[])? else {
        peers::skip("aimock");
        return Ok(());
    };
    let ran = asking(&peer.url).run(["run", "main.flow", "question=extract"]).expect(0);
    assert_eq!(ran.json(), json!({"title": "T", "score": 7}));
    Ok(())
}

#[test]
fn a_program_says_what_went_wrong() {
    for (status, error, words) in [
        (
            "401 Unauthorized",
            json!({"type": "authentication_error", "message": "invalid x-api-key"}),
            &["refuses the key in ANTHROPIC_API_KEY", "invalid x-api-key"][..],
        ),
        (
            "404 Not Found",
            json!({"type": "not_found_error", "message": "model: claude-haiku-4-5"}),
            &["has no model `claude-haiku-4-5`"],
        ),
        (
            "400 Bad Request",
            json!({"type": "invalid_request_error", "message": "Your credit balance is too low"}),
            &["refuses the request (status 400): Your credit balance is too low"],
        ),
        (
            "529 Overloaded",
            json!({"type": "overloaded_error", "message": "Overloaded"}),
            &["status 529", "Overloaded"],
        ),
    ] {
        let body = json!({"type": "error", "error": error, "request_id": "req_1"}).to_string();
        let server =
            Server::start(move |_, stream| respond(stream, status, "application/json", "", body.as_bytes()));
        let ran = asking(&server.url()).run(["run", "main.flow", "question=x"]).expect(3);
        let ran = ran.says(words);
        assert!(!ran.stderr.contains("CANARY"), "{}", ran.stderr);
        let requests = server.requests();
        let header = |name: &str| {
            let found = requests[0].headers.iter().find(|(header, _)| header == name);
            found.map(|(_, value)| value.clone())
        };
        assert_eq!(requests[0].path, "/v1/messages");
        assert_eq!(header("x-api-key").as_deref(), Some("sk-ant-CANARY0123456789"));
        assert_eq!(header("anthropic-version").as_deref(), Some("2023-06-01"));
        assert_eq!(header("authorization"), None);
    }
    let refused = [
        json!({"type": "message_start", "message": {"usage": {"input_tokens": 9, "output_tokens": 1}}}),
        json!({"type": "message_delta", "delta": {"stop_reason": "refusal", "stop_details":
            {"type": "refusal", "category": "cyber", "explanation": "Against the usage policy."}}}),
        json!({"type": "message_stop"}),
    ];
    let stream: String = refused.iter().map(|event| format!("data: {event}\n\n")).collect();
    let server =
        Server::start(move |_, out| respond(out, "200 OK", "text/event-stream", "", stream.as_bytes()));
    let ran = asking(&server.url()).run(["run", "main.flow", "question=x"]).expect(3);
    ran.says(&["the model refused to answer: Against the usage policy. (cyber)"]);
}
