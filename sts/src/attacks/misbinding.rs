//! Misbinding: a genuine signature or answer, in the wrong call.

use super::*;
use crate::defences::{Defences, without};
use crate::initiator::M2Error;
use crate::signature::Signed;

/// Alice calls Eve, an honest subscriber as far as anybody knows. Eve carries
/// Alice's signature into a call of her own with Bob, naming `meant` as the
/// callee. What Bob holds if he takes Eve for Alice, and whether Eve holds it
/// too.
///
/// G. Lowe, *Breaking and Fixing the Needham-Schroeder Public-Key Protocol*,
/// TACAS 1996; H. Krawczyk, *SIGMA: the 'SIGn-and-MAc' Approach*, CRYPTO
/// 2003, §3 on what a signature has to cover.
fn eve_passes_alice_on(meant: u8) -> Option<(Established, WithM3)> {
    let mut random = Seeded::new(7);
    let (await_m2, m1) = alice_calls(EVE, &mut random);
    let sign = |th_2: &Th2| Signed::by_callee(&identity(EVE), th_2).sign(&key(EVE));
    let (with_alice, m2) = false_answer(&m1, identity(EVE), sign, &mut random);
    let presented = await_m2.receive(&m2).ok()?;
    let (_, m3) = presented.accept(&vouched(EVE), &mut random).ok()?;
    let (signature_of_alice, _) = with_alice.open_m3(&m3);

    let call = FalseCaller::begin(&mut random);
    let (await_m3, m2) = answer(BOB, &call.m1, &mut random).ok()?;
    let (with_bob, _, _) = call.open_m2(&m2);
    let (m3, keys_of_eve) = with_bob.m3(
        identity(ALICE),
        identity(meant),
        signature_of_alice,
        &mut random,
    );
    let (bob, _) = await_m3.receive(&m3).ok()?.accept(&vouched(ALICE)).ok()?;
    Some((bob, keys_of_eve))
}

fn is_won(taken: Option<(Established, WithM3)>) -> bool {
    taken.is_some_and(|(bob, eve)| {
        *bob.peer() == identity(ALICE) && eve.accept().media_keys(bob.suite()) == *bob.media_keys()
    })
}

/// The callee's identity and the transcript (with both ephemeral shares in
/// it) both tie the caller's signature to one call: the weakened handshake
/// lacks both.
#[test]
fn a_signature_that_covers_neither_callee_nor_shares_is_good_in_any_call() {
    let neither = |defences: &mut Defences| {
        defences.signature_names_callee = false;
        defences.signature_covers_transcript = false;
    };
    assert!(without(neither, || is_won(eve_passes_alice_on(BOB))));
}

#[test]
fn the_callees_identity_alone_stops_it() {
    let no_shares = |defences: &mut Defences| defences.signature_covers_transcript = false;
    assert!(!without(no_shares, || is_won(eve_passes_alice_on(BOB))));
}

#[test]
fn the_shares_alone_stop_it() {
    let no_callee = |defences: &mut Defences| defences.signature_names_callee = false;
    assert!(!without(no_callee, || is_won(eve_passes_alice_on(BOB))));
}

/// A name under a signature is worth something only to who compares it.
#[test]
fn a_callee_that_does_not_compare_the_name_is_no_better_off_than_without_it() {
    let uncompared = |defences: &mut Defences| {
        defences.signature_covers_transcript = false;
        defences.callee_is_who_is_meant = false;
    };
    assert!(without(uncompared, || is_won(eve_passes_alice_on(EVE))));
    let compared = |defences: &mut Defences| defences.signature_covers_transcript = false;
    assert!(!without(compared, || is_won(eve_passes_alice_on(EVE))));
}

#[test]
fn no_signature_is_carried_over_into_another_call_of_ours() {
    assert!(!is_won(eve_passes_alice_on(BOB)));
    assert!(!is_won(eve_passes_alice_on(EVE)));
}

/// Alice calls Bob; Eve answers, honestly as Eve. Whom Alice then talks to.
///
/// Lowe's repair of 1996 is the responder's name in the second message; it
/// repairs only where the name is compared with the one that was meant.
fn eve_answers_for_bob() -> Result<Established, M2Error> {
    let mut random = Seeded::new(8);
    let (await_m2, m1) = alice_calls(BOB, &mut random);
    let (await_m3, m2) = answer(EVE, &m1, &mut random).unwrap();
    let presented = await_m2.receive(&m2)?;
    let (await_m4, m3) = presented.accept(&vouched(EVE), &mut random).unwrap();
    let presented = await_m3.receive(&m3).unwrap();
    let (_, m4) = presented.accept(&vouched(ALICE)).unwrap();
    Ok(established(&await_m4, &m4).unwrap())
}

#[test]
fn a_caller_that_does_not_look_who_answers_talks_to_eve() {
    let anybody = |defences: &mut Defences| defences.answer_is_from_the_called = false;
    let alice = without(anybody, eve_answers_for_bob).unwrap();
    assert_eq!(*alice.peer(), identity(EVE));
}

#[test]
fn lowe_1996_our_caller_talks_to_whom_it_called() {
    assert_eq!(
        eve_answers_for_bob().unwrap_err(),
        M2Error::AnsweredByAnother {
            answered_by: number(EVE),
            called: number(BOB),
        }
    );
}
