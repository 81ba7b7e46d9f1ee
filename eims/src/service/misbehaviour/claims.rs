//! Claims that a fork, a node or another claim of the same number hides.

use alloy_primitives::B256;

use super::*;
use crate::service::Purpose;
use crate::service::records::Outgoing;
use crate::service::store::{Due, Settled};
use crate::{LoggedClaim, TokenHash};

/// Both claims are on the chain before either approval is in a block.
#[test]
fn two_tokens_of_a_number_at_once_replace_no_record() {
    let mut trial = Trial::new(100);
    let person = trial.world.subscriber(1);
    let second = trial.second_token(&person);
    assert_eq!(trial.tell(&person), Ok(()));
    assert_eq!(trial.tell(&second), Ok(()));
    trial.go_on(4);
    trial.world.chain.set_automatic(false);
    trial.world.claim(&person);
    trial.world.claim(&second);
    trial.world.chain.mine();
    trial.go_on(6);
    assert_eq!(trial.world.sent(), 3, "two payments, one approval");
    let approvals = [&person, &second].map(|one| trial.status(one).approval);
    let held = Approval::Held(Hold::HasRecord);
    assert_eq!(approvals.iter().filter(|one| **one == held).count(), 1);
    let is_settled = |one: &&Approval| matches!(one, Approval::Settled(_));
    assert_eq!(approvals.iter().filter(is_settled).count(), 1);
}

/// Of two claims of a number, the one whose approval the registry took back
/// leaves the number to the other.
#[test]
fn a_second_token_takes_its_turn_when_the_first_approval_came_to_nothing() {
    let mut trial = Trial::new(100);
    let person = trial.world.subscriber(1);
    let second = trial.second_token(&person);
    assert_eq!(trial.tell(&person), Ok(()));
    assert_eq!(trial.tell(&second), Ok(()));
    trial.go_on(4);
    trial.world.claim(&person);
    trial.node.set(|faults| faults.rejects = true);
    let _ = trial.worker.step();
    assert!(matches!(trial.status(&person).approval, Approval::Sent(_)));
    assert_eq!(trial.world.chain.rewind(1), 1);
    trial.world.claim(&second);
    let _ = trial.worker.step();
    assert_eq!(trial.status(&second).approval, Approval::NoClaim);
    trial.node.set(|faults| faults.rejects = false);
    trial.go_on(10);
    let approval = trial.status(&second).approval;
    assert!(matches!(approval, Approval::Settled(_)), "{approval:?}");
    assert_eq!(trial.status(&person).approval, Approval::NoClaim);
}

/// On the terms that an operator has who says nothing of blocks.
#[test]
fn a_fork_hides_no_claim_by_default() {
    let mut trial = Trial::with_terms(100, |terms| terms.from_block = None);
    let person = trial.world.subscriber(1);
    assert_eq!(trial.tell(&person), Ok(()));
    trial.go_on(5);
    let _ = trial.worker.step();
    assert!(trial.is_paid(&person));
    assert_eq!(trial.world.chain.rewind(2), 2);
    let awaited = trial.store.awaited(None, 9).unwrap();
    assert_eq!(awaited, [person.token.hash()]);
    trial.world.claim(&person);
    for _ in 0..3 {
        trial.world.chain.mine();
    }
    trial.go_on(12);
    assert!(trial.world.is_approved(&person));
    assert!(trial.store.awaited(None, 9).unwrap().is_empty());
}

#[test]
fn a_claim_in_the_last_blocks_is_looked_for_again_by_default() {
    let mut trial = Trial::with_terms(100, |terms| {
        terms.from_block = None;
        terms.depth = 3;
    });
    trial.go_on(5);
    // Whose claim no phone has told: nothing but a log shows it.
    let person = trial.world.subscriber(1);
    let chain = trial.world.chain.clone();
    let gift = Transaction {
        value: U256::from(10_u64.pow(18)),
        ..Transaction::call(chain.account(0), person.wallet.address(), [])
    };
    chain.transact(gift).unwrap();
    // The node that tells the logs is behind the one that tells the head.
    trial.node.set(|faults| faults.hides_logs = true);
    trial.world.claim(&person);
    trial.go_on(2);
    let claims = |trial: &Trial| trial.store.overview().unwrap().claims.len();
    assert_eq!(claims(&trial), 0);
    trial.node.set(|faults| faults.hides_logs = false);
    let _ = trial.worker.step();
    assert_eq!(claims(&trial), 1);
}

#[test]
fn a_claim_that_no_log_shows_is_asked_for() {
    let mut trial = Trial::new(100);
    let people: Vec<_> = (1..=17).map(|seed| trial.world.subscriber(seed)).collect();
    for person in &people {
        assert_eq!(trial.tell(person), Ok(()));
    }
    trial.go_on(5);
    trial.node.set(|faults| faults.hides_logs = true);
    for person in &people {
        trial.world.claim(person);
    }
    trial.go_on(8);
    for person in &people {
        assert!(trial.world.is_approved(person));
    }
    assert_eq!(trial.world.sent(), 34);
}

#[test]
fn approvals_that_are_taken_back_are_three_at_most() {
    let mut trial = Trial::new(100);
    let person = trial.world.subscriber(1);
    assert_eq!(trial.tell(&person), Ok(()));
    trial.go_on(4);
    trial.world.claim(&person);
    let token = person.token.hash();
    for _ in 0..3 {
        let outgoing = |_| Outgoing {
            purpose: Purpose::Approve,
            token: token.0.into(),
            to: Address::ZERO,
            wei: 0,
            data: person.claim.as_logged().approve_client(),
            gas_limit: 0,
            variants: vec![],
        };
        let (due, account) = (
            Due {
                purpose: Purpose::Approve,
                token,
                by_hand: false,
            },
            trial.world.account.address(),
        );
        let signed = trial.store.sign(due, account, 1, outgoing);
        let (slot, outgoing) = signed.unwrap().unwrap();
        let ended = Settled {
            transaction: Default::default(),
            succeeded: false,
            block_number: trial.world.chain.head_number(),
        };
        trial.store.settle(slot, &outgoing, ended).unwrap();
    }
    let held = Approval::Held(Hold::TakenBack);
    assert_eq!(trial.status(&person).approval, held);
    // The claim's log is in a block that is looked at again, and at each look
    // the claim is pending.
    trial.go_on(4);
    assert_eq!(trial.status(&person).approval, held);
    assert!(trial.store.to_approve().unwrap().is_empty());
    assert!(trial.store.outbox().unwrap().is_empty());
}

#[test]
fn a_node_that_tells_logs_of_few_blocks_only_costs_time() {
    let mut trial = Trial::new(100);
    for _ in 0..40 {
        trial.world.chain.mine();
    }
    trial.node.set(|faults| faults.most_blocks = Some(3));
    let person = trial.world.subscriber(1);
    trial.enrols(&person);
}

#[test]
fn a_node_that_tells_no_logs_keeps_nobody_from_being_paid() {
    let mut trial = Trial::new(100);
    trial.node.set(|faults| faults.most_blocks = Some(0));
    let person = trial.world.subscriber(1);
    assert_eq!(trial.tell(&person), Ok(()));
    assert!(matches!(trial.worker.step(), Err(WorkError::Node(_))));
    trial.go_on(4);
    assert!(trial.is_paid(&person));
}

#[test]
fn strangers_who_claim_without_end_fill_no_records() {
    let trial = Trial::new(1);
    let claims: Vec<_> = (0..10_010_u64)
        .map(|index| {
            let claim = LoggedClaim {
                number_hash: B256::left_padding_from(&index.to_be_bytes()),
                sender: Address::repeat_byte(7),
                key: [2; 33],
                token_hash: TokenHash([9; 32]),
            };
            (index, claim)
        })
        .collect();
    let (former, latter) = claims.split_at(10_000);
    trial.store.scanned(0, 9_999, former).unwrap();
    trial.store.scanned(10_000, 10_009, latter).unwrap();
    // The oldest are gone.
    assert!(!trial.store.has_seen(&claims[9].1).unwrap());
    assert!(trial.store.has_seen(&claims[10].1).unwrap());
    assert!(trial.store.has_seen(&claims[10_009].1).unwrap());
    // Blocks are forgotten with what was in them.
    trial.store.scanned(10_005, 10_009, &[]).unwrap();
    assert!(trial.store.has_seen(&claims[10_004].1).unwrap());
    assert!(!trial.store.has_seen(&claims[10_005].1).unwrap());
}
