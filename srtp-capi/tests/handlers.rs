//! Events, the log, and pointers that a program keeps with a session. The
//! handlers are the process', so that this is one test.

#![allow(clippy::unwrap_used, reason = "helpers of tests")]
#![allow(
    clippy::undocumented_unsafe_blocks,
    reason = "the whole file plays the part of a C program"
)]

mod program;

use std::ffi::{CStr, c_char, c_int, c_uint, c_void};
use std::sync::Mutex;

use program::{ANY_OUTBOUND, Owned, SUITES, rtp};
use srtp2::exports::batches::*;
use srtp2::exports::packets::*;
use srtp2::exports::reports::*;
use srtp2::exports::sessions::*;
use srtp2::status::Status;
use srtp2::types::{EventData, PacketOfBatch, event};

const SSRC: u32 = 0xcafe_babe;

static LOG: Mutex<Vec<(c_uint, String)>> = Mutex::new(Vec::new());
static EVENTS: Mutex<Vec<(usize, u32, c_uint)>> = Mutex::new(Vec::new());

unsafe extern "C" fn write_down(level: c_uint, line: *const c_char, data: *mut c_void) {
    assert_eq!(data.addr(), 0x77);
    let line = unsafe { CStr::from_ptr(line) }
        .to_string_lossy()
        .into_owned();
    LOG.lock().unwrap().push((level, line));
}

/// Calls functions of the session that the event is of, and ends its stream.
unsafe extern "C" fn look_around(data: *mut EventData) {
    let EventData {
        session,
        ssrc,
        event,
    } = unsafe { *data };
    let session: *mut srtp2::Session = session.cast();
    let (mut roc, mut packet) = (77, rtp(ssrc, 700, 20));
    packet.resize(64, 0);
    let mut len = 32;
    unsafe {
        assert_eq!(srtp_get_stream_roc(session, ssrc, &mut roc), Status::Ok);
        assert!(!srtp_get_user_data(session).is_null());
        let status = srtp_protect(session, packet.as_mut_ptr().cast(), &mut len);
        assert_eq!(status, Status::Ok);
        assert_eq!(srtp_remove_stream(session, ssrc.to_be()), Status::Ok);
    }
    EVENTS.lock().unwrap().push((session.addr(), ssrc, event));
}

/// Ends the session that the first event is of.
unsafe extern "C" fn end(data: *mut EventData) {
    let EventData {
        session,
        ssrc,
        event,
    } = unsafe { *data };
    let mut told = EVENTS.lock().unwrap();
    if told.is_empty() {
        assert_eq!(unsafe { srtp_dealloc(session.cast()) }, Status::Ok);
    }
    told.push((session.addr(), ssrc, event));
}

/// Has a call of a session bring two events, the first of which ends it.
fn end_within_a_batch() {
    let (session, sender) = (
        Owned::of(SUITES[0], ANY_OUTBOUND),
        Owned::of(SUITES[0], ANY_OUTBOUND),
    );
    let ssrcs = [SSRC, SSRC + 1];
    let mut packets = ssrcs.map(|ssrc| {
        session.protect(&rtp(ssrc, 1, 20)).unwrap();
        sender.protect(&rtp(ssrc, 2, 20)).unwrap()
    });
    let mut batch = packets.each_mut().map(|packet| PacketOfBatch {
        packet: packet.as_mut_ptr().cast(),
        len: packet.len() as c_int,
        status: 77,
    });
    // The handler ends it, and not its owner here.
    let session = std::mem::ManuallyDrop::new(session);
    let status = unsafe { callseal_srtp_unprotect_batch(session.0, batch.as_mut_ptr(), 2) };
    assert_eq!(status, Status::Ok);
    let told = std::mem::take(&mut *EVENTS.lock().unwrap());
    let expected = ssrcs.map(|ssrc| (session.0.addr(), ssrc, event::SSRC_COLLISION));
    assert_eq!(told, expected, "in the order of the packets");
    assert!(batch.iter().all(|packet| packet.len == 32));
}

/// A session in which a stream goes both ways.
fn collide() -> Owned {
    let session = Owned::of(SUITES[0], ANY_OUTBOUND);
    let mut data = 5_u8;
    let sender = Owned::of(SUITES[0], ANY_OUTBOUND);
    unsafe {
        assert!(srtp_get_user_data(session.0).is_null());
        srtp_set_user_data(session.0, (&raw mut data).cast());
        assert_eq!(srtp_get_user_data(session.0), (&raw mut data).cast());
    }
    session.protect(&rtp(SSRC, 1, 20)).unwrap();
    let packet = sender.protect(&rtp(SSRC, 2, 20)).unwrap();
    assert_eq!(session.unprotect(&packet), Ok(rtp(SSRC, 2, 20)));
    session
}

#[test]
fn handlers_are_told_and_may_call_anything() {
    // Without a handler the log has it.
    srtp_install_log_handler(Some(write_down), std::ptr::without_provenance_mut(0x77));
    drop(collide());
    let lines = std::mem::take(&mut *LOG.lock().unwrap());
    let expected = ["srtp: in stream 0xcafebabe: ", "\tSSRC collision"];
    assert_eq!(lines, expected.map(|line| (1, line.to_owned())));

    srtp_install_event_handler(Some(look_around));
    let session = collide();
    let told = std::mem::take(&mut *EVENTS.lock().unwrap());
    let event = (session.0.addr(), SSRC, event::SSRC_COLLISION);
    assert_eq!(told, [event]);
    // The handler has removed the stream.
    let mut roc = 77;
    let status = unsafe { srtp_get_stream_roc(session.0, SSRC, &mut roc) };
    assert_eq!((status, roc), (Status::BadParam, 77));
    assert!(LOG.lock().unwrap().is_empty());

    srtp_install_event_handler(Some(end));
    end_within_a_batch();

    // Nobody is nobody.
    srtp_install_event_handler(None);
    drop(collide());
    assert!(EVENTS.lock().unwrap().is_empty());

    srtp_list_debug_modules();
    assert_eq!(LOG.lock().unwrap()[0].1, "debug modules loaded:");
    LOG.lock().unwrap().clear();
    type Report = unsafe extern "C" fn(c_uint, *const c_char, ...);
    let report = srtp_err_report as *const c_void;
    if cfg!(all(target_arch = "x86_64", target_os = "linux")) {
        unsafe {
            let report: Report = std::mem::transmute(report);
            let (a, b) = (c"word".as_ptr(), 1.5_f64);
            report(
                3,
                c"%s %d %d %d %d %d %.1f %s\n".as_ptr(),
                a,
                1,
                2,
                3,
                4,
                5,
                b,
                a,
            );
        }
        let line = "word 1 2 3 4 5 1.5 word".to_owned();
        assert_eq!(*LOG.lock().unwrap(), [(3, line)]);
    }
    LOG.lock().unwrap().clear();
    srtp_install_log_handler(None, std::ptr::null_mut());
    srtp_list_debug_modules();
    assert!(LOG.lock().unwrap().is_empty());
}
