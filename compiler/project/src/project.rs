//! The façade: a path becomes a checked project, and its flows become plans.

use std::path::{Component, Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use flow_check::{CheckedProgram, Symbol};
use flow_diagnostics::{Diagnostic, Severity};
use flow_ir::Plan;
use flow_ir::test::Test;
use flow_source::{FileId, FileSpan, Sources};
use flow_syntax::tree::{self, ItemKind};
use smol_str::SmolStr;

use crate::discover::Layout;
use crate::lint;
use crate::read::{Read, module_name};
use crate::session::Session;
use crate::settings::Settings;
use crate::world::{World, WorldError};

/// A project that was read and checked.
#[derive(Debug)]
pub struct Project {
    layout: Layout,
    pub(crate) sources: Sources,
    settings: Settings,
    /// The module of each file, in the order in which they were read.
    modules: Vec<(SmolStr, FileId)>,
    pub(crate) checked: CheckedProgram,
    pub(crate) diagnostics: Vec<Diagnostic>,
}

/// A test of a project.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TestAt {
    /// Its title.
    pub title: String,
    /// Its file, relative to the project's folder.
    pub module: SmolStr,
    /// Which item of it.
    item: usize,
    /// Where its title stands.
    pub at: FileSpan,
}

/// Why there is no plan.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PlanError {
    /// There is no such flow, or none at all.
    NoFlow {
        /// The name that was asked for.
        asked: Option<String>,
        /// The flows that there are.
        known: Vec<String>,
    },
    /// No flow was named, and there are several.
    Ambiguous {
        /// The flows that there are.
        known: Vec<String>,
    },
    /// The program has errors, or the flow can reach what this version can't run.
    Problems(Vec<Diagnostic>),
}

impl Project {
    /// Reads and checks the project that a path belongs to.
    ///
    /// # Errors
    /// The path itself can't be read. A file that can't be is a diagnostic.
    pub fn open(world: &dyn World, path: &Path) -> Result<Project, WorldError> {
        Project::open_for(world, path, false)
    }

    /// Reads and checks a project whose prompts may go without a model: a flag or the environment gives one.
    ///
    /// # Errors
    /// See [`Project::open`].
    pub fn open_for(world: &dyn World, path: &Path, has_default_model: bool) -> Result<Project, WorldError> {
        Session::once(path, has_default_model).look(world)
    }

    pub(crate) fn new(layout: Layout, read: Read, checked: CheckedProgram) -> Project {
        let Read { sources, settings, mut diagnostics, units, lint_oks } = read;
        diagnostics.extend(checked.diagnostics.iter().cloned());
        // No fix is offered that leaves all as it is.
        diagnostics.iter_mut().for_each(|d| d.fixes.retain(|fix| fix.changes(|file| sources.text(file))));
        lint::apply(&lint_oks, checked.has_flow(), &mut diagnostics);
        diagnostics.sort_by_key(|diagnostic| (diagnostic.primary.at, diagnostic.code));
        let modules = units.iter().map(|unit| (unit.name.clone(), unit.tree.file)).collect();
        Project { layout, sources, settings, modules, checked, diagnostics }
    }

    /// Returns every problem of every file.
    pub fn check(&self) -> &[Diagnostic] {
        &self.diagnostics
    }

    /// Returns how much each flow does at most; nothing if the program has errors, which may leave it without bounds.
    pub fn bounds(&self) -> Option<Vec<flow_check::bounds::Bound>> {
        let sound = self.diagnostics.iter().all(|diagnostic| diagnostic.severity() != Severity::Error);
        sound.then(|| flow_check::bounds::bounds(&self.checked))
    }

    /// Returns the texts that diagnostics point into.
    pub fn sources(&self) -> &Sources {
        &self.sources
    }

    /// Returns what `flow.toml` says.
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// Returns the folder of its `flow.toml`, if it has one.
    pub fn root(&self) -> Option<&Path> {
        self.layout.manifest.as_ref().and_then(|manifest| manifest.parent())
    }

    /// Returns which files it is made of.
    pub fn layout(&self) -> &Layout {
        &self.layout
    }

    /// Returns the names of the flows that can be started.
    pub fn flows(&self) -> Vec<String> {
        self.known().into_iter().map(|symbol| symbol.name.to_string()).collect()
    }

    /// Returns the plan of a flow; without a name, of the only one, or `main`, or the one named like its file.
    ///
    /// # Errors
    /// See [`PlanError`].
    pub fn plan(&self, flow: Option<&str>) -> Result<Plan, PlanError> {
        let symbol = self.choose(flow)?;
        let errors: Vec<Diagnostic> = self
            .diagnostics
            .iter()
            .filter(|diagnostic| diagnostic.severity() == Severity::Error)
            .cloned()
            .collect();
        if !errors.is_empty() {
            return Err(PlanError::Problems(errors));
        }
        with_stack(|| flow_lower::lower(&self.checked, &symbol, self)).map_err(PlanError::Problems)
    }

    /// Returns the tests of the file that was named, or of all files, in their order.
    pub fn tests(&self) -> Vec<TestAt> {
        let named = self.layout.named.as_deref().and_then(|path| module_name(&self.layout.root, path));
        let mut tests = Vec::new();
        for (name, file) in &self.modules {
            let Some(module) = self.checked.program.modules.get(name) else { continue };
            if module.is_standard() || named.as_ref().is_some_and(|named| named != name) {
                continue;
            }
            for (item, known) in module.tree.items.iter().enumerate() {
                if let ItemKind::Test(test) = &known.kind {
                    let title = test.title.text.to_string();
                    let at = known.locate(*file, test.title.span);
                    tests.push(TestAt { title, module: name.clone(), item, at });
                }
            }
        }
        tests
    }

    /// Returns a test that can be run.
    ///
    /// # Errors
    /// What it needs that can't be run yet.
    pub fn test(&self, at: &TestAt) -> Result<Test, Vec<Diagnostic>> {
        let module = self.checked.program.modules.get(&at.module);
        let lowered = module.and_then(|module| flow_lower::lower_test(&self.checked, module, at.item, self));
        lowered.unwrap_or_else(|| Err(Vec::new()))
    }

    fn choose(&self, flow: Option<&str>) -> Result<Symbol, PlanError> {
        let known = self.known();
        let names = || known.iter().map(|symbol| symbol.name.to_string()).collect::<Vec<_>>();
        match flow {
            Some(asked) => known
                .iter()
                .find(|symbol| symbol.name == asked)
                .cloned()
                .or_else(|| self.elsewhere(asked))
                .ok_or_else(|| PlanError::NoFlow { asked: Some(asked.to_string()), known: names() }),
            None => match known.as_slice() {
                [] => Err(PlanError::NoFlow { asked: None, known: Vec::new() }),
                [only] => Ok(only.clone()),
                several => {
                    let own_file = |symbol: &&Symbol| {
                        let file = symbol.module.rsplit('/').next().unwrap_or(&symbol.module);
                        file.strip_suffix(".flow") == Some(&symbol.name)
                    };
                    several
                        .iter()
                        .find(|symbol| symbol.name == "main")
                        .or_else(|| several.iter().find(own_file))
                        .cloned()
                        .ok_or_else(|| PlanError::Ambiguous { known: names() })
                }
            },
        }
    }

    /// The flows of the file that was named, or of the project's entry, or of all files.
    fn known(&self) -> Vec<Symbol> {
        let named = self.layout.named.as_deref().and_then(|path| module_name(&self.layout.root, path));
        let entry = || {
            let entry = self.settings.entry.as_deref().unwrap_or("main.flow");
            let name = SmolStr::from(entry.trim_start_matches("./"));
            self.modules.iter().any(|(module, _)| *module == name).then_some(name)
        };
        let only = named.or_else(entry);
        self.modules
            .iter()
            .filter(|(module, _)| only.as_ref().is_none_or(|only| only == module))
            .flat_map(|(module, _)| self.flows_of(module))
            .collect()
    }

    /// A flow of another file of the project, if only one has this name.
    fn elsewhere(&self, name: &str) -> Option<Symbol> {
        let mut found = self
            .modules
            .iter()
            .flat_map(|(module, _)| self.flows_of(module))
            .filter(|symbol| symbol.name == name);
        let first = found.next()?;
        found.next().is_none().then_some(first)
    }

    fn flows_of(&self, module: &SmolStr) -> Vec<Symbol> {
        let Some(module) = self.checked.program.modules.get(module).filter(|module| !module.is_standard())
        else {
            return Vec::new();
        };
        let own = |(index, item): (usize, &tree::Item)| match &item.kind {
            ItemKind::Flow(flow) if module.items.get(&flow.name.text) == Some(&index) => {
                Some(Symbol { module: module.name.clone(), name: flow.name.text.clone() })
            }
            _ => None,
        };
        module.tree.items.iter().enumerate().filter_map(own).collect()
    }
}

impl flow_lower::Locate for Project {
    fn locate(&self, at: FileSpan) -> String {
        let module = self.modules.iter().find(|(_, file)| *file == at.file).map_or("", |(name, _)| name);
        format!("{module}:{}", self.sources.position(at.file, at.span.start).line)
    }
}

/// The stack that expressions of 1,000 operators need, with room to spare in a debug build.
const STACK_BYTES: usize = 64 << 20;

/// Runs something that goes as deep as the program is nested.
pub(crate) fn with_stack<T: Send>(run: impl FnOnce() -> T + Send) -> T {
    // Where there is no thread to be had, it is still there to be run in place.
    let run = Mutex::new(Some(run));
    let take = || run.lock().unwrap_or_else(PoisonError::into_inner).take();
    let result = std::thread::scope(|scope| {
        let builder = std::thread::Builder::new().stack_size(STACK_BYTES);
        let spawned = builder.spawn_scoped(scope, || take().map(|run| run()));
        match spawned.map(std::thread::ScopedJoinHandle::join) {
            Ok(Ok(value)) => value,
            Ok(Err(panic)) => std::panic::resume_unwind(panic),
            Err(_) => None,
        }
    });
    match result {
        Some(value) => value,
        None => take().expect("it wasn't run")(),
    }
}

/// Returns what stands before a project's files when they are shown: the way there that the user wrote, else the root.
pub(crate) fn shown_prefix(world: &dyn World, given: &Path, root: &Path) -> PathBuf {
    let Ok(canonical) = world.canonical(given) else { return root.to_owned() };
    let Ok(beneath) = canonical.strip_prefix(root) else { return root.to_owned() };
    if beneath.as_os_str().is_empty() {
        let here = given.components().all(|part| part == Component::CurDir);
        return if here { PathBuf::new() } else { given.to_owned() };
    }
    let depth = beneath.components().count();
    match given.ends_with(beneath) {
        true => given.ancestors().nth(depth).map_or_else(|| root.to_owned(), Path::to_owned),
        false => root.to_owned(),
    }
}
