//! Makes a capture of calls as long as is asked for, the same every time, and
//! the file of its keys: `long_capture OUT.pcap KEYS.json OCTETS [PROFILE]`.
//!
//! Four calls of PCMU in both directions, a packet each twenty milliseconds,
//! RTCP every five seconds. What it made is said in a line of JSON.

use std::collections::BTreeMap;
use std::error::Error;
use std::fs::File;
use std::io::BufWriter;
use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use callseal::capture::{CaptureWriter, Format, LinkType, udp_frame};
use callseal::keys_file::{KeysFile, SenderKey};
use callseal::output_file::Existing;
use callseal::secret::Secret;
use callseal_rtcp_ext::Builder;
use callseal_srtp::{MasterKey, Policy, Profile, Sender};

const STREAMS: u16 = 8;
const PAYLOAD_LEN: usize = 160;
const PACKETS_A_REPORT: u64 = 250;

/// Of a record in a pcap.
const RECORD_HEAD_LEN: u64 = 16;

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [out, keys, octets, rest @ ..] = &arguments[..] else {
        return Err("usage: long_capture OUT.pcap KEYS.json OCTETS [PROFILE]".into());
    };
    let octets: u64 = octets.parse()?;
    let name = rest
        .first()
        .map_or("AES_CM_128_HMAC_SHA1_80", String::as_str);
    let profile = Profile::from_name(name).ok_or("no such profile")?;

    let mut streams = Vec::new();
    for number in 0..STREAMS {
        streams.push(Stream::new(profile, number)?);
    }
    let file = BufWriter::with_capacity(1 << 20, File::create(out)?);
    let mut writer = CaptureWriter::new(Format::Pcap, file)?;
    let (mut written, mut rtp, mut rtcp) = (0, 0_u64, 0_u64);
    let mut ticks = 0_u64;
    while written < octets {
        for stream in &mut streams {
            let at = Duration::from_millis(20) * u32::try_from(ticks)?;
            let mut write = |(from, to), packet: &[u8]| -> Result<(), Box<dyn Error>> {
                let frame = udp_frame(from, to, packet)?;
                written += RECORD_HEAD_LEN + frame.len() as u64;
                Ok(writer.write(LinkType::ETHERNET, at, &frame)?)
            };
            write(stream.rtp_way(), stream.rtp(ticks)?)?;
            rtp += 1;
            if ticks % PACKETS_A_REPORT == PACKETS_A_REPORT - 1 {
                write(stream.rtcp_way(), &stream.rtcp()?)?;
                rtcp += 1;
            }
        }
        ticks += 1;
    }
    writer.finish()?;
    let sender_keys = streams.iter().map(Stream::key).collect();
    KeysFile::new(sender_keys, BTreeMap::new()).write(Path::new(keys), Existing::Replace)?;
    println!("{{\"rtp\":{rtp},\"rtcp\":{rtcp},\"octets\":{written}}}");
    Ok(())
}

struct Stream {
    sender: Sender,
    profile: Profile,
    number: u16,
    ssrc: u32,
    buf: Vec<u8>,
}

impl Stream {
    fn new(profile: Profile, number: u16) -> Result<Self, Box<dyn Error>> {
        let [key, salt] = secrets(profile, number);
        let master_key = MasterKey::new(profile, key.expose(), salt.expose())?;
        Ok(Self {
            sender: Sender::new(Policy::new(profile), master_key)?,
            profile,
            number,
            ssrc: 0xca11_0000 | u32::from(number),
            buf: Vec::new(),
        })
    }

    fn key(&self) -> SenderKey {
        let [key, salt] = secrets(self.profile, self.number);
        SenderKey {
            sender: format!("phone {}", self.number),
            from: vec![self.rtp_way().0, self.rtcp_way().0],
            ..SenderKey::new(self.profile.name(), key, salt)
        }
    }

    fn rtp_way(&self) -> (SocketAddr, SocketAddr) {
        // Two phones a call: each sends to the other's port.
        let port = |number: u16| 40_000 + 2 * number;
        let address = |number: u16| SocketAddr::from(([192, 0, 2, 1], port(number)));
        (address(self.number), address(self.number ^ 1))
    }

    fn rtcp_way(&self) -> (SocketAddr, SocketAddr) {
        let (mut from, mut to) = self.rtp_way();
        from.set_port(from.port() + 1);
        to.set_port(to.port() + 1);
        (from, to)
    }

    fn rtp(&mut self, tick: u64) -> Result<&[u8], Box<dyn Error>> {
        self.buf.clear();
        self.buf.extend([0x80, 0]);
        self.buf.extend((tick as u16).to_be_bytes());
        self.buf
            .extend((tick as u32).wrapping_mul(160).to_be_bytes());
        self.buf.extend(self.ssrc.to_be_bytes());
        self.buf
            .extend((0..PAYLOAD_LEN).map(|octet| octet as u8 ^ tick as u8));
        let len = self.buf.len();
        self.buf.resize(len + self.sender.max_trailer_len(), 0);
        let len = self.sender.protect_rtp(&mut self.buf, len)?;
        Ok(&self.buf[..len])
    }

    fn rtcp(&mut self) -> Result<Vec<u8>, Box<dyn Error>> {
        let mut packet = Builder::receiver_report(self.ssrc, &[], "long")?.finish();
        let len = packet.len();
        packet.resize(len + self.sender.max_trailer_len(), 0);
        let len = self.sender.protect_rtcp(&mut packet, len)?;
        packet.truncate(len);
        Ok(packet)
    }
}

/// A key and a salt, which are no secret.
fn secrets(profile: Profile, number: u16) -> [Secret; 2] {
    let octet = number as u8 + 1;
    [
        Secret::new(vec![octet; profile.key_len()]),
        Secret::new(vec![octet ^ 0xff; profile.salt_len()]),
    ]
}
