//! `flowc test --watch`: runs the tests again whenever a file has changed.

use flow_project::Session;

use super::round;
use crate::args::Test;
use crate::command::check::watch::{CLEAR, until_changed};
use crate::disk::Disk;
use crate::exit::{Code, Outcome, Stop};
use crate::follow::Signals;
use crate::problems;
use crate::program;
use crate::tell;
use crate::terminal::{self, DIM, Stream};

pub fn run(args: &Test) -> Outcome {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| Stop::environment(format_args!("nothing can be waited for: {error}")))?;
    runtime.block_on(watch(args))
}

async fn watch(args: &Test) -> Outcome {
    let mut signals = Signals::new()?;
    let mut session = Session::new(&args.path, true);
    let mut first = true;
    loop {
        if Stream::Out.is_terminal() && !args.json {
            terminal::out(CLEAR)?;
        }
        match once(args, &mut session) {
            Err(stop) if first && stop.code == Code::Usage => return Err(stop),
            Err(stop) => tell(&stop),
            Ok(()) => {}
        }
        first = false;
        if Stream::Out.is_terminal() && !args.json {
            terminal::err(format!("{DIM}waiting for changes; Ctrl-C ends{DIM:#}\n"));
        }
        let mut has_changed = || session.has_changed(&Disk);
        if let Some(code) = until_changed(&mut has_changed, &mut signals).await {
            return Ok(code);
        }
    }
}

fn once(args: &Test, session: &mut Session) -> Result<(), Stop> {
    let project = program::look(session, &args.path)?;
    if problems::has_errors(project.check()) {
        problems::tell(project.check(), project.sources());
        return Ok(());
    }
    let (text, _) = round(args, &project)?;
    terminal::out(text)
}
