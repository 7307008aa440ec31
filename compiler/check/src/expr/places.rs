//! Values go into places: as they are, converted, cast, or not at all.

use flow_diagnostics::{Code, Diagnostic};
use flow_ir::types::{Size, TypeBody};
use flow_ir::{Expr, Type, Value};
use flow_source::Span;
use flow_syntax::tree;
use smol_str::SmolStr;

use crate::cx::{Cx, Typed};
use crate::fit::{Fit, constant_fits, fit};
use crate::program::{Entry, short};
use crate::sample::{in_words, nearest_number};

impl Cx<'_> {
    /// Checks a condition.
    pub fn condition(&mut self, expr: &tree::Expr) -> Expr {
        self.value(expr, &Type::Bool, "a condition")
    }

    /// Checks an expression for a place of a type; `what` names the place: "the argument `text`".
    pub fn value(&mut self, expr: &tree::Expr, to: &Type, what: &str) -> Expr {
        let typed = self.expr(expr, Some(to));
        self.coerce(typed, to, expr.span, what)
    }

    /// Puts a value into a place of a type, or reports why it can't go there.
    pub fn coerce(&mut self, typed: Typed, to: &Type, span: Span, what: &str) -> Expr {
        if let (Some(Value::Int(number)), Type::Float(_)) = (typed.constant(), to.non_null()) {
            let number = *number as f64;
            return self.coerce(Typed::new(Expr::Const(Value::Float(number)), Type::FLOAT), to, span, what);
        }
        match fit(self.program, &typed.ty, to) {
            Fit::Same => typed.expr,
            Fit::Widen => Expr::Widen { of: Box::new(typed.expr), from: typed.ty, to: to.clone() },
            Fit::Narrow => self.narrow(typed, to, span, what),
            Fit::Null => {
                self.may_be_null(&typed.ty, span, what);
                typed.expr
            }
            // Tested and found to be null, and not just written so.
            Fit::No if matches!(typed.ty, Type::Null) && typed.constant().is_none() => {
                self.is_null(span, what);
                Typed::poison().expr
            }
            Fit::No => {
                self.mismatch(&typed, to, span, what);
                Typed::poison().expr
            }
        }
    }

    /// Reports the use of a value that is known to be null.
    pub fn is_null(&mut self, span: Span, what: &str) {
        let diagnostic = self
            .error(Code::NullableUse, span, "this value is null here")
            .here(format!("a test before it says so, but {what} needs a value"))
            .help("use it where it isn't null, or turn the test around");
        self.report(diagnostic);
    }

    /// Puts a value into a place that has the type of the value: an optional is its value or null there (F2), and what
    /// lives only inside expressions can't stand in one (T3).
    pub fn stored(&mut self, typed: Typed, span: Span) -> (Expr, Type) {
        let Some(inner) = only_inside(&typed.ty) else { return self.storable(typed) };
        let help = match inner {
            Type::Uint => "write an int: `3` instead of `3u`, or convert it with `int(…)`",
            _ => "compare it where it is made: `type(x) == int`",
        };
        let diagnostic = self
            .error(Code::TypeMismatch, span, format!("a `{inner}` cannot be stored"))
            .here("lives only inside an expression")
            .help(help);
        self.report(diagnostic);
        (Typed::poison().expr, Type::Error)
    }

    /// Returns the value of an expression of constants.
    pub fn folded(&self, expr: &Expr) -> Option<Value> {
        match expr {
            Expr::Const(value) => Some(value.clone()),
            _ if calls_code(expr) => None,
            _ => match flow_expr::fold(expr.clone(), &[], &self.program.types) {
                Expr::Const(value) => Some(value),
                _ => None,
            },
        }
    }

    fn narrow(&mut self, typed: Typed, to: &Type, span: Span, what: &str) -> Expr {
        if let Some(value) = self.folded(&typed.expr) {
            return match constant_fits(&value, to) {
                Some(true) => Expr::Const(value),
                Some(false) if matches!(to.non_null(), Type::Literals(_)) => {
                    let shown = self.text(span).to_string();
                    let diagnostic = self
                        .error(Code::TypeMismatch, span, format!("expected `{to}`, found `{shown}`"))
                        .here(format!("{what} is `{to}`"))
                        .help(format!("write a value that the type lists, such as `{}`", self.sample(to)));
                    self.report(diagnostic);
                    typed.expr
                }
                Some(false) => {
                    let help = match (nearest_number(&value, to), in_words(to)) {
                        (Some(near), _) => {
                            format!("write a number from its range, such as `{near}`, or widen the range")
                        }
                        (None, Some(words)) => format!("write {words}, or widen the type"),
                        (None, None) => {
                            format!("write a value that `{to}` takes, such as `{}`", self.sample(to))
                        }
                    };
                    let diagnostic = self
                        .error(Code::BadRefinement, span, format!("this value is outside of `{to}`"))
                        .here(format!("{what} is `{to}`"))
                        .help(help);
                    self.report(diagnostic);
                    typed.expr
                }
                None => {
                    let cast = Expr::Cast { of: Box::new(typed.expr), from: typed.ty, to: to.clone() };
                    self.sure_failure(&cast, to, span);
                    cast
                }
            };
        }
        let (name, found) = (self.type_text(to), self.type_text(&typed.ty));
        let mut diagnostic = self
            .error(Code::TypeMismatch, span, format!("expected `{name}`, found `{found}`"))
            .here(format!("{what} is narrower than this value"));
        diagnostic = match to {
            Type::Literals(_) => {
                let alias = format!("type Choice = {name}");
                let text = self.shown(span);
                diagnostic.help(format!(
                    "give the type a name, `{alias}`, and check the value when it runs: `{text} as Choice`"
                ))
            }
            // What is read with `as` has a name or a short form (G6).
            _ if !self.short_type(&name) => {
                let text = self.shown(span);
                diagnostic.help(format!(
                    "give the type a name, `type Checked = {name}`, and check the value when it runs: `{text} as Checked`"
                ))
            }
            _ => {
                let fix = self.cast_edit(span, &name);
                let text = cast_text(self.shown(span), &name);
                diagnostic
                    .help(format!(
                        "check it when it runs: `{text}`; a value that doesn't fit fails with `bad_shape`"
                    ))
                    .fix_all(format!("check it with `as {name}`"), fix)
            }
        };
        self.report(diagnostic);
        typed.expr
    }

    /// Reports a value of constants that breaks the rule of its type, and so fails whenever it is made (T4).
    pub fn sure_failure(&mut self, made: &Expr, ty: &Type, span: Span) {
        if let Err(error) = flow_expr::constant(made, &[], &self.program.types)
            && error.is_absorbed()
        {
            let name = self.type_text(ty);
            let rule = match ty {
                Type::Where(rule) => Some(rule.text.to_string()),
                Type::Named(named) => match self.program.types.get(named).map(|def| &def.body) {
                    Some(TypeBody::Record { rule: Some(rule), .. }) => Some(rule.text.to_string()),
                    _ => None,
                },
                _ => None,
            };
            let help =
                match (rule, self.folded(made).and_then(|value| nearest_number(&value, ty)), in_words(ty)) {
                    (Some(rule), ..) => format!("write a value for which the type's rule, `{rule}`, holds"),
                    (None, Some(near), _) => format!("write a number from its range, such as `{near}`"),
                    (None, None, Some(words)) => format!("write {words}"),
                    (None, None, None) => {
                        format!("write a value that the type takes, such as `{}`", self.sample(ty))
                    }
                };
            let diagnostic = self
                .error(Code::BadRefinement, span, format!("this value is outside of `{name}`"))
                .here(error.message.strip_prefix("$: ").unwrap_or(&error.message).to_string())
                .help(help);
            self.report(diagnostic);
        }
    }

    /// Writes a type as this file can: an alias with a rule by its name.
    pub(super) fn type_text(&self, ty: &Type) -> String {
        match ty {
            Type::Where(_) => {
                let named = |(name, entry): (&SmolStr, &Entry)| match entry {
                    Entry::Type(declared) if self.program.aliases.get(declared) == Some(ty) => {
                        Some(name.to_string())
                    }
                    _ => None,
                };
                self.module.scope.iter().filter_map(named).min().unwrap_or_else(|| ty.to_string())
            }
            Type::Nullable(of) => format!("{}?", self.type_text(of)),
            Type::List(of, size) if *size == Size::default() => format!("[{}]", self.type_text(of)),
            _ => ty.to_string(),
        }
    }

    fn cast_edit(&self, span: Span, to: &str) -> Vec<flow_diagnostics::Edit> {
        let text = self.text(span);
        let simple = text.chars().all(|c| c.is_alphanumeric() || "._()[]\"".contains(c));
        let edit = |at: Span, text: String| flow_diagnostics::Edit { at: self.at(at), text };
        if simple {
            vec![edit(Span::at(span.end), format!(" as {to}"))]
        } else {
            vec![edit(Span::at(span.start), "(".into()), edit(Span::at(span.end), format!(") as {to}"))]
        }
    }

    /// Reports a value that may be null.
    pub fn may_be_null(&mut self, ty: &Type, span: Span, what: &str) {
        let diagnostic = match ty {
            Type::Optional(_) => self
                .error(Code::NullableUse, span, "this value may be absent")
                .here(format!("`{ty}`, but {what} needs a value"))
                .help(format!("give a value for that case: `{}`", self.or_else(ty, span, what))),
            // A step can't stand before `??`.
            _ if self.is_step_text(span) => self
                .error(Code::NullableUse, span, "this value may be null")
                .here(format!("`{ty}`, but {what} needs a value"))
                .help(format!(
                    "bind it first, `let found = {}`, and give a value for that case: `found ?? {}`",
                    self.shown(span),
                    self.sample(crate::sample::present(ty))
                )),
            // What isn't in a flow has no steps.
            _ if !matches!(self.item.kind, tree::ItemKind::Flow(_) | tree::ItemKind::Test(_)) => self
                .error(Code::NullableUse, span, "this value may be null")
                .here(format!("`{ty}`, but {what} needs a value"))
                .help(format!("give a value for that case: `{}`", self.or_else(ty, span, what))),
            _ => self
                .error(Code::NullableUse, span, "this value may be null")
                .here(format!("`{ty}`, but {what} needs a value"))
                .help(format!(
                    "give a value for that case, `{}`, or use it only where it isn't null: `if {} != null {{ … }}`",
                    self.or_else(ty, span, what),
                    self.shown(span)
                )),
        };
        self.report(diagnostic);
    }

    fn mismatch(&mut self, typed: &Typed, to: &Type, span: Span, what: &str) {
        let mut diagnostic = self
            .error(
                Code::TypeMismatch,
                span,
                format!("expected `{}`, found `{}`", self.type_text(to), self.type_text(&typed.ty)),
            )
            .here(format!("{what} is `{}`", self.type_text(to)));
        diagnostic = self.mismatch_help(diagnostic, typed, to, span, what);
        self.report(diagnostic);
    }

    /// What to do about a value of another type.
    fn mismatch_help(
        &self,
        diagnostic: Diagnostic,
        typed: &Typed,
        to: &Type,
        span: Span,
        what: &str,
    ) -> Diagnostic {
        let is_enum = |ty: &Type| match ty {
            Type::Named(name) => self.program.enum_values(name).is_some(),
            _ => false,
        };
        match (&typed.ty, to.non_null()) {
            (Type::String(_) | Type::Literals(_), Type::Named(name)) if is_enum(to.non_null()) => {
                let Some(enum_name) = self.local_type(name) else {
                    return diagnostic.help(format!("import the enum: `{}`", short(name)));
                };
                let values: Vec<&str> = self
                    .program
                    .enum_values(name)
                    .map(|values| values.iter().map(|value| value.name.as_str()).collect())
                    .unwrap_or_default();
                let Some(Value::String(text)) = typed.constant() else {
                    let fix = self.cast_edit(span, enum_name);
                    return diagnostic
                        .help(format!(
                            "read the text as a value of the enum: `{} as {enum_name}`",
                            self.shown(span)
                        ))
                        .fix_all(format!("read it with `as {enum_name}`"), fix);
                };
                let near = values.iter().find(|own| ***own == **text).copied();
                match near.or_else(|| self.nearest(text, values.iter().copied())) {
                    Some(value) => {
                        let value = format!("{enum_name}.{value}");
                        diagnostic.help(format!("a value of an enum is written `{value}`")).fix(
                            format!("write `{value}`"),
                            self.at(span),
                            value,
                        )
                    }
                    None => diagnostic.help(format!("`{enum_name}` is {}", values.join(" | "))),
                }
            }
            (ty, Type::String(_)) if is_enum(ty) => {
                let text = format!("string({})", self.text(span));
                diagnostic.help(format!("an enum is no text; its name is one: `{text}`")).fix(
                    format!("write `{text}`"),
                    self.at(span),
                    text,
                )
            }
            (Type::Json, _) => {
                let name = self.type_text(to);
                let shown = self.shown(span);
                let diagnostic = diagnostic.help(match self.short_type(&name) {
                    true => format!("say which type is expected in it: `{shown} as {name}`"),
                    false => format!(
                        "give the type a name, `type Expected = {name}`, and say that it is expected: `{shown} as Expected`"
                    ),
                });
                match self.short_type(&name) {
                    true => {
                        diagnostic.fix_all(format!("read it with `as {name}`"), self.cast_edit(span, &name))
                    }
                    false => diagnostic,
                }
            }
            _ => self.conversion_help(diagnostic, typed, to, span, what),
        }
    }

    /// Whether `as` takes a type as it is written here: a name or a short form (G6).
    pub(super) fn short_type(&self, name: &str) -> bool {
        !["{", " where ", " | "].iter().any(|long| name.contains(long))
    }

    pub fn cast(&mut self, value: &tree::Expr, to: &tree::TypeExpr) -> Typed {
        let to_type = self.read_type(|reader| reader.read(to));
        let of = self.expr(value, None);
        self.cast_typed(of, value.span, to_type, to.span)
    }

    /// Casts a value, checked when it runs.
    pub fn cast_typed(&mut self, of: Typed, span: Span, to: Type, to_span: Span) -> Typed {
        if matches!(of.ty, Type::Error) || matches!(to, Type::Error) {
            return Typed::new(Typed::poison().expr, to);
        }
        if let (Some(Value::Int(number)), Type::Float(_)) = (of.constant(), &to) {
            let float = Typed::new(Expr::Const(Value::Float(*number as f64)), Type::FLOAT);
            let expr = self.coerce(float, &to, span, "the value");
            return Typed::new(expr, to);
        }
        let sources = match &of.ty {
            Type::Optional(of) => Type::Nullable(of.clone()),
            other => other.clone(),
        };
        let reads = matches!(sources.base().non_null(), Type::Json)
            || self.castable(&sources, &to)
            || self.castable(&to, &sources) && !self.reads_enum(&to, &sources);
        if !reads {
            let help = match (sources.non_null().base(), to.non_null().base()) {
                (Type::Named(_), Type::String(_)) if self.reads_enum(&to, &sources) => {
                    "the name of a value is `string(…)`".to_string()
                }
                (Type::Int(_) | Type::Float(_) | Type::String(_), made @ (Type::Int(_) | Type::Float(_)))
                | (Type::Int(_) | Type::Float(_) | Type::Bool, made @ Type::String(_)) => {
                    format!("`as` converts nothing; write `{made}({})`", self.shown(span))
                }
                _ => {
                    "`as` reads `json`, and narrows a value to a type that its own type contains".to_string()
                }
            };
            let diagnostic = self
                .error(Code::TypeMismatch, to_span, format!("`{}` can never be `{to}`", of.ty))
                .here("this cast always fails")
                .help(help);
            self.report(diagnostic);
            return Typed::new(Typed::poison().expr, to);
        }
        let constant = of.constant().is_some();
        let (of, from) = match of.ty {
            Type::Optional(_) => {
                let widened = Expr::Widen { of: Box::new(of.expr), from: of.ty, to: sources.clone() };
                (widened, sources)
            }
            ty => (of.expr, ty),
        };
        let cast = Expr::Cast { of: Box::new(of), from, to: to.clone() };
        if constant {
            self.sure_failure(&cast, &to, span);
        }
        Typed::new(cast, to)
    }

    /// Whether a text is read as a value of an enum (T2).
    fn reads_enum(&self, from: &Type, to: &Type) -> bool {
        matches!(
            (from.non_null().base(), to.non_null().base()),
            (Type::String(_), Type::Named(name)) if self.program.enum_values(&name).is_some()
        )
    }

    fn castable(&self, from: &Type, to: &Type) -> bool {
        let fits = fit(self.program, from, to) <= Fit::Null;
        let reads_enum = self.reads_enum(from, to);
        // Narrowed inside: a list of refined elements, a record of refined fields.
        let inside = match (from.non_null(), to.non_null()) {
            (Type::List(a, _), Type::List(b, _)) => self.castable(a, b),
            (Type::Map(_, a), Type::Map(_, b)) => self.castable(a, b),
            _ => false,
        };
        fits || reads_enum || inside
    }
}

/// `n as int(1..5)`, with parentheses around what isn't simple.
pub(super) fn cast_text(text: &str, to: &str) -> String {
    match text.chars().all(|c| c.is_alphanumeric() || "_.()[]\"…".contains(c)) {
        true => format!("{text} as {to}"),
        false => format!("({text}) as {to}"),
    }
}

/// Whether `code` is called, which is known in a run.
fn calls_code(expr: &Expr) -> bool {
    let mut calls = matches!(expr, Expr::Code { .. });
    expr.children(&mut |child| calls = calls || calls_code(child));
    calls
}

/// Returns the part of a type that lives only inside expressions: `uint` and the type of types (T3).
fn only_inside(ty: &Type) -> Option<&Type> {
    match ty {
        Type::Uint | Type::Type => Some(ty),
        Type::List(of, _) | Type::Nullable(of) | Type::Optional(of) => only_inside(of),
        Type::Map(key, value) => only_inside(key).or_else(|| only_inside(value)),
        Type::Record(record) => record.fields.iter().find_map(|field| only_inside(&field.ty)),
        _ => None,
    }
}
