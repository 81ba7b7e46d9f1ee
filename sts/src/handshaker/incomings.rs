//! All calls that come in.

use core::net::SocketAddr;
use core::time::Duration;

use super::config::Limits;
use super::event::{Event, Failure, SessionHandle};
use super::incoming::Incoming;
use super::path::{Origin, origin};
use super::queue::Queue;
use crate::carriage::digest;
use crate::messages::SessionId;
use crate::{Identity, Number, Refusal};

/// All handshakes in which we are the callee.
///
/// Few enough that looking through them costs less than a hash of the message
/// that asks.
#[derive(Debug, Default)]
pub(super) struct Incomings {
    all: Vec<Incoming>,
}

/// Room for one more session.
#[derive(Clone, Copy)]
pub(super) enum Room {
    Free,
    InPlaceOf(SessionHandle),
}

/// How many sessions an address may have with the closed ones, for each that
/// it may have unfinished.
const LATELY_FOR_UNFINISHED: usize = 4;

/// How many closed sessions are kept for their M4; the oldest goes first.
const MAX_CLOSED: usize = 64;

impl Incomings {
    pub(super) fn get_mut(&mut self, handle: SessionHandle) -> Option<&mut Incoming> {
        self.all.iter_mut().find(|session| session.handle == handle)
    }

    /// The session that M3 of these sessions belongs to.
    pub(super) fn of_m3(&mut self, caller: SessionId, callee: SessionId) -> Option<&mut Incoming> {
        self.all
            .iter_mut()
            .find(|session| (session.caller, session.callee) == (caller, callee))
    }

    /// The session that this very M1 from this address has made.
    pub(super) fn of_m1(
        &mut self,
        caller: SessionId,
        from: SocketAddr,
        m1: &[u8],
    ) -> Option<&mut Incoming> {
        let mut same_caller = self
            .all
            .iter_mut()
            .filter(|session| session.caller == caller && session.began_at == from)
            .peekable();
        same_caller.peek()?;
        let m1_digest = digest(m1);
        same_caller.find(|session| session.m1_digest == m1_digest)
    }

    /// Whether a session of this caller session and address waits for M3.
    pub(super) fn has_answered(&self, caller: SessionId, from: SocketAddr) -> bool {
        self.all.iter().any(|session| {
            session.is_half_open() && session.caller == caller && session.address() == from
        })
    }

    /// Whether any session is with this address.
    pub(super) fn knows(&self, from: SocketAddr) -> bool {
        self.all.iter().any(|session| session.address() == from)
    }

    /// The session in which this number waits for our verdict.
    pub(super) fn presented_by(&self, number: Number) -> Option<SessionHandle> {
        let waits = |session: &&Incoming| {
            session
                .presented()
                .is_some_and(|identity| identity.number == number)
        };
        Some(self.all.iter().find(waits)?.handle)
    }

    pub(super) fn half_open(&self) -> usize {
        self.count(Incoming::is_half_open)
    }

    /// Whether the address has as many sessions as it may have.
    pub(super) fn is_full_for(&self, from: SocketAddr, limits: &Limits) -> bool {
        self.is_full(origin(from), limits)
    }

    /// Whether there is room for one more session, and who would have to go.
    /// An address that has its share has shown a cookie before this.
    pub(super) fn room_for(&self, from: SocketAddr, limits: &Limits) -> Option<Room> {
        let origin = origin(from);
        let victim = if self.is_full(origin, limits) {
            self.oldest(|session| !session.showed_cookie && session.origin() == origin)
        } else if self.count(|session| !session.is_closed()) < limits.sessions {
            return Some(Room::Free);
        } else {
            self.oldest(|session| !session.showed_cookie)
                .or_else(|| self.oldest(|session| session.origin() != origin))
        };
        victim.map(Room::InPlaceOf)
    }

    /// Keeps a session in the room that was found for it.
    pub(super) fn push(&mut self, session: Incoming, room: Room) {
        if let Room::InPlaceOf(victim) = room {
            self.all.retain(|session| session.handle != victim);
        }
        self.all.push(session);
        // Sessions stand in the order in which they began.
        while self.count(Incoming::is_closed) > MAX_CLOSED {
            let first = self.all.iter().position(Incoming::is_closed);
            first.map(|at| self.all.remove(at));
        }
    }

    /// Ends every unfinished session with this number or from this address,
    /// but one.
    pub(super) fn drop_others(
        &mut self,
        kept: SessionHandle,
        peer: &Identity,
        address: SocketAddr,
        queue: &mut Queue,
    ) {
        self.all.retain(|session| {
            let presented = session.presented();
            let is_theirs = session.address() == address
                || presented.is_some_and(|identity| identity.number == peer.number);
            if session.is_closed() || !is_theirs || session.handle == kept {
                return true;
            }
            if presented.is_some() {
                queue.tell(Event::Superseded {
                    session: session.handle,
                    by: kept,
                });
            }
            false
        });
    }

    pub(super) fn next_timeout(&self) -> Option<Duration> {
        self.all.iter().map(Incoming::next_timeout).min()
    }

    pub(super) fn handle_timeout(&mut self, now: Duration, queue: &mut Queue) {
        for session in &mut self.all {
            if session.presented().is_some() && now >= session.next_timeout() {
                let handle = session.handle;
                session.refuse(now, Refusal::RegistryUnavailable, queue);
                queue.tell(Event::Failed {
                    session: handle,
                    why: Failure::NoVerdict,
                });
            }
        }
        self.all.retain(|session| {
            let lives = now < session.next_timeout();
            if !lives && session.is_half_open() {
                queue.tell(Event::Abandoned {
                    session: session.handle,
                    last_ignored: session.last_ignored(),
                });
            }
            lives
        });
    }

    /// Whether a session waits for a verdict.
    #[cfg(test)]
    pub(super) fn presents(&self, handle: SessionHandle) -> bool {
        let session = self.all.iter().find(|session| session.handle == handle);
        session.is_some_and(|session| session.presented().is_some())
    }

    /// Each session: the first octet of its caller's id, and its state.
    #[cfg(test)]
    pub(super) fn summary(&self) -> Vec<(u8, bool, bool)> {
        let summary = |session: &Incoming| {
            let first = session.caller.as_bytes()[0];
            (first, session.is_half_open(), session.is_closed())
        };
        self.all.iter().map(summary).collect()
    }

    /// How many sessions of any kind are kept.
    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.all.len()
    }

    // Closed sessions are what an address has made us compute lately.
    fn is_full(&self, origin: Origin, limits: &Limits) -> bool {
        let all = self.count(|session| session.origin() == origin);
        let unfinished = self.count(|session| session.origin() == origin && !session.is_closed());
        unfinished >= limits.sessions_per_ip
            || all >= limits.sessions_per_ip.saturating_mul(LATELY_FOR_UNFINISHED)
    }

    fn count(&self, which: impl Fn(&Incoming) -> bool) -> usize {
        self.all.iter().filter(|session| which(session)).count()
    }

    /// The oldest half-open session of a kind.
    fn oldest(&self, which: impl Fn(&Incoming) -> bool) -> Option<SessionHandle> {
        let mut half_open = self.all.iter().filter(|session| session.is_half_open());
        Some(half_open.find(|session| which(session))?.handle)
    }
}
