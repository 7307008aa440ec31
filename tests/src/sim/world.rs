//! What the outside says: the same to the same question at the same place, whatever happened before.

use base64::Engine as _;
use flow_ir::plan::BuiltIn;
use flow_runtime_api::{
    Answer, Call, Failure, FinishReason, HttpAnswer, HttpRequest, Kind, Message, Part, Role, ToolCall,
    ToolChoice, Usage,
};
use serde_json::{Value as Json, json};

/// Returns the answer of a node, or how it refuses: a question that begins with `!` says that it fails, and how.
pub fn answer(node: &str, step: &str, question: &str) -> Result<Json, Kind> {
    if let Some(rest) = question.strip_prefix('!') {
        let name = rest.split(' ').next().unwrap_or_default();
        return Err(Kind::ALL.iter().copied().find(|kind| kind.name() == name).unwrap_or(Kind::Refused));
    }
    let hash = match node {
        // Somebody may have to say what came of it without having seen what it asked.
        _ if is_writer(node) => hash(&[node, step]),
        // Whichever step waits for it gets the same.
        "arrived" => hash(&[node, question]),
        _ => hash(&[node, step, question]),
    };
    let kind = ["billing", "bug", "spam"][(hash >> 8) as usize % 3];
    let text = format!("{}{}", ["u", "v", "w"][hash as usize % 3], hash % 17);
    Ok(match node {
        "reject" => return Err(Kind::ToolFailed),
        "count" => json!(hash % 10),
        "send" => json!(hash % 100),
        "sort" => json!(kind),
        "judge" | "grade" | "dig" | "strict" => json!({"score": 1 + hash % 5, "kind": kind, "note": text}),
        "decide" if hash.is_multiple_of(2) => json!({"type": "Reply", "text": text}),
        "decide" => json!({"type": "Stop", "why": text, "code": hash % 9}),
        "arrived" => json!({"id": question, "place": text}),
        "words" => Json::from(["x", "y", "z"][..(hash % 4) as usize].to_vec()),
        _ => Json::from(text),
    })
}

/// Whether a node's requests must not be repeated.
pub fn is_writer(node: &str) -> bool {
    matches!(node, "send" | "reject")
}

/// Returns an answer that isn't of any node's type.
pub fn wrong() -> Json {
    Json::from("???")
}

/// Returns what a call asks.
pub fn question_of(call: &Call) -> String {
    let asked = call.messages.iter().find(|message| message.role == Role::User);
    asked
        .into_iter()
        .flat_map(|message| &message.parts)
        .filter_map(|part| if let Part::Text(text) = part { Some(text.as_str()) } else { None })
        .collect()
}

/// Returns the tools that a model asks for before it answers: of some questions none, of others two at once, and now and
/// then one that isn't there, or with arguments that aren't right.
pub fn calls(call: &Call, step: &str) -> Vec<ToolCall> {
    if call.tools.is_empty() || call.tool_choice == ToolChoice::None {
        return Vec::new();
    }
    // What was wrong with an answer changes nothing.
    let told = |message: &&Message| message.role == Role::Tool;
    let asked = call.messages.iter().find(|message| message.role == Role::User);
    let said: Vec<_> = asked.into_iter().chain(call.messages.iter().filter(told)).collect();
    let hash = hash(&[step, &serde_json::to_string(&said).unwrap_or_default()]);
    let count = [0, 1, 1, 2][hash as usize % 4];
    let one = |at: usize| {
        let hash = hash >> (4 + 8 * at);
        let tool = &call.tools[hash as usize % call.tools.len()];
        let properties = tool.parameters["properties"].as_object().into_iter().flatten();
        let arguments = properties.map(|(name, schema)| {
            let value = match schema["type"].as_str() {
                Some("integer") => json!(hash % 9),
                _ => json!(format!("a{}", hash % 5)),
            };
            (name.clone(), value)
        });
        let arguments = Json::Object(arguments.collect()).to_string();
        let (name, arguments) = match hash % 11 {
            0 => (String::from("nothing"), arguments),
            1 => (tool.name.clone(), String::from("{\"odd\":1}")),
            _ => (tool.name.clone(), arguments),
        };
        ToolCall { id: format!("{step}#{at}"), name, arguments }
    };
    (0..count).map(one).collect()
}

/// What every program has: the same at the same place.
pub fn drawn(what: BuiltIn, step: &str) -> Json {
    match what {
        BuiltIn::Now => json!("2026-01-01T00:00:00Z"),
        BuiltIn::Random => json!((hash(&[step]) % 1_000) as f64 / 1_000.0),
        BuiltIn::Uuid => json!(format!("{:08x}-0000-4000-8000-000000000000", hash(&[step]) as u32)),
    }
}

/// Returns what a request asks.
pub fn question_in(request: &HttpRequest) -> String {
    if let Some((_, text)) = request.query.iter().find(|(name, _)| name == "q") {
        return text.clone();
    }
    let body = request.body.as_deref().unwrap_or_default();
    let bytes = base64::engine::general_purpose::STANDARD.decode(body).unwrap_or_default();
    let json: Json = serde_json::from_slice(&bytes).unwrap_or_default();
    json["text"].as_str().unwrap_or_default().to_owned()
}

/// A model's answer on its wire.
pub fn as_answer(value: &Json, is_text: bool, usage: Option<Usage>) -> Answer {
    let text = match value {
        Json::String(text) if is_text => text.clone(),
        value => value.to_string(),
    };
    Answer { text, usage, finish: FinishReason::Stop, ..Answer::default() }
}

/// A server's answer on its wire.
pub fn as_http(value: &Json, is_text: bool) -> HttpAnswer {
    let body = match value {
        Json::String(text) if is_text => text.clone(),
        value => value.to_string(),
    };
    HttpAnswer { status: 200, content_type: String::from("application/json"), body: body.into_bytes() }
}

/// How a failure of the outside reads: the same for the same kind.
pub fn failure(kind: Kind) -> Failure {
    Failure::new(kind, format!("the outside says {}", kind.name()))
}

fn hash(parts: &[&str]) -> u64 {
    let mut hash = 0xCBF2_9CE4_8422_2325u64;
    for byte in parts.iter().flat_map(|part| part.bytes().chain([0])) {
        hash = (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01B3);
    }
    hash ^ (hash >> 29)
}
