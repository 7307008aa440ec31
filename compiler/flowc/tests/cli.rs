//! The binary as its users meet it: exit codes, what goes to stdout and what to stderr, signals.

#![allow(clippy::disallowed_methods, reason = "tests start processes and write files")]

mod common;

use std::fs;
use std::io::Read;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use common::*;

#[test]
fn a_new_project_checks_and_runs_at_once() {
    let folder = Folder::new();
    folder.run(&["new", "greeter"]).ends_with(0);
    let checked = folder.run(&["check", "greeter", "--deny", "warnings"]).ends_with(0);
    assert_eq!(checked.out, "");
    let ran = folder.run(&["run", "greeter", "name=Ada", "--simulate"]).ends_with(0);
    assert!(ran.json()["text"].is_string(), "{}", ran.out);
    assert!(ran.err.contains("simulated"), "{}", ran.err);
    assert!(folder.path("greeter/.flow/flow.db").exists());
    folder.run(&["new", "greeter"]).ends_with(2);
}

#[test]
fn a_result_is_one_line_of_json_in_a_pipe() {
    let folder = Folder::with(DOUBLE);
    let ran = folder.run(&["run", ".", "n=20", "times=2"]).ends_with(0);
    assert_eq!(ran.out, "80\n");
    assert!(ran.err.contains("done in"), "{}", ran.err);
}

#[test]
fn every_wrong_input_is_told_before_anything_runs() {
    let folder = Folder::with(DOUBLE);
    let ran = folder.run(&["run", "main.flow", "n=many", "tims=2", "loose"]).ends_with(2);
    assert_eq!(ran.out, "");
    for told in ["`n`: `many` is no whole number", "similar name is `times`", "`loose` is no input"] {
        assert!(ran.err.contains(told), "{told}: {}", ran.err);
    }
    let ran = folder.run(&["run", "main.flow", "n=101"]).ends_with(2);
    assert!(ran.err.contains("got 101"), "{}", ran.err);
    let ran = folder.run(&["run", "main.flow"]).ends_with(2);
    assert!(ran.err.contains("`n` is missing"), "{}", ran.err);
}

#[test]
fn inputs_come_from_a_file_and_from_stdin() {
    let folder = Folder::with(DOUBLE);
    folder.write("in.json", r#"{"n": 4}"#);
    assert_eq!(folder.run(&["run", ".", "--input", "in.json"]).ends_with(0).out, "8\n");
    assert_eq!(folder.run(&["run", ".", "--input", "in.json", "n=5"]).ends_with(0).out, "10\n");
    assert_eq!(folder.run_with_stdin(&["run", ".", "--input", "-"], r#"{"n": 6}"#).ends_with(0).out, "12\n");
    for wrong in ["[1]", "{", "", "\u{0}"] {
        folder.run_with_stdin(&["run", ".", "--input", "-"], wrong).ends_with(2);
    }
    folder.run(&["run", ".", "--input", "none.json"]).ends_with(2);
    folder.run(&["run", ".", "--input", "/dev/zero"]).ends_with(2);
}

#[test]
fn help_after_a_path_tells_the_inputs() {
    let folder = Folder::with(DOUBLE);
    let help = folder.run(&["run", "main.flow", "--help"]).ends_with(0).out;
    for told in ["Doubles a number.", "n: int(0..100)", "What is doubled.", "times: int = 1", "Result: int"] {
        assert!(help.contains(told), "{told}: {help}");
    }
    assert!(folder.run(&["run", "--help"]).ends_with(0).out.contains("--simulate"));
}

#[test]
fn a_flow_is_chosen_by_name() {
    let folder = Folder::with("flow one() -> int { return 1 }\nflow two() -> int { return 2 }\n");
    assert_eq!(folder.run(&["run", "main.flow", "two"]).ends_with(0).out, "2\n");
    assert!(folder.run(&["run", "main.flow", "tow"]).ends_with(2).err.contains("`two`"));
    assert!(folder.run(&["run", "main.flow"]).ends_with(2).err.contains("`one`"));
    let help = folder.run(&["run", "main.flow", "--help"]).ends_with(0).out;
    assert!(help.contains("  one\n  two\n") && help.contains("flowc run main.flow one --help"), "{help}");
    // The line that a wrong input leads to works as it stands.
    let wrong = folder.run(&["run", "main.flow", "two", "n=1"]).ends_with(2).err;
    assert!(wrong.contains("`flowc run main.flow two --help`"), "{wrong}");
    folder.run(&["run", "main.flow", "two", "--help"]).ends_with(0);
}

#[test]
fn what_a_flow_emits_is_shown_before_it_is_done() {
    let folder = Folder::with(
        r#"flow main(n: int) -> int emits {text: string, n: int} {
  emit {text: "begun", n: n}
  race {
    when wait 0s => { emit {text: "won", n: n + 1} as won }
    when wait 1h as late => { emit {text: "lost", n: n} as lost }
  }
  return n
}"#,
    );
    let ran = folder.run(&["run", ".", "n=1", "--json"]).ends_with(0);
    let events = ran.lines();
    let emitted: Vec<_> = events.iter().filter(|event| event["event"] == "emitted").collect();
    let told: Vec<_> = emitted.iter().map(|event| (&event["step"], &event["result"])).collect();
    let (begun, won) =
        (serde_json::json!({"text": "begun", "n": 1}), serde_json::json!({"text": "won", "n": 2}));
    assert_eq!(told, [(&"main/emit".into(), &begun), (&"main/won".into(), &won)]);
    assert!(
        emitted.iter().all(|event| event["v"] == 1 && event["seq"].is_u64() && event["time"].is_string())
    );
    let won = events.iter().find(|event| event["arm"] == 0).expect("the race has a winner");
    assert_eq!((&won["event"], &won["step"]), (&"branch".into(), &"main".into()));

    let ran = folder.run(&["run", ".", "n=1"]).ends_with(0);
    assert_eq!(ran.out, "1\n");
    assert!(ran.err.contains(r#"main/won  {"text":"won","n":2}"#), "{}", ran.err);
    let id = events[0]["run"].as_str().expect("a run");
    let shown = folder.run(&["runs", "show", id]).ends_with(0).out;
    assert!(shown.contains("EMITTED") && shown.contains(r#"main/emit  {"text":"begun","n":1}"#), "{shown}");
    let shown = folder.run(&["runs", "show", id, "--json"]).ends_with(0).json();
    assert_eq!(shown["emitted"][1]["value"]["text"], "won");
    assert!(shown["emitted"][1]["at"].is_string());
}

#[test]
fn a_simulated_race_is_not_lost_to_the_clock() {
    let folder = Folder::with(
        r#"model default = "openai/gpt-4.1-mini"
prompt ask(text: string) -> string { user: text }
flow main() -> [string] {
  let first = race {
    when wait 30s as patience => "late"
    when let said = ask("a") => "answered"
  }
  let second = race {
    when do { wait 2d as a  wait 2d as b } => "four days"
    when wait 3d as c => "three days"
    when wait 5d as d => "five days"
  }
  let third = graph g max 3 {
    stage one { wait 9h  goto two }
    stage two { yield "done" }
  }
  return [first, second, third]
}"#,
    );
    let ran = folder.run(&["run", ".", "--simulate"]).ends_with(0);
    assert_eq!(ran.out, "[\"answered\",\"three days\",\"done\"]\n");
}

#[test]
fn events_are_all_that_stdout_has_under_json() {
    let folder = Folder::with(DOUBLE);
    let events = folder.run(&["run", ".", "n=1", "--json"]).ends_with(0).lines();
    let names: Vec<_> = events.iter().map(|event| event["event"].as_str().expect("named")).collect();
    assert_eq!((names.first(), names.last()), (Some(&"run_started"), Some(&"run_finished")));
    assert!(
        events.iter().all(|event| event["v"] == 1 && event["run"].is_string() && event["time"].is_string())
    );
    assert_eq!(events.last().expect("one")["result"], 2);
}

#[test]
fn problems_are_told_in_three_forms() {
    let folder = Folder::with("flow main(n: int) -> string {\n  return n\n}\n");
    let human = folder.run(&["check"]).ends_with(1);
    assert!(
        human.out.contains("E0301 (type-mismatch)") && human.err.contains("1 error in 1 file"),
        "{human:?}"
    );
    let short = folder.run(&["check", "main.flow", "--format", "short"]).ends_with(1);
    assert!(short.out.starts_with("main.flow:2:10: error[E0301]: "), "{}", short.out);
    let json = folder.run(&["check", ".", "--format", "json"]).ends_with(1).lines();
    assert_eq!((json.len(), &json[0]["code"], &json[0]["span"]["line"]), (1, &"E0301".into(), &2.into()));
    let ran = folder.run(&["run", ".", "n=1"]).ends_with(1);
    assert!(ran.out.is_empty() && ran.err.contains("E0301"), "{ran:?}");
}

#[test]
fn bounds_are_shown_in_three_forms() {
    let folder = Folder::with(
        "prompt ask(text: string) -> string { user: \"${text}\" }\n\nflow main(xs: [string](..1_500)) -> int {\n  for x in xs {\n    ask(x)\n  }\n  return 1\n}\nflow none() -> int {\n  return 1\n}\n",
    );
    folder.write("flow.toml", "[models]\ndefault = \"ollama/llama3.2\"\n");
    let human = folder.run(&["check", "--bounds"]).ends_with(0);
    let expected = "main  main.flow:3\n  model calls  6_000  = x 1_500 × ask 4\n  turns        1_500  = x 1_500\n  steps        1_500  = x 1_500 × ask 1\n  the largest factor is `x`, 1_500 times, in main.flow:4\n\nnone  main.flow:9\n  computes, and calls nothing\n";
    assert_eq!(human.out, expected);
    let short = folder.run(&["check", "--bounds", "--format", "short"]).ends_with(0);
    let expected =
        "main.flow:3: main: 6_000 model calls, 1_500 turns, 1_500 steps\nmain.flow:9: none: no calls\n";
    assert_eq!(short.out, expected);
    let json = folder.run(&["check", "--bounds", "--format", "json"]).ends_with(0).lines();
    assert_eq!((json.len(), &json[0]["bounds"], &json[0]["model_calls"]), (2, &"main".into(), &6_000.into()));
    assert_eq!(json[0]["because"]["model_calls"], "x 1_500 × ask 4");
    assert_eq!((&json[0]["largest"]["name"], &json[0]["largest"]["line"]), (&"x".into(), &4.into()));
    assert_eq!((&json[1]["model_calls"], &json[1]["largest"]), (&0.into(), &serde_json::Value::Null));
    // What is wrong may have no bound.
    let wrong = Folder::with("flow main(n: int) -> string {\n  return n\n}\n");
    let wrong = wrong.run(&["check", "--bounds"]).ends_with(1);
    assert!(wrong.err.contains("no bounds are shown") && wrong.out.contains("E0301"), "{wrong:?}");
}

#[test]
fn warnings_are_denied_on_demand() {
    let folder = Folder::with("flow main(n: int) -> int {\n  let m = n\n  return n\n}\n");
    assert!(folder.run(&["check"]).ends_with(0).out.contains("W0210"));
    folder.run(&["check", "--deny", "warnings"]).ends_with(1);
    assert_eq!(folder.run(&["run", ".", "n=1"]).ends_with(0).out, "1\n");
}

#[test]
fn of_very_many_problems_some_are_written_and_the_rest_counted() {
    let unused: String = (0..120).map(|n| format!("  let m{n} = n\n")).collect();
    let wrong = "  let wrong: int = \"a\"\n  return wrong\n";
    let folder = Folder::with(&format!("flow main(n: int) -> int {{\n{unused}{wrong}}}\n"));
    let written = |args: &[&str]| {
        let ran = folder.run(&[&["check", "--format", "json"], args].concat()).ends_with(1);
        (ran.lines().len(), ran.err)
    };
    let (count, told) = written(&[]);
    assert_eq!(count, 100);
    assert!(told.contains("main.flow: and 21 more: 21 warnings; `--max all` shows them"), "{told}");
    assert!(told.contains("1 error and 120 warnings in 1 file"), "{told}");
    assert_eq!(written(&["--max", "all"]).0, 121);
    let one = folder.run(&["check", "--format", "short", "--max", "1"]).ends_with(1);
    assert!(
        one.out.contains("error[E0301]") && one.out.lines().count() == 1,
        "errors come first: {}",
        one.out
    );
    assert!(folder.run(&["check", "--max", "some"]).ends_with(2).err.contains("a number, or `all`"));
}

#[test]
fn several_paths_of_one_project_are_one_program() {
    let folder = Folder::new();
    for name in ["one/flow.toml", "two/flow.toml"] {
        fs::create_dir(folder.path(name).parent().expect("a folder")).expect("made");
        folder.write(name, "");
    }
    for name in ["one/a.flow", "one/b.flow", "two/c.flow", "lone.flow"] {
        folder.write(name, "flow main() -> int {\n  return \"a\"\n}\n");
    }
    let files = |args: &[&str]| -> Vec<String> {
        let ran = folder.run(&[&["check", "--format", "short"], args].concat()).ends_with(1);
        ran.out.lines().map(|line| line.split(':').next().unwrap_or_default().to_owned()).collect()
    };
    assert_eq!(files(&["one", "one/a.flow", "one/b.flow"]), ["one/a.flow", "one/b.flow"]);
    assert_eq!(files(&["two", "one"]), ["two/c.flow", "one/a.flow", "one/b.flow"]);
    assert_eq!(files(&["lone.flow", ".", "one"]).len(), 4);
    assert_eq!(files(&["."]), ["one/a.flow", "one/b.flow", "two/c.flow", "lone.flow"]);
}

#[cfg(unix)]
#[test]
fn links_and_names_that_are_no_text() {
    use std::os::unix::ffi::OsStrExt;
    use std::os::unix::fs::symlink;
    let folder = Folder::with(
        "import { twice } from \"./link.flow\"\nflow main(n: int) -> int {\n  return twice(n)\n}\n",
    );
    let elsewhere = Folder::new();
    elsewhere.write("lib.flow", "code twice(n: int) -> int = n * \"2\"\n");
    folder.write("flow.toml", "");
    symlink(elsewhere.path("lib.flow"), folder.path("link.flow")).expect("linked");
    let ran = folder.run(&["check", "--format", "json"]).ends_with(1).lines();
    assert_eq!((ran.len(), &ran[0]["name"]), (1, &"bad-import".into()));
    assert!(
        ran[0]["labels"].to_string().contains("outside") || ran[0].to_string().contains("outside"),
        "{}",
        ran[0]
    );
    fs::remove_file(folder.path("link.flow")).expect("removed");
    // A link within the project is the file that it leads to, which is checked once.
    folder.write("lib.flow", "code twice(n: int) -> int = n * \"2\"\n");
    symlink("lib.flow", folder.path("link.flow")).expect("linked");
    let ran = folder.run(&["check", "--format", "short"]).ends_with(1);
    assert!(ran.out.starts_with("lib.flow:1") && ran.out.lines().count() == 1, "{}", ran.out);
    folder.write("lib.flow", "code twice(n: int) -> int = n * 2\n");
    folder.run(&["check"]).ends_with(0);
    fs::write(folder.path("").join(std::ffi::OsStr::from_bytes(b"caf\xe9.flow")), DOUBLE).expect("written");
    let ran = folder.run(&["check", "--format", "json"]).ends_with(1).lines();
    assert_eq!((ran.len(), &ran[0]["name"]), (1, &"not-text".into()));
}

#[test]
fn what_can_not_be_read_is_wrong_usage() {
    let folder = Folder::with(DOUBLE);
    for path in ["none.flow", "none", "/dev/null"] {
        assert!(folder.run(&["check", path]).ends_with(2).err.contains("can't be read"), "{path}");
        folder.run(&["run", path]).ends_with(2);
    }
    folder.write("note.txt", "text");
    folder.run(&["check", "note.txt"]).ends_with(2);
    fs::create_dir(folder.path("empty")).expect("made");
    assert!(folder.run(&["check", "empty"]).ends_with(2).err.contains("holds no `.flow` file"));
    // The other paths are checked all the same.
    folder.write("wrong.flow", "flow main() -> int { return \"a\" }\n");
    assert!(folder.run(&["check", "none.flow", "wrong.flow"]).ends_with(2).out.contains("E0301"));
}

#[test]
fn hostile_files_end_in_a_diagnostic() {
    let folder = Folder::new();
    let cases: [(&str, Vec<u8>); 5] = [
        ("latin1.flow", b"flow main() -> string { return \"caf\xe9\" }".to_vec()),
        ("nul.flow", b"flow main() -> int { return 1 }\0".to_vec()),
        ("brackets.flow", [b"flow main() -> int { return ".to_vec(), vec![b'('; 100_000]].concat()),
        ("escape.flow", b"flow main() -> int { return \x1b[31m }".to_vec()),
        ("large.flow", vec![b' '; 9 << 20]),
    ];
    for (name, bytes) in cases {
        folder.write(name, bytes);
        let ran = folder.run(&["check", name]).ends_with(1);
        assert!(!ran.out.contains('\u{1b}') && !ran.out.contains('\0'), "{name}: {:?}", ran.out);
        assert!(ran.out.len() < 20_000, "{name}: {} bytes", ran.out.len());
        fs::remove_file(folder.path(name)).expect("removed");
    }
    folder.write("crlf.flow", "\u{feff}flow main() -> int {\r\n  return 1\r\n}\r\n");
    folder.run(&["check", "crlf.flow"]).ends_with(0);
}

#[test]
fn codes_are_explained() {
    let folder = Folder::new();
    assert!(folder.run(&["explain", "E0412"]).ends_with(0).out.contains("non-exhaustive-route"));
    assert!(folder.run(&["explain", "non-exhaustive-route"]).ends_with(0).out.contains("E0412"));
    assert!(folder.run(&["explain", "E9999"]).ends_with(2).err.contains("no diagnostic `E9999`"));
}

#[test]
fn usage_is_checked() {
    let folder = Folder::new();
    folder.run(&[]).ends_with(2);
    folder.run(&["nonsense"]).ends_with(2);
    folder.run(&["run"]).ends_with(2);
    assert!(folder.run(&["--version"]).ends_with(0).out.starts_with("flowc 0."));
    folder.run(&["runs", "--store", "mysql://x"]).ends_with(2);
}

#[test]
fn a_failed_run_tells_why_and_where() {
    let folder =
        Folder::with("flow main(n: int) -> int {\n  fail too_small(\"n is ${n}\") if n < 3\n  return n\n}\n");
    let ran = folder.run(&["run", ".", "n=1"]).ends_with(3);
    assert!(ran.out.is_empty() && ran.err.contains("too_small: n is 1"), "{ran:?}");
    let events = folder.run(&["run", ".", "n=1", "--json"]).ends_with(3).lines();
    let names: Vec<_> = events.iter().map(|event| event["event"].as_str().expect("named")).collect();
    assert_eq!(names, ["run_started", "branch", "run_finished"]);
    assert_eq!(events[2]["error"]["kind"], "too_small");
}

#[test]
fn a_long_wait_suspends_and_is_resumed() {
    let folder = Folder::with("flow main() -> int {\n  wait 2h\n  return 7\n}\n");
    let ran = folder.run(&["run", ".", "--wait-max", "0s"]).ends_with(4);
    let id =
        ran.err.split("flowc resume ").nth(1).and_then(|rest| rest.split_whitespace().next()).expect("an id");
    assert!(folder.run(&["runs"]).ends_with(0).out.contains("suspended"));
    folder.run(&["resume", id, "--wait-max", "0s"]).ends_with(4);
    // Simulated waits take no time.
    assert_eq!(folder.run(&["run", ".", "--simulate"]).ends_with(0).out, "7\n");
}

#[test]
fn a_missing_key_and_an_unreachable_server_are_told() {
    let ask = |model: &str| {
        format!(
            "model default = {model}\nprompt ask() -> string {{ user: \"hi\" }}\nflow main() -> string {{\n  return ask()\n}}\n"
        )
    };
    let folder = Folder::with(&ask("\"openai/gpt-4.1-mini\""));
    let ran = folder.run(&["run", "."]).ends_with(5);
    assert!(ran.err.contains("OPENAI_API_KEY"), "{}", ran.err);
    folder.write("main.flow", ask("\"openai/m\" { base_url: \"http://127.0.0.1:9/v1\", retry: 0 }"));
    let ran = folder.run(&["run", "."]);
    let ran = ran.ends_with(5);
    assert!(ran.err.contains("127.0.0.1:9"), "{ran:?}");
}

#[test]
fn a_key_is_in_no_output() {
    let folder = Folder::new();
    let mut command = folder.command(&["models", "gpt-4.1"]);
    let ran =
        Ran::of(command.env("OPENAI_API_KEY", "sk-very-secret").output().expect("flowc starts")).ends_with(0);
    assert!(ran.err.contains("OPENAI_API_KEY") && ran.out.contains("openai/gpt-4.1"), "{ran:?}");
    assert!(!format!("{ran:?}").contains("secret"));
    let mut command = folder.command(&["doctor"]);
    command.env("OPENAI_API_KEY", "sk-very-secret").env("OPENAI_BASE_URL", "http://127.0.0.1:9/v1");
    let ran = Ran::of(command.output().expect("flowc starts"));
    assert!(ran.out.lines().count() >= 3 && !format!("{ran:?}").contains("secret"), "{ran:?}");
}

fn send(child: &Child, signal: &str) {
    let sent = Command::new("kill").args([signal, &child.id().to_string()]).status().expect("kill starts");
    assert!(sent.success());
}

#[test]
fn ctrl_c_leaves_a_run_that_can_be_resumed() {
    for (signal, code) in [("-INT", 130), ("-TERM", 143)] {
        let (folder, server) = hanging();
        let child = start_hanging(&folder, &server);
        send(&child, signal);
        let ran = Ran::of(child.wait_with_output().expect("flowc ends")).ends_with(code);
        assert!(ran.err.contains("flowc resume "), "{}", ran.err);
        assert!(folder.run(&["runs"]).ends_with(0).out.contains("interrupted"));
    }
}

/// Events fill a pipe that nobody reads; then a question hangs. The question arrives all the same, and the signal ends
/// the run.
#[test]
fn a_reader_that_stalls_holds_up_neither_the_run_nor_a_signal() {
    for (signal, code) in [("-INT", 130), ("-TERM", 143)] {
        let (folder, server) = hanging();
        let program = fs::read_to_string(folder.path("main.flow")).expect("written");
        let waits = "  state { k: int = 0 }\n  loop w max 400 {\n    wait 0s\n    k += 1\n  } else { k += 0 }\n  return ask()";
        folder.write("main.flow", program.replace("  return ask()", waits));
        folder.run(&["check"]).ends_with(0);
        let mut child = start_hanging_with(&folder, &server, &["--json"]);
        send(&child, signal);
        assert_eq!(child.wait().expect("flowc ends").code(), Some(code));
        let mut events = String::new();
        child.stdout.take().expect("piped").read_to_string(&mut events).expect("text");
        assert!(events.len() > 60_000, "{} bytes fill no pipe", events.len());
    }
}

#[test]
fn a_full_disk_under_json_is_told() {
    let folder = Folder::with(DOUBLE);
    let full = fs::OpenOptions::new().write(true).open("/dev/full").expect("Linux has it");
    let output = folder.command(&["run", ".", "n=1", "--json"]).stdout(full).output().expect("flowc starts");
    let ran = Ran::of(output).ends_with(5);
    assert!(ran.err.contains("could not be written: No space left"), "{}", ran.err);
}

#[test]
fn a_tape_that_can_not_be_read_is_wrong_usage() {
    let folder = Folder::with(DOUBLE);
    folder.write("empty.tape", "");
    folder.write("garbage.tape", "nonsense\n");
    for tape in ["/nope", "empty.tape", "garbage.tape"] {
        folder.run(&["run", ".", "n=1", "--tape", tape]).ends_with(2);
    }
    folder.run(&["run", ".", "n=1", "--record", "/nope/x"]).ends_with(2);
}

#[test]
fn a_pipe_gets_no_progress() {
    let folder = Folder::with("flow main() -> int {\n  wait 0s\n  return 1\n}\n");
    for more in [&[][..], &["--json"]] {
        let ran = folder.run(&[&["run", "."], more].concat()).ends_with(0);
        let lines: Vec<_> = ran.err.lines().collect();
        let [first, last] = lines[..] else { panic!("{}", ran.err) };
        assert!(first.starts_with("run ") && last.starts_with("done in "), "{}", ran.err);
    }
}

#[test]
fn a_killed_run_is_seen_as_cut_off() {
    let (folder, server) = hanging();
    let mut child = start_hanging(&folder, &server);
    child.kill().expect("killed");
    child.wait().expect("ended");
    assert!(folder.run(&["runs"]).ends_with(0).out.contains("cut off"));
}

#[test]
fn a_reader_that_goes_away_is_no_mistake() {
    let folder = Folder::new();
    let mut child = folder
        .command(&["models"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("flowc starts");
    drop(child.stdout.take());
    let mut err = String::new();
    child.stderr.take().expect("piped").read_to_string(&mut err).expect("text");
    child.wait().expect("ended");
    assert!(!err.contains("error") && !err.contains("panicked"), "{err}");
}

#[test]
fn the_readme_of_a_new_project_names_commands_that_work() {
    let folder = Folder::new();
    folder.run(&["new", "p"]).ends_with(0);
    let readme = fs::read_to_string(folder.path("p/README.md")).expect("written");
    let commands = readme.lines().filter_map(|line| line.strip_prefix("flowc "));
    let mut count = 0;
    for line in commands {
        let words: Vec<_> = line.split('#').next().unwrap_or_default().split_whitespace().collect();
        // The run on a real model needs one.
        if words.first() == Some(&"run") && !words.iter().any(|word| word.starts_with("--")) {
            continue;
        }
        let output =
            folder.command(&words).current_dir(Path::new(&folder.path("p"))).output().expect("flowc starts");
        Ran::of(output).ends_with(0);
        count += 1;
    }
    assert!(count >= 4);
}
