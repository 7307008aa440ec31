//! Expectations, and the functions that exist only in them: `calls(x)`, `cost()`, `fails(call, kind)`, `steps(x)`.

use flow_diagnostics::Code;
use flow_ir::plan::{Step, Target};
use flow_ir::test::{Expect, Subject, What};
use flow_ir::{Expr, Type};
use flow_source::Span;
use flow_syntax::tree::{self, Arg, ExprKind, Literal};
use smol_str::SmolStr;

use super::Mentioned;
use super::lower::{self, Before, Question};
use crate::cx::{Cx, Typed, Use};
use crate::expr::CallTarget;
use crate::program::{CallKind, Sig};

/// The functions of expectations, and how they are written.
const FUNCTIONS: [(&str, &str); 4] = [
    ("calls", "calls(node)"),
    ("cost", "cost()"),
    ("fails", "fails(node(x), kind)"),
    ("steps", "steps(a) before steps(b)"),
];

/// Whether a name is that of a function of expectations.
pub(crate) fn is_function(name: &str) -> bool {
    FUNCTIONS.iter().any(|(own, _)| *own == name)
}

impl Cx<'_> {
    /// Checks `expect calls(draft) == 2` and `expect steps(a) before steps(b)`.
    pub(super) fn expectation(&mut self, expect: &tree::Expect) -> Option<What> {
        self.hoist = Some(expect.span);
        self.locals = 0;
        self.in_expect = true;
        let what = match &expect.before {
            Some(later) => {
                let (first, later) = (self.side(&expect.condition), self.side(later));
                first.zip(later).map(|(first, later)| What::Before { first, later })
            }
            None => {
                let condition = self.condition(&expect.condition);
                let parts = self.parts(&expect.condition);
                // What fails ends the test's way: behind it the condition holds.
                self.assume(&expect.condition, true);
                Some(What::Expect(Expect { condition, parts }))
            }
        };
        self.in_expect = false;
        what
    }

    /// A side of `before`.
    fn side(&mut self, side: &tree::Expr) -> Option<Subject> {
        match &side.kind {
            ExprKind::Call(call) if call.name.text == "steps" => {
                return self.named_step(&call.args, "steps", call.name.span);
            }
            ExprKind::Error => self.lost = true,
            kind => {
                let node = match kind {
                    ExprKind::Name(name) => self.callable(name).is_some(),
                    ExprKind::Literal(Literal::String(_)) => true,
                    _ => false,
                };
                let mut diagnostic = self
                    .error(Code::TypeMismatch, side.span, "`before` compares steps")
                    .here("no steps")
                    .help("write `expect steps(a) before steps(b)`");
                if node {
                    let text = format!("steps({})", self.text(side.span));
                    diagnostic = diagnostic.fix(format!("write `{text}`"), self.at(side.span), text);
                } else {
                    self.quietly(side);
                }
                self.report(diagnostic);
            }
        }
        None
    }

    /// Checks a call of a function of expectations; `None` if it is none, or one that the program declares.
    pub fn test_function(&mut self, call: &tree::Call, span: Span) -> Option<Typed> {
        let name = call.name.as_str();
        let (_, form) = FUNCTIONS.iter().find(|(own, _)| *own == name)?;
        let declared = match self.sig_of(name) {
            Some(Sig::Call(sig)) => !self.in_expect || sig.kind == CallKind::Code,
            Some(Sig::Error) => true,
            _ => false,
        };
        if declared {
            return None;
        }
        if !self.in_expect {
            for arg in &call.args {
                self.quietly(&arg.value);
            }
            let diagnostic = self
                .error(
                    Code::UnknownFunction,
                    call.name.span,
                    format!("`{name}` belongs to `expect` in a test"),
                )
                .here("not known here")
                .help(format!(
                    "write it in a test: `expect {form}{}`",
                    if name == "calls" { " == 1" } else { "" }
                ));
            self.report(diagnostic);
            return Some(Typed::poison());
        }
        // What is looked at again, to be shown, was asked already.
        if let Some(before) = self.test.before.iter().find(|before| before.span == span) {
            let ty = self.slots[before.slot as usize].ty.clone();
            return Some(Typed::new(Expr::Slot(before.slot), ty));
        }
        let question;
        let ty = match name {
            "calls" => {
                question = self.named_step(&call.args, "calls", call.name.span).map(Question::Calls);
                Type::INT
            }
            "cost" => {
                if let Some(first) = call.args.first() {
                    self.quietly(&first.value);
                    let diagnostic = self
                        .error(Code::UnknownArgument, first.value.span, "`cost` takes nothing")
                        .here("one too many")
                        .help("`cost()` is what the test has spent so far, in dollars");
                    self.report(diagnostic);
                }
                question = Some(Question::Cost);
                Type::FLOAT
            }
            "fails" => {
                question = self.failing(call);
                Type::Bool
            }
            _ => {
                self.named_step(&call.args, "steps", call.name.span);
                let diagnostic = self
                    .error(Code::TypeMismatch, span, "`steps` stands beside `before`")
                    .here("alone it is no value")
                    .help("say what comes first: `expect steps(a) before steps(b)`; `calls(a)` counts")
                    .fix("write `calls`", self.at(call.name.span), "calls");
                self.report(diagnostic);
                return Some(Typed::poison());
            }
        };
        let slot = self.slot(SmolStr::from(format!("${name}")), ty.clone());
        if let Some(question) = question {
            self.test.before.push(Before { question, slot, span });
        }
        Some(Typed::new(Expr::Slot(slot), ty))
    }

    /// The node or coordinate in `calls(draft)`, `steps("flow/polish[0]/text")`.
    fn named_step(&mut self, args: &[Arg], function: &str, span: Span) -> Option<Subject> {
        let help = format!("name a node or a coordinate: `{function}(draft)`, `{function}(\"flow/step\")`");
        let [one] = args else {
            args.iter().for_each(|arg| {
                self.quietly(&arg.value);
            });
            let diagnostic = match args.get(1) {
                None => self.error(Code::MissingArgument, span, format!("`{function}` of what?")).help(help),
                Some(more) => self
                    .error(Code::UnknownArgument, more.value.span, format!("`{function}` takes one node"))
                    .here("one too many")
                    .help(help),
            };
            self.report(diagnostic);
            return None;
        };
        let expr = &one.value;
        match &expr.kind {
            ExprKind::Literal(Literal::String(text)) => {
                self.test.mentioned.push(Mentioned { text: text.clone(), span: expr.span, value: None });
                return Some(Subject::At(text.clone()));
            }
            ExprKind::Name(name) => return self.counted(name, expr.span),
            // What a memory or a server does: `calls(seen.get)`.
            ExprKind::Member(member)
                if matches!(&member.object.kind, ExprKind::Name(owner)
                    if matches!(self.sig_of(owner), Some(Sig::Memory(..) | Sig::Server))) =>
            {
                if let ExprKind::Name(owner) = &member.object.kind {
                    self.some_call(&super::mock::operation(owner, member.object.span, &member.name));
                    self.not_runnable.push((expr.span, format!("`{}`", self.text(expr.span))));
                }
            }
            ExprKind::Call(call) if self.callable(&call.name.text).is_some() => {
                call.args.iter().for_each(|arg| {
                    self.quietly(&arg.value);
                });
                let name = call.name.text.clone();
                let diagnostic = self
                    .error(Code::TypeMismatch, expr.span, format!("`{function}` takes a node, not a call"))
                    .here("a call")
                    .help(format!("write `{function}({name})`: it looks at all calls of the node"))
                    .fix(format!("write `{name}`"), self.at(expr.span), name);
                self.report(diagnostic);
            }
            ExprKind::Error => self.lost = true,
            _ => {
                self.quietly(expr);
                let diagnostic = self
                    .error(
                        Code::TypeMismatch,
                        expr.span,
                        format!("`{function}` takes a node or a coordinate"),
                    )
                    .here("neither")
                    .help(help);
                self.report(diagnostic);
            }
        }
        None
    }

    fn counted(&mut self, name: &SmolStr, span: Span) -> Option<Subject> {
        let subject = self.subject(name, span);
        if subject.is_some() {
            return subject;
        }
        if let Some(&id) = self.visible.get(name) {
            self.bindings[id as usize].read = true;
        }
        match self.kind_of(name) {
            Some(what) => {
                self.used.insert(name.clone());
                let help =
                    "only what has effects is a step: prompts, agents, tools, people, events and flows";
                self.no_node(name, span, what, help.into());
            }
            None => self.unknown_step(name, span),
        }
        None
    }

    /// `fails(write_article("x"), timeout)`
    fn failing(&mut self, call: &tree::Call) -> Option<Question> {
        let help = "write `fails(node(x), kind)`";
        match call.args.as_slice() {
            [tested, kind] => {
                if self.in_macro {
                    self.call_in_macro(&tested.value);
                }
                let step = self.tested(&tested.value);
                let kind = self.failure_kind(&kind.value);
                return step.zip(kind).map(|(step, kind)| Question::Fails { step, kind });
            }
            [] | [_] => {
                call.args.iter().for_each(|arg| {
                    self.tested(&arg.value);
                });
                let missing =
                    if call.args.is_empty() { "a call and a kind of error" } else { "a kind of error" };
                let diagnostic = self
                    .error(Code::MissingArgument, call.name.span, format!("`fails` needs {missing}"))
                    .here("called without")
                    .help(help);
                self.report(diagnostic);
            }
            [tested, kind, more, ..] => {
                self.tested(&tested.value);
                self.failure_kind(&kind.value);
                let diagnostic = self
                    .error(Code::UnknownArgument, more.value.span, "`fails` takes a call and a kind of error")
                    .here("one too many")
                    .help(help);
                self.report(diagnostic);
            }
        }
        None
    }

    /// A call can't be made for each element.
    fn call_in_macro(&mut self, call: &tree::Expr) {
        let diagnostic = self
            .error(Code::EffectInExpression, call.span, "a call can't be made for each element")
            .here("an effect in a macro")
            .help("write an expectation for each call");
        self.report(diagnostic);
    }

    /// The call that is expected to fail.
    fn tested(&mut self, expr: &tree::Expr) -> Option<Step> {
        match self.target(expr) {
            Some(CallTarget::Step(symbol, sig)) => {
                let ExprKind::Call(call) = &expr.kind else { return None };
                let place = call.name.span;
                let args = self.arguments(&sig.params_of(), &call.args, &call.name.text, place);
                let target = match sig.kind {
                    CallKind::Flow => Target::Flow(self.uses.add(Use::Flow(symbol), place)),
                    _ => Target::Node(self.uses.add(Use::Node(symbol), place)),
                };
                return Some(lower::call(call.name.text.clone(), target, args));
            }
            Some(CallTarget::Foreign(ty, what)) => {
                self.foreign_call(expr, ty);
                self.not_runnable.push((expr.span, what));
            }
            None => match &expr.kind {
                ExprKind::Call(call)
                    if self.callable(&call.name.text).is_none()
                        && flow_expr::functions::lookup(&call.name.text, false).next().is_none() =>
                {
                    call.args.iter().for_each(|arg| {
                        self.quietly(&arg.value);
                    });
                    if self.module.scope.contains_key(&call.name.text) {
                        self.is_broken(&call.name.text);
                    } else {
                        self.unknown_step(&call.name.text, call.name.span);
                    }
                }
                ExprKind::Error => self.lost = true,
                _ => {
                    self.quietly(expr);
                    let diagnostic = self
                        .error(Code::TypeMismatch, expr.span, "`fails` takes a call of a node or flow")
                        .here("no such call")
                        .help("write `fails(node(x), kind)`: the call is made here");
                    self.report(diagnostic);
                }
            },
        }
        None
    }

    fn failure_kind(&mut self, expr: &tree::Expr) -> Option<SmolStr> {
        let (help, edit) = match &expr.kind {
            ExprKind::Name(name) => {
                self.test.fails.push((name.clone(), expr.span));
                return Some(name.clone());
            }
            ExprKind::Error => {
                self.lost = true;
                return None;
            }
            ExprKind::Literal(Literal::String(text)) => {
                let is_word = text.starts_with(|c: char| c.is_ascii_lowercase())
                    && text.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_');
                ("write the kind without quotes", is_word.then(|| text.clone()))
            }
            ExprKind::Call(call) => ("write the kind alone, without a message", Some(call.name.text.clone())),
            _ => ("name a kind of error, such as `timeout`", None),
        };
        let mut diagnostic = self
            .error(Code::TypeMismatch, expr.span, "`fails` takes a kind of error")
            .here("no kind")
            .help(help);
        if let Some(edit) = edit {
            diagnostic = diagnostic.fix(format!("write `{edit}`"), self.at(expr.span), edit);
        }
        self.report(diagnostic);
        None
    }
}
