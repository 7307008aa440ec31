//! The kinds of error that each flow can fail with, and arms of `catch` for kinds that can't come (S7).

use std::collections::BTreeSet;
use std::rc::Rc;

use flow_diagnostics::{Code, Diagnostic};
use flow_source::{FileSpan, Span};
use smol_str::SmolStr;

use crate::hash::{HashMap, HashSet};
use crate::items::{Body, Items};
use crate::program::{Program, Symbol};
use crate::suggest::nearest;
use crate::work::{BuiltIn, Call, Callee, Catches, KINDS, PURE, Sort, UNCAUGHT, Work, callees_first, table};

/// Kinds of their own that are told apart; a flow with more may fail with anything.
const OWN_MAX: usize = 200;

/// Arms of a flow for which kinds with a similar name are looked up.
const SUGGESTIONS_MAX: usize = 100;

/// Kinds that are listed in a message.
const SHOWN_MAX: usize = 8;

/// What something may fail with.
#[derive(Clone, Debug, Default, PartialEq)]
struct Kinds {
    built_in: BuiltIn,
    own: BTreeSet<SmolStr>,
    /// Whether it may be anything.
    any: bool,
}

impl Kinds {
    const ANY: Kinds = Kinds { built_in: BuiltIn::NONE, own: BTreeSet::new(), any: true };

    fn built_in(built_in: BuiltIn) -> Kinds {
        Kinds { built_in, ..Kinds::default() }
    }

    fn add(&mut self, other: Kinds) {
        self.built_in = self.built_in.and(other.built_in);
        self.any |= other.any;
        if self.own.is_empty() {
            self.own = other.own;
        } else {
            self.own.extend(other.own);
        }
        if self.own.len() > OWN_MAX {
            self.own.clear();
            self.any = true;
        }
    }

    fn has(&self, kind: &str) -> bool {
        match BuiltIn::named(kind) {
            Some(kind) => self.any || self.built_in.0 & kind.0 != 0,
            None => self.any || self.own.contains(kind),
        }
    }

    /// Takes kinds away, and returns those of them that may come.
    fn take(&mut self, kinds: &[(SmolStr, Span)]) -> Kinds {
        let mut taken = Kinds::default();
        for (kind, _) in kinds.iter().filter(|(kind, _)| !UNCAUGHT.contains(&kind.as_str())) {
            let may = self.has(kind);
            match BuiltIn::named(kind) {
                Some(built_in) => {
                    self.built_in.0 &= !built_in.0;
                    taken.built_in.0 |= if may { built_in.0 } else { 0 };
                }
                None => {
                    self.own.remove(kind);
                    taken.own.extend(may.then(|| kind.clone()));
                }
            }
        }
        taken
    }

    fn names<'k>(&'k self) -> impl Iterator<Item = &'k str> {
        let built_in = self.built_in.names().map(|name| -> &'k str { name });
        built_in.chain(self.own.iter().map(SmolStr::as_str))
    }
}

/// Reports arms for kinds that what is caught can't fail with.
pub(crate) fn unreachable(program: &Program, items: &Items, diagnostics: &mut Vec<Diagnostic>) {
    let mut known: HashMap<&Symbol, Kinds> = HashMap::default();
    for symbol in callees_first(items) {
        let Some(checked) = items.get(symbol) else { continue };
        if let Work::Model(_) = checked.work {
            continue;
        }
        let mut fold = Fold { known: &known, caught: HashMap::default(), found: Vec::new() };
        // Code is pure; as an agent's tool it fails as expressions do.
        let kinds = match checked.body {
            Body::Code(_) => Kinds::built_in(PURE),
            _ => fold.of(&checked.work),
        };
        let found = fold.found;
        if let Some((module, item)) = program.item(symbol) {
            let at = |span| item.locate(module.file, span);
            for finding in found {
                diagnostics.push(finding.told(&at));
            }
        }
        known.insert(symbol, kinds);
    }
}

/// An arm's kind that can't come.
struct Found {
    kind: SmolStr,
    span: Span,
    /// What can come.
    can: Rc<Kinds>,
    /// One of them with a similar name, that no arm takes.
    near: Option<SmolStr>,
    /// What goes with it if it is removed, where its arm has other kinds that can come.
    edit: Option<Span>,
}

impl Found {
    fn told(self, at: &dyn Fn(Span) -> FileSpan) -> Diagnostic {
        let Found { kind, span, can, near, edit } = self;
        let is_built_in = KINDS.contains(&kind.as_str());
        let diagnostic =
            Diagnostic::new(Code::UnreachableArm, at(span), format!("nothing here fails with `{kind}`"))
                .here(if is_built_in { "can't come from what is tried" } else { "never raised" });
        if let Some(near) = near {
            return diagnostic.similar("kind", &kind, &near, at(span));
        }
        let can = listed(&can);
        // An arm that is left with no kind has work in it: whether that goes is for people to say.
        match edit {
            Some(edit) => diagnostic.help(format!("remove `{kind}`: {can}")).fix(
                format!("remove `{kind}`"),
                at(edit),
                "",
            ),
            None => diagnostic.help(format!("remove the arm: {can}")),
        }
    }
}

/// Says which kinds can come.
fn listed(can: &Kinds) -> String {
    let mut names: Vec<String> = can.names().map(|name| format!("`{name}`")).collect();
    if names.len() > SHOWN_MAX {
        let more = names.len() - SHOWN_MAX;
        names.truncate(SHOWN_MAX);
        names.push(format!("{more} more"));
    }
    match names.split_last() {
        None => String::from("nothing here can fail"),
        Some((only, [])) => format!("only {only} can come from here"),
        Some((last, names)) => format!("only {} and {last} can come from here", names.join(", ")),
    }
}

/// Returns what is removed with a kind of an arm whose first kind that can come is `first`, so that other kinds of it can be
/// removed too: those before the first go with the `|` after them, later ones with the `|` before them.
fn removal(kinds: &[(SmolStr, Span)], at: usize, first: usize) -> Span {
    let own = kinds[at].1;
    match at < first {
        true => Span::new(own.start, kinds[at + 1].1.start),
        false => Span::new(kinds[at - 1].1.end, own.end),
    }
}

struct Fold<'a> {
    known: &'a HashMap<&'a Symbol, Kinds>,
    /// What each arm that is open has caught.
    caught: HashMap<u32, Kinds>,
    found: Vec<Found>,
}

impl Fold<'_> {
    fn of(&mut self, work: &Work) -> Kinds {
        match work {
            Work::Nothing | Work::Step | Work::Model(_) => Kinds::default(),
            Work::All(pieces) | Work::OneOf(pieces) => {
                let mut all = Kinds::default();
                for piece in pieces {
                    let kinds = self.of(piece);
                    all.add(kinds);
                }
                all
            }
            Work::Times(times) => self.of(&times.body),
            Work::Call(call) => self.call(call),
            Work::Raises(kinds) => Kinds::built_in(*kinds),
            Work::Fails(kind) => match BuiltIn::named(kind) {
                Some(_) => Kinds::ANY,
                None => Kinds { own: BTreeSet::from([kind.clone()]), ..Kinds::default() },
            },
            Work::PassesOn(id) => id.and_then(|id| self.caught.get(&id)).cloned().unwrap_or(Kinds::ANY),
            Work::Catches(catches) => self.catches(catches),
            Work::Kept(body) => {
                self.of(body);
                Kinds::default()
            }
            Work::Undo(body) => {
                self.of(body);
                Kinds::built_in(BuiltIn::UNDO_FAILED)
            }
            Work::OnError(handled) => {
                let body = self.of(&handled.body);
                self.caught.insert(handled.id, body.clone());
                let mut all = self.of(&handled.work);
                if !handled.leaves {
                    all.add(body);
                }
                all
            }
            Work::Node(node) => {
                let mut all = Kinds::built_in(node.raises);
                if let Sort::Agent(agent) = &node.sort {
                    for (call, _) in &agent.tools {
                        let kinds = self.call(call);
                        match agent.fails_with_tools {
                            true => all.add(kinds),
                            // A failed tool is shown to the model; what a writer did that wasn't answered nobody knows.
                            false => all.built_in.0 |= kinds.built_in.0 & BuiltIn::UNCERTAIN.0,
                        }
                    }
                    if agent.fails_with_tools {
                        all.built_in = all.built_in.and(BuiltIn::TOOL_FAILED);
                    }
                }
                all
            }
            Work::Unknown => Kinds::ANY,
        }
    }

    fn call(&self, call: &Call) -> Kinds {
        match &call.callee {
            // A circle is reported; what isn't there too.
            Callee::Declared(symbol) => self.known.get(symbol).cloned().unwrap_or(Kinds::ANY),
            Callee::Server => Kinds::built_in(table::MCP),
            Callee::Memory => Kinds::built_in(table::MEMORY),
            Callee::Ambient => Kinds::default(),
        }
    }

    fn catches(&mut self, catches: &Catches) -> Kinds {
        let can = Rc::new(self.of(&catches.body));
        let mut left = Kinds::clone(&can);
        let mut all = Kinds::default();
        let mut named: HashSet<&SmolStr> = HashSet::default();
        let mut closed = false;
        let mut free = None;
        for arm in &catches.arms {
            let taken = match &arm.kinds {
                Some(kinds) => {
                    let first = kinds.iter().position(|(kind, _)| can.has(kind));
                    for (at, (kind, span)) in kinds.iter().enumerate() {
                        // What can't be caught, and what is caught already, was told when the flow was checked.
                        let told = closed || !named.insert(kind) || UNCAUGHT.contains(&kind.as_str());
                        if told || can.has(kind) {
                            continue;
                        }
                        // A flow with very many wrong kinds isn't searched for each. What is suggested once is taken.
                        let free = free.get_or_insert_with(|| free_kinds(&can, catches));
                        let searched = !KINDS.contains(&kind.as_str()) && self.found.len() < SUGGESTIONS_MAX;
                        let near = match searched {
                            true => nearest(kind, free.iter().map(SmolStr::as_str)).map(SmolStr::from),
                            false => None,
                        };
                        free.retain(|name| near.as_ref() != Some(name));
                        self.found.push(Found {
                            kind: kind.clone(),
                            span: *span,
                            can: can.clone(),
                            near,
                            edit: first.map(|first| removal(kinds, at, first)),
                        });
                    }
                    left.take(kinds)
                }
                None => {
                    closed = true;
                    std::mem::take(&mut left)
                }
            };
            self.caught.insert(arm.id, taken);
            let kinds = self.of(&arm.work);
            all.add(kinds);
        }
        all.add(left);
        all
    }
}

/// Returns the kinds that can come and that no arm names.
fn free_kinds(can: &Kinds, catches: &Catches) -> Vec<SmolStr> {
    let named: HashSet<&str> = catches
        .arms
        .iter()
        .flat_map(|arm| arm.kinds.iter().flatten())
        .map(|(kind, _)| kind.as_str())
        .collect();
    can.names().filter(|name| !named.contains(name)).map(SmolStr::from).collect()
}
