//! `flowc check --watch`: checks again whenever a file has changed.
//!
//! Changes are found by asking for each file's size and times. That works on every file system, mounted ones included, holds
//! no handle, and sees files that come, go or are renamed; how often it asks depends on how long asking takes.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use super::{Round, Sessions, expand, paths};
use crate::args::{Check, Format};
use crate::exit::{Code, Outcome, Stop};
use crate::follow::Signals;
use crate::program;
use crate::terminal::{self, BOLD, DIM, GREEN, RED, Stream, YELLOW};

/// The least time between two looks for changes.
const PAUSE_MIN: Duration = Duration::from_millis(100);
/// The most time between two looks for changes.
const PAUSE_MAX: Duration = Duration::from_secs(2);
/// A look may take this part of the time: it costs at most two percent of a core.
const PAUSE_FACTOR: u32 = 50;
/// How long is waited for whatever else the same command or editor changes.
const SETTLE: Duration = Duration::from_millis(40);
/// Clears a terminal and what it has scrolled away, and goes to its top.
pub const CLEAR: &str = "\x1b[2J\x1b[3J\x1b[H";

pub fn run(args: &Check) -> Outcome {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| Stop::environment(format_args!("nothing can be waited for: {error}")))?;
    runtime.block_on(watch(args))
}

async fn watch(args: &Check) -> Outcome {
    let mut signals = Signals::new()?;
    let mut watched = Watched { paths: paths(args), projects: Vec::new(), sessions: Sessions::default() };
    let mut first = true;
    loop {
        let round = watched.check(args)?;
        if first && round.unreadable == watched.projects.len() {
            return Ok(Code::Usage);
        }
        first = false;
        if let Some(code) = until_changed(&mut || watched.has_changed(), &mut signals).await {
            return Ok(code);
        }
    }
}

/// Returns when something has changed, or with the exit code if it is time to end.
pub async fn until_changed(has_changed: &mut dyn FnMut() -> bool, signals: &mut Signals) -> Option<Code> {
    let mut pause = PAUSE_MIN;
    loop {
        tokio::select! {
            biased;
            code = signals.next() => return Some(code),
            () = tokio::time::sleep(pause) => {}
        }
        if nobody_reads() {
            return Some(Code::Done);
        }
        let start = Instant::now();
        if has_changed() {
            tokio::time::sleep(SETTLE).await;
            return None;
        }
        pause = (start.elapsed() * PAUSE_FACTOR).clamp(PAUSE_MIN, PAUSE_MAX);
    }
}

/// What is watched.
struct Watched {
    /// As the user wrote them.
    paths: Vec<PathBuf>,
    /// The projects that they led to.
    projects: Vec<PathBuf>,
    sessions: Sessions,
}

impl Watched {
    fn check(&mut self, args: &Check) -> Result<Round, Stop> {
        self.projects = expand(&self.paths);
        let projects = &self.projects;
        self.sessions.0.retain(|path, _| projects.contains(path));
        let clears = Stream::Out.is_terminal() && args.format != Format::Json;
        let mut text = String::from(if clears { CLEAR } else { "" });
        let mut round = Round::default();
        let sessions = &mut self.sessions;
        let look = |path: &std::path::Path| program::look(sessions.of(path), path);
        round.check(args, projects, look, &mut |more| {
            text += &more;
            terminal::out(std::mem::take(&mut text))
        })?;
        // Also where nothing could be read, so that a reader knows that the round is over.
        terminal::out(text + &closing(args, &round))?;
        if clears {
            terminal::err(format!("{DIM}waiting for changes; Ctrl-C ends{DIM:#}\n"));
        }
        Ok(round)
    }

    fn has_changed(&mut self) -> bool {
        if expand(&self.paths) != self.projects {
            return true;
        }
        self.projects.iter().any(|path| self.sessions.of(path).has_changed(&crate::disk::Disk))
    }
}

/// What ends a round.
fn closing(args: &Check, round: &Round) -> String {
    if args.format == Format::Json {
        let facts = serde_json::json!({
            "checked": round.files,
            "errors": round.errors,
            "warnings": round.warnings,
            "omitted": round.omitted,
            "unreadable": round.unreadable,
            "exit": round.code(args) as u8,
        });
        return format!("{facts}\n");
    }
    let color = match round.code(args) {
        Code::Done if round.warnings == 0 => GREEN,
        Code::Done => YELLOW,
        _ => RED,
    };
    let style = color.effects(BOLD.get_effects());
    let found = round.summary().unwrap_or_else(|| match round.unreadable {
        0 => "no problems".into(),
        1 => "1 path can't be read".into(),
        several => format!("{several} paths can't be read"),
    });
    format!("{style}{}: {found}{style:#}\n", round.checked())
}

/// Whether what reads stdout has gone away.
fn nobody_reads() -> bool {
    use rustix::event::{PollFd, PollFlags, Timespec, poll};
    let stdout = std::io::stdout();
    let mut asked = [PollFd::new(&stdout, PollFlags::empty())];
    let now = Timespec { tv_sec: 0, tv_nsec: 0 };
    matches!(poll(&mut asked, Some(&now)), Ok(1..))
        && asked[0].revents().intersects(PollFlags::ERR | PollFlags::NVAL)
}
