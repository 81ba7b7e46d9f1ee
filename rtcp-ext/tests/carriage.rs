//! A message crosses a bad link.

use std::net::SocketAddr;
use std::time::Duration;

use callseal_rtcp_ext::{
    Fragment, Limits, MAX_DATAGRAM_LEN, Reassembler, SizeRule, handshake_datagrams, is_rtcp, parse,
    random_cname,
};
use callseal_testkit::{Conditions, Link, SplitMix64};

#[test]
fn a_message_repeated_until_it_is_whole_crosses_loss_reordering_and_duplication() {
    let from = SocketAddr::from(([192, 0, 2, 1], 5_005));
    let to = SocketAddr::from(([192, 0, 2, 2], 5_005));
    let rough = Conditions::perfect()
        .delay(Duration::from_millis(40))
        .jitter(Duration::from_millis(30))
        .loss(0.2)
        .duplication(0.1)
        .reorder(0.3, Duration::from_millis(80))
        .max_datagram_len(MAX_DATAGRAM_LEN);
    for seed in 0..50 {
        let mut random = SplitMix64::new(seed);
        let mut message = vec![0; 1 + random.below(20_480) as usize];
        random.fill(&mut message);
        let mut bits = [0; 12];
        random.fill(&mut bits);
        let datagrams = handshake_datagrams(
            &message,
            random.next_u32(),
            None,
            random.next_u32(),
            &random_cname(bits),
            MAX_DATAGRAM_LEN,
        )
        .unwrap();

        let mut link = Link::new(seed, rough.clone());
        let mut reassembler = Reassembler::new(Limits::default());
        let mut complete = None;
        for attempt in 0..20_u32 {
            let now = Duration::from_millis(400) * attempt;
            for datagram in &datagrams {
                link.send(now, from, to, datagram);
            }
            while let Some(arrived) = link.receive(now + Duration::from_millis(400)) {
                assert!(is_rtcp(&arrived.bytes));
                let compound = parse(&arrived.bytes, SizeRule::Compound).unwrap();
                let fragment = Fragment::find(&compound).unwrap().unwrap();
                let whole = reassembler.push(arrived.at, arrived.from, &fragment);
                complete = complete.or(whole.unwrap());
            }
            if complete.is_some() {
                break;
            }
        }
        assert_eq!(complete, Some(message), "seed {seed}");
    }
}
