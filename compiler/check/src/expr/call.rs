//! Calls: functions of the language, macros, pure `code`, and what a step calls.

use std::sync::Arc;

use flow_diagnostics::{Code, Diagnostic};
use flow_expr::functions;
use flow_ir::{Expr, Type, Value};
use flow_source::Span;
use flow_syntax::tree::{self, Arg, ExprKind};
use smol_str::SmolStr;

use super::operators::{choose, shown};
use super::{habits, sizes};
use crate::cx::{BindingKind, Cx, Typed, Use};
use crate::program::{CallKind, CallSig, Entry, Sig, Symbol};

/// Whether a call of this name, where no node has it, means a function: one of the language that is called otherwise, or
/// one of other languages.
pub(crate) fn is_function_habit(name: &str) -> bool {
    habits::call(name).is_some()
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
        for arg in &call.args {
            match &arg.value.kind {
                // `calls(draft)` with a slip in its name.
                ExprKind::Name(node) if self.in_expect && self.callable(node).is_some() => {
                    self.quietly(&arg.value);
                }
                _ => {
                    self.expr(&arg.value, None);
                }
            }
        }
        if self.declared_later(name, call.name.span, expr.span) {
            return Typed::poison();
        }
        if let Some(instead) = habits::call(name) {
            let mut diagnostic = self
                .error(Code::UnknownFunction, call.name.span, format!("unknown function `{name}`"))
                .here("not declared or imported in this file")
                .help(format!("{} is {}", instead.what, instead.shown(self, None, &call.args)));
            if let Some(text) = instead.written(self, &call.args) {
                diagnostic = diagnostic.fix(format!("write `{text}`"), self.at(expr.span), text);
            }
            self.report(diagnostic);
            return Typed::poison();
        }
        if functions::macros(name).next().is_some() || functions::lookup(name, true).next().is_some() {
            let diagnostic = self
                .error(Code::UnknownFunction, call.name.span, format!("`{name}` is called on a value"))
                .help(format!("write `x.{name}(…)`"));
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

    /// Reports a call of what is declared, but known only after types and constants are: of a node or `code` in a constant
    /// or a rule.
    fn declared_later(&mut self, name: &SmolStr, name_span: Span, span: Span) -> bool {
        let Some(Entry::Value(symbol)) = self.module.scope.get(name) else { return false };
        let Some((_, item)) = self.program.item(symbol) else { return false };
        let kind = match &item.kind {
            tree::ItemKind::Node(node) => match node.kind {
                tree::NodeKind::Prompt => CallKind::Prompt,
                tree::NodeKind::Agent => CallKind::Agent,
                tree::NodeKind::Tool => CallKind::Tool,
                tree::NodeKind::Human => CallKind::Human,
                tree::NodeKind::Event => CallKind::Event,
            },
            tree::ItemKind::Flow(_) => CallKind::Flow,
            tree::ItemKind::Code(_) => CallKind::Code,
            _ => return false,
        };
        self.used.insert(name.clone());
        if kind != CallKind::Code {
            self.effect_in_expression(name, kind, span);
            return true;
        }
        let (code, what) = match self.constant_only {
            true => (Code::BadConstant, "a constant cannot call `code`"),
            false => (Code::BadRefinement, "a rule cannot call `code`"),
        };
        let diagnostic = self
            .error(code, name_span, what)
            .help("write the expression itself, with the functions of the language");
        self.report(diagnostic);
        true
    }

    /// Reports a name that nothing callable has.
    pub fn unknown_call(&mut self, name: &SmolStr, span: Span, code: Code) {
        let module = self.module;
        let what = if code == Code::UnknownNode { "node" } else { "function" };
        let mut diagnostic = self
            .error(code, span, format!("unknown {what} `{name}`"))
            .here("not declared or imported in this file");
        let is_own = |own: &str| matches!(self.sig_of(own), Some(Sig::Call(_)));
        let near = match module.alias_of(name).filter(|alias| is_own(alias)) {
            Some(alias) => Some(alias.to_string()),
            // A step calls what the program declares before what the language has.
            None => {
                let own = module.names_like(name).into_iter().filter(|own| is_own(own));
                let mut all: Vec<&str> = own.collect();
                let first =
                    if code == Code::UnknownNode { self.nearest(name, all.iter().copied()) } else { None };
                if first.is_none() {
                    for function in functions::names() {
                        all.push(function);
                    }
                }
                first.or_else(|| self.nearest(name, all)).map(String::from)
            }
        };
        // What was meant is called.
        if let Some(near) = near.as_deref().filter(|near| module.scope.contains_key(*near)) {
            self.used.insert(SmolStr::from(near));
        }
        diagnostic = match near.as_deref() {
            Some(near) => {
                let what = match self.sig_of(near) {
                    Some(Sig::Call(sig)) => sig.kind.as_str(),
                    _ => "function",
                };
                diagnostic.similar(what, name, near, self.at(span))
            }
            None => diagnostic.help(match code {
                Code::UnknownNode => format!(
                    "take the call out, declare it, such as `flow {name}(text: string) -> string {{ return text }}`, or import it: `import {{ {name} }} from \"./other.flow\"`"
                ),
                _ => format!(
                    "take it out, or declare it with the parameters it takes, `code {name}(n: int) -> int = n`; `flowc explain unknown-function` lists the functions there are"
                ),
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
            ) || functions::macros(&name).next().is_some();
            let found = self.diagnostics.len();
            for arg in &method.args {
                self.expr(&arg.value, None);
            }
            if unknown_first && !matches!(receiver.ty, Type::Error) {
                self.diagnostics.truncate(found);
            }
            if !matches!(receiver.ty, Type::Error) {
                self.unknown_method(method, &receiver.ty);
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

    fn unknown_method(&mut self, method: &tree::Method, ty: &Type) {
        let (name, span) = (&method.name.text, method.name.span);
        let names: Vec<&str> = functions::overloads()
            .filter(|overload| overload.is_written(true) && !overload.name.starts_with('_'))
            .map(|overload| overload.name)
            .chain(functions::MACROS.iter().map(|row| row.name))
            .collect();
        let mut diagnostic = self
            .error(Code::UnknownFunction, span, format!("unknown function `{name}`"))
            .here(format!("nothing of this name takes `{ty}`"));
        if let Some(row) = functions::macros(name).next() {
            diagnostic = diagnostic.help(match (row.vars, row.bodies) {
                (1, 1) => format!("write `xs.{name}(x, …)`: a variable, then what is done with it"),
                _ => format!("write `xs.{name}(k, v, …)`: its variables, then what is done with them"),
            });
            return self.report(diagnostic);
        }
        if let Some(instead) = habits::method(name, ty) {
            diagnostic = diagnostic.help(format!(
                "{} is {}",
                instead.what,
                instead.shown(self, Some(method.receiver.span), &method.args)
            ));
            let receiver = self.text(method.receiver.span);
            let end = method.args.iter().map(|arg| arg.value.span.end).max().unwrap_or(span.end);
            let close = self.item.text.get(end as usize..).and_then(|rest| rest.find(')'));
            let all = close.map(|close| Span::new(method.receiver.span.start, end + close as u32 + 1));
            if all.is_some() && self.bare == all {
                return self.grown(diagnostic, method);
            }
            if let (Some(text), Some(all)) = (instead.written_on(self, receiver, &method.args), all) {
                diagnostic = diagnostic.fix(format!("write `{text}`"), self.at(all), text);
            }
            return self.report(diagnostic);
        }
        if let Some((symbol, sig)) = self.callable(name)
            && sig.kind == CallKind::Code
        {
            let receiver = self.text(method.receiver.span);
            diagnostic =
                diagnostic.help(format!("`{}` is `code` and is called `{name}({receiver})`", symbol.name));
            return self.report(diagnostic);
        }
        diagnostic = match self.nearest(name, names.iter().copied()) {
            Some(near) => diagnostic.similar("function", name, near, self.at(span)),
            None => diagnostic.help("your own functions are declared with `code` and called `f(x)`"),
        };
        self.report(diagnostic);
    }

    /// `names.push(x)` as a step: what a state holds is assigned.
    fn grown(&mut self, mut diagnostic: Diagnostic, method: &tree::Method) {
        if !matches!(method.name.as_str(), "push" | "append" | "add") {
            return self.report(diagnostic);
        }
        let state = match &method.receiver.kind {
            ExprKind::Name(own) => {
                self.visible.get(own).is_some_and(|&id| self.bindings[id as usize].kind == BindingKind::State)
            }
            _ => false,
        };
        let (Some(all), [arg], true) = (self.bare, &method.args[..], state) else {
            let help = "a value never changes: declare the list in `state { … }` and write `names += [x]`";
            return self.report(diagnostic.help(help));
        };
        let text = format!("{} += [{}]", self.text(method.receiver.span), self.text(arg.value.span));
        diagnostic = diagnostic.help(format!("a list in a state grows by `{text}`"));
        if arg.name.is_none() {
            diagnostic = diagnostic.fix(format!("write `{text}`"), self.at(all), text);
        }
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
        if typed.iter().any(|(one, _)| is_poisoned(&one.ty)) {
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
                let result = sizes::carried(overload.id, &typed, result);
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
            let element = match (name, typed) {
                ("contains", [(list, list_at), (_, item_at)]) if matches!(list.ty.base(), Type::List(..)) => {
                    Some(format!("{} in {}", self.text(*item_at), self.text(*list_at)))
                }
                _ => None,
            };
            let help = match (json, &element) {
                (true, _) => "read the `json` first: `… as string`".to_string(),
                (false, Some(text)) => format!("whether a list holds a value is `{text}`"),
                (false, None) => format!("it is {}", forms.join(" or ")),
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

/// Whether a value, or what it holds, failed to check.
fn is_poisoned(ty: &Type) -> bool {
    match ty {
        Type::Error => true,
        Type::List(of, _) | Type::Map(_, of) | Type::Nullable(of) | Type::Optional(of) => is_poisoned(of),
        _ => false,
    }
}
