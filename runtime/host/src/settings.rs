//! What the host is told from outside: plain data, already read from `flow.toml`, flags and the environment.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use indexmap::IndexMap;

use flow_ir::catalogue::Price;
use flow_ir::{Name, Plan};
use flow_providers::tape::Tape;
use flow_runtime_api::{Simulation, Time};
pub use flow_storage::{OnWait, StoreUrl, Synchronous};

use crate::{Environment, HostError};

/// Everything that decides how runs of this process are carried out.
#[derive(Clone, Debug)]
pub struct HostSettings {
    /// Where runs are on record; see [`store_url`].
    pub store: StoreUrl,
    /// When commits reach the disk.
    pub synchronous: Synchronous,
    /// `provider/model` of prompts that name none.
    pub default_model: Option<String>,
    /// Limits by provider, shared by all runs of this host.
    pub limits: IndexMap<Name, ProviderLimit>,
    /// A file of the secret's name in this folder holds its value, unless the environment has it.
    pub secrets_dir: Option<PathBuf>,
    /// Prices of the project, by `provider/model`; they go before the table's.
    pub prices: IndexMap<Name, Price>,
    /// Variables: keys, secrets, servers.
    pub environment: Environment,
    /// What follows a run's id in a command that is advised, for it to find this store: ` --store URL`, or nothing.
    pub store_flag: String,
    /// What becomes of a run whose store fails.
    pub on_failure: OnFailure,
    /// Told once when another program's lock on the store is waited for longer than a second.
    pub on_wait: Option<OnWait>,
    /// How long the clean-up of a cancelled run may take, in milliseconds.
    pub clean_up_ms: u64,
    /// How long a lease lives without being renewed, in milliseconds; it is renewed three times as often.
    pub lease_ttl_ms: u64,
}

impl HostSettings {
    /// Returns the defaults with this store.
    pub fn new(store: StoreUrl, environment: Environment) -> HostSettings {
        HostSettings {
            store,
            synchronous: Synchronous::Normal,
            default_model: None,
            limits: IndexMap::new(),
            secrets_dir: None,
            prices: IndexMap::new(),
            environment,
            store_flag: String::new(),
            on_failure: OnFailure::Stop,
            on_wait: None,
            clean_up_ms: 10_000,
            lease_ttl_ms: 15_000,
        }
    }
}

/// What becomes of a run whose store fails while it goes on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OnFailure {
    /// It stops: nothing is done that isn't on record.
    #[default]
    Stop,
    /// It goes on without a record, says so, and can't be resumed.
    Continue,
}

/// How much of a provider may be used at once.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct ProviderLimit {
    /// Calls in flight; `None` is [`ProviderLimit::CONCURRENCY_DEFAULT`].
    pub concurrency: Option<u32>,
    /// Calls that begin within any minute; `None` is no limit.
    pub requests_per_minute: Option<u32>,
}

impl ProviderLimit {
    /// Calls in flight per provider when nothing is set.
    pub const CONCURRENCY_DEFAULT: u32 = 32;
}

/// How one run is started.
#[derive(Clone, Debug)]
pub struct RunOptions {
    /// Which effects are simulated, if any.
    pub simulate: Option<Simulation>,
    /// `provider/model` of prompts that name none, before the project's.
    pub model: Option<String>,
    /// Writes a tape of all effects here.
    pub record: Option<PathBuf>,
    /// Answers all effects from this tape; one that is [`Tape::updating`] only what it can.
    pub tape: Option<Arc<Tape>>,
    /// Whether pieces of answers are shown as they come.
    pub stream: bool,
    /// Whether events are shown as they happen; else only that the run began, or goes on without its store.
    pub events: bool,
    /// A timer that is due within so many milliseconds is waited for; else the run suspends.
    pub wait_max_ms: u64,
    /// Width of a `parallel for` without `jobs`.
    pub jobs: u32,
}

impl Default for RunOptions {
    fn default() -> RunOptions {
        RunOptions {
            simulate: None,
            model: None,
            record: None,
            tape: None,
            stream: false,
            events: true,
            wait_max_ms: 60_000,
            jobs: 8,
        }
    }
}

/// How a run is gone on with: plan, inputs, models and simulation are those on record.
#[derive(Clone, Debug)]
pub struct ResumeOptions {
    /// Goes on with the tape of all effects here.
    pub record: Option<PathBuf>,
    /// Answers all effects from this tape; one that is [`Tape::updating`] only what it can.
    pub tape: Option<Arc<Tape>>,
    /// Whether pieces of answers are shown as they come.
    pub stream: bool,
    /// Whether events are shown as they happen; else only that the run began, or goes on without its store.
    pub events: bool,
    /// A timer that is due within so many milliseconds is waited for; else the run suspends again.
    pub wait_max_ms: u64,
    /// Width of a `parallel for` without `jobs`.
    pub jobs: u32,
    /// What is told of a step that waits for it, or whose outcome is uncertain.
    pub settle: Option<Settle>,
    /// Goes on only if the run's time has come at this time, and no earlier than that; see [`DueRuns`](crate::DueRuns).
    pub due_at: Option<Time>,
    /// The plan to go on by, if that meets all that is on record.
    pub with: Option<Plan>,
}

/// How a run is done again with the results of an old one.
#[derive(Clone, Debug, Default)]
pub struct ReplayOptions {
    /// The step that is asked anew, and all beneath it.
    pub from: Option<String>,
    /// Inputs that are others now, by name.
    pub set: serde_json::Map<String, serde_json::Value>,
    /// All else. What is simulated is the old run's.
    pub run: RunOptions,
}

/// How a step goes on that waits for a person or an event, or that was sent and not answered and can't be sent again
/// unasked.
#[derive(Clone, Debug, PartialEq)]
pub enum Settle {
    /// A person answers, an event brings this, or what was sent came to this.
    Answer {
        /// The step's coordinate; a person's node, or the event that it is a delivery for. Without it, the only step that
        /// waits.
        step: Option<String>,
        /// The result as JSON of its type; of a person, what differs from the form, and nothing if all is as it was filled
        /// in.
        result: Option<serde_json::Value>,
    },
    /// A person refuses.
    Deny {
        /// The step's coordinate; without it, the only step that waits.
        step: Option<String>,
        /// Why; may be empty.
        message: String,
    },
    /// It was not done, or may be done twice: the step of this coordinate is sent again.
    Rerun(String),
}

impl Default for ResumeOptions {
    fn default() -> ResumeOptions {
        let RunOptions { stream, events, wait_max_ms, jobs, .. } = RunOptions::default();
        ResumeOptions {
            record: None,
            tape: None,
            stream,
            events,
            wait_max_ms,
            jobs,
            settle: None,
            with: None,
            due_at: None,
        }
    }
}

/// Decides where runs are on record, for every command: the flag, else `FLOW_STORAGE_URL`, else the setting of the
/// project's `flow.toml` (relative to its folder), else `.flow/flow.db` beside it; without a project
/// `$XDG_STATE_HOME/flow/flow.db`, else `~/.local/state/flow/flow.db`.
///
/// Fails with usage if a URL is none, and with environment if there is no home.
pub fn store_url(
    flag: Option<&str>,
    project: Option<&Path>,
    setting: Option<&str>,
    environment: &Environment,
) -> Result<StoreUrl, HostError> {
    let parse = |text: &str, base: Option<&Path>| {
        StoreUrl::parse(text, base)
            .map_err(|message| HostError::usage(message, "write `sqlite:PATH` or `memory:`"))
    };
    if let Some(url) = flag {
        return parse(url, None);
    }
    if let Some(url) = environment.get("FLOW_STORAGE_URL").filter(|url| !url.is_empty()) {
        return parse(url, None);
    }
    if let Some(url) = setting {
        return parse(url, project);
    }
    if let Some(project) = project {
        return Ok(StoreUrl::Sqlite(project.join(".flow").join("flow.db")));
    }
    let state = match environment.get("XDG_STATE_HOME").filter(|dir| Path::new(dir).is_absolute()) {
        Some(dir) => PathBuf::from(dir),
        None => match environment.get("HOME").filter(|dir| !dir.is_empty()) {
            Some(home) => Path::new(home).join(".local").join("state"),
            None => {
                return Err(HostError::environment(
                    "there is no place for the run store: neither XDG_STATE_HOME nor HOME is set",
                    "set one of them, or name a store with `--store sqlite:PATH`",
                ));
            }
        },
    };
    Ok(StoreUrl::Sqlite(state.join("flow").join("flow.db")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decide(flag: Option<&str>, project: bool, setting: Option<&str>, env: &[(&str, &str)]) -> String {
        let environment = Environment::of(env.iter().copied());
        let project = project.then(|| Path::new("/p"));
        match store_url(flag, project, setting, &environment) {
            Ok(url) => url.to_string(),
            Err(error) => format!("{}: {error}", error.exit_code()),
        }
    }

    #[test]
    fn flag_over_environment_over_setting_over_place() {
        let env = [("FLOW_STORAGE_URL", "sqlite:/e.db"), ("HOME", "/h")];
        assert_eq!(decide(Some("sqlite:/f.db"), true, Some("sqlite:s.db"), &env), "sqlite:/f.db");
        assert_eq!(decide(None, true, Some("sqlite:s.db"), &env), "sqlite:/e.db");
        assert_eq!(decide(None, true, Some("sqlite:s.db"), &env[1..]), "sqlite:/p/s.db");
        assert_eq!(decide(None, true, None, &env[1..]), "sqlite:/p/.flow/flow.db");
        assert_eq!(decide(None, false, None, &env[1..]), "sqlite:/h/.local/state/flow/flow.db");
        assert_eq!(
            decide(None, false, None, &[("HOME", "/h"), ("XDG_STATE_HOME", "/x")]),
            "sqlite:/x/flow/flow.db"
        );
        assert_eq!(decide(Some("memory:"), true, None, &env), "memory:");
    }

    #[test]
    fn what_is_no_store_is_said() {
        assert!(decide(Some("mysql://x"), false, None, &[]).starts_with("2: "));
        assert!(decide(None, false, None, &[]).starts_with("5: "));
    }
}
