//! Which files make a project.
//!
//! A path is a folder with a `flow.toml`, a folder of `.flow` files, or a file. A file belongs to the project of the
//! nearest `flow.toml` above it; a file without one is a project by itself, with what it imports.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use crate::world::{World, WorldError};

/// A project's files, before any is read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Layout {
    /// The folder that holds the project; imports stay beneath it.
    pub root: PathBuf,
    /// Its `flow.toml`, if it has one.
    pub manifest: Option<PathBuf>,
    /// The file that was named, if one was.
    pub named: Option<PathBuf>,
    /// Every `.flow` file of it, sorted; of a lone file only that one.
    pub files: Vec<PathBuf>,
}

/// Files of a project at most.
pub const FILES_MAX: usize = 20_000;

/// Finds the project that a path belongs to.
///
/// # Errors
/// The path is missing or can't be read.
pub fn discover(world: &dyn World, path: &Path) -> Result<Layout, WorldError> {
    let path = world.canonical(path)?;
    let is_folder = world.is_folder(&path)?;
    let folder = if is_folder { path.clone() } else { path.parent().unwrap_or(Path::new("/")).to_owned() };
    let manifest = folder
        .ancestors()
        .map(|above| above.join("flow.toml"))
        .find(|file| world.is_folder(file) == Ok(false));
    let named = (!is_folder).then(|| path.clone());
    match (&manifest, is_folder) {
        (Some(file), _) => {
            let root = file.parent().unwrap_or(Path::new("/")).to_owned();
            let mut files = world.flow_files(&root, FILES_MAX)?;
            // A hidden file isn't found by the walk, yet it was named.
            if let Some(file) = named.as_ref().filter(|file| !files.contains(file)) {
                files.push(file.clone());
            }
            Ok(Layout { root, manifest, named, files })
        }
        (None, true) => {
            let mut files = world.flow_files(&folder, FILES_MAX)?;
            // What lies in a project beneath belongs to that project, see [`beneath`].
            let mut manifests = Manifests::new(world, &folder);
            files.retain(|file| manifests.root_of(file).is_none());
            Ok(Layout { root: folder, manifest: None, named: None, files })
        }
        (None, false) => Ok(Layout { root: folder, manifest: None, files: vec![path], named }),
    }
}

/// Returns the folders of the projects beneath a folder that is in none itself, sorted: `flowc check examples` is about each
/// of them.
///
/// # Errors
/// The path is missing or can't be read.
pub fn beneath(world: &dyn World, path: &Path) -> Result<Vec<PathBuf>, WorldError> {
    let folder = world.canonical(path)?;
    if !world.is_folder(&folder)? || folder.ancestors().any(|above| has_manifest(world, above)) {
        return Ok(Vec::new());
    }
    let files = world.flow_files(&folder, FILES_MAX)?;
    let mut manifests = Manifests::new(world, &folder);
    let mut roots: Vec<PathBuf> = files.iter().filter_map(|file| manifests.root_of(file)).collect();
    roots.sort();
    roots.dedup();
    Ok(roots)
}

fn has_manifest(world: &dyn World, folder: &Path) -> bool {
    world.is_folder(&folder.join("flow.toml")) == Ok(false)
}

/// The outermost folder with a `flow.toml` above each file, each folder asked once.
struct Manifests<'a> {
    world: &'a dyn World,
    top: &'a Path,
    known: HashMap<PathBuf, Option<PathBuf>>,
}

impl<'a> Manifests<'a> {
    fn new(world: &'a dyn World, top: &'a Path) -> Manifests<'a> {
        Manifests { world, top, known: HashMap::new() }
    }

    fn root_of(&mut self, file: &Path) -> Option<PathBuf> {
        let folder = file.parent()?;
        if let Some(known) = self.known.get(folder) {
            return known.clone();
        }
        let beneath: Vec<&Path> = folder.ancestors().take_while(|above| *above != self.top).collect();
        let root =
            beneath.into_iter().rev().find(|above| has_manifest(self.world, above)).map(Path::to_owned);
        self.known.insert(folder.to_owned(), root.clone());
        root
    }
}

/// Why an import's path leads nowhere.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ImportError {
    /// It doesn't begin with `./` or `../`, or isn't a `.flow` file.
    Form,
    /// There is no such file.
    Missing,
    /// It leads out of the project, perhaps through a link.
    Outside,
}

/// Resolves an import's path against the file that it stands in.
///
/// # Errors
/// See [`ImportError`].
pub fn resolve_import(
    world: &dyn World,
    root: &Path,
    from: &Path,
    import: &str,
) -> Result<PathBuf, ImportError> {
    let relative = import.starts_with("./") || import.starts_with("../");
    if !relative || !import.ends_with(".flow") || import.contains(['\\', '\0']) {
        return Err(ImportError::Form);
    }
    let folder = from.parent().unwrap_or(root);
    // The way there is walked first, so that a path outside is called that even where nothing lies.
    let mut depth = folder.strip_prefix(root).map_or(0, |rest| rest.components().count()) as i64;
    for part in Path::new(import).components() {
        match part {
            std::path::Component::ParentDir => depth -= 1,
            std::path::Component::Normal(_) => depth += 1,
            _ => {}
        }
        if depth < 0 {
            return Err(ImportError::Outside);
        }
    }
    let path = world.canonical(&folder.join(import)).map_err(|_| ImportError::Missing)?;
    if !path.starts_with(root) {
        return Err(ImportError::Outside);
    }
    if world.is_folder(&path) != Ok(false) {
        return Err(ImportError::Missing);
    }
    Ok(path)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::world::MemoryWorld;

    fn world() -> MemoryWorld {
        MemoryWorld::new([
            ("/p/flow.toml", ""),
            ("/p/main.flow", ""),
            ("/p/lib/a.flow", ""),
            ("/p/.hidden/b.flow", ""),
            ("/lone/x.flow", ""),
            ("/lone/y.flow", ""),
        ])
    }

    #[test]
    fn a_file_belongs_to_the_nearest_manifest() {
        for path in ["/p", "/p/main.flow", "/p/lib", "/p/lib/../lib/a.flow"] {
            let layout = discover(&world(), Path::new(path)).unwrap();
            assert_eq!(layout.root, Path::new("/p"));
            assert_eq!(layout.files, [PathBuf::from("/p/lib/a.flow"), PathBuf::from("/p/main.flow")]);
        }
    }

    #[test]
    fn a_lone_file_is_a_project_by_itself() {
        let layout = discover(&world(), Path::new("/lone/x.flow")).unwrap();
        assert_eq!(layout.files, [PathBuf::from("/lone/x.flow")]);
        assert_eq!(discover(&world(), Path::new("/lone")).unwrap().files.len(), 2);
        assert_eq!(discover(&world(), Path::new("/none")), Err(WorldError::Missing));
    }

    #[test]
    fn projects_beneath_a_folder_are_projects_of_their_own() {
        let world = MemoryWorld::new([
            ("/all/a/flow.toml", ""),
            ("/all/a/main.flow", ""),
            ("/all/a/inner/flow.toml", ""),
            ("/all/a/inner/x.flow", ""),
            ("/all/b/deep/flow.toml", ""),
            ("/all/b/deep/main.flow", ""),
            ("/all/b/loose.flow", ""),
        ]);
        let roots = [PathBuf::from("/all/a"), PathBuf::from("/all/b/deep")];
        assert_eq!(beneath(&world, Path::new("/all")).unwrap(), roots);
        assert_eq!(discover(&world, Path::new("/all")).unwrap().files, [PathBuf::from("/all/b/loose.flow")]);
        assert_eq!(
            beneath(&world, Path::new("/all/a")),
            Ok(Vec::new()),
            "a project is one program, all of it"
        );
        assert_eq!(beneath(&world, Path::new("/all/b/loose.flow")), Ok(Vec::new()));
    }

    #[test]
    fn imports_stay_in_the_project() {
        let resolve =
            |from: &str, import: &str| resolve_import(&world(), Path::new("/p"), Path::new(from), import);
        assert_eq!(resolve("/p/main.flow", "./lib/a.flow"), Ok(PathBuf::from("/p/lib/a.flow")));
        assert_eq!(resolve("/p/lib/a.flow", "../main.flow"), Ok(PathBuf::from("/p/main.flow")));
        assert_eq!(resolve("/p/main.flow", "../lone/x.flow"), Err(ImportError::Outside));
        assert_eq!(resolve("/p/main.flow", "./lib/../../p/main.flow"), Err(ImportError::Outside));
        assert_eq!(resolve("/p/main.flow", "lib/a.flow"), Err(ImportError::Form));
        assert_eq!(resolve("/p/main.flow", "./lib"), Err(ImportError::Form));
        assert_eq!(resolve("/p/main.flow", "./none.flow"), Err(ImportError::Missing));
    }
}
