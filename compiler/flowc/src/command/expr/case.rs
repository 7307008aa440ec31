//! A line of `flowc expr --jsonl`.

use flow_ir::Value;
use flow_project::expression::{CelType, Declared, Scope, Variable};
use serde_json::{Map, Value as Json};

use super::tagged;

/// A case: an expression, what it stands in, and what it is given.
#[derive(Debug)]
pub struct Case {
    pub text: String,
    pub scope: Scope,
    /// A value for each variable of the scope that has one.
    pub frame: Vec<Option<Value>>,
    /// Whether only its type is asked.
    pub check_only: bool,
}

impl Case {
    /// Reads a case. `expect` and whatever else a line holds is passed over.
    pub fn read(line: &Map<String, Json>) -> Result<Case, String> {
        let text = line.get("expr").and_then(Json::as_str).ok_or("`expr` is no text")?;
        let flag = |name: &str| match line.get(name) {
            None | Some(Json::Null) => Ok(false),
            Some(Json::Bool(value)) => Ok(*value),
            Some(_) => Err(format!("`{name}` is neither true nor false")),
        };
        let container = match line.get("container") {
            None | Some(Json::Null) => "",
            Some(Json::String(name)) => name,
            Some(_) => return Err("`container` is no text".into()),
        };
        let mut scope = Scope {
            container: container.into(),
            unchecked: flag("disable_check")?,
            without_macros: flag("disable_macros")?,
            ..Scope::default()
        };
        match line.get("type_env") {
            None | Some(Json::Null) => {}
            Some(Json::Array(declarations)) => {
                declarations.iter().try_for_each(|declaration| declare(&mut scope, declaration))?;
            }
            Some(_) => return Err("`type_env` is no list".into()),
        }
        let mut frame: Vec<Option<Value>> = vec![None; scope.variables.len()];
        match line.get("bindings") {
            None | Some(Json::Null) => {}
            Some(Json::Object(bindings)) => {
                for (name, value) in bindings {
                    let value = tagged::read(value).map_err(|why| format!("the value of `{name}`: {why}"))?;
                    match scope.variables.iter().position(|variable| variable.name == name) {
                        Some(slot) => frame[slot] = Some(value),
                        None => {
                            // What isn't declared is only known once it runs; a checked expression is given its type.
                            let ty = if scope.unchecked { CelType::Dyn } else { tagged::type_of(&value) };
                            scope.variables.push(Variable { name: name.into(), ty });
                            frame.push(Some(value));
                        }
                    }
                }
            }
            Some(_) => return Err("`bindings` is no object".into()),
        }
        if scope.unchecked {
            // Without a check a name is what has a value when it runs, whatever is declared.
            let mut bound = frame.iter().map(Option::is_some);
            scope.variables.retain(|_| bound.next() == Some(true));
            frame.retain(Option::is_some);
        }
        Ok(Case { text: text.to_owned(), scope, frame, check_only: flag("check_only")? })
    }
}

fn declare(scope: &mut Scope, declaration: &Json) -> Result<(), String> {
    let name = declaration.get("name").and_then(Json::as_str).ok_or("a declaration without a `name`")?;
    if let Some(ty) = declaration.get("type") {
        scope.variables.push(Variable { name: name.into(), ty: ty_of(ty)? });
        return Ok(());
    }
    let overloads = declaration
        .get("function")
        .and_then(Json::as_array)
        .ok_or_else(|| format!("`{name}` is declared with neither `type` nor `function`"))?;
    for overload in overloads {
        let params = overload.get("params").and_then(Json::as_array).map(Vec::as_slice).unwrap_or_default();
        scope.functions.push(Declared {
            name: name.into(),
            params: params.iter().map(ty_of).collect::<Result<_, _>>()?,
            result: overload.get("result").map_or(Err("a function without `result`".into()), ty_of)?,
            member: overload.get("member").and_then(Json::as_bool).unwrap_or(false),
        });
    }
    Ok(())
}

fn ty_of(json: &Json) -> Result<CelType, String> {
    let text = json.as_str().ok_or("a type is a text: \"list(int)\"")?;
    CelType::parse(text).ok_or_else(|| format!("`{text}` is no type"))
}
