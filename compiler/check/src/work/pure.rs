//! What an expression may fail with (S7): told from its form, so that nothing which can happen is left out.

use flow_syntax::tree::{Entry, Expr, ExprKind, Key, Piece};

use super::BuiltIn;

/// Every error of an expression.
const ANY: BuiltIn = BuiltIn::BAD_VALUE.and(BuiltIn::BAD_SHAPE).and(BuiltIn::EXHAUSTED);
/// A function or an operator: its arguments may be wrong, its work or its result too much (C2).
const COMPUTED: BuiltIn = BuiltIn::BAD_VALUE.and(BuiltIn::EXHAUSTED);

/// Returns what an expression may fail with. Names, literals and what is put together of them never fail; a field is
/// missing in `json` only, whose type isn't looked at here.
pub(super) fn raises(expr: &Expr) -> BuiltIn {
    let mut kinds = own(expr);
    crate::sig::children(expr, &mut |child| kinds = kinds.and(raises(child)));
    kinds
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
        | ExprKind::Unary(flow_syntax::tree::UnaryOp::Not, _) => BuiltIn::NONE,
        ExprKind::Template(template) => match template.pieces.iter().all(is_plain) {
            true => BuiltIn::NONE,
            false => BuiltIn::EXHAUSTED,
        },
        // A record of a named type may break the type's rule; a spread or a computed key may be no such thing.
        ExprKind::Record(record) => {
            let odd =
                |entry: &Entry| matches!(entry, Entry::Spread(_) | Entry::Pair { key: Key::Computed(_), .. });
            match (&record.name, record.entries.iter().any(odd)) {
                (None, false) => BuiltIn::NONE,
                (None, true) => BuiltIn::BAD_VALUE,
                (Some(_), _) => ANY,
            }
        }
        ExprKind::Member(member) => match member.object.kind {
            // `Kind.billing`
            ExprKind::TypeName(_) => BuiltIn::NONE,
            _ => BuiltIn::BAD_VALUE,
        },
        ExprKind::Index(_) => COMPUTED,
        ExprKind::Call(call) if call.name.text == "has" => BuiltIn::NONE,
        ExprKind::Call(call) if flow_expr::functions::lookup(&call.name.text, false).next().is_some() => {
            COMPUTED
        }
        ExprKind::Method(_) => COMPUTED,
        // Pure code may hold a cast.
        ExprKind::Call(_) | ExprKind::Error => ANY,
        ExprKind::Unary(flow_syntax::tree::UnaryOp::Negate, _) => BuiltIn::BAD_VALUE,
        ExprKind::Binary(binary) => match binary.op {
            Or | And | Equal | NotEqual | Coalesce => BuiltIn::NONE,
            Less | LessEqual | Greater | GreaterEqual | In => BuiltIn::NONE,
            Add | Subtract | Multiply | Divide | Remainder => COMPUTED,
        },
        ExprKind::Cast(..) => BuiltIn::BAD_SHAPE.and(BuiltIn::EXHAUSTED),
    }
}

fn is_plain(piece: &Piece) -> bool {
    matches!(piece, Piece::Text(_))
}
