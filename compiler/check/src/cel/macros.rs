//! Macros: `xs.filter(x, p)`, `cel.bind(x, v, e)`, `o.optMap(x, e)`.

use flow_diagnostics::Code;
use flow_expr::functions::{MacroRow, macros};
use flow_ir::Expr;
use flow_ir::expr::MacroOp;
use flow_source::Span;
use flow_syntax::tree::{self, ExprKind, Method};
use smol_str::SmolStr;

use super::walk::{absent, is_test};
use super::{CelType, Checker, Typed};

impl Checker<'_> {
    /// Checks a macro; `None` if the method is none.
    pub(super) fn macro_call(&mut self, method: &Method) -> Option<Typed> {
        if self.scope.without_macros || method.args.iter().any(|arg| arg.name.is_some()) {
            return None;
        }
        match (method.name.as_str(), &method.args[..]) {
            ("bind", [name, value, body]) if matches!(&method.receiver.kind, ExprKind::Name(name) if name == "cel") =>
            {
                let name = self.variable(&name.value, "cel.bind")?;
                let value = self.expr(&value.value);
                let ty = self.types.resolve(&value.ty);
                let (local, body) = self.within(&name, ty, &body.value);
                let expr = Expr::Let { local, value: Box::new(value.expr), body: Box::new(body.expr) };
                Some(Typed::new(expr, body.ty))
            }
            ("optMap" | "optFlatMap", [name, body]) => {
                let name = self.variable(&name.value, &method.name.text)?;
                Some(self.opt_map(method, &name, &body.value))
            }
            (name, args) => {
                let row = macros(name).find(|row| row.vars + row.bodies == args.len())?;
                Some(self.comprehension(row, method))
            }
        }
    }

    /// `o.optMap(x, e)`: what is made of the value, if there is one; with `optFlatMap` an optional is made.
    fn opt_map(&mut self, method: &Method, name: &str, body: &tree::Expr) -> Typed {
        let flat = method.name.text == "optFlatMap";
        let of = self.expr(&method.receiver);
        let ty = self.types.resolve(&of.ty);
        let held = match ty.held() {
            Some(held) => held.clone(),
            None => {
                let held = self.types.fresh();
                if !self.types.assign(&ty, &CelType::optional(held.clone())) {
                    let ty = self.types.settled(&ty);
                    self.refuse(
                        Code::TypeMismatch,
                        method.receiver.span,
                        format!("`{}` takes an optional, not `{ty}`", method.name.text),
                        Some("make one: `optional.of(…)`, `m.?field`, `xs[?0]`".into()),
                    );
                }
                self.types.resolve(&held)
            }
        };
        let whole = self.locals_count;
        self.locals_count += 1;
        let (local, made) = self.within(name, held, body);
        let ty = if flat {
            let of = self.types.fresh();
            let optional = CelType::optional(of);
            if !self.types.assign(&made.ty, &optional) {
                let found = self.types.settled(&made.ty);
                self.refuse(
                    Code::TypeMismatch,
                    body.span,
                    format!("`optFlatMap` makes an optional, not `{found}`"),
                    Some("write `optMap`".into()),
                );
            }
            self.types.resolve(&optional)
        } else {
            CelType::optional(made.ty)
        };
        let call = |id: &str, of: Expr| Expr::Call { function: id.into(), args: vec![of] };
        let bound = Expr::Let {
            local,
            value: Box::new(call("optional_value", Expr::Local(whole))),
            body: Box::new(made.expr),
        };
        let choice = Expr::If {
            test: Box::new(call("optional_has", Expr::Local(whole))),
            then: Box::new(if flat { bound } else { call("optional_of", bound) }),
            otherwise: Box::new(absent()),
        };
        let expr = Expr::Let { local: whole, value: Box::new(of.expr), body: Box::new(choice) };
        Typed::new(expr, ty)
    }

    /// Checks what sees a variable.
    fn within(&mut self, name: &str, ty: CelType, body: &tree::Expr) -> (u32, Typed) {
        let local = self.bind(name, ty);
        let body = self.expr(body);
        self.locals.pop();
        (local, body)
    }

    /// The name of a variable that a macro binds. A fault is told.
    fn variable(&mut self, tree: &tree::Expr, of: &str) -> Option<SmolStr> {
        if let ExprKind::Name(name) | ExprKind::TypeName(name) = &tree.kind
            && !name.starts_with('.')
        {
            self.reserved(name, tree.span);
            return Some(name.clone());
        }
        let diagnostic = self
            .error(Code::UnexpectedToken, tree.span, format!("`{of}` takes the name of a variable here"))
            .help(match of {
                "cel.bind" => "write `cel.bind(x, value, …)`".into(),
                _ => format!("write `.{of}(x, …)`"),
            });
        self.diagnostics.push(diagnostic);
        Some("".into())
    }

    fn comprehension(&mut self, row: &'static MacroRow, method: &Method) -> Typed {
        let over = self.expr(&method.receiver);
        let (first, second) = self.walked(&over.ty, method.receiver.span, row.vars == 2);
        let depth = self.locals.len();
        let mut vars = Vec::with_capacity(row.vars);
        let mut names: Vec<SmolStr> = Vec::with_capacity(row.vars);
        for arg in &method.args[..row.vars] {
            let name = self.variable(&arg.value, row.name).unwrap_or_default();
            if !name.is_empty() && names.contains(&name) {
                let diagnostic = self
                    .error(Code::DuplicateName, arg.value.span, format!("`{name}` is bound twice"))
                    .help("give the second variable another name");
                self.diagnostics.push(diagnostic);
            }
            names.push(name);
        }
        for (name, ty) in names.iter().zip([first.clone(), second]) {
            vars.push(self.bind(name, ty));
        }
        let rest = &method.args[row.vars..];
        let mut bodies = Vec::with_capacity(rest.len());
        let mut last = CelType::Bool;
        for (position, arg) in rest.iter().enumerate() {
            if is_test(row.op) || position + 1 < rest.len() {
                bodies.push(self.condition(&arg.value, &format!("the condition of `{}`", row.name)));
            } else {
                let typed = self.expr(&arg.value);
                last = self.types.resolve(&typed.ty);
                bodies.push(typed.expr);
            }
        }
        self.locals.truncate(depth);
        let ty =
            self.made(row, &over.ty, first, last, rest.last().map_or(method.receiver.span, |a| a.value.span));
        Typed::new(Expr::Macro { op: row.op, over: Box::new(over.expr), vars, bodies }, ty)
    }

    /// The type of what a macro makes.
    fn made(
        &mut self,
        row: &MacroRow,
        over: &CelType,
        element: CelType,
        last: CelType,
        span: Span,
    ) -> CelType {
        let key = match self.types.resolve(over) {
            CelType::Map(key, _) => *key,
            CelType::List(_) => CelType::Int,
            _ => CelType::Dyn,
        };
        match row.op {
            MacroOp::All | MacroOp::Exists | MacroOp::ExistsOne => CelType::Bool,
            MacroOp::Map | MacroOp::TransformList => CelType::list(last),
            MacroOp::Filter | MacroOp::SortBy | MacroOp::DistinctBy => CelType::list(element),
            MacroOp::Find | MacroOp::MinBy | MacroOp::MaxBy => CelType::optional(element),
            MacroOp::GroupBy => CelType::map(last, CelType::list(element)),
            MacroOp::TransformMap => CelType::map(key, last),
            MacroOp::TransformMapEntry => {
                let made = CelType::map(self.types.fresh(), self.types.fresh());
                if !self.types.assign(&last, &made) {
                    let found = self.types.settled(&last);
                    self.refuse(
                        Code::TypeMismatch,
                        span,
                        format!("`transformMapEntry` makes a map, not `{found}`"),
                        Some("write an entry: `{[k]: v}`".into()),
                    );
                }
                self.types.resolve(&made)
            }
        }
    }
}
