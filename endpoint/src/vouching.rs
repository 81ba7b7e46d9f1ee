//! Who was presented in a handshake, and what the registry said of them.

use core::time::Duration;
use std::collections::BTreeMap;

use callseal_registry_client::{Answer, Verified};
use callseal_sts::{
    Handshaker, Identity, Number, Origin, Refusal, Role, SessionHandle, Staple, VerifiedPeerKey,
};

use crate::verdict::{Verdict, judge};
use crate::{Event, Known, Pins};

/// Look-ups that may be under way at once for callers of whom nothing is
/// known. Each costs its caller a finished key exchange and a signature, and
/// still must not turn the leg into a way to flood the registry. Those for a
/// call of our own, and for whom we expect, come on top and never wait.
const MAX_FOR_CALLERS: usize = 3;

/// How many of them may be for callers from one address.
const MAX_FOR_ORIGIN: usize = 2;

/// The look-ups of a leg's handshakes, and the identities that wait for them.
#[derive(Default)]
pub(crate) struct Vouching {
    look_ups: BTreeMap<Number, LookUp>,
    presented: Vec<Presented>,
}

struct LookUp {
    /// Where the caller is that it is for; `None` where it is for a call of
    /// our own or for whom we expect.
    asked_by: Option<Origin>,
    state: LookUpState,
}

enum LookUpState {
    Pending,
    /// `None` where the registry could not be asked.
    Answered(Option<Box<Verified<Answer>>>),
}

/// A look-up that is to start.
pub(crate) struct Question {
    pub(crate) identity: Identity,
    /// What was handed over with it.
    pub(crate) staple: Option<Staple>,
}

/// An identity that waits for its verdict.
struct Presented {
    session: SessionHandle,
    role: Role,
    identity: Identity,
    origin: Origin,
    staple: Option<Staple>,
    /// Set while the user is asked about a changed key.
    changed: Option<VerifiedPeerKey>,
    known: Known,
    accepted: bool,
}

impl Vouching {
    /// Whether a look-up of `number`, whom we call or expect, is to start now:
    /// not where one has.
    pub(crate) fn ask_ahead(&mut self, number: Number) -> bool {
        if let Some(look_up) = self.look_ups.get_mut(&number) {
            look_up.asked_by = None;
            return false;
        }
        self.look_ups.insert(number, LookUp::pending(None));
        true
    }

    /// The look-ups that are to start now, for identities that wait for one.
    /// To be asked whenever one is presented, and after every answer.
    pub(crate) fn ask(&mut self) -> Vec<Question> {
        let mut questions = Vec::new();
        while let Some(place) = self.next_in_line() {
            let presented = &mut self.presented[place];
            let asked_by = (presented.role == Role::Callee).then_some(presented.origin);
            questions.push(Question {
                identity: presented.identity,
                staple: presented.staple.take(),
            });
            self.look_ups
                .insert(presented.identity.number, LookUp::pending(asked_by));
        }
        questions
    }

    /// Whether an answer about `number` is awaited.
    pub(crate) fn is_asked(&self, number: &Number) -> bool {
        self.look_ups.get(number).is_some_and(LookUp::is_pending)
    }

    pub(crate) fn answered(&mut self, number: Number, answer: Option<Verified<Answer>>) {
        if let Some(look_up) = self.look_ups.get_mut(&number) {
            look_up.state = LookUpState::Answered(answer.map(Box::new));
        }
    }

    pub(crate) fn present(
        &mut self,
        session: SessionHandle,
        role: Role,
        identity: Identity,
        origin: Origin,
        staple: Option<Staple>,
    ) {
        self.presented.push(Presented {
            session,
            role,
            identity,
            origin,
            staple,
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
            let look_up = self.look_ups.get(&presented.identity.number);
            let answer = match look_up.map(|look_up| &look_up.state) {
                Some(LookUpState::Answered(answer)) if presented.is_unjudged() => answer,
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

    /// The user takes this changed key for its number's, and no other.
    pub(crate) fn accept_changed(
        &mut self,
        now: Duration,
        handshaker: &mut Handshaker,
        identity: &Identity,
    ) {
        for presented in &mut self.presented {
            if presented.identity == *identity
                && let Some(vouched) = presented.changed.take()
            {
                presented.accepted = handshaker.accept(now, presented.session, vouched).is_ok();
            }
        }
    }

    /// The user does not.
    pub(crate) fn refuse_changed(
        &mut self,
        now: Duration,
        handshaker: &mut Handshaker,
        identity: &Identity,
    ) {
        let refused = self.presented.extract_if(.., |presented| {
            presented.changed.is_some() && presented.identity == *identity
        });
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
            let is_of_call = calling && look_up.asked_by.is_none();
            look_up.is_pending() || is_wanted(number) || is_of_call
        });
    }

    /// Whose look-up is to start next: the callee of our own call, otherwise
    /// the first of those from where the fewest are under way.
    fn next_in_line(&self) -> Option<usize> {
        let under_way = |from: Option<Origin>| {
            let is_counted = |asked_by| from.is_none_or(|from| from == asked_by);
            let pending = self.look_ups.values().filter(|one| one.is_pending());
            pending
                .filter(|one| one.asked_by.is_some_and(is_counted))
                .count()
        };
        let waits = |presented: &Presented| {
            presented.is_unjudged() && !self.look_ups.contains_key(&presented.identity.number)
        };
        let waiting = self
            .presented
            .iter()
            .enumerate()
            .filter(|(_, presented)| waits(presented));
        let own = waiting.clone().find(|(_, one)| one.role == Role::Caller);
        if own.is_none() && under_way(None) >= MAX_FOR_CALLERS {
            return None;
        }
        let next = own.or_else(|| {
            waiting
                .map(|one| (under_way(Some(one.1.origin)), one))
                .filter(|(of_origin, _)| *of_origin < MAX_FOR_ORIGIN)
                .min_by_key(|(of_origin, _)| *of_origin)
                .map(|(_, one)| one)
        });
        next.map(|(place, _)| place)
    }
}

impl LookUp {
    fn pending(asked_by: Option<Origin>) -> Self {
        Self {
            asked_by,
            state: LookUpState::Pending,
        }
    }

    fn is_pending(&self) -> bool {
        matches!(self.state, LookUpState::Pending)
    }
}

impl Presented {
    fn is_unjudged(&self) -> bool {
        !self.accepted && self.changed.is_none()
    }
}
