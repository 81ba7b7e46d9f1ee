//! The library as a whole.

use core::cell::UnsafeCell;
use core::ffi::{c_char, c_int, c_uint, c_void};
use core::slice;

use subtle::ConstantTimeEq;

use crate::boundary::{guarded, guarded_or};
use crate::kernel;
use crate::status::Status;

/// Does nothing that is needed: sessions work without it. Where the machine's
/// instructions give wrong answers the log says it here, or at the first session
/// made once there is a log handler.
#[unsafe(no_mangle)]
pub extern "C" fn srtp_init() -> Status {
    guarded(|| {
        kernel::warn_of_wrong_instructions();
        Ok(())
    })
}

/// Forgets ciphers, authentication functions and debug modules of the caller's.
#[unsafe(no_mangle)]
pub extern "C" fn srtp_shutdown() -> Status {
    guarded(|| {
        kernel::shut_down();
        Ok(())
    })
}

/// [`srtp_init`] by another name.
#[unsafe(no_mangle)]
pub extern "C" fn srtp_crypto_kernel_init() -> Status {
    srtp_init()
}

/// [`srtp_shutdown`] by another name.
#[unsafe(no_mangle)]
pub extern "C" fn srtp_crypto_kernel_shutdown() -> Status {
    srtp_shutdown()
}

/// The version of libsrtp whose interface this is, and whose work.
#[unsafe(no_mangle)]
pub extern "C" fn srtp_get_version_string() -> *const c_char {
    const VERSION: &str = concat!(
        "libsrtp2 2.8.0 (callseal ",
        env!("CARGO_PKG_VERSION"),
        ")\0"
    );
    VERSION.as_ptr().cast()
}

/// The same as a number: major, minor, and 16 bits of patch.
#[unsafe(no_mangle)]
pub extern "C" fn srtp_get_version() -> c_uint {
    const MAJOR: c_uint = 2;
    const MINOR: c_uint = 8;
    MAJOR << 24 | MINOR << 16
}

/// Two strings of octets compared in a time that depends on their length
/// alone: 0 where they are the same, as in libsrtp, and 1 where they are not.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn srtp_octet_string_is_eq(a: *mut u8, b: *mut u8, len: c_int) -> c_int {
    guarded_or(1, || {
        let len = usize::try_from(len).unwrap_or(0);
        if len == 0 {
            return 0;
        }
        if a.is_null() || b.is_null() {
            return 1;
        }
        // SAFETY: the contract of this module's functions.
        let (a, b) = unsafe { (slice::from_raw_parts(a, len), slice::from_raw_parts(b, len)) };
        c_int::from(1 - a.ct_eq(b).unwrap_u8())
    })
}

/// Octets as hexadecimal digits, in memory of the thread's that the next call
/// writes over.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn srtp_octet_string_hex_string(
    octets: *const c_void,
    len: c_int,
) -> *mut c_char {
    const MAX_OCTETS: usize = 511;
    thread_local! {
        static DIGITS: UnsafeCell<[u8; 2 * MAX_OCTETS + 1]> =
            const { UnsafeCell::new([0; 2 * MAX_OCTETS + 1]) };
    }
    let len = match octets.is_null() {
        true => 0,
        false => usize::try_from(len).unwrap_or(0).min(MAX_OCTETS),
    };
    DIGITS.with(|digits| {
        let start = digits.get().cast::<u8>();
        for at in 0..len {
            // SAFETY: the contract of this module's functions.
            let octet = unsafe { *octets.cast::<u8>().add(at) };
            let digit = |nibble: u8| b"0123456789abcdef"[usize::from(nibble)];
            // SAFETY: `at` is less than half of the digits that there are.
            unsafe {
                start.add(2 * at).write(digit(octet >> 4));
                start.add(2 * at + 1).write(digit(octet & 0x0f));
            }
        }
        // SAFETY: there is one more place than digits.
        unsafe { start.add(2 * len).write(0) };
        start.cast()
    })
}
