//! Any altered bit of any message: nobody holds keys because of it, and the
//! handshake still finishes with the true message.

use super::*;
use crate::initiator::{M2Error, M4Error};
use crate::responder::M3Error;
use crate::signature::Signed;
use crate::{Running, SessionHash};

/// Every way to alter a message by one bit.
fn flips(message: &[u8]) -> impl Iterator<Item = Vec<u8>> + '_ {
    (0..message.len() * 8).map(|bit| {
        let mut flipped = message.to_vec();
        flipped[bit / 8] ^= 1 << (bit % 8);
        flipped
    })
}

#[test]
fn no_flipped_bit_gets_through_and_the_true_message_still_does() {
    let mut random = Seeded::new(13);
    let (await_m2, m1) = alice_calls(BOB, &mut random);
    for flipped in flips(&m1) {
        // Bob may answer it: it is as good an M1 as any. Alice never takes
        // that answer for one to hers.
        if let Ok((_, m2)) = answer(BOB, &flipped, &mut random) {
            assert!(await_m2.receive(&m2).is_err());
        }
    }

    let (await_m3, m2) = answer(BOB, &m1, &mut random).unwrap();
    for flipped in flips(&m2) {
        assert!(await_m2.receive(&flipped).is_err());
    }

    let presented = await_m2.receive(&m2).unwrap();
    let (await_m4, m3) = presented.accept(&vouched(BOB), &mut random).unwrap();
    for flipped in flips(&m3) {
        assert!(await_m3.receive(&flipped).is_err());
    }

    let presented = await_m3.receive(&m3).unwrap();
    let (bob, m4) = presented.accept(&vouched(ALICE)).unwrap();
    for flipped in flips(&m4) {
        assert!(await_m4.receive(&flipped).is_err());
    }

    let alice = established(&await_m4, &m4).unwrap();
    assert!(same_keys(&alice, &bob));
}

#[test]
fn no_truncated_or_lengthened_message_gets_through() {
    let mut random = Seeded::new(14);
    let (await_m2, m1) = alice_calls(BOB, &mut random);
    let (await_m3, m2) = answer(BOB, &m1, &mut random).unwrap();
    let presented = await_m2.receive(&m2).unwrap();
    let (await_m4, m3) = presented.accept(&vouched(BOB), &mut random).unwrap();
    let presented = await_m3.receive(&m3).unwrap();
    let (_, m4) = presented.accept(&vouched(ALICE)).unwrap();

    let cuts = |message: &[u8]| {
        let longer = [message, &[0]].concat();
        let mut cuts: Vec<_> = (0..message.len())
            .map(|len| message[..len].to_vec())
            .collect();
        cuts.push(longer);
        cuts
    };
    assert!(
        cuts(&m1)
            .iter()
            .all(|m1| answer(BOB, m1, &mut random).is_err())
    );
    assert!(cuts(&m2).iter().all(|m2| await_m2.receive(m2).is_err()));
    assert!(cuts(&m3).iter().all(|m3| await_m3.receive(m3).is_err()));
    assert!(cuts(&m4).iter().all(|m4| await_m4.receive(m4).is_err()));
}

#[test]
fn no_message_passes_for_another_kind() {
    let mut random = Seeded::new(15);
    let (await_m2, m1) = alice_calls(BOB, &mut random);
    let (await_m3, m2) = answer(BOB, &m1, &mut random).unwrap();
    let presented = await_m2.receive(&m2).unwrap();
    let (await_m4, m3) = presented.accept(&vouched(BOB), &mut random).unwrap();
    let presented = await_m3.receive(&m3).unwrap();
    let (_, m4) = presented.accept(&vouched(ALICE)).unwrap();

    for message in [&m1, &m2, &m3, &m4] {
        for kind in 1..=5 {
            let mut relabelled = message.clone();
            relabelled[1] = kind;
            let is_true = relabelled == *message;
            if !is_true || *message != m2 {
                assert!(await_m2.receive(&relabelled).is_err());
            }
            if !is_true || *message != m3 {
                assert!(await_m3.receive(&relabelled).is_err());
            }
            if !is_true || *message != m4 {
                assert!(await_m4.receive(&relabelled).is_err());
            }
        }
    }
}

#[test]
fn messages_of_another_session_are_told_by_their_ids() {
    let mut random = Seeded::new(16);
    let (await_m2, m1) = alice_calls(BOB, &mut random);
    let (await_m3, m2) = answer(BOB, &m1, &mut random).unwrap();
    let presented = await_m2.receive(&m2).unwrap();
    let (await_m4, m3) = presented.accept(&vouched(BOB), &mut random).unwrap();
    let presented = await_m3.receive(&m3).unwrap();
    let (_, m4) = presented.accept(&vouched(ALICE)).unwrap();

    let renamed = |message: &[u8], at: usize| {
        let mut renamed = message.to_vec();
        renamed[at] ^= 1;
        renamed
    };
    let m2 = await_m2.receive(&renamed(&m2, 2)).unwrap_err();
    assert_eq!(m2, M2Error::OtherSession);
    for at in [2, 10] {
        let m3 = await_m3.receive(&renamed(&m3, at)).unwrap_err();
        assert_eq!(m3, M3Error::OtherSession);
        let m4 = await_m4.receive(&renamed(&m4, at)).unwrap_err();
        assert_eq!(m4, M4Error::OtherSession);
    }
}

#[test]
fn an_m4_whose_mac_is_wrong_is_no_answer_however_well_it_is_sealed() {
    let mut random = Seeded::new(17);
    let (await_m2, m1) = alice_calls(BOB, &mut random);
    let sign = |th_2: &Th2| Signed::by_callee(&identity(BOB), th_2).sign(&key(BOB));
    let (bob, m2) = false_answer(&m1, identity(BOB), sign, &mut random);
    let presented = await_m2.receive(&m2).unwrap();
    let (await_m4, m3) = presented.accept(&vouched(BOB), &mut random).unwrap();
    let (_, after) = bob.open_m3(&m3);

    for (status, mac) in [(0, after.mac(1)), (1, after.mac(0)), (0, [0; 32])] {
        let m4 = bob.m4_with(&after, status, mac, &bob.reveal);
        assert_eq!(await_m4.receive(&m4).unwrap_err(), M4Error::Unauthentic);
    }
    assert!(established(&await_m4, &bob.m4(&after, &bob.reveal)).is_some());
}

#[test]
fn the_epoch_of_the_running_call_is_not_taken_again() {
    let mut random = Seeded::new(18);
    let offer = Offer {
        callee: number(BOB),
        suites: Suites::default(),
        running: Some(Running {
            session_hash: SessionHash::from_bytes([1; 32]),
            epoch: 1,
            peer: identity(BOB),
        }),
        renews: false,
        staples: Staples::default(),
    };
    let (await_m2, m1) = AwaitM2::begin(own(ALICE), offer, &mut random);
    let sign = |th_2: &Th2| Signed::by_callee(&identity(BOB), th_2).sign(&key(BOB));
    let (_, m2) = false_answer(&m1, identity(BOB), sign, &mut random);
    assert_eq!(await_m2.receive(&m2).unwrap_err(), M2Error::EpochInUse(1));
}
