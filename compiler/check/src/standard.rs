//! Modules of the standard library: users can't change them, so what concerns a user is told where the user calls.

use flow_diagnostics::{Code, Diagnostic, Severity};
use flow_source::{FileId, FileSpan};

use crate::cx::Use;
use crate::hash::HashSet;
use crate::items::Items;
use crate::program::{Program, Symbol};

/// Reports, where a file of the user leads to it, a prompt of the standard library that no model answers: once, since one
/// default mends them all.
pub(crate) fn without_model(program: &Program, items: &Items, diagnostics: &mut Vec<Diagnostic>) {
    let standard = |symbol: &Symbol| program.modules.get(&symbol.module).is_some_and(|m| m.is_standard());
    if !items.iter().any(|(symbol, checked)| checked.no_model.is_some() && standard(symbol)) {
        return;
    }
    let mut calls: Vec<(FileSpan, &Symbol)> = Vec::new();
    for (symbol, checked) in items.iter().filter(|(symbol, _)| !standard(symbol)) {
        let Some((module, item)) = program.item(symbol) else { continue };
        for (what, span) in &checked.uses {
            if let Use::Node(called) | Use::Flow(called) = what
                && standard(called)
                && asks(called, items)
            {
                calls.push((item.locate(module.file, *span), called));
            }
        }
    }
    calls.sort();
    if let Some((at, called)) = calls.first() {
        diagnostics.push(
            Diagnostic::new(Code::NoModel, *at, format!("`{}` asks a model, and there is none", called.name))
                .here(format!("leads to a prompt of `{}`", called.module))
                .help("set `default` under `[models]` in `flow.toml`, or give one when it runs: `--model provider/model`"),
        );
    }
}

/// Whether something leads to a prompt without a model.
fn asks(symbol: &Symbol, items: &Items) -> bool {
    let mut open = vec![symbol];
    let mut seen = HashSet::default();
    while let Some(symbol) = open.pop() {
        let Some(checked) = items.get(symbol).filter(|_| seen.insert(symbol)) else { continue };
        if checked.no_model.is_some() {
            return true;
        }
        open.extend(checked.uses.iter().filter_map(|(what, _)| match what {
            Use::Node(next) | Use::Flow(next) => Some(next),
            _ => None,
        }));
    }
    false
}

/// Takes back warnings about files that the user doesn't write.
pub(crate) fn quiet(program: &Program, diagnostics: &mut Vec<Diagnostic>) {
    let files: HashSet<FileId> =
        program.modules.values().filter(|module| module.is_standard()).map(|module| module.file).collect();
    if !files.is_empty() {
        diagnostics.retain(|one| one.severity() == Severity::Error || !files.contains(&one.primary.at.file));
    }
}
