//! A tape that is written while a run goes on.
//!
//! Entries go to `FILE.part` as they end, each in one write, so that a crash leaves whole lines but the last. When the run
//! ends, or waits, they take the place of the file in the order of a tape; what the file held before stays until then.

use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use flow_runtime_api::Scrubber;
use serde::Serialize;

use super::reading::{header, line, lines};
use super::{Entry, Error, Header, Key, VERSION, file};

/// A tape that is being written.
pub struct Recorder {
    file: Mutex<File>,
    path: PathBuf,
    /// Where entries go first; none where the path is a device or a pipe, which takes them as they come.
    part: Option<PathBuf>,
    scrubber: Scrubber,
}

impl Recorder {
    /// Begins a tape.
    pub fn create(path: &Path, plan_hash: &str, scrubber: Scrubber) -> Result<Recorder, Error> {
        let recorder = Recorder::open(path, scrubber, None)?;
        recorder.write(&Header { tape: VERSION, plan_hash: plan_hash.to_owned() })?;
        Ok(recorder)
    }

    /// Goes on with a tape, after a resume; a line that a crash cut off goes away. A file that isn't there begins.
    pub fn append(path: &Path, plan_hash: &str, scrubber: Scrubber) -> Result<Recorder, Error> {
        let place = file::place(path);
        let part = file::beside(&place, ".part");
        let found = [part.clone(), place].into_iter().find(|path| path.is_file());
        let Some(found) = found else { return Recorder::create(path, plan_hash, scrubber) };
        let text = file::read(&found)?;
        let whole = &text[..text.rfind('\n').map_or(0, |at| at + 1)];
        if whole.is_empty() {
            return Recorder::create(path, plan_hash, scrubber);
        }
        sorted(whole, path)?;
        Recorder::open(path, scrubber, Some((whole, found == part)))
    }

    fn open(path: &Path, scrubber: Scrubber, begun: Option<(&str, bool)>) -> Result<Recorder, Error> {
        let fail = |error| file::error(path, error);
        let place = file::place(path);
        let is_stream = fs::metadata(&place).is_ok_and(|found| !found.is_file() && !found.is_dir());
        let part = (!is_stream).then(|| file::beside(&place, ".part"));
        if place.is_dir() {
            return Err(fail(io::Error::from(io::ErrorKind::IsADirectory)));
        }
        let mut file = OpenOptions::new()
            .create(true)
            .truncate(false)
            .write(true)
            .open(part.as_deref().unwrap_or(&place))
            .map_err(fail)?;
        if part.is_some() {
            match file.try_lock() {
                Ok(()) => {}
                Err(TryLockError::WouldBlock) => {
                    let message = "another run is being recorded on it";
                    return Err(fail(io::Error::new(io::ErrorKind::ResourceBusy, message)));
                }
                // A file system without locks.
                Err(TryLockError::Error(_)) => {}
            }
            let begin = |file: &mut File| match begun {
                // It is there: only what a crash cut off goes.
                Some((text, true)) => {
                    file.set_len(text.len() as u64)?;
                    file.seek(SeekFrom::End(0)).map(drop)
                }
                begun => {
                    file.set_len(0)?;
                    file.write_all(begun.map_or("", |(text, _)| text).as_bytes())
                }
            };
            begin(&mut file).map_err(fail)?;
        }
        Ok(Recorder { file: Mutex::new(file), path: path.to_owned(), part, scrubber })
    }

    /// Writes an entry, without secrets.
    pub fn record(&self, entry: &Entry) -> Result<(), Error> {
        self.write(entry)
    }

    /// Puts what was recorded in the place of the file. More can be recorded after [`Recorder::append`].
    pub fn finish(&self) -> Result<(), Error> {
        let Some(part) = &self.part else { return Ok(()) };
        let _file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        let text = file::read(part)?;
        file::replace(&self.path, &sorted(&text, &self.path)?)?;
        fs::remove_file(part).map_err(|error| file::error(part, error))
    }

    fn write(&self, what: &impl Serialize) -> Result<(), Error> {
        let fail = |error| file::error(&self.path, error);
        let mut text = line(what, &self.scrubber).map_err(fail)?;
        text.push('\n');
        let mut file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        file.write_all(text.as_bytes()).map_err(fail)
    }
}

/// Returns a tape in order. Of two entries for one attempt the later one counts: it was made again after a crash.
fn sorted(text: &str, path: &Path) -> Result<String, Error> {
    let wrong = |line: usize, message: String| Error::Content {
        path: path.display().to_string(),
        line: line + 1,
        message,
    };
    let mut entries: BTreeMap<Key, &str> = BTreeMap::new();
    let mut head = "";
    for (number, bytes) in lines(text) {
        let line = &text[bytes];
        if number == 0 {
            header(line).map_err(|message| wrong(0, message))?;
            head = line;
        } else if !line.trim().is_empty() {
            let key: Key = serde_json::from_str(line)
                .map_err(|error| wrong(number, format!("this isn't an entry: {error}")))?;
            entries.insert(key, line);
        }
    }
    Ok(std::iter::once(&head).chain(entries.values()).flat_map(|line| [line, "\n"]).collect())
}
