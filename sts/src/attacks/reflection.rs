//! Reflection: Alice calls Bob, Eve plays everything back to Alice, and Alice
//! ends in a call with herself.
//!
//! R. Bird et al., *Systematic Design of Two-Party Authentication Protocols*,
//! CRYPTO 1991; W. Diffie, P. van Oorschot, M. Wiener, *Authentication and
//! Authenticated Key Exchanges*, 1992, §5 on symmetry.

use super::*;
use crate::defences::{Defences, without};
use crate::initiator::M2Error;

/// Eve carries every message from Alice to Alice. What Alice holds as caller
/// and as callee.
fn eve_holds_up_a_mirror() -> Option<(Established, Established)> {
    let mut random = Seeded::new(2);
    let (await_m2, m1) = alice_calls(BOB, &mut random);
    let (await_m3, m2) = answer(ALICE, &m1, &mut random).ok()?;
    let presented = await_m2.receive(&m2).ok()?;
    // The registry rightly vouches that Alice's key is Alice's.
    let (await_m4, m3) = presented.accept(&vouched(ALICE), &mut random).ok()?;
    let (callee, m4) = await_m3.receive(&m3).ok()?.accept(&vouched(ALICE)).ok()?;
    Some((established(&await_m4, &m4)?, callee))
}

fn nobody_looks_who_answers(defences: &mut Defences) {
    defences.answer_is_from_the_called = false;
    defences.own_identity_is_refused = false;
}

#[test]
fn it_succeeds_where_nobody_looks_who_answers() {
    let (caller, callee) = without(nobody_looks_who_answers, eve_holds_up_a_mirror).unwrap();
    assert!(same_keys(&caller, &callee));
    assert_eq!(*caller.peer(), identity(ALICE));
}

/// Refusing one's own identity and insisting on the number called: each stops
/// it alone.
#[test]
fn either_look_alone_stops_it() {
    let only_own = |defences: &mut Defences| defences.answer_is_from_the_called = false;
    assert!(without(only_own, eve_holds_up_a_mirror).is_none());
    let only_called = |defences: &mut Defences| defences.own_identity_is_refused = false;
    assert!(without(only_called, eve_holds_up_a_mirror).is_none());
}

#[test]
fn it_fails_against_ours() {
    assert!(eve_holds_up_a_mirror().is_none());
    let mut random = Seeded::new(3);
    let (await_m2, m1) = alice_calls(BOB, &mut random);
    let (_, m2) = answer(ALICE, &m1, &mut random).unwrap();
    assert_eq!(await_m2.receive(&m2).unwrap_err(), M2Error::OwnIdentity);
}
