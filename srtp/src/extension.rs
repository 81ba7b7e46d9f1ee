//! Header extensions encrypted one by one (RFC 6904).

use alloc::vec::Vec;
use core::ops::Range;

use callseal_srtp_crypto::Backend;
use zeroize::Zeroize;

use crate::packet::RtpHeader;
use crate::transform::{F8Header, Keystream, Nonce, TooLong};

/// The ids of the header extension elements that are encrypted (RFC 6904 §4).
///
/// ```
/// use callseal_srtp::ExtensionIds;
///
/// let ids: ExtensionIds = [1, 3, 14].into_iter().collect();
/// assert!(ids.contains(3) && !ids.contains(2));
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct ExtensionIds([u64; 4]);

impl ExtensionIds {
    /// Whether elements with this id are encrypted.
    #[must_use]
    pub fn contains(&self, id: u8) -> bool {
        self.0[usize::from(id / 64)] >> (id % 64) & 1 == 1
    }
}

impl FromIterator<u8> for ExtensionIds {
    fn from_iter<T: IntoIterator<Item = u8>>(ids: T) -> Self {
        let mut words = [0; 4];
        for id in ids {
            words[usize::from(id / 64)] |= 1 << (id % 64);
        }
        Self(words)
    }
}

/// Adds the keystream to the elements of a packet's extension whose ids are in
/// `ids`; the same again takes it off. Ids and lengths stay in clear, and so
/// does an extension that is not of RFC 8285. `scratch` is for the keystream,
/// and grows to the longest extension there was.
pub(crate) fn apply_keystream(
    keystream: &Keystream,
    backend: Backend,
    ids: &ExtensionIds,
    packet: &mut [u8],
    header: &RtpHeader,
    nonce: Nonce,
    scratch: &mut Vec<u8>,
) -> Result<(), TooLong> {
    let Some(extension) = header.extension else {
        return Ok(());
    };
    let framing = match extension.defined_by_profile {
        0xbede => Framing::OneByte,
        mark if mark & 0xfff0 == 0x1000 => Framing::TwoByte,
        _ => return Ok(()),
    };

    // The keystream runs over the whole body, and is used where the mask of
    // RFC 6904 §3.1.1 has a one.
    scratch.clear();
    scratch.resize(extension.body_len, 0);
    keystream.apply(backend, nonce, F8Header::of(packet), scratch)?;
    let body = &mut packet[header.len - extension.body_len..header.len];
    let mut at = 0;
    while let Some((id, data)) = framing.next_element(body, &mut at) {
        if ids.contains(id) {
            let pairs = body[data.clone()].iter_mut().zip(&scratch[data]);
            pairs.for_each(|(octet, keystream)| *octet ^= keystream);
        }
    }
    scratch.zeroize();
    Ok(())
}

/// How the elements of an extension are written.
#[derive(Clone, Copy)]
enum Framing {
    /// RFC 8285 §4.2.
    OneByte,
    /// RFC 8285 §4.3.
    TwoByte,
}

impl Framing {
    /// The id and the data of the element at `at` or behind its padding, and
    /// `at` moved beyond it; `None` at the end, or where an element would be
    /// longer than what is left.
    fn next_element(self, body: &[u8], at: &mut usize) -> Option<(u8, Range<usize>)> {
        // Padding is an octet of zero in either framing.
        while *body.get(*at)? == 0 {
            *at += 1;
        }
        let first = body[*at];
        let (id, start, len) = match self {
            // RFC 8285 §4.2: an id of 15, or of 0 with a length, ends it.
            Self::OneByte if matches!(first >> 4, 0 | 15) => return None,
            Self::OneByte => (first >> 4, *at + 1, usize::from(first & 0x0f) + 1),
            Self::TwoByte => (first, *at + 2, usize::from(*body.get(*at + 1)?)),
        };
        let end = start + len;
        body.get(start..end)?;
        *at = end;
        Some((id, start..end))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn elements(framing: Framing, body: &[u8]) -> Vec<(u8, Range<usize>)> {
        let mut at = 0;
        core::iter::from_fn(|| framing.next_element(body, &mut at)).collect()
    }

    #[test]
    fn elements_are_found_between_padding_and_up_to_the_end() {
        let body = [0x10, 0xaa, 0, 0, 0x32, 1, 2, 3];
        assert_eq!(elements(Framing::OneByte, &body), [(1, 1..2), (3, 5..8)]);
        let body = [9, 0, 0, 7, 2, 0xaa, 0xbb, 0];
        assert_eq!(elements(Framing::TwoByte, &body), [(9, 2..2), (7, 5..7)]);
    }

    #[test]
    fn an_element_beyond_the_end_and_what_follows_id_15_are_left_alone() {
        assert_eq!(
            elements(Framing::OneByte, &[0x10, 0xaa, 0x21, 1]),
            [(1, 1..2)]
        );
        for end in [0xf0, 0x01] {
            assert_eq!(elements(Framing::OneByte, &[end, 1, 0x10, 1]), []);
        }
        assert_eq!(elements(Framing::TwoByte, &[5]), []);
        assert_eq!(elements(Framing::TwoByte, &[5, 3, 0, 0]), []);
    }
}
