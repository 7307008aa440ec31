//! A server that says exactly the bytes that a test wants, on a port of its own.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Notify;

pub struct Server {
    port: u16,
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    requests: Mutex<Vec<String>>,
    connections: AtomicUsize,
    asked: Notify,
    ended: Notify,
}

impl Server {
    /// Says these bytes to every request, then closes.
    pub async fn once(answer: Vec<u8>) -> Server {
        Server::start(move |_, _| answer.clone(), Then::Close).await
    }

    /// Says these bytes, then waits for the other side to close.
    #[allow(dead_code, reason = "not every test that uses this server needs all of it")]
    pub async fn holding(beginning: Vec<u8>) -> Server {
        Server::start(move |_, _| beginning.clone(), Then::Hold).await
    }

    /// Answers each request, by its number and text, on connections that stay open; an empty answer closes its own.
    #[allow(dead_code, reason = "not every test that uses this server needs all of it")]
    pub async fn answering(answer: impl Fn(usize, &str) -> Vec<u8> + Send + Sync + 'static) -> Server {
        Server::start(answer, Then::Next).await
    }

    async fn start(answer: impl Fn(usize, &str) -> Vec<u8> + Send + Sync + 'static, then: Then) -> Server {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let shared = Arc::new(Shared::default());
        let server = Server { port, shared: shared.clone() };
        let answer = Arc::new(answer);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                shared.connections.fetch_add(1, Ordering::SeqCst);
                tokio::spawn(serve(stream, shared.clone(), answer.clone(), then));
            }
        });
        server
    }

    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// The head and body of each request so far.
    #[allow(dead_code, reason = "not every test that uses this server needs all of it")]
    pub fn requests(&self) -> Vec<String> {
        self.shared.requests.lock().unwrap().clone()
    }

    #[allow(dead_code, reason = "not every test that uses this server counts")]
    pub fn connections(&self) -> usize {
        self.shared.connections.load(Ordering::SeqCst)
    }

    /// Waits until a request has come.
    #[allow(dead_code, reason = "not every test that uses this server waits")]
    pub async fn has_request(&self) {
        self.shared.asked.notified().await;
    }

    /// Waits until the other side has closed its connection.
    #[allow(dead_code, reason = "not every test that uses this server waits")]
    pub async fn saw_end(&self) {
        self.shared.ended.notified().await;
    }
}

#[allow(dead_code, reason = "not every test that uses this server needs all of it")]
#[derive(Clone, Copy)]
enum Then {
    Close,
    Hold,
    Next,
}

async fn serve(
    mut stream: TcpStream,
    shared: Arc<Shared>,
    answer: Arc<impl Fn(usize, &str) -> Vec<u8>>,
    then: Then,
) {
    while let Some(request) = read_request(&mut stream).await {
        let number = {
            let mut requests = shared.requests.lock().unwrap();
            requests.push(request.clone());
            requests.len() - 1
        };
        shared.asked.notify_one();
        let answer = answer(number, &request);
        if stream.write_all(&answer).await.is_err() {
            break;
        }
        match then {
            Then::Next if answer.is_empty() => break,
            Then::Next => {}
            Then::Close => {
                let _ = stream.shutdown().await;
                // What the other side still sends is read, lest the answer be lost in a reset.
                let mut rest = [0; 4096];
                while matches!(stream.read(&mut rest).await, Ok(count) if count > 0) {}
                break;
            }
            Then::Hold => {
                let mut rest = [0; 64];
                while matches!(stream.read(&mut rest).await, Ok(count) if count > 0) {}
                break;
            }
        }
    }
    shared.ended.notify_one();
}

async fn read_request(stream: &mut TcpStream) -> Option<String> {
    let mut bytes = Vec::new();
    let mut piece = [0; 16 * 1024];
    loop {
        if let Some(head) = bytes.windows(4).position(|end| end == b"\r\n\r\n") {
            let text = String::from_utf8_lossy(&bytes[..head]).to_ascii_lowercase();
            let length = text
                .lines()
                .find_map(|line| line.strip_prefix("content-length:")?.trim().parse::<usize>().ok())
                .unwrap_or(0);
            if bytes.len() >= head + 4 + length {
                return Some(String::from_utf8_lossy(&bytes).into_owned());
            }
        }
        match stream.read(&mut piece).await {
            Ok(count) if count > 0 => bytes.extend_from_slice(&piece[..count]),
            _ => return None,
        }
    }
}

/// An answer with a body of known length.
pub fn http(status: &str, content_type: &str, headers: &str, body: &str) -> Vec<u8> {
    let kind =
        if content_type.is_empty() { String::new() } else { format!("Content-Type: {content_type}\r\n") };
    format!("HTTP/1.1 {status}\r\n{kind}{headers}Content-Length: {}\r\n\r\n{body}", body.len()).into_bytes()
}

/// A streamed answer, each piece a chunk.
#[allow(dead_code, reason = "not every test that uses this server streams")]
pub fn chunked(content_type: &str, pieces: &[&str]) -> Vec<u8> {
    let mut out = stream_head(content_type);
    for piece in pieces {
        chunk(&mut out, piece.as_bytes());
    }
    out.extend_from_slice(b"0\r\n\r\n");
    out
}

/// A streamed answer of these bytes, so many to a chunk.
#[allow(dead_code, reason = "not every test that uses this server streams")]
pub fn chunked_bytes(content_type: &str, bytes: &[u8], size: usize) -> Vec<u8> {
    let mut out = stream_head(content_type);
    bytes.chunks(size).for_each(|piece| chunk(&mut out, piece));
    out.extend_from_slice(b"0\r\n\r\n");
    out
}

fn stream_head(content_type: &str) -> Vec<u8> {
    format!("HTTP/1.1 200 OK\r\nContent-Type: {content_type}\r\nTransfer-Encoding: chunked\r\n\r\n")
        .into_bytes()
}

fn chunk(out: &mut Vec<u8>, piece: &[u8]) {
    // An empty one would be the end.
    if piece.is_empty() {
        return;
    }
    out.extend_from_slice(format!("{:x}\r\n", piece.len()).as_bytes());
    out.extend_from_slice(piece);
    out.extend_from_slice(b"\r\n");
}

/// The address of a port on which nobody listens.
#[allow(dead_code, reason = "not every test that uses this server needs none")]
pub async fn nobody() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    format!("http://{}", listener.local_addr().unwrap())
}
