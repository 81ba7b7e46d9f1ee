//! RFC 6904, Appendix A.

use serde::Deserialize;

use crate::hex_octets;

/// The values of RFC 6904, Appendix A.
///
/// # Panics
///
/// Where the file is not what this type says.
#[must_use]
pub fn appendix_a() -> AppendixA {
    match serde_json::from_str(include_str!("../rfc/rfc6904_appendix_a.json")) {
        Ok(appendix) => appendix,
        Err(error) => panic!("rfc/rfc6904_appendix_a.json: {error}"),
    }
}

/// One packet whose header extensions are encrypted.
#[derive(Debug, Deserialize)]
pub struct AppendixA {
    /// Where the values come from.
    pub source: String,
    /// The profile's name.
    pub suite: String,
    /// 16 octets.
    #[serde(deserialize_with = "hex_octets::deserialize")]
    pub master_key: Vec<u8>,
    /// 14 octets.
    #[serde(deserialize_with = "hex_octets::deserialize")]
    pub master_salt: Vec<u8>,
    /// Label 6.
    #[serde(
        rename = "header_encryption_key_label6",
        deserialize_with = "hex_octets::deserialize"
    )]
    pub header_key: Vec<u8>,
    /// Label 7.
    #[serde(
        rename = "header_salt_label7",
        deserialize_with = "hex_octets::deserialize"
    )]
    pub header_salt: Vec<u8>,
    /// The plain packet.
    #[serde(deserialize_with = "hex_octets::deserialize")]
    pub rtp_packet: Vec<u8>,
    /// The ids of the elements that are encrypted.
    pub encrypted_ids: Vec<u8>,
    /// The extension's body, encrypted.
    #[serde(deserialize_with = "hex_octets::deserialize")]
    pub extension_encrypted: Vec<u8>,
    /// Beyond the RFC: the whole packet, as libsrtp protects it.
    #[serde(
        rename = "protected_packet_libsrtp_test",
        deserialize_with = "hex_octets::deserialize"
    )]
    pub protected_packet: Vec<u8>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_file_loads_with_its_source_and_the_rfcs_lengths() {
        let appendix = appendix_a();
        assert!(appendix.source.contains("RFC 6904"));
        assert_eq!(appendix.header_key.len(), 16);
        assert_eq!(appendix.encrypted_ids, [1, 3, 4]);
    }
}
