//! Renames what a plan's parts refer to: types by name; codes, nodes, flows and models by index.
//!
//! A part that was checked by itself names things by its own list; linking parts into a plan rewrites each reference.

use std::sync::Arc;

use crate::expr::{Code, Entry, MatchArm, Pattern, Piece};
use crate::plan::{
    Agent, Delivery, Flow, Http, Human, LoopTest, Model, ModelKind, ModelRef, ModelSettings, Node, NodeKind,
    Param, Prompt, SecretPiece, SecretText, Statement, Step, Target,
};
use crate::test::{Ask, Given, Outcome, Subject, What};
use crate::types::{Record, Type, TypeBody, TypeDef, TypeName, Where};
use crate::value::{EnumShape, EnumValue, Key, RecordValue, Shape};
use crate::{Expr, Value};

/// What each kind of reference becomes.
pub trait Rewrite {
    /// Returns the new name of a type.
    fn type_name(&mut self, name: &TypeName) -> TypeName;
    /// Returns the new index of a code.
    fn code(&mut self, code: u32) -> u32;
    /// Returns the new index of a node.
    fn node(&mut self, node: u32) -> u32;
    /// Returns the new index of a flow.
    fn flow(&mut self, flow: u32) -> u32;
    /// Returns the new index of a model.
    fn model(&mut self, model: u32) -> u32;
}

/// Rewrites a flow.
pub fn flow(flow: &mut Flow, to: &mut dyn Rewrite) {
    params(&mut flow.params, to);
    ty(&mut flow.returns, to);
    flow.emits.iter_mut().for_each(|emits| ty(emits, to));
    for slot in &mut flow.slots {
        ty(&mut slot.ty, to);
    }
    for block in &mut flow.blocks {
        for (_, initial) in &mut block.state {
            initial.iter_mut().for_each(|value| expr(value, to));
        }
        for statement in &mut block.body {
            self::statement(statement, to);
        }
    }
}

/// Rewrites a node.
pub fn node(node: &mut Node, to: &mut dyn Rewrite) {
    params(&mut node.params, to);
    ty(&mut node.returns, to);
    match &mut node.kind {
        NodeKind::Prompt(prompt) => ask(prompt, to),
        NodeKind::Agent(agent) => {
            let Agent { ask, tools, max_turns: _, finish, fails_with_tools: _ } = &mut **agent;
            self::ask(ask, to);
            for tool in tools {
                step(&mut tool.call, to);
                tool.max.iter_mut().for_each(|max| expr(max, to));
            }
            finish.iter_mut().for_each(|text| expr(text, to));
        }
        NodeKind::Code(value) => expr(value, to),
        NodeKind::BuiltIn(_) => {}
        NodeKind::Http(Http { url, query, query_map, headers, body, idempotent, .. }) => {
            secret_text(url, to);
            for (_, text) in query.iter_mut().chain(headers) {
                secret_text(text, to);
            }
            if let Some((body, body_type)) = body {
                expr(body, to);
                ty(body_type, to);
            }
            for value in [query_map, idempotent].into_iter().flatten() {
                expr(value, to);
            }
        }
        NodeKind::Human(Human { via, message, form: _ }) => {
            for value in via.address_mut().into_iter().chain(message) {
                expr(value, to);
            }
        }
        NodeKind::Event(Delivery { via, matches, verify: _ }) => {
            for value in via.address_mut().into_iter().chain(matches) {
                expr(value, to);
            }
        }
    }
}

fn ask(ask: &mut Prompt, to: &mut dyn Rewrite) {
    let Prompt { model, system, history, user, assistant, repair: _, settings } = ask;
    model_ref(model, to);
    for text in [system, history, assistant].into_iter().flatten() {
        expr(text, to);
    }
    expr(user, to);
    self::settings(settings, to);
}

/// Rewrites pure code.
pub fn code(code: &mut Code, to: &mut dyn Rewrite) {
    expr(&mut code.body, to);
    for param in &mut code.param_types {
        ty(param, to);
    }
    ty(&mut code.returns, to);
}

/// Rewrites a model.
pub fn model(model: &mut Model, to: &mut dyn Rewrite) {
    match &mut model.kind {
        ModelKind::Provider { .. } => {}
        ModelKind::Fallback(models) | ModelKind::RoundRobin(models) => {
            models.iter_mut().for_each(|model| *model = to.model(*model));
        }
    }
    settings(&mut model.settings, to);
}

/// Rewrites a declared type; its own key is the caller's to change.
pub fn type_def(def: &mut TypeDef, to: &mut dyn Rewrite) {
    match &mut def.body {
        TypeBody::Record { record, rule } => {
            self::record(record, to);
            rule.iter_mut().for_each(|rule| where_rule(rule, to));
        }
        TypeBody::Enum { .. } => {}
        TypeBody::Union { members } => members.iter_mut().for_each(|member| *member = to.type_name(member)),
        TypeBody::Alias { ty } => self::ty(ty, to),
    }
}

/// Rewrites a type.
pub fn ty(ty: &mut Type, to: &mut dyn Rewrite) {
    match ty {
        Type::List(of, _) | Type::Nullable(of) | Type::Optional(of) => self::ty(Arc::make_mut(of), to),
        Type::Map(key, value) => {
            self::ty(Arc::make_mut(key), to);
            self::ty(Arc::make_mut(value), to);
        }
        Type::Record(record) => self::record(record, to),
        Type::Named(name) => *name = to.type_name(name),
        Type::Where(rule) => where_rule(rule, to),
        Type::Error
        | Type::Never
        | Type::Null
        | Type::Bool
        | Type::Int(_)
        | Type::Uint
        | Type::Float(_)
        | Type::String(_)
        | Type::Bytes
        | Type::Duration
        | Type::Timestamp
        | Type::Json
        | Type::Media(_)
        | Type::Literals(_)
        | Type::Type => {}
    }
}

/// Rewrites an expression.
pub fn expr(expr: &mut Expr, to: &mut dyn Rewrite) {
    // What a node names itself; its children follow.
    match expr {
        Expr::Const(value) => self::value(value, to),
        Expr::Record { shape, .. } | Expr::Update { shape, .. } => self::shape(shape, to),
        Expr::Enum { shape, .. } => enum_shape(shape, to),
        Expr::Code { code, .. } => *code = to.code(*code),
        Expr::Match { arms, .. } => {
            for MatchArm { patterns, .. } in arms {
                patterns.iter_mut().for_each(|pattern| self::pattern(pattern, to));
            }
        }
        Expr::Is { variant, .. } => *variant = to.type_name(variant),
        Expr::Cast { from, to: target, .. } | Expr::Widen { from, to: target, .. } => {
            ty(from, to);
            ty(target, to);
        }
        Expr::Template(pieces) => pieces.iter_mut().for_each(|piece| piece_types(piece, to)),
        _ => {}
    }
    children(expr, &mut |child| self::expr(child, to));
}

/// Rewrites what a test asks.
pub fn asked(ask: &mut Ask, to: &mut dyn Rewrite) {
    match &mut ask.what {
        What::Mock(mock) => {
            subject(&mut mock.of, to);
            mock.given.iter_mut().for_each(|(_, given)| self::given(given, to));
            match &mut mock.outcome {
                Outcome::Value(value) => expr(value, to),
                Outcome::Fail { message, .. } => message.iter_mut().for_each(|text| expr(text, to)),
            }
            mock.after.iter_mut().for_each(|after| expr(after, to));
        }
        What::Expect(expect) => {
            expr(&mut expect.condition, to);
            expect.parts.iter_mut().for_each(|part| expr(&mut part.value, to));
        }
        What::Before { first, later } => {
            subject(first, to);
            subject(later, to);
        }
        What::Calls(of) => subject(of, to),
        What::Cost | What::Fails { .. } => {}
    }
}

fn subject(subject: &mut Subject, to: &mut dyn Rewrite) {
    match subject {
        Subject::Node(node) => *node = to.node(*node),
        Subject::Flow(flow) => *flow = to.flow(*flow),
        Subject::At(_) => {}
    }
}

fn given(given: &mut Given, to: &mut dyn Rewrite) {
    match given {
        Given::Is(value) => expr(value, to),
        Given::Has(fields) => fields.iter_mut().for_each(|(_, field)| self::given(field, to)),
    }
}

/// Calls `visit` with each direct child of an expression, to be changed.
pub fn children(expr: &mut Expr, visit: &mut dyn FnMut(&mut Expr)) {
    match expr {
        Expr::Const(_) | Expr::Slot(_) | Expr::Local(_) | Expr::Run(_) | Expr::Fail { .. } => {}
        Expr::Field { of, .. }
        | Expr::Has { of, .. }
        | Expr::Enum { of, .. }
        | Expr::Is { of, .. }
        | Expr::Cast { of, .. }
        | Expr::Widen { of, .. } => visit(of),
        Expr::Index { of, key, .. } => {
            visit(of);
            visit(key);
        }
        Expr::List(items) => items.iter_mut().for_each(|item| visit(&mut item.value)),
        Expr::Map(entries) => entries.iter_mut().for_each(|entry| match entry {
            Entry::Pair { key, value, .. } => {
                visit(key);
                visit(value);
            }
            Entry::Spread(map) => visit(map),
        }),
        Expr::Record { slots, .. } => slots.iter_mut().for_each(visit),
        Expr::Update { of, slots, .. } => {
            visit(of);
            slots.iter_mut().for_each(|(_, value)| visit(value));
        }
        Expr::Call { args, .. } | Expr::Code { args, .. } => args.iter_mut().for_each(visit),
        Expr::And(left, right) | Expr::Or(left, right) | Expr::Coalesce(left, right) => {
            visit(left);
            visit(right);
        }
        Expr::If { test, then, otherwise } => {
            visit(test);
            visit(then);
            visit(otherwise);
        }
        Expr::Macro { over, bodies, .. } => {
            visit(over);
            bodies.iter_mut().for_each(visit);
        }
        Expr::Let { value, body, .. } => {
            visit(value);
            visit(body);
        }
        Expr::Match { value, arms, otherwise, .. } => {
            visit(value);
            for arm in arms {
                arm.guard.iter_mut().for_each(&mut *visit);
                visit(&mut arm.value);
            }
            otherwise.iter_mut().for_each(|value| visit(value));
        }
        Expr::Template(all) => pieces(all, visit),
    }
}

fn pieces(all: &mut [Piece], visit: &mut dyn FnMut(&mut Expr)) {
    for piece in all {
        match piece {
            Piece::Text(_) => {}
            Piece::Splice { value, .. } => visit(value),
            Piece::For { over, body, .. } => {
                visit(over);
                pieces(body, visit);
            }
            Piece::If { test, then, otherwise } => {
                visit(test);
                pieces(then, visit);
                pieces(otherwise, visit);
            }
        }
    }
}

fn piece_types(piece: &mut Piece, to: &mut dyn Rewrite) {
    match piece {
        Piece::Text(_) => {}
        Piece::Splice { ty, .. } => self::ty(ty, to),
        Piece::For { body, .. } => body.iter_mut().for_each(|piece| piece_types(piece, to)),
        Piece::If { then, otherwise, .. } => {
            then.iter_mut().chain(otherwise).for_each(|piece| piece_types(piece, to));
        }
    }
}

fn statement(statement: &mut Statement, to: &mut dyn Rewrite) {
    match statement {
        Statement::Set { value, .. } | Statement::Add { value, .. } | Statement::Wait { value, .. } => {
            expr(value, to)
        }
        Statement::Yield { value } | Statement::Emit { value, .. } => expr(value, to),
        Statement::Graph(graph) => expr(&mut graph.max, to),
        Statement::Goto { args, .. } => args.iter_mut().for_each(|value| expr(value, to)),
        Statement::Step(step) => self::step(step, to),
        Statement::If { arms, .. } => {
            arms.iter_mut().flat_map(|arm| &mut arm.test).for_each(|test| expr(test, to));
        }
        Statement::Route { value, arms, .. } => {
            expr(value, to);
            for arm in arms {
                arm.patterns.iter_mut().for_each(|pattern| self::pattern(pattern, to));
                arm.guard.iter_mut().for_each(|guard| expr(guard, to));
            }
        }
        Statement::Loop { max, test, .. } => {
            expr(max, to);
            match test {
                LoopTest::None => {}
                LoopTest::While(test) | LoopTest::Until(test) => expr(test, to),
            }
        }
        Statement::For { over, max, .. } => {
            expr(over, to);
            max.iter_mut().for_each(|max| expr(max, to));
        }
        // These name blocks, slots and kinds of failure only.
        Statement::Do { .. }
        | Statement::Parallel { .. }
        | Statement::Race(_)
        | Statement::Try { .. }
        | Statement::Saga { .. }
        | Statement::Break
        | Statement::Continue => {}
        Statement::ParallelFor(each) => {
            expr(&mut each.over, to);
            for value in [&mut each.key, &mut each.max, &mut each.jobs].into_iter().flatten() {
                expr(value, to);
            }
            ty(&mut each.result, to);
        }
        Statement::Fail { message, .. } => expr(message, to),
        Statement::Rethrow { error } => expr(error, to),
        Statement::Return { value } => value.iter_mut().for_each(|value| expr(value, to)),
    }
}

fn step(step: &mut Step, to: &mut dyn Rewrite) {
    match &mut step.target {
        Target::Node(node) => *node = to.node(*node),
        Target::Flow(flow) => *flow = to.flow(*flow),
    }
    step.args.iter_mut().for_each(|value| expr(value, to));
    step.with.model.iter_mut().for_each(|model| model_ref(model, to));
    step.extract.iter_mut().for_each(|extract| expr(&mut extract.value, to));
    step.undo.iter_mut().for_each(|undo| self::step(&mut undo.call, to));
}

fn params(params: &mut [Param], to: &mut dyn Rewrite) {
    for param in params {
        ty(&mut param.ty, to);
        param.default.iter_mut().for_each(|value| expr(value, to));
    }
}

fn model_ref(model: &mut ModelRef, to: &mut dyn Rewrite) {
    if let ModelRef::Model(id) = model {
        *id = to.model(*id);
    }
}

fn settings(settings: &mut ModelSettings, to: &mut dyn Rewrite) {
    settings.api_key.iter_mut().for_each(|text| secret_text(text, to));
    settings.headers.iter_mut().for_each(|(_, text)| secret_text(text, to));
}

fn secret_text(text: &mut SecretText, to: &mut dyn Rewrite) {
    for piece in &mut text.0 {
        match piece {
            SecretPiece::Expr(value) => expr(value, to),
            SecretPiece::Text(_) | SecretPiece::Secret(_) => {}
        }
    }
}

fn record(record: &mut Arc<Record>, to: &mut dyn Rewrite) {
    for field in &mut Arc::make_mut(record).fields {
        ty(&mut field.ty, to);
    }
}

fn where_rule(rule: &mut Arc<Where>, to: &mut dyn Rewrite) {
    let rule = Arc::make_mut(rule);
    ty(&mut rule.base, to);
    expr(&mut rule.rule, to);
}

fn pattern(pattern: &mut Pattern, to: &mut dyn Rewrite) {
    match pattern {
        Pattern::Value(value) => self::value(value, to),
        Pattern::Variant(name) => *name = to.type_name(name),
    }
}

fn shape(shape: &mut Arc<Shape>, to: &mut dyn Rewrite) {
    if let Some(name) = &shape.name {
        let name = to.type_name(name);
        Arc::make_mut(shape).name = Some(name);
    }
}

fn enum_shape(shape: &mut Arc<EnumShape>, to: &mut dyn Rewrite) {
    let name = to.type_name(&shape.name);
    Arc::make_mut(shape).name = name;
}

fn value(value: &mut Value, to: &mut dyn Rewrite) {
    match value {
        Value::Enum(EnumValue { shape, .. }) => enum_shape(shape, to),
        Value::List(items) => Arc::make_mut(items).iter_mut().for_each(|item| self::value(item, to)),
        Value::Map(map) => {
            let rewritten = map.iter().map(|(key, value)| {
                let (mut key, mut value) = (key.clone(), value.clone());
                if let Key::Enum(EnumValue { shape, .. }) = &mut key {
                    enum_shape(shape, to);
                }
                self::value(&mut value, to);
                (key, value)
            });
            *map = Arc::new(rewritten.collect());
        }
        Value::Record(record) => {
            let mut copy = RecordValue { shape: record.shape.clone(), slots: record.slots.clone() };
            shape(&mut copy.shape, to);
            copy.slots.iter_mut().for_each(|slot| self::value(slot, to));
            *record = Arc::new(copy);
        }
        Value::Optional(Some(of)) => self::value(Arc::make_mut(of), to),
        _ => {}
    }
}
