//! Following a run from its start, or its resumption, to its end: its events, the signals that stop it, its exit code.
//! What there is to say is said on a thread of its own, so that a reader that has stalled holds up neither the run nor a
//! signal.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use flow_host::tape::Tape;
use flow_host::{RunHandle, RunOptions, StoreUrl};
use flow_ir::plan::Places;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::oneshot;

use crate::args::{Show, Store, Tapes};
use crate::exit::{Code, Outcome, Stop};
use crate::place::Place;
use crate::telling::{self, Teller, Word};
use crate::terminal::Stream;

/// How long a stopped run's last words may take to be read.
const GRACE: Duration = Duration::from_secs(2);
/// How long the line that resumes a run may take, when the end was asked for twice.
const LAST_WORD: Duration = Duration::from_millis(200);

/// What is told of a run besides its events.
pub struct Told {
    pub show: Show,
    /// Where steps stand in the sources.
    pub places: Places,
    /// What `flowc resume` needs behind the id: `--store`, `--tape`.
    pub flags: Flags,
    /// The tape that it is answered from.
    pub tape: Option<Arc<Tape>>,
}

/// Flags behind an id, ready to be shown: each with a space before it.
pub struct Flags {
    /// Where the run is found.
    pub store: String,
    /// What its answers come from, or go to.
    pub tape: String,
    /// Whether the run outlives this process.
    pub is_kept: bool,
}

/// Returns the flags by which `flowc resume`, started in this folder, goes on as this command does.
pub fn flags(place: &Place, store: &Store, tapes: &Tapes) -> Result<Flags, Stop> {
    let own = place.store(store)?;
    let flag = |name: &str, value: &str| format!(" --{name} {}", quoted(value));
    let file =
        |name: &str, path: &Option<PathBuf>| path.as_ref().map(|path| flag(name, &path.to_string_lossy()));
    Ok(Flags {
        is_kept: !matches!(own, StoreUrl::Memory),
        store: store_flag(&own),
        tape: file("tape", &tapes.tape).or_else(|| file("record", &tapes.record)).unwrap_or_default(),
    })
}

/// Returns ` --store URL`, or nothing if a command started in this folder finds the store without.
pub fn store_flag(own: &StoreUrl) -> String {
    let found =
        Place::here().and_then(|here| here.store(&Store { url: None })).map(|found| found.to_string());
    let own = own.to_string();
    if found.is_ok_and(|found| found == own) { String::new() } else { format!(" --store {}", quoted(&own)) }
}

/// Quotes a word for a shell, if it needs it.
pub fn quoted(word: &str) -> String {
    let plain = word.chars().all(|c| c.is_ascii_alphanumeric() || "-_./:@%+=,".contains(c));
    if plain && !word.is_empty() { word.to_owned() } else { format!("'{}'", word.replace('\'', r"'\''")) }
}

/// Whether events and pieces of answers are looked at: as text, as lines, or by the running steps that a terminal shows.
pub fn wants_events(show: &Show) -> bool {
    show.stream || show.json || Stream::Err.is_terminal()
}

/// What the flags ask of a run that is followed.
pub fn options(tapes: &Tapes, tape: &Option<Arc<Tape>>, show: &Show) -> RunOptions {
    RunOptions {
        record: tapes.record.clone(),
        tape: tape.clone(),
        stream: wants_events(show),
        events: wants_events(show),
        wait_max_ms: show.wait_max,
        ..RunOptions::default()
    }
}

/// Follows a run to its end.
pub async fn follow(mut handle: RunHandle, told: Told) -> Outcome {
    let run = handle.run().clone();
    let interrupter = handle.interrupter();
    let mut signals = Signals::new()?;
    let (teller, mut done) = telling::start(run, told, interrupter.clone())?;
    let mut stopped_by = None;
    loop {
        tokio::select! {
            biased;
            code = signals.next() => {
                if stopped_by.is_some() {
                    return quit(&teller, &mut done, code).await;
                }
                stopped_by = Some(code);
                teller.tell(Word::Stopping);
                interrupter.interrupt();
            }
            event = handle.next() => match event {
                Some(event) => teller.tell(Word::Event(Box::new(event))),
                None => break,
            },
        }
    }
    let finished = handle.finish().await;
    teller.tell(Word::End(Box::new(finished), stopped_by));
    // A reader may be as slow as it likes; who has asked for the end waits no longer than this.
    let patience = async {
        match stopped_by {
            Some(_) => tokio::time::sleep(GRACE).await,
            None => std::future::pending().await,
        }
    };
    tokio::select! {
        biased;
        said = &mut done => Ok(said.unwrap_or(Code::Internal)),
        code = signals.next() => quit(&teller, &mut done, code).await,
        () = patience => std::process::exit(stopped_by.unwrap_or(Code::Interrupted) as i32),
    }
}

/// Ends at once: whoever asks twice doesn't want to wait. What is in flight is dealt with when the run is resumed.
async fn quit(teller: &Teller, done: &mut oneshot::Receiver<Code>, code: Code) -> Outcome {
    teller.tell(Word::Quit);
    // Enough for a line on a terminal; a reader that has stalled isn't waited for.
    let _ = tokio::time::timeout(LAST_WORD, done).await;
    std::process::exit(code as i32)
}

/// The signals that stop a run, or a watch.
pub struct Signals {
    interrupt: Signal,
    terminate: Signal,
}

impl Signals {
    pub fn new() -> Result<Signals, Stop> {
        let listen = |kind| {
            signal(kind).map_err(|error| Stop::environment(format_args!("no signals can be caught: {error}")))
        };
        Ok(Signals {
            interrupt: listen(SignalKind::interrupt())?,
            terminate: listen(SignalKind::terminate())?,
        })
    }

    /// Returns the exit code of the next signal.
    pub async fn next(&mut self) -> Code {
        tokio::select! {
            _ = self.interrupt.recv() => Code::Interrupted,
            _ = self.terminate.recv() => Code::Terminated,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_store_with_a_space_is_quoted() {
        assert_eq!(quoted("sqlite:/a/b.db"), "sqlite:/a/b.db");
        assert_eq!(quoted("sqlite:/a b/it's.db"), r"'sqlite:/a b/it'\''s.db'");
    }
}
