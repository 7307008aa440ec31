//! Tests, evals and variants.
//!
//! In: the trees of `test`, `eval` and `variant`. Out: diagnostics, and what a test says of steps by their coordinates,
//! which is held against all flows once they are checked.

pub(crate) mod coordinates;
pub(crate) mod eval;
mod expect;
pub(crate) mod kinds;
mod lower;
mod mock;
mod variant;

use flow_diagnostics::{Code, Diagnostic};
use flow_ir::expr::SlotId;
use flow_ir::test::What;
use flow_source::{FileSpan, Span};
use flow_syntax::tree::{self, ExprKind, ItemKind, StepKind, TestPart, ValueKind};
use smol_str::SmolStr;

pub(crate) use coordinates::Mentioned;
pub(crate) use expect::is_function;

use crate::cx::Cx;
use crate::flow::{FlowCheck, root_of};
use crate::hash::HashMap;
use crate::items::TestBody;
use crate::program::{CallKind, Sig};
use crate::suggest::nearest;

/// What a test says of the program, to be held against all flows.
#[derive(Clone, Debug, Default)]
pub struct TestFacts {
    /// The coordinates that it names.
    pub(crate) mentioned: Vec<Mentioned>,
    /// The kinds of error that it expects.
    pub(crate) fails: Vec<(SmolStr, Span)>,
    /// The kinds of error that its mocks fail with.
    pub(crate) mocked_kinds: Vec<SmolStr>,
    /// What the expectation that is checked asks before its condition can be told.
    pub(crate) before: Vec<lower::Before>,
    /// The slots that hold what was asked.
    pub(crate) answers: Vec<SlotId>,
}

impl TestFacts {
    /// Whether there is nothing to be held against anything.
    pub(crate) fn is_empty(&self) -> bool {
        self.mentioned.is_empty() && self.fails.is_empty()
    }
}

/// Checks a test. Its steps need no coordinates of their own, so that a flow can be called twice; what a step gives may go
/// unread, since the step itself is what is tested.
pub(crate) fn check<'a>(cx: Cx<'a>, test: &tree::Test) -> (Cx<'a>, TestBody) {
    let mut check = FlowCheck::loose(cx);
    let mut asks = Vec::new();
    if let Some(tape) = &test.replay {
        check.file_name(tape, "a tape");
    }
    let flow = check.as_body(|check| {
        let mut last = None;
        for (index, part) in test.parts.iter().enumerate() {
            let span = match part {
                TestPart::Mock(mock) => mock.span,
                TestPart::Expect(expect) => expect.span,
                TestPart::Step(step) => step.span,
            };
            if !matches!(part, TestPart::Step(tree::Step { kind: StepKind::Error, .. })) {
                check.reached(span, last);
            }
            match part {
                TestPart::Mock(mock) => {
                    let mock = check.cx.mock(mock, index);
                    check.ask(mock.map(What::Mock), span, None, &mut asks);
                }
                TestPart::Expect(expect) => {
                    let what = check.cx.expectation(expect);
                    check.ask_before(span, &mut asks);
                    check.ask(what, span, None, &mut asks);
                }
                TestPart::Step(step) => {
                    check.statement(step);
                    check.cx.keep(step);
                    last = Some(step);
                }
            }
        }
    });
    let replay = test.replay.as_ref().map(|tape| tape.text.to_string());
    (check.cx, TestBody { title: test.title.text.to_string(), replay, flow, asks })
}

impl Cx<'_> {
    /// Takes what a step of a test is bound to as read.
    fn keep(&mut self, step: &tree::Step) {
        let StepKind::Let(binding) = &step.kind else { return };
        let is_step = match &binding.value.kind {
            ValueKind::Expr(expr) => match &root_of(expr).kind {
                ExprKind::Call(call) => {
                    matches!(self.sig_of(&call.name.text), Some(Sig::Call(sig)) if sig.kind != CallKind::Code)
                }
                ExprKind::Method(method) => match &method.receiver.kind {
                    ExprKind::Name(name) => {
                        matches!(self.sig_of(name), Some(Sig::Memory(..) | Sig::Server))
                    }
                    _ => false,
                },
                ExprKind::Index(index) => match &index.object.kind {
                    ExprKind::Name(name) => self.memory_sig(name).is_some(),
                    _ => false,
                },
                _ => false,
            },
            _ => true,
        };
        if let Some(&id) = self.visible.get(&binding.name.text)
            && is_step
        {
            self.bindings[id as usize].read = true;
        }
    }

    /// Checks the name of a file that a test or an eval reads.
    fn file_name(&mut self, name: &tree::Text, what: &str) {
        if name.text.trim().is_empty() {
            let diagnostic = self
                .error(Code::BadSetting, name.span, format!("{what} is a file"))
                .here("no name")
                .help("write its path, relative to this file");
            self.report(diagnostic);
        }
    }

    /// Reports something that is no node where one is named. `what` is what it is.
    fn no_node(&mut self, name: &str, span: Span, what: &str, help: String) {
        let diagnostic = self
            .error(Code::UnknownNode, span, format!("`{name}` is {what}, not a node"))
            .here("no node or flow")
            .help(help);
        self.report(diagnostic);
    }

    /// Reports a name that no node or flow has, unless what it stands for failed.
    fn unknown_step(&mut self, name: &str, span: Span) {
        if self.is_broken(name) {
            return;
        }
        let near = self.nearest(name, self.steps_like(name));
        let mut diagnostic = self
            .error(Code::UnknownNode, span, format!("unknown node `{name}`"))
            .here("not declared or imported in this file");
        diagnostic = match near {
            Some(near) => {
                self.used.insert(SmolStr::from(near));
                diagnostic.similar("node", name, near, self.at(span))
            }
            None => diagnostic.help("name a node or flow of this file, or import it from another one"),
        };
        self.report(diagnostic);
    }

    /// Says what a name that is no node stands for: "a model".
    fn kind_of(&self, name: &str) -> Option<&'static str> {
        match self.sig_of(name)? {
            Sig::Call(sig) if sig.kind == CallKind::Code => Some("pure code"),
            Sig::Call(_) | Sig::Error => None,
            Sig::Const(..) => Some("a constant"),
            Sig::Model(_) => Some("a model"),
            Sig::Memory(..) => Some("a memory"),
            Sig::Server => Some("a server"),
            Sig::Other => Some("a declaration"),
        }
    }
}

/// Reports titles that two tests of a file have.
pub(crate) fn titles(file: &tree::File, diagnostics: &mut Vec<Diagnostic>) {
    let mut first: HashMap<&SmolStr, FileSpan> = HashMap::default();
    for item in &file.items {
        let ItemKind::Test(test) = &item.kind else { continue };
        let at = item.locate(file.file, test.title.span);
        match first.get(&test.title.text) {
            Some(first) => diagnostics.push(
                Diagnostic::new(
                    Code::DuplicateName,
                    at,
                    format!("two tests have the title `{}`", test.title.text),
                )
                .here("the second one")
                .label(*first, "the first one")
                .help("say in the title what each of them is about"),
            ),
            None => {
                first.insert(&test.title.text, at);
            }
        }
    }
}

/// The nearest of some names, none of which is a name of the module.
fn near<'n>(name: &str, names: &[&'n str]) -> Option<&'n str> {
    nearest(name, names.iter().copied())
}
