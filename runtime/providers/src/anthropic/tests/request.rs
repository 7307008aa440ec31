use flow_ir::plan::{Cache, Effort, Thinking};
use flow_runtime_api::{
    Call, Failure, Message, Part, ResolvedModel, Role, Sampling, Schema, Scrubber, ToolCall, ToolChoice,
    ToolSpec,
};
use serde_json::{Value, json};

use super::super::history::Kept;
use super::super::request::Request;
use crate::peer::Peer;

fn written(model: &str, call: &Call) -> Result<Value, Failure> {
    at(model, None, call)
}

fn at(model: &str, base_url: Option<&str>, call: &Call) -> Result<Value, Failure> {
    let model = ResolvedModel {
        model: model.into(),
        base_url: base_url.map(str::to_owned),
        ..ResolvedModel::default()
    };
    let scrubber = Scrubber::default();
    let info = flow_ir::catalogue::provider("anthropic").unwrap();
    Ok(Request::new(&Peer::new(info, &model, &scrubber), call)?.json())
}

fn call(messages: Vec<Message>) -> Call {
    Call { messages, ..Call::default() }
}

fn hi() -> Call {
    call(vec![Message::text(Role::User, "Hi")])
}

fn spec(name: &str) -> ToolSpec {
    let parameters = json!({"type": "object", "properties": {}, "additionalProperties": false});
    ToolSpec { name: name.into(), description: "Does it.".into(), parameters }
}

fn tool_call(id: &str, arguments: &str) -> Part {
    Part::ToolCall(ToolCall { id: id.into(), name: "f".into(), arguments: arguments.into() })
}

fn result(id: &str, content: &str, failed: bool) -> Part {
    Part::ToolResult { id: id.into(), name: "f".into(), content: content.into(), failed }
}

fn message(role: Role, parts: Vec<Part>) -> Message {
    Message { role, parts }
}

#[test]
fn a_call_is_written() {
    let mut call = call(vec![
        Message::text(Role::System, "Be brief."),
        Message::text(Role::System, " "),
        Message::text(Role::User, "Hi"),
    ]);
    assert_eq!(
        written("claude-haiku-4-5", &call).unwrap(),
        json!({
            "model": "claude-haiku-4-5",
            "max_tokens": 64_000,
            "stream": true,
            "system": [{"type": "text", "text": "Be brief."}],
            "messages": [{"role": "user", "content": [{"type": "text", "text": "Hi"}]}],
        })
    );
    call.messages.truncate(2);
    assert!(written("claude-haiku-4-5", &call).unwrap_err().message.contains("the prompt is empty"));
}

/// Each setting changes the request, and changes only that.
#[test]
fn each_setting_is_sent() {
    let plain = written("claude-haiku-4-5", &hi()).unwrap();
    let with = |set: &dyn Fn(&mut Call), key: &str, expected: Value| {
        let mut call = hi();
        set(&mut call);
        let mut changed = written("claude-haiku-4-5", &call).unwrap();
        assert_eq!(changed[key], expected, "{key}");
        match plain.get(key) {
            Some(value) => changed[key] = value.clone(),
            None => drop(changed.as_object_mut().unwrap().shift_remove(key)),
        }
        assert_eq!(changed, plain, "{key}");
    };
    with(&|call| call.sampling.temperature = Some(0.5), "temperature", json!(0.5));
    with(&|call| call.sampling.top_p = Some(0.5), "top_p", json!(0.5));
    with(&|call| call.sampling.max_tokens = Some(9), "max_tokens", json!(9));
    with(&|call| call.sampling.stop = vec!["END".into()], "stop_sequences", json!(["END"]));
    with(
        &|call| call.sampling.thinking = Some(Thinking::Tokens(2_000)),
        "thinking",
        json!({"type": "enabled", "budget_tokens": 2_000}),
    );
    let expected = json!([{"name": "f", "description": "Does it.", "input_schema": spec("f").parameters}]);
    with(&|call| call.tools = vec![spec("f")], "tools", expected);
    let schema =
        json!({"type": "object", "properties": {"x": {"type": "integer", "minimum": 1}}, "required": ["x"]});
    let format = json!({"format": {"type": "json_schema", "schema": {
        "type": "object",
        "properties": {"x": {"type": "integer", "description": "minimum: 1."}},
        "required": ["x"],
        "additionalProperties": false,
    }}});
    let set = |call: &mut Call| call.schema = Some(Schema { name: "T".into(), json: schema.clone() });
    with(&set, "output_config", format);
    with(
        &|call| call.cache = Some(Cache::On),
        "messages",
        json!([{"role": "user", "content": [
            {"type": "text", "text": "Hi", "cache_control": {"type": "ephemeral"}},
        ]}]),
    );
    let mut call = hi();
    call.tools = vec![spec("f")];
    call.tool_choice = ToolChoice::None;
    assert_eq!(written("claude-haiku-4-5", &call).unwrap()["tool_choice"], json!({"type": "none"}));
}

#[test]
fn the_most_that_a_model_writes_is_always_said() {
    let max = |model: &str| written(model, &hi()).unwrap()["max_tokens"].as_u64().unwrap();
    assert_eq!(max("claude-opus-5"), 128_000);
    assert_eq!(max("claude-opus-4-1"), 32_000);
    assert_eq!(max("claude-3-haiku-20240307"), 4_096);
    assert_eq!(max("some-model"), 4_096);
}

#[test]
fn a_model_is_told_to_think_as_it_understands() {
    let thought = |model: &str, thinking: Thinking, max_tokens: Option<u64>| {
        let sampling = Sampling { thinking: Some(thinking), max_tokens, ..Sampling::default() };
        let body = written(model, &Call { sampling, ..hi() })?;
        Ok::<_, Failure>((body["thinking"].clone(), body["output_config"].clone()))
    };
    let adaptive = json!({"type": "adaptive", "display": "summarized"});
    let budget = |tokens: u64| json!({"type": "enabled", "budget_tokens": tokens});
    use Thinking::{Off, On, Tokens};
    let effort = Thinking::Effort;
    for (model, wanted, max_tokens, thinking, output) in [
        ("claude-opus-5", On, None, adaptive.clone(), Value::Null),
        ("claude-opus-5", effort(Effort::Minimal), None, adaptive.clone(), json!({"effort": "low"})),
        ("claude-opus-4-7", effort(Effort::High), None, adaptive.clone(), json!({"effort": "high"})),
        ("claude-opus-4-6", effort(Effort::Max), None, json!({"type": "adaptive"}), json!({"effort": "max"})),
        ("claude-opus-4-6", Tokens(5_000), None, budget(5_000), Value::Null),
        ("claude-sonnet-4-5", effort(Effort::Low), None, budget(4_096), Value::Null),
        ("claude-sonnet-4-5", effort(Effort::Medium), Some(4_000), budget(3_000), Value::Null),
        ("claude-sonnet-4-5", effort(Effort::High), Some(1_100), budget(1_024), Value::Null),
        ("claude-sonnet-4-5", effort(Effort::Max), None, budget(48_000), Value::Null),
        ("some-model", On, None, budget(3_072), Value::Null),
        ("claude-sonnet-4-5", Off, None, Value::Null, Value::Null),
        ("claude-opus-4-8", Off, None, Value::Null, Value::Null),
        ("claude-opus-5", Off, None, json!({"type": "disabled"}), Value::Null),
        ("claude-sonnet-5-5", Off, None, json!({"type": "between_tools"}), Value::Null),
        // One that always thinks does so as little as it can.
        ("claude-fable-5-1", Off, None, Value::Null, json!({"effort": "low"})),
    ] {
        assert_eq!(thought(model, wanted, max_tokens).unwrap(), (thinking, output), "{model} {wanted:?}");
    }
    for (model, wanted, max_tokens, word) in [
        ("claude-opus-5", Tokens(5_000), None, "write `low`, `medium` or `high`"),
        ("claude-3-haiku-20240307", On, None, "can't think"),
        ("claude-sonnet-4-5", Tokens(500), None, "1024 tokens at least"),
        ("claude-sonnet-4-5", Tokens(4_000), Some(4_000), "`max_tokens`, which is for both, is 4000"),
        ("claude-sonnet-4-5", On, Some(1_000), "`max_tokens`"),
    ] {
        let failure = thought(model, wanted, max_tokens).unwrap_err();
        assert!(failure.kind == "refused" && failure.message.contains(word), "{}", failure.message);
    }
}

#[test]
fn what_a_model_does_not_take_is_told_before_it_is_asked() {
    let failure =
        |model: &str, sampling: Sampling| written(model, &Call { sampling, ..hi() }).unwrap_err().message;
    let temperature = |number: f64| Sampling { temperature: Some(number), ..Sampling::default() };
    let top_p = |number: f64| Sampling { top_p: Some(number), ..Sampling::default() };
    let thinks = |sampling: Sampling| Sampling { thinking: Some(Thinking::On), ..sampling };
    assert!(failure("claude-haiku-4-5", temperature(1.5)).contains("0 to 1, and not 1.5"));
    assert!(
        failure("claude-haiku-4-5", Sampling { seed: Some(1), ..Sampling::default() }).contains("no `seed`")
    );
    assert!(failure("claude-opus-5", temperature(0.5)).contains("`claude-opus-5` takes no `temperature`"));
    assert!(failure("claude-opus-5", top_p(0.5)).contains("takes no `top_p`"));
    assert!(failure("claude-haiku-4-5", thinks(temperature(0.5))).contains("while it thinks"));
    assert!(failure("claude-haiku-4-5", thinks(top_p(0.5))).contains("0.95 to 1 while it thinks"));
    // What a model does anyway need not be said.
    let body = written("claude-opus-5", &Call { sampling: temperature(1.0), ..hi() }).unwrap();
    assert_eq!(body.get("temperature"), None);
    let body = written("claude-opus-6", &Call { sampling: temperature(0.5), ..hi() }).unwrap();
    assert_eq!(body["temperature"], 0.5);
}

#[test]
fn results_stand_in_one_message_before_what_else_is_said() {
    let call = call(vec![
        Message::text(Role::User, "go"),
        message(
            Role::Assistant,
            vec![Part::Text("I look.".into()), tool_call("a:1", "{\"x\": 1}"), tool_call("b", "{\"x\": ")],
        ),
        message(Role::Tool, vec![result("a:1", "4", false)]),
        Message::text(Role::User, "And?"),
        message(Role::Tool, vec![result("b", "", true)]),
    ]);
    assert_eq!(
        written("claude-haiku-4-5", &call).unwrap()["messages"],
        json!([
            {"role": "user", "content": [{"type": "text", "text": "go"}]},
            {"role": "assistant", "content": [
                {"type": "text", "text": "I look."},
                {"type": "tool_use", "id": "a_1", "name": "f", "input": {"x": 1}},
                {"type": "tool_use", "id": "b", "name": "f", "input": {"INVALID_JSON": "{\"x\": "}},
            ]},
            {"role": "user", "content": [
                {"type": "tool_result", "tool_use_id": "a_1", "content": "4"},
                {"type": "tool_result", "tool_use_id": "b", "is_error": true},
                {"type": "text", "text": "And?"},
            ]},
        ])
    );
}

#[test]
fn blocks_are_sent_back_where_they_stood() {
    let thought = |text: &str| json!({"type": "thinking", "thinking": text, "signature": "s"});
    let kept = |text: usize, calls: usize, block: Value| Kept { text, calls, block }.part("claude-opus-5");
    let parts = vec![
        kept(0, 0, thought("one")),
        kept(4, 0, json!({"type": "redacted_thinking", "data": "x"})),
        kept(9, 1, thought("two")),
        Part::Text("Hé. Now.".into()),
        tool_call("a", ""),
        tool_call("b", "{}"),
        Part::Opaque { provider: "openai".into(), json: json!({"type": "reasoning"}) },
    ];
    let conversation = call(vec![
        Message::text(Role::User, "go"),
        message(Role::Assistant, parts),
        message(Role::Tool, vec![result("a", "1", false), result("b", "2", false)]),
    ]);
    let content = |model: &str| written(model, &conversation).unwrap()["messages"][1]["content"].clone();
    let calls = ["a", "b"].map(|id| json!({"type": "tool_use", "id": id, "name": "f", "input": {}}));
    assert_eq!(
        content("claude-opus-5"),
        json!([
            thought("one"),
            {"type": "text", "text": "Hé."},
            {"type": "redacted_thinking", "data": "x"},
            {"type": "text", "text": " Now."},
            calls[0],
            thought("two"),
            calls[1],
        ])
    );
    // Another model can't read this one's thoughts.
    assert_eq!(content("claude-sonnet-5"), json!([{"type": "text", "text": "Hé. Now."}, calls[0], calls[1]]));
    // A turn that began without thought can't be gone on with in thought where a number of tokens is given for it.
    let mut again = conversation.clone();
    again.sampling.thinking = Some(Thinking::On);
    assert_eq!(written("claude-haiku-4-5", &again).unwrap().get("thinking"), None);
    assert!(written("claude-opus-5", &again).unwrap().get("thinking").is_some());
}

#[test]
fn files_are_written_or_refused() {
    let media = |mime: &str, data: Option<&str>, url: Option<&str>| {
        let part = Part::Media { mime: mime.into(), data: data.map(Into::into), url: url.map(Into::into) };
        let call = call(vec![message(Role::User, vec![part])]);
        Ok::<_, Failure>(written("claude-haiku-4-5", &call)?["messages"][0]["content"][0].clone())
    };
    for (mime, data, url, expected) in [
        (
            "image/png",
            Some("AA=="),
            None,
            json!({"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "AA=="}}),
        ),
        (
            "image/webp",
            None,
            Some("https://x.example/a"),
            json!({"type": "image", "source": {"type": "url", "url": "https://x.example/a"}}),
        ),
        (
            "application/pdf",
            Some("AA=="),
            None,
            json!({"type": "document", "source": {"type": "base64", "media_type": "application/pdf", "data": "AA=="}}),
        ),
        (
            "text/csv; charset=utf-8",
            Some("YSxi"),
            None,
            json!({"type": "document", "source": {"type": "text", "media_type": "text/plain", "data": "a,b"}}),
        ),
    ] {
        assert_eq!(media(mime, data, url).unwrap(), expected);
    }
    for (mime, word) in
        [("audio/wav", "no audio/wav"), ("image/tiff", "no image/tiff"), ("text/plain", "UTF-8")]
    {
        let failure = media(mime, Some("/w=="), None).unwrap_err();
        assert!(failure.kind == "refused" && failure.message.contains(word), "{}", failure.message);
    }
}

/// The places that end what is kept, as `tools/0` or `messages/1/0`.
fn marks(body: &Value) -> Vec<String> {
    fn walk(value: &Value, path: &str, out: &mut Vec<String>) {
        match value {
            Value::Object(map) if map.contains_key("cache_control") => out.push(path.to_owned()),
            Value::Object(map) => {
                map.iter().for_each(|(key, value)| walk(value, &format!("{path}/{key}"), out));
            }
            Value::Array(all) => {
                all.iter().enumerate().for_each(|(i, value)| walk(value, &format!("{path}/{i}"), out));
            }
            _ => {}
        }
    }
    let mut out = Vec::new();
    walk(body, "", &mut out);
    out
}

#[test]
fn what_may_be_asked_again_is_kept() {
    let image = Part::Media { mime: "image/png".into(), data: Some("AA==".into()), url: None };
    let system = Message::text(Role::System, "Long.");
    let about = message(Role::User, vec![image, Part::Text("What is it?".into())]);
    let kept = |messages: Vec<Message>, tools: Vec<ToolSpec>| {
        let call = Call { tools, cache: Some(Cache::On), ..call(messages) };
        let body = written("claude-opus-5", &call).unwrap();
        let marks = marks(&body);
        assert!(marks.len() <= 4, "{marks:?}");
        marks
    };
    let question = || Message::text(Role::User, "Hi");
    let answer = || Message::text(Role::Assistant, "Yes.");
    assert_eq!(kept(vec![system.clone(), question()], vec![]), ["/system/0"]);
    assert_eq!(kept(vec![system.clone(), question()], vec![spec("f"), spec("g")]), ["/tools/1", "/system/0"]);
    assert_eq!(kept(vec![about.clone()], vec![]), ["/messages/0/content/0"]);
    assert_eq!(kept(vec![question()], vec![]), ["/messages/0/content/0"]);
    assert_eq!(
        kept(vec![system.clone(), about, answer(), question(), answer(), question()], vec![spec("f")]),
        ["/tools/0", "/system/0", "/messages/2/content/0", "/messages/4/content/0"]
    );
    let ttl = |cache: Cache| {
        let call = Call { cache: Some(cache), ..call(vec![system.clone(), question()]) };
        written("claude-opus-5", &call).unwrap()["system"][0]["cache_control"].clone()
    };
    assert_eq!(ttl(Cache::For(300_000)), json!({"type": "ephemeral"}));
    assert_eq!(ttl(Cache::For(300_001)), json!({"type": "ephemeral", "ttl": "1h"}));
    assert_eq!(ttl(Cache::Off), Value::Null);
}

#[test]
fn a_shape_is_asked_for_as_far_as_the_server_can_hold_to_it() {
    let list = Schema { name: "Tags".into(), json: json!({"type": "array", "items": {"type": "string"}}) };
    let free = Schema { name: "Any".into(), json: json!({"type": "object", "additionalProperties": {}}) };
    let ask = |model: &str, base_url: Option<&str>, schema: &Schema, change: &dyn Fn(&mut Call)| {
        let mut call = Call { schema: Some(schema.clone()), ..hi() };
        change(&mut call);
        at(model, base_url, &call).unwrap()
    };
    let other = Some("http://127.0.0.1:1");
    let told = |body: &Value| {
        let system =
            body["system"].as_array().and_then(|all| all.last()?["text"].as_str()).unwrap_or_default();
        system.starts_with("Answer with one JSON document")
    };
    let root = json!({
        "type": "object",
        "properties": {"value": {"type": "array", "items": {"type": "string"}}},
        "required": ["value"],
        "additionalProperties": false,
    });

    let native = ask("claude-haiku-4-5", other, &list, &|_| {});
    assert_eq!(native["output_config"], json!({"format": {"type": "json_schema", "schema": root}}));
    assert!(!told(&native) && native.get("tools").is_none());
    // What can't be said in such a schema is said in words.
    let words = ask("claude-haiku-4-5", None, &free, &|_| {});
    assert!(told(&words) && words.get("output_config").is_none() && words.get("tools").is_none());

    // Other servers, and old models, hold only the arguments of tools to a schema.
    for (model, url) in [("tiny", other), ("claude-3-haiku-20240307", None)] {
        let forced = ask(model, url, &list, &|_| {});
        assert_eq!(forced["tools"][0]["name"], "answer");
        assert_eq!(forced["tools"][0]["input_schema"], root);
        assert_eq!(forced["tool_choice"], json!({"type": "tool", "name": "answer"}));
    }
    let beside = ask("tiny", other, &list, &|call| call.tools = vec![spec("answer")]);
    assert_eq!(beside["tools"][1]["name"], "answer_");
    assert_eq!(beside["tool_choice"], json!({"type": "any"}));
    let last = ask("tiny", other, &list, &|call| {
        call.tools = vec![spec("f")];
        call.tool_choice = ToolChoice::None;
    });
    assert_eq!(last["tool_choice"], json!({"type": "tool", "name": "answer"}));
    let thinking = ask("tiny", other, &list, &|call| call.sampling.thinking = Some(Thinking::On));
    assert!(told(&thinking) && thinking.get("tools").is_none());

    // An answer that has begun can't be held to the whole of a schema, and newer models don't go on with one.
    let begin = |call: &mut Call| call.messages.push(Message::text(Role::Assistant, "{ "));
    let begun = ask("claude-haiku-4-5", None, &list, &begin);
    assert!(told(&begun) && begun.get("output_config").is_none());
    assert_eq!(begun["messages"][1]["content"][0]["text"], "{");
    let mut call = hi();
    begin(&mut call);
    assert!(written("claude-opus-5", &call).unwrap_err().message.contains("the beginning of its answer"));
}
