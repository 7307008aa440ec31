//! Fields and elements: `a.b.c`, `m.?f`, `xs[0]`, `has(m.f)`.

use flow_diagnostics::Code;
use flow_ir::Expr;
use flow_source::Span;
use flow_syntax::tree::{self, ExprKind};

use super::call::Candidate;
use super::{CelType, Checker, Typed};

impl Checker<'_> {
    /// `a.b`: a name with dots if there is one, the longest first; else a field.
    pub(super) fn member(&mut self, member: &tree::Member, whole: &tree::Expr) -> Typed {
        if let Some(found) = self.qualified(whole).and_then(|name| self.global(&name)) {
            return found;
        }
        let of = self.expr(&member.object);
        let ty = self.field(&of.ty, &member.name, member.optional);
        let key = Box::new(Expr::text(&member.name.text));
        Typed::new(Expr::Index { of: Box::new(of.expr), key, optional: member.optional }, ty)
    }

    /// The type of a field.
    fn field(&mut self, of: &CelType, name: &tree::Name, optional: bool) -> CelType {
        let of = self.types.resolve(of);
        let (ty, through) = match of.held() {
            Some(held) => (self.types.resolve(held), true),
            None => (of, false),
        };
        let found = match &ty {
            CelType::Map(_, value) => (**value).clone(),
            CelType::Var(_) => {
                self.types.assign(&CelType::Dyn, &ty);
                CelType::Dyn
            }
            CelType::Dyn | CelType::Error => CelType::Dyn,
            other => {
                let other = self.types.settled(other);
                let help = match (&other, name.text.as_str()) {
                    (
                        CelType::List(_) | CelType::String | CelType::Bytes,
                        "length" | "len" | "count" | "size",
                    ) => Some("write `.size()`".into()),
                    (CelType::List(_), _) => Some("an element is `xs[0]`".into()),
                    _ => None,
                };
                self.refuse(
                    Code::UnknownField,
                    name.span,
                    format!("`{other}` has no field `{}`", name.text),
                    help,
                );
                if self.scope.unchecked { CelType::Dyn } else { CelType::Error }
            }
        };
        if (optional || through) && found != CelType::Error { CelType::optional(found) } else { found }
    }

    /// `xs[0]`, `m[?k]`
    pub(super) fn index(&mut self, index: &tree::Index, span: Span) -> Typed {
        let of = self.expr(&index.object);
        let key = self.expr(&index.index);
        let ty = self.element(&of.ty, &key.ty, index.optional, span);
        let expr = Expr::Index { of: Box::new(of.expr), key: Box::new(key.expr), optional: index.optional };
        Typed::new(expr, ty)
    }

    fn element(&mut self, of: &CelType, key: &CelType, optional: bool, span: Span) -> CelType {
        let (item, at, value) = (self.types.fresh(), self.types.fresh(), self.types.fresh());
        let list = CelType::list(item.clone());
        let map = CelType::map(at.clone(), value.clone());
        let may = |ty: &CelType| if optional { CelType::optional(ty.clone()) } else { ty.clone() };
        let candidates = vec![
            Candidate::new(vec![list.clone(), CelType::Int], may(&item)),
            Candidate::new(vec![map.clone(), at.clone()], may(&value)),
            Candidate::new(vec![CelType::optional(list), CelType::Int], CelType::optional(item)),
            Candidate::new(vec![CelType::optional(map), at], CelType::optional(value)),
        ];
        let args = [of.clone(), key.clone()];
        match self.resolve(&candidates, &args) {
            Some((_, ty)) => ty,
            None => {
                let (of, key) = (self.types.settled(of), self.types.settled(key));
                let help = match &of {
                    CelType::List(_) => Some("a list is indexed by `int`, from 0".into()),
                    CelType::Map(of, _) => Some(format!("its keys are `{of}`")),
                    CelType::String => Some("a character is `text.charAt(0)`".into()),
                    _ => None,
                };
                self.refuse(Code::TypeMismatch, span, format!("`{of}` is not indexed by `{key}`"), help);
                if self.scope.unchecked { CelType::Dyn } else { CelType::Error }
            }
        }
    }

    /// `has(m.f)`
    pub(super) fn has(&mut self, args: &[tree::Arg], span: Span) -> Typed {
        let member = match args {
            [tree::Arg { name: None, value }] => match &value.kind {
                ExprKind::Member(member) if !member.optional => Some(member),
                _ => None,
            },
            _ => None,
        };
        let Some(member) = member else {
            let at = args.first().map_or(span, |arg| arg.value.span);
            let diagnostic = self
                .error(Code::UnexpectedToken, at, "`has` asks for a field")
                .help("write `has(m.f)`; for an element `k in m`");
            return self.fault(diagnostic);
        };
        let of = self.expr(&member.object);
        self.field(&of.ty, &member.name, false);
        let expr = Expr::Has { of: Box::new(of.expr), key: member.name.text.as_str().into() };
        Typed::new(expr, CelType::Bool)
    }
}
