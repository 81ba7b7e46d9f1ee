//! The ephemeral shares: a third party's, and such as make no secret.

use super::*;
use crate::defences::{Defences, without};
use crate::initiator::M2Error;
use crate::share::tests::low_order_shares;

/// Eve between Alice and Bob puts her own share in place of either's, and
/// passes their signatures on. What Alice, Bob and Eve (to each side) hold.
///
/// W. Diffie and M. Hellman's exchange of 1976 has no answer to this; signing
/// both exponentials is the Station-to-Station protocol of W. Diffie, P. van
/// Oorschot and M. Wiener, 1992.
fn eve_in_the_middle() -> Option<([Established; 2], [WithM3; 2])> {
    let mut random = Seeded::new(9);
    let (await_m2, m1) = alice_calls(BOB, &mut random);

    let call = FalseCaller::begin(&mut random);
    let (await_m3, m2) = answer(BOB, &call.m1, &mut random).ok()?;
    let (to_bob, callee, signature_of_bob) = call.open_m2(&m2);

    let (to_alice, m2) = false_answer(&m1, callee, |_| signature_of_bob, &mut random);
    let presented = await_m2.receive(&m2).ok()?;
    let (await_m4, m3) = presented.accept(&vouched(BOB), &mut random).ok()?;
    let (signature_of_alice, keys_to_alice) = to_alice.open_m3(&m3);

    let (m3, keys_to_bob) = to_bob.m3(
        identity(ALICE),
        identity(BOB),
        signature_of_alice,
        &mut random,
    );
    let (bob, _) = await_m3.receive(&m3).ok()?.accept(&vouched(ALICE)).ok()?;
    let m4 = to_alice.m4(&keys_to_alice, &to_alice.reveal);
    let alice = established(&await_m4, &m4)?;
    Some(([alice, bob], [keys_to_alice, keys_to_bob]))
}

#[test]
fn a_third_partys_share_succeeds_where_signatures_do_not_cover_the_shares() {
    let uncovered = |defences: &mut Defences| defences.signature_covers_transcript = false;
    let ([alice, bob], [to_alice, to_bob]) = without(uncovered, eve_in_the_middle).unwrap();
    assert_eq!(*alice.peer(), identity(BOB));
    assert_eq!(*bob.peer(), identity(ALICE));
    // Eve holds the keys of both and can read and write what she likes.
    let to_alice = to_alice.accept().media_keys(alice.suite());
    let to_bob = to_bob.accept().media_keys(bob.suite());
    assert_eq!(to_alice, *alice.media_keys());
    assert_eq!(to_bob, *bob.media_keys());
}

#[test]
fn a_third_partys_share_fails_against_ours() {
    assert!(eve_in_the_middle().is_none());
}

/// A faulty or hostile phone calls Bob with a share of low order; a listener
/// on the wire, who knows no secret at all, reads along. What Bob holds and
/// what the listener computes.
///
/// C. Lim and P. Lee, *A Key Recovery Attack on Discrete Log-based Schemes
/// Using a Prime Order Subgroup*, CRYPTO 1997; RFC 7748 §6.1 on the check.
fn a_phone_gives_the_call_away(share: &[u8; 32]) -> Option<(Established, WithM3)> {
    let mut random = Seeded::new(10);
    // What comes of a share of low order is zero, whatever the secret is.
    let zero = || EphemeralSecret::draw(Group::X25519, &mut Stale).agree(&[0; 32]);
    let secret = EphemeralSecret::draw(Group::X25519, &mut random);
    let call = FalseCaller::begin_with(secret, share, &mut random);
    let (await_m3, m2) = answer(BOB, &call.m1, &mut random).ok()?;

    let (phone, callee, _) = read_m2(&zero()?, &call.m1, &m2);
    assert_eq!(callee, identity(BOB), "the listener learns who answers");
    let by_alice =
        crate::signature::Signed::by_caller(&identity(ALICE), &callee, phone.keys.th_3());
    let signature = by_alice.sign(&key(ALICE));
    let (m3, _) = phone.m3(identity(ALICE), callee, signature, &mut random);
    let (bob, _) = await_m3.receive(&m3).ok()?.accept(&vouched(ALICE)).ok()?;

    // The listener has M1, M2 and M3 from the wire, and nothing else.
    let (listener, _, _) = read_m2(&zero()?, &call.m1, &m2);
    let (_, keys) = listener.open_m3(&m3);
    Some((bob, keys))
}

#[test]
fn a_share_of_low_order_opens_the_call_to_every_listener_where_it_is_not_refused() {
    let unchecked = |defences: &mut Defences| defences.low_order_is_refused = false;
    for share in low_order_shares() {
        let (bob, listener) = without(unchecked, || a_phone_gives_the_call_away(&share)).unwrap();
        let overheard = listener.accept().media_keys(bob.suite());
        assert_eq!(overheard, *bob.media_keys());
    }
}

#[test]
fn a_share_of_low_order_gets_no_answer_of_ours() {
    let mut random = Seeded::new(11);
    for share in low_order_shares() {
        let secret = EphemeralSecret::draw(Group::X25519, &mut random);
        let call = FalseCaller::begin_with(secret, &share, &mut random);
        let refused = answer(BOB, &call.m1, &mut random).unwrap_err();
        assert_eq!(refused, M1Error::Share);
    }
}

#[test]
fn an_answer_with_a_share_of_low_order_is_ignored_by_ours() {
    let mut random = Seeded::new(12);
    let (await_m2, m1) = alice_calls(BOB, &mut random);
    let (_, m2) = answer(BOB, &m1, &mut random).unwrap();
    for share in low_order_shares() {
        let mut parsed = M2::parse(&m2).unwrap();
        parsed.share = &share;
        let altered = parsed.to_bytes();
        assert_eq!(await_m2.receive(&altered).unwrap_err(), M2Error::Share);
    }
    assert!(await_m2.receive(&m2).is_ok(), "the true one is still good");
}
