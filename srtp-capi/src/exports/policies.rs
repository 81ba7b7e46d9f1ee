//! Policies by their names.

use core::ffi::{c_int, c_uint};
use core::ptr;

use crate::boundary::guarded;
use crate::status::Status;
use crate::types::{CryptoPolicy, auth_type, cipher_type, sec_serv};

const CONF_AND_AUTH: u32 = sec_serv::CONF | sec_serv::AUTH;

/// A cipher with its key and salt in octets, and a tag with its own.
const fn policy(
    (cipher_type, cipher_key_len): (u32, c_int),
    (auth_type, auth_key_len, auth_tag_len): (u32, c_int, c_int),
    sec_serv: u32,
) -> CryptoPolicy {
    CryptoPolicy {
        cipher_type,
        cipher_key_len,
        auth_type,
        auth_key_len,
        auth_tag_len,
        sec_serv,
    }
}

const NULL_CIPHER: (u32, c_int) = (cipher_type::NULL, 30);
const CM_128: (u32, c_int) = (cipher_type::AES_ICM_128, 30);
const CM_192: (u32, c_int) = (cipher_type::AES_ICM_192, 38);
const CM_256: (u32, c_int) = (cipher_type::AES_ICM_256, 46);
const GCM_128: (u32, c_int) = (cipher_type::AES_GCM_128, 28);
const GCM_256: (u32, c_int) = (cipher_type::AES_GCM_256, 44);
const NULL_AUTH: (u32, c_int, c_int) = (auth_type::NULL, 0, 0);
const SHA1_80: (u32, c_int, c_int) = (auth_type::HMAC_SHA1, 20, 10);
const SHA1_32: (u32, c_int, c_int) = (auth_type::HMAC_SHA1, 20, 4);
const TAG_OF_8: (u32, c_int, c_int) = (auth_type::NULL, 0, 8);
const TAG_OF_16: (u32, c_int, c_int) = (auth_type::NULL, 0, 16);

/// A function for each row: it writes its policy.
macro_rules! setters {
    ($($(#[$doc:meta])* $name:ident = $policy:expr;)*) => {$(
        $(#[$doc])*
        #[unsafe(no_mangle)]
        pub unsafe extern "C" fn $name(to: *mut CryptoPolicy) {
            // SAFETY: the contract of this module's functions.
            if let Some(to) = unsafe { to.as_mut() } {
                *to = $policy;
            }
        }
    )*};
}

setters! {
    /// AES_CM_128_HMAC_SHA1_80.
    srtp_crypto_policy_set_rtp_default = policy(CM_128, SHA1_80, CONF_AND_AUTH);
    /// The same.
    srtp_crypto_policy_set_rtcp_default = policy(CM_128, SHA1_80, CONF_AND_AUTH);
    /// AES_CM_128_HMAC_SHA1_32; not for SRTCP.
    srtp_crypto_policy_set_aes_cm_128_hmac_sha1_32 = policy(CM_128, SHA1_32, CONF_AND_AUTH);
    /// AES-128 without a tag.
    srtp_crypto_policy_set_aes_cm_128_null_auth = policy(CM_128, NULL_AUTH, sec_serv::CONF);
    /// A tag of 80 bits without encryption.
    srtp_crypto_policy_set_null_cipher_hmac_sha1_80 =
        policy(NULL_CIPHER, SHA1_80, sec_serv::AUTH);
    /// Nothing at all.
    srtp_crypto_policy_set_null_cipher_hmac_null = policy(NULL_CIPHER, NULL_AUTH, 0);
    /// AES_192_CM_HMAC_SHA1_80.
    srtp_crypto_policy_set_aes_cm_192_hmac_sha1_80 = policy(CM_192, SHA1_80, CONF_AND_AUTH);
    /// AES_192_CM_HMAC_SHA1_32; not for SRTCP.
    srtp_crypto_policy_set_aes_cm_192_hmac_sha1_32 = policy(CM_192, SHA1_32, CONF_AND_AUTH);
    /// AES-192 without a tag.
    srtp_crypto_policy_set_aes_cm_192_null_auth = policy(CM_192, NULL_AUTH, sec_serv::CONF);
    /// AES_256_CM_HMAC_SHA1_80.
    srtp_crypto_policy_set_aes_cm_256_hmac_sha1_80 = policy(CM_256, SHA1_80, CONF_AND_AUTH);
    /// AES_256_CM_HMAC_SHA1_32; not for SRTCP.
    srtp_crypto_policy_set_aes_cm_256_hmac_sha1_32 = policy(CM_256, SHA1_32, CONF_AND_AUTH);
    /// AES-256 without a tag.
    srtp_crypto_policy_set_aes_cm_256_null_auth = policy(CM_256, NULL_AUTH, sec_serv::CONF);
    /// AES-128-GCM with half a tag.
    srtp_crypto_policy_set_aes_gcm_128_8_auth = policy(GCM_128, TAG_OF_8, CONF_AND_AUTH);
    /// AES-256-GCM with half a tag.
    srtp_crypto_policy_set_aes_gcm_256_8_auth = policy(GCM_256, TAG_OF_8, CONF_AND_AUTH);
    /// The same, with SRTCP in clear.
    srtp_crypto_policy_set_aes_gcm_128_8_only_auth = policy(GCM_128, TAG_OF_8, sec_serv::AUTH);
    /// The same, with SRTCP in clear.
    srtp_crypto_policy_set_aes_gcm_256_8_only_auth = policy(GCM_256, TAG_OF_8, sec_serv::AUTH);
    /// AEAD_AES_128_GCM.
    srtp_crypto_policy_set_aes_gcm_128_16_auth = policy(GCM_128, TAG_OF_16, CONF_AND_AUTH);
    /// AEAD_AES_256_GCM.
    srtp_crypto_policy_set_aes_gcm_256_16_auth = policy(GCM_256, TAG_OF_16, CONF_AND_AUTH);
}

/// What a DTLS-SRTP protection profile comes to (RFC 5764 §4.1.2, RFC 7714
/// §14.2): SRTP's policy, SRTCP's, and the octets of key and salt.
struct Row {
    rtp: CryptoPolicy,
    rtcp: CryptoPolicy,
    key_len: c_uint,
    salt_len: c_uint,
}

fn row(profile: c_uint) -> Option<Row> {
    let rows = |rtp, rtcp, key_len, salt_len| Row {
        rtp,
        rtcp,
        key_len,
        salt_len,
    };
    let sha1_80 = policy(CM_128, SHA1_80, CONF_AND_AUTH);
    let sha1_32 = policy(CM_128, SHA1_32, CONF_AND_AUTH);
    let null = policy(NULL_CIPHER, SHA1_80, sec_serv::AUTH);
    let gcm_128 = policy(GCM_128, TAG_OF_16, CONF_AND_AUTH);
    let gcm_256 = policy(GCM_256, TAG_OF_16, CONF_AND_AUTH);
    match profile {
        1 => Some(rows(sha1_80, sha1_80, 16, 14)),
        2 => Some(rows(sha1_32, sha1_80, 16, 14)),
        5 => Some(rows(null, null, 16, 14)),
        7 => Some(rows(gcm_128, gcm_128, 16, 12)),
        8 => Some(rows(gcm_256, gcm_256, 32, 12)),
        // 6, NULL with 32 bits, is not offered by libsrtp either.
        _ => None,
    }
}

/// SRTP's policy of a DTLS-SRTP profile.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn srtp_crypto_policy_set_from_profile_for_rtp(
    to: *mut CryptoPolicy,
    profile: c_uint,
) -> Status {
    guarded(|| {
        // SAFETY: the contract of this module's functions.
        let to = unsafe { to.as_mut() }.ok_or(Status::BadParam)?;
        *to = row(profile).ok_or(Status::BadParam)?.rtp;
        Ok(())
    })
}

/// SRTCP's policy of a DTLS-SRTP profile.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn srtp_crypto_policy_set_from_profile_for_rtcp(
    to: *mut CryptoPolicy,
    profile: c_uint,
) -> Status {
    guarded(|| {
        // SAFETY: the contract of this module's functions.
        let to = unsafe { to.as_mut() }.ok_or(Status::BadParam)?;
        *to = row(profile).ok_or(Status::BadParam)?.rtcp;
        Ok(())
    })
}

/// The octets of a DTLS-SRTP profile's master key; 0 for an unknown one.
#[unsafe(no_mangle)]
pub extern "C" fn srtp_profile_get_master_key_length(profile: c_uint) -> c_uint {
    row(profile).map_or(0, |row| row.key_len)
}

/// The octets of a DTLS-SRTP profile's master salt; 0 for an unknown one.
#[unsafe(no_mangle)]
pub extern "C" fn srtp_profile_get_master_salt_length(profile: c_uint) -> c_uint {
    row(profile).map_or(0, |row| row.salt_len)
}

/// Writes a salt behind a key, which has room for it.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn srtp_append_salt_to_key(
    key: *mut u8,
    key_len: c_uint,
    salt: *mut u8,
    salt_len: c_uint,
) {
    if key.is_null() || salt.is_null() {
        return;
    }
    // SAFETY: the contract of this module's functions; the two may overlap.
    unsafe { ptr::copy(salt, key.add(key_len as usize), salt_len as usize) }
}
