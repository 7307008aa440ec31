//! `graph`, its stages, and `goto` (S8).
//!
//! Stages are checked one by one, in written order. What is surely assigned where a stage starts hangs on every `goto` that
//! leads there, so reads that hang on it are put off, and settled when all stages are known: `assigned.rs`.

use std::collections::BTreeSet;

use flow_diagnostics::Code;
use flow_ir::Type;
use flow_ir::plan::{Graph, Stage, Statement};
use flow_source::Span;
use flow_syntax::tree::{self, StepKind};
use smol_str::SmolStr;

use super::assigned::Starts;
use super::step::Got;
use super::ways::{Exit, Way, Ways};
use super::{FlowCheck, Frame, ValueFrame};
use crate::cx::{BindingKind, Place, Point};
use crate::expr::Param;
use crate::hash::{HashMap, HashSet};

/// A graph that is checked.
pub(crate) struct GraphFrame {
    /// The index of each stage, by name.
    names: HashMap<SmolStr, usize>,
    /// What each stage takes; `None` if that could not be read.
    params: Vec<Option<Vec<Param>>>,
    /// Whether it gives a value.
    pub is_value: bool,
    /// The stage that is checked.
    pub current: usize,
    /// The stages that stages name in a `goto`, wherever it stands.
    links: BTreeSet<(usize, usize)>,
    /// A `goto` names no stage, and it isn't known which one is meant.
    astray: bool,
    /// A way out of it is wrong, and reported.
    pub is_broken: bool,
    /// What is assigned on each `goto`.
    starts: Starts,
    /// Ways out of stages, which hang on what is assigned at the stage's start.
    pub ways: Ways<(usize, Exit)>,
}

impl GraphFrame {
    /// Notes a way from the stage that is checked to another.
    pub fn goto(&mut self, stage: usize, point: &Point) {
        self.starts.goto(self.current, stage, point);
    }
}

impl FlowCheck<'_> {
    pub fn graph(
        &mut self,
        graph: &tree::Graph,
        value: &tree::Value,
        name: Option<&SmolStr>,
        expected: Option<&Type>,
        into: Option<u32>,
    ) -> Got {
        let keyword = Span::new(graph.span.start, graph.span.start + 5);
        self.no_with(value, "a `graph`");
        self.no_catch(value, "a `graph`", "stages");
        let max = self.max(&graph.max, true);
        let own = graph.name.as_ref().map(|name| &name.text);
        let segment =
            value.name.as_ref().map(|name| &name.text).or(own).or(name).cloned().unwrap_or("graph".into());
        let (names, params) = self.stage_heads(graph);
        let before = self.point.clone();
        if into.is_some() {
            self.frames.push(Frame::Value(ValueFrame::new(expected.cloned())));
        }
        let out = self.stages(graph, &segment, names, params, into.is_some(), &before);
        let mut otherwise = None;
        self.cx.point = match &graph.otherwise {
            Some(block) => {
                let end = self.from(out.exhausted, |check| otherwise = Some(check.plain_block(block)));
                let mut point = out.exit;
                point.meet(end);
                point
            }
            None => out.exit,
        };
        let is_stuck = !out.is_left && graph.otherwise.is_none();
        if is_stuck || !out.is_known && !self.point.reachable {
            // What is wrong with its ways is reported; what follows counts as reached.
            self.cx.point = out.astray;
        }
        let ty = match into {
            Some(_) if is_stuck => {
                self.frames.pop();
                Type::Error
            }
            Some(_) => self.close_value(true, graph.span).0,
            None => Type::Null,
        };
        if is_stuck {
            self.never_left(graph, keyword, out.is_known);
        }
        let stages = out.stages;
        self.emit(Statement::Graph(Box::new(Graph { segment, max, stages, otherwise, into })));
        Got::Stored(ty)
    }

    /// Reads what the stages take, and reports what can't be a stage of the graph.
    fn stage_heads(&mut self, graph: &tree::Graph) -> (HashMap<SmolStr, usize>, Vec<Option<Vec<Param>>>) {
        let mut names: HashMap<SmolStr, usize> = HashMap::default();
        let mut params = Vec::with_capacity(graph.stages.len());
        for (index, stage) in graph.stages.iter().enumerate() {
            match names.get(&stage.name.text) {
                Some(first) => {
                    let first = self.at(graph.stages[*first].name.span);
                    let diagnostic = self
                        .error(
                            Code::DuplicateName,
                            stage.name.span,
                            format!("stage `{}` is declared twice", stage.name.text),
                        )
                        .here("which one a `goto` means isn't known")
                        .label(first, "first declared here")
                        .help(format!(
                            "give one of the two another name, such as `{}`, here and in the `goto` that means it",
                            self.other_name(&stage.name.text)
                        ));
                    self.report(diagnostic);
                }
                None => {
                    names.insert(stage.name.text.clone(), index);
                }
            }
            let own = stage.params.iter().map(|param| self.stage_param(param)).collect();
            let head = Span::new(stage.name.span.end, stage.body.span.start);
            let is_lost = self.item.lost.iter().any(|lost| head.contains(*lost));
            params.push(Some(own).filter(|_| !is_lost));
        }
        if let Some(entry) = graph.stages.first()
            && let Some(param) = entry.params.first()
        {
            let diagnostic = self
                .error(
                    Code::MissingArgument,
                    param.name.span,
                    format!("the first stage takes no `{}`", param.name.text),
                )
                .here("the graph starts here, and nothing gives it a value")
                .label(self.at(entry.name.span), "the first stage is the entry")
                .help("use names from around the graph, or put a stage before it: `stage start { goto … }`");
            self.report(diagnostic);
        }
        (names, params)
    }

    fn stage_param(&mut self, param: &tree::Param) -> Param {
        let ty = self.read_type(|reader| reader.refined(&param.ty));
        self.hoist = None;
        let default = param.default.as_ref().map(|default| {
            let outer = std::mem::replace(&mut self.cx.constant_only, true);
            let value = self.value(default, &ty, &format!("the parameter `{}`", param.name.text));
            self.cx.constant_only = outer;
            value
        });
        Param { name: param.name.text.clone(), ty, default }
    }

    fn stages(
        &mut self,
        graph: &tree::Graph,
        segment: &str,
        names: HashMap<SmolStr, usize>,
        params: Vec<Option<Vec<Param>>>,
        is_value: bool,
        before: &Point,
    ) -> Left {
        let mut assigned: Vec<u32> = Vec::new();
        for stage in &graph.stages {
            assigned.extend(self.assigned_state(&stage.body.steps));
        }
        assigned.sort_unstable();
        assigned.dedup();
        // Any stage may run before, but for an entry that nothing leads back to.
        let mut again = before.clone();
        again.facts.retain(|fact| assigned.binary_search(&fact.root).is_err());
        let mut gotos = HashSet::default();
        graph.stages.iter().for_each(|stage| named_in(&stage.body.steps, &mut gotos));
        let is_met_again = graph.stages.first().is_some_and(|entry| gotos.contains(&entry.name.text));
        let own = self.frames.len();
        self.frames.push(Frame::Graph(Box::new(GraphFrame {
            names,
            params,
            is_value,
            current: 0,
            links: BTreeSet::new(),
            astray: false,
            is_broken: false,
            starts: Starts::new(&assigned, before),
            ways: Ways::new(),
        })));
        let found = self.diagnostics.len();
        let mut reads = Vec::with_capacity(graph.stages.len());
        let mut stages = Vec::with_capacity(graph.stages.len());
        for (index, stage) in graph.stages.iter().enumerate() {
            if let Some(Frame::Graph(frame)) = self.frames.last_mut() {
                frame.current = index;
            }
            let start = if index == 0 && !is_met_again { before.clone() } else { again.clone() };
            let path = self.enter(&format!("{segment}[].{}", stage.name.text));
            self.cx.put_off_reads();
            self.from(start, |check| stages.push(check.stage(stage, own)));
            reads.push(self.cx.reads_put_off());
            self.leave(path);
        }
        let has_no_exit =
            self.diagnostics[found..].iter().any(|diagnostic| diagnostic.code == Code::NoExitFromStage);
        let Some(Frame::Graph(frame)) = self.frames.pop() else { return Left::default() };
        let frame = *frame;
        let is_twice = frame.names.len() < graph.stages.len();
        let is_known = !self.unreachable_stages(graph, &frame)
            && !frame.is_broken
            && !frame.astray
            && !is_twice
            && !has_no_exit;
        let solved = frame.starts.solve(graph.stages.len());
        let told = self.cx.settle_reads(reads, &solved);
        let mut left = Left { stages, is_known, ..Left::default() };
        if before.reachable {
            left.astray = Point { vague: true, ..again.clone() };
            assigned.iter().for_each(|id| left.astray.assigned.insert(*id));
            left.exhausted = again;
            solved.at_gotos(&mut left.exhausted.assigned);
        }
        for ((stage, to), mut point) in frame.ways {
            if !solved.add(stage, &mut point.assigned) {
                continue;
            }
            told.iter().for_each(|id| point.assigned.insert(*id));
            left.is_left = true;
            match to.frame == own {
                true => left.exit.meet(point),
                false => self.lead(to, point),
            }
        }
        left.is_left |= self.leaves_flow(graph) || !before.reachable;
        told.iter().for_each(|id| left.exhausted.assigned.insert(*id));
        left
    }

    fn stage(&mut self, stage: &tree::Stage, own: usize) -> Stage {
        let path = self.path.clone();
        let is_value = matches!(&self.frames[own], Frame::Graph(frame) if frame.is_value);
        let types: Vec<Type> = match &self.frames[own] {
            Frame::Graph(frame) => {
                let params = frame.params[frame.current].iter().flatten();
                params.map(|param| param.ty.clone()).collect()
            }
            _ => Vec::new(),
        };
        let mut params = Vec::with_capacity(stage.params.len());
        let body = self.scoped_block(|check| {
            let types = types.into_iter().chain(std::iter::repeat(Type::Error));
            for (param, ty) in stage.params.iter().zip(types) {
                let slot = check.slot(param.name.text.clone(), ty.clone());
                check.bind(&param.name, ty, BindingKind::Param, Place::Slot(slot));
                params.push(slot);
            }
            check.block_body(&stage.body)
        });
        debug_assert_eq!(path, self.path);
        if self.point.reachable && self.point.vague {
            self.broken_way(own);
        }
        if self.point.reachable && !self.point.vague && !self.lost && !self.lost_way {
            let body = stage.body.span;
            let end = Span::new(body.end.saturating_sub(1), body.end);
            let following = match &self.frames[own] {
                Frame::Graph(frame) => {
                    let wanted = frame.current + 1;
                    let takes =
                        frame.params.get(wanted).and_then(|params| params.as_ref()).map_or(0, Vec::len);
                    let name =
                        frame.names.iter().find(|(_, index)| **index == wanted).map(|(name, _)| name.clone());
                    name.map(|name| if takes == 0 { name.to_string() } else { format!("{name}(…)") })
                }
                _ => None,
            };
            let next = following;
            let ends = match is_value {
                true => "`goto`, `yield …`, `return` or `fail`",
                false => "`goto`, `break`, `return` or `fail`",
            };
            let diagnostic = self
                .error(
                    Code::NoExitFromStage,
                    stage.name.span,
                    format!("stage `{}` can end without saying what comes next", stage.name.text),
                )
                .here("the next stage doesn't follow by itself")
                .label(self.at(end), "a way leads here")
                .help(match &next {
                    Some(next) => format!(
                        "write `goto {next}` before this stage's `}}` if that comes next; else {ends}"
                    ),
                    None => format!("write before this stage's `}}` where it leads: {ends}"),
                });
            self.report(diagnostic);
            // Whoever leaves it out means the stage that is written next.
            if let Frame::Graph(frame) = &mut self.frames[own] {
                frame.links.insert((frame.current, frame.current + 1));
            }
        }
        Stage { name: stage.name.text.clone(), params, body }
    }

    /// Warns of stages that no `goto` leads to, one for those that only it leads to. Returns whether there are any.
    fn unreachable_stages(&mut self, graph: &tree::Graph, frame: &GraphFrame) -> bool {
        let count = graph.stages.len();
        let mut next: Vec<Vec<usize>> = vec![Vec::new(); count];
        let mut is_named = vec![false; count];
        for &(from, to) in frame.links.iter().filter(|(_, to)| *to < count) {
            next[from].push(to);
            is_named[to] |= from != to;
        }
        let mut seen = vec![false; count];
        let reach = |start: usize, seen: &mut Vec<bool>| {
            let mut open = vec![start];
            while let Some(at) = open.pop() {
                if !std::mem::replace(&mut seen[at], true) {
                    open.extend(&next[at]);
                }
            }
        };
        if count > 0 {
            reach(0, &mut seen);
        }
        // A second stage of a name is reported already, and what could not be read may lead to what it names.
        for (index, stage) in graph.stages.iter().enumerate() {
            let name = &stage.name.text;
            if frame.names.get(name) != Some(&index) || self.lost_words.contains(name) {
                reach(index, &mut seen);
            }
        }
        if frame.astray || self.lost {
            return false;
        }
        let mut found = false;
        // First those that nothing names, then circles.
        for only_unnamed in [true, false] {
            for (index, stage) in graph.stages.iter().enumerate() {
                if seen[index] || only_unnamed && is_named[index] {
                    continue;
                }
                found = true;
                reach(index, &mut seen);
                let name = &stage.name;
                let entry = self.at(graph.stages[0].name.span);
                let diagnostic = self
                    .error(
                        Code::UnreachableStage,
                        name.span,
                        format!("nothing leads to stage `{}`", name.text),
                    )
                    .here("no `goto` on any way from the entry")
                    .label(entry, "the graph starts here")
                    .help(format!("go there, `goto {}`, or remove it", name.text));
                self.report(diagnostic);
            }
        }
        found
    }

    /// Reports a graph that only ends by running out, unless something else of it is wrong.
    fn never_left(&mut self, graph: &tree::Graph, keyword: Span, is_known: bool) {
        if !is_known || self.lost || self.lost_way {
            return;
        }
        if graph.stages.is_empty() {
            let diagnostic = self
                .error(Code::UnexpectedToken, keyword, "this graph has no stage")
                .here("nothing to start with")
                .help("give it one: `stage start { … }`");
            self.report(diagnostic);
            return;
        }
        let at = graph.name.as_ref().map_or(keyword, |name| name.span);
        let diagnostic = self
            .error(Code::NoExitFromStage, at, "no stage leads out of this graph")
            .here("goes round until `max`, then fails with `exhausted`")
            .help("leave it from a stage, with `break`, `return` or `yield …`, or say in `else { … }` what happens when `max` is reached");
        self.report(diagnostic);
    }

    /// `goto clarify(x) if c`
    pub fn goto(&mut self, goto: &tree::Goto, span: Span) {
        self.guarded(goto.guard.as_ref(), |check| {
            let name = &goto.target.name;
            let args = goto.target.args.as_deref().unwrap_or_default();
            let is_graph = |frame: &Frame| matches!(frame, Frame::Graph(_));
            let innermost = check.innermost(is_graph);
            let known = innermost.and_then(|frame| Some((frame, check.stage_of(frame, &name.text)?)));
            let Some((frame, stage)) = known else {
                for arg in args {
                    check.expr(&arg.value, None);
                }
                check.cx.point.vague = true;
                match innermost {
                    None => check.outside_graph(name, span),
                    Some(frame) => check.unknown_stage(frame, name),
                }
                return;
            };
            let Frame::Graph(graph) = &mut check.frames[frame] else { return };
            graph.links.insert((graph.current, stage));
            let params = graph.params[stage].clone();
            let barrier = check.barrier(is_graph);
            if let Some(what) = barrier {
                check.broken_way(frame);
                check.cannot_leave("goto", what, span);
            }
            let args = match params {
                Some(params) => check.arguments(&params, args, &name.text, name.span),
                None => args.iter().map(|arg| check.expr(&arg.value, None).expr).collect(),
            };
            check.emit(Statement::Goto { stage: stage as u32, args });
            if barrier.is_none() {
                let point = check.point.clone();
                check.lead(Exit { frame, way: Way::Goto(stage) }, point);
            }
        });
    }

    /// Reports a call of a stage: `draft(3)` where `goto draft(3)` is meant. Returns whether it is one.
    pub fn calls_stage(&mut self, call: &tree::Call) -> bool {
        let innermost = self.innermost(|frame| matches!(frame, Frame::Graph(_)));
        let known = innermost.and_then(|frame| Some((frame, self.stage_of(frame, &call.name.text)?)));
        let Some((frame, stage)) = known else { return false };
        if let Frame::Graph(graph) = &mut self.frames[frame] {
            graph.links.insert((graph.current, stage));
            graph.is_broken = true;
        }
        self.cx.point.vague = true;
        let name = &call.name;
        let diagnostic = self
            .error(
                Code::UnknownNode,
                name.span,
                format!("`{}` is a stage, and stages aren't called", name.text),
            )
            .here("a graph goes there, and doesn't come back")
            .help(format!("go there: `goto {}(…)`", name.text))
            .fix("write `goto`", self.at(Span::at(name.span.start)), "goto ");
        self.report(diagnostic);
        true
    }

    fn stage_of(&self, frame: usize, name: &str) -> Option<usize> {
        match &self.frames[frame] {
            Frame::Graph(graph) => graph.names.get(name).copied(),
            _ => None,
        }
    }

    fn outside_graph(&mut self, name: &tree::Name, span: Span) {
        if self.lost_any(&["graph", "stage"]) {
            return;
        }
        let mut diagnostic = self
            .error(Code::GotoOutsideGraph, span, "there is no graph around this `goto`")
            .here("goes from stage to stage only");
        diagnostic = match self.stage_elsewhere(&name.text) {
            Some(stage) => diagnostic
                .label(self.at(stage), "a stage, but this step isn't in its graph")
                .help(format!(
                    "move `{}` into a stage of that graph, before the stage's `}}`, or take it out: a graph is entered at its first stage only",
                    self.shown(span)
                )),
            None => diagnostic.help("repeat steps with `loop max 10 { … }`, leave out steps with `if c { … }`, or make the steps stages: `graph work max 10 { stage first { … goto second } stage second { … break } }`"),
        };
        self.report(diagnostic);
    }

    /// Notes that not all ways of a graph are known.
    fn broken_way(&mut self, frame: usize) {
        if let Frame::Graph(graph) = &mut self.frames[frame] {
            graph.is_broken = true;
        }
    }

    fn unknown_stage(&mut self, frame: usize, name: &tree::Name) {
        self.broken_way(frame);
        // A stage of a graph around is led to all the same.
        for index in (0..frame).rev() {
            let stage = self.stage_of(index, &name.text);
            if let (Frame::Graph(graph), Some(stage)) = (&mut self.frames[index], stage) {
                graph.links.insert((graph.current, stage));
                break;
            }
        }
        if self.lost_words.contains(&name.text) {
            if let Frame::Graph(graph) = &mut self.frames[frame] {
                graph.astray = true;
            }
            return;
        }
        if let Some(stage) = self.stage_elsewhere(&name.text) {
            let diagnostic = self
                .error(Code::GotoOutsideGraph, name.span, format!("`{}` is a stage of another graph", name.text))
                .here("not in the graph around this `goto`")
                .label(self.at(stage), "declared here")
                .help(format!(
                    "a `goto` stays in its graph: write `break` to leave this graph, or move the stage `{}` into it",
                    name.text
                ));
            self.report(diagnostic);
            if let Frame::Graph(graph) = &mut self.frames[frame] {
                graph.astray = true;
            }
            return;
        }
        let Frame::Graph(graph) = &self.frames[frame] else { return };
        let near = self.nearest(&name.text, graph.names.keys().map(SmolStr::as_str)).map(SmolStr::from);
        let first = graph.names.iter().filter(|(_, index)| **index < 8);
        let mut stages: Vec<(usize, SmolStr)> = first.map(|(name, index)| (*index, name.clone())).collect();
        stages.sort();
        let stages: Vec<SmolStr> = stages.into_iter().map(|(_, name)| name).collect();
        let mut diagnostic = self
            .error(Code::UnknownName, name.span, format!("unknown stage `{}`", name.text))
            .here("the graph has no such stage");
        diagnostic = match &near {
            Some(near) => diagnostic.similar("stage", &name.text, near.as_str(), self.at(name.span)),
            None => diagnostic.help(format!("its stages are {}", crate::expr::list_of(&stages))),
        };
        self.report(diagnostic);
        if let Frame::Graph(graph) = &mut self.frames[frame] {
            let near = near.and_then(|near| graph.names.get(&near).copied());
            match near {
                Some(stage) => {
                    graph.links.insert((graph.current, stage));
                }
                None => graph.astray = true,
            }
        }
    }

    /// Finds a stage of any graph of the flow; a flow with very many problems isn't searched for each.
    fn stage_elsewhere(&self, name: &str) -> Option<Span> {
        if self.diagnostics.len() > 100 {
            return None;
        }
        let tree::ItemKind::Flow(flow) = &self.item.kind else { return None };
        let mut found = None;
        every_graph(&flow.steps, &mut |graph| {
            let stage = graph.stages.iter().find(|stage| stage.name.text == name);
            found = found.or(stage.map(|stage| stage.name.span));
        });
        found
    }

    /// Whether a stage leaves the flow, by `return` or `fail`.
    fn leaves_flow(&self, graph: &tree::Graph) -> bool {
        fn leaves(steps: &[tree::Step]) -> bool {
            steps.iter().any(|step| {
                let mut found = matches!(step.kind, StepKind::Return(_) | StepKind::Fail(_));
                super::inner_blocks(step, &mut |steps| found = found || leaves(steps));
                found
            })
        }
        graph.stages.iter().any(|stage| leaves(&stage.body.steps))
    }
}

/// The stages of a graph, and how it is left.
#[derive(Default)]
struct Left {
    stages: Vec<Stage>,
    /// Where `break` leads.
    exit: Point,
    /// Where `else` starts.
    exhausted: Point,
    /// What is known after it if where its stages lead isn't.
    astray: Point,
    /// Whether any way leads out of it.
    is_left: bool,
    /// Whether all of its ways are known: nothing is wrong with where a stage leads.
    is_known: bool,
}

/// Collects the stages that a `goto` names.
fn named_in<'t>(steps: &'t [tree::Step], names: &mut HashSet<&'t SmolStr>) {
    for step in steps {
        if let StepKind::Goto(goto) = &step.kind {
            names.insert(&goto.target.name.text);
        }
        super::inner_blocks(step, &mut |steps| named_in(steps, names));
    }
}

fn every_graph<'t>(steps: &'t [tree::Step], visit: &mut dyn FnMut(&'t tree::Graph)) {
    for step in steps {
        let value = match &step.kind {
            StepKind::Let(binding) => Some(&binding.value),
            StepKind::Assign(assign) => Some(&assign.value),
            StepKind::Bare(value) => Some(value),
            StepKind::Return(leave) | StepKind::Yield(leave) => leave.value.as_ref(),
            _ => None,
        };
        if let Some(tree::ValueKind::Graph(graph)) = value.map(|value| &value.kind) {
            visit(graph);
        }
        super::inner_blocks(step, &mut |steps| every_graph(steps, visit));
    }
}
