//! What the registry says decides whether a call is secured.
#![allow(clippy::unwrap_used, reason = "helpers of tests")]

mod phones;

use callseal_endpoint::{Answering, EndReason, Event, Known, Pins};
use callseal_sts::IdentityKey;
use callseal_testkit::Pair;
use phones::*;

/// Neither side ever had keys, and the caller's leg is over.
fn assert_never_secured(pair: &mut Pair<Phone, Phone>) {
    pair.run_to(60 * SECOND, MANY).unwrap();
    assert_eq!((pair.a.secured().len(), pair.b.secured().len()), (0, 0));
    assert_eq!(pair.a.ended(), Some(&EndReason::NotSecured));
    assert_eq!(pair.b.ended(), None, "who listens goes on listening");
    assert!(pair.a.leg.export_keys().is_none() && pair.b.leg.export_keys().is_none());
}

#[test]
fn a_callee_that_the_registry_does_not_know_is_refused_at_once() {
    let world = World::empty();
    world.approve(ALICE, &secret(ALICE));
    let mut pair = world.pair(link(1));
    pair.a.call(pair.now, BOB, B);
    pair.run_to(SECOND, MANY).unwrap();
    assert_eq!(pair.a.ended(), Some(&EndReason::NotSecured));
    assert!(
        pair.a.failures()[0].contains("registry"),
        "{:?}",
        pair.a.failures()
    );
    assert_never_secured(&mut pair);
}

#[test]
fn a_callee_whose_record_is_pending_is_refused() {
    let world = World::empty();
    world.approve(ALICE, &secret(ALICE));
    world.claim(BOB, &secret(BOB));
    let mut pair = world.pair(link(2));
    pair.a.call(pair.now, BOB, B);
    assert_never_secured(&mut pair);
}

#[test]
fn a_callee_with_another_key_than_the_registrys_is_not_believed() {
    let world = World::empty();
    world.approve(ALICE, &secret(ALICE));
    world.approve(BOB, &[0x55; 32]);
    for latency in [MS, 20 * MS, 200 * MS] {
        let mut pair = world.pair(link(3));
        pair.a.node_latency = latency;
        pair.a.call(pair.now, BOB, B);
        assert_never_secured(&mut pair);
        assert!(
            pair.a.failures()[0].contains("M2"),
            "the caller waits for the real callee until its patience is over: {:?}",
            pair.a.failures()
        );
    }
}

#[test]
fn a_caller_that_the_registry_does_not_know_is_told_so() {
    let world = World::empty();
    world.approve(BOB, &secret(BOB));
    let mut pair = world.pair(link(4));
    pair.a.call(pair.now, BOB, B);
    assert_never_secured(&mut pair);
    assert!(
        pair.a.failures()[0].contains("refuses"),
        "{:?}",
        pair.a.failures()
    );
}

#[test]
fn a_caller_with_another_key_than_the_registrys_is_refused() {
    let world = World::empty();
    world.approve(ALICE, &[0x55; 32]);
    world.approve(BOB, &secret(BOB));
    let mut pair = world.pair(link(5));
    pair.a.call(pair.now, BOB, B);
    assert_never_secured(&mut pair);
}

#[test]
fn a_registry_that_cannot_be_verified_refuses_on_either_side() {
    let world = World::new();
    let mut pair = world.pair(link(6));
    pair.a.registry = world.broken_reader().into();
    pair.a.call(pair.now, BOB, B);
    assert_never_secured(&mut pair);

    let mut pair = world.pair(link(6));
    pair.b.registry = world.broken_reader().into();
    pair.a.call(pair.now, BOB, B);
    assert_never_secured(&mut pair);
}

#[test]
fn a_node_that_never_answers_refuses_in_the_end() {
    let mut pair = World::new().pair(link(7));
    pair.a.node_latency = 10_000 * SECOND;
    pair.a.call(pair.now, BOB, B);
    assert_never_secured(&mut pair);
}

#[test]
fn an_answer_about_another_number_vouches_for_nobody() {
    let world = World::new();
    world.approve(CAROL, &secret(CAROL));
    let mut carol = world.phone(CAROL, B, Answering::Anyone);
    // Carol says that she is Bob; her key is registered, for herself.
    let key = IdentityKey::from_bytes(secret(CAROL)).unwrap();
    let config = callseal_endpoint::Config::new(number(BOB), key)
        .mux(true)
        .answering(Answering::Anyone);
    carol = Phone::new(config, B, carol.registry, "carol");
    let mut pair = Pair::new(link(8), world.phone(ALICE, A, Answering::Nobody), carol);
    pair.a.node_latency = 1_000 * SECOND;
    pair.a.call(pair.now, BOB, B);
    pair.run_to(SECOND, MANY).unwrap();
    // The application hands the answer about Carol in as if it were Bob's.
    let about_carol = world.reader().look_up(CAROL);
    pair.a.leg.look_up_done(pair.now, &number(BOB), about_carol);
    pair.run_to(60 * SECOND, MANY).unwrap();
    assert_eq!(pair.a.secured().len(), 0);
}

#[test]
fn an_answer_that_was_not_asked_for_changes_nothing() {
    let world = World::new();
    let mut pair = world.pair(link(9));
    let answer = world.reader().look_up(BOB);
    pair.a.leg.look_up_done(pair.now, &number(BOB), answer);
    pair.a.call(pair.now, BOB, B);
    pair.run_until(MANY, |pair| pair.a.leg.is_secured())
        .unwrap();
}

fn with_pin(world: &World, address: &str, own: &str, pinned: &str, key: [u8; 32]) -> Phone {
    let key = IdentityKey::from_bytes(key).unwrap().public();
    let pins: Pins = [(number(pinned), key)].into_iter().collect();
    let config = config(own, Answering::Anyone).pins(pins);
    Phone::new(config, address, world.reader(), own)
}

#[test]
fn a_changed_key_is_reported_before_the_call_counts_as_secure() {
    let world = World::new();
    for accept in [true, false] {
        // Alice remembers another key of Bob's.
        let alice = with_pin(&world, A, ALICE, BOB, [0x33; 32]);
        let mut pair = Pair::new(link(10), alice, world.phone(BOB, B, Answering::Anyone));
        pair.a.call(pair.now, BOB, B);
        pair.run_to(SECOND, MANY).unwrap();
        assert!(!pair.a.leg.is_secured() && !pair.b.leg.is_secured());
        let asked = pair.a.events.iter().any(|event| {
            matches!(event, Event::KeyChanged { number: whose, .. } if *whose == number(BOB))
        });
        assert!(asked);
        if accept {
            pair.a.leg.accept_changed_key(pair.now, &identity(BOB));
            pair.run_to(3 * SECOND, MANY).unwrap();
            assert_eq!(pair.a.secured()[0].known, Known::ChangedKey);
            assert_eq!(
                pair.a.leg.pins().get(&number(BOB)),
                Some(&pair.a.secured()[0].peer.key)
            );
        } else {
            pair.a.leg.refuse_changed_key(pair.now, &identity(BOB));
            assert_never_secured(&mut pair);
            assert_ne!(
                pair.a.leg.pins().get(&number(BOB)),
                Some(&IdentityKey::from_bytes(secret(BOB)).unwrap().public()),
                "a refused key is not remembered"
            );
        }
    }
}

#[test]
fn a_callee_asks_about_a_changed_key_too() {
    let world = World::new();
    for accept in [true, false] {
        let bob = with_pin(&world, B, BOB, ALICE, [0x33; 32]);
        let mut pair = Pair::new(link(11), world.phone(ALICE, A, Answering::Nobody), bob);
        pair.a.call(pair.now, BOB, B);
        pair.run_to(SECOND, MANY).unwrap();
        assert!(!pair.b.leg.is_secured());
        if accept {
            pair.b.leg.accept_changed_key(pair.now, &identity(ALICE));
            pair.run_until(MANY, |pair| pair.a.leg.is_secured())
                .unwrap();
            assert_eq!(pair.b.secured()[0].known, Known::ChangedKey);
        } else {
            pair.b.leg.refuse_changed_key(pair.now, &identity(ALICE));
            assert_never_secured(&mut pair);
        }
    }
}

#[test]
fn a_remembered_key_is_no_question() {
    let world = World::new();
    let alice = with_pin(&world, A, ALICE, BOB, secret(BOB));
    let mut pair = Pair::new(link(12), alice, world.phone(BOB, B, Answering::Anyone));
    pair.a.call(pair.now, BOB, B);
    pair.run_until(MANY, |pair| pair.a.leg.is_secured())
        .unwrap();
    assert_eq!(pair.a.secured()[0].known, Known::SameKey);
}

#[test]
fn who_expects_somebody_turns_everybody_else_away() {
    let world = World::new();
    world.approve(CAROL, &secret(CAROL));
    let bob = world.phone(BOB, B, Answering::Only(number(CAROL)));
    let mut pair = Pair::new(link(13), world.phone(ALICE, A, Answering::Nobody), bob);
    pair.a.call(pair.now, BOB, B);
    assert_never_secured(&mut pair);
    let turned_away = pair.b.events.iter().any(
        |event| matches!(event, Event::TurnedAway { identity } if identity.number == number(ALICE)),
    );
    assert!(turned_away);

    let bob = world.phone(BOB, B, Answering::Only(number(CAROL)));
    let mut pair = Pair::new(link(13), world.phone(CAROL, A, Answering::Nobody), bob);
    pair.a.call(pair.now, BOB, B);
    pair.run_until(MANY, |pair| pair.a.leg.is_secured())
        .unwrap();
}

#[test]
fn who_answers_nobody_gives_no_answer() {
    let world = World::new();
    let bob = world.phone(BOB, B, Answering::Nobody);
    let mut pair = Pair::new(link(14), world.phone(ALICE, A, Answering::Nobody), bob);
    pair.link.tap();
    pair.a.call(pair.now, BOB, B);
    assert_never_secured(&mut pair);
    let from_bob = B.parse().unwrap();
    assert!(
        pair.link
            .tapped()
            .iter()
            .all(|datagram| datagram.from != from_bob)
    );
}
