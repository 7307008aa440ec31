//! Which blocks of a request end what is kept in the cache.

use flow_ir::plan::Cache;
use serde_json::{Map, Value, json};

/// What is kept longer than this is kept for an hour.
const SHORT_MS: u64 = 5 * 60 * 1000;

/// Marks the ends of what may be asked again: tools, instructions, and in a conversation what was said before and is
/// said now. That makes four at most, as many as there may be.
pub(super) fn mark(body: &mut Map<String, Value>, cache: Option<Cache>) {
    let mut control = json!({"type": "ephemeral"});
    match cache {
        None | Some(Cache::Off) => return,
        Some(Cache::For(ms)) if ms > SHORT_MS => control["ttl"] = json!("1h"),
        Some(Cache::On | Cache::For(_)) => {}
    }
    let mut marked = false;
    for key in ["tools", "system"] {
        if let Some(last) = body.get_mut(key).and_then(Value::as_array_mut).and_then(|all| all.last_mut()) {
            last["cache_control"] = control.clone();
            marked = true;
        }
    }
    let Some(messages) = body.get_mut("messages").and_then(Value::as_array_mut) else { return };
    let mut users: Vec<&mut Vec<Value>> = messages
        .iter_mut()
        .filter(|message| message["role"] == "user")
        .filter_map(|message| message["content"].as_array_mut())
        .collect();
    let is_conversation = users.len() > 1;
    let Some(now) = users.pop() else { return };
    let media = |block: &Value| matches!(block["type"].as_str(), Some("image" | "document"));
    let end = match now.iter().rposition(media) {
        _ if is_conversation => now.len() - 1,
        // What is asked of a file changes, the file doesn't.
        Some(at) => at,
        // A question of its own is seldom asked again.
        None if marked => return,
        None => now.len() - 1,
    };
    now[end]["cache_control"] = control.clone();
    // Where the answer before this one found its beginning, this one does, however much was said since.
    if let Some(before) = users.pop().and_then(|blocks| blocks.last_mut()) {
        before["cache_control"] = control;
    }
}
