//! Any octets as RTP that was heard: no panic, and a recording that is kept is
//! the one that is written while it comes.

use std::collections::BTreeMap;
use std::io::Cursor;

use callseal::heard::Heard;
use callseal::rtp::RtpView;
use callseal::wav::StreamedRecording;

/// `data` is up to 16 packets, each after an octet with its length.
pub fn heard_packets(data: &[u8]) {
    let mut heard = Heard::new(true);
    let mut streamed = BTreeMap::new();
    let mut rest = data;
    for _ in 0..16 {
        let Some((len, after)) = rest.split_first() else {
            break;
        };
        let (packet, after) = after.split_at(after.len().min((*len).into()));
        rest = after;
        heard.take(packet);
        if let Some(rtp) = RtpView::parse(packet) {
            assert!(packet.get(rtp.payload).is_some());
            let file = Cursor::new(Vec::new());
            let recording = || StreamedRecording::new(file).expect("memory takes all");
            let recording = streamed.entry(rtp.ssrc).or_insert_with(recording);
            recording.add(packet).expect("memory takes all");
        }
    }
    assert_eq!(heard.streams().count(), streamed.len());
    for ((ssrc, stream), (expected_ssrc, recording)) in heard.streams().zip(streamed) {
        assert_eq!(ssrc, expected_ssrc);
        let _ = stream.payload_sha256();
        let mut kept = Vec::new();
        stream.recording.write(&mut kept).expect("memory takes all");
        let written = recording.finish().expect("memory takes all");
        assert!(kept == written.into_inner());
    }
}
