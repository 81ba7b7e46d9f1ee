//! NIST's vectors for SRTP's key derivation (CAVP, SP 800-135).

use serde::Deserialize;

use crate::hex_octets;

/// The vectors' SRTP half. Their SRTCP half puts the label above an r of 32
/// bits, which no stack does; what the stacks do is in the captures.
///
/// # Panics
///
/// Where the file is not what this type says.
#[must_use]
pub fn vectors() -> Vectors {
    match serde_json::from_str(include_str!("../nist/srtp_kdf.json")) {
        Ok(vectors) => vectors,
        Err(error) => panic!("nist/srtp_kdf.json: {error}"),
    }
}

/// All of them.
#[derive(Debug, Deserialize)]
pub struct Vectors {
    /// Where the values come from.
    pub source: String,
    /// Ten for each length of the master key.
    pub cases: Vec<Case>,
}

/// A master key, and the session keys at one index.
#[derive(Debug, Deserialize)]
pub struct Case {
    /// 16, 24 or 32 octets.
    #[serde(deserialize_with = "hex_octets::deserialize")]
    pub k_master: Vec<u8>,
    /// 14 octets.
    #[serde(deserialize_with = "hex_octets::deserialize")]
    pub master_salt: Vec<u8>,
    /// The key derivation rate, 6 octets: 0 or a power of two.
    #[serde(deserialize_with = "hex_octets::deserialize")]
    pub kdr: Vec<u8>,
    /// The packet's index, 6 octets.
    #[serde(deserialize_with = "hex_octets::deserialize")]
    pub index: Vec<u8>,
    /// Label 0.
    #[serde(rename = "SRTP k_e", deserialize_with = "hex_octets::deserialize")]
    pub k_e: Vec<u8>,
    /// Label 1.
    #[serde(rename = "SRTP k_a", deserialize_with = "hex_octets::deserialize")]
    pub k_a: Vec<u8>,
    /// Label 2.
    #[serde(rename = "SRTP k_s", deserialize_with = "hex_octets::deserialize")]
    pub k_s: Vec<u8>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_file_loads_with_its_source() {
        let vectors = vectors();
        assert!(vectors.source.contains("NIST"));
        assert_eq!(vectors.cases.len(), 30);
        assert!(vectors.cases.iter().all(|case| case.index.len() == 6));
    }
}
