//! Real counterparts that nobody here wrote, started on free ports of this machine and stopped at the end of a test.
//!
//! They lie in `../shared/peers` beside the repository; where that folder is absent there are none, and a test that needs
//! one says so and passes. Where it is there, a peer that can't be installed or started fails the test. Installing takes
//! place once, in `$PEERS` or `~/.cache/flow-peers`, under a lock, since tests run at the same time.

use std::fs::File;
use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};

/// A peer that takes longer to listen isn't coming.
const START_MAX: Duration = Duration::from_secs(60);
/// Ports can be taken between being found and being used.
const STARTS_MAX: usize = 3;

/// A server that runs until this is dropped.
pub struct Peer {
    /// Without a slash at the end: `http://127.0.0.1:4010`.
    pub url: String,
    child: Child,
}

impl Drop for Peer {
    fn drop(&mut self) {
        // The whole group, since some peers start processes of their own.
        if let Some(group) = rustix::process::Pid::from_raw(self.child.id().cast_signed()) {
            let _ = rustix::process::kill_process_group(group, rustix::process::Signal::KILL);
        }
        let _ = self.child.wait();
    }
}

/// Returns the folder with data and peers beside the repository, if it is there.
pub fn shared() -> Option<PathBuf> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared");
    path.is_dir().then_some(path)
}

/// Says why a test has nothing to test.
pub fn skip(what: &str) {
    // Lib crates don't print; this one is all there is to say about a test that passes without having tested.
    let _ = writeln!(std::io::stderr(), "SKIPPED: {what}: there is no ../shared beside the repository");
}

/// Starts aimock: OpenAI's, Anthropic's, Gemini's and Ollama's wires with prepared answers. `fixtures` stands in for its
/// own; `flags` are more of its flags. `None` where there are no peers.
pub fn aimock(fixtures: Option<&Path>, flags: &[&str]) -> Result<Option<Peer>> {
    let Some(shared) = shared() else { return Ok(None) };
    let cache = cache()?;
    let program = cache.join("npm/node_modules/@copilotkit/aimock/dist/cli.js");
    install(&shared, &cache, "aimock")?;
    let own = shared.join("peers/aimock/fixtures");
    let fixtures = fixtures.unwrap_or(&own);
    start("/health", |port| {
        let mut command = Command::new("node");
        command.arg(&program).args([
            "-h",
            "127.0.0.1",
            "--strict",
            "--validate-on-load",
            "--log-level",
            "warn",
        ]);
        command.arg("-p").arg(port.to_string()).arg("-f").arg(fixtures).args(flags);
        command
    })
    .context("aimock")
    .map(Some)
}

/// Starts llama.cpp's server with a model of random weights: real inference, real streaming, answers held to a schema.
/// `None` where there are no peers.
pub fn llama() -> Result<Option<Peer>> {
    let Some(shared) = shared() else { return Ok(None) };
    let cache = cache()?;
    let python = cache.join("venv/llama/bin/python");
    install(&shared, &cache, "llamacpp")?;
    let scripts = shared.join("peers/llamacpp");
    let model = cache.join("tiny-random.gguf");
    once(&cache, || {
        if model.is_file() {
            return Ok(());
        }
        // Made under another name, so that what is there is whole.
        let unfinished = cache.join("tiny-random.gguf.new");
        run(Command::new(&python).arg(scripts.join("make_gguf.py")).arg(&unfinished))?;
        Ok(std::fs::rename(&unfinished, &model)?)
    })?;
    start("/health", |port| {
        let mut command = Command::new(&python);
        command.arg(scripts.join("serve.py")).arg(&model).arg(port.to_string());
        command
    })
    .context("llama.cpp")
    .map(Some)
}

/// Starts Prism over Ollama's own description of its API: it refuses, with 422, every request that isn't Ollama's, and
/// answers the others with examples. `None` where there are no peers.
pub fn ollama_contract() -> Result<Option<Peer>> {
    let Some(shared) = shared() else { return Ok(None) };
    let cache = cache()?;
    install(&shared, &cache, "prism")?;
    start("/api/version", |port| {
        let mut command = Command::new(cache.join("npm-prism/node_modules/.bin/prism"));
        command.args(["mock", "-h", "127.0.0.1", "--errors", "-p"]).arg(port.to_string());
        command.arg(shared.join("peers/ollama/openapi.yaml"));
        command
    })
    .context("Prism")
    .map(Some)
}

fn cache() -> Result<PathBuf> {
    let path = match std::env::var_os("PEERS") {
        Some(path) => PathBuf::from(path),
        None => PathBuf::from(std::env::var_os("HOME").context("HOME is not set")?).join(".cache/flow-peers"),
    };
    std::fs::create_dir_all(&path)?;
    Ok(path)
}

/// Installs a peer, unless that was done before.
fn install(shared: &Path, cache: &Path, name: &str) -> Result<()> {
    once(cache, || {
        let mark = cache.join(format!(".{name}.installed"));
        if !mark.exists() {
            let script = shared.join("peers/install.sh");
            run(Command::new("sh").arg(script).arg(name).env("PEERS", cache))
                .with_context(|| format!("installing {name}"))?;
            File::create(&mark)?;
        }
        Ok(())
    })
}

/// Does something while no other process does.
fn once(cache: &Path, action: impl FnOnce() -> Result<()>) -> Result<()> {
    let lock = File::create(cache.join(".lock"))?;
    lock.lock()?;
    // Dropping the file frees the lock, also when the process dies.
    action()
}

fn run(command: &mut Command) -> Result<()> {
    let output = command.stdin(Stdio::null()).output().with_context(|| format!("{command:?}"))?;
    if !output.status.success() {
        bail!("{command:?}: {}\n{}", output.status, String::from_utf8_lossy(&output.stderr));
    }
    Ok(())
}

/// Starts a server on a free port and waits until it answers a path with 200.
fn start(path: &str, command: impl Fn(u16) -> Command) -> Result<Peer> {
    for _ in 0..STARTS_MAX {
        let port = TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
        let child = command(port)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .process_group(0)
            .spawn()?;
        let mut peer = Peer { url: format!("http://127.0.0.1:{port}"), child };
        if is_ready(&mut peer, port, path)? {
            return Ok(peer);
        }
    }
    bail!("it ended at once, {STARTS_MAX} times")
}

/// Waits until a server answers; `false` if it ended, its port taken perhaps.
fn is_ready(peer: &mut Peer, port: u16, path: &str) -> Result<bool> {
    let begun = Instant::now();
    while begun.elapsed() < START_MAX {
        if peer.child.try_wait()?.is_some() {
            return Ok(false);
        }
        if answers(port, path).unwrap_or(false) {
            return Ok(true);
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    bail!("port {port} doesn't answer {path} after {START_MAX:?}")
}

fn answers(port: u16, path: &str) -> std::io::Result<bool> {
    let mut stream = TcpStream::connect(("127.0.0.1", port))?;
    stream.set_read_timeout(Some(Duration::from_secs(2)))?;
    write!(stream, "GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n")?;
    let mut head = [0; 12];
    stream.read_exact(&mut head)?;
    Ok(head.ends_with(b" 200"))
}
