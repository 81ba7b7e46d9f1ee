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
pub(crate) fn is_right(carried: &[u8], computed: &[u8]) -> bool {
    match computed.get(..carried.len()) {
        Some(computed) => computed.ct_eq(carried).into(),
        None => false,
    }
}
