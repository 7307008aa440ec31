//! The forms of statements and agents that plans have, and what their steps call, by a name each.

use flow_ir::plan::{Agent, LoopTest, NodeKind, Plan, Statement, Step, Target};

/// Every form; the suite shows each.
pub const ALL: &[&str] = &[
    "set",
    "add",
    "step",
    "step with",
    "step extract",
    "step catch",
    "step undo",
    "call prompt",
    "call http",
    "call human",
    "call event",
    "call flow",
    "call agent",
    "do",
    "do catch",
    "if",
    "if value",
    "route",
    "route value",
    "loop",
    "loop while",
    "loop until",
    "loop else",
    "for",
    "for max",
    "parallel",
    "parallel for",
    "parallel for by",
    "parallel for max",
    "parallel for jobs",
    "parallel for collect",
    "parallel for catch",
    "try catch",
    "try finally",
    "saga",
    "fail",
    "fail error",
    "wait",
    "wait until",
    "return",
    "yield",
    "break",
    "continue",
    "graph",
    "graph value",
    "graph else",
    "goto",
    "race",
    "race value",
    "race catch",
    "emit",
    "state",
    "state merge",
    "budget",
    "on error",
    "agent tool",
    "agent bound",
    "agent max",
    "agent finish",
    "agent on_error",
    "agent code",
    "agent built-in",
];

/// Returns the forms that a plan has, each as often as it occurs.
pub fn of(plan: &Plan) -> Vec<&'static str> {
    let mut forms = Vec::new();
    for flow in &plan.flows {
        forms.extend((flow.budget != Default::default()).then_some("budget"));
        forms.extend(flow.on_error.as_ref().map(|_| "on error"));
        forms.extend(flow.slots.iter().filter_map(|slot| slot.merge.map(|_| "state merge")));
        for block in &flow.blocks {
            forms.extend(block.state.iter().map(|_| "state"));
            block.body.iter().for_each(|statement| of_statement(plan, statement, &mut forms));
        }
    }
    for node in &plan.nodes {
        match &node.kind {
            NodeKind::Agent(agent) => of_agent(plan, agent, &mut forms),
            NodeKind::Code(_) => forms.push("agent code"),
            NodeKind::BuiltIn(_) => forms.push("agent built-in"),
            NodeKind::Prompt(_) | NodeKind::Http(_) | NodeKind::Human(_) | NodeKind::Event(_) => {}
        }
    }
    forms
}

fn of_agent(plan: &Plan, agent: &Agent, forms: &mut Vec<&'static str>) {
    for tool in &agent.tools {
        forms.push("agent tool");
        forms.extend((tool.given.len() < tool.params(plan).len()).then_some("agent bound"));
        forms.extend(tool.max.as_ref().map(|_| "agent max"));
    }
    forms.extend(agent.finish.as_ref().map(|_| "agent finish"));
    forms.extend(agent.fails_with_tools.then_some("agent on_error"));
}

fn of_statement(plan: &Plan, statement: &Statement, forms: &mut Vec<&'static str>) {
    match statement {
        Statement::Set { .. } => forms.push("set"),
        Statement::Add { .. } => forms.push("add"),
        Statement::Step(step) => of_step(plan, step, forms),
        Statement::Do { catch, .. } => {
            forms.push("do");
            forms.extend(catch.as_ref().map(|_| "do catch"));
        }
        Statement::If { into, .. } => forms.push(if into.is_some() { "if value" } else { "if" }),
        Statement::Route { into, .. } => forms.push(if into.is_some() { "route value" } else { "route" }),
        Statement::Loop { test, otherwise, .. } => {
            forms.push(match test {
                LoopTest::None => "loop",
                LoopTest::While(_) => "loop while",
                LoopTest::Until(_) => "loop until",
            });
            forms.extend(otherwise.map(|_| "loop else"));
        }
        Statement::For { max, .. } => {
            forms.push("for");
            forms.extend(max.as_ref().map(|_| "for max"));
        }
        Statement::Parallel { .. } => forms.push("parallel"),
        Statement::ParallelFor(each) => {
            forms.push("parallel for");
            forms.extend(each.key.as_ref().map(|_| "parallel for by"));
            forms.extend(each.max.as_ref().map(|_| "parallel for max"));
            forms.extend(each.jobs.as_ref().map(|_| "parallel for jobs"));
            forms.extend(each.collect.then_some("parallel for collect"));
            forms.extend(each.catch.as_ref().map(|_| "parallel for catch"));
        }
        Statement::Try { catch, finally, .. } => {
            forms.extend(catch.as_ref().map(|_| "try catch"));
            forms.extend(finally.map(|_| "try finally"));
        }
        Statement::Saga { .. } => forms.push("saga"),
        Statement::Fail { .. } => forms.push("fail"),
        Statement::Rethrow { .. } => forms.push("fail error"),
        Statement::Wait { until, .. } => forms.push(if *until { "wait until" } else { "wait" }),
        Statement::Return { .. } => forms.push("return"),
        Statement::Yield { .. } => forms.push("yield"),
        Statement::Break => forms.push("break"),
        Statement::Continue => forms.push("continue"),
        Statement::Graph(graph) => {
            forms.push(if graph.into.is_some() { "graph value" } else { "graph" });
            forms.extend(graph.otherwise.map(|_| "graph else"));
        }
        Statement::Goto { .. } => forms.push("goto"),
        Statement::Race(race) => {
            forms.push(if race.into.is_some() { "race value" } else { "race" });
            forms.extend(race.catch.as_ref().map(|_| "race catch"));
        }
        Statement::Emit { .. } => forms.push("emit"),
    }
}

fn of_step(plan: &Plan, step: &Step, forms: &mut Vec<&'static str>) {
    forms.push("step");
    forms.push(match step.target {
        Target::Flow(_) => "call flow",
        Target::Node(node) => match plan.nodes[node as usize].kind {
            NodeKind::Prompt(_) => "call prompt",
            NodeKind::Http(_) => "call http",
            NodeKind::Human(_) => "call human",
            NodeKind::Event(_) => "call event",
            NodeKind::Agent(_) => "call agent",
            // Only a model calls them.
            NodeKind::Code(_) => "agent code",
            NodeKind::BuiltIn(_) => "agent built-in",
        },
    });
    forms.extend((step.with != Default::default()).then_some("step with"));
    forms.extend(step.extract.as_ref().map(|_| "step extract"));
    forms.extend(step.catch.as_ref().map(|_| "step catch"));
    forms.extend(step.undo.as_ref().map(|_| "step undo"));
}
