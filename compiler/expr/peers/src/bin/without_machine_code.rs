//! The least program that interprets an expression: its size beside `with_machine_code` is what the back end adds to a binary.

use flow_expr::{Env, Meter, eval};
use flow_ir::{Expr, TypeDefs, Value};

fn main() {
    let (types, meter) = (TypeDefs::new(), Meter::default());
    let expr = Expr::Const(Value::Bool(std::env::args().count() == 1));
    println!("{:?}", eval(&expr, &Env::bare(&types, &meter)));
}
