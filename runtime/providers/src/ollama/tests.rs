use super::*;
use flow_runtime_api::{Sampling, Schema, Scrubber, ToolCall};

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
        request(&peer, &call),
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

fn read(lines: &[&str]) -> Result<Reading, Broken> {
    let mut reading = Reading::default();
    for line in lines {
        read_line(line, &mut reading, &mut |_| {})?;
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
    assert_eq!(reading.finish, Some(FinishReason::Length));
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
