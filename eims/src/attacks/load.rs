//! What an operator keeps is bounded, and given back.

use super::*;
use crate::messages::Kind;
use crate::runs::HalfOpen;

#[test]
fn half_open_runs_are_bounded_and_given_up_after_a_minute() {
    let limits = Limits {
        half_open: 3,
        known: 5,
        known_per_token: 8,
    };
    let mut bob = Operator::with_limits(2, limits);
    let begin = |bob: &Operator, serial: u8, now| {
        let mut phone = Phone::new(serial, bob.issue(serial.into()));
        let (state, message_1) = phone.begin(bob, now);
        (phone, state, message_1)
    };
    for serial in 0..3 {
        let (_, _, message_1) = begin(&bob, serial, at(0));
        bob.first(&message_1, at(0)).unwrap();
    }
    let (_, _, message_1) = begin(&bob, 3, at(59));
    assert_eq!(bob.first(&message_1, at(59)), Err(Message1Error::Busy));
    bob.first(&message_1, at(60)).unwrap();
    assert_eq!(bob.responder.half_open(), 1);
    let (_, _, message_1) = begin(&bob, 4, at(60));
    bob.first(&message_1, at(60)).unwrap();
    // Five are known, of which three are over.
    let (_, _, message_1) = begin(&bob, 5, at(599));
    assert_eq!(bob.first(&message_1, at(600)), Err(Message1Error::Busy));
    bob.first(&message_1, at(601)).unwrap();
}

#[test]
fn runs_with_one_token_are_bounded_and_stand_in_no_others_way() {
    let mut bob = Operator::new(2);
    let mut alice = Phone::new(1, bob.issue(1));
    for _ in 0..8 {
        run(&mut alice, &mut bob, at(0));
    }
    let (_, message_1) = alice.begin(&bob, at(500));
    assert_eq!(
        bob.first(&message_1, at(500)),
        Err(Message1Error::TooManyRuns)
    );
    let mut carol = Phone::new(3, bob.issue(3));
    run(&mut carol, &mut bob, at(500));
    bob.first(&message_1, at(601)).unwrap();
}

#[test]
fn a_half_open_run_takes_less_than_700_octets() {
    assert!(size_of::<HalfOpen>() + Kind::M2.len() < 700);
}
