//! Two sans-IO peers, driven over a link.

use core::fmt;
use core::net::SocketAddr;
use core::time::Duration;

use crate::{Datagram, Link};

/// What a [`Pair`] needs of a sans-IO peer; a few lines around the type under
/// test.
pub trait Peer {
    /// Where the peer receives; the source of what it sends.
    fn address(&self) -> SocketAddr;

    /// A datagram has arrived.
    fn handle_datagram(&mut self, now: Duration, from: SocketAddr, bytes: Vec<u8>);

    /// The next datagram to send and where to; asked until it is `None`.
    fn poll_transmit(&mut self, now: Duration) -> Option<(SocketAddr, Vec<u8>)>;

    /// When [`handle_timeout`](Self::handle_timeout) wants to be called.
    fn poll_timeout(&self) -> Option<Duration>;

    /// The time asked for has come.
    fn handle_timeout(&mut self, now: Duration);
}

/// Two peers, the network between them and the time.
///
/// All of it is open to the test, which may send forged datagrams through
/// [`link`](Self::link), change conditions half way, or look at a peer
/// between two steps.
///
/// ```
/// use core::{net::SocketAddr, time::Duration};
/// use callseal_testkit::{Conditions, Link, Pair, Peer};
///
/// /// Counts down with its partner, one datagram a number.
/// struct Counter { address: SocketAddr, partner: SocketAddr, next: Option<u8>, seen: u8 }
///
/// impl Peer for Counter {
///     fn address(&self) -> SocketAddr { self.address }
///     fn handle_datagram(&mut self, _: Duration, _: SocketAddr, bytes: Vec<u8>) {
///         self.seen = bytes[0];
///         self.next = bytes[0].checked_sub(1);
///     }
///     fn poll_transmit(&mut self, _: Duration) -> Option<(SocketAddr, Vec<u8>)> {
///         self.next.take().map(|number| (self.partner, vec![number]))
///     }
///     fn poll_timeout(&self) -> Option<Duration> { None }
///     fn handle_timeout(&mut self, _: Duration) {}
/// }
///
/// let a: SocketAddr = "192.0.2.1:5004".parse().unwrap();
/// let b: SocketAddr = "192.0.2.2:5004".parse().unwrap();
/// let link = Link::new(1, Conditions::perfect().delay(Duration::from_millis(50)));
/// let mut pair = Pair::new(
///     link,
///     Counter { address: a, partner: b, next: Some(3), seen: 255 },
///     Counter { address: b, partner: a, next: None, seen: 255 },
/// );
/// pair.run_until(100, |pair| pair.a.seen == 0).unwrap();
/// assert_eq!(pair.now, Duration::from_millis(200));
/// ```
#[derive(Debug)]
pub struct Pair<A, B> {
    /// One peer.
    pub a: A,
    /// The other.
    pub b: B,
    /// The network.
    pub link: Link,
    /// The present, since the test's epoch.
    pub now: Duration,
    /// Datagrams that arrived at an address which is neither peer's: what a
    /// spoofed source gets, or what a third party in the middle may alter
    /// and send on.
    pub strays: Vec<Datagram>,
}

/// Why [`Pair::run_until`] gave up.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum RunError {
    /// Nothing is in flight and nobody waits for a time-out: what was waited
    /// for can never happen.
    Quiet {
        /// When the last thing happened.
        now: Duration,
    },
    /// The steps allowed are used up.
    OutOfSteps {
        /// How far the time has come.
        now: Duration,
    },
}

impl<A: Peer, B: Peer> Pair<A, B> {
    /// Two peers at the epoch.
    pub fn new(link: Link, a: A, b: B) -> Self {
        Self {
            a,
            b,
            link,
            now: Duration::ZERO,
            strays: Vec::new(),
        }
    }

    /// Sends what the peers have to send, goes to the next moment in which
    /// something happens, and lets it happen: arrivals first, then time-outs.
    ///
    /// Returns that moment; `None` if there is none.
    ///
    /// # Panics
    ///
    /// If a peer never stops transmitting.
    pub fn step(&mut self) -> Option<Duration> {
        self.transmit();
        let next = [
            self.link.next_arrival(),
            self.a.poll_timeout(),
            self.b.poll_timeout(),
        ]
        .into_iter()
        .flatten()
        .min()?;
        // A time-out may lie in the past; time itself never goes back.
        self.now = self.now.max(next);
        while let Some(datagram) = self.link.receive(self.now) {
            self.deliver(datagram);
        }
        let now = self.now;
        if self.a.poll_timeout().is_some_and(|at| at <= now) {
            self.a.handle_timeout(now);
        }
        if self.b.poll_timeout().is_some_and(|at| at <= now) {
            self.b.handle_timeout(now);
        }
        self.transmit();
        Some(now)
    }

    /// Steps until `done`, which is asked before the first step and after
    /// each and may act on the pair, and returns how many steps it took.
    ///
    /// # Errors
    ///
    /// [`RunError::Quiet`] if nothing can happen any more,
    /// [`RunError::OutOfSteps`] after `max_steps`.
    ///
    /// # Panics
    ///
    /// If a peer never stops transmitting.
    pub fn run_until(
        &mut self,
        max_steps: usize,
        mut done: impl FnMut(&mut Self) -> bool,
    ) -> Result<usize, RunError> {
        for steps in 0..=max_steps {
            if done(self) {
                return Ok(steps);
            }
            if steps < max_steps && self.step().is_none() {
                return Err(RunError::Quiet { now: self.now });
            }
        }
        Err(RunError::OutOfSteps { now: self.now })
    }

    /// Lets everything happen that happens before or at `time`, and makes it
    /// the present.
    ///
    /// # Errors
    ///
    /// [`RunError::OutOfSteps`] after `max_steps`.
    ///
    /// # Panics
    ///
    /// If a peer never stops transmitting.
    pub fn run_to(&mut self, time: Duration, max_steps: usize) -> Result<usize, RunError> {
        for steps in 0..=max_steps {
            self.transmit();
            let next = [
                self.link.next_arrival(),
                self.a.poll_timeout(),
                self.b.poll_timeout(),
            ];
            if next.into_iter().flatten().all(|at| at > time) {
                self.now = self.now.max(time);
                return Ok(steps);
            }
            if steps < max_steps {
                self.step();
            }
        }
        Err(RunError::OutOfSteps { now: self.now })
    }

    fn deliver(&mut self, datagram: Datagram) {
        if datagram.to == self.a.address() {
            self.a
                .handle_datagram(self.now, datagram.from, datagram.bytes);
        } else if datagram.to == self.b.address() {
            self.b
                .handle_datagram(self.now, datagram.from, datagram.bytes);
        } else {
            self.strays.push(datagram);
        }
    }

    fn transmit(&mut self) {
        flush(&mut self.a, self.now, &mut self.link);
        flush(&mut self.b, self.now, &mut self.link);
    }
}

impl fmt::Display for RunError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Quiet { now } => write!(f, "nothing can happen any more after {now:?}"),
            Self::OutOfSteps { now } => write!(f, "not done in the steps allowed, at {now:?}"),
        }
    }
}

impl std::error::Error for RunError {}

/// More than any peer has to say at one moment.
const MAX_TRANSMITS: usize = 1_000_000;

fn flush(peer: &mut impl Peer, now: Duration, link: &mut Link) {
    for _ in 0..MAX_TRANSMITS {
        let Some((to, bytes)) = peer.poll_transmit(now) else {
            return;
        };
        link.send(now, peer.address(), to, &bytes);
    }
    panic!("{} never stops transmitting", peer.address());
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Conditions;

    const MS: Duration = Duration::from_millis(1);

    /// Sends a number again every 100 ms until the partner has answered it,
    /// then goes on with the next.
    struct Pinger {
        address: SocketAddr,
        partner: SocketAddr,
        number: u8,
        last: u8,
        due: Option<Duration>,
        outbox: Vec<Vec<u8>>,
    }

    impl Pinger {
        fn new(host: u8, partner: u8, last: u8) -> Self {
            Self {
                address: address(host),
                partner: address(partner),
                number: 0,
                last,
                due: (last > 0).then_some(Duration::ZERO),
                outbox: Vec::new(),
            }
        }
    }

    impl Peer for Pinger {
        fn address(&self) -> SocketAddr {
            self.address
        }

        fn handle_datagram(&mut self, now: Duration, _: SocketAddr, bytes: Vec<u8>) {
            if self.last == 0 {
                self.outbox.push(bytes);
            } else if bytes == [self.number] {
                self.number += 1;
                self.due = (self.number < self.last).then_some(now);
            }
        }

        fn poll_transmit(&mut self, _: Duration) -> Option<(SocketAddr, Vec<u8>)> {
            self.outbox.pop().map(|bytes| (self.partner, bytes))
        }

        fn poll_timeout(&self) -> Option<Duration> {
            self.due
        }

        fn handle_timeout(&mut self, now: Duration) {
            self.outbox.push(vec![self.number]);
            self.due = Some(now + 100 * MS);
        }
    }

    fn address(host: u8) -> SocketAddr {
        SocketAddr::from(([192, 0, 2, host], 5004))
    }

    fn pair(conditions: Conditions, last: u8) -> Pair<Pinger, Pinger> {
        let link = Link::new(11, conditions);
        Pair::new(link, Pinger::new(1, 2, last), Pinger::new(2, 1, 0))
    }

    #[test]
    fn time_goes_from_event_to_event() {
        let mut pair = pair(Conditions::perfect().delay(30 * MS), 2);
        let mut moments = Vec::new();
        while let Some(now) = pair.step() {
            moments.push(now);
        }
        assert_eq!(
            moments,
            [0, 30, 60, 90, 120].map(Duration::from_millis),
            "a ping, its echo, and again"
        );
        assert_eq!(pair.a.number, 2);
    }

    #[test]
    fn two_peers_finish_over_a_bad_link() {
        let rough = Conditions::perfect()
            .delay(20 * MS)
            .loss(0.3)
            .duplication(0.2)
            .reorder(0.2, 80 * MS);
        let mut pair = pair(rough, 20);
        pair.run_until(10_000, |pair| pair.a.number == 20).unwrap();
        assert!(pair.link.tally().lost > 0);
    }

    #[test]
    fn a_dead_link_runs_out_of_steps() {
        let mut pair = pair(Conditions::perfect().loss(1.0), 1);
        assert_eq!(
            pair.run_until(10, |pair| pair.a.number == 1),
            Err(RunError::OutOfSteps { now: 900 * MS })
        );
    }

    #[test]
    fn a_wait_for_what_cannot_happen_is_told() {
        let mut pair = pair(Conditions::perfect().delay(10 * MS), 1);
        assert_eq!(
            pair.run_until(100, |_| false),
            Err(RunError::Quiet { now: 20 * MS })
        );
    }

    #[test]
    fn run_to_stops_at_the_moment_named() {
        let mut pair = pair(Conditions::perfect().loss(1.0), 1);
        pair.run_to(250 * MS, 100).unwrap();
        assert_eq!(pair.now, 250 * MS);
        assert_eq!(pair.link.tally().sent, 3);
        assert_eq!(
            pair.run_to(1_000_000 * MS, 5),
            Err(RunError::OutOfSteps { now: 700 * MS })
        );
    }

    #[test]
    fn answers_to_a_spoofed_source_are_kept_as_strays() {
        let mut pair = pair(Conditions::perfect(), 0);
        pair.b.partner = address(99);
        pair.link
            .send(Duration::ZERO, address(99), address(2), b"x");
        pair.run_until(10, |pair| !pair.strays.is_empty()).unwrap();
        assert_eq!(pair.strays[0].from, address(2));
        assert_eq!(pair.strays[0].to, address(99));
    }
}
