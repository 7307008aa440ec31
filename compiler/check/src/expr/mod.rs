//! Expressions: names are resolved, operators and functions get their overload, every node its type.

mod arguments;
mod call;
mod code;
mod conversions;
mod effects;
mod fields;
mod habits;
mod macros;
mod names;
mod narrow;
mod operators;
pub(crate) mod patterns;
mod places;
mod record;
mod sizes;
mod template;

use std::sync::Arc;

use flow_diagnostics::{Code, Diagnostic};
use flow_ir::expr::Item;
use flow_ir::types::Size;
use flow_ir::{Expr, Type, Value};
use flow_source::Span;
use flow_syntax::tree::{self, ExprKind, Literal};
use smol_str::SmolStr;

pub(crate) use arguments::Param;
pub(crate) use call::{CallTarget, is_function_habit};

use crate::cx::{BindingKind, Cx, Place, Typed};
use crate::fit::{Fit, constant_fits, fit, join};
use crate::hash::HashSet;
use crate::program::{Module, Program};

/// Checks the rule of a `where`: slot 0 is `it`, slot 1 + i the record's field i.
pub(crate) fn check_rule(
    program: &Program,
    module: &Module,
    item: &tree::Item,
    base: &Type,
    rule: &tree::Expr,
    diagnostics: &mut Vec<Diagnostic>,
    used: &mut HashSet<SmolStr>,
) -> Expr {
    let mut cx = Cx::new(program, module, item);
    let implied = |text: &str| tree::Name { text: SmolStr::from(text), span: rule.span };
    let slot = cx.slot("it", base.clone());
    cx.bind_unchecked(&implied("it"), base.clone(), BindingKind::Implied, Place::Slot(slot));
    let fields = match base {
        Type::Record(record) => record.fields.clone(),
        _ => Vec::new(),
    };
    for field in fields {
        let slot = cx.slot(field.name.clone(), field.ty.clone());
        cx.bind_unchecked(&implied(&field.name), field.ty, BindingKind::Implied, Place::Slot(slot));
    }
    let checked = cx.condition(rule);
    if let Some((_, span)) = cx.uses.list.first() {
        let diagnostic = cx
            .error(Code::BadRefinement, *span, "a rule cannot call `code`")
            .help("write the expression itself, with the functions of the language");
        cx.report(diagnostic);
    }
    diagnostics.append(&mut cx.diagnostics);
    used.extend(cx.used);
    checked
}

impl Cx<'_> {
    /// Checks an expression. `hint` says what its place expects: it shapes literals, and is not enforced.
    pub fn expr(&mut self, expr: &tree::Expr, hint: Option<&Type>) -> Typed {
        match &expr.kind {
            ExprKind::Literal(literal) => literal_value(literal, hint),
            ExprKind::Template(template) => self.template(template),
            ExprKind::Name(name) => self.name(name, expr, hint),
            ExprKind::TypeName(name) => self.type_name(name, expr.span),
            ExprKind::Loop(which) => self.loop_value(*which, expr.span),
            ExprKind::List(elements) => self.list(elements, hint),
            ExprKind::Record(record) => self.record(record, hint, expr.span),
            ExprKind::Member(member) => self.member(member, expr),
            ExprKind::Index(index) => self.index(index, expr),
            ExprKind::Call(call) => self.call(call, expr, hint),
            ExprKind::Method(method) => self.method(method, expr),
            ExprKind::Unary(op, operand) => self.unary(*op, operand, expr.span),
            ExprKind::Binary(binary) => self.binary(binary, expr, hint),
            ExprKind::Ternary(ternary) => self.ternary(ternary, hint, expr.span),
            ExprKind::Is(value, variant) => self.is(value, variant),
            ExprKind::Cast(value, to) => self.cast(value, to),
            ExprKind::Error => Typed::poison(),
        }
    }

    fn list(&mut self, elements: &[tree::Element], hint: Option<&Type>) -> Typed {
        let wanted = match hint.map(Type::non_null) {
            Some(Type::List(of, _)) => Some((**of).clone()),
            Some(Type::Where(rule)) => match &rule.base {
                Type::List(of, _) => Some((**of).clone()),
                _ => None,
            },
            Some(Type::Json) => Some(Type::Json),
            _ => None,
        };
        let mut ty = Type::Never;
        let mut items = Vec::with_capacity(elements.len());
        let mut sized = true;
        let mut typed_items = Vec::with_capacity(elements.len());
        for element in elements {
            let mut typed = self.expr(&element.value, wanted.as_ref());
            if element.optional {
                sized = false;
                typed.ty = match typed.ty {
                    Type::Optional(of) => (*of).clone(),
                    Type::Error => Type::Error,
                    other => {
                        let diagnostic = self
                            .error(
                                Code::TypeMismatch,
                                element.value.span,
                                format!("expected an optional, found `{other}`"),
                            )
                            .help("`?` before an element takes an optional: `?xs.first()`");
                        self.report(diagnostic);
                        Type::Error
                    }
                };
            }
            typed_items.push((typed, element));
        }
        match &wanted {
            Some(wanted) => {
                ty = wanted.clone();
                for (typed, element) in typed_items {
                    let value = match element.optional {
                        true => typed.expr,
                        false => self.coerce(typed, wanted, element.value.span, "an element"),
                    };
                    items.push(Item { value, optional: element.optional });
                }
            }
            None => {
                if typed_items.iter().any(|(typed, _)| matches!(typed.ty.base(), Type::Float(_))) {
                    // An int literal among floats is one (T3).
                    typed_items.iter_mut().for_each(|(typed, _)| *typed = as_float(typed));
                }
                let sized = |typed: &Typed| sizes::size_of(typed).max.is_some() && typed.constant().is_none();
                if typed_items.iter().any(|(typed, _)| matches!(typed.ty, Type::String(_)) && sized(typed)) {
                    // A text beside one of a known size has its own.
                    for (typed, _) in &mut typed_items {
                        if matches!(typed.ty, Type::String(_)) {
                            typed.ty = Type::String(sizes::size_of(typed));
                        }
                    }
                }
                for (typed, element) in typed_items {
                    match join(self.program, &ty, &typed.ty) {
                        Some(joined) => ty = joined,
                        None => {
                            let diagnostic = self
                                .error(
                                    Code::TypeMismatch,
                                    element.value.span,
                                    format!("expected `{ty}`, found `{}`", typed.ty),
                                )
                                .here("the elements before it have another type")
                                .help("a list holds values of one type; `json` holds any");
                            self.report(diagnostic);
                            ty = Type::Error;
                        }
                    }
                    items.push(Item { value: typed.expr, optional: element.optional });
                }
                if matches!(ty, Type::Error) && !items.is_empty() {
                    return Typed::poison();
                }
            }
        }
        let count = elements.len() as u64;
        let size = if sized {
            Size { min: Some(count), max: Some(count) }
        } else {
            Size { min: None, max: Some(count) }
        };
        let constant = items.iter().all(|item| !item.optional && matches!(item.value, Expr::Const(_)));
        let ty_of = if matches!(hint.map(Type::non_null), Some(Type::Json)) {
            Type::Json
        } else {
            Type::List(Arc::new(ty), size)
        };
        if constant {
            let values = items
                .into_iter()
                .filter_map(|item| match item.value {
                    Expr::Const(value) => Some(value),
                    _ => None,
                })
                .collect();
            return Typed::new(Expr::Const(Value::list(values)), ty_of);
        }
        Typed::new(Expr::List(items), ty_of)
    }

    fn ternary(&mut self, ternary: &tree::Ternary, hint: Option<&Type>, span: Span) -> Typed {
        let test = self.condition(&ternary.condition);
        let before = self.point.facts.len();
        self.assume(&ternary.condition, true);
        let then = self.expr(&ternary.then, hint);
        self.point.facts.truncate(before);
        self.assume(&ternary.condition, false);
        let otherwise = self.expr(&ternary.otherwise, hint);
        self.point.facts.truncate(before);
        let (then, otherwise, ty) =
            self.join_values(then, ternary.then.span, otherwise, ternary.otherwise.span, hint, span);
        Typed::new(
            Expr::If { test: Box::new(test), then: Box::new(then), otherwise: Box::new(otherwise) },
            ty,
        )
    }

    /// Brings two values to one type.
    pub fn join_values(
        &mut self,
        a: Typed,
        a_span: Span,
        b: Typed,
        b_span: Span,
        hint: Option<&Type>,
        span: Span,
    ) -> (Expr, Expr, Type) {
        if let Some(ty) = self.join_types(&a, &b, hint) {
            let a = self.coerce(a, &ty, a_span, "the value");
            let b = self.coerce(b, &ty, b_span, "the value");
            return (a, b, ty);
        }
        let diagnostic = self
            .error(
                Code::TypeMismatch,
                span,
                format!("these values have different types: `{}` and `{}`", a.ty, b.ty),
            )
            .here("one of them is taken")
            .help(format!(
                "make both one type: instead of `{}` a value of `{}`, such as `{}`",
                self.shown(b_span),
                crate::sample::declared(crate::sample::present(&a.ty)),
                self.sample(crate::sample::present(&a.ty))
            ));
        self.report(diagnostic);
        (a.expr, b.expr, Type::Error)
    }

    /// Whether a value goes into a place as it is, or as a constant within its bounds.
    fn goes_into(&self, typed: &Typed, to: &Type) -> bool {
        match fit(self.program, &typed.ty, to) {
            Fit::Same | Fit::Widen => true,
            Fit::Narrow => typed.constant().is_some_and(|value| constant_fits(value, to) != Some(false)),
            Fit::Null | Fit::No => false,
        }
    }

    /// Returns the one type of two values; literals join to a literal union (T6).
    pub fn join_types(&mut self, a: &Typed, b: &Typed, hint: Option<&Type>) -> Option<Type> {
        if let Some(hint) = hint
            && !matches!(hint, Type::Error)
            && !matches!(hint, Type::String(_) | Type::Int(_) | Type::Literals(_))
            && self.goes_into(a, hint)
            && self.goes_into(b, hint)
        {
            return Some(hint.clone());
        }
        let (left, right) = (literal_of(a), literal_of(b));
        if let (Some(left), Some(right)) = (&left, &right)
            && let Some(joined) = join(self.program, left, right)
        {
            return Some(joined);
        }
        if let (Some(Value::Int(_)), Type::Float(_)) = (a.constant(), &b.ty) {
            return Some(Type::FLOAT);
        }
        if let (Type::Float(_), Some(Value::Int(_))) = (&a.ty, b.constant()) {
            return Some(Type::FLOAT);
        }
        join(self.program, left.as_ref().unwrap_or(&a.ty), right.as_ref().unwrap_or(&b.ty))
            .or_else(|| join(self.program, &a.ty, &b.ty))
    }
}

/// Writes names for a help: `a`, `b` and `c`.
pub(crate) fn list_of(names: impl IntoIterator<Item = impl std::fmt::Display>) -> String {
    let mut names = names.into_iter();
    let quoted: Vec<String> = names.by_ref().take(12).map(|name| format!("`{name}`")).collect();
    let more = if names.next().is_some() { ", …" } else { "" };
    if quoted.is_empty() { "none".into() } else { format!("{}{more}", quoted.join(", ")) }
}

/// An int literal as a float; anything else as it is.
fn as_float(typed: &Typed) -> Typed {
    match typed.constant() {
        Some(Value::Int(number)) => Typed::new(Expr::Const(Value::Float(*number as f64)), Type::FLOAT),
        _ => typed.clone(),
    }
}

/// Returns the type that only a constant's own value has.
pub(crate) fn literal_of(typed: &Typed) -> Option<Type> {
    match (typed.constant(), &typed.ty) {
        (Some(Value::String(text)), Type::String(_)) => {
            Some(Type::Literals(Arc::from([flow_ir::types::Literal::String(SmolStr::from(&**text))])))
        }
        (Some(Value::Int(number)), Type::Int(_)) => {
            Some(Type::Literals(Arc::from([flow_ir::types::Literal::Int(*number)])))
        }
        (_, Type::Literals(_)) => Some(typed.ty.clone()),
        _ => None,
    }
}

/// Returns a literal's value and type; an int is a float where a float is expected (T3).
pub(crate) fn literal_value(literal: &Literal, hint: Option<&Type>) -> Typed {
    let (value, ty) = match literal {
        Literal::Null => (Value::Null, Type::Null),
        Literal::Bool(value) => (Value::Bool(*value), Type::Bool),
        Literal::Int(number) => match hint.map(|hint| hint.non_null().base()) {
            Some(Type::Float(_)) => (Value::Float(*number as f64), Type::FLOAT),
            _ => (Value::Int(*number), Type::INT),
        },
        Literal::Size(bytes) => (Value::Int(*bytes), Type::INT),
        Literal::Uint(number) => (Value::Uint(*number), Type::Uint),
        Literal::Float(number) => (Value::Float(number.get()), Type::FLOAT),
        Literal::Duration(nanos) => (Value::Duration(*nanos), Type::Duration),
        Literal::String(text) => (Value::string(text), Type::STRING),
        Literal::Bytes(bytes) => (Value::Bytes(Arc::from(&**bytes)), Type::Bytes),
    };
    Typed::new(Expr::Const(value), ty)
}
