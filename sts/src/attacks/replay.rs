//! Replay: old messages, across sessions and within one.

use callseal_testkit::Conditions;

use super::*;
use crate::defences::without;
use crate::phone::{MS, S, address, pair};
use crate::responder::M3Error;

/// Eve plays the caller's messages of an old call to Bob once more. What Bob
/// holds then.
///
/// D. Denning and G. Sacco, *Timestamps in Key Distribution Protocols*, CACM
/// 1981: whoever accepts old messages gets an old key. Here the callee's own
/// draw for each M1 is what makes old messages old.
fn eve_plays_an_old_call() -> Result<(Established, Established), M3Error> {
    let mut random = Seeded::new(5);
    let (await_m2, m1) = alice_calls(BOB, &mut random);
    let (await_m3, m2) = answer(BOB, &m1, &mut random).unwrap();
    let presented = await_m2.receive(&m2).unwrap();
    let (_, m3) = presented.accept(&vouched(BOB), &mut random).unwrap();
    let (then, _) = await_m3.receive(&m3)?.accept(&vouched(ALICE)).unwrap();

    // Alice is long gone.
    let (await_m3, _) = answer(BOB, &m1, &mut random).unwrap();
    let (_, session) = await_m3.sessions();
    let mut m3 = m3;
    m3[10..18].copy_from_slice(session.as_bytes());
    let (now, _) = await_m3.receive(&m3)?.accept(&vouched(ALICE)).unwrap();
    Ok((then, now))
}

#[test]
fn an_old_call_is_taken_for_a_new_one_by_a_callee_that_draws_nothing_afresh() {
    let stale = without(
        |defences| defences.callee_draws_afresh = false,
        eve_plays_an_old_call,
    );
    let (then, now) = stale.unwrap();
    assert!(same_keys(&then, &now), "an old key, for a call with nobody");
    assert_eq!(*now.peer(), identity(ALICE));
}

#[test]
fn an_old_call_is_nothing_to_ours() {
    assert_eq!(eve_plays_an_old_call().unwrap_err(), M3Error::Unauthentic);
}

/// Eve repeats M3 of a call that stands. How often Bob is given its keys.
///
/// M. Vanhoef and F. Piessens, *Key Reinstallation Attacks*, CCS 2017: keys
/// that are installed again start over with their counters, and the same
/// keystream covers two packets.
fn eve_repeats_m3() -> Vec<Established> {
    let mut pair = pair(6, Conditions::perfect().delay(20 * MS));
    pair.link.tap();
    pair.a.call(pair.now, BOB);
    pair.run_to(S, 100).unwrap();
    let sent = pair.link.tapped().to_vec();
    // Long enough after for a renewal to be taken, and before the stored M4
    // is forgotten.
    let later = 15 * S;
    for datagram in sent.iter().filter(|datagram| datagram.to == address(BOB)) {
        pair.link
            .send(later, datagram.from, datagram.to, &datagram.bytes);
    }
    pair.run_to(later + S, 100).unwrap();
    let all = pair.b.established.drain(..);
    all.map(|(_, established)| established).collect()
}

#[test]
fn keys_are_installed_twice_by_a_callee_that_takes_m3_twice() {
    let twice = without(
        |defences| {
            defences.keys_are_released_once = false;
            defences.epochs_are_used_once = false;
        },
        eve_repeats_m3,
    );
    assert_eq!(twice.len(), 2);
    assert!(same_keys(&twice[0], &twice[1]));
}

#[test]
fn each_of_two_defences_alone_has_keys_installed_once() {
    let once = without(
        |defences| defences.keys_are_released_once = false,
        eve_repeats_m3,
    );
    assert_eq!(once.len(), 1);
    let once = without(
        |defences| defences.epochs_are_used_once = false,
        eve_repeats_m3,
    );
    assert_eq!(once.len(), 1);
}

#[test]
fn keys_are_installed_once_by_ours() {
    assert_eq!(eve_repeats_m3().len(), 1);
}
