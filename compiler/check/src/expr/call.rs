//! Calls: functions of the language, macros, pure `code`, and the arguments of steps.

use std::sync::Arc;

use flow_diagnostics::{Code, Diagnostic};
use flow_expr::functions::{self, MacroRow, Over};
use flow_ir::expr::MacroOp;
use flow_ir::types::Size;
use flow_ir::{Expr, Type, Value};
use flow_source::Span;
use flow_syntax::tree::{self, Arg, ExprKind};
use smol_str::SmolStr;

use super::operators::{choose, shown};
use crate::cx::{BindingKind, Cx, Place, Typed, Use};
use crate::program::{CallKind, CallSig, Sig, Symbol};

/// Functions of other languages, and what is written here.
const HABITS: [(&str, &str); 8] = [
    ("len", "the size of a text, list or map is `x.size()`"),
    ("length", "the size of a text, list or map is `x.size()`"),
    ("count", "the size of a text, list or map is `x.size()`"),
    ("print", "a run shows what its flow returns: `return x`"),
    ("println", "a run shows what its flow returns: `return x`"),
    ("str", "make it a text: `string(x)`, or `\"${x}\"`"),
    ("sorted", "sort a list with `xs.sort()` or `xs.sort_by(x, x.key)`"),
    ("range", "a step is repeated with `loop max n { … }`, where `loop.index` counts from 0"),
];

/// Whether a call of this name, where no node has it, means a function: one of the language that is called otherwise, or
/// one of other languages.
pub(crate) fn is_function_habit(name: &str) -> bool {
    HABITS.iter().any(|(habit, _)| *habit == name)
        || crate::test::is_function(name)
        || functions::lookup(name, true).next().is_some()
        || functions::macros(name).next().is_some()
        || functions::lookup(&format!("math.{name}"), false).next().is_some()
}

/// What a call at the root of a step calls.
#[derive(Clone, Debug)]
pub(crate) enum CallTarget {
    /// A node or flow.
    Step(Symbol, Arc<CallSig>),
    /// What can't run yet: a memory's operation, a server's tool, `now()`; what it gives, unless its arguments tell, and
    /// what it is.
    Foreign(Type, String),
}

impl Cx<'_> {
    pub fn call(&mut self, call: &tree::Call, expr: &tree::Expr, hint: Option<&Type>) -> Typed {
        let name = &call.name.text;
        if name == "has" && call.args.len() == 1 {
            return self.has(&call.args[0].value);
        }
        if name == "endorse" {
            return self.endorse(call, expr.span, hint);
        }
        if let Some(typed) = self.test_function(call, expr.span) {
            return typed;
        }
        if let Some((symbol, sig)) = self.callable(name) {
            if sig.kind != CallKind::Code {
                self.effect_in_expression(name, sig.kind, expr.span);
                self.arguments(&sig.params_of(), &call.args, name, call.name.span);
                return Typed::new(Typed::poison().expr, Type::Error);
            }
            let args = self.arguments(&sig.params_of(), &call.args, name, call.name.span);
            let code = self.uses.add(Use::Code(symbol), call.name.span);
            return Typed::new(Expr::Code { code, args }, sig.returns.clone());
        }
        if self.is_broken(name) {
            for arg in &call.args {
                self.expr(&arg.value, None);
            }
            return Typed::poison();
        }
        if functions::lookup(name, false).next().is_some() {
            return self.function(name, false, None, &call.args, call.name.span, expr.span);
        }
        if matches!(name.as_str(), "now" | "random" | "uuid") {
            self.effect_in_expression(name, CallKind::Tool, expr.span);
            return Typed::poison();
        }
        if functions::macros(name).next().is_some() || functions::lookup(name, true).next().is_some() {
            let diagnostic = self
                .error(Code::UnknownFunction, call.name.span, format!("`{name}` is called on a value"))
                .help(format!("write `x.{name}(…)`"));
            self.report(diagnostic);
            return Typed::poison();
        }
        for arg in &call.args {
            self.expr(&arg.value, None);
        }
        if let Some((_, instead)) = HABITS.iter().find(|(habit, _)| habit == name) {
            let diagnostic = self
                .error(Code::UnknownFunction, call.name.span, format!("unknown function `{name}`"))
                .here("not declared or imported in this file")
                .help(*instead);
            self.report(diagnostic);
            return Typed::poison();
        }
        let in_math = format!("math.{name}");
        if functions::lookup(&in_math, false).next().is_some() {
            let diagnostic = self
                .error(Code::UnknownFunction, call.name.span, format!("unknown function `{name}`"))
                .here("not declared or imported in this file")
                .help(format!("it is called `{in_math}`"))
                .fix(format!("write `{in_math}`"), self.at(call.name.span), in_math);
            self.report(diagnostic);
            return Typed::poison();
        }
        self.unknown_call(name, call.name.span, Code::UnknownFunction);
        Typed::poison()
    }

    /// Reports a name that nothing callable has.
    pub fn unknown_call(&mut self, name: &SmolStr, span: Span, code: Code) {
        let module = self.module;
        let what = if code == Code::UnknownNode { "node" } else { "function" };
        let mut diagnostic = self
            .error(code, span, format!("unknown {what} `{name}`"))
            .here("not declared or imported in this file");
        let own: Vec<&str> = module
            .scope
            .keys()
            .filter(|own| matches!(self.sig_of(own), Some(Sig::Call(_))))
            .map(SmolStr::as_str)
            .collect();
        let near = self
            .nearest(
                name,
                own.iter()
                    .map(|own| own.to_string())
                    .chain(functions::names().map(String::from))
                    .collect::<Vec<_>>()
                    .iter()
                    .map(String::as_str),
            )
            .map(String::from);
        // What was meant is called.
        if let Some(near) = near.as_deref().filter(|near| module.scope.contains_key(*near)) {
            self.used.insert(SmolStr::from(near));
        }
        diagnostic = match near.as_deref() {
            Some(near) => {
                let what = match own.contains(&near) {
                    true => self.sig_of(near).map_or("node", |sig| match sig {
                        Sig::Call(sig) => sig.kind.as_str(),
                        _ => "node",
                    }),
                    false => "function",
                };
                diagnostic.help(format!("a {what} with a similar name exists: `{near}`")).fix(
                    format!("replace `{name}` by `{near}`"),
                    self.at(span),
                    near,
                )
            }
            None => diagnostic.help(match code {
                Code::UnknownNode => "declare it (`prompt`, `tool`, `flow`, …), or import it from another file",
                _ => "`flowc explain unknown-function` tells which functions there are; your own are declared with `code`",
            }),
        };
        self.report(diagnostic);
    }

    fn endorse(&mut self, call: &tree::Call, span: Span, hint: Option<&Type>) -> Typed {
        match call.args.as_slice() {
            [value, why] => {
                let typed = self.expr(&value.value, hint);
                self.value(&why.value, &Type::STRING, "the reason");
                typed
            }
            _ => {
                let diagnostic = self
                    .error(Code::MissingArgument, span, "`endorse` takes a value and a reason")
                    .help("write `endorse(x, \"why\")`");
                self.report(diagnostic);
                Typed::poison()
            }
        }
    }

    fn has(&mut self, arg: &tree::Expr) -> Typed {
        let ExprKind::Member(member) = &arg.kind else {
            let diagnostic = self
                .error(Code::TypeMismatch, arg.span, "`has` takes a field")
                .help("write `has(r.field)`; a name is tested with `!= null`");
            self.report(diagnostic);
            return Typed::new(Typed::poison().expr, Type::Bool);
        };
        let of = self.expr(&member.object, None);
        let base = match &of.ty {
            Type::Optional(of) => of.base(),
            other => other.base(),
        };
        if matches!(base, Type::Map(..) | Type::Json) {
            let expr = Expr::Has { of: Box::new(of.expr), key: member.name.text.clone() };
            return Typed::new(expr, Type::Bool);
        }
        let field = self.field(of, &member.object, &member.name, false);
        let args = vec![field.expr, Expr::Const(Value::Null)];
        Typed::new(Expr::Call { function: "not_equals".into(), args }, Type::Bool)
    }

    pub fn method(&mut self, method: &tree::Method, expr: &tree::Expr) -> Typed {
        if let ExprKind::Name(receiver) = &method.receiver.kind
            && !self.visible.contains_key(receiver)
        {
            let name = format!("{receiver}.{}", method.name.text);
            if functions::lookup(&name, false).next().is_some() {
                let span = method.receiver.span.to(method.name.span);
                return self.function(&name, false, None, &method.args, span, expr.span);
            }
            if let Some(sig) = self.foreign(receiver) {
                let what = if matches!(sig, Sig::Server) { "tool" } else { "memory operation" };
                self.used.insert(receiver.clone());
                self.effect(&name, what, expr.span);
                self.foreign_call(expr, Type::Error);
                return Typed::poison();
            }
        }
        if functions::macros(&method.name.text).next().is_some() {
            let count = method.args.len();
            let fits = functions::macros(&method.name.text).find(|row| row.vars + row.bodies == count);
            let first_is_name = matches!(
                method.args.first(),
                Some(Arg { value: tree::Expr { kind: ExprKind::Name(_), .. }, .. })
            );
            if let Some(row) = fits
                && (first_is_name || functions::lookup(&method.name.text, true).next().is_none())
            {
                return self.comprehension(row, method, expr.span);
            }
        }
        let receiver = self.expr(&method.receiver, None);
        let name = method.name.text.clone();
        if functions::lookup(&name, true).next().is_none() {
            // A bare name first, as in a macro, may be a variable: then nothing is said of the names.
            let unknown_first = matches!(
                method.args.first().map(|arg| &arg.value.kind),
                Some(ExprKind::Name(name)) if !self.visible.contains_key(name)
            );
            let found = self.diagnostics.len();
            for arg in &method.args {
                self.expr(&arg.value, None);
            }
            if unknown_first && !matches!(receiver.ty, Type::Error) {
                self.diagnostics.truncate(found);
            }
            if !matches!(receiver.ty, Type::Error) {
                self.unknown_method(&name, &receiver.ty, method.name.span);
            }
            return Typed::poison();
        }
        self.function(
            &name,
            true,
            Some((receiver, method.receiver.span)),
            &method.args,
            method.name.span,
            expr.span,
        )
    }

    fn unknown_method(&mut self, name: &SmolStr, ty: &Type, span: Span) {
        let names: Vec<&str> = functions::overloads()
            .filter(|overload| overload.is_written(true) && !overload.name.starts_with('_'))
            .map(|overload| overload.name)
            .chain(functions::MACROS.iter().map(|row| row.name))
            .collect();
        let mut diagnostic = self
            .error(Code::UnknownFunction, span, format!("unknown function `{name}`"))
            .here(format!("nothing of this name takes `{ty}`"));
        let habit = match name.as_str() {
            "count" => Some("size"),
            name if name.starts_with("len") => Some("size"),
            "includes" | "has" => Some("contains"),
            "push" | "append" | "concat" => None,
            "toUpperCase" | "upper" => Some("upperAscii"),
            "toLowerCase" | "lower" => Some("lowerAscii"),
            _ => None,
        };
        let near =
            habit.filter(|habit| names.contains(habit)).or_else(|| self.nearest(name, names.iter().copied()));
        let method = functions::macros(name).next();
        diagnostic = match (method, near) {
            (Some(row), _) => diagnostic.help(match (row.vars, row.bodies) {
                (1, 1) => format!("write `xs.{name}(x, …)`: a variable, then what is done with it"),
                _ => format!("write `xs.{name}(k, v, …)`: its variables, then what is done with them"),
            }),
            (None, Some(near)) => diagnostic
                .help(format!("a function with a similar name exists: `{near}`"))
                .fix(format!("replace `{name}` by `{near}`"), self.at(span), near),
            (None, None) => diagnostic.help(match name.as_str() {
                "push" | "append" | "concat" => "lists are joined with `+`; state grows with `+=`",
                _ => "your own functions are declared with `code` and called `f(x)`",
            }),
        };
        self.report(diagnostic);
    }

    /// Checks a call of a function of the table.
    fn function(
        &mut self,
        name: &str,
        is_method: bool,
        receiver: Option<(Typed, Span)>,
        args: &[Arg],
        name_span: Span,
        span: Span,
    ) -> Typed {
        let count = args.len() + usize::from(receiver.is_some());
        let mut typed: Vec<(Typed, Span)> = Vec::with_capacity(count);
        typed.extend(receiver);
        for arg in args {
            if let Some(named) = &arg.name {
                let diagnostic = self
                    .error(Code::UnknownArgument, named.span, format!("`{name}` has no named arguments"))
                    .help("give the arguments in order");
                self.report(diagnostic);
            }
            let hint = match typed.first() {
                Some((first, _)) if matches!(first.ty.base(), Type::List(..)) => None,
                first => first.map(|(first, _)| first.ty.clone()),
            };
            let one = self.expr(&arg.value, hint.as_ref().filter(|hint| matches!(hint, Type::Named(_))));
            typed.push((one, arg.value.span));
        }
        if typed.iter().any(|(one, _)| matches!(one.ty, Type::Error)) {
            // One cause, one diagnostic; the result's type still helps where no argument decides it.
            let results: Vec<_> = functions::lookup(name, is_method).filter(|row| row.takes(count)).collect();
            let types = vec![Type::Never; count];
            let one = choose(self.program, results.iter().copied(), &types).map(|(_, ty)| ty);
            let same = results.windows(2).all(|pair| pair[0].result == pair[1].result);
            let ty = one.filter(|ty| {
                same && !matches!(ty, Type::Never | Type::List(..) | Type::Map(..) | Type::Optional(_))
            });
            return Typed::new(Typed::poison().expr, ty.unwrap_or(Type::Error));
        }
        let mut types: Vec<Type> = typed.iter().map(|(one, _)| one.ty.clone()).collect();
        let mut chosen = choose(self.program, functions::lookup(name, is_method), &types);
        if chosen.is_none() {
            // An int literal is a float where a float is expected (T3).
            let floats: Vec<Type> =
                typed
                    .iter()
                    .map(|(one, _)| {
                        if matches!(one.constant(), Some(Value::Int(_))) {
                            Type::FLOAT
                        } else {
                            one.ty.clone()
                        }
                    })
                    .collect();
            chosen = choose(self.program, functions::lookup(name, is_method), &floats);
            if chosen.is_some() {
                types = floats;
                for (one, _) in &mut typed {
                    if let Some(Value::Int(number)) = one.constant() {
                        *one = Typed::new(Expr::Const(Value::Float(*number as f64)), Type::FLOAT);
                    }
                }
            }
        }
        match chosen {
            Some((overload, result)) => {
                let result = kept_size(name, &typed, result);
                let args = typed.into_iter().map(|(one, _)| one.expr).collect();
                Typed::new(Expr::Call { function: overload.id.into(), args }, result)
            }
            None => {
                self.no_overload(name, is_method, &typed, &types, name_span, span);
                Typed::poison()
            }
        }
    }

    fn no_overload(
        &mut self,
        name: &str,
        is_method: bool,
        typed: &[(Typed, Span)],
        types: &[Type],
        name_span: Span,
        span: Span,
    ) {
        let nullable = typed.iter().find(|(one, _)| matches!(one.ty, Type::Nullable(_) | Type::Optional(_)));
        if let Some((one, at)) = nullable {
            let stripped: Vec<Type> = types
                .iter()
                .map(|ty| match ty {
                    Type::Nullable(of) | Type::Optional(of) => (**of).clone(),
                    other => other.clone(),
                })
                .collect();
            if choose(self.program, functions::lookup(name, is_method), &stripped).is_some() {
                self.may_be_null(&one.ty.clone(), *at, &format!("`{name}`"));
                return;
            }
        }
        let rows: Vec<_> = functions::lookup(name, is_method).collect();
        let forms: Vec<String> = rows.iter().take(6).map(|row| shown(row, is_method)).collect();
        let shown_types: Vec<String> = types.iter().map(|ty| format!("`{}`", ty.base())).collect();
        let counted = rows.iter().any(|row| row.takes(types.len()));
        let diagnostic = if counted {
            let json = types.iter().any(|ty| matches!(ty, Type::Json));
            let message = match is_method {
                true => format!("`{name}` does not take {}", shown_types.join(", ")),
                false => format!("`{name}` does not take ({})", shown_types.join(", ")),
            };
            let help = match json {
                true => "read the `json` first: `… as string`".to_string(),
                false => format!("it is {}", forms.join(" or ")),
            };
            self.error(Code::TypeMismatch, span, message).help(help)
        } else {
            let code = match rows.iter().all(|row| row.params.len() > types.len()) {
                true => Code::MissingArgument,
                false => Code::UnknownArgument,
            };
            let given = types.len() - usize::from(is_method);
            self.error(code, name_span, format!("`{name}` does not take {given} arguments"))
                .help(format!("it is {}", forms.join(" or ")))
        };
        self.report(diagnostic);
    }

    /// Checks a macro: `xs.filter(x, x.rank > 1)`.
    fn comprehension(&mut self, row: &'static MacroRow, method: &tree::Method, span: Span) -> Typed {
        let over = self.expr(&method.receiver, None);
        let base = over.ty.base();
        let is_map = matches!(base, Type::Map(..));
        let dynamic = matches!(base, Type::Json);
        let fine = match row.over {
            Over::List => !is_map,
            Over::Map => is_map || dynamic,
            Over::Both => true,
        };
        if !fine {
            let diagnostic = self
                .error(
                    Code::NotIterable,
                    method.receiver.span,
                    format!("`{}` does not take `{}`", row.name, over.ty),
                )
                .help(if is_map { "it takes a list" } else { "it takes a map" });
            self.report(diagnostic);
        }
        let (index_type, element) = match dynamic {
            true => (Type::Json, Type::Json),
            false => self.walked(&over.ty, method.receiver.span, row.vars == 2),
        };
        let hoist = self.hoist.take();
        let in_macro = std::mem::replace(&mut self.in_macro, true);
        let (vars, bodies) = self.scope(|cx| {
            let mut vars = Vec::with_capacity(row.vars);
            for (position, arg) in method.args[..row.vars].iter().enumerate() {
                let ExprKind::Name(name) = &arg.value.kind else {
                    let diagnostic = cx
                        .error(
                            Code::UnexpectedToken,
                            arg.value.span,
                            format!("`{}` takes a variable here", row.name),
                        )
                        .help(format!("write `xs.{}(x, …)`", row.name));
                    cx.report(diagnostic);
                    vars.push(cx.local());
                    continue;
                };
                let local = cx.local();
                let ty = if row.vars == 2 && position == 0 { index_type.clone() } else { element.clone() };
                let named = tree::Name { text: name.clone(), span: arg.value.span };
                cx.bind_unchecked(&named, ty, BindingKind::Variable, Place::Local(local));
                vars.push(local);
            }
            let facts = cx.point.facts.len();
            let rest = &method.args[row.vars..];
            let mut bodies: Vec<(Typed, Span)> = Vec::with_capacity(rest.len());
            for (position, arg) in rest.iter().enumerate() {
                let predicate = rest.len() == 2 && position == 0
                    || matches!(
                        row.op,
                        MacroOp::All | MacroOp::Exists | MacroOp::ExistsOne | MacroOp::Filter | MacroOp::Find
                    );
                if predicate {
                    let test = cx.value(&arg.value, &Type::Bool, &format!("the condition of `{}`", row.name));
                    cx.assume(&arg.value, true);
                    bodies.push((Typed::new(test, Type::Bool), arg.value.span));
                } else {
                    let typed = cx.expr(&arg.value, None);
                    bodies.push((typed, arg.value.span));
                }
            }
            cx.point.facts.truncate(facts);
            (vars, bodies)
        });
        self.hoist = hoist;
        self.in_macro = in_macro;
        // The base type has no sizes, and those of a list are kept.
        let sized = if matches!(over.ty, Type::List(..)) { &over.ty } else { &base };
        let ty = self.macro_type(row, sized, &element, &bodies, span);
        let bodies = bodies.into_iter().map(|(body, _)| body.expr).collect();
        Typed::new(Expr::Macro { op: row.op, over: Box::new(over.expr), vars, bodies }, ty)
    }

    fn macro_type(
        &mut self,
        row: &MacroRow,
        over: &Type,
        element: &Type,
        bodies: &[(Typed, Span)],
        span: Span,
    ) -> Type {
        let (last, last_span) = match bodies.last() {
            Some((last, span)) => (last.ty.clone(), *span),
            None => (Type::Error, span),
        };
        // What can't grow keeps the upper size (T4).
        let at_most = |keeps: bool| match over {
            Type::List(_, size) => Size { min: size.min.filter(|_| keeps), max: size.max },
            _ => Size::default(),
        };
        let made = |ty: Type| match ty {
            Type::Optional(of) => Type::Optional(of),
            other => other,
        };
        match row.op {
            MacroOp::All | MacroOp::Exists | MacroOp::ExistsOne => Type::Bool,
            MacroOp::Map => Type::List(Arc::new(made(last)), at_most(bodies.len() == 1)),
            MacroOp::TransformList => Type::List(Arc::new(made(last)), at_most(bodies.len() == 1)),
            MacroOp::Filter => Type::List(Arc::new(element.clone()), at_most(false)),
            MacroOp::SortBy | MacroOp::DistinctBy => {
                self.ordered(&last, last_span, row.op == MacroOp::SortBy);
                Type::List(Arc::new(element.clone()), at_most(row.op == MacroOp::SortBy))
            }
            MacroOp::GroupBy => {
                let key = last.base();
                let fine = matches!(key, Type::String(_) | Type::Int(_) | Type::Bool | Type::Error)
                    || matches!(&key, Type::Named(name) if self.program.enum_values(name).is_some());
                if !fine {
                    let diagnostic = self
                        .error(Code::TypeMismatch, last_span, format!("`{last}` cannot be a key"))
                        .help("group by a text, an int, a bool or an enum");
                    self.report(diagnostic);
                    return Type::Error;
                }
                Type::map(last, Type::List(Arc::new(element.clone()), at_most(false)))
            }
            MacroOp::MinBy | MacroOp::MaxBy => {
                self.ordered(&last, last_span, true);
                Type::Optional(Arc::new(element.clone()))
            }
            MacroOp::Find => Type::Optional(Arc::new(element.clone())),
            MacroOp::TransformMap => match over {
                Type::Map(key, _) => Type::map((**key).clone(), last),
                Type::Json => Type::map(Type::STRING, last),
                _ => Type::map(Type::INT, last),
            },
            MacroOp::TransformMapEntry => match last.base() {
                Type::Map(key, value) => Type::map((*key).clone(), (*value).clone()),
                Type::Error => Type::Error,
                other => {
                    let diagnostic = self
                        .error(Code::TypeMismatch, last_span, format!("expected a map, found `{other}`"))
                        .help("make an entry: `{[k]: v}`");
                    self.report(diagnostic);
                    Type::Error
                }
            },
        }
    }

    fn ordered(&mut self, ty: &Type, span: Span, needed: bool) {
        let base = ty.base();
        let fine = !needed
            || matches!(
                base,
                Type::Error
                    | Type::Never
                    | Type::Bool
                    | Type::Int(_)
                    | Type::Uint
                    | Type::Float(_)
                    | Type::String(_)
                    | Type::Bytes
                    | Type::Duration
                    | Type::Timestamp
            )
            || matches!(&base, Type::Named(name) if self.program.enum_values(name).is_some());
        if fine {
            return;
        }
        match base {
            Type::Nullable(_) | Type::Optional(_) => self.may_be_null(ty, span, "an order"),
            _ => {
                let diagnostic = self
                    .error(Code::TypeMismatch, span, format!("values of `{ty}` have no order"))
                    .help("order by a number, a text, a time or an enum");
                self.report(diagnostic);
            }
        }
    }

    /// Brings arguments into the order of the parameters: positional first, then by name, defaults filled in.
    pub fn arguments(&mut self, params: &[Param], args: &[Arg], name: &str, name_span: Span) -> Vec<Expr> {
        let mut given: Vec<Option<Expr>> = vec![None; params.len()];
        let mut places: Vec<Option<Span>> = vec![None; params.len()];
        let (mut surplus, mut misnamed) = (false, false);
        for (position, arg) in args.iter().enumerate() {
            let index = match &arg.name {
                None => (position < params.len()).then_some(position),
                Some(named) => params.iter().position(|param| param.name == named.text),
            };
            let Some(index) = index else {
                self.expr(&arg.value, None);
                // Only what isn't given elsewhere can be meant.
                let free = |(position, param): (usize, &Param)| {
                    let by_position = args.get(position).is_some_and(|arg| arg.name.is_none());
                    let by_name = |arg: &Arg| arg.name.as_ref().is_some_and(|name| name.text == param.name);
                    (!by_position && !args.iter().any(by_name)).then(|| param.name.clone())
                };
                let free: Vec<SmolStr> = params.iter().enumerate().filter_map(free).collect();
                self.unknown_argument(params, &free, arg, name, surplus);
                surplus |= arg.name.is_none();
                misnamed |= arg.name.is_some();
                continue;
            };
            let what = format!("the argument `{}`", params[index].name);
            let value = self.value(&arg.value, &params[index].ty, &what);
            if let Some(first) = places[index] {
                let at = self.at(arg.name.as_ref().map_or(arg.value.span, |named| named.span));
                let diagnostic = Diagnostic::new(
                    Code::UnknownArgument,
                    at,
                    format!("`{}` is given twice", params[index].name),
                )
                .label(self.at(first), "given here already")
                .help("remove one of the two");
                self.report(diagnostic);
                continue;
            }
            places[index] = Some(arg.value.span);
            given[index] = Some(value);
        }
        let mut missing: Vec<SmolStr> = Vec::new();
        let mut values = Vec::with_capacity(params.len());
        for (value, param) in given.into_iter().zip(params) {
            values.push(match (value, &param.default) {
                (Some(value), _) => value,
                (None, Some(default)) => default.clone(),
                (None, None) if param.ty.allows_null() && !matches!(param.ty, Type::Error) => {
                    Expr::Const(Value::Null)
                }
                (None, None) => {
                    // One of this name was most likely meant, and isn't unused as well.
                    if let Some(&id) = self.visible.get(&param.name) {
                        self.bindings[id as usize].read = true;
                    }
                    missing.push(param.name.clone());
                    Typed::poison().expr
                }
            });
        }
        if !missing.is_empty() && !surplus && !misnamed {
            let what = if missing.len() == 1 { "argument" } else { "arguments" };
            let signature: Vec<String> =
                params.iter().map(|param| format!("{}: {}", param.name, param.ty)).collect();
            let diagnostic = self
                .error(
                    Code::MissingArgument,
                    name_span,
                    format!("`{name}` needs the {what} {}", super::list_of(&missing)),
                )
                .here("called without")
                .help(format!("it is `{name}({})`", signature.join(", ")));
            self.report(diagnostic);
        }
        values
    }

    /// Reports an argument that is no parameter.
    pub fn unknown_argument(
        &mut self,
        params: &[Param],
        free: &[SmolStr],
        arg: &Arg,
        name: &str,
        again: bool,
    ) {
        let names: Vec<SmolStr> = params.iter().map(|param| param.name.clone()).collect();
        match &arg.name {
            Some(named) => {
                let mut diagnostic = self
                    .error(
                        Code::UnknownArgument,
                        named.span,
                        format!("`{name}` has no parameter `{}`", named.text),
                    )
                    .here("no such parameter");
                diagnostic = match self.nearest(&named.text, free.iter().map(SmolStr::as_str)) {
                    Some(near) => diagnostic
                        .help(format!("a parameter with a similar name exists: `{near}`"))
                        .fix(format!("replace `{}` by `{near}`", named.text), self.at(named.span), near),
                    None => diagnostic.help(format!("its parameters are {}", super::list_of(&names))),
                };
                self.report(diagnostic);
            }
            None if !again => {
                let count = params.len();
                let noun = if count == 1 { "argument" } else { "arguments" };
                let diagnostic = self
                    .error(Code::UnknownArgument, arg.value.span, format!("`{name}` takes {count} {noun}"))
                    .here("one too many")
                    .help(format!("its parameters are {}", super::list_of(&names)));
                self.report(diagnostic);
            }
            None => {}
        }
    }

    /// What a call on this name reaches that isn't a value: a memory or a server.
    pub fn foreign(&self, name: &str) -> Option<&Sig> {
        self.sig_of(name).filter(|sig| matches!(sig, Sig::Memory(..) | Sig::Server))
    }

    /// Says what a call at the root of a step calls; `None` for a pure expression.
    pub fn target(&mut self, expr: &tree::Expr) -> Option<CallTarget> {
        match &expr.kind {
            ExprKind::Call(call) => {
                let name = &call.name.text;
                if let Some((symbol, sig)) = self.callable(name) {
                    return (sig.kind != CallKind::Code).then_some(CallTarget::Step(symbol, sig));
                }
                let known =
                    functions::lookup(name, false).next().is_some() || name == "has" || name == "endorse";
                match name.as_str() {
                    _ if known => None,
                    "now" => Some(CallTarget::Foreign(Type::Timestamp, "`now()`".into())),
                    "random" => Some(CallTarget::Foreign(Type::FLOAT, "`random()`".into())),
                    "uuid" => Some(CallTarget::Foreign(Type::STRING, "`uuid()`".into())),
                    _ => None,
                }
            }
            ExprKind::Method(method) => {
                let ExprKind::Name(receiver) = &method.receiver.kind else { return None };
                if self.visible.contains_key(receiver) {
                    return None;
                }
                let (ty, what) = match self.foreign(receiver)? {
                    Sig::Memory(..) => (Type::Error, format!("memory `{receiver}`")),
                    _ => (Type::Json, format!("the tools of `{receiver}`")),
                };
                self.used.insert(receiver.clone());
                Some(CallTarget::Foreign(ty, what))
            }
            // `prefs["theme"]` reads a memory.
            ExprKind::Index(index) => {
                let ExprKind::Name(memory) = &index.object.kind else { return None };
                self.memory_sig(memory)?;
                self.used.insert(memory.clone());
                Some(CallTarget::Foreign(Type::Error, format!("memory `{memory}`")))
            }
            _ => None,
        }
    }
}

/// What a call needs to know of a parameter.
#[derive(Clone)]
pub(crate) struct Param {
    pub name: SmolStr,
    pub ty: Type,
    pub default: Option<Expr>,
}

impl CallSig {
    pub(crate) fn params_of(&self) -> Vec<Param> {
        self.params
            .iter()
            .map(|param| Param {
                name: param.name.clone(),
                ty: param.ty.clone(),
                default: param.default.clone(),
            })
            .collect()
    }
}

/// What can't grow keeps the upper size; what is cut to a constant has it (T4).
fn kept_size(name: &str, args: &[(Typed, Span)], result: Type) -> Type {
    let cut = args.get(1).and_then(|(arg, _)| match arg.constant() {
        Some(Value::Int(number)) => u64::try_from(*number).ok(),
        _ => None,
    });
    let from = args.first().map(|(arg, _)| match &arg.ty {
        Type::List(_, size) | Type::String(size) => *size,
        _ => Size::default(),
    });
    let from = from.unwrap_or_default();
    let least = |a: Option<u64>, b: Option<u64>| match (a, b) {
        (Some(a), Some(b)) => Some(a.min(b)),
        (a, b) => a.or(b),
    };
    match (name, result) {
        ("take" | "last", Type::List(of, _)) => Type::List(of, Size { min: None, max: least(from.max, cut) }),
        ("sort" | "reverse", Type::List(of, _)) => Type::List(of, from),
        ("distinct" | "slice" | "compact", Type::List(of, _)) => {
            Type::List(of, Size { min: None, max: from.max })
        }
        ("truncate", Type::String(_)) => Type::String(Size { min: None, max: least(from.max, cut) }),
        (_, result) => result,
    }
}
