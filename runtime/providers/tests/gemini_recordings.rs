//! Every recorded body and stream of Gemini's and Vertex's is read to the right text, calls, tokens, end or error.
//!
//! The recordings lie in `../shared/corpus/wire/gemini` beside the repository. What each holds is written out here; one
//! that nothing is written of fails the test.

#![allow(clippy::disallowed_methods, reason = "tests read files")]

mod server;

use std::io::Write as _;
use std::path::Path;

use flow_providers::Registry;
use flow_runtime_api::{
    Call, Delta, FinishReason, Message, Part, ResolvedModel, Role, Scrubber, Secret, ToolSpec, Usage,
};
use serde_json::Value;
use server::{Server, chunked_bytes, http};

/// Read, of it from the cache, written, of it thoughts.
type Tokens = Option<[u64; 4]>;

/// What a recording is read to.
#[derive(Clone, Copy)]
enum Expected {
    Text(&'static str, Tokens),
    /// So many characters, with this beginning and end.
    Long(usize, &'static str, &'static str, Tokens),
    /// A text, and calls with their arguments.
    Calls(&'static str, &'static [(&'static str, &'static str)], Tokens),
    Refused(&'static str, Tokens),
    /// A kind, and words of the message.
    Fails(&'static str, &'static str, Tokens),
}

use Expected::{Calls, Fails, Long, Refused, Text};

#[rustfmt::skip]
const EXPECTED: &[(&str, Expected)] = &[
    ("googleai__streaming-failure-image-rejected.txt", Fails("refused", "Request contains an invalid argument.", None)),
    ("googleai__streaming-failure-prompt-blocked-safety.txt", Refused("the prompt was blocked (SAFETY)", None)),
    ("googleai__streaming-failure-recitation-no-content.txt", Refused("the answer was stopped (RECITATION)", Some([9, 0, 261, 0]))),
    ("googleai__streaming-success-basic-reply-long.txt", Long(8845, "Okay, let's dive into th", ", or health conditions.\n", Some([10, 0, 1996, 0]))),
    ("googleai__streaming-success-basic-reply-short.txt", Text("The capital of Wyoming is **Cheyenne**.\n", Some([7, 0, 10, 0]))),
    ("googleai__streaming-success-citations.txt", Long(6711, "Okay, let's break down q", " your learning journey!\n", Some([15, 0, 1381, 0]))),
    ("googleai__streaming-success-code-execution.txt", Long(228, "To find the sum of the f", "t 5 prime numbers is 28.", Some([264, 0, 221, 95]))),
    ("googleai__streaming-success-empty-parts.txt", Text("Here's a cute cartoon kitten playing with a ball of yarn for you! ", Some([16, 0, 1307, 0]))),
    ("googleai__streaming-success-finish-message.txt", Text("Hello world!", None)),
    ("googleai__streaming-success-no-content-parts.txt", Long(419, "I will generate a 3D ren", ", slightly cloudy sky.\n\n", Some([34, 0, 1370, 0]))),
    ("googleai__streaming-success-thinking-function-call-thought-summary-signature.txt", Calls("", &[("now", r#"{}"#)], Some([38, 0, 174, 168]))),
    ("googleai__streaming-success-thinking-reply-thought-summary.txt", Long(263, "The sky is blue because ", "appear blue to our eyes.", Some([10, 0, 588, 540]))),
    ("googleai__streaming-success-url-context.txt", Long(361, "\nThe Google homepage pri", " and an \"About\" section.", Some([1057, 0, 120, 39]))),
    ("googleai__unary-failure-api-key.json", Fails("refused", "refuses the key in GEMINI_API_KEY", None)),
    ("googleai__unary-failure-api-key.txt", Fails("refused", "refuses the key in GEMINI_API_KEY", None)),
    ("googleai__unary-failure-finish-reason-safety.json", Refused("the answer was stopped (SAFETY)", Some([7, 0, 20, 0]))),
    ("googleai__unary-failure-finish-reason-safety.txt", Refused("the answer was stopped (SAFETY)", Some([7, 0, 20, 0]))),
    ("googleai__unary-failure-generativelanguage-api-not-enabled.json", Fails("refused", "forbids this call (status 403)", None)),
    ("googleai__unary-failure-only-prompt-feedback.json", Refused("the prompt was blocked (Message)", None)),
    ("googleai__unary-failure-unknown-model.json", Fails("refused", "models/gemini-5.0-flash is not found", None)),
    ("googleai__unary-failure-unknown-model.txt", Fails("refused", "models/gemini-5.0-flash is not found", None)),
    ("googleai__unary-failure-with-message-no-content.json", Fails("unavailable", "OTHER: Model failed to generate content due to internal error.", None)),
    ("googleai__unary-success-basic-reply-long.json", Long(2591, "Making professional-qual", ", Hario V60, Chemex):**\n", Some([9, 0, 1612, 0]))),
    ("googleai__unary-success-basic-reply-long.txt", Long(2591, "Making professional-qual", ", Hario V60, Chemex):**\n", Some([9, 0, 1612, 0]))),
    ("googleai__unary-success-basic-reply-short.json", Long(98, "Google's headquarters, a", "ain View, California**.\n", Some([7, 0, 22, 0]))),
    ("googleai__unary-success-basic-reply-short.txt", Long(98, "Google's headquarters, a", "ain View, California**.\n", Some([7, 0, 22, 0]))),
    ("googleai__unary-success-citations.json", Long(93, "Okay, let's break down q", "inating area of physics!", Some([15, 0, 1667, 0]))),
    ("googleai__unary-success-citations.txt", Long(93, "Okay, let's break down q", "inating area of physics!", Some([15, 0, 1667, 0]))),
    ("googleai__unary-success-code-execution.json", Long(102, "The first 5 prime number", "\n2 + 3 + 5 + 7 + 11 = 28", Some([181, 0, 182, 86]))),
    ("googleai__unary-success-google-maps-grounding.json", Long(1093, "Here are a few pizza pla", ", delivery, and dine-in.", Some([68, 0, 375, 87]))),
    ("googleai__unary-success-google-search-grounding-empty-grounding-chunks.json", Long(183, "The current weather in L", "humidity is around 41%.\n", Some([8, 0, 59, 0]))),
    ("googleai__unary-success-google-search-grounding.json", Long(182, "The current weather in L", "humidity is around 41%.\n", Some([8, 0, 60, 0]))),
    ("googleai__unary-success-thinking-function-call-thought-summary-signature.json", Calls("", &[("now", r#"{}"#)], Some([38, 0, 509, 501]))),
    ("googleai__unary-success-thinking-reply-thought-summary.json", Text("Mountain View", Some([14, 0, 26, 24]))),
    ("googleai__unary-success-url-context-mixed-validity.json", Long(793, "\nThe valid page, https:/", "nt from being retrieved.", Some([2079, 0, 358, 46]))),
    ("googleai__unary-success-url-context.json", Long(496, "Berkshire Hathaway Inc.'", "h a GEICO advertisement.", Some([439, 0, 244, 142]))),
    ("vertexai__streaming-failure-empty-content.txt", Fails("unavailable", "empty answer", None)),
    ("vertexai__streaming-failure-finish-reason-safety.txt", Refused("the answer was stopped (SAFETY)", Some([10, 0, 66, 0]))),
    ("vertexai__streaming-failure-invalid-json.txt", Fails("unavailable", "isn't an answer", None)),
    ("vertexai__streaming-failure-malformed-content.txt", Fails("unavailable", "empty answer", None)),
    ("vertexai__streaming-failure-prompt-blocked-safety-with-message.txt", Refused("the prompt was blocked (SAFETY: Reasons)", None)),
    ("vertexai__streaming-failure-prompt-blocked-safety.txt", Refused("the prompt was blocked (SAFETY)", None)),
    ("vertexai__streaming-success-empty-text-part.txt", Text("1", Some([8, 0, 1, 0]))),
    ("vertexai__streaming-success-function-call-short.txt", Calls("", &[("getTemperature", r#"{"city":"San Jose"}"#)], None)),
    ("vertexai__streaming-success-image-invalid-safety-ratings.txt", Fails("bad_answer", "image/png", Some([15, 0, 258, 0]))),
    ("vertexai__streaming-success-unknown-safety-enum.txt", Long(3285, "**Cats:**\n\n- **Physical ", " health issues early on.", None)),
    ("vertexai__streaming-success-utf8.txt", Long(225, "秋风瑟瑟，叶落纷纷，\n西风残照，寒霜渐浓。\n枫叶", "赏秋天的美景，\n感受秋天的气息，领悟秋天的哲理。", None)),
    ("vertexai__unary-failure-api-key.json", Fails("refused", "refuses the key in GEMINI_API_KEY", None)),
    ("vertexai__unary-failure-context-cache-model-doesnt-match.json", Fails("refused", "Cached content model does not match the model in the request", None)),
    ("vertexai__unary-failure-context-cache-not-found.json", Fails("refused", "Not found: cache content metadata 8754364356910645200.", None)),
    ("vertexai__unary-failure-empty-content.json", Fails("unavailable", "empty answer", None)),
    ("vertexai__unary-failure-finish-reason-safety-no-content.json", Refused("the answer was stopped (SAFETY)", Some([8, 0, 0, 0]))),
    ("vertexai__unary-failure-finish-reason-safety.json", Refused("the answer was stopped (SAFETY)", Some([8, 0, 0, 0]))),
    ("vertexai__unary-failure-firebaseml-api-not-enabled.json", Fails("refused", "forbids this call (status 403)", None)),
    ("vertexai__unary-failure-firebasevertexai-api-not-enabled.json", Fails("refused", "forbids this call (status 403)", None)),
    ("vertexai__unary-failure-generate-images-all-filtered.json", Fails("unavailable", "isn't an answer", None)),
    ("vertexai__unary-failure-generate-images-base64-some-filtered.json", Fails("unavailable", "isn't an answer", None)),
    ("vertexai__unary-failure-generate-images-gcs-some-filtered.json", Fails("unavailable", "isn't an answer", None)),
    ("vertexai__unary-failure-generate-images-prompt-blocked.json", Fails("refused", "Image generation failed with the following error: The prompt", None)),
    ("vertexai__unary-failure-http-error.json", Fails("refused", "$grpcMessage", None)),
    ("vertexai__unary-failure-iam-permission-denied.json", Fails("refused", "forbids this call (status 403)", None)),
    ("vertexai__unary-failure-image-rejected.json", Fails("refused", "Request contains an invalid argument.", None)),
    ("vertexai__unary-failure-invalid-context-cache-id.json", Fails("refused", "Invalid CachedContent name: 1234567890.", None)),
    ("vertexai__unary-failure-invalid-location-url-not-found.html", Fails("refused", "status 404", None)),
    ("vertexai__unary-failure-invalid-response.json", Fails("unavailable", "isn't an answer", None)),
    ("vertexai__unary-failure-malformed-content.json", Fails("unavailable", "empty answer", None)),
    ("vertexai__unary-failure-model-not-found.json", Fails("refused", "models/test-model-name is not found", None)),
    ("vertexai__unary-failure-prompt-blocked-safety-with-message.json", Refused("the prompt was blocked (SAFETY: Reasons)", None)),
    ("vertexai__unary-failure-prompt-blocked-safety.json", Refused("the prompt was blocked (SAFETY)", None)),
    ("vertexai__unary-failure-quota-exceeded.json", Fails("rate_limited", "come back later", None)),
    ("vertexai__unary-failure-unknown-enum-finish-reason.json", Fails("unavailable", "FAKE_NEW_FINISH_REASON", None)),
    ("vertexai__unary-failure-unknown-enum-prompt-blocked.json", Refused("the prompt was blocked (FAKE_NEW_BLOCK_REASON)", None)),
    ("vertexai__unary-failure-unknown-model.json", Fails("refused", "models/unknown is not found", None)),
    ("vertexai__unary-failure-unsupported-user-location.json", Fails("refused", "User location is not supported for the API use.", None)),
    ("vertexai__unary-success-basic-reply-long.json", Long(2104, "1. **Use Freshly Ground ", "n 30 minutes of brewing.", Some([6, 0, 303, 0]))),
    ("vertexai__unary-success-basic-reply-short.json", Text("Mountain View, California", Some([6, 0, 7, 0]))),
    ("vertexai__unary-success-basic-response-long-usage-metadata.json", Text("Here is a description of the image:\\n\\n", Some([1837, 0, 76, 0]))),
    ("vertexai__unary-success-citations-nolicense.json", Text("Some information cited from an external source", Some([11, 0, 135, 0]))),
    ("vertexai__unary-success-citations.json", Text("Some information cited from an external source", Some([15, 0, 253, 0]))),
    ("vertexai__unary-success-code-execution.json", Long(370, "To find the sum of the f", " 3, 5, 7, and 11) is 28.", Some([391, 0, 384, 192]))),
    ("vertexai__unary-success-constraint-decoding-json.json", Long(433, "[\n  {\n    \"name\": \"Fuji ", " \"#F2A857\"\n    ]\n  }\n]\n\n", None)),
    ("vertexai__unary-success-detailed-token-response.json", Fails("unavailable", "isn't an answer", None)),
    ("vertexai__unary-success-empty-part.json", Long(167, "I can certainly help you", "with lots of greenery:\n\n", Some([33, 0, 299, 0]))),
    ("vertexai__unary-success-empty-text-part.json", Fails("unavailable", "empty answer", Some([8, 0, 0, 0]))),
    ("vertexai__unary-success-function-call-complex-json-literal.json", Calls("", &[("functionName", r#"{"original_title":"Longer String","current":true,"testObject":{"testProperty":"string property"}}"#)], Some([774, 0, 4176, 0]))),
    ("vertexai__unary-success-function-call-different-parallel-calls.json", Calls("", &[("sum", r#"{"y":1,"x":2}"#), ("multiply", r#"{"y":3,"x":4}"#), ("subtract", r#"{"y":5,"x":6}"#)], None)),
    ("vertexai__unary-success-function-call-empty-arguments.json", Calls("", &[("current_time", r#"{}"#)], None)),
    ("vertexai__unary-success-function-call-json-literal.json", Calls("", &[("functionName", r#"{"original_title":"String","current":true}"#)], Some([774, 0, 4176, 0]))),
    ("vertexai__unary-success-function-call-mixed-content.json", Calls("The sum of [1, 2,3] is", &[("sum", r#"{"y":1,"x":2}"#), ("sum", r#"{"y":3,"x":3}"#)], None)),
    ("vertexai__unary-success-function-call-no-arguments.json", Calls("", &[("current_time", r#"{}"#)], None)),
    ("vertexai__unary-success-function-call-null.json", Calls("", &[("functionName", r#"{"original_title":"String","season":null}"#)], Some([774, 0, 4176, 0]))),
    ("vertexai__unary-success-function-call-parallel-calls.json", Calls("", &[("sum", r#"{"y":1,"x":2}"#), ("sum", r#"{"y":3,"x":4}"#), ("sum", r#"{"y":5,"x":6}"#)], None)),
    ("vertexai__unary-success-function-call-with-arguments.json", Calls("", &[("sum", r#"{"y":5,"x":4}"#)], None)),
    ("vertexai__unary-success-generate-images-base64.json", Fails("unavailable", "isn't an answer", None)),
    ("vertexai__unary-success-generate-images-gcs.json", Fails("unavailable", "isn't an answer", None)),
    ("vertexai__unary-success-generate-images-safety_info.json", Fails("unavailable", "isn't an answer", None)),
    ("vertexai__unary-success-google-maps-grounding.json", Long(3362, "Here are some pizza rest", " find some great pizza!\n", Some([8, 0, 1054, 0]))),
    ("vertexai__unary-success-google-search-grounding.json", Long(182, "The current weather in L", "humidity is around 41%.\n", Some([8, 0, 60, 0]))),
    ("vertexai__unary-success-image-invalid-safety-ratings.json", Fails("bad_answer", "image/png", Some([15, 0, 258, 0]))),
    ("vertexai__unary-success-implicit-caching.json", Text("Red Riding Hood is looking for **directions** in the forest.", Some([12013, 11243, 88, 73]))),
    ("vertexai__unary-success-including-severity.json", Long(160, "## One Thousand and One ", "and South Asian stories.", Some([11, 0, 592, 0]))),
    ("vertexai__unary-success-missing-safety-ratings.json", Text("This is the generated content.", None)),
    ("vertexai__unary-success-no-billable-characters.json", Fails("unavailable", "isn't an answer", None)),
    ("vertexai__unary-success-partial-usage-metadata.json", Text("Mountain View, California, United States", None)),
    ("vertexai__unary-success-quote-reply.json", Long(104, "Google's mission is to \"", " accessible and useful.\"", None)),
    ("vertexai__unary-success-thinking-reply-thought-summary.json", Text("Mountain View", Some([13, 0, 41, 39]))),
    ("vertexai__unary-success-total-tokens.json", Fails("unavailable", "isn't an answer", None)),
    ("vertexai__unary-success-unknown-enum-safety-ratings.json", Text("Some text", None)),
    ("vertexai__unary-success-url-context-missing-retrievedurl.json", Long(492, "I attempted to access th", " actual active websites.", Some([235, 0, 329, 236]))),
    ("vertexai__unary-success-url-context-mixed-validity.json", Long(1855, "The `browse` tool output", "ng its paywalled status.", Some([293, 0, 625, 179]))),
    ("vertexai__unary-success-url-context.json", Long(567, "The Berkshire Hathaway I", "rmation on common stock.", Some([47, 0, 134, 36]))),
    ("vertexai__unary-success-usage-metadata.json", Text("Mountain View, California, United States", Some([6, 0, 357, 0]))),
];

/// So many characters of thoughts are in these, and none in the others.
const THOUGHTS: &[(&str, usize)] = &[
    ("googleai__streaming-success-thinking-function-call-thought-summary-signature.txt", 765),
    ("googleai__streaming-success-thinking-reply-thought-summary.txt", 1133),
    ("googleai__unary-success-thinking-function-call-thought-summary-signature.json", 1319),
    ("googleai__unary-success-thinking-reply-thought-summary.json", 352),
    ("vertexai__unary-success-thinking-reply-thought-summary.json", 253),
];

/// These hold something that must be sent back as it came: signatures, code that was run, images.
const KEPT: &[&str] = &[
    "googleai__streaming-success-code-execution.txt",
    "googleai__streaming-success-empty-parts.txt",
    "googleai__streaming-success-thinking-function-call-thought-summary-signature.txt",
    "googleai__unary-success-code-execution.json",
    "googleai__unary-success-thinking-function-call-thought-summary-signature.json",
    "vertexai__unary-success-code-execution.json",
    "vertexai__unary-success-empty-part.json",
];

#[tokio::test]
async fn every_recording_is_read_to_what_it_holds() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/corpus/wire/gemini");
    if !folder.parent().is_some_and(Path::is_dir) {
        // There is no other way to say that a test passes without having tested.
        let _ = writeln!(std::io::stderr(), "SKIPPED: there are no recordings at {}", folder.display());
        return;
    }
    let mut names: Vec<String> = std::fs::read_dir(&folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    let written: Vec<&str> = EXPECTED.iter().map(|(name, _)| *name).collect();
    assert_eq!(names, written);
    for (name, expected) in EXPECTED {
        let bytes = std::fs::read(folder.join(name)).unwrap();
        check(name, &bytes, *expected).await;
    }
}

/// Serves a recording as its server did: errors with their status, streams in pieces of a few bytes.
async fn check(name: &str, bytes: &[u8], expected: Expected) {
    let text = std::str::from_utf8(bytes).unwrap();
    let error = serde_json::from_str::<Value>(text).ok().and_then(|json| json["error"]["code"].as_u64());
    let answer = match error {
        _ if text.starts_with("data:") => chunked_bytes("text/event-stream", bytes, 1_000),
        Some(status) => http(&format!("{status} No"), "application/json; charset=UTF-8", "", text),
        None if name.ends_with(".html") => http("404 Not Found", "text/html; charset=UTF-8", "", text),
        None => http("200 OK", "application/json; charset=UTF-8", "", text),
    };
    let server = Server::once(answer).await;
    let model = ResolvedModel {
        model: "gemini-2.5-flash".into(),
        base_url: Some(server.url()),
        api_key: Some(Secret::new("AIza-canary-0123")),
        ..ResolvedModel::default()
    };
    let mut call = Call { messages: vec![Message::text(Role::User, "hi")], ..Call::default() };
    if let Calls(..) = expected {
        let parameters = serde_json::json!({"type": "object", "properties": {}});
        call.tools = vec![ToolSpec { name: "sum".into(), description: String::new(), parameters }];
    }
    let provider = Registry::new(Scrubber::default()).provider("gemini").unwrap();
    let (mut said, mut thought) = (String::new(), String::new());
    let mut take = |delta| match delta {
        Delta::Text(text) => said.push_str(&text),
        Delta::Reasoning(text) => thought.push_str(&text),
    };
    let asked = provider.ask(&model, &call, &mut take).await;
    let usage = match &asked {
        Ok(answer) => answer.usage,
        Err((_, usage)) => *usage,
    };
    let (Text(_, tokens) | Long(.., tokens) | Calls(.., tokens) | Refused(_, tokens) | Fails(.., tokens)) =
        expected;
    let tokens = tokens.map(|[input_tokens, cached_tokens, output_tokens, reasoning_tokens]| Usage {
        input_tokens,
        cached_tokens,
        output_tokens,
        reasoning_tokens,
        ..Usage::default()
    });
    assert_eq!(usage, tokens, "{name}");
    let thoughts = THOUGHTS.iter().find(|(own, _)| *own == name).map_or(0, |(_, chars)| *chars);
    assert_eq!(thought.chars().count(), thoughts, "{name}");
    let answer = match (asked, expected) {
        (Ok(answer), _) => answer,
        (Err((failure, _)), Fails(kind, words, _)) => {
            assert_eq!(failure.kind, kind, "{name}: {failure}");
            assert!(failure.message.contains(words), "{name}: {failure}");
            assert!(!failure.message.contains("AIza"), "{name}: {failure}");
            return;
        }
        (Err((failure, _)), _) => panic!("{name}: {failure}"),
    };
    let calls: Vec<(&str, &str)> =
        answer.tool_calls.iter().map(|call| (call.name.as_str(), call.arguments.as_str())).collect();
    let (text, finish) = (answer.text.as_str(), answer.finish);
    match expected {
        Text(expected, _) => assert_eq!((text, finish), (expected, FinishReason::Stop), "{name}"),
        Long(chars, start, end, _) => {
            assert_eq!((text.chars().count(), finish), (chars, FinishReason::Stop), "{name}");
            assert!(text.starts_with(start) && text.ends_with(end), "{name}: {text}");
        }
        Calls(expected, called, _) => {
            assert_eq!((text, finish), (expected, FinishReason::ToolCalls), "{name}");
            assert_eq!(calls, called, "{name}");
            let mut ids: Vec<&str> = answer.tool_calls.iter().map(|call| call.id.as_str()).collect();
            ids.dedup();
            assert!(ids.len() == called.len() && ids.iter().all(|id| !id.is_empty()), "{name}: {ids:?}");
        }
        Refused(expected, _) => assert_eq!((text, finish), (expected, FinishReason::Refused), "{name}"),
        Fails(..) => panic!("{name} was read: {answer:?}"),
    }
    if !matches!(expected, Calls(..)) {
        assert!(calls.is_empty(), "{name}");
    }
    if !matches!(expected, Refused(..)) {
        assert_eq!(said, text, "{name}");
    }
    let kept = answer
        .opaque
        .iter()
        .any(|part| matches!(part, Part::Opaque { provider, .. } if provider == "gemini"));
    assert_eq!(kept, KEPT.contains(&name), "{name}");
}
