//! Values at the engine's edges: JSON by type, and errors as values.

use std::sync::{Arc, LazyLock};

use flow_ir::value::{RecordValue, Shape, Violation};
use flow_ir::{Name, Plan, Type, Value};
use flow_runtime_api::{Coordinate, Failure, Kind};
use serde_json::Value as Json;

use crate::engine::Run;

/// `{kind, message, step}`, all texts (S7).
static ERROR: LazyLock<Arc<Shape>> = LazyLock::new(|| shape(&["kind", "message", "step"]));

/// Returns an unnamed shape.
pub(crate) fn shape(fields: &[&'static str]) -> Arc<Shape> {
    let fields = fields.iter().map(|name| Name::new_static(name)).collect();
    Arc::new(Shape { name: None, tag: None, fields })
}

/// Returns a record.
pub(crate) fn record(shape: &Arc<Shape>, slots: Vec<Value>) -> Value {
    Value::Record(Arc::new(RecordValue { shape: shape.clone(), slots }))
}

/// Returns a failure as the value that `as e` binds.
pub(crate) fn error_value(failure: &Failure) -> Value {
    let step = failure.step.as_ref().map_or("", |step| step.0.as_str());
    record(&ERROR, [&*failure.kind, &*failure.message, step].map(Value::string).to_vec())
}

/// Returns the failure that such a value is.
pub(crate) fn failure_of(error: &Value) -> Option<Failure> {
    let text = |name: &str| error.get(name)?.as_str();
    let step = text("step").filter(|step| !step.is_empty()).map(|step| Coordinate(step.into()));
    Some(Failure {
        kind: text("kind")?.into(),
        message: text("message")?.into(),
        step,
        retry_at: None,
        missing: false,
    })
}

/// Writes a value as JSON of its type.
pub(crate) fn encode(plan: &Plan, value: &Value, ty: &Type) -> Result<Json, Failure> {
    if let (Value::String(text), Type::String(_)) = (value, ty) {
        return Ok(Json::from(&**text));
    }
    flow_ir::json::encode(value, ty, &plan.types).map_err(|violation| too_much(&violation))
}

/// Says why a value can't be written: only its size, its depth and numbers that aren't finite are left by then.
fn too_much(violation: &Violation) -> Failure {
    Failure::new(Kind::Exhausted, violation.to_string())
}

impl Run {
    /// Reads JSON as a value of a type.
    pub(crate) fn decode(&self, plan: &Plan, json: &Json, ty: &Type) -> Result<Value, Vec<Violation>> {
        if let (Json::String(text), Type::String(size)) = (json, ty)
            && *size == flow_ir::types::Size::default()
        {
            return Ok(Value::string(text));
        }
        flow_ir::json::decode(json, ty, &plan.types, &self.rules(plan))
    }

    /// Holds a value against a type with its refinements.
    pub(crate) fn conform(&self, plan: &Plan, value: Value, ty: &Type) -> Result<Value, Vec<Violation>> {
        let plain = match (&value, ty) {
            (Value::String(_), Type::String(size)) => *size == flow_ir::types::Size::default(),
            (Value::Bool(_), Type::Bool) => true,
            (Value::Int(_), Type::Int(range)) => *range == flow_ir::types::IntRange::default(),
            _ => false,
        };
        if plain {
            return Ok(value);
        }
        flow_ir::json::conform(&value, ty, &plan.types, &self.rules(plan))
    }

    /// Returns what evaluates `where` rules.
    pub(crate) fn rules<'a>(&'a self, plan: &'a Plan) -> flow_expr::WhereRules<'a> {
        let rules = flow_expr::WhereRules::new(&plan.types, &plan.codes);
        match &self.hot {
            Some(hot) => rules.by(hot, &self.computed),
            None => rules,
        }
    }
}

/// Writes violations as one line.
pub(crate) fn describe(violations: &[Violation]) -> String {
    let shown: Vec<String> = violations.iter().take(5).map(Violation::to_string).collect();
    let more = violations.len().saturating_sub(shown.len());
    match more {
        0 => shown.join("; "),
        _ => format!("{}; and {more} more", shown.join("; ")),
    }
}
