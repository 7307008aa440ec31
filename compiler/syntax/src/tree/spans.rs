//! Moving the spans of an expression.

use flow_source::Span;

use super::{Arg, Entry, Expr, ExprKind, Key, Name, Piece, TypeExpr, TypeKind};

/// Replaces every span of an expression by what `map` makes of it.
pub(crate) fn map_spans(expr: &mut Expr, map: &dyn Fn(Span) -> Span) {
    expr.span = map(expr.span);
    match &mut expr.kind {
        ExprKind::Literal(_)
        | ExprKind::Name(_)
        | ExprKind::TypeName(_)
        | ExprKind::Loop(_)
        | ExprKind::Error => {}
        ExprKind::Template(template) => template.pieces.iter_mut().for_each(|p| piece(p, map)),
        ExprKind::List(elements) => elements.iter_mut().for_each(|e| map_spans(&mut e.value, map)),
        ExprKind::Record(record) => {
            record.name.iter_mut().for_each(|n| name(n, map));
            record.entries.iter_mut().for_each(|e| entry(e, map));
        }
        ExprKind::Member(m) => {
            map_spans(&mut m.object, map);
            name(&mut m.name, map);
        }
        ExprKind::Index(i) => {
            map_spans(&mut i.object, map);
            map_spans(&mut i.index, map);
        }
        ExprKind::Call(call) => {
            name(&mut call.name, map);
            args(&mut call.args, map);
        }
        ExprKind::Method(m) => {
            map_spans(&mut m.receiver, map);
            name(&mut m.name, map);
            args(&mut m.args, map);
        }
        ExprKind::Unary(_, operand) => map_spans(operand, map),
        ExprKind::Binary(b) => {
            b.op_span = map(b.op_span);
            map_spans(&mut b.left, map);
            map_spans(&mut b.right, map);
        }
        ExprKind::Ternary(t) => {
            [&mut t.condition, &mut t.then, &mut t.otherwise].into_iter().for_each(|e| map_spans(e, map))
        }
        ExprKind::Is(operand, variant) => {
            map_spans(operand, map);
            name(variant, map);
        }
        ExprKind::Cast(operand, target) => {
            map_spans(operand, map);
            ty(target, map);
        }
    }
}

fn name(name: &mut Name, map: &dyn Fn(Span) -> Span) {
    name.span = map(name.span);
}

fn args(args: &mut [Arg], map: &dyn Fn(Span) -> Span) {
    for arg in args {
        arg.name.iter_mut().for_each(|n| name(n, map));
        map_spans(&mut arg.value, map);
    }
}

fn entry(entry: &mut Entry, map: &dyn Fn(Span) -> Span) {
    match entry {
        Entry::Spread(value) => map_spans(value, map),
        Entry::Pair { key, value, .. } => {
            match key {
                Key::Name(n) => name(n, map),
                Key::Literal(_, span) => *span = map(*span),
                Key::Computed(e) => map_spans(e, map),
            }
            map_spans(value, map);
        }
    }
}

fn piece(p: &mut Piece, map: &dyn Fn(Span) -> Span) {
    match p {
        Piece::Text(_) => {}
        Piece::Splice(e) => map_spans(e, map),
        Piece::For(f) => {
            f.span = map(f.span);
            f.index.iter_mut().for_each(|n| name(n, map));
            name(&mut f.item, map);
            map_spans(&mut f.over, map);
            f.body.iter_mut().for_each(|p| piece(p, map));
        }
        Piece::If(i) => {
            i.span = map(i.span);
            for (condition, body) in &mut i.branches {
                map_spans(condition, map);
                body.iter_mut().for_each(|p| piece(p, map));
            }
            i.otherwise.iter_mut().flatten().for_each(|p| piece(p, map));
        }
    }
}

fn ty(t: &mut TypeExpr, map: &dyn Fn(Span) -> Span) {
    t.span = map(t.span);
    if let Some((_, span)) = &mut t.trust {
        *span = map(*span);
    }
    if let Some(range) = &mut t.range {
        range.span = map(range.span);
        range.from.iter_mut().chain(&mut range.to).for_each(|(_, span)| *span = map(*span));
    }
    match &mut t.kind {
        TypeKind::Primitive(_) | TypeKind::Literal(_) | TypeKind::Error => {}
        TypeKind::Named(n) => name(n, map),
        TypeKind::List(element) => ty(element, map),
        TypeKind::Map(key, value) => {
            ty(key, map);
            ty(value, map);
        }
        TypeKind::Record(record) => {
            record.span = map(record.span);
            for field in &mut record.fields {
                field.span = map(field.span);
                name(&mut field.name, map);
                ty(&mut field.ty.ty, map);
                field.ty.rule.iter_mut().for_each(|e| map_spans(e, map));
            }
        }
        TypeKind::Union(members) => members.iter_mut().for_each(|m| ty(m, map)),
    }
}
