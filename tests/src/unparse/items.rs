//! Declarations: their heads, parameters and fields.

use flow_syntax::tree::*;

use super::Printer;

impl Printer<'_> {
    pub(super) fn item(mut self) -> Result<String, String> {
        let item = self.item;
        match &item.kind {
            ItemKind::Import(i) => {
                self.word("import");
                self.word("{");
                for one in &i.names {
                    self.name(&one.name);
                    if let Some(alias) = &one.alias {
                        self.word("as");
                        self.name(alias);
                    }
                }
                self.word("}");
                self.word("from");
                self.leaf(i.from.span);
            }
            ItemKind::Const(i) => {
                self.word("const");
                self.name(&i.name);
                if let Some(ty) = &i.ty {
                    self.word(":");
                    self.refined(ty);
                }
                self.word("=");
                self.expr(&i.value);
            }
            ItemKind::Model(i) => self.sourced("model", &i.name, &i.source, &i.fields),
            ItemKind::Server(i) => self.sourced("tool", &i.name, &i.source, &i.fields),
            ItemKind::Type(i) => {
                self.word("type");
                self.name(&i.name);
                match &i.body {
                    TypeBody::Record(record) => self.record_type(record),
                    TypeBody::Union(union) => {
                        self.word("=");
                        self.perhaps(&["|"]);
                        for (n, member) in union.members.iter().enumerate() {
                            if n > 0 {
                                self.word("|");
                            }
                            match member {
                                UnionMember::Variant(v) => {
                                    self.node(v.span);
                                    self.name(&v.name);
                                    self.record_type(&v.body);
                                }
                                UnionMember::Type(ty) => self.ty(ty),
                            }
                        }
                    }
                }
                self.rule(i.rule.as_ref());
            }
            ItemKind::Enum(i) => {
                self.word("enum");
                self.name(&i.name);
                self.word("{");
                i.values.iter().for_each(|v| self.name(&v.name));
                self.word("}");
            }
            ItemKind::Node(i) => {
                self.word(i.kind.as_str());
                self.name(&i.name);
                self.params(&i.params);
                self.word("->");
                self.ty(&i.returns);
                self.fields(&i.fields);
            }
            ItemKind::Code(i) => {
                self.word("code");
                self.name(&i.name);
                self.params(&i.params);
                self.word("->");
                self.ty(&i.returns);
                match &i.body {
                    CodeBody::Value(value) => {
                        self.word("=");
                        self.value(value);
                    }
                    CodeBody::Block(block) => self.block(block),
                }
            }
            ItemKind::Flow(i) => self.flow(i),
            ItemKind::Memory(i) => {
                if let Some(span) = i.trusted {
                    self.leaf(span);
                }
                self.word("memory");
                self.name(&i.name);
                self.word(":");
                self.refined(&i.ty);
                self.word("=");
                self.expr(&i.store);
                self.maybe_fields(&i.fields);
            }
            ItemKind::Trigger(i) => {
                self.word("trigger");
                self.name(&i.name);
                self.word("=");
                self.expr(&i.source);
                self.maybe_fields(&i.source_fields);
                if let Some(target) = &i.target {
                    self.word("=>");
                    self.expr(target);
                }
                self.maybe_fields(&i.fields);
            }
            ItemKind::Allow(i) => {
                self.word("allow");
                self.word("[");
                for entry in &i.entries {
                    self.perhaps(&["?"]);
                    self.expr(entry);
                }
                self.word("]");
            }
            ItemKind::Test(i) => self.test(i),
            ItemKind::Eval(i) => self.eval(i),
            ItemKind::Variant(i) => {
                self.word("variant");
                self.name(&i.name);
                self.word("of");
                self.name(&i.of);
                self.fields(&i.fields);
            }
            ItemKind::Error(_) => {}
        }
        self.gap("");
        if self.at < self.tokens.len() {
            self.fail("the end");
        }
        match self.wrong {
            Some(wrong) => Err(wrong),
            None => Ok(self.out),
        }
    }

    fn sourced(&mut self, word: &str, name: &Name, source: &Expr, fields: &[Field]) {
        self.word(word);
        self.name(name);
        self.word("=");
        self.expr(source);
        self.maybe_fields(fields);
    }

    fn flow(&mut self, i: &Flow) {
        self.word("flow");
        self.name(&i.name);
        self.params(&i.params);
        if let Some(ty) = &i.returns {
            self.word("->");
            self.ty(ty);
        }
        if let Some(ty) = &i.emits {
            self.word("emits");
            self.ty(ty);
        }
        self.node(i.body_span);
        self.word("{");
        if let Some(budget) = &i.budget {
            self.node(budget.span);
            self.word("budget");
            self.fields(&budget.fields);
        }
        self.state(&i.state);
        i.steps.iter().for_each(|s| self.step(s));
        if let Some(on_error) = &i.on_error {
            self.node(on_error.span);
            self.word("on");
            self.word("error");
            self.named(on_error.binding.as_ref());
            self.block(&on_error.block);
        }
        self.word("}");
    }

    fn test(&mut self, i: &Test) {
        self.word("test");
        self.leaf(i.title.span);
        if let Some(replay) = &i.replay {
            self.word("replay");
            self.leaf(replay.span);
        }
        self.word("{");
        for part in &i.parts {
            match part {
                TestPart::Mock(m) => {
                    self.node(m.span);
                    self.word("mock");
                    match &m.target {
                        MockTarget::Coordinate(text) => self.leaf(text.span),
                        MockTarget::Node(e) => self.expr(e),
                    }
                    self.word("=>");
                    match &m.outcome {
                        MockOutcome::Value(e) => self.expr(e),
                        MockOutcome::Fail(target) => {
                            self.word("fail");
                            self.target(target);
                        }
                    }
                    if let Some(after) = &m.after {
                        self.word("after");
                        self.expr(after);
                    }
                }
                TestPart::Expect(e) => {
                    self.node(e.span);
                    self.word("expect");
                    self.expr(&e.condition);
                    if let Some(before) = &e.before {
                        self.word("before");
                        self.expr(before);
                    }
                }
                TestPart::Step(step) => self.step(step),
            }
        }
        self.word("}");
    }

    fn eval(&mut self, i: &Eval) {
        self.word("eval");
        self.name(&i.name);
        self.word("of");
        self.name(&i.of);
        self.word("{");
        enum Part<'p> {
            Field(&'p Field),
            Measure(&'p Measure),
            Gate(&'p Gate),
        }
        let mut parts: Vec<(u32, Part<'_>)> = Vec::new();
        parts.extend(i.fields.iter().map(|f| (f.span.start, Part::Field(f))));
        parts.extend(i.measures.iter().map(|m| (m.span.start, Part::Measure(m))));
        parts.extend(i.gates.iter().map(|g| (g.span.start, Part::Gate(g))));
        parts.sort_by_key(|p| p.0);
        for (_, part) in parts {
            match part {
                Part::Field(field) => self.field(field),
                Part::Measure(m) => {
                    self.node(m.span);
                    self.word("measure");
                    self.name(&m.name);
                    self.word("=");
                    self.value(&m.value);
                }
                Part::Gate(g) => {
                    self.node(g.span);
                    self.word("gate");
                    self.leaf(g.title.span);
                    self.expr(&g.condition);
                    self.word("else");
                    self.word(match g.action {
                        GateAction::Warn => "warn",
                        GateAction::Fail => "fail",
                        GateAction::Block => "block",
                    });
                }
            }
        }
        self.word("}");
    }

    pub(super) fn params(&mut self, params: &[Param]) {
        self.word("(");
        for param in params {
            self.node(param.span);
            self.name(&param.name);
            self.word(":");
            self.refined(&param.ty);
            if let Some(default) = &param.default {
                self.word("=");
                self.expr(default);
            }
        }
        self.word(")");
    }

    fn maybe_fields(&mut self, fields: &[Field]) {
        match fields {
            [] => self.perhaps(&["{", "}"]),
            _ => self.fields(fields),
        }
    }

    fn fields(&mut self, fields: &[Field]) {
        self.word("{");
        fields.iter().for_each(|f| self.field(f));
        self.word("}");
    }

    fn field(&mut self, field: &Field) {
        self.node(field.span);
        self.name(&field.key);
        self.word(":");
        match &field.value {
            FieldValue::Expr(e) => self.expr(e),
            FieldValue::By(e) => {
                self.word("by");
                self.expr(e);
            }
            FieldValue::Trusted(e) => {
                self.word("trusted");
                self.expr(e);
            }
            FieldValue::Python(text) => self.leaf(text.span),
            FieldValue::Tools(uses) => {
                self.word("[");
                for one in uses {
                    self.node(one.span);
                    self.expr(&one.tool);
                    if let Some(max) = &one.max {
                        self.word("max");
                        self.expr(max);
                    }
                }
                self.word("]");
            }
            FieldValue::Error => {}
        }
    }
}
