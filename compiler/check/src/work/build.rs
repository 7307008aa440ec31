//! The work of a flow, from its tree.

use flow_diagnostics::Code;
use flow_source::Span;
use flow_syntax::tree::{self, ArmBody, CatchHead, Entry, ExprKind, Key, StepKind, ValueKind};
use smol_str::SmolStr;

use super::node::{count, model_of};
use super::{Arm, BuiltIn, Call, Callee, Catches, OnError, Times, Turn, With, Work, pure};
use crate::cx::Cx;
use crate::flow::root_of;
use crate::hash::HashMap;
use crate::program::{CallKind, Entry as Named, Sig};

/// Returns the work of a flow. The flow has been checked: its counts stand in `cx.counts`.
pub(crate) fn flow(cx: &Cx, flow: &tree::Flow) -> Work {
    let mut lost = cx.item.lost.clone();
    // So is a call where none may stand: what it fails with isn't counted.
    let misplaced = cx.diagnostics.iter().filter(|one| one.code == Code::EffectInExpression);
    lost.extend(misplaced.map(|one| {
        let span = one.primary.at.span;
        Span::new(span.start.saturating_sub(cx.item.start), span.end.saturating_sub(cx.item.start))
    }));
    lost.sort_unstable();
    let mut build = Build { cx, lost, arms: 0, caught: HashMap::default(), undoes: false };
    let state = build.state(&flow.state);
    let body = Work::all([state, build.steps(&flow.steps)]);
    let Some(handler) = &flow.on_error else { return body };
    let id = build.arm(handler.binding.as_ref());
    let work = build.block(&handler.block);
    Work::OnError(Box::new(OnError { body, id, work, leaves: leaves(&handler.block.steps) }))
}

struct Build<'b, 'a> {
    cx: &'b Cx<'a>,
    /// What could not be read, in order.
    lost: Vec<Span>,
    /// How many arms were numbered.
    arms: u32,
    /// The arm that caught the error of each name. Nothing is shadowed inside a flow, and names of arms that are over
    /// aren't read.
    caught: HashMap<SmolStr, u32>,
    /// Whether an `undo` stands in the saga that is open.
    undoes: bool,
}

impl Build<'_, '_> {
    fn arm(&mut self, binding: Option<&tree::Name>) -> u32 {
        let id = self.arms;
        self.arms += 1;
        if let Some(name) = binding {
            self.caught.insert(name.text.clone(), id);
        }
        id
    }

    fn block(&mut self, block: &tree::Block) -> Work {
        let state = self.state(&block.state);
        Work::all([state, self.steps(&block.steps), self.lost_in(block.span)])
    }

    /// Where something could not be read anything may happen.
    fn lost_in(&self, span: Span) -> Work {
        let next = self.lost.partition_point(|lost| lost.start < span.start);
        match self.lost.get(next) {
            Some(lost) if lost.start <= span.end => Work::Unknown,
            _ => Work::Nothing,
        }
    }

    fn state(&mut self, slots: &[tree::StateSlot]) -> Work {
        Work::all(slots.iter().filter_map(|slot| slot.initial.as_ref()).map(|initial| self.pure(initial)))
    }

    fn steps(&mut self, steps: &[tree::Step]) -> Work {
        Work::all(steps.iter().map(|step| self.step(step)).collect::<Vec<_>>())
    }

    /// What an expression may fail with; a call of a node in it is reported. What could not be read may have been one.
    fn pure(&self, expr: &tree::Expr) -> Work {
        match pure::raises(expr) {
            Some(kinds) => kinds.work(),
            None => Work::Unknown,
        }
    }

    fn optional(&self, expr: Option<&tree::Expr>) -> Work {
        expr.map_or(Work::Nothing, |expr| self.pure(expr))
    }

    fn step(&mut self, step: &tree::Step) -> Work {
        match &step.kind {
            StepKind::Let(binding) => self.value(&binding.value, Some(&binding.name)),
            StepKind::Assign(assign) => {
                let name = match &assign.target.kind {
                    ExprKind::Name(name) => Some(tree::Name { text: name.clone(), span: assign.target.span }),
                    _ => None,
                };
                let value = self.value(&assign.value, name.as_ref());
                match assign.op {
                    tree::AssignOp::Set => value,
                    // A sum out of range, a text or a list that grows too large, unequal entries.
                    tree::AssignOp::Add => {
                        Work::all([value, BuiltIn::BAD_VALUE.and(BuiltIn::EXHAUSTED).work()])
                    }
                }
            }
            StepKind::Bare(value) => self.value(value, None),
            StepKind::If(choice) => {
                let tests: Vec<Work> = choice.branches.iter().map(|(test, _)| self.pure(test)).collect();
                let mut arms: Vec<Work> =
                    choice.branches.iter().map(|(_, block)| self.block(block)).collect();
                arms.extend(choice.otherwise.as_ref().map(|block| self.block(block)));
                Work::all(tests.into_iter().chain([Work::one_of(arms)]))
            }
            StepKind::Loop(turns) => self.turns(turns),
            StepKind::For(walk) => {
                let over = self.walk(&walk.binding, walk.max.as_ref());
                let body = self.block(&walk.body);
                Work::all([over, self.walked(&walk.binding, &walk.binding.item.text, body)])
            }
            // There may be more branches than a run can hold.
            StepKind::Parallel(block) => Work::all([BuiltIn::EXHAUSTED.work(), self.block(block)]),
            StepKind::Try(tried) => {
                let body = self.block(&tried.body);
                let body = match tried.arms.is_empty() {
                    true => body,
                    false => self.arms(body, &tried.arms),
                };
                let finally = tried.finally.as_ref().map_or(Work::Nothing, |block| self.block(block));
                Work::all([body, finally])
            }
            StepKind::Saga(block) => {
                let outer = std::mem::replace(&mut self.undoes, false);
                let body = self.block(block);
                let undoes = std::mem::replace(&mut self.undoes, outer);
                Work::all([body, if undoes { BuiltIn::UNDO_FAILED.work() } else { Work::Nothing }])
            }
            StepKind::Return(leave) | StepKind::Yield(leave) => {
                let guard = self.optional(leave.guard.as_ref());
                let value = leave.value.as_ref().map_or(Work::Nothing, |value| self.value(value, None));
                Work::all([guard, value])
            }
            StepKind::Break(jump) | StepKind::Continue(jump) => self.optional(jump.guard.as_ref()),
            StepKind::Goto(goto) => {
                let guard = self.optional(goto.guard.as_ref());
                let args = goto.target.args.iter().flatten().map(|arg| self.pure(&arg.value));
                Work::all([guard].into_iter().chain(args).collect::<Vec<_>>())
            }
            StepKind::Fail(fail) => {
                let guard = self.optional(fail.guard.as_ref());
                let failed = match &fail.target.args {
                    Some(args) => Work::all(
                        args.iter()
                            .map(|arg| self.pure(&arg.value))
                            .chain([Work::Fails(fail.target.name.text.clone())]),
                    ),
                    None => Work::PassesOn(self.caught.get(&fail.target.name.text).copied()),
                };
                Work::all([guard, failed])
            }
            StepKind::Emit(emit) => {
                Work::all([self.optional(emit.guard.as_ref()), self.pure(&emit.value), Work::Step])
            }
            StepKind::Wait(wait) => Work::all([self.pure(&wait.time), Work::Step]),
            StepKind::Error => Work::Unknown,
        }
    }

    fn turns(&mut self, turns: &tree::Loop) -> Work {
        let test = match &turns.test {
            Some(tree::LoopTest::While(test) | tree::LoopTest::Until(test)) => self.pure(test),
            None => Work::Nothing,
        };
        let body = Work::all([test, self.block(&turns.body)]);
        let times = Times {
            name: turns.name.as_ref().map_or_else(|| "loop".into(), |name| name.text.clone()),
            most: count(self.cx, &turns.max).unwrap_or(u64::MAX),
            turn: Turn::Turn,
            body,
            span: turns.max.span,
        };
        let otherwise = self.run_out(turns.otherwise.as_ref());
        Work::all([self.pure(&turns.max), Work::Times(Box::new(times)), otherwise])
    }

    /// What follows when turns or entries run out: `else`, or the failure.
    fn run_out(&mut self, otherwise: Option<&tree::Block>) -> Work {
        match otherwise {
            Some(block) => self.block(block),
            None => BuiltIn::EXHAUSTED.work(),
        }
    }

    /// What a walk may fail with before its first turn.
    fn walk(&self, binding: &tree::Binding, max: Option<&tree::Expr>) -> Work {
        let longer = if max.is_some() { BuiltIn::EXHAUSTED } else { BuiltIn::NONE };
        Work::all([self.pure(&binding.over), self.optional(max), longer.work()])
    }

    fn walked(&self, binding: &tree::Binding, name: &SmolStr, body: Work) -> Work {
        Work::Times(Box::new(Times {
            name: name.clone(),
            most: self.cx.counts.get(&binding.over.span).copied().unwrap_or(u64::MAX),
            turn: Turn::Turn,
            body,
            span: binding.over.span,
        }))
    }

    /// A value with its clauses; `name` is that of the `let` or state that takes it.
    fn value(&mut self, value: &tree::Value, name: Option<&tree::Name>) -> Work {
        let name = value.name.as_ref().or(name);
        let lost = self.lost_in(value.span);
        let body = match &value.kind {
            ValueKind::Expr(expr) => self.expr(expr, value.with.as_ref()),
            ValueKind::Do(block) => self.block(block),
            ValueKind::Race(race) => {
                let steps: Vec<Work> = race.arms.iter().map(|arm| self.step(&arm.step)).collect();
                let bodies: Vec<Work> = race.arms.iter().map(|arm| self.body(&arm.body)).collect();
                Work::all(steps.into_iter().chain([Work::one_of(bodies)]))
            }
            ValueKind::ParallelFor(walk) => {
                let over = self.walk(&walk.binding, walk.max.as_ref());
                let jobs = self.optional(walk.jobs.as_ref());
                // Equal keys.
                let keys = match &walk.by {
                    Some(by) => Work::all([self.pure(by), BuiltIn::BAD_VALUE.work()]),
                    None => Work::Nothing,
                };
                let body = self.block(&walk.body);
                let name = name.map_or(&walk.binding.item.text, |name| &name.text);
                let all = self.walked(&walk.binding, name, body);
                let all = match walk.collect {
                    Some(_) => Work::Kept(Box::new(all)),
                    None => all,
                };
                Work::all([over, jobs, keys, BuiltIn::EXHAUSTED.work(), all])
            }
            ValueKind::Route(route) => {
                let subject = self.optional(route.subject.as_ref());
                let tests: Vec<Work> = route.arms.iter().map(|arm| self.head(&arm.head)).collect();
                let arms: Vec<Work> = route.arms.iter().map(|arm| self.body(&arm.body)).collect();
                Work::all([subject].into_iter().chain(tests).chain([Work::one_of(arms)]))
            }
            ValueKind::Graph(graph) => {
                let stages: Vec<Work> = graph.stages.iter().map(|stage| self.block(&stage.body)).collect();
                let named = name.or(graph.name.as_ref());
                let times = Times {
                    name: named.map_or_else(|| "graph".into(), |name| name.text.clone()),
                    most: count(self.cx, &graph.max).unwrap_or(u64::MAX),
                    turn: Turn::Visit,
                    body: Work::one_of(stages),
                    span: graph.max.span,
                };
                let otherwise = self.run_out(graph.otherwise.as_ref());
                Work::all([self.pure(&graph.max), Work::Times(Box::new(times)), otherwise])
            }
        };
        let undo = value.undo.as_ref().map_or(Work::Nothing, |undo| {
            self.undoes = true;
            Work::Undo(Box::new(self.expr(undo, None)))
        });
        let body = Work::all([body, lost]);
        let body = match &value.catch {
            Some(tree::Catch::Arms(arms)) => self.arms(body, arms),
            Some(tree::Catch::Value(expr)) => {
                let id = self.arm(None);
                let arm = Arm { kinds: None, id, work: self.expr(expr, None) };
                Work::Catches(Box::new(Catches { body, arms: vec![arm] }))
            }
            None => body,
        };
        Work::all([body, undo])
    }

    /// An expression where a step may stand: a call at its root is one.
    fn expr(&mut self, expr: &tree::Expr, with: Option<&tree::With>) -> Work {
        let root = root_of(expr);
        let args: Vec<Work> = match &root.kind {
            ExprKind::Call(call) => call.args.iter().map(|arg| self.pure(&arg.value)).collect(),
            ExprKind::Method(method) => method.args.iter().map(|arg| self.pure(&arg.value)).collect(),
            ExprKind::Index(index) => vec![self.pure(&index.index)],
            _ => return self.pure(expr),
        };
        let Some((callee, name, is_flow)) = self.callee(root) else {
            return if self.is_unknown(root) { Work::Unknown } else { self.pure(expr) };
        };
        let with = with.map(|with| self.with(with)).unwrap_or_default();
        let timeout = if with.timeout && is_flow { BuiltIn::TIMEOUT } else { BuiltIn::NONE };
        // What stands after the call: fields, indices, casts.
        let mut after = BuiltIn::NONE;
        let mut at = expr;
        while !std::ptr::eq(at, root) {
            after = after.and(pure::own(at));
            at = match &at.kind {
                ExprKind::Member(member) => &member.object,
                ExprKind::Index(index) => {
                    after = after.and(pure::raises(&index.index).unwrap_or_default());
                    &index.object
                }
                ExprKind::Cast(of, _) => of,
                _ => root,
            };
        }
        let call = Work::Call(Box::new(Call { callee, name, with }));
        Work::all(args.into_iter().chain([call, timeout.and(after).work()]))
    }

    /// What a call at the root of a step calls, and whether it is a flow; `None` for a pure one.
    fn callee(&self, root: &tree::Expr) -> Option<(Callee, SmolStr, bool)> {
        match &root.kind {
            ExprKind::Call(call) => {
                let name = &call.name.text;
                match (self.cx.module.scope.get(name), self.cx.sig_of(name)) {
                    (Some(Named::Value(symbol)), Some(Sig::Call(sig))) => {
                        let is_flow = sig.kind == CallKind::Flow;
                        (sig.kind != CallKind::Code)
                            .then(|| (Callee::Declared(symbol.clone()), name.clone(), is_flow))
                    }
                    _ => matches!(name.as_str(), "now" | "random" | "uuid")
                        .then(|| (Callee::Ambient, name.clone(), false)),
                }
            }
            ExprKind::Method(method) => {
                let ExprKind::Name(receiver) = &method.receiver.kind else { return None };
                let name = SmolStr::from(format!("{receiver}.{}", method.name.text));
                match self.cx.sig_of(receiver)? {
                    Sig::Memory(..) => Some((Callee::Memory, name, false)),
                    Sig::Server => Some((Callee::Server, name, false)),
                    _ => None,
                }
            }
            // `prefs["theme"]`
            ExprKind::Index(index) => match &index.object.kind {
                ExprKind::Name(name) => matches!(self.cx.sig_of(name)?, Sig::Memory(..))
                    .then(|| (Callee::Memory, name.clone(), false)),
                _ => None,
            },
            _ => None,
        }
    }

    /// Whether a call names something that isn't there, or that could not be read: that is reported.
    fn is_unknown(&self, root: &tree::Expr) -> bool {
        let name = match &root.kind {
            ExprKind::Call(call) => &call.name.text,
            ExprKind::Method(method) => match &method.receiver.kind {
                ExprKind::Name(name) => {
                    return matches!(self.cx.module.scope.get(name), Some(Named::Error))
                        || matches!(self.cx.sig_of(name), Some(Sig::Error));
                }
                _ => return false,
            },
            _ => return false,
        };
        let is_code = matches!(self.cx.sig_of(name), Some(Sig::Call(_)));
        let is_built_in =
            name == "has" || name == "endorse" || flow_expr::functions::lookup(name, false).next().is_some();
        !is_code && !is_built_in
    }

    fn with(&self, with: &tree::With) -> With {
        let mut out = With::default();
        for entry in &with.record.entries {
            let Entry::Pair { key: Key::Name(key), value, .. } = entry else { continue };
            match key.text.as_str() {
                "retry" => out.retry = count(self.cx, value),
                "repair" => out.repair = count(self.cx, value),
                "timeout" => out.timeout = true,
                "model" => {
                    out.model = Some(model_of(self.cx, Some(value)));
                }
                _ => {}
            }
        }
        out
    }

    fn arms(&mut self, body: Work, arms: &[tree::CatchArm]) -> Work {
        let arms = arms
            .iter()
            .map(|arm| {
                let kinds = match &arm.head {
                    CatchHead::Kinds(kinds) => {
                        Some(kinds.iter().map(|kind| (kind.text.clone(), kind.span)).collect())
                    }
                    CatchHead::Else => None,
                    CatchHead::Error => return Arm { kinds: None, id: self.arm(None), work: Work::Unknown },
                };
                let id = self.arm(arm.binding.as_ref());
                Arm { kinds, id, work: self.body(&arm.body) }
            })
            .collect();
        Work::Catches(Box::new(Catches { body, arms }))
    }

    fn head(&self, head: &tree::RouteHead) -> Work {
        match head {
            tree::RouteHead::Patterns { guard, .. } => self.optional(guard.as_ref()),
            tree::RouteHead::Condition(test) => self.pure(test),
            tree::RouteHead::Else => Work::Nothing,
            tree::RouteHead::Error => Work::Unknown,
        }
    }

    fn body(&mut self, body: &ArmBody) -> Work {
        match body {
            ArmBody::Value(value) => self.value(value, None),
            ArmBody::Step(step) => self.step(step),
            ArmBody::Block(block) => self.block(block),
            ArmBody::Error => Work::Unknown,
        }
    }
}

/// Whether every way through these steps leaves the flow by `return` or `fail`; where it isn't plain, no.
fn leaves(steps: &[tree::Step]) -> bool {
    let body = |body: &ArmBody| match body {
        ArmBody::Block(block) => leaves(&block.steps),
        ArmBody::Step(step) => leaves(std::slice::from_ref(&**step)),
        ArmBody::Value(_) | ArmBody::Error => false,
    };
    let Some(last) = steps.last() else { return false };
    match &last.kind {
        StepKind::Return(leave) => leave.guard.is_none(),
        StepKind::Fail(fail) => fail.guard.is_none(),
        StepKind::If(choice) => {
            choice.branches.iter().all(|(_, block)| leaves(&block.steps))
                && choice.otherwise.as_ref().is_some_and(|block| leaves(&block.steps))
        }
        StepKind::Bare(value) => match &value.kind {
            ValueKind::Route(route) => !route.arms.is_empty() && route.arms.iter().all(|arm| body(&arm.body)),
            _ => false,
        },
        _ => false,
    }
}
