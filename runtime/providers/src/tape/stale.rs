//! Entries that a run can't use: there is none, or it answers another question.

use flow_runtime_api::{Failure, Kind, Scrubber};
use serde::Serialize;
use serde_json::Value;

use super::changes::{self, Change};
use super::{Asked, Entry, Key};

/// What names of changed parts a message holds at most.
const NAMED_MAX: usize = 4;

/// An entry that can't be used, and why.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Stale {
    /// Which attempt asks.
    #[serde(flatten)]
    pub key: Key,
    /// Its kind: `prompt`, `http`.
    pub kind: String,
    /// Why.
    pub why: Why,
    /// What is asked otherwise now, if the tape has such an entry; 40 at most.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub changes: Vec<Change>,
}

/// Why an entry can't be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Why {
    /// The tape has none.
    Missing,
    /// It is of another kind of effect.
    Kind,
    /// Something else was asked.
    Changed,
}

impl Stale {
    /// Returns what is to be said of an attempt that the tape has no entry for.
    pub(super) fn missing(asked: &Asked<'_>) -> Stale {
        Stale { key: asked.key(), kind: asked.kind.to_owned(), why: Why::Missing, changes: Vec::new() }
    }

    /// Returns what is to be said of an attempt that the tape's entry doesn't answer. What is asked now may hold secrets.
    pub(super) fn of(asked: &Asked<'_>, entry: &Entry, scrubber: &Scrubber) -> Stale {
        let (key, kind) = (asked.key(), asked.kind.to_owned());
        if entry.kind != asked.kind {
            let change = Change {
                part: String::from("kind"),
                was: Some(Value::from(entry.kind.clone())),
                now: Some(Value::from(asked.kind)),
            };
            return Stale { key, kind, why: Why::Kind, changes: vec![change] };
        }
        let mut now = (asked.request)();
        scrubber.scrub_json(&mut now);
        Stale { key, kind, why: Why::Changed, changes: changes::between(&entry.request, &now) }
    }

    /// Returns it as the failure of the step that asks; nothing catches it, so that a tape never hides that the program has
    /// changed.
    pub fn failure(&self) -> Failure {
        Failure::new(Kind::Diverged, self.to_string())
    }
}

/// One line: which entry, and the names of what changed.
impl std::fmt::Display for Stale {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.why {
            Why::Missing => return write!(out, "the tape has no entry for {}", self.key),
            Why::Kind => {
                return write!(out, "the tape's entry for {} is stale: it is of another kind", self.key);
            }
            Why::Changed => write!(out, "the tape's entry for {} is stale: ", self.key)?,
        }
        if self.changes.is_empty() {
            return out
                .write_str("it reads the same, but its fingerprint is another, as if it had been edited");
        }
        out.write_str("the step asks something else now: ")?;
        let mut names: Vec<&str> = self.changes.iter().map(|change| change.part.as_str()).collect();
        names.dedup();
        let more = names.len().saturating_sub(NAMED_MAX);
        names.truncate(NAMED_MAX);
        out.write_str(&names.join(", "))?;
        match more {
            0 => Ok(()),
            more => write!(out, " and {more} more"),
        }
    }
}
