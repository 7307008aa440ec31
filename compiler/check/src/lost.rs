//! Text that could not be read: the words in it count as known, used and assigned, so that nothing is said about them
//! anywhere else.

use flow_source::Span;

use crate::cx::{BindingKind, Cx};

/// Words after which a step doesn't go on.
const JUMPS: [&str; 6] = ["return", "yield", "break", "continue", "goto", "fail"];

impl Cx<'_> {
    /// Takes note of what the item has lost: it may use any name that stands there.
    pub fn note_lost(&mut self) {
        let item = self.item;
        for word in item.lost.iter().flat_map(|span| words(item.slice(*span))) {
            if self.module.scope.contains_key(word) {
                self.used.insert(word.into());
            }
            self.lost_words.insert(word.into());
        }
        let jumps = |lost: &&Span| words(item.slice(**lost)).any(|word| JUMPS.contains(&word));
        self.lost_jumps = item.lost.iter().filter(jumps).copied().collect();
        self.lost_jumps.sort_unstable();
    }

    /// Whether any of these words stands in text that could not be read.
    pub fn lost_any(&self, words: &[&str]) -> bool {
        !self.lost_words.is_empty() && words.iter().any(|word| self.lost_words.contains(*word))
    }

    /// Goes past a step of which a part could not be read: that part may have left.
    pub fn lost_jump(&mut self, step: Span) {
        let next = self.lost_jumps.partition_point(|lost| lost.start < step.start);
        self.point.vague |= self.lost_jumps.get(next).is_some_and(|lost| step.contains(*lost));
    }

    /// Goes past a step that could not be read: it may have left, and assigned what it names.
    pub fn lost_step(&mut self, span: Span) {
        if !self.point.reachable {
            self.point.reachable = true;
            self.point.vague = true;
        }
        for word in words(self.item.slice(span)) {
            if let Some(&id) = self.visible.get(word)
                && self.bindings[id as usize].kind == BindingKind::State
            {
                self.point.assigned.insert(id);
            }
            self.point.vague |= JUMPS.contains(&word);
        }
    }
}

fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_').filter(|word| !word.is_empty())
}
