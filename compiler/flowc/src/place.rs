//! Where a command stands: the project around a path, its settings, and the host that they make.

use std::path::{Path, PathBuf};

use flow_diagnostics::escape;
use flow_host::{
    Environment, Host, HostError, HostSettings, OnFailure, OnWait, ProviderLimit, StoreUrl, Synchronous,
    store_url,
};
use flow_project::{Settings, World, WorldError, settings};
use flow_source::Sources;
use tokio::signal::unix::{SignalKind, signal};

use crate::args::Store;
use crate::disk::Disk;
use crate::exit::{Code, Stop};
use crate::terminal::{self, YELLOW};
use crate::{follow, problems};

/// A folder with a `flow.toml`, or none.
pub struct Place {
    /// The project's folder.
    pub root: Option<PathBuf>,
    /// What `flow.toml` and the environment say.
    pub settings: Settings,
    pub environment: Environment,
}

/// Of a `flow.toml`, in bytes.
const SETTINGS_MAX: u64 = 1 << 20;

impl Place {
    /// The place around the folder that the command was started in.
    pub fn here() -> Result<Place, Stop> {
        let folder = std::env::current_dir().map_err(|error| {
            Stop::environment(format_args!("the folder you are in can't be read: {error}"))
        })?;
        let manifest = folder.ancestors().map(|above| above.join("flow.toml")).find(|file| file.is_file());
        let Some(manifest) = manifest else { return Place::of(None, Settings::default()) };
        let bytes = Disk.read(&manifest, SETTINGS_MAX).map_err(|error| unreadable(&manifest, &error))?;
        let text = String::from_utf8_lossy(&bytes);
        let mut sources = Sources::new();
        let file = sources.add(shown(&manifest).into_owned(), &*text);
        let (settings, diagnostics) = Settings::parse(file, &text);
        if !diagnostics.is_empty() {
            problems::tell(&diagnostics, &sources);
            return Err(Stop::new(Code::Problems, ""));
        }
        Place::of(manifest.parent().map(Path::to_owned), settings)
    }

    /// The place of a project that was read already. The environment goes before its settings.
    pub fn of(root: Option<PathBuf>, mut settings: Settings) -> Result<Place, Stop> {
        let environment = Environment::process();
        let variables: Vec<(String, String)> = settings::KEYS
            .iter()
            .filter_map(settings::Key::variable)
            .filter_map(|name| environment.get(&name).map(|value| (name.clone(), value.to_owned())))
            .filter(|(_, value)| !value.is_empty())
            .collect();
        // The host reads the store's variable itself, before the setting.
        let others = variables.iter().filter(|(name, _)| name != "FLOW_STORAGE_URL");
        settings
            .apply_environment(others.map(|(name, value)| (name.as_str(), value.as_str())))
            .map_err(|wrong| Stop::usage(wrong.join("\n")))?;
        Ok(Place { root, settings, environment })
    }

    /// Returns where runs are kept.
    pub fn store(&self, flag: &Store) -> Result<StoreUrl, Stop> {
        let setting = self.settings.storage_url.as_deref();
        Ok(store_url(flag.url.as_deref(), self.root.as_deref(), setting, &self.environment)?)
    }

    /// Returns the host that carries out runs from here.
    pub fn host(&self, flag: &Store) -> Result<Host, Stop> {
        let mut told = HostSettings::new(self.store(flag)?, self.environment.clone());
        told.store_flag = follow::store_flag(&told.store);
        told.synchronous = match self.settings.synchronous {
            Some(settings::Synchronous::Full) => Synchronous::Full,
            Some(settings::Synchronous::Normal) | None => Synchronous::Normal,
        };
        told.on_failure = match self.settings.on_failure {
            Some(settings::OnFailure::Continue) => OnFailure::Continue,
            Some(settings::OnFailure::Stop) | None => OnFailure::Stop,
        };
        if let Some(clean_up_s) = self.settings.clean_up_s {
            told.clean_up_ms = u64::from(clean_up_s) * 1000;
        }
        if let Some(lease_s) = self.settings.lease_s {
            told.lease_ttl_ms = u64::from(lease_s) * 1000;
        }
        told.on_wait =
            Some(OnWait::new(|line| terminal::err(format!("{YELLOW}{}{YELLOW:#}\n", escape(line)))));
        told.default_model = self.settings.default_model.clone();
        told.limits = self
            .settings
            .limits
            .iter()
            .map(|(name, limit)| {
                let settings::Limits { concurrency, requests_per_minute } = *limit;
                (name.clone(), ProviderLimit { concurrency, requests_per_minute })
            })
            .collect();
        told.secrets_dir = self.settings.secrets_dir.as_ref().map(|dir| match &self.root {
            Some(root) => root.join(dir),
            None => PathBuf::from(dir),
        });
        told.prices = self.settings.prices.clone();
        Ok(Host::open(told)?)
    }
}

/// SIGXFSZ on Linux: a file grew over a limit of the process.
const FILE_SIZE_LIMIT: i32 = 25;

/// Returns the runtime that a command's asynchronous work runs on.
pub fn runtime() -> Result<tokio::runtime::Runtime, Stop> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| Stop::environment(format_args!("no thread or timer is to be had: {error}")))?;
    // Caught once, the signal no longer ends the process: the write fails, and the store says so.
    let guard = runtime.enter();
    let caught = signal(SignalKind::from_raw(FILE_SIZE_LIMIT));
    drop(guard);
    match caught {
        Ok(_) => Ok(runtime),
        Err(error) => Err(Stop::environment(format_args!("no signals can be caught: {error}"))),
    }
}

/// Says that a path can't be read.
pub fn unreadable(path: &Path, error: &WorldError) -> Stop {
    Stop::usage(format_args!("`{}` can't be read: {error}", escape(&path.to_string_lossy())))
}

/// Returns a path as it is shown: from the folder that the command was started in, where it lies beneath.
pub fn shown(path: &Path) -> std::borrow::Cow<'_, str> {
    let here = std::env::current_dir().and_then(|here| here.canonicalize()).unwrap_or_default();
    let short = path.strip_prefix(&here).ok().filter(|short| !short.as_os_str().is_empty());
    short.unwrap_or(path).to_string_lossy()
}

impl From<HostError> for Stop {
    fn from(error: HostError) -> Stop {
        let code = match &error {
            HostError::Usage { .. } => Code::Usage,
            HostError::Differs { .. } => Code::Problems,
            HostError::Failed { .. } => Code::RunFailed,
            HostError::Suspended { .. } => Code::Suspended,
            HostError::Interrupted { .. } => Code::Interrupted,
            HostError::Held { .. } | HostError::Environment { .. } => Code::Environment,
        };
        let help = error.help();
        Stop { code, message: error.to_string(), help }
    }
}
