//! A text with pieces of it replaced, and where each byte of the result stood before.

use flow_diagnostics::{Diagnostic, Edit};
use flow_source::{FileId, Span};

/// What stands over text that has been reported: `poison` in the grammar.
pub(crate) const POISON: char = '\u{1}';

/// Replacements of a text, in order and without overlap.
#[derive(Clone, Debug, Default)]
pub(crate) struct Patch {
    pieces: Vec<Piece>,
}

#[derive(Clone, Debug)]
struct Piece {
    /// What is replaced.
    old: Span,
    text: String,
    /// Where the replacement stands in the new text.
    new: Span,
}

impl Patch {
    /// Replaces a span of the old text. A replacement that overlaps an earlier one isn't made; returns whether it was.
    pub(crate) fn replace(&mut self, old: Span, text: impl Into<String>) -> bool {
        // Of insertions at one place the later one comes later.
        let at =
            self.pieces.partition_point(|p| (p.old.start, p.old.end) <= (old.start, old.end.max(old.start)));
        let clear_before = at.checked_sub(1).is_none_or(|n| self.pieces[n].old.end <= old.start);
        let clear_after = self.pieces.get(at).is_none_or(|p| old.end <= p.old.start);
        if clear_before && clear_after {
            self.pieces.insert(at, Piece { old, text: text.into(), new: Span::default() });
        }
        clear_before && clear_after
    }

    /// Puts poison over a span; what was replaced inside it is forgotten.
    pub(crate) fn poison(&mut self, old: Span) {
        self.cover(old, |len| POISON.to_string().repeat(len));
    }

    /// Puts a text over a span, made from the span's length; what was replaced inside it is forgotten.
    pub(crate) fn cover(&mut self, old: Span, text: impl Fn(usize) -> String) {
        let mut old = old;
        self.pieces.retain(|p| {
            let inside = old.start <= p.old.start
                && p.old.end <= old.end
                && !(p.old.is_empty() && (p.old.start == old.start || p.old.start == old.end));
            let crosses = !inside && p.old.start < old.end && old.start < p.old.end;
            if crosses {
                old = old.to(p.old);
            }
            !inside && !crosses
        });
        self.replace(old, text(old.len() as usize));
    }

    /// What poison stands over.
    pub(crate) fn poisoned(&self) -> Vec<Span> {
        self.pieces.iter().filter(|p| p.text.contains(POISON)).map(|p| p.old).collect()
    }

    /// Whether a byte of the old text is replaced.
    pub(crate) fn covers(&self, at: u32) -> bool {
        self.pieces.iter().any(|p| p.old.start <= at && at < p.old.end)
    }

    /// The new text.
    pub(crate) fn apply(&mut self, text: &str) -> String {
        let mut out = String::with_capacity(text.len() + 64);
        let mut done = 0;
        for piece in &mut self.pieces {
            out.push_str(text.get(done..piece.old.start as usize).unwrap_or(""));
            let start = out.len();
            out.push_str(&piece.text);
            piece.new = Span::from(start..out.len());
            done = piece.old.end as usize;
        }
        out.push_str(text.get(done..).unwrap_or(""));
        out
    }

    /// Where a byte of the new text stood; of a replacement its start or its end.
    pub(crate) fn back(&self, at: u32, is_end: bool) -> u32 {
        let n = self.pieces.partition_point(|p| if is_end { p.new.start < at } else { p.new.start <= at });
        let Some(piece) = n.checked_sub(1).and_then(|n| self.pieces.get(n)) else { return at };
        if at >= piece.new.end && !(is_end && at == piece.new.end) {
            return piece.old.end + (at - piece.new.end);
        }
        if piece.new.len() == piece.old.len() {
            return piece.old.start + (at - piece.new.start);
        }
        if is_end { piece.old.end } else { piece.old.start }
    }

    /// Where a span of the new text stood.
    pub(crate) fn span_back(&self, span: Span) -> Span {
        if self.pieces.is_empty() {
            return span;
        }
        let start = self.back(span.start, false);
        Span::new(start, if span.is_empty() { start } else { self.back(span.end, true).max(start) })
    }

    /// Where a byte of the old text stands in the new one.
    pub(crate) fn forth(&self, at: u32) -> u32 {
        let n = self.pieces.partition_point(|p| p.old.end <= at);
        n.checked_sub(1).map_or(at, |n| self.pieces[n].new.end + (at - self.pieces[n].old.end))
    }

    /// Makes the edits of a fix, all of them or none. Returns whether they were made.
    pub(crate) fn mend(&mut self, edits: &[Edit], base: u32, text: &str) -> bool {
        let mut next = self.clone();
        let mut changed = false;
        for edit in edits {
            let Some(start) = edit.at.span.start.checked_sub(base) else { return false };
            let old = Span::new(start, start + edit.at.span.len());
            let Some(before) = text.get(old.range()) else { return false };
            if !next.replace(old, edit.text.clone()) {
                return false;
            }
            changed |= before != edit.text;
        }
        if changed {
            *self = next;
        }
        changed
    }
}

/// Moves every span of a diagnostic that is about `file`.
pub(crate) fn move_spans(diagnostic: &mut Diagnostic, file: FileId, map: &dyn Fn(Span) -> Span) {
    let labels = diagnostic.labels.iter_mut().map(|l| &mut l.at);
    let edits = diagnostic.fixes.iter_mut().flat_map(|f| &mut f.edits).map(|e| &mut e.at);
    for at in std::iter::once(&mut diagnostic.primary.at).chain(labels).chain(edits) {
        if at.file == file {
            at.span = map(at.span);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_go_back_where_they_came_from() {
        let text = "if not a { g() }";
        let mut patch = Patch::default();
        assert!(patch.replace(Span::new(3, 7), "!"));
        assert!(patch.replace(Span::new(16, 16), " else { h() }"));
        assert!(!patch.replace(Span::new(4, 5), "x"), "it overlaps");
        assert_eq!(patch.apply(text), "if !a { g() } else { h() }");
        assert_eq!(patch.span_back(Span::new(3, 5)), Span::new(3, 8));
        assert_eq!(patch.span_back(Span::new(8, 9)), Span::new(11, 12));
        assert_eq!(patch.span_back(Span::new(14, 26)), Span::new(16, 16));
        patch.poison(Span::new(0, 8));
        assert_eq!(patch.apply(text).matches(POISON).count(), 8);
    }
}
