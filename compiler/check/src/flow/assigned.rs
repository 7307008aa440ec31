//! What is surely assigned where a stage starts: the meet over every `goto` that leads there (S2).
//!
//! On a way through a stage, state is assigned if the stage assigns it before the `goto` or it was assigned where the stage
//! starts. So each `goto` is noted with what its stage adds, and where all stages start follows from that.

use std::collections::BTreeMap;

use flow_diagnostics::Code;
use flow_source::Span;

use crate::cx::{BindingSet, Cx, Point};

/// The cells of the table of stages by state at most: in a larger graph a stage starts with what was assigned before the
/// graph.
const CELLS_MAX: usize = 1 << 24;

/// A read of state that hangs on what is assigned where its stage starts.
#[derive(Clone, Copy, Debug)]
pub(crate) struct LateRead {
    binding: u32,
    span: Span,
    here: &'static str,
}

/// The reads of a stage that are settled when all stages of its graph are known.
#[derive(Clone, Debug, Default)]
pub(crate) struct LateReads {
    /// Names from this one on are the stage's own.
    own: u32,
    reads: Vec<LateRead>,
}

impl Cx<'_> {
    /// Reports a read of state that may have no value, or puts it off until that is known.
    pub fn unassigned(&mut self, binding: u32, span: Span, here: &'static str) {
        // Once is enough: what follows may rely on it.
        self.point.assigned.insert(binding);
        // Text that could not be read may have assigned what it names.
        if self.lost_words.contains(&self.bindings[binding as usize].name) {
            return;
        }
        self.unassigned_read(LateRead { binding, span, here });
    }

    fn unassigned_read(&mut self, read: LateRead) {
        if let Some(late) = self.late_reads.last_mut()
            && read.binding < late.own
        {
            late.reads.push(read);
            return;
        }
        let binding = &self.bindings[read.binding as usize];
        let (name, declared) = (binding.name.clone(), self.at(binding.span));
        let (ty, start) = (binding.ty.to_string(), self.sample(&binding.ty));
        let diagnostic = self
            .error(Code::UnassignedState, read.span, format!("`{name}` may have no value here"))
            .here(read.here)
            .label(declared, "declared without an initial value")
            .help(format!(
                "give it the value it starts with, `{name}: {ty} = {start}`, or assign it on every way that leads here"
            ));
        self.report(diagnostic);
    }

    /// From here on reads of state around are put off.
    pub fn put_off_reads(&mut self) {
        self.late_reads.push(LateReads { own: self.bindings.len() as u32, reads: Vec::new() });
    }

    /// Returns the reads that were put off.
    pub fn reads_put_off(&mut self) -> Vec<LateRead> {
        self.late_reads.pop().unwrap_or_default().reads
    }

    /// Settles the reads of each stage; a state is reported once. Returns the states that have been.
    pub fn settle_reads(&mut self, reads: Vec<Vec<LateRead>>, starts: &Solved) -> Vec<u32> {
        let mut first: BTreeMap<u32, LateRead> = BTreeMap::new();
        for (stage, reads) in reads.into_iter().enumerate() {
            for read in reads.into_iter().filter(|read| !starts.is_assigned(stage, read.binding)) {
                let before = first.entry(read.binding).or_insert(read);
                if read.span.start < before.span.start {
                    *before = read;
                }
            }
        }
        let states = first.keys().copied().collect();
        for read in first.into_values() {
            self.unassigned_read(read);
        }
        states
    }
}

/// The state that a graph assigns, and which of it on each `goto`.
#[derive(Debug)]
pub(crate) struct Starts {
    /// State that isn't assigned before the graph, and is in it; ascending.
    states: Vec<u32>,
    /// What is assigned on every `goto` from one stage to another, by place in `states`.
    gotos: BTreeMap<(usize, usize), BindingSet>,
}

impl Starts {
    /// `assigned` is the state that the graph assigns somewhere, ascending.
    pub fn new(assigned: &[u32], before: &Point) -> Starts {
        let states = assigned.iter().copied().filter(|id| !before.assigned.contains(*id)).collect();
        Starts { states, gotos: BTreeMap::new() }
    }

    pub fn goto(&mut self, from: usize, to: usize, point: &Point) {
        let mut set = BindingSet::default();
        if self.gotos.len().saturating_mul(self.states.len()) <= CELLS_MAX {
            let places = self.states.iter().enumerate();
            places.filter(|(_, id)| point.assigned.contains(**id)).for_each(|(at, _)| set.insert(at as u32));
        }
        match self.gotos.entry((from, to)) {
            std::collections::btree_map::Entry::Vacant(entry) => {
                entry.insert(set);
            }
            std::collections::btree_map::Entry::Occupied(mut entry) => entry.get_mut().meet(&set),
        }
    }

    /// Follows the `goto`s from the entry until nothing changes.
    pub fn solve(self, stages: usize) -> Solved {
        let mut next: Vec<Vec<(usize, &BindingSet)>> = vec![Vec::new(); stages];
        for ((from, to), set) in &self.gotos {
            next[*from].push((*to, set));
        }
        let is_large = self.gotos.len().saturating_mul(self.states.len()) > CELLS_MAX;
        let mut starts: Vec<Option<BindingSet>> = vec![None; stages];
        let mut open = std::collections::VecDeque::new();
        if stages > 0 {
            starts[0] = Some(BindingSet::default());
            open.push_back(0);
        }
        while let Some(from) = open.pop_front() {
            let Some(start) = starts[from].clone() else { continue };
            for (to, set) in &next[from] {
                let mut way = start.clone();
                if !is_large {
                    way.join(set);
                }
                match &mut starts[*to] {
                    Some(known) => {
                        let before = known.clone();
                        known.meet(&way);
                        if !known.has_same(&before) {
                            open.push_back(*to);
                        }
                    }
                    unknown => {
                        *unknown = Some(way);
                        open.push_back(*to);
                    }
                }
            }
        }
        let mut at_gotos: Option<BindingSet> = None;
        for ((from, _), set) in &self.gotos {
            let Some(mut way) = starts[*from].clone() else { continue };
            way.join(set);
            match &mut at_gotos {
                Some(known) => known.meet(&way),
                None => at_gotos = Some(way),
            }
        }
        Solved { states: self.states, starts, at_gotos: at_gotos.unwrap_or_default() }
    }
}

/// What each stage of a graph starts with, besides what was assigned before the graph.
#[derive(Debug)]
pub(crate) struct Solved {
    states: Vec<u32>,
    /// By stage; nothing for one that no way leads to.
    starts: Vec<Option<BindingSet>>,
    at_gotos: BindingSet,
}

impl Solved {
    /// Whether state is assigned where a stage starts. Of one that nothing leads to no state is missed.
    fn is_assigned(&self, stage: usize, binding: u32) -> bool {
        match &self.starts[stage] {
            None => true,
            Some(start) => self.states.binary_search(&binding).is_ok_and(|at| start.contains(at as u32)),
        }
    }

    fn write(&self, set: &BindingSet, assigned: &mut BindingSet) {
        let places = self.states.iter().enumerate();
        places.filter(|(at, _)| set.contains(*at as u32)).for_each(|(_, id)| assigned.insert(*id));
    }

    /// Adds what a stage starts with; `false` if no way leads to it.
    pub fn add(&self, stage: usize, assigned: &mut BindingSet) -> bool {
        let Some(start) = &self.starts[stage] else { return false };
        self.write(start, assigned);
        true
    }

    /// Adds what is assigned on every `goto`.
    pub fn at_gotos(&self, assigned: &mut BindingSet) {
        self.write(&self.at_gotos, assigned);
    }
}
