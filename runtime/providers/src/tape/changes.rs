//! What is asked otherwise: two requests held against each other part by part, each named as a program's author knows it.

use std::collections::BTreeSet;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Serialize;
use serde_json::{Map, Value};

/// Changes of one entry that are told.
pub const CHANGES_MAX: usize = 40;
/// Depth to which values are compared part by part; deeper ones are compared whole.
const DEPTH_MAX: usize = 40;

/// One part that is another now.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Change {
    /// Which: `user`, `temperature`, `schema score.maximum`, `tool search description`, `header accept`, `body order.id`.
    pub part: String,
    /// What the tape has; none if it has no such part.
    pub was: Option<Value>,
    /// What is asked; none if no such part is.
    pub now: Option<Value>,
}

/// Returns what differs between two requests.
pub(super) fn between(was: &Value, now: &Value) -> Vec<Change> {
    let mut changes = Changes(Vec::new());
    match (was, now) {
        (Value::Object(was), Value::Object(now))
            if was.contains_key("messages") && now.contains_key("messages") =>
        {
            changes.call(was, now);
        }
        (Value::Object(was), Value::Object(now))
            if was.contains_key("method") && now.contains_key("method") =>
        {
            changes.http(was, now);
        }
        _ => changes.values("", Some(was), Some(now), DEPTH_MAX),
    }
    changes.0
}

struct Changes(Vec<Change>);

impl Changes {
    fn add(&mut self, part: &str, was: Option<&Value>, now: Option<&Value>) {
        if was != now && self.0.len() < CHANGES_MAX {
            let part = if part.is_empty() { "request" } else { part.trim_end() };
            self.0.push(Change { part: part.to_owned(), was: was.cloned(), now: now.cloned() });
        }
    }

    /// A question to a model.
    fn call(&mut self, was: &Map<String, Value>, now: &Map<String, Value>) {
        self.add("model", was.get("model"), now.get("model"));
        let list = |map: &Map<String, Value>, key: &str| -> Vec<Value> {
            map.get(key).and_then(Value::as_array).cloned().unwrap_or_default()
        };
        self.messages(&list(was, "messages"), &list(now, "messages"));
        let schema = |map: &Map<String, Value>, key: &str| {
            map.get("schema").and_then(|schema| schema.get(key)).cloned()
        };
        self.add("schema name", schema(was, "name").as_ref(), schema(now, "name").as_ref());
        self.schema("schema ", schema(was, "json").as_ref(), schema(now, "json").as_ref());
        self.tools(&list(was, "tools"), &list(now, "tools"));
        self.add("tool choice", was.get("tool_choice"), now.get("tool_choice"));
        let empty = Map::new();
        let sampling = |map: &'_ Map<String, Value>| map.get("sampling").and_then(Value::as_object).cloned();
        let (was, now) = (sampling(was).unwrap_or(empty.clone()), sampling(now).unwrap_or(empty));
        for key in keys(&was, &now) {
            self.values(key, was.get(key), now.get(key), DEPTH_MAX);
        }
    }

    /// Messages that both have at the beginning and the end are the same; those between are held against each other in order.
    fn messages(&mut self, was: &[Value], now: &[Value]) {
        let begin = was.iter().zip(now).take_while(|(was, now)| was == now).count();
        let (was_rest, now_rest) = (&was[begin..], &now[begin..]);
        let end =
            was_rest.iter().rev().zip(now_rest.iter().rev()).take_while(|(was, now)| was == now).count();
        let (was_rest, now_rest) = (&was_rest[..was_rest.len() - end], &now_rest[..now_rest.len() - end]);
        for at in 0..was_rest.len().max(now_rest.len()) {
            let (one, other) = (was_rest.get(at), now_rest.get(at));
            match (one, other) {
                (Some(one), Some(other)) if role(one) == role(other) => {
                    let name = self.message_name(now, begin + at);
                    self.parts(&name, one, other);
                }
                _ => {
                    if let Some(one) = one {
                        let name = self.message_name(was, begin + at);
                        self.add(&name, Some(&said(one)), None);
                    }
                    if let Some(other) = other {
                        let name = self.message_name(now, begin + at);
                        self.add(&name, None, Some(&said(other)));
                    }
                }
            }
        }
    }

    /// Returns `user`, or `user message 2` where there are several.
    fn message_name(&self, all: &[Value], at: usize) -> String {
        let role = role(&all[at]);
        let same = |messages: &[Value]| messages.iter().filter(|message| self::role(message) == role).count();
        match same(all) {
            1 => role.to_owned(),
            _ => format!("{role} message {}", same(&all[..at]) + 1),
        }
    }

    fn parts(&mut self, name: &str, was: &Value, now: &Value) {
        let parts =
            |message: &Value| message.get("parts").and_then(Value::as_array).cloned().unwrap_or_default();
        let (was_parts, now_parts) = (parts(was), parts(now));
        if was_parts.len() != now_parts.len() {
            return self.add(name, Some(&said(was)), Some(&said(now)));
        }
        for (was, now) in was_parts.iter().zip(&now_parts) {
            let one =
                |part: &Value, kind: &str, key: &str| part.get(kind).and_then(|part| part.get(key)).cloned();
            match (text(was), text(now)) {
                (Some(was), Some(now)) => self.add(name, Some(was), Some(now)),
                _ if one(was, "tool_result", "id").is_some()
                    && one(was, "tool_result", "name") == one(now, "tool_result", "name") =>
                {
                    let tool = one(now, "tool_result", "name").unwrap_or_default();
                    let part = format!("result of {} ", tool.as_str().unwrap_or_default());
                    self.values(&part, was.get("tool_result"), now.get("tool_result"), DEPTH_MAX);
                }
                _ => self.values(&format!("{name} "), Some(was), Some(now), DEPTH_MAX),
            }
        }
    }

    fn tools(&mut self, was: &[Value], now: &[Value]) {
        let name = |tool: &Value| tool.get("name").and_then(Value::as_str).unwrap_or_default().to_owned();
        let names: Vec<String> = was.iter().map(name).collect();
        for (name_was, tool) in names.iter().zip(was) {
            let part = format!("tool {name_was}");
            match now.iter().find(|other| name(other) == *name_was) {
                Some(other) => {
                    let get = |tool: &Value, key: &str| tool.get(key).cloned();
                    self.add(
                        &format!("{part} description"),
                        get(tool, "description").as_ref(),
                        get(other, "description").as_ref(),
                    );
                    self.schema(
                        &format!("{part} "),
                        get(tool, "parameters").as_ref(),
                        get(other, "parameters").as_ref(),
                    );
                }
                None => self.add(&part, Some(tool), None),
            }
        }
        for tool in now.iter().filter(|tool| !names.contains(&name(tool))) {
            self.add(&format!("tool {}", name(tool)), None, Some(tool));
        }
        let now_names: Vec<String> = now.iter().map(name).collect();
        let is_reordered =
            names != now_names && names.iter().collect::<BTreeSet<_>>() == now_names.iter().collect();
        if is_reordered {
            self.add("order of tools", Some(&Value::from(names)), Some(&Value::from(now_names)));
        }
    }

    /// A schema: its fields are named as the type's are.
    fn schema(&mut self, part: &str, was: Option<&Value>, now: Option<&Value>) {
        let from = self.0.len();
        self.values(part, was, now, DEPTH_MAX);
        for change in &mut self.0[from..] {
            change.part = change
                .part
                .replace(" properties.", " ")
                .replace(".properties.", ".")
                .replace(".items.", "[].");
        }
    }

    fn http(&mut self, was: &Map<String, Value>, now: &Map<String, Value>) {
        for key in ["method", "url"] {
            self.add(key, was.get(key), now.get(key));
        }
        self.pairs("query", was.get("query"), now.get("query"));
        self.pairs("header", was.get("headers"), now.get("headers"));
        let (was_body, now_body) = (was.get("body").map(body), now.get("body").map(body));
        self.values("body ", was_body.as_ref(), now_body.as_ref(), DEPTH_MAX);
        if self.0.is_empty() {
            // Two spellings of one document are two bodies.
            self.add("body", was.get("body"), now.get("body"));
        }
        self.add("content type", was.get("content_type"), now.get("content_type"));
    }

    /// Lists of name and value.
    fn pairs(&mut self, part: &str, was: Option<&Value>, now: Option<&Value>) {
        let read = |list: Option<&Value>| -> Vec<(String, Value)> {
            let pairs = list.and_then(Value::as_array).into_iter().flatten();
            pairs.filter_map(|pair| Some((pair.get(0)?.as_str()?.to_owned(), pair.get(1)?.clone()))).collect()
        };
        let (was, now) = (read(was), read(now));
        let before = self.0.len();
        let names: BTreeSet<&String> = was.iter().chain(&now).map(|(name, _)| name).collect();
        for name in names {
            let of = |pairs: &[(String, Value)]| -> Vec<Value> {
                pairs.iter().filter(|(other, _)| other == name).map(|(_, value)| value.clone()).collect()
            };
            let (was, now) = (of(&was), of(&now));
            for at in 0..was.len().max(now.len()) {
                self.add(&format!("{part} {name}"), was.get(at), now.get(at));
            }
        }
        if self.0.len() == before && was != now {
            let order =
                |pairs: &[(String, Value)]| pairs.iter().map(|(name, _)| name.clone()).collect::<Value>();
            self.add(&format!("order of {part}s"), Some(&order(&was)), Some(&order(&now)));
        }
    }

    /// Any values: documents part by part. Where a part ends with a space, the names within it follow without a dot.
    fn values(&mut self, part: &str, was: Option<&Value>, now: Option<&Value>, depth: usize) {
        if was == now || self.0.len() >= CHANGES_MAX {
            return;
        }
        match (was, now) {
            (Some(Value::Object(was)), Some(Value::Object(now))) if depth > 0 => {
                for key in keys(was, now) {
                    let dot = if part.is_empty() || part.ends_with(' ') { "" } else { "." };
                    self.values(&format!("{part}{dot}{key}"), was.get(key), now.get(key), depth - 1);
                }
            }
            (Some(Value::Array(was)), Some(Value::Array(now))) if depth > 0 && was.len() == now.len() => {
                for (at, (was, now)) in was.iter().zip(now).enumerate() {
                    self.values(&format!("{part}[{at}]"), Some(was), Some(now), depth - 1);
                }
            }
            _ => self.add(part, was, now),
        }
    }
}

/// The keys of both, those of the first in their order before what only the second has.
fn keys<'a>(was: &'a Map<String, Value>, now: &'a Map<String, Value>) -> impl Iterator<Item = &'a str> {
    let added = now.keys().filter(|key| !was.contains_key(*key));
    was.keys().chain(added).map(String::as_str)
}

fn role(message: &Value) -> &str {
    message.get("role").and_then(Value::as_str).unwrap_or("message")
}

fn text(part: &Value) -> Option<&Value> {
    part.get("text").filter(|text| text.is_string())
}

/// Returns what a message says: its text if it is one, else all its parts.
fn said(message: &Value) -> Value {
    match message.get("parts").and_then(Value::as_array).map(Vec::as_slice) {
        Some([part]) if text(part).is_some() => text(part).cloned().unwrap_or_default(),
        _ => message.get("parts").cloned().unwrap_or_default(),
    }
}

/// Reads a body as what it is: a document, a text, else base64.
fn body(body: &Value) -> Value {
    let text = body.as_str().and_then(|encoded| STANDARD.decode(encoded).ok()).map(String::from_utf8);
    match text {
        Some(Ok(text)) => serde_json::from_str(&text).unwrap_or(Value::String(text)),
        _ => body.clone(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn check(was: Value, now: Value, expected: &[&str]) {
        let parts: Vec<String> = between(&was, &now).into_iter().map(|change| change.part).collect();
        assert_eq!(parts, expected, "{was} to {now}");
        let back = between(&now, &was).len();
        assert_eq!(back, parts.len(), "{now} to {was}");
    }

    fn call(edit: impl FnOnce(&mut Value)) -> Value {
        let mut call = json!({
            "model": "openai/a",
            "messages": [
                {"role": "system", "parts": [{"text": "Be brief."}]},
                {"role": "user", "parts": [{"text": "Hi"}]},
                {"role": "assistant", "parts": [{"tool_call": {"id": "1", "name": "look", "arguments": "{}"}}]},
                {"role": "tool", "parts": [{"tool_result": {"id": "1", "name": "look", "content": "x", "failed": false}}]},
            ],
            "schema": {"name": "Review", "json": {"type": "object", "properties": {"score": {"type": "integer", "maximum": 5}}}},
            "tools": [{"name": "look", "description": "Looks.", "parameters": {"type": "object", "properties": {"at": {"type": "string"}}}}],
            "sampling": {"temperature": 0.5},
        });
        edit(&mut call);
        call
    }

    #[test]
    fn a_question_differs_in_parts_with_names() {
        let was = || call(|_| {});
        check(was(), was(), &[]);
        check(was(), call(|c| c["model"] = json!("openai/b")), &["model"]);
        check(was(), call(|c| c["messages"][0]["parts"][0]["text"] = json!("Be long.")), &["system"]);
        check(
            was(),
            call(|c| c["messages"][3]["parts"][0]["tool_result"]["content"] = json!("y")),
            &["result of look content"],
        );
        check(
            was(),
            call(|c| c["messages"][2]["parts"][0]["tool_call"]["arguments"] = json!("[]")),
            &["assistant tool_call.arguments"],
        );
        check(was(), call(|c| drop(c["messages"].as_array_mut().unwrap().remove(0))), &["system"]);
        check(
            was(),
            call(|c| {
                c["messages"]
                    .as_array_mut()
                    .unwrap()
                    .push(json!({"role": "user", "parts": [{"text": "And?"}]}))
            }),
            &["user message 2"],
        );
        check(
            was(),
            call(|c| c["schema"]["json"]["properties"]["score"]["maximum"] = json!(10)),
            &["schema score.maximum"],
        );
        check(was(), call(|c| drop(c.as_object_mut().unwrap().remove("schema"))), &["schema name", "schema"]);
        check(was(), call(|c| c["tools"][0]["description"] = json!("Sees.")), &["tool look description"]);
        check(
            was(),
            call(|c| c["tools"][0]["parameters"]["properties"]["at"]["maxLength"] = json!(9)),
            &["tool look at.maxLength"],
        );
        check(was(), call(|c| c["tools"] = json!([])), &["tool look"]);
        check(was(), call(|c| c["sampling"] = json!({"temperature": 0.5, "seed": 1})), &["seed"]);
        check(was(), call(|c| c["sampling"] = json!({})), &["temperature"]);
    }

    #[test]
    fn a_request_of_a_tool_differs_in_parts_with_names() {
        let encode = |text: &str| STANDARD.encode(text);
        let was = || json!({"method": "POST", "url": "https://a/b", "query": [["q", "1"], ["q", "2"]], "headers": [["accept", "x"]], "body": encode("{\"id\":1,\"of\":{\"n\":2}}")});
        let but = |key: &str, value: Value| {
            let mut now = was();
            now[key] = value;
            now
        };
        check(was(), but("url", json!("https://a/c")), &["url"]);
        check(was(), but("query", json!([["q", "1"]])), &["query q"]);
        check(was(), but("query", json!([["q", "2"], ["q", "1"]])), &["query q", "query q"]);
        check(was(), but("headers", json!([["accept", "y"], ["x", "z"]])), &["header accept", "header x"]);
        check(was(), but("body", json!(encode("{\"id\":1,\"of\":{\"n\":3}}"))), &["body of.n"]);
        check(was(), but("body", json!(encode("{\"id\": 1,\"of\":{\"n\":2}}"))), &["body"]);
        check(was(), but("body", json!(encode("plain"))), &["body"]);
        check(was(), but("body", json!("/w==")), &["body"]);
    }

    #[test]
    fn anything_else_differs_by_its_fields_and_is_bounded() {
        check(
            json!({"via": "console", "form": {"a": 1}}),
            json!({"via": "console", "form": {"a": 2}}),
            &["form.a"],
        );
        check(json!("now"), json!("uuid"), &["request"]);
        let long = |by: i64| Value::from((0..1_000).map(|n| n + by).collect::<Vec<_>>());
        assert_eq!(between(&long(0), &long(1)).len(), CHANGES_MAX);
        let mut deep = json!(1);
        let mut other = json!(2);
        for _ in 0..100 {
            (deep, other) = (json!([deep]), json!([other]));
        }
        assert_eq!(between(&deep, &other).len(), 1);
    }
}
