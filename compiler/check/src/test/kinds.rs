//! Kinds of error that expectations name, held against those that the program knows.

use flow_diagnostics::{Code, Diagnostic};

use super::coordinates::Mentions;
use crate::hash::HashSet;
use crate::items::Items;
use crate::suggest::nearest;
use crate::work::{KINDS, UNCAUGHT, Work};

/// Reports kinds that nothing fails with: no `fail` of the program, no mock of the test, and not the runtime.
pub(crate) fn judge(items: &Items, tests: &Mentions, diagnostics: &mut Vec<Diagnostic>) {
    let built_in = |kind: &str| KINDS.contains(&kind) || UNCAUGHT.contains(&kind);
    if !tests.iter().any(|(_, _, checked)| checked.test.fails.iter().any(|(kind, _)| !built_in(kind))) {
        return;
    }
    let mut own = HashSet::default();
    let whole = items.values().all(|checked| raised(&checked.work, &mut own));
    // What could not be read may fail with anything.
    if !whole {
        return;
    }
    for (module, index, checked) in tests {
        let Some(item) = module.tree.items.get(*index) else { continue };
        let mocked = || checked.test.mocked_kinds.iter().map(|kind| kind.as_str());
        for (kind, span) in &checked.test.fails {
            if built_in(kind) || own.contains(kind.as_str()) || mocked().any(|mocked| mocked == kind) {
                continue;
            }
            let known = own.iter().copied().chain(mocked()).chain(KINDS).chain(UNCAUGHT);
            let diagnostic = Diagnostic::new(
                Code::BadErrorKind,
                item.locate(module.file, *span),
                format!("nothing fails with `{kind}`"),
            )
            .here("raised by no `fail`, by no mock, and not by the runtime");
            diagnostics.push(match nearest(kind, known) {
                Some(near) => diagnostic.similar("kind", kind, near, item.locate(module.file, *span)),
                None => diagnostic.help("name the kind that the flow fails with: `fail kind(\"…\")`"),
            });
        }
    }
}

/// Collects the kinds of `fail kind("…")`; false if a part isn't known.
fn raised<'w>(work: &'w Work, own: &mut HashSet<&'w str>) -> bool {
    match work {
        Work::Fails(kind) => {
            own.insert(kind.as_str());
            true
        }
        Work::Unknown => false,
        Work::All(pieces) | Work::OneOf(pieces) => {
            // Each piece is looked at, whatever the others are.
            let mut whole = true;
            for piece in pieces {
                whole &= raised(piece, own);
            }
            whole
        }
        Work::Times(times) => raised(&times.body, own),
        Work::Kept(body) | Work::Undo(body) => raised(body, own),
        Work::Catches(catches) => {
            let body = raised(&catches.body, own);
            catches.arms.iter().fold(body, |whole, arm| raised(&arm.work, own) && whole)
        }
        Work::OnError(handled) => {
            let body = raised(&handled.body, own);
            raised(&handled.work, own) && body
        }
        Work::Nothing
        | Work::Step
        | Work::Call(_)
        | Work::Raises(_)
        | Work::PassesOn(_)
        | Work::Node(_)
        | Work::Model(_) => true,
    }
}
