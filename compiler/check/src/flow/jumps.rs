//! What leaves: `return yield break continue fail`.

use flow_diagnostics::Code;
use flow_ir::plan::{Statement, TestArm};
use flow_ir::{Expr, Type, Value};
use flow_source::Span;
use flow_syntax::tree::{self, ExprKind};

use super::step::Got;
use super::ways::{Exit, Way};
use super::{FlowCheck, Frame};
use crate::cx::{Point, Typed};
use crate::work::{KINDS, UNCAUGHT};

impl FlowCheck<'_> {
    /// Runs what leaves behind its guard: the way on is that where the guard is false.
    pub fn guarded(&mut self, guard: Option<&tree::Expr>, inside: impl FnOnce(&mut Self)) {
        let Some(guard) = guard else {
            inside(self);
            self.cx.point.reachable = self.cx.point.vague;
            return;
        };
        self.cx.point = self.guarded_block(guard, inside);
        self.cx.assume(guard, false);
    }

    /// Runs a step behind its guard; returns the point where the guard was tested.
    pub fn guarded_block(&mut self, guard: &tree::Expr, inside: impl FnOnce(&mut Self)) -> Point {
        let test = self.condition(guard);
        let on = self.point.clone();
        self.cx.assume(guard, true);
        let path = self.enter("route:true");
        self.hoist = None;
        let block = self.scoped_block(|check| {
            inside(check);
            Vec::new()
        });
        self.leave(path);
        self.emit(Statement::If {
            segment: None,
            arms: vec![TestArm { segment: "route:true".into(), test: Some(test), block }],
            into: None,
        });
        on
    }

    /// Finds what a jump would have to leave and can't: a branch or a `finally`.
    pub fn barrier(&self, stops: impl Fn(&Frame) -> bool) -> Option<&'static str> {
        for frame in self.frames.iter().rev() {
            if stops(frame) {
                return None;
            }
            match frame {
                Frame::Branch(what) => return Some(what),
                Frame::BranchValue(_) => return Some("a branch of `parallel for`"),
                Frame::Finally => return Some("a `finally`"),
                _ => {}
            }
        }
        None
    }

    pub fn cannot_leave(&mut self, word: &str, what: &str, span: Span) {
        self.cx.point.vague = true;
        let help = match (word, what) {
            ("return", "a branch of `parallel for`") | ("continue", "a branch of `parallel for`") => {
                "a branch ends with its value: write `yield` and the value instead"
            }
            ("return" | "yield", _) => {
                "give the value a name in the branch, `let found = …`, and write `return found` after the block"
            }
            _ => "take it out, or put it after the block",
        };
        let given = self.shown(span).strip_prefix(word).unwrap_or(" …").trim().to_string();
        let help = match (word, what) {
            ("return", "a branch of `parallel for`") if !given.is_empty() => {
                format!("a branch ends with its value: write `yield {given}` instead")
            }
            _ => help.to_string(),
        };
        let diagnostic = self
            .error(Code::JumpOutsideBlock, span, format!("`{word}` cannot leave {what}"))
            .here("nothing jumps out of it")
            .help(help);
        self.report(diagnostic);
    }

    pub fn return_step(&mut self, leave: &tree::Leave, span: Span) {
        self.guarded(leave.guard.as_ref(), |check| {
            if let Some(what) = check.barrier(|_| false) {
                check.cannot_leave("return", what, span);
            }
            let returns = check.returns.clone();
            let value = match (&leave.value, &returns) {
                (None, None) => None,
                (None, Some(ty)) if ty.allows_null() => Some(Self::unset()),
                (None, Some(ty)) => {
                    let diagnostic = check
                        .error(Code::TypeMismatch, span, format!("expected `{ty}`, found nothing"))
                        .here("the flow returns a value")
                        .help(format!("write a `{ty}`: `return {}`", check.sample(ty)));
                    check.report(diagnostic);
                    None
                }
                (Some(value), None) => {
                    check.value_of(value, None, None, None);
                    let (what, help) = match check.loose {
                        true => ("a test returns nothing", "hold it against something: `expect … == …`"),
                        false => ("this flow returns nothing", "declare its type: `flow name(…) -> T`"),
                    };
                    let diagnostic =
                        check.error(Code::TypeMismatch, value.span, what).here("a value").help(help);
                    check.report(diagnostic);
                    // One declaration mends all of them.
                    check.returns = Some(Type::Error);
                    None
                }
                (Some(value), Some(ty)) => {
                    let ty = ty.clone();
                    Some(check.taken(value, Some(&ty), "the result"))
                }
            };
            check.emit(Statement::Return { value });
        });
    }

    /// Runs a value and returns the expression that reads it.
    fn taken(&mut self, value: &tree::Value, expected: Option<&Type>, what: &str) -> Expr {
        let (expr, ty) = self.taken_typed(value, expected);
        match expected {
            Some(to) => self.coerce(Typed::new(expr, ty), to, value.span, what),
            None => expr,
        }
    }

    /// Runs a value; a step's result goes through a hidden slot.
    pub fn taken_typed(&mut self, value: &tree::Value, expected: Option<&Type>) -> (Expr, Type) {
        let is_step = self.is_step(value);
        let slot = is_step.then(|| self.slot("$value", Type::Error));
        match self.value_of(value, None, expected, slot) {
            Got::Pure(typed) => (typed.expr, typed.ty),
            Got::Stored(ty) => match slot {
                Some(slot) => {
                    self.cx.slots[slot as usize].ty = ty.clone();
                    (Expr::Slot(slot), ty)
                }
                None => (Self::unset(), ty),
            },
        }
    }

    fn is_step(&mut self, value: &tree::Value) -> bool {
        match &value.kind {
            tree::ValueKind::Expr(expr) => self.target(super::step::root_of(expr)).is_some(),
            _ => true,
        }
    }

    pub fn yield_step(&mut self, leave: &tree::Leave, span: Span) {
        self.guarded(leave.guard.as_ref(), |check| {
            let target = |frame: &Frame| matches!(frame, Frame::Value(_) | Frame::BranchValue(_));
            if !check.frames.iter().any(target) {
                check.cx.point.vague = true;
                let diagnostic = check
                    .error(Code::JumpOutsideBlock, span, "nothing here takes a value")
                    .here("`yield` outside of a block with a value")
                    .help(format!(
                        "a flow's result is given with `return{}`; `yield` gives the value of a `do`, `route` or `parallel for` that stands behind `=`",
                        check.text(span).strip_prefix("yield").filter(|rest| rest.len() < 60 && !rest.contains('\n')).unwrap_or(" …")
                    ));
                if !check.lost_any(&["let", "do", "route", "race", "parallel", "catch", "graph"]) {
                    check.report(diagnostic);
                }
            } else if let Some(what) = check.barrier(target) {
                check.cannot_leave("yield", what, span);
            }
            match &leave.value {
                Some(value) => check.yield_value(value),
                None => {
                    let diagnostic = check
                        .error(Code::TypeMismatch, span, "`yield` gives a value")
                        .help("write the value behind it, such as `yield \"done\"`");
                    check.report(diagnostic);
                    check.yielded(Typed::poison(), span);
                }
            }
        });
    }

    /// Yields a value to the innermost block that takes one.
    pub fn yield_value(&mut self, value: &tree::Value) {
        let expected = self.frames.iter().rev().find_map(|frame| match frame {
            Frame::Value(frame) | Frame::BranchValue(frame) => {
                Some((frame.expected.clone(), frame.hint(), frame.hint.is_some()))
            }
            _ => None,
        });
        let (expected, hint, of_step) = expected.unwrap_or_default();
        let found = self.diagnostics.len();
        let (expr, ty) = self.taken_typed(value, expected.as_ref());
        let mut typed = Typed::new(expr, ty);
        if self.diagnostics.len() == found
            && let (None, Some(hint), tree::ValueKind::Expr(expr)) = (&expected, &hint, &value.kind)
            && matches!(typed.ty, Type::Record(_) | Type::List(..) | Type::Map(..))
            && !self.is_step(value)
        {
            // Beside a step of a named record, what is wrong with a bare one is told field by field.
            let of_record =
                of_step && matches!(&expr.kind, ExprKind::Record(record) if record.name.is_none());
            typed = match of_record && self.program.record_of(hint.non_null()).is_some() {
                true => self.expr(expr, Some(hint)),
                false => self.retyped(expr, Some(hint), typed),
            };
        }
        let value = self.yielded(typed, value.span);
        self.emit(Statement::Yield { value });
        self.cx.point.reachable = false;
    }

    pub fn break_step(&mut self, jump: &tree::Jump, span: Span) {
        self.guarded(jump.guard.as_ref(), |check| {
            let target = |frame: &Frame| matches!(frame, Frame::Loop { .. } | Frame::Graph(_));
            if check.loop_jump("break", span, target)
                && let Some(frame) = check.innermost(target)
            {
                check.break_to(frame, span);
            }
            check.emit(Statement::Break);
        });
    }

    pub fn continue_step(&mut self, jump: &tree::Jump, span: Span) {
        self.guarded(jump.guard.as_ref(), |check| {
            let target = |frame: &Frame| matches!(frame, Frame::Loop { .. });
            if check.loop_jump("continue", span, target)
                && let Some(frame) = check.innermost(target)
            {
                let point = check.point.clone();
                let known = check.bindings.len() as u32;
                if let Frame::Loop { skips, .. } = &mut check.frames[frame]
                    && point.reachable
                    && skips.is_none()
                {
                    *skips = Some((known, span));
                }
                check.lead(Exit { frame, way: Way::Continue }, point);
            }
            check.emit(Statement::Continue);
        });
    }

    fn break_to(&mut self, frame: usize, span: Span) {
        let point = self.point.clone();
        match &mut self.frames[frame] {
            Frame::Graph(graph) if graph.is_value => {
                graph.is_broken = true;
                let diagnostic = self
                    .error(Code::MissingReturn, span, "this leaves the graph without a value")
                    .here("the graph stands where a value is needed")
                    .help("write `yield` and the value instead of `break`");
                self.report(diagnostic);
            }
            _ => self.lead(Exit { frame, way: Way::Break }, point),
        }
    }

    /// Reports a jump that leads nowhere; returns whether it leads anywhere.
    fn loop_jump(&mut self, word: &str, span: Span, target: impl Fn(&Frame) -> bool) -> bool {
        let exists = self.frames.iter().any(&target);
        match self.barrier(&target) {
            Some(what) => self.cannot_leave(word, what, span),
            None if !exists => {
                self.cx.point.vague = true;
                let diagnostic = self
                    .error(Code::JumpOutsideBlock, span, format!("there is no loop around this `{word}`"))
                    .here("outside of `loop` and `for`")
                    .help(
                        "take it out; a flow is left with `return`, a block that gives a value with `yield`",
                    );
                if !self.lost_any(&["loop", "for", "graph"]) {
                    self.report(diagnostic);
                }
            }
            None => return true,
        }
        false
    }

    pub fn fail(&mut self, fail: &tree::Goto) {
        self.guarded(fail.guard.as_ref(), |check| {
            let target = &fail.target;
            let Some(args) = &target.args else { return check.rethrow(target) };
            let kind = &target.name;
            if KINDS.contains(&kind.as_str()) || UNCAUGHT.contains(&kind.as_str()) {
                let diagnostic = check
                    .error(Code::BadErrorKind, kind.span, format!("`{}` is a built-in kind", kind.text))
                    .here("raised by the runtime only")
                    .help(format!(
                        "use a kind of your own, such as `fail {}(…)`; a caught error goes on with `fail e`",
                        own_kind(&kind.text)
                    ));
                check.report(diagnostic);
            }
            let message = match args.as_slice() {
                [] => Expr::Const(Value::string("")),
                [arg] => check.value(&arg.value, &Type::STRING, "the message"),
                [first, more, ..] => {
                    let diagnostic = check
                        .error(Code::UnknownArgument, more.value.span, "`fail` takes one message")
                        .here("one too many")
                        .help("put everything into one text: `\"… ${x}\"`");
                    check.report(diagnostic);
                    check.value(&first.value, &Type::STRING, "the message")
                }
            };
            check.emit(Statement::Fail { kind: kind.text.clone(), message });
        });
    }

    fn rethrow(&mut self, target: &tree::Target) {
        let name = &target.name;
        let expr = tree::Expr { kind: tree::ExprKind::Name(name.text.clone()), span: name.span };
        if !self.visible.contains_key(&name.text) {
            let errors: Vec<&str> = self
                .visible
                .iter()
                .filter(|(_, id)| self.bindings[**id as usize].ty == crate::cx::error_type())
                .map(|(name, _)| name.as_str())
                .collect();
            let near = self.nearest(&name.text, errors.iter().copied());
            let mut diagnostic = self
                .error(Code::UnknownName, name.span, format!("unknown name `{}`", name.text))
                .here("no error of this name is caught here");
            diagnostic = match near {
                Some(near) => diagnostic.help(format!("did you mean `{near}`?")),
                None => diagnostic
                    .help(format!("a new error has a message: `fail {}(\"…\")`", name.text))
                    .fix("add a message", self.at(Span::at(name.span.end)), "(\"\")"),
            };
            self.report(diagnostic);
            return;
        }
        let error = self.value(&expr, &crate::cx::error_type(), "`fail`");
        self.emit(Statement::Rethrow { error });
    }

    /// A point that no way leads to.
    pub fn nowhere() -> Point {
        Point::default()
    }
}

/// A kind of one's own that says much the same as a built-in one.
fn own_kind(kind: &str) -> &'static str {
    match kind {
        "timeout" => "too_slow",
        "rate_limited" => "too_many",
        "refused" | "denied" => "not_allowed",
        "exhausted" => "not_converged",
        "budget" => "too_expensive",
        "unavailable" => "not_there",
        "cancelled" => "stopped",
        _ => "not_usable",
    }
}
