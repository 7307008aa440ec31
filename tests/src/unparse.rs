//! An item from its tree: the tokens that each node stands for, held against the text, so that whatever a printer needs is
//! either in the tree or in the gap between two of its tokens.

use flow_diagnostics::{Diagnostic, Severity};
use flow_source::Span;
use flow_syntax::tree::*;
use flow_syntax::{Token, TokenKind, tokens};

/// Prints a file from its trees and what stands between their tokens. An item with a problem was read as it was meant, not as
/// it stands, and is printed as it stands.
///
/// # Errors
/// Says which token of which item the tree doesn't account for.
pub fn print(file: &File, problems: &[Diagnostic]) -> Result<String, String> {
    let mut out = String::with_capacity(file.text.len());
    for item in &file.items {
        let start = item.start as usize;
        let gap = file.text.get(out.len()..start).ok_or("an item starts before the one before it ends")?;
        out.push_str(gap);
        let own = Span::new(item.start, item.start + item.text.len() as u32);
        let wrong = |p: &Diagnostic| p.severity() == Severity::Error && own.touches(p.primary.at.span.start);
        let whole = item.lost.is_empty() && !item.broken && !problems.iter().any(wrong);
        match whole {
            true => out.push_str(&Printer::new(item).item()?),
            false => out.push_str(&item.text),
        }
    }
    out.push_str(file.text.get(out.len()..).ok_or("an item ends after its file")?);
    Ok(out)
}

struct Printer<'t> {
    item: &'t Item,
    tokens: Vec<Token>,
    at: usize,
    out: String,
    wrong: Option<String>,
}

impl<'t> Printer<'t> {
    fn new(item: &'t Item) -> Self {
        Self { item, tokens: tokens(&item.text), at: 0, out: String::new(), wrong: None }
    }

    fn fail(&mut self, expected: &str) {
        if self.wrong.is_none() {
            let found = self.tokens.get(self.at).map_or("the end", |t| self.item.slice(t.span));
            self.wrong = Some(format!(
                "the tree has `{expected}`, the text `{found}` at byte {} of\n{}",
                self.out.len(),
                self.item.text
            ));
        }
    }

    fn kind(&self) -> Option<TokenKind> {
        self.tokens.get(self.at).map(|t| t.kind)
    }

    fn text(&self) -> &'t str {
        self.tokens.get(self.at).map_or("", |t| self.item.slice(t.span))
    }

    /// Copies the token at hand.
    fn copy(&mut self) {
        if let Some(token) = self.tokens.get(self.at) {
            self.out.push_str(self.item.slice(token.span));
            self.at += 1;
        }
    }

    fn trivia(&mut self) {
        while self.kind().is_some_and(TokenKind::is_trivia) {
            self.copy();
        }
    }

    /// Copies blank space, comments, and what the tree leaves to layout: commas, and parentheses around expressions.
    fn gap(&mut self, wanted: &str) {
        loop {
            self.trivia();
            let word = self.text();
            if word == wanted || !matches!(word, "," | "(" | ")") {
                return;
            }
            self.copy();
        }
    }

    /// A keyword or sign, written from what the tree says.
    fn word(&mut self, word: &str) {
        self.gap(word);
        if self.text() == word {
            self.out.push_str(word);
            self.at += 1;
        } else {
            self.fail(word);
        }
    }

    /// A sign that leaves no trace: the first `|` of a union, the braces of no fields.
    fn perhaps(&mut self, words: &[&str]) {
        let (at, length) = (self.at, self.out.len());
        for word in words {
            self.gap(word);
            if self.text() != *word {
                self.at = at;
                self.out.truncate(length);
                return;
            }
            self.copy();
        }
    }

    /// The tokens of a span.
    fn leaf(&mut self, span: Span) {
        loop {
            self.trivia();
            match self.tokens.get(self.at) {
                Some(token) if token.span.start < span.start && matches!(self.text(), "," | "(" | ")") => {
                    self.copy();
                }
                _ => break,
            }
        }
        if self.tokens.get(self.at).is_none_or(|t| t.span.start != span.start) {
            self.fail(self.item.slice(span));
            return;
        }
        while self.tokens.get(self.at).is_some_and(|t| t.span.end <= span.end) {
            self.copy();
        }
        if self.out.len() != span.end as usize {
            self.fail(self.item.slice(span));
        }
    }

    fn name(&mut self, name: &Name) {
        let written = self.item.slice(name.span);
        if written != name.as_str() && !written.starts_with(['"', '`', '\'', 'r', 'R']) {
            self.fail(&name.text);
        }
        self.leaf(name.span);
    }

    /// A node's span starts and ends with a token.
    fn node(&mut self, span: Span) {
        let starts = self.tokens.binary_search_by_key(&span.start, |t| t.span.start).is_ok();
        let ends = self.tokens.binary_search_by_key(&span.end, |t| t.span.end).is_ok();
        if !starts || !ends {
            self.fail(&format!("a node at {span:?}"));
        }
    }

    fn item(mut self) -> Result<String, String> {
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

    fn params(&mut self, params: &[Param]) {
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

    fn refined(&mut self, refined: &RefinedType) {
        self.ty(&refined.ty);
        self.rule(refined.rule.as_ref());
    }

    fn rule(&mut self, rule: Option<&Expr>) {
        if let Some(rule) = rule {
            self.word("where");
            self.expr(rule);
        }
    }

    fn record_type(&mut self, record: &RecordType) {
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

    fn ty(&mut self, ty: &TypeExpr) {
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

    fn block(&mut self, block: &Block) {
        self.node(block.span);
        self.word("{");
        self.state(&block.state);
        block.steps.iter().for_each(|s| self.step(s));
        self.word("}");
    }

    fn state(&mut self, slots: &[StateSlot]) {
        if slots.is_empty() {
            self.perhaps(&["state", "{", "}"]);
            return;
        }
        self.word("state");
        self.word("{");
        for slot in slots {
            self.node(slot.span);
            self.name(&slot.name);
            self.word(":");
            self.refined(&slot.ty);
            let merge_first = match (&slot.merge, &slot.initial) {
                (Some(merge), Some(initial)) => merge.span.start < initial.span.start,
                _ => false,
            };
            if !merge_first {
                self.initial(slot);
            }
            if let Some(merge) = &slot.merge {
                self.word("merge");
                self.name(merge);
            }
            if merge_first {
                self.initial(slot);
            }
        }
        self.word("}");
    }

    fn initial(&mut self, slot: &StateSlot) {
        if let Some(initial) = &slot.initial {
            self.word("=");
            self.expr(initial);
        }
    }

    fn named(&mut self, name: Option<&Name>) {
        if let Some(name) = name {
            self.word("as");
            self.name(name);
        }
    }

    fn guard(&mut self, guard: Option<&Expr>) {
        if let Some(guard) = guard {
            self.word("if");
            self.expr(guard);
        }
    }

    fn step(&mut self, step: &Step) {
        self.node(step.span);
        match &step.kind {
            StepKind::Let(s) => {
                self.word("let");
                self.name(&s.name);
                if let Some(ty) = &s.ty {
                    self.word(":");
                    self.refined(ty);
                }
                self.word("=");
                self.value(&s.value);
            }
            StepKind::Assign(s) => {
                self.expr(&s.target);
                self.word(if s.op == AssignOp::Set { "=" } else { "+=" });
                self.value(&s.value);
            }
            StepKind::Bare(value) => self.value(value),
            StepKind::If(s) => {
                for (n, (condition, block)) in s.branches.iter().enumerate() {
                    if n > 0 {
                        self.word("else");
                    }
                    self.word("if");
                    self.expr(condition);
                    self.block(block);
                }
                self.otherwise(s.otherwise.as_ref());
            }
            StepKind::Loop(s) => {
                self.word("loop");
                s.name.iter().for_each(|n| self.name(n));
                self.word("max");
                self.expr(&s.max);
                match &s.test {
                    Some(LoopTest::While(e)) => {
                        self.word("while");
                        self.expr(e);
                    }
                    Some(LoopTest::Until(e)) => {
                        self.word("until");
                        self.expr(e);
                    }
                    None => {}
                }
                self.block(&s.body);
                self.otherwise(s.otherwise.as_ref());
            }
            StepKind::For(s) => {
                self.word("for");
                self.binding(&s.binding);
                self.clause("max", s.max.as_ref());
                self.block(&s.body);
            }
            StepKind::Parallel(block) => {
                self.word("parallel");
                self.block(block);
            }
            StepKind::Saga(block) => {
                self.word("saga");
                self.block(block);
            }
            StepKind::Try(s) => {
                self.word("try");
                self.block(&s.body);
                if !s.arms.is_empty() {
                    self.word("catch");
                    self.catch_arms(&s.arms);
                }
                if let Some(finally) = &s.finally {
                    self.word("finally");
                    self.block(finally);
                }
            }
            StepKind::Return(s) => self.leave("return", s),
            StepKind::Yield(s) => self.leave("yield", s),
            StepKind::Break(s) => {
                self.word("break");
                self.guard(s.guard.as_ref());
            }
            StepKind::Continue(s) => {
                self.word("continue");
                self.guard(s.guard.as_ref());
            }
            StepKind::Goto(s) => {
                self.word("goto");
                self.target(&s.target);
                self.guard(s.guard.as_ref());
            }
            StepKind::Fail(s) => {
                self.word("fail");
                self.target(&s.target);
                self.guard(s.guard.as_ref());
            }
            StepKind::Emit(s) => {
                self.word("emit");
                self.expr(&s.value);
                self.named(s.name.as_ref());
                self.guard(s.guard.as_ref());
            }
            StepKind::Wait(s) => {
                self.word("wait");
                if s.until {
                    self.word("until");
                }
                self.expr(&s.time);
                self.named(s.name.as_ref());
            }
            StepKind::Error => self.fail("a lost step"),
        }
    }

    fn otherwise(&mut self, block: Option<&Block>) {
        if let Some(block) = block {
            self.word("else");
            self.block(block);
        }
    }

    fn leave(&mut self, word: &str, leave: &Leave) {
        self.word(word);
        leave.value.iter().for_each(|v| self.value(v));
        self.guard(leave.guard.as_ref());
    }

    fn clause(&mut self, word: &str, value: Option<&Expr>) {
        if let Some(value) = value {
            self.word(word);
            self.expr(value);
        }
    }

    fn binding(&mut self, binding: &Binding) {
        binding.index.iter().for_each(|n| self.name(n));
        self.name(&binding.item);
        self.word("in");
        self.expr(&binding.over);
    }

    fn target(&mut self, target: &Target) {
        self.node(target.span);
        self.name(&target.name);
        if let Some(args) = &target.args {
            self.args(args);
        }
    }

    fn value(&mut self, value: &Value) {
        self.node(value.span);
        match &value.kind {
            ValueKind::Expr(e) => self.expr(e),
            ValueKind::Do(block) => {
                self.word("do");
                self.block(block);
            }
            ValueKind::Race(race) => {
                self.node(race.span);
                self.word("race");
                self.word("{");
                for arm in &race.arms {
                    self.node(arm.span);
                    self.word("when");
                    self.step(&arm.step);
                    self.arm_body(&arm.body);
                }
                self.word("}");
            }
            ValueKind::ParallelFor(p) => {
                self.word("parallel");
                self.word("for");
                self.binding(&p.binding);
                self.clause("by", p.by.as_ref());
                self.clause("max", p.max.as_ref());
                self.clause("jobs", p.jobs.as_ref());
                if let Some(span) = p.collect {
                    self.leaf(span);
                }
                self.block(&p.body);
            }
            ValueKind::Route(route) => self.route(route),
            ValueKind::Graph(graph) => {
                self.node(graph.span);
                self.word("graph");
                graph.name.iter().for_each(|n| self.name(n));
                self.word("max");
                self.expr(&graph.max);
                self.word("{");
                for stage in &graph.stages {
                    self.node(stage.span);
                    self.word("stage");
                    self.name(&stage.name);
                    match stage.params.as_slice() {
                        [] => self.perhaps(&["(", ")"]),
                        params => self.params(params),
                    }
                    self.block(&stage.body);
                }
                self.word("}");
                self.otherwise(graph.otherwise.as_ref());
            }
        }
        self.named(value.name.as_ref());
        if let Some(with) = &value.with {
            self.node(with.span);
            self.word("with");
            self.record(&with.record);
        }
        match &value.catch {
            Some(Catch::Value(e)) => {
                self.word("catch");
                self.expr(e);
            }
            Some(Catch::Arms(arms)) => {
                self.word("catch");
                self.catch_arms(arms);
            }
            None => {}
        }
        self.clause("undo", value.undo.as_ref());
    }

    fn route(&mut self, route: &Route) {
        self.node(route.span);
        self.word("route");
        route.subject.iter().for_each(|e| self.expr(e));
        self.word("{");
        for arm in &route.arms {
            self.node(arm.span);
            match &arm.head {
                RouteHead::Patterns { patterns, guard } => {
                    self.word("when");
                    for (n, pattern) in patterns.iter().enumerate() {
                        if n > 0 {
                            self.word("|");
                        }
                        self.pattern(pattern);
                    }
                    self.guard(guard.as_ref());
                }
                RouteHead::Condition(e) => {
                    self.word("when");
                    self.expr(e);
                }
                RouteHead::Else => self.word("else"),
                RouteHead::Error => self.fail("a lost arm"),
            }
            self.arm_body(&arm.body);
        }
        self.word("}");
    }

    fn pattern(&mut self, pattern: &Pattern) {
        match &pattern.kind {
            PatternKind::Literal(_) => self.leaf(pattern.span),
            PatternKind::Value(name) => self.name(name),
            PatternKind::Qualified(ty, name) => {
                self.name(ty);
                self.word(".");
                self.name(name);
            }
            PatternKind::Variant { name, parts } => {
                self.name(name);
                if let Some(parts) = parts {
                    self.word("{");
                    for part in parts {
                        self.name(&part.field);
                        if part.binding.span != part.field.span {
                            self.word(":");
                            self.name(&part.binding);
                        }
                    }
                    self.word("}");
                }
            }
        }
        self.node(pattern.span);
    }

    fn catch_arms(&mut self, arms: &[CatchArm]) {
        self.word("{");
        for arm in arms {
            self.node(arm.span);
            match &arm.head {
                CatchHead::Kinds(kinds) => {
                    self.word("when");
                    for (n, kind) in kinds.iter().enumerate() {
                        if n > 0 {
                            self.word("|");
                        }
                        self.name(kind);
                    }
                }
                CatchHead::Else => self.word("else"),
                CatchHead::Error => self.fail("a lost arm"),
            }
            self.named(arm.binding.as_ref());
            self.arm_body(&arm.body);
        }
        self.word("}");
    }

    fn arm_body(&mut self, body: &ArmBody) {
        self.word("=>");
        match body {
            ArmBody::Value(value) => self.value(value),
            ArmBody::Step(step) => self.step(step),
            ArmBody::Block(block) => self.block(block),
            ArmBody::Error => self.fail("a lost body"),
        }
    }

    fn args(&mut self, args: &[Arg]) {
        self.word("(");
        for arg in args {
            if let Some(name) = &arg.name {
                self.name(name);
                self.word(":");
            }
            self.expr(&arg.value);
        }
        self.word(")");
    }

    fn record(&mut self, record: &Record) {
        record.name.iter().for_each(|n| self.name(n));
        self.word("{");
        for entry in &record.entries {
            match entry {
                Entry::Spread(value) => {
                    self.word("...");
                    self.expr(value);
                }
                Entry::Pair { optional, key, value } => {
                    if *optional {
                        self.word("?");
                    }
                    match key {
                        Key::Name(name) => self.leaf(name.span),
                        Key::Literal(_, span) => self.leaf(*span),
                        Key::Computed(e) if matches!(e.kind, ExprKind::Template(_)) && self.at_string() => {
                            self.expr(e);
                        }
                        Key::Computed(e) if self.at_bracket() => {
                            self.word("[");
                            self.expr(e);
                            self.word("]");
                        }
                        Key::Computed(e) => self.expr(e),
                    }
                    self.word(":");
                    self.expr(value);
                }
            }
        }
        self.word("}");
    }

    fn at_string(&mut self) -> bool {
        self.gap("[");
        self.kind() == Some(TokenKind::QuoteOpen)
    }

    fn at_bracket(&mut self) -> bool {
        self.gap("[");
        self.text() == "["
    }

    fn expr(&mut self, expr: &Expr) {
        self.node(expr.span);
        match &expr.kind {
            ExprKind::Literal(_) | ExprKind::Loop(_) => self.leaf(expr.span),
            ExprKind::Name(name) | ExprKind::TypeName(name) => {
                if !self.item.slice(expr.span).contains(name.as_str()) {
                    self.fail(name);
                }
                self.leaf(expr.span);
            }
            ExprKind::Template(template) => {
                self.gap("");
                if self.kind() != Some(TokenKind::QuoteOpen) {
                    self.fail("a string");
                }
                self.copy();
                self.pieces(&template.pieces);
                while self.kind() == Some(TokenKind::Text) {
                    self.copy();
                }
                match self.kind() {
                    Some(TokenKind::QuoteClose) => self.copy(),
                    _ => self.fail("the end of a string"),
                }
            }
            ExprKind::List(elements) => {
                self.word("[");
                for element in elements {
                    if element.optional {
                        self.word("?");
                    }
                    self.expr(&element.value);
                }
                self.word("]");
            }
            ExprKind::Record(record) => self.record(record),
            ExprKind::Member(m) => {
                self.expr(&m.object);
                self.word(".");
                if m.optional {
                    self.word("?");
                }
                self.name(&m.name);
            }
            ExprKind::Index(i) => {
                self.expr(&i.object);
                self.word("[");
                if i.optional {
                    self.word("?");
                }
                self.expr(&i.index);
                self.word("]");
            }
            ExprKind::Call(call) => {
                self.name(&call.name);
                self.args(&call.args);
            }
            ExprKind::Method(m) => {
                self.expr(&m.receiver);
                self.word(".");
                self.perhaps(&["?"]);
                self.name(&m.name);
                self.args(&m.args);
            }
            ExprKind::Unary(op, operand) => {
                self.word(op.as_str());
                self.expr(operand);
            }
            ExprKind::Binary(b) => {
                self.expr(&b.left);
                if self.item.slice(b.op_span) != b.op.as_str() {
                    self.fail(b.op.as_str());
                }
                self.leaf(b.op_span);
                self.expr(&b.right);
            }
            ExprKind::Ternary(t) => {
                self.expr(&t.condition);
                self.word("?");
                self.expr(&t.then);
                self.word(":");
                self.expr(&t.otherwise);
            }
            ExprKind::Is(operand, name) => {
                self.expr(operand);
                self.word("is");
                self.name(name);
            }
            ExprKind::Cast(operand, ty) => {
                self.expr(operand);
                self.word("as");
                self.ty(ty);
            }
            ExprKind::Error => self.fail("a lost expression"),
        }
    }

    /// Opens the next splice of a string.
    fn splice(&mut self) {
        while self.kind() == Some(TokenKind::Text) {
            self.copy();
        }
        self.word("${");
    }

    fn pieces(&mut self, pieces: &[Piece]) {
        for piece in pieces {
            match piece {
                Piece::Text(_) => {}
                Piece::Splice(e) => {
                    self.splice();
                    self.expr(e);
                    self.word("}");
                }
                Piece::For(f) => {
                    self.splice();
                    self.word("for");
                    f.index.iter().for_each(|n| self.name(n));
                    self.name(&f.item);
                    self.word("in");
                    self.expr(&f.over);
                    self.word("}");
                    self.pieces(&f.body);
                    self.end();
                }
                Piece::If(i) => {
                    for (n, (condition, body)) in i.branches.iter().enumerate() {
                        self.splice();
                        if n > 0 {
                            self.word("else");
                        }
                        self.word("if");
                        self.expr(condition);
                        self.word("}");
                        self.pieces(body);
                    }
                    if let Some(body) = &i.otherwise {
                        self.splice();
                        self.word("else");
                        self.word("}");
                        self.pieces(body);
                    }
                    self.end();
                }
            }
        }
    }

    fn end(&mut self) {
        self.splice();
        self.word("end");
        self.word("}");
    }
}
