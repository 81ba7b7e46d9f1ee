//! The `a=crypto` lines of RFC 4568.

use serde::Deserialize;

use crate::hex_octets;

/// The example lines of RFC 4568.
///
/// # Panics
///
/// Where the file is not what this type says.
#[must_use]
pub fn examples() -> Examples {
    match serde_json::from_str(include_str!("../rfc/rfc4568_examples.json")) {
        Ok(examples) => examples,
        Err(error) => panic!("rfc/rfc4568_examples.json: {error}"),
    }
}

/// All of them.
#[derive(Debug, Deserialize)]
pub struct Examples {
    /// Where the lines come from.
    pub source: String,
    /// One for each line.
    pub examples: Vec<Example>,
}

/// A line, and what it says.
#[derive(Debug, Deserialize)]
pub struct Example {
    /// The line, without its end.
    pub line: String,
    /// The tag.
    pub tag: u32,
    /// The crypto-suite.
    pub suite: String,
    /// The key parameters.
    pub keys: Vec<Key>,
    /// The session parameters, as they stand.
    pub session_params: Vec<String>,
}

/// An `inline` key.
#[derive(Debug, Deserialize)]
pub struct Key {
    /// The master key.
    #[serde(deserialize_with = "hex_octets::deserialize")]
    pub key: Vec<u8>,
    /// The master salt.
    #[serde(deserialize_with = "hex_octets::deserialize")]
    pub salt: Vec<u8>,
    /// The lifetime, as it stands.
    pub lifetime: Option<String>,
    /// The MKI's value.
    pub mki_value: u64,
    /// The MKI's length, in octets.
    pub mki_len: usize,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_file_loads_with_its_source() {
        let examples = examples();
        assert!(examples.source.contains("RFC 4568"));
        assert_eq!(examples.examples.len(), 6);
    }
}
