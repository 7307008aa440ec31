//! Constants, lists, maps and templates.

use flow_diagnostics::Code;
use flow_ir::expr::{Entry, Item, Piece};
use flow_ir::{Expr, Value};
use flow_source::Span;
use flow_syntax::tree::{self, Key, Literal};

use super::{CelType, Checker, Typed};

/// `3`, `"text"`, `30s`
pub(super) fn literal(literal: &Literal) -> Typed {
    let (value, ty) = match literal {
        Literal::Null => (Value::Null, CelType::Null),
        Literal::Bool(value) => (Value::Bool(*value), CelType::Bool),
        Literal::Int(number) | Literal::Size(number) => (Value::Int(*number), CelType::Int),
        Literal::Uint(number) => (Value::Uint(*number), CelType::Uint),
        Literal::Float(number) => (Value::Float(number.get()), CelType::Double),
        Literal::Duration(nanos) => (Value::Duration(*nanos), CelType::Duration),
        Literal::String(text) => (Value::string(text), CelType::String),
        Literal::Bytes(bytes) => (Value::Bytes(bytes.as_ref().into()), CelType::Bytes),
    };
    Typed::new(Expr::Const(value), ty)
}

impl Checker<'_> {
    /// `[a, ?b]`
    pub(super) fn list(&mut self, elements: &[tree::Element]) -> Typed {
        let mut of = None;
        let mut items = Vec::with_capacity(elements.len());
        for element in elements {
            let typed = self.expr(&element.value);
            let ty =
                if element.optional { self.present(&typed.ty, element.value.span) } else { typed.ty.clone() };
            of = Some(self.join(of, ty));
            items.push(Item { value: typed.expr, optional: element.optional });
        }
        let of = of.unwrap_or_else(|| self.types.fresh());
        Typed::new(Expr::List(items), CelType::list(of))
    }

    /// `{a: 1, [k]: v, ?o: x, ...m}`
    pub(super) fn map(&mut self, record: &tree::Record) -> Typed {
        if let Some(name) = &record.name {
            let diagnostic = self
                .error(Code::UnknownType, name.span, format!("unknown type `{}`", name.text))
                .help("an expression by itself has no types of a program: write a map, `{name: value}`");
            for entry in &record.entries {
                match entry {
                    tree::Entry::Spread(value) | tree::Entry::Pair { value, .. } => drop(self.expr(value)),
                }
            }
            return self.fault(diagnostic);
        }
        let (mut key_type, mut value_type) = (None, None);
        let mut entries = Vec::with_capacity(record.entries.len());
        for entry in &record.entries {
            match entry {
                tree::Entry::Spread(map) => {
                    let typed = self.expr(map);
                    match self.types.resolve(&typed.ty) {
                        CelType::Map(key, value) => {
                            key_type = Some(self.join(key_type, *key));
                            value_type = Some(self.join(value_type, *value));
                        }
                        ty if ty.is_dyn() => {
                            key_type = Some(CelType::Dyn);
                            value_type = Some(CelType::Dyn);
                        }
                        ty => self.refuse(
                            Code::TypeMismatch,
                            map.span,
                            format!("`...` takes a map, not `{ty}`"),
                            None,
                        ),
                    }
                    entries.push(Entry::Spread(typed.expr));
                }
                tree::Entry::Pair { optional, key, value } => {
                    let key = match key {
                        Key::Name(name) => Typed::new(Expr::text(&name.text), CelType::String),
                        Key::Literal(constant, _) => literal(constant),
                        Key::Computed(key) => self.expr(key),
                    };
                    key_type = Some(self.join(key_type, key.ty));
                    let typed = self.expr(value);
                    let ty = if *optional { self.present(&typed.ty, value.span) } else { typed.ty.clone() };
                    value_type = Some(self.join(value_type, ty));
                    entries.push(Entry::Pair { key: key.expr, value: typed.expr, optional: *optional });
                }
            }
        }
        let key = key_type.unwrap_or_else(|| self.types.fresh());
        let value = value_type.unwrap_or_else(|| self.types.fresh());
        Typed::new(Expr::Map(entries), CelType::map(key, value))
    }

    /// The type of what an optional element holds.
    fn present(&mut self, ty: &CelType, span: Span) -> CelType {
        let ty = self.types.resolve(ty);
        if let Some(held) = ty.held() {
            return held.clone();
        }
        if ty.is_dyn() || matches!(ty, CelType::Var(_)) {
            return CelType::Dyn;
        }
        let ty = self.types.settled(&ty);
        self.refuse(
            Code::TypeMismatch,
            span,
            format!("`?` takes an optional, not `{ty}`"),
            Some("take the `?` away, or make one: `optional.of(…)`, `m.?field`, `xs[?0]`".into()),
        );
        CelType::Dyn
    }

    /// The type of what is one or the other: the more general one, else `dyn`.
    pub(super) fn join(&mut self, before: Option<CelType>, ty: CelType) -> CelType {
        let Some(before) = before else { return ty };
        if self.types.assign(&before, &ty) { self.types.general(&before, &ty) } else { CelType::Dyn }
    }

    /// `"…${e}…"` and the directives of a block.
    pub(super) fn template(&mut self, pieces: &[tree::Piece]) -> Vec<Piece> {
        pieces.iter().map(|piece| self.piece(piece)).collect()
    }

    fn piece(&mut self, piece: &tree::Piece) -> Piece {
        match piece {
            tree::Piece::Text(text) => Piece::Text(text.to_string()),
            tree::Piece::Splice(value) => {
                let typed = self.expr(value);
                let ty = self.types.settled(&typed.ty);
                if matches!(ty, CelType::Null | CelType::Bytes | CelType::Wrapper(_)) || ty.held().is_some() {
                    self.refuse(
                        Code::TypeMismatch,
                        value.span,
                        format!("`{ty}` can't be spliced into a text"),
                        Some(
                            match ty {
                                CelType::Bytes => "write `${string(b)}` or `${base64.encode(b)}`",
                                _ => "say what stands there without it: `${x ?? \"…\"}`",
                            }
                            .into(),
                        ),
                    );
                }
                Piece::Splice { value: typed.expr, ty: ty.to_type() }
            }
            tree::Piece::For(each) => {
                let over = self.expr(&each.over);
                let (first, second) = self.walked(&over.ty, each.over.span, each.index.is_some());
                let depth = self.locals.len();
                let (index, item) = match &each.index {
                    Some(index) => {
                        let index = self.bind(&index.text, first);
                        (Some(index), self.bind(&each.item.text, second))
                    }
                    None => (None, self.bind(&each.item.text, first)),
                };
                let body = self.template(&each.body);
                self.locals.truncate(depth);
                Piece::For { over: over.expr, index, item, body }
            }
            tree::Piece::If(choice) => {
                let mut branches = Vec::with_capacity(choice.branches.len());
                for (test, body) in &choice.branches {
                    let test = self.condition(test, "what `${if}` asks");
                    branches.push((test, self.template(body)));
                }
                let mut otherwise = choice.otherwise.as_deref().map(|body| self.template(body));
                for (test, then) in branches.into_iter().rev() {
                    let rest = otherwise.take().unwrap_or_default();
                    otherwise = Some(vec![Piece::If { test, then, otherwise: rest }]);
                }
                otherwise.and_then(|mut pieces| pieces.pop()).unwrap_or(Piece::Text(String::new()))
            }
        }
    }
}
