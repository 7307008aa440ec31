//! Forms whose meaning this runtime can't carry out yet: their parts are checked, and they are noted for `run`.

use flow_diagnostics::Code;
use flow_ir::Type;
use flow_source::Span;
use flow_syntax::tree;
use smol_str::SmolStr;

use super::step::Got;
use super::{FlowCheck, Frame, ValueFrame};
use crate::cx::{BindingKind, Place};

impl FlowCheck<'_> {
    pub fn saga(&mut self, block: &tree::Block, span: Span) {
        self.not_runnable.push((Span::new(span.start, span.start + 4), "`saga`".into()));
        self.plain_block(block);
    }

    pub fn emit_step(&mut self, emit: &tree::Emit, span: Span) {
        self.not_runnable.push((span, "`emit`".into()));
        let segment = emit.name.as_ref().map_or_else(|| SmolStr::from("emit"), |name| name.text.clone());
        match self.emits.clone() {
            Some(ty) => {
                self.value(&emit.value, &ty, "`emit`");
            }
            None => {
                self.expr(&emit.value, None);
                let diagnostic = self
                    .error(Code::TypeMismatch, emit.value.span, "this flow emits nothing")
                    .here("a value")
                    .help("declare what it emits: `flow name(…) -> T emits U`");
                self.report(diagnostic);
            }
        }
        if let Some(guard) = &emit.guard {
            self.condition(guard);
        }
        let insert = emit.name.is_none().then(|| Span::at(emit.value.span.end));
        self.coordinate(&segment, span, insert, None);
    }

    pub fn goto(&mut self, goto: &tree::Goto, span: Span) {
        let stages = self.frames.iter().rev().find_map(|frame| match frame {
            Frame::Graph { stages, .. } => Some(stages.clone()),
            _ => None,
        });
        for arg in goto.target.args.iter().flatten() {
            self.expr(&arg.value, None);
        }
        match stages {
            None => {
                let diagnostic = self
                    .error(Code::JumpOutsideBlock, span, "there is no graph around this `goto`")
                    .here("outside of `graph`")
                    .help("use `loop` and `route`, or put the steps into stages of a `graph`");
                self.report(diagnostic);
            }
            Some(stages) if !stages.contains(&goto.target.name.text) => {
                let name = &goto.target.name;
                let mut diagnostic = self
                    .error(Code::UnknownName, name.span, format!("unknown stage `{}`", name.text))
                    .here("the graph has no such stage");
                if let Some(near) = self.nearest(&name.text, stages.iter().map(SmolStr::as_str)) {
                    diagnostic = diagnostic
                        .help(format!("a stage with a similar name exists: `{near}`"))
                        .fix(format!("replace `{}` by `{near}`", name.text), self.at(name.span), near);
                }
                self.report(diagnostic);
            }
            Some(_) => {}
        }
        match &goto.guard {
            Some(guard) => {
                self.condition(guard);
                self.cx.assume(guard, false);
            }
            None => self.cx.point.reachable = false,
        }
    }

    pub fn race(
        &mut self,
        race: &tree::Race,
        value: &tree::Value,
        name: Option<&SmolStr>,
        expected: Option<&Type>,
        into: Option<u32>,
    ) -> Got {
        self.not_runnable.push((Span::new(race.span.start, race.span.start + 4), "`race`".into()));
        let path = name.map(|name| self.enter(name));
        let before = self.point.clone();
        if into.is_some() {
            self.frames.push(Frame::Value(ValueFrame::new(expected.cloned())));
        }
        let mut end = Self::nowhere();
        for arm in &race.arms {
            let after = self.from(before.clone(), |check| {
                check.scoped_block(|check| {
                    check.hoist = None;
                    check.step(&arm.step);
                    check.arm_body(&arm.body, into.is_some())
                });
            });
            end.meet(after);
        }
        self.cx.point = end;
        let mut ty = match into {
            Some(_) => self.close_value(false, race.span).0,
            None => Type::Null,
        };
        if let Some(catch) = &value.catch {
            ty = self.block_catch(catch, before, &ty, expected, into).1;
        }
        if let Some(path) = path {
            self.leave(path);
        }
        Got::Stored(ty)
    }

    pub fn graph(
        &mut self,
        graph: &tree::Graph,
        name: Option<&SmolStr>,
        expected: Option<&Type>,
        into: Option<u32>,
    ) -> Got {
        self.not_runnable.push((Span::new(graph.span.start, graph.span.start + 5), "`graph`".into()));
        self.max(&graph.max, true);
        let segment = name
            .cloned()
            .or_else(|| graph.name.as_ref().map(|name| name.text.clone()))
            .unwrap_or_else(|| "graph".into());
        let path = self.enter(&format!("{segment}[]"));
        let stages: Vec<SmolStr> = graph.stages.iter().map(|stage| stage.name.text.clone()).collect();
        for stage in &graph.stages {
            self.forget_assigned(&stage.body);
            self.assume_assigned(&stage.body);
        }
        let before = self.point.clone();
        if into.is_some() {
            self.frames.push(Frame::Value(ValueFrame::new(expected.cloned())));
        }
        self.frames.push(Frame::Graph { stages, exit: Self::nowhere() });
        for stage in &graph.stages {
            let path = self.enter(&stage.name.text);
            self.from(before.clone(), |check| {
                check.scoped_block(|check| {
                    for param in &stage.params {
                        let ty = check.read_type(|reader| reader.refined(&param.ty));
                        let slot = check.slot(param.name.text.clone(), ty.clone());
                        check.bind(&param.name, ty, BindingKind::Variable, Place::Slot(slot));
                    }
                    check.block_body(&stage.body)
                });
            });
            self.leave(path);
        }
        self.frames.pop();
        if let Some(otherwise) = &graph.otherwise {
            self.from(before.clone(), |check| {
                check.plain_block(otherwise);
            });
        }
        self.leave(path);
        self.cx.point = before;
        let ty = match into {
            Some(_) => {
                let reachable = std::mem::replace(&mut self.cx.point.reachable, false);
                let ty = self.close_value(false, graph.span).0;
                self.cx.point.reachable = reachable;
                ty
            }
            None => Type::Null,
        };
        Got::Stored(ty)
    }

    /// Stages run in any order, so what any of them assigns counts as assigned.
    fn assume_assigned(&mut self, block: &tree::Block) {
        let mut names = std::collections::HashSet::new();
        super::assigned_in(&block.steps, &mut names);
        let ids: Vec<u32> = names.into_iter().filter_map(|name| self.visible.get(name).copied()).collect();
        for id in ids {
            self.cx.point.assigned.insert(id);
        }
    }
}
