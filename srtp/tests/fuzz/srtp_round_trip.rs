//! Any octets as a packet to protect: the reference's octets or its verdict,
//! and what was protected comes back as it was, but for the extension that
//! Cryptex has to put in.

#[path = "../judged/mod.rs"]
mod judged;

use judged::{Judged, Setting};

/// The first four octets choose the setting; the rest is the packet, as RTP and as RTCP.
pub fn srtp_round_trip(data: &[u8]) {
    let Some((setting, packet)) = data.split_first_chunk() else {
        return;
    };
    let Some(mut judged) = Judged::new(Setting::of_octets(*setting)) else {
        return;
    };
    if let Ok(protected) = judged.protect_rtp(packet) {
        let comes_back = judged.what_comes_back(packet);
        assert_eq!(judged.unprotect_rtp(&protected), Ok(comes_back));
    }
    if let Ok(protected) = judged.protect_rtcp(packet) {
        assert_eq!(judged.unprotect_rtcp(&protected).as_deref(), Ok(packet));
    }
}
