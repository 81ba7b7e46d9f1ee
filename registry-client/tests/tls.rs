//! A node behind TLS whose certificate nobody vouches for.
#![cfg(feature = "http")]
#![expect(
    clippy::unwrap_used,
    reason = "a test's helpers may panic as the test may"
)]

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use alloy_primitives::B256;
use callseal_registry_client::{HttpTransport, Limits, Transport, TransportError};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ServerConfig, ServerConnection, Stream};
use ureq::tls::{Certificate, RootCerts, TlsConfig};

/// Made for this test: a root of its own, and what it says of 127.0.0.1, from 2020 to 2120.
const ROOT: &[u8] = include_bytes!("tls/root.pem");
const CERTIFICATE: &[u8] = include_bytes!("tls/server.pem");
const KEY: &[u8] = include_bytes!("tls/server.key.pem");

/// No time at all for any machine.
const LIMITS: Limits = Limits {
    connect: Duration::from_secs(300),
    answer: Duration::from_secs(300),
    answer_len: 1024,
};

const ANSWER: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-length: 4\r\nconnection: close\r\n\r\nnull";

/// A server that answers whatever it is asked, to whoever believes that it is itself.
struct TlsNode {
    url: String,
    connections: Arc<AtomicUsize>,
    /// What it was asked, in octets.
    asked: Arc<Mutex<Vec<u8>>>,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl TlsNode {
    fn new() -> Self {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let chain = vec![CertificateDer::from_pem_slice(CERTIFICATE).unwrap()];
        let key = PrivateKeyDer::from_pem_slice(KEY).unwrap();
        let config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(chain, key)
            .unwrap();
        let config = Arc::new(config);
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("https://{}", listener.local_addr().unwrap());
        let stop = Arc::new(AtomicBool::new(false));
        let connections = Arc::new(AtomicUsize::new(0));
        let asked = Arc::new(Mutex::new(Vec::new()));
        let (stopped, counted, heard) = (stop.clone(), connections.clone(), asked.clone());
        let thread = thread::spawn(move || {
            for stream in listener.incoming() {
                if stopped.load(Ordering::SeqCst) {
                    break;
                }
                counted.fetch_add(1, Ordering::SeqCst);
                // The other side goes away in the midst: that is its right.
                serve(stream.unwrap(), config.clone(), &heard).ok();
            }
        });
        Self {
            url,
            connections,
            asked,
            stop,
            thread: Some(thread),
        }
    }
}

impl Drop for TlsNode {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::SeqCst);
        let _ = TcpStream::connect(self.url.trim_start_matches("https://"));
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn serve(
    mut stream: TcpStream,
    config: Arc<ServerConfig>,
    heard: &Mutex<Vec<u8>>,
) -> std::io::Result<()> {
    let mut connection = ServerConnection::new(config).unwrap();
    let mut tls = Stream::new(&mut connection, &mut stream);
    let mut octets = [0; 1024];
    loop {
        let read = tls.read(&mut octets)?;
        let mut heard = heard.lock().unwrap();
        heard.extend(&octets[..read]);
        if read == 0 || heard.windows(4).any(|end| end == b"\r\n\r\n") {
            break;
        }
    }
    tls.write_all(ANSWER)?;
    tls.flush()?;
    tls.conn.send_close_notify();
    tls.conn.complete_io(tls.sock)?;
    Ok(())
}

#[test]
fn a_node_whose_certificate_nobody_vouches_for_is_told_nothing() {
    let node = TlsNode::new();
    let mut transport = HttpTransport::with_limits(&node.url, LIMITS).unwrap();
    let refusal = transport.header(B256::ZERO).unwrap_err();
    let TransportError::Unreachable { cause, .. } = refusal else {
        panic!("{refusal}");
    };
    assert!(cause.contains("certificate"), "{cause}");
    assert!(node.connections.load(Ordering::SeqCst) > 0);
    assert!(node.asked.lock().unwrap().is_empty());

    // It is the certificate: whoever trusts its root is answered.
    let root = Certificate::from_pem(ROOT).unwrap();
    let tls = TlsConfig::builder().root_certs(RootCerts::new_with_certs(&[root]));
    let agent: ureq::Agent = ureq::Agent::config_builder()
        .tls_config(tls.build())
        .proxy(None)
        .build()
        .into();
    let mut answer = agent.get(&node.url).call().unwrap();
    assert_eq!(answer.body_mut().read_to_string().unwrap(), "null");
    assert!(node.asked.lock().unwrap().starts_with(b"GET / HTTP/1.1"));
}
