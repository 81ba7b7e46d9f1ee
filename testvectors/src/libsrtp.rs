//! The reference packets of libsrtp's own test program.

use std::collections::BTreeMap;

use serde::Deserialize;

use crate::hex_octets::octets;

/// The packets of one function of `srtp_driver.c`, by the name it has there.
///
/// The key octets are the master key followed by the salt, and may be more
/// than a profile takes; the index of each SRTCP packet is 1.
///
/// # Panics
///
/// Where the file has no such function, or is not what this type says.
#[must_use]
pub fn reference_packets(function: &str) -> ReferencePackets {
    let text = include_str!("../libsrtp/srtp_driver_constants.json");
    let file: File = match serde_json::from_str(text) {
        Ok(file) => file,
        Err(error) => panic!("libsrtp/srtp_driver_constants.json: {error}"),
    };
    let found = file.functions.into_iter().find(|f| f.function == function);
    let Some(found) = found else {
        panic!("libsrtp/srtp_driver_constants.json has no {function}");
    };
    ReferencePackets {
        source: file.source,
        key: found.key.as_deref().map(octets),
        packets: found.arrays,
    }
}

/// The constants of one test function.
#[derive(Debug)]
pub struct ReferencePackets {
    /// Where the values come from.
    pub source: String,
    /// Master key and salt, where the function has them.
    pub key: Option<Vec<u8>>,
    packets: BTreeMap<String, String>,
}

impl ReferencePackets {
    /// The packet whose array is called `name`, where there is one.
    #[must_use]
    pub fn find(&self, name: &str) -> Option<Vec<u8>> {
        self.packets.get(name).map(|hex| octets(hex))
    }

    /// The packet whose array is called `name`.
    ///
    /// # Panics
    ///
    /// Where there is none.
    #[must_use]
    pub fn packet(&self, name: &str) -> Vec<u8> {
        match self.find(name) {
            Some(packet) => packet,
            None => panic!("no array {name}; there are {:?}", self.packets.keys()),
        }
    }
}

#[derive(Deserialize)]
struct File {
    source: String,
    functions: Vec<Function>,
}

#[derive(Deserialize)]
struct Function {
    function: String,
    key: Option<String>,
    arrays: BTreeMap<String, String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_file_loads_with_its_source() {
        let packets = reference_packets("srtp_validate");
        assert!(packets.source.contains("libsrtp"));
        assert_eq!(packets.packet("srtp_plaintext_ref").len(), 28);
        assert_eq!(packets.key.map(|key| key.len()), Some(46));
    }
}
