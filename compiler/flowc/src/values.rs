//! Values of a plan's types, as the command line shows and checks them.

use flow_expr::{WhereRules, constant};
use flow_ir::plan::{Param, Plan};
use flow_ir::{Type, json};
use serde_json::Value as Json;

/// Returns what makes a JSON document no value of a type: `score: must be an int from 1 to 5, got 7`.
pub fn violations(ty: &Type, value: &Json, plan: &Plan) -> Vec<String> {
    let rules = WhereRules::new(&plan.types, &plan.codes);
    let Err(violations) = json::decode(value, ty, &plan.types, &rules) else { return Vec::new() };
    violations
        .into_iter()
        .map(|violation| {
            // The path begins at the input, which is named before.
            let path = violation.path.strip_prefix('$').unwrap_or(&violation.path);
            let path = path.strip_prefix('.').unwrap_or(path);
            let at = if path.is_empty() { String::new() } else { format!("{path}: ") };
            format!("{at}{}, got {}", violation.rule, violation.got)
        })
        .collect()
}

/// Returns a parameter's default as JSON; `…` if it can't be shown.
pub fn default(param: &Param, plan: &Plan) -> Option<String> {
    let default = param.default.as_ref()?;
    let shown = constant(default, &plan.codes, &plan.types).ok();
    let shown = shown.and_then(|value| json::encode(&value, &param.ty, &plan.types).ok());
    Some(shown.map_or_else(|| "…".into(), |json| json.to_string()))
}

#[cfg(test)]
mod tests {
    use flow_ir::types::IntRange;
    use flow_ir::{Expr, Value};
    use serde_json::json;

    use super::*;

    #[test]
    fn a_violation_names_the_place_in_the_input() {
        let plan = Plan {
            version: flow_ir::plan::VERSION,
            entry: "f".into(),
            types: Default::default(),
            codes: Vec::new(),
            models: Vec::new(),
            nodes: Vec::new(),
            flows: Vec::new(),
            allow: Vec::new(),
            places: Default::default(),
        };
        let score = Type::Int(IntRange { min: Some(1), max: Some(5) });
        assert_eq!(violations(&score, &json!(3), &plan), [""; 0]);
        let wrong = violations(&Type::list(score.clone()), &json!([3, 7]), &plan);
        assert_eq!(wrong.len(), 1);
        assert!(wrong[0].starts_with("[1]: ") && wrong[0].ends_with("got 7"), "{wrong:?}");
        let param = Param {
            name: "n".into(),
            ty: score,
            default: Some(Expr::Const(Value::Int(3))),
            doc: String::new(),
        };
        assert_eq!(default(&param, &plan).as_deref(), Some("3"));
    }
}
