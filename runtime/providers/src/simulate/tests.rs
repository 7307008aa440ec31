use super::*;
use flow_ir::Value;
use flow_ir::types::{Field, IntRange, Record, Where};
use std::sync::Arc;

/// Every rule holds, or none does.
struct All(bool);

impl Rules for All {
    fn holds(&self, _: &Where, _: &Value) -> Result<bool, String> {
        Ok(self.0)
    }
}

fn ask(returns: &Type, step: &str, repair: u32, text: &str) -> (Answer, Vec<String>) {
    let types = TypeDefs::default();
    let rules = All(true);
    let question = Question {
        seed: 0,
        step,
        node: "review",
        repair,
        returns,
        types: &types,
        rules: &rules,
        tools: &[],
        worst: None,
    };
    let call = Call { messages: vec![Message::text(Role::User, text)], ..Call::default() };
    let mut pieces = Vec::new();
    let answer = answer(&question, &call, &mut |delta| match delta {
        Delta::Text(text) | Delta::Reasoning(text) => pieces.push(text),
    })
    .unwrap();
    (answer, pieces)
}

#[test]
fn the_same_question_has_the_same_answer_and_another_one_another() {
    let text = "Write about whales and lighthouses in winter storms.";
    let (first, pieces) = ask(&Type::STRING, "f/a", 0, text);
    assert_eq!(ask(&Type::STRING, "f/a", 0, text).0, first);
    assert_ne!(ask(&Type::STRING, "f/b", 0, text).0.text, first.text);
    assert_ne!(ask(&Type::STRING, "f/a", 1, text).0.text, first.text);
    assert!(
        ["whales", "lighthouses", "winter", "storms"].iter().any(|w| first.text.contains(w)),
        "{}",
        first.text
    );
    assert!(pieces.len() > 3 && pieces.concat() == first.text);
    let usage = first.usage.unwrap();
    assert_eq!(usage.input_tokens, 4 + (text.len() as u64).div_ceil(4));
    assert_eq!(usage.output_tokens, (first.text.len() as u64).div_ceil(4));
}

#[test]
fn answers_are_of_the_type() {
    let field = |name: &str, ty| Field { name: name.into(), ty, trust: None, doc: String::new() };
    let record = Type::Record(Arc::new(Record {
        fields: vec![
            field("score", Type::Int(IntRange { min: Some(1), max: Some(5) })),
            field("title", Type::String(Size { min: Some(1), max: Some(20) })),
        ],
    }));
    for step in ["f/a", "f/b", "f/c", "f/d"] {
        let json: serde_json::Value = serde_json::from_str(&ask(&record, step, 0, "x").0.text).unwrap();
        assert!((1..=5).contains(&json["score"].as_i64().unwrap()), "{json}");
        assert!((1..=20).contains(&json["title"].as_str().unwrap().chars().count()), "{json}");
    }
    let short = Type::String(Size { min: None, max: Some(30) });
    assert!(ask(&short, "f/a", 0, "Write a title about whales.").0.text.chars().count() <= 30);
    let (nothing_said, _) = ask(&Type::STRING, "f/a", 0, "");
    assert!(!nothing_said.text.is_empty());
}

#[test]
fn a_type_without_a_value_says_so() {
    let types = TypeDefs::default();
    let rules = All(false);
    let rule = Where {
        base: Type::INT,
        text: "it > 3 && it < 2".into(),
        rule: flow_ir::Expr::Const(Value::Bool(false)),
    };
    let returns = Type::Where(Arc::new(rule));
    let question = Question {
        seed: 0,
        step: "f/a",
        node: "n",
        repair: 0,
        returns: &returns,
        types: &types,
        rules: &rules,
        tools: &[],
        worst: None,
    };
    let failure = answer(&question, &Call::default(), &mut |_| {}).unwrap_err();
    assert_eq!(failure.kind, "bad_answer");
    assert_eq!(tool(&question, "GET x").unwrap_err().kind, "tool_failed");
}
