//! Expressions as the checker makes them: records, enums, unions, casts, routes, rules, code, templates and folding.

mod support;

use std::sync::Arc;

use support::both::eval;

use flow_expr::{Env, Error, ErrorKind, Meter, Slots, WhereRules, constant, fold};
use flow_ir::expr::{Code, Expr, Item, MatchArm, Pattern, Piece, RunValue};
use flow_ir::json::{decode, encode, record_shape};
use flow_ir::types::*;
use flow_ir::value::{EnumShape, Key, Shape};
use flow_ir::{Type, TypeDefs, Value};
use serde_json::json;

fn field(name: &str, ty: Type) -> Field {
    Field { name: name.into(), ty, trust: None, doc: String::new() }
}

fn named(name: &str) -> Type {
    Type::Named(name.into())
}

fn call(function: &str, args: Vec<Expr>) -> Expr {
    Expr::Call { function: function.into(), args }
}

fn int(number: i64) -> Expr {
    Expr::Const(Value::Int(number))
}

/// `type Span { first: int last: int } where first < last`, `enum Kind { billing bug }`, `type Action = Reply | Stop`.
fn types() -> TypeDefs {
    let span = Record { fields: vec![field("first", Type::INT), field("last", Type::INT)] };
    let rule = Where {
        base: Type::Record(Arc::new(span.clone())),
        text: "first < last".into(),
        rule: call("less_int", vec![Expr::Slot(1), Expr::Slot(2)]),
    };
    let record = |fields: Vec<Field>| TypeBody::Record { record: Arc::new(Record { fields }), rule: None };
    let value = |name: &str| EnumValue { name: name.into(), doc: String::new() };
    let def = |name: &str, body| (name.into(), TypeDef { name: name.into(), doc: String::new(), body });
    [
        def("Span", TypeBody::Record { record: Arc::new(span), rule: Some(Arc::new(rule)) }),
        def("Kind", TypeBody::Enum { values: [value("billing"), value("bug")].into() }),
        def("Reply", record(vec![field("text", Type::STRING)])),
        def("Stop", record(vec![field("why", Type::STRING.nullable())])),
        def("Action", TypeBody::Union { members: vec!["Reply".into(), "Stop".into()] }),
    ]
    .into_iter()
    .collect()
}

fn codes() -> Vec<Code> {
    // code twice(n: int) -> int = n + n
    vec![Code {
        name: "twice".into(),
        params: 1,
        locals: 1,
        body: call("add_int", vec![Expr::Local(0), Expr::Local(0)]),
        param_types: vec![Type::INT],
        returns: Type::INT,
    }]
}

fn with(slots: &[Value], expr: &Expr) -> Result<Value, Error> {
    let (types, codes, meter) = (types(), codes(), Meter::default());
    eval(expr, &Env { frame: &Slots(slots), codes: &codes, run_id: "run-1", ..Env::bare(&types, &meter) })
}

fn told(slots: &[Value], expr: &Expr) -> String {
    match with(slots, expr) {
        Ok(value) => flow_ir::json::untyped(&value).unwrap().to_string(),
        Err(error) => error.to_string(),
    }
}

fn record(name: &str, slots: Vec<Expr>) -> Expr {
    Expr::Record { shape: record_shape(&types(), &name.into()).unwrap(), slots }
}

#[test]
fn records_keep_their_rule() {
    assert_eq!(told(&[], &record("Span", vec![int(1), int(2)])), r#"{"first":1,"last":2}"#);
    assert_eq!(
        told(&[], &record("Span", vec![int(3), int(2)])),
        "bad_value: a Span must satisfy `first < last`"
    );
    let span = with(&[], &record("Span", vec![int(1), int(5)])).unwrap();
    let update = |to: i64| Expr::Update {
        of: Expr::Slot(0).into(),
        shape: record_shape(&types(), &"Span".into()).unwrap(),
        slots: vec![(0, int(to))],
    };
    assert_eq!(told(std::slice::from_ref(&span), &update(4)), r#"{"first":4,"last":5}"#);
    assert_eq!(told(&[span], &update(5)), "bad_value: a Span must satisfy `first < last`");
}

#[test]
fn rules_hold_for_documents() {
    let (types, codes) = (types(), codes());
    let rules = WhereRules::new(&types, &codes);
    assert!(decode(&json!({"first": 1, "last": 2}), &named("Span"), &types, &rules).is_ok());
    let wrong =
        decode(&json!([{"first": 2, "last": 2}]), &Type::list(named("Span")), &types, &rules).unwrap_err();
    assert_eq!(wrong[0].to_string(), "$[0]: must satisfy `first < last`, got {\"first\":2,\"last\":2}");
}

#[test]
fn a_rule_that_makes_its_own_type_ends() {
    // type Loop { n: int } where Loop{n: n}.n == n
    let body = Record { fields: vec![field("n", Type::INT)] };
    let shape = Arc::new(Shape { name: Some("Loop".into()), tag: None, fields: ["n".into()].into() });
    let made = Expr::Record { shape, slots: vec![Expr::Slot(1)] };
    let rule = Where {
        base: Type::Record(Arc::new(body.clone())),
        text: "…".into(),
        rule: call(
            "equals",
            vec![Expr::Field { of: made.clone().into(), index: 0, optional: false }, Expr::Slot(1)],
        ),
    };
    let body = TypeBody::Record { record: Arc::new(body), rule: Some(Arc::new(rule)) };
    let types: TypeDefs =
        [("Loop".into(), TypeDef { name: "Loop".into(), doc: String::new(), body })].into_iter().collect();
    let meter = Meter::default();
    let slots = [Value::Null, Value::Int(1)];
    let run = || eval(&made, &Env { frame: &Slots(&slots), ..Env::bare(&types, &meter) });
    assert_eq!(run().unwrap_err().kind, ErrorKind::Exhausted);
}

#[test]
fn casts_check_and_read() {
    let cast = |to: Type| Expr::Cast { of: Expr::Slot(0).into(), from: Type::Json, to };
    let range = Type::Int(IntRange { min: Some(1), max: Some(5) });
    let map = |key: &str, value: Value| {
        Value::Map(Arc::new([(Key::String(key.into()), value)].into_iter().collect()))
    };
    for (value, to, expected) in [
        (Value::Int(3), range.clone(), "3"),
        (Value::Int(6), range, "bad_shape: $: must be an int from 1 to 5, got 6"),
        (Value::Float(3.0), Type::INT, "3"),
        (Value::string("bug"), named("Kind"), "\"bug\""),
        (
            Value::string("spam"),
            named("Kind"),
            "bad_shape: $: must be a Kind: one of billing, bug, got \"spam\"",
        ),
        (map("first", Value::Int(1)), named("Span"), "bad_shape: $.last: must not be missing, got nothing"),
        (map("type", Value::string("Stop")), named("Action"), "{\"type\":\"Stop\",\"why\":null}"),
        (
            Value::list(vec![Value::Int(1), Value::Null, Value::string("x")]),
            Type::list(Type::INT),
            "bad_shape: $[1]: must be an int, got null (and 1 more)",
        ),
    ] {
        assert_eq!(told(&[value], &cast(to.clone())), expected, "{to}");
    }
}

#[test]
fn widening_changes_the_form_only() {
    let widen = |value: Value, to: Type| {
        with(&[value], &Expr::Widen { of: Expr::Slot(0).into(), from: Type::Json, to })
    };
    let ints = Value::list(vec![Value::Int(1), Value::Int(2)]);
    assert_eq!(
        flow_ir::json::untyped(&widen(ints, Type::list(Type::FLOAT)).unwrap()).unwrap(),
        json!([1.0, 2.0])
    );
    let one = Value::Optional(Some(Arc::new(Value::Int(1))));
    assert_eq!(widen(one, Type::INT.nullable()), Ok(Value::Int(1)));
    assert_eq!(widen(Value::Optional(None), Type::INT.nullable()), Ok(Value::Null));
    assert_eq!(widen(Value::Null, Type::Optional(Arc::new(Type::INT))), Ok(Value::Optional(None)));
    let reply = with(&[], &record("Reply", vec![Expr::text("hi")])).unwrap();
    let json = widen(reply, Type::Json).unwrap();
    assert_eq!(flow_ir::json::untyped(&json).unwrap(), json!({"type": "Reply", "text": "hi"}));
    assert!(matches!(json, Value::Map(_)));
    // A bare record where a named one with more nullable fields is expected.
    let bare = Arc::new(Shape { name: None, tag: None, fields: [].into() });
    let bare = with(&[], &Expr::Record { shape: bare, slots: vec![] }).unwrap();
    let stop = widen(bare, named("Stop")).unwrap();
    assert_eq!(encode(&stop, &named("Action"), &types()).unwrap(), json!({"type": "Stop", "why": null}));
}

#[test]
fn routes_over_variants_enums_and_null() {
    let arm = |pattern, binds, guard, value| MatchArm { patterns: vec![pattern], binds, guard, value };
    let route = Expr::Match {
        value: Expr::Slot(0).into(),
        local: 0,
        arms: vec![
            arm(
                Pattern::Variant("Reply".into()),
                vec![(0, 1)],
                Some(call("starts_with_string", vec![Expr::Local(1), Expr::text("h")])),
                Expr::Local(1),
            ),
            arm(Pattern::Variant("Stop".into()), vec![], None, Expr::text("stopped")),
            arm(Pattern::Value(Value::Null), vec![], None, Expr::text("null")),
        ],
        otherwise: Some(Expr::text("other").into()),
    };
    let reply = |text: &str| with(&[], &record("Reply", vec![Expr::text(text)])).unwrap();
    let stop = with(&[], &record("Stop", vec![Expr::Const(Value::Null)])).unwrap();
    for (value, expected) in
        [(reply("hi"), "hi"), (reply("no"), "other"), (stop.clone(), "stopped"), (Value::Null, "null")]
    {
        assert_eq!(with(&[value], &route), Ok(Value::string(expected)));
    }
    let is = Expr::Is { of: Expr::Slot(0).into(), variant: "Stop".into() };
    assert_eq!(with(&[stop], &is), Ok(Value::Bool(true)));
    assert_eq!(with(&[reply("x")], &is), Ok(Value::Bool(false)));
    assert_eq!(with(&[Value::Null], &is), Ok(Value::Bool(false)));
    let kind = Arc::new(EnumShape { name: "Kind".into(), values: ["billing".into(), "bug".into()].into() });
    let of = |text: &str| Expr::Enum { shape: kind.clone(), of: Expr::text(text).into() };
    assert_eq!(with(&[], &call("less_enum", vec![of("billing"), of("bug")])), Ok(Value::Bool(true)));
    assert_eq!(with(&[], &call("string_enum", vec![of("bug")])), Ok(Value::string("bug")));
    assert_eq!(told(&[], &of("spam")), "bad_shape: \"spam\" is none of billing, bug");
}

#[test]
fn templates_write_their_static_types() {
    let splice = |slot, ty| Piece::Splice { value: Expr::Slot(slot), ty };
    let text = |text: &str| Piece::Text(text.into());
    let template = Expr::Template(vec![
        splice(0, Type::FLOAT),
        text(" "),
        splice(1, named("Reply")),
        text(" "),
        splice(1, named("Action")),
        Piece::For {
            over: Expr::Slot(2),
            index: Some(0),
            item: 1,
            body: vec![
                Piece::If {
                    test: call("greater_int", vec![Expr::Local(0), int(0)]),
                    then: vec![text(",")],
                    otherwise: vec![text(" ")],
                },
                Piece::Splice { value: Expr::Local(1), ty: Type::STRING },
            ],
        },
    ]);
    let reply = with(&[], &record("Reply", vec![Expr::text("hi")])).unwrap();
    let names = Value::list(vec![Value::string("a"), Value::string("b")]);
    assert_eq!(
        with(&[Value::Float(2.0), reply, names], &template),
        Ok(Value::string(r#"2 {"text":"hi"} {"type":"Reply","text":"hi"} a,b"#))
    );
}

#[test]
fn code_and_values_of_the_run() {
    let twice = |of: Expr| Expr::Code { code: 0, args: vec![of] };
    assert_eq!(with(&[], &twice(twice(int(3)))), Ok(Value::Int(12)));
    assert_eq!(with(&[], &Expr::Run(RunValue::Id)), Ok(Value::string("run-1")));
    assert_eq!(
        told(&[], &Expr::Code { code: 9, args: vec![] }),
        "bad_value: code that the plan doesn't have"
    );
    assert_eq!(told(&[], &Expr::Slot(3)), "bad_value: a name that has no value yet");
    assert_eq!(told(&[], &call("no_such", vec![int(1)])), "bad_value: no such overload for (int)");
}

#[test]
fn folding() {
    let (types, codes) = (types(), codes());
    let fold = |expr: Expr| fold(expr, &codes, &types);
    let sum = call("add_int", vec![int(1), int(2)]);
    assert_eq!(fold(sum.clone()), int(3));
    assert_eq!(
        fold(call("add_int", vec![Expr::Slot(0), sum.clone()])),
        call("add_int", vec![Expr::Slot(0), int(3)])
    );
    assert_eq!(fold(Expr::Code { code: 0, args: vec![int(4)] }), int(8));
    // What is sure to fail says so, but only where it is reached.
    let broken = call("divide_int", vec![int(1), int(0)]);
    assert_eq!(
        fold(broken.clone()),
        Expr::Fail { kind: "bad_value".into(), message: "division by zero".into() }
    );
    let choice = |test| Expr::If {
        test: Box::new(test),
        then: broken.clone().into(),
        otherwise: Expr::Slot(0).into(),
    };
    assert_eq!(fold(choice(Expr::Const(Value::Bool(false)))), Expr::Slot(0));
    assert!(matches!(fold(choice(Expr::Slot(1))), Expr::If { .. }));
    // A macro's body reads its variable: closed as a whole, not alone.
    let squares = Expr::Macro {
        op: flow_ir::expr::MacroOp::Map,
        over: Expr::List(vec![Item { value: int(2), optional: false }]).into(),
        vars: vec![0],
        bodies: vec![call("multiply_int", vec![Expr::Local(0), Expr::Local(0)])],
    };
    assert_eq!(fold(squares), Expr::Const(Value::list(vec![Value::Int(4)])));
    // What would swell the plan, or takes long, is left to the run.
    let wide = call("range_list", vec![int(50_000)]);
    assert_eq!(fold(wide.clone()), wide);
    let endless = call("range_list", vec![int(i64::MAX)]);
    assert_eq!(fold(endless.clone()), endless);
    assert_eq!(constant(&sum, &codes, &types), Ok(Value::Int(3)));
    assert!(constant(&Expr::Slot(0), &codes, &types).is_err());
}
