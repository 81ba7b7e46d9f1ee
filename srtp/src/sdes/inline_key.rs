//! A key parameter: `inline:` key and salt, lifetime, MKI (RFC 4568 §6.1).

use alloc::string::String;
use alloc::vec::Vec;
use core::fmt::{self, Write as _};

use base64ct::{Base64, Base64Unpadded, Encoding};
use zeroize::{Zeroize, ZeroizeOnDrop};

use super::words::Word;
use super::{CryptoAttribute, SdesError, SdesFault, SessionError, mki_value};
use crate::keys::{KeyError, KeyLifetime, MAX_MKI_LEN, MasterKey, Mki};
use crate::profile::Profile;

/// A key of an `a=crypto` line; wiped on drop, and not printed.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct InlineKey {
    octets: KeyAndSalt,
    /// How many packets of SRTP, and how many of SRTCP, the key may protect:
    /// 1 to 2^48; `None` for as many as RFC 3711 lets it.
    pub lifetime: Option<u64>,
    /// The key's MKI, where packets carry one.
    pub mki: Option<Mki>,
}

impl InlineKey {
    /// The octets of a line that one key can take up, at most.
    pub(super) const MAX_LINE_LEN: usize = "inline:".len() + 64 + 16 + 309 + 8;

    /// The longest lifetime.
    const MAX_LIFETIME: u64 = 1 << 48;

    /// A key without lifetime or MKI.
    ///
    /// # Errors
    ///
    /// [`KeyError`] where key or salt are not as long as the profile's.
    pub fn new(profile: Profile, key: &[u8], salt: &[u8]) -> Result<Self, KeyError> {
        MasterKey::new(profile, key, salt)?;
        let mut octets = [0; KeyAndSalt::MAX_LEN];
        octets[..key.len()].copy_from_slice(key);
        octets[key.len()..key.len() + salt.len()].copy_from_slice(salt);
        let octets = KeyAndSalt {
            octets,
            len: key.len() + salt.len(),
        };
        Ok(Self {
            octets,
            lifetime: None,
            mki: None,
        })
    }

    /// The same with this MKI.
    #[must_use]
    pub fn with_mki(self, mki: Mki) -> Self {
        Self {
            mki: Some(mki),
            ..self
        }
    }

    /// The key, with its lifetime.
    ///
    /// # Errors
    ///
    /// [`KeyError`] where it is not the profile's.
    pub fn master_key(&self, profile: Profile) -> Result<MasterKey, KeyError> {
        let octets = &self.octets.octets[..self.octets.len];
        let (key, salt) = octets.split_at(profile.key_len().min(octets.len()));
        let key = MasterKey::new(profile, key, salt)?;
        let lifetime = self.lifetime.and_then(|packets| {
            // What RFC 3711 §9.2 gives SRTCP is less.
            KeyLifetime::new(packets, packets.min(1 << 31)).ok()
        });
        Ok(match lifetime {
            Some(lifetime) => key.with_lifetime(lifetime),
            None => key,
        })
    }

    pub(super) fn needed_mki(&self) -> Result<Mki, SessionError> {
        self.mki.clone().ok_or(SessionError::NoMki)
    }

    fn parse(word: Word<'_>, profile: Profile) -> Result<Self, SdesError> {
        let info = word.strip_prefix("inline:");
        let info = info.ok_or(word.fault(SdesFault::KeyMethod))?;
        let mut parts = info.split('|');
        let mut key = Self {
            octets: KeyAndSalt::parse(parts.next().unwrap_or(info), profile)?,
            lifetime: None,
            mki: None,
        };
        for part in parts {
            match part.text.split_once(':') {
                Some((value, len)) if key.mki.is_none() => {
                    let (_, len) = part.split_at(part.text.len() - len.len());
                    let len = len.number(MAX_MKI_LEN as u64);
                    let mki = len.and_then(|len| mki_value::parse(value, len as usize));
                    key.mki = Some(mki.ok_or(part.fault(SdesFault::Mki))?);
                }
                None if key.lifetime.is_none() && key.mki.is_none() => {
                    key.lifetime = Some(parse_lifetime(part)?);
                }
                _ => return Err(part.fault(SdesFault::KeyInfo)),
            }
        }
        Ok(key)
    }

    fn print(&self, out: &mut String) {
        let mut text = [0; 64];
        let octets = &self.octets.octets[..self.octets.len];
        let encoded = Base64::encode(octets, &mut text);
        out.push_str("inline:");
        out.push_str(encoded.unwrap_or_default());
        text.zeroize();
        // Writing to a string does not fail.
        let _ = match self.lifetime {
            Some(packets) if packets.is_power_of_two() => write!(out, "|2^{}", packets.ilog2()),
            Some(packets) => write!(out, "|{packets}"),
            None => Ok(()),
        };
        if let Some(mki) = &self.mki {
            out.push('|');
            mki_value::print(mki, out);
            let _ = write!(out, ":{}", mki.as_bytes().len());
        }
    }
}

impl fmt::Debug for InlineKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("InlineKey")
            .field("lifetime", &self.lifetime)
            .field("mki", &self.mki)
            .finish_non_exhaustive()
    }
}

/// Keys between semicolons.
pub(super) fn parse_list(word: Word<'_>, profile: Profile) -> Result<Vec<InlineKey>, SdesError> {
    let mut keys: Vec<InlineKey> = Vec::new();
    for part in word.split(';') {
        if keys.len() == CryptoAttribute::MAX_KEYS {
            return Err(part.fault(SdesFault::TooManyKeys));
        }
        let key = InlineKey::parse(part, profile)?;
        let len = |key: &InlineKey| key.mki.as_ref().map(|mki| mki.as_bytes().len());
        let clashes = |other: &InlineKey| {
            // RFC 4568 §6.1: with several keys each has an MKI, all equally long.
            key.mki.is_none() || len(other) != len(&key) || other.mki == key.mki
        };
        if keys.iter().any(clashes) {
            return Err(part.fault(SdesFault::AmbiguousMki));
        }
        keys.push(key);
    }
    Ok(keys)
}

pub(super) fn print_list(keys: &[InlineKey], out: &mut String) {
    for (i, key) in keys.iter().enumerate() {
        if i > 0 {
            out.push(';');
        }
        key.print(out);
    }
}

/// `2^` and an exponent, or a number.
fn parse_lifetime(word: Word<'_>) -> Result<u64, SdesError> {
    let packets = match word.strip_prefix("2^") {
        Some(exponent) => exponent.number(48).map(|exponent| 1 << exponent),
        None => word.number(InlineKey::MAX_LIFETIME),
    };
    let packets = packets.filter(|&packets| packets > 0);
    packets.ok_or(word.fault(SdesFault::Lifetime))
}

/// The two in one piece, as a line has them.
#[derive(Clone, PartialEq, Eq, Zeroize, ZeroizeOnDrop)]
struct KeyAndSalt {
    octets: [u8; Self::MAX_LEN],
    len: usize,
}

impl KeyAndSalt {
    /// AES-256 and its salt.
    const MAX_LEN: usize = 32 + 14;

    fn parse(word: Word<'_>, profile: Profile) -> Result<Self, SdesError> {
        // The padding that RFC 6188 §4 and RFC 7714 §14.1 have in their lines is
        // left out by some.
        let unpadded = word.text.trim_end_matches('=');
        let padding_len = word.text.len() - unpadded.len();
        if padding_len != 0 && padding_len != unpadded.len().wrapping_neg() % 4 {
            return Err(word.fault(SdesFault::Base64));
        }
        let mut key_and_salt = Self {
            octets: [0; Self::MAX_LEN],
            len: profile.key_len() + profile.salt_len(),
        };
        if unpadded.len() != Base64Unpadded::encoded_len(&key_and_salt.octets[..key_and_salt.len]) {
            return Err(word.fault(SdesFault::KeyLength));
        }
        let decoded = Base64Unpadded::decode(unpadded, &mut key_and_salt.octets);
        match decoded.map(<[u8]>::len) {
            Ok(len) if len == key_and_salt.len => Ok(key_and_salt),
            Ok(_) => Err(word.fault(SdesFault::KeyLength)),
            Err(_) => Err(word.fault(SdesFault::Base64)),
        }
    }
}
