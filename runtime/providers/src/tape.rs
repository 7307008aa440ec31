//! Tapes: what effects were asked and what came of them, as lines of JSON, to be replayed without any of them.
//!
//! The first line is `{"tape":1,"plan_hash":…}`, then one [`Entry`] per attempt, in the order in which they ended.

use std::collections::{HashMap, HashSet};
use std::fs::{File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::Path;
use std::sync::{Mutex, PoisonError};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use flow_runtime_api::{Answer, Failure, HttpAnswer, Kind, Scrubber, Usage};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// The version of the form.
pub const VERSION: u32 = 1;
/// A tape at most; it is read whole.
const BYTES_MAX: u64 = 1024 * 1024 * 1024;

/// The first line of a tape.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Header {
    /// [`VERSION`].
    pub tape: u32,
    /// The plan of the run that was recorded.
    pub plan_hash: String,
}

/// One attempt of an effect.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Entry {
    /// Which step.
    pub coordinate: String,
    /// From 0.
    pub attempt: u32,
    /// From 0.
    pub repair: u32,
    /// `prompt` (a turn of an agent, too), `http`, `human`, `event`, `built_in`.
    pub kind: String,
    /// SHA-256 of what was asked.
    pub fingerprint: String,
    /// What was asked, for people; only the fingerprint is compared.
    pub request: Value,
    /// What came of it; null after an error.
    pub response: Value,
    /// What it took; null when the provider didn't say.
    pub usage: Option<Usage>,
    /// Why it failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<Failure>,
}

/// What came of an effect, as a tape tells it.
pub trait Response: Sized {
    /// Writes it for a tape.
    fn to_json(&self) -> Value;

    /// Reads it from a tape; `None` if it is of another kind.
    fn from_json(json: &Value) -> Option<Self>;
}

impl Response for Answer {
    fn to_json(&self) -> Value {
        serde_json::to_value(self).unwrap_or_default()
    }

    fn from_json(json: &Value) -> Option<Answer> {
        Answer::deserialize(json).ok()
    }
}

impl Response for HttpAnswer {
    fn to_json(&self) -> Value {
        let (key, body) = match std::str::from_utf8(&self.body) {
            Ok(text) => ("text", text.to_owned()),
            Err(_) => ("base64", STANDARD.encode(&self.body)),
        };
        serde_json::json!({"status": self.status, "content_type": self.content_type, key: body})
    }

    fn from_json(json: &Value) -> Option<HttpAnswer> {
        let text = |key: &str| json.get(key).and_then(Value::as_str);
        let body = match (text("text"), text("base64")) {
            (Some(text), _) => text.as_bytes().to_vec(),
            (None, Some(encoded)) => STANDARD.decode(encoded).ok()?,
            (None, None) => return None,
        };
        let status = u16::try_from(json.get("status")?.as_u64()?).ok()?;
        Some(HttpAnswer { status, content_type: text("content_type")?.to_owned(), body })
    }
}

impl Response for Value {
    fn to_json(&self) -> Value {
        self.clone()
    }

    fn from_json(json: &Value) -> Option<Value> {
        Some(json.clone())
    }
}

impl Entry {
    /// Returns an entry of what came of an attempt.
    #[allow(clippy::too_many_arguments, reason = "these are the columns of a tape")]
    pub fn new<R: Response>(
        coordinate: &str,
        tries: (u32, u32),
        kind: &str,
        fingerprint: &str,
        request: Value,
        result: &Result<R, Failure>,
        usage: Option<Usage>,
    ) -> Entry {
        Entry {
            coordinate: coordinate.to_owned(),
            attempt: tries.0,
            repair: tries.1,
            kind: kind.to_owned(),
            fingerprint: fingerprint.to_owned(),
            request,
            response: result.as_ref().map_or(Value::Null, Response::to_json),
            usage,
            error: result.as_ref().err().cloned(),
        }
    }
}

/// Why a tape can't be read or written.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The file.
    #[error("tape {path}: {error}")]
    File {
        /// Which.
        path: String,
        /// What the system says.
        error: io::Error,
    },
    /// What is in it.
    #[error("tape {path}, line {line}: {message}")]
    Content {
        /// Which.
        path: String,
        /// From 1.
        line: usize,
        /// What is wrong with it.
        message: String,
    },
}

/// A tape that is being written: each entry in one write, so that a crash leaves whole lines but the last.
pub struct Recorder {
    file: Mutex<File>,
    path: String,
    scrubber: Scrubber,
}

impl Recorder {
    /// Begins a tape; what the file held before is gone.
    pub fn create(path: &Path, plan_hash: &str, scrubber: Scrubber) -> Result<Recorder, Error> {
        let file = File::create(path).map_err(|error| file_error(path, error))?;
        let recorder = Recorder { file: Mutex::new(file), path: path.display().to_string(), scrubber };
        recorder.write(&Header { tape: VERSION, plan_hash: plan_hash.to_owned() })?;
        Ok(recorder)
    }

    /// Goes on with a tape, after a resume; a line that a crash cut off goes away. A file that isn't there begins.
    pub fn append(path: &Path, plan_hash: &str, scrubber: Scrubber) -> Result<Recorder, Error> {
        let fail = |error| file_error(path, error);
        let mut file = match OpenOptions::new().read(true).write(true).open(path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return Recorder::create(path, plan_hash, scrubber);
            }
            Err(error) => return Err(fail(error)),
        };
        let text = read_all(&mut file, path)?;
        let whole = text.rfind('\n').map_or(0, |at| at + 1);
        if whole == 0 {
            return Recorder::create(path, plan_hash, scrubber);
        }
        Tape::parse(&text[..whole], &path.display().to_string())?;
        file.set_len(whole as u64).and_then(|()| file.seek(SeekFrom::End(0))).map_err(fail)?;
        Ok(Recorder { file: Mutex::new(file), path: path.display().to_string(), scrubber })
    }

    /// Writes an entry, without secrets.
    pub fn record(&self, entry: &Entry) -> Result<(), Error> {
        self.write(entry)
    }

    fn write(&self, line: &impl Serialize) -> Result<(), Error> {
        let fail = |error| Error::File { path: self.path.clone(), error };
        let mut json = serde_json::to_value(line).map_err(|error| fail(error.into()))?;
        self.scrubber.scrub_json(&mut json);
        let mut text = json.to_string();
        text.push('\n');
        let mut file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        file.write_all(text.as_bytes()).map_err(fail)
    }
}

/// A tape that is replayed.
pub struct Tape {
    /// The plan of the run that was recorded.
    pub plan_hash: String,
    entries: HashMap<(String, u32, u32), Entry>,
    used: Mutex<HashSet<(String, u32, u32)>>,
}

impl Tape {
    /// Reads a tape whole.
    pub fn read(path: &Path) -> Result<Tape, Error> {
        let mut file = File::open(path).map_err(|error| file_error(path, error))?;
        let text = read_all(&mut file, path)?;
        Tape::parse(&text, &path.display().to_string())
    }

    /// Reads a tape from its text; `name` is for messages. Of two entries for one attempt the later one counts.
    pub fn parse(text: &str, name: &str) -> Result<Tape, Error> {
        let wrong =
            |line: usize, message: String| Error::Content { path: name.to_owned(), line: line + 1, message };
        let mut lines = text.lines().enumerate();
        let (_, first) = lines.next().ok_or_else(|| wrong(0, String::from("it is empty")))?;
        let header: Header = serde_json::from_str(first).map_err(|_| {
            wrong(0, String::from("this isn't the head of a tape; write one with `flowc run --record`"))
        })?;
        if header.tape != VERSION {
            let message = format!("it is of version {}, this program reads version {VERSION}", header.tape);
            return Err(wrong(0, message));
        }
        let mut entries = HashMap::new();
        let ends_whole = text.ends_with('\n');
        let last = text.lines().count().saturating_sub(1);
        for (number, line) in lines.filter(|(_, line)| !line.trim().is_empty()) {
            match serde_json::from_str::<Entry>(line) {
                Ok(entry) => {
                    entries.insert((entry.coordinate.clone(), entry.attempt, entry.repair), entry);
                }
                // A crash cut this one off: as if it had not been written.
                Err(error) if error.is_eof() && number == last && !ends_whole => {}
                Err(error) => return Err(wrong(number, format!("this isn't an entry: {error}"))),
            }
        }
        Ok(Tape { plan_hash: header.plan_hash, entries, used: Mutex::default() })
    }

    /// Returns what the tape tells of an attempt; what it took is in [`Tape::usage`]. An entry that is missing or that answers another question is a failure
    /// of kind `diverged`, which nothing catches: a tape never hides that the program has changed.
    pub fn replay<R: Response>(
        &self,
        coordinate: &str,
        tries: (u32, u32),
        kind: &str,
        fingerprint: &str,
    ) -> Result<R, Failure> {
        let stale = |message: String| Failure::new(Kind::Diverged, message);
        let key = (coordinate.to_owned(), tries.0, tries.1);
        let again = "record it again with `flowc run --record`";
        let Some(entry) = self.entries.get(&key) else {
            let attempt = match tries {
                (0, 0) => String::new(),
                (attempt, 0) => format!(", attempt {}", attempt + 1),
                (attempt, repair) => format!(", attempt {}, repair {repair}", attempt + 1),
            };
            return Err(stale(format!("the tape has no entry for `{coordinate}`{attempt}; {again}")));
        };
        if entry.kind != kind || entry.fingerprint != fingerprint {
            return Err(stale(format!(
                "the tape's entry for `{coordinate}` is stale: the step asks something else now; {again}"
            )));
        }
        self.used.lock().unwrap_or_else(PoisonError::into_inner).insert(key);
        if let Some(failure) = &entry.error {
            return Err(failure.clone());
        }
        R::from_json(&entry.response)
            .ok_or_else(|| stale(format!("the tape's entry for `{coordinate}` can't be read; {again}")))
    }

    /// Returns what the tape tells an attempt took.
    pub fn usage(&self, coordinate: &str, tries: (u32, u32)) -> Option<Usage> {
        self.entries.get(&(coordinate.to_owned(), tries.0, tries.1))?.usage
    }

    /// Returns the coordinates that were never asked for, sorted: a warning at the end of a run.
    pub fn unused(&self) -> Vec<&str> {
        let used = self.used.lock().unwrap_or_else(PoisonError::into_inner);
        let mut unused: Vec<&str> = self
            .entries
            .keys()
            .filter(|key| !used.contains(*key))
            .map(|(coordinate, ..)| coordinate.as_str())
            .collect();
        unused.sort_unstable();
        unused.dedup();
        unused
    }
}

fn file_error(path: &Path, error: io::Error) -> Error {
    Error::File { path: path.display().to_string(), error }
}

fn read_all(file: &mut File, path: &Path) -> Result<String, Error> {
    let fail = |error| file_error(path, error);
    if file.metadata().map_err(fail)?.len() > BYTES_MAX {
        return Err(fail(io::Error::new(io::ErrorKind::FileTooLarge, "a tape has at most 1 GiB")));
    }
    let mut text = String::new();
    file.read_to_string(&mut text).map_err(fail)?;
    Ok(text)
}

#[cfg(test)]
mod tests;
