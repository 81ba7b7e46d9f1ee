//! Application-defined packets (RFC 3550 §6.7).

use nom::Parser;
use nom::number::complete::be_u32;

use crate::malformed::{Parsed, part};

/// APP: a packet of some application's own.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct App<'a> {
    /// Five bits for the application: 0–31.
    pub subtype: u8,
    /// The source it comes from.
    pub ssrc: u32,
    /// The application's name, in ASCII; upper and lower case differ.
    pub name: [u8; 4],
    /// The application's data; a multiple of four octets.
    pub data: &'a [u8],
}

impl<'a> App<'a> {
    pub(crate) fn parse(count: u8, body: &'a [u8]) -> Parsed<'a, Self> {
        let (rest, ssrc) = part("APP packet's SSRC", be_u32).parse(body)?;
        let (data, name) = part("APP packet's name", be_u32).parse(rest)?;
        let app = Self {
            subtype: count,
            ssrc,
            name: name.to_be_bytes(),
            data,
        };
        Ok((&[], app))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Packet, SizeRule, parse};

    #[test]
    fn reads_name_and_data() {
        let datagram = [
            0x9f, 204, 0, 3, 0, 0, 0, 1, b'P', b'I', b'N', b'G', 1, 2, 3, 4,
        ];
        let compound = parse(&datagram, SizeRule::ReducedSize).unwrap();
        assert_eq!(
            compound.iter().next(),
            Some(Packet::App(App {
                subtype: 31,
                ssrc: 1,
                name: *b"PING",
                data: &[1, 2, 3, 4]
            }))
        );
    }

    #[test]
    fn a_packet_without_a_name_is_an_error() {
        let error = parse(&[0x80, 204, 0, 1, 0, 0, 0, 1], SizeRule::ReducedSize).unwrap_err();
        assert_eq!(error.to_string(), "octet 8: APP packet's name cut short");
    }
}
