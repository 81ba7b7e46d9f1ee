//! Who has a place among the connections: whoever has shown nothing yet makes
//! room for whoever comes.

use core::net::{IpAddr, Ipv6Addr};
use core::time::Duration;
use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::oneshot;

use crate::service::limits::RateLimit;
use crate::service::server::Bounds;

/// All places. A clone is another handle on the same ones.
#[derive(Clone)]
pub(crate) struct Places(Arc<Mutex<Held>>);

/// A place among the connections, given back when dropped.
pub(crate) struct Place {
    places: Places,
    number: u64,
}

/// Comes when the place is another's.
pub(crate) type Lost = oneshot::Receiver<()>;

struct Held {
    bounds: Bounds,
    begun: [RateLimit<Network>; WIDTHS.len()],
    next: u64,
    /// By age.
    open: BTreeMap<u64, Connection>,
}

struct Connection {
    /// The narrowest first.
    from: [Network; WIDTHS.len()],
    /// It has shown nothing yet that a stranger does not have.
    is_strange: bool,
    /// Dropped with the place.
    _ends: oneshot::Sender<()>,
}

#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
struct Network {
    address: IpAddr,
    /// Of an IPv6 network, in bits.
    prefix_len: u32,
}

/// What one customer is given differs: 64, 56 or 48 bits. How many bits, and
/// how many times as much all of it may as one address. An IPv4 address is
/// itself at each width, so that the narrowest counts.
const WIDTHS: [(u32, u32); 3] = [(64, 1), (56, 4), (48, 16)];

/// How many networks of a width are known at a time.
const ROOM: usize = 16_384;

impl Places {
    pub(crate) fn new(bounds: Bounds) -> Self {
        let minute = Duration::from_secs(60);
        let begun = WIDTHS.map(|(_, times)| {
            RateLimit::new(bounds.begun_per_minute.saturating_mul(times), minute, ROOM)
        });
        Self(Arc::new(Mutex::new(Held {
            bounds,
            begun,
            next: 0,
            open: BTreeMap::new(),
        })))
    }

    /// A place for a connection from there, if its networks have not begun too
    /// many in a minute. Where there is no room left, a stranger's connection
    /// ends for it; there is none only if all are of those who are
    /// [known](Place::keep).
    pub(crate) fn take(&self, from: IpAddr, now: Duration) -> Option<(Place, Lost)> {
        let mut held = self.held();
        let from = WIDTHS.map(|(prefix_len, _)| Network::of(from, prefix_len));
        // Those who are refused by their own are not counted for the wider.
        let mut all = held.begun.iter_mut().zip(&from);
        if !all.all(|(begun, network)| begun.would_admit(network, now)) {
            return None;
        }
        if !held.make_room(&from) {
            return None;
        }
        for (begun, network) in held.begun.iter_mut().zip(from) {
            begun.count(network, now);
        }
        let (ends, lost) = oneshot::channel();
        let number = held.next;
        held.next += 1;
        let connection = Connection {
            from,
            is_strange: true,
            _ends: ends,
        };
        held.open.insert(number, connection);
        let places = self.clone();
        Some((Place { places, number }, lost))
    }

    fn held(&self) -> MutexGuard<'_, Held> {
        // Nothing here is left half done by a panic.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Held {
    /// Whether there is room for one from there, made if need be.
    fn make_room(&mut self, from: &[Network; WIDTHS.len()]) -> bool {
        let per_address = self.bounds.connections_per_address;
        for (width, (_, times)) in WIDTHS.iter().enumerate() {
            let is_here = |open: &&Connection| open.from[width] == from[width];
            let here = self.open.values().filter(is_here);
            // Many phones of one carrier are in one network: of a wide one
            // only the strangers count.
            let count = match width {
                0 => here.count(),
                _ => here.filter(|open| open.is_strange).count(),
            };
            let most = per_address.saturating_mul(*times as usize);
            if count >= most && !self.end_stranger(|open| is_here(&open)) {
                return false;
            }
        }
        self.open.len() < self.bounds.connections || self.end_stranger(|_| true)
    }

    /// Ends the oldest of the network that has the most strangers, among those
    /// that are meant: whoever takes many places loses his own.
    fn end_stranger(&mut self, is_meant: impl Fn(&Connection) -> bool) -> bool {
        let strangers = || self.open.iter().filter(|(_, open)| open.is_strange);
        let mut counts: HashMap<Network, usize> = HashMap::new();
        for (_, stranger) in strangers() {
            *counts.entry(stranger.widest()).or_default() += 1;
        }
        let meant = strangers().filter(|(_, open)| is_meant(open));
        let most = meant.rev().max_by_key(|(_, open)| counts[&open.widest()]);
        let Some((number, _)) = most else {
            return false;
        };
        let number = *number;
        self.open.remove(&number);
        true
    }
}

impl Connection {
    fn widest(&self) -> Network {
        let [.., widest] = self.from;
        widest
    }
}

impl Network {
    fn of(address: IpAddr, prefix_len: u32) -> Self {
        let address = match address.to_canonical() {
            IpAddr::V6(address) => {
                let mask = u128::MAX << (u128::BITS - prefix_len);
                IpAddr::V6(Ipv6Addr::from_bits(address.to_bits() & mask))
            }
            address => address,
        };
        Self {
            address,
            prefix_len,
        }
    }
}

impl Place {
    /// Whoever is there has shown what no stranger has: the place is nobody
    /// else's from now on.
    pub(crate) fn keep(&self) {
        if let Some(connection) = self.places.held().open.get_mut(&self.number) {
            connection.is_strange = false;
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.places.held().open.remove(&self.number);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const AT: Duration = Duration::ZERO;

    fn v6(network: u64) -> IpAddr {
        Ipv6Addr::from_bits(u128::from(network) << 64 | 1).into()
    }

    fn has_place(place: &mut (Place, Lost)) -> bool {
        place.1.try_recv() == Err(oneshot::error::TryRecvError::Empty)
    }

    fn left(crowd: &mut [(Place, Lost)]) -> usize {
        crowd
            .iter_mut()
            .map(|place| usize::from(has_place(place)))
            .sum()
    }

    /// Everybody who comes and says nothing, from so many networks.
    fn crowd(places: &Places, from: impl Iterator<Item = IpAddr>) -> Vec<(Place, Lost)> {
        from.flat_map(|from| (0..16).map(move |_| from))
            .filter_map(|from| places.take(from, AT))
            .collect()
    }

    #[test]
    fn who_has_a_network_of_56_bits_keeps_nobody_out() {
        let places = Places::new(Bounds::default());
        let mut crowd = crowd(&places, (0..256).map(|low| v6(0x2001_0db8_0001_0000 | low)));
        assert_eq!(left(&mut crowd), 64);
        for neighbour in [0x2001_0db8_0001_0100, 0x2001_0db8_0002_0000] {
            assert!(places.take(v6(neighbour), AT).is_some());
        }
    }

    #[test]
    fn who_has_many_addresses_loses_his_own_places_to_who_comes() {
        let bounds = Bounds {
            connections: 128,
            ..Bounds::default()
        };
        let places = Places::new(bounds);
        let v4 = |low: u8| IpAddr::from([198, 51, 100, low]);
        let mut honest = places.take(IpAddr::from([192, 0, 2, 1]), AT).unwrap();
        let mut crowd = crowd(&places, (0..25).map(v4));
        assert_eq!(crowd.len(), 400);
        assert_eq!(left(&mut crowd), 127);
        assert!(has_place(&mut honest));
        let mut newcomer = places.take(IpAddr::from([192, 0, 2, 2]), AT).unwrap();
        assert!(has_place(&mut newcomer) && has_place(&mut honest));
    }

    #[test]
    fn who_begins_from_every_network_there_is_keeps_no_new_one_out() {
        let bounds = Bounds {
            connections: 8,
            ..Bounds::default()
        };
        let places = Places::new(bounds);
        // Each of 48 bits: nothing holds them together.
        for network in 0..20_000 {
            assert!(places.take(v6(network << 16), AT).is_some(), "{network}");
        }
        let held = places.held();
        for begun in &held.begun {
            assert!(begun.known() <= ROOM);
        }
    }

    #[test]
    fn a_network_begins_so_many_in_a_minute_and_its_neighbour_as_well() {
        let bounds = Bounds {
            begun_per_minute: 3,
            ..Bounds::default()
        };
        let places = Places::new(bounds);
        let begun = |network: u64| {
            let tries = (0..100).filter(|_| places.take(v6(network), AT).is_some());
            tries.count()
        };
        assert_eq!((begun(1), begun(1), begun(2)), (3, 0, 3));
        let of_56_bits: usize = (3..256).map(begun).sum();
        assert_eq!(of_56_bits, 6);
        let of_48_bits: usize = (256..65_536).step_by(64).map(begun).sum();
        assert_eq!(of_48_bits, 36);
        assert_eq!(begun(65_536), 3);
    }

    #[test]
    fn who_is_known_keeps_his_place_and_stands_in_no_neighbours_way() {
        let bounds = Bounds {
            connections: 40,
            connections_per_address: 1,
            ..Bounds::default()
        };
        let places = Places::new(bounds);
        let mut known: Vec<_> = (0..39)
            .map(|network| {
                let place = places.take(v6(network), AT).unwrap();
                place.0.keep();
                place
            })
            .collect();
        let mut stranger = places.take(v6(100), AT).unwrap();
        let mut last = places.take(v6(200), AT).unwrap();
        assert!(!has_place(&mut stranger) && has_place(&mut last));
        last.0.keep();
        assert!(places.take(v6(300), AT).is_none());
        assert!(known.iter_mut().all(has_place));
        drop(known.pop());
        assert!(places.take(v6(300), AT).is_some());
    }
}
