//! Who was presented in a handshake, and what the registry said of them.

use core::time::Duration;
use std::collections::BTreeMap;

use callseal_registry_client::{Answer, Verified};
use callseal_sts::{Handshaker, Identity, Number, Refusal, Role, SessionHandle, VerifiedPeerKey};

use crate::verdict::{Verdict, judge};
use crate::{Event, Known, Pins};

/// Registry look-ups that may be under way at once. Each presented identity
/// costs its owner a finished key exchange and a signature, and still must
/// not turn the leg into a way to flood the registry.
const MAX_LOOK_UPS: usize = 4;

/// The look-ups of a leg's handshakes, and the identities that wait for them.
#[derive(Default)]
pub(crate) struct Vouching {
    look_ups: BTreeMap<Number, LookUp>,
    presented: Vec<Presented>,
}

enum LookUp {
    Pending,
    /// `None` where the registry could not be asked.
    Answered(Option<Box<Verified<Answer>>>),
}

/// An identity that waits for its verdict.
struct Presented {
    session: SessionHandle,
    role: Role,
    identity: Identity,
    /// Set while the user is asked about a changed key.
    changed: Option<VerifiedPeerKey>,
    known: Known,
    accepted: bool,
}

impl Vouching {
    /// Whether a look-up of `number` is to start now: not where one has, nor
    /// where too many have.
    pub(crate) fn ask(&mut self, number: Number) -> bool {
        if self.look_ups.contains_key(&number) || self.look_ups.len() >= MAX_LOOK_UPS {
            return false;
        }
        self.look_ups.insert(number, LookUp::Pending);
        true
    }

    /// Whether an answer about `number` is awaited.
    pub(crate) fn is_asked(&self, number: &Number) -> bool {
        matches!(self.look_ups.get(number), Some(LookUp::Pending))
    }

    pub(crate) fn answered(&mut self, number: Number, answer: Option<Verified<Answer>>) {
        self.look_ups
            .insert(number, LookUp::Answered(answer.map(Box::new)));
    }

    pub(crate) fn present(&mut self, session: SessionHandle, role: Role, identity: Identity) {
        self.presented.push(Presented {
            session,
            role,
            identity,
            changed: None,
            known: Known::FirstContact,
            accepted: false,
        });
    }

    /// How the peer of `session` was known before.
    pub(crate) fn known(&self, session: SessionHandle) -> Known {
        let mut presented = self.presented.iter();
        presented
            .find(|presented| presented.session == session)
            .map_or(Known::FirstContact, |presented| presented.known)
    }

    pub(crate) fn forget(&mut self, session: SessionHandle) {
        self.presented
            .retain(|presented| presented.session != session);
    }

    /// Judges every presented identity whose answer is there, and returns
    /// what the user has to be asked; `calling` is whether a call is being
    /// made, whose early answer is still to serve.
    pub(crate) fn judge(
        &mut self,
        now: Duration,
        handshaker: &mut Handshaker,
        pins: &Pins,
        calling: bool,
    ) -> Vec<Event> {
        let mut asked = Vec::new();
        let mut waiting = Vec::new();
        for mut presented in core::mem::take(&mut self.presented) {
            let answer = match self.look_ups.get(&presented.identity.number) {
                Some(LookUp::Answered(answer)) if presented.is_unjudged() => answer,
                _ => {
                    waiting.push(presented);
                    continue;
                }
            };
            let refusal = match judge(&presented.identity, answer.as_deref(), pins) {
                Verdict::Vouched(vouched, known) => {
                    presented.known = known;
                    presented.accepted = handshaker.accept(now, presented.session, vouched).is_ok();
                    if presented.accepted {
                        waiting.push(presented);
                    }
                    continue;
                }
                Verdict::Changed {
                    vouched,
                    remembered,
                } => {
                    asked.push(Event::KeyChanged {
                        number: presented.identity.number,
                        remembered,
                        presented: presented.identity.key,
                    });
                    presented.known = Known::ChangedKey;
                    presented.changed = Some(vouched);
                    waiting.push(presented);
                    continue;
                }
                // Somebody else answered our call: the handshake goes back
                // to waiting for the callee.
                Verdict::AnotherKey(vouched) if presented.role == Role::Caller => {
                    let _ = handshaker.accept(now, presented.session, vouched);
                    continue;
                }
                Verdict::AnotherKey(_) => Refusal::NotVouched,
                Verdict::Unvouched(unvouched) => unvouched.into(),
            };
            handshaker.refuse(now, presented.session, refusal);
        }
        self.presented = waiting;
        self.drop_answers_but_for(calling);
        asked
    }

    /// The user takes the changed key for the peer's.
    pub(crate) fn accept_changed(&mut self, now: Duration, handshaker: &mut Handshaker) {
        for presented in &mut self.presented {
            if let Some(vouched) = presented.changed.take() {
                presented.accepted = handshaker.accept(now, presented.session, vouched).is_ok();
            }
        }
    }

    /// The user does not.
    pub(crate) fn refuse_changed(&mut self, now: Duration, handshaker: &mut Handshaker) {
        let refused = self
            .presented
            .extract_if(.., |presented| presented.changed.is_some());
        for presented in refused {
            handshaker.refuse(now, presented.session, Refusal::KeyChanged);
        }
    }

    /// An answer serves the handshakes that waited for it; the next one asks
    /// again, so that a revocation counts.
    fn drop_answers_but_for(&mut self, calling: bool) {
        let presented = &self.presented;
        let is_wanted = |number: &Number| {
            let mut unjudged = presented.iter().filter(|presented| presented.is_unjudged());
            unjudged.any(|presented| presented.identity.number == *number)
        };
        self.look_ups.retain(|number, look_up| {
            matches!(look_up, LookUp::Pending) || is_wanted(number) || calling
        });
    }
}

impl Presented {
    fn is_unjudged(&self) -> bool {
        !self.accepted && self.changed.is_none()
    }
}
