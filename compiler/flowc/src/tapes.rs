//! Tapes at the command line: opening one, what is said of entries that are stale or unused, and mending one.

mod view;

use std::io::Write as _;
use std::sync::Arc;

use flow_diagnostics::escape;
use flow_host::tape::{Error, Key, Report, Stale, Tape};

use crate::args::Tapes;
use crate::exit::Stop;
use crate::place;
use crate::terminal::{self, BOLD, GREEN, RED, Stream, YELLOW};
use crate::text;

pub use view::view;

/// Entries that are listed; the rest are counted.
const LISTED_MAX: usize = 20;
/// Columns where nobody looks.
const WIDTH_OF_A_FILE: usize = 100;

/// Opens the tape that a command is answered from.
pub fn open(tapes: &Tapes) -> Result<Option<Tape>, Stop> {
    tapes.tape.as_deref().map(Tape::read).transpose().map_err(refused)
}

/// The same, to be shared.
pub fn shared(tapes: &Tapes) -> Result<Option<Arc<Tape>>, Stop> {
    Ok(open(tapes)?.map(Arc::new))
}

pub fn refused(error: Error) -> Stop {
    let help = error.help();
    Stop::usage(escape(&error.to_string())).help(help)
}

/// Says on stderr which parts of which entries are another now.
pub fn tell_stale(stale: &[Stale]) {
    let width = Stream::Err.width().unwrap_or(WIDTH_OF_A_FILE);
    for stale in stale.iter().take(LISTED_MAX) {
        terminal::err(view(stale, width));
    }
    if stale.len() > LISTED_MAX {
        terminal::err(format!("  and {} more entries\n", stale.len() - LISTED_MAX));
    }
}

/// Warns on stderr of entries that nobody asked for.
pub fn tell_unused(tape: &Tape, unused: &[Key]) {
    if unused.is_empty() {
        return;
    }
    let path = place::shown(tape.path());
    let (entries, were) = if unused.len() == 1 { ("entry", "was") } else { ("entries", "were") };
    let head = format!("{} {entries} of {} {were} not asked for", unused.len(), escape(&path));
    terminal::err(format!("{YELLOW}{BOLD}warning{BOLD:#}{YELLOW:#}: {head}\n{}", list(unused)));
}

fn list(keys: &[Key]) -> String {
    let width = Stream::Err.width().unwrap_or(WIDTH_OF_A_FILE).saturating_sub(2);
    let mut lines: String = keys
        .iter()
        .take(LISTED_MAX)
        .map(|key| format!("  {}\n", text::fit_left(&escape(&key.to_string().replace('`', "")), width)))
        .collect();
    if keys.len() > LISTED_MAX {
        lines.push_str(&format!("  and {} more\n", keys.len() - LISTED_MAX));
    }
    lines
}

/// Says what became of a tape at the end of a run: of one that is mended, it is written first, if the run succeeded.
pub fn end(tape: &Tape, has_succeeded: bool) -> Result<(), Stop> {
    let report = tape.report();
    if !tape.is_updating() {
        if has_succeeded {
            tell_unused(tape, &report.unused);
        } else if !report.stale.is_empty() {
            tell_stale(&report.stale);
            let width = Stream::Err.width().unwrap_or(WIDTH_OF_A_FILE).saturating_sub(2);
            let help = "`--update` with the same command asks what is stale anew and keeps the rest";
            text::wrap(help, width).iter().for_each(|line| terminal::err(format!("  {line}\n")));
        }
        return Ok(());
    }
    let path = place::shown(tape.path());
    let path = escape(&path);
    if !has_succeeded {
        terminal::err(format!("the tape {path} stays as it was: the run has not succeeded\n"));
        return Ok(());
    }
    let is_written = tape.write(true).map_err(|error| {
        let help = error.help();
        Stop::environment(escape(&error.to_string())).help(help)
    })?;
    terminal::err(mended(&path, &report, is_written));
    Ok(())
}

fn mended(path: &str, report: &Report, is_written: bool) -> String {
    let Report { used, recorded, unused, .. } = report;
    let mut out = match is_written {
        true => format!(
            "{GREEN}tape {path}{GREEN:#}: {} recorded, {used} kept, {} dropped\n",
            recorded.len(),
            unused.len()
        ),
        false => format!("{GREEN}tape {path}{GREEN:#}: nothing is stale, {used} kept\n"),
    };
    if !unused.is_empty() {
        out.push_str(&format!("dropped, as nothing asked for them:\n{}", list(unused)));
    }
    out
}

/// Asks whether what is stale may be asked for real; `--yes` answers for a script.
pub fn confirm(tape: &Tape, stale: &[Stale], yes: bool) -> Result<bool, Stop> {
    let path = place::shown(tape.path());
    let count = match stale.len() {
        1 => String::from("1 entry"),
        more => format!("{more} entries"),
    };
    terminal::err(format!("{RED}{BOLD}stale{BOLD:#}{RED:#}: {count} of {}\n", escape(&path)));
    tell_stale(stale);
    if yes {
        return Ok(true);
    }
    let stdin = std::io::stdin();
    if !std::io::IsTerminal::is_terminal(&stdin) || !Stream::Err.is_terminal() {
        return Err(Stop::usage("nobody can be asked here whether to record that anew")
            .help("models and tools are asked for real, which may cost money: `--yes` lets them be"));
    }
    terminal::err("ask that, and what follows from it, for real? It may cost money. [y/N] ");
    let _ = std::io::stderr().flush();
    let mut answer = String::new();
    stdin.read_line(&mut answer)?;
    Ok(matches!(answer.trim(), "y" | "Y" | "yes"))
}
