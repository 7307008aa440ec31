//! HTTP servers on loopback that do as a test wants, also what no server should: a thread per connection.

use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::{Value as Json, json};

/// Bytes of a request's body at most.
const BODY_MAX: usize = 16 << 20;

/// A request as it came.
#[derive(Clone, Debug)]
pub struct Request {
    /// `POST`.
    pub method: String,
    /// With its query.
    pub path: String,
    /// Names in lower case.
    pub headers: Vec<(String, String)>,
    /// Its body.
    pub body: Vec<u8>,
}

impl Request {
    /// Returns the body as JSON; null if it isn't.
    pub fn json(&self) -> Json {
        serde_json::from_slice(&self.body).unwrap_or(Json::Null)
    }

    /// Returns a header by its name in lower case.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// Returns the text of the last message of a model's request.
    pub fn question(&self) -> String {
        let body = self.json();
        let last =
            body["messages"].as_array().and_then(|messages| messages.last()).cloned().unwrap_or(Json::Null);
        match &last["content"] {
            Json::String(text) => text.clone(),
            parts => parts[0]["text"].as_str().unwrap_or_default().to_owned(),
        }
    }
}

/// A server; it stops when it is dropped.
pub struct Server {
    address: SocketAddr,
    requests: Arc<Mutex<Vec<Request>>>,
    stopped: Arc<AtomicBool>,
}

impl Server {
    /// Starts a server that hands each request, and its connection, to a function. The connection is closed afterwards.
    pub fn start(answer: impl Fn(&Request, &mut TcpStream) + Send + Sync + 'static) -> Server {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port of this machine");
        let address = listener.local_addr().expect("a bound socket has an address");
        let requests = Arc::new(Mutex::new(Vec::new()));
        let stopped = Arc::new(AtomicBool::new(false));
        let answer = Arc::new(answer);
        let (kept, end) = (requests.clone(), stopped.clone());
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                if end.load(Ordering::Relaxed) {
                    break;
                }
                let (answer, kept) = (answer.clone(), kept.clone());
                std::thread::spawn(move || {
                    let mut stream = stream;
                    if let Some(request) = read(&stream) {
                        kept.lock().expect("no thread panicked with it").push(request.clone());
                        answer(&request, &mut stream);
                    }
                });
            }
        });
        Server { address, requests, stopped }
    }

    /// Returns `http://127.0.0.1:PORT`.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Returns every request so far, in order of arrival.
    pub fn requests(&self) -> Vec<Request> {
        self.requests.lock().expect("no thread panicked with it").clone()
    }

    /// Forgets the requests so far.
    pub fn forget(&self) {
        self.requests.lock().expect("no thread panicked with it").clear();
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stopped.store(true, Ordering::Relaxed);
        // A last connection, so that the thread sees it.
        TcpStream::connect_timeout(&self.address, Duration::from_millis(100)).ok();
    }
}

fn read(stream: &TcpStream) -> Option<Request> {
    stream.set_read_timeout(Some(Duration::from_secs(30))).ok()?;
    request(&mut BufReader::new(stream))
}

/// Reads a request; `None` if there is none.
pub(crate) fn request(reader: &mut impl BufRead) -> Option<Request> {
    let mut line = String::new();
    reader.read_line(&mut line).ok()?;
    let mut words = line.split_whitespace();
    let (method, path) = (words.next()?.to_owned(), words.next()?.to_owned());
    let mut headers = Vec::new();
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).ok()?;
        let Some((name, value)) = line.trim_end().split_once(':') else { break };
        headers.push((name.to_ascii_lowercase(), value.trim().to_owned()));
    }
    let length =
        headers.iter().find(|(name, _)| name == "content-length").map(|(_, value)| value.parse::<usize>());
    let mut body = vec![0; length.unwrap_or(Ok(0)).ok()?.min(BODY_MAX)];
    reader.read_exact(&mut body).ok()?;
    Some(Request { method, path, headers, body })
}

/// Writes a whole response.
pub fn respond(stream: &mut TcpStream, status: &str, content_type: &str, headers: &str, body: &[u8]) {
    let head = format!(
        "HTTP/1.1 {status}\r\ncontent-type: {content_type}\r\ncontent-length: {}\r\nconnection: close\r\n{headers}\r\n",
        body.len()
    );
    // Whoever has gone away in the meantime is no fault of the server.
    let _ = stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(body));
}

/// Writes a JSON response.
pub fn respond_json(stream: &mut TcpStream, body: &Json) {
    respond(stream, "200 OK", "application/json", "", body.to_string().as_bytes());
}

/// Answers a request on OpenAI's chat wire with a text, streamed if that is asked for.
pub fn say(request: &Request, stream: &mut TcpStream, text: &str) {
    let usage = json!({"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 15});
    if request.json()["stream"] != true {
        let message = json!({"role": "assistant", "content": text});
        let choice = json!({"index": 0, "message": message, "finish_reason": "stop"});
        return respond_json(
            stream,
            &json!({"id": "c1", "object": "chat.completion", "model": "local", "choices": [choice], "usage": usage}),
        );
    }
    let mut body = String::new();
    for event in stream_events(text) {
        body.push_str(&event);
    }
    respond(stream, "200 OK", "text/event-stream", "", body.as_bytes());
}

/// Returns the events of a streamed answer, the last one included.
pub fn stream_events(text: &str) -> Vec<String> {
    let chunk = |delta: Json, finish: Json| {
        let choice = json!({"index": 0, "delta": delta, "finish_reason": finish});
        let chunk =
            json!({"id": "c1", "object": "chat.completion.chunk", "model": "local", "choices": [choice]});
        format!("data: {chunk}\n\n")
    };
    let mut events = vec![chunk(json!({"role": "assistant", "content": ""}), Json::Null)];
    let letters: Vec<char> = text.chars().collect();
    for piece in letters.chunks(letters.len().div_ceil(2).max(1)) {
        events.push(chunk(json!({"content": piece.iter().collect::<String>()}), Json::Null));
    }
    events.push(chunk(json!({}), json!("stop")));
    let usage = json!({"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 15});
    let last = json!({"id": "c1", "object": "chat.completion.chunk", "model": "local", "choices": [], "usage": usage});
    events.push(format!("data: {last}\n\n"));
    events.push(String::from("data: [DONE]\n\n"));
    events
}
