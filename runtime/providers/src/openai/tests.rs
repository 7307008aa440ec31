use super::*;
use flow_runtime_api::{Delta, Sampling, Schema, Scrubber, ToolCall, ToolSpec};

fn body(model: &ResolvedModel, call: &Call) -> (Value, bool) {
    let scrubber = Scrubber::default();
    let info = catalogue::provider("openai").unwrap();
    request(&Peer::new(info, model, &scrubber), call)
}

#[test]
fn a_call_is_written_as_the_vendor_has_it() {
    let model = ResolvedModel { model: "gpt-4.1".into(), ..ResolvedModel::default() };
    let call = Call {
        messages: vec![Message::text(Role::System, "Be brief."), Message::text(Role::User, "Hi")],
        schema: Some(Schema {
            name: String::from("Tags"),
            json: json!({"type": "array", "items": {"type": "string"}}),
        }),
        sampling: Sampling {
            temperature: Some(0.5),
            max_tokens: Some(9),
            seed: Some(1),
            ..Sampling::default()
        },
        ..Call::default()
    };
    let (written, wrapped) = body(&model, &call);
    assert!(wrapped);
    assert_eq!(
        written,
        json!({
            "model": "gpt-4.1",
            "messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hi"}],
            "stream": true,
            "stream_options": {"include_usage": true},
            "temperature": 0.5,
            "max_completion_tokens": 9,
            "seed": 1,
            "response_format": {"type": "json_schema", "json_schema": {
                "name": "Tags",
                "strict": true,
                "schema": {
                    "type": "object",
                    "properties": {"value": {"type": "array", "items": {"type": "string"}}},
                    "required": ["value"],
                    "additionalProperties": false,
                },
            }},
        })
    );
    let local = ResolvedModel { base_url: Some(String::from("http://127.0.0.1:1/v1")), ..model };
    assert_eq!(body(&local, &call).0["max_tokens"], 9);
}

#[test]
fn tools_and_media_are_written() {
    let model = ResolvedModel { model: "m".into(), ..ResolvedModel::default() };
    let tool_call = ToolCall { id: "c1".into(), name: "f".into(), arguments: "{}".into() };
    let result = Part::ToolResult { id: "c1".into(), name: "f".into(), content: "4".into(), failed: false };
    let image = Part::Media { mime: "image/png".into(), data: Some("AA==".into()), url: None };
    let call = Call {
        messages: vec![
            Message { role: Role::User, parts: vec![Part::Text("see".into()), image] },
            Message { role: Role::Assistant, parts: vec![Part::ToolCall(tool_call)] },
            Message { role: Role::Tool, parts: vec![result] },
        ],
        tools: vec![ToolSpec {
            name: "f".into(),
            description: "d".into(),
            parameters: json!({"type": "object"}),
        }],
        ..Call::default()
    };
    let (written, _) = body(&model, &call);
    assert_eq!(
        written["messages"],
        json!([
            {"role": "user", "content": [
                {"type": "text", "text": "see"},
                {"type": "image_url", "image_url": {"url": "data:image/png;base64,AA=="}},
            ]},
            {"role": "assistant", "content": null, "tool_calls": [
                {"id": "c1", "type": "function", "function": {"name": "f", "arguments": "{}"}},
            ]},
            {"role": "tool", "tool_call_id": "c1", "content": "4"},
        ])
    );
    assert_eq!(written["tools"][0]["function"]["name"], "f");
}

/// Reads events and returns text, deltas and what is known of the end.
fn read(events: &[&str]) -> Result<(Reading, Vec<Delta>), Broken> {
    let mut reading = Reading::default();
    let mut deltas = Vec::new();
    for data in events {
        event(data, &mut reading, &mut |delta| deltas.push(delta))?;
    }
    Ok((reading, deltas))
}

#[test]
fn calls_of_tools_come_in_pieces_with_and_without_numbers() {
    let (reading, _) = read(&[
        r#"{"choices":[{"index":0,"delta":{"tool_calls":[{"index":0,"id":"a","function":{"name":"f","arguments":""}}]}}]}"#,
        r#"{"choices":[{"index":0,"delta":{"tool_calls":[{"index":0,"function":{"arguments":"{\"x\""}}]}}]}"#,
        r#"{"choices":[{"index":0,"delta":{"tool_calls":[{"index":0,"function":{"arguments":":1}"}}]}}]}"#,
        r#"{"choices":[{"index":0,"delta":{"tool_calls":[{"id":"b","function":{"name":"g","arguments":"{"}}]}}]}"#,
        r#"{"choices":[{"index":0,"delta":{"tool_calls":[{"function":{"arguments":"}"}}]}}]}"#,
    ])
    .unwrap();
    let told: Vec<_> =
        reading.calls.iter().map(|c| (c.id.as_str(), c.name.as_str(), c.arguments.as_str())).collect();
    assert_eq!(told, [("a", "f", "{\"x\":1}"), ("b", "g", "{}")]);
    let far = r#"{"choices":[{"delta":{"tool_calls":[{"index":7,"function":{"name":"f"}}]}}]}"#;
    assert!(matches!(read(&[far]), Err(Broken::Gibberish(_))));
}

#[test]
fn reasoning_is_shown_and_not_kept() {
    for field in [
        "\"reasoning_content\":\"hm\"",
        "\"reasoning\":\"hm\"",
        "\"reasoning\":\"hm\",\"reasoning_content\":\"hm\"",
    ] {
        let data = format!(r#"{{"choices":[{{"delta":{{{field},"content":"42"}}}}]}}"#);
        let (reading, deltas) = read(&[&data]).unwrap();
        assert_eq!(reading.text, "42");
        assert_eq!(deltas, [Delta::Reasoning("hm".into()), Delta::Text("42".into())]);
    }
}

#[test]
fn usage_is_known_only_when_it_is_said() {
    let usage = |json: &str| read(&[&format!(r#"{{"choices":[],"usage":{json}}}"#)]).unwrap().0.usage;
    assert_eq!(usage("null"), None);
    assert_eq!(usage("{}"), None);
    assert_eq!(
        usage(
            r#"{"prompt_tokens":9,"completion_tokens":5,"prompt_tokens_details":{"cached_tokens":4},"completion_tokens_details":{"reasoning_tokens":2}}"#
        ),
        Some(Usage {
            input_tokens: 9,
            output_tokens: 5,
            cached_tokens: 4,
            reasoning_tokens: 2,
            ..Usage::default()
        })
    );
}

#[test]
fn an_answer_has_a_largest_size() {
    let text = "x".repeat(1024 * 1024);
    let data = format!(r#"{{"choices":[{{"delta":{{"content":"{text}"}}}}]}}"#);
    let events = vec![data.as_str(); 17];
    assert!(matches!(read(&events), Err(Broken::TooLarge(_))));
}
