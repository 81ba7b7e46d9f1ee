//! The name of a profile, as people and files give it.

use std::fmt;
use std::str::FromStr;

use callseal_srtp::Profile;

/// A profile, and whether SRTCP's tag is cut as SRTP's is.
///
/// ```
/// use callseal::replay::Suite;
///
/// let suite: Suite = "AES_CM_128_HMAC_SHA1_32_FULL".parse()?;
/// assert_eq!(suite.profile.name(), "AES_CM_128_HMAC_SHA1_32");
/// assert!(suite.short_rtcp_tag);
/// assert_eq!(suite.to_string(), "AES_CM_128_HMAC_SHA1_32_FULL");
/// # Ok::<(), callseal::replay::UnknownSuite>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Suite {
    /// Cipher, tag and their lengths.
    pub profile: Profile,
    /// SRTCP's tag is as short as SRTP's, which RFC 3711 §5.2 does not say and
    /// ffmpeg does.
    pub short_rtcp_tag: bool,
}

/// No profile has this name.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("profile \"{name}\" is not known; known are {}", known())]
pub struct UnknownSuite {
    /// The name given.
    pub name: String,
}

/// Names that are in use besides the registered ones: those of drafts, and
/// OpenSSL's of the DTLS-SRTP profiles.
const OTHER_NAMES: &[(&str, Profile)] = &[
    ("AES_CM_192_HMAC_SHA1_80", Profile::AesCm192HmacSha1_80),
    ("AES_CM_192_HMAC_SHA1_32", Profile::AesCm192HmacSha1_32),
    ("AES_CM_256_HMAC_SHA1_80", Profile::AesCm256HmacSha1_80),
    ("AES_CM_256_HMAC_SHA1_32", Profile::AesCm256HmacSha1_32),
    ("SRTP_AES128_CM_SHA1_80", Profile::AesCm128HmacSha1_80),
    ("SRTP_AES128_CM_SHA1_32", Profile::AesCm128HmacSha1_32),
    ("SRTP_AEAD_AES_128_GCM", Profile::AeadAes128Gcm),
    ("SRTP_AEAD_AES_256_GCM", Profile::AeadAes256Gcm),
];

const FULL: &str = "_FULL";

impl Suite {
    /// The same with another profile.
    #[must_use]
    pub fn with_profile(self, profile: Profile) -> Self {
        Self { profile, ..self }
    }
}

impl From<Profile> for Suite {
    fn from(profile: Profile) -> Self {
        Self {
            profile,
            short_rtcp_tag: false,
        }
    }
}

impl FromStr for Suite {
    type Err = UnknownSuite;

    fn from_str(name: &str) -> Result<Self, UnknownSuite> {
        let upper = name.trim().to_ascii_uppercase();
        let (plain, short_rtcp_tag) = match upper.strip_suffix(FULL) {
            Some(plain) => (plain, true),
            None => (upper.as_str(), false),
        };
        let other = || {
            let mut names = OTHER_NAMES.iter();
            names.find(|(other, _)| *other == plain).map(|row| row.1)
        };
        match Profile::from_name(plain).or_else(other) {
            Some(profile) => Ok(Self {
                profile,
                short_rtcp_tag,
            }),
            None => Err(UnknownSuite {
                name: name.to_owned(),
            }),
        }
    }
}

impl fmt::Display for Suite {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let full = if self.short_rtcp_tag { FULL } else { "" };
        write!(f, "{}{full}", self.profile)
    }
}

fn known() -> String {
    let names: Vec<&str> = Profile::ALL.iter().map(|profile| profile.name()).collect();
    names.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_is_read_as_it_is_written_in_any_case() {
        for &profile in Profile::ALL {
            for short_rtcp_tag in [false, true] {
                let suite = Suite {
                    profile,
                    short_rtcp_tag,
                };
                assert_eq!(suite.to_string().parse(), Ok(suite));
                assert_eq!(suite.to_string().to_lowercase().parse(), Ok(suite));
            }
        }
        for (name, profile) in OTHER_NAMES {
            assert_eq!(name.parse(), Ok(Suite::from(*profile)));
        }
    }

    #[test]
    fn an_unknown_name_is_told_with_the_known_ones() {
        let error = "ROT13".parse::<Suite>().unwrap_err().to_string();
        assert!(error.contains("\"ROT13\""), "{error}");
        assert!(error.contains("F8_128_HMAC_SHA1_80"), "{error}");
    }
}
