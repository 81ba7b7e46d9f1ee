//! RFC 3711, Appendix B.

use std::collections::BTreeMap;

use serde::Deserialize;

use crate::hex_octets;

/// The values of RFC 3711, Appendix B.
///
/// # Panics
///
/// Where the file is not what this type says.
#[must_use]
pub fn appendix_b() -> AppendixB {
    let text = include_str!("../rfc/rfc3711_appendix_b.json");
    let file: File = match serde_json::from_str(text) {
        Ok(file) => file,
        Err(error) => panic!("rfc/rfc3711_appendix_b.json: {error}"),
    };
    let blocks = file.b2.blocks.into_iter();
    AppendixB {
        source: file.source,
        aes_f8: file.b1,
        aes_cm: AesCm {
            session_key: file.b2.session_key,
            session_salt_shifted: file.b2.session_salt_shifted,
            keystream_octets: file.b2.keystream_octets,
            blocks: blocks
                .map(|(counter, keystream)| {
                    (hex_octets::octets(&counter), hex_octets::octets(&keystream))
                })
                .collect(),
        },
        kdf: file.b3,
        srtcp: file.derived.srtcp,
    }
}

/// What Appendix B holds.
#[derive(Debug)]
pub struct AppendixB {
    /// Where the values come from.
    pub source: String,
    /// B.1.
    pub aes_f8: AesF8,
    /// B.2.
    pub aes_cm: AesCm,
    /// B.3.
    pub kdf: Kdf,
    /// Beyond the RFC: the SRTCP keys of B.3's master key (labels 3, 4 and 5),
    /// computed by an independent script.
    pub srtcp: SrtcpKeys,
}

/// B.1: a payload.
#[derive(Debug, Deserialize)]
pub struct AesF8 {
    /// The packet's header, 12 octets.
    #[serde(deserialize_with = "hex_octets::deserialize")]
    pub rtp_header: Vec<u8>,
    /// The rollover counter, 4 octets.
    #[serde(deserialize_with = "hex_octets::deserialize")]
    pub roc: Vec<u8>,
    /// What is encrypted.
    #[serde(deserialize_with = "hex_octets::deserialize")]
    pub payload: Vec<u8>,
    /// 16 octets.
    #[serde(deserialize_with = "hex_octets::deserialize")]
    pub key: Vec<u8>,
    /// 4 octets.
    #[serde(deserialize_with = "hex_octets::deserialize")]
    pub salt: Vec<u8>,
    /// 16 octets, as the header and the ROC give it.
    #[serde(deserialize_with = "hex_octets::deserialize")]
    pub iv: Vec<u8>,
    /// As long as the payload.
    #[serde(deserialize_with = "hex_octets::deserialize")]
    pub ciphertext: Vec<u8>,
}

/// B.2: a keystream, by some of its blocks.
#[derive(Debug)]
pub struct AesCm {
    /// The session encryption key.
    pub session_key: Vec<u8>,
    /// The session salt, shifted left by 16 bits: the IV, as ROC, SEQ and SSRC are zero.
    pub session_salt_shifted: Vec<u8>,
    /// How many octets of keystream the RFC generates.
    pub keystream_octets: usize,
    /// Counter block → block of keystream.
    pub blocks: Vec<(Vec<u8>, Vec<u8>)>,
}

/// B.3: one master key, and the session keys of SRTP.
#[derive(Debug, Deserialize)]
pub struct Kdf {
    /// 16 octets.
    #[serde(deserialize_with = "hex_octets::deserialize")]
    pub master_key: Vec<u8>,
    /// 14 octets.
    #[serde(deserialize_with = "hex_octets::deserialize")]
    pub master_salt: Vec<u8>,
    /// Label 0, 16 octets.
    #[serde(deserialize_with = "hex_octets::deserialize")]
    pub cipher_key: Vec<u8>,
    /// Label 2, 14 octets.
    #[serde(deserialize_with = "hex_octets::deserialize")]
    pub cipher_salt: Vec<u8>,
    /// Label 1, 94 octets; HMAC-SHA1 takes the first 20.
    #[serde(rename = "auth_key_94", deserialize_with = "hex_octets::deserialize")]
    pub auth_key: Vec<u8>,
}

/// The session keys of SRTCP.
#[derive(Debug, Deserialize)]
pub struct SrtcpKeys {
    /// Label 3, 16 octets.
    #[serde(rename = "enc", deserialize_with = "hex_octets::deserialize")]
    pub cipher_key: Vec<u8>,
    /// Label 4, 20 octets.
    #[serde(rename = "auth", deserialize_with = "hex_octets::deserialize")]
    pub auth_key: Vec<u8>,
    /// Label 5, 14 octets.
    #[serde(rename = "salt", deserialize_with = "hex_octets::deserialize")]
    pub cipher_salt: Vec<u8>,
}

#[derive(Deserialize)]
struct File {
    source: String,
    #[serde(rename = "B1_aes_f8")]
    b1: AesF8,
    #[serde(rename = "B2_aes_cm")]
    b2: FileB2,
    #[serde(rename = "B3_kdf")]
    b3: Kdf,
    #[serde(rename = "derived_not_in_rfc")]
    derived: FileDerived,
}

#[derive(Deserialize)]
struct FileB2 {
    #[serde(deserialize_with = "hex_octets::deserialize")]
    session_key: Vec<u8>,
    #[serde(deserialize_with = "hex_octets::deserialize")]
    session_salt_shifted: Vec<u8>,
    keystream_octets: usize,
    blocks: BTreeMap<String, String>,
}

#[derive(Deserialize)]
struct FileDerived {
    #[serde(rename = "srtcp_labels_3_4_5")]
    srtcp: SrtcpKeys,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_file_loads_with_its_source_and_the_rfcs_lengths() {
        let appendix = appendix_b();
        assert!(appendix.source.contains("RFC 3711"));
        assert_eq!(
            appendix.aes_f8.payload.len(),
            appendix.aes_f8.ciphertext.len()
        );
        assert_eq!(appendix.aes_cm.session_key.len(), 16);
        assert_eq!(appendix.aes_cm.blocks.len(), 6);
        assert_eq!(appendix.kdf.auth_key.len(), 94);
        assert_eq!(appendix.kdf.cipher_salt.len(), 14);
        assert_eq!(appendix.srtcp.auth_key.len(), 20);
    }
}
