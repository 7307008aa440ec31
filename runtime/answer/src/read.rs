//! Reading of an answer's text: tolerant about what stands around the JSON and about how it is written, strict about
//! what it says.

use serde_json::{Value as Json, json};

use flow_ir::json::{Rules, decode};
use flow_ir::types::TypeBody;
use flow_ir::value::Violation;
use flow_ir::{Type, TypeDefs, Value};

use crate::candidates;

/// Whether a type takes an answer's text as it is: a string, with any size or rule. Nothing is asked for in JSON then.
pub fn takes_text(ty: &Type, types: &TypeDefs) -> bool {
    match ty {
        Type::String(_) => true,
        Type::Where(rule) => takes_text(&rule.base, types),
        Type::Named(name) => match types.get(name).map(|def| &def.body) {
            Some(TypeBody::Alias { ty }) => takes_text(ty, types),
            _ => false,
        },
        _ => false,
    }
}

/// Reads an answer's text as a value of a type. What stands around the JSON is passed over: prose, fences, a wrapper
/// `{"value": …}`; JSON that isn't quite JSON is repaired. Its values are taken as [`decode`] takes them and no further.
/// Of several candidates the first that fits counts, the most JSON-like first and the last of equals; if none fits, the
/// violations are those of the first.
pub fn read(text: &str, ty: &Type, types: &TypeDefs, rules: &dyn Rules) -> Result<Value, Vec<Violation>> {
    read_from(text, candidates::of(text), ty, types, rules)
}

/// Reads an answer that is known to have been cut at the output limit: only a document that is whole counts. Repairing
/// would close what is open, and half a text can't be told from a whole one.
pub fn read_cut(text: &str, ty: &Type, types: &TypeDefs, rules: &dyn Rules) -> Result<Value, Vec<Violation>> {
    read_from(text, candidates::whole(text), ty, types, rules)
}

fn read_from(
    text: &str,
    candidates: Vec<Json>,
    ty: &Type,
    types: &TypeDefs,
    rules: &dyn Rules,
) -> Result<Value, Vec<Violation>> {
    if takes_text(ty, types) {
        let text = text.strip_suffix('\n').unwrap_or(text);
        return decode(&Json::from(text), ty, types, rules);
    }
    let mut first = None;
    for candidate in candidates {
        for json in readings(candidate, ty) {
            match decode(&json, ty, types, rules) {
                Ok(value) => return Ok(value),
                Err(violations) => {
                    first.get_or_insert(violations);
                }
            }
        }
    }
    let bare = candidates::bare(text);
    match decode(&Json::from(bare), ty, types, rules) {
        // A lone word is a value where the type is one of words.
        Ok(value) if is_wordlike(ty, types) => Ok(value),
        _ => Err(first.unwrap_or_else(|| vec![no_json(text)])),
    }
}

/// Returns what a document may stand for: itself, and what is in the wrapper of a type that is no record.
fn readings(json: Json, ty: &Type) -> Vec<Json> {
    let wrapped = match &json {
        Json::Object(map) if map.len() == 1 && !matches!(ty, Type::Record(_)) => map.get("value").cloned(),
        _ => None,
    };
    let listed = match (&json, ty.non_null()) {
        // One element where a list of them was asked for, in the only field of an object: `{"items": […]}`.
        (Json::Object(map), Type::List(..)) if map.len() == 1 => {
            map.values().next().filter(|value| value.is_array()).cloned()
        }
        _ => None,
    };
    [Some(json), wrapped, listed].into_iter().flatten().collect()
}

fn is_wordlike(ty: &Type, types: &TypeDefs) -> bool {
    match ty {
        Type::Literals(_) | Type::Duration | Type::Timestamp | Type::Bytes => true,
        Type::Nullable(of) => is_wordlike(of, types) || takes_text(of, types),
        Type::Where(rule) => is_wordlike(&rule.base, types),
        Type::Named(name) => match types.get(name).map(|def| &def.body) {
            Some(TypeBody::Enum { .. }) => true,
            Some(TypeBody::Alias { ty }) => is_wordlike(ty, types),
            _ => false,
        },
        _ => false,
    }
}

fn no_json(text: &str) -> Violation {
    let got = match text.trim() {
        "" => "nothing".into(),
        text => {
            let cut: String = text.chars().take(200).collect();
            json!(cut).to_string()
        }
    };
    Violation { path: "$".into(), rule: "must be JSON".into(), got }
}
