//! Values at the edge, as tables, and the schemas that say the same.

use std::sync::Arc;

use flow_ir::json::{Rules, conform, decode, encode, untyped};
use flow_ir::schema::schema;
use flow_ir::types::*;
use flow_ir::value::{Key, Violation};
use flow_ir::{Expr, Type, TypeDefs, Value};
use serde_json::{Value as Json, json};

/// A rule holds if its text is `true`, and fails to evaluate if it is `broken`.
struct ByText;

impl Rules for ByText {
    fn holds(&self, rule: &Where, _: &Value) -> Result<bool, String> {
        match rule.text.as_str() {
            "broken" => Err("division by zero".into()),
            text => Ok(text == "true"),
        }
    }
}

fn field(name: &str, ty: Type) -> Field {
    Field { name: name.into(), ty, trust: None, doc: format!("The {name}.") }
}

fn named(name: &str) -> Type {
    Type::Named(name.into())
}

fn rule(base: Type, text: &str) -> Type {
    Type::Where(Arc::new(Where { base, text: text.into(), rule: Expr::truth() }))
}

fn types() -> TypeDefs {
    let def = |name: &str, body| (name.into(), TypeDef { name: name.into(), doc: String::new(), body });
    let record = |fields: Vec<Field>| TypeBody::Record { record: Arc::new(Record { fields }), rule: None };
    let value = |name: &str, doc: &str| EnumValue { name: name.into(), doc: doc.into() };
    [
        def("Kind", TypeBody::Enum { values: [value("billing", "Money."), value("bug", "")].into() }),
        def("Reply", record(vec![field("text", Type::STRING)])),
        def("Stop", record(vec![field("why", Type::STRING.nullable())])),
        def("Action", TypeBody::Union { members: vec!["Reply".into(), "Stop".into()] }),
        def("Tree", record(vec![field("children", Type::list(named("Tree")))])),
        def("Lang", TypeBody::Alias { ty: Type::String(Size { min: Some(2), max: Some(3) }) }),
        // As while a project is checked: the key is qualified, the declared name isn't.
        ("other::Far".into(), TypeDef { name: "Far".into(), doc: String::new(), body: record(vec![]) }),
        def("Wide", TypeBody::Union { members: vec!["other::Far".into(), "Stop".into()] }),
    ]
    .into_iter()
    .collect()
}

fn int(min: i64, max: i64) -> Type {
    Type::Int(IntRange { min: Some(min), max: Some(max) })
}

/// What comes back of a document, or what is wrong with it.
fn told(document: Json, ty: &Type) -> String {
    let types = types();
    match decode(&document, ty, &types, &ByText) {
        Ok(value) => encode(&value, ty, &types).unwrap().to_string(),
        Err(all) => all.iter().map(Violation::to_string).collect::<Vec<_>>().join("; "),
    }
}

#[test]
fn documents_as_values() {
    let person = Type::Record(Arc::new(Record {
        fields: vec![field("a", Type::INT), field("b", Type::FLOAT.nullable())],
    }));
    let ab = Type::Literals([Literal::String("a".into()), Literal::String("b".into())].into());
    for (document, ty, expected) in [
        (json!(3), Type::INT, "3"),
        (json!(3.0), Type::INT, "3"),
        (json!(3.5), Type::INT, "$: must be an int, got 3.5"),
        (json!("3"), Type::INT, "$: must be an int, got \"3\""),
        (json!(9223372036854775808u64), Type::INT, "$: must be an int, got a number beyond 64 bits"),
        (json!(1e300), Type::INT, "$: must be an int, got 1e300"),
        (json!(6), int(1, 5), "$: must be an int from 1 to 5, got 6"),
        (json!(3), Type::FLOAT, "3.0"),
        (
            json!(0.1),
            Type::Float(FloatRange { min: Some(0.5), max: None }),
            "$: must be a number of at least 0.5, got 0.1",
        ),
        (json!(null), Type::INT, "$: must be an int, got null"),
        (json!(null), Type::INT.nullable(), "null"),
        (json!(true), Type::Bool, "true"),
        (json!(1), Type::Bool, "$: must be true or false, got 1"),
        (json!("äöü"), Type::String(Size { min: Some(3), max: Some(3) }), "\"äöü\""),
        (json!("abcd"), named("Lang"), "$: must have 2 to 3 characters, got \"abcd\""),
        (json!("aGk="), Type::Bytes, "\"aGk=\""),
        (json!("?"), Type::Bytes, "$: must be bytes in base64, got \"?\""),
        (json!("1h30m"), Type::Duration, "\"5400s\""),
        (json!("2026-01-31T12:00:00+02:00"), Type::Timestamp, "\"2026-01-31T10:00:00Z\""),
        (
            json!("2026-01-31"),
            Type::Timestamp,
            "$: must be a timestamp like \"2026-01-31T12:00:00Z\", got \"2026-01-31\"",
        ),
        (json!(["x", 1]), Type::list(Type::STRING), "$[1]: must be a string, got 1"),
        (
            json!([1, 2, 3]),
            Type::List(Arc::new(Type::INT), Size { min: None, max: Some(2) }),
            "$: must have at most 2 elements, got [1,2,3]",
        ),
        (
            json!({"b": 1, "a b": 2}),
            Type::map(Type::STRING, int(1, 1)),
            "$[\"a b\"]: must be an int from 1 to 1, got 2",
        ),
        (json!({"1": "x"}), Type::map(Type::INT, Type::STRING), "{\"1\":\"x\"}"),
        (json!({"x": "x"}), Type::map(Type::INT, Type::STRING), "$.x: must be an int, got \"x\""),
        (json!({"bug": 1}), Type::map(named("Kind"), Type::INT), "{\"bug\":1}"),
        (json!({"a": 1, "z": 2}), person.clone(), "{\"a\":1,\"b\":null}"),
        (
            json!({"b": "x"}),
            person,
            "$.a: must not be missing, got nothing; $.b: must be a number, got \"x\"",
        ),
        (json!("a"), ab.clone(), "\"a\""),
        (json!("c"), ab, "$: must be \"a\" or \"b\", got \"c\""),
        (json!("bug"), named("Kind"), "\"bug\""),
        (json!("Bug"), named("Kind"), "$: must be a Kind: one of billing, bug, got \"Bug\""),
        (json!({"type": "Stop"}), named("Action"), "{\"type\":\"Stop\",\"why\":null}"),
        (json!({"why": "x"}), named("Stop"), "{\"why\":\"x\"}"),
        (json!({"type": "Far", "x": 1}), named("Wide"), "{\"type\":\"Far\"}"),
        (json!({"type": "Reply"}), named("Action"), "$.text: must not be missing, got nothing"),
        (json!([]), named("Action"), "$: must be an object (Action), got []"),
        (json!(1), rule(Type::INT, "true"), "1"),
        (json!(1), rule(Type::INT, "it > 5"), "$: must satisfy `it > 5`, got 1"),
        (json!(1), rule(Type::INT, "broken"), "$: must satisfy `broken` (division by zero), got 1"),
        (json!({"a": [1, null, 2.5, "x"]}), Type::Json, "{\"a\":[1,null,2.5,\"x\"]}"),
        (
            json!(18446744073709551615u64),
            Type::Json,
            "$: must be a finite number of 64 bits, got a number beyond 64 bits",
        ),
        (
            json!("data:image/png;base64,aGk="),
            Type::Media(Media::Image),
            "{\"mime\":\"image/png\",\"data\":\"aGk=\"}",
        ),
    ] {
        assert_eq!(told(document.clone(), &ty), expected, "{document} as {ty}");
    }
}

#[test]
fn violations_are_bounded() {
    let long: Vec<String> = (0..1_000).map(|n| "x".repeat(n)).collect();
    let types = types();
    let all = decode(&json!(long), &Type::list(Type::INT), &types, &ByText).unwrap_err();
    assert_eq!(all.len(), 20);
    assert!(all.iter().all(|violation| violation.got.chars().count() <= 201));
    let deep = (0..1_000).fold(json!([]), |inner, _| {
        Json::Object([("children".to_owned(), Json::Array(vec![inner]))].into_iter().collect())
    });
    let all = decode(&deep, &named("Tree"), &types, &ByText).unwrap_err();
    assert!(all[0].rule.contains("nest") && all[0].path.len() < 1_000, "{:?}", all[0]);
    assert!(decode(&deep, &Type::Json, &types, &ByText).is_err());
}

#[test]
fn values_are_made_to_conform() {
    let types = types();
    let map = Value::Map(Arc::new(
        [("text", "hi"), ("type", "Reply")]
            .into_iter()
            .map(|(k, v)| (Key::String(k.into()), Value::string(v)))
            .collect(),
    ));
    let reply = conform(&map, &named("Action"), &types, &ByText).unwrap();
    let Value::Record(record) = &reply else { panic!("{reply:?}") };
    assert_eq!(record.shape.name.as_deref(), Some("Reply"));
    // What is typed keeps its type, and back as `json` it has its tag.
    assert_eq!(conform(&reply, &named("Action"), &types, &ByText).unwrap(), reply);
    assert_eq!(
        untyped(&conform(&reply, &Type::Json, &types, &ByText).unwrap()).unwrap(),
        json!({"type": "Reply", "text": "hi"})
    );
    let kind = conform(&Value::string("bug"), &named("Kind"), &types, &ByText).unwrap();
    assert!(conform(&kind, &Type::STRING, &types, &ByText).is_err(), "an enum is no string");
    assert_eq!(conform(&kind, &Type::Json, &types, &ByText).unwrap(), Value::string("bug"));
    assert_eq!(conform(&Value::Int(5), &int(1, 5), &types, &ByText).unwrap(), Value::Int(5));
    assert!(conform(&Value::Int(6), &int(1, 5), &types, &ByText).is_err());
    assert_eq!(conform(&Value::Duration(5), &Type::Duration, &types, &ByText).unwrap(), Value::Duration(5));
    assert_eq!(conform(&Value::Optional(None), &Type::INT.nullable(), &types, &ByText).unwrap(), Value::Null);
}

#[test]
fn what_cannot_be_written_is_refused() {
    let types = types();
    let nan = Value::list(vec![Value::list(vec![Value::Float(f64::NAN)])]);
    assert_eq!(
        encode(&nan, &Type::list(Type::list(Type::FLOAT)), &types).unwrap_err().to_string(),
        "$[0][0]: must be a finite number, got NaN"
    );
    let mut deep = Value::Null;
    for _ in 0..200 {
        deep = Value::list(vec![deep]);
    }
    assert!(untyped(&deep).unwrap_err().rule.contains("128"));
    let mut wide = Value::list(vec![Value::Int(1); 8]);
    for _ in 0..60 {
        wide = Value::list(vec![wide; 8]);
    }
    assert!(untyped(&wide).unwrap_err().rule.contains("16 MiB"));
}

#[test]
fn schemas() {
    let types = types();
    let person = Type::Record(Arc::new(Record {
        fields: vec![
            field("age", int(0, 120)),
            field("kind", named("Kind").nullable()),
            field("langs", Type::List(Arc::new(named("Lang")), Size { min: Some(1), max: Some(3) })),
            field("even", rule(Type::INT, "it % 2 == 0")),
        ],
    }));
    for (ty, expected) in [
        (Type::INT.nullable(), json!({"type": ["integer", "null"]})),
        (Type::Json, json!({})),
        (
            Type::map(Type::STRING, Type::Bool),
            json!({"type": "object", "additionalProperties": {"type": "boolean"}}),
        ),
        (
            Type::Literals([Literal::Int(1), Literal::Int(2)].into()),
            json!({"type": "integer", "enum": [1, 2]}),
        ),
        (
            person,
            json!({
                "type": "object",
                "properties": {
                    "age": {"type": "integer", "minimum": 0, "maximum": 120, "description": "The age."},
                    "kind": {
                        "type": ["string", "null"], "enum": ["billing", "bug", null],
                        "description": "The kind.\nbilling: Money.",
                    },
                    "langs": {
                        "type": "array", "items": {"type": "string", "minLength": 2, "maxLength": 3},
                        "minItems": 1, "maxItems": 3, "description": "The langs.",
                    },
                    "even": {"type": "integer", "description": "The even.\nMust satisfy: it % 2 == 0"},
                },
                "required": ["age", "langs", "even"],
                "additionalProperties": false,
            }),
        ),
        (
            named("Action"),
            json!({
                "anyOf": [{"$ref": "#/$defs/Reply_member"}, {"$ref": "#/$defs/Stop_member"}],
                "$defs": {
                    "Reply_member": {
                        "type": "object",
                        "properties": {
                            "type": {"type": "string", "const": "Reply"},
                            "text": {"type": "string", "description": "The text."},
                        },
                        "required": ["type", "text"],
                        "additionalProperties": false,
                    },
                    "Stop_member": {
                        "type": "object",
                        "properties": {
                            "type": {"type": "string", "const": "Stop"},
                            "why": {"type": ["string", "null"], "description": "The why."},
                        },
                        "required": ["type"],
                        "additionalProperties": false,
                    },
                },
            }),
        ),
        (
            named("Tree"),
            json!({
                "type": "object",
                "properties": {
                    "children": {
                        "type": "array", "items": {"$ref": "#/$defs/Tree"}, "description": "The children.",
                    },
                },
                "required": ["children"],
                "additionalProperties": false,
                "$defs": {"Tree": {
                    "type": "object",
                    "properties": {
                        "children": {
                            "type": "array", "items": {"$ref": "#/$defs/Tree"}, "description": "The children.",
                        },
                    },
                    "required": ["children"],
                    "additionalProperties": false,
                }},
            }),
        ),
    ] {
        let schema = schema(&ty, &types);
        assert_eq!(schema, expected, "{ty}: {schema:#}");
    }
    let action = schema(&named("Action"), &types);
    let first = &action["$defs"]["Reply_member"]["properties"];
    assert_eq!(first.as_object().unwrap().keys().next().unwrap(), "type", "the tag comes first");
}
