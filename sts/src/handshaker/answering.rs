//! The driver as a callee.

use core::net::SocketAddr;
use core::time::Duration;

use super::admission::Admission;
use super::event::{Event, Ignored};
use super::incoming::Incoming;
use super::path::origin;
use super::queue::Flight;
use super::{AMPLIFICATION, Arrival, EPOCHS_OVERLAP, Handshaker};
use crate::Refusal;
use crate::carriage::datagrams_len;
use crate::defences::defences;
use crate::established::{Role, Running};
use crate::messages::{Challenge, M1, MessageKind, SessionId};
use crate::responder::{Answering, AwaitM3, M1Error};
use crate::staples;

impl Handshaker {
    /// A fragment without the header: let in where somebody is known, and
    /// where there is no need to ask.
    pub(super) fn admit_headless(
        &mut self,
        now: Duration,
        from: SocketAddr,
        shows_cookie: bool,
    ) -> Admission {
        if shows_cookie {
            return Admission::AdmitProven;
        }
        if self.is_called(from) || self.incomings.knows(from) {
            return Admission::Admit;
        }
        if !self.may_answer() || self.wants_proof(now, from) {
            return Admission::Drop;
        }
        // It costs as much as a first message, and is as easily spoofed.
        self.gate.note_m1(now);
        Admission::Admit
    }

    /// Whether a new first message from this address is to show a cookie.
    fn wants_proof(&mut self, now: Duration, from: SocketAddr) -> bool {
        let limits = &self.config.limits;
        (self.incomings.half_open() >= limits.challenge_from
            || self.gate.is_flooded(now, limits.m1_per_second)
            || self.incomings.is_full_for(from, limits))
            && !self.gate.is_proven(now, from)
    }

    /// Step 3: whether a new first message may pass; if not, it is answered
    /// with a challenge.
    pub(super) fn pass_or_challenge(&mut self, arrival: Arrival, caller: SessionId) -> bool {
        if !self.wants_proof(arrival.now, arrival.from) {
            return true;
        }
        self.gate.note_m1(arrival.now);
        self.challenge(arrival, caller);
        false
    }

    fn challenge(&mut self, arrival: Arrival, caller: SessionId) {
        let Arrival {
            now,
            from,
            received_len,
        } = arrival;
        let len = datagrams_len(Challenge::LEN, false);
        if len <= AMPLIFICATION.saturating_mul(received_len) {
            let cookie = self.gate.bake(now, from, &mut *self.random);
            let challenge = Challenge { caller, cookie }.to_bytes();
            let flight = Flight::new(MessageKind::Challenge, challenge);
            self.queue.send_alone(from, &flight, None);
        }
    }

    /// The callee's steps 1 to 5.
    pub(super) fn handle_m1(
        &mut self,
        arrival: Arrival,
        caller: SessionId,
        m1: &[u8],
    ) -> Result<(), Ignored> {
        let Arrival { now, from, .. } = arrival;
        if !self.may_answer() {
            return Err(Ignored::NotAnswering);
        }
        let parsed = M1::parse(m1).map_err(M1Error::from)?;
        if !self.config.answers && parsed.previous.is_none() {
            return Err(Ignored::NotAnswering);
        }
        if self.is_calling_as(caller) {
            return Err(Ignored::OwnM1);
        }
        if let Some(session) = self.incomings.of_m1(caller, from, m1) {
            session.handle_m1_again(arrival, &mut self.queue);
            return Ok(());
        }
        if !self.pass_or_challenge(arrival, caller) {
            return Err(Ignored::Challenged);
        }
        self.gate.note_m1(now);
        if let Some(outgoing) = &self.outgoing
            && outgoing.awaits_m2()
            && outgoing.remote == from
            && outgoing.session < caller
        {
            return Err(Ignored::OurCallGoesFirst);
        }
        let gives_staple = self.staple.is_some() && staples::is_wanted(&parsed.extensions);
        if gives_staple && !self.gate.is_proven(now, from) {
            // What would go back is many times as long as what has come.
            self.challenge(arrival, caller);
            return Err(Ignored::Challenged);
        }
        let room = self
            .incomings
            .room_for(from, &self.config.limits)
            .ok_or(Ignored::Full)?;
        let answering = Answering {
            suites: self.config.suites.clone(),
            running: self.running,
            unconfirmed: self.unconfirmed,
            staples: self.staples(),
        };
        let own = self.config.own.clone();
        let answer = AwaitM3::answer(own, m1, &answering, &mut *self.random)?;
        let handle = self.new_handle();
        let showed_cookie = self.gate.is_proven(now, from);
        let queue = &mut self.queue;
        let session = Incoming::begin(handle, m1, arrival, showed_cookie, answer, queue);
        self.incomings.push(session, room);
        if let Some(number) = self.config.expected
            && !core::mem::replace(&mut self.advised, true)
        {
            let session = handle;
            self.queue.tell(Event::LookUpAdvised { session, number });
        }
        Ok(())
    }

    /// The callee's steps 6 to 9.
    pub(super) fn handle_m3(
        &mut self,
        arrival: Arrival,
        (caller, callee): (SessionId, SessionId),
        m3: &[u8],
    ) -> Result<(), Ignored> {
        let now = arrival.now;
        let is_too_soon = self.running.is_some()
            && self
                .established_at
                .is_some_and(|at| now < at + EPOCHS_OVERLAP);
        let calls: Vec<Running> = self.calls().collect();
        let session = self
            .incomings
            .of_m3(caller, callee)
            .ok_or(Ignored::NoSuchSession(MessageKind::M3))?;
        let Some(presented) = session.examine_m3(arrival, m3, &mut self.queue)? else {
            return Ok(());
        };
        let identity = *presented.identity();
        let staple = presented.staple().cloned();
        if let Some(outgoing) = &self.outgoing
            && outgoing.callee == identity.number
            && outgoing.session < caller
        {
            return Err(Ignored::OurCallGoesFirst);
        }
        if is_too_soon {
            return Err(Ignored::TooSoon);
        }
        if defences().epochs_are_used_once && !presented.fits_beside(&calls) {
            return Err(Ignored::Overtaken);
        }
        session.present(arrival, m3, presented, &mut self.queue);
        let handle = session.handle;
        let expected = [
            self.config.expected,
            self.outgoing.as_ref().map(|outgoing| outgoing.callee),
        ];
        if expected
            .iter()
            .flatten()
            .any(|number| *number != identity.number)
            || !Running::admits(self.running.as_ref(), &identity)
        {
            session.refuse(now, Refusal::Declined, &mut self.queue);
            self.queue.tell(Event::TurnedAway {
                session: handle,
                identity,
            });
            return Ok(());
        }
        self.queue.tell(Event::PeerPresented {
            session: handle,
            role: Role::Callee,
            identity,
            origin: origin(arrival.from),
            staple,
        });
        Ok(())
    }
}
