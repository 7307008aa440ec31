//! Texts: expressions by CEL's types, unchecked ones, and those of a `.flow` file. What is read is checked, what is
//! checked runs in both back ends.

#![no_main]

#[path = "../../tests/differential/generator/mod.rs"]
#[allow(dead_code, reason = "the test uses the rest")]
mod generator;

use std::path::Path;
use std::sync::LazyLock;

use flow_check::cel::{self, CelType, Scope, Variable};
use flow_expr::compiled::{Program, Unit};
use flow_expr::{Env, Frame, Meter, eval};
use flow_ir::expr::Code;
use flow_ir::plan::Statement;
use flow_ir::{Expr, Type, TypeDefs, Value};
use flow_project::{MemoryWorld, Project};
use generator::cases::{self, Outcome, UNITS};
use generator::tape::Tape;
use generator::universe::{self, Dialect};

/// Longer texts add nothing but time.
const BYTES_MAX: usize = 4096;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let [mode, limit, text @ ..] = bytes else { return };
    let Ok(text) = std::str::from_utf8(&text[..text.len().min(BYTES_MAX)]) else { return };
    let units = if *limit < 128 { UNITS } else { u64::from(*limit) - 128 };
    match mode % 4 {
        0 => by_cel(text, units, false),
        1 => by_cel(text, units, true),
        2 => by_flow(&format!("  return \"${{{text}}}\""), units),
        _ => by_flow(text, units),
    }
});

const NAMES: [(&str, fn() -> CelType, fn() -> Type); 12] = [
    ("a", || CelType::Int, || Type::INT),
    ("b", || CelType::Double, || Type::FLOAT),
    ("c", || CelType::Bool, || Type::Bool),
    ("s", || CelType::String, || Type::STRING),
    ("u", || CelType::Uint, || Type::Uint),
    ("y", || CelType::Bytes, || Type::Bytes),
    ("t", || CelType::Timestamp, || Type::Timestamp),
    ("d", || CelType::Duration, || Type::Duration),
    ("xs", || CelType::list(CelType::Int), || Type::list(Type::INT)),
    ("ss", || CelType::list(CelType::String), || Type::list(Type::STRING)),
    ("m", || CelType::map(CelType::String, CelType::Int), || Type::map(Type::STRING, Type::INT)),
    ("x", || CelType::Dyn, || Type::Json),
];

struct World {
    scopes: [Scope; 2],
    types: Vec<Type>,
    frames: Vec<Vec<Option<Value>>>,
}

static WORLD: LazyLock<World> = LazyLock::new(|| {
    let scope = |unchecked| Scope {
        variables: NAMES
            .iter()
            .map(|(name, ty, _)| Variable {
                name: (*name).into(),
                ty: if unchecked { CelType::Dyn } else { ty() },
            })
            .collect(),
        unchecked,
        ..Scope::default()
    };
    let types: Vec<Type> = NAMES.iter().map(|(_, _, ty)| ty()).collect();
    let frame = |seed| {
        let mut tape = Tape::seeded(seed);
        types.iter().map(|ty| Some(universe::value(ty, &mut tape, 3, Dialect::Flow))).collect()
    };
    World { scopes: [scope(false), scope(true)], frames: (0..2).map(frame).collect(), types }
});

fn by_cel(text: &str, units: u64, unchecked: bool) {
    let (tree, problems) = flow_syntax::parse_expression(text);
    if !problems.is_empty() {
        return;
    }
    let world = &*WORLD;
    let checked = cel::check(&tree, text, &world.scopes[usize::from(unchecked)]);
    if !unchecked && !checked.diagnostics.is_empty() {
        return;
    }
    let types = if unchecked { vec![Type::Json; world.types.len()] } else { world.types.clone() };
    let expr = flow_expr::fold(checked.expr.clone(), &[], &TypeDefs::new());
    let none = TypeDefs::new();
    let frames: Vec<&dyn Frame> = world.frames.iter().map(|frame| frame as &dyn Frame).collect();
    both(&checked.expr, &types, &[], &none, &frames, units, text);
    // What is folded is mostly a constant: machine code for it is quickly made.
    both(&expr, &types, &[], &none, &frames[..1], units, text);
}

/// What a text may speak of: every kind of type, code, and parameters of them.
const AROUND: &str = r#"
type Review { score: float(0..10) note: string? tags: [string](..5) kind: Kind }
type Span { first: int last: int } where first < last
enum Kind { billing bug other }
type Action = Reply | Stop
type Reply { text: string }
type Stop { }
code twice(n: int) -> int {
  return n * 2
}
flow main(a: int, b: float, c: bool, s: string, xs: [int], ss: [string], m: [string: int], j: json, r: Review, k: Kind, o: Action, q: string?, p: Span, t: timestamp, d: duration) -> string {
"#;

fn by_flow(text: &str, units: u64) {
    let program = format!("{AROUND}{text}\n}}\n");
    let world = MemoryWorld::new([(Path::new("/project/main.flow"), program.clone().into_bytes())]);
    let Ok(project) = Project::open(&world, Path::new("/project")) else { return };
    let Ok(plan) = project.plan(Some("main")) else { return };
    for flow in &plan.flows {
        let types: Vec<Type> = flow.slots.iter().map(|slot| slot.ty.clone()).collect();
        let mut tape = Tape::seeded(7);
        let frame: Vec<Option<Value>> = types.iter().map(|ty| value_of(ty, &plan.types, &mut tape)).collect();
        for block in &flow.blocks {
            for statement in &block.body {
                let expr = match statement {
                    Statement::Return { value: Some(value) } | Statement::Set { value, .. } => value,
                    _ => continue,
                };
                both(expr, &types, &plan.codes, &plan.types, &[&frame], units, &program);
            }
        }
    }
}

/// A value of a type of the program; of those that only it names, what decoding `{}` or its first value gives, if anything.
fn value_of(ty: &Type, types: &TypeDefs, tape: &mut Tape) -> Option<Value> {
    struct Any;
    impl flow_ir::json::Rules for Any {
        fn holds(&self, _: &flow_ir::types::Where, _: &Value) -> Result<bool, String> {
            Ok(true)
        }
    }
    let json = match ty {
        Type::Named(name) => match &**name {
            "Review" => serde_json::json!({"score": 8.5, "tags": ["ok", "big"], "kind": "bug"}),
            "Span" => serde_json::json!({"first": 1, "last": 3}),
            "Kind" => serde_json::json!("billing"),
            "Action" => serde_json::json!({"type": "Reply", "text": "ok"}),
            _ => return None,
        },
        Type::Where(_) | Type::Record(_) | Type::Media(_) => return None,
        ty => return Some(universe::value(ty, tape, 3, Dialect::Flow)),
    };
    flow_ir::json::decode(&json, ty, types, &Any).ok()
}

fn env<'a>(frame: &'a dyn Frame, codes: &'a [Code], types: &'a TypeDefs, meter: &'a Meter) -> Env<'a> {
    Env { frame, codes, run_id: "0192f0c1", ..Env::bare(types, meter) }
}

fn both(
    expr: &Expr,
    slots: &[Type],
    codes: &[Code],
    types: &TypeDefs,
    frames: &[&dyn Frame],
    units: u64,
    text: &str,
) {
    let Ok(program) = Program::compile(&[Unit { expr, slots }], codes, types) else { return };
    for frame in frames {
        let meter = Meter::new(units);
        let expected = Outcome { result: eval(expr, &env(*frame, codes, types, &meter)), left: meter.left() };
        let meter = Meter::new(units);
        let found = Outcome {
            result: program.eval(0, expr, &env(*frame, codes, types, &meter)).0,
            left: meter.left(),
        };
        assert!(
            found.is(&expected),
            "they disagree on {text}\ninterpreted: {expected}\ncompiled: {found}\n{expr:?}"
        );
        let meter = Meter::new(units);
        cases::raw_alike(&program, 0, &env(*frame, codes, types, &meter), &expected, false)
            .unwrap_or_else(|why| panic!("{why} on {text}\n{expr:?}"));
    }
}
