//! CEL optionals: values that may be absent, inside expressions only.

use std::sync::Arc;

use flow_ir::Value;

use super::Sig::*;
use super::Style::{Global, Method};
use super::{LIST_V0, OPTIONAL_V0, Overload, Sig, V0, list, no_overload, row};
use crate::{Env, Error};

pub(super) const ROWS: &[Overload] = &[
    row("optional_of", "optional.of", Global, &[V0], OPTIONAL_V0, "an optional that is present", |_, a| {
        present(a)
    }),
    row("optional_none", "optional.none", Global, &[], OPTIONAL_V0, "an optional that is absent", |_, _| {
        Ok(Value::Optional(None))
    }),
    row(
        "optional_of_non_zero",
        "optional.ofNonZeroValue",
        Global,
        &[V0],
        OPTIONAL_V0,
        "present unless it is null, false, 0 or empty",
        |_, a| match a {
            [value] if is_zero(value) => Ok(Value::Optional(None)),
            _ => present(a),
        },
    ),
    row("optional_has", "hasValue", Method, &[OPTIONAL_V0], Bool, "whether it is present", |_, a| {
        Ok(Value::Bool(optional(a)?.is_some()))
    }),
    row("optional_value", "value", Method, &[OPTIONAL_V0], V0, "its value; absent is an error", |_, a| {
        optional(a)?.map(|value| (**value).clone()).ok_or_else(|| Error::value("the optional has no value"))
    }),
    row("optional_or_value", "orValue", Method, &[OPTIONAL_V0, V0], V0, "its value, or another", |_, a| {
        Ok(optional(a)?.map_or_else(|| a[1].clone(), |value| (**value).clone()))
    }),
    row(
        "optional_or",
        "or",
        Method,
        &[OPTIONAL_V0, OPTIONAL_V0],
        OPTIONAL_V0,
        "itself if present, or another",
        or,
    ),
    row(
        "optional_unwrap",
        "optional.unwrap",
        Global,
        &[Sig::List(&OPTIONAL_V0)],
        LIST_V0,
        "the values of the optionals that are present",
        unwrap,
    ),
    row(
        "optional_unwrap_opt",
        "unwrapOpt",
        Method,
        &[Sig::List(&OPTIONAL_V0)],
        LIST_V0,
        "the values of the optionals that are present",
        unwrap,
    ),
];

fn unwrap(env: &Env<'_>, args: &[&Value]) -> Result<Value, Error> {
    let items = list(args, 0)?;
    env.meter.elements(items.len())?;
    let values = items.iter().filter_map(|item| match item {
        Value::Optional(value) => value.as_ref().map(|value| Ok((**value).clone())),
        other => Some(Err(no_overload(&[other]))),
    });
    Ok(Value::list(values.collect::<Result<_, _>>()?))
}

fn present(args: &[&Value]) -> Result<Value, Error> {
    match args {
        [value] => Ok(Value::Optional(Some(Arc::new((*value).clone())))),
        _ => Err(no_overload(args)),
    }
}

fn or(_: &Env<'_>, args: &[&Value]) -> Result<Value, Error> {
    Ok(if optional(args)?.is_some() { args[0].clone() } else { args[1].clone() })
}

fn optional<'a>(args: &[&'a Value]) -> Result<Option<&'a Arc<Value>>, Error> {
    match args.first() {
        Some(Value::Optional(value)) => Ok(value.as_ref()),
        _ => Err(no_overload(args)),
    }
}

fn is_zero(value: &Value) -> bool {
    match value {
        Value::Null | Value::Bool(false) | Value::Int(0) | Value::Uint(0) | Value::Duration(0) => true,
        Value::Float(number) => *number == 0.0,
        Value::String(text) => text.is_empty(),
        Value::Bytes(bytes) => bytes.is_empty(),
        Value::List(items) => items.is_empty(),
        Value::Map(map) => map.is_empty(),
        Value::Optional(value) => value.is_none(),
        _ => false,
    }
}
