//! Inputs of the first flow, against its parameters.

use flow_expr::VALUE_BYTES_MAX;
use flow_ir::{Plan, Value};
use flow_runtime_api::{Failure, Kind};
use serde_json::Value as Json;

use crate::engine::Run;
use crate::json::{describe, encode};

/// Returns the arguments, and the inputs with their defaults as they are recorded.
pub(crate) fn read(
    run: &Run,
    plan: &Plan,
    mut inputs: serde_json::Map<String, Json>,
) -> Result<(Vec<Value>, serde_json::Map<String, Json>), Failure> {
    let wrong = |message: String| Failure::new(Kind::BadShape, message);
    let mut args = Vec::with_capacity(plan.main().params.len());
    let mut recorded = serde_json::Map::new();
    for param in &plan.main().params {
        let value = match (inputs.shift_remove(param.name.as_str()), &param.default) {
            (Some(json), _) => run
                .decode(plan, &json, &param.ty)
                .map_err(|violations| wrong(format!("input `{}`: {}", param.name, describe(&violations))))?,
            (None, Some(default)) => run
                .compute(plan, &flow_expr::NoFrame, default)
                .map_err(|error| wrong(format!("default of `{}`: {}", param.name, error.message)))?,
            (None, None) if param.ty.allows_null() => Value::Null,
            (None, None) => return Err(wrong(format!("input `{}` is missing", param.name))),
        };
        // A text is written as it stands, so that its size is looked at here.
        let is_large = matches!(&value, Value::String(text) if text.len() > VALUE_BYTES_MAX);
        let json = match is_large {
            true => return Err(wrong(format!("input `{}`: must be at most 16 MiB, got more", param.name))),
            false => encode(plan, &value, &param.ty)
                .map_err(|failure| wrong(format!("input `{}`: {}", param.name, failure.message)))?,
        };
        recorded.insert(param.name.to_string(), json);
        args.push(value);
    }
    match inputs.keys().next() {
        Some(name) => Err(wrong(format!("the flow has no input `{name}`"))),
        None => Ok((args, recorded)),
    }
}
