//! Nonces that others use, that a fork frees, and that a node invents.

use super::*;
use crate::service::{PayAgainError, Purpose};

fn foreign_nonce_takes_the_payments_place(trial: &mut Trial, person: &Subscriber) {
    trial.node.set(|faults| faults.drops = 1);
    assert_eq!(trial.tell(person), Ok(()));
    let _ = trial.worker.step();
    trial.world.steal_nonces(1);
    trial.go_on(6);
    let payment = trial.status(person).payment;
    assert!(matches!(payment, Payment::Lost(_)), "{payment:?}");
    assert!(trial.store.outbox().unwrap().is_empty());
}

#[test]
fn a_payment_whose_nonce_another_transaction_has_is_lost_and_stops_nobody_else() {
    let mut trial = Trial::new(100);
    let (person, other) = (trial.world.subscriber(1), trial.world.subscriber(2));
    foreign_nonce_takes_the_payments_place(&mut trial, &person);
    trial.enrols(&other);
    // It is never made again by itself, whoever asks.
    assert_eq!(trial.tell(&person), Ok(()));
    trial.go_on(20);
    assert!(matches!(trial.status(&person).payment, Payment::Lost(_)));
    assert_eq!(trial.world.sent(), 3);
}

#[test]
fn a_lost_payment_is_made_again_when_people_want_it_and_no_fork_can_bring_it_back() {
    let mut trial = Trial::new(100);
    let (person, other) = (trial.world.subscriber(1), trial.world.subscriber(2));
    foreign_nonce_takes_the_payments_place(&mut trial, &person);
    let again = |trial: &Trial, of: &Subscriber| trial.store.pay_again(&of.token.hash()).unwrap();
    assert_eq!(again(&trial, &other), Err(PayAgainError::NotLost));
    assert_eq!(again(&trial, &person), Err(PayAgainError::NotFinal));
    trial.node.set(|faults| faults.unfinal = Some(2));
    trial.go_on(3);
    assert_eq!(again(&trial, &person), Ok(()));
    assert_eq!(again(&trial, &person), Err(PayAgainError::NotLost));
    trial.go_on(4);
    assert!(trial.is_paid(&person));
    assert_eq!(trial.world.sent(), 2);
}

#[test]
fn a_payment_that_was_lost_in_a_fork_is_made_as_it_was_signed() {
    let mut trial = Trial::new(100);
    let person = trial.world.subscriber(1);
    foreign_nonce_takes_the_payments_place(&mut trial, &person);
    // The other transaction goes, and every block since.
    assert_eq!(trial.world.chain.rewind(7), 7);
    assert_eq!(trial.world.sent(), 0);
    trial.go_on(6);
    assert!(trial.is_paid(&person));
    assert_eq!(trial.world.sent(), 1);
}

#[test]
fn an_approval_whose_nonce_another_transaction_has_is_made_with_another() {
    let mut trial = Trial::new(100);
    let person = trial.world.subscriber(1);
    assert_eq!(trial.tell(&person), Ok(()));
    trial.go_on(4);
    trial.world.claim(&person);
    trial.node.set(|faults| faults.drops = 1);
    let _ = trial.worker.step();
    assert!(matches!(trial.status(&person).approval, Approval::Sent(_)));
    trial.world.steal_nonces(1);
    trial.go_on(10);
    assert!(trial.world.is_approved(&person));
    assert_eq!(trial.world.sent(), 3);
}

/// What was settled and not final is out again, as it was signed.
#[test]
fn a_fork_deeper_than_the_depth_takes_no_payment_and_stops_nobody_else() {
    let mut trial = Trial::new(100);
    let (person, other) = (trial.world.subscriber(1), trial.world.subscriber(2));
    assert_eq!(trial.tell(&person), Ok(()));
    trial.go_on(4);
    assert!(trial.is_paid(&person));
    assert_eq!(trial.world.chain.rewind(5), 5);
    assert_eq!(trial.world.sent(), 0);
    assert_eq!(trial.tell(&other), Ok(()));
    trial.go_on(6);
    for one in [&person, &other] {
        assert!(trial.is_paid(one));
        let owns = trial.world.chain.balance(one.wallet.address());
        assert_eq!(owns, U256::from(Terms::default().fee_money));
    }
    assert_eq!(trial.world.sent(), 2);
}

#[test]
fn a_fork_deeper_than_the_depth_takes_no_approval() {
    let mut trial = Trial::new(100);
    let person = trial.world.subscriber(1);
    let before = trial.world.chain.head_number();
    trial.enrols(&person);
    // Payment, claim and approval are gone; the phone sends its claim again.
    let blocks = usize::try_from(trial.world.chain.head_number() - before).unwrap();
    assert_eq!(trial.world.chain.rewind(blocks), blocks);
    assert_eq!(trial.world.sent(), 0);
    for _ in 0..16 {
        trial.world.claim(&person);
        trial.go_on(1);
    }
    assert!(trial.world.is_approved(&person));
    let approval = trial.status(&person).approval;
    assert!(matches!(approval, Approval::Settled(_)), "{approval:?}");
    assert!(trial.store.outbox().unwrap().is_empty());
}

/// What was final to the node was not: the nonces that nothing has any more are
/// used by transfers of nothing, and nobody is paid twice.
#[test]
fn nonces_that_nothing_has_are_filled() {
    let mut trial = Trial::new(100);
    let (person, other) = (trial.world.subscriber(1), trial.world.subscriber(2));
    trial.node.set(|faults| faults.unfinal = Some(0));
    assert_eq!(trial.tell(&person), Ok(()));
    trial.go_on(4);
    assert!(trial.is_paid(&person));
    assert!(trial.store.kept().unwrap().is_empty());
    assert_eq!(trial.world.chain.rewind(5), 5);
    assert_eq!(trial.tell(&other), Ok(()));
    trial.go_on(6);
    assert!(trial.is_paid(&other));
    assert_eq!(trial.world.sent(), 2);
    let owns = trial.world.chain.balance(person.wallet.address());
    assert_eq!(owns, U256::ZERO);
}

/// One wrong answer for a nonce, by a node that is honest ever after.
#[test]
fn a_wrong_count_that_what_waits_disproves_is_not_believed() {
    let mut trial = Trial::new(100);
    let person = trial.world.subscriber(1);
    assert_eq!(trial.tell(&person), Ok(()));
    trial.node.set(|faults| faults.nonce = Some(7));
    let _ = trial.worker.step();
    trial.node.set(|faults| faults.nonce = None);
    trial.go_on(4);
    assert!(trial.is_paid(&person));
    assert_eq!(trial.world.sent(), 1);
}

#[test]
fn a_wrong_count_that_was_believed_only_costs_fees_and_time() {
    let mut trial = Trial::new(100);
    let person = trial.world.subscriber(1);
    assert_eq!(trial.tell(&person), Ok(()));
    trial.node.set(|faults| {
        (faults.nonce, faults.nonce_with_waiting) = (Some(7), Some(7));
    });
    let _ = trial.worker.step();
    trial.node.set(|faults| {
        (faults.nonce, faults.nonce_with_waiting) = (None, None);
    });
    trial.go_on(6);
    assert!(trial.is_paid(&person));
    assert_eq!(trial.world.sent(), 8, "seven transfers of nothing");
    trial.enrols(&trial.world.subscriber(2));
}

#[test]
fn a_count_out_of_this_world_is_an_error_and_harms_nothing() {
    let mut trial = Trial::new(100);
    let (person, other) = (trial.world.subscriber(1), trial.world.subscriber(2));
    for (one, count) in [(&person, u64::MAX), (&other, u64::MAX - 1)] {
        assert_eq!(trial.tell(one), Ok(()));
        trial.node.set(|faults| {
            (faults.nonce, faults.nonce_with_waiting) = (Some(count), Some(count));
        });
        let error = trial.worker.step().unwrap_err();
        assert!(matches!(error, WorkError::Nonce { .. }), "{error}");
        trial.node.set(|faults| {
            (faults.nonce, faults.nonce_with_waiting) = (None, None);
        });
        trial.go_on(4);
        assert!(trial.is_paid(one));
    }
    assert_eq!(trial.world.sent(), 2);
}

#[test]
fn a_node_whose_count_lags_makes_nobody_lose_or_pay_anything() {
    let mut trial = Trial::new(100);
    let person = trial.world.subscriber(1);
    trial.enrols(&person);
    for count in [0, 1, 0] {
        trial.node.set(|faults| faults.nonce = Some(count));
        trial.go_on(3);
    }
    trial.node.set(|faults| faults.nonce = None);
    trial.go_on(3);
    assert!(trial.is_paid(&person));
    assert!(trial.store.outbox().unwrap().is_empty());
    assert_eq!(trial.world.sent(), 2);
    let fills = trial.store.kept().unwrap();
    assert!(
        fills
            .iter()
            .all(|(_, kept)| kept.outgoing.purpose != Purpose::Fill)
    );
}
