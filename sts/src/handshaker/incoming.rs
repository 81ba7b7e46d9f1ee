//! A call that comes in.

use core::net::SocketAddr;
use core::time::Duration;

use super::event::{Event, Ignored, SessionHandle};
use super::path::{Origin, Path, origin};
use super::queue::{Flight, Queue};
use super::{Arrival, STORED_FLIGHT_GAP, VERDICT_PATIENCE};
use crate::carriage::{datagrams_len, digest};
use crate::established::Established;
use crate::messages::{MessageKind, SessionId};
use crate::responder::{AwaitM3, M3Error, PresentedCaller};
use crate::{Identity, Refusal, VerifiedPeerKey};

/// The callee's side of a handshake, with its timers.
#[derive(Debug)]
pub(super) struct Incoming {
    pub(super) handle: SessionHandle,
    pub(super) caller: SessionId,
    pub(super) callee: SessionId,
    pub(super) m1_digest: [u8; 32],
    /// Where M1 came from.
    pub(super) began_at: SocketAddr,
    pub(super) showed_cookie: bool,
    path: Path,
    state: State,
}

/// The M3 that asks for a verdict.
#[derive(Debug)]
struct Asked {
    m3_digest: [u8; 32],
    #[cfg(test)]
    await_m3: Box<AwaitM3>,
}

#[derive(Debug)]
enum State {
    /// M2 is sent: the session is half-open.
    Answered {
        await_m3: Box<AwaitM3>,
        m2: Flight,
        m2_sent_at: Option<Duration>,
        since: Duration,
        /// When the caller itself, and nobody else, last sent an M3. It might
        /// send many to make us verify signatures.
        opened_at: Option<Duration>,
        last_ignored: Option<Ignored>,
    },
    /// M3 was good; the verdict is waited for.
    Presented {
        caller: Box<PresentedCaller>,
        asked: Asked,
        until: Duration,
    },
    /// Between the verdict and M4; never outlives a call.
    Closing,
    /// M4 is sent, and kept for repetitions of M3.
    Closed {
        m3_digest: [u8; 32],
        m4: Flight,
        m4_sent_at: Duration,
        until: Duration,
    },
}

const HALF_OPEN_PATIENCE: Duration = Duration::from_secs(45);
const M4_KEPT: Duration = Duration::from_secs(45);

impl Incoming {
    /// Step 5: keeps the session and sends M2.
    pub(super) fn begin(
        handle: SessionHandle,
        m1: &[u8],
        arrival: Arrival,
        showed_cookie: bool,
        (await_m3, m2): (AwaitM3, Vec<u8>),
        queue: &mut Queue,
    ) -> Self {
        let (caller, callee) = await_m3.sessions();
        let mut session = Self {
            handle,
            caller,
            callee,
            m1_digest: digest(m1),
            began_at: arrival.from,
            showed_cookie,
            path: Path::new(arrival.from, arrival.received_len, showed_cookie),
            state: State::Answered {
                await_m3: Box::new(await_m3),
                m2: Flight::new(MessageKind::M2, m2),
                m2_sent_at: None,
                since: arrival.now,
                opened_at: None,
                last_ignored: None,
            },
        };
        queue.tell(Event::MessageAccepted {
            session: handle,
            kind: MessageKind::M1,
        });
        session.send_m2(arrival.now, queue);
        session
    }

    /// Step 2: the same M1 has come again.
    pub(super) fn handle_m1_again(&mut self, arrival: Arrival, queue: &mut Queue) {
        if self.is_half_open() {
            self.path.note_received(arrival.received_len);
            self.send_m2(arrival.now, queue);
        }
    }

    /// Steps 6 to 8 of a session that waits for M3: who presents himself.
    /// Nothing changes; see [`present`](Self::present). `None` where the same
    /// M3 was seen before, which is answered as it may be.
    pub(super) fn examine_m3(
        &mut self,
        arrival: Arrival,
        m3: &[u8],
        queue: &mut Queue,
    ) -> Result<Option<PresentedCaller>, Ignored> {
        match &mut self.state {
            State::Answered {
                await_m3,
                opened_at,
                last_ignored,
                ..
            } => {
                if opened_at.is_some_and(|at| arrival.now < at + STORED_FLIGHT_GAP) {
                    return Err(Ignored::TooOften);
                }
                let received = await_m3.receive(m3);
                if received
                    .as_ref()
                    .map_or_else(M3Error::is_the_callers, |_| true)
                {
                    *opened_at = Some(arrival.now);
                }
                received.map(Some).map_err(|why| {
                    *last_ignored = Some(why.into());
                    why.into()
                })
            }
            State::Presented { asked, .. } if asked.m3_digest == digest(m3) => Ok(None),
            State::Presented { .. } | State::Closing => {
                Err(Ignored::NoSuchSession(MessageKind::M3))
            }
            State::Closed {
                m3_digest,
                m4,
                m4_sent_at,
                ..
            } => {
                if *m3_digest != digest(m3) {
                    return Err(Ignored::NoSuchSession(MessageKind::M3));
                }
                if arrival.now >= *m4_sent_at + STORED_FLIGHT_GAP {
                    *m4_sent_at = arrival.now;
                    // Shorter than the M3 that asks, so to any address.
                    queue.send(self.handle, arrival.from, m4, None, true);
                }
                Ok(None)
            }
        }
    }

    /// The M3 that was examined is taken: from here on others are ignored.
    pub(super) fn present(
        &mut self,
        arrival: Arrival,
        m3: &[u8],
        caller: PresentedCaller,
        queue: &mut Queue,
    ) {
        self.path.note_proven(arrival.from);
        #[cfg(test)]
        let State::Answered { await_m3, .. } = &self.state else {
            return;
        };
        self.state = State::Presented {
            caller: Box::new(caller),
            asked: Asked {
                m3_digest: digest(m3),
                #[cfg(test)]
                await_m3: await_m3.clone(),
            },
            until: arrival.now + VERDICT_PATIENCE,
        };
        queue.tell(Event::MessageAccepted {
            session: self.handle,
            kind: MessageKind::M3,
        });
    }

    /// Who is presented and waits for a verdict.
    pub(super) fn presented(&self) -> Option<&Identity> {
        match &self.state {
            State::Presented { caller, .. } => Some(caller.identity()),
            _ => None,
        }
    }

    pub(super) fn address(&self) -> SocketAddr {
        self.path.address
    }

    /// Step 12; `None` if this key is not the one presented, or nothing waits
    /// for a verdict.
    pub(super) fn accept(
        &mut self,
        now: Duration,
        key: &VerifiedPeerKey,
        queue: &mut Queue,
    ) -> Option<Established> {
        if self.presented() != Some(key.identity()) {
            return None;
        }
        let (caller, asked) = self.take_presented()?;
        let (established, m4) = caller.accept(key).ok()?;
        self.close(now, asked, m4, queue);
        Some(established)
    }

    /// Steps 9 to 11: M4 with a refusal.
    pub(super) fn refuse(&mut self, now: Duration, why: Refusal, queue: &mut Queue) {
        if let Some((caller, asked)) = self.take_presented() {
            self.close(now, asked, caller.refuse(why), queue);
        }
    }

    /// What waits for a verdict, and the M3 that asks for it. The session is
    /// to be closed at once.
    fn take_presented(&mut self) -> Option<(PresentedCaller, Asked)> {
        match core::mem::replace(&mut self.state, State::Closing) {
            State::Presented { caller, asked, .. } => Some((*caller, asked)),
            other => {
                self.state = other;
                None
            }
        }
    }

    /// Sends M4 and keeps it.
    fn close(&mut self, now: Duration, asked: Asked, m4: Vec<u8>, queue: &mut Queue) {
        let m4 = Flight::new(MessageKind::M4, m4);
        queue.send(self.handle, self.path.address, &m4, None, false);
        #[cfg(test)]
        if !crate::defences::defences().keys_are_released_once {
            self.state = State::Answered {
                await_m3: asked.await_m3,
                m2: m4,
                m2_sent_at: None,
                since: now,
                opened_at: None,
                last_ignored: None,
            };
            return;
        }
        self.state = State::Closed {
            m3_digest: asked.m3_digest,
            m4,
            m4_sent_at: now,
            until: now + M4_KEPT,
        };
    }

    fn send_m2(&mut self, now: Duration, queue: &mut Queue) {
        let State::Answered { m2, m2_sent_at, .. } = &mut self.state else {
            return;
        };
        let too_soon = m2_sent_at.is_some_and(|at| now < at + STORED_FLIGHT_GAP);
        if !too_soon && self.path.spend(datagrams_len(m2.message.len(), false)) {
            let repeated = m2_sent_at.replace(now).is_some();
            queue.send(self.handle, self.path.address, m2, None, repeated);
        }
    }

    /// Why the last M3 was ignored.
    pub(super) fn last_ignored(&self) -> Option<Ignored> {
        match &self.state {
            State::Answered { last_ignored, .. } => *last_ignored,
            _ => None,
        }
    }

    pub(super) fn next_timeout(&self) -> Duration {
        match &self.state {
            State::Answered { since, .. } => *since + HALF_OPEN_PATIENCE,
            State::Presented { until, .. } | State::Closed { until, .. } => *until,
            State::Closing => Duration::ZERO,
        }
    }

    pub(super) fn origin(&self) -> Origin {
        origin(self.path.address)
    }

    pub(super) fn is_half_open(&self) -> bool {
        matches!(self.state, State::Answered { .. })
    }

    pub(super) fn is_closed(&self) -> bool {
        matches!(self.state, State::Closed { .. })
    }
}
