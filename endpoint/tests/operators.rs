//! Calls between subscribers of different operators.
#![allow(clippy::unwrap_used, reason = "helpers of tests")]

mod phones;

use callseal_devchain::DevChain;
use callseal_endpoint::{Answering, EndReason, Event};
use callseal_registry_client::{Operator, Operators, Registries};
use callseal_testkit::Pair;
use phones::*;

/// Alice's operator and Bob's, each with a contract and a chain of its own.
fn two_operators() -> [World; 2] {
    let worlds = [World::on_chain(1_001), World::on_chain(1_002)];
    worlds[0].approve(ALICE, &secret(ALICE));
    worlds[1].approve(BOB, &secret(BOB));
    worlds
}

fn operator(name: &str, world: &World) -> Operator {
    Operator {
        name: name.into(),
        registry: world.registry.config(),
    }
}

/// A reader for whom each number is of the operator in the same place.
fn reader(worlds: &[World; 2], numbers: [&str; 2]) -> Registries<DevChain> {
    let operators = Operators::default()
        .with(operator("North", &worlds[0]), [], [numbers[0]])
        .unwrap()
        .with(operator("South", &worlds[1]), [], [numbers[1]])
        .unwrap();
    Registries::new(operators, |operator| {
        let world = &worlds[usize::from(operator.name == "South")];
        Some((world.chain.head(), [("node".into(), world.chain.clone())]))
    })
}

fn pair(worlds: &[World; 2], caller: Registries<DevChain>) -> Pair<Phone, Phone> {
    let caller = Phone::new(config(ALICE, Answering::Nobody), A, caller, ALICE);
    let of_all = reader(worlds, [ALICE, BOB]);
    let callee = Phone::new(config(BOB, Answering::Anyone), B, of_all, BOB);
    Pair::new(link(1), caller, callee)
}

fn both_secured(pair: &mut Pair<Phone, Phone>) -> bool {
    pair.a.leg.is_secured() && pair.b.leg.is_secured()
}

#[test]
fn subscribers_of_two_operators_call_each_other() {
    let worlds = two_operators();
    let mut pair = pair(&worlds, reader(&worlds, [ALICE, BOB]));
    pair.a.call(pair.now, BOB, B);
    pair.run_until(MANY, both_secured).unwrap();
    assert_eq!(pair.a.secured()[0].peer.number, number(BOB));
    assert_eq!(pair.b.secured()[0].peer.number, number(ALICE));
    assert_eq!(pair.a.secured()[0].sas, pair.b.secured()[0].sas);
}

/// Alice's own operator has approved a key of its own for Bob's number, and
/// answers in his place.
#[test]
fn an_operator_that_vouches_for_anothers_number_is_not_asked() {
    let worlds = two_operators();
    worlds[0].approve(BOB, &[0x66; 32]);
    let impostor = || {
        let key = callseal_sts::IdentityKey::from_bytes([0x66; 32]).unwrap();
        let config = callseal_endpoint::Config::new(number(BOB), key)
            .mux(true)
            .answering(Answering::Anyone);
        Phone::new(config, B, reader(&worlds, [ALICE, BOB]), "impostor")
    };
    let mut asked = pair(&worlds, reader(&worlds, [ALICE, BOB]));
    asked.b = impostor();
    asked.a.call(asked.now, BOB, B);
    asked.run_to(60 * SECOND, MANY).unwrap();
    assert!(asked.a.secured().is_empty() && asked.b.secured().is_empty());

    // For one who gives that operator all numbers, the key is Bob's.
    let mut believed = pair(&worlds, worlds[0].reader().into());
    believed.b = impostor();
    believed.a.call(believed.now, BOB, B);
    believed.run_until(MANY, both_secured).unwrap();
}

#[test]
fn a_number_of_no_operator_is_not_looked_up_anywhere_and_gets_no_call() {
    let worlds = two_operators();
    let mut pair = pair(&worlds, reader(&worlds, [ALICE, CAROL]));
    pair.a.call(pair.now, BOB, B);
    pair.run_to(60 * SECOND, MANY).unwrap();
    assert_eq!(pair.a.ended(), Some(&EndReason::NotSecured));
    assert!(pair.b.secured().is_empty());
    let asked = |event: &Event| matches!(event, Event::LookUp { number: it } if *it == number(BOB));
    assert!(pair.a.events.iter().any(asked));
    let refused = pair.a.registry.look_up(BOB).unwrap_err();
    assert_eq!(
        refused.to_string(),
        "the number belongs to no operator that is configured"
    );
}
