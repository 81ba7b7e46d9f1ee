//! What strangers, and a network in their hands, can do to a call.
#![allow(clippy::unwrap_used, reason = "helpers of tests")]

mod phones;

use core::net::SocketAddr;
use core::time::Duration;

use callseal_endpoint::{Answering, Event, Port, Received};
use callseal_testkit::{Conditions, Pair, SplitMix64};
use phones::*;

fn secured_pair(seed: u64) -> Pair<Phone, Phone> {
    let mut pair = World::new().pair(link(seed));
    pair.a.call(pair.now, BOB, B);
    pair.run_until(MANY, |pair| {
        pair.a.leg.is_secured() && pair.b.leg.is_secured()
    })
    .unwrap();
    pair
}

fn mallory() -> SocketAddr {
    "198.51.100.66:6666".parse().unwrap()
}

/// A protected packet from Alice that has not been delivered.
fn packet_of_alice(pair: &mut Pair<Phone, Phone>, place: u16) -> Vec<u8> {
    pair.a.leg.send_rtp(pair.now, rtp(0xa, 100, place)).unwrap();
    pair.a.leg.poll_transmit().unwrap().bytes
}

#[test]
fn a_packet_that_fails_its_tag_is_counted_and_leaves_no_other_trace() {
    let mut pair = secured_pair(1);
    let good = packet_of_alice(&mut pair, 1);
    let before = pair.b.leg.statistics();
    for octet in 0..good.len() {
        let mut bad = good.clone();
        bad[octet] ^= 0x10;
        let as_it_came = bad.clone();
        let received = pair
            .b
            .leg
            .handle_datagram(pair.now, Port::Rtp, mallory(), &mut bad);
        assert_eq!(received, Received::Nothing, "octet {octet}");
        assert_eq!(bad, as_it_came, "octet {octet}");
    }
    let after = pair.b.leg.statistics();
    let refused = after.rejected + after.ignored - before.rejected - before.ignored;
    assert_eq!(refused, good.len() as u64);
    assert_eq!(after.received, before.received);
    assert_eq!(pair.b.leg.remote().unwrap().rtp, A.parse().unwrap());

    let mut good = good;
    let from = A.parse().unwrap();
    let received = pair
        .b
        .leg
        .handle_datagram(pair.now, Port::Rtp, from, &mut good);
    assert_eq!(received, Received::Rtp(&rtp(0xa, 100, 1)));
}

#[test]
fn a_replayed_packet_is_not_delivered_twice_and_moves_no_address() {
    let mut pair = secured_pair(2);
    let good = packet_of_alice(&mut pair, 1);
    let from = A.parse().unwrap();
    pair.b
        .leg
        .handle_datagram(pair.now, Port::Rtp, from, &mut good.clone());
    let again = &mut good.clone();
    let received = pair
        .b
        .leg
        .handle_datagram(pair.now, Port::Rtp, mallory(), again);
    assert_eq!(received, Received::Nothing);
    assert_eq!(pair.b.leg.statistics().replayed, 1);
    assert_eq!(pair.b.leg.remote().unwrap().rtp, from);
}

#[test]
fn the_address_moves_with_the_newest_authentic_packet_only() {
    let mut pair = secured_pair(3);
    let older = packet_of_alice(&mut pair, 1);
    let newer = packet_of_alice(&mut pair, 2);
    let moved: SocketAddr = "203.0.113.9:1234".parse().unwrap();
    pair.b
        .leg
        .handle_datagram(pair.now, Port::Rtp, moved, &mut newer.clone());
    assert_eq!(pair.b.leg.remote().unwrap().rtp, moved);
    // Held back and sent on from elsewhere: authentic, and not the newest.
    let late = &mut older.clone();
    let received = pair
        .b
        .leg
        .handle_datagram(pair.now, Port::Rtp, mallory(), late);
    assert_eq!(received, Received::Rtp(&rtp(0xa, 100, 1)));
    assert_eq!(pair.b.leg.remote().unwrap().rtp, moved);
    let mut events = Vec::new();
    while let Some(event) = pair.b.leg.poll_event() {
        events.push(event);
    }
    let moves = events
        .iter()
        .filter(|event| matches!(event, Event::RemoteMoved { to, .. } if *to == moved))
        .count();
    assert_eq!(moves, 1);
}

#[test]
fn plaintext_is_never_delivered_before_or_during_a_call() {
    let world = World::new();
    let mut bob = world.phone(BOB, B, Answering::Anyone);
    let from = A.parse().unwrap();
    let clear = &mut rtp(0xa, 1, 1);
    let received = bob
        .leg
        .handle_datagram(Duration::ZERO, Port::Rtp, from, clear);
    assert_eq!(received, Received::Nothing);

    let mut pair = secured_pair(4);
    for place in 0..50 {
        let clear = &mut rtp(0xa, 1, place);
        let received = pair.b.leg.handle_datagram(pair.now, Port::Rtp, from, clear);
        assert_eq!(received, Received::Nothing);
    }
    // A BYE in clear, as some phones send it.
    let bye = callseal_rtcp_ext::Builder::receiver_report(0xa, &[], "somebody")
        .unwrap()
        .bye(&[0xa], None)
        .unwrap()
        .finish();
    pair.b
        .leg
        .handle_datagram(pair.now, Port::Rtp, from, &mut bye.clone());
    pair.run_to(pair.now + SECOND, MANY).unwrap();
    assert_eq!(pair.b.ended(), None);
}

#[test]
fn noise_of_any_length_changes_nothing() {
    let mut pair = secured_pair(5);
    let mut random = SplitMix64::new(5);
    for round in 0..5_000_u32 {
        let mut noise = vec![0; random.below(200) as usize];
        random.fill(&mut noise);
        if let Some(first) = noise.first_mut() {
            *first = 0x80 | (*first & 0x3f);
        }
        if round % 3 == 0
            && let Some(second) = noise.get_mut(1)
        {
            *second = 192 + (*second & 31);
        }
        let received = pair
            .b
            .leg
            .handle_datagram(pair.now, Port::Rtp, mallory(), &mut noise);
        assert_eq!(received, Received::Nothing);
    }
    assert!(pair.b.leg.statistics().received.is_empty());
    let from = pair.now;
    pair.a.say(from, 0xa, 10);
    pair.run_to(from + SECOND, MANY).unwrap();
    assert_eq!(pair.b.heard.len(), 10);
}

/// First messages of other calls, each from an address of its own.
fn spoofed_first_messages(count: usize) -> impl Iterator<Item = (SocketAddr, Vec<u8>)> {
    let world = World::new();
    let mut carol = world.phone(CAROL, "192.0.2.3:1", Answering::Nobody);
    carol.call(Duration::ZERO, BOB, B);
    let first = carol.leg.poll_transmit().unwrap().bytes;
    let mut random = SplitMix64::new(9);
    (0..count).map(move |_| {
        let mut datagram = first.clone();
        // The caller session and the share lie behind the headers: every
        // message is another one.
        let place = datagram
            .windows(4)
            .position(|window| window == b"CSTS")
            .unwrap()
            + 12;
        random.fill(&mut datagram[place + 2..place + 10]);
        let [a, b, c, d, ..] = random.next_u64().to_be_bytes();
        (
            SocketAddr::from(([a | 1, b, c, d], 1_024 + u16::from(d))),
            datagram,
        )
    })
}

#[test]
fn a_call_completes_amid_a_hundred_thousand_spoofed_first_messages() {
    let mut pair = World::new().pair(link(6));
    pair.a.call(pair.now, BOB, B);
    let mut backscatter = 0;
    let mut received = 0;
    let mut secured_after = None;
    for (place, (from, datagram)) in spoofed_first_messages(100_000).enumerate() {
        received += datagram.len();
        pair.b.handle(pair.now, from, datagram);
        // A hundred in a millisecond, for a second.
        if place % 100 == 99 {
            let next = pair.now + MS;
            pair.run_to(next, MANY).unwrap();
            backscatter += pair
                .strays
                .drain(..)
                .map(|stray| stray.bytes.len())
                .sum::<usize>();
            if secured_after.is_none() && pair.a.leg.is_secured() && pair.b.leg.is_secured() {
                secured_after = Some(place);
            }
        }
    }
    pair.run_to(pair.now + 3 * SECOND, MANY).unwrap();
    backscatter += pair
        .strays
        .drain(..)
        .map(|stray| stray.bytes.len())
        .sum::<usize>();
    assert!(pair.a.leg.is_secured() && pair.b.leg.is_secured());
    assert!(secured_after.is_some(), "secured while the flood went on");
    assert!(backscatter <= 3 * received, "{backscatter} for {received}");
}

#[test]
fn a_phone_that_lost_its_state_calls_again_and_the_call_goes_over_to_it() {
    let mut pair = secured_pair(7);
    let world = World::new();
    let from = pair.now;
    pair.a.say(from, 0xa, 10);
    pair.run_to(from + 11 * SECOND, MANY).unwrap();
    assert_eq!(pair.b.heard.len(), 10);
    let now = pair.now;
    pair.a = Phone::new(config(ALICE, Answering::Nobody), A, world.reader(), "new");
    pair.a.leg.handle_timeout(now);
    pair.a.call(now, BOB, B);
    pair.run_until(MANY, |pair| pair.a.leg.is_secured())
        .unwrap();
    let epochs: Vec<u8> = pair
        .b
        .secured()
        .iter()
        .map(|secured| secured.epoch)
        .collect();
    assert_eq!(epochs, [1, 2]);
    let from = pair.now;
    pair.a.say(from, 0xaa, 10);
    pair.b.say(from, 0xbb, 10);
    pair.run_to(from + SECOND, MANY).unwrap();
    assert_eq!(pair.b.heard.len(), 20);
    assert_eq!(pair.a.heard.len(), 10);
}

#[test]
fn another_subscriber_cannot_take_over_a_call() {
    let mut pair = secured_pair(8);
    pair.run_to(11 * SECOND, MANY).unwrap();
    let world = World::new();
    world.approve(CAROL, &secret(CAROL));
    // Carol takes Alice's place on the network, with her own good name.
    let carol = Phone::new(config(CAROL, Answering::Nobody), A, world.reader(), "carol");
    let alice = core::mem::replace(&mut pair.a, carol);
    pair.a.call(pair.now, BOB, B);
    pair.run_to(20 * SECOND, MANY).unwrap();
    assert!(!pair.a.leg.is_secured());
    assert_eq!(pair.b.secured().len(), 1);
    pair.a = alice;
    let from = pair.now;
    pair.a.say(from, 0xa, 10);
    pair.b.say(from, 0xb, 10);
    pair.run_to(from + SECOND, MANY).unwrap();
    assert_eq!((pair.a.heard.len(), pair.b.heard.len()), (10, 10));
}

#[test]
fn renewing_the_keys_loses_no_packet() {
    for seed in 0..4 {
        let mut pair = secured_pair(100 + seed);
        // Handshake messages may be lost and repeated; the media's own loss
        // would hide what this looks for, so the link is only disordered.
        let disorder = Conditions::perfect()
            .delay(40 * MS)
            .jitter(15 * MS)
            .reorder(0.2, 30 * MS)
            .duplication(0.1);
        for to in [A, B] {
            pair.link
                .set_conditions_to(to.parse().unwrap(), disorder.clone());
        }
        let from = pair.now;
        pair.a.say(from, 0xa, 2_000);
        pair.b.say(from, 0xb, 2_000);
        let mut at = from;
        for _ in 0..3 {
            at += 12 * SECOND;
            pair.run_to(at, MANY).unwrap();
            pair.a.leg.renew(pair.now).unwrap();
        }
        pair.run_to(from + 45 * SECOND, MANY).unwrap();
        let epochs: Vec<u8> = pair
            .a
            .secured()
            .iter()
            .map(|secured| secured.epoch)
            .collect();
        assert_eq!(epochs, [1, 2, 3, 4]);
        assert!(pair.a.secured()[1..].iter().all(|secured| secured.renewal));
        for phone in [&pair.a, &pair.b] {
            assert_eq!(phone.heard.len(), 2_000, "seed {seed}");
            let statistics = phone.leg.statistics();
            assert_eq!((statistics.rejected, statistics.ignored), (0, 0));
        }
    }
}

#[test]
fn cve_2022_39269_a_renewal_that_fails_leaves_the_call_as_it_was() {
    let mut pair = secured_pair(9);
    pair.run_to(11 * SECOND, MANY).unwrap();
    pair.b.node_latency = 10_000 * SECOND;
    pair.a.node_latency = 10_000 * SECOND;
    pair.a.leg.renew(pair.now).unwrap();
    let from = pair.now;
    pair.a.say(from, 0xa, 3_000);
    pair.b.say(from, 0xb, 3_000);
    pair.run_to(from + 61 * SECOND, MANY).unwrap();
    assert_eq!((pair.a.heard.len(), pair.b.heard.len()), (3_000, 3_000));
    assert_eq!(pair.a.secured().len(), 1);
    let failed = pair.a.events.iter().any(|event| {
        matches!(
            event,
            Event::HandshakeFailed {
                call_goes_on: true,
                ..
            }
        )
    });
    assert!(failed);
    assert_eq!((pair.a.ended(), pair.b.ended()), (None, None));
}
