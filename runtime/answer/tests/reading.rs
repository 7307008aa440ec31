//! Answers as models write them.

use std::sync::Arc;

use flow_answer::{read, read_cut, repair_message, takes_text};
use flow_expr::WhereRules;
use flow_ir::json::encode;
use flow_ir::types::*;
use flow_ir::value::Violation;
use flow_ir::{Type, TypeDefs};

fn types() -> TypeDefs {
    let field = |name: &str, ty: Type| Field { name: name.into(), ty, trust: None, doc: String::new() };
    let record = |fields: Vec<Field>| TypeBody::Record { record: Arc::new(Record { fields }), rule: None };
    let value = |name: &str| EnumValue { name: name.into(), doc: String::new() };
    let score = Type::Int(IntRange { min: Some(1), max: Some(5) });
    let def =
        |name: &str, body: TypeBody| (name.into(), TypeDef { name: name.into(), doc: String::new(), body });
    [
        def("Verdict", TypeBody::Enum { values: [value("accept"), value("revise")].into() }),
        def(
            "Review",
            record(vec![
                field("score", score),
                field("verdict", Type::Named("Verdict".into())),
                field("note", Type::STRING.nullable()),
            ]),
        ),
        def("Reply", record(vec![field("text", Type::STRING)])),
        def("Stop", record(vec![field("why", Type::STRING)])),
        def("Action", TypeBody::Union { members: vec!["Reply".into(), "Stop".into()] }),
    ]
    .into_iter()
    .collect()
}

/// Reads and writes again, or tells what is wrong.
fn told(text: &str, ty: &Type) -> String {
    let types = types();
    match read(text, ty, &types, &WhereRules::new(&types, &[])) {
        Ok(value) => encode(&value, ty, &types).unwrap().to_string(),
        Err(violations) => violations.iter().map(Violation::to_string).collect::<Vec<_>>().join("; "),
    }
}

const REVIEW: &str = r#"{"score":3,"verdict":"revise","note":null}"#;

#[test]
fn records_in_all_kinds_of_wrapping() {
    let review = Type::Named("Review".into());
    for text in [
        r#"{"score":3,"verdict":"revise"}"#,
        "\u{feff} {\"score\": 3.0, \"verdict\": \"revise\", \"note\": null, \"more\": [1]} \n",
        "```json\n{\"score\": 3, \"verdict\": \"revise\"}\n```",
        "Sure! Here it is:\n\n```\n{\"score\": 3, \"verdict\": \"revise\"}\n```\nHope that {helps}.",
        "~~~\n{\"score\": 3, \"verdict\": \"revise\"}",
        "I think [1] it is {\"score\": 3, \"verdict\": \"revise\"} overall.",
        "First {\"score\": 9}, no, {\"score\": 3, \"verdict\": \"revise\"}",
        "{'score': 3, 'verdict': 'revise',}",
        "{score: 3, verdict: \"revise\", // fine\n}",
        "{\"score\": 3, /* of 5 */ \"verdict\": \"revise\",}",
        "{\"score\": 3, \"verdict\": \"revise\"",
        "{\"value\": {\"score\": 3, \"verdict\": \"revise\"}}",
        r#""{\"score\": 3, \"verdict\": \"revise\"}""#,
        "```json {\"score\": 3, \"verdict\": \"revise\"} ```",
    ] {
        assert_eq!(told(text, &review), REVIEW, "{text}");
    }
}

#[test]
fn what_is_wrong_is_told_with_path_rule_and_value() {
    let review = Type::Named("Review".into());
    for (text, expected) in [
        (r#"{"score":7,"verdict":"revise"}"#, "$.score: must be an int from 1 to 5, got 7"),
        (
            r#"{"score":"3","verdict":"maybe"}"#,
            "$.score: must be an int from 1 to 5, got \"3\"; $.verdict: must be a Verdict: one of accept, revise, got \"maybe\"",
        ),
        ("{}", "$.score: must not be missing, got nothing; $.verdict: must not be missing, got nothing"),
        ("no", "$: must be JSON, got \"no\""),
        ("", "$: must be JSON, got nothing"),
        ("[1, 2]", "$: must be an object (Review), got [1,2]"),
        (r#"{"score":3,"verdict":"revise","note":4}"#, "$.note: must be a string, got 4"),
    ] {
        assert_eq!(told(text, &review), expected, "{text}");
    }
}

#[test]
fn scalars_words_and_lists() {
    let verdict = Type::Named("Verdict".into());
    for text in ["accept", " **accept**.\n", "\"accept\"", "{\"value\": \"accept\"}", "`accept`"] {
        assert_eq!(told(text, &verdict), "\"accept\"", "{text}");
    }
    assert_eq!(told("I accept", &verdict), "$: must be JSON, got \"I accept\"");
    assert_eq!(told("7", &Type::INT), "7");
    assert_eq!(told("\"7\"", &Type::INT), "$: must be an int, got \"7\"");
    assert_eq!(told("{\"value\": 7.0}", &Type::INT), "7");
    assert_eq!(told("3", &Type::FLOAT), "3.0");
    assert_eq!(told("{\"items\": [\"a\", \"b\"]}", &Type::list(Type::STRING)), r#"["a","b"]"#);
    assert_eq!(
        told("{\"text\":\"a\"}\n{\"text\":\"b\"}", &Type::list(Type::Named("Reply".into()))),
        r#"[{"text":"a"},{"text":"b"}]"#
    );
    assert_eq!(told("1h30m", &Type::Duration), "\"5400s\"");
    assert_eq!(told("null", &verdict.clone().nullable()), "null");
}

#[test]
fn unions_are_told_apart_by_type() {
    let action = Type::Named("Action".into());
    assert_eq!(told(r#"{"type":"Stop","why":"done"}"#, &action), r#"{"type":"Stop","why":"done"}"#);
    assert_eq!(
        told(r#"{"why":"done"}"#, &action),
        "$: must have a field \"type\" that must be \"Reply\" or \"Stop\", got {\"why\":\"done\"}"
    );
    assert_eq!(told(r#"{"type":"Go"}"#, &action), "$.type: must be \"Reply\" or \"Stop\", got \"Go\"");
}

#[test]
fn text_is_taken_as_it_is() {
    let short = Type::String(Size { min: None, max: Some(5) });
    assert!(takes_text(&short, &types()));
    assert_eq!(told("{\"a\": 1}", &Type::STRING), r#""{\"a\": 1}""#);
    assert_eq!(told("äöüßé\n", &short), "\"äöüßé\"");
    assert_eq!(told("too long", &short), "$: must have at most 5 characters, got \"too long\"");
}

#[test]
fn hostile_texts_end_in_violations() {
    let review = Type::Named("Review".into());
    for text in [
        "[".repeat(200_000),
        "{\"a\":".repeat(50_000),
        "```".repeat(10_000),
        "{\"score\": 3".repeat(10_000),
        "\u{0}\u{feff}{".into(),
        "{\"score\": 1e999, \"verdict\": \"accept\"}".into(),
        "é{'score': 'é".repeat(100),
    ] {
        assert!(told(&text, &review).starts_with('$'), "{}", &text[..text.floor_char_boundary(40)]);
    }
}

#[test]
fn the_repair_message_is_bounded() {
    let violation =
        Violation { path: "$.a".repeat(1_000), rule: "must be short".into(), got: "\"x\"".repeat(1_000) };
    let message = repair_message(&Type::INT, &types(), &vec![violation; 50], "5");
    assert!(message.chars().count() < 10_000, "{}", message.len());
    assert!(message.contains("and 40 more") && message.ends_with("JSON and nothing else."));
    let one =
        Violation { path: "$.score".into(), rule: "must be an int from 1 to 5".into(), got: "7".into() };
    assert_eq!(
        repair_message(&Type::Named("Review".into()), &types(), &[one], "{}"),
        "Your answer can't be used as it is:\n- $.score must be an int from 1 to 5, but it is 7\nAnswer again, with \
         the whole corrected JSON and nothing else."
    );
}

#[test]
fn a_cut_answer_is_not_closed() {
    let (types, review) = (types(), Type::Named("Review".into()));
    let rules = WhereRules::new(&types, &[]);
    let cut = r#"{"score": 3, "verdict": "revise", "note": "It is half a sent"#;
    assert!(read(cut, &review, &types, &rules).is_ok());
    assert!(read_cut(cut, &review, &types, &rules).is_err());
    let list = r#"[{"text": "a"}, {"text": "b"}, {"te"#;
    assert!(read_cut(list, &Type::list(Type::Named("Reply".into())), &types, &rules).is_err());
    let whole = r#"{"score": 3, "verdict": "revise"} And so I thi"#;
    assert!(read_cut(whole, &review, &types, &rules).is_ok());
}
