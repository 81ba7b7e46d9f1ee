//! What was heard, as a WAV file: 16-bit PCM, one channel, 8 kHz.

use std::collections::BTreeMap;
use std::io::{self, Read, Seek, SeekFrom, Write};

use crate::g711;
use crate::rtp::RtpView;

const SAMPLE_RATE: u32 = 8_000;
const SAMPLE_LEN: u32 = 2;

/// Packets that wait for earlier ones, where a recording is written as it
/// comes.
const REORDER_DEPTH: usize = 128;

/// A longer pause than this is shortened to it: a sender chooses its
/// timestamps freely, and a file must not grow with them.
const MAX_PAUSE_LEN: i64 = 10 * SAMPLE_RATE as i64;

/// The PCMU and PCMA packets of one stream, put in order as they come.
///
/// ```
/// use callseal::wav::Recording;
///
/// let mut packet = vec![0x80, 0, 0, 7, 0, 0, 0, 160, 0xab, 0xcd, 0x12, 0x34];
/// packet.extend([0xff; 160]);
/// let mut recording = Recording::default();
/// recording.add(&packet);
/// let mut wav = Vec::new();
/// recording.write(&mut wav)?;
/// assert_eq!(wav.len(), 44 + 2 * 160);
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Clone, Debug, Default)]
pub struct Recording {
    /// Samples by their extended timestamp.
    pieces: BTreeMap<i64, Vec<i16>>,
    /// The timestamp that came last, extended.
    last: Option<i64>,
}

impl Recording {
    /// Takes an RTP packet in clear; anything but PCMU and PCMA is passed
    /// over.
    pub fn add(&mut self, packet: &[u8]) {
        let Some(rtp) = RtpView::parse(packet) else {
            return;
        };
        let decode = match rtp.payload_type {
            0 => g711::mu_law,
            8 => g711::a_law,
            _ => return,
        };
        let timestamp = match self.last {
            // The shorter way round the circle of timestamps.
            Some(last) => last + i64::from(rtp.timestamp.wrapping_sub(last as u32).cast_signed()),
            None => i64::from(rtp.timestamp),
        };
        self.last = Some(timestamp);
        let samples = packet[rtp.payload].iter().map(|octet| decode(*octet));
        self.pieces
            .entry(timestamp)
            .or_insert_with(|| samples.collect());
    }

    /// Whether nothing that can be heard has come.
    pub fn is_empty(&self) -> bool {
        self.pieces.is_empty()
    }

    /// Writes the file: the samples in order, with silence where packets are
    /// missing. Silence takes no memory, as who sends chooses how much there is.
    ///
    /// # Errors
    /// What the writer says; [`io::ErrorKind::InvalidInput`] for more than a
    /// WAV file can hold, some 74 hours, of which nothing is written.
    pub fn write(&self, writer: &mut impl Write) -> io::Result<()> {
        let placed = || {
            let mut timeline = Timeline::default();
            let pieces = self.pieces.iter();
            pieces.filter_map(move |(at, piece)| Some((timeline.place(*at, piece)?, piece)))
        };
        let lens = placed().map(|(pause_len, piece)| pause_len + piece.len() as u64);
        write_head(writer, data_len(lens.sum())?)?;
        for (pause_len, piece) in placed() {
            write_piece(writer, pause_len, piece)?;
        }
        Ok(())
    }
}

/// Where the next piece goes.
#[derive(Debug, Default)]
struct Timeline {
    /// The timestamp after what was placed last.
    expected: Option<i64>,
}

impl Timeline {
    /// How many samples of silence come before a piece; `None` where it begins
    /// before the end of the one before.
    fn place(&mut self, timestamp: i64, piece: &[i16]) -> Option<u64> {
        let pause_len = timestamp - self.expected.unwrap_or(timestamp);
        if pause_len < 0 {
            return None;
        }
        self.expected = Some(timestamp + piece.len() as i64);
        Some(pause_len.min(MAX_PAUSE_LEN) as u64)
    }
}

/// A recording that goes into its file while it comes, however long it gets.
///
/// ```
/// use callseal::wav::StreamedRecording;
/// use std::io::Cursor;
///
/// let mut packet = vec![0x80, 0, 0, 7, 0, 0, 0, 160, 0xab, 0xcd, 0x12, 0x34];
/// packet.extend([0xff; 160]);
/// let mut recording = StreamedRecording::new(Cursor::new(Vec::new()))?;
/// recording.add(&packet)?;
/// assert_eq!(recording.finish()?.into_inner().len(), 44 + 2 * 160);
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Debug)]
pub struct StreamedRecording<W> {
    writer: W,
    /// What may still be preceded by a packet that comes late.
    waiting: Recording,
    timeline: Timeline,
    samples: u64,
}

impl<W: Write + Seek> StreamedRecording<W> {
    /// Begins a file.
    ///
    /// # Errors
    /// What the writer says.
    pub fn new(mut writer: W) -> io::Result<Self> {
        write_head(&mut writer, 0)?;
        Ok(Self {
            writer,
            waiting: Recording::default(),
            timeline: Timeline::default(),
            samples: 0,
        })
    }

    /// Takes an RTP packet in clear; anything but PCMU and PCMA is passed
    /// over.
    ///
    /// # Errors
    /// What the writer says.
    pub fn add(&mut self, packet: &[u8]) -> io::Result<()> {
        self.waiting.add(packet);
        while self.waiting.pieces.len() > REORDER_DEPTH {
            self.write_first()?;
        }
        Ok(())
    }

    /// Ends the file and gives the writer back, flushed.
    ///
    /// # Errors
    /// What the writer says; [`io::ErrorKind::InvalidInput`] for more than a
    /// WAV file can hold, some 74 hours.
    pub fn finish(mut self) -> io::Result<W> {
        while !self.waiting.is_empty() {
            self.write_first()?;
        }
        let data_len = data_len(self.samples)?;
        self.writer.seek(SeekFrom::Start(0))?;
        write_head(&mut self.writer, data_len)?;
        self.writer.seek(SeekFrom::End(0))?;
        self.writer.flush()?;
        Ok(self.writer)
    }

    fn write_first(&mut self) -> io::Result<()> {
        let Some((timestamp, piece)) = self.waiting.pieces.pop_first() else {
            return Ok(());
        };
        let Some(pause_len) = self.timeline.place(timestamp, &piece) else {
            // Too late: its place has been written.
            return Ok(());
        };
        let samples = self.samples + pause_len + piece.len() as u64;
        data_len(samples)?;
        write_piece(&mut self.writer, pause_len, &piece)?;
        self.samples = samples;
        Ok(())
    }
}

/// The octets of so many samples, if a WAV file can hold them.
fn data_len(samples: u64) -> io::Result<u32> {
    u32::try_from(samples)
        .ok()
        .and_then(|count| count.checked_mul(SAMPLE_LEN))
        .filter(|data_len| *data_len <= u32::MAX - 36)
        .ok_or_else(|| io::Error::new(io::ErrorKind::InvalidInput, "too long for a WAV"))
}

fn write_piece(writer: &mut impl Write, pause_len: u64, piece: &[i16]) -> io::Result<()> {
    let pause_len = pause_len * u64::from(SAMPLE_LEN);
    io::copy(&mut io::repeat(0).take(pause_len), writer)?;
    for sample in piece {
        writer.write_all(&sample.to_le_bytes())?;
    }
    Ok(())
}

fn write_head(writer: &mut impl Write, data_len: u32) -> io::Result<()> {
    writer.write_all(b"RIFF")?;
    writer.write_all(&(data_len + 36).to_le_bytes())?;
    writer.write_all(b"WAVEfmt ")?;
    writer.write_all(&16_u32.to_le_bytes())?;
    writer.write_all(&[1, 0, 1, 0])?;
    writer.write_all(&SAMPLE_RATE.to_le_bytes())?;
    writer.write_all(&(SAMPLE_RATE * SAMPLE_LEN).to_le_bytes())?;
    writer.write_all(&[SAMPLE_LEN as u8, 0, 16, 0])?;
    writer.write_all(b"data")?;
    writer.write_all(&data_len.to_le_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn packet(timestamp: u32, octet: u8) -> Vec<u8> {
        let mut packet = vec![0x80, 0, 0, 1];
        packet.extend(timestamp.to_be_bytes());
        packet.extend([0, 0, 0, 9]);
        packet.extend([octet; 4]);
        packet
    }

    /// What a file says after its head.
    fn samples(recording: &Recording) -> Vec<i16> {
        let mut file = Vec::new();
        recording.write(&mut file).unwrap();
        let (samples, _) = file[44..].as_chunks();
        samples.iter().copied().map(i16::from_le_bytes).collect()
    }

    #[test]
    fn order_is_restored_and_gaps_are_silent() {
        let mut recording = Recording::default();
        recording.add(&packet(8, 0x80));
        recording.add(&packet(0, 0x00));
        recording.add(&packet(0, 0x80));
        let loud = 32_124;
        let expected = [[-loud; 4], [0; 4], [loud; 4]].concat();
        assert_eq!(samples(&recording), expected);
    }

    #[test]
    fn timestamps_may_wrap() {
        let mut recording = Recording::default();
        recording.add(&packet(u32::MAX - 3, 0xff));
        recording.add(&packet(0, 0xff));
        assert_eq!(samples(&recording).len(), 8);
    }

    #[test]
    fn a_leap_in_the_timestamp_costs_ten_seconds_at_most() {
        let mut recording = Recording::default();
        recording.add(&packet(0, 0xff));
        recording.add(&packet(1 << 30, 0xff));
        assert_eq!(samples(&recording).len(), 80_000 + 8);
    }

    #[test]
    fn packets_that_lie_over_each_other_take_no_place_twice() {
        let mut recording = Recording::default();
        for timestamp in [0, 2, 4, 3] {
            recording.add(&packet(timestamp, timestamp as u8));
        }
        let [first, other] = [0, 4].map(g711::mu_law);
        assert_eq!(samples(&recording), [[first; 4], [other; 4]].concat());
    }

    /// Some 29 GB of silence, were it all kept.
    #[test]
    fn leaps_in_the_timestamp_take_no_memory_and_no_more_disk_than_a_wav_may() {
        let mut recording = Recording::default();
        for number in 0..180_000_u32 {
            recording.add(&packet(number.wrapping_mul(1 << 30), 0xff));
        }
        let mut written = Vec::new();
        let error = recording.write(&mut written).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::InvalidInput);
        assert!(written.is_empty());
    }

    #[test]
    fn a_streamed_recording_is_the_one_that_is_kept() {
        let mut kept = Recording::default();
        let mut streamed = StreamedRecording::new(io::Cursor::new(Vec::new())).unwrap();
        for number in (0..2_000_u32).map(|number| number ^ 3) {
            if number % 50 == 7 {
                continue;
            }
            let packet = packet((u32::MAX - 400).wrapping_add(number * 4), number as u8);
            kept.add(&packet);
            streamed.add(&packet).unwrap();
            assert!(streamed.waiting.pieces.len() <= REORDER_DEPTH);
        }
        let mut expected = Vec::new();
        kept.write(&mut expected).unwrap();
        assert_eq!(streamed.finish().unwrap().into_inner(), expected);
    }
}
