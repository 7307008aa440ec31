//! Checks programs, one after another, and does again only what a change can have changed.

use std::sync::Arc;

use flow_diagnostics::Diagnostic;

use crate::CheckedProgram;
use crate::front::{self, Front};
use crate::items::{self, Items, check_item};
use crate::memo::{Found, Memo, is_first};
use crate::parallel;
use crate::program::{self, Module, Program, Symbol, Unit};
use crate::whole::{self, Part};

/// Checks programs and keeps what it found out about each item. The next program is checked as if it were the first: an
/// item is passed over only if its text and everything that it can see are what they were.
#[derive(Debug)]
pub struct Checker {
    threads: usize,
    /// Whether there is a next time.
    keeps: bool,
    /// What is kept of each item.
    memo: Memo,
    /// The program that was checked last.
    last: Option<Last>,
    checked_anew: usize,
}

/// A program that was checked.
#[derive(Debug)]
struct Last {
    front: front::Kept,
    results: Results,
}

/// What the items of a program have in them.
#[derive(Debug)]
struct Results {
    /// By module and index.
    found: Vec<Vec<Found>>,
    /// By module.
    parts: Vec<Part>,
    items: Arc<Items>,
}

impl Default for Checker {
    fn default() -> Self {
        Self { keeps: true, ..Self::once() }
    }
}

impl Checker {
    /// Returns a checker that keeps nothing, for one program.
    pub fn once() -> Self {
        let threads = parallel::threads();
        Self { threads, keeps: false, memo: Memo::default(), last: None, checked_anew: 0 }
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
        let last = self.last.take().and_then(|Last { front, results }| {
            let (front, changed) = front.renewed(units)?;
            Some((front, changed, results))
        });
        if let Some((front, changed, mut results)) = last {
            self.again(&front.front().program, &changed, &mut results);
            let checked = conclude(front.front(), &results, has_default_model);
            self.last = Some(Last { front, results });
            return checked;
        }
        let front = Front::of(units);
        let found = self.items(units, &front.program);
        let results = Results::new(&front.program, found);
        let checked = conclude(&front, &results, has_default_model);
        if self.keeps {
            self.last = Some(Last { front: front::Kept::new(front, units), results });
        }
        checked
    }

    /// Returns what is found in each item, by module and index.
    fn items(&mut self, units: &[Unit], program: &Program) -> Vec<Vec<Found>> {
        let modules = program.modules.values();
        let mut known: Vec<Vec<Option<Found>>> = match self.keeps {
            true => self.memo.recall(units, program),
            false => modules.map(|module| vec![None; module.tree.items.len()]).collect(),
        };
        let unknown: Vec<(usize, usize)> = known
            .iter()
            .enumerate()
            .flat_map(|(module, items)| {
                let open = items.iter().enumerate().filter(|(_, found)| found.is_none());
                open.map(move |(item, _)| (module, item))
            })
            .collect();
        for ((module, item), found) in unknown.iter().zip(self.look_at(program, &unknown)) {
            known[*module][*item] = Some(found);
        }
        let found: Vec<Vec<Found>> =
            known.into_iter().map(|items| items.into_iter().flatten().collect()).collect();
        if self.keeps {
            self.memo.keep(program, &found);
        }
        found
    }

    /// Brings the results up to date after the trees of some modules have changed, and nothing of what they show.
    fn again(&mut self, program: &Program, changed: &[usize], results: &mut Results) {
        let unknown = self.memo.recall_changed(program, changed, &mut results.found);
        let mut touched = changed.to_vec();
        for ((module, item), found) in unknown.iter().zip(self.look_at(program, &unknown)) {
            results.found[*module][*item] = found;
            touched.push(*module);
        }
        touched.sort_unstable();
        touched.dedup();
        self.memo.keep_changed(program, &touched, &results.found);
        let items = Arc::make_mut(&mut results.items);
        for number in touched {
            let module = &program.modules[number];
            let found = &results.found[number];
            results.parts[number] = part(module, found);
            declared(module, found, items);
        }
    }

    /// Checks items, by module and index.
    fn look_at(&mut self, program: &Program, items: &[(usize, usize)]) -> Vec<Found> {
        self.checked_anew = items.len();
        parallel::map(self.threads, items.len(), |n| {
            let (module, item) = items[n];
            let ((checked, diagnostics), looked_at) =
                program::looking(|| check_item(program, &program.modules[module], item));
            Found { checked: Arc::new(checked), diagnostics: diagnostics.into(), looked_at: looked_at.into() }
        })
    }
}

impl Results {
    fn new(program: &Program, found: Vec<Vec<Found>>) -> Results {
        let count = found.iter().map(Vec::len).sum();
        let mut items = Items::with_capacity_and_hasher(count, Default::default());
        let modules = program.modules.values().zip(&found);
        let parts = modules.map(|(module, found)| {
            declared(module, found, &mut items);
            part(module, found)
        });
        Results { parts: parts.collect(), items: Arc::new(items), found }
    }
}

/// Adds what the items of a module declare, or puts it in the place of what they declared before.
fn declared(module: &Module, found: &[Found], items: &mut Items) {
    for ((index, item), found) in module.tree.items.iter().enumerate().zip(found) {
        if let Some(name) = item.kind.name()
            && is_first(module, item, index)
        {
            let symbol = Symbol { module: module.name.clone(), name: name.text.clone() };
            items.insert(symbol, found.checked.clone());
        }
    }
}

/// Notes what the items of a module say of the program.
fn part(module: &Module, found: &[Found]) -> Part {
    let mut part = Part::default();
    for ((index, item), found) in module.tree.items.iter().enumerate().zip(found) {
        let checked = &found.checked;
        // One default mends them all; of the standard library's another place is told.
        if let (None, false, Some(span)) = (part.no_model, module.is_standard(), checked.no_model) {
            part.no_model = Some(item.locate(module.file, span));
        }
        if !checked.test.is_empty() {
            part.tests.push((index, checked.clone()));
        }
        let own = item.kind.name().map(|name| &name.text);
        let others = checked.used.iter().filter(|name| Some(*name) != own);
        part.called.extend(others.filter_map(|name| items::home(module, name)));
        part.used.extend(checked.used.iter().cloned());
    }
    part
}

/// Looks at the whole program, and puts all that was found in order.
fn conclude(front: &Front, results: &Results, has_default_model: bool) -> CheckedProgram {
    let (program, items) = (&front.program, &results.items);
    let mut diagnostics = front.diagnostics.clone();
    let found = results.found.iter().flatten().flat_map(|found| &*found.diagnostics);
    diagnostics.extend(found.cloned());
    let noted = whole::Noted { used: &front.used, parts: &results.parts };
    whole::run(program, items, noted, has_default_model, &mut diagnostics);
    diagnostics.sort_by(|a, b| {
        let key = |of: &Diagnostic| (of.primary.at, of.code);
        key(a).cmp(&key(b)).then_with(|| a.message.cmp(&b.message))
    });
    CheckedProgram { program: program.clone(), items: items.clone(), diagnostics }
}
