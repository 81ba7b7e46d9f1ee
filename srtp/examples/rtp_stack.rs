//! SRTP put into a stack that so far spoke plain RTP.
//!
//! The stack is made of [`rtp-types`] and [`rtcp-types`], with which
//! GStreamer's RTP elements in Rust write and read their packets. It knows
//! nothing of SRTP, and need not: packets are protected after it has written
//! them and opened before it reads them. What was added is marked with
//! `SRTP:`, and is
//!
//! 1. two `a=crypto` lines, one in the offer and one in the answer (RFC 4568);
//! 2. one call before `send_to`, one after `recv_from`;
//! 3. room behind each packet for the tag.
//!
//! Run it with `cargo run -p callseal-srtp --example rtp_stack`. Two phones
//! call each other over loopback; it fails if an octet of what they hear is
//! not what was said.
//!
//! [`rtp-types`]: https://docs.rs/rtp-types
//! [`rtcp-types`]: https://docs.rs/rtcp-types

use std::error::Error;
use std::net::{SocketAddr, UdpSocket};
use std::time::Duration;

use callseal_srtp::sdes::{CryptoAttribute, InlineKey};
use callseal_srtp::{Profile, Receiver, Sender, UnprotectError};
use rtcp_types::{Compound, Packet, RtcpPacketWriterExt, Sdes, SdesChunk, SdesItem, SenderReport};
use rtp_types::{RtpPacket, RtpPacketBuilder};

/// A second of PCMU in packets of 20 ms.
const PACKETS: u16 = 50;
const PAYLOAD_LEN: usize = 160;
/// The sequence numbers wrap on the way, so that the rollover counter, which
/// no packet carries, has to be counted at both ends.
const FIRST: u16 = 65_500;
/// As much as a datagram may be on the way.
const MTU: usize = 1_200;

fn main() -> Result<(), Box<dyn Error>> {
    let mut alice = Phone::new(0xa11c_e000, "alice")?;
    let mut bob = Phone::new(0x0b0b_0000, "bob")?;

    // SRTP: each end makes the key that it sends with, and says it in its
    // description of the session. Whoever reads these lines reads the call:
    // they belong inside SIP over TLS.
    let offer = alice.crypto_line(1)?;
    let answer = bob.crypto_line(1)?;
    bob.take_crypto_line(&offer)?;
    alice.take_crypto_line(&answer)?;

    for place in 0..PACKETS {
        alice.talk(place, bob.address()?)?;
        bob.listen()?;
        bob.talk(place, alice.address()?)?;
        alice.listen()?;
    }
    alice.report(bob.address()?)?;
    bob.listen()?;
    bob.report(alice.address()?)?;
    alice.listen()?;
    for phone in [&alice, &bob] {
        let Heard {
            packets,
            octets,
            reports,
        } = phone.heard;
        let whole = packets == PACKETS.into() && octets == packets * PAYLOAD_LEN as u32;
        ensure(whole && reports == 1, "something was not heard")?;
        println!(
            "{} heard {packets} packets, {octets} octets, {reports} report",
            phone.name
        );
    }

    // Somebody on the wire turns one bit, and then sends a packet once more.
    let mut datagram = [0; MTU];
    let written = alice.write_rtp(PACKETS, &mut datagram)?;
    let len = alice.sender()?.protect_rtp(&mut datagram, written)?;
    let mut forged = datagram;
    forged[20] ^= 1;
    let refused = bob.receiver()?.unprotect_rtp(&mut forged, len);
    ensure(
        refused == Err(UnprotectError::AuthenticationFailed),
        "a forged packet was taken",
    )?;
    bob.receiver()?.unprotect_rtp(&mut datagram.clone(), len)?;
    let refused = bob.receiver()?.unprotect_rtp(&mut datagram, len);
    ensure(
        refused == Err(UnprotectError::Replayed),
        "a packet was taken twice",
    )?;
    println!("a forged packet and a repeated one were refused");
    Ok(())
}

/// RTP and RTCP on one port are told apart by the second octet (RFC 5761 §4),
/// which SRTP leaves in clear.
fn is_rtcp(datagram: &[u8]) -> bool {
    datagram
        .get(1)
        .is_some_and(|kind| (192..224).contains(kind))
}

/// RFC 6464, in one word of one-octet extension headers (RFC 8285): it is
/// authenticated like the rest, and stays in clear.
const AUDIO_LEVEL: (u16, &[u8]) = (0xbede, &[0x10, 0x85, 0, 0]);

/// What is said in a packet.
fn speech(ssrc: u32, place: u16) -> Vec<u8> {
    let seed = (ssrc >> 24) as u8 ^ place as u8;
    (0..PAYLOAD_LEN)
        .map(|at| (at as u8).wrapping_mul(31) ^ seed)
        .collect()
}

#[derive(Clone, Copy, Default)]
struct Heard {
    packets: u32,
    octets: u32,
    reports: u32,
}

/// A phone of the stack.
struct Phone {
    name: &'static str,
    ssrc: u32,
    socket: UdpSocket,
    heard: Heard,
    // SRTP: one half for each direction, each with its own key.
    sender: Option<Sender>,
    receiver: Option<Receiver>,
}

impl Phone {
    fn new(ssrc: u32, name: &'static str) -> Result<Self, Box<dyn Error>> {
        let socket = UdpSocket::bind("127.0.0.1:0")?;
        socket.set_read_timeout(Some(Duration::from_secs(5)))?;
        Ok(Self {
            name,
            ssrc,
            socket,
            heard: Heard::default(),
            sender: None,
            receiver: None,
        })
    }

    /// SRTP: a fresh key to send with, and the line that says it.
    fn crypto_line(&mut self, tag: u32) -> Result<String, Box<dyn Error>> {
        let profile = Profile::AesCm128HmacSha1_80;
        let mut octets = vec![0; profile.key_len() + profile.salt_len()];
        getrandom::fill(&mut octets)?;
        let (key, salt) = octets.split_at(profile.key_len());
        let line = CryptoAttribute::new(tag, profile, InlineKey::new(profile, key, salt)?);
        self.sender = Some(line.sender(line.policy())?);
        Ok(line.to_line().to_string())
    }

    /// SRTP: what the other end says it will send with.
    fn take_crypto_line(&mut self, line: &str) -> Result<(), Box<dyn Error>> {
        let line = CryptoAttribute::parse(line)?;
        self.receiver = Some(line.receiver(line.policy())?);
        Ok(())
    }

    fn talk(&mut self, place: u16, to: SocketAddr) -> Result<(), Box<dyn Error>> {
        let mut datagram = [0; MTU];
        let len = self.write_rtp(place, &mut datagram)?;
        // SRTP: in place; the packet grows by at most `max_trailer_len`.
        let len = self.sender()?.protect_rtp(&mut datagram, len)?;
        self.socket.send_to(&datagram[..len], to)?;
        Ok(())
    }

    fn report(&mut self, to: SocketAddr) -> Result<(), Box<dyn Error>> {
        let mut datagram = [0; MTU];
        let len = self.write_rtcp(&mut datagram)?;
        // SRTP: RTCP has its own index and its own tag.
        let len = self.sender()?.protect_rtcp(&mut datagram, len)?;
        self.socket.send_to(&datagram[..len], to)?;
        Ok(())
    }

    fn listen(&mut self) -> Result<(), Box<dyn Error>> {
        let mut datagram = [0; MTU];
        let (len, _) = self.socket.recv_from(&mut datagram)?;
        // SRTP: what does not authenticate is an error, and goes no further.
        if is_rtcp(&datagram[..len]) {
            let opened = self.receiver()?.unprotect_rtcp(&mut datagram, len)?;
            self.read_rtcp(&datagram[..opened.len])
        } else {
            let opened = self.receiver()?.unprotect_rtp(&mut datagram, len)?;
            self.read_rtp(&datagram[..opened.len])
        }
    }

    fn write_rtp(&self, place: u16, datagram: &mut [u8]) -> Result<usize, Box<dyn Error>> {
        let payload = speech(self.ssrc, place);
        let (id, level) = AUDIO_LEVEL;
        let packet = RtpPacketBuilder::new()
            .payload_type(0)
            .marker_bit(place == 0)
            .sequence_number(FIRST.wrapping_add(place))
            .timestamp(u32::from(place) * PAYLOAD_LEN as u32)
            .ssrc(self.ssrc)
            .extension(id, level)
            .payload(payload.as_slice());
        Ok(packet.write_into(datagram)?)
    }

    fn read_rtp(&mut self, packet: &[u8]) -> Result<(), Box<dyn Error>> {
        let packet = RtpPacket::parse(packet)?;
        let place = packet.sequence_number().wrapping_sub(FIRST);
        let said = speech(packet.ssrc(), place);
        ensure(packet.payload() == said, "other octets than were said")?;
        ensure(packet.extension() == Some(AUDIO_LEVEL), "another extension")?;
        self.heard.packets += 1;
        self.heard.octets += packet.payload_len() as u32;
        Ok(())
    }

    fn write_rtcp(&self, datagram: &mut [u8]) -> Result<usize, Box<dyn Error>> {
        let report = SenderReport::builder(self.ssrc)
            .ntp_timestamp(0xec5a_0000_8000_0000)
            .packet_count(PACKETS.into())
            .octet_count(u32::from(PACKETS) * PAYLOAD_LEN as u32);
        let name = SdesItem::builder(SdesItem::CNAME, self.name);
        let source = Sdes::builder().add_chunk(SdesChunk::builder(self.ssrc).add_item(name));
        let compound = Compound::builder().add_packet(report).add_packet(source);
        Ok(compound.write_into(datagram)?)
    }

    fn read_rtcp(&mut self, compound: &[u8]) -> Result<(), Box<dyn Error>> {
        for packet in Compound::parse(compound)? {
            if let Packet::Sr(report) = packet? {
                let Heard {
                    packets, octets, ..
                } = self.heard;
                let sent = (report.packet_count(), report.octet_count());
                ensure(sent == (packets, octets), "more was sent than heard")?;
                self.heard.reports += 1;
            }
        }
        Ok(())
    }

    fn sender(&mut self) -> Result<&mut Sender, &'static str> {
        self.sender.as_mut().ok_or("no key to send with")
    }

    fn receiver(&mut self) -> Result<&mut Receiver, &'static str> {
        self.receiver.as_mut().ok_or("no key to receive with")
    }

    fn address(&self) -> std::io::Result<SocketAddr> {
        self.socket.local_addr()
    }
}

fn ensure(holds: bool, otherwise: &'static str) -> Result<(), &'static str> {
    if holds { Ok(()) } else { Err(otherwise) }
}
