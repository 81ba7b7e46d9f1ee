//! A whole secured call between two phones of an existing RTP stack.
//!
//! The stack writes and reads its packets with [`rtp-types`], as GStreamer's
//! RTP elements in Rust do, and owns what a [`Leg`] does not: the socket, the
//! clock, the randomness, and the thread that asks the registry. A leg is
//! asked and told in [`Phone::talk`], whose loop is all that a stack needs:
//!
//! | the stack | the leg |
//! |---|---|
//! | a datagram came | `handle_datagram`: RTP for the stack, or nothing |
//! | a packet is to be sent | `send_rtp` |
//! | the registry answered | `look_up_done` |
//! | time has passed | `handle_timeout` |
//! | after each of these | `poll_transmit`, then `poll_event` |
//!
//! Run it with `cargo run -p callseal-endpoint --example rtp_stack_call`. Two
//! phones on loopback shake hands over RTCP, each proves itself with the key
//! that the registry vouches for, they talk for a second, and one hangs up. It
//! fails if an octet of what they hear is not what was said.
//!
//! [`rtp-types`]: https://docs.rs/rtp-types

use std::error::Error;
use std::io::ErrorKind;
use std::net::{SocketAddr, UdpSocket};
use std::sync::mpsc::{self, Receiver, Sender};
use std::thread;
use std::time::{Duration, Instant};

use callseal_devchain::{
    Claim, DevChain, DevRegistry, Operator, prove_possession, uncompressed_key,
};
use callseal_endpoint::{Answering, Config, Event, Leg, Port, Received, Remote, Secured};
use callseal_registry_client::{Answer, LookUpError, Registry, Verified, number_hash};
use callseal_sts::{IdentityKey, Number, Random};
use rtp_types::{RtpPacket, RtpPacketBuilder};

const ALICE: &str = "+8613800000001";
const BOB: &str = "+8613800000002";

/// A second of PCMU in packets of 20 ms.
const PACKETS: u16 = 50;
const PAYLOAD_LEN: usize = 160;
const PACKET_TIME: Duration = Duration::from_millis(20);
/// How long a phone sleeps at most before it looks about.
const TICK: Duration = Duration::from_millis(5);
/// How long the whole call may take.
const PATIENCE: Duration = Duration::from_secs(300);

type Failure = Box<dyn Error + Send + Sync>;

fn main() -> Result<(), Failure> {
    let operator = Operated::new()?;
    let alice = Phone::new(&operator, ALICE, BOB)?;
    let bob = Phone::new(&operator, BOB, ALICE)?;

    // In a real call, signalling tells the caller where the callee is.
    let address = bob.socket.local_addr()?;
    let listening = thread::spawn(move || bob.talk(None));
    let caller = alice.talk(Some(address))?;
    let callee = listening.join().map_err(|_| "the callee panicked")??;

    for (name, outcome) in [("alice", &caller), ("bob", &callee)] {
        let Outcome {
            secured,
            packets,
            octets,
        } = outcome;
        println!(
            "{name}: {} is proven, code {}; heard {packets} packets, {octets} octets",
            secured.peer.number, secured.sas
        );
        ensure(*packets == PACKETS, "not every packet was heard")?;
    }
    ensure(caller.secured.sas == callee.secured.sas, "the codes differ")?;
    Ok(())
}

/// A phone of the stack.
struct Phone {
    socket: UdpSocket,
    leg: Leg,
    registry: LookUps,
    ssrc: u32,
    peer_ssrc: u32,
    peer: Number,
}

/// What came of a call.
struct Outcome {
    secured: Secured,
    packets: u16,
    octets: usize,
}

impl Phone {
    /// A phone that calls `peer`, or answers it alone.
    fn new(operator: &Operated, number: &str, peer: &str) -> Result<Self, Failure> {
        let peer = Number::parse(peer)?;
        let key = operator.key_of(number)?;
        let config = Config::new(Number::parse(number)?, key)
            .mux(true)
            .answering(Answering::Only(peer));
        Ok(Self {
            socket: UdpSocket::bind("127.0.0.1:0")?,
            leg: Leg::new(Duration::ZERO, config, Box::new(SystemRandom))?,
            registry: LookUps::new(operator.reader()),
            ssrc: ssrc_of(number),
            peer_ssrc: ssrc_of(peer.as_str()),
            peer,
        })
    }

    /// The call, from the first message to the BYE.
    fn talk(mut self, callee: Option<SocketAddr>) -> Result<Outcome, Failure> {
        let began = Instant::now();
        self.socket.set_read_timeout(Some(TICK))?;
        if let Some(address) = callee {
            self.leg
                .call(Duration::ZERO, Remote::muxed(address), self.peer)?;
        }
        let mut secured: Option<Secured> = None;
        let (mut said, mut packets, mut octets) = (0, 0, 0);
        let mut speak_at = Duration::ZERO;
        let mut datagram = [0; 2_048];
        loop {
            let arrived = self.socket.recv_from(&mut datagram);
            let now = began.elapsed();
            ensure(now < PATIENCE, "the call does not come to its end")?;
            match arrived {
                Ok((len, from)) => {
                    let datagram = &mut datagram[..len];
                    let received = self.leg.handle_datagram(now, Port::Rtp, from, datagram);
                    // Nothing that is not authentic comes out here.
                    if let Received::Rtp(packet) = received {
                        octets += self.hear(packet, packets)?;
                        packets += 1;
                    }
                }
                Err(error)
                    if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {}
                Err(error) => return Err(error.into()),
            }
            while let Ok((number, answer)) = self.registry.answers.try_recv() {
                self.leg.look_up_done(now, &number, answer);
            }
            // Before the keys are there, the leg refuses to send.
            if self.leg.is_secured() && said < PACKETS && now >= speak_at {
                self.leg.send_rtp(now, self.written(said)?)?;
                said += 1;
                speak_at = now + PACKET_TIME;
            }
            if callee.is_some() && said == PACKETS && packets == PACKETS {
                self.leg.hang_up(now, "goodbye");
            }
            if self.leg.poll_timeout().is_some_and(|at| at <= now) {
                self.leg.handle_timeout(now);
            }
            while let Some(transmit) = self.leg.poll_transmit() {
                self.socket.send_to(&transmit.bytes, transmit.to)?;
            }
            while let Some(event) = self.leg.poll_event() {
                match event {
                    Event::LookUp { number } => self.registry.questions.send(number)?,
                    Event::Secured(now_secured) => secured = Some(*now_secured),
                    Event::HandshakeFailed { why, .. } => return Err(why.to_string().into()),
                    Event::Ended(reason) => {
                        let secured = secured.ok_or_else(|| reason.to_string())?;
                        return Ok(Outcome {
                            secured,
                            packets,
                            octets,
                        });
                    }
                    _ => {}
                }
            }
        }
    }

    fn written(&self, place: u16) -> Result<Vec<u8>, Failure> {
        let payload = speech(self.ssrc, place);
        let packet = RtpPacketBuilder::<&[u8], &[u8]>::new()
            .payload_type(0)
            .marker_bit(place == 0)
            .sequence_number(place)
            .timestamp(u32::from(place) * PAYLOAD_LEN as u32)
            .ssrc(self.ssrc)
            .payload(&payload);
        Ok(packet.write_vec()?)
    }

    /// How many octets of speech there are in a packet, which has to be the
    /// one at `place`.
    fn hear(&self, packet: &[u8], place: u16) -> Result<usize, Failure> {
        let packet = RtpPacket::parse(packet)?;
        let expected = (self.peer_ssrc, place);
        ensure(
            (packet.ssrc(), packet.sequence_number()) == expected,
            "another packet",
        )?;
        ensure(
            packet.payload() == speech(self.peer_ssrc, place),
            "other octets than were said",
        )?;
        Ok(packet.payload_len())
    }
}

/// Each number's own, so that it is known here what will be heard.
fn ssrc_of(number: &str) -> u32 {
    number
        .bytes()
        .fold(0, |ssrc: u32, digit| ssrc.rotate_left(5) ^ u32::from(digit))
}

/// What is said in a packet.
fn speech(ssrc: u32, place: u16) -> Vec<u8> {
    let seed = ssrc as u8 ^ place as u8;
    (0..PAYLOAD_LEN)
        .map(|at| (at as u8).wrapping_mul(31) ^ seed)
        .collect()
}

/// The thread that looks numbers up. A node may take its time, and media must
/// not wait for it.
struct LookUps {
    questions: Sender<Number>,
    answers: Receiver<(Number, Result<Verified<Answer>, LookUpError>)>,
}

impl LookUps {
    /// With a node on the network, its transport stands in the place of the
    /// chain; nothing it says is believed without proof either way.
    fn new(mut registry: Registry<DevChain>) -> Self {
        let (questions, asked) = mpsc::channel::<Number>();
        let (answering, answers) = mpsc::channel();
        thread::spawn(move || {
            for number in asked {
                let answer = registry.look_up(number.as_str());
                if answering.send((number, answer)).is_err() {
                    return;
                }
            }
        });
        Self { questions, answers }
    }
}

/// The operating system's randomness.
struct SystemRandom;

impl Random for SystemRandom {
    fn fill(&mut self, out: &mut [u8]) {
        // Without randomness nothing secret can be made.
        getrandom::fill(out).expect("the operating system gives random octets");
    }
}

/// What an operator has done before: a registry on a chain, with both
/// subscribers in it. The chain is in this process; its proofs are real.
struct Operated {
    chain: DevChain,
    registry: DevRegistry,
    subscribers: Vec<(&'static str, IdentityKey)>,
}

impl Operated {
    fn new() -> Result<Self, Failure> {
        let chain = DevChain::new(31_337);
        let account = chain.account(0);
        let signing = IdentityKey::generate(&mut SystemRandom);
        let terms = Operator {
            account,
            signing_key: uncompressed_key(&signing.to_bytes())?,
            sealing_key: [0; 32],
        };
        let registry = DevRegistry::deploy(&chain, account, &terms)?;
        let mut subscribers = Vec::new();
        for number in [ALICE, BOB] {
            let key = IdentityKey::generate(&mut SystemRandom);
            let wallet = chain.account(1 + subscribers.len());
            let number_hash = number_hash(number)?;
            let digest = registry.proof_of_possession_digest(number_hash, wallet);
            let mut token = [0; 32];
            SystemRandom.fill(&mut token);
            let claim = Claim {
                number_hash,
                key: uncompressed_key(&key.to_bytes())?,
                token_hash: token.into(),
                proof_of_possession: prove_possession(&key.to_bytes(), digest)?,
            };
            registry.add_client(wallet, &claim)?;
            registry.approve_client(account, number_hash, wallet, claim.record_hash(wallet))?;
            subscribers.push((number, key));
        }
        Ok(Self {
            chain,
            registry,
            subscribers,
        })
    }

    fn key_of(&self, number: &str) -> Result<IdentityKey, Failure> {
        let mut subscribers = self.subscribers.iter();
        let found = subscribers.find(|(theirs, _)| *theirs == number);
        let (_, key) = found.ok_or("no such subscriber")?;
        Ok(key.clone())
    }

    /// A reader that trusts one block's hash, and the rest as far as it is
    /// proven from there.
    fn reader(&self) -> Registry<DevChain> {
        Registry::new(
            self.registry.config(),
            self.chain.head(),
            self.chain.clone(),
        )
    }
}

fn ensure(holds: bool, otherwise: &'static str) -> Result<(), &'static str> {
    if holds { Ok(()) } else { Err(otherwise) }
}
