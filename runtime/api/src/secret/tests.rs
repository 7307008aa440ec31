use super::*;

const VALUE: &str = "CANARY\"quo te\\x/\u{e9}+%\n";

fn knowing(values: &[&str]) -> Scrubber {
    let scrubber = Scrubber::default();
    values.iter().for_each(|value| scrubber.learn(&Secret::new(*value)));
    scrubber
}

/// Every way in which servers send a value back.
fn spellings(value: &str) -> Vec<String> {
    let json = |text: &str| {
        let quoted = serde_json::Value::from(text).to_string();
        quoted[1..quoted.len() - 1].to_owned()
    };
    let percent = |keeps: fn(u8) -> bool, upper: bool| {
        let each = value.bytes().map(|byte| match (keeps(byte), upper) {
            (true, _) => char::from(byte).to_string(),
            (false, true) => format!("%{byte:02X}"),
            (false, false) => format!("%{byte:02x}"),
        });
        each.collect::<String>()
    };
    vec![
        value.to_owned(),
        json(value),
        json(&json(value)),
        json(value).replace('/', "\\/").replace('\u{e9}', "\\u00e9"),
        percent(|byte| byte.is_ascii_alphanumeric(), true),
        percent(|byte| byte.is_ascii_alphanumeric() || byte == b'/', false),
        percent(|byte| byte.is_ascii_alphanumeric(), true).replace("%20", "+"),
        percent(|_| false, true),
        STANDARD_NO_PAD.encode(value),
        URL_SAFE_NO_PAD.encode(value),
        json(&STANDARD_NO_PAD.encode(value)).replace('/', "\\/"),
    ]
}

#[test]
fn every_spelling_of_a_value_is_masked() {
    let scrubber = knowing(&[VALUE]);
    for spelling in spellings(VALUE) {
        assert_eq!(
            scrubber.scrub(&format!("bad key {spelling}, \\ and 5 % more")),
            "bad key ***, \\ and 5 % more"
        );
    }
    assert!(matches!(scrubber.scrub("nothing CANARY here \\"), Cow::Borrowed(_)));
}

#[test]
fn values_that_overlap_leave_nothing() {
    let scrubber = knowing(&["abcdef", "Bearer abcdefgh", "efghijkl"]);
    assert_eq!(scrubber.scrub("<Bearer abcdefghijkl> <abcdef>"), "<***> <***>");
    assert_eq!(knowing(&["short"]).scrub("short"), "short");
}

#[test]
fn a_stream_shows_no_piece_of_a_value() {
    let scrubber = knowing(&[VALUE, "sk-CANARYmodel888", "88-next-key"]);
    let mut texts: Vec<_> = spellings(VALUE).iter().map(|spelling| format!("a CAN {spelling} b")).collect();
    texts.push(String::from("a sk-CANARYmodel888-next-key, sk-CANARYmode b sk-"));
    for text in texts {
        let expected = scrubber.scrub(&text).into_owned();
        for size in 1..text.chars().count() + 1 {
            let mut stream = scrubber.stream();
            let characters: Vec<_> = text.chars().collect();
            let mut shown = String::new();
            for piece in characters.chunks(size) {
                shown.push_str(&stream.push(&piece.iter().collect::<String>()));
                assert!(expected.starts_with(&shown), "{shown:?} of {expected:?}");
            }
            shown.push_str(&stream.finish());
            assert_eq!(shown, expected, "in pieces of {size}");
        }
    }
}

#[test]
fn what_can_be_no_secret_is_shown_at_once() {
    let mut stream = knowing(&["sk-CANARYmodel888"]).stream();
    assert_eq!(stream.push("hello s"), "hello ");
    assert_eq!(stream.push("ky"), "sky");
    assert_eq!(Scrubber::default().stream().push("s"), "s");
}

#[test]
fn urls_are_shown_without_what_opens_them() {
    let check = |url: &str, expected: &str| assert_eq!(public_url(url), expected);
    check("http://user:CANARYpw@127.0.0.1:1/v1", "http://***@127.0.0.1:1/v1");
    check(
        "https://h/v1?key=CANARY&version=2&X-Api-Key=b#f",
        "https://h/v1?key=***&version=2&X-Api-Key=***#f",
    );
    check("http://h/a@b?c=d@e", "http://h/a@b?c=d@e");
    check("me:CANARY@h", "***@h");
    check("", "");
    let secrets = url_secrets("http://user:CANARYpw@h/?token=CANARYtoken");
    let values: Vec<_> = secrets.iter().map(Secret::expose).collect();
    assert_eq!(values, ["user:CANARYpw", "CANARYpw", "CANARYtoken"]);
}
