//! Strings with splices and directives.

use flow_diagnostics::Code;
use flow_ir::expr::Piece;
use flow_ir::types::Size;
use flow_ir::{Expr, Type};
use flow_syntax::tree::{self, Template};

use super::sizes;
use crate::cx::{BindingKind, Cx, Place, Typed};

/// Nothing, as a text.
const NOTHING: Size = Size { min: Some(0), max: Some(0) };

impl Cx<'_> {
    pub fn template(&mut self, template: &Template) -> Typed {
        let (pieces, size) = self.pieces(&template.pieces);
        Typed::new(Expr::Template(pieces), Type::String(size))
    }

    /// Checks pieces; their size is that of the text they make.
    fn pieces(&mut self, pieces: &[tree::Piece]) -> (Vec<Piece>, Size) {
        let mut checked = Vec::with_capacity(pieces.len());
        let mut size = NOTHING;
        for piece in pieces {
            let (piece, own) = self.piece(piece);
            size = sizes::then(size, own);
            checked.push(piece);
        }
        (checked, size)
    }

    fn piece(&mut self, piece: &tree::Piece) -> (Piece, Size) {
        match piece {
            tree::Piece::Text(text) => {
                let count = Some(text.chars().count() as u64);
                (Piece::Text(text.to_string()), Size { min: count, max: count })
            }
            tree::Piece::Splice(expr) => self.splice(expr),
            tree::Piece::For(walk) => {
                let over = self.apart(|cx| cx.expr(&walk.over, None));
                let (index_type, item_type) = self.walked(&over.ty, walk.over.span, walk.index.is_some());
                self.scope(|cx| {
                    let index = walk.index.as_ref().map(|name| {
                        let local = cx.local();
                        cx.bind_unchecked(name, index_type, BindingKind::Variable, Place::Local(local));
                        local
                    });
                    let item = cx.local();
                    cx.bind_unchecked(&walk.item, item_type, BindingKind::Variable, Place::Local(item));
                    let (body, each) = cx.pieces(&walk.body);
                    let size = sizes::times(sizes::walked(&over.ty), each);
                    (Piece::For { over: over.expr, index, item, body }, size)
                })
            }
            tree::Piece::If(choice) => self.choice(&choice.branches, &choice.otherwise),
        }
    }

    fn choice(
        &mut self,
        branches: &[(tree::Expr, Vec<tree::Piece>)],
        last: &Option<Vec<tree::Piece>>,
    ) -> (Piece, Size) {
        let mark = self.point.facts.len();
        let mut arms = Vec::with_capacity(branches.len());
        let mut size: Option<Size> = None;
        for (condition, body) in branches {
            let test = self.apart(|cx| cx.condition(condition));
            let before = self.point.facts.len();
            self.assume(condition, true);
            let (then, own) = self.pieces(body);
            size = Some(size.map_or(own, |size| sizes::either(size, own)));
            self.point.facts.truncate(before);
            self.assume(condition, false);
            arms.push((test, then));
        }
        let (mut otherwise, own) = match last {
            Some(body) => self.pieces(body),
            None => (Vec::new(), NOTHING),
        };
        let size = size.map_or(own, |size| sizes::either(size, own));
        self.point.facts.truncate(mark);
        while let Some((test, then)) = arms.pop() {
            let piece = Piece::If { test, then, otherwise };
            if arms.is_empty() {
                return (piece, size);
            }
            otherwise = vec![piece];
        }
        (Piece::Text(String::new()), NOTHING)
    }

    /// Checks what is computed within a message's text: texts in it are texts only.
    fn apart<T>(&mut self, check: impl FnOnce(&mut Self) -> T) -> T {
        let media = self.media.take();
        let checked = check(self);
        self.media = media;
        checked
    }

    fn splice(&mut self, expr: &tree::Expr) -> (Piece, Size) {
        let typed = self.apart(|cx| cx.expr(expr, None));
        if let (Type::Media(kind), Some(media)) = (typed.ty.base(), &mut self.media) {
            media.push((kind, expr.span));
            return (Piece::Splice { value: typed.expr, ty: typed.ty }, NOTHING);
        }
        match typed.ty.base() {
            Type::Nullable(_) | Type::Optional(_) | Type::Null => {
                self.may_be_null(&typed.ty, expr.span, "a text")
            }
            Type::Bytes | Type::Media(_) | Type::Type => {
                let diagnostic = self
                    .error(Code::TypeMismatch, expr.span, format!("`{}` cannot stand in a text", typed.ty))
                    .help(match typed.ty {
                        Type::Bytes => format!("read it as a text: `string({})`", self.shown(expr.span)),
                        Type::Media(_) => {
                            "take it out: it stands in the `user` text of a prompt or an agent".to_string()
                        }
                        _ => "take it out: a text takes texts, numbers, values of enums, records and lists"
                            .to_string(),
                    });
                self.report(diagnostic);
            }
            _ => {}
        }
        let size = sizes::spliced(self.program, &typed);
        (Piece::Splice { value: typed.expr, ty: typed.ty }, size)
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
                self.may_be_null(over, span, "what is walked");
                (Type::Error, Type::Error)
            }
            other => {
                let diagnostic = self
                    .error(Code::NotIterable, span, format!("`{other}` cannot be walked"))
                    .here("neither a list nor a map")
                    .help({
                        let text = self.shown(span);
                        match other {
                            Type::Json => format!("say that it is a list: `{text} as [json]`"),
                            Type::Int(_) => format!("walk the numbers: `lists.range({text})`"),
                            Type::String(_) => {
                                format!(
                                    "walk the parts of the text: `{text}.lines()`, or `{text}.split(\",\")`"
                                )
                            }
                            other => match self.program.record_of(&other).and_then(|record| {
                                record
                                    .fields
                                    .iter()
                                    .find(|field| matches!(field.ty.base(), Type::List(..) | Type::Map(..)))
                            }) {
                                Some(field) => format!("walk a field of it: `{text}.{}`", field.name),
                                None => format!("walk a list, such as `[{text}]`, or take the walk out"),
                            },
                        }
                    });
                self.report(diagnostic);
                (Type::Error, Type::Error)
            }
        }
    }
}
