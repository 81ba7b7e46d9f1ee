//! A session description (RFC 8866), as far as it says what is sent where
//! under which keys.

use std::net::{IpAddr, SocketAddr};

use crate::replay::PayloadTypes;

/// What is taken of one description, at most.
const MAX_MEDIA: usize = 64;
const MAX_ADDRESSES: usize = 64;
const MAX_CRYPTO_LINES: usize = 64;

/// The media of a session description.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sdp<'a> {
    /// One for each `m=` line, in their order.
    pub media: Vec<Media<'a>>,
}

/// What belongs to one `m=` line.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Media<'a> {
    /// `audio`, `video`, …
    pub kind: &'a str,
    /// Where its owner receives, and as a rule sends from: RTP, RTCP, and the
    /// candidates of ICE.
    pub addresses: Vec<SocketAddr>,
    /// The `a=crypto` lines.
    pub crypto_lines: Vec<&'a str>,
    /// What the payload types are.
    pub payload_types: PayloadTypes,
}

impl<'a> Sdp<'a> {
    /// Reads a description: all that begins with `v=` at a line's beginning,
    /// wherever in `body` that is; a body may have several parts.
    pub fn parse(body: &'a str) -> Self {
        let mut lines = body.lines().map(str::trim_end);
        let mut sdp = Self::default();
        if lines.find(|line| line.starts_with("v=")).is_none() {
            return sdp;
        }
        let mut session_address = None;
        let mut port = 0;
        let mut address = None;
        let mut rtcp: Option<(u16, Option<IpAddr>)> = None;
        let mut is_muxed = false;
        for line in lines {
            let Some((kind, value)) = line.split_once('=').filter(|(kind, _)| kind.len() == 1)
            else {
                // The next part of the body.
                break;
            };
            if kind == "m" {
                sdp.close_media(port, address.or(session_address), rtcp.take(), is_muxed);
                (address, is_muxed) = (None, false);
                if sdp.media.len() == MAX_MEDIA {
                    return sdp;
                }
                let mut words = value.split_ascii_whitespace();
                sdp.media.push(Media {
                    kind: words.next().unwrap_or(""),
                    ..Media::default()
                });
                let number = words.next().and_then(|word| word.split('/').next());
                port = number.and_then(|number| number.parse().ok()).unwrap_or(0);
                continue;
            }
            let Some(media) = sdp.media.last_mut() else {
                if kind == "c" {
                    session_address = connection(value);
                }
                continue;
            };
            let (name, attribute) = value.split_once(':').unwrap_or((value, ""));
            match (kind, name) {
                ("c", _) => address = connection(value),
                ("a", "crypto") if media.crypto_lines.len() < MAX_CRYPTO_LINES => {
                    media.crypto_lines.push(line);
                }
                ("a", "rtcp-mux") => is_muxed = true,
                ("a", "rtcp") => {
                    let (number, rest) = attribute.split_once(' ').unwrap_or((attribute, ""));
                    rtcp = number.parse().ok().map(|number| (number, connection(rest)));
                }
                ("a", "candidate") => {
                    if let Some(candidate) = candidate(attribute) {
                        media.add(candidate);
                    }
                }
                ("a", "rtpmap") => {
                    if let Some((number, encoding)) = attribute.split_once(' ')
                        && let Ok(number) = number.parse()
                    {
                        media
                            .payload_types
                            .insert(number, encoding.trim().to_owned());
                    }
                }
                _ => {}
            }
        }
        sdp.close_media(port, address.or(session_address), rtcp, is_muxed);
        sdp
    }

    /// Works out the addresses of the last media, whose lines have all been
    /// read.
    fn close_media(
        &mut self,
        port: u16,
        address: Option<IpAddr>,
        rtcp: Option<(u16, Option<IpAddr>)>,
        is_muxed: bool,
    ) {
        let (Some(media), Some(address)) = (self.media.last_mut(), address) else {
            return;
        };
        if port == 0 {
            // Refused, or taken away.
            return;
        }
        media.add(SocketAddr::new(address, port));
        match rtcp {
            Some((rtcp_port, rtcp_address)) => {
                media.add(SocketAddr::new(rtcp_address.unwrap_or(address), rtcp_port));
            }
            None if is_muxed => {}
            None => {
                if let Some(rtcp_port) = port.checked_add(1) {
                    media.add(SocketAddr::new(address, rtcp_port));
                }
            }
        }
    }
}

impl Media<'_> {
    fn add(&mut self, address: SocketAddr) {
        let is_real = !address.ip().is_unspecified() && address.port() != 0;
        let has_room = self.addresses.len() < MAX_ADDRESSES;
        if is_real && has_room && !self.addresses.contains(&address) {
            self.addresses.push(address);
        }
    }
}

/// `IN IP4 192.0.2.1`; what stands behind a '/' is for multicast.
fn connection(value: &str) -> Option<IpAddr> {
    let mut words = value.split_ascii_whitespace();
    let (net, kind, address) = (words.next()?, words.next()?, words.next()?);
    if net != "IN" || !matches!(kind, "IP4" | "IP6") {
        return None;
    }
    address.split('/').next()?.parse().ok()
}

/// `1 1 UDP 2130706431 192.0.2.1 4000 typ host …` (RFC 8839 §5.1).
fn candidate(value: &str) -> Option<SocketAddr> {
    let words: Vec<&str> = value.split_ascii_whitespace().take(6).collect();
    let [_, _, transport, _, address, port] = words[..] else {
        return None;
    };
    let address = address.parse().ok()?;
    let port = port.parse().ok()?;
    transport
        .eq_ignore_ascii_case("udp")
        .then(|| SocketAddr::new(address, port))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn addresses(media: &Media<'_>) -> Vec<String> {
        media.addresses.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn each_media_has_its_own_address_ports_and_keys() {
        let sdp = Sdp::parse(
            "v=0\r\no=- 1 1 IN IP4 192.0.2.9\r\nc=IN IP4 192.0.2.1\r\nt=0 0\r\n\
             a=crypto:9 in the session part, where none belongs\r\n\
             m=audio 4000/2 RTP/SAVP 0 96\r\na=rtpmap:96 AMR-WB/16000\r\na=crypto:1 one\r\n\
             a=crypto:2 two\r\nm=video 5000 RTP/SAVPF 97\r\nc=IN IP6 2001:db8::1\r\n\
             a=rtcp-mux\r\na=crypto:1 three\r\nm=audio 6000 RTP/SAVP 0\r\n\
             a=rtcp:7000 IN IP4 192.0.2.3\r\nm=image 0 udptl t38\r\n",
        );
        let [audio, video, other, refused] = &sdp.media[..] else {
            panic!("{sdp:?}");
        };
        assert_eq!(addresses(audio), ["192.0.2.1:4000", "192.0.2.1:4001"]);
        assert_eq!(audio.crypto_lines, ["a=crypto:1 one", "a=crypto:2 two"]);
        assert_eq!(audio.payload_types[&96], "AMR-WB/16000");
        assert_eq!(addresses(video), ["[2001:db8::1]:5000"]);
        assert_eq!((video.kind, video.crypto_lines.len()), ("video", 1));
        assert_eq!(addresses(other), ["192.0.2.1:6000", "192.0.2.3:7000"]);
        assert_eq!(addresses(refused), [""; 0]);
    }

    #[test]
    fn the_candidates_of_ice_are_addresses_too() {
        let sdp = Sdp::parse(
            "v=0\nc=IN IP4 0.0.0.0\nm=audio 9 RTP/SAVPF 111\n\
             a=candidate:1 1 udp 2130706431 192.0.2.7 4000 typ host\n\
             a=candidate:2 1 tcp 2130706431 192.0.2.7 4001 typ host\n",
        );
        assert_eq!(addresses(&sdp.media[0]), ["192.0.2.7:4000"]);
    }

    #[test]
    fn a_description_among_other_parts_of_a_body_is_found_and_ends_there() {
        let sdp = Sdp::parse(
            "--b\r\nContent-Type: application/sdp\r\n\r\nv=0\r\nc=IN IP4 192.0.2.1\r\n\
             m=audio 4000 RTP/SAVP 0\r\n--b\r\nm=audio 5000 RTP/SAVP 0\r\n",
        );
        assert_eq!(sdp.media.len(), 1);
        assert!(Sdp::parse("no description").media.is_empty());
    }

    #[test]
    fn the_number_of_media_is_bounded() {
        let body = format!("v=0\n{}", "m=audio 1 RTP/SAVP 0\n".repeat(1_000));
        assert_eq!(Sdp::parse(&body).media.len(), MAX_MEDIA);
    }
}
