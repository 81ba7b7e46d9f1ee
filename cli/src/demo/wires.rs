//! The network between the two phones, with a listener and a forger on it.

use std::net::{Ipv4Addr, UdpSocket};
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::Result;
use callseal_endpoint::Remote;

use super::folder::Folder;
use super::forger::{Forgery, forgeries, inject};
use crate::clock::Clock;
use crate::leg_driver::{Passage, Way, WireTap};
use crate::output_file::Privacy;
use crate::replay::{Protocol, is_handshake, protocol_of};
use crate::wire_recorder::WireRecorder;

/// The network between the two, with a listener and a forger on it.
pub(crate) struct Wires {
    addresses: [Remote; 2],
    call: WireRecorder,
    all: WireRecorder,
    forger: UdpSocket,
    seen: Mutex<Seen>,
}

/// What the forger has seen on its way to each side.
#[derive(Default)]
struct Seen {
    srtp: [Option<Vec<u8>>; 2],
    srtcp: [Option<Vec<u8>>; 2],
    foreign: u64,
}

impl Wires {
    pub(super) fn open(clock: Clock, folder: &Folder, addresses: &[Remote; 2]) -> Result<Self> {
        let record = |name| -> Result<WireRecorder> {
            Ok(WireRecorder::new(
                clock,
                folder.create(name, Privacy::Umask)?,
            )?)
        };
        Ok(Self {
            addresses: *addresses,
            call: record("call.pcapng")?,
            all: record("call-and-forgeries.pcapng")?,
            forger: UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))?,
            seen: Mutex::default(),
        })
    }

    /// A datagram has reached `side`.
    fn arrived(&self, side: usize, passage: &Passage<'_>) {
        self.all.record(passage);
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let peer = &self.addresses[1 - side];
        if passage.from != peer.rtp && passage.from != peer.rtcp {
            seen.foreign += 1;
            return;
        }
        self.call.record(passage);
        let kept = match protocol_of(passage.bytes) {
            Some((Protocol::Rtp, _)) => &mut seen.srtp[side],
            Some((Protocol::Rtcp, _)) if !is_handshake(passage.bytes) => &mut seen.srtcp[side],
            _ => return,
        };
        *kept = Some(passage.bytes.to_vec());
    }

    /// Injects forgeries towards both sides, and says which.
    pub(super) fn forge(&self) -> Result<[Vec<Forgery>; 2]> {
        let mut injected = [Vec::new(), Vec::new()];
        for (side, injected) in injected.iter_mut().enumerate() {
            let (srtp, srtcp) = {
                let seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
                (seen.srtp[side].clone(), seen.srtcp[side].clone())
            };
            let Some(srtp) = srtp else {
                continue;
            };
            let Remote { rtp, rtcp } = self.addresses[side];
            *injected = forgeries(&srtp, srtcp.as_deref());
            inject(&self.forger, injected, rtp, rtcp)?;
        }
        Ok(injected)
    }

    /// How many datagrams have arrived that neither side sent.
    pub(super) fn foreign(&self) -> u64 {
        let seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        seen.foreign
    }

    pub(super) fn finish(&self) -> Result<()> {
        self.call.finish()?;
        self.all.finish()?;
        Ok(())
    }
}

/// Sees what arrives at one side.
pub(super) struct Tap {
    pub(super) side: usize,
    pub(super) wires: Arc<Wires>,
}

impl WireTap for Tap {
    fn datagram(&mut self, passage: &Passage<'_>) {
        // Everything that one side sends, the other receives: it would stand
        // in the capture twice.
        if passage.way == Way::In {
            self.wires.arrived(self.side, passage);
        }
    }
}
