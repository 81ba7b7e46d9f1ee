use std::net::SocketAddr;

use proptest::prelude::*;

use super::*;

#[test]
fn what_is_written_is_read_again_in_both_formats() {
    for format in [Format::Pcap, Format::PcapNg] {
        let frames = [
            (Duration::new(1_700_000_000, 123_456_789), frame(b"one")),
            (Duration::new(1_700_000_001, 1), frame(b"")),
            (Duration::new(1_700_000_001, 2), frame(&[7; 1_400])),
        ];
        let file = written(format, &frames);
        assert_eq!(read(&file).unwrap(), frames, "{format:?}");
    }
}

#[test]
fn another_reader_agrees_with_what_is_written() {
    let frames = [
        (Duration::new(1_700_000_000, 123_456_789), frame(b"one")),
        (Duration::new(1_700_000_001, 1), frame(b"three")),
    ];

    let file = written(Format::Pcap, &frames);
    let mut reader = pcap_file::pcap::PcapReader::new(&file[..]).unwrap();
    for (at, bytes) in &frames {
        let packet = reader.next_packet().unwrap().unwrap();
        assert_eq!(
            (packet.timestamp, &packet.data[..]),
            (*at, &bytes[..]),
            "pcap"
        );
    }
    assert!(reader.next_packet().is_none());

    let file = written(Format::PcapNg, &frames);
    let mut reader = pcap_file::pcapng::PcapNgReader::new(&file[..]).unwrap();
    let mut seen = Vec::new();
    while let Some(block) = reader.next_block() {
        if let pcap_file::pcapng::Block::EnhancedPacket(packet) = block.unwrap() {
            seen.push((packet.timestamp, packet.data.into_owned()));
        }
    }
    assert_eq!(seen, frames, "pcapng");
}

#[test]
fn both_byte_orders_and_both_stamp_resolutions_are_read() {
    for (magic, fraction, nanoseconds) in [
        (0xa1b2_c3d4_u32, 5_u32, 5_000),
        (0xa1b2_3c4d, 5, 5),
        (0xa1b2_c3d4, 999_999, 999_999_000),
    ] {
        for order in [ByteOrder::Big, ByteOrder::Little] {
            let put = |value: u32| match order {
                ByteOrder::Big => value.to_be_bytes(),
                ByteOrder::Little => value.to_le_bytes(),
            };
            let mut file = put(magic).to_vec();
            file.extend(match order {
                ByteOrder::Big => [0, 2, 0, 4],
                ByteOrder::Little => [2, 0, 4, 0],
            });
            for value in [0, 0, 65_535, 1, 9, fraction, 3, 1_500] {
                file.extend(put(value));
            }
            file.extend(b"abc");
            let mut reader = CaptureReader::new(&file[..]).unwrap();
            let frame = reader.next_frame().unwrap().unwrap();
            assert_eq!(frame.at, Duration::new(9, nanoseconds));
            assert_eq!(frame.bytes, b"abc");
            assert_eq!(frame.original_len, 1_500);
            assert_eq!((frame.number, frame.offset), (1, 24));
            assert!(reader.next_frame().unwrap().is_none());
        }
    }
}

#[test]
fn a_pcapng_of_the_other_byte_order_with_simple_packets_is_read() {
    let mut file = Vec::new();
    let mut block = |kind: u32, body: &[u8]| {
        let len = (body.len() as u32 + 12).to_be_bytes();
        file.extend(kind.to_be_bytes());
        file.extend(len);
        file.extend(body);
        file.extend(len);
    };
    let mut section = vec![0x1a, 0x2b, 0x3c, 0x4d, 0, 1, 0, 0];
    section.extend([0xff; 8]);
    block(0x0a0d_0d0a, &section);
    // An interface of raw IP, stamps in seconds that begin at 100.
    block(
        1,
        &[
            0, 101, 0, 0, 0, 0, 0, 2, 0, 9, 0, 1, 0, 0, 0, 0, 0, 14, 0, 8, 0, 0, 0, 0, 0, 0, 0, 100,
        ],
    );
    // A block nobody knows.
    block(0x0bad_0000, &[1, 2, 3, 4]);
    block(3, &[0, 0, 0, 5, b'h', b'e', 0, 0]);
    block(
        6,
        &[
            0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 7, 0, 0, 0, 1, 0, 0, 0, 1, b'x', 0, 0, 0,
        ],
    );

    let mut reader = CaptureReader::new(&file[..]).unwrap();
    let simple = reader.next_frame().unwrap().unwrap();
    assert_eq!(
        (simple.link_type, simple.bytes),
        (LinkType::RAW, &b"he"[..])
    );
    let enhanced = reader.next_frame().unwrap().unwrap();
    assert_eq!((enhanced.number, enhanced.bytes), (2, &b"x"[..]));
    assert_eq!(enhanced.at, Duration::from_secs(107));
    assert!(reader.next_frame().unwrap().is_none());
}

#[test]
fn a_file_cut_short_names_packet_and_offset() {
    for format in [Format::Pcap, Format::PcapNg] {
        let frames = [
            (Duration::from_secs(1), frame(b"one")),
            (Duration::from_secs(2), frame(b"two")),
        ];
        let file = written(format, &frames);
        match read(&file[..file.len() - 5]) {
            Err(CaptureError::CutShort { number: 2, .. }) => {}
            other => panic!("{format:?}: {other:?}"),
        }
    }
}

#[test]
fn what_is_no_capture_is_refused_by_its_first_octets() {
    assert!(matches!(read(b""), Err(CaptureError::Empty)));
    assert!(matches!(
        read(b"RIFF....WAVE"),
        Err(CaptureError::NotACapture { .. })
    ));
}

#[test]
fn a_length_nobody_can_mean_allocates_nothing() {
    let mut file = written(Format::Pcap, &[(Duration::ZERO, frame(b"one"))]);
    file[24 + 8..24 + 12].copy_from_slice(&u32::MAX.to_le_bytes());
    assert!(matches!(
        read(&file),
        Err(CaptureError::Damaged { number: 1, .. })
    ));
}

#[test]
fn every_link_type_leads_to_the_same_datagram() {
    let ethernet = frame(b"payload");
    let ip = &ethernet[14..];
    let sll2 = |protocol: [u8; 2]| [&protocol[..], &[0; 18]].concat();
    let cases: Vec<(LinkType, Vec<u8>)> = vec![
        (LinkType::ETHERNET, vec![0; 12]),
        (
            LinkType::ETHERNET,
            [&[0; 12][..], &[0x81, 0, 0, 5]].concat(),
        ),
        (
            LinkType::ETHERNET,
            [&[0; 12][..], &[0x88, 0xa8, 0, 5, 0x81, 0, 0, 6]].concat(),
        ),
        (LinkType::LINUX_SLL, vec![0; 14]),
    ];
    for (link_type, mut head) in cases {
        head.extend([8, 0]);
        expect_payload(link_type, &[&head, ip].concat());
    }
    expect_payload(LinkType::LINUX_SLL2, &[&sll2([8, 0])[..], ip].concat());
    expect_payload(
        LinkType::LINUX_SLL2,
        &[&sll2([0x81, 0])[..], &[0, 5, 8, 0], ip].concat(),
    );
    expect_payload(LinkType::RAW, ip);
    expect_payload(LinkType::IPV4, ip);
    expect_payload(LinkType::NULL, &[&[2, 0, 0, 0][..], ip].concat());

    let six = udp_frame(
        "[2001:db8::1]:4000".parse().unwrap(),
        "[2001:db8::2]:4002".parse().unwrap(),
        b"payload",
    )
    .unwrap();
    expect_payload(LinkType::ETHERNET, &six);
    expect_payload(LinkType::IPV6, &six[14..]);
    // Hop-by-hop options in front of the UDP header.
    let mut extended = six.clone();
    extended[14 + 6] = 0;
    extended.splice(54..54, [17, 0, 1, 4, 0, 0, 0, 0]);
    let len = u16::from_be_bytes([extended[18], extended[19]]) + 8;
    extended[18..20].copy_from_slice(&len.to_be_bytes());
    expect_payload(LinkType::ETHERNET, &extended);
}

#[test]
fn ethernet_padding_is_no_payload() {
    let mut padded = frame(b"payload");
    padded.extend([0; 20]);
    expect_payload(LinkType::ETHERNET, &padded);
}

#[test]
fn what_is_not_one_whole_datagram_is_told_apart() {
    let whole = frame(b"payload");
    let ethernet = LinkType::ETHERNET;
    assert_eq!(
        udp_in(ethernet, &whole[..whole.len() - 1]),
        Err(NotUdp::CutShort)
    );
    let mut tcp = whole.clone();
    tcp[14 + 9] = 6;
    assert_eq!(udp_in(ethernet, &tcp), Err(NotUdp::OtherProtocol));
    let mut fragment = whole.clone();
    fragment[14 + 6] = 0x20;
    assert_eq!(udp_in(ethernet, &fragment), Err(NotUdp::Fragment));
    let mut malformed = whole.clone();
    malformed[14 + 20 + 4] = 0xff;
    assert_eq!(udp_in(ethernet, &malformed), Err(NotUdp::Malformed));
    let other = LinkType(147);
    assert_eq!(udp_in(other, &whole), Err(NotUdp::LinkType(other)));
}

#[test]
fn ipv6_extension_headers_are_passed_over_and_kept() {
    let from: SocketAddr = "[2001:db8::1]:4000".parse().unwrap();
    let to: SocketAddr = "[2001:db8::2]:5000".parse().unwrap();
    let plain = udp_frame(from, to, b"hello").unwrap();
    // Hop-by-hop options, authentication, an atomic fragment, UDP.
    let mut extensions = vec![51, 0, 1, 4, 0, 0, 0, 0];
    extensions.extend([44, 1, 0, 0, 0, 0, 0, 1, 0, 0, 0, 1]);
    extensions.extend([17, 0, 0, 0, 0, 0, 0, 9]);
    let mut frame = plain[..14 + 40].to_vec();
    frame[14 + 6] = 0;
    let len = (plain.len() - 54 + extensions.len()) as u16;
    frame[14 + 4..14 + 6].copy_from_slice(&len.to_be_bytes());
    frame.extend(&extensions);
    frame.extend(&plain[54..]);
    let datagram = udp_in(LinkType::ETHERNET, &frame).unwrap();
    assert_eq!(&frame[datagram.payload.clone()], b"hello");
    let shorter = with_udp_payload(LinkType::ETHERNET, &frame, &datagram, b"hi").unwrap();
    assert_eq!(shorter[54..54 + extensions.len()], extensions);
    let found = udp_in(LinkType::ETHERNET, &shorter).unwrap();
    assert_eq!(&shorter[found.payload], b"hi");
    // The same as the first of several fragments.
    frame[54 + 8 + 12 + 3] = 1;
    assert_eq!(udp_in(LinkType::ETHERNET, &frame), Err(NotUdp::Fragment));
}

#[test]
fn a_datagram_that_was_cut_says_how_much_is_missing() {
    let whole = frame(&[7; 100]);
    let cut = &whole[..whole.len() - 30];
    assert_eq!(udp_in(LinkType::ETHERNET, cut), Err(NotUdp::CutShort));
    let datagram = cut_udp_in(LinkType::ETHERNET, cut).unwrap();
    assert_eq!((datagram.payload.len(), datagram.missing_len), (70, 30));
    let headless = &whole[..14 + 20 + 7];
    assert_eq!(
        cut_udp_in(LinkType::ETHERNET, headless),
        Err(NotUdp::CutShort)
    );
}

#[test]
fn another_payload_keeps_the_link_layer_and_the_checksums_right() {
    let tagged = |mut frame: Vec<u8>| {
        frame.splice(12..12, [0x81, 0, 0, 9]);
        frame
    };
    let before = tagged(frame(b"a long enough payload"));
    let datagram = udp_in(LinkType::ETHERNET, &before).unwrap();
    let after = with_udp_payload(LinkType::ETHERNET, &before, &datagram, b"short").unwrap();
    assert_eq!(after, tagged(frame(b"short")));
}

#[test]
fn two_link_types_need_pcapng() {
    let mut pcap = CaptureWriter::new(Format::Pcap, Vec::new()).unwrap();
    pcap.write(LinkType::RAW, Duration::ZERO, b"x").unwrap();
    assert!(
        pcap.write(LinkType::ETHERNET, Duration::ZERO, b"x")
            .is_err()
    );

    let mut pcapng = CaptureWriter::new(Format::PcapNg, Vec::new()).unwrap();
    pcapng.write(LinkType::RAW, Duration::ZERO, b"x").unwrap();
    pcapng.write(LinkType::IPV6, Duration::ZERO, b"y").unwrap();
    let file = pcapng.finish().unwrap();
    let mut reader = CaptureReader::new(&file[..]).unwrap();
    assert_eq!(
        reader.next_frame().unwrap().unwrap().link_type,
        LinkType::RAW
    );
    assert_eq!(
        reader.next_frame().unwrap().unwrap().link_type,
        LinkType::IPV6
    );
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn composing_and_finding_are_inverse(
        payload in proptest::collection::vec(any::<u8>(), 0..300),
        from in any::<([u8; 4], u16)>(),
        to in any::<([u8; 4], u16)>(),
    ) {
        let (from, to) = (SocketAddr::from(from), SocketAddr::from(to));
        let frame = udp_frame(from, to, &payload).unwrap();
        let datagram = udp_in(LinkType::ETHERNET, &frame).unwrap();
        prop_assert_eq!((datagram.from, datagram.to), (from, to));
        prop_assert_eq!(&frame[datagram.payload], &payload[..]);
    }

    #[test]
    fn no_damage_makes_the_reader_panic(
        ng in any::<bool>(),
        flips in proptest::collection::vec((any::<proptest::sample::Index>(), any::<u8>()), 1..8),
    ) {
        let format = if ng { Format::PcapNg } else { Format::Pcap };
        let mut file = written(format, &[
            (Duration::from_secs(1), frame(b"one")),
            (Duration::from_secs(2), frame(b"two")),
        ]);
        for (index, value) in flips {
            let at = index.index(file.len());
            file[at] = value;
        }
        let _ = read(&file);
    }
}

fn frame(payload: &[u8]) -> Vec<u8> {
    let from = "10.1.2.3:4000".parse().unwrap();
    let to = "10.1.2.4:4002".parse().unwrap();
    udp_frame(from, to, payload).unwrap()
}

fn expect_payload(link_type: LinkType, frame: &[u8]) {
    let datagram = udp_in(link_type, frame).unwrap();
    assert_eq!(&frame[datagram.payload], b"payload", "{link_type:?}");
    assert_eq!((datagram.from.port(), datagram.to.port()), (4000, 4002));
}

fn written(format: Format, frames: &[(Duration, Vec<u8>)]) -> Vec<u8> {
    let mut writer = CaptureWriter::new(format, Vec::new()).unwrap();
    for (at, bytes) in frames {
        writer.write(LinkType::ETHERNET, *at, bytes).unwrap();
    }
    writer.finish().unwrap()
}

fn read(file: &[u8]) -> Result<Vec<(Duration, Vec<u8>)>, CaptureError> {
    let mut reader = CaptureReader::new(file)?;
    let mut frames = Vec::new();
    while let Some(frame) = reader.next_frame()? {
        let _ = udp_in(frame.link_type, frame.bytes);
        frames.push((frame.at, frame.bytes.to_vec()));
    }
    Ok(frames)
}
