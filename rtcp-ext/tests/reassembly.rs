//! What a reassembler promises: messages come out whole whatever order their
//! fragments take, and a flood neither grows it nor throws out who is under
//! way.
#![allow(
    clippy::unwrap_used,
    reason = "whatever is not as expected fails the test"
)]

use std::net::SocketAddr;
use std::time::Duration;

use callseal_rtcp_ext::{
    Fragment, FragmentError, Limits, MAX_MESSAGE_LEN, Reassembler, ReassemblyError,
};
use callseal_testkit::{Allocations, CountingAllocator, SplitMix64};
use proptest::collection::vec;
use proptest::prelude::*;

#[global_allocator]
static ALLOCATOR: CountingAllocator = CountingAllocator;

const START: Duration = Duration::from_secs(100);
const MS: Duration = Duration::from_millis(1);

fn source(number: u32) -> SocketAddr {
    // Class A addresses, 64 ports each.
    let [_, a, b, c] = (number >> 6).to_be_bytes();
    SocketAddr::from(([10, a, b, c], 5_004 + (number & 63) as u16))
}

fn message(len: usize, seed: u64) -> Vec<u8> {
    let mut octets = vec![0; len];
    SplitMix64::new(seed).fill(&mut octets);
    octets
}

fn first_fragment(octets: &[u8], message_tag: u32) -> Fragment<'_> {
    Fragment::cut(octets, message_tag, None).next().unwrap()
}

/// Room for `messages` of two fragments each, and nothing else to stop them.
fn room_for(messages: usize) -> Limits {
    Limits {
        max_messages: messages,
        max_messages_per_source: messages,
        max_len: messages * 2_048,
        max_len_per_source: messages * 2_048,
        ..Limits::default()
    }
}

#[test]
fn a_single_fragment_leaves_no_state_and_is_never_refused() {
    let octets = message(2_048, 1);
    let mut reassembler = Reassembler::new(room_for(1));
    reassembler
        .push(START, source(1), &first_fragment(&octets, 1))
        .unwrap();
    let single = message(1_024, 2);
    for number in 0..100 {
        let fragment = first_fragment(&single, number);
        assert_eq!(
            reassembler.push(START, source(number), &fragment),
            Ok(Some(single.clone()))
        );
    }
    assert_eq!((reassembler.len(), reassembler.reserved_len()), (1, 2_048));
}

#[test]
fn what_has_completed_leaves_nothing() {
    let octets = message(MAX_MESSAGE_LEN, 1);
    let mut reassembler = Reassembler::new(Limits::default());
    let mut complete = None;
    for fragment in Fragment::cut(&octets, 1, None) {
        assert_eq!(complete, None);
        complete = reassembler.push(START, source(1), &fragment).unwrap();
    }
    assert_eq!(complete, Some(octets));
    assert!(reassembler.is_empty());
    assert_eq!(reassembler.reserved_len(), 0);
    assert_eq!(reassembler.poll_timeout(), None);
}

#[test]
fn a_repetition_of_a_whole_message_completes_again() {
    let octets = message(3_000, 1);
    let mut reassembler = Reassembler::new(Limits::default());
    for _ in 0..3 {
        let results: Vec<_> = Fragment::cut(&octets, 1, None)
            .map(|fragment| reassembler.push(START, source(1), &fragment))
            .collect();
        assert_eq!(results, [Ok(None), Ok(None), Ok(Some(octets.clone()))]);
    }
}

#[test]
fn of_two_fragments_that_differ_the_first_stays() {
    let (octets, forged) = (message(2_048, 1), message(2_048, 2));
    let genuine: Vec<_> = Fragment::cut(&octets, 1, None).collect();
    let mut reassembler = Reassembler::new(Limits::default());
    reassembler.push(START, source(1), &genuine[0]).unwrap();
    assert_eq!(
        reassembler.push(START, source(1), &first_fragment(&forged, 1)),
        Err(ReassemblyError::Conflict { index: 0 })
    );
    assert_eq!(
        reassembler.push(START, source(1), &genuine[1]),
        Ok(Some(octets.clone()))
    );
}

#[test]
fn source_port_tag_and_length_keep_messages_apart() {
    let (octets, longer) = (message(2_048, 1), message(2_049, 1));
    let mut reassembler = Reassembler::new(Limits::default());
    let mut push =
        |from, octets: &[u8], tag| reassembler.push(START, from, &first_fragment(octets, tag));
    let mut other_port = source(1);
    other_port.set_port(9_999);
    push(source(1), &octets, 1).unwrap();
    push(other_port, &octets, 1).unwrap();
    push(source(1), &octets, 2).unwrap();
    push(source(1), &longer, 1).unwrap();
    assert_eq!(reassembler.len(), 4);
}

#[test]
fn a_collection_is_dropped_at_its_age_and_no_earlier() {
    let octets = message(3_000, 1);
    let fragments: Vec<_> = Fragment::cut(&octets, 1, None).collect();
    let limits = Limits::default();
    let mut reassembler = Reassembler::new(limits);
    let end = START + limits.max_age;
    reassembler.push(START, source(1), &fragments[0]).unwrap();
    assert_eq!(reassembler.poll_timeout(), Some(end));
    // Fragments do not prolong it.
    reassembler
        .push(end - MS, source(1), &fragments[1])
        .unwrap();
    assert_eq!(reassembler.poll_timeout(), Some(end));
    reassembler.handle_timeout(end - MS);
    assert_eq!(reassembler.len(), 1);
    reassembler.handle_timeout(end);
    assert!(reassembler.is_empty());
    assert_eq!(
        reassembler.push(end, source(1), &fragments[2]),
        Ok(None),
        "the rest of it begins anew"
    );
}

#[test]
fn time_that_stands_still_or_goes_back_does_no_harm() {
    let octets = message(2_048, 1);
    let fragments: Vec<_> = Fragment::cut(&octets, 1, None).collect();
    let mut reassembler = Reassembler::new(Limits::default());
    reassembler.push(START, source(1), &fragments[0]).unwrap();
    assert_eq!(
        reassembler.push(Duration::ZERO, source(1), &fragments[1]),
        Ok(Some(octets.clone()))
    );
}

#[test]
fn a_source_displaces_only_itself_and_only_after_the_hold() {
    let octets = message(2_048, 1);
    let limits = Limits {
        max_messages_per_source: 2,
        ..room_for(10)
    };
    let mut reassembler = Reassembler::new(limits);
    let begin = |reassembler: &mut Reassembler, now, from, tag| {
        reassembler.push(now, from, &first_fragment(&octets, tag))
    };
    begin(&mut reassembler, START, source(9), 1).unwrap();
    // The older one has the greater tag.
    begin(&mut reassembler, START, source(1), 7).unwrap();
    begin(&mut reassembler, START + MS, source(1), 2).unwrap();
    let held = START + limits.hold;
    assert_eq!(
        begin(&mut reassembler, held - MS, source(1), 3),
        Err(ReassemblyError::SourceFull)
    );
    begin(&mut reassembler, held, source(1), 3).unwrap();
    assert_eq!(reassembler.len(), 3);
    let second = |tag| Fragment::cut(&octets, tag, None).nth(1).unwrap();
    for (from, tag, complete) in [
        (source(9), 1, true),
        (source(1), 2, true),
        (source(1), 3, true),
        (source(1), 7, false),
    ] {
        let result = reassembler.push(held, from, &second(tag)).unwrap();
        assert_eq!(result.is_some(), complete, "{from} {tag}");
    }
}

#[test]
fn a_source_is_bounded_in_octets_as_well() {
    let octets = message(12_000, 1);
    let limits = Limits {
        max_len_per_source: 30_000,
        ..Limits::default()
    };
    let mut reassembler = Reassembler::new(limits);
    let mut begin = |from, tag| reassembler.push(START, from, &first_fragment(&octets, tag));
    assert_eq!(begin(source(1), 1), Ok(None));
    assert_eq!(begin(source(1), 2), Ok(None));
    assert_eq!(begin(source(1), 3), Err(ReassemblyError::SourceFull));
    assert_eq!(begin(source(2), 3), Ok(None));
}

#[test]
fn a_message_longer_than_any_room_is_refused_at_once() {
    let octets = message(9_000, 1);
    for limits in [
        Limits {
            max_message_len: 8_999,
            ..Limits::default()
        },
        Limits {
            max_len: 8_999,
            ..Limits::default()
        },
        Limits {
            max_len_per_source: 8_999,
            ..Limits::default()
        },
    ] {
        let mut reassembler = Reassembler::new(limits);
        assert_eq!(
            reassembler.push(START, source(1), &first_fragment(&octets, 1)),
            Err(ReassemblyError::MessageTooLong { len: 9_000 })
        );
        assert!(reassembler.is_empty());
    }
}

#[test]
fn a_fragment_put_together_wrongly_is_refused() {
    let octets = message(2_048, 1);
    let good = first_fragment(&octets, 1);
    let mut reassembler = Reassembler::new(Limits::default());
    for (wrong, why) in [
        (
            Fragment {
                bytes: &octets[..1_023],
                ..good
            },
            FragmentError::Len {
                len: 1_023,
                expected: 1_024,
            },
        ),
        (
            Fragment { index: 2, ..good },
            FragmentError::Index { index: 2, count: 2 },
        ),
        (
            Fragment { count: 3, ..good },
            FragmentError::Count {
                count: 3,
                total_len: 2_048,
            },
        ),
    ] {
        assert_eq!(
            reassembler.push(START, source(1), &wrong),
            Err(ReassemblyError::Inconsistent(why))
        );
    }
    assert!(reassembler.is_empty());
}

#[test]
fn after_the_hold_the_oldest_goes_first_however_complete_it_is() {
    let octets = message(3_000, 1);
    let fragments: Vec<_> = Fragment::cut(&octets, 1, None).collect();
    let limits = Limits {
        max_len: 3_000 * 3,
        max_len_per_source: 3_000,
        ..room_for(3)
    };
    let mut reassembler = Reassembler::new(limits);
    reassembler.push(START, source(1), &fragments[0]).unwrap();
    reassembler.push(START, source(1), &fragments[1]).unwrap();
    reassembler
        .push(START + MS, source(2), &fragments[0])
        .unwrap();
    reassembler
        .push(START + 2 * MS, source(3), &fragments[0])
        .unwrap();
    let later = START + 2 * limits.hold;
    reassembler.push(later, source(4), &fragments[0]).unwrap();
    assert_eq!(reassembler.len(), 3);
    // The first is gone: what remains of it begins anew, at the cost of the
    // second.
    assert_eq!(reassembler.push(later, source(1), &fragments[2]), Ok(None));
    for (from, complete) in [(2, false), (4, true)] {
        reassembler
            .push(later, source(from), &fragments[1])
            .unwrap_or_default();
        let result = reassembler.push(later, source(from), &fragments[2]);
        assert_eq!(matches!(result, Ok(Some(_))), complete, "{from}");
    }
}

#[test]
fn the_proven_take_the_place_of_the_unproven_at_any_age() {
    let octets = message(2_048, 1);
    let fragments: Vec<_> = Fragment::cut(&octets, 1, None).collect();
    let mut reassembler = Reassembler::new(room_for(4));
    for number in 0..4 {
        reassembler
            .push(START, source(number), &fragments[0])
            .unwrap();
    }
    assert_eq!(
        reassembler.push(START, source(10), &fragments[0]),
        Err(ReassemblyError::Full)
    );
    for number in 10..14 {
        reassembler
            .push_proven(START, source(number), &fragments[0])
            .unwrap();
    }
    // Among the proven the hold rules as among the others.
    assert_eq!(
        reassembler.push_proven(START, source(14), &fragments[0]),
        Err(ReassemblyError::Full)
    );
    // And no age makes them give way to the unproven.
    assert_eq!(
        reassembler.push(START + Duration::from_secs(9), source(15), &fragments[0]),
        Err(ReassemblyError::Full)
    );
    for number in 10..14 {
        let result = reassembler.push(START, source(number), &fragments[1]);
        assert_eq!(result, Ok(Some(octets.clone())));
    }
}

#[test]
fn who_proves_itself_half_way_is_proven_from_then_on() {
    let octets = message(3_000, 1);
    let fragments: Vec<_> = Fragment::cut(&octets, 1, None).collect();
    let limits = Limits {
        max_len: 3_000 * 2,
        max_len_per_source: 3_000,
        ..room_for(2)
    };
    let mut reassembler = Reassembler::new(limits);
    reassembler.push(START, source(1), &fragments[0]).unwrap();
    reassembler
        .push_proven(START, source(1), &fragments[1])
        .unwrap();
    for number in 2..100 {
        let now = START + limits.hold * number;
        if now >= START + limits.max_age {
            break;
        }
        reassembler
            .push(now, source(number), &fragments[0])
            .unwrap();
    }
    assert_eq!(
        reassembler.push(START, source(1), &fragments[2]),
        Ok(Some(octets.clone()))
    );
}

/// The flood comes within one hold: the worst case for who is under way.
#[test]
fn a_million_spoofed_sources_grow_nothing_and_displace_nobody_under_way() {
    let limits = Limits::default();
    let flood = vec![0x55; 4_096];
    let octets = message(2_500, 1);
    let fragments: Vec<_> = Fragment::cut(&octets, 0xbeef, None).collect();
    let victim = SocketAddr::from(([192, 0, 2, 1], 5_005));
    let proven = SocketAddr::from(([192, 0, 2, 2], 5_005));

    let (outcome, seen) = Allocations::during(|| {
        let mut reassembler = Reassembler::new(limits);
        for number in 0..1_000_000_u32 {
            let now = START + Duration::from_nanos(240) * number;
            let _ = reassembler.push(now, source(number), &first_fragment(&flood, number));
            match number {
                10 => assert_eq!(reassembler.push(now, victim, &fragments[1]), Ok(None)),
                500_000 => assert_eq!(reassembler.push(now, victim, &fragments[0]), Ok(None)),
                700_000 => assert_eq!(
                    reassembler.push_proven(now, proven, &fragments[2]),
                    Ok(None)
                ),
                _ => {}
            }
        }
        assert!(reassembler.len() <= limits.max_messages);
        assert!(reassembler.reserved_len() <= limits.max_len);
        reassembler
    });
    let bound = limits.max_len + limits.max_messages * 300;
    assert!(
        seen.live_len() as usize <= bound,
        "{} octets live",
        seen.live_len()
    );

    let mut reassembler = outcome;
    let now = START + limits.hold - MS;
    assert_eq!(
        reassembler.push(now, victim, &fragments[2]),
        Ok(Some(octets.clone()))
    );
    assert_eq!(
        reassembler.push_proven(now, proven, &fragments[0]),
        Ok(None)
    );
    assert_eq!(
        reassembler.push_proven(now, proven, &fragments[1]),
        Ok(Some(octets.clone()))
    );
}

/// A slower flood finds room by displacing: for every one it displaces, it
/// must wait until that one has been held.
#[test]
fn a_slow_flood_lets_newcomers_in() {
    let limits = Limits::default();
    let flood = vec![0x55; 2_048];
    let octets = message(2_048, 1);
    let mut reassembler = Reassembler::new(limits);
    let mut random = SplitMix64::new(1);
    let mut completed = 0;
    // 200 a second: below the 256 that 64 messages and a hold of 250 ms allow.
    for number in 0..5_000_u32 {
        let now = START + 5 * MS * number;
        let _ = reassembler.push(now, source(number), &first_fragment(&flood, number));
        if number % 50 == 49 {
            let from = source(1 << 20 | number);
            let mut fragments: Vec<_> = Fragment::cut(&octets, number, None).collect();
            if random.below(2) == 0 {
                fragments.reverse();
            }
            reassembler.push(now, from, &fragments[0]).unwrap();
            let result = reassembler.push(now + 100 * MS, from, &fragments[1]);
            completed += u32::from(matches!(result, Ok(Some(_))));
        }
    }
    assert_eq!(completed, 100);
}

/// A fragment of some other source's message.
fn other_traffic() -> impl Strategy<Value = (u32, u32, usize, usize, u64)> {
    (
        0..40_u32,
        0..3_u32,
        1_025..MAX_MESSAGE_LEN,
        0..20_usize,
        0..20_u64,
    )
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    #[test]
    fn messages_come_out_whole_in_any_order_with_duplicates(
        lens in vec(1..6_000_usize, 1..6),
        order_seed: u64,
    ) {
        let messages: Vec<_> = lens
            .iter()
            .zip(0_u64..)
            .map(|(len, seed)| message(*len, seed))
            .collect();
        // From two sources, tags alike in pairs.
        let mut traffic: Vec<_> = messages
            .iter()
            .enumerate()
            .flat_map(|(number, octets)| {
                let from = source(number as u32 % 2);
                Fragment::cut(octets, number as u32 / 2, None).map(move |f| (number, from, f))
            })
            .collect();
        let mut random = SplitMix64::new(order_seed);
        for index in (1..traffic.len()).rev() {
            traffic.swap(index, random.below(index as u64 + 1) as usize);
        }
        let mut reassembler = Reassembler::new(Limits::default());
        let mut complete = vec![0; messages.len()];
        for (number, from, fragment) in &traffic {
            let first = reassembler.push(START, *from, fragment);
            let results = if fragment.count > 1 && first == Ok(None) {
                vec![first, reassembler.push(START, *from, fragment)]
            } else {
                vec![first]
            };
            for result in results {
                if let Some(octets) = result.unwrap() {
                    prop_assert_eq!(&octets, &messages[*number]);
                    complete[*number] += 1;
                }
            }
        }
        prop_assert!(complete.iter().all(|count| *count == 1));
        prop_assert!(reassembler.is_empty());
    }

    #[test]
    fn whatever_others_send_within_the_hold_a_message_under_way_completes(
        traffic in vec(other_traffic(), 0..400),
        proven: bool,
    ) {
        let limits = Limits::default();
        let octets = message(5_000, 1);
        let fragments: Vec<_> = Fragment::cut(&octets, 1, None).collect();
        let victim = SocketAddr::from(([192, 0, 2, 1], 5_005));
        let mut reassembler = Reassembler::new(limits);
        let mut now = START;
        // A proven one is safe for as long as it is kept at all.
        let safe_for = if proven {
            reassembler.push_proven(now, victim, &fragments[0]).unwrap();
            limits.max_age
        } else {
            reassembler.push(now, victim, &fragments[0]).unwrap();
            limits.hold
        };
        let filler = vec![0x55; MAX_MESSAGE_LEN];
        for (from, tag, len, index, passed) in traffic {
            let step = Duration::from_millis(passed) * if proven { 20 } else { 1 };
            now = (now + step).min(START + safe_for - MS);
            let others = Fragment::cut(&filler[..len], tag, None).nth(index);
            if let Some(fragment) = others {
                let _ = reassembler.push(now, source(from), &fragment);
            }
            prop_assert!(reassembler.len() <= limits.max_messages);
            prop_assert!(reassembler.reserved_len() <= limits.max_len);
        }
        for fragment in &fragments[1..4] {
            prop_assert_eq!(reassembler.push(now, victim, fragment), Ok(None));
        }
        prop_assert_eq!(reassembler.push(now, victim, &fragments[4]), Ok(Some(octets.clone())));
    }
}
