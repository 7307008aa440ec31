use flow_ir::catalogue;
use flow_ir::plan::{Cache, Effort};
use flow_runtime_api::{Delta, ResolvedModel, Sampling, Schema, Scrubber, ToolCall, ToolSpec};

use super::*;

fn body(model: &ResolvedModel, call: &Call) -> Value {
    let scrubber = Scrubber::default();
    let info = catalogue::provider("openai").unwrap();
    request(&Peer::new(info, model, &scrubber), call).unwrap().body
}

fn named(model: &str) -> ResolvedModel {
    ResolvedModel { model: model.into(), ..ResolvedModel::default() }
}

fn thought() -> Value {
    json!({"type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": "gAAA"})
}

#[test]
fn a_conversation_is_a_list_of_items() {
    let call = ToolCall { id: "c1".into(), name: "f".into(), arguments: "{}".into() };
    let image = Part::Media { mime: "image/png".into(), data: Some("AA==".into()), url: None };
    let pdf = Part::Media { mime: "application/pdf".into(), data: None, url: Some("https://x/a.pdf".into()) };
    let kept = Part::Opaque { provider: "openai".into(), json: thought() };
    let other = Part::Opaque { provider: "anthropic".into(), json: json!({"type": "thinking"}) };
    let result = Part::ToolResult { id: "c1".into(), name: "f".into(), content: "4".into(), failed: false };
    let call = Call {
        messages: vec![
            Message::text(Role::System, "Be brief."),
            Message { role: Role::User, parts: vec![Part::Text("see".into()), image, pdf] },
            Message {
                role: Role::Assistant,
                parts: vec![Part::Text("hm".into()), kept, other, Part::ToolCall(call)],
            },
            Message { role: Role::Tool, parts: vec![result] },
        ],
        ..Call::default()
    };
    assert_eq!(
        body(&named("gpt-4.1"), &call),
        json!({
            "model": "gpt-4.1",
            "input": [
                {"type": "message", "role": "system", "content": [{"type": "input_text", "text": "Be brief."}]},
                {"type": "message", "role": "user", "content": [
                    {"type": "input_text", "text": "see"},
                    {"type": "input_image", "image_url": "data:image/png;base64,AA==", "detail": "auto"},
                    {"type": "input_file", "file_url": "https://x/a.pdf"},
                ]},
                thought(),
                {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "hm"}]},
                {"type": "function_call", "call_id": "c1", "name": "f", "arguments": "{}"},
                {"type": "function_call_output", "call_id": "c1", "output": "4"},
            ],
            "stream": true,
            "store": false,
        })
    );
}

#[test]
fn what_is_set_has_its_place() {
    let tool = ToolSpec {
        name: "f".into(),
        description: "d".into(),
        parameters: json!({"type": "object", "properties": {"a": {"type": "string"}}, "required": [], "additionalProperties": false}),
    };
    let call = Call {
        schema: Some(Schema {
            name: "Tags".into(),
            json: json!({"type": "array", "items": {"type": "string"}}),
        }),
        sampling: Sampling {
            temperature: Some(0.5),
            top_p: Some(0.9),
            max_tokens: Some(90),
            thinking: Some(Thinking::Effort(Effort::Low)),
            ..Sampling::default()
        },
        tools: vec![tool],
        tool_choice: ToolChoice::None,
        cache: Some(Cache::On),
        ..Call::default()
    };
    let sent = body(&named("gpt-5"), &call);
    for (path, value) in [
        ("/temperature", json!(0.5)),
        ("/top_p", json!(0.9)),
        ("/max_output_tokens", json!(90)),
        ("/reasoning", json!({"effort": "low"})),
        ("/text/format/type", json!("json_schema")),
        ("/text/format/name", json!("Tags")),
        ("/text/format/strict", json!(true)),
        ("/text/format/schema/required", json!(["value"])),
        ("/tools/0/type", json!("function")),
        ("/tools/0/name", json!("f")),
        ("/tools/0/strict", json!(true)),
        ("/tools/0/parameters/required", json!(["a"])),
        ("/tool_choice", json!("none")),
        ("/include", json!(["reasoning.encrypted_content"])),
    ] {
        assert_eq!(sent.pointer(path), Some(&value), "{path}: {sent}");
    }
    assert!(sent["prompt_cache_key"].as_str().is_some_and(|key| key.len() == 32), "{sent}");
    // A server of its own kind is told that a tool isn't strict: without a word it would be.
    let local = ResolvedModel { base_url: Some("http://127.0.0.1:1/v1".into()), ..named("m") };
    assert_eq!(body(&local, &call)["tools"][0]["strict"], false);
}

#[test]
fn only_models_that_think_are_asked_for_what_they_thought() {
    let tool = ToolSpec { name: "f".into(), description: "d".into(), parameters: json!({"type": "object"}) };
    let asks = |model: &str, thinking: Option<Thinking>| {
        let sampling = Sampling { thinking, ..Sampling::default() };
        let call = Call { tools: vec![tool.clone()], sampling, ..Call::default() };
        body(&named(model), &call).get("include").is_some()
    };
    assert!(asks("gpt-5", None) && asks("o3", None) && asks("o9-preview", None));
    assert!(!asks("gpt-4.1", None) && !asks("ft:gpt-4o:me", None) && !asks("gpt-5", Some(Thinking::Off)));
    assert!(asks("house-model", Some(Thinking::Effort(Effort::High))));
    assert!(body(&named("gpt-5"), &Call::default()).get("include").is_none());
}

fn read(events: &[Value]) -> Result<(Reading, Vec<Delta>), Broken> {
    let (mut items, mut reading, mut deltas) = (Items::default(), Reading::default(), Vec::new());
    for event in events {
        items.take(&event.to_string(), &mut reading, &mut |delta| deltas.push(delta))?;
    }
    Ok((reading, deltas))
}

#[test]
fn a_stream_of_items_is_put_together() {
    let said = json!({"type": "message", "content": [{"type": "output_text", "text": "héllo"}]});
    let called = json!({"type": "function_call", "call_id": "c1", "name": "f", "arguments": "{\"x\":1}"});
    let late = json!({"type": "function_call", "call_id": "c2", "name": "g", "arguments": "{}"});
    let usage = json!({
        "input_tokens": 9, "output_tokens": 5, "total_tokens": 14,
        "input_tokens_details": {"cached_tokens": 4, "cache_write_tokens": 2},
        "output_tokens_details": {"reasoning_tokens": 3},
    });
    let (reading, deltas) = read(&[
        json!({"type": "response.created", "response": {"status": "in_progress", "output": []}}),
        json!({"type": "response.output_item.added", "output_index": 0, "item": {"type": "reasoning"}}),
        json!({"type": "response.reasoning_summary_text.delta", "output_index": 0, "delta": "hm"}),
        json!({"type": "response.output_item.done", "output_index": 0, "item": thought()}),
        json!({"type": "response.output_item.added", "output_index": 1, "item": {"type": "message", "content": []}}),
        json!({"type": "response.output_text.delta", "output_index": 1, "delta": "hé"}),
        json!({"type": "response.output_text.delta", "output_index": 1, "delta": "llo"}),
        json!({"type": "response.output_text.annotation.added", "output_index": 1, "annotation": {"type": "x"}}),
        json!({"type": "response.output_item.done", "output_index": 1, "item": said}),
        json!({"type": "response.output_item.added", "output_index": 2, "item":
            {"type": "function_call", "call_id": "c1", "name": "f", "arguments": ""}}),
        json!({"type": "response.function_call_arguments.delta", "output_index": 2, "delta": "{\"x\""}),
        json!({"type": "response.function_call_arguments.delta", "output_index": 2, "delta": ":1}"}),
        json!({"type": "response.output_item.done", "output_index": 2, "item": called}),
        json!({"type": "response.completed", "response": {
            "status": "completed", "output": [thought(), said, called, late], "usage": usage,
        }}),
    ])
    .unwrap();
    assert_eq!(reading.text, "héllo");
    assert_eq!(deltas, [Delta::Reasoning("hm".into()), Delta::Text("hé".into()), Delta::Text("llo".into())]);
    let calls: Vec<_> = reading.calls.iter().map(|call| (&*call.id, &*call.name, &*call.arguments)).collect();
    assert_eq!(calls, [("c1", "f", "{\"x\":1}"), ("c2", "g", "{}")]);
    assert_eq!(reading.opaque, [Part::Opaque { provider: "openai".into(), json: thought() }]);
    assert_eq!((reading.finish, reading.done), (Some(FinishReason::Stop), true));
    assert_eq!(
        reading.usage,
        Some(Usage {
            input_tokens: 9,
            output_tokens: 5,
            cached_tokens: 4,
            cache_write_tokens: 2,
            reasoning_tokens: 3,
            cache_write_1h_tokens: 0,
        })
    );
}

#[test]
fn what_the_server_would_have_to_have_kept_is_not_sent_back() {
    let bare =
        json!({"type": "reasoning", "id": "rs_1", "summary": [{"type": "summary_text", "text": "hm"}]});
    let (reading, deltas) =
        read(&[json!({"type": "response.output_item.done", "output_index": 0, "item": bare})]).unwrap();
    assert_eq!((reading.opaque, deltas), (Vec::new(), vec![Delta::Reasoning("hm".into())]));
}

#[test]
fn an_answer_ends_as_it_says() {
    let end = |kind: &str, response: Value| read(&[json!({"type": kind, "response": response})]);
    let cut = |reason: &str| {
        let response = json!({"status": "incomplete", "incomplete_details": {"reason": reason}});
        end("response.incomplete", response).unwrap().0.finish
    };
    assert_eq!(cut("max_output_tokens"), Some(FinishReason::Length));
    assert_eq!(cut("content_filter"), Some(FinishReason::Refused));
    let said = json!({"type": "message", "content": [{"type": "refusal", "refusal": "no"}]});
    let (reading, deltas) =
        end("response.completed", json!({"status": "completed", "output": [said]})).unwrap();
    assert_eq!((reading.refusal.as_str(), deltas.len()), ("no", 0));
    for failed in [
        json!({"type": "response.failed", "response": {"status": "failed", "error": {"code": "server_error", "message": "fell over"}}}),
        json!({"type": "error", "code": "server_error", "message": "fell over"}),
        json!({"type": "error", "error": {"message": "fell over"}}),
        json!({"error": {"message": "fell over"}}),
    ] {
        match read(std::slice::from_ref(&failed)) {
            Err(Broken::Reported(error)) => assert!(error.to_string().contains("fell over"), "{failed}"),
            _ => panic!("{failed} is an error"),
        }
    }
    // Without an end there is none.
    let (reading, _) =
        read(&[json!({"type": "response.output_text.delta", "output_index": 0, "delta": "a"})]).unwrap();
    assert_eq!((reading.finish, reading.done), (None, false));
}

#[test]
fn an_answer_has_most_items() {
    let mut events: Vec<Value> = (0..ITEMS_MAX + 1)
        .map(|at| json!({"type": "response.output_text.delta", "output_index": at, "delta": "a"}))
        .collect();
    assert!(matches!(read(&events), Err(Broken::Gibberish(_))));
    events.pop();
    assert!(read(&events).is_ok());
}
