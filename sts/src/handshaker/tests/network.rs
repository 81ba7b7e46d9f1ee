//! Whatever the network does.

use core::time::Duration;

use callseal_testkit::{Conditions, Pair, Peer as _};
use proptest::prelude::*;

use crate::messages::MessageKind;
use crate::phone::{MS, Phone, S, address, config, pair, share_keys};

/// Whoever holds keys as a caller holds them together with the callee.
///
/// The reverse cannot be had: the last message may always be lost, so a
/// callee may hold keys that its caller never learns of.
fn every_callers_keys_are_the_callees(caller: &Phone, callee: &Phone) -> bool {
    let as_caller = caller
        .established
        .iter()
        .filter(|(_, established)| established.role() == crate::Role::Caller);
    as_caller.into_iter().all(|(_, one)| {
        callee.established.iter().any(|(_, other)| {
            one.session_hash() == other.session_hash()
                && one.media_keys() == other.media_keys()
                && one.sas() == other.sas()
                && one.epoch() == other.epoch()
                && other.role() == crate::Role::Callee
        })
    })
}

fn rough() -> impl Strategy<Value = Conditions> {
    (0.0..0.6, 0.0..0.5, 0.0..0.5, 0.0..0.1, 0_u64..200).prop_map(
        |(loss, duplication, reordering, corruption, delay)| {
            Conditions::perfect()
                .delay(Duration::from_millis(delay))
                .loss(loss)
                .duplication(duplication)
                .reorder(reordering, 700 * MS)
                .corruption(corruption)
        },
    )
}

fn both_ways(pair: &mut Pair<Phone, Phone>, [to_a, to_b]: [Conditions; 2]) {
    pair.link.set_conditions_to(address(1), to_a);
    pair.link.set_conditions_to(address(2), to_b);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn a_caller_never_holds_keys_that_the_callee_does_not(
        seed in any::<u32>(),
        conditions in [rough(), rough()],
        verdicts_take in [0_u64..3_000, 0_u64..3_000],
        b_calls_after in prop::option::of(0_u64..2_000),
    ) {
        let mut pair = pair(u64::from(seed), Conditions::perfect());
        both_ways(&mut pair, conditions);
        pair.a.verdict_takes = Duration::from_millis(verdicts_take[0]);
        pair.b.verdict_takes = Duration::from_millis(verdicts_take[1]);
        pair.a.call(pair.now, 2);
        if let Some(after) = b_calls_after {
            pair.run_to(Duration::from_millis(after), 10_000).unwrap();
            // Refused where phone 1 waits for an answer already.
            let _ = pair.b.handshaker.call(pair.now, address(1), crate::phone::number(1));
            pair.b.look(pair.now);
        }
        pair.run_to(300 * S, 10_000).unwrap();

        prop_assert!(every_callers_keys_are_the_callees(&pair.a, &pair.b));
        prop_assert!(every_callers_keys_are_the_callees(&pair.b, &pair.a));
        for phone in [&pair.a, &pair.b] {
            prop_assert!(phone.established.len() <= 2);
            prop_assert_eq!(phone.handshaker.poll_timeout(), None, "nothing is left over");
        }
    }

    #[test]
    fn a_call_over_a_link_that_loses_one_in_five_completes(seed in any::<u32>()) {
        let lossy = Conditions::perfect()
            .delay(40 * MS)
            .jitter(20 * MS)
            .loss(0.2)
            .duplication(0.1)
            .reorder(0.1, 300 * MS);
        let mut pair = pair(u64::from(seed), lossy);
        pair.a.call(pair.now, 2);
        pair.run_to(60 * S, 10_000).unwrap();
        prop_assert!(share_keys(&pair.a, &pair.b));
        prop_assert_eq!((pair.a.established.len(), pair.b.established.len()), (1, 1));
    }
}

#[test]
fn a_caller_may_change_its_address_between_its_messages() {
    let mut pair = pair(1, Conditions::perfect());
    let homes = [11, 12, 13].map(address);
    pair.a.call(pair.now, 2);

    let (_, m1) = pair.a.poll_transmit(pair.now).unwrap();
    pair.b.handle_datagram(pair.now, homes[0], m1);
    let (to, m2) = pair.b.poll_transmit(pair.now).unwrap();
    assert_eq!(to, homes[0]);

    pair.a.handle_datagram(pair.now, address(2), m2);
    let (_, m3) = pair.a.poll_transmit(pair.now).unwrap();
    pair.b.handle_datagram(pair.now, homes[1], m3.clone());
    let (to, _lost) = pair.b.poll_transmit(pair.now).unwrap();
    assert_eq!(to, homes[1], "M4 goes to where M3 came from");

    let later = pair.now + 150 * MS;
    pair.b.handle_datagram(later, homes[2], m3);
    let (to, m4) = pair.b.poll_transmit(later).unwrap();
    assert_eq!(to, homes[2], "and again to where M3 came from again");
    pair.a.handle_datagram(later, address(2), m4);
    assert!(share_keys(&pair.a, &pair.b));
    assert_eq!(pair.b.established.len(), 1);
}

#[test]
fn a_first_message_from_two_addresses_makes_a_session_for_each() {
    let mut pair = pair(2, Conditions::perfect());
    pair.a.call(pair.now, 2);
    let (_, m1) = pair.a.poll_transmit(pair.now).unwrap();
    // Somebody on the way copies it and sends it from his own address, too.
    pair.b.handle_datagram(pair.now, address(9), m1.clone());
    let (to, stolen) = pair.b.poll_transmit(pair.now).unwrap();
    assert_eq!(to, address(9));
    pair.b.handle_datagram(pair.now, address(1), m1);
    let (to, m2) = pair.b.poll_transmit(pair.now).unwrap();
    assert_eq!(to, address(1));
    assert_ne!(stolen, m2);
    pair.link.send(pair.now, address(2), address(1), &m2);
    pair.run_to(S, 100).unwrap();
    assert!(share_keys(&pair.a, &pair.b));
}

#[test]
fn own_messages_that_come_back_are_ignored() {
    let mut phone = Phone::new(1, config(1), 3);
    phone.call(Duration::ZERO, 2);
    let (_, m1) = phone.poll_transmit(Duration::ZERO).unwrap();
    for from in [address(2), address(9)] {
        phone.handle_datagram(MS, from, m1.clone());
        assert_eq!(phone.poll_transmit(MS), None);
    }
    assert_eq!(phone.sent(MessageKind::M2), 0);
}
