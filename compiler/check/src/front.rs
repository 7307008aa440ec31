//! What is known before any item is checked: names, types, `allow` and signatures; and when that of the last round still
//! holds.
//!
//! All of it is made of what declarations show, never of bodies. So if only bodies have changed, and places with them, it
//! stays, and the places in it are moved. Whatever isn't sure to be a change of this kind makes all of it anew.

use std::sync::Arc;

use flow_diagnostics::Diagnostic;
use flow_source::{FileSpan, Span};
use flow_syntax::tree::{self, Item, ItemKind, NodeKind};

use crate::hash::HashMap;
use crate::program::{self, Program, Unit};
use crate::sig::Used;
use crate::{node, sig, types};

/// A program whose items aren't checked yet.
#[derive(Debug)]
pub(crate) struct Front {
    pub program: Arc<Program>,
    /// The names of its scope that each module uses outside of bodies.
    pub used: Used,
    /// What is wrong so far.
    pub diagnostics: Vec<Diagnostic>,
}

/// A front, with what it was made of.
#[derive(Debug)]
pub(crate) struct Kept {
    front: Front,
    units: Vec<Unit>,
}

impl Front {
    /// Links a program and reads its types and signatures.
    pub fn of(units: &[Unit]) -> Front {
        let mut diagnostics = Vec::new();
        let mut program = program::link(units, &mut diagnostics);
        let mut used = types::resolve(&mut program, &mut diagnostics);
        node::allow::collect(&mut program, &mut diagnostics);
        sig::resolve(&mut program, &mut diagnostics, &mut used);
        Front { program: Arc::new(program), used, diagnostics }
    }
}

impl Kept {
    pub fn new(front: Front, units: &[Unit]) -> Kept {
        Kept { front, units: units.to_vec() }
    }

    pub fn front(&self) -> &Front {
        &self.front
    }

    /// Returns the front of these units with the numbers of the modules whose tree is another one, in order, if this one can
    /// become that.
    pub fn renewed(mut self, units: &[Unit]) -> Option<(Kept, Vec<usize>)> {
        // Two files of one name are one module.
        if units.len() != self.units.len() || units.len() != self.front.program.modules.len() {
            return None;
        }
        let mut changed = Vec::new();
        let mut moves = HashMap::default();
        for (number, (now, before)) in units.iter().zip(&mut self.units).enumerate() {
            if now.name != before.name || now.broken != before.broken || now.imports != before.imports {
                return None;
            }
            if Arc::ptr_eq(&now.tree, &before.tree) {
                continue;
            }
            if !now.broken.is_empty() || !shows_the_same(&before.tree, &now.tree) {
                return None;
            }
            changed.push(number);
            let before = std::mem::replace(&mut before.tree, now.tree.clone());
            moves.insert(now.tree.file, Move { from: before, to: now.tree.clone() });
        }
        if changed.is_empty() {
            return Some((self, changed));
        }
        let mut lost = false;
        let mut to = |at: FileSpan| match moves.get(&at.file).map(|one| one.of(at)) {
            None => at,
            Some(Some(at)) => at,
            Some(None) => {
                lost = true;
                at
            }
        };
        let program = Arc::make_mut(&mut self.front.program);
        for number in &changed {
            let (_, module) = program.modules.get_index_mut(*number)?;
            module.tree = units[*number].tree.clone();
            for import in &mut module.imported {
                import.span = to(import.span);
                import.whole = to(import.whole);
            }
            module.requires.iter_mut().for_each(|(_, at)| *at = to(*at));
            module.allow.iter_mut().for_each(|(_, at)| *at = to(*at));
            module.allow_at.iter_mut().for_each(|at| *at = to(*at));
        }
        program.type_places.values_mut().for_each(|at| *at = to(*at));
        self.front.diagnostics.iter_mut().for_each(|one| one.map_places(&mut to));
        (!lost).then_some((self, changed))
    }
}

/// A file's tree before and after a change that shows nowhere.
struct Move {
    from: Arc<tree::File>,
    to: Arc<tree::File>,
}

impl Move {
    /// Returns where a place is now; `None` if it isn't sure to be in what has stayed the same.
    fn of(&self, at: FileSpan) -> Option<FileSpan> {
        let items = &self.from.items;
        let index = items.partition_point(|item| item.start <= at.span.start).checked_sub(1)?;
        let (from, to) = (&items[index], &self.to.items[index]);
        let end = if from.text == to.text { from.text.len() as u32 } else { head(from)? };
        // Between two items that touch, a place may belong to either.
        let touches = at.span.start == from.start
            && index.checked_sub(1).is_some_and(|before| {
                let before = &items[before];
                before.start + before.text.len() as u32 == from.start
            });
        if touches || at.span.end > from.start + end {
            return None;
        }
        let span = Span::new(at.span.start - from.start, at.span.end - from.start);
        Some(to.locate(at.file, span))
    }
}

/// Whether two trees of a file show the same, but for places.
fn shows_the_same(before: &tree::File, now: &tree::File) -> bool {
    before.file == now.file
        && before.items.len() == now.items.len()
        && before.items.iter().zip(&now.items).all(|(before, now)| same_item(before, now))
}

fn same_item(before: &Item, now: &Item) -> bool {
    let whole =
        |item: &Item| !item.broken && item.lost.is_empty() && !matches!(item.kind, ItemKind::Error(_));
    if !whole(before) || !whole(now) || discriminants(before) != discriminants(now) {
        return false;
    }
    if before.text == now.text {
        return before.span == now.span;
    }
    let (Some(end), Some(new_end)) = (head(before), head(now)) else { return false };
    end == new_end
        && before.span.start == now.span.start
        && before.text.get(..end as usize) == now.text.get(..end as usize)
        && keys(before).eq(keys(now))
}

fn discriminants(item: &Item) -> (std::mem::Discriminant<ItemKind>, Option<NodeKind>) {
    let node = match &item.kind {
        ItemKind::Node(node) => Some(node.kind),
        _ => None,
    };
    (std::mem::discriminant(&item.kind), node)
}

/// Returns where what is read of an item before its check ends; `None` if it may be all of it.
fn head(item: &Item) -> Option<u32> {
    match &item.kind {
        ItemKind::Flow(flow) => Some(flow.body_span.start),
        ItemKind::Code(code) => Some(code.returns.span.end),
        ItemKind::Node(node) if node.kind == NodeKind::Prompt => Some(node.returns.span.end),
        ItemKind::Test(test) => Some(test.title.span.end),
        _ => None,
    }
}

/// The names of a node's settings: which there are is seen, what they say is not.
fn keys(item: &Item) -> impl Iterator<Item = &str> {
    let fields = match &item.kind {
        ItemKind::Node(node) => node.fields.as_slice(),
        _ => &[],
    };
    fields.iter().map(|field| field.key.as_str())
}

#[cfg(test)]
mod tests;
