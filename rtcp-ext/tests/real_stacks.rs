//! RTCP that other stacks have sent: decrypted SRTCP of calls made by
//! GStreamer 1.22, baresip 1.0, ffmpeg 5.1 and rtpengine 10.5. The datagrams
//! are seeds of the fuzz target as well.
#![allow(
    clippy::unwrap_used,
    reason = "whatever is not as expected fails the test"
)]

use callseal_rtcp_ext::{NtpShort, Packet, SdesItem, SizeRule, is_rtcp, parse};

const GSTREAMER: &[u8] = include_bytes!("../../fuzz/corpus/rtcp_compound/gstreamer_sr_sdes");
const BARESIP: &[u8] = include_bytes!("../../fuzz/corpus/rtcp_compound/baresip_sr_block_sdes");
const BARESIP_PING: &[u8] = include_bytes!("../../fuzz/corpus/rtcp_compound/baresip_app_ping");
const FFMPEG: &[u8] = include_bytes!("../../fuzz/corpus/rtcp_compound/ffmpeg_sr");
const RTPENGINE: &[u8] = include_bytes!("../../fuzz/corpus/rtcp_compound/rtpengine_sr_sdes");

fn packets(datagram: &[u8]) -> Vec<Packet<'_>> {
    assert!(is_rtcp(datagram));
    let compound = parse(datagram, SizeRule::Compound).unwrap();
    compound.iter().collect()
}

#[test]
fn gstreamer_says_who_it_is_and_what_it_is() {
    let [Packet::SenderReport(report), Packet::Sdes(sdes)] = packets(GSTREAMER)[..] else {
        panic!("{:?}", packets(GSTREAMER));
    };
    assert_eq!(report.ssrc, 1);
    assert_eq!(
        (report.info.packet_count, report.info.octet_count),
        (17, 739)
    );
    let items: Vec<_> = sdes.chunks.iter().flat_map(|c| c.items.iter()).collect();
    assert_eq!(
        items,
        [
            SdesItem::Cname(b"user412971122@host-1f76c45e"),
            SdesItem::Tool(b"GStreamer"),
        ]
    );
}

#[test]
fn baresip_reports_on_us() {
    let [Packet::SenderReport(report), Packet::Sdes(sdes)] = packets(BARESIP)[..] else {
        panic!("{:?}", packets(BARESIP));
    };
    let block = report.blocks.about(0x8155_5aba).unwrap();
    assert_eq!((block.fraction_lost, block.cumulative_lost), (0, 0));
    assert_eq!(block.extended_highest_sequence, 0x2a4f);
    assert_eq!(block.jitter, 9);
    assert_eq!(block.last_sr, NtpShort::from_bits(0xf8cd_c585));
    assert_eq!(block.delay_since_last_sr.to_duration().as_micros(), 991);
    assert_eq!(
        sdes.cname_of(0x2640_4ffa),
        Some(&b"sip:alice@127.0.0.1:5070"[..])
    );
}

#[test]
fn baresips_ping_is_no_compound_packet() {
    assert!(parse(BARESIP_PING, SizeRule::Compound).is_err());
    let compound = parse(BARESIP_PING, SizeRule::ReducedSize).unwrap();
    let Some(Packet::App(app)) = compound.iter().next() else {
        panic!("{compound:?}");
    };
    assert_eq!((&app.name, app.data), (b"PING", &b"PONG"[..]));
}

#[test]
fn ffmpeg_reports_without_a_name() {
    assert!(matches!(packets(FFMPEG)[..], [Packet::SenderReport(_)]));
    let compound = parse(FFMPEG, SizeRule::Compound).unwrap();
    assert_eq!(compound.cname_of(0x1234_5678), None);
}

#[test]
fn rtpengine_is_read_to_the_last_octet() {
    let [Packet::SenderReport(report), Packet::Sdes(sdes)] = packets(RTPENGINE)[..] else {
        panic!("{:?}", packets(RTPENGINE));
    };
    assert_eq!(report.info.rtp_timestamp, 4_800);
    assert_eq!(sdes.cname_of(report.ssrc), Some(&b"a@b.c"[..]));
}
