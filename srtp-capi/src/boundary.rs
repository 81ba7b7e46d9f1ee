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
#[inline(always)]
pub(crate) fn guarded(body: impl FnOnce() -> Result<(), Status>) -> Status {
    // What a panic leaves half done is behind a session's pointer, where the
    // caller finds it as C's: every field holds a value of its type.
    let body = || {
        #[cfg(test)]
        tests::panic_where_told();
        body()
    };
    match catch_unwind(AssertUnwindSafe(body)) {
        Ok(result) => Status::of(result),
        Err(_) => Status::Fail,
    }
}

/// The same for a function that answers something else.
pub(crate) fn guarded_or<T>(otherwise: T, body: impl FnOnce() -> T) -> T {
    catch_unwind(AssertUnwindSafe(body)).unwrap_or(otherwise)
}

/// Runs `body` on a session, and then tells of its events in their order: the
/// handler may call the session's functions, `srtp_dealloc` too.
///
/// # Safety
///
/// `session` is null or from `srtp_create`, alive, and nobody else's meanwhile.
#[inline(always)]
pub(crate) unsafe fn on_session(
    session: *mut Session,
    body: impl FnOnce(&mut Session) -> Result<(), Status>,
) -> Result<(), Status> {
    let (result, events) = {
        // SAFETY: by this function's contract; the borrow ends with the block,
        // before a handler is called.
        let alive = unsafe { session.as_mut() }.ok_or(Status::BadParam)?;
        let result = body(alive);
        (result, core::mem::take(&mut alive.events))
    };
    // From here on `session` is a name: a handler may have ended what it points to.
    for (ssrc, event) in events {
        kernel::tell(session.cast(), ssrc, event);
    }
    result
}

/// Runs `operation` on a packet of a session, and writes its new length.
///
/// # Safety
///
/// As for [`on_session`] and [`Lent::new`].
#[inline(always)]
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

#[cfg(test)]
#[allow(
    clippy::undocumented_unsafe_blocks,
    reason = "the tests play the part of a C program"
)]
mod tests {
    use core::cell::Cell;
    use core::ptr;

    use super::*;
    use crate::exports::{counters::*, packets::*, policies::*, sessions::*, snapshots::*};
    use crate::types::{CryptoPolicy, Policy, Ssrc, StreamCounters, ssrc_type};

    thread_local! {
        /// The guarded function of this thread that is to panic: 1 for the next.
        static TO_PANIC: Cell<usize> = const { Cell::new(0) };
    }

    pub(super) fn panic_where_told() {
        let to_panic = TO_PANIC.get();
        TO_PANIC.set(to_panic.saturating_sub(1));
        assert!(to_panic != 1, "a test has asked for this panic");
    }

    fn panicking(entry: impl FnOnce() -> Status) -> Status {
        TO_PANIC.set(1);
        let status = entry();
        assert_eq!(TO_PANIC.get(), 0, "it is not guarded");
        status
    }

    #[test]
    fn a_panic_is_a_status_and_the_session_goes_on() {
        let mut crypto = CryptoPolicy::default();
        unsafe { srtp_crypto_policy_set_rtp_default(&mut crypto) };
        let mut key = [7; 64];
        let policy = Policy {
            ssrc: Ssrc {
                kind: ssrc_type::ANY_OUTBOUND,
                value: 0,
            },
            rtp: crypto,
            rtcp: crypto,
            key: key.as_mut_ptr(),
            keys: ptr::null_mut(),
            num_master_keys: 0,
            deprecated_ekt: ptr::null_mut(),
            window_size: 0,
            allow_repeat_tx: 0,
            enc_xtn_hdr: ptr::null_mut(),
            enc_xtn_hdr_count: 0,
            next: ptr::null_mut(),
        };
        let mut session = ptr::null_mut();
        let failed = panicking(|| unsafe { srtp_create(&mut session, &policy) });
        assert_eq!((failed, session.is_null()), (Status::Fail, true));
        assert_eq!(unsafe { srtp_create(&mut session, &policy) }, Status::Ok);

        let mut packet = [0x80; 64];
        let start = packet.as_mut_ptr().cast();
        let mut len = 40;
        for entry in [
            srtp_protect,
            srtp_unprotect,
            srtp_protect_rtcp,
            srtp_unprotect_rtcp,
        ] {
            let failed = panicking(|| unsafe { entry(session, start, &mut len) });
            assert_eq!((failed, len), (Status::Fail, 40));
        }
        assert_eq!(packet, [0x80; 64]);
        let (mut roc, mut counted) = (77, StreamCounters::default());
        let (at_roc, at_counted) = (&raw mut roc, &raw mut counted);
        let others: [&dyn Fn() -> Status; 7] = [
            &|| unsafe { srtp_add_stream(session, &policy) },
            &|| unsafe { srtp_update(session, &policy) },
            &|| unsafe { srtp_remove_stream(session, 1) },
            &|| unsafe { srtp_set_stream_roc(session, 1, 1) },
            &|| unsafe { srtp_get_stream_roc(session, 1, at_roc) },
            &|| unsafe { callseal_srtp_get_counters(session, 1, at_counted) },
            &|| unsafe { callseal_srtp_start_stream(session, 1, 1) },
        ];
        for entry in others {
            assert_eq!(panicking(entry), Status::Fail);
        }
        assert_eq!(roc, 77);

        let failed = unsafe { on_packet(session, start, &mut len, |_, _| panic!("as asked")) };
        assert_eq!((failed, len), (Status::Fail, 40));
        assert_eq!(guarded_or(3, || panic!("as asked")), 3);
        unsafe {
            assert_eq!(srtp_protect(session, start, &mut len), Status::Ok);
            assert_eq!(len, 50);
            assert_eq!(panicking(|| srtp_dealloc(session)), Status::Fail);
            assert_eq!(srtp_dealloc(session), Status::Ok);
        }
    }
}
