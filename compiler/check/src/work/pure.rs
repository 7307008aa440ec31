//! What an expression may fail with (S7): told from its form, so that nothing which can happen is left out.

use flow_syntax::tree::{Entry, Expr, ExprKind, Key, Piece, UnaryOp};

use super::BuiltIn;

/// Every error of an expression: arguments may be wrong, a number may be none that can be stored (T3), a call of `code` may
/// hold a cast, work and results may be too much (C2).
pub(crate) const ANY: BuiltIn = BuiltIn::BAD_VALUE.and(BuiltIn::BAD_SHAPE).and(BuiltIn::EXHAUSTED);

/// Returns what an expression may fail with; `None` if part of it could not be read. Names, literals and what is put
/// together of them never fail; a field is missing in `json` only, whose type isn't looked at here.
pub(super) fn raises(expr: &Expr) -> Option<BuiltIn> {
    let mut kinds = (!matches!(expr.kind, ExprKind::Error)).then(|| own(expr))?;
    let mut is_read = true;
    crate::sig::children(expr, &mut |child| match raises(child) {
        Some(more) => kinds = kinds.and(more),
        None => is_read = false,
    });
    is_read.then_some(kinds)
}

/// What the outermost operation may fail with.
pub(super) fn own(expr: &Expr) -> BuiltIn {
    use flow_syntax::tree::BinaryOp::{
        Add, And, Coalesce, Divide, Equal, Greater, GreaterEqual, In, Less, LessEqual, Multiply, NotEqual,
        Or, Remainder, Subtract,
    };
    match &expr.kind {
        ExprKind::Literal(_)
        | ExprKind::Name(_)
        | ExprKind::TypeName(_)
        | ExprKind::Loop(_)
        | ExprKind::List(_)
        | ExprKind::Ternary(_)
        | ExprKind::Is(..)
        | ExprKind::Unary(UnaryOp::Not, _)
        | ExprKind::Error => BuiltIn::NONE,
        // A text that grows too large.
        ExprKind::Template(template) => {
            match template.pieces.iter().all(|piece| matches!(piece, Piece::Text(_))) {
                true => BuiltIn::NONE,
                false => BuiltIn::EXHAUSTED,
            }
        }
        // A record of a named type may break the type's rule; a spread or a computed key may be no such thing.
        ExprKind::Record(record) => {
            let odd =
                |entry: &Entry| matches!(entry, Entry::Spread(_) | Entry::Pair { key: Key::Computed(_), .. });
            match record.name.is_some() || record.entries.iter().any(odd) {
                true => ANY,
                false => BuiltIn::NONE,
            }
        }
        ExprKind::Member(member) => match member.object.kind {
            // `Kind.billing`
            ExprKind::TypeName(_) => BuiltIn::NONE,
            _ => BuiltIn::BAD_VALUE,
        },
        ExprKind::Call(call) if call.name.text == "has" => BuiltIn::NONE,
        ExprKind::Index(_)
        | ExprKind::Call(_)
        | ExprKind::Method(_)
        | ExprKind::Unary(UnaryOp::Negate, _)
        | ExprKind::Cast(..) => ANY,
        ExprKind::Binary(binary) => match binary.op {
            Or | And | Equal | NotEqual | Coalesce | Less | LessEqual | Greater | GreaterEqual | In => {
                BuiltIn::NONE
            }
            Add | Subtract | Multiply | Divide | Remainder => ANY,
        },
    }
}
