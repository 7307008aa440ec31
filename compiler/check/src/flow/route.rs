//! `if` and `route`, as statements and as values.

use flow_diagnostics::Code;
use flow_ir::plan::{RouteArm, Statement, TestArm};
use flow_ir::{Expr, Type};
use flow_syntax::tree::{self, RouteHead};
use smol_str::SmolStr;

use super::step::Got;
use super::{FlowCheck, Frame, ValueFrame};
use crate::cx::{BindingKind, Place, Point, Typed};
use crate::expr::patterns::head_span;

impl FlowCheck<'_> {
    pub fn if_step(&mut self, choice: &tree::If) {
        let mut arms = Vec::with_capacity(choice.branches.len() + 1);
        let mut end = Self::nowhere();
        let mut prefix = String::new();
        for (position, (condition, block)) in choice.branches.iter().enumerate() {
            if position > 0 {
                self.hoist = None;
            }
            let test = self.condition(condition);
            let on = self.point.clone();
            self.cx.assume(condition, true);
            let segment = SmolStr::from(format!("{prefix}route:true"));
            let path = self.enter(&segment);
            let block = self.plain_block(block);
            self.leave(path);
            let after = std::mem::replace(&mut self.cx.point, on);
            end.meet(after);
            self.cx.assume(condition, false);
            arms.push(TestArm { segment, test: Some(test), block });
            prefix.push_str("route:false/");
        }
        if let Some(block) = &choice.otherwise {
            let segment = SmolStr::from(prefix.trim_end_matches('/'));
            let path = self.enter(&segment);
            let block = self.plain_block(block);
            self.leave(path);
            arms.push(TestArm { segment, test: None, block });
        }
        self.cx.point.meet(end);
        self.emit(Statement::If { segment: None, arms, into: None });
    }

    /// A `route` in a flow; with a slot its arms give values.
    pub fn route_value(
        &mut self,
        route: &tree::Route,
        value: &tree::Value,
        name: Option<&SmolStr>,
        expected: Option<&Type>,
        into: Option<u32>,
    ) -> Got {
        self.no_with(value, "a `route`");
        self.no_catch(value, "a `route`", "arms");
        let segment = value
            .name
            .as_ref()
            .map(|name| name.text.clone())
            .or_else(|| name.cloned())
            .filter(|_| into.is_some());
        // The subject is computed before the arms' coordinates begin.
        let subject = route.subject.as_ref().map(|subject| (subject, self.expr(subject, None)));
        let path = segment.as_ref().map(|segment| self.enter(segment));
        if into.is_some() {
            self.frames.push(Frame::Value(ValueFrame::new(expected.cloned())));
        }
        match subject {
            Some((written, subject)) => self.route_over(route, written, subject, segment, into),
            None => self.route_conditions(route, segment, into),
        }
        let ty = match into {
            Some(_) => {
                let (ty, _) = self.close_value(false, route.span);
                ty
            }
            None => Type::Null,
        };
        if let Some(path) = path {
            self.leave(path);
        }
        Got::Stored(ty)
    }

    fn route_conditions(&mut self, route: &tree::Route, segment: Option<SmolStr>, into: Option<u32>) {
        let mut arms = Vec::with_capacity(route.arms.len());
        let mut end = Self::nowhere();
        let (mut has_else, mut lost) = (false, false);
        let mut number = 0;
        for arm in &route.arms {
            if has_else && !matches!(arm.head, RouteHead::Error) {
                self.after_else(head_span(arm));
            }
            let (label, test, condition) = match &arm.head {
                RouteHead::Condition(condition) => {
                    self.hoist = None;
                    let test = self.condition(condition);
                    number += 1;
                    (SmolStr::from(format!("route:{}", number - 1)), Some(test), Some(condition))
                }
                RouteHead::Else => {
                    has_else = true;
                    (SmolStr::from("route:else"), None, None)
                }
                _ => {
                    lost = true;
                    continue;
                }
            };
            let on = self.point.clone();
            if let Some(condition) = condition {
                self.cx.assume(condition, true);
            }
            let path = self.enter(&label);
            let block = self.scoped_block(|check| check.arm_body(&arm.body, into.is_some()));
            self.leave(path);
            let after = std::mem::replace(&mut self.cx.point, on);
            end.meet(after);
            if let Some(condition) = condition {
                self.cx.assume(condition, false);
            }
            arms.push(TestArm { segment: label, test, block });
        }
        if !has_else && !lost {
            let diagnostic = self
                .error(Code::NonExhaustiveRoute, route.span, "this route has no `else` arm")
                .here("all conditions may be false")
                .help(format!(
                    "add an arm before the last `}}`: `else => {}`",
                    crate::expr::patterns::arm_of(self.text(route.span), true)
                ));
            self.report(diagnostic);
            lost = true;
        }
        self.lead_on(lost, end);
        self.emit(Statement::If { segment, arms, into });
    }

    fn route_over(
        &mut self,
        route: &tree::Route,
        written: &tree::Expr,
        subject: Typed,
        segment: Option<SmolStr>,
        into: Option<u32>,
    ) {
        let (value, ty) = self.storable(subject);
        let bind = self.slot("$route", ty.clone());
        let path_of = self.path(written);
        let mut cases = self.cases(&ty);
        self.rule_out(&mut cases, written);
        let start = self.point.clone();
        let mut end = Self::nowhere();
        let mut arms = Vec::with_capacity(route.arms.len());
        let (mut closed, mut lost) = (false, false);
        for arm in &route.arms {
            self.cx.point = start.clone();
            self.hoist = None;
            if closed && !matches!(arm.head, RouteHead::Error) {
                self.after_else(head_span(arm));
                self.after_else_anew(&mut cases);
            }
            match &arm.head {
                RouteHead::Patterns { patterns, guard } => {
                    let head = self.patterns(&mut cases, patterns, guard.is_some());
                    if let (Some((root, fields)), Some(narrowed)) = (&path_of, &head.narrowed) {
                        self.cx.learn(*root, fields.clone(), narrowed.clone());
                    }
                    let label = SmolStr::from(format!("route:{}", encode(&head.label)));
                    let path = self.enter(&label);
                    let mut binds = Vec::new();
                    let mut test = None;
                    let block = self.scoped_block(|check| {
                        for (index, name, ty) in &head.binds {
                            let slot = check.slot(name.text.clone(), ty.clone());
                            check.bind(name, ty.clone(), BindingKind::Variable, Place::Slot(slot));
                            binds.push((*index, slot));
                        }
                        if let Some(guard) = guard {
                            test = Some(check.condition(guard));
                            check.cx.assume(guard, true);
                        }
                        check.arm_body(&arm.body, into.is_some())
                    });
                    self.leave(path);
                    if head.patterns.is_empty() {
                        // Nothing of it could be read: not an `else` by accident.
                        test = Some(Expr::Const(flow_ir::Value::Bool(false)));
                    }
                    arms.push(RouteArm {
                        segment: label,
                        patterns: head.patterns,
                        binds,
                        guard: test,
                        block,
                    });
                }
                RouteHead::Else => {
                    closed = true;
                    self.else_arm(&cases, head_span(arm));
                    if let (Some((root, fields)), Some(narrowed)) = (&path_of, self.narrowed_else(&cases)) {
                        self.cx.learn(*root, fields.clone(), narrowed);
                    }
                    let label = SmolStr::from("route:else");
                    let path = self.enter(&label);
                    let block = self.scoped_block(|check| check.arm_body(&arm.body, into.is_some()));
                    self.leave(path);
                    let binds = Vec::new();
                    arms.push(RouteArm { segment: label, patterns: Vec::new(), binds, guard: None, block });
                }
                RouteHead::Condition(_) | RouteHead::Error => {
                    lost = true;
                    continue;
                }
            }
            let after = self.point.clone();
            end.meet(after);
        }
        if !closed && !lost {
            lost = self.exhaustive(&cases, written.span, route.span, true);
        }
        self.cx.point = start;
        self.lead_on(lost, end);
        self.emit(Statement::Route { segment, value, bind, arms, into });
    }

    /// Goes on behind the arms of a route. What no arm handles, or one that could not be read, may lead on, and isn't judged by
    /// where it leads.
    fn lead_on(&mut self, lost: bool, end: Point) {
        if lost && !end.reachable {
            self.cx.point.vague = true;
        } else {
            self.cx.point = end;
        }
    }
}

/// A label holds no `/`.
fn encode(label: &str) -> String {
    label
        .chars()
        .map(|c| match c {
            '/' => "%2F".to_string(),
            '%' => "%25".to_string(),
            '[' => "%5B".to_string(),
            ']' => "%5D".to_string(),
            c if c.is_control() || c.is_whitespace() => format!("%{:02X}", c as u32),
            c => c.to_string(),
        })
        .collect()
}
