//! Two phones, and a network and users that do anything in any order.

use core::net::SocketAddr;
use core::time::Duration;

use callseal_sts::{
    Config, Established, Event, FragmentHead, Handshaker, Identity, IdentityKey, Number, Random,
    Refusal, Role, SessionHandle, Transmit, VerifiedPeerKey,
};

/// Plays what the octets say: nothing panics, nobody is made to send or tell
/// without bound, and whoever holds keys as a caller holds them with the
/// callee.
pub fn handshake_sequence(data: &[u8]) {
    let mut script = Script(data);
    let mut phones = [Phone::new(0), Phone::new(1)];
    let mut now = Duration::from_secs(1);
    for _ in 0..MAX_STEPS {
        let Some(step) = script.octet() else { break };
        let who = usize::from(step >> 3 & 1);
        match step & 7 {
            0 => phones[who].call(now, false),
            1 => carry(&mut phones, who, now, &mut script),
            2 => corrupt(&mut phones, who, now, &mut script),
            3 => {
                now += Duration::from_millis(10 * u64::from(script.octet().unwrap_or(0)));
                phones[0].wait(now);
                phones[1].wait(now);
            }
            4 => {
                let verdict = script.octet().unwrap_or(0);
                phones[who].decide(now, verdict);
            }
            5 => {
                let (from, octets) = (script.address(), script.octets());
                phones[who].receive(now, from, octets, octets.len() + 56);
            }
            6 => {
                let (from, index) = (script.address(), script.octet().unwrap_or(0));
                let octets = script.octets();
                let fragment = FragmentHead {
                    index: index & 0x0f,
                    count: 1 + (index & 0x0f),
                    cookie: (index & 0x80 != 0).then_some([index; 16]),
                    bytes: octets,
                };
                let _ = phones[who]
                    .handshaker
                    .admit(now, from, fragment, octets.len() + 56);
                phones[who].settle();
            }
            _ => match script.octet().unwrap_or(0) & 3 {
                0 => phones[who].handshaker.set_running(None),
                1 => phones[who].call(now, true),
                2 => phones[who].expect_key(),
                _ => {}
            },
        }
    }
    let [one, other] = &phones;
    one.check_against(other);
    other.check_against(one);
}

const MAX_STEPS: usize = 96;
const MAX_IN_FLIGHT: usize = 32;

/// The octets that are left.
struct Script<'a>(&'a [u8]);

impl<'a> Script<'a> {
    fn octet(&mut self) -> Option<u8> {
        let (first, rest) = self.0.split_first()?;
        self.0 = rest;
        Some(*first)
    }

    /// A length and so many octets, or what is left.
    fn octets(&mut self) -> &'a [u8] {
        let len = usize::from(self.octet().unwrap_or(0)).min(self.0.len());
        let (taken, rest) = self.0.split_at(len);
        self.0 = rest;
        taken
    }

    /// One of a few.
    fn address(&mut self) -> SocketAddr {
        let host = self.octet().unwrap_or(0) & 3;
        SocketAddr::from(([192, 0, 2, host], 5005))
    }
}

struct Phone {
    handshaker: Handshaker,
    peer: Identity,
    peer_address: SocketAddr,
    in_flight: Vec<Transmit>,
    presented: Vec<(SessionHandle, Identity)>,
    established: Vec<Established>,
    calling: Option<SessionHandle>,
}

/// Octets that nobody knows, the same in every run.
struct Counter(u64);

impl Random for Counter {
    fn fill(&mut self, out: &mut [u8]) {
        for octet in out {
            self.0 = self
                .0
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1);
            *octet = (self.0 >> 56) as u8;
        }
    }
}

impl Phone {
    fn new(which: u8) -> Self {
        let identity = |which: u8| Identity {
            number: number(which),
            key: key(which).public(),
        };
        let config = Config::new(number(which), key(which));
        Self {
            handshaker: Handshaker::new(config, Box::new(Counter(which.into()))),
            peer: identity(1 - which),
            peer_address: address(1 - which),
            in_flight: Vec::new(),
            presented: Vec::new(),
            established: Vec::new(),
            calling: None,
        }
    }

    fn call(&mut self, now: Duration, again: bool) {
        let begun = match again {
            true => self.handshaker.call_again(now, self.peer_address),
            false => self
                .handshaker
                .call(now, self.peer_address, self.peer.number),
        };
        self.calling = begun.ok().or(self.calling);
        self.settle();
    }

    fn expect_key(&mut self) {
        if let Some(session) = self.calling {
            let key = VerifiedPeerKey::vouch(self.peer);
            self.handshaker.expect_key(session, key);
        }
    }

    fn decide(&mut self, now: Duration, verdict: u8) {
        let Some((session, identity)) = self.presented.pop() else {
            return;
        };
        // The registry is right: it vouches for the two of them alone.
        if verdict & 3 != 3 && identity == self.peer {
            let key = VerifiedPeerKey::vouch(identity);
            let _ = self.handshaker.accept(now, session, key);
        } else {
            let why = Refusal::ALL[usize::from(verdict >> 2) % Refusal::ALL.len()];
            self.handshaker.refuse(now, session, why);
        }
        self.settle();
    }

    fn wait(&mut self, now: Duration) {
        if self.handshaker.poll_timeout().is_some_and(|at| at <= now) {
            self.handshaker.handle_timeout(now);
        }
        assert!(self.handshaker.poll_timeout().is_none_or(|at| at > now));
        self.settle();
    }

    fn receive(&mut self, now: Duration, from: SocketAddr, octets: &[u8], received_len: usize) {
        self.handshaker
            .handle_message(now, from, octets, received_len);
        let said = self.settle();
        assert!(said <= 1, "one message for one message");
    }

    /// Polls everything; how many messages there were.
    fn settle(&mut self) -> usize {
        let mut said = 0;
        while let Some(transmit) = self.handshaker.poll_transmit() {
            said += 1;
            assert!(said <= 300, "never stops sending");
            if self.in_flight.len() < MAX_IN_FLIGHT {
                self.in_flight.push(transmit);
            }
        }
        let mut told = 0;
        while let Some(event) = self.handshaker.poll_event() {
            told += 1;
            assert!(told <= 1_000, "never stops telling");
            match event {
                Event::PeerPresented {
                    session, identity, ..
                } => self.presented.push((session, identity)),
                Event::Established { established, .. } => {
                    assert_eq!(*established.peer(), self.peer);
                    assert_ne!(established.epoch(), 0);
                    self.established.push(*established);
                }
                _ => {}
            }
        }
        said
    }

    /// The last message may be lost, so a callee may hold keys that its
    /// caller never learns of; the reverse is never so.
    fn check_against(&self, other: &Self) {
        for as_caller in &self.established {
            if as_caller.role() == Role::Caller {
                assert!(other.established.iter().any(|as_callee| {
                    as_callee.role() == Role::Callee
                        && as_callee.session_hash() == as_caller.session_hash()
                        && as_callee.media_keys() == as_caller.media_keys()
                        && as_callee.sas() == as_caller.sas()
                        && as_callee.epoch() == as_caller.epoch()
                }));
            }
        }
    }
}

/// A message of one phone arrives at the other, and may stay on its way for
/// another time.
fn carry(phones: &mut [Phone; 2], who: usize, now: Duration, script: &mut Script<'_>) {
    let which = script.octet().unwrap_or(0);
    let in_flight = &mut phones[who].in_flight;
    let nth = usize::from(which & 0x1f);
    if nth >= in_flight.len() {
        return;
    }
    let transmit = match which & 0x80 {
        0 => in_flight.remove(nth),
        _ => in_flight[nth].clone(),
    };
    let from = address(who as u8);
    let len = transmit.message.len() + 56;
    phones[1 - who].receive(now, from, &transmit.message, len);
}

/// A copy of it arrives with one octet altered.
fn corrupt(phones: &mut [Phone; 2], who: usize, now: Duration, script: &mut Script<'_>) {
    let which = usize::from(script.octet().unwrap_or(0));
    let (at, by) = (script.octet().unwrap_or(0), script.octet().unwrap_or(0));
    let Some(transmit) = phones[who].in_flight.get(which & 0x1f) else {
        return;
    };
    let mut octets = transmit.message.to_vec();
    let at = usize::from(at) % octets.len();
    octets[at] ^= by;
    let len = octets.len() + 56;
    phones[1 - who].receive(now, address(who as u8), &octets, len);
}

fn number(which: u8) -> Number {
    let text = ["+8613800000001", "+8613800000002"][usize::from(which)];
    Number::parse(text).expect("E.164")
}

fn key(which: u8) -> IdentityKey {
    IdentityKey::from_bytes([which + 1; 32]).expect("below the group order")
}

fn address(which: u8) -> SocketAddr {
    SocketAddr::from(([192, 0, 2, which], 5005))
}
