//! The interface as a program in C uses it.

#![allow(
    clippy::undocumented_unsafe_blocks,
    reason = "the whole file plays the part of a C program"
)]

use std::ffi::{c_int, c_void};
use std::ptr;

use callseal_srtp::{Label, MasterKey, PacketIndex, Profile};
use srtp2::Session;
use srtp2::exports::packets::*;
use srtp2::exports::policies::*;
use srtp2::exports::sessions::*;
use srtp2::status::Status;
use srtp2::types::{
    AuthTestCase, CryptoPolicy, MasterKeyAndMki, Policy, Ssrc, sec_serv, ssrc_type,
};

const SSRC: u32 = 0xcafe_babe;

type Setter = unsafe extern "C" fn(*mut CryptoPolicy);

fn set(setter: Setter) -> CryptoPolicy {
    let mut policy = CryptoPolicy::default();
    unsafe { setter(&mut policy) };
    policy
}

fn policy(setters: [Setter; 2], kind: u32, key: &mut [u8; 64]) -> Policy {
    Policy {
        ssrc: Ssrc { kind, value: SSRC },
        rtp: set(setters[0]),
        rtcp: set(setters[1]),
        key: key.as_mut_ptr(),
        keys: ptr::null_mut(),
        num_master_keys: 0,
        deprecated_ekt: ptr::null_mut(),
        window_size: 0,
        allow_repeat_tx: 0,
        enc_xtn_hdr: ptr::null_mut(),
        enc_xtn_hdr_count: 0,
        next: ptr::null_mut(),
    }
}

fn session(policy: &Policy) -> *mut Session {
    let mut session = ptr::null_mut();
    let status = unsafe { srtp_create(&mut session, policy) };
    assert_eq!(status, Status::Ok);
    session
}

fn rtp(seq: u16) -> [u8; 256] {
    let mut packet = [0x5a; 256];
    packet[0] = 0x80;
    packet[2..4].copy_from_slice(&seq.to_be_bytes());
    packet[8..12].copy_from_slice(&SSRC.to_be_bytes());
    packet
}

type Operation = unsafe extern "C" fn(*mut Session, *mut c_void, *mut c_int) -> Status;

fn run(
    operation: Operation,
    session: *mut Session,
    packet: &mut [u8],
    len: c_int,
) -> (Status, c_int) {
    let mut len = len;
    let status = unsafe { operation(session, packet.as_mut_ptr().cast(), &mut len) };
    (status, len)
}

const SUITES: [[Setter; 2]; 11] = [
    [
        srtp_crypto_policy_set_rtp_default,
        srtp_crypto_policy_set_rtcp_default,
    ],
    [
        srtp_crypto_policy_set_aes_cm_128_hmac_sha1_32,
        srtp_crypto_policy_set_rtcp_default,
    ],
    [
        srtp_crypto_policy_set_aes_cm_192_hmac_sha1_80,
        srtp_crypto_policy_set_aes_cm_192_hmac_sha1_80,
    ],
    [
        srtp_crypto_policy_set_aes_cm_256_hmac_sha1_80,
        srtp_crypto_policy_set_aes_cm_256_hmac_sha1_80,
    ],
    [
        srtp_crypto_policy_set_aes_cm_256_hmac_sha1_32,
        srtp_crypto_policy_set_aes_cm_256_hmac_sha1_80,
    ],
    [
        srtp_crypto_policy_set_aes_cm_128_null_auth,
        srtp_crypto_policy_set_aes_cm_128_null_auth,
    ],
    [
        srtp_crypto_policy_set_null_cipher_hmac_sha1_80,
        srtp_crypto_policy_set_null_cipher_hmac_sha1_80,
    ],
    [
        srtp_crypto_policy_set_null_cipher_hmac_null,
        srtp_crypto_policy_set_null_cipher_hmac_null,
    ],
    [
        srtp_crypto_policy_set_aes_gcm_128_16_auth,
        srtp_crypto_policy_set_aes_gcm_128_16_auth,
    ],
    [
        srtp_crypto_policy_set_aes_gcm_256_16_auth,
        srtp_crypto_policy_set_aes_gcm_256_16_auth,
    ],
    [
        srtp_crypto_policy_set_aes_gcm_128_8_only_auth,
        srtp_crypto_policy_set_aes_gcm_128_8_only_auth,
    ],
];

#[test]
fn every_suite_opens_what_it_protects_and_writes_no_further_than_it_says() {
    for suite in SUITES {
        let mut key = [7; 64];
        let sender = session(&policy(suite, ssrc_type::ANY_OUTBOUND, &mut key));
        let receiver = session(&policy(suite, ssrc_type::ANY_INBOUND, &mut key));
        for seq in 1..4 {
            let mut trailer_len = 0;
            unsafe { srtp_get_protect_trailer_length(sender, 0, 0, &mut trailer_len) };
            let mut packet = rtp(seq);
            let (status, len) = run(srtp_protect, sender, &mut packet, 100);
            assert_eq!((status, len), (Status::Ok, 100 + trailer_len as c_int));
            assert!(packet[len as usize..].iter().all(|&octet| octet == 0x5a));
            assert_eq!(
                run(srtp_unprotect, receiver, &mut packet, len),
                (Status::Ok, 100)
            );
            assert_eq!(packet[..100], rtp(seq)[..100]);

            let mut report = [0x5a; 256];
            report[..8].copy_from_slice(&[0x80, 201, 0, 1, 0xca, 0xfe, 0xba, 0xbe]);
            let plain = report;
            unsafe { srtp_get_protect_rtcp_trailer_length(sender, 0, 0, &mut trailer_len) };
            let (status, len) = run(srtp_protect_rtcp, sender, &mut report, 60);
            assert_eq!((status, len), (Status::Ok, 60 + trailer_len as c_int));
            assert!(report[len as usize..].iter().all(|&octet| octet == 0x5a));
            assert_eq!(
                run(srtp_unprotect_rtcp, receiver, &mut report, len),
                (Status::Ok, 60)
            );
            assert_eq!(report[..60], plain[..60]);
        }
        unsafe {
            assert_eq!(srtp_dealloc(sender), Status::Ok);
            assert_eq!(srtp_dealloc(receiver), Status::Ok);
        }
    }
}

#[test]
fn the_first_srtcp_index_sent_is_1() {
    let mut key = [7; 64];
    let sender = session(&policy(SUITES[0], ssrc_type::SPECIFIC, &mut key));
    let mut report = [0x80; 64];
    report[4..8].copy_from_slice(&SSRC.to_be_bytes());
    let (status, len) = run(srtp_protect_rtcp, sender, &mut report, 8);
    assert_eq!((status, len), (Status::Ok, 22));
    assert_eq!(report[8..12], [0x80, 0, 0, 1]);
    unsafe { srtp_dealloc(sender) };
}

#[test]
fn nothing_but_the_ssrc_of_the_policy_is_taken() {
    let mut key = [7; 64];
    let sender = session(&policy(SUITES[0], ssrc_type::SPECIFIC, &mut key));
    let mut packet = rtp(1);
    packet[11] ^= 1;
    assert_eq!(run(srtp_protect, sender, &mut packet, 100).0, Status::NoCtx);
    let mut packet = rtp(1);
    assert_eq!(run(srtp_protect, sender, &mut packet, 100).0, Status::Ok);
    let mut packet = rtp(1);
    assert_eq!(
        run(srtp_protect, sender, &mut packet, 100).0,
        Status::ReplayFail
    );
    unsafe {
        assert_eq!(srtp_remove_stream(sender, SSRC), Status::NoCtx);
        assert_eq!(srtp_remove_stream(sender, SSRC.to_be()), Status::Ok);
        assert_eq!(srtp_remove_stream(sender, SSRC.to_be()), Status::NoCtx);
        srtp_dealloc(sender);
    }
}

#[test]
fn a_stream_of_a_template_that_was_removed_begins_anew() {
    let mut key = [7; 64];
    let sender = session(&policy(SUITES[8], ssrc_type::ANY_OUTBOUND, &mut key));
    let mut first = rtp(9);
    assert_eq!(run(srtp_protect, sender, &mut first, 100).0, Status::Ok);
    assert_eq!(
        unsafe { srtp_remove_stream(sender, SSRC.to_be()) },
        Status::Ok
    );
    let mut again = rtp(9);
    assert_eq!(run(srtp_protect, sender, &mut again, 100).0, Status::Ok);
    assert_eq!(first, again);
    unsafe { srtp_dealloc(sender) };
}

#[test]
fn null_pointers_and_lengths_that_lie_are_answered() {
    let mut key = [7; 64];
    let mut len = 100;
    let sender = session(&policy(SUITES[0], ssrc_type::SPECIFIC, &mut key));
    unsafe {
        assert_eq!(srtp_create(ptr::null_mut(), ptr::null()), Status::BadParam);
        assert_eq!(srtp_dealloc(ptr::null_mut()), Status::BadParam);
        assert_eq!(
            srtp_protect(ptr::null_mut(), rtp(1).as_mut_ptr().cast(), &mut len),
            Status::BadParam
        );
        assert_eq!(
            srtp_protect(sender, ptr::null_mut(), &mut len),
            Status::BadParam
        );
        assert_eq!(
            srtp_protect(sender, rtp(1).as_mut_ptr().cast(), ptr::null_mut()),
            Status::BadParam
        );
        assert_eq!(srtp_add_stream(sender, ptr::null()), Status::BadParam);
        assert_eq!(srtp_update(sender, ptr::null()), Status::BadParam);
        assert_eq!(
            srtp_get_stream_roc(sender, SSRC, ptr::null_mut()),
            Status::BadParam
        );
        assert!(srtp_get_user_data(ptr::null_mut()).is_null());
    }
    for operation in [
        srtp_protect as Operation,
        srtp_unprotect,
        srtp_protect_rtcp,
        srtp_unprotect_rtcp,
    ] {
        for len in [-1, c_int::MIN, 0, 1, 7] {
            let (status, after) = run(operation, sender, &mut rtp(1), len);
            assert_eq!((status, after), (Status::BadParam, len));
        }
    }
    unsafe { srtp_dealloc(sender) };
}

#[test]
fn policies_that_cannot_be_are_refused() {
    let mut key = [7; 64];
    let refused = |change: &dyn Fn(&mut Policy)| {
        let mut key = [7; 64];
        let mut policy = policy(SUITES[0], ssrc_type::SPECIFIC, &mut key);
        change(&mut policy);
        let mut session = ptr::null_mut();
        let status = unsafe { srtp_create(&mut session, &policy) };
        assert!(session.is_null());
        status
    };
    let ekt: *mut c_void = key.as_mut_ptr().cast();
    assert_eq!(
        refused(&|policy| policy.deprecated_ekt = ekt),
        Status::BadParam
    );
    for window in [1, 63, 0x8000] {
        assert_eq!(
            refused(&|policy| policy.window_size = window),
            Status::BadParam
        );
    }
    assert_eq!(
        refused(&|policy| policy.allow_repeat_tx = 2),
        Status::BadParam
    );
    assert_eq!(refused(&|policy| policy.ssrc.kind = 0), Status::BadParam);
    assert_eq!(
        refused(&|policy| policy.key = ptr::null_mut()),
        Status::BadParam
    );
    assert_eq!(
        refused(&|policy| policy.rtp.cipher_key_len = 46),
        Status::BadParam
    );
    assert_eq!(
        refused(&|policy| policy.rtp.auth_tag_len = 17),
        Status::BadParam
    );
    assert_eq!(refused(&|policy| policy.rtp.auth_type = 9), Status::Fail);
}

#[test]
fn the_packet_names_its_key_by_an_mki_of_any_length() {
    for suite in SUITES.into_iter().take(5).chain([SUITES[8], SUITES[10]]) {
        let mut octets = [[1; 64], [2; 64]];
        let mut mkis = [vec![9; 1], vec![8; 4]];
        let mut keys: Vec<_> = octets
            .iter_mut()
            .zip(&mut mkis)
            .map(|(key, mki)| MasterKeyAndMki {
                key: key.as_mut_ptr(),
                mki_id: mki.as_mut_ptr(),
                mki_size: mki.len() as u32,
            })
            .collect();
        let mut list: Vec<_> = keys.iter_mut().map(ptr::from_mut).collect();
        let with_keys = |kind, list: &mut Vec<_>| {
            let mut unused = [0; 64];
            let mut policy = policy(suite, kind, &mut unused);
            policy.key = ptr::null_mut();
            policy.keys = list.as_mut_ptr();
            policy.num_master_keys = 2;
            session(&policy)
        };
        let sender = with_keys(ssrc_type::ANY_OUTBOUND, &mut list);
        let receiver = with_keys(ssrc_type::ANY_INBOUND, &mut list);
        for (n, mki_len) in [(0, 1), (1, 4)] {
            let mut packet = rtp(n as u16 + 1);
            let mut len = 100;
            let mut trailer_len = 0;
            unsafe {
                let status = srtp_protect_mki(sender, packet.as_mut_ptr().cast(), &mut len, 1, n);
                assert_eq!(status, Status::Ok);
                srtp_get_protect_trailer_length(sender, 0, 0, &mut trailer_len);
                assert_eq!(len, 100 + trailer_len as c_int + mki_len);
                let sealed = packet;
                let status = srtp_unprotect_mki(receiver, packet.as_mut_ptr().cast(), &mut len, 1);
                assert_eq!((status, len), (Status::Ok, 100));
                assert_eq!(packet[..100], rtp(n as u16 + 1)[..100]);

                let mut again = sealed;
                let mut len = 100 + trailer_len as c_int + mki_len;
                let status = srtp_unprotect_mki(receiver, again.as_mut_ptr().cast(), &mut len, 1);
                assert_eq!(status, Status::ReplayFail);
                assert_eq!(again, sealed);
                let status = srtp_protect_mki(sender, again.as_mut_ptr().cast(), &mut len, 1, 2);
                assert_eq!(status, Status::BadMki);
            }
        }
        unsafe {
            srtp_dealloc(sender);
            srtp_dealloc(receiver);
        }
    }
}

#[test]
fn an_update_goes_on_with_the_roc_and_the_srtcp_index() {
    let (mut key, mut next) = ([7; 64], [8; 64]);
    for kind in [ssrc_type::SPECIFIC, ssrc_type::ANY_OUTBOUND] {
        let sender = session(&policy(SUITES[0], kind, &mut key));
        let mut report = [0x80; 64];
        report[4..8].copy_from_slice(&SSRC.to_be_bytes());
        let mut roc = 0;
        unsafe {
            for seq in [65_535, 0] {
                assert_eq!(run(srtp_protect, sender, &mut rtp(seq), 100).0, Status::Ok);
            }
            run(srtp_protect_rtcp, sender, &mut report.clone(), 8);
            let updated = policy(SUITES[0], kind, &mut next);
            assert_eq!(srtp_update(sender, &updated), Status::Ok);
            assert_eq!(srtp_get_stream_roc(sender, SSRC, &mut roc), Status::Ok);
            assert_eq!(roc, 1);
            run(srtp_protect_rtcp, sender, &mut report, 8);
            assert_eq!(report[8..12], [0x80, 0, 0, 2]);
            assert_eq!(run(srtp_protect, sender, &mut rtp(0), 100).0, Status::Ok);
            // The same key again frees nothing.
            assert_eq!(srtp_update(sender, &updated), Status::Ok);
            assert_eq!(
                run(srtp_protect, sender, &mut rtp(0), 100).0,
                Status::ReplayFail
            );
            srtp_dealloc(sender);
        }
    }
}

#[test]
fn a_key_that_comes_back_after_another_makes_no_keystream_twice() {
    let mut keys = [[7; 64], [8; 64]];
    let [sender, receiver] =
        [(); 2].map(|()| session(&policy(SUITES[0], ssrc_type::SPECIFIC, &mut keys[0])));
    let mut first = rtp(7);
    let (_, len) = run(srtp_protect, sender, &mut first, 100);
    let mut replayed = first;
    assert_eq!(run(srtp_unprotect, receiver, &mut first, len).0, Status::Ok);
    for update in [srtp_update, srtp_update_stream] {
        for key in [1, 0] {
            let policy = policy(SUITES[0], ssrc_type::SPECIFIC, &mut keys[key]);
            for session in [sender, receiver] {
                assert_eq!(unsafe { update(session, &policy) }, Status::Ok);
            }
        }
        for seq in [5, 7] {
            let refused = run(srtp_protect, sender, &mut rtp(seq), 100).0;
            assert_eq!(refused, Status::ReplayFail);
        }
        let refused = run(srtp_unprotect, receiver, &mut replayed, len).0;
        assert_eq!(refused, Status::ReplayFail);
    }
    let mut next = rtp(8);
    let (sealed, len) = run(srtp_protect, sender, &mut next, 100);
    assert_eq!(sealed, Status::Ok);
    assert_eq!(run(srtp_unprotect, receiver, &mut next, len).0, Status::Ok);
    unsafe {
        srtp_dealloc(sender);
        srtp_dealloc(receiver);
    }
}

#[test]
fn a_roc_that_was_set_is_the_streams_once_a_packet_has_shown_it() {
    let mut key = [7; 64];
    let sender = session(&policy(SUITES[0], ssrc_type::SPECIFIC, &mut key));
    let receiver = session(&policy(SUITES[0], ssrc_type::SPECIFIC, &mut key));
    let mut roc = 0;
    unsafe {
        assert_eq!(srtp_set_stream_roc(sender, SSRC, 5), Status::Ok);
        assert_eq!(srtp_get_stream_roc(sender, SSRC, &mut roc), Status::Ok);
        assert_eq!(roc, 0);
        let mut packet = rtp(1);
        let (_, len) = run(srtp_protect, sender, &mut packet, 100);
        srtp_get_stream_roc(sender, SSRC, &mut roc);
        assert_eq!(roc, 5);
        assert_eq!(
            run(srtp_unprotect, receiver, &mut packet, len).0,
            Status::AuthFail
        );
        srtp_set_stream_roc(receiver, SSRC, 5);
        let mut forged = packet;
        forged[50] ^= 1;
        assert_eq!(
            run(srtp_unprotect, receiver, &mut forged, len).0,
            Status::AuthFail
        );
        srtp_get_stream_roc(receiver, SSRC, &mut roc);
        assert_eq!(roc, 0);
        assert_eq!(
            run(srtp_unprotect, receiver, &mut packet, len).0,
            Status::Ok
        );
        srtp_get_stream_roc(receiver, SSRC, &mut roc);
        assert_eq!(roc, 5);
        srtp_set_stream_roc(sender, SSRC, 2);
        assert_eq!(
            run(srtp_protect, sender, &mut rtp(2), 100).0,
            Status::PktIdxOld
        );
        srtp_dealloc(sender);
        srtp_dealloc(receiver);
    }
}

#[test]
fn the_roc_that_a_stream_has_can_be_set_for_a_packet_far_ahead() {
    for (first, second) in [(10, 65_500), (100, 40_000)] {
        let mut key = [7; 64];
        let [sender, receiver, other] =
            [(); 3].map(|()| session(&policy(SUITES[0], ssrc_type::SPECIFIC, &mut key)));
        let set_roc = |session| unsafe { srtp_set_stream_roc(session, SSRC, 1) };
        for session in [sender, receiver, other] {
            assert_eq!(set_roc(session), Status::Ok);
        }
        let (mut near, mut far, mut expected) = (rtp(first), rtp(second), rtp(second));
        let (_, len) = run(srtp_protect, sender, &mut near, 100);
        assert_eq!(run(srtp_unprotect, receiver, &mut near, len).0, Status::Ok);
        for session in [sender, receiver] {
            assert_eq!(set_roc(session), Status::Ok);
        }
        let sealed = run(srtp_protect, sender, &mut far, 100);
        assert_eq!(sealed, (Status::Ok, len));
        run(srtp_protect, other, &mut expected, 100);
        assert_eq!(far, expected);
        let mut again = far;
        assert_eq!(run(srtp_unprotect, receiver, &mut far, len).0, Status::Ok);
        let replayed = run(srtp_unprotect, receiver, &mut again, len).0;
        assert_eq!(replayed, Status::ReplayFail);
        for session in [sender, receiver, other] {
            let mut roc = 0;
            unsafe {
                srtp_get_stream_roc(session, SSRC, &mut roc);
                srtp_dealloc(session);
            }
            assert_eq!(roc, 1);
        }
    }
}

#[test]
fn a_roc_that_was_set_leaves_nothing_behind_where_it_is_taken_back() {
    let mut key = [7; 64];
    let [sender, receiver] =
        [(); 2].map(|()| session(&policy(SUITES[0], ssrc_type::SPECIFIC, &mut key)));
    let deliver = |seq| {
        let mut packet = rtp(seq);
        let (sent, len) = run(srtp_protect, sender, &mut packet, 100);
        assert_eq!(sent, Status::Ok);
        run(srtp_unprotect, receiver, &mut packet, len).0
    };
    assert_eq!(deliver(65_530), Status::Ok);
    unsafe {
        for session in [sender, receiver] {
            assert_eq!(srtp_set_stream_roc(session, SSRC, 5), Status::Ok);
        }
        // Both are refused, and the ROC goes unused.
        let (mut too_large, mut forged) = (rtp(1), rtp(1));
        too_large[0] = 0;
        assert_ne!(run(srtp_protect, sender, &mut too_large, 100).0, Status::Ok);
        let refused = run(srtp_unprotect, receiver, &mut forged, 110).0;
        assert_eq!(refused, Status::AuthFail);
        for session in [sender, receiver] {
            assert_eq!(srtp_set_stream_roc(session, SSRC, 0), Status::Ok);
        }
        assert_eq!(deliver(3), Status::Ok);
        for session in [sender, receiver] {
            let mut roc = 77;
            assert_eq!(srtp_get_stream_roc(session, SSRC, &mut roc), Status::Ok);
            assert_eq!(roc, 1);
            srtp_dealloc(session);
        }
    }
}

#[test]
fn the_structures_are_laid_out_as_debians_headers_have_them() {
    use std::mem::{offset_of, size_of};
    if size_of::<usize>() != 8 {
        return;
    }
    assert_eq!(size_of::<Policy>(), 128);
    assert_eq!(size_of::<CryptoPolicy>(), 24);
    assert_eq!(size_of::<Ssrc>(), 8);
    assert_eq!(size_of::<MasterKeyAndMki>(), 24);
    assert_eq!(size_of::<srtp2::types::EventData>(), 16);
    assert_eq!(size_of::<Status>(), 4);
    let offsets = [
        offset_of!(Policy, ssrc),
        offset_of!(Policy, rtp),
        offset_of!(Policy, rtcp),
        offset_of!(Policy, key),
        offset_of!(Policy, keys),
        offset_of!(Policy, num_master_keys),
        offset_of!(Policy, deprecated_ekt),
        offset_of!(Policy, window_size),
        offset_of!(Policy, allow_repeat_tx),
        offset_of!(Policy, enc_xtn_hdr),
        offset_of!(Policy, enc_xtn_hdr_count),
        offset_of!(Policy, next),
    ];
    assert_eq!(offsets, [0, 8, 32, 56, 64, 72, 80, 88, 96, 104, 112, 120]);
}

/// A tag that is the sum of all octets, over and over.
mod sum {
    use std::cell::RefCell;
    use std::ffi::{c_int, c_void};
    use std::ptr;

    use srtp2::types::{Auth, AuthTestCase, AuthType};

    pub(crate) struct Shared(pub(crate) AuthType, pub(crate) AuthTestCase);
    // SAFETY: nothing of it changes.
    unsafe impl Sync for Shared {}

    pub(crate) unsafe extern "C" fn alloc(
        to: *mut *mut Auth,
        key_len: c_int,
        out_len: c_int,
    ) -> c_int {
        let state = Box::into_raw(Box::new(0u8)).cast();
        let auth = Auth {
            kind: &SUM.0,
            state,
            out_len,
            key_len,
            prefix_len: 0,
        };
        unsafe { *to = Box::into_raw(Box::new(auth)) };
        0
    }
    pub(crate) unsafe extern "C" fn dealloc(auth: *mut Auth) -> c_int {
        let auth = unsafe { Box::from_raw(auth) };
        drop(unsafe { Box::from_raw(auth.state.cast::<u8>()) });
        0
    }
    std::thread_local! {
        /// The keys that functions of this thread were given.
        pub(crate) static KEYS: RefCell<Vec<Vec<u8>>> = const { RefCell::new(Vec::new()) };
    }
    pub(crate) unsafe extern "C" fn init(_: *mut c_void, key: *const u8, len: c_int) -> c_int {
        let key = unsafe { std::slice::from_raw_parts(key, len as usize) };
        KEYS.with_borrow_mut(|keys| keys.push(key.to_vec()));
        0
    }
    pub(crate) unsafe extern "C" fn start(state: *mut c_void) -> c_int {
        unsafe { *state.cast::<u8>() = 0 };
        0
    }
    pub(crate) unsafe extern "C" fn update(
        state: *mut c_void,
        octets: *const u8,
        len: c_int,
    ) -> c_int {
        for n in 0..len as usize {
            let state = state.cast::<u8>();
            unsafe { *state = (*state).wrapping_add(*octets.add(n)) };
        }
        0
    }
    pub(crate) unsafe extern "C" fn compute(
        state: *mut c_void,
        octets: *const u8,
        len: c_int,
        tag_len: c_int,
        tag: *mut u8,
    ) -> c_int {
        unsafe {
            update(state, octets, len);
            ptr::write_bytes(tag, *state.cast::<u8>(), tag_len as usize);
        }
        0
    }
    static DATA: [u8; 3] = [1, 2, 3];
    static TAG: [u8; 2] = [6, 6];
    pub(crate) static SUM: Shared = Shared(
        AuthType {
            alloc: Some(alloc),
            dealloc: Some(dealloc),
            init: Some(init),
            compute: Some(compute),
            update: Some(update),
            start: Some(start),
            description: c"sum".as_ptr(),
            test_data: &SUM.1,
            id: 77,
        },
        AuthTestCase {
            key_len: 3,
            key: &raw const DATA as *const u8,
            data_len: 3,
            data: &raw const DATA as *const u8,
            tag_len: 2,
            tag: &raw const TAG as *const u8,
            next: ptr::null(),
        },
    );
}

#[test]
fn an_authentication_function_of_the_callers_makes_and_checks_the_tag() {
    use srtp2::exports::auths::{srtp_auth_type_test, srtp_replace_auth_type};
    unsafe {
        let case = &sum::SUM.1;
        assert_eq!(srtp_auth_type_test(&sum::SUM.0, case), Status::Ok);
        let (key, data, tag) = (case.key, case.data, case.tag);
        let null = ptr::null();
        for [key, data, tag] in [[null, data, tag], [key, null, tag], [key, data, null]] {
            let lie = AuthTestCase {
                key,
                data,
                tag,
                ..*case
            };
            assert_eq!(srtp_auth_type_test(&sum::SUM.0, &lie), Status::BadParam);
        }
        assert_eq!(srtp_replace_auth_type(&sum::SUM.0, 78), Status::BadParam);
        assert_eq!(srtp_replace_auth_type(&sum::SUM.0, 77), Status::Ok);
    }
    let mut key = [7; 64];
    let mut with_sum = policy(SUITES[0], ssrc_type::SPECIFIC, &mut key);
    with_sum.rtp.auth_type = 77;
    let (sender, receiver) = (session(&with_sum), session(&with_sum));
    let mut packet = rtp(1);
    let (status, len) = run(srtp_protect, sender, &mut packet, 100);
    assert_eq!((status, len), (Status::Ok, 110));
    let sum = packet[..100]
        .iter()
        .fold(0, |sum: u8, octet| sum.wrapping_add(*octet));
    assert_eq!(packet[100..110], [sum; 10]);
    packet[50] ^= 1;
    assert_eq!(
        run(srtp_unprotect, receiver, &mut packet, len).0,
        Status::AuthFail
    );
    packet[50] ^= 1;
    assert_eq!(
        run(srtp_unprotect, receiver, &mut packet, len),
        (Status::Ok, 100)
    );
    assert_eq!(packet[..100], rtp(1)[..100]);
    unsafe {
        srtp_dealloc(sender);
        srtp_dealloc(receiver);
    }

    // Where SRTP is not to be authenticated there is no tag, as with HMAC-SHA1.
    with_sum.rtp.sec_serv = sec_serv::CONF;
    let (sender, receiver) = (session(&with_sum), session(&with_sum));
    let mut packet = rtp(1);
    let sealed = run(srtp_protect, sender, &mut packet, 100);
    assert_eq!(sealed, (Status::Ok, 100));
    assert_ne!(packet[12..100], rtp(1)[12..100]);
    let opened = run(srtp_unprotect, receiver, &mut packet, 100);
    assert_eq!(opened, (Status::Ok, 100));
    assert_eq!(packet, rtp(1));
    unsafe {
        srtp_dealloc(sender);
        srtp_dealloc(receiver);
    }
}

#[test]
fn an_authentication_function_of_the_callers_has_its_key_from_the_master_key_under_null_too() {
    // libsrtp 2.8 derives it from a master key of zeros, which anybody has.
    let status = unsafe { srtp2::exports::auths::srtp_replace_auth_type(&sum::SUM.0, 77) };
    assert_eq!(status, Status::Ok);
    for octet in [1, 2] {
        let mut key = [octet; 64];
        let mut with_sum = policy(
            [srtp_crypto_policy_set_null_cipher_hmac_sha1_80; 2],
            ssrc_type::SPECIFIC,
            &mut key,
        );
        (with_sum.rtp.auth_type, with_sum.rtcp.auth_type) = (77, 77);
        sum::KEYS.take();
        let session = session(&with_sum);
        let profile = Profile::AesCm128HmacSha1_80;
        let master = MasterKey::new(profile, &[octet; 16], &[octet; 14]).unwrap();
        let labels = [Label::RtpAuthentication, Label::RtcpAuthentication];
        let expected = labels.map(|label| master.derive::<20>(label, PacketIndex::ZERO).to_vec());
        assert_eq!(sum::KEYS.take(), expected);
        unsafe { srtp_dealloc(session) };
    }
}

#[test]
fn a_half_that_encrypts_nothing_goes_with_any_key_length_of_the_other() {
    let mut key = [7; 64];
    let halves = [
        srtp_crypto_policy_set_aes_cm_256_hmac_sha1_80,
        srtp_crypto_policy_set_rtcp_default,
    ];
    let mut unequal = policy(halves, ssrc_type::SPECIFIC, &mut key);
    let mut none = ptr::null_mut();
    let status = unsafe { srtp_create(&mut none, &unequal) };
    assert_eq!(status, Status::BadParam);
    unequal.rtcp.sec_serv = 0;
    let (sender, receiver) = (session(&unequal), session(&unequal));
    let mut packet = rtp(1);
    let (_, len) = run(srtp_protect, sender, &mut packet, 100);
    let opened = run(srtp_unprotect, receiver, &mut packet, len);
    assert_eq!(opened, (Status::Ok, 100));
    unsafe {
        srtp_dealloc(sender);
        srtp_dealloc(receiver);
    }
}
