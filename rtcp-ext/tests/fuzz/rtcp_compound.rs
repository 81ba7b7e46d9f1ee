//! Any datagram as RTCP: parsed without panic, and if it is accepted, what
//! is built from its packets says the same.

use callseal_rtcp_ext::{Builder, Compound, Fragment, Packet, SizeRule, is_rtcp, parse};

/// `data` is the datagram.
pub fn rtcp_compound(data: &[u8]) {
    let compound = parse(data, SizeRule::Compound);
    let reduced = parse(data, SizeRule::ReducedSize);
    for error in [compound.err(), reduced.err()].into_iter().flatten() {
        assert!(error.offset <= data.len(), "{error}");
    }
    if compound.is_ok() {
        assert!(reduced.is_ok(), "a compound packet is no less than one");
        assert!(is_rtcp(data));
    }
    let Ok(reduced) = reduced else {
        return;
    };
    let rebuilt = rebuild(&reduced);
    let again = parse(&rebuilt, SizeRule::ReducedSize).expect("what was built is valid");
    assert!(reduced.iter().eq(again.iter()), "{reduced:?} {again:?}");
    assert_eq!(rebuild(&again), rebuilt);
    if let Some(Ok(fragment)) = Fragment::find(&reduced) {
        assert!(fragment.index < fragment.count);
        assert!(!fragment.bytes.is_empty());
    }
}

fn rebuild(compound: &Compound<'_>) -> Vec<u8> {
    let mut builder = Builder::reduced_size();
    for packet in compound {
        touch(&packet);
        builder = builder
            .parsed(&packet)
            .expect("what was parsed can be built");
    }
    builder.finish()
}

/// Walks everything that a packet holds.
fn touch(packet: &Packet<'_>) {
    match packet {
        Packet::SenderReport(report) => {
            assert_eq!(report.blocks.iter().count(), report.blocks.len());
        }
        Packet::ReceiverReport(report) => {
            assert_eq!(report.blocks.iter().count(), report.blocks.len());
        }
        Packet::Sdes(sdes) => {
            assert_eq!(sdes.chunks.iter().count(), sdes.chunks.len());
            for chunk in sdes.chunks.iter() {
                chunk.items.iter().for_each(drop);
                sdes.cname_of(chunk.ssrc);
            }
        }
        Packet::Bye(bye) => assert!(bye.sources.iter().all(|ssrc| bye.sources.contains(ssrc))),
        _ => {}
    }
}
