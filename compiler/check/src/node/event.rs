//! Events: something outside that a run waits for.

use flow_ir::plan::{Delivery, Node, NodeKind};
use flow_ir::{Expr, Type};
use flow_syntax::tree::{self, FieldValue};
use smol_str::SmolStr;

use super::settings::Kind;
use crate::cx::{BindingKind, Cx, Place};

impl Cx<'_> {
    /// Checks `event delivered(id: string) -> Delivery { via: webhook("/carrier")  match: body.id == id  timeout: 3d }`.
    pub fn event(&mut self, node: &tree::Node) -> Option<Node> {
        let params = self.bind_params(&node.name.text, &node.params, false);
        let returns = self.read_type_again(&node.returns);
        let fields = self.fields(Kind::Event, &node.fields);
        let via = match fields.get("via") {
            Some(field) => self.via(field, Kind::Event),
            None => {
                let help = "say where deliveries come in: `via: webhook(\"/path\")`";
                self.missing_setting(node.name.span, "an event", "via", help);
                None
            }
        };
        let matches = match fields.get("match") {
            Some(tree::Field { value: FieldValue::Expr(test), .. }) => Some(self.delivery(test)),
            _ => None,
        };
        let verify = fields.get("verify").and_then(|field| self.verify(field));
        let timeout_ms =
            self.waits(node, fields.expr("timeout"), fields.get("timeout").is_some(), "an event", "3d");
        let kind = NodeKind::Event(Delivery { via: via?, matches, verify });
        Some(self.waiting(node, params, returns, timeout_ms?, kind))
    }

    /// Checks `match: body.order == order_id`: `body` is the delivery as it came, so of type `json`.
    fn delivery(&mut self, test: &tree::Expr) -> Expr {
        let mark = self.scope_mark();
        let slot = self.slot("body", Type::Json);
        // A parameter of this name is reported as a second one.
        let name = tree::Name { text: SmolStr::from("body"), span: test.span };
        if self.visible.contains_key("body") {
            self.body_is_taken();
        }
        self.bind_unchecked(&name, Type::Json, BindingKind::Implied, Place::Slot(slot));
        let test = self.condition(test);
        self.scope_close(mark);
        test
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
