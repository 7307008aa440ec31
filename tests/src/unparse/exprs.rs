//! Arguments, records, expressions and the pieces of strings.

use flow_syntax::TokenKind;
use flow_syntax::tree::*;

use super::Printer;

impl Printer<'_> {
    pub(super) fn args(&mut self, args: &[Arg]) {
        self.word("(");
        for arg in args {
            if let Some(name) = &arg.name {
                self.name(name);
                self.word(":");
            }
            self.expr(&arg.value);
        }
        self.word(")");
    }

    pub(super) fn record(&mut self, record: &Record) {
        record.name.iter().for_each(|n| self.name(n));
        self.word("{");
        for entry in &record.entries {
            match entry {
                Entry::Spread(value) => {
                    self.word("...");
                    self.expr(value);
                }
                Entry::Pair { optional, key, value } => {
                    if *optional {
                        self.word("?");
                    }
                    match key {
                        Key::Name(name) => self.leaf(name.span),
                        Key::Literal(_, span) => self.leaf(*span),
                        Key::Computed(e) if matches!(e.kind, ExprKind::Template(_)) && self.at_string() => {
                            self.expr(e);
                        }
                        Key::Computed(e) if self.at_bracket() => {
                            self.word("[");
                            self.expr(e);
                            self.word("]");
                        }
                        Key::Computed(e) => self.expr(e),
                    }
                    self.word(":");
                    self.expr(value);
                }
            }
        }
        self.word("}");
    }

    fn at_string(&mut self) -> bool {
        self.gap("[");
        self.kind() == Some(TokenKind::QuoteOpen)
    }

    fn at_bracket(&mut self) -> bool {
        self.gap("[");
        self.text() == "["
    }

    pub(super) fn expr(&mut self, expr: &Expr) {
        self.node(expr.span);
        match &expr.kind {
            ExprKind::Literal(_) | ExprKind::Loop(_) => self.leaf(expr.span),
            ExprKind::Name(name) | ExprKind::TypeName(name) => {
                if !self.item.slice(expr.span).contains(name.as_str()) {
                    self.fail(name);
                }
                self.leaf(expr.span);
            }
            ExprKind::Template(template) => {
                self.gap("");
                if self.kind() != Some(TokenKind::QuoteOpen) {
                    self.fail("a string");
                }
                self.copy();
                self.pieces(&template.pieces);
                while self.kind() == Some(TokenKind::Text) {
                    self.copy();
                }
                match self.kind() {
                    Some(TokenKind::QuoteClose) => self.copy(),
                    _ => self.fail("the end of a string"),
                }
            }
            ExprKind::List(elements) => {
                self.word("[");
                for element in elements {
                    if element.optional {
                        self.word("?");
                    }
                    self.expr(&element.value);
                }
                self.word("]");
            }
            ExprKind::Record(record) => self.record(record),
            ExprKind::Member(m) => {
                self.expr(&m.object);
                self.word(".");
                if m.optional {
                    self.word("?");
                }
                self.name(&m.name);
            }
            ExprKind::Index(i) => {
                self.expr(&i.object);
                self.word("[");
                if i.optional {
                    self.word("?");
                }
                self.expr(&i.index);
                self.word("]");
            }
            ExprKind::Call(call) => {
                self.name(&call.name);
                self.args(&call.args);
            }
            ExprKind::Method(m) => {
                self.expr(&m.receiver);
                self.word(".");
                self.perhaps(&["?"]);
                self.name(&m.name);
                self.args(&m.args);
            }
            ExprKind::Unary(op, operand) => {
                self.word(op.as_str());
                self.expr(operand);
            }
            ExprKind::Binary(b) => {
                self.expr(&b.left);
                if self.item.slice(b.op_span) != b.op.as_str() {
                    self.fail(b.op.as_str());
                }
                self.leaf(b.op_span);
                self.expr(&b.right);
            }
            ExprKind::Ternary(t) => {
                self.expr(&t.condition);
                self.word("?");
                self.expr(&t.then);
                self.word(":");
                self.expr(&t.otherwise);
            }
            ExprKind::Is(operand, name) => {
                self.expr(operand);
                self.word("is");
                self.name(name);
            }
            ExprKind::Cast(operand, ty) => {
                self.expr(operand);
                self.word("as");
                self.ty(ty);
            }
            ExprKind::Error => self.fail("a lost expression"),
        }
    }

    /// Opens the next splice of a string.
    fn splice(&mut self) {
        while self.kind() == Some(TokenKind::Text) {
            self.copy();
        }
        self.word("${");
    }

    fn pieces(&mut self, pieces: &[Piece]) {
        for piece in pieces {
            match piece {
                Piece::Text(_) => {}
                Piece::Splice(e) => {
                    self.splice();
                    self.expr(e);
                    self.word("}");
                }
                Piece::For(f) => {
                    self.splice();
                    self.word("for");
                    f.index.iter().for_each(|n| self.name(n));
                    self.name(&f.item);
                    self.word("in");
                    self.expr(&f.over);
                    self.word("}");
                    self.pieces(&f.body);
                    self.end();
                }
                Piece::If(i) => {
                    for (n, (condition, body)) in i.branches.iter().enumerate() {
                        self.splice();
                        if n > 0 {
                            self.word("else");
                        }
                        self.word("if");
                        self.expr(condition);
                        self.word("}");
                        self.pieces(body);
                    }
                    if let Some(body) = &i.otherwise {
                        self.splice();
                        self.word("else");
                        self.word("}");
                        self.pieces(body);
                    }
                    self.end();
                }
            }
        }
    }

    fn end(&mut self) {
        self.splice();
        self.word("end");
        self.word("}");
    }
}
