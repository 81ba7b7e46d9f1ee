//! Any datagram as SRTP: the reference's verdict and octets, no panic, and a
//! refused packet left as it came.

#[path = "../judged/mod.rs"]
mod judged;

use judged::{Judged, Setting};

/// The first four octets choose the setting; the rest is the datagram, twice.
pub fn srtp_unprotect_rtp(data: &[u8]) {
    let Some((setting, datagram)) = data.split_first_chunk() else {
        return;
    };
    let Some(mut judged) = Judged::new(Setting::of_octets(*setting)) else {
        return;
    };
    let opened = judged.unprotect_rtp(datagram);
    let streams = judged.receiver.ssrcs().count();
    assert_eq!(streams, usize::from(opened.is_ok()));
    assert!(judged.unprotect_rtp(datagram).is_err());
}
