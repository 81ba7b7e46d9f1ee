//! What holds for every function that C calls: no panic leaves it, and no
//! reference outlives it.

use core::ffi::c_int;
use std::panic::{AssertUnwindSafe, catch_unwind};

use crate::kernel;
use crate::lent::Lent;
use crate::session::Session;
use crate::status::Status;

/// Runs the body of a function of the interface. A panic, which would be a bug
/// of this library, becomes [`Status::Fail`].
pub(crate) fn guarded(body: impl FnOnce() -> Result<(), Status>) -> Status {
    // What a panic leaves half done is behind a session's pointer, where the
    // caller finds it as C's: every field holds a value of its type.
    match catch_unwind(AssertUnwindSafe(body)) {
        Ok(result) => Status::of(result),
        Err(_) => Status::Fail,
    }
}

/// The same for a function that answers something else.
pub(crate) fn guarded_or<T>(otherwise: T, body: impl FnOnce() -> T) -> T {
    catch_unwind(AssertUnwindSafe(body)).unwrap_or(otherwise)
}

/// Runs `body` on a session, and then tells of its events: the handler may
/// call the session's functions.
///
/// # Safety
///
/// `session` is null or from `srtp_create`, alive, and nobody else's meanwhile.
pub(crate) unsafe fn on_session(
    session: *mut Session,
    body: impl FnOnce(&mut Session) -> Result<(), Status>,
) -> Result<(), Status> {
    let result = {
        // SAFETY: by this function's contract.
        let alive = unsafe { session.as_mut() }.ok_or(Status::BadParam)?;
        let result = body(alive);
        if alive.events.is_empty() {
            return result;
        }
        result
    };
    loop {
        // SAFETY: by this function's contract; the borrow ends before the
        // handler is called.
        let next = unsafe { session.as_mut() }.and_then(|session| session.events.pop());
        let Some((ssrc, event)) = next else {
            return result;
        };
        kernel::tell(session.cast(), ssrc, event);
    }
}

/// Runs `operation` on a packet of a session, and writes its new length.
///
/// # Safety
///
/// As for [`on_session`] and [`Lent::new`].
pub(crate) unsafe fn on_packet(
    session: *mut Session,
    packet: *mut core::ffi::c_void,
    len: *mut c_int,
    operation: impl FnOnce(&mut Session, &mut Lent) -> Result<usize, Status>,
) -> Status {
    guarded(|| {
        // SAFETY: by this function's contract.
        let mut lent = unsafe { Lent::new(packet, len)? };
        let mut new_len = None;
        let operate = |session: &mut Session| {
            new_len = Some(operation(session, &mut lent)?);
            Ok(())
        };
        // SAFETY: by this function's contract.
        let result = unsafe { on_session(session, operate) };
        if let Some(new_len) = new_len {
            let new_len = c_int::try_from(new_len).map_err(|_| Status::Fail)?;
            // SAFETY: `Lent::new` has found that it points to a number.
            unsafe { len.write(new_len) };
        }
        result
    })
}
