//! Handshakes beside a running call.

use core::time::Duration;

use callseal_testkit::{Conditions, Pair, Peer as _};

use crate::handshaker::{AcceptError, CallError, Failure, Ignored};
use crate::initiator::M2Error;
use crate::messages::{M1, MessageKind};
use crate::phone::{
    MS, Phone, S, Verdict, address, config, identity, key, number, pair, pair_in_call, share_keys,
    wrap,
};
use crate::responder::M1Error;
use crate::{Config, Refusal, Running, SessionHash, VerifiedPeerKey, work};

/// Phones 1 and 2, whose call is old enough to be renewed.
fn old_call(seed: u64) -> Pair<Phone, Phone> {
    let mut pair = pair_in_call(seed);
    pair.run_to(20 * S, 100).unwrap();
    pair
}

#[test]
fn a_renewal_gives_new_keys_under_the_next_epoch() {
    let mut pair = old_call(1);
    let before = pair.a.last().unwrap().session_hash();
    for (times, caller_is_first) in [(1, true), (2, false)] {
        let (caller, other) = match caller_is_first {
            true => (&mut pair.a, 2),
            false => (&mut pair.b, 1),
        };
        caller.call_again(pair.now, other);
        pair.run_to(pair.now + 20 * S, 100).unwrap();
        assert!(share_keys(&pair.a, &pair.b));
        assert_eq!(pair.a.established.len(), 1 + times);
        assert_eq!(usize::from(pair.a.last().unwrap().epoch()), 1 + times);
    }
    let renewed = &pair.a.established[1].1;
    assert_eq!(renewed.previous(), Some(before));
    assert_eq!(pair.b.established[1].1.previous(), Some(before));
    let [old, new, newest] = [0, 1, 2].map(|at: usize| pair.a.established[at].1.media_keys());
    assert!(old != new && new != newest);
}

#[test]
fn a_new_call_beside_a_call_needs_no_name_for_it() {
    let mut pair = old_call(2);
    // Phone 1 was switched off and on: it knows of no call.
    pair.a = Phone::new(1, config(1), 99);
    pair.a.call(pair.now, 2);
    pair.run_to(pair.now + S, 100).unwrap();
    assert!(share_keys(&pair.a, &pair.b));
    assert_eq!(pair.a.last().unwrap().previous(), None);
    assert_eq!(
        pair.a.last().unwrap().epoch(),
        2,
        "1 is in use at the callee"
    );
}

#[test]
fn epochs_in_use_at_either_side_are_passed_over() {
    for (callers, callees, expected) in [(None, None, 1), (Some(1), None, 2), (Some(8), Some(7), 9)]
    {
        let mut pair = pair(3, Conditions::perfect());
        let running = |epoch: Option<u8>, peer| {
            epoch.map(|epoch| Running {
                session_hash: SessionHash::from_bytes([9; 32]),
                epoch,
                peer: identity(peer),
            })
        };
        pair.a.handshaker.set_running(running(callers, 2));
        pair.b.handshaker.set_running(running(callees, 1));
        pair.a.call(pair.now, 2);
        pair.run_to(S, 100).unwrap();
        assert!(share_keys(&pair.a, &pair.b));
        assert_eq!(pair.a.last().unwrap().epoch(), expected);
    }
}

#[test]
fn somebody_else_beside_a_call_is_turned_away() {
    let mut pair = old_call(4);
    // The same number under another key is somebody else, too.
    for (seed, stranger) in [(98, config(3)), (99, Config::new(number(1), key(3)))] {
        pair.a = Phone::new(1, stranger, seed);
        pair.a.call(pair.now, 2);
        pair.run_to(pair.now + S, 100).unwrap();
        assert!(matches!(
            pair.a.failed[..],
            [(_, Failure::RefusedByPeer(status))] if status.refusal() == Some(Refusal::Declined)
        ));
    }
    assert_eq!(pair.b.established.len(), 1);
    assert_eq!(pair.b.turned_away.len(), 2);
}

#[test]
fn somebody_else_who_answers_a_renewal_is_ignored() {
    let mut pair = old_call(5);
    pair.b = Phone::new(2, Config::new(number(2), key(3)), 99);
    pair.a.call(pair.now, 2);
    pair.run_to(pair.now + 11 * S, 200).unwrap();
    assert_eq!(
        pair.a.failed[0].1,
        Failure::TimedOut {
            waiting_for: MessageKind::M2,
            last_ignored: Some(Ignored::M2(M2Error::NotTheRunningPeer)),
        }
    );
    assert_eq!(pair.a.established.len(), 1, "the call goes on as it was");
}

#[test]
fn a_renewal_of_a_call_that_is_not_running_is_ignored() {
    let mut pair = old_call(6);
    pair.b.handshaker.set_running(None);
    pair.a.call_again(pair.now, 2);
    pair.run_to(pair.now + 11 * S, 200).unwrap();
    let not_running = Ignored::M1(M1Error::NotTheRunningCall);
    assert!(pair.b.ignored.iter().all(|why| *why == not_running));
    assert_eq!(pair.b.sent(MessageKind::M2), 1, "that of the first call");
    assert!(matches!(pair.a.failed[..], [(_, Failure::TimedOut { .. })]));
}

#[test]
fn keys_are_renewed_once_in_ten_seconds() {
    let mut pair = old_call(7);
    pair.a.call_again(pair.now, 2);
    pair.run_to(pair.now + S, 100).unwrap();
    let again = pair.a.handshaker.call_again(pair.now, address(2));
    let CallError::TooSoon { until } = again.unwrap_err() else {
        panic!("{again:?}");
    };
    assert_eq!(until, 30 * S + 80 * MS);
    assert!(pair.a.handshaker.call_again(until, address(2)).is_ok());
}

#[test]
fn a_caller_in_a_hurry_gets_its_answer_after_ten_seconds() {
    let mut pair = old_call(8);
    pair.a.call_again(pair.now, 2);
    pair.run_to(pair.now + S, 100).unwrap();
    let renewed_at = 20 * S + 60 * MS;

    // Phone 1 was switched off and on, and does not wait.
    pair.a = Phone::new(1, config(1), 99);
    pair.a.call(pair.now, 2);
    pair.run_to(renewed_at + 10 * S - MS, 200).unwrap();
    assert!(pair.a.established.is_empty());
    assert!(pair.b.ignored.contains(&Ignored::TooSoon));
    assert_eq!(pair.b.established.len(), 2);

    pair.run_to(renewed_at + 12 * S, 200).unwrap();
    assert!(share_keys(&pair.a, &pair.b));
    assert_eq!(pair.b.established.len(), 3);
}

#[test]
fn a_caller_cannot_make_the_callee_verify_at_will() {
    let mut pair = old_call(10);
    pair.a.call_again(pair.now, 2);
    pair.run_to(pair.now + S, 100).unwrap();
    pair.a = Phone::new(1, config(1), 99);
    pair.link.tap();
    pair.a.call(pair.now, 2);
    pair.run_until(100, |pair| pair.a.sent(MessageKind::M3) == 1)
        .unwrap();
    let m3 = pair.link.tapped()[2].bytes.clone();
    let (_, done) = work::during(|| {
        for n in 0..1_000 {
            let at = pair.now + n * MS;
            pair.b.handle_datagram(at, address(1), m3.clone());
        }
    });
    assert_eq!(done.verify, 10, "once in 100 ms");
}

#[test]
fn a_call_that_is_over_stands_in_nobodys_way() {
    let mut pair = pair_in_call(9);
    for phone in [&mut pair.a, &mut pair.b] {
        phone.handshaker.set_running(None);
    }
    pair.a.call(pair.now, 2);
    let m1 = pair.a.handshaker.poll_transmit().unwrap().message;
    assert_eq!(M1::parse(&m1).unwrap().epoch_in_use, 0);
    pair.run_to(pair.now + S, 100).unwrap();
    assert!(share_keys(&pair.a, &pair.b));
    assert_eq!(pair.a.established.len(), 2);
}

#[test]
fn both_may_renew_at_once() {
    for seed in 10..20 {
        let mut pair = old_call(seed);
        pair.a.call_again(pair.now, 2);
        pair.b.call_again(pair.now, 1);
        pair.run_to(pair.now + 5 * S, 200).unwrap();
        assert!(share_keys(&pair.a, &pair.b));
        assert_eq!((pair.a.established.len(), pair.b.established.len()), (2, 2));
        assert_eq!(pair.a.superseded.len() + pair.b.superseded.len(), 1);
    }
}

/// Carries the messages that are not of this kind to and fro for a while.
fn run_without(pair: &mut Pair<Phone, Phone>, lost: MessageKind, until: Duration) {
    while pair.now < until {
        pair.now += 50 * MS;
        for a_sends in [true, false, true, false, true] {
            let (from, to) = match a_sends {
                true => (&mut pair.a, &mut pair.b),
                false => (&mut pair.b, &mut pair.a),
            };
            from.handle_timeout(pair.now);
            while let Some(transmit) = from.handshaker.poll_transmit() {
                if MessageKind::of(&transmit.message) != Ok(lost) {
                    to.handle_datagram(pair.now, from.address, wrap(&transmit));
                }
            }
        }
    }
}

/// Phones 1 and 2 in an old call; phone 2 has answered a renewal and is not
/// heard under its keys, for none of its M4s has arrived.
fn renewed_at_one_end(seed: u64) -> Pair<Phone, Phone> {
    let mut pair = old_call(seed);
    pair.b.is_heard_at_once = false;
    pair.a.call_again(pair.now, 2);
    run_without(&mut pair, MessageKind::M4, 70 * S);
    assert_eq!((pair.a.established.len(), pair.b.established.len()), (1, 2));
    pair
}

#[test]
fn a_caller_that_got_no_m4_renews_the_call_that_it_knows() {
    let mut pair = renewed_at_one_end(30);
    let known = pair.a.last().unwrap().session_hash();
    pair.a.call_again(pair.now, 2);
    pair.run_to(pair.now + 5 * S, 100).unwrap();
    assert!(share_keys(&pair.a, &pair.b));
    assert_eq!(pair.b.last().unwrap().previous(), Some(known));
    assert_eq!(pair.b.last().unwrap().epoch(), 3, "2 was given away");
}

#[test]
fn a_callee_whose_m4s_were_lost_renews_the_call_that_both_know() {
    let mut pair = renewed_at_one_end(31);
    let known = pair.a.last().unwrap().session_hash();
    pair.b.call_again(pair.now, 1);
    pair.run_to(pair.now + 5 * S, 100).unwrap();
    assert!(share_keys(&pair.a, &pair.b));
    assert_eq!(pair.a.last().unwrap().previous(), Some(known));
}

#[test]
fn a_caller_that_was_never_heard_renews_the_call_that_it_has_renewed() {
    let mut pair = old_call(32);
    pair.b.is_heard_at_once = false;
    for times in 1..4 {
        let known = pair.a.last().unwrap().session_hash();
        pair.a.call_again(pair.now, 2);
        pair.run_to(pair.now + 20 * S, 100).unwrap();
        assert!(share_keys(&pair.a, &pair.b));
        assert_eq!(pair.b.established.len(), 1 + times);
        assert_eq!(pair.b.last().unwrap().previous(), Some(known));
        // Whoever has named it has finished it.
        let running = pair.b.handshaker.running().unwrap();
        assert_eq!(running.session_hash, known);
    }
    let epoch = pair.b.last().unwrap().epoch();
    pair.b.handshaker.peer_uses(epoch);
    let newest = pair.a.last().unwrap().session_hash();
    assert_eq!(pair.b.handshaker.running().unwrap().session_hash, newest);
}

#[test]
fn a_verdict_that_comes_after_somebody_elses_call_turns_the_caller_away() {
    let mut phones = [
        Phone::new(2, config(2), 40),
        Phone::new(1, config(1), 41),
        Phone::new(3, config(3), 42),
    ];
    phones[0].verdict = Verdict::Silence;
    let now = S;
    for caller in &mut phones[1..] {
        caller.call(now, 2);
    }
    for _ in 0..4 {
        exchange(now, &mut phones);
    }
    let [(first, _, alice), (second, _, carol)] = phones[0].presented[..] else {
        panic!("{:?}", phones[0].presented);
    };
    let bob = &mut phones[0];
    let vouch = VerifiedPeerKey::vouch;
    assert_eq!(bob.handshaker.accept(now, first, vouch(alice)), Ok(()));
    let late = bob.handshaker.accept(now, second, vouch(carol));
    assert_eq!(late, Err(AcceptError::SomebodyElse));
    bob.look(now);
    assert_eq!(bob.established.len(), 1);
    assert_eq!(bob.turned_away, [carol]);
    assert_eq!(bob.handshaker.running().unwrap().peer, alice);
    exchange(now, &mut phones);
    assert!(matches!(
        phones[2].failed[..],
        [(_, Failure::RefusedByPeer(status))] if status.refusal() == Some(Refusal::Declined)
    ));
}

#[test]
fn an_own_call_whose_m4_comes_after_somebody_elses_call_has_failed() {
    let mut pair = pair(43, Conditions::perfect().delay(20 * MS));
    pair.a.call(pair.now, 2);
    pair.run_until(100, |pair| pair.b.established.len() == 1)
        .unwrap();
    pair.a.handshaker.set_running(Some(Running {
        session_hash: SessionHash::from_bytes([9; 32]),
        epoch: 9,
        peer: identity(3),
    }));
    pair.run_to(S, 100).unwrap();
    assert!(pair.a.established.is_empty());
    assert_eq!(pair.a.failed[0].1, Failure::RefusedHere(Refusal::Declined));
    assert_eq!(pair.a.handshaker.running().unwrap().peer, identity(3));
}

#[test]
fn an_m3_whose_epoch_another_handshake_has_taken_is_ignored() {
    let mut pair = pair(44, Conditions::perfect().delay(20 * MS));
    pair.a.call(pair.now, 2);
    pair.run_until(100, |pair| pair.b.sent(MessageKind::M2) == 1)
        .unwrap();
    // Another call with the same phone, from elsewhere, with the same epoch.
    pair.b.handshaker.set_running(Some(Running {
        session_hash: SessionHash::from_bytes([9; 32]),
        epoch: 1,
        peer: identity(1),
    }));
    pair.run_to(S, 100).unwrap();
    assert!(pair.b.established.is_empty());
    assert!(pair.b.ignored.contains(&Ignored::Overtaken));
}

/// Carries what the phones have to say to each other.
fn exchange(now: Duration, phones: &mut [Phone]) {
    for at in 0..phones.len() {
        while let Some(transmit) = phones[at].handshaker.poll_transmit() {
            let from = phones[at].address;
            if let Some(to) = phones.iter_mut().find(|to| to.address == transmit.to) {
                to.handle_datagram(now, from, wrap(&transmit));
            }
        }
    }
}
