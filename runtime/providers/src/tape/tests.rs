use std::path::Path;

use flow_runtime_api::{FinishReason, Scrubber, Secret};
use serde_json::json;

use super::*;

fn answer(text: &str) -> Answer {
    Answer { text: text.to_owned(), finish: FinishReason::Stop, ..Answer::default() }
}

fn entry(coordinate: &str, tries: (u32, u32), result: &Result<Answer, Failure>) -> Entry {
    let usage = Some(Usage { input_tokens: 3, output_tokens: 4, ..Usage::default() });
    let request = || json!({"q": "sk-secret-1"});
    let asked = Asked { coordinate, tries, kind: "prompt", fingerprint: "f1", request: &request };
    Entry::new(&asked, result, usage)
}

fn take(tape: &Tape, coordinate: &str, tries: (u32, u32), fingerprint: &str) -> Result<Entry, Box<Stale>> {
    let request = || json!({"q": "other"});
    tape.take(
        &Asked { coordinate, tries, kind: "prompt", fingerprint, request: &request },
        &Scrubber::default(),
    )
}

fn names(keys: &[Key]) -> Vec<&str> {
    keys.iter().map(|key| key.coordinate.as_str()).collect()
}

/// Three entries, in a file.
fn recorded(folder: &Path) -> std::path::PathBuf {
    let path = folder.join("t.tape");
    let recorder = Recorder::create(&path, "p1", Scrubber::default()).unwrap();
    for name in ["f/a", "f/x[10]", "f/x[2]"] {
        recorder.record(&entry(name, (0, 0), &Ok(answer(name)))).unwrap();
    }
    recorder.finish().unwrap();
    path
}

#[test]
fn what_was_recorded_is_replayed_without_secrets() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("t.jsonl");
    let scrubber = Scrubber::default();
    scrubber.learn(&Secret::new("sk-secret-1"));
    let recorder = Recorder::create(&path, "p1", scrubber).unwrap();
    recorder.record(&entry("f/b", (0, 0), &Ok(answer("unused")))).unwrap();
    recorder.record(&entry("f/a", (0, 0), &Err(Failure::new(Kind::RateLimited, "later")))).unwrap();
    recorder.record(&entry("f/a", (1, 0), &Ok(answer("hi\u{2028}")))).unwrap();
    recorder.finish().unwrap();
    let text = std::fs::read_to_string(&path).unwrap();
    assert!(!text.contains("sk-secret-1") && text.contains("***"), "{text}");
    assert!(
        text.starts_with("{\"tape\":1,\"plan_hash\":\"p1\"}\n{\"coordinate\":\"f/a\",\"attempt\":0,"),
        "{text}"
    );

    let tape = Tape::read(&path).unwrap();
    assert_eq!(tape.plan_hash(), "p1");
    let first = take(&tape, "f/a", (0, 0), "f1").unwrap();
    assert_eq!(first.answer::<Answer>().unwrap_err().kind, "rate_limited");
    assert_eq!(first.usage.unwrap().output_tokens, 4);
    assert_eq!(take(&tape, "f/a", (1, 0), "f1").unwrap().answer::<Answer>().unwrap(), answer("hi\u{2028}"));
    let report = tape.report();
    assert_eq!((report.used, names(&report.unused)), (2, vec!["f/b"]));
}

#[test]
fn what_is_missing_or_stale_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let tape = Tape::read(&recorded(folder.path())).unwrap();
    let stale = |coordinate: &str, tries, fingerprint: &str| {
        *take(&tape, coordinate, tries, fingerprint).unwrap_err()
    };
    assert_eq!(stale("f/z", (0, 0), "f1").to_string(), "the tape has no entry for `f/z`");
    assert_eq!(
        stale("f/a", (1, 2), "f1").to_string(),
        "the tape has no entry for `f/a`, attempt 2, repair 2"
    );
    let changed = stale("f/a", (0, 0), "f2");
    assert_eq!(changed.failure().kind, "diverged");
    assert_eq!(
        changed.to_string(),
        "the tape's entry for `f/a` is stale: the step asks something else now: q"
    );
    assert_eq!(
        serde_json::to_value(&changed).unwrap(),
        json!({"coordinate": "f/a", "attempt": 0, "repair": 0, "kind": "prompt", "why": "changed",
            "changes": [{"part": "q", "was": "sk-secret-1", "now": "other"}]})
    );
    let request = || json!({"q": "sk-secret-1"});
    let asked = |kind| Asked { coordinate: "f/a", tries: (0, 0), kind, fingerprint: "f2", request: &request };
    let other = tape.take(&asked("http"), &Scrubber::default()).unwrap_err();
    assert_eq!((other.why, other.to_string().contains("another kind")), (Why::Kind, true));
    let same = tape.take(&asked("prompt"), &Scrubber::default()).unwrap_err();
    assert!(same.to_string().contains("it reads the same"), "{same}");
    // A stale entry was asked for, so it isn't unused.
    assert_eq!(names(&tape.report().unused), ["f/x[2]", "f/x[10]"]);
    assert_eq!(tape.report().stale.len(), 3);
}

#[test]
fn only_what_is_stale_or_missing_is_another_line() {
    let folder = tempfile::tempdir().unwrap();
    let path = recorded(folder.path());
    let before = std::fs::read_to_string(&path).unwrap();
    let tape = Tape::read(&path).unwrap().updating();
    let scrubber = Scrubber::default();
    tape.updated_by("p2", &scrubber);
    take(&tape, "f/a", (0, 0), "f1").unwrap();
    take(&tape, "f/x[2]", (0, 0), "f2").unwrap_err();
    take(&tape, "f/x[3]", (0, 0), "f1").unwrap_err();
    assert!(!Tape::read(&path).unwrap().write(true).is_ok_and(|differs| !differs), "unused entries are gone");
    std::fs::write(&path, &before).unwrap();
    // What a secret's value is may become known after the answer.
    tape.keep(Entry {
        fingerprint: String::from("f2"),
        ..entry("f/x[2]", (0, 0), &Ok(answer("sk-secret-2")))
    });
    tape.keep(entry("f/x[3]", (0, 0), &Ok(answer("new"))));
    scrubber.learn(&Secret::new("sk-secret-2"));
    take(&tape, "f/x[2]", (0, 0), "f2").expect("what was kept is told to the next who asks");
    let report = tape.report();
    assert_eq!((names(&report.recorded), names(&report.unused)), (vec!["f/x[2]", "f/x[3]"], vec!["f/x[10]"]));
    assert!(tape.write(false).unwrap());
    let after = std::fs::read_to_string(&path).unwrap();
    let (old, new): (Vec<_>, Vec<_>) = (before.lines().collect(), after.lines().collect());
    assert_eq!(new.len(), 5);
    assert_eq!(new[0], "{\"tape\":1,\"plan_hash\":\"p2\"}");
    assert_eq!((new[1], new[4]), (old[1], old[3]), "these stay as they were, byte for byte");
    assert!(
        new[2].contains("f/x[2]") && new[3].contains("f/x[3]") && !after.contains("sk-secret-2"),
        "{after}"
    );
    let again = Tape::read(&path).unwrap();
    assert!(!again.write(false).unwrap(), "nothing is to be written");
    for key in ["f/a", "f/x[2]", "f/x[3]"] {
        take(&again, key, (0, 0), if key == "f/x[2]" { "f2" } else { "f1" }).unwrap();
    }
    assert!(again.write(true).unwrap(), "the unused entry goes");
    assert_eq!(std::fs::read_to_string(&path).unwrap().lines().count(), 4);
    let left: Vec<_> = std::fs::read_dir(folder.path()).unwrap().collect();
    assert_eq!(left.len(), 1, "nothing is left behind: {left:?}");
}

#[test]
fn a_tape_that_begins_empty_is_filled() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("new.tape");
    let tape = Tape::empty(&path).updating();
    tape.updated_by("p1", &Scrubber::default());
    take(&tape, "f/a", (0, 0), "f1").unwrap_err();
    tape.keep(entry("f/a", (0, 0), &Ok(answer("x"))));
    assert!(tape.write(true).unwrap());
    let read = Tape::read(&path).unwrap();
    assert_eq!(read.plan_hash(), "p1");
    take(&read, "f/a", (0, 0), "f1").unwrap();
}

#[test]
fn a_crash_leaves_the_old_tape_and_what_can_be_gone_on_with() {
    let folder = tempfile::tempdir().unwrap();
    let path = recorded(folder.path());
    let before = std::fs::read_to_string(&path).unwrap();
    let part = folder.path().join("t.tape.part");
    let recorder = Recorder::create(&path, "p2", Scrubber::default()).unwrap();
    recorder.record(&entry("f/b", (0, 0), &Ok(answer("b")))).unwrap();
    let other = Recorder::create(&path, "p3", Scrubber::default()).err().unwrap().to_string();
    assert!(other.contains("another run"), "{other}");
    drop(recorder);
    assert_eq!(std::fs::read_to_string(&path).unwrap(), before, "it stays until the run ends");
    let whole = std::fs::read_to_string(&part).unwrap();
    std::fs::write(&part, format!("{whole}{{\"coordinate\":\"f/b\",\"att")).unwrap();
    assert!(Tape::read(&part).is_ok());

    // After a crash an attempt may be made, and recorded, again: the later one counts.
    let recorder = Recorder::append(&path, "p2", Scrubber::default()).unwrap();
    recorder.record(&entry("f/b", (0, 0), &Ok(answer("again")))).unwrap();
    recorder.record(&entry("f/a", (0, 0), &Ok(answer("a")))).unwrap();
    recorder.finish().unwrap();
    assert!(!part.exists());
    let tape = Tape::read(&path).unwrap();
    assert_eq!(take(&tape, "f/b", (0, 0), "f1").unwrap().answer::<Answer>().unwrap(), answer("again"));
    assert_eq!((tape.plan_hash(), names(&tape.report().unused)), ("p2", vec!["f/a"]));

    // A run that had waited goes on with what it had.
    let recorder = Recorder::append(&path, "p2", Scrubber::default()).unwrap();
    recorder.record(&entry("f/c", (0, 0), &Ok(answer("c")))).unwrap();
    recorder.finish().unwrap();
    assert_eq!(names(&Tape::read(&path).unwrap().report().unused), ["f/a", "f/b", "f/c"]);
}

#[test]
fn what_is_no_tape_is_refused_with_its_line() {
    let message = |text: &str| Tape::parse(text, "t.jsonl").err().unwrap().to_string();
    let head = "{\"tape\":1,\"plan_hash\":\"\"}\n";
    let line = serde_json::to_string(&entry("f/a", (0, 0), &Ok(answer("x")))).unwrap();
    assert!(message("").contains("line 1: it is empty"));
    assert!(message("hello\n").contains("line 1: this isn't the head of a tape"));
    assert!(message("\n\n").contains("line 1: this isn't the head of a tape"));
    assert!(
        message("{\"tape\":2,\"plan_hash\":\"\"}\n")
            .contains("it is of version 2, this program reads version 1")
    );
    assert!(message("{\"tape\":2}\n").contains("version 2"));
    assert!(message("{\"tape\":1}\n").contains("plan_hash"));
    assert!(message(&format!("{head}\n{{}}\n")).contains("line 3: this isn't an entry"));
    assert!(
        message(&format!("{head}{line}\n{line}\n")).contains("line 3: line 2 has an entry for `f/a` already")
    );
    let twice = line.replace("\"attempt\":0", "\"attempt\":0,\"attempt\":1");
    assert!(message(&format!("{head}{twice}\n")).contains("line 2: this isn't an entry: duplicate field"));
    assert!(
        message(&format!("{head}{}\n", line.replace("\"attempt\":0", "\"attempt\":-1"))).contains("line 2")
    );
    let deep = format!("{head}{}\n", "[".repeat(100_000));
    assert!(message(&deep).contains("line 2: this isn't an entry"));
    assert!(message(&deep).len() < 300);
    let of_file = |path: &Path| Tape::read(path).err().unwrap().to_string();
    assert!(of_file(Path::new("/nowhere/t.jsonl")).contains("/nowhere/t.jsonl"));
    let folder = tempfile::tempdir().unwrap();
    assert!(of_file(folder.path()).contains("directory"));
    let binary = folder.path().join("b");
    std::fs::write(&binary, [head.as_bytes(), b"\n\xff\n"].concat()).unwrap();
    assert!(of_file(&binary).ends_with("line 3: this isn't text"), "{}", of_file(&binary));
}

#[test]
fn lines_of_another_system_are_read_and_kept() {
    let line = serde_json::to_string(&entry("f/a", (0, 0), &Ok(answer("x")))).unwrap();
    let tape = Tape::parse(&format!("{{\"tape\":1,\"plan_hash\":\"\"}}\r\n\r\n{line}\r\n{line}",), "t");
    assert!(tape.err().unwrap().to_string().contains("line 4"));
    let tape = Tape::parse(&format!("{{\"tape\":1,\"plan_hash\":\"\"}}\r\n{line}\r\n"), "t").unwrap();
    take(&tape, "f/a", (0, 0), "f1").unwrap();
}

#[test]
fn keys_are_in_the_order_in_which_people_count() {
    let mut keys: Vec<Key> =
        ["f/x[10]", "f/x[9]", "f/x[09]", "f/x", "f/y[1]/a", "f", "f/x[2]/b", "f/x[18446744073709551616]"]
            .iter()
            .flat_map(|name| {
                [(1, 0), (0, 1), (0, 0)].map(|(attempt, repair)| Key {
                    coordinate: (*name).to_owned(),
                    attempt,
                    repair,
                })
            })
            .collect();
    keys.sort();
    let names: Vec<_> = keys.iter().step_by(3).map(|key| key.coordinate.as_str()).collect();
    assert_eq!(
        names,
        ["f", "f/x", "f/x[2]/b", "f/x[09]", "f/x[9]", "f/x[10]", "f/x[18446744073709551616]", "f/y[1]/a"]
    );
    assert_eq!((keys[0].attempt, keys[1].repair, keys[2].attempt), (0, 1, 1));
}

#[test]
fn bodies_of_any_bytes_survive() {
    for body in [b"{}".to_vec(), vec![0xff, 0, 1], Vec::new()] {
        let answer = HttpAnswer { status: 200, content_type: String::from("x/y"), body };
        assert_eq!(HttpAnswer::from_json(&answer.to_json()), Some(answer));
    }
}

/// Numbers as if by chance, the same ones in every run.
struct Chance(u64);

impl Chance {
    fn below(&mut self, end: usize) -> usize {
        // Xorshift, by Marsaglia.
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % end.max(1) as u64) as usize
    }
}

/// Whatever is done to a tape's bytes, it is read or refused with a line and few words, and what is read can be taken,
/// told about and written again.
#[test]
fn spoilt_tapes_are_read_or_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = recorded(folder.path());
    let whole = std::fs::read(&path).unwrap();
    let pieces: [&[u8]; 12] = [
        b"\n",
        b"\r",
        b"\0",
        b"\xff",
        b"{",
        b"}",
        b"[[[[[[[[",
        b"\"",
        b"\\u0000",
        b"1e999",
        b"-",
        b",\"kind\":7",
    ];
    let mut chance = Chance(20_261_122);
    let (mut read, mut refused) = (0, 0);
    for round in 0..4_000 {
        // A write waits for the disk.
        let writes = round % 40 == 0;
        let mut bytes = whole.clone();
        for _ in 0..=chance.below(4) {
            let at = chance.below(bytes.len());
            match chance.below(6) {
                0 => bytes[at] = chance.below(256) as u8,
                1 => bytes.truncate(at),
                2 => drop(bytes.drain(at..(at + chance.below(40)).min(bytes.len()))),
                3 => {
                    let piece = pieces[chance.below(pieces.len())];
                    bytes.splice(at..at, piece.iter().copied());
                }
                4 => {
                    let end = (at + chance.below(300)).min(bytes.len());
                    let copy = bytes[at..end].to_vec();
                    bytes.splice(at..at, copy);
                }
                _ => {
                    let other = chance.below(bytes.len());
                    bytes.swap(at, other);
                }
            }
            if bytes.is_empty() {
                break;
            }
        }
        std::fs::write(&path, &bytes).unwrap();
        match Tape::read(&path) {
            Ok(tape) => {
                read += 1;
                for key in tape.report().unused {
                    let request = || json!({"messages": 1, "q": ["x"]});
                    for fingerprint in ["f1", "f2"] {
                        let tries = (key.attempt, key.repair);
                        let asked = Asked {
                            coordinate: &key.coordinate,
                            tries,
                            kind: "prompt",
                            fingerprint,
                            request: &request,
                        };
                        match tape.take(&asked, &Scrubber::default()) {
                            Ok(entry) => drop(entry.answer::<Answer>()),
                            Err(stale) => assert!(!stale.to_string().is_empty()),
                        }
                    }
                }
                if writes {
                    tape.keep(entry("f/new", (0, 0), &Ok(answer("x"))));
                    tape.write(true).unwrap();
                    Tape::read(&path).expect("what was written can be read");
                }
            }
            Err(error) => {
                refused += 1;
                let said = error.to_string();
                assert!(said.contains(", line ") && said.len() < 600, "{said}");
            }
        }
        if writes && let Ok(recorder) = Recorder::append(&path, "p", Scrubber::default()) {
            recorder.record(&entry("f/b", (0, 0), &Ok(answer("y")))).unwrap();
            recorder.finish().unwrap();
        }
    }
    assert!(read > 200 && refused > 200, "{read} read, {refused} refused");
}

/// Whatever two requests are, what differs is found, bounded, and found again the other way round.
#[test]
fn any_two_requests_are_held_against_each_other() {
    fn any(chance: &mut Chance, depth: usize) -> Value {
        const KEYS: [&str; 12] = [
            "messages", "parts", "role", "text", "schema", "json", "tools", "name", "sampling", "method",
            "body", "headers",
        ];
        match chance.below(if depth == 0 { 4 } else { 7 }) {
            0 => Value::Null,
            1 => json!(chance.below(3)),
            2 => json!(["user", "system", "e30=", "x"][chance.below(4)]),
            3 => json!(chance.below(2) == 0),
            4 => (0..chance.below(4)).map(|_| any(chance, depth - 1)).collect(),
            _ => {
                let pairs =
                    (0..chance.below(7)).map(|_| (KEYS[chance.below(12)].to_owned(), any(chance, depth - 1)));
                Value::Object(pairs.collect())
            }
        }
    }
    let mut chance = Chance(7);
    for _ in 0..20_000 {
        let (mut one, mut other) = (any(&mut chance, 5), any(&mut chance, 5));
        if let (Some(one), Some(other)) = (one.as_object_mut(), other.as_object_mut()) {
            let key = ["messages", "method"][chance.below(2)];
            one.insert(key.to_owned(), any(&mut chance, 4));
            other.insert(key.to_owned(), any(&mut chance, 4));
        }
        assert_eq!(changes::between(&one, &one), []);
        let (there, back) = (changes::between(&one, &other), changes::between(&other, &one));
        assert!(there.len() <= changes::CHANGES_MAX && back.len() <= changes::CHANGES_MAX);
        assert!(there.iter().all(|change| change.was != change.now && !change.part.is_empty()));
        assert_eq!(there.is_empty(), back.is_empty(), "{one} and {other}");
    }
}
