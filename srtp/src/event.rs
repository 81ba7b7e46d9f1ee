//! What a session tells besides the fate of each packet.

use crate::keys::Mki;

/// Something that [`Sender::poll_event`](crate::Sender::poll_event) or
/// [`Receiver::poll_event`](crate::Receiver::poll_event) returns once.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Event {
    /// A master key has come to its lifetime's warning: agree on a new one
    /// before the lifetime ends, after which the key's packets are refused.
    KeyLifeLow {
        /// The key's; `None` in a session without MKIs.
        mki: Option<Mki>,
        /// SRTP packets that it was used for, when the event is asked for.
        rtp_packets: u64,
        /// SRTCP packets likewise.
        rtcp_packets: u64,
    },
}
