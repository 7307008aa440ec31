//! The least program that compiles an expression: see `without_machine_code`.

use flow_expr::compiled::{Program, Unit};
use flow_expr::{Env, Meter};
use flow_ir::{Expr, TypeDefs, Value};

fn main() {
    let (types, meter) = (TypeDefs::new(), Meter::default());
    let expr = Expr::Const(Value::Bool(std::env::args().count() == 1));
    let program = Program::compile(&[Unit { expr: &expr, slots: &[] }], &[], &types);
    println!("{:?}", program.map(|program| program.eval(0, &expr, &Env::bare(&types, &meter)).0));
}
