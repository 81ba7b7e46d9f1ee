//! What comes beside a call: other callers, renewals, the call before.
#![allow(clippy::unwrap_used, reason = "helpers of tests")]

mod phones;

use core::net::SocketAddr;
use core::time::Duration;

use callseal_endpoint::{Answering, Config, Event, Pins};
use callseal_rtcp_ext::{MAX_DATAGRAM_LEN, handshake_datagrams};
use callseal_sts::IdentityKey;
use callseal_testkit::{Peer, SplitMix64};
use phones::*;

const C: &str = "192.0.2.3:40000";

/// The place of Bob and of Alice among the phones.
const AT_BOB: usize = 0;
const AT_ALICE: usize = 1;

/// Runs phones between which nothing takes time; `keep` says whether a
/// datagram arrives.
fn run(
    phones: &mut [Phone],
    now: &mut Duration,
    until: Duration,
    keep: &mut dyn FnMut(SocketAddr, &[u8]) -> bool,
) {
    while *now < until {
        *now += 5 * MS;
        for phone in &mut *phones {
            if phone.poll_timeout().is_some_and(|at| at <= *now) {
                phone.handle_timeout(*now);
            }
        }
        let mut is_busy = true;
        while core::mem::take(&mut is_busy) {
            for at in 0..phones.len() {
                while let Some((to, bytes)) = phones[at].poll_transmit(*now) {
                    is_busy = true;
                    let from = phones[at].address;
                    if !keep(from, &bytes) {
                        continue;
                    }
                    if let Some(phone) = phones.iter_mut().find(|phone| phone.address == to) {
                        phone.handle_datagram(*now, from, bytes);
                    }
                }
            }
        }
    }
}

fn all(_: SocketAddr, _: &[u8]) -> bool {
    true
}

/// Everything but the handshake's M4.
fn no_m4(_: SocketAddr, bytes: &[u8]) -> bool {
    let app = bytes.windows(4).position(|name| name == b"CSTS");
    app.is_none_or(|at| bytes.get(at + 12..at + 14) != Some(&[1, 4]))
}

fn with_whom(phone: &Phone) -> Vec<String> {
    let secured = phone.secured();
    let numbers = secured.iter().map(|one| one.peer.number.to_string());
    numbers.collect()
}

/// Bob, and Alice who has called him twelve seconds ago.
fn old_call(world: &World, alice: Phone) -> ([Phone; 2], Duration) {
    let mut phones = [world.phone(BOB, B, Answering::Anyone), alice];
    let mut now = Duration::ZERO;
    phones[AT_ALICE].call(now, BOB, B);
    run(&mut phones, &mut now, 12 * SECOND, &mut all);
    assert!(phones.iter().all(|phone| phone.leg.is_secured()));
    (phones, now)
}

#[test]
fn a_caller_whose_verdict_comes_late_does_not_take_a_call_over() {
    let world = World::new();
    world.approve(CAROL, &secret(CAROL));
    let mut bob = world.phone(BOB, B, Answering::Anyone);
    bob.node_latency = 300 * MS;
    let alice = world.phone(ALICE, A, Answering::Nobody);
    let carol = world.phone(CAROL, C, Answering::Nobody);
    let mut phones = [bob, alice, carol];
    let mut now = Duration::ZERO;
    phones[AT_ALICE].call(now, BOB, B);
    run(&mut phones, &mut now, 200 * MS, &mut all);
    phones[2].call(now, BOB, B);
    run(&mut phones, &mut now, 2 * SECOND, &mut all);
    assert_eq!(with_whom(&phones[AT_BOB]), [ALICE]);
    assert!(!phones[2].leg.is_secured());
    phones[AT_BOB].say(now, 77, 10);
    run(&mut phones, &mut now, 3 * SECOND, &mut all);
    assert_eq!(
        (phones[AT_ALICE].heard.len(), phones[2].heard.len()),
        (10, 0)
    );
}

#[test]
fn a_caller_presented_before_does_not_take_over_a_call_of_our_own() {
    let world = World::new();
    world.approve(CAROL, &secret(CAROL));
    // Her verdict comes after Alice has answered, or while we call.
    for (latency, alices) in [(800 * MS, 20 * MS), (350 * MS, 300 * MS)] {
        let mut bob = world.phone(BOB, B, Answering::Anyone);
        bob.node_latency = latency;
        let alice = world.phone(ALICE, A, Answering::Anyone);
        let carol = world.phone(CAROL, C, Answering::Nobody);
        let mut phones = [bob, alice, carol];
        let mut now = Duration::ZERO;
        phones[2].call(now, BOB, B);
        run(&mut phones, &mut now, 300 * MS, &mut all);
        phones[AT_BOB].node_latency = alices;
        phones[AT_BOB].call(now, ALICE, A);
        run(&mut phones, &mut now, 3 * SECOND, &mut all);
        assert_eq!(with_whom(&phones[AT_BOB]), [ALICE]);
        assert!(!phones[2].leg.is_secured());
    }
}

#[test]
fn accepting_one_changed_key_accepts_no_other() {
    let world = World::new();
    world.approve(CAROL, &secret(CAROL));
    let old = IdentityKey::from_bytes([0x55; 32]).unwrap().public();
    let pins: Pins = [ALICE, CAROL]
        .map(|of| (number(of), old))
        .into_iter()
        .collect();
    let bob = config(BOB, Answering::Anyone).pins(pins);
    let mut phones = [
        Phone::new(bob, B, world.reader(), BOB),
        world.phone(ALICE, A, Answering::Nobody),
        world.phone(CAROL, C, Answering::Nobody),
    ];
    let mut now = Duration::ZERO;
    phones[AT_ALICE].call(now, BOB, B);
    run(&mut phones, &mut now, SECOND, &mut all);
    phones[2].call(now, BOB, B);
    run(&mut phones, &mut now, 2 * SECOND, &mut all);
    let asked = phones[AT_BOB].events.iter();
    let asked = asked.filter(|event| matches!(event, Event::KeyChanged { .. }));
    assert_eq!(asked.count(), 2);
    phones[AT_BOB].leg.accept_changed_key(now, &identity(ALICE));
    phones[AT_BOB].poll_events(now);
    run(&mut phones, &mut now, 3 * SECOND, &mut all);
    assert_eq!(with_whom(&phones[AT_BOB]), [ALICE]);
}

#[test]
fn made_up_callers_do_not_keep_a_genuine_one_from_the_registry() {
    let world = World::new();
    let mut bob = world.phone(BOB, B, Answering::Anyone);
    bob.node_latency = 2 * SECOND;
    let mut phones = vec![bob, world.phone(ALICE, A, Answering::Nobody)];
    let mut now = Duration::ZERO;
    for made_up in 0..6_u8 {
        let key = IdentityKey::from_bytes([0x40 + made_up; 32]).unwrap();
        let as_number = format!("+861380000010{made_up}");
        let stranger = Config::new(number(&as_number), key).mux(true);
        let from = format!("203.0.113.1:{}", 1_000 + u16::from(made_up));
        phones.push(Phone::new(stranger, &from, world.reader(), &as_number));
    }
    for stranger in &mut phones[2..] {
        stranger.call(now, BOB, B);
    }
    run(&mut phones, &mut now, 500 * MS, &mut all);
    phones[AT_ALICE].call(now, BOB, B);
    let before = now;
    run(&mut phones, &mut now, before + 4 * SECOND, &mut all);
    assert!(phones[AT_ALICE].leg.is_secured());
    run(&mut phones, &mut now, 20 * SECOND, &mut all);
    // Those who had to wait were asked about in the end.
    let look_ups = phones[AT_BOB].events.iter();
    let look_ups = look_ups.filter(|event| matches!(event, Event::LookUp { .. }));
    assert_eq!(look_ups.count(), 7);
}

#[test]
fn a_bye_of_the_call_before_does_not_end_this_one() {
    let world = World::new();
    let alice = world.phone(ALICE, A, Answering::Nobody);
    let (mut phones, mut now) = old_call(&world, alice);
    phones[AT_ALICE].leg.hang_up(now, "");
    let bye = phones[AT_ALICE].leg.poll_transmit().unwrap();
    // Alice's phone begins a new leg.
    let again = config(ALICE, Answering::Nobody);
    phones[AT_ALICE] = Phone::new(again, A, world.reader(), "again");
    phones[AT_ALICE].call(now, BOB, B);
    run(&mut phones, &mut now, 15 * SECOND, &mut all);
    assert_eq!(phones[AT_BOB].secured().len(), 2);
    let elsewhere: SocketAddr = "198.51.100.66:6666".parse().unwrap();
    phones[AT_BOB].handle(now, elsewhere, bye.bytes);
    assert_eq!(phones[AT_BOB].ended(), None);
    assert_eq!(phones[AT_BOB].leg.remote().unwrap().rtp, A.parse().unwrap());
}

#[test]
fn a_renewal_by_a_muted_caller_loses_nothing() {
    for (bandwidth, first_report_is_lost) in [(8_000, false), (8_000, true), (400, true)] {
        let world = World::new();
        let alice = config(ALICE, Answering::Nobody).session_bandwidth(bandwidth);
        let alice = Phone::new(alice, A, world.reader(), ALICE);
        let (mut phones, mut now) = old_call(&world, alice);
        phones[AT_BOB].say(now, 5, 3_000);
        run(&mut phones, &mut now, 30 * SECOND, &mut all);
        phones[AT_ALICE].leg.renew(now).unwrap();
        phones[AT_ALICE].poll_events(now);
        let (mut is_lost, b) = (!first_report_is_lost, B.parse::<SocketAddr>().unwrap());
        let mut keep = |from: SocketAddr, bytes: &[u8]| {
            let is_report = from != b && !bytes.windows(4).any(|name| name == b"CSTS");
            !is_report || core::mem::replace(&mut is_lost, true)
        };
        run(&mut phones, &mut now, 75 * SECOND, &mut keep);
        assert_eq!(phones[AT_ALICE].heard.len(), 3_000, "{bandwidth}");
        assert_eq!(phones[AT_BOB].secured().len(), 2);
        assert!(is_lost);
    }
}

#[test]
fn lost_m4s_leave_both_phones_with_one_string_and_further_renewals() {
    for renews in [AT_ALICE, AT_BOB] {
        let world = World::new();
        let alice = world.phone(ALICE, A, Answering::Anyone);
        let (mut phones, mut now) = old_call(&world, alice);
        phones[AT_ALICE].leg.renew(now).unwrap();
        phones[AT_ALICE].poll_events(now);
        run(&mut phones, &mut now, 70 * SECOND, &mut no_m4);
        let strings = |phones: &[Phone; 2]| {
            let sas = |phone: &Phone| phone.secured().last().unwrap().sas.to_string();
            (sas(&phones[AT_BOB]), sas(&phones[AT_ALICE]))
        };
        let (bobs, alices) = strings(&phones);
        assert_eq!(bobs, alices);
        // Whoever renews next: twice, so that indexes and epochs go on.
        for (times, ssrc, renews) in [(2, 20, renews), (3, 30, 1 - renews)] {
            phones[renews].leg.renew(now).unwrap();
            phones[renews].poll_events(now);
            let until = now + 20 * SECOND;
            phones[AT_BOB].say(now, ssrc, 500);
            phones[AT_ALICE].say(now, ssrc + 1, 500);
            run(&mut phones, &mut now, until, &mut all);
            let (bobs, alices) = strings(&phones);
            assert_eq!(bobs, alices);
            let secured = phones.each_ref().map(|phone| phone.secured().len());
            assert_eq!(secured, [times, times]);
            for phone in &phones {
                assert_eq!(phone.heard.len(), 500 * (times - 1));
            }
        }
    }
}

#[test]
fn the_rtcp_address_follows_whatever_stream_reports() {
    let world = World::new();
    let alice = world.phone(ALICE, A, Answering::Nobody);
    let (mut phones, mut now) = old_call(&world, alice);
    // Reports under the SSRC of a listener, for a minute.
    run(&mut phones, &mut now, 60 * SECOND, &mut all);
    // Then Alice speaks, and reports under another SSRC, from elsewhere.
    phones[AT_ALICE].say(now, 6, 1);
    run(&mut phones, &mut now, 61 * SECOND, &mut all);
    let moved: SocketAddr = "203.0.113.9:1234".parse().unwrap();
    phones[AT_ALICE].address = moved;
    run(&mut phones, &mut now, 75 * SECOND, &mut all);
    assert_eq!(phones[AT_BOB].leg.remote().unwrap().rtcp, moved);
}

#[test]
fn a_flood_of_spoofed_fragments_does_not_stop_a_handshake_of_many_fragments() {
    let world = World::new();
    let staple = |fill: u8| callseal_sts::Staple::new(&[fill; 16_000]).unwrap();
    let stapled = |of: &str, at, answering| {
        let config = config(of, answering).taking_staples(true);
        Phone::new(config, at, world.reader(), of)
    };
    let mut phones = [
        stapled(BOB, B, Answering::Anyone),
        stapled(ALICE, A, Answering::Nobody),
    ];
    for (phone, fill) in phones.iter_mut().zip([1, 2]) {
        phone.leg.set_staple(Some(staple(fill)));
    }
    let spoofed = handshake_datagrams(&[7; 20_000], 7, None, 7, "x", MAX_DATAGRAM_LEN);
    let spoofed: Vec<_> = spoofed.into_iter().flatten().collect();
    let tag = spoofed[1]
        .windows(4)
        .position(|name| name == b"CSTS")
        .unwrap()
        + 4;
    let mut random = SplitMix64::new(8);
    let mut now = Duration::ZERO;
    let mut has_called = false;
    while now < 20 * SECOND && !phones[AT_ALICE].leg.is_secured() {
        for _ in 0..40 {
            let [a, b, c, d, e, f, g, h] = random.next_u64().to_be_bytes();
            let mut fragment = spoofed[1 + usize::from(e) % (spoofed.len() - 1)].clone();
            fragment[tag..tag + 4].copy_from_slice(&[e, f, g, h]);
            let from = SocketAddr::from(([a | 1, b, c, d], 1_024 + u16::from(d)));
            // Some in the name of Alice herself.
            let from = if h % 4 == 0 { A.parse().unwrap() } else { from };
            phones[AT_BOB].handle(now, from, fragment);
        }
        if now >= SECOND && !core::mem::replace(&mut has_called, true) {
            phones[AT_ALICE].call(now, BOB, B);
        }
        let until = now + 5 * MS;
        run(&mut phones, &mut now, until, &mut all);
        for phone in &mut phones {
            answer_stapled(now, phone);
        }
    }
    assert!(phones.iter().all(|phone| phone.leg.is_secured()));
}

/// No staple here is worth anything: the registry is asked.
fn answer_stapled(now: Duration, phone: &mut Phone) {
    let asked = phone
        .events
        .extract_if(.., |event| matches!(event, Event::LookUpStapled { .. }));
    for event in asked.collect::<Vec<_>>() {
        if let Event::LookUpStapled { number, .. } = event {
            let asked = phone.registry.look_up(number.as_str());
            let answer = asked.map(|asked| asked.answer);
            phone.leg.look_up_done(now, &number, answer);
        }
    }
    phone.poll_events(now);
}
