//! Protecting and opening many packets in one call (`callseal_srtp.h`).

use core::slice;

use crate::boundary::{guarded, on_session};
use crate::session::Session;
use crate::status::Status;
use crate::types::PacketOfBatch;

/// Protects RTP packets in place, each as
/// [`srtp_protect`](super::packets::srtp_protect) would in its turn.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn callseal_srtp_protect_batch(
    session: *mut Session,
    packets: *mut PacketOfBatch,
    count: usize,
) -> Status {
    // SAFETY: the contract of this module's functions.
    unsafe { on_batch(session, packets, count, Session::protect_rtp_batch) }
}

/// Authenticates and opens SRTP packets in place, each as
/// [`srtp_unprotect`](super::packets::srtp_unprotect) would in its turn.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn callseal_srtp_unprotect_batch(
    session: *mut Session,
    packets: *mut PacketOfBatch,
    count: usize,
) -> Status {
    // SAFETY: the contract of this module's functions.
    unsafe { on_batch(session, packets, count, Session::unprotect_rtp_batch) }
}

/// Protects RTCP packets in place, each as
/// [`srtp_protect_rtcp`](super::packets::srtp_protect_rtcp) would in its turn.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn callseal_srtp_protect_rtcp_batch(
    session: *mut Session,
    packets: *mut PacketOfBatch,
    count: usize,
) -> Status {
    // SAFETY: the contract of this module's functions.
    unsafe { on_batch(session, packets, count, Session::protect_rtcp_batch) }
}

/// Authenticates and opens SRTCP packets in place, each as
/// [`srtp_unprotect_rtcp`](super::packets::srtp_unprotect_rtcp) would in its turn.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn callseal_srtp_unprotect_rtcp_batch(
    session: *mut Session,
    packets: *mut PacketOfBatch,
    count: usize,
) -> Status {
    // SAFETY: the contract of this module's functions.
    unsafe { on_batch(session, packets, count, Session::unprotect_rtcp_batch) }
}

/// Answers the status of the first packet that failed.
///
/// # Safety
///
/// As for every function of this module.
unsafe fn on_batch(
    session: *mut Session,
    packets: *mut PacketOfBatch,
    count: usize,
    operation: impl FnOnce(&mut Session, &mut [PacketOfBatch]) -> Result<(), Status>,
) -> Status {
    const MAX_COUNT: usize = isize::MAX as usize / size_of::<PacketOfBatch>();
    guarded(|| {
        if session.is_null() || (packets.is_null() && count != 0) || count > MAX_COUNT {
            return Err(Status::BadParam);
        }
        if count == 0 {
            return Ok(());
        }
        // SAFETY: by the contract there are as many.
        let packets = unsafe { slice::from_raw_parts_mut(packets, count) };
        for packet in &mut *packets {
            packet.status = Status::Fail as u32;
        }
        // SAFETY: by the contract.
        unsafe { on_session(session, |session| operation(session, packets)) }
    })
}
