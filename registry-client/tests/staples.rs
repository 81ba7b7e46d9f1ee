//! Records that travel with what proves them: nobody is asked, and nothing is believed that is not proven.
#![expect(
    clippy::unwrap_used,
    reason = "a test's helpers may panic as the test may"
)]

mod world;

use callseal_devchain::{Counted, DevBeacon, DevChain};
use callseal_registry_client::{
    EvidenceError, LiveRegistry, LookUpError, MAX_EVIDENCE_LEN, OutdatedError, OwnStapleError,
    Policy, RegistryConfig, StapleError, number_hash,
};

use crate::world::{World, approve, compressed, deploy, key};

const ALICE: &str = "+8613800000001";
const BOB: &str = "+8613800000002";

type Live = LiveRegistry<Counted<DevBeacon>, Counted<DevChain>>;

/// One operator, who has approved Alice and Bob.
fn world() -> World<1> {
    World::new([&[ALICE, BOB]])
}

impl World<1> {
    fn phone(&self) -> Live {
        self.phone_of(self.registries[0].config())
    }

    /// A phone that is up to date.
    fn phone_of(&self, config: RegistryConfig) -> Live {
        let nodes = [("node".to_owned(), self.counted(self.chain.clone()))];
        let mut phone = LiveRegistry::new(config, self.light(), nodes, Policy::default());
        phone.sync(self.beacon.now()).unwrap();
        phone
    }

    /// What the owner of a number hands over.
    fn staple(&self, number: &str) -> Vec<u8> {
        let now = self.beacon.now();
        let own = self.phone().own_staple(number, &key(number), now);
        own.unwrap().octets
    }

    fn asked(&self) -> u64 {
        self.asked.reset()
    }
}

#[test]
fn both_sides_of_a_call_are_proven_and_no_node_is_asked() {
    let world = world();
    let now = world.beacon.now();
    let [mut alice, mut bob] = [world.phone(), world.phone()];
    let own = [
        alice.own_staple(ALICE, &key(ALICE), now).unwrap(),
        bob.own_staple(BOB, &key(BOB), now).unwrap(),
    ];
    assert!(own.iter().all(|own| own.octets.len() <= MAX_EVIDENCE_LEN));
    assert!(world.asked() > 0);

    let [alices, bobs] = own.map(|own| own.octets);
    let at_alice = alice.look_up_stapled(BOB, &key(BOB), &bobs, now).unwrap();
    let at_bob = bob
        .look_up_stapled(ALICE, &key(ALICE), &alices, now)
        .unwrap();
    for (found, number) in [(&at_alice, BOB), (&at_bob, ALICE)] {
        assert_eq!(found.staple, Some(Ok(())));
        assert!(found.answer.is_about(number));
        let record = found.answer.clone().into_record().unwrap();
        assert!(record.is_in_force());
        assert_eq!(record.value().key, key(number));
    }
    assert_eq!(world.asked(), 0);

    // What was handed over answers later questions too, and our own is kept.
    assert!(alice.look_up(BOB, now).unwrap().was_kept);
    assert_eq!(
        alice.own_staple(ALICE, &key(ALICE), now).unwrap().octets,
        alices
    );
    assert_eq!(world.asked(), 0);
}

#[test]
fn a_staple_is_younger_than_what_the_verifier_knows_or_older() {
    let world = world();
    let mut behind = world.phone();
    world.beacon.finalize();
    let older = world.staple(BOB);
    world.beacon.finalize();
    let now = world.beacon.now();
    let mut ahead = world.phone();
    world.asked();
    for phone in [&mut behind, &mut ahead] {
        assert!(phone.verify_staple(BOB, &key(BOB), &older, now).is_ok());
    }
    assert_eq!(world.asked(), 0);
}

#[test]
fn no_octet_can_be_another_even_where_the_honest_staple_is_known() {
    let world = world();
    let (now, staple) = (world.beacon.now(), world.staple(BOB));
    let mut phone = world.phone();
    phone.verify_staple(BOB, &key(BOB), &staple, now).unwrap();
    world.asked();
    for at in 0..staple.len() {
        let mut lie = staple.clone();
        lie[at] ^= 1 << (at % 8);
        let refused = phone.verify_staple(BOB, &key(BOB), &lie, now);
        assert!(refused.is_err(), "octet {at}");
    }
    for len in 0..staple.len() {
        assert!(
            phone
                .verify_staple(BOB, &key(BOB), &staple[..len], now)
                .is_err()
        );
    }
    let mut longer = staple;
    longer.push(0);
    assert!(phone.verify_staple(BOB, &key(BOB), &longer, now).is_err());
    assert_eq!(world.asked(), 0);
}

#[test]
fn what_is_refused_leads_to_a_look_up_and_to_no_trust() {
    let world = world();
    let now = world.beacon.now();
    let mut lie = world.staple(BOB);
    *lie.last_mut().unwrap() ^= 1;
    world.asked();
    let found = world
        .phone()
        .look_up_stapled(BOB, &key(BOB), &lie, now)
        .unwrap();
    assert!(matches!(found.staple, Some(Err(StapleError::Evidence(_)))));
    assert!(world.asked() > 0);
    assert_eq!(found.answer.into_record().unwrap().value().key, key(BOB));

    // Whoever is nobody's subscriber proves nothing with somebody else's.
    let alices = world.staple(ALICE);
    let stranger = "+8613899999999";
    let found = world
        .phone()
        .look_up_stapled(stranger, &key(ALICE), &alices, now)
        .unwrap();
    assert!(matches!(found.staple, Some(Err(_))));
    assert!(found.answer.into_record().is_none());
}

#[test]
fn another_numbers_staple_and_another_key_are_refused() {
    let world = world();
    let (now, alices) = (world.beacon.now(), world.staple(ALICE));
    let mut phone = world.phone();
    let refused = phone.verify_staple(BOB, &key(ALICE), &alices, now);
    assert!(matches!(
        refused,
        Err(StapleError::Evidence(EvidenceError::LookUp(
            LookUpError::Slots(_)
        )))
    ));
    let refused = phone.verify_staple(ALICE, &key(BOB), &alices, now);
    assert_eq!(refused, Err(StapleError::AnotherKey));
}

#[test]
fn another_operators_registry_vouches_for_nobody_here() {
    let world = world();
    // One like ours in everything, at another address, and run by whoever wanted to.
    let [operator, wallet] = [0, 3].map(|index| world.chain.account(index));
    let theirs = deploy(&world.chain, operator);
    approve(&theirs, operator, wallet, BOB, &[9; 32]);
    world.beacon.finalize();
    let now = world.beacon.now();
    let mallory = compressed(&[9; 32]);
    let mut at_theirs = world.phone_of(theirs.config());
    let staple = at_theirs.own_staple(BOB, &mallory, now).unwrap().octets;
    let refused = world.phone().verify_staple(BOB, &mallory, &staple, now);
    assert!(matches!(
        refused,
        Err(StapleError::Evidence(EvidenceError::LookUp(
            LookUpError::Account { .. }
        )))
    ));
}

#[test]
fn an_old_staple_is_refused() {
    let world = world();
    let (now, staple) = (world.beacon.now(), world.staple(BOB));
    let mut phone = world.phone();
    let limit = Policy::default().max_age.as_secs();
    assert!(
        phone
            .verify_staple(BOB, &key(BOB), &staple, now + limit / 2)
            .is_ok()
    );
    let refused = phone.verify_staple(BOB, &key(BOB), &staple, now + limit);
    assert!(matches!(
        refused,
        Err(StapleError::Evidence(EvidenceError::Anchor(_)))
    ));
}

#[test]
fn a_lower_revision_than_one_that_was_seen_is_refused() {
    let world = world();
    let before = world.staple(BOB);
    let hash = number_hash(BOB).unwrap();
    let operator = world.chain.account(0);
    world.registries[0]
        .revoke_by_operator(operator, hash)
        .unwrap();
    world.beacon.finalize();
    let now = world.beacon.now();

    // Whoever has not heard of the revocation takes it, for as long as it is young.
    let mut unaware = world.phone();
    assert!(unaware.verify_staple(BOB, &key(BOB), &before, now).is_ok());
    // Whoever has heard of it does not, whichever way.
    let mut aware = world.phone();
    aware.look_up(BOB, now).unwrap();
    let seen = aware.seen_revision(BOB).unwrap();
    assert_eq!(seen.revision, 2);
    let mut told = world.phone();
    told.remember(seen);
    let outdated = OutdatedError { seen: 2, got: 1 };
    for phone in [&mut aware, &mut told] {
        let refused = phone.verify_staple(BOB, &key(BOB), &before, now);
        assert_eq!(refused, Err(StapleError::Outdated(outdated)));
    }
    // And the owner has nothing to hand over any more.
    let own = world.phone().own_staple(BOB, &key(BOB), now);
    assert_eq!(own, Err(OwnStapleError::NotInForce));
}

#[test]
fn what_is_handed_over_is_renewed_once_its_block_is_half_an_hour_old() {
    let world = world();
    let mut bob = world.phone();
    let begun = world.beacon.now();
    let first = bob.own_staple(BOB, &key(BOB), begun).unwrap();
    world.beacon.pass_periods(1);
    let renew_age = Policy::default().renew_age.as_secs();
    world.asked();
    let until = first.answer.timestamp() + renew_age;
    let same = bob.own_staple(BOB, &key(BOB), until - 1).unwrap();
    assert_eq!((same, world.asked()), (first.clone(), 0));
    let later = until + 1;
    world.beacon.pass_to(later);
    let renewed = bob.own_staple(BOB, &key(BOB), later);
    let renewed = renewed.unwrap();
    assert!(renewed.answer.block_number() > first.answer.block_number());
    assert_ne!(renewed.octets, first.octets);
    assert!(world.asked() > 0);
}

#[test]
fn nobody_hands_over_a_record_with_another_key_than_their_own() {
    let world = world();
    let now = world.beacon.now();
    let own = world.phone().own_staple(BOB, &key(ALICE), now);
    assert_eq!(own, Err(OwnStapleError::AnotherKey));
}

#[test]
fn one_that_committees_signed_which_are_not_known_leads_to_a_look_up() {
    let world = world();
    let mut behind = world.phone();
    world.beacon.pass_periods(3);
    let (now, staple) = (world.beacon.now(), world.staple(BOB));
    let refused = behind.verify_staple(BOB, &key(BOB), &staple, now);
    assert!(matches!(
        refused,
        Err(StapleError::Evidence(EvidenceError::Update(_)))
    ));
    let found = behind
        .look_up_stapled(BOB, &key(BOB), &staple, now)
        .unwrap();
    assert!(found.staple.unwrap().is_err());
    // Which brought the committees.
    assert!(behind.verify_staple(BOB, &key(BOB), &staple, now).is_ok());
}
