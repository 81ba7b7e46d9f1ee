//! What passes a leg's sockets, as a capture.

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use crate::capture::{CaptureWriter, Format, LinkType, udp_frame};
use crate::clock::Clock;
use crate::leg_driver::{Passage, WireTap};
use crate::output_file::{OutputError, OutputFile};

/// A capture that grows with a call. A clone is another handle on it.
#[derive(Clone)]
pub struct WireRecorder {
    clock: Clock,
    shared: Arc<Mutex<Shared>>,
}

struct Shared {
    /// `None` once it is finished.
    writer: Option<CaptureWriter<OutputFile>>,
    /// Frames by their time and number: two legs' threads take turns in any
    /// order, and a capture is read in the order of time.
    waiting: BTreeMap<(Duration, u64), Vec<u8>>,
    count: u64,
    error: Option<io::Error>,
    /// Our own address towards each remote one, where the socket is bound to
    /// any.
    own: BTreeMap<IpAddr, IpAddr>,
}

impl WireRecorder {
    /// Begins a pcapng in `file`.
    ///
    /// # Errors
    /// What the system says.
    pub fn new(clock: Clock, file: OutputFile) -> io::Result<Self> {
        let writer = CaptureWriter::new(Format::PcapNg, file)?;
        Ok(Self {
            clock,
            shared: Arc::new(Mutex::new(Shared {
                writer: Some(writer),
                waiting: BTreeMap::new(),
                count: 0,
                error: None,
                own: BTreeMap::new(),
            })),
        })
    }

    /// Adds a datagram. An error is kept for [`WireRecorder::finish`], since a
    /// call must not break off because a disk is full.
    pub fn record(&self, passage: &Passage<'_>) {
        let at = self.clock.unix_time(passage.at);
        let mut shared = self.shared.lock().unwrap_or_else(PoisonError::into_inner);
        let from = shared.specified(passage.from, passage.to);
        let to = shared.specified(passage.to, passage.from);
        match udp_frame(from, to, passage.bytes) {
            Ok(frame) => shared.take(at, frame),
            Err(error) => tracing::debug!("a datagram is not recorded: {error}"),
        }
    }

    /// Ends the capture and gives the file its name.
    ///
    /// # Errors
    /// The first error that there was; there is no file then.
    pub fn finish(&self) -> Result<(), FinishError> {
        let mut shared = self.shared.lock().unwrap_or_else(PoisonError::into_inner);
        shared.write_before(Duration::MAX);
        if let Some(error) = shared.error.take() {
            return Err(FinishError::Write(error));
        }
        match shared.writer.take() {
            Some(writer) => {
                let mut file = writer.finish().map_err(FinishError::Write)?;
                file.flush().map_err(FinishError::Write)?;
                Ok(file.complete()?)
            }
            None => Ok(()),
        }
    }
}

impl WireTap for WireRecorder {
    fn datagram(&mut self, passage: &Passage<'_>) {
        self.record(passage);
    }
}

/// No leg's thread is further behind than this.
const MAX_DISORDER: Duration = Duration::from_millis(500);

impl Shared {
    fn take(&mut self, at: Duration, frame: Vec<u8>) {
        self.count += 1;
        self.waiting.insert((at, self.count), frame);
        self.write_before(at.saturating_sub(MAX_DISORDER));
    }

    fn write_before(&mut self, before: Duration) {
        let Some(writer) = &mut self.writer else {
            return;
        };
        while let Some(first) = self.waiting.first_entry()
            && first.key().0 < before
        {
            let ((at, _), frame) = first.remove_entry();
            if self.error.is_none() {
                self.error = writer.write(LinkType::ETHERNET, at, &frame).err();
            }
        }
    }

    /// `address`, or, where it is a socket's "any address", the one that
    /// packets for `other` leave from.
    fn specified(&mut self, address: SocketAddr, other: SocketAddr) -> SocketAddr {
        if !address.ip().is_unspecified() {
            return address;
        }
        let own = self
            .own
            .entry(other.ip())
            .or_insert_with(|| own_address_towards(other).unwrap_or(address.ip()));
        SocketAddr::new(*own, address.port())
    }
}

/// Why a capture has no end.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FinishError {
    /// It could not be written.
    #[error("the capture of the call could not be written")]
    Write(#[source] io::Error),
    /// The file could not be given its name.
    #[error(transparent)]
    Output(#[from] OutputError),
}

/// The local address that packets to `remote` leave from; sends nothing.
pub fn own_address_towards(remote: SocketAddr) -> Option<IpAddr> {
    let any: SocketAddr = match remote {
        SocketAddr::V4(_) => ([0, 0, 0, 0], 0).into(),
        SocketAddr::V6(_) => ([0_u16; 8], 0).into(),
    };
    let socket = UdpSocket::bind(any).ok()?;
    socket.connect(remote).ok()?;
    socket.local_addr().ok().map(|address| address.ip())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::capture::{CaptureReader, udp_in};
    use crate::leg_driver::Way;
    use crate::output_file::{Existing, Privacy};

    #[test]
    fn any_address_becomes_the_one_that_packets_leave_from() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("call.pcapng");
        let file = OutputFile::create(&path, Privacy::Umask, Existing::Keep).unwrap();
        let recorder = WireRecorder::new(Clock::start(), file).unwrap();
        recorder.record(&Passage {
            way: Way::In,
            at: Duration::ZERO,
            from: "127.0.0.1:4000".parse().unwrap(),
            to: "0.0.0.0:5000".parse().unwrap(),
            bytes: b"x",
        });
        recorder.finish().unwrap();
        let file = std::fs::read(&path).unwrap();
        let mut reader = CaptureReader::new(&file[..]).unwrap();
        let frame = reader.next_frame().unwrap().unwrap();
        let datagram = udp_in(frame.link_type, frame.bytes).unwrap();
        assert_eq!(datagram.to, "127.0.0.1:5000".parse().unwrap());
    }
}
