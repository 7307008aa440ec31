//! Machine code: that everything has some, that it agrees with the interpreter whatever a frame holds, and that it gives its
//! memory back.
#![allow(
    clippy::disallowed_methods,
    clippy::print_stderr,
    reason = "it reads how much memory the process has"
)]

#[path = "support/both.rs"]
mod both;

use std::sync::Arc;

use both::{check, with_slots};
use flow_expr::compiled::{BackEnd, Evaluator, Program, Unit};
use flow_expr::functions::{Sig, overloads};
use flow_expr::{Env, FrameSlots, Meter, Slots, eval};
use flow_ir::expr::{Code, Entry, Expr, Item, MacroOp, MatchArm, Pattern, Piece, RunValue};
use flow_ir::types::{Field, Record};
use flow_ir::value::{EnumShape, EnumValue, Key, RecordValue, Shape};
use flow_ir::{Type, TypeDefs, Value};

fn call(function: &str, args: Vec<Expr>) -> Expr {
    Expr::Call { function: function.into(), args }
}

fn int(number: i64) -> Expr {
    Expr::Const(Value::Int(number))
}

fn over(op: MacroOp, over: Expr, vars: &[u32], bodies: Vec<Expr>) -> Expr {
    Expr::Macro { op, over: over.into(), vars: vars.into(), bodies }
}

fn shape() -> Arc<Shape> {
    Arc::new(Shape { name: None, tag: None, fields: ["a".into(), "b".into()].into() })
}

fn kinds() -> Arc<EnumShape> {
    Arc::new(EnumShape { name: "Kind".into(), values: ["billing".into(), "bug".into()].into() })
}

/// A value of each kind, and some more.
fn values() -> Vec<Value> {
    let record = RecordValue { shape: shape(), slots: vec![Value::Int(4), Value::string("x")] };
    let map = [(Key::String("a".into()), Value::Int(1)), (Key::Uint(7), Value::Null)];
    vec![
        Value::Int(3),
        Value::Int(i64::MIN),
        Value::Float(0.5),
        Value::string("text"),
        Value::string("long ".repeat(40)),
        Value::Bool(true),
        Value::Null,
        Value::Uint(9),
        Value::Bytes(Arc::from(*b"raw")),
        Value::Duration(60_000_000_000),
        Value::Timestamp(jiff::Timestamp::UNIX_EPOCH),
        Value::list(vec![Value::Int(1), Value::Int(2), Value::Int(3)]),
        Value::list(vec![Value::string("a"), Value::Float(1.5), Value::Null]),
        Value::Map(Arc::new(map.into_iter().collect())),
        Value::Record(Arc::new(record)),
        Value::Enum(EnumValue { shape: kinds(), index: 1 }),
        Value::Optional(None),
        Value::Optional(Some(Arc::new(Value::Int(2)))),
        Value::Type("int".into()),
    ]
}

fn record_type() -> Type {
    let field = |name: &str, ty| Field { name: name.into(), ty, trust: None, doc: String::new() };
    Type::Record(Arc::new(Record { fields: vec![field("a", Type::INT), field("b", Type::STRING)] }))
}

fn slot_types() -> Vec<Type> {
    vec![
        Type::Json,
        Type::INT,
        Type::STRING,
        Type::list(Type::INT),
        Type::list(record_type()),
        Type::map(Type::STRING, Type::INT),
        record_type(),
    ]
}

fn codes() -> Vec<Code> {
    let add = |left, right| call("add_int", vec![left, right]);
    let code = |name: &str, params: u32, body| Code {
        name: name.into(),
        params,
        locals: params + 1,
        body,
        param_types: vec![Type::INT; params as usize],
        returns: Type::INT,
    };
    let inner = Expr::Code { code: 0, args: vec![Expr::Local(0)] };
    vec![
        code("twice", 1, add(Expr::Local(0), Expr::Local(0))),
        code(
            "thrice",
            1,
            Expr::Let { local: 1, value: inner.into(), body: add(Expr::Local(1), Expr::Local(0)).into() },
        ),
    ]
}

/// An expression of each node, over slot 0.
fn nodes() -> Vec<Expr> {
    let slot = || Expr::Slot(0);
    let of = |expr: Expr| Box::new(expr);
    let item = |value, optional| Item { value, optional };
    let pair = |key: Expr, value: Expr, optional| Entry::Pair { key, value, optional };
    let is_big = || call("greater_int", vec![Expr::Local(0), int(1)]);
    let optional = || call("optional.of", vec![slot()]);
    let piece = |value: Expr| Piece::Splice { value, ty: Type::Json };
    let mut nodes = vec![
        slot(),
        Expr::Run(RunValue::Id),
        Expr::Run(RunValue::StartedAt),
        Expr::Field { of: of(slot()), index: 0, optional: false },
        Expr::Field { of: of(slot()), index: 5, optional: false },
        Expr::Field { of: of(slot()), index: 1, optional: true },
        Expr::Field {
            of: of(Expr::Field { of: of(slot()), index: 0, optional: true }),
            index: 0,
            optional: false,
        },
        Expr::Index { of: of(slot()), key: of(int(1)), optional: false },
        Expr::Index { of: of(slot()), key: of(int(-1)), optional: false },
        Expr::Index { of: of(slot()), key: of(Expr::text("a")), optional: false },
        Expr::Index { of: of(slot()), key: of(Expr::text("a")), optional: true },
        Expr::Index { of: of(slot()), key: of(slot()), optional: true },
        Expr::Has { of: of(slot()), key: "a".into() },
        Expr::List(vec![item(slot(), false), item(int(2), false)]),
        Expr::List(vec![item(slot(), true), item(int(2), false)]),
        Expr::Map(vec![pair(Expr::text("k"), slot(), false), Entry::Spread(slot())]),
        Expr::Map(vec![pair(slot(), int(1), false), pair(Expr::text("o"), slot(), true)]),
        Expr::Record { shape: shape(), slots: vec![slot(), int(1)] },
        Expr::Update { of: of(slot()), shape: shape(), slots: vec![(1, int(9)), (0, slot())] },
        Expr::Update { of: of(slot()), shape: shape(), slots: vec![(7, int(9))] },
        Expr::Enum { shape: kinds(), of: of(slot()) },
        Expr::Enum { shape: kinds(), of: of(Expr::text("bug")) },
        Expr::Code { code: 1, args: vec![slot()] },
        Expr::And(of(slot()), of(call("equals", vec![slot(), Expr::text("text")]))),
        Expr::Or(of(call("less_int", vec![slot(), int(3)])), of(slot())),
        Expr::Or(
            of(call("equals", vec![call("divide_int", vec![int(1), slot()]), int(0)])),
            of(call("not", vec![slot()])),
        ),
        Expr::If { test: of(slot()), then: of(int(1)), otherwise: of(Expr::text("no")) },
        Expr::Coalesce(of(slot()), of(int(5))),
        Expr::Coalesce(of(optional()), of(Expr::text("none"))),
        Expr::Let {
            local: 0,
            value: of(slot()),
            body: of(call("_+_", vec![Expr::Local(0), Expr::Local(0)])),
        },
        Expr::Match {
            value: of(slot()),
            local: 0,
            arms: vec![
                MatchArm {
                    patterns: vec![Pattern::Value(Value::Int(3)), Pattern::Value(Value::string("text"))],
                    binds: vec![],
                    guard: Some(call("_!=_", vec![Expr::Local(0), Expr::text("text")])),
                    value: int(1),
                },
                MatchArm {
                    patterns: vec![Pattern::Variant("R".into()), Pattern::Value(Value::Null)],
                    binds: vec![],
                    guard: None,
                    value: Expr::Local(0),
                },
            ],
            otherwise: Some(of(Expr::text("other"))),
        },
        Expr::Match { value: of(slot()), local: 0, arms: vec![], otherwise: None },
        Expr::Is { of: of(slot()), variant: "R".into() },
        Expr::Cast { of: of(slot()), from: Type::Json, to: Type::INT },
        Expr::Cast { of: of(slot()), from: Type::Json, to: Type::list(Type::FLOAT) },
        Expr::Widen { of: of(slot()), from: Type::INT, to: Type::FLOAT },
        Expr::Widen { of: of(slot()), from: Type::INT, to: Type::Json },
        Expr::Widen { of: of(slot()), from: Type::INT, to: Type::INT.nullable() },
        Expr::Template(vec![Piece::Text("a".into()), piece(slot()), piece(int(3))]),
        Expr::Template(vec![
            Piece::For { over: slot(), index: Some(1), item: 2, body: vec![piece(Expr::Local(2))] },
            Piece::If {
                test: call("_==_", vec![slot(), int(3)]),
                then: vec![Piece::Text("yes".into())],
                otherwise: vec![piece(slot())],
            },
        ]),
        Expr::Fail { kind: "bad_value".into(), message: "no".into() },
        Expr::Or(of(Expr::Fail { kind: "bad_shape".into(), message: "no".into() }), of(slot())),
        Expr::Or(of(Expr::Fail { kind: "exhausted".into(), message: "no".into() }), of(Expr::truth())),
        call("size", vec![over(MacroOp::Filter, slot(), &[0], vec![is_big()])]),
        call("_in_", vec![int(2), over(MacroOp::Map, slot(), &[0], vec![Expr::Local(0)])]),
        // Text that is made in each turn: only what a turn yields stays.
        over(
            MacroOp::Map,
            slot(),
            &[0],
            vec![Expr::Template(vec![
                piece(Expr::Local(0)),
                piece(Expr::Template(vec![piece(Expr::Local(0))])),
            ])],
        ),
        over(
            MacroOp::Map,
            slot(),
            &[0],
            vec![over(
                MacroOp::Filter,
                Expr::Slot(0),
                &[1],
                vec![call("_!=_", vec![Expr::Local(1), Expr::Local(0)])],
            )],
        ),
        over(
            MacroOp::Exists,
            slot(),
            &[0],
            vec![call("_==_", vec![Expr::Template(vec![piece(Expr::Local(0))]), Expr::text("3")])],
        ),
        // The filter and the map are one loop.
        over(MacroOp::Map, over(MacroOp::Filter, slot(), &[0], vec![is_big()]), &[0], vec![Expr::Local(0)]),
        over(
            MacroOp::Map,
            over(
                MacroOp::Filter,
                slot(),
                &[0],
                vec![call(
                    "greater_int",
                    vec![Expr::Field { of: of(Expr::Local(0)), index: 0, optional: false }, int(0)],
                )],
            ),
            &[1],
            vec![Expr::Field { of: of(Expr::Local(1)), index: 1, optional: false }],
        ),
    ];
    use MacroOp::*;
    for op in [All, Exists, ExistsOne, Map, Filter, SortBy, DistinctBy, GroupBy, MinBy, MaxBy, Find] {
        nodes.push(over(op, slot(), &[0], vec![is_big()]));
        nodes.push(over(op, slot(), &[0], vec![call("_+_", vec![Expr::Local(0), int(1)])]));
        nodes.push(over(op, slot(), &[0], vec![call("_<_", vec![Expr::Local(0), int(2)])]));
    }
    let sum = || call("_+_", vec![Expr::Local(0), Expr::Local(1)]);
    for op in [All, Exists, ExistsOne, TransformList, TransformMap] {
        nodes.push(over(op, slot(), &[0, 1], vec![call("_==_", vec![Expr::Local(0), Expr::Local(1)])]));
        nodes.push(over(op, slot(), &[0, 1], vec![sum()]));
    }
    nodes.push(over(Map, slot(), &[0], vec![is_big(), call("_*_", vec![Expr::Local(0), int(3)])]));
    nodes.push(over(TransformList, slot(), &[0, 1], vec![Expr::truth(), sum()]));
    let entries = || vec![pair(Expr::Local(1), Expr::Local(0), false)];
    nodes.push(over(TransformMapEntry, slot(), &[0, 1], vec![Expr::Map(entries())]));
    // Sums that may overflow, or may not.
    let long = |start: Expr| {
        (0..9).fold(start, |sum, turn| {
            call("add_int", vec![call("multiply_int", vec![sum, slot()]), int(turn)])
        })
    };
    nodes.push(long(int(1)));
    let flat = (0..9).fold(int(0), |sum, turn| {
        call("subtract_int", vec![call("multiply_int", vec![slot(), int(turn)]), sum])
    });
    nodes.push(flat);
    nodes
}

/// The nodes that are compiled whatever they stand on; `Match` without an arm and macros of the wrong shape aside, all.
#[test]
fn every_node_has_machine_code() {
    let (types, codes) = (TypeDefs::new(), codes());
    for node in nodes() {
        let program = Program::compile(&[Unit { expr: &node, slots: &[] }], &codes, &types).unwrap();
        assert!(program.is_compiled(0), "{node:?}");
    }
}

/// Each node on each value under each static type: mostly a wrong one.
#[test]
fn no_frame_is_wrong_for_machine_code() {
    let (types, codes) = (TypeDefs::new(), codes());
    for node in nodes() {
        for ty in slot_types() {
            for value in values() {
                let meter = Meter::new(20_000);
                let env = Env { codes: &codes, run_id: "run-1", ..Env::bare(&types, &meter) };
                with_slots(&node, std::slice::from_ref(&ty), std::slice::from_ref(&value), &env);
            }
            let meter = Meter::new(20_000);
            let env = Env { codes: &codes, frame: &vec![None], ..Env::bare(&types, &meter) };
            both::compare(&node, std::slice::from_ref(&ty), &env);
            // No slot at all.
            both::compare(
                &node,
                std::slice::from_ref(&ty),
                &Env { codes: &codes, ..Env::bare(&types, &meter) },
            );
        }
    }
}

/// The meter runs out at every point.
#[test]
fn it_runs_out_where_the_interpreter_does() {
    let (types, codes) = (TypeDefs::new(), codes());
    for node in nodes() {
        let program = Program::compile(&[Unit { expr: &node, slots: &[] }], &codes, &types).unwrap();
        for value in [&values()[0], &values()[11], &values()[13]] {
            for units in 0..24 {
                let (meter, slots) = (Meter::new(units), std::slice::from_ref(value));
                let env = Env { codes: &codes, frame: &Slots(slots), ..Env::bare(&types, &meter) };
                check(&program, &node, &env);
            }
        }
    }
}

/// A value that a parameter takes.
fn sample(sig: &Sig) -> Value {
    let found = |ok: fn(&Value) -> bool| values().into_iter().find(ok).unwrap();
    match sig {
        Sig::Null | Sig::Nullable(_) => Value::Null,
        Sig::Bool => Value::Bool(true),
        Sig::Int | Sig::Any | Sig::Json | Sig::Var(_) | Sig::Ordered(_) => Value::Int(3),
        Sig::Uint => Value::Uint(9),
        Sig::Float => Value::Float(0.5),
        Sig::String => Value::string("12"),
        Sig::Bytes => Value::Bytes(Arc::from(*b"raw")),
        Sig::Duration => Value::Duration(60_000_000_000),
        Sig::Timestamp => Value::Timestamp(jiff::Timestamp::UNIX_EPOCH),
        Sig::Type => Value::Type("int".into()),
        Sig::Enum => found(|value| matches!(value, Value::Enum(_))),
        Sig::List(of) => Value::list(vec![sample(of), sample(of)]),
        Sig::Map(..) => found(|value| matches!(value, Value::Map(_))),
        Sig::Optional(of) => Value::Optional(Some(Arc::new(sample(of)))),
    }
}

#[test]
fn every_row_by_id_and_by_name() {
    let types = TypeDefs::new();
    let mut compiled = 0;
    for row in overloads() {
        let slots: Vec<Value> = row.params.iter().map(sample).collect();
        let args = || (0..slots.len() as u32).map(Expr::Slot).collect::<Vec<_>>();
        let constants = || slots.iter().cloned().map(Expr::Const).collect::<Vec<_>>();
        let of = |name: &str, args: Vec<Expr>| {
            let meter = Meter::new(20_000);
            with_slots(&call(name, args), &[], &slots, &Env::bare(&types, &meter))
        };
        assert_eq!(of(row.id, args()), BackEnd::Compiled, "{}", row.id);
        assert_eq!(of(row.id, constants()), BackEnd::Compiled, "{}", row.id);
        assert_eq!(of(row.name, args()), BackEnd::Compiled, "{}", row.name);
        assert_eq!(of(row.name, constants()), BackEnd::Compiled, "{}", row.name);
        compiled += 1;
        // Arguments of other kinds.
        let calls = [row.id, row.name].map(|name| call(name, args()));
        let units = calls.each_ref().map(|expr| Unit { expr, slots: &[] });
        let programs = units.map(|unit| Program::compile(&[unit], &[], &types).unwrap());
        for value in values() {
            let slots = vec![value; slots.len()];
            for (program, expr) in programs.iter().zip(&calls) {
                let meter = Meter::new(20_000);
                check(program, expr, &Env { frame: &Slots(&slots), ..Env::bare(&types, &meter) });
            }
        }
    }
    assert!(compiled > 150, "{compiled} rows");
}

/// What is too deep is left to the interpreter, what is merely long isn't; neither needs much stack.
#[test]
fn deep_and_long() {
    let run = || {
        let types = TypeDefs::new();
        let chain =
            |count: usize| (0..count).fold(Expr::Slot(0), |sum, _| call("add_int", vec![sum, int(1)]));
        let alternatives = |count: usize| {
            (0..count).fold(int(0), |otherwise, turn| Expr::If {
                test: call("equals", vec![Expr::Slot(0), int(turn as i64)]).into(),
                then: int(turn as i64).into(),
                otherwise: otherwise.into(),
            })
        };
        let conditions = |count: usize| {
            (0..count).fold(Expr::truth(), |all, turn| {
                Expr::And(all.into(), call("_!=_", vec![Expr::Slot(0), int(turn as i64)]).into())
            })
        };
        let brackets = |count: usize| {
            (0..count)
                .fold(Expr::Slot(0), |inner, _| Expr::List(vec![Item { value: inner, optional: false }]))
        };
        let texts = (0..600).fold(Expr::text(""), |text, _| call("add_string", vec![text, Expr::text("x")]));
        for (expr, is_compiled) in [
            (chain(1_000), true),
            (alternatives(400), true),
            (conditions(400), true),
            (brackets(100), true),
            (texts, true),
            (chain(10_000), false),
            (brackets(1_000), false),
        ] {
            let program =
                Program::compile(&[Unit { expr: &expr, slots: &[Type::INT] }], &[], &types).unwrap();
            assert_eq!(program.is_compiled(0), is_compiled);
            if is_compiled {
                let meter = Meter::default();
                with_slots(&expr, &[Type::INT], &[Value::Int(7)], &Env::bare(&types, &meter));
            }
        }
    };
    std::thread::Builder::new().stack_size(2 << 20).spawn(run).unwrap().join().unwrap();
}

fn resident_kib() -> Option<i64> {
    let text = std::fs::read_to_string("/proc/self/statm").ok()?;
    Some(text.split_whitespace().nth(1)?.parse::<i64>().ok()? * 4)
}

#[test]
fn memory_is_given_back() {
    if resident_kib().is_none() {
        eprintln!("skipped: this system doesn't tell how much memory a process has");
        return;
    }
    let types = TypeDefs::new();
    let expr = over(
        MacroOp::Exists,
        Expr::Slot(0),
        &[0],
        vec![call("equals", vec![Expr::Local(0), Expr::text("ok")])],
    );
    let make = |count: usize| {
        for _ in 0..count {
            let unit = Unit { expr: &expr, slots: &[Type::list(Type::STRING)] };
            assert!(Program::compile(&[unit], &[], &types).unwrap().is_compiled(0));
        }
    };
    make(100);
    let before = resident_kib().unwrap();
    make(2_000);
    let grown = resident_kib().unwrap() - before;
    assert!(grown < 8 << 10, "{grown} KiB more after 2,000 programs");

    // Turns that make texts and lists, of which nothing stays.
    let text = Expr::Template(vec![Piece::Splice { value: Expr::Local(0), ty: Type::INT }]);
    let list = over(MacroOp::Map, Expr::Slot(1), &[1], vec![text.clone()]);
    let expr = over(MacroOp::Exists, Expr::Slot(0), &[0], vec![call("equals", vec![list, Expr::Slot(2)])]);
    let slots = [
        Value::list((0..40_000).map(Value::Int).collect()),
        Value::list((0..10).map(Value::Int).collect()),
        Value::list(vec![Value::Null]),
    ];
    let program = Program::compile(&[Unit { expr: &expr, slots: &[] }], &[], &types).unwrap();
    let run = || {
        let meter = Meter::default();
        let env = Env { frame: &Slots(&slots), ..Env::bare(&types, &meter) };
        assert_eq!(program.eval(0, &expr, &env), (Ok(Value::Bool(false)), BackEnd::Compiled));
    };
    run();
    let before = resident_kib().unwrap();
    (0..3).for_each(|_| run());
    let grown = resident_kib().unwrap() - before;
    assert!(grown < 4 << 10, "{grown} KiB more after 120,000 turns");
}

#[test]
fn many_threads_and_one_evaluator() {
    let types = TypeDefs::new();
    let is_big = call("greater_int", vec![Expr::Local(0), Expr::Slot(1)]);
    let list = over(MacroOp::Filter, Expr::Slot(0), &[0], vec![is_big.clone()]);
    let some = over(MacroOp::Exists, Expr::Slot(0), &[0], vec![is_big]);
    let ratio = call("divide_int", vec![int(12), Expr::Slot(1)]);
    let slot_types = [Type::list(Type::INT), Type::INT];
    let exprs = [&list, &some, &ratio];
    let units = exprs.map(|expr| Unit { expr, slots: &slot_types });
    let program = Program::compile(&units, &[], &types).unwrap();
    std::thread::scope(|scope| {
        for thread in 0..4_i64 {
            let (program, types) = (&program, &types);
            scope.spawn(move || {
                for turn in 0..2_000 {
                    let bound = (turn + thread) % 12;
                    let slots = [Value::list((0..10).map(Value::Int).collect()), Value::Int(bound)];
                    let meter = Meter::default();
                    let env = Env { frame: &Slots(&slots), ..Env::bare(types, &meter) };
                    for (unit, expr) in exprs.iter().enumerate() {
                        assert_eq!(program.eval(unit, expr, &env).0, eval(expr, &env));
                    }
                }
            });
        }
    });
    let meter = Meter::default();
    let env = Env::bare(&types, &meter);
    let mut evaluator = Evaluator::new(&env);
    let [list, some, ratio] = [0, 1, 2].map(|unit| program.prepare(unit).unwrap());
    for bound in 0..12 {
        let slots = [Value::list((0..10).map(Value::Int).collect()), Value::Int(bound)];
        let frame = || FrameSlots::Values(&slots);
        let left: Vec<Value> = (0..10).filter(|number| *number > bound).map(Value::Int).collect();
        assert_eq!(list.view(&mut evaluator, frame()), Some(&left[..]));
        assert_eq!(some.test(&mut evaluator, frame()), Some(!left.is_empty()));
        assert_eq!(ratio.int(&mut evaluator, frame()), 12_i64.checked_div(bound));
        // Too few slots, or one of another kind.
        assert_eq!(some.test(&mut evaluator, FrameSlots::Values(&slots[..1])), None);
        assert_eq!(ratio.int(&mut evaluator, FrameSlots::Values(&[Value::Null, Value::Null])), None);
    }
}

/// A sum that isn't one of small parts only, however long, is looked at once.
#[test]
fn long_sums_compile_quickly() {
    let types = TypeDefs::new();
    let start = call("size_list", vec![Expr::Slot(0)]);
    let sum = (0..3_000).fold(start, |sum, turn| call("add_int", vec![sum, int(turn)]));
    let unit = Unit { expr: &sum, slots: &[Type::list(Type::INT)] };
    let program = Program::compile(&[unit], &[], &types).unwrap();
    assert!(program.is_compiled(0));
    let meter = Meter::default();
    let slots = [Value::list(vec![Value::Null; 5])];
    let result = program.eval(0, &sum, &Env { frame: &Slots(&slots), ..Env::bare(&types, &meter) });
    assert_eq!(result, (Ok(Value::Int(5 + 2_999 * 1_500)), BackEnd::Compiled));
}

/// What is compiled on the caller's stack needs little of it.
#[test]
fn a_small_stack_is_enough() {
    let run = || {
        let types = TypeDefs::new();
        for count in [20, 23, 24, 40] {
            let nested = (0..count).fold(Expr::Slot(0), |inner, turn| match turn % 4 {
                0 => over(
                    MacroOp::Map,
                    Expr::List(vec![Item { value: inner, optional: false }]),
                    &[turn],
                    vec![Expr::Local(turn)],
                ),
                1 => Expr::Template(vec![Piece::Splice { value: inner, ty: Type::Json }]),
                2 => {
                    Expr::Let { local: 100 + turn, value: inner.into(), body: Expr::Local(100 + turn).into() }
                }
                _ => Expr::If { test: Expr::truth().into(), then: inner.into(), otherwise: int(1).into() },
            });
            both::compare(
                &nested,
                &[],
                &Env { frame: &Slots(&[Value::Int(1)]), ..Env::bare(&types, &Meter::default()) },
            );
        }
    };
    std::thread::Builder::new().stack_size(1 << 20).spawn(run).unwrap().join().unwrap();
}
