//! Sessions and their streams.

use core::ffi::{c_int, c_uint, c_ulong, c_void};
use core::ptr;

use crate::boundary::{guarded, guarded_or, on_session};
use crate::kernel;
use crate::key_set::Protocol;
use crate::session::Session;
use crate::status::Status;
use crate::stream_policy::{StreamPolicy, Whose};
use crate::types::{Policy, Rdbx, Ssrc};

/// Makes a session with the streams of a list of policies, which may be null.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn srtp_create(session: *mut *mut Session, policy: *const Policy) -> Status {
    guarded(|| {
        // SAFETY: the contract of this module's functions.
        let session = unsafe { session.as_mut() }.ok_or(Status::BadParam)?;
        *session = ptr::null_mut();
        kernel::warn_of_wrong_instructions();
        let mut made = Box::new(Session::new());
        // SAFETY: the contract of this module's functions.
        unsafe { for_each(policy, |policy| made.add(policy)) }?;
        *session = Box::into_raw(made);
        Ok(())
    })
}

/// Unmakes a session; its keys are wiped.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn srtp_dealloc(session: *mut Session) -> Status {
    guarded(|| {
        if session.is_null() {
            return Err(Status::BadParam);
        }
        // SAFETY: `srtp_create` has made it of a box, and the caller gives it
        // back.
        drop(unsafe { Box::from_raw(session) });
        Ok(())
    })
}

/// Adds the stream, or the template, of one policy.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn srtp_add_stream(session: *mut Session, policy: *const Policy) -> Status {
    // SAFETY: the contract of this module's functions.
    unsafe { with_one_policy(session, policy, Session::add) }
}

/// Forgets a stream. The SSRC is in network order, unlike all others of this
/// interface.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn srtp_remove_stream(session: *mut Session, ssrc: u32) -> Status {
    guarded(|| {
        // SAFETY: the contract of this module's functions.
        unsafe { on_session(session, |session| session.remove(u32::from_be(ssrc))) }
    })
}

/// Gives each stream, or template, of a list of policies other keys; ROCs and
/// SRTCP indexes go on.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn srtp_update(session: *mut Session, policy: *const Policy) -> Status {
    guarded(|| {
        if policy.is_null() {
            return Err(Status::BadParam);
        }
        let update = |session: &mut Session| {
            // SAFETY: the contract of this module's functions.
            unsafe { for_each(policy, |policy| session.update(policy)) }
        };
        // SAFETY: the contract of this module's functions.
        unsafe { on_session(session, update) }
    })
}

/// The same for one policy alone.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn srtp_update_stream(
    session: *mut Session,
    policy: *const Policy,
) -> Status {
    // SAFETY: the contract of this module's functions.
    unsafe { with_one_policy(session, policy, Session::update) }
}

/// Whether the session has a stream of this SSRC, in network order: null where
/// it has none, and else a pointer that there is nothing to see behind.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn srtp_get_stream(session: *mut Session, ssrc: u32) -> *mut c_void {
    guarded_or(ptr::null_mut(), || {
        // SAFETY: the contract of this module's functions.
        let alive = unsafe { session.as_ref() };
        let ssrc = u32::from_be(ssrc);
        match alive.is_some_and(|session| session.known(ssrc).is_some()) {
            true => session.cast(),
            false => ptr::null_mut(),
        }
    })
}

/// Sets the ROC that a stream's next packet is taken to have. It becomes the
/// stream's once that packet has proved genuine; 0 sets nothing.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn srtp_set_stream_roc(session: *mut Session, ssrc: u32, roc: u32) -> Status {
    guarded(|| {
        // SAFETY: the contract of this module's functions.
        unsafe { on_session(session, |session| session.set_roc(ssrc, roc)) }
    })
}

/// The ROC of a stream's newest packet.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn srtp_get_stream_roc(
    session: *mut Session,
    ssrc: u32,
    roc: *mut u32,
) -> Status {
    guarded(|| {
        // SAFETY: the contract of this module's functions.
        let (session, roc) = unsafe { (session.as_ref(), roc.as_mut()) };
        let (session, roc) = session.zip(roc).ok_or(Status::BadParam)?;
        *roc = session.roc(ssrc)?;
        Ok(())
    })
}

/// Switches Cryptex (RFC 9335) on or off for a stream, or for the template and
/// the streams that came from it.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn srtp_set_stream_use_cryptex(
    session: *mut Session,
    ssrc: *const Ssrc,
    enable: c_int,
) -> Status {
    guarded(|| {
        // SAFETY: the contract of this module's functions.
        let ssrc = unsafe { ssrc.as_ref() }.ok_or(Status::BadParam)?;
        let whose = Whose::of(*ssrc)?;
        // SAFETY: the contract of this module's functions.
        unsafe { on_session(session, |session| session.set_cryptex(whose, enable != 0)) }
    })
}

/// The most octets that protecting adds to an RTP packet of any stream.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn srtp_get_protect_trailer_length(
    session: *mut Session,
    use_mki: u32,
    mki_index: u32,
    len: *mut u32,
) -> Status {
    // SAFETY: the contract of this module's functions.
    unsafe { trailer_len(session, Protocol::Rtp, use_mki, mki_index, len) }
}

/// The most octets that protecting adds to an RTCP packet of any stream.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn srtp_get_protect_rtcp_trailer_length(
    session: *mut Session,
    use_mki: u32,
    mki_index: u32,
    len: *mut u32,
) -> Status {
    // SAFETY: the contract of this module's functions.
    unsafe { trailer_len(session, Protocol::Rtcp, use_mki, mki_index, len) }
}

/// Keeps a pointer of the caller's with the session.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn srtp_set_user_data(session: *mut Session, data: *mut c_void) {
    // SAFETY: the contract of this module's functions.
    if let Some(session) = unsafe { session.as_mut() } {
        session.user_data = data;
    }
}

/// Gives it back; null where none was kept.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn srtp_get_user_data(session: *mut Session) -> *mut c_void {
    // SAFETY: the contract of this module's functions.
    unsafe { session.as_ref() }.map_or(ptr::null_mut(), |session| session.user_data)
}

/// The window of an `srtp_rdbx_t`, in packets.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn srtp_rdbx_get_window_size(rdbx: *const Rdbx) -> c_ulong {
    // SAFETY: the contract of this module's functions.
    unsafe { rdbx.as_ref() }.map_or(0, |rdbx| rdbx.bitmask_len.into())
}

/// # Safety
///
/// As for every function of this module.
unsafe fn for_each(
    policy: *const Policy,
    mut take: impl FnMut(StreamPolicy) -> Result<(), Status>,
) -> Result<(), Status> {
    let mut next = policy;
    // SAFETY: by the contract each policy of the list is there.
    while let Some(policy) = unsafe { next.as_ref() } {
        // SAFETY: likewise what it points to.
        take(unsafe { StreamPolicy::read(policy)? })?;
        next = policy.next;
    }
    Ok(())
}

/// # Safety
///
/// As for every function of this module.
unsafe fn with_one_policy(
    session: *mut Session,
    policy: *const Policy,
    take: impl FnOnce(&mut Session, StreamPolicy) -> Result<(), Status>,
) -> Status {
    guarded(|| {
        // SAFETY: by the contract.
        let policy = unsafe { policy.as_ref() }.ok_or(Status::BadParam)?;
        if session.is_null() {
            return Err(Status::BadParam);
        }
        // SAFETY: by the contract.
        let policy = unsafe { StreamPolicy::read(policy)? };
        // SAFETY: by the contract.
        unsafe { on_session(session, |session| take(session, policy)) }
    })
}

/// # Safety
///
/// As for every function of this module.
unsafe fn trailer_len(
    session: *mut Session,
    protocol: Protocol,
    use_mki: c_uint,
    mki_index: c_uint,
    len: *mut u32,
) -> Status {
    guarded(|| {
        // SAFETY: by the contract.
        let (session, len) = unsafe { (session.as_ref(), len.as_mut()) };
        let (session, len) = session.zip(len).ok_or(Status::BadParam)?;
        let mki = (use_mki != 0).then_some(mki_index as usize);
        let longest = session.max_trailer_len(protocol, mki)?;
        *len = u32::try_from(longest).map_err(|_| Status::Fail)?;
        Ok(())
    })
}
