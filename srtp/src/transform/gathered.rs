//! A packet's encrypted octets in one piece, also where CSRCs are among them.

use crate::packet::RtpHeader;

/// Runs `operation` while the packet's CSRCs, of `csrc_len` octets, stand
/// behind the first word of the header extension instead of before it, as
/// RFC 9335 §6.2 and §6.3 have it: what is in clear comes first.
#[inline(always)]
pub(super) fn with_gathered<R>(
    packet: &mut [u8],
    csrc_len: usize,
    operation: impl FnOnce(&mut [u8]) -> R,
) -> R {
    if csrc_len == 0 {
        return operation(packet);
    }
    let start = RtpHeader::FIXED_LEN;
    let end = start + csrc_len + RtpHeader::EXTENSION_WORD_LEN;
    packet[start..end].rotate_right(RtpHeader::EXTENSION_WORD_LEN);
    let result = operation(packet);
    packet[start..end].rotate_left(RtpHeader::EXTENSION_WORD_LEN);
    result
}
