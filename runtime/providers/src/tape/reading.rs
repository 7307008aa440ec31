//! A tape that answers: what is fresh is told from it, what is missing or stale is told apart, what isn't asked for is known.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use flow_runtime_api::Scrubber;
use serde::Serialize;
use serde_json::Value;

use super::{Entry, Error, Header, Key, LINE_BYTES_MAX, Stale, VERSION, file};

/// What an attempt asks.
pub struct Asked<'a> {
    /// Which step.
    pub coordinate: &'a str,
    /// Number of the attempt and of the repair, from 0.
    pub tries: (u32, u32),
    /// `prompt`, `http`, `human`, `event`, `built_in`, `wait`.
    pub kind: &'a str,
    /// SHA-256 of the request.
    pub fingerprint: &'a str,
    /// The request as the fingerprint covers it; made only where it is told or recorded.
    pub request: &'a (dyn Fn() -> Value + Sync),
}

impl Asked<'_> {
    /// Returns which attempt this is.
    pub fn key(&self) -> Key {
        let (attempt, repair) = self.tries;
        Key { coordinate: self.coordinate.to_owned(), attempt, repair }
    }
}

/// A tape that is replayed, and, if it is [`Tape::updating`], mended: what it can't answer is asked for real by whoever has
/// it, and kept. Shared by all that replay it.
pub struct Tape {
    path: PathBuf,
    text: String,
    plan_hash: String,
    entries: HashMap<Key, Line>,
    is_updating: bool,
    state: Mutex<State>,
}

/// Where an entry stands in the text, and what it is compared by.
struct Line {
    bytes: Range<usize>,
    number: usize,
    kind: String,
    fingerprint: String,
}

#[derive(Default)]
struct State {
    used: BTreeSet<Key>,
    kept: BTreeMap<Key, Entry>,
    stale: BTreeMap<Key, Stale>,
    /// The plan of the run that updates, and what masks its secrets.
    updates: Option<(String, Scrubber)>,
}

/// What became of a tape's entries; each list in the order of a tape.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Report {
    /// How many entries were used as they stand.
    pub used: usize,
    /// What was asked for real and kept.
    pub recorded: Vec<Key>,
    /// What could not be used, kept or not.
    pub stale: Vec<Stale>,
    /// What nobody asked for.
    pub unused: Vec<Key>,
}

impl Tape {
    /// Reads a tape.
    pub fn read(path: &Path) -> Result<Tape, Error> {
        Tape::of(file::read(path)?, path)
    }

    /// Reads a tape from its text; `name` is for messages.
    pub fn parse(text: &str, name: &str) -> Result<Tape, Error> {
        Tape::of(text.to_owned(), Path::new(name))
    }

    /// Returns a tape without entries, to be filled and written.
    pub fn empty(path: &Path) -> Tape {
        Tape {
            path: path.to_owned(),
            text: String::new(),
            plan_hash: String::new(),
            entries: HashMap::new(),
            is_updating: false,
            state: Mutex::default(),
        }
    }

    fn of(text: String, path: &Path) -> Result<Tape, Error> {
        let mut tape = Tape::empty(path);
        let wrong = |line: usize, message: String| Error::Content {
            path: path.display().to_string(),
            line: line + 1,
            message,
        };
        let mut lines = lines(&text);
        let (_, first) = lines.next().ok_or_else(|| wrong(0, String::from("it is empty")))?;
        tape.plan_hash = header(&text[first]).map_err(|message| wrong(0, message))?;
        for (number, bytes) in lines {
            let line = &text[bytes.clone()];
            if line.trim().is_empty() {
                continue;
            }
            if line.len() > LINE_BYTES_MAX {
                let message = format!("an entry has at most {} MiB", LINE_BYTES_MAX >> 20);
                return Err(wrong(number, message));
            }
            let entry: Entry = match serde_json::from_str(line) {
                Ok(entry) => entry,
                // A crash cut this one off: as if it had not been written.
                Err(error) if error.is_eof() && bytes.end == text.len() => break,
                Err(error) => return Err(wrong(number, format!("this isn't an entry: {error}"))),
            };
            let Entry { key, kind, fingerprint, .. } = entry;
            if let Some(other) = tape.entries.get(&key) {
                let message = format!("line {} has an entry for {key} already", other.number + 1);
                return Err(wrong(number, message));
            }
            tape.entries.insert(key, Line { bytes, number, kind, fingerprint });
        }
        tape.text = text;
        Ok(tape)
    }

    /// Has what is missing or stale asked for real, and kept.
    pub fn updating(mut self) -> Tape {
        self.is_updating = true;
        self
    }

    /// Whether what is missing or stale is to be asked for real.
    pub fn is_updating(&self) -> bool {
        self.is_updating
    }

    /// Returns the file's path.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Returns the plan of the run that was recorded.
    pub fn plan_hash(&self) -> &str {
        &self.plan_hash
    }

    /// Takes a run by this plan to update it; `scrubber` masks its secrets.
    pub fn updated_by(&self, plan_hash: &str, scrubber: &Scrubber) {
        self.state().updates = Some((plan_hash.to_owned(), scrubber.clone()));
    }

    /// Returns the entry that answers this, which counts as used then.
    pub fn take(&self, asked: &Asked<'_>, scrubber: &Scrubber) -> Result<Entry, Box<Stale>> {
        let key = asked.key();
        let mut state = self.state();
        let kept = state.kept.get(&key).cloned();
        let entry = match (kept, self.entries.get(&key)) {
            (Some(entry), _) if entry.kind == asked.kind && entry.fingerprint == asked.fingerprint => {
                return Ok(entry);
            }
            (Some(entry), _) => Some(entry),
            (None, Some(line)) => match serde_json::from_str::<Entry>(&self.text[line.bytes.clone()]) {
                Ok(entry) if line.kind == asked.kind && line.fingerprint == asked.fingerprint => {
                    state.used.insert(key);
                    return Ok(entry);
                }
                // It could be read when the tape was.
                entry => entry.ok(),
            },
            (None, None) => None,
        };
        // Found out without the lock: a long text is compared.
        drop(state);
        let stale = match entry {
            Some(entry) => Stale::of(asked, &entry, scrubber),
            None => Stale::missing(asked),
        };
        self.state().stale.insert(key, stale.clone());
        Err(Box::new(stale))
    }

    /// Keeps a real answer in place of an entry that was missing or stale; one that was used stays.
    pub fn keep(&self, entry: Entry) {
        let mut state = self.state();
        if !state.used.contains(&entry.key) {
            state.kept.insert(entry.key.clone(), entry);
        }
    }

    /// Returns what became of the entries so far.
    pub fn report(&self) -> Report {
        let state = self.state();
        let is_unused = |key: &&Key| !state.used.contains(*key) && !state.kept.contains_key(*key);
        // An entry that is stale was asked for.
        let mut unused: Vec<Key> = self.entries.keys().filter(is_unused).cloned().collect();
        unused.retain(|key| !state.stale.contains_key(key));
        unused.sort_unstable();
        Report {
            used: state.used.len(),
            recorded: state.kept.keys().cloned().collect(),
            stale: state.stale.values().cloned().collect(),
            unused,
        }
    }

    /// Puts the tape, with what was kept, in the place of its file; entries that stay are the same bytes. With
    /// `drops_unused` those that nobody asked for go. Returns whether anything is another than it was.
    pub fn write(&self, drops_unused: bool) -> Result<bool, Error> {
        let unused: BTreeSet<Key> = match drops_unused {
            true => self.report().unused.into_iter().collect(),
            false => BTreeSet::new(),
        };
        let state = self.state();
        if state.kept.is_empty() && unused.is_empty() {
            return Ok(false);
        }
        let mut lines: BTreeMap<&Key, String> = self
            .entries
            .iter()
            .filter(|(key, _)| !unused.contains(*key))
            .map(|(key, line)| (key, self.text[line.bytes.clone()].to_owned()))
            .collect();
        let mut scrubber = Scrubber::default();
        let mut plan_hash = self.plan_hash.clone();
        if let Some((plan, masks)) = &state.updates {
            (plan_hash, scrubber) = (plan.clone(), masks.clone());
        }
        for (key, entry) in &state.kept {
            lines.insert(key, self.line(entry, &scrubber)?);
        }
        let head = self.line(&Header { tape: VERSION, plan_hash }, &scrubber)?;
        let text: String =
            std::iter::once(&head).chain(lines.values()).flat_map(|line| [line, "\n"]).collect();
        file::replace(&self.path, &text)?;
        Ok(true)
    }

    fn line(&self, what: &impl Serialize, scrubber: &Scrubber) -> Result<String, Error> {
        line(what, scrubber).map_err(|error| file::error(&self.path, error))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl std::fmt::Debug for Tape {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(out, "Tape({}, {} entries)", self.path.display(), self.entries.len())
    }
}

/// Writes a line of a tape, without secrets and without its end.
pub(super) fn line(what: &impl Serialize, scrubber: &Scrubber) -> std::io::Result<String> {
    let mut json = serde_json::to_value(what)?;
    scrubber.scrub_json(&mut json);
    let text = json.to_string();
    match text.len() > LINE_BYTES_MAX {
        true => {
            let message = format!("an entry has at most {} MiB, and this has more", LINE_BYTES_MAX >> 20);
            Err(std::io::Error::new(std::io::ErrorKind::FileTooLarge, message))
        }
        false => Ok(text),
    }
}

/// Reads the first line of a tape: the hash of its plan.
pub(super) fn header(line: &str) -> Result<String, String> {
    #[derive(serde::Deserialize)]
    struct Version {
        tape: u64,
    }
    let Ok(Version { tape }) = serde_json::from_str(line) else {
        return Err(String::from("this isn't the head of a tape"));
    };
    if tape != u64::from(VERSION) {
        return Err(format!("it is of version {tape}, this program reads version {VERSION}"));
    }
    match serde_json::from_str::<Header>(line) {
        Ok(header) => Ok(header.plan_hash),
        Err(error) => Err(format!("this isn't the head of a tape: {error}")),
    }
}

/// Returns the lines of a text, numbered from 0, without their ends; nothing behind the last end is no line.
pub(super) fn lines(text: &str) -> impl Iterator<Item = (usize, Range<usize>)> {
    let mut from = 0;
    text.split_inclusive('\n').enumerate().map(move |(number, line)| {
        let bytes = from..from + line.strip_suffix('\n').unwrap_or(line).len();
        from += line.len();
        (number, bytes)
    })
}
