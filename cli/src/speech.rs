//! Speech to send: RTP packets with the moments at which they are due.

use std::io::Read;
use std::time::Duration;

use crate::capture::{CaptureError, CaptureReader, udp_in};
use crate::rtp::RtpView;

/// Who speaks in the embedded dialogue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Speaker {
    /// The caller.
    Alice,
    /// The callee.
    Bob,
}

/// The codecs that the embedded dialogue was recorded in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Codec {
    /// AMR-WB at 12.65 kbit/s (RFC 4867), the codec of VoLTE.
    AmrWb,
    /// G.711 µ-law at 64 kbit/s.
    Pcmu,
}

/// The payload type of AMR-WB in the embedded dialogue, a dynamic one.
pub const AMR_WB_PAYLOAD_TYPE: u8 = 96;

/// An RTP packet in clear, and when it is due.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SpeechPacket {
    /// Since the speech began.
    pub at: Duration,
    /// The whole packet, header included.
    pub packet: Vec<u8>,
}

/// Why a capture is no speech.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SpeechError {
    /// The capture cannot be read.
    #[error(transparent)]
    Capture(#[from] CaptureError),
    /// There is no RTP in it.
    #[error("no RTP packet is in this capture")]
    NoRtp,
}

/// The part of the embedded dialogue that `speaker` has, about 18 seconds, in
/// each of `codecs` at once: two codecs are two streams with SSRCs of their
/// own.
///
/// ```
/// use callseal::speech::{Codec, Speaker, embedded};
///
/// let speech = embedded(Speaker::Alice, &[Codec::AmrWb, Codec::Pcmu])?;
/// assert_eq!(speech.len(), 2 * 867);
/// # Ok::<(), callseal::speech::SpeechError>(())
/// ```
///
/// # Errors
/// None for what is embedded.
pub fn embedded(speaker: Speaker, codecs: &[Codec]) -> Result<Vec<SpeechPacket>, SpeechError> {
    let mut speech = Vec::new();
    for codec in codecs {
        let capture: &[u8] = match (speaker, codec) {
            (Speaker::Alice, Codec::AmrWb) => {
                include_bytes!("../../testvectors/media/alice_amrwb.pcap")
            }
            (Speaker::Alice, Codec::Pcmu) => {
                include_bytes!("../../testvectors/media/alice_pcmu.pcap")
            }
            (Speaker::Bob, Codec::AmrWb) => {
                include_bytes!("../../testvectors/media/bob_amrwb.pcap")
            }
            (Speaker::Bob, Codec::Pcmu) => include_bytes!("../../testvectors/media/bob_pcmu.pcap"),
        };
        speech.extend(from_capture(capture)?);
    }
    // Stable, so that packets of one moment keep the codecs' order.
    speech.sort_by_key(|packet| packet.at);
    Ok(speech)
}

/// Every RTP packet in a capture of clear RTP, timed from the first.
///
/// # Errors
/// [`SpeechError`] where the capture cannot be read or holds no RTP.
pub fn from_capture(capture: impl Read) -> Result<Vec<SpeechPacket>, SpeechError> {
    let mut reader = CaptureReader::new(capture)?;
    let mut speech = Vec::new();
    let mut begin = None;
    while let Some(frame) = reader.next_frame()? {
        let Ok(datagram) = udp_in(frame.link_type, frame.bytes) else {
            continue;
        };
        let packet = &frame.bytes[datagram.payload];
        if callseal_rtcp_ext::is_rtcp(packet) || RtpView::parse(packet).is_none() {
            continue;
        }
        let begin = *begin.get_or_insert(frame.at);
        speech.push(SpeechPacket {
            at: frame.at.saturating_sub(begin),
            packet: packet.to_vec(),
        });
    }
    if speech.is_empty() {
        return Err(SpeechError::NoRtp);
    }
    Ok(speech)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_embedded_dialogue_is_what_its_provenance_says() {
        for (speaker, codec, count, ssrc, payload_type, first) in [
            (Speaker::Alice, Codec::Pcmu, 867, 0xabcd_1234, 0, 65_300),
            (Speaker::Bob, Codec::Pcmu, 896, 0x1234_5678, 0, 1_200),
            (Speaker::Alice, Codec::AmrWb, 867, 0xabcd_1235, 96, 65_100),
            (Speaker::Bob, Codec::AmrWb, 896, 0x1234_5679, 96, 500),
        ] {
            let speech = embedded(speaker, &[codec]).unwrap();
            assert_eq!(speech.len(), count);
            for (index, packet) in speech.iter().enumerate() {
                let rtp = RtpView::parse(&packet.packet).unwrap();
                assert_eq!(rtp.ssrc, ssrc);
                assert_eq!(rtp.payload_type, payload_type);
                let expected = (first as u16).wrapping_add(index as u16);
                assert_eq!(rtp.sequence_number, expected);
            }
            let last = speech.last().unwrap().at;
            assert!((17..19).contains(&last.as_secs()), "{last:?}");
        }
    }

    #[test]
    fn two_codecs_are_interleaved_in_time() {
        let speech = embedded(Speaker::Bob, &[Codec::AmrWb, Codec::Pcmu]).unwrap();
        assert_eq!(speech.len(), 2 * 896);
        assert!(speech.is_sorted_by_key(|packet| packet.at));
    }

    #[test]
    fn a_capture_without_rtp_is_no_speech() {
        let mut empty =
            crate::capture::CaptureWriter::new(crate::capture::Format::Pcap, Vec::new())
                .unwrap()
                .finish()
                .unwrap();
        assert!(matches!(from_capture(&empty[..]), Err(SpeechError::NoRtp)));
        empty.truncate(10);
        assert!(matches!(
            from_capture(&empty[..]),
            Err(SpeechError::Capture(_))
        ));
    }
}
