//! Typical expressions of flows: `cargo bench -p flow-expr`.

#![allow(clippy::disallowed_methods, reason = "it measures")]

use std::sync::Arc;

use divan::{Bencher, black_box};
use flow_expr::{Env, Meter, Slots, eval};
use flow_ir::expr::{Expr, MacroOp};
use flow_ir::value::{RecordValue, Shape};
use flow_ir::{TypeDefs, Value};

fn main() {
    divan::main();
}

fn call(function: &str, args: Vec<Expr>) -> Expr {
    Expr::Call { function: function.into(), args }
}

fn int(number: i64) -> Expr {
    Expr::Const(Value::Int(number))
}

fn float(number: f64) -> Expr {
    Expr::Const(Value::Float(number))
}

fn field(of: Expr, index: u32) -> Expr {
    Expr::Field { of: of.into(), index, optional: false }
}

fn record(names: &[&str], slots: Vec<Value>) -> Value {
    let fields = names.iter().map(|name| (*name).into()).collect();
    Value::Record(Arc::new(RecordValue { shape: Arc::new(Shape { name: None, tag: None, fields }), slots }))
}

fn frame() -> Vec<Value> {
    let tags = Value::list(["slow", "big", "ok"].map(Value::string).into());
    let items = (0..20)
        .map(|i| {
            record(
                &["price", "name"],
                vec![Value::Float(f64::from(i) * 1.07), Value::string(format!("item-{i}"))],
            )
        })
        .collect();
    let mut slots = vec![
        Value::Int(8),
        Value::Int(1),
        Value::string("running"),
        Value::Int(2),
        Value::Int(5),
        Value::Bool(false),
        record(&["score", "tags"], vec![Value::Float(8.5), tags]),
        Value::list(items),
    ];
    slots.extend((1..=8).map(Value::Int));
    slots
}

fn run(bencher: Bencher<'_, '_>, expr: Expr) {
    let (types, frame) = (TypeDefs::new(), frame());
    let slots = Slots(&frame);
    bencher.bench_local(|| {
        let meter = Meter::default();
        eval(black_box(&expr), &Env { frame: &slots, ..Env::bare(&types, &meter) }).expect("it has a value")
    });
}

/// `score >= 7 && count < 3`
#[divan::bench(sample_size = 1000)]
fn a_numbers(bencher: Bencher<'_, '_>) {
    let left = call("greater_equal_int", vec![Expr::Slot(0), int(7)]);
    run(bencher, Expr::And(left.into(), call("less_int", vec![Expr::Slot(1), int(3)]).into()));
}

/// `status == "done" || (retries < max_retries && !failed)`
#[divan::bench(sample_size = 1000)]
fn b_texts(bencher: Bencher<'_, '_>) {
    let retries = call("less_int", vec![Expr::Slot(3), Expr::Slot(4)]);
    let right = Expr::And(retries.into(), call("not", vec![Expr::Slot(5)]).into());
    run(bencher, Expr::Or(call("equals", vec![Expr::Slot(2), Expr::text("done")]).into(), right.into()));
}

/// `review.score >= 8.0 && review.tags.exists(t, t == "ok")`
#[divan::bench(sample_size = 1000)]
fn c_exists(bencher: Bencher<'_, '_>) {
    let left = call("greater_equal_float", vec![field(Expr::Slot(6), 0), float(8.0)]);
    let exists = Expr::Macro {
        op: MacroOp::Exists,
        over: field(Expr::Slot(6), 1).into(),
        vars: vec![0],
        bodies: vec![call("equals", vec![Expr::Local(0), Expr::text("ok")])],
    };
    run(bencher, Expr::And(left.into(), exists.into()));
}

/// `items.filter(i, i.price > 10.0).map(i, i.name)` over 20 items
#[divan::bench(sample_size = 1000)]
fn d_filter_map(bencher: Bencher<'_, '_>) {
    let filter = Expr::Macro {
        op: MacroOp::Filter,
        over: Expr::Slot(7).into(),
        vars: vec![0],
        bodies: vec![call("greater_float", vec![field(Expr::Local(0), 0), float(10.0)])],
    };
    let map = Expr::Macro {
        op: MacroOp::Map,
        over: filter.into(),
        vars: vec![1],
        bodies: vec![field(Expr::Local(1), 1)],
    };
    run(bencher, map);
}

/// `(v0 * 3 - 0) + (v1 * 4 - 1) + …`, 50 times
#[divan::bench(sample_size = 1000)]
fn e_arithmetic(bencher: Bencher<'_, '_>) {
    let term = |i: u32| {
        let product = call("multiply_int", vec![Expr::Slot(8 + i % 8), int(i64::from(i) + 3)]);
        call("subtract_int", vec![product, int(i.into())])
    };
    run(bencher, (1..50).fold(term(0), |sum, i| call("add_int", vec![sum, term(i)])));
}
