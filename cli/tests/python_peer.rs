//! Calls with the second implementation, which was written in Python from
//! `sts/PROTOCOL.md` alone.
#![cfg(unix)]
#![allow(
    clippy::unwrap_used,
    reason = "whatever is not as expected fails the test"
)]

mod support;

use std::env;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use callseal::demo::subscribers::{Enrolled, Subscriber, enrol};
use serde_json::Value;
use support::devnet::Devnet;
use support::node::Node;
use support::phones::{Phone, Running, short_speech};
use support::{folder, of_repository, text};

/// A second of speech.
const SECOND: u16 = 50;
const RUST: &str = "+8613800000001";
const PYTHON: &str = "+8613800000002";

#[test]
#[ignore = "needs Python with peers/python/requirements.txt: set CALLSEAL_PYTHON to its interpreter"]
fn we_call_the_python_phone() {
    for mux in [false, true] {
        let world = World::new(SECOND);
        let mut python = world.python("listen", mux, &["--bind", "127.0.0.1:0"]);
        let ports = python.listens_on();
        // Its RTCP port is named first, RTP after it.
        let callee = format!("{PYTHON}@127.0.0.1:{}", ports.last().unwrap());
        let mut call = world.phone.call(&callee);
        call.args(["--send", text(&world.words)]);
        if mux {
            call.arg("--mux");
        }
        let ours = Running::start(&mut call).finish().expect_code(0).json();
        compare(&ours, &python.finish(), "caller", SECOND);
    }
}

#[test]
#[ignore = "needs Python with peers/python/requirements.txt: set CALLSEAL_PYTHON to its interpreter"]
fn the_python_phone_calls_us() {
    for mux in [false, true] {
        let world = World::new(SECOND);
        let mut listen = world.phone.listen();
        listen.args(["--send", text(&world.words), "--expect", PYTHON]);
        if mux {
            listen.arg("--mux");
        }
        let ours = Running::start_listening(&mut listen);
        let address = ours.address.unwrap().to_string();
        let python = world.python("call", mux, &["--remote", &address]);
        let theirs = python.finish();
        compare(
            &ours.finish().expect_code(0).json(),
            &theirs,
            "callee",
            SECOND,
        );
    }
}

#[test]
#[ignore = "needs Python with peers/python/requirements.txt: set CALLSEAL_PYTHON to its interpreter"]
fn the_python_phone_renews_the_keys_of_a_call_to_us() {
    // Not before ten seconds have passed (PROTOCOL.md §8).
    let world = World::new(12 * SECOND);
    let mut listen = world.phone.listen();
    let listen = listen.args(["--send", text(&world.words)]);
    let ours = Running::start_listening(listen);
    let address = ours.address.unwrap().to_string();
    let renew = ["--remote", &address, "--renew-after", "500"];
    let theirs = world.python("call", false, &renew).finish();
    assert_eq!(theirs["handshakes"], 2, "{theirs}");
    let ours = ours.finish().expect_code(0).json();
    assert_eq!(ours["epoch"], 2);
    compare(&ours, &theirs, "callee", 12 * SECOND);
}

#[test]
#[ignore = "needs Python with peers/python/requirements.txt: set CALLSEAL_PYTHON to its interpreter"]
fn staples_go_both_ways_between_the_python_phone_and_us() {
    let folder = folder();
    let devnet = Devnet::start(&folder.path().join("devnet"));
    let theirs = devnet.own_staple(1);
    let good = folder.path().join("staple");
    std::fs::write(&good, &theirs).unwrap();
    let altered = folder.path().join("altered");
    let mut octets = theirs;
    *octets.last_mut().unwrap() ^= 1;
    std::fs::write(&altered, octets).unwrap();

    let words = short_speech(folder.path(), "words.pcap", 0xa11c_e000, SECOND);
    for (staple, record_from) in [(&good, "peer"), (&altered, "node")] {
        for they_call in [false, true] {
            let phone = devnet.phone(0);
            let takes = ["--take-staples", "--staple", text(staple)];
            let (ours, theirs) = if they_call {
                let mut listen = phone.listen();
                let ours = Running::start_listening(listen.args(["--send", text(&words)]));
                let address = ours.address.unwrap().to_string();
                let remote = [&takes[..], &["--remote", &address]].concat();
                let python = python_as(&devnet.folder, &devnet.subscribers(), "call", &remote);
                let theirs = python.finish();
                (ours.finish(), theirs)
            } else {
                let bind = [&takes[..], &["--bind", "127.0.0.1:0"]].concat();
                let mut python = python_as(&devnet.folder, &devnet.subscribers(), "listen", &bind);
                let ports = python.listens_on();
                let callee = format!("{PYTHON}@127.0.0.1:{}", ports.last().unwrap());
                let mut call = phone.call(&callee);
                let ours = Running::start(call.args(["--send", text(&words)])).finish();
                (ours, python.finish())
            };
            let ours = ours.expect_code(0).json();
            let role = if they_call { "callee" } else { "caller" };
            compare(&ours, &theirs, role, SECOND);
            assert_eq!(ours["record_from"], record_from, "{ours}");
            // What they got is what our registry client judges to be good.
            assert!(
                theirs["staple_octets"].as_u64().unwrap() > 1_000,
                "{theirs}"
            );
        }
    }
}

/// Demands that both sides say the same of the call.
fn compare(ours: &Value, theirs: &Value, our_role: &str, packets: u16) {
    assert_eq!(ours["role"], our_role);
    assert_ne!(theirs["role"], our_role);
    assert_eq!(theirs["established"], true, "{theirs}");
    for name in ["sas", "epoch", "suite"] {
        assert_eq!(ours[name], theirs[name], "{name}: {ours} {theirs}");
    }
    assert_eq!(ours["peer_number"], PYTHON);
    assert_eq!(theirs["peer_number"], RUST);
    for (here, there) in [(ours, theirs), (theirs, ours)] {
        assert_eq!(here["packets_sent"], packets);
        assert_eq!(there["packets_received"], packets);
        assert_eq!(here["sent_payload_sha256"], there["payload_sha256"]);
        assert_eq!(here["auth_failures"], 0, "{here}");
    }
}

/// A registry with both numbers, our phone, and what it says.
struct World {
    enrolled: Enrolled,
    folder: tempfile::TempDir,
    phone: Phone,
    words: std::path::PathBuf,
    packets: u16,
}

impl World {
    fn new(packets: u16) -> Self {
        let enrolled = enrol(&[RUST, PYTHON]).unwrap();
        let node = Node::serve(enrolled.chain.clone());
        let folder = folder();
        let registry = [
            "--rpc",
            &node.url,
            "--contract",
            &enrolled.registry.address().to_string(),
            "--trusted-block",
            &enrolled.chain.head().to_string(),
        ];
        let key = &enrolled.subscribers[0].key;
        let registry = registry.map(str::to_owned).to_vec();
        let phone = Phone::new(folder.path(), RUST, key, registry);
        let words = short_speech(folder.path(), "words.pcap", 0xa11c_e000, packets);
        Self {
            enrolled,
            folder,
            phone,
            words,
            packets,
        }
    }

    fn python(&self, mode: &str, mux: bool, arguments: &[&str]) -> Python {
        let count = self.packets.to_string();
        let mut all = vec!["--send", &count, "--expect", &count];
        all.extend(arguments);
        all.extend(mux.then_some("--mux"));
        let subscribers = &self.enrolled.subscribers;
        start_python(self.folder.path(), subscribers, mode, &all)
    }
}

/// The Python phone as the second of two subscribers, for a second of speech.
fn python_as(folder: &Path, subscribers: &[Subscriber], mode: &str, arguments: &[&str]) -> Python {
    let count = SECOND.to_string();
    let all = [&["--send", &count, "--expect", &count], arguments].concat();
    start_python(folder, subscribers, mode, &all)
}

fn start_python(
    folder: &Path,
    subscribers: &[Subscriber],
    mode: &str,
    arguments: &[&str],
) -> Python {
    let [ours, theirs] = [0, 1].map(|index| &subscribers[index]);
    let Subscriber { number, key } = theirs;
    let secret = folder.join("python.key");
    std::fs::write(&secret, hex::encode(*key.to_bytes())).unwrap();
    let interpreter =
        env::var_os("CALLSEAL_PYTHON").expect("CALLSEAL_PYTHON is a Python interpreter");
    let child = Command::new(interpreter)
        .current_dir(of_repository("peers/python"))
        .args(["-m", "callseal_peer", mode])
        .args(["--number", number.as_str()])
        .args(["--identity-key", &format!("@{}", text(&secret))])
        .args(["--peer", &format!("{}={}", ours.number, ours.key.public())])
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    Python { child }
}

/// A process that is ended with the test, whatever happens.
struct Python {
    child: Child,
}

impl Python {
    /// The ports that it says it listens on.
    fn listens_on(&mut self) -> Vec<u16> {
        let mut line = String::new();
        let mut stderr = BufReader::new(self.child.stderr.take().unwrap());
        stderr.read_line(&mut line).unwrap();
        // Whatever else it says is to go somewhere.
        std::thread::spawn(move || stderr.read_to_string(&mut String::new()));
        assert!(line.starts_with("listening on "), "{line}");
        let ports = line.trim().split("port ").skip(1);
        ports
            .map(|port| port.split(',').next().unwrap().parse().unwrap())
            .collect()
    }

    /// Waits for its line of JSON; it has time limits of its own.
    fn finish(mut self) -> Value {
        let mut stdout = String::new();
        let mut pipe = self.child.stdout.take().unwrap();
        pipe.read_to_string(&mut stdout).unwrap();
        let mut stderr = String::new();
        if let Some(mut pipe) = self.child.stderr.take() {
            pipe.read_to_string(&mut stderr).unwrap();
        }
        serde_json::from_str(&stdout).unwrap_or_else(|_| panic!("{stdout}\n{stderr}"))
    }
}

impl Drop for Python {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
