//! Any octets as a header: nothing but the header decides whether they are
//! taken, and the reference's payload begins where this crate's does.

#[path = "../judged/mod.rs"]
mod judged;

use callseal_srtp::{Cryptex, Profile};
use callseal_testvectors::srtp_reference::Verdict;
use judged::{Extra, Judged, Setting};

/// The first octet chooses what is read of a header extension; the rest is the
/// packet, as RTP and as RTCP, to be opened and to be protected.
pub fn srtp_header(data: &[u8]) {
    let Some((&extensions, packet)) = data.split_first() else {
        return;
    };
    // Without a tag any packet that can be parsed is taken, and what is behind
    // its header changes.
    let mut setting = Setting::new(Profile::AesCm128HmacSha1_80);
    setting.rtp_authenticated = false;
    setting.rtcp_profile = Some(Profile::NullNull);
    setting.extras = match extensions % 4 {
        0 => vec![],
        1 => vec![Extra::EncryptedExtensions],
        2 => vec![Extra::Cryptex(Cryptex::On)],
        _ => vec![Extra::Cryptex(Cryptex::Required)],
    };
    let mut judged = Judged::new(setting).expect("these go together");

    let opened = judged.unprotect_rtp(packet);
    let may_be_refused = [Verdict::Malformed, Verdict::NotCryptex];
    assert!(opened.is_ok() || may_be_refused.contains(&opened.unwrap_err()));
    let _ = judged.unprotect_rtcp(packet);

    let protected = judged.protect_rtp(packet);
    assert!(protected.is_ok() || may_be_refused.contains(&protected.unwrap_err()));
    let protected = judged.protect_rtcp(packet);
    assert!(protected.is_ok() || protected.unwrap_err() == Verdict::Malformed);
}
