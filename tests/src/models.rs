//! What a model says on each wire: a text, or calls of tools, streamed as the vendors do or whole where that is asked for.

use std::net::TcpStream;

use serde_json::{Value as Json, json};

use crate::server::{Request, respond, respond_json};

/// A wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wire {
    /// OpenAI's chat completions.
    OpenAi,
    /// Ollama's own.
    Ollama,
    /// Anthropic's messages.
    Anthropic,
    /// Gemini's.
    Gemini,
}

/// What a model says.
#[derive(Clone, Debug)]
pub enum Say {
    /// A text.
    Text(String),
    /// Tools, each with its arguments.
    Calls(Vec<(&'static str, Json)>),
}

impl Wire {
    /// Returns the wire that a request is on; `None` if it isn't one to a model.
    pub fn of(request: &Request) -> Option<Wire> {
        let path = request.path.as_str();
        match path {
            _ if path.ends_with("/chat/completions") => Some(Wire::OpenAi),
            _ if path.ends_with("/api/chat") => Some(Wire::Ollama),
            _ if path.ends_with("/messages") => Some(Wire::Anthropic),
            _ if path.contains("enerateContent") => Some(Wire::Gemini),
            _ => None,
        }
    }

    /// Returns how often the model has asked for tools so far, and what it was shown of the last calls.
    pub fn turn(self, request: &Request) -> (usize, Vec<String>) {
        let body = request.json();
        let messages = match self {
            Wire::Gemini => &body["contents"],
            _ => &body["messages"],
        };
        let (mut turns, mut shown) = (0, Vec::new());
        for message in messages.as_array().into_iter().flatten() {
            let parts: Vec<&Json> = match self {
                Wire::Gemini => message["parts"].as_array().into_iter().flatten().collect(),
                _ => message["content"].as_array().into_iter().flatten().collect(),
            };
            let asks = message["tool_calls"].as_array().is_some_and(|calls| !calls.is_empty())
                || parts.iter().any(|part| part["type"] == "tool_use" || part.get("functionCall").is_some());
            if asks {
                turns += 1;
                shown.clear();
            }
            if message["role"] == "tool" {
                shown.push(message["content"].as_str().unwrap_or_default().to_owned());
            }
            for part in parts {
                if part["type"] == "tool_result" {
                    shown.push(part["content"].to_string());
                }
                if let Some(result) = part.get("functionResponse") {
                    shown.push(result["response"].to_string());
                }
            }
        }
        (turns, shown)
    }

    /// Returns the names of the tools that a request declares, and their parameters.
    pub fn tools(self, request: &Request) -> Vec<(String, Json)> {
        let body = request.json();
        let all = match self {
            Wire::Gemini => body["tools"][0]["functionDeclarations"].clone(),
            _ => body["tools"].clone(),
        };
        let tools = all.as_array().cloned().unwrap_or_default();
        let one = |tool: Json| {
            let tool = if tool.get("function").is_some() { tool["function"].clone() } else { tool };
            let schema = ["parameters", "input_schema", "parametersJsonSchema"];
            let schema = schema.iter().find_map(|key| tool.get(*key)).cloned().unwrap_or_default();
            (tool["name"].as_str().unwrap_or_default().to_owned(), schema)
        };
        tools.into_iter().map(one).collect()
    }

    /// Answers a request.
    pub fn say(self, request: &Request, stream: &mut TcpStream, say: &Say) {
        match self {
            Wire::OpenAi => open_ai(request, stream, say),
            Wire::Ollama => ollama(stream, say),
            Wire::Anthropic => anthropic(request, stream, say),
            Wire::Gemini => gemini(request, stream, say),
        }
    }
}

fn events(stream: &mut TcpStream, events: &[(Option<&str>, Json)]) {
    let mut body = String::new();
    for (name, data) in events {
        if let Some(name) = name {
            body.push_str(&format!("event: {name}\n"));
        }
        body.push_str(&format!("data: {data}\n\n"));
    }
    respond(stream, "200 OK", "text/event-stream", "", body.as_bytes());
}

fn open_ai(request: &Request, stream: &mut TcpStream, say: &Say) {
    let usage = json!({"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 15});
    let (message, finish) = match say {
        Say::Text(text) => (json!({"role": "assistant", "content": text}), "stop"),
        Say::Calls(calls) => {
            let one = |(at, (name, arguments)): (usize, &(&str, Json))| {
                let function = json!({"name": name, "arguments": arguments.to_string()});
                json!({"index": at, "id": format!("call_{at}"), "type": "function", "function": function})
            };
            let calls: Vec<Json> = calls.iter().enumerate().map(one).collect();
            (json!({"role": "assistant", "content": null, "tool_calls": calls}), "tool_calls")
        }
    };
    let head = json!({"id": "c1", "created": 1, "model": "local"});
    let with = |more: Json| {
        let mut all = head.clone();
        for (key, value) in more.as_object().into_iter().flatten() {
            all[key] = value.clone();
        }
        all
    };
    if request.json()["stream"] != true {
        let choice = json!({"index": 0, "message": message, "finish_reason": finish});
        let body = json!({"object": "chat.completion", "choices": [choice], "usage": usage});
        return respond_json(stream, &with(body));
    }
    let kind = "chat.completion.chunk";
    let first = json!({"index": 0, "delta": message, "finish_reason": null});
    let last = json!({"index": 0, "delta": {}, "finish_reason": finish});
    let chunks = [
        with(json!({"object": kind, "choices": [first]})),
        with(json!({"object": kind, "choices": [last]})),
        with(json!({"object": kind, "choices": [], "usage": usage})),
    ];
    let mut body: String = chunks.iter().map(|chunk| format!("data: {chunk}\n\n")).collect();
    body.push_str("data: [DONE]\n\n");
    respond(stream, "200 OK", "text/event-stream", "", body.as_bytes());
}

fn ollama(stream: &mut TcpStream, say: &Say) {
    let message = match say {
        Say::Text(text) => json!({"role": "assistant", "content": text}),
        Say::Calls(calls) => {
            let one = |(name, arguments): &(&str, Json)| json!({"function": {"name": name, "arguments": arguments}});
            let calls: Vec<Json> = calls.iter().map(one).collect();
            json!({"role": "assistant", "content": "", "tool_calls": calls})
        }
    };
    let at = "2026-01-01T00:00:00Z";
    let first = json!({"model": "local", "created_at": at, "message": message, "done": false});
    let last = json!({
        "model": "local", "created_at": at, "message": {"role": "assistant", "content": ""}, "done": true,
        "done_reason": "stop", "prompt_eval_count": 10, "eval_count": 5,
    });
    respond(stream, "200 OK", "application/x-ndjson", "", format!("{first}\n{last}\n").as_bytes());
}

fn anthropic(request: &Request, stream: &mut TcpStream, say: &Say) {
    let (blocks, reason): (Vec<Json>, &str) = match say {
        Say::Text(text) => (vec![json!({"type": "text", "text": text})], "end_turn"),
        Say::Calls(calls) => {
            let one = |(at, (name, input)): (usize, &(&str, Json))| json!({"type": "tool_use", "id": format!("toolu_{at}"), "name": name, "input": input});
            (calls.iter().enumerate().map(one).collect(), "tool_use")
        }
    };
    let message = |content: &[Json], reason: Json, written: u64| {
        json!({
            "id": "msg_1", "type": "message", "role": "assistant", "model": "local", "content": content,
            "stop_reason": reason, "stop_sequence": null,
            "usage": {"input_tokens": 10, "output_tokens": written},
        })
    };
    if request.json()["stream"] != true {
        return respond_json(stream, &message(&blocks, json!(reason), 5));
    }
    let start = json!({"type": "message_start", "message": message(&[], Json::Null, 1)});
    let mut all = vec![(Some("message_start"), start)];
    for (at, block) in blocks.iter().enumerate() {
        let (empty, delta) = match block["type"].as_str() {
            Some("text") => {
                (json!({"type": "text", "text": ""}), json!({"type": "text_delta", "text": block["text"]}))
            }
            _ => {
                let mut empty = block.clone();
                empty["input"] = json!({});
                let written = block["input"].to_string();
                (empty, json!({"type": "input_json_delta", "partial_json": written}))
            }
        };
        let begin = json!({"type": "content_block_start", "index": at, "content_block": empty});
        all.push((Some("content_block_start"), begin));
        let piece = json!({"type": "content_block_delta", "index": at, "delta": delta});
        all.push((Some("content_block_delta"), piece));
        all.push((Some("content_block_stop"), json!({"type": "content_block_stop", "index": at})));
    }
    let delta = json!({"stop_reason": reason, "stop_sequence": null});
    let end = json!({"type": "message_delta", "delta": delta, "usage": {"output_tokens": 5}});
    all.push((Some("message_delta"), end));
    all.push((Some("message_stop"), json!({"type": "message_stop"})));
    events(stream, &all);
}

fn gemini(request: &Request, stream: &mut TcpStream, say: &Say) {
    let parts: Vec<Json> = match say {
        Say::Text(text) => vec![json!({"text": text})],
        Say::Calls(calls) => {
            calls.iter().map(|(name, args)| json!({"functionCall": {"name": name, "args": args}})).collect()
        }
    };
    let answer = json!({
        "candidates": [{"content": {"role": "model", "parts": parts}, "finishReason": "STOP", "index": 0}],
        "usageMetadata": {"promptTokenCount": 10, "candidatesTokenCount": 5, "totalTokenCount": 15},
        "modelVersion": "local",
    });
    match request.path.contains("streamGenerateContent") {
        true => events(stream, &[(None, answer)]),
        false => respond_json(stream, &answer),
    }
}
