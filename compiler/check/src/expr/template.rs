//! Strings with splices and directives.

use flow_diagnostics::Code;
use flow_ir::expr::Piece;
use flow_ir::{Expr, Type};
use flow_syntax::tree::{self, Template};

use crate::cx::{BindingKind, Cx, Place, Typed};

impl Cx<'_> {
    pub fn template(&mut self, template: &Template) -> Typed {
        let pieces = self.pieces(&template.pieces);
        Typed::new(Expr::Template(pieces), Type::STRING)
    }

    fn pieces(&mut self, pieces: &[tree::Piece]) -> Vec<Piece> {
        pieces.iter().map(|piece| self.piece(piece)).collect()
    }

    fn piece(&mut self, piece: &tree::Piece) -> Piece {
        match piece {
            tree::Piece::Text(text) => Piece::Text(text.to_string()),
            tree::Piece::Splice(expr) => self.splice(expr),
            tree::Piece::For(walk) => {
                let over = self.expr(&walk.over, None);
                let (index_type, item_type) = self.walked(&over.ty, walk.over.span, walk.index.is_some());
                self.scope(|cx| {
                    let index = walk.index.as_ref().map(|name| {
                        let local = cx.local();
                        cx.bind_unchecked(name, index_type, BindingKind::Variable, Place::Local(local));
                        local
                    });
                    let item = cx.local();
                    cx.bind_unchecked(&walk.item, item_type, BindingKind::Variable, Place::Local(item));
                    let body = cx.pieces(&walk.body);
                    Piece::For { over: over.expr, index, item, body }
                })
            }
            tree::Piece::If(choice) => self.choice(&choice.branches, &choice.otherwise),
        }
    }

    fn choice(
        &mut self,
        branches: &[(tree::Expr, Vec<tree::Piece>)],
        last: &Option<Vec<tree::Piece>>,
    ) -> Piece {
        let mark = self.point.facts.len();
        let mut arms = Vec::with_capacity(branches.len());
        for (condition, body) in branches {
            let test = self.condition(condition);
            let before = self.point.facts.len();
            self.assume(condition, true);
            let then = self.pieces(body);
            self.point.facts.truncate(before);
            self.assume(condition, false);
            arms.push((test, then));
        }
        let mut otherwise = last.as_ref().map(|body| self.pieces(body)).unwrap_or_default();
        self.point.facts.truncate(mark);
        while let Some((test, then)) = arms.pop() {
            let piece = Piece::If { test, then, otherwise };
            if arms.is_empty() {
                return piece;
            }
            otherwise = vec![piece];
        }
        Piece::Text(String::new())
    }

    fn splice(&mut self, expr: &tree::Expr) -> Piece {
        let typed = self.expr(expr, None);
        match typed.ty.base() {
            Type::Nullable(_) | Type::Optional(_) | Type::Null => {
                self.may_be_null(&typed.ty, expr.span, "a text")
            }
            Type::Bytes | Type::Media(_) | Type::Type => {
                let diagnostic = self
                    .error(Code::TypeMismatch, expr.span, format!("`{}` cannot stand in a text", typed.ty))
                    .help("splice a text, a number, an enum, a record or a list");
                self.report(diagnostic);
            }
            _ => {}
        }
        Piece::Splice { value: typed.expr, ty: typed.ty }
    }

    /// Returns the types of index (key) and element of what is walked.
    pub fn walked(&mut self, over: &Type, span: flow_source::Span, with_index: bool) -> (Type, Type) {
        match over.base() {
            Type::Error => (Type::Error, Type::Error),
            Type::Never => (Type::INT, Type::Never),
            Type::List(of, _) => (Type::INT, (*of).clone()),
            Type::Map(key, value) if with_index => ((*key).clone(), (*value).clone()),
            Type::Map(key, _) => (Type::Error, (*key).clone()),
            Type::Nullable(_) | Type::Optional(_) => {
                self.may_be_null(over, span, "a walk");
                (Type::Error, Type::Error)
            }
            other => {
                let diagnostic = self
                    .error(Code::NotIterable, span, format!("`{other}` cannot be walked"))
                    .here("neither a list nor a map")
                    .help(match other {
                        Type::Json => "read it first: `… as [json]`",
                        Type::Int(_) => "walk the numbers: `lists.range(n)`",
                        _ => "walk a list or a map",
                    });
                self.report(diagnostic);
                (Type::Error, Type::Error)
            }
        }
    }
}
