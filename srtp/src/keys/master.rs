//! A master key and its salt, as key management hands them over.

use core::fmt;

use callseal_srtp_crypto::AesCmKey;
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

use super::{AddKeyError, KeyLifetime};
use crate::profile::Profile;

/// A master key with its master salt (RFC 3711 §3.2.1); wiped on drop.
///
/// One key serves one direction of one session: two senders who hold the same
/// key and choose the same SSRC share keystream (RFC 3711 §9.1).
pub struct MasterKey {
    profile: Profile,
    /// The key as the key derivation uses it, expanded.
    pub(super) prf: AesCmKey,
    pub(super) salt: MasterSalt,
    /// Its own, where it has one beside the policy's.
    pub(crate) lifetime: Option<KeyLifetime>,
}

impl MasterKey {
    /// A key for `profile`, from its octets and those of its salt.
    ///
    /// Where a protocol hands over both in one piece, as `a=crypto` lines do,
    /// the first [`Profile::key_len`] octets are the key.
    ///
    /// ```
    /// use callseal_srtp::{MasterKey, Profile};
    ///
    /// let profile = Profile::AesCm128HmacSha1_80;
    /// let key = MasterKey::new(profile, &[7; 16], &[8; 14])?;
    /// assert_eq!(format!("{key:?}"), "MasterKey { profile: AesCm128HmacSha1_80, .. }");
    /// # Ok::<(), callseal_srtp::KeyError>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`KeyError`] where a length is not the profile's.
    pub fn new(profile: Profile, key: &[u8], salt: &[u8]) -> Result<Self, KeyError> {
        let wrong_key_len = KeyError::KeyLen {
            expected: profile.key_len(),
            len: key.len(),
        };
        if key.len() != profile.key_len() {
            return Err(wrong_key_len);
        }
        if salt.len() != profile.salt_len() {
            return Err(KeyError::SaltLen {
                expected: profile.salt_len(),
                len: salt.len(),
            });
        }
        let prf = AesCmKey::new(key).map_err(|_| wrong_key_len)?;
        let mut octets = [0; MasterSalt::LEN];
        octets[..salt.len()].copy_from_slice(salt);
        let salt = MasterSalt(octets);
        Ok(Self {
            profile,
            prf,
            salt,
            lifetime: None,
        })
    }

    /// A key for AES-192 as libsrtp before 2.8 understood it: for peers that
    /// still run one, and nobody else.
    ///
    /// It derived the session keys by AES-256 with the key and the first 8
    /// octets of the salt in one, and the other 6 as the salt, where RFC 6188
    /// §7.2 has AES-192. What is derived is as secret, but other.
    ///
    /// # Errors
    ///
    /// [`KeyError`] where `profile` is none of AES-192, or a length is not the
    /// profile's.
    pub fn of_libsrtp_before_2_8(
        profile: Profile,
        key: &[u8],
        salt: &[u8],
    ) -> Result<Self, KeyError> {
        const KEY_LEN: usize = 24;
        let mut made = Self::new(profile, key, salt)?;
        if key.len() != KEY_LEN {
            return Err(KeyError::KeyLen {
                expected: KEY_LEN,
                len: key.len(),
            });
        }
        let (moved, kept) = salt.split_at(32 - KEY_LEN);
        let mut prf_key = Zeroizing::new([0; 32]);
        prf_key[..KEY_LEN].copy_from_slice(key);
        prf_key[KEY_LEN..].copy_from_slice(moved);
        made.prf = AesCmKey::new(&*prf_key).map_err(|_| KeyError::KeyLen {
            expected: KEY_LEN,
            len: key.len(),
        })?;
        let mut octets = [0; MasterSalt::LEN];
        octets[..kept.len()].copy_from_slice(kept);
        made.salt = MasterSalt(octets);
        Ok(made)
    }

    /// The same key with a lifetime of its own, where key management gives it
    /// one, as an `a=crypto` line does. The policy's ends it too, if it is shorter.
    #[must_use]
    pub fn with_lifetime(self, lifetime: KeyLifetime) -> Self {
        Self {
            lifetime: Some(lifetime),
            ..self
        }
    }

    /// The profile it is for.
    #[must_use]
    pub fn profile(&self) -> Profile {
        self.profile
    }

    pub(crate) fn check_profile(&self, profile: Profile) -> Result<(), AddKeyError> {
        if self.profile == profile {
            Ok(())
        } else {
            Err(AddKeyError::WrongProfile {
                expected: profile,
                profile: self.profile,
            })
        }
    }
}

impl fmt::Debug for MasterKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MasterKey")
            .field("profile", &self.profile)
            .finish_non_exhaustive()
    }
}

/// The master salt at the width the key derivation works with.
#[derive(Zeroize, ZeroizeOnDrop)]
pub(super) struct MasterSalt(pub(super) [u8; MasterSalt::LEN]);

impl MasterSalt {
    pub(super) const LEN: usize = 14;
}

/// Why octets are no [`MasterKey`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum KeyError {
    /// The key is not as long as the profile's.
    #[error("a master key of {len} octets where the profile takes {expected}")]
    KeyLen {
        /// What the profile takes, in octets.
        expected: usize,
        /// What was given, in octets.
        len: usize,
    },
    /// The salt is not as long as the profile's.
    #[error("a master salt of {len} octets where the profile takes {expected}")]
    SaltLen {
        /// What the profile takes, in octets.
        expected: usize,
        /// What was given, in octets.
        len: usize,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cve_2013_2139_only_the_profiles_own_lengths_make_a_key() {
        for &profile in Profile::ALL {
            for key_len in 0..=64 {
                for salt_len in 0..=32 {
                    let made = MasterKey::new(profile, &[1; 64][..key_len], &[2; 32][..salt_len]);
                    let fits = key_len == profile.key_len() && salt_len == profile.salt_len();
                    assert_eq!(made.is_ok(), fits, "{profile} {key_len} {salt_len}");
                }
            }
        }
    }
}
