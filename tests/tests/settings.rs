//! Walks the table of settings: each takes a value that it can have, refuses one that it can't, and is reported where it
//! doesn't belong.

#![allow(clippy::disallowed_methods, reason = "tests start processes")]

#[path = "../../runtime/providers/tests/wire/mod.rs"]
mod wire;

use flow_check::settings::{Kind, SETTINGS};
use flow_diagnostics::Code;
use flow_tests::compile;
use flow_tests::program::Place;
use flow_tests::server::Server;

const HEAD: &str = "model default = \"openai/gpt-5.1\"\n\
    allow [net(\"example.com\"), secret(\"KEY\"), exec(\"git\"), mcp(\"jira\")]\n";

/// The kinds of declaration that have settings of the table; `with` and `budget` stand in a flow.
const KINDS: [Kind; 14] = [
    Kind::Prompt,
    Kind::Agent,
    Kind::Tool,
    Kind::Human,
    Kind::Event,
    Kind::Model,
    Kind::Budget,
    Kind::Memory,
    Kind::Trigger,
    Kind::Server,
    Kind::Eval,
    Kind::WithModel,
    Kind::WithTool,
    Kind::WithTime,
];

/// A program in which `name: value` is the last setting of a declaration of this kind, on line 3. The other settings are
/// those that the declaration needs.
fn program(kind: Kind, name: &str, value: &str) -> String {
    let with = |needed: &[(&str, &str)]| {
        let others = needed.iter().filter(|(other, _)| *other != name);
        let mut fields: Vec<String> = others.map(|(other, value)| format!("{other}: {value}")).collect();
        fields.push(format!("{name}: {value}"));
        fields.join("  ")
    };
    let flow = |call: &str| format!("flow main(x: string) -> string {{ let y = {call}  return y }}\n");
    let line = match kind {
        Kind::Prompt => format!("prompt p(_x: string) -> string {{ {} }}", with(&[("user", "\"?\"")])),
        Kind::Agent => {
            let needed = [("user", "\"?\""), ("max_turns", "3")];
            format!("agent a(_x: string) -> string {{ {} }}", with(&needed))
        }
        Kind::Tool => {
            let needed: &[(&str, &str)] = match name {
                "get" | "put" | "patch" | "delete" | "post" | "run" | "mcp" | "python" => &[],
                "stdin" | "cwd" | "env" | "exit" => &[("run", "[\"git\"]")],
                "limits" | "runtime" => &[("python", "\"return 1\"")],
                "retry" => &[("get", "\"https://example.com\"")],
                _ => &[("post", "\"https://example.com\"")],
            };
            format!("tool t(_x: string) -> json {{ {} }}", with(needed))
        }
        Kind::Human => {
            let needed = [("message", "\"?\""), ("timeout", "1h")];
            format!("human h(_x: string) -> string {{ {} }}", with(&needed))
        }
        Kind::Event => {
            let needed = [("via", "webhook(\"/x\")"), ("timeout", "1h")];
            format!("event e(_x: string) -> json {{ {} }}", with(&needed))
        }
        Kind::Model if name == "api_version" => {
            format!("model m = \"gemini/gemini-2.5-flash\" {{ {} }}", with(&[]))
        }
        Kind::Model => format!("model m = \"openai/gpt-5.1\" {{ {} }}", with(&[])),
        Kind::Budget => format!("flow main(x: string) -> string {{ budget {{ {} }} return x }}", with(&[])),
        Kind::Memory if name == "embed" => format!("memory m: string = vector {{ {} }}", with(&[])),
        Kind::Memory => format!("memory m: [string: int] = kv {{ {} }}", with(&[])),
        Kind::Server if name == "headers" => {
            format!("tool s = mcp(\"https://example.com\") {{ {} }}", with(&[]))
        }
        Kind::Server => format!("tool s = mcp(\"npx jira\") {{ {} }}", with(&[])),
        Kind::WithModel => {
            let node = "prompt p(x: string) -> string { user: \"${x}\" }\n";
            return format!("{HEAD}{}{node}", flow(&format!("p(x) with {{{name}: {value}}}")));
        }
        Kind::WithTool => {
            let node = "tool t(x: string) -> string { get: \"https://example.com/${x}\" }\n";
            return format!("{HEAD}{}{node}", flow(&format!("t(x) with {{{name}: {value}}}")));
        }
        Kind::WithTime => {
            let other = "flow f(x: string) -> string { return x }\n";
            return format!("{HEAD}{}{other}", flow(&format!("f(x) with {{{name}: {value}}}")));
        }
        Kind::Trigger => {
            let source = match name {
                "timezone" | "overlap" => "cron(\"0 6 * * 1\")",
                "token" => "telegram",
                _ => "webhook(\"/x\", body: json)",
            };
            format!("trigger t = {source} => main() {{ {} }}\nflow main() {{ }}", with(&[]))
        }
        Kind::Eval => {
            let fields = with(&[("cases", "\"cases.jsonl\"")]);
            format!("eval e of main {{ {fields} }}\nflow main(x: string) -> string {{ return x }}")
        }
    };
    format!("{HEAD}{line}\n")
}

/// A value that the setting can have.
fn right(kind: Kind, name: &str) -> &'static str {
    match name {
        "model" => "\"openai/gpt-4.1-mini\"",
        "mcp" => "\"jira/find\"",
        "system" | "user" | "assistant" | "finish" | "message" | "stdin" | "cwd" => "\"text\"",
        "history" => "[{role: \"user\", content: \"Hello\"}]",
        "dedupe" => "body.id as string",
        "reply" => "accepted",
        "token" => "secret.KEY",
        "timezone" => "\"Europe/Paris\"",
        "overlap" => "skip",
        "cases" => "\"cases.jsonl\"",
        "repair" | "retry" | "repeat" | "jobs" => "2",
        "timeout" | "ttl" | "time" => "30s",
        "temperature" | "top_p" | "usd" => "0.5",
        "max_tokens" | "seed" | "tokens" => "400",
        "max_turns" => "4",
        "stop" => "[\"END\"]",
        "thinking" => "high",
        "cache" => "true",
        "api" => "chat",
        "base_url" => "\"http://127.0.0.1:8080/v1\"",
        "api_version" => "\"v1\"",
        "api_key" => "secret.KEY",
        "headers" | "env" => "{authorization: \"Bearer ${secret.KEY}\"}",
        "query" => "{q: \"x\"}",
        "body" => "{a: [1, 2]}",
        "tools" => "[now]",
        "on_error" => "fail",
        "get" | "post" | "put" | "patch" | "delete" => "\"https://example.com/\"",
        "decode" => "json",
        "idempotent" => "by _x",
        "limit" => "64KB",
        "run" => "[\"git\", \"status\"]",
        "exit" => "[0, 1]",
        "python" => "\"return 1\"",
        "limits" => "{cpu: 1s, memory: 64MB, wall: 2s}",
        "runtime" => "monty",
        "via" if kind == Kind::Event => "webhook(\"/x\")",
        "via" => "trusted telegram(_x)",
        "match" => "body.id == _x",
        "verify" => "hmac(secret.KEY)",
        "scope" => "project",
        "embed" => "\"openai/text-embedding-3-small\"",
        other => panic!("no value of `{other}` is known to this test"),
    }
}

fn found(kind: Kind, name: &str, value: &str) -> (String, Vec<compile::Found>) {
    let text = program(kind, name, value);
    // What can't run yet isn't wrong, and what the head allows isn't all needed.
    let quiet = [Code::NotRunnable, Code::UnusedAuthority];
    let all = compile::check(&[(String::from("main.flow"), text.clone().into_bytes())]);
    (text, all.into_iter().filter(|one| !quiet.contains(&one.code)).collect())
}

fn rows() -> impl Iterator<Item = (Kind, &'static str)> {
    SETTINGS.iter().flat_map(|row| {
        let kinds = row.kinds.iter().filter(|kind| KINDS.contains(kind));
        kinds.map(|kind| (*kind, row.name))
    })
}

fn none(gaps: Vec<String>) {
    assert!(gaps.is_empty(), "\n{}\n", gaps.join("\n"));
}

#[test]
fn every_setting_takes_a_right_value() {
    let mut gaps = Vec::new();
    for (kind, name) in rows() {
        let (text, all) = found(kind, name, right(kind, name));
        if !all.is_empty() {
            gaps.push(format!("{text}{}", compile::listed(&all)));
        }
    }
    none(gaps);
}

#[test]
fn every_setting_refuses_a_wrong_value() {
    let mut gaps = Vec::new();
    // Any value may be a body.
    for (kind, name) in rows().filter(|(_, name)| *name != "body") {
        // A number is no text, and too small where one is asked; `by` goes with one setting only.
        for wrong in ["-3.5", "by _x"] {
            if wrong != "-3.5" && (name == "idempotent" || format!("{kind:?}").starts_with("With")) {
                continue;
            }
            let (text, all) = found(kind, name, wrong);
            if all.len() != 1 || all[0].line != 3 || all[0].code.info().code.starts_with("E01") {
                gaps.push(format!("{text}{}", compile::listed(&all)));
            }
        }
    }
    none(gaps);
}

#[test]
fn every_setting_has_its_kinds() {
    let mut gaps = Vec::new();
    for row in SETTINGS {
        for kind in KINDS.into_iter().filter(|kind| !row.kinds.contains(kind)) {
            let (text, all) = found(kind, row.name, "\"x\"");
            if all.iter().map(|one| one.code).ne([Code::UnknownSetting]) {
                gaps.push(format!("{text}{}", compile::listed(&all)));
            }
        }
    }
    none(gaps);
}

/// What is sent to the server of a model when a prompt is asked: the request of the one call, without what is the same
/// of every request. `others` are settings that stand for those of the same name.
fn request(provider: &str, of_model: &[(&str, &str)], of_prompt: &[(&str, &str)]) -> String {
    use std::io::Write as _;
    let server = Server::start(|request, stream| {
        let wire = match request.path.as_str() {
            path if path.ends_with("/responses") => &wire::OPENAI_RESPONSES,
            path if path.ends_with("/api/chat") => &wire::OLLAMA,
            path if path.contains("GenerateContent") => &wire::GEMINI,
            _ => &wire::OPENAI_CHAT,
        };
        let body = wire.answer("fine");
        let head = format!(
            "HTTP/1.1 200 OK\r\nContent-Type: {}\r\nContent-Length: {}\r\n",
            wire.content_type,
            body.len()
        );
        let _ = write!(stream, "{head}Connection: close\r\n\r\n{body}");
    });
    let fields = |needed: &[(&str, String)], given: &[(&str, &str)]| {
        let others = needed.iter().filter(|(name, _)| given.iter().all(|(own, _)| own != name));
        let others = others.map(|(name, value)| format!("{name}: {value}"));
        let given = given.iter().map(|(name, value)| format!("{name}: {value}"));
        others.chain(given).collect::<Vec<_>>().join("  ")
    };
    let url = [("base_url", format!("\"{}\"", server.url()))];
    let of_model = fields(&url, of_model);
    let of_prompt = fields(&[("user", String::from("\"?\"")), ("model", String::from("m"))], of_prompt);
    let place = Place::new().set("KEY", "of-the-test");
    let program = format!(
        "allow [secret(\"KEY\")]\nmodel m = \"{provider}/m\" {{ {of_model} }}\n\
         model n = \"{provider}/n\" {{ {of_model} }}\nprompt p() -> string {{ {of_prompt} }}\n\
         flow main() -> string {{ let y = p() return y }}\n"
    );
    place.file("main.flow", program.replace("SERVER", &server.url()));
    place.run(["run", "main.flow"]).expect(0);
    let requests = server.requests();
    assert_eq!(requests.len(), 1, "{program}");
    let mut headers = requests[0].headers.clone();
    headers.retain(|(name, _)| !matches!(name.as_str(), "host" | "content-length" | "idempotency-key"));
    headers.sort();
    format!("{} {headers:?} {}", requests[0].path, String::from_utf8_lossy(&requests[0].body))
}

/// Of the settings of prompts and models each is in the request, but for those that say what is done with the answer.
#[test]
fn every_setting_of_a_model_reaches_its_server() {
    let mut gaps = Vec::new();
    let plain = |provider| request(provider, &[], &[]);
    for (kind, name) in rows().filter(|(kind, _)| matches!(kind, Kind::Prompt | Kind::Model)) {
        let (provider, value) = match name {
            "retry" | "repair" | "timeout" => continue,
            "model" => ("openai", "n"),
            "api" => ("openai", "responses"),
            "base_url" => ("openai", "\"SERVER/elsewhere\""),
            "cache" => ("ollama", "1h"),
            "api_version" => ("gemini", "\"v1\""),
            _ => ("openai", right(kind, name)),
        };
        let given = [(name, value)];
        let told = match kind {
            Kind::Model => request(provider, &given, &[]),
            _ => request(provider, &[], &given),
        };
        if told == plain(provider) {
            gaps.push(format!("`{name}: {value}` of {} changes nothing:\n{told}", kind.as_str()));
        }
    }
    none(gaps);
}
