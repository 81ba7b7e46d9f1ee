//! Known attacks on key exchanges of this kind, each as a test.
//!
//! An attack is first shown to succeed against a handshake that lacks exactly
//! the defence it is about, and then to fail against ours. Where several of
//! our defences stop the same attack, the weakened handshake lacks them all,
//! and the test then puts each one back alone: every one of them suffices.
//! The weaker handshakes exist in this crate's tests only; see
//! [`crate::defences`].
//!
//! | attack | file |
//! |---|---|
//! | unknown key share | `unknown_key_share.rs` |
//! | reflection | `reflection.rs` |
//! | downgrade of the suite | `downgrade.rs` |
//! | replay within and across sessions | `replay.rs` |
//! | a signature carried over to somebody else, an answer from somebody else | `misbinding.rs` |
//! | a third party's share, a share of low order | `shares.rs` |
//! | making the authentication strings agree | `authentication_string.rs` |
//! | any altered bit | `tampering.rs` |
//! | floods, amplification | `handshaker/tests/load.rs` |
//! | spoiling a call by injection | `handshaker/tests/calls.rs`, `…/glare.rs` |

mod authentication_string;
mod downgrade;
mod misbinding;
mod reflection;
mod replay;
mod shares;
mod tampering;
mod unknown_key_share;

use std::sync::Arc;

use crate::commitment::Reveal;
use crate::initiator::{Answer, AwaitM2, AwaitM4, Offer};
use crate::key_schedule::{WithM2, WithM2Clear, WithM3};
use crate::messages::{
    Extensions, M1, M2, M2Sealed, M3, M3Sealed, M4Sealed, MessageKind, SessionId, Share, build_m1,
    header,
};
use crate::phone::{Seeded, identity, key, number};
use crate::random::draw;
use crate::responder::{Answering, AwaitM3, M1Error};
use crate::share::{EphemeralSecret, SharedSecret};
use crate::signature::SignatureOctets;
use crate::suite::Group;
use crate::transcript::{Th1, Th2};
use crate::{
    Established, Identity, LocalIdentity, Random, Staples, Suite, Suites, VerifiedPeerKey,
};

const ALICE: u8 = 1;
const BOB: u8 = 2;
const EVE: u8 = 66;

/// What a callee draws that never draws afresh.
pub(crate) struct Stale;

impl Random for Stale {
    fn fill(&mut self, out: &mut [u8]) {
        out.fill(0x77);
    }
}

fn own(of: u8) -> Arc<LocalIdentity> {
    Arc::new(LocalIdentity::new(number(of), key(of)))
}

fn vouched(of: u8) -> VerifiedPeerKey {
    VerifiedPeerKey::vouch(identity(of))
}

/// Alice calls a number.
fn alice_calls(callee: u8, random: &mut Seeded) -> (AwaitM2, Vec<u8>) {
    let offer = Offer {
        callee: number(callee),
        suites: Suites::default(),
        running: None,
        renews: false,
        staples: Staples::default(),
    };
    AwaitM2::begin(own(ALICE), offer, random)
}

/// A phone answers.
fn answer(of: u8, m1: &[u8], random: &mut Seeded) -> Result<(AwaitM3, Vec<u8>), M1Error> {
    let answering = Answering {
        suites: Suites::default(),
        running: None,
        unconfirmed: None,
        staples: Staples::default(),
    };
    AwaitM3::answer(own(of), m1, &answering, random)
}

/// The keys that a caller holds after this M4, if it holds any.
fn established(await_m4: &AwaitM4, m4: &[u8]) -> Option<Established> {
    match await_m4.receive(m4) {
        Ok(Answer::Accepted(established)) => Some(*established),
        _ => None,
    }
}

/// Both ends hold the same media keys.
fn same_keys(one: &Established, other: &Established) -> bool {
    one.media_keys() == other.media_keys()
}

/// The caller's side of a handshake in the hands of somebody who may put
/// anything into it.
struct FalseCaller {
    secret: EphemeralSecret,
    session: SessionId,
    m1: Vec<u8>,
}

/// Either side's, once it has the keys of M3.
struct FalsePeer {
    keys: WithM2,
    sessions: (SessionId, SessionId),
    reveal: Reveal,
}

impl FalseCaller {
    fn begin(random: &mut Seeded) -> Self {
        let secret = EphemeralSecret::draw(Group::X25519, random);
        let share = secret.share();
        Self::begin_with(secret, &share, random)
    }

    fn begin_with(secret: EphemeralSecret, share: &[u8], random: &mut Seeded) -> Self {
        let session = SessionId::draw(random);
        let shares = [Share {
            group: Group::X25519.id(),
            value: share,
        }];
        let suites = Suite::ALL.map(Suite::id);
        let m1 = build_m1(session, &suites, &shares, 0, None, &Extensions::NONE);
        Self {
            secret,
            session,
            m1,
        }
    }

    /// Opens M2; the callee's identity and signature.
    fn open_m2(&self, m2: &[u8]) -> (FalsePeer, Identity, SignatureOctets) {
        let z = self.secret.agree(M2::parse(m2).unwrap().share).unwrap();
        let (peer, callee, signature) = read_m2(&z, &self.m1, m2);
        assert_eq!(peer.sessions.0, self.session);
        (peer, callee, signature)
    }
}

/// What whoever knows Z reads in M2.
fn read_m2(z: &SharedSecret, m1: &[u8], m2: &[u8]) -> (FalsePeer, Identity, SignatureOctets) {
    let m2 = M2::parse(m2).unwrap();
    let keys = WithM2Clear::new(z, Th1::new(m1).with_m2_clear(m2.clear));
    let plaintext = keys
        .m2_key()
        .open(keys.th_2().as_bytes(), m2.sealed)
        .unwrap();
    let sealed = M2Sealed::parse(&plaintext).unwrap();
    let peer = FalsePeer {
        keys: keys.with_m2_sealed(m2.sealed),
        sessions: (m2.caller, m2.callee),
        reveal: Reveal::from_bytes([0; 32]),
    };
    (peer, sealed.callee, sealed.signature)
}

/// Answers an M1 under any identity with any signature.
fn false_answer(
    m1: &[u8],
    callee: Identity,
    sign: impl FnOnce(&Th2) -> SignatureOctets,
    random: &mut Seeded,
) -> (FalsePeer, Vec<u8>) {
    let parsed = M1::parse(m1).unwrap();
    let secret = EphemeralSecret::draw(Group::X25519, random);
    let reveal = Reveal::draw(random);
    let sessions = (parsed.caller, SessionId::draw(random));
    let mut m2 = M2 {
        caller: sessions.0,
        callee: sessions.1,
        suite: parsed.suites[0],
        epoch: 1,
        commitment: reveal.commitment().0,
        share: &secret.share(),
        clear: &[],
        sealed: &[],
    }
    .to_bytes();
    let z = secret.agree(parsed.shares[0].value).unwrap();
    let keys = WithM2Clear::new(&z, Th1::new(m1).with_m2_clear(&m2));
    let plaintext = M2Sealed {
        callee,
        signature: sign(keys.th_2()),
        extensions: Extensions::NONE,
    }
    .to_bytes();
    let clear_len = m2.len();
    keys.m2_key()
        .seal(keys.th_2().as_bytes(), &plaintext, &mut m2);
    let peer = FalsePeer {
        keys: keys.with_m2_sealed(&m2[clear_len..]),
        sessions,
        reveal,
    };
    (peer, m2)
}

impl FalsePeer {
    /// As a callee: opens M3; the caller's signature, and the stage after.
    fn open_m3(&self, m3: &[u8]) -> (SignatureOctets, WithM3) {
        let m3 = M3::parse(m3).unwrap();
        let associated = [&self.keys.th_3().as_bytes()[..], &m3.header].concat();
        let plaintext = self.keys.m3_key().open(&associated, m3.sealed).unwrap();
        let sealed = M3Sealed::parse(&plaintext).unwrap();
        (sealed.signature, self.keys.with_m3(&m3))
    }

    /// As a caller: M3 under any identity with any signature.
    fn m3(
        &self,
        caller: Identity,
        callee: Identity,
        signature: SignatureOctets,
        random: &mut Seeded,
    ) -> (Vec<u8>, WithM3) {
        let plaintext = M3Sealed {
            caller,
            callee,
            nonce: draw(random),
            signature,
            extensions: Extensions::NONE,
        }
        .to_bytes();
        let header = header(MessageKind::M3, self.sessions.0, Some(self.sessions.1));
        let associated = [&self.keys.th_3().as_bytes()[..], &header].concat();
        let mut m3 = header.to_vec();
        self.keys.m3_key().seal(&associated, &plaintext, &mut m3);
        let after = self.keys.with_m3(&M3::parse(&m3).unwrap());
        (m3, after)
    }

    /// As a callee: M4 that accepts and shows this reveal.
    fn m4(&self, after: &WithM3, reveal: &Reveal) -> Vec<u8> {
        self.m4_with(after, 0, after.mac(0), reveal)
    }

    fn m4_with(&self, after: &WithM3, status: u8, mac: [u8; 32], reveal: &Reveal) -> Vec<u8> {
        let plaintext = M4Sealed {
            status,
            mac,
            reveal: *reveal.as_bytes(),
        }
        .to_bytes();
        let header = header(MessageKind::M4, self.sessions.0, Some(self.sessions.1));
        let associated = [&after.th_4().as_bytes()[..], &header].concat();
        let mut m4 = header.to_vec();
        after.m4_key().seal(&associated, &plaintext, &mut m4);
        m4
    }
}
