use flow_ir::catalogue;
use flow_ir::plan::{Cache, Effort, Thinking};
use flow_runtime_api::{Delta, ResolvedModel, Sampling, Schema, Scrubber, ToolCall, ToolSpec};

use super::*;

fn body(model: &ResolvedModel, call: &Call) -> (Value, bool) {
    let scrubber = Scrubber::default();
    let info = catalogue::provider("openai").unwrap();
    let Request { body, wrapped } = request(&Peer::new(info, model, &scrubber), call).unwrap();
    (body, wrapped)
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
    assert_eq!(written.get("tool_choice"), None);
}

#[test]
fn arguments_are_strict_where_the_vendor_has_words_for_them() {
    let tool = |parameters| ToolSpec { name: "f".into(), description: "d".into(), parameters };
    let closed = json!({
        "type": "object",
        "properties": {"a": {"type": "string"}, "b": {"type": "integer"}},
        "required": ["a"],
        "additionalProperties": false,
    });
    let open = json!({"type": "object", "properties": {"a": {}}});
    let call = Call {
        tools: vec![tool(closed.clone()), tool(open.clone())],
        tool_choice: ToolChoice::None,
        ..Call::default()
    };
    let model = ResolvedModel { model: "gpt-4.1".into(), ..ResolvedModel::default() };
    let (written, _) = body(&model, &call);
    let function = &written["tools"][0]["function"];
    assert_eq!(
        (&function["strict"], &function["parameters"]["required"]),
        (&json!(true), &json!(["a", "b"]))
    );
    assert_eq!(function["parameters"]["properties"]["b"]["type"], json!(["integer", "null"]));
    let function = &written["tools"][1]["function"];
    assert_eq!((&function["strict"], &function["parameters"]), (&json!(false), &open));
    assert_eq!(written["tool_choice"], "none");
    let local = ResolvedModel { base_url: Some(String::from("http://127.0.0.1:1/v1")), ..model };
    let function = &body(&local, &call).0["tools"][0]["function"];
    assert_eq!((function.get("strict"), &function["parameters"]), (None, &closed));
}

#[test]
fn what_is_set_has_its_place() {
    let model = ResolvedModel { model: "gpt-5.1".into(), ..ResolvedModel::default() };
    let with = |thinking, cache| {
        let sampling = Sampling { thinking: Some(thinking), ..Sampling::default() };
        let messages = vec![Message::text(Role::System, "long"), Message::text(Role::User, "hi")];
        Call { sampling, cache: Some(cache), messages, ..Call::default() }
    };
    let (off, _) = body(&model, &with(Thinking::Off, Cache::Off));
    assert_eq!((&off["reasoning_effort"], off.get("prompt_cache_key")), (&json!("none"), None));
    let (on, _) = body(&model, &with(Thinking::Effort(Effort::High), Cache::On));
    assert_eq!((&on["reasoning_effort"], on.get("prompt_cache_retention")), (&json!("high"), None));
    let (day, _) = body(&model, &with(Thinking::Effort(Effort::Low), Cache::For(24 * 3_600_000)));
    assert_eq!(day["prompt_cache_retention"], "24h");
    // Questions with the same beginning have the same key.
    assert_eq!(on["prompt_cache_key"], day["prompt_cache_key"]);
    let other =
        Call { messages: vec![Message::text(Role::System, "other")], ..with(Thinking::Off, Cache::On) };
    assert_ne!(body(&model, &other).0["prompt_cache_key"], on["prompt_cache_key"]);
    let quiet = ResolvedModel { model: "gpt-4.1".into(), ..ResolvedModel::default() };
    assert_eq!(body(&quiet, &with(Thinking::Off, Cache::Off)).0.get("reasoning_effort"), None);
    for (name, least) in [("o3", "low"), ("gpt-5-mini", "minimal"), ("gpt-5.1", "none")] {
        let model = ResolvedModel { model: name.into(), ..ResolvedModel::default() };
        assert_eq!(body(&model, &with(Thinking::Off, Cache::Off)).0["reasoning_effort"], least, "{name}");
    }
}

#[test]
fn media_are_written_as_they_can_be() {
    let written = |mime: &str, data: Option<&str>, url: Option<&str>| {
        media(mime, &data.map(str::to_owned), &url.map(str::to_owned)).map_err(|failure| failure.message)
    };
    let audio = json!({"type": "input_audio", "input_audio": {"data": "AA==", "format": "mp3"}});
    assert_eq!(written("audio/mpeg", Some("AA=="), None), Ok(audio));
    let file = json!({"filename": "file.pdf", "file_data": "data:application/pdf;base64,AA=="});
    assert_eq!(written("application/pdf", Some("AA=="), None), Ok(json!({"type": "file", "file": file})));
    let image = json!({"type": "image_url", "image_url": {"url": "https://x/a.png"}});
    assert_eq!(written("image/png", None, Some("https://x/a.png")), Ok(image));
    assert!(written("audio/ogg", Some("AA=="), None).unwrap_err().contains("`audio/ogg`"));
    for mime in ["audio/wav", "application/pdf"] {
        assert!(written(mime, None, Some("https://x/a")).unwrap_err().contains("bytes"), "{mime}");
    }
}

/// Reads events and returns text, deltas and what is known of the end.
fn read(events: &[&str]) -> Result<(Reading, Vec<Delta>), Broken> {
    let mut reading = Reading::default();
    let mut deltas = Vec::new();
    for data in events {
        take(data, &mut reading, &mut |delta| deltas.push(delta))?;
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
            r#"{"prompt_tokens":9,"completion_tokens":5,"prompt_tokens_details":{"cached_tokens":4,"cache_write_tokens":1},"completion_tokens_details":{"reasoning_tokens":2}}"#
        ),
        Some(Usage {
            input_tokens: 9,
            output_tokens: 5,
            cached_tokens: 4,
            cache_write_tokens: 1,
            reasoning_tokens: 2,
            cache_write_1h_tokens: 0,
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
