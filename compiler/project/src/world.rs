//! How the outside comes in.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use crate::library::Library;

/// Why something outside couldn't be had.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WorldError {
    /// There is nothing of this name.
    #[error("no such file or folder")]
    Missing,
    /// It is there and can't be read; why.
    #[error("{0}")]
    Unreadable(String),
    /// More bytes than asked for at most.
    #[error("the file is larger than {0} bytes")]
    TooLarge(u64),
}

/// What a world tells of a file without reading it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stamp {
    /// As long as these are the same, so is the file: its size, when it was changed, which file it is.
    pub facts: [u64; 5],
    /// Whether the last change lies so far back that another one would show in the facts.
    pub settled: bool,
}

/// The files that a project may read. The compiler reads nothing else and writes nothing.
pub trait World: Sync {
    /// Reads a file of at most so many bytes.
    fn read(&self, path: &Path, bytes_max: u64) -> Result<Vec<u8>, WorldError>;

    /// Whether it is a folder; an error if there is nothing.
    fn is_folder(&self, path: &Path) -> Result<bool, WorldError>;

    /// Lists the `.flow` files beneath a folder, hidden folders aside, sorted, at most so many.
    fn flow_files(&self, folder: &Path, files_max: usize) -> Result<Vec<PathBuf>, WorldError>;

    /// Returns the absolute path with every link resolved.
    fn canonical(&self, path: &Path) -> Result<PathBuf, WorldError>;

    /// Returns what can be told of a file without reading it; `None` if nothing can.
    fn stamp(&self, _path: &Path) -> Option<Stamp> {
        None
    }

    /// Returns the modules that `std/…` denotes.
    fn library(&self) -> &Library {
        Library::embedded()
    }
}

/// A world of texts by their absolute path, for tests and editors.
#[derive(Clone, Debug, Default)]
pub struct MemoryWorld {
    /// Path and bytes.
    pub files: BTreeMap<PathBuf, Vec<u8>>,
    /// What `std/…` denotes.
    pub library: Library,
}

impl MemoryWorld {
    /// Returns a world of these texts.
    pub fn new<P: Into<PathBuf>, T: Into<Vec<u8>>>(files: impl IntoIterator<Item = (P, T)>) -> MemoryWorld {
        let files = files.into_iter().map(|(path, text)| (path.into(), text.into())).collect();
        MemoryWorld { files, library: Library::embedded().clone() }
    }
}

impl World for MemoryWorld {
    fn read(&self, path: &Path, bytes_max: u64) -> Result<Vec<u8>, WorldError> {
        let bytes = self.files.get(path).ok_or(WorldError::Missing)?;
        if bytes.len() as u64 > bytes_max { Err(WorldError::TooLarge(bytes_max)) } else { Ok(bytes.clone()) }
    }

    fn is_folder(&self, path: &Path) -> Result<bool, WorldError> {
        if self.files.contains_key(path) {
            return Ok(false);
        }
        if self.files.keys().any(|file| file.starts_with(path)) { Ok(true) } else { Err(WorldError::Missing) }
    }

    fn flow_files(&self, folder: &Path, files_max: usize) -> Result<Vec<PathBuf>, WorldError> {
        let visible = |file: &Path| {
            file.strip_prefix(folder)
                .is_ok_and(|rest| !rest.iter().any(|part| part.to_string_lossy().starts_with('.')))
        };
        Ok(self
            .files
            .keys()
            .filter(|file| visible(file) && file.extension().is_some_and(|end| end == "flow"))
            .take(files_max)
            .cloned()
            .collect())
    }

    fn canonical(&self, path: &Path) -> Result<PathBuf, WorldError> {
        let mut out = PathBuf::from("/");
        for part in path.components() {
            match part {
                std::path::Component::ParentDir => {
                    out.pop();
                }
                std::path::Component::Normal(name) => out.push(name),
                _ => {}
            }
        }
        if self.is_folder(&out).is_ok() { Ok(out) } else { Err(WorldError::Missing) }
    }

    fn library(&self) -> &Library {
        &self.library
    }
}
