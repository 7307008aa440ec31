//! Mocks: `mock draft => "first"`, `mock rewrite(text: "x") => fail timeout("slow") after 2s`.

use flow_diagnostics::Code;
use flow_ir::Type;
use flow_ir::test::{Given, Mock, Outcome, Subject};
use flow_source::Span;
use flow_syntax::tree::{self, Arg, ExprKind, MockOutcome, MockTarget};
use smol_str::SmolStr;

use super::Mentioned;
use super::coordinates::MockValue;
use crate::cx::{Cx, Typed};
use crate::expr::CallTarget;
use crate::program::{CallKind, Sig};

/// A node that is mocked: how a message calls it, and what it returns.
struct Mocked {
    name: String,
    returns: Type,
    /// `None` of what can't run yet.
    of: Option<Subject>,
    given: Vec<(u32, Given)>,
}

impl Cx<'_> {
    /// Checks a mock. It serves from where it stands on, so it may name what is bound before it.
    pub(super) fn mock(&mut self, mock: &tree::Mock, part: usize) -> Option<Mock> {
        self.hoist = Some(mock.span);
        self.locals = 0;
        let (of, given, outcome) = match &mock.target {
            MockTarget::Coordinate(text) => {
                let outcome = self.mock_at(text, &mock.outcome, part);
                (Some(Subject::At(text.text.clone())), Vec::new(), outcome)
            }
            MockTarget::Node(target) => {
                let mocked = self.mocked(target);
                let outcome = match (&mock.outcome, &mocked) {
                    (MockOutcome::Value(value), Some(mocked)) => {
                        let what = format!("the result of `{}`", mocked.name);
                        Outcome::Value(self.value(value, &mocked.returns, &what))
                    }
                    (MockOutcome::Value(value), None) => Outcome::Value(self.quietly(value).expr),
                    (MockOutcome::Fail(fail), _) => self.mock_failure(fail),
                };
                let (of, given) = mocked.map_or((None, Vec::new()), |mocked| (mocked.of, mocked.given));
                (of, given, outcome)
            }
        };
        let after = mock.after.as_ref().map(|after| self.value(after, &Type::Duration, "the time of a mock"));
        of.map(|of| Mock { of, given, outcome, after })
    }

    /// Checks an expression of which nothing is told: what it names counts as used.
    pub(crate) fn quietly(&mut self, expr: &tree::Expr) -> Typed {
        let found = self.diagnostics.len();
        let typed = self.expr(expr, None);
        self.diagnostics.truncate(found);
        typed
    }

    /// What node it is isn't known before all flows are checked: the value is read by its type when it is given.
    fn mock_at(&mut self, text: &tree::Text, outcome: &MockOutcome, part: usize) -> Outcome {
        let (value, outcome) = match outcome {
            MockOutcome::Value(value) if self.is_closed(value) => {
                (Some(MockValue::Closed { part }), Outcome::Value(self.quietly(value).expr))
            }
            MockOutcome::Value(value) => {
                let typed = self.expr(value, None);
                (Some(MockValue::Typed { ty: typed.ty, span: value.span }), Outcome::Value(typed.expr))
            }
            MockOutcome::Fail(fail) => (None, self.mock_failure(fail)),
        };
        self.test.mentioned.push(Mentioned { text: text.text.clone(), span: text.span, value });
        outcome
    }

    /// Whether an expression names nothing that the test has bound.
    fn is_closed(&self, expr: &tree::Expr) -> bool {
        let mut closed = !matches!(&expr.kind, ExprKind::Name(name) if self.visible.contains_key(name));
        crate::sig::children(expr, &mut |child| closed = closed && self.is_closed(child));
        closed
    }

    /// Any kind may be mocked, those of the runtime too (S7).
    fn mock_failure(&mut self, fail: &tree::Target) -> Outcome {
        let kind = fail.name.text.clone();
        self.test.mocked_kinds.push(kind.clone());
        let Some([first, rest @ ..]) = fail.args.as_deref() else {
            return Outcome::Fail { kind, message: None };
        };
        let message = Some(self.value(&first.value, &Type::STRING, "the message"));
        if let Some(more) = rest.first() {
            let diagnostic = self
                .error(Code::UnknownArgument, more.value.span, "`fail` takes one message")
                .here("one too many")
                .help("put everything into one text: `\"… ${x}\"`");
            self.report(diagnostic);
        }
        Outcome::Fail { kind, message }
    }

    /// Says what a mock stands in for, or reports why it can't.
    fn mocked(&mut self, target: &tree::Expr) -> Option<Mocked> {
        match &target.kind {
            ExprKind::Name(name) => self.mocked_node(name, target.span, None),
            ExprKind::Call(call) => self.mocked_node(&call.name.text, call.name.span, Some(&call.args)),
            ExprKind::Member(member) if !member.optional => match &member.object.kind {
                ExprKind::Name(owner) => self.mocked_part(owner, member.object.span, &member.name, None),
                _ => self.no_target(target),
            },
            ExprKind::Method(method) => match &method.receiver.kind {
                ExprKind::Name(owner) => {
                    self.mocked_part(owner, method.receiver.span, &method.name, Some(target))
                }
                _ => self.no_target(target),
            },
            ExprKind::Index(index) => match &index.object.kind {
                ExprKind::Name(owner) if self.memory_sig(owner).is_some() => {
                    let returns = self.some_call(target);
                    Some(self.not_yet(owner.to_string(), returns, target.span))
                }
                _ => self.no_target(target),
            },
            ExprKind::TypeName(name) => {
                let what = if self.module.scope.contains_key(name) { "a type" } else { "no node's name" };
                self.used.insert(name.clone());
                self.no_node(name, target.span, what, "mock the node that gives it: `mock node => …`".into());
                None
            }
            ExprKind::Error => {
                self.lost = true;
                None
            }
            _ => self.no_target(target),
        }
    }

    fn no_target(&mut self, target: &tree::Expr) -> Option<Mocked> {
        let diagnostic = self
            .error(Code::UnknownNode, target.span, "a mock names a node")
            .here("no node's name")
            .help("write `mock node => …`, `mock node(arg: v) => …`, or a coordinate: `mock \"flow/step\" => …`");
        self.report(diagnostic);
        None
    }

    fn mocked_node(&mut self, name: &SmolStr, span: Span, args: Option<&[Arg]>) -> Option<Mocked> {
        if let Some((_, sig)) = self.callable(name)
            && sig.kind != CallKind::Code
        {
            let mut given = Vec::new();
            if let Some(args) = args {
                let params = sig.params_of();
                self.some_arguments(&params, args, name);
                given = self.given(&params, args);
            }
            let of = self.subject(name, span);
            return Some(Mocked { name: name.to_string(), returns: sig.returns.clone(), of, given });
        }
        for arg in args.unwrap_or_default() {
            self.quietly(&arg.value);
        }
        let returns = match name.as_str() {
            "now" => Some(Type::Timestamp),
            "random" => Some(Type::FLOAT),
            "uuid" => Some(Type::STRING),
            _ => None,
        };
        if let Some(returns) = returns.filter(|_| !self.module.scope.contains_key(name)) {
            let of = self.subject(name, span);
            return Some(Mocked { name: name.to_string(), returns, of, given: Vec::new() });
        }
        let Some(what) = self.kind_of(name) else {
            self.unknown_step(name, span);
            return None;
        };
        self.used.insert(name.clone());
        let help = match self.sig_of(name) {
            Some(Sig::Call(_)) => {
                "pure code runs for real: mock the nodes that give it its values".to_string()
            }
            Some(Sig::Model(_)) => "mock the prompts that ask it: `mock node => …`".to_string(),
            Some(Sig::Memory(..)) => {
                format!(
                    "a test's memory is real and empty; to mock a call, name it: `mock {name}.get(\"key\") => …`"
                )
            }
            Some(Sig::Server) => format!("name one of its tools: `mock {name}.tool => …`"),
            _ => "mock the nodes whose results it depends on".to_string(),
        };
        self.no_node(name, span, what, help);
        None
    }

    /// `seen.get("1")`, `jira.search`: an operation of a memory, a tool of a server. `call` is there with its arguments.
    fn mocked_part(
        &mut self,
        owner: &SmolStr,
        span: Span,
        part: &tree::Name,
        call: Option<&tree::Expr>,
    ) -> Option<Mocked> {
        let args = match call.map(|call| &call.kind) {
            Some(ExprKind::Method(method)) => method.args.as_slice(),
            _ => &[],
        };
        match self.sig_of(owner) {
            Some(Sig::Memory(..) | Sig::Server) => {}
            _ => {
                for arg in args {
                    self.quietly(&arg.value);
                }
                match self.kind_of(owner) {
                    Some(what) => {
                        self.used.insert(owner.clone());
                        let help = "only memories and servers have operations: `mock seen.get(\"key\") => …`";
                        self.no_node(owner, span, what, help.into());
                    }
                    None if self.callable(owner).is_some() => {
                        let diagnostic = self
                            .error(Code::UnknownNode, part.span, format!("`{owner}` has no `{}`", part.text))
                            .here("a node is mocked as a whole")
                            .help(format!("write `mock {owner} => …`"));
                        self.report(diagnostic);
                    }
                    None => self.unknown_step(owner, span),
                }
                return None;
            }
        }
        let name = format!("{owner}.{}", part.text);
        let method = match call {
            Some(call) => call.clone(),
            None => operation(owner, span, part),
        };
        let returns = self.some_call(&method);
        Some(self.not_yet(name, returns, span.to(part.span)))
    }

    /// An operation of a memory or a server, which no run has yet.
    fn not_yet(&mut self, name: String, returns: Type, span: Span) -> Mocked {
        self.not_runnable.push((span, format!("`{name}`")));
        Mocked { name, returns, of: None, given: Vec::new() }
    }

    /// Checks an operation of a memory or a call of a server's tool, of whose arguments any may be left out, and returns
    /// what it gives.
    pub(super) fn some_call(&mut self, call: &tree::Expr) -> Type {
        let Some(CallTarget::Foreign(ty, _)) = self.target(call) else { return Type::Error };
        let given = self.partly(|cx| cx.foreign_call(call, ty));
        match (&given, &call.kind) {
            // How long a list is hangs on arguments that may be left out; what is in it doesn't.
            (Type::Error, ExprKind::Method(method)) => match &method.receiver.kind {
                ExprKind::Name(owner) => self.memory_gives(owner, &method.name.text).unwrap_or(given),
                _ => given,
            },
            _ => given,
        }
    }

    /// Checks arguments of which any may be left out: the call that is meant has these. Of a record that is written out
    /// the fields that are given count.
    fn some_arguments(&mut self, params: &[crate::expr::Param], args: &[Arg], name: &str) {
        self.partly(|cx| {
            cx.arguments(params, args, name, Span::default());
        });
    }

    /// Runs a check that says nothing of what is left out.
    fn partly<T>(&mut self, check: impl FnOnce(&mut Self) -> T) -> T {
        let found = self.diagnostics.len();
        let result = check(self);
        let mut told = self.diagnostics.split_off(found);
        told.retain(|one| !matches!(one.code, Code::MissingArgument | Code::MissingField));
        self.diagnostics.append(&mut told);
        result
    }
}

/// Returns a call without arguments, which stands for every call.
pub(super) fn operation(owner: &SmolStr, span: Span, part: &tree::Name) -> tree::Expr {
    let receiver = tree::Expr { kind: ExprKind::Name(owner.clone()), span };
    let method = tree::Method { receiver, name: part.clone(), args: Vec::new() };
    tree::Expr { kind: ExprKind::Method(Box::new(method)), span: span.to(part.span) }
}
