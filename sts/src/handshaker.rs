//! The driver: everything around the states that time, loss and strangers
//! make necessary (PROTOCOL.md §§5–8).

mod admission;
mod answering;
mod calling;
mod config;
mod event;
mod incoming;
mod incomings;
mod outgoing;
mod path;
mod queue;

use core::fmt;
use core::net::SocketAddr;
use core::time::Duration;

pub use admission::{Admission, FragmentHead};
pub use config::{Config, Limits};
pub use event::{AcceptError, CallError, Event, Failure, Ignored, SessionHandle, Transmit};
pub use path::Origin;

use admission::Gate;
use incomings::Incomings;
use outgoing::Outgoing;
use queue::Queue;

use crate::established::{Established, Role, Running};
use crate::messages::{MessageKind, SessionId, sessions};
use crate::{Identity, Number, Random, Refusal, Staple, Staples, VerifiedPeerKey};

/// Runs the handshakes of one call leg, sans-IO.
///
/// It takes messages, verdicts and the time, and gives out messages, a
/// time-out and events. There are four kinds of method:
///
/// - what happens: [`call`](Self::call), [`call_again`](Self::call_again),
///   [`accept`](Self::accept), [`refuse`](Self::refuse),
///   [`expect_key`](Self::expect_key), [`set_running`](Self::set_running);
/// - what comes in: [`admit`](Self::admit) for every fragment, then
///   [`handle_message`](Self::handle_message) for every whole message, and
///   [`handle_timeout`](Self::handle_timeout) when
///   [`poll_timeout`](Self::poll_timeout) says so;
/// - what goes out: [`poll_transmit`](Self::poll_transmit);
/// - what there is to tell: [`poll_event`](Self::poll_event).
///
/// After any of the first two kinds, poll transmits, events and the time-out,
/// in this order, until the first two give `None`.
///
/// ```
/// use core::time::Duration;
/// use callseal_sts::{
///     Config, Event, Handshaker, IdentityKey, Number, Random, VerifiedPeerKey,
/// };
///
/// # struct System(u8);
/// # impl Random for System {
/// #     fn fill(&mut self, out: &mut [u8]) {
/// #         for octet in out { self.0 = self.0.wrapping_mul(5).wrapping_add(3); *octet = self.0; }
/// #     }
/// # }
/// # let (a_random, b_random) = (Box::new(System(1)), Box::new(System(2)));
/// let (alice, bob) = ("+8613800000001".parse::<Number>()?, "+8613800000002".parse()?);
/// let (a_key, b_key) = (IdentityKey::from_bytes([1; 32])?, IdentityKey::from_bytes([2; 32])?);
/// let (at_alice, at_bob) = ("192.0.2.1:5005".parse()?, "192.0.2.2:5005".parse()?);
/// let mut a = Handshaker::new(Config::new(alice, a_key), a_random);
/// let mut b = Handshaker::new(Config::new(bob, b_key), b_random);
///
/// let now = Duration::ZERO;
/// a.call(now, at_bob, bob)?;
/// let mut strings = Vec::new();
/// while strings.len() < 2 {
///     for alice_sends in [true, false] {
///         let (from, to, source) = match alice_sends {
///             true => (&mut a, &mut b, at_alice),
///             false => (&mut b, &mut a, at_bob),
///         };
///         while let Some(transmit) = from.poll_transmit() {
///             // On the way it would be cut and wrapped; see PROTOCOL.md §1.
///             to.handle_message(now, source, &transmit.message, transmit.message.len() + 56);
///         }
///         while let Some(event) = to.poll_event() {
///             match event {
///                 // Here the registry is asked whether the key is the number's.
///                 Event::PeerPresented { session, identity, .. } => {
///                     to.accept(now, session, VerifiedPeerKey::vouch(identity))?;
///                 }
///                 Event::Established { established, .. } => {
///                     strings.push(established.sas().to_string());
///                 }
///                 _ => {}
///             }
///         }
///     }
/// }
/// assert_eq!(strings[0], strings[1]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Handshaker {
    config: Config,
    random: Box<dyn Random + Send>,
    handles_given: u64,
    outgoing: Option<Outgoing>,
    incomings: Incomings,
    running: Option<Running>,
    /// The renewal that we have answered last, while nothing shows that the
    /// caller has our M4.
    unconfirmed: Option<Running>,
    /// When a handshake last finished.
    established_at: Option<Duration>,
    /// When a call of our own last began.
    began_at: Option<Duration>,
    advised: bool,
    gate: Gate,
    staple: Option<Staple>,
    queue: Queue,
}

/// When and where something came from.
#[derive(Clone, Copy)]
struct Arrival {
    now: Duration,
    from: SocketAddr,
    /// The octets of UDP payload that it came in.
    received_len: usize,
}

/// How many octets go to an unproven address for each that came from it.
const AMPLIFICATION: usize = 3;
const STORED_FLIGHT_GAP: Duration = Duration::from_millis(100);
const CHALLENGE_GAP: Duration = Duration::from_millis(100);
const VERDICT_PATIENCE: Duration = Duration::from_secs(30);
/// How long an old epoch lives on beside a new one.
const EPOCHS_OVERLAP: Duration = Duration::from_secs(10);

impl Handshaker {
    /// A handshaker without any handshake.
    pub fn new(config: Config, random: Box<dyn Random + Send>) -> Self {
        Self {
            config,
            random,
            handles_given: 0,
            outgoing: None,
            incomings: Incomings::default(),
            running: None,
            unconfirmed: None,
            established_at: None,
            began_at: None,
            advised: false,
            gate: Gate::default(),
            staple: None,
            queue: Queue::default(),
        }
    }

    /// Calls a number at an address.
    ///
    /// Beside a running call with the same number this makes a new call that
    /// replaces it; see [`call_again`](Self::call_again) for a renewal.
    ///
    /// # Errors
    ///
    /// [`CallError`], by what stands in the way.
    pub fn call(
        &mut self,
        now: Duration,
        remote: SocketAddr,
        callee: Number,
    ) -> Result<SessionHandle, CallError> {
        self.begin_call(now, remote, callee, false)
    }

    /// Renews the running call: new keys under a new epoch, signed together
    /// with the old handshake, with the same peer only.
    ///
    /// # Errors
    ///
    /// [`CallError`], by what stands in the way; in the first ten seconds of
    /// a call's keys that is [`CallError::TooSoon`].
    pub fn call_again(
        &mut self,
        now: Duration,
        remote: SocketAddr,
    ) -> Result<SessionHandle, CallError> {
        let callee = self.running.ok_or(CallError::NoCall)?.peer.number;
        self.begin_call(now, remote, callee, true)
    }

    /// The call in progress, or its end.
    ///
    /// A finished handshake becomes the running call by itself; this is for
    /// telling that the call is over (`None`), or for a handshaker that is
    /// made for a call in progress.
    pub fn set_running(&mut self, running: Option<Running>) {
        self.running = running;
        self.unconfirmed = None;
    }

    /// The peer has been heard under the keys of this epoch: a renewal that we
    /// have answered with it is finished at the other end too, and is the
    /// running call from now on. To be told for every renewal in which we were
    /// the callee; until then further handshakes may name the call before it.
    pub fn peer_uses(&mut self, epoch: u8) {
        if let Some(heard) = self.unconfirmed.take_if(|renewal| renewal.epoch == epoch) {
            self.running = Some(heard);
        }
    }

    /// What is handed over from now on, to those who ask for it, to show that
    /// our key is our number's; `None` for nothing.
    pub fn set_staple(&mut self, staple: Option<Staple>) {
        self.staple = staple;
    }

    /// The call in progress.
    pub fn running(&self) -> Option<&Running> {
        self.running.as_ref()
    }

    /// Decides about a fragment before any of it is kept: to be asked for
    /// every APP packet named `CSTS`, also for whole messages.
    ///
    /// `datagram_len` are the octets of UDP payload that it came in. Under
    /// load it may send a challenge instead of letting a first message in.
    pub fn admit(
        &mut self,
        now: Duration,
        from: SocketAddr,
        fragment: FragmentHead<'_>,
        datagram_len: usize,
    ) -> Admission {
        // An address that has shown its cookie lately is not enough: whoever
        // spoofs that address does not know the cookie.
        let shows_cookie = fragment
            .cookie
            .is_some_and(|cookie| self.gate.show(now, from, &cookie, &mut *self.random));
        if fragment.index > 0 {
            return self.admit_headless(now, from, shows_cookie);
        }
        let Ok((kind, caller, callee)) = sessions(fragment.bytes) else {
            return Admission::Drop;
        };
        let (admitted, is_proven) = match (kind, callee) {
            (MessageKind::M1, _) => {
                let known = self.incomings.has_answered(caller, from);
                let arrival = Arrival {
                    now,
                    from,
                    received_len: datagram_len,
                };
                let passes =
                    self.may_answer() && (known || self.pass_or_challenge(arrival, caller));
                (passes, shows_cookie)
            }
            // Who names our session has received what we sent.
            (MessageKind::M3, Some(callee)) => {
                (self.incomings.of_m3(caller, callee).is_some(), true)
            }
            _ => (self.is_calling_as(caller), self.is_called(from)),
        };
        match (admitted, is_proven) {
            (false, _) => Admission::Drop,
            (true, false) => Admission::Admit,
            (true, true) => Admission::AdmitProven,
        }
    }

    /// Takes a whole message. One that is not good changes nothing.
    ///
    /// `received_len` are the octets of UDP payload that it came in, all its
    /// datagrams together: what goes back to an unproven address is bounded
    /// by three times that.
    pub fn handle_message(
        &mut self,
        now: Duration,
        from: SocketAddr,
        message: &[u8],
        received_len: usize,
    ) {
        let arrival = Arrival {
            now,
            from,
            received_len,
        };
        let taken = match sessions(message) {
            Err(why) => Err(Ignored::Unreadable(why)),
            Ok((MessageKind::M1, caller, _)) => self.handle_m1(arrival, caller, message),
            Ok((MessageKind::M3, caller, Some(callee))) => {
                self.handle_m3(arrival, (caller, callee), message)
            }
            Ok((kind, caller, _)) => self.handle_answer(now, from, kind, caller, message),
        };
        if let Err(why) = taken {
            self.queue.tell(Event::MessageIgnored { from, why });
        }
    }

    /// The registry has given the key of the number that is being called
    /// before the callee has answered: an answer with another key is then
    /// ignored. [`accept`](Self::accept) is still needed.
    pub fn expect_key(&mut self, session: SessionHandle, key: VerifiedPeerKey) {
        if let Some(outgoing) = &mut self.outgoing
            && outgoing.handle == session
            && outgoing.callee == key.identity().number
        {
            outgoing.expect_key(key);
        }
    }

    /// The presented key is vouched for: the handshake goes on.
    ///
    /// # Errors
    ///
    /// [`AcceptError`]. After [`AcceptError::AnotherKey`] a call of our own
    /// waits on for an answer with the key that is vouched for; to end it,
    /// [`refuse`](Self::refuse).
    pub fn accept(
        &mut self,
        now: Duration,
        session: SessionHandle,
        key: VerifiedPeerKey,
    ) -> Result<(), AcceptError> {
        let presented = self.presented(session).ok_or(AcceptError::NotWaiting)?;
        if presented.number != key.identity().number {
            return Err(AcceptError::AnotherNumber);
        }
        if presented == *key.identity() && !self.has_room_beside(session, &presented) {
            self.turn_away(now, session, presented);
            return Err(AcceptError::SomebodyElse);
        }
        if let Some(outgoing) = &mut self.outgoing
            && outgoing.handle == session
        {
            return outgoing
                .accept(now, key, &mut *self.random, &mut self.queue)
                .then_some(())
                .ok_or(AcceptError::AnotherKey);
        }
        let incoming = self
            .incomings
            .get_mut(session)
            .ok_or(AcceptError::NotWaiting)?;
        let established = incoming
            .accept(now, &key, &mut self.queue)
            .ok_or(AcceptError::AnotherKey)?;
        let remote = incoming.address();
        self.finish(now, session, remote, Box::new(established));
        Ok(())
    }

    /// Ends a handshake: a call of our own at any step, without a word to the
    /// other side; an incoming one that was presented with an M4 that says
    /// why. Anything else is left as it is.
    pub fn refuse(&mut self, now: Duration, session: SessionHandle, why: Refusal) {
        if self
            .outgoing
            .take_if(|outgoing| outgoing.handle == session)
            .is_none()
        {
            match self.incomings.get_mut(session) {
                Some(incoming) if incoming.presented().is_some() => {
                    incoming.refuse(now, why, &mut self.queue);
                }
                _ => return,
            }
        }
        self.queue.tell(Event::Failed {
            session,
            why: Failure::RefusedHere(why),
        });
    }

    /// The next message to be sent.
    pub fn poll_transmit(&mut self) -> Option<Transmit> {
        self.queue.next_transmit()
    }

    /// When [`handle_timeout`](Self::handle_timeout) is to be called; `None`
    /// while nothing is waited for.
    pub fn poll_timeout(&self) -> Option<Duration> {
        let outgoing = self.outgoing.as_ref().map(Outgoing::next_timeout);
        [outgoing, self.incomings.next_timeout()]
            .into_iter()
            .flatten()
            .min()
    }

    /// Does what is due: repetitions and the end of patience.
    pub fn handle_timeout(&mut self, now: Duration) {
        if let Some(outgoing) = &mut self.outgoing
            && now >= outgoing.next_timeout()
        {
            let outcome = outgoing.handle_timeout(now, &mut self.queue);
            self.conclude(now, outcome);
        }
        self.incomings.handle_timeout(now, &mut self.queue);
    }

    /// The next thing to tell.
    pub fn poll_event(&mut self) -> Option<Event> {
        self.queue.next_event()
    }

    fn staples(&self) -> Staples {
        Staples {
            own: self.staple.clone(),
            wanted: self.config.takes_staples,
        }
    }

    fn new_handle(&mut self) -> SessionHandle {
        self.handles_given += 1;
        SessionHandle(self.handles_given)
    }

    fn is_calling_as(&self, session: SessionId) -> bool {
        let calling = self.outgoing.as_ref();
        calling.is_some_and(|outgoing| outgoing.session == session)
    }

    /// Whether there is anybody whom we answer: a phone that only calls still
    /// has its call renewed.
    fn may_answer(&self) -> bool {
        self.config.answers || self.running.is_some()
    }

    fn is_called(&self, address: SocketAddr) -> bool {
        let calling = self.outgoing.as_ref();
        calling.is_some_and(|outgoing| outgoing.remote == address)
    }

    /// Whether this handshake may finish with this peer. Asked when M3 comes
    /// and again at the verdict: meanwhile a call may have been secured with
    /// somebody else, or be made to him.
    fn has_room_beside(&self, session: SessionHandle, identity: &Identity) -> bool {
        let own = self.outgoing.as_ref();
        let calls_another =
            own.is_some_and(|own| own.handle != session && own.callee != identity.number);
        !calls_another && Running::admits(self.running.as_ref(), identity)
    }

    /// Ends a handshake that was presented by somebody for whom there is no
    /// room.
    fn turn_away(&mut self, now: Duration, session: SessionHandle, identity: Identity) {
        match self.incomings.get_mut(session) {
            Some(incoming) => {
                incoming.refuse(now, Refusal::Declined, &mut self.queue);
                self.queue.tell(Event::TurnedAway { session, identity });
            }
            None => self.refuse(now, session, Refusal::Declined),
        }
    }

    /// The calls that a handshake may name: the running one, and the renewal
    /// of it that the other side may have finished or not.
    fn calls(&self) -> impl Iterator<Item = Running> {
        self.running.into_iter().chain(self.unconfirmed)
    }

    /// A handshake is finished: every other one with this peer is over.
    fn finish(
        &mut self,
        now: Duration,
        session: SessionHandle,
        remote: SocketAddr,
        established: Box<Established>,
    ) {
        let peer = *established.peer();
        self.incomings
            .drop_others(session, &peer, remote, &mut self.queue);
        let own = self
            .outgoing
            .take_if(|outgoing| outgoing.callee == peer.number || outgoing.remote == remote);
        if let Some(own) = own {
            self.queue.tell(Event::Superseded {
                session: own.handle,
                by: session,
            });
        }
        let running = established.running();
        match established.previous() {
            // Until the caller is heard, nobody knows whether M4 has arrived.
            Some(previous) if established.role() == Role::Callee => {
                // Who names the renewal before has finished it.
                let named = |renewal: &mut Running| renewal.session_hash == previous;
                self.running = self.unconfirmed.take_if(named).or(self.running);
                self.unconfirmed = Some(running);
            }
            _ => self.set_running(Some(running)),
        }
        self.established_at = Some(now);
        self.queue.tell(Event::Established {
            session,
            remote,
            established,
        });
    }

    /// Whether a verdict would do anything.
    #[cfg(test)]
    fn waits_for_verdict(&self, session: SessionHandle) -> bool {
        let own = self.outgoing.as_ref();
        own.is_some_and(|own| own.handle == session && own.presented().is_some())
            || self.incomings.presents(session)
    }

    /// What waits for a verdict in this session.
    fn presented(&mut self, session: SessionHandle) -> Option<Identity> {
        match &self.outgoing {
            Some(outgoing) if outgoing.handle == session => outgoing.presented().copied(),
            _ => self.incomings.get_mut(session)?.presented().copied(),
        }
    }
}

impl fmt::Debug for Handshaker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Handshaker")
            .field("own", &self.config.own.identity())
            .field("outgoing", &self.outgoing)
            .field("incomings", &self.incomings)
            .field("running", &self.running)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
