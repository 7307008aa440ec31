//! No expression overflows a stack of 2 MB, in a build without optimisation either.

#![allow(clippy::disallowed_methods, reason = "tests read files and start processes")]

mod support;

use support::both::eval;

use flow_expr::{Env, Error, Meter, Slots, fold};
use flow_ir::expr::{Code, Expr, Item, MacroOp};
use flow_ir::{Type, TypeDefs, Value};

/// Runs on the stack of a worker thread, and evaluates there.
fn on_two_megabytes(expr: Expr, codes: Vec<Code>) -> Result<Value, Error> {
    let run = move || {
        let (types, meter) = (TypeDefs::new(), Meter::default());
        let slots = [Value::Int(1), Value::Bool(true), Value::Null, Value::string("a")];
        let result = eval(&expr, &Env { frame: &Slots(&slots), codes: &codes, ..Env::bare(&types, &meter) });
        // Folding walks the same tree.
        let folded = fold(expr, &codes, &types);
        assert_eq!(
            eval(&folded, &Env { frame: &Slots(&slots), codes: &codes, ..Env::bare(&types, &meter) }).is_ok(),
            result.is_ok()
        );
        result
    };
    std::thread::Builder::new().stack_size(2 << 20).spawn(run).unwrap().join().unwrap()
}

fn call(function: &str, args: Vec<Expr>) -> Expr {
    Expr::Call { function: function.into(), args }
}

fn nested(depth: usize, start: Expr, mut around: impl FnMut(Expr) -> Expr) -> Expr {
    (0..depth).fold(start, |inner, _| around(inner))
}

#[test]
fn long_chains() {
    let one = || Expr::Slot(0);
    let truth = || Expr::Slot(1);
    let chains = [
        nested(1_000, one(), |left| call("add_int", vec![left, one()])),
        nested(1_000, truth(), |left| Expr::And(left.into(), truth().into())),
        nested(1_000, truth(), |left| Expr::Or(left.into(), truth().into())),
        nested(1_000, truth(), |of| call("not", vec![of])),
        nested(1_000, one(), |of| call("negate_int", vec![of])),
        nested(1_000, Expr::Slot(2), |right| Expr::Coalesce(Expr::Slot(2).into(), right.into())),
        nested(1_000, one(), |otherwise| Expr::If {
            test: call("not", vec![truth()]).into(),
            then: one().into(),
            otherwise: otherwise.into(),
        }),
        nested(1_000, one(), |body| Expr::Let { local: 0, value: one().into(), body: body.into() }),
        nested(1_000, call("split_string", vec![Expr::Slot(3), Expr::text(",")]), |over| Expr::Macro {
            op: MacroOp::Filter,
            over: over.into(),
            vars: vec![0],
            bodies: vec![truth()],
        }),
    ];
    for chain in chains {
        on_two_megabytes(chain, vec![]).unwrap();
    }
}

#[test]
fn deep_brackets() {
    let one = || Expr::Slot(0);
    let item = |value| Item { value, optional: false };
    let brackets = [
        nested(128, one(), |right| call("add_int", vec![one(), right])),
        nested(120, one(), |inner| Expr::List(vec![item(inner)])),
        nested(128, one(), |inner| Expr::Macro {
            op: MacroOp::Map,
            over: Expr::List(vec![item(one())]).into(),
            vars: vec![0],
            bodies: vec![call("size_list", vec![Expr::List(vec![item(inner)])])],
        }),
        nested(128, Expr::Slot(1), |right| Expr::And(Expr::Slot(1).into(), right.into())),
        nested(128, Expr::Slot(3), |inner| {
            Expr::Template(vec![flow_ir::expr::Piece::Splice { value: inner, ty: Type::STRING }])
        }),
    ];
    for expr in brackets {
        on_two_megabytes(expr, vec![]).unwrap();
    }
}

/// Codes that call each other far down end with an error, not with the stack.
#[test]
fn code_that_calls_code() {
    let codes: Vec<Code> = (0..1_000)
        .map(|index| Code {
            name: format!("c{index}").into(),
            params: 1,
            locals: 1,
            body: match index {
                999 => Expr::Local(0),
                _ => call(
                    "add_int",
                    vec![
                        Expr::Const(Value::Int(1)),
                        Expr::Code { code: index + 1, args: vec![Expr::Local(0)] },
                    ],
                ),
            },
            param_types: vec![Type::INT],
            returns: Type::INT,
        })
        .collect();
    let from = |code| Expr::Code { code, args: vec![Expr::Slot(0)] };
    assert_eq!(on_two_megabytes(from(950), codes.clone()), Ok(Value::Int(50)));
    assert_eq!(on_two_megabytes(from(0), codes), Err(Error::exhausted("code that calls code too deeply")));
}

#[test]
fn a_value_that_nests_too_deep_is_refused() {
    let expr = nested(1_000, Expr::Slot(0), |body| Expr::Let {
        local: 0,
        value: Expr::List(vec![Item { value: Expr::Local(0), optional: false }]).into(),
        body: body.into(),
    });
    let start = Expr::Let { local: 0, value: Expr::Slot(0).into(), body: expr.into() };
    // The chain ends in slot 0: what was built on the way is dropped without trouble.
    assert_eq!(on_two_megabytes(start, vec![]), Ok(Value::Int(1)));
    let deep = nested(300, Expr::Local(0), |body| Expr::Let {
        local: 0,
        value: Expr::List(vec![Item { value: Expr::Local(0), optional: false }]).into(),
        body: body.into(),
    });
    let start = Expr::Let { local: 0, value: Expr::Slot(0).into(), body: deep.into() };
    assert_eq!(on_two_megabytes(start, vec![]), Err(Error::exhausted("a value nested deeper than 128")));
}

/// `type T = json where (it as T) == it`: the cast asks the rule, the rule casts.
#[test]
fn a_rule_that_casts_to_its_own_type() {
    use flow_ir::types::{TypeBody, TypeDef, Where};
    let to = Type::Named("T".into());
    let cast = |to| Expr::Cast { of: Expr::Slot(0).into(), from: Type::Json, to };
    let rule = Where {
        base: Type::Json,
        text: "…".into(),
        rule: call("equals", vec![cast(to.clone()), Expr::Slot(0)]),
    };
    let body = TypeBody::Alias { ty: Type::Where(rule.into()) };
    let types: TypeDefs =
        [("T".into(), TypeDef { name: "T".into(), doc: String::new(), body })].into_iter().collect();
    let run = move || {
        let meter = Meter::default();
        eval(&cast(to), &Env { frame: &Slots(&[Value::Int(1)]), ..Env::bare(&types, &meter) })
    };
    let result = std::thread::Builder::new().stack_size(2 << 20).spawn(run).unwrap().join().unwrap();
    assert_eq!(result.unwrap_err().kind, flow_expr::ErrorKind::Exhausted);
}
