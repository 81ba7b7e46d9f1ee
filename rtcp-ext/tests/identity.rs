//! What is built reads back as it was, and what is read does not panic.
#![allow(
    clippy::unwrap_used,
    reason = "whatever is not as expected fails the test"
)]

use callseal_rtcp_ext::{
    App, Builder, Compound, NtpShort, NtpTime, Packet, ReportBlock, ReportBlocks, SdesItem,
    SenderInfo, SizeRule, Unknown, parse,
};
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;

/// A packet that owns what it says.
#[derive(Clone, Debug, PartialEq)]
enum Model {
    Sdes(u32, Vec<Item>),
    App(u8, u32, [u8; 4], Vec<u8>),
    Unknown(u8, u8, Vec<u8>),
    Bye(Vec<u32>, Option<String>),
}

#[derive(Clone, Debug, PartialEq)]
enum Item {
    Text(u8, Vec<u8>),
    Private(Vec<u8>, Vec<u8>),
}

#[derive(Clone, Debug)]
struct Datagram {
    ssrc: u32,
    info: Option<SenderInfo>,
    blocks: Vec<ReportBlock>,
    cname: String,
    packets: Vec<Model>,
    multiple: usize,
}

fn words(max: usize) -> impl Strategy<Value = Vec<u8>> {
    vec(any::<[u8; 4]>(), 0..max).prop_map(|words| words.concat())
}

fn item() -> impl Strategy<Value = Item> {
    prop_oneof![
        (1..8_u8, vec(any::<u8>(), 0..256)).prop_map(|(kind, text)| Item::Text(kind, text)),
        (9..=255_u8, vec(any::<u8>(), 0..20)).prop_map(|(kind, text)| Item::Text(kind, text)),
        (vec(any::<u8>(), 0..100), vec(any::<u8>(), 0..155))
            .prop_map(|(prefix, value)| Item::Private(prefix, value)),
    ]
}

fn model() -> impl Strategy<Value = Model> {
    prop_oneof![
        (any::<u32>(), vec(item(), 0..5)).prop_map(|(ssrc, items)| Model::Sdes(ssrc, items)),
        (0..32_u8, any::<u32>(), any::<[u8; 4]>(), words(40))
            .prop_map(|(subtype, ssrc, name, data)| Model::App(subtype, ssrc, name, data)),
        (prop_oneof![192..200_u8, 205..=223_u8], 0..32_u8, words(40))
            .prop_map(|(kind, count, body)| Model::Unknown(kind, count, body)),
    ]
}

fn block() -> impl Strategy<Value = ReportBlock> {
    let lost = -0x80_0000..0x80_0000_i32;
    (any::<[u32; 5]>(), any::<u8>(), lost).prop_map(
        |([ssrc, highest, jitter, lsr, dlsr], fraction_lost, cumulative_lost)| ReportBlock {
            ssrc,
            fraction_lost,
            cumulative_lost,
            extended_highest_sequence: highest,
            jitter,
            last_sr: NtpShort::from_bits(lsr),
            delay_since_last_sr: NtpShort::from_bits(dlsr),
        },
    )
}

fn info() -> impl Strategy<Value = SenderInfo> {
    any::<(u64, u32, u32, u32)>().prop_map(|(ntp, rtp_timestamp, packets, octets)| SenderInfo {
        ntp_timestamp: NtpTime::from_bits(ntp),
        rtp_timestamp,
        packet_count: packets,
        octet_count: octets,
    })
}

fn datagram() -> impl Strategy<Value = Datagram> {
    (
        any::<u32>(),
        option::of(info()),
        vec(block(), 0..70),
        "[ -~]{1,255}",
        vec(model(), 0..5),
        option::of((vec(any::<u32>(), 0..32), option::of("[ -~]{0,255}"))),
        (1..64_usize).prop_map(|words| words * 4),
    )
        .prop_map(|(ssrc, info, blocks, cname, mut packets, bye, multiple)| {
            packets.extend(bye.map(|(sources, reason)| Model::Bye(sources, reason)));
            Datagram {
                ssrc,
                info,
                blocks,
                cname,
                packets,
                multiple,
            }
        })
}

fn build(datagram: &Datagram) -> Vec<u8> {
    let Datagram {
        ssrc,
        info,
        blocks,
        cname,
        ..
    } = datagram;
    let mut builder = match info {
        Some(info) => Builder::sender_report(*ssrc, info, blocks, cname),
        None => Builder::receiver_report(*ssrc, blocks, cname),
    }
    .unwrap();
    for packet in &datagram.packets {
        builder = match packet {
            Model::Sdes(ssrc, items) => {
                let items: Vec<_> = items.iter().map(borrowed).collect();
                builder.sdes(*ssrc, &items)
            }
            Model::App(subtype, ssrc, name, data) => builder.app(&App {
                subtype: *subtype,
                ssrc: *ssrc,
                name: *name,
                data,
            }),
            Model::Unknown(packet_type, count, body) => builder.unknown(&Unknown {
                packet_type: *packet_type,
                count: *count,
                body,
            }),
            Model::Bye(sources, reason) => builder.bye(sources, reason.as_deref()),
        }
        .unwrap();
    }
    builder.finish_padded(datagram.multiple).unwrap()
}

fn borrowed(item: &Item) -> SdesItem<'_> {
    match item {
        Item::Private(prefix, value) => SdesItem::Priv { prefix, value },
        Item::Text(kind, text) => match kind {
            1 => SdesItem::Cname(text),
            2 => SdesItem::Name(text),
            3 => SdesItem::Email(text),
            4 => SdesItem::Phone(text),
            5 => SdesItem::Loc(text),
            6 => SdesItem::Tool(text),
            7 => SdesItem::Note(text),
            kind => SdesItem::Other { kind: *kind, text },
        },
    }
}

fn owned(item: SdesItem<'_>) -> Item {
    match item {
        SdesItem::Cname(text) => Item::Text(1, text.to_vec()),
        SdesItem::Name(text) => Item::Text(2, text.to_vec()),
        SdesItem::Email(text) => Item::Text(3, text.to_vec()),
        SdesItem::Phone(text) => Item::Text(4, text.to_vec()),
        SdesItem::Loc(text) => Item::Text(5, text.to_vec()),
        SdesItem::Tool(text) => Item::Text(6, text.to_vec()),
        SdesItem::Note(text) => Item::Text(7, text.to_vec()),
        SdesItem::Priv { prefix, value } => Item::Private(prefix.to_vec(), value.to_vec()),
        SdesItem::Other { kind, text } => Item::Text(kind, text.to_vec()),
        other => panic!("{other:?}"),
    }
}

/// Everything in the datagram behind the reports.
fn read(compound: &Compound<'_>, expected: &Datagram) -> (Vec<ReportBlock>, Vec<Model>) {
    let mut blocks = Vec::new();
    let mut packets = Vec::new();
    let mut report = |ssrc, more: ReportBlocks<'_>, extension: &[u8]| {
        assert_eq!(ssrc, expected.ssrc);
        assert!(extension.is_empty());
        blocks.extend(more.iter());
    };
    for (index, packet) in compound.iter().enumerate() {
        match packet {
            Packet::SenderReport(sr) => {
                assert_eq!((index, Some(sr.info)), (0, expected.info));
                report(sr.ssrc, sr.blocks, sr.extension);
            }
            Packet::ReceiverReport(rr) => {
                assert!(index > 0 || expected.info.is_none());
                report(rr.ssrc, rr.blocks, rr.extension);
            }
            Packet::Sdes(sdes) => {
                packets.extend(
                    sdes.chunks.iter().map(|chunk| {
                        Model::Sdes(chunk.ssrc, chunk.items.iter().map(owned).collect())
                    }),
                );
            }
            Packet::Bye(bye) => packets.push(Model::Bye(
                bye.sources.iter().collect(),
                bye.reason
                    .map(|reason| String::from_utf8(reason.to_vec()).unwrap()),
            )),
            Packet::App(app) => packets.push(Model::App(
                app.subtype,
                app.ssrc,
                app.name,
                app.data.to_vec(),
            )),
            Packet::Unknown(unknown) => packets.push(Model::Unknown(
                unknown.packet_type,
                unknown.count,
                unknown.body.to_vec(),
            )),
            other => panic!("{other:?}"),
        }
    }
    (blocks, packets)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 128, ..ProptestConfig::default() })]

    #[test]
    fn what_is_built_reads_back(datagram in datagram()) {
        let octets = build(&datagram);
        prop_assert!(octets.len().is_multiple_of(datagram.multiple));
        let compound = parse(&octets, SizeRule::Compound).unwrap();
        let (blocks, packets) = read(&compound, &datagram);
        prop_assert_eq!(&blocks, &datagram.blocks);
        let cname = Item::Text(1, datagram.cname.clone().into_bytes());
        let mut expected = vec![Model::Sdes(datagram.ssrc, vec![cname])];
        expected.extend(datagram.packets);
        prop_assert_eq!(packets, expected);
    }

    #[test]
    fn every_cut_is_an_error_or_ends_between_packets(datagram in datagram()) {
        let octets = build(&datagram);
        let all: Vec<_> = parse(&octets, SizeRule::Compound).unwrap().iter().collect();
        for len in 0..octets.len() {
            match parse(&octets[..len], SizeRule::Compound) {
                Ok(shorter) => {
                    let kept = shorter.iter().count();
                    prop_assert!(kept < all.len());
                    prop_assert!(shorter.iter().eq(all[..kept].iter().copied()));
                }
                Err(error) => prop_assert!(error.offset <= len),
            }
        }
    }

    #[test]
    fn any_octets_are_read_without_panic(
        octets in vec(any::<u8>(), 0..400),
        kind in 199..206_u8,
    ) {
        // Half of the time with a header that leads inside.
        let mut headed = octets.clone();
        headed.truncate(headed.len() / 4 * 4);
        let words = u16::try_from(headed.len() / 4).unwrap();
        let first = 0x80 | octets.first().copied().unwrap_or_default() & 0x3f;
        headed.splice(0..0, [first, kind, words.to_be_bytes()[0], words.to_be_bytes()[1]]);
        for data in [&octets, &headed] {
            for rule in [SizeRule::Compound, SizeRule::ReducedSize] {
                match parse(data, rule) {
                    Ok(compound) => prop_assert!(compound.iter().count() > 0),
                    Err(error) => prop_assert!(error.offset <= data.len()),
                }
            }
        }
    }
}
