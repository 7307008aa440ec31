use flow_ir::plan::{Effort, Thinking};
use flow_runtime_api::{Delta, FinishReason, Message, Role, Sampling, Schema, Scrubber, ToolCall, ToolSpec};
use serde_json::{Value, json};

use super::*;

fn question(text: &str) -> Call {
    Call { messages: vec![Message::text(Role::User, text)], ..Call::default() }
}

fn assistant(parts: Vec<Part>) -> Message {
    Message { role: Role::Assistant, parts }
}

fn tool(name: &str, parameters: Value) -> ToolSpec {
    ToolSpec { name: name.into(), description: "d".into(), parameters }
}

fn tool_call(id: &str, name: &str, arguments: &str) -> ToolCall {
    ToolCall { id: id.into(), name: name.into(), arguments: arguments.into() }
}

fn result(id: &str, name: &str, content: &str, failed: bool) -> Message {
    let part = Part::ToolResult { id: id.into(), name: name.into(), content: content.into(), failed };
    Message { role: Role::Tool, parts: vec![part] }
}

#[test]
fn each_setting_changes_the_request() {
    let model = "gemini-2.5-flash";
    assert_eq!(
        request::body(model, &question("hi")),
        json!({"contents": [{"role": "user", "parts": [{"text": "hi"}]}]})
    );
    let config = |sampling: Sampling| {
        request::body(model, &Call { sampling, ..question("hi") })["generationConfig"].take()
    };
    let none = Sampling::default;
    for (sampling, expected) in [
        (Sampling { temperature: Some(0.5), ..none() }, json!({"temperature": 0.5})),
        (Sampling { top_p: Some(0.9), ..none() }, json!({"topP": 0.9})),
        (Sampling { max_tokens: Some(9), ..none() }, json!({"maxOutputTokens": 9})),
        (Sampling { seed: Some(-7), ..none() }, json!({"seed": -7})),
        (Sampling { stop: vec!["END".into()], ..none() }, json!({"stopSequences": ["END"]})),
        (
            Sampling { thinking: Some(Thinking::Effort(Effort::Low)), ..none() },
            json!({"thinkingConfig": {"thinkingBudget": 1_024, "includeThoughts": true}}),
        ),
    ] {
        assert_eq!(config(sampling), expected);
    }
    // A seed has 32 bits on the wire; a larger one is one of these, always the same.
    let large = |seed| config(Sampling { seed: Some(seed), ..none() })["seed"].as_i64().unwrap();
    assert_eq!(large(i64::MAX), large(i64::MAX));
    assert!(i32::try_from(large(1 << 40)).is_ok() && large(1 << 40) != large(1 << 41));
}

#[test]
fn instructions_stand_apart_and_media_in_parts() {
    let media = |mime: &str, data: Option<&str>, url: Option<&str>| Part::Media {
        mime: mime.into(),
        data: data.map(str::to_owned),
        url: url.map(str::to_owned),
    };
    let parts = vec![
        Part::Text("see".into()),
        media("image/png", Some("AA=="), None),
        media("audio/mpeg", Some("AB=="), None),
        media("application/pdf", None, Some("https://example.com/a.pdf")),
        media("video/mp4", None, Some("https://youtu.be/x")),
    ];
    let call = Call {
        messages: vec![
            Message::text(Role::System, "Be brief."),
            Message::text(Role::System, ""),
            Message { role: Role::User, parts },
            Message::text(Role::Assistant, "I see."),
            Message::text(Role::System, "Be kind."),
            Message::text(Role::User, "And?"),
        ],
        ..Call::default()
    };
    assert_eq!(
        request::body("gemini-2.5-flash", &call),
        json!({
            "systemInstruction": {"parts": [{"text": "Be brief."}, {"text": "Be kind."}]},
            "contents": [
                {"role": "user", "parts": [
                    {"text": "see"},
                    {"inlineData": {"mimeType": "image/png", "data": "AA=="}},
                    {"inlineData": {"mimeType": "audio/mpeg", "data": "AB=="}},
                    {"fileData": {"mimeType": "application/pdf", "fileUri": "https://example.com/a.pdf"}},
                    {"fileData": {"mimeType": "video/mp4", "fileUri": "https://youtu.be/x"}},
                ]},
                {"role": "model", "parts": [{"text": "I see."}]},
                {"role": "user", "parts": [{"text": "And?"}]},
            ],
        })
    );
}

#[test]
fn a_schema_is_held_to_where_the_model_can() {
    let schema = |json: Value| Some(Schema { name: "T".into(), json });
    let list = json!({"type": "array", "items": {"type": "string", "maxLength": 3}});
    let call = Call { schema: schema(list), ..question("hi") };
    let written = request::body("gemini-2.5-flash", &call);
    assert_eq!(
        written["generationConfig"],
        json!({
            "responseMimeType": "application/json",
            "responseJsonSchema": {"type": "array", "items": {"type": "string", "description": "maxLength: 3."}},
        })
    );
    assert_eq!(written.get("systemInstruction"), None);
    // What is open is said in words, and is JSON all the same.
    let open = request::body("gemini-2.5-flash", &Call { schema: schema(json!({})), ..question("hi") });
    assert_eq!(open["generationConfig"], json!({"responseMimeType": "application/json"}));
    assert!(open["systemInstruction"]["parts"][0]["text"].as_str().unwrap().contains("JSON Schema"));
    // Beside tools, older models take none.
    let call = Call { tools: vec![tool("f", json!({}))], ..call };
    let old = request::body("gemini-2.5-flash", &call);
    assert_eq!(old.get("generationConfig"), None);
    assert!(old["systemInstruction"]["parts"][0]["text"].as_str().unwrap().contains("maxLength"));
    let new = request::body("gemini-3.8-flash", &call);
    assert!(
        new["generationConfig"]["responseJsonSchema"].is_object() && new.get("systemInstruction").is_none()
    );
}

#[test]
fn tools_and_their_results_are_written() {
    let parameters =
        json!({"type": "object", "properties": {"city": {"const": "Oslo"}}, "required": ["city"]});
    let calls = vec![
        Part::ToolCall(tool_call("id-1", "weather", r#"{"city":"Oslo"}"#)),
        Part::ToolCall(tool_call("gemini_call_1", "now", "")),
        Part::ToolCall(tool_call("id-3", "now", "Oslo")),
    ];
    let call = Call {
        messages: vec![
            Message::text(Role::User, "hi"),
            assistant(calls),
            result("id-1", "weather", r#"{"c":4}"#, false),
            result("gemini_call_1", "now", "noon", false),
            result("id-3", "now", "no clock", true),
            Message::text(Role::User, "Answer now."),
        ],
        tools: vec![tool("weather", parameters), tool("now", json!({"type": "object", "properties": {}}))],
        ..Call::default()
    };
    let written = request::body("gemini-2.5-flash", &call);
    assert_eq!(
        written["tools"],
        json!([{"functionDeclarations": [
            {"name": "weather", "description": "d", "parametersJsonSchema": {
                "type": "object", "properties": {"city": {"enum": ["Oslo"]}}, "required": ["city"],
            }},
            {"name": "now", "description": "d"},
        ]}])
    );
    assert_eq!(written["toolConfig"], json!({"functionCallingConfig": {"mode": "AUTO"}}));
    assert_eq!(
        written["contents"].as_array().unwrap()[1..],
        [
            json!({"role": "model", "parts": [
                {"functionCall": {"name": "weather", "args": {"city": "Oslo"}, "id": "id-1"}},
                {"functionCall": {"name": "now", "args": {}}},
                {"functionCall": {"name": "now", "args": {"arguments": "Oslo"}, "id": "id-3"}},
            ]}),
            json!({"role": "user", "parts": [
                {"functionResponse": {"name": "weather", "response": {"output": {"c": 4}}, "id": "id-1"}},
                {"functionResponse": {"name": "now", "response": {"output": "noon"}}},
                {"functionResponse": {"name": "now", "response": {"error": "no clock"}, "id": "id-3"}},
            ]}),
            json!({"role": "user", "parts": [{"text": "Answer now."}]}),
        ]
    );
    let none = request::body("gemini-2.5-flash", &Call { tool_choice: ToolChoice::None, ..call.clone() });
    assert_eq!(none["toolConfig"], json!({"functionCallingConfig": {"mode": "NONE"}}));
    // Newer models refuse a call without the signature of a thought, and another model has left none.
    let newer = request::body("gemini-3.8-flash", &call);
    let parts = newer["contents"][1]["parts"].as_array().unwrap();
    let signed: Vec<bool> = parts.iter().map(|part| part.get("thoughtSignature").is_some()).collect();
    assert_eq!(signed, [true, false, false]);
}

/// Reads events and returns what an answer is made of.
fn read(events: &[&str]) -> Result<(Turn, Reading, Vec<Delta>), Broken> {
    let (mut turn, mut reading, mut deltas) = (Turn::new(0), Reading::default(), Vec::new());
    for data in events {
        reading::event(data, &mut turn, &mut reading, &mut |delta| deltas.push(delta))?;
    }
    Ok((turn, reading, deltas))
}

/// Reads events to an answer with its calls.
fn answer(events: &[&str]) -> Result<Answer, Failure> {
    let model = ResolvedModel { model: "gemini-3.8-flash".into(), ..ResolvedModel::default() };
    let scrubber = Scrubber::default();
    let peer = Peer::new(catalogue::provider(NAME).unwrap(), &model, &scrubber);
    let (turn, mut reading, _) = read(events).map_err(|broken| failure(&peer, broken))?;
    reading.usage = turn.usage(&reading);
    turn.conclude(&peer, &mut reading)?;
    let mut answer = reading.answer(&peer, true)?;
    answer.opaque.extend(turn.opaque("gemini-3.8-flash", &answer));
    Ok(answer)
}

fn parts(parts: &str) -> String {
    format!(r#"{{"candidates":[{{"content":{{"role":"model","parts":[{parts}]}}}}]}}"#)
}

const STOP: &str = r#"{"candidates":[{"finishReason":"STOP"}]}"#;

#[test]
fn what_is_signed_goes_back_as_it_came() {
    let answer = answer(&[
        &parts(r#"{"text":"hm","thought":true}"#),
        &parts(r#"{"text":"I lo"}"#),
        &parts(r#"{"text":"ok."}"#),
        &parts(
            r#"{"functionCall":{"name":"f","args":{"x":1}},"thoughtSignature":"S1"},{"functionCall":{"name":"f","args":{"x":2}}}"#,
        ),
        &parts(r#"{"text":"","thoughtSignature":"S2"}"#),
        STOP,
    ])
    .unwrap();
    assert_eq!((answer.text.as_str(), answer.finish), ("I look.", FinishReason::ToolCalls));
    let ids: Vec<&str> = answer.tool_calls.iter().map(|call| call.id.as_str()).collect();
    assert_eq!(ids, ["gemini_call_0", "gemini_call_1"]);
    let message = |calls: &[ToolCall]| {
        let parts = answer.opaque.iter().cloned().chain([Part::Text(answer.text.clone())]);
        assistant(parts.chain(calls.iter().cloned().map(Part::ToolCall)).collect())
    };
    let sent = |model: &str, calls: &[ToolCall]| {
        let mut call = question("hi");
        call.messages.push(message(calls));
        request::body(model, &call)["contents"][1]["parts"].take()
    };
    assert_eq!(
        sent("gemini-3.8-flash", &answer.tool_calls),
        json!([
            {"text": "I look."},
            {"functionCall": {"name": "f", "args": {"x": 1}}, "thoughtSignature": "S1"},
            {"functionCall": {"name": "f", "args": {"x": 2}}},
            {"thoughtSignature": "S2", "text": ""},
        ])
    );
    // A call that was taken out isn't sent either.
    assert_eq!(sent("gemini-3.8-flash", &answer.tool_calls[..1]).as_array().unwrap().len(), 3);
    // Another model can't open these signatures.
    let other = sent("gemini-4-argon", &answer.tool_calls);
    assert_eq!(other.as_array().unwrap().len(), 3);
    assert_eq!(other[1]["thoughtSignature"], "skip_thought_signature_validator");
    // The next calls have numbers of their own.
    let mut call = question("hi");
    call.messages.push(message(&answer.tool_calls));
    assert_eq!(calls_before(&call), 2);
}

#[test]
fn an_answer_without_a_signature_leaves_nothing_to_send_back() {
    let answer = answer(&[&parts(r#"{"functionCall":{"id":"a1","name":"f"}},{"text":"x"}"#), STOP]).unwrap();
    assert_eq!(answer.opaque, []);
    assert_eq!(answer.tool_calls, [tool_call("a1", "f", "{}")]);
}

#[test]
fn a_refusal_leaves_nothing_to_send_back() {
    let end = r#"{"candidates":[{"finishReason":"SAFETY"}]}"#;
    let refused = answer(&[&parts(r#"{"text":"We"},{"text":"ll","thoughtSignature":"S1"}"#), end]).unwrap();
    assert_eq!((refused.finish, refused.opaque.len()), (FinishReason::Refused, 0));
    let said = answer(&[&parts(r#"{"text":"We"},{"text":"ll","thoughtSignature":"S1"}"#), STOP]).unwrap();
    let expected = json!({"model": "gemini-3.8-flash", "parts": [
        {"text": "We"}, {"thoughtSignature": "S1", "text": "ll"},
    ]});
    assert_eq!(said.opaque, [Part::Opaque { provider: NAME.into(), json: expected }]);
}

#[test]
fn thoughts_are_shown_and_are_no_text() {
    let (_, reading, deltas) =
        read(&[&parts(r#"{"thought":true,"text":"hm"},{"text":"42"},{"thought":false,"text":"!"}"#)])
            .unwrap();
    assert_eq!(reading.text, "42!");
    assert_eq!(deltas, [Delta::Reasoning("hm".into()), Delta::Text("42".into()), Delta::Text("!".into())]);
}

#[test]
fn every_end_has_its_meaning() {
    let ended = |reason: &str| {
        let end = format!(r#"{{"candidates":[{{"finishReason":"{reason}","finishMessage":"because"}}]}}"#);
        answer(&[&parts(r#"{"text":"x"}"#), &end])
    };
    assert_eq!(ended("STOP").unwrap().finish, FinishReason::Stop);
    assert_eq!(ended("MAX_TOKENS").unwrap().finish, FinishReason::Length);
    for reason in
        ["SAFETY", "RECITATION", "LANGUAGE", "BLOCKLIST", "PROHIBITED_CONTENT", "SPII", "IMAGE_SAFETY"]
    {
        let answer = ended(reason).unwrap();
        assert_eq!(answer.finish, FinishReason::Refused);
        assert_eq!(answer.text, format!("the answer was stopped ({reason}: because)"));
    }
    for (reason, kind) in [
        ("MALFORMED_FUNCTION_CALL", "unavailable"),
        ("UNEXPECTED_TOOL_CALL", "unavailable"),
        ("OTHER", "unavailable"),
        ("BRAND_NEW", "unavailable"),
        ("MISSING_THOUGHT_SIGNATURE", "refused"),
    ] {
        let failure = ended(reason).unwrap_err();
        assert_eq!(failure.kind, kind, "{reason}");
        assert!(failure.message.contains(&format!("({reason}: because)")), "{}", failure.message);
    }
    // Calls are whole when they come, whatever ends the answer.
    let end = r#"{"candidates":[{"finishReason":"BRAND_NEW"}]}"#;
    let called = answer(&[&parts(r#"{"functionCall":{"name":"f","args":{}}}"#), end]).unwrap();
    assert_eq!(called.finish, FinishReason::ToolCalls);
    // What a filter says isn't undone by a later piece.
    let stopped = answer(&[r#"{"candidates":[{"finishReason":"SAFETY"}]}"#, STOP]).unwrap();
    assert_eq!(stopped.finish, FinishReason::Refused);
}

#[test]
fn tokens_are_counted_as_they_are_paid() {
    let usage = |counts: &str| {
        let chunk = format!(r#"{{"candidates":[{{"finishReason":"STOP"}}],"usageMetadata":{counts}}}"#);
        let (turn, reading, _) = read(&[&parts(r#"{"text":"x"}"#), &chunk]).unwrap();
        turn.usage(&reading).map(|u| [u.input_tokens, u.cached_tokens, u.output_tokens, u.reasoning_tokens])
    };
    assert_eq!(usage("null"), None);
    assert_eq!(usage("{}"), None);
    assert_eq!(usage(r#"{"promptTokenCount":9}"#), None);
    assert_eq!(usage(r#"{"promptTokenCount":9,"totalTokenCount":9}"#), Some([9, 0, 0, 0]));
    let all = r#"{"promptTokenCount":9,"cachedContentTokenCount":4,"toolUsePromptTokenCount":3,"candidatesTokenCount":5,
        "thoughtsTokenCount":2,"totalTokenCount":19}"#;
    assert_eq!(usage(all), Some([12, 4, 7, 2]));
    // Before the end it isn't known what was written.
    let begun = r#"{"candidates":[{"content":{"parts":[{"text":"x"}]}}],"usageMetadata":{"promptTokenCount":9,"totalTokenCount":9}}"#;
    let (turn, reading, _) = read(&[begun]).unwrap();
    assert_eq!(turn.usage(&reading), None);
}

#[test]
fn an_answer_has_a_largest_size() {
    let signed = parts(&format!(r#"{{"text":"","thoughtSignature":"{}"}}"#, "x".repeat(1024 * 1024)));
    for piece in [parts(&format!(r#"{{"text":"{}"}}"#, "x".repeat(1024 * 1024))), signed] {
        assert!(matches!(read(&vec![piece.as_str(); 17]), Err(Broken::TooLarge(_))));
    }
}

#[test]
fn a_model_has_its_place_and_nothing_else() {
    let path = |name: &str, base_url: Option<&str>, version: Option<&str>| {
        let model = ResolvedModel {
            model: name.into(),
            base_url: base_url.map(str::to_owned),
            api_version: version.map(str::to_owned),
            ..ResolvedModel::default()
        };
        let scrubber = Scrubber::default();
        let peer = Peer::new(catalogue::provider(NAME).unwrap(), &model, &scrubber);
        model_path(&peer).map(|path| format!("{}{path}", peer.base_url)).map_err(|failure| failure.message)
    };
    let own = "https://generativelanguage.googleapis.com";
    assert_eq!(
        path("gemini-2.5-flash", None, None).unwrap(),
        format!("{own}/v1beta/models/gemini-2.5-flash")
    );
    assert_eq!(path("tunedModels/mine", None, Some("v1")).unwrap(), format!("{own}/v1/tunedModels/mine"));
    assert_eq!(path("m", Some("http://x/v1beta/"), None).unwrap(), "http://x/v1beta/models/m");
    assert_eq!(
        path("a b?c#d:e", Some("http://x"), None).unwrap(),
        "http://x/v1beta/models/a%20b%3Fc%23d%3Ae"
    );
    for wrong in ["", "../x", "a/../b", "a//b", "/a"] {
        assert_eq!(path(wrong, None, None).unwrap_err(), format!("`{wrong}` is no name of a model"));
    }
}
