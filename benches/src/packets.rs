//! The packets of one pass, in buffers as a socket might have left them.

/// Packets of a pass: two calls of `recvmmsg` at 64 each, and few enough that
/// 160 octets of each stay in the first-level cache.
pub const PASS: usize = 128;

/// Buffers of one pass, whose beginnings lie anywhere on a multiple of four:
/// libsrtp's documentation asks for that much.
#[derive(Debug)]
pub struct Packets {
    pub(crate) all: Vec<Packet>,
}

/// One packet in its buffer.
#[derive(Debug)]
pub(crate) struct Packet {
    storage: Vec<u8>,
    start: usize,
    /// Octets of it that are the packet.
    pub(crate) len: usize,
    /// Which session's it is.
    pub(crate) session: usize,
}

impl Packets {
    /// Room behind a packet for whatever protecting adds to it.
    pub const ROOM_LEN: usize = 64;

    /// Buffers for packets of up to `max_len` octets, and room behind them.
    #[must_use]
    pub fn new(max_len: usize) -> Self {
        let packet = |n: usize| {
            let start = n * 20 % 64;
            Packet {
                storage: vec![0; start + max_len + Self::ROOM_LEN],
                start,
                len: 0,
                session: 0,
            }
        };
        Self {
            all: (0..PASS).map(packet).collect(),
        }
    }

    /// Each packet's buffer from its beginning, and its length.
    pub fn rooms(&mut self) -> impl Iterator<Item = (&mut [u8], usize)> {
        let packets = self.all.iter_mut();
        packets.map(|packet| (&mut packet.storage[packet.start..], packet.len))
    }
}

impl Packet {
    /// The whole buffer from the packet's beginning.
    #[inline]
    pub(crate) fn room(&mut self) -> &mut [u8] {
        &mut self.storage[self.start..]
    }

    /// The packet.
    pub(crate) fn octets(&self) -> &[u8] {
        &self.storage[self.start..self.start + self.len]
    }
}
