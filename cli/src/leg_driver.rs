//! Runs a call leg on sockets, a clock and a registry.

use std::collections::VecDeque;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use callseal_endpoint::{Config, ConfigError, Event, Leg, Port, Received, Statistics};
use mio::{Events, Poll, Token, Waker};

use crate::clock::Clock;
use crate::look_up::{FromRegistry, LookUps, LookedUp};
use crate::media_sockets::MediaSockets;
use crate::random::SystemRandom;
use crate::record_source::RecordSource;

const WAKER_TOKEN: Token = Token(usize::MAX);

/// Datagrams taken in one turn, so that a flood does not starve the timers.
const MAX_BATCH: usize = 256;

/// Sees every datagram that the leg sends or receives, as it is on the wire.
pub trait WireTap: Send {
    /// A datagram went out, or came in.
    fn datagram(&mut self, passage: &Passage<'_>);
}

/// A datagram on the wire.
#[derive(Clone, Copy, Debug)]
pub struct Passage<'a> {
    /// Which way it went.
    pub way: Way,
    /// When, on the leg's clock.
    pub at: Duration,
    /// Source address.
    pub from: SocketAddr,
    /// Destination address.
    pub to: SocketAddr,
    /// Its octets.
    pub bytes: &'a [u8],
}

/// Which way a datagram goes, seen from the leg.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// Sent.
    Out,
    /// Received.
    In,
}

/// What a turn brought.
#[derive(Debug)]
pub enum Happening {
    /// Something that the leg tells.
    Event(Event),
    /// An RTP packet in clear, authenticated.
    Rtp {
        /// The whole packet.
        packet: Vec<u8>,
    },
    /// The registry has answered, and the leg has been told.
    LookedUp(Box<LookedUp>),
}

/// A leg, its sockets, its clock, and the thread that asks the registry.
///
/// It keeps to the order of a leg's contract: after every input the
/// transmits, then the events, are taken until there are none.
pub struct LegDriver {
    leg: Leg,
    clock: Clock,
    poll: Poll,
    poll_events: Events,
    waker: Arc<Waker>,
    sockets: MediaSockets,
    look_ups: LookUps,
    tap: Option<Box<dyn WireTap>>,
    happenings: VecDeque<Happening>,
    strangers: Strangers,
    /// The batch was full: there may be more, of which nobody will wake us.
    is_behind: bool,
    send_error: Option<String>,
}

/// Packets from addresses that were not the peer's, once the call was secured.
///
/// They are among the leg's own counters too.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Strangers {
    /// All of them.
    pub packets: u64,
    /// Those that authenticated: then the peer has moved.
    pub authentic: u64,
    /// Those whose tag was wrong.
    pub rejected: u64,
    /// Those whose index had been received.
    pub replayed: u64,
    /// Those that were nothing of the call's.
    pub ignored: u64,
}

/// Why a leg cannot be run.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StartError {
    /// The leg refuses its configuration.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The system refuses.
    #[error("cannot watch the sockets")]
    Io(#[from] io::Error),
}

impl LegDriver {
    /// Starts a leg that learns from `source` whose key is whose. Where that has something to prove our own record
    /// with, it is asked for it first, which may take as long as a look-up does.
    ///
    /// # Errors
    /// [`StartError`] where the leg or the system refuses.
    pub fn start(
        clock: Clock,
        config: Config,
        mut sockets: MediaSockets,
        mut source: impl RecordSource + 'static,
    ) -> Result<Self, StartError> {
        let poll = Poll::new()?;
        let waker = Arc::new(Waker::new(poll.registry(), WAKER_TOKEN)?);
        sockets.register(poll.registry())?;
        let config = config
            .mux(sockets.is_muxed())
            .taking_staples(source.takes_staples());
        let mut leg = Leg::new(clock.now(), config, Box::new(SystemRandom))?;
        let mut record = source.own_record();
        let own = match record.as_mut().map(|record| record.staple()) {
            Some(Ok(own)) => Some(own),
            Some(Err(error)) => {
                tracing::warn!("nothing proves our own record to others: {error}");
                None
            }
            None => None,
        };
        leg.set_staple(own.clone());
        Ok(Self {
            leg,
            clock,
            poll,
            poll_events: Events::with_capacity(8),
            look_ups: LookUps::start(
                source,
                record.map(|record| (record, own)),
                Arc::clone(&waker),
            )?,
            waker,
            sockets,
            tap: None,
            happenings: VecDeque::new(),
            strangers: Strangers::default(),
            is_behind: false,
            send_error: None,
        })
    }

    /// Shows every datagram to `tap` from now on.
    pub fn tap(&mut self, tap: Box<dyn WireTap>) {
        self.tap = Some(tap);
    }

    /// The leg, to act on and to look at. What it then has to send goes out
    /// with the next [`LegDriver::turn`].
    pub fn leg(&mut self) -> &mut Leg {
        &mut self.leg
    }

    /// The clock that the leg's `now` is of.
    pub fn clock(&self) -> Clock {
        self.clock
    }

    /// The leg's sockets.
    pub fn sockets(&self) -> &MediaSockets {
        &self.sockets
    }

    /// Ends a wait in [`LegDriver::turn`], from any thread.
    pub fn waker(&self) -> Arc<Waker> {
        Arc::clone(&self.waker)
    }

    /// Why the latest datagram that could not be sent could not.
    pub fn send_error(&self) -> Option<&str> {
        self.send_error.as_deref()
    }

    /// What came from addresses that were not the peer's.
    pub fn strangers(&self) -> Strangers {
        self.strangers
    }

    /// Waits until something happens, or until `wake_at`, and takes it in.
    ///
    /// # Errors
    /// What the system says of the sockets.
    pub fn turn(&mut self, wake_at: Option<Duration>) -> io::Result<()> {
        self.flush();
        let wait = self.time_to_wait(wake_at);
        match self.poll.poll(&mut self.poll_events, wait) {
            Err(error) if error.kind() != io::ErrorKind::Interrupted => return Err(error),
            _ => {}
        }
        while let Some(told) = self.look_ups.answer() {
            match told {
                FromRegistry::LookedUp(looked_up) => self.take_look_up(looked_up),
                FromRegistry::OwnStaple(staple) => self.leg.set_staple(Some(staple)),
            }
        }
        self.is_behind = true;
        for _ in 0..MAX_BATCH {
            if !self.take_datagram()? {
                self.is_behind = false;
                break;
            }
        }
        let now = self.clock.now();
        if self.leg.poll_timeout().is_some_and(|at| at <= now) {
            self.leg.handle_timeout(now);
        }
        self.flush();
        Ok(())
    }

    /// The next thing that happened, in order.
    pub fn happening(&mut self) -> Option<Happening> {
        self.happenings.pop_front()
    }

    fn time_to_wait(&self, wake_at: Option<Duration>) -> Option<Duration> {
        if self.is_behind || !self.happenings.is_empty() {
            return Some(Duration::ZERO);
        }
        let wake_at = [wake_at, self.leg.poll_timeout()]
            .into_iter()
            .flatten()
            .min()?;
        Some(wake_at.saturating_sub(self.clock.now()))
    }

    fn take_look_up(&mut self, looked_up: Box<LookedUp>) {
        let LookedUp { number, answer, .. } = &*looked_up;
        let now = self.clock.now();
        self.leg.look_up_done(now, number, answer.clone());
        self.happenings.push_back(Happening::LookedUp(looked_up));
        self.flush();
    }

    /// False where there is no datagram.
    fn take_datagram(&mut self) -> io::Result<bool> {
        let first = match self.leg.is_secured() {
            true => Port::Rtp,
            false => Port::Rtcp,
        };
        let Some(mut received) = self.sockets.receive(first)? else {
            return Ok(false);
        };
        let now = self.clock.now();
        if let (Some(tap), Ok(to)) = (&mut self.tap, self.sockets.local_address(received.port)) {
            tap.datagram(&Passage {
                way: Way::In,
                at: now,
                from: received.from,
                to,
                bytes: &received.bytes,
            });
        }
        let before = self
            .is_stranger(received.from)
            .then(|| self.leg.statistics());
        let delivered =
            self.leg
                .handle_datagram(now, received.port, received.from, &mut received.bytes);
        let packet = match delivered {
            Received::Rtp(packet) => Some(packet.to_vec()),
            Received::Nothing => None,
        };
        if let Some(before) = before {
            self.count_stranger(&before, packet.is_some());
        }
        // The events of this packet stand before it: "first protected packet
        // received", then the packet.
        self.flush();
        if let Some(packet) = packet {
            self.happenings.push_back(Happening::Rtp { packet });
        }
        Ok(true)
    }

    fn is_stranger(&self, from: SocketAddr) -> bool {
        let remote = self.leg.remote().filter(|_| self.leg.is_secured());
        remote.is_some_and(|remote| from != remote.rtp && from != remote.rtcp)
    }

    fn count_stranger(&mut self, before: &Statistics, is_rtp: bool) {
        let after = self.leg.statistics();
        let strangers = &mut self.strangers;
        strangers.packets += 1;
        strangers.authentic += u64::from(is_rtp);
        strangers.rejected += after.rejected.saturating_sub(before.rejected);
        strangers.replayed += after.replayed.saturating_sub(before.replayed);
        strangers.ignored += after.ignored.saturating_sub(before.ignored);
    }

    /// Takes out of the leg all that it has to send and to tell.
    fn flush(&mut self) {
        while let Some(transmit) = self.leg.poll_transmit() {
            let at = self.clock.now();
            if let Err(error) = self.sockets.send(&transmit) {
                let to = transmit.to;
                tracing::debug!("cannot send to {to}: {error}");
                self.send_error = Some(format!("cannot send to {to}: {error}"));
                continue;
            }
            if let (Some(tap), Ok(from)) =
                (&mut self.tap, self.sockets.local_address(transmit.port))
            {
                tap.datagram(&Passage {
                    way: Way::Out,
                    at,
                    from,
                    to: transmit.to,
                    bytes: &transmit.bytes,
                });
            }
        }
        while let Some(event) = self.leg.poll_event() {
            match event {
                Event::LookUp { number } => self.look_ups.ask(number),
                Event::LookUpStapled {
                    number,
                    key,
                    staple,
                } => self.look_ups.ask_stapled(number, key, staple),
                event => self.happenings.push_back(Happening::Event(event)),
            }
        }
    }
}
