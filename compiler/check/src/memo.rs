//! What is kept of an item's check, and when it still holds.
//!
//! An item's check reads its own text and what its module can see: names, signatures and types of the module and of all
//! that it imports, directly or not. So what was found holds as long as the text is the same and the module's *sight* is: a
//! digest of its interface and the interfaces of every module that it leads to. Bodies are no part of an interface, so an
//! edit inside one changes no sight. What a check reads beyond that, the tree of another item, goes through
//! [`Program::item`], which notes it, and is compared too.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;

use flow_diagnostics::Diagnostic;
use flow_source::{FileId, FileSpan, Span};
use flow_syntax::tree::{self, Item, ItemKind, NodeKind, TypeKind, UnionMember};
use smol_str::SmolStr;

use crate::graph;
use crate::hash::{HashMap, HashSet};
use crate::items::Checked;
use crate::program::{Look, Module, Program, Unit};

/// What the check of an item found.
#[derive(Clone, Debug)]
pub(crate) struct Found {
    pub checked: Arc<Checked>,
    pub diagnostics: Arc<[Diagnostic]>,
    /// The other items whose trees were read.
    pub looked_at: Arc<[Look]>,
}

/// What is kept of a program.
#[derive(Debug, Default)]
pub(crate) struct Memo {
    modules: HashMap<SmolStr, Kept>,
    /// The modules of the program that is being checked; their items come with [`Memo::keep`].
    next: HashMap<SmolStr, Kept>,
}

/// What is kept of a module.
#[derive(Debug)]
struct Kept {
    tree: Arc<tree::File>,
    interface: Interface,
    sight: Digest,
    /// The items of which a part could not be read: text after an item may be to blame.
    broken: std::collections::HashSet<usize>,
    /// Of each item, by index; `None` is checked again.
    items: Vec<Option<Found>>,
}

/// What of a module's text others, and its own items, can see.
#[derive(Clone, Copy, Debug)]
struct Interface {
    digest: Digest,
    /// Whether it declares a union with a member of another module: that other module's checks see it, too.
    reaches_back: bool,
}

type Digest = (u64, u64);

fn digest(what: impl Fn(&mut DefaultHasher)) -> Digest {
    let one = |seed: u8| {
        let mut hasher = DefaultHasher::new();
        seed.hash(&mut hasher);
        what(&mut hasher);
        hasher.finish()
    };
    (one(0), one(1))
}

/// Whether it is the declaration that its name stands for: a second one of a name is passed over.
pub(crate) fn is_first(module: &Module, item: &Item, index: usize) -> bool {
    item.kind.name().is_none_or(|name| module.items.get(&name.text) == Some(&index))
}

impl Memo {
    /// Returns what is known of each item, by module and index.
    pub fn recall(&mut self, units: &[Unit], program: &Program) -> Vec<Vec<Option<Found>>> {
        let imports: HashMap<&str, &Unit> = units.iter().map(|unit| (unit.name.as_str(), unit)).collect();
        let interfaces: Vec<Interface> =
            program.modules.values().map(|module| self.interface(module)).collect();
        let sights = sights(program, &imports, &interfaces);
        let mut known = Vec::with_capacity(sights.len());
        for ((module, interface), sight) in program.modules.values().zip(interfaces).zip(sights) {
            let old = self.modules.get(&module.name).filter(|kept| kept.sight == sight);
            known.push(match old {
                Some(old) => old.items_of(module, program),
                None => vec![None; module.tree.items.len()],
            });
            let (tree, broken) = (module.tree.clone(), module.broken.clone());
            let kept = Kept { tree, interface, sight, broken, items: Vec::new() };
            self.next.insert(module.name.clone(), kept);
        }
        known
    }

    /// Keeps what was found, in place of what was kept before.
    pub fn keep(&mut self, program: &Program, found: &[Vec<Found>]) {
        self.modules = std::mem::take(&mut self.next);
        for (module, found) in program.modules.values().zip(found) {
            let Some(kept) = self.modules.get_mut(&module.name) else { continue };
            kept.items = kept_items(module, found);
        }
    }

    /// Returns the items that must be checked, by module and index, if the trees of some modules have changed and nothing of
    /// what they show has. Of these modules `found` takes over what is known.
    pub fn recall_changed(
        &self,
        program: &Program,
        changed: &[usize],
        found: &mut [Vec<Found>],
    ) -> Vec<(usize, usize)> {
        let names: HashSet<&str> =
            changed.iter().map(|number| program.modules[*number].name.as_str()).collect();
        let mut unknown = Vec::new();
        for (number, (module, found)) in program.modules.values().zip(found).enumerate() {
            let Some(kept) = self.modules.get(&module.name) else {
                unknown.extend((0..module.tree.items.len()).map(|index| (number, index)));
                continue;
            };
            if names.contains(module.name.as_str()) {
                for (index, known) in kept.items_of(module, program).into_iter().enumerate() {
                    match known {
                        Some(known) => found[index] = known,
                        None => unknown.push((number, index)),
                    }
                }
                continue;
            }
            let holds = |look: &Look| !names.contains(look.module().as_str()) || look.holds(program);
            let open =
                kept.items.iter().enumerate().filter(|(_, known)| {
                    known.as_ref().is_none_or(|known| !known.looked_at.iter().all(holds))
                });
            unknown.extend(open.map(|(index, _)| (number, index)));
        }
        unknown
    }

    /// Keeps what was found in some modules, while nothing of what any module shows has changed.
    pub fn keep_changed(&mut self, program: &Program, touched: &[usize], found: &[Vec<Found>]) {
        for number in touched {
            let module = &program.modules[*number];
            if let Some(kept) = self.modules.get_mut(&module.name) {
                kept.tree = module.tree.clone();
                kept.items = kept_items(module, &found[*number]);
            }
        }
    }

    fn interface(&self, module: &Module) -> Interface {
        match self.modules.get(&module.name) {
            Some(kept) if Arc::ptr_eq(&kept.tree, &module.tree) => kept.interface,
            _ => interface(module),
        }
    }
}

impl Kept {
    fn items_of(&self, module: &Module, program: &Program) -> Vec<Option<Found>> {
        let same = Arc::ptr_eq(&self.tree, &module.tree);
        let by_text: HashMap<&str, usize> = match same {
            true => HashMap::default(),
            false => self.tree.items.iter().enumerate().map(|(index, item)| (&*item.text, index)).collect(),
        };
        let items = module.tree.items.iter().enumerate();
        items
            .map(|(index, item)| {
                let old = if same { index } else { *by_text.get(&*item.text)? };
                let found = self.items.get(old)?.as_ref()?;
                let as_whole = self.broken.contains(&old) == module.broken.contains(&index);
                if !as_whole
                    || !is_first(module, item, index)
                    || !found.looked_at.iter().all(|look| look.holds(program))
                {
                    return None;
                }
                let from = (self.tree.file, &self.tree.items[old]);
                Some(found.moved(from, (module.file, item)))
            })
            .collect()
    }
}

impl Found {
    /// The same, for an item that stands somewhere else now.
    fn moved(&self, from: (FileId, &Item), to: (FileId, &Item)) -> Found {
        if self.diagnostics.is_empty() || (from.0, from.1.start) == (to.0, to.1.start) {
            return self.clone();
        }
        let mut diagnostics = self.diagnostics.to_vec();
        for diagnostic in &mut diagnostics {
            diagnostic.map_places(|at| match within(from, at) {
                Some(span) => to.1.locate(to.0, span),
                None => at,
            });
        }
        Found { diagnostics: diagnostics.into(), ..self.clone() }
    }
}

/// Returns a place as the item counts it, if it lies in the item.
fn within((file, item): (FileId, &Item), at: FileSpan) -> Option<Span> {
    let end = item.start + item.text.len() as u32;
    let inside = at.file == file && item.start <= at.span.start && at.span.end <= end;
    inside.then(|| Span::new(at.span.start - item.start, at.span.end - item.start))
}

/// Returns what can be kept of what was found in a module.
fn kept_items(module: &Module, found: &[Found]) -> Vec<Option<Found>> {
    let items = module.tree.items.iter().enumerate().zip(found);
    items
        .map(|((index, item), found)| {
            (is_first(module, item, index) && stands(module, item, found)).then(|| found.clone())
        })
        .collect()
}

/// Whether every place that is told of lies in the item, or in one that was looked at and so is known not to have moved.
fn stands(module: &Module, item: &Item, found: &Found) -> bool {
    let mut stands = true;
    for diagnostic in &*found.diagnostics {
        diagnostic.clone().map_places(|at| {
            stands &= within((module.file, item), at).is_some()
                || found.looked_at.iter().any(|look| look.contains(at));
            at
        });
    }
    stands
}

/// Returns each module's sight.
fn sights(program: &Program, imports: &HashMap<&str, &Unit>, interfaces: &[Interface]) -> Vec<Digest> {
    let modules: Vec<&Module> = program.modules.values().collect();
    // What each import stands for is no part of the text.
    let own: Vec<Digest> = modules
        .iter()
        .zip(interfaces)
        .map(|(module, interface)| {
            let unit = imports.get(module.name.as_str());
            let imports = unit.into_iter().flat_map(|unit| &unit.imports);
            let mut links: Vec<_> = imports.map(|(path, target)| (path, target.as_ref().ok())).collect();
            links.sort();
            digest(|hasher| (&module.name, interface.digest, &links).hash(hasher))
        })
        .collect();
    let edges: Vec<Vec<usize>> = modules
        .iter()
        .map(|module| {
            module.requires.iter().filter_map(|(name, _)| program.modules.get_index_of(name)).collect()
        })
        .collect();
    let mut below: Vec<Digest> = vec![(0, 0); modules.len()];
    for component in graph::components(&edges) {
        let inside: Vec<Digest> = component.iter().map(|member| own[*member]).collect();
        let mut outside: Vec<Digest> = component
            .iter()
            .flat_map(|member| &edges[*member])
            .filter(|to| component.binary_search(to).is_err())
            .map(|to| below[*to])
            .collect();
        outside.sort_unstable();
        outside.dedup();
        let together = digest(|hasher| (&inside, &outside).hash(hasher));
        component.iter().for_each(|member| below[*member] = together);
    }
    let back: Vec<Digest> =
        interfaces.iter().zip(&below).filter(|(own, _)| own.reaches_back).map(|(_, below)| *below).collect();
    own.iter().zip(&below).map(|(own, below)| digest(|hasher| (own, below, &back).hash(hasher))).collect()
}

fn interface(module: &Module) -> Interface {
    let items = &module.tree.items;
    let digest = digest(|hasher| {
        items.iter().for_each(|item| shown(item, hasher));
    });
    Interface { digest, reaches_back: items.iter().any(|item| reaches_back(module, item)) }
}

/// Hashes what of an item more than itself can see. What isn't sure to be a body is.
fn shown(item: &Item, hasher: &mut DefaultHasher) {
    let head = |end: u32| item.slice(Span::new(0, end));
    match &item.kind {
        ItemKind::Flow(flow) => head(flow.body_span.start).hash(hasher),
        ItemKind::Code(code) => head(code.returns.span.end).hash(hasher),
        ItemKind::Node(node) if node.kind == NodeKind::Prompt => {
            head(node.returns.span.end).hash(hasher);
            node.fields.iter().for_each(|field| field.key.text.hash(hasher));
        }
        ItemKind::Test(_) => "test".hash(hasher),
        _ => item.text.hash(hasher),
    }
}

/// `type Action = Reply | Stop` of which a member may be another module's.
fn reaches_back(module: &Module, item: &Item) -> bool {
    let ItemKind::Type(decl) = &item.kind else { return false };
    let tree::TypeBody::Union(union) = &decl.body else { return false };
    union.members.len() > 1
        && union.members.iter().any(|member| match member {
            UnionMember::Type(tree::TypeExpr { kind: TypeKind::Named(name), .. }) => {
                !module.items.contains_key(&name.text)
            }
            _ => false,
        })
}
