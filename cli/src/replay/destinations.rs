//! Where media goes, and what else arrives there.

use std::collections::HashMap;
use std::net::SocketAddr;

use super::Failure;

/// Addresses that are told apart; what goes to others is counted as nobody's.
const MAX_DESTINATIONS: usize = 65_536;

/// Failures that are kept for the report, the first ones.
const MAX_FAILURES: usize = 10;

/// The addresses that datagrams go to.
#[derive(Debug, Default)]
pub(super) struct Destinations {
    destinations: HashMap<SocketAddr, Destination>,
    /// What went to addresses that were not told apart.
    beyond: u64,
}

#[derive(Debug, Default)]
struct Destination {
    /// A packet of media has authenticated.
    is_proven: bool,
    odd: u64,
    failures: Vec<Failure>,
}

impl Destinations {
    /// Media goes here.
    pub(super) fn prove(&mut self, to: SocketAddr) {
        if let Some(destination) = self.destination(to) {
            destination.is_proven = true;
        }
    }

    /// Counts a datagram that is no packet of RTP or RTCP, and says whether
    /// media is known to go to the same place.
    pub(super) fn count_odd(&mut self, to: SocketAddr, failure: Failure) -> bool {
        let Some(destination) = self.destination(to) else {
            self.beyond += 1;
            return false;
        };
        destination.odd += 1;
        if destination.failures.len() < MAX_FAILURES {
            destination.failures.push(failure);
        }
        destination.is_proven
    }

    /// Whether media goes here.
    pub(super) fn is_proven(&self, to: SocketAddr) -> bool {
        let destination = self.destinations.get(&to);
        destination.is_some_and(|destination| destination.is_proven)
    }

    /// Datagrams that are damaged media.
    pub(super) fn damaged(&self) -> u64 {
        self.odd(true)
    }

    /// Datagrams that have nothing to do with media.
    pub(super) fn unrelated(&self) -> u64 {
        self.odd(false) + self.beyond
    }

    /// The first ones of damaged media.
    pub(super) fn failures(&self) -> impl Iterator<Item = &Failure> {
        let destinations = self.destinations.values();
        let proven = destinations.filter(|destination| destination.is_proven);
        proven.flat_map(|destination| &destination.failures)
    }

    fn odd(&self, is_proven: bool) -> u64 {
        let destinations = self.destinations.values();
        let wanted = destinations.filter(|destination| destination.is_proven == is_proven);
        wanted.map(|destination| destination.odd).sum()
    }

    fn destination(&mut self, to: SocketAddr) -> Option<&mut Destination> {
        match self.destinations.len() < MAX_DESTINATIONS {
            true => Some(self.destinations.entry(to).or_default()),
            false => self.destinations.get_mut(&to),
        }
    }
}
