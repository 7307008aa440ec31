//! Types.

use flow_grammar::Rule;
use flow_source::Span;
use pest::iterators::Pair;

use super::{Builder, Cursor, name, span_of};
use crate::tree::{
    Expr, Literal, Name, Primitive, Range, RecordType, RefinedType, Trust, TypeExpr, TypeField, TypeKind,
    Union, UnionMember, VariantDecl,
};

impl Builder<'_> {
    /// `refined`
    pub(super) fn refined(&mut self, pair: Pair<'_, Rule>) -> RefinedType {
        let mut cursor = Cursor::new(pair);
        let ty = self.type_expr(cursor.take());
        let rule = cursor.next().map(|pair| self.where_rule(pair));
        RefinedType { ty, rule }
    }

    /// `where_rule`
    pub(super) fn where_rule(&mut self, pair: Pair<'_, Rule>) -> Expr {
        self.expr(Cursor::new(pair).take())
    }

    /// `type_expr`
    pub(super) fn type_expr(&mut self, pair: Pair<'_, Rule>) -> TypeExpr {
        let span = span_of(&pair);
        let mut cursor = Cursor::new(pair);
        let first = self.type_term(cursor.take());
        if cursor.peek().is_none() {
            return first;
        }
        let mut members = vec![first];
        while let Some(pair) = cursor.next() {
            members.push(self.type_term(pair));
        }
        TypeExpr { trust: None, kind: TypeKind::Union(members), range: None, nullable: false, span }
    }

    fn type_term(&mut self, pair: Pair<'_, Rule>) -> TypeExpr {
        let span = span_of(&pair);
        let mut cursor = Cursor::new(pair);
        let first = cursor.take();
        let trust = match first.as_rule() {
            Rule::trusted => Some((Trust::Trusted, span_of(&first))),
            Rule::untrusted => Some((Trust::Untrusted, span_of(&first))),
            _ => return self.plain_type(first),
        };
        TypeExpr { trust, span, ..self.plain_type(cursor.take()) }
    }

    /// `plain_type`
    pub(super) fn plain_type(&mut self, pair: Pair<'_, Rule>) -> TypeExpr {
        let span = span_of(&pair);
        let mut cursor = Cursor::new(pair);
        let kind = self.type_kind(cursor.take());
        let range = cursor.take_if(Rule::range).map(|pair| self.range(pair));
        let nullable = cursor.take_if(Rule::nullable).is_some();
        TypeExpr { trust: None, kind, range, nullable, span }
    }

    fn type_kind(&mut self, pair: Pair<'_, Rule>) -> TypeKind {
        match pair.as_rule() {
            Rule::primitive => {
                let word = pair.as_str();
                Primitive::ALL
                    .into_iter()
                    .find(|p| p.as_str() == word)
                    .map_or(TypeKind::Error, TypeKind::Primitive)
            }
            Rule::type_name => TypeKind::Named(name(&pair)),
            Rule::list_type => {
                let mut cursor = Cursor::new(pair);
                let first = Box::new(self.type_expr(cursor.take()));
                match cursor.next() {
                    Some(value) => TypeKind::Map(first, Box::new(self.type_expr(value))),
                    None => TypeKind::List(first),
                }
            }
            Rule::record_type => TypeKind::Record(self.record_type(pair)),
            Rule::literal_type => {
                let inner = Cursor::new(pair).take();
                TypeKind::Literal(match inner.as_rule() {
                    Rule::string => Literal::String(self.constant_string(inner)),
                    Rule::signed => self.signed(inner),
                    _ => Literal::Bool(inner.as_str() == "true"),
                })
            }
            _ => TypeKind::Error,
        }
    }

    fn range(&mut self, pair: Pair<'_, Rule>) -> Range {
        let span = span_of(&pair);
        let mut cursor = Cursor::new(pair);
        let mut bound = |pair: Pair<'_, Rule>| {
            let span = span_of(&pair);
            (self.signed(pair), span)
        };
        let from = cursor.take_if(Rule::range_from).map(|pair| bound(Cursor::new(pair).take()));
        let to = cursor.next().map(&mut bound);
        Range { from, to, span }
    }

    /// `record_type`
    pub(super) fn record_type(&mut self, pair: Pair<'_, Rule>) -> RecordType {
        let span = span_of(&pair);
        let mut cursor = Cursor::new(pair);
        let mut fields = Vec::new();
        while let Some(pair) = cursor.next() {
            let span = span_of(&pair);
            if pair.as_rule() == Rule::poison {
                fields.extend(self.lost_field(span));
                continue;
            }
            let docs = self.docs(&cursor.docs);
            let mut inner = Cursor::new(pair);
            let name = self.field_name(inner.take());
            let ty = self.refined(inner.take());
            fields.push(TypeField { docs, name, ty, span });
        }
        RecordType { fields, span }
    }

    /// A field that could not be read keeps its name, so that uses of it aren't reported too.
    fn lost_field(&mut self, span: Span) -> Option<TypeField> {
        let word = self.lost_word(span)?;
        let ty = TypeExpr { trust: None, kind: TypeKind::Error, range: None, nullable: false, span };
        Some(TypeField { docs: None, name: word, ty: RefinedType { ty, rule: None }, span })
    }

    /// A word, or a string that names a field.
    pub(super) fn field_name(&mut self, pair: Pair<'_, Rule>) -> Name {
        if pair.as_rule() == Rule::string {
            let text = self.text(pair);
            Name { text: text.text, span: text.span }
        } else {
            name(&pair)
        }
    }

    /// `union`
    pub(super) fn union(&mut self, pair: Pair<'_, Rule>, first_docs: &[Span]) -> Union {
        let span = span_of(&pair);
        let mut cursor = Cursor::new(pair);
        let mut members = Vec::new();
        while let Some(pair) = cursor.next() {
            let span = span_of(&pair);
            let lines = if members.is_empty() && cursor.docs.is_empty() { first_docs } else { &cursor.docs };
            let mut inner = Cursor::new(pair);
            let first = inner.take();
            members.push(if first.as_rule() == Rule::variant_name {
                let docs = self.docs(lines);
                let name = name(&Cursor::new(first).take());
                let body = self.record_type(inner.take());
                UnionMember::Variant(VariantDecl { docs, name, body, span })
            } else {
                UnionMember::Type(self.type_term(first))
            });
        }
        Union { members, span }
    }
}
