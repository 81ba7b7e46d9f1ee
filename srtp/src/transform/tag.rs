//! The one place where a tag is compared.

use subtle::ConstantTimeEq;

/// Whether a packet's tag is the beginning of the one computed, in a time that
/// depends on its length alone.
pub(super) fn is_right(carried: &[u8], computed: &[u8]) -> bool {
    match computed.get(..carried.len()) {
        Some(computed) => computed.ct_eq(carried).into(),
        None => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_bit_of_a_tag_counts() {
        let computed: [u8; 20] = core::array::from_fn(|n| n as u8 * 13);
        for len in [4, 10, 20] {
            assert!(is_right(&computed[..len], &computed));
            for bit in 0..len * 8 {
                let mut carried = computed;
                carried[bit / 8] ^= 1 << (bit % 8);
                assert!(!is_right(&carried[..len], &computed), "bit {bit}");
            }
        }
    }

    #[test]
    fn a_tag_longer_than_the_function_gives_is_wrong() {
        assert!(!is_right(&[0; 21], &[0; 20]));
    }
}
