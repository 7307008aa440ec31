//! Blocks, steps and arms.

use flow_syntax::tree::*;

use super::Printer;

impl Printer<'_> {
    pub(super) fn block(&mut self, block: &Block) {
        self.node(block.span);
        self.word("{");
        self.state(&block.state);
        block.steps.iter().for_each(|s| self.step(s));
        self.word("}");
    }

    pub(super) fn state(&mut self, slots: &[StateSlot]) {
        if slots.is_empty() {
            self.perhaps(&["state", "{", "}"]);
            return;
        }
        self.word("state");
        self.word("{");
        for slot in slots {
            self.node(slot.span);
            self.name(&slot.name);
            self.word(":");
            self.refined(&slot.ty);
            let merge_first = match (&slot.merge, &slot.initial) {
                (Some(merge), Some(initial)) => merge.span.start < initial.span.start,
                _ => false,
            };
            if !merge_first {
                self.initial(slot);
            }
            if let Some(merge) = &slot.merge {
                self.word("merge");
                self.name(merge);
            }
            if merge_first {
                self.initial(slot);
            }
        }
        self.word("}");
    }

    fn initial(&mut self, slot: &StateSlot) {
        if let Some(initial) = &slot.initial {
            self.word("=");
            self.expr(initial);
        }
    }

    pub(super) fn named(&mut self, name: Option<&Name>) {
        if let Some(name) = name {
            self.word("as");
            self.name(name);
        }
    }

    fn guard(&mut self, guard: Option<&Expr>) {
        if let Some(guard) = guard {
            self.word("if");
            self.expr(guard);
        }
    }

    pub(super) fn step(&mut self, step: &Step) {
        self.node(step.span);
        match &step.kind {
            StepKind::Let(s) => {
                self.word("let");
                self.name(&s.name);
                if let Some(ty) = &s.ty {
                    self.word(":");
                    self.refined(ty);
                }
                self.word("=");
                self.value(&s.value);
            }
            StepKind::Assign(s) => {
                self.expr(&s.target);
                self.word(if s.op == AssignOp::Set { "=" } else { "+=" });
                self.value(&s.value);
            }
            StepKind::Bare(value) => self.value(value),
            StepKind::If(s) => {
                for (n, (condition, block)) in s.branches.iter().enumerate() {
                    if n > 0 {
                        self.word("else");
                    }
                    self.word("if");
                    self.expr(condition);
                    self.block(block);
                }
                self.otherwise(s.otherwise.as_ref());
            }
            StepKind::Loop(s) => {
                self.word("loop");
                s.name.iter().for_each(|n| self.name(n));
                self.word("max");
                self.expr(&s.max);
                match &s.test {
                    Some(LoopTest::While(e)) => {
                        self.word("while");
                        self.expr(e);
                    }
                    Some(LoopTest::Until(e)) => {
                        self.word("until");
                        self.expr(e);
                    }
                    None => {}
                }
                self.block(&s.body);
                self.otherwise(s.otherwise.as_ref());
            }
            StepKind::For(s) => {
                self.word("for");
                self.binding(&s.binding);
                self.clause("max", s.max.as_ref());
                self.block(&s.body);
            }
            StepKind::Parallel(block) => {
                self.word("parallel");
                self.block(block);
            }
            StepKind::Saga(block) => {
                self.word("saga");
                self.block(block);
            }
            StepKind::Try(s) => {
                self.word("try");
                self.block(&s.body);
                if !s.arms.is_empty() {
                    self.word("catch");
                    self.catch_arms(&s.arms);
                }
                if let Some(finally) = &s.finally {
                    self.word("finally");
                    self.block(finally);
                }
            }
            StepKind::Return(s) => self.leave("return", s),
            StepKind::Yield(s) => self.leave("yield", s),
            StepKind::Break(s) => {
                self.word("break");
                self.guard(s.guard.as_ref());
            }
            StepKind::Continue(s) => {
                self.word("continue");
                self.guard(s.guard.as_ref());
            }
            StepKind::Goto(s) => {
                self.word("goto");
                self.target(&s.target);
                self.guard(s.guard.as_ref());
            }
            StepKind::Fail(s) => {
                self.word("fail");
                self.target(&s.target);
                self.guard(s.guard.as_ref());
            }
            StepKind::Emit(s) => {
                self.word("emit");
                self.expr(&s.value);
                self.named(s.name.as_ref());
                self.guard(s.guard.as_ref());
            }
            StepKind::Wait(s) => {
                self.word("wait");
                if s.until {
                    self.word("until");
                }
                self.expr(&s.time);
                self.named(s.name.as_ref());
            }
            StepKind::Error => self.fail("a lost step"),
        }
    }

    fn otherwise(&mut self, block: Option<&Block>) {
        if let Some(block) = block {
            self.word("else");
            self.block(block);
        }
    }

    fn leave(&mut self, word: &str, leave: &Leave) {
        self.word(word);
        leave.value.iter().for_each(|v| self.value(v));
        self.guard(leave.guard.as_ref());
    }

    fn clause(&mut self, word: &str, value: Option<&Expr>) {
        if let Some(value) = value {
            self.word(word);
            self.expr(value);
        }
    }

    fn binding(&mut self, binding: &Binding) {
        binding.index.iter().for_each(|n| self.name(n));
        self.name(&binding.item);
        self.word("in");
        self.expr(&binding.over);
    }

    pub(super) fn target(&mut self, target: &Target) {
        self.node(target.span);
        self.name(&target.name);
        if let Some(args) = &target.args {
            self.args(args);
        }
    }

    pub(super) fn value(&mut self, value: &Value) {
        self.node(value.span);
        match &value.kind {
            ValueKind::Expr(e) => self.expr(e),
            ValueKind::Do(block) => {
                self.word("do");
                self.block(block);
            }
            ValueKind::Race(race) => {
                self.node(race.span);
                self.word("race");
                self.word("{");
                for arm in &race.arms {
                    self.node(arm.span);
                    self.word("when");
                    self.step(&arm.step);
                    self.arm_body(&arm.body);
                }
                self.word("}");
            }
            ValueKind::ParallelFor(p) => {
                self.word("parallel");
                self.word("for");
                self.binding(&p.binding);
                self.clause("by", p.by.as_ref());
                self.clause("max", p.max.as_ref());
                self.clause("jobs", p.jobs.as_ref());
                if let Some(span) = p.collect {
                    self.leaf(span);
                }
                self.block(&p.body);
            }
            ValueKind::Route(route) => self.route(route),
            ValueKind::Graph(graph) => {
                self.node(graph.span);
                self.word("graph");
                graph.name.iter().for_each(|n| self.name(n));
                self.word("max");
                self.expr(&graph.max);
                self.word("{");
                for stage in &graph.stages {
                    self.node(stage.span);
                    self.word("stage");
                    self.name(&stage.name);
                    match stage.params.as_slice() {
                        [] => self.perhaps(&["(", ")"]),
                        params => self.params(params),
                    }
                    self.block(&stage.body);
                }
                self.word("}");
                self.otherwise(graph.otherwise.as_ref());
            }
        }
        self.named(value.name.as_ref());
        if let Some(with) = &value.with {
            self.node(with.span);
            self.word("with");
            self.record(&with.record);
        }
        match &value.catch {
            Some(Catch::Value(e)) => {
                self.word("catch");
                self.expr(e);
            }
            Some(Catch::Arms(arms)) => {
                self.word("catch");
                self.catch_arms(arms);
            }
            None => {}
        }
        self.clause("undo", value.undo.as_ref());
    }

    fn route(&mut self, route: &Route) {
        self.node(route.span);
        self.word("route");
        route.subject.iter().for_each(|e| self.expr(e));
        self.word("{");
        for arm in &route.arms {
            self.node(arm.span);
            match &arm.head {
                RouteHead::Patterns { patterns, guard } => {
                    self.word("when");
                    for (n, pattern) in patterns.iter().enumerate() {
                        if n > 0 {
                            self.word("|");
                        }
                        self.pattern(pattern);
                    }
                    self.guard(guard.as_ref());
                }
                RouteHead::Condition(e) => {
                    self.word("when");
                    self.expr(e);
                }
                RouteHead::Else => self.word("else"),
                RouteHead::Error => self.fail("a lost arm"),
            }
            self.arm_body(&arm.body);
        }
        self.word("}");
    }

    fn pattern(&mut self, pattern: &Pattern) {
        match &pattern.kind {
            PatternKind::Literal(_) => self.leaf(pattern.span),
            PatternKind::Value(name) => self.name(name),
            PatternKind::Qualified(ty, name) => {
                self.name(ty);
                self.word(".");
                self.name(name);
            }
            PatternKind::Variant { name, parts } => {
                self.name(name);
                if let Some(parts) = parts {
                    self.word("{");
                    for part in parts {
                        self.name(&part.field);
                        if part.binding.span != part.field.span {
                            self.word(":");
                            self.name(&part.binding);
                        }
                    }
                    self.word("}");
                }
            }
        }
        self.node(pattern.span);
    }

    fn catch_arms(&mut self, arms: &[CatchArm]) {
        self.word("{");
        for arm in arms {
            self.node(arm.span);
            match &arm.head {
                CatchHead::Kinds(kinds) => {
                    self.word("when");
                    for (n, kind) in kinds.iter().enumerate() {
                        if n > 0 {
                            self.word("|");
                        }
                        self.name(kind);
                    }
                }
                CatchHead::Else => self.word("else"),
                CatchHead::Error => self.fail("a lost arm"),
            }
            self.named(arm.binding.as_ref());
            self.arm_body(&arm.body);
        }
        self.word("}");
    }

    fn arm_body(&mut self, body: &ArmBody) {
        self.word("=>");
        match body {
            ArmBody::Value(value) => self.value(value),
            ArmBody::Step(step) => self.step(step),
            ArmBody::Block(block) => self.block(block),
            ArmBody::Error => self.fail("a lost body"),
        }
    }
}
