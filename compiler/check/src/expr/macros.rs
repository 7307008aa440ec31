//! Macros: `xs.filter(x, x.rank > 1)`.

use std::sync::Arc;

use flow_diagnostics::Code;
use flow_expr::functions::{MacroRow, Over};
use flow_ir::expr::MacroOp;
use flow_ir::types::Size;
use flow_ir::{Expr, Type};
use flow_source::Span;
use flow_syntax::tree::{self, ExprKind};

use super::operators::is_ordered;
use crate::cx::{BindingKind, Cx, Place, Typed};

impl Cx<'_> {
    /// Checks a macro: `xs.filter(x, x.rank > 1)`.
    pub fn comprehension(&mut self, row: &'static MacroRow, method: &tree::Method, span: Span) -> Typed {
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
        let sized = if matches!(base, Type::List(..)) { &over.ty } else { &base };
        let ty = match over.ty {
            Type::Error if !matches!(row.op, MacroOp::All | MacroOp::Exists | MacroOp::ExistsOne) => {
                Type::Error
            }
            _ => self.macro_type(row, sized, &element, &bodies, span),
        };
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
        let size = super::sizes::walked(over);
        let at_most = |keeps: bool| Size { min: size.min.filter(|_| keeps), max: size.max };
        match row.op {
            MacroOp::All | MacroOp::Exists | MacroOp::ExistsOne => Type::Bool,
            MacroOp::Map | MacroOp::TransformList => Type::List(Arc::new(last), at_most(bodies.len() == 1)),
            MacroOp::Filter => Type::List(Arc::new(element.clone()), at_most(false)),
            MacroOp::SortBy | MacroOp::DistinctBy => {
                let kept = if row.op == MacroOp::SortBy {
                    self.ordered(&last, last_span);
                    at_most(true)
                } else {
                    // Of equal keys one is left.
                    Size { min: size.min.map(|min| min.min(1)), max: size.max }
                };
                Type::List(Arc::new(element.clone()), kept)
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
                let group = Size { min: Some(1), max: size.max };
                Type::map(last, Type::List(Arc::new(element.clone()), group))
            }
            MacroOp::MinBy | MacroOp::MaxBy => {
                self.ordered(&last, last_span);
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

    fn ordered(&mut self, ty: &Type, span: Span) {
        let base = ty.base();
        if matches!(base, Type::Error | Type::Never) || is_ordered(self.program, &base) {
            return;
        }
        match base {
            Type::Nullable(_) | Type::Optional(_) => self.may_be_null(ty, span, "the order"),
            _ => {
                let diagnostic = self
                    .error(Code::TypeMismatch, span, format!("values of `{ty}` have no order"))
                    .help("order by a number, a text, a time or an enum");
                self.report(diagnostic);
            }
        }
    }
}
