//! Phones as processes of their own.

use std::io::{BufRead, BufReader, Read};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use callseal::capture::{CaptureWriter, Format, LinkType, udp_frame};
use callseal::identity_file::IdentityFile;
use callseal::output_file::Existing;
use callseal_sts::{IdentityKey, Number};

use super::{Done, callseal, text};

/// A phone's files and where it looks numbers up.
#[derive(Clone)]
pub(crate) struct Phone {
    pub(crate) number: String,
    pub(crate) key: PathBuf,
    pub(crate) known_peers: PathBuf,
    pub(crate) registry: Vec<String>,
    /// Whether it reports to a person instead of a program.
    pub(crate) is_plain: bool,
}

impl Phone {
    /// A phone whose files are in `folder`.
    pub(crate) fn new(
        folder: &Path,
        number: &str,
        key: &IdentityKey,
        registry: Vec<String>,
    ) -> Self {
        let file = folder.join(format!("{number}.key"));
        IdentityFile {
            key: key.clone(),
            number: Some(Number::parse(number).unwrap()),
        }
        .write(&file, Existing::Replace)
        .unwrap();
        Self {
            number: number.to_owned(),
            key: file,
            known_peers: folder.join(format!("{number}.peers.json")),
            registry,
            is_plain: false,
        }
    }

    /// The same phone, asking another node.
    pub(crate) fn asking(&self, url: &str) -> Self {
        let mut phone = self.clone();
        let place = phone.registry.iter().position(|word| word == "--rpc");
        phone.registry[place.unwrap() + 1] = url.to_owned();
        phone
    }

    /// `callseal call`, to this callee.
    pub(crate) fn call(&self, callee: &str) -> Command {
        let mut command = self.command("call");
        command.arg(callee);
        command
    }

    /// `callseal listen` on a free port of 127.0.0.1.
    pub(crate) fn listen(&self) -> Command {
        let mut command = self.command("listen");
        command.args(["--bind", "127.0.0.1:0"]);
        command
    }

    fn command(&self, name: &str) -> Command {
        let mut command = callseal();
        command
            .arg(name)
            .args((!self.is_plain).then_some("--json"))
            .args(["--key", text(&self.key)])
            .args(["--known-peers", text(&self.known_peers)])
            .args(&self.registry);
        command
    }
}

/// A process that is ended with the test, whatever happens.
pub(crate) struct Running {
    child: Child,
    stdout: Option<JoinHandle<String>>,
    stderr: Option<JoinHandle<String>>,
    /// Where it listens, if it said so.
    pub(crate) address: Option<SocketAddr>,
}

impl Running {
    /// Starts a process.
    pub(crate) fn start(command: &mut Command) -> Self {
        Self::start_and(command, false)
    }

    /// Starts `callseal listen`, and waits until it says where it listens.
    pub(crate) fn start_listening(command: &mut Command) -> Self {
        Self::start_and(command, true)
    }

    fn start_and(command: &mut Command, is_listening: bool) -> Self {
        let mut child = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut stdout = child.stdout.take().unwrap();
        let mut stderr = BufReader::new(child.stderr.take().unwrap());
        let mut first = String::new();
        let mut address = None;
        while is_listening && address.is_none() {
            let mut line = String::new();
            assert!(stderr.read_line(&mut line).unwrap() > 0, "{first}");
            first.push_str(&line);
            // "+N listens on ADDRESS (RTP) and ADDRESS (RTCP)"
            address = line
                .split_once(" listens on ")
                .map(|(_, rest)| rest.split(' ').next().unwrap().parse().unwrap());
        }
        let read = move || {
            let mut text = String::new();
            stdout.read_to_string(&mut text).unwrap();
            text
        };
        let read_errors = move || {
            stderr.read_to_string(&mut first).unwrap();
            first
        };
        Self {
            child,
            stdout: Some(thread::spawn(read)),
            stderr: Some(thread::spawn(read_errors)),
            address,
        }
    }

    /// Asks the process to end, as Ctrl-C does.
    pub(crate) fn interrupt(&self) {
        let id = self.child.id().to_string();
        let done = Command::new("kill").args(["-INT", &id]).status().unwrap();
        assert!(done.success());
    }

    /// Waits for the process's end.
    pub(crate) fn finish(mut self) -> Done {
        // Ends a hang; nothing that goes well is as slow, on any machine.
        const PATIENCE: Duration = Duration::from_secs(300);
        let begun = Instant::now();
        let status = loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                break status;
            }
            assert!(begun.elapsed() < PATIENCE, "the process does not end");
            thread::sleep(Duration::from_millis(5));
        };
        Done {
            code: status.code().expect("not killed by a signal"),
            stdout: self.stdout.take().unwrap().join().unwrap(),
            stderr: self.stderr.take().unwrap().join().unwrap(),
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A capture of `count` packets of PCMU, twenty milliseconds apart, whose
/// sequence numbers wrap. Every packet has another payload.
pub(crate) fn short_speech(folder: &Path, name: &str, ssrc: u32, count: u16) -> PathBuf {
    let path = folder.join(name);
    let mut writer = CaptureWriter::new(Format::Pcap, Vec::new()).unwrap();
    let address: SocketAddr = "127.0.0.1:9".parse().unwrap();
    for index in 0..count {
        let mut packet = vec![0x80, 0];
        packet.extend((65_530_u16).wrapping_add(index).to_be_bytes());
        packet.extend((u32::from(index) * 160).to_be_bytes());
        packet.extend(ssrc.to_be_bytes());
        packet.extend((0..160).map(|octet| octet as u8 ^ (index as u8)));
        let frame = udp_frame(address, address, &packet).unwrap();
        let at = Duration::from_millis(20) * u32::from(index);
        writer.write(LinkType::ETHERNET, at, &frame).unwrap();
    }
    std::fs::write(&path, writer.finish().unwrap()).unwrap();
    path
}
