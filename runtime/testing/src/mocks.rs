//! Mocks: which one answers a call. One that names the coordinate goes before one that names arguments, that before one
//! that names the node. Of those that are as good they are taken in the order in which they are written, each once; the
//! last is taken again and again.

use flow_ir::Value;
use flow_ir::json;
use flow_ir::test::Subject;
use flow_runtime_api::Failure;
use serde_json::Value as Json;

use crate::trace::matches;

/// A mock that serves.
pub(crate) struct Mock {
    pub of: Subject,
    pub given: Vec<(u32, Wanted)>,
    pub outcome: Result<Value, Failure>,
    pub after_ms: u64,
    pub used: bool,
}

/// What an argument must be.
pub(crate) enum Wanted {
    Is(Value),
    Has(Vec<(flow_ir::Name, Wanted)>),
}

/// A call that is to be answered.
pub(crate) struct Asked<'a> {
    pub of: &'a Subject,
    pub coordinate: &'a str,
    pub args: &'a [Value],
}

#[derive(Default)]
pub(crate) struct Mocks(pub Vec<Mock>);

impl Mocks {
    /// Takes the mock that answers a call.
    pub(crate) fn take(&mut self, asked: &Asked<'_>) -> Option<(Result<Value, Failure>, u64)> {
        let best = self.0.iter().filter_map(|mock| mock.rank(asked)).max()?;
        let mut fitting: Vec<&mut Mock> =
            self.0.iter_mut().filter(|mock| mock.rank(asked) == Some(best)).collect();
        let next = fitting.iter().position(|mock| !mock.used).unwrap_or(fitting.len().saturating_sub(1));
        let mock = fitting.get_mut(next)?;
        mock.used = true;
        Some((mock.outcome.clone(), mock.after_ms))
    }

    /// Whether a node or flow is mocked, but for other arguments.
    pub(crate) fn knows(&self, of: &Subject) -> bool {
        self.0.iter().any(|mock| mock.of == *of)
    }
}

impl Mock {
    /// How well it fits a call: none if it doesn't.
    fn rank(&self, asked: &Asked<'_>) -> Option<u8> {
        match &self.of {
            Subject::At(coordinate) => matches(coordinate, asked.coordinate).then_some(2),
            of if of != asked.of => None,
            _ if self.given.is_empty() => Some(0),
            _ => {
                let fits = |(index, wanted): &(u32, Wanted)| {
                    asked.args.get(*index as usize).is_some_and(|arg| wanted.fits(arg))
                };
                self.given.iter().all(fits).then_some(1)
            }
        }
    }
}

impl Wanted {
    fn fits(&self, arg: &Value) -> bool {
        match self {
            Wanted::Is(value) => is_same(value, arg),
            Wanted::Has(fields) => {
                fields.iter().all(|(name, wanted)| field(arg, name).is_some_and(|value| wanted.fits(value)))
            }
        }
    }
}

fn field<'v>(value: &'v Value, name: &str) -> Option<&'v Value> {
    match value {
        Value::Record(_) => value.get(name),
        Value::Map(map) => map.get(&flow_ir::value::Key::String(name.into())),
        _ => None,
    }
}

/// Whether two values are the same as JSON: a bare record and one of a type, an enum's value and its name.
fn is_same(a: &Value, b: &Value) -> bool {
    match (json::untyped(a), json::untyped(b)) {
        (Ok(a), Ok(b)) => same_json(&a, &b),
        _ => false,
    }
}

fn same_json(a: &Json, b: &Json) -> bool {
    match (a, b) {
        (Json::Number(a), Json::Number(b)) => a == b || a.as_f64() == b.as_f64(),
        (Json::Array(a), Json::Array(b)) => {
            a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same_json(a, b))
        }
        (Json::Object(a), Json::Object(b)) => {
            // A bare record doesn't say which member of a union it is, and may leave out what is null.
            let has = |a: &serde_json::Map<String, Json>, b: &serde_json::Map<String, Json>| {
                a.iter().all(|(key, value)| match b.get(key) {
                    Some(other) => same_json(value, other),
                    None => value.is_null() || key == "type",
                })
            };
            has(a, b) && has(b, a)
        }
        _ => a == b,
    }
}
