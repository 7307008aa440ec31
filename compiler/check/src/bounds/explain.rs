//! Why a count is what it is: the pieces that it is made of, and its largest factor.

use std::fmt::Write;

use smol_str::SmolStr;

use super::{Bounds, Factor, Most, What};
use crate::program::Symbol;
use crate::work::{Callee, Sort, Turn, With, Work};

/// Pieces of a sum that are written out.
const PIECES_MAX: usize = 8;
/// Repetitions within each other that are written out.
const DEPTH_MAX: usize = 4;

/// A piece of a sum.
#[derive(Debug, PartialEq)]
enum Piece {
    /// `critique 5`
    Is(SmolStr, Most),
    /// `polish 5 × (…)`
    Times(SmolStr, Most, Vec<Piece>),
    /// `polish 5`: the turns themselves, or what a body has only one of.
    Turns(SmolStr, Most),
}

impl Piece {
    fn most(&self) -> Most {
        match self {
            Piece::Is(_, most) | Piece::Turns(_, most) => *most,
            Piece::Times(_, factor, body) => {
                body.iter().map(Piece::most).fold(Most::ZERO, Most::plus).times(*factor)
            }
        }
    }
}

/// Returns how a count comes about: `outline 4 + polish 5 × (critique 5 + rewrite 4)`.
pub(super) fn sum(bounds: &Bounds, work: &Work, what: What) -> String {
    let mut pieces = Vec::new();
    collect(bounds, work, what, 0, &mut pieces);
    let mut out = String::new();
    write(&pieces, &mut out);
    out
}

fn count(bounds: &Bounds, work: &Work, what: What) -> Most {
    bounds.of(work, &With::default()).of(what)
}

/// Of several ways, the one with the largest count.
fn dearest<'w>(bounds: &Bounds, works: impl Iterator<Item = &'w Work>, what: What) -> Option<&'w Work> {
    let mut best: Option<(Most, &Work)> = None;
    for work in works {
        let most = count(bounds, work, what);
        if best.is_none_or(|(before, _)| most > before) {
            best = Some((most, work));
        }
    }
    best.map(|(_, work)| work)
}

fn collect(bounds: &Bounds, work: &Work, what: What, depth: usize, out: &mut Vec<Piece>) {
    let most = count(bounds, work, what);
    if most == Most::ZERO {
        return;
    }
    match work {
        Work::All(pieces) => pieces.iter().for_each(|piece| collect(bounds, piece, what, depth, out)),
        Work::OneOf(pieces) => {
            if let Some(work) = dearest(bounds, pieces.iter(), what) {
                collect(bounds, work, what, depth, out);
            }
        }
        Work::Times(_) if depth == DEPTH_MAX => add(out, Piece::Is("…".into(), most)),
        Work::Times(times) => {
            let own = match times.turn {
                Turn::Turn => What::Turns,
                Turn::Visit => What::Visits,
            };
            let factor = Most::new(times.most);
            let mut body = Vec::new();
            collect(bounds, &times.body, what, depth + 1, &mut body);
            match (own == what, body.is_empty()) {
                (true, true) => add(out, Piece::Turns(times.name.clone(), factor)),
                (true, false) => {
                    body.insert(0, Piece::Turns(SmolStr::default(), Most::new(1)));
                    out.push(Piece::Times(times.name.clone(), factor, body));
                }
                (false, _) => out.push(Piece::Times(times.name.clone(), factor, body)),
            }
        }
        Work::Call(call) => add(out, Piece::Is(call.name.clone(), most)),
        Work::Step => add(out, Piece::Is("waits and emits".into(), most)),
        Work::Catches(catches) => {
            collect(bounds, &catches.body, what, depth, out);
            if let Some(work) = dearest(bounds, catches.arms.iter().map(|arm| &arm.work), what) {
                collect(bounds, work, what, depth, out);
            }
        }
        Work::Kept(body) | Work::Undo(body) => collect(bounds, body, what, depth, out),
        Work::OnError(handled) => {
            collect(bounds, &handled.body, what, depth, out);
            collect(bounds, &handled.work, what, depth, out);
        }
        _ => {}
    }
}

/// Adds a piece; of one name there is one, where it can still be seen.
fn add(out: &mut Vec<Piece>, piece: Piece) {
    let same = out.iter_mut().take(2 * PIECES_MAX).find_map(|before| match (before, &piece) {
        (Piece::Is(name, most), Piece::Is(other, _)) if name == other => Some(most),
        (Piece::Turns(name, most), Piece::Turns(other, _)) if name == other => Some(most),
        _ => None,
    });
    match (same, &piece) {
        (Some(most), Piece::Is(_, more) | Piece::Turns(_, more)) => *most = most.plus(*more),
        _ => out.push(piece),
    }
}

fn write(pieces: &[Piece], out: &mut String) {
    // The largest ones, as they are written.
    let mut shown: Vec<usize> = (0..pieces.len()).collect();
    shown.sort_by_key(|at| std::cmp::Reverse(pieces[*at].most()));
    shown.truncate(PIECES_MAX);
    shown.sort_unstable();
    for (place, piece) in shown.into_iter().map(|at| &pieces[at]).enumerate() {
        if place > 0 {
            out.push_str(" + ");
        }
        match piece {
            Piece::Turns(name, most) if name.is_empty() => _ = write!(out, "{most}"),
            Piece::Is(name, most) | Piece::Turns(name, most) => _ = write!(out, "{name} {most}"),
            Piece::Times(name, factor, body) => {
                _ = write!(out, "{name} {factor} × ");
                match body.as_slice() {
                    [Piece::Is(..) | Piece::Times(..)] => write(body, out),
                    _ => {
                        out.push('(');
                        write(body, out);
                        out.push(')');
                    }
                }
            }
        }
    }
    if pieces.len() > PIECES_MAX {
        _ = write!(out, " + {} more", pieces.len() - PIECES_MAX);
    }
}

/// Returns the largest factor on the way to most of a count, in a flow or node or in what it calls, which is known.
pub(super) fn largest(bounds: &Bounds, within: &Symbol, what: What) -> Option<Factor> {
    let checked = bounds.checked;
    let (module, item) = checked.program.item(within)?;
    let factor = |name: &SmolStr, times: Most, span| {
        let at = item.locate(module.file, span);
        Factor { name: name.clone(), times, within: within.clone(), at }
    };
    let mut all: Vec<Factor> = Vec::new();
    let mut work = &checked.items.get(within)?.work;
    // A way down through one item, which nests so deep at most.
    loop {
        let next = match work {
            Work::All(pieces) | Work::OneOf(pieces) => dearest(bounds, pieces.iter(), what),
            Work::Times(times) => {
                all.push(factor(&times.name, Most::new(times.most), times.span));
                Some(&times.body)
            }
            Work::Catches(catches) => {
                let arms = catches.arms.iter().map(|arm| &arm.work);
                dearest(bounds, std::iter::once(&catches.body).chain(arms), what)
            }
            Work::Kept(body) | Work::Undo(body) => Some(&**body),
            Work::OnError(handled) => dearest(bounds, [&handled.body, &handled.work].into_iter(), what),
            Work::Call(call) => {
                if let Callee::Declared(symbol) = &call.callee
                    && let Some(known) = bounds.factors.get(symbol)
                {
                    let at = super::MAIN.iter().position(|main| *main == what);
                    all.extend(at.and_then(|at| known[at].clone()));
                }
                None
            }
            Work::Node(node) => {
                if let Sort::Agent(agent) = &node.sort {
                    let turns = Most::new(agent.max_turns).plus(Most::new(u64::from(agent.finish)));
                    let span = item.kind.name().map_or(item.span, |name| name.span);
                    all.push(factor(&within.name, turns, span));
                }
                None
            }
            _ => None,
        };
        match next {
            Some(next) => work = next,
            None => break,
        }
    }
    // Of equal ones the outermost.
    all.retain(|factor| factor.times > Most::new(1));
    all.into_iter().rev().max_by_key(|factor| factor.times)
}
