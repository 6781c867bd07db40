//! A server that answers by a script, and remembers what it was asked.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// A question that came.
#[derive(Clone, Debug)]
pub struct Seen {
    /// `GET /v2/...`.
    pub line: String,
    /// Names in lower case.
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
    /// How many came before it.
    pub number: usize,
}

impl Seen {
    pub fn get(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// The first byte of a range.
    pub fn from(&self) -> Option<usize> {
        self.get("range")?.strip_prefix("bytes=")?.strip_suffix('-')?.parse().ok()
    }
}

pub struct Answer {
    pub status: u16,
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
    /// What it says of its length, where that is none of the body's.
    pub length: Option<usize>,
    /// In pieces, without a length.
    pub chunked: bool,
    /// After the body, of which more was promised, it says nothing and does not hang up.
    pub stalls: bool,
    /// Instead of anything else.
    pub raw: Option<Vec<u8>>,
}

impl Answer {
    pub fn new(status: u16, body: &[u8]) -> Answer {
        Answer {
            status,
            headers: Vec::new(),
            body: body.to_vec(),
            length: None,
            chunked: false,
            stalls: false,
            raw: None,
        }
    }

    pub fn header(mut self, name: &str, value: impl Into<String>) -> Answer {
        self.headers.push((name.into(), value.into()));
        self
    }

    /// The body says it is longer than it is.
    pub fn promising(mut self, length: usize) -> Answer {
        self.length = Some(length);
        self
    }

    pub fn stalling(mut self) -> Answer {
        self.stalls = true;
        self
    }

    pub fn chunked(mut self) -> Answer {
        self.chunked = true;
        self
    }

    /// An honest answer to a question for `body`, in part where that was asked for.
    pub fn part(seen: &Seen, body: &[u8]) -> Answer {
        match seen.from() {
            Some(from) => Answer::new(206, &body[from..])
                .header("content-range", format!("bytes {from}-{}/{}", body.len() - 1, body.len())),
            None => Answer::new(200, body),
        }
    }
}

/// What a connection is made into before it is heard: TLS, mostly.
pub type Wrap = dyn Fn(TcpStream) -> Option<Box<dyn ReadWrite>> + Send + Sync;

pub trait ReadWrite: Read + Write {}

impl<T: Read + Write> ReadWrite for T {}

type Script = dyn Fn(&Seen) -> Answer + Send + Sync;

pub struct Lying {
    pub port: u16,
    shared: Arc<Shared>,
    accepting: Option<std::thread::JoinHandle<()>>,
}

struct Shared {
    script: Box<Script>,
    wrap: Box<Wrap>,
    plain: bool,
    seen: Mutex<Vec<Seen>>,
    over: AtomicBool,
}

impl Lying {
    pub fn new(script: impl Fn(&Seen) -> Answer + Send + Sync + 'static) -> Lying {
        Lying::start(Box::new(|stream| Some(Box::new(stream))), true, Box::new(script))
    }

    pub fn wrapped(wrap: Box<Wrap>, script: impl Fn(&Seen) -> Answer + Send + Sync + 'static) -> Lying {
        Lying::start(wrap, false, Box::new(script))
    }

    fn start(wrap: Box<Wrap>, plain: bool, script: Box<Script>) -> Lying {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let port = listener.local_addr().expect("an address").port();
        let (seen, over) = (Mutex::default(), AtomicBool::new(false));
        let shared = Arc::new(Shared { script, wrap, plain, seen, over });
        let ours = shared.clone();
        let accepting = std::thread::spawn(move || {
            for stream in listener.incoming() {
                if ours.over.load(Ordering::SeqCst) {
                    return;
                }
                let (Ok(stream), shared) = (stream, ours.clone()) else { continue };
                std::thread::spawn(move || shared.serve(stream));
            }
        });
        Lying { port, shared, accepting: Some(accepting) }
    }

    pub fn seen(&self) -> Vec<Seen> {
        self.shared.seen.lock().expect("not poisoned").clone()
    }
}

impl Drop for Lying {
    fn drop(&mut self) {
        self.shared.over.store(true, Ordering::SeqCst);
        let _ = TcpStream::connect(("127.0.0.1", self.port));
        let _ = self.accepting.take().expect("running").join();
    }
}

impl Shared {
    fn serve(&self, stream: TcpStream) {
        let mut first = [0];
        if stream.peek(&mut first).is_ok() && first == [0x16] && self.plain {
            // TLS, which a server without it calls a bad request.
            let mut stream = stream;
            let _ = stream.read(&mut [0; 4096]);
            let _ = stream.write_all(b"HTTP/1.0 400 Bad Request\r\n\r\n");
            return;
        }
        let Some(mut stream) = (self.wrap)(stream) else { return };
        let Some(mut seen) = question(&mut *stream) else { return };
        {
            let mut all = self.seen.lock().expect("not poisoned");
            seen.number = all.len();
            all.push(seen.clone());
        }
        let _ = self.answer(&mut *stream, (self.script)(&seen));
    }

    fn answer(&self, stream: &mut dyn ReadWrite, answer: Answer) -> std::io::Result<()> {
        if let Some(raw) = answer.raw {
            stream.write_all(&raw)?;
            return stream.flush();
        }
        let mut head = format!("HTTP/1.1 {} Said\r\nConnection: close\r\n", answer.status);
        for (name, value) in &answer.headers {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
        if answer.chunked {
            head.push_str("Transfer-Encoding: chunked\r\n\r\n");
            stream.write_all(head.as_bytes())?;
            for piece in answer.body.chunks(1000) {
                write!(stream, "{:x}\r\n", piece.len())?;
                stream.write_all(piece)?;
                stream.write_all(b"\r\n")?;
            }
            stream.write_all(b"0\r\n\r\n")?;
        } else {
            head.push_str(&format!("Content-Length: {}\r\n\r\n", answer.length.unwrap_or(answer.body.len())));
            stream.write_all(head.as_bytes())?;
            stream.write_all(&answer.body)?;
        }
        stream.flush()?;
        while answer.stalls && !self.over.load(Ordering::SeqCst) {
            std::thread::sleep(Duration::from_millis(10));
        }
        Ok(())
    }
}

fn question(stream: &mut dyn ReadWrite) -> Option<Seen> {
    let mut reader = BufReader::new(stream);
    let mut line = String::new();
    reader.read_line(&mut line).ok().filter(|count| *count > 0)?;
    let mut headers = Vec::new();
    loop {
        let mut header = String::new();
        reader.read_line(&mut header).ok()?;
        let Some((name, value)) = header.trim_end().split_once(": ") else { break };
        headers.push((name.to_ascii_lowercase(), value.to_string()));
    }
    let line = line.trim_end().trim_end_matches(" HTTP/1.1").to_string();
    let mut seen = Seen { line, headers, body: Vec::new(), number: 0 };
    if let Some(length) = seen.get("content-length").and_then(|value| value.parse().ok()) {
        seen.body = vec![0; length];
        reader.read_exact(&mut seen.body).ok()?;
    }
    Some(seen)
}
