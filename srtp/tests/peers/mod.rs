//! Programs that others made, run beside ours on loopback: their processes,
//! the sockets between, and what is sent to them.
#![allow(dead_code, reason = "each test program uses a part of it")]
#![allow(clippy::unwrap_used, reason = "helpers of tests")]

use std::fmt;
use std::fs::{self, File};
use std::io::ErrorKind;
use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::path::Path;
use std::process::{self, Child, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread::sleep;
use std::time::{Duration, Instant};

/// Ends what hangs: no peer that answers at all takes as long, on any machine.
pub(crate) const PATIENCE: Duration = Duration::from_secs(300);

/// How long to listen for what must not come.
pub(crate) const SILENCE: Duration = Duration::from_millis(300);

/// A peer's process. Whatever happens, it ends with the test.
pub(crate) struct Program {
    name: &'static str,
    child: Child,
    log: tempfile::NamedTempFile,
}

impl Program {
    /// Starts the program that the environment variable names, or else the one
    /// called `name`.
    pub(crate) fn start(name: &'static str, variable: &str, arguments: &[&str]) -> Self {
        let program = std::env::var_os(variable).unwrap_or_else(|| name.into());
        let log = tempfile::NamedTempFile::new().unwrap();
        let output = || Stdio::from(log.reopen().unwrap());
        let child = Command::new(&program)
            .args(arguments)
            .stdin(Stdio::null())
            .stdout(output())
            .stderr(output())
            .spawn();
        let child = child.unwrap_or_else(|error| panic!("{name} does not start: {error}"));
        Self { name, child, log }
    }

    /// Waits until it holds these UDP ports.
    pub(crate) fn holding(mut self, ports: &[u16]) -> Self {
        self.until(&format!("listening on {ports:?}"), || {
            let held = held_ports();
            ports.iter().all(|port| held.contains(port))
        });
        self
    }

    /// Waits until it has printed these words.
    pub(crate) fn saying(mut self, words: &str) -> Self {
        let log = self.log.path().to_owned();
        self.until(&format!("saying {words:?}"), || {
            fs::read(&log).is_ok_and(|said| String::from_utf8_lossy(&said).contains(words))
        });
        self
    }

    /// Looks again and again until this is so, which it has to stay, while the
    /// program runs.
    pub(crate) fn until(&mut self, what: &str, mut is_so: impl FnMut() -> bool) {
        let began = Instant::now();
        while !is_so() {
            if let Some(status) = self.ended() {
                panic!("{} ended with {status}\n{}", self.name, self.said());
            }
            assert!(
                began.elapsed() < PATIENCE,
                "{}: still not so: {what}\n{}",
                self.name,
                self.said()
            );
            sleep(Duration::from_millis(10));
        }
    }

    /// Waits for its own end.
    pub(crate) fn finish(&mut self) -> ExitStatus {
        let began = Instant::now();
        loop {
            if let Some(status) = self.ended() {
                return status;
            }
            assert!(
                began.elapsed() < PATIENCE,
                "{} does not end\n{}",
                self.name,
                self.said()
            );
            sleep(Duration::from_millis(10));
        }
    }

    /// How it ended, if it has.
    pub(crate) fn ended(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().unwrap()
    }

    /// Everything that it printed.
    pub(crate) fn said(&self) -> String {
        fs::read(self.log.path())
            .map(|said| String::from_utf8_lossy(&said).into_owned())
            .unwrap_or_default()
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A socket of ours on loopback.
pub(crate) struct Socket(UdpSocket);

impl Socket {
    pub(crate) fn new() -> Self {
        Self(UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap())
    }

    /// Two, the second on the next higher port, as RTP and RTCP have them.
    pub(crate) fn pair() -> (Self, Self) {
        let (rtp, rtcp) = socket_pair();
        (Self(rtp), Self(rtcp))
    }

    pub(crate) fn port(&self) -> u16 {
        self.0.local_addr().unwrap().port()
    }

    pub(crate) fn send(&self, port: u16, datagram: &[u8]) {
        let to = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        assert_eq!(self.0.send_to(datagram, to).unwrap(), datagram.len());
    }

    /// The next datagram, if one comes within `wait`.
    pub(crate) fn heard_within(&self, wait: Duration) -> Option<Vec<u8>> {
        self.0.set_read_timeout(Some(wait)).unwrap();
        let mut buf = vec![0; 65_536];
        match self.0.recv(&mut buf) {
            Ok(len) => {
                buf.truncate(len);
                Some(buf)
            }
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {
                None
            }
            Err(error) => panic!("{error}"),
        }
    }

    /// The next datagram; that none comes is the peer's failure.
    pub(crate) fn heard(&self, peer: &Program, what: &dyn fmt::Display) -> Vec<u8> {
        let heard = self.heard_within(PATIENCE);
        heard.unwrap_or_else(|| panic!("{what}: nothing came back\n{}", peer.said()))
    }
}

/// Two neighbouring ports, the first even, that were free a moment ago, and that the system gives to nobody by itself.
pub(crate) fn free_pair() -> (u16, u16) {
    let (rtp, rtcp) = socket_pair();
    let port = |socket: &UdpSocket| socket.local_addr().unwrap().port();
    (port(&rtp), port(&rtcp))
}

fn socket_pair() -> (UdpSocket, UdpSocket) {
    /// Below those that whoever asks for any is given (from 32768 on Linux).
    const PORTS: core::ops::Range<u32> = 20_000..30_000;
    static TAKEN: AtomicU32 = AtomicU32::new(0);
    // Other processes begin elsewhere.
    let first = process::id() * 100;
    for _ in 0..PORTS.len() / 2 {
        let pair = first + 2 * TAKEN.fetch_add(1, Ordering::Relaxed);
        let port = (PORTS.start + pair % (PORTS.end - PORTS.start)) as u16;
        let bound = |port| UdpSocket::bind((Ipv4Addr::LOCALHOST, port));
        if let (Ok(rtp), Ok(rtcp)) = (bound(port), bound(port + 1)) {
            return (rtp, rtcp);
        }
    }
    panic!("no two neighbouring ports are free")
}

/// The UDP ports that somebody on this machine holds.
fn held_ports() -> Vec<u16> {
    let mut ports = Vec::new();
    for table in ["/proc/net/udp", "/proc/net/udp6"] {
        let table = fs::read_to_string(table).unwrap_or_default();
        let locals = table.lines().filter_map(|line| {
            let local = line.split_whitespace().nth(1)?;
            u16::from_str_radix(local.rsplit(':').next()?, 16).ok()
        });
        ports.extend(locals);
    }
    ports
}

/// What a test has seen, for the table of peers.
#[derive(Default)]
pub(crate) struct Tally {
    pub(crate) rtp: usize,
    pub(crate) rtcp: usize,
    pub(crate) octets: usize,
}

impl Tally {
    pub(crate) fn rtp(&mut self, packet: &[u8]) {
        self.rtp += 1;
        self.octets += packet.len() - 12;
    }

    pub(crate) fn rtcp(&mut self, packet: &[u8]) {
        self.rtcp += 1;
        self.octets += packet.len() - 8;
    }

    /// Prints the line that `.ci/run` puts into its table.
    pub(crate) fn remark(&self, how: &dyn fmt::Display) {
        let Self { rtp, rtcp, octets } = self;
        println!("remark: {how}: {rtp} RTP, {rtcp} RTCP, {octets} octets equal");
    }
}

impl core::ops::AddAssign for Tally {
    fn add_assign(&mut self, other: Self) {
        self.rtp += other.rtp;
        self.rtcp += other.rtcp;
        self.octets += other.octets;
    }
}

/// Octets that are no pattern a cipher might hide.
pub(crate) fn noise(seed: u64, len: usize) -> Vec<u8> {
    // A linear congruential generator; its upper octets are good enough.
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let next = || {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (state >> 56) as u8
    };
    std::iter::repeat_with(next).take(len).collect()
}

/// The packets of a stream that a peer must bring through as they are: its
/// numbers wrap, packets are lost, among them the first after the wrap, two
/// change places at it, and each kind of header comes by.
pub(crate) fn hard_stream(ssrc: u32) -> Vec<Vec<u8>> {
    let first = 65_510_u16;
    let lost = [65_520, 0, 3, 4];
    let mut numbers: Vec<u16> = (0..64)
        .map(|place| first.wrapping_add(place))
        .filter(|number| !lost.contains(number))
        .collect();
    let late = numbers.iter().position(|&number| number == 65_535).unwrap();
    numbers.swap(late, late + 1);
    let packet = |number: u16| shaped(ssrc, number, usize::from(number % 8));
    numbers.into_iter().map(packet).collect()
}

/// An RTP packet, one of eight shapes.
pub(crate) fn shaped(ssrc: u32, number: u16, shape: usize) -> Vec<u8> {
    let csrcs = [0x1111_1111_u32, 0x2222_2222, 0x3333_3333];
    let with_csrcs = matches!(shape, 2 | 4);
    let with_extension = matches!(shape, 3 | 4);
    let with_padding = shape == 5;
    let payload_len = [160, 33, 20, 160, 480, 29, 1, 1_200][shape];

    let mut packet = vec![0x80, 0];
    packet[0] |= if with_csrcs { csrcs.len() as u8 } else { 0 };
    packet[0] |= if with_extension { 0x10 } else { 0 };
    packet[0] |= if with_padding { 0x20 } else { 0 };
    packet[1] |= if shape == 1 { 0x80 } else { 0 };
    packet.extend(number.to_be_bytes());
    packet.extend((u32::from(number) * 160).to_be_bytes());
    packet.extend(ssrc.to_be_bytes());
    if with_csrcs {
        packet.extend(csrcs.iter().flat_map(|csrc| csrc.to_be_bytes()));
    }
    if with_extension {
        // RFC 8285, one-octet headers: an audio level and a padding octet.
        packet.extend([0xbe, 0xde, 0, 1, 0x10, 0x85, 0, 0]);
    }
    packet.extend(noise(u64::from(number), payload_len));
    if with_padding {
        packet.extend([0, 0, 0, 4]);
    }
    packet
}

/// A sender report with a CNAME. Every `count` gives another one.
pub(crate) fn sender_report(ssrc: u32, count: u32) -> Vec<u8> {
    let mut packet = vec![0x80, 200, 0, 6];
    packet.extend(ssrc.to_be_bytes());
    packet.extend((0xec5a_0000_u32 + count).to_be_bytes());
    packet.extend([0x80, 0, 0, 0]);
    packet.extend((count * 160).to_be_bytes());
    packet.extend(count.to_be_bytes());
    packet.extend((count * 160).to_be_bytes());
    packet.extend([0x81, 202, 0, 4]);
    packet.extend(ssrc.to_be_bytes());
    packet.extend([1, 8]);
    packet.extend(b"live@our");
    packet.extend([0, 0]);
    packet
}

pub(crate) fn write(path: &Path, octets: &[u8]) {
    use std::io::Write as _;
    File::create(path).unwrap().write_all(octets).unwrap();
}

pub(crate) fn hex(octets: &[u8]) -> String {
    octets.iter().map(|octet| format!("{octet:02x}")).collect()
}
