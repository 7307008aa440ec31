//! Entries of `allow` that nothing needs.

use std::collections::BTreeSet;

use flow_diagnostics::{Code, Diagnostic};
use flow_ir::plan::Grant;
use flow_source::FileId;

use super::allow::{covers, grant_text};
use crate::graph::gathered;
use crate::hash::{HashMap, HashSet};
use crate::items::Items;
use crate::program::Program;

/// Warns of entries of `allow` that neither the file nor what it imports needs.
pub(crate) fn unneeded(program: &Program, items: &Items, diagnostics: &mut Vec<Diagnostic>) {
    if program.modules.values().all(|module| module.allow.is_empty()) {
        return;
    }
    // A secret that stands where none may is meant to be used, and told of already.
    let leaks: HashSet<FileId> = diagnostics
        .iter()
        .filter(|diagnostic| diagnostic.code == Code::SecretLeak)
        .map(|diagnostic| diagnostic.primary.at.file)
        .collect();
    // What is needed has the number of a grant from 1; 0 stands for something that isn't known from the text.
    let mut grants: Vec<&Grant> = Vec::new();
    let mut numbers: HashMap<String, usize> = HashMap::default();
    let mut own: Vec<BTreeSet<usize>> = program
        .modules
        .values()
        .map(|module| module.tree.items.iter().any(opaque).then_some(0).into_iter().collect())
        .collect();
    for (symbol, checked) in items {
        let Some(module) = program.modules.get_index_of(&symbol.module) else { continue };
        for (need, _) in &checked.needs {
            own[module].insert(*numbers.entry(grant_text(need)).or_insert_with(|| {
                grants.push(need);
                grants.len()
            }));
        }
    }
    let edges: Vec<Vec<usize>> = program
        .modules
        .values()
        .map(|module| {
            module.requires.iter().filter_map(|(name, _)| program.modules.get_index_of(name)).collect()
        })
        .collect();
    let below = gathered(&edges, &own);
    for (module, below) in program.modules.values().zip(below).filter(|(module, _)| !module.allow.is_empty())
    {
        let complete = !below.contains(&0);
        let all: Vec<&Grant> =
            below.iter().filter_map(|number| grants.get(number.checked_sub(1)?).copied()).collect();
        let mut listed = HashMap::default();
        for (grant, at) in &module.allow {
            let text = grant_text(grant);
            if let Some(first) = listed.get(&text) {
                diagnostics.push(
                    Diagnostic::new(Code::UnusedAuthority, *at, format!("`{text}` is listed twice"))
                        .here("allowed already")
                        .label(*first, "allowed here")
                        .help("remove it"),
                );
                continue;
            }
            listed.insert(text, *at);
            let judged = match grant {
                Grant::Net(_) => true,
                Grant::Secret(_) => !leaks.contains(&module.file),
                _ => false,
            };
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
