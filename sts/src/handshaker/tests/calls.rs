//! A call, and everything that may stand in its way.

use core::time::Duration;

use callseal_testkit::{Conditions, Pair, Peer as _};

use crate::handshaker::{CallError, Failure, Ignored};
use crate::initiator::M2Error;
use crate::messages::MessageKind;
use crate::phone::{
    MS, Phone, S, Verdict, address, config, identity, key, number, pair, pair_in_call, share_keys,
    wrap,
};
use crate::responder::M1Error;
use crate::{AcceptError, Config, Identity, Refusal, Role, Suite, Suites, VerifiedPeerKey};

fn near() -> Conditions {
    Conditions::perfect().delay(20 * MS)
}

fn refused_with(pair: &Pair<Phone, Phone>, why: Refusal) -> bool {
    matches!(
        pair.a.failed[..],
        [(_, Failure::RefusedByPeer(status))] if status.refusal() == Some(why)
    )
}

#[test]
fn a_call_gives_both_sides_the_same_keys() {
    let mut pair = pair(1, near());
    let session = pair.a.call(pair.now, 2);
    pair.run_until(100, |pair| !pair.a.established.is_empty())
        .unwrap();

    assert_eq!(pair.now, 80 * MS, "two round trips");
    assert!(share_keys(&pair.a, &pair.b));
    assert_eq!(pair.a.established[0].0, session);
    let (caller, callee) = (pair.a.last().unwrap(), pair.b.last().unwrap());
    assert_eq!((caller.role(), callee.role()), (Role::Caller, Role::Callee));
    assert_eq!(*caller.peer(), identity(2));
    assert_eq!(*callee.peer(), identity(1));
    assert_eq!(caller.epoch(), 1);
    assert_eq!(caller.suite(), Suite::X25519AesCm128HmacSha1_80);
    assert_eq!(caller.previous(), None);
    assert_eq!(caller.sending_keys(), callee.receiving_keys());
    assert_eq!(caller.receiving_keys(), callee.sending_keys());
    assert_ne!(caller.sending_keys(), caller.receiving_keys());
    assert_eq!(pair.a.advised, [number(2)]);
    assert!(pair.a.failed.is_empty() && pair.b.failed.is_empty());
}

#[test]
fn a_call_takes_the_octets_that_the_protocol_says() {
    let pair = pair_in_call(2);
    let tally = pair.link.tally();
    assert_eq!((tally.sent, tally.sent_len), (4, 836));
}

#[test]
fn both_sides_present_who_they_are() {
    let pair = pair_in_call(3);
    assert!(matches!(pair.a.presented[..], [(_, Role::Caller, peer)] if peer == identity(2)));
    assert!(matches!(pair.b.presented[..], [(_, Role::Callee, peer)] if peer == identity(1)));
}

#[test]
fn the_callees_preference_decides_about_the_suite() {
    let mut pair = pair(4, near());
    let [long, short] = Suite::ALL;
    let liking = |first, second| Suites::new(&[first, second]).unwrap();
    pair.a = Phone::new(1, config(1).with_suites(liking(long, short)), 1);
    pair.b = Phone::new(2, config(2).with_suites(liking(short, long)), 2);
    pair.a.call(pair.now, 2);
    pair.run_to(S, 100).unwrap();
    assert!(share_keys(&pair.a, &pair.b));
    assert_eq!(pair.a.last().unwrap().suite(), short);
}

#[test]
fn phones_without_a_common_suite_do_not_talk() {
    let mut pair = pair(5, near());
    let [long, short] = Suite::ALL.map(|suite| Suites::new(&[suite]).unwrap());
    pair.a = Phone::new(1, config(1).with_suites(long), 1);
    pair.b = Phone::new(2, config(2).with_suites(short), 2);
    pair.a.call(pair.now, 2);
    pair.run_to(11 * S, 200).unwrap();
    assert!(
        pair.b
            .ignored
            .contains(&Ignored::M1(M1Error::NoCommonSuite))
    );
    assert!(matches!(
        pair.a.failed[..],
        [(
            _,
            Failure::TimedOut {
                waiting_for: MessageKind::M2,
                last_ignored: None
            }
        )]
    ));
}

#[test]
fn an_answer_from_another_number_is_named_in_the_failure() {
    let mut pair = pair(6, near());
    // Number 3 was called, but at the address of phone 2.
    pair.a
        .handshaker
        .call(pair.now, address(2), number(3))
        .unwrap();
    pair.run_to(11 * S, 200).unwrap();
    let (_, why) = pair.a.failed[0];
    assert_eq!(
        why.to_string(),
        "no good M2 came in time; last ignored: answered by +8613800000002, not +8613800000003"
    );
    assert_eq!(pair.a.sent(MessageKind::M3), 0);
}

#[test]
fn a_callee_that_is_not_vouched_for_gets_no_m3() {
    let mut pair = pair(7, near());
    pair.a.verdict = Verdict::Refuse(Refusal::NotVouched);
    pair.a.call(pair.now, 2);
    pair.run_to(60 * S, 300).unwrap();
    assert!(matches!(
        pair.a.failed[..],
        [(_, Failure::RefusedHere(Refusal::NotVouched))]
    ));
    assert_eq!(pair.a.sent(MessageKind::M3), 0);
    assert!(pair.b.presented.is_empty() && pair.b.established.is_empty());
}

#[test]
fn a_refused_caller_learns_why() {
    for why in Refusal::ALL {
        let mut pair = pair(8, near());
        pair.b.verdict = Verdict::Refuse(why);
        pair.a.call(pair.now, 2);
        pair.run_to(S, 100).unwrap();
        assert!(refused_with(&pair, why), "{why}");
        assert!(pair.a.established.is_empty() && pair.b.established.is_empty());
        assert!(matches!(pair.b.failed[..], [(_, Failure::RefusedHere(_))]));
    }
}

#[test]
fn a_stranger_is_turned_away_without_a_question() {
    let mut pair = pair(9, near());
    pair.b = Phone::new(2, config(2).with_expected_peer(number(3)), 9);
    pair.a.call(pair.now, 2);
    pair.run_to(S, 100).unwrap();
    assert!(refused_with(&pair, Refusal::Declined));
    assert_eq!(pair.b.turned_away, [identity(1)]);
    assert!(pair.b.presented.is_empty() && pair.b.failed.is_empty());
    assert_eq!(pair.b.advised, [number(3)]);
}

#[test]
fn whoever_is_called_is_expected() {
    let mut pair = pair(10, near());
    // Phone 2 calls somebody who never answers; phone 1 calls phone 2.
    pair.b.call(pair.now, 9);
    pair.a.call(pair.now, 2);
    pair.run_to(S, 100).unwrap();
    assert!(refused_with(&pair, Refusal::Declined));
    assert_eq!(pair.b.turned_away, [identity(1)]);
}

#[test]
fn a_phone_that_does_not_answer_shows_nobody_who_it_is() {
    let mut pair = pair(11, near());
    pair.b = Phone::new(2, config(2).answering(false), 11);
    pair.a.call(pair.now, 2);
    pair.run_to(11 * S, 100).unwrap();
    assert!(pair.b.sent.is_empty());
    assert!(matches!(pair.a.failed[..], [(_, Failure::TimedOut { .. })]));

    // Without the gate before it, too.
    pair.a.call(pair.now, 2);
    let m1 = pair.a.handshaker.poll_transmit().unwrap().message;
    pair.b
        .handshaker
        .handle_message(pair.now, address(1), &m1, 120);
    pair.b.look(pair.now);
    assert_eq!(pair.b.ignored, [Ignored::NotAnswering]);
}

/// Somebody who sees M1 answers it himself, faster than the callee, under the
/// callee's number and a key of his own.
fn injected_answer(early_look_up: bool) -> Pair<Phone, Phone> {
    let mut pair = pair(12, near());
    pair.a.verdict = Verdict::Registry(identity(2));
    let session = pair.a.call(pair.now, 2);
    if early_look_up {
        let vouched = VerifiedPeerKey::vouch(identity(2));
        pair.a.handshaker.expect_key(session, vouched);
    }
    let m1 = pair.a.poll_transmit(pair.now).unwrap().1;
    pair.link.send(pair.now, address(1), address(2), &m1);
    let mut injector = Phone::new(2, Config::new(number(2), key(66)), 66);
    injector.handle_datagram(pair.now, address(1), m1);
    let forged = injector.poll_transmit(pair.now).unwrap().1;
    pair.link.send(pair.now, address(2), address(1), &forged);
    pair.run_to(5 * S, 100).unwrap();
    pair
}

#[test]
fn an_injected_answer_costs_no_call() {
    let pair = injected_answer(false);
    assert_eq!(pair.a.presented.len(), 2, "the injector, then the callee");
    assert!(share_keys(&pair.a, &pair.b));
    assert_eq!(*pair.a.last().unwrap().peer(), identity(2));
    assert!(pair.a.failed.is_empty());
}

#[test]
fn an_injected_answer_is_not_even_presented_once_the_key_is_known() {
    let pair = injected_answer(true);
    assert_eq!(pair.a.presented.len(), 1);
    assert!(
        pair.a
            .ignored
            .contains(&Ignored::M2(M2Error::NotTheKnownKey))
    );
    assert!(share_keys(&pair.a, &pair.b));
}

#[test]
fn an_answer_with_another_key_than_the_registrys_ends_the_call_in_time() {
    let mut pair = pair(13, near());
    let registered = Identity {
        key: key(77).public(),
        ..identity(2)
    };
    pair.a.verdict = Verdict::Registry(registered);
    pair.a.call(pair.now, 2);
    pair.run_to(11 * S, 300).unwrap();
    assert_eq!(
        pair.a.failed[0].1,
        Failure::TimedOut {
            waiting_for: MessageKind::M2,
            last_ignored: Some(Ignored::M2(M2Error::NotTheKnownKey)),
        }
    );
    assert_eq!(pair.a.sent(MessageKind::M3), 0);
    assert_eq!(pair.a.presented.len(), 1, "asked about once");
}

#[test]
fn an_answer_from_elsewhere_is_ignored() {
    let mut pair = pair(14, near());
    pair.a.call(pair.now, 2);
    let m1 = pair.a.poll_transmit(pair.now).unwrap().1;
    pair.b.handle_datagram(pair.now, address(1), m1);
    let m2 = pair.b.poll_transmit(pair.now).unwrap().1;
    pair.a.handle_datagram(pair.now, address(7), m2.clone());
    assert_eq!(pair.a.ignored, [Ignored::OtherAddress(MessageKind::M2)]);
    pair.a.handle_datagram(pair.now, address(2), m2);
    assert_eq!(pair.a.presented.len(), 1);
}

#[test]
fn a_verdict_is_taken_once_and_for_the_right_session_only() {
    let mut pair = pair(15, near());
    pair.a.verdict = Verdict::Silence;
    pair.b.verdict = Verdict::Silence;
    let session = pair.a.call(pair.now, 2);
    let vouch = |of| VerifiedPeerKey::vouch(identity(of));
    let now = pair.now;
    let accept = |phone: &mut Phone, session, of| phone.handshaker.accept(now, session, vouch(of));

    assert_eq!(
        accept(&mut pair.a, session, 2),
        Err(AcceptError::NotWaiting)
    );
    pair.run_to(100 * MS, 100).unwrap();
    assert_eq!(
        accept(&mut pair.a, session, 3),
        Err(AcceptError::AnotherNumber)
    );
    assert_eq!(accept(&mut pair.a, session, 2), Ok(()));
    assert_eq!(
        accept(&mut pair.a, session, 2),
        Err(AcceptError::NotWaiting)
    );

    pair.run_to(200 * MS, 100).unwrap();
    let (incoming, _, _) = pair.b.presented[0];
    let other_key = VerifiedPeerKey::vouch(Identity {
        key: key(9).public(),
        ..identity(1)
    });
    let refused = pair.b.handshaker.accept(pair.now, incoming, other_key);
    assert_eq!(refused, Err(AcceptError::AnotherKey));
    assert!(pair.b.established.is_empty());
    assert_eq!(accept(&mut pair.b, incoming, 1), Ok(()));
    assert_eq!(
        accept(&mut pair.b, incoming, 1),
        Err(AcceptError::NotWaiting)
    );
    pair.b.look(pair.now);
    pair.run_to(300 * MS, 100).unwrap();
    assert!(share_keys(&pair.a, &pair.b));
}

#[test]
fn a_call_that_makes_no_sense_does_not_begin() {
    let pair = pair_in_call(16);
    let mut phone = pair.a;
    let now = 20 * S;
    let mut call = |callee| phone.handshaker.call(now, address(2), number(callee));
    assert_eq!(call(1), Err(CallError::OwnNumber));
    assert_eq!(call(3), Err(CallError::InACall(number(2))));
    let session = call(2).unwrap();
    assert_eq!(call(2), Err(CallError::AlreadyCalling(session)));

    let mut fresh = Phone::new(1, config(1).with_expected_peer(number(2)), 1);
    assert_eq!(
        fresh.handshaker.call(now, address(3), number(3)),
        Err(CallError::NotExpected(number(2)))
    );
    assert_eq!(
        fresh.handshaker.call_again(now, address(3)),
        Err(CallError::NoCall)
    );
}

#[test]
fn of_two_calls_of_one_caller_the_one_that_is_accepted_stands() {
    let mut pair = pair(21, near());
    pair.b.verdict = Verdict::Silence;
    let given_up = pair.a.call(pair.now, 2);
    pair.run_to(S, 100).unwrap();
    let why = Refusal::Declined;
    pair.a.handshaker.refuse(pair.now, given_up, why);
    pair.a.call(pair.now, 2);
    pair.run_to(2 * S, 100).unwrap();

    let [(first, ..), (second, ..)] = pair.b.presented[..] else {
        panic!("{:?}", pair.b.presented);
    };
    let now = pair.now;
    let mut accept = |session| {
        let vouched = VerifiedPeerKey::vouch(identity(1));
        pair.b.handshaker.accept(now, session, vouched)
    };
    assert_eq!(accept(second), Ok(()));
    assert_eq!(accept(first), Err(AcceptError::NotWaiting));
    pair.b.look(now);
    assert_eq!(pair.b.superseded, [(first, second)]);
    pair.run_to(now + 5 * S, 100).unwrap();
    assert!(share_keys(&pair.a, &pair.b));
}

#[test]
fn nobody_calls_back_whoever_waits_for_an_answer() {
    let mut pair = pair(17, near());
    pair.b.verdict = Verdict::Silence;
    pair.a.call(pair.now, 2);
    pair.run_to(S, 100).unwrap();
    let (waiting, _, _) = pair.b.presented[0];
    assert_eq!(
        pair.b.handshaker.call(pair.now, address(1), number(1)),
        Err(CallError::PeerIsCalling(waiting))
    );
}

#[test]
fn a_call_can_be_taken_back_at_any_step() {
    for steps in 0..6 {
        let mut pair = pair(18, near());
        pair.b.verdict_takes = 50 * MS;
        let session = pair.a.call(pair.now, 2);
        for _ in 0..steps {
            pair.step();
        }
        if pair.a.established.is_empty() {
            pair.a
                .handshaker
                .refuse(pair.now, session, Refusal::Declined);
            pair.a.look(pair.now);
            assert_eq!(
                pair.a.failed,
                [(session, Failure::RefusedHere(Refusal::Declined))]
            );
        }
        let sent = pair.a.sent.len();
        pair.run_to(60 * S, 300).unwrap();
        assert_eq!(pair.a.sent.len(), sent, "nothing more after step {steps}");
        assert_eq!(pair.a.handshaker.poll_timeout(), None);
    }
}

#[test]
fn noise_is_ignored_by_name() {
    let mut pair = pair_in_call(19);
    let mut say = |octets: &[u8]| {
        pair.a
            .handshaker
            .handle_message(pair.now, address(2), octets, 100);
        pair.a.look(pair.now);
        pair.a.ignored.pop().unwrap()
    };
    assert!(matches!(say(b""), Ignored::Unreadable(_)));
    assert!(matches!(say(&[2; 40]), Ignored::Unreadable(_)));
    let mut stray = vec![1; 40];
    for (kind, octet) in [
        (MessageKind::M2, 2),
        (MessageKind::M3, 3),
        (MessageKind::M4, 4),
    ] {
        stray[1] = octet;
        assert_eq!(say(&stray), Ignored::NoSuchSession(kind));
    }
}

#[test]
fn every_repetition_bears_the_same_tag_and_octets() {
    let mut phone = Phone::new(1, config(1), 20);
    phone.call(Duration::ZERO, 2);
    let first = phone.handshaker.poll_transmit().unwrap();
    phone.handshaker.handle_timeout(150 * MS);
    let again = phone.handshaker.poll_transmit().unwrap();
    assert_eq!(first, again);
    assert_eq!(wrap(&first).len(), 120);
}
