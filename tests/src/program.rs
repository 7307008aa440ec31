//! The built `flowc`, run as users run it.

use std::collections::HashSet;
use std::ffi::OsStr;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Mutex, OnceLock};
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;

/// What a command may take before it counts as hanging.
const PATIENCE: Duration = Duration::from_secs(60);

/// Returns the path of `flowc`, built once in the profile of the tests.
pub fn flowc() -> &'static Path {
    static BUILT: OnceLock<PathBuf> = OnceLock::new();
    BUILT.get_or_init(|| {
        let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
        let mut command = Command::new(cargo);
        command.args([
            "build",
            "--offline",
            "--package",
            "flowc",
            "--message-format",
            "json-render-diagnostics",
        ]);
        if !cfg!(debug_assertions) {
            command.arg("--release");
        }
        let out = command.current_dir(workspace()).stderr(Stdio::inherit()).output().expect("cargo runs");
        assert!(out.status.success(), "flowc can't be built");
        let messages = String::from_utf8_lossy(&out.stdout);
        let path = messages.lines().find_map(|line| {
            let message: serde_json::Value = serde_json::from_str(line).ok()?;
            let of_flowc = message["target"]["name"] == "flowc";
            message["executable"].as_str().filter(|_| of_flowc).map(PathBuf::from)
        });
        path.expect("cargo names the executable that it built")
    })
}

/// Returns the root of the workspace.
pub fn workspace() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the tests lie in the workspace")
}

/// What a command left behind.
#[derive(Debug)]
pub struct Ran {
    /// Its exit code; `None` if a signal ended it.
    pub code: Option<i32>,
    /// What it wrote to stdout.
    pub stdout: String,
    /// What it wrote to stderr.
    pub stderr: String,
}

impl Ran {
    /// Fails the test unless the command ended with a code, and without a panic.
    #[track_caller]
    pub fn expect(self, code: i32) -> Ran {
        assert!(!self.stderr.contains("panicked"), "a panic:\n{}", self.stderr);
        assert_eq!(self.code, Some(code), "stdout:\n{}\nstderr:\n{}", self.stdout, self.stderr);
        self
    }

    /// Fails the test unless stderr holds each of these.
    #[track_caller]
    pub fn says(self, parts: &[&str]) -> Ran {
        for part in parts {
            assert!(self.stderr.contains(part), "no `{part}` in stderr:\n{}", self.stderr);
        }
        self
    }

    /// Fails the test unless stdout holds each of these.
    #[track_caller]
    pub fn prints(self, parts: &[&str]) -> Ran {
        for part in parts {
            assert!(self.stdout.contains(part), "no `{part}` in stdout:\n{}", self.stdout);
        }
        self
    }

    /// Reads stdout as one JSON document.
    #[track_caller]
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.stdout)
            .unwrap_or_else(|error| panic!("{error} in stdout:\n{}", self.stdout))
    }

    /// Reads stdout as JSON lines.
    #[track_caller]
    pub fn json_lines(&self) -> Vec<serde_json::Value> {
        let read =
            |line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error} in line: {line}"));
        self.stdout.lines().map(read).collect()
    }
}

/// A place to run commands in: an empty folder, an environment with nothing in it but what the test sets.
///
/// Every key that a test sets is looked for in all that its commands print, and in all that they leave in the folder.
pub struct Place {
    folder: tempfile::TempDir,
    variables: Vec<(String, String)>,
    /// What the test wrote itself.
    own: Mutex<HashSet<PathBuf>>,
}

impl Drop for Place {
    fn drop(&mut self) {
        if std::thread::panicking() {
            return;
        }
        let keys = keys(self.variables.iter().map(|(name, value)| (name.as_str(), value.as_str())));
        let own = std::mem::take(&mut *self.own.lock().expect("no thread panicked with it"));
        for path in files(self.path()).into_iter().filter(|path| !own.contains(path)) {
            let Ok(bytes) = std::fs::read(&path) else { continue };
            assert_eq!(found(&keys, &bytes), None, "a key stands in {}", path.display());
        }
    }
}

/// Returns the values of variables that hold keys, by their names.
pub fn keys<'a>(variables: impl IntoIterator<Item = (&'a str, &'a str)>) -> Vec<String> {
    let holds_key = |name: &str| ["KEY", "TOKEN", "SECRET"].iter().any(|part| name.contains(part));
    // Shorter ones stand in ordinary words, and nothing masks them.
    let of_key =
        |(name, value): (&str, &str)| (holds_key(name) && value.len() >= 6).then(|| value.to_owned());
    variables.into_iter().filter_map(of_key).collect()
}

/// Returns the first of these that stands in what was written: as it is, or in base64.
pub fn found<'a>(keys: &'a [String], bytes: &[u8]) -> Option<&'a str> {
    let holds = |part: &str| bytes.windows(part.len()).any(|window| window == part.as_bytes());
    let is_there = |key: &&String| holds(key) || holds(&STANDARD_NO_PAD.encode(key));
    keys.iter().find(is_there).map(String::as_str)
}

/// Returns every file below a folder.
pub fn files(folder: &Path) -> Vec<PathBuf> {
    let Ok(entries) = std::fs::read_dir(folder) else { return Vec::new() };
    let below = |path: PathBuf| if path.is_dir() && !path.is_symlink() { files(&path) } else { vec![path] };
    entries.flatten().flat_map(|entry| below(entry.path())).collect()
}

impl Default for Place {
    fn default() -> Self {
        Place::new()
    }
}

impl Place {
    /// Makes an empty place.
    pub fn new() -> Place {
        let folder = tempfile::tempdir().expect("a folder for temporary files");
        Place { folder, variables: Vec::new(), own: Mutex::default() }
    }

    /// Returns the folder.
    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    /// Writes a file.
    pub fn file(&self, name: &str, bytes: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path().join(name);
        std::fs::create_dir_all(path.parent().expect("a file lies in a folder"))
            .expect("a folder can be made");
        std::fs::write(&path, bytes).expect("a file can be written");
        self.own.lock().expect("no thread panicked with it").insert(path.clone());
        path
    }

    /// Copies a folder of the workspace, hidden files aside.
    pub fn copy(&self, folder: &Path) -> PathBuf {
        let to = self.path().join(folder.file_name().expect("a folder has a name"));
        copy_all(folder, &to);
        to
    }

    /// Sets a variable of the environment.
    pub fn set(mut self, name: &str, value: impl Into<String>) -> Place {
        self.variables.push((name.to_owned(), value.into()));
        self
    }

    /// Prepares a command of `flowc` in this place.
    pub fn command<S: AsRef<OsStr>>(&self, args: impl IntoIterator<Item = S>) -> Command {
        self.prepare(Command::new(flowc()), args)
    }

    /// Prepares a command of `flowc` under a limit of the shell's `ulimit`, such as `-f 64`.
    pub fn limited<S: AsRef<OsStr>>(&self, limit: &str, args: impl IntoIterator<Item = S>) -> Command {
        let mut shell = Command::new("sh");
        // A write beyond the limit is an error of that write, not the end of the process.
        shell.arg("-c").arg(format!("trap '' XFSZ; ulimit {limit}; exec \"$0\" \"$@\"")).arg(flowc());
        self.prepare(shell, args)
    }

    fn prepare<S: AsRef<OsStr>>(&self, mut command: Command, args: impl IntoIterator<Item = S>) -> Command {
        command.args(args).current_dir(self.path()).env_clear().env("HOME", self.path());
        if let Some(path) = std::env::var_os("PATH") {
            command.env("PATH", path);
        }
        command.envs(self.variables.iter().map(|(name, value)| (name, value)));
        command
    }

    /// Runs `flowc` to its end.
    pub fn run<S: AsRef<OsStr>>(&self, args: impl IntoIterator<Item = S>) -> Ran {
        finish(self.command(args), b"")
    }

    /// Runs `flowc` to its end, with a text on stdin.
    pub fn run_with<S: AsRef<OsStr>>(&self, args: impl IntoIterator<Item = S>, stdin: &[u8]) -> Ran {
        finish(self.command(args), stdin)
    }
}

fn copy_all(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).expect("a folder can be made");
    for entry in std::fs::read_dir(from).expect("a folder can be read").flatten() {
        let name = entry.file_name();
        let (from, to) = (entry.path(), to.join(&name));
        if name.to_string_lossy().starts_with('.') {
            continue;
        }
        if from.is_dir() {
            copy_all(&from, &to);
        } else {
            std::fs::copy(&from, &to).expect("a file can be copied");
        }
    }
}

/// Runs a command to its end; one that takes longer than a minute is killed and fails the test.
pub fn finish(mut command: Command, stdin: &[u8]) -> Ran {
    let set = command.get_envs().filter_map(|(name, value)| Some((name.to_str()?, value?.to_str()?)));
    let secrets = keys(set);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().expect("the command can be started");
    let mut input = child.stdin.take().expect("stdin is a pipe");
    let stdin = stdin.to_vec();
    // Whoever doesn't read its input closes it: that is no error here.
    std::thread::spawn(move || input.write_all(&stdin).ok());
    let read = |mut pipe: Box<dyn Read + Send>| {
        std::thread::spawn(move || {
            let mut bytes = Vec::new();
            pipe.read_to_end(&mut bytes).ok();
            String::from_utf8_lossy(&bytes).into_owned()
        })
    };
    let stdout = read(Box::new(child.stdout.take().expect("stdout is a pipe")));
    let stderr = read(Box::new(child.stderr.take().expect("stderr is a pipe")));
    let ended = wait(&mut child, PATIENCE);
    let (stdout, stderr) = (stdout.join().unwrap_or_default(), stderr.join().unwrap_or_default());
    for written in [&stdout, &stderr] {
        assert_eq!(found(&secrets, written.as_bytes()), None, "a key is printed:\n{written}");
    }
    assert!(ended.is_some(), "the command hangs; stdout:\n{stdout}\nstderr:\n{stderr}");
    Ran { code: ended.flatten(), stdout, stderr }
}

/// Waits for a child; kills it and returns `None` if it takes longer. The inner `None` is an end by a signal.
pub fn wait(child: &mut Child, patience: Duration) -> Option<Option<i32>> {
    let start = Instant::now();
    loop {
        if let Some(status) = child.try_wait().expect("a child can be waited for") {
            return Some(status.code());
        }
        if start.elapsed() > patience {
            child.kill().ok();
            child.wait().ok();
            return None;
        }
        std::thread::sleep(Duration::from_millis(2));
    }
}
