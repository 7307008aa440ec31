//! The façade: a path becomes a checked project, and its flows become plans.

use std::collections::{HashMap, HashSet, VecDeque};
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;

use flow_check::{CheckedProgram, NoModule, Symbol, Unit};
use flow_diagnostics::{Code, Diagnostic, Severity};
use flow_ir::Plan;
use flow_source::{FileId, FileSpan, Sources, Span};
use flow_syntax::tree::{self, ItemKind};
use smol_str::SmolStr;

use crate::discover::{ImportError, Layout, discover, resolve_import};
use crate::settings::Settings;
use crate::world::{World, WorldError};

/// Of a `flow.toml`, in bytes.
const MANIFEST_BYTES_MAX: u64 = 1 << 20;

/// A project that was read and checked.
#[derive(Debug)]
pub struct Project {
    layout: Layout,
    sources: Sources,
    settings: Settings,
    /// The module of each file, in the order in which they were read.
    modules: Vec<(SmolStr, FileId)>,
    checked: CheckedProgram,
    diagnostics: Vec<Diagnostic>,
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
        let layout = discover(world, path)?;
        let mut reader = Reader {
            world,
            prefix: shown_prefix(world, path, &layout.root),
            root: layout.root.clone(),
            sources: Sources::new(),
            diagnostics: Vec::new(),
            units: Vec::new(),
            names: HashMap::new(),
            queue: layout.files.iter().cloned().collect(),
            standard: Vec::new(),
        };
        let settings = match &layout.manifest {
            Some(manifest) => reader.manifest(manifest)?,
            None => Settings::default(),
        };
        reader.files();
        if let (Some(entry), Some(manifest)) = (&settings.entry, &layout.manifest) {
            reader.entry(entry, manifest);
        }
        let Reader { sources, mut diagnostics, units, .. } = reader;
        let default = has_default_model || settings.default_model.is_some();
        let checked = with_stack(|| flow_check::check(&units, default));
        diagnostics.extend(checked.diagnostics.iter().cloned());
        diagnostics.sort_by_key(|diagnostic| (diagnostic.primary.at, diagnostic.code));
        let modules = units.iter().map(|unit| (unit.name.clone(), unit.tree.file)).collect();
        Ok(Project { layout, sources, settings, modules, checked, diagnostics })
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

/// Reads a project's files, and those that they import.
struct Reader<'w> {
    world: &'w dyn World,
    /// What stands before a file's path when it is shown.
    prefix: PathBuf,
    root: PathBuf,
    sources: Sources,
    diagnostics: Vec<Diagnostic>,
    units: Vec<Unit>,
    names: HashMap<PathBuf, SmolStr>,
    queue: VecDeque<PathBuf>,
    /// The modules of the standard library that were asked for.
    standard: Vec<SmolStr>,
}

impl Reader<'_> {
    fn add(&mut self, path: &Path, text: &str) -> FileId {
        let relative = path.strip_prefix(&self.root).unwrap_or(path);
        let shown = self.prefix.join(relative);
        self.sources.add(shown.to_string_lossy().as_ref(), text)
    }

    fn manifest(&mut self, path: &Path) -> Result<Settings, WorldError> {
        let bytes = self.world.read(path, MANIFEST_BYTES_MAX)?;
        let file = self.add(path, &String::from_utf8_lossy(&bytes));
        match flow_syntax::decode(file, bytes) {
            Ok(text) => {
                let (settings, problems) = Settings::parse(file, &text);
                self.diagnostics.extend(problems);
                Ok(settings)
            }
            Err(problem) => {
                self.diagnostics.push(*problem);
                Ok(Settings::default())
            }
        }
    }

    fn entry(&mut self, entry: &str, manifest: &Path) {
        let name = SmolStr::from(entry.trim_start_matches("./"));
        if self.units.iter().any(|unit| unit.name == name) {
            return;
        }
        let relative = manifest.strip_prefix(&self.root).unwrap_or(manifest);
        let shown = self.prefix.join(relative);
        let Some(file) = self.sources.find(&shown.to_string_lossy()) else { return };
        let text = self.sources.text(file);
        let start = text.find(entry).unwrap_or(0);
        let span = Span::from(start..start + entry.len().min(text.len()));
        self.diagnostics.push(
            Diagnostic::new(Code::BadProjectFile, span.within(file), format!("there is no file `{entry}`"))
                .here("the project's entry")
                .help("name a `.flow` file of the project, relative to its folder"),
        );
    }

    fn files(&mut self) {
        for path in &self.queue {
            if let Some(name) = module_name(&self.root, path) {
                self.names.insert(path.clone(), name);
            }
        }
        while let Some(path) = self.queue.pop_front() {
            self.file(&path);
        }
        // One may import another: the list grows while it is walked.
        let mut next = 0;
        while let Some(name) = self.standard.get(next).cloned() {
            next += 1;
            self.standard_module(&name);
        }
    }

    fn standard_module(&mut self, name: &SmolStr) {
        let Some(text) = self.world.library().text(name).cloned() else { return };
        let file = self.sources.add(name.as_str(), text.as_ref());
        let (tree, problems) = flow_syntax::parse(file, &text);
        let broken = broken_items(&tree);
        self.diagnostics.extend(problems);
        self.unit(name.clone(), Path::new(""), tree, broken);
    }

    fn file(&mut self, path: &Path) {
        let Some(name) = self.names.get(path).cloned() else { return };
        let bytes = match self.world.read(path, flow_syntax::FILE_BYTES_MAX as u64) {
            Ok(bytes) => bytes,
            Err(error) => {
                let file = self.add(path, "");
                let (code, help) = match error {
                    WorldError::TooLarge(_) => (
                        Code::TooLarge,
                        "split it into files that import each other; data belongs in files that a tool reads",
                    ),
                    _ => (Code::NotText, "see that the file is there and that you may read it"),
                };
                let at = Span::default().within(file);
                self.diagnostics
                    .push(Diagnostic::new(code, at, format!("this file can't be read: {error}")).help(help));
                self.unit(
                    name,
                    path,
                    tree::File { file, text: Arc::from(""), items: Vec::new() },
                    HashSet::new(),
                );
                return;
            }
        };
        let file = self.add(path, &String::from_utf8_lossy(&bytes));
        match flow_syntax::decode(file, bytes) {
            Ok(text) => {
                let (tree, problems) = flow_syntax::parse(file, &text);
                let broken = broken_items(&tree);
                self.diagnostics.extend(problems);
                self.unit(name, path, tree, broken);
            }
            Err(problem) => {
                self.diagnostics.push(*problem);
                self.unit(
                    name,
                    path,
                    tree::File { file, text: Arc::from(""), items: Vec::new() },
                    HashSet::new(),
                );
            }
        }
    }

    fn unit(&mut self, name: SmolStr, path: &Path, tree: tree::File, broken: HashSet<usize>) {
        let mut imports = HashMap::new();
        for item in &tree.items {
            let ItemKind::Import(import) = &item.kind else { continue };
            let text = import.from.text.clone();
            imports.entry(text).or_insert_with_key(|text| self.import(path, text));
        }
        self.units.push(Unit { name, tree: Arc::new(tree), broken, imports });
    }

    fn import(&mut self, from: &Path, import: &str) -> Result<SmolStr, NoModule> {
        if import.starts_with("std/") {
            return self.import_standard(import);
        }
        match resolve_import(self.world, &self.root, from, import) {
            Ok(path) => {
                if let Some(name) = self.names.get(&path) {
                    return Ok(name.clone());
                }
                let name = module_name(&self.root, &path)
                    .ok_or_else(|| NoModule::because("its path isn't UTF-8 text"))?;
                self.names.insert(path.clone(), name.clone());
                self.queue.push_back(path);
                Ok(name)
            }
            Err(ImportError::Form) => Err(NoModule::because("no path of a `.flow` file")),
            Err(ImportError::Missing) => Err(NoModule::because("no such file")),
            Err(ImportError::Outside) => Err(NoModule::because("lies outside of the project")),
        }
    }

    fn import_standard(&mut self, import: &str) -> Result<SmolStr, NoModule> {
        let library = self.world.library();
        if library.text(import).is_some() {
            let name = SmolStr::from(import);
            if !self.standard.contains(&name) {
                self.standard.push(name.clone());
            }
            return Ok(name);
        }
        let known: Vec<&str> = library.paths().collect();
        let near = flow_check::nearest(import, known.iter().copied());
        Err(NoModule {
            why: "the standard library has no such module".into(),
            help: Some(match known.as_slice() {
                [] => {
                    "this version comes without a standard library: import from a file of the project".into()
                }
                all => format!("its modules are `{}`", all.join("`, `")),
            }),
            meant: near.map(SmolStr::from),
        })
    }
}

/// The stack that expressions of 1,000 operators need, with room to spare in a debug build.
const STACK_BYTES: usize = 64 << 20;

/// Runs something that goes as deep as the program is nested.
fn with_stack<T: Send>(run: impl Fn() -> T + Send + Sync) -> T {
    std::thread::scope(|scope| {
        let spawned = std::thread::Builder::new().stack_size(STACK_BYTES).spawn_scoped(scope, &run);
        match spawned.map(std::thread::ScopedJoinHandle::join) {
            Ok(Ok(value)) => value,
            Ok(Err(panic)) => std::panic::resume_unwind(panic),
            Err(_) => run(),
        }
    })
}

/// Finds the items of which a part could not be read and has left no node.
fn broken_items(tree: &tree::File) -> HashSet<usize> {
    tree.items.iter().enumerate().filter(|(_, item)| item.broken).map(|(index, _)| index).collect()
}

/// Returns a file's path beneath the root, with `/` between its parts.
fn module_name(root: &Path, path: &Path) -> Option<SmolStr> {
    let relative = path.strip_prefix(root).ok()?;
    let parts: Option<Vec<&str>> = relative
        .components()
        .map(|part| match part {
            Component::Normal(name) => name.to_str(),
            _ => None,
        })
        .collect();
    Some(SmolStr::from(parts?.join("/")))
}

/// Returns what stands before a project's files when they are shown: the way there that the user wrote, else the root.
fn shown_prefix(world: &dyn World, given: &Path, root: &Path) -> PathBuf {
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
