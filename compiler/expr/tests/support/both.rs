//! Evaluates by machine code and by the interpreter, and holds the one against the other.
#![allow(dead_code, reason = "each test uses its part")]

use flow_expr::compiled::{BackEnd, Program, Unit};
use flow_expr::{Env, Error, Frame, Meter, Slots};
use flow_ir::types::Type;
use flow_ir::{Expr, Value};

/// A frame whose values don't lie side by side.
struct Apart<'a>(&'a dyn Frame);

impl Frame for Apart<'_> {
    fn slot(&self, slot: u32) -> Option<&Value> {
        self.0.slot(slot)
    }
}

/// Evaluates an expression whose slots' types are unknown.
pub fn eval(expr: &Expr, env: &Env<'_>) -> Result<Value, Error> {
    compare(expr, &[], env);
    flow_expr::eval(expr, env)
}

/// Fails if the back ends differ in value, error or units; returns what ran.
pub fn compare(expr: &Expr, slots: &[Type], env: &Env<'_>) -> BackEnd {
    let program = Program::compile(&[Unit { expr, slots }], env.codes, env.types).expect("executable memory");
    check(&program, expr, env)
}

/// The same of an expression that has been compiled.
pub fn check(program: &Program, expr: &Expr, env: &Env<'_>) -> BackEnd {
    let units = env.meter.left();
    let interpreted = Meter::new(units);
    let expected = flow_expr::eval(expr, &Env { meter: &interpreted, ..*env });
    let told = |result: &Result<Value, Error>| format!("{result:?}");
    let mut ran = BackEnd::Interpreted;
    let apart = Apart(env.frame);
    for frame in [env.frame, &apart] {
        let compiled = Meter::new(units);
        let (result, back_end) = program.eval(0, expr, &Env { meter: &compiled, frame, ..*env });
        assert_eq!(told(&result), told(&expected), "{expr:?}");
        assert_eq!(compiled.left(), interpreted.left(), "units of {expr:?}");
        ran = back_end;
    }
    // Machine code by itself says the same, but for the words of an error.
    let meter = Meter::new(units);
    let raw = program.raw(0, &Env { meter: &meter, ..*env });
    match raw {
        None => {}
        Some(Ok(value)) => {
            assert_eq!(told(&Ok(value)), told(&expected), "{expr:?}");
            assert_eq!(meter.left(), interpreted.left(), "units of {expr:?}");
        }
        Some(Err(exit)) if exit == "Left" => {}
        Some(Err(exit)) => {
            let error = expected.as_ref().expect_err("machine code says that there is an error");
            assert_eq!(exit == "Error", error.is_absorbed(), "{exit} for {error} of {expr:?}");
            if exit == "Error" {
                assert_eq!(meter.left(), interpreted.left(), "units until the error of {expr:?}");
            }
        }
    }
    let meter = Meter::new(units);
    let (tested, _) = program.test(0, expr, &Env { meter: &meter, ..*env });
    match (&tested, &expected) {
        (Ok(tested), Ok(Value::Bool(expected))) => assert_eq!(tested, expected, "{expr:?}"),
        (Err(tested), Err(expected)) => assert_eq!(tested, expected, "{expr:?}"),
        (Err(_), Ok(value)) => assert!(!matches!(value, Value::Bool(_)), "{expr:?}"),
        (tested, expected) => panic!("{tested:?} for {expected:?} of {expr:?}"),
    }
    assert_eq!(meter.left(), interpreted.left(), "units of the condition {expr:?}");
    ran
}

/// The same of values in a list of slots.
pub fn with_slots(expr: &Expr, types: &[Type], slots: &[Value], env: &Env<'_>) -> BackEnd {
    compare(expr, types, &Env { frame: &Slots(slots), ..*env })
}
