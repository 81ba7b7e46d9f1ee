//! Old secrets that have become known, and keys that are replaced.

use super::*;
use crate::messages::{Kind, M2Sealed};
use crate::transcript::{Context, Transcript};

/// Denning and Sacco's question: what a thief of one run's nonces can do with
/// its messages later.
#[test]
fn the_nonces_of_an_old_run_open_no_new_one() {
    let mut bob = Operator::new(2);
    let mut alice = Phone::new(1, bob.issue(1));
    let ([first, second, _], old, _) = run(&mut alice, &mut bob, at(0));
    let message = Kind::M2.parse(&second).unwrap();
    let context = Context::new(Kind::M2, Some(Transcript::begin(&first)), message.clear);
    let opened = alice.key.open(&context, message.sealed).unwrap();
    let known = M2Sealed::parse(&opened).unwrap();

    // The old message 1 begins nothing; and in a new run, the old nonce is not
    // what Bob waits for, sealed as well as Alice would.
    assert_eq!(bob.first(&first, at(1)), Err(Message1Error::Replayed));
    let (state, message_1) = alice.begin(&bob, at(1));
    let message_2 = bob.first(&message_1, at(1)).unwrap();
    let th_1 = Transcript::begin(&message_1);
    let mut forged = Kind::M3.clear(&th_1.0);
    let context = Context::new(Kind::M3, Some(th_1.and(&message_2)), &forged);
    let sealed = bob
        .sealing
        .public()
        .seal(&context, &*known.nb, &mut Seeded(9));
    forged.extend_from_slice(&sealed.unwrap());
    let refused = bob.third(&forged, at(1)).unwrap_err();
    assert_eq!(refused, Message3Error::Authentication);

    let (message_3, new) = alice.go_on(state, &message_2);
    bob.third(&message_3, at(1)).unwrap();
    assert_ne!(secret(new), secret(old));
}

#[test]
fn runs_under_a_key_that_is_replaced_at_once_end() {
    let mut bob = Operator::new(2);
    let mut alice = Phone::new(1, bob.issue(1));
    let (state, message_1) = alice.begin(&bob, at(0));
    let message_2 = bob.first(&message_1, at(0)).unwrap();
    let (message_3, _) = alice.go_on(state, &message_2);
    let signers = TokenSigners::new(bob.signing.public());
    let new = SealingKey::from_bytes([3; 32]);
    bob.responder.set_keys(ResponderKeys::new(new, signers));
    let refused = bob.third(&message_3, at(0)).unwrap_err();
    assert_eq!(refused, Message3Error::UnknownSealingKey);
    let (_, message_1) = alice.begin(&bob, at(0));
    let refused = bob.first(&message_1, at(0)).unwrap_err();
    assert_eq!(refused, Message1Error::UnknownSealingKey);
    assert!(bob.book.is_empty());
}

#[test]
fn the_sealing_key_before_is_good_until_its_overlap_ends() {
    let mut bob = Operator::new(2);
    let mut alice = Phone::new(1, bob.issue(1));
    let signers = TokenSigners::new(bob.signing.public());
    let keys = ResponderKeys::new(SealingKey::from_bytes([3; 32]), signers)
        .with_previous(bob.sealing.clone(), NOON + 5);
    bob.responder.set_keys(keys);
    run(&mut alice, &mut bob, at(4));
    let (_, message_1) = alice.begin(&bob, at(5));
    let refused = bob.first(&message_1, at(5)).unwrap_err();
    assert_eq!(refused, Message1Error::UnknownSealingKey);
}
