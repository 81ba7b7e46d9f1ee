//! The fuzz target's body over its seeds and over mutations of these, the same
//! in every run.

use std::panic;
use std::sync::atomic::{AtomicUsize, Ordering};

use callseal_testkit::{SplitMix64, seeds};

#[expect(unreachable_pub, reason = "the fuzz target includes the same file")]
#[path = "fuzz/c_calls.rs"]
mod c_calls;

static PANICS: AtomicUsize = AtomicUsize::new(0);

#[test]
fn calls_from_c_survive_mutation_and_nothing_panics_inside() {
    // A panic becomes a status at the boundary, so that only the hook sees it.
    let hook = panic::take_hook();
    panic::set_hook(Box::new(move |info| {
        PANICS.fetch_add(1, Ordering::Relaxed);
        hook(info);
    }));
    for (n, seed) in seeds("c_calls").iter().enumerate() {
        c_calls::c_calls(seed);
        let mut random = SplitMix64::new(n as u64);
        for _ in 0..60 {
            c_calls::c_calls(&mutated(seed, &mut random));
        }
    }
    assert_eq!(PANICS.load(Ordering::Relaxed), 0);
}

/// A few octets changed, cut off, put in or doubled.
fn mutated(seed: &[u8], random: &mut SplitMix64) -> Vec<u8> {
    let mut data = seed.to_vec();
    for _ in 0..=random.below(12) {
        let at = random.below(data.len() as u64 + 1) as usize;
        match random.below(8) {
            0 => data.truncate(at.max(60)),
            1 => data.insert(at, random.next_u64() as u8),
            2 if data.len() < 1_000 => data.extend_from_within(at..),
            _ if at < data.len() => data[at] = random.next_u64() as u8,
            _ => {}
        }
    }
    data
}
