//! `flowc check --watch`: what it says after each change, and how it ends. Each step waits for the line that ends a round,
//! never for a time.

#![cfg(unix)]
#![allow(clippy::disallowed_methods, reason = "tests start processes and write files")]

use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::os::unix::process::ExitStatusExt;
use std::path::PathBuf;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::mpsc;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value as Json;
use tempfile::TempDir;

const RIGHT: &str = "flow main(n: int) -> int {\n  return n\n}\n";
const WRONG: &str = "flow main() -> int {\n  return \"a\"\n}\n";

/// A folder and a watch over it.
struct Watch {
    folder: TempDir,
    child: Child,
    lines: Option<BufReader<ChildStdout>>,
    /// While it is there, the watch may go on; dropped, or after a while, it is killed.
    _leash: mpsc::Sender<()>,
}

/// A watch that says nothing for so long has failed, and a test that waits for it fails, too.
const PATIENCE: Duration = Duration::from_secs(90);

impl Watch {
    fn over(files: &[(&str, &str)], args: &[&str]) -> Watch {
        let folder = tempfile::tempdir().expect("a folder");
        for (name, text) in files {
            let path = folder.path().join(name);
            fs::create_dir_all(path.parent().expect("a folder")).expect("made");
            fs::write(path, text).expect("written");
        }
        let mut child = Command::new(env!("CARGO_BIN_EXE_flowc"))
            .args(["check", "--watch"])
            .args(args)
            .current_dir(folder.path())
            .env_clear()
            .env("HOME", folder.path())
            .env("LANG", "C.UTF-8")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("flowc starts");
        let lines = child.stdout.take().map(BufReader::new);
        let pid = Pid::from_child(&child);
        let (leash, held) = mpsc::channel();
        std::thread::spawn(move || {
            if held.recv_timeout(PATIENCE) == Err(mpsc::RecvTimeoutError::Timeout) {
                let _ = kill_process(pid, Signal::KILL);
            }
        });
        Watch { folder, child, lines, _leash: leash }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Writes a file as editors do: beside it, then in its place.
    fn write(&self, name: &str, text: &str) {
        fs::create_dir_all(self.path(name).parent().expect("a folder")).expect("made");
        fs::write(self.path(".new"), text).expect("written");
        fs::rename(self.path(".new"), self.path(name)).expect("renamed");
    }

    fn line(&mut self) -> String {
        let mut line = String::new();
        let read = self.lines.as_mut().expect("open").read_line(&mut line).expect("text");
        assert!(read > 0, "it ended: {:?}", self.child.try_wait());
        line
    }

    /// Reads a round of JSON: names and lines of what was found, and what closes it.
    fn round(&mut self) -> (Vec<String>, Json) {
        let mut found = Vec::new();
        loop {
            let line: Json = serde_json::from_str(&self.line()).expect("JSON");
            if line.get("checked").is_some() {
                return (found, line);
            }
            let text = |key: &str| line[key].as_str().expect("text").to_owned();
            found.push(format!("{} {}:{}", text("name"), text("file"), line["span"]["line"]));
        }
    }

    /// Reads rounds until one has found this: a change of several steps may be seen between two of them.
    fn until(&mut self, expected: &[&str]) -> Json {
        loop {
            let (found, closing) = self.round();
            if found == expected {
                return closing;
            }
        }
    }

    /// Ends it by a signal and returns its exit code and what it said on stderr.
    fn end(mut self, signal: Signal) -> (Option<i32>, String) {
        kill_process(Pid::from_child(&self.child), signal).expect("sent");
        let status = self.child.wait().expect("ended");
        assert_eq!(status.signal(), None, "it ends by itself");
        let mut said = String::new();
        self.child.stderr.take().expect("piped").read_to_string(&mut said).expect("text");
        (status.code(), said)
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn each_change_is_a_round() {
    let mut watch = Watch::over(&[("main.flow", RIGHT)], &["--format", "json"]);
    assert_eq!(watch.round().1["exit"], 0);
    watch.write("main.flow", WRONG);
    let closing = watch.until(&["type-mismatch main.flow:2"]);
    assert_eq!(
        (&closing["checked"], &closing["errors"], &closing["exit"]),
        (&1.into(), &1.into(), &1.into())
    );
    watch.write("lib/other.flow", &WRONG.replace("main", "other"));
    watch.until(&["type-mismatch lib/other.flow:2", "type-mismatch main.flow:2"]);
    fs::rename(watch.path("lib/other.flow"), watch.path("lib/again.flow")).expect("renamed");
    watch.until(&["type-mismatch lib/again.flow:2", "type-mismatch main.flow:2"]);
    fs::remove_dir_all(watch.path("lib")).expect("removed");
    watch.write("main.flow", RIGHT);
    let closing = watch.until(&[]);
    assert_eq!(closing["exit"], 0);
    assert_eq!(watch.end(Signal::INT).0, Some(130));
}

#[test]
fn a_manifest_may_come_break_and_go() {
    let mut watch = Watch::over(&[("main.flow", RIGHT)], &["--format", "json"]);
    watch.until(&[]);
    watch.write("flow.toml", "[project]\nname = \n");
    watch.until(&["bad-project-file flow.toml:2"]);
    watch.write("flow.toml", "[project]\nname = \"x\"\nentry = \"none.flow\"\n");
    watch.until(&["bad-project-file flow.toml:3"]);
    watch.write("flow.toml", "[project]\nname = \"x\"\nentry = \"main.flow\"\n");
    watch.until(&[]);
    // A project beneath is one of its own.
    fs::remove_file(watch.path("flow.toml")).expect("removed");
    watch.write("inner/flow.toml", "[project]\nname = \"x\"\nentry = \"none.flow\"\n");
    watch.write("inner/a.flow", WRONG);
    watch.until(&["type-mismatch inner/a.flow:2", "bad-project-file inner/flow.toml:3"]);
    assert_eq!(watch.end(Signal::TERM).0, Some(143));
}

#[test]
fn a_file_that_an_import_waits_for_is_seen() {
    let main = "import { twice } from \"./lib.flow\"\nflow main(n: int) -> int {\n  return twice(n)\n}\n";
    let mut watch = Watch::over(&[("main.flow", main)], &["main.flow", "--format", "json"]);
    watch.until(&["bad-import main.flow:1"]);
    watch.write("lib.flow", "code twice(n: int) -> int = n * 2\n");
    watch.until(&[]);
    watch.write("lib.flow", "code twice(n: int) -> int = n * \"2\"\n");
    watch.until(&["type-mismatch lib.flow:1"]);
    // What was named may go and come back.
    fs::remove_file(watch.path("main.flow")).expect("removed");
    while watch.round().1["unreadable"] != 1 {}
    watch.write("main.flow", RIGHT);
    let closing = watch.until(&[]);
    assert_eq!(closing["unreadable"], 0);
    let (code, said) = watch.end(Signal::INT);
    assert_eq!(code, Some(130));
    assert!(said.contains("main.flow` can't be read"), "{said}");
}

#[test]
fn in_a_pipe_rounds_end_in_a_line_without_colours() {
    let mut watch = Watch::over(&[("main.flow", RIGHT)], &["--format", "short", "--deny", "warnings"]);
    assert_eq!(watch.line(), "checked 1 file: no problems\n");
    watch.write("main.flow", WRONG);
    assert!(watch.line().starts_with("main.flow:2:10: error[E0301]"));
    assert_eq!(watch.line(), "checked 1 file: 1 error in 1 file\n");
    assert_eq!(watch.end(Signal::INT), (Some(130), String::new()));
}

#[test]
fn it_ends_when_nobody_reads() {
    let mut watch = Watch::over(&[("main.flow", RIGHT)], &[]);
    assert_eq!(watch.line(), "checked 1 file: no problems\n");
    drop(watch.lines.take());
    assert_eq!(watch.child.wait().expect("ended").code(), Some(0));
}

#[test]
fn nothing_to_watch_is_wrong_usage() {
    let mut watch = Watch::over(&[("note.txt", "")], &["none.flow"]);
    assert_eq!(watch.child.wait().expect("ended").code(), Some(2));
}
