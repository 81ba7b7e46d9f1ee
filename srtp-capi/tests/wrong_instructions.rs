//! A machine whose instructions give wrong answers. They do so to the whole
//! process, so that this is one test.

#![allow(clippy::unwrap_used, reason = "helpers of tests")]
#![allow(
    clippy::undocumented_unsafe_blocks,
    reason = "the whole file plays the part of a C program"
)]

mod program;

use std::ffi::{CStr, c_char, c_uint, c_void};
use std::ptr;
use std::sync::Mutex;

use callseal_srtp::{Backend, testing};
use program::{ANY_INBOUND, ANY_OUTBOUND, Owned, SUITES, rtp};
use srtp2::exports::library::*;
use srtp2::exports::reports::*;
use srtp2::status::Status;

static LOG: Mutex<Vec<(c_uint, String)>> = Mutex::new(Vec::new());

unsafe extern "C" fn write_down(level: c_uint, line: *const c_char, _: *mut c_void) {
    let line = unsafe { CStr::from_ptr(line) };
    let line = line.to_string_lossy().into_owned();
    LOG.lock().unwrap().push((level, line));
}

fn call() {
    let sender = Owned::of(SUITES[0], ANY_OUTBOUND);
    let receiver = Owned::of(SUITES[0], ANY_INBOUND);
    let packet = sender.protect(&rtp(1, 1, 20)).unwrap();
    assert_eq!(receiver.unprotect(&packet), Ok(rtp(1, 1, 20)));
}

#[test]
fn wrong_instructions_are_not_used_and_the_log_says_so_once() {
    testing::make_answers_wrong();
    assert_eq!(srtp_init(), Status::Ok);
    call();
    assert_eq!(Backend::detected(), Backend::Soft);

    // A handler that comes late is told at the next session.
    srtp_install_log_handler(Some(write_down), ptr::null_mut());
    assert!(LOG.lock().unwrap().is_empty());
    call();
    let lines = std::mem::take(&mut *LOG.lock().unwrap());
    let names: Vec<&str> = Backend::distrusted().collect();
    let line = |name| format!("srtp: this machine's {name} gives wrong answers, and is not used");
    let expected: Vec<_> = names.iter().map(|name| (1, line(name))).collect();
    assert_eq!(lines, expected);
    #[cfg(target_arch = "x86_64")]
    {
        let has_sha = is_x86_feature_detected!("sha") && is_x86_feature_detected!("aes");
        assert_eq!(
            names.contains(&"ni"),
            has_sha && is_x86_feature_detected!("pclmulqdq")
        );
    }

    // Who is told at the beginning is not told again either.
    assert_eq!(srtp_init(), Status::Ok);
    call();
    assert!(LOG.lock().unwrap().is_empty());
}
