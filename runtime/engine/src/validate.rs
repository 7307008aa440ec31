//! What a plan must hold for the engine to name its parts without looking: indices in range.

use flow_ir::Plan;
use flow_ir::expr::SlotId;
use flow_ir::plan::{
    AgentTool, BlockId, Branch, Catch, Flow, Form, ModelKind, ModelRef, NodeKind, Statement, Step, Target,
    VERSION, is_known_version,
};
use flow_runtime_api::{Failure, Kind};

/// Slots of one flow at most.
const SLOTS_MAX: usize = 1 << 20;

/// Checks a plan: `bad_value` says what is wrong. Plans from lowering are always right.
pub(crate) fn plan(plan: &Plan) -> Result<(), Failure> {
    let wrong = |what: String| Err(Failure::new(Kind::BadValue, format!("the plan is broken: {what}")));
    if !is_known_version(plan.version) {
        return wrong(format!("it has version {}, this engine runs 1 to {VERSION}", plan.version));
    }
    if plan.flows.is_empty() {
        return wrong("it has no flow".into());
    }
    for model in &plan.models {
        if let ModelKind::Fallback(all) | ModelKind::RoundRobin(all) = &model.kind
            && (all.is_empty() || all.iter().any(|id| *id as usize >= plan.models.len()))
        {
            return wrong(format!("model `{}`", model.name));
        }
    }
    for node in &plan.nodes {
        let is_right = match &node.kind {
            NodeKind::Prompt(prompt) => is_model(plan, prompt.model),
            NodeKind::Human(human) => match &human.form {
                Some(Form::Whole(slot)) => (*slot as usize) < node.params.len(),
                Some(Form::Fields(fields)) => {
                    fields.iter().all(|(_, slot)| (*slot as usize) < node.params.len())
                }
                None => true,
            },
            NodeKind::Agent(agent) => {
                is_model(plan, agent.ask.model)
                    && agent.max_turns > 0
                    && agent.tools.iter().all(|tool| is_tool(plan, tool))
            }
            NodeKind::Http(_) | NodeKind::Event(_) | NodeKind::Code(_) | NodeKind::BuiltIn(_) => true,
        };
        if !is_right {
            return wrong(format!("node `{}`", node.name));
        }
    }
    for flow in &plan.flows {
        let checker = Checker { plan, flow };
        if !checker.flow() {
            return wrong(format!("flow `{}`", flow.name));
        }
    }
    Ok(())
}

/// Whether a tool's call is whole. Nothing of it is a statement's.
fn is_tool(plan: &Plan, tool: &AgentTool) -> bool {
    let Step { target, args, into, extract, catch, undo, with, .. } = &tool.call;
    let known = match target {
        Target::Node(id) => plan.nodes.get(*id as usize).map(|node| node.params.len()),
        Target::Flow(id) => plan.flows.get(*id as usize).map(|flow| flow.params.len()),
    };
    known.is_some_and(|params| args.len() == params && tool.given.iter().all(|at| (*at as usize) < params))
        && into.is_none()
        && extract.is_none()
        && catch.is_none()
        && undo.is_none()
        && with.model.is_none_or(|model| is_model(plan, model))
}

fn is_model(plan: &Plan, model: ModelRef) -> bool {
    match model {
        ModelRef::Default => true,
        ModelRef::Model(id) => (id as usize) < plan.models.len(),
    }
}

struct Checker<'a> {
    plan: &'a Plan,
    flow: &'a Flow,
}

impl Checker<'_> {
    fn flow(&self) -> bool {
        let flow = self.flow;
        flow.slots.len() <= SLOTS_MAX
            && flow.params.len() <= flow.slots.len()
            && self.block(flow.body)
            && flow.on_error.as_ref().is_none_or(|on| self.slots(on.bind) && self.block(on.block))
            && flow.blocks.iter().all(|block| {
                self.slots(block.state.iter().map(|(slot, _)| *slot))
                    && block.body.iter().all(|statement| self.statement(statement))
            })
    }

    fn block(&self, id: BlockId) -> bool {
        (id as usize) < self.flow.blocks.len()
    }

    fn slots(&self, slots: impl IntoIterator<Item = SlotId>) -> bool {
        slots.into_iter().all(|slot| (slot as usize) < self.flow.slots.len())
    }

    fn range(&self, (from, to): (SlotId, SlotId)) -> bool {
        from <= to && to as usize <= self.flow.slots.len()
    }

    fn branch(&self, branch: &Branch) -> bool {
        self.block(branch.block) && self.range(branch.own) && self.slots(branch.writes.iter().copied())
    }

    fn catch(&self, catch: &Option<Catch>) -> bool {
        catch.as_ref().is_none_or(|catch| {
            self.slots(catch.into)
                && catch.arms.iter().all(|arm| self.slots(arm.bind) && self.block(arm.block))
        })
    }

    fn step(&self, step: &Step) -> bool {
        let target = match step.target {
            Target::Node(id) => {
                self.plan.nodes.get(id as usize).is_some_and(|node| node.params.len() == step.args.len())
            }
            Target::Flow(id) => {
                self.plan.flows.get(id as usize).is_some_and(|flow| flow.params.len() == step.args.len())
            }
        };
        target
            && step.with.model.is_none_or(|model| is_model(self.plan, model))
            && self.slots(step.into)
            && self.slots(step.extract.as_ref().map(|extract| extract.raw))
            && self.catch(&step.catch)
            && step.undo.as_ref().is_none_or(|undo| self.slots([undo.result]) && self.step(&undo.call))
    }

    fn statement(&self, statement: &Statement) -> bool {
        match statement {
            Statement::Set { slot, .. } | Statement::Add { slot, .. } => self.slots([*slot]),
            Statement::Step(step) => self.step(step),
            Statement::Do { block, into, catch, .. } => {
                self.block(*block) && self.slots(*into) && self.catch(catch)
            }
            Statement::If { arms, into, .. } => {
                arms.iter().all(|arm| self.block(arm.block)) && self.slots(*into)
            }
            Statement::Route { bind, arms, into, .. } => {
                let arm = |arm: &flow_ir::plan::RouteArm| {
                    self.block(arm.block) && self.slots(arm.binds.iter().map(|(_, slot)| *slot))
                };
                self.slots([*bind]) && arms.iter().all(arm) && self.slots(*into)
            }
            Statement::Loop { body, otherwise, counters, .. } => {
                self.block(*body)
                    && otherwise.is_none_or(|block| self.block(block))
                    && self.slots(counters.index.into_iter().chain(counters.last))
            }
            Statement::For { index, item, body, counters, .. } => {
                self.slots(index.iter().copied().chain([*item]))
                    && self.block(*body)
                    && self.slots(counters.index.into_iter().chain(counters.last))
            }
            Statement::Parallel { branches } => branches.iter().all(|branch| self.branch(branch)),
            Statement::Race(race) => {
                !race.arms.is_empty()
                    && race.arms.iter().all(|arm| self.branch(&arm.step) && self.block(arm.body))
                    && self.slots(race.into)
                    && self.catch(&race.catch)
            }
            Statement::Graph(graph) => {
                !graph.stages.is_empty()
                    && graph.stages[0].params.is_empty()
                    && graph
                        .stages
                        .iter()
                        .all(|stage| self.slots(stage.params.iter().copied()) && self.block(stage.body))
                    && graph.otherwise.is_none_or(|block| self.block(block))
                    && self.slots(graph.into)
            }
            Statement::Emit { .. } => self.flow.emits.is_some(),
            Statement::ParallelFor(parallel) => {
                self.slots(parallel.index.into_iter().chain([parallel.item]).chain(parallel.into))
                    && self.slots(parallel.counters.index.into_iter().chain(parallel.counters.last))
                    && self.slots(parallel.writes.iter().copied())
                    && self.range(parallel.own)
                    && self.block(parallel.block)
                    && self.catch(&parallel.catch)
            }
            Statement::Saga { block } => self.block(*block),
            Statement::Try { body, catch, finally } => {
                self.block(*body) && self.catch(catch) && finally.is_none_or(|block| self.block(block))
            }
            Statement::Fail { .. }
            | Statement::Rethrow { .. }
            | Statement::Wait { .. }
            | Statement::Return { .. }
            | Statement::Yield { .. }
            | Statement::Break
            | Statement::Continue
            | Statement::Goto { .. } => true,
        }
    }
}
