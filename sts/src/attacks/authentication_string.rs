//! Making the two authentication strings agree.
//!
//! Eve is the worst case: the registry vouches for keys of hers under both
//! Alice's and Bob's number, as it would if the operator helped her. She is in
//! two handshakes at once, and all that can still give her away is that Alice
//! and Bob read different strings to each other.
//!
//! S. Vaudenay, *Secure Communications over Insecure Channels Based on Short
//! Authenticated Strings*, CRYPTO 2005; S. Pasini and S. Vaudenay, PKC 2006;
//! in telephony, the commitment of ZRTP, RFC 6189 §4.4.1.1.
//!
//! The strings are shortened to 8 bits here, so that grinding takes 256 tries
//! and not a million.

use super::*;
use crate::defences::{Defences, without};
use crate::signature::Signed;
use crate::{IdentityKey, Sas};

const BITS: u32 = 8;

fn shortened(sas: Sas) -> u32 {
    sas.bits() >> (Sas::BITS - BITS)
}

/// Eve under somebody's number, as the registry has it thanks to the
/// operator.
fn eve_as(of: u8) -> (Identity, IdentityKey) {
    let key = key(100 + of);
    let identity = Identity {
        number: number(of),
        key: key.public(),
    };
    (identity, key)
}

/// Eve calls Bob as Alice, up to M3.
fn eve_calls_bob(random: &mut Seeded) -> (AwaitM3, FalsePeer, SignatureOctets) {
    let (as_alice, key_as_alice) = eve_as(ALICE);
    let call = FalseCaller::begin(random);
    let (await_m3, m2) = answer(BOB, &call.m1, random).unwrap();
    let (to_bob, callee, _) = call.open_m2(&m2);
    let signed = Signed::by_caller(&as_alice, &callee, to_bob.keys.th_3());
    (await_m3, to_bob, signed.sign(&key_as_alice))
}

/// Eve answers Alice as Bob, up to M4.
fn eve_answers_alice(random: &mut Seeded) -> (AwaitM4, FalsePeer, WithM3) {
    let (as_bob, key_as_bob) = eve_as(BOB);
    let (await_m2, m1) = alice_calls(BOB, random);
    let sign = |th_2: &Th2| Signed::by_callee(&as_bob, th_2).sign(&key_as_bob);
    let (to_alice, m2) = false_answer(&m1, as_bob, sign, random);
    let presented = await_m2.receive(&m2).unwrap();
    let vouched = VerifiedPeerKey::vouch(as_bob);
    let (await_m4, m3) = presented.accept(&vouched, random).unwrap();
    let (_, keys) = to_alice.open_m3(&m3);
    (await_m4, to_alice, keys)
}

fn bob_accepts(await_m3: &AwaitM3, m3: &[u8]) -> Established {
    let (as_alice, _) = eve_as(ALICE);
    let presented = await_m3.receive(m3).unwrap();
    presented
        .accept(&VerifiedPeerKey::vouch(as_alice))
        .unwrap()
        .0
}

/// With a callee's part that is not fixed beforehand: Eve finishes with Bob,
/// and then tries so many reveals for Alice, or until the strings agree. The
/// two strings, and how many M4s with another reveal Alice refused.
fn eve_grinds_the_reveal(seed: u64, tries: u32) -> (u32, u32, u32) {
    let mut random = Seeded::new(seed);
    let (await_m3, to_bob, signature) = eve_calls_bob(&mut random);
    let (as_alice, _) = eve_as(ALICE);
    let (m3, _) = to_bob.m3(as_alice, identity(BOB), signature, &mut random);
    let bob = shortened(bob_accepts(&await_m3, &m3).sas());

    let (await_m4, to_alice, keys) = eve_answers_alice(&mut random);
    let mut refused = 0;
    for _ in 0..tries {
        let reveal = Reveal::draw(&mut random);
        let m4 = to_alice.m4(&keys, &reveal);
        match established(&await_m4, &m4) {
            Some(alice) if shortened(alice.sas()) == bob => return (bob, bob, refused),
            Some(_) => {}
            None => refused += 1,
        }
    }
    // What is left is what she committed to.
    let m4 = to_alice.m4(&keys, &to_alice.reveal);
    let alice = established(&await_m4, &m4).unwrap();
    (shortened(alice.sas()), bob, refused)
}

#[test]
fn a_callee_that_is_not_committed_makes_the_strings_agree() {
    let uncommitted = |defences: &mut Defences| defences.commitment_is_checked = false;
    for seed in 0..4 {
        let (alice, bob, _) = without(uncommitted, || eve_grinds_the_reveal(seed, 4_096));
        assert_eq!(alice, bob);
    }
}

#[test]
fn cve_2016_6271_a_committed_callee_has_one_try() {
    let (_, _, refused) = eve_grinds_the_reveal(0, 512);
    assert_eq!(refused, 512, "not one other reveal is taken");
    let calls = 0..64;
    let agreed = calls.filter(|seed| {
        let (alice, bob, _) = eve_grinds_the_reveal(*seed, 0);
        alice == bob
    });
    // One in 256 is luck; the seeds are fixed.
    assert!(agreed.count() <= 2);
}

/// With a string that is complete before the callee has shown its part: Eve
/// learns Alice's string, and then tries nonces for Bob, without sending
/// anything, until his will agree. The two strings.
fn eve_grinds_the_nonce(seed: u64) -> (u32, u32) {
    let mut random = Seeded::new(seed);
    let (await_m4, to_alice, keys) = eve_answers_alice(&mut random);
    let m4 = to_alice.m4(&keys, &to_alice.reveal);
    let alice = shortened(established(&await_m4, &m4).unwrap().sas());

    let (await_m3, to_bob, signature) = eve_calls_bob(&mut random);
    let (as_alice, _) = eve_as(ALICE);
    let mut best = None;
    for _ in 0..1 << (BITS + 4) {
        let (m3, keys) = to_bob.m3(as_alice, identity(BOB), signature, &mut random);
        // She cannot know Bob's reveal; a guess is all she has.
        let guess = keys.accept().sas(&to_alice.reveal);
        if shortened(guess) == alice {
            best = Some(m3);
            break;
        }
    }
    let bob = bob_accepts(&await_m3, &best.unwrap());
    (alice, shortened(bob.sas()))
}

#[test]
fn a_string_that_the_caller_can_complete_is_made_to_agree() {
    let independent = |defences: &mut Defences| defences.string_depends_on_reveal = false;
    for seed in 20..24 {
        let (alice, bob) = without(independent, || eve_grinds_the_nonce(seed));
        assert_eq!(alice, bob);
    }
}

#[test]
fn a_caller_learns_the_string_too_late_to_choose() {
    let agreed = (20..28)
        .map(eve_grinds_the_nonce)
        .filter(|(alice, bob)| alice == bob)
        .count();
    // One in 256 each is luck; the seeds are fixed.
    assert_eq!(agreed, 0);
}
