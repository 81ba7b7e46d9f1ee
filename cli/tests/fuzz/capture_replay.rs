//! Any octets as a capture: no panic, positions that make sense, and what is
//! accepted survives being written and read again.

use std::collections::BTreeMap;

use callseal::capture::{CaptureReader, CaptureWriter, Format, udp_in, with_udp_payload};
use callseal::keys_file::{KeysFile, MkiOctets, SenderKey};
use callseal::replay::{KeyRing, Replay, Report};
use callseal::secret::Secret;

/// Replays `data` with the key that the seeds are protected with.
pub fn capture_replay(data: &[u8]) {
    let key = SenderKey {
        sender: "alice".into(),
        from: vec![],
        ssrcs: vec![],
        profile: "AES_CM_128_HMAC_SHA1_80".into(),
        master_key: Secret::new(vec![0x11; 16]),
        master_salt: Secret::new(vec![0x22; 14]),
        mki: MkiOctets(vec![1]),
    };
    let keys = KeysFile::new(vec![key], BTreeMap::new());
    let ring = KeyRing::new(&keys).expect("the key fits its profile");
    let mut replay = Replay::new(ring, keys);
    let Ok(mut reader) = CaptureReader::new(data) else {
        return;
    };
    let mut writer = CaptureWriter::new(Format::PcapNg, Vec::new()).expect("memory takes all");
    let mut written = Vec::new();
    let mut before = None;
    while let Ok(Some(frame)) = reader.next_frame() {
        assert!(before < Some(frame.offset), "offsets grow");
        before = Some(frame.offset);
        assert!(frame.offset < data.len() as u64);
        if let Ok(datagram) = udp_in(frame.link_type, frame.bytes) {
            assert!(frame.bytes.get(datagram.payload.clone()).is_some());
        }
        let Some(accepted) = replay.frame(&frame) else {
            continue;
        };
        let plain = with_udp_payload(
            frame.link_type,
            frame.bytes,
            &accepted.datagram,
            accepted.plain,
        )
        .expect("a shorter payload fits where a longer one was");
        let datagram = udp_in(frame.link_type, &plain).expect("what was composed is found");
        assert_eq!(&plain[datagram.payload], accepted.plain);
        writer
            .write(frame.link_type, frame.at, &plain)
            .expect("memory takes all");
        written.push(plain);
    }
    let totals = replay.totals();
    assert_eq!(
        totals.packets,
        totals.verified + totals.failed + totals.replayed
    );
    assert_eq!(totals.verified, written.len() as u64);
    let report = Report::new(&replay, "capture".as_ref());
    assert!(!report.to_string().is_empty());
    assert!(report.json_lines().is_ok());

    let file = writer.finish().expect("memory takes all");
    let mut reader = CaptureReader::new(&file[..]).expect("our own file");
    for plain in &written {
        let frame = reader.next_frame().expect("our own file");
        assert_eq!(frame.expect("as many as were written").bytes, &plain[..]);
    }
}
