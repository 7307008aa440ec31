//! Tapes: what effects were asked and what came of them, as lines of JSON, to be replayed without any of them.
//!
//! The first line is `{"tape":1,"plan_hash":…}`, then one [`Entry`] per attempt, by coordinate. [`Tape`] answers from one
//! and says what is [`Stale`]; [`Recorder`] writes one while a run goes on.

mod changes;
mod file;
mod reading;
mod recorder;
mod stale;

use std::cmp::Ordering;
use std::io;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use flow_runtime_api::{Answer, Failure, HttpAnswer, Kind, Usage};
use serde::{Deserialize, Serialize};
use serde_json::Value;

pub use changes::Change;
pub use reading::{Asked, Report, Tape};
pub use recorder::Recorder;
pub use stale::{Stale, Why};

/// The version of the form.
pub const VERSION: u32 = 1;
/// A tape at most.
pub const BYTES_MAX: u64 = 1 << 30;
/// An entry at most.
pub const LINE_BYTES_MAX: usize = 128 << 20;

/// The first line of a tape.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Header {
    /// [`VERSION`].
    pub tape: u32,
    /// The plan of the run that was recorded last.
    pub plan_hash: String,
}

/// Which attempt an entry tells of. Its order is that of a tape: `x[2]` comes before `x[10]`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Key {
    /// Which step.
    pub coordinate: String,
    /// From 0.
    pub attempt: u32,
    /// From 0.
    pub repair: u32,
}

impl Ord for Key {
    fn cmp(&self, other: &Key) -> Ordering {
        natural(&self.coordinate, &other.coordinate)
            .then_with(|| self.coordinate.cmp(&other.coordinate))
            .then_with(|| (self.attempt, self.repair).cmp(&(other.attempt, other.repair)))
    }
}

impl PartialOrd for Key {
    fn partial_cmp(&self, other: &Key) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// `` `flow/step`, attempt 2, repair 1 ``.
impl std::fmt::Display for Key {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(out, "`{}`", self.coordinate)?;
        if (self.attempt, self.repair) != (0, 0) {
            write!(out, ", attempt {}", u64::from(self.attempt) + 1)?;
        }
        if self.repair > 0 {
            write!(out, ", repair {}", self.repair)?;
        }
        Ok(())
    }
}

/// One attempt of an effect.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Entry {
    /// Which attempt.
    #[serde(flatten)]
    pub key: Key,
    /// `prompt` (a turn of an agent, too), `http`, `human`, `event`, `built_in`, `wait`.
    pub kind: String,
    /// SHA-256 of what was asked.
    pub fingerprint: String,
    /// What was asked, to tell what is another now; only the fingerprint is compared.
    pub request: Value,
    /// What came of it; null after an error.
    pub response: Value,
    /// What it took; null when the provider didn't say.
    pub usage: Option<Usage>,
    /// Why it failed; of kind `cancelled` if nobody waited for it to the end.
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
    /// Returns an entry of what came of what was asked.
    pub fn new<R: Response>(asked: &Asked<'_>, result: &Result<R, Failure>, usage: Option<Usage>) -> Entry {
        Entry {
            key: asked.key(),
            kind: asked.kind.to_owned(),
            fingerprint: asked.fingerprint.to_owned(),
            request: (asked.request)(),
            response: result.as_ref().map_or(Value::Null, Response::to_json),
            usage,
            error: result.as_ref().err().cloned(),
        }
    }

    /// Returns what came of it. One whose end nobody waited for fails as `cancelled`: it is not to be answered.
    pub fn answer<R: Response>(&self) -> Result<R, Failure> {
        match &self.error {
            Some(failure) => Err(failure.clone()),
            None => R::from_json(&self.response).ok_or_else(|| {
                let message = format!(
                    "the tape's entry for {} holds no answer of its kind, `{}`: record it again",
                    self.key, self.kind
                );
                Failure::new(Kind::Diverged, message)
            }),
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

impl Error {
    /// Returns what to do about it.
    pub fn help(&self) -> &'static str {
        match self {
            Error::File { .. } => "name another file, or make this one readable and writable",
            Error::Content { .. } => {
                "take the line out, or record the tape again with `flowc run … --record FILE`"
            }
        }
    }
}

/// Compares texts so that numbers in them count as numbers.
fn natural(one: &str, other: &str) -> Ordering {
    let (mut one, mut other) = (one.as_bytes(), other.as_bytes());
    loop {
        let (Some(a), Some(b)) = (one.first(), other.first()) else { return one.len().cmp(&other.len()) };
        if a.is_ascii_digit() && b.is_ascii_digit() {
            let ((x, rest), (y, other_rest)) = (number(one), number(other));
            match x.len().cmp(&y.len()).then_with(|| x.cmp(y)) {
                Ordering::Equal => (one, other) = (rest, other_rest),
                unequal => return unequal,
            }
        } else if a == b {
            (one, other) = (&one[1..], &other[1..]);
        } else {
            return a.cmp(b);
        }
    }
}

/// Splits off the digits at the beginning, without leading zeros.
fn number(text: &[u8]) -> (&[u8], &[u8]) {
    let end = text.iter().position(|byte| !byte.is_ascii_digit()).unwrap_or(text.len());
    let (digits, rest) = text.split_at(end);
    let zeros = digits.iter().position(|digit| *digit != b'0').unwrap_or(digits.len());
    (&digits[zeros..], rest)
}

#[cfg(test)]
mod tests;
