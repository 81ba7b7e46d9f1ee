//! `callseal demo`: a whole call on one machine, with nothing to install.

use std::collections::BTreeMap;
use std::fs;
use std::io::{IsTerminal, Write};
use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, ScopedJoinHandle};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use callseal_endpoint::{Answering, Config, Port, Remote, Step};
use callseal_registry_client::Registry;
use indicatif::{ProgressBar, ProgressStyle};
use serde::Serialize;

use crate::clock::Clock;
use crate::commands::EXIT_FAILED;
use crate::demo::dialogue::Listener;
use crate::demo::forger::{Forgery, forgeries, inject};
use crate::demo::liar::{Lie, LyingNode};
use crate::demo::subscribers::{Enrolled, enrol};
use crate::demo::timeline::{Timeline, millis};
use crate::keys_file::{KeysFile, MkiOctets, SenderKey, Ssrc};
use crate::leg_driver::{LegDriver, Passage, Way, WireTap};
use crate::media_sockets::MediaSockets;
use crate::output_file::{Existing, OutputFile, Privacy};
use crate::replay::{Protocol, is_handshake, protocol_of};
use crate::scripts::{Common, Demonstrator};
use crate::secret::Secret;
use crate::session::{self, Bounds, CallRecord};
use crate::speech::{AMR_WB_PAYLOAD_TYPE, Codec, Speaker, SpeechPacket, embedded};
use crate::table::{Align, Table};
use crate::wire_recorder::WireRecorder;

const ALICE: usize = 0;
const BOB: usize = 1;
const NAMES: [&str; 2] = ["Alice", "Bob"];
const NUMBERS: [&str; 2] = ["+8613800000001", "+8613800000002"];

/// How long the call's set-up may take; on one machine it takes milliseconds.
const SET_UP_LIMIT: Duration = Duration::from_secs(20);

/// A secure call on this machine: registry, two phones, real sockets, real speech
///
/// Runs a registry contract on an embedded Ethereum chain, enrols two
/// subscribers, opens two phones on UDP sockets of 127.0.0.1, lets each look
/// the other up with Merkle proofs, runs the handshake over RTCP, and sends
/// real speech both ways over SRTP, about 18 seconds of it. Meanwhile somebody
/// injects forged packets. In the end every payload is compared byte for byte.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
What it leaves in its folder:
  call.pcapng               what a listener on the wire saw; Wireshark opens it
  call-and-forgeries.pcapng the same with the forger's packets in it
  keys.json                 the call's keys, for `callseal replay`
  alice-heard.wav           what each side heard (PCMU)
  bob-heard.wav

Examples:
  callseal demo                      in real time
  callseal demo --fast --out /tmp/call
  callseal replay /tmp/call/call.pcapng --keys /tmp/call/keys.json

Exit codes:
  0  every payload arrived byte for byte, every lie and every forgery was caught
  1  something differed
  2  it could not be run")]
pub struct Arguments {
    /// Sends as fast as it is heard, instead of in real time
    #[arg(long)]
    fast: bool,

    /// The folder for what is left; must be new or empty [default: callseal-demo, or the first of
    /// callseal-demo-2, -3, … that is free]
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,

    /// Replaces the files of an earlier call in --out
    #[arg(long, requires = "out")]
    force: bool,

    /// Sends only this codec; may be repeated [default: both, as two streams]
    #[arg(long, value_enum, value_name = "CODEC")]
    codec: Vec<Codec>,

    /// RTP and RTCP on one port (RFC 5761)
    #[arg(long)]
    mux: bool,

    /// Prints one line of JSON instead of the story
    #[arg(long)]
    json: bool,
}

/// Runs the command.
///
/// # Errors
/// Where a socket, a file or the embedded chain refuses.
pub fn run(arguments: &Arguments) -> Result<ExitCode> {
    let story = Story {
        is_told: !arguments.json,
    };
    let folder = Folder::open(arguments)?;
    let codecs = match arguments.codec.as_slice() {
        [] => vec![Codec::AmrWb, Codec::Pcmu],
        codecs => codecs.to_vec(),
    };
    let speech = [
        embedded(Speaker::Alice, &codecs)?,
        embedded(Speaker::Bob, &codecs)?,
    ];

    let enrolled = enrol(&NUMBERS).context("cannot set up the embedded registry")?;
    story.registry(&enrolled);
    let lies = tell_lies(&enrolled);
    story.lies(&lies);

    let call = Call::make(arguments, &story, &folder, &enrolled, speech)?;
    story.set_up(&call);
    story.speech(&call);

    folder.keep(&call)?;
    let outcome = Outcome::of(&call, &lies, &folder);
    story.outcome(&outcome, &call);
    if arguments.json {
        let line = serde_json::to_string(&outcome)?;
        writeln!(std::io::stdout().lock(), "{line}")?;
    }
    Ok(match outcome.ok {
        true => ExitCode::SUCCESS,
        false => EXIT_FAILED.into(),
    })
}

/// A lie, and the error it met; `None` where it was believed.
type Told = (Lie, Option<String>);

/// Asks lying nodes for Bob's key.
fn tell_lies(enrolled: &Enrolled) -> Vec<Told> {
    let config = enrolled.registry.config();
    let block = enrolled.chain.head();
    Lie::ALL
        .into_iter()
        .map(|lie| {
            let node = LyingNode::new(enrolled.chain.clone(), lie);
            let answer = Registry::new(config, block, node).look_up(NUMBERS[BOB]);
            (lie, answer.err().map(|error| error.to_string()))
        })
        .collect()
}

/// The call, over.
struct Call {
    begun: Duration,
    addresses: [Remote; 2],
    records: [CallRecord; 2],
    listeners: [Listener; 2],
    speech: [Vec<SpeechPacket>; 2],
    injected: [Vec<Forgery>; 2],
    wall: Duration,
    is_fast: bool,
}

impl Call {
    fn make(
        arguments: &Arguments,
        story: &Story,
        folder: &Folder,
        enrolled: &Enrolled,
        speech: [Vec<SpeechPacket>; 2],
    ) -> Result<Self> {
        let clock = Clock::start();
        let any = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        let bind = || match arguments.mux {
            true => MediaSockets::muxed(any),
            false => MediaSockets::pair(any),
        };
        let sockets = [bind()?, bind()?];
        let addresses = [address_of(&sockets[ALICE])?, address_of(&sockets[BOB])?];
        story.phones(&addresses);

        let wires = Arc::new(Wires::open(clock, folder, &addresses)?);
        let common = Arc::new(Common::default());
        common.hold(true);
        let mut drivers = Vec::new();
        for (side, sockets) in sockets.into_iter().enumerate() {
            let subscriber = &enrolled.subscribers[side];
            let config = Config::new(subscriber.number, subscriber.key.clone())
                .clock_rate(AMR_WB_PAYLOAD_TYPE, 16_000)
                .session_bandwidth(16_000)
                .answering(match side {
                    ALICE => Answering::Nobody,
                    _ => Answering::Only(enrolled.subscribers[ALICE].number),
                });
            let registry = Registry::new(
                enrolled.registry.config(),
                enrolled.chain.head(),
                enrolled.chain.clone(),
            );
            let mut driver = LegDriver::start(clock, config, sockets, registry)?;
            driver.tap(Box::new(Tap {
                side,
                wires: Arc::clone(&wires),
            }));
            drivers.push(driver);
        }
        let (Some(mut bob), Some(mut alice)) = (drivers.pop(), drivers.pop()) else {
            bail!("two legs were to be started");
        };

        let counts = [speech[ALICE].len() as u64, speech[BOB].len() as u64];
        let is_fast = arguments.fast;
        let mut scripts = [
            Demonstrator::caller(
                speech[ALICE].clone(),
                counts[BOB],
                is_fast,
                Arc::clone(&common),
            ),
            Demonstrator::callee(
                speech[BOB].clone(),
                counts[ALICE],
                is_fast,
                Arc::clone(&common),
            ),
        ];
        let mut listeners = [Listener::new(&speech[BOB]), Listener::new(&speech[ALICE])];
        let bounds = Bounds {
            set_up_limit: Some(SET_UP_LIMIT),
            ..Bounds::default()
        };

        let begun = clock.now();
        alice
            .leg()
            .call(begun, addresses[BOB], enrolled.subscribers[BOB].number)?;
        let [alice_script, bob_script] = &mut scripts;
        let [alice_hears, bob_hears] = &mut listeners;
        let (records, injected) = thread::scope(|scope| -> Result<_> {
            let alice =
                scope.spawn(|| session::run(&mut alice, alice_script, alice_hears, &bounds, true));
            let bob = scope.spawn(|| session::run(&mut bob, bob_script, bob_hears, &bounds, true));
            let injected = accompany(
                &wires,
                &common,
                counts[ALICE] + counts[BOB],
                &[&alice, &bob],
                story,
            );
            common.hold(false);
            let records = [
                alice
                    .join()
                    .map_err(|_| anyhow::anyhow!("Alice's leg panicked"))??,
                bob.join()
                    .map_err(|_| anyhow::anyhow!("Bob's leg panicked"))??,
            ];
            Ok((records, injected?))
        })?;
        wires.finish()?;
        Ok(Self {
            begun,
            addresses,
            records,
            listeners,
            speech,
            injected,
            wall: clock.now().saturating_sub(begun),
            is_fast,
        })
    }

    /// When both sides had their keys, since the call began.
    fn set_up_time(&self) -> Option<Duration> {
        let keys = |record: &CallRecord| step_at(record, Step::KeysDerived);
        let last = keys(&self.records[ALICE])?.max(keys(&self.records[BOB])?);
        Some(last.saturating_sub(self.begun))
    }
}

fn step_at(record: &CallRecord, wanted: Step) -> Option<Duration> {
    record
        .steps
        .iter()
        .find(|(step, _)| *step == wanted)
        .map(|(_, at)| *at)
}

fn address_of(sockets: &MediaSockets) -> Result<Remote> {
    Ok(Remote {
        rtp: sockets.local_address(Port::Rtp)?,
        rtcp: sockets.local_address(Port::Rtcp)?,
    })
}

/// Shows how far the call has come, and injects forgeries half way through.
fn accompany<T>(
    wires: &Wires,
    common: &Common,
    total: u64,
    legs: &[&ScopedJoinHandle<'_, T>],
    story: &Story,
) -> Result<[Vec<Forgery>; 2]> {
    const LOOK_AGAIN: Duration = Duration::from_millis(2);
    const PATIENCE: Duration = Duration::from_secs(5);
    let are_talking = || !legs.iter().any(|leg| leg.is_finished());
    let bar = story.progress_bar(total);
    let mut injected = [Vec::new(), Vec::new()];
    while are_talking() && common.sent() < total / 2 {
        bar.set_position(common.sent());
        thread::sleep(LOOK_AGAIN);
    }
    if are_talking() {
        injected = wires.forge().context("cannot inject forged packets")?;
        let count = injected.iter().map(Vec::len).sum::<usize>() as u64;
        let begun = Instant::now();
        while are_talking() && wires.foreign() < count && begun.elapsed() < PATIENCE {
            thread::sleep(LOOK_AGAIN);
        }
    }
    common.hold(false);
    while are_talking() {
        bar.set_position(common.sent());
        thread::sleep(LOOK_AGAIN);
    }
    bar.finish_and_clear();
    Ok(injected)
}

/// The network between the two, with a listener and a forger on it.
struct Wires {
    addresses: [Remote; 2],
    call: WireRecorder,
    all: WireRecorder,
    forger: UdpSocket,
    seen: Mutex<Seen>,
}

/// What the forger has seen on its way to each side.
#[derive(Default)]
struct Seen {
    srtp: [Option<Vec<u8>>; 2],
    srtcp: [Option<Vec<u8>>; 2],
    foreign: u64,
}

impl Wires {
    fn open(clock: Clock, folder: &Folder, addresses: &[Remote; 2]) -> Result<Self> {
        let record = |name| -> Result<WireRecorder> {
            Ok(WireRecorder::new(
                clock,
                folder.create(name, Privacy::Umask)?,
            )?)
        };
        Ok(Self {
            addresses: *addresses,
            call: record("call.pcapng")?,
            all: record("call-and-forgeries.pcapng")?,
            forger: UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))?,
            seen: Mutex::default(),
        })
    }

    /// A datagram has reached `side`.
    fn arrived(&self, side: usize, passage: &Passage<'_>) {
        self.all.record(passage);
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let peer = &self.addresses[1 - side];
        if passage.from != peer.rtp && passage.from != peer.rtcp {
            seen.foreign += 1;
            return;
        }
        self.call.record(passage);
        let kept = match protocol_of(passage.bytes) {
            Some((Protocol::Rtp, _)) => &mut seen.srtp[side],
            Some((Protocol::Rtcp, _)) if !is_handshake(passage.bytes) => &mut seen.srtcp[side],
            _ => return,
        };
        *kept = Some(passage.bytes.to_vec());
    }

    /// Injects forgeries towards both sides, and says which.
    fn forge(&self) -> Result<[Vec<Forgery>; 2]> {
        let mut injected = [Vec::new(), Vec::new()];
        for (side, injected) in injected.iter_mut().enumerate() {
            let (srtp, srtcp) = {
                let seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
                (seen.srtp[side].clone(), seen.srtcp[side].clone())
            };
            let Some(srtp) = srtp else {
                continue;
            };
            let Remote { rtp, rtcp } = self.addresses[side];
            *injected = forgeries(&srtp, srtcp.as_deref());
            inject(&self.forger, injected, rtp, rtcp)?;
        }
        Ok(injected)
    }

    /// How many datagrams have arrived that neither side sent.
    fn foreign(&self) -> u64 {
        let seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        seen.foreign
    }

    fn finish(&self) -> Result<()> {
        self.call.finish()?;
        self.all.finish()?;
        Ok(())
    }
}

/// Sees what arrives at one side.
struct Tap {
    side: usize,
    wires: Arc<Wires>,
}

impl WireTap for Tap {
    fn datagram(&mut self, passage: &Passage<'_>) {
        // Everything that one side sends, the other receives: it would stand
        // in the capture twice.
        if passage.way == Way::In {
            self.wires.arrived(self.side, passage);
        }
    }
}

/// Where the demonstration leaves its files.
struct Folder {
    path: PathBuf,
    existing: Existing,
}

impl Folder {
    fn open(arguments: &Arguments) -> Result<Self> {
        let existing = match arguments.force {
            true => Existing::Replace,
            false => Existing::Keep,
        };
        let path = match &arguments.out {
            Some(path) => {
                let is_empty = || Ok::<_, std::io::Error>(path.read_dir()?.next().is_none());
                if path.exists() && !arguments.force && !is_empty().unwrap_or(false) {
                    bail!(
                        "{} exists and is not an empty folder; name another with --out, or give --force",
                        path.display()
                    );
                }
                fs::create_dir_all(path)
                    .with_context(|| format!("cannot make the folder {}", path.display()))?;
                path.clone()
            }
            None => new_folder()?,
        };
        Ok(Self { path, existing })
    }

    fn create(&self, name: &str, privacy: Privacy) -> Result<OutputFile> {
        Ok(OutputFile::create(
            &self.path.join(name),
            privacy,
            self.existing,
        )?)
    }

    /// Writes what is left of the call besides the captures.
    fn keep(&self, call: &Call) -> Result<()> {
        keys_of(call).write(&self.path.join("keys.json"), self.existing)?;
        for (side, name) in [(ALICE, "alice-heard.wav"), (BOB, "bob-heard.wav")] {
            for (_, stream) in call.records[side].heard.streams() {
                if stream.recording.is_empty() {
                    continue;
                }
                let mut file = self.create(name, Privacy::Umask)?;
                stream.recording.write(&mut file)?;
                file.complete()?;
            }
        }
        Ok(())
    }
}

/// A folder that did not exist before.
fn new_folder() -> Result<PathBuf> {
    const MAX_FOLDERS: usize = 1_000;
    for number in 1..=MAX_FOLDERS {
        let path = match number {
            1 => PathBuf::from("callseal-demo"),
            number => PathBuf::from(format!("callseal-demo-{number}")),
        };
        match fs::create_dir(&path) {
            Ok(()) => return Ok(path),
            Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {}
            Err(error) => {
                return Err(error)
                    .with_context(|| format!("cannot make the folder {}", path.display()));
            }
        }
    }
    bail!("callseal-demo and {MAX_FOLDERS} more exist already; remove some, or name one with --out")
}

/// The keys of both directions, each with the addresses it is sent from.
fn keys_of(call: &Call) -> KeysFile {
    let mut keys = Vec::new();
    for side in [ALICE, BOB] {
        let Remote { rtp, rtcp } = call.addresses[side];
        let mut from = vec![rtp, rtcp];
        from.dedup();
        for exported in &call.records[side].keys {
            keys.push(SenderKey {
                sender: format!("{} {}", NAMES[side], NUMBERS[side]),
                from: from.clone(),
                ssrcs: Vec::new(),
                profile: exported.profile.to_owned(),
                master_key: Secret::new(exported.local_key.clone()),
                master_salt: Secret::new(exported.local_salt.clone()),
                mki: MkiOctets(vec![exported.epoch]),
            });
        }
    }
    let payload_types = BTreeMap::from([
        (0, "PCMU/8000".to_owned()),
        (AMR_WB_PAYLOAD_TYPE, "AMR-WB/16000".to_owned()),
    ]);
    KeysFile::new(keys, payload_types)
}

/// What came out, for programs; and whether all is well.
#[derive(Debug, Serialize)]
struct Outcome {
    ok: bool,
    folder: String,
    set_up_ms: Option<f64>,
    sas: Option<String>,
    suite: Option<String>,
    directions: Vec<Direction>,
    lies_told: usize,
    lies_caught: usize,
    problems: Vec<String>,
}

/// What one side heard of the other.
#[derive(Debug, Serialize)]
struct Direction {
    sender: &'static str,
    receiver: &'static str,
    streams: Vec<Stream>,
    packets: u64,
    bytes: u64,
    lost: i64,
    replayed: u64,
    rejected: u64,
    /// Of the sender's packets; a stranger's are counted apart.
    ignored: u64,
    differences: u64,
    missing: u64,
    forged: u64,
    forged_refused: u64,
}

#[derive(Debug, Serialize)]
struct Stream {
    ssrc: Ssrc,
    codec: &'static str,
    packets: u64,
    bytes: u64,
    lost: i32,
    jitter_ms: f64,
    payload_sha256: String,
}

impl Outcome {
    fn of(call: &Call, lies: &[Told], folder: &Folder) -> Self {
        let mut problems = Vec::new();
        for (side, record) in call.records.iter().enumerate() {
            if let Some(error) = record.error() {
                problems.push(format!("{}: {error}", NAMES[side]));
            }
        }
        let secured = [ALICE, BOB].map(|side| call.records[side].secured.as_ref());
        if let [Some(alice), Some(bob)] = secured
            && (alice.sas != bob.sas || alice.epoch != bob.epoch)
        {
            problems.push("the two sides have different secrets".to_owned());
        }
        let lies_caught = lies.iter().filter(|(_, caught)| caught.is_some()).count();
        if lies_caught < lies.len() {
            problems.push("a lie about the registry was believed".to_owned());
        }
        let directions: Vec<Direction> = [(ALICE, BOB), (BOB, ALICE)]
            .into_iter()
            .map(|(sender, receiver)| Direction::of(call, sender, receiver))
            .collect();
        for (direction, receiver) in directions.iter().zip([BOB, ALICE]) {
            let who = direction.receiver;
            problems.extend(call.listeners[receiver].words().iter().cloned());
            if direction.missing > 0 {
                problems.push(format!("{who} did not hear {} packets", direction.missing));
            }
            if direction.forged == 0 {
                problems.push(format!("nothing was forged towards {who}"));
            }
            if direction.forged_refused != direction.forged {
                problems.push(format!(
                    "of {} forged packets {who} refused {}",
                    direction.forged, direction.forged_refused
                ));
            }
            if direction.replayed + direction.rejected + direction.ignored > 0 {
                problems.push(format!("{who} refused genuine packets"));
            }
        }
        Self {
            ok: problems.is_empty(),
            folder: folder.path.display().to_string(),
            set_up_ms: call.set_up_time().map(|time| time.as_secs_f64() * 1_000.0),
            sas: secured[ALICE].map(|secured| secured.sas.to_string()),
            suite: secured[ALICE].map(|secured| secured.suite.media_profile().to_owned()),
            directions,
            lies_told: lies.len(),
            lies_caught,
            problems,
        }
    }
}

impl Direction {
    fn of(call: &Call, sender: usize, receiver: usize) -> Self {
        let record = &call.records[receiver];
        let (statistics, strangers) = (&record.statistics, &record.strangers);
        let mut streams = Vec::new();
        for (ssrc, heard) in record.heard.streams() {
            let counted = statistics
                .received
                .iter()
                .find(|counted| counted.ssrc == ssrc);
            let (codec, clock_rate) = match heard.payload_type {
                AMR_WB_PAYLOAD_TYPE => ("AMR-WB", 16_000.0),
                _ => ("PCMU", 8_000.0),
            };
            streams.push(Stream {
                ssrc: Ssrc(ssrc),
                codec,
                packets: counted.map_or(0, |counted| counted.packets),
                bytes: counted.map_or(0, |counted| counted.octets),
                lost: counted.map_or(0, |counted| counted.lost),
                jitter_ms: counted.map_or(0.0, |counted| {
                    f64::from(counted.jitter) * 1_000.0 / clock_rate
                }),
                payload_sha256: hex::encode(heard.payload_sha256()),
            });
        }
        let listener = &call.listeners[receiver];
        Self {
            sender: NAMES[sender],
            receiver: NAMES[receiver],
            packets: streams.iter().map(|stream| stream.packets).sum(),
            bytes: streams.iter().map(|stream| stream.bytes).sum(),
            lost: streams.iter().map(|stream| i64::from(stream.lost)).sum(),
            replayed: statistics.replayed.saturating_sub(strangers.replayed),
            rejected: statistics.rejected.saturating_sub(strangers.rejected),
            ignored: statistics.ignored.saturating_sub(strangers.ignored),
            differences: listener.differences(),
            missing: listener.missing(),
            forged: call.injected[receiver].len() as u64,
            forged_refused: strangers.rejected + strangers.replayed + strangers.ignored,
            streams,
        }
    }
}

/// Tells a person what goes on.
struct Story {
    is_told: bool,
}

impl Story {
    fn registry(&self, enrolled: &Enrolled) {
        let head = enrolled.chain.head_number();
        self.tell("1  The registry");
        self.tell(&format!(
            "   contract {} on an embedded chain, {head} blocks",
            enrolled.registry.address()
        ));
        for (subscriber, name) in enrolled.subscribers.iter().zip(NAMES) {
            self.tell(&format!(
                "   {name:<5} {}  approved with key {}",
                subscriber.number,
                subscriber.key.public()
            ));
        }
        self.tell(&format!(
            "   the one block that both phones trust: {}",
            enrolled.chain.head()
        ));
    }

    fn lies(&self, lies: &[Told]) {
        self.tell("\n2  A node that lies to Alice about Bob");
        for (lie, caught) in lies {
            self.tell(&format!("   \"{}\"", lie.claim()));
            self.tell(&match caught {
                Some(error) => format!("      caught: {error}"),
                None => "      BELIEVED".to_owned(),
            });
        }
    }

    fn phones(&self, addresses: &[Remote; 2]) {
        self.tell("\n3  Two phones on UDP sockets");
        for (Remote { rtp, rtcp }, name) in addresses.iter().zip(NAMES) {
            self.tell(&match rtp == rtcp {
                true => format!("   {name:<5} RTP and RTCP {rtp}"),
                false => format!("   {name:<5} RTP {rtp}, RTCP {rtcp}"),
            });
        }
    }

    fn progress_bar(&self, total: u64) -> ProgressBar {
        if !self.is_told || !std::io::stderr().is_terminal() {
            return ProgressBar::hidden();
        }
        let bar = ProgressBar::new(total);
        match ProgressStyle::with_template("   talking {bar:40} {pos}/{len} packets, {eta} left") {
            Ok(style) => bar.with_style(style),
            Err(_) => bar,
        }
    }

    fn set_up(&self, call: &Call) {
        self.tell("\n4  The handshake, over RTCP");
        let mut timeline = Timeline::new(["Alice, the caller", "Bob, the callee"], call.begun);
        for (side, record) in call.records.iter().enumerate() {
            let mut look_ups = record.look_ups.iter();
            for (step, at) in &record.steps {
                let took = match step {
                    Step::LookUpAnswered => look_ups.next(),
                    _ => None,
                };
                timeline.add(
                    side,
                    *at,
                    match took {
                        Some(took) => format!("{step} ({} ms, proofs included)", millis(*took)),
                        None => step.to_string(),
                    },
                );
            }
        }
        for line in timeline.to_string().lines() {
            self.tell(&format!("   {line}"));
        }
        if let Some(time) = call.set_up_time() {
            self.tell(&format!("   both sides secure after {} ms", millis(time)));
        }
        for (record, name) in call.records.iter().zip(NAMES) {
            if let Some(secured) = &record.secured {
                self.tell(&format!(
                    "   {name:<5} talks with {}, {}, epoch {}; to be compared aloud: {}",
                    secured.peer.number,
                    secured.suite.media_profile(),
                    secured.epoch,
                    secured.sas
                ));
            }
        }
    }

    fn speech(&self, call: &Call) {
        let said: usize = call.speech.iter().map(Vec::len).sum();
        let pace = match call.is_fast {
            true => "as fast as it was heard",
            false => "in real time",
        };
        self.tell(&format!(
            "\n5  Speech, {pace}: {said} packets in {:.1} s",
            call.wall.as_secs_f64()
        ));
        let forged: usize = call.injected.iter().map(Vec::len).sum();
        self.tell(&format!("   meanwhile somebody injected {forged} packets:"));
        for forgery in &call.injected[BOB] {
            self.tell(&format!("   - {}", forgery.what));
        }
    }

    fn outcome(&self, outcome: &Outcome, call: &Call) {
        self.tell("\n6  What arrived");
        let mut table = Table::new([
            ("direction", Align::Left),
            ("stream", Align::Left),
            ("SSRC", Align::Left),
            ("packets", Align::Right),
            ("bytes", Align::Right),
            ("lost", Align::Right),
            ("replayed", Align::Right),
            ("rejected", Align::Right),
            ("jitter", Align::Right),
        ]);
        for direction in &outcome.directions {
            let name = format!("{} -> {}", direction.sender, direction.receiver);
            for stream in &direction.streams {
                table.row([
                    name.clone(),
                    stream.codec.to_owned(),
                    stream.ssrc.to_string(),
                    stream.packets.to_string(),
                    stream.bytes.to_string(),
                    stream.lost.to_string(),
                    String::new(),
                    String::new(),
                    format!("{:.2} ms", stream.jitter_ms),
                ]);
            }
            table.row([
                name,
                "all".to_owned(),
                String::new(),
                direction.packets.to_string(),
                direction.bytes.to_string(),
                direction.lost.to_string(),
                direction.replayed.to_string(),
                direction.rejected.to_string(),
                String::new(),
            ]);
        }
        for line in table.to_string().lines() {
            self.tell(&format!("   {line}"));
        }
        if call.is_fast {
            self.tell("   (without pacing, jitter says nothing)");
        }
        for direction in &outcome.directions {
            let Direction {
                receiver,
                forged,
                forged_refused,
                ..
            } = direction;
            self.tell(&format!(
                "   of {forged} forged packets {receiver} refused {forged_refused}"
            ));
        }
        let verdict = match outcome.ok {
            true => "every payload arrived byte for byte, and nothing else was delivered",
            false => "THE CALL WAS NOT AS IT SHOULD BE:",
        };
        self.tell(&format!("   {verdict}"));
        for problem in &outcome.problems {
            self.tell(&format!("   - {problem}"));
        }
        let folder = &outcome.folder;
        self.tell(&format!("\n7  Left in {folder}"));
        self.tell("   call.pcapng, call-and-forgeries.pcapng, keys.json, and what each side heard");
        let path = |name: &str| Path::new(folder).join(name).display().to_string();
        self.tell(&format!(
            "   callseal replay {} --keys {}",
            path("call.pcapng"),
            path("keys.json")
        ));
    }

    fn tell(&self, line: &str) {
        if self.is_told {
            // Somebody who closes the pipe has heard enough.
            let _ = writeln!(std::io::stdout().lock(), "{line}");
        }
    }
}
