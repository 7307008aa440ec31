//! From trees to named, typed programs.
//!
//! In: the trees of a project's files and what their import paths denote. Out: diagnostics, and for each item its part of
//! a plan, with references by name. It must not know files, settings of a deployment, or how a plan is carried out.
//!
//! Names are linked first, then types, then signatures; after that each item is checked by itself ([`check_item`]).

mod coordinates;
mod cx;
mod expr;
mod fit;
mod flow;
mod items;
mod node;
mod program;
mod sig;
mod standard;
mod suggest;
mod types;

use std::collections::{HashMap, HashSet};

use flow_diagnostics::{Code, Diagnostic};
use smol_str::SmolStr;

pub use coordinates::{Coordinate, Coordinates};
pub use cx::{Use, Uses};
pub use items::{Body, Checked, check_item};
use node::allow::{covers, grant_text};
pub use node::settings;
pub use program::{
    CallKind, CallSig, Entry, ImportedName, Module, NoModule, ParamSig, Program, Sig, Symbol, Unit, short,
};
pub use suggest::nearest;

/// A checked program.
#[derive(Debug, Default)]
pub struct CheckedProgram {
    /// Modules, types and signatures.
    pub program: Program,
    /// What each declaration gives to a plan.
    pub items: HashMap<Symbol, Checked>,
    /// All problems but those of syntax, in the order of files and places.
    pub diagnostics: Vec<Diagnostic>,
}

/// Checks a program. `has_default_model` says whether prompts without a model get one from outside: from `flow.toml`, the
/// environment or a flag.
pub fn check(units: &[Unit], has_default_model: bool) -> CheckedProgram {
    let mut diagnostics = Vec::new();
    let mut program = program::link(units, &mut diagnostics);
    let mut used = types::resolve(&mut program, &mut diagnostics);
    node::allow::collect(&mut program, &mut diagnostics);
    sig::resolve(&mut program, &mut diagnostics, &mut used);
    let mut items = HashMap::new();
    let mut called: HashSet<(SmolStr, SmolStr)> = HashSet::new();
    for module in program.modules.values() {
        let mut told = false;
        for (index, item) in module.tree.items.iter().enumerate() {
            let (checked, found) = check_item(&program, module, index);
            // One default mends them all.
            if let (false, false, Some(span)) =
                (has_default_model || module.is_standard(), told, checked.no_model)
            {
                told = true;
                diagnostics.push(no_model(item.locate(module.file, span)));
            }
            diagnostics.extend(found);
            let own = item.kind.name().map(|name| &name.text);
            for name in checked.used.iter().filter(|name| Some(*name) != own) {
                called.extend(items::home(module, name));
            }
            used.entry(module.name.clone()).or_default().extend(checked.used.iter().cloned());
            if let Some(name) = own
                && module.items.get(name) == Some(&index)
            {
                items.insert(Symbol { module: module.name.clone(), name: name.clone() }, checked);
            }
        }
    }
    let nothing = HashSet::new();
    let has_flow = program.modules.values().filter(|module| !module.is_standard()).any(|module| {
        module.tree.items.iter().any(|item| matches!(item.kind, flow_syntax::tree::ItemKind::Flow(_)))
    });
    for module in program.modules.values() {
        let used = used.get(&module.name).unwrap_or(&nothing);
        if has_flow {
            items::unused(module, used, &called, &mut diagnostics);
        }
    }
    if !has_default_model {
        standard::without_model(&program, &items, &mut diagnostics);
    }
    node::allow::missing(&program, &items, &mut diagnostics);
    unused_authority(&program, &items, &mut diagnostics);
    recursion(&program, &items, &mut diagnostics);
    coordinates::clashes(&program, &items, &mut diagnostics);
    standard::quiet(&program, &mut diagnostics);
    diagnostics.sort_by_key(|diagnostic| (diagnostic.primary.at, diagnostic.code));
    CheckedProgram { program, items, diagnostics }
}

fn no_model(at: flow_source::FileSpan) -> Diagnostic {
    Diagnostic::new(Code::NoModel, at, "this prompt has no model")
        .here("names none, and there is no default")
        .help("declare one for the file, `model default = \"provider/model\"`, or set `default` under `[models]` in `flow.toml`")
}

/// Warns of entries of `allow` that neither the file nor what it imports needs.
fn unused_authority(program: &Program, items: &HashMap<Symbol, Checked>, diagnostics: &mut Vec<Diagnostic>) {
    let mut needs: HashMap<&SmolStr, Vec<&flow_ir::plan::Grant>> = HashMap::new();
    for (symbol, checked) in items {
        needs.entry(&symbol.module).or_default().extend(checked.needs.iter().map(|(need, _)| need));
    }
    for module in program.modules.values().filter(|module| !module.allow.is_empty()) {
        let mut open = vec![&module.name];
        let mut seen: HashSet<&SmolStr> = open.iter().copied().collect();
        let mut all: Vec<&flow_ir::plan::Grant> = Vec::new();
        let mut complete = true;
        while let Some(name) = open.pop() {
            let Some(own) = program.modules.get(name) else { continue };
            all.extend(needs.get(name).into_iter().flatten().copied());
            complete &= own.tree.items.iter().all(|item| !opaque(item));
            open.extend(own.requires.iter().map(|(name, _)| name).filter(|name| seen.insert(name)));
        }
        for (grant, at) in &module.allow {
            let judged = matches!(grant, flow_ir::plan::Grant::Net(_) | flow_ir::plan::Grant::Secret(_));
            if complete && judged && !all.iter().any(|need| covers(grant, need)) {
                let text = grant_text(grant);
                diagnostics.push(
                    Diagnostic::new(Code::UnusedAuthority, *at, format!("nothing needs `{text}`"))
                        .here("allowed and not used")
                        .help("remove it: what isn't needed shouldn't be allowed"),
                );
            }
        }
    }
}

/// Whether what an item reaches isn't known from its text.
fn opaque(item: &flow_syntax::tree::Item) -> bool {
    use flow_syntax::tree::{ItemKind, NodeKind};
    match &item.kind {
        ItemKind::Node(node) => {
            matches!(node.kind, NodeKind::Human | NodeKind::Event)
                || node.kind == NodeKind::Tool
                    && node.fields.iter().any(|field| {
                        matches!(field.key.as_str(), "run" | "mcp" | "python")
                            || starts_with_splice(&field.value)
                    })
        }
        ItemKind::Server(_) | ItemKind::Trigger(_) | ItemKind::Error(_) | ItemKind::Memory(_) => true,
        _ => false,
    }
}

/// `"${server}/…"`: the host is its caller's, and held against `allow` when it is called.
fn starts_with_splice(value: &flow_syntax::tree::FieldValue) -> bool {
    use flow_syntax::tree::{ExprKind, FieldValue, Piece};
    match value {
        FieldValue::Expr(expr) => match &expr.kind {
            ExprKind::Template(template) => matches!(template.pieces.first(), Some(Piece::Splice(_))),
            _ => false,
        },
        _ => false,
    }
}

/// Reports flows and code that call themselves, and models made of themselves: once per circle.
fn recursion(program: &Program, items: &HashMap<Symbol, Checked>, diagnostics: &mut Vec<Diagnostic>) {
    #[derive(Clone, Copy, PartialEq)]
    enum Mark {
        Open,
        Done,
    }
    let calls = |symbol: &Symbol| -> Vec<(&Symbol, flow_source::Span)> {
        let Some(checked) = items.get(symbol) else { return Vec::new() };
        checked
            .uses
            .iter()
            .filter_map(|(what, span)| match what {
                Use::Flow(called) | Use::Code(called) | Use::Model(called) => Some((called, *span)),
                _ => None,
            })
            .collect()
    };
    let mut roots: Vec<&Symbol> = items.keys().collect();
    roots.sort();
    let mut marks: HashMap<&Symbol, Mark> = HashMap::new();
    for root in roots {
        if marks.contains_key(root) {
            continue;
        }
        marks.insert(root, Mark::Open);
        let mut path = vec![(root, calls(root), 0_usize)];
        while let Some((at, callees, next)) = path.last_mut() {
            let Some((called, span)) = callees.get(*next).copied() else {
                marks.insert(at, Mark::Done);
                path.pop();
                continue;
            };
            *next += 1;
            match marks.get(called) {
                None => {
                    marks.insert(called, Mark::Open);
                    path.push((called, calls(called), 0));
                }
                Some(Mark::Open) => {
                    let caller = *at;
                    let Some((module, item)) = program.item(caller) else { continue };
                    let from = path.iter().position(|(symbol, ..)| *symbol == called).unwrap_or(0);
                    let mut ring: Vec<&str> =
                        path[from..].iter().map(|(symbol, ..)| symbol.name.as_str()).collect();
                    ring.push(&called.name);
                    if matches!(item.kind, flow_syntax::tree::ItemKind::Model(_)) {
                        diagnostics.push(
                            Diagnostic::new(
                                Code::BadSetting,
                                item.locate(module.file, span),
                                format!("`{}` is made of itself: `{}`", called.name, ring.join("` → `")),
                            )
                            .here("closes the circle")
                            .help("name models that lead to a provider, such as `\"ollama/llama3.2\"`"),
                        );
                        continue;
                    }
                    diagnostics.push(
                        Diagnostic::new(
                            Code::RecursiveFlow,
                            item.locate(module.file, span),
                            format!("`{}` calls itself: `{}`", called.name, ring.join("` → `")),
                        )
                        .here("closes the circle")
                        .help("repeat steps with `loop … max n`, or walk a list with `for`"),
                    );
                }
                Some(Mark::Done) => {}
            }
        }
    }
}
