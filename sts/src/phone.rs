//! A phone for tests: a handshaker with an address, a registry in its head
//! and a memory, speaking through the test kit's link.

use core::net::SocketAddr;
use core::time::Duration;

use callseal_testkit::{Conditions, Link, Pair, Peer, SplitMix64};

use crate::messages::MessageKind;
use crate::{
    Admission, Config, Established, Event, Failure, FragmentHead, Handshaker, Identity,
    IdentityKey, Ignored, Number, Random, Refusal, Role, SessionHandle, Staple, Transmit,
    VerifiedPeerKey,
};

pub(crate) const MS: Duration = Duration::from_millis(1);
pub(crate) const S: Duration = Duration::from_secs(1);

/// Reproducible octets.
pub(crate) struct Seeded(SplitMix64);

impl Seeded {
    pub(crate) fn new(seed: u64) -> Self {
        Self(SplitMix64::new(seed))
    }
}

impl Random for Seeded {
    fn fill(&mut self, out: &mut [u8]) {
        self.0.fill(out);
    }
}

/// What a phone says about a presented identity.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Verdict {
    /// Yes, whoever it is.
    Vouch,
    /// The registry has this identity.
    Registry(Identity),
    /// No.
    Refuse(Refusal),
    /// Nothing, ever.
    Silence,
}

pub(crate) struct Phone {
    pub(crate) handshaker: Handshaker,
    pub(crate) address: SocketAddr,
    pub(crate) verdict: Verdict,
    pub(crate) verdict_takes: Duration,
    /// Whether this phone hears its peer's media as soon as it has the keys.
    pub(crate) is_heard_at_once: bool,
    pub(crate) established: Vec<(SessionHandle, Established)>,
    pub(crate) failed: Vec<(SessionHandle, Failure)>,
    pub(crate) superseded: Vec<(SessionHandle, SessionHandle)>,
    pub(crate) presented: Vec<(SessionHandle, Role, Identity)>,
    /// What came with each of them.
    pub(crate) staples: Vec<Option<Staple>>,
    pub(crate) turned_away: Vec<Identity>,
    pub(crate) abandoned: Vec<Option<Ignored>>,
    pub(crate) ignored: Vec<Ignored>,
    pub(crate) sent: Vec<(MessageKind, bool)>,
    pub(crate) advised: Vec<Number>,
    pending: Vec<(Duration, SessionHandle, Identity)>,
}

pub(crate) fn number(last: u8) -> Number {
    Number::parse(&format!("+86138000000{last:02}")).unwrap()
}

pub(crate) fn key(of: u8) -> IdentityKey {
    IdentityKey::from_bytes([of; 32]).unwrap()
}

/// The identity of phone `of`, as the registry has it.
pub(crate) fn identity(of: u8) -> Identity {
    Identity {
        number: number(of),
        key: key(of).public(),
    }
}

pub(crate) fn address(of: u8) -> SocketAddr {
    SocketAddr::from(([192, 0, 2, of], 5005))
}

pub(crate) fn config(of: u8) -> Config {
    Config::new(number(of), key(of))
}

/// Phones 1 and 2 over a link.
pub(crate) fn pair(seed: u64, conditions: Conditions) -> Pair<Phone, Phone> {
    Pair::new(
        Link::new(seed, conditions),
        Phone::new(1, config(1), 2 * seed),
        Phone::new(2, config(2), 2 * seed + 1),
    )
}

/// Phones 1 and 2, 20 ms apart, in a call that phone 1 has begun.
pub(crate) fn pair_in_call(seed: u64) -> Pair<Phone, Phone> {
    let mut pair = pair(seed, Conditions::perfect().delay(20 * MS));
    pair.a.call(pair.now, 2);
    pair.run_to(S, 100).unwrap();
    assert!(pair.a.established.len() == 1 && pair.b.established.len() == 1);
    pair
}

/// What one phone and another hold together: whether the last call of each is
/// the same.
pub(crate) fn share_keys(one: &Phone, other: &Phone) -> bool {
    let (Some(one), Some(other)) = (one.last(), other.last()) else {
        return false;
    };
    one.media_keys() == other.media_keys()
        && one.session_hash() == other.session_hash()
        && one.sas() == other.sas()
        && one.epoch() == other.epoch()
        && one.suite() == other.suite()
        && one.role() != other.role()
}

impl Phone {
    pub(crate) fn new(of: u8, config: Config, seed: u64) -> Self {
        let random = Seeded::new(seed);
        Self {
            handshaker: Handshaker::new(config, Box::new(random)),
            address: address(of),
            verdict: Verdict::Vouch,
            verdict_takes: Duration::ZERO,
            is_heard_at_once: true,
            established: Vec::new(),
            failed: Vec::new(),
            superseded: Vec::new(),
            presented: Vec::new(),
            staples: Vec::new(),
            turned_away: Vec::new(),
            abandoned: Vec::new(),
            ignored: Vec::new(),
            sent: Vec::new(),
            advised: Vec::new(),
            pending: Vec::new(),
        }
    }

    pub(crate) fn call(&mut self, now: Duration, callee: u8) -> SessionHandle {
        let session = self
            .handshaker
            .call(now, address(callee), number(callee))
            .unwrap();
        self.look(now);
        session
    }

    pub(crate) fn call_again(&mut self, now: Duration, callee: u8) -> SessionHandle {
        let session = self.handshaker.call_again(now, address(callee)).unwrap();
        self.look(now);
        session
    }

    pub(crate) fn last(&self) -> Option<&Established> {
        self.established.last().map(|(_, established)| established)
    }

    /// How often a message of a kind was sent.
    pub(crate) fn sent(&self, kind: MessageKind) -> usize {
        self.sent.iter().filter(|(sent, _)| *sent == kind).count()
    }

    /// Polls the events, and decides where a verdict is asked for.
    pub(crate) fn look(&mut self, now: Duration) {
        while let Some(event) = self.handshaker.poll_event() {
            match event {
                Event::PeerPresented {
                    session,
                    role,
                    identity,
                    staple,
                    ..
                } => {
                    self.staples.push(staple);
                    self.presented.push((session, role, identity));
                    self.pending
                        .push((now + self.verdict_takes, session, identity));
                    self.decide(now);
                }
                Event::Established {
                    session,
                    established,
                    ..
                } => {
                    if self.is_heard_at_once {
                        self.handshaker.peer_uses(established.epoch());
                    }
                    self.established.push((session, *established));
                }
                Event::Failed { session, why } => self.failed.push((session, why)),
                Event::Superseded { session, by } => self.superseded.push((session, by)),
                Event::TurnedAway { identity, .. } => self.turned_away.push(identity),
                Event::Abandoned { last_ignored, .. } => self.abandoned.push(last_ignored),
                Event::MessageIgnored { why, .. } => self.ignored.push(why),
                Event::MessageSent { kind, repeated, .. } => self.sent.push((kind, repeated)),
                Event::LookUpAdvised { number, .. } => self.advised.push(number),
                Event::MessageAccepted { .. } => {}
            }
        }
    }

    fn decide(&mut self, now: Duration) {
        if matches!(self.verdict, Verdict::Silence) {
            return;
        }
        let due = self.pending.extract_if(.., |(at, _, _)| *at <= now);
        for (_, session, identity) in due.collect::<Vec<_>>() {
            match self.verdict {
                Verdict::Vouch => {
                    let key = VerifiedPeerKey::vouch(identity);
                    let _ = self.handshaker.accept(now, session, key);
                }
                Verdict::Registry(identity) => {
                    let key = VerifiedPeerKey::vouch(identity);
                    let _ = self.handshaker.accept(now, session, key);
                }
                Verdict::Refuse(why) => self.handshaker.refuse(now, session, why),
                Verdict::Silence => {}
            }
        }
        self.look(now);
    }
}

impl Peer for Phone {
    fn address(&self) -> SocketAddr {
        self.address
    }

    fn handle_datagram(&mut self, now: Duration, from: SocketAddr, bytes: Vec<u8>) {
        let Some((cookie, message)) = unwrap(&bytes) else {
            return;
        };
        let fragment = FragmentHead {
            index: 0,
            count: 1,
            cookie,
            bytes: message,
        };
        let admission = self.handshaker.admit(now, from, fragment, bytes.len());
        if admission != Admission::Drop {
            self.handshaker
                .handle_message(now, from, message, bytes.len());
        }
        self.look(now);
    }

    fn poll_transmit(&mut self, _: Duration) -> Option<(SocketAddr, Vec<u8>)> {
        let transmit = self.handshaker.poll_transmit()?;
        Some((transmit.to, wrap(&transmit)))
    }

    fn poll_timeout(&self) -> Option<Duration> {
        let verdict = match self.verdict {
            Verdict::Silence => None,
            _ => self.pending.iter().map(|(at, _, _)| *at).min(),
        };
        [verdict, self.handshaker.poll_timeout()]
            .into_iter()
            .flatten()
            .min()
    }

    fn handle_timeout(&mut self, now: Duration) {
        self.decide(now);
        self.handshaker.handle_timeout(now);
        self.look(now);
    }
}

/// Stands in for the RTCP around a message: as long as the real envelope, and
/// holding what that would tell.
pub(crate) fn wrap(transmit: &Transmit) -> Vec<u8> {
    let mut datagram = vec![0; 56];
    datagram[0] = u8::from(transmit.cookie.is_some());
    datagram[2..4].copy_from_slice(&(transmit.message.len() as u16).to_be_bytes());
    datagram[4..8].copy_from_slice(&transmit.message_tag.to_be_bytes());
    datagram.extend_from_slice(transmit.cookie.as_ref().map_or(&[], |cookie| &cookie[..]));
    datagram.extend_from_slice(&transmit.message);
    datagram.resize(datagram.len().next_multiple_of(4), 0);
    datagram
}

pub(crate) fn unwrap(datagram: &[u8]) -> Option<(Option<[u8; 16]>, &[u8])> {
    let (envelope, mut rest) = datagram.split_at_checked(56)?;
    let mut cookie = None;
    if envelope[0] == 1 {
        let (shown, after) = rest.split_first_chunk()?;
        (cookie, rest) = (Some(*shown), after);
    }
    let message_len = u16::from_be_bytes([envelope[2], envelope[3]]);
    Some((cookie, rest.get(..usize::from(message_len))?))
}
