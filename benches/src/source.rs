//! Where the packets come from, and who checks them.

use callseal_srtp::{Backend, Policy, Sender};

use crate::load::{Load, first_rtcp_index, key_of};
use crate::packets::{PASS, Packets};

/// Makes the packets of one contender, each with a sequence number that its
/// stream has not had, so that no replay is measured by mistake.
///
/// The streams' first packets come in the order of their numbers. After that
/// the streams take turns in an order that is always the same and has nothing
/// to do with who was first, as callers do.
#[derive(Debug)]
pub struct Source {
    load: Load,
    /// What each packet of a pass has in clear.
    plain: Vec<Vec<u8>>,
    /// Protects what is to be opened, by session.
    sealers: Vec<Sender>,
    next: u64,
}

/// Shares no factor with any number of streams, so that every stream has its
/// turn; large, so that neighbours in time are none in memory.
const STRIDE: u64 = 7_919;

impl Source {
    /// A source from the first packet on.
    #[must_use]
    pub fn new(load: Load) -> Self {
        let plain = |n: usize| {
            let octet = |at: usize| (at.wrapping_mul(167) ^ n.wrapping_mul(73)) as u8;
            (0..load.plain_len()).map(octet).collect()
        };
        let sealers = match load.operation.opens() {
            true => senders(&load, Backend::detected()),
            false => Vec::new(),
        };
        Self {
            load,
            plain: (0..PASS).map(plain).collect(),
            sealers,
            next: 0,
        }
    }

    /// Whether every stream has had its first packet.
    #[must_use]
    pub fn is_settled(&self) -> bool {
        self.next >= self.load.streams as u64
    }

    /// The next pass.
    ///
    /// # Panics
    ///
    /// Where a packet cannot be protected, which the run is to stop for.
    pub fn fill(&mut self, packets: &mut Packets) {
        let load = self.load;
        for (packet, plain) in packets.all.iter_mut().zip(&mut self.plain) {
            let streams = load.streams as u64;
            let (turn, place) = (self.next / streams, self.next % streams);
            self.next += 1;
            let stream = match turn {
                0 => place,
                _ => place * STRIDE % streams,
            };
            write_header(&load, plain, stream as u32, turn as u16);
            packet.session = stream as usize % load.sessions;
            packet.room()[..plain.len()].copy_from_slice(plain);
            packet.len = plain.len();
            if load.operation.opens() {
                let sealer = &mut self.sealers[packet.session];
                let len = seal(sealer, &load, packet.room(), plain.len());
                packet.len = len;
            }
        }
    }

    /// Checks that every packet of the pass became what it had to.
    ///
    /// # Panics
    ///
    /// Where one did not.
    pub fn check(&self, packets: &Packets) {
        for (packet, plain) in packets.all.iter().zip(&self.plain) {
            assert_eq!(packet.len, self.load.done_len(), "a packet's length");
            if self.load.operation.opens() {
                assert!(packet.octets() == plain, "a packet is not what was sent");
            }
        }
    }

    /// What the packets of the first pass must become, by the definition.
    #[must_use]
    pub fn first_pass(load: Load) -> Packets {
        let mut packets = Packets::new(load.protected_len());
        let mut source = Self::new(load);
        source.fill(&mut packets);
        if load.operation.opens() {
            for (packet, plain) in packets.all.iter_mut().zip(&source.plain) {
                packet.len = plain.len();
                packet.room()[..plain.len()].copy_from_slice(plain);
            }
        } else {
            let mut sealers = senders(&load, Backend::Soft);
            for packet in &mut packets.all {
                let (session, len) = (packet.session, packet.len);
                packet.len = seal(&mut sealers[session], &load, packet.room(), len);
            }
        }
        packets
    }
}

/// A sender for each session.
fn senders(load: &Load, backend: Backend) -> Vec<Sender> {
    let sender = |session| {
        let policy = Policy::new(load.profile)
            .with_backend(backend)
            .with_first_rtcp_index(first_rtcp_index())
            .with_max_streams(load.streams);
        Sender::new(policy, key_of(load.profile, session)).expect("the policy is sound")
    };
    (0..load.sessions).map(sender).collect()
}

fn seal(sealer: &mut Sender, load: &Load, room: &mut [u8], len: usize) -> usize {
    let sealed = match load.operation.is_rtcp() {
        true => sealer.protect_rtcp(room, len),
        false => sealer.protect_rtp(room, len),
    };
    sealed.expect("a fresh number is accepted")
}

/// A header of RTP, or of a receiver report that claims no blocks.
fn write_header(load: &Load, packet: &mut [u8], stream: u32, seq: u16) {
    // As far apart as random ones, and no two alike.
    let ssrc = stream.wrapping_mul(0x9e37_79b1) ^ 0x5eed_0000;
    if load.operation.is_rtcp() {
        let words = (packet.len() / 4 - 1) as u16;
        packet[..2].copy_from_slice(&[0x80, 201]);
        packet[2..4].copy_from_slice(&words.to_be_bytes());
        packet[4..8].copy_from_slice(&ssrc.to_be_bytes());
    } else {
        packet[..2].copy_from_slice(&[0x80, 0]);
        packet[2..4].copy_from_slice(&seq.to_be_bytes());
        packet[4..8].copy_from_slice(&u32::from(seq).wrapping_mul(160).to_be_bytes());
        packet[8..12].copy_from_slice(&ssrc.to_be_bytes());
    }
}
