//! The structures and numbers of the interface are those that the C compiler
//! finds in libsrtp's headers (`layout.txt`, which `peers/capi/layout.sh`
//! compares with Debian's).
#![cfg(all(target_pointer_width = "64", unix))]

use std::collections::BTreeMap;
use std::mem::offset_of;

use srtp2::status::Status;
use srtp2::types::*;

/// Sizes and offsets of one structure, as `layout.c` prints them.
macro_rules! structure {
    ($lines:ident, $rust:ident, $c:literal, $($field:ident: $name:literal),+) => {
        $lines.insert(format!("sizeof {}", $c), size_of::<$rust>().to_string());
        $(
            let len = field_len(|whole: &$rust| &raw const whole.$field);
            let place = format!("{}, {len} octets", offset_of!($rust, $field));
            $lines.insert(format!("offset {}.{}", $c, $name), place);
        )+
    };
}

fn field_len<T, F>(_: impl Fn(&T) -> *const F) -> usize {
    size_of::<F>()
}

fn c_compiler() -> BTreeMap<String, String> {
    let lines = include_str!("layout.txt").lines();
    let words = lines.map(|line| {
        let mut words = line.splitn(3, ' ');
        let mut word = || words.next().unwrap_or_default();
        (format!("{} {}", word(), word()), word().to_owned())
    });
    words.collect()
}

#[test]
fn every_structure_is_laid_out_as_in_c() {
    let mut ours = BTreeMap::new();
    structure!(ours, CryptoPolicy, "srtp_crypto_policy_t", cipher_type: "cipher_type", cipher_key_len: "cipher_key_len", auth_type: "auth_type", auth_key_len: "auth_key_len", auth_tag_len: "auth_tag_len", sec_serv: "sec_serv");
    structure!(ours, Ssrc, "srtp_ssrc_t", kind: "type", value: "value");
    structure!(ours, MasterKeyAndMki, "srtp_master_key_t", key: "key", mki_id: "mki_id", mki_size: "mki_size");
    structure!(ours, Policy, "srtp_policy_t", ssrc: "ssrc", rtp: "rtp", rtcp: "rtcp", key: "key", keys: "keys", num_master_keys: "num_master_keys", deprecated_ekt: "deprecated_ekt", window_size: "window_size", allow_repeat_tx: "allow_repeat_tx", enc_xtn_hdr: "enc_xtn_hdr", enc_xtn_hdr_count: "enc_xtn_hdr_count", next: "next");
    structure!(ours, EventData, "srtp_event_data_t", session: "session", ssrc: "ssrc", event: "event");
    structure!(ours, CipherTestCase, "srtp_cipher_test_case_t", key_len: "key_length_octets", key: "key", idx: "idx", plaintext_len: "plaintext_length_octets", plaintext: "plaintext", ciphertext_len: "ciphertext_length_octets", ciphertext: "ciphertext", aad_len: "aad_length_octets", aad: "aad", tag_len: "tag_length_octets", next: "next_test_case");
    structure!(ours, CipherType, "srtp_cipher_type_t", alloc: "alloc", dealloc: "dealloc", init: "init", set_aad: "set_aad", encrypt: "encrypt", decrypt: "decrypt", set_iv: "set_iv", get_tag: "get_tag", description: "description", test_data: "test_data", id: "id");
    structure!(ours, Cipher, "srtp_cipher_t", kind: "type", state: "state", key_len: "key_len", algorithm: "algorithm");
    structure!(ours, AuthTestCase, "srtp_auth_test_case_t", key_len: "key_length_octets", key: "key", data_len: "data_length_octets", data: "data", tag_len: "tag_length_octets", tag: "tag", next: "next_test_case");
    structure!(ours, AuthType, "srtp_auth_type_t", alloc: "alloc", dealloc: "dealloc", init: "init", compute: "compute", update: "update", start: "start", description: "description", test_data: "test_data", id: "id");
    structure!(ours, Auth, "srtp_auth_t", kind: "type", state: "state", out_len: "out_len", key_len: "key_len", prefix_len: "prefix_len");
    let mut theirs = c_compiler();
    theirs.retain(|what, _| !what.starts_with("value "));
    // Enumerations and other numbers have the size of the fields that hold them.
    theirs.retain(|what, size| {
        let is_number = what.starts_with("sizeof ") && !ours.contains_key(what);
        assert!(!is_number || size == "4", "{what} {size}");
        !is_number
    });
    assert_eq!(ours, theirs);
}

#[test]
fn every_number_is_the_one_in_c() {
    let values = c_compiler();
    let ours = [
        ("srtp_err_status_ok", Status::Ok as u32),
        ("srtp_err_status_fail", Status::Fail as u32),
        ("srtp_err_status_bad_param", Status::BadParam as u32),
        ("srtp_err_status_alloc_fail", Status::AllocFail as u32),
        ("srtp_err_status_dealloc_fail", Status::DeallocFail as u32),
        ("srtp_err_status_init_fail", Status::InitFail as u32),
        ("srtp_err_status_terminus", Status::Terminus as u32),
        ("srtp_err_status_auth_fail", Status::AuthFail as u32),
        ("srtp_err_status_cipher_fail", Status::CipherFail as u32),
        ("srtp_err_status_replay_fail", Status::ReplayFail as u32),
        ("srtp_err_status_replay_old", Status::ReplayOld as u32),
        ("srtp_err_status_algo_fail", Status::AlgoFail as u32),
        ("srtp_err_status_no_such_op", Status::NoSuchOp as u32),
        ("srtp_err_status_no_ctx", Status::NoCtx as u32),
        ("srtp_err_status_cant_check", Status::CantCheck as u32),
        ("srtp_err_status_key_expired", Status::KeyExpired as u32),
        ("srtp_err_status_socket_err", Status::SocketErr as u32),
        ("srtp_err_status_signal_err", Status::SignalErr as u32),
        ("srtp_err_status_nonce_bad", Status::NonceBad as u32),
        ("srtp_err_status_read_fail", Status::ReadFail as u32),
        ("srtp_err_status_write_fail", Status::WriteFail as u32),
        ("srtp_err_status_parse_err", Status::ParseErr as u32),
        ("srtp_err_status_encode_err", Status::EncodeErr as u32),
        ("srtp_err_status_semaphore_err", Status::SemaphoreErr as u32),
        ("srtp_err_status_pfkey_err", Status::PfkeyErr as u32),
        ("srtp_err_status_bad_mki", Status::BadMki as u32),
        ("srtp_err_status_pkt_idx_old", Status::PktIdxOld as u32),
        ("srtp_err_status_pkt_idx_adv", Status::PktIdxAdv as u32),
        ("SRTP_NULL_CIPHER", cipher_type::NULL),
        ("SRTP_AES_ICM_128", cipher_type::AES_ICM_128),
        ("SRTP_AES_ICM_192", cipher_type::AES_ICM_192),
        ("SRTP_AES_ICM_256", cipher_type::AES_ICM_256),
        ("SRTP_AES_GCM_128", cipher_type::AES_GCM_128),
        ("SRTP_AES_GCM_256", cipher_type::AES_GCM_256),
        ("SRTP_NULL_AUTH", auth_type::NULL),
        ("SRTP_HMAC_SHA1", auth_type::HMAC_SHA1),
        ("sec_serv_conf", sec_serv::CONF),
        ("sec_serv_auth", sec_serv::AUTH),
        ("sec_serv_conf_and_auth", sec_serv::CONF | sec_serv::AUTH),
        ("ssrc_specific", ssrc_type::SPECIFIC),
        ("ssrc_any_inbound", ssrc_type::ANY_INBOUND),
        ("ssrc_any_outbound", ssrc_type::ANY_OUTBOUND),
        ("event_ssrc_collision", event::SSRC_COLLISION),
        ("event_key_soft_limit", event::KEY_SOFT_LIMIT),
        ("event_key_hard_limit", event::KEY_HARD_LIMIT),
        ("event_packet_index_limit", event::PACKET_INDEX_LIMIT),
        ("SRTP_MAX_TAG_LEN", MAX_TAG_LEN as u32),
        ("SRTP_MAX_MKI_LEN", MAX_MKI_LEN as u32),
        ("SRTP_MAX_NUM_MASTER_KEYS", MAX_NUM_MASTER_KEYS as u32),
    ];
    for (name, value) in ours {
        let theirs = values.get(&format!("value {name}"));
        assert_eq!(theirs, Some(&value.to_string()), "{name}");
    }
    let statuses = values
        .keys()
        .filter(|name| name.starts_with("value srtp_err_status_"));
    let compared = ours
        .iter()
        .filter(|(name, _)| name.starts_with("srtp_err_status_"));
    assert_eq!(statuses.count(), compared.count());
}
