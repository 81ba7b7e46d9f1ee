//! Keys out of a DTLS handshake (RFC 5764 §4.2).

use crate::keys::{KeyError, KeyLifetime, MasterKey};
use crate::profile::Profile;

/// The two master keys that DTLS-SRTP's exported keying material holds, with
/// the lifetime that their profile gives them: 2^31 packets of SRTP, and of
/// SRTCP (RFC 5764 §4.1.2), or 2^48 of SRTP where the profile is an AEAD
/// (RFC 7714 §14.2).
///
/// ```
/// use callseal_srtp::{DtlsKeys, DtlsRole, Policy, Profile, Receiver, Sender};
///
/// // What the handshake exported under "EXTRACTOR-dtls_srtp".
/// let exported = [0x42; 60];
/// let profile = Profile::from_dtls_id([0x00, 0x01]).unwrap();
/// assert_eq!(DtlsKeys::exported_len(profile), exported.len());
///
/// let keys = DtlsKeys::split(profile, DtlsRole::Client, &exported)?;
/// let sender = Sender::new(Policy::new(profile), keys.local)?;
/// let receiver = Receiver::new(Policy::new(profile), keys.remote)?;
/// # Ok::<(), Box<dyn core::error::Error>>(())
/// ```
#[derive(Debug)]
#[non_exhaustive]
pub struct DtlsKeys {
    /// For what this end sends.
    pub local: MasterKey,
    /// For what the other end sends.
    pub remote: MasterKey,
}

/// Which side of the DTLS handshake this end was.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum DtlsRole {
    /// The side that sent the ClientHello: a=setup:active (RFC 5763 §5).
    Client,
    /// The side that answered it: a=setup:passive.
    Server,
}

impl DtlsKeys {
    /// How many octets are to be exported for `profile`.
    #[must_use]
    pub fn exported_len(profile: Profile) -> usize {
        2 * (profile.key_len() + profile.salt_len())
    }

    /// Splits the keying material, which is to be wiped by who exported it.
    ///
    /// # Errors
    ///
    /// [`DtlsKeysError`] where it is not as long as
    /// [`exported_len`](Self::exported_len) says.
    pub fn split(profile: Profile, role: DtlsRole, exported: &[u8]) -> Result<Self, DtlsKeysError> {
        let expected = Self::exported_len(profile);
        if exported.len() != expected {
            let len = exported.len();
            return Err(DtlsKeysError::Length { expected, len });
        }
        // client_write key, server_write key, client_write salt, server_write salt.
        let (keys, salts) = exported.split_at(2 * profile.key_len());
        let (client_key, server_key) = keys.split_at(profile.key_len());
        let (client_salt, server_salt) = salts.split_at(profile.salt_len());
        let lifetime = match profile.is_aead() {
            true => KeyLifetime::MAX,
            false => KeyLifetime::DTLS,
        };
        let client = MasterKey::new(profile, client_key, client_salt)?.with_lifetime(lifetime);
        let server = MasterKey::new(profile, server_key, server_salt)?.with_lifetime(lifetime);
        let (local, remote) = match role {
            DtlsRole::Client => (client, server),
            DtlsRole::Server => (server, client),
        };
        Ok(Self { local, remote })
    }
}

/// Why keying material was not split.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DtlsKeysError {
    /// It is not as long as two keys and two salts.
    #[error("{len} octets of keying material where the profile takes {expected}")]
    Length {
        /// What the profile takes, in octets.
        expected: usize,
        /// What was given, in octets.
        len: usize,
    },
    /// A part of it makes no key.
    #[error(transparent)]
    Key(#[from] KeyError),
}

#[cfg(test)]
mod tests {
    use alloc::vec;

    use super::*;

    #[test]
    fn a_key_lives_as_long_as_its_protection_profile_says() {
        for &profile in Profile::ALL {
            let exported = vec![0x42; DtlsKeys::exported_len(profile)];
            let keys = DtlsKeys::split(profile, DtlsRole::Client, &exported).unwrap();
            let rtp = if profile.is_aead() { 1 << 48 } else { 1 << 31 };
            let lifetime = KeyLifetime::new(rtp, 1 << 31).unwrap();
            for key in [keys.local, keys.remote] {
                assert_eq!(key.lifetime.unwrap().hard, lifetime.hard, "{profile}");
            }
        }
    }
}
