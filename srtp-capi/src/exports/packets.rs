//! Protecting and opening packets.

use core::ffi::{c_int, c_uint, c_void};

use crate::boundary::on_packet;
use crate::session::Session;
use crate::status::Status;

/// Protects an RTP packet in place, without an MKI.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn srtp_protect(
    session: *mut Session,
    rtp: *mut c_void,
    len: *mut c_int,
) -> Status {
    // SAFETY: the contract of this module's functions.
    unsafe {
        on_packet(session, rtp, len, |session, rtp| {
            session.protect_rtp(rtp, None)
        })
    }
}

/// Protects an RTP packet in place, with the key of this number, and its MKI
/// where `use_mki` is not 0.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn srtp_protect_mki(
    session: *mut Session,
    rtp: *mut c_void,
    len: *mut c_int,
    use_mki: c_uint,
    mki_index: c_uint,
) -> Status {
    let mki = (use_mki != 0).then_some(mki_index as usize);
    // SAFETY: the contract of this module's functions.
    unsafe {
        on_packet(session, rtp, len, |session, rtp| {
            session.protect_rtp(rtp, mki)
        })
    }
}

/// Authenticates and opens an SRTP packet in place.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn srtp_unprotect(
    session: *mut Session,
    srtp: *mut c_void,
    len: *mut c_int,
) -> Status {
    // SAFETY: the contract of this module's functions.
    unsafe {
        on_packet(session, srtp, len, |session, srtp| {
            session.unprotect_rtp(srtp, false)
        })
    }
}

/// The same with the key whose MKI the packet carries, where `use_mki` is not 0.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn srtp_unprotect_mki(
    session: *mut Session,
    srtp: *mut c_void,
    len: *mut c_int,
    use_mki: c_uint,
) -> Status {
    let has_mki = use_mki != 0;
    // SAFETY: the contract of this module's functions.
    unsafe {
        on_packet(session, srtp, len, |session, srtp| {
            session.unprotect_rtp(srtp, has_mki)
        })
    }
}

/// Protects an RTCP packet in place, without an MKI.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn srtp_protect_rtcp(
    session: *mut Session,
    rtcp: *mut c_void,
    len: *mut c_int,
) -> Status {
    // SAFETY: the contract of this module's functions.
    unsafe {
        on_packet(session, rtcp, len, |session, rtcp| {
            session.protect_rtcp(rtcp, None)
        })
    }
}

/// Protects an RTCP packet in place, with the key of this number, and its MKI
/// where `use_mki` is not 0.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn srtp_protect_rtcp_mki(
    session: *mut Session,
    rtcp: *mut c_void,
    len: *mut c_int,
    use_mki: c_uint,
    mki_index: c_uint,
) -> Status {
    let mki = (use_mki != 0).then_some(mki_index as usize);
    // SAFETY: the contract of this module's functions.
    unsafe {
        on_packet(session, rtcp, len, |session, rtcp| {
            session.protect_rtcp(rtcp, mki)
        })
    }
}

/// Authenticates and opens an SRTCP packet in place.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn srtp_unprotect_rtcp(
    session: *mut Session,
    srtcp: *mut c_void,
    len: *mut c_int,
) -> Status {
    // SAFETY: the contract of this module's functions.
    unsafe {
        on_packet(session, srtcp, len, |session, srtcp| {
            session.unprotect_rtcp(srtcp, false)
        })
    }
}

/// The same with the key whose MKI the packet carries, where `use_mki` is not 0.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn srtp_unprotect_rtcp_mki(
    session: *mut Session,
    srtcp: *mut c_void,
    len: *mut c_int,
    use_mki: c_uint,
) -> Status {
    let has_mki = use_mki != 0;
    // SAFETY: the contract of this module's functions.
    unsafe {
        on_packet(session, srtcp, len, |session, srtcp| {
            session.unprotect_rtcp(srtcp, has_mki)
        })
    }
}
