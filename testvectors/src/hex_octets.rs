//! Octets that stand in the files as hexadecimal text.

use serde::de::{Deserialize, Deserializer, Error};

/// The octets that `hex` spells.
///
/// # Panics
///
/// Where `hex` is not an even number of hexadecimal digits.
#[must_use]
pub fn octets(hex: &str) -> Vec<u8> {
    match hex::decode(hex) {
        Ok(octets) => octets,
        Err(error) => panic!("{hex:?} is no hexadecimal text: {error}"),
    }
}

/// For `#[serde(deserialize_with)]`.
pub(crate) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<u8>, D::Error> {
    let text = String::deserialize(deserializer)?;
    hex::decode(&text).map_err(|error| D::Error::custom(format!("{text:?}: {error}")))
}
