//! The five expressions that are timed, in each engine's form, over the same values.

use std::sync::Arc;

use flow_ir::expr::{Expr, MacroOp};
use flow_ir::types::{Field, Record};
use flow_ir::value::{Key, RecordValue, Shape};
use flow_ir::{Type, Value};

pub const A: &str = "score >= 7 && count < 3";
pub const B: &str = "status == \"done\" || (retries < max_retries && !failed)";
pub const C: &str = "review.score >= 8.0 && review.tags.exists(t, t == \"ok\")";
pub const D: &str = "items.filter(i, i.price > 10.0).map(i, i.name)";

/// 50 checked products, summed.
pub fn e() -> String {
    (0..50).map(|i| format!("(v{} * {} - {})", i % 8, i + 3, i)).collect::<Vec<_>>().join(" + ")
}

pub const ITEMS: usize = 20;

/// Ten of twenty are more than 10.
pub fn price(index: usize) -> f64 {
    index as f64 * 1.07
}

pub fn name(index: usize) -> String {
    format!("item-{index}")
}

/// The values as a program of Rust would hold them.
pub struct Native {
    pub score: i64,
    pub count: i64,
    pub status: String,
    pub retries: i64,
    pub max_retries: i64,
    pub failed: bool,
    pub review: NativeReview,
    pub items: Vec<NativeItem>,
    pub v: [i64; 8],
}

pub struct NativeReview {
    pub score: f64,
    pub tags: Vec<String>,
}

pub struct NativeItem {
    pub price: f64,
    pub name: String,
}

pub fn native() -> Native {
    Native {
        score: 8,
        count: 1,
        status: "running".into(),
        retries: 2,
        max_retries: 5,
        failed: false,
        review: NativeReview { score: 8.5, tags: ["slow", "big", "ok"].map(String::from).into() },
        items: (0..ITEMS).map(|index| NativeItem { price: price(index), name: name(index) }).collect(),
        v: [1, 2, 3, 4, 5, 6, 7, 8],
    }
}

fn call(function: &str, args: Vec<Expr>) -> Expr {
    Expr::Call { function: function.into(), args }
}

fn int(number: i64) -> Expr {
    Expr::Const(Value::Int(number))
}

fn field(of: Expr, index: u32) -> Expr {
    Expr::Field { of: of.into(), index, optional: false }
}

fn member(of: Expr, name: &str) -> Expr {
    Expr::Index { of: of.into(), key: Expr::text(name).into(), optional: false }
}

fn float(number: f64) -> Expr {
    Expr::Const(Value::Float(number))
}

fn record_type(fields: &[(&str, Type)]) -> Type {
    let field = |(name, ty): &(&str, Type)| Field {
        name: (*name).into(),
        ty: ty.clone(),
        trust: None,
        doc: String::new(),
    };
    Type::Record(Arc::new(Record { fields: fields.iter().map(field).collect() }))
}

fn record(names: &[&str], slots: Vec<Value>) -> Value {
    let fields = names.iter().map(|name| (*name).into()).collect();
    Value::Record(Arc::new(RecordValue { shape: Arc::new(Shape { name: None, tag: None, fields }), slots }))
}

/// The slots: score, count, status, retries, max_retries, failed, review, items, v0 to v7, and review as JSON.
pub fn slot_types() -> Vec<Type> {
    let review = record_type(&[("score", Type::FLOAT), ("tags", Type::list(Type::STRING))]);
    let item = record_type(&[("price", Type::FLOAT), ("name", Type::STRING)]);
    let mut types =
        vec![Type::INT, Type::INT, Type::STRING, Type::INT, Type::INT, Type::Bool, review, Type::list(item)];
    types.extend([Type::INT; 8]);
    types.push(Type::Json);
    types
}

pub fn slots() -> Vec<Option<Value>> {
    let native = native();
    let tags = || Value::list(native.review.tags.iter().map(Value::string).collect());
    let item = |item: &NativeItem| {
        record(&["price", "name"], vec![Value::Float(item.price), Value::string(&item.name)])
    };
    let mut slots = vec![
        Value::Int(native.score),
        Value::Int(native.count),
        Value::string(&native.status),
        Value::Int(native.retries),
        Value::Int(native.max_retries),
        Value::Bool(native.failed),
        record(&["score", "tags"], vec![Value::Float(native.review.score), tags()]),
        Value::list(native.items.iter().map(item).collect()),
    ];
    slots.extend(native.v.map(Value::Int));
    // As a document that came in: with more in it than is asked for, and no key shared with the program.
    let entry = |name: &str, value: Value| (Key::String(name.into()), value);
    let json = [
        entry("id", Value::Int(3)),
        entry("comment", Value::string("fine")),
        entry("score", Value::Float(native.review.score)),
        entry("tags", tags()),
    ];
    slots.push(Value::Map(Arc::new(json.into_iter().collect())));
    slots.into_iter().map(Some).collect()
}

/// a to e, and c over JSON as the checker makes it where types are declared (`as float`) and as CEL's `dyn` makes it.
pub fn expressions() -> [Expr; 7] {
    let a = Expr::And(
        call("greater_equal_int", vec![Expr::Slot(0), int(7)]).into(),
        call("less_int", vec![Expr::Slot(1), int(3)]).into(),
    );
    let retries = call("less_int", vec![Expr::Slot(3), Expr::Slot(4)]);
    let b = Expr::Or(
        call("equals", vec![Expr::Slot(2), Expr::text("done")]).into(),
        Expr::And(retries.into(), call("not", vec![Expr::Slot(5)]).into()).into(),
    );
    let exists = |over: Expr| Expr::Macro {
        op: MacroOp::Exists,
        over: over.into(),
        vars: vec![0],
        bodies: vec![call("equals", vec![Expr::Local(0), Expr::text("ok")])],
    };
    let c = Expr::And(
        call("greater_equal_float", vec![field(Expr::Slot(6), 0), float(8.0)]).into(),
        exists(field(Expr::Slot(6), 1)).into(),
    );
    let filter = Expr::Macro {
        op: MacroOp::Filter,
        over: Expr::Slot(7).into(),
        vars: vec![0],
        bodies: vec![call("greater_float", vec![field(Expr::Local(0), 0), float(10.0)])],
    };
    let d = Expr::Macro {
        op: MacroOp::Map,
        over: filter.into(),
        vars: vec![1],
        bodies: vec![field(Expr::Local(1), 1)],
    };
    let term = |i: u32| {
        let product = call("multiply_int", vec![Expr::Slot(8 + i % 8), int(i64::from(i) + 3)]);
        call("subtract_int", vec![product, int(i.into())])
    };
    let e = (1..50).fold(term(0), |sum, i| call("add_int", vec![sum, term(i)]));
    let json = |name: &str| member(Expr::Slot(16), name);
    let as_type = |of: Expr, to: Type| Expr::Cast { of: of.into(), from: Type::Json, to };
    let c_typed = Expr::And(
        call("greater_equal_float", vec![as_type(json("score"), Type::FLOAT), float(8.0)]).into(),
        exists(as_type(json("tags"), Type::list(Type::STRING))).into(),
    );
    let c_dynamic = Expr::And(
        call("_>=_", vec![json("score"), float(8.0)]).into(),
        Expr::Macro {
            op: MacroOp::Exists,
            over: json("tags").into(),
            vars: vec![0],
            bodies: vec![call("equals", vec![Expr::Local(0), Expr::text("ok")])],
        }
        .into(),
    );
    [a, b, c, d, e, c_typed, c_dynamic]
}
