//! Expressions: a flat list of operands and operators becomes a tree by precedence.

use flow_diagnostics::{Code, Diagnostic};
use flow_grammar::Rule;
use flow_source::Span;
use pest::iterators::Pair;
use smol_str::SmolStr;

use super::{Builder, Cursor, name, span_of};
use crate::tree::{
    Arg, Binary, BinaryOp, Call, Element, Entry, Expr, ExprKind, Index, Key, Literal, LoopValue, Member,
    Method, Name, Record, Ternary, UnaryOp,
};

/// How tight an operator binds; `is` stands at the level of comparisons.
fn precedence(op: BinaryOp) -> u8 {
    use BinaryOp as B;
    match op {
        B::Or => 1,
        B::And => 2,
        B::Equal | B::NotEqual | B::Less | B::LessEqual | B::Greater | B::GreaterEqual | B::In => COMPARISON,
        B::Coalesce => 4,
        B::Add | B::Subtract => 5,
        B::Multiply | B::Divide | B::Remainder => 6,
    }
}

const COMPARISON: u8 = 3;

fn binary_op(text: &str) -> BinaryOp {
    match text {
        "||" => BinaryOp::Or,
        "&&" => BinaryOp::And,
        "==" => BinaryOp::Equal,
        "!=" => BinaryOp::NotEqual,
        "<" => BinaryOp::Less,
        "<=" => BinaryOp::LessEqual,
        ">" => BinaryOp::Greater,
        ">=" => BinaryOp::GreaterEqual,
        "in" => BinaryOp::In,
        "??" => BinaryOp::Coalesce,
        "+" => BinaryOp::Add,
        "-" => BinaryOp::Subtract,
        "*" => BinaryOp::Multiply,
        "/" => BinaryOp::Divide,
        _ => BinaryOp::Remainder,
    }
}

impl Builder<'_> {
    /// `expr`
    pub(crate) fn expr(&mut self, pair: Pair<'_, Rule>) -> Expr {
        let mut cursor = Cursor::new(pair);
        let first = self.binary(&mut cursor);
        if cursor.peek() != Some(Rule::question) {
            return first;
        }
        let mut parts = vec![first];
        while cursor.take_if(Rule::question).is_some() {
            parts.push(self.binary(&mut cursor));
            parts.push(self.binary(&mut cursor));
        }
        let mut otherwise = parts.pop().expect("a ternary has three parts");
        while let (Some(then), Some(condition)) = (parts.pop(), parts.pop()) {
            let span = condition.span.to(otherwise.span);
            otherwise =
                Expr { kind: ExprKind::Ternary(Box::new(Ternary { condition, then, otherwise })), span };
        }
        otherwise
    }

    fn binary(&mut self, cursor: &mut Cursor<'_>) -> Expr {
        let (first, mut bare_not) = self.operand(cursor);
        if !matches!(cursor.peek(), Some(Rule::infix | Rule::variant_test)) {
            return first;
        }
        let mut operands = vec![first];
        let mut operators: Vec<(BinaryOp, Span)> = Vec::new();
        let mut negated: Option<(Span, Name)> = None;
        loop {
            if let Some(pair) = cursor.take_if(Rule::infix) {
                self.not_is(negated.take());
                let op = binary_op(pair.as_str());
                reduce(&mut operands, &mut operators, precedence(op) + u8::from(op == BinaryOp::Coalesce));
                operators.push((op, span_of(&pair)));
                let (operand, is_not) = self.operand(cursor);
                operands.push(operand);
                bare_not = is_not;
            } else if let Some(pair) = cursor.take_if(Rule::variant_test) {
                let waiting = operators.len();
                reduce(&mut operands, &mut operators, COMPARISON);
                let tested = operands.pop().expect("an operand is before `is`");
                let end = span_of(&pair);
                let variant = name(&Cursor::new(pair).take());
                let span = tested.span.to(end);
                negated = negated.map(|(_, first)| (span, first));
                let kind = match tested.kind {
                    kind if matches!(variant.text.as_str(), "None" | "Null") => {
                        self.null_test(end);
                        let null = Expr { kind: ExprKind::Literal(Literal::Null), span: variant.span };
                        let left = Expr { kind, span: tested.span };
                        let binary = Binary { op: BinaryOp::Equal, op_span: end, left, right: null };
                        ExprKind::Binary(Box::new(binary))
                    }
                    // Reported, and read as it was meant.
                    ExprKind::Unary(UnaryOp::Not, of) if bare_not && operators.len() == waiting => {
                        negated = Some((span, variant.clone()));
                        let test = Expr { span, kind: ExprKind::Is(of, variant) };
                        ExprKind::Unary(UnaryOp::Not, Box::new(test))
                    }
                    kind => ExprKind::Is(Box::new(Expr { kind, ..tested }), variant),
                };
                bare_not = false;
                operands.push(Expr { kind, span });
            } else {
                break;
            }
        }
        self.not_is(negated);
        reduce(&mut operands, &mut operators, 0);
        operands.pop().expect("all operators are reduced")
    }

    /// G7: `!v is Stop` reads as `(!v) is Stop`, which nobody means.
    fn not_is(&mut self, negated: Option<(Span, Name)>) {
        let Some((span, variant)) = negated else { return };
        let text = &self.text[span.range()];
        let tested = text.trim_start_matches(|c: char| c == '!' || c.is_whitespace());
        let fixed = format!("{}({tested})", text[..text.len() - tested.len()].trim_end());
        let at = self.at(span);
        self.diagnostics.push(
            Diagnostic::new(Code::UnexpectedToken, at, "`!` before `is` needs parentheses")
                .here(format!("this is read as `(!…) is {}`", variant.text))
                .help(format!("write `{fixed}`"))
                .fix("put the test in parentheses", at, fixed.clone()),
        );
    }

    /// `v is None`
    fn null_test(&mut self, span: Span) {
        let at = self.at(span);
        self.diagnostics.push(
            Diagnostic::new(Code::UnexpectedToken, at, "null is compared").help("write `== null`").fix(
                "write `== null`",
                at,
                "== null",
            ),
        );
    }

    /// An operand, and whether it is a bare `!…`.
    fn operand(&mut self, cursor: &mut Cursor<'_>) -> (Expr, bool) {
        let mut prefixes: Vec<(UnaryOp, Span)> = Vec::new();
        while let Some(pair) = cursor.take_if(Rule::prefix) {
            let op = if pair.as_str() == "!" { UnaryOp::Not } else { UnaryOp::Negate };
            prefixes.push((op, span_of(&pair)));
        }
        let negative = prefixes.last().is_some_and(|(op, _)| *op == UnaryOp::Negate);
        let mut expr = self.postfix_parts(cursor, negative);
        // In parentheses the least `int` is a value already, and its negative no `int`.
        let least = matches!(expr.kind, ExprKind::Literal(Literal::Int(i64::MIN)))
            && self.text[expr.span.range()].starts_with('(');
        if negative
            && !least
            && let ExprKind::Literal(literal @ (Literal::Int(_) | Literal::Float(_) | Literal::Duration(_))) =
                &mut expr.kind
        {
            super::number::negate(literal);
            if let Some((_, span)) = prefixes.pop() {
                expr.span = span.to(expr.span);
            }
        }
        if let Some(pair) = cursor.take_if(Rule::cast) {
            let span = expr.span.to(span_of(&pair));
            let ty = self.plain_type(Cursor::new(pair).take());
            expr = Expr { kind: ExprKind::Cast(Box::new(expr), Box::new(ty)), span };
        }
        let bare_not = prefixes.first().is_some_and(|(op, _)| *op == UnaryOp::Not);
        for (op, span) in prefixes.into_iter().rev() {
            let span = span.to(expr.span);
            expr = Expr { kind: ExprKind::Unary(op, Box::new(expr)), span };
        }
        (expr, bare_not)
    }

    /// `postfix`: an operand without prefix and cast.
    pub(crate) fn postfix(&mut self, pair: Pair<'_, Rule>) -> Expr {
        self.postfix_parts(&mut Cursor::new(pair), false)
    }

    fn postfix_parts(&mut self, cursor: &mut Cursor<'_>, negative: bool) -> Expr {
        let mut expr = self.primary(cursor, negative);
        loop {
            if let Some(pair) = cursor.take_if(Rule::index) {
                expr = self.index(expr, pair);
            } else if let Some(pair) = cursor.take_if(Rule::member) {
                expr = self.member(expr, pair);
            } else {
                return expr;
            }
        }
    }

    fn index(&mut self, object: Expr, pair: Pair<'_, Rule>) -> Expr {
        let span = object.span.to(span_of(&pair));
        let mut cursor = Cursor::new(pair);
        let optional = cursor.take_if(Rule::optional).is_some();
        let index = self.expr(cursor.take());
        Expr { kind: ExprKind::Index(Box::new(Index { object, index, optional })), span }
    }

    fn member(&mut self, object: Expr, pair: Pair<'_, Rule>) -> Expr {
        let span = object.span.to(span_of(&pair));
        let mut cursor = Cursor::new(pair);
        let optional = cursor.take_if(Rule::optional).is_some();
        let name = member_name(&cursor.take());
        let kind = match cursor.take_if(Rule::args) {
            Some(args) => {
                ExprKind::Method(Box::new(Method { receiver: object, name, args: self.args(args) }))
            }
            None => ExprKind::Member(Box::new(Member { object, name, optional })),
        };
        Expr { kind, span }
    }

    /// `place`: `a[0].b`
    pub(crate) fn place(&mut self, pair: Pair<'_, Rule>) -> Expr {
        let mut cursor = Cursor::new(pair);
        let first = cursor.take();
        let mut expr = Expr { kind: ExprKind::Name(SmolStr::new(first.as_str())), span: span_of(&first) };
        while let Some(pair) = cursor.next() {
            if pair.as_rule() == Rule::index {
                expr = self.index(expr, pair);
            } else {
                let span = expr.span.to(span_of(&pair));
                let name = member_name(&Cursor::new(pair).take());
                expr = Expr {
                    kind: ExprKind::Member(Box::new(Member { object: expr, name, optional: false })),
                    span,
                };
            }
        }
        expr
    }

    pub(crate) fn args(&mut self, pair: Pair<'_, Rule>) -> Vec<Arg> {
        let mut cursor = Cursor::new(pair);
        let mut args = Vec::new();
        while let Some(pair) = cursor.next() {
            let mut inner = Cursor::new(pair);
            let name = inner.take_if(Rule::arg_name).map(|pair| name(&Cursor::new(pair).take()));
            args.push(Arg { name, value: self.expr(inner.take()) });
        }
        args
    }

    fn primary(&mut self, cursor: &mut Cursor<'_>, negative: bool) -> Expr {
        let pair = cursor.take();
        let mut span = span_of(&pair);
        let kind = match pair.as_rule() {
            Rule::ident | Rule::rooted => match cursor.take_if(Rule::args) {
                Some(args) => {
                    let name = name(&pair);
                    span = span.to(span_of(&args));
                    ExprKind::Call(Call { name, args: self.args(args) })
                }
                None => ExprKind::Name(SmolStr::new(pair.as_str())),
            },
            Rule::type_name => {
                // `q ? Kind : {a: 1}` has a record after a name too, but not attached.
                if cursor.peek() == Some(Rule::record) && cursor.peek_start() == Some(span.end) {
                    let record = cursor.take();
                    span = span.to(span_of(&record));
                    ExprKind::Record(self.record(Some(name(&pair)), record))
                } else if cursor.peek() != Some(Rule::member)
                    && let Some(kind) = self.python_constant(pair.as_str(), span)
                {
                    kind
                } else {
                    ExprKind::TypeName(SmolStr::new(pair.as_str()))
                }
            }
            Rule::string => self.string(pair),
            Rule::plain_string => self.plain_string(&pair),
            Rule::number | Rule::duration | Rule::size => ExprKind::Literal(self.number(&pair, negative)),
            Rule::boolean => ExprKind::Literal(Literal::Bool(pair.as_str() == "true")),
            Rule::nothing => ExprKind::Literal(Literal::Null),
            Rule::loop_value => ExprKind::Loop(if pair.as_str().ends_with("index") {
                LoopValue::Index
            } else {
                LoopValue::Last
            }),
            Rule::list => self.list(pair),
            Rule::record => ExprKind::Record(self.record(None, pair)),
            Rule::group => {
                let mut expr = self.expr(Cursor::new(pair).take());
                // The span takes the parentheses in.
                expr.span = span;
                return expr;
            }
            _ => ExprKind::Error,
        };
        Expr { kind, span }
    }

    /// `None`, `True`, `False`, and `Null` where a value stands.
    fn python_constant(&mut self, word: &str, span: Span) -> Option<ExprKind> {
        let (right, literal) = match word {
            "None" | "Null" => ("null", Literal::Null),
            "True" => ("true", Literal::Bool(true)),
            "False" => ("false", Literal::Bool(false)),
            _ => return None,
        };
        let at = self.at(span);
        self.diagnostics.push(
            Diagnostic::new(Code::UnexpectedToken, at, format!("`{word}` is written `{right}`"))
                .help(format!("write `{right}`"))
                .fix(format!("write `{right}`"), at, right),
        );
        Some(ExprKind::Literal(literal))
    }

    fn list(&mut self, pair: Pair<'_, Rule>) -> ExprKind {
        let mut cursor = Cursor::new(pair);
        let mut elements = Vec::new();
        while let Some(pair) = cursor.next() {
            let mut inner = Cursor::new(pair);
            let optional = inner.take_if(Rule::optional).is_some();
            elements.push(Element { optional, value: self.expr(inner.take()) });
        }
        ExprKind::List(elements)
    }

    pub(crate) fn record(&mut self, name: Option<Name>, pair: Pair<'_, Rule>) -> Record {
        let mut cursor = Cursor::new(pair);
        let mut entries = Vec::new();
        while let Some(pair) = cursor.next() {
            let mut inner = Cursor::new(pair);
            if inner.take_if(Rule::spread).is_some() {
                entries.push(Entry::Spread(self.expr(inner.take())));
                continue;
            }
            let optional = inner.take_if(Rule::optional).is_some();
            let key = self.key(inner.take());
            entries.push(Entry::Pair { optional, key, value: self.expr(inner.take()) });
        }
        Record { name, entries }
    }

    fn key(&mut self, pair: Pair<'_, Rule>) -> Key {
        let inner = Cursor::new(pair).take();
        let span = span_of(&inner);
        if inner.as_rule() == Rule::word {
            return match inner.as_str() {
                "true" => Key::Literal(Literal::Bool(true), span),
                "false" => Key::Literal(Literal::Bool(false), span),
                _ => Key::Name(name(&inner)),
            };
        }
        let mut expr = self.expr(inner);
        let in_brackets = self.text[expr.span.range()].starts_with('[');
        match &mut expr.kind {
            ExprKind::Literal(Literal::String(text)) => {
                Key::Name(Name { text: text.clone(), span: expr.span })
            }
            ExprKind::Literal(
                literal @ (Literal::Int(_)
                | Literal::Uint(_)
                | Literal::Float(_)
                | Literal::Duration(_)
                | Literal::Size(_)),
            ) => Key::Literal(literal.clone(), expr.span),
            ExprKind::List(elements) if in_brackets && elements.len() == 1 && !elements[0].optional => {
                Key::Computed(elements.remove(0).value)
            }
            _ => Key::Computed(expr),
        }
    }
}

/// Combines operands until the last operator binds looser than `level`.
fn reduce(operands: &mut Vec<Expr>, operators: &mut Vec<(BinaryOp, Span)>, level: u8) {
    while operators.last().is_some_and(|(op, _)| precedence(*op) >= level) {
        let (Some((op, op_span)), Some(right), Some(left)) =
            (operators.pop(), operands.pop(), operands.pop())
        else {
            return;
        };
        let span = left.span.to(right.span);
        operands.push(Expr { kind: ExprKind::Binary(Box::new(Binary { op, op_span, left, right })), span });
    }
}

/// A word or a quoted word after a dot.
fn member_name(pair: &Pair<'_, Rule>) -> Name {
    Name { text: SmolStr::new(pair.as_str().trim_matches('`')), span: span_of(pair) }
}
