//! Loss, delay, and the end of patience.

use core::time::Duration;

use callseal_testkit::{Conditions, Pair, Peer as _};

use crate::handshaker::{Failure, Ignored};
use crate::messages::MessageKind;
use crate::phone::{
    MS, Phone, S, Verdict, address, config, identity, pair, pair_in_call, share_keys,
};
use crate::responder::M3Error;
use crate::{Refusal, VerifiedPeerKey};

fn near() -> Conditions {
    Conditions::perfect().delay(20 * MS)
}

fn deaf() -> Conditions {
    Conditions::perfect().loss(1.0)
}

/// When phone 1 sent anything to phone 2, in milliseconds since `start`.
fn sent_at(pair: &Pair<Phone, Phone>, start: Duration) -> Vec<u128> {
    let to_b = |datagram: &&callseal_testkit::Datagram| datagram.to == address(2);
    let sent = pair.link.tapped().iter().filter(to_b);
    sent.map(|datagram| (datagram.at - start).as_millis())
        .collect()
}

#[test]
fn m1_is_repeated_on_its_schedule_and_given_up_after_ten_seconds() {
    let mut pair = pair(1, deaf());
    pair.link.tap();
    pair.a.call(pair.now, 2);
    pair.run_to(60 * S, 100).unwrap();
    assert_eq!(
        sent_at(&pair, Duration::ZERO),
        [0, 150, 450, 1050, 2250, 3450, 4650, 5850, 7050, 8250, 9450]
    );
    assert_eq!(
        pair.a.failed[0].1.to_string(),
        "no good M2 came in time; nobody answered"
    );
    assert_eq!(pair.a.handshaker.poll_timeout(), None);
}

#[test]
fn m3_is_repeated_on_its_schedule_and_given_up_after_45_seconds() {
    let mut pair = pair(2, near());
    pair.a.call(pair.now, 2);
    pair.run_until(10, |pair| pair.a.sent(MessageKind::M3) == 1)
        .unwrap();
    let start = pair.now;
    pair.link.tap();
    pair.link.set_conditions_to(address(2), deaf());
    // The first is in flight already.
    pair.link.set_conditions_to(address(1), deaf());
    pair.run_to(start + 60 * S, 100).unwrap();
    assert_eq!(sent_at(&pair, start)[..5], [150, 450, 1050, 2250, 3450]);
    assert_eq!(
        pair.a.failed[0].1,
        Failure::TimedOut {
            waiting_for: MessageKind::M4,
            last_ignored: None
        }
    );
}

#[test]
fn a_lost_m4_is_sent_again_when_m3_comes_again() {
    let mut pair = pair(3, near());
    pair.a.call(pair.now, 2);
    pair.run_until(10, |pair| pair.a.sent(MessageKind::M3) == 1)
        .unwrap();
    pair.link.set_conditions_to(address(1), deaf());
    pair.run_until(10, |pair| !pair.b.established.is_empty())
        .unwrap();
    pair.run_to(pair.now + S, 100).unwrap();
    assert!(pair.a.established.is_empty());

    pair.link.set_conditions_to(address(1), near());
    pair.run_to(pair.now + 3 * S, 100).unwrap();
    assert!(share_keys(&pair.a, &pair.b));
    assert_eq!(pair.b.established.len(), 1, "established once");
    let m4s = pair
        .b
        .sent
        .iter()
        .filter(|(kind, _)| *kind == MessageKind::M4);
    let repeated: Vec<_> = m4s.map(|(_, repeated)| *repeated).collect();
    assert!(!repeated[0]);
    assert!(repeated.len() > 1 && repeated[1..].iter().all(|repeated| *repeated));
}

#[test]
fn a_refusal_is_repeated_like_an_acceptance() {
    let mut pair = pair(4, near());
    pair.b.verdict = Verdict::Refuse(Refusal::Busy);
    pair.a.call(pair.now, 2);
    pair.run_until(10, |pair| pair.a.sent(MessageKind::M3) == 1)
        .unwrap();
    pair.link.set_conditions_to(address(1), deaf());
    pair.run_to(pair.now + S, 100).unwrap();
    pair.link.set_conditions_to(address(1), near());
    pair.run_to(pair.now + 3 * S, 100).unwrap();
    assert!(matches!(
        pair.a.failed[..],
        [(_, Failure::RefusedByPeer(status))] if status.refusal() == Some(Refusal::Busy)
    ));
}

#[test]
fn stored_flights_are_sent_again_once_in_100_ms() {
    let mut pair = pair(5, near());
    pair.b.verdict = Verdict::Silence;
    pair.a.call(pair.now, 2);
    let (_, m1) = pair.a.poll_transmit(pair.now).unwrap();
    let mut answers = Vec::new();
    for ms in 0..250 {
        pair.b.handle_datagram(ms * MS, address(1), m1.clone());
        while let Some((_, bytes)) = pair.b.poll_transmit(ms * MS) {
            answers.push((ms, bytes));
        }
    }
    let at: Vec<_> = answers.iter().map(|(ms, _)| *ms).collect();
    assert_eq!(at, [0, 100, 200]);
    assert!(answers.iter().all(|(_, bytes)| *bytes == answers[0].1));

    pair.a
        .handle_datagram(250 * MS, address(2), answers[0].1.clone());
    let (_, m3) = pair.a.poll_transmit(250 * MS).unwrap();
    pair.b.verdict = Verdict::Vouch;
    let mut answers = Vec::new();
    for ms in 250..500 {
        pair.b.handle_datagram(ms * MS, address(1), m3.clone());
        while let Some((_, bytes)) = pair.b.poll_transmit(ms * MS) {
            answers.push((ms, bytes));
        }
    }
    let at: Vec<_> = answers.iter().map(|(ms, _)| *ms).collect();
    assert_eq!(at, [250, 350, 450]);
    assert!(answers.iter().all(|(_, bytes)| *bytes == answers[0].1));
}

#[test]
fn a_closed_session_answers_the_m3_that_closed_it_and_no_other() {
    let mut pair = pair(13, near());
    pair.link.tap();
    pair.a.call(pair.now, 2);
    pair.run_to(S, 100).unwrap();
    let mut m3 = pair.link.tapped()[2].bytes.clone();
    pair.b.handle_datagram(pair.now, address(1), m3.clone());
    assert!(pair.b.poll_transmit(pair.now).is_some());
    m3[100] ^= 1;
    pair.b.handle_datagram(2 * S, address(1), m3);
    assert!(pair.b.poll_transmit(2 * S).is_none());
}

#[test]
fn late_duplicates_change_nothing_after_establishment() {
    let mut pair = pair(6, near());
    pair.link.tap();
    pair.a.call(pair.now, 2);
    pair.run_to(S, 100).unwrap();
    let keys = pair.a.last().unwrap().media_keys().clone();
    let everything: Vec<_> = pair.link.tapped().to_vec();
    for round in 1..=3 {
        for datagram in everything.iter().chain(everything.iter().rev()) {
            let at = pair.now + round * 150 * MS;
            pair.link
                .send(at, datagram.from, datagram.to, &datagram.bytes);
        }
        pair.run_to(pair.now + S, 300).unwrap();
    }
    assert_eq!((pair.a.established.len(), pair.b.established.len()), (1, 1));
    assert_eq!(*pair.b.last().unwrap().media_keys(), keys);
    assert_eq!(pair.b.sent(MessageKind::M2), 1, "no new session");
    assert!(pair.b.sent(MessageKind::M4) > 1, "M3 is answered, though");
    pair.run_to(pair.now + 100 * S, 300).unwrap();
    assert_eq!(pair.b.handshaker.poll_timeout(), None, "all is forgotten");
}

#[test]
fn a_caller_without_a_verdict_gives_up_after_30_seconds() {
    let mut pair = pair(7, near());
    pair.a.verdict = Verdict::Silence;
    pair.a.call(pair.now, 2);
    pair.run_to(30 * S, 100).unwrap();
    assert!(pair.a.failed.is_empty());
    pair.run_to(31 * S, 100).unwrap();
    assert_eq!(pair.a.failed[0].1, Failure::NoVerdict);
    assert_eq!(pair.a.sent(MessageKind::M3), 0);

    // The verdict comes too late.
    let (session, _, _) = pair.a.presented[0];
    let vouched = VerifiedPeerKey::vouch(identity(2));
    assert!(
        pair.a
            .handshaker
            .accept(pair.now, session, vouched)
            .is_err()
    );
}

#[test]
fn a_callee_without_a_verdict_says_that_trying_later_may_help() {
    let mut pair = pair(8, near());
    pair.b.verdict = Verdict::Silence;
    pair.a.call(pair.now, 2);
    pair.run_to(31 * S, 200).unwrap();
    assert_eq!(pair.b.failed[0].1, Failure::NoVerdict);
    assert!(matches!(
        pair.a.failed[..],
        [(_, Failure::RefusedByPeer(status))]
            if status.refusal() == Some(Refusal::RegistryUnavailable)
    ));
}

#[test]
fn verdicts_at_the_last_moment_still_make_a_call() {
    let mut pair = pair(9, near());
    pair.a.verdict_takes = 30 * S - MS;
    pair.b.verdict_takes = 30 * S - MS;
    pair.a.call(pair.now, 2);
    pair.run_to(90 * S, 300).unwrap();
    assert!(share_keys(&pair.a, &pair.b));
    assert!(pair.a.failed.is_empty() && pair.b.failed.is_empty());
}

#[test]
fn a_caller_that_never_comes_back_is_forgotten_after_45_seconds() {
    let mut pair = pair(10, near());
    pair.a.verdict = Verdict::Silence;
    pair.a.call(pair.now, 2);
    pair.run_to(45 * S, 100).unwrap();
    assert!(pair.b.abandoned.is_empty());
    pair.run_to(46 * S, 100).unwrap();
    assert_eq!(pair.b.abandoned, [None]);
    assert!(pair.b.failed.is_empty(), "nobody was presented");
    assert_eq!(pair.b.handshaker.poll_timeout(), None);
}

#[test]
fn a_forged_m3_is_remembered_when_the_caller_is_forgotten() {
    let mut pair = pair(11, near());
    pair.a.verdict = Verdict::Silence;
    pair.a.call(pair.now, 2);
    pair.run_to(S, 100).unwrap();
    let (session, _, _) = pair.a.presented[0];
    let vouched = VerifiedPeerKey::vouch(identity(2));
    pair.a
        .handshaker
        .accept(pair.now, session, vouched)
        .unwrap();
    let (_, mut m3) = pair.a.poll_transmit(pair.now).unwrap();
    pair.a
        .handshaker
        .refuse(pair.now, session, Refusal::Declined);
    m3[100] ^= 1;
    pair.b.handle_datagram(pair.now, address(1), m3);
    pair.run_to(60 * S, 100).unwrap();
    let forged = Ignored::M3(M3Error::Unauthentic);
    assert_eq!(pair.b.abandoned, [Some(forged)]);
}

#[test]
fn a_timeout_that_was_handled_is_not_due_again() {
    let mut pair = pair_in_call(12);
    pair.a = Phone::new(1, config(1), 5);
    pair.a.verdict = Verdict::Silence;
    pair.a.call(pair.now, 2);
    for phone in [&mut pair.a.handshaker, &mut pair.b.handshaker] {
        for _ in 0..100 {
            let Some(at) = phone.poll_timeout() else {
                break;
            };
            phone.handle_timeout(at);
            assert!(phone.poll_timeout().is_none_or(|next| next > at));
        }
        assert_eq!(phone.poll_timeout(), None);
    }
}
