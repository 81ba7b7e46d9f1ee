//! A call of our own.

use core::net::SocketAddr;
use core::time::Duration;

use super::event::{Event, Failure, Ignored, SessionHandle};
use super::path::origin;
use super::queue::{Flight, Queue};
use super::{CHALLENGE_GAP, VERDICT_PATIENCE};
use crate::carriage::COOKIE_LEN;
use crate::established::{Established, Role};
use crate::initiator::{Answer, AwaitM2, AwaitM4, PresentedCallee};
use crate::messages::{Challenge, MessageKind, SessionId};
use crate::retransmit::Schedule;
use crate::{Number, Random, VerifiedPeerKey};

/// The caller's side of a handshake, with its timers.
#[derive(Debug)]
pub(super) struct Outgoing {
    pub(super) handle: SessionHandle,
    pub(super) session: SessionId,
    pub(super) callee: Number,
    pub(super) remote: SocketAddr,
    m1: Flight,
    m1_schedule: Schedule,
    cookie: Option<[u8; COOKIE_LEN]>,
    challenged_at: Option<Duration>,
    last_ignored: Option<Ignored>,
    state: State,
}

/// What the session does after it was told something.
pub(super) enum Outcome {
    GoesOn,
    Established(Box<Established>),
    Failed(Failure),
}

#[derive(Debug)]
enum State {
    M1Sent {
        await_m2: Box<AwaitM2>,
        /// What the registry or the user is asked about. The state before is
        /// kept beside it: under another verdict the wait for M2 goes on.
        presented: Option<Presented>,
    },
    M3Sent {
        await_m4: Box<AwaitM4>,
        m3: Flight,
        schedule: Schedule,
    },
}

#[derive(Debug)]
struct Presented {
    callee: Box<PresentedCallee>,
    until: Duration,
}

const M2_PATIENCE: Duration = Duration::from_secs(10);
/// Longer than the callee's verdict may take.
const M4_PATIENCE: Duration = Duration::from_secs(45);

impl Outgoing {
    /// Step 1.
    pub(super) fn begin(
        now: Duration,
        handle: SessionHandle,
        callee: Number,
        remote: SocketAddr,
        (await_m2, m1): (AwaitM2, Vec<u8>),
        queue: &mut Queue,
    ) -> Self {
        let outgoing = Self {
            handle,
            session: await_m2.session(),
            callee,
            remote,
            m1: Flight::new(MessageKind::M1, m1),
            m1_schedule: Schedule::new(now, M2_PATIENCE),
            cookie: None,
            challenged_at: None,
            last_ignored: None,
            state: State::M1Sent {
                await_m2: Box::new(await_m2),
                presented: None,
            },
        };
        outgoing.send_m1(false, queue);
        outgoing
    }

    /// Whether M2 is waited for, and nothing has been presented yet.
    pub(super) fn awaits_m2(&self) -> bool {
        matches!(
            self.state,
            State::M1Sent {
                presented: None,
                ..
            }
        )
    }

    pub(super) fn handle_challenge(
        &mut self,
        now: Duration,
        challenge: Challenge,
        queue: &mut Queue,
    ) {
        let again_too_soon = self
            .challenged_at
            .is_some_and(|at| now < at + CHALLENGE_GAP);
        if !self.awaits_m2() || again_too_soon {
            return;
        }
        self.challenged_at = Some(now);
        self.cookie = Some(challenge.cookie);
        queue.tell(Event::MessageAccepted {
            session: self.handle,
            kind: MessageKind::Challenge,
        });
        self.send_m1(true, queue);
    }

    /// Steps 2 to 5.
    pub(super) fn handle_m2(
        &mut self,
        now: Duration,
        m2: &[u8],
        queue: &mut Queue,
    ) -> Result<(), Ignored> {
        let State::M1Sent {
            await_m2,
            presented: presented @ None,
        } = &mut self.state
        else {
            return Err(Ignored::NoSuchSession(MessageKind::M2));
        };
        let callee = match await_m2.receive(m2) {
            Ok(callee) => callee,
            Err(why) => return Err(note(&mut self.last_ignored, why.into())),
        };
        queue.tell(Event::MessageAccepted {
            session: self.handle,
            kind: MessageKind::M2,
        });
        queue.tell(Event::PeerPresented {
            session: self.handle,
            role: Role::Caller,
            identity: *callee.identity(),
            origin: origin(self.remote),
            staple: callee.staple().cloned(),
        });
        *presented = Some(Presented {
            callee: Box::new(callee),
            until: now + VERDICT_PATIENCE,
        });
        Ok(())
    }

    /// The registry has answered before the callee did.
    pub(super) fn expect_key(&mut self, key: VerifiedPeerKey) {
        if let State::M1Sent { await_m2, .. } = &mut self.state {
            await_m2.expect_key(key);
        }
    }

    /// Who is presented and waits for a verdict.
    pub(super) fn presented(&self) -> Option<&crate::Identity> {
        match &self.state {
            State::M1Sent {
                presented: Some(presented),
                ..
            } => Some(presented.callee.identity()),
            _ => None,
        }
    }

    /// Steps 6 to 8. The caller has checked that the key is of the number
    /// presented; `false` if it is another key than the one presented: then
    /// the wait for an M2 goes on, and only one with this key is good.
    pub(super) fn accept(
        &mut self,
        now: Duration,
        key: VerifiedPeerKey,
        random: &mut dyn Random,
        queue: &mut Queue,
    ) -> bool {
        let State::M1Sent {
            await_m2,
            presented,
        } = &mut self.state
        else {
            return false;
        };
        let Some(Presented { callee, .. }) = presented.take() else {
            return false;
        };
        let Ok((await_m4, m3)) = callee.accept(&key, random) else {
            await_m2.expect_key(key);
            note(
                &mut self.last_ignored,
                crate::initiator::M2Error::NotTheKnownKey.into(),
            );
            if !self.m1_schedule.is_over(now) {
                self.m1_schedule.repeated(now);
                self.send_m1(true, queue);
            }
            return false;
        };
        let m3 = Flight::new(MessageKind::M3, m3);
        queue.send(self.handle, self.remote, &m3, self.cookie, false);
        self.state = State::M3Sent {
            await_m4: Box::new(await_m4),
            m3,
            schedule: Schedule::new(now, M4_PATIENCE),
        };
        self.last_ignored = None;
        true
    }

    /// Steps 9 and 10.
    pub(super) fn handle_m4(&mut self, m4: &[u8], queue: &mut Queue) -> Result<Outcome, Ignored> {
        let State::M3Sent { await_m4, .. } = &self.state else {
            return Err(Ignored::NoSuchSession(MessageKind::M4));
        };
        let answer = match await_m4.receive(m4) {
            Ok(answer) => answer,
            Err(why) => return Err(note(&mut self.last_ignored, why.into())),
        };
        queue.tell(Event::MessageAccepted {
            session: self.handle,
            kind: MessageKind::M4,
        });
        Ok(match answer {
            Answer::Accepted(established) => Outcome::Established(established),
            Answer::Refused(status) => Outcome::Failed(Failure::RefusedByPeer(status)),
        })
    }

    pub(super) fn next_timeout(&self) -> Duration {
        match &self.state {
            State::M1Sent {
                presented: Some(presented),
                ..
            } => presented.until,
            State::M1Sent { .. } => self.m1_schedule.next(),
            State::M3Sent { schedule, .. } => schedule.next(),
        }
    }

    pub(super) fn handle_timeout(&mut self, now: Duration, queue: &mut Queue) -> Outcome {
        let timed_out = |waiting_for| {
            Outcome::Failed(Failure::TimedOut {
                waiting_for,
                last_ignored: self.last_ignored,
            })
        };
        match &mut self.state {
            State::M1Sent {
                presented: Some(presented),
                ..
            } => {
                if now >= presented.until {
                    return Outcome::Failed(Failure::NoVerdict);
                }
            }
            State::M1Sent { .. } => {
                if self.m1_schedule.is_over(now) {
                    return timed_out(MessageKind::M2);
                }
                if self.m1_schedule.is_due(now) {
                    self.send_m1(true, queue);
                }
            }
            State::M3Sent { m3, schedule, .. } => {
                if schedule.is_over(now) {
                    return timed_out(MessageKind::M4);
                }
                if schedule.is_due(now) {
                    queue.send(self.handle, self.remote, m3, self.cookie, true);
                }
            }
        }
        Outcome::GoesOn
    }

    fn send_m1(&self, repeated: bool, queue: &mut Queue) {
        queue.send(self.handle, self.remote, &self.m1, self.cookie, repeated);
    }
}

fn note(last_ignored: &mut Option<Ignored>, why: Ignored) -> Ignored {
    *last_ignored = Some(why);
    why
}
