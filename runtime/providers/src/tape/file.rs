//! Reading a tape's file within bounds, and replacing it at once.

use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use super::{BYTES_MAX, Error};

pub(super) fn error(path: &Path, error: io::Error) -> Error {
    Error::File { path: path.display().to_string(), error }
}

/// Reads a file whole.
pub(super) fn read(path: &Path) -> Result<String, Error> {
    let fail = |problem| error(path, problem);
    let file = File::open(path).map_err(fail)?;
    let mut bytes = Vec::new();
    // Its length isn't asked: a pipe has none, and a file may grow.
    file.take(BYTES_MAX + 1).read_to_end(&mut bytes).map_err(fail)?;
    if bytes.len() as u64 > BYTES_MAX {
        return Err(fail(io::Error::new(io::ErrorKind::FileTooLarge, "a tape has at most 1 GiB")));
    }
    String::from_utf8(bytes).map_err(|problem| {
        let whole = problem.utf8_error().valid_up_to();
        let line = 1 + problem.as_bytes()[..whole].iter().filter(|byte| **byte == b'\n').count();
        let message = String::from("this isn't text");
        Error::Content { path: path.display().to_string(), line, message }
    })
}

/// Puts a text in the place of a file: there is the old one or the new one, never a part.
pub(super) fn replace(path: &Path, text: &str) -> Result<(), Error> {
    let fail = |problem| error(path, problem);
    let place = place(path);
    let new = beside(&place, ".new");
    let written = File::create(&new).and_then(|mut file| {
        if let Ok(old) = fs::metadata(&place) {
            file.set_permissions(old.permissions())?;
        }
        file.write_all(text.as_bytes())?;
        file.sync_all()
    });
    let replaced = written.and_then(|()| fs::rename(&new, &place));
    if replaced.is_err() {
        // What was begun is of no use; the first problem is the one to tell.
        let _ = fs::remove_file(&new);
    }
    replaced.map_err(fail)
}

/// Returns where a file really is, if it is a link.
pub(super) fn place(path: &Path) -> PathBuf {
    fs::canonicalize(path).unwrap_or_else(|_| path.to_owned())
}

/// Returns the path of a file that is named after another, in the same folder.
pub(super) fn beside(path: &Path, ending: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(ending);
    PathBuf::from(name)
}
