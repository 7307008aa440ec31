//! Every fault of a server on every wire, as whole runs meet it: the right kind of failure, within the timeout, every
//! attempt's usage counted, the connection closed, no finished call made again, and no key in anything that is said.

#![allow(clippy::disallowed_methods, reason = "tests start processes and servers")]

#[path = "../../runtime/providers/tests/wire/mod.rs"]
mod wire;

use std::io::{ErrorKind, Read as _, Write as _};
use std::net::TcpStream;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, mpsc};
use std::time::{Duration, Instant};

use flow_tests::program::Place;
use flow_tests::server::Server;
use serde_json::Value as Json;
use wire::{WIRES, Wire};

const KEY: &str = "sk-canary-4815162342";
/// Of attempts that hang, in milliseconds.
const TIMEOUT_MS: u64 = 2_000;
/// What a loaded machine may add to it.
const SLACK_MS: u64 = 20_000;
/// So many runs go on at once: most of them wait.
const JOBS: usize = 12;

/// What the server does with an attempt of the second question.
type Answer = fn(&Wire, &mut TcpStream);

/// A row of the table.
struct Fault {
    name: &'static str,
    /// What is done with the first attempt, and with the second if there is one; later ones are answered well.
    attempts: &'static [Answer],
    /// How often the program tries again.
    retry: u32,
    /// The kind that the run fails with; none if it ends well.
    kind: Option<&'static str>,
    /// What the run says of it.
    says: &'static str,
    /// How long the program waits between the two attempts at least.
    pause_ms: u64,
    /// Whether an attempt ends by its time.
    hangs: bool,
    /// Whether the failed attempt told what it took.
    counted: bool,
}

const FAULT: Fault = Fault {
    name: "",
    attempts: &[],
    retry: 1,
    kind: None,
    says: "",
    pause_ms: 0,
    hangs: false,
    counted: false,
};

const FAULTS: &[Fault] = &[
    Fault { name: "none", ..FAULT },
    Fault {
        name: "429 with Retry-After in seconds",
        attempts: &[|_, stream| busy(stream, "Retry-After: 2\r\n")],
        pause_ms: 1_900,
        ..FAULT
    },
    Fault {
        name: "429 with Retry-After as a date",
        attempts: &[|_, stream| busy(stream, &format!("Retry-After: {}\r\n", in_seconds(3)))],
        // A date has no fractions.
        pause_ms: 1_900,
        ..FAULT
    },
    Fault {
        name: "429 without Retry-After",
        attempts: &[|_, stream| busy(stream, "")],
        pause_ms: 100,
        ..FAULT
    },
    Fault {
        name: "429 to the end",
        attempts: &[|_, stream| busy(stream, ""), |_, stream| busy(stream, "")],
        kind: Some("rate_limited"),
        says: "status 429",
        ..FAULT
    },
    Fault {
        name: "429 inside a stream",
        attempts: &[|wire, stream| streamed(wire, stream, &(wire.error)("Rate limit reached"))],
        retry: 0,
        kind: Some("rate_limited"),
        says: "Rate limit reached",
        ..FAULT
    },
    Fault {
        name: "429 inside a stream, then success",
        attempts: &[|wire, stream| streamed(wire, stream, &(wire.error)("Rate limit reached"))],
        ..FAULT
    },
    Fault {
        name: "500, then success",
        attempts: &[|_, stream| status(stream, "500 Internal Server Error", "")],
        ..FAULT
    },
    Fault {
        name: "500 to the end",
        attempts: &[
            |_, stream| status(stream, "500 Internal Server Error", ""),
            |_, stream| status(stream, "500 Internal Server Error", ""),
        ],
        kind: Some("unavailable"),
        says: "status 500",
        ..FAULT
    },
    Fault {
        name: "a refused key",
        attempts: &[|_, stream| status(stream, "401 Unauthorized", "")],
        kind: Some("refused"),
        says: "refuses the key",
        ..FAULT
    },
    Fault {
        name: "hang before the headers",
        attempts: &[|_, stream| wait_for_end(stream)],
        retry: 0,
        kind: Some("timeout"),
        says: "no answer within 2 s",
        hangs: true,
        ..FAULT
    },
    Fault {
        name: "hang in the stream, then success",
        attempts: &[|wire, stream| {
            begin(wire, stream, wire.content_type);
            chunk(stream, wire.piece("half").as_bytes());
            wait_for_end(stream);
        }],
        hangs: true,
        ..FAULT
    },
    Fault {
        name: "cut stream",
        attempts: &[|wire, stream| {
            begin(wire, stream, wire.content_type);
            chunk(stream, wire.piece("half").as_bytes());
        }],
        retry: 0,
        kind: Some("unavailable"),
        says: "broke off in the middle of an answer",
        ..FAULT
    },
    Fault {
        name: "an ended stream without an end, then success",
        attempts: &[|wire, stream| streamed(wire, stream, &wire.piece("half"))],
        ..FAULT
    },
    Fault {
        name: "a stream that fails after it told its usage, then success",
        attempts: &[|wire, stream| streamed(wire, stream, &format!("{}{}", wire.piece("half"), wire.usage))],
        counted: true,
        ..FAULT
    },
    Fault {
        name: "HTML with 200",
        attempts: &[|_, stream| {
            say(stream, &answer("200 OK", "text/html", "", b"<!doctype html><p>hello"));
        }],
        retry: 0,
        kind: Some("unavailable"),
        says: "an HTML page",
        ..FAULT
    },
    Fault {
        name: "an empty answer",
        attempts: &[|wire, stream| say(stream, &answer("200 OK", wire.content_type, "", b""))],
        retry: 0,
        kind: Some("unavailable"),
        says: "sent an empty answer",
        ..FAULT
    },
    Fault {
        name: "an answer of 100 MB",
        attempts: &[|wire, stream| {
            begin(wire, stream, wire.content_type);
            chunk(stream, wire.begin.as_bytes());
            let piece = (wire.text)(&format!("\"{}\"", "x".repeat(1_000_000)));
            let mut sent = 0;
            while sent < 100 && try_chunk(stream, piece.as_bytes()) {
                sent += 1;
            }
            assert!(sent < 60, "{}: {sent} MB were read of an answer that is far too long", wire.name);
        }],
        kind: Some("exhausted"),
        says: "more than 16 MiB",
        ..FAULT
    },
    Fault {
        name: "a line of 100 MB",
        attempts: &[|wire, stream| {
            begin(wire, stream, wire.content_type);
            let piece = vec![b'x'; 1_000_000];
            let mut sent = 0;
            while sent < 100 && try_chunk(stream, &piece) {
                sent += 1;
            }
            assert!(sent < 60, "{}: {sent} MB were read of a line that is far too long", wire.name);
        }],
        kind: Some("exhausted"),
        says: "a line of more than 8 MiB",
        ..FAULT
    },
    Fault {
        name: "invalid UTF-8",
        attempts: &[|wire, stream| {
            let mut bytes = wire.answer("h\u{1}ll").into_bytes();
            let mark = bytes.windows(6).position(|at| at == b"\\u0001").expect("it is in there");
            bytes.splice(mark..mark + 6, [0xff, 0xfe]);
            say(stream, &answer("200 OK", wire.content_type, "", &bytes));
        }],
        retry: 0,
        kind: Some("unavailable"),
        says: "UTF-8",
        ..FAULT
    },
    Fault {
        name: "a raw U+2028",
        attempts: &[|wire, stream| {
            let text = wire.answer("fi\u{2028}ne");
            assert!(text.contains('\u{2028}'), "it isn't raw");
            streamed(wire, stream, &text);
        }],
        says: "fi\u{2028}ne",
        ..FAULT
    },
    Fault {
        name: "a wrong content type",
        attempts: &[|wire, stream| {
            say(stream, &answer("200 OK", "text/plain", "", wire.answer("fine").as_bytes()));
        }],
        ..FAULT
    },
    Fault {
        name: "a redirect",
        attempts: &[|_, stream| {
            // It leads to the second attempt's place: following it would be a request more.
            let location = format!("Location: http://{}/elsewhere\r\n", local(stream));
            status(stream, "307 Temporary Redirect", &location);
        }],
        retry: 0,
        kind: Some("unavailable"),
        says: "redirects to",
        ..FAULT
    },
    Fault {
        name: "a byte a second",
        attempts: &[|wire, stream| {
            begin(wire, stream, wire.content_type);
            for byte in wire.answer("slow").bytes() {
                if !try_chunk(stream, &[byte]) || ended_within(stream, Duration::from_secs(1)) {
                    return;
                }
            }
            panic!("{}: a drip was read to its end", wire.name);
        }],
        retry: 0,
        kind: Some("timeout"),
        says: "no answer within 2 s",
        hangs: true,
        ..FAULT
    },
];

/// A cell of the table: a run of a program that asks twice; the second question meets the fault.
fn cell(wire: &'static Wire, fault: &'static Fault) {
    let asked = Arc::new(AtomicUsize::new(0));
    let first = Arc::new(AtomicUsize::new(0));
    let times = Arc::new(Mutex::new(Vec::new()));
    let (ended, ends) = mpsc::channel();
    let server = {
        let (asked, first, times) = (asked.clone(), first.clone(), times.clone());
        let ended = Mutex::new(ended);
        Server::start(move |request, stream| {
            if !String::from_utf8_lossy(&request.body).contains("second") {
                first.fetch_add(1, Ordering::SeqCst);
                return streamed(wire, stream, &wire.answer("done"));
            }
            let number = asked.fetch_add(1, Ordering::SeqCst);
            times.lock().expect("no thread panicked with it").push(Instant::now());
            match fault.attempts.get(number) {
                Some(attempt) => attempt(wire, stream),
                None => streamed(wire, stream, &wire.answer("fine")),
            }
            // Whoever is gone has closed the connection.
            let _ = ended.lock().expect("no thread panicked with it").send(());
        })
    };
    let api = wire.api.map(|api| format!("api: {api} ")).unwrap_or_default();
    let timeout = if fault.hangs { "2s" } else { "60s" };
    let place = Place::new().set("KEY", KEY);
    place.file(
        "main.flow",
        format!(
            "allow [secret(\"KEY\")]\n\
             model m = \"{}/m\" {{ base_url: \"{}{}\" {api}api_key: secret.KEY }}\n\
             prompt ask(text: string) -> string {{ model: m user: \"${{text}}\" retry: {} timeout: {timeout} }}\n\
             flow main() -> string {{\n  let a = ask(\"first\")\n  let b = ask(\"second ${{a}}\")\n  return b\n}}\n",
            wire.provider,
            server.url(),
            wire.base,
            fault.retry,
        ),
    );
    let ran = place.run(["run", "main.flow", "--json"]);
    let ran = ran.expect(if fault.kind.is_some() { 3 } else { 0 });
    let attempts = fault.attempts.len().max(1).min(fault.retry as usize + 1);
    let attempts = if fault.kind.is_none() && is_fault(fault) { attempts + 1 } else { attempts };
    for _ in 0..attempts {
        ends.recv_timeout(Duration::from_secs(10)).expect("the connection is closed");
    }
    assert!(!ran.stdout.contains(KEY) && !ran.stderr.contains(KEY), "the key is told");
    assert_eq!(first.load(Ordering::SeqCst), 1, "a finished call was made again");
    assert_eq!(asked.load(Ordering::SeqCst), attempts, "{}", ran.stderr);
    let events = ran.json_lines();
    let last = events.last().expect("a run tells of itself");
    let kind = last["error"]["kind"].as_str();
    assert_eq!(kind, fault.kind, "{last}");
    let said = match fault.kind {
        Some(_) => last["error"]["message"].as_str().unwrap_or_default(),
        None => last["result"].as_str().unwrap_or_default(),
    };
    assert!(said.contains(fault.says), "{said}");
    if fault.kind.is_none() && fault.says.is_empty() {
        assert!(said == "fine", "{said}");
    }
    let times = times.lock().expect("no thread panicked with it");
    if let [one, two, ..] = times[..] {
        let pause_ms = two.duration_since(one).as_millis() as u64;
        assert!(pause_ms >= fault.pause_ms, "only {pause_ms} ms between two attempts");
    }
    let told = |kind: &str| events.iter().filter(|event| event["event"] == kind).cloned().collect::<Vec<_>>();
    if fault.hangs {
        let failed = [told("attempt_failed"), told("step_failed")].concat();
        let took = failed.first().and_then(|event| event["duration_ms"].as_u64()).expect("it took a time");
        assert!((TIMEOUT_MS..TIMEOUT_MS + SLACK_MS).contains(&took), "it took {took} ms");
    }
    // The first question, what the fault told, and the last answer.
    let counted = 1 + u64::from(fault.counted && !wire.usage.is_empty()) + u64::from(fault.kind.is_none());
    let usage = &last["usage"];
    assert_eq!(
        (usage["input_tokens"].as_u64(), usage["output_tokens"].as_u64()),
        (Some(5 * counted), Some(2 * counted)),
        "{last}"
    );
}

/// Whether the row's first answer is one that has to be tried again.
fn is_fault(fault: &Fault) -> bool {
    !matches!(fault.name, "none" | "a raw U+2028" | "a wrong content type")
}

#[test]
fn every_fault_on_every_wire() {
    let cells: Vec<_> = WIRES.iter().flat_map(|wire| FAULTS.iter().map(move |fault| (wire, fault))).collect();
    assert!(cells.len() >= 3 * FAULTS.len());
    // Built before the clocks run.
    flow_tests::program::flowc();
    let next = AtomicUsize::new(0);
    let broken = Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for _ in 0..JOBS {
            scope.spawn(|| {
                while let Some((wire, fault)) = cells.get(next.fetch_add(1, Ordering::SeqCst)) {
                    let run = std::panic::catch_unwind(|| cell(wire, fault));
                    if let Err(panic) = run {
                        let why = panic
                            .downcast_ref::<String>()
                            .cloned()
                            .or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned()));
                        let line = format!("{}, {}: {}", wire.name, fault.name, why.unwrap_or_default());
                        broken.lock().expect("no thread panicked with it").push(line);
                    }
                }
            });
        }
    });
    let broken = broken.into_inner().expect("no thread panicked with it");
    assert!(broken.is_empty(), "{} of {} cells:\n{}", broken.len(), cells.len(), broken.join("\n\n"));
}

fn answer(status: &str, kind: &str, headers: &str, body: &[u8]) -> Vec<u8> {
    let head = format!(
        "HTTP/1.1 {status}\r\nContent-Type: {kind}\r\n{headers}Content-Length: {}\r\nConnection: close\r\n\r\n",
        body.len()
    );
    [head.as_bytes(), body].concat()
}

/// An error of the server's own; it echoes the key, as some do.
fn status(stream: &mut TcpStream, status: &str, headers: &str) {
    let body = format!("{{\"error\":{{\"message\":\"no, {KEY}\"}}}}");
    say(stream, &answer(status, "application/json", headers, body.as_bytes()));
}

fn busy(stream: &mut TcpStream, headers: &str) {
    status(stream, "429 Too Many Requests", headers);
}

/// A stream of these bytes, whole as HTTP has it.
fn streamed(wire: &Wire, stream: &mut TcpStream, text: &str) {
    begin(wire, stream, wire.content_type);
    chunk(stream, text.as_bytes());
    say(stream, b"0\r\n\r\n");
}

fn begin(_: &Wire, stream: &mut TcpStream, kind: &str) {
    let head = format!("HTTP/1.1 200 OK\r\nContent-Type: {kind}\r\nTransfer-Encoding: chunked\r\n\r\n");
    say(stream, head.as_bytes());
}

fn chunk(stream: &mut TcpStream, bytes: &[u8]) {
    try_chunk(stream, bytes);
}

/// Sends a chunk, unless the other side is gone.
fn try_chunk(stream: &mut TcpStream, bytes: &[u8]) -> bool {
    if bytes.is_empty() {
        return true;
    }
    let head = format!("{:x}\r\n", bytes.len());
    stream.write_all(&[head.as_bytes(), bytes, b"\r\n"].concat()).is_ok()
}

fn say(stream: &mut TcpStream, bytes: &[u8]) {
    // Some faults make the other side go before all is said.
    let _ = stream.write_all(bytes);
}

/// Waits until the other side closes the connection.
fn wait_for_end(stream: &mut TcpStream) {
    assert!(ended_within(stream, Duration::from_secs(40)), "the connection stays open");
}

fn ended_within(stream: &mut TcpStream, time: Duration) -> bool {
    stream.set_read_timeout(Some(time)).expect("a time above zero");
    match stream.read(&mut [0; 64]) {
        Ok(count) => count == 0,
        Err(error) => !matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut),
    }
}

fn local(stream: &TcpStream) -> String {
    stream.local_addr().map(|address| address.to_string()).unwrap_or_default()
}

/// Some seconds from now, as HTTP writes it.
fn in_seconds(seconds: i64) -> String {
    let then = jiff::Timestamp::now() + jiff::SignedDuration::from_secs(seconds);
    jiff::fmt::rfc2822::DateTimePrinter::new().timestamp_to_rfc9110_string(&then).expect("a date of this era")
}

#[test]
fn the_end_of_a_run_is_what_the_table_reads() {
    // The matrix reads these fields of the last event; without them it would compare nothing with nothing.
    let server = Server::start(|_, stream| streamed(&WIRES[0], stream, &WIRES[0].answer("x")));
    let place = Place::new();
    let program = format!(
        "model m = \"openai/m\" {{ base_url: \"{}\" }}\nprompt p() -> string {{ model: m user: \"?\" }}\n\
         flow main() -> string {{ let a = p() return a }}\n",
        server.url()
    );
    place.file("main.flow", program);
    let ran = place.run(["run", "main.flow", "--json"]).expect(0);
    let last: Json = ran.json_lines().pop().expect("a run tells of itself");
    assert_eq!((&last["event"], &last["result"]), (&Json::from("run_finished"), &Json::from("x")));
    assert_eq!(last["usage"]["output_tokens"], 2);
}
