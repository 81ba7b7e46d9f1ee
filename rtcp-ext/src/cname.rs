//! Random canonical names (RFC 7022).

/// A CNAME for one call: 96 bits that the caller has drawn from a
/// cryptographic generator, as 16 characters of base64 (RFC 7022 §4.2).
///
/// Draw anew for each call, so that the name links no two of them.
///
/// ```
/// use callseal_rtcp_ext::random_cname;
///
/// let drawn = *b"twelve bytes";
/// assert_eq!(random_cname(drawn), "dHdlbHZlIGJ5dGVz");
/// ```
pub fn random_cname(bits: [u8; 12]) -> String {
    bits.chunks_exact(3)
        .flat_map(|chunk| {
            let group = chunk
                .iter()
                .fold(0, |group, octet| (group << 8) | u32::from(*octet));
            [18, 12, 6, 0].map(|shift| ALPHABET[(group >> shift) as usize & 0x3f] as char)
        })
        .collect()
}

/// RFC 4648 §4.
const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_six_bits_are_one_character() {
        // 0x00 0x10 0x83 is 000000 000001 000010 000011.
        assert_eq!(
            &random_cname([0, 0x10, 0x83, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 0xff])[..4],
            "ABCD"
        );
        assert_eq!(random_cname([0xff; 12]), "/".repeat(16));
    }
}
