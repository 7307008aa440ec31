//! Variants: `variant terse of draft { user: "…" }`, another body of a prompt or an agent.

use flow_diagnostics::Code;
use flow_syntax::tree::{self, ItemKind, NodeKind};

use crate::cx::{BindingKind, Cx, Place};
use crate::program::CallKind;

impl Cx<'_> {
    /// Checks a variant: its fields are those of what it varies, with the same parameters in scope.
    pub(crate) fn variant(&mut self, variant: &tree::Variant) {
        let of = &variant.of;
        let Some((symbol, sig)) = self.callable(&of.text) else {
            match self.kind_of(&of.text) {
                Some(what) => {
                    self.used.insert(of.text.clone());
                    self.no_node(&of.text, of.span, what, "a variant is of a prompt or an agent".into());
                }
                None => self.unknown_step(&of.text, of.span),
            }
            return self.of_nothing(variant);
        };
        let kind = match sig.kind {
            CallKind::Prompt => NodeKind::Prompt,
            CallKind::Agent => NodeKind::Agent,
            other => {
                let article = if matches!(other, CallKind::Event) { "an" } else { "a" };
                let diagnostic = self
                    .error(
                        Code::UnknownNode,
                        of.span,
                        format!("`{}` is {article} {}", of.text, other.as_str()),
                    )
                    .here("asks no model")
                    .help("a variant is of a prompt or an agent");
                self.report(diagnostic);
                return self.of_nothing(variant);
            }
        };
        if variant.fields.is_empty() && !self.lost {
            let diagnostic = self
                .error(Code::MissingSetting, variant.name.span, "a variant needs a field that differs")
                .here("replaces nothing")
                .help("write the field that is to be tried: `user: \"…\"`");
            self.report(diagnostic);
        }
        for param in &sig.params {
            let slot = self.slot(param.name.clone(), param.ty.clone());
            let name = tree::Name { text: param.name.clone(), span: variant.name.span };
            self.bind_unchecked(&name, param.ty.clone(), BindingKind::Implied, Place::Slot(slot));
        }
        let Some((_, tree::Item { kind: ItemKind::Node(base), .. })) = self.program.item(&symbol) else {
            return;
        };
        // The head of what is varied, the fields of the variant.
        let node = tree::Node {
            kind,
            name: variant.name.clone(),
            params: Vec::new(),
            returns: base.returns.clone(),
            fields: variant.fields.clone(),
        };
        let found = self.diagnostics.len();
        match kind {
            NodeKind::Agent => {
                self.agent(&node);
            }
            _ => {
                self.prompt(&node);
            }
        }
        // What a variant leaves out, its base has; and about the head its base is told.
        let mut told = self.diagnostics.split_off(found);
        told.retain(|one| !matches!(one.code, Code::MissingSetting | Code::UnboundedLoop | Code::BadType));
        self.diagnostics.append(&mut told);
    }

    /// The fields of a variant of something that isn't known: nothing more is said.
    fn of_nothing(&mut self, variant: &tree::Variant) {
        for field in &variant.fields {
            if let tree::FieldValue::Expr(expr) = &field.value {
                self.quietly(expr);
            }
        }
    }
}
