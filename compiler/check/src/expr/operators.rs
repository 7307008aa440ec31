//! Operators, and the choice of an overload.

use std::sync::Arc;

use flow_diagnostics::Code;
use flow_expr::functions::{self, Overload, Sig};
use flow_ir::types::Literal;
use flow_ir::{Expr, Type, Value};
use flow_source::Span;
use flow_syntax::tree::{self, BinaryOp, ExprKind, UnaryOp};

use crate::cx::{Cx, Typed};
use crate::fit::{comparable, join, numeric};
use crate::program::Program;

impl Cx<'_> {
    pub fn unary(&mut self, op: UnaryOp, operand: &tree::Expr, span: Span) -> Typed {
        if op == UnaryOp::Not {
            let of = self.value(operand, &Type::Bool, "the operand of `!`");
            return Typed::new(Expr::Call { function: "not".into(), args: vec![of] }, Type::Bool);
        }
        let of = self.expr(operand, None);
        self.operator("-_", "-", vec![(of, operand.span)], span)
    }

    pub fn binary(&mut self, binary: &tree::Binary, expr: &tree::Expr, hint: Option<&Type>) -> Typed {
        match binary.op {
            BinaryOp::And | BinaryOp::Or => self.logical(binary),
            BinaryOp::Coalesce => self.coalesce(binary, hint, expr.span),
            BinaryOp::Equal | BinaryOp::NotEqual => self.equality(binary, expr.span),
            op => {
                let name = match op {
                    BinaryOp::Less => "_<_",
                    BinaryOp::LessEqual => "_<=_",
                    BinaryOp::Greater => "_>_",
                    BinaryOp::GreaterEqual => "_>=_",
                    BinaryOp::In => "_in_",
                    BinaryOp::Add => "_+_",
                    BinaryOp::Subtract => "_-_",
                    BinaryOp::Multiply => "_*_",
                    BinaryOp::Divide => "_/_",
                    _ => "_%_",
                };
                // Lists take their elements' type from the place: `[] + [1]`, `log + [{a: 1}]`.
                let list_hint =
                    hint.filter(|hint| matches!(hint.base(), Type::List(..)) && op == BinaryOp::Add);
                let left = self.expr(&binary.left, list_hint);
                let right_hint = match op {
                    // The kind of its elements, not their refinements: what is added may be longer than they are.
                    BinaryOp::Add => match left.ty.base() {
                        Type::List(of, _) => Some(Type::list(of.base())),
                        _ => None,
                    },
                    // A comparison takes int literals for floats.
                    BinaryOp::In if matches!(left.ty.base(), Type::Float(_)) => Some(Type::list(Type::FLOAT)),
                    _ => None,
                };
                let right = self.expr(&binary.right, right_hint.as_ref());
                self.operator(
                    name,
                    op.as_str(),
                    vec![(left, binary.left.span), (right, binary.right.span)],
                    expr.span,
                )
            }
        }
    }

    fn logical(&mut self, binary: &tree::Binary) -> Typed {
        let and = binary.op == BinaryOp::And;
        let what = if and { "the operand of `&&`" } else { "the operand of `||`" };
        let left = Box::new(self.value(&binary.left, &Type::Bool, what));
        let before = self.point.facts.len();
        self.assume(&binary.left, and);
        let right = Box::new(self.value(&binary.right, &Type::Bool, what));
        self.point.facts.truncate(before);
        let expr = if and { Expr::And(left, right) } else { Expr::Or(left, right) };
        Typed::new(expr, Type::Bool)
    }

    fn coalesce(&mut self, binary: &tree::Binary, hint: Option<&Type>, span: Span) -> Typed {
        let left = self.expr(&binary.left, hint);
        let inner = match &left.ty {
            Type::Nullable(of) | Type::Optional(of) => (**of).clone().non_null().clone(),
            Type::Error => {
                let right = self.expr(&binary.right, hint);
                return Typed::new(right.expr, Type::Error);
            }
            Type::Null => Type::Never,
            Type::Json => Type::Json,
            // Tested before, or just assigned: said twice, and no harm.
            other if self.declared_of(&binary.left).is_some_and(|ty| ty.allows_null()) => other.clone(),
            other => {
                let mut diagnostic = self
                    .error(Code::TypeMismatch, binary.left.span, format!("`{other}` is never null"))
                    .here("`??` has nothing to replace");
                diagnostic = match &binary.left.kind {
                    // What may be missing is the key.
                    ExprKind::Index(index) if !index.optional => {
                        let at = self.at(Span::at(index.index.span.start));
                        let text = self.text(index.index.span);
                        diagnostic
                            .help(format!("a missing key or element is asked for with `[?{text}]`"))
                            .fix(format!("write `[?{text}]`"), at, "?")
                    }
                    _ => diagnostic.help("remove `??` and what follows it"),
                };
                self.report(diagnostic);
                // What follows is still checked by itself, and one fault is told once.
                self.expr(&binary.right, hint);
                return Typed::new(left.expr, Type::Error);
            }
        };
        let right_hint = hint.cloned().unwrap_or_else(|| inner.clone());
        let right = self.expr(&binary.right, Some(&right_hint));
        let left_value = Typed::new(Expr::Const(Value::Null), inner.clone());
        let (_, right_expr, ty) =
            self.join_values(left_value, binary.left.span, right, binary.right.span, hint, span);
        Typed::new(Expr::Coalesce(Box::new(left.expr), Box::new(right_expr)), ty)
    }

    fn equality(&mut self, binary: &tree::Binary, span: Span) -> Typed {
        let is_literal = |expr: &tree::Expr| matches!(expr.kind, ExprKind::Literal(_) | ExprKind::Name(_));
        // The side that says more goes first, so that the other may take its type.
        let (left, right) = if is_literal(&binary.left)
            && !matches!(binary.left.kind, ExprKind::Name(ref n) if self.visible.contains_key(n))
        {
            let right = self.expr(&binary.right, None);
            let hint = right.ty.clone();
            (self.expr(&binary.left, Some(&hint)), right)
        } else {
            let left = self.expr(&binary.left, None);
            let hint = left.ty.clone();
            let right = self.expr(&binary.right, Some(&hint));
            (left, right)
        };
        let function = if binary.op == BinaryOp::Equal { "equals" } else { "not_equals" };
        if !comparable(self.program, &left.ty, &right.ty) || never_literal(&left, &right) {
            let mut diagnostic = self
                .error(Code::TypeMismatch, span, format!("`{}` and `{}` are never equal", left.ty, right.ty))
                .label(self.at(binary.left.span), format!("`{}`", left.ty))
                .label(self.at(binary.right.span), format!("`{}`", right.ty));
            diagnostic =
                match self
                    .enum_text(&left, &right, binary.right.span)
                    .or_else(|| self.enum_text(&right, &left, binary.left.span))
                {
                    Some((at, value)) => diagnostic
                        .help(format!("a value of an enum is written `{value}`"))
                        .fix(format!("write `{value}`"), self.at(at), value),
                    None => diagnostic.help(self.alike(
                        (&left.ty, binary.left.span),
                        (&right.ty, binary.right.span),
                        if matches!(binary.op, tree::BinaryOp::NotEqual) { "!=" } else { "==" },
                    )),
                };
            self.report(diagnostic);
        }
        Typed::new(Expr::Call { function: function.into(), args: vec![left.expr, right.expr] }, Type::Bool)
    }

    fn enum_text(&self, of: &Typed, text: &Typed, span: Span) -> Option<(Span, String)> {
        let (Type::Named(name), Some(Value::String(value))) = (of.ty.non_null(), text.constant()) else {
            return None;
        };
        let values = self.program.enum_values(name)?;
        values.iter().find(|own| *own.name == **value)?;
        Some((span, format!("{}.{value}", self.local_type(name)?)))
    }

    /// `kind < "bug"`: the value that was meant, and where.
    fn ordered_text(&self, args: &[(Typed, Span)], a: &Type, b: &Type) -> Option<(Span, String)> {
        let [(left, left_at), (right, right_at)] = args else { return None };
        match (a.base(), b.base()) {
            (Type::Named(_), _) => self.enum_text(left, right, *right_at),
            (_, Type::Named(_)) => self.enum_text(right, left, *left_at),
            _ => None,
        }
    }

    fn operator(&mut self, name: &str, shown: &str, args: Vec<(Typed, Span)>, span: Span) -> Typed {
        if args.iter().any(|(arg, _)| matches!(arg.ty, Type::Error | Type::Never)) {
            return match name {
                "_<_" | "_<=_" | "_>_" | "_>=_" | "_in_" => Typed::new(Typed::poison().expr, Type::Bool),
                _ => Typed::poison(),
            };
        }
        // `x in json` and records: their fields are data here.
        for (arg, at) in &args {
            if matches!(arg.ty, Type::Null) && arg.constant().is_none() && name != "_in_" {
                self.is_null(*at, &format!("`{shown}`"));
                return Typed::poison();
            }
            if matches!(arg.ty, Type::Nullable(_) | Type::Optional(_)) && name != "_in_" {
                self.may_be_null(&arg.ty.clone(), *at, &format!("`{shown}`"));
                return Typed::poison();
            }
        }
        let types: Vec<Type> = args.iter().map(|(arg, _)| arg.ty.clone()).collect();
        let enums: Vec<Type> =
            types.iter().map(Type::base).filter(|ty| matches!(ty, Type::Named(_))).collect();
        let unlike = matches!(enums.as_slice(), [one, other] if one != other);
        if let Some((overload, result)) =
            choose(self.program, functions::lookup(name, false), &types).filter(|_| !unlike)
        {
            let result = super::sizes::carried(overload.id, &args, result);
            let args = args.into_iter().map(|(arg, _)| arg.expr).collect();
            return Typed::new(Expr::Call { function: overload.id.into(), args }, result);
        }
        let shown_types: Vec<String> = types.iter().map(|ty| format!("`{}`", ty.base())).collect();
        let mut diagnostic = self.error(
            Code::TypeMismatch,
            span,
            format!("`{shown}` does not take {}", shown_types.join(" and ")),
        );
        for (arg, at) in &args {
            diagnostic = diagnostic.label(self.at(*at), format!("`{}`", arg.ty));
        }
        diagnostic = self.operator_help(diagnostic, &args, &types, shown);
        self.report(diagnostic);
        match name {
            "_<_" | "_<=_" | "_>_" | "_>=_" | "_in_" => Typed::new(Typed::poison().expr, Type::Bool),
            _ => Typed::poison(),
        }
    }

    fn operator_help(
        &self,
        diagnostic: flow_diagnostics::Diagnostic,
        args: &[(Typed, Span)],
        types: &[Type],
        shown: &str,
    ) -> flow_diagnostics::Diagnostic {
        let text = |ty: &Type| matches!(ty.base(), Type::String(_));
        let json = types.iter().any(|ty| matches!(ty, Type::Json));
        match types {
            _ if json => {
                let of = args
                    .iter()
                    .find(|(arg, _)| matches!(arg.ty, Type::Json))
                    .map_or("…", |(_, at)| self.shown(*at));
                let other = types
                    .iter()
                    .find(|ty| !matches!(ty, Type::Json))
                    .map_or("int".into(), crate::sample::declared);
                diagnostic.help(format!("say which type is expected in the `json`: `({of} as {other})`"))
            }
            [a, b] if shown != "in" && numeric(a) && numeric(b) => {
                let mut diagnostic = diagnostic.help(
                    match args.iter().find(|(arg, _)| matches!(arg.ty.base(), Type::Int(_) | Type::Uint)) {
                        Some((_, at)) => format!(
                            "numbers of different kinds do not mix: convert one, `float({})`",
                            self.shown(*at)
                        ),
                        None => {
                            "numbers of different kinds do not mix: convert one with `float(…)`".to_string()
                        }
                    },
                );
                for (arg, at) in args {
                    if let Some(Value::Int(number)) = arg.constant() {
                        diagnostic = diagnostic.fix(
                            format!("write `{number}.0`"),
                            self.at(*at),
                            format!("{number}.0"),
                        );
                    }
                }
                diagnostic
            }
            [a, b] if let Some((at, value)) = self.ordered_text(args, a, b) => diagnostic
                .help(format!("a value of an enum is written `{value}`"))
                .fix(format!("write `{value}`"), self.at(at), value),
            [a, b] if shown == "+" && (text(a) || text(b)) => {
                let pieces: Vec<String> = args
                    .iter()
                    .map(|(arg, at)| match arg.constant() {
                        Some(Value::String(text)) => text.to_string(),
                        _ => format!("${{{}}}", self.shown(*at)),
                    })
                    .collect();
                diagnostic.help(format!("put the values into one text: `\"{}\"`", pieces.concat()))
            }
            [_, _] if let [(a, left), (b, right)] = args => {
                diagnostic.help(self.alike((&a.ty, *left), (&b.ty, *right), shown))
            }
            _ => match args.first() {
                Some((_, at)) if shown == "-" => diagnostic
                    .help(format!("only numbers and times are negated: take `-` off `{}`", self.shown(*at))),
                _ => diagnostic.help(format!("`{shown}` takes a value of another type")),
            },
        }
    }

    /// Says how two operands come to one type.
    fn alike(&self, left: (&Type, Span), right: (&Type, Span), operator: &str) -> String {
        let (a, b) = (self.shown(left.1), self.shown(right.1));
        let number = |ty: &Type| matches!(ty.base(), Type::Int(_) | Type::Float(_) | Type::Uint);
        let text = |ty: &Type| matches!(ty.base(), Type::String(_));
        match (operator, left.0, right.0) {
            ("in", ..) => match right.0.base() {
                Type::List(of, _) if text(&of) && number(left.0) => {
                    format!("look for a value of the list's type: `string({a}) in {b}`")
                }
                Type::List(of, _) => format!("look for a `{of}` in the list: `{} in {b}`", self.sample(&of)),
                Type::Map(key, _) => format!("look for a key, a `{key}`: `{} in {b}`", self.sample(&key)),
                _ => format!(
                    "`in` looks into a list or a map; whether a text holds another one is `{b}.contains({a})`"
                ),
            },
            (_, x, y) if number(x) && text(y) => format!("make both texts: `string({a}) {operator} {b}`"),
            (_, x, y) if text(x) && number(y) => format!("make both texts: `{a} {operator} string({b})`"),
            (_, x, y) => format!(
                "give both sides one type: a `{}` on the right, such as `{}`, or a `{}` on the left",
                crate::sample::declared(x),
                self.sample(x),
                crate::sample::declared(y)
            ),
        }
    }
}

/// Whether a literal is compared with a union of other ones.
fn never_literal(left: &Typed, right: &Typed) -> bool {
    let other = |of: &Typed, value: &Typed| match (of.ty.non_null(), value.constant(), of.constant()) {
        (Type::Literals(literals), Some(value), None) => {
            literals.iter().all(|literal| match (literal, value) {
                (Literal::String(own), Value::String(value)) => own.as_str() != &**value,
                (Literal::Int(own), Value::Int(value)) => own != value,
                _ => false,
            })
        }
        _ => false,
    };
    other(left, right) || other(right, left)
}

/// Picks the first overload whose parameters fit, and its result.
pub(super) fn choose(
    program: &Program,
    overloads: impl Iterator<Item = &'static Overload>,
    args: &[Type],
) -> Option<(&'static Overload, Type)> {
    for overload in overloads {
        if !overload.takes(args.len()) {
            continue;
        }
        let mut bound: Vec<(u8, Type)> = Vec::new();
        let fits = args.iter().enumerate().all(|(index, arg)| {
            overload.param(index).is_some_and(|sig| unify(program, sig, arg, &mut bound))
        });
        if fits {
            return Some((overload, instantiate(&overload.result, &bound)));
        }
    }
    None
}

/// Whether the values of a type have an order.
pub(super) fn is_ordered(program: &Program, base: &Type) -> bool {
    match base {
        Type::Bool
        | Type::Int(_)
        | Type::Uint
        | Type::Float(_)
        | Type::String(_)
        | Type::Bytes
        | Type::Duration
        | Type::Timestamp => true,
        Type::Named(name) => program.enum_values(name).is_some(),
        _ => false,
    }
}

fn unify(program: &Program, sig: &Sig, arg: &Type, bound: &mut Vec<(u8, Type)>) -> bool {
    let base = arg.base();
    match (sig, &base) {
        (_, Type::Error | Type::Never) => true,
        (Sig::Any, _) => true,
        (Sig::Null, Type::Null)
        | (Sig::Bool, Type::Bool)
        | (Sig::Int, Type::Int(_))
        | (Sig::Uint, Type::Uint)
        | (Sig::Float, Type::Float(_))
        | (Sig::String, Type::String(_))
        | (Sig::Bytes, Type::Bytes)
        | (Sig::Duration, Type::Duration)
        | (Sig::Timestamp, Type::Timestamp)
        | (Sig::Json, Type::Json)
        | (Sig::Type, Type::Type) => true,
        (Sig::Enum, Type::Named(name)) => program.enum_values(name).is_some(),
        (Sig::Var(variable), _) => bind(program, *variable, arg, bound),
        (Sig::Ordered(variable), base) => is_ordered(program, base) && bind(program, *variable, arg, bound),
        (Sig::List(of), Type::List(element, _)) => unify(program, of, element, bound),
        (Sig::Map(key, value), Type::Map(own_key, own_value)) => {
            unify(program, key, own_key, bound) && unify(program, value, own_value, bound)
        }
        (Sig::Nullable(_), Type::Null) => true,
        (Sig::Nullable(of), Type::Nullable(own)) => unify(program, of, own, bound),
        (Sig::Nullable(of), _) => unify(program, of, arg, bound),
        (Sig::Optional(of), Type::Optional(own)) => unify(program, of, own, bound),
        _ => false,
    }
}

fn bind(program: &Program, variable: u8, arg: &Type, bound: &mut Vec<(u8, Type)>) -> bool {
    match bound.iter_mut().find(|(own, _)| *own == variable) {
        None => {
            bound.push((variable, arg.clone()));
            true
        }
        Some((_, known)) => match join(program, known, arg) {
            Some(joined) => {
                *known = joined;
                true
            }
            None => false,
        },
    }
}

fn instantiate(sig: &Sig, bound: &[(u8, Type)]) -> Type {
    match sig {
        Sig::Null => Type::Null,
        Sig::Bool => Type::Bool,
        Sig::Int => Type::INT,
        Sig::Uint => Type::Uint,
        Sig::Float => Type::FLOAT,
        Sig::String => Type::STRING,
        Sig::Bytes => Type::Bytes,
        Sig::Duration => Type::Duration,
        Sig::Timestamp => Type::Timestamp,
        Sig::Json | Sig::Any => Type::Json,
        Sig::Type => Type::Type,
        Sig::Enum => Type::Error,
        Sig::Var(variable) | Sig::Ordered(variable) => {
            bound.iter().find(|(own, _)| own == variable).map_or(Type::Never, |(_, ty)| ty.clone())
        }
        Sig::List(of) => Type::list(instantiate(of, bound)),
        Sig::Map(key, value) => Type::map(instantiate(key, bound), instantiate(value, bound)),
        Sig::Nullable(of) => instantiate(of, bound).nullable(),
        Sig::Optional(of) => Type::Optional(Arc::new(instantiate(of, bound).non_null().clone())),
    }
}

/// Writes an overload as a call: `xs.take(int)`.
pub(super) fn shown(overload: &Overload, receiver: bool) -> String {
    fn written(sig: &Sig) -> String {
        match sig {
            Sig::Var(n) => ["T", "U", "V", "W"].get(*n as usize).unwrap_or(&"T").to_string(),
            Sig::Ordered(_) => "T".into(),
            Sig::Any => "any".into(),
            Sig::Enum => "enum".into(),
            Sig::List(of) => format!("[{}]", written(of)),
            Sig::Map(key, value) => format!("[{}: {}]", written(key), written(value)),
            Sig::Nullable(of) => format!("{}?", written(of)),
            Sig::Optional(of) => format!("optional {}", written(of)),
            other => instantiate(other, &[]).to_string(),
        }
    }
    let params: Vec<String> = overload.params.iter().map(written).collect();
    match (receiver, params.split_first()) {
        (true, Some((first, rest))) => format!("`{first}.{}({})`", overload.name, rest.join(", ")),
        _ => format!("`{}({})`", overload.name, params.join(", ")),
    }
}
