//! Items.

use flow_grammar::Rule;
use flow_source::Span;
use pest::iterators::Pair;
use smol_str::SmolStr;

use super::step::lost_type;
use super::{Builder, Cursor, name, span_of};
use crate::tree::{
    Allow, Budget, Code, CodeBody, Const, EnumDecl, EnumValue, ErrorItem, Eval, Expect, Expr, ExprKind,
    Field, FieldValue, Flow, Gate, GateAction, Import, Imported, ItemKind, Measure, Memory, Mock,
    MockOutcome, MockTarget, Model, Name, Node, NodeKind, OnError, Param, Server, Test, TestPart, Text,
    ToolUse, Trigger, TypeBody, TypeDecl, Variant,
};

impl Builder<'_> {
    /// Any rule of `item`
    pub(crate) fn item(&mut self, pair: Pair<'_, Rule>) -> ItemKind {
        let rule = pair.as_rule();
        let mut cursor = Cursor::new(pair);
        match rule {
            Rule::import => self.import(&mut cursor),
            Rule::constant => {
                let name = name(&cursor.take());
                let ty = cursor.take_if(Rule::refined).map(|pair| self.refined(pair));
                ItemKind::Const(Const { name, ty, value: self.expr(cursor.take()) })
            }
            Rule::model => {
                let (name, source) = (name(&cursor.take()), self.expr(cursor.take()));
                ItemKind::Model(Model { name, source, fields: self.maybe_fields(&mut cursor) })
            }
            Rule::server => {
                let (name, source) = (name(&cursor.take()), self.expr(cursor.take()));
                ItemKind::Server(Server { name, source, fields: self.maybe_fields(&mut cursor) })
            }
            Rule::memory => {
                let trusted = cursor.take_if(Rule::trusted).map(|pair| span_of(&pair));
                let name = name(&cursor.take());
                let ty = self.refined(cursor.take());
                let store = self.expr(cursor.take());
                ItemKind::Memory(Memory { trusted, name, ty, store, fields: self.maybe_fields(&mut cursor) })
            }
            Rule::trigger => self.trigger(&mut cursor),
            Rule::authority => self.allow(&mut cursor),
            Rule::alternative => {
                let (name, of) = (name(&cursor.take()), super::name(&cursor.take()));
                ItemKind::Variant(Variant { name, of, fields: self.fields(cursor.take()) })
            }
            Rule::enumeration => self.enumeration(&mut cursor),
            Rule::type_decl => self.type_decl(&mut cursor),
            Rule::node => self.node(&mut cursor),
            Rule::code => self.code(&mut cursor),
            Rule::flow => self.flow(&mut cursor),
            Rule::test => self.test(&mut cursor),
            Rule::evaluation => self.eval(&mut cursor),
            _ => ItemKind::Error(ErrorItem { keyword: None, name: None, imported: Vec::new() }),
        }
    }

    fn import(&mut self, cursor: &mut Cursor<'_>) -> ItemKind {
        let mut names = Vec::new();
        while let Some(pair) = cursor.take_if(Rule::imported) {
            let mut inner = Cursor::new(pair);
            let name = name(&inner.take());
            names.push(Imported { name, alias: inner.next().map(|pair| super::name(&pair)) });
        }
        ItemKind::Import(Import { names, from: self.text(cursor.take()) })
    }

    fn trigger(&mut self, cursor: &mut Cursor<'_>) -> ItemKind {
        let name = name(&cursor.take());
        let source = self.expr(cursor.take());
        let source_fields = self.maybe_fields(cursor);
        let target = cursor.take_if(Rule::target_arrow).map(|_| self.expr(cursor.take()));
        ItemKind::Trigger(Trigger { name, source, source_fields, target, fields: self.maybe_fields(cursor) })
    }

    fn allow(&mut self, cursor: &mut Cursor<'_>) -> ItemKind {
        let list = cursor.take();
        let list_span = span_of(&list);
        let mut elements = Cursor::new(list);
        let mut entries = Vec::new();
        while let Some(pair) = elements.next() {
            let mut inner = Cursor::new(pair);
            inner.take_if(Rule::optional);
            entries.push(self.expr(inner.take()));
        }
        ItemKind::Allow(Allow { entries, list_span })
    }

    fn enumeration(&mut self, cursor: &mut Cursor<'_>) -> ItemKind {
        let name = name(&cursor.take());
        let mut values = Vec::new();
        while let Some(pair) = cursor.next() {
            let span = span_of(&pair);
            let value =
                if pair.as_rule() == Rule::poison { self.lost_word(span) } else { Some(super::name(&pair)) };
            let docs = self.docs(&cursor.docs);
            values.extend(value.map(|name| EnumValue { docs, name }));
        }
        ItemKind::Enum(EnumDecl { name, values })
    }

    fn type_decl(&mut self, cursor: &mut Cursor<'_>) -> ItemKind {
        let name = name(&cursor.take());
        let body = cursor.take();
        let body = if body.as_rule() == Rule::record_type {
            TypeBody::Record(self.record_type(body))
        } else {
            let docs = std::mem::take(&mut cursor.docs);
            TypeBody::Union(self.union(body, &docs))
        };
        let rule = cursor.next().map(|pair| self.where_rule(pair));
        ItemKind::Type(TypeDecl { name, body, rule })
    }

    fn node(&mut self, cursor: &mut Cursor<'_>) -> ItemKind {
        let kind = match cursor.take().as_str() {
            "prompt" => NodeKind::Prompt,
            "agent" => NodeKind::Agent,
            "tool" => NodeKind::Tool,
            "human" => NodeKind::Human,
            _ => NodeKind::Event,
        };
        let name = name(&cursor.take());
        let params = self.params(cursor.take());
        let returns = self.returns(cursor.take());
        ItemKind::Node(Node { kind, name, params, returns, fields: self.fields(cursor.take()) })
    }

    fn returns(&mut self, pair: Pair<'_, Rule>) -> crate::tree::TypeExpr {
        self.type_expr(Cursor::new(pair).take())
    }

    /// `params`
    pub(super) fn params(&mut self, pair: Pair<'_, Rule>) -> Vec<Param> {
        let mut cursor = Cursor::new(pair);
        let mut params = Vec::new();
        while let Some(pair) = cursor.next() {
            let span = span_of(&pair);
            if pair.as_rule() == Rule::poison {
                let lost = self.lost_word(span);
                params.extend(lost.map(|name| Param {
                    docs: None,
                    name,
                    ty: lost_type(span),
                    default: None,
                    span,
                }));
                continue;
            }
            let docs = self.docs(&cursor.docs);
            let mut inner = Cursor::new(pair);
            let name = name(&inner.take());
            let ty = self.refined(inner.take());
            params.push(Param { docs, name, ty, default: inner.next().map(|pair| self.expr(pair)), span });
        }
        params
    }

    fn maybe_fields(&mut self, cursor: &mut Cursor<'_>) -> Vec<Field> {
        cursor.take_if(Rule::fields).map(|pair| self.fields(pair)).unwrap_or_default()
    }

    /// `fields`
    fn fields(&mut self, pair: Pair<'_, Rule>) -> Vec<Field> {
        let mut cursor = Cursor::new(pair);
        let mut fields = Vec::new();
        while let Some(pair) = cursor.next() {
            let docs = std::mem::take(&mut cursor.docs);
            fields.extend(self.field(pair, &docs));
        }
        fields
    }

    /// `field`, `python`, `tools` or what stands in its place
    fn field(&mut self, pair: Pair<'_, Rule>, docs: &[Span]) -> Option<Field> {
        let (span, rule) = (span_of(&pair), pair.as_rule());
        if rule == Rule::poison {
            let mut key = self.lost_word(span)?;
            // A list of roles is told with its key: it says what is asked, as `user` does.
            if self.poisoned(span).contains("- role:") {
                key.text = "user".into();
            }
            return Some(Field { docs: None, key, value: FieldValue::Error, span });
        }
        let docs = self.docs(docs);
        let mut cursor = Cursor::new(pair);
        let key = name(&cursor.take());
        let value = match rule {
            Rule::python => {
                let text = cursor.take();
                FieldValue::Python(Text {
                    span: span_of(&text),
                    text: super::string::python_text(text.as_str()),
                })
            }
            Rule::tools => {
                let mut uses = Vec::new();
                while let Some(pair) = cursor.next() {
                    let span = span_of(&pair);
                    let mut inner = Cursor::new(pair);
                    let tool = self.postfix(inner.take());
                    uses.push(ToolUse { tool, max: inner.next().map(|pair| self.expr(pair)), span });
                }
                FieldValue::Tools(uses)
            }
            _ => {
                let value = cursor.take();
                match value.as_rule() {
                    Rule::by_value => FieldValue::By(self.inner_expr(value)),
                    Rule::trusted_value => FieldValue::Trusted(self.inner_expr(value)),
                    Rule::fail_value => {
                        let kind = ExprKind::Name(SmolStr::new_static("fail"));
                        FieldValue::Expr(Expr { kind, span: span_of(&value) })
                    }
                    _ => FieldValue::Expr(self.expr(value)),
                }
            }
        };
        Some(Field { docs, key, value, span })
    }

    fn code(&mut self, cursor: &mut Cursor<'_>) -> ItemKind {
        let name = name(&cursor.take());
        let params = self.params(cursor.take());
        let returns = self.returns(cursor.take());
        let body = cursor.take();
        let body = if body.as_rule() == Rule::block {
            CodeBody::Block(self.block(body))
        } else {
            CodeBody::Value(self.value(body))
        };
        ItemKind::Code(Code { name, params, returns, body })
    }

    fn flow(&mut self, cursor: &mut Cursor<'_>) -> ItemKind {
        let name = name(&cursor.take());
        let params = self.params(cursor.take());
        let returns = cursor.take_if(Rule::returns).map(|pair| self.returns(pair));
        let emits = cursor.take_if(Rule::emits).map(|pair| self.returns(pair));
        let body = cursor.take();
        let body_span = span_of(&body);
        let mut body = Cursor::new(body);
        let budget =
            body.take_if(Rule::budget).map(|pair| Budget { span: span_of(&pair), fields: self.fields(pair) });
        let mut state = body.take_if(Rule::state).map(|pair| self.state(pair)).unwrap_or_default();
        let (mut steps, mut on_error) = (Vec::new(), None);
        while let Some(pair) = body.next() {
            if pair.as_rule() == Rule::on_error {
                let span = span_of(&pair);
                let mut inner = Cursor::new(pair);
                let binding = inner.take_if(Rule::ident).map(|pair| super::name(&pair));
                on_error = Some(OnError { binding, block: self.block(inner.take()), span });
            } else {
                self.lost_state(&pair, &mut state);
                steps.push(self.step(pair));
            }
        }
        ItemKind::Flow(Flow { name, params, returns, emits, budget, state, steps, on_error, body_span })
    }

    fn test(&mut self, cursor: &mut Cursor<'_>) -> ItemKind {
        let title = self.text(cursor.take());
        let replay = cursor.take_if(Rule::string).map(|pair| self.text(pair));
        let body = cursor.take();
        let body_span = span_of(&body);
        let mut body = Cursor::new(body);
        let mut parts = Vec::new();
        while let Some(pair) = body.next() {
            parts.push(match pair.as_rule() {
                Rule::mock => TestPart::Mock(self.mock(pair)),
                Rule::expect => {
                    let span = span_of(&pair);
                    let mut inner = Cursor::new(pair);
                    let condition = self.expr(inner.take());
                    TestPart::Expect(Expect {
                        condition,
                        before: inner.next().map(|pair| self.expr(pair)),
                        span,
                    })
                }
                _ => TestPart::Step(self.step(pair)),
            });
        }
        ItemKind::Test(Test { title, replay, parts, body_span })
    }

    fn mock(&mut self, pair: Pair<'_, Rule>) -> Mock {
        let span = span_of(&pair);
        let mut cursor = Cursor::new(pair);
        let target = cursor.take();
        let target = if target.as_rule() == Rule::string {
            MockTarget::Coordinate(self.text(target))
        } else {
            MockTarget::Node(self.postfix(target))
        };
        let outcome = cursor.take();
        let outcome = if outcome.as_rule() == Rule::mock_fail {
            MockOutcome::Fail(self.target(Cursor::new(outcome).take()))
        } else {
            MockOutcome::Value(self.expr(outcome))
        };
        let after = cursor.next().map(|pair| {
            let duration = Cursor::new(pair).take();
            let span = span_of(&duration);
            crate::tree::Expr { kind: crate::tree::ExprKind::Literal(self.number(&duration, false)), span }
        });
        Mock { target, outcome, after, span }
    }

    fn eval(&mut self, cursor: &mut Cursor<'_>) -> ItemKind {
        let (name, of) = (name(&cursor.take()), super::name(&cursor.take()));
        let mut eval = Eval { name, of, fields: Vec::new(), measures: Vec::new(), gates: Vec::new() };
        while let Some(pair) = cursor.next() {
            let span = span_of(&pair);
            match pair.as_rule() {
                Rule::measure => {
                    let mut inner = Cursor::new(pair);
                    let name = super::name(&inner.take());
                    eval.measures.push(Measure { name, value: self.value(inner.take()), span });
                }
                Rule::gate => {
                    let mut inner = Cursor::new(pair);
                    let title = self.text(inner.take());
                    let condition = self.expr(inner.take());
                    let action = match inner.take().as_str() {
                        "warn" => GateAction::Warn,
                        "fail" => GateAction::Fail,
                        _ => GateAction::Block,
                    };
                    eval.gates.push(Gate { title, condition, action, span });
                }
                _ => {
                    let docs = std::mem::take(&mut cursor.docs);
                    eval.fields.extend(self.field(pair, &docs));
                }
            }
        }
        ItemKind::Eval(eval)
    }

    /// The words and operators at the head of text that could not be read.
    pub(super) fn lost_tokens(&self, span: Span) -> Vec<Name> {
        let text = self.poisoned(span);
        let mut lexer = crate::lexer::Lexer::new(text, 0);
        std::iter::from_fn(|| lexer.next_token())
            .filter(|token| !token.kind.is_trivia())
            .take(3)
            .map(|token| Name { text: text[token.span.range()].into(), span: token.span.shift(span.start) })
            .collect()
    }

    /// The word at the head of text that could not be read; a quoted one comes without its quotes.
    pub(super) fn lost_word(&mut self, span: Span) -> Option<Name> {
        let first = self.lost_tokens(span).into_iter().next();
        let word = first.filter(|name| name.text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_'));
        self.lost |= word.is_none();
        word
    }
}
