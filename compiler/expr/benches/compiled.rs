//! Machine code beside native closures and the interpreter: `cargo bench -p flow-expr --bench compiled`. Nanoseconds per
//! evaluation, the median of 41 batches in one process: `code` is prepared once and given a frame each time, `entered` is all
//! of `Program::test` or `Program::eval`, a list made included. Then what compiling costs.
#![allow(clippy::print_stdout, clippy::disallowed_methods, reason = "a benchmark tells what it measured")]

use std::hint::black_box;
use std::sync::Arc;
use std::time::Instant;

use flow_expr::compiled::{Evaluator, Program, Unit};
use flow_expr::{Env, FrameSlots, Meter, Slots, eval};
use flow_ir::expr::{Expr, MacroOp};
use flow_ir::types::{Field, Record};
use flow_ir::value::{Key, RecordValue, Shape};
use flow_ir::{Type, TypeDefs, Value};

const BATCHES: usize = 41;
const ITEMS: usize = 20;

fn bench(mut work: impl FnMut()) -> f64 {
    let start = Instant::now();
    let mut turns = 0_u32;
    while start.elapsed().as_millis() < 20 {
        (0..16).for_each(|_| work());
        turns += 16;
    }
    let turns = (turns / 20).max(1);
    let mut batches: Vec<f64> = (0..BATCHES)
        .map(|_| {
            let start = Instant::now();
            (0..turns).for_each(|_| work());
            start.elapsed().as_nanos() as f64 / f64::from(turns)
        })
        .collect();
    batches.sort_by(f64::total_cmp);
    batches[BATCHES / 2]
}

struct Review {
    score: f64,
    tags: Vec<String>,
}

struct Entry {
    price: f64,
    name: String,
}

struct Native {
    score: i64,
    count: i64,
    status: String,
    retries: i64,
    max_retries: i64,
    failed: bool,
    review: Review,
    items: Vec<Entry>,
    v: [i64; 8],
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

fn key(of: Expr, key: &str) -> Expr {
    Expr::Index { of: of.into(), key: Expr::text(key).into(), optional: false }
}

fn over(op: MacroOp, over: Expr, var: u32, body: Expr) -> Expr {
    Expr::Macro { op, over: over.into(), vars: vec![var], bodies: vec![body] }
}

fn both(left: Expr, right: Expr) -> Expr {
    Expr::And(left.into(), right.into())
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

fn record(fields: &[&str], slots: Vec<Value>) -> Value {
    let fields = fields.iter().map(|name| (*name).into()).collect();
    Value::Record(Arc::new(RecordValue { shape: Arc::new(Shape { name: None, tag: None, fields }), slots }))
}

fn main() {
    let tags = ["slow", "big", "ok"];
    let price = |item: usize| item as f64 * 1.07;
    let name = |item: usize| format!("item-{item}");
    let native = Native {
        score: 8,
        count: 1,
        status: "running".into(),
        retries: 2,
        max_retries: 5,
        failed: false,
        review: Review { score: 8.5, tags: tags.map(String::from).to_vec() },
        items: (0..ITEMS).map(|item| Entry { price: price(item), name: name(item) }).collect(),
        v: [1, 2, 3, 4, 5, 6, 7, 8],
    };
    let tag_list = || Value::list(tags.iter().map(Value::string).collect());
    let json: [(Key, Value); 4] = [
        (Key::String("id".into()), Value::Int(3)),
        (Key::String("comment".into()), Value::string("fine")),
        (Key::String("score".into()), Value::Float(8.5)),
        (Key::String("tags".into()), tag_list()),
    ];
    let mut slots = vec![
        Value::Int(8),
        Value::Int(1),
        Value::string("running"),
        Value::Int(2),
        Value::Int(5),
        Value::Bool(false),
        record(&["score", "tags"], vec![Value::Float(8.5), tag_list()]),
        Value::list(
            (0..ITEMS)
                .map(|item| {
                    record(&["price", "name"], vec![Value::Float(price(item)), Value::string(name(item))])
                })
                .collect(),
        ),
        Value::Map(Arc::new(json.into_iter().collect())),
    ];
    slots.extend((1..=8).map(Value::Int));
    let mut slot_types = vec![
        Type::INT,
        Type::INT,
        Type::STRING,
        Type::INT,
        Type::INT,
        Type::Bool,
        record_type(&[("score", Type::FLOAT), ("tags", Type::list(Type::STRING))]),
        Type::list(record_type(&[("price", Type::FLOAT), ("name", Type::STRING)])),
        Type::Json,
    ];
    slot_types.resize(slots.len(), Type::INT);

    let slot = Expr::Slot;
    let a = both(call("greater_equal_int", vec![slot(0), int(7)]), call("less_int", vec![slot(1), int(3)]));
    let b = Expr::Or(
        call("equals", vec![slot(2), Expr::text("done")]).into(),
        both(call("less_int", vec![slot(3), slot(4)]), call("not", vec![slot(5)])).into(),
    );
    let is_ok = call("equals", vec![Expr::Local(0), Expr::text("ok")]);
    let c = both(
        call("greater_equal_float", vec![field(slot(6), 0), Expr::Const(Value::Float(8.0))]),
        over(MacroOp::Exists, field(slot(6), 1), 0, is_ok.clone()),
    );
    let c_json = both(
        call("_>=_", vec![key(slot(8), "score"), Expr::Const(Value::Float(8.0))]),
        over(MacroOp::Exists, key(slot(8), "tags"), 0, call("_==_", vec![Expr::Local(0), Expr::text("ok")])),
    );
    let dear = call("greater_float", vec![field(Expr::Local(0), 0), Expr::Const(Value::Float(10.0))]);
    let d = over(MacroOp::Map, over(MacroOp::Filter, slot(7), 0, dear), 1, field(Expr::Local(1), 1));
    let e = (0..50)
        .map(|turn: i64| {
            let product = call("multiply_int", vec![slot(9 + (turn % 8) as u32), int(turn + 3)]);
            call("subtract_int", vec![product, int(turn)])
        })
        .reduce(|left, right| call("add_int", vec![left, right]))
        .expect("fifty of them");

    type Condition = Box<dyn Fn(&Native) -> bool>;
    let natives: [Condition; 3] = [
        Box::new(|of| of.score >= 7 && of.count < 3),
        Box::new(|of| of.status == "done" || (of.retries < of.max_retries && !of.failed)),
        Box::new(|of| of.review.score >= 8.0 && of.review.tags.iter().any(|tag| tag == "ok")),
    ];
    type Sum = Box<dyn Fn(&Native) -> Option<i64>>;
    let sum: Sum = Box::new(|of| {
        let mut sum = 0_i64;
        macro_rules! add {
            ($($turn:literal)*) => { $( sum = sum.checked_add(of.v[$turn % 8].checked_mul($turn + 3)?.checked_sub($turn)?)?; )* }
        }
        add!(0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22 23 24 25 26 27 28 29 30 31 32 33 34 35 36 37 38 39 40 41 42 43 44 45 46 47 48 49);
        Some(sum)
    });

    let types = TypeDefs::new();
    let exprs = [("a", &a), ("b", &b), ("c", &c), ("c of json", &c_json), ("d", &d), ("e", &e)];
    let units: Vec<Unit<'_>> = exprs.iter().map(|(_, expr)| Unit { expr, slots: &slot_types }).collect();
    let program = Program::compile(&units, &[], &types).expect("executable memory");
    let frame = Slots(&slots);
    let meter = Meter::new(u64::MAX);
    let env = Env { frame: &frame, ..Env::bare(&types, &meter) };
    println!("{:12} {:>8} {:>8} {:>6} {:>8} {:>11}", "", "native", "code", "ratio", "entered", "interpreted");
    let mut evaluator = Evaluator::new(&env);
    for (unit, (name, expr)) in exprs.iter().enumerate() {
        let (result, back_end) = program.eval(unit, expr, &env);
        assert_eq!(result, eval(expr, &env), "{name}");
        assert_eq!(format!("{back_end:?}"), "Compiled", "{name}");
        let own = match *name {
            "d" => {
                let mut out: Vec<&str> = Vec::with_capacity(64);
                bench(|| {
                    out.clear();
                    let dear = black_box(&native).items.iter().filter(|item| item.price > 10.0);
                    out.extend(dear.map(|item| item.name.as_str()));
                    black_box(&out);
                })
            }
            "e" => bench(|| {
                black_box(black_box(&sum)(black_box(&native)));
            }),
            name => {
                let native_of = &natives[usize::from(name.as_bytes()[0] - b'a')];
                bench(|| {
                    black_box(black_box(native_of)(black_box(&native)));
                })
            }
        };
        let prepared = program.prepare(unit).expect("it is compiled");
        let code = match *name {
            "d" => bench(|| {
                let slots = FrameSlots::Values(black_box(&slots));
                black_box(prepared.view(&mut evaluator, slots).map(<[Value]>::len));
            }),
            "e" => bench(|| {
                black_box(prepared.int(&mut evaluator, FrameSlots::Values(black_box(&slots))));
            }),
            _ => bench(|| {
                black_box(prepared.test(&mut evaluator, FrameSlots::Values(black_box(&slots))));
            }),
        };
        let entered = match *name {
            "d" | "e" => bench(|| {
                black_box(program.eval(unit, expr, black_box(&env)).0.is_ok());
            }),
            _ => bench(|| {
                black_box(program.test(unit, expr, black_box(&env)).0.is_ok());
            }),
        };
        let interpreted = bench(|| {
            black_box(eval(expr, black_box(&env)).is_ok());
        });
        let ratio = code / own;
        println!("{name:12} {own:8.2} {code:8.2} {ratio:6.2} {entered:8.2} {interpreted:11.1}");
    }
    println!("\n{:12} {:>10} {:>6}", "", "µs to make", "bytes");
    for (name, expr) in exprs {
        let unit = [Unit { expr, slots: &slot_types }];
        let bytes = Program::compile(&unit, &[], &types).expect("executable memory").code_bytes();
        let made = bench(|| {
            black_box(Program::compile(black_box(&unit), &[], &types).is_ok());
        });
        println!("{name:12} {:10.1} {bytes:6}", made / 1e3);
    }
    let all = bench(|| {
        black_box(Program::compile(black_box(&units), &[], &types).is_ok());
    });
    println!("{:12} {:10.1} {:6}", "all as one", all / 1e3, program.code_bytes());
}
