//! What a pair of `srtp_crypto_policy_t` comes to: a policy of
//! [`callseal_srtp`], and how long its keys are.

use callseal_srtp::{ExtensionIds, HmacLengths, Policy, Profile, RtcpIndex};

use crate::key_material::{Aes192, KeyMaterial};
use crate::status::Status;
use crate::types::{CryptoPolicy, MAX_TAG_LEN, auth_type, cipher_type, sec_serv};

/// The ciphers and tags of a stream, checked.
#[derive(Clone, Debug)]
pub(crate) struct Suite {
    pub(crate) policy: Policy,
    profile: Profile,
    /// Whether anything is encrypted or authenticated.
    needs_key: bool,
    /// Whether SRTP is to be encrypted, so that Cryptex has something to go with.
    pub(crate) hides_headers: bool,
    pub(crate) rtp_tag_len: usize,
    pub(crate) rtcp_tag_len: usize,
    /// SRTP's tag is computed by a function of the caller's, of this type.
    pub(crate) rtp_auth: Option<Foreign>,
    /// SRTCP's likewise.
    pub(crate) rtcp_auth: Option<Foreign>,
}

/// An authentication function of the caller's.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Foreign {
    pub(crate) id: u32,
    pub(crate) key_len: usize,
    pub(crate) tag_len: usize,
}

impl Suite {
    /// Checks the halves of a policy by themselves and against each other.
    /// `is_registered` tells the authentication functions of callers.
    pub(crate) fn of(
        rtp: &CryptoPolicy,
        rtcp: &CryptoPolicy,
        is_registered: impl Fn(u32) -> bool,
    ) -> Result<Self, Status> {
        let rtp_half = Half::of(rtp, &is_registered)?;
        let rtcp_half = Half::of(rtcp, &is_registered)?;
        let (cipher, rtcp_cipher) = match (rtp_half.cipher, rtcp_half.cipher) {
            (Kind::Null, Kind::Null) => (Kind::Cm(16), Kind::Cm(16)),
            // NULL takes what key there is: its tag's is derived from it.
            (Kind::Null, other @ Kind::Cm(_)) | (other @ Kind::Cm(_), Kind::Null) => (other, other),
            (cipher, other) if cipher.key_len() == other.key_len() => (cipher, other),
            // A half that encrypts nothing has no session key whose length
            // matters: its tag's is derived from the longer master key.
            (Kind::Cm(len), Kind::Cm(shorter)) if shorter < len && !rtcp_half.encrypts => {
                (rtp_half.cipher, rtp_half.cipher)
            }
            (Kind::Cm(shorter), Kind::Cm(len)) if shorter < len && !rtp_half.encrypts => {
                (rtcp_half.cipher, rtcp_half.cipher)
            }
            _ => return Err(Status::BadParam),
        };
        if cipher.is_gcm() != rtcp_cipher.is_gcm() {
            return Err(Status::BadParam);
        }
        let needs_key = rtp_half.needs_key() || rtcp_half.needs_key();
        let profile = cipher.profile(rtp_half.tag_len);
        if needs_key {
            // The key is as long as the longer of the two lengths says.
            let needed = profile.key_len() + profile.salt_len();
            let given = rtp.cipher_key_len.max(rtcp.cipher_key_len);
            if usize::try_from(given).map_or(true, |given| given < needed) {
                return Err(Status::BadParam);
            }
        }

        let mut policy = Policy::new(profile)
            .with_rtcp_profile(rtcp_cipher.profile(rtcp_half.tag_len))
            .with_max_streams(usize::MAX)
            .with_first_rtcp_index(RtcpIndex::ZERO.next().unwrap_or(RtcpIndex::ZERO));
        if !cipher.is_gcm() {
            policy = policy
                .with_rtp_hmac(rtp_half.hmac(rtp_half.wire_tag_len()))
                .with_rtcp_hmac(rtcp_half.hmac(rtcp_half.tag_len));
            if !rtp_half.encrypts {
                policy = policy.with_unencrypted_rtp();
            }
        }
        if !rtcp_half.encrypts {
            policy = policy.with_unencrypted_rtcp();
        }
        Ok(Self {
            policy,
            profile,
            needs_key,
            hides_headers: rtp_half.encrypts,
            rtp_tag_len: rtp_half.wire_tag_len(),
            // SRTCP is authenticated whatever the policy says (RFC 3711 §3.4).
            rtcp_tag_len: rtcp_half.tag_len,
            // No function computes a tag that is not there.
            rtp_auth: rtp_half.foreign.filter(|_| rtp_half.authenticates),
            rtcp_auth: rtcp_half.foreign,
        })
    }

    pub(crate) fn is_gcm(&self) -> bool {
        self.profile.is_aead()
    }

    /// Whether SRTP's payload is encrypted, and so can header extensions be.
    pub(crate) fn encrypts_rtp(&self, rtp: &CryptoPolicy) -> bool {
        self.is_gcm()
            || (rtp.cipher_type != cipher_type::NULL && rtp.sec_serv & sec_serv::CONF != 0)
    }

    /// The octets of key and salt that the caller holds out; 0 where they are
    /// not looked at.
    pub(crate) fn key_and_salt_len(&self) -> usize {
        match self.needs_key {
            true => self.profile.key_len() + self.profile.salt_len(),
            false => 0,
        }
    }

    /// The master key in `octets`, which are as many as
    /// [`key_and_salt_len`](Self::key_and_salt_len) says.
    pub(crate) fn key_material(
        &self,
        octets: &[u8],
        aes_192: Aes192,
    ) -> Result<KeyMaterial, Status> {
        KeyMaterial::new(self.profile, aes_192, octets)
    }

    /// Sets SRTP's replay window, as `window_size` has it.
    pub(crate) fn with_window(mut self, window_size: u64) -> Result<Self, Status> {
        let window = match window_size {
            0 => 128,
            64..0x8000 => window_size as usize,
            _ => return Err(Status::BadParam),
        };
        // libsrtp rounds up to whole words.
        self.policy = self.policy.with_rtp_window(window.next_multiple_of(32));
        Ok(self)
    }

    pub(crate) fn with_repeated_transmission(mut self, allowed: i32) -> Result<Self, Status> {
        match allowed {
            0 => {}
            1 => self.policy = self.policy.with_repeated_transmission(),
            _ => return Err(Status::BadParam),
        }
        Ok(self)
    }

    pub(crate) fn with_encrypted_extensions(mut self, ids: &[i32]) -> Self {
        let ids = ids.iter().filter_map(|id| u8::try_from(*id).ok());
        let ids: ExtensionIds = ids.collect();
        self.policy = self.policy.with_encrypted_extensions(ids);
        self
    }
}

/// One `srtp_crypto_policy_t`, checked by itself.
struct Half {
    cipher: Kind,
    encrypts: bool,
    authenticates: bool,
    auth_key_len: usize,
    tag_len: usize,
    foreign: Option<Foreign>,
}

impl Half {
    fn of(policy: &CryptoPolicy, is_registered: &impl Fn(u32) -> bool) -> Result<Self, Status> {
        let cipher = Kind::of(policy)?;
        let len = |len: i32| usize::try_from(len).map_err(|_| Status::BadParam);
        let (auth_key_len, tag_len) = (len(policy.auth_key_len)?, len(policy.auth_tag_len)?);
        if tag_len > MAX_TAG_LEN {
            return Err(Status::BadParam);
        }
        let mut half = Self {
            cipher,
            encrypts: policy.sec_serv & sec_serv::CONF != 0 && cipher != Kind::Null,
            authenticates: policy.sec_serv & sec_serv::AUTH != 0,
            auth_key_len,
            tag_len,
            foreign: None,
        };
        if cipher.is_gcm() {
            // Whatever the policy says of authentication: GCM has its own.
            return match tag_len {
                8 | 16 => Ok(half),
                _ => Err(Status::BadParam),
            };
        }
        match policy.auth_type {
            auth_type::NULL => (half.auth_key_len, half.tag_len) = (0, 0),
            auth_type::HMAC_SHA1 if auth_key_len <= HmacLengths::MAX.key_len => {}
            auth_type::HMAC_SHA1 => return Err(Status::BadParam),
            id if is_registered(id) => {
                half.foreign = Some(Foreign {
                    id,
                    key_len: auth_key_len,
                    tag_len,
                });
            }
            _ => return Err(Status::Fail),
        }
        Ok(half)
    }

    fn needs_key(&self) -> bool {
        self.cipher != Kind::Null || self.tag_len != 0
    }

    /// What our own HMAC-SHA1 is to do, for a tag of so many octets.
    fn hmac(&self, tag_len: usize) -> HmacLengths {
        match self.foreign {
            Some(_) => HmacLengths {
                key_len: 0,
                tag_len: 0,
            },
            None => HmacLengths {
                key_len: self.auth_key_len,
                tag_len,
            },
        }
    }

    /// SRTP's tag, in octets: there is none where authentication is not asked for.
    fn wire_tag_len(&self) -> usize {
        match self.authenticates || self.cipher.is_gcm() {
            true => self.tag_len,
            false => 0,
        }
    }
}

/// A cipher and its key's length, in octets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Null,
    Cm(usize),
    Gcm(usize),
}

impl Kind {
    fn of(policy: &CryptoPolicy) -> Result<Self, Status> {
        let (kind, key_and_salt_len) = match policy.cipher_type {
            cipher_type::NULL => return Ok(Self::Null),
            cipher_type::AES_ICM_128 => (Self::Cm(16), 30),
            cipher_type::AES_ICM_192 => (Self::Cm(24), 38),
            cipher_type::AES_ICM_256 => (Self::Cm(32), 46),
            cipher_type::AES_GCM_128 => (Self::Gcm(16), 28),
            cipher_type::AES_GCM_256 => (Self::Gcm(32), 44),
            _ => return Err(Status::Fail),
        };
        match policy.cipher_key_len == key_and_salt_len {
            true => Ok(kind),
            false => Err(Status::BadParam),
        }
    }

    fn key_len(self) -> usize {
        match self {
            Self::Null => 0,
            Self::Cm(len) | Self::Gcm(len) => len,
        }
    }

    fn is_gcm(self) -> bool {
        matches!(self, Self::Gcm(_))
    }

    /// The profile, whose HMAC's lengths are the policy's.
    fn profile(self, tag_len: usize) -> Profile {
        match (self, tag_len) {
            (Self::Gcm(16), 8) => Profile::AeadAes128Gcm8,
            (Self::Gcm(16), _) => Profile::AeadAes128Gcm,
            (Self::Gcm(_), 8) => Profile::AeadAes256Gcm8,
            (Self::Gcm(_), _) => Profile::AeadAes256Gcm,
            (Self::Cm(24), _) => Profile::AesCm192HmacSha1_80,
            (Self::Cm(32), _) => Profile::AesCm256HmacSha1_80,
            (Self::Cm(_) | Self::Null, _) => Profile::AesCm128HmacSha1_80,
        }
    }
}
