//! `catch` of a step or block, and `try`.

use flow_diagnostics::Code;
use flow_ir::Type;
use flow_ir::plan::{BlockId, Catch, CatchArm, Statement};
use flow_source::Span;
use flow_syntax::tree::{self, ArmBody, CatchHead};
use smol_str::SmolStr;

use super::step::Got;
use super::ways::Ways;
use super::{FlowCheck, Frame, ValueFrame, arm_blocks, assigned_in};
use crate::cx::{BindingKind, Place, Point, error_type};
use crate::hash::HashSet;
use crate::work::UNCAUGHT;

impl FlowCheck<'_> {
    /// `catch` after a call: its steps stand beneath the step's coordinate.
    pub fn step_catch(
        &mut self,
        catch: &tree::Catch,
        segment: &SmolStr,
        before: Point,
        ty: &Type,
        expected: Option<&Type>,
        into: Option<u32>,
    ) -> (Catch, Type) {
        let path = self.enter(segment);
        let result = self.block_catch(catch, before, ty, expected, into);
        self.leave(path);
        result
    }

    /// `catch` after something whose coordinate is entered; returns the type of both together.
    pub fn block_catch(
        &mut self,
        catch: &tree::Catch,
        before: Point,
        ty: &Type,
        expected: Option<&Type>,
        into: Option<u32>,
    ) -> (Catch, Type) {
        self.hoist = None;
        let wanted = expected.cloned();
        match catch {
            tree::Catch::Value(expr) => {
                let hint = wanted.clone().or_else(|| into.map(|_| ty.clone()));
                let value = tree::Value {
                    kind: tree::ValueKind::Expr((**expr).clone()),
                    name: None,
                    with: None,
                    catch: None,
                    undo: None,
                    span: expr.span,
                };
                let mut own = Type::Never;
                let mut block = 0;
                let end = self.from(before, |check| {
                    block = check.scoped_block(|check| {
                        own = check.catch_value(&value, hint.as_ref(), wanted.is_some(), into);
                        Vec::new()
                    });
                });
                self.cx.point.meet(end);
                let joined = match (into, wanted) {
                    (None, _) => ty.clone(),
                    (Some(_), Some(wanted)) => wanted,
                    (Some(_), None) => self.joined_type(ty, &own, expr.span),
                };
                let arm = CatchArm { segment: None, kinds: Vec::new(), bind: None, block };
                (Catch { arms: vec![arm], into }, joined)
            }
            tree::Catch::Arms(arms) => {
                let frame =
                    into.map(|_| ValueFrame { hint: Some(ty.clone()), ..ValueFrame::new(wanted.clone()) });
                let is_value = frame.is_some();
                if let Some(frame) = frame {
                    self.frames.push(Frame::Value(frame));
                }
                let (arms_plan, end) = self.catch_arms(arms, &before, is_value);
                let mut joined = ty.clone();
                if is_value && let Some(Frame::Value(frame)) = self.frames.pop() {
                    if wanted.is_none() {
                        let span = arms.first().map_or(Span::default(), |arm| arm.span);
                        joined = self.joined_type(ty, &frame.exact_ty(), span);
                    }
                    self.cx.point.meet(frame.exit);
                }
                self.cx.point.meet(end);
                (Catch { arms: arms_plan, into }, joined)
            }
        }
    }

    /// The operand of `catch v`: its value is yielded into the step's slot.
    fn catch_value(
        &mut self,
        value: &tree::Value,
        hint: Option<&Type>,
        strict: bool,
        into: Option<u32>,
    ) -> Type {
        let name = SmolStr::from("catch");
        let Some(_) = into else {
            self.value_of(value, Some(&name), None, None);
            return Type::Null;
        };
        let slot = self.slot("$catch", Type::Error);
        let (expr, ty) = match self.value_of(value, Some(&name), hint.filter(|_| strict), Some(slot)) {
            Got::Pure(typed) => {
                let typed = match (&typed.ty, hint) {
                    // A bare record or an empty list takes the step's type.
                    (Type::Record(_) | Type::List(..) | Type::Map(..), Some(_)) if !strict => {
                        match &value.kind {
                            tree::ValueKind::Expr(expr) => self.retyped(expr, hint, typed),
                            _ => typed,
                        }
                    }
                    _ => typed,
                };
                match hint.filter(|_| strict) {
                    Some(to) => (self.coerce(typed, to, value.span, "the value"), to.clone()),
                    None => {
                        let literal = crate::expr::literal_of(&typed);
                        let (expr, ty) = self.storable(typed);
                        (expr, literal.unwrap_or(ty))
                    }
                }
            }
            Got::Stored(ty) => {
                self.cx.slots[slot as usize].ty = ty.clone();
                (flow_ir::Expr::Slot(slot), ty)
            }
        };
        self.emit(Statement::Yield { value: expr });
        ty
    }

    /// Reads a bare value as the type that is hinted at, where it fits; else as it was read before.
    pub fn retyped(
        &mut self,
        expr: &tree::Expr,
        hint: Option<&Type>,
        plain: crate::cx::Typed,
    ) -> crate::cx::Typed {
        let (found, reads) = (self.diagnostics.len(), self.accesses.len());
        let typed = self.expr(expr, hint);
        let fits =
            hint.is_some_and(|hint| crate::fit::fit(self.program, &typed.ty, hint) < crate::fit::Fit::Null);
        if self.diagnostics.len() > found || !fits {
            self.cx.diagnostics.truncate(found);
            self.cx.accesses.truncate(reads);
            return plain;
        }
        typed
    }

    /// Checks the arms of a `catch`; returns them and where their ends meet.
    fn catch_arms(
        &mut self,
        arms: &[tree::CatchArm],
        before: &Point,
        is_value: bool,
    ) -> (Vec<CatchArm>, Point) {
        let mut plan = Vec::with_capacity(arms.len());
        let mut end = Point::default();
        let mut seen: HashSet<SmolStr> = HashSet::default();
        let mut closed = false;
        for arm in arms {
            let (label, kinds) = match &arm.head {
                CatchHead::Kinds(kinds) => {
                    let label = kinds.first().map_or_else(SmolStr::default, |kind| kind.text.clone());
                    for kind in kinds {
                        self.kind(kind, &mut seen, closed);
                    }
                    (label, kinds.iter().map(|kind| kind.text.clone()).collect())
                }
                CatchHead::Else => {
                    if closed {
                        let diagnostic = self
                            .error(Code::UnreachableArm, arm.span, "nothing is left for this arm")
                            .help("take the arm out, with its body");
                        self.report(diagnostic);
                    }
                    closed = true;
                    (SmolStr::from("else"), Vec::new())
                }
                CatchHead::Error => {
                    self.cx.lost_way = true;
                    continue;
                }
            };
            let segment = SmolStr::from(format!("catch:{label}"));
            let path = self.enter(&segment);
            let mut bind = None;
            let mut block = 0;
            let arm_end = self.from(before.clone(), |check| {
                block = check.scoped_block(|check| {
                    if let Some(name) = &arm.binding {
                        let slot = check.slot(name.text.clone(), error_type());
                        check.bind(name, error_type(), BindingKind::Variable, Place::Slot(slot));
                        bind = Some(slot);
                    }
                    check.arm_body(&arm.body, is_value)
                });
            });
            self.leave(path);
            end.meet(arm_end);
            plan.push(CatchArm { segment: Some(segment), kinds, bind, block });
        }
        (plan, end)
    }

    /// What can be told of an arm's kind here; whether the kind can come is told of the whole program.
    fn kind(&mut self, kind: &tree::Name, seen: &mut HashSet<SmolStr>, closed: bool) {
        if UNCAUGHT.contains(&kind.as_str()) {
            let diagnostic = self
                .error(Code::UnreachableCatch, kind.span, format!("`{}` cannot be caught", kind.text))
                .here("passes every `catch`")
                .help(
                    "take the arm out; what must happen in any case stands in `try { … } finally { … }`, what happens when \
                     the flow fails in `on error as e { … }` at its end",
                );
            self.report(diagnostic);
            return;
        }
        if closed || !seen.insert(kind.text.clone()) {
            let diagnostic = self
                .error(Code::UnreachableArm, kind.span, format!("`{}` is handled already", kind.text))
                .here("an arm before it takes this kind")
                .help(format!("take `{}` out here, or out of the arm before it", kind.text));
            self.report(diagnostic);
        }
    }

    /// Checks what follows `=>`: a value is yielded where one is wanted, else it is a step.
    pub fn arm_body(&mut self, body: &ArmBody, is_value: bool) -> super::StateInit {
        match body {
            ArmBody::Block(block) => {
                let state = self.block_body(block);
                if is_value && self.point.reachable && !self.point.vague {
                    let end = Span::new(block.span.end.saturating_sub(1), block.span.end);
                    let diagnostic = self
                        .error(Code::MissingReturn, end, "this arm can end without a value")
                        .here("a way leads here")
                        .help("write the arm's value before this `}`: `yield` and the value");
                    let diagnostic = self.not_dropped(diagnostic, block.span, "yield");
                    self.report(diagnostic);
                    self.cx.point.vague = true;
                }
                return state;
            }
            ArmBody::Value(value) => {
                self.hoist = None;
                match is_value {
                    true => self.yield_value(value),
                    false => self.bare(value),
                }
            }
            ArmBody::Step(step) => {
                self.hoist = None;
                self.step(step);
                if is_value && self.point.reachable && !self.point.vague {
                    let diagnostic = self
                        .error(Code::MissingReturn, step.span, "this arm gives no value")
                        .here("goes on without one")
                        .help("write the value itself, or end the arm with `yield …`");
                    self.report(diagnostic);
                    self.cx.point.vague = true;
                }
            }
            ArmBody::Error => {
                self.cx.lost_way = true;
                self.cx.point.reachable = false;
            }
        }
        Vec::new()
    }

    pub fn try_step(&mut self, tried: &tree::Try) {
        let before = self.point.clone();
        if tried.finally.is_some() {
            self.frames.push(Frame::Try(Ways::new()));
        }
        let body = self.plain_block(&tried.body);
        // What was assigned inside may or may not have happened.
        let after_body = std::mem::replace(&mut self.cx.point, before.clone());
        self.forget_assigned(&tried.body);
        let caught_at = std::mem::replace(&mut self.cx.point, after_body);
        let catch = (!tried.arms.is_empty()).then(|| {
            let (arms, end) = self.catch_arms(&tried.arms, &caught_at, false);
            self.cx.point.meet(end);
            Catch { arms, into: None }
        });
        let finally = tried.finally.as_ref().map(|block| self.finally(tried, block, caught_at));
        self.emit(Statement::Try { body, catch, finally });
    }

    /// What runs however `try` is left: by its end, by a failure, by a jump.
    fn finally(&mut self, tried: &tree::Try, block: &tree::Block, mut start: Point) -> BlockId {
        let Some(Frame::Try(ways)) = self.frames.pop() else { return 0 };
        for arm in &tried.arms {
            let mut assigned = HashSet::default();
            arm_blocks(&arm.body, &mut |steps| assigned_in(steps, &mut assigned));
            start.facts.retain(|fact| !assigned.contains(&self.bindings[fact.root as usize].name));
        }
        let path = self.enter("finally");
        self.frames.push(Frame::Finally);
        let mut id = 0;
        let end = self.from(start, |check| id = check.plain_block(block));
        self.frames.pop();
        self.leave(path);
        self.forget_assigned(block);
        self.cx.point.reachable &= end.reachable;
        self.cx.point.assigned.join(&end.assigned);
        let assigned = self.assigned_state(&block.steps);
        self.lead_through(ways, &end, &assigned);
        id
    }
}
