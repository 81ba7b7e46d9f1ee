//! Phones as processes of their own.

use std::io::Read;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use callseal::capture::{CaptureWriter, Format, LinkType, udp_frame};
use callseal::identity_file::IdentityFile;
use callseal::output_file::Existing;
use callseal_sts::{IdentityKey, Number};

use super::log::Log;
use super::{Done, await_end, callseal, interrupt, text};

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

    /// The same phone, asking another node first.
    pub(crate) fn asking_first(&self, url: &str) -> Self {
        let mut phone = self.clone();
        let first = ["--rpc", url].map(str::to_owned);
        phone.registry.splice(0..0, first);
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
            // Tests wait for what is logged.
            .arg("-vvv")
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
    log: Option<Log>,
    /// Where it listens, if it said so.
    pub(crate) address: Option<SocketAddr>,
}

impl Running {
    /// Starts a process.
    pub(crate) fn start(command: &mut Command) -> Self {
        let mut child = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut stdout = child.stdout.take().unwrap();
        let log = Log::of(child.stderr.take().unwrap());
        let read = move || {
            let mut text = String::new();
            stdout.read_to_string(&mut text).unwrap();
            text
        };
        Self {
            child,
            stdout: Some(thread::spawn(read)),
            log: Some(log),
            address: None,
        }
    }

    /// Starts `callseal listen`, and waits until it says where it listens.
    pub(crate) fn start_listening(command: &mut Command) -> Self {
        let mut running = Self::start(command);
        // "+N listens on ADDRESS (RTP) and ADDRESS (RTCP)"
        let line = running.await_line(&[" listens on "]);
        let (_, rest) = line.split_once(" listens on ").unwrap();
        running.address = Some(rest.split(' ').next().unwrap().parse().unwrap());
        running
    }

    /// Waits until it says a line with all of these in it.
    pub(crate) fn await_line(&self, parts: &[&str]) -> String {
        self.log.as_ref().unwrap().await_line(parts)
    }

    /// Waits until a phone has heard so many packets.
    pub(crate) fn await_packets(&self, count: u16) {
        self.await_line(&[&format!(" {count} packets heard")]);
    }

    /// Asks the process to end, as Ctrl-C does.
    pub(crate) fn interrupt(&self) {
        interrupt(&self.child);
    }

    /// Waits for the process's end.
    pub(crate) fn finish(mut self) -> Done {
        let status = await_end(&mut self.child);
        Done {
            code: status.code().expect("not killed by a signal"),
            stdout: self.stdout.take().unwrap().join().unwrap(),
            stderr: self.log.take().unwrap().finish(),
        }
    }
}

/// Lets two phones talk until they have heard so many packets, each, and then the caller hang up.
pub(crate) fn talk(caller: Running, callee: Running, heard: [u16; 2]) -> [Done; 2] {
    for (phone, count) in [&caller, &callee].into_iter().zip(heard) {
        phone.await_packets(count);
    }
    caller.interrupt();
    [caller.finish(), callee.finish()]
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A capture of `count` packets of PCMU, twenty milliseconds apart, whose
/// sequence numbers wrap. Every packet has another payload.
///
/// Then comes one that is due a day later: a phone that has something to say yet does not hang up because all are
/// silent for a second, which they may be on a busy machine whatever they have to say.
pub(crate) fn short_speech(folder: &Path, name: &str, ssrc: u32, count: u16) -> PathBuf {
    paced_speech(folder, name, ssrc, count, Duration::from_millis(20))
}

/// The same at another pace.
pub(crate) fn paced_speech(
    folder: &Path,
    name: &str,
    ssrc: u32,
    count: u16,
    pace: Duration,
) -> PathBuf {
    let a_day = Duration::from_secs(86_400);
    let times = (0..count).map(|index| pace * u32::from(index));
    speech_at(folder, name, ssrc, times.chain([a_day]))
}

/// A capture of packets of PCMU that are due at these times.
pub(crate) fn speech_at(
    folder: &Path,
    name: &str,
    ssrc: u32,
    times: impl Iterator<Item = Duration>,
) -> PathBuf {
    let path = folder.join(name);
    let mut writer = CaptureWriter::new(Format::Pcap, Vec::new()).unwrap();
    let address: SocketAddr = "127.0.0.1:9".parse().unwrap();
    for (index, at) in (0_u16..).zip(times) {
        let mut packet = vec![0x80, 0];
        packet.extend((65_530_u16).wrapping_add(index).to_be_bytes());
        packet.extend((u32::from(index) * 160).to_be_bytes());
        packet.extend(ssrc.to_be_bytes());
        packet.extend((0..160).map(|octet| octet as u8 ^ (index as u8)));
        let frame = udp_frame(address, address, &packet).unwrap();
        writer.write(LinkType::ETHERNET, at, &frame).unwrap();
    }
    std::fs::write(&path, writer.finish().unwrap()).unwrap();
    path
}
