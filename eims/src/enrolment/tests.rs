//! Enrolments over the embedded chain, with an operator that keeps its books
//! in memory.

mod liar;
mod world;

use alloy_primitives::Bytes;
use callseal_devchain::Transaction;
use proptest::prelude::*;

use self::world::{Mishap, Phone, World, phone};
use super::*;
use crate::{Hold, Wait};

const NUMBER: &str = "+8613800000001";

#[test]
fn an_enrolment_ends_with_the_own_record_read_back() {
    let (mut world, phone) = (World::new(), phone());
    let enrolled = world.run(&phone).unwrap();
    assert!(matches!(enrolled.step(), Step::Enrolled { .. }));
    assert_eq!((world.paid, world.node.sent), (1, 1));
    assert_eq!(world.claims_on_chain(), 1);
    // Once more, there is nothing to do.
    assert_eq!(world.run(&phone).unwrap(), enrolled);
    assert_eq!((world.paid, world.node.sent), (1, 1));
}

#[test]
fn a_crash_at_any_step_is_gone_on_from_and_nothing_is_done_twice() {
    let phone = phone();
    let whole = {
        let mut world = World::new();
        world.run(&phone).unwrap();
        world.effects
    };
    assert!(whole >= 15, "{whole} effects");
    for crash_at in 1..=whole {
        let mut world = World::new();
        world.crash_at = Some(crash_at);
        let enrolled = world.run(&phone).unwrap();
        assert!(matches!(enrolled.step(), Step::Enrolled { .. }));
        assert_eq!(world.paid, 1, "crash at {crash_at}");
        assert_eq!(world.claims_on_chain(), 1, "crash at {crash_at}");
        assert_eq!(world.registry.approved_numbers().unwrap().len(), 1);
    }
}

#[test]
fn a_phone_that_has_lost_its_notes_does_nothing_twice() {
    let phone = phone();
    for lost_at in 1..=6 {
        let mut world = World::new();
        let mut enrolment = world.begin(&phone);
        for _ in 0..lost_at {
            let _ = enrolment.advance(&phone.wallet, &mut world).unwrap();
        }
        world.disk = None;
        world.run(&phone).unwrap();
        assert_eq!(world.paid, 1, "lost after {lost_at}");
        assert_eq!(world.claims_on_chain(), 1, "lost after {lost_at}");
    }
}

#[test]
fn an_operator_whose_books_are_closed_refuses_and_the_record_says_that_all_is_well() {
    let phone = phone();
    let whole = {
        let mut world = World::new();
        world.run(&phone).unwrap();
        world.effects
    };
    for crash_at in 1..=whole {
        let mut world = World::new();
        world.closes_its_books = true;
        world.crash_at = Some(crash_at);
        world.run(&phone).unwrap();
        assert_eq!((world.paid, world.claims_on_chain()), (1, 1));
    }
}

#[test]
fn a_claim_that_offers_too_little_is_replaced_in_its_own_place() {
    let (mut world, phone) = (World::new(), phone());
    world.node.underpriced = 2;
    let enrolled = world.run(&phone).unwrap();
    assert!(matches!(enrolled.step(), Step::Enrolled { .. }));
    assert_eq!(world.node.sent, 3);
    assert_eq!(world.claims_on_chain(), 1);
    assert_eq!(world.chain.nonce(phone.wallet.address()), 1);
}

#[test]
fn a_claim_whose_block_is_forked_away_is_sent_again_as_it_is() {
    let (mut world, phone) = (World::new(), phone());
    world.hold = Some(Hold::TakenBack);
    let waiting = world.run(&phone).unwrap_err();
    assert_eq!(waiting, Waiting::Held(Hold::TakenBack));
    let Step::Claimed(Some(signed)) = world.resume(&phone).step().clone() else {
        panic!("{:?}", world.resume(&phone).step());
    };
    assert_eq!(world.chain.rewind(1), 1);
    assert_eq!(world.claims_on_chain(), 0);
    world.hold = None;
    let mut enrolment = world.resume(&phone);
    let _ = enrolment.advance(&phone.wallet, &mut world).unwrap();
    assert_eq!(enrolment.step(), &Step::Signed(signed.clone()));
    world.run(&phone).unwrap();
    assert_eq!((world.paid, world.claims_on_chain()), (1, 1));
    assert!(world.chain.receipt(signed.hash).is_some());
}

#[test]
fn a_claim_whose_block_is_forked_away_after_the_approval_was_sent_is_sent_again() {
    let (mut world, phone) = (World::new(), phone());
    let mut enrolment = world.begin(&phone);
    while !matches!(enrolment.step(), Step::Approved { .. }) {
        let _ = enrolment.advance(&phone.wallet, &mut world).unwrap();
    }
    // The claim's block, and the approval's.
    assert_eq!(world.chain.rewind(2), 2);
    world.approval = None;
    world.run(&phone).unwrap();
    assert_eq!((world.paid, world.claims_on_chain()), (1, 1));
    assert_eq!(world.chain.nonce(phone.wallet.address()), 1);
}

#[test]
fn a_claim_that_is_held_waits_with_the_reason() {
    let (mut world, phone) = (World::new(), phone());
    world.hold = Some(Hold::HasRecord);
    assert_eq!(world.run(&phone), Err(Waiting::Held(Hold::HasRecord)));
    // The operator's people decide, and the phone goes on.
    world.hold = None;
    world.run(&phone).unwrap();
    assert_eq!((world.paid, world.claims_on_chain()), (1, 1));
}

/// By another way than the service, which goes on saying that it is held.
#[test]
fn a_claim_that_people_approve_by_hand_ends_the_enrolment() {
    let (mut world, phone) = (World::new(), phone());
    world.hold = Some(Hold::TakenBack);
    assert_eq!(world.run(&phone), Err(Waiting::Held(Hold::TakenBack)));
    let claim = world.told.unwrap();
    let record_hash = claim.as_logged().record_hash();
    let account = world.chain.account(0);
    let (number, wallet) = (claim.number_hash, claim.wallet);
    let approved = world
        .registry
        .approve_client(account, number, wallet, record_hash);
    approved.unwrap();
    world.run(&phone).unwrap();
    assert_eq!(world.approval, None);
}

#[test]
fn notes_are_of_one_enrolment_alone() {
    let (mut world, phone) = (World::new(), phone());
    world.run(&phone).unwrap();
    let text = world.disk.clone().unwrap();
    let other = |change: &dyn Fn(&mut Phone)| {
        let mut other = Phone {
            wallet: phone.wallet.clone(),
            identity: phone.identity.clone(),
        };
        change(&mut other);
        world.begin(&other).resumed(&text).unwrap_err().to_string()
    };
    let key = || AccountKey::from_bytes([0x33; 32]).unwrap();
    assert!(other(&|phone| phone.wallet = key()).contains("its wallet is another"));
    assert!(other(&|phone| phone.identity = key()).contains("its identity key is another"));
    let ours = || world.begin(&phone);
    for (text, named) in [
        (text.replacen("enrolment", "shopping", 1), "\"format\""),
        (
            text.replacen("\"version\": 1", "\"version\": 7", 1),
            "version 7",
        ),
        (text.replacen("enrolled", "married", 1), "married"),
        (text[..text.len() / 2].to_owned(), "EOF"),
    ] {
        let error = ours().resumed(&text).unwrap_err().to_string();
        assert!(error.contains(named), "{named}: {error}");
    }
    let signed = {
        let mut enrolment = world.begin(&phone);
        enrolment.step = Step::Signed(SignedCall::new(
            &enrolment.unsigned(
                0,
                crate::Fees {
                    max_per_gas: 2,
                    tip_per_gas: 1,
                },
            ),
            &phone.wallet,
            None,
        ));
        enrolment.to_json().unwrap()
    };
    assert!(ours().resumed(&signed).is_ok());
    let changed = signed.replacen("\"raw\": \"0x02f9", "\"raw\": \"0x02f8", 1);
    let error = ours().resumed(&changed).unwrap_err().to_string();
    assert!(error.contains("signed claim"), "{error}");
    // The notes hold no secret.
    for secret in [phone.wallet.to_bytes(), phone.identity.to_bytes()] {
        assert!(!text.contains(&hex::encode(*secret)));
    }
}

#[test]
fn another_wallets_secret_signs_nothing() {
    let (mut world, phone) = (World::new(), phone());
    let other = AccountKey::from_bytes([0x33; 32]).unwrap();
    let refused = world.begin(&phone).advance(&other, &mut world).unwrap_err();
    assert_eq!(refused, EnrolError::OtherWallet);
    assert_eq!(world.effects, 0);
}

#[test]
fn ether_that_does_not_come_is_waited_for() {
    let (mut world, phone) = (World::new(), phone());
    let mut enrolment = world.begin(&phone);
    let _ = enrolment.advance(&phone.wallet, &mut world).unwrap();
    // The payment is taken out of the wallet again.
    let burn = Transaction {
        from: phone.wallet.address(),
        to: Some(Address::ZERO),
        value: U256::from(10_u64.pow(16) - 10_u64.pow(14)),
        data: Bytes::new(),
    };
    world.chain.transact(burn).unwrap();
    let waiting = enrolment.advance(&phone.wallet, &mut world).unwrap();
    assert!(
        matches!(waiting, Advance::Waiting(Waiting::Funds { .. })),
        "{waiting:?}"
    );
}

#[test]
fn an_operator_without_ether_is_waited_for_and_pays_once() {
    let (mut world, phone) = (World::new(), phone());
    world.is_poor = true;
    let Err(Waiting::Funds { payment, balance }) = world.run(&phone) else {
        panic!("{:?}", world.resume(&phone));
    };
    assert_eq!(
        (payment, balance),
        (Payment::Queued(Wait::Funds), U256::ZERO)
    );
    world.is_poor = false;
    world.run(&phone).unwrap();
    assert_eq!((world.paid, world.claims_on_chain()), (1, 1));
}

#[test]
fn a_node_that_refuses_or_loses_the_claim_is_sent_the_same_again() {
    let (mut world, phone) = (World::new(), phone());
    world.node.full = 3;
    world.node.loses_answers = 1;
    world.run(&phone).unwrap();
    assert_eq!((world.paid, world.claims_on_chain()), (1, 1));
    assert_eq!(world.chain.nonce(phone.wallet.address()), 1);
}

#[test]
fn a_node_that_is_behind_delays_and_makes_nobody_pay_twice() {
    let (mut world, phone) = (World::new(), phone());
    let mut enrolment = world.begin(&phone);
    while !matches!(enrolment.step(), Step::Signed(_)) {
        let _ = enrolment.advance(&phone.wallet, &mut world).unwrap();
    }
    world.node.is_behind = true;
    let waiting = world.run(&phone).unwrap_err();
    assert!(matches!(waiting, Waiting::Block { .. }), "{waiting:?}");
    world.node.is_behind = false;
    world.run(&phone).unwrap();
    assert_eq!((world.paid, world.claims_on_chain()), (1, 1));
    assert_eq!(world.chain.nonce(phone.wallet.address()), 1);
}

#[test]
fn a_stranger_who_claims_the_number_first_delays_nobody_and_is_not_approved() {
    let (mut world, phone) = (World::new(), phone());
    let told = world.begin(&phone).claim;
    let mallory = world.chain.account(3);
    let his_key = AccountKey::from_bytes([0x44; 32]).unwrap();
    let operator = world.operator();
    let number = NUMBER.parse().unwrap();
    let his = Claim::make(operator, number, mallory, &his_key, told.token_hash);
    let send = Transaction::call(mallory, world.registry.address(), his.add_client());
    assert!(world.chain.transact(send).unwrap().succeeded());

    world.run(&phone).unwrap();
    let entry = world.registry.client(told.number_hash).unwrap().unwrap();
    assert_eq!(
        (entry.key, entry.holder),
        (told.compressed_key(), told.wallet)
    );
    assert!(
        world
            .registry
            .pending(told.number_hash, mallory)
            .unwrap()
            .is_some()
    );
}

#[test]
fn an_operator_that_approves_another_is_found_out_by_the_read_back() {
    let (mut world, phone) = (World::new(), phone());
    let mallory = world.chain.account(3);
    let his_key = AccountKey::from_bytes([0x44; 32]).unwrap();
    let (operator, number) = (world.operator(), NUMBER.parse().unwrap());
    let his = Claim::make(operator, number, mallory, &his_key, TokenHash([9; 32]));
    let send = Transaction::call(mallory, world.registry.address(), his.add_client());
    assert!(world.chain.transact(send).unwrap().succeeded());
    world.approves_instead = Some(his);

    let mut enrolment = world.begin(&phone);
    let error = loop {
        match enrolment.advance(&phone.wallet, &mut world) {
            Ok(Advance::Done) => panic!("enrolled, with another's record"),
            Ok(_) => {}
            Err(error) => break error,
        }
    };
    assert!(
        matches!(error, EnrolError::OtherRecord { holder, .. } if holder == mallory),
        "{error:?}"
    );
}

#[test]
fn a_node_that_lies_at_the_last_read_is_not_believed() {
    let (mut world, phone) = (World::new(), phone());
    let mut enrolment = world.begin(&phone);
    while !matches!(enrolment.step(), Step::Approved { .. }) {
        let _ = enrolment.advance(&phone.wallet, &mut world).unwrap();
    }
    world.lies = true;
    let error = enrolment.advance(&phone.wallet, &mut world).unwrap_err();
    assert!(
        matches!(error, EnrolError::Surroundings(Mishap::Unproven(_))),
        "{error:?}"
    );
    assert!(matches!(enrolment.step(), Step::Approved { .. }));
    world.lies = false;
    world.run(&phone).unwrap();
    assert_eq!((world.paid, world.claims_on_chain()), (1, 1));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn whatever_goes_wrong_everybody_is_paid_once_and_claims_once(
        crash_at in 1_usize..40,
        underpriced in 0_usize..3,
        full in 0_usize..3,
        loses_answers in 0_usize..3,
        closes_its_books: bool,
    ) {
        let (mut world, phone) = (World::new(), phone());
        world.crash_at = Some(crash_at);
        world.closes_its_books = closes_its_books;
        world.node.underpriced = underpriced;
        world.node.full = full;
        world.node.loses_answers = loses_answers;
        let enrolled = world.run(&phone).unwrap();
        let is_enrolled = matches!(enrolled.step(), Step::Enrolled { .. });
        prop_assert!(is_enrolled);
        prop_assert_eq!((world.paid, world.claims_on_chain()), (1, 1));
        prop_assert_eq!(world.chain.nonce(phone.wallet.address()), 1);
        // And what is stored is what is so.
        prop_assert_eq!(world.resume(&phone), enrolled);
    }
}
