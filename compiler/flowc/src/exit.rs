//! How a command ends: an exit code, and what is said on stderr.

use std::fmt::Display;

/// The exit codes that scripts may rely on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Code {
    /// Everything was done.
    Done = 0,
    /// The program has errors.
    Problems = 1,
    /// Wrong usage or input, an unreadable path.
    Usage = 2,
    /// The run failed, or was cancelled.
    RunFailed = 3,
    /// The run waits and can be resumed.
    Suspended = 4,
    /// The environment lacks something: a model, a key, a server, a store.
    Environment = 5,
    /// A mistake of flowc's own.
    Internal = 70,
    /// Ctrl-C; the run can be resumed.
    Interrupted = 130,
    /// SIGTERM; the run can be resumed.
    Terminated = 143,
}

/// Why a command stops before it is done.
#[derive(Debug)]
pub struct Stop {
    pub code: Code,
    /// What failed and where. Empty if it was said already.
    pub message: String,
    /// What to do next.
    pub help: Option<String>,
}

/// What a command returns.
pub type Outcome = Result<Code, Stop>;

impl Stop {
    pub fn new(code: Code, message: impl Display) -> Stop {
        Stop { code, message: message.to_string(), help: None }
    }

    /// Wrong usage or input.
    pub fn usage(message: impl Display) -> Stop {
        Stop::new(Code::Usage, message)
    }

    /// Something is missing on this machine.
    pub fn environment(message: impl Display) -> Stop {
        Stop::new(Code::Environment, message)
    }

    pub fn help(mut self, help: impl Display) -> Stop {
        self.help = Some(help.to_string());
        self
    }
}

impl From<std::io::Error> for Stop {
    /// What couldn't be written: a reader that went away is no mistake and is not told.
    fn from(error: std::io::Error) -> Stop {
        match error.kind() {
            std::io::ErrorKind::BrokenPipe => Stop::new(Code::Done, ""),
            _ => Stop::environment(format_args!("the output could not be written: {error}")),
        }
    }
}
