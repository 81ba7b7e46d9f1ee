//! RFC 9335, Appendix A.

use serde::Deserialize;

use crate::hex_octets;

/// The values of RFC 9335, Appendix A.
///
/// # Panics
///
/// Where the file is not what this type says.
#[must_use]
pub fn appendix_a() -> AppendixA {
    match serde_json::from_str(include_str!("../rfc/rfc9335_appendix_a.json")) {
        Ok(appendix) => appendix,
        Err(error) => panic!("rfc/rfc9335_appendix_a.json: {error}"),
    }
}

/// Packets under Cryptex.
#[derive(Debug, Deserialize)]
pub struct AppendixA {
    /// Where the values come from.
    pub source: String,
    /// One for each packet.
    pub cases: Vec<Case>,
}

/// A packet, plain and protected.
#[derive(Debug, Deserialize)]
pub struct Case {
    /// The RFC's heading.
    pub title: String,
    /// The profile's name.
    pub suite: String,
    /// The master key.
    #[serde(deserialize_with = "hex_octets::deserialize")]
    pub master_key: Vec<u8>,
    /// The master salt.
    #[serde(deserialize_with = "hex_octets::deserialize")]
    pub master_salt: Vec<u8>,
    /// The plain packet.
    #[serde(deserialize_with = "hex_octets::deserialize")]
    pub rtp: Vec<u8>,
    /// The protected packet.
    #[serde(deserialize_with = "hex_octets::deserialize")]
    pub cryptex_srtp: Vec<u8>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_file_loads_with_its_source_and_the_rfcs_packets() {
        let appendix = appendix_a();
        assert!(appendix.source.contains("RFC 9335"));
        assert_eq!(appendix.cases.len(), 12);
    }
}
