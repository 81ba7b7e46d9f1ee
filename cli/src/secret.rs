//! Octets that must not be seen.

use std::fmt;

use base64ct::{Base64Unpadded, Encoding};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use zeroize::Zeroizing;

/// Secret octets: wiped when dropped, not shown by `Debug`, hexadecimal in a
/// file.
///
/// ```
/// use callseal::secret::Secret;
///
/// let secret = Secret::new(vec![0xab; 16]);
/// assert_eq!(format!("{secret:?}"), "Secret(16 octets)");
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(Zeroizing<Vec<u8>>);

impl Secret {
    /// Takes the octets over.
    pub fn new(octets: Vec<u8>) -> Self {
        Self(Zeroizing::new(octets))
    }

    /// The octets, for the cryptography that needs them.
    pub fn expose(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Secret({} octets)", self.0.len())
    }
}

impl Serialize for Secret {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let text = Zeroizing::new(hex::encode(&*self.0));
        serializer.serialize_str(&text)
    }
}

impl<'de> Deserialize<'de> for Secret {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = Zeroizing::new(String::deserialize(deserializer)?);
        // Without the text itself, which would end up on a terminal.
        hex::decode(text.as_bytes())
            .map(Self::new)
            .map_err(|_| de::Error::custom("a secret is not an even number of hexadecimal digits"))
    }
}

/// The octets that base64 says, with or without padding; `None` where it is
/// none.
pub fn of_base64(text: &str) -> Option<Secret> {
    let unpadded = text.trim_end_matches('=');
    let mut octets = Zeroizing::new(vec![0; unpadded.len()]);
    let len = Base64Unpadded::decode(unpadded, &mut octets).ok()?.len();
    Some(Secret::new(octets[..len].to_vec()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_survives_a_file_and_never_shows() {
        let secret = Secret::new(vec![0xde, 0xad]);
        let text = serde_json::to_string(&secret).unwrap();
        assert_eq!(text, "\"dead\"");
        assert_eq!(serde_json::from_str::<Secret>(&text).unwrap(), secret);
        assert!(!format!("{secret:?}").contains("dead"));
    }

    #[test]
    fn what_is_not_hexadecimal_is_refused_without_being_repeated() {
        let error = serde_json::from_str::<Secret>("\"deadbeefxx\"").unwrap_err();
        assert!(!error.to_string().contains("deadbeef"), "{error}");
    }
}
