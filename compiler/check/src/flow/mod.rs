//! Flows: statements are checked in written order, with what is known at each point, and become the plan's blocks.

mod assign;
mod assigned;
mod catch;
mod coordinate;
mod emit;
mod graph;
mod jumps;
mod loops;
mod parallel;
mod race;
mod route;
mod saga;
mod step;
mod wait;
mod ways;

use std::ops::{Deref, DerefMut};

use flow_diagnostics::Code;
use flow_ir::plan::{Block, BlockId, Budget, Flow, Merge, OnError, Statement};
use flow_ir::{Expr, Type, Value};
use flow_source::Span;
use flow_syntax::tree::{self, StepKind};
use smol_str::SmolStr;

use crate::coordinates::{Coordinate, Coordinates};
use crate::cx::{BindingKind, Cx, Place, Point, Typed, error_type};
use crate::hash::{HashMap, HashSet};
use crate::node::settings::Kind;
use crate::types::docs;

pub(crate) use assigned::LateReads;
pub(crate) use step::{Got, root_of};

/// What stands around a statement and may be left.
pub(crate) enum Frame {
    /// `loop` and `for`.
    Loop {
        /// Where `break` leads.
        exit: Point,
        /// Where `continue` leads.
        next: Point,
        /// The first `continue`: names that are bound from this one on are unknown where it leads, and where it stands.
        skips: Option<(u32, Span)>,
    },
    /// A `do`, value arm, value graph: takes `yield`.
    Value(ValueFrame),
    /// A branch, by what it is: nothing leaves it.
    Branch(&'static str),
    /// The body of a `parallel for`: a branch that takes `yield`.
    BranchValue(ValueFrame),
    /// `finally`: nothing leaves it.
    Finally,
    /// A `graph`: takes `break` and `goto`.
    Graph(Box<graph::GraphFrame>),
    /// A `try` with a `finally`: ways out of it pass that.
    Try(ways::Ways<ways::Exit>),
}

/// Where a yielded value goes.
pub(crate) struct ValueFrame {
    /// The type of the place, if it is known.
    pub expected: Option<Type>,
    /// The type that a bare record, list or map takes, where it fits.
    pub hint: Option<Type>,
    /// What was yielded so far.
    pub joined: Option<Typed>,
    /// Where `yield` leads.
    pub exit: Point,
}

impl ValueFrame {
    fn new(expected: Option<Type>) -> ValueFrame {
        ValueFrame { expected, hint: None, joined: None, exit: Point::default() }
    }

    /// The type that a bare record takes: that of the step, else that of what was yielded before.
    fn hint(&self) -> Option<Type> {
        self.hint.clone().or_else(|| self.joined.as_ref().map(|joined| joined.ty.clone()))
    }

    /// The type of what is yielded.
    fn ty(&self) -> Type {
        match (&self.expected, &self.joined) {
            (Some(expected), _) => expected.clone(),
            (None, Some(joined)) => joined.ty.clone(),
            (None, None) => Type::Never,
        }
    }

    /// The type of what is yielded, of a single literal its own.
    fn exact_ty(&self) -> Type {
        match (&self.expected, &self.joined) {
            (None, Some(joined)) => crate::expr::literal_of(joined).unwrap_or_else(|| self.ty()),
            _ => self.ty(),
        }
    }
}

/// The check of one flow.
pub(crate) struct FlowCheck<'a> {
    pub cx: Cx<'a>,
    blocks: Vec<Block>,
    /// The statements of the blocks that are open.
    open: Vec<Vec<Statement>>,
    pub frames: Vec<Frame>,
    /// The coordinate of what is checked, indices blanked.
    path: String,
    coordinates: HashMap<String, Coordinate>,
    offers: coordinate::Offers<'a>,
    /// Whether what is checked is bound to a name that is taken.
    redeclared: bool,
    /// The value of the last step, if nothing takes it.
    dropped: Option<Span>,
    /// The number of sagas around.
    sagas: u32,
    /// The number of arms of races around that haven't won.
    racing: u32,
    /// Whether a step around is reported as one that nothing leads to.
    in_unreachable: bool,
    returns: Option<Type>,
    emits: Option<Type>,
    /// Whether this is no flow: steps need no coordinates of their own.
    loose: bool,
}

impl<'a> Deref for FlowCheck<'a> {
    type Target = Cx<'a>;

    fn deref(&self) -> &Cx<'a> {
        &self.cx
    }
}

impl DerefMut for FlowCheck<'_> {
    fn deref_mut(&mut self) -> &mut Self::Target {
        &mut self.cx
    }
}

/// A checked flow: its plan, and where each step stands.
pub(crate) struct CheckedFlow {
    pub flow: Flow,
    pub steps: Vec<(String, Span)>,
    pub coordinates: Coordinates,
}

/// Checks a flow.
pub(crate) fn check<'a>(cx: Cx<'a>, flow: &tree::Flow) -> (Cx<'a>, CheckedFlow) {
    let mut check = FlowCheck { loose: false, path: flow.name.text.to_string(), ..FlowCheck::loose(cx) };
    let plan = check.run(flow);
    let steps = check.coordinates.iter().map(|(path, step)| (path.replace("[]", ""), step.span)).collect();
    let own = flow.name.text.len() + 1;
    let coordinates =
        check.coordinates.into_iter().map(|(path, step)| (path[own..].to_string(), step)).collect();
    (check.cx, CheckedFlow { flow: plan, steps, coordinates })
}

impl<'a> FlowCheck<'a> {
    /// The check of statements that are no flow's: of a test's, or of what an eval measures.
    pub(crate) fn loose(cx: Cx<'a>) -> FlowCheck<'a> {
        FlowCheck {
            cx,
            blocks: Vec::new(),
            open: Vec::new(),
            frames: Vec::new(),
            path: String::new(),
            coordinates: HashMap::default(),
            offers: coordinate::Offers::default(),
            redeclared: false,
            dropped: None,
            sagas: 0,
            racing: 0,
            in_unreachable: false,
            returns: None,
            emits: None,
            loose: true,
        }
    }

    /// Collects what is checked as the body of a flow that nobody calls; `inside` may be checked by statements.
    pub(crate) fn as_body(&mut self, inside: impl FnOnce(&mut Self)) -> Flow {
        let (body, ()) = self.in_block(inside);
        Flow {
            name: SmolStr::default(),
            doc: String::new(),
            params: Vec::new(),
            returns: Type::Null,
            emits: None,
            budget: Budget::default(),
            slots: std::mem::take(&mut self.cx.slots),
            blocks: std::mem::take(&mut self.blocks),
            body,
            on_error: None,
        }
    }

    /// Checks a statement by itself.
    pub(crate) fn statement(&mut self, step: &tree::Step) {
        self.hoist = Some(step.span);
        self.step(step);
    }
}

impl FlowCheck<'_> {
    fn run(&mut self, flow: &tree::Flow) -> Flow {
        let params = self.bind_params(&flow.name.text, &flow.params, false);
        self.returns = flow.returns.as_ref().map(|ty| self.read_type_again(ty));
        if let Some(emits) = &flow.emits {
            self.emits = Some(self.read_type(|reader| reader.read(emits)));
        }
        let budget = flow.budget.as_ref().map(|budget| self.budget(budget)).unwrap_or_default();
        let body = self.flow_body(flow);
        let on_error = flow.on_error.as_ref().map(|handler| self.on_error(flow, handler));
        Flow {
            name: flow.name.text.clone(),
            doc: docs(&self.item.docs),
            params,
            returns: self.returns.clone().unwrap_or(Type::Null),
            emits: self.emits.clone(),
            budget,
            slots: std::mem::take(&mut self.cx.slots),
            blocks: std::mem::take(&mut self.blocks),
            body,
            on_error,
        }
    }

    fn flow_body(&mut self, flow: &tree::Flow) -> BlockId {
        // Not a scope of its own: `on error` sees the flow's state.
        let (id, state) = self.in_block(|check| {
            let state = check.state(&flow.state);
            check.steps(&flow.steps);
            state
        });
        self.blocks[id as usize].state = state;
        if self.point.reachable
            && !self.point.vague
            && !self.lost
            && !self.lost_way
            && self.returns.as_ref().is_some_and(|ty| !matches!(ty, Type::Null | Type::Error))
        {
            let returns = self.returns.clone().unwrap_or(Type::Null);
            let end = Span::new(flow.body_span.end.saturating_sub(1), flow.body_span.end);
            let diagnostic = self
                .error(Code::MissingReturn, end, format!("`{}` can end without a result", flow.name.text))
                .here("a way leads here")
                .label(self.at(flow.name.span), format!("returns `{returns}`, on every way"))
                .help(format!(
                    "write a result before this `}}`, such as `return {}`, or give up there: `fail not_done(\"…\")`",
                    self.sample(&returns)
                ));
            let diagnostic = self.not_dropped(diagnostic, flow.body_span, "return");
            self.report(diagnostic);
        }
        id
    }

    fn on_error(&mut self, flow: &tree::Flow, handler: &tree::OnError) -> OnError {
        // It knows parameters and state with an initial value (S2).
        let mut point = Point { reachable: true, ..Point::default() };
        let names: Vec<&SmolStr> =
            flow.state.iter().filter(|slot| slot.initial.is_some()).map(|slot| &slot.name.text).collect();
        for name in names {
            if let Some(id) = self.visible.get(name) {
                point.assigned.insert(*id);
            }
        }
        self.point = point;
        let path = self.enter("on_error");
        let mut bind = None;
        let block = self.scoped_block(|check| {
            if let Some(name) = &handler.binding {
                let slot = check.slot(name.text.clone(), error_type());
                check.bind(name, error_type(), BindingKind::Variable, Place::Slot(slot));
                bind = Some(slot);
            }
            check.block_body(&handler.block)
        });
        self.leave(path);
        OnError { bind, block }
    }

    fn budget(&mut self, budget: &tree::Budget) -> Budget {
        let mut limits = Budget::default();
        let fields = self.fields(Kind::Budget, &budget.fields);
        for (row, field) in fields.iter() {
            let tree::FieldValue::Expr(expr) = &field.value else { continue };
            match row.name {
                "usd" => {
                    limits.nanodollars = self.float_setting(expr, row).map(|usd| (usd * 1e9).round() as u64);
                }
                "time" => limits.time_ms = self.duration_setting(expr, row.name),
                "tokens" => limits.tokens = self.int_setting(expr, row).map(|number| number as u64),
                _ => {}
            }
        }
        limits
    }

    // Blocks.

    pub(crate) fn emit(&mut self, statement: Statement) {
        if let Some(open) = self.open.last_mut() {
            open.push(statement);
        }
    }

    /// Collects statements into a block of the arena.
    pub(crate) fn in_block<T>(&mut self, inside: impl FnOnce(&mut Self) -> T) -> (BlockId, T) {
        let id = self.blocks.len() as BlockId;
        self.blocks.push(Block::default());
        self.open.push(Vec::new());
        let result = inside(self);
        self.blocks[id as usize].body = self.open.pop().unwrap_or_default();
        (id, result)
    }

    /// Runs `inside` with names of its own.
    fn scoped<T>(&mut self, inside: impl FnOnce(&mut Self) -> T) -> T {
        let mark = self.cx.scope_mark();
        let result = inside(self);
        self.cx.scope_close(mark);
        result
    }

    /// A block with names of its own; `inside` returns its state.
    fn scoped_block(&mut self, inside: impl FnOnce(&mut Self) -> StateInit) -> BlockId {
        let (id, state) = self.scoped(|check| check.in_block(inside));
        self.blocks[id as usize].state = state;
        id
    }

    /// Checks the state and steps of a block.
    fn block_body(&mut self, block: &tree::Block) -> StateInit {
        let state = self.state(&block.state);
        self.steps(&block.steps);
        state
    }

    fn plain_block(&mut self, block: &tree::Block) -> BlockId {
        self.scoped_block(|check| check.block_body(block))
    }

    fn steps(&mut self, steps: &[tree::Step]) {
        let outer = self.in_unreachable;
        let mut last: Option<&tree::Step> = None;
        let mut before_jump: Option<Point> = None;
        for (index, step) in steps.iter().enumerate() {
            let is_lost = matches!(step.kind, StepKind::Error);
            self.dropped = None;
            if let Some(before) = before_jump.take() {
                // What could not be read after a jump may be its guard.
                self.cx.point = Point { vague: true, ..before };
            }
            if !is_lost {
                self.reached(step.span, last);
            }
            let next_is_lost = matches!(steps.get(index + 1).map(|next| &next.kind), Some(StepKind::Error));
            if next_is_lost && !is_lost && self.point.reachable {
                before_jump = Some(self.point.clone());
            }
            self.hoist = Some(step.span);
            self.step(step);
            if self.point.reachable {
                before_jump = None;
            }
            last = Some(step);
        }
        if let Some(StepKind::Error) = last.map(|last| &last.kind) {
            // The last step of a block is the one that leaves it, most likely.
            self.cx.point.vague = true;
        }
        self.in_unreachable = outer;
    }

    /// Warns of the first step that nothing leads to; `last` is what leaves before it.
    pub(crate) fn reached(&mut self, span: Span, last: Option<&tree::Step>) {
        if self.point.reachable || self.in_unreachable || self.lost || self.lost_way {
            return;
        }
        self.in_unreachable = true;
        let mut diagnostic = self
            .error(Code::UnreachableStep, span, "nothing leads to this step")
            .here("all ways leave before it");
        let (label, help) = match last.map(|last| &last.kind) {
            Some(StepKind::Loop(_)) => (
                "goes round until `max`, then fails with `exhausted`",
                "end the turns of the loop with `break`, `while` or `until`, or say in its `else { … }` what happens when they run out",
            ),
            Some(StepKind::Bare(tree::Value { kind: tree::ValueKind::Graph(_), .. })) => (
                "no stage leads on to what follows",
                "leave the graph with `break` where it goes on here, or remove the step",
            ),
            Some(_) => ("always leaves", "remove it, or guard what leaves before it"),
            None => ("", "remove it, or guard what leaves before it"),
        };
        if let Some(last) = last {
            let line = self.text(last.span).lines().next().unwrap_or_default().trim_end().len();
            let head = Span::new(last.span.start, last.span.start + line as u32);
            diagnostic = diagnostic.label(self.at(head), label);
        }
        let diagnostic = diagnostic.help(help);
        self.report(diagnostic);
    }

    fn step(&mut self, step: &tree::Step) {
        self.cx.locals = 0;
        match &step.kind {
            StepKind::Let(binding) => self.let_step(binding),
            StepKind::Assign(assign) => self.assign(assign, step.span),
            StepKind::Bare(value) => self.bare(value),
            StepKind::If(choice) => self.if_step(choice),
            StepKind::Loop(turns) => self.loop_step(turns),
            StepKind::For(walk) => self.for_step(walk),
            StepKind::Parallel(block) => self.parallel(block),
            StepKind::Try(tried) => self.try_step(tried),
            StepKind::Saga(block) => self.saga(block),
            StepKind::Return(leave) => self.return_step(leave, step.span),
            StepKind::Yield(leave) => self.yield_step(leave, step.span),
            StepKind::Break(jump) => self.break_step(jump, step.span),
            StepKind::Continue(jump) => self.continue_step(jump, step.span),
            StepKind::Goto(goto) => self.goto(goto, step.span),
            StepKind::Fail(fail) => self.fail(fail),
            StepKind::Emit(emit) => self.emit_step(emit, step.span),
            StepKind::Wait(wait) => self.wait(wait, step.span),
            // What could not be read may have left, assigned or bound anything.
            StepKind::Error => self.cx.lost_step(step.span),
        }
        self.cx.lost_jump(step.span);
    }

    fn let_step(&mut self, binding: &tree::Let) {
        let slot = self.slot(binding.name.text.clone(), Type::Error);
        let ty = self.let_value(binding, slot);
        self.bind(&binding.name, ty, BindingKind::Let, Place::Slot(slot));
    }

    /// Runs the value of a `let` into its slot and returns the slot's type; the name is the caller's to bind.
    fn let_value(&mut self, binding: &tree::Let, slot: u32) -> Type {
        let annotated = binding.ty.as_ref().map(|ty| self.read_type(|reader| reader.refined(ty)));
        let outer = self.redeclared;
        self.redeclared |= self.visible.contains_key(&binding.name.text);
        let ty = self.store(&binding.value, &binding.name.text, annotated, slot);
        self.redeclared = outer;
        self.cx.slots[slot as usize].ty = ty.clone();
        ty
    }

    /// Runs a value into a slot and returns the slot's type.
    fn store(&mut self, value: &tree::Value, name: &SmolStr, expected: Option<Type>, slot: u32) -> Type {
        match self.value_of(value, Some(name), expected.as_ref(), Some(slot)) {
            step::Got::Pure(typed) => {
                let (value, ty) = match expected {
                    Some(ty) => (self.coerce(typed, &ty, value.span, &format!("`{name}`")), ty),
                    None => {
                        if matches!(typed.ty, Type::Null) {
                            self.null_alone(name, value.span);
                            (typed.expr, Type::Error)
                        } else {
                            self.stored(typed, value.span)
                        }
                    }
                };
                self.emit(Statement::Set { slot, value });
                ty
            }
            step::Got::Stored(Type::Null)
                if expected.is_none() && !matches!(value.kind, tree::ValueKind::Expr(_)) =>
            {
                self.null_alone(name, value.span);
                Type::Error
            }
            step::Got::Stored(ty) => expected.unwrap_or(ty),
        }
    }

    fn null_alone(&mut self, name: &SmolStr, span: Span) {
        let diagnostic = self
            .error(Code::TypeMismatch, span, format!("what type has `{name}`?"))
            .here("`null` alone says nothing")
            .help(format!("say it: `let {name}: T? = …`"));
        self.report(diagnostic);
    }

    /// Checks the state of a block and returns what initialises it.
    fn state(&mut self, slots: &[tree::StateSlot]) -> StateInit {
        let mut init = Vec::with_capacity(slots.len());
        for written in slots {
            let ty = self.read_type(|reader| reader.refined(&written.ty));
            self.hoist = None;
            let initial = written
                .initial
                .as_ref()
                .map(|value| self.value(value, &ty, &format!("`{}`", written.name.text)));
            let slot = self.slot(written.name.text.clone(), ty.clone());
            // A rule that doesn't fit is reported once: the state counts as merged.
            let merge =
                written.merge.as_ref().map(|merge| self.merge_rule(merge, &ty).unwrap_or(Merge::Append));
            self.cx.slots[slot as usize].merge = merge;
            let id = self.bind(&written.name, ty, BindingKind::State, Place::Slot(slot));
            self.cx.bindings[id as usize].merge = merge;
            // A new turn of a loop starts anew.
            match initial {
                Some(_) => self.cx.point.assigned.insert(id),
                None => self.cx.point.assigned.remove(id),
            }
            init.push((slot, initial));
        }
        init
    }

    fn merge_rule(&mut self, rule: &tree::Name, ty: &Type) -> Option<Merge> {
        const RULES: [(&str, Merge); 6] = [
            ("append", Merge::Append),
            ("union", Merge::Union),
            ("sum", Merge::Sum),
            ("min", Merge::Min),
            ("max", Merge::Max),
            ("entries", Merge::Entries),
        ];
        let Some((_, merge)) = RULES.iter().find(|(name, _)| *name == rule.text) else {
            let mut diagnostic = self
                .error(Code::BadMergeRule, rule.span, format!("unknown merge rule `{}`", rule.text))
                .here("no rule of this name")
                .help("lists merge with `append` or `union`, numbers with `sum`, `min` or `max`, times and enums with `min` or `max`, maps with `entries`");
            if let Some(near) = self.nearest(&rule.text, RULES.iter().map(|(name, _)| *name)) {
                diagnostic =
                    diagnostic.fix(format!("replace `{}` by `{near}`", rule.text), self.at(rule.span), near);
            }
            self.report(diagnostic);
            return None;
        };
        let base = ty.base();
        let fits = match merge {
            Merge::Append | Merge::Union => matches!(base, Type::List(..) | Type::Error),
            Merge::Sum => matches!(base, Type::Int(_) | Type::Float(_) | Type::Duration | Type::Error),
            Merge::Min | Merge::Max => match &base {
                Type::Int(_) | Type::Float(_) | Type::Duration | Type::Timestamp | Type::Error => true,
                // The order of an enum is that of its declaration.
                Type::Named(name) => self.program.enum_values(name).is_some(),
                _ => false,
            },
            Merge::Entries => matches!(base, Type::Map(..) | Type::Error),
        };
        if !fits {
            let needed = match merge {
                Merge::Append | Merge::Union => "a list",
                Merge::Sum => "a number",
                Merge::Min | Merge::Max => "a number, a time or an enum",
                Merge::Entries => "a map",
            };
            let diagnostic = self
                .error(Code::BadMergeRule, rule.span, format!("`merge {}` does not fit `{ty}`", rule.text))
                .here(format!("it merges {needed}"))
                .help(match &base {
                    Type::List(..) => "a list merges with `merge append` or `merge union`".to_string(),
                    Type::Int(_) | Type::Float(_) | Type::Duration => {
                        "a number merges with `merge sum`, `merge min` or `merge max`".to_string()
                    }
                    Type::Named(name) if self.program.enum_values(name).is_some() => {
                        "values of an enum merge with `merge min` or `merge max`".to_string()
                    }
                    Type::Timestamp => "a time merges with `merge min` or `merge max`".to_string(),
                    Type::Map(..) => "a map merges with `merge entries`".to_string(),
                    _ => format!("nothing merges a `{ty}`: make it a list, `[{ty}] = [] merge append`"),
                });
            self.report(diagnostic);
            return None;
        }
        Some(*merge)
    }

    // Points.

    /// Runs `inside` from a point and returns where it ends; the point of before is put back.
    fn from(&mut self, point: Point, inside: impl FnOnce(&mut Self)) -> Point {
        let before = std::mem::replace(&mut self.cx.point, point);
        inside(self);
        std::mem::replace(&mut self.cx.point, before)
    }

    /// What is assigned in these statements ends what is known of it.
    fn forget_assigned(&mut self, block: &tree::Block) {
        let mut names = HashSet::default();
        assigned_in(&block.steps, &mut names);
        for name in names {
            if let Some(&id) = self.visible.get(name) {
                self.cx.forget(id);
            }
        }
    }

    fn unset() -> Expr {
        Expr::Const(Value::Null)
    }
}

/// The state of a block with its initial values.
pub(crate) type StateInit = Vec<(u32, Option<Expr>)>;

/// Collects the names that statements assign, inner blocks included.
pub(crate) fn assigned_in<'t>(steps: &'t [tree::Step], names: &mut HashSet<&'t SmolStr>) {
    for step in steps {
        if let StepKind::Assign(assign) = &step.kind
            && let tree::ExprKind::Name(name) = &assign.target.kind
        {
            names.insert(name);
        }
        inner_blocks(step, &mut |steps| assigned_in(steps, names));
    }
}

/// Calls `visit` with the statements of each block directly inside of a statement.
pub(crate) fn inner_blocks<'t>(step: &'t tree::Step, visit: &mut dyn FnMut(&'t [tree::Step])) {
    match &step.kind {
        StepKind::Let(binding) => value_blocks(&binding.value, visit),
        StepKind::Assign(assign) => value_blocks(&assign.value, visit),
        StepKind::Bare(one) => value_blocks(one, visit),
        StepKind::Return(leave) | StepKind::Yield(leave) => {
            leave.value.iter().for_each(|one| value_blocks(one, visit))
        }
        StepKind::If(choice) => {
            choice.branches.iter().for_each(|(_, block)| visit(&block.steps));
            choice.otherwise.iter().for_each(|block| visit(&block.steps));
        }
        StepKind::Loop(turns) => {
            visit(&turns.body.steps);
            turns.otherwise.iter().for_each(|block| visit(&block.steps));
        }
        StepKind::For(walk) => visit(&walk.body.steps),
        StepKind::Parallel(block) | StepKind::Saga(block) => visit(&block.steps),
        StepKind::Try(tried) => {
            visit(&tried.body.steps);
            tried.arms.iter().for_each(|one| arm_blocks(&one.body, visit));
            tried.finally.iter().for_each(|block| visit(&block.steps));
        }
        _ => {}
    }
}

/// The same for the body of an arm.
pub(crate) fn arm_blocks<'t>(body: &'t tree::ArmBody, visit: &mut dyn FnMut(&'t [tree::Step])) {
    match body {
        tree::ArmBody::Block(block) => visit(&block.steps),
        tree::ArmBody::Step(step) => visit(std::slice::from_ref(&**step)),
        tree::ArmBody::Value(one) => value_blocks(one, visit),
        tree::ArmBody::Error => {}
    }
}

fn value_blocks<'t>(value: &'t tree::Value, visit: &mut dyn FnMut(&'t [tree::Step])) {
    match &value.kind {
        tree::ValueKind::Expr(_) => {}
        tree::ValueKind::Do(block) => visit(&block.steps),
        tree::ValueKind::Race(race) => {
            for one in &race.arms {
                visit(std::slice::from_ref(&*one.step));
                arm_blocks(&one.body, visit);
            }
        }
        tree::ValueKind::ParallelFor(walk) => visit(&walk.body.steps),
        tree::ValueKind::Route(route) => route.arms.iter().for_each(|one| arm_blocks(&one.body, visit)),
        tree::ValueKind::Graph(graph) => {
            graph.stages.iter().for_each(|stage| visit(&stage.body.steps));
            graph.otherwise.iter().for_each(|block| visit(&block.steps));
        }
    }
    if let Some(tree::Catch::Arms(arms)) = &value.catch {
        arms.iter().for_each(|one| arm_blocks(&one.body, visit));
    }
}
