//! Packet captures: reading pcap and pcapng of any size, and writing both.
//!
//! Reading is streaming: memory is bounded by the longest block, not by the
//! file. Every error says which packet it met and at what offset.
//!
//! ```
//! use callseal::capture::{CaptureReader, CaptureWriter, Format, LinkType, udp_frame};
//! use std::time::Duration;
//!
//! let frame = udp_frame("10.0.0.1:4000".parse()?, "10.0.0.2:4000".parse()?, b"hello")?;
//! let mut writer = CaptureWriter::new(Format::PcapNg, Vec::new())?;
//! writer.write(LinkType::ETHERNET, Duration::from_secs(1), &frame)?;
//! let file = writer.finish()?;
//!
//! let mut reader = CaptureReader::new(&file[..])?;
//! let frame = reader.next_frame()?.expect("one frame was written");
//! let datagram = callseal::capture::udp_in(frame.link_type, frame.bytes)?;
//! assert_eq!(&frame.bytes[datagram.payload], b"hello");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod compose;
mod link;
mod pcap;
mod pcapng;
mod source;
mod writer;

use std::io::{self, Read};
use std::time::Duration;

pub use compose::{ComposeError, udp_frame, with_udp_payload};
pub use link::{Datagram, NotUdp, Segment, cut_udp_in, tcp_in, udp_in};
pub use writer::{CaptureWriter, Format};

use pcap::PcapReader;
use pcapng::PcapNgReader;
use source::Source;

/// The longest frame that is read, in octets: libpcap's own bound.
pub const MAX_FRAME_LEN: usize = 262_144;

/// What the first octets of a frame are (the LINKTYPE registry of tcpdump.org).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct LinkType(pub u16);

impl LinkType {
    /// BSD loopback: a protocol family in the byte order of the capturing host.
    pub const NULL: Self = Self(0);
    /// IEEE 802.3 Ethernet.
    pub const ETHERNET: Self = Self(1);
    /// Raw IPv4 or IPv6, told apart by the version field.
    pub const RAW: Self = Self(101);
    /// OpenBSD loopback: a protocol family in network byte order.
    pub const LOOP: Self = Self(108);
    /// Linux cooked capture, version 1.
    pub const LINUX_SLL: Self = Self(113);
    /// Raw IPv4.
    pub const IPV4: Self = Self(228);
    /// Raw IPv6.
    pub const IPV6: Self = Self(229);
    /// Linux cooked capture, version 2.
    pub const LINUX_SLL2: Self = Self(276);
}

/// One captured frame.
#[derive(Clone, Copy, Debug)]
pub struct Frame<'a> {
    /// Counted from 1, as Wireshark does.
    pub number: u64,
    /// Where the frame's record begins in the file, in octets.
    pub offset: u64,
    /// Time of capture since the Unix epoch; zero where the file has none.
    pub at: Duration,
    /// What the frame begins with.
    pub link_type: LinkType,
    /// The octets that were captured.
    pub bytes: &'a [u8],
    /// How many octets the frame had on the wire.
    pub original_len: u32,
    /// Which interface of the file's it was captured at, from 0.
    pub interface: u32,
}

/// Reads frames from a pcap or pcapng file, in either byte order.
pub struct CaptureReader<R> {
    source: Source<R>,
    kind: Kind,
    frames: u64,
}

enum Kind {
    Pcap(PcapReader),
    PcapNg(PcapNgReader),
}

impl<R: Read> CaptureReader<R> {
    /// Recognises the format by the first octets.
    ///
    /// # Errors
    /// [`CaptureError`] where the file cannot be read, or is no capture.
    pub fn new(reader: R) -> Result<Self, CaptureError> {
        let mut source = Source::new(reader);
        let held = source.fill(4).map_err(CaptureError::io(0))?;
        if held == 0 {
            return Err(CaptureError::Empty);
        }
        let kind = match source.window() {
            [0x0a, 0x0d, 0x0d, 0x0a, ..] => Kind::PcapNg(PcapNgReader::new()),
            _ => Kind::Pcap(PcapReader::new(&mut source)?),
        };
        Ok(Self {
            source,
            kind,
            frames: 0,
        })
    }

    /// The next frame; `None` at the end of the file.
    ///
    /// # Errors
    /// [`CaptureError`] where the file ends inside a record or a record
    /// contradicts itself. Reading cannot go on after an error.
    pub fn next_frame(&mut self) -> Result<Option<Frame<'_>>, CaptureError> {
        let number = self.frames + 1;
        let record = match &mut self.kind {
            Kind::Pcap(pcap) => pcap.next_record(&mut self.source, number)?,
            Kind::PcapNg(pcapng) => pcapng.next_record(&mut self.source, number)?,
        };
        let Some(record) = record else {
            return Ok(None);
        };
        self.frames = number;
        let consumed = self.source.consumed(record.after_len);
        Ok(Some(Frame {
            number,
            offset: record.offset,
            at: record.at,
            link_type: record.link_type,
            bytes: &consumed[..record.captured_len],
            original_len: record.original_len,
            interface: record.interface,
        }))
    }

    /// How far into the file reading has come, in octets.
    pub fn offset(&self) -> u64 {
        self.source.offset()
    }
}

/// A record whose octets the source has just consumed: the frame begins
/// `after_len` octets before the window.
struct Record {
    offset: u64,
    at: Duration,
    link_type: LinkType,
    captured_len: usize,
    after_len: usize,
    original_len: u32,
    interface: u32,
}

/// Why a capture could not be read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CaptureError {
    /// There is not one octet in it.
    #[error("the file is empty")]
    Empty,
    /// The first octets belong to neither format.
    #[error(
        "neither pcap nor pcapng: the file begins with {found:02x?}{}",
        hint(found)
    )]
    NotACapture {
        /// The first octets.
        found: Vec<u8>,
    },
    /// The file ends in the middle of something.
    #[error(
        "cut short: {what} {number} at offset {offset} needs {needed_len} octets, {held_len} are there"
    )]
    CutShort {
        /// What was being read.
        what: &'static str,
        /// The number of the frame being read, counted from 1.
        number: u64,
        /// Where the record begins.
        offset: u64,
        /// What it needs, in octets.
        needed_len: usize,
        /// What the file still has, in octets.
        held_len: usize,
    },
    /// A record contradicts itself.
    #[error("damaged at packet {number}, offset {offset}: {what}")]
    Damaged {
        /// What is wrong.
        what: String,
        /// The number of the frame being read, counted from 1.
        number: u64,
        /// Where the record begins.
        offset: u64,
    },
    /// The file could not be read or written.
    #[error("input/output error at offset {offset}")]
    Io {
        /// How far reading had come.
        offset: u64,
        /// What the system said.
        #[source]
        source: io::Error,
    },
}

/// What the first octets say that a person can do something about.
fn hint(found: &[u8]) -> &'static str {
    match found {
        [0x1f, 0x8b, ..] => ", as gzip does: unpack it first",
        [0x28, 0xb5, 0x2f, 0xfd, ..] => ", as zstd does: unpack it first",
        [b'{' | b'[', ..] => ", as JSON does: is it the file of keys?",
        _ => "",
    }
}

impl CaptureError {
    /// Whether the file ends inside a record, as that of a recorder which was
    /// stopped does: the packets before are whole.
    pub fn is_cut_short(&self) -> bool {
        matches!(self, Self::CutShort { offset: 1.., .. })
    }

    fn io(offset: u64) -> impl FnOnce(io::Error) -> Self {
        move |source| Self::Io { offset, source }
    }

    fn damaged(number: u64, offset: u64, what: impl Into<String>) -> Self {
        Self::Damaged {
            what: what.into(),
            number,
            offset,
        }
    }
}

/// The byte order of a file's own fields.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum ByteOrder {
    Big,
    Little,
}

impl ByteOrder {
    /// The two octets at `at`, zero where they are missing.
    fn u16(self, bytes: &[u8], at: usize) -> u16 {
        let octets = array_at(bytes, at);
        match self {
            Self::Big => u16::from_be_bytes(octets),
            Self::Little => u16::from_le_bytes(octets),
        }
    }

    /// The four octets at `at`, zero where they are missing.
    fn u32(self, bytes: &[u8], at: usize) -> u32 {
        let octets = array_at(bytes, at);
        match self {
            Self::Big => u32::from_be_bytes(octets),
            Self::Little => u32::from_le_bytes(octets),
        }
    }

    /// The eight octets at `at`, zero where they are missing.
    fn u64(self, bytes: &[u8], at: usize) -> u64 {
        let octets = array_at(bytes, at);
        match self {
            Self::Big => u64::from_be_bytes(octets),
            Self::Little => u64::from_le_bytes(octets),
        }
    }
}

fn array_at<const N: usize>(bytes: &[u8], at: usize) -> [u8; N] {
    bytes
        .get(at..)
        .and_then(|rest| rest.first_chunk::<N>())
        .copied()
        .unwrap_or([0; N])
}

#[cfg(test)]
mod tests;
