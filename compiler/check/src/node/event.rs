//! Events: something outside that a run waits for.

use flow_ir::Type;
use flow_syntax::tree::{self, FieldValue};
use smol_str::SmolStr;

use super::settings::Kind;
use crate::cx::{BindingKind, Cx, Place};

impl Cx<'_> {
    /// Checks `event delivered(id: string) -> Delivery { via: webhook("/carrier")  match: body.id == id  timeout: 3d }`.
    pub fn event(&mut self, node: &tree::Node) {
        self.bind_params(&node.name.text, &node.params, false);
        let fields = self.fields(Kind::Event, &node.fields);
        match fields.get("via") {
            Some(field) => self.via(field, Kind::Event),
            None => self.missing_setting(
                node.name.span,
                "an event",
                "via",
                "say where deliveries come in: `via: webhook(\"/path\")`",
            ),
        }
        if let Some(tree::Field { value: FieldValue::Expr(test), .. }) = fields.get("match") {
            self.delivery(test);
        }
        if let Some(field) = fields.get("verify") {
            self.verify(field);
        }
        self.waits(node, fields.expr("timeout"), fields.get("timeout").is_some(), "an event", "3d");
        self.not_runnable.push((node.name.span, format!("the event `{}`", node.name.text)));
    }

    /// Checks `match: body.order == order_id`: `body` is the delivery as it came, so of type `json`.
    fn delivery(&mut self, test: &tree::Expr) {
        let mark = self.scope_mark();
        let slot = self.slot("body", Type::Json);
        // A parameter of this name is reported as a second one.
        let name = tree::Name { text: SmolStr::from("body"), span: test.span };
        if self.visible.contains_key("body") {
            self.body_is_taken();
        }
        self.bind_unchecked(&name, Type::Json, BindingKind::Implied, Place::Slot(slot));
        self.condition(test);
        self.scope_close(mark);
    }

    fn body_is_taken(&mut self) {
        let Some(&id) = self.visible.get("body") else { return };
        let span = self.bindings[id as usize].span;
        self.bindings[id as usize].read = true;
        let diagnostic = self
            .error(flow_diagnostics::Code::DuplicateName, span, "`body` is the delivery in `match`")
            .here("hides what `match` looks at")
            .help("rename the parameter");
        self.report(diagnostic);
    }
}
