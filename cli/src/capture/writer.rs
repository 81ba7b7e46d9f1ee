//! Writing pcap and pcapng, with stamps in nanoseconds.

use std::io::{self, Write};
use std::path::Path;
use std::time::Duration;

use super::{LinkType, MAX_FRAME_LEN};

const SHOWN_APPLICATION: &str = concat!("callseal ", env!("CARGO_PKG_VERSION"));

/// The two file formats.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// Classic pcap: one link type a file.
    Pcap,
    /// pcapng: an interface for every link type.
    PcapNg,
}

impl Format {
    /// pcapng where the name ends so, pcap otherwise.
    pub fn of_name(path: &Path) -> Self {
        match path.extension() {
            Some(extension) if extension.eq_ignore_ascii_case("pcapng") => Self::PcapNg,
            _ => Self::Pcap,
        }
    }
}

/// Writes frames as they come.
pub struct CaptureWriter<W> {
    writer: W,
    format: Format,
    link_types: Vec<LinkType>,
}

impl<W: Write> CaptureWriter<W> {
    /// Begins a file.
    ///
    /// # Errors
    /// What the writer says.
    pub fn new(format: Format, mut writer: W) -> io::Result<Self> {
        if format == Format::PcapNg {
            let mut body = vec![0x4d, 0x3c, 0x2b, 0x1a, 1, 0, 0, 0];
            // The section's length is not known in advance.
            body.extend([0xff; 8]);
            push_option(&mut body, 4, SHOWN_APPLICATION.as_bytes());
            push_option(&mut body, 0, &[]);
            write_block(&mut writer, 0x0a0d_0d0a, &body)?;
        }
        Ok(Self {
            writer,
            format,
            link_types: Vec::new(),
        })
    }

    /// Appends a frame captured `at` (since the Unix epoch).
    ///
    /// # Errors
    /// What the writer says; [`io::ErrorKind::InvalidInput`] for a frame of
    /// more than [`MAX_FRAME_LEN`] octets, or a second link type in a pcap.
    pub fn write(&mut self, link_type: LinkType, at: Duration, frame: &[u8]) -> io::Result<()> {
        if frame.len() > MAX_FRAME_LEN {
            return Err(invalid("a frame of more than 262,144 octets"));
        }
        let frame_len = u32::try_from(frame.len()).map_err(io::Error::other)?;
        let interface = self.interface(link_type)?;
        match self.format {
            Format::Pcap => {
                let seconds = u32::try_from(at.as_secs()).unwrap_or(u32::MAX);
                self.writer.write_all(&seconds.to_le_bytes())?;
                self.writer.write_all(&at.subsec_nanos().to_le_bytes())?;
                self.writer.write_all(&frame_len.to_le_bytes())?;
                self.writer.write_all(&frame_len.to_le_bytes())?;
                self.writer.write_all(frame)
            }
            Format::PcapNg => {
                let units = u64::try_from(at.as_nanos()).unwrap_or(u64::MAX);
                let mut body = Vec::with_capacity(20 + frame.len() + 3);
                body.extend(interface.to_le_bytes());
                body.extend(((units >> 32) as u32).to_le_bytes());
                body.extend((units as u32).to_le_bytes());
                body.extend(frame_len.to_le_bytes());
                body.extend(frame_len.to_le_bytes());
                body.extend(frame);
                body.resize(body.len().next_multiple_of(4), 0);
                write_block(&mut self.writer, 6, &body)
            }
        }
    }

    /// Ends the file and gives the writer back, flushed.
    ///
    /// # Errors
    /// What the writer says.
    pub fn finish(mut self) -> io::Result<W> {
        if self.link_types.is_empty() {
            // A file without frames is a valid capture too.
            self.interface(LinkType::ETHERNET)?;
        }
        self.writer.flush()?;
        Ok(self.writer)
    }

    /// The number of the interface with this link type, described in the file
    /// at its first use.
    fn interface(&mut self, link_type: LinkType) -> io::Result<u32> {
        if let Some(index) = self.link_types.iter().position(|known| *known == link_type) {
            return u32::try_from(index).map_err(io::Error::other);
        }
        match self.format {
            Format::Pcap if !self.link_types.is_empty() => {
                return Err(invalid(
                    "frames of two link types in one pcap; name the file .pcapng",
                ));
            }
            Format::Pcap => {
                let mut header = vec![0x4d, 0x3c, 0xb2, 0xa1, 2, 0, 4, 0];
                header.extend([0; 8]);
                header.extend((MAX_FRAME_LEN as u32).to_le_bytes());
                header.extend(u32::from(link_type.0).to_le_bytes());
                self.writer.write_all(&header)?;
            }
            Format::PcapNg => {
                let mut body = Vec::new();
                body.extend(link_type.0.to_le_bytes());
                body.extend([0, 0]);
                body.extend((MAX_FRAME_LEN as u32).to_le_bytes());
                push_option(&mut body, 2, b"callseal");
                push_option(&mut body, 9, &[9]);
                push_option(&mut body, 0, &[]);
                write_block(&mut self.writer, 1, &body)?;
            }
        }
        self.link_types.push(link_type);
        u32::try_from(self.link_types.len() - 1).map_err(io::Error::other)
    }
}

fn write_block(writer: &mut impl Write, kind: u32, body: &[u8]) -> io::Result<()> {
    let len = u32::try_from(body.len() + 12).map_err(io::Error::other)?;
    writer.write_all(&kind.to_le_bytes())?;
    writer.write_all(&len.to_le_bytes())?;
    writer.write_all(body)?;
    writer.write_all(&len.to_le_bytes())
}

/// Appends an option; `value` is one of ours, far shorter than 65,535 octets.
fn push_option(body: &mut Vec<u8>, code: u16, value: &[u8]) {
    body.extend(code.to_le_bytes());
    body.extend((value.len() as u16).to_le_bytes());
    body.extend(value);
    body.resize(body.len().next_multiple_of(4), 0);
}

fn invalid(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidInput, what)
}
