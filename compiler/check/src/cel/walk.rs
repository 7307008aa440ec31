//! Operators, and the way through a tree.

use flow_diagnostics::Code;
use flow_ir::expr::MacroOp;
use flow_ir::{Expr, Type, Value};
use flow_source::Span;
use flow_syntax::tree::{self, BinaryOp, ExprKind, Primitive, TypeExpr, TypeKind, UnaryOp};

use super::literal::literal;
use super::{CelType, Checker, Typed};

impl Checker<'_> {
    /// Checks an expression.
    pub(super) fn expr(&mut self, tree: &tree::Expr) -> Typed {
        match &tree.kind {
            ExprKind::Literal(constant) => literal(constant),
            ExprKind::Template(template) => {
                Typed::new(Expr::Template(self.template(&template.pieces)), CelType::String)
            }
            ExprKind::Name(name) | ExprKind::TypeName(name) => self.name(name, tree.span),
            ExprKind::Loop(_) => self.fault(self.error(
                Code::UnknownName,
                tree.span,
                "there is no loop around an expression by itself",
            )),
            ExprKind::List(elements) => self.list(elements),
            ExprKind::Record(record) => self.map(record),
            ExprKind::Member(member) => self.member(member, tree),
            ExprKind::Index(index) => self.index(index, tree.span),
            ExprKind::Call(call) => self.call(call, tree.span),
            ExprKind::Method(method) => self.method(method),
            ExprKind::Unary(op, of) => self.unary(*op, of, tree.span),
            ExprKind::Binary(binary) => self.binary(binary, tree.span),
            ExprKind::Ternary(ternary) => self.ternary(ternary, tree.span),
            ExprKind::Is(of, variant) => {
                self.expr(of);
                let diagnostic = self
                    .error(Code::UnknownType, variant.span, format!("unknown type `{}`", variant.text))
                    .help("an expression by itself has no unions; `type(x) == string` asks for a kind");
                self.fault(diagnostic)
            }
            ExprKind::Cast(of, ty) => self.cast(of, ty),
            ExprKind::Error => self.fault(self.error(Code::UnexpectedToken, tree.span, "this can't be read")),
        }
    }

    fn unary(&mut self, op: UnaryOp, of: &tree::Expr, span: Span) -> Typed {
        let of = self.expr(of);
        let name = match op {
            UnaryOp::Not => "!_",
            UnaryOp::Negate => "-_",
        };
        self.operator(name, op.as_str(), vec![of], span)
    }

    fn binary(&mut self, binary: &tree::Binary, span: Span) -> Typed {
        use BinaryOp as B;
        let name = match binary.op {
            B::Or | B::And => {
                let what = if binary.op == B::Or { "a side of `||`" } else { "a side of `&&`" };
                let left = Box::new(self.condition(&binary.left, what));
                let right = Box::new(self.condition(&binary.right, what));
                let expr = if binary.op == B::Or { Expr::Or(left, right) } else { Expr::And(left, right) };
                return Typed::new(expr, CelType::Bool);
            }
            B::Coalesce => return self.coalesce(binary),
            B::Equal => "_==_",
            B::NotEqual => "_!=_",
            B::Less => "_<_",
            B::LessEqual => "_<=_",
            B::Greater => "_>_",
            B::GreaterEqual => "_>=_",
            B::In => "_in_",
            B::Add => "_+_",
            B::Subtract => "_-_",
            B::Multiply => "_*_",
            B::Divide => "_/_",
            B::Remainder => "_%_",
        };
        let left = self.expr(&binary.left);
        let right = self.expr(&binary.right);
        if matches!(binary.op, B::Equal | B::NotEqual) {
            // Numbers compare across kinds (T3).
            let (of, with) = (self.types.resolve(&left.ty), self.types.resolve(&right.ty));
            if of.is_number() && with.is_number() {
                let id = if binary.op == B::Equal { "equals" } else { "not_equals" };
                let expr = Expr::Call { function: id.into(), args: vec![left.expr, right.expr] };
                return Typed::new(expr, CelType::Bool);
            }
        }
        let at = if binary.op_span.is_empty() { span } else { binary.op_span };
        self.operator(name, binary.op.as_str(), vec![left, right], at)
    }

    /// `a ?? b`: of what may be null or absent.
    fn coalesce(&mut self, binary: &tree::Binary) -> Typed {
        let left = self.expr(&binary.left);
        let right = self.expr(&binary.right);
        let of = match self.types.resolve(&left.ty) {
            CelType::Null => None,
            CelType::Wrapper(of) => Some(*of),
            ty => Some(ty.held().cloned().unwrap_or(ty)),
        };
        let ty = self.join(of, right.ty);
        Typed::new(Expr::Coalesce(Box::new(left.expr), Box::new(right.expr)), ty)
    }

    /// `c ? a : b`: both have one type.
    fn ternary(&mut self, ternary: &tree::Ternary, span: Span) -> Typed {
        let test = self.condition(&ternary.condition, "what `?` asks");
        let then = self.expr(&ternary.then);
        let otherwise = self.expr(&ternary.otherwise);
        let of = self.types.fresh();
        let both = [then.ty.clone(), otherwise.ty.clone()];
        let ty = if self.types.assign_all(&both, &[of.clone(), of.clone()]) {
            self.types.resolve(&of)
        } else {
            let (left, right) = (self.types.settled(&then.ty), self.types.settled(&otherwise.ty));
            self.refuse(
                Code::TypeMismatch,
                span,
                format!("`?:` chooses between `{left}` and `{right}`"),
                Some("both have one type; `dyn(…)` around one lets it be either".into()),
            );
            CelType::Dyn
        };
        let expr =
            Expr::If { test: Box::new(test), then: Box::new(then.expr), otherwise: Box::new(otherwise.expr) };
        Typed::new(expr, ty)
    }

    /// `e as T`, of the built-in types.
    fn cast(&mut self, of: &tree::Expr, ty: &TypeExpr) -> Typed {
        let typed = self.expr(of);
        let Some((to, cel)) = target(ty) else {
            let diagnostic =
                self.error(Code::UnknownType, ty.span, format!("unknown type `{}`", self.shown(ty.span)));
            return self.fault(diagnostic.help("an expression by itself knows the built-in types only"));
        };
        let from = self.types.settled(&typed.ty).to_type();
        Typed::new(Expr::Cast { of: Box::new(typed.expr), from, to }, cel)
    }

    /// The types of the variables of a walk: element, or key of a map; with two, index or key, and value.
    pub(super) fn walked(&mut self, over: &CelType, span: Span, two: bool) -> (CelType, CelType) {
        let over = self.types.resolve(over);
        match &over {
            CelType::List(of) if two => (CelType::Int, (**of).clone()),
            CelType::List(of) => ((**of).clone(), CelType::Dyn),
            CelType::Map(key, value) => ((**key).clone(), (**value).clone()),
            CelType::Var(_) => {
                self.types.assign(&CelType::Dyn, &over);
                (CelType::Dyn, CelType::Dyn)
            }
            CelType::Dyn | CelType::Error => (CelType::Dyn, CelType::Dyn),
            other => {
                let other = self.types.settled(other);
                let help = match other {
                    CelType::String => Some("its characters are `text.split(\"\")`".into()),
                    _ => Some("a list or a map is gone through".into()),
                };
                self.refuse(Code::NotIterable, span, format!("`{other}` is no list or map"), help);
                let ty = if self.scope.unchecked { CelType::Dyn } else { CelType::Error };
                (ty.clone(), ty)
            }
        }
    }
}

/// The type that a cast names.
fn target(ty: &TypeExpr) -> Option<(Type, CelType)> {
    if ty.range.is_some() || ty.trust.is_some() {
        return None;
    }
    let (base, cel) = match &ty.kind {
        TypeKind::Primitive(primitive) => match primitive {
            Primitive::String => (Type::STRING, CelType::String),
            Primitive::Int => (Type::INT, CelType::Int),
            Primitive::Float => (Type::FLOAT, CelType::Double),
            Primitive::Bool => (Type::Bool, CelType::Bool),
            Primitive::Bytes => (Type::Bytes, CelType::Bytes),
            Primitive::Duration => (Type::Duration, CelType::Duration),
            Primitive::Timestamp => (Type::Timestamp, CelType::Timestamp),
            Primitive::Json => (Type::Json, CelType::Dyn),
            Primitive::Null => (Type::Null, CelType::Null),
            Primitive::Image | Primitive::Audio | Primitive::File => return None,
        },
        TypeKind::List(of) => {
            let (ty, cel) = target(of)?;
            (Type::list(ty), CelType::list(cel))
        }
        TypeKind::Map(key, value) => {
            let ((key, cel_key), (value, cel_value)) = (target(key)?, target(value)?);
            (Type::map(key, value), CelType::map(cel_key, cel_value))
        }
        _ => return None,
    };
    Some(match ty.nullable {
        true => (base.nullable(), CelType::Wrapper(Box::new(cel))),
        false => (base, cel),
    })
}

/// The optional that is absent.
pub(super) fn absent() -> Expr {
    Expr::Const(Value::Optional(None))
}

/// Whether a macro's last body is a condition.
pub(super) fn is_test(op: MacroOp) -> bool {
    matches!(op, MacroOp::All | MacroOp::Exists | MacroOp::ExistsOne | MacroOp::Filter | MacroOp::Find)
}
