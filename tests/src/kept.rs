//! Servers on loopback that keep their connections open and count them, with TLS if a test wants it, and a proxy.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

use crate::server::{Request, request};

/// A server; its threads end with the process.
pub struct Kept {
    address: SocketAddr,
    is_tls: bool,
    seen: Arc<Seen>,
}

#[derive(Default)]
struct Seen {
    requests: Mutex<Vec<Request>>,
    connections: AtomicUsize,
}

trait Line: Read + Write + Send {}
impl<T: Read + Write + Send> Line for T {}

/// What a server answers: a body of a type.
pub type Said = (&'static str, Vec<u8>);

impl Kept {
    /// Starts a server that answers each request with a body of a type.
    pub fn start(answer: impl Fn(&Request) -> Said + Send + Sync + 'static) -> Kept {
        Kept::serve(None, answer)
    }

    /// Starts one with a certificate for `127.0.0.1` and `models.invalid`, by an authority that nobody knows; see
    /// [`authority`].
    pub fn start_tls(answer: impl Fn(&Request) -> Said + Send + Sync + 'static) -> Kept {
        let of = |name: &str| fixture(name);
        let chain = vec![CertificateDer::from_pem_file(of("server.pem")).expect("a certificate")];
        let key = PrivateKeyDer::from_pem_file(of("server.key")).expect("a key");
        let config = rustls::ServerConfig::builder().with_no_client_auth().with_single_cert(chain, key);
        Kept::serve(Some(Arc::new(config.expect("they belong together"))), answer)
    }

    fn serve(
        tls: Option<Arc<rustls::ServerConfig>>,
        answer: impl Fn(&Request) -> Said + Send + Sync + 'static,
    ) -> Kept {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port of this machine");
        let address = listener.local_addr().expect("a bound socket has an address");
        let seen = Arc::new(Seen::default());
        let kept = Kept { address, is_tls: tls.is_some(), seen: seen.clone() };
        let answer = Arc::new(answer);
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (answer, seen, tls) = (answer.clone(), seen.clone(), tls.clone());
                seen.connections.fetch_add(1, Ordering::SeqCst);
                std::thread::spawn(move || {
                    let line: Box<dyn Line> = match tls {
                        None => Box::new(stream),
                        Some(config) => match rustls::ServerConnection::new(config) {
                            Ok(connection) => Box::new(rustls::StreamOwned::new(connection, stream)),
                            Err(_) => return,
                        },
                    };
                    talk(BufReader::new(line), &seen, &*answer);
                });
            }
        });
        kept
    }

    /// Returns `http://127.0.0.1:PORT`, or `https://…`.
    pub fn url(&self) -> String {
        format!("{}://{}", if self.is_tls { "https" } else { "http" }, self.address)
    }

    /// Returns its address.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Returns every request so far.
    pub fn requests(&self) -> Vec<Request> {
        self.seen.requests.lock().expect("no thread panicked with it").clone()
    }

    /// Returns how many connections were made.
    pub fn connections(&self) -> usize {
        self.seen.connections.load(Ordering::SeqCst)
    }
}

fn talk(mut line: BufReader<Box<dyn Line>>, seen: &Seen, answer: &dyn Fn(&Request) -> Said) {
    while let Some(request) = request(&mut line) {
        seen.requests.lock().expect("no thread panicked with it").push(request.clone());
        let (content_type, body) = answer(&request);
        let head = format!(
            "HTTP/1.1 200 OK\r\ncontent-type: {content_type}\r\ncontent-length: {}\r\n\r\n",
            body.len()
        );
        let out = line.get_mut();
        if out
            .write_all(head.as_bytes())
            .and_then(|()| out.write_all(&body))
            .and_then(|()| out.flush())
            .is_err()
        {
            return;
        }
    }
}

/// Returns the file with the authority's certificate of [`Kept::start_tls`].
pub fn authority() -> PathBuf {
    fixture("ca.pem")
}

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/tls").join(name)
}

/// A proxy that leads everything to one server, whatever it was meant for.
pub struct Proxy {
    address: SocketAddr,
    heads: Arc<Mutex<Vec<String>>>,
}

impl Proxy {
    /// Starts a proxy in front of a server.
    pub fn start(target: SocketAddr) -> Proxy {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port of this machine");
        let address = listener.local_addr().expect("a bound socket has an address");
        let heads = Arc::new(Mutex::new(Vec::new()));
        let kept = heads.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let kept = kept.clone();
                std::thread::spawn(move || lead(stream, target, &kept));
            }
        });
        Proxy { address, heads }
    }

    /// Returns `HOST:PORT`.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Returns the head of every connection so far: its first line and its headers.
    pub fn heads(&self) -> Vec<String> {
        self.heads.lock().expect("no thread panicked with it").clone()
    }
}

/// Leads one connection on; `None` when either side is gone.
fn lead(client: TcpStream, target: SocketAddr, heads: &Mutex<Vec<String>>) -> Option<()> {
    let mut reader = BufReader::new(client.try_clone().ok()?);
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        if reader.read_line(&mut head).ok()? == 0 {
            return None;
        }
    }
    heads.lock().expect("no thread panicked with it").push(head.clone());
    let mut server = TcpStream::connect(target).ok()?;
    let mut back = client.try_clone().ok()?;
    if head.starts_with("CONNECT ") {
        back.write_all(b"HTTP/1.1 200 Connection established\r\n\r\n").ok()?;
    } else {
        server.write_all(head.as_bytes()).ok()?;
    }
    server.write_all(reader.buffer()).ok()?;
    let mut answers = server.try_clone().ok()?;
    std::thread::spawn(move || std::io::copy(&mut answers, &mut back));
    std::io::copy(&mut reader.into_inner(), &mut server).ok()?;
    Some(())
}
