//! What calls cost: usages as the providers report them, read by the clients, against sums made by hand.

#![allow(clippy::disallowed_methods, reason = "tests read files and start processes")]

use std::path::Path;

use anyhow::{Context as _, Result, ensure};
use flow_ir::catalogue;
use flow_providers::Registry;
use flow_runtime_api::{Call, Cost, Message, ResolvedModel, Role, Scrubber, Usage};
use flow_tests::kept::Kept;
use flow_tests::peers;
use flow_tests::program::Place;
use flow_tests::server::{Server, respond};
use serde_json::{Value, json};

/// A call that a provider has answered.
struct Paid {
    /// `provider/model`.
    model: &'static str,
    /// What the provider sent.
    sent: Sent,
    /// Tokens, and the dollars per million that each costs, by hand.
    sum: &'static [(u64, &'static str)],
    /// The sum in dollars, by hand; none if the model has no known price.
    usd: Option<&'static str>,
}

enum Sent {
    /// A recorded body or stream below `corpus/wire`.
    Recorded(&'static str),
    /// The object in which the provider reports the usage.
    Usage(&'static str),
}

use Sent::{Recorded, Usage as Reported};

const PAID: &[Paid] = &[
    // OpenAI, chat completions.
    Paid {
        model: "openai/gpt-4o-2024-08-06",
        sent: Recorded("openai/test_completions_L44.json"),
        sum: &[(14, "2.5"), (37, "10")],
        usd: Some("0.000405"),
    },
    Paid {
        model: "openai/gpt-4o-2024-08-06",
        sent: Recorded("openai/test_completions_L470.json"),
        sum: &[(512, "2.5"), (132, "10")],
        usd: Some("0.0026"),
    },
    Paid {
        model: "openai/gpt-4o-2024-08-06",
        sent: Recorded("openai/a491adda08c3d4fd.sse"),
        sum: &[(79, "2.5"), (42, "10")],
        usd: Some("0.0006175"),
    },
    Paid {
        model: "openai/gpt-4o-2024-08-06",
        sent: Recorded("openai/d615580118391ee1.sse"),
        sum: &[(19, "2.5"), (177, "10")],
        usd: Some("0.0018175"),
    },
    // Most of the prompt comes from the cache, most of the answer is reasoning.
    Paid {
        model: "openai/gpt-5",
        sent: Reported(
            r#"{"prompt_tokens":2006,"completion_tokens":300,"total_tokens":2306,"prompt_tokens_details":{"cached_tokens":1920,"audio_tokens":0},"completion_tokens_details":{"reasoning_tokens":192,"audio_tokens":0,"accepted_prediction_tokens":0,"rejected_prediction_tokens":0}}"#,
        ),
        sum: &[(86, "1.25"), (1_920, "0.125"), (300, "10")],
        usd: Some("0.0033475"),
    },
    Paid {
        model: "openai/o3",
        sent: Reported(
            r#"{"prompt_tokens":1043,"completion_tokens":2571,"total_tokens":3614,"prompt_tokens_details":{"cached_tokens":0},"completion_tokens_details":{"reasoning_tokens":2048}}"#,
        ),
        sum: &[(1_043, "2"), (523, "8"), (2_048, "8")],
        usd: Some("0.022654"),
    },
    Paid {
        model: "openai/gpt-4.1",
        sent: Reported(
            r#"{"prompt_tokens":300001,"completion_tokens":7,"total_tokens":300008,"prompt_tokens_details":{"cached_tokens":299904}}"#,
        ),
        sum: &[(97, "2"), (299_904, "0.5"), (7, "8")],
        usd: Some("0.150202"),
    },
    // The last call that isn't long, and the first that is: twice as much to read, half as much again to answer.
    Paid {
        model: "openai/gpt-5.4",
        sent: Reported(
            r#"{"prompt_tokens":272000,"completion_tokens":1000,"prompt_tokens_details":{"cached_tokens":200000},"completion_tokens_details":{"reasoning_tokens":900}}"#,
        ),
        sum: &[(72_000, "2.5"), (200_000, "0.25"), (1_000, "15")],
        usd: Some("0.245"),
    },
    Paid {
        model: "openai/gpt-5.4",
        sent: Reported(
            r#"{"prompt_tokens":272001,"completion_tokens":1000,"prompt_tokens_details":{"cached_tokens":200000},"completion_tokens_details":{"reasoning_tokens":900}}"#,
        ),
        sum: &[(72_001, "5"), (200_000, "0.5"), (1_000, "22.5")],
        usd: Some("0.482505"),
    },
    // Later models bill what they write to the cache.
    Paid {
        model: "openai/gpt-5.6",
        sent: Reported(
            r#"{"prompt_tokens":10000,"completion_tokens":500,"prompt_tokens_details":{"cached_tokens":2000,"cache_write_tokens":7000}}"#,
        ),
        sum: &[(1_000, "4"), (2_000, "0.4"), (7_000, "5"), (500, "20")],
        usd: Some("0.0498"),
    },
    Paid {
        model: "openai/gpt-6-luna",
        sent: Reported(
            r#"{"prompt_tokens":300000,"completion_tokens":10000,"prompt_tokens_details":{"cached_tokens":100000,"cache_write_tokens":150000},"completion_tokens_details":{"reasoning_tokens":9999}}"#,
        ),
        sum: &[(50_000, "0.2"), (100_000, "0.02"), (150_000, "0.25"), (10_000, "0.75")],
        usd: Some("0.057"),
    },
    // Some never say what was cached.
    Paid {
        model: "openai/gpt-4o-mini-2024-07-18",
        sent: Reported(r#"{"prompt_tokens":1,"completion_tokens":1,"total_tokens":2}"#),
        sum: &[(1, "0.15"), (1, "0.6")],
        usd: Some("0.00000075"),
    },
    Paid {
        model: "openai/my-own-model",
        sent: Reported(r#"{"prompt_tokens":9,"completion_tokens":3}"#),
        sum: &[],
        usd: None,
    },
    // Anthropic: cached and written tokens come beside the input.
    Paid {
        model: "anthropic/claude-fable-5",
        sent: Recorded("anthropic/stream-a-refusal.sse"),
        sum: &[(28, "10"), (106, "50")],
        usd: Some("0.00558"),
    },
    Paid {
        model: "anthropic/claude-opus-4-7",
        sent: Recorded("anthropic/compaction_response.txt"),
        sum: &[(30, "5"), (8, "25")],
        usd: Some("0.00035"),
    },
    Paid {
        model: "anthropic/claude-sonnet-4-5",
        sent: Recorded("anthropic/fallback_credit_response.txt"),
        sum: &[(25, "3"), (8, "15")],
        usd: Some("0.000195"),
    },
    Paid {
        model: "anthropic/claude-3-opus-latest",
        sent: Recorded("anthropic/basic_response.txt"),
        sum: &[],
        usd: None,
    },
    Paid {
        model: "anthropic/claude-sonnet-4-5",
        sent: Reported(
            r#"{"input_tokens":21,"cache_creation_input_tokens":188086,"cache_read_input_tokens":0,"cache_creation":{"ephemeral_5m_input_tokens":188086,"ephemeral_1h_input_tokens":0},"output_tokens":393,"service_tier":"standard"}"#,
        ),
        sum: &[(21, "3"), (188_086, "3.75"), (393, "15")],
        usd: Some("0.7112805"),
    },
    Paid {
        model: "anthropic/claude-sonnet-4-5",
        sent: Reported(
            r#"{"input_tokens":21,"cache_creation_input_tokens":0,"cache_read_input_tokens":188086,"cache_creation":{"ephemeral_5m_input_tokens":0,"ephemeral_1h_input_tokens":0},"output_tokens":393}"#,
        ),
        sum: &[(21, "3"), (188_086, "0.3"), (393, "15")],
        usd: Some("0.0623838"),
    },
    // Some of it for five minutes, some for an hour.
    Paid {
        model: "anthropic/claude-sonnet-4-5",
        sent: Reported(
            r#"{"input_tokens":2048,"cache_creation_input_tokens":248,"cache_read_input_tokens":1800,"cache_creation":{"ephemeral_5m_input_tokens":148,"ephemeral_1h_input_tokens":100},"output_tokens":503}"#,
        ),
        sum: &[(2_048, "3"), (1_800, "0.3"), (148, "3.75"), (100, "6"), (503, "15")],
        usd: Some("0.015384"),
    },
    Paid {
        model: "anthropic/claude-opus-5-5",
        sent: Reported(
            r#"{"input_tokens":7,"cache_creation_input_tokens":1003,"cache_read_input_tokens":0,"output_tokens":11}"#,
        ),
        sum: &[(7, "4"), (1_003, "5"), (11, "20")],
        usd: Some("0.005263"),
    },
    // What is cached and written counts for what is long.
    Paid {
        model: "anthropic/claude-haiku-5-5",
        sent: Reported(
            r#"{"input_tokens":50000,"cache_creation_input_tokens":20000,"cache_read_input_tokens":30000,"cache_creation":{"ephemeral_5m_input_tokens":0,"ephemeral_1h_input_tokens":20000},"output_tokens":1001}"#,
        ),
        sum: &[(50_000, "0.1"), (30_000, "0.01"), (20_000, "0.2"), (1_001, "0.5")],
        usd: Some("0.0098005"),
    },
    Paid {
        model: "anthropic/claude-haiku-5-5",
        sent: Reported(
            r#"{"input_tokens":50001,"cache_creation_input_tokens":20000,"cache_read_input_tokens":30000,"cache_creation":{"ephemeral_5m_input_tokens":1,"ephemeral_1h_input_tokens":19999},"output_tokens":1001,"output_tokens_details":{"thinking_tokens":1000}}"#,
        ),
        sum: &[(50_001, "0.5"), (30_000, "0.05"), (1, "0.625"), (19_999, "1"), (1_001, "2.5")],
        usd: Some("0.049002625"),
    },
    // Gemini: thoughts come beside the answer, what its own tools read beside the prompt.
    Paid {
        model: "gemini/gemini-2.5-flash",
        sent: Recorded("gemini/vertexai__unary-success-implicit-caching.json"),
        sum: &[(770, "0.3"), (11_243, "0.03"), (15, "2.5"), (73, "2.5")],
        usd: Some("0.00078829"),
    },
    Paid {
        model: "gemini/gemini-2.5-flash",
        sent: Recorded("gemini/googleai__streaming-success-thinking-reply-thought-summary.txt"),
        sum: &[(10, "0.3"), (48, "2.5"), (540, "2.5")],
        usd: Some("0.001473"),
    },
    Paid {
        model: "gemini/gemini-2.5-pro",
        sent: Recorded(
            "gemini/googleai__unary-success-thinking-function-call-thought-summary-signature.json",
        ),
        sum: &[(38, "1.25"), (8, "10"), (501, "10")],
        usd: Some("0.0051375"),
    },
    Paid {
        model: "gemini/gemini-2.5-flash",
        sent: Recorded("gemini/googleai__unary-success-code-execution.json"),
        sum: &[(21, "0.3"), (160, "0.3"), (96, "2.5"), (86, "2.5")],
        usd: Some("0.0005093"),
    },
    Paid {
        model: "gemini/gemini-2.0-flash",
        sent: Recorded("gemini/googleai__unary-success-basic-reply-short.json"),
        sum: &[],
        usd: None,
    },
    Paid {
        model: "gemini/gemini-2.5-pro",
        sent: Reported(
            r#"{"promptTokenCount":200000,"candidatesTokenCount":1000,"totalTokenCount":201500,"cachedContentTokenCount":150000,"thoughtsTokenCount":500}"#,
        ),
        sum: &[(50_000, "1.25"), (150_000, "0.125"), (1_000, "10"), (500, "10")],
        usd: Some("0.09625"),
    },
    Paid {
        model: "gemini/gemini-2.5-pro",
        sent: Reported(
            r#"{"promptTokenCount":200001,"candidatesTokenCount":1000,"totalTokenCount":201501,"cachedContentTokenCount":150000,"thoughtsTokenCount":500}"#,
        ),
        sum: &[(50_001, "2.5"), (150_000, "0.25"), (1_000, "15"), (500, "15")],
        usd: Some("0.1850025"),
    },
    // Ollama on this machine.
    Paid {
        model: "ollama/llama3.2",
        sent: Reported(r#"{"prompt_eval_count":26,"eval_count":298}"#),
        sum: &[(26, "0"), (298, "0")],
        usd: Some("0"),
    },
];

/// Reads decimal dollars as nano-dollars, exactly.
fn nanodollars(usd: &str) -> Result<u128> {
    let (whole, part) = usd.split_once('.').unwrap_or((usd, ""));
    ensure!(part.len() <= 9, "{usd} is finer than a nano-dollar");
    Ok(format!("{whole}{part:0<9}").parse()?)
}

/// The answer of a provider that reports this usage.
fn answer(provider: &str, usage: &str) -> Result<(&'static str, String)> {
    let usage: Value = serde_json::from_str(usage)?;
    Ok(match provider {
        "openai" => {
            let choice = json!({"index": 0, "message": {"role": "assistant", "content": "hi"}, "finish_reason": "stop"});
            ("application/json", json!({"choices": [choice], "usage": usage}).to_string())
        }
        "anthropic" => {
            // The first event has the usage so far, the last but one all of it.
            let mut begun = usage.clone();
            begun["output_tokens"] = json!(1);
            let message = json!({"id": "m", "type": "message", "role": "assistant", "model": "m", "content": [], "stop_reason": null, "stop_sequence": null, "usage": begun});
            let events = [
                json!({"type": "message_start", "message": message}),
                json!({"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}}),
                json!({"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "hi"}}),
                json!({"type": "content_block_stop", "index": 0}),
                json!({"type": "message_delta", "delta": {"stop_reason": "end_turn", "stop_sequence": null}, "usage": usage}),
                json!({"type": "message_stop"}),
            ];
            let line = |event: &Value| {
                format!("event: {}\ndata: {event}\n\n", event["type"].as_str().unwrap_or_default())
            };
            ("text/event-stream", events.iter().map(line).collect())
        }
        "gemini" => {
            let said = json!({"content": {"role": "model", "parts": [{"text": "hi"}]}, "finishReason": "STOP", "index": 0});
            (
                "text/event-stream",
                format!("data: {}\r\n\r\n", json!({"candidates": [said], "usageMetadata": usage})),
            )
        }
        _ => {
            let mut last = json!({"model": "m", "message": {"role": "assistant", "content": "hi"}, "done": true, "done_reason": "stop"});
            for (key, value) in usage.as_object().context("an object")? {
                last[key] = value.clone();
            }
            ("application/x-ndjson", format!("{last}\n"))
        }
    })
}

/// Asks a server that sends this, and returns the usage that the client reads.
async fn usage(provider: &str, model: &str, content_type: &'static str, body: Vec<u8>) -> Result<Usage> {
    let server = Server::start(move |_, stream| respond(stream, "200 OK", content_type, "", &body));
    let client = Registry::new(Scrubber::default()).provider(provider).context("no such provider")?;
    let resolved = ResolvedModel {
        provider: provider.into(),
        model: model.into(),
        base_url: Some(server.url()),
        ..ResolvedModel::default()
    };
    let call = Call { messages: vec![Message::text(Role::User, "hi")], ..Call::default() };
    let read = match client.ask(&resolved, &call, &mut |_| {}).await {
        Ok(answer) => answer.usage,
        // Also what is refused was paid for.
        Err((_, usage)) => usage,
    };
    read.context("no usage was read")
}

#[tokio::test]
async fn costs_are_what_a_sum_by_hand_gives() -> Result<()> {
    let shared = peers::shared();
    assert!(PAID.len() >= 30);
    for paid in PAID {
        let (provider, model) = paid.model.split_once('/').context("provider/model")?;
        let (content_type, body, name) = match paid.sent {
            Reported(usage) => {
                let (content_type, body) = answer(provider, usage)?;
                (content_type, body.into_bytes(), usage)
            }
            Recorded(path) => {
                let Some(shared) = &shared else {
                    peers::skip(path);
                    continue;
                };
                let bytes = std::fs::read(shared.join("corpus/wire").join(path))?;
                let whole = Path::new(path).extension().is_some_and(|extension| extension == "json");
                (if whole { "application/json" } else { "text/event-stream" }, bytes, path)
            }
        };
        let what = format!("{} {name}", paid.model);
        let read = usage(provider, model, content_type, body).await.with_context(|| what.clone())?;
        let base_url = (provider == "ollama").then_some("http://127.0.0.1:11434");
        let price = catalogue::price_at(provider, model, base_url, None);
        let cost = Cost::of(price.as_ref(), &read);
        let Some(usd) = paid.usd else {
            assert_eq!((cost, cost.usd()), (Cost::UNKNOWN, None), "{what}");
            continue;
        };
        // The hand's own sum, to begin with: dollars per million are micro-dollars a token.
        let by_hand = paid
            .sum
            .iter()
            .try_fold(0, |sum, (tokens, rate)| anyhow::Ok(sum + u128::from(*tokens) * nanodollars(rate)?))?;
        assert_eq!(by_hand, nanodollars(usd)? * 1_000_000, "{what}: the sum by hand is wrong");
        assert_eq!(u128::from(cost.nanodollars), nanodollars(usd)?, "{what}: {read:?}");
        assert!(cost.complete, "{what}");
        assert_eq!(cost.usd().map(|usd| usd.to_string()).as_deref(), Some(usd), "{what}");
        let tokens: u64 = paid.sum.iter().map(|(tokens, _)| tokens).sum();
        assert_eq!(read.input_tokens + read.output_tokens, tokens, "{what}: every token is in the sum");
    }
    Ok(())
}

/// A run of one call to Anthropic's wire, which reports this usage; returns its last event.
fn run(usage: &'static str, settings: &str, budget: &str) -> (Place, Kept, Value) {
    let (content_type, body) = answer("anthropic", usage).expect("a usage");
    let server = Kept::start(move |_| (content_type, body.clone().into_bytes()));
    let place = Place::new().set("ANTHROPIC_API_KEY", "sk-canary-of-money");
    place.file("flow.toml", settings);
    place.file(
        "main.flow",
        format!(
            "model default = \"anthropic/house\" {{ base_url: \"{}\", retry: 0 }}\nprompt ask() -> string {{ user: \"hi\" }}\nflow main() -> string {{\n  {budget}\n  return ask()\n}}\n",
            server.url()
        ),
    );
    let ran = place.run(["run", ".", "--json"]);
    let last = ran.json_lines().pop().unwrap_or_default();
    (place, server, last)
}

const EVERYTHING: &str = r#"{"input_tokens":1000,"cache_creation_input_tokens":300,"cache_read_input_tokens":400,"cache_creation":{"ephemeral_5m_input_tokens":200,"ephemeral_1h_input_tokens":100},"output_tokens":50,"output_tokens_details":{"thinking_tokens":20}}"#;

/// Every rate, each with a value that no other has.
const RATES: [(&str, f64); 13] = [
    ("input", 1.0),
    ("cached_input", 2.0),
    ("cache_write", 3.0),
    ("cache_write_1h", 5.0),
    ("output", 7.0),
    ("reasoning", 11.0),
    ("long_above", 1_700.0),
    ("long_input", 13.0),
    ("long_cached_input", 17.0),
    ("long_cache_write", 19.0),
    ("long_cache_write_1h", 23.0),
    ("long_output", 29.0),
    ("long_reasoning", 31.0),
];

fn settings(rates: &[(&str, f64)]) -> String {
    let lines: String = rates.iter().map(|(key, rate)| format!("{key} = {rate}\n")).collect();
    format!("[prices.\"anthropic/house\"]\n{lines}")
}

#[test]
fn each_rate_of_a_project_changes_what_a_run_costs() {
    // 1,000 + 200 + 100 + 400 read, 30 + 20 written: 1,700 tokens are not more than 1,700.
    let (_, _, last) = run(EVERYTHING, &settings(&RATES), "");
    let short = (1_000.0 * 1.0 + 400.0 * 2.0 + 200.0 * 3.0 + 100.0 * 5.0 + 30.0 * 7.0 + 20.0 * 11.0) / 1e6;
    assert_eq!(last["cost_usd"], json!(short), "{last}");
    let mut long_rates = RATES;
    long_rates[6].1 = 1_699.0;
    let (_, _, last) = run(EVERYTHING, &settings(&long_rates), "");
    let long =
        (1_000.0 * 13.0 + 400.0 * 17.0 + 200.0 * 19.0 + 100.0 * 23.0 + 30.0 * 29.0 + 20.0 * 31.0) / 1e6;
    assert_eq!(last["cost_usd"], json!(long), "{last}");
    for (at, (key, _)) in RATES.iter().enumerate() {
        let is_long = key.starts_with("long_");
        let mut rates = if is_long { long_rates } else { RATES };
        rates[at].1 = if *key == "long_above" { 1_700.0 } else { rates[at].1 + 0.5 };
        let (_, _, last) = run(EVERYTHING, &settings(&rates), "");
        assert_ne!(last["cost_usd"], json!(if is_long { long } else { short }), "{key} changes nothing");
    }
}

#[test]
fn what_has_no_price_is_unknown_in_every_total_and_refused_under_a_budget() {
    let (place, server, last) = run(EVERYTHING, "", "");
    assert_eq!((&last["cost_usd"], &last["cost_complete"]), (&Value::Null, &json!(false)), "{last}");
    assert_eq!(server.requests().len(), 1);
    let line = &place.run(["runs", "--json"]).expect(0).json_lines()[0];
    assert_eq!((&line["cost_usd"], &line["cost_complete"]), (&Value::Null, &json!(false)), "{line}");
    let id = line["run"].as_str().expect("an id").to_owned();
    let trace = place.run(["runs", "show", &id, "--json"]).expect(0).json();
    assert_eq!((&trace["cost_usd"], &trace["cost_complete"]), (&Value::Null, &json!(false)), "{trace}");
    let usage = &trace["usage"];
    assert_eq!(
        (&usage["cached_tokens"], &usage["cache_write_tokens"]),
        (&json!(400), &json!(300)),
        "{trace}"
    );
    assert_eq!((&usage["cache_write_1h_tokens"], &usage["input_tokens"]), (&json!(100), &json!(1_700)));
    place.run(["runs", "show", &id]).expect(0).prints(&["cost unknown"]);

    let (_, server, last) = run(EVERYTHING, "", "budget { usd: 1.0 }");
    assert_eq!(last["error"]["kind"], "budget", "{last}");
    assert!(last.to_string().contains("isn't known"), "{last}");
    assert!(server.requests().is_empty(), "it was asked all the same");
    let (_, server, last) = run(EVERYTHING, &settings(&RATES), "budget { usd: 1.0 }");
    assert!(last["cost_usd"].is_number() && server.requests().len() == 1, "{last}");
}
