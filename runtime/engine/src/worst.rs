//! The worst case: which way through a flow is the dearest, where conditions and answers decide.
//!
//! `--simulate=worst` takes that way, whatever the conditions say: the arm behind which most is done, every turn of a
//! loop, every retry and repair. A condition that says what a value is (`is`, `== null`, `has`) is not overruled, since
//! what it guards couldn't be computed; the variants of unions that answers hold are chosen instead ([`Wish`]).

use std::collections::{HashMap, HashSet};

use flow_ir::expr::{Pattern, SlotId};
use flow_ir::plan::{
    Agent, AgentTool, BlockId, Catch, Flow, FlowId, LoopTest, ModelKind, ModelRef, Node, NodeId, NodeKind,
    RouteArm, Statement, Step, Target, TestArm,
};
use flow_ir::{Expr, Name, Plan, Value};

/// A model's call is as dear as so many steps; a tool's is much less.
const MODEL_CALL: f64 = 1_000.0;
const TOOL_CALL: f64 = 10.0;
/// Turns of a loop or elements of a list whose number isn't a constant.
const USUAL_COUNT: f64 = 4.0;
/// Flows that call flows, and models of models, end by then.
const DEPTH_MAX: usize = 64;
/// The way on from what leaves for good.
const NOTHING: f64 = 0.0;

/// A member of a union that an answer is to hold, so that the dearest arm of a `route` is taken.
#[derive(Clone, Debug, PartialEq)]
pub struct Wish {
    /// Fields that lead to it, from the node's result.
    pub path: Vec<u32>,
    /// The member.
    pub variant: Name,
}

/// What the worst case chooses in a plan.
#[derive(Debug, Default)]
pub struct Worst {
    /// By flow and block of the first arm: the arm to take, or none of them.
    arms: HashMap<(FlowId, BlockId), Option<usize>>,
    /// By flow and body: the loops that are left by their test after the last turn, since what follows is dearer than
    /// what runs when the turns run out.
    leaves: HashSet<(FlowId, BlockId)>,
    /// By flow and block of the first arm of a `catch`: the arm for which the step fails at last.
    catches: HashMap<(FlowId, BlockId), usize>,
    wishes: HashMap<NodeId, Vec<Wish>>,
    weights: HashMap<(FlowId, BlockId), f64>,
    /// The weights of the stages of the graphs around, while they are walked.
    graphs: Vec<Vec<f64>>,
}

/// What is still done at most after a block, by how it is left.
#[derive(Clone, Copy)]
struct After {
    next: f64,
    breaks: f64,
    continues: f64,
    yields: f64,
    /// By an entry into a stage of the nearest graph, the stage's own work aside.
    goes: f64,
}

impl Worst {
    /// Finds the dearest ways of every flow.
    pub fn of(plan: &Plan) -> Worst {
        let mut worst = Worst::default();
        for (id, flow) in plan.flows.iter().enumerate() {
            let id = id as FlowId;
            let after =
                After { next: NOTHING, breaks: NOTHING, continues: NOTHING, yields: NOTHING, goes: NOTHING };
            worst.walk(plan, id, flow.body, after);
            for (route, bind) in routes(flow) {
                worst.wish(plan, id, flow, route, bind);
            }
        }
        worst
    }

    /// Returns the arm to take of an `if`, or that none is, where its tests may be overruled.
    pub fn test_arm(&self, flow: FlowId, arms: &[TestArm]) -> Option<Option<usize>> {
        let arm = *self.arms.get(&(flow, arms.first()?.block))?;
        let mut tests = arms.iter().take(arm.map_or(arms.len(), |arm| arm + 1));
        tests.all(|arm| !arm.test.as_ref().is_some_and(narrows)).then_some(arm)
    }

    /// Returns the arm to take of a `route`, where its patterns may be overruled.
    pub fn route_arm(&self, flow: FlowId, arms: &[RouteArm]) -> Option<usize> {
        let arm = (*self.arms.get(&(flow, arms.first()?.block))?)?;
        let is_plain = |arm: &RouteArm| {
            let says_what_it_is =
                |pattern: &Pattern| matches!(pattern, Pattern::Variant(_) | Pattern::Value(Value::Null));
            arm.binds.is_empty()
                && !arm.patterns.iter().any(says_what_it_is)
                && !arm.guard.as_ref().is_some_and(narrows)
        };
        arms.iter().all(is_plain).then_some(arm)
    }

    /// Whether a loop goes on after a turn, if its test may be overruled; `is_last` is the last turn that there may be.
    pub fn goes_on(&self, flow: FlowId, body: BlockId, test: &Expr, is_last: bool) -> Option<bool> {
        (!narrows(test)).then(|| !(is_last && self.leaves.contains(&(flow, body))))
    }

    /// Returns the kind with which a step fails at last, if an arm of its `catch` is dearer than to go on without.
    pub fn failure(&self, flow: FlowId, catch: &Catch) -> Option<Name> {
        let arm = *self.catches.get(&(flow, catch.arms.first()?.block))?;
        failure_of(&catch.arms.get(arm)?.kinds)
    }

    /// Returns what an answer of a node is to hold.
    pub fn wishes(&self, node: NodeId) -> &[Wish] {
        self.wishes.get(&node).map_or(&[], Vec::as_slice)
    }

    /// Walks a block and notes what it chooses; returns what is done at most from its beginning on.
    fn walk(&mut self, plan: &Plan, flow: FlowId, block: BlockId, after: After) -> f64 {
        let Some(body) = plan.flows.get(flow as usize).and_then(|of| of.blocks.get(block as usize)) else {
            return after.next;
        };
        let mut rest = after.next;
        for statement in body.body.iter().rev() {
            rest = self.statement(plan, flow, statement, After { next: rest, ..after });
        }
        rest
    }

    fn statement(&mut self, plan: &Plan, flow: FlowId, statement: &Statement, after: After) -> f64 {
        let next = after.next;
        match statement {
            Statement::Set { .. } | Statement::Add { .. } => next,
            Statement::Emit { .. } | Statement::Wait { .. } => next + 1.0,
            Statement::Step(step) => {
                let own = self.step(plan, step, 0);
                let caught = step.catch.as_ref().filter(|_| matches!(step.target, Target::Node(_)));
                own + match caught {
                    Some(catch) => self.catch(plan, flow, catch, after),
                    None => next,
                }
            }
            Statement::Do { block, into, catch, .. } => {
                if let Some(catch) = catch {
                    self.handlers(plan, flow, catch, after);
                }
                self.walk(plan, flow, *block, into_block(after, *into))
            }
            Statement::If { arms, into, .. } => {
                let inner = into_block(after, *into);
                let ways = arms.iter().map(|arm| self.walk(plan, flow, arm.block, inner)).collect::<Vec<_>>();
                let has_else = arms.iter().any(|arm| arm.test.is_none());
                self.note(flow, arms.first().map(|arm| arm.block), &ways, (!has_else).then_some(next))
            }
            Statement::Route { arms, into, .. } => {
                let inner = into_block(after, *into);
                let ways = arms.iter().map(|arm| self.walk(plan, flow, arm.block, inner)).collect::<Vec<_>>();
                self.note(flow, arms.first().map(|arm| arm.block), &ways, None)
            }
            Statement::Loop { max, body, otherwise, test, .. } => {
                let turn = 1.0 + self.weight(plan, flow, *body, 0);
                let turns = number(max);
                let end = match otherwise {
                    Some(block) => self.walk(plan, flow, *block, after),
                    None if matches!(test, LoopTest::None) => next,
                    None => NOTHING,
                };
                if !matches!(test, LoopTest::None) && (otherwise.is_none() || next > end) {
                    self.leaves.insert((flow, *body));
                }
                let again = (turns - 1.0).max(0.0) * turn + end.max(next);
                let inner = After { next: again, breaks: next, continues: again, ..after };
                self.walk(plan, flow, *body, inner);
                turns * turn + end.max(next)
            }
            Statement::For { max, body, .. } => {
                let turn = 1.0 + self.weight(plan, flow, *body, 0);
                let turns = max.as_ref().map_or(USUAL_COUNT, number);
                let again = (turns - 1.0).max(0.0) * turn + next;
                self.walk(plan, flow, *body, After { next: again, breaks: next, continues: again, ..after });
                turns * turn + next
            }
            Statement::Parallel { branches } => {
                let each = branches.iter().map(|branch| self.alone(plan, flow, branch.block));
                each.sum::<f64>() + next
            }
            Statement::ParallelFor(parallel) => {
                if let Some(catch) = &parallel.catch {
                    self.handlers(plan, flow, catch, after);
                }
                let turns = parallel.max.as_ref().map_or(USUAL_COUNT, number);
                turns * (1.0 + self.alone(plan, flow, parallel.block)) + next
            }
            Statement::Try { body, catch, finally } => {
                if let Some(catch) = catch {
                    self.handlers(plan, flow, catch, after);
                }
                let finally = finally.map_or(0.0, |block| self.alone(plan, flow, block));
                self.walk(plan, flow, *body, After { next: next + finally, ..after })
            }
            Statement::Saga { block } => self.walk(plan, flow, *block, after),
            Statement::Fail { .. } | Statement::Rethrow { .. } | Statement::Return { .. } => NOTHING,
            Statement::Yield { .. } => after.yields,
            Statement::Break => after.breaks,
            Statement::Continue => after.continues,
            Statement::Goto { stage, .. } => {
                let weights = self.graphs.last();
                after.goes + weights.and_then(|all| all.get(*stage as usize)).copied().unwrap_or(0.0)
            }
            Statement::Graph(graph) => {
                let weights: Vec<f64> =
                    graph.stages.iter().map(|stage| 1.0 + self.weight(plan, flow, stage.body, 0)).collect();
                let dearest = weights.iter().copied().fold(0.0, f64::max);
                let end = graph.otherwise.map_or(NOTHING, |block| {
                    let inner = into_block(after, graph.into);
                    self.walk(plan, flow, block, inner)
                });
                let visits = number(&graph.max);
                let goes = (visits - 1.0).max(0.0) * dearest + end.max(next);
                self.graphs.push(weights);
                for stage in &graph.stages {
                    let inner = After { goes, breaks: next, ..into_block(after, graph.into) };
                    self.walk(plan, flow, stage.body, inner);
                }
                self.graphs.pop();
                visits * dearest + end.max(next)
            }
            Statement::Race(race) => {
                if let Some(catch) = &race.catch {
                    self.handlers(plan, flow, catch, after);
                }
                let inner = into_block(after, race.into);
                let arms = race.arms.iter().map(|arm| {
                    self.alone(plan, flow, arm.step.block) + self.walk(plan, flow, arm.body, inner)
                });
                arms.fold(0.0, f64::max).max(next)
            }
        }
    }

    /// Walks a block that ends by itself.
    fn alone(&mut self, plan: &Plan, flow: FlowId, block: BlockId) -> f64 {
        let after = After { next: 0.0, breaks: 0.0, continues: 0.0, yields: 0.0, goes: 0.0 };
        self.walk(plan, flow, block, after)
    }

    /// Notes the dearest of several arms, and returns what it comes to; `past` is what it comes to if none is taken.
    fn note(&mut self, flow: FlowId, first: Option<BlockId>, ways: &[f64], past: Option<f64>) -> f64 {
        let (mut best, mut most) = (None, past.unwrap_or(f64::MIN));
        for (arm, way) in ways.iter().enumerate() {
            if *way > most {
                (best, most) = (Some(arm), *way);
            }
        }
        // Where all are the same, the conditions say which.
        if let Some(first) = first
            && ways.iter().chain(&past).any(|way| *way != most)
        {
            self.arms.insert((flow, first), best);
        }
        most.max(0.0)
    }

    /// Walks the arms of a step's `catch`: it fails at last if that is dearer than to succeed.
    fn catch(&mut self, plan: &Plan, flow: FlowId, catch: &Catch, after: After) -> f64 {
        let ways = self.handlers(plan, flow, catch, after);
        let mut most = after.next;
        for (arm, way) in ways.into_iter().enumerate() {
            if way > most && failure_of(&catch.arms[arm].kinds).is_some() {
                most = way;
                self.catches.insert((flow, catch.arms[0].block), arm);
            }
        }
        most
    }

    fn handlers(&mut self, plan: &Plan, flow: FlowId, catch: &Catch, after: After) -> Vec<f64> {
        let inner = into_block(after, catch.into);
        catch.arms.iter().map(|arm| self.walk(plan, flow, arm.block, inner)).collect()
    }

    /// Returns what a block does by itself at most, whichever way leads through it.
    fn weight(&mut self, plan: &Plan, flow: FlowId, block: BlockId, depth: usize) -> f64 {
        if let Some(known) = self.weights.get(&(flow, block)) {
            return *known;
        }
        if depth > DEPTH_MAX {
            return 0.0;
        }
        let Some(body) = plan.flows.get(flow as usize).and_then(|of| of.blocks.get(block as usize)) else {
            return 0.0;
        };
        let sum = body.body.iter().map(|statement| self.weight_of(plan, flow, statement, depth + 1)).sum();
        self.weights.insert((flow, block), sum);
        sum
    }

    fn weight_of(&mut self, plan: &Plan, flow: FlowId, statement: &Statement, depth: usize) -> f64 {
        let mut of = |block: BlockId| self.weight(plan, flow, block, depth);
        let caught = |catch: &Option<Catch>, of: &mut dyn FnMut(BlockId) -> f64| {
            let arms = catch.iter().flat_map(|catch| &catch.arms);
            arms.map(|arm| of(arm.block)).fold(0.0, f64::max)
        };
        match statement {
            Statement::Step(step) => caught(&step.catch, &mut of) + self.step(plan, step, depth),
            Statement::Emit { .. } | Statement::Wait { .. } => 1.0,
            Statement::Do { block, catch, .. } => caught(catch, &mut of) + of(*block),
            Statement::If { arms, .. } => arms.iter().map(|arm| of(arm.block)).fold(0.0, f64::max),
            Statement::Route { arms, .. } => arms.iter().map(|arm| of(arm.block)).fold(0.0, f64::max),
            Statement::Loop { max, body, otherwise, .. } => {
                number(max) * (1.0 + of(*body)) + otherwise.map_or(0.0, of)
            }
            Statement::For { max, body, .. } => max.as_ref().map_or(USUAL_COUNT, number) * (1.0 + of(*body)),
            Statement::Parallel { branches } => branches.iter().map(|branch| of(branch.block)).sum(),
            Statement::ParallelFor(parallel) => {
                let turns = parallel.max.as_ref().map_or(USUAL_COUNT, number);
                turns * (1.0 + of(parallel.block)) + caught(&parallel.catch, &mut of)
            }
            Statement::Try { body, catch, finally } => {
                caught(catch, &mut of) + of(*body) + finally.map_or(0.0, of)
            }
            Statement::Saga { block } => of(*block),
            Statement::Graph(graph) => {
                let dearest = graph.stages.iter().map(|stage| 1.0 + of(stage.body)).fold(0.0, f64::max);
                number(&graph.max) * dearest + graph.otherwise.map_or(0.0, of)
            }
            Statement::Race(race) => {
                let steps: f64 = race.arms.iter().map(|arm| of(arm.step.block)).sum();
                let bodies = race.arms.iter().map(|arm| of(arm.body)).fold(0.0, f64::max);
                steps + bodies + caught(&race.catch, &mut of)
            }
            Statement::Set { .. }
            | Statement::Add { .. }
            | Statement::Fail { .. }
            | Statement::Rethrow { .. }
            | Statement::Return { .. }
            | Statement::Yield { .. }
            | Statement::Break
            | Statement::Continue
            | Statement::Goto { .. } => 0.0,
        }
    }

    /// Returns what one call comes to at most.
    fn step(&mut self, plan: &Plan, step: &Step, depth: usize) -> f64 {
        1.0 + match step.target {
            Target::Flow(id) => match plan.flows.get(id as usize) {
                Some(flow) if depth <= DEPTH_MAX => self.weight(plan, id, flow.body, depth + 1),
                _ => 0.0,
            },
            Target::Node(id) => match plan.nodes.get(id as usize) {
                Some(node) => self.node(plan, node, step, depth),
                None => 0.0,
            },
        }
    }

    fn node(&mut self, plan: &Plan, node: &Node, step: &Step, depth: usize) -> f64 {
        let own = step.with.retry.or(node.retry);
        let tries = |model: ModelRef| tries(plan, step.with.model.unwrap_or(model), own, DEPTH_MAX);
        let repairs = |repair: u32| f64::from(step.with.repair.unwrap_or(repair));
        match &node.kind {
            NodeKind::Prompt(prompt) => MODEL_CALL * (tries(prompt.model) + repairs(prompt.repair)),
            NodeKind::Http(_) => TOOL_CALL * f64::from(own.unwrap_or(0).saturating_add(1)),
            NodeKind::Agent(agent) => {
                let turns = f64::from(agent.max_turns) + f64::from(u8::from(agent.finish.is_some()));
                let asked = turns * MODEL_CALL * (tries(agent.ask.model) + repairs(agent.ask.repair));
                asked + f64::from(agent.max_turns) * self.dearest_tool(plan, agent, depth)
            }
            NodeKind::Human(_) | NodeKind::Event(_) | NodeKind::BuiltIn(_) => 1.0,
            NodeKind::Code(_) => 0.0,
        }
    }

    fn dearest_tool(&mut self, plan: &Plan, agent: &Agent, depth: usize) -> f64 {
        let each = agent.tools.iter().map(|tool| self.tool(plan, tool, depth));
        each.fold(0.0, f64::max)
    }

    fn tool(&mut self, plan: &Plan, tool: &AgentTool, depth: usize) -> f64 {
        if depth > DEPTH_MAX { 0.0 } else { self.step(plan, &tool.call, depth + 1) }
    }

    /// Returns the tools of an agent, the dearest first, each with its calls at most.
    pub fn tools(&mut self, plan: &Plan, agent: &Agent) -> Vec<(usize, u64)> {
        let mut all: Vec<(usize, f64)> =
            agent.tools.iter().enumerate().map(|(at, tool)| (at, self.tool(plan, tool, 0))).collect();
        all.sort_by(|a, b| b.1.total_cmp(&a.1));
        let most = |at: usize| match &agent.tools[at].max {
            Some(Expr::Const(Value::Int(most))) => u64::try_from(*most).unwrap_or(0),
            Some(_) => 1,
            None => u64::MAX,
        };
        all.into_iter().map(|(at, _)| (at, most(at))).collect()
    }

    /// Notes that the answer of the step that a `route` takes apart holds the variant of the dearest arm.
    fn wish(&mut self, plan: &Plan, id: FlowId, flow: &Flow, route: &[RouteArm], value: &Expr) {
        let best = route.first().and_then(|first| *self.arms.get(&(id, first.block))?);
        let Some(Pattern::Variant(variant)) =
            best.and_then(|best| route.get(best)).and_then(|arm| arm.patterns.first())
        else {
            return;
        };
        let mut path = Vec::new();
        let mut of = value;
        let slot = loop {
            match of {
                Expr::Field { of: inner, index, .. } => {
                    path.push(*index);
                    of = inner;
                }
                Expr::Widen { of: inner, .. } => of = inner,
                Expr::Slot(slot) => break *slot,
                _ => return,
            }
        };
        path.reverse();
        let Some(node) = made_by(plan, flow, slot) else { return };
        let wishes = self.wishes.entry(node).or_default();
        // The first of several routes decides.
        if wishes.iter().all(|wish| wish.path != path) {
            wishes.push(Wish { path, variant: variant.clone() });
        }
    }
}

/// A block whose `yield` may have a target here.
fn into_block(after: After, into: Option<SlotId>) -> After {
    match into {
        Some(_) => After { yields: after.next, ..after },
        None => after,
    }
}

/// Returns a constant count.
fn number(count: &Expr) -> f64 {
    match count {
        Expr::Const(Value::Int(number)) => (*number).max(0) as f64,
        _ => USUAL_COUNT,
    }
}

/// Returns the kind of a failure that a simulated server can give, of the kinds of an arm.
fn failure_of(kinds: &[Name]) -> Option<Name> {
    const GIVEN: [&str; 5] = ["unavailable", "rate_limited", "timeout", "tool_failed", "bad_answer"];
    match kinds {
        [] => Some(Name::new_static(GIVEN[0])),
        kinds => kinds.iter().find(|kind| GIVEN.contains(&kind.as_str())).cloned(),
    }
}

/// Whether a condition says what a value is, so that what it guards relies on it.
fn narrows(test: &Expr) -> bool {
    match test {
        Expr::Is { .. } | Expr::Has { .. } => true,
        Expr::Const(value) => value.is_null(),
        other => {
            let mut found = false;
            other.children(&mut |child| found |= narrows(child));
            found
        }
    }
}

/// Returns how often models are asked for one answer, repairs aside.
fn tries(plan: &Plan, model: ModelRef, retry: Option<u32>, depth: usize) -> f64 {
    let usual = |own: Option<u32>| f64::from(retry.or(own).unwrap_or(2).saturating_add(1));
    let ModelRef::Model(id) = model else { return usual(None) };
    let (Some(declared), Some(depth)) = (plan.models.get(id as usize), depth.checked_sub(1)) else {
        return usual(None);
    };
    let of = |id: &u32| tries(plan, ModelRef::Model(*id), retry, depth);
    match &declared.kind {
        ModelKind::Fallback(all) => all.iter().map(of).sum(),
        ModelKind::RoundRobin(all) => all.iter().map(of).fold(0.0, f64::max),
        _ => usual(declared.settings.retry),
    }
}

/// Returns the `route`s of a flow, each with what it takes apart.
fn routes(flow: &Flow) -> impl Iterator<Item = (&[RouteArm], &Expr)> {
    let statements = flow.blocks.iter().flat_map(|block| &block.body);
    statements.filter_map(|statement| match statement {
        Statement::Route { value, arms, .. } => Some((arms.as_slice(), value)),
        _ => None,
    })
}

/// Returns the node whose result, as it is, a slot holds.
fn made_by(plan: &Plan, flow: &Flow, slot: SlotId) -> Option<NodeId> {
    let statements = flow.blocks.iter().flat_map(|block| &block.body);
    statements.into_iter().find_map(|statement| match statement {
        Statement::Step(step) if step.into == Some(slot) && step.extract.is_none() => match step.target {
            Target::Node(id) if plan.nodes.get(id as usize).is_some() => Some(id),
            _ => None,
        },
        _ => None,
    })
}
