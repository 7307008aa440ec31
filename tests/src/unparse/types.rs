//! Types and constants.

use flow_syntax::TokenKind;
use flow_syntax::tree::*;

use super::Printer;

impl Printer<'_> {
    pub(super) fn refined(&mut self, refined: &RefinedType) {
        self.ty(&refined.ty);
        self.rule(refined.rule.as_ref());
    }

    pub(super) fn rule(&mut self, rule: Option<&Expr>) {
        if let Some(rule) = rule {
            self.word("where");
            self.expr(rule);
        }
    }

    pub(super) fn record_type(&mut self, record: &RecordType) {
        self.node(record.span);
        self.word("{");
        for field in &record.fields {
            self.node(field.span);
            self.name(&field.name);
            self.word(":");
            self.refined(&field.ty);
        }
        self.word("}");
    }

    pub(super) fn ty(&mut self, ty: &TypeExpr) {
        self.node(ty.span);
        if let Some((trust, span)) = ty.trust {
            let word = if trust == Trust::Trusted { "trusted" } else { "untrusted" };
            if self.item.slice(span) != word {
                self.fail(word);
            }
            self.leaf(span);
        }
        match &ty.kind {
            TypeKind::Primitive(primitive) => self.word(primitive.as_str()),
            TypeKind::Named(name) => self.name(name),
            TypeKind::List(of) => {
                self.word("[");
                self.ty(of);
                self.word("]");
            }
            TypeKind::Map(key, value) => {
                self.word("[");
                self.ty(key);
                self.word(":");
                self.ty(value);
                self.word("]");
            }
            TypeKind::Record(record) => self.record_type(record),
            TypeKind::Literal(literal) => self.literal(literal),
            TypeKind::Union(members) => {
                for (n, member) in members.iter().enumerate() {
                    if n > 0 {
                        self.word("|");
                    }
                    self.ty(member);
                }
            }
            TypeKind::Error => {}
        }
        if let Some(range) = &ty.range {
            self.leaf(range.span);
        }
        if ty.nullable {
            self.word("?");
        }
    }

    /// A constant that has no span of its own: one token, a sign before it, or a string.
    fn literal(&mut self, literal: &Literal) {
        self.trivia();
        match literal {
            Literal::Bool(value) => self.word(if *value { "true" } else { "false" }),
            Literal::Null => self.word("null"),
            Literal::String(_) if self.kind() == Some(TokenKind::QuoteOpen) => {
                while !matches!(self.kind(), None | Some(TokenKind::QuoteClose)) {
                    self.copy();
                }
                self.copy();
            }
            _ => {
                if self.text() == "-" {
                    self.copy();
                    self.trivia();
                }
                match self.kind() {
                    Some(TokenKind::Number | TokenKind::Plain) => self.copy(),
                    _ => self.fail("a constant"),
                }
            }
        }
    }
}
