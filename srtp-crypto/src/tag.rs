//! The one place where a tag is compared.

use subtle::ConstantTimeEq;

/// Whether a packet's tag is the beginning of the one computed, in a time that
/// depends on its length alone.
pub(crate) fn is_right(carried: &[u8], computed: &[u8]) -> bool {
    match computed.get(..carried.len()) {
        Some(computed) => computed.ct_eq(carried).into(),
        None => false,
    }
}
