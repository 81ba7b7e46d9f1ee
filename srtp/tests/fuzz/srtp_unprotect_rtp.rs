//! Any datagram as SRTP: the reference's verdict and octets, no panic, and a
//! refused packet left as it came.

#[path = "../judged/mod.rs"]
mod judged;

use judged::{Judged, Setting};

/// The first octet chooses the setting; the rest is the datagram, twice.
pub fn srtp_unprotect_rtp(data: &[u8]) {
    let Some((setting, datagram)) = data.split_first() else {
        return;
    };
    let mut judged = Judged::new(Setting::of_octet(*setting));
    let opened = judged.unprotect_rtp(datagram);
    let streams = judged.receiver.ssrcs().count();
    assert_eq!(streams, usize::from(opened.is_ok()));
    assert!(judged.unprotect_rtp(datagram).is_err());
}
