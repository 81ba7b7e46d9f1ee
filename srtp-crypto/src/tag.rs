//! The one place where a tag is compared, and where it is truncated.

use subtle::ConstantTimeEq;

/// Writes as much of a tag as the packet carries, which is not more.
#[inline]
pub(crate) fn put<const LEN: usize>(carried: &mut [u8], computed: &[u8; LEN]) {
    // The usual lengths by words: one after another they would be made into a
    // call for any length.
    match carried.len() {
        10 => {
            carried[..8].copy_from_slice(&computed[..8]);
            carried[8..].copy_from_slice(&computed[8..10]);
        }
        16 => {
            carried[..8].copy_from_slice(&computed[..8]);
            carried[8..].copy_from_slice(&computed[8..16]);
        }
        4 => carried.copy_from_slice(&computed[..4]),
        len => carried.copy_from_slice(&computed[..len]),
    }
}

/// Whether a packet's tag is the beginning of the one computed, in a time that
/// depends on its length alone.
#[inline]
pub(crate) fn is_right(carried: &[u8], computed: &[u8]) -> bool {
    let Some(computed) = computed.get(..carried.len()) else {
        return false;
    };
    match (first_and_last(carried), first_and_last(computed)) {
        (Some([a, b]), Some([c, d])) => ((a ^ c) | (b ^ d)).ct_eq(&0).into(),
        _ => computed.ct_eq(carried).into(),
    }
}

/// The first and the last word of a tag of 8 to 16 octets, which together are
/// all of it: to compare those takes a fraction of octet by octet.
#[inline]
fn first_and_last(tag: &[u8]) -> Option<[u64; 2]> {
    if tag.len() > 16 {
        return None;
    }
    let (first, last) = (tag.first_chunk()?, tag.last_chunk()?);
    Some([u64::from_le_bytes(*first), u64::from_le_bytes(*last)])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_bit_of_a_tag_of_any_length_counts() {
        let computed: [u8; 20] = core::array::from_fn(|n| n as u8 * 13);
        for len in 0..=20 {
            assert!(is_right(&computed[..len], &computed));
            for bit in 0..len * 8 {
                let mut carried = computed;
                carried[bit / 8] ^= 1 << (bit % 8);
                assert!(!is_right(&carried[..len], &computed), "bit {bit} of {len}");
            }
        }
        assert!(!is_right(&[0; 21], &[0; 20]));
    }
}
