//! `race`: the first arm whose step succeeds goes on, the others are cancelled (S11).

use flow_diagnostics::Code;
use flow_ir::Type;
use flow_ir::plan::{Branch, Race, RaceArm, Statement};
use flow_source::Span;
use flow_syntax::tree::{self, ArmBody, StepKind, ValueKind};
use smol_str::SmolStr;

use super::step::{Got, root_of};
use super::{FlowCheck, Frame, ValueFrame, arm_blocks};
use crate::cx::{BindingKind, Place};

impl FlowCheck<'_> {
    pub fn race(
        &mut self,
        race: &tree::Race,
        value: &tree::Value,
        name: Option<&SmolStr>,
        expected: Option<&Type>,
        into: Option<u32>,
    ) -> Got {
        let keyword = Span::new(race.span.start, race.span.start + 4);
        self.no_with(value, "a `race`");
        self.too_few(race, keyword);
        let segment = value.name.as_ref().map(|name| &name.text).or(name);
        let path = segment.map(|name| self.enter(name));
        let before = self.point.clone();
        if into.is_some() {
            self.frames.push(Frame::Value(ValueFrame::new(expected.cloned())));
        }
        self.cx.keep_counters();
        // The writes of losers are dropped: what is known is what every arm that may win has done.
        let mut end = Self::nowhere();
        let mut arms = Vec::with_capacity(race.arms.len());
        for arm in &race.arms {
            let after = self.from(before.clone(), |check| {
                check.scoped(|check| {
                    let step = check.racer(&arm.step);
                    let (body, state) = check.in_block(|check| check.arm_body(&arm.body, into.is_some()));
                    check.blocks[body as usize].state = state;
                    arms.push(RaceArm { step, body });
                });
            });
            end.meet(after);
        }
        self.cx.point = if race.arms.is_empty() { before.clone() } else { end };
        let mut ty = match into {
            Some(_) if race.arms.is_empty() => {
                self.frames.pop();
                Type::Error
            }
            Some(_) => self.close_value(false, race.span).0,
            None => Type::Null,
        };
        let catch = value.catch.as_ref().map(|catch| {
            let mut failed = before;
            for arm in &race.arms {
                let mut assigned = self.assigned_state(std::slice::from_ref(&*arm.step));
                arm_blocks(&arm.body, &mut |steps| assigned.extend(self.assigned_state(steps)));
                failed.facts.retain(|fact| !assigned.contains(&fact.root));
            }
            let (catch, joined) = self.block_catch(catch, failed, &ty, expected, into);
            ty = joined;
            catch
        });
        if let Some(path) = path {
            self.leave(path);
        }
        self.emit(Statement::Race(Box::new(Race { segment: segment.cloned(), arms, into, catch })));
        Got::Stored(ty)
    }

    fn too_few(&mut self, race: &tree::Race, keyword: Span) {
        let lost = race.arms.iter().any(|arm| matches!(arm.body, ArmBody::Error));
        let (message, help) = match race.arms.len() {
            0 => (
                "this race has no arm",
                "nothing could ever win: take the race out, or add arms: `when let x = f(…) => x` and `when wait 30s => …`",
            ),
            1 => (
                "this race has one arm only",
                "write the step without `race`, or add an arm that it races against: `when wait 30s => fail too_slow(\"no answer\")`",
            ),
            _ => return,
        };
        if lost || self.lost {
            return;
        }
        let diagnostic =
            self.error(Code::BadRace, keyword, message).here("a race is between two at least").help(help);
        self.report(diagnostic);
    }

    /// What an arm waits for runs as a branch: nothing jumps out of it, and it may be cut off at any point.
    fn racer(&mut self, step: &tree::Step) -> Branch {
        self.hoist = None;
        self.cx.locals = 0;
        let found = self.diagnostics.len();
        // What the arm binds is for its body, so it isn't the branch's own.
        let bound = match &step.kind {
            StepKind::Let(binding) => Some((binding, self.slot(binding.name.text.clone(), Type::Error))),
            _ => None,
        };
        let (first_access, from) = (self.accesses.len(), self.slots.len() as u32);
        self.frames.push(Frame::Branch("an arm of `race` before it has won"));
        self.racing += 1;
        let pure = self.is_pure(step);
        let (block, ty) = self.in_block(|check| match (&step.kind, bound) {
            (_, Some((binding, slot))) => {
                let ty = check.let_value(binding, slot);
                check.cx.lost_jump(step.span);
                ty
            }
            (StepKind::Bare(value), _) if pure => {
                check.value_of(value, None, None, None);
                Type::Error
            }
            _ => {
                check.step(step);
                Type::Error
            }
        });
        self.racing -= 1;
        self.frames.pop();
        let own = (from, self.slots.len() as u32);
        let mut writes: Vec<u32> = bound.iter().map(|(_, slot)| *slot).collect();
        for access in self.accesses[first_access..].iter().filter(|access| access.write) {
            if let Place::Slot(slot) = self.bindings[access.binding as usize].place
                && slot < from
                && !writes.contains(&slot)
            {
                writes.push(slot);
            }
        }
        if let Some((binding, slot)) = bound {
            self.bind(&binding.name, ty, BindingKind::Let, Place::Slot(slot));
        }
        if pure && self.diagnostics.len() == found {
            let diagnostic = self
                .error(Code::BadRace, step.span, "this arm waits for nothing")
                .here("calls no node and no flow, so it always wins")
                .help("take this arm out and compute the value after the race; an arm waits for a call, `when let x = f(…) => …`, or for a time, `when wait 30s => …`");
            self.report(diagnostic);
        }
        Branch { block, own, writes }
    }

    fn is_pure(&mut self, step: &tree::Step) -> bool {
        let value = match &step.kind {
            StepKind::Let(binding) => &binding.value,
            StepKind::Assign(assign) => &assign.value,
            StepKind::Bare(value) => value,
            _ => return false,
        };
        match &value.kind {
            ValueKind::Expr(expr) => self.target(root_of(expr)).is_none(),
            _ => false,
        }
    }
}
