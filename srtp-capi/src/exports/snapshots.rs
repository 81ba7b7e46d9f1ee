//! A session's state over a restart (`callseal_srtp.h`).

use core::ffi::c_void;
use core::slice;

use callseal_srtp::Reservation;

use crate::boundary::{guarded, guarded_or, on_session};
use crate::session::Session;
use crate::snapshot::Snapshot;
use crate::status::Status;

/// Takes a snapshot that reserves so many packets of SRTP and SRTCP for each
/// stream. The first one's are free to be sent at once, a later one's after
/// [`callseal_srtp_confirm_snapshot`].
#[unsafe(no_mangle)]
pub unsafe extern "C" fn callseal_srtp_take_snapshot(
    session: *mut Session,
    rtp_packets: u16,
    rtcp_packets: u16,
    new: *mut *mut Snapshot,
) -> Status {
    guarded(|| {
        if new.is_null() {
            return Err(Status::BadParam);
        }
        let reservation = Reservation {
            rtp_packets,
            rtcp_packets,
        };
        let take = |session: &mut Session| {
            let snapshot = session.snapshot(reservation)?;
            // SAFETY: the contract of this module's functions; it is not null.
            unsafe { new.write(Box::into_raw(Box::new(snapshot))) };
            Ok(())
        };
        // SAFETY: the contract of this module's functions.
        unsafe { on_session(session, take) }
    })
}

/// The octets to store, which are the snapshot's and end with it; null, and a
/// length of 0, where there is none.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn callseal_srtp_get_snapshot_octets(
    snapshot: *const Snapshot,
    len: *mut usize,
) -> *const c_void {
    guarded_or(core::ptr::null(), || {
        if len.is_null() {
            return core::ptr::null();
        }
        // SAFETY: the contract of this module's functions.
        let octets = unsafe { snapshot.as_ref() }.map(Snapshot::octets);
        // SAFETY: likewise; it is not null.
        unsafe { len.write(octets.map_or(0, <[u8]>::len)) };
        octets.map_or(core::ptr::null(), |octets| octets.as_ptr().cast())
    })
}

/// Says that the snapshot is stored, in the place of all before it: its session
/// may send what it reserves.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn callseal_srtp_confirm_snapshot(
    session: *mut Session,
    snapshot: *const Snapshot,
) -> Status {
    guarded(|| {
        // SAFETY: the contract of this module's functions.
        let snapshot = unsafe { snapshot.as_ref() }.ok_or(Status::BadParam)?;
        let confirm = |session: &mut Session| {
            session.confirm(snapshot);
            Ok(())
        };
        // SAFETY: likewise.
        unsafe { on_session(session, confirm) }
    })
}

/// Ends a snapshot, whether it was confirmed or not; null is let be.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn callseal_srtp_end_snapshot(snapshot: *mut Snapshot) {
    guarded_or((), || {
        if !snapshot.is_null() {
            // SAFETY: by the contract it is from `callseal_srtp_take_snapshot`,
            // and nobody uses it any more.
            drop(unsafe { Box::from_raw(snapshot) });
        }
    });
}

/// Gives a session that was made with the policies of the one before, and has
/// had no packet, that one's state. It sends nothing until a snapshot of its
/// own is taken and confirmed.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn callseal_srtp_restore(
    session: *mut Session,
    octets: *const c_void,
    len: usize,
) -> Status {
    guarded(|| {
        if octets.is_null() || isize::try_from(len).is_err() {
            return Err(Status::BadParam);
        }
        // SAFETY: the contract of this module's functions.
        let octets = unsafe { slice::from_raw_parts(octets.cast(), len) };
        // SAFETY: likewise.
        unsafe { on_session(session, |session| session.restore(octets)) }
    })
}

/// Begins a stream that has sent nothing, its SSRC in host order, at a sequence
/// number: the next snapshot reserves what it sends.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn callseal_srtp_start_stream(
    session: *mut Session,
    ssrc: u32,
    seq: u16,
) -> Status {
    guarded(|| {
        // SAFETY: the contract of this module's functions.
        unsafe { on_session(session, |session| session.start_stream(ssrc, seq)) }
    })
}
