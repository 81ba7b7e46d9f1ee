//! A master key's octets, as they stand in a policy.

use callseal_srtp::{KeyError, MasterKey, Profile};
use zeroize::Zeroizing;

use crate::status::Status;

/// One key and salt, on the heap until they are wiped there: a [`MasterKey`]
/// leaves a copy of itself wherever it is moved from, so that each is made where
/// it is used up.
pub(crate) struct KeyMaterial {
    profile: Profile,
    aes_192: Aes192,
    key_and_salt: Zeroizing<Box<[u8]>>,
}

/// Whose session keys of AES-192.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Aes192 {
    /// RFC 6188's.
    OfRfc6188,
    /// Those that libsrtp derived before 2.8.
    OfLibsrtpBefore2_8,
}

const TRIED: &str = "a key was made of it before";

impl KeyMaterial {
    /// The key of a profile that `octets` begin with; what they lack is 0.
    pub(crate) fn new(profile: Profile, aes_192: Aes192, octets: &[u8]) -> Result<Self, Status> {
        let len = profile.key_len() + profile.salt_len();
        let mut key_and_salt = Zeroizing::new(vec![0; len].into_boxed_slice());
        let given = octets.len().min(len);
        key_and_salt[..given].copy_from_slice(&octets[..given]);
        let material = Self {
            profile,
            aes_192,
            key_and_salt,
        };
        match material.try_key() {
            Ok(_) => Ok(material),
            Err(_) => Err(Status::InitFail),
        }
    }

    pub(crate) fn key(&self) -> MasterKey {
        self.try_key().expect(TRIED)
    }

    fn try_key(&self) -> Result<MasterKey, KeyError> {
        let key_len = self.profile.key_len();
        let (key, salt) = self.key_and_salt.split_at(key_len);
        match self.aes_192 {
            Aes192::OfLibsrtpBefore2_8 if key_len == 24 => {
                MasterKey::of_libsrtp_before_2_8(self.profile, key, salt)
            }
            _ => MasterKey::new(self.profile, key, salt),
        }
    }
}
