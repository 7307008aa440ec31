//! What only the whole program shows. Each pass reads what the items' checks have summed up and looks into no tree of an
//! item that it has nothing to say about, so that all of them together take a few milliseconds for 100,000 lines.

use std::collections::HashSet;

use flow_diagnostics::{Code, Diagnostic};
use flow_source::FileSpan;
use flow_syntax::tree::ItemKind;
use smol_str::SmolStr;

use crate::items::{self, Items};
use crate::program::{Module, Program};
use crate::sig::Used;
use crate::{coordinates, kinds, node, recursion, standard, test, writers};

/// What was noted while the items were gathered.
#[derive(Debug, Default)]
pub(crate) struct Noted {
    /// The names of its scope that each module uses.
    pub used: Used,
    /// The declarations that something other than themselves uses: module and name.
    pub called: HashSet<(SmolStr, SmolStr)>,
    /// For each module of the user's the first place that asks a model and names none.
    pub no_model: Vec<FileSpan>,
    /// The tests that say something of the program: module, index of the item, and what they say.
    pub mentions: test::coordinates::Mentions,
}

/// Runs every pass.
pub(crate) fn run(
    program: &Program,
    items: &Items,
    noted: &Noted,
    has_default_model: bool,
    diagnostics: &mut Vec<Diagnostic>,
) {
    if !has_default_model {
        diagnostics.extend(noted.no_model.iter().map(|at| no_model(*at)));
        standard::without_model(program, items, diagnostics);
    }
    unused(program, noted, diagnostics);
    node::allow::missing(program, items, diagnostics);
    node::unneeded::unneeded(program, items, diagnostics);
    recursion::circles(program, items, diagnostics);
    coordinates::clashes(program, items, diagnostics);
    kinds::unreachable(program, items, diagnostics);
    writers::unsafe_calls(program, items, diagnostics);
    test::coordinates::judge(program, items, &noted.mentions, diagnostics);
    test::kinds::judge(program, items, &noted.mentions, diagnostics);
    standard::quiet(program, diagnostics);
}

fn no_model(at: FileSpan) -> Diagnostic {
    Diagnostic::new(Code::NoModel, at, "this asks a model, and there is none")
        .here("names none, and there is no default")
        .help("add a line to the file, `model default = \"openai/gpt-4.1-mini\"`, or to `flow.toml`, under `[models]`: `default = \"openai/gpt-4.1-mini\"`")
}

/// Warns of what nothing uses, in programs that have a flow: a file of types alone is there for others.
fn unused(program: &Program, noted: &Noted, diagnostics: &mut Vec<Diagnostic>) {
    if !has_flow(program) {
        return;
    }
    let nothing = HashSet::new();
    let used_of = |module: &Module| noted.used.get(&module.name).unwrap_or(&nothing);
    let asked = Asked::of(program, used_of);
    for module in program.modules.values() {
        let is_called = |name: &SmolStr| {
            noted.called.contains(&(module.name.clone(), name.clone())) || asked.has(module, name)
        };
        items::unused(module, used_of(module), &is_called, diagnostics);
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
    fn of(program: &'p Program, used_of: impl Fn(&Module) -> &'p HashSet<SmolStr>) -> Asked<'p> {
        let mut asked = Asked::default();
        for module in program.modules.values() {
            let used = used_of(module);
            let unused = module.imported.iter().filter(|import| !used.contains(&import.local));
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
