//! The callee's side, state by state (PROTOCOL.md §5, "The callee").
//!
//! [`AwaitM3`] → [`PresentedCaller`] → [`Established`]. A state lends itself
//! to a message: one that is refused leaves it as it was, for anybody can
//! have sent it. [`PresentedCaller`] waits for a verdict from outside and is
//! consumed by it.

use std::sync::Arc;

use thiserror::Error;

use crate::commitment::Reveal;
use crate::defences::defences;
use crate::established::{Established, Role, Running, SessionHash};
use crate::initiator::AnotherKey;
use crate::key_schedule::{WithM2, WithM2Clear, WithM3};
use crate::messages::{
    Extensions, M1, M2, M2Sealed, M3, M3Sealed, M4Sealed, MessageError, MessageKind, SessionId,
    header,
};
use crate::share::EphemeralSecret;
use crate::signature::Signed;
use crate::staples::{self, Staple, Staples};
use crate::suite::{Suite, Suites};
use crate::transcript::Th1;
use crate::{Identity, LocalIdentity, Random, Refusal, VerifiedPeerKey};

/// How a callee answers.
#[derive(Clone, Debug)]
pub struct Answering {
    /// What to accept, the best liked first.
    pub suites: Suites,
    /// The call that this handshake runs beside.
    pub running: Option<Running>,
    /// The renewal of it that we have answered, while nothing shows that the
    /// caller has our M4: a handshake may renew either.
    pub unconfirmed: Option<Running>,
    /// What is given and taken besides keys. Our own goes into M2, and only
    /// where the caller asks for it: sixteen times as long as what it answers,
    /// so only to an address that has shown a cookie.
    pub staples: Staples,
}

/// M2 is sent.
#[derive(Debug)]
#[cfg_attr(test, derive(Clone))]
pub struct AwaitM3 {
    own: Arc<LocalIdentity>,
    sessions: (SessionId, SessionId),
    keys: WithM2,
    agreed: Agreed,
    takes_staples: bool,
}

/// M3 is good: somebody with this key has signed that he means to reach us.
/// Whether the key belongs to the number is for the registry to say.
#[derive(Debug)]
pub struct PresentedCaller {
    caller: Identity,
    sessions: (SessionId, SessionId),
    keys: WithM3,
    agreed: Agreed,
    staple: Option<Staple>,
}

/// Why an M1 was ignored.
#[derive(Clone, Copy, Debug, Eq, Error, PartialEq)]
#[non_exhaustive]
pub enum M1Error {
    /// It is no M1.
    #[error("M1 cannot be read: {0}")]
    Malformed(#[from] MessageError),
    /// It offers nothing that we accept.
    #[error("M1 offers no suite that is accepted here")]
    NoCommonSuite,
    /// The share of the suite's group is missing, has another length than its
    /// group's, or is of low order.
    #[error("M1's share is invalid")]
    Share,
    /// It renews a call that is not the one in progress.
    #[error("M1 renews a call that is not in progress here")]
    NotTheRunningCall,
}

/// Why an M3 was ignored.
#[derive(Clone, Copy, Debug, Eq, Error, PartialEq)]
#[non_exhaustive]
pub enum M3Error {
    /// It is no M3.
    #[error("M3 cannot be read: {0}")]
    Malformed(#[from] MessageError),
    /// It answers another M2.
    #[error("M3 is of another session")]
    OtherSession,
    /// Its sealed part is not authentic: it was altered, or its sender does
    /// not know the secret.
    #[error("M3's sealed part is not authentic")]
    Unauthentic,
    /// The caller means to reach somebody else.
    #[error("M3 is meant for somebody else")]
    MeantForAnother,
    /// The caller bears our own number or key.
    #[error("the caller bears our own number or key")]
    OwnIdentity,
    /// The signature is not the presented key's.
    #[error("M3's signature is invalid")]
    Signature,
}

#[derive(Clone, Debug)]
struct Agreed {
    suite: Suite,
    epoch: u8,
    reveal: Reveal,
    previous: Option<SessionHash>,
}

impl AwaitM3 {
    /// Steps 1 and 5: answers an M1; also gives M2, to be sent, and sent
    /// again octet for octet when the same M1 comes again. Draws the session
    /// id (8 octets), the ephemeral secret (32) and the reveal (32).
    ///
    /// ```
    /// use callseal_sts::responder::{Answering, AwaitM3};
    /// use callseal_sts::{IdentityKey, LocalIdentity, Number, Random, Staples, Suites};
    ///
    /// # struct System;
    /// # impl Random for System { fn fill(&mut self, out: &mut [u8]) { out.fill(3) } }
    /// let key = IdentityKey::from_bytes([2; 32]).expect("in range");
    /// let bob = LocalIdentity::new(Number::parse("+8613800000002").expect("E.164"), key);
    /// let answering = Answering {
    ///     suites: Suites::default(),
    ///     running: None,
    ///     unconfirmed: None,
    ///     staples: Staples::default(),
    /// };
    /// assert!(AwaitM3::answer(bob.into(), b"noise", &answering, &mut System).is_err());
    /// ```
    ///
    /// # Errors
    ///
    /// [`M1Error`], by the first thing that is wrong with it.
    pub fn answer(
        own: Arc<LocalIdentity>,
        m1: &[u8],
        answering: &Answering,
        random: &mut dyn Random,
    ) -> Result<(Self, Vec<u8>), M1Error> {
        let octets = m1;
        let m1 = M1::parse(octets)?;
        let th_1 = Th1::new(octets);
        let running = answering.running.as_ref();
        let newest = answering.unconfirmed.as_ref().or(running);
        let is_known = |previous| {
            [running, newest]
                .into_iter()
                .flatten()
                .any(|call| call.session_hash == previous)
        };
        if !m1.previous.is_none_or(is_known) {
            return Err(M1Error::NotTheRunningCall);
        }
        let suite = answering
            .suites
            .iter()
            .find(|suite| m1.suites.contains(&suite.id()))
            .ok_or(M1Error::NoCommonSuite)?;
        let group = suite.group();
        let theirs = m1.share(group.id()).ok_or(M1Error::Share)?;
        if theirs.len() != group.caller_share_len() {
            return Err(M1Error::Share);
        }

        #[cfg(test)]
        let mut stale = crate::attacks::Stale;
        #[cfg(test)]
        let random = if defences().callee_draws_afresh {
            random
        } else {
            &mut stale
        };
        let sessions = (m1.caller, SessionId::draw(random));
        let secret = EphemeralSecret::draw(group, random);
        let reveal = Reveal::draw(random);

        let z = secret.agree(theirs).ok_or(M1Error::Share)?;
        let epoch_of = |call: Option<&Running>| call.map_or(0, |call| call.epoch);
        let epoch = new_epoch(epoch_of(newest), [epoch_of(running), m1.epoch_in_use]);
        let mut octets = M2 {
            caller: sessions.0,
            callee: sessions.1,
            suite: suite.id(),
            epoch,
            commitment: reveal.commitment().0,
            share: &secret.share(),
            clear: &[],
            sealed: &[],
        }
        .to_bytes();
        let keys = WithM2Clear::new(&z, th_1.with_m2_clear(&octets));
        let callee = own.identity();
        let takes_staples = answering.staples.wanted;
        let extensions = answering
            .staples
            .to_extensions(true, staples::is_wanted(&m1.extensions));
        let plaintext = M2Sealed {
            callee,
            signature: Signed::by_callee(&callee, keys.th_2()).sign(own.key()),
            extensions: Extensions::new(&extensions),
        }
        .to_bytes();
        let clear_len = octets.len();
        keys.m2_key()
            .seal(keys.th_2().as_bytes(), &plaintext, &mut octets);
        let state = Self {
            own,
            sessions,
            keys: keys.with_m2_sealed(&octets[clear_len..]),
            agreed: Agreed {
                suite,
                epoch,
                reveal,
                previous: m1.previous,
            },
            takes_staples,
        };
        Ok((state, octets))
    }

    /// The caller's session and ours.
    pub fn sessions(&self) -> (SessionId, SessionId) {
        self.sessions
    }

    /// Steps 6 to 8: takes an M3 and stops with the identity that it
    /// presents. A refused one leaves this state as it was.
    ///
    /// # Errors
    ///
    /// [`M3Error`], by the first thing that is wrong with it.
    pub fn receive(&self, m3: &[u8]) -> Result<PresentedCaller, M3Error> {
        let m3 = M3::parse(m3)?;
        if (m3.caller, m3.callee) != self.sessions {
            return Err(M3Error::OtherSession);
        }
        let associated = [&self.keys.th_3().as_bytes()[..], &m3.header].concat();
        let plaintext = self
            .keys
            .m3_key()
            .open(&associated, m3.sealed)
            .ok_or(M3Error::Unauthentic)?;
        let sealed = M3Sealed::parse(&plaintext)?;
        if defences().callee_is_who_is_meant && sealed.callee != self.own.identity() {
            return Err(M3Error::MeantForAnother);
        }
        if defences().own_identity_is_refused && self.own.resembles(&sealed.caller) {
            return Err(M3Error::OwnIdentity);
        }
        // Last, because it is the costliest.
        let signed = Signed::by_caller(&sealed.caller, &sealed.callee, self.keys.th_3());
        if !signed.is_signed(&sealed.caller, &sealed.signature) {
            return Err(M3Error::Signature);
        }
        Ok(PresentedCaller {
            caller: sealed.caller,
            sessions: self.sessions,
            keys: self.keys.with_m3(&m3),
            agreed: self.agreed.clone(),
            staple: staples::given(&sealed.extensions).filter(|_| self.takes_staples),
        })
    }
}

impl M3Error {
    /// Whether only who sent M1 can have sent this M3: it was sealed with the
    /// secret that the two share.
    pub(crate) fn is_the_callers(&self) -> bool {
        matches!(
            self,
            Self::MeantForAnother | Self::OwnIdentity | Self::Signature
        )
    }
}

impl PresentedCaller {
    /// Who calls, as far as the caller itself says and its key has signed.
    pub fn identity(&self) -> &Identity {
        &self.caller
    }

    /// What the caller hands over to show that its key is its number's, if we
    /// take such. Nobody has judged it.
    pub fn staple(&self) -> Option<&Staple> {
        self.staple.as_ref()
    }

    /// Whether what M1 was answered with is still good beside these calls: the
    /// epoch is free, and the call that is renewed is there.
    pub(crate) fn fits_beside(&self, calls: &[Running]) -> bool {
        let Agreed {
            epoch, previous, ..
        } = &self.agreed;
        let is_there = |previous| calls.iter().any(|call| call.session_hash == previous);
        calls.iter().all(|call| call.epoch != *epoch) && previous.is_none_or(is_there)
    }

    /// Step 12: goes on, because the key is vouched for; also gives M4, to be
    /// sent, and sent again octet for octet when the same M3 comes again.
    ///
    /// # Errors
    ///
    /// [`AnotherKey`] if what is vouched for is not what was presented.
    pub fn accept(self, key: &VerifiedPeerKey) -> Result<(Established, Vec<u8>), AnotherKey<Self>> {
        if *key.identity() != self.caller {
            let state = Box::new(self);
            return Err(AnotherKey { state });
        }
        let m4 = self.m4(0);
        let confirmed = self.keys.accept();
        let established = Established {
            role: Role::Callee,
            peer: self.caller,
            suite: self.agreed.suite,
            epoch: self.agreed.epoch,
            sas: confirmed.sas(&self.agreed.reveal),
            session_hash: confirmed.session_hash(),
            previous: self.agreed.previous,
            media: confirmed.media_keys(self.agreed.suite),
        };
        Ok((established, m4))
    }

    /// Steps 9 to 11: ends the handshake; gives the M4 that says why.
    pub fn refuse(self, why: Refusal) -> Vec<u8> {
        self.m4(why.status())
    }

    fn m4(&self, status: u8) -> Vec<u8> {
        let (caller, callee) = self.sessions;
        let header = header(MessageKind::M4, caller, Some(callee));
        let mut m4 = header.to_vec();
        let plaintext = M4Sealed {
            status,
            mac: self.keys.mac(status),
            reveal: *self.agreed.reveal.as_bytes(),
        }
        .to_bytes();
        let associated = [&self.keys.th_4().as_bytes()[..], &header].concat();
        self.keys.m4_key().seal(&associated, &plaintext, &mut m4);
        m4
    }
}

/// The epoch of a new call: the one after the last that the callee has for its
/// call in progress (0 for none), passing over those in use at either end.
fn new_epoch(newest: u8, in_use: [u8; 2]) -> u8 {
    let next = |epoch: u8| epoch % 255 + 1;
    let mut epoch = next(newest);
    while in_use.contains(&epoch) {
        epoch = next(epoch);
    }
    epoch
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_new_epoch_is_never_zero_nor_in_use() {
        for newest in 0..=255 {
            for callers in 0..=255 {
                for own in [newest, callers, newest % 255 + 1] {
                    let epoch = new_epoch(newest, [own, callers]);
                    assert_ne!(epoch, 0);
                    assert_ne!(epoch, newest);
                    assert_ne!(epoch, own);
                    assert_ne!(epoch, callers);
                }
            }
        }
    }

    #[test]
    fn epochs_go_round() {
        assert_eq!(new_epoch(0, [0, 0]), 1);
        assert_eq!(new_epoch(255, [255, 255]), 1);
        assert_eq!(new_epoch(254, [254, 255]), 1);
        assert_eq!(new_epoch(7, [7, 7]), 8);
        assert_eq!(new_epoch(0, [0, 1]), 2);
        assert_eq!(
            new_epoch(8, [7, 7]),
            9,
            "8 was answered, and is not confirmed"
        );
    }
}
