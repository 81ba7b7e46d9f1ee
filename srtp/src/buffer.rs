//! Step 1 of a packet's walk: the octets that the caller lends.

use crate::receiver::UnprotectError;
use crate::sender::ProtectError;
use crate::trailer::Layout;

/// The packet of a received datagram, as long as its receiver says it is.
pub(crate) fn packet_of(buf: &mut [u8], len: usize) -> Result<&mut [u8], UnprotectError> {
    let buffer_len = buf.len();
    buf.get_mut(..len)
        .ok_or(UnprotectError::BeyondBuffer { len, buffer_len })
}

/// The packet to protect, as long as its sender says it is; behind it
/// `trailer_len` octets at least will be needed.
pub(crate) fn plain_of(buf: &[u8], len: usize, trailer_len: usize) -> Result<&[u8], ProtectError> {
    let buffer_len = buf.len();
    let needed = len.saturating_add(trailer_len);
    let no_room = ProtectError::NoRoom { buffer_len, needed };
    buf.get(..len).ok_or(no_room)
}

/// The octets that a protected packet of this layout takes up.
pub(crate) fn room_of(
    buf: &mut [u8],
    layout: Option<Layout>,
) -> Result<(&mut [u8], Layout), ProtectError> {
    let buffer_len = buf.len();
    let needed = layout.map_or(usize::MAX, |layout| layout.len);
    let packet = buf.get_mut(..needed);
    let no_room = ProtectError::NoRoom { buffer_len, needed };
    packet.zip(layout).ok_or(no_room)
}
