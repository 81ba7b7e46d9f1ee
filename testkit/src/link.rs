//! A network in virtual time.

use core::net::{IpAddr, SocketAddr};
use core::time::Duration;
use std::collections::BTreeMap;

use crate::SplitMix64;

/// A network between any number of addresses, in virtual time.
///
/// Each way, that is each destination address, has its own [`Conditions`],
/// its own queue and its own random sequence: what happens to datagrams on
/// one way does not depend on the traffic on another. Nothing checks that a
/// sender owns the source address it gives, so a test can spoof.
///
/// Time is a [`Duration`] since an epoch of the caller's choice.
///
/// ```
/// use core::time::Duration;
/// use callseal_testkit::{Conditions, Link};
///
/// let alice = "192.0.2.1:5004".parse().unwrap();
/// let bob = "192.0.2.2:5004".parse().unwrap();
/// let mut link = Link::new(1, Conditions::perfect().delay(Duration::from_millis(40)));
///
/// link.send(Duration::ZERO, alice, bob, b"hello");
/// let at = link.next_arrival().unwrap();
/// assert_eq!(at, Duration::from_millis(40));
/// let datagram = link.receive(at).unwrap();
/// assert_eq!((datagram.to, &datagram.bytes[..]), (bob, &b"hello"[..]));
/// ```
#[derive(Clone, Debug)]
pub struct Link {
    seed: u64,
    default: Conditions,
    ways: BTreeMap<SocketAddr, Way>,
    // The sequence number keeps datagrams of one moment in the order sent.
    in_flight: BTreeMap<(Duration, u64), Datagram>,
    sequence: u64,
    tap: Option<Vec<Datagram>>,
}

/// A datagram on its way, or arrived.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Datagram {
    /// When it arrives; in [`Link::tapped`], when it was sent.
    pub at: Duration,
    /// The source address it claims.
    pub from: SocketAddr,
    /// The destination.
    pub to: SocketAddr,
    /// The payload.
    pub bytes: Vec<u8>,
}

/// What a way does to datagrams.
///
/// ```
/// use core::time::Duration;
/// use callseal_testkit::Conditions;
///
/// let mobile = Conditions::perfect()
///     .delay(Duration::from_millis(60))
///     .jitter(Duration::from_millis(15))
///     .loss(0.02)
///     .reorder(0.01, Duration::from_millis(30));
/// # let _ = mobile;
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Conditions {
    delay: Duration,
    jitter: Duration,
    loss: f64,
    duplication: f64,
    reordering: f64,
    held_back: Duration,
    corruption: f64,
    max_datagram_len: Option<usize>,
    bottleneck: Option<Bottleneck>,
}

/// What has happened on a way; octets are of payload.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub struct Tally {
    /// Datagrams given to [`Link::send`].
    pub sent: u64,
    /// Octets given to [`Link::send`].
    pub sent_len: u64,
    /// Lost at random.
    pub lost: u64,
    /// Dropped because the bottleneck's queue was full or the datagram was
    /// longer than the way carries.
    pub dropped: u64,
    /// Extra copies put in flight.
    pub duplicated: u64,
    /// Copies held back so that later ones may overtake.
    pub held_back: u64,
    /// Datagrams with a bit flipped.
    pub corrupted: u64,
    /// Copies that [`Link::receive`] has handed out.
    pub delivered: u64,
}

impl Link {
    /// A network whose every way has these conditions until
    /// [`set_conditions_to`](Self::set_conditions_to) says otherwise.
    ///
    /// The same seed and the same calls give the same deliveries.
    pub fn new(seed: u64, default: Conditions) -> Self {
        Self {
            seed,
            default,
            ways: BTreeMap::new(),
            in_flight: BTreeMap::new(),
            sequence: 0,
            tap: None,
        }
    }

    /// Changes the way to `to` for everything sent from now on; what is
    /// already in flight arrives as it would have.
    pub fn set_conditions_to(&mut self, to: SocketAddr, conditions: Conditions) {
        self.way_to(to).conditions = conditions;
    }

    /// Keeps a copy of everything sent from now on, before the network does
    /// anything to it: what a listener at the sender's side sees.
    pub fn tap(&mut self) {
        self.tap.get_or_insert_default();
    }

    /// What has been sent since [`tap`](Self::tap), oldest first.
    pub fn tapped(&self) -> &[Datagram] {
        self.tap.as_deref().unwrap_or_default()
    }

    /// Sends a datagram at `now` that claims to come from `from`.
    pub fn send(&mut self, now: Duration, from: SocketAddr, to: SocketAddr, bytes: &[u8]) {
        if let Some(tap) = &mut self.tap {
            tap.push(Datagram {
                at: now,
                from,
                to,
                bytes: bytes.to_vec(),
            });
        }
        let fate = self.way_to(to).decide(now, bytes.len());
        let mut bytes = bytes.to_vec();
        if let Some(bit) = fate.flipped_bit {
            bytes[bit / 8] ^= 1 << (bit % 8);
        }
        for at in fate.arrivals.into_iter().flatten() {
            let datagram = Datagram {
                at,
                from,
                to,
                bytes: bytes.clone(),
            };
            self.in_flight.insert((at, self.sequence), datagram);
            self.sequence += 1;
        }
    }

    /// When the next datagram arrives anywhere; `None` if none is in flight.
    pub fn next_arrival(&self) -> Option<Duration> {
        self.in_flight.first_key_value().map(|((at, _), _)| *at)
    }

    /// The next datagram that has arrived by `now`, in the order of arrival.
    pub fn receive(&mut self, now: Duration) -> Option<Datagram> {
        let entry = self.in_flight.first_entry()?;
        if entry.key().0 > now {
            return None;
        }
        let datagram = entry.remove();
        self.way_to(datagram.to).tally.delivered += 1;
        Some(datagram)
    }

    /// What has happened to datagrams for `to`.
    pub fn tally_to(&self, to: SocketAddr) -> Tally {
        self.ways.get(&to).map(|way| way.tally).unwrap_or_default()
    }

    /// What has happened on all ways together.
    pub fn tally(&self) -> Tally {
        self.ways.values().fold(Tally::default(), |sum, way| {
            let Tally {
                sent,
                sent_len,
                lost,
                dropped,
                duplicated,
                held_back,
                corrupted,
                delivered,
            } = way.tally;
            Tally {
                sent: sum.sent + sent,
                sent_len: sum.sent_len + sent_len,
                lost: sum.lost + lost,
                dropped: sum.dropped + dropped,
                duplicated: sum.duplicated + duplicated,
                held_back: sum.held_back + held_back,
                corrupted: sum.corrupted + corrupted,
                delivered: sum.delivered + delivered,
            }
        })
    }

    fn way_to(&mut self, to: SocketAddr) -> &mut Way {
        let (seed, default) = (self.seed, &self.default);
        self.ways.entry(to).or_insert_with(|| Way {
            conditions: default.clone(),
            random: SplitMix64::new(seed ^ fingerprint(to)),
            last_arrival: Duration::ZERO,
            line_free_at: Duration::ZERO,
            tally: Tally::default(),
        })
    }
}

impl Conditions {
    /// Everything arrives at once, in order, unharmed.
    pub const fn perfect() -> Self {
        Self {
            delay: Duration::ZERO,
            jitter: Duration::ZERO,
            loss: 0.0,
            duplication: 0.0,
            reordering: 0.0,
            held_back: Duration::ZERO,
            corruption: 0.0,
            max_datagram_len: None,
            bottleneck: None,
        }
    }

    /// The least time a datagram takes.
    pub const fn delay(mut self, delay: Duration) -> Self {
        self.delay = delay;
        self
    }

    /// Up to this much more, evenly spread. Jitter alone never reorders:
    /// a datagram waits for those sent before it.
    pub const fn jitter(mut self, jitter: Duration) -> Self {
        self.jitter = jitter;
        self
    }

    /// The probability that a datagram is lost.
    ///
    /// # Panics
    ///
    /// If it is not in `0.0..=1.0`.
    pub fn loss(mut self, probability: f64) -> Self {
        self.loss = checked(probability);
        self
    }

    /// The probability that a datagram arrives twice.
    ///
    /// # Panics
    ///
    /// If it is not in `0.0..=1.0`.
    pub fn duplication(mut self, probability: f64) -> Self {
        self.duplication = checked(probability);
        self
    }

    /// The probability that a datagram is held back for up to `held_back`,
    /// so that those sent after it may overtake it.
    ///
    /// # Panics
    ///
    /// If it is not in `0.0..=1.0`.
    pub fn reorder(mut self, probability: f64, held_back: Duration) -> Self {
        self.reordering = checked(probability);
        self.held_back = held_back;
        self
    }

    /// The probability that one bit of a datagram is flipped and no checksum
    /// below notices.
    ///
    /// # Panics
    ///
    /// If it is not in `0.0..=1.0`.
    pub fn corruption(mut self, probability: f64) -> Self {
        self.corruption = checked(probability);
        self
    }

    /// The longest payload the way carries, in octets; longer ones are
    /// dropped.
    pub const fn max_datagram_len(mut self, len: usize) -> Self {
        self.max_datagram_len = Some(len);
        self
    }

    /// A line of this many bits a second, before which at most `queue_len`
    /// octets of payload wait; what does not fit is dropped.
    ///
    /// # Panics
    ///
    /// If the line carries no bits at all; a cut is `loss(1.0)`.
    pub fn bottleneck(mut self, bits_per_second: u64, queue_len: usize) -> Self {
        assert!(bits_per_second > 0, "a line without bits; use loss(1.0)");
        self.bottleneck = Some(Bottleneck {
            bits_per_second,
            queue_len,
        });
        self
    }
}

#[derive(Clone, Debug, PartialEq)]
struct Bottleneck {
    bits_per_second: u64,
    queue_len: usize,
}

#[derive(Clone, Debug)]
struct Way {
    conditions: Conditions,
    random: SplitMix64,
    last_arrival: Duration,
    line_free_at: Duration,
    tally: Tally,
}

#[derive(Default)]
struct Fate {
    flipped_bit: Option<usize>,
    arrivals: [Option<Duration>; 2],
}

impl Way {
    fn decide(&mut self, now: Duration, len: usize) -> Fate {
        // Every datagram has a generator of its own, so that a change of one
        // condition does not change what the others do.
        let mut draws = SplitMix64::new(self.random.next_u64());
        let lost = draws.next_fraction() < self.conditions.loss;
        let duplicated = draws.next_fraction() < self.conditions.duplication;
        let corrupted = draws.next_fraction() < self.conditions.corruption;
        let bit = draws.below(len as u64 * 8) as usize;

        self.tally.sent += 1;
        self.tally.sent_len += len as u64;
        let mut fate = Fate::default();
        let too_long = self
            .conditions
            .max_datagram_len
            .is_some_and(|max| len > max);
        let Some(leaves) = (if too_long {
            None
        } else {
            self.enqueue(now, len)
        }) else {
            self.tally.dropped += 1;
            return fate;
        };
        if lost {
            self.tally.lost += 1;
            return fate;
        }
        if corrupted && len > 0 {
            self.tally.corrupted += 1;
            fate.flipped_bit = Some(bit);
        }
        fate.arrivals[0] = Some(self.travel(leaves, &mut draws));
        if duplicated {
            self.tally.duplicated += 1;
            fate.arrivals[1] = Some(self.travel(leaves, &mut draws));
        }
        fate
    }

    /// When the datagram has left the bottleneck, if it got in.
    fn enqueue(&mut self, now: Duration, len: usize) -> Option<Duration> {
        let Some(line) = &self.conditions.bottleneck else {
            return Some(now);
        };
        let starts = self.line_free_at.max(now);
        let waiting = starts - now;
        let waiting_len =
            waiting.as_nanos() * u128::from(line.bits_per_second) / (8 * 1_000_000_000);
        if waiting_len + len as u128 > line.queue_len as u128 {
            return None;
        }
        let nanos = len as u128 * 8 * 1_000_000_000 / u128::from(line.bits_per_second);
        self.line_free_at = starts + Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX));
        Some(self.line_free_at)
    }

    fn travel(&mut self, leaves: Duration, draws: &mut SplitMix64) -> Duration {
        let Conditions {
            delay,
            jitter,
            reordering,
            held_back,
            ..
        } = self.conditions;
        let jitter = jitter.mul_f64(draws.next_fraction());
        let held = draws.next_fraction() < reordering;
        let extra = held_back.mul_f64(draws.next_fraction());
        let in_order = (leaves + delay + jitter).max(self.last_arrival);
        if held {
            // Not noted as the last arrival: those behind may pass.
            self.tally.held_back += 1;
            in_order + extra
        } else {
            self.last_arrival = in_order;
            in_order
        }
    }
}

fn checked(probability: f64) -> f64 {
    assert!(
        (0.0..=1.0).contains(&probability),
        "a probability lies in 0.0..=1.0, not {probability}"
    );
    probability
}

/// Tells addresses apart for seeding; nothing depends on its value.
fn fingerprint(address: SocketAddr) -> u64 {
    let ip = match address.ip() {
        IpAddr::V4(ip) => u128::from(u32::from(ip)),
        IpAddr::V6(ip) => u128::from(ip),
    };
    let folded = (ip >> 64) as u64 ^ ip as u64;
    SplitMix64::new(folded.rotate_left(16) ^ u64::from(address.port())).next_u64()
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    fn address(host: u8) -> SocketAddr {
        SocketAddr::from(([192, 0, 2, host], 5004))
    }

    fn drain(link: &mut Link) -> Vec<Datagram> {
        core::iter::from_fn(|| link.receive(Duration::MAX)).collect()
    }

    fn send_numbers(link: &mut Link, count: u16, every: Duration) {
        for number in 0..count {
            link.send(
                every * u32::from(number),
                address(1),
                address(2),
                &number.to_be_bytes(),
            );
        }
    }

    fn numbers(arrived: &[Datagram]) -> Vec<u16> {
        arrived
            .iter()
            .map(|datagram| u16::from_be_bytes([datagram.bytes[0], datagram.bytes[1]]))
            .collect()
    }

    #[test]
    fn delivers_nothing_before_its_time() {
        let mut link = Link::new(1, Conditions::perfect().delay(40 * MS));
        link.send(10 * MS, address(1), address(2), b"x");
        assert_eq!(link.next_arrival(), Some(50 * MS));
        assert_eq!(link.receive(50 * MS - Duration::from_nanos(1)), None);
        assert!(link.receive(50 * MS).is_some());
        assert_eq!(link.next_arrival(), None);
    }

    #[test]
    fn the_same_seed_gives_the_same_network() {
        let rough = Conditions::perfect()
            .delay(20 * MS)
            .jitter(30 * MS)
            .loss(0.2)
            .duplication(0.2)
            .reorder(0.2, 50 * MS)
            .corruption(0.2);
        let run = |seed| {
            let mut link = Link::new(seed, rough.clone());
            send_numbers(&mut link, 500, MS);
            drain(&mut link)
        };
        assert_eq!(run(7), run(7));
        assert_ne!(run(7), run(8));
    }

    #[test]
    fn one_way_does_not_depend_on_the_traffic_of_another() {
        let rough = Conditions::perfect().loss(0.3).jitter(20 * MS);
        let run = |chatter: bool| {
            let mut link = Link::new(7, rough.clone());
            for number in 0..200_u32 {
                if chatter {
                    link.send(MS * number, address(2), address(1), b"chatter");
                }
                link.send(MS * number, address(1), address(2), &number.to_be_bytes());
            }
            let mut arrived = drain(&mut link);
            arrived.retain(|datagram| datagram.to == address(2));
            arrived
        };
        assert_eq!(run(false), run(true));
    }

    #[test]
    fn more_loss_loses_a_superset() {
        let run = |loss| {
            let mut link = Link::new(7, Conditions::perfect().loss(loss));
            send_numbers(&mut link, 500, MS);
            numbers(&drain(&mut link))
        };
        let (few, many) = (run(0.5), run(0.1));
        assert!(few.len() < many.len());
        assert!(few.iter().all(|number| many.contains(number)));
    }

    #[test]
    fn loses_about_the_share_it_was_told_to() {
        let mut link = Link::new(3, Conditions::perfect().loss(0.2));
        send_numbers(&mut link, 10_000, MS);
        let lost = link.tally().lost;
        assert!((1_800..2_200).contains(&lost), "lost {lost} of 10000");
        assert_eq!(drain(&mut link).len() as u64, 10_000 - lost);
        assert_eq!(link.tally().delivered, 10_000 - lost);
    }

    #[test]
    fn a_cut_way_delivers_nothing_and_heals() {
        let mut link = Link::new(3, Conditions::perfect());
        link.set_conditions_to(address(2), Conditions::perfect().loss(1.0));
        send_numbers(&mut link, 100, MS);
        assert_eq!(link.next_arrival(), None);
        link.set_conditions_to(address(2), Conditions::perfect());
        send_numbers(&mut link, 100, MS);
        assert_eq!(drain(&mut link).len(), 100);
    }

    #[test]
    fn jitter_alone_keeps_the_order() {
        let mut link = Link::new(5, Conditions::perfect().delay(MS).jitter(100 * MS));
        send_numbers(&mut link, 500, MS);
        let arrived = numbers(&drain(&mut link));
        assert!(arrived.is_sorted());
        assert_eq!(arrived.len(), 500);
    }

    #[test]
    fn reordering_changes_the_order_and_loses_nothing() {
        let mut link = Link::new(5, Conditions::perfect().reorder(0.1, 20 * MS));
        send_numbers(&mut link, 500, MS);
        let mut arrived = numbers(&drain(&mut link));
        assert!(!arrived.is_sorted());
        assert!(link.tally().held_back > 0);
        arrived.sort_unstable();
        assert!(arrived.into_iter().eq(0..500));
    }

    #[test]
    fn duplicates_are_counted_copies() {
        let mut link = Link::new(5, Conditions::perfect().duplication(0.3));
        send_numbers(&mut link, 500, MS);
        let arrived = numbers(&drain(&mut link));
        let tally = link.tally_to(address(2));
        assert!(tally.duplicated > 0);
        assert_eq!(arrived.len() as u64, 500 + tally.duplicated);
    }

    #[test]
    fn corruption_flips_exactly_one_bit() {
        let mut link = Link::new(5, Conditions::perfect().corruption(1.0));
        for len in 0..64 {
            link.send(Duration::ZERO, address(1), address(2), &vec![0x5a; len]);
        }
        for datagram in drain(&mut link) {
            let flipped: u32 = datagram
                .bytes
                .iter()
                .map(|octet| (octet ^ 0x5a).count_ones())
                .sum();
            assert_eq!(flipped, u32::from(!datagram.bytes.is_empty()));
        }
    }

    #[test]
    fn a_bottleneck_spaces_datagrams_and_drops_what_does_not_fit() {
        // 8000 bit/s carry 1000 octets a second: 100 octets take 100 ms.
        let mut link = Link::new(5, Conditions::perfect().bottleneck(8_000, 300));
        for _ in 0..5 {
            link.send(Duration::ZERO, address(1), address(2), &[0; 100]);
        }
        let arrivals: Vec<_> = drain(&mut link).iter().map(|d| d.at).collect();
        assert_eq!(arrivals, [100 * MS, 200 * MS, 300 * MS]);
        assert_eq!(link.tally().dropped, 2);
        // An idle line has an empty queue again.
        link.send(500 * MS, address(1), address(2), &[0; 100]);
        assert_eq!(link.next_arrival(), Some(600 * MS));
    }

    #[test]
    fn a_datagram_longer_than_the_way_carries_is_dropped() {
        let mut link = Link::new(5, Conditions::perfect().max_datagram_len(1_200));
        link.send(Duration::ZERO, address(1), address(2), &[0; 1_200]);
        link.send(Duration::ZERO, address(1), address(2), &[0; 1_201]);
        assert_eq!(drain(&mut link).len(), 1);
        assert_eq!(link.tally().dropped, 1);
    }

    #[test]
    fn a_spoofed_source_is_carried_as_claimed() {
        let mut link = Link::new(5, Conditions::perfect());
        link.send(Duration::ZERO, address(99), address(2), b"x");
        assert_eq!(
            link.receive(Duration::ZERO).map(|d| d.from),
            Some(address(99))
        );
    }

    #[test]
    fn a_tap_sees_what_was_sent_even_if_it_is_lost() {
        let mut link = Link::new(5, Conditions::perfect().loss(1.0));
        link.send(Duration::ZERO, address(1), address(2), b"before");
        link.tap();
        link.send(MS, address(1), address(2), b"after");
        let seen: Vec<_> = link.tapped().iter().map(|d| (d.at, &d.bytes[..])).collect();
        assert_eq!(seen, [(MS, &b"after"[..])]);
    }

    #[test]
    #[should_panic(expected = "a probability lies in 0.0..=1.0")]
    fn a_probability_above_one_is_refused() {
        let _ = Conditions::perfect().loss(1.5);
    }
}
