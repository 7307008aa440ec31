//! A trace as a tree: steps beneath the segments of their coordinates, with sums, on an axis of active time.

use std::collections::HashMap;

use flow_runtime_api::{Cost, Time, Usage};

use crate::{StepStatus, StepTrace, Trace};

/// Segments that get a level of their own; deeper ones stand together in the last.
const DEPTH_MAX: usize = 48;

/// The steps of a trace as a tree.
#[derive(Clone, Debug)]
pub struct Tree {
    /// A branch stands before those beneath it.
    pub branches: Vec<Branch>,
    /// The branches that stand beneath none.
    pub roots: Vec<usize>,
}

/// A step, or what steps have in common: a flow, a turn, an arm, a branch.
#[derive(Clone, Debug)]
pub struct Branch {
    /// Its segment, or several where each had the next alone beneath it.
    pub label: String,
    /// The position in `Trace::steps` of the step with just this coordinate.
    pub step: Option<usize>,
    /// Beneath it, in the order in which they began.
    pub children: Vec<usize>,
    /// How many steps stand here and beneath.
    pub steps: u64,
    /// Steps that failed, here and beneath.
    pub failed: u64,
    /// Steps that haven't ended, here and beneath.
    pub open: u64,
    /// When the first of them began, in active milliseconds since the run's start.
    pub from_ms: u64,
    /// When the last of them ended, or now.
    pub until_ms: u64,
    /// Sum of all of them.
    pub usage: Usage,
    /// Sum of all of them.
    pub cost: Cost,
}

impl Tree {
    /// Returns the tree of a trace; steps that haven't ended last until `now`.
    pub fn of(trace: &Trace, now: Time) -> Tree {
        let axis = Axis::of(trace, now);
        let mut tree = Tree { branches: Vec::new(), roots: Vec::new() };
        let mut known: HashMap<(Option<usize>, &str), usize> = HashMap::new();
        let mut parents: Vec<Option<usize>> = Vec::new();
        for (at, step) in trace.steps.iter().enumerate() {
            let mut parent = None;
            for segment in step.step.0.splitn(DEPTH_MAX, '/') {
                let branch = *known.entry((parent, segment)).or_insert_with(|| {
                    let index = tree.branches.len();
                    match parent {
                        None => tree.roots.push(index),
                        Some(parent) => tree.branches[parent].children.push(index),
                    }
                    tree.branches.push(Branch::new(segment));
                    parents.push(parent);
                    index
                });
                parent = Some(branch);
            }
            if let Some(branch) = parent {
                tree.branches[branch].take(at, step, &axis);
            }
        }
        for index in (0..tree.branches.len()).rev() {
            if let Some(parent) = parents[index] {
                let sum = tree.branches[index].clone();
                tree.branches[parent].add(&sum);
            }
        }
        tree.join_chains();
        tree
    }

    /// Puts a branch that is no step and has one alone beneath it together with that one.
    fn join_chains(&mut self) {
        for index in (0..self.branches.len()).rev() {
            if let ([child], None) = (self.branches[index].children.as_slice(), self.branches[index].step) {
                let child = self.branches[*child].clone();
                let label = format!("{}/{}", self.branches[index].label, child.label);
                self.branches[index] = Branch { label, ..child };
            }
        }
    }
}

impl Branch {
    fn new(segment: &str) -> Branch {
        Branch {
            label: segment.to_owned(),
            step: None,
            children: Vec::new(),
            steps: 0,
            failed: 0,
            open: 0,
            from_ms: u64::MAX,
            until_ms: 0,
            usage: Usage::default(),
            cost: Cost::ZERO,
        }
    }

    fn take(&mut self, at: usize, step: &StepTrace, axis: &Axis) {
        let is_open = step.status.is_open();
        self.step = Some(at);
        self.steps += 1;
        self.failed += u64::from(step.status == StepStatus::Failed);
        self.open += u64::from(is_open);
        self.from_ms = self.from_ms.min(axis.at(step.started_at));
        let until = step.finished_at.filter(|_| !is_open).unwrap_or(Time(i64::MAX));
        self.until_ms = self.until_ms.max(axis.at(until));
        self.usage += step.usage;
        self.cost += step.cost;
    }

    /// Adds the sums of a branch.
    pub fn add(&mut self, other: &Branch) {
        self.steps += other.steps;
        self.failed += other.failed;
        self.open += other.open;
        self.from_ms = self.from_ms.min(other.from_ms);
        self.until_ms = self.until_ms.max(other.until_ms);
        self.usage += other.usage;
        self.cost += other.cost;
    }

    /// Returns a branch that stands for several others of one parent: their sums, without a step.
    pub fn sum<'a>(of: impl IntoIterator<Item = &'a Branch>) -> Branch {
        let mut sum = Branch::new("");
        of.into_iter().for_each(|branch| sum.add(branch));
        sum
    }
}

/// Active time: what lies between two executions of a run isn't on it.
#[derive(Clone, Debug)]
pub struct Axis {
    /// Beginning, end, and active milliseconds before.
    stretches: Vec<(Time, Time, u64)>,
    total_ms: u64,
}

impl Axis {
    /// Returns the axis of a trace; a run that is being executed lasts until `now`.
    pub fn of(trace: &Trace, now: Time) -> Axis {
        let (mut stretches, mut total_ms) = (Vec::with_capacity(trace.active.len()), 0u64);
        for stretch in &trace.active {
            let until = stretch.until.unwrap_or(now.max(trace.updated_at));
            stretches.push((stretch.from, until, total_ms));
            total_ms = total_ms.saturating_add(until.since(stretch.from));
        }
        Axis { stretches, total_ms }
    }

    /// Returns the whole active time in milliseconds.
    pub fn total_ms(&self) -> u64 {
        self.total_ms
    }

    /// Returns the active milliseconds before a time.
    pub fn at(&self, time: Time) -> u64 {
        let next = self.stretches.partition_point(|(from, ..)| *from <= time);
        match next.checked_sub(1).map(|index| self.stretches[index]) {
            Some((from, until, before)) => before + time.min(until).since(from),
            None => 0,
        }
    }
}

#[cfg(test)]
mod tests {
    use flow_runtime_api::{Coordinate, Event, Record, RunId};

    use super::*;
    use crate::Fold;

    fn trace(steps: &[(&str, i64, i64)], others: Vec<(i64, Event)>) -> Trace {
        let mut events = others;
        for (step, from, until) in steps {
            let step = Coordinate((*step).into());
            events.push((*from, Event::WaitStarted { step: step.clone(), until: Time(*until) }));
            events.push((*until, Event::WaitFinished { step }));
        }
        events.sort_by_key(|(at, _)| *at);
        let records: Vec<_> = events
            .into_iter()
            .zip(0..)
            .map(|((at, event), seq)| Record { seq, at: Time(at), event })
            .collect();
        Fold::of(RunId("r".into()), &records)
    }

    fn drawn(tree: &Tree) -> Vec<String> {
        fn draw(tree: &Tree, index: usize, depth: usize, out: &mut Vec<String>) {
            let branch = &tree.branches[index];
            let Branch { label, steps, from_ms, until_ms, .. } = branch;
            out.push(format!("{:depth$}{label} {steps} {from_ms}..{until_ms}", ""));
            branch.children.iter().for_each(|child| draw(tree, *child, depth + 1, out));
        }
        let mut out = Vec::new();
        tree.roots.iter().for_each(|root| draw(tree, *root, 0, &mut out));
        out
    }

    #[test]
    fn steps_stand_beneath_what_they_have_in_common() {
        let trace = trace(
            &[("f/loop[0]/route:a/x", 0, 10), ("f/loop[1]/x", 10, 30), ("f/loop[1]/y", 20, 40)],
            Vec::new(),
        );
        let tree = drawn(&Tree::of(&trace, Time(40)));
        assert_eq!(
            tree,
            ["f 3 0..40", " loop[0]/route:a/x 1 0..10", " loop[1] 2 10..40", "  x 1 10..30", "  y 1 20..40"]
        );
    }

    #[test]
    fn a_suspension_takes_no_room_on_the_axis() {
        let day = 86_400_000;
        let others = vec![
            (5, Event::Suspended { reason: String::from("a timer"), until: Some(Time(day)) }),
            (day, Event::Resumed {}),
        ];
        let trace = trace(&[("f/a", 0, 5), ("f/b", day + 1, day + 4)], others);
        let axis = Axis::of(&trace, Time(day + 10));
        assert_eq!(axis.total_ms(), 15);
        assert_eq!(drawn(&Tree::of(&trace, Time(day + 10))), ["f 2 0..9", " a 1 0..5", " b 1 6..9"]);
    }

    #[test]
    fn a_coordinate_without_end_has_an_end() {
        let deep = "a/".repeat(100_000);
        let trace = trace(&[(&deep, 0, 1)], Vec::new());
        assert_eq!(Tree::of(&trace, Time(1)).branches.len(), DEPTH_MAX);
    }
}
