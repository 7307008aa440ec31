//! Functions and operators: which overloads take the arguments.

use flow_diagnostics::{Code, Diagnostic};
use flow_expr::functions::{self, Overload, Sig};
use flow_ir::Expr;
use flow_source::Span;
use flow_syntax::tree::{Arg, Call, Method};
use smol_str::SmolStr;

use super::{CelType, Checker, Typed, failure};
use crate::suggest::nearest;

/// An overload as types see it.
pub(super) struct Candidate {
    params: Vec<CelType>,
    result: CelType,
}

impl Candidate {
    pub(super) fn new(params: Vec<CelType>, result: CelType) -> Candidate {
        Candidate { params, result }
    }
}

impl Checker<'_> {
    /// Returns the candidates that take arguments of these types, and the type of the result: `dyn` if they differ in it.
    pub(super) fn resolve(
        &mut self,
        candidates: &[Candidate],
        args: &[CelType],
    ) -> Option<(Vec<usize>, CelType)> {
        let mut fitting = Vec::new();
        let mut result: Option<CelType> = None;
        for (index, candidate) in candidates.iter().enumerate() {
            if !self.types.assign_all(args, &candidate.params) {
                continue;
            }
            fitting.push(index);
            let ty = self.types.resolve(&candidate.result);
            result = Some(match result {
                None => ty,
                Some(before) if before == CelType::Dyn || before == ty => before,
                Some(_) => CelType::Dyn,
            });
        }
        Some((fitting, result?))
    }

    /// An operator whose operands are checked.
    pub(super) fn operator(&mut self, name: &str, shown: &str, args: Vec<Typed>, span: Span) -> Typed {
        self.apply(name, false, args, |checker, types| {
            let help = operator_help(shown, types);
            let message = match types {
                [of] => format!("`{shown}` does not take `{of}`"),
                [left, right] => format!("`{shown}` does not take `{left}` and `{right}`"),
                _ => format!("`{shown}` does not take these"),
            };
            let mut diagnostic = checker.error(Code::TypeMismatch, span, message);
            diagnostic.help = help;
            diagnostic
        })
    }

    /// Applies a function of the language to arguments, by the overload that their types decide, else by its name.
    fn apply(
        &mut self,
        name: &str,
        receiver: bool,
        args: Vec<Typed>,
        refused: impl FnOnce(&Self, &[CelType]) -> Diagnostic,
    ) -> Typed {
        let types: Vec<CelType> = args.iter().map(|arg| self.types.resolve(&arg.ty)).collect();
        let rows: Vec<&'static Overload> = functions::lookup(name, receiver)
            .filter(|row| row.takes(args.len()) && !row.params.iter().any(is_of_flow))
            .collect();
        let candidates: Vec<Candidate> = rows.iter().map(|row| self.candidate(row, args.len())).collect();
        let mut found = self.resolve(&candidates, &types);
        // `math.greatest(1, 2.5)`: numbers compare across kinds.
        let is_number = |ty: &CelType| ty.is_number() || *ty == CelType::Dyn;
        if found.is_none() && types.iter().all(is_number) {
            let ordered = |row: &&Overload| matches!(row.params, [Sig::Ordered(_)]) && row.variadic;
            found = rows.iter().position(ordered).map(|index| (vec![index], CelType::Dyn));
        }
        let args: Vec<Expr> = args.into_iter().map(|arg| arg.expr).collect();
        let Some((fitting, result)) = found else {
            if self.scope.unchecked || types.contains(&CelType::Error) {
                let ty = if self.scope.unchecked { CelType::Dyn } else { CelType::Error };
                return Typed::new(Expr::Call { function: name.into(), args }, ty);
            }
            let settled: Vec<CelType> = types.iter().map(|ty| self.types.settled(ty)).collect();
            let diagnostic = refused(self, &settled);
            return self.fault(diagnostic);
        };
        let first = rows[fitting[0]];
        let is_certain = types.iter().enumerate().all(|(index, ty)| {
            first.param(index).is_some_and(|sig| is_certain(sig, &self.types.resolve(ty)))
        });
        let function = if is_certain { first.id } else { name };
        let result = if name == "type" { CelType::type_of(self.types.resolve(&types[0])) } else { result };
        Typed::new(Expr::Call { function: function.into(), args }, result)
    }

    fn candidate(&mut self, row: &Overload, count: usize) -> Candidate {
        let mut vars: Vec<(u8, CelType)> = Vec::new();
        let params = (0..count).filter_map(|index| row.param(index));
        let params: Vec<CelType> = params.map(|sig| self.signature(sig, &mut vars)).collect();
        let result = self.signature(&row.result, &mut vars);
        Candidate::new(params, result)
    }

    fn signature(&mut self, sig: &Sig, vars: &mut Vec<(u8, CelType)>) -> CelType {
        match sig {
            Sig::Null => CelType::Null,
            Sig::Bool => CelType::Bool,
            Sig::Int => CelType::Int,
            Sig::Uint => CelType::Uint,
            Sig::Float => CelType::Double,
            Sig::String => CelType::String,
            Sig::Bytes => CelType::Bytes,
            Sig::Duration => CelType::Duration,
            Sig::Timestamp => CelType::Timestamp,
            Sig::Json | Sig::Any | Sig::Enum => CelType::Dyn,
            Sig::Type => CelType::Type(None),
            Sig::Var(var) | Sig::Ordered(var) => match vars.iter().find(|(known, _)| known == var) {
                Some((_, ty)) => ty.clone(),
                None => {
                    let ty = self.types.fresh();
                    vars.push((*var, ty.clone()));
                    ty
                }
            },
            Sig::List(of) => CelType::list(self.signature(of, vars)),
            Sig::Map(key, value) => CelType::map(self.signature(key, vars), self.signature(value, vars)),
            Sig::Nullable(of) => CelType::Wrapper(Box::new(self.signature(of, vars))),
            Sig::Optional(of) => CelType::optional(self.signature(of, vars)),
        }
    }

    /// `f(x)`
    pub(super) fn call(&mut self, call: &Call, span: Span) -> Typed {
        let name = call.name.as_str();
        if name == "has" && !self.scope.without_macros && call.args.len() == 1 {
            return self.has(&call.args, span);
        }
        if let Some(fault) = self.reserved(name, call.name.span) {
            return fault;
        }
        if name == "dyn" && call.args.len() == 1 {
            let of = self.expr(&call.args[0].value);
            return Typed::new(of.expr, CelType::Dyn);
        }
        let args = self.args(&call.args);
        match self.function(name, false) {
            Some(found) => self.named(&found, false, args, call.name.span),
            None => self.unknown_function(name, None, &args, call.name.span),
        }
    }

    /// `x.f(y)`, or `a.b.f(y)` of a function with dots in its name.
    pub(super) fn method(&mut self, method: &Method) -> Typed {
        if self.is_quoted(&method.name) {
            let diagnostic = self
                .error(Code::UnexpectedToken, method.name.span, "a name in backticks is a field's")
                .help("write the function's name without them");
            return self.fault(diagnostic);
        }
        if let Some(made) = self.macro_call(method) {
            return made;
        }
        let dotted = self.qualified(&method.receiver).map(|prefix| format!("{prefix}.{}", method.name.text));
        if let Some(name) = dotted.as_deref().and_then(|name| self.function(name, false)) {
            let args = self.args(&method.args);
            return self.named(&name, false, args, method.name.span);
        }
        let receiver = self.expr(&method.receiver);
        let mut args = vec![receiver];
        args.extend(self.args(&method.args));
        let name = method.name.as_str();
        match self.function(name, true) {
            Some(found) => self.named(&found, true, args, method.name.span),
            None => self.unknown_function(name, dotted.as_deref(), &args, method.name.span),
        }
    }

    fn args(&mut self, args: &[Arg]) -> Vec<Typed> {
        args.iter()
            .map(|arg| {
                if let Some(name) = &arg.name {
                    let diagnostic = self
                        .error(
                            Code::UnknownArgument,
                            name.span,
                            format!("functions of the language take no argument by name: `{}:`", name.text),
                        )
                        .help("give it by its place");
                    self.diagnostics.push(diagnostic);
                }
                self.expr(&arg.value)
            })
            .collect()
    }

    /// The function that a name stands for in the container.
    fn function(&self, name: &str, receiver: bool) -> Option<SmolStr> {
        let is_known = |name: &str| {
            functions::lookup(name, receiver).any(|row| row.style != functions::Style::Operator)
                || self
                    .scope
                    .functions
                    .iter()
                    .any(|declared| declared.name == name && declared.member == receiver)
        };
        match receiver {
            true => is_known(name).then(|| name.into()),
            false => self.candidates(name).find(|name| is_known(name)).map(SmolStr::from),
        }
    }

    /// Applies a function that is known.
    fn named(&mut self, name: &str, receiver: bool, args: Vec<Typed>, span: Span) -> Typed {
        let scope = self.scope;
        let declared: Vec<_> = scope
            .functions
            .iter()
            .filter(|declared| declared.name == name && declared.member == receiver)
            .collect();
        if !declared.is_empty() {
            let types: Vec<CelType> = args.iter().map(|arg| self.types.resolve(&arg.ty)).collect();
            let mut candidates = Vec::with_capacity(declared.len());
            for function in declared {
                let mut params = Vec::new();
                let taken = function.params.iter().map(|ty| self.types.instance(ty, &mut params)).collect();
                let result = self.types.instance(&function.result, &mut params);
                candidates.push(Candidate::new(taken, result));
            }
            if let Some((_, ty)) = self.resolve(&candidates, &types) {
                let failed = failure(format!("`{name}` is declared, but not here to be called"));
                return Typed::new(failed.expr, ty);
            }
        }
        self.apply(name, receiver, args, |checker, types| checker.refused(name, receiver, types, span))
    }

    /// What is told of a function whose overloads don't take the arguments.
    fn refused(&self, name: &str, receiver: bool, types: &[CelType], span: Span) -> Diagnostic {
        let list = |types: &[CelType]| {
            let types: Vec<String> = types.iter().map(|ty| format!("`{ty}`")).collect();
            if types.is_empty() { "nothing".to_owned() } else { types.join(", ") }
        };
        let message = match (receiver, types) {
            (true, [of]) => format!("`{name}` is not called on `{of}`"),
            (true, [of, args @ ..]) => format!("`{name}` does not take {} on `{of}`", list(args)),
            _ => format!("`{name}` does not take {}", list(types)),
        };
        let mut forms: Vec<String> = functions::lookup(name, receiver)
            .filter(|row| !row.params.iter().any(is_of_flow))
            .map(|row| form(row, receiver))
            .collect();
        forms.dedup();
        let diagnostic = self.error(Code::TypeMismatch, span, message);
        match &forms[..] {
            [] => diagnostic,
            [only] => diagnostic.help(format!("it is {only}")),
            [shown @ .., last] if forms.len() <= 4 => {
                diagnostic.help(format!("it is {} or {last}", shown.join(", ")))
            }
            [first, second, third, ..] => diagnostic
                .help(format!("it is {first}, {second}, {third} or one of {} more", forms.len() - 3)),
            _ => diagnostic,
        }
    }

    fn unknown_function(&mut self, name: &str, dotted: Option<&str>, args: &[Typed], span: Span) -> Typed {
        let shown = dotted.filter(|_| args.first().is_some_and(|of| of.ty == CelType::Error)).unwrap_or(name);
        let message = format!("unknown function `{shown}`");
        if self.scope.unchecked {
            return failure(message);
        }
        // What it is called on is told already, if that is unknown.
        if dotted.is_some() && args.first().is_some_and(|of| of.ty == CelType::Error) {
            return failure(message);
        }
        let diagnostic = self.error(Code::UnknownFunction, span, message);
        let other = functions::lookup(name, dotted.is_none() && args.is_empty()).next();
        let at = diagnostic.primary.at;
        let help = match name {
            "len" | "length" | "count" => Some("the size of a text, list or map is `x.size()`"),
            "str" | "toString" | "to_string" => Some("a value as a text is `string(x)`"),
            "upper" | "toUpperCase" => Some("a text in capitals is `x.upperAscii()`"),
            "lower" | "toLowerCase" => Some("a text in small letters is `x.lowerAscii()`"),
            "strip" => Some("a text without white space at its ends is `x.trim()`"),
            "includes" => Some("whether a list holds a value is `x in xs`"),
            "some" | "any" => Some("whether it holds for some element is `xs.exists(x, …)`"),
            "every" => Some("whether it holds for every element is `xs.all(x, …)`"),
            _ => None,
        };
        let diagnostic = match (help, other) {
            (Some(help), _) => diagnostic.help(help),
            (None, Some(row)) => {
                let receiver = row.style == functions::Style::Method;
                diagnostic.help(format!("it is written {}", form(row, receiver)))
            }
            (None, None) => match nearest(name, functions::names()) {
                Some(near) => diagnostic.similar("function", name, near, at),
                None => diagnostic,
            },
        };
        self.fault(diagnostic)
    }
}

/// Whether a parameter is of a type that only programs have: CEL's own overloads decide the types here.
fn is_of_flow(sig: &Sig) -> bool {
    match sig {
        Sig::Json | Sig::Enum | Sig::Nullable(_) => true,
        Sig::List(of) | Sig::Optional(of) => is_of_flow(of),
        Sig::Map(key, value) => is_of_flow(key) || is_of_flow(value),
        _ => false,
    }
}

/// Whether every value of a type is taken by a parameter, so that no other overload can be meant.
fn is_certain(sig: &Sig, ty: &CelType) -> bool {
    match (sig, ty) {
        (Sig::Any | Sig::Var(_), _)
        | (Sig::Null, CelType::Null)
        | (Sig::Bool, CelType::Bool)
        | (Sig::Int, CelType::Int)
        | (Sig::Uint, CelType::Uint)
        | (Sig::Float, CelType::Double)
        | (Sig::String, CelType::String)
        | (Sig::Bytes, CelType::Bytes)
        | (Sig::Duration, CelType::Duration)
        | (Sig::Timestamp, CelType::Timestamp)
        | (Sig::Type, CelType::Type(_)) => true,
        (Sig::Ordered(_), ty) => {
            ty.is_number()
                || matches!(
                    ty,
                    CelType::Bool | CelType::String | CelType::Bytes | CelType::Duration | CelType::Timestamp
                )
        }
        (Sig::List(of), CelType::List(item)) => is_certain(of, item),
        (Sig::Map(key, value), CelType::Map(of, to)) => is_certain(key, of) && is_certain(value, to),
        (Sig::Optional(of), ty) => ty.held().is_some_and(|held| is_certain(of, held)),
        _ => false,
    }
}

/// Writes an overload as it is called: `` `string.indexOf(string, int)` ``.
fn form(row: &Overload, receiver: bool) -> String {
    let params: Vec<String> = row.params.iter().map(sig_text).collect();
    let more = if row.variadic { ", …" } else { "" };
    match (&params[..], receiver) {
        ([of, args @ ..], true) => format!("`{of}.{}({}{more})`", row.name, args.join(", ")),
        _ => format!("`{}({}{more})`", row.name, params.join(", ")),
    }
}

fn sig_text(sig: &Sig) -> String {
    match sig {
        Sig::Null => "null".into(),
        Sig::Bool => "bool".into(),
        Sig::Int => "int".into(),
        Sig::Uint => "uint".into(),
        Sig::Float => "double".into(),
        Sig::String => "string".into(),
        Sig::Bytes => "bytes".into(),
        Sig::Duration => "duration".into(),
        Sig::Timestamp => "timestamp".into(),
        Sig::Type => "type".into(),
        Sig::Json | Sig::Any | Sig::Enum => "any".into(),
        Sig::Var(n) | Sig::Ordered(n) => char::from(b'A' + n % 26).to_string(),
        Sig::List(of) => format!("list({})", sig_text(of)),
        Sig::Map(key, value) => format!("map({}, {})", sig_text(key), sig_text(value)),
        Sig::Nullable(of) => format!("{}?", sig_text(of)),
        Sig::Optional(of) => format!("optional({})", sig_text(of)),
    }
}

/// What to do about an operator that doesn't take its operands.
fn operator_help(op: &str, types: &[CelType]) -> Option<String> {
    use CelType as T;
    Some(match types {
        [T::Int, T::Double] | [T::Double, T::Int] => "convert one: `double(n)`, `int(x)`".into(),
        [T::Int, T::Uint] | [T::Uint, T::Int] => "convert one: `uint(n)`, `int(u)`".into(),
        [T::Uint, T::Double] | [T::Double, T::Uint] => "convert one: `double(u)`, `uint(x)`".into(),
        [T::String, other] | [other, T::String] if op == "+" && other.is_number() => {
            "write `\"… ${x} …\"`, or `string(x)`".into()
        }
        [_, _] if op == "==" || op == "!=" => {
            "values of these types are never equal; `dyn(…)` around one asks all the same".into()
        }
        [T::String, T::String] if op == "in" => "write `text.contains(part)`".into(),
        [T::Uint] if op == "-" => "a `uint` is never negative: `-int(u)`".into(),
        [_] if op == "!" => "compare it: `… == …`".into(),
        _ => return None,
    })
}
