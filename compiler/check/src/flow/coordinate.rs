//! Where a step stands (C8): the segments around it, and what happens when a place is taken.

use flow_diagnostics::Code;
use flow_source::Span;

use super::FlowCheck;
use crate::coordinates::{Coordinate, Naming};
use crate::hash::{HashMap, HashSet};
use crate::program::Symbol;

/// The names that were offered to steps of a flow.
#[derive(Default)]
pub(crate) struct Offers<'a> {
    /// Every word of the item: a new name is none of them.
    words: Option<HashSet<&'a str>>,
    /// The last number that was given to a name.
    numbers: HashMap<String, u32>,
}

impl<'a> FlowCheck<'a> {
    /// Adds a segment; the result takes it back off.
    pub fn enter(&mut self, segment: &str) -> usize {
        let length = self.path.len();
        self.path.push('/');
        self.path.push_str(segment);
        length
    }

    pub fn leave(&mut self, length: usize) {
        self.path.truncate(length);
    }

    /// Records a step's coordinate; reports one that is taken (C8), and returns whether it was free.
    pub fn coordinate(&mut self, segment: &str, at: Span, naming: Naming, calls: Option<Symbol>) -> bool {
        if self.loose {
            return true;
        }
        let coordinate = format!("{}/{segment}", self.path);
        let Some(first) = self.coordinates.get(&coordinate).map(|step| step.span) else {
            self.coordinates.insert(coordinate, Coordinate { span: at, calls, node: None, naming });
            return true;
        };
        // A name that is declared twice is reported as that.
        if self.redeclared {
            return false;
        }
        let mut diagnostic = self
            .error(Code::StepNameClash, at, format!("two steps have the coordinate `{coordinate}`"))
            .here("the second step of this name: results are kept by it")
            .label(self.at(first), "the first one")
            .help("give one of the calls a name of its own, behind its arguments: `f(x) as other`");
        if let Some((place, before)) = naming.place() {
            let name = self.fresh(segment);
            diagnostic = diagnostic
                .help(format!("name this one by itself: `… as {name}` behind the call"))
                .fix(format!("name it `{name}`"), self.at(place), format!("{before}{name}"));
        }
        self.report(diagnostic);
        false
    }

    /// Notes which node the step of a coordinate calls.
    pub fn calls_node(&mut self, segment: &str, node: Option<Symbol>) {
        if let Some(step) = self.coordinates.get_mut(&format!("{}/{segment}", self.path)) {
            step.node = step.node.take().or(node);
        }
    }

    /// Returns a name that nothing in the item has: `rewrite_2`.
    fn fresh(&mut self, segment: &str) -> String {
        let item = self.item;
        let words = self
            .offers
            .words
            .get_or_insert_with(|| item.text.split(|c: char| !c.is_alphanumeric() && c != '_').collect());
        // A tool of a server stands there as `jira.search`.
        let base = segment.rsplit(['/', '.']).next().unwrap_or(segment);
        let number = self.offers.numbers.entry(base.to_string()).or_insert(1);
        loop {
            *number += 1;
            let name = format!("{base}_{number}");
            if !words.contains(name.as_str()) {
                return name;
            }
        }
    }
}
