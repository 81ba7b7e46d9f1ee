//! Whole calls between two legs, over good and bad networks.
#![allow(clippy::unwrap_used, reason = "helpers of tests")]

mod phones;

use callseal_endpoint::{Answering, EndReason, Event, Known, SendError, Step};
use callseal_sts::Role;
use callseal_sts::messages::MessageKind;
use callseal_testkit::{Conditions, Link, Pair};
use phones::*;

/// Both sides secured under the same keys, as far as they show.
fn assert_same_call(pair: &Pair<Phone, Phone>) {
    let (a, b) = (pair.a.secured(), pair.b.secured());
    let (a, b) = (a.last().unwrap(), b.last().unwrap());
    assert_eq!(a.sas, b.sas);
    assert_eq!(a.epoch, b.epoch);
    assert_eq!(a.suite, b.suite);
    assert_ne!(a.role, b.role);
    let (a, b) = (
        pair.a.leg.export_keys().unwrap(),
        pair.b.leg.export_keys().unwrap(),
    );
    assert_eq!(a.local_key, b.remote_key);
    assert_eq!(a.local_salt, b.remote_salt);
    assert_eq!(a.remote_key, b.local_key);
    assert_ne!(a.local_key, a.remote_key);
}

fn both_secured(pair: &mut Pair<Phone, Phone>) -> bool {
    pair.a.leg.is_secured() && pair.b.leg.is_secured()
}

#[test]
fn a_call_is_secured_and_every_packet_arrives_both_ways() {
    let mut pair = World::new().pair(link(1));
    pair.a.call(pair.now, BOB, B);
    pair.run_until(MANY, both_secured).unwrap();
    assert_same_call(&pair);
    assert_eq!(pair.a.secured()[0].peer.number, number(BOB));
    assert_eq!(pair.b.secured()[0].peer.number, number(ALICE));
    assert_eq!(pair.a.secured()[0].role, Role::Caller);
    assert_eq!(pair.a.secured()[0].known, Known::FirstContact);

    let from = pair.now;
    pair.a.say(from, 0xa, 100);
    pair.b.say(from, 0xb, 100);
    pair.run_to(from + 3 * SECOND, MANY).unwrap();
    let said = |ssrc| {
        (0..100)
            .map(|place| rtp(ssrc, 65_500, place))
            .collect::<Vec<_>>()
    };
    assert_eq!(pair.b.heard, said(0xa));
    assert_eq!(pair.a.heard, said(0xb));
    let statistics = pair.a.leg.statistics();
    assert_eq!(statistics.sent[0].packets, 100);
    assert_eq!(statistics.sent[0].octets, 16_000);
    assert_eq!(statistics.received[0].packets, 100);
    assert_eq!(statistics.received[0].lost, 0);
    assert_eq!((statistics.rejected, statistics.replayed), (0, 0));
}

#[test]
fn nothing_but_the_handshake_is_ever_on_the_wire_in_clear() {
    let mut pair = World::new().pair(link(2));
    pair.link.tap();
    pair.a.call(pair.now, BOB, B);
    // Said from the start: what comes before the keys must not go out.
    pair.a.say(pair.now, 0xa, 100);
    pair.run_until(MANY, both_secured).unwrap();
    let secured = pair.now;
    pair.run_to(secured + 12 * SECOND, MANY).unwrap();
    pair.a.leg.hang_up(pair.now, "good night");
    pair.run_to(secured + 13 * SECOND, MANY).unwrap();

    let payload = &rtp(0xa, 65_500, 99)[12..];
    let cname = b"callseal";
    let mut media = 0;
    for datagram in pair.link.tapped() {
        let bytes = &datagram.bytes;
        assert!(!bytes.windows(payload.len()).any(|window| window == payload));
        assert!(!bytes.windows(cname.len()).any(|window| window == cname));
        assert!(!bytes.windows(10).any(|window| window == b"good night"));
        if bytes[1] & 0x7f == 0 {
            media += 1;
        } else if datagram.at > secured {
            // RTCP after the handshake: E bit set, MKI in place.
            let trailer = bytes.len() - 10 - 1 - 4;
            assert_eq!(bytes[trailer] & 0x80, 0x80, "SRTCP that is not encrypted");
            assert_eq!(bytes[trailer + 4], 1);
        }
    }
    assert!(media > 50 && media < 100, "{media} packets of media");
    assert!(
        matches!(pair.b.ended(), Some(EndReason::ByeReceived { reason: Some(text) }) if text == "good night")
    );
}

#[test]
fn a_call_over_a_link_that_loses_a_fifth_completes_and_loses_no_key() {
    for seed in 0..60 {
        let mut pair = World::new().pair(bad_link(seed));
        pair.a.call(pair.now, BOB, B);
        pair.run_until(MANY, both_secured)
            .unwrap_or_else(|error| panic!("seed {seed}: {error:?} {:?}", pair.a.failures()));
        assert_same_call(&pair);
        let from = pair.now;
        pair.a.say(from, 0xa, 200);
        pair.b.say(from, 0xb, 200);
        pair.run_to(from + 6 * SECOND, MANY).unwrap();
        for (phone, ssrc) in [(&pair.a, 0xb), (&pair.b, 0xa)] {
            let heard = phone.heard.len();
            assert!(
                (120..=200).contains(&heard),
                "seed {seed}: {heard} packets heard"
            );
            for packet in &phone.heard {
                let place = u32::from_be_bytes([packet[4], packet[5], packet[6], packet[7]]) / 160;
                assert_eq!(*packet, rtp(ssrc, 65_500, place as u16));
            }
            assert_eq!(phone.leg.statistics().rejected, 0);
        }
    }
}

#[test]
fn both_calling_at_once_is_one_call() {
    for seed in 0..40 {
        let world = World::new();
        let mut pair = Pair::new(
            if seed < 10 {
                link(seed)
            } else {
                bad_link(seed)
            },
            Phone::new(
                config(ALICE, Answering::Anyone),
                A,
                world.reader(),
                &format!("a{seed}"),
            ),
            Phone::new(
                config(BOB, Answering::Anyone),
                B,
                world.reader(),
                &format!("b{seed}"),
            ),
        );
        pair.a.call(pair.now, BOB, B);
        let apart = 7 * MS * u32::try_from(seed).unwrap();
        pair.run_to(apart, MANY).unwrap();
        if !pair.b.leg.is_secured() {
            pair.b.call(pair.now, ALICE, A);
        }
        pair.run_until(MANY, both_secured).unwrap();
        let settled = pair.now + SECOND;
        pair.run_to(settled, MANY).unwrap();
        assert_same_call(&pair);
        assert_eq!(pair.a.secured().len(), 1, "seed {seed}");
        assert_eq!(pair.b.secured().len(), 1, "seed {seed}");
        assert_eq!((pair.a.ended(), pair.b.ended()), (None, None));
    }
}

#[test]
fn the_timeline_is_told_in_the_order_in_which_it_happens() {
    let mut pair = World::new().pair(link(3));
    pair.a.call(pair.now, BOB, B);
    pair.run_until(MANY, both_secured).unwrap();
    let from = pair.now;
    pair.a.say(from, 0xa, 2);
    pair.b.say(from, 0xb, 2);
    pair.run_to(from + SECOND, MANY).unwrap();
    let steps = |phone: &Phone| {
        let step = |event: &Event| match event {
            Event::Step { step, .. } => Some(*step),
            _ => None,
        };
        phone.events.iter().filter_map(step).collect::<Vec<_>>()
    };
    use MessageKind::{M1, M2, M3, M4};
    use Step::*;
    assert_eq!(
        steps(&pair.a),
        [
            LookUpStarted,
            Sent(M1),
            LookUpAnswered,
            Accepted(M2),
            Sent(M3),
            Accepted(M4),
            KeysDerived,
            FirstProtectedSent,
            FirstProtectedReceived,
        ]
    );
    let callee = steps(&pair.b);
    let place = |step| callee.iter().position(|found| *found == step).unwrap();
    let order = [
        Accepted(M1),
        Sent(M2),
        Accepted(M3),
        LookUpStarted,
        LookUpAnswered,
        Sent(M4),
    ];
    assert!(
        order.windows(2).all(|pair| place(pair[0]) < place(pair[1])),
        "{callee:?}"
    );
}

#[test]
fn before_there_are_keys_nothing_is_sent() {
    let mut pair = World::new().pair(link(4));
    let refused = pair.a.leg.send_rtp(pair.now, rtp(1, 1, 1));
    assert!(matches!(refused, Err(SendError::NotSecured)));
    pair.a.call(pair.now, BOB, B);
    let refused = pair.a.leg.send_rtp(pair.now, rtp(1, 1, 1));
    assert!(matches!(refused, Err(SendError::NotSecured)));
    pair.run_until(MANY, both_secured).unwrap();
    assert!(pair.a.leg.send_rtp(pair.now, rtp(1, 1, 1)).is_ok());
    assert!(matches!(
        pair.a.leg.send_rtp(pair.now, vec![0; 5]),
        Err(SendError::NotRtp)
    ));
}

#[test]
fn payload_types_that_look_like_rtcp_are_refused_on_one_port() {
    let mut pair = World::new().pair(link(5));
    pair.a.call(pair.now, BOB, B);
    pair.run_until(MANY, both_secured).unwrap();
    for payload_type in 0..128 {
        let mut packet = rtp(1, 1, u16::from(payload_type));
        packet[1] = payload_type;
        let sent = pair.a.leg.send_rtp(pair.now, packet);
        if (64..96).contains(&payload_type) {
            assert!(matches!(sent, Err(SendError::PayloadType(got)) if got == payload_type));
        } else {
            sent.unwrap();
        }
    }
}

#[test]
fn a_call_whose_peer_falls_silent_ends() {
    let mut pair = World::new().pair(link(6));
    pair.a.call(pair.now, BOB, B);
    pair.run_until(MANY, both_secured).unwrap();
    for to in [A, B] {
        pair.link
            .set_conditions_to(to.parse().unwrap(), Conditions::perfect().loss(1.0));
    }
    let from = pair.now;
    pair.run_to(from + 29 * SECOND, MANY).unwrap();
    assert_eq!((pair.a.ended(), pair.b.ended()), (None, None));
    pair.run_to(from + 31 * SECOND, MANY).unwrap();
    assert_eq!(pair.a.ended(), Some(&EndReason::Silence));
    assert_eq!(pair.b.ended(), Some(&EndReason::Silence));
    assert!(matches!(
        pair.a.leg.send_rtp(pair.now, rtp(1, 1, 1)),
        Err(SendError::Ended)
    ));
}

#[test]
fn reports_tell_loss_jitter_and_round_trip() {
    let mut pair = World::new().pair(Link::new(7, Conditions::perfect().delay(75 * MS)));
    pair.a.call(pair.now, BOB, B);
    pair.run_until(MANY, both_secured).unwrap();
    let lossy = Conditions::perfect().delay(75 * MS).loss(0.25);
    pair.link.set_conditions_to(B.parse().unwrap(), lossy);
    let from = pair.now;
    pair.a.say(from, 0xa, 1_500);
    pair.b.say(from, 0xb, 1_500);
    pair.run_to(from + 30 * SECOND, MANY).unwrap();
    let reports: Vec<_> = pair
        .a
        .events
        .iter()
        .filter_map(|event| match event {
            Event::Report(report) => Some(*report),
            _ => None,
        })
        .collect();
    let last = reports.last().unwrap();
    assert!(reports.len() >= 3);
    assert_eq!(last.ssrc, 0xa);
    assert!((40..90).contains(&last.fraction_lost), "{last:?}");
    assert!(last.cumulative_lost > 150);
    let round_trip = last.round_trip.unwrap();
    assert!(round_trip.abs_diff(150 * MS) < 2 * MS, "{round_trip:?}");
    assert_eq!(pair.a.leg.statistics().round_trip, Some(round_trip));
    let heard = &pair.b.leg.statistics().received[0];
    // What is lost before the first packet or after the last nobody can know.
    let accounted = heard.packets + u64::try_from(heard.lost).unwrap();
    assert!((1_470..=1_500).contains(&accounted), "{heard:?}");
}

#[test]
fn several_streams_are_counted_apart() {
    let mut pair = World::new().pair(link(8));
    pair.a.call(pair.now, BOB, B);
    pair.run_until(MANY, both_secured).unwrap();
    let from = pair.now;
    pair.a.say(from, 1, 30);
    pair.a.say(from + 3 * MS, 2, 20);
    pair.run_to(from + 12 * SECOND, MANY).unwrap();
    let received = pair.b.leg.statistics().received;
    let counted: Vec<_> = received
        .iter()
        .map(|stream| (stream.ssrc, stream.packets))
        .collect();
    assert_eq!(counted, [(1, 30), (2, 20)]);
    let reported: Vec<_> = pair
        .a
        .events
        .iter()
        .filter_map(|event| match event {
            Event::Report(report) => Some(report.ssrc),
            _ => None,
        })
        .collect();
    assert!(reported.contains(&1) && reported.contains(&2));
}

/// Carries datagrams between two legs at once until nothing is left to carry.
fn carry(
    now: core::time::Duration,
    a: &mut Phone,
    b: &mut Phone,
    ports: [[&str; 2]; 2],
) -> Vec<Vec<u8>> {
    use callseal_endpoint::{Port, Received};
    let mut heard = Vec::new();
    loop {
        let mut carried = false;
        for side in [0, 1] {
            let (from, to) = if side == 0 {
                (&mut *a, &mut *b)
            } else {
                (&mut *b, &mut *a)
            };
            while let Some(mut transmit) = from.leg.poll_transmit() {
                carried = true;
                let source = ports[side][usize::from(transmit.port == Port::Rtcp)];
                let port = if transmit.to == ports[1 - side][0].parse().unwrap() {
                    Port::Rtp
                } else {
                    assert_eq!(transmit.to, ports[1 - side][1].parse().unwrap());
                    Port::Rtcp
                };
                let source = source.parse().unwrap();
                if let Received::Rtp(packet) =
                    to.leg
                        .handle_datagram(now, port, source, &mut transmit.bytes)
                {
                    heard.push(packet.to_vec());
                }
            }
            callseal_testkit::Peer::handle_timeout(from, now);
            from.poll_events(now);
        }
        if !carried {
            return heard;
        }
    }
}

#[test]
fn rtp_and_rtcp_use_two_ports_where_configured() {
    let world = World::new();
    let phone = |number: &str, address, answering| {
        let config = config(number, answering).mux(false);
        Phone::new(config, address, world.reader(), number)
    };
    let mut a = phone(ALICE, "192.0.2.1:4000", Answering::Nobody);
    let mut b = phone(BOB, "192.0.2.2:5000", Answering::Anyone);
    a.node_latency = core::time::Duration::ZERO;
    b.node_latency = core::time::Duration::ZERO;
    let ports = [
        ["192.0.2.1:4000", "192.0.2.1:4001"],
        ["192.0.2.2:5000", "192.0.2.2:5001"],
    ];
    let remote = callseal_endpoint::Remote::pair(ports[1][0].parse().unwrap()).unwrap();
    a.leg.call(MS, remote, number(BOB)).unwrap();
    a.poll_events(MS);
    for round in 1..20 {
        carry(round * 200 * MS, &mut a, &mut b, ports);
    }
    assert!(a.leg.is_secured() && b.leg.is_secured());
    assert_eq!(b.leg.remote().unwrap().rtp, ports[0][0].parse().unwrap());
    let now = 5 * SECOND;
    a.leg.send_rtp(now, rtp(1, 1, 1)).unwrap();
    b.leg.send_rtp(now, rtp(2, 1, 1)).unwrap();
    let heard = carry(now, &mut a, &mut b, ports);
    assert_eq!(heard, [rtp(1, 1, 1), rtp(2, 1, 1)]);
    // On two ports payload types above 63 are nobody's business.
    let mut packet = rtp(1, 1, 2);
    packet[1] = 72;
    a.leg.send_rtp(now, packet.clone()).unwrap();
    assert_eq!(carry(now, &mut a, &mut b, ports), [packet]);
}
