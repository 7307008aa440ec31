//! Ways out of blocks: where a jump leads, and what is known there.
//!
//! A jump may pass what isn't checked yet: a `finally` that runs on the way, or the stage it starts in, of which only all
//! `goto`s together say what is assigned. Such ways wait at that frame, and go on when it is closed.

use std::collections::BTreeMap;

use super::{FlowCheck, Frame};
use crate::cx::{BindingKind, Point};

/// A place that jumps lead to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Exit {
    /// The index of the frame.
    pub frame: usize,
    pub way: Way,
}

/// Which end of a frame a jump takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Way {
    Break,
    Continue,
    Yield,
    /// To the stage of this index.
    Goto(usize),
}

/// Ways that wait, each with what is known on it.
pub(crate) type Ways<K> = BTreeMap<K, Point>;

/// Adds a way: several to one place meet.
pub(crate) fn add<K: Ord>(ways: &mut Ways<K>, to: K, point: Point) {
    ways.entry(to).or_default().meet(point);
}

impl FlowCheck<'_> {
    /// Returns the index of the innermost frame of a kind.
    pub fn innermost(&self, is: impl Fn(&Frame) -> bool) -> Option<usize> {
        self.frames.iter().rposition(is)
    }

    /// Leads a way to a frame around this point.
    pub fn lead(&mut self, to: Exit, point: Point) {
        if !point.reachable {
            return;
        }
        for frame in self.frames[to.frame + 1..].iter_mut().rev() {
            match frame {
                Frame::Try(ways) => return add(ways, to, point),
                Frame::Graph(graph) => return add(&mut graph.ways, (graph.current, to), point),
                _ => {}
            }
        }
        match (&mut self.frames[to.frame], to.way) {
            (Frame::Loop { exit, .. }, Way::Break) => exit.meet(point),
            (Frame::Loop { next, .. }, Way::Continue) => next.meet(point),
            (Frame::Value(frame) | Frame::BranchValue(frame), Way::Yield) => frame.exit.meet(point),
            (Frame::Graph(graph), Way::Break) => add(&mut graph.ways, (graph.current, to), point),
            (Frame::Graph(graph), Way::Goto(stage)) => graph.goto(stage, &point),
            _ => {}
        }
    }

    /// Leads all ways on that passed a block, `after` which more is known, and less of what is assigned in it.
    pub fn lead_through(&mut self, ways: Ways<Exit>, after: &Point, assigned: &[u32]) {
        for (to, mut point) in ways {
            point.reachable &= after.reachable;
            point.assigned.join(&after.assigned);
            point.facts.retain(|fact| !assigned.contains(&fact.root));
            self.lead(to, point);
        }
    }

    /// The state around that these steps assign.
    pub fn assigned_state(&self, steps: &[flow_syntax::tree::Step]) -> Vec<u32> {
        let mut names = crate::hash::HashSet::default();
        super::assigned_in(steps, &mut names);
        let mut ids: Vec<u32> = names
            .into_iter()
            .filter_map(|name| self.visible.get(name).copied())
            .filter(|id| self.bindings[*id as usize].kind == BindingKind::State)
            .collect();
        ids.sort_unstable();
        ids
    }
}
