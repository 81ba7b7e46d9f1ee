//! Messages that come twice, late, or in another order.

use super::*;
use crate::messages::MalformedMessage;
use crate::{Message2Error, PskExpired, PskRole};

#[test]
fn a_run_gives_both_the_same_key_in_their_own_role() {
    let mut bob = Operator::new(2);
    let mut alice = Phone::new(1, bob.issue(1));
    let (_, hers, agreed) = run(&mut alice, &mut bob, at(0));
    assert_eq!(hers.identity(), agreed.psk.identity());
    assert_eq!(hers.role(), PskRole::Client);
    assert_eq!(agreed.psk.role(), PskRole::Server);
    assert_eq!(bob.book.get(&alice.token.hash()).copied(), bound_to(&alice));
    assert_eq!(secret(hers), secret(agreed.psk));
}

#[test]
fn the_same_phone_runs_again_and_has_another_key() {
    let mut bob = Operator::new(2);
    let mut alice = Phone::new(1, bob.issue(1));
    let (_, one, _) = run(&mut alice, &mut bob, at(0));
    let (_, other, _) = run(&mut alice, &mut bob, at(1));
    assert_ne!(one.identity(), other.identity());
    assert_ne!(secret(one), secret(other));
}

#[test]
fn message_1_again_gives_the_same_message_2_and_no_second_run() {
    let mut bob = Operator::new(2);
    let mut alice = Phone::new(1, bob.issue(1));
    let (state, message_1) = alice.begin(&bob, at(0));
    let message_2 = bob.first(&message_1, at(0)).unwrap();
    assert_eq!(bob.first(&message_1, at(59)), Ok(message_2.clone()));
    assert_eq!(bob.responder.half_open(), 1);
    let (message_3, _) = alice.go_on(state, &message_2);
    // Nor did it give the run more time.
    assert_eq!(
        bob.third(&message_3, at(60)).unwrap_err(),
        Message3Error::Over
    );
}

#[test]
fn message_1_is_a_replay_once_its_run_is_over_and_stale_when_that_is_forgotten() {
    let mut bob = Operator::new(2);
    let mut alice = Phone::new(1, bob.issue(1));
    let ([message_1, ..], _, _) = run(&mut alice, &mut bob, at(0));
    for seconds in [0, 60, 600] {
        let again = bob.first(&message_1, at(seconds));
        assert_eq!(again, Err(Message1Error::Replayed), "{seconds}");
    }
    let stale = Message1Error::Stale {
        made: NOON,
        now: NOON + 601,
    };
    assert_eq!(bob.first(&message_1, at(601)), Err(stale));
    assert_eq!(bob.responder.half_open(), 0);
}

/// However a phone's clock is off when message 1 is taken, the message is
/// remembered as long as its date would let it in.
#[test]
fn no_message_1_is_taken_twice() {
    for ahead in [0, 150, 300] {
        let mut bob = Operator::new(2);
        let mut alice = Phone::new(1, bob.issue(1));
        let phones = Moment {
            unix: NOON + 300,
            elapsed: Duration::ZERO,
        };
        let (_, message_1) = alice.begin(&bob, phones);
        bob.first(&message_1, at(300 - ahead)).unwrap();
        for seconds in (361 - ahead..1_300).step_by(50) {
            let again = bob.first(&message_1, at(seconds)).unwrap_err();
            let stale = matches!(again, Message1Error::Stale { .. });
            assert!(stale || again == Message1Error::Replayed, "{again:?}");
        }
    }
}

#[test]
fn message_2_of_another_run_is_refused_and_the_right_one_still_taken() {
    let mut bob = Operator::new(2);
    let mut alice = Phone::new(1, bob.issue(1));
    let ([_, old, _], _, _) = run(&mut alice, &mut bob, at(0));
    let (state, message_1) = alice.begin(&bob, at(1));
    let message_2 = bob.first(&message_1, at(1)).unwrap();

    let refused = state.receive(&old, Duration::ZERO, &mut alice.random);
    let refused = *refused.unwrap_err();
    assert_eq!(refused.error, Message2Error::OtherRun);
    // Said to be of this run.
    let mut renamed = old;
    renamed[..34].copy_from_slice(&message_2[..34]);
    let refused = refused
        .state
        .receive(&renamed, Duration::ZERO, &mut alice.random);
    let refused = *refused.unwrap_err();
    assert_eq!(refused.error, Message2Error::Authentication);

    let (message_3, hers) = alice.go_on(refused.state, &message_2);
    let agreed = bob.third(&message_3, at(1)).unwrap();
    assert_eq!(secret(hers), secret(agreed.psk));
}

#[test]
fn message_3_again_ends_nothing_twice_and_serves_no_other_run() {
    let mut bob = Operator::new(2);
    let mut alice = Phone::new(1, bob.issue(1));
    let ([_, _, message_3], _, _) = run(&mut alice, &mut bob, at(0));
    let again = bob.third(&message_3, at(0)).unwrap_err();
    assert_eq!(again, Message3Error::Over);

    let (_, message_1) = alice.begin(&bob, at(1));
    let message_2 = bob.first(&message_1, at(1)).unwrap();
    let mut renamed = message_3.clone();
    renamed[..34].copy_from_slice(&message_2[..34]);
    renamed[1] = 3;
    let refused = bob.third(&renamed, at(1)).unwrap_err();
    assert_eq!(refused, Message3Error::Authentication);
    assert_eq!(bob.responder.half_open(), 1);

    let forgotten = bob.third(&message_3, at(601)).unwrap_err();
    assert_eq!(forgotten, Message3Error::UnknownRun);
}

#[test]
fn a_message_in_anothers_place_is_refused_by_its_kind() {
    let mut bob = Operator::new(2);
    let mut alice = Phone::new(1, bob.issue(1));
    let ([message_1, message_2, message_3], _, _) = run(&mut alice, &mut bob, at(0));
    let (state, _) = alice.begin(&bob, at(0));
    let kind = |expected, found| MalformedMessage::Kind { expected, found };
    for (other, found) in [(&message_2, 2), (&message_3, 3)] {
        let refused = bob.first(other, at(0)).unwrap_err();
        assert_eq!(refused, Message1Error::Malformed(kind(1, found)));
    }
    for (other, found) in [(&message_1, 1), (&message_2, 2)] {
        let refused = bob.third(other, at(0)).unwrap_err();
        assert_eq!(refused, Message3Error::Malformed(kind(3, found)));
    }
    let refused = state.receive(&message_3, Duration::ZERO, &mut alice.random);
    let error = refused.unwrap_err().error;
    assert_eq!(error, Message2Error::Malformed(kind(2, 3)));
}

#[test]
fn the_phone_waits_a_minute_and_a_key_lives_ten() {
    let mut bob = Operator::new(2);
    let mut alice = Phone::new(1, bob.issue(1));
    let (state, message_1) = alice.begin(&bob, at(0));
    let message_2 = bob.first(&message_1, at(0)).unwrap();
    let late = state.receive(&message_2, Duration::from_secs(60), &mut alice.random);
    assert_eq!(late.unwrap_err().error, Message2Error::Late);

    let (_, hers, agreed) = run(&mut alice, &mut bob, at(1));
    assert!(hers.spend(Duration::from_secs(600)).is_ok());
    let over = agreed.psk.spend(Duration::from_secs(601)).unwrap_err();
    assert_eq!(over, PskExpired);
}

#[test]
fn debug_shows_no_secret() {
    let mut bob = Operator::new(2);
    let mut alice = Phone::new(1, bob.issue(1));
    let (state, _) = alice.begin(&bob, at(0));
    let shown = format!("{state:?}");
    assert_eq!(shown, format!("AwaitMessage2(operator: {})", bob.id));
    let (_, hers, _) = run(&mut alice, &mut bob, at(1));
    let shown = format!("{hers:?}");
    assert_eq!(shown, format!("Psk(Client, {})", hers.identity()));
    let shown = format!("{:?}", hers.spend(Duration::ZERO).unwrap());
    assert_eq!(shown, "PskSecret(32 octets)");
}
