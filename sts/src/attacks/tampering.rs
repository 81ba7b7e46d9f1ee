//! Any altered bit of any message: nobody holds keys because of it, and the
//! handshake still finishes with the true message.

use super::*;

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
