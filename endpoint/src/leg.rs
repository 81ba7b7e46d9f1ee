//! One call leg, from the first handshake message to the BYE.

mod handshake;

use core::fmt;
use core::net::SocketAddr;
use core::time::Duration;
use std::collections::VecDeque;

use callseal_registry_client::{Answer, Verified};
use callseal_rtcp_ext::{
    Fragment, Limits, Packet, Reassembler, SizeRule, is_payload_type_reserved, is_rtcp, parse,
    random_cname,
};
use callseal_srtp::UnprotectError;
use callseal_sts::{Handshaker, Identity, Number, Random, SessionHandle, Staple, Suites};

use crate::control::Control;
use crate::media::{ExportedKeys, Media, Opened, profile_of};
use crate::rtp::RtpHeader;
use crate::verdict::vouched_key;
use crate::vouching::Vouching;
use crate::{
    Answering, CallError, Config, ConfigError, EndReason, Event, Pins, Port, Remote, Secured,
    SendError, Statistics, Step,
};

/// One call leg.
///
/// A leg does no I/O. Its methods are of four kinds, on the model of
/// quinn-proto's `Connection`:
///
/// - *input*: [`handle_datagram`](Self::handle_datagram),
///   [`handle_timeout`](Self::handle_timeout),
///   [`look_up_done`](Self::look_up_done);
/// - *output*: [`poll_transmit`](Self::poll_transmit),
///   [`poll_timeout`](Self::poll_timeout), [`poll_event`](Self::poll_event);
/// - *actions*: [`call`](Self::call), [`send_rtp`](Self::send_rtp),
///   [`hang_up`](Self::hang_up), and the answers to events;
/// - *views*: [`is_secured`](Self::is_secured),
///   [`statistics`](Self::statistics), [`export_keys`](Self::export_keys).
///
/// After every input or action, poll transmits until there are none, then
/// events until there are none, then the timeout. Time is a [`Duration`]
/// since any moment of the application's choosing, and never goes back.
///
/// Nothing is sent unprotected but the handshake, and nothing is delivered
/// that was not authenticated, whatever arrives and whatever fails.
pub struct Leg {
    config: Settings,
    handshaker: Handshaker,
    reassembler: Reassembler,
    handshake_ssrc: u32,
    cname: String,
    remote: Option<Remote>,
    vouching: Vouching,
    media: Media,
    /// The handshake of the call that this leg makes.
    calling: Option<SessionHandle>,
    /// Whom that handshake is with.
    callee: Option<Number>,
    control: Control,
    last_heard: Duration,
    /// A renewal that we have answered, until the peer is heard under its
    /// keys.
    unheard: Option<Box<Secured>>,
    ended: bool,
    media_seen: MediaSeen,
    transmits: VecDeque<Transmit>,
    events: VecDeque<Event>,
}

/// A datagram to send.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Transmit {
    /// The local socket to send it from.
    pub port: Port,
    /// Where to.
    pub to: SocketAddr,
    /// The datagram.
    pub bytes: Vec<u8>,
}

/// What a datagram turned out to be.
#[derive(Debug, PartialEq, Eq)]
pub enum Received<'d> {
    /// Nothing for the application: a handshake message, RTCP, or something
    /// that was not authenticated.
    Nothing,
    /// An authenticated, decrypted RTP packet, header included.
    Rtp(&'d [u8]),
}

/// What of the configuration the leg needs after its start.
struct Settings {
    mux: bool,
    takes_staples: bool,
    pins: Pins,
    silence_limit: Duration,
}

#[derive(Default)]
struct MediaSeen {
    sent: bool,
    received: bool,
}

impl Leg {
    /// A leg that has not called anybody yet, and answers as `config` says.
    ///
    /// # Errors
    ///
    /// [`ConfigError`] when the configuration contradicts itself.
    pub fn new(
        now: Duration,
        config: Config,
        mut random: Box<dyn Random + Send>,
    ) -> Result<Self, ConfigError> {
        let suites: Vec<_> = config
            .suites
            .iter()
            .copied()
            .filter(|suite| profile_of(*suite).is_some())
            .collect();
        let mut ssrcs = [0; 8];
        random.fill(&mut ssrcs);
        let [a, b, c, d, e, f, g, h] = ssrcs;
        let mut cname = [0; 12];
        random.fill(&mut cname);
        let cname = random_cname(cname);
        let mut seed = [0; 8];
        random.fill(&mut seed);
        let mut handshake = callseal_sts::Config::new(config.number, config.key)
            .with_suites(Suites::new(&suites)?)
            .answering(config.answering != Answering::Nobody)
            .taking_staples(config.takes_staples);
        if let Answering::Only(number) = config.answering {
            handshake = handshake.with_expected_peer(number);
        }
        let mut leg = Self {
            config: Settings {
                mux: config.mux,
                takes_staples: config.takes_staples,
                pins: config.pins,
                silence_limit: config.silence_limit,
            },
            handshaker: Handshaker::new(handshake, random),
            reassembler: Reassembler::new(Limits::default()),
            handshake_ssrc: u32::from_be_bytes([a, b, c, d]),
            control: Control::new(
                now,
                u32::from_be_bytes([e, f, g, h]),
                cname.clone(),
                config.session_bandwidth,
                u64::from_be_bytes(seed),
                config.clock_rates,
            ),
            cname,
            remote: None,
            vouching: Vouching::default(),
            media: Media::default(),
            calling: None,
            callee: None,
            last_heard: now,
            unheard: None,
            ended: false,
            media_seen: MediaSeen::default(),
            transmits: VecDeque::new(),
            events: VecDeque::new(),
        };
        leg.drain_handshaker(now);
        Ok(leg)
    }

    /// Calls `callee` at `remote`. Its look-up starts at once, beside the
    /// first flight, unless [staples are taken](Config::taking_staples).
    ///
    /// # Errors
    ///
    /// [`CallError::Ended`] after the end of a call, [`CallError::InCall`]
    /// while one is secured or being made, [`CallError::Handshake`] where
    /// the handshake refuses to begin (a call to oneself, for example).
    pub fn call(&mut self, now: Duration, remote: Remote, callee: Number) -> Result<(), CallError> {
        if self.ended {
            return Err(CallError::Ended);
        }
        if self.remote.is_some() {
            return Err(CallError::InCall);
        }
        self.calling = Some(self.handshaker.call(now, remote.rtcp, callee)?);
        self.callee = Some(callee);
        self.remote = Some(remote);
        self.drain_handshaker(now);
        Ok(())
    }

    /// Renews the keys of the call in progress; media goes on meanwhile, and
    /// under the old keys if the handshake fails.
    ///
    /// # Errors
    ///
    /// [`CallError::Ended`] after the end of a call, [`CallError::NotInCall`]
    /// before it is secured, [`CallError::Handshake`] where the last
    /// handshake is less than ten seconds old.
    pub fn renew(&mut self, now: Duration) -> Result<(), CallError> {
        if self.ended {
            return Err(CallError::Ended);
        }
        let remote = self
            .remote
            .filter(|_| self.media.is_secured())
            .ok_or(CallError::NotInCall)?;
        self.calling = Some(self.handshaker.call_again(now, remote.rtcp)?);
        self.drain_handshaker(now);
        Ok(())
    }

    /// A datagram has arrived on a local socket. What is delivered lies in
    /// `datagram` itself, decrypted in place; what fails its tag leaves
    /// `datagram` as it was.
    pub fn handle_datagram<'d>(
        &mut self,
        now: Duration,
        port: Port,
        from: SocketAddr,
        datagram: &'d mut [u8],
    ) -> Received<'d> {
        if self.ended {
            return Received::Nothing;
        }
        let rtcp = match (self.config.mux, port) {
            (true, _) => is_rtcp(datagram),
            (false, port) => port == Port::Rtcp,
        };
        if rtcp {
            self.handle_rtcp(now, from, datagram);
            return Received::Nothing;
        }
        self.handle_rtp(now, port, from, datagram)
    }

    /// The next datagram to send, if there is one.
    pub fn poll_transmit(&mut self) -> Option<Transmit> {
        self.transmits.pop_front()
    }

    /// What happened, if anything did.
    pub fn poll_event(&mut self) -> Option<Event> {
        self.events.pop_front()
    }

    /// When [`handle_timeout`](Self::handle_timeout) wants to be called.
    /// Changes with every other call.
    pub fn poll_timeout(&self) -> Option<Duration> {
        if self.ended {
            return None;
        }
        let secured = self.media.is_secured();
        [
            self.handshaker.poll_timeout(),
            self.reassembler.poll_timeout(),
            self.media.poll_timeout(),
            secured.then(|| self.control.poll_timeout()).flatten(),
            secured.then(|| self.silence_ends()),
        ]
        .into_iter()
        .flatten()
        .min()
    }

    /// The time of [`poll_timeout`](Self::poll_timeout) has come. Calling it
    /// early does no harm.
    pub fn handle_timeout(&mut self, now: Duration) {
        if self.ended {
            return;
        }
        self.reassembler.handle_timeout(now);
        self.media.handle_timeout(now);
        self.handshaker.handle_timeout(now);
        self.drain_handshaker(now);
        if !self.media.is_secured() {
            return;
        }
        if now >= self.silence_ends() {
            self.end(EndReason::Silence);
            return;
        }
        for report in self.control.handle_timeout(now) {
            self.send_rtcp(report);
        }
    }

    /// The registry's answer to [`Event::LookUp`] or [`Event::LookUpStapled`].
    ///
    /// An answer to a question that was not asked is ignored.
    pub fn look_up_done<E>(
        &mut self,
        now: Duration,
        number: &Number,
        answer: Result<Verified<Answer>, E>,
    ) {
        let answer = answer.ok();
        if !self.vouching.is_asked(number) {
            return;
        }
        if let Some(session) = self.calling {
            match vouched_key(*number, answer.as_ref()) {
                // Whoever answers with another key is ignored.
                Ok(vouched) => self.handshaker.expect_key(session, vouched),
                Err(unvouched) if self.callee == Some(*number) => {
                    self.handshaker.refuse(now, session, unvouched.into());
                }
                Err(_) => {}
            }
        }
        self.vouching.answered(*number, answer);
        self.step(now, Step::LookUpAnswered);
        self.judge_presented(now);
        self.ask_registry(now);
        self.drain_handshaker(now);
    }

    /// What is handed over from now on to peers who ask for what proves our
    /// record: `LiveRegistry::own_staple` makes it. To be set before a call,
    /// and again as it grows old; `None` for nothing.
    pub fn set_staple(&mut self, staple: Option<Staple>) {
        self.handshaker.set_staple(staple);
    }

    /// Accepts a changed key: the number and the key presented of the
    /// [`Event::KeyChanged`] that the user has agreed to, and no other.
    pub fn accept_changed_key(&mut self, now: Duration, accepted: &Identity) {
        self.vouching
            .accept_changed(now, &mut self.handshaker, accepted);
        self.drain_handshaker(now);
    }

    /// Refuses the number and the key presented of an [`Event::KeyChanged`];
    /// the handshake fails.
    pub fn refuse_changed_key(&mut self, now: Duration, refused: &Identity) {
        self.vouching
            .refuse_changed(now, &mut self.handshaker, refused);
        self.drain_handshaker(now);
    }

    /// Protects a whole RTP packet and queues it. The vector's spare
    /// capacity is used for the tag where it suffices.
    ///
    /// # Errors
    ///
    /// [`SendError`] says what is wrong; nothing is ever sent unprotected.
    pub fn send_rtp(&mut self, now: Duration, mut packet: Vec<u8>) -> Result<(), SendError> {
        if self.ended {
            return Err(SendError::Ended);
        }
        let remote = self
            .remote
            .filter(|_| self.media.is_secured())
            .ok_or(SendError::NotSecured)?;
        let header = RtpHeader::read(&packet).ok_or(SendError::NotRtp)?;
        if self.config.mux && is_payload_type_reserved(header.payload_type) {
            return Err(SendError::PayloadType(header.payload_type));
        }
        let len = packet.len();
        packet.resize(len.saturating_add(self.media.max_trailer_len()), 0);
        let protected = self
            .media
            .protect_rtp(&mut packet, len)
            .ok_or(SendError::NotSecured)??;
        packet.truncate(protected);
        self.control.rtp_sent(now, &header);
        if self.media.is_key_life_low() {
            self.events.push_back(Event::KeyLifeLow);
        }
        if !core::mem::replace(&mut self.media_seen.sent, true) {
            self.step(now, Step::FirstProtectedSent);
        }
        self.transmits.push_back(Transmit {
            port: Port::Rtp,
            to: remote.rtp,
            bytes: packet,
        });
        Ok(())
    }

    /// Ends the call: a BYE if it was secured, silence otherwise.
    pub fn hang_up(&mut self, now: Duration, reason: &str) {
        if self.ended {
            return;
        }
        if self.media.is_secured()
            && let Some(bye) = self.control.bye(now, reason)
        {
            self.send_rtcp(bye);
        }
        self.end(EndReason::HungUp);
    }

    /// Whether media keys are in use.
    pub fn is_secured(&self) -> bool {
        self.media.is_secured()
    }

    /// Where the peer receives, as far as is known.
    pub fn remote(&self) -> Option<Remote> {
        self.remote
    }

    /// The keys seen so far, this call's included once it is secured.
    pub fn pins(&self) -> &Pins {
        &self.config.pins
    }

    /// What was sent and received.
    pub fn statistics(&self) -> Statistics {
        self.control.statistics()
    }

    /// The keys in use, for a recorder. Whoever holds them hears the call.
    pub fn export_keys(&self) -> Option<ExportedKeys> {
        self.media.exported()
    }

    fn handle_rtp<'d>(
        &mut self,
        now: Duration,
        port: Port,
        from: SocketAddr,
        datagram: &'d mut [u8],
    ) -> Received<'d> {
        let opened = match self.media.unprotect_rtp(now, datagram) {
            Ok(opened) => opened,
            Err(error) => {
                self.count_refused(&error);
                return Received::Nothing;
            }
        };
        self.tell_renewal_heard();
        let Opened {
            len,
            place,
            is_of_call,
            ..
        } = opened;
        let Some(header) = RtpHeader::read(&datagram[..len]) else {
            return Received::Nothing;
        };
        let newest = self.control.rtp_received(now, &header, place);
        if is_of_call {
            self.heard(now, port, from, newest);
        }
        if !core::mem::replace(&mut self.media_seen.received, true) {
            self.step(now, Step::FirstProtectedReceived);
        }
        Received::Rtp(&datagram[..len])
    }

    /// A handshake datagram is recognised by its shape, since it is the only
    /// RTCP in clear that is looked at; everything else must be SRTCP.
    fn handle_rtcp(&mut self, now: Duration, from: SocketAddr, datagram: &mut [u8]) {
        let datagram_len = datagram.len();
        if let Ok(compound) = parse(datagram, SizeRule::Compound)
            && let Some(fragment) = Fragment::find(&compound)
        {
            if let Ok(fragment) = fragment {
                self.handle_fragment(now, from, &fragment, datagram.len());
            }
            return;
        }
        let opened = match self.media.unprotect_rtcp(now, datagram) {
            Ok(opened) => opened,
            Err(error) => {
                self.count_refused(&error);
                return;
            }
        };
        self.tell_renewal_heard();
        let Opened {
            len,
            ssrc,
            place,
            is_of_call,
        } = opened;
        let Ok(compound) = parse(&datagram[..len], SizeRule::Compound) else {
            return;
        };
        let newest = self.control.rtcp_received(ssrc, place, datagram_len);
        if !is_of_call {
            // The last words of a call that this one has replaced.
            return;
        }
        self.heard(now, Port::Rtcp, from, newest);
        for packet in &compound {
            if let Packet::Bye(bye) = &packet {
                let reason = bye
                    .reason
                    .map(|reason| String::from_utf8_lossy(reason).into_owned());
                self.end(EndReason::ByeReceived { reason });
                return;
            }
            for report in self.control.report_received(now, &packet) {
                self.events.push_back(Event::Report(report));
            }
        }
    }

    /// The peer's addresses where only its RTCP address is known.
    fn remote_from(&self, rtcp: SocketAddr) -> Remote {
        if self.config.mux {
            return Remote::muxed(rtcp);
        }
        let mut rtp = rtcp;
        rtp.set_port(rtcp.port().saturating_sub(1));
        Remote { rtp, rtcp }
    }

    /// An authenticated packet has come. Only the newest of its kind moves
    /// the peer's address, so that a delayed or replayed one does not.
    fn heard(&mut self, now: Duration, port: Port, from: SocketAddr, newest: bool) {
        self.last_heard = now;
        let Some(remote) = self.remote.as_mut().filter(|_| newest) else {
            return;
        };
        let before = *remote;
        match (self.config.mux, port) {
            (true, _) => *remote = Remote::muxed(from),
            (false, Port::Rtp) => remote.rtp = from,
            (false, Port::Rtcp) => remote.rtcp = from,
        }
        if *remote != before {
            self.events.push_back(Event::RemoteMoved { port, to: from });
        }
    }

    fn count_refused(&mut self, error: &UnprotectError) {
        match error {
            UnprotectError::AuthenticationFailed => self.control.rejected(),
            UnprotectError::Replayed | UnprotectError::TooOld => self.control.replayed(),
            _ => self.control.ignored(),
        }
    }

    fn send_rtcp(&mut self, mut packet: Vec<u8>) {
        let Some(remote) = self.remote else {
            return;
        };
        let len = packet.len();
        packet.resize(len.saturating_add(self.media.max_trailer_len()), 0);
        if let Some(Ok(protected)) = self.media.protect_rtcp(&mut packet, len) {
            packet.truncate(protected);
            self.transmits.push_back(Transmit {
                port: self.control_port(),
                to: remote.rtcp,
                bytes: packet,
            });
        }
    }

    /// The socket that RTCP and the handshake use.
    fn control_port(&self) -> Port {
        if self.config.mux {
            Port::Rtp
        } else {
            Port::Rtcp
        }
    }

    fn silence_ends(&self) -> Duration {
        self.last_heard.saturating_add(self.config.silence_limit)
    }

    fn step(&mut self, at: Duration, step: Step) {
        self.events.push_back(Event::Step { step, at });
    }

    fn end(&mut self, reason: EndReason) {
        self.ended = true;
        self.events.push_back(Event::Ended(reason));
    }
}

impl fmt::Debug for Leg {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Leg")
            .field("remote", &self.remote)
            .field("secured", &self.media.is_secured())
            .field("ended", &self.ended)
            .finish_non_exhaustive()
    }
}
