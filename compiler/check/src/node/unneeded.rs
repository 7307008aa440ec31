//! Entries of `allow` that nothing needs.

use std::collections::{HashMap, HashSet};

use flow_diagnostics::{Code, Diagnostic};
use flow_ir::plan::Grant;
use flow_source::FileId;
use smol_str::SmolStr;

use super::allow::{covers, grant_text};
use crate::items::Items;
use crate::program::Program;

/// Warns of entries of `allow` that neither the file nor what it imports needs.
pub(crate) fn unneeded(program: &Program, items: &Items, diagnostics: &mut Vec<Diagnostic>) {
    let mut needs: HashMap<&SmolStr, Vec<&Grant>> = HashMap::new();
    for (symbol, checked) in items {
        needs.entry(&symbol.module).or_default().extend(checked.needs.iter().map(|(need, _)| need));
    }
    // A secret that stands where none may is meant to be used, and told of already.
    let leaks: HashSet<FileId> = diagnostics
        .iter()
        .filter(|diagnostic| diagnostic.code == Code::SecretLeak)
        .map(|diagnostic| diagnostic.primary.at.file)
        .collect();
    for module in program.modules.values().filter(|module| !module.allow.is_empty()) {
        let mut open = vec![&module.name];
        let mut seen: HashSet<&SmolStr> = open.iter().copied().collect();
        let mut all: Vec<&Grant> = Vec::new();
        let mut complete = true;
        while let Some(name) = open.pop() {
            let Some(own) = program.modules.get(name) else { continue };
            all.extend(needs.get(name).into_iter().flatten().copied());
            complete &= own.tree.items.iter().all(|item| !opaque(item));
            open.extend(own.requires.iter().map(|(name, _)| name).filter(|name| seen.insert(name)));
        }
        let mut listed = HashMap::new();
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
