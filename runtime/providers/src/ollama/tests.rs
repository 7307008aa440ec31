use super::*;
use flow_runtime_api::{Sampling, Schema, Scrubber, ToolCall, ToolChoice, ToolSpec};

#[test]
fn a_call_is_written_as_ollama_has_it() {
    let model = ResolvedModel { model: "llama3.2".into(), ..ResolvedModel::default() };
    let scrubber = Scrubber::default();
    let peer = Peer::new(catalogue::provider("ollama").unwrap(), &model, &scrubber);
    let tool_call = ToolCall { id: "c".into(), name: "f".into(), arguments: "{\"x\":1}".into() };
    let result = Part::ToolResult { id: "c".into(), name: "f".into(), content: "4".into(), failed: false };
    let image = Part::Media { mime: "image/png".into(), data: Some("AA==".into()), url: None };
    let call = Call {
        messages: vec![
            Message { role: Role::User, parts: vec![Part::Text("see".into()), image] },
            Message { role: Role::Assistant, parts: vec![Part::ToolCall(tool_call)] },
            Message { role: Role::Tool, parts: vec![result] },
        ],
        schema: Some(Schema { name: "T".into(), json: json!({"type": "integer"}) }),
        sampling: Sampling { max_tokens: Some(9), stop: vec!["x".into()], ..Sampling::default() },
        ..Call::default()
    };
    assert_eq!(
        request(&peer, &call).unwrap(),
        json!({
            "model": "llama3.2",
            "messages": [
                {"role": "user", "content": "see", "images": ["AA=="]},
                {"role": "assistant", "content": "", "tool_calls": [{"function": {"name": "f", "arguments": {"x": 1}}}]},
                {"role": "tool", "tool_name": "f", "content": "4"},
            ],
            "stream": true,
            "options": {"num_predict": 9, "stop": ["x"]},
            "format": {"type": "integer"},
        })
    );
}

#[test]
fn what_is_set_has_its_place() {
    let model = ResolvedModel { model: "gpt-oss".into(), ..ResolvedModel::default() };
    let scrubber = Scrubber::default();
    let peer = Peer::new(catalogue::provider("ollama").unwrap(), &model, &scrubber);
    let tool = ToolSpec { name: "f".into(), description: "d".into(), parameters: json!({"type": "object"}) };
    let with = |thinking, cache, tool_choice| {
        let sampling = Sampling { thinking, ..Sampling::default() };
        request(&peer, &Call { sampling, cache, tool_choice, tools: vec![tool.clone()], ..Call::default() })
    };
    let body = with(Some(Thinking::Off), None, ToolChoice::Auto).unwrap();
    assert_eq!((&body["think"], &body["tools"][0]["function"]["name"]), (&json!(false), &json!("f")));
    let high = Some(Thinking::Effort(Effort::High));
    let body = with(high, Some(Cache::For(90_000)), ToolChoice::None).unwrap();
    assert_eq!((&body["think"], &body["keep_alive"]), (&json!("high"), &json!("90s")));
    assert_eq!(body.get("tools"), None);
    let failure = with(Some(Thinking::Tokens(500)), None, ToolChoice::Auto).unwrap_err();
    assert!(failure.kind == "refused" && failure.message.contains("`thinking: high`"), "{failure}");
}

#[test]
fn a_schema_beside_tools_is_told_since_a_format_would_let_none_be_called() {
    let model = ResolvedModel { model: "llama3.2".into(), ..ResolvedModel::default() };
    let scrubber = Scrubber::default();
    let peer = Peer::new(catalogue::provider("ollama").unwrap(), &model, &scrubber);
    let tool = ToolSpec { name: "f".into(), description: "d".into(), parameters: json!({"type": "object"}) };
    let with = |tool_choice| {
        let schema = Some(Schema { name: "T".into(), json: json!({"type": "integer"}) });
        request(&peer, &Call { schema, tool_choice, tools: vec![tool.clone()], ..Call::default() }).unwrap()
    };
    let body = with(ToolChoice::Auto);
    assert_eq!((body.get("format"), &body["messages"][0]["role"]), (None, &json!("system")));
    assert!(
        body["messages"][0]["content"].as_str().is_some_and(|text| text.contains(r#"{"type":"integer"}"#))
    );
    let body = with(ToolChoice::None);
    assert_eq!((&body["format"], body.get("tools")), (&json!({"type": "integer"}), None));
}

#[test]
fn what_ollama_cannot_take_in_is_refused() {
    for (part, word) in [
        (Part::Media { mime: "image/png".into(), data: None, url: Some("https://x/a.png".into()) }, "bytes"),
        (Part::Media { mime: "audio/wav".into(), data: Some("AA==".into()), url: None }, "audio/wav"),
    ] {
        let message = Message { role: Role::User, parts: vec![part] };
        let failure = messages(&message, &mut Vec::new()).unwrap_err();
        assert!(failure.kind == "refused" && failure.message.contains(word), "{failure}");
    }
}

fn read(lines: &[&str]) -> Result<Reading, Broken> {
    let (mut thought, mut reading) = (String::new(), Reading::default());
    for line in lines {
        read_line(line, &mut thought, &mut reading, &mut |_| {})?;
    }
    Ok(reading)
}

#[test]
fn lines_are_put_together() {
    let reading = read(&[
        r#"{"message":{"role":"assistant","content":"","thinking":"hm"},"done":false}"#,
        r#"{"message":{"content":"a\u2028"},"done":false}"#,
        r#"{"message":{"content":"b","tool_calls":[{"function":{"name":"f","arguments":{"x":1}}}]}}"#,
        r#"{"message":{"content":""},"done":true,"done_reason":"length","prompt_eval_count":7,"eval_count":3}"#,
    ])
    .unwrap();
    assert_eq!(reading.text, "a\u{2028}b");
    assert_eq!(reading.calls[0].arguments, "{\"x\":1}");
    let kept = Part::Opaque { provider: "ollama".into(), json: json!({"thinking": "hm"}) };
    assert_eq!(reading.opaque, std::slice::from_ref(&kept));
    assert_eq!(reading.finish, Some(FinishReason::Length));
    let mut sent = Vec::new();
    let call = Part::ToolCall(reading.calls[0].clone());
    messages(&Message { role: Role::Assistant, parts: vec![kept, call] }, &mut sent).unwrap();
    assert_eq!(sent[0]["thinking"], "hm");
    assert_eq!(reading.usage, Some(Usage { input_tokens: 7, output_tokens: 3, ..Usage::default() }));
}

#[test]
fn errors_in_both_shapes_are_reported() {
    for line in
        [r#"{"error":"model runner has stopped"}"#, r#"{"error":{"message":"model runner has stopped"}}"#]
    {
        let Err(Broken::Reported(error)) = read(&[line]) else { panic!("{line} is an error") };
        assert!(error.to_string().contains("runner"));
    }
}
