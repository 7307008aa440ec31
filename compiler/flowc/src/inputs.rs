//! From `name=value` and JSON to a flow's inputs: read by the parameters' types, every problem told at once.

use flow_ir::plan::Param;
use flow_ir::types::{Literal, TypeBody};
use flow_ir::{Type, TypeDefs};
use serde_json::{Map, Value as Json};

use crate::text;

/// What is passed to a run: a value for every parameter that was given one; defaults are the flow's.
pub type Inputs = Map<String, Json>;

/// Tells what makes a JSON document no value of a type: `$.score: must be an int from 1 to 5, got 7`.
pub type Validate<'a> = &'a dyn Fn(&Type, &Json) -> Vec<String>;

/// Reads the inputs of a flow. `json` is what `--input` gave; `name=value` goes before it. All problems, or the inputs.
pub fn read(
    params: &[Param],
    types: &TypeDefs,
    json: Option<Map<String, Json>>,
    pairs: &[String],
    validate: Validate<'_>,
) -> Result<Inputs, Vec<String>> {
    let mut problems = Vec::new();
    let mut inputs = Inputs::new();
    let known = |name: &str| params.iter().find(|param| param.name == name);
    for (name, value) in json.unwrap_or_default() {
        match known(&name) {
            Some(_) => drop(inputs.insert(name, value)),
            None => problems.push(unknown(&name, params)),
        }
    }
    let mut written: Vec<&str> = Vec::new();
    for pair in pairs {
        let Some((name, value)) = pair.split_once('=') else {
            problems.push(format!("`{pair}` is no input: write it as name=value"));
            continue;
        };
        let Some(param) = known(name) else {
            problems.push(unknown(name, params));
            continue;
        };
        if written.contains(&name) {
            problems.push(format!("`{name}` is given twice"));
            continue;
        }
        written.push(name);
        match literal(&param.ty, types, value) {
            Ok(value) => drop(inputs.insert(name.to_owned(), value)),
            // Recorded as given, so that it isn't also reported as missing.
            Err(why) => {
                problems.push(format!("`{name}`: {why}"));
                inputs.remove(name);
            }
        }
    }
    for param in params {
        match inputs.get(param.name.as_str()) {
            Some(value) => {
                let wrong = validate(&param.ty, value);
                problems.extend(wrong.into_iter().map(|why| format!("`{}`: {why}", param.name)));
            }
            None if param.default.is_some()
                || param.ty.allows_null()
                || written.contains(&param.name.as_str()) => {}
            None => problems.push(format!("`{}` is missing: it is {}", param.name, article(&param.ty))),
        }
    }
    if problems.is_empty() { Ok(inputs) } else { Err(problems) }
}

fn unknown(name: &str, params: &[Param]) -> String {
    match text::similar(name, params.iter().map(|param| param.name.as_str())) {
        Some(similar) => format!("`{name}` is no input; a similar name is `{similar}`"),
        None if params.is_empty() => format!("`{name}` is no input: the flow takes none"),
        None => {
            let names: Vec<_> = params.iter().map(|param| format!("`{}`", param.name)).collect();
            format!("`{name}` is no input; the flow takes {}", names.join(", "))
        }
    }
}

fn article(ty: &Type) -> String {
    let written = ty.to_string();
    let an = written.starts_with(['a', 'e', 'i', 'o', 'u', 'A', 'E', 'I', 'O', 'U']);
    format!("{} `{written}`", if an { "an" } else { "a" })
}

/// Reads a value as it is written behind `name=`: texts as they stand, durations as the language writes them, everything
/// else as JSON.
fn literal(ty: &Type, types: &TypeDefs, written: &str) -> Result<Json, String> {
    let raw = || Ok(Json::from(written));
    match ty.non_null() {
        Type::Int(_) => int(written),
        Type::Float(_) => float(written),
        Type::Bool => written
            .parse::<bool>()
            .map(Json::from)
            .map_err(|_| format!("`{written}` is neither true nor false")),
        Type::Duration => duration(written),
        Type::Literals(literals) => match literals.first() {
            Some(Literal::Int(_)) => int(written),
            Some(Literal::Bool(_)) => literal(&Type::Bool, types, written),
            _ => raw(),
        },
        Type::Where(rule) => literal(&rule.base, types, written),
        Type::Named(name) => match types.get(name).map(|def| &def.body) {
            Some(TypeBody::Enum { .. }) => raw(),
            Some(TypeBody::Alias { ty }) => literal(ty, types, written),
            _ => json(ty, written),
        },
        Type::String(_) | Type::Bytes | Type::Timestamp | Type::Media(_) => raw(),
        other => json(other, written),
    }
}

fn json(ty: &Type, written: &str) -> Result<Json, String> {
    serde_json::from_str(written).map_err(|error| {
        let example = match ty {
            Type::List(..) => r#", such as '["a", "b"]'"#,
            Type::Json => r#"; a text is written '"…"'"#,
            _ => r#", such as '{"name": "value"}'"#,
        };
        format!("{} is written as JSON{example} ({error})", article(ty))
    })
}

/// `3`, `-3`, `40_000`, `64MB`, `0x1F`.
fn int(written: &str) -> Result<Json, String> {
    let digits = written.replace('_', "");
    let (number, unit) = match digits.find(|c: char| c.is_ascii_uppercase()) {
        Some(at) if !digits.starts_with("0x") => (&digits[..at], &digits[at..]),
        _ => (digits.as_str(), ""),
    };
    let scale = match unit {
        "" | "B" => Some(1),
        "KB" => Some(1 << 10),
        "MB" => Some(1 << 20),
        "GB" => Some(1_i64 << 30),
        _ => None,
    };
    let number = match number.strip_prefix("0x") {
        Some(hex) => i64::from_str_radix(hex, 16).ok(),
        None => number.parse::<i64>().ok(),
    };
    let value = number.zip(scale).and_then(|(number, scale)| number.checked_mul(scale));
    value.map(Json::from).ok_or_else(|| format!("`{written}` is no whole number"))
}

fn float(written: &str) -> Result<Json, String> {
    let number = written.replace('_', "").parse::<f64>().ok().filter(|number| number.is_finite());
    number
        .and_then(serde_json::Number::from_f64)
        .map(Json::from)
        .ok_or_else(|| format!("`{written}` is no number"))
}

/// `1h30m`, or as CEL writes it, `5400s`: the latter is what is passed on.
fn duration(written: &str) -> Result<Json, String> {
    let (sign, rest) = match written.strip_prefix('-') {
        Some(rest) => ("-", rest),
        None => ("", written),
    };
    let nanos = text::parse_duration(rest)?;
    let fraction = format!("{:09}", nanos % 1_000_000_000);
    let fraction = fraction.trim_end_matches('0');
    let point = if fraction.is_empty() { "" } else { "." };
    Ok(Json::from(format!("{sign}{}{point}{fraction}s", nanos / 1_000_000_000)))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use flow_ir::types::{EnumValue, TypeDef};
    use flow_ir::{Expr, Value};
    use serde_json::json;

    use super::*;

    fn param(name: &str, ty: Type) -> Param {
        Param { name: name.into(), ty, default: None, doc: String::new() }
    }

    fn types() -> TypeDefs {
        let values = ["billing", "bug"].map(|name| EnumValue { name: name.into(), doc: String::new() });
        let kind = TypeDef {
            name: "Kind".into(),
            doc: String::new(),
            body: TypeBody::Enum { values: Arc::from(values) },
        };
        [("Kind".into(), kind)].into_iter().collect()
    }

    fn one(ty: Type, written: &str) -> Result<Json, Vec<String>> {
        let pairs = [format!("x={written}")];
        read(&[param("x", ty)], &types(), None, &pairs, &|_, _| Vec::new()).map(|inputs| inputs["x"].clone())
    }

    #[test]
    fn values_are_read_by_type() {
        assert_eq!(one(Type::STRING, "3"), Ok(json!("3")));
        assert_eq!(one(Type::STRING, "a=b \"c\""), Ok(json!("a=b \"c\"")));
        assert_eq!(one(Type::STRING, ""), Ok(json!("")));
        assert_eq!(one(Type::INT, "40_000"), Ok(json!(40_000)));
        assert_eq!(one(Type::INT, "64MB"), Ok(json!(67_108_864)));
        assert_eq!(one(Type::FLOAT, "0.5"), Ok(json!(0.5)));
        assert_eq!(one(Type::Bool, "true"), Ok(json!(true)));
        assert_eq!(one(Type::Duration, "1h30m"), Ok(json!("5400s")));
        assert_eq!(one(Type::Duration, "-250ms"), Ok(json!("-0.25s")));
        assert_eq!(one(Type::list(Type::STRING), r#"["a"]"#), Ok(json!(["a"])));
        assert_eq!(one(Type::Json, "{}"), Ok(json!({})));
        assert_eq!(one(Type::Named("Kind".into()), "billing"), Ok(json!("billing")));
        assert_eq!(one(Type::STRING.nullable(), "null"), Ok(json!("null")));
    }

    #[test]
    fn every_problem_is_told_at_once() {
        let mut rounds = param("rounds", Type::INT);
        rounds.default = Some(Expr::Const(Value::Int(3)));
        let params = [
            param("topic", Type::STRING),
            rounds,
            param("deep", Type::Bool),
            param("tags", Type::list(Type::STRING)),
            param("note", Type::STRING.nullable()),
            param("kind", Type::Named("Kind".into())),
        ];
        let pairs = ["topc=x", "rounds=many", "deep=yes", "tags=a,b", "loose", "kind=bug", "kind=bug"];
        let pairs = pairs.map(String::from);
        let input = json!({"topic": "x", "more": 1}).as_object().cloned();
        let validate = |ty: &Type, _: &Json| match ty {
            Type::String(_) => vec!["must have at most 0 characters, got \"x\"".to_owned()],
            _ => Vec::new(),
        };
        let problems = read(&params, &types(), input, &pairs, &validate).expect_err("problems");
        insta::assert_snapshot!(problems.join("\n"), @r#"
        `more` is no input; the flow takes `topic`, `rounds`, `deep`, `tags`, `note`, `kind`
        `topc` is no input; a similar name is `topic`
        `rounds`: `many` is no whole number
        `deep`: `yes` is neither true nor false
        `tags`: a `[string]` is written as JSON, such as '["a", "b"]' (expected value at line 1 column 1)
        `loose` is no input: write it as name=value
        `kind` is given twice
        `topic`: must have at most 0 characters, got "x"
        "#);
    }

    #[test]
    fn what_is_missing_is_named_with_its_type() {
        let params = [param("n", Type::INT), param("note", Type::STRING.nullable())];
        let problems = read(&params, &types(), None, &[], &|_, _| Vec::new()).expect_err("n is missing");
        assert_eq!(problems, ["`n` is missing: it is an `int`"]);
    }
}
