//! Prompts: one model call.

use flow_diagnostics::Code;
use flow_ir::catalogue::Feature;
use flow_ir::plan::{Node, NodeKind, Prompt};
use flow_ir::types::{Field, Literal, Media, Record};
use flow_ir::{Expr, Type};
use flow_source::Span;
use flow_syntax::tree::{self, ExprKind, FieldValue};

use super::settings::{Kind, setting};
use crate::cx::Cx;
use crate::types::docs;

/// How often an answer of the wrong type is asked again, unless the prompt says otherwise.
pub const REPAIR: u32 = 1;

impl Cx<'_> {
    /// Checks `prompt draft(topic: string) -> string { user: "…" }`.
    pub fn prompt(&mut self, node: &tree::Node) -> Option<Node> {
        let params = self.bind_params(&node.name.text, &node.params, false);
        let returns = self.read_type_again(&node.returns);
        self.returnable(&returns, &node.returns);
        let fields = self.fields(Kind::Prompt, &node.fields);
        let model = self.model_ref(fields.expr("model"), node.name.span);
        let system = fields.expr("system").map(|expr| self.text_field(expr, "system"));
        let history = fields.expr("history").map(|expr| self.value(expr, &history_type(), "`history`"));
        let (user, media) = fields.expr("user").map(|expr| self.user_field(expr)).unzip();
        let assistant = fields.expr("assistant").map(|expr| self.text_field(expr, "assistant"));
        let settings = self.model_settings(&fields);
        self.supported_by_model(fields.expr("model"), &fields, &settings);
        self.takes_media(fields.expr("model"), &media.unwrap_or_default());
        let timeout_ms = fields.expr("timeout").and_then(|expr| self.duration_setting(expr, "timeout"));
        let retry = self.count_field(fields.expr("retry"), "retry");
        let repair = self.count_field(fields.expr("repair"), "repair").unwrap_or(REPAIR);
        let written_user = fields.get("user");
        if written_user.is_none() {
            self.missing_setting(node.name.span, "a prompt", "user", "say what is asked: `user: \"…\"`");
        }
        if matches!(written_user, Some(tree::Field { value: FieldValue::Error, .. })) {
            return None;
        }
        Some(Node {
            name: node.name.text.clone(),
            doc: docs(&self.item.docs),
            params,
            returns,
            timeout_ms,
            retry,
            kind: NodeKind::Prompt(Prompt {
                model,
                system,
                history,
                user: user?,
                assistant,
                repair,
                settings,
            }),
        })
    }

    /// Reports a result that no model can give.
    pub fn returnable(&mut self, returns: &Type, written: &tree::TypeExpr) {
        if matches!(returns, Type::Media(_) | Type::Bytes | Type::Null) {
            let diagnostic = self
                .error(Code::BadType, written.span, format!("a model cannot answer with `{returns}`"))
                .help("models answer with text, numbers, records and lists");
            self.report(diagnostic);
        }
    }

    /// Reads `retry` or `repair`.
    pub fn count_field(&mut self, expr: Option<&tree::Expr>, name: &str) -> Option<u32> {
        let row = setting(Kind::Prompt, name)?;
        self.int_setting(expr?, row).map(|number| number as u32)
    }

    /// Reads the user's message, in which images, recordings and files may stand, and tells which do.
    pub fn user_field(&mut self, expr: &tree::Expr) -> (Expr, Vec<(Media, Span)>) {
        if matches!(expr.kind, ExprKind::Template(_)) {
            self.media = Some(Vec::new());
        }
        let text = self.text_field(expr, "user");
        (text, self.media.take().unwrap_or_default())
    }

    /// Reports what stands in a message and can't be taken in by the model that is asked.
    pub fn takes_media(&mut self, model: Option<&tree::Expr>, media: &[(Media, Span)]) {
        let Some(sig) = self.model_named(model) else { return };
        for (kind, span) in media {
            let feature = match kind {
                Media::Image => Feature::Images,
                Media::Audio => Feature::Audio,
                Media::File => Feature::Files,
            };
            self.lacks(&sig, feature, *span);
        }
    }

    /// Reads a text with splices.
    pub fn text_field(&mut self, expr: &tree::Expr, name: &str) -> Expr {
        self.value(expr, &Type::STRING, &format!("`{name}`"))
    }
}

/// The type of `history`: earlier messages.
pub(crate) fn history_type() -> Type {
    let roles = ["system", "user", "assistant"].map(|role| Literal::String(role.into()));
    let field = |name: &str, ty: Type| Field { name: name.into(), ty, trust: None, doc: String::new() };
    let role = field("role", Type::Literals(std::sync::Arc::new(roles)));
    let fields = vec![role, field("content", Type::STRING)];
    Type::list(Type::Record(std::sync::Arc::new(Record { fields })))
}
