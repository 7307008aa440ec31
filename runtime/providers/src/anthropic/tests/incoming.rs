use flow_ir::catalogue;
use flow_runtime_api::{
    Answer, Call, Delta, Failure, FinishReason, Part, ResolvedModel, Scrubber, ToolSpec, Usage,
};
use serde_json::{Value, json};

use super::super::incoming::Incoming;
use crate::peer::Peer;
use crate::reading::Broken;

/// Reads events of a stream.
fn read<'a>(answer_tool: Option<&'a str>, events: &[Value]) -> Result<(Incoming<'a>, Vec<Delta>), Broken> {
    let mut incoming = Incoming::new("m", answer_tool);
    let mut deltas = Vec::new();
    for event in events {
        incoming.event(&event.to_string(), &mut |delta| deltas.push(delta))?;
    }
    Ok((incoming, deltas))
}

fn answer(incoming: Incoming<'_>, with_tools: bool) -> Result<Answer, Failure> {
    let model = ResolvedModel::default();
    let scrubber = Scrubber::default();
    let peer = Peer::new(catalogue::provider("anthropic").unwrap(), &model, &scrubber);
    let tool = ToolSpec { name: "f".into(), description: String::new(), parameters: json!({}) };
    let tools = if with_tools { vec![tool] } else { Vec::new() };
    incoming.answer(&peer, &Call { tools, ..Call::default() })
}

fn begin(index: usize, block: Value) -> Value {
    json!({"type": "content_block_start", "index": index, "content_block": block})
}

fn delta(index: usize, delta: Value) -> Value {
    json!({"type": "content_block_delta", "index": index, "delta": delta})
}

fn text(index: usize, text: &str) -> Value {
    delta(index, json!({"type": "text_delta", "text": text}))
}

fn arguments(index: usize, json: &str) -> Value {
    delta(index, json!({"type": "input_json_delta", "partial_json": json}))
}

fn end(index: usize) -> Value {
    json!({"type": "content_block_stop", "index": index})
}

fn stop(reason: &str) -> Value {
    json!({"type": "message_delta", "delta": {"stop_reason": reason}})
}

fn tool(id: &str) -> Value {
    json!({"type": "tool_use", "id": id, "name": "f", "input": {}})
}

#[test]
fn calls_come_beside_each_other() {
    let (incoming, _) = read(
        None,
        &[
            begin(0, tool("a")),
            begin(1, tool("b")),
            arguments(1, "{\"y\":"),
            arguments(0, "{\"x\":1}"),
            arguments(1, "2}"),
            end(0),
            end(1),
            begin(2, tool("c")),
            end(2),
            begin(3, json!({"type": "tool_use", "id": "d", "name": "f", "input": {"z": 3}})),
            stop("tool_use"),
        ],
    )
    .unwrap();
    let answer = answer(incoming, true).unwrap();
    let told: Vec<_> = answer.tool_calls.iter().map(|c| (c.id.as_str(), c.arguments.as_str())).collect();
    assert_eq!(told, [("a", "{\"x\":1}"), ("b", "{\"y\":2}"), ("c", "{}"), ("d", "{\"z\":3}")]);
    assert_eq!(answer.finish, FinishReason::ToolCalls);
}

#[test]
fn a_call_that_was_cut_off_is_not_made_whole() {
    let (incoming, _) = read(None, &[begin(0, tool("a")), stop("max_tokens")]).unwrap();
    let answer = answer(incoming, true).unwrap();
    assert_eq!((answer.finish, answer.tool_calls[0].arguments.as_str()), (FinishReason::Length, ""));
}

#[test]
fn blocks_of_the_providers_own_are_kept_with_their_places() {
    let thinking = json!({"type": "thinking", "thinking": "", "signature": ""});
    let search = json!({"type": "server_tool_use", "id": "s", "name": "web_search", "input": {}});
    let (incoming, deltas) = read(
        None,
        &[
            begin(0, thinking.clone()),
            delta(0, json!({"type": "thinking_delta", "thinking": "h"})),
            delta(0, json!({"type": "thinking_delta", "thinking": "m"})),
            delta(0, json!({"type": "signature_delta", "signature": "sig"})),
            end(0),
            begin(1, json!({"type": "text", "text": ""})),
            text(1, "Hé"),
            end(1),
            begin(2, search),
            arguments(2, "{\"query\":"),
            arguments(2, "\"x\"}"),
            end(2),
            begin(3, json!({"type": "redacted_thinking", "data": "enc"})),
            end(3),
            begin(4, json!({"type": "hologram", "a": [1]})),
            delta(4, json!({"type": "hologram_delta", "b": 2})),
            end(4),
            begin(5, json!({"type": "novelty", "a": [1]})),
            end(5),
            begin(6, thinking),
            stop("end_turn"),
        ],
    )
    .unwrap();
    assert_eq!(
        deltas,
        [Delta::Reasoning("h".into()), Delta::Reasoning("m".into()), Delta::Text("Hé".into())]
    );
    let kept: Vec<Value> = answer(incoming, false)
        .unwrap()
        .opaque
        .into_iter()
        .map(|part| match part {
            Part::Opaque { provider, json } if provider == "anthropic" => json,
            other => panic!("{other:?}"),
        })
        .collect();
    // One that came in pieces that can't be put together, and one that was cut off, aren't among them.
    assert_eq!(
        kept,
        [
            json!({"model": "m", "block": {"type": "thinking", "thinking": "hm", "signature": "sig"}}),
            json!({"model": "m", "text": 3, "block":
                {"type": "server_tool_use", "id": "s", "name": "web_search", "input": {"query": "x"}}}),
            json!({"model": "m", "text": 3, "block": {"type": "redacted_thinking", "data": "enc"}}),
            json!({"model": "m", "text": 3, "block": {"type": "novelty", "a": [1]}}),
        ]
    );
}

#[test]
fn a_message_ends_for_a_reason() {
    for (reason, finish) in [
        ("end_turn", FinishReason::Stop),
        ("stop_sequence", FinishReason::Stop),
        ("max_tokens", FinishReason::Length),
        ("model_context_window_exceeded", FinishReason::Length),
        ("something_new", FinishReason::Stop),
    ] {
        let (incoming, _) = read(None, &[text(0, "a"), stop(reason)]).unwrap();
        let answer = answer(incoming, false).unwrap();
        assert_eq!((answer.text.as_str(), answer.finish), ("a", finish), "{reason}");
    }
}

#[test]
fn a_refusal_says_why() {
    for (details, said) in [
        (json!({"category": "cyber", "explanation": "Against policy."}), "Against policy. (cyber)"),
        (
            json!({"category": "bio", "explanation": null}),
            "a safety filter stopped it after 2 characters (bio)",
        ),
        (Value::Null, "a safety filter stopped it after 2 characters"),
    ] {
        let refused =
            json!({"type": "message_delta", "delta": {"stop_reason": "refusal", "stop_details": details}});
        let (incoming, _) = read(None, &[text(0, "Hi"), refused]).unwrap();
        let answer = answer(incoming, false).unwrap();
        assert_eq!((answer.text.as_str(), answer.finish), (said, FinishReason::Refused));
    }
    let (incoming, _) = read(None, &[stop("refusal")]).unwrap();
    assert_eq!(answer(incoming, false).unwrap().text, "a safety filter stopped it");
}

#[test]
fn the_arguments_of_the_answers_own_tool_are_the_answer() {
    let own = json!({"type": "tool_use", "id": "a", "name": "answer", "input": {}});
    let events = [begin(0, own), arguments(0, "{\"value\":"), arguments(0, "[1]}"), end(0), stop("tool_use")];
    for with_tools in [false, true] {
        let (incoming, deltas) = read(Some("answer"), &events).unwrap();
        assert_eq!(deltas, [Delta::Text("{\"value\":".into()), Delta::Text("[1]}".into())]);
        let answer = answer(incoming, with_tools).unwrap();
        assert_eq!((answer.text.as_str(), answer.finish), ("{\"value\":[1]}", FinishReason::Stop));
        assert!(answer.tool_calls.is_empty());
    }
}

#[test]
fn usage_counts_what_the_cache_gave_and_took() {
    let start = |usage: Value| json!({"type": "message_start", "message": {"content": [], "usage": usage}});
    let usage = |events: &[Value]| read(None, events).unwrap().0.usage();
    assert_eq!(usage(&[start(Value::Null)]), None);
    assert_eq!(usage(&[start(json!({"output_tokens": 1}))]), None);
    let begun = start(json!({
        "input_tokens": 10,
        "cache_read_input_tokens": 200,
        "cache_creation_input_tokens": 30,
        "cache_creation": {"ephemeral_5m_input_tokens": 10, "ephemeral_1h_input_tokens": 20},
        "output_tokens": 1,
    }));
    let ended = json!({"type": "message_delta", "delta": {}, "usage": {
        "output_tokens": 50, "output_tokens_details": {"thinking_tokens": 40}}});
    let expected = Usage {
        input_tokens: 240,
        output_tokens: 50,
        cached_tokens: 200,
        cache_write_tokens: 30,
        cache_write_1h_tokens: 20,
        reasoning_tokens: 40,
    };
    assert_eq!(usage(&[begun.clone(), ended]), Some(expected));
    assert_eq!(usage(&[begun]).unwrap().output_tokens, 1);
    // The sums leave out what summing up the conversation took.
    let parts = json!({"type": "message_delta", "delta": {}, "usage": {
    "input_tokens": 20, "output_tokens": 5, "iterations": [
        {"type": "compaction", "input_tokens": 180, "output_tokens": 30},
        {"type": "message", "input_tokens": 20, "output_tokens": 5, "cache_read_input_tokens": 7},
    ]}});
    let expected = Usage { input_tokens: 207, output_tokens: 35, cached_tokens: 7, ..Usage::default() };
    assert_eq!(usage(&[parts]), Some(expected));
    let absurd = json!({"type": "message_delta", "delta": {}, "usage": {
        "input_tokens": u64::MAX, "output_tokens": u64::MAX, "cache_read_input_tokens": u64::MAX}});
    assert_eq!(usage(&[absurd]).unwrap().input_tokens, u64::MAX);
}

#[test]
fn a_pause_is_gone_on_from() {
    let mut incoming = Incoming::new("m", None);
    let usage = json!({"input_tokens": 10, "output_tokens": 5});
    let pause = json!({"type": "message_delta", "delta": {"stop_reason": "pause_turn"}, "usage": usage});
    let search = json!({"type": "server_tool_use", "id": "s", "name": "web_search", "input": {"q": 1}});
    for event in [
        text(0, "I look. "),
        end(0),
        begin(1, search.clone()),
        end(1),
        pause,
        json!({"type": "message_stop"}),
    ] {
        incoming.event(&event.to_string(), &mut |_| {}).unwrap();
    }
    assert!(incoming.is_done() && incoming.is_paused());
    assert_eq!(incoming.so_far(), [json!({"type": "text", "text": "I look. "}), search]);
    let done = json!({"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": usage});
    for event in
        [begin(0, json!({"type": "text", "text": "Found."})), end(0), done, json!({"type": "message_stop"})]
    {
        incoming.event(&event.to_string(), &mut |_| {}).unwrap();
    }
    assert!(incoming.is_done() && !incoming.is_paused());
    let answer = answer(incoming, false).unwrap();
    assert_eq!(answer.text, "I look. Found.");
    assert_eq!(answer.usage, Some(Usage { input_tokens: 20, output_tokens: 10, ..Usage::default() }));
}

#[test]
fn nonsense_is_told_and_novelties_are_passed_over() {
    let broken = |events: &[Value]| read(None, events).err().map(|broken| format!("{broken:?}"));
    assert!(broken(&[arguments(0, "{}")]).unwrap().contains("takes no arguments"));
    assert!(broken(&[begin(0, json!({"text": "x"}))]).unwrap().contains("no type"));
    assert!(
        broken(&[json!({"type": "content_block_delta", "index": -1})]).unwrap().contains("isn't an answer")
    );
    let error = json!({"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}});
    assert!(broken(&[error]).unwrap().contains("Reported"));
    let many: Vec<Value> =
        (0..5_000).map(|index| begin(index, json!({"type": "text", "text": ""}))).collect();
    assert!(broken(&many).unwrap().contains("TooLarge"));
    let large = vec![text(0, &"x".repeat(1024 * 1024)); 17];
    assert!(broken(&large).unwrap().contains("TooLarge"));
    for fine in [
        json!({"type": "ping"}),
        json!({"type": "tomorrow", "index": 3}),
        json!({}),
        delta(0, json!({"type": "citations_delta", "citation": {"a": 1}})),
        delta(0, json!({"type": "tomorrow_delta"})),
        end(7),
    ] {
        assert_eq!(broken(&[text(0, "a"), fine]), None);
    }
}

#[test]
fn a_message_in_one_piece_is_read() {
    let whole = json!({
        "type": "message",
        "content": [
            {"type": "thinking", "thinking": "hm", "signature": "s"},
            {"type": "text", "text": "I look."},
            {"type": "tool_use", "id": "a", "name": "f", "input": {"x": 1}},
        ],
        "stop_reason": "tool_use",
        "usage": {"input_tokens": 1, "output_tokens": 2},
    });
    let mut incoming = Incoming::new("m", None);
    incoming.whole(&whole.to_string(), &mut |_| {}).unwrap();
    let answer = answer(incoming, true).unwrap();
    assert_eq!((answer.text.as_str(), answer.finish), ("I look.", FinishReason::ToolCalls));
    assert_eq!(answer.tool_calls[0].arguments, "{\"x\":1}");
    let Part::Opaque { json, .. } = &answer.opaque[0] else { panic!("{answer:?}") };
    assert_eq!(json["block"], whole["content"][0]);
    assert_eq!(answer.usage.unwrap().output_tokens, 2);
}
