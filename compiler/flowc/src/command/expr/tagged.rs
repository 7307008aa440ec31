//! Values as JSON: with a tag each, so that nothing is lost (`{"int": "5"}`), or plain, as people and other programs read them.

use std::sync::Arc;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use flow_ir::value::Key;
use flow_ir::{Value, json};
use flow_project::expression::CelType;
use indexmap::IndexMap;
use serde_json::{Map, Value as Json, json};

/// Reads a value with its tags.
pub fn read(value: &Json) -> Result<Value, String> {
    let tagged = value.as_object().filter(|object| object.len() == 1);
    let Some((tag, inner)) = tagged.and_then(|object| object.iter().next()) else {
        return Err("a value has one tag, such as {\"int\": \"5\"}".into());
    };
    let text = || inner.as_str().ok_or_else(|| format!("what `{tag}` holds is a text"));
    let bad = || format!("{inner} is no `{tag}`");
    Ok(match tag.as_str() {
        "null" => Value::Null,
        "bool" => Value::Bool(inner.as_bool().ok_or_else(bad)?),
        "int" => Value::Int(text()?.parse().map_err(|_| bad())?),
        "uint" => Value::Uint(text()?.parse().map_err(|_| bad())?),
        "double" => Value::Float(match text()? {
            "NaN" => f64::NAN,
            "Infinity" => f64::INFINITY,
            "-Infinity" => f64::NEG_INFINITY,
            digits => digits.parse().map_err(|_| bad())?,
        }),
        "string" => Value::string(text()?),
        "bytes" => Value::Bytes(BASE64_STANDARD.decode(text()?).map_err(|_| bad())?.into()),
        "list" => {
            let items = inner.as_array().ok_or_else(bad)?;
            Value::list(items.iter().map(read).collect::<Result<_, _>>()?)
        }
        "map" => {
            let mut map = IndexMap::new();
            for pair in inner.as_array().ok_or_else(bad)? {
                let [key, value] = pair.as_array().map(Vec::as_slice).unwrap_or_default() else {
                    return Err("an entry of a map is [key, value]".into());
                };
                let key = Key::exact(&read(key)?).ok_or_else(|| format!("{key} is no key"))?;
                map.insert(key, read(value)?);
            }
            Value::Map(Arc::new(map))
        }
        "type" => Value::Type(text()?.into()),
        "timestamp" => Value::Timestamp(text()?.parse().map_err(|_| bad())?),
        "duration" => Value::Duration(json::parse_duration(text()?).ok_or_else(bad)?),
        "optional" if inner.is_null() => Value::Optional(None),
        "optional" => Value::Optional(Some(Arc::new(read(inner)?))),
        _ => return Err(format!("`{tag}` is no tag of a value")),
    })
}

/// Writes a value with its tags.
pub fn write(value: &Value) -> Json {
    match value {
        Value::Null => json!({"null": null}),
        Value::Bool(value) => json!({"bool": value}),
        Value::Int(number) => json!({"int": number.to_string()}),
        Value::Uint(number) => json!({"uint": number.to_string()}),
        Value::Float(number) => json!({"double": double(*number)}),
        Value::String(text) => json!({"string": text.as_ref()}),
        Value::Bytes(bytes) => json!({"bytes": BASE64_STANDARD.encode(bytes)}),
        Value::Duration(nanos) => json!({"duration": json::duration_text(*nanos)}),
        Value::Timestamp(at) => json!({"timestamp": at.to_string()}),
        Value::List(items) => json!({"list": items.iter().map(write).collect::<Vec<_>>()}),
        Value::Map(map) => {
            let entries = map.iter().map(|(key, value)| json!([write(&key.to_value()), write(value)]));
            json!({"map": entries.collect::<Vec<_>>()})
        }
        Value::Record(record) => {
            let entries = record.shape.fields.iter().zip(&record.slots);
            let entries = entries.map(|(name, value)| json!([{"string": name.as_str()}, write(value)]));
            json!({"map": entries.collect::<Vec<_>>()})
        }
        Value::Enum(value) => json!({"string": value.name().as_str()}),
        Value::Optional(value) => json!({"optional": value.as_deref().map(write)}),
        Value::Type(name) => json!({"type": name.as_str()}),
        Value::Media(_) => json!({"type": "media"}),
    }
}

/// Writes a value as a run prints its result. Numbers that JSON has none of are texts; an optional is its value or null.
pub fn to_json(value: &Value) -> Json {
    match value {
        Value::Null | Value::Optional(None) | Value::Media(_) => Json::Null,
        Value::Bool(value) => Json::from(*value),
        Value::Int(number) => Json::from(*number),
        Value::Uint(number) => Json::from(*number),
        Value::Float(number) => {
            serde_json::Number::from_f64(*number).map_or_else(|| Json::from(double(*number)), Json::Number)
        }
        Value::String(text) => Json::from(text.as_ref()),
        Value::Bytes(bytes) => Json::from(BASE64_STANDARD.encode(bytes)),
        Value::Duration(nanos) => Json::from(json::duration_text(*nanos)),
        Value::Timestamp(at) => Json::from(at.to_string()),
        Value::List(items) => Json::Array(items.iter().map(to_json).collect()),
        Value::Map(map) => {
            Json::Object(map.iter().map(|(key, value)| (key.text(), to_json(value))).collect::<Map<_, _>>())
        }
        Value::Record(record) => {
            let entries = record.shape.fields.iter().zip(&record.slots);
            Json::Object(entries.map(|(name, value)| (name.to_string(), to_json(value))).collect())
        }
        Value::Enum(value) => Json::from(value.name().as_str()),
        Value::Optional(Some(value)) => to_json(value),
        Value::Type(name) => Json::from(name.as_str()),
    }
}

/// Reads what stands behind `name=`: JSON if it is some, else a text as it stands.
pub fn from_text(written: &str) -> Value {
    serde_json::from_str(written).map_or_else(|_| Value::string(written), |json| from_json(&json))
}

/// Reads plain JSON. A whole number is an `int`, or a `uint` if it is too large for that.
pub fn from_json(value: &Json) -> Value {
    match value {
        Json::Null => Value::Null,
        Json::Bool(value) => Value::Bool(*value),
        Json::Number(number) => match (number.as_i64(), number.as_u64(), number.as_f64()) {
            (Some(number), ..) => Value::Int(number),
            (None, Some(number), _) => Value::Uint(number),
            (None, None, number) => Value::Float(number.unwrap_or(f64::NAN)),
        },
        Json::String(text) => Value::string(text),
        Json::Array(items) => Value::list(items.iter().map(from_json).collect()),
        Json::Object(fields) => Value::Map(Arc::new(
            fields
                .iter()
                .map(|(name, value)| (Key::String(name.as_str().into()), from_json(value)))
                .collect(),
        )),
    }
}

/// Returns the type of a value that was given; what its elements differ in is `dyn`.
pub fn type_of(value: &Value) -> CelType {
    fn one_of(mut types: impl Iterator<Item = CelType>) -> CelType {
        let Some(first) = types.next() else { return CelType::Dyn };
        if types.all(|ty| ty == first) { first } else { CelType::Dyn }
    }
    match value {
        Value::Null => CelType::Null,
        Value::Bool(_) => CelType::Bool,
        Value::Int(_) => CelType::Int,
        Value::Uint(_) => CelType::Uint,
        Value::Float(_) => CelType::Double,
        Value::String(_) => CelType::String,
        Value::Bytes(_) => CelType::Bytes,
        Value::Duration(_) => CelType::Duration,
        Value::Timestamp(_) => CelType::Timestamp,
        Value::List(items) => CelType::list(one_of(items.iter().map(type_of))),
        Value::Map(map) => CelType::map(
            one_of(map.keys().map(|key| type_of(&key.to_value()))),
            one_of(map.values().map(type_of)),
        ),
        Value::Optional(Some(value)) => CelType::optional(type_of(value)),
        Value::Type(_) => CelType::Type(None),
        Value::Optional(None) => CelType::optional(CelType::Dyn),
        Value::Record(_) | Value::Enum(_) | Value::Media(_) => CelType::Dyn,
    }
}

/// Writes a double in the fewest digits that read as the same number: `1.0`, `6.02e+23`, `NaN`.
fn double(number: f64) -> String {
    if number.is_nan() {
        return "NaN".into();
    }
    if number.is_infinite() {
        return if number > 0.0 { "Infinity".into() } else { "-Infinity".into() };
    }
    let size = number.abs();
    if size == 0.0 || (1e-4..1e16).contains(&size) {
        return format!("{number:?}");
    }
    let written = format!("{number:e}");
    let (mantissa, exponent) = written.split_once('e').unwrap_or((&written, "0"));
    let (sign, digits) = exponent.strip_prefix('-').map_or(('+', exponent), |digits| ('-', digits));
    format!("{mantissa}e{sign}{digits:0>2}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_keep_their_kind() {
        for text in [
            r#"{"int":"-9223372036854775808"}"#,
            r#"{"uint":"18446744073709551615"}"#,
            r#"{"double":"-0.0"}"#,
            r#"{"double":"1.8446744073709552e+19"}"#,
            r#"{"double":"5e-324"}"#,
            r#"{"double":"NaN"}"#,
            r#"{"double":"-Infinity"}"#,
            r#"{"string":"a\u0000b"}"#,
            r#"{"bytes":"AP8="}"#,
            r#"{"null":null}"#,
            r#"{"list":[{"bool":true},{"list":[]}]}"#,
            r#"{"map":[[{"uint":"1"},{"int":"2"}],[{"bool":false},{"map":[]}]]}"#,
            r#"{"type":"google.protobuf.Timestamp"}"#,
            r#"{"timestamp":"2009-02-13T23:31:30Z"}"#,
            r#"{"duration":"-1.5s"}"#,
            r#"{"optional":null}"#,
            r#"{"optional":{"int":"3"}}"#,
        ] {
            let json: Json = serde_json::from_str(text).expect("JSON");
            assert_eq!(read(&json).map(|value| write(&value).to_string()).as_deref(), Ok(text));
        }
    }

    #[test]
    fn what_is_no_value_is_told() {
        for text in [
            "3",
            "{}",
            r#"{"int":3}"#,
            r#"{"int":"3","uint":"3"}"#,
            r#"{"int":"x"}"#,
            r#"{"map":[[{"list":[]},{"int":"1"}]]}"#,
            r#"{"map":[{"int":"1"}]}"#,
            r#"{"bytes":"?"}"#,
            r#"{"odd":1}"#,
        ] {
            let json: Json = serde_json::from_str(text).expect("JSON");
            assert!(read(&json).is_err(), "{text}");
        }
    }
}
