//! HTTP tools: from parameters to a request, and from a response to a value of the type (R7).

use base64::prelude::*;
use flow_ir::plan::{Decode, Grant, Http, Node, NodeKind, SecretPiece, SecretText, Step};
use flow_ir::{Expr, Name, Plan, Type, Value};
use flow_runtime_api::{Failure, HttpAnswer, HttpRequest, Kind, escape_marks, mark};
use serde_json::{Value as Json, json};
use sha2::{Digest, Sha256};

use super::{Prepared, Request, StepState, Verdict};
use crate::coordinate::percent_encode;
use crate::engine::Run;
use crate::json::encode;

/// How much of an error's body its message shows, in characters.
const SHOWN_MAX: usize = 300;

impl Run {
    pub(super) fn prepare_http(
        &mut self,
        plan: &Plan,
        node: &Node,
        http: &Http,
        _step: &Step,
        state: &StepState,
    ) -> Result<Prepared, Failure> {
        let mut secrets = Vec::new();
        let url = self.url(plan, state, &http.url, &mut secrets)?;
        let query = self.query(plan, state, http, &mut secrets)?;
        let mut headers = Vec::with_capacity(http.headers.len());
        for (name, text) in &http.headers {
            for value in self.texts(plan, state, text, &mut secrets)? {
                if value.contains(['\r', '\n', '\0']) {
                    return Err(bad_value(format!("the header `{name}` may not hold a line break")));
                }
                headers.push((name.clone(), value));
            }
        }
        let (body, content_type) = match &http.body {
            Some((body, ty)) => self.body(plan, state, body, ty)?,
            None => (None, None),
        };
        let has_type = headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("content-type"));
        let key = match &http.idempotent {
            Some(by) => {
                let by = self.of_params(plan, state, by)?;
                let by = flow_ir::json::untyped(&by).map_err(|error| bad_value(error.to_string()))?;
                digest(&json!([node.name, by]))
            }
            None => digest(&json!([self.settings.run.0, state.coordinate, state.repair])),
        };
        let request = HttpRequest {
            method: http.method.to_string(),
            url,
            query,
            headers,
            body,
            content_type: content_type.filter(|_| !has_type),
            idempotency_key: (!is_safe(http)).then_some(key),
            repeatable: is_repeatable(http),
            allow: plan.allow.iter().filter_map(host).collect(),
            limit_bytes: http.limit_bytes,
        };
        let fingerprint = digest(&json!({
            "method": request.method,
            "url": request.url,
            "query": request.query,
            "headers": request.headers,
            "body": request.body,
            "content_type": request.content_type,
        }));
        secrets.sort();
        secrets.dedup();
        let request = Request::Fetch(Box::new(request), secrets);
        Ok(Prepared { request, fingerprint, model: None, repeatable: self.is_repeatable(plan, state.node) })
    }

    /// Renders a URL: what is spliced after the host is one component each.
    fn url(
        &self,
        plan: &Plan,
        state: &StepState,
        url: &SecretText,
        secrets: &mut Vec<Name>,
    ) -> Result<String, Failure> {
        let mut out = String::new();
        // What stands between two secrets, to be escaped as one text.
        let mut run = String::new();
        for piece in &url.0 {
            match piece {
                SecretPiece::Text(text) => run.push_str(text),
                SecretPiece::Expr(expr) => {
                    let text = plain_text(&self.of_params(plan, state, expr)?)?;
                    if is_after_host(&out) || is_after_host(&format!("{out}{run}")) {
                        run.push_str(&percent_encode(&text));
                    } else if text
                        .contains(|c: char| c.is_control() || c.is_whitespace() || "\\@".contains(c))
                    {
                        return Err(bad_value("the host of a URL may not hold such text"));
                    } else {
                        run.push_str(&text);
                    }
                }
                SecretPiece::Secret(name) => {
                    out.push_str(&escape_marks(&run));
                    run.clear();
                    out.push_str(&mark(name));
                    secrets.push(name.clone());
                }
            }
        }
        out.push_str(&escape_marks(&run));
        let path = out.split(['?', '#']).next().unwrap_or_default();
        let path = path.split_once("://").map_or(path, |(_, rest)| rest);
        if path.split('/').skip(1).any(|segment| segment == "." || segment == "..") {
            return Err(bad_value("a part of a URL's path may be neither `.` nor `..`"));
        }
        Ok(out)
    }

    fn query(
        &self,
        plan: &Plan,
        state: &StepState,
        http: &Http,
        secrets: &mut Vec<Name>,
    ) -> Result<Vec<(String, String)>, Failure> {
        let mut query = Vec::with_capacity(http.query.len());
        for (name, text) in &http.query {
            for value in self.texts(plan, state, text, secrets)? {
                query.push((name.clone(), value));
            }
        }
        let Some(map) = &http.query_map else { return Ok(query) };
        let mut add = |name: String, value: &Value| {
            values(value, &mut |text| query.push((name.clone(), escape_marks(&text).into_owned())))
        };
        match self.of_params(plan, state, map)? {
            Value::Map(map) => map.iter().try_for_each(|(key, value)| add(key.text(), value))?,
            Value::Record(record) => record
                .shape
                .fields
                .iter()
                .zip(&record.slots)
                .try_for_each(|(name, value)| add(name.to_string(), value))?,
            Value::Null => {}
            _ => return Err(bad_value("`query` is neither a record nor a map")),
        }
        Ok(query)
    }

    /// Renders a text with secrets. One that is a single value has none for null and one for each element of a list.
    fn texts(
        &self,
        plan: &Plan,
        state: &StepState,
        text: &SecretText,
        secrets: &mut Vec<Name>,
    ) -> Result<Vec<String>, Failure> {
        let mut all = Vec::with_capacity(1);
        if let [SecretPiece::Expr(expr)] = text.0.as_slice() {
            let value = self.of_params(plan, state, expr)?;
            values(&value, &mut |text| all.push(escape_marks(&text).into_owned()))?;
            return Ok(all);
        }
        let mut out = String::new();
        let mut run = String::new();
        for piece in &text.0 {
            match piece {
                SecretPiece::Text(text) => run.push_str(text),
                SecretPiece::Expr(expr) => run.push_str(&plain_text(&self.of_params(plan, state, expr)?)?),
                SecretPiece::Secret(name) => {
                    out.push_str(&escape_marks(&run));
                    run.clear();
                    out.push_str(&mark(name));
                    secrets.push(name.clone());
                }
            }
        }
        out.push_str(&escape_marks(&run));
        all.push(out);
        Ok(all)
    }

    /// Renders a body in base64, with its content type.
    fn body(
        &self,
        plan: &Plan,
        state: &StepState,
        body: &Expr,
        ty: &Type,
    ) -> Result<(Option<String>, Option<String>), Failure> {
        let (bytes, content_type) = match self.of_params(plan, state, body)? {
            Value::Null if ty.allows_null() && !matches!(ty, Type::Json) => return Ok((None, None)),
            Value::String(text) if !matches!(ty, Type::Json) => {
                (BASE64_STANDARD.encode(text.as_bytes()), "text/plain; charset=utf-8")
            }
            Value::Bytes(bytes) => (BASE64_STANDARD.encode(&bytes), "application/octet-stream"),
            value => {
                let json = encode(plan, &value, ty)?;
                (BASE64_STANDARD.encode(json.to_string()), "application/json")
            }
        };
        Ok((Some(bytes), Some(content_type.into())))
    }

    /// Reads a response as a value of the node's type.
    pub(super) fn read_http(&self, plan: &Plan, state: &StepState, answer: HttpAnswer) -> Verdict {
        let node = &plan.nodes[state.node as usize];
        let NodeKind::Http(http) = &node.kind else { return Verdict::default() };
        if !(200..300).contains(&answer.status) {
            return Verdict::Failed(status_failure(&answer));
        }
        let limit = usize::try_from(http.limit_bytes).unwrap_or(usize::MAX).min(flow_expr::VALUE_BYTES_MAX);
        if answer.body.len() > limit {
            return Verdict::Failed(Failure::new(
                Kind::Exhausted,
                format!("a response of more than {limit} bytes"),
            ));
        }
        let bad_shape = |message: String| Verdict::Failed(Failure::new(Kind::BadShape, message));
        match http.decode {
            Decode::Json if answer.body.is_empty() => self.read_json(plan, state, Json::Null),
            Decode::Json => match serde_json::from_slice(&answer.body) {
                Ok(json) => self.read_json(plan, state, json),
                Err(error) => bad_shape(format!("the response is no JSON: {error}")),
            },
            Decode::Text => match String::from_utf8(answer.body) {
                Ok(text) => self.read_json(plan, state, Json::from(text)),
                Err(_) => bad_shape("the response is no UTF-8 text".into()),
            },
            Decode::Bytes => self.read_json(plan, state, Json::from(BASE64_STANDARD.encode(&answer.body))),
        }
    }
}

/// Whether a method changes nothing.
fn is_safe(http: &Http) -> bool {
    matches!(http.method.as_str(), "GET" | "HEAD")
}

pub(super) fn is_repeatable(http: &Http) -> bool {
    is_safe(http) || http.idempotent.is_some()
}

/// Whether a URL that ends here has its host behind it.
fn is_after_host(url: &str) -> bool {
    url.split_once("://").is_some_and(|(_, rest)| rest.contains(['/', '?', '#']))
}

fn host(grant: &Grant) -> Option<String> {
    match grant {
        Grant::Net(host) => Some(host.clone()),
        _ => None,
    }
}

fn bad_value(message: impl Into<String>) -> Failure {
    Failure::new(Kind::BadValue, message)
}

/// Gives a value's texts: none for null, one for each element of a list.
fn values(value: &Value, give: &mut dyn FnMut(String)) -> Result<(), Failure> {
    match value {
        Value::Null => {}
        Value::List(items) => {
            for item in items.iter() {
                give(plain_text(item)?);
            }
        }
        other => give(plain_text(other)?),
    }
    Ok(())
}

/// Returns a scalar as the text that stands for it on a wire.
fn plain_text(value: &Value) -> Result<String, Failure> {
    match value {
        Value::String(text) => Ok(text.to_string()),
        Value::Null => Ok(String::new()),
        other => match flow_ir::json::untyped(other) {
            Ok(Json::String(text)) => Ok(text),
            Ok(json @ (Json::Bool(_) | Json::Number(_))) => Ok(json.to_string()),
            _ => Err(bad_value("only texts, numbers, bools and enums can stand here")),
        },
    }
}

/// Says what a status means.
fn status_failure(answer: &HttpAnswer) -> Failure {
    let kind = match answer.status {
        401 | 403 => Kind::Refused,
        408 | 504 => Kind::Timeout,
        429 => Kind::RateLimited,
        500..=599 => Kind::Unavailable,
        _ => Kind::ToolFailed,
    };
    let body = String::from_utf8_lossy(&answer.body[..answer.body.len().min(4 * SHOWN_MAX)]);
    let shown: String = body.trim().chars().take(SHOWN_MAX).collect();
    let colon = if shown.is_empty() { "" } else { ": " };
    Failure::new(kind, format!("the server answered {}{colon}{shown}", answer.status))
}

fn digest(json: &Json) -> String {
    flow_ir::plan::hex(&Sha256::digest(flow_ir::plan::canonical(json)))
}
