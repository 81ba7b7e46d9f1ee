//! What happened to a stream's packets (`callseal_srtp.h`).

use core::ptr;

use callseal_srtp::LiveCounters;

use crate::boundary::{guarded, guarded_or};
use crate::session::Session;
use crate::status::Status;
use crate::types::{Counters, StreamCounters};

/// What `callseal_srtp_watch_t` points to: a stream's counters, for any thread.
pub struct Watch {
    sent: Option<LiveCounters>,
    received: Option<LiveCounters>,
}

impl Watch {
    fn read(&self) -> StreamCounters {
        let sent = self.sent.as_ref().map(LiveCounters::read);
        let received = self.received.as_ref().map(LiveCounters::read);
        both(sent.unwrap_or_default(), received.unwrap_or_default())
    }
}

impl From<callseal_srtp::Counters> for Counters {
    fn from(counters: callseal_srtp::Counters) -> Self {
        Self {
            packets: counters.packets,
            octets: counters.octets,
            newest_index: counters.newest_index.unwrap_or(0),
            auth_failures: counters.auth_failures,
            replayed: counters.replayed,
            too_old: counters.too_old,
        }
    }
}

/// The counters of a stream of the session's, its SSRC in host order.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn callseal_srtp_get_counters(
    session: *mut Session,
    ssrc: u32,
    counters: *mut StreamCounters,
) -> Status {
    guarded(|| {
        if counters.is_null() {
            return Err(Status::BadParam);
        }
        // SAFETY: the contract of this module's functions.
        let session = unsafe { session.as_ref() }.ok_or(Status::BadParam)?;
        let keys = session.known(ssrc).ok_or(Status::NoCtx)?.keys;
        // Asked once, and not to be read along with from now on.
        let sent = keys.sender.counters(ssrc).unwrap_or_default();
        let received = keys.receiver.counters(ssrc).unwrap_or_default();
        let read = both(sent, received);
        // SAFETY: likewise; it is not null.
        unsafe { counters.write(read) };
        Ok(())
    })
}

/// Gives what [`callseal_srtp_read_watch`] reads a stream's counters from, of
/// the directions and protocols that have had a packet. It outlives the stream
/// and the session.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn callseal_srtp_watch_stream(
    session: *mut Session,
    ssrc: u32,
    new: *mut *mut Watch,
) -> Status {
    guarded(|| {
        if new.is_null() {
            return Err(Status::BadParam);
        }
        // SAFETY: the contract of this module's functions.
        let session = unsafe { session.as_ref() }.ok_or(Status::BadParam)?;
        let watch = watch(session, ssrc)?;
        if watch.sent.is_none() && watch.received.is_none() {
            return Err(Status::NoCtx);
        }
        // SAFETY: likewise; it is not null.
        unsafe { new.write(Box::into_raw(Box::new(watch))) };
        Ok(())
    })
}

/// The counters now. Any thread may call it at any time, while others work
/// with the session.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn callseal_srtp_read_watch(
    watch: *const Watch,
    counters: *mut StreamCounters,
) -> Status {
    guarded(|| {
        if counters.is_null() {
            return Err(Status::BadParam);
        }
        // SAFETY: the contract of this module's functions; nobody writes to it.
        let read = unsafe { watch.as_ref() }.ok_or(Status::BadParam)?.read();
        // SAFETY: likewise; it is not null.
        unsafe { counters.write(read) };
        Ok(())
    })
}

/// Ends a watch; null is let be.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn callseal_srtp_end_watch(watch: *mut Watch) {
    guarded_or((), || {
        if !watch.is_null() {
            // SAFETY: by the contract it is from `callseal_srtp_watch_stream`,
            // and nobody uses it any more.
            drop(unsafe { Box::from_raw(watch) });
        }
    });
}

/// Writes the SSRCs of all streams, in no order, and how many there are. Where
/// `room` is too small for them, that alone.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn callseal_srtp_get_ssrcs(
    session: *mut Session,
    ssrcs: *mut u32,
    room: usize,
    count: *mut usize,
) -> Status {
    guarded(|| {
        // SAFETY: the contract of this module's functions.
        let session = unsafe { session.as_ref() }.ok_or(Status::BadParam)?;
        if count.is_null() || (ssrcs.is_null() && room != 0) {
            return Err(Status::BadParam);
        }
        // SAFETY: likewise; it is not null.
        unsafe { count.write(session.ssrcs().count()) };
        if session.ssrcs().count() > room {
            return Err(Status::AllocFail);
        }
        for (at, ssrc) in session.ssrcs().enumerate() {
            // SAFETY: there is room for more than `at`.
            unsafe { ptr::write(ssrcs.add(at), ssrc) };
        }
        Ok(())
    })
}

fn both(
    sent: callseal_srtp::StreamCounters,
    received: callseal_srtp::StreamCounters,
) -> StreamCounters {
    StreamCounters {
        sent_rtp: sent.rtp.into(),
        sent_rtcp: sent.rtcp.into(),
        received_rtp: received.rtp.into(),
        received_rtcp: received.rtcp.into(),
    }
}

fn watch(session: &Session, ssrc: u32) -> Result<Watch, Status> {
    let keys = session.known(ssrc).ok_or(Status::NoCtx)?.keys;
    Ok(Watch {
        sent: keys.sender.live_counters(ssrc),
        received: keys.receiver.live_counters(ssrc),
    })
}
