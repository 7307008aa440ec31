//! `saga` and `undo` (S12).

use flow_diagnostics::Code;
use flow_ir::Type;
use flow_ir::expr::SlotId;
use flow_ir::plan::{Statement, Step, Target, Undo, With};
use flow_source::Span;
use flow_syntax::tree::{self, ExprKind, ValueKind};
use smol_str::SmolStr;

use super::FlowCheck;
use super::step::root_of;
use crate::coordinates::Naming;
use crate::cx::{BindingKind, Place, Point, Use};
use crate::expr::CallTarget;
use crate::program::CallKind;
use crate::writers::{Danger, WriterCall};

/// The segment of a compensation, beneath its step (C8).
const UNDO: &str = "undo";

impl FlowCheck<'_> {
    pub fn saga(&mut self, block: &tree::Block) {
        self.sagas += 1;
        let block = self.plain_block(block);
        self.sagas -= 1;
        self.emit(Statement::Saga { block });
    }

    /// Reports `undo` after what isn't one call: nothing of it is undone as a whole.
    pub fn no_undo(&mut self, value: &tree::Value) {
        let Some(undo) = &value.undo else { return };
        let (what, help) = match &value.kind {
            ValueKind::Expr(_) => (
                "a pure value",
                "take the `undo` out, with its call: nothing happens here that could be undone",
            ),
            ValueKind::Do(_) => ("a `do`", "give each call in it an `undo` of its own"),
            ValueKind::Race(_) => ("a `race`", "give the calls in it an `undo` of their own"),
            ValueKind::ParallelFor(_) => ("a `parallel for`", "give the calls in it an `undo` of their own"),
            ValueKind::Route(_) => ("a `route`", "give the calls in it an `undo` of their own"),
            ValueKind::Graph(_) => ("a `graph`", "give the calls in it an `undo` of their own"),
        };
        let diagnostic = self
            .error(Code::BadCompensation, undo.span, format!("`undo` does not follow {what}"))
            .here("compensates a call of a node or flow")
            .help(help);
        self.report(diagnostic);
        self.mention(undo);
    }

    /// What is named in a part that isn't checked is used all the same.
    pub fn mention(&mut self, expr: &tree::Expr) {
        if let ExprKind::Name(name) = &expr.kind
            && let Some(&id) = self.visible.get(name)
        {
            self.bindings[id as usize].read = true;
        }
        if let ExprKind::Call(call) = &expr.kind {
            self.callable(&call.name.text);
        }
        crate::sig::children(expr, &mut |child| self.mention(child));
    }

    /// Checks the compensation of a call: `undo void_payment(order.id)`. It sees what is bound before the step, and
    /// `result`, which is null if the step's outcome isn't known.
    pub fn undo(
        &mut self,
        undo: &tree::Expr,
        segment: &SmolStr,
        own: Option<&SmolStr>,
        result_type: &Type,
        before: Point,
        is_free: bool,
    ) -> Option<Box<Undo>> {
        if self.sagas == 0 && !self.lost_any(&["saga"]) {
            let diagnostic = self
                .error(Code::UndoOutsideSaga, undo.span, "there is no saga around this `undo`")
                .here("nothing would ever run it")
                .help(format!(
                    "put the steps that belong together into a block: `saga {{ … undo {} … }}`; what uses their results stands in it, too",
                    self.shown(undo.span)
                ));
            self.report(diagnostic);
        }
        self.hoist = None;
        let after = std::mem::replace(&mut self.cx.point, before);
        let call = self.scoped(|check| {
            let result = check.result(undo, result_type);
            if let Some(own) = own {
                check.own_name(undo, own, result_type);
            }
            check.compensation(undo, segment, is_free).map(|call| Box::new(Undo { call, result }))
        });
        self.cx.point = after;
        call
    }

    /// Binds `result`, and reports one of the flow's own that is meant or hidden.
    fn result(&mut self, undo: &tree::Expr, ty: &Type) -> SlotId {
        let named = tree::Name { text: "result".into(), span: undo.span };
        let mut ty = ty.clone().nullable();
        if let Some(&other) = self.visible.get("result")
            && let Some(span) = read_of(undo, "result")
        {
            let first = self.at(self.bindings[other as usize].span);
            let diagnostic = self
                .error(Code::DuplicateName, span, "`result` is two things here")
                .here("in `undo` it is what the step gave")
                .label(first, "and this is one, too")
                .help(format!(
                    "give yours another name, such as `{}`: `result` in `undo` is always what the step gave",
                    self.other_name("result")
                ));
            self.report(diagnostic);
            ty = Type::Error;
        }
        let slot = self.slot("result", ty.clone());
        self.bind_unchecked(&named, ty, BindingKind::Variable, Place::Slot(slot));
        slot
    }

    /// Reports the name that the step itself binds, once.
    fn own_name(&mut self, undo: &tree::Expr, own: &SmolStr, ty: &Type) {
        let Some(span) = read_of(undo, own).filter(|_| !self.visible.contains_key(own)) else { return };
        let diagnostic = self
            .error(Code::UnknownName, span, format!("`{own}` isn't bound yet where its `undo` is registered"))
            .here("known only after the step")
            .help(format!(
                "in `undo` the step's result is `result`, a `{}`: null if the outcome isn't known. Use it with `??`, or what \
                 the step was called with",
                ty.clone().nullable()
            ));
        self.report(diagnostic);
        let name = tree::Name { text: own.clone(), span: undo.span };
        let slot = self.slot(own.clone(), Type::Error);
        self.bind_unchecked(&name, Type::Error, BindingKind::Variable, Place::Slot(slot));
        self.cx.read_early = Some(own.clone());
    }

    fn compensation(&mut self, undo: &tree::Expr, segment: &SmolStr, is_free: bool) -> Option<Step> {
        let root = root_of(undo);
        let target = self.target(root);
        let args = match &root.kind {
            ExprKind::Call(call) => &call.args,
            ExprKind::Method(method) => &method.args,
            _ => {
                self.no_compensation(undo);
                return None;
            }
        };
        let Some(target) = target else {
            if let ExprKind::Call(call) = &root.kind
                && self.means_node(&call.name.text)
            {
                args.iter().for_each(|arg| {
                    self.expr(&arg.value, None);
                });
                self.unknown_call(&call.name.text, call.name.span, Code::UnknownNode);
                return None;
            }
            self.no_compensation(undo);
            return None;
        };
        if !std::ptr::eq(root, undo) {
            let end = Span::new(root.span.end, undo.span.end);
            let diagnostic = self
                .error(Code::BadCompensation, end, "nothing takes the result of a compensation")
                .here("read and dropped")
                .help(format!("take `{}` out", self.shown(end)))
                .fix("remove it", self.at(end), "");
            self.report(diagnostic);
        }
        let mut flow = None;
        let call = match target {
            CallTarget::Step(symbol, sig) => {
                let ExprKind::Call(call) = &root.kind else { return None };
                let args = self.arguments(&sig.params_of(), args, &call.name.text, call.name.span);
                let target = match sig.kind {
                    CallKind::Flow => {
                        flow = Some(symbol.clone());
                        Target::Flow(self.uses.add(Use::Flow(symbol.clone()), call.name.span))
                    }
                    _ => Target::Node(self.uses.add(Use::Node(symbol.clone()), call.name.span)),
                };
                if self.sagas > 0 {
                    let call = WriterCall { symbol, span: root.span, danger: Danger::Compensation };
                    self.cx.writer_calls.push(call);
                }
                Some(Step {
                    segment: UNDO.into(),
                    target,
                    args,
                    with: With::default(),
                    into: None,
                    extract: None,
                    catch: None,
                    undo: None,
                })
            }
            CallTarget::Foreign(ty, what) => {
                self.foreign_call(root, ty);
                self.not_runnable.push((root.span, what));
                None
            }
        };
        // Where the step's own place is taken, that is reported already.
        if is_free {
            self.coordinate(&format!("{segment}/{UNDO}"), root.span, Naming::Fixed, flow);
        }
        call
    }

    fn no_compensation(&mut self, undo: &tree::Expr) {
        if matches!(root_of(undo).kind, ExprKind::Error) {
            self.cx.lost = true;
            return;
        }
        let found = self.diagnostics.len();
        self.expr(undo, None);
        if self.diagnostics.len() > found
            || self
                .item
                .lost
                .iter()
                .any(|lost| undo.span.end + 1 >= lost.start && lost.end + 1 >= undo.span.start)
        {
            return;
        }
        let diagnostic = self
            .error(Code::BadCompensation, undo.span, "this compensation does nothing")
            .here("calls no node and no flow")
            .help("call a tool or flow that takes the step back, `undo cancel(id)`, or take the `undo` out");
        self.report(diagnostic);
    }
}

/// Returns where an expression reads a name.
fn read_of(expr: &tree::Expr, wanted: &str) -> Option<Span> {
    if matches!(&expr.kind, ExprKind::Name(name) if name == wanted) {
        return Some(expr.span);
    }
    let mut found = None;
    crate::sig::children(expr, &mut |child| found = found.or_else(|| read_of(child, wanted)));
    found
}
