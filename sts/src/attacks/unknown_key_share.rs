//! Unknown key share: Alice and Bob share a key, and Bob takes it for one
//! that he shares with Eve.
//!
//! S. Blake-Wilson and A. Menezes, *Unknown Key-Share Attacks on the
//! Station-to-Station (STS) Protocol*, PKC 1999: Eve has Alice's public key
//! registered as her own, and puts her own name beside Alice's signature.

use super::*;
use crate::defences::{Defences, without};

/// Eve alters nothing but the name in M3. What Alice and Bob hold in the end,
/// if Bob takes Eve for his caller.
fn eve_takes_credit() -> Option<(Established, Established)> {
    let mut random = Seeded::new(1);
    let (await_m2, m1) = alice_calls(BOB, &mut random);
    let (await_m3, m2) = answer(BOB, &m1, &mut random).ok()?;
    let presented = await_m2.receive(&m2).ok()?;
    let (await_m4, mut m3) = presented.accept(&vouched(BOB), &mut random).ok()?;

    // The sealed part begins with the length of Alice's number, then the
    // number; counter mode lets Eve turn it into hers.
    let names = number(ALICE).as_bytes().to_vec();
    let sealed_number = &mut m3[18 + 1..][..names.len()];
    for (at, octet) in sealed_number.iter_mut().enumerate() {
        *octet ^= names[at] ^ number(EVE).as_bytes()[at];
    }
    // The registry vouches: Eve has had Alice's key registered for herself.
    let eve = Identity {
        number: number(EVE),
        key: key(ALICE).public(),
    };
    let presented = await_m3.receive(&m3).ok()?;
    assert_eq!(*presented.identity(), eve);
    let (bob, m4) = presented.accept(&VerifiedPeerKey::vouch(eve)).ok()?;
    Some((established(&await_m4, &m4)?, bob))
}

fn nothing_binds_the_name(defences: &mut Defences) {
    defences.signature_names_signer = false;
    defences.seal_is_checked = false;
    defences.transcript_covers_sealed = false;
}

#[test]
fn it_succeeds_where_nothing_binds_the_callers_name() {
    let (alice, bob) = without(nothing_binds_the_name, eve_takes_credit).unwrap();
    assert!(same_keys(&alice, &bob));
    assert_eq!(*alice.peer(), identity(BOB));
    assert_eq!(bob.peer().number, number(EVE));
}

/// The signer's identity under the signature, the seal over the identities
/// and the transcript over what is sealed: each stops it alone.
#[test]
fn each_of_three_bindings_alone_stops_it() {
    let put_back: [fn(&mut Defences); 3] = [
        |defences| defences.signature_names_signer = true,
        |defences| defences.seal_is_checked = true,
        |defences| defences.transcript_covers_sealed = true,
    ];
    for put_back in put_back {
        let all_but_one = |defences: &mut Defences| {
            nothing_binds_the_name(defences);
            put_back(defences);
        };
        assert!(without(all_but_one, eve_takes_credit).is_none());
    }
}

#[test]
fn it_fails_against_ours() {
    assert!(eve_takes_credit().is_none());
}
