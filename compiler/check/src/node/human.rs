//! People: a question to one, and what is waited for.

use flow_diagnostics::Code;
use flow_ir::Type;
use flow_syntax::tree;

use super::settings::Kind;
use crate::cx::Cx;

impl Cx<'_> {
    /// Checks `human approve(refund: Refund) -> Refund { via: dashboard  message: "…"  timeout: 8h }`.
    pub fn human(&mut self, node: &tree::Node) {
        self.bind_params(&node.name.text, &node.params, false);
        let returns = self.read_type_again(&node.returns);
        if matches!(returns.base().non_null(), Type::Bytes) {
            let diagnostic = self
                .error(Code::BadType, node.returns.span, format!("a person cannot fill in `{returns}`"))
                .help("people answer with texts, numbers, choices, records and lists");
            self.report(diagnostic);
        }
        self.prefills(&returns);
        let fields = self.fields(Kind::Human, &node.fields);
        if let Some(expr) = fields.expr("message") {
            self.text_field(expr, "message");
        }
        // Without a message the doc comment says what is asked, and the parameters are shown as they are.
        if fields.get("message").is_none() {
            self.bindings.iter_mut().for_each(|binding| binding.read = true);
        }
        if fields.get("message").is_none() && self.item.docs.is_none() {
            self.missing_setting(
                node.name.span,
                "a human",
                "message",
                "say what the person is asked: `message: \"…\"`",
            );
        }
        if let Some(field) = fields.get("via") {
            self.via(field, Kind::Human);
        }
        self.waits(node, fields.expr("timeout"), fields.get("timeout").is_some(), "a human", "8h");
        self.not_runnable.push((node.name.span, format!("the human `{}`", node.name.text)));
    }

    /// Marks the parameters that fill in the form beforehand as read: those of the result's type, and those that have the
    /// name and type of one of its fields.
    fn prefills(&mut self, returns: &Type) {
        let returns = returns.non_null().base();
        let record = self.program.record_of(&returns).cloned();
        for binding in &mut self.bindings {
            let own = binding.ty.non_null().base();
            let of_field = record.iter().flat_map(|record| &record.fields);
            let mut same = of_field.filter(|field| field.name == binding.name);
            binding.read |= own == returns || same.any(|field| field.ty.non_null().base() == own);
        }
    }

    /// Checks how long something outside is waited for: it must be stated (C4).
    pub fn waits(
        &mut self,
        node: &tree::Node,
        timeout: Option<&tree::Expr>,
        has: bool,
        what: &str,
        example: &str,
    ) {
        if let Some(expr) = timeout {
            self.duration_setting(expr, "timeout");
        }
        if has || self.diagnostics.iter().any(|diagnostic| diagnostic.code == Code::UnknownSetting) {
            return;
        }
        let line = format!("timeout: {example}");
        let diagnostic = self
            .error(Code::MissingSetting, node.name.span, format!("{what} needs `timeout`"))
            .here("has no `timeout`")
            .help(format!("say how long to wait at most: `{line}`"));
        let diagnostic = self.with_field(diagnostic, &node.fields, &line);
        self.report(diagnostic);
    }
}
