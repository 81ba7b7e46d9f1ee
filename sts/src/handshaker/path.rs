//! Where a caller is.

use core::net::{IpAddr, SocketAddr};

use super::AMPLIFICATION;

/// Where the caller is, and what may still be sent there.
#[derive(Debug)]
pub(super) struct Path {
    pub(super) address: SocketAddr,
    received_len: usize,
    sent_len: usize,
    /// Whether the caller has shown that it receives there.
    is_proven: bool,
}

impl Path {
    /// The path that a first message took.
    pub(super) fn new(from: SocketAddr, received_len: usize, is_proven: bool) -> Self {
        Self {
            address: from,
            received_len,
            sent_len: 0,
            is_proven,
        }
    }

    /// A datagram that anybody can have sent came from here.
    pub(super) fn note_received(&mut self, received_len: usize) {
        self.received_len = self.received_len.saturating_add(received_len);
    }

    /// What only the caller itself can have sent came from here.
    pub(super) fn note_proven(&mut self, from: SocketAddr) {
        self.address = from;
        self.is_proven = true;
    }

    /// Whether so much may be sent; if so, it counts as sent.
    pub(super) fn spend(&mut self, len: usize) -> bool {
        let sent_len = self.sent_len.saturating_add(len);
        let may = self.is_proven || sent_len <= AMPLIFICATION.saturating_mul(self.received_len);
        if may {
            self.sent_len = sent_len;
        }
        may
    }
}

/// What one subscriber line can speak from: an IPv4 address, or the first 64
/// bits of an IPv6 address.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Origin(Line);

#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
enum Line {
    V4([u8; 4]),
    V6([u8; 8]),
}

/// The line that an address is of.
pub(super) fn origin(address: SocketAddr) -> Origin {
    Origin(match address.ip().to_canonical() {
        IpAddr::V4(ip) => Line::V4(ip.octets()),
        IpAddr::V6(ip) => {
            let mut prefix = [0; 8];
            prefix.copy_from_slice(&ip.octets()[..8]);
            Line::V6(prefix)
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(text: &str) -> SocketAddr {
        text.parse().unwrap()
    }

    #[test]
    fn an_unproven_address_gets_three_times_what_it_sent() {
        let mut path = Path::new(address("192.0.2.1:1"), 100, false);
        assert!(path.spend(276));
        assert!(!path.spend(25));
        assert!(path.spend(24));
        path.note_received(100);
        assert!(path.spend(300));
        assert!(!path.spend(1));
        path.note_proven(address("192.0.2.1:1"));
        assert!(path.spend(1_000_000));
    }

    #[test]
    fn a_line_is_an_ipv4_address_or_an_ipv6_network() {
        let same = [
            ("192.0.2.1:1", "192.0.2.1:2"),
            ("192.0.2.1:1", "[::ffff:192.0.2.1]:1"),
            ("[2001:db8:0:1::1]:1", "[2001:db8:0:1:ffff::2]:9"),
        ];
        for (one, other) in same {
            assert!(
                origin(address(one)) == origin(address(other)),
                "{one} {other}"
            );
        }
        let apart = [
            ("192.0.2.1:1", "192.0.2.2:1"),
            ("[2001:db8:0:1::1]:1", "[2001:db8:0:2::1]:1"),
        ];
        for (one, other) in apart {
            assert!(
                origin(address(one)) != origin(address(other)),
                "{one} {other}"
            );
        }
    }
}
