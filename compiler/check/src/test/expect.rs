//! Expectations, and the functions that exist only in them: `calls(x)`, `cost()`, `fails(call, kind)`, `steps(x)`.

use flow_diagnostics::Code;
use flow_ir::{Expr, Type};
use flow_source::Span;
use flow_syntax::tree::{self, Arg, ExprKind, Literal};
use smol_str::SmolStr;

use super::Mentioned;
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
    pub(super) fn expectation(&mut self, expect: &tree::Expect) {
        self.hoist = Some(expect.span);
        self.in_expect = true;
        match &expect.before {
            Some(later) => {
                for side in [&expect.condition, later] {
                    self.side(side);
                }
            }
            None => {
                self.condition(&expect.condition);
                // What fails ends the test's way: behind it the condition holds.
                self.assume(&expect.condition, true);
            }
        }
        self.in_expect = false;
    }

    /// A side of `before`.
    fn side(&mut self, side: &tree::Expr) {
        match &side.kind {
            ExprKind::Call(call) if call.name.text == "steps" => {
                self.named_step(&call.args, "steps", call.name.span);
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
        let ty = match name {
            "calls" => {
                self.named_step(&call.args, "calls", call.name.span);
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
                Type::FLOAT
            }
            "fails" => {
                self.failing(call);
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
        Some(Typed::new(Expr::Slot(slot), ty))
    }

    /// The node or coordinate in `calls(draft)`, `steps("flow/polish[0]/text")`.
    fn named_step(&mut self, args: &[Arg], function: &str, span: Span) {
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
            return;
        };
        let expr = &one.value;
        match &expr.kind {
            ExprKind::Literal(Literal::String(text)) => {
                self.test.mentioned.push(Mentioned { text: text.clone(), span: expr.span, value: None });
            }
            ExprKind::Name(name) => self.counted(name, expr.span),
            // What a memory or a server does: `calls(seen.get)`.
            ExprKind::Member(member)
                if matches!(&member.object.kind, ExprKind::Name(owner)
                    if matches!(self.sig_of(owner), Some(Sig::Memory(..) | Sig::Server))) =>
            {
                if let ExprKind::Name(owner) = &member.object.kind {
                    self.some_call(&super::mock::operation(owner, member.object.span, &member.name));
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
    }

    fn counted(&mut self, name: &SmolStr, span: Span) {
        if self.callable(name).is_some_and(|(_, sig)| sig.kind != CallKind::Code)
            || matches!(name.as_str(), "now" | "random" | "uuid") && !self.module.scope.contains_key(name)
        {
            return;
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
    }

    /// `fails(write_article("x"), timeout)`
    fn failing(&mut self, call: &tree::Call) {
        let help = "write `fails(node(x), kind)`";
        match call.args.as_slice() {
            [tested, kind] => {
                self.tested(&tested.value);
                self.failure_kind(&kind.value);
            }
            [] | [_] => {
                call.args.iter().for_each(|arg| self.tested(&arg.value));
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
    }

    /// The call that is expected to fail.
    fn tested(&mut self, expr: &tree::Expr) {
        match self.target(expr) {
            Some(CallTarget::Step(symbol, sig)) => {
                let ExprKind::Call(call) = &expr.kind else { return };
                let place = call.name.span;
                self.arguments(&sig.params_of(), &call.args, &call.name.text, place);
                self.uses.add(
                    match sig.kind {
                        CallKind::Flow => Use::Flow(symbol),
                        _ => Use::Node(symbol),
                    },
                    place,
                );
            }
            Some(CallTarget::Foreign(ty, _)) => {
                self.foreign_call(expr, ty);
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
    }

    fn failure_kind(&mut self, expr: &tree::Expr) {
        let (help, edit) = match &expr.kind {
            ExprKind::Name(name) => {
                self.test.fails.push((name.clone(), expr.span));
                return;
            }
            ExprKind::Error => {
                self.lost = true;
                return;
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
    }
}
