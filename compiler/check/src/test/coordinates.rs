//! Coordinates that tests name, held against the steps of all flows.

use std::collections::BTreeSet;

use flow_diagnostics::{Code, Diagnostic};
use flow_ir::Type;
use flow_source::Span;
use flow_syntax::tree::{self, ItemKind, MockOutcome, TestPart};
use smol_str::SmolStr;

use crate::coordinates::{Coordinate, Coordinates};
use crate::cx::Cx;
use crate::fit::{Fit, fit};
use crate::items::{Checked, Items};
use crate::program::{CallKind, Entry, Module, Program, Sig, Symbol};

/// A coordinate that a test names.
#[derive(Clone, Debug)]
pub(crate) struct Mentioned {
    /// As it is written: `flow/polish[1]/route:revise/text`. A segment without its `[i]` is any of them.
    pub text: SmolStr,
    /// Where, the quotes included.
    pub span: Span,
    /// What the step gives, if it is mocked with a value.
    pub(crate) value: Option<MockValue>,
}

/// The value of a mock whose node isn't known before all flows are checked.
#[derive(Clone, Debug)]
pub(crate) enum MockValue {
    /// It names nothing that is bound in the test, so it is checked when its type is known: the part of the test.
    Closed { part: usize },
    /// It was checked by itself.
    Typed { ty: Type, span: Span },
}

/// Tests whose coordinates are judged: the module, the index there, and what it names.
pub(crate) type Mentions<'a> = Vec<(&'a Module, usize, &'a Checked)>;

/// Reports coordinates that no step has, and mocks of another type than their step.
pub(crate) fn judge(program: &Program, items: &Items, tests: &Mentions, diagnostics: &mut Vec<Diagnostic>) {
    for (module, index, checked) in tests {
        let Some(item) = module.tree.items.get(*index) else { continue };
        for mention in &checked.test.mentioned {
            let place = Place { program, items, module, item, mention };
            match place.resolve() {
                Ok(returns) => place.typed(returns, diagnostics),
                Err(Some(diagnostic)) => diagnostics.push(diagnostic),
                Err(None) => {}
            }
        }
    }
}

/// What a segment of a coordinate says: its name, and whether an index follows.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Segment<'t> {
    name: &'t str,
    indexed: bool,
}

impl<'t> Segment<'t> {
    /// Takes `polish[1]` apart.
    fn of(text: &'t str) -> Segment<'t> {
        match text.strip_suffix(']').and_then(|rest| rest.split_once('[')) {
            Some((name, _)) => Segment { name, indexed: true },
            None => Segment { name: text, indexed: false },
        }
    }

    /// Whether a segment of a step is meant: without an index each is.
    fn means(self, known: &str) -> bool {
        let known = Segment::of(known);
        self.name == known.name && (known.indexed || !self.indexed)
    }
}

/// A point in the tree of steps: a flow and a coordinate beneath it; or what is beneath an agent's step.
#[derive(Clone, PartialEq, Eq)]
enum At<'a> {
    Flow(&'a Symbol, String),
    Agent,
    Turn,
    Tool,
}

struct Place<'a> {
    program: &'a Program,
    items: &'a Items,
    module: &'a Module,
    item: &'a tree::Item,
    mention: &'a Mentioned,
}

impl<'a> Place<'a> {
    fn error(&self, message: String) -> Diagnostic {
        Diagnostic::new(Code::UnknownNode, self.item.locate(self.module.file, self.mention.span), message)
    }

    /// Returns what the named step returns, where that is known; an error without a diagnostic was reported elsewhere.
    #[expect(clippy::result_large_err, reason = "a test names few coordinates")]
    fn resolve(&self) -> Result<Option<Type>, Option<Diagnostic>> {
        let text = self.mention.text.as_str();
        let mut segments = text.split('/');
        let root = segments.next().unwrap_or_default();
        let flow = self.flow(root)?;
        let rest: Vec<&str> = segments.collect();
        if rest.is_empty() {
            return Ok(self.returns(flow));
        }
        let mut at = vec![At::Flow(flow, String::new())];
        let mut walked = root.len();
        for segment in &rest {
            let next = self.beneath(&at, Segment::of(segment));
            if next.is_empty() && at.iter().any(|point| self.loses_steps(point)) {
                return Err(None);
            }
            if next.is_empty() {
                return Err(Some(self.lost_way(&at, walked, segment)));
            }
            walked += 1 + segment.len();
            at = next;
        }
        self.step(&at).ok_or_else(|| Some(self.no_step(&at)))
    }

    /// The flow that a coordinate begins with.
    #[expect(clippy::result_large_err, reason = "a test names few coordinates")]
    fn flow(&self, root: &str) -> Result<&'a Symbol, Option<Diagnostic>> {
        let is_flow = |symbol: &&Symbol| matches!(self.program.sig(symbol), Some(Sig::Call(sig)) if sig.kind == CallKind::Flow);
        let scope = || {
            self.module.scope.iter().filter_map(|(name, entry)| match entry {
                Entry::Value(symbol) => Some((name, symbol)),
                _ => None,
            })
        };
        let found = match self.module.scope.get(root) {
            Some(Entry::Value(symbol)) => Some(symbol).filter(is_flow),
            Some(Entry::Error) => return Err(None),
            _ => None,
        };
        // A flow that is imported under another name has its own in coordinates.
        let found = found
            .or_else(|| scope().map(|(_, symbol)| symbol).filter(|symbol| symbol.name == root).find(is_flow));
        if let Some(found) = found {
            // What could not be read has steps that nobody knows.
            let broken = |module: &Module| {
                module.items.get(&found.name).is_none_or(|index| module.broken.contains(index))
            };
            let lost = self.program.modules.get(&found.module).is_none_or(broken);
            return if lost { Err(None) } else { Ok(found) };
        }
        if let Some(Entry::Value(symbol)) = self.module.scope.get(root)
            && matches!(self.program.sig(symbol), Some(Sig::Error) | None)
        {
            return Err(None);
        }
        let flows: Vec<&str> =
            scope().filter(|(_, symbol)| is_flow(symbol)).map(|(name, _)| name.as_str()).collect();
        let text = self.mention.text.as_str();
        let diagnostic = self.error(format!("no step has the coordinate `{text}`"));
        let node = matches!(
            self.module.scope.get(root),
            Some(Entry::Value(symbol)) if matches!(self.program.sig(symbol), Some(Sig::Call(_)))
        );
        Err(Some(match super::near(root, &flows) {
            Some(near) => self.corrected(
                diagnostic.here(format!("there is no flow `{root}`")),
                &format!("{near}{}", &text[root.len()..]),
            ),
            None if node && text == root => diagnostic
                .here("a node's name")
                .help("a node is named without quotes; a coordinate begins with a flow: `\"flow/step\"`"),
            None => diagnostic
                .here(format!("there is no flow `{root}`"))
                .help("a coordinate begins with the flow that the test calls: `\"flow/step\"`"),
        }))
    }

    fn of(&self, flow: &Symbol) -> Option<&'a Coordinates> {
        Some(&self.items.get(flow)?.coordinates)
    }

    /// The segments that follow a point.
    fn segments(&self, at: &At<'a>) -> BTreeSet<String> {
        match at {
            At::Flow(flow, path) => {
                let start = if path.is_empty() { String::new() } else { format!("{path}/") };
                let Some(own) = self.of(flow) else { return BTreeSet::new() };
                own.range(start.clone()..)
                    .map_while(|(path, _)| path.strip_prefix(start.as_str()))
                    .filter_map(|rest| rest.split('/').next().map(String::from))
                    .collect()
            }
            At::Agent => BTreeSet::from(["turn[]".to_string()]),
            At::Turn => BTreeSet::from(["tool[]".to_string()]),
            At::Tool => BTreeSet::new(),
        }
    }

    /// The points that a segment leads to.
    fn beneath(&self, at: &[At<'a>], segment: Segment) -> Vec<At<'a>> {
        let mut next: Vec<At> = Vec::new();
        for point in at {
            for known in self.segments(point).into_iter().filter(|known| segment.means(known)) {
                match point {
                    At::Agent => next.push(At::Turn),
                    At::Turn => next.push(At::Tool),
                    At::Tool => {}
                    At::Flow(flow, path) => {
                        let path = if path.is_empty() { known } else { format!("{path}/{known}") };
                        if let Some(step) = self.of(flow).and_then(|own| own.get(&path)) {
                            next.extend(step.calls.as_ref().map(|called| At::Flow(called, String::new())));
                            next.extend(self.is_agent(step).then_some(At::Agent));
                        }
                        next.push(At::Flow(flow, path));
                    }
                }
            }
        }
        next
    }

    fn is_agent(&self, step: &Coordinate) -> bool {
        let sig = step.node.as_ref().and_then(|node| self.program.sig(node));
        matches!(sig, Some(Sig::Call(sig)) if sig.kind == CallKind::Agent)
    }

    /// Returns what a step at one of these points returns; `None` if there is no step.
    fn step(&self, at: &[At<'a>]) -> Option<Option<Type>> {
        at.iter().find_map(|point| match point {
            At::Flow(flow, path) => {
                let step = self.of(flow)?.get(path)?;
                Some(step.node.as_ref().or(step.calls.as_ref()).and_then(|node| self.returns(node)))
            }
            At::Turn | At::Tool => Some(None),
            At::Agent => None,
        })
    }

    fn returns(&self, node: &Symbol) -> Option<Type> {
        match self.program.sig(node)? {
            Sig::Call(sig) => Some(sig.returns.clone()),
            _ => None,
        }
    }

    /// Whether the named step may be one that failed to check.
    fn loses_steps(&self, at: &At<'a>) -> bool {
        matches!(at, At::Flow(flow, _) if self.items.get(*flow).is_some_and(|checked| checked.loses_steps))
    }

    /// A segment that follows nothing of what stands before it.
    fn lost_way(&self, at: &[At<'a>], walked: usize, segment: &str) -> Diagnostic {
        let text = self.mention.text.as_str();
        let before = &text[..walked];
        let after = &text[walked + 1 + segment.len()..];
        let known: BTreeSet<String> = at.iter().flat_map(|point| self.segments(point)).collect();
        let diagnostic = self
            .error(format!("no step has the coordinate `{text}`"))
            .here(format!("`{before}` has no `{segment}`"));
        let own = Segment::of(segment);
        let names: Vec<&str> = known.iter().map(|one| Segment::of(one).name).collect();
        let meant =
            names.iter().find(|name| **name == own.name).copied().or_else(|| super::near(own.name, &names));
        let indexed = |name: &str| known.iter().any(|one| one == &format!("{name}[]"));
        match meant {
            Some(name) => {
                let index = match (indexed(name), own.indexed) {
                    (true, true) => &segment[own.name.len()..],
                    (true, false) => "[0]",
                    (false, _) => "",
                };
                self.corrected(diagnostic, &format!("{before}/{name}{index}{after}"))
            }
            None if known.is_empty() => diagnostic.help(format!("`{before}` has no steps beneath it")),
            None if self.deeper(at, own).is_some() => {
                let found = self.deeper(at, own).unwrap_or_default();
                self.corrected(diagnostic, &format!("{before}/{found}{after}"))
            }
            None => {
                let shown: Vec<String> = known.iter().take(8).map(|one| format!("`{one}`")).collect();
                let more = if known.len() > 8 { ", …" } else { "" };
                diagnostic.help(format!("in `{before}` there are {}{more}", shown.join(", ")))
            }
        }
    }

    /// The way to a segment that stands in a block of one of these points: `route:true/kind` for `kind`.
    fn deeper(&self, at: &[At<'a>], wanted: Segment) -> Option<String> {
        at.iter().find_map(|point| {
            let At::Flow(flow, path) = point else { return None };
            let start = if path.is_empty() { String::new() } else { format!("{path}/") };
            self.of(flow)?
                .range(start.clone()..)
                .map_while(|(path, _)| path.strip_prefix(start.as_str()))
                .find_map(|rest| {
                    let segments: Vec<&str> = rest.split('/').collect();
                    let at = segments.iter().position(|segment| wanted.means(segment))?;
                    Some(segments[..=at].join("/").replace("[]", "[0]"))
                })
        })
    }

    /// A coordinate of a loop, an arm or another block.
    fn no_step(&self, at: &[At<'a>]) -> Diagnostic {
        let text = self.mention.text.as_str();
        let known: BTreeSet<String> = at.iter().flat_map(|point| self.segments(point)).collect();
        let shown: Vec<String> = known.iter().take(8).map(|one| format!("`{text}/{one}`")).collect();
        self.error(format!("no step has the coordinate `{text}`"))
            .here("a block, not a step")
            .help(format!("name a step in it: {}", shown.join(", ")))
    }

    fn corrected(&self, diagnostic: Diagnostic, meant: &str) -> Diagnostic {
        let at = self.item.locate(self.module.file, self.mention.span);
        // An escape in what was written would be lost.
        match self.item.slice(self.mention.span) == format!("\"{}\"", self.mention.text) {
            true => diagnostic.help(format!("did you mean `{meant}`?")).fix(
                format!("write `{meant}`"),
                at,
                format!("\"{meant}\""),
            ),
            false => diagnostic.help(format!("did you mean `{meant}`?")),
        }
    }

    /// Holds a mock's value against what its step returns.
    fn typed(&self, returns: Option<Type>, diagnostics: &mut Vec<Diagnostic>) {
        let Some(to) = returns else { return };
        let what = format!("the result of `{}`", self.mention.text);
        let mut cx = Cx::new(self.program, self.module, self.item);
        match &self.mention.value {
            None => {}
            Some(MockValue::Closed { part }) => {
                let ItemKind::Test(test) = &self.item.kind else { return };
                if let Some(TestPart::Mock(tree::Mock { outcome: MockOutcome::Value(value), .. })) =
                    test.parts.get(*part)
                {
                    cx.value(value, &to, &what);
                }
            }
            Some(MockValue::Typed { ty, span }) if fit(self.program, ty, &to) == Fit::No => {
                let diagnostic = cx
                    .error(Code::TypeMismatch, *span, format!("expected `{to}`, found `{ty}`"))
                    .here(format!("{what} is `{to}`"))
                    .help("give what the step returns");
                cx.report(diagnostic);
            }
            Some(MockValue::Typed { .. }) => {}
        }
        diagnostics.append(&mut cx.diagnostics);
    }
}
