//! Any octets as SIP with keys in its SDP, in a datagram and cut into TCP
//! segments: no panic, bounded, and every key that is found is usable.

use std::time::Duration;

use callseal::capture::{CaptureReader, CaptureWriter, Format, LinkType, udp_frame};
use callseal::sip::{Message, SdesFinder, Sdp};

/// Looks for keys in `data`.
pub fn sip_sdes(data: &[u8]) {
    let mut finder = SdesFinder::default();
    finder.datagram(1, data);
    if let Some(message) = Message::parse(data) {
        let sdp = Sdp::parse(message.body);
        assert!(sdp.media.len() <= 64);
        for media in &sdp.media {
            assert!(media.addresses.len() <= 64 && media.crypto_lines.len() <= 64);
        }
    }
    let found = finder.len();
    for unreadable in finder.unreadable() {
        assert_eq!(unreadable.number, 1);
    }
    let sets = finder.into_sets();
    assert_eq!(sets.len(), found);
    for set in sets {
        assert!(set.receiver().is_ok(), "it was tried before");
    }

    // The same in frames, over UDP and over TCP in segments.
    let mut writer = CaptureWriter::new(Format::Pcap, Vec::new()).expect("memory takes all");
    let (from, to) = ("192.0.2.1:5060", "192.0.2.2:5060");
    let address = |text: &str| text.parse().expect("an address");
    let whole = &data[..data.len().min(60_000)];
    let frame = udp_frame(address(from), address(to), whole).expect("short enough");
    let mut write = |frame: &[u8]| {
        writer
            .write(LinkType::ETHERNET, Duration::ZERO, frame)
            .expect("memory takes all");
    };
    write(&frame);
    let mut sequence_number = 0_u32;
    for segment in whole.chunks(500) {
        write(&tcp_frame(sequence_number, segment));
        sequence_number = sequence_number.wrapping_add(segment.len() as u32);
    }
    let capture = writer.finish().expect("memory takes all");
    let mut reader = CaptureReader::new(&capture[..]).expect("our own file");
    let mut finder = SdesFinder::default();
    while let Some(frame) = reader.next_frame().expect("our own file") {
        finder.frame(&frame);
    }
    assert!(finder.len() >= found);
}

fn tcp_frame(sequence_number: u32, payload: &[u8]) -> Vec<u8> {
    let mut frame = vec![0; 12];
    frame.extend([0x08, 0x00, 0x45, 0]);
    frame.extend((40 + payload.len() as u16).to_be_bytes());
    frame.extend([0, 0, 0, 0, 64, 6, 0, 0, 192, 0, 2, 1, 192, 0, 2, 2]);
    frame.extend([0x13, 0xc4, 0x13, 0xc4]);
    frame.extend(sequence_number.to_be_bytes());
    frame.extend([0, 0, 0, 0, 0x50, 0x10, 0, 0, 0, 0, 0, 0]);
    frame.extend(payload);
    frame
}
