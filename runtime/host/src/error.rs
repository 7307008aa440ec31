use flow_runtime_api::{Failure, RunId, StoreError, Time};
use flow_trace::Trace;

/// Why there is no result, shaped by what the caller does next: each variant has an exit code of its own.
#[derive(Debug, thiserror::Error)]
pub enum HostError {
    /// Wrong input or a wrong request; nothing was started.
    #[error("{message}")]
    Usage {
        /// What is wrong.
        message: String,
        /// What to do next.
        help: String,
    },
    /// A program doesn't meet what is on record of a run; nothing has changed.
    #[error("{message}")]
    Differs {
        /// Where they differ first.
        message: String,
        /// What to do next.
        help: String,
    },
    /// The run failed or was cancelled; its record is complete.
    #[error("{failure}")]
    Failed {
        /// Which run.
        run: RunId,
        /// Why.
        failure: Box<Failure>,
        /// How it went.
        trace: Box<Trace>,
    },
    /// The run waits for something; it can be resumed.
    #[error("the run waits: {reason}")]
    Suspended {
        /// Which run.
        run: RunId,
        /// For what.
        reason: String,
        /// When it is due by itself.
        until: Option<Time>,
        /// How it went so far.
        trace: Box<Trace>,
    },
    /// The run was stopped from outside; it can be resumed.
    #[error("the run was interrupted")]
    Interrupted {
        /// Which run.
        run: RunId,
        /// How it went so far.
        trace: Box<Trace>,
    },
    /// Another process executes the run; nothing was done here.
    #[error("{message}")]
    Held {
        /// Which process.
        message: String,
        /// What to do next.
        help: String,
    },
    /// The environment lacks something: a key, a server, space, a store that can be read.
    #[error("{message}")]
    Environment {
        /// What is missing.
        message: String,
        /// What to do next.
        help: String,
        /// The run that was stopped by it; it can be resumed.
        run: Option<RunId>,
    },
}

impl HostError {
    /// Returns the process's exit code. A run that failed because no server was there lacks something of its environment.
    pub fn exit_code(&self) -> u8 {
        match self {
            HostError::Differs { .. } => 1,
            HostError::Usage { .. } => 2,
            HostError::Failed { failure, .. } if failure.missing => 5,
            HostError::Failed { .. } => 3,
            HostError::Suspended { .. } => 4,
            HostError::Held { .. } | HostError::Environment { .. } => 5,
            HostError::Interrupted { .. } => 130,
        }
    }

    /// Returns what to do next, if there is something.
    pub fn help(&self) -> Option<String> {
        match self {
            HostError::Usage { help, .. }
            | HostError::Differs { help, .. }
            | HostError::Held { help, .. } => (!help.is_empty()).then(|| help.clone()),
            HostError::Environment { help, run, .. } => {
                let resume = run.as_ref().map(|run| format!("then go on with `flowc resume {run}`"));
                match (help.is_empty(), resume) {
                    (true, resume) => resume,
                    (false, None) => Some(help.clone()),
                    (false, Some(resume)) => Some(format!("{help}; {resume}")),
                }
            }
            HostError::Suspended { run, .. } | HostError::Interrupted { run, .. } => {
                Some(format!("go on with `flowc resume {run}`"))
            }
            HostError::Failed { run, .. } => Some(format!("see how it went with `flowc runs show {run}`")),
        }
    }

    pub(crate) fn usage(message: impl Into<String>, help: impl Into<String>) -> HostError {
        HostError::Usage { message: message.into(), help: help.into() }
    }

    pub(crate) fn environment(message: impl Into<String>, help: impl Into<String>) -> HostError {
        HostError::Environment { message: message.into(), help: help.into(), run: None }
    }

    /// Says which run was stopped by it.
    pub(crate) fn of_run(self, id: &RunId) -> HostError {
        match self {
            HostError::Environment { message, help, .. } => {
                HostError::Environment { message, help, run: Some(id.clone()) }
            }
            other => other,
        }
    }

    /// Says that a store stopped a run, and what that means for it.
    pub(crate) fn of_store(error: StoreError, run: Option<&RunId>) -> HostError {
        match error {
            StoreError::Missing(what) => {
                HostError::usage(format!("{what} is not in this store"), "`flowc runs` lists what there is")
            }
            StoreError::Fenced(holder) if run.is_some() => HostError::Environment {
                message: format!(
                    "another process has taken the run over ({holder}); this one has stopped and records nothing more"
                ),
                help: String::from("`flowc runs` shows how it goes on"),
                run: None,
            },
            StoreError::Fenced(holder) => HostError::Held {
                message: format!("the run is held by another process ({holder})"),
                help: String::from("wait until it is done, or stop it"),
            },
            StoreError::Unavailable(_) | StoreError::Locked(_) | StoreError::Corrupt(_) => {
                let message = error.to_string();
                // The stores' messages end with their remedy, after `; `.
                let (message, help) = match message.rsplit_once("; ") {
                    Some((message, help)) => (message.to_owned(), help.to_owned()),
                    None => (message, String::new()),
                };
                let message = match (run, error) {
                    (Some(_), StoreError::Unavailable(_) | StoreError::Locked(_)) => {
                        format!("{message}; the run stopped, and every step shown as done is on record")
                    }
                    (Some(_), _) => format!("{message}; the run stopped"),
                    (None, _) => message,
                };
                HostError::Environment { message, help, run: run.cloned() }
            }
        }
    }
}
