//! Reads a project's files, and those that they import. What hasn't changed isn't read or parsed again.

use std::collections::{HashMap, HashSet};
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;

use flow_check::{NoModule, Unit, parallel};
use flow_diagnostics::{Code, Diagnostic};
use flow_source::{FileId, Sources, Span};
use flow_syntax::tree::{self, ItemKind};
use smol_str::SmolStr;

use crate::discover::{ImportError, Layout, resolve_import};
use crate::lint::{self, LintOk};
use crate::near;
use crate::settings::Settings;
use crate::world::{Stamp, World, WorldError};

/// Of a `flow.toml`, in bytes.
const MANIFEST_BYTES_MAX: u64 = 1 << 20;

/// The files of a project, kept from one look at it to the next.
#[derive(Debug, Default)]
pub(crate) struct Files {
    /// A file that was met once keeps its id, so that what was found in it keeps its places.
    sources: Sources,
    ids: HashMap<PathBuf, FileId>,
    kept: HashMap<PathBuf, Kept>,
    /// Files that were looked for and couldn't be read, `flow.toml` included if it was.
    others: HashMap<PathBuf, Option<Stamp>>,
    /// The standard library's modules.
    standard: HashMap<SmolStr, Arc<Parsed>>,
}

/// A text that was read and parsed.
#[derive(Debug)]
struct Kept {
    /// What the world told of the file then, if it tells any such thing.
    stamp: Option<Stamp>,
    text: Arc<str>,
    parsed: Arc<Parsed>,
}

/// What was made of a text.
#[derive(Debug)]
struct Parsed {
    tree: Arc<tree::File>,
    /// The items of which a part could not be read.
    broken: HashSet<usize>,
    problems: Vec<Diagnostic>,
    lint_oks: Vec<LintOk>,
}

/// What comes of reading a project.
#[derive(Debug)]
pub(crate) struct Read {
    pub sources: Sources,
    pub settings: Settings,
    /// What is wrong with the settings, and the syntax of each file.
    pub diagnostics: Vec<Diagnostic>,
    pub units: Vec<Unit>,
    pub lint_oks: Vec<LintOk>,
}

impl Files {
    /// Reads a project. `prefix` stands before a file's path when it is shown.
    pub fn read(&mut self, world: &dyn World, layout: &Layout, prefix: PathBuf) -> Result<Read, WorldError> {
        self.others.clear();
        let mut reader = Reader {
            world,
            prefix,
            root: &layout.root,
            files: self,
            diagnostics: Vec::new(),
            units: Vec::new(),
            lint_oks: Vec::new(),
            names: HashMap::new(),
            searched: 0,
            imported: Vec::new(),
            standard: Vec::new(),
        };
        let settings = match &layout.manifest {
            Some(manifest) => reader.manifest(manifest)?,
            None => Settings::default(),
        };
        reader.files(&layout.files);
        if let (Some(entry), Some(manifest)) = (&settings.entry, &layout.manifest) {
            reader.entry(entry, manifest);
        }
        let Reader { diagnostics, units, lint_oks, names, .. } = reader;
        for (path, id) in self.ids.iter().filter(|(path, _)| !names.contains_key(*path)) {
            if self.kept.remove(path).is_some() {
                self.sources.replace(*id, "");
            }
        }
        Ok(Read { sources: self.sources.clone(), settings, diagnostics, units, lint_oks })
    }

    /// Whether any file that was read, or looked for, isn't what it was.
    pub fn have_changed(&mut self, world: &dyn World) -> bool {
        let read = |path: &Path| world.read(path, flow_syntax::FILE_BYTES_MAX as u64).unwrap_or_default();
        let (sources, ids) = (&self.sources, &self.ids);
        let others = self.others.iter_mut().any(|(path, stamp)| {
            changed(world, path, stamp, || match ids.get(path) {
                Some(id) => sources.text(*id) == String::from_utf8_lossy(&read(path)),
                None => world.is_folder(path).is_err(),
            })
        });
        others
            || self.kept.iter_mut().any(|(path, kept)| {
                let text = &kept.text;
                changed(world, path, &mut kept.stamp, || read(path) == text.as_bytes())
            })
    }

    fn id(&mut self, path: &Path, shown: &Path) -> FileId {
        if let Some(id) = self.ids.get(path) {
            return *id;
        }
        let id = self.sources.add(shown.to_string_lossy().as_ref(), "");
        self.ids.insert(path.to_owned(), id);
        id
    }
}

/// One round of reading.
struct Reader<'a> {
    world: &'a dyn World,
    prefix: PathBuf,
    root: &'a Path,
    files: &'a mut Files,
    diagnostics: Vec<Diagnostic>,
    units: Vec<Unit>,
    lint_oks: Vec<LintOk>,
    /// The module of each file of the project.
    names: HashMap<PathBuf, SmolStr>,
    /// The number of imports for which a similar file was looked for.
    searched: u32,
    /// Files that only an import leads to, and that aren't read yet.
    imported: Vec<PathBuf>,
    /// The modules of the standard library that were asked for.
    standard: Vec<SmolStr>,
}

/// What became of a file.
enum Outcome {
    /// It is what it was.
    Same(Option<Stamp>),
    /// It was read and parsed.
    New(Kept),
    /// It is no text; the bytes as far as they are any, and what is wrong.
    NoText(String, Box<Diagnostic>),
}

impl Reader<'_> {
    fn id(&mut self, path: &Path) -> FileId {
        let shown = self.prefix.join(path.strip_prefix(self.root).unwrap_or(path));
        self.files.id(path, &shown)
    }

    fn manifest(&mut self, path: &Path) -> Result<Settings, WorldError> {
        self.files.others.insert(path.to_owned(), self.world.stamp(path));
        let bytes = self.world.read(path, MANIFEST_BYTES_MAX)?;
        let file = self.id(path);
        self.files.sources.replace(file, String::from_utf8_lossy(&bytes).as_ref());
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
        let file = self.id(manifest);
        let text = self.files.sources.text(file);
        let start = text.find(entry).unwrap_or(0);
        let span = Span::from(start..start + entry.len().min(text.len()));
        self.diagnostics.push(
            Diagnostic::new(Code::BadProjectFile, span.within(file), format!("there is no file `{entry}`"))
                .here("the project's entry")
                .help("name a `.flow` file of the project, relative to its folder"),
        );
    }

    fn files(&mut self, paths: &[PathBuf]) {
        let mut round: Vec<PathBuf> = Vec::with_capacity(paths.len());
        for path in paths {
            match module_name(self.root, path) {
                Some(name) => {
                    self.names.insert(path.clone(), name);
                    round.push(path.clone());
                }
                None => self.unnameable(path),
            }
        }
        while !round.is_empty() {
            self.round(&round);
            round = std::mem::take(&mut self.imported);
        }
        // One may import another: the list grows while it is walked.
        let mut next = 0;
        while let Some(name) = self.standard.get(next).cloned() {
            next += 1;
            self.standard_module(&name);
        }
    }

    /// Nothing could import it, and no place in it could be written down.
    fn unnameable(&mut self, path: &Path) {
        let file = self.id(path);
        self.diagnostics.push(
            Diagnostic::new(Code::NotText, Span::default().within(file), "this file's name isn't UTF-8 text")
                .help("rename it"),
        );
    }

    /// Reads files, several at a time, and then looks at what each imports.
    fn round(&mut self, paths: &[PathBuf]) {
        let ids: Vec<FileId> = paths.iter().map(|path| self.id(path)).collect();
        let (world, kept) = (self.world, &self.files.kept);
        let outcomes = parallel::map(parallel::threads(), paths.len(), |n| {
            look(world, ids[n], &paths[n], kept.get(&paths[n]))
        });
        for ((path, file), outcome) in paths.iter().zip(ids).zip(outcomes) {
            match outcome {
                Outcome::Same(stamp) => {
                    if let Some(kept) = self.files.kept.get_mut(path) {
                        kept.stamp = stamp;
                    }
                }
                Outcome::New(kept) => {
                    self.files.sources.replace(file, kept.text.clone());
                    self.files.kept.insert(path.clone(), kept);
                }
                Outcome::NoText(shown, problem) => {
                    self.files.kept.remove(path);
                    self.files.others.insert(path.clone(), self.world.stamp(path));
                    self.files.sources.replace(file, shown);
                    self.diagnostics.push(*problem);
                }
            }
            let parsed = match self.files.kept.get(path) {
                Some(kept) => kept.parsed.clone(),
                None => {
                    let tree = Arc::new(tree::File { file, text: Arc::from(""), items: Vec::new() });
                    Arc::new(Parsed {
                        tree,
                        broken: HashSet::new(),
                        problems: Vec::new(),
                        lint_oks: Vec::new(),
                    })
                }
            };
            if let Some(name) = self.names.get(path).cloned() {
                self.unit(name, path, &parsed);
            }
        }
    }

    fn standard_module(&mut self, name: &SmolStr) {
        let Some(text) = self.world.library().text(name).cloned() else { return };
        let known = self.files.standard.get(name).filter(|parsed| parsed.tree.text == text).cloned();
        let parsed = known.unwrap_or_else(|| {
            let file = self.files.id(Path::new(name.as_str()), Path::new(name.as_str()));
            self.files.sources.replace(file, text.clone());
            Arc::new(parse(file, &text))
        });
        self.files.standard.insert(name.clone(), parsed.clone());
        self.unit(name.clone(), Path::new(""), &parsed);
    }

    fn unit(&mut self, name: SmolStr, path: &Path, parsed: &Parsed) {
        self.diagnostics.extend(parsed.problems.iter().cloned());
        self.lint_oks.extend(parsed.lint_oks.iter().cloned());
        let mut imports = HashMap::new();
        for item in &parsed.tree.items {
            let ItemKind::Import(import) = &item.kind else { continue };
            let text = import.from.text.clone();
            imports.entry(text).or_insert_with_key(|text| self.import(path, text));
        }
        self.units.push(Unit { name, tree: parsed.tree.clone(), broken: parsed.broken.clone(), imports });
    }

    fn import(&mut self, from: &Path, import: &str) -> Result<SmolStr, NoModule> {
        if import.starts_with("std/") {
            return self.import_standard(import);
        }
        // Most imports lead to a file that is known already, and then the disk needn't be asked.
        if let Some(name) = plain(self.root, from, import).and_then(|path| self.names.get(&path)) {
            return Ok(name.clone());
        }
        match resolve_import(self.world, self.root, from, import) {
            Ok(path) => {
                if let Some(name) = self.names.get(&path) {
                    return Ok(name.clone());
                }
                let name = module_name(self.root, &path)
                    .ok_or_else(|| NoModule::because("its path isn't UTF-8 text"))?;
                self.names.insert(path.clone(), name.clone());
                self.imported.push(path);
                Ok(name)
            }
            Err(error) => Err(self.no_module(&error, from, import)),
        }
    }

    /// Says why a path leads nowhere, and where it was probably meant to lead.
    fn no_module(&mut self, error: &ImportError, from: &Path, import: &str) -> NoModule {
        let why = match error {
            ImportError::Form => "no path of a `.flow` file",
            ImportError::Missing => "no such file",
            ImportError::Outside => {
                let help = "imports stay beneath the folder of `flow.toml`, or that of a file without one: move the file there";
                return NoModule {
                    why: "lies outside of the project".into(),
                    help: Some(help.into()),
                    meant: None,
                };
            }
        };
        let written = near::written(import);
        for tried in [Some(import), written.as_deref()].into_iter().flatten() {
            let path = from.parent().unwrap_or(self.root).join(tried);
            let stamp = self.world.stamp(&path);
            self.files.others.insert(path, stamp);
        }
        let right = written.filter(|path| resolve_import(self.world, self.root, from, path).is_ok());
        let mut meant = right.map(SmolStr::from);
        if meant.is_none() && self.searched < SEARCHES_MAX {
            self.searched += 1;
            meant = module_name(self.root, from)
                .and_then(|here| near::file(&here, import, self.names.values().map(SmolStr::as_str)));
        }
        NoModule { why: why.into(), help: None, meant }
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

/// Imports that lead nowhere for which a similar file is looked for.
const SEARCHES_MAX: u32 = 100;

/// Whether a file isn't what it was when it had this stamp; where the stamp can't tell, its text does.
fn changed(world: &dyn World, path: &Path, stamp: &mut Option<Stamp>, same: impl Fn() -> bool) -> bool {
    let now = world.stamp(path);
    let facts = |stamp: Option<Stamp>| stamp.map(|stamp| stamp.facts);
    if facts(now) != facts(*stamp) {
        return true;
    }
    if stamp.is_some_and(|stamp| stamp.settled) {
        return false;
    }
    *stamp = now;
    !same()
}

/// Reads and parses a file, unless it is what it was.
fn look(world: &dyn World, file: FileId, path: &Path, kept: Option<&Kept>) -> Outcome {
    // Asked for before the file is read: if it changes meanwhile, it is read again next time.
    let stamp = world.stamp(path);
    if let Some(Kept { stamp: Some(before), .. }) = kept
        && before.settled
        && stamp.is_some_and(|stamp| stamp.facts == before.facts)
    {
        return Outcome::Same(stamp);
    }
    let bytes = match world.read(path, flow_syntax::FILE_BYTES_MAX as u64) {
        Ok(bytes) => bytes,
        Err(error) => return Outcome::NoText(String::new(), Box::new(unreadable(file, &error))),
    };
    if kept.is_some_and(|kept| kept.text.as_bytes() == bytes) {
        return Outcome::Same(stamp);
    }
    let shown = match std::str::from_utf8(&bytes) {
        Ok(_) => String::new(),
        Err(_) => String::from_utf8_lossy(&bytes).into_owned(),
    };
    match flow_syntax::decode(file, bytes) {
        Ok(text) => {
            let parsed = parse(file, &text);
            // Of a file that is refused as a whole the tree holds no text.
            let text =
                if parsed.tree.text.len() == text.len() { parsed.tree.text.clone() } else { text.into() };
            Outcome::New(Kept { stamp, text, parsed: Arc::new(parsed) })
        }
        Err(problem) => Outcome::NoText(shown, problem),
    }
}

fn unreadable(file: FileId, error: &WorldError) -> Diagnostic {
    let (code, help) = match error {
        WorldError::TooLarge(_) => (
            Code::TooLarge,
            "split it into files that import each other; data belongs in files that a tool reads",
        ),
        _ => (Code::NotText, "see that the file is there and that you may read it"),
    };
    let at = Span::default().within(file);
    Diagnostic::new(code, at, format!("this file can't be read: {error}")).help(help)
}

fn parse(file: FileId, text: &str) -> Parsed {
    let (tree, problems) = flow_syntax::parse(file, text);
    let broken = broken_items(&tree);
    let lint_oks = lint::find(&tree);
    Parsed { tree: Arc::new(tree), broken, problems, lint_oks }
}

/// Finds the items of which a part could not be read and has left no node.
fn broken_items(tree: &tree::File) -> HashSet<usize> {
    tree.items.iter().enumerate().filter(|(_, item)| item.broken).map(|(index, _)| index).collect()
}

/// Returns a file's path beneath the root, with `/` between its parts.
pub(crate) fn module_name(root: &Path, path: &Path) -> Option<SmolStr> {
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

/// Returns where an import leads if no link can be on the way: `..` stands in front only, and the folder it stands in has no
/// link in its path.
fn plain(root: &Path, from: &Path, import: &str) -> Option<PathBuf> {
    let relative = import.starts_with("./") || import.starts_with("../");
    if !relative || import.contains(['\\', '\0']) {
        return None;
    }
    let mut path = from.parent()?.to_owned();
    let mut down = false;
    for part in Path::new(import).components() {
        match part {
            Component::CurDir => {}
            Component::ParentDir if !down && path != root => {
                path.pop();
            }
            Component::Normal(name) => {
                down = true;
                path.push(name);
            }
            _ => return None,
        }
    }
    Some(path)
}
