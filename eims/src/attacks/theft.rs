//! Stolen tokens and borrowed names.

use super::*;
use crate::book::{BookUnavailable, TokenBook};
use crate::{BeginError, VerifyError};

#[test]
fn a_stolen_token_is_refused_with_another_phone_once_it_is_bound() {
    let mut bob = Operator::new(2);
    let mut alice = Phone::new(1, bob.issue(1));
    run(&mut alice, &mut bob, at(0));
    let mut thief = Phone::new(66, bob.issue(1));
    let (_, message_1) = thief.begin(&bob, at(1));
    assert_eq!(
        bob.first(&message_1, at(1)),
        Err(Message1Error::BoundElsewhere)
    );
    assert_eq!(bob.responder.half_open(), 0);
}

#[test]
fn of_two_phones_with_one_token_the_first_to_complete_has_it() {
    let mut bob = Operator::new(2);
    let mut alice = Phone::new(1, bob.issue(1));
    let mut thief = Phone::new(66, bob.issue(1));
    let (hers, message_1) = alice.begin(&bob, at(0));
    let to_alice = bob.first(&message_1, at(0)).unwrap();
    let (his, message_1) = thief.begin(&bob, at(0));
    let to_thief = bob.first(&message_1, at(0)).unwrap();

    let (message_3, _) = alice.go_on(hers, &to_alice);
    bob.third(&message_3, at(0)).unwrap();
    let (message_3, _) = thief.go_on(his, &to_thief);
    let refused = bob.third(&message_3, at(0)).unwrap_err();
    assert_eq!(refused, Message3Error::BoundElsewhere);
    assert_eq!(bob.book.get(&alice.token.hash()).copied(), bound_to(&alice));
}

#[test]
fn a_used_token_is_refused_also_in_the_middle_of_a_run() {
    let mut bob = Operator::new(2);
    let mut alice = Phone::new(1, bob.issue(1));
    let (state, message_1) = alice.begin(&bob, at(0));
    let message_2 = bob.first(&message_1, at(0)).unwrap();
    bob.book.insert(alice.token.hash(), Standing::Used);
    let (message_3, _) = alice.go_on(state, &message_2);
    let refused = bob.third(&message_3, at(0)).unwrap_err();
    assert_eq!(refused, Message3Error::UsedToken);
    let (_, message_1) = alice.begin(&bob, at(1));
    assert_eq!(bob.first(&message_1, at(1)), Err(Message1Error::UsedToken));
}

/// Mallory has a token of his own and says that Alice's phone is his.
#[test]
fn nobody_completes_a_run_under_anothers_key() {
    let mut bob = Operator::new(2);
    let alice = Phone::new(1, bob.issue(1));
    let mut mallory = Phone::new(66, bob.issue(2));
    let his = std::mem::replace(&mut mallory.key, alice.key.clone());
    let (state, message_1) = mallory.begin(&bob, at(0));
    let message_2 = bob.first(&message_1, at(0)).unwrap();
    // He has not her secret, so what he can try is his own.
    let state = state.with_phone_key(his);
    let refused = state.receive(&message_2, Duration::ZERO, &mut mallory.random);
    let error = refused.unwrap_err().error;
    assert_eq!(error, crate::Message2Error::Authentication);
    assert!(bob.book.is_empty());
}

#[test]
fn a_token_that_is_not_good_begins_nothing() {
    let mut bob = Operator::new(2);
    let mut mallory = Operator::new(66);
    mallory.id = bob.id;
    let mut forger = Phone::new(66, mallory.issue(1));
    let (_, message_1) = forger.begin(&bob, at(0));
    assert_eq!(
        bob.first(&message_1, at(0)),
        Err(VerifyError::Signature.into())
    );
    let mut alice = Phone::new(1, bob.issue(1));
    let (_, message_1) = alice.begin(&bob, at(1_000_000));
    let expired = VerifyError::Expired {
        expires: NOON + 1_000_000,
    };
    assert_eq!(bob.first(&message_1, at(1_000_000)), Err(expired.into()));
    assert_eq!(bob.responder.half_open(), 0);
}

#[test]
fn a_phone_shows_its_token_to_nobody_but_the_operator_it_is_of() {
    let (bob, mallory) = (Operator::new(2), Operator::new(66));
    let token = bob.issue(1);
    let begin = Begin {
        token: &token,
        phone_key: &SealingKey::from_bytes([1; 32]),
        operator: mallory.id,
        sealing_key: mallory.sealing.public(),
    };
    let refused = AwaitMessage2::begin(begin, at(0), &mut Seeded(1)).unwrap_err();
    assert_eq!(refused, BeginError::ForeignToken { found: bob.id });
}

#[test]
fn keys_of_low_order_and_the_operators_own_are_refused() {
    let mut bob = Operator::new(2);
    let token = bob.issue(1);
    for low in [0, 1] {
        let mut sealing_key = SealingPublicKey([0; 32]);
        sealing_key.0[0] = low;
        let begin = Begin {
            token: &token,
            phone_key: &SealingKey::from_bytes([1; 32]),
            operator: bob.id,
            sealing_key,
        };
        let refused = AwaitMessage2::begin(begin, at(0), &mut Seeded(1)).unwrap_err();
        assert_eq!(refused, BeginError::NoSealingKey);
    }
    let mut mirror = Phone::new(1, bob.issue(1));
    mirror.key = bob.sealing.clone();
    let (_, message_1) = mirror.begin(&bob, at(0));
    assert_eq!(
        bob.first(&message_1, at(0)),
        Err(Message1Error::UnusablePhoneKey)
    );
    let message_1 = message_1_with_phone_key(&bob, SealingPublicKey([0; 32]));
    assert_eq!(
        bob.first(&message_1, at(0)),
        Err(Message1Error::UnusablePhoneKey)
    );
    assert_eq!(bob.responder.half_open(), 0);
}

#[test]
fn a_book_that_fails_changes_nothing_and_the_phone_sends_again() {
    struct Broken;
    impl TokenBook for Broken {
        fn standing(&self, _: &TokenHash) -> Result<Standing, BookUnavailable> {
            Err(BookUnavailable)
        }
        fn bind(
            &mut self,
            _: &TokenHash,
            _: &SealingPublicKey,
        ) -> Result<Standing, BookUnavailable> {
            Err(BookUnavailable)
        }
    }
    let mut bob = Operator::new(2);
    let mut alice = Phone::new(1, bob.issue(1));
    let (state, message_1) = alice.begin(&bob, at(0));
    let responder = &mut bob.responder;
    let refused = responder.receive_message_1(&message_1, at(0), &Broken, &mut Seeded(1));
    assert_eq!(refused, Err(BookUnavailable.into()));
    assert_eq!(responder.half_open(), 0);
    let message_2 = bob.first(&message_1, at(0)).unwrap();
    let (message_3, _) = alice.go_on(state, &message_2);
    let refused = bob
        .responder
        .receive_message_3(&message_3, at(0), &mut Broken);
    assert_eq!(refused.unwrap_err(), BookUnavailable.into());
    bob.third(&message_3, at(0)).unwrap();
}

fn message_1_with_phone_key(bob: &Operator, phone_key: SealingPublicKey) -> Vec<u8> {
    use crate::messages::{Kind, M1Sealed};
    use crate::transcript::Context;
    use zeroize::Zeroizing;

    let hidden = M1Sealed {
        made: NOON,
        phone_key,
        na: Zeroizing::new([7; 32]),
        token: Zeroizing::new(*bob.issue(1).as_bytes()),
    };
    let mut message_1 = Kind::M1.clear(&bob.sealing.public().0);
    let context = Context::new(Kind::M1, None, &message_1);
    let key = bob.sealing.public();
    let sealed = key.seal(&context, &hidden.to_bytes(), &mut Seeded(5));
    message_1.extend_from_slice(&sealed.unwrap());
    message_1
}
