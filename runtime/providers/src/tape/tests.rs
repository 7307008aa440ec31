use super::*;
use flow_runtime_api::{FinishReason, Secret};

fn answer(text: &str) -> Answer {
    Answer { text: text.to_owned(), finish: FinishReason::Stop, ..Answer::default() }
}

fn entry(coordinate: &str, tries: (u32, u32), result: &Result<Answer, Failure>) -> Entry {
    let usage = Some(Usage { input_tokens: 3, output_tokens: 4, ..Usage::default() });
    Entry::new(coordinate, tries, "prompt", "f1", serde_json::json!({"q": "sk-secret-1"}), result, usage)
}

#[test]
fn what_was_recorded_is_replayed_without_secrets() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("t.jsonl");
    let scrubber = Scrubber::default();
    scrubber.learn(&Secret::new("sk-secret-1"));
    let recorder = Recorder::create(&path, "p1", scrubber).unwrap();
    recorder.record(&entry("f/a", (0, 0), &Err(Failure::new(Kind::RateLimited, "later")))).unwrap();
    recorder.record(&entry("f/a", (1, 0), &Ok(answer("hi\u{2028}")))).unwrap();
    recorder.record(&entry("f/b", (0, 0), &Ok(answer("unused")))).unwrap();
    let text = std::fs::read_to_string(&path).unwrap();
    assert!(!text.contains("sk-secret-1") && text.contains("***"), "{text}");
    assert!(
        text.starts_with("{\"tape\":1,\"plan_hash\":\"p1\"}\n{\"coordinate\":\"f/a\",\"attempt\":0,"),
        "{text}"
    );

    let tape = Tape::read(&path).unwrap();
    assert_eq!(tape.plan_hash, "p1");
    let failure = tape.replay::<Answer>("f/a", (0, 0), "prompt", "f1").unwrap_err();
    assert_eq!(
        (failure.kind.as_str(), tape.usage("f/a", (0, 0)).unwrap().output_tokens),
        ("rate_limited", 4)
    );
    assert_eq!(tape.replay::<Answer>("f/a", (1, 0), "prompt", "f1").unwrap(), answer("hi\u{2028}"));
    assert_eq!(tape.usage("f/a", (1, 0)).unwrap().input_tokens, 3);
    assert_eq!(tape.unused(), ["f/b"]);
}

#[test]
fn what_is_missing_or_stale_says_so() {
    let text = format!(
        "{{\"tape\":1,\"plan_hash\":\"p\"}}\n{}\n",
        serde_json::to_string(&entry("f/a", (0, 0), &Ok(answer("x")))).unwrap()
    );
    let tape = Tape::parse(&text, "t").unwrap();
    let message = |coordinate: &str, tries, kind: &str, fingerprint: &str| {
        let failure = tape.replay::<Answer>(coordinate, tries, kind, fingerprint).unwrap_err();
        assert_eq!(failure.kind, "diverged");
        failure.message
    };
    assert!(message("f/z", (0, 0), "prompt", "f1").contains("no entry for `f/z`;"));
    assert!(message("f/a", (1, 2), "prompt", "f1").contains("`f/a`, attempt 2, repair 2;"));
    assert!(message("f/a", (0, 0), "prompt", "f2").contains("is stale"));
    assert!(message("f/a", (0, 0), "http", "f1").contains("is stale"));
}

#[test]
fn a_cut_last_line_is_as_if_it_were_not_there() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("t.jsonl");
    let recorder = Recorder::append(&path, "p", Scrubber::default()).unwrap();
    recorder.record(&entry("f/a", (0, 0), &Ok(answer("x")))).unwrap();
    let whole = std::fs::read_to_string(&path).unwrap();
    std::fs::write(&path, format!("{whole}{{\"coordinate\":\"f/b\",\"att")).unwrap();
    assert!(Tape::read(&path).is_ok());
    Recorder::append(&path, "p", Scrubber::default())
        .unwrap()
        .record(&entry("f/c", (0, 0), &Ok(answer("y"))))
        .unwrap();
    assert_eq!(Tape::read(&path).unwrap().unused(), ["f/a", "f/c"]);
}

#[test]
fn what_is_no_tape_is_refused_with_its_line() {
    let message = |text: &str| Tape::parse(text, "t.jsonl").err().unwrap().to_string();
    assert!(message("").contains("line 1: it is empty"));
    assert!(message("hello\n").contains("line 1: this isn't the head of a tape"));
    assert!(message("{\"tape\":2,\"plan_hash\":\"\"}\n").contains("version 2"));
    assert!(message("{\"tape\":1,\"plan_hash\":\"\"}\n\n{}\n").contains("line 3: this isn't an entry"));
    assert!(
        Tape::read(Path::new("/nowhere/t.jsonl")).err().unwrap().to_string().contains("/nowhere/t.jsonl")
    );
}

#[test]
fn bodies_of_any_bytes_survive() {
    for body in [b"{}".to_vec(), vec![0xff, 0, 1], Vec::new()] {
        let answer = HttpAnswer { status: 200, content_type: String::from("x/y"), body };
        assert_eq!(HttpAnswer::from_json(&answer.to_json()), Some(answer));
    }
}
