//! The caller's side, state by state (PROTOCOL.md §5, "The caller").
//!
//! [`AwaitM2`] → [`PresentedCallee`] → [`AwaitM4`] → [`Established`]. A state
//! lends itself to a message: one that is refused leaves it as it was, for
//! anybody can have sent it. [`PresentedCallee`] waits for a verdict from
//! outside and is consumed by it.

use std::sync::Arc;

use thiserror::Error;

use crate::commitment::{Commitment, Reveal};
use crate::defences::defences;
use crate::established::{Established, Role, Running, SessionHash};
use crate::key_schedule::{Decision, WithM2, WithM2Clear, WithM3};
use crate::messages::{
    Extensions, M2, M2Sealed, M3, M3Sealed, M4, M4Sealed, MessageError, MessageKind, SessionId,
    Share, build_m1, header,
};
use crate::random::draw;
use crate::share::EphemeralSecret;
use crate::signature::Signed;
use crate::staples::{self, Staple, Staples};
use crate::suite::{Suite, Suites};
use crate::transcript::Th1;
use crate::{Identity, LocalIdentity, Number, Random, Refusal, VerifiedPeerKey};

/// What a caller wants.
#[derive(Clone, Debug)]
pub struct Offer {
    /// Whom to call.
    pub callee: Number,
    /// What to offer.
    pub suites: Suites,
    /// The call that this handshake runs beside. Only its peer is accepted.
    pub running: Option<Running>,
    /// Whether the handshake renews the running call, so that its signatures
    /// cover that call's handshake too.
    pub renews: bool,
    /// What is given and taken besides keys. Our own goes into M3, and only
    /// where the callee asks for it.
    pub staples: Staples,
}

/// M1 is sent.
#[derive(Debug)]
pub struct AwaitM2 {
    own: Arc<LocalIdentity>,
    offer: Offer,
    caller: SessionId,
    secret: EphemeralSecret,
    th_1: Th1,
    known: Option<VerifiedPeerKey>,
}

/// M2 is good: somebody with the callee's number has signed it. Whether the
/// key belongs to the number is for the registry to say.
#[derive(Debug)]
pub struct PresentedCallee {
    own: Arc<LocalIdentity>,
    callee: Identity,
    sessions: (SessionId, SessionId),
    keys: WithM2,
    agreed: Agreed,
    /// The callee's.
    staple: Option<Staple>,
    /// Ours, if the callee takes one.
    own_staple: Option<Staple>,
}

/// M3 is sent.
#[derive(Debug)]
pub struct AwaitM4 {
    callee: Identity,
    sessions: (SessionId, SessionId),
    keys: WithM3,
    agreed: Agreed,
}

/// What the callee decided.
#[derive(Debug)]
pub enum Answer {
    /// It accepts; the call has its keys.
    Accepted(Box<Established>),
    /// It refuses, with this status.
    Refused(RefusedStatus),
}

/// The status of a refusal, 1 to 255.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct RefusedStatus(u8);

/// Why an M2 was ignored.
#[derive(Clone, Copy, Debug, Eq, Error, PartialEq)]
#[non_exhaustive]
pub enum M2Error {
    /// It is no M2.
    #[error("M2 cannot be read: {0}")]
    Malformed(#[from] MessageError),
    /// It answers another M1.
    #[error("M2 is of another session")]
    OtherSession,
    /// It chooses what was not offered.
    #[error("M2 chooses suite {0:#06x}, which was not offered")]
    SuiteNotOffered(u16),
    /// It gives the new call the epoch of the running one.
    #[error("M2 assigns epoch {0}, which is in use")]
    EpochInUse(u8),
    /// Its share has another length than its group's, or is of low order.
    #[error("M2's share is invalid")]
    Share,
    /// Its sealed part is not authentic: it was altered, or its sender does
    /// not know the secret.
    #[error("M2's sealed part is not authentic")]
    Unauthentic,
    /// Somebody else answers.
    #[error("answered by {answered_by}, not {called}")]
    AnsweredByAnother {
        /// Who answers.
        answered_by: Number,
        /// Who was called.
        called: Number,
    },
    /// The answer bears our own number or key.
    #[error("answered with our own number or key")]
    OwnIdentity,
    /// The answer is not from the running call's peer.
    #[error("answered with another identity than the running call's peer")]
    NotTheRunningPeer,
    /// The answer bears another key than the one vouched for.
    #[error("answered with another key than the registry's")]
    NotTheKnownKey,
    /// The signature is not the presented key's.
    #[error("M2's signature is invalid")]
    Signature,
}

/// Why an M4 was ignored.
#[derive(Clone, Copy, Debug, Eq, Error, PartialEq)]
#[non_exhaustive]
pub enum M4Error {
    /// It is no M4.
    #[error("M4 cannot be read: {0}")]
    Malformed(#[from] MessageError),
    /// It answers another M3.
    #[error("M4 is of another session")]
    OtherSession,
    /// It is not authentic: it was altered, or its sender does not know the
    /// secret.
    #[error("M4 is not authentic")]
    Unauthentic,
    /// It reveals something else than M2 committed to.
    #[error("M4 reveals something else than M2 committed to")]
    Commitment,
}

/// The key vouched for is not the one that was presented. Gives the state
/// back.
#[derive(Debug, Error)]
#[error("the key vouched for is not the one presented")]
pub struct AnotherKey<S> {
    /// The state as it was.
    pub state: Box<S>,
}

#[derive(Clone, Copy, Debug)]
struct Agreed {
    suite: Suite,
    epoch: u8,
    commitment: Commitment,
    previous: Option<SessionHash>,
}

impl AwaitM2 {
    /// Begins a handshake; also gives M1, to be sent and repeated octet for
    /// octet. Draws the session id (8 octets) and the ephemeral secret (32).
    ///
    /// ```
    /// use callseal_sts::initiator::{AwaitM2, Offer};
    /// use callseal_sts::{IdentityKey, LocalIdentity, Number, Random, Staples, Suites};
    ///
    /// # struct System;
    /// # impl Random for System { fn fill(&mut self, out: &mut [u8]) { out.fill(3) } }
    /// let key = IdentityKey::from_bytes([1; 32]).expect("in range");
    /// let alice = LocalIdentity::new(Number::parse("+8613800000001").expect("E.164"), key);
    /// let offer = Offer {
    ///     callee: Number::parse("+8613800000002").expect("E.164"),
    ///     suites: Suites::default(),
    ///     running: None,
    ///     renews: false,
    ///     staples: Staples::default(),
    /// };
    /// let (await_m2, m1) = AwaitM2::begin(alice.into(), offer, &mut System);
    /// assert_eq!(m1.len(), 64);
    /// assert!(await_m2.receive(b"noise").is_err());
    /// ```
    pub fn begin(
        own: Arc<LocalIdentity>,
        offer: Offer,
        random: &mut dyn Random,
    ) -> (Self, Vec<u8>) {
        let caller = SessionId::draw(random);
        let suites: Vec<u16> = offer.suites.iter().map(Suite::id).collect();
        // All suites are of one group so far.
        let group = offer.suites.first().group();
        let secret = EphemeralSecret::draw(group, random);
        let share = secret.share();
        let shares = [Share {
            group: group.id(),
            value: &share,
        }];
        let epoch_in_use = offer.running.map_or(0, |running| running.epoch);
        let extensions = offer.staples.to_extensions(true, false);
        let m1 = build_m1(
            caller,
            &suites,
            &shares,
            epoch_in_use,
            offer.previous(),
            &Extensions::new(&extensions),
        );
        let th_1 = Th1::new(&m1);
        let state = Self {
            own,
            offer,
            caller,
            secret,
            th_1,
            known: None,
        };
        (state, m1)
    }

    /// From now on only an M2 with this key is good: the registry has
    /// answered before the callee did.
    pub fn expect_key(&mut self, key: VerifiedPeerKey) {
        self.known = Some(key);
    }

    /// This handshake's session.
    pub fn session(&self) -> SessionId {
        self.caller
    }

    /// Steps 2 to 5: takes an M2 and stops with the identity that it
    /// presents. A refused one leaves this state as it was.
    ///
    /// # Errors
    ///
    /// [`M2Error`], by the first thing that is wrong with it.
    pub fn receive(&self, m2: &[u8]) -> Result<PresentedCallee, M2Error> {
        let m2 = M2::parse(m2)?;
        if m2.caller != self.caller {
            return Err(M2Error::OtherSession);
        }
        let suite = self
            .offer
            .suites
            .iter()
            .find(|suite| suite.id() == m2.suite)
            .ok_or(M2Error::SuiteNotOffered(m2.suite))?;
        let running = self.offer.running.as_ref();
        if running.is_some_and(|running| running.epoch == m2.epoch) {
            return Err(M2Error::EpochInUse(m2.epoch));
        }
        let z = self.secret.agree(m2.share).ok_or(M2Error::Share)?;
        let keys = WithM2Clear::new(&z, self.th_1.with_m2_clear(m2.clear));
        let plaintext = keys
            .m2_key()
            .open(keys.th_2().as_bytes(), m2.sealed)
            .ok_or(M2Error::Unauthentic)?;
        let sealed = M2Sealed::parse(&plaintext)?;
        self.check_identity(&sealed.callee)?;
        // Last, because it is the costliest.
        let signed = Signed::by_callee(&sealed.callee, keys.th_2());
        if !signed.is_signed(&sealed.callee, &sealed.signature) {
            return Err(M2Error::Signature);
        }
        let own_staple = self.offer.staples.own.as_ref();
        Ok(PresentedCallee {
            own: Arc::clone(&self.own),
            staple: staples::given(&sealed.extensions).filter(|_| self.offer.staples.wanted),
            own_staple: own_staple
                .filter(|_| staples::is_wanted(&sealed.extensions))
                .cloned(),
            callee: sealed.callee,
            sessions: (m2.caller, m2.callee),
            keys: keys.with_m2_sealed(m2.sealed),
            agreed: Agreed {
                suite,
                epoch: m2.epoch,
                commitment: Commitment(m2.commitment),
                previous: self.offer.previous(),
            },
        })
    }

    fn check_identity(&self, callee: &Identity) -> Result<(), M2Error> {
        if defences().own_identity_is_refused && self.own.resembles(callee) {
            return Err(M2Error::OwnIdentity);
        }
        if defences().answer_is_from_the_called && callee.number != self.offer.callee {
            return Err(M2Error::AnsweredByAnother {
                answered_by: callee.number,
                called: self.offer.callee,
            });
        }
        if !Running::admits(self.offer.running.as_ref(), callee) {
            return Err(M2Error::NotTheRunningPeer);
        }
        match &self.known {
            Some(known) if known.identity() != callee => Err(M2Error::NotTheKnownKey),
            _ => Ok(()),
        }
    }
}

impl Offer {
    fn previous(&self) -> Option<SessionHash> {
        let running = self.running.filter(|_| self.renews)?;
        Some(running.session_hash)
    }
}

impl PresentedCallee {
    /// Who answers, as far as the callee itself says and its key has signed.
    pub fn identity(&self) -> &Identity {
        &self.callee
    }

    /// What the callee hands over to show that its key is its number's, if we
    /// take such. Nobody has judged it.
    pub fn staple(&self) -> Option<&Staple> {
        self.staple.as_ref()
    }

    /// Steps 6 to 8: goes on, because the key is vouched for; also gives M3,
    /// to be sent and repeated octet for octet. Draws the nonce (32 octets).
    ///
    /// # Errors
    ///
    /// [`AnotherKey`] if what is vouched for is not what was presented.
    pub fn accept(
        self,
        key: &VerifiedPeerKey,
        random: &mut dyn Random,
    ) -> Result<(AwaitM4, Vec<u8>), AnotherKey<Self>> {
        if *key.identity() != self.callee {
            let state = Box::new(self);
            return Err(AnotherKey { state });
        }
        let (caller_session, callee_session) = self.sessions;
        let caller = self.own.identity();
        let signed = Signed::by_caller(&caller, &self.callee, self.keys.th_3());
        let staples = Staples {
            own: self.own_staple.clone(),
            wanted: false,
        };
        let extensions = staples.to_extensions(false, true);
        let plaintext = M3Sealed {
            caller,
            callee: self.callee,
            nonce: draw(random),
            signature: signed.sign(self.own.key()),
            extensions: Extensions::new(&extensions),
        }
        .to_bytes();
        let header = header(MessageKind::M3, caller_session, Some(callee_session));
        let mut m3 = header.to_vec();
        let associated = [&self.keys.th_3().as_bytes()[..], &header].concat();
        self.keys.m3_key().seal(&associated, &plaintext, &mut m3);
        let sealed = &m3[header.len()..];
        let state = AwaitM4 {
            callee: self.callee,
            sessions: self.sessions,
            keys: self
                .keys
                .with_m3(&M3::new(caller_session, callee_session, sealed)),
            agreed: self.agreed,
        };
        Ok((state, m3))
    }
}

impl AwaitM4 {
    /// Steps 9 and 10: takes an M4. A refused one leaves this state as it
    /// was.
    ///
    /// # Errors
    ///
    /// [`M4Error`], by the first thing that is wrong with it.
    pub fn receive(&self, m4: &[u8]) -> Result<Answer, M4Error> {
        let m4 = M4::parse(m4)?;
        if (m4.caller, m4.callee) != self.sessions {
            return Err(M4Error::OtherSession);
        }
        let associated = [&self.keys.th_4().as_bytes()[..], &m4.header].concat();
        let plaintext = self
            .keys
            .m4_key()
            .open(&associated, m4.sealed)
            .ok_or(M4Error::Unauthentic)?;
        let sealed = M4Sealed::parse(&plaintext)?;
        let decision = self
            .keys
            .check(sealed.status, &sealed.mac)
            .ok_or(M4Error::Unauthentic)?;
        let reveal = Reveal::from_bytes(sealed.reveal);
        if defences().commitment_is_checked && !self.agreed.commitment.opens_to(&reveal) {
            return Err(M4Error::Commitment);
        }
        match decision {
            Decision::Refused(status) => Ok(Answer::Refused(RefusedStatus(status))),
            Decision::Accepted(confirmed) => Ok(Answer::Accepted(Box::new(Established {
                role: Role::Caller,
                peer: self.callee,
                suite: self.agreed.suite,
                epoch: self.agreed.epoch,
                sas: confirmed.sas(&reveal),
                session_hash: confirmed.session_hash(),
                previous: self.agreed.previous,
                media: confirmed.media_keys(self.agreed.suite),
            }))),
        }
    }

    /// Who was accepted.
    pub fn callee(&self) -> &Identity {
        &self.callee
    }
}

impl RefusedStatus {
    /// The octet on the wire.
    pub fn octet(self) -> u8 {
        self.0
    }

    /// What it means; `None` for a refusal without a known reason.
    pub fn refusal(self) -> Option<Refusal> {
        Refusal::from_status(self.0)
    }
}
