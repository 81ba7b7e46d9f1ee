//! What was heard, as a WAV file: 16-bit PCM, one channel, 8 kHz.

use std::collections::BTreeMap;
use std::io::{self, Write};

use crate::g711;
use crate::rtp::RtpView;

const SAMPLE_RATE: u32 = 8_000;

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

    /// The samples in order, with silence where packets are missing.
    pub fn samples(&self) -> Vec<i16> {
        let mut samples = Vec::new();
        let mut expected = None;
        for (&timestamp, piece) in &self.pieces {
            let pause_len = timestamp - expected.unwrap_or(timestamp);
            let pause_len = pause_len.clamp(0, MAX_PAUSE_LEN) as usize;
            samples.resize(samples.len() + pause_len, 0);
            samples.extend(piece);
            expected = Some(timestamp + piece.len() as i64);
        }
        samples
    }

    /// Writes the file.
    ///
    /// # Errors
    /// What the writer says; [`io::ErrorKind::InvalidInput`] for more than a
    /// WAV file can hold, some 74 hours.
    pub fn write(&self, writer: &mut impl Write) -> io::Result<()> {
        const SAMPLE_LEN: u32 = 2;
        let samples = self.samples();
        let data_len = u32::try_from(samples.len())
            .ok()
            .and_then(|count| count.checked_mul(SAMPLE_LEN))
            .filter(|data_len| *data_len <= u32::MAX - 36)
            .ok_or_else(|| io::Error::new(io::ErrorKind::InvalidInput, "too long for a WAV"))?;
        writer.write_all(b"RIFF")?;
        writer.write_all(&(data_len + 36).to_le_bytes())?;
        writer.write_all(b"WAVEfmt ")?;
        writer.write_all(&16_u32.to_le_bytes())?;
        writer.write_all(&[1, 0, 1, 0])?;
        writer.write_all(&SAMPLE_RATE.to_le_bytes())?;
        writer.write_all(&(SAMPLE_RATE * SAMPLE_LEN).to_le_bytes())?;
        writer.write_all(&[SAMPLE_LEN as u8, 0, 16, 0])?;
        writer.write_all(b"data")?;
        writer.write_all(&data_len.to_le_bytes())?;
        for sample in samples {
            writer.write_all(&sample.to_le_bytes())?;
        }
        Ok(())
    }
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

    #[test]
    fn order_is_restored_and_gaps_are_silent() {
        let mut recording = Recording::default();
        recording.add(&packet(8, 0x80));
        recording.add(&packet(0, 0x00));
        recording.add(&packet(0, 0x80));
        let loud = 32_124;
        let expected = [[-loud; 4], [0; 4], [loud; 4]].concat();
        assert_eq!(recording.samples(), expected);
    }

    #[test]
    fn timestamps_may_wrap() {
        let mut recording = Recording::default();
        recording.add(&packet(u32::MAX - 3, 0xff));
        recording.add(&packet(0, 0xff));
        assert_eq!(recording.samples().len(), 8);
    }

    #[test]
    fn a_leap_in_the_timestamp_costs_ten_seconds_at_most() {
        let mut recording = Recording::default();
        recording.add(&packet(0, 0xff));
        recording.add(&packet(1 << 30, 0xff));
        assert_eq!(recording.samples().len(), 80_000 + 8);
    }
}
