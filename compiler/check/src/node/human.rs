//! People: a question to one, and what is waited for.

use flow_diagnostics::Code;
use flow_ir::Type;
use flow_ir::plan::{Channel, Form, Human, Node, NodeKind, Param};
use flow_syntax::tree;

use super::settings::Kind;
use crate::cx::Cx;
use crate::types::docs;

impl Cx<'_> {
    /// Checks `human approve(refund: Refund) -> Refund { via: dashboard  message: "…"  timeout: 8h }`.
    pub fn human(&mut self, node: &tree::Node) -> Option<Node> {
        let params = self.bind_params(&node.name.text, &node.params, false);
        let returns = self.read_type_again(&node.returns);
        if matches!(returns.base().non_null(), Type::Bytes) {
            let diagnostic = self
                .error(Code::BadType, node.returns.span, format!("a person cannot fill in `{returns}`"))
                .help("people answer with texts, numbers, choices, records and lists");
            self.report(diagnostic);
        }
        let fields = self.fields(Kind::Human, &node.fields);
        let message = fields.expr("message").map(|expr| self.text_field(expr, "message"));
        if fields.get("message").is_none() && self.item.docs.is_none() {
            self.missing_setting(
                node.name.span,
                "a human",
                "message",
                "say what the person is asked: `message: \"…\"`",
            );
        }
        let via = match fields.get("via") {
            Some(field) => self.via(field, Kind::Human),
            None => Some(Channel::Dashboard),
        };
        let form = self.prefills(&returns);
        // Without a message the doc comment says what is asked, and the parameters are shown as they are.
        if fields.get("message").is_none() {
            self.bindings.iter_mut().for_each(|binding| binding.read = true);
        }
        let timeout_ms =
            self.waits(node, fields.expr("timeout"), fields.get("timeout").is_some(), "a human", "8h");
        let kind = NodeKind::Human(Human { via: via?, message, form });
        Some(self.waiting(node, params, returns, timeout_ms?, kind))
    }

    /// A node that something outside answers, within a time.
    pub fn waiting(
        &self,
        node: &tree::Node,
        params: Vec<Param>,
        returns: Type,
        timeout_ms: u64,
        kind: NodeKind,
    ) -> Node {
        Node {
            name: node.name.text.clone(),
            doc: docs(&self.item.docs),
            params,
            returns,
            timeout_ms: Some(timeout_ms),
            retry: None,
            kind,
        }
    }

    /// Finds the parameters that fill in the form beforehand: one of the result's type, else those that have the name and
    /// type of one of its fields. All of them are marked as read. A text or number that is shown already, such as a
    /// question, is no draft of the answer.
    fn prefills(&mut self, returns: &Type) -> Option<Form> {
        let returns = returns.non_null().base();
        let record = self.program.record_of(&returns).cloned();
        let (mut whole, mut fields) = (None, Vec::new());
        for (slot, binding) in self.bindings.iter_mut().enumerate() {
            let own = binding.ty.non_null().base();
            let of_field = record.iter().flat_map(|record| &record.fields);
            let mut same = of_field.filter(|field| field.name == binding.name);
            if own == returns {
                let is_draft = !binding.read || record.is_some();
                whole = whole.or(is_draft.then_some(Form::Whole(slot as u32)));
                binding.read = true;
            } else if same.any(|field| field.ty.non_null().base() == own) {
                fields.push((binding.name.clone(), slot as u32));
                binding.read = true;
            }
        }
        whole.or_else(|| (!fields.is_empty()).then_some(Form::Fields(fields)))
    }

    /// Checks how long something outside is waited for: it must be stated (C4). Returns it in milliseconds.
    pub fn waits(
        &mut self,
        node: &tree::Node,
        timeout: Option<&tree::Expr>,
        has: bool,
        what: &str,
        example: &str,
    ) -> Option<u64> {
        let timeout_ms = timeout.and_then(|expr| self.duration_setting(expr, "timeout"));
        if has || self.diagnostics.iter().any(|diagnostic| diagnostic.code == Code::UnknownSetting) {
            return timeout_ms;
        }
        let line = format!("timeout: {example}");
        let diagnostic = self
            .error(Code::MissingSetting, node.name.span, format!("{what} needs `timeout`"))
            .here("has no `timeout`")
            .help(format!("say how long to wait at most: `{line}`"));
        let diagnostic = self.with_field(diagnostic, &node.fields, &line);
        self.report(diagnostic);
        None
    }
}
