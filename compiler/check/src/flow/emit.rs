//! `emit`: a value for the caller, before the flow is done.

use flow_diagnostics::Code;
use flow_ir::Type;
use flow_ir::plan::Statement;
use flow_source::Span;
use flow_syntax::tree;
use smol_str::SmolStr;

use super::FlowCheck;
use crate::coordinates::Naming;

impl FlowCheck<'_> {
    /// `emit v as first if c`
    pub fn emit_step(&mut self, emit: &tree::Emit, span: Span) {
        let Some(guard) = &emit.guard else { return self.emitted(emit, span) };
        let on = self.guarded_block(guard, |check| check.emitted(emit, span));
        self.cx.point = on;
    }

    fn emitted(&mut self, emit: &tree::Emit, span: Span) {
        let value = match self.emits.clone() {
            Some(ty) => self.value(&emit.value, &ty, "`emit`"),
            None => {
                let found = self.expr(&emit.value, None);
                self.emits_nothing(emit.value.span, &found.ty);
                found.expr
            }
        };
        let segment = emit.name.as_ref().map_or_else(|| SmolStr::from("emit"), |name| name.text.clone());
        let naming = Naming::of(emit.name.as_ref(), emit.value.span.end);
        self.coordinate(&segment, span, naming, None);
        self.emit(Statement::Emit { segment, value });
    }

    fn emits_nothing(&mut self, span: Span, found: &Type) {
        // One declaration mends all of a flow's.
        self.emits = Some(Type::Error);
        if matches!(found, Type::Error) {
            return;
        }
        let ty = match found {
            Type::Null | Type::Never => String::from("U"),
            found => found.base().to_string(),
        };
        let diagnostic = match self.loose {
            true => self
                .error(Code::TypeMismatch, span, "a test emits nothing")
                .here("a value")
                .help("only a flow has somebody who listens: remove it"),
            false => self
                .error(Code::TypeMismatch, span, "this flow emits nothing")
                .here("a value")
                .help(format!("declare what it emits after what it returns: `flow name(…) -> T emits {ty}`")),
        };
        self.report(diagnostic);
    }
}
