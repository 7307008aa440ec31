//! `flowc resume --due`: drives all suspended runs whose time has come, many at once, each under its lease.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use flow_diagnostics::escape;
use flow_host::{DueRuns, Host, HostError, Interrupter, Outcome as Finished, ResumeOptions};
use flow_runtime_api::{RunId, Time};
use tokio::sync::mpsc;
use tokio::task::JoinSet;

use crate::args::Resume;
use crate::exit::{Code, Outcome, Stop};
use crate::follow::{self, Signals};
use crate::place::{self, Place};
use crate::terminal;

/// Runs that are driven at a time.
const AT_ONCE: usize = 256;
/// How often the store is looked at for runs that others have suspended.
const LOOK: Duration = Duration::from_secs(1);
/// With `--watch` a wait that is longer gives its place to other runs.
const WAIT_MAX_MS: u64 = 1_000;
/// When a run is tried again that couldn't be gone on with: a key is missing, its store is full.
const AGAIN: Duration = Duration::from_secs(30);

pub fn run(args: &Resume) -> Outcome {
    let place = Place::here()?;
    let host = Arc::new(place.host(&args.store)?);
    let flags = follow::flags(&place, &args.store, &args.tapes)?;
    place::runtime()?.block_on(async {
        let (events, shown) = mpsc::unbounded_channel();
        let due = DueRuns::new(&host);
        let driver = Driver {
            host,
            due,
            store: flags.store,
            json: args.show.json,
            watch: args.watch,
            wait_max_ms: if args.watch { args.show.wait_max.min(WAIT_MAX_MS) } else { args.show.wait_max },
            driven: JoinSet::new(),
            interrupters: HashMap::new(),
            resting: HashMap::new(),
            events,
            worst: Code::Done,
        };
        driver.drive(shown).await
    })
}

/// What came of a run: nothing, if others had it or it wasn't due any more.
type Driven = (RunId, Option<Result<Finished, HostError>>);

struct Driver {
    host: Arc<Host>,
    due: DueRuns,
    /// The `--store` flag of lines that name a run.
    store: String,
    json: bool,
    watch: bool,
    wait_max_ms: u64,
    driven: JoinSet<Driven>,
    /// What stops each run that is driven; none until it has begun.
    interrupters: HashMap<RunId, Option<Interrupter>>,
    /// Runs that can't be gone on with now, and until when they are left alone.
    resting: HashMap<RunId, Instant>,
    events: mpsc::UnboundedSender<Word>,
    worst: Code,
}

/// What a driven run tells while it goes on.
enum Word {
    Begun(RunId, Interrupter),
    Line(String),
}

impl Driver {
    async fn drive(mut self, mut words: mpsc::UnboundedReceiver<Word>) -> Outcome {
        let mut signals = Signals::new()?;
        let mut stopped_by = None;
        loop {
            let mut pause = LOOK;
            if stopped_by.is_none() {
                let begun;
                (begun, pause) = self.begin().await?;
                if !self.watch && begun == 0 && self.driven.is_empty() {
                    return Ok(self.worst);
                }
            } else if self.driven.is_empty() {
                return Ok(stopped_by.unwrap_or(self.worst));
            }
            tokio::select! {
                biased;
                code = signals.next() => {
                    if stopped_by.is_some() {
                        return Ok(code);
                    }
                    stopped_by = Some(code);
                    self.interrupters.values().flatten().for_each(Interrupter::interrupt);
                }
                Some(word) = words.recv() => match word {
                    Word::Begun(run, interrupter) => {
                        if stopped_by.is_some() {
                            interrupter.interrupt();
                        }
                        self.interrupters.insert(run, Some(interrupter));
                    }
                    Word::Line(line) => terminal::out(line)?,
                },
                Some(done) = self.driven.join_next(), if !self.driven.is_empty() => {
                    let Ok((run, ended)) = done else {
                        return Err(Stop::new(Code::Internal, "the execution of a run failed inside"));
                    };
                    self.interrupters.remove(&run);
                    if let Some(ended) = ended {
                        self.tell(&run, ended)?;
                    }
                }
                () = tokio::time::sleep(pause) => {}
            }
        }
    }

    /// Begins what is due, as far as there is room. Returns how many runs, and how long to sleep.
    async fn begin(&mut self) -> Result<(usize, Duration), Stop> {
        let now = Instant::now();
        self.resting.retain(|_, until| *until > now);
        let room = AT_ONCE.saturating_sub(self.driven.len());
        let limit = room + self.resting.len();
        if room == 0 {
            return Ok((0, LOOK));
        }
        let found = self.due.look(&self.host, u32::try_from(limit).unwrap_or(u32::MAX)).await?;
        let at = self.due.now();
        let mut begun = 0;
        for run in found.runs {
            if begun < room && !self.resting.contains_key(&run) && !self.interrupters.contains_key(&run) {
                self.interrupters.insert(run.clone(), None);
                self.spawn(run, at);
                begun += 1;
            }
        }
        let next = found.next_ms.map_or(LOOK, Duration::from_millis);
        Ok((begun, next.min(LOOK)))
    }

    fn spawn(&mut self, run: RunId, at: Time) {
        let (host, events, json) = (self.host.clone(), self.events.clone(), self.json);
        let options = ResumeOptions {
            stream: json,
            events: json,
            wait_max_ms: self.wait_max_ms,
            due_at: Some(at),
            ..ResumeOptions::default()
        };
        self.driven.spawn(async move {
            let mut handle = match host.resume(&run.0, options).await {
                Ok(handle) => handle,
                // Another process was faster: it has it, or is done with it.
                Err(HostError::Usage { .. } | HostError::Held { .. }) => return (run, None),
                Err(error) => return (run, Some(Err(error))),
            };
            // Who listens no more has ended.
            let _ = events.send(Word::Begun(run.clone(), handle.interrupter()));
            while let Some(event) = handle.next().await {
                if json {
                    let _ = events.send(Word::Line(event.to_line() + "\n"));
                }
            }
            (run, Some(handle.finish().await))
        });
    }

    /// Says what came of a run.
    fn tell(&mut self, run: &RunId, ended: Result<Finished, HostError>) -> Result<(), Stop> {
        let line = match ended {
            Ok(finished) => format!("{run} done {}", finished.result),
            Err(HostError::Failed { failure, .. }) => {
                self.worsen(Code::RunFailed);
                let message = failure.message.lines().next().unwrap_or_default();
                format!("{run} failed {}: {}", escape(&failure.kind), escape(message))
            }
            Err(HostError::Suspended { reason, until, .. }) => {
                let due = until.map(|at| format!(", due {}", at.rfc3339())).unwrap_or_default();
                format!("{run} waits: {}{due}", escape(&reason))
            }
            Err(HostError::Interrupted { .. }) => format!("{run} interrupted"),
            Err(error) => {
                self.worsen(Code::Environment);
                self.resting.insert(run.clone(), Instant::now() + AGAIN);
                let help = error.help().map(|help| format!("\n  help: {help}")).unwrap_or_default();
                terminal::err(format!("run {run}{}: {error}{help}\n", self.store));
                return Ok(());
            }
        };
        if !self.json {
            terminal::out(line + "\n")?;
        }
        Ok(())
    }

    fn worsen(&mut self, code: Code) {
        if code as u8 > self.worst as u8 {
            self.worst = code;
        }
    }
}
