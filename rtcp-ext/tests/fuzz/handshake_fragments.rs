//! Any sequence of fragments, and any octets as one: no panic, no bound
//! exceeded, and no message but of octets that were sent for it.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::time::Duration;

use callseal_rtcp_ext::{
    App, Builder, Fragment, HANDSHAKE_NAME, Limits, Reassembler, SizeRule, handshake_datagrams,
    parse,
};

/// `data` is an APP packet's data, and a script: steps of six octets, being
/// flags, time passed, index, total length (two) and the fragment's octets.
pub fn handshake_fragments(data: &[u8]) {
    one_packet(data);
    script(data);
}

fn one_packet(data: &[u8]) {
    let aligned = &data[..data.len() / 4 * 4];
    for subtype in [0, 1] {
        let app = App {
            subtype,
            ssrc: 7,
            name: HANDSHAKE_NAME,
            data: aligned,
        };
        let Ok(fragment) = Fragment::from_app(&app) else {
            continue;
        };
        if fragment.count != 1 {
            continue;
        }
        // One that is alone is what sending its octets gives.
        let datagrams = handshake_datagrams(
            fragment.bytes,
            fragment.message_tag,
            fragment.cookie,
            7,
            "LPvhGs9EtQ1yzJnV",
            1_096,
        )
        .expect("a message that was carried can be");
        let compound = parse(&datagrams[0], SizeRule::Compound).expect("a valid compound packet");
        assert_eq!(Fragment::find(&compound), Some(Ok(fragment)));
        let built = Builder::receiver_report(7, &[], "LPvhGs9EtQ1yzJnV")
            .and_then(|builder| builder.app(&app))
            .expect("a valid packet")
            .finish();
        assert_eq!(built.len(), datagrams[0].len());
    }
}

fn script(data: &[u8]) {
    let limits = Limits {
        max_messages: 5,
        max_messages_per_source: 2,
        max_len: 30_000,
        max_len_per_source: 22_000,
        max_message_len: 16_000,
        max_age: Duration::from_secs(3),
        hold: Duration::from_millis(250),
    };
    let mut reassembler = Reassembler::new(limits);
    let mut now = Duration::ZERO;
    let mut sent = BTreeSet::new();
    for step in data.as_chunks().0 {
        let [flags, passed, index, high, low, fill] = *step;
        now += Duration::from_millis(u64::from(passed) * 4);
        let source = flags & 0b11;
        let message_tag = u32::from(flags >> 2 & 0b11);
        let proven = flags & 0x10 != 0;
        let total_len = u16::from_be_bytes([high, low]);
        let len = usize::from(total_len)
            .saturating_sub(usize::from(index) * 1_024)
            .min(1_024);
        let bytes = vec![fill; len.saturating_sub(usize::from(flags >> 7))];
        let count = usize::from(total_len).div_ceil(1_024) as u8;
        let fragment = Fragment {
            message_tag,
            index,
            count: count.wrapping_add(flags >> 6 & 1),
            total_len,
            cookie: None,
            bytes: &bytes,
        };
        let from = SocketAddr::from(([192, 0, 2, source], 5_005));
        sent.insert((source, message_tag, total_len, usize::from(index), fill));
        let result = if proven {
            reassembler.push_proven(now, from, &fragment)
        } else {
            reassembler.push(now, from, &fragment)
        };
        if let Ok(Some(message)) = result {
            assert_eq!(message.len(), usize::from(total_len));
            for (index, part) in message.chunks(1_024).enumerate() {
                assert!(part.iter().all(|octet| *octet == part[0]));
                assert!(sent.contains(&(source, message_tag, total_len, index, part[0])));
            }
        }
        assert!(reassembler.len() <= limits.max_messages);
        assert!(reassembler.reserved_len() <= limits.max_len);
        assert_eq!(reassembler.is_empty(), reassembler.poll_timeout().is_none());
        assert!(reassembler.poll_timeout().is_none_or(|at| at > now));
    }
    reassembler.handle_timeout(now + limits.max_age);
    assert!(reassembler.is_empty());
    assert_eq!(reassembler.reserved_len(), 0);
}
