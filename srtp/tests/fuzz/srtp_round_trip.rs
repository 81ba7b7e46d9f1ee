//! Any octets as a packet to protect: the reference's octets or its verdict,
//! and what was protected comes back as it was.

#[path = "../judged/mod.rs"]
mod judged;

use judged::{Judged, Setting};

/// The first octet chooses the setting; the rest is the packet, as RTP and as RTCP.
pub fn srtp_round_trip(data: &[u8]) {
    let Some((setting, packet)) = data.split_first() else {
        return;
    };
    let mut judged = Judged::new(Setting::of_octet(*setting));
    if let Ok(protected) = judged.protect_rtp(packet) {
        assert_eq!(judged.unprotect_rtp(&protected).as_deref(), Ok(packet));
    }
    if let Ok(protected) = judged.protect_rtcp(packet) {
        assert_eq!(judged.unprotect_rtcp(&protected).as_deref(), Ok(packet));
    }
}
