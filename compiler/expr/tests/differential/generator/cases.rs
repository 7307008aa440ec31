//! A case: a program, the expression of it that is asked, the values it reads, and what it may spend. Run in both back
//! ends, compared bit by bit, written as JSON and read back.

use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};

use flow_expr::compiled::{self, BackEnd};
use flow_expr::{Env, Error, Frame, FrameSlots, Meter, Slots, eval};
use flow_ir::expr::Code;
use flow_ir::{Expr, Type, Value};
use serde_json::{Value as Json, json};

use super::programs::Program;
use super::tape::Tape;
use super::universe::{self as u, TYPES};

const PANIC: &str = "PANIC";

/// What an expression may spend at most.
pub const UNITS: u64 = 20_000;

/// The values of a program's slots; where a program lies, some have none or one of another type.
pub fn frame(tape: &mut Tape, program: &Program) -> Vec<Option<Value>> {
    let slot = |ty: &Type| {
        if program.lies && tape.chance(5) {
            return None;
        }
        let other = (program.lies && tape.chance(15)).then(|| u::ty(tape, 2, program.dialect));
        Some(u::value(other.as_ref().unwrap_or(ty), tape, 4, program.dialect))
    };
    program.slots.iter().map(slot).collect()
}

/// What came out, and what was left of the meter.
#[derive(Clone, Debug)]
pub struct Outcome {
    pub result: Result<Value, Error>,
    pub left: u64,
}

impl Outcome {
    /// Whether both are the same value to the bit, or the same error, at the same price.
    pub fn is(&self, other: &Outcome) -> bool {
        let same = match (&self.result, &other.result) {
            (Ok(left), Ok(right)) => exactly(left, right),
            (Err(left), Err(right)) => left == right,
            _ => false,
        };
        same && self.left == other.left
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.result {
            Ok(value) => write!(out, "{value:?}, {} units left", self.left),
            Err(error) => write!(out, "{error}, {} units left", self.left),
        }
    }
}

/// Whether two values are one and the same: kinds, order of maps, shapes, bits of floats (any NaN is NaN).
pub fn exactly(left: &Value, right: &Value) -> bool {
    match (left, right) {
        (Value::Float(a), Value::Float(b)) => a.to_bits() == b.to_bits() || a.is_nan() && b.is_nan(),
        (Value::List(a), Value::List(b)) => {
            a.len() == b.len() && a.iter().zip(b.iter()).all(|(a, b)| exactly(a, b))
        }
        (Value::Map(a), Value::Map(b)) => {
            a.len() == b.len() && a.iter().zip(b.iter()).all(|((k, a), (l, b))| k == l && exactly(a, b))
        }
        (Value::Record(a), Value::Record(b)) => {
            *a.shape == *b.shape
                && a.slots.len() == b.slots.len()
                && a.slots.iter().zip(&b.slots).all(|(a, b)| exactly(a, b))
        }
        (Value::Optional(a), Value::Optional(b)) => match (a, b) {
            (Some(a), Some(b)) => exactly(a, b),
            (a, b) => a.is_none() && b.is_none(),
        },
        _ => std::mem::discriminant(left) == std::mem::discriminant(right) && left == right,
    }
}

fn env<'a>(program: &'a Program, frame: &'a dyn Frame, meter: &'a Meter) -> Env<'a> {
    Env {
        frame,
        codes: &program.codes,
        run_id: "0192f0c1-2b4e-7c3a-9d5e-6f7081920a1b",
        started_at: jiff::Timestamp::from_second(1_709_208_000).expect("a time"),
        ..Env::bare(&TYPES, meter)
    }
}

fn caught(run: impl FnOnce() -> Result<Value, Error>) -> Result<Value, Error> {
    catch_unwind(AssertUnwindSafe(run)).unwrap_or_else(|_| Err(Error::value(PANIC)))
}

/// Runs an expression in the interpreter.
pub fn interpreted(program: &Program, unit: usize, frame: &dyn Frame, units: u64) -> Outcome {
    let meter = Meter::new(units);
    let result = caught(|| eval(&program.units[unit], &env(program, frame, &meter)));
    Outcome { result, left: meter.left() }
}

/// Compiles a program, if memory for machine code is to be had.
pub fn compiled(program: &Program) -> Option<compiled::Program> {
    let units: Vec<_> =
        program.units.iter().map(|expr| compiled::Unit { expr, slots: &program.slots }).collect();
    let made = catch_unwind(AssertUnwindSafe(|| compiled::Program::compile(&units, &program.codes, &TYPES)));
    made.expect("compiling doesn't panic").ok()
}

/// Runs an expression in the machine code, and says which back end it was.
pub fn run(
    program: &Program,
    code: &compiled::Program,
    unit: usize,
    frame: &dyn Frame,
    units: u64,
) -> (Outcome, bool) {
    let meter = Meter::new(units);
    let mut by = BackEnd::Interpreted;
    let result = caught(|| {
        let (result, back_end) = code.eval(unit, &program.units[unit], &env(program, frame, &meter));
        by = back_end;
        result
    });
    (Outcome { result, left: meter.left() }, matches!(by, BackEnd::Compiled))
}

/// Runs an expression in every way that machine code offers, and holds each against the interpreter's outcome. Returns
/// whether machine code had the answer, or what is not alike.
pub fn held(
    program: &Program,
    code: &compiled::Program,
    unit: usize,
    frame: &dyn Frame,
    units: u64,
    expected: &Outcome,
) -> Result<bool, String> {
    let (found, by_code) = run(program, code, unit, frame, units);
    if !found.is(expected) || matches!(&found.result, Err(error) if error.message == PANIC) {
        return Err(found.to_string());
    }
    let meter = Meter::new(units);
    let env = env(program, frame, &meter);
    raw_alike(code, unit, &env, expected, program.lies)?;
    viewed_alike(code, unit, &Env { meter: &Meter::new(units), ..env }, expected)?;
    prepared_alike(code, unit, &Env { meter: &Meter::new(units), ..env }, expected)?;
    let meter = Meter::new(units);
    let (test, _) = code.test(unit, &program.units[unit], &Env { meter: &meter, ..env });
    let alike = match (&expected.result, &test) {
        (Ok(Value::Bool(expected)), Ok(found)) => expected == found,
        (Ok(Value::Bool(_)), Err(_)) | (Err(_), Ok(_)) => false,
        // What is no bool is an error.
        (Ok(_), test) => {
            return if test.is_err() { Ok(by_code) } else { Err("a condition that is no bool".into()) };
        }
        (Err(expected), Err(found)) => expected == found,
    };
    match alike && meter.left() == expected.left {
        true => Ok(by_code),
        false => Err(format!("as a condition {test:?}, {} units left", meter.left())),
    }
}

/// Machine code must end by itself as the interpreter does: the public face asks the interpreter about every error, and
/// would hide one that is none. Where values aren't of their types it may give up where the interpreter goes on.
pub fn raw_alike(
    code: &compiled::Program,
    unit: usize,
    env: &Env<'_>,
    expected: &Outcome,
    lies: bool,
) -> Result<(), String> {
    let Some(raw) = code.raw(unit, env) else { return Ok(()) };
    let left = env.meter.left();
    let alike = match (&raw, &expected.result) {
        (Ok(found), Ok(value)) => exactly(found, value) && left == expected.left,
        (Err(exit), _) if exit == "Left" => true,
        // An error past whatever might absorb it: the interpreter tells which.
        (Err(exit), result) if exit == "Fatal" => lies || result.is_err(),
        // What has been spent until then counts where something absorbs the error.
        (Err(exit), Err(error)) if exit == "Error" => error.is_absorbed() && (lies || left == expected.left),
        (Err(_), Err(error)) => !error.is_absorbed(),
        _ => false,
    };
    if alike { Ok(()) } else { Err(format!("by itself {raw:?}, {left} units left")) }
}

/// A view shows what the value is. It isn't measured, so that it may be there where the value is too dear.
fn viewed_alike(
    code: &compiled::Program,
    unit: usize,
    env: &Env<'_>,
    expected: &Outcome,
) -> Result<(), String> {
    let mut scratch = compiled::Scratch::default();
    let (Some(shown), Ok(value)) = (code.view(unit, env, &mut scratch), &expected.result) else {
        return Ok(());
    };
    let alike = match (shown, value) {
        ([one], value) if exactly(one, value) => true,
        (shown, Value::List(items)) => {
            shown.len() == items.len() && shown.iter().zip(items.iter()).all(|(a, b)| exactly(a, b))
        }
        _ => false,
    };
    if alike { Ok(()) } else { Err(format!("viewed {shown:?}")) }
}

/// What is prepared yields the same, twice in a row in one memory, or leaves it to others.
fn prepared_alike(
    code: &compiled::Program,
    unit: usize,
    env: &Env<'_>,
    expected: &Outcome,
) -> Result<(), String> {
    let Some(prepared) = code.prepare(unit) else { return Ok(()) };
    let (slots, units) = (env.frame.slots(), env.meter.left());
    let mut evaluator = compiled::Evaluator::new(env);
    for turn in 0..2 {
        let before = env.meter.left();
        let found = match &expected.result {
            Ok(Value::Int(_)) => prepared.int(&mut evaluator, slots).map(Value::Int),
            Ok(Value::List(_)) => {
                let shown = prepared.view(&mut evaluator, slots);
                shown.map(|items| Value::list(items.to_vec()))
            }
            _ => prepared.test(&mut evaluator, slots).map(Value::Bool),
        };
        let Some(found) = found else { continue };
        let spent = before - env.meter.left();
        // A view isn't measured; a second turn may have too little left to be the same.
        let is_view = matches!(found, Value::List(_));
        let alike = expected.result.as_ref().is_ok_and(|value| exactly(value, &found))
            || expected.result.is_err() && is_view;
        if !alike || !is_view && spent != units - expected.left {
            return Err(format!("prepared, the {turn}th time: {found:?} for {spent} units"));
        }
    }
    Ok(())
}

/// The same values in the other forms that frames have.
pub struct Forms<'a> {
    options: &'a [Option<Value>],
    values: Option<Vec<Value>>,
}

/// Slots that don't lie side by side.
struct Apart<'a>(&'a [Option<Value>]);

impl Frame for Apart<'_> {
    fn slot(&self, slot: u32) -> Option<&Value> {
        self.0.get(slot as usize)?.as_ref()
    }

    fn slots(&self) -> FrameSlots<'_> {
        FrameSlots::Apart
    }
}

impl<'a> Forms<'a> {
    pub fn of(options: &'a [Option<Value>]) -> Forms<'a> {
        Forms { options, values: options.iter().cloned().collect() }
    }

    /// Calls with one of the forms, by a number.
    pub fn with<T>(&self, form: u64, call: impl FnOnce(&dyn Frame) -> T) -> T {
        match (form % 3, &self.values) {
            (1, Some(values)) => call(&Slots(values)),
            (2, _) => call(&Apart(self.options)),
            _ => call(&self.options.to_vec()),
        }
    }
}

/// Writes a case so that [`read`] reads it. The named types are always those of the universe.
pub fn written(program: &Program, unit: usize, frame: &[Option<Value>], units: u64) -> Json {
    let value = |value: &Option<Value>| value.clone().map(|value| json!(Expr::Const(value)));
    json!({
        "codes": program.codes.iter().map(|code| json!(code)).collect::<Vec<_>>(),
        "slots": program.slots.iter().map(|ty| json!(ty)).collect::<Vec<_>>(),
        "unit": json!(program.units[unit]),
        "frame": frame.iter().map(value).collect::<Vec<_>>(),
        "limit": units,
    })
}

/// Reads a case.
pub fn read(case: &Json) -> Result<(Program, Vec<Option<Value>>, u64), String> {
    fn all<T: serde::de::DeserializeOwned>(case: &Json, name: &str) -> Result<Vec<T>, String> {
        let items = case[name].as_array().ok_or_else(|| format!("no {name}"))?;
        items.iter().map(|item| serde_json::from_value(item.clone()).map_err(|why| why.to_string())).collect()
    }
    let codes: Vec<Code> = all(case, "codes")?;
    let slots: Vec<Type> = all(case, "slots")?;
    let unit: Expr = serde_json::from_value(case["unit"].clone()).map_err(|why| why.to_string())?;
    let frame: Vec<Option<Expr>> = all(case, "frame")?;
    let frame = frame
        .into_iter()
        .map(|value| match value {
            Some(Expr::Const(value)) => Ok(Some(value)),
            None => Ok(None),
            Some(_) => Err("a slot that is no value".to_owned()),
        })
        .collect::<Result<_, _>>()?;
    let units = case["limit"].as_u64().ok_or("no limit")?;
    Ok((Program { codes, slots, units: vec![unit], ..Program::default() }, frame, units))
}
