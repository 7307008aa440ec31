//! The five expressions beside a native closure, the crates `cel`, rhai and evalexpr, and Python's `eval`: one process
//! (Python its own, between two of our passes), one machine, one run. Goals that are missed end it with 1.

use std::hint::black_box;

use flow_expr::compiled::{Evaluator, Program, Unit};
use flow_expr::{Env, FrameSlots, Meter, eval};
use flow_ir::{Expr, TypeDefs, Value};

use crate::clock::{cpu_ns, median, per_call, resident};
use crate::work::{self, Native};

/// Nanoseconds of a to e, or none.
type Row = [Option<f64>; 5];

const PASSES: usize = 5;

/// An engine's figures in each pass.
#[derive(Default)]
struct Rows(Vec<(&'static str, Vec<Row>)>);

impl Rows {
    fn add(&mut self, engine: &'static str, row: Row) {
        match self.0.iter_mut().find(|(name, _)| *name == engine) {
            Some((_, rows)) => rows.push(row),
            None => self.0.push((engine, vec![row])),
        }
    }

    fn median(&self, engine: &str, column: usize) -> Option<f64> {
        let (_, rows) = self.0.iter().find(|(name, _)| *name == engine)?;
        let times: Vec<f64> = rows.iter().filter_map(|row| row[column]).collect();
        (!times.is_empty()).then(|| median(times))
    }

    /// The median of the passes' ratios: what ran side by side is compared.
    fn ratio(&self, engine: &str, to: &str, column: usize) -> Option<f64> {
        let rows = |engine: &str| self.0.iter().find(|(name, _)| *name == engine).map(|(_, rows)| rows);
        let (ours, theirs) = (rows(engine)?, rows(to)?);
        let ratios =
            ours.iter().zip(theirs).filter_map(|(ours, theirs)| Some(ours[column]? / theirs[column]?));
        let ratios: Vec<f64> = ratios.collect();
        (!ratios.is_empty()).then(|| median(ratios))
    }
}

const NATIVE: &str = "native closure";
const COMPILED: &str = "machine code";
const ENTERED: &str = "machine code, entered by the program";
const VALUE: &str = "machine code, the value made";
const DECLARED: &str = "machine code, c over JSON with declared types";
const DYNAMIC: &str = "machine code, c over JSON without types";
const INTERPRETED: &str = "interpreter";
const INTERPRETED_DYNAMIC: &str = "interpreter, c over JSON without types";
const CEL: &str = "crate cel 0.15";
const CEL_TYPED: &str = "crate cel 0.15, c over native maps";
const RHAI: &str = "rhai 1.27";
const EVALEXPR: &str = "evalexpr 13";
const PYTHON: &str = "Python eval, compiled once";

/// Times all. Returns whether the goals are met.
pub fn run() -> bool {
    let (types, slots) = (TypeDefs::new(), work::slots());
    let slot_types = work::slot_types();
    let expressions = work::expressions();
    let units: Vec<Unit<'_>> = expressions.iter().map(|expr| Unit { expr, slots: &slot_types }).collect();
    let program = Program::compile(&units, &[], &types).expect("there is executable memory");
    let mut rows = Rows::default();
    for _ in 0..PASSES {
        rows.add(NATIVE, native());
        ours(&program, &expressions, &slots, &types, &mut rows);
        let (over_json, over_maps) = cel_crate();
        rows.add(CEL, over_json);
        rows.add(CEL_TYPED, over_maps);
        rows.add(RHAI, rhai_crate());
        rows.add(EVALEXPR, evalexpr_crate());
        if let Some(row) = python() {
            rows.add(PYTHON, row);
        }
    }
    println!("\nCPU nanoseconds per evaluation, median of {PASSES} passes in one process\n");
    println!("| engine | a | b | c | d | e |\n|---|---|---|---|---|---|");
    for (engine, _) in &rows.0 {
        let cell = |column| match rows.median(engine, column) {
            None => "–".to_owned(),
            Some(time) if time < 100.0 => format!("{time:.1}"),
            Some(time) => format!("{time:.0}"),
        };
        println!("| {engine} | {} |", (0..5).map(cell).collect::<Vec<_>>().join(" | "));
    }
    compile_times(&expressions, &slot_types, &types, &rows);
    growth();
    memory(&expressions, &slot_types, &types, &program);
    goals(&rows)
}

fn goals(rows: &Rows) -> bool {
    let mut met = true;
    let mut goal = |what: String, is: Option<f64>, most: f64| {
        let fine = is.is_some_and(|is| is <= most);
        met &= fine;
        let is = is.map_or("nothing".into(), |is| format!("{is:.2}"));
        println!("| {what} | {is} | ≤ {most} | {} |", if fine { "met" } else { "MISSED" });
    };
    println!("\n| goal | is | | |\n|---|---|---|---|");
    for (column, most) in [(0, 1.5), (1, 1.5), (2, 2.5), (3, 2.5), (4, 2.5)] {
        let name = ["a", "b", "c", "d", "e"][column];
        goal(format!("{name}: times native"), rows.ratio(COMPILED, NATIVE, column), most);
    }
    for column in 0..3 {
        let name = ["a", "b", "c"][column];
        // The slower of its forms would flatter us.
        let least =
            [CEL, CEL_TYPED].iter().filter_map(|cel| rows.ratio(ENTERED, cel, column)).fold(0.0, f64::max);
        goal(format!("{name}: of the crate cel's time, in 1/150"), Some(least * 150.0), 1.0);
    }
    goal("c over JSON, nanoseconds".into(), rows.median(DYNAMIC, 2), 50.0);
    met
}

fn ours(program: &Program, exprs: &[Expr; 7], slots: &Vec<Option<Value>>, types: &TypeDefs, rows: &mut Rows) {
    fn env<'a>(slots: &'a Vec<Option<Value>>, types: &'a TypeDefs, meter: &'a Meter) -> Env<'a> {
        Env { frame: slots, ..Env::bare(types, meter) }
    }
    // As a native closure is called: what is prepared once, on a frame each time.
    let meter = Meter::new(u64::MAX);
    let environment = env(slots, types, &meter);
    let mut evaluator = Evaluator::new(&environment);
    let mut test = |unit: usize| {
        let prepared = program.prepare(unit).expect("it is compiled");
        assert_eq!(prepared.test(&mut evaluator, FrameSlots::Options(slots)), Some(true));
        per_call(|| {
            black_box(prepared.test(&mut evaluator, FrameSlots::Options(black_box(slots))));
        })
    };
    let tested = [test(0), test(1), test(2)];
    let (declared, dynamic) = (test(5), test(6));
    // With a meter and an environment of its own each time, as a step is evaluated.
    let entered = |unit: usize| {
        per_call(|| {
            let meter = Meter::default();
            let outcome = program.test(unit, black_box(&exprs[unit]), &env(slots, types, &meter));
            black_box(outcome.0.is_ok());
        })
    };
    let value = |unit: usize| {
        per_call(|| {
            let meter = Meter::default();
            black_box(program.eval(unit, black_box(&exprs[unit]), &env(slots, types, &meter)))
                .0
                .expect("it has a value");
        })
    };
    let walked = |unit: usize| {
        per_call(|| {
            let meter = Meter::default();
            black_box(eval(black_box(&exprs[unit]), &env(slots, types, &meter))).expect("it has a value");
        })
    };
    // What is found is shown where it lies, as the native closure does.
    let view = {
        let prepared = program.prepare(3).expect("it is compiled");
        assert_eq!(prepared.view(&mut evaluator, FrameSlots::Options(slots)).map(<[Value]>::len), Some(10));
        per_call(|| {
            black_box(
                prepared.view(&mut evaluator, FrameSlots::Options(black_box(slots))).map(<[Value]>::len),
            );
        })
    };
    let int = {
        let prepared = program.prepare(4).expect("it is compiled");
        assert_eq!(prepared.int(&mut evaluator, FrameSlots::Options(slots)), native_e(&work::native()));
        per_call(|| {
            black_box(prepared.int(&mut evaluator, FrameSlots::Options(black_box(slots))));
        })
    };
    let [a, b, c] = tested;
    rows.add(COMPILED, [a, b, c, view, int].map(Some));
    rows.add(ENTERED, [Some(entered(0)), Some(entered(1)), Some(entered(2)), None, None]);
    rows.add(VALUE, [value(0), value(1), value(2), value(3), value(4)].map(Some));
    rows.add(DECLARED, [None, None, Some(declared), None, None]);
    rows.add(DYNAMIC, [None, None, Some(dynamic), None, None]);
    rows.add(INTERPRETED, [walked(0), walked(1), walked(2), walked(3), walked(4)].map(Some));
    rows.add(INTERPRETED_DYNAMIC, [None, None, Some(walked(6)), None, None]);
}

fn native_e(native: &Native) -> Option<i64> {
    let mut sum = 0i64;
    macro_rules! terms {
        ($($i:literal)*) => { $( sum = sum.checked_add(native.v[$i % 8].checked_mul($i + 3)?.checked_sub($i)?)?; )* }
    }
    terms!(0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22 23 24 25 26 27 28 29 30 31 32 33 34 35 36 37 38
        39 40 41 42 43 44 45 46 47 48 49);
    Some(sum)
}

fn native() -> Row {
    let values = work::native();
    let conditions: [Box<dyn Fn(&Native) -> bool>; 3] = [
        Box::new(|v| v.score >= 7 && v.count < 3),
        Box::new(|v| v.status == "done" || (v.retries < v.max_retries && !v.failed)),
        Box::new(|v| v.review.score >= 8.0 && v.review.tags.iter().any(|tag| tag == "ok")),
    ];
    let mut row = [None; 5];
    for (column, condition) in conditions.iter().enumerate() {
        assert!(condition(&values));
        let condition = black_box(condition);
        row[column] = Some(per_call(|| {
            black_box(condition(black_box(&values)));
        }));
    }
    let mut names: Vec<&str> = Vec::with_capacity(64);
    row[3] = Some(per_call(|| {
        names.clear();
        names.extend(
            black_box(&values).items.iter().filter(|item| item.price > 10.0).map(|item| item.name.as_str()),
        );
        black_box(&names);
    }));
    let sum: Box<dyn Fn(&Native) -> Option<i64>> = Box::new(native_e);
    row[4] = Some(per_call(|| {
        black_box(black_box(&sum)(black_box(&values)));
    }));
    row
}

fn texts() -> [String; 5] {
    [work::A.into(), work::B.into(), work::C.into(), work::D.into(), work::e()]
}

/// With `review` and `items` made from JSON, and from native maps.
fn cel_crate() -> (Row, Row) {
    use cel::{Context, Program};
    let native = work::native();
    let mut context = Context::default();
    let mut variable = |name: &str, value: cel::Value| context.add_variable_from_value(name, value);
    variable("score", native.score.into());
    variable("count", native.count.into());
    variable("status", native.status.as_str().into());
    variable("retries", native.retries.into());
    variable("max_retries", native.max_retries.into());
    variable("failed", native.failed.into());
    for (index, number) in native.v.iter().enumerate() {
        variable(&format!("v{index}"), (*number).into());
    }
    let items: Vec<_> =
        native.items.iter().map(|item| serde_json::json!({"price": item.price, "name": item.name})).collect();
    context.add_variable("items", serde_json::json!(items)).expect("a value");
    context
        .add_variable("review", serde_json::json!({"score": native.review.score, "tags": native.review.tags}))
        .expect("a value");
    let mut row = [None; 5];
    for (column, text) in texts().iter().enumerate() {
        let program = Program::compile(text).expect("it parses");
        let value = program.execute(&context).expect("it has a value");
        assert!(column > 2 || value == true.into());
        row[column] = Some(per_call(|| {
            black_box(program.execute(&context).expect("it has a value"));
        }));
    }
    let map = std::collections::HashMap::from([
        ("score".to_owned(), cel::Value::from(native.review.score)),
        ("tags".to_owned(), cel::Value::from(native.review.tags.clone())),
    ]);
    context.add_variable_from_value("review", map);
    let program = Program::compile(work::C).expect("it parses");
    let c = per_call(|| {
        black_box(program.execute(&context).expect("it has a value"));
    });
    (row, [None, None, Some(c), None, None])
}

fn rhai_crate() -> Row {
    use rhai::{Dynamic, Engine, Map, Scope};
    let native = work::native();
    let mut engine = Engine::new();
    engine.set_max_expr_depths(0, 0);
    let mut scope = Scope::new();
    scope.push("score", native.score).push("count", native.count).push("status", native.status.clone());
    scope
        .push("retries", native.retries)
        .push("max_retries", native.max_retries)
        .push("failed", native.failed);
    let mut review = Map::new();
    review.insert("score".into(), native.review.score.into());
    let tags = native.review.tags.iter().map(|tag| Dynamic::from(tag.clone())).collect();
    review.insert("tags".into(), Dynamic::from_array(tags));
    scope.push("review", review);
    let item = |item: &work::NativeItem| {
        let mut map = Map::new();
        map.insert("price".into(), item.price.into());
        map.insert("name".into(), item.name.clone().into());
        Dynamic::from_map(map)
    };
    scope.push_dynamic("items", Dynamic::from_array(native.items.iter().map(item).collect()));
    for (index, number) in native.v.iter().enumerate() {
        scope.push(format!("v{index}"), *number);
    }
    let mut texts = texts();
    texts[2] = "review.score >= 8.0 && review.tags.some(|t| t == \"ok\")".into();
    texts[3] = "items.filter(|i| i.price > 10.0).map(|i| i.name)".into();
    let mut row = [None; 5];
    for (column, text) in texts.iter().enumerate() {
        let tree = engine.compile(text).expect("it parses");
        let depth = scope.len();
        let value: Dynamic = engine.eval_ast_with_scope(&mut scope, &tree).expect("it has a value");
        assert!(column != 4 || value.as_int().ok() == native_e(&native));
        row[column] = Some(per_call(|| {
            let value: Dynamic = engine.eval_ast_with_scope(&mut scope, &tree).expect("it has a value");
            scope.rewind(depth);
            drop(black_box(value));
        }));
    }
    row
}

fn evalexpr_crate() -> Row {
    use evalexpr::{
        ContextWithMutableVariables, DefaultNumericTypes, HashMapContext, Value, build_operator_tree,
    };
    let native = work::native();
    let mut context = HashMapContext::<DefaultNumericTypes>::new();
    let mut set = |name: &str, value| context.set_value(name.into(), value).expect("a value");
    set("score", Value::Int(native.score));
    set("count", Value::Int(native.count));
    set("retries", Value::Int(native.retries));
    set("max_retries", Value::Int(native.max_retries));
    set("status", Value::String(native.status.clone()));
    set("failed", Value::Boolean(native.failed));
    for (index, number) in native.v.iter().enumerate() {
        set(&format!("v{index}"), Value::Int(*number));
    }
    let mut row = [None; 5];
    for (column, text) in texts().iter().enumerate().filter(|(column, _)| ![2, 3].contains(column)) {
        let tree = build_operator_tree::<DefaultNumericTypes>(text).expect("it parses");
        assert!(tree.eval_with_context(&context).is_ok());
        row[column] = Some(per_call(|| {
            black_box(tree.eval_with_context(&context).expect("it has a value"));
        }));
    }
    row
}

/// Python's CPU nanoseconds for a to e; `None` without a Python.
fn python() -> Option<Row> {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/src/eval.py");
    let out =
        std::process::Command::new("python3").arg(script).output().ok().filter(|out| out.status.success())?;
    let times: Vec<f64> = serde_json::from_slice(&out.stdout).ok()?;
    Some([0, 1, 2, 3, 4].map(|column| times.get(column).copied()))
}

fn compile_times(exprs: &[Expr; 7], slots: &[flow_ir::Type], types: &TypeDefs, rows: &Rows) {
    let compile = |exprs: &[&Expr]| {
        let units: Vec<Unit<'_>> = exprs.iter().map(|expr| Unit { expr, slots }).collect();
        let times = (0..31).map(|_| {
            let start = cpu_ns();
            let program = Program::compile(&units, &[], types).expect("there is executable memory");
            let took = (cpu_ns() - start) / 1e3;
            drop(program);
            took
        });
        median(times.collect())
    };
    let nothing = compile(&[]);
    println!("\nCompile time, µs of CPU (median of 31; the crate cel's is its parser's)\n");
    println!(
        "| | a | b | c | d | e | a program of 100: 20 of each | an empty program |\n|---|---|---|---|---|---|---|---|"
    );
    let single: Vec<f64> = (0..5).map(|index| compile(&[&exprs[index]])).collect();
    let hundred: Vec<&Expr> = (0..100).map(|index| &exprs[index % 5]).collect();
    let cells = single.iter().map(|time| format!("{time:.0}")).collect::<Vec<_>>().join(" | ");
    println!("| machine code | {cells} | {:.0} | {nothing:.0} |", compile(&hundred));
    let parse = texts().map(|text| per_call(|| drop(black_box(cel::Program::compile(&text)))) / 1e3);
    let cells = parse.iter().map(|time| format!("{time:.0}")).collect::<Vec<_>>().join(" | ");
    println!("| crate cel | {cells} | – | – |");
    let mut breaks = Vec::new();
    for column in 0..5 {
        let fast = rows.median(ENTERED, column).or(rows.median(VALUE, column));
        let (Some(walked), Some(fast)) = (rows.median(INTERPRETED, column), fast) else {
            continue;
        };
        let own = single[column] - nothing;
        breaks.push(format!("{:.0}", own * 1e3 / (walked - fast).max(0.1)));
    }
    println!(
        "\nEvaluations after which machine code has paid for itself, within a program that is compiled anyway: {}",
        breaks.join(", ")
    );
}

/// What the back end adds to a binary: two that are alike but for it, stripped, beside this one.
fn growth() {
    let size = |name: &str| {
        let binary = std::env::current_exe().ok()?.with_file_name(name);
        let stripped = binary.with_extension("stripped");
        std::process::Command::new("strip").arg("-o").arg(&stripped).arg(&binary).status().ok()?;
        std::fs::metadata(stripped).ok().map(|file| file.len())
    };
    match (size("with_machine_code"), size("without_machine_code")) {
        (Some(with), Some(without)) => println!(
            "\nBinary: {} KiB with machine code, {} KiB without: {} KiB more",
            with >> 10,
            without >> 10,
            with.saturating_sub(without) >> 10
        ),
        _ => println!(
            "\nBinary: `with_machine_code` and `without_machine_code` don't stand beside this program, or there is no `strip`"
        ),
    }
}

fn memory(exprs: &[Expr; 7], slots: &[flow_ir::Type], types: &TypeDefs, program: &Program) {
    let units: Vec<Unit<'_>> = (0..2000).map(|index| Unit { expr: &exprs[index % 5], slots }).collect();
    let before = resident();
    let many = Program::compile(&units, &[], types).expect("there is executable memory");
    let held = resident().saturating_sub(before);
    println!(
        "\nMemory: {} bytes of code for the seven above; a program of 2,000: {} bytes of code and {} resident bytes per expression",
        program.code_bytes(),
        many.code_bytes() / 2000,
        held / 2000,
    );
    drop(many);
    let before = resident();
    for _ in 0..2000 {
        drop(Program::compile(&units[..5], &[], types));
    }
    println!(
        "2,000 programs compiled and dropped: {} KiB more than before",
        resident().saturating_sub(before) / 1024
    );
}
