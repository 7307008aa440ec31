//! Every recorded body and stream of OpenAI's is read to the right text, calls, tokens and end.
//!
//! The recordings lie in `../shared/corpus/wire/openai` beside the repository. What each holds is written out here; one
//! that nothing is written of fails the test.

#![allow(clippy::disallowed_methods, reason = "tests read files")]

mod server;

use std::io::Write as _;
use std::path::Path;

use flow_providers::Registry;
use flow_runtime_api::{
    Call, Delta, FinishReason, Message, ResolvedModel, Role, Scrubber, Secret, ToolSpec, Usage,
};
use server::{Server, chunked_bytes, http};

/// Read, of it from the cache, written, of it thoughts.
type Tokens = [u64; 4];

/// What a recording is read to.
#[derive(Clone, Copy)]
enum Expected {
    Text(&'static str, Tokens),
    /// So many characters, with this beginning and end.
    Long(usize, &'static str, &'static str, Tokens),
    /// The output limit cut it.
    Cut(&'static str, Tokens),
    /// Calls with their arguments.
    Calls(&'static [(&'static str, &'static str)], Tokens),
    Refused(&'static str, Tokens),
}

use Expected::{Calls, Cut, Long, Refused, Text};

#[rustfmt::skip]
const EXPECTED: &[(&str, Expected)] = &[
    ("173417d553406f03.sse", Refused("I'm sorry, I can't assist with that request.", [79, 0, 11, 0])),
    ("2018feb66ae13fcf.sse", Calls(&[("get_weather", r#"{"city":"New York City"}"#)], [44, 0, 16, 0])),
    ("4cc50a6135d25457.sse", Cut("{\"", [79, 0, 1, 0])),
    ("569c877e69429d4c.sse", Refused("I'm very sorry, but I can't assist with that.", [79, 0, 12, 0])),
    ("7e5ea4d12e7cc064.sse", Text(r#"{"city":"San Francisco","temperature":61,"units":"f"}"#, [79, 0, 14, 0])),
    ("83b060bae42eb41c.sse", Text(r#"Foo!"#, [9, 0, 2, 0])),
    ("a247c49c5fcd492b.sse", Calls(&[("get_weather", r#"{"city":"San Francisco","state":"CA"}"#)], [48, 0, 19, 0])),
    ("a491adda08c3d4fd.sse", Text(r#"{"city":"San Francisco","temperature":65,"units":"f"}"#, [79, 0, 42, 0])),
    ("c6aa7e397b7123c3.sse", Calls(&[("GetWeatherArgs", r#"{"city":"Edinburgh","country":"UK","units":"c"}"#)], [76, 0, 24, 0])),
    ("d615580118391ee1.sse", Long(608, "\n  {\n    \"location\": \"Sa", "oudy\"\n      }\n    ]\n  }\n", [19, 0, 177, 0])),
    ("e2aad469b71d1d48.sse", Long(159, "I'm unable to provide re", "ebsite or a weather app.", [14, 0, 30, 0])),
    ("f82268f2fefd5cfb.sse", Calls(&[("GetWeatherArgs", r#"{"city": "Edinburgh", "country": "GB", "units": "c"}"#), ("get_stock_price", r#"{"ticker": "AAPL", "exchange": "NASDAQ"}"#)], [149, 0, 60, 0])),
    ("test_completions_L117.json", Text(r#"{"city":"San Francisco","temperature":65,"units":"f"}"#, [79, 0, 14, 0])),
    ("test_completions_L191.json", Text(r#"{"city":"San Francisco","temperature":65,"units":"f"}"#, [88, 0, 14, 0])),
    ("test_completions_L269.json", Text(r##"{"color":"red","hex_color_code":"#FF0000"}"##, [109, 0, 14, 0])),
    ("test_completions_L319.json", Text(r#"{"city":"San Francisco","temperature":64,"units":"f"}"#, [79, 0, 44, 0])),
    ("test_completions_L400.json", Text(r#"{"name":"Science Fair","date":"Friday","participants":["Alice","Bob"]}"#, [92, 0, 17, 0])),
    ("test_completions_L44.json", Long(198, "I'm unable to provide re", "or a local news station.", [14, 0, 37, 0])),
    ("test_completions_L470.json", Calls(&[("Query", r#"{"name":"May 2022 Fulfilled Orders Not Delivered on Time","table_name":"orders","columns":["id","status","expected_delivery_date","delivered_at","shipped_at","ordered_at","canceled_at"],"conditions":[{"column":"ordered_at","operator":">=","value":"2022-05-01"},{"column":"ordered_at","operator":"<=","value":"2022-05-31"},{"column":"status","operator":"=","value":"fulfilled"},{"column":"delivered_at","operator":">","value":{"column_name":"expected_delivery_date"}}],"order_by":"asc"}"#)], [512, 0, 132, 0])),
    ("test_completions_L556.json", Cut("{\"", [79, 0, 1, 0])),
    ("test_completions_L583.json", Refused("I'm very sorry, but I can't assist with that.", [79, 0, 12, 0])),
    ("test_completions_L634.json", Calls(&[("GetWeatherArgs", r#"{"city":"Edinburgh","country":"UK","units":"c"}"#)], [76, 0, 24, 0])),
    ("test_completions_L710.json", Calls(&[("GetWeatherArgs", r#"{"city": "Edinburgh", "country": "GB", "units": "c"}"#), ("get_stock_price", r#"{"ticker": "AAPL", "exchange": "NASDAQ"}"#)], [149, 0, 60, 0])),
    ("test_completions_L793.json", Calls(&[("get_weather", r#"{"city":"San Francisco","state":"CA"}"#)], [48, 0, 19, 0])),
    ("test_completions_L871.json", Text(r#"{"city":"San Francisco","temperature":58,"units":"f"}"#, [79, 0, 14, 0])),
    ("test_completions_L951.json", Text(r#"{"city":"San Francisco","temperature":65,"units":"f"}"#, [79, 0, 14, 0])),
    ("test_responses_L36.json", Long(245, "I can't provide real-tim", "ed for variable weather!", [14, 0, 50, 0])),
];

fn call(expected: Expected) -> Call {
    let tool = |name: &&str| ToolSpec {
        name: (*name).to_owned(),
        description: String::from("Does something."),
        parameters: serde_json::json!({"type": "object"}),
    };
    let tools = match expected {
        Calls(calls, _) => calls.iter().map(|(name, _)| tool(name)).collect(),
        _ => Vec::new(),
    };
    Call { messages: vec![Message::text(Role::User, "?")], tools, ..Call::default() }
}

async fn holds(name: &str, body: &[u8], expected: Expected) {
    let api = if name.starts_with("test_responses") { "responses" } else { "chat" };
    let answer = match name.ends_with(".sse") {
        true => chunked_bytes("text/event-stream", body, 37),
        false => http("200 OK", "application/json", "", std::str::from_utf8(body).expect("it is text")),
    };
    let server = Server::once(answer).await;
    let model = ResolvedModel {
        model: "m".into(),
        api: Some(api.into()),
        base_url: Some(server.url()),
        api_key: Some(Secret::new("of-the-test")),
        ..ResolvedModel::default()
    };
    let provider = Registry::new(Scrubber::default()).provider("openai").expect("it is there");
    let mut shown = String::new();
    let answer = provider
        .ask(&model, &call(expected), &mut |delta| {
            if let Delta::Text(text) = delta {
                shown += &text;
            }
        })
        .await
        .unwrap_or_else(|(failure, _)| panic!("{name}: {failure}"));
    let (finish, tokens) = match expected {
        Text(text, tokens) => {
            assert_eq!(answer.text, text, "{name}");
            (FinishReason::Stop, tokens)
        }
        Long(chars, beginning, end, tokens) => {
            assert_eq!(answer.text.chars().count(), chars, "{name}");
            assert!(answer.text.starts_with(beginning) && answer.text.ends_with(end), "{name}");
            (FinishReason::Stop, tokens)
        }
        Cut(text, tokens) => {
            assert_eq!(answer.text, text, "{name}");
            (FinishReason::Length, tokens)
        }
        Calls(calls, tokens) => {
            let told: Vec<_> =
                answer.tool_calls.iter().map(|call| (call.name.as_str(), call.arguments.as_str())).collect();
            assert_eq!(told, calls, "{name}");
            let ids: std::collections::HashSet<_> = answer.tool_calls.iter().map(|call| &call.id).collect();
            assert_eq!(ids.len(), calls.len(), "{name}: each call has an id of its own");
            (FinishReason::ToolCalls, tokens)
        }
        Refused(text, tokens) => {
            assert_eq!(answer.text, text, "{name}");
            (FinishReason::Refused, tokens)
        }
    };
    assert_eq!(answer.finish, finish, "{name}");
    // A refusal isn't shown as the answer.
    assert_eq!(shown, if finish == FinishReason::Refused { "" } else { &answer.text }, "{name}");
    let [input_tokens, cached_tokens, output_tokens, reasoning_tokens] = tokens;
    let usage = Usage { input_tokens, cached_tokens, output_tokens, reasoning_tokens, ..Usage::default() };
    assert_eq!(answer.usage, Some(usage), "{name}");
}

#[tokio::test]
async fn every_recording_is_read() {
    let shared = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared");
    if !shared.is_dir() {
        let _ = writeln!(
            std::io::stderr(),
            "SKIPPED: recorded answers: there is no ../shared beside the repository"
        );
        return;
    }
    let mut names: Vec<String> = std::fs::read_dir(shared.join("corpus/wire/openai"))
        .expect("the recordings are there")
        .map(|entry| entry.expect("it can be read").file_name().to_string_lossy().into_owned())
        .collect();
    names.sort();
    let expected: Vec<&str> = EXPECTED.iter().map(|(name, _)| *name).collect();
    assert_eq!(names, expected, "a recording without an expectation, or the other way round");
    for (name, expected) in EXPECTED {
        let body = std::fs::read(shared.join("corpus/wire/openai").join(name)).expect("it can be read");
        holds(name, &body, *expected).await;
    }
}
