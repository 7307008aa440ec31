//! What only the whole program shows. Each pass reads what the items' checks have summed up and looks into no tree of an
//! item that it has nothing to say about, so that all of them together take a few milliseconds for 100,000 lines.

use std::sync::Arc;

use flow_diagnostics::{Code, Diagnostic};
use flow_source::FileSpan;
use flow_syntax::tree::ItemKind;
use smol_str::SmolStr;

use crate::hash::HashSet;
use crate::items::{self, Checked, Items};
use crate::program::{Module, Program};
use crate::sig::Used;
use crate::{coordinates, kinds, node, recursion, standard, test, writers};

/// What was noted of the program.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Noted<'a> {
    /// The names of its scope that each module uses outside of bodies.
    pub used: &'a Used,
    /// What was noted of each module, in their order.
    pub parts: &'a [Part],
}

/// What was noted while the items of a module were gathered.
#[derive(Debug, Default)]
pub(crate) struct Part {
    /// The names of its scope that its items use.
    pub used: HashSet<SmolStr>,
    /// The declarations that its items use other than themselves: module and name.
    pub called: Vec<(SmolStr, SmolStr)>,
    /// In a module of the user's the first place that asks a model and names none.
    pub no_model: Option<FileSpan>,
    /// The tests that say something of the program: index of the item, and what they say.
    pub tests: Vec<(usize, Arc<Checked>)>,
}

impl<'a> Noted<'a> {
    /// Whether a module uses a name of its scope, by the module's number and name.
    fn uses(self, number: usize, module: &Module, name: &SmolStr) -> bool {
        self.parts.get(number).is_some_and(|part| part.used.contains(name))
            || self.used.get(&module.name).is_some_and(|used| used.contains(name))
    }

    fn tests(self, program: &'a Program) -> test::coordinates::Mentions<'a> {
        let modules = program.modules.values().zip(self.parts);
        modules
            .flat_map(|(module, part)| {
                part.tests.iter().map(move |(index, checked)| (module, *index, &**checked))
            })
            .collect()
    }
}

/// Runs every pass.
pub(crate) fn run(
    program: &Program,
    items: &Items,
    noted: Noted,
    has_default_model: bool,
    diagnostics: &mut Vec<Diagnostic>,
) {
    if !has_default_model {
        diagnostics.extend(noted.parts.iter().filter_map(|part| part.no_model).map(no_model));
        standard::without_model(program, items, diagnostics);
    }
    unused(program, noted, diagnostics);
    node::allow::missing(program, items, diagnostics);
    node::unneeded::unneeded(program, items, diagnostics);
    recursion::circles(program, items, diagnostics);
    coordinates::clashes(program, items, diagnostics);
    kinds::unreachable(program, items, diagnostics);
    writers::unsafe_calls(program, items, diagnostics);
    let tests = noted.tests(program);
    test::coordinates::judge(program, items, &tests, diagnostics);
    test::kinds::judge(items, &tests, diagnostics);
    standard::quiet(program, diagnostics);
}

fn no_model(at: FileSpan) -> Diagnostic {
    Diagnostic::new(Code::NoModel, at, "this asks a model, and there is none")
        .here("names none, and there is no default")
        .help("add a line to the file, `model default = \"openai/gpt-4.1-mini\"`, or to `flow.toml`, under `[models]`: `default = \"openai/gpt-4.1-mini\"`")
}

/// Warns of what nothing uses, in programs that have a flow: a file of types alone is there for others.
fn unused(program: &Program, noted: Noted, diagnostics: &mut Vec<Diagnostic>) {
    if !has_flow(program) {
        return;
    }
    let called = noted.parts.iter().flat_map(|part| &part.called);
    let called: HashSet<(&str, &str)> =
        called.map(|(module, name)| (module.as_str(), name.as_str())).collect();
    let asked = Asked::of(program, noted);
    for (number, module) in program.modules.values().enumerate() {
        let is_called = |name: &SmolStr| {
            called.contains(&(module.name.as_str(), name.as_str())) || asked.has(module, name)
        };
        let is_used = |name: &SmolStr| noted.uses(number, module, name);
        items::unused(module, &is_used, &is_called, diagnostics);
    }
}

/// What imports ask for that doesn't come to be called, for a reason that is reported at the import.
#[derive(Default)]
struct Asked<'p> {
    /// Declarations whose import nothing uses.
    imported: HashSet<(SmolStr, SmolStr)>,
    /// Names asked of files that don't exist.
    names: HashSet<&'p str>,
    /// Modules that were asked for a name that they don't have.
    modules: HashSet<&'p str>,
}

impl<'p> Asked<'p> {
    fn of(program: &'p Program, noted: Noted) -> Asked<'p> {
        let mut asked = Asked::default();
        for (number, module) in program.modules.values().enumerate() {
            let unused = module.imported.iter().filter(|import| !noted.uses(number, module, &import.local));
            asked.imported.extend(unused.filter_map(|import| items::home(module, &import.local)));
            for lost in &module.lost {
                match &lost.module {
                    Some(asked_of) => asked.modules.insert(asked_of),
                    None => asked.names.insert(&lost.name),
                };
            }
        }
        asked
    }

    fn has(&self, module: &Module, name: &SmolStr) -> bool {
        self.names.contains(name.as_str())
            || self.names.contains("")
            || self.modules.contains(module.name.as_str())
            || self.imported.contains(&(module.name.clone(), name.clone()))
    }
}

/// Whether the program has a flow that isn't the standard library's.
pub(crate) fn has_flow(program: &Program) -> bool {
    let mut own = program.modules.values().filter(|module| !module.is_standard());
    own.any(|module| module.tree.items.iter().any(|item| matches!(item.kind, ItemKind::Flow(_))))
}
