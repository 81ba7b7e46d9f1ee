//! Any octets as a capture: no panic, positions that make sense, and what is
//! accepted survives being written and read again.

use callseal::capture::{
    CaptureReader, CaptureWriter, Format, cut_udp_in, tcp_in, udp_in, with_udp_payload,
};
use callseal::replay::{KeyRing, KeySet, Replay, Report, Seen, Suite, hints, packet_json};

/// Replays `data` with the key that the seeds are protected with.
pub fn capture_replay(data: &[u8]) {
    let suite: Suite = "AES_CM_128_HMAC_SHA1_80".parse().expect("a profile");
    let set = KeySet::new(suite, &[0x11; 16], &[0x22; 14]).expect("the key fits its profile");
    let set = set.with_mki(&[1]).expect("an MKI");
    let mut replay = Replay::new(KeyRing::new(vec![set]));
    let Ok(mut reader) = CaptureReader::new(data) else {
        return;
    };
    let mut writer = CaptureWriter::new(Format::PcapNg, Vec::new()).expect("memory takes all");
    let mut written = Vec::new();
    let mut last = 0;
    let mut sink = |seen: &Seen<'_>| {
        assert!(seen.number > last, "in the order of the capture");
        last = seen.number;
        assert!(packet_json(seen).starts_with('{'));
        let Ok(opened) = seen.outcome else {
            return Ok(());
        };
        let clear = &seen.frame[seen.datagram.payload.clone()][..opened.len];
        let plain = with_udp_payload(seen.link_type, seen.frame, seen.datagram, clear)
            .expect("a shorter payload fits where a longer one was");
        let datagram = udp_in(seen.link_type, &plain).expect("what was composed is found");
        assert_eq!(&plain[datagram.payload], clear);
        writer
            .write(seen.link_type, seen.at, &plain)
            .expect("memory takes all");
        written.push(plain);
        Ok(())
    };
    let mut before = None;
    while let Ok(Some(frame)) = reader.next_frame() {
        assert!(before < Some(frame.offset), "offsets grow");
        before = Some(frame.offset);
        assert!(frame.offset < data.len() as u64);
        if let Ok(datagram) = cut_udp_in(frame.link_type, frame.bytes) {
            assert!(frame.bytes.get(datagram.payload.clone()).is_some());
        }
        if let Some(segment) = tcp_in(frame.link_type, frame.bytes) {
            assert!(frame.bytes.get(segment.payload.clone()).is_some());
        }
        replay.frame(&frame, &mut sink).expect("the sink takes all");
    }
    replay.finish(&mut sink).expect("the sink takes all");
    let totals = replay.totals();
    assert_eq!(
        totals.packets,
        totals.verified + totals.failed + totals.replayed
    );
    assert_eq!(totals.verified, written.len() as u64);
    let found = hints(&replay);
    let report = Report::new(&replay, "capture".as_ref()).with_hints(&found);
    assert!(!report.to_string().is_empty());
    assert!(report.json_lines().is_ok());

    let file = writer.finish().expect("memory takes all");
    let mut reader = CaptureReader::new(&file[..]).expect("our own file");
    for plain in &written {
        let frame = reader.next_frame().expect("our own file");
        assert_eq!(frame.expect("as many as were written").bytes, &plain[..]);
    }
}
