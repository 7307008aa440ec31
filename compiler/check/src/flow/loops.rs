//! `loop` and `for`.

use flow_diagnostics::Code;
use flow_ir::plan::{Counters, LoopTest, Statement};
use flow_ir::types::{IntRange, Size};
use flow_ir::{Expr, Type, Value};
use flow_source::Span;
use flow_syntax::tree::{self, ExprKind};
use smol_str::SmolStr;

use super::{FlowCheck, Frame};
use crate::cx::{BindingKind, Place};

impl FlowCheck<'_> {
    pub fn loop_step(&mut self, turns: &tree::Loop) {
        let max = self.max(&turns.max, true);
        let segment = turns.name.as_ref().map_or_else(|| SmolStr::from("loop"), |name| name.text.clone());
        self.forget_assigned(&turns.body);
        let path = self.enter(&format!("{segment}[]"));
        self.cx.counters.push(Counters::default());
        self.hoist = None;
        let mut test = match &turns.test {
            Some(tree::LoopTest::While(condition)) => LoopTest::While(self.condition(condition)),
            _ => LoopTest::None,
        };
        let header = self.point.clone();
        if let Some(tree::LoopTest::While(condition)) = &turns.test {
            self.cx.assume(condition, true);
        }
        self.frames.push(Frame::Loop { exit: Self::nowhere(), next: Self::nowhere(), skips: None });
        let mut until_exit = Self::nowhere();
        let body = self.scoped_block(|check| {
            let state = check.block_body(&turns.body);
            let mut skipped = None;
            if let Some(Frame::Loop { next, skips, .. }) = check.frames.last_mut() {
                let next = std::mem::replace(next, Self::nowhere());
                skipped = *skips;
                check.cx.point.meet(next);
            }
            if let Some(tree::LoopTest::Until(condition)) = &turns.test {
                check.hoist = None;
                check.cx.skipped = skipped.map(|(first, at)| (first..check.bindings.len() as u32, at));
                test = LoopTest::Until(check.condition(condition));
                check.cx.skipped = None;
                let on = check.point.clone();
                check.cx.assume(condition, true);
                until_exit = std::mem::replace(&mut check.cx.point, on);
                check.cx.assume(condition, false);
            }
            state
        });
        let Some(Frame::Loop { exit, .. }) = self.frames.pop() else { return };
        let counters = self.cx.counters.pop().unwrap_or_default();
        self.leave(path);
        // The turns have run out: at least one has been.
        let otherwise = turns.otherwise.as_ref().map(|block| self.plain_block(block));
        if otherwise.is_none() {
            self.cx.point.reachable = false;
        }
        self.cx.point.meet(exit);
        self.cx.point.meet(until_exit);
        if let Some(tree::LoopTest::While(condition)) = &turns.test {
            let mut left = header;
            std::mem::swap(&mut left, &mut self.cx.point);
            self.cx.assume(condition, false);
            std::mem::swap(&mut left, &mut self.cx.point);
            self.cx.point.meet(left);
        }
        self.emit(Statement::Loop { segment, max, test, body, otherwise, counters });
    }

    /// Checks a `max`: a constant, or a value whose type has an upper bound (S9).
    pub fn max(&mut self, expr: &tree::Expr, at_least_one: bool) -> Expr {
        // What was meant as the missing count isn't unused as well.
        let mended = matches!(expr.kind, ExprKind::Literal(_))
            && !self.text(expr.span).starts_with(|c: char| c.is_ascii_digit() || c == '-' || c == '.');
        if mended || matches!(expr.kind, ExprKind::Error) {
            self.cx.absent.push(Type::INT);
        }
        let typed = self.expr(expr, Some(&Type::INT));
        if let Some(Value::Int(number)) = self.folded(&typed.expr) {
            self.cx.counts.insert(expr.span, u64::try_from(number).unwrap_or(0));
            if number < i64::from(at_least_one) {
                let diagnostic = self
                    .error(Code::EmptyRange, expr.span, "a loop of no turn")
                    .here(format!("`max` is at least {}", i64::from(at_least_one)))
                    .help("write how many turns it has at most, such as `10`, or take the loop out");
                self.report(diagnostic);
            }
            return Expr::Const(Value::Int(number));
        }
        match strip(&typed.ty) {
            Type::Error => {}
            Type::Nullable(_) | Type::Optional(_) => self.may_be_null(&typed.ty, expr.span, "`max`"),
            Type::Int(IntRange { max: None, .. }) => {
                let diagnostic = self
                    .error(Code::UnboundedLoop, expr.span, "this `max` has no bound itself")
                    .here(format!("`{}` may be any number", typed.ty))
                    .help("declare the name with a range, such as `int(1..10)`, or write a number");
                self.report(diagnostic);
            }
            Type::Int(IntRange { min, max: Some(max) }) => {
                self.cx.counts.insert(expr.span, u64::try_from(max).unwrap_or(0));
                if at_least_one && min.is_none_or(|min| min < 1) {
                    let diagnostic = self
                        .error(Code::EmptyRange, expr.span, "this loop may have no turn")
                        .here(format!("`{}` may be less than 1", typed.ty))
                        .help("let its range start at 1: `int(1..10)`");
                    self.report(diagnostic);
                }
            }
            other => {
                let diagnostic = self
                    .error(Code::TypeMismatch, expr.span, format!("expected `int`, found `{other}`"))
                    .here("`max` is a count")
                    .help("write a number, or a name with a range");
                self.report(diagnostic);
            }
        }
        typed.expr
    }

    /// Checks that what is walked has an end: an upper size, or `max`. A missing `max` would stand after `before`.
    pub fn walk_bound(
        &mut self,
        over: &Type,
        max: Option<&tree::Expr>,
        span: Span,
        before: Span,
    ) -> (Option<Expr>, Size) {
        let size = match strip(over) {
            Type::List(_, size) => size,
            _ => Size::default(),
        };
        if let Some(max) = max {
            let bound = self.max(max, false);
            let at_most = self.counts.get(&max.span).copied();
            let upper = match (size.max, at_most) {
                (Some(a), Some(b)) => Some(a.min(b)),
                (a, b) => a.or(b),
            };
            if let Some(upper) = upper {
                self.cx.counts.insert(span, upper);
            }
            return (
                Some(bound),
                Size { min: size.min.filter(|min| upper.is_none_or(|upper| *min <= upper)), max: upper },
            );
        }
        let endless = match strip(over) {
            Type::List(_, size) => size.max.is_none(),
            Type::Map(..) => true,
            _ => false,
        };
        if endless {
            let diagnostic = self
                .error(Code::UnboundedLoop, span, format!("`{over}` has no upper size"))
                .here("may be of any length")
                .help("say how many at most: `max 50`; a longer list fails with `exhausted`")
                .fix("add `max 50`", self.at(Span::at(before.end)), " max 50");
            self.report(diagnostic);
        }
        if let Some(upper) = size.max {
            self.cx.counts.insert(span, upper);
        }
        (None, size)
    }

    pub fn for_step(&mut self, walk: &tree::For) {
        let binding = &walk.binding;
        let over = self.expr(&binding.over, None);
        let (index_type, item_type) = self.walked(&over.ty, binding.over.span, binding.index.is_some());
        let span = binding.over.span;
        let (max, _) = self.walk_bound(&over.ty, walk.max.as_ref(), span, span);
        self.forget_assigned(&walk.body);
        let segment = binding.item.text.clone();
        let path = self.enter(&format!("{segment}[]"));
        let header = self.point.clone();
        self.cx.counters.push(Counters::default());
        self.frames.push(Frame::Loop { exit: Self::nowhere(), next: Self::nowhere(), skips: None });
        let (mut index, mut item) = (None, 0);
        let body = self.scoped_block(|check| {
            index = binding.index.as_ref().map(|name| {
                let slot = check.slot(name.text.clone(), index_type.clone());
                check.bind(name, index_type.clone(), BindingKind::Variable, Place::Slot(slot));
                slot
            });
            item = check.slot(segment.clone(), item_type.clone());
            check.bind(&binding.item, item_type.clone(), BindingKind::Variable, Place::Slot(item));
            check.block_body(&walk.body)
        });
        if let Some(Frame::Loop { exit, next, .. }) = self.frames.pop() {
            self.cx.point.meet(next);
            self.cx.point.meet(exit);
        }
        let counters = self.cx.counters.pop().unwrap_or_default();
        self.leave(path);
        // It may turn zero times.
        self.cx.point.meet(header);
        self.emit(Statement::For { segment, over: over.expr, max, index, item, body, counters });
    }
}

fn strip(ty: &Type) -> Type {
    match ty {
        Type::Where(rule) => strip(&rule.base),
        Type::Literals(all) => {
            let numbers = all.iter().filter_map(|literal| match literal {
                flow_ir::types::Literal::Int(number) => Some(*number),
                _ => None,
            });
            match (numbers.clone().min(), numbers.max()) {
                (Some(min), Some(max)) => Type::Int(IntRange { min: Some(min), max: Some(max) }),
                _ => ty.clone(),
            }
        }
        other => other.clone(),
    }
}
