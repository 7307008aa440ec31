//! A thousand answers that come at the same time, in one process.

#![allow(clippy::disallowed_methods, reason = "tests start processes")]

use std::process::Stdio;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use flow_tests::program::Place;
use flow_tests::server::stream_events;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Barrier;

const STREAMS: usize = 1_000;
const KIB_MAX: u64 = 200 * 1024;

/// The most memory that a process has had so far, in KiB; `None` when it is gone.
fn peak_kib(pid: u32) -> Option<u64> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.trim().trim_end_matches(" kB").parse().ok()
}

/// Sends half of an answer, waits until every other one is so far, and sends the rest.
async fn talk(mut stream: TcpStream, all: Arc<Barrier>) -> std::io::Result<()> {
    let mut request = Vec::new();
    while !ends(&request) {
        if stream.read_buf(&mut request).await? == 0 {
            return Ok(());
        }
    }
    let events = stream_events("one half and the other half");
    let body: usize = events.iter().map(String::len).sum();
    let head =
        format!("HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ncontent-length: {body}\r\n\r\n");
    let (first, rest) = events.split_at(2);
    stream.write_all(head.as_bytes()).await?;
    stream.write_all(first.concat().as_bytes()).await?;
    all.wait().await;
    stream.write_all(rest.concat().as_bytes()).await
}

/// Whether a request is whole.
fn ends(request: &[u8]) -> bool {
    let text = String::from_utf8_lossy(request).to_ascii_lowercase();
    let Some(head) = text.find("\r\n\r\n") else { return false };
    let length =
        text.lines().find_map(|line| line.strip_prefix("content-length:")?.trim().parse::<usize>().ok());
    request.len() >= head + 4 + length.unwrap_or(0)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_thousand_streams_at_once_take_little_memory() {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let url = format!("http://{}/v1", listener.local_addr().expect("bound"));
    let all = Arc::new(Barrier::new(STREAMS + 1));
    let (count, of_server) = (Arc::new(AtomicU64::new(0)), all.clone());
    let counts = count.clone();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            counts.fetch_add(1, Ordering::SeqCst);
            tokio::spawn(talk(stream, of_server.clone()));
        }
    });
    let place = Place::new().set("OPENAI_API_KEY", "sk-canary-of-a-thousand").set("OPENAI_BASE_URL", url);
    place.file("flow.toml", format!("[models.limits.openai]\nconcurrency = {STREAMS}\n"));
    place.file("inputs.json", serde_json::json!({"xs": (0..STREAMS).collect::<Vec<_>>()}).to_string());
    place.file(
        "main.flow",
        format!(
            "model default = \"openai/local\" {{ retry: 0, timeout: 5m }}\nprompt ask(n: int) -> string {{ user: \"say ${{n}}\" }}\nflow main(xs: [int](..{STREAMS})) -> int {{\n  let ys = parallel for x in xs jobs {STREAMS} {{\n    let y = ask(x)\n    yield y\n  }}\n  return ys.size()\n}}\n"
        ),
    );
    let mut child = place
        .command(["run", ".", "--stream", "--input", "inputs.json"])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("flowc starts");
    let pid = child.id();
    let ended = tokio::task::spawn_blocking(move || {
        let mut out = String::new();
        let mut stdout = child.stdout.take().expect("piped");
        std::io::Read::read_to_string(&mut stdout, &mut out).ok();
        (child.wait().expect("it ends"), out)
    });
    // Every stream has begun, and none is at its end.
    let held = tokio::time::timeout(std::time::Duration::from_secs(240), all.wait()).await;
    assert!(held.is_ok(), "only {} streams were open at once", count.load(Ordering::SeqCst));
    let mut peak = peak_kib(pid).expect("it runs");
    while !ended.is_finished() {
        peak = peak.max(peak_kib(pid).unwrap_or_default());
        tokio::time::sleep(std::time::Duration::from_millis(1)).await;
    }
    let (status, out) = ended.await.expect("it was waited for");
    assert!(status.success(), "{status}");
    assert_eq!(out.trim(), STREAMS.to_string());
    assert_eq!(count.load(Ordering::SeqCst), STREAMS as u64, "a connection each");
    let told = format!("{STREAMS} streams at once: {} MiB at most\n", peak / 1024);
    std::io::Write::write_all(&mut std::io::stderr(), told.as_bytes()).ok();
    assert!(peak < KIB_MAX, "{told}");
}
