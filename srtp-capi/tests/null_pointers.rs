//! Null is answered at every function of the interface.

#![allow(
    clippy::undocumented_unsafe_blocks,
    reason = "the whole file plays the part of a C program"
)]

mod program;

use std::ffi::{CStr, c_char, c_int, c_uint, c_void};
use std::ptr;

use program::{ANY_OUTBOUND, Owned, SUITES, Setter, policy};
use srtp2::exports::{
    auths::*, batches::*, ciphers::*, counters::*, library::*, packets::*, policies::*, reports::*,
    sessions::*, snapshots::*,
};
use srtp2::status::Status;
use srtp2::types::{
    Auth, AuthType, Cipher, CipherTestCase, CipherType, CryptoPolicy, PacketOfBatch, Ssrc,
    StreamCounters, auth_type, cipher_type,
};

type Pointer = *mut c_void;

/// Calls `entry` with every choice of pointers of which one at least is null.
fn refuses_null<const N: usize>(
    valid: [Pointer; N],
    mut entry: impl FnMut([Pointer; N]) -> Status,
) {
    for given in 0..(1_u32 << N) - 1 {
        let mut pointers = valid;
        for (n, pointer) in pointers.iter_mut().enumerate() {
            if given & 1 << n == 0 {
                *pointer = ptr::null_mut();
            }
        }
        assert_eq!(entry(pointers), Status::BadParam, "{given:b}");
    }
}

fn to<T>(value: &mut T) -> Pointer {
    ptr::from_mut(value).cast()
}

#[test]
fn sessions_and_packets() {
    let session = Owned::of(SUITES[0], ANY_OUTBOUND);
    let session: Pointer = session.0.cast();
    let (mut packet, mut len, mut number, mut count) = ([0x80_u8; 256], 40, 0_u32, 0_usize);
    let (packet, len) = (to(&mut packet), to(&mut len));
    let mut ssrc = ANY_OUTBOUND;
    let mut key = [1; 64];
    let mut policy = policy(SUITES[0], Ssrc { kind: 1, value: 9 }, &mut key);
    let policy = to(&mut policy);
    unsafe {
        for entry in [
            srtp_protect,
            srtp_unprotect,
            srtp_protect_rtcp,
            srtp_unprotect_rtcp,
        ] {
            refuses_null([session, packet, len], |[session, packet, len]| {
                entry(session.cast(), packet, len.cast())
            });
        }
        for entry in [srtp_protect_mki, srtp_protect_rtcp_mki] {
            refuses_null([session, packet, len], |[session, packet, len]| {
                entry(session.cast(), packet, len.cast(), 1, 0)
            });
        }
        for entry in [srtp_unprotect_mki, srtp_unprotect_rtcp_mki] {
            refuses_null([session, packet, len], |[session, packet, len]| {
                entry(session.cast(), packet, len.cast(), 1)
            });
        }
        for entry in [srtp_add_stream, srtp_update, srtp_update_stream] {
            refuses_null([session, policy], |[session, policy]| {
                entry(session.cast(), policy.cast())
            });
        }
        for entry in [
            srtp_get_protect_trailer_length,
            srtp_get_protect_rtcp_trailer_length,
        ] {
            refuses_null([session, to(&mut number)], |[session, number]| {
                entry(session.cast(), 0, 0, number.cast())
            });
        }
        refuses_null([session, to(&mut number)], |[session, number]| {
            srtp_get_stream_roc(session.cast(), 9, number.cast())
        });
        refuses_null([session, to(&mut ssrc)], |[session, ssrc]| {
            srtp_set_stream_use_cryptex(session.cast(), ssrc.cast(), 1)
        });
        let null = ptr::null_mut();
        assert_eq!(
            srtp_create(ptr::null_mut(), policy.cast()),
            Status::BadParam
        );
        // No policy is a session without a stream.
        let mut empty = ptr::null_mut();
        assert_eq!(srtp_create(&mut empty, ptr::null()), Status::Ok);
        assert_eq!(srtp_dealloc(empty), Status::Ok);
        assert_eq!(srtp_dealloc(null), Status::BadParam);
        assert_eq!(srtp_remove_stream(null, 1), Status::BadParam);
        assert_eq!(srtp_set_stream_roc(null, 1, 1), Status::BadParam);
        assert!(srtp_get_stream(null, 1).is_null());
        srtp_set_user_data(null, session);
        assert!(srtp_get_user_data(null).is_null());
        assert_eq!(srtp_rdbx_get_window_size(ptr::null()), 0);

        // What callseal_srtp.h adds.
        let mut batch = PacketOfBatch {
            packet: ptr::null_mut(),
            len: 40,
            status: 0,
        };
        for entry in [
            callseal_srtp_protect_batch,
            callseal_srtp_unprotect_batch,
            callseal_srtp_protect_rtcp_batch,
            callseal_srtp_unprotect_rtcp_batch,
        ] {
            refuses_null([session, to(&mut batch)], |[session, packets]| {
                entry(session.cast(), packets.cast(), 1)
            });
            assert_eq!(entry(session.cast(), &mut batch, 1), Status::BadParam);
        }
        let (mut counters, mut new) = (StreamCounters::default(), ptr::null_mut::<c_void>());
        refuses_null([session, to(&mut counters)], |[session, counters]| {
            callseal_srtp_get_counters(session.cast(), 9, counters.cast())
        });
        refuses_null([session, to(&mut new)], |[session, new]| {
            callseal_srtp_watch_stream(session.cast(), 9, new.cast())
        });
        refuses_null([session], |_| {
            callseal_srtp_read_watch(ptr::null(), &mut counters)
        });
        callseal_srtp_end_watch(ptr::null_mut());
        refuses_null(
            [session, to(&mut number), to(&mut count)],
            |[session, ssrcs, count]| {
                callseal_srtp_get_ssrcs(session.cast(), ssrcs.cast(), 1, count.cast())
            },
        );
        refuses_null([session, to(&mut new)], |[session, new]| {
            callseal_srtp_take_snapshot(session.cast(), 1, 1, new.cast())
        });
        assert!(callseal_srtp_get_snapshot_octets(ptr::null(), &mut count).is_null());
        refuses_null([session], |_| {
            callseal_srtp_confirm_snapshot(session.cast(), ptr::null())
        });
        callseal_srtp_end_snapshot(ptr::null_mut());
        refuses_null([session, packet], |[session, octets]| {
            callseal_srtp_restore(session.cast(), octets, 1)
        });
        assert_eq!(callseal_srtp_start_stream(null, 1, 1), Status::BadParam);
    }
}

#[test]
fn policies_and_the_library() {
    let setters: [Setter; 18] = [
        srtp_crypto_policy_set_rtp_default,
        srtp_crypto_policy_set_rtcp_default,
        srtp_crypto_policy_set_aes_cm_128_hmac_sha1_32,
        srtp_crypto_policy_set_aes_cm_128_null_auth,
        srtp_crypto_policy_set_null_cipher_hmac_sha1_80,
        srtp_crypto_policy_set_null_cipher_hmac_null,
        srtp_crypto_policy_set_aes_cm_192_hmac_sha1_80,
        srtp_crypto_policy_set_aes_cm_192_hmac_sha1_32,
        srtp_crypto_policy_set_aes_cm_192_null_auth,
        srtp_crypto_policy_set_aes_cm_256_hmac_sha1_80,
        srtp_crypto_policy_set_aes_cm_256_hmac_sha1_32,
        srtp_crypto_policy_set_aes_cm_256_null_auth,
        srtp_crypto_policy_set_aes_gcm_128_8_auth,
        srtp_crypto_policy_set_aes_gcm_256_8_auth,
        srtp_crypto_policy_set_aes_gcm_128_8_only_auth,
        srtp_crypto_policy_set_aes_gcm_256_8_only_auth,
        srtp_crypto_policy_set_aes_gcm_128_16_auth,
        srtp_crypto_policy_set_aes_gcm_256_16_auth,
    ];
    let null = ptr::null_mut();
    let mut octets = [0x5a; 4];
    unsafe {
        setters.iter().for_each(|setter| setter(null));
        for entry in [
            srtp_crypto_policy_set_from_profile_for_rtp,
            srtp_crypto_policy_set_from_profile_for_rtcp,
        ] {
            assert_eq!(entry(null, 1), Status::BadParam);
            let mut policy = CryptoPolicy::default();
            assert_eq!(entry(&mut policy, 0x4711), Status::BadParam);
            assert_eq!(policy, CryptoPolicy::default());
        }
        assert_eq!(srtp_profile_get_master_key_length(0x4711), 0);
        assert_eq!(srtp_profile_get_master_salt_length(0x4711), 0);
        srtp_append_salt_to_key(ptr::null_mut(), 2, octets.as_mut_ptr(), 2);
        srtp_append_salt_to_key(octets.as_mut_ptr(), 2, ptr::null_mut(), 2);
        assert_eq!(octets, [0x5a; 4]);

        let null = ptr::null_mut();
        assert_eq!(srtp_octet_string_is_eq(null, octets.as_mut_ptr(), 4), 1);
        assert_eq!(srtp_octet_string_is_eq(octets.as_mut_ptr(), null, 4), 1);
        assert_eq!(srtp_octet_string_is_eq(null, null, -1), 0);
        for len in [4, -1, i32::MIN, i32::MAX] {
            let digits = CStr::from_ptr(srtp_octet_string_hex_string(ptr::null(), len));
            assert!(digits.is_empty());
        }
        assert_eq!(srtp_set_debug_module(ptr::null(), 1), Status::BadParam);
        let none = ptr::null_mut();
        assert_eq!(srtp_crypto_kernel_load_debug_module(none), Status::BadParam);
        let report: unsafe extern "C" fn(u32, *const c_char) =
            std::mem::transmute(srtp_err_report as *const c_void);
        report(0, ptr::null());
        assert!(!srtp_get_version_string().is_null());
        assert_eq!(srtp_get_version() >> 16, 0x208);
        for entry in [
            srtp_init,
            srtp_crypto_kernel_init,
            srtp_list_debug_modules,
            srtp_crypto_kernel_shutdown,
            srtp_shutdown,
        ] {
            assert_eq!(entry(), Status::Ok);
        }
        assert_eq!(srtp_install_event_handler(None), Status::Ok);
        assert_eq!(srtp_install_log_handler(None, ptr::null_mut()), Status::Ok);
    }
}

#[test]
fn ciphers_and_authentication_functions() {
    let mut octets = [0; 16];
    let octets = octets.as_mut_ptr();
    let mut len = 16;
    // Types that have nothing, and what would be made of them.
    let cipher_kind = CipherType {
        alloc: None,
        dealloc: None,
        init: None,
        set_aad: None,
        encrypt: None,
        decrypt: None,
        set_iv: None,
        get_tag: None,
        description: ptr::null(),
        test_data: ptr::null(),
        id: cipher_type::AES_ICM_128,
    };
    let auth_kind = AuthType {
        alloc: None,
        dealloc: None,
        init: None,
        compute: None,
        update: None,
        start: None,
        description: ptr::null(),
        test_data: ptr::null(),
        id: auth_type::HMAC_SHA1,
    };
    let mut no_kind = Cipher {
        kind: ptr::null(),
        state: ptr::null_mut(),
        key_len: 30,
        algorithm: 1,
    };
    let mut no_state = Cipher {
        kind: &cipher_kind,
        ..no_kind
    };
    let null = ptr::null_mut();
    unsafe {
        let mut new = ptr::null_mut();
        for kind in [ptr::null(), &raw const cipher_kind] {
            assert_eq!(
                srtp_cipher_type_alloc(kind, &mut new, 30, 0),
                Status::BadParam
            );
            assert_eq!(
                srtp_cipher_type_alloc(kind, ptr::null_mut(), 30, 0),
                Status::BadParam
            );
            assert_ne!(srtp_cipher_type_self_test(kind), Status::Ok);
            assert_ne!(srtp_cipher_type_test(kind, ptr::null()), Status::Ok);
            assert_ne!(srtp_replace_cipher_type(kind, 1), Status::Ok);
        }
        for cipher in [null, &raw mut no_kind, &raw mut no_state] {
            assert_eq!(srtp_cipher_dealloc(cipher), Status::BadParam);
            assert_eq!(srtp_cipher_init(cipher, octets), Status::BadParam);
            assert_eq!(srtp_cipher_set_iv(cipher, octets, 0), Status::BadParam);
            assert_eq!(srtp_cipher_set_aad(cipher, octets, 4), Status::BadParam);
            for entry in [
                srtp_cipher_output,
                srtp_cipher_encrypt,
                srtp_cipher_decrypt,
                srtp_cipher_get_tag,
            ] {
                assert_eq!(entry(cipher, octets, &mut len), Status::BadParam);
            }
            assert_eq!(srtp_cipher_bits_per_second(cipher, 16, 2), 0);
            assert_eq!(srtp_cipher_bits_per_second(cipher, -1, 2), 0);
        }
        let mut state = 0_u8;
        no_state.state = to(&mut state);
        assert_eq!(
            srtp_cipher_encrypt(&mut no_state, octets, &mut len),
            Status::NoSuchOp
        );
        assert_eq!(srtp_cipher_get_key_length(ptr::null()), 0);
        for kind in [ptr::null(), &raw const auth_kind] {
            assert_ne!(srtp_auth_type_self_test(kind), Status::Ok);
            assert_ne!(srtp_auth_type_test(kind, ptr::null()), Status::Ok);
            assert_ne!(srtp_replace_auth_type(kind, 3), Status::Ok);
        }
        let auth: *const Auth = ptr::null();
        assert_eq!(srtp_auth_get_key_length(auth), 0);
        assert_eq!(srtp_auth_get_tag_length(auth), 0);
        assert_eq!(srtp_auth_get_prefix_length(auth), 0);
    }
}

/// A cipher that writes as many octets as it is told.
mod writer {
    use super::*;

    static STATE: u8 = 0;

    unsafe extern "C" fn alloc(to: *mut *mut Cipher, key_len: c_int, _: c_int) -> c_int {
        let cipher = Cipher {
            kind: &WRITER.0,
            state: (&raw const STATE).cast_mut().cast(),
            key_len,
            algorithm: 1,
        };
        unsafe { *to = Box::into_raw(Box::new(cipher)) };
        0
    }
    unsafe extern "C" fn dealloc(cipher: *mut Cipher) -> c_int {
        drop(unsafe { Box::from_raw(cipher) });
        0
    }
    unsafe extern "C" fn init(_: *mut c_void, key: *const u8) -> c_int {
        unsafe { key.read_volatile() };
        0
    }
    unsafe extern "C" fn set_aad(_: *mut c_void, aad: *const u8, len: u32) -> c_int {
        for n in 0..len as usize {
            unsafe { aad.add(n).read_volatile() };
        }
        0
    }
    unsafe extern "C" fn write(_: *mut c_void, octets: *mut u8, len: *mut c_uint) -> c_int {
        unsafe { ptr::write_bytes(octets, 0x77, *len as usize) };
        0
    }
    unsafe extern "C" fn set_iv(_: *mut c_void, _: *mut u8, _: c_uint) -> c_int {
        0
    }
    unsafe extern "C" fn get_tag(_: *mut c_void, tag: *mut u8, len: *mut u32) -> c_int {
        unsafe { (tag.write(0x77), len.write(1)) };
        0
    }

    pub(crate) struct Shared(pub(crate) CipherType);
    // Nothing of it changes.
    unsafe impl Sync for Shared {}
    pub(crate) static WRITER: Shared = Shared(CipherType {
        alloc: Some(alloc),
        dealloc: Some(dealloc),
        init: Some(init),
        set_aad: Some(set_aad),
        encrypt: Some(write),
        decrypt: Some(write),
        set_iv: Some(set_iv),
        get_tag: Some(get_tag),
        description: c"writer".as_ptr(),
        test_data: ptr::null(),
        id: 77,
    });
}

#[test]
fn a_length_whose_octets_are_not_there_is_refused() {
    let kind = &writer::WRITER.0;
    let octets = [0x77; 4];
    let (there, not_there) = (octets.as_ptr(), ptr::null());
    let case = |key, plaintext, ciphertext, aad| CipherTestCase {
        key_len: 4,
        key,
        idx: ptr::null_mut(),
        plaintext_len: if plaintext == not_there { 4_096 } else { 3 },
        plaintext,
        ciphertext_len: if ciphertext == not_there { 4_096 } else { 4 },
        ciphertext,
        aad_len: 4,
        aad,
        tag_len: 1,
        next: ptr::null(),
    };
    unsafe {
        for lie in [
            case(not_there, there, there, there),
            case(there, not_there, there, there),
            case(there, there, not_there, there),
            case(there, there, there, not_there),
            CipherTestCase {
                aad_len: -1,
                ..case(there, there, there, there)
            },
        ] {
            assert_eq!(srtp_cipher_type_test(kind, &lie), Status::BadParam);
            let lying = CipherType {
                test_data: &lie,
                ..*kind
            };
            assert_eq!(srtp_cipher_type_self_test(&lying), Status::BadParam);
            assert_eq!(srtp_replace_cipher_type(&lying, 77), Status::BadParam);
        }
        // What it computes is compared, where nothing is amiss.
        let true_case = case(there, there, there, there);
        assert_ne!(srtp_cipher_type_test(kind, &true_case), Status::BadParam);

        let mut cipher = ptr::null_mut();
        assert_eq!(srtp_cipher_type_alloc(kind, &mut cipher, 4, 1), Status::Ok);
        let (nowhere, mut len) = (ptr::null_mut(), 4);
        assert_eq!(srtp_cipher_init(cipher, ptr::null()), Status::BadParam);
        let refused = srtp_cipher_set_aad(cipher, ptr::null(), 4);
        assert_eq!(refused, Status::BadParam);
        for entry in [
            srtp_cipher_output,
            srtp_cipher_encrypt,
            srtp_cipher_decrypt,
            srtp_cipher_get_tag,
        ] {
            assert_eq!(entry(cipher, nowhere, &mut len), Status::BadParam);
            let mut octets = octets;
            let refused = entry(cipher, octets.as_mut_ptr(), ptr::null_mut());
            assert_eq!(refused, Status::BadParam);
        }
        // No octet of no length is missed.
        assert_eq!(srtp_cipher_set_aad(cipher, ptr::null(), 0), Status::Ok);
        len = 0;
        assert_eq!(srtp_cipher_encrypt(cipher, nowhere, &mut len), Status::Ok);
        assert_eq!(srtp_cipher_output(cipher, nowhere, &mut len), Status::Ok);
        assert_eq!(srtp_cipher_dealloc(cipher), Status::Ok);
    }
}

#[test]
fn no_function_is_left_out_above() {
    let sources = [
        include_str!("../src/exports/auths.rs"),
        include_str!("../src/exports/batches.rs"),
        include_str!("../src/exports/ciphers.rs"),
        include_str!("../src/exports/counters.rs"),
        include_str!("../src/exports/library.rs"),
        include_str!("../src/exports/packets.rs"),
        include_str!("../src/exports/policies.rs"),
        include_str!("../src/exports/reports.rs"),
        include_str!("../src/exports/sessions.rs"),
        include_str!("../src/exports/snapshots.rs"),
    ];
    let is_word = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let words = |text: &'static str| text.split(move |c| !is_word(c));
    let here: Vec<_> = words(include_str!("null_pointers.rs")).collect();
    let mut count = 0;
    for source in sources {
        let functions = source.split(" extern \"C\" fn ").skip(1);
        let setters = source.lines().filter(|line| line.contains(" = policy("));
        let names = functions.chain(setters).map(|text| {
            let text = text.trim_start();
            &text[..text.find(|c| !is_word(c)).unwrap_or(0)]
        });
        for name in names.filter(|name| name.contains("srtp_")) {
            assert!(here.contains(&name), "{name}");
            count += 1;
        }
    }
    assert!(count > 80);
}
