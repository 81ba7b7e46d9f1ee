//! An HTTP server on loopback that answers, or misbehaves, as it is told.
#![expect(
    clippy::unwrap_used,
    reason = "a test's helpers may panic as the test may"
)]

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use serde_json::Value;

/// What goes back over the connection.
pub(crate) enum Reply {
    /// A response with this status and body.
    Http(u16, String),
    /// These octets and the end of the connection.
    Raw(Vec<u8>),
    /// The same octets again and again, with a pause between, until the other side has enough.
    Again {
        first: Vec<u8>,
        then: Vec<u8>,
        pause: Duration,
    },
    /// Nothing, and no end.
    Silence,
}

/// Listens until it is dropped, and keeps the questions it got.
pub(crate) struct FakeNode {
    pub(crate) url: String,
    questions: Arc<Mutex<Vec<Value>>>,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl FakeNode {
    pub(crate) fn new(reply: impl Fn(&Value) -> Reply + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let stop = Arc::new(AtomicBool::new(false));
        let questions = Arc::new(Mutex::new(Vec::new()));
        let (stopped, asked) = (stop.clone(), questions.clone());
        let thread = thread::spawn(move || {
            let reply = &reply;
            thread::scope(|scope| {
                for stream in listener.incoming() {
                    if stopped.load(Ordering::SeqCst) {
                        break;
                    }
                    let (stopped, asked) = (&stopped, &asked);
                    // The other side goes away in the midst: that is its right.
                    scope.spawn(move || serve(stream.unwrap(), reply, asked, stopped).ok());
                }
            });
        });
        Self {
            url,
            questions,
            stop,
            thread: Some(thread),
        }
    }

    /// Methods and parameters of the questions so far.
    pub(crate) fn questions(&self) -> Vec<(String, Value)> {
        let questions = self.questions.lock().unwrap();
        let parts = |q: &Value| {
            (
                q["method"].as_str().unwrap().to_owned(),
                q["params"].clone(),
            )
        };
        questions.iter().map(parts).collect()
    }
}

impl Drop for FakeNode {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::SeqCst);
        let _ = TcpStream::connect(self.url.trim_start_matches("http://"));
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn serve(
    stream: TcpStream,
    reply: &(impl Fn(&Value) -> Reply + Sync),
    asked: &Mutex<Vec<Value>>,
    stop: &AtomicBool,
) -> std::io::Result<()> {
    stream.set_read_timeout(Some(Duration::from_millis(50)))?;
    stream.set_write_timeout(Some(Duration::from_secs(300)))?;
    let mut reader = BufReader::new(stream.try_clone()?);
    let mut stream = stream;
    while let Some(question) = question(&mut reader, stop)? {
        asked.lock().unwrap().push(question.clone());
        match reply(&question) {
            Reply::Http(status, body) => {
                let head = format!(
                    "HTTP/1.1 {status} Whatever\r\ncontent-length: {}\r\n\r\n",
                    body.len()
                );
                stream.write_all(head.as_bytes())?;
                stream.write_all(body.as_bytes())?;
            }
            Reply::Raw(octets) => return stream.write_all(&octets),
            Reply::Again { first, then, pause } => {
                stream.write_all(&first)?;
                while !stop.load(Ordering::SeqCst) {
                    stream.write_all(&then)?;
                    thread::sleep(pause);
                }
            }
            Reply::Silence => {
                while !stop.load(Ordering::SeqCst) {
                    thread::sleep(Duration::from_millis(10));
                }
            }
        }
    }
    Ok(())
}

/// The next question on a connection, or `None` at its end.
fn question(
    reader: &mut BufReader<TcpStream>,
    stop: &AtomicBool,
) -> std::io::Result<Option<Value>> {
    let mut len = 0;
    let mut line = String::new();
    loop {
        match reader.read_line(&mut line) {
            Ok(0) => return Ok(None),
            Ok(_) => {}
            // Nothing yet; what has come of the line is kept.
            Err(_) if !stop.load(Ordering::SeqCst) => continue,
            Err(error) => return Err(error),
        }
        let header = line.trim().to_ascii_lowercase();
        if let Some(value) = header.strip_prefix("content-length:") {
            len = value.trim().parse().unwrap();
        }
        line.clear();
        if header.is_empty() {
            break;
        }
    }
    let mut body = vec![0; len];
    let mut at = 0;
    while at < len {
        match reader.read(&mut body[at..]) {
            Ok(0) => return Ok(None),
            Ok(read) => at += read,
            // Not yet: whoever asks may be kept from going on for any time.
            Err(_) if !stop.load(Ordering::SeqCst) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(Some(serde_json::from_slice(&body)?))
}
