//! RFC 7714, §16 and §17: packets under session keys.

use serde::Deserialize;

use crate::hex_octets;

/// The values of RFC 7714, §16 and §17.
///
/// # Panics
///
/// Where the file is not what this type says.
#[must_use]
pub fn examples() -> Examples {
    match serde_json::from_str(include_str!("../rfc/rfc7714_16_17.json")) {
        Ok(examples) => examples,
        Err(error) => panic!("rfc/rfc7714_16_17.json: {error}"),
    }
}

/// One RTP and one RTCP packet, protected under each AEAD.
#[derive(Debug, Deserialize)]
pub struct Examples {
    /// Where the values come from.
    pub source: String,
    /// The session salt, 12 octets.
    #[serde(deserialize_with = "hex_octets::deserialize")]
    pub salt: Vec<u8>,
    /// The RTP packet's IV, 12 octets.
    #[serde(deserialize_with = "hex_octets::deserialize")]
    pub rtp_iv: Vec<u8>,
    /// The RTCP packet's IV, 12 octets.
    #[serde(deserialize_with = "hex_octets::deserialize")]
    pub rtcp_iv: Vec<u8>,
    /// The RTP packet: a header of 12 octets, and the payload.
    #[serde(deserialize_with = "hex_octets::deserialize")]
    pub rtp: Vec<u8>,
    /// The RTCP packet, of which 8 octets stay as they are.
    #[serde(deserialize_with = "hex_octets::deserialize")]
    pub rtcp: Vec<u8>,
    /// The SRTCP index, 4 octets, its E bit clear.
    #[serde(deserialize_with = "hex_octets::deserialize")]
    pub rtcp_index: Vec<u8>,
    /// One for each AEAD.
    pub cases: Vec<Case>,
}

/// The packets under one AEAD.
#[derive(Debug, Deserialize)]
pub struct Case {
    /// The profile's name, as `AEAD_AES_128_GCM`.
    pub aead: String,
    /// The session encryption key.
    #[serde(deserialize_with = "hex_octets::deserialize")]
    pub session_key: Vec<u8>,
    /// The RTP packet, encrypted and authenticated.
    #[serde(deserialize_with = "hex_octets::deserialize")]
    pub srtp: Vec<u8>,
    /// The RTP packet, all of it authenticated only.
    #[serde(deserialize_with = "hex_octets::deserialize")]
    pub srtp_auth_only: Vec<u8>,
    /// The RTCP packet, encrypted and authenticated.
    #[serde(deserialize_with = "hex_octets::deserialize")]
    pub srtcp: Vec<u8>,
    /// The RTCP packet, authenticated only (E = 0).
    #[serde(deserialize_with = "hex_octets::deserialize")]
    pub srtcp_auth_only: Vec<u8>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_file_loads_with_its_source_and_the_rfcs_lengths() {
        let examples = examples();
        assert!(examples.source.contains("RFC 7714"));
        assert_eq!(examples.rtp_iv.len(), 12);
        assert_eq!(examples.cases.len(), 2);
        for case in &examples.cases {
            assert_eq!(case.srtp.len(), examples.rtp.len() + 16);
            assert_eq!(case.srtcp.len(), examples.rtcp.len() + 16 + 4);
        }
    }
}
