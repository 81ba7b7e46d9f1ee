//! Downgrade: Eve strikes the better suite from Alice's offer.
//!
//! K. Bhargavan et al., *Downgrade Resilience in Key-Exchange Protocols*, IEEE
//! S&P 2016; the practice in D. Adrian et al., *Imperfect Forward Secrecy*
//! (Logjam), CCS 2015.

use super::*;
use crate::defences::{Defences, without};

/// Eve leaves only the worse suite, with its shorter tag, in M1. What Alice
/// and Bob agree on.
fn eve_strikes_a_suite() -> Option<(Established, Established)> {
    let mut random = Seeded::new(4);
    let (await_m2, m1) = alice_calls(BOB, &mut random);
    let mut offer = M1::parse(&m1).unwrap();
    let [better, worse] = Suite::ALL.map(Suite::id);
    assert_eq!(offer.suites, [better, worse]);
    offer.suites = vec![worse];
    let altered = offer.to_bytes();

    let (await_m3, m2) = answer(BOB, &altered, &mut random).ok()?;
    let presented = await_m2.receive(&m2).ok()?;
    let (await_m4, m3) = presented.accept(&vouched(BOB), &mut random).ok()?;
    let (bob, m4) = await_m3.receive(&m3).ok()?.accept(&vouched(ALICE)).ok()?;
    Some((established(&await_m4, &m4)?, bob))
}

/// The transcript is the one place where the offer is bound: the signatures
/// and every key take it from there, so they all miss it together.
fn the_offer_is_not_covered(defences: &mut Defences) {
    defences.transcript_covers_suites = false;
}

#[test]
fn it_succeeds_where_the_transcript_leaves_the_offer_out() {
    let (alice, bob) = without(the_offer_is_not_covered, eve_strikes_a_suite).unwrap();
    assert!(same_keys(&alice, &bob));
    assert_eq!(alice.suite(), Suite::X25519AesCm128HmacSha1_32);
}

#[test]
fn it_fails_against_ours() {
    assert!(eve_strikes_a_suite().is_none());
}
