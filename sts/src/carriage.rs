//! What a message weighs in RTCP (PROTOCOL.md §1).

use sha2::{Digest as _, Sha256};

/// The octets of a message that one datagram carries at most.
const FRAGMENT_LEN: usize = 1_024;

/// Receiver report, SDES with the CNAME, and the APP packet's own fields.
const ENVELOPE_LEN: usize = 8 + 28 + 20;

/// The length of a cookie in octets.
pub(crate) const COOKIE_LEN: usize = 16;

/// The octets of UDP payload that a message takes, all its datagrams
/// together.
pub(crate) fn datagrams_len(message_len: usize, with_cookie: bool) -> usize {
    let cookie_len = if with_cookie { COOKIE_LEN } else { 0 };
    // All fragments but the last are a multiple of four long already.
    let padded_len = message_len.next_multiple_of(4);
    message_len.div_ceil(FRAGMENT_LEN) * (ENVELOPE_LEN + cookie_len) + padded_len
}

/// The tag that fragments of a message bear: the first four octets of its
/// hash.
pub(crate) fn message_tag(message: &[u8]) -> u32 {
    let [a, b, c, d, ..] = digest(message);
    u32::from_be_bytes([a, b, c, d])
}

/// H(message), to know a repetition by.
pub(crate) fn digest(message: &[u8]) -> [u8; 32] {
    Sha256::digest(message).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn weights_are_those_of_the_protocol() {
        assert_eq!(datagrams_len(64, false), 120, "M1");
        assert_eq!(datagrams_len(217, false), 276, "M2");
        assert_eq!(datagrams_len(34, false), 92, "a challenge");
        assert_eq!(datagrams_len(64, true), 136, "M1 with a cookie");
        assert_eq!(datagrams_len(1_024, true), 1_096, "the largest datagram");
        assert_eq!(datagrams_len(1_025, false), 1_080 + 60);
        assert_eq!(datagrams_len(20_480, false), 20 * 1_080);
    }
}
