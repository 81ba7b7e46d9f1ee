//! RFC 6188, §7.

use serde::Deserialize;

use crate::hex_octets;

/// The values of RFC 6188, §7.
///
/// # Panics
///
/// Where the file is not what this type says.
#[must_use]
pub fn section_7() -> Section7 {
    match serde_json::from_str(include_str!("../rfc/rfc6188.json")) {
        Ok(section) => section,
        Err(error) => panic!("rfc/rfc6188.json: {error}"),
    }
}

/// What §7 holds for AES-256 and AES-192.
#[derive(Debug, Deserialize)]
pub struct Section7 {
    /// Where the values come from.
    pub source: String,
    /// §7.1 and §7.3.
    pub keystream: Vec<Keystream>,
    /// §7.2 and §7.4.
    pub kdf: Vec<Kdf>,
}

/// A keystream, by its two ends.
#[derive(Debug, Deserialize)]
pub struct Keystream {
    /// 32 or 24 octets.
    #[serde(deserialize_with = "hex_octets::deserialize")]
    pub session_key: Vec<u8>,
    /// The first counter block.
    #[serde(deserialize_with = "hex_octets::deserialize")]
    pub counter_start: Vec<u8>,
    /// How many octets of keystream there are.
    pub keystream_octets: usize,
    /// The first 48 of them.
    #[serde(deserialize_with = "hex_octets::deserialize")]
    pub first_48: Vec<u8>,
    /// The last 48.
    #[serde(deserialize_with = "hex_octets::deserialize")]
    pub last_48: Vec<u8>,
}

/// A master key, and the session keys of SRTP.
#[derive(Debug, Deserialize)]
pub struct Kdf {
    /// 32 or 24 octets.
    #[serde(deserialize_with = "hex_octets::deserialize")]
    pub master_key: Vec<u8>,
    /// 14 octets.
    #[serde(deserialize_with = "hex_octets::deserialize")]
    pub master_salt: Vec<u8>,
    /// Label 0, as long as the master key.
    #[serde(deserialize_with = "hex_octets::deserialize")]
    pub cipher_key: Vec<u8>,
    /// Label 2, 14 octets.
    #[serde(deserialize_with = "hex_octets::deserialize")]
    pub cipher_salt: Vec<u8>,
    /// Label 1, 20 octets.
    #[serde(deserialize_with = "hex_octets::deserialize")]
    pub auth_key: Vec<u8>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_file_loads_with_its_source_and_the_rfcs_lengths() {
        let section = section_7();
        assert!(section.source.contains("RFC 6188"));
        let lens: Vec<_> = section.kdf.iter().map(|kdf| kdf.master_key.len()).collect();
        assert_eq!(lens, [32, 24]);
        assert!(section.keystream.iter().all(|k| k.first_48.len() == 48));
    }
}
