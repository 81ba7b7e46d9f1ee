//! Step 1 of a packet's walk: the octets that the caller lends.

use crate::receiver::UnprotectError;
use crate::sender::ProtectError;
use crate::trailer::Layout;

/// The packet of a received datagram, as long as its receiver says it is.
#[inline]
pub(crate) fn packet_of(buf: &[u8], len: usize) -> Result<&[u8], UnprotectError> {
    let buffer_len = buf.len();
    buf.get(..len)
        .ok_or(UnprotectError::BeyondBuffer { len, buffer_len })
}

/// The packet to protect, as long as its sender says it is; behind it
/// `trailer_len` octets at least will be needed.
#[inline]
pub(crate) fn plain_of(buf: &[u8], len: usize, trailer_len: usize) -> Result<&[u8], ProtectError> {
    let buffer_len = buf.len();
    let needed = len.saturating_add(trailer_len);
    let no_room = ProtectError::NoRoom { buffer_len, needed };
    buf.get(..len).ok_or(no_room)
}

/// The layout of a protected packet that `buf` has room for.
#[inline]
pub(crate) fn room_of(buf: &[u8], layout: Option<Layout>) -> Result<Layout, ProtectError> {
    let buffer_len = buf.len();
    let needed = layout.map_or(usize::MAX, |layout| layout.len);
    let no_room = ProtectError::NoRoom { buffer_len, needed };
    layout.filter(|_| needed <= buffer_len).ok_or(no_room)
}
