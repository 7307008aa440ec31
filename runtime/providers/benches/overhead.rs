//! What a call costs this side in processor time: `cargo bench -p flow-providers`. Goals: 150 µs for a call, 2 µs for a
//! streamed token.

#![allow(clippy::disallowed_methods, reason = "it measures")]
#![allow(clippy::print_stdout, reason = "figures are what a benchmark is for")]

use std::io::{Read, Write};
use std::net::TcpListener;
use std::time::{Duration, Instant};

use flow_providers::Registry;
use flow_runtime_api::{Call, Message, ResolvedModel, Role, Scrubber};

const CALLS: u32 = 500;
const TOKENS: u32 = 20_000;

fn main() {
    let short = answer(1);
    let long = answer(TOKENS);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");

    let begun = Instant::now();
    let registry = Registry::new(Scrubber::default());
    let provider = registry.provider("openai").expect("it is there");
    let url = serve(short);
    let ask = |url: &str| {
        let model =
            ResolvedModel { model: "m".into(), base_url: Some(url.to_owned()), ..ResolvedModel::default() };
        let call = Call { messages: vec![Message::text(Role::User, "hi")], ..Call::default() };
        runtime
            .block_on(async { provider.ask(&model, &call, &mut |_| {}).await })
            .map_err(|(failure, _)| failure)
    };
    let cpu = cpu();
    ask(&url).expect("an answer");
    println!("first call          {:>9.1} µs CPU, {:?} in all", micros(cpu), begun.elapsed());

    let cpu = self::cpu();
    for _ in 0..CALLS {
        ask(&url).expect("an answer");
    }
    let per_call = micros(cpu) / f64::from(CALLS);
    println!("a call              {per_call:>9.1} µs CPU");

    let url = serve(long);
    ask(&url).expect("an answer");
    let cpu = self::cpu();
    ask(&url).expect("an answer");
    println!("a streamed token    {:>9.2} µs CPU", (micros(cpu) - per_call) / f64::from(TOKENS));
}

fn answer(tokens: u32) -> Vec<u8> {
    let mut out =
        b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n".to_vec();
    let mut event = |data: &str| {
        let event = format!("data: {data}\n\n");
        out.extend_from_slice(format!("{:x}\r\n{event}\r\n", event.len()).as_bytes());
    };
    for _ in 0..tokens {
        event(
            r#"{"id":"chatcmpl-ABfw1e5abtU8OwGr15vOreYVb2MiF","object":"chat.completion.chunk","created":1727346169,"model":"gpt-4o-2024-08-06","system_fingerprint":"fp_5050236cbd","choices":[{"index":0,"delta":{"content":" word"},"logprobs":null,"finish_reason":null}]}"#,
        );
    }
    event(r#"{"choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}"#);
    event("[DONE]");
    out.extend_from_slice(b"0\r\n\r\n");
    out
}

/// Answers every request on a thread of its own, which isn't measured.
fn serve(answer: Vec<u8>) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let url = format!("http://{}", listener.local_addr().expect("an address"));
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let (Ok(mut stream), answer) = (stream, answer.clone()) else { continue };
            std::thread::spawn(move || {
                let mut request = vec![0; 64 * 1024];
                while matches!(stream.read(&mut request), Ok(count) if count > 0) {
                    if stream.write_all(&answer).is_err() {
                        break;
                    }
                }
            });
        }
    });
    url
}

/// Returns the processor time of this thread.
fn cpu() -> Duration {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    Duration::from_nanos(text.split(' ').next().and_then(|nanos| nanos.parse().ok()).unwrap_or_default())
}

fn micros(since: Duration) -> f64 {
    (cpu() - since).as_secs_f64() * 1e6
}
