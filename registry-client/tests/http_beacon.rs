//! A beacon node behind HTTP may say anything, for any length of time.
#![cfg(feature = "http")]
#![expect(
    clippy::unwrap_used,
    reason = "a test's helpers may panic as the test may"
)]

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::Duration;

use alloy_primitives::B256;
use callseal_registry_client::light::{Beacon, json};
use callseal_registry_client::{HttpBeacon, Limits, TransportError};
use callseal_testvectors::light_client::DEVNET;

/// Serves one connection after another; gives the paths that were asked for.
fn serve(
    reply: impl Fn(&mut TcpStream) -> std::io::Result<()> + Send + 'static,
) -> (String, Receiver<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let (asked, paths) = channel();
    thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            stream.set_write_timeout(Some(LONG)).unwrap();
            let mut lines = BufReader::new(stream.try_clone().unwrap()).lines();
            let first = lines.next().unwrap().unwrap();
            let path = first.split(' ').nth(1).unwrap().to_owned();
            for line in lines {
                if line.unwrap().is_empty() {
                    break;
                }
            }
            // The other side goes away in the midst: that is its right.
            let _ = reply(&mut stream);
            if asked.send(path).is_err() {
                return;
            }
        }
    });
    (url, paths)
}

fn body(status: &'static str, text: String) -> impl Fn(&mut TcpStream) -> std::io::Result<()> {
    move |stream| {
        write!(
            stream,
            "HTTP/1.1 {status}\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{text}",
            text.len()
        )
    }
}

/// No time at all for any machine.
const LONG: Duration = Duration::from_secs(300);

const LIMITS: Limits = Limits {
    connect: LONG,
    answer: LONG,
    answer_len: 100_000,
};

/// For nodes that never get done.
const SHORT: Limits = Limits {
    answer: Duration::from_millis(300),
    ..LIMITS
};

fn beacon(url: &str) -> HttpBeacon {
    HttpBeacon::with_limits(url, LIMITS).unwrap()
}

#[test]
fn objects_come_from_the_paths_that_the_beacon_api_names() {
    let (url, paths) = serve(body("200 OK", DEVNET.updates[2].into()));
    // A server may live below a path of its own.
    let update = beacon(&format!("{url}/key/")).update(2).unwrap();
    assert!(update.next_sync_committee.is_some());
    assert_eq!(
        paths.recv().unwrap(),
        "/key/eth/v1/beacon/light_client/updates?start_period=2&count=1"
    );

    let (url, paths) = serve(body("200 OK", DEVNET.finality_update.into()));
    assert!(beacon(&url).finality_update().is_ok());
    assert_eq!(
        paths.recv().unwrap(),
        "/eth/v1/beacon/light_client/finality_update"
    );

    let (url, paths) = serve(body("200 OK", DEVNET.bootstrap.into()));
    let root = B256::repeat_byte(0xab);
    assert!(beacon(&url).bootstrap(root).is_ok());
    assert_eq!(
        paths.recv().unwrap(),
        format!("/eth/v1/beacon/light_client/bootstrap/{root}")
    );

    let text = format!(r#"{{"data":{{"root":"{root}"}}}}"#);
    let (url, paths) = serve(body("200 OK", text));
    assert_eq!(beacon(&url).block_root(7).unwrap(), Some(root));
    assert_eq!(paths.recv().unwrap(), "/eth/v1/beacon/blocks/7/root");

    // As the beacon API writes it; the signature is not read.
    let text = format!(
        r#"{{"execution_optimistic":false,"finalized":true,"data":{{"root":"{root}","canonical":true,"header":{{
            "message":{{"slot":"7","proposer_index":"3","parent_root":"{root}","state_root":"{root}","body_root":"{root}"}},
            "signature":"0x00"}}}}}}"#
    );
    let (url, paths) = serve(body("200 OK", text));
    let header = beacon(&url).block_header(root).unwrap();
    assert_eq!((header.slot, header.parent_root), (7, root));
    assert_eq!(
        paths.recv().unwrap(),
        format!("/eth/v1/beacon/headers/{root}")
    );
    let text = json::block_header_text(&header);
    assert_eq!(json::block_header(text.as_bytes()), Ok(header));
}

#[test]
fn what_is_no_object_is_an_error_that_names_the_node() {
    let cases = [
        ("404 Not Found", r#"{"code":404}"#),
        ("200 OK", ""),
        ("200 OK", "<html>busy</html>"),
        ("200 OK", r#"{"data":{}}"#),
        ("200 OK", r#"{"version":"gloas","data":{}}"#),
        ("200 OK", "[[[[[[[["),
        ("302 Found", "elsewhere"),
    ];
    for (status, text) in cases {
        let (url, _paths) = serve(body(status, text.into()));
        let error = beacon(&url).finality_update().unwrap_err();
        assert!(
            matches!(
                error,
                TransportError::Refused { .. } | TransportError::Nonsense { .. }
            ),
            "{status} {text}: {error}"
        );
        assert!(error.to_string().contains(&url), "{error}");
    }
    let (url, _paths) = serve(body("200 OK", "[]".into()));
    let error = beacon(&url).update(5).unwrap_err();
    assert!(
        error.to_string().contains("no update for period 5"),
        "{error}"
    );
}

#[test]
fn endless_and_huge_answers_are_cut_off() {
    let endless = |stream: &mut TcpStream| {
        stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n{\"data\":\"")?;
        loop {
            stream.write_all(&[b'a'; 4_096])?;
        }
    };
    let (url, _paths) = serve(endless);
    let error = beacon(&url).finality_update().unwrap_err();
    assert!(
        matches!(error, TransportError::TooLong { limit: 100_000, .. }),
        "{error}"
    );

    let (url, _paths) = serve(body("200 OK", "a".repeat(100_001)));
    let error = beacon(&url).finality_update().unwrap_err();
    assert!(matches!(error, TransportError::TooLong { .. }), "{error}");
}

#[test]
fn silent_and_slow_nodes_run_out_of_time() {
    // Until the other side has enough.
    let silent = |stream: &mut TcpStream| stream.read(&mut [0]).map(drop);
    let slow = |stream: &mut TcpStream| {
        stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 50000\r\n\r\n")?;
        loop {
            stream.write_all(b" ")?;
            thread::sleep(Duration::from_millis(50));
        }
    };
    for (url, _paths) in [serve(silent), serve(slow)] {
        let mut beacon = HttpBeacon::with_limits(&url, SHORT).unwrap();
        let error = beacon.finality_update().unwrap_err();
        assert!(matches!(error, TransportError::TimedOut { .. }), "{error}");
    }
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    let error = beacon(&url).finality_update().unwrap_err();
    assert!(
        matches!(error, TransportError::Unreachable { .. }),
        "{error}"
    );
}
