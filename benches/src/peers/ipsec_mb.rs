//! intel-ipsec-mb: AES-CTR with HMAC-SHA1 by its job and burst interfaces, and
//! AES-GCM by its direct one, without SRTP.

use std::ffi::{CStr, c_char, c_int};
use std::hint::black_box;

use crate::contender::Contender;
use crate::load::Load;
use crate::packets::{PASS, Packets};

#[repr(C)]
struct Peer {
    _opaque: [u8; 0],
}

#[link(name = "callseal_peer_ipsec_mb", kind = "static")]
#[link(name = "IPSec_MB")]
unsafe extern "C" {
    fn peer_version() -> *const c_char;
    fn peer_new(key_len: usize, opens: c_int) -> *mut Peer;
    fn peer_free(peer: *mut Peer);
    fn peer_cm_jobs(
        peer: *mut Peer,
        packets: *const *mut u8,
        payload_len: usize,
        batch: c_int,
    ) -> c_int;
    fn peer_cm_burst(
        peer: *mut Peer,
        packets: *const *mut u8,
        payload_len: usize,
        batch: c_int,
    ) -> c_int;
    fn peer_gcm(peer: *mut Peer, packet: *mut u8, payload_len: usize);
}

pub(super) fn version() -> String {
    // SAFETY: a string that lives as long as the library.
    let version = unsafe { CStr::from_ptr(peer_version()) };
    version.to_string_lossy().into_owned()
}

pub(super) fn all(load: Load) -> Vec<Box<dyn Contender>> {
    if load.operation.is_rtcp() || load.streams > 1 {
        return Vec::new();
    }
    let ways: &[(Way, usize)] = match load.profile.rtp_tag_len() {
        16 => &[(Way::Gcm, 0)],
        _ => &[
            (Way::Jobs, 1),
            (Way::Jobs, 16),
            (Way::Jobs, 64),
            (Way::Burst, 16),
            (Way::Burst, 64),
        ],
    };
    let ways = ways.iter();
    ways.map(|&(way, batch)| Box::new(IpsecMb::new(load, way, batch)) as _)
        .collect()
}

#[derive(Clone, Copy)]
enum Way {
    Jobs,
    Burst,
    Gcm,
}

struct IpsecMb {
    load: Load,
    way: Way,
    batch: usize,
    peer: *mut Peer,
}

impl IpsecMb {
    fn new(load: Load, way: Way, batch: usize) -> Self {
        let opens = c_int::from(load.operation.opens());
        // SAFETY: the key's length is 16 or 32.
        let peer = unsafe { peer_new(load.profile.key_len(), opens) };
        Self {
            load,
            way,
            batch,
            peer,
        }
    }
}

impl Drop for IpsecMb {
    fn drop(&mut self) {
        // SAFETY: it is ours, and nobody's any more.
        unsafe { peer_free(self.peer) };
    }
}

impl Contender for IpsecMb {
    fn name(&self) -> String {
        let way = match self.way {
            Way::Jobs => "ipsec-mb-jobs",
            Way::Burst => "ipsec-mb-burst",
            Way::Gcm => "ipsec-mb",
        };
        way.into()
    }

    fn batch(&self) -> usize {
        self.batch
    }

    fn is_srtp(&self) -> bool {
        false
    }

    fn run(&mut self, packets: &mut Packets) {
        let payload_len = self.load.payload_len;
        if let Way::Gcm = self.way {
            for packet in &mut packets.all {
                let start = black_box(packet.room()).as_mut_ptr();
                // SAFETY: the packet has a header and this payload.
                unsafe { peer_gcm(self.peer, start, payload_len) };
            }
            return;
        }
        let mut starts = [std::ptr::null_mut(); PASS];
        for batch in packets.all.chunks_mut(self.batch) {
            for (start, packet) in starts.iter_mut().zip(&mut *batch) {
                *start = packet.room().as_mut_ptr();
            }
            let (starts, count) = (black_box(starts.as_ptr()), batch.len() as c_int);
            // SAFETY: so many packets with a header, this payload, and room for
            // the ROC behind it; a batch is at most 64.
            let done = unsafe {
                match self.way {
                    Way::Burst => peer_cm_burst(self.peer, starts, payload_len, count),
                    _ => peer_cm_jobs(self.peer, starts, payload_len, count),
                }
            };
            assert_eq!(done, count, "every job completes");
        }
    }
}
