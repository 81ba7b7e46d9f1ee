//! An `srtp_policy_t`, read once and checked, so that no pointer of the
//! caller's is kept.

use core::slice;

use callseal_srtp::{Label, PacketIndex};

use crate::foreign_auth::ForeignAuth;
use crate::kernel;
use crate::key_material::Aes192;
use crate::key_set::{Keys, Trailers};
use crate::status::Status;
use crate::suite::{Foreign, Suite};
use crate::types::{self, MAX_MKI_LEN, MAX_NUM_MASTER_KEYS, cipher_type, ssrc_type};

/// Which streams a policy is for, and with what keys.
pub(crate) struct StreamPolicy {
    pub(crate) whose: Whose,
    pub(crate) keys: Keys,
}

/// `srtp_ssrc_t`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Whose {
    One(u32),
    AllInbound,
    AllOutbound,
}

impl Whose {
    pub(crate) fn of(ssrc: types::Ssrc) -> Result<Self, Status> {
        match ssrc.kind {
            ssrc_type::SPECIFIC => Ok(Self::One(ssrc.value)),
            ssrc_type::ANY_INBOUND => Ok(Self::AllInbound),
            ssrc_type::ANY_OUTBOUND => Ok(Self::AllOutbound),
            _ => Err(Status::BadParam),
        }
    }
}

impl StreamPolicy {
    /// Reads one policy, without those behind it.
    ///
    /// # Safety
    ///
    /// What the policy points to is there, as `srtp.h` asks: keys as long as
    /// the ciphers take them, MKIs and ids as many as it says.
    pub(crate) unsafe fn read(policy: &types::Policy) -> Result<Self, Status> {
        if !policy.deprecated_ekt.is_null() {
            return Err(Status::BadParam);
        }
        // SAFETY: by this function's contract.
        let named = unsafe { master_keys(policy)? };
        let is_registered = |id| kernel::auth_type(id).is_some();
        let mut suite = Suite::of(&policy.rtp, &policy.rtcp, is_registered)?
            .with_window(policy.window_size)?
            .with_repeated_transmission(policy.allow_repeat_tx)?;
        let ids = usize::try_from(policy.enc_xtn_hdr_count).unwrap_or(0);
        if !policy.enc_xtn_hdr.is_null() && ids > 0 && suite.encrypts_rtp(&policy.rtp) {
            // SAFETY: by this function's contract.
            let ids = unsafe { slice::from_raw_parts(policy.enc_xtn_hdr, ids) };
            suite = suite.with_encrypted_extensions(ids);
        }
        let aes_192 = match [policy.rtp.cipher_type, policy.rtcp.cipher_type]
            .contains(&cipher_type::AES_ICM_192)
        {
            true => kernel::aes_192(),
            false => Aes192::OfRfc6188,
        };

        let mut masters = Vec::new();
        let (mut mkis, mut rtp_auth, mut rtcp_auth) = (Vec::new(), Vec::new(), Vec::new());
        for key in named {
            // SAFETY: by this function's contract; a key is read only as far
            // as the policy's own lengths say it goes.
            let octets = unsafe { octets(key.key, suite.key_and_salt_len()) };
            let material = suite.key_material(octets, aes_192)?;
            // SAFETY: by this function's contract.
            mkis.push(unsafe { octets_of_mki(&key) }.into());
            let foreign = |foreign: Option<Foreign>, label| match foreign {
                None => Ok(None),
                Some(foreign) => {
                    let key = material.key().derive::<64>(label, PacketIndex::ZERO);
                    ForeignAuth::new(foreign, &*key).map(Some)
                }
            };
            rtp_auth.extend(foreign(suite.rtp_auth, Label::RtpAuthentication)?);
            rtcp_auth.extend(foreign(suite.rtcp_auth, Label::RtcpAuthentication)?);
            masters.push(material);
        }
        let whose = Whose::of(policy.ssrc)?;
        let trailers = Trailers {
            is_gcm: suite.is_gcm(),
            rtp_tag_len: suite.rtp_tag_len,
            rtcp_tag_len: suite.rtcp_tag_len,
        };
        let keys = Keys {
            policy: suite.policy,
            masters,
            mkis,
            trailers,
            hides_headers: suite.hides_headers,
            rtp_auth,
            rtcp_auth,
        };
        Ok(Self { whose, keys })
    }
}

/// The one key, or each of many.
///
/// # Safety
///
/// As for [`StreamPolicy::read`].
unsafe fn master_keys(policy: &types::Policy) -> Result<Vec<types::MasterKeyAndMki>, Status> {
    if !policy.key.is_null() {
        return Ok(vec![types::MasterKeyAndMki {
            key: policy.key,
            mki_id: core::ptr::null_mut(),
            mki_size: 0,
        }]);
    }
    let count = usize::try_from(policy.num_master_keys).unwrap_or(usize::MAX);
    if count == 0 || count > MAX_NUM_MASTER_KEYS || policy.keys.is_null() {
        return Err(Status::BadParam);
    }
    // SAFETY: by the caller's contract there are as many pointers.
    let keys = unsafe { slice::from_raw_parts(policy.keys, count) };
    let keys = keys.iter().map(|&key| {
        if key.is_null() {
            return Err(Status::BadParam);
        }
        // SAFETY: by the caller's contract it points to one.
        let key = unsafe { *key };
        let mki_len = key.mki_size as usize;
        let has_mki = mki_len == 0 || !key.mki_id.is_null();
        match !key.key.is_null() && mki_len <= MAX_MKI_LEN && has_mki {
            true => Ok(key),
            false => Err(Status::BadParam),
        }
    });
    keys.collect()
}

/// # Safety
///
/// `key` points to `len` octets.
unsafe fn octets<'a>(key: *const u8, len: usize) -> &'a [u8] {
    match len {
        0 => &[],
        // SAFETY: by the caller's contract.
        len => unsafe { slice::from_raw_parts(key, len) },
    }
}

/// # Safety
///
/// The MKI is as long as its length says.
unsafe fn octets_of_mki(key: &types::MasterKeyAndMki) -> &[u8] {
    // SAFETY: by the caller's contract.
    unsafe { octets(key.mki_id, key.mki_size as usize) }
}
