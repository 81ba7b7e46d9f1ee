//! The driver as a caller.

use core::net::SocketAddr;
use core::time::Duration;

use super::event::{CallError, Event, Failure, Ignored, SessionHandle};
use super::outgoing::{Outcome, Outgoing};
use super::{EPOCHS_OVERLAP, Handshaker};
use crate::established::Running;
use crate::initiator::{AwaitM2, Offer};
use crate::messages::{Challenge, MessageKind, SessionId};
use crate::{Number, Refusal};

impl Handshaker {
    pub(super) fn begin_call(
        &mut self,
        now: Duration,
        remote: SocketAddr,
        callee: Number,
        renews: bool,
    ) -> Result<SessionHandle, CallError> {
        self.check_call(now, callee)?;
        let offer = Offer {
            callee,
            suites: self.config.suites.clone(),
            running: self.running,
            renews,
            staples: self.staples(),
        };
        let begun = AwaitM2::begin(self.config.own.clone(), offer, &mut *self.random);
        let session = self.new_handle();
        self.queue.tell(Event::LookUpAdvised {
            session,
            number: callee,
        });
        self.outgoing = Some(Outgoing::begin(
            now,
            session,
            callee,
            remote,
            begun,
            &mut self.queue,
        ));
        self.began_at = Some(now);
        Ok(session)
    }

    fn check_call(&self, now: Duration, callee: Number) -> Result<(), CallError> {
        if callee == self.config.own.identity().number {
            return Err(CallError::OwnNumber);
        }
        if let Some(expected) = self.config.expected.filter(|expected| *expected != callee) {
            return Err(CallError::NotExpected(expected));
        }
        if let Some(outgoing) = &self.outgoing {
            return Err(CallError::AlreadyCalling(outgoing.handle));
        }
        if let Some(session) = self.incomings.presented_by(callee) {
            return Err(CallError::PeerIsCalling(session));
        }
        if let Some(running) = &self.running {
            if running.peer.number != callee {
                return Err(CallError::InACall(running.peer.number));
            }
            let lately = self.established_at.max(self.began_at);
            let until = lately.map_or(Duration::ZERO, |at| at + EPOCHS_OVERLAP);
            if now < until {
                return Err(CallError::TooSoon { until });
            }
        }
        Ok(())
    }

    /// What comes back to a caller: a challenge, M2 or M4.
    pub(super) fn handle_answer(
        &mut self,
        now: Duration,
        from: SocketAddr,
        kind: MessageKind,
        caller: SessionId,
        message: &[u8],
    ) -> Result<(), Ignored> {
        let outgoing = self
            .outgoing
            .as_mut()
            .filter(|outgoing| outgoing.session == caller)
            .ok_or(Ignored::NoSuchSession(kind))?;
        if outgoing.remote != from {
            return Err(Ignored::OtherAddress(kind));
        }
        match kind {
            MessageKind::Challenge => {
                let challenge = Challenge::parse(message).map_err(Ignored::Unreadable)?;
                outgoing.handle_challenge(now, challenge, &mut self.queue);
                Ok(())
            }
            MessageKind::M2 => outgoing.handle_m2(now, message, &mut self.queue),
            _ => {
                let outcome = outgoing.handle_m4(message, &mut self.queue)?;
                self.conclude(now, outcome);
                Ok(())
            }
        }
    }

    /// Ends our own call if its outcome says so.
    pub(super) fn conclude(&mut self, now: Duration, outcome: Outcome) {
        let ended = match outcome {
            Outcome::GoesOn => None,
            Outcome::Established(_) | Outcome::Failed(_) => self.outgoing.take(),
        };
        let Some(outgoing) = ended else { return };
        match outcome {
            Outcome::GoesOn => {}
            // Somebody else's call has been secured meanwhile.
            Outcome::Established(established)
                if !Running::admits(self.running.as_ref(), established.peer()) =>
            {
                self.queue.tell(Event::Failed {
                    session: outgoing.handle,
                    why: Failure::RefusedHere(Refusal::Declined),
                });
            }
            Outcome::Established(established) => {
                self.finish(now, outgoing.handle, outgoing.remote, established);
            }
            Outcome::Failed(why) => self.queue.tell(Event::Failed {
                session: outgoing.handle,
                why,
            }),
        }
    }
}
