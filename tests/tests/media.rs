//! Images and files in the text of a prompt: they reach the model's server where they stand, and nowhere else.

#![allow(clippy::disallowed_methods, reason = "tests start processes")]

#[path = "../../runtime/providers/tests/wire/mod.rs"]
mod wire;

use std::io::Write as _;

use flow_tests::program::Place;
use flow_tests::server::Server;
use serde_json::{Value as Json, json};

const PROGRAM: &str = r#"model m = "openai/m" { base_url: "SERVER" }

prompt compare(what: string, photos: [image](..4), paper: file) -> string {
  model: m
  user: """
    Which ${what}?
    ${for photo in photos}
    ${photo}
    ${end}
    See ${paper}
    """
}

flow main(what: string, photos: [image](..4), paper: file) -> string {
  let answer = compare(what, photos, paper)
  return answer
}
"#;

#[test]
fn what_stands_in_a_message_is_sent_in_its_place() {
    let server = Server::start(|_, stream| {
        let body = wire::OPENAI_CHAT.answer("the first");
        let _ = write!(
            stream,
            "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
            body.len()
        );
    });
    let place = Place::new();
    place.file("main.flow", PROGRAM.replace("SERVER", &server.url()));
    let inputs = json!({
        "what": "one",
        "photos": ["data:image/png;base64,AAAA", "https://example.com/b.webp"],
        "paper": {"mime": "application/pdf", "data": "BBBB"},
    });
    let file = place.file("inputs.json", inputs.to_string());
    let ran = place.run(["run", "main.flow", "--input", &file.display().to_string()]).expect(0);
    assert_eq!(ran.json(), json!("the first"));
    let sent: Json = server.requests()[0].json();
    let image = |url: &str| json!({"type": "image_url", "image_url": {"url": url}});
    let text = |text: &str| json!({"type": "text", "text": text});
    assert_eq!(
        sent["messages"][0]["content"],
        json!([
            text("Which one?\n"),
            image("data:image/png;base64,AAAA"),
            text("\n"),
            image("https://example.com/b.webp"),
            text("\nSee "),
            {"type": "file", "file": {"filename": "file.pdf", "file_data": "data:application/pdf;base64,BBBB"}},
        ])
    );
}
