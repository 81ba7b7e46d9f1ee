//! What a replay leaves: the packets in clear, and what can be heard.

use std::collections::HashMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use super::{Protocol, Seen};
use crate::capture::{CaptureWriter, Format, with_udp_payload};
use crate::keys_file::Ssrc;
use crate::output_file::{Existing, OutputFile, Privacy};
use crate::rtp::RtpView;
use crate::wav::StreamedRecording;

/// Streams that are recorded at a time; each has a file open.
const MAX_RECORDINGS: usize = 256;

/// The files that are written beside the report, as far as they are wanted.
#[derive(Default)]
pub(super) struct Outputs {
    plain: Option<PlainCapture>,
    recordings: Option<Recordings>,
}

impl Outputs {
    /// Begins the files: `write` is a capture, `wav` a folder in which each
    /// recording's name begins with `prefix`.
    ///
    /// # Errors
    /// What is in the way, by name.
    pub(super) fn create(
        write: Option<&Path>,
        wav: Option<&Path>,
        prefix: &str,
        existing: Existing,
    ) -> Result<Self> {
        let plain = write.map(|path| PlainCapture::create(path, existing));
        let recordings = wav.map(|folder| Recordings::create(folder, prefix, existing));
        Ok(Self {
            plain: plain.transpose()?,
            recordings: recordings.transpose()?,
        })
    }

    /// Takes a packet as it comes out.
    ///
    /// # Errors
    /// What the system says, with the file's name.
    pub(super) fn take(&mut self, seen: &Seen<'_>) -> io::Result<()> {
        let Ok(plain) = seen.outcome else {
            return Ok(());
        };
        let packet = &seen.frame[seen.datagram.payload.clone()][..plain.len];
        if let Some(capture) = &mut self.plain {
            capture.write(seen, packet)?;
        }
        if let Some(recordings) = &mut self.recordings
            && seen.protocol == Some(Protocol::Rtp)
        {
            recordings.add(seen, packet)?;
        }
        Ok(())
    }

    /// Gives the files their names.
    ///
    /// # Errors
    /// What the system says, with the file's name.
    pub(super) fn complete(self) -> Result<()> {
        if let Some(plain) = self.plain {
            plain.complete()?;
        }
        if let Some(recordings) = self.recordings {
            recordings.complete()?;
        }
        Ok(())
    }
}

/// The capture of `--write`.
struct PlainCapture {
    writer: CaptureWriter<OutputFile>,
    path: PathBuf,
}

impl PlainCapture {
    fn create(path: &Path, existing: Existing) -> Result<Self> {
        // Speech in clear is for the one who decrypted it.
        let file = OutputFile::create(path, Privacy::Owner, existing)?;
        let writer = CaptureWriter::new(Format::of_name(path), file)
            .with_context(|| format!("cannot write {}", path.display()))?;
        Ok(Self {
            writer,
            path: path.to_owned(),
        })
    }

    fn write(&mut self, seen: &Seen<'_>, packet: &[u8]) -> io::Result<()> {
        let frame = with_udp_payload(seen.link_type, seen.frame, seen.datagram, packet);
        let frame = frame.map_err(io::Error::other)?;
        self.writer
            .write(seen.link_type, seen.at, &frame)
            .map_err(|error| named(&self.path, error))
    }

    fn complete(self) -> Result<()> {
        let file = self.writer.finish();
        let file = file.with_context(|| format!("cannot write {}", self.path.display()))?;
        Ok(file.complete()?)
    }
}

/// The folder of `--wav`: a file for each stream of PCMU or PCMA.
struct Recordings {
    folder: PathBuf,
    prefix: String,
    existing: Existing,
    streams: HashMap<(Option<usize>, u32), (StreamedRecording<OutputFile>, PathBuf)>,
}

impl Recordings {
    fn create(folder: &Path, prefix: &str, existing: Existing) -> Result<Self> {
        fs::create_dir_all(folder)
            .with_context(|| format!("cannot make the folder {}", folder.display()))?;
        Ok(Self {
            folder: folder.to_owned(),
            prefix: prefix.to_owned(),
            existing,
            streams: HashMap::new(),
        })
    }

    fn add(&mut self, seen: &Seen<'_>, packet: &[u8]) -> io::Result<()> {
        let Some(rtp) = RtpView::parse(packet).filter(|rtp| matches!(rtp.payload_type, 0 | 8))
        else {
            return Ok(());
        };
        let id = (seen.sender, rtp.ssrc);
        if !self.streams.contains_key(&id) {
            if self.streams.len() >= MAX_RECORDINGS {
                return Ok(());
            }
            let path = self.path_of(rtp.ssrc);
            let file = OutputFile::create(&path, Privacy::Owner, self.existing)
                .map_err(io::Error::other)?;
            let recording = StreamedRecording::new(file).map_err(|error| named(&path, error))?;
            self.streams.insert(id, (recording, path));
        }
        match self.streams.get_mut(&id) {
            Some((recording, path)) => recording.add(packet).map_err(|error| named(path, error)),
            None => Ok(()),
        }
    }

    /// The SSRC's name; a second sender's of the same SSRC has a number.
    fn path_of(&self, ssrc: u32) -> PathBuf {
        let same = self.streams.keys().filter(|(_, other)| *other == ssrc);
        let number = match same.count() {
            0 => String::new(),
            others => format!("-{}", others + 1),
        };
        let Self { folder, prefix, .. } = self;
        folder.join(format!("{prefix}{}{number}.wav", Ssrc(ssrc)))
    }

    fn complete(self) -> Result<()> {
        for (recording, path) in self.streams.into_values() {
            let file = recording.finish();
            let file = file.with_context(|| format!("cannot write {}", path.display()))?;
            file.complete()?;
        }
        Ok(())
    }
}

fn named(path: &Path, error: io::Error) -> io::Error {
    io::Error::new(
        error.kind(),
        format!("cannot write {}: {error}", path.display()),
    )
}
