//! The one place where a tag is compared, and where it is truncated.

use subtle::ConstantTimeEq;

/// Writes as much of a tag as the packet carries, which is not more.
#[inline]
pub(crate) fn put<const LEN: usize>(carried: &mut [u8], computed: &[u8; LEN]) {
    // The usual lengths each as an instruction or two.
    match carried.len() {
        10 => carried.copy_from_slice(&computed[..10]),
        16 => carried.copy_from_slice(&computed[..16]),
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
