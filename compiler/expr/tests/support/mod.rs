//! Expressions from text, without types: every call is resolved when it runs. What the checker does with types is not
//! needed to test what functions compute.
#![allow(dead_code, reason = "each test uses its part")]

pub mod both;

use std::collections::HashMap;

use flow_expr::assertion::Part;
use flow_expr::functions::{forms, lookup, macros};
use flow_expr::{Env, Error, Meter, Slots};

use both::eval;
use flow_ir::expr::{Entry, Expr, Item, Piece};
use flow_ir::{Type, TypeDefs, Value};
use flow_syntax::tree as t;

/// Reads an expression over named slots.
pub fn dynamic(text: &str, slots: &[&str]) -> Result<Expr, String> {
    let (tree, problems) = flow_syntax::parse_expression(text);
    if let Some(problem) = problems.first() {
        return Err(format!("{problem:?}"));
    }
    let slots = slots.iter().enumerate().map(|(index, name)| (name.to_string(), Expr::Slot(index as u32)));
    Lower { names: slots.collect(), locals: 0, parts: Vec::new() }.expr(&tree)
}

/// Reads a condition over named slots, with its parts.
pub fn condition(text: &str, slots: &[&str]) -> Part {
    let (tree, problems) = flow_syntax::parse_expression(text);
    assert!(problems.is_empty(), "{problems:?}");
    let slots = slots.iter().enumerate().map(|(index, name)| (name.to_string(), Expr::Slot(index as u32)));
    let mut lower = Lower { names: slots.collect(), locals: 0, parts: Vec::new() };
    lower.expr(&tree).unwrap();
    lower.parts.pop().unwrap()
}

/// Where the value of an expression is shown.
fn place(tree: &t::Expr) -> u32 {
    match &tree.kind {
        t::ExprKind::Member(member) => member.name.span.start,
        t::ExprKind::Index(index) => index.object.span.end,
        t::ExprKind::Method(method) => method.name.span.start,
        t::ExprKind::Binary(binary) => binary.op_span.start,
        t::ExprKind::Ternary(ternary) => ternary.condition.span.end + 1,
        _ => tree.span.start,
    }
}

/// Evaluates an expression over named values.
pub fn run(text: &str, slots: &[(&str, Value)]) -> Result<Value, Error> {
    let names: Vec<&str> = slots.iter().map(|(name, _)| *name).collect();
    let values: Vec<Value> = slots.iter().map(|(_, value)| value.clone()).collect();
    let expr = dynamic(text, &names).map_err(|why| Error::value(format!("unreadable: {why}")))?;
    // A tenth of what flows get, so that running out is quick without optimisation too.
    let (types, meter) = (TypeDefs::new(), Meter::new(Meter::UNITS / 10));
    eval(&expr, &Env { frame: &Slots(&values), ..Env::bare(&types, &meter) })
}

/// Evaluates an expression and writes the result as JSON, floats that aren't finite and errors by their text.
pub fn shown(text: &str) -> String {
    match run(text, &[]) {
        Ok(Value::Float(number)) if !number.is_finite() => number.to_string(),
        Ok(Value::Uint(number)) => format!("{number}u"),
        Ok(Value::Bytes(bytes)) => format!("b{:?}", String::from_utf8_lossy(&bytes)),
        Ok(Value::Optional(None)) => "none".into(),
        Ok(value) => {
            flow_ir::json::untyped(&value).map_or_else(|why| why.to_string(), |json| json.to_string())
        }
        Err(error) => error.to_string(),
    }
}

struct Lower {
    names: HashMap<String, Expr>,
    locals: u32,
    /// What has been read and belongs to no larger part yet.
    parts: Vec<Part>,
}

fn call(function: &str, args: Vec<Expr>) -> Expr {
    Expr::Call { function: function.into(), args }
}

impl Lower {
    fn boxed(&mut self, tree: &t::Expr) -> Result<Box<Expr>, String> {
        self.expr(tree).map(Box::new)
    }

    fn all(&mut self, args: &[t::Arg]) -> Result<Vec<Expr>, String> {
        args.iter().map(|arg| self.expr(&arg.value)).collect()
    }

    fn expr(&mut self, tree: &t::Expr) -> Result<Expr, String> {
        let open = self.parts.len();
        let expr = self.node(tree)?;
        let parts = self.parts.split_off(open);
        let (start, end) = (tree.span.start, tree.span.end);
        self.parts.push(Part { start, end, at: place(tree), expr: expr.clone(), parts });
        Ok(expr)
    }

    fn node(&mut self, tree: &t::Expr) -> Result<Expr, String> {
        use t::ExprKind as K;
        Ok(match &tree.kind {
            K::Literal(literal) => Expr::Const(constant(literal)),
            K::Name(name) => match self.names.get(name.as_str()) {
                Some(expr) => expr.clone(),
                None => match name.as_str() {
                    "int" | "uint" | "double" | "string" | "bytes" | "bool" | "list" | "map"
                    | "null_type" | "type" | "optional_type" => Expr::Const(Value::Type(name.clone())),
                    _ => return Err(format!("no name {name}")),
                },
            },
            K::Template(template) => Expr::Template(self.pieces(&template.pieces)?),
            K::List(elements) => Expr::List(
                elements
                    .iter()
                    .map(|e| Ok(Item { value: self.expr(&e.value)?, optional: e.optional }))
                    .collect::<Result<_, String>>()?,
            ),
            K::Record(record) => {
                let mut entries = Vec::new();
                for entry in &record.entries {
                    entries.push(match entry {
                        t::Entry::Spread(of) => Entry::Spread(self.expr(of)?),
                        t::Entry::Pair { optional, key, value } => Entry::Pair {
                            key: match key {
                                t::Key::Name(name) => Expr::text(&name.text),
                                t::Key::Literal(literal, _) => Expr::Const(constant(literal)),
                                t::Key::Computed(expr) => self.expr(expr)?,
                            },
                            value: self.expr(value)?,
                            optional: *optional,
                        },
                    });
                }
                Expr::Map(entries)
            }
            K::Member(member) => Expr::Index {
                of: self.boxed(&member.object)?,
                key: Box::new(Expr::text(&member.name.text)),
                optional: member.optional,
            },
            K::Index(index) => Expr::Index {
                of: self.boxed(&index.object)?,
                key: self.boxed(&index.index)?,
                optional: index.optional,
            },
            K::Call(found) if found.name.text == "has" => match &found.args[0].value.kind {
                K::Member(member) => {
                    Expr::Has { of: self.boxed(&member.object)?, key: member.name.text.clone() }
                }
                _ => return Err("has of no path".into()),
            },
            K::Call(found) if found.name.text == "dyn" => self.expr(&found.args[0].value)?,
            K::Call(found) => call(&found.name.text, self.all(&found.args)?),
            K::Method(method) => self.method(method)?,
            K::Unary(t::UnaryOp::Not, of) => call("!_", vec![self.expr(of)?]),
            K::Unary(t::UnaryOp::Negate, of) => call("-_", vec![self.expr(of)?]),
            K::Binary(binary) => {
                let (left, right) = (self.boxed(&binary.left)?, self.boxed(&binary.right)?);
                match binary.op {
                    t::BinaryOp::And => Expr::And(left, right),
                    t::BinaryOp::Or => Expr::Or(left, right),
                    t::BinaryOp::Coalesce => Expr::Coalesce(left, right),
                    op => call(&format!("_{}_", op.as_str()), vec![*left, *right]),
                }
            }
            K::Ternary(ternary) => Expr::If {
                test: self.boxed(&ternary.condition)?,
                then: self.boxed(&ternary.then)?,
                otherwise: self.boxed(&ternary.otherwise)?,
            },
            other => return Err(format!("not dynamic: {other:?}")),
        })
    }

    fn method(&mut self, method: &t::Method) -> Result<Expr, String> {
        let name = method.name.text.as_str();
        if let t::ExprKind::Name(space) = &method.receiver.kind {
            let full = format!("{space}.{name}");
            if full == "cel.bind" {
                let value = self.boxed(&method.args[1].value)?;
                let (local, body) = self.bound(&method.args[0].value, &method.args[2].value)?;
                return Ok(Expr::Let { local, value, body: Box::new(body) });
            }
            if lookup(&full, false).next().is_some() {
                return Ok(call(&full, self.all(&method.args)?));
            }
        }
        let names = |arg: &t::Arg| match &arg.value.kind {
            t::ExprKind::Name(name) => Some(name.clone()),
            _ => None,
        };
        let form = macros(name).find(|form| {
            form.vars + form.bodies == method.args.len()
                && method.args[..form.vars].iter().all(|arg| names(arg).is_some())
        });
        let Some(form) = form else {
            if let Some(lazy) = self.lazy(method)? {
                return Ok(lazy);
            }
            let mut args = vec![self.expr(&method.receiver)?];
            args.extend(self.all(&method.args)?);
            return Ok(call(name, args));
        };
        let over = self.boxed(&method.receiver)?;
        let outer = self.names.clone();
        let mut vars = Vec::new();
        for name in method.args[..form.vars].iter().filter_map(names) {
            self.names.insert(name.to_string(), Expr::Local(self.locals));
            vars.push(self.locals);
            self.locals += 1;
        }
        let bodies = self.all(&method.args[form.vars..])?;
        self.names = outer;
        Ok(Expr::Macro { op: form.op, over, vars, bodies })
    }

    /// Calls that evaluate an argument only where it counts.
    fn lazy(&mut self, method: &t::Method) -> Result<Option<Expr>, String> {
        let local = self.locals;
        Ok(Some(match (method.name.text.as_str(), &method.args[..]) {
            ("or" | "orValue", [right]) => {
                self.locals += 1;
                let (left, right) = (self.expr(&method.receiver)?, self.expr(&right.value)?);
                match method.name.text.as_str() {
                    "or" => forms::or(local, left, right),
                    _ => forms::or_value(local, left, right),
                }
            }
            ("optMap" | "optFlatMap", [name, body]) => {
                self.locals += 1;
                let of = self.expr(&method.receiver)?;
                let (variable, body) = self.bound(&name.value, &body.value)?;
                match method.name.text.as_str() {
                    "optMap" => forms::opt_map(local, variable, of, body),
                    _ => forms::opt_flat_map(local, variable, of, body),
                }
            }
            _ => return Ok(None),
        }))
    }

    fn bound(&mut self, name: &t::Expr, body: &t::Expr) -> Result<(u32, Expr), String> {
        let t::ExprKind::Name(name) = &name.kind else { return Err("no variable".into()) };
        let (outer, local) = (self.names.clone(), self.locals);
        self.locals += 1;
        self.names.insert(name.to_string(), Expr::Local(local));
        let body = self.expr(body)?;
        self.names = outer;
        Ok((local, body))
    }

    fn pieces(&mut self, all: &[t::Piece]) -> Result<Vec<Piece>, String> {
        all.iter()
            .map(|piece| {
                Ok(match piece {
                    t::Piece::Text(text) => Piece::Text(text.to_string()),
                    t::Piece::Splice(expr) => Piece::Splice { value: self.expr(expr)?, ty: Type::Json },
                    other => return Err(format!("not dynamic: {other:?}")),
                })
            })
            .collect()
    }
}

fn constant(literal: &t::Literal) -> Value {
    match literal {
        t::Literal::Null => Value::Null,
        t::Literal::Bool(value) => Value::Bool(*value),
        t::Literal::Int(number) | t::Literal::Size(number) => Value::Int(*number),
        t::Literal::Uint(number) => Value::Uint(*number),
        t::Literal::Float(number) => Value::Float(number.get()),
        t::Literal::Duration(nanos) => Value::Duration(*nanos),
        t::Literal::String(text) => Value::string(text),
        t::Literal::Bytes(bytes) => Value::Bytes((&**bytes).into()),
    }
}
