//! Branches: `parallel` and `parallel for`, and what they may write and read (S10).

use std::sync::Arc;

use flow_diagnostics::Code;
use flow_ir::plan::{Block, Branch, Counters, ParallelFor, Statement};
use flow_ir::types::{Field, Record, Size};
use flow_ir::{Type, Value};
use flow_source::Span;
use flow_syntax::tree::{self, StepKind};
use smol_str::SmolStr;

use super::step::Got;
use super::{FlowCheck, Frame, ValueFrame};
use crate::cx::{Access, BindingKind, Place, error_type};
use crate::hash::HashMap;

impl FlowCheck<'_> {
    pub fn parallel(&mut self, block: &tree::Block) {
        let mark = self.open.len();
        let state = self.state(&block.state);
        // Values that branches bind come first, so that each branch's own slots are one range.
        let mut slots: Vec<Option<u32>> = Vec::with_capacity(block.steps.len());
        let mut lets: HashMap<SmolStr, (usize, Span)> = HashMap::default();
        for (index, step) in block.steps.iter().enumerate() {
            slots.push(match &step.kind {
                StepKind::Let(binding) => {
                    lets.entry(binding.name.text.clone()).or_insert((index, binding.name.span));
                    Some(self.slot(binding.name.text.clone(), Type::Error))
                }
                _ => None,
            });
        }
        self.cx.keep_counters();
        let fork = self.point.clone();
        let mut branches = Vec::with_capacity(block.steps.len());
        let mut reads: Vec<Vec<Access>> = Vec::with_capacity(block.steps.len());
        let mut bound: Vec<(tree::Name, Type, u32)> = Vec::new();
        let mut joined = fork.clone();
        let outer_siblings: Vec<(SmolStr, Option<Span>)> = lets
            .iter()
            .map(|(name, (_, span))| (name.clone(), self.cx.siblings.insert(name.clone(), *span)))
            .collect();
        for (index, step) in block.steps.iter().enumerate() {
            let own = match &step.kind {
                StepKind::Let(binding) => {
                    lets.get_key_value(&binding.name.text).filter(|(_, (owner, _))| *owner == index)
                }
                _ => None,
            };
            if let Some((name, _)) = own {
                self.cx.siblings.remove(name);
            }
            let first_access = self.accesses.len();
            let from = self.slots.len() as u32;
            self.frames.push(Frame::Branch("a branch of `parallel`"));
            self.cx.branch_depth += 1;
            self.cx.point = fork.clone();
            self.hoist = None;
            let mut ty = Type::Error;
            let id = self.scoped_block(|check| {
                match (&step.kind, slots[index]) {
                    (StepKind::Let(binding), Some(slot)) => {
                        let annotated =
                            binding.ty.as_ref().map(|ty| check.read_type(|reader| reader.refined(ty)));
                        let name = &binding.name.text;
                        let outer = check.redeclared;
                        check.redeclared |= check.visible.contains_key(name)
                            || lets.get(name).is_some_and(|(owner, _)| *owner != index);
                        ty = check.store(&binding.value, name, annotated, slot);
                        check.redeclared = outer;
                        check.cx.slots[slot as usize].ty = ty.clone();
                    }
                    _ => check.step(step),
                }
                Vec::new()
            });
            self.cx.branch_depth -= 1;
            self.frames.pop();
            if let Some((name, (_, span))) = own {
                self.cx.siblings.insert(name.clone(), *span);
            }
            if let (StepKind::Let(binding), Some(slot)) = (&step.kind, slots[index]) {
                bound.push((binding.name.clone(), ty, slot));
            }
            let end = self.point.clone();
            joined.reachable &= end.reachable;
            joined.assigned.join(&end.assigned);
            let accesses: Vec<Access> = self.accesses[first_access..].to_vec();
            let mut writes: Vec<u32> = slots[index].into_iter().collect();
            for access in accesses.iter().filter(|access| access.write) {
                self.add_write(access, &mut writes);
            }
            reads.push(accesses);
            branches.push(Branch { block: id, own: (from, self.slots.len() as u32), writes });
        }
        for (name, outer) in outer_siblings {
            match outer {
                Some(span) => self.cx.siblings.insert(name, span),
                None => self.cx.siblings.remove(&name),
            };
        }
        self.cx.point = joined;
        self.races(&reads);
        self.cx.forget_written(reads.iter().flatten());
        for (name, ty, slot) in bound {
            self.bind(&name, ty, BindingKind::Let, Place::Slot(slot));
        }
        debug_assert_eq!(mark, self.open.len());
        let statement = Statement::Parallel { branches };
        if state.is_empty() {
            self.emit(statement);
            return;
        }
        let id = self.blocks.len() as u32;
        self.blocks.push(Block { state, body: vec![statement] });
        self.emit(Statement::Do { segment: None, block: id, into: None, catch: None });
    }

    /// Adds a write of state that was declared outside of the branch.
    fn add_write(&self, access: &Access, writes: &mut Vec<u32>) {
        let binding = &self.bindings[access.binding as usize];
        if binding.branch_depth > self.branch_depth {
            return;
        }
        if let Place::Slot(slot) = binding.place
            && !writes.contains(&slot)
        {
            writes.push(slot);
        }
    }

    /// Reports state that two branches write, and state that one writes and another reads.
    fn races(&mut self, branches: &[Vec<Access>]) {
        let mut writers: HashMap<u32, Vec<(usize, Span)>> = HashMap::default();
        for (index, accesses) in branches.iter().enumerate() {
            for access in accesses.iter().filter(|access| access.write) {
                let binding = &self.bindings[access.binding as usize];
                if binding.branch_depth > self.branch_depth || binding.merge.is_some() {
                    continue;
                }
                let all = writers.entry(access.binding).or_default();
                if all.last().is_none_or(|(branch, _)| *branch != index) {
                    all.push((index, access.span));
                }
            }
        }
        // The first read of each name, and the first one in another branch.
        let mut reads: HashMap<u32, (usize, Span, Option<Span>)> = HashMap::default();
        for (index, accesses) in branches.iter().enumerate() {
            for access in accesses.iter().filter(|access| !access.write) {
                let (branch, _, other) = reads.entry(access.binding).or_insert((index, access.span, None));
                if *branch != index {
                    other.get_or_insert(access.span);
                }
            }
        }
        let mut found: Vec<_> = writers.into_iter().collect();
        found.sort_by_key(|(_, all)| all[0].1.start);
        for (id, all) in found {
            let name = self.bindings[id as usize].name.clone();
            if let [(_, first), (_, second), ..] = all.as_slice() {
                let declared = self.at(self.bindings[id as usize].span);
                let diagnostic = self
                    .error(Code::ParallelWriteRace, *second, format!("two branches write `{name}`"))
                    .here("written here")
                    .label(self.at(*first), "and here, at the same time")
                    .label(declared, "declared without a merge rule")
                    .help(self.merge_help(id, "bind a value of its own in each branch, `let a = …`, and put them together after the block"));
                self.report(diagnostic);
                continue;
            }
            let (writer, write) = all[0];
            let read = reads.get(&id).and_then(|(branch, first, other)| match *branch == writer {
                true => *other,
                false => Some(*first),
            });
            if let Some(read) = read {
                let diagnostic = self
                    .error(
                        Code::ReadsSiblingBranch,
                        read,
                        format!("`{name}` is written by a branch beside this one"),
                    )
                    .here("read here")
                    .label(self.at(write), "written here, at the same time")
                    .help(format!(
                        "read `{name}` behind the `}}` of the block, or put both steps into one branch: `do {{ … }}`"
                    ));
                self.report(diagnostic);
            }
        }
    }

    pub fn parallel_for(
        &mut self,
        walk: &tree::ParallelFor,
        value: &tree::Value,
        name: Option<&SmolStr>,
        expected: Option<&Type>,
        into: Option<u32>,
    ) -> Got {
        self.no_with(value, "a `parallel for`");
        let binding = &walk.binding;
        let segment = value
            .name
            .as_ref()
            .map(|name| name.text.clone())
            .or_else(|| name.cloned())
            .unwrap_or_else(|| binding.item.text.clone());
        let over = self.expr(&binding.over, None);
        let (index_type, item_type) = self.walked(&over.ty, binding.over.span, binding.index.is_some());
        let span = binding.over.span;
        let before = walk.by.as_ref().map_or(span, |by| by.span);
        let (max, size) = self.walk_bound(&over.ty, walk.max.as_ref(), span, before);
        let jobs = walk.jobs.as_ref().map(|jobs| self.jobs(jobs));
        let before = self.point.clone();
        let path = self.enter(&format!("{segment}[]"));
        let element = match expected.map(Type::non_null) {
            Some(Type::List(of, _)) if walk.collect.is_none() => Some((**of).clone()),
            _ => None,
        };
        let from = self.slots.len() as u32;
        let first_access = self.accesses.len();
        self.frames.push(Frame::BranchValue(ValueFrame::new(element)));
        self.cx.branch_depth += 1;
        self.cx.counters.push(Counters::default());
        self.hoist = None;
        let (mut index, mut item, mut key, mut key_type) = (None, 0, None, Type::INT);
        let block = self.scoped_block(|check| {
            index = binding.index.as_ref().map(|name| {
                let slot = check.slot(name.text.clone(), index_type.clone());
                check.bind(name, index_type.clone(), BindingKind::Variable, Place::Slot(slot));
                slot
            });
            item = check.slot(binding.item.text.clone(), item_type.clone());
            check.bind(&binding.item, item_type.clone(), BindingKind::Variable, Place::Slot(item));
            if let Some(by) = &walk.by {
                let typed = check.expr(by, None);
                check.key_type(&typed.ty, by.span);
                key_type = typed.ty.clone();
                key = Some(typed.expr);
            }
            check.block_body(&walk.body)
        });
        let (element, yields) = self.close_value(into.is_some(), walk.body.span);
        self.cx.branch_depth -= 1;
        let counters = self.cx.counters.pop().unwrap_or_default();
        let own = (from, self.slots.len() as u32);
        self.leave(path);
        let accesses: Vec<Access> = self.accesses[first_access..].to_vec();
        let writes = self.item_writes(&accesses);
        // The list may be empty, and what a branch did is joined, not known.
        self.cx.point = before.clone();
        self.cx.forget_written(&accesses);
        let result = match (walk.collect, yields || into.is_some()) {
            (_, false) => Type::Null,
            // What is walked failed to check: how many there are isn't known.
            (None, true) if matches!(item_type, Type::Error) && size.max.is_none() => Type::Error,
            (None, true) => Type::List(Arc::new(element), size),
            (Some(_), true) => collected(element, key_type, size),
        };
        let mut ty = result.clone();
        let hidden = match (into, yields) {
            (None, true) => Some(self.slot("$items", result.clone())),
            _ => into,
        };
        let catch = value.catch.as_ref().map(|catch| {
            let path = self.enter(&segment);
            let before = self.point.clone();
            let (catch, joined) = self.block_catch(catch, before, &ty, expected, hidden);
            self.leave(path);
            ty = joined;
            catch
        });
        self.emit(Statement::ParallelFor(Box::new(ParallelFor {
            segment,
            over: over.expr,
            key,
            max,
            jobs,
            collect: walk.collect.is_some(),
            index,
            item,
            block,
            own,
            writes,
            into: hidden,
            result,
            counters,
            catch,
        })));
        if let (Some(expected), Some(_)) = (expected, into) {
            let span = value.span;
            let typed = crate::cx::Typed::new(Self::unset(), ty.clone());
            if crate::fit::fit(self.program, &ty, expected) > crate::fit::Fit::Same {
                let slot = into.unwrap_or_default();
                let typed = crate::cx::Typed::new(flow_ir::Expr::Slot(slot), typed.ty);
                let value = self.coerce(typed, expected, span, "what takes it");
                self.emit(Statement::Set { slot, value });
            }
            return Got::Stored(expected.clone());
        }
        Got::Stored(ty)
    }

    fn key_type(&mut self, ty: &Type, span: Span) {
        let base = ty.base();
        let fine = matches!(base, Type::String(_) | Type::Int(_) | Type::Error | Type::Never)
            || matches!(&base, Type::Named(name) if self.program.enum_values(name).is_some());
        if !fine {
            let diagnostic = self
                .error(Code::TypeMismatch, span, format!("`{ty}` cannot be a key"))
                .here("names a branch")
                .help("use a text, an int or an enum");
            self.report(diagnostic);
        }
    }

    fn jobs(&mut self, jobs: &tree::Expr) -> flow_ir::Expr {
        let typed = self.expr(jobs, Some(&Type::INT));
        if let Some(Value::Int(number)) = typed.constant()
            && *number < 1
        {
            let diagnostic = self
                .error(Code::EmptyRange, jobs.span, "no branch could ever run")
                .here("`jobs` is at least 1")
                .help("write how many run at once, such as `4`");
            self.report(diagnostic);
        }
        self.coerce(typed, &Type::INT, jobs.span, "`jobs`")
    }

    /// Says how the writes of branches to a state come together.
    fn merge_help(&self, id: u32, instead: &str) -> String {
        let binding = &self.bindings[id as usize];
        let (name, ty) = (&binding.name, &binding.ty);
        let rule = match ty.base() {
            Type::List(..) => "append",
            Type::Int(_) | Type::Float(_) | Type::Duration => "sum",
            Type::Timestamp => "max",
            Type::Map(..) => "entries",
            _ => return instead.to_string(),
        };
        format!(
            "{instead}; or declare how the writes merge, `{name}: {ty} = {} merge {rule}`, and write with `{name} += …`",
            self.sample(ty)
        )
    }

    /// The state outside that a branch writes; without a merge rule it is a race.
    fn item_writes(&mut self, accesses: &[Access]) -> Vec<u32> {
        let mut writes = Vec::new();
        let mut told: Vec<u32> = Vec::new();
        for access in accesses.iter().filter(|access| access.write) {
            let binding = &self.bindings[access.binding as usize];
            if binding.branch_depth > self.branch_depth {
                continue;
            }
            if binding.merge.is_none()
                && !matches!(binding.ty, Type::Error)
                && !told.contains(&access.binding)
            {
                told.push(access.binding);
                let (name, declared) = (binding.name.clone(), self.at(binding.span));
                let diagnostic = self
                    .error(Code::ParallelWriteRace, access.span, format!("every branch writes `{name}`"))
                    .here("written by many at the same time")
                    .label(declared, "declared without a merge rule")
                    .help(self.merge_help(access.binding, "give a value of each branch, `yield …`, and take the list: `let all = parallel for …`"));
                self.report(diagnostic);
            }
            self.add_write(access, &mut writes);
        }
        writes
    }
}

/// `{ok: [T], failed: [{key, error}]}`.
fn collected(element: Type, key: Type, size: Size) -> Type {
    let field = |name: &str, ty: Type| Field { name: name.into(), ty, trust: None, doc: String::new() };
    let failed =
        Type::Record(Arc::new(Record { fields: vec![field("key", key), field("error", error_type())] }));
    let upper = Size { min: None, max: size.max };
    let fields = vec![
        field("ok", Type::List(Arc::new(element), upper)),
        field("failed", Type::List(Arc::new(failed), upper)),
    ];
    Type::Record(Arc::new(Record { fields }))
}
