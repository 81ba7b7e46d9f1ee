//! What is let in before anything is kept or computed (PROTOCOL.md §7).

use core::net::SocketAddr;
use core::time::Duration;
use std::collections::VecDeque;

use crate::Random;
use crate::carriage::COOKIE_LEN;
use crate::cookie::CookieJar;

/// What a fragment shows of its message before it is reassembled.
#[derive(Clone, Copy, Debug)]
pub struct FragmentHead<'a> {
    /// Its place in the message, from 0.
    pub index: u8,
    /// How many fragments the message has.
    pub count: u8,
    /// The cookie on it.
    pub cookie: Option<[u8; 16]>,
    /// The message's octets in it; at least the first 18, if it has so many.
    pub bytes: &'a [u8],
}

/// Whether a fragment deserves anything.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[must_use]
pub enum Admission {
    /// Reassemble it.
    Admit,
    /// The same, and whoever sent it has received something of ours: no flood
    /// from addresses that are not its senders' may keep it out.
    AdmitProven,
    /// Forget it; a challenge may be on its way to where it came from.
    Drop,
}

/// Counts first messages, and knows who has shown a cookie.
#[derive(Debug, Default)]
pub(super) struct Gate {
    jar: CookieJar,
    proven: VecDeque<(SocketAddr, Duration)>,
    second: u64,
    m1s: u32,
    m1s_in_second_before: u32,
}

/// For how long an address that has shown a cookie need not show it again.
const PROOF_LASTS: Duration = Duration::from_secs(60);

/// How many such addresses are remembered; each has really received a
/// datagram.
const MAX_PROVEN: usize = 512;

impl Gate {
    /// A new first message has come, or part of something that may be one.
    pub(super) fn note_m1(&mut self, now: Duration) {
        self.turn_to(now);
        self.m1s = self.m1s.saturating_add(1);
    }

    /// Whether more first messages come in a second than `limit`.
    pub(super) fn is_flooded(&mut self, now: Duration, limit: u32) -> bool {
        self.turn_to(now);
        self.m1s > limit || self.m1s_in_second_before > limit
    }

    /// The cookie for an address.
    pub(super) fn bake(
        &mut self,
        now: Duration,
        address: SocketAddr,
        random: &mut dyn Random,
    ) -> [u8; COOKIE_LEN] {
        self.jar.bake(now, address, random)
    }

    /// Whether the cookie is the address's own; if so, the address is
    /// remembered.
    pub(super) fn show(
        &mut self,
        now: Duration,
        address: SocketAddr,
        cookie: &[u8; COOKIE_LEN],
        random: &mut dyn Random,
    ) -> bool {
        let is_good = self.jar.accepts(now, address, cookie, random);
        if is_good {
            self.proven.retain(|(proven, _)| *proven != address);
            if self.proven.len() >= MAX_PROVEN {
                self.proven.pop_front();
            }
            self.proven.push_back((address, now));
        }
        is_good
    }

    /// Whether the address has lately shown a cookie.
    pub(super) fn is_proven(&self, now: Duration, address: SocketAddr) -> bool {
        self.proven
            .iter()
            .any(|(proven, at)| *proven == address && now < *at + PROOF_LASTS)
    }

    fn turn_to(&mut self, now: Duration) {
        let second = now.as_secs();
        if second != self.second {
            let follows = second == self.second + 1;
            self.m1s_in_second_before = if follows { self.m1s } else { 0 };
            self.m1s = 0;
            self.second = second;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    #[test]
    fn a_flood_is_one_above_the_limit_and_over_a_second_after_it_ends() {
        let mut gate = Gate::default();
        for _ in 0..50 {
            gate.note_m1(1_200 * MS);
        }
        assert!(!gate.is_flooded(1_200 * MS, 50));
        gate.note_m1(1_200 * MS);
        assert!(gate.is_flooded(1_200 * MS, 50));
        assert!(gate.is_flooded(2_999 * MS, 50));
        assert!(!gate.is_flooded(3_000 * MS, 50));
        assert!(!Gate::default().is_flooded(9_000 * MS, 50));
    }
}
