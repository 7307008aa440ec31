//! Steps, blocks and arms.

use flow_grammar::Rule;
use flow_source::Span;
use pest::iterators::Pair;

use super::{Builder, Cursor, name, span_of};
use crate::lexer::TokenKind;
use crate::outline::Outline;
use crate::tree::{
    ArmBody, Assign, AssignOp, Binding, Block, Catch, CatchArm, CatchHead, Emit, Expr, ExprKind, For, Goto,
    Graph, If, Jump, Leave, Let, Literal, Loop, LoopTest, Name, ParallelFor, Pattern, PatternKind,
    PatternPart, Race, RaceArm, Route, RouteArm, RouteHead, Stage, StateSlot, Step, StepKind, Target, Try,
    TypeExpr, TypeKind, Value, ValueKind, Wait, With,
};

impl Builder<'_> {
    /// `block`
    pub(super) fn block(&mut self, pair: Pair<'_, Rule>) -> Block {
        let span = span_of(&pair);
        let mut cursor = Cursor::new(pair);
        let mut state = cursor.take_if(Rule::state).map(|pair| self.state(pair)).unwrap_or_default();
        let mut steps = Vec::new();
        while let Some(pair) = cursor.next() {
            self.lost_state(&pair, &mut state);
            steps.push(self.step(pair));
        }
        Block { state, steps, span }
    }

    /// `state`
    pub(super) fn state(&mut self, pair: Pair<'_, Rule>) -> Vec<StateSlot> {
        let mut cursor = Cursor::new(pair);
        let mut slots = Vec::new();
        while let Some(pair) = cursor.next() {
            let span = span_of(&pair);
            if pair.as_rule() == Rule::poison {
                slots.extend(self.lost_word(span).map(|name| lost_slot(name, span)));
                continue;
            }
            let docs = self.docs(&cursor.docs);
            let mut inner = Cursor::new(pair);
            let name = name(&inner.take());
            let ty = self.refined(inner.take());
            let mut slot = StateSlot { docs, name, ty, initial: None, merge: None, span };
            while let Some(pair) = inner.next() {
                let is_merge = pair.as_rule() == Rule::merge;
                let value = Cursor::new(pair).take();
                if is_merge {
                    slot.merge = Some(super::name(&value));
                } else {
                    slot.initial = Some(self.expr(value));
                }
            }
            slots.push(slot);
        }
        slots
    }

    /// `state { … }` that stands after a step was reported, and its names are declared all the same.
    pub(super) fn lost_state(&self, pair: &Pair<'_, Rule>, state: &mut Vec<StateSlot>) {
        if pair.as_rule() != Rule::poison {
            return;
        }
        let span = span_of(pair);
        let outline = Outline::new(self.poisoned(span));
        if outline.word(0) != "state" || outline.word(1) != "{" {
            return;
        }
        let mut depth = 0usize;
        for i in 1..outline.tokens.len() {
            match outline.kind(i) {
                Some(TokenKind::Open | TokenKind::SpliceOpen) => depth += 1,
                Some(TokenKind::Close | TokenKind::SpliceClose) => depth = depth.saturating_sub(1),
                // After a `?` the word before a colon is a value.
                Some(TokenKind::Word)
                    if depth == 1
                        && outline.word(i + 1) == ":"
                        && (matches!(outline.word(i - 1), "{" | ",") || outline.ends_operand(i - 1)) =>
                {
                    let at = outline.tokens[i].span.shift(span.start);
                    let name = Name { text: outline.word(i).into(), span: at };
                    if state.iter().all(|slot| slot.name.text != name.text) {
                        state.push(lost_slot(name, at));
                    }
                }
                _ => {}
            }
        }
    }

    /// Any rule of `step`
    pub(super) fn step(&mut self, pair: Pair<'_, Rule>) -> Step {
        let span = span_of(&pair);
        let kind = match pair.as_rule() {
            Rule::let_step => StepKind::Let(self.let_step(pair)),
            Rule::assign => {
                let mut cursor = Cursor::new(pair);
                let target = self.place(cursor.take());
                let op = if cursor.take().as_str() == "=" { AssignOp::Set } else { AssignOp::Add };
                StepKind::Assign(Assign { target, op, value: self.value(cursor.take()) })
            }
            Rule::bare_step | Rule::bare_compound => StepKind::Bare(self.value(pair)),
            Rule::if_step => StepKind::If(self.if_step(pair)),
            Rule::loop_step => StepKind::Loop(self.loop_step(pair)),
            Rule::for_step => {
                let mut cursor = Cursor::new(pair);
                let binding = self.binding(cursor.take());
                let max = cursor.take_if(Rule::at_most).map(|pair| self.inner_expr(pair));
                StepKind::For(For { binding, max, body: self.block(cursor.take()) })
            }
            Rule::parallel => StepKind::Parallel(self.inner_block(pair)),
            Rule::saga => StepKind::Saga(self.inner_block(pair)),
            Rule::try_step => StepKind::Try(self.try_step(pair)),
            Rule::return_step => StepKind::Return(self.leave(pair)),
            Rule::yield_step => StepKind::Yield(self.leave(pair)),
            Rule::break_step => StepKind::Break(Jump { guard: self.guard(&mut Cursor::new(pair)) }),
            Rule::continue_step => StepKind::Continue(Jump { guard: self.guard(&mut Cursor::new(pair)) }),
            Rule::goto_step => StepKind::Goto(self.goto(pair)),
            Rule::fail_step => StepKind::Fail(self.goto(pair)),
            Rule::emit_step => {
                let mut cursor = Cursor::new(pair);
                let value = self.expr(cursor.take());
                let name = step_name(&mut cursor);
                StepKind::Emit(Emit { value, name, guard: self.guard(&mut cursor) })
            }
            Rule::wait_step => {
                let mut cursor = Cursor::new(pair);
                let until = cursor.take_if(Rule::wait_until).is_some();
                let time = self.expr(cursor.take());
                StepKind::Wait(Wait { until, time, name: step_name(&mut cursor) })
            }
            _ => self.lost_step(span),
        };
        Step { kind, span }
    }

    /// A step that could not be read still binds or assigns the name that it starts with.
    fn lost_step(&mut self, span: Span) -> StepKind {
        let words = self.lost_tokens(span);
        let lost = Expr { kind: ExprKind::Error, span };
        let value =
            Value { kind: ValueKind::Expr(lost), name: None, with: None, catch: None, undo: None, span };
        match &words[..] {
            [first, second, ..] if first.as_str() == "let" && is_lower(second) => {
                StepKind::Let(Let { name: second.clone(), ty: None, value })
            }
            [first, second, ..] if is_lower(first) && matches!(second.as_str(), "=" | "+=") => {
                StepKind::Assign(Assign {
                    target: Expr { kind: ExprKind::Name(first.text.clone()), span: first.span },
                    op: if second.as_str() == "=" { AssignOp::Set } else { AssignOp::Add },
                    value,
                })
            }
            _ => StepKind::Error,
        }
    }

    fn let_step(&mut self, pair: Pair<'_, Rule>) -> Let {
        let mut cursor = Cursor::new(pair);
        let name = name(&cursor.take());
        let ty = cursor.take_if(Rule::refined).map(|pair| self.refined(pair));
        Let { name, ty, value: self.value(cursor.take()) }
    }

    /// `value`, `bare_step`, `bare_compound`
    pub(super) fn value(&mut self, pair: Pair<'_, Rule>) -> Value {
        let span = span_of(&pair);
        let mut cursor = Cursor::new(pair);
        let first = cursor.take();
        let kind = match first.as_rule() {
            Rule::do_block => ValueKind::Do(self.inner_block(first)),
            Rule::race => ValueKind::Race(self.race(first)),
            Rule::parallel_for => ValueKind::ParallelFor(Box::new(self.parallel_for(first))),
            Rule::route => ValueKind::Route(self.route(first)),
            Rule::graph => ValueKind::Graph(self.graph(first)),
            _ => ValueKind::Expr(self.expr(first)),
        };
        let name = step_name(&mut cursor);
        let with = cursor.take_if(Rule::with).map(|pair| {
            let span = span_of(&pair);
            With { record: self.record(None, Cursor::new(pair).take()), span }
        });
        let catch = cursor.take_if(Rule::catch).map(|pair| {
            let inner = Cursor::new(pair).take();
            if inner.as_rule() == Rule::catch_arms {
                Catch::Arms(self.catch_arms(inner))
            } else {
                Catch::Value(Box::new(self.expr(inner)))
            }
        });
        let undo = cursor.take_if(Rule::undo).map(|pair| self.postfix(Cursor::new(pair).take()));
        Value { kind, name, with, catch, undo, span }
    }

    /// The expression of a rule that holds nothing else: `at_most`, `guard`, `jobs`.
    pub(super) fn inner_expr(&mut self, pair: Pair<'_, Rule>) -> Expr {
        self.expr(Cursor::new(pair).take())
    }

    pub(super) fn inner_block(&mut self, pair: Pair<'_, Rule>) -> Block {
        self.block(Cursor::new(pair).take())
    }

    fn guard(&mut self, cursor: &mut Cursor<'_>) -> Option<Expr> {
        cursor.take_if(Rule::guard).map(|pair| self.inner_expr(pair))
    }

    fn leave(&mut self, pair: Pair<'_, Rule>) -> Leave {
        let mut cursor = Cursor::new(pair);
        let value = cursor.take_if(Rule::value).map(|pair| self.value(pair));
        Leave { value, guard: self.guard(&mut cursor) }
    }

    fn goto(&mut self, pair: Pair<'_, Rule>) -> Goto {
        let mut cursor = Cursor::new(pair);
        let target = self.target(cursor.take());
        Goto { target, guard: self.guard(&mut cursor) }
    }

    /// `target`
    pub(super) fn target(&mut self, pair: Pair<'_, Rule>) -> Target {
        let span = span_of(&pair);
        let mut cursor = Cursor::new(pair);
        let name = name(&cursor.take());
        Target { name, args: cursor.next().map(|pair| self.args(pair)), span }
    }

    /// `binding`
    pub(super) fn binding(&mut self, pair: Pair<'_, Rule>) -> Binding {
        let mut cursor = Cursor::new(pair);
        let first = name(&cursor.take());
        let second = cursor.take_if(Rule::ident).map(|pair| name(&pair));
        let over = self.expr(cursor.take());
        match second {
            Some(item) => Binding { index: Some(first), item, over },
            None => Binding { index: None, item: first, over },
        }
    }

    fn parallel_for(&mut self, pair: Pair<'_, Rule>) -> ParallelFor {
        let mut cursor = Cursor::new(pair);
        let binding = self.binding(cursor.take());
        let by = cursor.take_if(Rule::by_key).map(|pair| self.inner_expr(pair));
        let max = cursor.take_if(Rule::at_most).map(|pair| self.inner_expr(pair));
        let jobs = cursor.take_if(Rule::jobs).map(|pair| self.inner_expr(pair));
        let collect = cursor.take_if(Rule::collect).map(|pair| span_of(&pair));
        ParallelFor { binding, by, max, jobs, collect, body: self.block(cursor.take()) }
    }

    fn otherwise(&mut self, cursor: &mut Cursor<'_>) -> Option<Block> {
        cursor.take_if(Rule::otherwise).map(|pair| self.inner_block(pair))
    }

    fn if_step(&mut self, pair: Pair<'_, Rule>) -> If {
        let mut cursor = Cursor::new(pair);
        let mut branches = Vec::new();
        while let Some(condition) = cursor.take_if(Rule::expr) {
            let condition = self.expr(condition);
            branches.push((condition, self.block(cursor.take())));
        }
        If { branches, otherwise: self.otherwise(&mut cursor) }
    }

    fn loop_step(&mut self, pair: Pair<'_, Rule>) -> Loop {
        let mut cursor = Cursor::new(pair);
        let name = cursor.take_if(Rule::ident).map(|pair| name(&pair));
        let max = self.inner_expr(cursor.take());
        let test = match cursor.peek() {
            Some(Rule::while_test) => Some(LoopTest::While(self.inner_expr(cursor.take()))),
            Some(Rule::until_test) => Some(LoopTest::Until(self.inner_expr(cursor.take()))),
            _ => None,
        };
        let body = self.block(cursor.take());
        Loop { name, max, test, body, otherwise: self.otherwise(&mut cursor) }
    }

    fn try_step(&mut self, pair: Pair<'_, Rule>) -> Try {
        let mut cursor = Cursor::new(pair);
        let body = self.block(cursor.take());
        let arms = cursor.take_if(Rule::catch_arms).map(|pair| self.catch_arms(pair)).unwrap_or_default();
        let finally = cursor.take_if(Rule::finally).map(|pair| self.inner_block(pair));
        Try { body, arms, finally }
    }

    fn graph(&mut self, pair: Pair<'_, Rule>) -> Graph {
        let span = span_of(&pair);
        let mut cursor = Cursor::new(pair);
        let name = cursor.take_if(Rule::ident).map(|pair| name(&pair));
        let max = Box::new(self.inner_expr(cursor.take()));
        let mut stages = Vec::new();
        while let Some(pair) = cursor.take_if(Rule::stage).or_else(|| cursor.take_if(Rule::poison)) {
            let span = span_of(&pair);
            if pair.as_rule() == Rule::poison {
                if let [_, name, ..] = &self.lost_tokens(span)[..] {
                    let body =
                        Block { state: Vec::new(), steps: vec![Step { kind: StepKind::Error, span }], span };
                    stages.push(Stage { docs: None, name: name.clone(), params: Vec::new(), body, span });
                } else {
                    self.lost = true;
                }
                continue;
            }
            let docs = self.docs(&cursor.docs);
            let mut inner = Cursor::new(pair);
            let name = super::name(&inner.take());
            let params = inner.take_if(Rule::params).map(|pair| self.params(pair)).unwrap_or_default();
            stages.push(Stage { docs, name, params, body: self.block(inner.take()), span });
        }
        Graph { name, max, stages, otherwise: self.otherwise(&mut cursor), span }
    }

    fn route(&mut self, pair: Pair<'_, Rule>) -> Route {
        let span = span_of(&pair);
        let mut cursor = Cursor::new(pair);
        let subject = cursor.take_if(Rule::expr).map(|pair| self.expr(pair));
        let mut arms = Vec::new();
        while let Some(pair) = cursor.next() {
            arms.push(self.route_arm(pair));
        }
        Route { subject, arms, span }
    }

    fn route_arm(&mut self, pair: Pair<'_, Rule>) -> RouteArm {
        let (span, rule) = (span_of(&pair), pair.as_rule());
        if rule == Rule::poison {
            return RouteArm { head: RouteHead::Error, body: ArmBody::Error, span };
        }
        let mut cursor = Cursor::new(pair);
        let head = if cursor.take_if(Rule::else_head).is_some() {
            RouteHead::Else
        } else if rule == Rule::cond_arm {
            RouteHead::Condition(self.expr(cursor.take()))
        } else {
            let mut patterns = Vec::new();
            while let Some(pair) = cursor.take_if(Rule::pattern) {
                patterns.push(self.pattern(pair));
            }
            RouteHead::Patterns { patterns, guard: cursor.take_if(Rule::expr).map(|pair| self.expr(pair)) }
        };
        RouteArm { head, body: self.arm_body(cursor.take()), span }
    }

    /// `catch_arms`
    fn catch_arms(&mut self, pair: Pair<'_, Rule>) -> Vec<CatchArm> {
        let mut cursor = Cursor::new(pair);
        let mut arms = Vec::new();
        while let Some(pair) = cursor.next() {
            let span = span_of(&pair);
            if pair.as_rule() == Rule::poison {
                arms.push(CatchArm { head: CatchHead::Error, binding: None, body: ArmBody::Error, span });
                continue;
            }
            let mut inner = Cursor::new(pair);
            let head = if inner.take_if(Rule::else_head).is_some() {
                CatchHead::Else
            } else {
                let mut kinds = Vec::new();
                while let Some(pair) = inner.take_if(Rule::ident) {
                    kinds.push(name(&pair));
                }
                CatchHead::Kinds(kinds)
            };
            let binding = inner.take_if(Rule::error_name).map(|pair| name(&pair));
            arms.push(CatchArm { head, binding, body: self.arm_body(inner.take()), span });
        }
        arms
    }

    fn race(&mut self, pair: Pair<'_, Rule>) -> Race {
        let span = span_of(&pair);
        let mut cursor = Cursor::new(pair);
        let mut arms = Vec::new();
        while let Some(pair) = cursor.next() {
            let span = span_of(&pair);
            if pair.as_rule() == Rule::poison {
                let step = Box::new(Step { kind: StepKind::Error, span });
                arms.push(RaceArm { step, body: ArmBody::Error, span });
                continue;
            }
            let mut inner = Cursor::new(pair);
            let step = Box::new(self.step(inner.take()));
            arms.push(RaceArm { step, body: self.arm_body(inner.take()), span });
        }
        Race { arms, span }
    }

    /// `arm_body`
    fn arm_body(&mut self, pair: Pair<'_, Rule>) -> ArmBody {
        let inner = Cursor::new(pair).take();
        match inner.as_rule() {
            Rule::block => ArmBody::Block(self.block(inner)),
            Rule::value => ArmBody::Value(Box::new(self.value(inner))),
            _ => ArmBody::Step(Box::new(self.step(inner))),
        }
    }

    fn pattern(&mut self, pair: Pair<'_, Rule>) -> Pattern {
        let span = span_of(&pair);
        let inner = Cursor::new(pair).take();
        let kind = match inner.as_rule() {
            Rule::string => PatternKind::Literal(Literal::String(self.constant_string(inner))),
            Rule::plain_string => match self.plain_string(&inner) {
                ExprKind::Literal(literal) => PatternKind::Literal(literal),
                _ => PatternKind::Literal(Literal::Null),
            },
            Rule::signed => PatternKind::Literal(self.signed(inner)),
            Rule::boolean => PatternKind::Literal(Literal::Bool(inner.as_str() == "true")),
            Rule::nothing => PatternKind::Literal(Literal::Null),
            Rule::variant_pattern => self.variant_pattern(inner),
            _ => PatternKind::Value(name(&inner)),
        };
        Pattern { kind, span }
    }

    fn variant_pattern(&mut self, pair: Pair<'_, Rule>) -> PatternKind {
        let mut cursor = Cursor::new(pair);
        let type_name = name(&cursor.take());
        let Some(inner) = cursor.next() else { return PatternKind::Variant { name: type_name, parts: None } };
        if inner.as_rule() == Rule::value_word {
            return PatternKind::Qualified(type_name, name(&inner));
        }
        let mut cursor = Cursor::new(inner);
        let mut parts = Vec::new();
        while let Some(pair) = cursor.next() {
            let mut inner = Cursor::new(pair);
            let field = self.field_name(inner.take());
            let binding = inner.next().map_or_else(|| field.clone(), |pair| name(&pair));
            parts.push(PatternPart { field, binding });
        }
        PatternKind::Variant { name: type_name, parts: Some(parts) }
    }
}

fn step_name(cursor: &mut Cursor<'_>) -> Option<Name> {
    cursor.take_if(Rule::step_name).map(|pair| name(&Cursor::new(pair).take()))
}

fn is_lower(name: &Name) -> bool {
    name.text.starts_with(|c: char| c.is_ascii_lowercase() || c == '_')
}

/// A state that could not be read, but for its name.
fn lost_slot(name: Name, span: Span) -> StateSlot {
    let initial = Some(Expr { kind: ExprKind::Error, span });
    StateSlot { docs: None, name, ty: lost_type(span), initial, merge: None, span }
}

/// The type of something that could not be read.
pub(super) fn lost_type(span: Span) -> crate::tree::RefinedType {
    let ty = TypeExpr { trust: None, kind: TypeKind::Error, range: None, nullable: false, span };
    crate::tree::RefinedType { ty, rule: None }
}
