//! Tests as plans: what a test asks of whoever runs it stands in its body as calls of flows without a body.

use flow_ir::expr::SlotId;
use flow_ir::plan::{Catch, CatchArm, Statement, Step, Target, With};
use flow_ir::test::{ASKS_FROM, Ask, Given, Part, Subject, What};
use flow_ir::{Expr, Type, Value};
use flow_source::Span;
use flow_syntax::tree::{self, Arg, BinaryOp, Entry, ExprKind, Key};
use smol_str::SmolStr;

use crate::cx::{Cx, Place, Use, error_type};
use crate::flow::FlowCheck;
use crate::program::CallKind;
use crate::work::{KINDS, UNCAUGHT};

/// Parts of a condition that are shown at most.
const PARTS_MAX: usize = 40;

/// What an expectation asks before its condition can be told.
#[derive(Clone, Debug)]
pub(crate) struct Before {
    pub question: Question,
    /// Where the answer goes.
    pub slot: SlotId,
    /// `calls(draft)`.
    pub span: Span,
}

/// What is asked.
#[derive(Clone, Debug)]
#[allow(clippy::large_enum_variant, reason = "a test asks few questions")]
pub(crate) enum Question {
    Calls(Subject),
    Cost,
    Fails { step: Step, kind: SmolStr },
}

/// Returns a call without clauses.
pub(super) fn call(segment: SmolStr, target: Target, args: Vec<Expr>) -> Step {
    Step { segment, target, args, with: With::default(), into: None, extract: None, catch: None, undo: None }
}

impl FlowCheck<'_> {
    /// Asks something of whoever runs the test. Nothing is asked that couldn't be read.
    pub(super) fn ask(&mut self, what: Option<What>, span: Span, into: Option<SlotId>, asks: &mut Vec<Ask>) {
        let Some(what) = what else { return };
        let slots = self.cx.known_slots();
        let args = slots.iter().copied().map(Expr::Slot).collect();
        let target = Target::Flow(ASKS_FROM + asks.len() as u32);
        asks.push(Ask { slots, what, span });
        let step = Step { into, ..call(SmolStr::new_static("$ask"), target, args) };
        self.emit(Statement::Step(Box::new(step)));
    }

    /// Asks what an expectation needs to know.
    pub(super) fn ask_before(&mut self, span: Span, asks: &mut Vec<Ask>) {
        for Before { question, slot, .. } in std::mem::take(&mut self.cx.test.before) {
            match question {
                Question::Calls(of) => self.ask(Some(What::Calls(of)), span, Some(slot), asks),
                Question::Cost => self.ask(Some(What::Cost), span, Some(slot), asks),
                Question::Fails { step, kind } => {
                    let error = self.cx.slot("$error", error_type().nullable());
                    self.emit(Statement::Set { slot: error, value: Expr::Const(Value::Null) });
                    let catch = Some(self.catch_all(error));
                    self.emit(Statement::Step(Box::new(Step { catch, ..step })));
                    self.cx.test.answers.push(error);
                    self.ask(Some(What::Fails { kind, error }), span, Some(slot), asks);
                }
            }
            self.cx.test.answers.push(slot);
        }
    }

    /// Arms that take every error, also those that nothing else catches.
    fn catch_all(&mut self, error: SlotId) -> Catch {
        let mut arm = |kinds: &[&'static str]| {
            let (block, ()) = self.in_block(|_| ());
            let kinds = kinds.iter().map(|kind| SmolStr::new_static(kind)).collect();
            CatchArm { segment: None, kinds, bind: Some(error), block }
        };
        Catch { arms: vec![arm(&KINDS), arm(&UNCAUGHT), arm(&[])], into: None }
    }
}

impl Cx<'_> {
    /// The slots that a test may read here: what it has bound, and what was asked.
    fn known_slots(&self) -> Vec<SlotId> {
        let bound = self.visible.values().filter_map(|id| match self.bindings[*id as usize].place {
            Place::Slot(slot) => Some(slot),
            Place::Local(_) => None,
        });
        let mut slots: Vec<SlotId> = bound.chain(self.test.answers.iter().copied()).collect();
        slots.sort_unstable();
        slots.dedup();
        slots
    }

    /// Says what a name stands for, if it is something that a test can mock or count.
    pub(super) fn subject(&mut self, name: &SmolStr, span: Span) -> Option<Subject> {
        if let Some((symbol, sig)) = self.callable(name) {
            return match sig.kind {
                CallKind::Code => None,
                CallKind::Flow => Some(Subject::Flow(self.uses.add(Use::Flow(symbol), span))),
                _ => Some(Subject::Node(self.uses.add(Use::Node(symbol), span))),
            };
        }
        let built_in = flow_ir::plan::BuiltIn::ALL.into_iter().find(|known| known.name() == name.as_str())?;
        if self.module.scope.contains_key(name) {
            return None;
        }
        Some(Subject::Node(self.uses.add(Use::BuiltIn(built_in), span)))
    }

    /// The arguments that a mock is for, by the number of their parameter.
    pub(super) fn given(&mut self, params: &[crate::expr::Param], args: &[Arg]) -> Vec<(u32, Given)> {
        let mut given = Vec::with_capacity(args.len());
        for (position, arg) in args.iter().enumerate() {
            let index = match &arg.name {
                None => Some(position).filter(|position| *position < params.len()),
                Some(named) => params.iter().position(|param| param.name == named.text),
            };
            if let Some(index) = index {
                given.push((index as u32, self.some_value(&arg.value, Some(&params[index].ty))));
            }
        }
        given
    }

    /// A value of which, where a record is written out, only some fields are given.
    fn some_value(&mut self, expr: &tree::Expr, ty: Option<&Type>) -> Given {
        let entries = match &expr.kind {
            ExprKind::Record(record) => record.entries.iter().map(|entry| match entry {
                Entry::Pair { optional: false, key: Key::Name(key), value } => Some((key, value)),
                _ => None,
            }),
            _ => return Given::Is(self.quietly_as(expr, ty)),
        };
        let Some(entries) = entries.collect::<Option<Vec<_>>>() else {
            return Given::Is(self.quietly_as(expr, ty));
        };
        let fields = ty.and_then(|ty| self.program.record_of(ty.non_null())).cloned();
        let mut given = Vec::with_capacity(entries.len());
        for (key, value) in entries {
            let known =
                fields.as_ref().and_then(|record| record.fields.iter().find(|field| field.name == key.text));
            given.push((key.text.clone(), self.some_value(value, known.map(|field| &field.ty))));
        }
        Given::Has(given)
    }

    fn quietly_as(&mut self, expr: &tree::Expr, ty: Option<&Type>) -> Expr {
        let found = self.diagnostics.len();
        let typed = self.expr(expr, ty);
        self.diagnostics.truncate(found);
        typed.expr
    }

    /// The parts of a condition that have a value worth showing, outer ones before inner ones.
    pub(super) fn parts(&mut self, condition: &tree::Expr) -> Vec<Part> {
        let mut parts = Vec::new();
        let facts = self.point.facts.len();
        self.part(condition, true, &mut parts);
        self.point.facts.truncate(facts);
        parts.truncate(PARTS_MAX);
        parts
    }

    fn part(&mut self, expr: &tree::Expr, is_whole: bool, parts: &mut Vec<Part>) {
        let is_shown = match &expr.kind {
            ExprKind::Literal(_)
            | ExprKind::TypeName(_)
            | ExprKind::Template(_)
            | ExprKind::List(_)
            | ExprKind::Record(_)
            | ExprKind::Error => false,
            // `Kind.billing` says what it is.
            ExprKind::Member(member) => !matches!(member.object.kind, ExprKind::TypeName(_)),
            _ => !is_whole,
        };
        if is_shown {
            let found = self.diagnostics.len();
            let typed = self.expr(expr, None);
            let is_good = self.diagnostics.len() == found && !matches!(typed.ty, Type::Error);
            self.diagnostics.truncate(found);
            if is_good && typed.constant().is_none() {
                let anchor = match &expr.kind {
                    ExprKind::Binary(binary) => binary.op_span,
                    ExprKind::Member(member) => member.name.span,
                    ExprKind::Method(method) => method.name.span,
                    _ => expr.span,
                };
                parts.push(Part { span: expr.span, anchor, value: typed.expr });
            }
        }
        match &expr.kind {
            ExprKind::Binary(binary) => {
                self.part(&binary.left, false, parts);
                let facts = self.point.facts.len();
                match binary.op {
                    BinaryOp::And => self.assume(&binary.left, true),
                    BinaryOp::Or => self.assume(&binary.left, false),
                    _ => {}
                }
                self.part(&binary.right, false, parts);
                self.point.facts.truncate(facts);
            }
            // What is asked is shown whole; what a macro computes for each element has no one value.
            ExprKind::Call(call) if super::is_function(&call.name.text) => {}
            ExprKind::Method(method) => {
                self.part(&method.receiver, false, parts);
                let is_macro = flow_expr::functions::macros(&method.name.text).next().is_some();
                if !is_macro {
                    method.args.iter().for_each(|arg| self.part(&arg.value, false, parts));
                }
            }
            ExprKind::Call(call) if flow_expr::functions::macros(&call.name.text).next().is_some() => {}
            ExprKind::Member(member) => self.part(&member.object, false, parts),
            _ => crate::sig::children(expr, &mut |child| self.part(child, false, parts)),
        }
    }
}
