//! A plan is written and read whole, however long its expressions are.

use std::sync::Arc;

use flow_ir::expr::Item;
use flow_ir::plan::{Block, Budget, Flow, Places, Statement, VERSION};
use flow_ir::value::Key;
use flow_ir::{Expr, Plan, Type, TypeDefs, Value};

fn plan(value: Expr) -> Plan {
    let body = vec![Statement::Return { value: Some(value) }];
    Plan {
        version: VERSION,
        entry: "main".into(),
        types: TypeDefs::new(),
        codes: vec![],
        models: vec![],
        nodes: vec![],
        flows: vec![Flow {
            name: "main".into(),
            doc: String::new(),
            params: vec![],
            returns: Type::INT,
            budget: Budget::default(),
            slots: vec![],
            blocks: vec![Block { state: vec![], body }],
            body: 0,
            emits: None,
            on_error: None,
        }],
        allow: vec![],
        places: Places::default(),
    }
}

fn sum(terms: usize) -> Expr {
    let one = || Expr::Const(Value::Int(1));
    (1..terms).fold(one(), |left, _| Expr::Call { function: "add_int".into(), args: vec![left, one()] })
}

/// As deep, and no chain that could be written as a list.
fn nest(depth: usize) -> Expr {
    let one = Expr::Const(Value::Int(1));
    (1..depth).fold(one, |value, _| Expr::List(vec![Item { value, optional: false }]))
}

#[test]
fn long_expressions_survive() {
    for (long, parts) in [
        (sum(1), false),
        (sum(30), false),
        (sum(1_000), false),
        (nest(10), false),
        (nest(100), true),
        (nest(1_000), true),
    ] {
        let plan = plan(long);
        let text = plan.to_text();
        let read = Plan::from_text(&text).unwrap();
        // Comparing the trees would need the large stack again; the hash compares what counts.
        assert_eq!(read.hash(), plan.hash());
        assert_eq!(read.to_text(), text);
        assert_eq!(text.contains("$part"), parts);
    }
    assert_ne!(plan(sum(2)).hash(), plan(sum(3)).hash());
}

/// A folded map whose keys are uints has uints for keys after it was stored: `type(k)` of a turn tells them apart.
#[test]
fn keys_keep_their_kind() {
    let value = Value::string("a");
    let map = [(Key::Uint(7), value.clone()), (Key::Int(8), value)].into_iter().collect();
    let plan = plan(Expr::Const(Value::Map(Arc::new(map))));
    let read = Plan::from_text(&plan.to_text()).unwrap();
    let Statement::Return { value: Some(Expr::Const(Value::Map(map))) } = &read.flows[0].blocks[0].body[0]
    else {
        panic!("no map: {read:?}")
    };
    assert_eq!(map.keys().collect::<Vec<_>>(), [&Key::Uint(7), &Key::Int(8)]);
}

#[test]
fn places_are_not_hashed() {
    let mut placed = plan(sum(2));
    placed.places.steps.insert("main/a".into(), "a.flow:3".into());
    assert_eq!(placed.hash(), plan(sum(2)).hash());
    assert_eq!(Plan::from_text(&placed.to_text()).unwrap(), placed);
}

#[test]
fn broken_texts_are_refused() {
    for text in [
        "",
        "{}",
        "[]",
        r#"{"version":1,"parts":[{"$part":0}],"entry":{"$part":0}}"#,
        r#"{"parts":[[]],"$part":9}"#,
    ] {
        assert!(Plan::from_text(text).is_err(), "{text}");
    }
}
