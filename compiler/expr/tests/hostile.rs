//! No expression panics, whatever it is made of: also one that no checker would let through.

#[path = "support/both.rs"]
mod both;

use std::sync::Arc;

use flow_expr::functions::overloads;
use flow_expr::{Env, Meter, Slots, eval, fold};
use flow_ir::expr::{Entry, Expr, Item, MacroOp, Piece};
use flow_ir::types::{Field, Record};
use flow_ir::value::{EnumShape, EnumValue, Key, RecordValue, Shape};
use flow_ir::{Type, TypeDefs, Value};
use proptest::prelude::*;

fn record() -> Value {
    let fields = ["a".into(), "b".into()].into();
    let shape = Arc::new(Shape { name: Some("R".into()), tag: None, fields });
    Value::Record(Arc::new(RecordValue { shape, slots: vec![Value::Int(1), Value::Null] }))
}

fn kind(index: u32) -> Value {
    let shape = Arc::new(EnumShape { name: "Kind".into(), values: ["billing".into(), "bug".into()].into() });
    Value::Enum(EnumValue { shape, index })
}

fn some_value() -> impl Strategy<Value = Value> {
    let scalar = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::Bool),
        prop_oneof![any::<i64>(), Just(i64::MIN), Just(i64::MAX), -3..70i64].prop_map(Value::Int),
        prop_oneof![any::<u64>(), Just(u64::MAX), 0..3u64].prop_map(Value::Uint),
        prop_oneof![any::<f64>(), Just(f64::NAN), Just(f64::INFINITY), Just(-0.0)].prop_map(Value::Float),
        prop_oneof![
            ".{0,12}",
            Just("é🙂\u{301}".to_owned()),
            Just("%Y-%m-%dT%255H %Q".to_owned()),
            Just("(a+)+$".to_owned()),
            Just("Europe/Berlin".to_owned()),
            Just("-99:99".to_owned()),
            Just("1h30m".to_owned()),
            Just("2026-01-31T12:00:00Z".to_owned()),
        ]
        .prop_map(Value::string),
        proptest::collection::vec(any::<u8>(), 0..8).prop_map(|bytes| Value::Bytes(bytes.into())),
        prop_oneof![any::<i64>(), Just(i64::MIN)].prop_map(Value::Duration),
        prop_oneof![
            Just(jiff::Timestamp::MIN),
            Just(jiff::Timestamp::MAX),
            Just(jiff::Timestamp::UNIX_EPOCH)
        ]
        .prop_map(Value::Timestamp),
        (0..2u32).prop_map(kind),
        Just(record()),
        Just(Value::Optional(None)),
        Just(Value::Type("int".into())),
    ];
    scalar.prop_recursive(2, 12, 4, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..4).prop_map(Value::list),
            inner.clone().prop_map(|value| Value::Optional(Some(Arc::new(value)))),
            (".{0,3}", inner).prop_map(|(key, value)| {
                Value::Map(Arc::new([(Key::String(key.into()), value)].into_iter().collect()))
            }),
        ]
    })
}

fn some_type() -> impl Strategy<Value = Type> {
    let record = Record { fields: vec![field("a", Type::INT), field("b", Type::Json)] };
    proptest::sample::select(vec![
        Type::Json,
        Type::INT,
        Type::Bool,
        Type::Uint,
        Type::FLOAT,
        Type::STRING,
        Type::Duration,
        Type::list(Type::INT),
        Type::list(Type::STRING),
        Type::list(Type::Record(Arc::new(record.clone()))),
        Type::map(Type::STRING, Type::INT),
        Type::Record(Arc::new(record)),
        Type::Named("R".into()),
        Type::STRING.nullable(),
        Type::Optional(Arc::new(Type::INT)),
    ])
}

fn field(name: &str, ty: Type) -> Field {
    Field { name: name.into(), ty, trust: None, doc: String::new() }
}

fn some_expr() -> impl Strategy<Value = Expr> {
    let ids: Vec<&str> =
        overloads().map(|overload| overload.id).chain(["_+_", "_==_", "size", "no such"]).collect();
    let types =
        [Type::Json, Type::INT, Type::list(Type::FLOAT), Type::STRING.nullable(), Type::Named("R".into())];
    let leaf = prop_oneof![
        some_value().prop_map(Expr::Const),
        (0..4u32).prop_map(Expr::Slot),
        (0..3u32).prop_map(Expr::Local),
    ];
    leaf.prop_recursive(4, 40, 4, move |inner| {
        let boxed = inner.clone().prop_map(Box::new);
        let ops = prop_oneof![
            Just(MacroOp::All), Just(MacroOp::Exists), Just(MacroOp::ExistsOne), Just(MacroOp::Map),
            Just(MacroOp::Filter), Just(MacroOp::TransformList), Just(MacroOp::TransformMap),
            Just(MacroOp::TransformMapEntry), Just(MacroOp::SortBy), Just(MacroOp::DistinctBy),
            Just(MacroOp::GroupBy), Just(MacroOp::MinBy), Just(MacroOp::MaxBy), Just(MacroOp::Find),
        ];
        let args = proptest::collection::vec(inner.clone(), 0..4);
        let types = proptest::sample::select(types.to_vec());
        prop_oneof![
            6 => (proptest::sample::select(ids.clone()), args.clone())
                .prop_map(|(id, args)| Expr::Call { function: id.into(), args }),
            2 => (ops, boxed.clone(), 0..3u32, 0..3usize, args.clone()).prop_map(|(op, over, local, count, bodies)| {
                Expr::Macro { op, over, vars: (local..local + count as u32).collect(), bodies }
            }),
            1 => (boxed.clone(), boxed.clone()).prop_map(|(left, right)| Expr::And(left, right)),
            1 => (boxed.clone(), boxed.clone()).prop_map(|(left, right)| Expr::Or(left, right)),
            1 => (boxed.clone(), boxed.clone()).prop_map(|(left, right)| Expr::Coalesce(left, right)),
            1 => (boxed.clone(), boxed.clone(), boxed.clone())
                .prop_map(|(test, then, otherwise)| Expr::If { test, then, otherwise }),
            1 => (boxed.clone(), 0..3u32, any::<bool>())
                .prop_map(|(of, index, optional)| Expr::Field { of, index, optional }),
            1 => (boxed.clone(), boxed.clone(), any::<bool>())
                .prop_map(|(of, key, optional)| Expr::Index { of, key, optional }),
            1 => boxed.clone().prop_map(|of| Expr::Has { of, key: "a".into() }),
            1 => (boxed.clone(), types.clone()).prop_map(|(of, to)| Expr::Cast { of, from: Type::Json, to }),
            1 => (boxed.clone(), types.clone()).prop_map(|(of, to)| Expr::Widen { of, from: Type::Json, to }),
            1 => (0..3u32, boxed.clone(), boxed).prop_map(|(local, value, body)| Expr::Let { local, value, body }),
            1 => (inner.clone(), types).prop_map(|(value, ty)| Expr::Template(vec![Piece::Splice { value, ty }])),
            1 => args.prop_map(|args| {
                Expr::List(args.into_iter().map(|value| Item { value, optional: false }).collect())
            }),
            1 => (inner.clone(), inner, any::<bool>()).prop_map(|(key, value, optional)| {
                Expr::Map(vec![Entry::Pair { key, value: value.clone(), optional }, Entry::Spread(value)])
            }),
        ]
    })
}

/// Whether each variable is read inside its scope only, and none has the number of one around it: the checker gives each a
/// number of its own.
fn is_closed(expr: &Expr, bound: &mut Vec<u32>) -> bool {
    match expr {
        Expr::Local(local) => bound.contains(local),
        Expr::Let { local, value, body } => {
            !bound.contains(local) && is_closed(value, bound) && {
                bound.push(*local);
                let closed = is_closed(body, bound);
                bound.pop();
                closed
            }
        }
        Expr::Macro { over, vars, bodies, .. } => {
            !vars.iter().any(|var| bound.contains(var)) && is_closed(over, bound) && {
                bound.extend(vars);
                let closed = bodies.iter().all(|body| is_closed(body, bound));
                bound.truncate(bound.len() - vars.len());
                closed
            }
        }
        _ => {
            let mut closed = true;
            expr.children(&mut |child| closed = closed && is_closed(child, bound));
            closed
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 3_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn nothing_panics(
        expr in some_expr(),
        slots in proptest::collection::vec(some_value(), 0..4),
        slot_types in proptest::collection::vec(some_type(), 0..5),
    ) {
        let types = TypeDefs::new();
        let run = |expr: &Expr| {
            let meter = Meter::new(50_000);
            (eval(expr, &Env { frame: &Slots(&slots), ..Env::bare(&types, &meter) }), meter.left())
        };
        let (first, left) = run(&expr);
        // The same again, and after folding: what comes out and whether something does.
        let (second, left_again) = run(&expr);
        prop_assert_eq!(format!("{:?}", first), format!("{:?}", second));
        prop_assert_eq!(left, left_again);
        // Machine code for slots of any types, be they those of the values or not.
        let meter = Meter::new(50_000);
        both::with_slots(&expr, &slot_types, &slots, &Env::bare(&types, &meter));
        // What a variable outside of its scope holds is nobody's promise; no checked program has one.
        if left > 0 && is_closed(&expr, &mut Vec::new()) {
            let folded = run(&fold(expr, &[], &types)).0;
            prop_assert_eq!(first.is_ok(), folded.is_ok(), "{:?} {:?}", first, folded);
        }
        if let Ok(value) = first {
            let _ = flow_ir::json::untyped(&value);
        }
    }
}
