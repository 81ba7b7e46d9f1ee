//! A leg's side of the handshake: its messages in and out, and what becomes
//! of the call.

use core::net::SocketAddr;
use core::time::Duration;

use callseal_rtcp_ext::{Fragment, MAX_DATAGRAM_LEN, handshake_datagrams};
use callseal_sts::{Admission, Established, FragmentHead, Identity, Number, Role, SessionHandle};

use super::{Leg, Transmit};
use crate::media::Installed;
use crate::vouching::Question;
use crate::{EndReason, Event, Secured, Step};

impl Leg {
    pub(super) fn handle_fragment(
        &mut self,
        now: Duration,
        from: SocketAddr,
        fragment: &Fragment<'_>,
        datagram_len: usize,
    ) {
        let head = FragmentHead {
            index: fragment.index,
            count: fragment.count,
            cookie: fragment.cookie,
            bytes: fragment.bytes,
        };
        let collected = match self.handshaker.admit(now, from, head, datagram_len) {
            Admission::Drop => None,
            Admission::Admit => self.reassembler.push(now, from, fragment).ok(),
            Admission::AdmitProven => self.reassembler.push_proven(now, from, fragment).ok(),
        };
        if let Some(Some(message)) = collected {
            self.handshaker
                .handle_message(now, from, &message, datagram_len);
        }
        self.drain_handshaker(now);
    }

    /// Takes over all that the handshaker has to say.
    pub(super) fn drain_handshaker(&mut self, now: Duration) {
        while let Some(event) = self.handshaker.poll_event() {
            self.handshake_event(now, event);
        }
        while let Some(transmit) = self.handshaker.poll_transmit() {
            let datagrams = handshake_datagrams(
                &transmit.message,
                transmit.message_tag,
                transmit.cookie,
                self.handshake_ssrc,
                &self.cname,
                MAX_DATAGRAM_LEN,
            );
            for bytes in datagrams.into_iter().flatten() {
                self.transmits.push_back(Transmit {
                    port: self.control_port(),
                    to: transmit.to,
                    bytes,
                });
            }
        }
    }

    fn handshake_event(&mut self, now: Duration, event: callseal_sts::Event) {
        use callseal_sts::Event as Handshake;
        match event {
            Handshake::LookUpAdvised { .. } if self.config.takes_staples => {}
            Handshake::LookUpAdvised { number, .. } => self.look_up_ahead(now, number),
            Handshake::MessageSent {
                kind,
                repeated: false,
                ..
            } => self.step(now, Step::Sent(kind)),
            Handshake::MessageAccepted { kind, .. } => self.step(now, Step::Accepted(kind)),
            Handshake::PeerPresented {
                session,
                role,
                identity,
                origin,
                staple,
            } => {
                if staple.is_some() {
                    self.step(now, Step::StapleReceived);
                }
                self.vouching
                    .present(session, role, identity, origin, staple);
                self.ask_registry(now);
                self.judge_presented(now);
            }
            Handshake::Established {
                session,
                remote,
                established,
            } => self.secured(now, session, remote, &established),
            Handshake::TurnedAway { session, identity } => {
                self.vouching.forget(session);
                self.events.push_back(Event::TurnedAway { identity });
            }
            Handshake::Superseded { session, by } => {
                self.vouching.forget(session);
                if self.calling == Some(session) {
                    self.calling = Some(by);
                }
            }
            Handshake::Failed { session, why } => {
                self.vouching.forget(session);
                self.events.push_back(Event::HandshakeFailed {
                    why,
                    call_goes_on: self.media.is_secured(),
                });
                self.call_failed(session);
            }
            Handshake::Abandoned { session, .. } => {
                self.vouching.forget(session);
                self.call_failed(session);
            }
            _ => {}
        }
    }

    /// A leg whose own call has come to nothing is over; one that answers
    /// goes on listening.
    fn call_failed(&mut self, session: SessionHandle) {
        if self.calling == Some(session) {
            self.calling = None;
            if !self.media.is_secured() {
                self.end(EndReason::NotSecured);
            }
        }
    }

    /// Judges every presented identity whose answer is there.
    pub(super) fn judge_presented(&mut self, now: Duration) {
        let calling = self.calling.is_some() && !self.media.is_secured();
        let judged = self
            .vouching
            .judge(now, &mut self.handshaker, &self.config.pins, calling);
        self.events.extend(judged);
    }

    fn secured(
        &mut self,
        now: Duration,
        session: SessionHandle,
        rtcp: SocketAddr,
        established: &Established,
    ) {
        let peer = established.peer();
        let secured = Secured {
            role: established.role(),
            peer: *peer,
            sas: established.sas(),
            suite: established.suite(),
            epoch: established.epoch(),
            known: self.vouching.known(session),
            renewal: self.media.is_secured(),
        };
        self.vouching.forget(session);
        self.calling = None;
        let Ok(installed) = self.media.install(now, established) else {
            // The suites were filtered at the start, so keys that do not fit
            // are a flaw of ours: no call is better than one in the clear.
            self.end(EndReason::NotSecured);
            return;
        };
        self.config.pins.remember(peer.number, peer.key);
        if installed == Installed::ToBeHeard {
            // Whoever renews the renewal before has finished that.
            self.tell_renewal_heard();
            // An M3 that somebody held back moves no address: the packets
            // under the new keys will say where the peer is.
            self.unheard = Some(Box::new(secured));
            return;
        }
        self.unheard = None;
        self.step(now, Step::KeysDerived);
        self.control.start(now);
        self.last_heard = now;
        if self.remote.is_none_or(|remote| remote.rtcp != rtcp) {
            self.remote = Some(self.remote_from(rtcp));
        }
        if secured.renewal && secured.role == Role::Caller {
            // The callee waits to hear us, and we may have nothing to say.
            for report in self.control.report(now) {
                self.send_rtcp(report);
            }
        }
        self.events.push_back(Event::Secured(Box::new(secured)));
    }

    /// Tells of a renewal that we have answered, once the peer has been heard
    /// under its keys.
    pub(super) fn tell_renewal_heard(&mut self) {
        let in_use = self.media.epoch_in_use();
        if let Some(secured) = self.unheard.take_if(|one| one.epoch == in_use) {
            self.handshaker.peer_uses(in_use);
            self.events.push_back(Event::Secured(secured));
        }
    }

    /// Starts the look-ups for which there is room.
    pub(super) fn ask_registry(&mut self, now: Duration) {
        for Question { identity, staple } in self.vouching.ask() {
            let Identity { number, key } = identity;
            match staple {
                Some(staple) => self.events.push_back(Event::LookUpStapled {
                    number,
                    key,
                    staple,
                }),
                None => self.look_up(now, number),
            }
        }
    }

    /// The look-up of whom we call or expect starts before he shows himself.
    fn look_up_ahead(&mut self, now: Duration, number: Number) {
        if self.vouching.ask_ahead(number) {
            self.look_up(now, number);
        }
    }

    fn look_up(&mut self, now: Duration, number: Number) {
        self.step(now, Step::LookUpStarted);
        self.events.push_back(Event::LookUp { number });
    }
}
