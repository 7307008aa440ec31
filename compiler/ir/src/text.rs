//! Plans as text. A long expression nests deeper than readers of JSON go, and deeper than a small stack: what lies deep is
//! written beside the plan, and all of it is done on a stack that is large enough.

use serde_json::{Map, Value as Json, json};

use crate::Plan;

/// Below so many levels the rest of a branch becomes a part of its own; readers of JSON stop at 128.
const LEVELS_MAX: usize = 64;

/// Where the parts stand, and what stands in their place.
const PARTS: &str = "parts";
const PART: &str = "$part";

/// The stack for a plan whose expressions have the 1,000 operators that a program may write.
const STACK_BYTES: usize = 256 << 20;

impl Plan {
    /// Writes the plan as JSON that nests less deep than any reader's limit.
    pub fn to_text(&self) -> String {
        with_stack(|| {
            let mut parts = Vec::new();
            let mut json = hoisted(serde_json::to_value(self).expect("a plan is plain data"), 0, &mut parts);
            if let (Some(object), false) = (json.as_object_mut(), parts.is_empty()) {
                object.insert(PARTS.into(), Json::Array(parts));
            }
            json.to_string()
        })
    }

    /// Reads what [`Plan::to_text`] wrote.
    pub fn from_text(text: &str) -> Result<Plan, serde_json::Error> {
        let mut json: Json = serde_json::from_str(text)?;
        let parts = match json.as_object_mut().and_then(|object| object.shift_remove(PARTS)) {
            Some(Json::Array(parts)) => parts,
            _ => Vec::new(),
        };
        with_stack(move || {
            let mut parts: Vec<Option<Json>> = parts.into_iter().map(Some).collect();
            serde_json::from_value(joined(json, &mut parts))
        })
    }
}

/// Moves what lies deep to the parts.
fn hoisted(json: Json, depth: usize, parts: &mut Vec<Json>) -> Json {
    let is_branch = json.is_object() || json.is_array();
    if depth == LEVELS_MAX && is_branch {
        let index = parts.len();
        parts.push(Json::Null);
        parts[index] = hoisted(json, 0, parts);
        return json!({PART: index});
    }
    match json {
        Json::Array(items) => {
            Json::Array(items.into_iter().map(|item| hoisted(item, depth + 1, parts)).collect())
        }
        Json::Object(map) => {
            let entries = map.into_iter().map(|(key, value)| (key, hoisted(value, depth + 1, parts)));
            Json::Object(entries.collect::<Map<_, _>>())
        }
        scalar => scalar,
    }
}

/// Puts the parts back, each once: what names a part that is gone stays as it is, and is then no plan.
fn joined(json: Json, parts: &mut Vec<Option<Json>>) -> Json {
    match json {
        Json::Array(items) => Json::Array(items.into_iter().map(|item| joined(item, parts)).collect()),
        Json::Object(map) => {
            let index = if map.len() == 1 { map.get(PART).and_then(Json::as_u64) } else { None };
            let part = index.and_then(|index| parts.get_mut(usize::try_from(index).ok()?)?.take());
            match part {
                Some(part) => joined(part, parts),
                None => {
                    Json::Object(map.into_iter().map(|(key, value)| (key, joined(value, parts))).collect())
                }
            }
        }
        scalar => scalar,
    }
}

/// Runs on a large stack; on the caller's own if no thread can be had.
pub(crate) fn with_stack<T: Send>(run: impl FnOnce() -> T + Send) -> T {
    let mut run = Some(run);
    let mut result = None;
    let spawned = std::thread::scope(|scope| {
        let (run, result) = (&mut run, &mut result);
        std::thread::Builder::new()
            .stack_size(STACK_BYTES)
            .spawn_scoped(scope, move || *result = run.take().map(|run| run()))
            .map(std::thread::ScopedJoinHandle::join)
    });
    match (spawned, result, run) {
        (_, Some(result), _) => result,
        (Ok(Err(panic)), ..) => std::panic::resume_unwind(panic),
        (_, None, Some(run)) => run(),
        (_, None, None) => unreachable!("what has run has a result or a panic"),
    }
}
