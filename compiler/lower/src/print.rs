//! A plan as text, for people and tests: one line a statement, blocks indented, coordinates' segments in brackets.

use std::fmt::Write;

use flow_ir::expr::{Entry, Expr, Pattern, Piece, RunValue, SlotId};
use flow_ir::plan::{
    Agent, Block, BlockId, Catch, Channel, Flow, Form, LoopTest, ModelKind, ModelRef, ModelSettings, Node,
    NodeKind, Plan, Prompt, SecretPiece, SecretText, Statement, Step, Target,
};
use flow_ir::value::Key;
use flow_ir::{Name, Value};

/// Writes a plan.
pub fn print(plan: &Plan) -> String {
    let mut out = String::new();
    for model in &plan.models {
        let kind = match &model.kind {
            ModelKind::Provider { provider, model } => format!("{provider}/{model}"),
            ModelKind::Fallback(models) => format!("fallback({})", models_list(plan, models)),
            ModelKind::RoundRobin(models) => format!("round_robin({})", models_list(plan, models)),
        };
        let _ = writeln!(out, "model {} = {kind}", model.name);
    }
    for code in &plan.codes {
        let params: Vec<_> = code.param_types.iter().map(ToString::to_string).collect();
        let printer = Printer { plan, slots: &[] };
        let _ = writeln!(
            out,
            "code {}({}) -> {} = {}",
            code.name,
            params.join(", "),
            code.returns,
            printer.expr(&code.body)
        );
    }
    for node in &plan.nodes {
        let names: Vec<_> = node.params.iter().map(|param| param.name.clone()).collect();
        let printer = Printer { plan, slots: &names };
        let params: Vec<_> =
            node.params.iter().map(|param| format!("{}: {}", param.name, param.ty)).collect();
        let signature = format!("{}({}) -> {}", node.name, params.join(", "), node.returns);
        match &node.kind {
            NodeKind::Prompt(prompt) => {
                let _ = writeln!(
                    out,
                    "prompt {signature} [model {}, timeout {} ms, retry {}, repair {}]",
                    printer.model(prompt.model),
                    said(plan, node, node.timeout_ms, |settings| settings.timeout_ms)
                        .unwrap_or(node.kind.timeout_ms()),
                    said(plan, node, node.retry, |settings| settings.retry).unwrap_or(node.kind.retry()),
                    prompt.repair
                );
                printer.ask(prompt, &mut out);
            }
            NodeKind::Agent(agent) => {
                let _ = writeln!(
                    out,
                    "agent {signature} [model {}, turns {}, timeout {} ms, retry {}, repair {}]",
                    printer.model(agent.ask.model),
                    agent.max_turns,
                    node.timeout_ms.unwrap_or(node.kind.timeout_ms()),
                    said(plan, node, node.retry, |settings| settings.retry).unwrap_or(node.kind.retry()),
                    agent.ask.repair
                );
                printer.ask(&agent.ask, &mut out);
                printer.tools(agent, &mut out);
            }
            NodeKind::Code(value) => {
                let _ = writeln!(out, "code {signature} [{}]", printer.expr(value));
            }
            NodeKind::BuiltIn(_) => {
                let _ = writeln!(out, "built-in {signature}");
            }
            NodeKind::Http(http) => {
                let _ = writeln!(
                    out,
                    "tool {signature} [{} {}, timeout {} ms, retry {}]",
                    http.method,
                    printer.secret_text(&http.url),
                    node.timeout_ms.unwrap_or(node.kind.timeout_ms()),
                    node.retry.unwrap_or(node.kind.retry())
                );
                for (name, text) in &http.query {
                    let _ = writeln!(out, "  query {name} {}", printer.secret_text(text));
                }
                for (name, text) in &http.headers {
                    let _ = writeln!(out, "  header {name} {}", printer.secret_text(text));
                }
                for (what, value) in [("query", &http.query_map), ("idempotent by", &http.idempotent)] {
                    if let Some(value) = value {
                        let _ = writeln!(out, "  {what} {}", printer.expr(value));
                    }
                }
                if let Some((body, _)) = &http.body {
                    let _ = writeln!(out, "  body {}", printer.expr(body));
                }
            }
            NodeKind::Human(human) => {
                let timeout_ms = node.timeout_ms.unwrap_or(node.kind.timeout_ms());
                let via = printer.channel(&human.via);
                let _ = writeln!(out, "human {signature} [{via}, timeout {timeout_ms} ms]");
                if let Some(message) = &human.message {
                    let _ = writeln!(out, "  message {}", printer.expr(message));
                }
                match &human.form {
                    Some(Form::Whole(slot)) => {
                        let _ = writeln!(out, "  form {}", printer.slot(*slot));
                    }
                    Some(Form::Fields(fields)) => {
                        let names: Vec<_> = fields.iter().map(|(name, _)| name.as_str()).collect();
                        let _ = writeln!(out, "  form {{{}}}", names.join(", "));
                    }
                    None => {}
                }
            }
            NodeKind::Event(event) => {
                let timeout_ms = node.timeout_ms.unwrap_or(node.kind.timeout_ms());
                let via = printer.channel(&event.via);
                let _ = writeln!(out, "event {signature} [{via}, timeout {timeout_ms} ms]");
                if let Some(matches) = &event.matches {
                    let mut names = names.clone();
                    names.push(Name::new_static("body"));
                    let _ = writeln!(out, "  match {}", Printer { plan, slots: &names }.expr(matches));
                }
                if let Some(secret) = &event.verify {
                    let _ = writeln!(out, "  verify hmac(secret.{secret})");
                }
            }
        }
    }
    for flow in &plan.flows {
        self::flow(plan, flow, &mut out);
    }
    out
}

/// What the node says, else the model that it names.
fn said<T>(plan: &Plan, node: &Node, own: Option<T>, of: impl Fn(&ModelSettings) -> Option<T>) -> Option<T> {
    own.or_else(|| match node.kind.ask()?.model {
        ModelRef::Model(id) => of(&plan.models.get(id as usize)?.settings),
        ModelRef::Default => None,
    })
}

fn models_list(plan: &Plan, models: &[u32]) -> String {
    models.iter().map(|id| plan.models[*id as usize].name.as_str()).collect::<Vec<_>>().join(", ")
}

fn flow(plan: &Plan, flow: &Flow, out: &mut String) {
    let names: Vec<_> = flow.slots.iter().map(|slot| slot.name.clone()).collect();
    let printer = Printer { plan, slots: &names };
    let params: Vec<_> = flow
        .params
        .iter()
        .map(|param| match &param.default {
            Some(default) => format!("{}: {} = {}", param.name, param.ty, printer.expr(default)),
            None => format!("{}: {}", param.name, param.ty),
        })
        .collect();
    let mut limits = String::new();
    if let Some(money) = flow.budget.nanodollars {
        let _ = write!(limits, " usd {}", money as f64 / 1e9);
    }
    if let Some(time) = flow.budget.time_ms {
        let _ = write!(limits, " time {time} ms");
    }
    if let Some(tokens) = flow.budget.tokens {
        let _ = write!(limits, " tokens {tokens}");
    }
    let emits = flow.emits.as_ref().map(|ty| format!(" emits {ty}")).unwrap_or_default();
    let _ = writeln!(out, "flow {}({}) -> {}{emits}{limits}", flow.name, params.join(", "), flow.returns);
    let writer = BlockWriter { printer, flow };
    writer.block(flow.body, 1, out);
    if let Some(handler) = &flow.on_error {
        let bind = handler.bind.map(|slot| format!(" as {}", writer.printer.slot(slot))).unwrap_or_default();
        let _ = writeln!(out, "  on error{bind}");
        writer.block(handler.block, 2, out);
    }
}

struct BlockWriter<'a> {
    printer: Printer<'a>,
    flow: &'a Flow,
}

impl BlockWriter<'_> {
    fn block(&self, id: BlockId, depth: usize, out: &mut String) {
        let Block { state, body } = &self.flow.blocks[id as usize];
        let pad = "  ".repeat(depth);
        for (slot, initial) in state {
            let declared = &self.flow.slots[*slot as usize];
            let initial =
                initial.as_ref().map(|value| format!(" = {}", self.printer.expr(value))).unwrap_or_default();
            let merge =
                declared.merge.map(|merge| format!(" merge {merge:?}").to_lowercase()).unwrap_or_default();
            let _ = writeln!(out, "{pad}state {}: {}{initial}{merge}", declared.name, declared.ty);
        }
        for statement in body {
            self.statement(statement, depth, out);
        }
    }

    fn into(&self, slot: &Option<SlotId>) -> String {
        slot.map(|slot| format!("{} = ", self.printer.slot(slot))).unwrap_or_default()
    }

    fn statement(&self, statement: &Statement, depth: usize, out: &mut String) {
        let pad = "  ".repeat(depth);
        let p = &self.printer;
        let named = |segment: &Option<flow_ir::Name>| {
            segment.as_ref().map(|name| format!(" [{name}]")).unwrap_or_default()
        };
        match statement {
            Statement::Set { slot, value } => {
                let _ = writeln!(out, "{pad}{} = {}", p.slot(*slot), p.expr(value));
            }
            Statement::Add { slot, value, how } => {
                let _ = writeln!(
                    out,
                    "{pad}{} += {} ({})",
                    p.slot(*slot),
                    p.expr(value),
                    format!("{how:?}").to_lowercase()
                );
            }
            Statement::Step(step) => {
                let extract = step
                    .extract
                    .as_ref()
                    .map(|extract| format!(" then {} -> {}", p.slot(extract.raw), p.expr(&extract.value)))
                    .unwrap_or_default();
                let undo = step
                    .undo
                    .as_ref()
                    .map(|undo| format!(" undo {}", p.call(&undo.call)))
                    .unwrap_or_default();
                let _ = writeln!(out, "{pad}{}step {}{extract}{undo}", self.into(&step.into), p.call(step));
                self.catch(&step.catch, depth, out);
            }
            Statement::Do { segment, block, into, catch } => {
                let _ = writeln!(out, "{pad}{}do{}", self.into(into), named(segment));
                self.block(*block, depth + 1, out);
                self.catch(catch, depth, out);
            }
            Statement::If { segment, arms, into } => {
                let _ = writeln!(out, "{pad}{}if{}", self.into(into), named(segment));
                for arm in arms {
                    let test = arm.test.as_ref().map(|test| format!(" {}", p.expr(test))).unwrap_or_default();
                    let _ = writeln!(out, "{pad}- [{}]{test}", arm.segment);
                    self.block(arm.block, depth + 1, out);
                }
            }
            Statement::Route { segment, value, bind: _, arms, into } => {
                let _ = writeln!(out, "{pad}{}route {}{}", self.into(into), p.expr(value), named(segment));
                for arm in arms {
                    let patterns: Vec<_> = arm.patterns.iter().map(|pattern| p.pattern(pattern)).collect();
                    let binds: Vec<_> = arm
                        .binds
                        .iter()
                        .map(|(field, slot)| format!("{field} as {}", p.slot(*slot)))
                        .collect();
                    let binds =
                        if binds.is_empty() { String::new() } else { format!(" binds {}", binds.join(", ")) };
                    let guard =
                        arm.guard.as_ref().map(|guard| format!(" if {}", p.expr(guard))).unwrap_or_default();
                    let _ = writeln!(out, "{pad}- [{}] {}{binds}{guard}", arm.segment, patterns.join(" | "));
                    self.block(arm.block, depth + 1, out);
                }
            }
            Statement::Loop { segment, max, test, body, otherwise, counters: _ } => {
                let test = match test {
                    LoopTest::None => String::new(),
                    LoopTest::While(test) => format!(" while {}", p.expr(test)),
                    LoopTest::Until(test) => format!(" until {}", p.expr(test)),
                };
                let _ = writeln!(out, "{pad}loop max {}{test} [{segment}]", p.expr(max));
                self.block(*body, depth + 1, out);
                if let Some(block) = otherwise {
                    let _ = writeln!(out, "{pad}- else");
                    self.block(*block, depth + 1, out);
                }
            }
            Statement::For { segment, over, max, index, item, body, counters: _ } => {
                let index = index.map(|slot| format!("{}, ", p.slot(slot))).unwrap_or_default();
                let max = max.as_ref().map(|max| format!(" max {}", p.expr(max))).unwrap_or_default();
                let _ =
                    writeln!(out, "{pad}for {index}{} in {}{max} [{segment}]", p.slot(*item), p.expr(over));
                self.block(*body, depth + 1, out);
            }
            Statement::Parallel { branches } => {
                let _ = writeln!(out, "{pad}parallel");
                for branch in branches {
                    let writes: Vec<_> = branch.writes.iter().map(|slot| p.slot(*slot)).collect();
                    let _ = writeln!(out, "{pad}- branch writes {}", writes.join(", "));
                    self.block(branch.block, depth + 1, out);
                }
            }
            Statement::ParallelFor(each) => {
                let mut clauses = String::new();
                for (word, value) in [("by", &each.key), ("max", &each.max), ("jobs", &each.jobs)] {
                    if let Some(value) = value {
                        let _ = write!(clauses, " {word} {}", p.expr(value));
                    }
                }
                if each.collect {
                    clauses.push_str(" collect");
                }
                let _ = writeln!(
                    out,
                    "{pad}{}parallel for {} in {}{clauses} [{}]",
                    self.into(&each.into),
                    p.slot(each.item),
                    p.expr(&each.over),
                    each.segment
                );
                self.block(each.block, depth + 1, out);
                self.catch(&each.catch, depth, out);
            }
            Statement::Try { body, catch, finally } => {
                let _ = writeln!(out, "{pad}try");
                self.block(*body, depth + 1, out);
                self.catch(catch, depth, out);
                if let Some(block) = finally {
                    let _ = writeln!(out, "{pad}- finally");
                    self.block(*block, depth + 1, out);
                }
            }
            Statement::Saga { block } => {
                let _ = writeln!(out, "{pad}saga");
                self.block(*block, depth + 1, out);
            }
            Statement::Fail { kind, message } => {
                let _ = writeln!(out, "{pad}fail {kind} {}", p.expr(message));
            }
            Statement::Rethrow { error } => {
                let _ = writeln!(out, "{pad}fail {}", p.expr(error));
            }
            Statement::Wait { segment, value, until } => {
                let until = if *until { "until " } else { "" };
                let _ = writeln!(out, "{pad}wait {until}{} [{segment}]", p.expr(value));
            }
            Statement::Return { value } => {
                let value = value.as_ref().map(|value| format!(" {}", p.expr(value))).unwrap_or_default();
                let _ = writeln!(out, "{pad}return{value}");
            }
            Statement::Yield { value } => {
                let _ = writeln!(out, "{pad}yield {}", p.expr(value));
            }
            Statement::Break => {
                let _ = writeln!(out, "{pad}break");
            }
            Statement::Continue => {
                let _ = writeln!(out, "{pad}continue");
            }
            Statement::Graph(graph) => {
                let _ = writeln!(
                    out,
                    "{pad}{}graph max {} [{}]",
                    self.into(&graph.into),
                    p.expr(&graph.max),
                    graph.segment
                );
                for stage in &graph.stages {
                    let params: Vec<_> = stage.params.iter().map(|slot| p.slot(*slot)).collect();
                    let params = match params.as_slice() {
                        [] => String::new(),
                        params => format!("({})", params.join(", ")),
                    };
                    let _ = writeln!(out, "{pad}- stage {}{params}", stage.name);
                    self.block(stage.body, depth + 1, out);
                }
                if let Some(block) = graph.otherwise {
                    let _ = writeln!(out, "{pad}- else");
                    self.block(block, depth + 1, out);
                }
            }
            Statement::Goto { stage, args } => {
                let args: Vec<_> = args.iter().map(|value| p.expr(value)).collect();
                let _ = writeln!(out, "{pad}goto {stage}({})", args.join(", "));
            }
            Statement::Race(race) => {
                let _ = writeln!(out, "{pad}{}race{}", self.into(&race.into), named(&race.segment));
                for arm in &race.arms {
                    let writes: Vec<_> = arm.step.writes.iter().map(|slot| p.slot(*slot)).collect();
                    let writes = match writes.as_slice() {
                        [] => String::new(),
                        writes => format!(" writes {}", writes.join(", ")),
                    };
                    let _ = writeln!(out, "{pad}- when{writes}");
                    self.block(arm.step.block, depth + 1, out);
                    let _ = writeln!(out, "{pad}- wins");
                    self.block(arm.body, depth + 1, out);
                }
                self.catch(&race.catch, depth, out);
            }
            Statement::Emit { segment, value } => {
                let _ = writeln!(out, "{pad}emit {} [{segment}]", p.expr(value));
            }
        }
    }

    fn catch(&self, catch: &Option<Catch>, depth: usize, out: &mut String) {
        let Some(catch) = catch else { return };
        let pad = "  ".repeat(depth);
        for arm in &catch.arms {
            let kinds = if arm.kinds.is_empty() { String::from("any") } else { arm.kinds.join(" | ") };
            let bind = arm.bind.map(|slot| format!(" as {}", self.printer.slot(slot))).unwrap_or_default();
            let segment = arm.segment.as_ref().map(|name| format!(" [{name}]")).unwrap_or_default();
            let _ = writeln!(out, "{pad}- catch {kinds}{bind}{segment}");
            self.block(arm.block, depth + 1, out);
        }
    }
}

/// Writes expressions; slots by their names.
struct Printer<'a> {
    plan: &'a Plan,
    slots: &'a [flow_ir::Name],
}

impl Printer<'_> {
    fn slot(&self, slot: SlotId) -> String {
        match self.slots.get(slot as usize) {
            Some(name) => name.to_string(),
            None => format!("${slot}"),
        }
    }

    /// What a model is asked.
    fn ask(&self, ask: &Prompt, out: &mut String) {
        let texts = [("system", &ask.system), ("history", &ask.history), ("assistant", &ask.assistant)];
        for (role, text) in texts {
            if let Some(text) = text {
                let _ = writeln!(out, "  {role} {}", self.expr(text));
            }
        }
        let _ = writeln!(out, "  user {}", self.expr(&ask.user));
    }

    /// What an agent's model may call, `?` before what it gives, and what follows its last turn.
    fn tools(&self, agent: &Agent, out: &mut String) {
        for tool in &agent.tools {
            let params = tool.params(self.plan);
            let given = tool.given.iter().filter_map(|at| params.get(*at as usize));
            let slots = self.slots.iter().cloned();
            let slots: Vec<Name> =
                slots.chain(given.map(|param| Name::from(format!("?{}", param.name)))).collect();
            let call = Printer { plan: self.plan, slots: &slots }.call(&tool.call);
            let max = tool.max.as_ref().map(|max| format!(" max {}", self.expr(max))).unwrap_or_default();
            let _ = writeln!(out, "  tool {} {call}{max}", tool.name);
        }
        if let Some(text) = &agent.finish {
            let _ = writeln!(out, "  finish {}", self.expr(text));
        }
        if agent.fails_with_tools {
            let _ = writeln!(out, "  on_error fail");
        }
    }

    /// What is called with what, and under which policy.
    fn call(&self, step: &Step) -> String {
        let target = match step.target {
            Target::Node(id) => &self.plan.nodes[id as usize].name,
            Target::Flow(id) => &self.plan.flows[id as usize].name,
        };
        let mut with = String::new();
        if let Some(model) = step.with.model {
            let _ = write!(with, " model {}", self.model(model));
        }
        for (name, value) in [
            ("retry", step.with.retry.map(u64::from)),
            ("timeout_ms", step.with.timeout_ms),
            ("repair", step.with.repair.map(u64::from)),
        ] {
            if let Some(value) = value {
                let _ = write!(with, " {name} {value}");
            }
        }
        format!("{target}({}) [{}]{with}", self.list(&step.args), step.segment)
    }

    fn model(&self, model: ModelRef) -> String {
        match model {
            ModelRef::Default => "default".into(),
            ModelRef::Model(id) => self.plan.models[id as usize].name.to_string(),
        }
    }

    fn channel(&self, via: &Channel) -> String {
        match via.address() {
            Some(address) => format!("via {}({})", via.name(), self.expr(address)),
            None => format!("via {}", via.name()),
        }
    }

    fn secret_text(&self, text: &SecretText) -> String {
        let pieces = text.0.iter().map(|piece| match piece {
            SecretPiece::Text(text) => text.clone(),
            SecretPiece::Expr(value) => format!("${{{}}}", self.expr(value)),
            SecretPiece::Secret(name) => format!("${{secret.{name}}}"),
        });
        format!("{:?}", pieces.collect::<String>())
    }

    fn list(&self, all: &[Expr]) -> String {
        all.iter().map(|value| self.expr(value)).collect::<Vec<_>>().join(", ")
    }

    fn pattern(&self, pattern: &Pattern) -> String {
        match pattern {
            Pattern::Value(value) => self.value(value),
            Pattern::Variant(name) => name.to_string(),
        }
    }

    fn value(&self, value: &Value) -> String {
        match value {
            Value::Null => "null".into(),
            Value::Bool(value) => value.to_string(),
            Value::Int(number) => number.to_string(),
            Value::Uint(number) => format!("{number}u"),
            Value::Float(number) => format!("{number:?}"),
            Value::String(text) => format!("{text:?}"),
            Value::Bytes(bytes) => format!("b{:?}", String::from_utf8_lossy(bytes)),
            Value::Duration(nanos) => format!("{}ns", nanos),
            Value::Timestamp(at) => at.to_string(),
            Value::List(items) => {
                format!("[{}]", items.iter().map(|item| self.value(item)).collect::<Vec<_>>().join(", "))
            }
            Value::Map(map) => {
                let entry = |(key, value): (&Key, &Value)| {
                    format!("{}: {}", self.value(&key.to_value()), self.value(value))
                };
                format!("{{{}}}", map.iter().map(entry).collect::<Vec<_>>().join(", "))
            }
            Value::Record(record) => {
                let name = record.shape.name.as_deref().unwrap_or_default();
                let fields = record.shape.fields.iter().zip(&record.slots);
                let fields: Vec<_> =
                    fields.map(|(name, value)| format!("{name}: {}", self.value(value))).collect();
                format!("{name}{{{}}}", fields.join(", "))
            }
            Value::Enum(value) => format!("{}.{}", value.shape.name, value.name()),
            Value::Media(media) => format!("{:?}", media.kind).to_lowercase(),
            Value::Optional(Some(value)) => format!("optional({})", self.value(value)),
            Value::Optional(None) => "optional()".into(),
            Value::Type(name) => name.to_string(),
        }
    }

    fn expr(&self, expr: &Expr) -> String {
        match expr {
            Expr::Const(value) => self.value(value),
            Expr::Slot(slot) => self.slot(*slot),
            Expr::Local(local) => format!("%{local}"),
            Expr::Run(RunValue::Id) => "run.id".into(),
            Expr::Run(RunValue::StartedAt) => "run.started_at".into(),
            Expr::Field { of, index, optional } => {
                format!("{}{}{index}", self.expr(of), if *optional { ".?" } else { "." })
            }
            Expr::Index { of, key, optional } => {
                format!("{}[{}{}]", self.expr(of), if *optional { "?" } else { "" }, self.expr(key))
            }
            Expr::Has { of, key } => format!("has({}.{key})", self.expr(of)),
            Expr::List(items) => {
                let item = |item: &flow_ir::expr::Item| {
                    format!("{}{}", if item.optional { "?" } else { "" }, self.expr(&item.value))
                };
                format!("[{}]", items.iter().map(item).collect::<Vec<_>>().join(", "))
            }
            Expr::Map(entries) => {
                let entry = |entry: &Entry| match entry {
                    Entry::Pair { key, value, optional } => {
                        format!(
                            "{}{}: {}",
                            if *optional { "?" } else { "" },
                            self.expr(key),
                            self.expr(value)
                        )
                    }
                    Entry::Spread(map) => format!("...{}", self.expr(map)),
                };
                format!("{{{}}}", entries.iter().map(entry).collect::<Vec<_>>().join(", "))
            }
            Expr::Record { shape, slots } => {
                let fields = shape.fields.iter().zip(slots);
                let fields: Vec<_> =
                    fields.map(|(name, value)| format!("{name}: {}", self.expr(value))).collect();
                format!("{}{{{}}}", shape.name.as_deref().unwrap_or_default(), fields.join(", "))
            }
            Expr::Update { of, shape, slots } => {
                let slots = slots.iter().map(|(slot, value)| {
                    let name = shape.fields.get(*slot as usize).map(|name| name.as_str()).unwrap_or_default();
                    format!(", {name}: {}", self.expr(value))
                });
                format!("{{...{}{}}}", self.expr(of), slots.collect::<String>())
            }
            Expr::Enum { shape, of } => format!("{}({})", shape.name, self.expr(of)),
            Expr::Call { function, args, .. } => format!("{}({})", function.id(), self.list(args)),
            Expr::Code { code, args } => {
                let name =
                    self.plan.codes.get(*code as usize).map(|code| code.name.as_str()).unwrap_or("code");
                format!("{name}({})", self.list(args))
            }
            Expr::And(left, right) => format!("({} && {})", self.expr(left), self.expr(right)),
            Expr::Or(left, right) => format!("({} || {})", self.expr(left), self.expr(right)),
            Expr::If { test, then, otherwise } => {
                format!("({} ? {} : {})", self.expr(test), self.expr(then), self.expr(otherwise))
            }
            Expr::Coalesce(left, right) => format!("({} ?? {})", self.expr(left), self.expr(right)),
            Expr::Macro { op, over, vars, bodies } => {
                let vars: Vec<_> = vars.iter().map(|local| format!("%{local}")).collect();
                let op = format!("{op:?}");
                format!("{}.{op}({}; {})", self.expr(over), vars.join(", "), self.list(bodies))
            }
            Expr::Let { local, value, body } => {
                format!("(let %{local} = {}; {})", self.expr(value), self.expr(body))
            }
            Expr::Match { value, local, arms, otherwise } => {
                let mut text = format!("(route %{local} = {}", self.expr(value));
                for arm in arms {
                    let patterns: Vec<_> = arm.patterns.iter().map(|pattern| self.pattern(pattern)).collect();
                    let guard = arm
                        .guard
                        .as_ref()
                        .map(|guard| format!(" if {}", self.expr(guard)))
                        .unwrap_or_default();
                    let _ = write!(text, "; {}{guard} => {}", patterns.join(" | "), self.expr(&arm.value));
                }
                if let Some(otherwise) = otherwise {
                    let _ = write!(text, "; else => {}", self.expr(otherwise));
                }
                text + ")"
            }
            Expr::Is { of, variant } => format!("({} is {variant})", self.expr(of)),
            Expr::Cast { of, to, .. } => format!("({} as {to})", self.expr(of)),
            Expr::Widen { of, to, .. } => format!("({} to {to})", self.expr(of)),
            Expr::Template(pieces) => {
                format!("\"{}\"", pieces.iter().map(|piece| self.piece(piece)).collect::<String>())
            }
            Expr::Fail { kind, message } => format!("fail({kind}, {message:?})"),
        }
    }

    fn piece(&self, piece: &Piece) -> String {
        let all = |pieces: &[Piece]| pieces.iter().map(|piece| self.piece(piece)).collect::<String>();
        match piece {
            Piece::Text(text) => text.escape_debug().to_string(),
            Piece::Splice { value, .. } => format!("${{{}}}", self.expr(value)),
            Piece::For { over, item, body, .. } => {
                format!("${{for %{item} in {}}}{}${{end}}", self.expr(over), all(body))
            }
            Piece::If { test, then, otherwise } => {
                format!("${{if {}}}{}${{else}}{}${{end}}", self.expr(test), all(then), all(otherwise))
            }
        }
    }
}
