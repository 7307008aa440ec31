//! The disk, as the compiler sees it.

use std::fs;
use std::io::{ErrorKind, Read};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use flow_project::{Stamp, World, WorldError};

/// The files of this machine.
pub struct Disk;

/// Folders are walked so deep; deeper ones are no part of a project.
const DEPTH_MAX: usize = 64;
/// Once a change lies so far back, another one has another time.
const SETTLED_S: i64 = 2;

impl World for Disk {
    fn read(&self, path: &Path, bytes_max: u64) -> Result<Vec<u8>, WorldError> {
        let facts = fs::metadata(path).map_err(told)?;
        // A pipe or a device may never end, or never begin.
        if !facts.is_file() {
            return Err(WorldError::Unreadable("it is no regular file".into()));
        }
        if facts.len() > bytes_max {
            return Err(WorldError::TooLarge(bytes_max));
        }
        let mut bytes = Vec::with_capacity(usize::try_from(facts.len()).unwrap_or(0));
        fs::File::open(path)
            .and_then(|file| file.take(bytes_max + 1).read_to_end(&mut bytes))
            .map_err(told)?;
        // It may have grown since.
        if bytes.len() as u64 > bytes_max { Err(WorldError::TooLarge(bytes_max)) } else { Ok(bytes) }
    }

    fn is_folder(&self, path: &Path) -> Result<bool, WorldError> {
        fs::metadata(path).map(|facts| facts.is_dir()).map_err(told)
    }

    fn flow_files(&self, folder: &Path, files_max: usize) -> Result<Vec<PathBuf>, WorldError> {
        let mut found = Vec::new();
        walk(folder, files_max, DEPTH_MAX, &mut found)?;
        found.sort();
        Ok(found)
    }

    fn stamp(&self, path: &Path) -> Option<Stamp> {
        let facts = fs::metadata(path).ok()?;
        let (changed, renamed) = ((facts.mtime(), facts.mtime_nsec()), (facts.ctime(), facts.ctime_nsec()));
        let nanos =
            |(seconds, nanos): (i64, i64)| (seconds.wrapping_mul(1_000_000_000).wrapping_add(nanos)) as u64;
        let now = SystemTime::now().duration_since(UNIX_EPOCH).ok()?.as_secs() as i64;
        // A file system may count time in steps of up to two seconds; a time to come tells nothing.
        let settled = changed.0.max(renamed.0).saturating_add(SETTLED_S) < now;
        Some(Stamp {
            facts: [facts.dev(), facts.ino(), facts.len(), nanos(changed), nanos(renamed)],
            settled,
        })
    }

    fn canonical(&self, path: &Path) -> Result<PathBuf, WorldError> {
        fs::canonicalize(path).map_err(told)
    }
}

/// Folders that are links aren't entered, so no circle of links can hold the walk. A file that is a link is passed over, too:
/// where it leads the file is found itself, or belongs to somebody else. One that leads nowhere is there to be reported.
fn walk(folder: &Path, files_max: usize, depth: usize, found: &mut Vec<PathBuf>) -> Result<(), WorldError> {
    for entry in fs::read_dir(folder).map_err(told)? {
        let entry = entry.map_err(told)?;
        let path = entry.path();
        let kind = entry.file_type().map_err(told)?;
        if entry.file_name().as_encoded_bytes().starts_with(b".") {
            continue;
        }
        if kind.is_dir() {
            if depth > 0 {
                walk(&path, files_max, depth - 1, found)?;
            }
        } else if path.extension().is_some_and(|extension| extension == "flow") {
            if kind.is_symlink() && fs::metadata(&path).is_ok() {
                continue;
            }
            if found.len() >= files_max {
                return Err(WorldError::Unreadable(format!("it holds more than {files_max} `.flow` files")));
            }
            found.push(path);
        }
    }
    Ok(())
}

fn told(error: std::io::Error) -> WorldError {
    match error.kind() {
        ErrorKind::NotFound => WorldError::Missing,
        ErrorKind::PermissionDenied => WorldError::Unreadable("you may not read it".into()),
        _ => WorldError::Unreadable(error.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_flow_files_but_not_in_hidden_folders_or_through_links() {
        let root = tempfile::tempdir().expect("a folder");
        let at = |name: &str| root.path().join(name);
        for folder in ["b", ".flow"] {
            fs::create_dir(at(folder)).expect("made");
        }
        for file in ["b/x.flow", "a.flow", ".flow/y.flow", "c.txt"] {
            fs::write(at(file), "").expect("written");
        }
        for (to, link) in
            [(root.path().to_owned(), "b/round"), (at("a.flow"), "again.flow"), (at("none"), "lost.flow")]
        {
            std::os::unix::fs::symlink(to, at(link)).expect("linked");
        }
        let found = Disk.flow_files(root.path(), 10).expect("listed");
        assert_eq!(found, [at("a.flow"), at("b/x.flow"), at("lost.flow")]);
        assert!(matches!(Disk.flow_files(root.path(), 1), Err(WorldError::Unreadable(_))));
    }

    #[test]
    fn a_large_file_and_a_device_are_refused() {
        let root = tempfile::tempdir().expect("a folder");
        let path = root.path().join("a.flow");
        fs::write(&path, "12345").expect("written");
        assert_eq!(Disk.read(&path, 5), Ok(b"12345".to_vec()));
        assert_eq!(Disk.read(&path, 4), Err(WorldError::TooLarge(4)));
        assert_eq!(Disk.read(&root.path().join("none"), 4), Err(WorldError::Missing));
        assert!(matches!(Disk.read(Path::new("/dev/zero"), 4), Err(WorldError::Unreadable(_))));
    }
}
