//! Every expression that a run of a plan may compute, with the types of the slots it reads.

use super::{Flow, Node, NodeKind, Plan, Prompt, SecretPiece, SecretText, Statement, Step};
use crate::plan::{Agent, Delivery, Http, Human, LoopTest};
use crate::types::{TypeBody, Where};
use crate::{Expr, Type};

impl Plan {
    /// Calls `visit` with each expression of flows and nodes, and the types of the slots of its frame. Pure code and the
    /// rules of types are told apart: they have frames of their own.
    pub fn expressions<'a>(&'a self, visit: &mut dyn FnMut(&'a Expr, &[Type])) {
        for flow in &self.flows {
            let slots: Vec<Type> = flow.slots.iter().map(|slot| slot.ty.clone()).collect();
            of_flow(flow, &mut |expr| visit(expr, &slots));
            flow.params.iter().filter_map(|param| param.default.as_ref()).for_each(|expr| visit(expr, &[]));
        }
        for node in &self.nodes {
            let mut slots: Vec<Type> = node.params.iter().map(|param| param.ty.clone()).collect();
            node.params.iter().filter_map(|param| param.default.as_ref()).for_each(|expr| visit(expr, &[]));
            of_node(node, &mut |expr| visit(expr, &slots));
            match &node.kind {
                NodeKind::Event(Delivery { matches: Some(matches), .. }) => {
                    slots.push(Type::Json);
                    visit(matches, &slots);
                }
                NodeKind::Agent(agent) => {
                    for tool in &agent.tools {
                        let given = tool.fields(self).into_iter().map(|field| field.ty);
                        let slots: Vec<Type> = slots.iter().cloned().chain(given).collect();
                        of_step(&tool.call, &mut |expr| visit(expr, &slots));
                    }
                }
                _ => {}
            }
        }
    }
}

fn of_flow<'a>(flow: &'a Flow, visit: &mut dyn FnMut(&'a Expr)) {
    for block in &flow.blocks {
        block.state.iter().filter_map(|(_, initial)| initial.as_ref()).for_each(&mut *visit);
        block.body.iter().for_each(|statement| of_statement(statement, visit));
    }
}

fn of_statement<'a>(statement: &'a Statement, visit: &mut dyn FnMut(&'a Expr)) {
    match statement {
        Statement::Set { value, .. }
        | Statement::Add { value, .. }
        | Statement::Wait { value, .. }
        | Statement::Yield { value }
        | Statement::Emit { value, .. }
        | Statement::Fail { message: value, .. }
        | Statement::Rethrow { error: value } => visit(value),
        Statement::Return { value } => value.iter().for_each(visit),
        Statement::Step(step) => of_step(step, visit),
        Statement::If { arms, .. } => arms.iter().filter_map(|arm| arm.test.as_ref()).for_each(visit),
        Statement::Route { value, arms, .. } => {
            visit(value);
            arms.iter().filter_map(|arm| arm.guard.as_ref()).for_each(visit);
        }
        Statement::Loop { max, test, .. } => {
            visit(max);
            match test {
                LoopTest::While(test) | LoopTest::Until(test) => visit(test),
                LoopTest::None => {}
            }
        }
        Statement::For { over, max, .. } => {
            visit(over);
            max.iter().for_each(visit);
        }
        Statement::ParallelFor(parallel) => {
            visit(&parallel.over);
            [&parallel.key, &parallel.max, &parallel.jobs].into_iter().flatten().for_each(visit);
        }
        Statement::Graph(graph) => visit(&graph.max),
        Statement::Goto { args, .. } => args.iter().for_each(visit),
        Statement::Do { .. }
        | Statement::Parallel { .. }
        | Statement::Try { .. }
        | Statement::Saga { .. }
        | Statement::Race(_)
        | Statement::Break
        | Statement::Continue => {}
    }
}

fn of_step<'a>(step: &'a Step, visit: &mut dyn FnMut(&'a Expr)) {
    step.args.iter().for_each(&mut *visit);
    step.extract.iter().for_each(|extract| visit(&extract.value));
    step.undo.iter().for_each(|undo| of_step(&undo.call, visit));
}

/// What is over the node's parameters alone.
fn of_node<'a>(node: &'a Node, visit: &mut dyn FnMut(&'a Expr)) {
    match &node.kind {
        NodeKind::Prompt(prompt) => of_prompt(prompt, visit),
        NodeKind::Agent(agent) => {
            let Agent { ask, tools, finish, .. } = &**agent;
            of_prompt(ask, visit);
            tools.iter().filter_map(|tool| tool.max.as_ref()).for_each(&mut *visit);
            finish.iter().for_each(visit);
        }
        NodeKind::Http(Http { url, query, query_map, headers, body, idempotent, .. }) => {
            of_text(url, visit);
            query.iter().chain(headers).for_each(|(_, text)| of_text(text, visit));
            body.iter().for_each(|(body, _)| visit(body));
            [query_map, idempotent].into_iter().flatten().for_each(visit);
        }
        NodeKind::Human(Human { via, message, .. }) => {
            via.address().into_iter().chain(message).for_each(visit)
        }
        NodeKind::Event(Delivery { via, .. }) => via.address().into_iter().for_each(visit),
        NodeKind::Code(value) => visit(value),
        NodeKind::BuiltIn(_) => {}
    }
}

fn of_prompt<'a>(prompt: &'a Prompt, visit: &mut dyn FnMut(&'a Expr)) {
    let Prompt { system, history, user, assistant, .. } = prompt;
    [system, history, assistant].into_iter().flatten().for_each(&mut *visit);
    visit(user);
}

fn of_text<'a>(text: &'a SecretText, visit: &mut dyn FnMut(&'a Expr)) {
    for piece in &text.0 {
        if let SecretPiece::Expr(expr) = piece {
            visit(expr);
        }
    }
}

impl Plan {
    /// Calls `visit` with the rule of each type that the plan names, and the types of its slots: the value, and the
    /// fields of a record.
    pub fn rules<'a>(&'a self, visit: &mut dyn FnMut(&'a Where, &[Type])) {
        let mut each = |rule: &'a Where| {
            let mut slots = vec![rule.base.clone()];
            match &rule.base {
                Type::Record(record) => slots.extend(record.fields.iter().map(|field| field.ty.clone())),
                Type::Named(name) => {
                    if let Some(TypeBody::Record { record, .. }) = self.types.get(name).map(|def| &def.body) {
                        slots.extend(record.fields.iter().map(|field| field.ty.clone()));
                    }
                }
                _ => {}
            }
            visit(rule, &slots);
        };
        for def in self.types.values() {
            match &def.body {
                TypeBody::Record { record, rule } => {
                    rule.iter().for_each(|rule| each(rule));
                    record.fields.iter().for_each(|field| rules_in(&field.ty, &mut each));
                }
                TypeBody::Alias { ty } => rules_in(ty, &mut each),
                TypeBody::Enum { .. } | TypeBody::Union { .. } => {}
            }
        }
        for flow in &self.flows {
            flow.params.iter().for_each(|param| rules_in(&param.ty, &mut each));
            flow.slots.iter().for_each(|slot| rules_in(&slot.ty, &mut each));
            rules_in(&flow.returns, &mut each);
        }
        for node in &self.nodes {
            node.params.iter().for_each(|param| rules_in(&param.ty, &mut each));
            rules_in(&node.returns, &mut each);
        }
    }
}

/// Visits the rules that are written in a type; those of named types stand with their declarations.
fn rules_in<'a>(ty: &'a Type, each: &mut dyn FnMut(&'a Where)) {
    match ty {
        Type::Where(rule) => {
            each(rule);
            rules_in(&rule.base, each);
        }
        Type::List(of, _) | Type::Nullable(of) | Type::Optional(of) => rules_in(of, each),
        Type::Map(key, value) => {
            rules_in(key, each);
            rules_in(value, each);
        }
        Type::Record(record) => record.fields.iter().for_each(|field| rules_in(&field.ty, each)),
        _ => {}
    }
}
