//! Pure code: bodies of `code`, and `route` as a value in them.

use flow_diagnostics::Code as DiagnosticCode;
use flow_ir::expr::MatchArm;
use flow_ir::{Expr, Type, Value};
use flow_source::Span;
use flow_syntax::tree::{self, ArmBody, RouteHead, StepKind, ValueKind};

use super::patterns::head_span;
use crate::cx::{BindingKind, Cx, Place, Typed};

/// The steps of a body of code at most: each `let` is one level of the expression that it becomes.
const STEPS_MAX: usize = 200;

/// How a block of pure code gives its value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Leaves {
    Return,
    Yield,
}

impl Leaves {
    fn word(self) -> &'static str {
        match self {
            Leaves::Return => "return",
            Leaves::Yield => "yield",
        }
    }
}

impl Cx<'_> {
    /// Checks the body of a `code`.
    pub fn code_body(&mut self, body: &tree::CodeBody, returns: &Type) -> Expr {
        match body {
            tree::CodeBody::Value(value) => {
                let typed = self.pure_value(value, Some(returns));
                self.coerce(typed, returns, value.span, "the result")
            }
            tree::CodeBody::Block(block) => {
                self.no_state(&block.state);
                let typed =
                    self.scope(|cx| cx.pure_steps(&block.steps, Leaves::Return, Some(returns), block.span));
                self.coerce(typed, returns, block.span, "the result")
            }
        }
    }

    fn no_state(&mut self, state: &[tree::StateSlot]) {
        if let Some(slot) = state.first() {
            let diagnostic = self
                .error(DiagnosticCode::UnexpectedToken, slot.span, "pure code has no state")
                .help("bind values with `let`");
            self.report(diagnostic);
        }
    }

    /// Checks a value in pure code: an expression, or a `route` of them.
    pub fn pure_value(&mut self, value: &tree::Value, hint: Option<&Type>) -> Typed {
        if value.with.is_some() || value.catch.is_some() || value.undo.is_some() || value.name.is_some() {
            let diagnostic = self
                .error(DiagnosticCode::EffectInExpression, value.span, "pure code has no steps")
                .help("`as name`, `with`, `catch` and `undo` belong to calls of nodes, in a flow");
            self.report(diagnostic);
        }
        match &value.kind {
            ValueKind::Expr(expr) => self.expr(expr, hint),
            ValueKind::Route(route) => self.value_route(route, hint),
            _ => {
                let diagnostic = self
                    .error(DiagnosticCode::EffectInExpression, value.span, "pure code has no steps")
                    .help("use an expression or a `route`; effects belong into a flow");
                self.report(diagnostic);
                Typed::poison()
            }
        }
    }

    /// `route v { when a => 1  else => 2 }` as a value in pure code.
    fn value_route(&mut self, route: &tree::Route, hint: Option<&Type>) -> Typed {
        match &route.subject {
            Some(subject) => self.matched(route, subject, hint),
            None => self.conditions(route, hint),
        }
    }

    fn conditions(&mut self, route: &tree::Route, hint: Option<&Type>) -> Typed {
        let facts = self.point.facts.len();
        let mut tests: Vec<(Option<Expr>, Typed, Span)> = Vec::new();
        let mut closed = false;
        for arm in &route.arms {
            if closed && !matches!(arm.head, RouteHead::Error) {
                self.after_else(head_span(arm));
            }
            closed |= matches!(arm.head, RouteHead::Else);
            let test = match &arm.head {
                RouteHead::Condition(condition) => Some(self.condition(condition)),
                RouteHead::Else => None,
                _ => return Typed::poison(),
            };
            let before = self.point.facts.len();
            if let RouteHead::Condition(condition) = &arm.head {
                self.assume(condition, true);
            }
            let value = self.scope(|cx| cx.arm_value(&arm.body, hint));
            self.point.facts.truncate(before);
            if let RouteHead::Condition(condition) = &arm.head {
                self.assume(condition, false);
            }
            tests.push((test, value, arm.span));
        }
        self.point.facts.truncate(facts);
        if !closed {
            let diagnostic = self
                .error(DiagnosticCode::NonExhaustiveRoute, route.span, "this route has no `else` arm")
                .help("add `else => …`: the conditions may all be false");
            self.report(diagnostic);
            return Typed::poison();
        }
        // The first `else` ends the route; what follows it is reported.
        let end = tests.iter().position(|(test, ..)| test.is_none()).map_or(0, |at| at + 1);
        tests.truncate(end);
        let Some((_, last, last_span)) = tests.pop() else { return Typed::poison() };
        let mut result = last;
        let mut span = last_span;
        for (test, value, value_span) in tests.into_iter().rev() {
            let (then, otherwise, ty) = self.join_values(value, value_span, result, span, hint, route.span);
            let test = Box::new(test.unwrap_or_else(Expr::truth));
            result = Typed::new(Expr::If { test, then: Box::new(then), otherwise: Box::new(otherwise) }, ty);
            span = value_span;
        }
        result
    }

    fn matched(&mut self, route: &tree::Route, subject: &tree::Expr, hint: Option<&Type>) -> Typed {
        let value = self.expr(subject, None);
        let path = self.path(subject);
        let local = self.local();
        let mut cases = self.cases(&value.ty);
        self.rule_out(&mut cases, subject);
        let facts = self.point.facts.len();
        let mut arms: Vec<(MatchArm, Typed, Span)> = Vec::new();
        let mut otherwise: Option<(Typed, Span)> = None;
        for arm in &route.arms {
            self.point.facts.truncate(facts);
            if otherwise.is_some() && !matches!(arm.head, RouteHead::Error) {
                self.after_else(head_span(arm));
                self.after_else_anew(&mut cases);
            }
            match &arm.head {
                RouteHead::Patterns { patterns, guard } => {
                    let head = self.patterns(&mut cases, patterns, guard.is_some());
                    if let (Some((root, fields)), Some(narrowed)) = (&path, &head.narrowed) {
                        self.learn(*root, fields.clone(), narrowed.clone());
                    }
                    let (checked, value) = self.scope(|cx| {
                        let mut binds = Vec::new();
                        for (index, name, ty) in &head.binds {
                            let local = cx.local();
                            cx.bind(name, ty.clone(), BindingKind::Variable, Place::Local(local));
                            binds.push((*index, local));
                        }
                        let guard = guard.as_ref().map(|guard| cx.condition(guard));
                        if let Some(guard) = arm_guard(&arm.head) {
                            cx.assume(guard, true);
                        }
                        let value = cx.arm_value(&arm.body, hint);
                        let unset = Expr::Const(Value::Null);
                        (MatchArm { patterns: head.patterns.clone(), binds, guard, value: unset }, value)
                    });
                    arms.push((checked, value, arm.span));
                }
                RouteHead::Else => {
                    self.else_arm(&cases, head_span(arm));
                    if let (Some((root, fields)), Some(narrowed)) = (&path, self.narrowed_else(&cases)) {
                        self.learn(*root, fields.clone(), narrowed);
                    }
                    let value = self.scope(|cx| cx.arm_value(&arm.body, hint));
                    otherwise = Some((value, arm.span));
                }
                RouteHead::Condition(_) | RouteHead::Error => return Typed::poison(),
            }
        }
        self.point.facts.truncate(facts);
        if otherwise.is_none() {
            self.lost_way |= self.exhaustive(&cases, subject.span, route.span, false);
        }
        let mut ty = Type::Never;
        let mut joined = Typed::new(Expr::Const(Value::Null), Type::Never);
        for (value, span) in arms
            .iter()
            .map(|(_, value, span)| (value, *span))
            .chain(otherwise.iter().map(|(value, span)| (value, *span)))
        {
            match self.join_types(&joined, value, hint) {
                Some(_) if matches!(joined.ty, Type::Never) => {
                    joined = value.clone();
                }
                Some(next) => joined = Typed::new(Expr::Slot(0), next),
                None => {
                    let diagnostic = self
                        .error(
                            DiagnosticCode::TypeMismatch,
                            span,
                            format!("expected `{}`, found `{}`", joined.ty, value.ty),
                        )
                        .here("the arms before it have another type")
                        .help(format!(
                            "give a value of `{0}` here, such as `{1}`, or another type in the arms before it",
                            crate::sample::declared(&joined.ty),
                            self.sample(&joined.ty)
                        ));
                    self.report(diagnostic);
                    return Typed::poison();
                }
            }
            ty = joined.ty.clone();
        }
        let arms = arms
            .into_iter()
            .map(|(mut arm, value, span)| {
                arm.value = self.coerce(value, &ty, span, "the arm");
                arm
            })
            .collect();
        let otherwise = otherwise.map(|(value, span)| Box::new(self.coerce(value, &ty, span, "the arm")));
        Typed::new(Expr::Match { value: Box::new(value.expr), local, arms, otherwise }, ty)
    }

    fn arm_value(&mut self, body: &ArmBody, hint: Option<&Type>) -> Typed {
        match body {
            ArmBody::Value(value) => self.pure_value(value, hint),
            ArmBody::Block(block) => {
                self.no_state(&block.state);
                self.pure_steps(&block.steps, Leaves::Yield, hint, block.span)
            }
            ArmBody::Step(step) => {
                self.pure_steps(std::slice::from_ref(&**step), Leaves::Yield, hint, step.span)
            }
            ArmBody::Error => Typed::poison(),
        }
    }

    /// `let`s, guarded leaves and `if`s, as one expression.
    fn pure_steps(&mut self, steps: &[tree::Step], leaves: Leaves, hint: Option<&Type>, span: Span) -> Typed {
        if steps.len() > STEPS_MAX {
            let diagnostic = self
                .error(
                    DiagnosticCode::TooLarge,
                    steps[STEPS_MAX].span,
                    format!("more than {STEPS_MAX} steps in one body of code"),
                )
                .help("split it into several `code`s");
            self.report(diagnostic);
            return Typed::poison();
        }
        let Some((step, rest)) = steps.split_first() else {
            let diagnostic = self
                .error(
                    DiagnosticCode::MissingReturn,
                    Span::new(span.end.saturating_sub(1), span.end),
                    "this way ends without a value",
                )
                .help(format!("end it with `{} …`", leaves.word()));
            self.report(diagnostic);
            return Typed::poison();
        };
        match &step.kind {
            StepKind::Let(binding) => {
                let annotated = binding.ty.as_ref().map(|ty| self.read_type(|reader| reader.refined(ty)));
                let typed = self.pure_value(&binding.value, annotated.as_ref());
                let (value, ty) = match annotated {
                    Some(ty) => (self.coerce(typed, &ty, binding.value.span, "the value"), ty),
                    None => self.stored(typed, binding.value.span),
                };
                let local = self.local();
                self.bind(&binding.name, ty, BindingKind::Let, Place::Local(local));
                let body = self.pure_steps(rest, leaves, hint, span);
                let let_ = Expr::Let { local, value: Box::new(value), body: Box::new(body.expr) };
                Typed::new(let_, body.ty)
            }
            StepKind::Return(leave) if leaves == Leaves::Return => {
                self.pure_leave(leave, rest, leaves, hint, span)
            }
            StepKind::Yield(leave) if leaves == Leaves::Yield => {
                self.pure_leave(leave, rest, leaves, hint, span)
            }
            StepKind::If(choice) => {
                self.pure_if(&choice.branches, &choice.otherwise, rest, leaves, hint, span)
            }
            StepKind::Bare(tree::Value { kind: ValueKind::Route(route), .. }) => {
                // The arms of a closing route leave; nothing follows it.
                self.ends_here(rest);
                self.leaving_route(route, hint)
            }
            StepKind::Error => Typed::poison(),
            StepKind::Assign(assign) => {
                self.pure_assignment(assign);
                self.pure_steps(rest, leaves, hint, span)
            }
            _ => {
                let diagnostic = self
                    .error(DiagnosticCode::EffectInExpression, step.span, "pure code has no steps")
                    .help(format!(
                        "it takes `let`, `if`, `route` and `{}`; effects belong into a flow",
                        leaves.word()
                    ));
                self.report(diagnostic);
                Typed::poison()
            }
        }
    }

    /// Reports an assignment: in pure code every name keeps its value.
    fn pure_assignment(&mut self, assign: &tree::Assign) {
        let target = self.text(assign.target.span).to_string();
        if let tree::ValueKind::Expr(value) = &assign.value.kind {
            self.expr(value, None);
        }
        let bound = self.path(&assign.target).map(|(id, _)| self.at(self.bindings[id as usize].span));
        let (code, message) = match bound {
            Some(_) => {
                (DiagnosticCode::ImmutableAssignment, format!("`{target}` keeps its value in pure code"))
            }
            None => (DiagnosticCode::UndeclaredAssignment, format!("`{target}` is not declared")),
        };
        let mut diagnostic = self
            .error(code, assign.target.span, message)
            .here("assigned here")
            .help("bind a name of its own: `let changed = …`");
        if let Some(bound) = bound {
            diagnostic = diagnostic.label(bound, "declared here");
        }
        self.report(diagnostic);
    }

    fn leaving_route(&mut self, route: &tree::Route, hint: Option<&Type>) -> Typed {
        let arms = route
            .arms
            .iter()
            .map(|arm| tree::RouteArm { head: arm.head.clone(), body: as_yield(&arm.body), span: arm.span })
            .collect();
        self.value_route(&tree::Route { subject: route.subject.clone(), arms, span: route.span }, hint)
    }

    fn ends_here(&mut self, rest: &[tree::Step]) {
        if let Some(step) = rest.first() {
            let diagnostic = self
                .error(DiagnosticCode::UnreachableStep, step.span, "nothing leads to this step")
                .here("all ways leave before it")
                .help("remove it");
            self.report(diagnostic);
        }
    }

    fn pure_leave(
        &mut self,
        leave: &tree::Leave,
        rest: &[tree::Step],
        leaves: Leaves,
        hint: Option<&Type>,
        span: Span,
    ) -> Typed {
        let test = leave.guard.as_ref().map(|guard| (self.condition(guard), guard));
        let facts = self.point.facts.len();
        if let Some((_, guard)) = &test {
            self.assume(guard, true);
        }
        let value = match &leave.value {
            Some(value) => self.pure_value(value, hint),
            None => Typed::new(Expr::Const(Value::Null), Type::Null),
        };
        self.point.facts.truncate(facts);
        let value_span = leave.value.as_ref().map_or(span, |value| value.span);
        let Some((test, guard)) = test else {
            self.ends_here(rest);
            return value;
        };
        self.assume(guard, false);
        let otherwise = self.pure_steps(rest, leaves, hint, span);
        self.point.facts.truncate(facts);
        let (then, otherwise, ty) = self.join_values(value, value_span, otherwise, span, hint, value_span);
        Typed::new(
            Expr::If { test: Box::new(test), then: Box::new(then), otherwise: Box::new(otherwise) },
            ty,
        )
    }

    fn pure_if(
        &mut self,
        branches: &[(tree::Expr, tree::Block)],
        last: &Option<tree::Block>,
        rest: &[tree::Step],
        leaves: Leaves,
        hint: Option<&Type>,
        span: Span,
    ) -> Typed {
        let Some(((condition, block), more)) = branches.split_first() else {
            return match last {
                Some(block) => {
                    self.ends_here(rest);
                    self.scope(|cx| cx.pure_steps(&block.steps, leaves, hint, block.span))
                }
                None => self.pure_steps(rest, leaves, hint, span),
            };
        };
        let test = self.condition(condition);
        let facts = self.point.facts.len();
        self.assume(condition, true);
        let then = self.scope(|cx| cx.pure_steps(&block.steps, leaves, hint, block.span));
        self.point.facts.truncate(facts);
        self.assume(condition, false);
        let otherwise = self.pure_if(more, last, rest, leaves, hint, span);
        self.point.facts.truncate(facts);
        let (then, otherwise, ty) = self.join_values(then, block.span, otherwise, span, hint, block.span);
        Typed::new(
            Expr::If { test: Box::new(test), then: Box::new(then), otherwise: Box::new(otherwise) },
            ty,
        )
    }
}

fn arm_guard(head: &RouteHead) -> Option<&tree::Expr> {
    match head {
        RouteHead::Patterns { guard, .. } => guard.as_ref(),
        _ => None,
    }
}

/// An arm that returns gives its value where the whole route is the end of the code.
fn as_yield(body: &ArmBody) -> ArmBody {
    fn step(step: &tree::Step) -> tree::Step {
        let kind = match &step.kind {
            StepKind::Return(leave) => StepKind::Yield(leave.clone()),
            StepKind::If(choice) => StepKind::If(tree::If {
                branches: choice.branches.iter().map(|(test, body)| (test.clone(), block(body))).collect(),
                otherwise: choice.otherwise.as_ref().map(block),
            }),
            other => other.clone(),
        };
        tree::Step { kind, span: step.span }
    }
    fn block(block: &tree::Block) -> tree::Block {
        tree::Block {
            state: block.state.clone(),
            steps: block.steps.iter().map(step).collect(),
            span: block.span,
        }
    }
    match body {
        ArmBody::Step(one) => ArmBody::Step(Box::new(step(one))),
        ArmBody::Block(one) => ArmBody::Block(block(one)),
        other => other.clone(),
    }
}
