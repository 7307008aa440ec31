//! Every span of a tree, to move them together.

use flow_source::Span;

use super::{
    Arg, ArmBody, Binding, Block, Catch, CatchHead, CodeBody, Docs, Entry, Expr, ExprKind, Field, FieldValue,
    Graph, ItemKind, Key, LoopTest, MockOutcome, MockTarget, Name, Param, PatternKind, Piece, Race,
    RecordType, RefinedType, Route, RouteHead, StateSlot, Step, StepKind, Target, TestPart, Text, TypeBody,
    TypeExpr, TypeKind, UnionMember, Value, ValueKind,
};

/// What is done with each span.
type Map<'a> = &'a dyn Fn(Span) -> Span;

/// Replaces every span of an item by what `map` makes of it.
pub(crate) fn map_item(item: &mut ItemKind, map: Map<'_>) {
    match item {
        ItemKind::Import(i) => {
            for imported in &mut i.names {
                name(&mut imported.name, map);
                imported.alias.iter_mut().for_each(|n| name(n, map));
            }
            text(&mut i.from, map);
        }
        ItemKind::Const(i) => {
            name(&mut i.name, map);
            i.ty.iter_mut().for_each(|t| refined(t, map));
            map_spans(&mut i.value, map);
        }
        ItemKind::Model(i) => {
            name(&mut i.name, map);
            map_spans(&mut i.source, map);
            fields(&mut i.fields, map);
        }
        ItemKind::Type(i) => {
            name(&mut i.name, map);
            match &mut i.body {
                TypeBody::Record(r) => record_type(r, map),
                TypeBody::Union(u) => {
                    u.span = map(u.span);
                    for member in &mut u.members {
                        match member {
                            UnionMember::Variant(v) => {
                                docs(&mut v.docs, map);
                                name(&mut v.name, map);
                                record_type(&mut v.body, map);
                                v.span = map(v.span);
                            }
                            UnionMember::Type(t) => ty(t, map),
                        }
                    }
                }
            }
            i.rule.iter_mut().for_each(|e| map_spans(e, map));
        }
        ItemKind::Enum(i) => {
            name(&mut i.name, map);
            for value in &mut i.values {
                docs(&mut value.docs, map);
                name(&mut value.name, map);
            }
        }
        ItemKind::Node(i) => {
            name(&mut i.name, map);
            params(&mut i.params, map);
            ty(&mut i.returns, map);
            fields(&mut i.fields, map);
        }
        ItemKind::Server(i) => {
            name(&mut i.name, map);
            map_spans(&mut i.source, map);
            fields(&mut i.fields, map);
        }
        ItemKind::Code(i) => {
            name(&mut i.name, map);
            params(&mut i.params, map);
            ty(&mut i.returns, map);
            match &mut i.body {
                CodeBody::Value(v) => value(v, map),
                CodeBody::Block(b) => block(b, map),
            }
        }
        ItemKind::Flow(i) => {
            name(&mut i.name, map);
            params(&mut i.params, map);
            i.returns.iter_mut().chain(&mut i.emits).for_each(|t| ty(t, map));
            if let Some(budget) = &mut i.budget {
                budget.span = map(budget.span);
                fields(&mut budget.fields, map);
            }
            i.state.iter_mut().for_each(|s| slot(s, map));
            i.steps.iter_mut().for_each(|s| step(s, map));
            if let Some(on_error) = &mut i.on_error {
                on_error.span = map(on_error.span);
                on_error.binding.iter_mut().for_each(|n| name(n, map));
                block(&mut on_error.block, map);
            }
            i.body_span = map(i.body_span);
        }
        ItemKind::Memory(i) => {
            i.trusted.iter_mut().for_each(|s| *s = map(*s));
            name(&mut i.name, map);
            refined(&mut i.ty, map);
            map_spans(&mut i.store, map);
            fields(&mut i.fields, map);
        }
        ItemKind::Trigger(i) => {
            name(&mut i.name, map);
            map_spans(&mut i.source, map);
            fields(&mut i.source_fields, map);
            i.target.iter_mut().for_each(|e| map_spans(e, map));
            fields(&mut i.fields, map);
        }
        ItemKind::Allow(i) => {
            i.entries.iter_mut().for_each(|e| map_spans(e, map));
            i.list_span = map(i.list_span);
        }
        ItemKind::Test(i) => {
            text(&mut i.title, map);
            i.replay.iter_mut().for_each(|t| text(t, map));
            i.parts.iter_mut().for_each(|p| part(p, map));
            i.body_span = map(i.body_span);
        }
        ItemKind::Eval(i) => {
            name(&mut i.name, map);
            name(&mut i.of, map);
            fields(&mut i.fields, map);
            for measure in &mut i.measures {
                measure.span = map(measure.span);
                name(&mut measure.name, map);
                value(&mut measure.value, map);
            }
            for gate in &mut i.gates {
                gate.span = map(gate.span);
                text(&mut gate.title, map);
                map_spans(&mut gate.condition, map);
            }
        }
        ItemKind::Variant(i) => {
            name(&mut i.name, map);
            name(&mut i.of, map);
            fields(&mut i.fields, map);
        }
        ItemKind::Error(i) => {
            i.keyword.iter_mut().chain(&mut i.name).chain(&mut i.imported).for_each(|n| name(n, map))
        }
    }
}

fn part(part: &mut TestPart, map: Map<'_>) {
    match part {
        TestPart::Mock(m) => {
            m.span = map(m.span);
            match &mut m.target {
                MockTarget::Coordinate(t) => text(t, map),
                MockTarget::Node(e) => map_spans(e, map),
            }
            match &mut m.outcome {
                MockOutcome::Value(e) => map_spans(e, map),
                MockOutcome::Fail(t) => target(t, map),
            }
            m.after.iter_mut().for_each(|e| map_spans(e, map));
        }
        TestPart::Expect(e) => {
            e.span = map(e.span);
            map_spans(&mut e.condition, map);
            e.before.iter_mut().for_each(|e| map_spans(e, map));
        }
        TestPart::Step(s) => step(s, map),
    }
}

fn docs(docs: &mut Option<Docs>, map: Map<'_>) {
    docs.iter_mut().for_each(|d| d.span = map(d.span));
}

fn text(text: &mut Text, map: Map<'_>) {
    text.span = map(text.span);
}

fn params(params: &mut [Param], map: Map<'_>) {
    for param in params {
        docs(&mut param.docs, map);
        name(&mut param.name, map);
        refined(&mut param.ty, map);
        param.default.iter_mut().for_each(|e| map_spans(e, map));
        param.span = map(param.span);
    }
}

fn fields(fields: &mut [Field], map: Map<'_>) {
    for field in fields {
        docs(&mut field.docs, map);
        name(&mut field.key, map);
        match &mut field.value {
            FieldValue::Expr(e) | FieldValue::By(e) | FieldValue::Trusted(e) => map_spans(e, map),
            FieldValue::Python(t) => text(t, map),
            FieldValue::Tools(uses) => {
                for one in uses {
                    map_spans(&mut one.tool, map);
                    one.max.iter_mut().for_each(|e| map_spans(e, map));
                    one.span = map(one.span);
                }
            }
            FieldValue::Error => {}
        }
        field.span = map(field.span);
    }
}

fn block(block: &mut Block, map: Map<'_>) {
    block.state.iter_mut().for_each(|s| slot(s, map));
    block.steps.iter_mut().for_each(|s| step(s, map));
    block.span = map(block.span);
}

fn slot(slot: &mut StateSlot, map: Map<'_>) {
    docs(&mut slot.docs, map);
    name(&mut slot.name, map);
    refined(&mut slot.ty, map);
    slot.initial.iter_mut().for_each(|e| map_spans(e, map));
    slot.merge.iter_mut().for_each(|n| name(n, map));
    slot.span = map(slot.span);
}

fn step(step: &mut Step, map: Map<'_>) {
    step.span = map(step.span);
    match &mut step.kind {
        StepKind::Let(s) => {
            name(&mut s.name, map);
            s.ty.iter_mut().for_each(|t| refined(t, map));
            value(&mut s.value, map);
        }
        StepKind::Assign(s) => {
            map_spans(&mut s.target, map);
            value(&mut s.value, map);
        }
        StepKind::Bare(v) => value(v, map),
        StepKind::If(s) => {
            for (condition, then) in &mut s.branches {
                map_spans(condition, map);
                block(then, map);
            }
            s.otherwise.iter_mut().for_each(|b| block(b, map));
        }
        StepKind::Loop(s) => {
            s.name.iter_mut().for_each(|n| name(n, map));
            map_spans(&mut s.max, map);
            if let Some(LoopTest::While(e) | LoopTest::Until(e)) = &mut s.test {
                map_spans(e, map);
            }
            block(&mut s.body, map);
            s.otherwise.iter_mut().for_each(|b| block(b, map));
        }
        StepKind::For(s) => {
            binding(&mut s.binding, map);
            s.max.iter_mut().for_each(|e| map_spans(e, map));
            block(&mut s.body, map);
        }
        StepKind::Parallel(b) | StepKind::Saga(b) => block(b, map),
        StepKind::Try(s) => {
            block(&mut s.body, map);
            catch_arms(&mut s.arms, map);
            s.finally.iter_mut().for_each(|b| block(b, map));
        }
        StepKind::Return(s) | StepKind::Yield(s) => {
            s.value.iter_mut().for_each(|v| value(v, map));
            s.guard.iter_mut().for_each(|e| map_spans(e, map));
        }
        StepKind::Break(s) | StepKind::Continue(s) => s.guard.iter_mut().for_each(|e| map_spans(e, map)),
        StepKind::Goto(s) | StepKind::Fail(s) => {
            target(&mut s.target, map);
            s.guard.iter_mut().for_each(|e| map_spans(e, map));
        }
        StepKind::Emit(s) => {
            map_spans(&mut s.value, map);
            s.name.iter_mut().for_each(|n| name(n, map));
            s.guard.iter_mut().for_each(|e| map_spans(e, map));
        }
        StepKind::Wait(s) => {
            map_spans(&mut s.time, map);
            s.name.iter_mut().for_each(|n| name(n, map));
        }
        StepKind::Error => {}
    }
}

fn binding(binding: &mut Binding, map: Map<'_>) {
    binding.index.iter_mut().for_each(|n| name(n, map));
    name(&mut binding.item, map);
    map_spans(&mut binding.over, map);
}

fn target(target: &mut Target, map: Map<'_>) {
    name(&mut target.name, map);
    target.args.iter_mut().for_each(|a| args(a, map));
    target.span = map(target.span);
}

fn value(value: &mut Value, map: Map<'_>) {
    match &mut value.kind {
        ValueKind::Expr(e) => map_spans(e, map),
        ValueKind::Do(b) => block(b, map),
        ValueKind::Race(r) => race(r, map),
        ValueKind::ParallelFor(p) => {
            binding(&mut p.binding, map);
            [&mut p.by, &mut p.max, &mut p.jobs].into_iter().flatten().for_each(|e| map_spans(e, map));
            p.collect.iter_mut().for_each(|s| *s = map(*s));
            block(&mut p.body, map);
        }
        ValueKind::Route(r) => route(r, map),
        ValueKind::Graph(g) => graph(g, map),
    }
    value.name.iter_mut().for_each(|n| name(n, map));
    if let Some(with) = &mut value.with {
        with.span = map(with.span);
        record(&mut with.record, map);
    }
    match &mut value.catch {
        Some(Catch::Value(e)) => map_spans(e, map),
        Some(Catch::Arms(arms)) => catch_arms(arms, map),
        None => {}
    }
    value.undo.iter_mut().for_each(|e| map_spans(e, map));
    value.span = map(value.span);
}

fn route(route: &mut Route, map: Map<'_>) {
    route.subject.iter_mut().for_each(|e| map_spans(e, map));
    for arm in &mut route.arms {
        match &mut arm.head {
            RouteHead::Patterns { patterns, guard } => {
                for pattern in patterns {
                    pattern.span = map(pattern.span);
                    match &mut pattern.kind {
                        PatternKind::Literal(_) => {}
                        PatternKind::Value(n) => name(n, map),
                        PatternKind::Qualified(ty, n) => {
                            name(ty, map);
                            name(n, map);
                        }
                        PatternKind::Variant { name: variant, parts } => {
                            name(variant, map);
                            for part in parts.iter_mut().flatten() {
                                name(&mut part.field, map);
                                name(&mut part.binding, map);
                            }
                        }
                    }
                }
                guard.iter_mut().for_each(|e| map_spans(e, map));
            }
            RouteHead::Condition(e) => map_spans(e, map),
            RouteHead::Else | RouteHead::Error => {}
        }
        arm_body(&mut arm.body, map);
        arm.span = map(arm.span);
    }
    route.span = map(route.span);
}

fn catch_arms(arms: &mut [super::CatchArm], map: Map<'_>) {
    for arm in arms {
        if let CatchHead::Kinds(kinds) = &mut arm.head {
            kinds.iter_mut().for_each(|n| name(n, map));
        }
        arm.binding.iter_mut().for_each(|n| name(n, map));
        arm_body(&mut arm.body, map);
        arm.span = map(arm.span);
    }
}

fn arm_body(body: &mut ArmBody, map: Map<'_>) {
    match body {
        ArmBody::Value(v) => value(v, map),
        ArmBody::Step(s) => step(s, map),
        ArmBody::Block(b) => block(b, map),
        ArmBody::Error => {}
    }
}

fn race(race: &mut Race, map: Map<'_>) {
    for arm in &mut race.arms {
        step(&mut arm.step, map);
        arm_body(&mut arm.body, map);
        arm.span = map(arm.span);
    }
    race.span = map(race.span);
}

fn graph(graph: &mut Graph, map: Map<'_>) {
    graph.name.iter_mut().for_each(|n| name(n, map));
    map_spans(&mut graph.max, map);
    for stage in &mut graph.stages {
        docs(&mut stage.docs, map);
        name(&mut stage.name, map);
        params(&mut stage.params, map);
        block(&mut stage.body, map);
        stage.span = map(stage.span);
    }
    graph.otherwise.iter_mut().for_each(|b| block(b, map));
    graph.span = map(graph.span);
}

/// Replaces every span of an expression by what `map` makes of it.
pub(crate) fn map_spans(expr: &mut Expr, map: Map<'_>) {
    expr.span = map(expr.span);
    match &mut expr.kind {
        ExprKind::Literal(_)
        | ExprKind::Name(_)
        | ExprKind::TypeName(_)
        | ExprKind::Loop(_)
        | ExprKind::Error => {}
        ExprKind::Template(template) => template.pieces.iter_mut().for_each(|p| piece(p, map)),
        ExprKind::List(elements) => elements.iter_mut().for_each(|e| map_spans(&mut e.value, map)),
        ExprKind::Record(r) => record(r, map),
        ExprKind::Member(m) => {
            map_spans(&mut m.object, map);
            name(&mut m.name, map);
        }
        ExprKind::Index(i) => {
            map_spans(&mut i.object, map);
            map_spans(&mut i.index, map);
        }
        ExprKind::Call(call) => {
            name(&mut call.name, map);
            args(&mut call.args, map);
        }
        ExprKind::Method(m) => {
            map_spans(&mut m.receiver, map);
            name(&mut m.name, map);
            args(&mut m.args, map);
        }
        ExprKind::Unary(_, operand) => map_spans(operand, map),
        ExprKind::Binary(b) => {
            b.op_span = map(b.op_span);
            map_spans(&mut b.left, map);
            map_spans(&mut b.right, map);
        }
        ExprKind::Ternary(t) => {
            [&mut t.condition, &mut t.then, &mut t.otherwise].into_iter().for_each(|e| map_spans(e, map))
        }
        ExprKind::Is(operand, variant) => {
            map_spans(operand, map);
            name(variant, map);
        }
        ExprKind::Cast(operand, target) => {
            map_spans(operand, map);
            ty(target, map);
        }
    }
}

fn name(name: &mut Name, map: Map<'_>) {
    name.span = map(name.span);
}

fn args(args: &mut [Arg], map: Map<'_>) {
    for arg in args {
        arg.name.iter_mut().for_each(|n| name(n, map));
        map_spans(&mut arg.value, map);
    }
}

fn record(record: &mut super::Record, map: Map<'_>) {
    record.name.iter_mut().for_each(|n| name(n, map));
    for entry in &mut record.entries {
        match entry {
            Entry::Spread(value) => map_spans(value, map),
            Entry::Pair { key, value, .. } => {
                match key {
                    Key::Name(n) => name(n, map),
                    Key::Literal(_, span) => *span = map(*span),
                    Key::Computed(e) => map_spans(e, map),
                }
                map_spans(value, map);
            }
        }
    }
}

fn piece(p: &mut Piece, map: Map<'_>) {
    match p {
        Piece::Text(_) => {}
        Piece::Splice(e) => map_spans(e, map),
        Piece::For(f) => {
            f.span = map(f.span);
            f.index.iter_mut().for_each(|n| name(n, map));
            name(&mut f.item, map);
            map_spans(&mut f.over, map);
            f.body.iter_mut().for_each(|p| piece(p, map));
        }
        Piece::If(i) => {
            i.span = map(i.span);
            for (condition, body) in &mut i.branches {
                map_spans(condition, map);
                body.iter_mut().for_each(|p| piece(p, map));
            }
            i.otherwise.iter_mut().flatten().for_each(|p| piece(p, map));
        }
    }
}

fn refined(t: &mut RefinedType, map: Map<'_>) {
    ty(&mut t.ty, map);
    t.rule.iter_mut().for_each(|e| map_spans(e, map));
}

fn record_type(record: &mut RecordType, map: Map<'_>) {
    record.span = map(record.span);
    for field in &mut record.fields {
        docs(&mut field.docs, map);
        field.span = map(field.span);
        name(&mut field.name, map);
        refined(&mut field.ty, map);
    }
}

fn ty(t: &mut TypeExpr, map: Map<'_>) {
    t.span = map(t.span);
    if let Some((_, span)) = &mut t.trust {
        *span = map(*span);
    }
    if let Some(range) = &mut t.range {
        range.span = map(range.span);
        range.from.iter_mut().chain(&mut range.to).for_each(|(_, span)| *span = map(*span));
    }
    match &mut t.kind {
        TypeKind::Primitive(_) | TypeKind::Literal(_) | TypeKind::Error => {}
        TypeKind::Named(n) => name(n, map),
        TypeKind::List(element) => ty(element, map),
        TypeKind::Map(key, value) => {
            ty(key, map);
            ty(value, map);
        }
        TypeKind::Record(record) => record_type(record, map),
        TypeKind::Union(members) => members.iter_mut().for_each(|m| ty(m, map)),
    }
}
