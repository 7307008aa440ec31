//! Coordinates across flows: the steps of a called flow stand beneath the step that calls it, where a named block of the
//! caller may have put steps of its own (C8).

use std::collections::BTreeMap;

use flow_diagnostics::{Code, Diagnostic};
use flow_source::Span;
use flow_syntax::tree::Name;

use crate::hash::HashSet;
use crate::items::Items;
use crate::program::{Program, Symbol};

/// How many pairs of places are compared for one call.
const PAIRS_MAX: usize = 1_000;

/// A step of a flow.
#[derive(Clone, Debug)]
pub struct Coordinate {
    /// Where it stands.
    pub span: Span,
    /// The flow that it calls.
    pub calls: Option<Symbol>,
    /// The node that it calls.
    pub node: Option<Symbol>,
    /// How it gets another name.
    pub naming: Naming,
}

/// How a step gets another name.
#[derive(Clone, Copy, Debug)]
pub enum Naming {
    /// `as` goes here.
    Add(Span),
    /// This name, which stands after `as`, is replaced.
    Replace(Span),
    /// Not at all: it is named by another step.
    Fixed,
}

impl Naming {
    /// `… as name`: what is written, and where the call ends.
    pub(crate) fn of(written: Option<&Name>, end: u32) -> Naming {
        written.map_or(Naming::Add(Span::at(end)), |name| Naming::Replace(name.span))
    }

    /// Returns what a new name replaces, and what stands before it.
    pub(crate) fn place(self) -> Option<(Span, &'static str)> {
        match self {
            Naming::Add(span) => Some((span, " as ")),
            Naming::Replace(span) => Some((span, "")),
            Naming::Fixed => None,
        }
    }
}

/// The steps of a flow by coordinate: beneath the flow, indices blanked.
pub type Coordinates = BTreeMap<String, Coordinate>;

/// A place in a flow: the flow, and the coordinate that leads there; empty for the flow itself.
type At<'a> = (&'a Symbol, String);

/// Reports steps of called flows that have the coordinate of another step.
pub(crate) fn clashes(program: &Program, items: &Items, diagnostics: &mut Vec<Diagnostic>) {
    let all = All { items };
    for (caller, checked) in items {
        let own = &checked.coordinates;
        for (path, call) in own {
            let Some(called) = &call.calls else { continue };
            let found = beneath(own, path).find_map(|(rest, step)| {
                let clash = match &step.calls {
                    _ if all.has(called, rest) => Some(String::new()),
                    Some(other) => all
                        .overlap((other, String::new()), (called, rest.to_string()), &mut HashSet::default())
                        .map(|inner| format!("/{inner}")),
                    None => None,
                }?;
                Some((rest, step, format!("{}/{path}/{rest}{clash}", caller.name)))
            });
            let (Some((rest, step, coordinate)), Some((module, item))) = (found, program.item(caller)) else {
                continue;
            };
            let at = |span: Span| item.locate(module.file, span);
            let mut diagnostic = Diagnostic::new(
                Code::StepNameClash,
                at(call.span),
                format!("two steps have the coordinate `{coordinate}`"),
            )
            .here(format!("`{}` has a step of this name, beneath this one", called.name))
            .label(at(step.span), "the other one")
            .help("give one of them a name of its own: `… as name`");
            // A step of the call's own `catch` goes where the call goes.
            let is_own = rest.starts_with("catch");
            let inner = format!("{path}/{rest}");
            let (path, naming) = match is_own {
                true => (&inner, step.naming),
                false => (path, call.naming),
            };
            if let Some((place, before)) = naming.place() {
                let (prefix, last) =
                    path.rsplit_once('/').map_or(("", path.as_str()), |(before, last)| (before, last));
                let taken = |number: u32| {
                    let path = match prefix {
                        "" => format!("{last}_{number}"),
                        _ => format!("{prefix}/{last}_{number}"),
                    };
                    own.contains_key(&path) || beneath(own, &path).next().is_some()
                };
                let number = (2..).find(|number| !taken(*number)).unwrap_or(2);
                diagnostic = diagnostic.fix(
                    format!("name it `{last}_{number}`"),
                    at(place),
                    format!("{before}{last}_{number}"),
                );
            }
            diagnostics.push(diagnostic);
        }
    }
}

/// The coordinates beneath a path, without it.
fn beneath<'c>(
    own: &'c Coordinates,
    path: &str,
) -> impl Iterator<Item = (&'c str, &'c Coordinate)> + use<'c> {
    let start = match path {
        "" => String::new(),
        _ => format!("{path}/"),
    };
    own.range(start.clone()..)
        .map_while(move |(path, step)| path.strip_prefix(start.as_str()).map(|rest| (rest, step)))
}

struct All<'a> {
    items: &'a Items,
}

impl<'a> All<'a> {
    fn of(&self, flow: &Symbol) -> Option<&'a Coordinates> {
        Some(&self.items.get(flow)?.coordinates)
    }

    /// The calls that stand above a path, with what of the path is beneath them.
    fn above(&self, flow: &Symbol, path: &str) -> Vec<At<'a>> {
        let Some(own) = self.of(flow) else { return Vec::new() };
        let cuts = path.match_indices('/').map(|(cut, _)| (&path[..cut], &path[cut + 1..]));
        let whole = (!path.is_empty()).then_some((path, ""));
        cuts.chain(whole)
            .filter_map(|(call, rest)| Some((own.get(call)?.calls.as_ref()?, rest.to_string())))
            .collect()
    }

    /// Whether a flow, with the flows that it calls, has a step of this coordinate.
    fn has(&self, flow: &'a Symbol, path: &str) -> bool {
        let mut open = vec![(flow, path.to_string())];
        let mut seen = HashSet::default();
        while let Some(at) = open.pop() {
            if at.1.is_empty() || !seen.insert(at.clone()) {
                continue;
            }
            if self.of(at.0).is_some_and(|own| own.contains_key(&at.1)) {
                return true;
            }
            open.extend(self.above(at.0, &at.1));
        }
        false
    }

    /// Whether any step may stand beneath a place.
    fn leads_on(&self, flow: &Symbol, path: &str) -> bool {
        self.of(flow).is_some_and(|own| beneath(own, path).next().is_some())
            || !self.above(flow, path).is_empty()
    }

    /// The flows, and places in them, whose steps stand at a place.
    fn resolve(&self, at: At<'a>) -> Vec<At<'a>> {
        let mut open = vec![at];
        let mut seen = HashSet::default();
        let mut found = Vec::new();
        while let Some(at) = open.pop() {
            if !seen.insert(at.clone()) {
                continue;
            }
            open.extend(self.above(at.0, &at.1));
            if self.of(at.0).is_some_and(|own| beneath(own, &at.1).next().is_some()) {
                found.push(at);
            }
        }
        found
    }

    /// Returns a coordinate that two places have both, relative to them. Flows that call each other in a circle are
    /// walked once.
    fn overlap(&self, a: At<'a>, b: At<'a>, seen: &mut HashSet<(At<'a>, At<'a>)>) -> Option<String> {
        let mut open = vec![(a, b, String::new())];
        while let Some((a, b, walked)) = open.pop() {
            if seen.len() >= PAIRS_MAX || !seen.insert((a.clone(), b.clone())) {
                continue;
            }
            let (left, right) = (self.resolve(a), self.resolve(b));
            for (one, other) in [(&left, &right), (&right, &left)] {
                for (flow, path) in one {
                    let Some(own) = self.of(flow) else { continue };
                    for (rest, step) in beneath(own, path) {
                        for (against, there) in other {
                            let place = match there.as_str() {
                                "" => rest.to_string(),
                                _ => format!("{there}/{rest}"),
                            };
                            if self.of(against).is_some_and(|own| own.contains_key(&place)) {
                                return Some(format!("{walked}{rest}"));
                            }
                            if let Some(called) = &step.calls
                                && self.leads_on(against, &place)
                            {
                                open.push((
                                    (called, String::new()),
                                    (against, place),
                                    format!("{walked}{rest}/"),
                                ));
                            }
                        }
                    }
                }
            }
        }
        None
    }
}
