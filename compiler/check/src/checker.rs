//! Checks programs, one after another, and does again only what a change can have changed.

use std::sync::Arc;

use flow_diagnostics::Diagnostic;

use crate::items::{self, Items, check_item};
use crate::memo::{Found, Memo, is_first};
use crate::parallel;
use crate::program::{self, Module, Program, Symbol, Unit};
use crate::whole::Noted;
use crate::{CheckedProgram, node, sig, types, whole};

/// Checks programs and keeps what it found out about each item. The next program is checked as if it were the first: an
/// item is passed over only if its text and everything that it can see are what they were.
#[derive(Debug)]
pub struct Checker {
    threads: usize,
    /// What is kept; `None` if there is no next time.
    memo: Option<Memo>,
    checked_anew: usize,
}

impl Default for Checker {
    fn default() -> Self {
        Self { memo: Some(Memo::default()), ..Self::once() }
    }
}

impl Checker {
    /// Returns a checker that keeps nothing, for one program.
    pub fn once() -> Self {
        Self { threads: parallel::threads(), memo: None, checked_anew: 0 }
    }

    /// Works on so many threads at most; what comes out is the same.
    pub fn with_threads(mut self, threads: usize) -> Self {
        self.threads = threads.max(1);
        self
    }

    /// Returns the number of items that the last call of [`Checker::check`] did not know already.
    pub fn checked_anew(&self) -> usize {
        self.checked_anew
    }

    /// Checks a program, see [`crate::check`].
    pub fn check(&mut self, units: &[Unit], has_default_model: bool) -> CheckedProgram {
        let mut diagnostics = Vec::new();
        let mut program = program::link(units, &mut diagnostics);
        let mut noted = Noted { used: types::resolve(&mut program, &mut diagnostics), ..Noted::default() };
        node::allow::collect(&mut program, &mut diagnostics);
        sig::resolve(&mut program, &mut diagnostics, &mut noted.used);
        let found = self.items(units, &program);
        let items = gather(&program, found, &mut noted, &mut diagnostics);
        whole::run(&program, &items, &noted, has_default_model, &mut diagnostics);
        diagnostics.sort_by(|a, b| {
            let key = |of: &Diagnostic| (of.primary.at, of.code);
            key(a).cmp(&key(b)).then_with(|| a.message.cmp(&b.message))
        });
        CheckedProgram { program, items, diagnostics }
    }

    /// Returns what is found in each item, by module and index.
    fn items(&mut self, units: &[Unit], program: &Program) -> Vec<Vec<Found>> {
        let modules: Vec<&Module> = program.modules.values().collect();
        let mut known: Vec<Vec<Option<Found>>> = match &mut self.memo {
            Some(memo) => memo.recall(units, program),
            None => modules.iter().map(|module| vec![None; module.tree.items.len()]).collect(),
        };
        let unknown: Vec<(usize, usize)> = known
            .iter()
            .enumerate()
            .flat_map(|(module, items)| {
                let open = items.iter().enumerate().filter(|(_, found)| found.is_none());
                open.map(move |(item, _)| (module, item))
            })
            .collect();
        self.checked_anew = unknown.len();
        let found = parallel::map(self.threads, unknown.len(), |n| {
            let (module, item) = unknown[n];
            let ((checked, diagnostics), looked_at) =
                program::looking(|| check_item(program, modules[module], item));
            Found { checked: Arc::new(checked), diagnostics: diagnostics.into(), looked_at: looked_at.into() }
        });
        for ((module, item), found) in unknown.into_iter().zip(found) {
            known[module][item] = Some(found);
        }
        let found: Vec<Vec<Found>> =
            known.into_iter().map(|items| items.into_iter().flatten().collect()).collect();
        if let Some(memo) = &mut self.memo {
            memo.keep(program, &found);
        }
        found
    }
}

/// Puts together what was found in each item.
fn gather(
    program: &Program,
    found: Vec<Vec<Found>>,
    noted: &mut Noted,
    diagnostics: &mut Vec<Diagnostic>,
) -> Items {
    let mut all = Items::with_capacity(found.iter().map(Vec::len).sum());
    for (module, found) in program.modules.values().zip(found) {
        let mut told = module.is_standard();
        let used = noted.used.entry(module.name.clone()).or_default();
        for ((index, item), found) in module.tree.items.iter().enumerate().zip(found) {
            diagnostics.extend(found.diagnostics.iter().cloned());
            let checked = found.checked;
            // One default mends them all.
            if let (false, Some(span)) = (told, checked.no_model) {
                told = true;
                noted.no_model.push(item.locate(module.file, span));
            }
            if !checked.test.is_empty() {
                noted.mentions.push((module.name.clone(), index, checked.clone()));
            }
            let own = item.kind.name().map(|name| &name.text);
            let others = checked.used.iter().filter(|name| Some(*name) != own);
            noted.called.extend(others.filter_map(|name| items::home(module, name)));
            used.extend(checked.used.iter().cloned());
            if let Some(name) = own
                && is_first(module, item, index)
            {
                all.insert(Symbol { module: module.name.clone(), name: name.clone() }, checked);
            }
        }
    }
    all
}
