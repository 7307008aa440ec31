//! Generated values satisfy their type: reading what was written gives the same value, and the JSON Schema agrees.

use std::sync::Arc;

use flow_answer::generate;
use flow_expr::WhereRules;
use flow_ir::expr::Expr;
use flow_ir::json::{decode, encode};
use flow_ir::schema::schema;
use flow_ir::types::*;
use flow_ir::{Type, TypeDefs, Value};
use proptest::prelude::*;

fn field(name: &str, ty: Type) -> Field {
    Field { name: name.into(), ty, trust: None, doc: String::new() }
}

fn def(name: &str, body: TypeBody) -> (flow_ir::Name, TypeDef) {
    (name.into(), TypeDef { name: name.into(), doc: "A doc.".into(), body })
}

fn record(fields: Vec<Field>) -> TypeBody {
    TypeBody::Record { record: Arc::new(Record { fields }), rule: None }
}

fn call(function: &str, args: Vec<Expr>) -> Expr {
    Expr::Call { function: function.into(), args }
}

fn types() -> TypeDefs {
    let named = |name: &str| Type::Named(name.into());
    let span = Record { fields: vec![field("first", Type::INT), field("last", Type::INT)] };
    let value = |name: &str| EnumValue { name: name.into(), doc: "One.".into() };
    [
        def("Kind", TypeBody::Enum { values: [value("billing"), value("bug")].into() }),
        def("Leaf", record(vec![field("text", Type::STRING)])),
        def("Branch", record(vec![field("left", named("Tree")), field("right", named("Tree").nullable())])),
        def("Tree", TypeBody::Union { members: vec!["Leaf".into(), "Branch".into()] }),
        def("Node", record(vec![field("name", Type::STRING), field("children", Type::list(named("Node")))])),
        def("Lang", TypeBody::Alias { ty: Type::String(Size { min: Some(2), max: Some(40) }) }),
        def(
            "Span",
            TypeBody::Record {
                record: Arc::new(span.clone()),
                rule: Some(Arc::new(Where {
                    base: Type::Record(Arc::new(span)),
                    text: "first < last".into(),
                    rule: call("less_int", vec![Expr::Slot(1), Expr::Slot(2)]),
                })),
            },
        ),
    ]
    .into_iter()
    .collect()
}

fn rule(base: Type, text: &str, rule: Expr) -> Type {
    Type::Where(Arc::new(Where { base, text: text.into(), rule }))
}

fn int(number: i64) -> Expr {
    Expr::Const(Value::Int(number))
}

fn some_type() -> impl Strategy<Value = Type> {
    let leaf = prop_oneof![
        Just(Type::Bool),
        (any::<i16>(), any::<u16>()).prop_map(|(low, width)| Type::Int(IntRange {
            min: Some(low.into()),
            max: Some(i64::from(low) + i64::from(width)),
        })),
        Just(Type::INT),
        Just(Type::Int(IntRange { min: Some(i64::MAX - 1), max: None })),
        Just(Type::FLOAT),
        (-1e6..1e6f64, 0.0..1e3f64)
            .prop_map(|(low, width)| Type::Float(FloatRange { min: Some(low), max: Some(low + width) })),
        (0u64..50, 0u64..300)
            .prop_map(|(min, more)| Type::String(Size { min: Some(min), max: Some(min + more) })),
        Just(Type::STRING),
        Just(Type::Bytes),
        Just(Type::Duration),
        Just(Type::Timestamp),
        Just(Type::Json),
        Just(Type::Media(Media::Image)),
        Just(Type::Literals([Literal::String("a".into()), Literal::String("b".into())].into())),
        Just(Type::Literals([Literal::Int(1), Literal::Int(2)].into())),
        prop_oneof![Just("Kind"), Just("Leaf"), Just("Tree"), Just("Node"), Just("Lang"), Just("Span")]
            .prop_map(|name| Type::Named(name.into())),
        Just(rule(
            Type::INT,
            "it % 7 == 3",
            call("equals", vec![call("remainder_int", vec![Expr::Slot(0), int(7)]), int(3)]),
        )),
        Just(rule(
            Type::STRING,
            "it.startsWith(\"AB-\")",
            call("starts_with_string", vec![Expr::Slot(0), Expr::text("AB-")]),
        )),
        Just(rule(Type::INT, "it == 123456", call("equals", vec![Expr::Slot(0), int(123_456)]))),
    ];
    leaf.prop_recursive(3, 24, 4, |inner| {
        prop_oneof![
            (inner.clone(), 0u64..3, 0u64..3).prop_map(|(of, min, more)| Type::List(
                Arc::new(of),
                Size { min: Some(min), max: Some(min + more) }
            )),
            inner.clone().prop_map(|of| Type::map(Type::STRING, of)),
            inner.clone().prop_map(|of| Type::map(Type::Named("Kind".into()), of)),
            inner.clone().prop_map(Type::nullable),
            proptest::collection::vec(inner, 1..4).prop_map(|of| {
                let names = ["title", "score", "tags", "created_at"];
                let fields = of.into_iter().zip(names).map(|(ty, name)| field(name, ty)).collect();
                Type::Record(Arc::new(Record { fields }))
            }),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn generated_values_satisfy_their_type(ty in some_type(), seed: u64) {
        let types = types();
        let rules = || WhereRules::new(&types, &[]);
        let value = generate(&ty, &types, &rules(), seed, "result").expect("these types have values");
        prop_assert_eq!(&value, &generate(&ty, &types, &rules(), seed, "result").expect("the same again"));
        let json = encode(&value, &ty, &types).expect("a generated value can be written");
        let read = decode(&json, &ty, &types, &rules()).map_err(|all| TestCaseError::fail(format!("{all:?} in {json}")))?;
        prop_assert_eq!(&read, &value);
        prop_assert_eq!(encode(&read, &ty, &types).expect("still"), json.clone());
        let schema = schema(&ty, &types);
        let validator = jsonschema::validator_for(&schema).map_err(|error| TestCaseError::fail(error.to_string()))?;
        let errors: Vec<_> = validator.iter_errors(&json).map(|error| format!("{} at {}", error, error.instance_path())).collect();
        prop_assert!(errors.is_empty(), "{:?}\n{}\n{}", errors, schema, json);
    }

    /// No document makes reading panic or take a value that can't be written.
    #[test]
    fn any_text_is_read_or_refused(ty in some_type(), text in "[\\[\\]{}\",:'0-9a-z`\\\\ \n]{0,120}") {
        let types = types();
        if let Ok(value) = flow_answer::read(&text, &ty, &types, &WhereRules::new(&types, &[])) {
            prop_assert!(encode(&value, &ty, &types).is_ok());
        }
    }
}

#[test]
fn types_without_values_have_none() {
    let types: TypeDefs =
        [def("Loop", record(vec![field("next", Type::Named("Loop".into()))]))].into_iter().collect();
    let rules = WhereRules::new(&types, &[]);
    assert_eq!(generate(&Type::Named("Loop".into()), &types, &rules, 1, ""), None);
    let never = rule(Type::INT, "false", Expr::Const(Value::Bool(false)));
    assert_eq!(generate(&never, &types, &rules, 1, ""), None);
    let huge = Type::List(Arc::new(Type::list(Type::INT)), Size { min: Some(1 << 40), max: None });
    assert_eq!(generate(&huge, &types, &rules, 1, ""), None);
}
