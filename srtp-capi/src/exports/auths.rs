//! Authentication functions of callers (`auth.h`).

use core::ffi::c_int;
use core::ptr;
use core::slice;

use crate::boundary::guarded;
use crate::kernel;
use crate::status::Status;
use crate::types::{Auth, AuthTestCase, AuthType, answered, auth_type};

/// The octets of the function's key.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn srtp_auth_get_key_length(auth: *const Auth) -> c_int {
    // SAFETY: the contract of this module's functions.
    unsafe { auth.as_ref() }.map_or(0, |auth| auth.key_len)
}

/// The octets of its tag.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn srtp_auth_get_tag_length(auth: *const Auth) -> c_int {
    // SAFETY: the contract of this module's functions.
    unsafe { auth.as_ref() }.map_or(0, |auth| auth.out_len)
}

/// The octets of keystream that it wants before the tag.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn srtp_auth_get_prefix_length(auth: *const Auth) -> c_int {
    // SAFETY: the contract of this module's functions.
    unsafe { auth.as_ref() }.map_or(0, |auth| auth.prefix_len)
}

/// Whether the function computes what its own test cases say.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn srtp_auth_type_self_test(kind: *const AuthType) -> Status {
    guarded(|| {
        // SAFETY: the contract of this module's functions.
        let test_data = unsafe { kind.as_ref() }.ok_or(Status::BadParam)?.test_data;
        // SAFETY: likewise.
        unsafe { test(kind, test_data) }
    })
}

/// Whether it computes what these test cases say.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn srtp_auth_type_test(
    kind: *const AuthType,
    test_data: *const AuthTestCase,
) -> Status {
    guarded(|| {
        // SAFETY: the contract of this module's functions.
        unsafe { test(kind, test_data) }
    })
}

/// Registers a function under a number, which policies may then name. Under
/// the number of HMAC-SHA1 it has to compute HMAC-SHA1, and this library goes
/// on with its own, which is the same and faster.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn srtp_replace_auth_type(kind: *const AuthType, id: u32) -> Status {
    guarded(|| {
        // SAFETY: the contract of this module's functions.
        let known = unsafe { kind.as_ref() }.ok_or(Status::BadParam)?;
        if known.id != id || kernel::has_auth_type_elsewhere(id, kind) {
            return Err(Status::BadParam);
        }
        // SAFETY: likewise.
        unsafe { test(kind, known.test_data) }?;
        match id {
            auth_type::HMAC_SHA1 => {
                // SAFETY: likewise.
                unsafe { test(kind, &HMAC_SHA1_CASE.0) }?;
            }
            auth_type::NULL => return Err(Status::BadParam),
            _ => {}
        }
        kernel::register_auth_type(id, kind);
        Ok(())
    })
}

/// # Safety
///
/// As for every function of this module.
unsafe fn test(kind: *const AuthType, cases: *const AuthTestCase) -> Result<(), Status> {
    const MAX_TAG_LEN: usize = 32;
    // SAFETY: by the contract.
    let kind = unsafe { kind.as_ref() }.ok_or(Status::BadParam)?;
    // SAFETY: by the contract.
    let mut next = unsafe { cases.as_ref() };
    if next.is_none() {
        return Err(Status::CantCheck);
    }
    let functions = (
        kind.alloc,
        kind.dealloc,
        kind.init,
        kind.start,
        kind.compute,
    );
    let (Some(alloc), Some(dealloc), Some(init), Some(start), Some(compute)) = functions else {
        return Err(Status::BadParam);
    };
    while let Some(case) = next {
        let tag_len = usize::try_from(case.tag_len).unwrap_or(usize::MAX);
        if tag_len > MAX_TAG_LEN {
            return Err(Status::BadParam);
        }
        let lies = |start: *const u8, len: c_int| start.is_null() && len > 0;
        if lies(case.key, case.key_len)
            || lies(case.data, case.data_len)
            || lies(case.tag, case.tag_len)
        {
            return Err(Status::BadParam);
        }
        let mut auth = ptr::null_mut();
        // SAFETY: the type's own functions in the order of `auth.h`, with the
        // case's own octets and lengths.
        let computed = unsafe {
            answered(alloc(&mut auth, case.key_len, case.tag_len))?;
            let state = auth.as_ref().ok_or(Status::AllocFail)?.state;
            let mut tag = [0; MAX_TAG_LEN];
            let computed = answered(init(state, case.key, case.key_len))
                .and_then(|()| answered(start(state)))
                .and_then(|()| {
                    let (data, len) = (case.data, case.data_len);
                    answered(compute(state, data, len, case.tag_len, tag.as_mut_ptr()))
                });
            dealloc(auth);
            computed.map(|()| tag)
        }?;
        let expected = match case.tag.is_null() {
            true => &[],
            // SAFETY: by the contract.
            false => unsafe { slice::from_raw_parts(case.tag, tag_len) },
        };
        if computed[..tag_len] != *expected {
            return Err(Status::AlgoFail);
        }
        // SAFETY: by the contract.
        next = unsafe { case.next.as_ref() };
    }
    Ok(())
}

/// A test case that never changes.
struct Fixed(AuthTestCase);

// SAFETY: nothing of it, or behind its pointers, changes.
unsafe impl Sync for Fixed {}

/// RFC 2202 §3, test case 1.
static HMAC_SHA1_CASE: Fixed = Fixed(AuthTestCase {
    key_len: 20,
    key: &raw const HMAC_SHA1_KEY as *const u8,
    data_len: 8,
    data: &raw const HMAC_SHA1_DATA as *const u8,
    tag_len: 20,
    tag: &raw const HMAC_SHA1_TAG as *const u8,
    next: ptr::null(),
});
static HMAC_SHA1_KEY: [u8; 20] = [0x0b; 20];
static HMAC_SHA1_DATA: [u8; 8] = *b"Hi There";
static HMAC_SHA1_TAG: [u8; 20] = [
    0xb6, 0x17, 0x31, 0x86, 0x55, 0x05, 0x72, 0x64, 0xe2, 0x8b, 0xc0, 0xb6, 0xfb, 0x37, 0x8c, 0x8e,
    0xf1, 0x46, 0xbe, 0x00,
];
