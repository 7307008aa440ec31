//! `wait 10m`, `wait until t`.

use flow_diagnostics::{Code, Diagnostic};
use flow_ir::Type;
use flow_ir::plan::Statement;
use flow_source::Span;
use flow_syntax::tree::{self, ExprKind, Literal};
use smol_str::SmolStr;

use super::FlowCheck;
use crate::coordinates::Naming;
use crate::cx::Typed;

impl FlowCheck<'_> {
    pub fn wait(&mut self, wait: &tree::Wait, span: Span) {
        let segment = wait.name.as_ref().map_or_else(|| SmolStr::from("wait"), |name| name.text.clone());
        let (ty, what) = match wait.until {
            true => (Type::Timestamp, "`wait until`"),
            false => (Type::Duration, "`wait`"),
        };
        let at = wait.time.span;
        let typed = match self.without_unit(wait) {
            Some(diagnostic) => {
                self.report(diagnostic);
                Typed::poison()
            }
            None => self.expr(&wait.time, Some(&ty)),
        };
        let typed = match self.other_time(wait.until, &typed.ty, span, at) {
            Some(diagnostic) => {
                self.report(diagnostic);
                Typed::poison()
            }
            None => typed,
        };
        let value = self.coerce(typed, &ty, at, what);
        self.coordinate(&segment, span, Naming::of(wait.name.as_ref(), at.end), None);
        self.emit(Statement::Wait { segment, value, until: wait.until });
    }

    /// `wait 10`, `wait 0.5`
    fn without_unit(&self, wait: &tree::Wait) -> Option<Diagnostic> {
        let found = match &wait.time.kind {
            ExprKind::Literal(Literal::Int(_)) => "int",
            ExprKind::Literal(Literal::Float(_)) => "float",
            _ => return None,
        };
        let at = wait.time.span;
        let number = self.text(at);
        let plain = number.starts_with(|c: char| c.is_ascii_digit())
            && number.chars().all(|c| c.is_ascii_digit() || matches!(c, '_' | '.'));
        if wait.until || !plain {
            return None;
        }
        Some(
            self.error(Code::TypeMismatch, at, format!("expected `duration`, found `{found}`"))
                .here("a number without a unit")
                .help(format!("write a duration: `{number}s`"))
                .fix(format!("write `{number}s`"), self.at(at), format!("{number}s")),
        )
    }

    /// `wait t` for a time, `wait until d` for a duration.
    fn other_time(&self, until: bool, found: &Type, span: Span, at: Span) -> Option<Diagnostic> {
        match (until, found.base()) {
            (false, Type::Timestamp) if !found.allows_null() => Some(
                self.error(Code::TypeMismatch, at, "expected `duration`, found `timestamp`")
                    .here("a time, not how long")
                    .help("write `wait until …`")
                    .fix("write `wait until`", self.at(Span::new(span.start, span.start + 4)), "wait until"),
            ),
            (true, Type::Duration) if !found.allows_null() => Some(
                self.error(Code::TypeMismatch, at, "expected `timestamp`, found `duration`")
                    .here("how long, not until when")
                    .help("write `wait …`")
                    .fix("remove `until`", self.at(Span::new(span.start, at.start)), "wait "),
            ),
            _ => None,
        }
    }
}
