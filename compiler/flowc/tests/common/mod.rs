//! The built `flowc` in a folder of its own, and a server that never answers.

#![allow(dead_code, missing_docs, reason = "each test takes what it needs")]

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

use serde_json::Value as Json;
use tempfile::TempDir;

/// A key that every command is given. No test sees it again, in what is printed or left behind.
pub const KEY: &str = "sk-planted-4c1d77";

/// A folder of its own, with a store of its own.
pub struct Folder(pub TempDir);

impl Drop for Folder {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            has_no_key(self.0.path());
        }
    }
}

/// Looks for the planted key in every file below a folder.
fn has_no_key(folder: &Path) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.is_dir() && !path.is_symlink() {
            has_no_key(&path);
        } else if let Ok(bytes) = fs::read(&path) {
            assert!(!holds_key(&bytes), "the key stands in {}", path.display());
        }
    }
}

fn holds_key(bytes: &[u8]) -> bool {
    bytes.windows(KEY.len()).any(|window| window == KEY.as_bytes())
}

impl Folder {
    pub fn new() -> Folder {
        Folder(tempfile::tempdir().expect("a folder"))
    }

    /// A folder with one program.
    pub fn with(program: &str) -> Folder {
        let folder = Folder::new();
        folder.write("main.flow", program);
        folder
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    pub fn write(&self, name: &str, text: impl AsRef<[u8]>) {
        fs::write(self.path(name), text).expect("written");
    }

    pub fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_flowc"));
        command.args(args).current_dir(self.0.path()).env_clear();
        command.env("HOME", self.0.path()).env("LANG", "C.UTF-8").stdin(Stdio::null());
        command.env("OLLAMA_API_KEY", KEY);
        command
    }

    pub fn run(&self, args: &[&str]) -> Ran {
        Ran::of(self.command(args).output().expect("flowc starts"))
    }

    pub fn run_with_stdin(&self, args: &[&str], stdin: &str) -> Ran {
        let mut child = self
            .command(args)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("flowc starts");
        child.stdin.take().expect("piped").write_all(stdin.as_bytes()).expect("read by flowc");
        Ran::of(child.wait_with_output().expect("flowc ends"))
    }
}

/// What came of a command.
#[derive(Debug)]
pub struct Ran {
    pub code: Option<i32>,
    pub out: String,
    pub err: String,
}

impl Ran {
    pub fn of(output: Output) -> Ran {
        assert!(!holds_key(&output.stdout) && !holds_key(&output.stderr), "the key is printed: {output:?}");
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("UTF-8");
        Ran { code: output.status.code(), out: text(output.stdout), err: text(output.stderr) }
    }

    #[track_caller]
    pub fn ends_with(self, code: i32) -> Ran {
        assert_eq!(self.code, Some(code), "stdout:\n{}\nstderr:\n{}", self.out, self.err);
        assert!(!self.err.contains("panicked") && !self.err.contains("mistake of its own"), "{}", self.err);
        self
    }

    pub fn json(&self) -> Json {
        serde_json::from_str(&self.out).unwrap_or_else(|error| panic!("{error}: {:?}", self.out))
    }

    pub fn lines(&self) -> Vec<Json> {
        let read =
            |line: &str| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line:?}"));
        self.out.lines().map(read).collect()
    }
}

pub const DOUBLE: &str = "\
/// Doubles a number.
flow main(
  /// What is doubled.
  n: int(0..100),
  /// How often.
  times: int = 1,
) -> int {
  return n * 2 * times
}
";

/// A server that takes a question and never answers, and a program that asks it.
pub fn hanging() -> (Folder, TcpListener) {
    let server = TcpListener::bind("127.0.0.1:0").expect("a port");
    let url = format!("http://{}/v1", server.local_addr().expect("bound"));
    let folder = Folder::with(&format!(
        "model default = \"openai/m\" {{ base_url: \"{url}\" }}\nprompt ask() -> string {{ user: \"hi\" }}\nflow main() -> string {{\n  return ask()\n}}\n"
    ));
    (folder, server)
}

/// Starts a run that hangs, and returns once its question has arrived.
pub fn start_hanging(folder: &Folder, server: &TcpListener) -> Child {
    start_hanging_with(folder, server, &[])
}

pub fn start_hanging_with(folder: &Folder, server: &TcpListener, more: &[&str]) -> Child {
    let child = folder
        .command(&[&["run", "."], more].concat())
        .env("OPENAI_API_KEY", "none-needed")
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("flowc starts");
    let (stream, _) = server.accept().expect("a question");
    let mut line = String::new();
    BufReader::new(&stream).read_line(&mut line).expect("an HTTP request");
    assert!(line.starts_with("POST "), "{line}");
    // The connection stays open as long as the test.
    std::mem::forget(stream);
    child
}
